"""Step width from keypoints: how far apart the ankles are beside the path, as far as the view shows it.

Over whole strides the ankles are as often ahead as behind, so what is left of the distance between them in
the image is step width times the component of the path along the view. A network that learned all outcomes
from simulated people answered their mean width from every view; so for each direction of the path a line
tells width from that distance and from what the network says, fitted on the simulated people unlike those
of training on whom the intervals are set. Where the view hides the width the line is flat, and the interval
wide.
"""

from __future__ import annotations

import numpy as np

from gaitlib.estimate.features import COMMON_FPS, SIDE_FEATURES, ClipFeatures
from gaitlib.estimate.input_kind import KEYPOINTS, name_group
from gaitlib.estimate.targets import OUTCOME_NAMES, TARGETS
from gaitlib.walk import KEYPOINTS_3D

COLUMN = OUTCOME_NAMES.index("step_width_m")
_SIZE = TARGETS[COLUMN].size
_ANKLES = [KEYPOINTS_3D.index(f"ankle_{side}") for side in "rl"]
_AT = {name: SIDE_FEATURES.index(name) for name in ("log_step_time", "log_height", "along")}
_USUAL_STEP_S, _USUAL_HEIGHT_M = 0.55, 1.6
_PENALTY = 1.0


def measure_apart(features: ClipFeatures) -> float:
    """Measure the mean distance of the ankles in the image over whole strides (leg lengths)."""
    places = features.sequence[: 2 * len(KEYPOINTS_3D)].reshape(len(KEYPOINTS_3D), 2, -1)
    apart = places[_ANKLES[0], 0] - places[_ANKLES[1], 0]
    stride = 2 * _USUAL_STEP_S * np.exp(features.side[_AT["log_step_time"]]) * COMMON_FPS
    count = max(int(len(apart) // stride), 1)
    # All windows of that many strides, so that no one moment counts double.
    length = min(int(round(count * stride)), len(apart))
    sums = np.concatenate([[0.0], np.cumsum(apart)])
    return float(((sums[length:] - sums[:-length]) / length).mean())


def _describe(features: list[ClipFeatures], answered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Regressors (n, 4) and stated or usual body height (n,)."""
    side = np.array([item.side for item in features])
    height = _USUAL_HEIGHT_M * np.exp(side[:, _AT["log_height"]])
    apart = np.array([measure_apart(item) for item in features])
    sign = np.sign(side[:, _AT["along"]])
    said = answered * _SIZE / height
    return np.stack([np.ones(len(apart)), sign * apart, np.abs(apart), said], axis=1), height


def fit_width(
    features: list[ClipFeatures], answered: np.ndarray, truth_m: np.ndarray
) -> dict[str, list[float]]:
    """Fit weights and scale of the errors (share of height) for each direction of the path."""
    known, height = _describe(features, answered)
    group, wanted, found = np.array([name_group(KEYPOINTS, item) for item in features]), truth_m / height, {}
    for name in np.unique(group):
        rows = (group == name) & np.isfinite(wanted)
        own, spread = known[rows], np.append(0.0, known[rows, 1:].std(axis=0))
        weights = np.linalg.solve(own.T @ own + _PENALTY * np.diag(spread**2), own.T @ wanted[rows])
        error = np.abs(wanted[rows] - own @ weights).mean()
        found[str(name)] = [*weights.tolist(), float(error)]
    return found


def apply_width(fitted: dict[str, list[float]], features: list[ClipFeatures], answered: np.ndarray):
    """Step width and logarithm of its scale, on the network's scale; (n,) each."""
    known, height = _describe(features, answered)
    fits = np.array([fitted[name_group(KEYPOINTS, item)] for item in features])
    return (known * fits[:, :-1]).sum(axis=1) * height / _SIZE, np.log(fits[:, -1] * height / _SIZE)
