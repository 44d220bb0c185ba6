"""Solve gait requests (imports CasADi: runs in worker processes of its own)."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread per solve, one process per core

import time  # noqa: E402
from dataclasses import fields, replace  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402

from gaitlib.body.dimensions import compute_dimensions  # noqa: E402
from gaitlib.gait import (  # noqa: E402
    COORDINATES,
    GRAVITY_MPS2,
    MUSCLES,
    swap_side,
)
from gaitlib.person import SPASTIC_GROUPS  # noqa: E402
from gaitlib.simulate.dynamics import flatten_specification, pack_parameters  # noqa: E402
from gaitlib.simulate.engine import Result, Task, WalkingEngine  # noqa: E402
from gaitlib.simulate.guess import GUESSES_DEG, Trajectory, make_guess  # noqa: E402
from gaitlib.simulate.problem import COMPLIANT, SPASTIC, TASK_FIELDS, Layout  # noqa: E402
from gaitlib.simulate.request import GaitRequest  # noqa: E402
from gaitlib.simulate.solution import SolvedGait  # noqa: E402


def fit_multipliers(layout: Layout, multipliers: np.ndarray, n_points: int) -> np.ndarray:
    """Fit a neighbour's multipliers: a mean over twice as many points halves them; new ones begin at zero."""
    order = layout.get_constraint_mirror_order()
    n, m = multipliers.shape
    points = np.zeros((n, len(order)))
    points[:, : min(m, len(order))] = multipliers[:, : len(order)]
    if n < n_points:
        points = np.concatenate([points, points[:, order]])
    return n / n_points * points[:n_points]


CONTACT_SHARE = 0.03
"""A foot is on the ground above this share of body weight."""

STRIDE_TIME_S = (0.4, 3.0)
"""Range in which the cost chooses a free stride time (s)."""

_engines: dict[tuple, WalkingEngine] = {}


def get_engine(request: GaitRequest, cache: Path, coarse: bool = False) -> WalkingEngine:
    """Get this process's engine for a request, building it at the first call."""
    key = (str(cache), request.kind, request.impairment.needs_reflexes, coarse)
    if key not in _engines:
        _engines[key] = WalkingEngine(request.specification, Path(cache), *key[1:])
    return _engines[key]


def make_task(request: GaitRequest) -> Task:
    """Turn a request into the numbers of the walking problem."""
    specification, dimensions = request.specification, compute_dimensions(request.person)
    impairment, leg = request.impairment, specification.leg_length_m
    named = {
        "torque_scale": specification.torque_scale,
        "thigh_m": dimensions.thigh_m,
        "shank_m": dimensions.shank_m,
        "forward_m": dimensions.mtp_ahead_of_ankle_m + dimensions.toe_ahead_of_mtp_m,
        "down_m": dimensions.ankle_height_m,
        "weight_n": specification.mass_kg * GRAVITY_MPS2,
        "lean_rad": -np.radians(impairment.stoop_deg + request.structure.lean),
        "tilt_rad": -np.radians(impairment.tilt_deg + request.structure.tilt),
        "mass_kg": specification.mass_kg,
        "slowness": 1 + 2 * impairment.bradykinesia,
        "largest_excitation": 1 - 0.6 * impairment.bradykinesia,
        "coactivation": impairment.coactivation,
        "per_distance": float(request.speed_range_mps > 0),
        "reference_speed_mps": np.sqrt(0.2 * GRAVITY_MPS2 * leg),
        "balance": impairment.balance_margin,
        "bradykinesia": impairment.bradykinesia,
    }
    gains = [impairment.get("spasticity", MUSCLES[i][:-2], MUSCLES[i][-1]) for i in SPASTIC]
    weights = [getattr(request.weights, f.name) for f in fields(request.weights)]
    share = 0.5 if request.kind == "half" else 1.0
    times = STRIDE_TIME_S if request.stride_time_s is None else (request.stride_time_s,) * 2
    half_range = 0.5 * request.speed_range_mps
    return Task(
        body=pack_parameters(flatten_specification(specification)),
        parameters=np.array([named[name] for name in TASK_FIELDS] + gains + weights),
        leg_length_m=leg,
        horizon_s=(share * times[0], share * times[1]),
        least_activation=np.array(
            [impairment.get("tone", n[:-2], n[-1]) if n[:-2] in SPASTIC_GROUPS else 0.0 for n in MUSCLES]
        ),
        speed_mps=(max(0.1, request.speed_mps - half_range), request.speed_mps + half_range),
    )


def solve_request(
    request: GaitRequest,
    cache: Path,
    start: Trajectory | None = None,
    time_limit_s: float = 60.0,
) -> SolvedGait:
    """Solve one request, warm from a neighbour or cold from several starts."""
    engine, task = get_engine(request, cache), make_task(request)
    if start is None:
        coarse = get_engine(request, cache, coarse=True)
        for each, near, warm in ((coarse, False, False), (coarse, True, True), (engine, True, True)):
            each.prepare(near, warm, time_limit_s)
        started = time.process_time()
        result = _solve_cold(engine, coarse, request, time_limit_s)
    else:
        engine.prepare(True, start.multipliers is not None, time_limit_s)
        started = time.process_time()
        result = solve_near(engine, task, *fit_start(engine, task, start), time_limit_s)
    spent = time.process_time() - started
    return complete_stride(request, request.gait_id, result, spent, COORDINATES, MIRROR)


