"""Bouts of straight walking: standing, turns and long gaps are cut out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d, percentile_filter, uniform_filter1d

from gaitlib.door.recording import LEG_POINTS
from gaitlib.signals import find_runs

MIN_BOUT_S = 2.0
_WINDOW_S = 1.0
_PATIENCE_S = 0.3
"""Longest time without legs that a bout bridges, as the estimator does (s)."""
_ACTIVE_SHARE = 0.45
_REACH_SHARE = 0.4
"""The window reaches over the ends of a walk by this share of its width."""
_TURN_RAD_S, _TURN_RAD = 0.5, 1.0
"""The trunk turns at least this fast, and this far in a row, in a turn (rad/s, rad)."""
_TRAVEL_SHARE = 0.7
_MIN_TRAVEL = 0.3
"""Slower than this (leg lengths per second) is standing, a treadmill or a moving camera."""


@dataclass(frozen=True)
class Bout:
    """Frames of one straight stretch of walking; `way` is 'right', 'left', 'near', 'away', 'in place' ..."""

    first: int
    last: int
    way: str = ""

    @property
    def rows(self) -> slice:
        """Frames as a slice."""
        return slice(self.first, self.last)


@dataclass(frozen=True)
class LegPaths:
    """Paths of one person in leg lengths, gaps of up to 0.3 s bridged; NaN rows are longer gaps."""

    fps: float
    hip: np.ndarray
    knees: np.ndarray
    ankles: np.ndarray
    scale: np.ndarray
    seen: np.ndarray


def trace_legs(values: np.ndarray, fps: float) -> LegPaths:
    """Trace hips, knees and ankles of (time, 19, 3) in the person's own leg lengths."""
    points = values[:, LEG_POINTS, :2]
    seen = np.isfinite(points).all(axis=-1).sum(axis=1) >= 4
    present = close_gaps(seen, int(round(_PATIENCE_S * fps)))
    filled = smooth(fill_gaps(points), 0.04 * fps)
    filled[~present] = np.nan
    hips, knees, ankles = filled[:, 0:2], filled[:, 2:4], filled[:, 4:6]
    lengths = np.linalg.norm(knees - hips, axis=-1) + np.linalg.norm(ankles - knees, axis=-1)
    scale, middle = _follow_scale(np.fmax(*lengths.T), fps), hips.mean(axis=1)
    knees, ankles = ((joint - middle[:, None]) / scale[:, None, None] for joint in (knees, ankles))
    return LegPaths(fps, middle, knees, ankles, scale, present)


def _follow_scale(lengths: np.ndarray, fps: float) -> np.ndarray:
    """Apparent leg length over time: the upper part of what is seen within about a second."""
    rows = np.flatnonzero(np.isfinite(lengths))
    if len(rows) < 2:
        return np.full(len(lengths), np.nan)
    filled = np.interp(np.arange(len(lengths)), rows, lengths[rows])
    window = min(max(int(round(1.2 * fps)), 3), len(filled))
    upper = percentile_filter(filled, 80, window, mode="nearest")
    return np.maximum(smooth(upper, 0.4 * fps), 1e-9)


def smooth(values: np.ndarray, sigma: float) -> np.ndarray:
    """Smooth (time, ...) with a Gaussian of `sigma` frames."""
    return gaussian_filter1d(values, sigma, axis=0, mode="nearest")


def fill_gaps(values: np.ndarray) -> np.ndarray:
    """Fill unknown entries of (time, ...) linearly over time; ends keep the nearest."""
    table = pd.DataFrame(values.reshape(len(values), -1))
    return table.interpolate(limit_direction="both").to_numpy().reshape(values.shape)


def close_gaps(flags: np.ndarray, patience: int) -> np.ndarray:
    """Fill gaps of up to `patience` frames between true ones."""
    rows = np.flatnonzero(flags)
    closed = flags.copy()
    for before, after in zip(rows[:-1], rows[1:], strict=True):
        if 1 < after - before <= patience + 1:
            closed[before:after] = True
    return closed


def drop_short(flags: np.ndarray, least: int) -> np.ndarray:
    """Drop runs of fewer than `least` true frames."""
    return ~close_gaps(~flags, least - 1) if flags.any() and not flags.all() else flags


def find_bouts(paths: LegPaths) -> list[Bout]:
    """Find the stretches in which the legs step and the body goes one way."""
    fps = paths.fps
    activity = _measure_activity(paths)
    seen = paths.seen & np.isfinite(activity)
    if not seen.any():
        return []
    usual = float(np.quantile(activity[seen], 0.85))
    active = seen & (activity > _ACTIVE_SHARE * usual)
    active = drop_short(close_gaps(active & seen, int(0.2 * fps)) & paths.seen, int(1.0 * fps))
    across = _differentiate(paths.hip[:, 0], fps) / paths.scale
    depth = -_differentiate(np.log(paths.scale), fps, 0.5)
    bouts = []
    for first, last in find_runs(active):
        bouts += _split_by_way(across[first:last], depth[first:last], first, fps)
    return [bout for bout in bouts if bout.last - bout.first >= MIN_BOUT_S * fps - 0.5]


