"""Known answers, metamorphic relations and malformed input of the agreement statistics."""

import time

import numpy as np
import pandas as pd
import pytest
from evaluate_toys import draw_walks
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitlib.errors import InputError
from gaitlib.evaluate.agreement import STATISTICS, compute_agreement
from gaitlib.evaluate.bland_altman import compute_bland_altman, compute_proportional_bias
from gaitlib.evaluate.bootstrap import compute_bca_interval, compute_mean_interval, draw_person_weights
from gaitlib.evaluate.person_means import FEW_PEOPLE
from gaitlib.evaluate.reliability import compute_ccc, compute_icc


def agree(reference, estimate, person=None, seed=0, n_resamples=500):
    person = np.arange(len(reference)) if person is None else person
    return compute_agreement(reference, estimate, person, np.random.default_rng(seed), n_resamples)


@pytest.fixture
def walks():
    return draw_walks(np.random.default_rng(3), 15, 4)


def test_perfect_agreement():
    found = agree([0.8, 1.0, 1.1, 1.3], [0.8, 1.0, 1.1, 1.3])
    for name in ("bias", "mae", "rmse", "sd", "loa_lower", "loa_upper", "mdc95"):
        assert found.loc[name, ["value", "lower", "upper"]].tolist() == pytest.approx([0, 0, 0], abs=1e-12)
    for name in ("r", "icc_2_1", "icc_3_1", "ccc"):
        assert found.loc[name, ["value", "lower", "upper"]].tolist() == pytest.approx([1, 1, 1])


def test_constant_bias_is_seen_by_absolute_agreement_only():
    reference = np.linspace(0.6, 1.4, 12)
    found = agree(reference, reference + 0.2)["value"]
    assert found[["bias", "mae", "rmse"]].tolist() == pytest.approx([0.2, 0.2, 0.2])
    assert found[["r", "icc_3_1"]].tolist() == pytest.approx([1, 1])
    assert found["icc_2_1"] < 0.9 and found["ccc"] < 0.9
    assert found["sd"] == pytest.approx(0, abs=1e-9)


def test_scale_error_hides_behind_high_r():
    reference = np.linspace(0.6, 1.4, 12)
    found = agree(reference, 0.5 * reference)["value"]
    assert found["r"] == pytest.approx(1)
    assert found["mae"] == pytest.approx(0.5)
    assert found["slope_reference"] == pytest.approx(-0.5)
    assert found["slope_mean"] == pytest.approx(-0.5 / 0.75)


def test_single_walks_give_the_textbook_formulas(walks):
    reference, estimate, person = walks
    first = np.unique(person, return_index=True)[1]
    x, y = reference[first], estimate[first]
    found = agree(x, y)["value"]
    assert found["bias"] == pytest.approx(np.mean(y - x))
    assert found["mae"] == pytest.approx(np.mean(abs(y - x)))
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean((y - x) ** 2)))
    assert found["r"] == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert found["sd"] == pytest.approx(np.std(y - x, ddof=1))
    assert found["ccc"] == pytest.approx(compute_ccc(x, y).value)
    assert found["icc_2_1"] == pytest.approx(compute_icc(np.column_stack([x, y])).loc["icc_2_1", "value"])
    assert found["slope_reference"] == pytest.approx(np.polyfit(x, y - x, 1)[0])
    assert found["mdc95"] == pytest.approx(1.959964 * np.sqrt(2) * found["sd"], rel=1e-6)


def test_every_person_weighs_the_same():
    """A hundred walks of one person do not outvote two people."""
    reference = np.r_[np.full(100, 1.0), 1.2, 0.8]
    estimate = np.r_[np.full(100, 1.3), 1.2, 0.8]
    person = np.r_[np.zeros(100), 1, 2]
    assert agree(reference, estimate, person).loc["bias", "value"] == pytest.approx(0.1)


def test_copies_of_walks_change_no_mean_and_narrow_nothing(walks):
    reference, estimate, person = walks
    once = agree(reference, estimate, person)
    twice = agree(np.tile(reference, 2), np.tile(estimate, 2), np.tile(person, 2))
    means = ["bias", "mae", "rmse", "r", "icc_2_1", "ccc"]
    pd.testing.assert_series_equal(once.loc[means, "value"], twice.loc[means, "value"])
    assert twice.loc["mae", "upper"] == pytest.approx(once.loc["mae", "upper"])
    assert len(set(person)) == once.attrs["n_people"] == twice.attrs["n_people"]
    assert twice.attrs["n_walks"] == 2 * once.attrs["n_walks"]


@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_change_of_unit(walks, factor):
    reference, estimate, person = walks
    before, after = agree(reference, estimate, person), agree(factor * reference, factor * estimate, person)
    for name, item in STATISTICS.items():
        scale = factor if item.has_unit else 1.0
        expected = scale * before.loc[name, ["value", "lower", "upper"]].astype(float)
        np.testing.assert_allclose(
            after.loc[name, ["value", "lower", "upper"]].astype(float), expected, rtol=1e-6
        )


