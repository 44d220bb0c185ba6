"""Agreement between estimate and reference, the person being the unit.

`compute_agreement` gives every statistic with three intervals: BCa over people, the analytic one where theory
has one, and the one to print. Names re-exported here: `compute_icc`, `compute_ccc`, `compute_bland_altman`,
`compute_proportional_bias`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from gaitlib.evaluate.bland_altman import (
    Z95,
    ErrorVariance,
    compute_bland_altman,
    compute_limit_margins,
    compute_proportional_bias,
    compute_variance_limits,
    split_error_variance,
)
from gaitlib.evaluate.bootstrap import compute_bca_interval, compute_jackknife, draw_person_weights
from gaitlib.evaluate.people import FEATURES, FEW_PEOPLE, PersonFeatures, average_within_people
from gaitlib.evaluate.reliability import compute_ccc, compute_icc

__all__ = [
    "STATISTICS",
    "Statistic",
    "compute_agreement",
    "compute_bland_altman",
    "compute_ccc",
    "compute_icc",
    "compute_proportional_bias",
    "evaluate_statistics",
]


class Statistic(NamedTuple):
    """Name of a statistic, whether it carries the outcome's unit, and whether it measures spread."""

    label: str
    has_unit: bool
    is_spread: bool
    meaning: str


STATISTICS = {
    "bias": Statistic("Bias", True, False, "mean error, estimate less reference"),
    "mae": Statistic("MAE", True, False, "mean absolute error of one walk"),
    "rmse": Statistic("RMSE", True, True, "root mean square error of one walk"),
    "r": Statistic("r", False, False, "Pearson correlation; blind to bias and scale"),
    "icc_2_1": Statistic("ICC(2,1)", False, False, "intraclass correlation, absolute agreement"),
    "icc_3_1": Statistic("ICC(3,1)", False, False, "intraclass correlation, consistency"),
    "ccc": Statistic("CCC", False, False, "Lin's concordance correlation"),
    "sd": Statistic("SD of error", True, True, "standard deviation of the error of one walk"),
    "sd_within": Statistic("SD within", True, True, "SD of the error between walks of one person"),
    "loa_lower": Statistic("Lower limit", True, True, "lower 95 % limit of agreement"),
    "loa_upper": Statistic("Upper limit", True, True, "upper 95 % limit of agreement"),
    "slope_mean": Statistic("Slope on mean", False, False, "change of error per unit of mean"),
    "slope_reference": Statistic("Slope on reference", False, False, "change of error per unit of truth"),
    "mdc95": Statistic("MDC95", True, True, "change that one new walk must show, all error counted"),
    "mdc95_within": Statistic("MDC95 within", True, True, "the same, a person's constant error cancelling"),
}
"""Every statistic of `compute_agreement`, in order."""

_NEEDS_REFERENCE = ("r", "icc_2_1", "icc_3_1", "ccc", "slope_mean", "slope_reference")
_MIN_REPEATED = 3


def evaluate_statistics(average: np.ndarray, n_people: int) -> np.ndarray:
    """Evaluate every statistic from averages of person features.

    Parameters
    ----------
    average : ndarray, shape (..., features)
        Averages over people of `PersonFeatures.values`, of a sample, a resample or a jackknife sample.
    n_people : int
        Number of people averaged.

    Returns
    -------
    ndarray, shape (..., statistics)
        In the order of `STATISTICS`; NaN where undefined.
    """
    f = dict(zip(FEATURES, np.moveaxis(average, -1, 0), strict=True))
    unbias = n_people / (n_people - 1)
    with np.errstate(all="ignore"):
        var_x = unbias * np.maximum(f["xx"] - f["x"] ** 2, 0)
        var_y = unbias * np.maximum(f["yy"] - f["y"] ** 2, 0)
        cov = unbias * (f["xy"] - f["x"] * f["y"])
        bias = f["y"] - f["x"]
        var_error = np.maximum(var_x + var_y - 2 * cov, 0)
        within = np.where(f["extra"] > 0, f["within"] / f["extra"], np.nan)
        sd = np.sqrt(
            np.maximum(unbias * (f["ee"] - bias**2), 0)
            + (1 - f["inverse"]) * np.where(f["extra"] > 0, within, 0)
        )
        # the ratio of zero to zero is kept out: rounding of constant columns must not look like a correlation
        tiny = 1e-12 * (var_x + var_y)
        found = {
            "bias": bias,
            "mae": f["abs"],
            "rmse": np.sqrt(np.maximum(f["xx"] + f["yy"] - 2 * f["xy"], 0)),
            "r": np.where(
                (var_x > tiny) & (var_y > tiny), np.clip(cov / np.sqrt(var_x * var_y), -1, 1), np.nan
            ),
            "icc_2_1": 2 * cov / (var_x + var_y + bias**2 - var_error / n_people),
            "icc_3_1": 2 * cov / (var_x + var_y),
            "ccc": 2 * cov / (var_x + var_y + unbias * bias**2),
            "sd": sd,
            "sd_within": np.sqrt(within),
            "loa_lower": bias - Z95 * sd,
            "loa_upper": bias + Z95 * sd,
            "slope_mean": 2 * (var_y - var_x) / (var_x + var_y + 2 * cov),
            "slope_reference": np.where(var_x > tiny, cov / var_x - 1, np.nan),
            "mdc95": Z95 * np.sqrt(2) * sd,
            "mdc95_within": Z95 * np.sqrt(2) * np.sqrt(within),
        }
    return np.stack([found[name] for name in STATISTICS], axis=-1)


