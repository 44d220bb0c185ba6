"""Train the estimator on synthetic walks only."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.errors import InputError
from gaitlib.estimate.assess import measure_activation_errors, summarise_errors, tabulate_errors
from gaitlib.estimate.baseline_estimators import LEG_SHARE_OF_HEIGHT
from gaitlib.estimate.clip_sampler import (
    Clip,
    GaitPool,
    InertialSamplerConfig,
    SamplerConfig,
    build_pool,
)
from gaitlib.estimate.estimator import GaitEstimator
from gaitlib.estimate.estimator_network import DESIGNS, NetworkConfig
from gaitlib.estimate.features import SIDE_FEATURES
from gaitlib.estimate.insole_sampler import InsoleSamplerConfig
from gaitlib.estimate.shifts import (
    SAME_VIEWS,
    SHIFTS,
    calibrate_on_shifts,
    measure_shifts,
    sample_seeded,
    shift_sampler,
)
from gaitlib.estimate.targets import N_WITHOUT_WIDTH, OUTCOME_NAMES
from gaitlib.estimate.training_loop import compute_loss
from gaitlib.generate.learnable_gaits import select_verified
from gaitlib.generate.network_training import fingerprint
from gaitlib.person import IMPAIRMENT_COLUMNS, Person
from gaitlib.sense.body_walk import load_out_of_plane
from gaitlib.simulate.library import Curves, hash_gaits
from gaitlib.simulate.workers import end_with_parent

_PERSON_COLUMNS = list(Person.model_fields)
_WORKER_POOL: dict[str, tuple] = {}


@dataclass(frozen=True)
class TrainingConfig:
    """How to train."""

    network: NetworkConfig = field(default_factory=NetworkConfig)  # size and schedule of the network
    # what clips look like; decides which kind of clips, and must fit `network.kind`
    sampler: SamplerConfig | InertialSamplerConfig | InsoleSamplerConfig = field(
        default_factory=SamplerConfig
    )
    held_out_share: float = 0.2  # share of synthetic people kept for calibration and test, half each (0-1)
    n_calibration: int = 1000  # clips of held-out people
    n_test: int = 1000
    n_generated: int = 2000  # gaits drawn from the walk sampler, if there is one
    n_workers: int = 1  # processes that sample clips; 0 samples in this one
    level: float = 0.9  # coverage of the intervals (0-1)


def train_estimator(
    table: pd.DataFrame,
    gaits: xr.Dataset,
    config: TrainingConfig | None = None,
    seed: int = 0,
    folder=None,
    walk_sampler=None,
    log=None,
    compute_loss=compute_loss,
    fitted: GaitEstimator | None = None,
    in_space: Curves | None = None,
) -> tuple[GaitEstimator, pd.DataFrame, pd.DataFrame]:
    """Train, calibrate and test an estimator on synthetic people; one already `fitted` is only calibrated.

    Gaits of the body in space, if given, walk among those learned from; those of people held out are a test.
    """
    config = config or TrainingConfig()
    table, gaits = select_verified(table, gaits)
    training, calibration, test = split_people(table, config.held_out_share, seed)
    pool = build_pool(gaits, list_persons(table))
    parts = {
        name: pool.take(rows) for name, rows in (("fit", training), ("cal", calibration), ("test", test))
    }
    n_generated, generator_library = 0, ""
    if walk_sampler is not None:
        conditions = draw_conditions(
            table.iloc[training], config.n_generated, np.random.default_rng([seed, 7])
        )
        made_table, made = walk_sampler.sample(conditions, seed)
        parts["fit"] = parts["fit"].join(build_pool(made, list_persons(made_table)))
        n_generated, generator_library = len(made_table), getattr(walk_sampler, "release", "")
    learned_from, space_test = {}, None
    if config.network.kind != "insole":
        learned_from["out_of_plane_library"] = load_out_of_plane().about["release"]
    if in_space is not None:
        known, *others = split_people(in_space[0], config.held_out_share, seed)
        own, space_test = (
            build_pool(in_space[1].isel(gait=rows), list_persons(in_space[0].iloc[rows]))
            for rows in (known, np.concatenate(others))
        )
        parts["fit"] = parts["fit"].join(own)
        learned_from |= {"space_library": hash_gaits(in_space[0]["gait_id"].to_list())}
        learned_from |= {"n_space_gaits": len(own)}
    learned_from |= {
        "library": hash_gaits(table["gait_id"].to_list()),
        "generator_library": generator_library,
        "held_out_share": config.held_out_share,
        "n_library_gaits": int(len(training)),
        "n_generated_gaits": int(n_generated),
        "sampler": asdict(config.sampler),
    }
    if folder is not None:
        what = json.dumps(learned_from) + fingerprint(compute_loss)
        folder = Path(folder) / hashlib.sha256(what.encode()).hexdigest()[:12]
    if fitted is not None:
        _check_held_out(fitted, config, seed)
        estimator, history = fitted, pd.DataFrame()
    else:
        estimator, started = GaitEstimator(config.network), time.perf_counter()
        with _open_workers(config.n_workers, parts["fit"], config.sampler) as (sample, executor):
            history = estimator.fit(sample, seed, folder, executor, log, compute_loss)
        estimator.provenance |= {"trained_on": "synthetic walks only", **learned_from}
        estimator.provenance["train_s"] = round(time.perf_counter() - started, 1)
    cohort = table.get("cohort", pd.Series("", table.index)).to_numpy()
    known = cohort[training], cohort[calibration]
    calibrate_on_shifts(
        estimator, pool.take(training), parts["cal"], known, config.sampler, config.n_calibration,
        config.level, seed,
    )  # fmt: skip
    clips = sample_seeded(parts["test"], config.sampler, [seed, 9], config.n_test)
    estimator.provenance |= {
        "n_held_out_gaits": int(len(calibration) + len(test)),
        "activation_errors": measure_activation_errors(estimator, clips)
        if config.network.activation_weight
        else {},
        "shifted": measure_shifts(
            estimator, parts["test"], config.sampler, config.n_test // 2, seed, space_test
        ),
    }
    return estimator, history, tabulate_errors(estimator, clips)


def compare_designs(
    table: pd.DataFrame, gaits: xr.Dataset, config: TrainingConfig, seed: int, left_out, log=None
) -> pd.DataFrame:
    """Train every design of a camera's network on the same clips, and test it on shifted clips and cohorts.

    No design learns from the cohorts that are left out. Beside the designs stands perspective alone, without
    training, where body height is known. Simulated gaits only.
    """
    table, gaits = select_verified(table, gaits)
    learned = ~table["cohort"].isin(left_out).to_numpy()
    pool = build_pool(gaits, list_persons(table))
    training, calibration, test = (
        pool.take(rows[learned[rows]]) for rows in split_people(table, config.held_out_share, seed)
    )
    clips = sample_seeded(training, config.sampler, [seed, 7], config.network.n_clips)
    size = config.network.chunk_clips
    people = {"none": test, "cohort": pool.take(np.flatnonzero(~learned))}
    tests = {
        name: sample_seeded(own, config.sampler, [seed, 9], config.n_test) for name, own in people.items()
    }
    for number, name in enumerate(SHIFTS):
        strange = shift_sampler(config.sampler, name, True)
        tests[name] = sample_seeded(test, strange, [seed, 10, number], config.n_test)
    found = []
    for design in DESIGNS:
        if log:
            log(f"design: {design}")
        chunks = iter(range(len(clips)))
        estimator = GaitEstimator(replace(config.network, design=design))
        estimator.fit(lambda _, n, at=chunks: clips[(first := next(at) * size) : first + n], seed, log=log)
        calibrate_on_shifts(
            estimator, training, calibration, (), config.sampler, config.n_calibration, config.level, seed
        )
        found += [
            tabulate_errors(estimator, own).assign(design=design, shift=name) for name, own in tests.items()
        ]
    found += [_apply_perspective(own).assign(design="perspective", shift=name) for name, own in tests.items()]
    errors = pd.concat(found, ignore_index=True).replace({"view": SAME_VIEWS})
    summary = summarise_errors(errors, by=["design", "shift", "view", "focal_known"])
    return summary[summary["outcome"].isin(OUTCOME_NAMES[:3])].reset_index(drop=True)


def _apply_perspective(clips: list[Clip]) -> pd.DataFrame:
    rows = []
    for clip in clips:
        side = dict(zip(SIDE_FEATURES, clip.features.side.tolist(), strict=True))
        row = {"view": clip.view, "focal_known": side["focal_known"] > 0.5, "outcome": "speed_mps"}
        row |= {"reference": float(clip.truth[0]), "status": "ok", "lower": np.nan, "upper": np.nan}
        speed = np.exp(side["log_pinhole_speed"] + side["log_height"]) * 1.6 * LEG_SHARE_OF_HEIGHT
        rows += [row | {"estimate": speed}] if side["height_known"] else []
    return pd.DataFrame(rows)


def sample_held_out(
    estimator: GaitEstimator, table: pd.DataFrame, gaits: xr.Dataset, config: TrainingConfig, seed: int
) -> list[Clip]:
    """Sample clips of the people on whom the training of an estimator was tested."""
    table, gaits = select_verified(table, gaits)
    _check_held_out(estimator, config, seed)
    test = split_people(table, config.held_out_share, seed)[2]
    pool = build_pool(gaits.isel(gait=test), list_persons(table.iloc[test]))
    return sample_seeded(pool, config.sampler, [seed, 9], config.n_test)


def _check_held_out(estimator: GaitEstimator, config: TrainingConfig, seed: int) -> None:
    known = estimator.provenance
    found, expected = (known.get("held_out_share"), known.get("seed")), (config.held_out_share, seed)
    if found != expected:
        raise InputError(
            f"estimator: trained with held-out share {found[0]}, seed {found[1]}; expected {expected[0]}, "
            f"seed {expected[1]}; train it again with 'gaitlib train'."
        )


def split_people(
    table: pd.DataFrame, held_out_share: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split gaits by person into training, calibration and test.

    Every person draws a lot of their own, from seed and name alone: whoever was held out stays so when the
    library grows, and weights trained on an earlier release stay valid.
    """
    columns = ["person_id"] if "person_id" in table.columns else _PERSON_COLUMNS
    person = table[columns].astype(str).agg(" ".join, axis=1).to_numpy()
    people = np.unique(person)
    if len(people) < 5:
        raise InputError(f"train: found {len(people)} people in the library, expected at least 5.")
    lots = np.array([int(hashlib.sha256(f"{seed} {name}".encode()).hexdigest()[:13], 16) for name in people])
    lots = lots / 16**13
    people = people[np.argsort(lots)]
    n_calibration = max(1, (lots < 0.5 * held_out_share).sum())
    n_held_out = max(n_calibration + 1, (lots < held_out_share).sum())
    parts = people[n_held_out:], people[:n_calibration], people[n_calibration:n_held_out]
    return tuple(np.flatnonzero(np.isin(person, part)) for part in parts)


