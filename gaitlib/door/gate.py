"""No answer without walking: physical measures of a stretch, and the limits within which people walk."""

from __future__ import annotations

import numpy as np

from gaitlib.door.bouts import LegPaths, trace_legs
from gaitlib.door.recording import POINT
from gaitlib.estimate.features import COMMON_FPS, find_step_time

_UPPER = [POINT["shoulder_r"], POINT["shoulder_l"]]


def measure_picture(clip: np.ndarray, fps: float) -> dict[str, float]:
    """Measure what tells walking from other movements in keypoints (time, 19, 3)."""
    paths = trace_legs(clip, fps)
    rows = paths.seen & np.isfinite(paths.scale) & np.isfinite(paths.ankles).all(axis=(1, 2))
    if rows.sum() < 0.5 * fps:
        return {}
    first, last = np.flatnonzero(rows)[[0, -1]]
    part = slice(first, last + 1)
    paths = LegPaths(
        fps,
        *(_bridge(value[part]) for value in (paths.hip, paths.knees, paths.ankles, paths.scale)),
        paths.seen[part],
    )
    scale, hip = paths.scale, paths.hip
    travel = np.gradient(hip, 1 / fps, axis=0) / scale[:, None]
    across = float(np.median(travel[:, 0]))
    depth = -float(np.polyfit(np.arange(len(scale)) / fps, np.log(scale), 1)[0])
    ankles, knees = paths.ankles, paths.knees
    apart, knee_apart = ankles[:, 0] - ankles[:, 1], knees[:, 0] - knees[:, 1]
    rise = np.gradient(hip[:, 1], 1 / fps) / scale
    step_time, rhythm = find_step_time(np.concatenate([apart, knee_apart], axis=1), rise, fps)
    velocity = np.gradient(ankles, 1 / fps, axis=0)
    lower = np.argmax(ankles[..., 1], axis=1)
    own = velocity[np.arange(len(lower)), lower, 0]
    way = np.sign(across) if abs(across) > 0.25 else -np.sign(np.median(own)) or 1.0
    ground = velocity + travel[:, None]  # of the feet over the picture
    speed = np.linalg.norm(ground, axis=-1)
    stance = float(-way * np.median(own))
    middle = ankles - ankles.mean(axis=0)
    size = np.sqrt((middle**2).mean(axis=0).sum(axis=-1))
    agree = float((middle[:, 0] * middle[:, 1]).sum() / max(len(middle) * size[0] * size[1], 1e-9))
    legs = _measure_bones(clip[part], scale)
    upper = (
        np.nanmedian(clip[part][:, _UPPER, 1].mean(axis=1))
        if np.isfinite(clip[part][:, _UPPER]).any()
        else np.nan
    )
    return {
        "rhythm": rhythm,
        "step_time": step_time,
        "across": abs(across),
        "depth": depth,
        "stance": stance,
        "spread": float(np.quantile(np.abs(apart[:, 0]), 0.92)),
        "lift": float(np.quantile(np.abs(apart[:, 1]), 0.92)),
        "reach": float(np.median(ankles[..., 1].max(axis=1))),
        "thigh": float(np.median(knees[..., 1].max(axis=1))),
        "trunk": float((np.median(hip[:, 1]) - upper) / np.median(scale)),
        "planted": float((speed.min(axis=1) < 0.35 * max(abs(across), 0.25)).mean()),
        "back": float((-way * velocity[..., 0] > 0.0).mean()),
        "agree": agree,
        "bones": legs,
        "rough": _measure_roughness(clip[part], scale, fps),
    }


def _bridge(values: np.ndarray) -> np.ndarray:
    """Fill unknown rows of (time, ...) linearly."""
    flat = values.reshape(len(values), -1).copy()
    for column in flat.T:
        known = np.isfinite(column)
        if known.any():
            column[~known] = np.interp(np.flatnonzero(~known), np.flatnonzero(known), column[known])
    return flat.reshape(values.shape)


def _measure_bones(clip: np.ndarray, scale: np.ndarray) -> float:
    """How much the lengths of thigh and shank vary from moment to moment (share of the leg)."""
    legs = clip[:, [[POINT[f"{joint}_{side}"] for joint in ("hip", "knee", "ankle")] for side in "rl"], :2]
    bones = np.linalg.norm(np.diff(legs, axis=2), axis=-1).reshape(len(clip), 4) / scale[:, None]
    usual = np.nanmedian(bones.sum(axis=1)) / 2
    spread = np.nanquantile(bones, 0.9, axis=0) - np.nanquantile(bones, 0.1, axis=0)
    return float(np.nanmax(spread) / max(usual, 1e-9))


def _measure_roughness(clip: np.ndarray, scale: np.ndarray, fps: float) -> float:
    """How far points lie off the line between their neighbours in time (leg lengths)."""
    legs = clip[:, [POINT[f"{joint}_{side}"] for joint in ("hip", "knee", "ankle") for side in "rl"], :2]
    step = max(int(round(fps / 60)), 1)
    if len(legs) < 2 * step + 1:
        return 0.0
    off = legs[step:-step] - 0.5 * (legs[2 * step :] + legs[: -2 * step])
    return float(np.nanmedian(np.linalg.norm(off, axis=-1)) / np.median(scale))


