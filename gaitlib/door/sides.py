"""Right and left: the steps that a recording shows, and how they share step time and length."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from gaitlib.door.answer import Answer
from gaitlib.door.bouts import trace_legs
from gaitlib.door.recording import POINT
from gaitlib.estimate.targets import Value
from gaitlib.events import detect_events_from_curves

_LEAST_STEPS = 2
_HIPS_APART, _GROWTH = 0.085, 1.15
"""Seen from the side, hips lie nearer to each other than this (leg lengths; 45 degrees off: 0.13), and the
largest apparent leg is less than this many times the smallest."""
_FRAME_SHARE, _LENGTH_SHARE = 0.5, 0.015
"""What contacts on simulated walks are off, in frames, and their footprints, as a share of the step."""


def split_sides(answer: Answer) -> dict[str, Value]:
    """Split step time and length into right and left as steps are seen, whose spread widens the interval."""
    steps, found = list_steps(answer), {}
    for column, name in (("time_s", "step_time"), ("length", "step_length")):
        unit = name.replace("step_time", "s").replace("step_length", "m")
        mean = answer.values.get(f"{name}_{unit}")
        own = {side: steps.loc[steps["side"] == side, column].dropna().to_numpy() for side in "rl"}
        if mean is None or any(len(values) < _LEAST_STEPS for values in own.values()):
            continue
        middle = 0.5 * (own["r"].mean() + own["l"].mean())
        if middle <= 0:
            continue
        finest = _FRAME_SHARE / answer.recording.facts["fps"] if unit == "s" else _LENGTH_SHARE * middle
        errors = {side: _compute_half_width(values, finest) for side, values in own.items()}
        for side, values in own.items():
            share, error = values.mean() / middle, errors[side] / middle * mean.value
            half = [np.nan_to_num(abs(mean.value - end)) * share for end in (mean.lower, mean.upper)]
            low, high = (float(np.hypot(one, error)) for one in half)
            value = float(mean.value * share)
            found[f"{name}_{side}_{unit}"] = Value(value, value - low, value + high, mean.unit)
        half = 100 * float(np.hypot(*errors.values())) / middle
        apart = 100 * float(abs(own["r"].mean() - own["l"].mean())) / middle
        found[f"{name}_asymmetry"] = Value(apart, max(apart - half, 0.0), apart + half, "%")
    return found


def _compute_half_width(values: np.ndarray, finest: float) -> float:
    """Half the 90 % interval of a mean, with what a single contact can be off."""
    spread = stdtrit(len(values) - 1, 0.95) * values.std(ddof=1) / np.sqrt(len(values))
    return float(np.hypot(spread, finest))


def is_side_on(part: np.ndarray, fps: float) -> bool:
    """Whether keypoints (time, 19, 3) are seen square from the side."""
    paths = trace_legs(part, fps)
    apart = np.abs(part[:, POINT["hip_r"], 0] - part[:, POINT["hip_l"], 0]) / paths.scale
    growth = np.nanmax(paths.scale) / np.nanmin(paths.scale)
    return bool(np.nanmedian(apart) < _HIPS_APART and growth < _GROWTH)


def list_steps(answer: Answer) -> pd.DataFrame:
    """List the steps seen: side that lands, time (s), length (NaN where the picture moves or is oblique)."""
    rows: list[tuple[str, float, float]] = []
    recording = answer.recording
    fps, values = recording.facts["fps"], recording.values
    for bout in answer.bouts:
        if bout["status"] != "ok" or recording.kind == "inertial":
            continue
        part = values[int(round(bout["start_s"] * fps)) : int(round(bout["end_s"] * fps))]
        curves = _follow_feet(part, recording.kind, bout["way"])
        if curves is None:
            continue
        feet, hip, landing = curves
        time_s = np.arange(len(part)) / fps
        events = detect_events_from_curves(time_s, feet - hip[:, None], with_landing=landing)
        contacts = events[events["event"] == "initial_contact"].sort_values("time_s")
        moments, sides = contacts["time_s"].to_numpy(), contacts["foot"].to_numpy()
        prints = _read_prints(time_s, feet, moments, sides)
        flat = recording.kind == "markers" or (bout["way"] != "in place" and is_side_on(part, fps))
        if recording.kind == "keypoints":
            width = recording.image_size_px[0] if recording.image_size_px else None
            prints = _even_out_depth(prints, sides, width, sign=-1.0 if bout["way"] == "left" else 1.0)
        for n in range(1, len(moments)):
            if sides[n] != sides[n - 1]:
                length = prints[n] - prints[n - 1] if flat else np.nan
                rows.append((sides[n], moments[n] - moments[n - 1], length))
    return pd.DataFrame(rows, columns=["side", "time_s", "length"])


def _read_prints(time_s: np.ndarray, feet: np.ndarray, moments: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Resting place of each landing foot, 3 to 10 % of the stride after contact; NaN beyond the end."""
    if len(moments) < 2:
        return np.full(len(moments), np.nan)
    stride = 2 * float(np.median(np.diff(moments)))
    at = moments[:, None] + stride * np.linspace(0.03, 0.10, 6)
    paths = [np.interp(at, time_s, foot, right=np.nan) for foot in feet.T]
    return np.mean(np.where((sides == "r")[:, None], *paths), axis=1)


