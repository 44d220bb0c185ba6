"""What to simulate: a person, an impairment, a speed; and what identifies the solution."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, fields

import numpy as np

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.body.specification import GRAVITY_MPS2, Specification, Structure, build_specification
from gaitlib.errors import InputError
from gaitlib.person import Impairment, Person, unflatten_impairment
from gaitlib.simulate.parameters import flatten_specification, pack_parameters

ENGINE_VERSION = 2
"""Raised by hand when equations or solver settings change the solutions."""


@dataclass(frozen=True)
class CostWeights:
    """Weights of the cost, a mean over the stride of squared, scaled terms (no units).

    Chosen on healthy adults only. `activation` weighs squared muscle activation (effort), `acceleration`
    squared joint accelerations over (50 rad/s2)2, `activation_rate` squared rates over (10 /s)2,
    `trunk_torque` the squared trunk torque over (20 N m)2 x body scale, `trunk_lean` the squared lean of
    the trunk from vertical, `vertical` the squared vertical acceleration of the pelvis over (50 m/s2)2
    (impact and head stability, Veerkamp et al. 2021, doi 10.1016/j.jbiomech.2021.110530), `clearance` the
    squared forward speed of the toe over (walking speed)2 times exp(-height / (1 % of leg length)), `passive`
    the squared passive moments over (20 N m)2 x body scale. `balance` times the balance margin weighs the
    squared difference of the two vertical forces over body weight, `amplitude` times bradykinesia the squared
    angle between the thighs. `basal` is what standing still costs; it only counts where the speed is free.

    The terms after `basal` are for trials of the engine and off in the release. `activation_*` weighs higher
    powers; `minetti` and `bhargava` metabolic power over 5 W/kg, or the sum of its squares over muscles
    (`gaitlib.simulate.metabolism`); `*_acceleration` squared accelerations over (50 rad/s2)2 beside
    `acceleration`: of the pelvis, the trunk in space, both hips, knees, ankles; `head` the forward
    acceleration of the trunk's mass centre over (50 m/s2)2; `tilt`, `tilt_rate` squared tilt of the pelvis
    from the structure's and its rate; `passive_*` squared passive moments beside `passive`; `effort_*`
    multiplies what activation and metabolic power of one group cost; `impact` the power lost in the contact
    over 5 W/kg x the cubed speed over a comfortable one (for the slow at most 3.4 times dearer),
    `loading_rate` the squared rate of the contact forces over (20 body weights per second)2;
    `vertical_4` the fourth power of the vertical acceleration of the pelvis over 3 m/s2, `trunk_vertical` and
    `trunk_vertical_4` the second over (50 m/s2)2 and the fourth over (3 m/s2)4 of the trunk's mass centre;
    `support` the squared difference of the two vertical forces over body weight, as `balance` of everyone: it
    stands for the shift to the side that a planar body does not need; `scuff` the power lost in friction,
    as `impact`.
    """

    activation: float = 0.5
    acceleration: float = 0.005
    activation_rate: float = 0.01
    trunk_torque: float = 0.012
    trunk_lean: float = 20.0
    vertical: float = 8.0
    clearance: float = 0.0008
    balance: float = 0.5
    amplitude: float = 1.0
    passive: float = 0.008
    basal: float = 0.03
    activation_3: float = 0.0
    activation_5: float = 0.0
    activation_10: float = 0.0
    minetti: float = 0.0
    minetti_squared: float = 0.0
    bhargava: float = 0.0
    bhargava_squared: float = 0.0
    tilt_acceleration: float = 0.0
    trunk_acceleration: float = 0.0
    hip_acceleration: float = 0.0
    knee_acceleration: float = 0.0
    ankle_acceleration: float = 0.0
    head: float = 0.0
    tilt: float = 0.0
    tilt_rate: float = 0.0
    passive_hip: float = 0.0
    passive_knee: float = 0.0
    passive_ankle: float = 0.0
    passive_lumbar: float = 0.0
    impact: float = 0.0
    loading_rate: float = 0.0
    vertical_4: float = 0.0
    trunk_vertical: float = 0.0
    trunk_vertical_4: float = 0.0
    support: float = 0.0
    scuff: float = 0.0
    effort_iliopsoas: float = 1.0
    effort_glut_max: float = 1.0
    effort_hamstrings: float = 1.0
    effort_bifemsh: float = 1.0
    effort_rect_fem: float = 1.0
    effort_vasti: float = 1.0
    effort_gastroc: float = 1.0
    effort_soleus: float = 1.0
    effort_tib_ant: float = 1.0

    @property
    def counted(self) -> dict[str, float]:
        """Weights that identify a solution: a term of the trials counts where it is not as released."""
        return {
            f.name: getattr(self, f.name)
            for i, f in enumerate(fields(self))
            if i < _N_RELEASED or getattr(self, f.name) != f.default
        }


_N_RELEASED = 11
"""Weights of the release; those after them belong to trials."""


_LATER_PARTS = ("limit", "tone", "tilt_deg")
_N_COLUMNS = {"muscles": 5, "spheres": 3}
"""Numbers of a body that identify a solution; the structure of a trial adds its own."""


@dataclass(frozen=True)
class GaitRequest:
    """One gait to solve.

    `speed_mps` is prescribed, or the middle of a range when `speed_range_mps` is above 0: then the cost per
    distance chooses. `stride_time_s` is prescribed, or free (None): then the cost chooses it. `kind` is
    'half' (half a stride, both sides alike) or 'stride' (a whole stride without symmetry).
    """

    person: Person
    speed_mps: float
    impairment: Impairment = field(default_factory=Impairment)
    stride_time_s: float | None = None
    cohort: str = ""
    weights: CostWeights = field(default_factory=CostWeights)
    kind: str = "half"
    speed_range_mps: float = 0.0
    structure: Structure = field(default_factory=Structure)

    def __post_init__(self):
        if self.kind not in ("half", "stride"):
            raise InputError(f"kind: found '{self.kind}', expected 'half' or 'stride'.")
        if self.kind == "half" and not self.impairment.is_symmetric:
            raise InputError(
                "kind: found 'half' with an impairment that differs between sides; expected kind 'stride'."
            )

    @property
    def specification(self) -> Specification:
        """Numeric body of the person."""
        return build_specification(self.person, self.impairment, self.structure)

    @property
    def gait_id(self) -> str:
        """Hash of everything that determines the solution."""
        blocks = flatten_specification(build_specification(self.person, self.impairment))
        flat = self.impairment.flatten()
        # Parts that came after the second release count where they are not healthy: its gaits keep their ids.
        flat = {k: v for k, v in flat.items() if v or not k.startswith(_LATER_PARTS)}
        blocks = {name: block[..., : _N_COLUMNS.get(name)] for name, block in blocks.items()}
        content = [
            ENGINE_VERSION,
            np.round(pack_parameters(blocks), 9).tolist(),
            flat,
            [self.speed_mps, self.speed_range_mps, self.stride_time_s, self.kind],
            self.weights.counted,
        ]
        if self.structure.changed:
            content.append(self.structure.changed)
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def features(self) -> np.ndarray:
        """Place of the request among others, for choosing the nearest solved neighbour."""
        leg = compute_dimensions(self.person).leg_length_m
        natural_s = np.sqrt(leg / GRAVITY_MPS2)
        time = 2.0 if self.stride_time_s is None else self.stride_time_s / natural_s / 4
        flat = self.impairment.flatten()
        scale = {
            "contracture": 3.0,
            "spasticity": 0.5,
            "stoop_deg": 1 / 30,
            "limit": 1 / 30,
            "tilt_deg": 1 / 30,
        }
        return np.array(
            [
                3 * self.speed_mps / np.sqrt(leg * GRAVITY_MPS2),
                3 * time,
                2 * np.log(leg),
                np.log(self.person.mass_kg / leg**3) / 2,
                self.person.age_years / 60 if self.person.age_years > 40 else 40 / 60,
                *(scale.get(n, scale.get(n.split("_")[0], 1.0)) * x for n, x in flat.items()),
            ]
        )


def parse_request(row: dict) -> GaitRequest:
    """Build a request from a row of the library table."""
    stride_time = row["asked_stride_time_s"]
    return GaitRequest(
        person=Person(**{k: row[k] for k in ("age_years", "sex", "height_m", "mass_kg")}),
        impairment=unflatten_impairment(row),
        speed_mps=row["asked_speed_mps"],
        stride_time_s=None if stride_time is None or np.isnan(stride_time) else stride_time,
        cohort=row["cohort"],
        kind=row["kind"],
        speed_range_mps=row["speed_range_mps"],
    )


def describe_request(request: GaitRequest) -> dict:
    """Describe a request as a row of the library table."""
    person = request.person
    return {
        "gait_id": request.gait_id,
        "cohort": request.cohort,
        "kind": request.kind,
        "age_years": person.age_years,
        "sex": person.sex,
        "height_m": person.height_m,
        "mass_kg": person.mass_kg,
        "asked_speed_mps": request.speed_mps,
        "speed_range_mps": request.speed_range_mps,
        "asked_stride_time_s": np.nan if request.stride_time_s is None else request.stride_time_s,
        **request.impairment.flatten(),
    }