LIMITS = {
    "rhythm": (0.40, np.inf, "no steady rhythm of steps"),
    "step_time": (0.30, 1.06, "steps follow each other faster or slower than people walk"),
    "lift": (0.0, 0.31, "the feet are lifted as in running, cycling or climbing"),
    "trunk": (0.33, np.inf, "the trunk does not stand upright above the hips"),
    "reach": (0.70, 1.10, "the legs are not stretched as in standing and walking"),
    "agree": (-np.inf, 0.35, "the feet move together, not in turn"),
    "bones": (0.0, 0.75, "thighs and shanks change their lengths"),
    "rough": (0.0, 0.06, "the points jump from frame to frame"),
    "across": (0.0, 3.2, "the body travels faster than people walk"),
}
"""Lower and upper limit of a measure in walks, and what it means beyond; set between simulated walks of all
views and movements that are no walking, with room for gaits that no simulation shows."""
MIN_PROGRESS = 0.22
"""Travel of the body over the picture, or of the stance foot under it (leg lengths per second)."""
MIN_APPROACH = 0.012
"""Change of apparent size that counts as travel (share per second)."""
MIN_PLANTED = 0.3
"""The stance foot moves back under a travelling body at this share of its speed, or more: it stands."""
MIN_BACK = 0.525
"""Share of the time that a foot moves back under the body, where the steps are seen from the side."""


def check_keypoints(clip: np.ndarray, fps: float, treadmill: bool = False) -> str:
    """Say why a stretch is no walking; empty if it is."""
    found = measure_picture(clip, fps)
    if not found:
        return "too short: hips, knees and ankles are seen for less than half a second in a row"
    for name, (lower, upper, words) in LIMITS.items():
        if name == "lift":
            # Legs that hang as in walking may lift more: fast walks, and perspective in an approach.
            hangs = found["thigh"] > 0.475
            upper += 0.06 if hangs else min(0.3 * abs(found["depth"]), 0.06) * (found["thigh"] > 0.445)
        if found[name] == found[name] and not lower <= found[name] <= upper:
            return f"no walking: {words} ({name} {found[name]:.2f}, in walks {_format(lower, upper)})"
    progress = max(found["across"], found["stance"])
    if progress < MIN_PROGRESS and abs(found["depth"]) < MIN_APPROACH and not treadmill:
        return (
            "no walking: the legs move but the body goes nowhere and no foot moves back under it "
            "(marching on the spot? a treadmill seen from the front must be stated: --treadmill)"
        )
    if found["across"] > 0.35 and found["stance"] < MIN_PLANTED * found["across"]:
        return (
            f"no walking: the body travels at {found['across']:.2f} leg lengths/s, but the stance foot "
            f"moves back at "
            f"{found['stance']:.2f}: it does not stand on the ground"
        )
    if found["spread"] > 0.4 and progress > MIN_PROGRESS and found["back"] < MIN_BACK:
        share = found["back"]
        return (
            f"no walking: a foot is on the ground too shortly, as in running or cycling (share {share:.2f})"
        )
    return ""


def _format(lower: float, upper: float) -> str:
    return (
        f"at least {lower:g}"
        if upper == np.inf
        else f"at most {upper:.2g}"
        if lower in (0.0, -np.inf)
        else f"{lower:g} to {upper:g}"
    )


SIGNAL_LIMITS = {
    "trunk": {
        "tilt": (0.0, 0.23),
        "rhythm": (0.05, 2),
        "vertical": (0.36, 8.0),
        "forward": (0.13, 4.0),
        "swing": (0.0, 3.0),
        "rough": (0.6, 1.62),
        "steps": (0.15, 2),
        "peak": (0.9, 14.0),
        "slow": (0.0, 0.7),
        "pace": (0.0, 5.2),
        "pure": (0.0, 0.97),
    },
    "thigh": {
        "tilt": (0.13, 0.6),
        "rhythm": (0.45, 2),
        "vertical": (0.8, 9.5),
        "forward": (0.4, 4.0),
        "swing": (0.7, 4.2),
        "rough": (0.6, 1.3),
        "steps": (0.6, 2),
        "peak": (1.8, 17.0),
        "slow": (0.0, 0.95),
        "pace": (0.0, 3.1),
        "pure": (0.0, 0.975),
    },
    "shank": {
        "tilt": (0.14, 0.8),
        "rhythm": (0.45, 2),
        "vertical": (0.9, 11.0),
        "forward": (0.95, 8.0),
        "swing": (0.9, 6.2),
        "rough": (0.6, 1.45),
        "steps": (0.5, 2),
        "peak": (1.8, 24.0),
        "slow": (0.0, 0.95),
        "pace": (0.0, 3.1),
        "pure": (0.0, 0.96),
    },
    "wrist": {
        "tilt": (0.0, 1.0),
        "rhythm": (0.3, 2),
        "vertical": (0.7, 9.0),
        "forward": (0.25, 5.0),
        "swing": (0.0, 5.0),
        "rough": (0.6, 1.4),
        "steps": (0.5, 2),
        "peak": (1.2, 14.0),
        "slow": (0.0, 2),
        "pace": (0.0, 3.1),
        "pure": (0.0, 2),
    },
}
"""Limits of the measures of inertial signals, by the part of the body."""
_SIGNAL_WORDS = {
    "tilt": "the sensor rocks to and fro less or more than there (rad)",
    "rhythm": "no steady rhythm of steps",
    "vertical": "up and down the sensor is shaken less or more than in walking (m/s^2)",
    "forward": "forwards and up and down it is not shaken in the proportion of walking",
    "swing": "it swings less or more than in walking (rad/s)",
    "rough": "most of the signal is too fast for a walking body",
    "steps": "little of the motion has the rhythm of the steps",
    "pace": "the strongest motion is faster than steps (Hz)",
    "pure": "it swings evenly to and fro, without landings",
    "peak": "there are no landings as in walking, or those of running and jumping (m/s^2)",
    "slow": "most of the motion is slower than steps",
}


