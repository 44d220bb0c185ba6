"""The walking problem (half or whole stride), built once, compiled per mesh point, solved by IPOPT."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import casadi as ca
import numpy as np

from gaitlib.body.specification import Specification
from gaitlib.gait import COORDINATES
from gaitlib.simulate.dynamics import FORCES, N_Q, build_force_function
from gaitlib.simulate.guess import Trajectory, fit_spline
from gaitlib.simulate.problem import (
    N_HEAD,
    N_M,
    TASK_FIELDS,
    TORQUE_SCALE_NM,
    Layout,
    build_point_problem,
    evaluate_spline,
)


def compile_functions(functions: list[ca.Function], folder: Path, level: str = "-O2") -> list[ca.Function]:
    """Compile functions together, or return them unchanged without a C compiler; the file appears whole."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return functions
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    generator = ca.CodeGenerator("engine.c", {"with_header": False})
    for function in functions:
        generator.add(function)
    source = generator.dump()
    digest = hashlib.sha256(source.encode()).hexdigest()[:16]
    library = folder / f"engine_{digest}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            code = Path(scratch) / "engine.c"
            code.write_text(source, encoding="utf-8")
            built = Path(scratch) / "engine.so"
            subprocess.run(
                [compiler, level, "-fPIC", "-shared", "-o", str(built), str(code), "-lm"],
                check=True,
                capture_output=True,
            )
            os.replace(built, library)
    return [ca.external(function.name(), str(library)) for function in functions]


