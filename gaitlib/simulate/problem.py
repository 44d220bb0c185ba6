"""The walking problem at one mesh point: variables, cost and constraints.

Coordinates and tendon forces are cubic splines in phase with a knot at every mesh point; their coefficients
are the variables, so that speeds and accelerations are exact derivatives, periodicity and left/right
symmetry hold by construction, and a point sees only its two neighbours. Activations are linear in between.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import casadi as ca
import numpy as np

from gaitlib.body.specification import (
    ACTIVATION_TIME_S,
    COMPLIANT_GROUPS,
    DEACTIVATION_TIME_S,
    MAX_CONTRACTION_VELOCITY,
    Specification,
)
from gaitlib.gait import COORDINATES, MUSCLES, swap_side
from gaitlib.person import SPASTIC_GROUPS
from gaitlib.simulate.dynamics import N_Q, build_forces, make_symbols
from gaitlib.simulate.guess import get_coordinate_ranges
from gaitlib.simulate.request import CostWeights

N_M = len(MUSCLES)
COMPLIANT = tuple(i for i, name in enumerate(MUSCLES) if name[:-2] in COMPLIANT_GROUPS)
SPASTIC = tuple(i for i, name in enumerate(MUSCLES) if name[:-2] in SPASTIC_GROUPS)
N_T, N_R = len(COMPLIANT), len(SPASTIC)
ANTAGONISTS = (("soleus", "tib_ant"), ("vasti", "hamstrings"), ("iliopsoas", "glut_max"))
"""Pairs that reduced selective control ties together."""

REFLEX_TIME_S = 0.03
"""Lag of the stretch reflex (first order), after Falisse et al. 2018, doi 10.1371/journal.pone.0208811."""
REFLEX_THRESHOLD = 0.2
"""Fibre lengthening speed (optimal lengths per second) at which the reflex begins."""

ACCELERATION_SCALE, ACTIVATION_RATE_SCALE = 50.0, 10.0
TORQUE_SCALE_NM, RESIDUAL_SCALE = 20.0, 20.0
WATT_PER_KG = 5.0
"""About what a person walking needs."""

TASK_FIELDS = (
    "torque_scale",
    "thigh_m",
    "shank_m",
    "forward_m",
    "down_m",
    "weight_n",
    "lean_rad",
    "tilt_rad",
    "mass_kg",
    "slowness",
    "largest_excitation",
    "coactivation",
    "per_distance",
    "reference_speed_mps",
    "balance",
    "bradykinesia",
)
"""Parameters of the task; then come the reflex gains and the cost weights."""
N_TASK = len(TASK_FIELDS) + N_R + len(fields(CostWeights))
N_HEAD = 2
"""Time between points (s) and speed (m/s) come before the points in the decision vector."""


@dataclass(frozen=True)
class Layout:
    """Where the values of a mesh point lie; `impaired` adds reflexes and ties between antagonists."""

    impaired: bool

    @property
    def size(self) -> int:
        """Variables per mesh point."""
        return N_Q + N_M + 1 + N_T + (N_R if self.impaired else 0)

    def split(self, point):
        """Split a point into its parts."""
        edges = np.cumsum([0, N_Q, N_M, 1, N_T, self.size - N_Q - N_M - 1 - N_T])
        return [point[a:b] for a, b in zip(edges[:-1], edges[1:], strict=True)]

    def get_mirror_order(self) -> np.ndarray:
        """Get the order of a point's variables after left and right are exchanged."""
        compliant, spastic = ([MUSCLES[i] for i in places] for places in (COMPLIANT, SPASTIC))
        blocks = [list(COORDINATES), list(MUSCLES), ["torque"], compliant]
        return _order_blocks([*blocks, spastic] if self.impaired else blocks)

    def get_constraint_mirror_order(self) -> np.ndarray:
        """Get the order of a point's constraints after left and right are exchanged."""
        compliant, spastic = ([MUSCLES[i] for i in places] for places in (COMPLIANT, SPASTIC))
        blocks = [list(COORDINATES), compliant, list(MUSCLES), list(MUSCLES)]
        if self.impaired:
            ties = [f"{n}_{side}" for pair in ANTAGONISTS for side in "rl" for n in pair]
            blocks += [ties, spastic, spastic]
        return _order_blocks(blocks)

    def get_bounds(self, leg_length_m: float) -> tuple[np.ndarray, np.ndarray]:
        """Get the bounds of a point's variables."""
        bounds = list(get_coordinate_ranges(leg_length_m).values())
        bounds += [(0.01, 1.0)] * N_M + [(-10.0, 10.0)] + [(0.0, 2.0)] * N_T
        if self.impaired:
            bounds += [(0.0, 1.0)] * N_R
        lower, upper = np.array(bounds).T
        return lower, upper


