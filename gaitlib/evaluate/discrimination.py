"""Telling groups of people apart: area under the ROC curve with DeLong's interval, one score per person."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

from gaitlib.errors import InputError


class Auc(NamedTuple):
    """Area under the ROC curve (`value`), its standard error and interval, and the people in both groups."""

    value: float
    standard_error: float
    lower: float
    upper: float
    n_positive: int
    n_negative: int


class AucDifference(NamedTuple):
    """Difference of two areas on the same people, its standard error, interval and two-sided p value."""

    difference: float
    standard_error: float
    lower: float
    upper: float
    p: float


def compute_auc(positive, score, level: float = 0.95) -> Auc:
    """Chance that a positive person scores higher than a negative one (DeLong 1988, doi 10.2307/2531595)."""
    positive, scores = _check(positive, [score])
    (area,), covariance = _compute_delong(positive, scores)
    m, n = int(positive.sum()), int((~positive).sum())
    return _build_auc(area, float(np.sqrt(covariance[0, 0])), m, n, level)


def _build_auc(area: float, error: float, m: int, n: int, level: float) -> Auc:
    if area in (0.0, 1.0):
        reach = min(3.0 / min(m, n), 1.0)
        low, high = (1 - reach, 1.0) if area == 1.0 else (0.0, reach)
        return Auc(area, 0.0, low, high, m, n)
    half = stats.norm.ppf(0.5 + level / 2) * error / (area * (1 - area))
    logit = np.log(area / (1 - area))
    low, high = (float(1 / (1 + np.exp(-(logit + sign * half)))) for sign in (-1, 1))
    return Auc(area, error, low, high, m, n)


def compare_aucs(positive, score_a, score_b, level: float = 0.95) -> AucDifference:
    """Compare two scores of the same people."""
    positive, scores = _check(positive, [score_a, score_b])
    areas, covariance = _compute_delong(positive, scores)
    difference = areas[0] - areas[1]
    error = float(np.sqrt(max(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], 0.0)))
    half = float(stats.norm.ppf(0.5 + level / 2)) * error
    p = float(2 * stats.norm.sf(abs(difference) / error)) if error > 0 else (1.0 if difference == 0 else 0.0)
    return AucDifference(difference, error, difference - half, difference + half, p)


def compute_pair_auc(positive, features, level: float = 0.95) -> Auc:
    """Compute how well a linear model on several features tells unseen people apart.

    1. Each pair is left out in turn; Fisher's linear discriminant (pooled covariance) is fitted to the rest
       and compares the two. Pooling the scores of left-out single people instead drags the area below 0.5
       where nothing can be told, because each left-out person shifts the model away from its own group.
    2. DeLong's variance is taken from the wins of each person over the other group.

    Airola A et al. (2011) Comput Stat Data Anal 55:1828, doi 10.1016/j.csda.2010.11.018.
    """
    features = np.asarray(features, dtype=float)
    if features.ndim != 2:
        raise InputError(f"features: shape {features.shape}, expected (people, features).")
    positive, _ = _check(positive, list(features.T), least=3)
    a, b = features[positive], features[~positive]
    wins = np.empty((len(a), len(b)))
    for i in range(len(a)):
        for j in range(len(b)):
            direction = fit_discriminant(np.delete(a, i, axis=0), np.delete(b, j, axis=0))
            gap = float((a[i] - b[j]) @ direction)
            wins[i, j] = (gap > 0) + 0.5 * (gap == 0)
    (area,), covariance = _summarise_wins([wins])
    return _build_auc(area, float(np.sqrt(covariance[0, 0])), len(a), len(b), level)


def fit_discriminant(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Direction of Fisher's discriminant; the pseudo-inverse bears features that do not vary."""
    inside = np.concatenate([a - a.mean(axis=0), b - b.mean(axis=0)])
    return np.linalg.pinv(inside.T @ inside / (len(inside) - 2)) @ (a.mean(axis=0) - b.mean(axis=0))


def _check(positive, scores: list, least: int = 2) -> tuple[np.ndarray, np.ndarray]:
    positive = np.asarray(positive)
    scores = np.array([np.asarray(score, dtype=float) for score in scores])
    if positive.ndim != 1 or scores.shape[1:] != positive.shape or not np.isfinite(scores).all():
        raise InputError(
            f"score: shape {scores.shape[1:]}, expected one finite value per person {positive.shape}."
        )
    positive = positive.astype(bool)
    if min(positive.sum(), (~positive).sum()) < least:
        raise InputError(
            f"positive: {int(positive.sum())} people in the group, {int((~positive).sum())} outside; "
            f"expected at least {least} each."
        )
    return positive, scores


def _compute_delong(positive: np.ndarray, scores: np.ndarray) -> tuple[list[float], np.ndarray]:
    """Compute areas and their covariance from who wins in each pair."""
    gaps = [score[positive][:, None] - score[~positive][None, :] for score in scores]
    return _summarise_wins([(gap > 0) + 0.5 * (gap == 0) for gap in gaps])


def _summarise_wins(wins: list[np.ndarray]) -> tuple[list[float], np.ndarray]:
    """Areas and their covariance from the placement of each person among the other group."""
    above = np.array([won.mean(axis=1) for won in wins])
    below = np.array([won.mean(axis=0) for won in wins])
    covariance = np.atleast_2d(np.cov(above)) / above.shape[1] + np.atleast_2d(np.cov(below)) / below.shape[1]
    return [float(area) for area in above.mean(axis=1)], covariance
