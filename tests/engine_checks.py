"""What the simulator's tests run in worker processes, where CasADi or OpenSim may be imported."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gaitlib.gait import COORDINATES, MUSCLES, swap_side
from gaitlib.person import Impairment
from gaitlib.simulate.request import GaitRequest

N_Q, N_M = len(COORDINATES), len(MUSCLES)


def make_random_states(request: GaitRequest, n: int, seed: int) -> dict[str, np.ndarray]:
    """States of all kinds: feet in the floor, at the floor and in the air, limbs moving fast."""
    rng = np.random.default_rng(seed)
    leg = request.specification.leg_length_m
    q = rng.uniform(-0.4, 0.6, (n, N_Q))
    q[:, COORDINATES.index("pelvis_ty")] = leg * rng.uniform(0.85, 1.02, n)
    for side in "rl":
        q[:, COORDINATES.index(f"knee_angle_{side}")] = rng.uniform(0.0, 1.2, n)
    n_t = sum(muscle.compliant for muscle in request.specification.muscles)
    return {
        "position": q,
        "speed": rng.normal(0, 2.0, (n, N_Q)),
        "acceleration": rng.normal(0, 20.0, (n, N_Q)),
        "activation": rng.uniform(0.01, 1.0, (n, N_M)),
        "torque": rng.normal(0, 30, (n, 1)),
        "tendon_force": rng.uniform(0.05, 0.9, (n, n_t)),
        "tendon_rate": rng.normal(0, 1.0, (n, n_t)),
    }


def evaluate_engine(request: GaitRequest, cache, states: dict) -> dict[str, np.ndarray]:
    """Forces and residuals of the CasADi engine."""
    from gaitlib.simulate.dynamics import flatten_specification, pack_parameters
    from gaitlib.simulate.solve import get_engine

    body = pack_parameters(flatten_specification(request.specification))
    return get_engine(request, cache).evaluate_states(body, *states.values())


def evaluate_opensim(request: GaitRequest, states: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Missing generalised forces, ground forces and imbalance of tendons of OpenSim."""
    from gaitlib.simulate.replay import compute_missing_forces

    names = ("position", "speed", "acceleration", "activation", "tendon_force", "tendon_rate")
    return compute_missing_forces(
        request.specification, *(states[k] for k in names), states["torque"].ravel()
    )


def mirror_states(states: dict) -> dict:
    """Exchange left and right."""
    half = states["tendon_force"].shape[1] // 2
    swap_q = [COORDINATES.index(swap_side(name)) for name in COORDINATES]
    swap_m = [MUSCLES.index(swap_side(name)) for name in MUSCLES]
    swap_t = [*range(half, 2 * half), *range(half)]
    order = {
        "position": swap_q,
        "speed": swap_q,
        "acceleration": swap_q,
        "activation": swap_m,
        "torque": [0],
        "tendon_force": swap_t,
        "tendon_rate": swap_t,
    }
    return {name: values[:, order[name]] for name, values in states.items()}


def differentiate_problem(request: GaitRequest, cache, seed: int) -> tuple[float, float]:
    """Largest relative error of the assembled Jacobian and Hessian against central differences."""
    from gaitlib.simulate.guess import make_guess
    from gaitlib.simulate.solve import get_engine, make_task

    engine, task = get_engine(request, cache), make_task(request)
    rng = np.random.default_rng(seed)
    w = engine.pack(make_guess(request.speed_mps, task.leg_length_m))
    w = w + 1e-3 * rng.normal(size=w.size)
    p = np.concatenate([task.body, [1.0], task.parameters])
    direction = rng.normal(size=w.size) * np.append(0.1, np.append(0.1, np.ones(w.size - 2)))
    lam = rng.normal(size=engine.lower.size)
    h = 1e-6

    def lagrangian_gradient(x):
        _, jacobian = engine.derivatives["jac_g"](x, p)
        _, gradient = engine.derivatives["grad_f"](x, p)
        return np.array(gradient).ravel() + np.array(jacobian.T @ lam).ravel()

    _, jacobian = engine.derivatives["jac_g"](w, p)
    values = [np.array(engine.derivatives["jac_g"](w + s * h * direction, p)[0]).ravel() for s in (1, -1)]
    slope = (values[0] - values[1]) / (2 * h)
    error_j = np.abs(np.array(jacobian @ direction).ravel() - slope).max() / np.abs(slope).max()
    upper = engine.derivatives["hess_lag"](w, p, 1.0, lam)
    dense = np.array(upper.full())
    hessian = dense + np.triu(dense, 1).T
    curve = (lagrangian_gradient(w + h * direction) - lagrangian_gradient(w - h * direction)) / (2 * h)
    return error_j, np.abs(hessian @ direction - curve).max() / np.abs(curve).max()


