"""Times of the chain and errors on real people, into one JSON file: `make bench`.

Each bench is a small function that names its keys and imports what it needs. One that fails leaves null and
its reason, and the others go on.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gaitlib.environment import ROOT, require, set_threads
from gaitlib.errors import GaitlibError, InputError, WorkError

_CLIP_SECONDS = 5.0
_CLIP_REPEATS = 7
_THROUGHPUT_GAITS = 40
_COHORT_GAITS = 200
_VIDEO_REPEATS = 4
_DAMAGED_FILES, _TRIALS = 50, 4
_TRIAL_VIEWS = ("side", "front", "oblique")
_WARM_UP_GAITS = 24
"""So many gaits of other people are solved first: every process then has all four solvers."""


def measure_simulate(study) -> dict[str, float]:
    """Time the solver in a process of its own, with an empty cache."""
    from gaitlib.simulate.guess import GUESSES_DEG
    from gaitlib.simulate.workers import make_pool, run_solve

    with tempfile.TemporaryDirectory() as cache, make_pool(1) as pool:

        def solve(request, start=None):
            solved = pool.submit(run_solve, request, Path(cache), start).result()
            if not solved.converged:
                raise WorkError(f"{request.kind} at {request.speed_mps} m/s: {solved.status}")
            return solved

        started = time.perf_counter()
        cold = solve(ask_adult(1.2))
        wall = time.perf_counter() - started
        warm = solve(ask_adult(1.3), cold.start)
        mild = solve(ask_adult(1.2, calf=0.7), cold.start)
        stride = solve(ask_adult(1.2, calf=0.5), mild.start)
    return {
        "simulate.engine_s": wall - cold.cpu_s,
        "simulate.cold_all_s": cold.cpu_s,
        "simulate.cold_s": cold.cpu_s / len(GUESSES_DEG),
        "simulate.warm_s": warm.cpu_s,
        "simulate.stride_warm_s": stride.cpu_s,
    }


def measure_spatial_functions(cache: Path) -> tuple[float, int]:
    """Measure what the functions of the problem in space took in this (worker) process, and iterations."""
    from gaitlib.simulate.spatial_solve import measure_functions

    return measure_functions(cache)


def measure_peak_bytes() -> int:
    """Measure the largest memory that this (worker) process has held."""
    import resource

    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure_spatial(study) -> dict[str, float]:
    """Solve an adult's walk in space, from the shipped planar gait and from solutions in space; CPU seconds.

    `function_s` is what all functions of the problem take in an iteration of the half cycles, `linear_share`
    the share of the solver's time that they leave, nearly all of it linear algebra. `published_min` is what a
    published simulation with `published_coordinates` and `published_muscles` took.
    """
    from gaitlib.simulate import workers
    from gaitlib.simulate.neighbours import LibraryStarts, find_nearest

    shipped = LibraryStarts()
    asked = [ask_adult(1.3), ask_adult(1.2), ask_adult(1.2, calf=0.7)]
    start = shipped.make(find_nearest(shipped.table, asked[0]))
    with tempfile.TemporaryDirectory() as cache, workers.make_pool(1) as pool:

        def run(function, *inputs):
            return pool.submit(function, *inputs).result()

        started = time.perf_counter()
        solved = [run(workers.run_spatial, asked[0], Path(cache), start)]
        wall = time.perf_counter() - started
        for request in asked[1:]:
            solved.append(run(workers.run_spatial, request, Path(cache), solved[-1].start))
        spent, iterations = run(measure_spatial_functions, Path(cache))
        peak = run(measure_peak_bytes)
    failed = [gait.status for gait in solved if not gait.converged]
    if failed:
        raise WorkError(f"gaits in space: {', '.join(failed)}")
    replays = workers.replay_gaits(asked, solved)
    cold, warm, stride = solved
    found = {
        "engine_s": wall - cold.cpu_s,
        "cold_s": cold.cpu_s,
        "cold_iterations": cold.iterations,
        "warm_s": warm.cpu_s,
        "warm_iterations": warm.iterations,
        "stride_s": stride.cpu_s,
        "peak_mb": peak / 1e6,
        "verified_share": sum(not replay["reasons"] for replay in replays) / len(replays),
        "coordinates": solved[0].position.shape[1],
        "muscles": solved[0].activation.shape[1],
        "function_s": spent / iterations,
        "linear_share": 1 - spent / (cold.cpu_s + warm.cpu_s),
    }
    return {f"simulate3d.{name}": value for name, value in (found | PUBLISHED).items()}


PUBLISHED = {"published_min": 36.0, "published_coordinates": 29, "published_muscles": 92}
"""Falisse et al. 2019 (doi 10.1098/rsif.2019.0402): mean time of a simulation in space, size of its model."""


def ask_adult(speed_mps: float, calf: float = 1.0):
    """Ask for a typical adult at a typical stride time; with a weak right calf as a full stride."""
    from gaitlib.cohorts.growth import compute_typical_stride_time
    from gaitlib.person import Impairment
    from gaitlib.simulate.plan import TYPICAL_ADULT
    from gaitlib.simulate.request import GaitRequest

    impairment = Impairment(weakness={"plantarflexors_r": calf}) if calf < 1 else Impairment()
    time_s = compute_typical_stride_time(TYPICAL_ADULT, speed_mps)
    kind = "half" if calf == 1 else "stride"
    return GaitRequest(TYPICAL_ADULT, speed_mps, impairment, time_s, kind=kind)


def measure_cohorts(study) -> dict[str, float]:
    """Solve 200 people of all cohorts that the shipped library does not hold, on two processes."""
    folder, share = ROOT / study.simulate.library, study.library.stride_share
    found = solve_cohorts(2, _COHORT_GAITS, study.seed + 1000, share, folder)
    return {f"simulate.{name}": value for name, value in found.items()}


def measure_library(study) -> dict[str, float]:
    """Measure the shipped library, and how many gaits an hour one and two processes finish."""
    from gaitlib.simulate import library

    folder = ROOT / study.simulate.library
    found = {f"library.{name}": value for name, value in library.measure_library(folder).items()}
    for n in (1, 2):
        rate = measure_rate(n, _THROUGHPUT_GAITS, study.seed + 2000, folder)
        found[f"library.gaits_per_hour_{n}"] = rate
    return found


def measure_generate(study) -> dict[str, float]:
    """Train the study's generator without a checkpoint and compare it with held-out simulated people."""
    from gaitlib.estimate.synthetic_training import split_library
    from gaitlib.generate.flow import GaitGenerator
    from gaitlib.generate.generator_diagnostics import (
        measure_fidelity,
        measure_throughput,
        summarise_fidelity,
    )
    from gaitlib.simulate.library import load_library

    library = load_library(ROOT / study.simulate.library).curves
    split = split_library(*library, study.estimate.held_out_share, study.seed)
    flow = GaitGenerator().fit(*split.training, study.generate.get_training(), study.seed)
    found = summarise_fidelity(measure_fidelity({"flow": flow}, split.training, split.held_out, study.seed))
    found = found.set_index(["measure", "part"])["flow"]
    return {
        "generate.train_s": flow.train_s,
        "generate.strides_per_s": measure_throughput(flow),
        "generate.swd": float(found["wasserstein", "position"]),
        "generate.conditional_speed_error": float(found["joint_speed_mape", "all"]) / 100,
    }


