"""The Walk: a person's keypoints in space over time, the pivot of the whole chain.

Simulated, generated and real people all become Walks, so that events, outcomes and cameras exist once.
The frame is ISB's: x along the walking direction, y up, z to the person's right; metres and seconds.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from gaitlib.errors import InputError

_PAIRS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "heel", "toe")
KEYPOINTS_3D = ("nose", "head_top", "neck", *(f"{name}_{side}" for name in _PAIRS for side in ("r", "l")))
"""Keypoints of a Walk: hip, knee and ankle are joint centres, toe is the front end of the foot."""

SPACE = ("x", "y", "z")
ORIGINS = ("real", "simulated", "generated")
_REQUIRED_ATTRIBUTES = ("walk_id", "person_id", "dataset", "origin")
_UNKNOWN_NUMBERS = ("height_m", "age_years", "mass_kg")
_UNIFORM_TOLERANCE = 0.02
_MIN_TRAVEL_M = 0.3


def build_walk(time_s: np.ndarray, keypoint_position: np.ndarray, **attributes) -> xr.Dataset:
    """Put keypoints over time together into a Walk; the error lists everything that is wrong at once.

    Uniform times (n_time,) in s; positions (n_time, 19, 3) forward, up, right in m, ordered as
    `KEYPOINTS_3D`, NaN where unknown. Needed attributes: walk_id, person_id, dataset, origin ('real',
    'simulated', 'generated'); known ones: subgroup, height_m, age_years, mass_kg (NaN where unknown), sex,
    fps (else from the times).
    """
    time_s = np.asarray(time_s, dtype=float)
    position = np.asarray(keypoint_position, dtype=float)
    name = attributes.get("walk_id", "without walk_id")
    expected = (len(np.atleast_1d(time_s)), len(KEYPOINTS_3D), 3)
    if time_s.ndim != 1 or position.shape != expected:
        raise InputError(
            f"Walk {name}: keypoint_position has shape {position.shape} and time_s {time_s.shape}; expected "
            f"(n_time, {len(KEYPOINTS_3D)}, 3) and (n_time,). Order the keypoints as KEYPOINTS_3D."
        )
    walk = xr.Dataset(
        {"keypoint_position": (("time", "keypoint", "space"), position, {"units": "m"})},
        coords={"time": ("time", time_s, {"units": "s"}), "keypoint": list(KEYPOINTS_3D), "space": [*SPACE]},
        attrs={"subgroup": "unknown", "sex": "unknown"},
    )
    walk.attrs |= dict.fromkeys(_UNKNOWN_NUMBERS, float("nan"))
    walk.attrs |= attributes
    if "fps" not in attributes and len(time_s) > 1 and time_s[-1] > time_s[0]:
        walk.attrs["fps"] = float((len(time_s) - 1) / (time_s[-1] - time_s[0]))
    return validate_walk(walk)


def validate_walk(walk: xr.Dataset) -> xr.Dataset:
    """Check names, shapes, times and attributes of a Walk; the error lists everything that is wrong."""
    problems = [f"attribute '{name}' is missing" for name in _REQUIRED_ATTRIBUTES if name not in walk.attrs]
    origin = walk.attrs.get("origin", ORIGINS[0])
    if origin not in ORIGINS:
        problems.append(f"attribute 'origin' is {origin!r}, expected one of {', '.join(ORIGINS)}")
    problems += _find_position_problems(walk) + _find_time_problems(walk)
    if problems:
        raise InputError(
            f"Walk {walk.attrs.get('walk_id', 'without walk_id')}: {'; '.join(problems)}. "
            "Build it with build_walk(time_s, keypoint_position, walk_id=..., person_id=..., ...)."
        )
    return walk


def _find_position_problems(walk: xr.Dataset) -> list[str]:
    if "keypoint_position" not in walk:
        return ["variable 'keypoint_position' is missing"]
    position = walk["keypoint_position"]
    if position.dims != ("time", "keypoint", "space"):
        return [f"'keypoint_position' has dimensions {position.dims}, expected ('time', 'keypoint', 'space')"]
    problems = []
    for dim, labels in (("keypoint", KEYPOINTS_3D), ("space", SPACE)):
        if dim not in position.coords or list(position[dim].values) != list(labels):
            problems.append(f"dimension '{dim}' does not carry the labels {', '.join(labels)}")
    if np.isinf(position.values).any():
        problems.append("'keypoint_position' holds infinite values; use NaN where a point is unknown")
    if not np.isfinite(position.values).any():
        problems.append("'keypoint_position' holds no known point at all")
    return problems


def _find_time_problems(walk: xr.Dataset) -> list[str]:
    if "time" not in walk.coords:
        return ["coordinate 'time' is missing"]
    time_s = walk["time"].values
    if len(time_s) < 2:
        return [f"'time' has {len(time_s)} samples, expected at least 2"]
    steps = np.diff(time_s)
    if not np.isfinite(time_s).all() or (steps <= 0).any():
        return ["'time' must be finite and increasing"]
    step = (time_s[-1] - time_s[0]) / len(steps)
    uneven = np.abs(steps - step).max()
    # Rounded time stamps (1 ms) are uniform enough; a missing frame is not.
    if uneven > max(_UNIFORM_TOLERANCE * step, 0.0015) or uneven > 0.5 * step:
        return [
            f"'time' is not uniform: samples are {steps.min():.4f} to {steps.max():.4f} s apart; "
            "fill missing frames with NaN rows"
        ]
    problems = []
    fps = walk.attrs.get("fps")
    if not isinstance(fps, (int, float, np.number)) or not abs(fps * step - 1) <= _UNIFORM_TOLERANCE:
        problems.append(f"attribute 'fps' is {fps}, but 'time' says {1 / step:.3f}")
    return problems


def get_point(walk: xr.Dataset, keypoint: str) -> np.ndarray:
    """Get the path of one keypoint, or of the middle of a pair ('mid_hip'); shape (n_time, 3), m."""
    position = walk["keypoint_position"].values
    if keypoint.startswith("mid_") and f"{keypoint[4:]}_r" in KEYPOINTS_3D:
        sides = [KEYPOINTS_3D.index(f"{keypoint[4:]}_{side}") for side in ("r", "l")]
        return position[:, sides].mean(axis=1)
    if keypoint not in KEYPOINTS_3D:
        raise InputError(f"keypoint '{keypoint}' is unknown; known: {', '.join(KEYPOINTS_3D)}, mid_hip.")
    return position[:, KEYPOINTS_3D.index(keypoint)]


def find_progression(walk: xr.Dataset) -> np.ndarray:
    """Horizontal walking direction of a straight pass: the line of the mid-hip over time; unit vector."""
    time_s, middle = walk["time"].values, get_point(walk, "mid_hip")
    seen = np.isfinite(middle).all(axis=1)
    if seen.sum() < 2:
        raise InputError(f"Walk {walk.attrs['walk_id']}: both hips are known in {seen.sum()} frames only.")
    slope = np.polyfit(time_s[seen] - time_s[seen].mean(), middle[seen][:, [0, 2]], 1)[0]
    travel = float(np.hypot(*slope) * np.ptp(time_s[seen]))
    if travel < _MIN_TRAVEL_M:
        raise InputError(
            f"Walk {walk.attrs['walk_id']}: the hips travel {travel:.2f} m, too little to find a walking "
            f"direction; expected at least {_MIN_TRAVEL_M} m over ground (treadmill: add the belt travel)."
        )
    cos, sin = slope / np.hypot(*slope)
    return np.array([cos, 0.0, sin])
