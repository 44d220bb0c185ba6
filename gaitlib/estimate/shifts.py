"""Estimates and intervals that hold under change: simulated people and senses unlike those of training.

Clips come from held-out people with other cameras, bodies or detectors, or with other trunks and inertial
sensors. For insoles a network is trained without each cohort in turn and tried on that cohort, with insoles
unlike those of training. The errors of all of them together set the intervals: cross-conformal prediction
(Vovk 2015, doi 10.1007/s10472-013-9368-4) with kinds of change as folds. On the same clips what a camera's
network has learned must earn its place beside perspective.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from gaitlib.estimate.assess import summarise_errors, tabulate_errors
from gaitlib.estimate.clip_sampler import (
    Clip,
    GaitPool,
    InertialSamplerConfig,
    SamplerConfig,
    sample_clips,
    sample_inertial_clips,
)
from gaitlib.estimate.estimator import GaitEstimator
from gaitlib.estimate.input_kind import DIRECTIONS, name_group
from gaitlib.estimate.insole_sampler import InsoleSamplerConfig, sample_insole_clips
from gaitlib.estimate.step_width import COLUMN, fit_width
from gaitlib.estimate.targets import OUTCOME_NAMES

SHIFTS = ("camera", "body", "detector")
"""What differs from training where intervals of cameras are set and tested."""
SAME_VIEWS = {"side_left": "side", "oblique_back": "oblique"}
_MIN_GAITS = 5
_EARNED = 1.05
_CLOCK_ERROR = 0.005
"""Of shifted cameras: frame rates are rounded, phones write frames unevenly; assumed."""
_LINGERING_S = 0.04
"""Of shifted insoles, over the size of the shift: cells and shoes let go more slowly than they take load;
assumed."""
_SHIFTS = {SamplerConfig: SHIFTS, InertialSamplerConfig: ("sensors",), InsoleSamplerConfig: ("insoles",)}
_PERSPECTIVE_ALONE = ("between", "across")
"""Directions in which nothing learned counts; decided after a count of real people (see Decisions)."""
_SAMPLERS = {InertialSamplerConfig: sample_inertial_clips, InsoleSamplerConfig: sample_insole_clips}


def sample_seeded(pool: GaitPool, config, seed, n_clips: int) -> list[Clip]:
    """Sample clips of what `config` is for."""
    return _SAMPLERS.get(type(config), sample_clips)(pool, n_clips, np.random.default_rng(seed), config)


def shift_sampler(config, name: str = "", strange: bool = False):
    """Let cameras, bodies or detectors, or worn sensors, differ from those of training.

    They differ in one way, or in a `strange` one: intervals are set on the first, tested on the second.
    """
    size = 1.5 if strange else 2.0
    if isinstance(config, InsoleSamplerConfig):  # rates and shoes that were not there, humps unlike training
        own = (
            {"rates_hz": (30.0, 75.0), "flatness_spread": 0.45}
            if strange
            else {"rates_hz": (40.0, 64.0, 128.0)}
        )
        return replace(config, errors=config.errors.scale(size), lingering_s=_LINGERING_S / size, **own)
    if isinstance(config, InertialSamplerConfig):  # trunks, joint curves and errors of the sensors at once
        own = config.walks.variation
        bent = {"amplitude_spread": 0.08} if strange else {"angle_offset_deg": 4.0}
        own = replace(own, proportion_spread=0.05, trunk_spread=1.5 * own.trunk_spread, **bent)
        # more people in as many clips, and enough clips of every site
        walks = replace(config.walks, variation=own, clips_per_walk=2)
        return replace(config, errors=config.errors.scale(size), walks=walks, lower_back_share=0.2)
    errors = config.errors
    elsewhere, worse = 1.5 * errors.definition_bias_m, errors.scale(1.6)
    changes: dict = {
        "camera": {"focal": (0.0, 0.2), "lifted_m": 0.8, "roll_deg": 2.5, "farther": 0.5},
        "body": {"variation": replace(config.variation, proportion_spread=0.06, angle_offset_deg=6.0)},
        "detector": {"errors": replace(errors, definition_bias_m=elsewhere)},
    }
    if strange:
        changes = {
            "camera": {"focal": (-0.6, 0.15), "lifted_m": 1.2, "roll_deg": 3.0, "farther": 0.6},
            "body": {"variation": replace(config.variation, proportion_spread=0.08, amplitude_spread=0.2)},
            "detector": {"errors": replace(worse, definition_bias_m=errors.definition_bias_m)},
        }
    # more people in as many clips
    return replace(config, clock_error=_CLOCK_ERROR, clips_per_walk=2, **changes[name])


def calibrate_on_shifts(
    estimator: GaitEstimator,
    fit: GaitPool,
    held_out: GaitPool,
    cohorts: tuple[np.ndarray, np.ndarray],
    config,
    n_clips: int,
    level: float,
    seed: int,
) -> GaitEstimator:
    """Set the intervals of an estimator; `cohorts` of the gaits in `fit` and in `held_out`."""
    if isinstance(config, InsoleSamplerConfig):
        return _leave_cohorts_out(estimator, fit, held_out, cohorts, config, n_clips, level, seed)
    samplers = [shift_sampler(config, name) for name in _SHIFTS[type(config)]]
    samplers = [config, *samplers] if isinstance(config, SamplerConfig) else samplers
    n_each = max(1, n_clips // len(samplers))
    parts = [sample_seeded(held_out, own, [seed, 8, n], n_each) for n, own in enumerate(samplers)]
    clips = [clip for part in parts for clip in part]
    choose_trust(estimator, clips, _PERSPECTIVE_ALONE)
    if estimator.config.kind == "keypoints" and estimator.config.n_outcomes > COLUMN:
        features, truth = [clip.features for clip in clips], np.array([clip.truth[COLUMN] for clip in clips])
        estimator.width = {}
        estimator.width = fit_width(features, estimator.predict_raw(features)[0][:, COLUMN], truth)
    return estimator.calibrate(clips, level)


def choose_trust(estimator: GaitEstimator, clips: list[Clip], decided: tuple[str, ...] = ()) -> None:
    """Let what was learned of speed and step length count, by direction of view, as far as it is needed.

    Not at all where perspective alone errs hardly more on clips unlike those of training, or as `decided`.
    """
    networks = estimator.networks
    if not networks[0].residual:
        return
    features, truth = [clip.features for clip in clips], np.log([clip.truth[0] for clip in clips])
    found = []
    for share in (0.0, 1.0):
        for network in networks:
            network.trust.fill_(share)
        found.append(estimator.predict_raw(features)[0][:, 0])
    names = list(DIRECTIONS)
    direction = np.array([names.index(name_group(networks[0].kind, item)) for item in features])
    shares, told = np.array([0.0, 0.5, 1.0]), []
    for number in np.unique(direction):
        rows = direction == number
        guess = found[0][rows] + shares[:, None] * (found[1] - found[0])[rows]
        error = np.abs(guess - truth[rows]).mean(axis=1)
        enough = 0 if names[number] in decided else np.argmax(error <= _EARNED * error.min())
        for network in networks:
            network.trust[number] = shares[enough]
        told.append({"direction": names[number], "n": int(rows.sum())})
        told[-1] |= {"trust": float(shares[enough]), "errors": error.round(4).tolist()}
    estimator.provenance["trust"] = told


def _leave_cohorts_out(estimator, fit, held_out, cohorts, config, n_clips, level, seed) -> GaitEstimator:
    smaller = replace(estimator.config, n_clips=max(estimator.config.n_clips // 4, 50))
    clips = sample_seeded(fit, config, [seed, 51], 2 * smaller.n_clips)
    own = cohorts[0][[clip.gait for clip in clips]]
    names = [name for name in np.unique(own) if (cohorts[1] == name).sum() >= _MIN_GAITS]
    tried: list[Clip] = []
    predicted: list[tuple] = []
    for number, name in enumerate(names):
        others = [clips[n] for n in np.flatnonzero(own != name)]
        blind = GaitEstimator(smaller)
        blind.fit(lambda chunk, size, others=others: _draw(others, chunk, size), seed)
        pool = held_out.take(np.flatnonzero(cohorts[1] == name))
        new = sample_seeded(pool, shift_sampler(config), [seed, 52, number], max(n_clips // len(names), 30))
        predicted.append(blind.predict_raw([clip.features for clip in new])[:2])
        tried += new
    estimator.provenance["left_out"] = names
    location, log_scale = (np.concatenate(part) for part in zip(*predicted, strict=True))
    return estimator.calibrate(tried, level, (location, log_scale))


def _draw(clips: list[Clip], seed: int, size: int) -> list[Clip]:
    rows = np.random.default_rng(seed).choice(len(clips), size, replace=len(clips) < size)
    return [clips[n] for n in rows]


def measure_shifts(
    estimator: GaitEstimator,
    pool: GaitPool,
    config,
    n_clips: int,
    seed: int,
    in_space: GaitPool | None = None,
) -> list[dict]:
    """Measure errors and coverage where cameras, bodies, detectors or sensors differ in a strange way.

    And on gaits of the body in space, where there are any, seen as in training.
    """
    parts = []
    for number, name in enumerate(_SHIFTS[type(config)]):
        clips = sample_seeded(pool, shift_sampler(config, name, True), [seed, 10, number], n_clips)
        errors = tabulate_errors(estimator, clips).replace({"view": SAME_VIEWS})
        parts.append(summarise_errors(errors).assign(shift=name))
    if in_space is not None:
        errors = tabulate_errors(estimator, sample_seeded(in_space, config, [seed, 11], n_clips))
        parts.append(summarise_errors(errors.replace({"view": SAME_VIEWS})).assign(shift="space"))
    table = pd.concat(parts, ignore_index=True)
    table = table[table["outcome"].isin([*OUTCOME_NAMES[:3], "step_width_m"]) & table["mae"].notna()]
    return table.round(4).to_dict("records")
