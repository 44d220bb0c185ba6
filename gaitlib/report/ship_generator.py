"""The command `gaitlib generate`: train the generator that comes with the project, or sample strides."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from gaitlib.environment import ROOT, SHIPPED, require
from gaitlib.errors import InputError

SHIPPED_GENERATOR = Path("data") / "generator" / "generator.safetensors"
"""Weights that come with the project, relative to its root."""


def add_generate_parser(subparsers) -> argparse.ArgumentParser:
    """Register `gaitlib generate`."""
    parser = subparsers.add_parser("generate", help="train the generator, or make strides with it")
    parts = parser.add_subparsers(dest="part", metavar="PART", required=True)
    train = parts.add_parser("train", help="train the generator of a study, with its model card")
    train.add_argument("--study", default="studies/full.yaml", help="study file: library, sizes and seed")
    train.add_argument("--output", default=str(SHIPPED_GENERATOR), help="file of the weights")
    sample = parts.add_parser("sample", help="make strides into a netCDF file and a table")
    sample.add_argument("conditions", help="CSV file, one row per stride; empty cells are open")
    sample.add_argument("--weights", help="file of the weights; the shipped ones if not given")
    sample.add_argument("--seed", type=int, default=0, help="equal seeds give equal strides")
    sample.add_argument("--out", required=True, help="netCDF file to write; the table goes beside it as .csv")
    parser.set_defaults(run=run_generate)
    return parser


def run_generate(arguments: argparse.Namespace) -> int:
    """Answer `gaitlib generate`."""
    return {"train": _train, "sample": _sample}[arguments.part](arguments)


def _train(arguments: argparse.Namespace) -> int:
    """Checkpoints lie in build/<study>/checkpoints: an interrupted training goes on from there."""
    from gaitlib.estimate.synthetic_training import split_library
    from gaitlib.generate.flow import GaitGenerator
    from gaitlib.generate.generator_card import write_generator_card
    from gaitlib.generate.generator_diagnostics import measure_fidelity
    from gaitlib.simulate.library import load_library
    from gaitlib.study import load_study

    require("clone")
    study = load_study(arguments.study)
    chosen = study.generate
    library = load_library(ROOT / study.simulate.library).curves
    split = split_library(*library, study.estimate.held_out_share, study.seed)
    settings = chosen.get_training()
    folder = ROOT / "build" / study.name / "checkpoints"

    def report(step: int, loss: float) -> None:
        if step % max(1, chosen.steps // 20) < 50:
            print(f"step {step} of {chosen.steps}: loss {loss:.3f}", flush=True)

    flow = GaitGenerator().fit(
        *split.training,
        settings,
        study.seed,
        folder,
        monitor=split.held_out,
        report=report,
        release=split.release,
    )
    path = flow.save(arguments.output)
    content = path.read_bytes()
    print(f"{path}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")
    fidelity = measure_fidelity({"flow": flow}, split.training, split.held_out, study.seed)
    command = f"gaitlib generate train --study {arguments.study}"
    print(f"written: {write_generator_card(path.with_suffix('.md'), flow, fidelity, command)}")
    return 0


def _sample(arguments: argparse.Namespace) -> int:
    import pandas as pd

    from gaitlib.generate.checked_sampling import SoundSampler
    from gaitlib.generate.flow import GaitGenerator

    try:
        conditions = pd.read_csv(arguments.conditions)
    except (OSError, ValueError) as error:
        raise InputError(f"{arguments.conditions}: not a readable CSV file ({error})") from None
    flow = GaitGenerator.load(arguments.weights or SHIPPED / SHIPPED_GENERATOR)
    table, gaits = SoundSampler(flow).sample(conditions, arguments.seed)
    gaits.attrs |= {"origin": "generated", "library_hash": flow.library_hash, "release": flow.release}
    out = Path(arguments.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    gaits.to_netcdf(out, engine="h5netcdf")
    table.to_csv(out.with_suffix(".csv"), index=False)
    print(f"written: {out} and {out.with_suffix('.csv')}: {len(table)} generated strides")
    if len(table) < len(conditions):
        print(f"{len(conditions) - len(table)} rows have none: no draw passed the checks")
    return 0
