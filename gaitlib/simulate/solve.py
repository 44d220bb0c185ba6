"""Solve gait requests (imports CasADi: runs in worker processes of its own)."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread per solve, one process per core

import time  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402

from gaitlib.gait import COORDINATES  # noqa: E402
from gaitlib.simulate.engine import Result, WalkingEngine  # noqa: E402
from gaitlib.simulate.guess import GUESSES_DEG, N_POINTS, make_guess  # noqa: E402
from gaitlib.simulate.parameters import flatten_specification, pack_parameters  # noqa: E402
from gaitlib.simulate.problem import N_Q, N_X, get_mirror_order  # noqa: E402
from gaitlib.simulate.request import GaitRequest  # noqa: E402
from gaitlib.simulate.solution import SolvedGait  # noqa: E402

_CONTACT_SHARE = 0.03
"""A foot is on the ground above this share of body weight."""

_engines: dict[str, WalkingEngine] = {}


def get_engine(request: GaitRequest, cache: Path) -> WalkingEngine:
    """Get this process's engine, building it at the first call.

    Parameters
    ----------
    request : GaitRequest
        Any request; all have the same topology.
    cache : pathlib.Path
        Folder for compiled code.

    Returns
    -------
    WalkingEngine
        The engine.
    """
    key = str(cache)
    if key not in _engines:
        _engines[key] = WalkingEngine(request.specification, Path(cache))
    return _engines[key]


def solve_request(
    request: GaitRequest,
    cache: Path,
    guess: tuple[float, np.ndarray] | np.ndarray | None = None,
    duals: tuple[np.ndarray, np.ndarray] | None = None,
    time_limit_s: float = 60.0,
) -> SolvedGait:
    """Solve one request, warm from a neighbour or cold from several starts.

    Parameters
    ----------
    request : GaitRequest
        What to solve.
    cache : pathlib.Path
        Folder for compiled code.
    guess : array or (half_time_s, points), optional
        Decision vector of a neighbour, or mesh points; a cold start when left out: every start of
        `GUESSES_DEG` is tried and the cheapest converged solution kept.
    duals : tuple of two arrays, optional
        Multipliers of the neighbour.
    time_limit_s : float
        CPU limit per attempt (s).

    Returns
    -------
    SolvedGait
        Converged or not, with the solver's status.
    """
    engine = get_engine(request, cache)
    parameters = pack_parameters(flatten_specification(request.specification))
    started = time.process_time()

    def attempt(start: np.ndarray, multipliers=None) -> Result:
        return engine.solve(
            parameters,
            request.speed_mps,
            request.foot_geometry,
            request.specification.torque_scale,
            start,
            multipliers,
            near=guess is not None,
            stride_time_s=request.stride_time_s,
            weights=request.weights,
            time_limit_s=time_limit_s,
        )

    if guess is not None:
        result = attempt(engine.pack(*guess) if isinstance(guess, tuple) else guess, duals)
    else:
        leg = request.specification.leg_length_m
        starts = [make_guess(request.speed_mps, leg, N_POINTS, k) for k in range(len(GUESSES_DEG))]
        results = [attempt(engine.pack(*start)) for start in starts]
        result = min(results, key=lambda r: (not r.converged, r.cost))
    return _unfold(request, engine, parameters, result, time.process_time() - started)


def _unfold(request, engine, parameters, result: Result, cpu_s: float) -> SolvedGait:
    """Complete the stride with the mirrored half and move phase 0 to right initial contact."""
    points = result.points
    outputs = engine.evaluate(parameters, points)
    order = np.array(get_mirror_order())
    travel = COORDINATES.index("pelvis_tx")
    half_distance = request.speed_mps * result.half_time_s
    second = points[:, order].copy()
    second[:, travel] += half_distance
    whole = np.vstack([points, second[1:]])
    ground = np.concatenate([outputs["ground_force"], outputs["ground_force"][1:, ::-1]])
    moment = np.vstack([outputs["joint_moment"], outputs["joint_moment"][1:, order[:N_Q]]])
    vertical = ground[:-1, 0, 1]
    on = vertical > _CONTACT_SHARE * request.specification.mass_kg * 9.80665
    contacts = np.flatnonzero(on & ~np.roll(on, 1))
    offset = int(contacts[0]) if len(contacts) else 0

    def roll(values: np.ndarray) -> np.ndarray:
        rolled = np.roll(values[:-1], -offset, axis=0)
        return np.concatenate([rolled, rolled[:1]])

    position = roll(whole[:, :N_Q])
    wrapped = len(position) - 1 - offset
    position[wrapped:, travel] += 2 * half_distance
    position[-1, travel] = position[0, travel] + 2 * half_distance
    position[:, travel] -= position[0, travel]
    activation = whole[:, 2 * N_Q : N_X]
    return SolvedGait(
        gait_id=request.gait_id,
        converged=result.converged,
        status=result.status,
        iterations=result.iterations,
        cpu_s=cpu_s,
        cost=result.cost,
        constraint_violation=result.constraint_violation,
        muscles_at_bound_share=float(np.mean(activation > 0.99)),
        stride_time_s=2 * result.half_time_s,
        phase_offset=offset,
        position=position,
        speed=roll(whole[:, N_Q : 2 * N_Q]),
        acceleration=roll(whole[:, N_X : N_X + N_Q]),
        activation=roll(activation),
        activation_rate=roll(whole[:, N_X + N_Q : -1]),
        lumbar_torque_nm=roll(whole[:, -1]),
        joint_moment=roll(moment),
        ground_force=roll(ground),
        decision=result.decision,
        duals=result.duals,
    )
