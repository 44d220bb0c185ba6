"""Intervals by split-conformal prediction, and limits beyond which the estimator abstains.

Normalised split conformal prediction (Lei et al. 2018, doi 10.1080/01621459.2017.1307116): on held-out
synthetic people the absolute error is divided by the predicted scale; the quantile of these scores widens or
narrows the predicted scale so that the stated share of intervals holds the truth. Muscle activity gets one
half width per muscle and moment of the stride. Clips of inertial sensors are calibrated site by site. The
guarantee is for people like the synthetic ones; coverage on real people has to be measured.

How unlike training a clip is, is told by the Mahalanobis distance of its measures from those of held-out
synthetic clips; beyond the limit the estimator abstains and names the measure that is farthest off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaitlib.errors import InputError
from gaitlib.estimate.features import COMMON_FPS, ClipFeatures
from gaitlib.estimate.input_kind import InputKind, get_kind, name_group
from gaitlib.estimate.targets import OUTCOME_NAMES

_DISTANCE_QUANTILE = 0.999
_DISTANCE_MARGIN = 1.5
_MIN_RHYTHM_QUANTILE = 0.002
_MAX_MIN_RHYTHM = 0.3
_MIN_CLIPS = 30
_EDGE_S = 0.03
"""Least error of a step time over the length of the clip, whose first and last contact are known to about a
frame. With a constant in its place, intervals of simulated clips shorter than 3 s held 85 % (cameras) and
83 % (inertial sensors), of those longer than 5 s 94 and 92 %; so all hold about 90. Insoles tell a mean
stride."""


@dataclass(frozen=True)
class GroupLimits:
    """Calibration of one group of clips."""

    factor: np.ndarray  # (n_outcome,): Factor on the predicted scale per outcome
    centre: np.ndarray  # (n_watched,): Median of the watched measures
    precision: np.ndarray  # (n_watched, n_watched): Their inverse covariance
    max_distance: float  # greatest Mahalanobis distance taken as known ground
    min_rhythm: float  # least rhythm taken as walking
    n_clips: int  # clips used
    edge_s: np.ndarray | float = 0.0  # (n_outcome,): least error times length of the clip (s)


@dataclass(frozen=True)
class Calibration:
    """What `calibrate_intervals` found."""

    kind: str  # 'keypoints' or 'inertial'
    level: float  # coverage wanted (0-1)
    groups: dict[str, GroupLimits]  # by site; of a camera 'image' alone
    # (9, 101): Half width of the interval of the muscle activity, NaN if it was not calibrated
    activation_half_width: np.ndarray

    def to_dict(self) -> dict:
        """Turn into plain values."""
        groups = {name: {k: _plain(v) for k, v in vars(group).items()} for name, group in self.groups.items()}
        half = np.round(self.activation_half_width, 5)
        return {
            "kind": self.kind,
            "level": self.level,
            "groups": groups,
            "activation_half_width": _plain(half),
        }

    @classmethod
    def from_dict(cls, values: dict) -> Calibration:
        """Read back what `to_dict` wrote."""
        groups = {
            name: GroupLimits(**{k: np.array(v) if isinstance(v, list) else v for k, v in group.items()})
            for name, group in values["groups"].items()
        }
        half = np.array(values["activation_half_width"], dtype=float)
        return cls(values["kind"], values["level"], groups, half)


def calibrate_intervals(
    kind: InputKind,
    features: list[ClipFeatures],
    location: np.ndarray,
    log_scale: np.ndarray,
    truth: np.ndarray,
    level: float = 0.9,
    activation_error: np.ndarray | None = None,
) -> Calibration:
    """Find the factors that make intervals cover, and the limits of known ground."""
    names = np.array([name_group(kind, item) for item in features])
    if len(features) < _MIN_CLIPS:
        raise InputError(
            f"calibrate: found {len(features)} clips, expected at least {_MIN_CLIPS} "
            f"for a coverage of {level:g}."
        )
    side = np.array([item.side for item in features])
    scores = np.abs(truth - location) / get_scale(log_scale, features, _get_edges(kind, truth.shape[1]))
    groups = {}
    for name in np.unique(names):
        rows = names == name
        if rows.sum() >= _MIN_CLIPS:
            groups[str(name)] = _calibrate_group(kind, side[rows], scores[rows], level)
    half = np.full((1, 1), np.nan)
    if activation_error is not None:
        half = _quantile(np.abs(activation_error).reshape(-1, *activation_error.shape[2:]), level)
    return Calibration(kind.name, level, groups, half)


def _calibrate_group(kind: InputKind, side: np.ndarray, scores: np.ndarray, level: float) -> GroupLimits:
    watched = side[:, kind.watched]
    centre = np.median(watched, axis=0)
    precision = np.linalg.inv(np.cov(watched.T) + 1e-4 * np.eye(watched.shape[1]))
    distance = np.sqrt(_weigh_parts(watched, centre, precision).sum(axis=1).clip(0.0))
    limit = _DISTANCE_MARGIN * float(np.quantile(distance, _DISTANCE_QUANTILE))
    rhythm = float(np.quantile(side[:, kind.side.index("rhythm")], _MIN_RHYTHM_QUANTILE))
    factor = np.array([_quantile(column[np.isfinite(column)], level) for column in scores.T])
    rhythm = min(rhythm, _MAX_MIN_RHYTHM)
    return GroupLimits(factor, centre, precision, limit, rhythm, len(side), _get_edges(kind, len(factor)))


def get_scale(log_scale: np.ndarray, features: list[ClipFeatures], edge_s: np.ndarray) -> np.ndarray:
    """Scale of the errors (n, n_outcome): as predicted, and what the ends of each clip leave open."""
    length_s = np.array([item.sequence.shape[-1] for item in features]) / COMMON_FPS
    return np.hypot(np.exp(log_scale), edge_s / length_s[:, None])


def _get_edges(kind: InputKind, n_outcomes: int) -> np.ndarray:
    """Least error per outcome times the length of a clip, added to the predicted scale as errors add."""
    return _EDGE_S * (np.array(OUTCOME_NAMES[:n_outcomes]) == "step_time_s") * (kind.name != "insole")


def _quantile(scores: np.ndarray, level: float) -> np.ndarray:
    """Split-conformal quantile along the first axis; infinite where there are too few scores."""
    rank = int(np.ceil((len(scores) + 1) * level))
    if rank > len(scores):
        return np.full(scores.shape[1:], np.inf)
    return np.sort(scores, axis=0)[rank - 1]


def apply_calibration(
    calibration: Calibration, features: ClipFeatures, location: np.ndarray, log_scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray, str]:
    """Turn a prediction into an interval, or say why not."""
    kind = get_kind(calibration.kind)
    name = name_group(kind, features)
    if name not in calibration.groups:
        return location, location, f"no training for this site: {name}"
    group = calibration.groups[name]
    half = group.factor * get_scale(log_scale[None], [features], group.edge_s)[0]
    rhythm = float(features.side[kind.side.index("rhythm")])
    parts = _weigh_parts(features.side[None, kind.watched].astype(float), group.centre, group.precision)[0]
    distance = float(np.sqrt(max(parts.sum(), 0.0)))
    reason = ""
    if rhythm < group.min_rhythm:
        reason = (
            f"no steady walking rhythm found (strength {rhythm:.2f}, at least {group.min_rhythm:.2f} needed)"
        )
    elif distance > group.max_distance:
        farthest = kind.side[kind.watched[int(np.argmax(parts))]]
        reason = (
            f"input unlike training (distance {distance:.1f}, limit {group.max_distance:.1f}; "
            f"farthest off: {farthest})"
        )
    return location - half, location + half, reason


def _weigh_parts(watched: np.ndarray, centre: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Share of each measure in the squared Mahalanobis distance, shape (n, n_watched)."""
    off = watched - centre
    return off * (off @ precision)


def _plain(value):
    return value.tolist() if isinstance(value, np.ndarray) else value
