"""What the walking problem is but for the equations of motion: mesh, scales, cost, collocation, limits."""

from __future__ import annotations

from dataclasses import dataclass, fields

import casadi as ca
import numpy as np

from gaitlib.body.specification import ACTIVATION_TIME_S, DEACTIVATION_TIME_S
from gaitlib.gait import COORDINATES, MUSCLES
from gaitlib.simulate.dynamics import N_Q
from gaitlib.simulate.guess import N_POINTS
from gaitlib.simulate.request import CostWeights

N_INTERVALS = N_POINTS // 2
N_M = len(MUSCLES)
N_X = 2 * N_Q + N_M
N_Z = N_X + N_Q + N_M + 1
"""Values per mesh point: coordinates, speeds, activations, accelerations, activation rates, trunk torque."""

N_TASK = 6
"""Speed, torque scale, and four lengths of the leg, before the cost weights."""

SPEED_SCALE, ACCELERATION_SCALE, ACTIVATION_RATE_SCALE = 5.0, 50.0, 10.0
TORQUE_SCALE_NM, RESIDUAL_SCALE = 20.0, 20.0


@dataclass
class LinearPart:
    """Decision vector `w`, task parameters, cost and constraints (CasADi SX), limits of the constraints."""

    w: ca.SX
    task: ca.SX
    cost: ca.SX
    constraints: ca.SX
    lower: np.ndarray
    upper: np.ndarray


def get_scale() -> np.ndarray:
    """Get the scale of the values of a mesh point.

    Returns
    -------
    array, shape (N_Z,)
        Value in SI units over value in the decision vector.
    """
    return np.concatenate(
        [
            np.ones(N_Q),
            np.full(N_Q, SPEED_SCALE),
            np.ones(N_M),
            np.full(N_Q, ACCELERATION_SCALE),
            np.full(N_M, ACTIVATION_RATE_SCALE),
            [TORQUE_SCALE_NM],
        ]
    )


def build_linear_part() -> LinearPart:
    """Build cost, collocation, activation limits and symmetry: everything but the equations of motion.

    Returns
    -------
    LinearPart
        Symbols, cost and constraints with their limits.
    """
    scale = get_scale()
    w = ca.SX.sym("w", 1 + N_POINTS * N_Z)
    task = ca.SX.sym("task", N_TASK + len(fields(CostWeights)))
    half_time = w[0]
    z = [scale * w[1 + k * N_Z : 1 + (k + 1) * N_Z] for k in range(N_POINTS)]
    x = [p[:N_X] for p in z]
    dx = [ca.vertcat(p[N_Q : 2 * N_Q], p[N_X : N_X + N_Q], p[N_X + N_Q : -1]) for p in z]
    inverse = 1 / scale[:N_X]
    step = half_time / N_INTERVALS
    g, lower, upper = [], [], []

    def add(expression, low, high):
        g.append(expression)
        lower.append(np.full(expression.numel(), low))
        upper.append(np.full(expression.numel(), high))

    for k in range(0, N_POINTS - 2, 2):
        slope = (dx[k] + 4 * dx[k + 1] + dx[k + 2]) / 6
        add((x[k + 2] - x[k] - step * slope) * inverse, 0, 0)
        add((x[k + 1] - (x[k] + x[k + 2]) / 2 - step / 8 * (dx[k] - dx[k + 2])) * inverse, 0, 0)
    for p in z[:-1]:
        act, rate = p[2 * N_Q : N_X], p[N_X + N_Q : -1]
        add(rate * DEACTIVATION_TIME_S + act, 0, np.inf)
        add(rate * ACTIVATION_TIME_S + act, -np.inf, 1)
    mirror = get_mirror_order()
    difference = (z[-1] - z[0][mirror]) / scale
    travel = COORDINATES.index("pelvis_tx")
    difference[travel] -= task[0] * half_time
    add(difference, 0, 0)
    add(z[0][travel], 0, 0)
    add(_compute_phase_pin(z[0]), 0, 0)
    return LinearPart(
        w, task, _compute_cost(z, task), ca.vertcat(*g), np.concatenate(lower), np.concatenate(upper)
    )


def _compute_phase_pin(z):
    """Hip swing rate difference: zero where the right leg is most forward; fixes the phase."""
    index = COORDINATES.index
    return (
        z[N_Q + index("hip_flexion_r")]
        - z[N_Q + index("hip_flexion_l")]
        - 0.5 * (z[N_Q + index("knee_angle_r")] - z[N_Q + index("knee_angle_l")])
    ) / SPEED_SCALE


