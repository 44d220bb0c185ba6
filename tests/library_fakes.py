"""A cheap solve that keeps a log of what it did, and a build that can be killed: for the library's tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from gaitlib.gait import COORDINATES, MUSCLES, N_PHASE
from gaitlib.simulate.guess import make_guess
from gaitlib.simulate.plan import plan_library
from gaitlib.simulate.solution import SolvedGait

COUNTS = {"healthy_child": 8, "older_adult": 8, "cerebral_palsy": 8}


def make_plan(counts: dict[str, int] | None = None):
    return plan_library(counts or COUNTS, seed=7, stride_share=0.3)


def _log(word: str, gait_id: str) -> None:
    """One short line appended in one step: safe with many processes, whole after a kill."""
    path = os.environ.get("FAKE_SOLVE_LOG")
    if path:
        with open(path, "a", buffering=1) as file:
            file.write(f"{word} {gait_id} {os.getpid()}\n")


def fake_solve(request, start=None, time_limit_s=60.0):
    """Walk like a metronome; one of four fails, half of those only the first time."""
    gait_id = request.gait_id
    _log("start", gait_id)
    if gait_id == os.environ.get("FAKE_SOLVE_KILLER"):
        os._exit(1)
    time.sleep(float(os.environ.get("FAKE_SOLVE_S", "0")))
    solved = build_solved(
        request, converged=_converges(gait_id, first=getattr(start, "multipliers", None) is not None)
    )
    _log("end", gait_id)
    replay = {"reasons": [], "residual_peak_bw": 0.001} if solved.converged else None
    return solved, replay


def _converges(gait_id: str, first: bool) -> bool:
    luck = int(gait_id[:8], 16) % 8
    return luck > 1 or (luck == 1 and not first)


def build_solved(request, converged: bool = True) -> SolvedGait:
    stride = request.stride_time_s or 1.1
    n_q, n_m = len(COORDINATES), len(MUSCLES)
    phase = np.linspace(0.0, 1.0, N_PHASE)
    position = 0.2 * np.sin(2 * np.pi * (phase[:, None] + np.arange(n_q) / n_q))
    position[:, COORDINATES.index("pelvis_tx")] = request.speed_mps * stride * phase
    force = np.zeros((N_PHASE, 2, 2))
    force[..., 1] = 0.5 * request.person.mass_kg * 9.80665
    rates = np.zeros((N_PHASE, n_q))
    return SolvedGait(
        gait_id=request.gait_id, converged=converged, status="Solve_Succeeded" if converged else "Infeasible",
        iterations=3, cpu_s=0.01, cost=1.0, constraint_violation=1e-9, muscles_at_bound_share=0.0,
        stride_time_s=stride, speed_mps=request.speed_mps, phase_offset=0, position=position, speed=rates,
        acceleration=rates, activation=np.full((N_PHASE, n_m), 0.05), tendon_force=np.zeros((N_PHASE, 4)),
        tendon_rate=np.zeros((N_PHASE, 4)), lumbar_torque_nm=np.zeros(N_PHASE), joint_moment=rates,
        ground_force=force,
        start=replace(make_guess(request.speed_mps, 0.9), leg_length_m=0.9,
                      multipliers=np.full((50 if request.kind == "half" else 100, 52), 3e-4)),
    )  # fmt: skip


@contextmanager
def run_cluster(folder: Path, environment: dict, n_workers: int = 2):
    """A Dask scheduler and its workers as separate processes: yields the address and the workers."""
    address_file = folder / "scheduler.json"
    processes: list[subprocess.Popen] = []

    def launch(name: str, *words: str) -> subprocess.Popen:
        here = ("--host", "127.0.0.1", "--no-dashboard")
        command = [sys.executable, "-m", f"distributed.cli.{name}", *words, *here]
        log = (folder / f"{name}{len(processes)}.log").open("w")
        processes.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder))
        return processes[-1]

    try:
        launch("dask_scheduler", "--port", "0", "--scheduler-file", str(address_file))
        wait_for(address_file.exists)
        known = ("--scheduler-file", str(address_file), "--local-directory", str(folder))
        workers = [launch("dask_worker", *known, "--nthreads", "1", "--no-nanny") for _ in range(n_workers)]
        yield json.loads(address_file.read_text())["address"], workers
    finally:
        for process in reversed(processes):
            process.kill()
            process.wait()


def wait_for(condition, seconds: float = 180.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def main(folder: str, executor: str, where: str) -> None:
    from gaitlib.simulate.build import build_library, open_executor

    workers = open_executor(executor, n_workers=2, scheduler=where)
    try:
        build_library(make_plan(), Path(folder), workers, solve=fake_solve)
    finally:
        workers.close()


if __name__ == "__main__":
    import library_fakes  # so that workers find `fake_solve` by name

    library_fakes.main(*sys.argv[1:])
