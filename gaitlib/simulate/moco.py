"""The same walking problem in OpenSim Moco, to compare speed (imports OpenSim: keep it away from CasADi).

Half a stride of the same model at the same speed and stride time with mirror symmetry, starting from the same
rough first guess, on one thread. Moco's problem is the smaller one: tendons are rigid and its cost is effort
alone.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from dataclasses import dataclass

import numpy as np
import opensim

from gaitlib.body.opensim_model import build_model
from gaitlib.body.specification import Specification
from gaitlib.gait import COORDINATES, MUSCLES, swap_side
from gaitlib.simulate.ranges import get_coordinate_ranges

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
    n_intervals: int = 25,
    max_iterations: int = 1000,
) -> MocoResult:
    """Predict half a stride with MocoStudy."""
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
    solver.set_num_mesh_intervals(n_intervals)
    solver.set_parallel(0)
    solver.set_verbosity(0)
    solver.set_optim_solver("ipopt")
    solver.set_optim_convergence_tolerance(1e-4)
    solver.set_optim_constraint_tolerance(1e-4)
    solver.set_optim_max_iterations(max_iterations)
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
