"""The body in space: 23 coordinates, 46 muscle groups, 12 contact spheres, in plain numbers.

It is the planar body (`gaitlib.body.specification`: same lengths, masses, scaling, sagittal tissue) with what
the plane lacks. Muscles: `spatial_muscles.json` (Rajagopal 2016, Lai 2017, lumped by
`studies/derive_muscles.py`), moment arms about all axes of hip, knee, ankle and subtalar joint. Axes of ankle
and subtalar joint, order of the turns, place of the subtalar joint, shape of pelvis and trunk (arms hang at
its sides): Rajagopal et al. 2016 (doi 10.1109/TBME.2016.2586891). Gyration of leg segments about their long
axis: de Leva 1996 (doi 10.1016/0021-9290(95)00178-6), table 4, men, as the manual of Visual3D lists it (with
0.102 for a shank between joint centres). Stops in the frontal and transverse plane: Anderson 1999 as used by
Falisse et al. 2019 (doi 10.1098/rsif.2019.0402). Widths of the foot and the lateral stiffness of the trunk
are assumed, that of the hip is chosen (Decisions in the book).
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from gaitlib.body.dimensions import Dimensions, compute_dimensions
from gaitlib.body.specification import (
    RIGID_DAMPING_S,
    Body,
    Contact,
    Muscle,
    PassiveTorque,
    Sphere,
    Structure,
    build_muscles,
    build_specification,
)
from gaitlib.body.tree import Frame, Tree, TreeBody
from gaitlib.gait import GRAVITY_MPS2, SIDES
from gaitlib.gait import LABELS as PLANAR_LABELS
from gaitlib.person import Impairment, Person

PELVIS = ("pelvis_tilt", "pelvis_list", "pelvis_rotation", "pelvis_tx", "pelvis_ty", "pelvis_tz")
LUMBAR = ("lumbar_extension", "lumbar_bending", "lumbar_rotation")
LEG = (
    "hip_flexion",
    "hip_adduction",
    "hip_rotation",
    "knee_angle",
    "ankle_angle",
    "subtalar_angle",
    "mtp_angle",
)
COORDINATES = (*PELVIS, *LUMBAR, *(f"{name}_{side}" for side in SIDES for name in LEG))
"""Coordinates of the body in space, OpenSim names."""
MIRRORED = ("pelvis_list", "pelvis_rotation", "pelvis_tz", "lumbar_bending", "lumbar_rotation")
"""Coordinates that change their sign when left and right are exchanged."""

_X, _Y, _Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
_ANKLE_AXIS = (-0.105014, -0.174022, 0.979126)
_SUBTALAR_AXIS = (0.787180, 0.604747, -0.120949)
"""Axes of the right foot."""
_FOOT_OUTWARD_RAD = 0.175
"""A foot points so far outwards of its thigh when hip and ankle are neutral: the thigh-foot angle of adults,
about 10 degrees (Staheli 1985, J Bone Joint Surg Am 67:39-47)."""
_SUBTALAR_SHARE = (-0.0287, -0.0247, 0.0047)
"""Subtalar joint from the ankle, share of height: forward, up, outward."""
_TALUS_SHARE = 0.1
"""Share of the talus in the mass of the foot."""
_PELVIS_GYRATION, _TRUNK_GYRATION = (0.055, 0.0506), (0.135, 0.103)
"""About the forward and the upward axis, share of height."""
_LONG_GYRATION = {"femur": 0.149, "tibia": 0.103, "foot": 0.124, "toes": 0.124}
"""About the long axis, share of length."""
_HALF_WIDTHS = {"heel": 0.010, "ball": 0.020, "toe": 0.018}
"""Of the two contact spheres side by side that stand for one of the planar body, share of height."""
_BALL_SKEW = 0.012
"""How much further forward the inner ball lies than the middle, share of height."""
_STOPS = {
    "hip_adduction": (0.03, 14.94, -0.5, 0.5, 25.0),
    "hip_rotation": (0.03, 14.94, -0.92, 0.92, 10.0),
    "subtalar_angle": (60.21, 16.32, -0.65, 0.65, 0.0),
    "lumbar_bending": (0.25, 20.36, -0.349, 0.349, 100.0),
    "lumbar_rotation": (0.25, 20.36, -0.349, 0.349, 60.0),
}
"""Size (N m), rate (1/rad), lower and upper angle (rad) of stops; stiffness (N m/rad)."""
_DAMPING_NMS_RAD = 0.1
_RIGID_STIFFNESS_NM_RAD = 40.0
"""Added by rigidity 1 to hips and trunk out of the plane, as in it; assumed."""


@dataclass(frozen=True)
class SpatialSphere:
    """A contact sphere in its body's frame (m); `share` of the stiffness of the planar sphere."""

    name: str
    body: str
    location_m: tuple[float, float, float]
    radius_m: float
    share: float


