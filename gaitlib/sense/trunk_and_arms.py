"""What no simulated gait holds or gets wrong: arms, head, turn of the thorax, rise and sway of the trunk.

What a planar gait lacks out of the plane is drawn by `gaitlib.generate.out_of_plane`, which learned from
the body in space: widths of step, knees and feet, turn and list of the pelvis, lean of the trunk. Arms and
head are no part of any body; the thorax of the body in space carries its arms at its sides, so its turn is
not people's either. Those stay rules. Arms swing in counter-phase to the legs, some 20-40 deg at the
shoulder: Collins et al. 2009 (doi 10.1098/rspb.2009.0664), Meyns et al. 2013 (doi
10.1016/j.gaitpost.2013.02.006). Head pitch, elbow flexion and turn of the thorax: assumed ranges, wide on
purpose.

People differ more than simulations, whose least effort is one and the same: the step is 0.140 of leg length
wide, SD 0.031, in people (Schulz 2012, in `data/published.csv`), in simulated adults SD 0.018. The body in
space sways 2 to 3 cm at any speed, people 3.9 to 7.0 (below). It points its toes out by some 5 deg, people
of any age by 7 to 11. So planar gaits, whose motion out of the plane is drawn, get these from wider ranges.

A body of least effort rises less than people do, least when it walks fast, and sways less, in space too.
People rise more the faster they walk and sway less: Orendurff et al. 2004 (doi
10.1682/JRRD.2003.10.0150), whose adults of about 0.93 m leg length rose 2.74 cm and swayed 6.99 cm at 0.7
m/s, 4.83 and 3.85 cm at 1.6 m/s. Their lines are taken over dynamically similar speed (speed over the square
root of gravity times leg length), so that they hold for children too; that is assumed. Who takes longer or
shorter steps than is usual at that speed rises by the square of it more or less, as a pendulum does: over
step length and step time the simulated adults' own rise goes with powers that make 2.1 to 2.5 at equal speed.
The planar pelvis tilts by
3.9 degrees within a stride, that of people by 3.3 (median of 42 adults). And its hips speed up and slow down
with every step by 2.0 m/s^2 (root mean square at 1.15 to 1.35 m/s), those of an adult set aside for
calibration (`adult_walk_3d_moco`) by 1.6 m/s^2.
Inertial sensors on the trunk feel all of it; a camera sees some pixels.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from gaitlib.body.dimensions import Dimensions
from gaitlib.body.kinematics import PITCH_SEGMENTS
from gaitlib.body.spatial_points import OUT_OF_PLANE
from gaitlib.gait import GRAVITY_MPS2, SIDES
from gaitlib.walk import KEYPOINTS_3D

_INDEX = {name: n for n, name in enumerate(KEYPOINTS_3D)}


BODY_POINTS = {
    **{f"hip_{side}": "mid_hip" for side in SIDES},
    **{f"{name}_{side}": f"{name}_{side}" for name in ("knee", "ankle", "heel", "toe") for side in SIDES},
    **{f"shoulder_{side}": "shoulder" for side in SIDES},
    "neck": "neck",
}
"""Points that a gait of the body in space tells -> the sagittal point that each belongs to."""
_WIDTH_SD, _LEAST_WIDTH = 0.025, 0.01
"""Step width: SD beyond what simulations tell (share of leg length), and the least (share of height)."""
_OUTWARD_DEG, _SWAY, _THORAX_DEG = (3.0, 4.5), (0.8, 2.6), 8.0
"""Mean and SD of further toe-out; least and most sway over that in space; most turn of the thorax."""


def place_beside(
    points: dict[str, np.ndarray], body: Dimensions, aside: np.ndarray, turns: np.ndarray, rng
) -> np.ndarray:
    """Place sagittal points where out-of-plane curves (n_time, 13) have them: all but arms and head.

    Hips move with the turn and the list of the pelvis, knees by half, feet not at all, so that the foot on
    the floor does not slide.
    """
    space = np.zeros((len(aside), len(KEYPOINTS_3D), 3))
    own = dict(zip(OUT_OF_PLANE, aside.T, strict=True))
    height, none = body.height_m, np.zeros(len(aside))
    sway = own["sway"] * height * rng.uniform(*_SWAY)
    half = 0.5 * height * (own["ankle_r"] + own["ankle_l"]).mean()
    wider = 0.5 * _WIDTH_SD * body.leg_length_m * rng.standard_normal()
    wider = max(wider, 0.5 * _LEAST_WIDTH * height - half)
    outward = np.sin(np.deg2rad(rng.normal(*_OUTWARD_DEG)))
    turn = -np.sin(np.deg2rad(rng.uniform(0.0, _THORAX_DEG))) * np.cos(2 * np.pi * turns)
    for side, sign in (("r", 1.0), ("l", -1.0)):
        across = 0.5 * body.hip_width_m * sign
        shift = across * np.stack([own["pelvis_turn"], own["pelvis_list"], none], axis=1)
        hip = sway + across * np.sqrt(1.0 - own["pelvis_turn"] ** 2 - own["pelvis_list"] ** 2)
        ankle = sign * (height * own[f"ankle_{side}"] + wider)
        knee = 0.5 * (hip + ankle) + sign * height * own[f"knee_{side}"]
        _place(space, f"hip_{side}", points["mid_hip"], hip, shift)
        _place(space, f"knee_{side}", points[f"knee_{side}"], knee, 0.5 * shift)
        _place(space, f"ankle_{side}", points[f"ankle_{side}"], ankle)
        for name in ("heel", "toe"):
            reach = points[f"{name}_{side}"][:, 0] - points[f"ankle_{side}"][:, 0]
            beside = ankle + sign * (height * own[f"{name}_{side}"] + outward * reach)
            _place(space, f"{name}_{side}", points[f"{name}_{side}"], beside)
        across = 0.5 * body.shoulder_width_m * sign
        shift = across * np.stack([turn, own["thorax_list"], none], axis=1)
        lean = sway + own["trunk_lean"] * (points["shoulder"] - points["mid_hip"])[:, 1]
        beside = lean + across * np.sqrt(1.0 - turn**2 - own["thorax_list"] ** 2)
        _place(space, f"shoulder_{side}", points["shoulder"], beside, shift)
    lean = sway + own["trunk_lean"] * (points["neck"] - points["mid_hip"])[:, 1]
    _place(space, "neck", points["neck"], lean)
    return space


def add_arms_and_head(space, points: dict[str, np.ndarray], body: Dimensions, turns: np.ndarray, rng) -> None:
    """Hang arms on the shoulders, swinging against the legs, and put a head on the neck; in place."""
    trunk = points["shoulder"] - points["lumbar"]
    pitch = rng.uniform(0.0, 0.7) * np.arctan2(-trunk[:, 0], trunk[:, 1]) + np.deg2rad(rng.normal(0.0, 8.0))
    neck = space[:, _INDEX["neck"]]
    for name, ahead, up in (("head_top", 0.0, 1.0), ("nose", 0.062 / 0.13, 0.42)):
        offset = _turn(pitch, ahead * body.head_m, up * body.head_m)
        _place(space, name, neck[:, :2] + offset, neck[:, 2])
    _add_arms(space, body, turns, rng)


def _add_arms(space, body: Dimensions, turns, rng) -> None:
    swing = np.deg2rad(np.clip(rng.normal(16.0, 8.0), 0.0, 40.0))
    middle = np.deg2rad(rng.normal(-2.0, 6.0))
    elbow = np.deg2rad(np.clip(rng.normal(25.0, 12.0), 3.0, 95.0))
    elbow_swing = rng.uniform(0.0, 0.8) * swing
    spread = np.deg2rad(np.clip(rng.normal(8.0, 4.0), 0.0, 25.0))
    lag = rng.normal(0.0, 0.03)
    for side, sign in (("r", 1.0), ("l", -1.0)):
        turn = 2 * np.pi * (turns + lag + (0.5 if side == "r" else 0.0))
        own = swing * np.clip(rng.normal(1.0, 0.25), 0.0, 2.0)
        upper = middle + own * np.cos(turn)
        lower = upper + elbow + elbow_swing * np.cos(turn)
        shoulder = space[:, _INDEX[f"shoulder_{side}"]]
        reach = np.cos(spread) * body.upper_arm_m
        elbow_at = shoulder + np.column_stack([*(_turn(upper, 0.0, -reach).T), np.full_like(upper, 0.0)])
        elbow_at[:, 2] += sign * np.sin(spread) * body.upper_arm_m
        wrist_at = elbow_at + np.column_stack([*(_turn(lower, 0.0, -body.forearm_m).T), np.zeros_like(lower)])
        space[:, _INDEX[f"elbow_{side}"]] = elbow_at
        space[:, _INDEX[f"wrist_{side}"]] = wrist_at


def _turn(angle: np.ndarray, ahead_m: float, up_m: float) -> np.ndarray:
    """Rotate an offset in the sagittal plane, counter-clockwise seen from the right."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos * ahead_m - sin * up_m, sin * ahead_m + cos * up_m], axis=-1)


