"""One person out of several: detections are joined into tracks, and one track is chosen."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from gaitlib.door.recording import LEG_POINTS, Recording
from gaitlib.errors import InputError

_REACH = 0.35
"""A detection belongs to a track if it lies within this many body sizes of where the track is expected ..."""
_REACH_PER_S = 2.5
"""... and this many more for each second since it was last seen."""
_FORGET_S, _FAR = 1.5, 1e6
_MIN_SHARE = 0.15


def follow_people(recording: Recording, person: int | None = None) -> Recording:
    """Join detections into people, keep one, and drop the others."""
    fps = recording.facts["fps"]
    tracks = _join(recording, fps)
    if not tracks:
        raise InputError(f"{recording.source}: no frame shows hips, knees or ankles.")
    longest = max(len(rows) for rows, _ in tracks)
    people = [track for track in tracks if len(track[0]) >= max(_MIN_SHARE * longest, 5)] or tracks[:1]
    people.sort(key=lambda track: -_measure_walking(recording.values[track], fps))
    if person is not None and not 1 <= person <= len(people):
        raise InputError(
            f"--person: found {person}, expected 1 to {len(people)}; {recording.source} shows {len(people)}."
        )
    rows, slots = people[(person or 1) - 1]
    values = np.full((len(recording.values), *recording.values.shape[2:]), np.nan)
    values[..., 2] = 0.0
    values[rows] = recording.values[rows, slots]
    note = ""
    if len(people) > 1:
        how = "the one with the most walking" if person is None else f"number {person}, as asked for"
        note = f"{len(people)} people in the picture; {how} was followed (--person chooses)"
    facts = recording.facts | {"people": len(people)}
    return recording.change(note, values=values, ids=None, facts=facts)


def _join(recording: Recording, fps: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows and slots of every track. The tracker's own numbers are hints: a track may carry several."""
    values = recording.values
    known = np.isfinite(values[..., :2]).all(axis=-1) & (values[..., 2] > 0)
    usable = known[..., LEG_POINTS].sum(axis=-1) >= 2
    usable |= known.sum(axis=-1) >= 4
    if values.shape[1] == 1 and usable.any() and not _jumps(values, known, usable):
        rows = np.flatnonzero(usable[:, 0])
        return [(rows, np.zeros(len(rows), dtype=int))]
    size = _measure_size(values, known, usable)
    numbers = recording.ids if recording.ids is not None else np.full(values.shape[:2], -1)
    tracks: list[dict] = []
    for t in range(len(values)):
        slots = np.flatnonzero(usable[t])
        active = [track for track in tracks if t - track["rows"][-1] <= _FORGET_S * fps]
        seen = [(values[t, slot, :, :2], known[t, slot], t, int(numbers[t, slot])) for slot in slots]
        costs = np.array([[_compare(track, *one, fps, size) for one in seen] for track in active])
        pairs = linear_sum_assignment(np.minimum(costs, _FAR)) if costs.size else ((), ())
        owner = {n: active[track] for track, n in zip(*pairs, strict=True) if costs[track, n] < _FAR}
        for n, one in enumerate(seen):
            if n not in owner:
                owner[n] = {"rows": [], "slots": [], "last": np.full((values.shape[2], 2), np.nan)}
                tracks.append(owner[n])
            _extend(owner[n], *one, slots[n])
    return [(np.array(track["rows"]), np.array(track["slots"])) for track in tracks]


def _jumps(values: np.ndarray, known: np.ndarray, usable: np.ndarray) -> bool:
    """Whether a single stream jumps between places, as where two people change their order."""
    rows = np.flatnonzero(usable[:, 0])
    middle = np.array([np.median(values[t, 0, known[t, 0], :2], axis=0) for t in rows])
    size = _measure_size(values, known, usable)
    steps = np.linalg.norm(np.diff(middle, axis=0), axis=1)
    return bool((steps > _REACH * size + 0.1 * size * np.diff(rows)).any())


def _measure_size(values: np.ndarray, known: np.ndarray, usable: np.ndarray) -> float:
    """Usual larger extent of a detection (px)."""
    sizes = [
        np.ptp(values[t, n, known[t, n], :2], axis=0).max()
        for t, n in np.argwhere(usable)[:: max(usable.sum() // 400, 1)]
    ]
    return max(float(np.median(sizes)), 1e-9) if sizes else 1e-9


def _compare(track: dict, points: np.ndarray, seen: np.ndarray, t: int, number: int, fps: float, size: float):
    """Distance of a detection from where a track is expected, in body sizes; far if out of reach."""
    since, both = t - track["rows"][-1], seen & np.isfinite(track["last"]).all(axis=-1)
    if both.sum() < 3:
        return _FAR
    off = points[both] - track["last"][both] - track["speed"] * since
    cost = float(np.median(np.linalg.norm(off, axis=1))) / size
    if cost > _REACH + _REACH_PER_S * since / fps:
        return _FAR
    return cost - (0.05 if number >= 0 and number == track["number"] else 0.0)


def _extend(track: dict, points: np.ndarray, seen: np.ndarray, t: int, number: int, slot: int) -> None:
    both = seen & np.isfinite(track["last"]).all(axis=-1)
    track.setdefault("speed", np.zeros(2))
    if both.any():
        step = np.median(points[both] - track["last"][both], axis=0) / (t - track["rows"][-1])
        track["speed"] = 0.8 * track["speed"] + 0.2 * step
    track["last"] = np.where(seen[:, None], points, track["last"])
    track["rows"].append(t)
    track["slots"].append(slot)
    track["number"] = number


def _measure_walking(points: np.ndarray, fps: float) -> float:
    """How much a track moves its legs: frames times the spread of the ankles and knees about the hips."""
    middle = (
        np.nanmean(points[:, LEG_POINTS[:2], :2], axis=1, keepdims=True) if len(points) else points[:, :1, :2]
    )
    legs = points[:, LEG_POINTS[2:], :2] - middle
    scale = np.nanmedian(np.linalg.norm(legs, axis=-1))
    with np.errstate(invalid="ignore"):
        spread = np.nanmean(np.nanstd(legs, axis=0)) / max(scale, 1e-9) if np.isfinite(scale) else 0.0
    return len(points) * (float(spread) + 1e-3 if np.isfinite(spread) else 1e-3)
