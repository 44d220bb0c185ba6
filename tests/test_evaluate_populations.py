"""Simulated people beside a population: known percentiles, known angles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from notebook_cells import read_definitions

from gaitlib.gait import COORDINATES

TARGETS = Path(__file__).parents[1] / "data" / "targets"
PAGE = read_definitions("1_cohorts")
FRAME_DEG, measure_features = PAGE["FRAME_DEG"], PAGE["measure_features"]


def make_gaits(shift_left_deg: float = 0.0) -> xr.Dataset:
    """Two gaits with known angles: the right foot stands from 0 to 60 %, the left from 50 to 10 %."""
    phase = np.arange(101)
    position = np.zeros((2, 101, len(COORDINATES)))
    swing = np.sin(2 * np.pi * phase / 100)
    for side, shift in (("r", 0.0), ("l", shift_left_deg)):
        values = np.roll(swing[:-1], 0 if side == "r" else 50)
        values = np.append(values, values[0])
        position[:, :, COORDINATES.index(f"knee_angle_{side}")] = np.radians(30 + 20 * values + shift)
        position[:, :, COORDINATES.index(f"hip_flexion_{side}")] = np.radians(10 + 25 * values + shift)
    position[1, :, COORDINATES.index("pelvis_tilt")] = np.radians(-4.0)
    force = np.zeros((2, 101, 2, 3))
    force[:, :, 0, 1] = np.where(phase % 100 < 60, 500.0, 0.0)
    force[:, :, 1, 1] = np.where((phase - 50) % 100 < 60, 500.0, 0.0)
    return xr.Dataset(
        {
            "position": (("gait", "phase", "coordinate"), position),
            "ground_force": (("gait", "phase", "foot", "axis"), force),
            "stride_time_s": ("gait", [1.0, 2.0]),
            "speed_mps": ("gait", [1.2, 0.4]),
        },
        {
            "gait": ["a", "b"],
            "phase": phase,
            "coordinate": list(COORDINATES),
            "foot": ["r", "l"],
            "axis": list("xyz"),
        },
    )


def test_features_of_known_gaits():
    found = measure_features(make_gaits(), np.array([50.0, 50.0]))
    np.testing.assert_allclose(found["step_length_m"], [0.6, 0.4])
    np.testing.assert_allclose(found["pelvis_anterior_tilt_mean_deg"], [FRAME_DEG, FRAME_DEG + 4])
    np.testing.assert_allclose(found["foot_off_percent"], 60)
    np.testing.assert_allclose(found["hip_range_deg"], 50)
    np.testing.assert_allclose(found["hip_flexion_min_deg"], 10 - 25 + FRAME_DEG)
    np.testing.assert_allclose(found["knee_flexion_contact_deg"], 30, atol=1e-6)
    np.testing.assert_allclose(
        found["knee_flexion_max_swing_deg"], 30 - 20 * np.sin(2 * np.pi * 0.01), atol=0.2
    )
    assert list(found.index) == ["a", "b"]


def test_sides_count_alike():
    """Five degrees on one side are two and a half in the mean."""
    first, second = (measure_features(make_gaits(shift), np.array([50.0, 50.0])) for shift in (0.0, 5.0))
    np.testing.assert_allclose(second["knee_flexion_contact_deg"] - first["knee_flexion_contact_deg"], 2.5)


def test_a_population_agrees_with_itself_and_not_with_a_shifted_one():
    names = ("cerebral_palsy", "cerebral_palsy_rank_correlation")
    targets, ranks = (pd.read_csv(TARGETS / f"{name}.csv", index_col="feature") for name in names)
    own = pd.DataFrame(
        {
            name: np.interp(np.arange(0, 101, 5), [5, 25, 50, 75, 95], row.iloc[:5])
            for name, row in targets.iterrows()
        }
    )
    table = PAGE["compare_percentiles"](own, targets)
    assert len(table) == 3 * len(targets) and table["agrees"].all()
    np.testing.assert_allclose(table["difference"], 0, atol=1e-9)
    own["hip_flexion_min_deg"] += 6
    moved = PAGE["compare_percentiles"](own, targets).set_index(["feature", "percentile"])["agrees"]
    assert not moved["hip_flexion_min_deg", 50] and moved["speed_mps", 50]
    pairs = PAGE["compare_ranks"](own, ranks)
    assert len(pairs) == len(ranks) * (len(ranks) - 1) // 2
    np.testing.assert_allclose(pairs["simulated"], 1)
    speed = pairs[(pairs["first"] == "speed_mps") & (pairs["second"] == "step_length_m")]
    assert speed["people"].item() == 0.93
