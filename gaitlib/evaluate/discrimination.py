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
    """Compute the chance that a positive person scores higher than a negative one (ties count half).

    Parameters
    ----------
    positive : array_like of bool, shape (people,)
        Whether the person belongs to the group to be found.
    score : array_like, shape (people,)
        One score per person, from a model that did not see the person.
    level : float
        Confidence level; the interval is DeLong's on the logit scale, so it stays between 0 and 1.

    Returns
    -------
    Auc
        With perfect separation the standard error is 0 and the lower limit that of the rule of three
        (``1 - 3 / smaller group``), since DeLong's variance knows no doubt there.

    Raises
    ------
    InputError
        Lengths differ, values missing, or fewer than two people in a group.

    References
    ----------
    DeLong ER, DeLong DM, Clarke-Pearson DL (1988) Biometrics 44:837, doi 10.2307/2531595.
    """
    positive, scores = _check(positive, [score])
    (area,), covariance = _compute_delong(positive, scores)
    m, n = int(positive.sum()), int((~positive).sum())
    error = float(np.sqrt(covariance[0, 0]))
    if area in (0.0, 1.0):
        reach = min(3.0 / min(m, n), 1.0)
        low, high = (1 - reach, 1.0) if area == 1.0 else (0.0, reach)
        return Auc(area, 0.0, low, high, m, n)
    half = stats.norm.ppf(0.5 + level / 2) * error / (area * (1 - area))
    logit = np.log(area / (1 - area))
    low, high = (float(1 / (1 + np.exp(-(logit + sign * half)))) for sign in (-1, 1))
    return Auc(area, error, low, high, m, n)


def compare_aucs(positive, score_a, score_b, level: float = 0.95) -> AucDifference:
    """Compare two scores of the same people.

    Parameters
    ----------
    positive : array_like of bool, shape (people,)
        Group membership.
    score_a, score_b : array_like, shape (people,)
        Scores of both models.
    level : float
        Confidence level.

    Returns
    -------
    AucDifference
        Area of a less area of b.

    Raises
    ------
    InputError
        As `compute_auc`.
    """
    positive, scores = _check(positive, [score_a, score_b])
    areas, covariance = _compute_delong(positive, scores)
    difference = areas[0] - areas[1]
    error = float(np.sqrt(max(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], 0.0)))
    half = float(stats.norm.ppf(0.5 + level / 2)) * error
    p = float(2 * stats.norm.sf(abs(difference) / error)) if error > 0 else (1.0 if difference == 0 else 0.0)
    return AucDifference(difference, error, difference - half, difference + half, p)


def _check(positive, scores: list) -> tuple[np.ndarray, np.ndarray]:
    positive = np.asarray(positive)
    scores = np.array([np.asarray(score, dtype=float) for score in scores])
    if positive.ndim != 1 or scores.shape[1:] != positive.shape or not np.isfinite(scores).all():
        raise InputError(
            f"score: shape {scores.shape[1:]}, expected one finite value per person {positive.shape}."
        )
    positive = positive.astype(bool)
    if min(positive.sum(), (~positive).sum()) < 2:
        raise InputError(
            f"positive: {int(positive.sum())} people in the group, {int((~positive).sum())} outside; "
            "expected at least 2 each."
        )
    return positive, scores


def _compute_delong(positive: np.ndarray, scores: np.ndarray) -> tuple[list[float], np.ndarray]:
    """Compute areas and their covariance from the placement of each person among the other group."""
    above, below = [], []
    for score in scores:
        gap = score[positive][:, None] - score[~positive][None, :]
        wins = (gap > 0) + 0.5 * (gap == 0)
        above.append(wins.mean(axis=1))
        below.append(wins.mean(axis=0))
    above, below = np.array(above), np.array(below)
    covariance = np.atleast_2d(np.cov(above)) / above.shape[1] + np.atleast_2d(np.cov(below)) / below.shape[1]
    return [float(area) for area in above.mean(axis=1)], covariance
