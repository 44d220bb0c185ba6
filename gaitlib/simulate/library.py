"""The gait library: content-addressed, resumable, one table of scalars and one file of curves.

A library folder holds `table.parquet` (one row per gait asked for, failures with their reason) and
`gaits.nc` (curves of the solved ones, same gait_id). While it is being built, every finished gait is one
file under `parts/`, written in one step, so that an interrupted build goes on where it stopped.
"""

from __future__ import annotations

import json
import os
import pickle
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, wait
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.errors import InputError, WorkError
from gaitlib.gait import stack_gaits
from gaitlib.simulate.request import GaitRequest, parse_request
from gaitlib.simulate.solution import build_gait_dataset, describe_solution
from gaitlib.simulate.workers import get_cache_folder, make_pool, run_replay, run_solve

_WINDOW = 64
"""The build looks this far ahead in the plan, so that it stays balanced wherever it is stopped."""

SHIPPED_FOLDER = Path(__file__).resolve().parents[2] / "data" / "library"


def load_library(folder: Path | str | None = None) -> tuple[pd.DataFrame, xr.Dataset]:
    """Load a gait library.

    Parameters
    ----------
    folder : path, optional
        Library folder; the shipped one when left out.

    Returns
    -------
    table : pandas.DataFrame
        One row per gait asked for, in the order of `gaits` for the solved ones; `verified` tells whether
        OpenSim confirmed the solution, `reason` why not.
    gaits : xarray.Dataset
        Gait set of the verified gaits, dimension `gait` labelled by gait_id.

    Raises
    ------
    InputError
        If the folder or one of its files is missing.
    """
    folder = Path(folder) if folder is not None else SHIPPED_FOLDER
    for name in ("table.parquet", "gaits.nc"):
        if not (folder / name).exists():
            raise InputError(
                f"{folder.name}: found no {name}, expected a gait library; build one with 'gaitlib simulate'."
            )
    table = pd.read_parquet(folder / "table.parquet")
    with xr.open_dataset(folder / "gaits.nc", engine="h5netcdf") as stored:
        gaits = _cast_curves(stored.load(), float)
    return table, gaits


def find_nearest(table: pd.DataFrame, request: GaitRequest) -> str:
    """Find the verified gait nearest to a request.

    Parameters
    ----------
    table : pandas.DataFrame
        Table of a library.
    request : GaitRequest
        What is to be solved.

    Returns
    -------
    str
        gait_id of the nearest verified gait.
    """
    verified = table[table["verified"]]
    features = np.array([parse_request(row).features for row in verified.to_dict("records")])
    return str(verified["gait_id"].iloc[int(np.argmin(np.linalg.norm(features - request.features, axis=1)))])


def build_library(
    requests: Iterable[GaitRequest],
    folder: Path,
    n_workers: int = 1,
    report: Callable[[str], None] = print,
) -> pd.DataFrame:
    """Solve requests into a library, each from its nearest solved neighbour.

    Parameters
    ----------
    requests : iterable of GaitRequest
        What to solve; the first one is the seed, solved from several cold starts.
    folder : pathlib.Path
        Library folder; parts that are already there are kept.
    n_workers : int
        Solver processes (one more process checks in OpenSim).
    report : callable
        Called with a line of progress.

    Returns
    -------
    pandas.DataFrame
        The library's table.
    """
    folder = Path(folder)
    (folder / "parts").mkdir(parents=True, exist_ok=True)
    wanted = {request.gait_id: request for request in requests}
    builder = _Builder(folder, wanted, report)
    builder.run(n_workers)
    return assemble_library(folder, wanted)


def assemble_library(folder: Path, wanted: dict[str, GaitRequest]) -> pd.DataFrame:
    """Write table and curves of the finished parts.

    Parameters
    ----------
    folder : pathlib.Path
        Library folder with `parts/`.
    wanted : dict of str to GaitRequest
        Gaits to include by gait_id.

    Returns
    -------
    pandas.DataFrame
        The table as written.

    Raises
    ------
    WorkError
        If not one gait is verified.
    """
    rows, gaits = [], []
    for gait_id, request in wanted.items():
        part = _read_part(folder, gait_id)
        if part is None:
            continue
        solved, replay = part
        row = describe_solution(request, solved, replay)
        if row["verified"]:
            gait = build_gait_dataset(request, solved)
            gaits.append(gait)
        rows.append(row)
    if not gaits:
        raise WorkError(
            f"{folder}: none of {len(rows)} gaits is verified; see the column 'reason' of its parts."
        )
    table = pd.DataFrame(rows)
    stacked = stack_gaits(gaits)
    stacked.attrs = {
        "title": "Simulated gaits, verified in OpenSim",
        "licence": "CC BY 4.0",
        "origin": "simulated",
    }
    small = _cast_curves(stacked, np.float32)
    encoding = {name: {"zlib": True, "complevel": 6} for name in small.data_vars if small[name].ndim > 1}
    _write_atomically(folder / "gaits.nc", lambda p: small.to_netcdf(p, engine="h5netcdf", encoding=encoding))
    _write_atomically(folder / "table.parquet", lambda p: table.to_parquet(p, index=False))
    return table


