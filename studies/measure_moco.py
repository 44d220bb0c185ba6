"""The same walking problem in OpenSim Moco, to compare speed: an hour or more, `make bench-moco`.

Half a stride of the same model at the same speed and stride time with mirror symmetry, starting from the same
rough first guess, on one thread. Moco's problem is the smaller one: tendons are rigid and its cost is effort
alone.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bench import ask_adult, measure_simulate

from gaitlib.body.specification import Specification
from gaitlib.errors import WorkError
from gaitlib.gait import COORDINATES, MUSCLES, swap_side
from gaitlib.simulate.guess import get_coordinate_ranges, make_guess
from gaitlib.simulate.workers import make_pool

_LARGEST_LUMBAR_NM = 200.0


@dataclass(frozen=True)
class MocoResult:
    """What Moco needed: CPU time (s), iterations, and whether it converged."""

    cpu_s: float
    iterations: int
    converged: bool
    status: str


def predict_half_stride(
    specification: Specification,
    speed_mps: float,
    half_time_s: float,
    guess_rad: np.ndarray,
) -> MocoResult:
    """Predict half a stride with MocoStudy."""
    import opensim  # in a process of its own: it cannot share one with CasADi

    from gaitlib.body.opensim_model import build_model

    model = build_model(specification)
    for name in MUSCLES:
        muscle = opensim.DeGrooteFregly2016Muscle.safeDownCast(model.updForceSet().get(name))
        muscle.set_ignore_tendon_compliance(True)
    model.finalizeConnections()
    model.initSystem()
    study = opensim.MocoStudy()
    problem = study.updProblem()
    problem.setModel(model)
    problem.setTimeBounds(0.0, half_time_s)
    paths = {name: model.getCoordinateSet().get(name).getAbsolutePathString() for name in COORDINATES}
    _add_bounds(problem, paths, specification.leg_length_m, speed_mps * half_time_s)
    problem.addGoal(_make_symmetry(paths))
    speed = opensim.MocoAverageSpeedGoal("speed")
    speed.set_desired_average_speed(speed_mps)
    problem.addGoal(speed)
    effort = opensim.MocoControlGoal("effort", 1.0)
    effort.setWeightForControl("/forceset/lumbar", 0.001)
    problem.addGoal(effort)
    solver = study.initCasADiSolver()
    solver.set_num_mesh_intervals(25)
    solver.set_parallel(0)
    solver.set_verbosity(0)
    solver.set_optim_solver("ipopt")
    solver.set_optim_convergence_tolerance(1e-4)
    solver.set_optim_constraint_tolerance(1e-4)
    solver.set_optim_max_iterations(1000)
    half = np.array(guess_rad[: len(guess_rad) // 2 + 1])
    half[:, COORDINATES.index("pelvis_tx")] = np.linspace(0, speed_mps * half_time_s, len(half))
    solver.setGuess(_make_guess(solver.createGuess("bounds"), paths, half_time_s, half))
    started = time.process_time()
    # Moco leaves a file where it runs.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        solution = study.solve()
    cpu_s = time.process_time() - started
    converged, status = solution.success(), solution.getStatus()
    solution.unseal()
    return MocoResult(cpu_s, solution.getNumIterations(), converged, status)


def _add_bounds(problem, paths: dict[str, str], leg_length_m: float, step_m: float) -> None:
    for name, (low, high) in get_coordinate_ranges(leg_length_m).items():
        high += step_m if name == "pelvis_tx" else 0.0
        first = [0.0, 0.0] if name == "pelvis_tx" else []
        problem.setStateInfo(f"{paths[name]}/value", [float(low), float(high)], first)
    problem.setStateInfoPattern("/forceset/.*/activation", [0.01, 1.0])
    for name in MUSCLES:
        problem.setControlInfo(f"/forceset/{name}", [0.01, 1.0])
    problem.setControlInfo("/forceset/lumbar", [-_LARGEST_LUMBAR_NM, _LARGEST_LUMBAR_NM])


def _make_symmetry(paths: dict[str, str]):
    import opensim

    goal = opensim.MocoPeriodicityGoal("symmetry")
    for name, path in paths.items():
        other = paths[swap_side(name)]
        if name != "pelvis_tx":
            goal.addStatePair(opensim.MocoPeriodicityGoalPair(f"{path}/value", f"{other}/value"))
        goal.addStatePair(opensim.MocoPeriodicityGoalPair(f"{path}/speed", f"{other}/speed"))
    for name in MUSCLES:
        here, there = f"/forceset/{name}", f"/forceset/{swap_side(name)}"
        goal.addStatePair(opensim.MocoPeriodicityGoalPair(f"{here}/activation", f"{there}/activation"))
        goal.addControlPair(opensim.MocoPeriodicityGoalPair(here, there))
    goal.addControlPair(opensim.MocoPeriodicityGoalPair("/forceset/lumbar"))
    return goal


def _make_guess(guess, paths: dict[str, str], half_time_s: float, guess_rad: np.ndarray):
    moments = np.linspace(0.0, half_time_s, guess.getNumTimes())
    given = np.linspace(0.0, half_time_s, len(guess_rad))
    guess.resampleWithNumTimes(len(moments))
    for i, name in enumerate(COORDINATES):
        values = np.interp(moments, given, guess_rad[:, i])
        guess.setState(f"{paths[name]}/value", values)
        guess.setState(f"{paths[name]}/speed", np.gradient(values, moments))
    for name in MUSCLES:
        guess.setState(f"/forceset/{name}/activation", np.full(len(moments), 0.1))
        guess.setControl(f"/forceset/{name}", np.full(len(moments), 0.1))
    guess.setControl("/forceset/lumbar", np.zeros(len(moments)))
    return guess


def solve(request) -> MocoResult:
    """Solve a request with Moco in this (worker) process."""
    specification = request.specification
    guess = make_guess(request.speed_mps, specification.leg_length_m)
    return predict_half_stride(specification, request.speed_mps, 0.5 * request.stride_time_s, guess.position)


def measure_moco() -> dict[str, float]:
    """Solve an adult's half stride at 1.2 m/s with this solver and with Moco, one after the other."""
    ours = measure_simulate(None)
    with make_pool(1) as pool:
        found = pool.submit(solve, ask_adult(1.2)).result()
    if not found.converged:
        raise WorkError(f"Moco: {found.status} after {found.iterations} iterations and {found.cpu_s:.0f} s")
    return {
        **ours,
        "moco.cpu_s": found.cpu_s,
        "moco.iterations": found.iterations,
        "simulate.moco_ratio": found.cpu_s / ours["simulate.cold_s"],
        "simulate.moco_warm_ratio": found.cpu_s / ours["simulate.warm_s"],
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(measure_moco(), indent=1) + "\n", encoding="utf-8")
