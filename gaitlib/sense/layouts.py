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


def _one(name: str) -> Combination:
    return {name: 1.0}


def _mid(first: str, second: str) -> Combination:
    return {first: 0.5, second: 0.5}


def _lateral(side: str, share: float) -> Combination:
    """Share of the half shoulder width towards one side."""
    other = "l" if side == "r" else "r"
    return {f"shoulder_{side}": 0.5 * share, f"shoulder_{other}": -0.5 * share}


def _ear(side: str) -> Combination:
    return {"neck": 0.46, "head_top": 0.54, **_lateral(side, 0.40)}


def _eye(side: str, share: float = 0.17) -> Combination:
    return {"nose": 1.0, "head_top": 0.18, "neck": -0.18, **_lateral(side, share)}


def _mouth(side: str) -> Combination:
    return {"nose": 1.0, "head_top": -0.14, "neck": 0.14, **_lateral(side, 0.13)}


def _hand(side: str, reach: float) -> Combination:
    return {f"wrist_{side}": 1.0 + reach, f"elbow_{side}": -reach}


def _forefoot(side: str) -> Combination:
    return {f"toe_{side}": 0.85, f"heel_{side}": 0.15}


_SIDE = {"left": "l", "right": "r"}


def _pair(name: str, side: str) -> tuple[str, Combination]:
    return f"{side}_{name}", _one(f"{name}_{_SIDE[side]}")


def _build_coco17() -> dict[str, Combination]:
    points: dict[str, Combination] = {"nose": _one("nose")}
    points |= {f"{side}_eye": _eye(_SIDE[side]) for side in ("left", "right")}
    points |= {f"{side}_ear": _ear(_SIDE[side]) for side in ("left", "right")}
    for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        points |= dict(_pair(name, side) for side in ("left", "right"))
    return points


def _build_body25() -> dict[str, Combination]:
    points: dict[str, Combination] = {"nose": _one("nose"), "neck": _mid("shoulder_r", "shoulder_l")}
    for side in ("right", "left"):
        points |= dict(_pair(name, side) for name in ("shoulder", "elbow", "wrist"))
    points["mid_hip"] = _mid("hip_r", "hip_l")
    for side in ("right", "left"):
        points |= dict(_pair(name, side) for name in ("hip", "knee", "ankle"))
    points |= {f"{side}_eye": _eye(_SIDE[side]) for side in ("right", "left")}
    points |= {f"{side}_ear": _ear(_SIDE[side]) for side in ("right", "left")}
    for side in ("left", "right"):
        s = _SIDE[side]
        points |= {f"{side}_big_toe": _one(f"toe_{s}"), f"{side}_small_toe": _forefoot(s)}
        points[f"{side}_heel"] = _one(f"heel_{s}")
    return points


def _build_mediapipe33() -> dict[str, Combination]:
    points: dict[str, Combination] = {"nose": _one("nose")}
    for side in ("left", "right"):
        s = _SIDE[side]
        points |= {
            f"{side}_eye_inner": _eye(s, 0.10),
            f"{side}_eye": _eye(s),
            f"{side}_eye_outer": _eye(s, 0.24),
        }
    points |= {f"{side}_ear": _ear(_SIDE[side]) for side in ("left", "right")}
    points |= {f"mouth_{side}": _mouth(_SIDE[side]) for side in ("left", "right")}
    for name in ("shoulder", "elbow", "wrist"):
        points |= dict(_pair(name, side) for side in ("left", "right"))
    for name, reach in (("pinky", 0.28), ("index", 0.32), ("thumb", 0.15)):
        points |= {f"{side}_{name}": _hand(_SIDE[side], reach) for side in ("left", "right")}
    for name in ("hip", "knee", "ankle", "heel"):
        points |= dict(_pair(name, side) for side in ("left", "right"))
    points |= {f"{side}_foot_index": _one(f"toe_{_SIDE[side]}") for side in ("left", "right")}
    return points


def _build_h36m17() -> dict[str, Combination]:
    points: dict[str, Combination] = {"pelvis": _mid("hip_r", "hip_l")}
    for side in ("right", "left"):
        points |= dict(_pair(name, side) for name in ("hip", "knee", "ankle"))
    points["spine"] = {"hip_r": 0.25, "hip_l": 0.25, "shoulder_r": 0.25, "shoulder_l": 0.25}
    points["thorax"] = _mid("shoulder_r", "shoulder_l")
    points |= {"nose": _one("nose"), "head_top": _one("head_top")}
    for side in ("left", "right"):
        points |= dict(_pair(name, side) for name in ("shoulder", "elbow", "wrist"))
    return points


def _build_pig() -> dict[str, Combination]:
    points: dict[str, Combination] = {"pelvis": _mid("hip_r", "hip_l")}
    for name in ("hip", "knee", "ankle", "heel", "toe"):
        points |= dict(_pair(name, side) for side in ("left", "right"))
    return points


LAYOUTS: dict[str, dict[str, Combination]] = {
    "coco17": _build_coco17(),
    "body25": _build_body25(),
    "mediapipe33": _build_mediapipe33(),
    "h36m17": _build_h36m17(),
    "pig": _build_pig(),
    WALK_LAYOUT: {name: _one(name) for name in KEYPOINTS_3D},
}
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
        wanted = (
            _mid("shoulder_r", "shoulder_l") if target == "neck" and layout != WALK_LAYOUT else _one(target)
        )
        for source, weight in wanted.items():
            match = [n for n, name in enumerate(names) if LAYOUTS[layout][name] == _one(source)]
            if match:
                matrix[row, match[0]] = weight
    incomplete = ~np.isclose(matrix.sum(axis=1), 1.0)
    matrix[incomplete] = 0.0
    return matrix


def combine_points(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Combine points linearly; NaN where a contributing point is NaN or nothing contributes; shape (...,
    n_out, n_space).
    """
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