def _cast_curves(gaits: xr.Dataset, kind) -> xr.Dataset:
    return gaits.assign({n: gaits[n].astype(kind) for n in gaits.data_vars if gaits[n].ndim > 1})


class _Builder:
    """Hands requests to solver processes, nearest to what is solved first."""

    def __init__(self, folder: Path, wanted: dict[str, GaitRequest], report: Callable[[str], None]):
        self.folder, self.wanted, self.report = folder, wanted, report
        self.features = {gait_id: request.features for gait_id, request in wanted.items()}
        self.starts: dict[str, tuple] = {}
        self.pending: list[str] = []
        self.failed = 0
        for gait_id in wanted:
            part = _read_part(folder, gait_id)
            if part is None:
                self.pending.append(gait_id)
            elif part[0].converged:
                self.starts[gait_id] = (part[0].decision, part[0].duals)

    def run(self, n_workers: int) -> None:
        total, started, done = len(self.pending), time.monotonic(), 0
        cache = get_cache_folder()
        with make_pool(n_workers) as solvers, make_pool(1) as checkers:
            running, checking = {}, {}
            if self.pending and not self.starts:
                first = self.pending.pop(0)
                running[solvers.submit(run_solve, self.wanted[first], cache)] = (first, 0)
            while self.pending or running or checking:
                while self.pending and self.starts and len(running) < n_workers:
                    gait_id, start = self._pick()
                    running[solvers.submit(run_solve, self.wanted[gait_id], cache, *start)] = (gait_id, 0)
                finished, _ = wait([*running, *checking], return_when=FIRST_COMPLETED)
                for job in finished:
                    if job in checking:
                        gait_id, solved = checking.pop(job)
                        _write_part(self.folder, gait_id, (solved, job.result()))
                        done += 1
                        rate = done / (time.monotonic() - started)
                        left = (total - done) / rate / 60
                        self.report(f"{done}/{total} gaits, {3600 * rate:.0f} per hour, {left:.0f} min left, "
                                    f"{self.failed} not converged")  # fmt: skip
                        continue
                    gait_id, attempt = running.pop(job)
                    solved = job.result()
                    if not solved.converged and attempt == 0 and self.starts:
                        start = self._find_start(gait_id, rank=1)
                        retry = solvers.submit(run_solve, self.wanted[gait_id], cache, start[0], None)
                        running[retry] = (gait_id, 1)
                        continue
                    if solved.converged:
                        self.starts[gait_id] = (solved.decision, solved.duals)
                        request = self.wanted[gait_id]
                        checking[checkers.submit(run_replay, request, solved)] = (gait_id, solved)
                    else:
                        self.failed += 1
                        done += 1
                        _write_part(self.folder, gait_id, (solved, None))
                    if not self.starts:
                        raise WorkError(
                            f"the seed gait {gait_id} did not converge from any start: {solved.status}"
                        )

    def _pick(self) -> tuple[str, tuple]:
        """Of the next requests in the plan the one nearest to any solved one, and its start."""
        solved = np.array([self.features[g] for g in self.starts])
        pending = np.array([self.features[g] for g in self.pending[:_WINDOW]])
        distance = np.linalg.norm(pending[:, None] - solved[None], axis=2).min(axis=1)
        gait_id = self.pending.pop(int(np.argmin(distance)))
        return gait_id, self._find_start(gait_id)

    def _find_start(self, gait_id: str, rank: int = 0) -> tuple:
        ids = list(self.starts)
        distance = np.linalg.norm(np.array([self.features[g] for g in ids]) - self.features[gait_id], axis=1)
        return self.starts[ids[int(np.argsort(distance)[min(rank, len(ids) - 1)])]]


def _part_path(folder: Path, gait_id: str) -> Path:
    return folder / "parts" / f"{gait_id}.pickle"


def _read_part(folder: Path, gait_id: str):
    """Parts are working files of this machine's own build, never shipped: a pickle is good enough."""
    path = _part_path(folder, gait_id)
    return pickle.loads(path.read_bytes()) if path.exists() else None


def _write_part(folder: Path, gait_id: str, part) -> None:
    _write_atomically(_part_path(folder, gait_id), lambda path: Path(path).write_bytes(pickle.dumps(part)))


def _write_atomically(path: Path, write: Callable) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    write(temporary)
    os.replace(temporary, path)


def describe_library(table: pd.DataFrame) -> dict:
    """Count what a library holds.

    Parameters
    ----------
    table : pandas.DataFrame
        As `load_library` returns.

    Returns
    -------
    dict
        Gaits asked for, verified, per cohort, and the reasons of the others.
    """
    failed = table[~table["verified"]]
    return {
        "gaits": len(table),
        "verified": int(table["verified"].sum()),
        "people": int(table.drop_duplicates(["age_years", "sex", "height_m", "mass_kg"]).shape[0]),
        "verified_by_cohort": json.loads(table.groupby("cohort")["verified"].sum().to_json()),
        "reasons": json.loads(failed["reason"].str.split(" ").str[:3].str.join(" ").value_counts().to_json()),
    }
