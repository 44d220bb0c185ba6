"""Command `gaitlib simulate`: one person's gait, or a library of many."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gaitlib.errors import InputError, WorkError
from gaitlib.person import parse_impairment, parse_person
from gaitlib.simulate.export import add_export_parser

MAX_SPEED_MPS = 2.2


def add_simulate_parser(subparsers) -> None:
    """Register the command.

    Parameters
    ----------
    subparsers : argparse subparsers
        Where to register.
    """
    parser = subparsers.add_parser("simulate", help="solve gaits of a person", description=__doc__)
    parser.add_argument("--age", type=float, default=30.0, help="age in years (3-95)")
    parser.add_argument("--sex", choices=("f", "m"), default="f")
    parser.add_argument("--height", type=float, default=1.65, help="stature in m")
    parser.add_argument("--mass", type=float, default=62.0, help="body mass in kg")
    parser.add_argument("--speed", type=float, default=1.2, help="walking speed in m/s")
    parser.add_argument("--stride-time", type=float, help="stride time in s; left free when not given")
    parser.add_argument(
        "--weakness",
        action="append",
        default=[],
        metavar="GROUP=SHARE",
        help="strength left, e.g. plantarflexors=0.5",
    )
    parser.add_argument("--out", type=Path, help="write the gait as netCDF")
    parser.add_argument("--osim", type=Path, help="write the person's OpenSim model")
    parser.add_argument("--library", type=Path, metavar="FOLDER", help="build a gait library there instead")
    parser.add_argument(
        "--people", type=int, default=0, help="with --library: sampled gaits beside the core of 63"
    )
    parser.add_argument("--seed", type=int, default=2026, help="with --library: seed of the sample")
    parser.add_argument("--workers", type=int, default=1, help="solver processes")
    parser.set_defaults(run=run_simulate)
    add_export_parser(parser.add_subparsers(metavar="[export]"))


def run_simulate(arguments: argparse.Namespace) -> int:
    """Answer the command.

    Parameters
    ----------
    arguments : argparse.Namespace
        Parsed options.

    Returns
    -------
    int
        0 when every gait asked for alone is verified, or the library is written.

    Raises
    ------
    InputError
        If an option is out of range.
    WorkError
        If the one gait asked for was not solved or not verified.
    """
    if arguments.library is not None:
        return _run_library(arguments)
    from gaitlib.simulate.request import GaitRequest
    from gaitlib.simulate.solution import build_gait_dataset, describe_solution
    from gaitlib.simulate.workers import replay_gaits, solve_gaits, write_opensim_model

    if not 0.2 <= arguments.speed <= MAX_SPEED_MPS:
        raise InputError(
            f"--speed: found {arguments.speed} m/s, expected a walking speed of 0.2 to {MAX_SPEED_MPS} m/s."
        )
    person = {
        "age_years": arguments.age,
        "sex": arguments.sex,
        "height_m": arguments.height,
        "mass_kg": arguments.mass,
    }
    request = GaitRequest(
        person=parse_person(person, "--age/--sex/--height/--mass"),
        speed_mps=arguments.speed,
        impairment=parse_impairment({"weakness": _parse_weakness(arguments.weakness)}, "--weakness"),
        stride_time_s=arguments.stride_time,
    )
    solved = solve_gaits([request], [_find_guess(request)])[0]
    replay = replay_gaits([request], [solved])[0]
    row = describe_solution(request, solved, replay)
    if arguments.osim:
        write_opensim_model(request, arguments.osim)
    print(json.dumps({k: v for k, v in row.items() if v == v}, indent=1))
    if not row["verified"]:
        raise WorkError(f"the gait was not verified: {row['reason']}; nothing was written to --out.")
    if arguments.out:
        build_gait_dataset(request, solved).to_netcdf(arguments.out, engine="h5netcdf")
    return 0


def _find_guess(request):
    """The shipped gait nearest to the request, or none."""
    from gaitlib.simulate.guess import N_POINTS, make_guess_from_gait
    from gaitlib.simulate.library import SHIPPED_FOLDER, find_nearest, load_library

    if not (SHIPPED_FOLDER / "gaits.nc").exists():
        return None
    table, gaits = load_library()
    return make_guess_from_gait(gaits.sel(gait=find_nearest(table, request)), N_POINTS)


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


def _run_library(arguments: argparse.Namespace) -> int:
    from gaitlib.simulate.library import build_library, describe_library
    from gaitlib.simulate.plan import plan_core, plan_sample

    requests = plan_core() + (plan_sample(arguments.people, arguments.seed) if arguments.people else [])
    table = build_library(
        requests, arguments.library, arguments.workers, report=lambda line: print(line, flush=True)
    )
    print(json.dumps(describe_library(table), indent=1))
    return 0
