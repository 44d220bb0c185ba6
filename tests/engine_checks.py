"""What the simulator's tests run in worker processes, where CasADi or OpenSim may be imported."""

from __future__ import annotations

import numpy as np

from gaitlib.gait import COORDINATES, MUSCLES
from gaitlib.simulate.request import GaitRequest

N_Q, N_M = len(COORDINATES), len(MUSCLES)


def make_random_points(request: GaitRequest, n: int, seed: int) -> np.ndarray:
    """States of all kinds: feet in the floor, at the floor and in the air, limbs moving fast."""
    rng = np.random.default_rng(seed)
    leg = request.specification.leg_length_m
    q = rng.uniform(-0.4, 0.6, (n, N_Q))
    q[:, COORDINATES.index("pelvis_ty")] = leg * rng.uniform(0.85, 1.02, n)
    for side in "rl":
        q[:, COORDINATES.index(f"knee_angle_{side}")] = rng.uniform(0.0, 1.2, n)
    v = rng.normal(0, 2.0, (n, N_Q))
    a = rng.normal(0, 20.0, (n, N_Q))
    activation = rng.uniform(0.01, 1.0, (n, N_M))
    rate = np.zeros((n, N_M))
    return np.hstack([q, v, activation, a, rate, rng.normal(0, 30, (n, 1))])


def evaluate_engine(request: GaitRequest, cache, points: np.ndarray) -> dict[str, np.ndarray]:
    """Forces and residuals of the CasADi engine."""
    from gaitlib.simulate.parameters import flatten_specification, pack_parameters
    from gaitlib.simulate.solve import get_engine

    parameters = pack_parameters(flatten_specification(request.specification))
    return get_engine(request, cache).evaluate(parameters, points)


def evaluate_opensim(request: GaitRequest, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Missing generalised forces and ground forces of OpenSim."""
    from gaitlib.simulate.replay import compute_missing_forces

    q, v = points[:, :N_Q], points[:, N_Q : 2 * N_Q]
    activation = points[:, 2 * N_Q : 2 * N_Q + N_M]
    a = points[:, 2 * N_Q + N_M : 3 * N_Q + N_M]
    return compute_missing_forces(request.specification, q, v, a, activation, points[:, -1])


def mirror_points(points: np.ndarray) -> np.ndarray:
    """Exchange left and right."""
    from gaitlib.simulate.problem import get_mirror_order

    return points[:, get_mirror_order()]


def evaluate_muscle_curves() -> dict[str, float]:
    """The muscle model at textbook points."""
    from gaitlib.simulate.muscle import (
        compute_active_force_length,
        compute_force_velocity,
        compute_muscle_force,
        compute_passive_force_length,
    )

    isometric = compute_muscle_force(1.0, 0.3, 0.0, [1000.0, 0.1, 0.2, 0.0, 1.0])
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
        opensim.Muscle.safeDownCast(model.getForceSet().get(name)).setActivation(state, 0.01)
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