def evaluate_muscle_curves() -> dict[str, float]:
    """The muscle model at textbook points."""
    from gaitlib.simulate.dynamics import (
        compute_active_force_length,
        compute_force_velocity,
        compute_passive_force_length,
        compute_rigid_muscle,
    )

    isometric = compute_rigid_muscle(1.0, 0.3, 0.0, [1000.0, 0.1, 0.2, 0.0, 1.0, 0.6])["force"]
    return {
        "active_optimum": float(compute_active_force_length(1.0)),
        "active_short": float(compute_active_force_length(0.4)),
        "active_long": float(compute_active_force_length(1.6)),
        "velocity_isometric": float(compute_force_velocity(0.0)),
        "velocity_fastest": float(compute_force_velocity(-1.0)),
        "velocity_lengthening": float(compute_force_velocity(1.0)),
        "passive_optimum": float(compute_passive_force_length(1.0)),
        "passive_stretched": float(compute_passive_force_length(1.6)),
        "isometric_force_n": float(isometric),
    }


def simulate_model(request: GaitRequest, duration_s: float) -> tuple[float, float]:
    """Let OpenSim's own integrator drop the model from the air: mean vertical acceleration and weight."""
    import opensim

    from gaitlib.body.opensim_model import build_model

    model = build_model(request.specification)
    state = model.initSystem()
    height = model.getCoordinateSet().get("pelvis_ty")
    height.setValue(state, 3.0)
    for name in MUSCLES:
        opensim.Muscle.safeDownCast(model.getForceSet().get(name)).setActivation(state, 0.05)
    model.equilibrateMuscles(state)
    model.realizePosition(state)
    before = model.calcMassCenterPosition(state).get(1)
    manager = opensim.Manager(model)
    manager.initialize(state)
    end = manager.integrate(duration_s)
    model.realizePosition(end)
    after = model.calcMassCenterPosition(end).get(1)
    return 2 * (after - before) / duration_s**2, model.getTotalMass(state)


def open_written_model(path: str) -> tuple[list[str], list[str]]:
    """Coordinates and muscles that OpenSim reads from a written file."""
    import opensim

    opensim.Logger.setLevelString("Error")
    model = opensim.Model(path)
    model.initSystem()
    coordinates = model.getCoordinateSet()
    return (
        sorted(coordinates.get(i).getName() for i in range(coordinates.getSize())),
        sorted(muscle.getName() for muscle in model.getMuscles()),
    )


def compare_unfolded_gradients(request: GaitRequest, cache, seed: int) -> float:
    """Gradient of the Lagrangian of a whole stride against that of half a stride; relative difference."""
    from gaitlib.simulate.engine import N_PINS
    from gaitlib.simulate.guess import make_guess
    from gaitlib.simulate.problem import N_HEAD
    from gaitlib.simulate.solve import fit_multipliers, get_engine, make_task

    rng = np.random.default_rng(seed)
    half, whole = (get_engine(replace(request, kind=kind), cache) for kind in ("half", "stride"))
    task, layout = make_task(request), half.layout
    guess = half.pack(make_guess(1.0, task.leg_length_m))
    guess = guess + 0.01 * rng.normal(size=len(guess))
    points = guess[N_HEAD:].reshape(half.n_points, layout.size)
    unfolded = np.concatenate([guess[:N_HEAD], points.ravel(), points[:, layout.get_mirror_order()].ravel()])
    multipliers = rng.normal(size=(half.n_points, len(layout.get_constraint_mirror_order())))
    p = np.concatenate([task.body, [0.0], task.parameters])

    def compute(engine, w, values):
        gradient = np.array(engine.derivatives["grad_f"](w, p)[1]).ravel()
        jacobian = engine.derivatives["jac_g"](w, p)[1].sparse()
        return gradient + jacobian.T @ np.concatenate([values.ravel(), np.zeros(N_PINS)])

    doubled = fit_multipliers(layout, multipliers, whole.n_points)
    assert np.allclose(fit_multipliers(layout, doubled, half.n_points), multipliers)
    expected, found = compute(half, guess, multipliers), compute(whole, unfolded, doubled)
    size = len(expected) - N_HEAD
    assert np.allclose(found[:N_HEAD], expected[:N_HEAD])
    difference = np.abs(2 * found[N_HEAD : N_HEAD + size] - expected[N_HEAD:]).max()
    return float(difference / np.abs(expected).max())