def _solve_cold(
    engine: WalkingEngine, coarse: WalkingEngine, request: GaitRequest, time_limit_s: float
) -> Result:
    """Solve on half the mesh from textbook guesses, without the terms of the landing and then with them; the
    cheapest solution goes on to the whole mesh.
    """
    task, easy = make_task(request), make_task(replace(request, weights=request.weights.without_landing))
    guesses = [make_guess(request.speed_mps, easy.leg_length_m, k) for k in range(len(GUESSES_DEG))]
    first = [coarse.solve(easy, coarse.pack(g), time_limit_s=time_limit_s) for g in guesses]
    distinct = {round(r.cost, 4): r for r in first if r.converged}.values()
    landed = [coarse.solve(task, r.decision, r.multipliers, time_limit_s=time_limit_s) for r in distinct]
    best = min(landed or first, key=lambda r: (not r.converged, r.cost))
    result = solve_near(engine, task, *coarse.refine(best), time_limit_s)
    result.iterations += sum(r.iterations for r in (*first, *landed))
    return result


def fit_start(engine: WalkingEngine, task: Task, start: Trajectory) -> tuple[np.ndarray, np.ndarray | None]:
    """Fit a neighbour's solution to the leg length and the problem at hand: guess and multipliers."""
    guess, multipliers = engine.pack(start), start.multipliers
    if start.leg_length_m is not None:
        guess = engine.scale_height(guess, task.leg_length_m / start.leg_length_m)
    if multipliers is not None:
        multipliers = fit_multipliers(engine.layout, multipliers, engine.n_points)
    return guess, multipliers


def solve_near(
    engine: WalkingEngine, task: Task, guess: np.ndarray, multipliers: np.ndarray | None, time_limit_s: float
) -> Result:
    """Solve from a neighbour's solution, with its multipliers where there are any and they lead on."""
    if multipliers is not None:
        result = engine.solve(task, guess, multipliers, time_limit_s=time_limit_s)
        if result.converged:
            return result
    return engine.solve(task, guess, near=True, time_limit_s=time_limit_s)


def complete_stride(
    request: GaitRequest,
    gait_id: str,
    result: Result,
    cpu_s: float,
    coordinates: tuple[str, ...],
    mirror: dict,
) -> SolvedGait:
    """Complete half a stride with its mirror image and move phase 0 to right initial contact.

    `mirror`: by output, the order of its columns and their sign after left and right are exchanged.
    """
    half = request.kind == "half"
    stride_time = result.horizon_s / (0.5 if half else 1.0)
    stride_length = result.speed_mps * stride_time
    travel = coordinates.index("pelvis_tx")

    def complete(name: str) -> np.ndarray:
        values, (order, sign) = result.outputs[name], mirror[name]
        return np.concatenate([values, sign * values[:, order]]) if half else values

    curves = {name: complete(name) for name in mirror if name != "reflex"}
    curves["torque"] = np.squeeze(curves["torque"])  # of the plane: one
    position, n = curves["position"], len(curves["position"])
    if half:
        position[n // 2 :, travel] += 0.5 * stride_length
    on = curves["ground_force"][:, 0, 1] > CONTACT_SHARE * request.specification.mass_kg * GRAVITY_MPS2
    contacts = np.flatnonzero(on & ~np.roll(on, 1))
    offset = int(contacts[0]) if len(contacts) else 0
    periodic = position.copy()
    periodic[:, travel] -= np.arange(n) / n * stride_length
    start = Trajectory(
        stride_time_s=stride_time,
        speed_mps=result.speed_mps,
        position=periodic,
        activation=curves["activation"],
        torque=curves["torque"] / request.specification.torque_scale,
        tendon_force=curves["tendon_force"],
        reflex=complete("reflex") if request.impairment.needs_reflexes else np.zeros((n, len(SPASTIC))),
        leg_length_m=request.specification.leg_length_m,
        multipliers=result.multipliers,
    )

    def roll(values: np.ndarray) -> np.ndarray:
        rolled = np.roll(values, -offset, axis=0)
        return np.concatenate([rolled, rolled[:1]])

    rolled = {name: roll(values) for name, values in curves.items()}
    position = rolled["position"]
    position[n - offset :, travel] += stride_length
    position[-1, travel] = position[0, travel] + stride_length
    position[:, travel] -= position[0, travel]
    rolled["lumbar_torque_nm"] = rolled.pop("torque")
    return SolvedGait(
        gait_id=gait_id,
        converged=result.converged,
        status=result.status,
        iterations=result.iterations,
        cpu_s=cpu_s,
        cost=result.cost,
        constraint_violation=result.constraint_violation,
        muscles_at_bound_share=float(np.mean(curves["activation"] > 0.99)),
        stride_time_s=stride_time,
        speed_mps=result.speed_mps,
        phase_offset=offset,
        start=start,
        **rolled,
    )


def order_mirrored(names) -> list[int]:
    """Order of some names after left and right are exchanged."""
    return [names.index(swap_side(name)) for name in names]


_SPASTIC, _TENDONS = ([MUSCLES[i] for i in places] for places in (SPASTIC, COMPLIANT))
MIRROR = {
    **dict.fromkeys(
        ("position", "speed", "acceleration", "joint_moment"), (order_mirrored(COORDINATES), 1.0)
    ),
    "activation": (order_mirrored(MUSCLES), 1.0),
    **dict.fromkeys(("tendon_force", "tendon_rate"), (order_mirrored(_TENDONS), 1.0)),
    "torque": ([0], 1.0),
    "ground_force": ([1, 0], 1.0),
    "reflex": (order_mirrored(_SPASTIC), 1.0),
}
"""Outputs of the planar body after left and right are exchanged."""
