"""Intraclass and concordance correlation with their published analytic intervals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from gaitlib.errors import InputError


def compute_icc(ratings, level: float = 0.95) -> pd.DataFrame:
    """Intraclass correlations (Shrout & Fleiss 1979); limits McGraw & Wong 1996, 10.1037/1082-989X.1.1.30."""
    ratings = np.asarray(ratings, dtype=float)
    if ratings.ndim != 2 or ratings.shape[0] < 3 or ratings.shape[1] < 2 or not np.isfinite(ratings).all():
        raise InputError(
            f"ratings: found shape {ratings.shape}, expected finite values, 3 or more people (rows) by 2 or "
            "more raters."
        )
    n, k = ratings.shape
    grand = ratings.mean()
    between = k * np.sum((ratings.mean(axis=1) - grand) ** 2) / (n - 1)
    raters = n * np.sum((ratings.mean(axis=0) - grand) ** 2) / (k - 1)
    total = np.sum((ratings - grand) ** 2)
    within = (total - between * (n - 1)) / (n * (k - 1))
    residual = max(total - between * (n - 1) - raters * (k - 1), 0.0) / ((n - 1) * (k - 1))
    with np.errstate(all="ignore"):
        rows = {
            "icc_1_1": (between - within) / (between + (k - 1) * within),
            "icc_2_1": (between - residual) / (between + (k - 1) * residual + k * (raters - residual) / n),
            "icc_3_1": (between - residual) / (between + (k - 1) * residual),
            "icc_1_k": (between - within) / between,
            "icc_2_k": (between - residual) / (between + (raters - residual) / n),
            "icc_3_k": (between - residual) / between,
        }
        limits = _compute_icc_limits(between, raters, within, residual, n, k, level, rows["icc_2_1"])
    table = pd.DataFrame({"value": rows}, dtype=float)
    table["lower"] = [limits[name][0] for name in table.index]
    table["upper"] = [limits[name][1] for name in table.index]
    return table


def _compute_icc_limits(
    between, raters, within, residual, n, k, level, icc2
) -> dict[str, tuple[float, float]]:
    """F-based limits: exact for cases 1 and 3, Satterthwaite for case 2."""
    p = 0.5 + level / 2

    def from_f(ratio: float, df2: float) -> tuple[tuple[float, float], tuple[float, float]]:
        low = ratio / special.fdtri(n - 1, df2, p)
        high = ratio * special.fdtri(df2, n - 1, p)
        single = ((low - 1) / (low + k - 1), (high - 1) / (high + k - 1))
        return single, (1 - 1 / low, 1 - 1 / high)

    case_1, case_1_mean = from_f(between / within, n * (k - 1))
    case_3, case_3_mean = from_f(between / residual, (n - 1) * (k - 1))
    if residual == 0 and raters == 0:
        case_2 = (1.0, 1.0)
    else:
        a = k * icc2 / (n * (1 - icc2))
        b = 1 + k * icc2 * (n - 1) / (n * (1 - icc2))
        df = (a * raters + b * residual) ** 2 / (
            (a * raters) ** 2 / (k - 1) + (b * residual) ** 2 / ((n - 1) * (k - 1))
        )
        f_low, f_high = special.fdtri(n - 1, df, p), special.fdtri(df, n - 1, p)
        spread = k * raters + (k * n - k - n) * residual
        case_2 = (
            n * (between - f_low * residual) / (f_low * spread + n * between),
            n * (f_high * between - residual) / (spread + n * f_high * between),
        )
    case_2_mean = tuple(limit * k / (1 + limit * (k - 1)) for limit in case_2)
    return {
        "icc_1_1": case_1, "icc_2_1": case_2, "icc_3_1": case_3,
        "icc_1_k": case_1_mean, "icc_2_k": case_2_mean, "icc_3_k": case_3_mean,
    }  # fmt: skip


class Concordance(NamedTuple):
    """Lin's concordance correlation (`value`), its standard error and interval, and its two factors."""

    value: float
    standard_error: float
    lower: float
    upper: float
    r: float
    bias_factor: float


def compute_ccc(reference, estimate, level: float = 0.95) -> Concordance:
    """Concordance correlation, one pair a person (Lin 1989; variance as in Biometrics 2000;56:324)."""
    x, y = np.asarray(reference, dtype=float), np.asarray(estimate, dtype=float)
    if x.shape != y.shape or x.ndim != 1 or x.size < 3 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError(
            f"reference, estimate: found shapes {x.shape}, {y.shape}, expected 3 or more finite pairs."
        )
    n = x.size
    sx, sy, shift = x.std(), y.std(), y.mean() - x.mean()
    if sx == 0 or sy == 0:
        return Concordance(*[float("nan")] * 6)
    covariance = float(np.mean((x - x.mean()) * (y - y.mean())))
    r = float(np.clip(covariance / (sx * sy), -1, 1))
    ccc = 2 * covariance / (sx**2 + sy**2 + shift**2)
    if abs(ccc) >= 1 - 1e-12:
        return Concordance(ccc, 0.0, ccc, ccc, r, 1.0)
    u2 = shift**2 / (sx * sy)
    # the bias factor in place of ccc / r keeps the variance finite as r tends to zero
    factor = 2 * sx * sy / (sx**2 + sy**2 + shift**2)
    variance = (
        (1 - r**2) * factor**2 * (1 - ccc**2)
        + 2 * ccc**2 * (1 - ccc) * factor * u2
        - (ccc * factor * u2) ** 2 / 2
    ) / (n - 2)
    error = float(np.sqrt(max(variance, 0.0)))
    half = special.ndtri(0.5 + level / 2) * error / (1 - ccc**2)
    centre = np.arctanh(ccc)
    return Concordance(ccc, error, float(np.tanh(centre - half)), float(np.tanh(centre + half)), r, factor)