def _compute_cost(z, task):
    speed_torque, weights = task[1], task[N_TASK:]
    index = COORDINATES.index
    simpson = np.ones(N_POINTS)
    simpson[1:-1:2], simpson[2:-1:2] = 4, 2
    simpson /= 3 * (N_POINTS - 1)
    joints = [i for i, name in enumerate(COORDINATES) if not name.startswith("pelvis_t")]
    total = 0
    for weight, p in zip(simpson, z, strict=True):
        acceleration = p[N_X : N_X + N_Q] / ACCELERATION_SCALE
        terms = ca.vertcat(
            ca.sumsqr(p[2 * N_Q : N_X]),
            ca.sumsqr(acceleration[joints]),
            ca.sumsqr(p[N_X + N_Q : -1] / ACTIVATION_RATE_SCALE),
            (p[-1] / (TORQUE_SCALE_NM * speed_torque)) ** 2,
            (p[index("pelvis_tilt")] + p[index("lumbar_extension")]) ** 2,
            acceleration[index("pelvis_ty")] ** 2,
            sum(_compute_drag(p, task, side) for side in "rl"),
        )
        total += weight * ca.dot(weights, terms)
    return total


def _compute_drag(p, task, side):
    """Squared forward speed of the toe tip near the floor, over squared walking speed."""
    index = COORDINATES.index
    q, v = p[:N_Q], p[N_Q : 2 * N_Q]
    speed, thigh, shank, forward, down = task[0], task[2], task[3], task[4], task[5]
    pelvis, hip = index("pelvis_tilt"), index(f"hip_flexion_{side}")
    knee, ankle = index(f"knee_angle_{side}"), index(f"ankle_angle_{side}")
    angle_1, angle_2 = q[pelvis] + q[hip], q[pelvis] + q[hip] - q[knee]
    angle_3 = angle_2 + q[ankle]
    rate_1, rate_2 = v[pelvis] + v[hip], v[pelvis] + v[hip] - v[knee]
    rate_3 = rate_2 + v[ankle]
    foot_y = ca.sin(angle_3) * forward - ca.cos(angle_3) * down
    shin_y = -shank * ca.cos(angle_2)
    thigh_y = -thigh * ca.cos(angle_1)
    height = q[index("pelvis_ty")] + thigh_y + shin_y + foot_y
    toe_speed = v[index("pelvis_tx")] - rate_1 * thigh_y - rate_2 * shin_y - rate_3 * foot_y
    return (toe_speed / speed) ** 2 * ca.exp(-height / (0.01 * (thigh + shank + down)))


def get_bounds(leg_length_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Get the bounds of the decision vector.

    Parameters
    ----------
    leg_length_m : float
        Hip to sole (m); the height of the pelvis scales with it.

    Returns
    -------
    tuple of two arrays
        Lower and upper bounds, scaled.
    """
    degrees = {
        "pelvis_tilt": (-30, 20),
        "lumbar_extension": (-25, 30),
        "hip_flexion": (-35, 75),
        "knee_angle": (-2, 110),
        "ankle_angle": (-45, 35),
        "mtp_angle": (-40, 70),
    }
    lower, upper = np.empty(N_Z), np.empty(N_Z)
    for i, name in enumerate(COORDINATES):
        kind = name.removesuffix("_r").removesuffix("_l")
        if kind in degrees:
            lower[i], upper[i] = np.radians(degrees[kind])
        else:
            lower[i], upper[i] = {"pelvis_tx": (-1.0, 3.0), "pelvis_ty": (0.6, 1.15)}[kind]
            if kind == "pelvis_ty":
                lower[i], upper[i] = lower[i] * leg_length_m, upper[i] * leg_length_m
    lower[N_Q : 2 * N_Q], upper[N_Q : 2 * N_Q] = -20.0, 20.0
    lower[2 * N_Q : N_X], upper[2 * N_Q : N_X] = 0.01, 1.0
    lower[N_X : N_X + N_Q], upper[N_X : N_X + N_Q] = -1000.0, 1000.0
    lower[N_X + N_Q : -1], upper[N_X + N_Q : -1] = -20.0, 70.0
    lower[-1], upper[-1] = -200.0, 200.0
    half = np.array([[0.22], [1.2]])
    return tuple(
        np.concatenate([half[side], np.tile(bound / get_scale(), N_POINTS)])
        for side, bound in enumerate((lower, upper))
    )


def get_mirror_order() -> list[int]:
    """Get the order of a mesh point's values after left and right are exchanged.

    Returns
    -------
    list of int
        Index of the mirrored value, length N_Z.
    """

    def swap(names):
        return [
            names.index(n[:-1] + {"r": "l", "l": "r"}[n[-1]] if n[-2:] in ("_r", "_l") else n) for n in names
        ]

    q, m = swap(COORDINATES), swap(MUSCLES)
    parts = [(q, 0), (q, N_Q), (m, 2 * N_Q), (q, N_X), (m, N_X + N_Q), ([0], N_Z - 1)]
    return [offset + i for order, offset in parts for i in order]
