"""Angles of both legs over the stride as a camera sees them, before anything is learned."""

from __future__ import annotations

import numpy as np

from gaitlib.errors import InputError
from gaitlib.estimate.features import COMMON_FPS, ClipFeatures
from gaitlib.events import detect_events_from_curves
from gaitlib.outcomes import compute_leg_curves
from gaitlib.walk import KEYPOINTS_3D

SEEN_ANGLES = ("thigh", "knee", "ankle", "foot")
_MIN_SEEN = 0.6


def compute_seen_angles(features: ClipFeatures) -> np.ndarray | None:
    """Mean angles in the image plane, (4, 2, 101), degrees; None where a leg shows no whole stride.

    As in the features: the person walks to the right, so the first leg is the nearer one, which is the left
    one of a person whose clip was mirrored.
    """
    n = len(KEYPOINTS_3D)
    place = features.sequence[: 2 * n].T.reshape(-1, n, 2) * [1.0, -1.0]
    known = features.sequence[4 * n : 5 * n].T > 0.5
    points = {name: _fill(place[:, k], known[:, k]) for k, name in enumerate(KEYPOINTS_3D)}
    heel = "heel" if all(np.isfinite(points[f"heel_{side}"]).all() for side in "rl") else "ankle"
    ahead, behind = (
        np.stack([points[f"{name}_{side}"][:, 0] for side in "rl"], axis=1) for name in (heel, "toe")
    )
    time_s = np.arange(len(place)) / COMMON_FPS
    try:
        toes = behind if np.isfinite(behind).all() else None
        events = detect_events_from_curves(time_s, ahead, toes, with_landing=heel == "heel")
    except InputError:
        return None
    found = compute_leg_curves(time_s, points, events)
    curves = np.stack([found[name] for name in SEEN_ANGLES])
    return curves if np.isfinite(curves[:2]).all() else None


def _fill(path: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Fill gaps of a point that is known for most of the time; NaN throughout if it is not."""
    if known.mean() < _MIN_SEEN:
        return np.full(path.shape, np.nan)
    frames = np.arange(len(path))
    return np.stack([np.interp(frames, frames[known], axis[known]) for axis in path.T], axis=1)
