"""What is no walking, though bodies, cameras and sensors are those of walks: trials for the gate."""

from __future__ import annotations

import numpy as np
from door_samples import film

from gaitlib.walk import KEYPOINTS_3D

BODY_TRIALS = (
    "standing",
    "gesturing",
    "sitting",
    "marching",
    "running",
    "turning",
    "cycling",
    "squatting",
    "gliding",
)
"""Movements of a jointed body."""
PICTURE_TRIALS = (
    "random points",
    "wandering points",
    "shuffled frames",
    "frozen frames",
    "quick animal",
    "huge animal",
    "four-legged animal",
    "exchanged points",
)
"""What a picture may hold beside a walking person, made from walks."""
SIGNAL_TRIALS = ("noise", "shuffled samples", "resting sensor", "quick animal", "shaken sensor")
"""What an inertial sensor may give beside walking."""
_AT = {name: n for n, name in enumerate(KEYPOINTS_3D)}


def build_body(
    kind: str, rng: np.random.Generator, duration_s: float = 5.0, fps: float = 60.0, height_m: float = 1.7
):
    """Build a movement of a jointed body that is no walking; points (time, 19, 3)."""
    t = np.arange(int(duration_s * fps)) / fps
    n, h = len(t), height_m

    def sway(size, hz=0.4):
        waves = (rng.normal() * np.sin(2 * np.pi * hz * k * t + rng.uniform(0, 6)) / k for k in (1, 2, 3))
        return size * sum(waves)

    hip, knee = np.zeros((2, n)), np.full((2, n), 0.05)
    lean, x, drop, heading, arm = sway(0.01), sway(0.005), np.zeros(n), np.zeros(n), np.zeros((2, n))
    phase = 2 * np.pi * rng.uniform(0, 1) + np.array([[0.0], [np.pi]])
    if kind == "gesturing":
        arm = np.array([1.0 + 0.6 * np.sin(2 * np.pi * rng.uniform(0.4, 1.5) * t), sway(0.4, 0.6)])
        hip, lean = np.array([sway(0.03), sway(0.03)]), sway(0.06)
    elif kind == "sitting":
        hip, knee = hip + 1.4 + sway(0.03), knee + 1.4 + np.array([sway(0.08, 0.7), sway(0.08, 0.7)])
    elif kind == "marching":
        rate = rng.uniform(0.7, 1.1)
        lift = np.maximum(np.sin(2 * np.pi * rate * t + phase), 0)
        hip, knee = rng.uniform(0.5, 1.2) * lift, 0.05 + rng.uniform(0.9, 1.6) * lift
        drop = -0.01 * np.abs(np.sin(2 * np.pi * rate * t + phase[0])) * h
    elif kind == "running":
        rate, speed = rng.uniform(1.3, 1.6), rng.uniform(2.3, 4.2)
        turn = 2 * np.pi * rate * t + phase
        reach = np.clip(speed / (4.2 * rate) / (0.49 * h), 0.35, 0.75)
        hip = 0.15 + reach * np.sin(turn)
        knee = 0.45 + 0.75 * np.maximum(np.sin(turn - 1.9), 0) * 1.4
        drop, x, lean = -0.045 * h * np.cos(2 * turn[0]), speed * t, lean + 0.1
    elif kind == "turning":
        heading = 2 * np.pi * rng.uniform(0.2, 0.5) * t
        lift = np.maximum(np.sin(2 * np.pi * rng.uniform(0.7, 1.0) * t + phase), 0)
        hip, knee = 0.25 * lift, 0.05 + 0.5 * lift
    elif kind == "cycling":
        crank = 2 * np.pi * rng.uniform(0.8, 1.6) * t + phase
        hip, knee = 0.85 + 0.38 * np.sin(crank), 1.25 + 0.6 * np.sin(crank + 0.35)
        lean, x = lean + rng.uniform(0.2, 0.8), x + rng.choice([0.0, 3.0]) * t
        arm = np.full((2, n), 0.9)
    elif kind == "squatting":
        depth = 0.5 - 0.5 * np.cos(2 * np.pi * rng.uniform(0.3, 0.6) * t)
        hip, knee, lean = hip + 1.2 * depth, knee + 1.5 * depth, lean + 0.4 * depth
    elif kind == "gliding":  # standing on a moving walkway, scooter or skates
        x = x + rng.uniform(0.6, 2.0) * t
    return _place_body(h, hip, knee, lean, x, drop, heading, arm, fixed=kind not in ("running", "cycling"))


