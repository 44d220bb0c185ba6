"""One numeric specification of a person's planar body.

Plain numbers from which both the optimal-control engine (CasADi) and the OpenSim model are generated, so
the two describe the same body.

Sources
-------
Muscles: `muscles.csv`, `muscle_table.json` (Rajagopal 2016, Lai 2017, lumped by `studies/derive_muscles.py`);
path and fibre lengths scale with the segments they span. Maximal isometric force scales with muscle volume
over fibre length, volume with mass x height (Handsfield et al. 2014, doi 10.1016/j.jbiomech.2013.12.002), and
falls to 70 % between 40 and 75 years (Thelen 2003, doi 10.1115/1.1531112). Radii of gyration and centres of
mass of leg segments: Winter 2009, table 4.1. Passive joint torques: double exponentials after Anderson &
Pandy 2001 (doi 10.1115/1.1392310) with own round numbers; toe stiffness after Falisse et al. 2022 (doi
10.1371/journal.pone.0256311).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import comb

import numpy as np

from gaitlib.body.dimensions import Dimensions, compute_dimensions
from gaitlib.body.parameter_tables import load_muscles, load_segments
from gaitlib.gait import COORDINATES, MUSCLE_GROUPS, SIDES
from gaitlib.person import SPATIAL_GROUPS, Impairment, Person

REFERENCE_MASS_KG, REFERENCE_HEIGHT_M = 75.0, 1.70
"""Body of the generic model whose maximal forces the muscle table holds."""

ACTIVATION_TIME_S, DEACTIVATION_TIME_S = 0.015, 0.060
MAX_CONTRACTION_VELOCITY = 10.0
"""Optimal fibre lengths per second."""
FIBER_DAMPING = 0.05
PASSIVE_STRAIN_AT_MAX_FORCE = 0.6

COMPLIANT_GROUPS = ("gastroc", "soleus")
TENDON_STRAIN_AT_MAX_FORCE = 0.10
"""Achilles tendon at maximal isometric force (Rajagopal et al. 2016); other tendons are rigid."""
RIGID_TENDON_STRETCH = 1.01
"""A rigid tendon has the length that it would have under a typical load (strain law of De Groote 2016)."""

RIGID_STIFFNESS_NM_RAD = {
    "hip_flexion": 40.0,
    "knee_angle": 30.0,
    "ankle_angle": 30.0,
    "lumbar_extension": 40.0,
}
RIGID_NEUTRAL_RAD = {"hip_flexion": 0.15, "knee_angle": 0.25, "ankle_angle": 0.0, "lumbar_extension": 0.0}
RIGID_DAMPING_S = 0.05
"""Rigidity 1 adds this stiffness around a slightly flexed posture, and damping = stiffness times this time.

Assumed sizes: of the order of the passive stiffness of healthy joints in mid-range (Silder et al. 2007,
doi 10.1016/j.jbiomech.2006.12.017) and a few times more; no published joint stiffness of walking people
with Parkinson's disease was found.
"""


CONTRACTED_RATE, CONTRACTED_DEG = 20.0, 20.0
"""A contracture of this size (degrees) makes a soft stop of hip as steep (1/rad) as those of knee and ankle;
assumed: a clinical end feel is reached within a few degrees."""
CONTRACTED_SHARE = 0.15
"""Fibres shortened by this share have none of the slack left that a structure adds to a tendon; assumed."""
ANKLE_PLAY_DEG = 30.0
"""What an equinus contracture leaves to plantarflexion, at least (degrees)."""


@dataclass(frozen=True)
class Body:
    """A rigid segment and the joint that carries it; lengths in m, mass in kg, inertia in kg m^2.

    `com_m` and `inertia_kgm2` (about the centre of mass, z axis) lie in the body's frame, whose origin is
    the joint; `location_m` is the joint in the parent's frame. The x and y axes of child and parent
    coincide at zero angle.
    """

    name: str
    parent: str
    coordinates: tuple[str, ...]
    location_m: tuple[float, float]
    mass_kg: float
    com_m: tuple[float, float]
    inertia_kgm2: float


@dataclass(frozen=True)
class Muscle:
    """A muscle group; `path_scale` times the table's path, `tendon_length_m` of a compliant tendon slack,
    `turn_rad` by how much the femoral neck, and what inserts near it, is turned out against the knee.
    """

    name: str
    group: str
    joints: tuple[str, ...]
    max_isometric_force_n: float
    optimal_fiber_length_m: float
    tendon_length_m: float
    pennation_rad: float
    path_scale: float
    compliant: bool
    passive_strain: float = PASSIVE_STRAIN_AT_MAX_FORCE
    turn_rad: float = 0.0


@dataclass(frozen=True)
class Sphere:
    """A contact sphere under a foot, in its body's frame (m)."""

    name: str
    body: str
    location_m: tuple[float, float]
    radius_m: float