def gather_sparse(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int], values) -> ca.MX:
    """Place values in a sparse matrix; values at the same place add up."""
    keys = columns.astype(np.int64) * shape[0] + rows
    places, inverse = np.unique(keys, return_inverse=True)
    pattern = ca.Sparsity.triplet(*shape, (places % shape[0]).tolist(), (places // shape[0]).tolist())
    if len(places) == len(keys):
        order = np.empty(len(keys), int)
        order[inverse] = np.arange(len(keys))
        return ca.MX(pattern, ca.vec(values)[order.tolist()])
    adder = ca.Sparsity.triplet(len(places), len(keys), inverse.tolist(), list(range(len(keys))))
    return ca.MX(pattern, ca.mtimes(ca.MX(ca.DM(adder, np.ones(len(keys)))), ca.vec(values)))


_ITERATIONS = {"far": 80, "approach": 20, "near": 400, "warm": 150}
"""Limits; the first two only make a better guess."""
_MU = {"approach": 1e-2, "near": 1e-2, "warm": 1e-4}
"""Barrier parameter at the start: the smaller, the more the start is trusted. IPOPT's own from afar."""


def choose_starts(near: bool, warm: bool) -> tuple[str, ...]:
    """Choose the stages of a solve, the last of which is the solution itself."""
    return ("warm",) if warm else ("approach" if near else "far", "near")


def build_options(start: str, time_limit_s: float) -> dict:
    """Build the settings of one solve."""
    options = {
        "print_level": 0,
        "sb": "yes",
        "max_iter": _ITERATIONS[start],
        "max_cpu_time": time_limit_s,
        "tol": 1e-5,
        "constr_viol_tol": 1e-6,
        "mu_strategy": "adaptive",
        "linear_solver": "mumps",
        "mumps_pivot_order": 5,
        "mumps_mem_percent": 100,
        "nlp_scaling_method": "none",
    }
    if start != "far":
        options |= {"mu_init": _MU[start], "bound_push": 1e-6, "bound_frac": 1e-6}
        options["bound_mult_init_method"] = "mu-based"
    if start == "warm":
        ends = ("bound_push", "bound_frac", "slack_bound_push", "slack_bound_frac", "mult_bound_push")
        options |= {"warm_start_init_point": "yes"} | {f"warm_start_{end}": 1e-6 for end in ends}
    return options


_AT_BOUND = 5e-3
"""A variable of a start so near to its bound counts as held by it."""
N_POINTS = {"half": 50, "stride": 100}
"""Mesh points of the horizon: one per percent of the stride."""
N_PINS = 2
"""Constraints after those of the points."""


@dataclass
class Task:
    """What is asked of the solver, in numbers; `parameters` as `gaitlib.simulate.problem` orders them."""

    body: np.ndarray
    parameters: np.ndarray
    leg_length_m: float
    horizon_s: tuple[float, float]
    speed_mps: tuple[float, float]
    least_activation: np.ndarray


@dataclass
class Result:
    """A solution of the walking problem; `multipliers` (n_points, n_constraints) of its constraints."""

    converged: bool
    status: str
    iterations: int
    cost: float
    constraint_violation: float
    horizon_s: float
    speed_mps: float
    decision: np.ndarray
    multipliers: np.ndarray
    outputs: dict[str, np.ndarray] = field(default_factory=dict)


class WalkingEngine:
    """Solver of the walking problem (`kind`: half or stride) for any body; `coarse`: on every second mesh
    point, for a start from afar; `cache`: compiled code.
    """

    settings: dict = {}
    """Settings of IPOPT beside those of `build_options`."""

    def __init__(self, specification: Specification, cache: Path, kind: str, impaired: bool, coarse: bool):
        self.kind = kind
        self.stride = 2 if coarse else 1
        self.n_points = N_POINTS[kind] // self.stride
        self.layout = Layout(impaired)
        self._solvers: dict[tuple, ca.Function] = {}
        self._build(specification, Path(cache))

    def solve(
        self,
        task: Task,
        guess: np.ndarray,
        multipliers: np.ndarray | None = None,
        near: bool = False,
        time_limit_s: float = 60.0,
    ) -> Result:
        """Solve a gait; from afar, smoothed iterations with the curvature of the cost alone come first."""
        lower, upper = self.get_bounds(task)
        iterations = 0
        *before, start = choose_starts(near, multipliers is not None)
        for rough in before:
            first = self._run(task, guess, lower, upper, rough, 1.0, time_limit_s)
            guess, iterations = first.decision, first.iterations
        result = self._run(task, guess, lower, upper, start, 0.0, time_limit_s, multipliers)
        result.iterations += iterations
        result.outputs = self.evaluate(task, result.decision)
        return result

    def prepare(self, near: bool, warm: bool, time_limit_s: float) -> None:
        """Build the solvers of a solve before it; each is built once per process."""
        for start in choose_starts(near, warm):
            self._get_solver(start, time_limit_s)

    def _run(self, task, guess, lower, upper, start, smooth, time_limit_s, multipliers=None) -> Result:
        solver = self._get_solver(start, time_limit_s)
        arguments = {
            "x0": np.clip(guess, lower, upper),
            "p": np.concatenate([task.body, [smooth], task.parameters]),
            "lbx": lower,
            "ubx": upper,
            "lbg": self.lower,
            "ubg": self.upper,
        }
        if multipliers is not None:
            arguments["lam_g0"] = np.concatenate([multipliers.ravel(), np.zeros(N_PINS)])
            arguments["lam_x0"] = self.balance_bounds(arguments)
        solution = solver(**arguments)
        stats = solver.stats()
        g = np.array(solution["g"]).ravel()
        decision = np.array(solution["x"]).ravel()
        return Result(
            converged=bool(stats["success"]),
            status=str(stats["return_status"]),
            iterations=int(stats["iter_count"]),
            cost=float(solution["f"]),
            constraint_violation=float(max(np.max(self.lower - g), np.max(g - self.upper), 0.0)),
            horizon_s=self.n_points * float(decision[0]),
            speed_mps=float(decision[1]),
            decision=decision,
            multipliers=np.array(solution["lam_g"]).ravel()[:-N_PINS].reshape(self.n_points, -1),
        )

    def balance_bounds(self, arguments: dict) -> np.ndarray:
        """Multipliers of the bounds where a start lies: what its constraints leave of the cost's gradient."""
        x, p = arguments["x0"], arguments["p"]
        _, gradient = self.derivatives["grad_f"](x, p)
        _, jacobian = self.derivatives["jac_g"](x, p)
        rest = -np.array(gradient + ca.mtimes(jacobian.T, arguments["lam_g0"])).ravel()
        at_lower = (x - arguments["lbx"] < _AT_BOUND) & (rest < 0)
        at_upper = (arguments["ubx"] - x < _AT_BOUND) & (rest > 0)
        return np.where(at_lower | at_upper, rest, 0.0)

    def evaluate(self, task: Task, decision: np.ndarray) -> dict[str, np.ndarray]:
        """Evaluate a solution at its mesh points; shape (n_points, n)."""
        step = decision[0]
        before, here, after = (self.layout.split(decision[self._columns[:, j]].T) for j in range(3))
        q, v, a = (x.T for x in evaluate_spline(before[0], here[0], after[0], step))
        tendon, tendon_rate, _ = (x.T for x in evaluate_spline(before[3], here[3], after[3], step))
        travel = COORDINATES.index("pelvis_tx")
        q[:, travel] += decision[1] * step * np.arange(self.n_points)
        v[:, travel] += decision[1]
        states = {
            "position": q,
            "speed": v,
            "acceleration": a,
            "activation": here[1].T,
            "torque": here[2].T * TORQUE_SCALE_NM * task.parameters[TASK_FIELDS.index("torque_scale")],
            "tendon_force": tendon,
            "tendon_rate": tendon_rate,
        }
        forces = self.evaluate_states(task.body, *states.values())
        return states | {"reflex": here[4].T} | forces

    def evaluate_states(
        self, body, position, speed, acceleration, activation, torque, tendon_force, tendon_rate
    ) -> dict[str, np.ndarray]:
        """Evaluate forces and moments of any states, with OpenSim's friction law."""
        inputs = (position, speed, acceleration, activation, torque, tendon_force, tendon_rate)
        n = len(position)
        values = self._forces.map(n)(*(x.T for x in inputs), np.tile(body[:, None], (1, n)))
        results = {name: np.array(value).T for name, value in zip(FORCES, values, strict=True)}
        results["ground_force"] = results["ground_force"].reshape(n, 2, 2)
        return results

    def _build(self, specification: Specification, cache: Path) -> None:
        point = build_point_problem(specification, self.layout)
        head, before, here, after, body, task = point.inputs
        z = ca.vertcat(head, before, here, after)
        parameters = ca.vertcat(body, task)
        multiplier, sigma = ca.SX.sym("lam", point.constraints.numel()), ca.SX.sym("sigma")
        gradient = ca.gradient(point.cost, z)
        jacobian = ca.jacobian(point.constraints, z)
        lagrangian = sigma * point.cost + ca.dot(multiplier, point.constraints)
        hessian = ca.triu(ca.hessian(lagrangian, z)[0])
        tag = "impaired" if self.layout.impaired else "plain"

        def make(name, inputs, outputs):
            return ca.Function(f"{name}_{tag}", inputs, outputs, {"cse": True})

        functions = [
            make("value", [z, parameters], [point.cost, point.constraints]),
            make("gradient", [z, parameters], [gradient]),
            make("jacobian", [z, parameters], [ca.vertcat(*jacobian.nonzeros())]),
            make("hessian", [z, parameters, sigma, multiplier], [ca.vertcat(*hessian.nonzeros())]),
        ]
        self._functions = compile_functions(functions, cache)
        self._forces = build_force_function(specification)
        self._columns = self._find_columns()
        self._assemble(point, jacobian.sparsity(), hessian.sparsity(), parameters.numel())

    def _find_columns(self) -> np.ndarray:
        """Place in the decision vector of the variables of three neighbouring points (n_points, 3, size)."""
        n, size = self.n_points, self.layout.size
        place = N_HEAD + np.arange(n * size).reshape(n, size)
        mirror = self.layout.get_mirror_order() if self.kind == "half" else np.arange(size)
        before, after = np.roll(place, 1, axis=0), np.roll(place, -1, axis=0)
        before[0], after[-1] = before[0][mirror], after[-1][mirror]
        return np.stack([before, place, after], axis=1)

    def _assemble(self, point, jacobian_sparsity, hessian_sparsity, n_parameters: int) -> None:
        value, gradient, jacobian, hessian = self._functions
        n = self.n_points
        n_w, n_g = N_HEAD + n * self.layout.size, point.constraints.numel()
        w, p = ca.MX.sym("w", n_w), ca.MX.sym("p", n_parameters)
        places = np.hstack([np.tile(np.arange(N_HEAD), (n, 1)), self._columns.reshape(n, -1)])
        z = ca.reshape(w[places.ravel().tolist()], places.shape[1], n)
        parameters = ca.repmat(p, 1, n)
        costs, constraints = value.map(n)(z, parameters)
        pins = self._build_pins(w)
        f, g = ca.sum2(costs) / n, ca.vertcat(ca.vec(constraints), pins)
        f_gradient = gather_sparse(
            places.ravel(), np.zeros(places.size, int), (n_w, 1), gradient.map(n)(z, parameters) / n
        )
        rows, columns = (np.array(v) for v in jacobian_sparsity.get_triplet())
        block_j = gather_sparse(
            (rows[None] + n_g * np.arange(n)[:, None]).ravel(),
            places[:, columns].ravel(),
            (n * n_g, n_w),
            jacobian.map(n)(z, parameters),
        )
        jac = ca.vertcat(block_j, ca.jacobian(pins, w))
        lam, sigma = ca.MX.sym("lam", n * n_g + pins.numel()), ca.MX.sym("sigma")
        lam_points = ca.reshape(lam[: n * n_g], n_g, n)
        rows, columns = (np.array(v) for v in hessian_sparsity.get_triplet())
        first, second = places[:, rows].ravel(), places[:, columns].ravel()
        block = hessian.map(n)(z, parameters, ca.repmat(sigma / n, 1, n), lam_points)
        # A mirrored neighbour can turn an entry of the upper triangle into one of the lower.
        hess = gather_sparse(np.minimum(first, second), np.maximum(first, second), (n_w, n_w), block)
        self._keep_problem([w, p, sigma, lam], (f, f_gradient), (g, jac), hess)
        bounds = [np.concatenate([np.tile(b, n), np.zeros(N_PINS)]) for b in (point.lower, point.upper)]
        self.lower, self.upper = bounds

    def _keep_problem(self, symbols, cost, constraints, hess) -> None:
        """Keep the problem and its derivatives: cost with gradient, constraints with Jacobian, Hessian."""
        w, p, sigma, lam = symbols
        ends = ["x", "p", "lam_f", "lam_g"]
        self._nlp = {"x": w, "p": p, "f": cost[0], "g": constraints[0]}
        self.derivatives = {
            "grad_f": ca.Function("nlp_grad_f", [w, p], list(cost), ends[:2], ["f", "grad_f_x"]),
            "jac_g": ca.Function("nlp_jac_g", [w, p], list(constraints), ends[:2], ["g", "jac_g_x"]),
            "hess_lag": ca.Function("nlp_hess_l", symbols, [hess], ends, ["hess_gamma_x_x"]),
        }
        bare = self.derivatives["hess_lag"](w, p, sigma, 0 * lam)
        self._cost_hessian = ca.Function("nlp_hess_l", symbols, [bare], ends, ["hess_gamma_x_x"])

    def _build_pins(self, w):
        """Fix what the equations leave free: where the walk begins, and at which phase."""
        before, here, after = (w[self._columns[0, j].tolist()][:N_Q] for j in range(3))
        q, v, _ = evaluate_spline(before, here, after, 1.0)
        index = COORDINATES.index
        # The right leg is most forward at the start.
        swing = v[index("hip_flexion_r")] - v[index("hip_flexion_l")]
        bend = v[index("knee_angle_r")] - v[index("knee_angle_l")]
        return ca.vertcat(q[index("pelvis_tx")], self.n_points * (swing - 0.5 * bend))

    def get_bounds(self, task: Task) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of all variables of a task."""
        lower, upper = self.layout.get_bounds(task.leg_length_m)
        lower[N_Q : N_Q + N_M] = np.maximum(lower[N_Q : N_Q + N_M], task.least_activation)
        heads = np.array([np.divide(task.horizon_s, self.n_points), task.speed_mps])
        return tuple(
            np.concatenate([heads[:, i], np.tile(bound, self.n_points)])
            for i, bound in enumerate((lower, upper))
        )

    def _get_solver(self, start: str, time_limit_s: float) -> ca.Function:
        key = (start, time_limit_s)
        if key not in self._solvers:
            rough = {"hess_lag": self._cost_hessian} if start in ("far", "approach") else {}
            options = {
                "ipopt": build_options(start, time_limit_s) | self.settings,
                "print_time": False,
                "no_nlp_grad": True,
                "calc_lam_p": False,
            }
            options |= self.derivatives | rough
            self._solvers[key] = ca.nlpsol("walk", "ipopt", self._nlp, options)
        return self._solvers[key]

    def scale_height(self, decision: np.ndarray, scale: float) -> np.ndarray:
        """Scale the height of the pelvis in a decision vector to another leg length."""
        scaled = decision.copy()
        scaled[self._columns[:, 1, COORDINATES.index("pelvis_ty")]] *= scale
        return scaled

    def pack(self, trajectory: Trajectory) -> np.ndarray:
        """Pack a trajectory into a decision vector."""
        every, t = self.stride, trajectory
        blocks = [
            fit_spline(t.position[::every]),
            t.activation[::every],
            t.torque[::every, None] / TORQUE_SCALE_NM,
            fit_spline(t.tendon_force[::every]),
        ]
        if self.layout.impaired:
            blocks.append(t.reflex[::every])
        whole = np.hstack(blocks)
        return np.concatenate([[t.stride_time_s / len(whole), t.speed_mps], whole[: self.n_points].ravel()])

    def refine(self, result: Result) -> tuple[np.ndarray, np.ndarray]:
        """Carry a solution and its multipliers to a mesh of twice the points: the same splines, exactly."""
        before, here, after = np.moveaxis(result.decision[self._columns], 1, 0)
        is_spline = np.zeros(self.layout.size, bool)
        for part in (0, 3):
            is_spline[self.layout.split(np.arange(self.layout.size))[part]] = True
        knots = np.where(is_spline, (before + 6 * here + after) / 8, here)
        multipliers, order = result.multipliers, self.layout.get_constraint_mirror_order()
        following = np.roll(multipliers, -1, axis=0)
        if self.kind == "half":
            following[-1] = multipliers[0, order]
        points = np.stack([knots, (here + after) / 2], axis=1).reshape(2 * self.n_points, -1)
        # The cost is a mean over points, so each of twice as many weighs half as much.
        halves = np.stack([multipliers, (multipliers + following) / 2], axis=1).reshape(len(points), -1) / 2
        return np.concatenate([[result.decision[0] / 2, result.speed_mps], points.ravel()]), halves
