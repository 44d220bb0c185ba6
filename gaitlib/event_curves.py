"""Gait events from curves: how far each foot is ahead of the hips."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gaitlib.signals import fill_gaps, find_maxima, find_turns, smooth_lowpass, stands_out

SIDES = ("r", "l")
EVENT_COLUMNS = ("foot", "event", "time_s")
MAX_GAP_S = 0.1
"""Gaps up to this length are bridged; no event is reported inside a longer one."""

_COARSE_CUTOFF_HZ = 5.0
_FINE_CUTOFF_PER_STRIDE = 8.0
_SWING_SHARE = 0.35
_MIN_STEP_SHARE = 0.3
_USUAL_STRIDE_S = 1.1
_REACH_SHARE, _FALL_SHARE = 0.15, 0.04
_STANCE_WINDOW = (0.12, 0.40)
_LANDING_REACH = 0.12
_MIN_SAMPLES = 8

Row = tuple[str, str, float]


def detect_events_from_curves(
    time_s: np.ndarray,
    ahead: np.ndarray,
    behind: np.ndarray | None = None,
    max_gap_s: float = MAX_GAP_S,
    with_landing: bool = False,
) -> pd.DataFrame:
    """Detect initial contacts and toe-offs from how far each foot is ahead of the hips."""
    time_s = np.asarray(time_s, dtype=float)
    fps = get_rate(time_s)
    heels, known = _fill_columns(ahead, max_gap_s * fps)
    turns, span = _find_alternation(time_s, heels[:, 0] - heels[:, 1], fps)
    if not turns:
        return build_event_table([])
    step_s = _measure_step(turns, time_s[span])
    cutoff_hz = _FINE_CUTOFF_PER_STRIDE / (2 * step_s)

    fine = smooth_lowpass(heels[span], fps, cutoff_hz)
    maxima = [find_maxima(time_s[span], column) for column in fine.T]
    peaks: list[tuple[float, str, float]] = []
    for moment, kind in turns:
        column = 0 if kind > 0 else 1
        curve = fine[:, column]
        found = _pick_highest(*maxima[column], moment - 0.5 * step_s, moment + 0.3 * step_s)
        if found is None or not _is_known(time_s, known[:, column], found):
            continue
        if stands_out(time_s[span], curve, found, 2 * _REACH_SHARE * step_s, _FALL_SHARE * np.ptp(curve)):
            lead = float(np.interp(found, time_s[span], curve - fine[:, 1 - column]))
            peaks.append((found, SIDES[column], lead))
    peaks = _drop_crowded(peaks, _MIN_STEP_SHARE * step_s)
    contacts = _find_landings(time_s[span], fine, peaks, 2 * step_s) if with_landing else peaks
    rows = [(foot, "initial_contact", moment) for moment, foot, _ in contacts]
    if behind is not None:
        rows += _find_toe_offs(time_s, behind, contacts, step_s, cutoff_hz, max_gap_s)
    return build_event_table(rows)


def get_rate(time_s: np.ndarray) -> float:
    """Get the samples per second of uniform times."""
    return float((len(time_s) - 1) / (time_s[-1] - time_s[0]))


def build_event_table(rows: list[Row]) -> pd.DataFrame:
    """Put events into a table sorted by time."""
    rows = sorted(rows, key=lambda row: (row[2], row[0]))
    columns = list(zip(*rows, strict=True)) if rows else [(), (), ()]
    types = (object, object, float)
    return pd.DataFrame(
        {
            name: np.array(column, dtype=kind)
            for name, column, kind in zip(EVENT_COLUMNS, columns, types, strict=True)
        }
    )


def _fill_columns(values: np.ndarray, max_gap: float) -> tuple[np.ndarray, np.ndarray]:
    pairs = [fill_gaps(column, max_gap) for column in np.asarray(values, dtype=float).T]
    return np.stack([filled for filled, _ in pairs], axis=1), np.stack([known for _, known in pairs], axis=1)


def _find_alternation(
    time_s: np.ndarray, lead: np.ndarray, fps: float
) -> tuple[list[tuple[float, int]], slice]:
    """Moments at which right (+1) and left (-1) foot lead most, in turn; and the span of known samples."""
    inside = np.flatnonzero(np.isfinite(lead))
    if len(inside) < _MIN_SAMPLES:
        return [], slice(0, 0)
    span = slice(int(inside[0]), int(inside[-1]) + 1)
    coarse = smooth_lowpass(lead[span], fps, _COARSE_CUTOFF_HZ)
    low, high = np.percentile(coarse, [5, 95])
    if not high > low:
        return [], span
    turns = find_turns(coarse, _SWING_SHARE * (high - low))
    return [(float(time_s[span][index]), kind) for index, kind in turns], span


def _measure_step(turns: list[tuple[float, int]], time_s: np.ndarray) -> float:
    """Median time between turning points (s), leaving out those that only bound the record."""
    margin = 1.5 * (time_s[1] - time_s[0])
    inner = [moment for moment, _ in turns if time_s[0] + margin < moment < time_s[-1] - margin]
    return float(np.median(np.diff(inner))) if len(inner) > 1 else _USUAL_STRIDE_S / 2


def _pick_highest(moments: np.ndarray, heights: np.ndarray, start_s: float, end_s: float) -> float | None:
    inside = (moments >= start_s) & (moments <= end_s)
    return float(moments[inside][np.argmax(heights[inside])]) if inside.any() else None


def _is_known(time_s: np.ndarray, known: np.ndarray, moment: float) -> bool:
    after = int(np.clip(np.searchsorted(time_s, moment), 1, len(time_s) - 1))
    return bool(known[after - 1] and known[after])


def _drop_crowded(
    contacts: list[tuple[float, str, float]], min_step_s: float
) -> list[tuple[float, str, float]]:
    """Of contacts that crowd together keep the one whose foot leads farther."""
    kept: list[tuple[float, str, float]] = []
    for contact in sorted(contacts):
        if kept and contact[0] - kept[-1][0] < min_step_s:
            if contact[2] > kept[-1][2]:
                kept[-1] = contact
        else:
            kept.append(contact)
    return kept


def _find_landings(time_s: np.ndarray, heels: np.ndarray, peaks: list, stride_s: float) -> list:
    """Move each peak on to where the heel has lost half of the speed at which it went with the hips."""
    from scipy.interpolate import CubicSpline

    slopes = [CubicSpline(time_s, column).derivative() for column in heels.T]
    retreat = []
    for moment, side, _ in peaks:
        stance = moment + np.linspace(*_STANCE_WINDOW, 20) * stride_s
        retreat.append(slopes[SIDES.index(side)](stance[stance <= time_s[-1]]))
    pooled = np.concatenate(retreat) if retreat else np.empty(0)
    if not len(pooled) or not np.median(pooled) < 0:
        return peaks
    half = 0.5 * float(np.median(pooled))
    landed = []
    for moment, side, lead in peaks:
        crossings = slopes[SIDES.index(side)].solve(half, extrapolate=False)
        after = crossings[(crossings >= moment) & (crossings <= moment + _LANDING_REACH * stride_s)]
        landed.append((float(after[0]) if len(after) else moment, side, lead))
    return landed


def _find_toe_offs(
    time_s: np.ndarray, behind: np.ndarray, contacts: list, step_s: float, cutoff_hz: float, max_gap_s: float
) -> list[Row]:
    fps = get_rate(time_s)
    toes, known = _fill_columns(behind, max_gap_s * fps)
    stride_s = 2 * step_s
    rows = []
    for column, side in enumerate(SIDES):
        inside = np.flatnonzero(np.isfinite(toes[:, column]))
        if len(inside) < _MIN_SAMPLES:
            continue
        span = slice(int(inside[0]), int(inside[-1]) + 1)
        curve = -smooth_lowpass(toes[span, column], fps, cutoff_hz)
        maxima = find_maxima(time_s[span], curve)
        least = _FALL_SHARE * np.ptp(curve)
        for start_s, end_s in _list_toe_off_windows([c[0] for c in contacts if c[1] == side], stride_s):
            found = _pick_highest(*maxima, start_s, end_s)
            if found is None or not _is_known(time_s, known[:, column], found):
                continue
            if stands_out(time_s[span], curve, found, _REACH_SHARE * stride_s, least):
                rows.append((side, "toe_off", found))
    return rows


def _list_toe_off_windows(moments: list[float], stride_s: float) -> list[tuple[float, float]]:
    """One window before the first contact of a foot, between each two, and after the last."""
    if not moments:
        return []
    windows = [(moments[0] - 0.75 * stride_s, moments[0] - 0.1 * stride_s)]
    for start, end in zip(moments[:-1], moments[1:], strict=True):
        if end - start > 1.6 * stride_s:  # a contact was missed in between
            windows.append((start + 0.35 * stride_s, start + 0.9 * stride_s))
            windows.append((end - 0.75 * stride_s, end - 0.1 * stride_s))
        else:
            windows.append((start + 0.3 * (end - start), start + 0.92 * (end - start)))
    return [*windows, (moments[-1] + 0.35 * stride_s, moments[-1] + 0.9 * stride_s)]