def _place(space, name: str, planar: np.ndarray, lateral, shift: np.ndarray | float = 0.0) -> None:
    target = space[:, _INDEX[name]]
    target[:, :2] = planar
    target[:, 2] = lateral
    target += shift


PUBLISHED_LEG_M = 0.93
PUBLISHED_SPEEDS_MPS = np.array([0.7, 1.6])
"""Leg length of the people and slowest and fastest speed of the publication."""
_LINES = {
    kind: np.polyfit(
        PUBLISHED_SPEEDS_MPS / np.sqrt(GRAVITY_MPS2 * PUBLISHED_LEG_M),
        np.array(published_m) / PUBLISHED_LEG_M,
        1,
    )
    for kind, published_m in {"rise": (0.0274, 0.0483), "sway": (0.0699, 0.0385)}.items()
}
"""Excursion over leg length as a line (slope, start) over dynamically similar speed."""
PEOPLES_PELVIS_DEG = 3.3
"""Range of the sagittal tilt of the pelvis within a stride, median of 42 adults (`data/targets`)."""
PELVIS_SHARE = 0.85
"""Share of the simulated tilt that people have; impaired walkers keep more of it than healthy ones."""
SURGE_SHARE = 0.78
"""Share of the simulated speeding up and slowing down of the hips that people have."""
USUAL_STEP = 60 * 0.0063 * np.sqrt(GRAVITY_MPS2 / PUBLISHED_LEG_M**3)
"""Square of the usual step (in leg lengths) over dynamically similar speed: step length over cadence is
0.0063 m min in healthy adults at any speed (Sekiya & Nagasaki 1998, doi 10.1016/S0966-6362(98)00016-4)."""
_LEAST_SHARE = {"rise": 0.01, "sway": 0.02}
_MOST = 3.0
_HIPS = [KEYPOINTS_3D.index(f"hip_{side}") for side in "rl"]
_SHARE = np.array(
    [
        0.0 if any(part in name for part in ("ankle", "heel", "toe")) else 0.5 if "knee" in name else 1.0
        for name in KEYPOINTS_3D
    ]
)
"""The trunk and all above it moves as a whole, knees by half, feet not at all."""


