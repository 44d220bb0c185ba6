"""The page to try things on: how people and their walks spread, and how many people a study needs."""

import numpy as np
import pandas as pd
import pytest
from notebook_cells import read_definitions
from statsmodels.stats.power import TTestIndPower, TTestPower

PAGE = read_definitions("explore", smallest_group=10)
SPREAD = {"between": 0.2, "within": 0.05, "slope": 1.0, "no_answer": 0.0}


def make_walks(n_people, n_walks, slope=1.0):
    rng = np.random.default_rng(5)
    people = np.repeat(rng.normal(1.2, 0.2, n_people), n_walks)
    walks = pd.DataFrame({"person_id": np.repeat(np.arange(n_people), n_walks), "reference": people})
    return walks.assign(value=slope * people + rng.normal(0.0, 0.05, len(people)))


def test_the_spread_of_many_people_is_found_again():
    found = PAGE["measure_spread"](make_walks(4000, 3, slope=0.8))
    assert found["between"] == pytest.approx(0.16, rel=0.05) and found["within"] == pytest.approx(
        0.05, rel=0.05
    )
    assert found["slope"] == pytest.approx(0.8, rel=0.02) and found["no_answer"] == 0.0


def test_people_without_an_answer_are_counted_and_too_few_give_nothing():
    walks = make_walks(20, 2)
    walks.loc[walks["person_id"] < 5, "value"] = np.nan
    assert PAGE["measure_spread"](walks)["no_answer"] == pytest.approx(0.25)
    assert PAGE["measure_spread"](make_walks(9, 2)) is None
    assert PAGE["measure_spread"](make_walks(30, 1)) is None


@pytest.mark.parametrize("difference", [0.05, 0.1, 0.2])
def test_the_size_of_a_study_is_that_of_the_t_test(difference):
    sd = np.hypot(SPREAD["between"], SPREAD["within"] / np.sqrt(2))
    exact = TTestIndPower().solve_power(difference / sd, alpha=0.05, power=0.8)
    assert PAGE["count_people"](SPREAD, difference, 2, False) == pytest.approx(exact, abs=1.1)
    shrunk = SPREAD | {"slope": 0.5, "no_answer": 0.5}
    twice = PAGE["count_people"](shrunk, 2 * difference, 2, False)
    assert twice == pytest.approx(2 * exact, abs=2.2), "half the slope, half the people"


def test_before_and_after_only_the_walks_spread_counts():
    exact = TTestPower().solve_power(0.02 / 0.05, alpha=0.05, power=0.9)
    assert PAGE["count_people"](SPREAD | {"between": 9.0}, 0.02, 2, True, 0.9) == pytest.approx(
        exact, abs=1.1
    )
