"""Command `gaitlib library`: look into a gait library, check it, join several, release one."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gaitlib.environment import require
from gaitlib.errors import WorkError


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
    export.add_argument(
        "--max-mb", type=float, default=25.0, help="largest size of the release (million bytes)"
    )
    export.add_argument(
        "--command",
        dest="made_by",
        default="gaitlib simulate --study studies/full.yaml",
        help="what made the library, for the data card",
    )
    parser.set_defaults(run=run_library)


def run_library(arguments: argparse.Namespace) -> int:
    """Answer the command."""
    return {"info": _show, "verify": _verify, "merge": _merge, "export": _export}[arguments.part](arguments)


def _show(arguments) -> int:
    from gaitlib.simulate.library import analyse_failures, describe_library, load_library

    table = load_library(arguments.folder).run
    print(json.dumps(describe_library(table), indent=1))
    if "pattern" in table:
        print(analyse_failures(table).to_string(index=False, float_format="{:.3f}".format))
    return 0


def _verify(arguments) -> int:
    from gaitlib.simulate.release import resolve_gaits, verify_library

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
    from gaitlib.simulate.library import describe_library
    from gaitlib.simulate.release import merge_libraries

    print(json.dumps(describe_library(merge_libraries(arguments.target, arguments.sources)), indent=1))
    return 0


def _export(arguments) -> int:
    from gaitlib.simulate.release import export_library, format_manifest

    facts = export_library(arguments.folder, arguments.target, arguments.max_mb, arguments.made_by)
    shown = ("gaits", "verified", "curves", "bytes", "error")
    print(json.dumps({name: facts[name] for name in shown}, indent=1))
    print("For data_manifest.yaml, under `artefacts`:")
    print(format_manifest(arguments.target, arguments.made_by))
    return 0
