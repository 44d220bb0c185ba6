"""The commands `gaitlib train` and `gaitlib generate`: weights that come with the project, strides from them.

Work in progress is kept in build/<study>/train and build/<study>/checkpoints; an interrupted training goes on
from there. Each file of weights gets a model card, and what the manifest holds of it is printed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from gaitlib.environment import ROOT, SHIPPED, hash_file, require
from gaitlib.errors import InputError
from gaitlib.generate.checks import RejectionSampler
from gaitlib.generate.flow import GaitGenerator
from gaitlib.generate.generator_diagnostics import measure_fidelity, write_generator_card
from gaitlib.generate.out_of_plane import OutOfPlaneModel, measure_model, write_card
from gaitlib.sense.body_walk import SHIPPED_OUT_OF_PLANE, measure_beside, prepare_gaits
from gaitlib.simulate.library import check_release, load_library
from gaitlib.study import load_study

ESTIMATORS = ("keypoints", "inertial", "insole", "legs")
SHIPPED_GENERATOR = Path("data") / "generator" / "generator.safetensors"
"""Weights that come with the project, relative to its root."""


def add_train_parser(subparsers) -> None:
    """Register `gaitlib train`."""
    parser = subparsers.add_parser("train", help="train the estimators that come with the project")
    parser.add_argument("study", help="study file, such as studies/full.yaml")
    parser.add_argument("--output", default="data/estimator", help="folder for weights and model card")
    parser.add_argument("--generator", help="generator file; trained first if not given")
    parser.add_argument("--clips", type=int, help="clips of cameras, in place of the study's number")
    parser.add_argument("--inertial-clips", type=int, help="clips of inertial sensors, likewise")
    parser.add_argument("--only", choices=ESTIMATORS, nargs="+", default=ESTIMATORS, help="train only these")
    parser.add_argument(
        "--intervals", action="store_true", help="keep weights in --output, set intervals again"
    )
    parser.add_argument("--designs", help="compare designs of the camera's network, write this table instead")
    parser.set_defaults(run=run_train)


def add_generate_parser(subparsers) -> None:
    """Register `gaitlib generate`."""
    parser = subparsers.add_parser("generate", help="train the generator, or make strides with it")
    parts = parser.add_subparsers(dest="part", metavar="PART", required=True)
    train = parts.add_parser("train", help="train the generator of a study, with its model card")
    train.add_argument("--study", default="studies/full.yaml", help="study file: library, sizes and seed")
    train.add_argument("--output", default=str(SHIPPED_GENERATOR), help="file of the weights")
    train.set_defaults(run=run_generator_training)
    space = parts.add_parser("space", help="learn what planar gaits lack from gaits of the body in space")
    space.add_argument("--study", default="studies/full.yaml", help="study file: seed and held-out share")
    space.add_argument("--library", default="data/spatial_library", help="library of the body in space")
    space.add_argument("--output", default=str(SHIPPED_OUT_OF_PLANE), help="file of the weights")
    space.set_defaults(run=run_out_of_plane_training)
    sample = parts.add_parser("sample", help="make strides into a netCDF file and a table")
    sample.add_argument("conditions", help="CSV file, one row per stride; empty cells are open")
    sample.add_argument("--weights", help="file of the weights; the shipped ones if not given")
    sample.add_argument("--seed", type=int, default=0, help="equal seeds give equal strides")
    sample.add_argument("--out", required=True, help="netCDF file to write; the table goes beside it as .csv")
    sample.set_defaults(run=run_sampling)


def run_train(arguments: argparse.Namespace) -> int:
    """Answer `gaitlib train`."""
    from gaitlib.estimate.assess import write_model_card
    from gaitlib.estimate.estimator import GaitEstimator
    from gaitlib.estimate.leg_training import train_leg_reader, write_leg_card
    from gaitlib.estimate.synthetic_training import build_training_config, compare_designs, train_estimator

    study = load_study(arguments.study)
    settings = study.estimate.model_dump()
    settings |= {"clips": arguments.clips or settings["clips"]}
    settings |= {"inertial_clips": arguments.inertial_clips or settings["inertial_clips"]}
    library = load_library(ROOT / study.simulate.library).curves
    if arguments.designs:
        own = build_training_config(settings), study.seed, study.estimate.unseen_cohorts, print
        compare_designs(*library, *own).to_parquet(arguments.designs)
        _say_written(Path(arguments.designs))
        return 0
    folder = ROOT / "build" / study.name / "train"
    generator = None
    seen_whole = set(arguments.only) - {"insole", "legs"}  # those two learn from the library alone
    if seen_whole and not arguments.intervals:
        generator = obtain_generator(arguments.generator, study, library, folder)
    in_space = None
    if study.spatial_library and seen_whole:
        in_space = load_library(ROOT / study.spatial_library.folder).curves
    output = Path(arguments.output)
    output.mkdir(parents=True, exist_ok=True)
    for kind in arguments.only:
        if kind == "legs":
            reader, errors = train_leg_reader(*library, study.seed, study.estimate.held_out_share)
            path = reader.save(output / "legs.safetensors")
            _say_written(path)
            print(f"written: {write_leg_card(path.with_suffix('.md'), reader, errors, _repeat(arguments))}")
            continue
        uses = generator and settings["generated_gaits"] and kind != "insole"
        sampler = RejectionSampler(generator, outcomes=False) if uses else None
        config = build_training_config(settings, kind)
        path = output / f"{kind}.safetensors"
        fitted = GaitEstimator.load(path) if arguments.intervals else None
        estimator, _, errors = train_estimator(
            *library, config, study.seed, folder / kind, sampler, print, fitted=fitted,
            in_space=None if kind == "insole" else in_space,
        )  # fmt: skip
        estimator.save(path)
        _say_written(path)
        print(f"written: {write_model_card(output / f'{kind}.md', estimator, errors, _repeat(arguments))}")
    return 0


def obtain_generator(path: str | None, study, library: tuple, folder: Path):
    """Load a generator, or train one on the training people of the library."""
    from gaitlib.estimate.synthetic_training import split_library

    split = split_library(*library, study.estimate.held_out_share, study.seed)
    if path is not None:
        generator = GaitGenerator.load(path, split.held_out[0]["gait_id"])
        expected = study.generate.weights_release or split.release
        check_release(f"generator {Path(path).name}", generator.release, expected, "generate.weights_release")
        return generator
    if study.estimate.generated_gaits == 0:
        return None
    own = study.generate.get_training(), study.seed, folder / "generator"
    return GaitGenerator().fit(*split.training, *own, release=split.release)


def run_generator_training(arguments: argparse.Namespace) -> int:
    """Answer `gaitlib generate train`."""
    from gaitlib.estimate.synthetic_training import split_library

    require("clone")
    study = load_study(arguments.study)
    steps = study.generate.steps
    library = load_library(ROOT / study.simulate.library).curves
    split = split_library(*library, study.estimate.held_out_share, study.seed)

    def report(step: int, loss: float) -> None:
        if step % max(1, steps // 20) < 50:
            print(f"step {step} of {steps}: loss {loss:.3f}", flush=True)

    own = study.generate.get_training(), study.seed, ROOT / "build" / study.name / "checkpoints"
    watched = {"monitor": split.held_out, "report": report, "release": split.release}
    flow = GaitGenerator().fit(*split.training, *own, **watched)
    path = flow.save(arguments.output)
    _say_written(path)
    fidelity = measure_fidelity({"flow": flow}, split.training, split.held_out, study.seed)
    command = f"gaitlib generate train --study {arguments.study}"
    print(f"written: {write_generator_card(path.with_suffix('.md'), flow, fidelity, command)}")
    return 0


def run_out_of_plane_training(arguments: argparse.Namespace) -> int:
    """Answer `gaitlib generate space`."""
    from gaitlib.estimate.synthetic_training import list_persons, split_people

    study, library = load_study(arguments.study), load_library(arguments.library)
    if not library.in_space:
        raise InputError(f"{arguments.library}: found planar gaits, expected a library of the body in space.")
    table, gaits = library.curves
    whole = prepare_gaits(gaits, list_persons(table))
    training, *others = split_people(table, study.estimate.held_out_share, study.seed)
    known, new = whole.take(training), whole.take(np.concatenate(others))
    aside = measure_beside(known)
    tested = {"n_tested": len(new.persons), "n_people": len(set(new.persons))}
    about = {"release": library.hash, "seed": study.seed} | tested
    model = OutOfPlaneModel.fit(known.sagittal, aside, about)
    usual = aside.mean(axis=0)
    errors = measure_model(model, new.sagittal, measure_beside(new), usual, study.seed)
    model.about["errors"] = errors.round(4).to_dict("records")
    path = model.save(arguments.output)
    _say_written(path)
    command = f"gaitlib generate space --study {arguments.study}"
    print(f"written: {write_card(path.with_suffix('.md'), model, errors, command)}")
    return 0


def run_sampling(arguments: argparse.Namespace) -> int:
    """Answer `gaitlib generate sample`."""
    try:
        conditions = pd.read_csv(arguments.conditions)
    except (OSError, ValueError) as error:
        raise InputError(f"{arguments.conditions}: not a readable CSV file ({error})") from None
    flow = GaitGenerator.load(arguments.weights or SHIPPED / SHIPPED_GENERATOR)
    table, gaits = RejectionSampler(flow).sample(conditions, arguments.seed)
    gaits.attrs |= {"origin": "generated", "library_hash": flow.library_hash, "release": flow.release}
    out = Path(arguments.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    gaits.to_netcdf(out, engine="h5netcdf")
    table.to_csv(out.with_suffix(".csv"), index=False)
    print(f"written: {out} and {out.with_suffix('.csv')}: {len(table)} generated strides")
    if len(table) < len(conditions):
        print(f"{len(conditions) - len(table)} rows have none: no draw passed the checks")
    return 0


def _say_written(path: Path) -> None:
    print(f"{path}: {path.stat().st_size} bytes, sha256 {hash_file(path)}")


def _repeat(arguments: argparse.Namespace) -> str:
    """The command that trains the same again, for the model card."""
    words = ["gaitlib train", arguments.study]
    words += ["--clips", str(arguments.clips)] if arguments.clips else []
    words += ["--inertial-clips", str(arguments.inertial_clips)] if arguments.inertial_clips else []
    words += ["--only", *arguments.only] if tuple(arguments.only) != ESTIMATORS else []
    words += ["--intervals"] if arguments.intervals else []
    return " ".join(words)