def measure_estimate(study) -> dict[str, float]:
    """Time the estimate of one clip, the network being loaded, and read how long the trainings took."""
    import numpy as np

    from gaitlib.estimate.predict import SHIPPED_ESTIMATORS, estimate_clip, load_shipped_estimator
    from gaitlib.estimate.synthetic_training import list_persons
    from gaitlib.sense.body_walk import build_synthetic_walk
    from gaitlib.sense.camera import build_camera, project_walk
    from gaitlib.simulate.library import load_library

    estimator = load_shipped_estimator()
    table, gaits = load_library(ROOT / study.simulate.library).curves
    row = table[table["verified"].astype(bool)].head(1)
    gait = gaits.sel(gait=row["gait_id"].item())
    rng = np.random.default_rng(study.seed)
    walk = build_synthetic_walk(gait, list_persons(row)[0], rng, duration_s=_CLIP_SECONDS)
    clip = project_walk(walk, build_camera(study.sense.views[0], fps=study.sense.fps), study.sense.layout)
    times = []
    for _ in range(_CLIP_REPEATS):
        started = time.perf_counter()
        estimate = estimate_clip(clip, height_m=walk.attrs["height_m"], estimator=estimator)
        times.append(time.perf_counter() - started)
    if not estimate.ok:
        raise WorkError(f"the clip got no estimate: {estimate.status}")
    facts = ROOT / "build" / study.name / "results" / "3_train.json"
    if not facts.is_file():
        raise WorkError(f"no {facts.name} in build/{study.name}/results; run make book first")
    shipped = [load_shipped_estimator(kind).provenance["train_s"] for kind in SHIPPED_ESTIMATORS]
    return {
        "estimate.clip_s": statistics.median(times),
        "estimate.train_s": json.loads(facts.read_text(encoding="utf-8"))["train_s"],
        "estimate.train_shipped_s": sum(shipped),
    }