def _even_out_depth(prints: np.ndarray, sides: np.ndarray, width: float | None, sign: float) -> np.ndarray:
    """Bring both feet to one scale: the nearer looks larger, though strides of both are equally long."""
    known = {side: np.diff(prints[sides == side]) for side in "rl"}
    strides = {side: np.median(own) for side in "rl" if len(own := known[side][np.isfinite(known[side])])}
    if len(strides) < 2 or min(strides.values()) <= 0:
        return prints
    middle = sign * width / 2 if width else 0.5 * (np.nanmin(prints) + np.nanmax(prints))
    mean = 0.5 * (strides["r"] + strides["l"])
    scale = np.where(sides == "r", mean / strides["r"], mean / strides["l"])
    return middle + (prints - middle) * scale


def _follow_feet(part: np.ndarray, kind: str, way: str) -> tuple[np.ndarray, np.ndarray, bool] | None:
    """Place of the feet (time, 2) and the hips along the way, and whether they are heels."""
    n_space = 3 if kind == "markers" else 2
    get = {name: part[:, POINT[name], :n_space] for name in POINT}
    hip = 0.5 * (get["hip_r"] + get["hip_l"])
    known = np.isfinite(hip).all(axis=1)
    if known.sum() < 5:
        return None
    if kind == "markers":
        way_3d = np.polyfit(np.arange(len(part))[known], hip[known], 1)[0] * [1, 0, 1]
        forward = way_3d / max(np.linalg.norm(way_3d), 1e-12)
    else:
        sign = {"right": 1.0, "left": -1.0}.get(way)
        if sign is None and way == "in place":
            toes = np.stack([get[f"toe_{s}"] - get[f"ankle_{s}"] for s in "rl"])[..., 0]
            legs = np.abs(hip - 0.5 * (get["ankle_r"] + get["ankle_l"]))[..., 1]
            seen = np.isfinite(toes).any() and np.isfinite(legs).any()
            ahead = np.nanmedian(toes) / max(np.nanmedian(legs), 1e-9) if seen else 0.0
            sign = np.sign(ahead) if abs(ahead) > 0.1 else None
        if sign is None:
            return None
        forward = np.array([sign, 0.0])
    part_name = (
        "heel" if all(np.isfinite(get[f"heel_{s}"]).all(axis=1).mean() > 0.5 for s in "rl") else "ankle"
    )
    feet = np.stack([get[f"{part_name}_{side}"] @ forward for side in "rl"], axis=1)
    return feet, hip @ forward, part_name == "heel"


_WIDEST = 0.4
"""Widest interval of one side that is worth telling, as a share of the value."""


def drop_unsure(sides: dict) -> dict:
    """Leave out right and left where the steps seen differ so much that nothing is told."""
    wide = {
        name[: name.rindex("_", 0, -2)]
        for name, item in sides.items()
        if item.unit != "%" and item.upper - item.lower > _WIDEST * item.value
    }
    return {name: item for name, item in sides.items() if not name.startswith(tuple(wide))} if wide else sides


def find_view(answer: Answer, stated: str | None) -> str:
    """Name how the person was seen: side, oblique, front, the site of a sensor, or 'space'."""
    recording = answer.recording
    if recording.kind == "inertial":
        return recording.site or ""
    if recording.kind == "markers":
        return "space"
    if stated:
        return {"back": "front", "side_left": "side", "oblique_back": "oblique"}.get(stated, stated)
    fps, good = recording.facts["fps"], [bout for bout in answer.bouts if bout["status"] == "ok"]
    if {bout["way"] for bout in good} <= {"near", "away"}:
        return "front"
    rows = [slice(int(bout["start_s"] * fps), int(bout["end_s"] * fps)) for bout in good]
    return "side" if all(is_side_on(recording.values[part], fps) for part in rows) else "oblique"
