"""The command `gaitlib train STUDY`: train the weights that come with the project, with their model card."""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from gaitlib.environment import ROOT

KINDS = ("keypoints", "inertial")
"""What is trained: one estimator each."""


def add_train_parser(subparsers) -> argparse.ArgumentParser:
    """Register `gaitlib train`."""
    parser = subparsers.add_parser("train", help="train the estimators that come with the project")
    parser.add_argument("study", help="study file, such as studies/full.yaml")
    parser.add_argument("--output", default="data/estimator", help="folder for weights and model card")
    parser.add_argument("--generator", help="generator file; trained first if not given")
    parser.add_argument("--clips", type=int, help="clips of cameras, in place of the study's number")
    parser.add_argument("--inertial-clips", type=int, help="clips of inertial sensors, likewise")
    parser.add_argument("--only", choices=KINDS, nargs="+", default=list(KINDS), help="train only these")
    parser.set_defaults(run=run_train)
    return parser


def run_train(arguments: argparse.Namespace) -> int:
    """Answer `gaitlib train`.

    Work in progress is kept in build/<study>/train; an interrupted training goes on from there. For each
    estimator, prints what the manifest holds: bytes and hash of the weights.
    """
    from gaitlib.estimate.estimator_card import write_model_card
    from gaitlib.estimate.synthetic_training import build_training_config, train_estimator
    from gaitlib.generate.checked_sampling import SoundSampler
    from gaitlib.simulate.library import load_library
    from gaitlib.study import load_study

    study = load_study(arguments.study)
    settings = study.estimate.model_dump()
    settings |= {"clips": arguments.clips or settings["clips"]}
    settings |= {"inertial_clips": arguments.inertial_clips or settings["inertial_clips"]}
    library = load_library(ROOT / study.simulate.library).curves
    folder = ROOT / "build" / study.name / "train"
    generator = get_generator(arguments.generator, study, library, folder)
    output = Path(arguments.output)
    output.mkdir(parents=True, exist_ok=True)
    cards = []
    for kind in arguments.only:
        sampler = (
            SoundSampler(generator, outcomes=False) if generator and settings["generated_gaits"] else None
        )
        config = build_training_config(settings, kind)
        estimator, _, errors = train_estimator(*library, config, study.seed, folder / kind, sampler, print)
        path = output / f"{kind}.safetensors"
        estimator.save(path)
        content = path.read_bytes()
        print(f"{path}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")
        cards.append(write_model_card(output / f"{kind}.md", estimator, errors, _describe(arguments)))
    print("written: " + ", ".join(str(card) for card in cards))
    return 0


def get_generator(path: str | None, study, library: tuple, folder: Path):
    """Load a generator, or train one on the training people of the library."""
    from gaitlib.estimate.synthetic_training import split_library
    from gaitlib.generate.flow import GaitGenerator
    from gaitlib.simulate.library import check_release

    split = split_library(*library, study.estimate.held_out_share, study.seed)
    if path is not None:
        generator = GaitGenerator.load(path, split.held_out[0]["gait_id"])
        expected = study.generate.weights_release or split.release
        check_release(f"generator {Path(path).name}", generator.release, expected, "generate.weights_release")
        return generator
    if study.estimate.generated_gaits == 0:
        return None
    settings = study.generate.get_training()
    return GaitGenerator().fit(
        *split.training, settings, study.seed, folder / "generator", release=split.release
    )


def _describe(arguments: argparse.Namespace) -> str:
    words = ["gaitlib train", arguments.study]
    words += ["--clips", str(arguments.clips)] if arguments.clips else []
    words += ["--inertial-clips", str(arguments.inertial_clips)] if arguments.inertial_clips else []
    return " ".join(words)
