"""What to simulate: a person, an impairment, a speed; and what identifies the solution."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from gaitlib.body.specification import Specification, Structure, build_specification
from gaitlib.errors import InputError
from gaitlib.person import Impairment, Person, unflatten_impairment

ENGINE_VERSION = 4
"""Raised by hand when equations or solver settings change the solutions."""


_HEALTHY = Impairment().flatten()


@dataclass(frozen=True)
class CostWeights:
    """Weights of the cost, a mean over the stride of squared, scaled terms (no units).

    Chosen on healthy adults only (`studies/engine_trials.md`). `activation` weighs squared muscle activation,
    `minetti` metabolic power over 5 W/kg (Minetti & Alexander 1997, doi 10.1006/jtbi.1997.0407), both times
    `effort_*` of the muscle group; `acceleration` squared joint accelerations over (50 rad/s2)2,
    `tilt_acceleration`, `hip_acceleration`, `knee_acceleration` those of pelvis, hips and knees beside it;
    `activation_rate` squared rates over (10 /s)2, `trunk_torque` the squared trunk torque over (20 N m)2 x
    body scale, `trunk_lean` and `tilt` the squared lean of trunk and pelvis, `vertical` the squared vertical
    acceleration of the pelvis over (50 m/s2)2 (impact and head stability, Veerkamp et al. 2021, doi
    10.1016/j.jbiomech.2021.110530), `clearance` the squared forward speed of the toe over (walking speed)2
    times exp(-height / (1 % of leg length)), `passive` the squared passive moments over (20 N m)2 x body
    scale. `impact` weighs the power that a landing loses in the contact, `scuff` that lost in friction, over
    5 W/kg x the cubed speed over a comfortable one (for the slow at most 3.4 times dearer). `support` weighs
    the squared difference of the two vertical forces over body weight (it stands for the shift to the side
    that a planar body does not need), `balance` the same times the balance margin, `amplitude` times
    bradykinesia the squared angle between the thighs. `basal` is what standing still costs; it only counts
    where the speed is free.
    """

    activation: float = 0.15
    acceleration: float = 0.0005
    activation_rate: float = 0.01
    trunk_torque: float = 0.007
    trunk_lean: float = 10.0
    vertical: float = 1.0
    clearance: float = 0.0013
    balance: float = 0.5
    amplitude: float = 1.0
    passive: float = 0.0006
    basal: float = 0.03
    minetti: float = 0.2
    tilt_acceleration: float = 0.3
    hip_acceleration: float = 0.02
    knee_acceleration: float = 0.001
    tilt: float = 1.0
    impact: float = 1.5
    support: float = 0.033
    scuff: float = 1.5
    effort_iliopsoas: float = 1.0
    effort_glut_max: float = 1.0
    effort_hamstrings: float = 1.3
    effort_bifemsh: float = 1.0
    effort_rect_fem: float = 0.5
    effort_vasti: float = 0.95
    effort_gastroc: float = 1.0
    effort_soleus: float = 1.5
    effort_tib_ant: float = 1.2

    @property
    def without_landing(self) -> CostWeights:
        """Weights without the terms of the landing, which bring local optima to textbook guesses."""
        return replace(self, impact=0.0, scuff=0.0)


@dataclass(frozen=True)
class SpatialWeights:
    """Weights of what only a body in space has, beside `CostWeights`, in the same scaled terms.

    `list_acceleration`, `turn_acceleration` of the pelvis about the forward and upward axis,
    `side_acceleration` of the pelvis sideways, `pelvis_list`, `pelvis_turn` its angles, `bending`, `turning`
    the lean of the trunk to the side and its turn, `other_effort` of muscle groups without a planar
    counterpart, `separation` what feet cost that come nearer than `separation_m`, and `wide_base_m` how much
    earlier that begins with a balance margin of 1 (assumed).
    """

    list_acceleration: float = 0.01
    turn_acceleration: float = 0.1
    side_acceleration: float = 10.0
    bending: float = 3.0
    turning: float = 1.0
    pelvis_list: float = 0.7
    pelvis_turn: float = 0.7
    other_effort: float = 0.2
    separation: float = 0.01
    separation_m: float = 0.05
    wide_base_m: float = 0.1


SPATIAL_WEIGHTS = SpatialWeights()
SPATIAL_VERSION = 2
"""Raised by hand when equations or settings in space change the solutions."""


@dataclass(frozen=True)
class GaitRequest:
    """One gait to solve.

    `speed_mps` is prescribed, or the middle of a range when `speed_range_mps` is above 0: then the cost per
    distance chooses. `stride_time_s` is prescribed, or free (None): then the cost chooses it. `kind` is
    'half' (half a stride, both sides alike) or 'stride' (a whole stride without symmetry). `body` is the one
    in the 'plane' or the one in 'space'.
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
    body: str = "plane"

    def __post_init__(self):
        if self.body not in ("plane", "space"):
            raise InputError(f"body: found '{self.body}', expected 'plane' or 'space'.")
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
        impaired = {k: round(v, 9) for k, v in self.impairment.flatten().items() if v != _HEALTHY[k]}
        content = [
            ENGINE_VERSION,
            self.person.model_dump(),
            impaired,
            [self.speed_mps, self.speed_range_mps, self.stride_time_s, self.kind],
            asdict(self.weights),
            asdict(self.structure),
        ]
        if self.body == "space":
            content += [SPATIAL_VERSION, asdict(SPATIAL_WEIGHTS)]
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


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
        body=row.get("body", "plane"),
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
        **({"body": request.body} if request.body != "plane" else {}),
    }
