"""Every statistic against a published worked example, typed from its source."""

import numpy as np
import pytest
from scipy import stats

from gaitlib.evaluate.agreement import compute_agreement
from gaitlib.evaluate.bland_altman import compute_bland_altman
from gaitlib.evaluate.calibration import compute_wilson_interval
from gaitlib.evaluate.discrimination import compare_aucs, compute_auc
from gaitlib.evaluate.equivalence import compute_tost
from gaitlib.evaluate.power import compute_detectable_difference
from gaitlib.evaluate.reliability import compute_ccc, compute_icc
from gaitlib.evaluate.subgroups import adjust_holm

# Shrout & Fleiss 1979, Psychol Bull 86:420, table 2: six targets rated by four judges
RATINGS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]

# Bland & Altman 1986, Lancet 327:307, table: peak expiratory flow rate (l/min), first readings of both meters
WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI_WRIGHT = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]

# Bland & Altman 2007, J Biopharm Stat 17:571, table 1: subject, radionuclide ventriculography, impedance
# cardiography (cardiac output, l/min)
CARDIAC = [
    (1, 7.83, 6.57), (1, 7.42, 5.62), (1, 7.89, 6.90), (1, 7.12, 6.57), (1, 7.88, 6.35),
    (2, 6.16, 4.06), (2, 7.26, 4.29), (2, 6.71, 4.26), (2, 6.54, 4.09),
    (3, 4.75, 4.71), (3, 5.24, 5.50), (3, 4.86, 5.08), (3, 4.78, 5.02), (3, 6.05, 6.01), (3, 5.42, 5.67),
    (4, 4.21, 4.14), (4, 3.61, 4.20), (4, 3.72, 4.61), (4, 3.87, 4.68), (4, 3.92, 5.04),
    (5, 3.13, 3.03), (5, 2.98, 2.86), (5, 2.85, 2.77), (5, 3.17, 2.46), (5, 3.09, 2.32), (5, 3.12, 2.43),
    (6, 5.92, 5.90), (6, 6.42, 5.81), (6, 5.92, 5.70), (6, 6.27, 5.76),
    (7, 7.13, 5.09), (7, 6.62, 4.63), (7, 6.58, 4.61), (7, 6.93, 5.09),
    (8, 4.54, 4.72), (8, 4.81, 4.61), (8, 5.11, 4.36), (8, 5.29, 4.20), (8, 5.39, 4.36), (8, 5.57, 4.20),
    (9, 4.48, 3.17), (9, 4.92, 3.12), (9, 3.97, 2.96),
    (10, 4.22, 4.35), (10, 4.65, 4.62), (10, 4.74, 3.16), (10, 4.44, 3.53), (10, 4.50, 3.53),
    (11, 6.78, 7.20), (11, 6.07, 6.09), (11, 6.52, 7.00), (11, 6.42, 7.10), (11, 6.41, 7.40),
    (11, 5.76, 6.80),
    (12, 5.06, 4.50), (12, 4.72, 4.20), (12, 4.90, 3.80), (12, 4.80, 3.80), (12, 4.90, 4.20),
    (12, 5.10, 4.50),
]  # fmt: skip

# Wellek 2003, Testing Statistical Hypotheses of Equivalence, p. 212: areas under the curve, test and
# reference; analysed as an equivalence test in the SAS/STAT manual, chapter TTEST
AUC_TEST = [103.4, 59.92, 68.17, 94.54, 69.48, 72.17, 74.37, 84.44, 96.74, 94.26, 48.52, 95.68]
AUC_REFERENCE = [90.11, 77.71, 77.71, 97.51, 58.21, 101.3, 79.84, 96.06, 89.30, 97.22, 61.62, 85.80]


def test_icc_of_shrout_and_fleiss():
    found = compute_icc(RATINGS)
    published = {
        "icc_1_1": 0.17, "icc_2_1": 0.29, "icc_3_1": 0.71, "icc_1_k": 0.44, "icc_2_k": 0.62, "icc_3_k": 0.91,
    }  # fmt: skip
    # the paper truncates .715 to .71
    assert found["value"].to_dict() == pytest.approx(published, abs=0.0055)
    # 95 % intervals of the same data: ICC(2,1) .02 to .76, ICC(3,1) .34 to .95
    assert tuple(found.loc["icc_2_1", ["lower", "upper"]]) == pytest.approx((0.02, 0.76), abs=0.005)
    assert tuple(found.loc["icc_3_1", ["lower", "upper"]]) == pytest.approx((0.34, 0.95), abs=0.005)


def test_icc_from_person_means_equals_analysis_of_variance():
    found = compute_agreement(WRIGHT, MINI_WRIGHT, np.arange(17), np.random.default_rng(7), 200)
    expected = compute_icc(np.column_stack([WRIGHT, MINI_WRIGHT]))["value"]
    assert found.loc["icc_2_1", "value"] == pytest.approx(expected["icc_2_1"], rel=1e-12)
    assert found.loc["icc_3_1", "value"] == pytest.approx(expected["icc_3_1"], rel=1e-12)


def test_peak_flow_of_bland_and_altman_1986():
    found = compute_bland_altman(reference=MINI_WRIGHT, estimate=WRIGHT, person=np.arange(17))
    assert found.bias == pytest.approx(-2.1, abs=0.05)
    assert found.sd == pytest.approx(38.8, abs=0.05)
    assert (found.bias_lower, found.bias_upper) == pytest.approx((-22.0, 17.8), abs=0.06)
    # the paper multiplies by 2
    assert found.bias - 2 * found.sd == pytest.approx(-79.7, abs=0.1)
    assert found.bias + 2 * found.sd == pytest.approx(75.5, abs=0.1)
    assert np.corrcoef(WRIGHT, MINI_WRIGHT)[0, 1] == pytest.approx(0.94, abs=0.005)