def measure_book(study) -> dict[str, float]:
    """Time the binding of the book from executed pages, with nothing built before."""
    from gaitlib.workflow.bind import assemble_book, compile_book

    with tempfile.TemporaryDirectory() as folder:
        source, output, log = (Path(folder) / name for name in ("source", "output", "log"))
        started = time.perf_counter()
        assemble_book(study, ROOT, source)
        compile_book(source, output, log)
        return {"book.cold_s": time.perf_counter() - started}


def measure_evaluate(study) -> dict[str, float]:
    """Read the errors on real people from the results of the executed study."""
    from gaitlib.evaluate.tables import build_agreement_table

    folder = ROOT / "build" / study.name / "results"
    paths = sorted(folder.glob("estimates_*.parquet"))
    cameras = [path for path in paths if "_sensors_" not in path.name]
    tables = [table for path in cameras if len(table := pd.read_parquet(path))]
    if not tables:
        raise WorkError(f"no estimates in build/{study.name}/results; run make book first")
    tidy = pd.concat(tables, ignore_index=True)
    view = study.sense.views[0]
    seen = tidy["view"].isin([view, "lower_back"])
    real = tidy[(tidy["origin"] == "real") & (tidy["method"] == "synthetic") & seen]
    if real.empty:
        raise WorkError(f"no real person was estimated by 'synthetic' in view '{view}'")
    found = {}
    worn = [table for path in paths if "_sensors_" in path.name for table in [pd.read_parquet(path)]]
    worn = [table[table["method"] == "synthetic"] for table in worn]
    keys = ("dataset", "subgroup", "view", "outcome")
    groups = build_agreement_table(pd.concat(worn), by=keys, n_resamples=100) if worn else pd.DataFrame()
    for _, row in groups[groups["mae"].notna()].iterrows() if worn else ():
        numbers = {name: row[name] for name in ("mae", "bias", "interval_coverage", "n_people")}
        place = ".".join(row[key] for key in keys)
        found |= {
            f"evaluate.{place}.{name.removeprefix('interval_')}": float(n) for name, n in numbers.items()
        }
    for _, row in build_agreement_table(real, by=("dataset", "outcome"), n_resamples=100).iterrows():
        name = f"evaluate.{row['dataset']}.{row['outcome']}"
        found[f"{name}.mae"] = float(row["mae"])
        found |= {f"{name}.{count}": int(row[count]) for count in ("n_people", "n_people_all")}
    return found


def measure_door(study) -> dict[str, float]:
    """Ask the door for files of every kind, for what is no walking, for real walks and for damaged files."""
    import numpy as np

    damaging, files, trials = (_import_from_tests(f"door_{name}") for name in ("damage", "samples", "trials"))
    rng = np.random.default_rng(study.seed)
    with tempfile.TemporaryDirectory() as folder:
        walk = files.build_sample_walk()
        samples = files.write_samples(folder, walk)
        right = files.check_samples(samples, walk)["right"]
        foreign = []
        for sample in samples:
            path = sample.path.with_name(f"damaged_{sample.path.name}")
            for _ in range(_DAMAGED_FILES):
                path.write_bytes(damaging.damage(sample.path.read_bytes(), damaging.draw_edits(rng)))
                foreign.append(bool(damaging.try_file(path, sample.options, whole=False)))
    return {
        "door.inputs_right": int(right.sum()),
        "door.inputs_total": len(right),
        "door.declined_share": trials.try_trials(_TRIALS, study.seed),
        "door.false_declined_share": _measure_false_declines(),
        "door.malformed_cases": len(foreign),
        "door.foreign_tracebacks": int(sum(foreign)),
    }