def _place_body(h, hip, knee, lean, x, drop, heading, arm, fixed):
    """Points of a body from its angles (rad): hips forward, knees back; the lower foot on the ground."""
    n = len(x)
    points = np.zeros((n, len(KEYPOINTS_3D), 3))

    def put(name, along, up, side):
        points[:, _AT[name]] = np.stack([along, up, side + 0 * x], axis=1)

    low = np.zeros((2, n))
    for s, side in enumerate("rl"):
        sign = 1 if side == "r" else -1
        kx, ky = 0.245 * h * np.sin(hip[s]), -0.245 * h * np.cos(hip[s])
        shank = hip[s] - knee[s]
        ax, ay = kx + 0.246 * h * np.sin(shank), ky - 0.246 * h * np.cos(shank)
        tilt = np.minimum(0.5 * shank, 0.1)
        put(f"hip_{side}", 0 * x, 0 * x, sign * 0.05 * h)
        put(f"knee_{side}", kx, ky, sign * 0.05 * h)
        put(f"ankle_{side}", ax, ay, sign * 0.05 * h)
        for name, length in (("heel", -0.04), ("toe", 0.11)):
            put(
                f"{name}_{side}",
                ax + length * h * np.cos(tilt),
                ay - 0.035 * h + length * h * np.sin(tilt),
                sign * 0.05 * h,
            )
        low[s] = ay - 0.039 * h
        sx, sy = 0.288 * h * np.sin(lean), 0.288 * h * np.cos(lean)
        ex, ey = sx + 0.186 * h * np.sin(arm[s]), sy - 0.186 * h * np.cos(arm[s])
        put(f"shoulder_{side}", sx, sy, sign * 0.11 * h)
        put(f"elbow_{side}", ex, ey, sign * 0.12 * h)
        put(
            f"wrist_{side}",
            ex + 0.146 * h * np.sin(arm[s] + 0.3),
            ey - 0.146 * h * np.cos(arm[s] + 0.3),
            sign * 0.12 * h,
        )
    for name, length, ahead in (("neck", 0.288, 0.0), ("nose", 0.40, 0.05), ("head_top", 0.48, 0.0)):
        put(name, length * h * np.sin(lean) + ahead * h, length * h * np.cos(lean), 0.0)
    ground = -low.min(axis=0) if fixed else np.full(n, 0.5 * h)
    cos, sin = np.cos(heading)[:, None], np.sin(heading)[:, None]
    along, side = points[..., 0].copy(), points[..., 2].copy()
    points[..., 0], points[..., 2] = cos * along - sin * side + x[:, None], sin * along + cos * side
    points[..., 1] += (ground + drop)[:, None]
    return points


def spoil_picture(kind: str, walk: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Make what is no walking from keypoints of a walk (time, 19, 3)."""
    spoilt, n = walk.copy(), len(walk)
    if kind == "random points":
        spoilt[..., :2] = rng.uniform([0, 0], [1920, 1080], (n, len(KEYPOINTS_3D), 2))
    elif kind == "wandering points":
        spoilt[..., :2] = walk[:1, :, :2] + np.cumsum(rng.normal(0, 6, (n, len(KEYPOINTS_3D), 2)), axis=0)
    elif kind == "shuffled frames":
        spoilt = walk[rng.permutation(n)]
    elif kind == "frozen frames":
        spoilt[:, :, :2] = walk[n // 2, :, :2] + (
            rng.normal(0, 0.5, walk[..., :2].shape) if rng.uniform() < 0.5 else 0
        )
    elif kind in ("quick animal", "huge animal"):
        factor = rng.uniform(2.6, 4.0) if kind == "quick animal" else rng.uniform(0.2, 0.3)
        place = (np.arange(n) * factor) % (2 * n - 2)
        spoilt = walk[np.where(place < n, place, 2 * n - 2 - place).astype(int)]
    elif kind == "four-legged animal":
        middle = walk[:, [_AT["hip_r"], _AT["hip_l"]], :2].mean(axis=1, keepdims=True)
        upper = [n for name, n in _AT.items() if not name.startswith(("hip", "knee", "ankle", "heel", "toe"))]
        off = walk[:, upper, :2] - middle
        spoilt[:, upper, 0], spoilt[:, upper, 1] = (
            middle[..., 0] - off[..., 1],
            middle[..., 1] + 0.3 * off[..., 0],
        )
    elif kind == "exchanged points":
        spoilt = walk[:, rng.permutation(len(KEYPOINTS_3D))]
    return spoilt


def spoil_signal(kind: str, walk: np.ndarray, rng: np.random.Generator, fps: float = 100.0) -> np.ndarray:
    """Make what is no walking from signals of a walk (time, 6)."""
    n, rest = len(walk), np.concatenate([walk[:, :3].mean(axis=0), np.zeros(3)])
    if kind == "noise":
        return rest + rng.normal(0, 1, (n, 6)) * walk.std(axis=0)
    if kind == "shuffled samples":
        return walk[rng.permutation(n)]
    if kind == "resting sensor":
        return rest + rng.normal(0, 1, (n, 6)) * [0.02, 0.02, 0.02, 0.005, 0.005, 0.005]
    if kind == "quick animal":
        return walk[(np.arange(n) * int(rng.integers(3, 5))) % n]
    shake = np.sin(2 * np.pi * rng.uniform(2.5, 5.0) * np.arange(n) / fps)[:, None]
    return rest + shake * rng.normal(0, 1, 6) * [6, 6, 6, 2, 2, 2] + rng.normal(0, 0.05, (n, 6))


def try_trials(n: int, seed: int = 0) -> float:
    """Share of trials that are no walking which get no answer; each kind in `n` draws."""
    from door_samples import build_sample_walk

    import gaitlib
    from gaitlib.errors import InputError
    from gaitlib.sense.inertial import measure_motion

    rng, declined = np.random.default_rng(seed), []
    walk = build_sample_walk(seed)

    def ask(values: np.ndarray, **options) -> None:
        try:
            declined.append(not gaitlib.estimate_gait(values, **options).ok)
        except InputError:
            declined.append(True)

    for _ in range(n):
        for kind in BODY_TRIALS:
            height = float(rng.uniform(1.2, 1.9))
            points = build_body(kind, rng, height_m=height)
            for view in ("side", "front", "oblique"):
                ask(film(points, rng, view)[..., :2], fps=60, layout="walk19")
            signals = measure_motion(points, None, 60.0, height, ("lower_back", "shank_r"), 100.0)
            for column, site in enumerate(("lower_back", "shank_r")):
                ask(signals[:, column] + rng.normal(0, 0.03, signals[:, column].shape), fps=100, site=site)
        for kind in PICTURE_TRIALS:
            view = str(rng.choice(["side", "front", "oblique"]))
            ask(spoil_picture(kind, film(walk.points, rng, view), rng)[..., :2], fps=60, layout="walk19")
        for kind in SIGNAL_TRIALS:
            ask(spoil_signal(kind, walk.back, rng), fps=100, site="lower_back")
    return float(np.mean(declined))
