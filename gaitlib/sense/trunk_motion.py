"""How far the trunk of real people rises, sways and nods: what a planar simulation gets wrong.

A planar body of least effort rises most at a comfortable speed and hardly at all when it walks fast, and it
does not sway. People rise more the faster they walk and sway less: Orendurff et al. 2004 (doi
10.1682/JRRD.2003.10.0150), whose adults of about 0.93 m leg length rose 2.74 cm and swayed 6.99 cm at
0.7 m/s, 4.83 and 3.85 cm at 1.6 m/s. Their lines are taken over dynamically similar speed (speed over the
square root of gravity times leg length), so that they hold for children too; that is assumed.

Its pelvis also nods at every step, three times as far as people's: by 12 degrees in healthy adults, where
the two adults set aside for calibration (`adult_3d`, `adult_walk_3d_moco`) nod by 4. A sensor a hand's
breadth above and behind the hips is carried by that. And its hips speed up and slow down with every step by
2.0 m/s^2 (root mean square at 1.15 to 1.35 m/s), those of the second of these adults by 1.6 m/s^2.

Only what an inertial sensor on the trunk feels depends on it much: a camera sees some pixels of it.
"""

from __future__ import annotations

import numpy as np

from gaitlib.body.specification import GRAVITY_MPS2
from gaitlib.sense.segments import PITCH_SEGMENTS
from gaitlib.walk import KEYPOINTS_3D

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
PEOPLES_PELVIS_DEG = 4.0
"""Range of the sagittal tilt of the pelvis within a stride, of the adults set aside for calibration."""
PELVIS_SHARE = 1 / 3
"""Share of the simulated tilt that people have; impaired walkers keep more of it than healthy ones."""
SURGE_SHARE = 0.78
"""Share of the simulated speeding up and slowing down of the hips that people have."""
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


def expect_excursion(kind: str, speed_mps: float, leg_length_m: float) -> float:
    """Peak-to-peak excursion of the centre of mass in healthy people."""
    slope, start = _LINES[kind]
    share = start + slope * speed_mps / np.sqrt(GRAVITY_MPS2 * leg_length_m)
    return leg_length_m * max(share, _LEAST_SHARE[kind])


def move_trunk(
    points: np.ndarray, turns: np.ndarray, speed_mps: float, leg_length_m: float, rng, spread: float
) -> np.ndarray:
    """Let the trunk rise, sway and surge as far as people's do; shape (n_time, 19, 3)."""
    moved = points.copy()
    middle = points[:, _HIPS].mean(axis=1)
    step = _fit_wave(middle[:, 1], 2 * turns)
    wanted = expect_excursion("rise", speed_mps, leg_length_m) * np.exp(spread * rng.standard_normal())
    factor = min(wanted / max(2 * np.abs(step), 1e-4), _MOST)
    rise = ((factor - 1) * step * np.exp(-4j * np.pi * turns)).real
    wanted = expect_excursion("sway", speed_mps, leg_length_m) * np.exp(spread * rng.standard_normal())
    stride = _fit_wave(middle[:, 2], turns)
    sway = ((0.5j * wanted - stride) * np.exp(-2j * np.pi * turns)).real
    surge = _find_surge(middle[:, 0], turns)
    surge *= SURGE_SHARE * np.exp(spread * rng.standard_normal()) - 1
    moved[..., 0] += surge[:, None] * _SHARE
    moved[..., 1] += rise[:, None] * _SHARE
    moved[..., 2] += sway[:, None] * _SHARE
    return moved


def steady_pelvis(pitch_rad: np.ndarray, rng, spread: float) -> np.ndarray:
    """Let the pelvis nod no further than people's; shape (n_time, 4)."""
    steadied = pitch_rad.copy()
    pelvis = steadied[:, PITCH_SEGMENTS.index("pelvis")]
    pelvis -= (1 - PELVIS_SHARE * np.exp(spread * rng.standard_normal())) * (pelvis - pelvis.mean())
    return steadied


def _find_surge(forward: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """How far the hips are ahead of where a steady walk would have them (m)."""
    from scipy.ndimage import gaussian_filter1d

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
