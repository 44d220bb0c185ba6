"""Do 95 % intervals hold the truth in 93-97 % of simulated studies? Twelve children, forty-five adults."""

import numpy as np
import pytest
from evaluate_toys import measure_coverage

MEANS = ["bias", "mae"]
CORRELATIONS = ["r", "icc_2_1", "icc_3_1", "ccc"]
SPREADS = ["rmse", "sd", "loa_lower", "loa_upper", "mdc95"]
PRINTED = MEANS + CORRELATIONS + SPREADS


@pytest.mark.parametrize(("n_people", "n_simulations"), [(12, 1000), (45, 600)])
def test_intervals_of_single_walks_cover(n_people, n_simulations):
    # 1000 studies: standard error 0.7 %, so an interval that covers 91 % or less cannot slip through
    coverage = measure_coverage(n_people, 1, n_simulations, 300, seed=n_people)
    assert coverage[PRINTED].between(0.93, 0.97).all(), coverage[PRINTED].round(3).to_dict()


def test_walks_taken_for_people_are_caught():
    """The same criterion fails the common mistake, so passing it means something."""
    coverage = measure_coverage(12, 6, 300, 300, seed=1, as_people=lambda person: np.arange(person.size))
    assert coverage["bias"] < 0.88


@pytest.mark.slow
@pytest.mark.parametrize("n_people", [12, 45])
@pytest.mark.parametrize("max_walks", [1, 5])
def test_intervals_cover_in_the_long_run(n_people, max_walks):
    coverage = measure_coverage(n_people, max_walks, 3000, 1000, seed=10 * n_people + max_walks)
    assert coverage[PRINTED].between(0.93, 0.97).all(), coverage[PRINTED].round(3).to_dict()
