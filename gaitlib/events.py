"""Initial contact and toe-off, from keypoints in space and from force plates.

The coordinate method follows Zeni et al. 2008 (doi 10.1016/j.gaitpost.2007.07.007): a foot lands when its
heel is farthest ahead of the pelvis, and leaves the ground when its toe is farthest behind.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.errors import InputError
from gaitlib.event_curves import (
    EVENT_COLUMNS,
    MAX_GAP_S,
    SIDES,
    build_event_table,
    detect_events_from_curves,
)
from gaitlib.signals import find_runs
from gaitlib.walk import find_progression, get_point, validate_walk

_MIN_CONTACT_S = 0.05


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
    """Choose which points of the feet stand for heel and toe.

    'heel' and 'toe' if both feet have them in at least half of the frames in which their ankles are known;
    else 'ankle' for the heel, None for the toe.
    """

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
    time_s: np.ndarray, vertical_force_N: np.ndarray, threshold_N: float = 20.0, periodic: bool = False
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
    """Find when one foot lands and when it leaves the ground (s), as `detect_events_from_force` does.

    Parameters
    ----------
    time_s, force : array, shape (n,)
        Times (s) and force of the foot (N), NaN where not measured.
    threshold_n : float
        Force of contact (N).

    Returns
    -------
    (array, array)
        Initial contacts and toe-offs.
    """
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
