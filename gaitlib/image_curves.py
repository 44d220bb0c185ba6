"""Curves for gait events from image keypoints of any layout."""

from __future__ import annotations

import numpy as np
import xarray as xr

from gaitlib.errors import InputError
from gaitlib.event_curves import SIDES, get_rate
from gaitlib.signals import fill_gaps, smooth_lowpass

_NAMES = {
    "hip": ("{side}_hip", "hip_{letter}"),
    "knee": ("{side}_knee", "knee_{letter}"),
    "ankle": ("{side}_ankle", "ankle_{letter}"),
    "heel": ("{side}_heel", "heel_{letter}"),
    "toe": ("{side}_big_toe", "{side}_foot_index", "{side}_toe", "toe_{letter}"),
    "shoulder": ("{side}_shoulder", "shoulder_{letter}"),
    "ear": ("{side}_ear",),
}
_WORDS = {"r": "right", "l": "left"}
_SPIKE_WINDOW_S = 0.1


def build_sagittal_curves(
    keypoints: xr.Dataset, min_confidence: float
) -> tuple[np.ndarray, np.ndarray | None, bool]:
    """Build curves of how far each foot is ahead of the hips in the image.

    Parameters
    ----------
    keypoints : xarray.Dataset
        Image keypoints, seen from the side or obliquely.
    min_confidence : float
        Points below count as unknown.

    Returns
    -------
    ahead : array, shape (n_time, 2)
        Right and left heel (ankles if heels are not seen) ahead of the hips in units of the apparent leg
        length; NaN where unknown.
    behind : array, shape (n_time, 2), or None
        The same for the toes; None if they are not seen.
    has_heels : bool
        Whether `ahead` holds heels.

    Raises
    ------
    InputError
        If hips or ankles are missing or never seen.
    """
    points = _read_points(keypoints, min_confidence)
    middle = np.mean([points["hip_r"], points["hip_l"]], axis=0)
    fps = get_rate(keypoints["time"].values)
    size = _measure_leg(points, middle, fps)
    sign = _find_direction(points, middle, size)

    def has(name: str) -> bool:
        pairs = [(points.get(f"{name}_{side}"), points[f"ankle_{side}"]) for side in SIDES]
        return all(point is not None and _count(point) >= 0.5 * _count(ankle) for point, ankle in pairs)

    def build(name: str) -> np.ndarray:
        curves = [sign * (points[f"{name}_{side}"] - middle)[:, 0] / size for side in SIDES]
        return np.stack([_remove_spikes(curve, fps) for curve in curves], axis=1)

    has_heels = has("heel")
    return build("heel" if has_heels else "ankle"), build("toe") if has("toe") else None, has_heels


def build_height_difference(keypoints: xr.Dataset, min_confidence: float, with_knees: bool) -> np.ndarray:
    """Build the curve of how much lower the right leg appears than the left one.

    Parameters
    ----------
    keypoints : xarray.Dataset
        Image keypoints, seen from the front or back.
    min_confidence : float
        Points below count as unknown.
    with_knees : bool
        Whether to add the difference of the knees to that of the ankles, where the layout has knees.

    Returns
    -------
    array, shape (n_time,)
        Difference of the image heights in units of the apparent leg length; NaN where unknown.

    Raises
    ------
    InputError
        If hips or ankles are missing or never seen.
    """
    points = _read_points(keypoints, min_confidence)
    middle = np.mean([points["hip_r"], points["hip_l"]], axis=0)
    fps = get_rate(keypoints["time"].values)
    difference = (points["ankle_r"] - points["ankle_l"])[:, 1]
    if with_knees and "knee_r" in points and "knee_l" in points:
        difference = difference + (points["knee_r"] - points["knee_l"])[:, 1]
    return _remove_spikes(difference / _measure_leg(points, middle, fps), fps)


def _count(point: np.ndarray) -> int:
    return int(np.isfinite(point).all(axis=1).sum())


