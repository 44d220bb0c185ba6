"""Solve every impairment at several levels, resumed where it stopped.

`python studies/make_doses.py FOLDER [WORKERS]`; then `gaitlib library export FOLDER data/doses` makes
the release of it that the page of impairments shows. With `--space` before FOLDER the doses of the body in
space are solved, for `data/doses_in_space`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from gaitlib.simulate.build import (
    LocalExecutor,
    PartStore,
    assemble_library,
    build_library,
    complete_row,
    make_arrays,
)
from gaitlib.simulate.checker import run_replay
from gaitlib.simulate.doses import DOSES, SPATIAL_DOSES, SPEED_MPS
from gaitlib.simulate.guess import Trajectory
from gaitlib.simulate.library import SHIPPED_FOLDER
from gaitlib.simulate.neighbours import PREFIX, LibraryStarts, find_nearest, unpack_start
from gaitlib.simulate.plan import TYPICAL_ADULT, PlannedGait
from gaitlib.simulate.request import GaitRequest
from gaitlib.simulate.solution import build_gait_dataset, describe_solution
from gaitlib.simulate.workers import get_cache_folder, make_pool, run_spatial


def plan_doses() -> list[PlannedGait]:
    """Plan every level of every dose."""
    plan = [PlannedGait(GaitRequest(TYPICAL_ADULT, SPEED_MPS, cohort="doses"), _label("none", 0.0))]
    for name, dose in DOSES.items():
        for level in dose.levels:
            plan.append(PlannedGait(dose.make_request(level), _label(name, level)))
    return plan


def _label(name: str, level: float) -> dict:
    return {"pattern": name, "medication": "", "design": "dose", "person_id": "typical", "severity": level}


def solve_in_space(folder: Path) -> None:
    """Solve the doses of the body in space into a library folder, each level from the one before."""
    store, shipped = PartStore(folder), LibraryStarts()
    healthy = GaitRequest(TYPICAL_ADULT, SPEED_MPS, cohort="doses", body="space")
    with make_pool(1) as solver, make_pool(1) as checker:

        def solve(name: str, level: float, request: GaitRequest, start: Trajectory) -> Trajectory:
            state = store.list_states().get(request.gait_id)
            if state is None:
                solved = solver.submit(run_spatial, request, get_cache_folder(), start, 300.0).result()
                replay = checker.submit(run_replay, request, solved).result() if solved.converged else None
                row = describe_solution(request, solved, replay)
                state = "verified" if row["verified"] else "failed"
                arrays = make_arrays(build_gait_dataset(request, solved), solved) if row["verified"] else {}
                row = complete_row(row, PlannedGait(request, _label(name, level)))
                store.write(request.gait_id, state, row, arrays)
                print(
                    name, level, state, row["reason"], row["iterations"], f"{row['cpu_s']:.1f} s", flush=True
                )
            return unpack_start(store.read_arrays(request.gait_id, PREFIX)) if state == "verified" else start

        planar = shipped.make(find_nearest(shipped.table, healthy))
        half = solve("none", 0.0, healthy, planar)
        for name, dose in SPATIAL_DOSES.items():
            start = half
            for level in dose.levels:
                start = solve(name, level, dose.make_request(level), start)
    assemble_library(folder)


def main(folder: str, workers: int = 2) -> None:
    """Solve the doses into a library folder."""
    executor = LocalExecutor(workers)
    try:
        table = build_library(plan_doses(), folder, executor, start_library=SHIPPED_FOLDER)
    finally:
        executor.close()
    print(f"{int(table['verified'].sum())} of {len(table)} gaits are verified")


if __name__ == "__main__":
    if sys.argv[1] == "--space":
        solve_in_space(Path(sys.argv[2]))
    else:
        main(sys.argv[1], *map(int, sys.argv[2:]))
