"""Training clips of pressure insoles on the fly."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from gaitlib.errors import WorkError
from gaitlib.estimate.clip_sampler import Clip, GaitPool
from gaitlib.estimate.insole_features import compute_insole_arrays
from gaitlib.estimate.targets import OUTCOME_NAMES, WalkEvents, measure_window
from gaitlib.events import CONTACT_N, find_force_contacts
from gaitlib.gait import GRAVITY_MPS2
from gaitlib.sense.insole import (
    LOAD_FPS,
    InsoleErrors,
    LoadWalk,
    build_load_walk,
    lift_load,
    measure_load,
    settle_load,
    slow_down,
)
from gaitlib.sense.walk_variation import WalkVariation

_UNSEEN = OUTCOME_NAMES.index("step_length_asymmetry")
_MOST_IRREGULAR = 5.0


@dataclass(frozen=True)
class InsoleSamplerConfig:
    """What training clips of insoles look like."""

    duration_s: tuple[float, float] = (15.0, 120.0)  # shortest and longest clip (s)
    clips_per_walk: int = 3  # clips with different insoles from each walk
    rates_hz: tuple[float, ...] = (50.0, 100.0, 100.0, 100.0)  # samples per second (Hz)
    height_unknown_share: float = 0.1  # share of clips without body height, body mass, with age (0-1)
    mass_unknown_share: float = 0.1
    age_known_share: float = 0.6
    height_error_m: float = 0.015  # standard deviation of the stated body height (m)
    # standard deviation of the logarithm of leg length beyond what body height tells (1), as
    # `WalkVariation.proportion_spread`
    leg_spread: float = 0.03
    # standard deviation of the logarithm of a factor on what the force has beyond body weight, once it lifts
    # the trunk as far as people's (1): rises of healthy adults at one speed spread by a fifth (Orendurff
    # 2004), and the adult of the calibration role rises 30 % less than they do
    flatness_spread: float = 0.25
    turning_share: float = 0.6  # share of walks with turns, every 8 to 25 s (0-1)
    # how walks vary; mean and standard deviation of the logarithm of a factor on it
    variation: WalkVariation = field(default_factory=WalkVariation)
    irregularity: tuple[float, float] = (0.4, 0.7)
    errors: InsoleErrors = field(default_factory=InsoleErrors)  # scaled log-normally per clip
    # mean time that shoe and cells take to let go of a foot (s), exponentially distributed; none in training
    lingering_s: float = 0.0


def sample_insole_clips(
    pool: GaitPool, n_clips: int, rng: np.random.Generator, config: InsoleSamplerConfig | None = None
) -> list[Clip]:
    """Sample clips of insoles with their truth."""
    config = config or InsoleSamplerConfig()
    clips: list[Clip] = []
    for _ in range(20 * n_clips):
        index = int(rng.integers(len(pool)))
        duration = float(np.exp(rng.uniform(*np.log(config.duration_s))))
        leg = float(np.exp(config.leg_spread * rng.standard_normal()))
        walk = build_varied_loads(pool, index, duration, leg, rng, config)
        for _ in range(config.clips_per_walk):
            clip = _wear_insoles(walk, pool, index, rng, config)
            if clip is not None and len(clips) < n_clips:
                clips.append(clip)
        if len(clips) >= n_clips:
            return clips
    raise WorkError(f"sample_insole_clips: only {len(clips)} of {n_clips} clips could be used.")


def build_varied_loads(pool: GaitPool, index: int, duration_s: float, leg: float, rng, config) -> LoadWalk:
    """Let one gait walk on legs longer by a factor: lengths grow with it, times with its root (Hof 1996)."""
    factor = min(np.exp(rng.normal(*config.irregularity)), _MOST_IRREGULAR) * rng.uniform(0.2, 1.3)
    variation = config.variation.scale(rng.uniform(0.2, 1.3))
    variation = replace(variation, stride_time_cv=factor * config.variation.stride_time_cv)
    travel = leg * pool.curves.curves[index, :, 1]
    stride_s = float(np.sqrt(leg) * pool.curves.stride_time_s[index])
    leg_length_m = leg * pool.curves.dimensions[index].leg_length_m
    load = lift_load(pool.load[index], 0.5 * stride_s, float(travel.mean()) / stride_s, leg_length_m)
    flatness = float(np.exp(config.flatness_spread * rng.standard_normal()))
    return build_load_walk(load, travel, stride_s, duration_s, rng, variation, flatness)


def measure_loads(walk: LoadWalk, mass_kg: float) -> np.ndarray | None:
    """Measure the true outcomes of a steady walk from its force; shape (n_outcome,)."""
    weight = mass_kg * GRAVITY_MPS2
    found = [find_force_contacts(walk.time_s, foot * weight, CONTACT_N) for foot in walk.load.sum(axis=2).T]
    contact = np.concatenate([lands for lands, _ in found])
    order = np.argsort(contact)
    contact, side = contact[order], np.repeat([0, 1], [len(lands) for lands, _ in found])[order]
    offs = tuple(leaves for _, leaves in found)
    # Where the pelvis is at contact stands for the footprints: the mean step is the same.
    prints = np.interp(contact, walk.time_s, walk.forward_m)
    found = measure_window(
        WalkEvents(walk.time_s, walk.forward_m, contact, side, prints, offs), -1.0, walk.time_s[-1] + 1.0
    )
    if found is None or not found[0] > 0.05:
        return None
    found[_UNSEEN] = np.nan  # force tells when feet land, not where
    return found


def linger_load(load: np.ndarray, lingering_s: float) -> np.ndarray:
    """Let loads fall no faster than exponentially, as foam and cells recover when the foot has gone."""
    passed = (np.arange(len(load)) / (LOAD_FPS * max(lingering_s, 1e-4)))[:, None, None]
    return np.exp(np.maximum.accumulate(np.log(np.maximum(load, 1e-9)) + passed, axis=0) - passed)


def _wear_insoles(walk: LoadWalk, pool: GaitPool, index: int, rng, config) -> Clip | None:
    person = pool.curves.persons[index]
    errors = config.errors.scale(float(np.exp(rng.normal(-0.2, 0.5))))
    load = settle_load(walk.load, errors.settling_s * rng.exponential())
    if config.lingering_s:
        load = linger_load(load, config.lingering_s * rng.exponential())
    # Contact is contact in the shoe, as in recordings of people: it outlasts that with the floor.
    truth = measure_loads(replace(walk, load=load), person.mass_kg)
    if truth is None:
        return None
    if rng.uniform() < config.turning_share:
        length = walk.time_s[-1]
        centres = np.cumsum(rng.uniform(8.0, 25.0, int(length / 8.0) + 1))
        stands = tuple(rng.exponential(1.0, 2).clip(0, 4))
        load = slow_down(
            load, centres[centres < length], rng.uniform(0.4, 1.0), rng.uniform(0.5, 0.9), stands
        )
    fps = float(rng.choice(config.rates_hz))
    weight = person.mass_kg * GRAVITY_MPS2
    force = weight * measure_load(load, fps, rng, replace(errors, settling_s=0.0)).sum(axis=2)
    known = rng.uniform(size=3) < (
        1 - config.height_unknown_share, 1 - config.mass_unknown_share, config.age_known_share
    )  # fmt: skip
    stated = person.height_m + config.height_error_m * rng.standard_normal()
    facts = (stated, person.mass_kg, person.age_years)
    features = compute_insole_arrays(
        force, fps, *(fact if here else None for fact, here in zip(facts, known, strict=True))
    )
    if features.problem:
        return None
    return Clip(features, truth, pool.activation[index], person.height_m, index, "insole", False)