def _order_blocks(blocks: list[list[str]]) -> np.ndarray:
    """Order of named values, block after block, after left and right are exchanged."""
    offset, order = 0, []
    for names in blocks:
        order += [offset + names.index(swap_side(name)) for name in names]
        offset += len(names)
    return np.array(order)


@dataclass
class PointProblem:
    """One mesh point as expressions of (head, previous, here, next point, body, task)."""

    inputs: list
    cost: ca.SX
    constraints: ca.SX
    lower: np.ndarray
    upper: np.ndarray


def build_point_problem(specification: Specification, layout: Layout) -> PointProblem:
    """Build cost and constraints of one mesh point."""
    symbols = make_symbols(specification)
    head = ca.SX.sym("head", N_HEAD)
    points = [ca.SX.sym(name, layout.size) for name in ("before", "here", "after")]
    task = ca.SX.sym("task", N_TASK)
    named = {name: task[i] for i, name in enumerate(TASK_FIELDS)}
    gains = task[len(TASK_FIELDS) : len(TASK_FIELDS) + N_R]
    weights = task[len(TASK_FIELDS) + N_R :]
    step = head[0]
    before, here, after = (layout.split(p) for p in points)
    q, v, a = evaluate_spline(before[0], here[0], after[0], step)
    v[COORDINATES.index("pelvis_tx")] += head[1]
    tendon, tendon_rate, _ = evaluate_spline(before[3], here[3], after[3], step)
    activation, torque = here[1], here[2] * TORQUE_SCALE_NM * named["torque_scale"]
    forces = build_forces(specification, symbols, q, v, a, activation, torque, tendon, tendon_rate)
    g, lower, upper = [], [], []

    def add(expression, low, high):
        g.append(expression)
        lower.append(np.full(expression.numel(), low))
        upper.append(np.full(expression.numel(), high))

    add(forces["residual"] / (RESIDUAL_SCALE * named["torque_scale"]), 0, 0)
    add(forces["tendon_residual"], 0, 0)
    rate = (after[1] - activation) / step
    middle = (after[1] + activation) / 2
    add(rate * (DEACTIVATION_TIME_S * named["slowness"]) + middle, 0, np.inf)
    add(
        rate * (ACTIVATION_TIME_S * named["slowness"]) + middle - named["largest_excitation"],
        -np.inf,
        0,
    )
    if layout.impaired:
        for first, second in ANTAGONISTS:
            for side in "rl":
                pair = [activation[MUSCLES.index(f"{n}_{side}")] for n in (first, second)]
                add(pair[0] - named["coactivation"] * pair[1], 0, np.inf)
                add(pair[1] - named["coactivation"] * pair[0], 0, np.inf)
        reflex = here[4]
        stretch = forces["fiber_speed"][list(SPASTIC)] - REFLEX_THRESHOLD
        wanted = gains * 0.5 * (stretch + ca.sqrt(stretch**2 + 0.01))
        add(REFLEX_TIME_S * (reflex - before[4]) / step + reflex - wanted, 0, 0)
        add(activation[list(SPASTIC)] - reflex, 0, np.inf)
    cost = _compute_cost(q, v, a, activation, rate, here[2], forces, head[1], named, weights, symbols.muscles)
    body = symbols.vector
    return PointProblem(
        [head, *points, body, task],
        cost,
        ca.vertcat(*g),
        np.concatenate(lower),
        np.concatenate(upper),
    )