def measure_report(study) -> dict[str, float]:
    """Time `gaitlib report` from a drawn video (720p, 30 fps) to the page, and what memory it takes."""
    import resource
    import subprocess

    drawing, toys = _import_from_tests("mannequin"), _import_from_tests("sense_toys")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "walk.mp4"
        drawing.film_video(path, toys.make_library_walk(duration_s=6.0, fps=60.0), times=_VIDEO_REPEATS)
        from gaitlib.sense.video import read_head

        fps, frames = read_head(path, None)
        command = [sys.executable, "-m", "gaitlib.cli", "report", str(path), "--height", "1.7"]
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
        wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "report.realtime_factor": frames / fps / wall,
        "report.cpu_share": cpu * fps / frames,  # what a loaded machine does not change
        "report.peak_mb": after.ru_maxrss / 1024,  # of all children so far
    }


def _import_from_tests(name: str):
    """Import a module of the tests, which a clone has: what is no walking is made there."""
    sys.path.insert(0, str(ROOT / "tests"))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(ROOT / "tests"))


def _is_declined(clip) -> bool:
    import gaitlib
    from gaitlib.errors import InputError

    try:
        return not gaitlib.estimate_gait(clip).ok
    except InputError:
        return True


def _measure_false_declines() -> float:
    """Share of the project's real walks of 2 s and more that get no answer; each view counts."""
    from gaitlib.data.inertial_walks import load_inertial_walks
    from gaitlib.data.walks import load_walks
    from gaitlib.errors import AbsentData
    from gaitlib.sense.camera import build_camera, project_walk

    filmed = {"td_children_c3d": "evaluate", "neuro_bvh": "evaluate", "adult_walk_3d_moco": "calibrate"}
    worn = ("mobilised_lab", "parkinson_fog_imu", "lower_back_events", "opal_gaitrite")
    worn = dict.fromkeys(worn, "evaluate")
    declined = []
    for load, items in ((load_walks, filmed), (load_inertial_walks, worn)):
        for item, purpose in items.items():
            try:
                walks = load(item, purpose)
            except AbsentData:
                continue
            for walk in (walk for walk in walks if float(walk["time"][-1] - walk["time"][0]) >= 2.0):
                if load is load_walks:
                    fps = min(float(walk.attrs["fps"]), 60.0)
                    clips = [project_walk(walk, build_camera(view, fps=fps)) for view in _TRIAL_VIEWS]
                else:
                    back = walk.sel(sensor="lumbar", drop=True) if "sensor" in walk.dims else walk
                    clips = [back.assign_attrs(site=back.attrs.get("site", "lower_back"))]
                declined += [_is_declined(clip) for clip in clips]
    if not declined:
        raise WorkError("none of the recordings of real people is here")
    return sum(declined) / len(declined)


def measure_rate(n_workers: int, n_gaits: int, seed: int, start_library: Path | str | None) -> float:
    """Measure how many gaits an hour are finished, on the cohorts that need one and the same solver.

    Half strides without reflexes, so that no process stops to build a second solver in so short a run.
    """
    from gaitlib.simulate.build import LocalExecutor, Progress, build_library
    from gaitlib.simulate.plan import plan_library

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
    moments = progress.moments
    return 3600 * (len(moments) - 1 - skip) / (moments[-1] - moments[skip])


def solve_cohorts(
    n_workers: int, n_gaits: int, seed: int, stride_share: float, start_library: Path | str | None
) -> dict[str, float]:
    """Solve people of all cohorts, drawn at random, and count what is verified, how fast, in how much
    memory.
    """
    from gaitlib.cohorts.cohort import COHORTS
    from gaitlib.simulate.build import LocalExecutor, Progress, build_library
    from gaitlib.simulate.plan import plan_library

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