def test_shift_of_origin_does_not_lose_digits(walks):
    reference, estimate, person = walks
    before, after = agree(reference, estimate, person), agree(reference + 1e5, estimate + 1e5, person)
    np.testing.assert_allclose(after["value"], before["value"], rtol=1e-5)


def test_swapping_both_columns_turns_the_bias(walks):
    reference, estimate, person = walks
    found, swapped = agree(reference, estimate, person)["value"], agree(estimate, reference, person)["value"]
    assert swapped["bias"] == pytest.approx(-found["bias"])
    assert swapped["loa_upper"] == pytest.approx(-found["loa_lower"])
    for name in ("mae", "rmse", "r", "icc_2_1", "icc_3_1", "ccc", "sd", "sd_within"):
        assert swapped[name] == pytest.approx(found[name])


def test_order_and_names_of_people_do_not_matter(walks):
    reference, estimate, person = walks
    order = np.random.default_rng(0).permutation(person.size)
    named = np.array([f"p{index:02d}" for index in person])
    pd.testing.assert_frame_equal(
        agree(reference, estimate, person), agree(reference[order], estimate[order], named[order])
    )


def test_equal_generators_give_equal_numbers(walks):
    pd.testing.assert_frame_equal(agree(*walks, seed=4), agree(*walks, seed=4))


def test_input_is_not_changed(walks):
    copies = [column.copy() for column in walks]
    agree(*walks)
    for column, copy in zip(walks, copies, strict=True):
        np.testing.assert_array_equal(column, copy)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0, 3), st.integers(0, 5)), min_size=3, max_size=30))
def test_order_relations_hold_for_any_data(rows):
    reference, estimate, person = map(np.array, zip(*rows, strict=True))
    if len(set(person)) < 3:
        return
    found = agree(reference, estimate, person, n_resamples=100)
    value = found["value"]
    assert abs(value["bias"]) <= value["mae"] + 1e-9 <= value["rmse"] + 2e-9
    for name in ("r", "icc_3_1", "ccc"):
        assert np.isnan(value[name]) or abs(value[name]) <= 1 + 1e-9
    given_ends = found.dropna(subset=["lower", "upper"])
    assert (given_ends["lower"] <= given_ends["upper"] + 1e-9).all()


def test_constant_reference_is_undefined_with_a_reason():
    found = agree([1.2] * 6, [1.1, 1.2, 1.3, 1.2, 1.25, 1.0])
    for name in ("r", "icc_2_1", "icc_3_1", "ccc", "slope_reference"):
        assert np.isnan(found.loc[name, "value"]) and np.isnan(found.loc[name, "lower"])
        assert found.loc[name, "note"] == "undefined: the reference does not vary"
    assert np.isfinite(found.loc["mae", ["value", "lower", "upper"]].astype(float)).all()


def test_constant_estimate_has_no_r_but_no_agreement_either():
    found = agree([0.8, 1.0, 1.1, 1.3, 1.5], [1.1] * 5)
    assert np.isnan(found.loc["r", "value"])
    assert found.loc["r", "note"] == "undefined: the estimate does not vary"
    assert found.loc["icc_2_1", "value"] == pytest.approx(0, abs=1e-9)
    assert found.loc["slope_reference", "value"] == pytest.approx(-1)


def test_few_people_are_flagged_and_still_get_intervals(walks):
    found = agree([0.8, 1.0, 1.1, 1.3], [0.9, 1.0, 1.2, 1.25])
    assert found.loc["bias", "note"] == "few people (4): interval indicative only"
    assert np.isfinite(found.loc["bias", ["lower", "upper"]].astype(float)).all()
    assert len(set(walks[2])) >= FEW_PEOPLE and agree(*walks).loc["bias", "note"] == ""


def test_repeats_are_needed_for_the_error_within_people():
    found = agree([0.8, 1.0, 1.1, 1.3], [0.9, 1.0, 1.2, 1.25])
    assert found.loc["sd_within", "note"] == "undefined: 0 people walked more than once"
    assert np.isnan(found.loc["mdc95_within", "value"])


@pytest.mark.parametrize(
    ("reference", "estimate", "person", "message"),
    [
        ([1, np.nan, 1.2], [1, 1, 1], [1, 2, 3], "reference: 1 of 3 values are missing"),
        ([1, 1.1, 1.2], [1, np.inf, 1], [1, 2, 3], "estimate: 1 of 3 values are missing or infinite"),
        ([1, 1.1, 1.2], [1, 1, 1], [1, 2, 2], "person: 2 people found, agreement needs at least 3"),
        ([1, 1.1], [1, 1, 1], [1, 2, 3], "equally long"),
        ([], [], [], "person: 0 people"),
    ],
)
def test_malformed_columns(reference, estimate, person, message):
    with pytest.raises(InputError, match=message):
        agree(reference, estimate, person)


