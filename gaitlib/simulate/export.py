"""Command `gaitlib simulate export`: a gait of a library as files that OpenSim's own tools read."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from gaitlib.body.passport import compute_passive_moment
from gaitlib.errors import InputError, WorkError, suggest_name
from gaitlib.gait import COORDINATES, TRANSLATIONS
from gaitlib.simulate.library import load_library
from gaitlib.simulate.request import parse_request
from gaitlib.simulate.workers import call_apart


@dataclass(frozen=True)
class ExportedGait:
    """Curves of one stride at n equally spaced times; columns as `COORDINATES` and `MUSCLES`."""

    time_s: np.ndarray
    position: np.ndarray
    speed: np.ndarray
    activation: np.ndarray
    activation_rate: np.ndarray
    ground_force: np.ndarray
    lumbar_torque_nm: np.ndarray


def prepare_export(gait: xr.Dataset, specification) -> ExportedGait:
    """Complete a Gait by the rates that its files need."""
    time_s = gait["phase"].values / 100.0 * float(gait["stride_time_s"])
    position = gait["position"].values
    activation = gait["activation"].values
    travel = np.where(np.isin(COORDINATES, TRANSLATIONS), position[-1] - position[0], 0.0)
    drift = travel / (time_s[-1] - time_s[0])
    speed = drift + _differentiate(time_s, position - (time_s - time_s[0])[:, None] * drift)
    lumbar = COORDINATES.index("lumbar_extension")
    passive = next(p for p in specification.passive if p.coordinate == "lumbar_extension")
    rest = compute_passive_moment(specification, "lumbar_extension", position[:, lumbar])
    moment = gait["joint_moment"].values[:, lumbar]
    return ExportedGait(
        time_s=time_s,
        position=position,
        speed=speed,
        activation=activation,
        activation_rate=_differentiate(time_s, activation),
        ground_force=gait["ground_force"].values,
        lumbar_torque_nm=moment - rest + passive.damping_nms_rad * speed[:, lumbar],
    )


def _differentiate(time_s: np.ndarray, values: np.ndarray) -> np.ndarray:
    from scipy.interpolate import CubicSpline

    closed = np.concatenate([values[:-1], values[:1]])
    return CubicSpline(time_s, closed, bc_type="periodic")(time_s, 1)


def export_gait(gait_id: str, out: Path, library: Path | None = None) -> list[str]:
    """Write one gait of a library for OpenSim."""
    table, gaits = load_library(library).curves
    known = [str(name) for name in gaits["gait"].values]
    if gait_id not in known:
        raise InputError(f"GAIT_ID: found '{gait_id}'{suggest_name(gait_id, known)}")
    row = table[table["gait_id"] == gait_id].iloc[0].to_dict()
    request = parse_request(row)
    gait = gaits.sel(gait=gait_id)
    try:
        Path(out).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkError(f"{out}: the folder cannot be made ({error.strerror}).") from None
    exported = prepare_export(gait, request.specification)
    write = "gaitlib.simulate.opensim_export:write_files"
    return call_apart(write, request.specification, exported, Path(out), gait_id)


def add_export_parser(subparsers) -> None:
    """Register `export` beneath `gaitlib simulate`."""
    text = "write a gait of a library for OpenSim (.osim, .mot, .sto)"
    parser = subparsers.add_parser("export", help=text, description=__doc__)
    parser.add_argument("gait_id", metavar="GAIT_ID", help="name of a verified gait (table.parquet)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    source = {"dest": "source", "metavar": "LIBRARY", "help": "library folder (shipped one)"}
    parser.add_argument("--from", type=Path, **source)
    parser.set_defaults(run=run_export)


def run_export(arguments: argparse.Namespace) -> int:
    """Answer `gaitlib simulate export`."""
    for name in export_gait(arguments.gait_id, arguments.out, arguments.source):
        print(name)
    return 0
