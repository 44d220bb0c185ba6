"""Intervals by split-conformal prediction, and limits beyond which the estimator abstains.

Normalised split conformal prediction (Lei et al. 2018, doi 10.1080/01621459.2017.1307116): on held-out
synthetic people the absolute log error is divided by the predicted scale; the quantile of these scores
widens or narrows the predicted scale so that the stated share of intervals holds the truth. The guarantee
is for people like the synthetic ones; coverage on real people has to be measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaitlib.errors import InputError
from gaitlib.estimate.features import SIDE_FEATURES

_WATCHED = tuple(
    name
    for name in SIDE_FEATURES
    if name not in ("height_known", "image_known", "focal_known", "duration", "valid_share", "log_height")
)
_DISTANCE_QUANTILE = 0.999
_DISTANCE_MARGIN = 1.5
_MIN_RHYTHM_QUANTILE = 0.002


@dataclass(frozen=True)
class Calibration:
    """What `calibrate_intervals` found.

    Parameters
    ----------
    level : float
        Coverage wanted (0-1).
    factor : array, shape (3,)
        Factor on the predicted scale per outcome.
    centre : array, shape (n_watched,)
        Mean of the watched clip measures.
    precision : array, shape (n_watched, n_watched)
        Inverse covariance of the watched clip measures.
    max_distance : float
        Greatest Mahalanobis distance taken as known ground.
    min_rhythm : float
        Least rhythm taken as walking.
    n_clips : int
        Clips used.
    """

    level: float
    factor: np.ndarray
    centre: np.ndarray
    precision: np.ndarray
    max_distance: float
    min_rhythm: float
    n_clips: int

    def to_dict(self) -> dict:
        """Turn into plain values.

        Returns
        -------
        dict
            For JSON.
        """
        values = dict(vars(self))
        return {
            key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in values.items()
        }

    @classmethod
    def from_dict(cls, values: dict) -> Calibration:
        """Read back what `to_dict` wrote.

        Parameters
        ----------
        values : dict
            Plain values.

        Returns
        -------
        Calibration
            The same calibration.
        """
        arrays = {key: np.array(values[key]) for key in ("factor", "centre", "precision")}
        return cls(**(values | arrays))


def calibrate_intervals(
    location: np.ndarray, log_scale: np.ndarray, truth: np.ndarray, side: np.ndarray, level: float = 0.9
) -> Calibration:
    """Find the factors that make intervals cover, and the limits of known ground.

    Parameters
    ----------
    location, log_scale : array, shape (n, 3)
        Predicted log outcomes and log scales on held-out synthetic people.
    truth : array, shape (n, 3)
        True log outcomes.
    side : array, shape (n, n_side)
        Clip measures.
    level : float
        Coverage wanted (0-1).

    Returns
    -------
    Calibration
        For `apply_calibration`.

    Raises
    ------
    InputError
        If there are too few clips for the level.
    """
    n = len(truth)
    rank = int(np.ceil((n + 1) * level))
    if rank > n or n < 30:
        raise InputError(f"calibrate: found {n} clips, expected at least 30 for a coverage of {level:g}.")
    scores = np.sort(np.abs(truth - location) / np.exp(log_scale), axis=0)
    watched = _watch(side)
    centre = np.median(watched, axis=0)
    covariance = np.cov(watched.T) + 1e-4 * np.eye(watched.shape[1])
    precision = np.linalg.inv(covariance)
    distance = _measure_distance(watched, centre, precision)
    limit = _DISTANCE_MARGIN * float(np.quantile(distance, _DISTANCE_QUANTILE))
    rhythm = float(np.quantile(side[:, SIDE_FEATURES.index("rhythm")], _MIN_RHYTHM_QUANTILE))
    return Calibration(level, scores[rank - 1], centre, precision, limit, min(rhythm, 0.3), n)


def apply_calibration(
    calibration: Calibration, location: np.ndarray, log_scale: np.ndarray, side: np.ndarray
) -> tuple[np.ndarray, np.ndarray, str]:
    """Turn a prediction into an interval, or say why not.

    Parameters
    ----------
    calibration : Calibration
        From `calibrate_intervals`.
    location, log_scale : array, shape (3,)
        Predicted log outcomes and log scales.
    side : array, shape (n_side,)
        Clip measures.

    Returns
    -------
    lower, upper : array, shape (3,)
        Ends of the intervals (log).
    reason : str
        Why to abstain; empty if all is well.
    """
    half = calibration.factor * np.exp(log_scale)
    reason = ""
    rhythm = float(side[SIDE_FEATURES.index("rhythm")])
    distance = float(_measure_distance(_watch(side[None]), calibration.centre, calibration.precision)[0])
    if rhythm < calibration.min_rhythm:
        reason = f"no steady walking rhythm found (strength {rhythm:.2f})"
    elif distance > calibration.max_distance:
        reason = f"input unlike training (distance {distance:.1f}, limit {calibration.max_distance:.1f})"
    return location - half, location + half, reason


def _watch(side: np.ndarray) -> np.ndarray:
    return side[:, [SIDE_FEATURES.index(name) for name in _WATCHED]]


def _measure_distance(watched: np.ndarray, centre: np.ndarray, precision: np.ndarray) -> np.ndarray:
    off = watched - centre
    return np.sqrt(np.maximum(np.einsum("ni,ij,nj->n", off, precision, off), 0.0))
