"""Solve every impairment at several levels, resumed where it stopped.

`python studies/make_doses.py FOLDER [WORKERS]`; then `gaitlib library export FOLDER data/doses` makes
the release of it that the page of impairments shows. `python studies/make_doses.py --space FOLDER` solves the
doses of the body in space into FOLDER, one solved gait a file, and packs them into data/doses/space.nc.
"""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import numpy as np
import xarray as xr

from gaitlib.body import spatial_body
from gaitlib.environment import ROOT
from gaitlib.gait import SIDES
from gaitlib.simulate.build import LocalExecutor, build_library
from gaitlib.simulate.checker import run_replay
from gaitlib.simulate.doses import DOSES, SPATIAL_DOSES, SPEED_MPS
from gaitlib.simulate.library import SHIPPED_FOLDER
from gaitlib.simulate.neighbours import LibraryStarts, find_nearest
from gaitlib.simulate.plan import TYPICAL_ADULT, PlannedGait
from gaitlib.simulate.request import GaitRequest
from gaitlib.simulate.solution import describe_solution
from gaitlib.simulate.workers import get_cache_folder, make_pool, run_spatial

STEP_RAD, STEP_SHARE = 1e-4, 1e-3
"""Coordinates (rad or m), activations and forces over body weight are kept in such steps."""


def plan_doses() -> list[PlannedGait]:
    """Plan every level of every dose."""
    plan = [PlannedGait(GaitRequest(TYPICAL_ADULT, SPEED_MPS, cohort="doses"), _label("none", 0.0))]
    for name, dose in DOSES.items():
        for level in dose.levels:
            plan.append(PlannedGait(dose.make_request(level), _label(name, level)))
    return plan


def _label(name: str, level: float) -> dict:
    return {"pattern": name, "medication": "", "design": "dose", "person_id": "typical", "severity": level}


def solve_in_space(folder: Path) -> list[dict]:
    """Solve the doses of the body in space, each level from the one before; rows with their solution."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    with make_pool(1) as solver, make_pool(1) as checker:

        def solve(name: str, level: float, request: GaitRequest, start) -> dict:
            path = folder / f"{name}-{level:g}.pkl"
            if not path.exists():
                solved = solver.submit(run_spatial, request, get_cache_folder(), start, 300.0).result()
                replay = checker.submit(run_replay, request, solved).result() if solved.converged else None
                row = describe_solution(request, solved, replay) | {"dose": name, "level": level}
                path.write_bytes(pickle.dumps(row | {"solved": solved}))
            row = pickle.loads(path.read_bytes())
            print(
                name,
                level,
                row["verified"],
                row["reason"],
                row["iterations"],
                round(row["cpu_s"], 1),
                flush=True,
            )
            rows.append(row)
            return row

        shipped, healthy = LibraryStarts(), GaitRequest(TYPICAL_ADULT, SPEED_MPS, cohort="doses")
        lifted = shipped.make(find_nearest(shipped.table, healthy))
        half = solve("none", 0.0, healthy, lifted)
        for name, dose in SPATIAL_DOSES.items():
            start = half["solved"].start
            for level in dose.levels if dose.kind == "stride" else dose.levels[1:]:
                row = solve(name, level, dose.make_request(level), start)
                start = row["solved"].start if row["verified"] else start
    return rows


def pack_in_space(rows: list[dict], path: Path) -> None:
    """Pack the verified gaits, and of every gait what it took, into one file."""
    kept = [row for row in rows if row["verified"]]
    weight = TYPICAL_ADULT.mass_kg * 9.80665
    curves = {
        "position": (("phase", "coordinate"), STEP_RAD, 1.0),
        "activation": (("phase", "muscle"), STEP_SHARE, 1.0),
        "ground_force": (("phase", "foot", "axis"), STEP_SHARE, weight),
    }
    data = xr.Dataset(
        coords={
            "coordinate": list(spatial_body.COORDINATES),
            "muscle": list(spatial_body.list_muscles()),
            "foot": list(SIDES),
            "axis": ["x", "y", "z"],
            "phase": np.linspace(0.0, 100.0, 101),
        }
    )
    encoding = {}
    for name, (dims, step, unit) in curves.items():
        values = np.stack([getattr(row["solved"], name) for row in kept]) / unit
        data[name] = (("gait", *dims), values.astype(np.float32))
        encoding[name] = {
            "dtype": "int16",
            "scale_factor": step,
            "_FillValue": -32768,
            "zlib": True,
            "complevel": 9,
        }
    for name in ("gait_id", "dose", "level", "kind", "stride_time_s", "speed_mps", "residual_peak_bw"):
        data[name] = ("gait", np.array([row[name] for row in kept]))
    tried = [(row["dose"], row["level"], row["iterations"], row["cpu_s"], row["reason"]) for row in rows]
    for name, values in zip(
        ("dose", "level", "iterations", "cpu_s", "reason"), zip(*tried, strict=True), strict=True
    ):
        data[f"tried_{name}"] = ("tried", np.array(values))
    data.to_netcdf(path, engine="h5netcdf", encoding=encoding)


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
        pack_in_space(solve_in_space(Path(sys.argv[2])), ROOT / "data/doses/space.nc")
    else:
        main(sys.argv[1], *map(int, sys.argv[2:]))
