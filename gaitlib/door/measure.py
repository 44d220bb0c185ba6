"""Gait parameters measured from three-dimensional points, by the definitions of `gaitlib.outcomes`."""

from __future__ import annotations

import numpy as np

from gaitlib.door.bouts import MIN_BOUT_S, Bout, close_gaps, drop_short, fill_gaps, smooth
from gaitlib.door.recording import POINT, Recording
from gaitlib.errors import InputError
from gaitlib.outcomes import compute_walk_outcomes, explain_missing
from gaitlib.signals import find_runs
from gaitlib.walk import build_walk

_HIPS = [POINT["hip_r"], POINT["hip_l"]]
_LEG_M = (0.25, 1.2)
_MIN_SPEED_MPS, _MOST_SPEED_MPS = 0.1, 3.5
_ON_GROUND_M = 0.01


def _get_feet(points: np.ndarray) -> np.ndarray:
    """Heels, or ankles where there are none; (time, 2, 3)."""
    for part in ("heel", "ankle"):
        feet = points[:, [POINT[f"{part}_r"], POINT[f"{part}_l"]]]
        if np.isfinite(feet).all(axis=(1, 2)).any():
            return feet
    return points[:, [POINT["toe_r"], POINT["toe_l"]]]


def stand_up(recording: Recording) -> Recording:
    """Turn the axes of a file so that y is up, and check that lengths are those of a person."""
    points, notes = recording.values, []
    body = points[:, _HIPS].mean(axis=1) - _get_feet(points).mean(axis=1)
    known = body[np.isfinite(body).all(axis=1)]
    if len(known) < 3:
        raise InputError(f"{recording.source}: hips and feet are never seen together.")
    usual = np.median(known, axis=0)
    axis = int(np.argmax(np.abs(usual)))
    length = float(np.linalg.norm(usual))
    if length <= 0 or abs(usual[axis]) < 0.8 * length:
        raise InputError(f"{recording.source}: hips do not stand above the feet along any axis of the file.")
    units = {"m": 1.0, "mm": 1e-3, "cm": 1e-2, "km": 1e3}
    word = next((word for word, factor in units.items() if _LEG_M[0] < length * factor < _LEG_M[1]), None)
    if word is None:
        raise InputError(
            f"{recording.source}: hips are {length:.3g} m above the feet, expected {_LEG_M[0]} to "
            f"{_LEG_M[1]} m; check the unit of length in the file."
        )
    if word != "m":
        notes.append(f"lengths are those of a person only in {word}; taken as that")
    up = np.eye(3)[axis] * np.sign(usual[axis])
    first = np.eye(3)[(axis + 1) % 3]
    turn = np.stack([first, up, np.cross(first, up)])
    if up[axis] < 0:
        notes.append("the vertical axis of the file points down; turned")
    return recording.change(*notes, values=points @ turn.T * units[word])


