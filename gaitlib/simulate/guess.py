"""A rough first guess of a walking cycle: rounded textbook joint angles, nothing fitted."""

from __future__ import annotations

import numpy as np

from gaitlib.gait import COORDINATES, MUSCLES

_PHASE_PERCENT = np.array([0, 12, 30, 50, 62, 74, 88, 100.0])
_CURVES_DEG = {
    "hip_flexion": [28, 24, 5, -10, -2, 18, 30, 28.0],
    "knee_angle": [6, 18, 8, 10, 35, 60, 20, 6.0],
    "ankle_angle": [0, -4, 6, 10, -14, -4, 2, 0.0],
    "mtp_angle": [5, 0, 0, 15, 25, 5, 5, 5.0],
}


def make_guess(speed_mps: float, leg_length_m: float, n_points: int) -> tuple[float, np.ndarray]:
    """Make a first guess of half a stride.

    Parameters
    ----------
    speed_mps : float
        Walking speed (m/s).
    leg_length_m : float
        Hip to sole (m); sets pelvis height and the duration by dynamic similarity.
    n_points : int
        Number of equally spaced points over the half stride, both ends included.

    Returns
    -------
    half_time_s : float
        Duration of half a stride (s).
    points : array, shape (n_points, 73)
        Coordinates, speeds, activations, accelerations, activation rates and trunk torque.
    """
    from scipy.interpolate import CubicSpline

    natural_s = np.sqrt(leg_length_m / 9.80665)
    froude = np.clip(speed_mps * natural_s / leg_length_m, 0.08, 0.8)
    half_time = float(1.02 * natural_s * (0.42 / froude) ** 0.45 * 1.75)
    amplitude = speed_mps * half_time / (0.75 * leg_length_m)
    phase = np.linspace(0.0, 0.5, n_points)
    q = np.zeros((n_points, len(COORDINATES)))
    dq, ddq = np.zeros_like(q), np.zeros_like(q)
    for i, name in enumerate(COORDINATES):
        kind, side = name[:-2], name[-1]
        if kind in _CURVES_DEG:
            values = np.radians(_CURVES_DEG[kind]) * np.clip(amplitude, 0.4, 1.4)
            spline = CubicSpline(_PHASE_PERCENT / 100, values, bc_type="periodic")
            shifted = (phase + (0.5 if side == "l" else 0.0)) % 1.0
            q[:, i] = spline(shifted)
            dq[:, i] = spline(shifted, 1) / (2 * half_time)
            ddq[:, i] = spline(shifted, 2) / (2 * half_time) ** 2
    forward, up = COORDINATES.index("pelvis_tx"), COORDINATES.index("pelvis_ty")
    q[:, forward] = speed_mps * 2 * half_time * phase
    dq[:, forward] = speed_mps
    q[:, up] = 0.965 * leg_length_m
    n_m = len(MUSCLES)
    points = np.hstack([q, dq, np.full((n_points, n_m), 0.05), ddq, np.zeros((n_points, n_m + 1))])
    return half_time, points
