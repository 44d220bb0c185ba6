"""Sets of toy walkers of many sizes, for the tests of sensors and estimators."""

from __future__ import annotations

import numpy as np
import pandas as pd
from toys import make_person, make_toy_gait
from transforms import stack_gaits

from gaitlib.environment import ROOT
from gaitlib.person import Person


def make_toy_set(n: int, seed: int = 0):
    """Table (one row per gait) and gait set of toys from 1.1 to 1.9 m, 0.4 to 1.7 m/s."""
    rng = np.random.default_rng(seed)
    gaits, rows = [], []
    for index in range(n):
        height, age = float(rng.uniform(1.1, 1.9)), float(rng.uniform(8, 80))
        step_length = height * rng.uniform(0.24, 0.42)
        step_time = 0.52 * np.sqrt(height / 1.7) * rng.uniform(0.85, 1.35)
        speed = float(step_length / step_time)
        gait = make_toy_gait(speed, float(step_length), height_m=height, age_years=age, gait_id=f"toy{index}")
        person = make_person(height, age)
        rows.append({"gait_id": f"toy{index}", "verified": True, "speed_mps": speed} | person.model_dump())
        gaits.append(gait)
    return pd.DataFrame(rows), stack_gaits(gaits)


def make_library_walk(duration_s=6.0, fps=200.0, seed=0):
    """A walk of the typical adult without impairment from whom the doses start, without variation."""
    from gaitlib.sense.body_walk import build_synthetic_walk
    from gaitlib.simulate.library import load_library

    table, gaits = load_library(ROOT / "data" / "doses").curves
    row = table[table["pattern"] == "none"].iloc[0]
    gait = gaits.sel(gait=row["gait_id"])
    person = Person(**{name: row[name] for name in ("age_years", "sex", "height_m", "mass_kg")})
    rng = np.random.default_rng(seed)
    options = {"duration_s": duration_s, "fps": fps, "with_outcomes": False}
    return build_synthetic_walk(gait, person, rng, **options)
