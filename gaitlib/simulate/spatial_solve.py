"""Solve gaits in space (imports CasADi: runs in worker processes of its own)."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread per solve, one process per core

import time  # noqa: E402
from dataclasses import replace  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402

from gaitlib.body.spatial_body import COORDINATES, MIRRORED  # noqa: E402
from gaitlib.errors import InputError  # noqa: E402
from gaitlib.simulate.guess import Trajectory  # noqa: E402
from gaitlib.simulate.request import GaitRequest  # noqa: E402
from gaitlib.simulate.solution import SolvedGait  # noqa: E402
from gaitlib.simulate.solve import complete_stride, order_mirrored, solve_near  # noqa: E402
from gaitlib.simulate.spatial_engine import (  # noqa: E402
    SpatialEngine,
    fit_spatial_multipliers,
    lift,
    make_spatial_task,
)
from gaitlib.simulate.spatial_problem import MUSCLES, REFLEXES, TENDONS  # noqa: E402

_engines: dict[tuple[str, str, bool], SpatialEngine] = {}
_SIDES = np.array([-1.0 if name in MIRRORED else 1.0 for name in COORDINATES])
_MIRROR = {
    **dict.fromkeys(
        ("position", "speed", "acceleration", "joint_moment"), (order_mirrored(COORDINATES), _SIDES)
    ),
    "activation": (order_mirrored(MUSCLES), 1.0),
    **dict.fromkeys(("tendon_force", "tendon_rate"), (order_mirrored(TENDONS), 1.0)),
    "torque": ([0, 1, 2], np.array([1.0, -1.0, -1.0])),
    "ground_force": ([1, 0], np.array([1.0, 1.0, -1.0])),
    "reflex": (order_mirrored(REFLEXES), 1.0),
}
"""Outputs after left and right are exchanged."""


def solve_spatial(
    request: GaitRequest,
    cache: Path,
    start: Trajectory,
    time_limit_s: float = 600.0,
    beside: Trajectory | None = None,
    again: bool = True,
) -> SolvedGait:
    """Solve one gait in space, from a solution in space or from a planar stride, with what the plane lacks
    from a solution `beside`; `again` from the same start without its multipliers where these do not lead on.
    """
    if request.speed_range_mps:
        raise InputError("gait in space: found a free speed, expected speed_range_mps 0.")
    impaired = request.impairment.needs_reflexes
    key = str(cache), request.kind, impaired
    if key not in _engines:
        _engines[key] = SpatialEngine(Path(cache), request.kind, impaired)
    engine = _engines[key]
    task = make_spatial_task(request, engine.elements)
    near = start.multipliers is not None and start.position.shape[1] == len(COORDINATES)
    engine.prepare(True, near, time_limit_s)
    started = time.process_time()
    if start.position.shape[1] != len(COORDINATES):
        start = lift(start, beside)
    guess = engine.scale_height(
        engine.pack(start), task.leg_length_m / (start.leg_length_m or task.leg_length_m)
    )
    multipliers = fit_spatial_multipliers(start.multipliers, engine.n_points, impaired) if near else None
    if near and not again:
        result = engine.solve(task, guess, multipliers, time_limit_s=time_limit_s)
    else:
        result = solve_near(engine, task, guess, multipliers, time_limit_s)
    spent = time.process_time() - started
    return complete_stride(
        request, replace(request, body="space").gait_id, result, spent, COORDINATES, _MIRROR
    )


def measure_functions(cache: Path) -> tuple[float, int]:
    """CPU time (s) of the problem's functions and iterations, in the last run of every solver of halves."""
    stats = [solver.stats() for solver in _engines[str(cache), "half", False].solvers]
    spent = sum(value for s in stats for name, value in s.items() if name.startswith("t_proc_nlp_"))
    return spent, sum(s["iter_count"] for s in stats)
