"""Time as the file states it: a rate from times or frame numbers, rows on an even grid, gaps left empty."""

from __future__ import annotations

import numpy as np

from gaitlib.door.recording import Recording
from gaitlib.errors import InputError

_UNEVEN = 0.3
"""Rows this far from an even grid (share of a frame) mean a variable rate."""
_AGREE = 0.02
_LONGEST_GAP_S = 600.0
_ENOUGH_HZ, _MOST_HZ = 250.0, 20000.0


def place_in_time(recording: Recording, fps: float | None = None) -> Recording:
    """Bring a recording to an even grid; `facts['fps']` holds its rate. Frames that lack are NaN."""
    time_s, n = recording.time_s, len(recording.values)
    stated, notes = recording.facts.get("fps"), []
    if n < 2:
        raise InputError(f"{recording.source}: found {n} frames, expected at least two.")
    if time_s is None and recording.frames is not None and (fps or stated):
        time_s = (recording.frames - recording.frames[0]) / _check_rate(fps or stated)
        if n > 1 and np.median(np.diff(recording.frames)) > 1 and (stated or fps):
            step = int(np.median(np.diff(recording.frames)))
            notes.append(
                f"only every {step}. frame is there; the frame numbers count at {fps or stated:g} Hz"
            )
    if time_s is None:
        rate = fps or stated
        if rate is None:
            raise InputError(
                f"{recording.source}: the file states no time; give the frames or samples per second (--fps)."
            )
        if fps and stated and abs(fps / stated - 1) > _AGREE:
            notes.append(f"the file says {stated:g} Hz, --fps says {fps:g}: the file was followed")
            rate = stated
        return recording.change(*notes, facts=recording.facts | {"fps": _check_rate(rate)})
    time_s = _spread_equal(np.asarray(time_s, dtype=float))
    rate, place = find_rate(time_s)
    rate = _check_rate(rate)
    if fps and recording.time_s is not None and abs(fps / rate - 1) > _AGREE:
        notes.append(f"the times in the file say {rate:.4g} Hz, --fps says {fps:g}: the file was followed")
    if stated and recording.time_s is not None and abs(stated / rate - 1) > _AGREE:
        notes.append(f"the header says {stated:g} Hz, the times {rate:.4g} Hz: the times were followed")
    if time_s[-1] - time_s[0] > n / rate + _LONGEST_GAP_S:
        raise InputError(
            f"{recording.source}: {time_s[-1] - time_s[0]:.0f} s with {n} rows; cut it into parts."
        )
    size = int(place[-1]) + 1
    off = np.abs((time_s - time_s[0]) * rate - place)
    if len(np.unique(place)) == n and np.quantile(off, 0.95) < _UNEVEN:
        values = np.full((size, *recording.values.shape[1:]), np.nan)
        values[place] = recording.values
    else:
        values = _interpolate(time_s - time_s[0], recording.values, np.arange(size) / rate, 2.5 / rate)
        notes.append(f"the frame rate varies; resampled to {rate:.4g} Hz")
    ids = None
    if recording.ids is not None:
        ids = np.full((size, recording.ids.shape[1]), -1)
        ids[place] = recording.ids
    lacking = size - len(np.unique(place))
    if lacking > 0.01 * size:
        notes.append(f"{lacking} of {size} frames are missing in the times; short gaps were filled")
    return recording.change(*notes, values=values, ids=ids, facts=recording.facts | {"fps": rate})


def _check_rate(rate: float) -> float:
    if not 15 <= rate <= _MOST_HZ:
        raise InputError(f"fps: found {rate:g} frames or samples per second, expected at least 15.")
    return float(rate)


def thin_out(recording: Recording) -> Recording:
    """Bring rates that no estimate needs to about 250 Hz or less, sensors by averaging."""
    rate, values = recording.facts["fps"], recording.values
    step = int(rate // _ENOUGH_HZ)
    if step < 2:
        return recording
    if recording.kind == "inertial":
        values = values[: len(values) // step * step].reshape(-1, step, values.shape[1]).mean(axis=1)
    else:
        values = values[::step]
    ids = None if recording.ids is None else recording.ids[::step]
    return recording.change(values=values, ids=ids, facts=recording.facts | {"fps": rate / step})


def find_rate(time_s: np.ndarray) -> tuple[float, np.ndarray]:
    """Find the rate (Hz) and the place of every row on an even grid; rounded stamps are fitted."""
    steps = np.diff(time_s)
    usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else 1.0
    # Stamps rounded to milliseconds: the mean of what looks like single steps is finer than the median.
    single = steps[(steps > 0.5 * usual) & (steps < 1.5 * usual)]
    usual = float(single.mean()) if len(single) else usual
    place = np.concatenate([[0.0], np.cumsum(np.maximum(np.round(steps / usual), 0))])
    if place[-1] > 1:
        slope = np.polyfit(place, time_s, 1)[0]
        usual = float(slope) if slope > 0 else usual
        place = np.maximum.accumulate(np.round((time_s - time_s[0]) / usual))
    return 1.0 / usual, place.astype(int)


def _spread_equal(time_s: np.ndarray) -> np.ndarray:
    """Spread rows that share one stamp (written in blocks or whole seconds) evenly up to the next stamp."""
    steps = np.diff(time_s)
    if not (steps <= 0).any():
        return time_s
    firsts = np.flatnonzero(np.r_[True, steps > 0])
    if len(firsts) < 2:
        raise InputError("time: every row has the same time; expected times that rise.")
    rows = np.arange(len(time_s))
    step = (time_s[firsts[-1]] - time_s[firsts[0]]) / (firsts[-1] - firsts[0])
    spread = np.interp(rows, firsts, time_s[firsts])
    return np.where(rows > firsts[-1], time_s[firsts[-1]] + step * (rows - firsts[-1]), spread)


def _interpolate(old: np.ndarray, values: np.ndarray, new: np.ndarray, longest: float) -> np.ndarray:
    """Linear interpolation along time; NaN where a neighbour is unknown or farther than `longest`."""
    right = np.clip(np.searchsorted(old, new), 1, len(old) - 1)
    left, shape = right - 1, (-1,) + (1,) * (values.ndim - 1)
    width = old[right] - old[left]
    share = np.clip((new - old[left]) / np.where(width > 0, width, 1.0), 0, 1).reshape(shape)
    if values.ndim == 4 and values.shape[1] > 1:  # the order of people may differ between two frames
        share = np.round(share)
    mixed = (1 - share) * values[left] + share * values[right]
    mixed = np.where(
        np.abs(share - 0.5) > 0.5 - 1e-6, np.where(share < 0.5, values[left], values[right]), mixed
    )
    mixed[width > longest] = np.nan
    return mixed