def find_walking(points: np.ndarray, fps: float) -> tuple[list[Bout], np.ndarray, list[str]]:
    """Find straight stretches of walking, y up; also the points, on a treadmill moved along with its belt."""
    hip = points[:, _HIPS].mean(axis=1)[:, [0, 2]]
    seen = np.isfinite(hip).all(axis=1) & np.isfinite(_get_feet(points)).all(axis=(1, 2))
    if seen.sum() < MIN_BOUT_S * 0.5 * fps:
        return [], points, []
    filled = fill_gaps(np.where(seen[:, None], hip, np.nan))
    velocity = np.gradient(smooth(filled, 0.15 * fps), axis=0) * fps
    speed = np.linalg.norm(velocity, axis=1)
    usual, notes = float(np.quantile(speed[seen], 0.7)), []
    if usual < 2 * _MIN_SPEED_MPS or np.ptp(filled, axis=0).max() < 0.6:
        moved, belt = _unroll_treadmill(points, fps)
        if belt < 2 * _MIN_SPEED_MPS:
            return [], points, []
        notes.append(
            f"the person stays in place and the stance foot moves back at {belt:.2f} m/s: a treadmill"
        )
        runs = find_runs(close_gaps(seen, int(0.1 * fps)))
        return [Bout(a, b, "treadmill") for a, b in runs if b - a >= 1.0 * fps], moved, notes
    direction = np.linalg.svd(velocity[seen & (speed > 0.5 * usual)], full_matrices=False)[2][0]
    along = velocity @ direction
    straight = np.abs(along) > np.maximum(0.6 * usual, 0.85 * speed)
    bouts = []
    for sign in (1, -1):
        going = close_gaps(seen, int(0.1 * fps)) & straight & (sign * along > 0)
        going = drop_short(close_gaps(going, int(0.2 * fps)), int(0.5 * fps))
        bouts += [Bout(a, b, "forth" if sign > 0 else "back") for a, b in find_runs(going)]
    bouts = [bout for bout in bouts if bout.last - bout.first >= 0.8 * fps]
    return sorted(bouts, key=lambda bout: bout.first), points, notes


def _unroll_treadmill(points: np.ndarray, fps: float) -> tuple[np.ndarray, float]:
    """Add the travel of the belt: how fast the lower foot moves back, in the direction from heels to toes."""
    feet, toes = _get_feet(points), points[:, [POINT["toe_r"], POINT["toe_l"]]]
    ahead = (
        np.nanmedian((toes - feet).reshape(-1, 3), axis=0) if np.isfinite(toes).any() else np.full(3, np.nan)
    )
    spread = feet.reshape(-1, 3)[:, [0, 2]]
    spread = spread[np.isfinite(spread).all(axis=1)]
    if not np.isfinite(ahead).all() or len(spread) < 10:
        return points, 0.0
    forward = ahead * [1, 0, 1] / max(np.linalg.norm(ahead * [1, 0, 1]), 1e-9)
    ends = np.concatenate([feet, toes], axis=1)
    rate, height = np.gradient(ends @ forward, 1 / fps, axis=0), ends[..., 1]
    low = (height < np.nanquantile(height, 0.05, axis=0) + _ON_GROUND_M) & (rate < 0)
    belt = -float(np.nanmedian(rate[low])) if low.any() else 0.0
    moved = points + (np.arange(len(points)) / fps * belt)[:, None, None] * forward
    return moved, belt


def measure_bout(
    points: np.ndarray, fps: float, bout: Bout, source: str, height_m: float | None
) -> tuple[dict, str]:
    """Measure one straight stretch; outcomes, or the reason why there are none."""
    part = points[bout.rows]
    hip = part[:, _HIPS].mean(axis=1)
    known = np.isfinite(hip).all(axis=1)
    if known.sum() < 3:
        return {}, "hips are not seen"
    time_s = np.arange(len(part)) / fps
    slope = np.polyfit(time_s[known], hip[known], 1)[0] * [1, 0, 1]
    forward = slope / max(np.linalg.norm(slope), 1e-9)
    turn = np.stack([forward, [0, 1, 0], np.cross(forward, [0, 1, 0])])
    try:
        walk = build_walk(
            time_s,
            (part - hip[known][0]) @ turn.T,
            walk_id=source,
            person_id="user",
            dataset="user",
            origin="real",
            height_m=np.nan if height_m is None else height_m,
            fps=fps,
        )
        outcomes = compute_walk_outcomes(walk)
    except InputError as error:
        return {}, str(error)
    if not np.isfinite(outcomes["speed_mps"]) or not np.isfinite(outcomes["step_time_s"]):
        return {}, "; ".join(dict.fromkeys(explain_missing(outcomes).values())) or "too few steps"
    if outcomes["speed_mps"] > _MOST_SPEED_MPS:
        return {}, f"no walking: the body travels at {outcomes['speed_mps']:.1f} m/s"
    return outcomes, ""
