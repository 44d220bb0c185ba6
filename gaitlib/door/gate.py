"""No answer without walking: physical measures of a stretch, and the limits within which people walk.

The limits stand in `gate_limits.csv`, which `studies/fit_gate.py` makes from simulated walks, the people of
the calibration role and movements that are no walking.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from gaitlib.door.bouts import fill_gaps, trace_legs
from gaitlib.door.recording import LEGS, POINT
from gaitlib.estimate.features import COMMON_FPS, find_step_time
from gaitlib.estimate.inertial_features import (
    TRUNK_SITES,
    align_signals,
    find_signal_step_time,
    resample_signals,
)

LIMITS_FILE = Path(__file__).with_name("gate_limits.csv")
_UPPER = [POINT["shoulder_r"], POINT["shoulder_l"]]
_STRIDING, _GOING = 0.4, 0.35
"""Feet this far apart (leg lengths) are seen from the side, a body this fast (leg lengths/s) goes along."""
_APPROACH = 18.0
"""Change of apparent size (share/s) that counts as one leg length/s of travel, times this."""

PICTURE = {
    "rhythm": (">", "no steady rhythm of steps"),
    "lift": ("<", "the feet are lifted as in running, cycling or climbing (leg lengths)"),
    "thigh": (">", "the thighs do not hang as in walking (leg lengths)"),
    "hang": (">", "thighs and feet go up together, as in running or cycling (leg lengths)"),
    "trunk": (">", "the trunk does not stand upright above the hips (leg lengths)"),
    "reach": ("<>", "the legs are not stretched as in standing and walking (leg lengths)"),
    "straight": (">", "no leg is ever straight, as on a bicycle (share)"),
    "agree": ("<", "the feet move together, not in turn"),
    "bones": ("<", "thighs and shanks change their lengths"),
    "rough": ("<", "the points jump from frame to frame (leg lengths)"),
    "across": ("<", "the body travels faster than people walk (leg lengths/s)"),
    "travel": (">", "the body goes nowhere and no foot moves back under it (leg lengths/s)"),
    "step_time": ("<>", "steps follow each other faster or slower than people walk (s)"),
    "planted": (">", "the stance foot does not stay where it stands while the body travels (share)"),
    "back": (">", "a foot is on the ground too shortly, as in running or cycling (share of the time)"),
}
"""Measure -> whether walks keep above (>) or below (<) its limits, and what it means beyond (unit)."""
_TREADMILL = "; standing, marching on the spot? a treadmill seen from the front must be stated: --treadmill"
SIGNAL = {
    "tilt": ("<>", "the sensor rocks to and fro less or more than there (rad)"),
    "rhythm": (">", "no steady rhythm of steps"),
    "vertical": ("<>", "up and down the sensor is shaken less or more than in walking (m/s^2)"),
    "forward": ("<>", "forwards and up and down it is not shaken in the proportion of walking"),
    "swing": ("<>", "it swings less or more than in walking (rad/s)"),
    "rough": ("<>", "most of the signal is too fast for a walking body"),
    "steps": (">", "little of the motion has the rhythm of the steps"),
    "pace": ("<", "the strongest motion is faster than steps (Hz)"),
    "pure": ("<", "it swings evenly to and fro, without landings"),
    "peak": ("<>", "there are no landings as in walking, or those of running and jumping (m/s^2)"),
    "slow": ("<", "most of the motion is slower than steps"),
}
SIZES = ("gravity", "turning")
"""Usual size of the acceleration (m/s^2) and large size of the angular velocity (rad/s): they tell units."""


@cache
def load_limits() -> dict[str, dict[str, tuple[float, float]]]:
    """Load the limits: 'picture' or part of the body -> measure -> lower and upper."""
    table = pd.read_csv(LIMITS_FILE)
    return {
        part: dict(zip(rows["measure"], zip(rows["lower"], rows["upper"], strict=True), strict=True))
        for part, rows in table.groupby("part")
    }


def get_part(site: str) -> str:
    """Name the part of the body that a site belongs to, without its side."""
    return site[:-2] if site[-2:] in ("_r", "_l") else site


def measure_picture(clip: np.ndarray, fps: float) -> dict[str, float]:
    """Measure what tells walking from other movements in keypoints (time, 19, 3); NaN does not apply."""
    paths = trace_legs(clip, fps)
    rows = paths.seen & np.isfinite(paths.scale) & np.isfinite(paths.ankles).all(axis=(1, 2))
    if rows.sum() < 0.5 * fps:
        return {}
    first, last = np.flatnonzero(rows)[[0, -1]]
    part = slice(first, last + 1)
    hip, knees, ankles, scale = (
        fill_gaps(value[part]) for value in (paths.hip, paths.knees, paths.ankles, paths.scale)
    )
    legs, upper = clip[part][:, LEGS, :2], clip[part][:, _UPPER, 1].mean(axis=1)
    travel = np.gradient(hip, 1 / fps, axis=0) / scale[:, None]
    across = float(np.median(travel[:, 0]))
    depth = abs(float(np.polyfit(np.arange(len(scale)) / fps, np.log(scale), 1)[0]))
    apart = ankles[:, 0] - ankles[:, 1]
    differences = np.concatenate([apart, knees[:, 0] - knees[:, 1]], axis=1)
    step_time, rhythm = find_step_time(differences, np.gradient(hip[:, 1], 1 / fps) / scale, fps)
    velocity = np.gradient(ankles, 1 / fps, axis=0)
    own = velocity[np.arange(len(ankles)), np.argmax(ankles[..., 1], axis=1), 0]  # of the lower foot
    way = np.sign(across) if abs(across) > 0.25 else -np.sign(np.median(own)) or 1.0
    stance = float(-way * np.median(own))
    progress = max(abs(across), stance)
    middle = ankles - ankles.mean(axis=0)
    size = np.sqrt((middle**2).mean(axis=0).sum(axis=-1))
    bones = np.linalg.norm(np.diff(legs, axis=2), axis=-1).reshape(len(legs), 4) / scale[:, None]
    straight = np.linalg.norm(legs[:, :, 2] - legs[:, :, 0], axis=-1) / np.linalg.norm(
        np.diff(legs, axis=2), axis=-1
    ).sum(axis=-1)
    spread = np.nanquantile(bones, 0.9, axis=0) - np.nanquantile(bones, 0.1, axis=0)
    striding = np.quantile(np.abs(apart[:, 0]), 0.92) > _STRIDING and progress > 0.22
    step = max(int(round(fps / 60)), 1)
    off = legs[step:-step] - 0.5 * (legs[2 * step :] + legs[: -2 * step])
    # perspective lifts the feet of who comes near or goes away
    lift = float(np.quantile(np.abs(apart[:, 1]), 0.92)) - min(0.3 * depth, 0.06)
    thigh = float(np.median(knees[..., 1].max(axis=1)))
    return {
        "rhythm": rhythm,
        "step_time": step_time,
        "lift": lift,
        "thigh": thigh,
        "hang": thigh - lift,
        "trunk": float((np.median(hip[:, 1]) - np.nanmedian(upper)) / np.median(scale)),
        "reach": float(np.median(ankles[..., 1].max(axis=1))),
        "straight": float(np.nanmin(np.nanquantile(straight, 0.9, axis=0))),
        "agree": float((middle[:, 0] * middle[:, 1]).sum() / max(len(middle) * size.prod(), 1e-9)),
        "bones": float(np.nanmax(spread) / max(np.nanmedian(bones.sum(axis=1)) / 2, 1e-9)),
        "rough": float(np.nanmedian(np.linalg.norm(off, axis=-1)) / np.median(scale)) if len(off) else 0.0,
        "across": abs(across),
        "travel": max(progress, _APPROACH * depth),
        "planted": stance / abs(across) if abs(across) > _GOING else np.nan,
        "back": float((-way * velocity[..., 0] > 0.0).mean()) if striding else np.nan,
    }


def measure_signal(signal: np.ndarray, fps: float, site: str) -> dict[str, float]:
    """Measure what tells walking in the signals (time, 6) of a sensor; NaN where (time, 3) do not tell."""
    trunk, blind = site in TRUNK_SITES, signal.shape[1] == 3
    signal = fill_gaps(np.hstack([signal, np.zeros_like(signal)]) if blind else signal)
    smooth = resample_signals(signal, fps)
    motion = align_signals(smooth, trunk)
    step_time, rhythm = find_signal_step_time(motion, trunk)
    motion = (motion - motion.mean(axis=0)) * [4.0, 4.0, 2.0]  # m/s^2, m/s^2, rad/s
    size = motion.std(axis=0)
    frequency = np.fft.rfftfreq(len(motion), 1 / COMMON_FPS)
    power = np.abs(np.fft.rfft(motion * np.hanning(len(motion))[:, None], axis=0)) ** 2
    power = power[:, 0 if trunk else 2] * (frequency > 0.25)
    stride, width, best = 0.5 / step_time, max(0.15, 1.6 * frequency[1]), frequency[np.argmax(power)]
    near = np.any([np.abs(frequency - k * stride) < width for k in range(1, 5)], axis=0)
    total = max(float(power.sum()), 1e-12)
    raw = np.sqrt(((signal[:, :3] - signal[:, :3].mean(axis=0)) ** 2).sum(axis=1).mean())
    turning = np.fft.rfft(smooth[:, 3:] - smooth[:, 3:].mean(axis=0), axis=0)
    fast = (frequency > 0.45)[:, None]  # slower turning is drift, and turns of the path
    turning = np.where(fast, turning / np.where(fast, 2 * np.pi * frequency[:, None], 1.0), 0.0)
    angle = np.fft.irfft(turning, len(motion), axis=0)
    found = {
        "tilt": float(np.sqrt(angle.var(axis=0).sum())),
        "rhythm": rhythm,
        "vertical": float(size[0]),
        "forward": float(size[1] / max(size[0], 1e-9)),
        "swing": float(size[2]),
        "rough": float(raw / max(size[:2].sum(), 1e-9)),
        "steps": float(power[near].sum()) / total,
        "pace": float(best),
        "pure": float(power[np.abs(frequency - best) < width].sum()) / total,
        "peak": float(np.quantile(motion[:, 0], 0.98)),
        "slow": float(power[frequency < 0.9].sum()) / total,
    }
    turned = ("tilt", "swing") if trunk else ("tilt", "swing", "forward", "steps", "pace", "pure", "slow")
    return found | (dict.fromkeys(turned, np.nan) if blind else {})


def measure_sizes(signal: np.ndarray) -> tuple[float, float]:
    """Measure `SIZES` in the signals of one sensor (time, 6), or of an accelerometer alone (time, 3)."""
    known = signal[np.isfinite(signal).all(axis=1)]
    if signal.shape[1] == 3:
        return float(np.median(np.linalg.norm(known, axis=1))), float("nan")
    turning = np.linalg.norm(known[:, 3:] - np.median(known[:, 3:], axis=0), axis=1)
    return float(np.median(np.linalg.norm(known[:, :3], axis=1))), float(np.quantile(turning, 0.9))


def check_keypoints(clip: np.ndarray, fps: float, treadmill: bool = False) -> str:
    """Say why a stretch is no walking; empty if it is."""
    found = measure_picture(clip, fps)
    if not found:
        return "too short: hips, knees and ankles are seen for less than half a second in a row"
    return _explain(found | ({"travel": np.nan} if treadmill else {}), "picture", PICTURE)


def check_inertial(signal: np.ndarray, fps: float, site: str) -> str:
    """Say why a stretch of inertial signals is no walking; empty if it is."""
    if len(signal) < fps:
        return "too short: less than a second of signal"
    part = get_part(site)
    reason = _explain(measure_signal(signal, fps, site), part, SIGNAL)
    if not reason:
        return ""
    limbs = {limb: measure_signal(signal, fps, limb) for limb in ("lower_back", "shank")}
    fits = [
        other.replace("_", " ")
        for other in load_limits()
        if other not in (part, "picture")
        and not _explain(limbs["lower_back" if other in TRUNK_SITES else "shank"], other, SIGNAL)
    ]
    return f"{reason} at the {part.replace('_', ' ')}" + (
        f"; the signals fit a sensor at: {', '.join(fits)}" if fits else ""
    )


def _explain(found: dict[str, float], part: str, meanings: dict) -> str:
    limits = load_limits()[part]
    for name, (_, words) in meanings.items():
        lower, upper = limits[name]
        if found[name] < lower or found[name] > upper:
            ends = f"at least {lower:g}" if upper == np.inf else f"at most {upper:g}"
            ends = f"{lower:g} to {upper:g}" if np.isfinite([lower, upper]).all() else ends
            words, _, unit = words.rstrip(")").partition(" (")
            size = f"{name.replace('_', ' ')} {found[name]:.2f} {unit}".rstrip()
            return f"no walking: {words} ({size}, in walks {ends}){_TREADMILL if name == 'travel' else ''}"
    return ""