@dataclass(frozen=True)
class PassiveTorque:
    """Passive torque of a joint (N m): two exponential stops, a linear spring and a damper.

    tau = stop exp(-rate (q - lower)) - stop exp(rate (q - upper)) - stiffness (q - neutral) - damping v
    """

    coordinate: str
    stop_nm: float
    rate: float
    lower_rad: float
    upper_rad: float
    stiffness_nm_rad: float
    neutral_rad: float
    damping_nms_rad: float


@dataclass(frozen=True)
class Contact:
    """Material of the foot-ground contact (OpenSim `SmoothSphereHalfSpaceForce`)."""

    stiffness_pa: float = 2.0e6
    dissipation_s_m: float = 1.5
    friction: float = 0.8
    viscous_friction: float = 0.5
    transition_velocity_mps: float = 0.25
    constant_force: float = 1e-5
    hertz_smoothing: float = 300.0
    hunt_crossley_smoothing: float = 50.0


@dataclass(frozen=True)
class Structure:
    """Properties of tissue and posture that are not a person's; chosen on healthy adults
    (`studies/engine_trials.md`).

    Angles in degrees. `hip_stop`, `knee_stop`: where the passive stop in extension reaches 2 N m, `hip_rate`
    its steepness (1/rad); `lumbar_stiffness` (N m/rad) times body scale; `heel_back` how much further back
    than the skeleton's heel the foot touches (share of height); `*_passive_strain` of passive fibres at
    maximal force; `*_slack` tendon length over that of the table; `lean`, `tilt` of trunk and pelvis
    (forward) from which the cost counts.
    """

    hip_stop: float = -20.0
    hip_rate: float = 4.0
    knee_stop: float = -6.0
    lumbar_stiffness: float = 100.0
    heel_back: float = 0.01
    hamstrings_passive_strain: float = 1.0
    rect_fem_passive_strain: float = 1.0
    hamstrings_slack: float = 1.08
    rect_fem_slack: float = 1.07
    lean: float = 3.0
    tilt: float = 0.0


@dataclass(frozen=True)
class Specification:
    """Everything that defines a person's body in numbers."""

    bodies: tuple[Body, ...]
    muscles: tuple[Muscle, ...]
    spheres: tuple[Sphere, ...]
    passive: tuple[PassiveTorque, ...]
    contact: Contact
    mass_kg: float
    leg_length_m: float
    torque_scale: float


def compute_age_strength(age_years: float) -> float:
    """Compute the share of young-adult specific strength at an age."""
    return float(np.interp(age_years, [40.0, 75.0, 95.0], [1.0, 0.7, 0.53]))


def build_specification(
    person: Person, impairment: Impairment | None = None, structure: Structure | None = None
) -> Specification:
    """Build the numeric body of a person."""
    impairment, structure = impairment or Impairment(), structure or Structure()
    dimensions = compute_dimensions(person)
    torque_scale = person.mass_kg * person.height_m / (REFERENCE_MASS_KG * REFERENCE_HEIGHT_M)
    return Specification(
        bodies=_build_bodies(dimensions),
        muscles=build_muscles(load_muscles(), MUSCLE_GROUPS, person, impairment, dimensions, structure),
        spheres=build_spheres(dimensions, structure),
        passive=_build_passive(torque_scale, impairment, structure),
        contact=Contact(stiffness_pa=2.0e6 * (person.mass_kg / REFERENCE_MASS_KG)),
        mass_kg=person.mass_kg,
        leg_length_m=dimensions.leg_length_m,
        torque_scale=torque_scale,
    )


