"""Keypoint layouts: which points a pose detector gives, and how they map to the points of a Walk.

Every layout is a table of linear combinations. One matrix builds the layout's points from the 19 points
of a Walk, a second one reads the 19 points back from the layout. Points that a layout lacks are NaN.

Orders follow the published formats: COCO (Lin et al. 2014, doi 10.1007/978-3-319-10602-1_48), BODY_25 of
OpenPose (Cao et al. 2021, doi 10.1109/TPAMI.2019.2929257), the 33 points of BlazePose (Bazarevsky et al.
2020, arXiv 2006.10204), the 17 points customary for Human3.6M (Ionescu et al. 2014,
doi 10.1109/TPAMI.2013.248) and joint centres as Plug-in Gait gives them.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import xarray as xr

from gaitlib.errors import InputError
from gaitlib.walk import KEYPOINTS_3D

WALK_LAYOUT = "walk19"
"""Name of the layout that holds the points of a Walk themselves."""

Combination = dict[str, float]


_ORDERS = {
    "coco17": "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow "
    "right_elbow left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle",
    "body25": "nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist mid_hip "
    "right_hip right_knee right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear left_ear "
    "left_big_toe left_small_toe left_heel right_big_toe right_small_toe right_heel",
    "mediapipe33": "nose left_eye_inner left_eye left_eye_outer right_eye_inner right_eye right_eye_outer "
    "left_ear right_ear mouth_left mouth_right left_shoulder right_shoulder left_elbow right_elbow "
    "left_wrist right_wrist left_pinky right_pinky left_index right_index left_thumb right_thumb "
    "left_hip right_hip left_knee right_knee left_ankle right_ankle left_heel right_heel "
    "left_foot_index right_foot_index",
    "h36m17": "pelvis right_hip right_knee right_ankle left_hip left_knee left_ankle spine thorax nose "
    "head_top left_shoulder left_elbow left_wrist right_shoulder right_elbow right_wrist",
    "pig": "pelvis left_hip right_hip left_knee right_knee left_ankle right_ankle left_heel right_heel "
    "left_toe right_toe",
}
_SHOULDERS = {"shoulder_r": 0.5, "shoulder_l": 0.5}
_HIPS = {"hip_r": 0.5, "hip_l": 0.5}
_MIDDLE = {
    "neck": _SHOULDERS,
    "thorax": _SHOULDERS,
    "mid_hip": _HIPS,
    "pelvis": _HIPS,
    "spine": {"hip_r": 0.25, "hip_l": 0.25, "shoulder_r": 0.25, "shoulder_l": 0.25},
    "nose": {"nose": 1.0},
    "head_top": {"head_top": 1.0},
}
_FACE = {
    "ear": ({"neck": 0.46, "head_top": 0.54}, 0.40),
    "eye": ({"nose": 1.0, "head_top": 0.18, "neck": -0.18}, 0.17),
    "eye_inner": ({"nose": 1.0, "head_top": 0.18, "neck": -0.18}, 0.10),
    "eye_outer": ({"nose": 1.0, "head_top": 0.18, "neck": -0.18}, 0.24),
    "mouth": ({"nose": 1.0, "head_top": -0.14, "neck": 0.14}, 0.13),
}
"""Part of the face -> points of the head, and share of the half shoulder width towards its side."""
_REACH = {"pinky": 0.28, "index": 0.32, "thumb": 0.15}
"""How far beyond the wrist, in forearms."""
_TOES = ("big_toe", "foot_index", "toe")


def _combine(name: str) -> Combination:
    """How a keypoint of a detector is made of the points of a Walk."""
    if name in _MIDDLE:
        return _MIDDLE[name]
    side, other = ("l", "r") if "left" in name else ("r", "l")
    part = name.replace("left", "").replace("right", "").strip("_")
    if part in _FACE:
        points, share = _FACE[part]
        return {**points, f"shoulder_{side}": 0.5 * share, f"shoulder_{other}": -0.5 * share}
    if part in _REACH:
        return {f"wrist_{side}": 1.0 + _REACH[part], f"elbow_{side}": -_REACH[part]}
    if part == "small_toe":
        return {f"toe_{side}": 0.85, f"heel_{side}": 0.15}
    return {f"{'toe' if part in _TOES else part}_{side}": 1.0}


LAYOUTS: dict[str, dict[str, Combination]] = {
    layout: {name: _combine(name) for name in order.split()} for layout, order in _ORDERS.items()
} | {WALK_LAYOUT: {name: {name: 1.0} for name in KEYPOINTS_3D}}
"""Layout -> keypoint in order -> combination of the points of a Walk."""


def get_layout(layout: str) -> tuple[str, ...]:
    """Look up the keypoint names of a layout, in order."""
    if layout not in LAYOUTS:
        raise InputError(f"layout: found '{layout}', expected one of {', '.join(LAYOUTS)}.")
    return tuple(LAYOUTS[layout])


@cache
def get_build_matrix(layout: str) -> np.ndarray:
    """Get the matrix that builds a layout's points from the points of a Walk; shape (n_layout_points, 19)."""
    names = get_layout(layout)
    matrix = np.zeros((len(names), len(KEYPOINTS_3D)))
    for row, name in enumerate(names):
        for source, weight in LAYOUTS[layout][name].items():
            matrix[row, KEYPOINTS_3D.index(source)] += weight
    return matrix


