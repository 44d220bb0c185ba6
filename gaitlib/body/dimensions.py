"""Segment lengths and masses of a person.

Adult proportions are those of Winter 2009 (Biomechanics and Motor Control of Human Movement, 4th ed.,
tables 4.1, after Drillis & Contini 1966), foot and pelvis offsets those of Rajagopal et al. 2016
(doi 10.1109/TBME.2016.2586891) as shares of its 1.70 m. Children have relatively longer trunks: leg
segments are scaled with the leg share of stature, one minus the sitting-height ratio by age
(rounded from Fredriks et al. 2005, doi 10.1136/adc.2004.050799).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaitlib.person import Person

_SITTING_HEIGHT_RATIO = np.array([[3, 0.570], [5, 0.553], [8, 0.539], [11, 0.528], [14, 0.520], [18, 0.522]])


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
    """Compute the segment lengths and masses of a person.

    Parameters
    ----------
    person : Person
        Age (years), sex, height (m), mass (kg).

    Returns
    -------
    Dimensions
        Lengths in m, masses in kg; masses sum to the body mass.

    Notes
    -----
    The mass of a leg segment follows Winter's adult share times the relative leg length; the trunk takes
    the rest. Published child mass shares (Jensen 1986) are not used yet.
    """
    adult_ratio = _SITTING_HEIGHT_RATIO[-1, 1]
    ratio = float(np.interp(person.age_years, *_SITTING_HEIGHT_RATIO.T))
    leg = (1 - ratio) / (1 - adult_ratio)
    upper = ratio / adult_ratio
    height, mass = person.height_m, person.mass_kg
    thigh, shank = 0.100 * leg * mass, 0.0465 * leg * mass
    foot, toes = 0.0125 * mass, 0.0020 * mass
    pelvis = 0.142 * mass
    return Dimensions(
        height_m=height,
        thigh_m=0.245 * leg * height,
        shank_m=0.246 * leg * height,
        ankle_height_m=0.045 * leg * height,
        heel_behind_ankle_m=0.035 * height,
        mtp_ahead_of_ankle_m=0.075 * height,
        toe_ahead_of_mtp_m=0.042 * height,
        hip_to_lumbar_m=0.100 * upper * height,
        lumbar_behind_hip_m=0.030 * upper * height,
        lumbar_to_shoulder_m=0.188 * upper * height,
        neck_m=0.052 * upper * height,
        head_m=0.130 * upper * height,
        upper_arm_m=0.186 * height,
        forearm_m=0.146 * height,
        hip_width_m=0.098 * height,
        shoulder_width_m=0.214 * height,
        pelvis_kg=pelvis,
        trunk_kg=mass - pelvis - 2 * (thigh + shank + foot + toes),
        thigh_kg=thigh,
        shank_kg=shank,
        foot_kg=foot,
        toes_kg=toes,
    )
