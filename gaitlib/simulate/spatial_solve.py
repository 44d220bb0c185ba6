"""Solve gaits in space (imports CasADi: runs in worker processes of its own)."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread per solve, one process per core

import hashlib  # noqa: E402
import json  # noqa: E402
import time  # noqa: E402
from dataclasses import asdict  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402

from gaitlib.body.spatial_body import COORDINATES, MIRRORED  # noqa: E402
from gaitlib.errors import InputError  # noqa: E402
from gaitlib.gait import (
    GRAVITY_MPS2,  # noqa: E402
    swap_side,  # noqa: E402
)
from gaitlib.simulate.engine import Result  # noqa: E402
from gaitlib.simulate.guess import Trajectory  # noqa: E402
from gaitlib.simulate.request import GaitRequest  # noqa: E402
from gaitlib.simulate.solution import SolvedGait  # noqa: E402
from gaitlib.simulate.solve import CONTACT_SHARE  # noqa: E402
from gaitlib.simulate.spatial_engine import (  # noqa: E402
    SpatialEngine,
    fit_spatial_multipliers,
    lift,
    make_spatial_task,
)
from gaitlib.simulate.spatial_problem import MUSCLES, SPATIAL_WEIGHTS, TENDONS  # noqa: E402

_engines: dict[tuple[str, str], SpatialEngine] = {}
SPATIAL_VERSION = 1
"""Raised by hand when equations or settings in space change the solutions."""
_KNOWN = ("weakness", "contracture", "limit", "rigidity", "stoop_deg", "tilt_deg")
"""Parts of an impairment that a body in space has so far."""


def solve_spatial(
    request: GaitRequest, cache: Path, start: Trajectory, time_limit_s: float = 600.0
) -> SolvedGait:
    """Solve one gait in space, from a planar stride or from a solution in space."""
    parts = request.impairment.model_dump()
    unknown = [name for name, value in parts.items() if value and name not in _KNOWN]
    if unknown or request.speed_range_mps:
        raise InputError(
            f"gait in space: found {', '.join(unknown) or 'a free speed'}, which a body in space does not "
            f"have; expected a prescribed speed and no impairment but {', '.join(_KNOWN)}."
        )
    key = str(cache), request.kind
    if key not in _engines:
        _engines[key] = SpatialEngine(Path(cache), request.kind)
    engine = _engines[key]
    task = make_spatial_task(request, engine.elements)
    near = start.multipliers is not None and start.position.shape[1] == len(COORDINATES)
    engine.prepare(True, near, time_limit_s)
    started = time.process_time()
    if start.position.shape[1] != len(COORDINATES):
        start = lift(start)
    guess = engine.scale_height(
        engine.pack(start), task.leg_length_m / (start.leg_length_m or task.leg_length_m)
    )
    multipliers = fit_spatial_multipliers(start.multipliers, engine.n_points) if near else None
    result = engine.solve(task, guess, multipliers, True, time_limit_s)
    if near and not result.converged:
        result = engine.solve(task, guess, near=True, time_limit_s=time_limit_s)
    return _unfold(request, result, time.process_time() - started)


def measure_functions(cache: Path) -> dict[str, float]:
    """Measure the functions of the problem in the last run of every solver of this process (CPU time)."""
    stats = [solver.stats() for solver in _engines[str(cache), "half"].solvers]
    names = [name for name in stats[0] if name.startswith("t_proc_nlp_")]
    spent, whole = sum(s[name] for s in stats for name in names), sum(s["t_proc_total"] for s in stats)
    return {"function_s": spent / sum(s["iter_count"] for s in stats), "linear_share": 1 - spent / whole}


def name_gait(request: GaitRequest) -> str:
    """Hash of everything that determines a solution in space."""
    content = [SPATIAL_VERSION, request.gait_id, asdict(SPATIAL_WEIGHTS)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _unfold(request: GaitRequest, result: Result, cpu_s: float) -> SolvedGait:
    """Complete half a stride with its mirror image and move phase 0 to right initial contact."""
    half = request.kind == "half"
    outputs, stride_time = result.outputs, (2 if half else 1) * result.horizon_s
    torque_scale = request.specification.torque_scale
    length = result.speed_mps * stride_time
    sides = np.array([-1.0 if name in MIRRORED else 1.0 for name in COORDINATES])
    q_order = _order(COORDINATES)

    def complete(name: str, order, sign=1.0) -> np.ndarray:
        return np.concatenate([outputs[name], sign * outputs[name][:, order]]) if half else outputs[name]

    curves = {
        name: complete(name, q_order, sides) for name in ("position", "speed", "acceleration", "joint_moment")
    }
    n, travel = len(curves["position"]), COORDINATES.index("pelvis_tx")
    if half:
        curves["position"][n // 2 :, travel] += 0.5 * length
    curves |= {"activation": complete("activation", _order(MUSCLES))}
    curves |= {name: complete(name, _order(TENDONS)) for name in ("tendon_force", "tendon_rate")}
    curves["torque"] = complete("torque", [0, 1, 2], np.array([1.0, -1.0, -1.0]))
    curves["ground_force"] = complete("ground_force", [1, 0], np.array([1.0, 1.0, -1.0]))
    periodic = curves["position"].copy()
    periodic[:, travel] -= np.arange(n) / n * length
    on = curves["ground_force"][:, 0, 1] > CONTACT_SHARE * request.person.mass_kg * GRAVITY_MPS2
    contacts = np.flatnonzero(on & ~np.roll(on, 1))
    offset = int(contacts[0]) if len(contacts) else 0
    start = Trajectory(
        stride_time_s=stride_time,
        speed_mps=result.speed_mps,
        position=periodic,
        activation=curves["activation"],
        torque=curves["torque"] / torque_scale,
        tendon_force=curves["tendon_force"],
        reflex=np.zeros((n, 0)),
        leg_length_m=request.specification.leg_length_m,
        multipliers=result.multipliers,
    )

    def roll(values: np.ndarray) -> np.ndarray:
        rolled = np.roll(values, -offset, axis=0)
        return np.concatenate([rolled, rolled[:1]])

    rolled = {name: roll(values) for name, values in curves.items()}
    position = rolled["position"]
    position[n - offset :, travel] += length
    position[-1, travel] = position[0, travel] + length
    position[:, travel] -= position[0, travel]
    rolled["lumbar_torque_nm"] = rolled.pop("torque")
    return SolvedGait(
        gait_id=name_gait(request),
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


def _order(names) -> list[int]:
    return [names.index(swap_side(name)) for name in names]
