"""Where the body's segments are and how they are turned, from the points of a walk.

Every segment has the axes of ISB in upright standing: x forward, y up (along the segment), z to the person's
right. A planar simulation knows the sagittal rotation; `gaitlib.sense.trunk_and_arms` adds, and measured
points hold, rotation and obliquity of pelvis and thorax, sway, step width, the slant of the legs and the
swing of the arms. The rotation of thigh, shank and forearm about their long axes is not known and taken as
none; the foot turns about z only.
"""

from __future__ import annotations

import numpy as np

from gaitlib.body.kinematics import PITCH_SEGMENTS
from gaitlib.gait import SIDES
from gaitlib.walk import KEYPOINTS_3D

SEGMENTS = ("pelvis", "trunk", *(f"{name}_{side}" for side in SIDES for name in ("thigh", "shank", "foot")))
SEGMENTS = (*SEGMENTS, "forearm_r", "forearm_l")
"""Segments that have a frame."""

_ENDS = {"thigh": ("hip", "knee"), "shank": ("knee", "ankle"), "forearm": ("elbow", "wrist")}
_Z = np.array([0.0, 0.0, 1.0])


def estimate_pitch(points: np.ndarray) -> np.ndarray:
    """Sagittal rotation of `PITCH_SEGMENTS` from points, as of a real walk; shape (n_time, 4), rad."""
    up = get_point(points, "mid_shoulder") - get_point(points, "mid_hip")
    lean = np.arctan2(-up[:, 0], up[:, 1])
    soles = [get_point(points, f"toe_{side}") - get_point(points, f"heel_{side}") for side in SIDES]
    return np.stack([lean, lean, *(np.arctan2(sole[:, 1], sole[:, 0]) for sole in soles)], axis=-1)


def compute_rotation(points: np.ndarray, pitch_rad: np.ndarray, segment: str) -> np.ndarray:
    """Compute how a segment is turned; shape (n_time, 3, 3)."""
    if segment in PITCH_SEGMENTS:
        angle = pitch_rad[:, PITCH_SEGMENTS.index(segment)]
        along = np.stack([-np.sin(angle), np.cos(angle), np.zeros_like(angle)], axis=-1)
        pair = {"pelvis": "hip", "trunk": "shoulder"}.get(segment)
        if pair is None:
            return _build_axes(along, np.broadcast_to(_Z, along.shape), keep="long")
        across = get_point(points, f"{pair}_r") - get_point(points, f"{pair}_l")
        return _build_axes(along, across, keep="lateral")
    name, side = segment.rsplit("_", 1)
    upper, lower = (get_point(points, f"{end}_{side}") for end in _ENDS[name])
    return _build_axes(upper - lower, np.broadcast_to(_Z, upper.shape), keep="long")


def get_point(points: np.ndarray, name: str) -> np.ndarray:
    """Get the path of a point, or of the middle of a pair; shape (n_time, 3), m."""
    if name.startswith("mid_"):
        return 0.5 * (get_point(points, f"{name[4:]}_r") + get_point(points, f"{name[4:]}_l"))
    return points[:, KEYPOINTS_3D.index(name)]


def _build_axes(along: np.ndarray, across: np.ndarray, keep: str) -> np.ndarray:
    """Axes (as columns) from a long and a lateral direction, of which one is kept as it is."""
    y, z = _normalise(along), _normalise(across)
    if keep == "long":
        z = _normalise(z - (z * y).sum(axis=-1, keepdims=True) * y)
    else:
        y = _normalise(y - (z * y).sum(axis=-1, keepdims=True) * z)
    return np.stack([np.cross(y, z), y, z], axis=-1)


def _normalise(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)