@dataclass(frozen=True)
class Split:
    """A library split by person: those learned from, and those held out of all learning; and its hash."""

    training: Curves
    held_out: Curves
    release: str = ""


def split_library(table: pd.DataFrame, gaits: xr.Dataset, held_out_share: float, seed: int) -> Split:
    """Split the verified gaits by person, the same way for generator and estimator."""
    table, gaits = select_verified(table, gaits)
    training, calibration, test = split_people(table, held_out_share, seed)
    others = np.sort(np.concatenate([calibration, test]))
    parts = [
        (table.iloc[rows].reset_index(drop=True), gaits.isel(gait=rows))
        for rows in (np.sort(training), others)
    ]
    return Split(*parts, hash_gaits(table["gait_id"].to_list()))


def list_held_out_gaits(
    table: pd.DataFrame, gaits: xr.Dataset, held_out_share: float, seed: int
) -> list[str]:
    """List the gaits of people that the estimator has not learned from; half of them set its intervals."""
    return split_library(table, gaits, held_out_share, seed).held_out[0]["gait_id"].to_list()


def list_persons(table: pd.DataFrame) -> list[Person]:
    """List the persons of a library's table."""
    rows = table[_PERSON_COLUMNS].to_dict("records")
    return [Person(**{k: v if k == "sex" else float(v) for k, v in row.items()}) for row in rows]


