"""Ablations, and error against the number of real training people: `python studies/ablate.py STUDY`.

Real people on whom a synthetic-trained network is tested never enter it. Networks that learn from real people
are cross-validated by person; their rows say so by `n_train`. `notebooks/5_compare.ipynb` reads it. With
`--clips 4000 --generator data/generator/generator.safetensors` one seed takes about half an hour on one core.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from real_training import EPOCHS, crossvalidate_network

from gaitlib.data.walks import load_walks
from gaitlib.environment import ROOT
from gaitlib.estimate.clip_sampler import SamplerConfig, build_pool, sample_clips
from gaitlib.estimate.estimate_table import estimate_walks
from gaitlib.estimate.estimator_network import GaitNetwork
from gaitlib.estimate.features import compute_features, get_height
from gaitlib.estimate.synthetic_training import (
    build_training_config,
    list_persons,
    split_library,
    split_people,
    train_estimator,
)
from gaitlib.estimate.targets import OUTCOME_NAMES
from gaitlib.estimate.training_loop import pretrain_network
from gaitlib.generate.checks import RejectionSampler
from gaitlib.generate.learnable_gaits import select_verified
from gaitlib.generate.network_training import build_network
from gaitlib.outcomes import measure_walks
from gaitlib.sense.observe import observe_walks
from gaitlib.simulate.library import load_library
from gaitlib.study import load_study
from gaitlib.workflow.train import obtain_generator

DATASETS = ("td_children_c3d", "neuro_bvh")
"""Real people with keypoints."""
N_REAL = (2, 4, 8, None)
"""How many real people a network learns from; None: all others."""
ARMS = {
    "full": "everything",
    "pretrained": "with masked pre-training on synthetic sequences",
    "no_generator": "without generated gaits",
    "no_noise": "without detector errors",
    "no_geometry": "without perspective",
    "no_shifts": "intervals set on clips like those of training",
    "healthy_adults_only": "healthy adults only, without generated gaits",
    "real_only": "real people only",
    "real_after_pretraining": "real people, after masked pre-training on synthetic sequences",
    "real_plus_synthetic": "real people, after training on synthetic people",
}
"""What was trained -> words for readers."""
_FEW = {"calibration_clips": 500, "test_clips": 50}
"""Only errors on real people are compared, so intervals and errors on simulated ones may be rough."""
COLUMNS = ("kind", "arm", "n_train", "seed", "origin", "dataset", "subgroup", "person_id", "walk_id", "view",
           "outcome", "method", "reference", "estimate", "lower", "upper", "status")  # fmt: skip
"""Of the table that is written: an agreement table and what was trained."""


def build_parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = argparse.ArgumentParser(description="ablations and data efficiency")
    parser.add_argument("study", help="study file, such as studies/full.yaml")
    parser.add_argument("--generator", help="generator file; trained first if not given")
    parser.add_argument("--clips", type=int, help="clips of each training, in place of the study's number")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each kind; they differ by seed")
    parser.add_argument("--only", choices=("ablation", "efficiency"), help="one kind; the rest is kept")
    parser.add_argument("--output", default="data/experiments/estimates.parquet", help="table to write")
    return parser


def run_experiments(arguments: argparse.Namespace) -> None:
    """Train, estimate and write the table.

    Trainings and estimates are kept in build/<study>/experiments: an interrupted run goes on from there.
    """
    study = load_study(arguments.study)
    library = load_library(ROOT / study.simulate.library).curves
    folder = ROOT / "build" / study.name / "experiments"
    settings = study.estimate.model_dump()
    settings |= {"clips": arguments.clips or settings["clips"], **_FEW}
    generator = obtain_generator(arguments.generator, study, library, folder)
    sampler = (
        RejectionSampler(generator, outcomes=False) if generator and settings["generated_gaits"] else None
    )
    clips, reference = _observe(study)
    tables = []
    for seed in range(study.seed, study.seed + arguments.seeds):
        told = clips, reference, seed
        own = folder / str(seed)
        if arguments.only == "efficiency":
            full = train_variants(library, sampler, settings, seed, own, print, ("full",))["full"]
        else:
            estimators = train_variants(library, sampler, settings, seed, own, print)
            tables += [estimate_variant(name, estimator, *told) for name, estimator in estimators.items()]
            full = estimators["full"]
        if arguments.only != "ablation":
            tables.append(
                estimate_variant("full", full, *told).assign(kind="efficiency", arm="synthetic people only")
            )
            pretrained = pretrain_start(library, full, settings, seed, print)
            tables += compare_starts(full, pretrained, *told, print, folder=own / "estimates")
    output = Path(arguments.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    if arguments.only and output.is_file():
        before = pd.read_parquet(output)
        tables.append(before[before["kind"] != arguments.only])
    pd.concat(tables, ignore_index=True)[list(COLUMNS)].to_parquet(output)
    print(f"written: {output}")


def _observe(study) -> tuple[list, pd.DataFrame]:
    walks = [walk for name in DATASETS for walk in load_walks(name, "baseline")]
    sense = study.sense
    clips = observe_walks(walks, sense.views[:1], sense.layout, sense.fps, sense.noise, study.seed)
    return clips, measure_walks(walks, study.evaluate.outcomes)


def train_variants(
    library, generator, settings, seed: int, folder: Path, log=None, names=tuple(ARMS)
) -> dict:
    """Train the estimator in full and with something left out."""
    config = build_training_config(settings | {"pretrain_clips": 0})
    n_pretrain = settings["pretrain_clips"] or max(settings["clips"] // 3, 1)
    blind = replace(config.network, design="learned")
    clean = SamplerConfig(noise_free_share=1.0, unchanged_share=config.sampler.unchanged_share)
    variants = {
        "full": (library, config, generator),
        "pretrained": (
            library,
            replace(config, network=replace(config.network, pretrain_clips=n_pretrain)),
            generator,
        ),
        "no_generator": (library, replace(config, n_generated=0), None),
        "no_noise": (library, replace(config, sampler=clean), generator),
        "healthy_adults_only": (select_healthy_adults(*library), replace(config, n_generated=0), None),
        "no_geometry": (library, replace(config, network=blind), generator),
    }
    trained = {}
    for name, (people, own, sampler) in variants.items():
        if name not in names:
            continue
        if log:
            log(f"training: {name}")
        trained[name] = train_estimator(*people, own, seed, folder / name, sampler, log)[0]
    if "no_shifts" in names:
        table, gaits = select_verified(*library)
        rows = split_people(table, config.held_out_share, seed)[1]
        pool = build_pool(gaits.isel(gait=rows), list_persons(table.iloc[rows]))
        like = sample_clips(pool, config.n_calibration, np.random.default_rng([seed, 8]), config.sampler)
        trained["no_shifts"] = copy.copy(trained["full"]).calibrate(like, config.level)
    return trained


def pretrain_start(library, full, settings: dict, seed: int, log=None):
    """Pre-train a network by masked sequence modelling alone, on the simulated training people."""
    table, gaits = split_library(*library, settings["held_out_share"], seed).training
    pool = build_pool(gaits, list_persons(table))
    network = _start_fresh(full, seed)
    n_clips = settings["pretrain_clips"] or max(settings["clips"] // 3, 1)

    def sample(number: int, n: int) -> list:
        return sample_clips(pool, n, np.random.default_rng(number))

    pretrain_network(network, sample, seed, n_clips, log=log)
    return network


def _start_fresh(full, seed: int):
    """A network at random, with the scale of the clip measures."""
    network = build_network(lambda: GaitNetwork(full.config), torch.Generator().manual_seed(seed))
    network.side_mean.copy_(full.network.side_mean)
    network.side_std.copy_(full.network.side_std)
    return network


def select_healthy_adults(table: pd.DataFrame, gaits) -> tuple:
    """Select the gaits of the cohort of healthy adults."""
    return table[table["cohort"] == "healthy_adult"].reset_index(drop=True), gaits


def estimate_variant(name: str, estimator, clips: list, reference: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Estimate every clip of real people by a synthetic-trained network."""
    outcomes = [name for name in reference.columns if name in OUTCOME_NAMES]
    table = estimate_walks(clips, reference, ["synthetic"], outcomes, estimator)
    return table.assign(kind="ablation", arm=ARMS[name], n_train=0, seed=seed)[list(COLUMNS)]