@dataclass(frozen=True)
class SpatialSpecification:
    """Everything that defines a person's body in space in numbers."""

    tree: Tree
    muscles: tuple[Muscle, ...]
    spheres: tuple[SpatialSphere, ...]
    passive: tuple[PassiveTorque, ...]
    contact: Contact
    mass_kg: float
    leg_length_m: float
    torque_scale: float


@cache
def load_spatial_muscles() -> dict:
    """Load the muscle groups of the body in space."""
    return json.loads(Path(__file__).with_name("spatial_muscles.json").read_text(encoding="utf-8"))


def build_spatial_specification(
    person: Person, impairment: Impairment | None = None, structure: Structure | None = None
) -> SpatialSpecification:
    """Build the numeric body of a person in space."""
    impairment, structure = impairment or Impairment(), structure or Structure()
    dimensions, table = compute_dimensions(person), load_spatial_muscles()
    planar = build_specification(person, impairment, structure)
    return SpatialSpecification(
        tree=_build_tree(dimensions, planar.bodies),
        muscles=build_muscles(table, table["muscles"], person, impairment, dimensions, structure),
        spheres=_build_spheres(dimensions, planar.spheres),
        passive=planar.passive + _build_stops(planar.torque_scale, impairment),
        contact=planar.contact,
        mass_kg=planar.mass_kg,
        leg_length_m=planar.leg_length_m,
        torque_scale=planar.torque_scale,
    )


def list_muscles() -> tuple[str, ...]:
    """List the muscle groups of both legs."""
    return tuple(f"{group}_{side}" for side in SIDES for group in load_spatial_muscles()["muscles"])


@cache
def get_labels() -> dict[str, list]:
    """Get the labels of the curves of a gait in space."""
    return PLANAR_LABELS | {"coordinate": list(COORDINATES), "muscle": list(list_muscles())}


def get_subtalar_place(d: Dimensions, side: str) -> tuple[float, float, float]:
    """Place of the subtalar joint in the frame of the talus (m)."""
    x, y, z = (share * d.height_m for share in _SUBTALAR_SHARE)
    return x, y, z if side == "r" else -z


def _build_tree(d: Dimensions, planar: tuple[Body, ...]) -> Tree:
    bodies = []
    for body in planar:
        kind, _, side = body.name.partition("_")
        kx, ky = {"pelvis": _PELVIS_GYRATION, "torso": _TRUNK_GYRATION}.get(kind, (0.0, 0.0))
        inertia = [body.mass_kg * (k * d.height_m) ** 2 for k in (kx, ky)] + [body.inertia_kgm2]
        place, mass, com, joint = (*body.location_m, 0.0), body.mass_kg, (*body.com_m, 0.0), body.coordinates
        parent = body.parent
        if kind == "pelvis":
            joint = PELVIS
        elif kind == "torso":
            joint = LUMBAR
        else:
            long = mass * (_LONG_GYRATION[kind] * _measure_length(d, kind)) ** 2
            upright = kind in ("femur", "tibia")
            inertia[0], inertia[1] = (inertia[2], long) if upright else (long, inertia[2])
        if kind == "femur":
            place = (0.0, 0.0, (0.5 if side == "r" else -0.5) * d.hip_width_m)
            joint = tuple(f"{name}_{side}" for name in LEG[:3])
        if kind == "foot":
            joint, parent, at = (f"subtalar_angle_{side}",), f"talus_{side}", get_subtalar_place(d, side)
            talus = _TALUS_SHARE * mass
            round_inertia = tuple(_TALUS_SHARE * body.inertia_kgm2 for _ in range(3))
            bodies.append(
                _hang(
                    f"talus_{side}",
                    body.parent,
                    body.coordinates,
                    place,
                    talus,
                    (0.0,) * 3,
                    round_inertia,
                    turn_rad=-_FOOT_OUTWARD_RAD if side == "r" else _FOOT_OUTWARD_RAD,
                )  # fmt: skip
            )
            mass, place = mass - talus, at
            inertia = [(1 - _TALUS_SHARE) * value for value in inertia]
            com = tuple(c / (1 - _TALUS_SHARE) - a for c, a in zip(com, at, strict=True))
        if kind == "toes":
            place = tuple(p - a for p, a in zip(place, get_subtalar_place(d, side), strict=True))
        bodies.append(_hang(body.name, parent, joint, place, mass, com, tuple(inertia)))
    return Tree((0.0, -GRAVITY_MPS2, 0.0), tuple(bodies))