def test_limits_are_exact_noncentral_t_when_everyone_walked_once():
    """Carkeet 2015: the interval of a limit is a tolerance limit."""
    found = compute_bland_altman(MINI_WRIGHT, WRIGHT, np.arange(17))
    z = stats.norm.ppf(0.975)
    ends = stats.nct.ppf([0.025, 0.975], 16, z * np.sqrt(17)) * found.sd / np.sqrt(17)
    assert found.limit_upper_interval == pytest.approx(tuple(found.bias + ends), rel=1e-9)


def test_repeated_measures_of_bland_and_altman_2007():
    subject, rv, ic = map(np.array, zip(*CARDIAC, strict=True))
    found = compute_bland_altman(reference=ic, estimate=rv, person=subject, weighting="walk")
    # section 3, true value varies: mean 0.60, within 0.1707, between (4.2091 - 0.1707) / 4.9818, SD 0.99
    assert found.bias == pytest.approx(0.6021667, abs=1e-6)
    assert found.sd_within**2 == pytest.approx(0.170714, abs=1e-6)
    assert found.sd_between**2 + found.sd_within**2 == pytest.approx(0.98133606, abs=1e-6)
    assert found.sd == pytest.approx(0.99062408, abs=1e-6)
    assert (found.limit_lower, found.limit_upper) == pytest.approx((-1.3394565, 2.5437899), abs=5e-5)
    assert (found.n_people, found.n_walks) == (12, 60)
    # people weighing the same: the mean of the subjects' mean differences, also in the paper
    assert compute_bland_altman(ic, rv, subject).bias == pytest.approx(0.7092361, abs=1e-6)


def test_concordance_of_the_peak_flow_data():
    """Steichen & Cox 1998, Stata Tech Bull 43 (sg84), the same 17 people: rho_c 0.943, SE 0.029, r 0.943."""
    found = compute_ccc(WRIGHT, MINI_WRIGHT)
    assert found.value == pytest.approx(0.943, abs=0.0005)
    assert found.standard_error == pytest.approx(0.029, abs=0.0005)
    assert found.r == pytest.approx(0.943, abs=0.0005)
    assert found.bias_factor == pytest.approx(0.999, abs=0.0005)


def test_concordance_from_its_definition():
    """Lin 1989: one less the expected squared distance from the identity over that of independent columns."""
    x, y = np.array(WRIGHT, float), np.array(MINI_WRIGHT, float)
    independent = x.var() + y.var() + (x.mean() - y.mean()) ** 2
    assert compute_ccc(x, y).value == pytest.approx(1 - np.mean((x - y) ** 2) / independent, rel=1e-12)


def test_equivalence_of_wellek():
    """SAS/STAT TTEST, bounds 0.8 and 1.25 on the ratio: t = 3.38 and -5.90, P = 0.0031 and < .0001."""
    ratio = np.log(AUC_TEST) - np.log(AUC_REFERENCE)
    found = compute_tost(ratio, np.log(0.8), np.log(1.25))
    assert (found.t_lower, found.t_upper) == pytest.approx((3.38, -5.90), abs=0.005)
    assert found.p_lower == pytest.approx(0.0031, abs=0.00005)
    assert found.p == found.p_lower
    assert found.p_upper < 0.0001
    assert found.equivalent
    assert np.log(0.8) < found.lower < found.upper < np.log(1.25)


def test_wilson_interval_of_newcombe():
    """Newcombe 1998, Stat Med 17:857, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    published = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (hits, n), interval in published.items():
        assert compute_wilson_interval(hits / n, n) == pytest.approx(interval, abs=0.00006)


def test_holm_adjustment_by_hand():
    """Step-down by definition: 0.01 x 4, 0.013 x 3 (raised to the one before), 0.02 x 2, 0.04 x 1."""
    assert adjust_holm([0.04, 0.01, np.nan, 0.02, 0.013]) == pytest.approx(
        [0.04, 0.04, np.nan, 0.04, 0.04], nan_ok=True
    )
    assert adjust_holm([0.5, 0.01]) == pytest.approx([0.5, 0.02])


def test_power_of_cohen():
    """Cohen 1988, table 2.3: a paired t test, two-sided 5 %, power 80 %, d_z = 0.5 needs 34 people."""
    assert compute_detectable_difference(1.0, 34) == pytest.approx(0.5, abs=0.01)


def test_auc_by_counting_pairs():
    positive = np.array([1, 1, 1, 0, 0, 0, 0], bool)
    score = np.array([3.0, 2.0, 5.0, 1.0, 2.0, 0.0, 4.0])
    pairs = [(a > b) + 0.5 * (a == b) for a in score[positive] for b in score[~positive]]
    found = compute_auc(positive, score)
    assert found.value == pytest.approx(np.mean(pairs))
    assert found.value == pytest.approx(stats.mannwhitneyu(score[positive], score[~positive]).statistic / 12)
    assert compare_aucs(positive, score, score).p == 1.0


def test_delong_variance_by_its_definition():
    """DeLong 1988: variances of the placements of each person among the other group."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(1, 1, 20), rng.normal(0, 1, 30)
    found = compute_auc(np.r_[np.ones(20), np.zeros(30)], np.r_[a, b])
    above = np.array([np.mean(x > b) for x in a])
    below = np.array([np.mean(a > y) for y in b])
    assert found.standard_error**2 == pytest.approx(above.var(ddof=1) / 20 + below.var(ddof=1) / 30)
