"""Walks have the stride-to-stride variability that the person was given."""

from __future__ import annotations

import numpy as np
import pytest
from toys import make_toy_gait

from gaitlib.errors import InputError
from gaitlib.sense.body_walk import build_synthetic_walk
from gaitlib.sense.walk_variation import (
    NO_VARIATION,
    WalkVariation,
    choose_variation,
    measure_variability,
    slow_ends,
)

GAIT = make_toy_gait(1.2, 0.65)


def measure(row: dict, n_walks: int = 6) -> tuple[float, float]:
    variation = choose_variation(row, NO_VARIATION)
    found = [
        measure_variability(
            build_synthetic_walk(GAIT, None, np.random.default_rng(seed), n_strides=60, fps=100.0,
                                 variation=variation, with_outcomes=False)
        )
        for seed in range(n_walks)
    ]  # fmt: skip
    assert min(item["n_strides"] for item in found) > 40
    return tuple(np.mean([item[name] for item in found]) for name in ("stride_time_cv", "stride_length_cv"))


@pytest.mark.parametrize(("time_cv", "length_cv"), [(0.019, 0.020), (0.029, 0.038), (0.064, 0.064)])
def test_walks_have_the_variability_of_their_person(time_cv, length_cv):
    """A healthy adult, Parkinson's disease OFF, a child of four: within a tenth of what was asked."""
    found = measure({"stride_time_cv": time_cv, "stride_length_cv": length_cv})
    assert found == pytest.approx((time_cv, length_cv), rel=0.10)


def test_no_variability_asked_none_made():
    assert max(measure({"stride_time_cv": 0.0, "stride_length_cv": 0.0}, 1)) < 0.002


def test_all_else_is_kept_and_an_unknown_value_changes_nothing():
    base = WalkVariation(asymmetry=0.7)
    assert choose_variation({"stride_time_cv": np.nan}, base) == base
    assert choose_variation({"stride_time_cv": 0.05}, base).asymmetry == 0.7
    with pytest.raises(InputError, match="stride_length_cv: found 2.0"):
        choose_variation({"stride_length_cv": 2.0})


def test_a_short_walk_has_no_variability():
    walk = build_synthetic_walk(GAIT, None, np.random.default_rng(0), n_strides=3, with_outcomes=False)
    assert np.isnan(measure_variability(walk)["stride_time_cv"])


def test_first_and_last_steps_are_slower_and_the_walk_as_long_as_before():
    time_s = np.arange(0, 8, 0.01)
    slowed = slow_ends(time_s / 1.1, time_s, np.array([0.3, 0.2]))
    assert slowed[0] == 0 and slowed[-1] == pytest.approx(time_s[-1] / 1.1)
    ends = np.interp(np.arange(0.0, 2 * slowed[-1], 1.0), 2 * slowed, time_s)
    steps = np.diff(ends)
    middle = np.median(steps)
    assert 1.1 < steps[0] / middle < 1.3 and steps[0] > steps[1] > steps[2] > 0.99 * middle
    assert steps[-1] > 1.01 * middle
