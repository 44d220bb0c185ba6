"""The optimal-control problem of walking, built once and solved for any body, impairment and speed.

Half a gait cycle from about right to left initial contact, with left/right symmetry; direct collocation
(separated Hermite-Simpson, 25 intervals, so that nodes and mid-points are the points 0, 1, ... 50 % of the
stride); muscles, body, task and cost weights are parameters. Derivatives of the equations of motion are
compiled per mesh point and assembled into the sparse Jacobian and Hessian that IPOPT reads.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import casadi as ca
import numpy as np

from gaitlib.body.specification import Specification
from gaitlib.simulate.compiled import compile_functions
from gaitlib.simulate.dynamics import N_Q, build_residual, make_symbols
from gaitlib.simulate.guess import N_POINTS
from gaitlib.simulate.problem import N_X, N_Z, RESIDUAL_SCALE, build_linear_part, get_bounds, get_scale
from gaitlib.simulate.request import CostWeights


@dataclass
class Result:
    """A solution of the walking problem at its mesh points; `duals` restart a neighbour."""

    converged: bool
    status: str
    iterations: int
    cost: float
    constraint_violation: float
    half_time_s: float
    points: np.ndarray
    decision: np.ndarray
    duals: tuple[np.ndarray, np.ndarray]


class WalkingEngine:
    """Solver of the walking problem for bodies of one topology.

    Parameters
    ----------
    specification : Specification
        Any body; its topology is compiled, its numbers are not.
    cache : pathlib.Path
        Folder for compiled code.
    """

    def __init__(self, specification: Specification, cache: Path):
        self._specification = specification
        self._cache = Path(cache)
        self._solvers: dict[tuple, ca.Function] = {}
        self._build()

    def solve(
        self,
        parameters: np.ndarray,
        speed_mps: float,
        foot_geometry: tuple[float, float, float, float],
        torque_scale: float,
        guess: np.ndarray,
        duals: tuple[np.ndarray, np.ndarray] | None = None,
        near: bool = False,
        stride_time_s: float | None = None,
        weights: CostWeights | None = None,
        max_iterations: int = 600,
        time_limit_s: float = 60.0,
    ) -> Result:
        """Solve one gait: smoothed friction first, then the exact law.

        Parameters
        ----------
        parameters : array
            Body, as `pack_parameters(flatten_specification(...))`.
        speed_mps : float
            Prescribed mean speed (m/s).
        foot_geometry : tuple of 4 floats
            Thigh, shank, ankle to toe tip (forward) and ankle height (m).
        torque_scale : float
            Scale of the trunk torque in the cost.
        guess : array
            Decision vector of a neighbour or of `make_guess`.
        duals : tuple of two arrays, optional
            Multipliers of the neighbour for a primal-dual warm start.
        near : bool
            The guess is close to a solution, though without multipliers.
        stride_time_s : float, optional
            Prescribed stride time (s); free when left out.
        weights : CostWeights, optional
            Cost weights.
        max_iterations : int
            Limit of IPOPT iterations per stage.
        time_limit_s : float
            Limit of CPU time per stage (s).

        Returns
        -------
        Result
            Converged or not, with the solver's own words.
        """
        weights = weights or CostWeights()
        task = [
            speed_mps,
            torque_scale,
            *foot_geometry,
            *(getattr(weights, f.name) for f in fields(CostWeights)),
        ]
        lower, upper = get_bounds(sum(foot_geometry[:2]) + foot_geometry[3])
        if stride_time_s is not None:
            lower[0] = upper[0] = 0.5 * stride_time_s
        total_iterations = 0
        result = None
        for smooth in (1.0, 0.0):
            start = "warm" if duals is not None else "near" if near else "cold"
            solver = self._get_solver(start, max_iterations, time_limit_s)
            arguments = {
                "x0": np.clip(guess, lower, upper),
                "p": np.concatenate([parameters, [smooth], task]),
                "lbx": lower,
                "ubx": upper,
                "lbg": self._g_lower,
                "ubg": self._g_upper,
            }
            if duals is not None:
                arguments |= {"lam_x0": duals[0], "lam_g0": duals[1]}
            solution = solver(**arguments)
            stats = solver.stats()
            total_iterations += int(stats["iter_count"])
            g = np.array(solution["g"]).ravel()
            violation = float(max(np.max(self._g_lower - g), np.max(g - self._g_upper), 0.0))
            decision = np.array(solution["x"]).ravel()
            duals = (np.array(solution["lam_x"]).ravel(), np.array(solution["lam_g"]).ravel())
            result = Result(
                converged=bool(stats["success"]),
                status=str(stats["return_status"]),
                iterations=total_iterations,
                cost=float(solution["f"]),
                constraint_violation=violation,
                half_time_s=float(decision[0]),
                points=self._unscale(decision),
                decision=decision,
                duals=duals,
            )
            if not result.converged:
                return result
            guess = decision
        return result

    def evaluate(self, parameters: np.ndarray, points: np.ndarray) -> dict[str, np.ndarray]:
        """Evaluate forces and moments along a solution (exact friction).

        Parameters
        ----------
        parameters : array
            Body parameters.
        points : array, shape (n, N_Z)
            Mesh points of a Result.

        Returns
        -------
        dict of str to array
            `joint_moment` (n, 12), `muscle_moment` (n, 12), `muscle_force` (n, 18),
            `ground_force` (n, 2, 2), `residual` (n, 12).
        """
        n = len(points)
        mapped = self._outputs.map(n)
        values = mapped(points.T, np.tile(np.append(parameters, 0.0)[:, None], (1, n)))
        names = ("residual", "joint_moment", "muscle_moment", "muscle_force", "ground_force")
        results = {name: np.array(value) for name, value in zip(names, values, strict=True)}
        results["ground_force"] = results["ground_force"].reshape(2, n, 2).transpose(1, 0, 2)
        return {k: v if k == "ground_force" else v.T for k, v in results.items()}

    def _build(self) -> None:
        symbols = make_symbols(self._specification)
        scaled = ca.SX.sym("z", N_Z)
        z = scaled * get_scale()
        q, v, act = z[:N_Q], z[N_Q : 2 * N_Q], z[2 * N_Q : N_X]
        a, torque = z[N_X : N_X + N_Q], z[-1]
        terms = build_residual(self._specification, symbols, q, v, a, act, torque)
        residual = terms["residual"] / RESIDUAL_SCALE
        multiplier = ca.SX.sym("lam", N_Q)
        parameters = symbols.vector
        jacobian = ca.jacobian(residual, scaled)
        hessian = ca.triu(ca.hessian(ca.dot(multiplier, residual), scaled)[0])
        self._jacobian_sparsity, self._hessian_sparsity = jacobian.sparsity(), hessian.sparsity()
        nonzeros = [ca.vertcat(*m.nonzeros()) for m in (jacobian, hessian)]
        functions = [
            ca.Function("point_r", [scaled, parameters], [residual], {"cse": True}),
            ca.Function("point_j", [scaled, parameters], [nonzeros[0]], {"cse": True}),
            ca.Function("point_h", [scaled, parameters, multiplier], [nonzeros[1]], {"cse": True}),
        ]
        self._r, self._j, self._h = compile_functions(functions, self._cache)
        raw = ca.SX.sym("raw", N_Z)
        outputs = ca.substitute(
            [terms[k] for k in ("residual", "joint_moment", "muscle_moment", "muscle_force", "ground_force")],
            [scaled],
            [raw / get_scale()],
        )
        self._outputs = ca.Function("outputs", [raw, parameters], outputs)
        self._n_body = parameters.numel()
        self._linear = build_linear_part()
        self._assemble()

    def _assemble(self) -> None:
        n_task = self._linear.task.numel()
        w, task = self._linear.w, self._linear.task
        gradient = ca.gradient(self._linear.cost, w)
        jacobian = ca.jacobian(self._linear.constraints, w)
        lam_g = ca.SX.sym("lam_g", self._linear.constraints.numel())
        lam_f = ca.SX.sym("lam_f")
        hessian = ca.triu(
            ca.hessian(lam_f * self._linear.cost + ca.dot(lam_g, self._linear.constraints), w)[0]
        )
        cost = ca.Function("cost", [w, task], [self._linear.cost, gradient])
        linear = ca.Function("linear", [w, task], [self._linear.constraints])
        linear_j = ca.Function("linear_j", [w, task], [jacobian])
        linear_h = ca.Function("linear_h", [w, task, lam_f, lam_g], [hessian])
        n_dynamic = N_POINTS - 1
        x = ca.MX.sym("x", w.numel())
        p = ca.MX.sym("p", self._n_body + n_task)
        body, task_mx = p[: self._n_body], p[self._n_body :]
        z = ca.reshape(x[1 : 1 + n_dynamic * N_Z], N_Z, n_dynamic)
        bodies = ca.repmat(body, 1, n_dynamic)
        n_linear = self._linear.constraints.numel()
        dynamic = ca.vec(self._r.map(n_dynamic)(z, bodies))
        g = ca.vertcat(linear(x, task_mx), dynamic)
        f, f_gradient = cost(x, task_mx)
        block_j = ca.MX(
            _place_blocks(self._jacobian_sparsity, n_dynamic, N_Q, w.numel()),
            ca.vec(self._j.map(n_dynamic)(z, bodies)),
        )
        jac = ca.vertcat(linear_j(x, task_mx), block_j)
        multipliers = ca.MX.sym("lam_g", n_linear + n_dynamic * N_Q)
        sigma = ca.MX.sym("lam_f")
        lam_points = ca.reshape(multipliers[n_linear:], N_Q, n_dynamic)
        block_h = ca.MX(
            _place_blocks(self._hessian_sparsity, n_dynamic, N_Z, w.numel(), square=True),
            ca.vec(self._h.map(n_dynamic)(z, bodies, lam_points)),
        )
        hess = linear_h(x, task_mx, sigma, multipliers[:n_linear]) + block_h
        self._nlp = {"x": x, "p": p, "f": f, "g": g}
        self._derivatives = {
            "grad_f": ca.Function("nlp_grad_f", [x, p], [f, f_gradient], ["x", "p"], ["f", "grad_f_x"]),
            "jac_g": ca.Function("nlp_jac_g", [x, p], [g, jac], ["x", "p"], ["g", "jac_g_x"]),
            "hess_lag": ca.Function(
                "nlp_hess_l",
                [x, p, sigma, multipliers],
                [hess],
                ["x", "p", "lam_f", "lam_g"],
                ["hess_gamma_x_x"],
            ),
        }
        n_dynamics_rows = n_dynamic * N_Q
        self._g_lower = np.concatenate([self._linear.lower, np.zeros(n_dynamics_rows)])
        self._g_upper = np.concatenate([self._linear.upper, np.zeros(n_dynamics_rows)])

    def _get_solver(self, start: str, max_iterations: int, time_limit_s: float) -> ca.Function:
        """`start` is cold (far), near (a neighbour's values) or warm (values and multipliers)."""
        key = (start, max_iterations, time_limit_s)
        if key not in self._solvers:
            ipopt = {
                "print_level": 0,
                "sb": "yes",
                "max_iter": max_iterations,
                "max_cpu_time": time_limit_s,
                "tol": 1e-5,
                "constr_viol_tol": 1e-6,
                "mu_strategy": "adaptive" if start == "cold" else "monotone",
                "linear_solver": "mumps",
                "mumps_pivot_order": 5,
                "nlp_scaling_method": "none",
            }
            if start != "cold":
                ipopt |= {"mu_init": 1e-4, "bound_push": 1e-6, "bound_frac": 1e-6}
            if start == "warm":
                ipopt |= {"warm_start_init_point": "yes"} | {
                    f"warm_start_{name}": 1e-6
                    for name in (
                        "bound_push",
                        "bound_frac",
                        "slack_bound_push",
                        "slack_bound_frac",
                        "mult_bound_push",
                    )
                }
            options = {"ipopt": ipopt, "print_time": False, "no_nlp_grad": True, "calc_lam_p": False}
            self._solvers[key] = ca.nlpsol("walk", "ipopt", self._nlp, options | self._derivatives)
        return self._solvers[key]

    def _unscale(self, decision: np.ndarray) -> np.ndarray:
        return decision[1:].reshape(N_POINTS, N_Z) * get_scale()

    def pack(self, half_time_s: float, points: np.ndarray) -> np.ndarray:
        """Pack mesh points into a decision vector.

        Parameters
        ----------
        half_time_s : float
            Duration of half a stride (s).
        points : array, shape (51, N_Z)
            Values at the mesh points, SI units.

        Returns
        -------
        array
            Scaled decision vector for `solve`.
        """
        return np.concatenate([[half_time_s], (points / get_scale()).ravel()])


def _place_blocks(
    block: ca.Sparsity, n_blocks: int, n_rows: int, n_columns: int, square: bool = False
) -> ca.Sparsity:
    """Sparsity of per-point blocks inside the whole matrix (column 0 is the half-cycle time).

    Blocks occupy disjoint columns in increasing order, so the nonzeros of the whole are those of the
    blocks one after the other.
    """
    rows, columns = (np.array(v) for v in block.get_triplet())
    row_offset = np.repeat(np.arange(n_blocks) * n_rows + (1 if square else 0), len(rows))
    column_offset = np.repeat(np.arange(n_blocks) * N_Z + 1, len(rows))
    total_rows = n_columns if square else n_blocks * n_rows
    return ca.Sparsity.triplet(
        total_rows,
        n_columns,
        (np.tile(rows, n_blocks) + row_offset).tolist(),
        (np.tile(columns, n_blocks) + column_offset).tolist(),
    )