def _build_bodies(d: Dimensions) -> tuple[Body, ...]:
    height = d.height_m
    bodies = [
        Body("pelvis", "ground", ("pelvis_tilt", "pelvis_tx", "pelvis_ty"), (0.0, 0.0), d.pelvis_kg,
             (-0.004 * height, 0.052 * height), d.pelvis_kg * (0.041 * height) ** 2),
        Body("torso", "pelvis", ("lumbar_extension",), (-d.lumbar_behind_hip_m, d.hip_to_lumbar_m),
             d.trunk_kg, (0.5 * d.lumbar_behind_hip_m, 0.88 * d.lumbar_to_shoulder_m),
             d.trunk_kg * (0.72 * d.lumbar_to_shoulder_m) ** 2),
    ]  # fmt: skip
    share = load_segments()
    foot_com = 0.5 * (d.mtp_ahead_of_ankle_m - d.heel_behind_ankle_m)
    foot_length = d.mtp_ahead_of_ankle_m + d.heel_behind_ankle_m
    for s in SIDES:
        bodies += [
            Body(f"femur_{s}", "pelvis", (f"hip_flexion_{s}",), (0.0, 0.0), d.thigh_kg,
                 (0.0, -share["thigh_com"] * d.thigh_m),
                 d.thigh_kg * (share["thigh_gyration"] * d.thigh_m) ** 2),
            Body(f"tibia_{s}", f"femur_{s}", (f"knee_angle_{s}",), (0.0, -d.thigh_m), d.shank_kg,
                 (0.0, -share["shank_com"] * d.shank_m),
                 d.shank_kg * (share["shank_gyration"] * d.shank_m) ** 2),
            Body(f"foot_{s}", f"tibia_{s}", (f"ankle_angle_{s}",), (0.0, -d.shank_m), d.foot_kg,
                 (foot_com, -0.5 * d.ankle_height_m), d.foot_kg * (0.30 * foot_length) ** 2),
            Body(f"toes_{s}", f"foot_{s}", (f"mtp_angle_{s}",),
                 (d.mtp_ahead_of_ankle_m, -d.mtp_below_ankle_m), d.toes_kg,
                 (0.4 * d.toe_ahead_of_mtp_m, 0.0), d.toes_kg * (0.30 * d.toe_ahead_of_mtp_m) ** 2),
        ]  # fmt: skip
    return tuple(bodies)


def build_muscles(
    table: dict,
    groups: Iterable[str],
    person: Person,
    impairment: Impairment,
    d: Dimensions,
    structure: Structure,
) -> tuple[Muscle, ...]:
    """Scale the muscle groups of a table to a person; a group is impaired as the planar one that holds it."""
    reference = table["reference_lengths_m"]
    thigh, shank = d.thigh_m / reference["thigh_m"], d.shank_m / reference["shank_m"]
    volume = person.mass_kg * person.height_m / (REFERENCE_MASS_KG * REFERENCE_HEIGHT_M)
    fiber_scale = (d.thigh_m + d.shank_m) / (0.491 * REFERENCE_HEIGHT_M)
    age_strength, turn = compute_age_strength(person.age_years), float(np.radians(impairment.anteversion_deg))
    muscles = []
    for side in SIDES:
        for group in groups:
            entry, planar = table["muscles"][group], get_impaired_group(group)
            scale = shank if "ankle_angle" in entry["joints"] else thigh
            compliant = group in COMPLIANT_GROUPS
            strength = impairment.get_strength(planar, side)
            force = entry["max_isometric_force_n"] * volume / fiber_scale * age_strength
            left = impairment.get("contracture", planar, side)
            stretch = 1.0 if compliant else RIGID_TENDON_STRETCH
            strain = getattr(structure, f"{planar}_passive_strain", PASSIVE_STRAIN_AT_MAX_FORCE)
            slack = _compute_slack(planar, left, structure)
            muscles.append(
                Muscle(
                    name=f"{group}_{side}",
                    group=group,
                    joints=tuple(f"{joint}_{side}" for joint in entry["joints"]),
                    max_isometric_force_n=force * strength,
                    optimal_fiber_length_m=entry["optimal_fiber_length_m"] * scale * left,
                    tendon_length_m=entry["tendon_slack_length_m"] * stretch * scale * slack,
                    pennation_rad=entry["pennation_rad"],
                    path_scale=scale,
                    compliant=compliant,
                    passive_strain=strain,
                    turn_rad=turn if entry["joints"][-1] == "hip_rotation" else 0.0,
                )
            )
    return tuple(muscles)


def get_planar_group(group: str) -> str | None:
    """Get the planar group that a group of the body in space belongs to; None where the plane has none."""
    return next((name for name in MUSCLE_GROUPS if group.startswith(name)), None)


def get_impaired_group(group: str) -> str | None:
    """Get the group whose impairment a group of the body in space shares: a planar one or one of space."""
    own = (name for name, starts in SPATIAL_GROUPS.items() if group.startswith(starts))
    return get_planar_group(group) or next(own, None)


