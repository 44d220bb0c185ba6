"""Measure the solver and a library: rates, verified share, memory, loading time."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pandas as pd

from gaitlib.simulate.build import LocalExecutor, Progress, build_library
from gaitlib.simulate.library import find_library, load_library
from gaitlib.simulate.plan import plan_library
from gaitlib.simulate.release import list_files

_WARM_UP_GAITS = 24
"""So many gaits of other people are solved first: every process then has all four solvers."""


def measure_library(folder: Path | str | None = None) -> dict[str, float]:
    """Measure a library: verified gaits, bytes of its files, how long table and curves take to load."""
    began = time.perf_counter()
    library = load_library(folder)
    seconds = time.perf_counter() - began
    size = sum(file.stat().st_size for file in list_files(find_library(folder)))
    return {
        "gaits_verified": int(library.run["verified"].sum()),
        "gaits_with_curves": library.gaits.sizes["gait"],
        "bytes": size,
        "load_s": seconds,
    }


def measure_throughput(n_workers: int, n_gaits: int, seed: int, start_library: Path | str | None) -> float:
    """Measure how many gaits an hour are finished, on the cohorts that need one and the same solver.

    Half strides without reflexes, so that no process stops to build a second solver in so short a run.
    """
    skip = 2 * n_workers
    cohorts = ("healthy_child", "healthy_adult", "older_adult", "parkinsons")
    counts = dict.fromkeys(cohorts, -(-(n_gaits + skip) // len(cohorts)))
    progress = Progress(n_gaits + skip, quiet=True)
    executor = LocalExecutor(n_workers)
    try:
        with tempfile.TemporaryDirectory() as folder:
            build_library(plan_library(counts, seed), folder, executor, start_library, limit=n_gaits + skip,
                          progress=progress)  # fmt: skip
    finally:
        executor.close()
    return progress.compute_rate(skip)


def measure_cohorts(
    n_workers: int, n_gaits: int, seed: int, stride_share: float, start_library: Path | str | None
) -> dict[str, float]:
    """Solve people of all cohorts, drawn at random, and count what is verified, how fast, in how much
    memory.
    """
    from gaitlib.cohorts.schema import COHORTS
    from gaitlib.simulate.workers import measure_peak_bytes

    counts = dict.fromkeys(COHORTS, -(-n_gaits // len(COHORTS)))
    executor = LocalExecutor(n_workers)
    try:
        for people_seed, limit in ((seed + 1, _WARM_UP_GAITS), (seed, n_gaits)):
            plan = plan_library(counts, people_seed, stride_share)[1:]
            with tempfile.TemporaryDirectory() as folder:
                quiet = Progress(limit, quiet=True)
                table = build_library(plan, folder, executor, start_library, limit=limit, progress=quiet)
        asked = [executor.submit(measure_peak_bytes) for _ in range(4 * n_workers)]
        peak = max(job.result() for job in asked)
    finally:
        executor.close()
    return {
        "verified_share": float(table["verified"].mean()),
        "gaits_per_hour": _compute_rate(table, "half", n_workers),
        "strides_per_hour": _compute_rate(table, "stride", n_workers),
        "peak_mb": peak / 1e6,
    }


def _compute_rate(table: pd.DataFrame, kind: str, n_workers: int) -> float:
    """Verified gaits of a kind in an hour of all processes."""
    rows = table[table["kind"] == kind]
    return 3600 * n_workers * float(rows["verified"].sum() / rows["wall_s"].sum())


def estimate_cost(table: pd.DataFrame, bytes_per_gait: float, price_per_core_hour: float) -> dict[str, float]:
    """Estimate what a million verified gaits would cost, from what those of the library cost."""
    verified = int(table["verified"].sum())
    core_s = float(table["wall_s"].sum()) / verified
    core_hours = core_s * 1e6 / 3600
    cost = {
        "core_s_per_gait": core_s,
        "verified_share": verified / len(table),
        "core_hours": core_hours,
        "euro": core_hours * price_per_core_hour,
        "gigabytes": 1e6 * bytes_per_gait / 1e9,
    }
    return cost | {f"days_{cores}": core_hours / cores / 24 for cores in (2, 64, 1000)}
