"""Do 95 % intervals hold the truth in 93-97 % of simulated studies? Twelve children, forty-five adults."""

import numpy as np
import pytest
from evaluate_toys import measure_coverage

MEANS = ["bias", "mae"]
CORRELATIONS = ["r", "icc_2_1", "icc_3_1", "ccc"]
SPREADS = ["rmse", "sd", "loa_lower", "loa_upper", "mdc95"]
PRINTED = MEANS + CORRELATIONS + SPREADS


def get_failures(coverage, n_simulations, names=PRINTED):
    """Give the statistics whose coverage lies outside 93-97 % by more than twice its simulation error."""
    slack = 2 * np.sqrt(0.95 * 0.05 / n_simulations)
    return coverage[names][~coverage[names].between(0.93 - slack, 0.97 + slack)].round(3).to_dict()


@pytest.mark.parametrize(("n_people", "n_simulations"), [(12, 700), (45, 450)])
def test_intervals_cover(n_people, n_simulations):
    coverage = measure_coverage(n_people, 3, n_simulations, 400, seed=n_people)
    assert get_failures(coverage["printed"], n_simulations) == {}
    if n_people == 12:
        # the bar is no formality: a plain bootstrap of a spread does not pass it
        assert set(get_failures(coverage["bca"], n_simulations)) >= {"rmse", "sd", "loa_lower", "loa_upper"}


def test_walks_taken_for_people_fail_the_same_bar():
    coverage = measure_coverage(12, 6, 200, 200, seed=1, as_people=lambda person: np.arange(person.size))
    assert set(get_failures(coverage["printed"], 200)) == set(PRINTED)


@pytest.mark.slow
@pytest.mark.parametrize("n_people", [12, 45])
@pytest.mark.parametrize("max_walks", [1, 5])
def test_intervals_cover_in_the_long_run(n_people, max_walks):
    coverage = measure_coverage(n_people, max_walks, 6000, 1000, seed=10 * n_people + max_walks)
    print(f"\n{n_people} people, up to {max_walks} walks each\n{coverage.round(3)}")
    assert coverage.loc[PRINTED, "printed"].between(0.93, 0.97).all(), coverage.round(3).to_string()