def compare_starts(
    full,
    pretrained,
    clips: list,
    reference: pd.DataFrame,
    seed: int,
    log=None,
    n_real=N_REAL,
    epochs=EPOCHS,
    folder: Path | None = None,
) -> list[pd.DataFrame]:
    """Train networks on real people from three starts, person-wise cross-validated."""
    starts = {
        "real_only": _start_fresh(full, seed),
        "real_after_pretraining": pretrained,
        "real_plus_synthetic": full.network,
    }
    known = reference.set_index(["dataset", "walk_id"])
    groups: dict[tuple, list] = {}
    for clip in clips:
        features = compute_features(clip, get_height(clip))
        if not features.problem:
            groups.setdefault((clip.attrs["dataset"], clip.attrs["view"]), []).append((clip, features))
    tables = []
    for members in groups.values():
        attrs = [clip.attrs for clip, _ in members]
        people = np.array([about["person_id"] for about in attrs])
        rows = known.loc[[(about["dataset"], about["walk_id"]) for about in attrs]]
        truth = np.column_stack([rows.get(name, pd.Series(np.nan, rows.index)) for name in OUTCOME_NAMES])
        for number in n_real:
            if number is not None and number > int(0.8 * len(np.unique(people))):
                continue
            for name, start in starts.items():
                if log:
                    log(f"{name}: {attrs[0]['dataset']}, {attrs[0]['view']}, {number or 'all'} people")
                features = [own for _, own in members]
                found = _crossvalidate_once(
                    folder, start, features, truth, people, number, seed=seed, epochs=epochs
                )
                tables.append(
                    _tabulate(attrs, truth, found, name, number or len(np.unique(people)) - 1, seed)
                )
    return tables


