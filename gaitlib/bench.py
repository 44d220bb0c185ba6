"""The command `gaitlib bench`: times of the chain and errors on real people, into one JSON file.

Each bench is a small function that names its keys and imports what it needs. One that fails leaves null
and its reason, and the others go on.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gaitlib import bench_measures as measures
from gaitlib.environment import set_threads
from gaitlib.errors import InputError


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
    Bench(SIMULATE_KEYS, measures.measure_simulate),
    Bench(COHORT_KEYS, measures.measure_cohorts),
    Bench(LIBRARY_KEYS, measures.measure_library),
    Bench(
        (
            "generate.train_s",
            "generate.strides_per_s",
            "generate.swd",
            "generate.conditional_speed_error",
        ),
        measures.measure_generate,
    ),
    Bench(("estimate.clip_s", "estimate.train_s", "estimate.train_shipped_s"), measures.measure_estimate),
    Bench(("book.cold_s",), measures.measure_book),
    Bench(("evaluate",), measures.measure_evaluate),
    Bench(DOOR_KEYS, measures.measure_door),
    Bench(("report.realtime_factor", "report.cpu_share", "report.peak_mb"), measures.measure_report),
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


def add_bench_parser(subparsers) -> argparse.ArgumentParser:
    """Register `gaitlib bench`."""
    parser = subparsers.add_parser("bench", help="measure times and errors")
    areas = list(dict.fromkeys(bench.area for bench in BENCHES))
    parser.add_argument("--study", default="studies/quick.yaml", help="study whose pages have been executed")
    parser.add_argument("--output", default="build/bench.json", help="file to write")
    words = ", ".join(areas)
    parser.add_argument("--only", nargs="+", choices=areas, default=areas, metavar="AREA", help=words)
    parser.set_defaults(run=run_bench)
    return parser


def run_bench(arguments: argparse.Namespace) -> int:
    """Answer `gaitlib bench`."""
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