def _measure_length(d: Dimensions, kind: str) -> float:
    foot = d.mtp_ahead_of_ankle_m + d.heel_behind_ankle_m
    return {"femur": d.thigh_m, "tibia": d.shank_m, "foot": foot, "toes": d.toe_ahead_of_mtp_m}[kind]


def get_axes(coordinate: str) -> tuple[float, float, float]:
    """Get the direction of a coordinate in the frame that it turns or shifts."""
    kind, mirror = coordinate, 1.0
    if coordinate[-2:] in ("_r", "_l"):
        kind, mirror = coordinate[:-2], 1.0 if coordinate.endswith("_r") else -1.0
    if kind in ("ankle_angle", "subtalar_angle"):
        x, y, z = _ANKLE_AXIS if kind == "ankle_angle" else _SUBTALAR_AXIS
        size = (x * x + y * y + z * z) ** 0.5
        return mirror * x / size, mirror * y / size, z / size
    if kind == "knee_angle":
        return 0.0, 0.0, -1.0
    if kind.endswith(("_list", "_adduction", "_bending")):
        return mirror, 0.0, 0.0
    if kind.endswith("_rotation"):
        return 0.0, mirror, 0.0
    return {"pelvis_tx": _X, "pelvis_ty": _Y}.get(kind, _Z)


def turn_frame(angle_rad, cos=math.cos, sin=math.sin) -> tuple:
    """Rotation about the upward axis, row by row."""
    c, s = cos(angle_rad), sin(angle_rad)
    return c, 0.0, s, 0.0, 1.0, 0.0, -s, 0.0, c


def _hang(name, parent, joint, place, mass, com, inertia, turn_rad=0.0) -> TreeBody:
    axes = tuple(get_axes(coordinate) for coordinate in joint)
    return TreeBody(
        name=name,
        parent=parent,
        coordinates=joint,
        parent_frame=Frame(turn_frame(turn_rad), place),
        turns=axes[:3],
        shifts=axes[3:],
        mass_kg=mass,
        com_m=com,
        inertia_kgm2=(*inertia, 0.0, 0.0, 0.0),
    )


def _build_spheres(d: Dimensions, planar: tuple[Sphere, ...]) -> tuple[SpatialSphere, ...]:
    spheres = []
    for sphere in planar:
        part, side = sphere.name.split("_")
        outward = 1.0 if side == "r" else -1.0
        shift = get_subtalar_place(d, side) if sphere.body.startswith("foot") else (0.0, 0.0, 0.0)
        for where, sign in (("in", -1.0), ("out", 1.0)):
            skew = -sign * _BALL_SKEW * d.height_m if part == "ball" else 0.0
            x, y = sphere.location_m
            z = sign * outward * _HALF_WIDTHS[part] * d.height_m
            place = (x + skew - shift[0], y - shift[1], z - shift[2])
            name = f"{part}_{where}_{side}"
            spheres.append(SpatialSphere(name, sphere.body, place, sphere.radius_m, 0.5))
    return tuple(spheres)


def _build_stops(torque_scale: float, impairment: Impairment) -> tuple[PassiveTorque, ...]:
    turn, stops = float(np.radians(impairment.anteversion_deg)), []
    for name in COORDINATES:
        kind = name[:-2] if name[-2:] in ("_r", "_l") else name
        if kind in _STOPS:
            size, rate, lower, upper, stiffness = _STOPS[kind]
            middle = turn if kind == "hip_rotation" else 0.0
            rigid = impairment.rigidity * _RIGID_STIFFNESS_NM_RAD if kind != "subtalar_angle" else 0.0
            damping = _DAMPING_NMS_RAD + RIGID_DAMPING_S * rigid
            held = ((stiffness + rigid) * torque_scale, middle, damping * torque_scale)
            stops.append(
                PassiveTorque(name, size * torque_scale, rate, lower + middle, upper + middle, *held)
            )
    return tuple(stops)