def measure_signal(signal: np.ndarray, fps: float, site: str) -> dict[str, float]:
    """Measure what tells walking from other movements in the signals of one sensor (time, 6)."""
    from gaitlib.estimate.inertial_features import (
        TRUNK_SITES,
        align_signals,
        find_signal_step_time,
        resample_signals,
    )

    trunk = site in TRUNK_SITES
    rows = np.isfinite(signal).all(axis=1)
    signal = np.stack(
        [np.interp(np.arange(len(signal)), np.flatnonzero(rows), column[rows]) for column in signal.T], axis=1
    )
    smooth = resample_signals(signal, fps)
    motion = align_signals(smooth, trunk)
    step_time, rhythm = find_signal_step_time(motion, trunk)
    motion = (motion - motion.mean(axis=0)) * [4.0, 4.0, 2.0]  # m/s^2, m/s^2, rad/s
    size = motion.std(axis=0)
    frequency = np.fft.rfftfreq(len(motion), 1 / COMMON_FPS)
    power = np.abs(np.fft.rfft(motion * np.hanning(len(motion))[:, None], axis=0)) ** 2
    part = power[:, 0] if trunk else power[:, 2]
    stride, width, seen = 0.5 / step_time, max(0.15, 1.6 * frequency[1]), frequency > 0.25
    near = [np.abs(frequency - k * stride) < width for k in range(1, 5)]
    total = max(float(part[seen].sum()), 1e-12)
    raw = np.sqrt(((signal[:, :3] - signal[:, :3].mean(axis=0)) ** 2).sum(axis=1).mean())
    turning = np.fft.rfft(smooth[:, 3:] - smooth[:, 3:].mean(axis=0), axis=0)
    fast = (frequency > 0.45)[:, None]  # slower turning is drift, and turns of the path
    turning = np.where(fast, turning / np.where(fast, 2 * np.pi * frequency[:, None], 1.0), 0.0)
    angle = np.fft.irfft(turning, len(motion), axis=0)
    return {
        "step_time": step_time,
        "rhythm": rhythm,
        "tilt": float(np.sqrt(angle.var(axis=0).sum())),
        "vertical": float(size[0]),
        "forward": float(size[1] / max(size[0], 1e-9)),
        "swing": float(size[2]),
        "rough": float(raw / max(size[:2].sum(), 1e-9)),
        "steps": float(part[np.any(near, axis=0) & seen].sum()) / total,
        "pure": float(part[np.abs(frequency - frequency[np.argmax(part * seen)]) < width].sum()) / total,
        "pace": float(frequency[np.argmax(part * seen)]),
        "peak": float(np.quantile(motion[:, 0], 0.98)),
        "slow": float(part[frequency < 0.9].sum() / max(part.sum(), 1e-12)),
    }


def check_inertial(signal: np.ndarray, fps: float, site: str) -> str:
    """Say why a stretch of inertial signals is no walking; empty if it is."""
    if len(signal) < fps:
        return "too short: less than a second of signal"
    limb = site.rsplit("_", 1)[0] if site[-2:] in ("_r", "_l") else site
    group = {"thigh": "thigh", "wrist": "wrist", "lower_back": "trunk", "chest": "trunk"}.get(limb, "shank")
    found = measure_signal(signal, fps, site)
    for name, (lower, upper) in SIGNAL_LIMITS[group].items():
        if not lower <= found[name] <= upper:
            return (
                f"no walking: {_SIGNAL_WORDS[name]} ({name} {found[name]:.2f}, in walks {lower:g} to "
                f"{upper:g}; is the sensor "
                f"worn at the {limb.replace('_', ' ')}?)"
            )
    return ""
