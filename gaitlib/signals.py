"""Small tools for sampled curves with gaps: fill, smooth, turning points, peaks between samples."""

from __future__ import annotations

from functools import cache

import numpy as np


def fill_gaps(values: np.ndarray, max_gap: float) -> tuple[np.ndarray, np.ndarray]:
    """Fill gaps between known samples."""
    from scipy.interpolate import PchipInterpolator

    values = np.asarray(values, dtype=float)
    known = np.isfinite(values)
    if known.all() or known.sum() < 2:
        return values.copy(), known
    index = np.arange(len(values))
    first, last = index[known][[0, -1]]
    filled = values.copy()
    inside = slice(first, last + 1)
    filled[inside] = PchipInterpolator(index[known], values[known])(index[inside])
    bridged = known.copy()
    for start, stop in find_runs(~known):
        if start > first and stop <= last:
            if stop - start <= max_gap + 1e-6:
                bridged[start:stop] = True
            else:
                filled[start:stop] = np.interp(
                    index[start:stop], [start - 1, stop], values[[start - 1, stop]]
                )
    return filled, bridged


def find_runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """Find runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(mask, dtype=int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def smooth_lowpass(values: np.ndarray, fps: float, cutoff_hz: float) -> np.ndarray:
    """Smooth without delay: Butterworth, second order, run forward and backward; shape (n, ...)."""
    from scipy.signal import sosfiltfilt

    values = np.asarray(values, dtype=float)
    if cutoff_hz >= 0.45 * fps or len(values) < 8:
        return values.copy()
    pad = min(len(values) - 2, int(np.ceil(fps / cutoff_hz)))
    return sosfiltfilt(_design_lowpass(cutoff_hz, fps), values, axis=0, padlen=pad)


@cache
def _design_lowpass(cutoff_hz: float, fps: float) -> np.ndarray:
    from scipy.signal import butter

    return butter(2, cutoff_hz, fs=fps, output="sos")


def find_turns(values: np.ndarray, threshold: float) -> list[tuple[int, int]]:
    """Find the turning points of a curve: one counts once the curve has come back from it by a threshold."""
    values = np.asarray(values, dtype=float)
    turns: list[tuple[int, int]] = []
    high = low = 0
    rising = 0
    for index, value in enumerate(values.tolist()):
        if value > values[high]:
            high = index
        if value < values[low]:
            low = index
        if rising >= 0 and values[high] - value >= threshold:
            turns.append((high, 1))
            rising, low = -1, index
        elif rising <= 0 and value - values[low] >= threshold:
            turns.append((low, -1))
            rising, high = 1, index
    if rising:
        turns.append((high, 1) if rising > 0 else (low, -1))
    return turns


def find_maxima(time_s: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the maxima of a curve, between samples."""
    from scipy.interpolate import CubicSpline

    spline = CubicSpline(time_s, values)
    roots = spline.derivative().roots(extrapolate=False)
    roots = roots[spline(roots, 2) < 0]
    return roots, spline(roots)


def stands_out(time_s: np.ndarray, values: np.ndarray, moment_s: float, reach_s: float, least: float) -> bool:
    """Tell whether a curve falls away on both sides of a moment."""
    peak = np.interp(moment_s, time_s, values)
    before = values[(time_s >= moment_s - reach_s) & (time_s < moment_s)]
    after = values[(time_s > moment_s) & (time_s <= moment_s + reach_s)]
    return bool(len(before) and len(after) and peak - before.min() > least and peak - after.min() > least)
