"""`gaitlib simulate` and `gaitlib library`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gaitlib.environment import require
from gaitlib.errors import InputError, WorkError
from gaitlib.person import Impairment, Person
from gaitlib.schema import check_values
from gaitlib.simulate.build import EXECUTORS, build_library, open_executor
from gaitlib.simulate.export import add_export_parser
from gaitlib.simulate.library import analyse_failures, describe_library, load_library
from gaitlib.simulate.plan import plan_library, select_shard
from gaitlib.simulate.release import (
    export_library,
    format_manifest,
    merge_libraries,
    resolve_gaits,
    verify_library,
)
from gaitlib.simulate.request import GaitRequest
from gaitlib.simulate.solution import build_gait_dataset
from gaitlib.simulate.workers import call_apart, simulate_request
from gaitlib.study import load_study


def add_library_parser(subparsers) -> None:
    """Register the command."""
    parser = subparsers.add_parser("library", help="look into gait libraries", description=__doc__)
    parts = parser.add_subparsers(dest="part", metavar="PART", required=True)
    info = parts.add_parser("info", help="what a library holds and what failed")
    info.add_argument("folder", type=Path, nargs="?", help="library folder (the shipped one)")
    verify = parts.add_parser("verify", help="check files, rows and curves; solve some gaits again")
    verify.add_argument("folder", type=Path, nargs="?", help="library folder (the shipped one)")
    verify.add_argument("--resolve", type=int, default=0, metavar="N", help="gaits to solve again, by chance")
    verify.add_argument("--seed", type=int, default=1, help="seed of that choice")
    merge = parts.add_parser("merge", help="join libraries, each gait once")
    merge.add_argument("target", type=Path, help="library folder to fill; may hold gaits already")
    merge.add_argument("sources", type=Path, nargs="+", help="library folders")
    export = parts.add_parser("export", help="write a release: small files with a stated rounding error")
    export.add_argument("folder", type=Path, help="library folder")
    export.add_argument("target", type=Path, help="folder of the release")
    export.add_argument("--max-mb", type=float, default=25.0, help="largest size of the release (10^6 bytes)")
    made_by = "gaitlib simulate --study studies/full.yaml"
    export.add_argument("--command", dest="made_by", default=made_by, help="what made it, for the data card")
    parser.set_defaults(run=run_library)


def run_library(arguments: argparse.Namespace) -> int:
    """Answer the command."""
    return {"info": _show, "verify": _verify, "merge": _merge, "export": _export}[arguments.part](arguments)


def _show(arguments) -> int:
    table = load_library(arguments.folder).run
    print(json.dumps(describe_library(table), indent=1))
    if "pattern" in table:
        print(analyse_failures(table).to_string(index=False, float_format="{:.3f}".format))
    return 0


def _verify(arguments) -> int:
    if arguments.resolve:
        require("simulate")
    faults = verify_library(arguments.folder)
    if arguments.resolve and not faults:
        again = resolve_gaits(arguments.folder, arguments.resolve, arguments.seed)
        print(again.to_string(index=False))
        faults = [f"{row['gait_id']}: {row['fault']}" for row in again.to_dict("records") if row["fault"]]
    if faults:
        raise WorkError("; ".join(faults[:10]) + (f"; and {len(faults) - 10} more" if faults[10:] else ""))
    print("nothing is wrong")
    return 0


def _merge(arguments) -> int:
    print(json.dumps(describe_library(merge_libraries(arguments.target, arguments.sources)), indent=1))
    return 0


def _export(arguments) -> int:
    facts = export_library(arguments.folder, arguments.target, arguments.max_mb, arguments.made_by)
    shown = ("gaits", "verified", "curves", "bytes", "error")
    print(json.dumps({name: facts[name] for name in shown}, indent=1))
    print("For data_manifest.yaml, under `artefacts`:")
    print(format_manifest(arguments.target, arguments.made_by))
    return 0


MAX_SPEED_MPS = 2.2


def add_simulate_parser(subparsers) -> None:
    """Register the command."""
    parser = subparsers.add_parser("simulate", help="solve gaits of a person", description=__doc__)
    parser.add_argument("--age", type=float, default=30.0, help="age in years (3-95)")
    parser.add_argument("--sex", choices=("f", "m"), default="f")
    parser.add_argument("--height", type=float, default=1.65, help="stature in m")
    parser.add_argument("--mass", type=float, default=62.0, help="body mass in kg")
    parser.add_argument("--speed", type=float, default=1.2, help="walking speed in m/s")
    parser.add_argument("--stride-time", type=float, help="stride time in s; left free when not given")
    weakness = {"metavar": "GROUP=SHARE", "help": "strength left, e.g. plantarflexors=0.5"}
    parser.add_argument("--weakness", action="append", default=[], **weakness)
    parser.add_argument("--out", type=Path, help="write the gait as netCDF")
    parser.add_argument("--osim", type=Path, help="write the person's OpenSim model")
    library = parser.add_argument_group("a whole library instead, resumed where it stopped")
    library.add_argument(
        "--study", type=Path, help="study file, such as studies/full.yaml: section `library`"
    )
    library.add_argument("--body", choices=("plane", "space"), default="plane", help="body that walks")
    library.add_argument("--folder", type=Path, help="library folder (that of the study)")
    library.add_argument("--executor", choices=EXECUTORS, help="where to solve (that of the study)")
    library.add_argument("--workers", type=int, help="processes of the local executor (those of the study)")
    library.add_argument("--scheduler", help="address for --executor dask, such as tcp://host:8786")
    library.add_argument("--shard", metavar="K/N", help="only the k-th of n parts of the plan, merged later")
    library.add_argument("--limit", type=int, help="stop after so many gaits of this sitting")
    parser.set_defaults(run=run_simulate)
    parts = parser.add_subparsers(metavar="[export]")
    add_export_parser(parts)


def run_simulate(arguments: argparse.Namespace) -> int:
    """Answer the command."""
    if arguments.study is not None:
        return _build_library(arguments)
    if not 0.2 <= arguments.speed <= MAX_SPEED_MPS:
        raise InputError(
            f"--speed: found {arguments.speed} m/s, expected a walking speed of 0.2 to {MAX_SPEED_MPS} m/s."
        )
    person = {"age_years": arguments.age, "sex": arguments.sex}
    person |= {"height_m": arguments.height, "mass_kg": arguments.mass}
    request = GaitRequest(
        person=check_values(Person, person, "--age/--sex/--height/--mass"),
        speed_mps=arguments.speed,
        impairment=check_values(Impairment, {"weakness": _parse_weakness(arguments.weakness)}, "--weakness"),
        stride_time_s=arguments.stride_time,
    )
    solved, row = simulate_request(request)
    if arguments.osim:
        call_apart("gaitlib.body.opensim_model:write_model", request.specification, arguments.osim)
    print(json.dumps({k: v for k, v in row.items() if v == v}, indent=1))
    if not row["verified"]:
        raise WorkError(f"the gait was not verified: {row['reason']}; nothing was written to --out.")
    if arguments.out:
        build_gait_dataset(request, solved).to_netcdf(arguments.out, engine="h5netcdf")
    return 0


def _parse_weakness(texts: list[str]) -> dict[str, float]:
    weakness = {}
    for text in texts:
        group, _, share = text.partition("=")
        try:
            weakness[group] = float(share)
        except ValueError:
            raise InputError(
                f"--weakness: found '{text}', expected GROUP=SHARE, e.g. plantarflexors=0.5."
            ) from None
    return weakness


def _build_library(arguments: argparse.Namespace) -> int:
    study = load_study(arguments.study)
    place = "library" if arguments.body == "plane" else "spatial_library"
    section = getattr(study, place)
    if section is None:
        raise InputError(f"{arguments.study.name}: has no section `{place}`; see studies/full.yaml for one.")
    names = ("executor", "workers", "scheduler")
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    workers = given.get("workers", section.workers)
    if workers < 1 or (arguments.limit is not None and arguments.limit < 1):
        raise InputError(f"--workers, --limit: found {workers}, {arguments.limit}; expected 1 or more.")
    section = section.model_copy(update=given)
    table = build_library_of(section, study.seed, arguments.folder, arguments.shard, arguments.limit)
    print(json.dumps(describe_library(table), indent=1))
    return 0


def build_library_of(
    section, seed: int, folder: Path | None = None, shard: str = "", limit: int | None = None, report=None
):
    """Build the library that a section of a study describes; a build that was interrupted goes on."""
    plan = plan_library(section.cohorts, seed, section.stride_share, section.free_time_share, section.body)
    plan = select_shard(plan, shard) if shard else plan
    executor = open_executor(section.executor, section.workers, section.scheduler)
    try:
        return build_library(
            plan, folder or Path(section.folder), executor, section.start_library or None,
            time_limit_s=section.time_limit_s, limit=limit, report=report,
        )  # fmt: skip
    finally:
        executor.close()