@dataclass(frozen=True)
class Bench:
    """One measurement: the keys that it fills and the function that measures, given the study."""

    keys: tuple[str, ...]
    measure: Callable

    @property
    def area(self) -> str:
        """First word of the keys."""
        return self.keys[0].partition(".")[0]


SIMULATE_KEYS = tuple(
    f"simulate.{name}" for name in ("engine_s", "cold_all_s", "cold_s", "warm_s", "stride_warm_s")
)
COHORT_KEYS = tuple(
    f"simulate.{name}" for name in ("verified_share", "gaits_per_hour", "strides_per_hour", "peak_mb")
)
SPATIAL_KEYS = tuple(
    f"simulate3d.{name}"
    for name in (
        *("engine_s", "cold_s", "cold_iterations", "warm_s", "warm_iterations", "stride_s", "peak_mb"),
        *("verified_share", "coordinates", "muscles", "function_s", "linear_share", *PUBLISHED),
    )
)
LIBRARY_KEYS = (
    "library.gaits_verified",
    "library.gaits_with_curves",
    "library.bytes",
    "library.load_s",
    "library.gaits_per_hour_1",
    "library.gaits_per_hour_2",
)

DOOR_KEYS = tuple(
    f"door.{name}"
    for name in (
        *("inputs_right", "inputs_total", "declined_share", "false_declined_share"),
        *("malformed_cases", "foreign_tracebacks"),
    )
)

BENCHES = (
    Bench(SIMULATE_KEYS, measure_simulate),
    Bench(COHORT_KEYS, measure_cohorts),
    Bench(SPATIAL_KEYS, measure_spatial),
    Bench(LIBRARY_KEYS, measure_library),
    Bench(
        (
            "generate.train_s",
            "generate.strides_per_s",
            "generate.swd",
            "generate.conditional_speed_error",
        ),
        measure_generate,
    ),
    Bench(("estimate.clip_s", "estimate.train_s", "estimate.train_shipped_s"), measure_estimate),
    Bench(("book.cold_s",), measure_book),
    Bench(("evaluate",), measure_evaluate),
    Bench(DOOR_KEYS, measure_door),
    Bench(("report.realtime_factor", "report.cpu_share", "report.peak_mb"), measure_report),
)
"""Benches of `make bench`, in the order in which they run."""


def run_benches(study, benches: Sequence[Bench] = BENCHES, report: Callable[[str], None] = print) -> dict:
    """Run benches, each whatever became of the others."""
    values, reasons = {}, {}
    for bench in benches:
        try:
            found = bench.measure(study)
        except Exception as error:  # whatever is wrong with one must not cost the others
            reason = f"{type(error).__name__}: {error}"
            found = dict.fromkeys(bench.keys)
            reasons |= dict.fromkeys(bench.keys, reason)
        for key, value in found.items():
            if isinstance(value, float):
                value = round(value, 4) if value == value else None
                if value is None:
                    reasons[key] = "undefined"
            values[key] = value
            report(f"{key:48s} {'failed: ' + reasons[key] if value is None else value}")
    about = {
        "study": study.name,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }
    return {**values, "reasons": reasons, "about": about}


def main(words: Sequence[str] | None = None) -> int:
    """Run the benches that are asked for and write the file."""
    parser = argparse.ArgumentParser(prog="python studies/bench.py", description=__doc__)
    areas = list(dict.fromkeys(bench.area for bench in BENCHES))
    parser.add_argument("--study", default="studies/quick.yaml", help="study whose pages have been executed")
    parser.add_argument("--output", default="build/bench.json", help="file to write")
    parser.add_argument("--only", nargs="+", choices=areas, default=areas, help="part of them")
    arguments = parser.parse_args(words)
    try:
        require("simulate", "book")
        return run_bench(arguments)
    except GaitlibError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1


def run_bench(arguments: argparse.Namespace) -> int:
    """Run benches on a study and write what they found; 1 if one failed."""
    from gaitlib.study import load_study

    set_threads(1)  # figures are per core
    output = Path(arguments.output)
    study = load_study(arguments.study)
    found = run_benches(study, [b for b in BENCHES if b.area in arguments.only])
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"--output {output}: cannot be written ({error.strerror})") from None
    print(f"written: {output}")
    return 1 if found["reasons"] else 0


if __name__ == "__main__":
    sys.exit(main())
