"""The walking problem in space, assembled from its elements for IPOPT.

Coordinates and tendon forces are splines as in the plane. What elements see, y, is a fixed linear map of the
decision vector: values and scaled derivatives at the points, mirrored where half a stride ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import casadi as ca
import numpy as np

from gaitlib.body.spatial_body import COORDINATES, LUMBAR, MIRRORED, build_spatial_specification
from gaitlib.body.specification import COMPLIANT_GROUPS, get_impaired_group, get_planar_group
from gaitlib.gait import COORDINATES as PLANAR_COORDINATES
from gaitlib.gait import MUSCLES as PLANAR_MUSCLES
from gaitlib.gait import swap_side
from gaitlib.person import SPASTIC_GROUPS
from gaitlib.simulate.engine import N_POINTS, Task, WalkingEngine, compile_functions, gather_sparse
from gaitlib.simulate.guess import Trajectory, fit_spline, get_coordinate_ranges
from gaitlib.simulate.problem import N_HEAD, RESIDUAL_SCALE, TORQUE_SCALE_NM
from gaitlib.simulate.request import GaitRequest
from gaitlib.simulate.solve import STRIDE_TIME_S
from gaitlib.simulate.spatial_problem import MUSCLES, REFLEXES, TENDONS, TIES, Element, build_elements

N_Q, N_M, N_T = len(COORDINATES), len(MUSCLES), len(TENDONS)
_DECISIONS = (
    *COORDINATES,
    *(f"act:{name}" for name in MUSCLES),
    *(f"torque:{name}" for name in LUMBAR),
    *(f"pull:{name}" for name in TENDONS),
)
_CONSTRAINTS = (
    *COORDINATES,
    *(f"tendon:{name}" for name in TENDONS),
    *(f"{kind}:{name}" for kind in ("fall", "rise") for name in MUSCLES),
)
_MORE_DECISIONS = tuple(f"reflex:{name}" for name in REFLEXES)
_MORE_CONSTRAINTS = (
    *(f"{kind}:{name}" for kind in ("stretch", "fall above") for name in REFLEXES),
    *(f"fall tie:{first}:{second}" for first, second in TIES),
)
"""Of reflexes and of ties between antagonists."""
_RANGES_DEG = {
    "pelvis_list": 15.0,
    "pelvis_rotation": 20.0,
    "hip_adduction": 20.0,
    "hip_rotation": 25.0,
    "subtalar_angle": 20.0,
    "lumbar_bending": 20.0,
    "lumbar_rotation": 25.0,
}
_SIDEWAYS_M = 0.15


def lift(trajectory: Trajectory, beside: Trajectory | None = None) -> Trajectory:
    """Lift a planar stride into space; what the plane lacks is that of a stride in space, or nothing."""
    n = len(trajectory.position)
    position, activation, torque = np.zeros((n, N_Q)), np.full((n, N_M), 0.05), np.zeros((n, len(LUMBAR)))
    if beside is not None:
        position, activation, torque = (v.copy() for v in (beside.position, beside.activation, beside.torque))
    for i, name in enumerate(COORDINATES):
        if name in PLANAR_COORDINATES:
            position[:, i] = trajectory.position[:, PLANAR_COORDINATES.index(name)]
    for i, name in enumerate(MUSCLES):
        planar = get_planar_group(name[:-2])
        if planar:
            activation[:, i] = trajectory.activation[:, PLANAR_MUSCLES.index(f"{planar}_{name[-1]}")]
    compliant, spastic = (
        [name for name in PLANAR_MUSCLES if name[:-2] in groups]
        for groups in (COMPLIANT_GROUPS, SPASTIC_GROUPS)
    )
    tendon = trajectory.tendon_force[:, [compliant.index(name) for name in TENDONS]]
    reflex = trajectory.reflex[
        :, [spastic.index(f"{get_planar_group(name[:-2])}_{name[-1]}") for name in REFLEXES]
    ]
    torque[:, 0] = trajectory.torque
    return Trajectory(trajectory.stride_time_s, trajectory.speed_mps, position, activation, torque, tendon,
                      reflex, trajectory.leg_length_m)  # fmt: skip


def make_spatial_task(request: GaitRequest, elements: list[Element]) -> Task:
    """Turn a request into the numbers of the walking problem."""
    specification = build_spatial_specification(request.person, request.impairment, request.structure)
    numbers = [np.ravel(element.pack(request, specification)) for element in elements]
    share = 0.5 if request.kind == "half" else 1.0
    times = STRIDE_TIME_S if request.stride_time_s is None else (request.stride_time_s,) * 2
    return Task(
        body=np.concatenate(numbers),
        parameters=np.zeros(0),
        leg_length_m=specification.leg_length_m,
        horizon_s=(share * times[0], share * times[1]),
        speed_mps=(request.speed_mps, request.speed_mps),
        least_activation=np.array(
            [request.impairment.get("tone", get_impaired_group(name[:-2]), name[-1]) for name in MUSCLES]
        ),
    )


@dataclass
class _Part:
    """An element with its compiled functions and its places."""

    element: Element
    columns: np.ndarray
    rows: np.ndarray
    signs: np.ndarray
    parameters: np.ndarray
    functions: dict[str, ca.Function]
    jacobian: ca.Sparsity
    hessian: ca.Sparsity


class SpatialEngine(WalkingEngine):
    """Solver of the walking problem in space (`kind`: 'half' or 'stride'), for bodies of any size; `impaired`
    adds reflexes and ties between antagonists; `cache`: compiled code.
    """

    settings = {"mumps_permuting_scaling": 0, "mumps_scaling": 0}
    """Scaling costs a tenth of a half cycle's time and a quarter of a stride's, and no solution needs it."""

    def __init__(self, cache: Path, kind: str, impaired: bool = False):
        self.kind = kind
        self.n_points = N_POINTS[kind]
        self._solvers = {}
        self.impaired = impaired
        self._decisions = _DECISIONS + impaired * _MORE_DECISIONS
        self._constraints = _CONSTRAINTS + impaired * _MORE_CONSTRAINTS
        self.elements = build_elements(impaired)
        self._build_parts(Path(cache))

    @property
    def solvers(self) -> list[ca.Function]:
        """Solvers that have been built."""
        return list(self._solvers.values())

    def _build_parts(self, cache: Path) -> None:
        made, blocks = [], []
        for element in self.elements:
            functions, jacobian, hessian = _differentiate(element)
            made += functions
            blocks.append((element, jacobian, hessian, len(functions)))
        compiled = compile_functions(made, cache, "-O1")
        y_names = self._map_variables()
        n, parts, offset, start = self.n_points, [], 0, 0
        for element, jacobian, hessian, count in blocks:
            m = len(element.variables)
            at = np.array([[y_names[name] for name in names] for names in element.variables])
            head = at < N_HEAD
            columns = np.where(head, at, at + self._y_size * np.arange(n)[:, None, None])
            rows = [[self._constraints.index(name.lstrip("-")) for name in names] for names in element.rows]
            rows = np.array(rows, int).reshape(m, -1) + len(self._constraints) * np.arange(n)[:, None, None]
            signs = [[-1.0 if name.startswith("-") else 1.0 for name in names] for names in element.rows]
            numbers = offset + np.arange(m * element.p.numel()).reshape(m, -1)
            offset += numbers.size
            named = {f.name().rpartition("_")[2]: f for f in compiled[start : start + count]}
            start += count
            columns, rows = columns.reshape(n * m, -1), rows.reshape(n * m, -1)
            signs, numbers = np.tile(np.array(signs).reshape(m, -1), (n, 1)), np.tile(numbers, (n, 1))
            parts.append(_Part(element, columns, rows, signs, numbers, named, jacobian, hessian))
        self._parts = parts
        self._assemble_parts(offset)

    def _map_variables(self) -> dict[str, int]:
        """Map the decision vector to what elements see; returns the places of the first point."""
        n, decisions, size = self.n_points, self._decisions, len(self._decisions)
        place = N_HEAD + np.arange(n * size).reshape(n, size)
        order = [decisions.index(swap_name(name)) for name in decisions]
        sign = np.array([-1.0 if name.rpartition(":")[2] in MIRRORED else 1.0 for name in decisions])
        around = {-1: np.roll(place, 1, axis=0), 0: place, 1: np.roll(place, -1, axis=0)}
        factor = {k: np.ones((n, size)) for k in around}
        if self.kind == "half":
            around[-1][0], factor[-1][0] = around[-1][0][order], sign
            around[1][-1], factor[1][-1] = around[1][-1][order], sign
        spline = {
            "q": {-1: 1 / 6, 0: 4 / 6, 1: 1 / 6},
            "u": {-1: -0.5, 1: 0.5},
            "s": {-1: 1.0, 0: -2.0, 1: 1.0},
        }
        entries = []
        for name in COORDINATES:
            for kind, weights in spline.items():
                entries.append((f"{kind}:{name}", name, weights))
                if name in MIRRORED:
                    entries.append((f"-{kind}:{name}", name, {k: -w for k, w in weights.items()}))
        for name in TENDONS:
            entries += [
                (f"{new}:{name}", f"pull:{name}", spline[kind])
                for new, kind in (("pull", "q"), ("rate", "u"))
            ]
        for name in MUSCLES:
            entries += [(f"act:{name}", f"act:{name}", {0: 1.0}), (f"next:{name}", f"act:{name}", {1: 1.0})]
        entries += [(f"torque:{name}", f"torque:{name}", {0: 1.0}) for name in LUMBAR]
        for name in decisions:
            if name.startswith("reflex:"):
                entries += [(name, name, {0: 1.0}), (f"former {name}", name, {-1: 1.0})]
        self._y_size = len(entries)
        rows, columns, values = [np.arange(N_HEAD)], [np.arange(N_HEAD)], [np.ones(N_HEAD)]
        for i, (_, source, weights) in enumerate(entries):
            column = decisions.index(source)
            for k, weight in weights.items():
                rows.append(N_HEAD + i + self._y_size * np.arange(n))
                columns.append(around[k][:, column])
                values.append(weight * factor[k][:, column])
        rows, columns, values = (np.concatenate(v) for v in (rows, columns, values))
        shape = (N_HEAD + n * self._y_size, N_HEAD + n * size)
        self._map = ca.DM.triplet(rows.tolist(), columns.tolist(), ca.DM(values), *shape)
        self._names = {name: N_HEAD + i for i, (name, *_) in enumerate(entries)} | {"step": 0, "speed": 1}
        return self._names

    def _assemble_parts(self, n_numbers: int) -> None:
        n, n_g = self.n_points, len(self._constraints)
        n_y, n_w = self._map.shape
        w, p = ca.MX.sym("w", n_w), ca.MX.sym("p", n_numbers + 1)
        lam, sigma = ca.MX.sym("lam", n * n_g + 2), ca.MX.sym("sigma")
        y, linear = ca.mtimes(ca.MX(self._map), w), ca.MX(self._map)
        pin_rows = self._build_pin_rows()
        costs, constraints, gradient = ca.MX(0), ca.MX.zeros(n * n_g), ca.MX.zeros(n_y)
        jacobian, hessian = ca.MX(n * n_g, n_y), ca.MX(n_y, n_y)
        for part in self._parts:
            count = len(part.columns)
            x = ca.reshape(y[part.columns.ravel().tolist()], -1, count)
            numbers = ca.reshape(p[part.parameters.ravel().tolist()], -1, count)
            if part.element.name == "leg":  # the last number of a leg is how its friction is smoothed
                numbers = ca.vertcat(numbers[:-1, :], ca.repmat(p[-1], 1, count))
            cost, g = part.functions["value"].map(count)(x, numbers)
            costs += ca.sum2(cost) / n
            signs = ca.DM(part.signs.T)
            slope = part.functions["gradient"].map(count)(x, numbers) / n
            gradient += gather_sparse(part.columns.ravel(), np.zeros(part.columns.size, int), (n_y, 1), slope)
            rows, columns = (np.array(v) for v in part.jacobian.get_triplet())
            lam_part = ca.MX.zeros(0, count)
            if part.rows.shape[1]:
                constraints += gather_sparse(
                    part.rows.ravel(), np.zeros(part.rows.size, int), (n * n_g, 1), signs * g
                )
                lam_part = ca.reshape(lam[part.rows.ravel().tolist()], -1, count) * signs
                values = _spread(part, "jacobian", x, numbers) * ca.DM(part.signs[:, rows].T)
                jacobian += gather_sparse(
                    part.rows[:, rows].ravel(), part.columns[:, columns].ravel(), (n * n_g, n_y), values
                )
            if not part.hessian.nnz():
                continue
            rows, columns = (np.array(v) for v in part.hessian.get_triplet())
            share = ca.repmat(sigma / n, 1, count)
            values = _spread(part, "hessian", x, numbers, share, lam_part)
            hessian += gather_sparse(
                part.columns[:, rows].ravel(), part.columns[:, columns].ravel(), (n_y, n_y), values
            )
        g = ca.vertcat(constraints, ca.mtimes(ca.MX(pin_rows), w))
        jac = ca.vertcat(ca.mtimes(jacobian, linear), ca.MX(pin_rows))
        hess = ca.triu(ca.mtimes(linear.T, ca.mtimes(hessian, linear)))
        slope = ca.mtimes(linear.T, gradient)
        self._keep_problem([w, p, sigma, lam], (costs, slope), (g, jac), hess)
        lower = np.where([name.startswith("rise") for name in self._constraints], -np.inf, 0.0)
        upper = np.where([name.startswith("fall") for name in self._constraints], np.inf, 0.0)
        self.lower, self.upper = (np.concatenate([np.tile(b, n), np.zeros(2)]) for b in (lower, upper))

    def _build_pin_rows(self) -> ca.DM:
        """Fix where the walk begins, and at which phase: the right leg is most forward at the start."""
        n_y = self._map.shape[0]
        rows = ca.DM(2, n_y)
        rows[0, self._names["q:pelvis_tx"]] = 1.0
        for sign, side in ((1.0, "r"), (-1.0, "l")):
            rows[1, self._names[f"u:hip_flexion_{side}"]] = sign * self.n_points
            rows[1, self._names[f"u:knee_angle_{side}"]] = -0.5 * sign * self.n_points
        return ca.sparsify(ca.mtimes(rows, self._map))

    def get_bounds(self, task: Task) -> tuple[np.ndarray, np.ndarray]:
        """Get the bounds of the decision vector."""
        planar, bounds = get_coordinate_ranges(task.leg_length_m), []
        for name in COORDINATES:
            reach = np.radians(_RANGES_DEG.get(name[:-2] if name[-2:] in ("_r", "_l") else name, 0.0))
            reach = _SIDEWAYS_M if name == "pelvis_tz" else reach
            bounds.append(planar.get(name, (-reach, reach)))
        bounds += [(max(0.01, least), 1.0) for least in task.least_activation]
        bounds += [(-10.0, 10.0)] * len(LUMBAR) + [(0.0, 2.0)] * N_T
        bounds += [(0.0, 1.0)] * (len(self._decisions) - len(bounds))
        heads = np.array([np.divide(task.horizon_s, self.n_points), task.speed_mps])
        return tuple(
            np.concatenate([heads[:, i], np.tile(np.array(bounds)[:, i], self.n_points)]) for i in (0, 1)
        )

    def evaluate(self, task: Task, decision: np.ndarray) -> dict[str, np.ndarray]:
        """Evaluate a solution at its mesh points; shape (n_points, n)."""
        y = np.array(ca.mtimes(self._map, decision)).ravel()
        step, speed = y[:2]
        y = y[2:].reshape(self.n_points, -1)

        def pick(kind: str, names) -> np.ndarray:
            return y[:, [self._names[f"{kind}:{name}"] - N_HEAD for name in names]]

        position, velocity = pick("q", COORDINATES), pick("u", COORDINATES) / step
        travel = COORDINATES.index("pelvis_tx")
        position[:, travel] += speed * step * np.arange(self.n_points)
        velocity[:, travel] += speed
        whole, moment = (
            np.concatenate([[step, speed], y.ravel()]),
            np.zeros(self.n_points * len(self._constraints)),
        )
        scale = task.body[self._parts[1].parameters[0, -1]]
        for part in self._parts[:2]:  # what legs and trunk need is what muscles, tissue and trunk make
            inputs = whole[part.columns].T, task.body[part.parameters].T
            g = np.array(part.functions["value"].map(len(part.columns))(*inputs)[1]).T
            np.add.at(moment, part.rows, part.signs * g / scale)
            if part.element.name == "leg":
                force = np.array(part.functions["forces"].map(len(part.columns))(*inputs)).T
        force = force.reshape(self.n_points, 2, 3)
        force[:, 1, 2] *= -1  # the left leg was seen in a mirror
        return {
            "position": position,
            "speed": velocity,
            "acceleration": pick("s", COORDINATES) / step**2,
            "activation": pick("act", MUSCLES),
            "torque": pick("torque", LUMBAR) * TORQUE_SCALE_NM / (RESIDUAL_SCALE * scale),
            "tendon_force": pick("pull", TENDONS),
            "tendon_rate": pick("rate", TENDONS) / step,
            "reflex": pick("reflex", self.impaired * REFLEXES),
            "ground_force": force,
            "joint_moment": moment.reshape(self.n_points, -1)[:, :N_Q],
        }

    def scale_height(self, decision: np.ndarray, scale: float) -> np.ndarray:
        """Scale the height of the pelvis in a decision vector to another leg length."""
        scaled = decision.copy()
        scaled[N_HEAD + COORDINATES.index("pelvis_ty") :: len(self._decisions)] *= scale
        return scaled

    def pack(self, trajectory: Trajectory) -> np.ndarray:
        """Pack a stride into a decision vector."""
        t = trajectory
        blocks = [
            fit_spline(t.position),
            t.activation,
            t.torque / TORQUE_SCALE_NM,
            fit_spline(t.tendon_force),
        ]
        if self.impaired:
            known = t.reflex.shape[1] == len(REFLEXES)
            blocks.append(t.reflex if known else np.zeros((len(t.position), len(REFLEXES))))
        points = np.hstack(blocks)[: self.n_points].ravel()
        return np.concatenate([[t.stride_time_s / len(t.position), t.speed_mps], points])


def swap_name(name: str) -> str:
    """Name of a variable or constraint after left and right are exchanged."""
    kind, *parts = name.split(":")
    return ":".join([kind, *map(swap_side, parts)]) if parts else swap_side(kind)


def fit_spatial_multipliers(multipliers: np.ndarray, n_points: int, impaired: bool) -> np.ndarray:
    """Fit a neighbour's multipliers: the cost is a mean over points; those it lacks begin at zero."""
    names, (n, m) = _CONSTRAINTS + impaired * _MORE_CONSTRAINTS, multipliers.shape
    fitted = np.zeros((n, len(names)))
    fitted[:, : min(m, len(names))] = multipliers[:, : len(names)]
    if n < n_points:
        order = [names.index(swap_name(name)) for name in names]
        sign = np.array([-1.0 if name in MIRRORED else 1.0 for name in names])
        fitted = np.concatenate([fitted, sign * fitted[:, order]])
    return n / n_points * fitted[:n_points]


