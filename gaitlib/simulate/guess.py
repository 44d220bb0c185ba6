"""First guesses of a walking cycle: textbook joint angles (rounded, nothing fitted), or a solved gait."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gaitlib.body.specification import COMPLIANT_GROUPS, get_planar_group
from gaitlib.gait import COORDINATES, GRAVITY_MPS2, MUSCLES, N_PHASE
from gaitlib.person import SPASTIC_GROUPS

_PHASE_PERCENT = np.array([0, 12, 30, 50, 62, 74, 88, 100.0])
_COMMON_DEG = {
    "ankle_angle": [0, -4, 6, 10, -14, -4, 2, 0.0],
    "mtp_angle": [5, 0, 0, 15, 25, 5, 5, 5.0],
}
GUESSES_DEG = (
    _COMMON_DEG
    | {"hip_flexion": [30, 24, 2, -18, -12, 10, 28, 30.0], "knee_angle": [8, 20, 6, 5, 32, 62, 25, 8.0]},
    _COMMON_DEG
    | {"hip_flexion": [36, 28, 0, -20, -20, 5, 28, 36.0], "knee_angle": [14, 24, 4, -1, 20, 60, 45, 14.0]},
    _COMMON_DEG
    | {"hip_flexion": [28, 24, 5, -10, -2, 18, 30, 28.0], "knee_angle": [6, 18, 8, 10, 35, 60, 20, 6.0]},
)
"""Joint angles of different starts: the problem has local optima, the cheapest solution is kept."""


@dataclass
class Trajectory:
    """A stride at 100 equally spaced points, from the solver's own phase 0 (right leg most forward).

    `position` (100, 12) without the travel of the pelvis (rad, m), `activation` (100, 18), `torque` (100,)
    of the trunk over body scale (N m), `tendon_force` (100, 4) over maximal force, `reflex` (100, 8). From a
    solution: `leg_length_m` of its person and `multipliers` (50 or 100, n) of the constraints at its points.
    """

    stride_time_s: float
    speed_mps: float
    position: np.ndarray
    activation: np.ndarray
    torque: np.ndarray
    tendon_force: np.ndarray
    reflex: np.ndarray
    leg_length_m: float | None = None
    multipliers: np.ndarray | None = None


def make_guess(speed_mps: float, leg_length_m: float, variant: int = 0) -> Trajectory:
    """Make a first guess of a stride."""
    from scipy.interpolate import CubicSpline

    natural_s = np.sqrt(leg_length_m / GRAVITY_MPS2)
    froude = np.clip(speed_mps * natural_s / leg_length_m, 0.08, 0.8)
    half_time = float(1.02 * natural_s * (0.42 / froude) ** 0.45 * 1.75)
    amplitude = speed_mps * half_time / (0.75 * leg_length_m)
    phase = np.arange(N_PHASE - 1) / (N_PHASE - 1)
    position = np.zeros((N_PHASE - 1, len(COORDINATES)))
    for i, name in enumerate(COORDINATES):
        kind, side = name[:-2], name[-1]
        if kind in GUESSES_DEG[variant]:
            values = np.radians(GUESSES_DEG[variant][kind]) * np.clip(amplitude, 0.4, 1.4)
            spline = CubicSpline(_PHASE_PERCENT / 100, values, bc_type="periodic")
            position[:, i] = spline((phase + (0.5 if side == "l" else 0.0)) % 1.0)
    position[:, COORDINATES.index("pelvis_ty")] = 0.965 * leg_length_m
    return _complete(2 * half_time, speed_mps, position, np.full((N_PHASE - 1, len(MUSCLES)), 0.05))


def make_guess_from_gait(gait, leg_length_m: float | None = None, multipliers=None) -> Trajectory:
    """Turn a Gait of the library into a guess."""
    coordinates, muscles = (gait[dim].values.tolist() for dim in ("coordinate", "muscle"))
    travel = coordinates.index("pelvis_tx")
    offset = int(gait["phase_offset"])
    stride_time, speed = float(gait["stride_time_s"]), float(gait["speed_mps"])

    def roll(values: np.ndarray) -> np.ndarray:
        return np.roll(values[:-1].astype(float), offset, axis=0)

    position = gait["position"].values.astype(float).copy()
    position[:, travel] -= np.linspace(0, speed * stride_time, N_PHASE)
    position = roll(position)
    position[:, travel] -= position[0, travel]
    lumbar = [name for name in coordinates if name.startswith("lumbar")]
    torque = np.squeeze(roll(gait["joint_moment"].sel(coordinate=lumbar).values))
    guess = _complete(stride_time, speed, position, roll(gait["activation"].values), muscles)
    return replace(guess, torque=torque, leg_length_m=leg_length_m, multipliers=multipliers)


def _complete(stride_time_s, speed_mps, position, activation, muscles=MUSCLES) -> Trajectory:
    tendon = [i for i, name in enumerate(muscles) if name[:-2] in COMPLIANT_GROUPS]
    spastic = [i for i, name in enumerate(muscles) if get_planar_group(name[:-2]) in SPASTIC_GROUPS]
    return Trajectory(
        stride_time_s=stride_time_s,
        speed_mps=speed_mps,
        position=position,
        activation=activation,
        torque=np.zeros(len(position)),
        tendon_force=activation[:, tendon] + 0.02,
        reflex=np.zeros((len(position), len(spastic))),
    )


def fit_spline(values: np.ndarray) -> np.ndarray:
    """Fit a periodic cubic spline with equally spaced knots; shape (n, m)."""
    n = len(values)
    spectrum = np.fft.rfft(values, axis=0)
    weight = (4 + 2 * np.cos(2 * np.pi * np.arange(len(spectrum)) / n)) / 6
    return np.fft.irfft(spectrum / weight[:, None], n, axis=0)


_RANGES_DEG = {
    "pelvis_tilt": (-40, 25),
    "lumbar_extension": (-60, 40),
    "hip_flexion": (-40, 85),
    "knee_angle": (-35, 120),
    "ankle_angle": (-60, 45),
    "mtp_angle": (-45, 75),
}


def get_coordinate_ranges(leg_length_m: float) -> dict[str, tuple[float, float]]:
    """Get the range of every coordinate."""
    ranges = {}
    for name in COORDINATES:
        kind = name.removesuffix("_r").removesuffix("_l")
        if kind in _RANGES_DEG:
            lower, upper = _RANGES_DEG[kind]
            ranges[name] = (float(np.radians(lower)), float(np.radians(upper)))
        elif kind == "pelvis_tx":
            ranges[name] = (-0.3, 0.3)
        else:
            ranges[name] = (0.6 * leg_length_m, 1.15 * leg_length_m)
    return ranges
