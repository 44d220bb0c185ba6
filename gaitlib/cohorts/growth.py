"""Body size, comfortable speed and stride time of healthy people by age and sex.

Stature: means rounded from the CDC 2000 growth charts (Kuczmarski et al. 2002, Vital Health Stat 11(246))
and, for adults, Fryar et al. 2021 (Vital Health Stat 3(46)); SD 4.2 % of the mean. Body mass index: 50th
centile by age, SD 13 %. Comfortable speed: adults Bohannon & Andrews 2011 (Physiotherapy 97:182), children
Hausdorff et al. 1999 (doi 10.1152/jappl.1999.86.3.1040). Stride time follows dynamic similarity, step length
/ leg length = 1.126 Fr^0.5 with Fr = speed / sqrt(g leg length), fitted to the 22 young adults of the data
set `speed_steplength_age` (healthy adults, role calibrate).
"""

from __future__ import annotations

import numpy as np

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.gait import GRAVITY_MPS2
from gaitlib.person import Person

STEP_LENGTH_FACTOR, STEP_LENGTH_EXPONENT = 1.126, 0.5
STATURE_SD, BODY_MASS_INDEX_SD = 0.042, 0.13
"""Between people of one age and sex, as shares of the mean."""

_AGE = np.array([3, 4, 6, 8, 10, 12, 14, 16, 18, 60, 75, 90])
_STATURE_M = {
    "m": np.array([0.95, 1.02, 1.155, 1.28, 1.385, 1.49, 1.64, 1.735, 1.76, 1.755, 1.73, 1.70]),
    "f": np.array([0.94, 1.01, 1.15, 1.275, 1.38, 1.515, 1.60, 1.625, 1.63, 1.62, 1.59, 1.56]),
}
_BODY_MASS_INDEX = np.array([15.9, 15.6, 15.4, 15.9, 16.7, 17.9, 19.3, 20.5, 22.5, 26.5, 26.5, 25.0])
_SPEED_AGE = np.array([3.5, 6.5, 12.5, 25, 35, 45, 55, 65, 75, 87])
_SPEED_MPS = {
    "m": np.array([1.00, 1.20, 1.28, 1.358, 1.433, 1.434, 1.433, 1.339, 1.262, 0.968]),
    "f": np.array([1.00, 1.20, 1.28, 1.341, 1.337, 1.390, 1.313, 1.241, 1.132, 0.943]),
}


def build_person(age_years: float, sex: str, height_z: float, bmi_z: float) -> Person:
    """Build a person of an age and sex from standard scores."""
    stature = np.interp(age_years, _AGE, _STATURE_M[sex]) * (1 + STATURE_SD * height_z)
    height = round(float(np.clip(stature, 0.85, 2.10)), 3)
    index = np.interp(age_years, _AGE, _BODY_MASS_INDEX) * (1 + BODY_MASS_INDEX_SD * bmi_z)
    mass = max(round(float(np.clip(index, 11.5, 44.5) * height**2), 1), 10.0)
    return Person(age_years=round(float(age_years), 1), sex=sex, height_m=height, mass_kg=mass)


def compute_comfortable_speed(age_years: float, sex: str) -> float:
    """Mean comfortable walking speed of healthy people; m/s."""
    return float(np.interp(age_years, _SPEED_AGE, _SPEED_MPS[sex]))


def compute_typical_stride_time(person: Person, speed_mps: float) -> float:
    """Stride time of a typical person at a speed, by dynamic similarity."""
    leg = compute_dimensions(person).leg_length_m
    froude = speed_mps / np.sqrt(GRAVITY_MPS2 * leg)
    return float(2 * STEP_LENGTH_FACTOR * froude**STEP_LENGTH_EXPONENT * leg / speed_mps)
