"""Missing points are missing, in whatever way a detector writes them; and each way is named."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import median_filter

from gaitlib.door.recording import LEG_POINTS, LEGS, Recording
from gaitlib.sense.noise import find_partner
from gaitlib.signals import find_runs
from gaitlib.walk import KEYPOINTS_3D

_PARTNER = find_partner(list(KEYPOINTS_3D))
_FROZEN_S = 0.15
_BRIDGE_S = 0.1
_JUMP_SHARE = 0.10
"""A point this far (leg lengths) off the line of its neighbours in time, for a few frames, has jumped."""


def mark_missing(recording: Recording) -> Recording:
    """Mark what detectors write for 'not found': the origin, -1, no confidence, outside the image."""
    values = recording.values.copy()
    place, level = values[..., :2], values[..., 2]
    known = np.isfinite(place).all(axis=-1)
    with np.errstate(invalid="ignore"):
        signed = np.median(place[known], axis=0) if known.any() else np.zeros(2)
        spread = np.median(np.abs(place[known] - signed), axis=0) if known.any() else np.zeros(2)
        faults = {
            "far outside": known & (np.abs(place - signed) > 200 * np.maximum(spread, 1e-9)).any(axis=-1),
            "at (0, 0)": known & (place == 0).all(axis=-1),
            "at -1": known & (place == -1).any(axis=-1) & (np.abs(signed) > 2).all(),
            "without confidence": known & ~(level > 0),
        }
        if recording.image_size_px is not None:
            size = np.array(recording.image_size_px)
            outside = known & ((place < -0.02 * size) | (place > 1.02 * size)).any(axis=-1)
            if outside.sum() <= 0.05 * known.sum():  # more of them tell of a wrong size: `scale_picture`
                faults["outside the picture"] = outside
    notes, n_known = [], max(int(known.sum()), 1)
    for words, fault in faults.items():
        count = int((fault & known).sum())
        known &= ~fault
        if count:
            notes.append(f"{count / n_known:.1%} of the points {words} were taken as not seen")
    values[~known] = np.nan
    values[..., 2] = np.where(known, np.clip(np.nan_to_num(level), 0, None), 0.0)
    most = values[..., 2].max(initial=0.0)
    if most > 1.0:  # percent, or scores above one
        values[..., 2] /= 100.0 if most > 10 else most
    return recording.change(*notes, values=values)


def clean_points(recording: Recording) -> Recording:
    """Drop frozen points and isolated jumps of one person, and undo swapped legs; (time, 19, 3)."""
    values, fps, notes = recording.values.copy(), recording.facts["fps"], []
    known = np.isfinite(values[..., :2]).all(axis=-1)
    leg = measure_leg_px(values)
    for find, words in (
        (_find_frozen, "stood still while the body moved"),
        (_find_jumps, "jumped away and back"),
    ):
        fault = find(values, fps, leg)
        if fault.any():
            notes.append(f"{fault.sum() / known.sum():.1%} of the points {words}; taken as not seen")
            values[fault, :2], values[fault, 2] = np.nan, 0.0
    swapped = _find_swaps(values, fps, leg)
    if swapped.any():
        values[swapped] = values[swapped][:, _PARTNER]
        notes.append(f"left and right were exchanged back in {swapped.sum()} frames ({swapped.mean():.1%})")
    return recording.change(*notes, values=values)


def measure_leg_px(values: np.ndarray) -> float:
    """Usual apparent leg length (px): thigh plus shank of the longer-looking leg."""
    lengths = np.linalg.norm(np.diff(values[:, LEGS, :2], axis=2), axis=-1).sum(axis=-1)
    known = lengths[np.isfinite(lengths)]
    return max(float(np.quantile(known, 0.75)), 1e-9) if len(known) else 1e-9


def _find_frozen(values: np.ndarray, fps: float, leg: float) -> np.ndarray:
    """Points that keep exactly one place for a while, though the rest of the body moves."""
    known = np.isfinite(values[..., :2]).all(axis=-1)
    still = np.zeros(known.shape, dtype=bool)
    still[1:] = (np.diff(values[..., :2], axis=0) == 0).all(axis=-1)
    moving = known.any(axis=1) & ~(still.sum(axis=1) > 0.8 * np.maximum(known.sum(axis=1), 1))
    frozen, least = np.zeros_like(still), max(int(round(_FROZEN_S * fps)), 4)
    for column in range(still.shape[1]):
        for first, last in find_runs(still[:, column]):
            frozen[first:last, column] = last - first >= least and moving[first:last].mean() > 0.5
    return frozen


def _find_jumps(values: np.ndarray, fps: float, leg: float) -> np.ndarray:
    """Points far off the median of their neighbours in time."""
    half = max(int(round(0.06 * fps)), 2)
    known = np.isfinite(values[..., :2]).all(axis=-1)
    jumped = np.zeros(known.shape, dtype=bool)
    for column in range(known.shape[1]):
        rows = np.flatnonzero(known[:, column])
        if len(rows) < 2 * half + 1:
            continue
        path = values[rows, column, :2]
        # In a straight line the median of the neighbours is the point itself, however fast it moves.
        off = np.linalg.norm(path - median_filter(path, (2 * half + 1, 1), mode="nearest"), axis=1) / leg
        inside = (np.arange(len(rows)) >= half) & (np.arange(len(rows)) < len(rows) - half)
        far = off > max(_JUMP_SHARE + 1.2 / fps, 8 * np.median(off))
        jumped[rows, column] = far & (inside | (off > 0.5))
    return jumped


def _find_swaps(values: np.ndarray, fps: float, leg: float) -> np.ndarray:
    """Frames in which the legs fit the frames before better the other way round, until they fit again."""
    own, other = (values[:, order, :2] for order in (LEG_POINTS[2:], [_PARTNER[n] for n in LEG_POINTS[2:]]))
    flipped, state = np.zeros(len(values), dtype=bool), False
    last = velocity = None
    for t in range(len(values)):
        if np.isfinite(own[t]).all():
            now, against = (other[t], own[t]) if state else (own[t], other[t])
            if last is not None and t - last[0] <= 0.1 * fps + 1:
                expected = last[1] + velocity * (t - last[0])
                keep, change = (np.linalg.norm(one - expected, axis=1).sum() / leg for one in (now, against))
                if keep > 0.25 and change < 0.4 * keep:
                    state, now = not state, against
            if last is None:
                velocity = np.zeros_like(now)
            else:
                step = (now - last[1]) / (t - last[0])
                velocity = step if t - last[0] > 3 else 0.5 * velocity + 0.5 * step
            last = (t, now)
        flipped[t] = state
    return flipped if flipped.mean() <= 0.5 else ~flipped


def bridge_gaps(values: np.ndarray, fps: float) -> np.ndarray:
    """Bridge gaps of single points of up to a tenth of a second by a cubic; (time, 19, 3)."""
    bridged = values.copy()
    for column in range(values.shape[1]):
        known = np.isfinite(values[:, column, :2]).all(axis=1)
        rows = np.flatnonzero(known)
        if len(rows) < 8:
            continue
        gaps = [
            (a, b) for a, b in find_runs(~known) if 0 < a and b < len(known) and b - a <= _BRIDGE_S * fps + 1
        ]
        empty = np.concatenate([np.arange(a, b) for a, b in gaps]) if gaps else rows[:0]
        bridged[empty, column, :2] = CubicSpline(rows, values[rows, column, :2])(empty)
        bridged[empty, column, 2] = np.interp(empty, rows, values[rows, column, 2])
    return bridged