def _differentiate(element: Element) -> tuple[list[ca.Function], ca.Sparsity, ca.Sparsity]:
    """Functions of an element: value, gradient of the cost, Jacobian, Hessian; large ones by directions."""
    x, p, cost, g = element.x, element.p, element.cost, element.g
    sigma = ca.SX.sym("sigma")
    functions = []

    def make(kind: str, inputs: list, outputs: list) -> None:
        functions.append(ca.Function(f"spatial_{element.name}_{kind}", inputs, outputs, {"cse": True}))

    make("value", [x, p], [cost, g])
    make("gradient", [x, p], [ca.gradient(cost, x)])
    n = x.numel()
    if element.seeds:
        lam, power = element.lam, element.virtual_power
        seed = ca.SX.sym("seed", n)
        slope = ca.gradient(sigma * cost + power, x)
        make("row", [x, p, lam], [ca.gradient(power, x)])
        make("column", [x, p, sigma, lam, seed], [ca.jtimes(slope, x, seed)])
        if element.forces is not None and element.forces.nnz():
            make("forces", [x, p], [element.forces])
        return functions, ca.Sparsity.dense(g.numel(), n), _fill(n, element.seeds)
    lam = ca.SX.sym("lam", g.numel())
    jacobian = ca.jacobian(g, x)
    hessian = ca.hessian(sigma * cost + ca.dot(lam, g), x)[0]
    if g.numel():
        make("jacobian", [x, p], [ca.vertcat(*jacobian.nonzeros())])
    if hessian.nnz():
        make("hessian", [x, p, sigma, lam], [ca.vertcat(*hessian.nonzeros())])
    return functions, jacobian.sparsity(), hessian.sparsity()