def _read_points(keypoints: xr.Dataset, min_confidence: float) -> dict[str, np.ndarray]:
    """Points of the body by name, shape (n_time, 2), NaN where unsure."""
    problems = [name for name in ("pixel_position", "confidence") if name not in keypoints]
    if problems:
        raise InputError(f"image keypoints: variables {', '.join(problems)} are missing.")
    names = [str(name) for name in keypoints["keypoint"].values]
    pixels = keypoints["pixel_position"].transpose("time", "keypoint", "image_axis").values.astype(float)
    sure = keypoints["confidence"].transpose("time", "keypoint").values >= min_confidence
    pixels = np.where(sure[..., None], pixels, np.nan)
    points = {}
    for point, patterns in _NAMES.items():
        for letter, word in _WORDS.items():
            candidates = [pattern.format(side=word, letter=letter) for pattern in patterns]
            found = [name for name in candidates if name in names]
            if found:
                points[f"{point}_{letter}"] = pixels[:, names.index(found[0])]
    if "nose" in names:
        points["nose"] = pixels[:, names.index("nose")]
    needed = [f"{point}_{side}" for point in ("hip", "ankle") for side in SIDES]
    missing = [name for name in needed if name not in points]
    if missing:
        raise InputError(
            f"image keypoints: the layout has no {', '.join(missing)}; found {', '.join(names)}."
        )
    if not np.isfinite(np.stack([points[name] for name in needed])).all(axis=(0, 2)).any():
        raise InputError(
            f"image keypoints: hips and ankles are never seen together with confidence >= {min_confidence:g}."
        )
    return points


def _measure_leg(points: dict[str, np.ndarray], middle: np.ndarray, fps: float) -> np.ndarray:
    """Apparent leg length over time (px): hips over the lower ankle, smoothed over about 1 s."""
    lower = np.fmax(points["ankle_r"][:, 1], points["ankle_l"][:, 1])
    height, _ = fill_gaps(np.abs(lower - middle[:, 1]), 0.0)
    known = np.isfinite(height)
    height = np.interp(np.arange(len(height)), np.flatnonzero(known), height[known])
    smooth = (
        smooth_lowpass(height, fps, 0.5) if len(height) > 2 * fps else np.full_like(height, np.median(height))
    )
    return np.maximum(smooth, 0.25 * np.median(height))


def _find_direction(points: dict[str, np.ndarray], middle: np.ndarray, size: np.ndarray) -> float:
    """+1 if the person walks towards +u, -1 if towards -u."""
    path = middle[np.isfinite(middle).all(axis=1), 0]
    if len(path) > 2 and abs(path[-1] - path[0]) > 2.0 * np.median(size):
        return float(np.sign(path[-1] - path[0]))

    def compare(front: str, back: str) -> list[np.ndarray]:
        pairs = [(points.get(front.format(s)), points.get(back.format(s))) for s in SIDES]
        return [(first - second)[:, 0] for first, second in pairs if first is not None and second is not None]

    knees = [
        points[f"knee_{side}"][:, 0] - (points[f"hip_{side}"] + points[f"ankle_{side}"])[:, 0] / 2
        for side in SIDES
        if f"knee_{side}" in points
    ]
    for votes in (
        compare("toe_{}", "heel_{}") or compare("toe_{}", "ankle_{}"),
        knees,
        compare("nose", "ear_{}"),
    ):
        values = np.concatenate(votes) if votes else np.empty(0)
        values = values[np.isfinite(values)]
        if len(values) and abs(np.median(values)) > 0.01 * np.median(size):
            return float(np.sign(np.median(values)))
    return float(np.sign(path[-1] - path[0])) or 1.0 if len(path) else 1.0


def _remove_spikes(values: np.ndarray, fps: float) -> np.ndarray:
    """Running median over about 0.1 s: takes out single frames in which the detector jumped."""
    from scipy.ndimage import median_filter

    width = 2 * int(0.5 * _SPIKE_WINDOW_S * fps) + 1
    if width < 3:
        return values
    known = np.isfinite(values)
    if not known.any():
        return values
    index = np.arange(len(values))
    filled = np.interp(index, index[known], values[known])
    smooth = median_filter(filled, size=width, mode="nearest")
    # Only jumps are replaced, so that turning points keep their shape.
    spread = np.median(np.abs(filled - smooth)) + 1e-9
    jump = np.abs(filled - smooth) > np.maximum(6 * spread, 0.1 * np.ptp(smooth))
    return np.where(known, np.where(jump, smooth, filled), np.nan)
