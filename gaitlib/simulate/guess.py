"""A rough first guess of a walking cycle: rounded textbook joint angles, nothing fitted."""

from __future__ import annotations

import numpy as np

from gaitlib.gait import COORDINATES, MUSCLES

N_POINTS = 51
"""Mesh points of half a stride: 0, 1, ... 50 % of the stride."""

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


def make_guess(
    speed_mps: float, leg_length_m: float, n_points: int, variant: int = 0
) -> tuple[float, np.ndarray]:
    """Make a first guess of half a stride.

    Parameters
    ----------
    speed_mps : float
        Walking speed (m/s).
    leg_length_m : float
        Hip to sole (m); sets pelvis height and the duration by dynamic similarity.
    n_points : int
        Number of equally spaced points over the half stride, both ends included.
    variant : int
        Index into `GUESSES_DEG`.

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
        if kind in GUESSES_DEG[variant]:
            values = np.radians(GUESSES_DEG[variant][kind]) * np.clip(amplitude, 0.4, 1.4)
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


def make_guess_from_gait(gait, n_points: int) -> tuple[float, np.ndarray]:
    """Turn a Gait of the library into a guess.

    Parameters
    ----------
    gait : xarray.Dataset
        A Gait with `phase_offset`: the number of points by which phase 0 was moved to initial contact.
    n_points : int
        Number of mesh points of half a stride (51).

    Returns
    -------
    half_time_s : float
        Duration of half a stride (s).
    points : array, shape (n_points, 73)
        As `make_guess`; rates are derivatives of periodic splines.
    """
    from scipy.interpolate import CubicSpline

    stride_time = float(gait["stride_time_s"])
    offset = int(gait["phase_offset"])
    time = np.linspace(0.0, stride_time, gait.sizes["phase"])
    forward = COORDINATES.index("pelvis_tx")
    drift = np.zeros(len(COORDINATES))
    drift[forward] = float(gait["speed_mps"])

    def spline(values: np.ndarray) -> CubicSpline:
        closed = np.vstack([np.roll(values[:-1], offset, axis=0), np.roll(values[:-1], offset, axis=0)[:1]])
        return CubicSpline(time, closed, bc_type="periodic")

    position = spline(gait["position"].values.astype(float) - time[:, None] * drift)
    activation = spline(gait["activation"].values.astype(float))
    t = time[:n_points]
    q = position(t) + t[:, None] * drift
    q[:, forward] -= q[0, forward]
    torque = np.roll(gait["joint_moment"].sel(coordinate="lumbar_extension").values[:-1], offset)[:n_points]
    points = np.hstack(
        [q, position(t, 1) + drift, activation(t), position(t, 2), activation(t, 1), torque[:, None]]
    )
    return 0.5 * stride_time, points