@cache
def get_read_matrix(layout: str) -> np.ndarray:
    """Get the matrix that reads the points of a Walk from a layout's points; shape (19, n_layout_points)."""
    names = get_layout(layout)
    matrix = np.zeros((len(KEYPOINTS_3D), len(names)))
    for row, target in enumerate(KEYPOINTS_3D):
        wanted = _SHOULDERS if target == "neck" and layout != WALK_LAYOUT else {target: 1.0}
        for source, weight in wanted.items():
            match = [n for n, name in enumerate(names) if LAYOUTS[layout][name] == {source: 1.0}]
            if match:
                matrix[row, match[0]] = weight
    incomplete = ~np.isclose(matrix.sum(axis=1), 1.0)
    matrix[incomplete] = 0.0
    return matrix


def combine_points(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Combine points linearly; NaN where a part is NaN or nothing contributes; (..., n_out, n_space)."""
    unknown = ~np.isfinite(points)
    combined = matrix @ np.where(unknown, 0.0, points)
    if unknown.any():
        spoilt = (np.abs(matrix) @ unknown.astype(float)) > 0
        combined = np.where(spoilt, np.nan, combined)
    empty = ~np.any(matrix != 0, axis=1)
    if empty.any():
        combined[..., empty, :] = np.nan
    return combined


def convert_layout(keypoints: xr.Dataset, layout: str = WALK_LAYOUT) -> xr.Dataset:
    """Convert image keypoints to another layout by way of the points of a Walk."""
    source = str(keypoints.attrs.get("layout", ""))
    names = list(get_layout(source))
    target = get_layout(layout)
    missing = [name for name in names if name not in keypoints["keypoint"].values]
    if missing:
        raise InputError(
            f"image keypoints of layout '{source}': keypoints {', '.join(missing)} are missing; "
            f"expected {', '.join(names)}. Give all columns (empty where not seen) or name the right layout."
        )
    ordered = keypoints.sel(keypoint=names)
    pixels, confidence = ordered["pixel_position"].values, ordered["confidence"].values
    for matrix in (get_read_matrix(source), get_build_matrix(layout)):
        weight = np.abs(matrix) / np.maximum(np.abs(matrix).sum(axis=1, keepdims=True), 1e-12)
        pixels, confidence = combine_points(matrix, pixels), confidence @ weight.T
    confidence = np.where(np.isfinite(pixels).all(axis=-1), confidence, 0.0)
    return build_image_keypoints(
        keypoints["time"].values, pixels, confidence, {**keypoints.attrs, "layout": layout}, names=target
    )


def build_image_keypoints(
    time_s: np.ndarray,
    pixel_position: np.ndarray,
    confidence: np.ndarray | None = None,
    attributes: dict | None = None,
    names: tuple[str, ...] | None = None,
) -> xr.Dataset:
    """Put image keypoints together."""
    attributes = dict(attributes or {})
    names = names or get_layout(str(attributes.get("layout", "")))
    pixels = np.asarray(pixel_position, dtype=float)
    expected = (len(time_s), len(names), 2)
    if pixels.shape != expected:
        raise InputError(
            f"pixel_position: found shape {pixels.shape}, expected (time, keypoint, 2) = {expected} for "
            f"layout '{attributes.get('layout')}'. Name the right layout or order "
            "the array as (time, keypoint, u/v)."
        )
    if confidence is None:
        confidence = np.isfinite(pixels).all(axis=-1).astype(float)
    confidence = np.asarray(confidence, dtype=float)
    if confidence.shape != expected[:2]:
        raise InputError(
            f"confidence: found shape {confidence.shape}, expected (time, keypoint) = {expected[:2]}."
        )
    data = {
        "pixel_position": (("time", "keypoint", "image_axis"), pixels, {"units": "px"}),
        "confidence": (("time", "keypoint"), confidence, {"units": "1"}),
    }
    coords = {"time": np.asarray(time_s, dtype=float), "keypoint": list(names), "image_axis": ["u", "v"]}
    return xr.Dataset(data, coords=coords, attrs=attributes)