def _crossvalidate_once(folder: Path | None, start, features: list, truth, people, number, **settings):
    """As `crossvalidate_network`, or its result from an earlier run with the same input."""
    weights = [value.numpy() for value in start.state_dict().values()]
    everything = pickle.dumps((start.config, weights, features, truth, people.tolist(), number, settings))
    path = folder / f"{hashlib.sha256(everything).hexdigest()[:20]}.npy" if folder else None
    if path is not None and path.is_file():
        return np.load(path)
    found = crossvalidate_network(start, features, truth, people, number, **settings)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.save(file, found)
        part.replace(path)
    return found


def _tabulate(attrs: list[dict], truth, found, name: str, n_train: int, seed: int) -> pd.DataFrame:
    about = {"kind": "efficiency", "arm": ARMS[name], "n_train": n_train, "seed": seed, "method": "real"}
    keys = ("origin", "dataset", "subgroup", "person_id", "walk_id", "view")
    rows = []
    for own, true, values in zip(attrs, truth, found, strict=True):
        for outcome, reference, estimate in zip(OUTCOME_NAMES, true, values, strict=False):
            if np.isfinite(reference):
                row = about | {key: own[key] for key in keys} | {"outcome": outcome, "status": "ok"}
                ends = {"lower": np.nan, "upper": np.nan}
                rows.append(row | ends | {"reference": float(reference), "estimate": float(estimate)})
    return pd.DataFrame(rows, columns=list(COLUMNS))


if __name__ == "__main__":
    run_experiments(build_parser().parse_args())
