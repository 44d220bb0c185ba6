"""Bland-Altman limits of agreement with several walks per person, and bias that changes with magnitude."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special

from gaitlib.errors import InputError
from gaitlib.evaluate.person_means import FEATURES, average_within_people, check_pairs

Z95 = float(special.ndtri(0.975))


class BlandAltman(NamedTuple):
    """Limits of agreement. All values in the unit of the outcome; error = estimate - reference."""

    bias: float  # mean error and its interval (NaN for ``weighting="walk"``)
    bias_lower: float
    bias_upper: float
    limit_lower: float  # 95 % limits of agreement of one walk
    limit_upper: float
    limit_lower_interval: tuple[float, float]  # interval of each limit (NaN for ``weighting="walk"``)
    limit_upper_interval: tuple[float, float]
    # standard deviation of the error of one walk; its parts between people and between walks of one person
    # (NaN when no person walked twice)
    sd: float
    sd_between: float
    sd_within: float
    n_people: int
    n_walks: int


def compute_bland_altman(
    reference, estimate, person, level: float = 0.95, weighting: str = "person"
) -> BlandAltman:
    """Compute 95 % limits of agreement when people walked once or several times.

    1. Errors are taken walk by walk (the true value changes from walk to walk: their second case).
    2. Their variance is split between people and within people; the limits use the sum of both.
    3. The interval of the bias is Student's t on person means; those of the limits combine the intervals of
       the bias and of the two variances (MOVER), and are exact when every person walked once.

    Bland JM, Altman DG (1986) Lancet 327:307, doi 10.1016/S0140-6736(86)90837-8; (2007) J Biopharm Stat
    17:571, doi 10.1080/10543400701329422. Zou GY (2013) Stat Methods Med Res 22:630, doi
    10.1177/0962280211402548. Carkeet A (2015) Optom Vis Sci 92:e71, doi 10.1097/OPX.0000000000000513.
    """
    if weighting not in ("person", "walk"):
        raise InputError(f"weighting: found {weighting!r}, expected 'person' or 'walk'.")
    features = average_within_people(reference, estimate, person)
    parts = split_error_variance(features.values)
    n, walks = len(features.people), features.n_walks
    counts = walks.astype(float)
    mean_error = features.values[:, 1] - features.values[:, 0]
    repeated = parts.df_within > 0
    if weighting == "walk":
        bias = float(np.average(mean_error, weights=counts))
        between_square = float(np.sum(counts * (mean_error - bias) ** 2)) / (n - 1)
        divisor = (counts.sum() ** 2 - np.sum(counts**2)) / ((n - 1) * counts.sum())
        within = parts.within if repeated else 0.0
        between = max((between_square - within) / divisor, 0.0)
        total, gap, half = between + within, (float("nan"), float("nan")), float("nan")
    else:
        bias, between, total = float(mean_error.mean()), parts.between, parts.total
        gap = compute_limit_margins(parts, n, level)
        half = float(special.stdtrit(n - 1, 0.5 + level / 2) * np.sqrt(parts.of_means / n))
    sd = float(np.sqrt(total))
    low, high = bias - Z95 * sd, bias + Z95 * sd
    return BlandAltman(
        bias, bias - half, bias + half, low, high,
        (low - gap[1], low + gap[0]), (high - gap[0], high + gap[1]),
        sd, float(np.sqrt(between)) if repeated else float("nan"),
        float(np.sqrt(parts.within)) if repeated else float("nan"), n, int(walks.sum()),
    )  # fmt: skip


class ErrorVariance(NamedTuple):
    """Variance of the error of one walk and its parts, every person weighing the same."""

    total: float
    of_means: float
    between: float
    within: float
    df_within: int
    mean_inverse: float


def split_error_variance(values: np.ndarray) -> ErrorVariance:
    """Split the variance of the error into between people and within people."""
    column = dict(zip(FEATURES, values.T, strict=True))
    of_means = float(np.var(column["y"] - column["x"], ddof=1))
    df = int(round(column["extra"].sum()))
    within = float(column["within"].sum() / df) if df else 0.0
    inverse = float(column["inverse"].mean())
    between = max(of_means - inverse * within, 0.0)
    return ErrorVariance(of_means + (1 - inverse) * within, of_means, between, within, df, inverse)


def get_chi2_quantiles(df: float, level: float) -> np.ndarray:
    """Get the upper and the lower chi-square quantile of an interval (in this order); shape (2,)."""
    return special.chdtri(df, np.array([0.5 - level / 2, 0.5 + level / 2]))


def compute_variance_limits(parts: ErrorVariance, n_people: int, level: float) -> tuple[float, float]:
    """Compute the interval of the total error variance (normal errors, MOVER)."""
    down, up = [], []
    of_walks = (1 - parts.mean_inverse) * parts.within, parts.df_within
    for variance, df in ((parts.of_means, n_people - 1), of_walks):
        if df:
            high, low = get_chi2_quantiles(df, level)
            down.append(variance * (1 - df / high))
            up.append(variance * (df / low - 1))
    return max(parts.total - float(np.linalg.norm(down)), 0.0), parts.total + float(np.linalg.norm(up))


def compute_limit_margins(parts: ErrorVariance, n_people: int, level: float) -> tuple[float, float]:
    """How far limits reach in- and outwards: Carkeet 2015 with one walk each, else MOVER (Zou 2013)."""
    sd, root = np.sqrt(parts.total), np.sqrt(n_people)
    if parts.df_within == 0:
        ends = special.nctdtrit(n_people - 1, Z95 * root, np.array([0.5 - level / 2, 0.5 + level / 2]))
        return float(sd * (Z95 - ends[0] / root)), float(sd * (ends[1] / root - Z95))
    low, high = compute_variance_limits(parts, n_people, level)
    half = special.stdtrit(n_people - 1, 0.5 + level / 2) * np.sqrt(parts.of_means) / root
    return float(np.hypot(half, Z95 * (sd - np.sqrt(low)))), float(np.hypot(half, Z95 * (np.sqrt(high) - sd)))


class ProportionalBias(NamedTuple):
    """Error and its spread as straight lines in magnitude (`against`); `slope_p`, `sd_slope_p`: constancy."""

    against: str
    intercept: float
    slope: float
    slope_lower: float
    slope_upper: float
    slope_p: float
    sd_intercept: float
    sd_slope: float
    sd_slope_p: float

    def evaluate_limits(self, magnitude) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Evaluate bias and 95 % limits at given magnitudes."""
        magnitude = np.asarray(magnitude, dtype=float)
        bias = self.intercept + self.slope * magnitude
        sd = np.maximum(self.sd_intercept + self.sd_slope * magnitude, 0.0)
        return bias, bias - Z95 * sd, bias + Z95 * sd


