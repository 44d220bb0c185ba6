"""Intervals that theory gives: Student, chi-square, Fisher z, F, Lin."""

from __future__ import annotations

import numpy as np
from scipy import special, stats

from gaitlib.evaluate.bland_altman import (
    Z95,
    ErrorVariance,
    compute_limit_margins,
    compute_variance_limits,
    get_chi2_quantiles,
    split_error_variance,
)
from gaitlib.evaluate.person_means import FEATURES, PersonFeatures
from gaitlib.evaluate.reliability import compute_ccc, compute_icc


def compute_analytic_intervals(features: PersonFeatures, level: float) -> dict[str, tuple[float, float]]:
    """Compute the intervals that theory gives for statistics of agreement."""
    values, n = features.values, len(features.people)
    column = dict(zip(FEATURES, values.T, strict=True))
    parts = split_error_variance(values)
    quantile = float(special.stdtrit(n - 1, 0.5 + level / 2))
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
        ends = np.sqrt(parts.within * df / get_chi2_quantiles(df, level))
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
        half = special.ndtri(0.5 + level / 2) / np.sqrt(x.size - 3)
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
    df = 2 * mean_square**2 * n / variance
    ends = np.sqrt(df * mean_square / get_chi2_quantiles(df, level))
    return float(ends[0]), float(ends[1])


def compute_jackknife_z(value: float, left_out: np.ndarray, level: float) -> tuple[float, float]:
    """Compute the interval of a correlation from a jackknife over people on Fisher's z scale."""
    if not np.isfinite(value) or not np.isfinite(left_out).all():
        return float("nan"), float("nan")
    if abs(value) >= 1 - 1e-12:
        return value, value
    n = left_out.size
    z = np.arctanh(np.clip(left_out, -1 + 1e-12, 1 - 1e-12))
    half = special.stdtrit(n - 1, 0.5 + level / 2) * np.sqrt((n - 1) / n * np.sum((z - z.mean()) ** 2))
    centre = np.arctanh(value)
    return float(np.tanh(centre - half)), float(np.tanh(centre + half))


def compute_welch_interval(a, b, level: float = 0.95) -> tuple[float, float, float]:
    """Compute the difference of two means of different people with Welch's interval."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if min(a.size, b.size) < 2:
        return float("nan"), float("nan"), float("nan")
    difference = float(a.mean() - b.mean())
    if a.var() + b.var() == 0:
        return difference, difference, difference
    interval = stats.ttest_ind(a, b, equal_var=False).confidence_interval(level)
    return difference, float(interval.low), float(interval.high)