def _measure_activity(paths: LegPaths) -> np.ndarray:
    """How much the legs move against each other, around every frame (leg lengths)."""
    apart = np.concatenate(
        [paths.ankles[:, 0] - paths.ankles[:, 1], paths.knees[:, 0] - paths.knees[:, 1]], axis=1
    )
    if len(apart) < 3:
        return np.zeros(len(apart))
    rate = np.abs(np.gradient(apart, 1 / paths.fps, axis=0)).sum(axis=1)
    width = max(int(round(_WINDOW_S * paths.fps)), 3)
    kernel = np.ones(min(width, len(rate)))
    known = np.isfinite(rate)
    mass = np.convolve(known.astype(float), kernel, mode="same")
    total = np.convolve(np.where(known, rate, 0.0), kernel, mode="same")
    return np.where(mass > 0, total / np.maximum(mass, 1e-9), np.nan)


def _differentiate(path: np.ndarray, fps: float, over_s: float = 0.2) -> np.ndarray:
    rows = np.flatnonzero(np.isfinite(path))
    if len(rows) < 3:
        return np.zeros(len(path))
    filled = np.interp(np.arange(len(path)), rows, path[rows])
    width = min(int(3 * over_s * fps), len(filled) - 1)
    # mirrored about its ends, a steady walk stays steady there
    padded = np.pad(filled, width, mode="reflect", reflect_type="odd")
    return np.gradient(smooth(padded, over_s * fps))[width : width + len(filled)] * fps


def _split_by_way(across: np.ndarray, depth: np.ndarray, start: int, fps: float) -> list[Bout]:
    """Cut a run of stepping where the direction of travel turns."""
    plateau = float(np.quantile(np.abs(across), 0.6))
    towards = float(np.quantile(np.abs(depth), 0.6))
    if plateau > _MIN_TRAVEL:
        parts = _take(across, _TRAVEL_SHARE * plateau, start, fps, ("right", "left"))
        if parts:
            return parts
    if towards > 0.04 and len(set(np.sign(depth[np.abs(depth) > 0.5 * towards]))) == 2:
        parts = _take(depth, 0.35 * towards, start, fps, ("away", "near"))
        long = [
            part for part in parts if part.last - part.first >= MIN_BOUT_S * fps
        ]  # a pass by a panning camera
        if long and sum(part.last - part.first for part in parts) > 0.4 * len(depth):
            return parts
    if towards > 0.04 and plateau < _MIN_TRAVEL:
        return [Bout(start, start + len(across), "away" if np.median(depth) > 0 else "near")]
    return [Bout(start, start + len(across), "in place")]


def _take(speed: np.ndarray, least: float, start: int, fps: float, ways: tuple[str, str]) -> list[Bout]:
    parts = []
    for sign, way in ((1, ways[0]), (-1, ways[1])):
        fast = drop_short(close_gaps(sign * speed > least, int(0.25 * fps)), int(0.5 * fps))
        parts += [Bout(start + first, start + last, way) for first, last in find_runs(fast)]
    return sorted(parts, key=lambda bout: bout.first)


def find_inertial_bouts(values: np.ndarray, fps: float, limb: bool) -> tuple[list[Bout], list[str]]:
    """Find the stretches in which an inertial sensor moves as a walker's: no standing, turn or gap."""
    known = np.isfinite(values).all(axis=1)
    seen = close_gaps(known, max(int(0.1 * fps), 1))
    rows = np.flatnonzero(known)
    if len(rows) < 2:
        return [], []
    filled = fill_gaps(np.where(known[:, None], values, np.nan))
    size = np.linalg.norm(filled[:, :3], axis=1)
    size = np.clip(size, *np.quantile(size[seen], (0.01, 0.99)))  # a knock against the sensor is no stride
    window_s = 2 * _WINDOW_S if limb else _WINDOW_S  # the foot of a slow walker rests for more than a second
    width, reach = max(int(window_s * fps), 3), int(_REACH_SHARE * window_s * fps)
    mean = uniform_filter1d(size, width, mode="nearest")
    activity = np.sqrt(np.maximum(uniform_filter1d((size - mean) ** 2, width), 0))
    usual = float(np.quantile(activity[seen], 0.85))
    active = seen & (activity > max(_ACTIVE_SHARE * usual, 0.15))
    active = drop_short(close_gaps(active, int(0.3 * fps)) & seen, int(1.5 * fps))
    notes, bouts = [], []
    can_turn = not limb and values.shape[1] == 6
    turning = _find_turns(filled, fps) if can_turn else np.zeros(len(values), dtype=bool)
    for first, last in find_runs(active):
        whole = Bout(first, last, "straight")
        first += reach if first > 0 and seen[first - 1] else 0
        last -= reach if last < len(values) and seen[last] else 0
        parts = [Bout(first + a, first + b, "straight") for a, b in find_runs(~turning[first:last])]
        parts = [part for part in parts if part.last - part.first >= MIN_BOUT_S * fps - 0.5]
        if not parts and turning[first:last].any():
            notes.append("no straight stretch of 2 s: turns are included")
        elif turning[first:last].any():
            notes.append("turns were cut out (the trunk turns about the vertical)")
        bouts += parts or ([whole] if whole.last - whole.first >= MIN_BOUT_S * fps - 0.5 else [])
    return bouts, list(dict.fromkeys(notes))


def _find_turns(values: np.ndarray, fps: float) -> np.ndarray:
    """Where the trunk turns about the vertical as in a turn of the path."""
    mean = np.median(values[:, :3], axis=0)
    up = mean / max(np.linalg.norm(mean), 1e-9)
    rate = smooth(values[:, 3:] @ up, 0.35 * fps)
    rate = rate - np.median(rate)
    turning = np.zeros(len(rate), dtype=bool)
    for sign in (1, -1):
        for first, last in find_runs(sign * rate > _TURN_RAD_S):
            if abs(rate[first:last].sum()) / fps > _TURN_RAD:
                turning[first:last] = True
    return turning
