"""Intervals that hold under change: calibrated on cohorts and insoles that the network has not met.

For each cohort a network is trained without it and tried on held-out people of that cohort, who wear insoles
that differ from those of training (`shift_config`). The errors of all cohorts together set the intervals of
the network that learned from everybody: cross-conformal prediction (Vovk 2015, doi 10.1007/s10472-013-9368-4)
with cohorts as folds.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gaitlib.estimate.clip_sampler import Clip, GaitPool
from gaitlib.estimate.conformal import calibrate_intervals
from gaitlib.estimate.estimator import GaitEstimator
from gaitlib.estimate.insole_sampler import InsoleSamplerConfig, sample_insole_clips, shift_config
from gaitlib.estimate.targets import encode_outcomes

_MIN_GAITS = 5


def calibrate_on_shifts(
    estimator: GaitEstimator,
    fit: GaitPool,
    held_out: GaitPool,
    cohorts: tuple[np.ndarray, np.ndarray],
    config: InsoleSamplerConfig,
    n_clips: int,
    level: float,
    seed: int,
) -> GaitEstimator:
    """Set the intervals of an estimator; `cohorts` of the gaits in `fit` and in `held_out`."""
    smaller = replace(estimator.config, n_clips=max(estimator.config.n_clips // 4, 50))
    clips = sample_insole_clips(fit, 2 * smaller.n_clips, np.random.default_rng([seed, 51]), config)
    own = cohorts[0][[clip.gait for clip in clips]]
    names = [name for name in np.unique(own) if (cohorts[1] == name).sum() >= _MIN_GAITS]
    parts: list[tuple] = []
    for number, name in enumerate(names):
        rng = np.random.default_rng([seed, 52, number])
        others = [clips[n] for n in np.flatnonzero(own != name)]
        blind = GaitEstimator(smaller)
        blind.fit(lambda chunk, size, others=others: _draw(others, chunk, size), seed)
        pool = held_out.take(np.flatnonzero(cohorts[1] == name))
        tried = sample_insole_clips(pool, max(n_clips // len(names), 30), rng, shift_config(config))
        features = [clip.features for clip in tried]
        parts.append((features, *blind.predict_raw(features)[:2], encode_outcomes([c.truth for c in tried])))
    features = [item for part in parts for item in part[0]]
    location, log_scale, truth = (np.concatenate([part[n] for part in parts]) for n in (1, 2, 3))
    kind = estimator.network.kind
    estimator.calibration = calibrate_intervals(kind, features, location, log_scale, truth, level)
    estimator.provenance["left_out"] = names
    return estimator


def _draw(clips: list[Clip], seed: int, size: int) -> list[Clip]:
    rows = np.random.default_rng(seed).choice(len(clips), size, replace=len(clips) < size)
    return [clips[n] for n in rows]