def expect_excursion(
    kind: str, speed_mps: float, leg_length_m: float, step_length_m: float | None = None
) -> float:
    """Peak-to-peak excursion of the centre of mass in healthy people; rise by the step, else usual."""
    slope, start = _LINES[kind]
    similar_speed = speed_mps / np.sqrt(GRAVITY_MPS2 * leg_length_m)
    share = start + slope * similar_speed
    if step_length_m is not None:
        share *= (step_length_m / leg_length_m) ** 2 / (USUAL_STEP * similar_speed)
    return leg_length_m * max(share, _LEAST_SHARE[kind])


def move_trunk(
    points: np.ndarray, turns: np.ndarray, speed_mps: float, leg_length_m: float, rng, spread: float
) -> np.ndarray:
    """Let the trunk rise, sway and surge as far as people's do; shape (n_time, 19, 3)."""
    moved = points.copy()
    middle = points[:, _HIPS].mean(axis=1)
    step = _fit_wave(middle[:, 1], 2 * turns)
    step_m = 0.5 * (middle[-1, 0] - middle[0, 0]) / (turns[-1] - turns[0])
    wanted = expect_excursion("rise", speed_mps, leg_length_m, step_m)
    wanted *= np.exp(spread * rng.standard_normal())
    factor = min(wanted / max(2 * np.abs(step), 1e-4), _MOST)
    rise = ((factor - 1) * step * np.exp(-4j * np.pi * turns)).real
    wanted = expect_excursion("sway", speed_mps, leg_length_m) * np.exp(spread * rng.standard_normal())
    beside = middle[:, 2] - middle[:, 2].mean()
    sway = (min(wanted / max(np.ptp(beside), 1e-4), _MOST) - 1) * beside
    surge = _find_surge(middle[:, 0], turns)
    surge *= SURGE_SHARE * np.exp(spread * rng.standard_normal()) - 1
    moved[..., 0] += surge[:, None] * _SHARE
    moved[..., 1] += rise[:, None] * _SHARE
    moved[..., 2] += sway[:, None] * _SHARE
    return moved


def steady_pelvis(pitch_rad: np.ndarray, rng, spread: float) -> np.ndarray:
    """Let the pelvis tilt no further than people's; shape (n_time, 4)."""
    steadied = pitch_rad.copy()
    pelvis = steadied[:, PITCH_SEGMENTS.index("pelvis")]
    pelvis -= (1 - PELVIS_SHARE * np.exp(spread * rng.standard_normal())) * (pelvis - pelvis.mean())
    return steadied


def _find_surge(forward: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """How far the hips are ahead of where a steady walk would have them (m)."""
    place = np.arange(len(forward))
    ahead = forward - np.polyval(np.polyfit(place, forward, 1), place)
    stride = (len(turns) - 1) / (turns[-1] - turns[0])
    return ahead - gaussian_filter1d(ahead, 0.5 * stride, mode="nearest")


def _fit_wave(values: np.ndarray, turns: np.ndarray) -> complex:
    """Complex amplitude a of Re(a exp(-2 pi i turns)) in the values, a line besides."""
    columns = np.column_stack(
        [np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns), np.ones_like(turns), np.arange(len(turns))]
    )
    found = np.linalg.lstsq(columns, values, rcond=None)[0]
    return complex(found[0], found[1])