def compute_agreement(
    reference,
    estimate,
    person,
    rng: np.random.Generator,
    n_resamples: int = 2000,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compute every statistic of agreement with its intervals.

    Parameters
    ----------
    reference, estimate : array_like, shape (walks,)
        Truth and estimate in the same unit.
    person : array_like, shape (walks,)
        Person of each walk.
    rng : numpy.random.Generator
        Source of randomness.
    n_resamples : int
        Resamples of people.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Index: names of `STATISTICS`. Columns: value; lower, upper (to print); interval ("bca" or "wider of
        bca and analytic"); bca_lower, bca_upper; analytic_lower, analytic_upper; note (why a value or
        interval is missing or weak). Attributes: n_people, n_walks, level.

    Raises
    ------
    InputError
        Missing values, unequal lengths, fewer than three people.

    Notes
    -----
    1. Walks are averaged inside each person (errors, squares, products), people count equally.
    2. Statistics are functions of those averages; with one walk each they are the textbook ones.
    3. People are resampled; BCa with a small-sample correction (`compute_bca_interval`).
    4. Spread (RMSE, SD, limits, MDC) takes the outer end of BCa and normal theory: a bootstrap of a spread
       covers 85-89 % at 12 people, normal theory 85-92 % when tails are heavy. Below `FEW_PEOPLE` all
       statistics do.
    5. Constant reference: correlations are NaN with the reason, never an error.

    References
    ----------
    Shrout & Fleiss 1979, doi 10.1037/0033-2909.86.2.420; Lin 1989, doi 10.2307/2532051; Zou 2013,
    doi 10.1177/0962280211402548; Weir 2005 (MDC), doi 10.1519/15184.1.
    """
    features = average_within_people(reference, estimate, person)
    values, n = features.values, len(features.people)
    weights = draw_person_weights(n, n_resamples, rng)
    point = evaluate_statistics(values.mean(axis=0), n)
    replicates = evaluate_statistics(weights @ values, n)
    left_out = compute_jackknife(values, evaluate_statistics)
    with np.errstate(all="ignore"):
        deviations = _average_finite(left_out) - left_out
    lower, upper, undefined = compute_bca_interval(replicates, point, deviations, n - 1, level)
    names = list(STATISTICS)
    table = pd.DataFrame(
        {"value": point, "lower": lower, "upper": upper}, index=pd.Index(names, name="statistic")
    )
    table["interval"] = "bca"
    table["bca_lower"], table["bca_upper"] = lower, upper
    analytic = _compute_analytic(features, level)
    table["analytic_lower"] = [analytic.get(name, (np.nan, np.nan))[0] for name in names]
    table["analytic_upper"] = [analytic.get(name, (np.nan, np.nan))[1] for name in names]
    wide = [name for name in names if n < FEW_PEOPLE or STATISTICS[name].is_spread]
    table.loc[wide, "lower"] = table.loc[wide, ["bca_lower", "analytic_lower"]].min(axis=1)
    table.loc[wide, "upper"] = table.loc[wide, ["bca_upper", "analytic_upper"]].max(axis=1)
    table.loc[wide, "interval"] = "wider of bca and analytic"
    table["note"] = _write_notes(features, undefined)
    _blank_undefined(table, features)
    table.attrs.update(n_people=n, n_walks=int(features.n_walks.sum()), level=level)
    return table


def _average_finite(values: np.ndarray) -> np.ndarray:
    usable = np.isfinite(values)
    return np.where(usable, values, 0).sum(axis=0) / np.maximum(usable.sum(axis=0), 1)


def _blank_undefined(table: pd.DataFrame, features: PersonFeatures) -> None:
    """Set to NaN, with the reason, what the data cannot define."""
    x, y, xx, yy = (features.values[:, FEATURES.index(name)] for name in ("x", "y", "xx", "yy"))
    numbers = table.columns.difference(["interval", "note"])

    def blank(names, reason: str) -> None:
        table.loc[list(names), numbers] = np.nan
        table.loc[list(names), "note"] = reason

    # x and y are centred on the mean reference, so a constant reference is exactly zero up to rounding
    noise = (1e-10 * max(abs(features.centre), 1e-12)) ** 2
    if xx.mean() <= noise:
        blank(_NEEDS_REFERENCE, "undefined: the reference does not vary")
    elif yy.mean() - y.mean() ** 2 <= max(noise, 1e-12 * yy.mean()):
        blank(["r"], "undefined: the estimate does not vary")
        table[numbers] += 0.0  # a covariance of zero prints as 0, not as -0
    n_repeated = int(np.sum(features.n_walks > 1))
    if n_repeated < _MIN_REPEATED:
        blank(["sd_within", "mdc95_within"], f"undefined: {n_repeated} people walked more than once")


def _write_notes(features: PersonFeatures, undefined: np.ndarray) -> list[str]:
    n = len(features.people)
    few = f"few people ({n}): interval indicative only" if n < FEW_PEOPLE else ""
    weak = [f"undefined in {share:.0%} of resamples" if share > 0.05 else "" for share in undefined]
    return ["; ".join(filter(None, (few, text))) for text in weak]


def _compute_analytic(features: PersonFeatures, level: float) -> dict[str, tuple[float, float]]:
    """Collect the intervals that theory gives; correlations only when every person walked once."""
    values, n = features.values, len(features.people)
    column = dict(zip(FEATURES, values.T, strict=True))
    parts = split_error_variance(values)
    quantile = float(stats.t.ppf(0.5 + level / 2, n - 1))
    error = column["y"] - column["x"]
    found = {}
    for name, per_person in (("bias", error), ("mae", column["abs"])):
        half = quantile * float(per_person.std(ddof=1)) / np.sqrt(n)
        centre = float(per_person.mean())
        found[name] = (max(centre - half, 0.0) if name == "mae" else centre - half, centre + half)
    low, high = (float(np.sqrt(v)) for v in compute_variance_limits(parts, n, level))
    found["sd"] = (low, high)
    found["mdc95"] = (Z95 * np.sqrt(2) * low, Z95 * np.sqrt(2) * high)
    inwards, outwards = compute_limit_margins(parts, n, level)
    bias, sd = float(error.mean()), float(np.sqrt(parts.total))
    found["loa_lower"] = (bias - Z95 * sd - outwards, bias - Z95 * sd + inwards)
    found["loa_upper"] = (bias + Z95 * sd - inwards, bias + Z95 * sd + outwards)
    found["rmse"] = _compute_rmse_limits(column, parts, n, level)
    if parts.df_within:
        df = parts.df_within
        ends = np.sqrt(parts.within * df / stats.chi2.ppf([0.5 + level / 2, 0.5 - level / 2], df))
        found["sd_within"] = (float(ends[0]), float(ends[1]))
        found["mdc95_within"] = (Z95 * np.sqrt(2) * float(ends[0]), Z95 * np.sqrt(2) * float(ends[1]))
    else:
        found.update(_compute_correlation_limits(column["x"], column["y"], level))
    return found


def _compute_correlation_limits(x: np.ndarray, y: np.ndarray, level: float) -> dict[str, tuple[float, float]]:
    """Fisher z, F and Lin's z intervals of one pair per person."""
    found = {}
    scale = 1e-10 * max(float(np.abs(x).max()), float(np.abs(y).max()), 1e-12)
    if np.ptp(x) <= scale or np.ptp(y) <= scale:
        return found
    r = float(np.clip(np.corrcoef(x, y)[0, 1], -1, 1))
    if x.size > 3:
        half = stats.norm.ppf(0.5 + level / 2) / np.sqrt(x.size - 3)
        with np.errstate(divide="ignore"):
            centre = np.arctanh(r)
        found["r"] = (float(np.tanh(centre - half)), float(np.tanh(centre + half)))
    icc = compute_icc(np.column_stack([x, y]), level)
    for name in ("icc_2_1", "icc_3_1"):
        found[name] = (float(icc.loc[name, "lower"]), float(icc.loc[name, "upper"]))
    ccc = compute_ccc(x, y, level)
    found["ccc"] = (ccc.lower, ccc.upper)
    return found


def _compute_rmse_limits(column: dict, parts: ErrorVariance, n: int, level: float) -> tuple[float, float]:
    """Scaled chi-square interval; the variance of a person's mean square error is that of normal theory."""
    mean_square = float(np.mean(column["xx"] + column["yy"] - 2 * column["xy"]))
    bias = float(np.mean(column["y"] - column["x"]))
    bias2 = max(bias**2 - parts.of_means / n, 0.0)
    between = parts.between if parts.df_within else parts.of_means
    within = parts.within if parts.df_within else 0.0
    variance = 2 * between**2 + 4 * bias2 * between
    variance += (4 * (bias2 + between) * within + 2 * within**2) * parts.mean_inverse
    if variance <= 0 or mean_square <= 0:
        return float(np.sqrt(max(mean_square, 0))), float(np.sqrt(max(mean_square, 0)))
    df = 2 * mean_square**2 / (variance / n) * (n - 1) / n
    ends = np.sqrt(df * mean_square / stats.chi2.ppf([0.5 + level / 2, 0.5 - level / 2], df))
    return float(ends[0]), float(ends[1])
