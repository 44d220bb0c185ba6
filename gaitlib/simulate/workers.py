"""Solver and OpenSim in processes of their own; notebooks and tests import neither but call this module."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import connection, get_context, parent_process
from pathlib import Path

from gaitlib import environment
from gaitlib.simulate.checker import Checker, run_replay
from gaitlib.simulate.library import SHIPPED_FOLDER
from gaitlib.simulate.neighbours import LibraryStarts, find_nearest
from gaitlib.simulate.request import GaitRequest
from gaitlib.simulate.solution import SolvedGait, describe_solution

_checker = Checker()
_busy = threading.Lock()
"""One solve at a time in a process, however many threads a cluster's worker has."""


def get_cache_folder() -> Path:
    """Get the folder for compiled solver code."""
    return environment.get_cache_folder() / "engine"


def make_pool(n_workers: int) -> ProcessPoolExecutor:
    """Make a pool of fresh processes (spawned, so that no library is inherited) that end with this one."""
    return ProcessPoolExecutor(n_workers, mp_context=get_context("spawn"), initializer=end_with_parent)


def end_with_parent() -> None:
    """Watch the parent process: killed hard, it cannot tell its workers to stop."""

    def watch() -> None:
        connection.wait([parent_process().sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def solve_gaits(requests: Iterable[GaitRequest], guesses: Iterable | None = None, n_workers: int = 1) -> list:
    """Solve requests in worker processes."""
    requests = list(requests)
    guesses = [None] * len(requests) if guesses is None else list(guesses)
    cache = get_cache_folder()
    with make_pool(n_workers) as pool:
        jobs = [pool.submit(run_solve, r, cache, g) for r, g in zip(requests, guesses, strict=True)]
        return [job.result() for job in jobs]


def replay_gaits(requests: Iterable[GaitRequest], solved: Iterable, n_workers: int = 1) -> list[dict]:
    """Check solved gaits in OpenSim, in worker processes."""
    with make_pool(n_workers) as pool:
        jobs = [pool.submit(run_replay, r, s) for r, s in zip(list(requests), list(solved), strict=True)]
        return [job.result() for job in jobs]


def call_apart(place: str, *inputs):
    """Call a function, named as 'module:function', in a worker process, where OpenSim may be imported."""
    with make_pool(1) as pool:
        return pool.submit(_call, place, inputs).result()


def _call(place: str, inputs: tuple):
    module, name = place.split(":")
    return getattr(import_module(module), name)(*inputs)


def measure_moment_arms(path: Path | str, angles_deg: dict) -> dict:
    """Measure the moment arms of a published model by muscle group and joint, in a worker process."""
    return call_apart("gaitlib.body.opensim_model:measure_moment_arms", str(path), angles_deg)


def run_solve(request: GaitRequest, cache: Path, start=None, time_limit_s: float = 60.0):
    """Solve one request in this (worker) process."""
    from gaitlib.simulate.solve import solve_request

    return solve_request(request, cache, start, time_limit_s)


@functools.cache
def _load_planar() -> LibraryStarts:
    return LibraryStarts()


def _run_in_space(request: GaitRequest, cache: Path, start, time_limit_s: float):
    """Solve one gait of a library in space: from a near one with its multipliers, else from the plane's."""
    from gaitlib.simulate.spatial_solve import solve_spatial

    beside = None
    if start is None or start.multipliers is None:
        planar = _load_planar()
        start, beside = planar.make(find_nearest(planar.table, request)), start
    return solve_spatial(request, cache, start, time_limit_s, beside, again=False)


def run_spatial(request: GaitRequest, cache: Path, start, time_limit_s: float = 600.0):
    """Solve one request in space in this (worker) process, from a planar stride or one in space."""
    from gaitlib.simulate.spatial_solve import solve_spatial

    return solve_spatial(request, cache, start, time_limit_s)


def run_again(request: GaitRequest, start) -> tuple:
    """Solve one request from exactly this start in this (worker) process and check it in OpenSim."""
    with _busy:
        run = run_solve if request.body == "plane" else run_spatial
        solved = run(request, get_cache_folder(), start)
        return solved, _checker.check(request, solved) if solved.converged else None


def run_gait(request: GaitRequest, start=None, time_limit_s: float = 60.0) -> tuple:
    """Solve one request in this (worker) process and check it in OpenSim, in a child of this process."""
    with _busy:
        run = run_solve if request.body == "plane" else _run_in_space
        solved = run(request, get_cache_folder(), start, time_limit_s)
        return solved, _checker.check(request, solved) if solved.converged else None


def simulate_request(request: GaitRequest) -> tuple[SolvedGait, dict]:
    """Solve a request and check the solution; the row says with `verified` and `reason` what came out."""
    start = None
    if (SHIPPED_FOLDER / "gaits.nc").exists():
        shipped = LibraryStarts()
        start = shipped.make(find_nearest(shipped.table, request))
    solved = solve_gaits([request], [start])[0]
    return solved, describe_solution(request, solved, replay_gaits([request], [solved])[0])
