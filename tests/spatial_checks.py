"""What the tests of gaits in space run in worker processes, where CasADi or OpenSim may be imported."""

from __future__ import annotations

import numpy as np

N_POINTS = 50


def make_states(request, cache, seed: int) -> dict[str, np.ndarray]:
    """States at the points of a random stride, feet in and above the floor, and what is missing there."""
    from gaitlib.simulate.problem import N_HEAD, RESIDUAL_SCALE
    from gaitlib.simulate.spatial_engine import SpatialEngine, make_spatial_task

    engine = SpatialEngine(cache, "half")
    task = make_spatial_task(request, engine.elements)
    rng = np.random.default_rng(seed)
    lower, upper = engine.get_bounds(task)
    decision = lower + (0.3 + 0.4 * rng.random(len(lower))) * (upper - lower)
    decision[0], decision[1] = 0.05, request.speed_mps
    height = decision[N_HEAD:].reshape(N_POINTS, -1)[:, 4]
    height[:] = task.leg_length_m * rng.uniform(0.85, 1.02, N_POINTS)
    p = np.concatenate([task.body, [0.0]])
    constraints = np.array(engine.derivatives["jac_g"](decision, p)[0]).ravel()[:-2].reshape(N_POINTS, -1)
    scale = RESIDUAL_SCALE * request.specification.torque_scale
    return engine.evaluate(task, decision) | {
        "residual": scale * constraints[:, :23],
        "tendon_error": constraints[:, 23:27],
    }


def compare_derivatives(request, cache, seed: int) -> dict[str, float]:
    """Errors of gradient, Jacobian and Hessian against differences along a random direction."""
    import casadi as ca

    from gaitlib.simulate.spatial_engine import SpatialEngine, make_spatial_task

    engine = SpatialEngine(cache, request.kind, request.impairment.needs_reflexes)
    task = make_spatial_task(request, engine.elements)
    rng = np.random.default_rng(seed)
    lower, upper = engine.get_bounds(task)
    decision = lower + (0.45 + 0.1 * rng.random(len(lower))) * (upper - lower)
    decision[0] = 0.03
    p, step = np.concatenate([task.body, [1.0]]), 1e-7 * rng.normal(size=len(lower))
    multipliers = rng.normal(size=len(engine.lower))
    d = engine.derivatives

    def evaluate(x):
        f, slope = d["grad_f"](x, p)
        g, jacobian = d["jac_g"](x, p)
        slope = slope + ca.mtimes(jacobian.T, multipliers)
        return float(f), np.array(g).ravel(), np.array(slope).ravel(), jacobian

    forth, back, here = evaluate(decision + step), evaluate(decision - step), evaluate(decision)
    slope = np.array(d["grad_f"](decision, p)[1]).ravel()
    half = d["hess_lag"](decision, p, 1.0, multipliers)
    curved = np.array((half + half.T - ca.diag(ca.diag(half))) @ step).ravel()
    jacobian = np.array(here[3] @ step).ravel()
    return {
        "gradient": abs((forth[0] - back[0]) / 2 - slope @ step) / abs(slope @ step),
        "jacobian": np.abs((forth[1] - back[1]) / 2 - jacobian).max() / np.abs(jacobian).max(),
        "hessian": np.abs((forth[2] - back[2]) / 2 - curved).max() / np.abs(curved).max(),
    }


def compute_missing(specification, states: dict) -> tuple:
    """What OpenSim misses at these states, and its force of the ground."""
    from gaitlib.simulate.replay import compute_missing_forces

    names = ("position", "speed", "acceleration", "activation", "tendon_force", "tendon_rate", "torque")
    return compute_missing_forces(specification, *(states[name] for name in names))