def compare_refined(request: GaitRequest, cache, seed: int) -> tuple[float, float]:
    """Angles, speeds and accelerations of any splines on half the mesh and of the same, refined, at the same
    times; horizons. Largest relative difference of each.
    """
    from gaitlib.simulate.engine import Result
    from gaitlib.simulate.guess import make_guess
    from gaitlib.simulate.solve import get_engine, make_task

    rng = np.random.default_rng(seed)
    coarse, fine = (get_engine(request, cache, coarse=half) for half in (True, False))
    task = make_task(request)
    decision = coarse.pack(make_guess(1.0, task.leg_length_m))
    decision[2:] += 0.01 * rng.normal(size=len(decision) - 2)
    multipliers = rng.normal(size=(coarse.n_points, len(coarse.layout.get_constraint_mirror_order())))
    result = Result(True, "", 0, 0.0, 0.0, 0.0, float(decision[1]), decision, multipliers)
    refined, halves = coarse.refine(result)
    assert np.allclose(2 * halves[::2], multipliers) and len(halves) == fine.n_points
    rough, smooth = coarse.evaluate(task, decision), fine.evaluate(task, refined)
    worst = max(
        np.abs(rough[name] - smooth[name][::2]).max() / np.abs(rough[name]).max()
        for name in ("position", "speed", "acceleration", "activation", "tendon_force", "ground_force")
    )
    return float(worst), float(abs(coarse.n_points * decision[0] / (fine.n_points * refined[0]) - 1))


def measure_balance(request: GaitRequest, cache) -> tuple[float, float]:
    """At a solution: largest multiplier of a bound, largest entry of the Lagrangian's gradient with them.

    The multipliers of the pins are not kept: they may take what they can of the gradient.
    """
    from gaitlib.simulate.engine import N_PINS
    from gaitlib.simulate.neighbours import LibraryStarts, find_nearest
    from gaitlib.simulate.solve import get_engine, make_task, solve_request

    library = LibraryStarts()
    solved = solve_request(request, cache, library.make(find_nearest(library.table, request)))
    assert solved.converged
    engine, task = get_engine(request, cache), make_task(request)
    x, p = engine.pack(solved.start), np.concatenate([task.body, [0.0], task.parameters])
    lower, upper = engine.get_bounds(task)
    multipliers = np.concatenate([solved.start.multipliers.ravel(), np.zeros(N_PINS)])
    bounds = engine.balance_bounds({"x0": x, "p": p, "lbx": lower, "ubx": upper, "lam_g0": multipliers})
    gradient = np.array(engine.derivatives["grad_f"](x, p)[1]).ravel()
    jacobian = engine.derivatives["jac_g"](x, p)[1].sparse()
    rest, pins = gradient + jacobian.T @ multipliers + bounds, jacobian[-N_PINS:].toarray().T
    rest -= pins @ np.linalg.lstsq(pins, rest)[0]
    return float(np.abs(bounds).max()), float(np.abs(rest).max())


def measure_directions(cache, changes: dict[str, dict]) -> dict[str, dict[str, float]]:
    """Angles (degrees) of an adult without an impairment and with each of some."""
    from gaitlib.simulate.neighbours import LibraryStarts, find_nearest
    from gaitlib.simulate.plan import TYPICAL_ADULT
    from gaitlib.simulate.solve import solve_request

    library, found, start = LibraryStarts(), {}, None
    for name, change in {"none": {}, **changes}.items():
        request = GaitRequest(TYPICAL_ADULT, 1.0, Impairment(**change))
        start = start or library.make(find_nearest(library.table, request))
        solved = solve_request(request, cache, start)
        assert solved.converged, name
        start = start if found else solved.start
        angle = dict(zip(COORDINATES, np.degrees(solved.position.T), strict=True))
        found[name] = {
            "hip": float(angle["hip_flexion_r"].min()),
            "tilt": float(-angle["pelvis_tilt"].mean()),
            "knee": float(angle["knee_angle_r"].min()),
            "ankle": float(angle["ankle_angle_r"].mean()),
            "calf": float(solved.activation[:, MUSCLES.index("soleus_r")].min()),
        }
    return found