def evaluate_spline(before, here, after, step):
    """Evaluate a cubic spline with uniform knots at a knot."""
    return (
        (before + 4 * here + after) / 6,
        (after - before) / (2 * step),
        (before - 2 * here + after) / step**2,
    )


def _compute_cost(q, v, a, activation, rate, torque, forces, speed, named, weights, muscles):
    place = {f.name: i for i, f in enumerate(fields(CostWeights))}
    effort = ca.vertcat(*[weights[place[f"effort_{name[:-2]}"]] for name in MUSCLES])
    index = COORDINATES.index
    joints = [i for i, name in enumerate(COORDINATES) if not name.startswith("pelvis_t")]
    stopped = [i for i, name in enumerate(COORDINATES) if name[:3] in ("hip", "kne", "ank", "lum")]
    passive = forces["passive_moment"][stopped] / (TORQUE_SCALE_NM * named["torque_scale"])
    vertical = forces["ground_force"][:, 1] / named["weight_n"]
    metabolic = compute_metabolic_power(activation, forces["fiber_speed"], muscles) / named["mass_kg"]
    distance = named["reference_speed_mps"] / speed
    # What a landing costs grows with the cube of the speed; of the slow it is not asked to vanish.
    lost = distance**3 / ca.sqrt(1 + (distance / 1.5) ** 6) / named["mass_kg"] / WATT_PER_KG

    def pair(values, joint):
        return values[index(f"{joint}_r")] ** 2 + values[index(f"{joint}_l")] ** 2

    terms = ca.vertcat(
        ca.dot(effort, activation**2),
        ca.sumsqr(a[joints] / ACCELERATION_SCALE),
        ca.sumsqr(rate / ACTIVATION_RATE_SCALE),
        torque**2,
        (q[index("pelvis_tilt")] + q[index("lumbar_extension")] - named["lean_rad"]) ** 2,
        (a[index("pelvis_ty")] / ACCELERATION_SCALE) ** 2,
        sum(_compute_drag(q, v, named, speed, side) for side in "rl"),
        named["balance"] * (vertical[0] - vertical[1]) ** 2,
        named["bradykinesia"] * (q[index("hip_flexion_r")] - q[index("hip_flexion_l")]) ** 2,
        ca.sumsqr(passive),
        1,
        ca.dot(effort, metabolic) / WATT_PER_KG,
        (a[index("pelvis_tilt")] / ACCELERATION_SCALE) ** 2,
        *[pair(a, joint) / ACCELERATION_SCALE**2 for joint in ("hip_flexion", "knee_angle")],
        (q[index("pelvis_tilt")] - named["tilt_rad"]) ** 2,
        lost * forces["absorbed_power"],
        (vertical[0] - vertical[1]) ** 2,
        lost * forces["friction_power"],
    )
    weights = weights[: terms.numel()]
    return ca.dot(weights, terms) * (1 - named["per_distance"] + named["per_distance"] * distance)


def compute_metabolic_power(activation, fiber_speed, muscles):
    """Metabolic power of each muscle (W) after Minetti & Alexander: activation times a function of speed."""
    # Beyond these speeds the published fraction has a pole; gait rarely comes near.
    speed = 0.9 * ca.tanh(-fiber_speed / MAX_CONTRACTION_VELOCITY / 0.9)
    share = (0.054 + 0.506 * speed + 2.46 * speed**2) / (1 - 1.13 * speed + 12.8 * speed**2 - 1.64 * speed**3)
    return activation * muscles[:, 0] * muscles[:, 1] * MAX_CONTRACTION_VELOCITY * share


def _compute_drag(q, v, named, speed, side):
    """Squared forward speed of the toe tip near the floor, over squared walking speed."""
    index = COORDINATES.index
    thigh, shank, forward, down = (named[k] for k in ("thigh_m", "shank_m", "forward_m", "down_m"))
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
