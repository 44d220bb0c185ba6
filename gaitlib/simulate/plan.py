"""Whom the library walks: a factorial core and a low-discrepancy sample of people.

Stature by age and sex: means rounded from the CDC 2000 growth charts (Kuczmarski et al. 2002, Vital Health
Stat 11(246)) and, for adults, Fryar et al. 2021 (Vital Health Stat 3(46)); SD 4.2 % of the mean. Body mass
index: 50th centile by age, SD 13 %. Step length follows dynamic similarity, step length / leg length =
1.126 Fr^0.5 with Fr = speed / sqrt(g leg length), fitted to the 22 young adults of the data set
`speed_steplength_age` (healthy adults, role calibrate); stride time is drawn around it (SD 9 %).
"""

from __future__ import annotations

import numpy as np
from scipy.stats import norm, qmc

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.body.specification import GRAVITY_MPS2
from gaitlib.person import STRENGTH_GROUPS, Impairment, Person
from gaitlib.simulate.request import GaitRequest

_AGE = np.array([4, 6, 8, 10, 12, 14, 16, 18, 60, 75, 90])
_STATURE_M = {
    "m": np.array([1.02, 1.155, 1.28, 1.385, 1.49, 1.64, 1.735, 1.76, 1.755, 1.73, 1.70]),
    "f": np.array([1.01, 1.15, 1.275, 1.38, 1.515, 1.60, 1.625, 1.63, 1.62, 1.59, 1.56]),
}
_BODY_MASS_INDEX = np.array([15.6, 15.4, 15.9, 16.7, 17.9, 19.3, 20.5, 22.5, 26.5, 26.5, 25.0])
STEP_LENGTH_FACTOR, STEP_LENGTH_EXPONENT = 1.126, 0.5

CORE_PEOPLE = {
    "child": Person(age_years=8, sex="f", height_m=1.28, mass_kg=26.0),
    "adult": Person(age_years=30, sex="m", height_m=1.76, mass_kg=74.0),
    "older_adult": Person(age_years=75, sex="f", height_m=1.60, mass_kg=66.0),
}
CORE_SPEEDS_MPS = (0.5, 0.7, 0.9, 1.1, 1.3, 1.5, 1.6)
CORE_WEAKNESS = ({}, {"plantarflexors": 0.5}, {"knee_extensors": 0.5})
COHORT_AGES = {"child": (4.0, 17.0), "adult": (18.0, 64.0), "older_adult": (65.0, 90.0)}


def compute_typical_stride_time(person: Person, speed_mps: float) -> float:
    """Stride time of a typical person at a speed, by dynamic similarity.

    Parameters
    ----------
    person : Person
        Who walks.
    speed_mps : float
        Speed (m/s).

    Returns
    -------
    float
        Stride time (s).
    """
    leg = compute_dimensions(person).leg_length_m
    froude = speed_mps / np.sqrt(GRAVITY_MPS2 * leg)
    return float(2 * STEP_LENGTH_FACTOR * froude**STEP_LENGTH_EXPONENT * leg / speed_mps)


def plan_core() -> list[GaitRequest]:
    """Plan the factorial core: three bodies, seven speeds, two weaknesses and none.

    Returns
    -------
    list of GaitRequest
        63 requests; the first is an adult at 1.1 m/s, the seed of the library.
    """
    requests = [
        GaitRequest(person, speed, Impairment(weakness=weakness), _round(person, speed), cohort)
        for cohort, person in CORE_PEOPLE.items()
        for weakness in CORE_WEAKNESS
        for speed in CORE_SPEEDS_MPS
    ]
    seed = next(
        r for r in requests if r.cohort == "adult" and r.speed_mps == 1.1 and not r.impairment.weakness
    )
    return [seed] + [r for r in requests if r is not seed]


def plan_sample(n: int, seed: int) -> list[GaitRequest]:
    """Plan a low-discrepancy sample of people, speeds, stride times and weaknesses.

    Parameters
    ----------
    n : int
        Number of requests, a third of them per cohort of `COHORT_AGES`.
    seed : int
        Seed of the scrambled Sobol sequence.

    Returns
    -------
    list of GaitRequest
        Half without weakness; one in six with free stride time.
    """
    points = qmc.Sobol(9, rng=np.random.default_rng(seed)).random_base2(max(1, (n - 1).bit_length()))[:n]
    return [_plan_one(point, list(COHORT_AGES)[i % len(COHORT_AGES)], i) for i, point in enumerate(points)]


def _plan_one(u: np.ndarray, cohort: str, index: int) -> GaitRequest:
    z = norm.ppf(np.clip(u, 0.02, 0.98))
    low, high = COHORT_AGES[cohort]
    age = round(float(low + u[0] * (high - low)), 1)
    sex = "f" if u[1] < 0.5 else "m"
    height = round(float(np.interp(age, _AGE, _STATURE_M[sex]) * (1 + 0.042 * z[2])), 3)
    index_mass = np.interp(age, _AGE, _BODY_MASS_INDEX) * (1 + 0.13 * z[3])
    person = Person(age_years=age, sex=sex, height_m=height, mass_kg=round(float(index_mass * height**2), 1))
    leg = compute_dimensions(person).leg_length_m
    speed = round(float((0.12 + 0.46 * u[4]) * np.sqrt(GRAVITY_MPS2 * leg)), 3)
    stride_time = round(compute_typical_stride_time(person, speed) * float(np.exp(0.09 * z[5])), 3)
    weakness = {}
    if u[6] >= 0.5:
        group = list(STRENGTH_GROUPS)[int((u[6] - 0.5) * 2 * len(STRENGTH_GROUPS))]
        weakness[group] = round(float(0.4 + 0.5 * u[7]), 2)
    return GaitRequest(
        person, speed, Impairment(weakness=weakness), None if index % 6 == 5 else stride_time, cohort
    )


def _round(person: Person, speed: float) -> float:
    return round(compute_typical_stride_time(person, speed), 3)
