"""Bootstrap over people: resampling weights, jackknife and BCa intervals with a small-sample correction."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special

from gaitlib.errors import InputError


def draw_person_weights(n_people: int, n_resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Draw how often each person occurs in each resample; shape (n_resamples, n_people)."""
    if n_resamples < 100:
        raise InputError(f"n_resamples: found {n_resamples}, expected at least 100 (2000 for publication).")
    counts = rng.multinomial(n_people, np.full(n_people, 1.0 / n_people), size=n_resamples)
    return counts / n_people


def compute_jackknife(values: np.ndarray, statistic: Callable[[np.ndarray, int], np.ndarray]) -> np.ndarray:
    """Compute a statistic of person means with each person left out in turn; shape (people, statistics)."""
    n = len(values)
    return statistic((values.sum(axis=0) - values) / (n - 1), n - 1)


def compute_bca_interval(
    replicates: np.ndarray, value: np.ndarray, deviations: np.ndarray, df: float, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute bias-corrected and accelerated intervals for many statistics at once.

    Departure from Efron (1987): the normal quantile is replaced by ``t(df) * sqrt((df + 1) / df)``,
    Hesterberg's expansion for small samples. Without it the intervals of a mean of 12 people cover 91 %
    instead of 95 %.

    Efron B (1987) Better bootstrap confidence intervals. J Am Stat Assoc 82:171, doi
    10.1080/01621459.1987.10478410. Hesterberg T (2015) What teachers should know about the bootstrap. Am Stat
    69:371, doi 10.1080/00031305.2015.1089789.
    """
    replicates = np.asarray(replicates, dtype=float)
    value = np.asarray(value, dtype=float)
    n_resamples = len(replicates)
    usable = np.isfinite(replicates)
    n_usable = usable.sum(axis=0)
    undefined = 1.0 - n_usable / n_resamples
    with np.errstate(all="ignore"):
        below = (usable & (replicates < value)).sum(axis=0) + 0.5 * (usable & (replicates == value)).sum(
            axis=0
        )
        share = np.clip(below / n_usable, 1 / (n_resamples + 1), 1 - 1 / (n_resamples + 1))
        bias_correction = special.ndtri(share)
        spread = np.nansum(deviations**2, axis=0)
        acceleration = np.where(spread > 0, np.nansum(deviations**3, axis=0) / (6 * spread**1.5), 0.0)
    quantile = special.stdtrit(df, 0.5 + level / 2) * np.sqrt((df + 1) / df)
    ordered = np.sort(np.where(usable, replicates, np.inf), axis=0)
    limits = []
    for z in (-quantile, quantile):
        shifted = bias_correction + z
        # beyond the pole of the correction the interval ends at the most extreme resample
        damped = np.maximum(1 - acceleration * shifted, 1e-3)
        limits.append(_take_quantile(ordered, n_usable, special.ndtr(bias_correction + shifted / damped)))
    bad = (n_usable < 0.5 * n_resamples) | ~np.isfinite(value)
    return np.where(bad, np.nan, limits[0]), np.where(bad, np.nan, limits[1]), undefined


def _take_quantile(ordered: np.ndarray, n_usable: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Read one quantile per column of sorted replicates whose first `n_usable` rows are finite."""
    last = np.maximum(n_usable - 1, 0)
    position = np.clip(np.nan_to_num(share) * (n_usable + 1) - 1, 0, last)
    low = np.floor(position).astype(int)
    high = np.minimum(low + 1, last)
    column = np.arange(ordered.shape[1])
    with np.errstate(invalid="ignore"):
        return ordered[low, column] + (position - low) * (ordered[high, column] - ordered[low, column])


def compute_mean_interval(
    groups: list[np.ndarray], rng: np.random.Generator, n_resamples: int = 2000, level: float = 0.95
) -> tuple[float, float]:
    """Compute the BCa interval of a mean over people, or of a difference of two such means."""
    groups = [np.asarray(group, dtype=float) for group in groups]
    if min(group.size for group in groups) < 2:
        raise InputError(
            f"groups: found {[group.size for group in groups]} people, expected at least 2 each."
        )
    value, replicates, deviations = 0.0, np.zeros(n_resamples), []
    for sign, group in zip((1.0, -1.0), groups, strict=False):
        value += sign * group.mean()
        replicates += sign * (draw_person_weights(group.size, n_resamples, rng) @ group)
        deviations.append(sign * (group - group.mean()) / (group.size - 1))
    errors = np.array([group.var(ddof=1) / group.size for group in groups])
    sizes = np.array([group.size - 1 for group in groups])
    df = float(errors.sum() ** 2 / np.sum(errors**2 / sizes)) if errors.sum() > 0 else float(sizes.min())
    low, high, _ = compute_bca_interval(
        replicates[:, None], np.array([value]), np.concatenate(deviations)[:, None], df, level
    )
    return float(low[0]), float(high[0])
