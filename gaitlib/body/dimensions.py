"""Segment lengths and masses of a person.

Shares of height and mass come from `segments.csv`, which names a source for each. Children have relatively
longer trunks and heavier heads: leg segments are scaled with the leg share of stature (one minus the
sitting-height ratio by age), and all segments but the head share what the head leaves. The head's share
of body mass by age is the regression of Jensen 1989 (J Biomech 22:529-536) over 4 to 20 years, as listed in
the human properties database of AIST, Japan.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaitlib.body.parameter_tables import load_segments, load_sitting_height
from gaitlib.person import Person

_ADULT_YEARS = 18.0
_HEAD_MASS = (0.27881, -0.021152, 0.00053168)
"""Jensen 1989: head mass over body mass is c0 + c1 age + c2 age^2."""
_YOUNGEST_YEARS = 4.0
"""Age of the youngest children of that study; younger ones are taken to be as they are."""


@dataclass(frozen=True)
class Dimensions:
    """Lengths (m) and masses (kg) of one person's segments; foot points lie in the ankle's frame."""

    height_m: float
    thigh_m: float
    shank_m: float
    ankle_height_m: float
    heel_behind_ankle_m: float
    mtp_ahead_of_ankle_m: float
    toe_ahead_of_mtp_m: float
    hip_to_lumbar_m: float
    lumbar_behind_hip_m: float
    lumbar_to_shoulder_m: float
    neck_m: float
    head_m: float
    upper_arm_m: float
    forearm_m: float
    hip_width_m: float
    shoulder_width_m: float
    pelvis_kg: float
    trunk_kg: float
    thigh_kg: float
    shank_kg: float
    foot_kg: float
    toes_kg: float

    @property
    def mtp_below_ankle_m(self) -> float:
        """Height of the ankle above the toe joint, foot flat (m)."""
        return 0.85 * self.ankle_height_m

    @property
    def leg_length_m(self) -> float:
        """Hip centre to sole, standing (m)."""
        return self.thigh_m + self.shank_m + self.ankle_height_m


def compute_dimensions(person: Person) -> Dimensions:
    """Compute segment lengths and masses; the trunk (with head and arms) takes what the legs leave."""
    sitting = load_sitting_height()
    adult_ratio = float(sitting[-1, 1])
    ratio = float(np.interp(person.age_years, *sitting.T))
    leg = (1 - ratio) / (1 - adult_ratio)
    upper = ratio / adult_ratio
    left = (1 - compute_head_mass_share(person.age_years)) / (1 - compute_head_mass_share(_ADULT_YEARS))
    share = load_segments()
    height, mass = person.height_m, person.mass_kg
    lengths = {
        "thigh_m": share["thigh_length"] * leg,
        "shank_m": share["shank_length"] * leg,
        "ankle_height_m": share["ankle_height"] * leg,
        "heel_behind_ankle_m": share["heel_behind_ankle"],
        "mtp_ahead_of_ankle_m": share["mtp_ahead_of_ankle"],
        "toe_ahead_of_mtp_m": share["toe_ahead_of_mtp"],
        "hip_to_lumbar_m": share["hip_to_lumbar"] * upper,
        "lumbar_behind_hip_m": share["lumbar_behind_hip"] * upper,
        "lumbar_to_shoulder_m": share["lumbar_to_shoulder"] * upper,
        "neck_m": share["neck_length"] * upper,
        "head_m": share["head_length"] * upper,
        "upper_arm_m": share["upper_arm_length"],
        "forearm_m": share["forearm_length"],
        "hip_width_m": share["hip_width"],
        "shoulder_width_m": share["shoulder_width"],
    }
    masses = {
        "pelvis_kg": share["pelvis_mass"] * left * mass,
        "thigh_kg": share["thigh_mass"] * leg * left * mass,
        "shank_kg": share["shank_mass"] * leg * left * mass,
        "foot_kg": share["foot_mass"] * left * mass,
        "toes_kg": share["toes_mass"] * left * mass,
    }
    legs = 2 * sum(value for name, value in masses.items() if name != "pelvis_kg")
    return Dimensions(
        height_m=height,
        trunk_kg=mass - masses["pelvis_kg"] - legs,
        **{name: value * height for name, value in lengths.items()},
        **masses,
    )


def compute_head_mass_share(age_years: float) -> float:
    """Compute the share of the head in body mass."""
    age = float(np.clip(age_years, _YOUNGEST_YEARS, _ADULT_YEARS))
    return _HEAD_MASS[0] + _HEAD_MASS[1] * age + _HEAD_MASS[2] * age**2