def compute_path_coefficients(muscle: Muscle, entry: dict) -> np.ndarray:
    """Coefficients of a path in the angles of the joints; a turned neck sees another hip rotation."""
    coefficients = np.array(entry["coefficients"])
    if muscle.turn_rad == 0.0:
        return coefficients
    exponents, turned = np.array(entry["exponents"]), np.zeros_like(coefficients)
    column = entry["joints"].index("hip_rotation")
    place = {tuple(row): i for i, row in enumerate(exponents)}
    for row, value in zip(exponents, coefficients, strict=True):
        power = int(row[column])
        for k in range(power + 1):  # (q - turn) ** power, expanded
            lowered = (*row[:column], k, *row[column + 1 :])
            turned[place[lowered]] += value * comb(power, k) * (-muscle.turn_rad) ** (power - k)
    return turned


def _compute_slack(group: str, contracture: float, structure: Structure) -> float:
    """Tendon length over the table's; what a structure adds is lost as the fibres shorten."""
    added = getattr(structure, f"{group}_slack", 1.0) - 1.0
    return 1.0 + added * float(np.clip(1 - (1 - contracture) / CONTRACTED_SHARE, 0, 1))


def build_spheres(d: Dimensions, structure: Structure) -> tuple[Sphere, ...]:
    """Contact spheres of both feet under a body of these segment lengths (m)."""
    heel, ball, toe = 0.02 * d.height_m, 0.0165 * d.height_m, 0.0125 * d.height_m
    toe_joint_above_sole = d.ankle_height_m - d.mtp_below_ankle_m
    back = -d.heel_behind_ankle_m + heel - structure.heel_back * d.height_m
    places = (
        ("heel", "foot", (back, heel - d.ankle_height_m), heel),
        ("ball", "foot", (d.mtp_ahead_of_ankle_m, ball - d.ankle_height_m), ball),
        ("toe", "toes", (d.toe_ahead_of_mtp_m - toe, toe - toe_joint_above_sole), toe),
    )
    return tuple(Sphere(f"{name}_{s}", f"{body}_{s}", *place) for s in SIDES for name, body, *place in places)


def _build_passive(
    torque_scale: float, impairment: Impairment, structure: Structure
) -> tuple[PassiveTorque, ...]:
    stops_deg = {
        "lumbar_extension": (-25.0 - impairment.stoop_deg, 25.0 + impairment.tilt_deg),
        "hip_flexion": (structure.hip_stop, 100.0),
        "knee_angle": (structure.knee_stop, 130.0),
        "ankle_angle": (-40.0, 22.0),
        "mtp_angle": (-35.0, 60.0),
    }
    sought = float(np.radians(impairment.tilt_deg - impairment.stoop_deg))
    neutral = RIGID_NEUTRAL_RAD | {"lumbar_extension": sought}  # no spring stands against it
    rates = {"hip_flexion": structure.hip_rate}
    stiffness = {"mtp_angle": 40.0, "lumbar_extension": structure.lumbar_stiffness}
    passive = []
    for name in COORDINATES:
        kind = name.removesuffix("_r").removesuffix("_l")
        if kind not in stops_deg:
            continue
        (lower, upper), rate = stops_deg[kind], rates.get(kind, 20.0)
        lost = impairment.get("limit", kind.partition("_")[0], name[-1]) if name[-2:] in ("_r", "_l") else 0.0
        if kind == "ankle_angle":
            upper, lower = upper - lost, min(lower, upper - lost - ANKLE_PLAY_DEG)
        else:
            lower += lost
            # Steepens late: a stop that steepened as it moves would push less where it begins.
            share = np.clip(lost / CONTRACTED_DEG, 0, 1) ** 3
            rate += max(CONTRACTED_RATE - rate, 0.0) * share
        added = impairment.rigidity * RIGID_STIFFNESS_NM_RAD.get(kind, 0.0)
        passive.append(
            PassiveTorque(
                coordinate=name,
                stop_nm=2.0 * torque_scale,
                rate=float(rate),
                lower_rad=float(np.radians(lower)),
                upper_rad=float(np.radians(upper)),
                stiffness_nm_rad=(stiffness.get(kind, 0.0) + added) * torque_scale,
                neutral_rad=neutral.get(kind, 0.0),
                damping_nms_rad=((2.0 if kind == "mtp_angle" else 0.1) + RIGID_DAMPING_S * added)
                * torque_scale,
            )
        )
    return tuple(passive)
