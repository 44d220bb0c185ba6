"""The same statistics by other people's code: pingouin, scikit-learn, MNE (`make oracle`).

They stay out of the environment of the project: pingouin is GPL, and none is needed to build the book.
"""

import inspect

import numpy as np
import pandas as pd
import pytest
from evaluate_toys import draw_walks

pingouin = pytest.importorskip("pingouin", reason="optional; `make oracle` has its own environment")

from gaitlib.evaluate.agreement import compute_agreement  # noqa: E402
from gaitlib.evaluate.analytic import compute_welch_interval  # noqa: E402
from gaitlib.evaluate.discrimination import compute_auc, fit_discriminant  # noqa: E402
from gaitlib.evaluate.equivalence import compute_tost  # noqa: E402
from gaitlib.evaluate.power import compute_detectable_difference  # noqa: E402
from gaitlib.evaluate.subgroups import adjust_holm  # noqa: E402
from gaitlib.evaluate.waveforms import find_clusters  # noqa: E402

SEEDS = range(5)


@pytest.fixture(params=SEEDS)
def rng(request):
    return np.random.default_rng(request.param)


def test_icc_with_intervals(rng):
    """Both single-rater forms, and the F-distributed limits of Shrout & Fleiss."""
    reference, estimate, person = draw_walks(rng, 20, 1)
    found = compute_agreement(reference, estimate, person, rng, 200)
    long = pd.DataFrame({"truth": reference, "estimate": estimate, "person": person}).melt("person")
    oracle = pingouin.intraclass_corr(long, "person", "variable", "value").set_index("Type")
    names = {"icc_2_1": ("ICC2", "ICC(A,1)"), "icc_3_1": ("ICC3", "ICC(C,1)")}
    for name, kinds in names.items():
        row = oracle.loc[next(kind for kind in kinds if kind in oracle.index)]
        ends = row["CI95%"] if "CI95%" in oracle else row["CI95"]
        ours = found.loc[name, ["value", "analytic_lower", "analytic_upper"]].to_numpy(dtype=float)
        assert ours[0] == pytest.approx(row["ICC"], abs=1e-9)
        assert ours[1:] == pytest.approx(ends, abs=0.006)  # printed there with two digits


def test_correlation_with_interval(rng):
    reference, estimate, person = draw_walks(rng, 25, 1)
    found = compute_agreement(reference, estimate, person, rng, 200).loc["r"]
    oracle = pingouin.corr(reference, estimate).iloc[0]
    ends = oracle["CI95%"] if "CI95%" in oracle else oracle["CI95"]
    assert found["value"] == pytest.approx(oracle["r"], abs=1e-9)
    assert (found["analytic_lower"], found["analytic_upper"]) == pytest.approx(tuple(ends), abs=0.006)


def test_two_one_sided_tests(rng):
    a, b = rng.normal(1.0, 0.2, 15), rng.normal(1.02, 0.2, 15)
    oracle = pingouin.tost(a, b, bound=0.1, paired=True).iloc[0]
    p = oracle["pval"] if "pval" in oracle else oracle["p_val"]
    assert compute_tost(a - b, -0.1, 0.1).p == pytest.approx(p, rel=1e-9)


def test_holm(rng):
    p = rng.uniform(0, 0.2, 7)
    assert adjust_holm(p) == pytest.approx(pingouin.multicomp(p, method="holm")[1])


def test_welch(rng):
    a, b = rng.normal(1.0, 0.3, 9), rng.normal(0.7, 0.1, 14)
    oracle = pingouin.ttest(a, b, correction=True).iloc[0]
    ends = oracle["CI95%"] if "CI95%" in oracle else oracle["CI95"]
    assert compute_welch_interval(a, b)[1:] == pytest.approx(tuple(ends), abs=0.006)


@pytest.mark.parametrize("n", [8, 12, 45])
def test_power(n):
    oracle = pingouin.power_ttest(n=n, power=0.8, alpha=0.05, contrast="paired")
    assert compute_detectable_difference(1.0, n) == pytest.approx(oracle, rel=1e-4)


def test_area_under_the_curve_and_discriminant(rng):
    metrics = pytest.importorskip("sklearn.metrics")
    analysis = pytest.importorskip("sklearn.discriminant_analysis")
    positive = np.arange(30) < 13
    features = rng.normal(size=(30, 3)) + positive[:, None] * [1.0, 0.5, 0.0]
    assert compute_auc(positive, features[:, 0]).value == pytest.approx(
        metrics.roc_auc_score(positive, features[:, 0])
    )
    fitted = analysis.LinearDiscriminantAnalysis(solver="lsqr").fit(features, positive).coef_[0]
    ours = fit_discriminant(features[positive], features[~positive])
    assert ours / np.linalg.norm(ours) == pytest.approx(fitted / np.linalg.norm(fitted), abs=1e-6)


def test_cluster_permutation(rng):
    mne = pytest.importorskip("mne")
    from scipy import stats

    bump = np.where((np.arange(101) > 40) & (np.arange(101) < 60), 1.5, 0.0)
    a = rng.normal(size=(12, 1)) + rng.normal(size=(12, 101)) * 0.7 + bump
    b = rng.normal(size=(12, 1)) + rng.normal(size=(12, 101)) * 0.7
    ours = find_clusters(a, b, rng, 1000)
    options = {"n_permutations": 1000, "tail": 0, "out_type": "mask", "verbose": "error"}
    options[
        "seed" if "seed" in inspect.signature(mne.stats.permutation_cluster_test).parameters else "rng"
    ] = 1
    limit = stats.t.ppf(0.975, 22)
    t, clusters, p, _ = mne.stats.permutation_cluster_test(
        [a, b], threshold=limit, stat_fun=mne.stats.ttest_ind_no_p, **options
    )
    masses = sorted(float(t[mask].sum()) for mask in clusters)
    assert sorted(cluster.mass for cluster in ours) == pytest.approx(masses, rel=1e-6)
    by_mass = {round(float(t[mask].sum()), 4): value for mask, value in zip(clusters, p, strict=True)}
    for cluster in ours:
        oracle = by_mass[round(cluster.mass, 4)]
        # MNE keeps the largest signed mass of two groups, so its p lies between half of ours and ours
        assert 0.5 * cluster.p - 0.04 <= oracle <= cluster.p + 0.04
