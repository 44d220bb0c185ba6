"""What to simulate: a person, an impairment, a speed; and what identifies the solution."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

import numpy as np

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.body.specification import GRAVITY_MPS2, Specification, build_specification
from gaitlib.person import STRENGTH_GROUPS, Impairment, Person
from gaitlib.simulate.parameters import flatten_specification, pack_parameters

ENGINE_VERSION = 1
"""Raised by hand when equations or solver settings change the solutions."""


@dataclass(frozen=True)
class CostWeights:
    """Weights of the cost, a mean over the stride of squared, scaled terms (no units).

    Chosen on healthy adults only. `activation` weighs squared muscle activation (effort), `acceleration`
    squared joint accelerations over (50 rad/s2)2, `activation_rate` squared rates over (10 /s)2,
    `trunk_torque` the squared trunk torque over (20 N m)2 x body scale, `trunk_lean` the squared lean of
    the trunk from vertical, `vertical` the squared vertical acceleration of the pelvis over (50 m/s2)2
    (impact and head stability, Veerkamp et al. 2021, doi 10.1016/j.jbiomech.2021.110530), and `clearance`
    the squared forward speed of the toe over (walking speed)2 times exp(-height / (1 % of leg length)).
    """

    activation: float = 0.5
    acceleration: float = 0.005
    activation_rate: float = 0.01
    trunk_torque: float = 0.02
    trunk_lean: float = 20.0
    vertical: float = 20.0
    clearance: float = 0.01


@dataclass(frozen=True)
class GaitRequest:
    """One gait to solve.

    `speed_mps` is prescribed. `stride_time_s` is prescribed too, or free (None): then the cost chooses it.
    """

    person: Person
    speed_mps: float
    impairment: Impairment = field(default_factory=Impairment)
    stride_time_s: float | None = None
    cohort: str = ""
    weights: CostWeights = field(default_factory=CostWeights)

    @property
    def specification(self) -> Specification:
        """Numeric body of the person."""
        return build_specification(self.person, self.impairment)

    @property
    def gait_id(self) -> str:
        """Hash of everything that determines the solution."""
        numbers = np.round(pack_parameters(flatten_specification(self.specification)), 9)
        text = json.dumps(
            [ENGINE_VERSION, numbers.tolist(), self.speed_mps, self.stride_time_s, vars(self.weights)],
            sort_keys=True,
        )
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def foot_geometry(self) -> tuple[float, float, float, float]:
        """Thigh, shank, ankle to toe tip (forward) and ankle height (m)."""
        d = compute_dimensions(self.person)
        return d.thigh_m, d.shank_m, d.mtp_ahead_of_ankle_m + d.toe_ahead_of_mtp_m, d.ankle_height_m

    @property
    def features(self) -> np.ndarray:
        """Place of the request among others, for choosing the nearest solved neighbour."""
        leg = compute_dimensions(self.person).leg_length_m
        natural_s = np.sqrt(leg / GRAVITY_MPS2)
        time = 2.0 if self.stride_time_s is None else self.stride_time_s / natural_s / 4
        strength = [self.impairment.get_strength(groups[0]) for groups in STRENGTH_GROUPS.values()]
        return np.array(
            [
                3 * self.speed_mps / np.sqrt(leg * GRAVITY_MPS2),
                3 * time,
                2 * np.log(leg),
                np.log(self.person.mass_kg / leg**3) / 2,
                self.person.age_years / 60 if self.person.age_years > 40 else 40 / 60,
                *strength,
            ]
        )


def parse_request(row: dict) -> GaitRequest:
    """Build a request from a row of the library table.

    Parameters
    ----------
    row : dict
        age_years, sex, height_m, mass_kg, asked_speed_mps, asked_stride_time_s (NaN when free), cohort and
        strength_<group> columns.

    Returns
    -------
    GaitRequest
        The request that the row answers.
    """
    weakness = {g: row[f"strength_{g}"] for g in STRENGTH_GROUPS if row[f"strength_{g}"] < 1}
    stride_time = row["asked_stride_time_s"]
    return GaitRequest(
        person=Person(**{k: row[k] for k in ("age_years", "sex", "height_m", "mass_kg")}),
        impairment=Impairment(weakness=weakness),
        speed_mps=row["asked_speed_mps"],
        stride_time_s=None if stride_time is None or np.isnan(stride_time) else stride_time,
        cohort=row["cohort"],
    )


def describe_request(request: GaitRequest) -> dict:
    """Describe a request as a row of the library table.

    Parameters
    ----------
    request : GaitRequest
        The request.

    Returns
    -------
    dict
        Inverse of `parse_request`, with gait_id.
    """
    person = request.person
    row = {
        "gait_id": request.gait_id,
        "cohort": request.cohort,
        "age_years": person.age_years,
        "sex": person.sex,
        "height_m": person.height_m,
        "mass_kg": person.mass_kg,
        "asked_speed_mps": request.speed_mps,
        "asked_stride_time_s": np.nan if request.stride_time_s is None else request.stride_time_s,
    }
    for group, members in STRENGTH_GROUPS.items():
        row[f"strength_{group}"] = request.impairment.get_strength(members[0])
    return row
