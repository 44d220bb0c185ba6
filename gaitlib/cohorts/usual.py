"""Usual ranges of healthy people: mean and 1.96 SD at an age, sex and height.

Speed and variability: mean and SD of the cohorts, with their sources. Steps: dynamic similarity at the usual
speed and the person's height; their SD adds that of the speed to that of the stride time.
"""

from __future__ import annotations

import numpy as np

from gaitlib.cohorts.cohort import ByAge, load_cohort
from gaitlib.cohorts.growth import build_person, compute_comfortable_speed, compute_typical_stride_time

AGES = (3.0, 95.0)
_PEOPLE = 1.96


def compute_usual(age_years: float | None, sex: str | None, height_m: float) -> dict:
    """Compute the usual ranges of healthy people: name -> ((low, high), source). Empty without an age."""
    if age_years is None or not AGES[0] <= age_years <= AGES[1]:
        return {}
    name = "healthy_child" if age_years < 18 else "healthy_adult" if age_years < 65 else "older_adult"
    variables = load_cohort(name).variables
    pace, rhythm, cv = (variables[key] for key in ("speed_share", "stride_time_share", "stride_time_cv"))
    ends: dict[str, list[float]] = {}
    for one in [sex] if sex else ["m", "f"]:
        speed = compute_comfortable_speed(age_years, one) * pace.mean
        person = build_person(age_years, one, 0.0, 0.0).model_copy(update={"height_m": height_m})
        step = 0.5 * rhythm.mean * compute_typical_stride_time(person, speed)
        spread = float(np.hypot(rhythm.sd, 0.5 * pace.sd))
        centre = {"speed_mps": speed, "step_time_s": step, "step_length_m": speed * step}
        for key, value in centre.items():
            half = _PEOPLE * (pace.sd if key == "speed_mps" else spread)
            ends.setdefault(key, []).extend([value * (1 - half), value * (1 + half)])
    found = {key: (min(values), max(values)) for key, values in ends.items()}
    step = found["step_time_s"]
    found["cadence_spm"] = (60 / step[1], 60 / step[0])
    mean = np.interp(age_years, cv.mean.age_years, cv.mean.value) if isinstance(cv.mean, ByAge) else cv.mean
    found["stride_time_cv"] = (100 * max(mean - _PEOPLE * cv.sd, cv.low), 100 * (mean + _PEOPLE * cv.sd))
    for side in "rl":
        found |= {f"{k}_{side}_{u}": found[f"{k}_{u}"] for k, u in (("step_time", "s"), ("step_length", "m"))}
    similar = "usual speed and body height by dynamic similarity"
    sources = {"speed_mps": pace.source, "stride_time_cv": cv.source}
    return {key: (tuple(map(float, ends)), sources.get(key, similar)) for key, ends in found.items()}
