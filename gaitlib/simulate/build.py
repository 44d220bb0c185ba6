"""Fill a library: every gait from its nearest solved neighbour, in any order, resumable at any moment.

Finished gaits are parts, one file each, written in one step and named by content:
`parts/ab/ab12....verified.npz` holds the row of the table (JSON), the curves and what restarts a neighbour.
The name tells the state, so a listing of the folder is all that a resumed build needs. A file appears whole
or not at all, whenever the process is killed. The formats are plain numpy and JSON: machines can exchange
them.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from scipy.spatial.distance import cdist

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.environment import write_atomically
from gaitlib.errors import GaitlibError, InputError, WorkError
from gaitlib.gait import CURVES
from gaitlib.simulate.library import GAIT_PREFIX, build_gait_set, write_library
from gaitlib.simulate.neighbours import (
    PREFIX,
    LibraryStarts,
    compute_table_features,
    join_multipliers,
    pack_multipliers,
    pack_start,
    select_multipliers,
    unpack_start,
    write_multipliers,
)
from gaitlib.simulate.plan import PlannedGait, describe_plan
from gaitlib.simulate.request import describe_request
from gaitlib.simulate.solution import build_gait_dataset, describe_solution
from gaitlib.simulate.workers import make_pool, run_gait

STATES = ("verified", "failed", "retry")
"""Done; done and not verified; failed once, to be tried again from another neighbour."""


class PartStore:
    """Parts of one library folder."""

    def __init__(self, folder: Path | str):
        self.folder = Path(folder) / "parts"

    def list_states(self) -> dict[str, str]:
        """List what is there."""
        found: dict[str, str] = {}
        for path in self.folder.glob("??/*.npz"):
            gait_id, state, _ = path.name.split(".", 2)
            if state in STATES and found.get(gait_id, "retry") == "retry":  # a finished part outlives it
                found[gait_id] = state
        return dict(sorted(found.items()))

    def write(self, gait_id: str, state: str, row: dict, arrays: dict[str, np.ndarray]) -> None:
        """Write a part in one step."""

        def save(path: Path) -> None:
            with path.open("wb") as file:
                np.savez(file, row=np.array(json.dumps(row)), **arrays)

        write_atomically(self._locate(gait_id, state), save)
        if state != "retry":
            self._locate(gait_id, "retry").unlink(missing_ok=True)

    def read_row(self, gait_id: str, state: str) -> dict:
        """Read the row of a part."""
        with np.load(self._locate(gait_id, state)) as stored:
            return json.loads(str(stored["row"]))

    def read_arrays(self, gait_id: str, prefix: str = "") -> dict[str, np.ndarray]:
        """Read arrays of a verified part whose names begin so."""
        with np.load(self._locate(gait_id, "verified")) as stored:
            return {name: stored[name] for name in stored.files if name.startswith(prefix) and name != "row"}

    def adopt(self, other: PartStore) -> int:
        """Take over the finished parts of another store."""
        own, n_new = self.list_states(), 0
        for gait_id, state in other.list_states().items():
            if state == "retry" or own.get(gait_id) in (state, "verified"):
                continue
            copy = partial(shutil.copyfile, other._locate(gait_id, state))
            write_atomically(self._locate(gait_id, state), copy)
            for former in STATES:
                if former != state:
                    self._locate(gait_id, former).unlink(missing_ok=True)
            n_new += 1
        return n_new

    def _locate(self, gait_id: str, state: str) -> Path:
        return self.folder / gait_id[:2] / f"{gait_id}.{state}.npz"


@contextmanager
def lock_folder(folder: Path):
    """Hold a library folder for one build; the system lets go of it when the process ends in any way."""
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "build.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise WorkError(
                f"{folder.name}: another build is at work in this folder; wait for it or stop it."
            ) from None
        yield


REPORT_S = 30.0


class Progress:
    """Progress of a build: a bar, a line every half minute in a log, or `report`; `quiet` counts only."""

    def __init__(self, total: int, done: int = 0, failed: int = 0, quiet: bool = False, report=None):
        from tqdm import tqdm

        terminal = sys.stderr.isatty()
        self.moments: list[float] = []
        self._total, self._done, self._failed, self._report = total, done, failed, report
        self._started = self._told = time.monotonic()
        if report:
            report(f"{done:,} of {total:,} gaits are there")
        self._bar = tqdm(
            total=total, initial=done, unit="gait", disable=quiet or report is not None, smoothing=0.05,
            ascii=not terminal, mininterval=0.5 if terminal else REPORT_S, dynamic_ncols=terminal,
            bar_format="{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]",
        )  # fmt: skip

    def count(self, verified: bool) -> None:
        """Count a finished gait."""
        self.moments.append(time.monotonic())
        self._done += 1
        self._failed += not verified
        rate = 3600 * len(self.moments) / max(self.moments[-1] - self._started, 1e-9)
        text = f"{rate:.0f} per hour, {100 * self._failed / self._done:.1f} % not verified"
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update()
        if self._report and (self._done == self._total or self.moments[-1] - self._told >= REPORT_S):
            self._told = self.moments[-1]
            left = (self._total - self._done) / max(rate, 1e-9)
            self._report(f"{self._done:,} of {self._total:,} gaits, {text}, {left:.1f} h left")

    def close(self) -> None:
        """Leave the bar as it stands."""
        self._bar.close()


EXECUTORS = ("local", "dask")
PATIENCE_S = 15.0
"""A scheduler that does not answer within this time is not there."""


class LocalExecutor:
    """Processes of this machine; the pool is made anew when one of them dies.

    Not Dask's local cluster: it takes half as much time again to start, and where a worker that died does not
    come up in time it is given up, so that a build on a busy machine may wait for ever.
    """

    def __init__(self, n_workers: int):
        self.n_workers, self._pool = n_workers, make_pool(n_workers)

    def submit(self, function: Callable, *arguments) -> Future:
        """Hand over a call."""
        return self._pool.submit(function, *arguments)

    def count_slots(self) -> int:
        """Count how many calls run at the same time."""
        return self.n_workers

    def restart(self) -> None:
        """Replace a broken pool."""
        self.close()
        self._pool = make_pool(self.n_workers)

    def close(self) -> None:
        """End the processes; calls that have not begun are dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class DaskExecutor(LocalExecutor):
    """Workers of a running Dask scheduler, given its address; one worker of one thread per core."""

    def __init__(self, address: str):
        import dask
        from distributed import Client

        address = address or dask.config.get("scheduler-address", "")
        if not address:
            raise InputError(
                "--scheduler: missing; name a scheduler such as tcp://host:8786 (start: dask scheduler)."
            )
        try:
            self._client = Client(address, timeout=PATIENCE_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise InputError(
                f"--scheduler {address}: no Dask scheduler answers there ({type(error).__name__})."
            ) from None
        self._pool = self._client.get_executor(pure=False)

    def count_slots(self) -> int:
        """Count how many calls run at the same time."""
        return max(1, sum(self._client.nthreads().values()))

    def restart(self) -> None:
        """Give up: without its scheduler this executor is lost."""
        raise WorkError("the connection to the Dask scheduler is lost; the same command goes on from here.")

    def close(self) -> None:
        """Leave the scheduler; calls that have not begun are dropped."""
        self._pool.shutdown(wait=False)
        self._client.close()


def open_executor(name: str, n_workers: int = 1, scheduler: str = "") -> LocalExecutor:
    """Open an executor."""
    if name not in EXECUTORS:
        raise InputError(f"--executor: found '{name}', expected {' or '.join(EXECUTORS)}.")
    return LocalExecutor(n_workers) if name == "local" else DaskExecutor(scheduler)


def assemble_library(
    folder: Path | str, finished: list[str] | None = None, source: LibraryStarts | None = None
) -> pd.DataFrame:
    """Write table, curves and multipliers of the finished parts of a folder."""
    folder = Path(folder)
    store = PartStore(folder)
    states = store.list_states()
    rows = [store.read_row(gait_id, state) for gait_id, state in states.items()]
    verified = [gait_id for gait_id, state in states.items() if state == "verified"]
    others = [gait_id for gait_id in finished or [] if gait_id not in states]
    if not verified and not others:
        reason = rows[0]["reason"] if rows else "none was tried"
        raise WorkError(f"{folder.name}: none of {len(rows)} gaits is verified; the first because: {reason}")
    table = pd.DataFrame(rows)
    gaits = [_stack_curves(store, verified)] if verified else []
    name = f"{PREFIX}multipliers"
    multipliers = pack_multipliers({g: store.read_arrays(g, name)[name] for g in verified})
    if others:
        known = source.table.set_index("gait_id", drop=False).loc[others]
        table = pd.concat([table, known], ignore_index=True)
        gaits.append(source.gaits.sel(gait=others))
        multipliers = join_multipliers(multipliers, select_multipliers(source.multipliers, others))
    table = table.sort_values("gait_id", kind="stable").reset_index(drop=True)
    order = table.loc[table["verified"].astype(bool), "gait_id"].to_list()
    whole = xr.concat(gaits, "gait", join="exact", combine_attrs="override").sel(gait=order)
    write_library(folder, table, whole)
    write_multipliers(folder, multipliers.sortby("gait"))
    return table


def _stack_curves(store: PartStore, verified: list[str]) -> xr.Dataset:
    stacked: dict[str, np.ndarray] = {}
    for place, gait_id in enumerate(verified):
        for name, value in store.read_arrays(gait_id, GAIT_PREFIX).items():
            name = name.removeprefix(GAIT_PREFIX)
            if name not in stacked:
                stacked[name] = np.empty((len(verified), *value.shape), value.dtype)
            stacked[name][place] = value
    about = {"title": "Simulated gaits, verified in OpenSim", "licence": "CC BY 4.0", "origin": "simulated"}
    return build_gait_set(verified, stacked, about)


_WINDOW = 512
"""The build looks this far ahead in the plan, so that it stays balanced wherever it is stopped."""
_RETRY_AFTER = 256
"""A gait that failed waits until so many others are finished: its neighbourhood has grown by then."""
_MAX_COLD = 5
_CANCEL_CHECK_S = 5.0
CHECK_EVERY, CHECK_AFTER = 20, 50
"""One of so many verified gaits is solved again from another neighbour, once so many starts are known: the
problem has local optima, and a library inherits them from neighbour to neighbour."""
_CHECK_AMONG = 8
"""The check begins from the cheapest of so many."""
_CHEAPER = 0.005
"""Share by which another solution must be cheaper to take the place of the first; then its neighbours are
checked as well."""
FAR_IN_SPACE = 0.6
"""From this distance on a gait in space begins with its planar twin."""
_CHECK = 2
"""Attempt number of a check."""


def build_library(
    plan: list[PlannedGait],
    folder: Path | str,
    executor=None,
    start_library: Path | str | None = None,
    solve: Callable = run_gait,
    time_limit_s: float = 60.0,
    limit: int | None = None,
    progress: Progress | None = None,
    report: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Solve a plan into a library folder and write its table and curves."""
    folder = Path(folder)
    own = executor is None
    executor = LocalExecutor(1) if own else executor
    try:
        with lock_folder(folder):
            builder = _Builder(
                plan, PartStore(folder), executor, start_library, solve, time_limit_s, progress, report
            )
            builder.run(limit)
            return assemble_library(folder, builder.finished, builder.library)
    finally:
        if own:
            executor.close()


@dataclass
class _Start:
    """A solved gait as a start: a part of this build, or a gait of another library."""

    gait_id: str
    library: LibraryStarts | None = None


@dataclass
class _Job:
    gait_id: str
    attempt: int
    start: _Start | None
    distance: float
    submitted: float
    alone: bool


class _Builder:
    """Keeps the plan, the starts found so far, and how near each planned gait is to one of them."""

    def __init__(self, plan, store, executor, start_library, solve, time_limit_s, progress, report=None):
        self.store, self.executor, self.solve, self.time_limit_s = store, executor, solve, time_limit_s
        described = describe_plan(plan).drop_duplicates("gait_id")
        self.plan = {gait_id: plan[place] for place, gait_id in described["gait_id"].items()}
        self.rank = {gait_id: rank for rank, gait_id in enumerate(self.plan)}
        self.places = compute_table_features(described)
        states = store.list_states()
        self.pending = [gait_id for gait_id in self.plan if gait_id not in states]
        self.retries = deque((_RETRY_AFTER, g) for g in self.plan if states.get(g) == "retry")
        self.finished: list[str] = []
        self.library = None
        self.starts: list[_Start] = []
        self.start_places = np.empty((0, self.places.shape[1]))
        self.near = np.full(len(self.plan), np.inf)
        if start_library is not None:
            self._add_library(start_library, states)
        self._add_parts([gait_id for gait_id, state in states.items() if state == "verified"])
        done = [state for gait_id, state in states.items() if gait_id in self.plan and state != "retry"]
        n_done = len(done) + len(self.finished)
        self.progress = progress or Progress(len(self.plan), n_done, done.count("failed"), report=report)
        self.n_finished, self.n_cold = 0, 0
        self.lost: deque[tuple[str, int]] = deque()
        self.checks: deque[str] = deque()
        self.checked: set[str] = set()

    def run(self, limit: int | None) -> None:
        running: dict = {}
        try:
            while True:
                self._fill(running, limit)
                if not running:
                    return
                finished, _ = wait(running, timeout=_CANCEL_CHECK_S, return_when=FIRST_COMPLETED)
                broken = False
                for future in finished:
                    broken |= not self._receive(running.pop(future), future)
                if broken:
                    self.executor.restart()  # all calls that were running are lost with the pool
                    for job in running.values():
                        self._lose(job)
                    running.clear()
        finally:
            for future in running:
                future.cancel()
            self.progress.close()

    def _fill(self, running: dict, limit: int | None) -> None:
        """Hand over as many gaits as the executor can take now; what was lost with a worker runs alone, so
        that it shows which gait it is that kills.
        """
        slots = self.executor.count_slots()
        while len(running) < slots and (limit is None or self.n_finished + len(running) < limit):
            alone = bool(self.lost)
            if alone and running:
                return
            gait_id, attempt = self.lost.popleft() if alone else self._pick(waiting=bool(running))
            if gait_id is None:
                return
            start, distance = self._find_start(gait_id, attempt)
            request = self.plan[gait_id].request
            # In space a planar gait of the same person is nearer than a far one there.
            far = request.body == "space" and distance > FAR_IN_SPACE
            guess = self._make_guess(start, 1 if far else attempt)
            future = self.executor.submit(self.solve, request, guess, self.time_limit_s)
            running[future] = _Job(gait_id, attempt, start, distance, time.monotonic(), alone)
            if alone:
                return

    def _pick(self, waiting: bool) -> tuple[str | None, int]:
        """The next gait: a retry whose time has come, else the nearest to a start of the next in the plan."""
        if not self.starts:
            if waiting:
                return None, 0  # a seed is being solved
            if self.n_cold >= _MAX_COLD or not self.pending:
                raise WorkError(
                    f"none of {self.n_cold} seeds converged; see 'reason' in the rows of the parts."
                )
            self.n_cold += 1
            return self.pending.pop(0), 0
        if self.retries and (self.n_finished >= self.retries[0][0] or not self.pending):
            return self.retries.popleft()[1], 1
        # With a single start there is no other line to check against.
        if self.checks and len(self.starts) > 1 and (len(self.starts) >= CHECK_AFTER or not self.pending):
            return self.checks.popleft(), _CHECK
        if not self.pending:
            return None, 0
        ahead = [self.rank[gait_id] for gait_id in self.pending[:_WINDOW]]
        return self.pending.pop(int(np.argmin(self.near[ahead]))), 0

    def _find_start(self, gait_id: str, attempt: int) -> tuple[_Start | None, float]:
        if not self.starts:
            return None, float("nan")
        distance = np.linalg.norm(self.start_places - self.places[self.rank[gait_id]], axis=1)
        if attempt == _CHECK:
            near = [n for n in np.argsort(distance)[:20] if self.starts[n].gait_id != gait_id]
            others = [n for n in near if self._is_of_other_line(self.starts[n], gait_id)]
            # The cheapest of the nearest is the least likely to lie on a dearer branch itself; costs of a
            # library given as starts may be those of another engine.
            solved_here = [n for n in others if self.starts[n].library is None][:_CHECK_AMONG]

            def read_cost(place: int) -> float:
                return self.store.read_row(self.starts[place].gait_id, "verified")["cost"]

            chosen = min(solved_here, key=read_cost, default=(others or near)[0])
            return self.starts[chosen], float(distance[chosen])
        order = np.argsort(distance)[:2]
        chosen = order[min(attempt, len(order) - 1)]
        return self.starts[chosen], float(distance[chosen])

    def _is_of_other_line(self, start: _Start, gait_id: str) -> bool:
        """Whether neither of two gaits began from the other."""
        if start.library is not None:
            return True
        own, other = (self.store.read_row(name, "verified")["start_id"] for name in (gait_id, start.gait_id))
        return own != start.gait_id and other != gait_id

    def _make_guess(self, start: _Start | None, attempt: int):
        """The start itself; the second time without its multipliers."""
        if start is None:
            return None
        if start.library is not None:
            whole = start.library.make(start.gait_id)
        else:
            whole = unpack_start(self.store.read_arrays(start.gait_id, PREFIX))
        return replace(whole, multipliers=None) if attempt == 1 else whole

    def _receive(self, job: _Job, future) -> bool:
        """Keep a result; False when the worker pool is broken."""
        try:
            solved, replay = future.result()
        except (BrokenExecutor, CancelledError) as error:
            if job.alone:
                self._record_failure(job, f"worker lost: {type(error).__name__}", again=False)
            else:
                self._lose(job)
            return False
        except Exception as error:  # one request must not end the build of the others
            killer = type(error).__name__ == "KilledWorker"  # Dask gave up on this gait after several workers
            self._record_failure(job, f"error: {type(error).__name__}: {error}", again=not killer)
            return True
        self._record(job, solved, replay)
        return True

    def _lose(self, job: _Job) -> None:
        """Try again what was lost with a worker; a check is not worth it."""
        if job.attempt != _CHECK:
            self.lost.append((job.gait_id, job.attempt))

    def _record(self, job: _Job, solved, replay: dict | None) -> None:
        item = self.plan[job.gait_id]
        row = describe_solution(item.request, solved, replay)
        arrays: dict = {}
        if row["verified"]:
            try:
                arrays = make_arrays(build_gait_dataset(item.request, solved), solved)
            except GaitlibError as error:
                row |= {"verified": False, "reason": f"curves: {error}"}
        if job.attempt == _CHECK:
            self._compare(job, row, arrays)
            return
        self._write(job, row, arrays)

    def _compare(self, job: _Job, row: dict, arrays: dict) -> None:
        """Keep the cheaper of two solutions; where it is the second, neighbours are suspected too."""
        former = self.store.read_row(job.gait_id, "verified")
        if not row["verified"]:
            return
        gain = former["cost"] / row["cost"] - 1
        spread = {"branch_spread": abs(gain)}
        if gain <= _CHEAPER:
            self.store.write(job.gait_id, "verified", former | spread, self.store.read_arrays(job.gait_id))
            return
        better = complete_row(row, self.plan[job.gait_id]) | spread
        kept = ("attempts", "wall_s")
        better |= {name: former[name] for name in kept} | {"start_id": job.start.gait_id}
        self.store.write(job.gait_id, "verified", better | {"start_distance": job.distance}, arrays)
        distance = np.linalg.norm(self.start_places - self.places[self.rank[job.gait_id]], axis=1)
        for place in np.argsort(distance)[1:5]:
            self._plan_check(self.starts[place])

    def _plan_check(self, start: _Start) -> None:
        if start.library is None and start.gait_id in self.plan and start.gait_id not in self.checked:
            self.checked.add(start.gait_id)
            self.checks.append(start.gait_id)

    def _record_failure(self, job: _Job, reason: str, again: bool) -> None:
        if job.attempt == _CHECK:
            return
        row = describe_request(self.plan[job.gait_id].request)
        self._write(job, row | {"verified": False, "reason": reason}, {}, again)

    def _write(self, job: _Job, row: dict, arrays: dict, again: bool = True) -> None:
        item = self.plan[job.gait_id]
        # Worker time of the first attempt is kept in the part that waited for the second.
        spent = self.store.read_row(job.gait_id, "retry")["wall_s"] if job.attempt else 0.0
        row = complete_row(row, item) | {
            "attempts": job.attempt + 1,
            "start_id": job.start.gait_id if job.start else "",
            "start_distance": job.distance,
            "wall_s": time.monotonic() - job.submitted + spent,
        }
        again &= not row["verified"] and job.attempt == 0
        state = "verified" if row["verified"] else "retry" if again else "failed"
        self.store.write(job.gait_id, state, row, arrays)
        if again:
            self.retries.append((self.n_finished + _RETRY_AFTER, job.gait_id))
            return
        self.n_finished += 1
        self.progress.count(bool(row["verified"]))
        if row["verified"]:
            self._add_starts([_Start(job.gait_id)], self.places[[self.rank[job.gait_id]]])
            if int(job.gait_id, 16) % CHECK_EVERY == 0:
                self._plan_check(_Start(job.gait_id))

    def _add_starts(self, starts: list[_Start], places: np.ndarray) -> None:
        if not starts:
            return
        self.starts += starts
        self.start_places = np.vstack([self.start_places, places])
        for first in range(0, len(self.places), 1000):
            part = slice(first, first + 1000)
            self.near[part] = np.minimum(self.near[part], cdist(self.places[part], places).min(axis=1))

    def _add_parts(self, ids: list[str]) -> None:
        """Finished parts, also those of another plan."""
        strange = [gait_id for gait_id in ids if gait_id not in self.rank]
        known = [gait_id for gait_id in ids if gait_id in self.rank]
        self._add_starts([_Start(g) for g in known], self.places[[self.rank[g] for g in known]])
        if strange:
            rows = pd.DataFrame([self.store.read_row(gait_id, "verified") for gait_id in strange])
            self._add_starts([_Start(gait_id) for gait_id in strange], compute_table_features(rows))

    def _add_library(self, folder: Path | str, states: dict) -> None:
        """Gaits solved earlier: each a start, and finished where it is asked for and no part holds it."""
        self.library = LibraryStarts(folder)
        table = self.library.table
        table = table[table["verified"].astype(bool) & ~table["gait_id"].isin(states)]
        self._add_starts([_Start(g, self.library) for g in table["gait_id"]], compute_table_features(table))
        self.finished = [gait_id for gait_id in table["gait_id"] if gait_id in self.plan]
        known = set(self.finished)
        self.pending = [gait_id for gait_id in self.pending if gait_id not in known]


def complete_row(row: dict, item: PlannedGait) -> dict:
    """Complete a row of the table with what the plan knows, in numbers that JSON can hold."""
    leg = round(compute_dimensions(item.request.person).leg_length_m, 4)
    row = row | item.labels | {"leg_length_m": leg}
    return {name: value.item() if isinstance(value, np.generic) else value for name, value in row.items()}


def make_arrays(gait, solved) -> dict[str, np.ndarray]:
    """Collect what a part holds: the Gait (curves as float32) and the start of a neighbour."""
    values = {name: gait[name].values for name in gait.data_vars}
    small = {name: value.astype(np.float32) if name in CURVES else value for name, value in values.items()}
    return {f"{GAIT_PREFIX}{name}": value for name, value in small.items()} | pack_start(solved.start)
