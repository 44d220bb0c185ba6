"""Initial contact and toe-off, from keypoints in space and from force plates.

The coordinate method follows Zeni et al. 2008 (doi 10.1016/j.gaitpost.2007.07.007): a foot lands when its
heel is farthest ahead of the pelvis, and leaves the ground when its toe is farthest behind.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.errors import InputError
from gaitlib.gait import SIDES
from gaitlib.signals import fill_gaps, find_maxima, find_runs, find_turns, smooth_lowpass, stands_out
from gaitlib.walk import find_progression, get_point, validate_walk

_MIN_CONTACT_S = 0.05
CONTACT_N = 20.0
"""Force that counts as contact where it is known exactly, as in simulations and references."""
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


def detect_events(walk: xr.Dataset, max_gap_s: float = MAX_GAP_S) -> pd.DataFrame:
    """Detect initial contacts and toe-offs of a Walk.

    1. Positions are taken along the walking direction, relative to the middle of the hips; gaps up to
       `max_gap_s` are bridged.
    2. The distance of the right heel ahead of the left one is smoothed (zero-lag Butterworth of second
       order, 5 Hz); its turning points that swing by more than 0.35 of its range alternate between right
       and left contact. That gives the cadence and which foot comes next, without any assumed step time.
    3. Near each of them the heel is farthest ahead of the hips (contact by Zeni et al.) and later the toe
       farthest behind (toe-off), between samples (slope of a cubic spline), within windows of the measured
       stride time and with smoothing at 8 times the stride frequency: children and slow walkers alike.
       With heels, contact is then moved on to where the heel has lost half of its speed over the ground,
       that is where its speed relative to the hips crosses half of its median between 12 and 40 % of the
       stride. Ankles roll on after contact: without heels contact is where the ankle is farthest ahead.
    4. Contacts closer than 0.3 of the median step time are one: the one whose foot leads farther is kept.
       A contact or toe-off counts only if the curve falls away on both sides of it.

    Departures from Zeni et al. 2008: (1) the hips' middle stands for the sacrum; (2) feet alternate by step
    2; (3) contact at half speed: at the farthest point the heel still moves on with the body, and lands
    later the faster the foot swings back; a symmetric smoothing shifts the half-way point of a sudden stop
    least; (4) ankles stand for missing heels, which moves contact by a nearly constant time; without toes
    there are no toe-offs.
    """
    validate_walk(walk)
    forward = find_progression(walk)
    time_s = walk["time"].values
    middle = get_point(walk, "mid_hip") @ forward
    heel, toe = choose_foot_points(walk)
    ahead = np.stack([get_point(walk, f"{heel}_{side}") @ forward - middle for side in SIDES], axis=1)
    behind = None
    if toe:
        behind = np.stack([get_point(walk, f"{toe}_{side}") @ forward - middle for side in SIDES], axis=1)
    if not np.isfinite(ahead).all(axis=1).any():
        raise InputError(
            f"Walk {walk.attrs['walk_id']}: hips and {heel}s of both sides are never known in one frame; "
            "events need hips and heels or ankles of both legs."
        )
    return detect_events_from_curves(time_s, ahead, behind, max_gap_s, with_landing=heel == "heel")


def choose_foot_points(walk: xr.Dataset) -> tuple[str, str | None]:
    """Choose heel and toe where both feet have them in half of the frames of their ankles, else the ankle."""

    def count(name: str) -> int:
        return min(int(np.isfinite(get_point(walk, f"{name}_{side}")).all(axis=1).sum()) for side in SIDES)

    enough = max(0.5 * count("ankle"), 1)
    return "heel" if count("heel") >= enough else "ankle", "toe" if count("toe") >= enough else None


def check_events(events: pd.DataFrame) -> pd.DataFrame:
    """Check a table of events (foot, event, time_s); sorted by time."""
    missing = [name for name in EVENT_COLUMNS if name not in getattr(events, "columns", ())]
    if missing:
        raise InputError(
            f"events: columns {', '.join(missing)} are missing; expected {', '.join(EVENT_COLUMNS)}."
        )
    for name, allowed in (("foot", SIDES), ("event", ("initial_contact", "toe_off"))):
        wrong = sorted({str(value) for value in events[name] if value not in allowed})
        if wrong:
            raise InputError(
                f"events: column '{name}' holds {', '.join(wrong)}; expected {' or '.join(allowed)}."
            )
    times = pd.to_numeric(events["time_s"], errors="coerce").to_numpy(dtype=float)
    if not np.isfinite(times).all():
        raise InputError("events: column 'time_s' holds values that are not finite numbers of seconds.")
    return build_event_table(list(zip(events["foot"], events["event"], times, strict=True)))


def detect_events_from_force(
    time_s: np.ndarray, vertical_force_N: np.ndarray, threshold_N: float = CONTACT_N, periodic: bool = False
) -> pd.DataFrame:
    """Detect events from the vertical ground force (n, 2) under the right and left foot (N, NaN: not
    measured).

    A contact starts where the force rises through the threshold on its way to twice the threshold, and ends
    where it falls through it after that; touches that stay below twice the threshold, and contacts or flights
    shorter than 0.05 s, are chatter and ignored. No event is placed beside unknown samples. A `periodic`
    stride, whose last sample repeats the first, holds each event once.
    """
    time_s, force = np.asarray(time_s, dtype=float), np.asarray(vertical_force_N, dtype=float)
    if time_s.ndim != 1 or len(time_s) < 2 or force.shape != (len(time_s), 2):
        raise InputError(
            f"detect_events_from_force: vertical_force_N has shape {force.shape} and time_s {time_s.shape}; "
            "expected (n, 2), right and left foot, and (n,)."
        )
    if not threshold_N > 0 or not (np.diff(time_s) > 0).all():
        raise InputError("detect_events_from_force: expected a positive threshold_N and increasing time_s.")
    period = time_s[-1] - time_s[0]
    if periodic:
        time_s = np.concatenate([time_s[:-1] - period, time_s[:-1], time_s + period])
        force = np.concatenate([force[:-1], force[:-1], force])
    rows = []
    for column, side in enumerate(SIDES):
        lands, leaves = find_force_contacts(time_s, force[:, column], threshold_N)
        rows += [(side, "initial_contact", float(moment)) for moment in lands]
        rows += [(side, "toe_off", float(moment)) for moment in leaves]
    if periodic:
        first = time_s[0] + period
        rows = [row for row in rows if first - 1e-9 <= row[2] < first + period - 1e-9]
    return build_event_table(rows)


def find_force_contacts(
    time_s: np.ndarray, force: np.ndarray, threshold_n: float
) -> tuple[np.ndarray, np.ndarray]:
    """Find when one foot lands and leaves the ground (s), as `detect_events_from_force` does."""
    contacts = np.array(_find_contacts(time_s, force, threshold_n), dtype=int).reshape(-1, 2)
    return tuple(_cross(time_s, force, contacts[:, n] - 1, threshold_n) for n in (0, 1))


def _find_contacts(time_s: np.ndarray, force: np.ndarray, threshold_n: float) -> list[tuple[int, int]]:
    """Runs of samples in contact: chatter removed, short flights bridged."""
    loaded = np.nan_to_num(force, nan=0.0) >= threshold_n
    unknown = ~np.isfinite(force)
    for start, stop in find_runs(~loaded):
        inner = start > 0 and stop < len(force) and not unknown[start:stop].any()
        if inner and time_s[stop] - time_s[start - 1] < _MIN_CONTACT_S:
            loaded[start:stop] = True
    contacts = []
    for start, stop in find_runs(loaded):
        long_enough = time_s[min(stop, len(force) - 1)] - time_s[max(start - 1, 0)] >= _MIN_CONTACT_S
        if long_enough and np.nanmax(force[start:stop]) >= 2 * threshold_n:
            contacts.append((start, stop))
    return contacts


def _cross(time_s, force, index: np.ndarray, threshold_n: float) -> np.ndarray:
    """The crossings between samples and the next ones, where both are known."""
    index = index[(index >= 0) & (index + 1 < len(force))]
    share = (threshold_n - force[index]) / (force[index + 1] - force[index])
    moments = time_s[index] + share * (time_s[index + 1] - time_s[index])
    return moments[np.isfinite(moments)]


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