def _fill(n: int, seeds) -> ca.Sparsity:
    """Pattern of a Hessian whose columns `seeds` are known, with their mirror images as rows."""
    pattern = np.zeros((n, n), bool)
    pattern[:, list(seeds)] = True
    pattern |= pattern.T
    return (
        ca.DM(pattern.astype(float)).sparsity()
        if pattern.all()
        else ca.sparsify(ca.DM(pattern.astype(float))).sparsity()
    )


def _spread(part: _Part, kind: str, x, numbers, share=None, lam=None):
    """Nonzeros of Jacobian or Hessian of every use of an element; shape (nonzeros, uses)."""
    count, element = len(part.columns), part.element
    if not element.seeds:
        function = part.functions[kind].map(count)
        return function(x, numbers) if kind == "jacobian" else function(x, numbers, share, lam)
    n = element.x.numel()
    directions = range(element.g.numel()) if kind == "jacobian" else element.seeds
    size = element.g.numel() if kind == "jacobian" else n
    k = len(directions)
    unit = np.zeros((size, k))
    unit[list(directions), range(k)] = 1.0
    # Every use with every direction, the direction running fastest.
    again = np.repeat(np.arange(count), k).tolist()
    seeds = ca.MX(ca.DM(np.tile(unit, (1, count))))
    if kind == "jacobian":
        found = part.functions["row"].map(count * k)(x[:, again], numbers[:, again], seeds)
        rows, columns = (np.array(v) for v in part.jacobian.get_triplet())
        places = rows * n + columns
    else:
        function = part.functions["column"].map(count * k)
        found = function(x[:, again], numbers[:, again], share[:, again], lam[:, again], seeds)
        rows, columns = (np.array(v) for v in part.hessian.get_triplet())
        at = {seed: i for i, seed in enumerate(element.seeds)}
        pairs = zip(rows.tolist(), columns.tolist(), strict=True)
        places = np.array([at[j] * n + i if j in at else at[i] * n + j for i, j in pairs])
    return ca.reshape(found, n * k, count)[places.tolist(), :]