def compute_proportional_bias(
    reference, estimate, person, against: str = "mean", level: float = 0.95
) -> ProportionalBias:
    """Fit a bias and a spread that change with size (Bland & Altman 1999, doi 10.1177/096228029900800204)."""
    if against not in ("mean", "reference"):
        raise InputError(f"against: found {against!r}, expected 'mean' or 'reference'.")
    reference, estimate, index, labels = check_pairs(reference, estimate, person)
    error = estimate - reference
    magnitude = reference if against == "reference" else (reference + estimate) / 2
    n = len(labels)
    line = _fit_line(magnitude, error, index, n)
    residual = np.abs(error - line[0] - line[1] * magnitude)
    spread = _fit_line(magnitude, residual, index, n)
    half = float(special.stdtrit(n - 1, 0.5 + level / 2)) * line[2]
    scale = float(np.sqrt(np.pi / 2))  # mean absolute deviation to standard deviation of a normal error
    return ProportionalBias(
        against, line[0], line[1], line[1] - half, line[1] + half, _get_p(line[1], line[2], n),
        spread[0] * scale, spread[1] * scale, _get_p(spread[1], spread[2], n),
    )  # fmt: skip


def _get_p(slope: float, error: float, n: int) -> float:
    if not np.isfinite(slope):
        return float("nan")
    if error == 0:
        return 1.0 if abs(slope) < 1e-12 else 0.0
    return float(2 * special.stdtr(n - 1, -abs(slope) / error))


def _fit_line(x: np.ndarray, y: np.ndarray, index: np.ndarray, n: int) -> tuple[float, float, float]:
    """Fit intercept, slope and the jackknife error of the slope; each person has total weight one."""
    weight = 1.0 / np.bincount(index)[index]
    origin = float(np.average(x, weights=weight))
    u = x - origin
    sums = np.column_stack(
        [np.bincount(index, weights=weight * v) for v in (np.ones_like(u), u, y, u * u, u * y)]
    )
    if np.ptp(x) <= 1e-12 * max(abs(origin), 1.0):
        return float("nan"), float("nan"), float("nan")

    def solve(total: np.ndarray) -> np.ndarray:
        m, su, sy, suu, suy = np.moveaxis(total, -1, 0)
        with np.errstate(all="ignore"):
            return (m * suy - su * sy) / (m * suu - su * su)

    total = sums.sum(axis=0)
    slope = float(solve(total))
    left_out = solve(total - sums)
    error = float(np.sqrt((n - 1) / n * np.nansum((left_out - np.nanmean(left_out)) ** 2)))
    intercept = float(total[2] / total[0] - slope * origin)
    return intercept, slope, error
