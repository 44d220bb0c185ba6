"""Curves of two groups: what the cluster test finds, and that it stays silent on noise."""

import numpy as np
import pytest

from gaitlib.errors import InputError
from gaitlib.evaluate.analytic import compute_welch_interval
from gaitlib.evaluate.waveforms import (
    compute_band_share,
    compute_profile_scores,
    find_clusters,
    score_deviation,
    score_normal,
)

PHASE = np.linspace(0, 1, 101)


def draw_curves(rng, n, bump=0.0):
    """Smooth curves that differ between people, with a bump at 60-80 % of the stride."""
    height, shift = rng.normal(0, 3, (n, 1)), rng.normal(0, 2, (n, 1))
    lift = bump * np.where((PHASE > 0.6) & (PHASE < 0.8), np.sin((PHASE - 0.6) * np.pi / 0.2), 0)
    return 30 * np.sin(2 * np.pi * PHASE) + height * np.cos(2 * np.pi * PHASE) + shift + lift


def test_a_bump_is_found_where_it_is():
    rng = np.random.default_rng(1)
    (found,) = find_clusters(draw_curves(rng, 20, 12.0), draw_curves(rng, 22), rng, 500)
    assert found.p < 0.01 and found.mass > 0
    assert 58 <= found.first <= 72 <= found.last <= 82


def test_swapping_groups_turns_the_sign_only():
    a, b = draw_curves(np.random.default_rng(2), 12, 8.0), draw_curves(np.random.default_rng(3), 12)
    one, other = (find_clusters(*pair, np.random.default_rng(0), 200) for pair in ((a, b), (b, a)))
    assert [c.mass for c in one] == pytest.approx([-c.mass for c in other])
    assert [(c.first, c.last) for c in one] == [(c.first, c.last) for c in other]


def test_error_rate_over_the_whole_stride():
    """5 % of experiments on noise may show something anywhere: 200 experiments of 12 people."""
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(200):
        found = find_clusters(draw_curves(rng, 6), draw_curves(rng, 6), rng, 199)
        hits += any(cluster.p < 0.05 for cluster in found)
    assert 2 <= hits <= 19  # 99 % of experiments at a true rate of 5 %


def test_profile_of_a_constant_shift():
    normal = {"hip": np.zeros((5, 101)), "knee": np.zeros((5, 101))}
    scores = compute_profile_scores({"hip": np.full((2, 101), 3.0), "knee": np.full((2, 101), -4.0)}, normal)
    assert scores["hip"].tolist() == [3.0, 3.0] and scores["knee"].tolist() == [4.0, 4.0]
    assert scores["profile"].to_numpy() == pytest.approx(np.sqrt((9 + 16) / 2))


def test_band_share():
    band = np.array([[-1.0] * 4, [1.0] * 4])  # SD is the root of two
    curve = np.array([[0.0, 2.0, 3.0, -10.0]])
    assert compute_band_share(curve, band).tolist() == [0.5]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.zeros((2, 5)), np.zeros((9, 5))),
        (np.zeros((4, 5)), np.zeros((4, 6))),
        (np.full((4, 5), np.nan),) * 2,
    ],
)
def test_malformed_curves(a, b):
    with pytest.raises(InputError, match="people"):
        find_clusters(a, b, np.random.default_rng(0), 10)


def test_profile_refuses_other_joints():
    with pytest.raises(InputError, match="joints hip"):
        compute_profile_scores({"hip": np.zeros((2, 5))}, {"knee": np.zeros((2, 5))})


def test_welch_interval_of_two_known_samples():
    """Same as scipy's, which follows Welch 1947."""
    from scipy import stats

    a, b = np.array([3.1, 2.8, 4.0, 3.5]), np.array([2.0, 2.9, 2.2])
    oracle = stats.ttest_ind(a, b, equal_var=False).confidence_interval()
    assert compute_welch_interval(a, b) == pytest.approx((a.mean() - b.mean(), oracle.low, oracle.high))
    assert np.isnan(compute_welch_interval(a, [1.0])).all()


def test_the_deviation_index_is_100_and_10_in_healthy_people_and_falls_with_distance():
    rng = np.random.default_rng(3)
    normal = {joint: rng.normal(size=(40, 1)) * np.ones(51) + rng.normal(size=(40, 51)) for joint in "hk"}
    each = []
    for n in range(40):
        rest = {joint: np.delete(curves, n, axis=0) for joint, curves in normal.items()}
        each.append(score_deviation({joint: curves[[n]] for joint, curves in normal.items()}, rest)[0])
    assert np.mean(each) == pytest.approx(100, abs=1) and np.std(each) == pytest.approx(10, abs=1)
    centre = {joint: curves.mean(axis=0) for joint, curves in normal.items()}
    shape = rng.normal(size=51)
    near, far = (score_deviation({j: (c + size * shape)[None] for j, c in centre.items()}, normal)[0]
                 for size in (2.0, 4.0))  # fmt: skip
    spread = np.log(score_normal(normal)["profile"]).std(ddof=1)
    assert near - far == pytest.approx(10 * np.log(2) / spread)