def draw_conditions(table: pd.DataFrame, n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw conditions for a generator: between two people of similar size, at a speed in between."""
    names = ["age_years", "height_m", "mass_kg", "speed_mps", *IMPAIRMENT_COLUMNS]
    names = [name for name in names if name in table.columns]
    values = table[names].to_numpy(dtype=float)
    first = rng.integers(len(values), size=n)
    height = values[:, names.index("height_m")]
    noisy = np.abs(height[first][:, None] - height[None]) + rng.exponential(0.1, (n, len(values)))
    share = rng.uniform(size=(n, 1))
    mixed = (1 - share) * values[first] + share * values[np.argmin(noisy, axis=1)]
    frame = pd.DataFrame(mixed, columns=names)
    frame["sex"] = table["sex"].to_numpy()[first]
    return frame


def _start_worker(pool: GaitPool, config) -> None:
    end_with_parent()
    _WORKER_POOL["all"] = (pool, config)


def _sample_in_worker(seed: int, n_clips: int) -> list[Clip]:
    return sample_seeded(*_WORKER_POOL["all"], seed, n_clips)


@contextlib.contextmanager
def _open_workers(n_workers: int, pool: GaitPool, config):
    """Function that samples, and an executor of spawned processes (None for none)."""
    if n_workers <= 0:
        yield functools.partial(sample_seeded, pool, config), None
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        n_workers, context, initializer=_start_worker, initargs=(pool, config)
    ) as executor:
        yield _sample_in_worker, executor


def build_training_config(settings: dict, kind: str = "keypoints"):
    """Build the training settings of an estimator."""
    insole = kind == "insole"
    network = NetworkConfig(
        kind=kind, width=settings["width"] // (2 if insole else 1),  # a mean stride holds less than a clip
        n_outcomes=len(OUTCOME_NAMES) if kind == "keypoints" else N_WITHOUT_WIDTH,
        n_clips=settings["clips" if kind == "keypoints" else f"{kind}_clips"],
        reuse=settings["reuse"] * (2 if insole else 1),
        batch_size=settings["batch_size"], learning_rate=settings["learning_rate"],
        pretrain_clips=settings["pretrain_clips"], activation_weight=0.0 if insole else 0.5,
        members=settings["inertial_members"] if kind == "inertial" else 1,
    )  # fmt: skip
    samplers = {"keypoints": SamplerConfig, "inertial": InertialSamplerConfig, "insole": InsoleSamplerConfig}
    return TrainingConfig(
        network=network, sampler=samplers[kind](), held_out_share=settings["held_out_share"],
        n_calibration=settings["calibration_clips"], n_test=settings["test_clips"],
        n_generated=settings["generated_gaits"], n_workers=settings["workers"],
    )  # fmt: skip