def test_bland_altman_of_a_known_two_level_sample():
    """Large sample: limits recover 1.96 times the square root of both variances."""
    rng = np.random.default_rng(5)
    reference, estimate, person = draw_walks(rng, 20_000, 5, bias=0.03, sd_between=0.08, sd_within=0.05)
    found = compute_bland_altman(reference, estimate, person)
    assert found.bias == pytest.approx(0.03, abs=0.002)
    assert found.sd_between == pytest.approx(0.08, abs=0.002)
    assert found.sd_within == pytest.approx(0.05, abs=0.001)
    assert found.limit_upper == pytest.approx(0.03 + 1.96 * np.hypot(0.08, 0.05), abs=0.003)
    outside = np.mean((estimate - reference > found.limit_upper) | (estimate - reference < found.limit_lower))
    assert outside == pytest.approx(0.05, abs=0.004)


def test_both_weightings_agree_on_balanced_data():
    rng = np.random.default_rng(6)
    reference = rng.normal(1.1, 0.2, 60)
    estimate = reference + np.repeat(rng.normal(0, 0.1, 20), 3) + rng.normal(0, 0.05, 60)
    person = np.repeat(np.arange(20), 3)
    ours = compute_bland_altman(reference, estimate, person)
    paper = compute_bland_altman(reference, estimate, person, weighting="walk")
    assert ours.sd == pytest.approx(paper.sd) and ours.bias == pytest.approx(paper.bias)
    with pytest.raises(InputError, match="weighting"):
        compute_bland_altman(reference, estimate, person, weighting="frame")


def test_bias_that_changes_with_size_is_recovered():
    rng = np.random.default_rng(7)
    reference = rng.uniform(0.5, 1.6, 400)
    estimate = reference + 0.3 - 0.25 * reference + rng.normal(0, 0.04 * reference)
    found = compute_proportional_bias(reference, estimate, np.arange(400), against="reference")
    assert found.slope == pytest.approx(-0.25, abs=0.02) and found.slope_p < 1e-6
    assert found.slope_lower < -0.25 < found.slope_upper
    assert found.intercept == pytest.approx(0.3, abs=0.02)
    assert found.sd_slope == pytest.approx(0.04, abs=0.012) and found.sd_slope_p < 1e-3
    bias, low, high = found.evaluate_limits([1.2])
    assert bias[0] == pytest.approx(0.0, abs=0.01)
    assert high[0] - low[0] == pytest.approx(2 * 1.96 * 0.048, rel=0.15)


def test_constant_bias_has_no_slope_and_constant_reference_none_at_all():
    rng = np.random.default_rng(8)
    reference = rng.uniform(0.5, 1.6, 200)
    estimate = reference + 0.1 + rng.normal(0, 0.05, 200)
    assert compute_proportional_bias(reference, estimate, np.arange(200), "reference").slope_p > 0.01
    assert np.isnan(compute_proportional_bias(np.ones(20), estimate[:20], np.arange(20), "reference").slope)
    with pytest.raises(InputError, match="against"):
        compute_proportional_bias(reference, estimate, np.arange(200), "time")


def test_person_weights_are_resamples():
    weights = draw_person_weights(12, 1000, np.random.default_rng(0))
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert set(np.unique(np.round(weights * 12))) <= set(range(13))
    np.testing.assert_allclose(weights.mean(axis=0), 1 / 12, atol=0.01)
    with pytest.raises(InputError, match="n_resamples"):
        draw_person_weights(12, 20, np.random.default_rng(0))


def test_bca_of_a_symmetric_mean_is_close_to_student():
    rng = np.random.default_rng(9)
    values = rng.normal(0, 1, 40)
    low, high = compute_mean_interval([values], rng, 20_000)
    half = 2.0227 * values.std(ddof=1) / np.sqrt(40)
    assert low == pytest.approx(values.mean() - half, abs=0.04)
    assert high == pytest.approx(values.mean() + half, abs=0.04)


def test_bca_leans_where_the_data_lean():
    values = np.random.default_rng(10).exponential(1, 30)
    low, high = compute_mean_interval([values], np.random.default_rng(0), 5000)
    assert high - values.mean() > 1.2 * (values.mean() - low)


def test_undefined_resamples_are_counted():
    replicates = np.r_[np.full(300, np.nan), np.linspace(0, 1, 700)][:, None]
    low, high, undefined = compute_bca_interval(replicates, np.array([0.5]), np.zeros((10, 1)), 9)
    assert undefined[0] == pytest.approx(0.3)
    assert 0 <= low[0] < 0.5 < high[0] <= 1
    low, *_ = compute_bca_interval(np.full((1000, 1), np.nan), np.array([0.5]), np.zeros((10, 1)), 9)
    assert np.isnan(low[0])


@pytest.mark.parametrize("ratings", [[[1, 2]], [[1, 2], [2, 3], [np.nan, 1]], [1, 2, 3], [[1], [2], [3]]])
def test_malformed_ratings(ratings):
    with pytest.raises(InputError, match="ratings"):
        compute_icc(ratings)


def test_two_thousand_resamples_take_well_under_a_second():
    walks = draw_walks(np.random.default_rng(11), 45, 5)
    agree(*walks)
    start = time.process_time()
    agree(*walks, n_resamples=2000)
    assert time.process_time() - start < 0.5
