"""Training clips of inertial sensors on the fly: walks that cameras see, worn sensors that err."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gaitlib.errors import InputError, WorkError
from gaitlib.estimate.clip_sampler import Clip, GaitPool, SamplerConfig, VariedWalk, build_varied_walk
from gaitlib.estimate.inertial_features import SITES, compute_inertial_arrays
from gaitlib.estimate.targets import measure_window
from gaitlib.sense.inertial import measure_motion
from gaitlib.sense.inertial_errors import InertialErrors
from gaitlib.sense.variation import STEADY_VARIATION

_WALK_FPS, _EDGE_S = 100.0, 0.3
_USUAL_FPS = (50.0, 64.0, 100.0, 100.0, 100.0, 128.0)


@dataclass(frozen=True)
class InertialSamplerConfig:
    """What training clips of inertial sensors look like.

    Parameters
    ----------
    walks : SamplerConfig
        How walks vary, how long clips are, what is known about the person.
    several_share : float
        Share of clips with two to four sensors (0-1).
    lower_back_share : float
        Share of single sensors that are worn at the lower back, the usual place; others are equally likely.
    errors : InertialErrors
        Typical errors; scaled log-normally per clip.
    turning_share : float
        Share of walks along a curve (0-1).
    turning_rad_s : float
        Standard deviation of the rate of turning there (rad/s): a quarter turn takes 2 to 4 s; assumed.
    """

    walks: SamplerConfig = field(
        default_factory=lambda: SamplerConfig(duration_s=(2.1, 12.0), variation=STEADY_VARIATION)
    )
    several_share: float = 0.25
    lower_back_share: float = 0.5
    errors: InertialErrors = field(default_factory=InertialErrors)
    turning_share: float = 0.3
    turning_rad_s: float = 0.4


def sample_inertial_clips(
    pool: GaitPool, n_clips: int, rng: np.random.Generator, config: InertialSamplerConfig | None = None
) -> list[Clip]:
    """Sample clips of inertial sensors with their truth."""
    config = config or InertialSamplerConfig()
    if len(pool) == 0:
        raise InputError("sample_inertial_clips: the set holds no gaits; give at least one.")
    clips: list[Clip] = []
    for _ in range(20 * n_clips):
        index = int(rng.integers(len(pool)))
        walk = build_varied_walk(pool.curves.select(index), rng, config.walks, _WALK_FPS)
        if walk is None:
            continue
        for _ in range(config.walks.clips_per_walk):
            clip = _wear_sensors(walk, pool.activation[index], index, rng, config)
            if clip is not None and len(clips) < n_clips:
                clips.append(clip)
        if len(clips) >= n_clips:
            return clips
    raise WorkError(f"sample_inertial_clips: only {len(clips)} of {n_clips} clips could be used.")


def _wear_sensors(
    walk: VariedWalk, activation, index: int, rng, config: InertialSamplerConfig
) -> Clip | None:
    low, high = config.walks.duration_s
    duration = low + (high - low) * rng.beta(1.0, 1.3)
    start = rng.uniform(_EDGE_S, walk.time_s[-1] - _EDGE_S - duration)
    truth = measure_window(walk.events, start, start + duration)
    if truth is None:
        return None
    sites = _draw_sites(rng, config)
    fps = float(rng.choice(_USUAL_FPS))
    errors = config.errors.scale(float(np.exp(rng.normal(-0.2, 0.5))))
    names = [SITES[site] for site in sites]
    edges = start - _EDGE_S, start + duration + _EDGE_S
    rows = slice(*(int(edge * _WALK_FPS) for edge in edges))
    points, pitch = walk.points[rows], walk.pitch_rad[rows]
    turning = _draw_turning(len(points), rng, config)
    signals = measure_motion(points, pitch, _WALK_FPS, walk.height_m, names, fps, rng, errors, turning)
    signals = signals[int(_EDGE_S * fps) : -int(_EDGE_S * fps)]
    stated = walk.height_m + config.walks.height_error_m * rng.standard_normal()
    features = compute_inertial_arrays(
        signals.transpose(1, 0, 2),
        fps,
        sites,
        None if rng.uniform() < config.walks.height_unknown_share else stated,
        walk.age_years if rng.uniform() < config.walks.age_known_share else None,
    )
    if features.problem:
        return None
    name = "several" if len(sites) > 1 else names[0].removesuffix("_r").removesuffix("_l")
    return Clip(features, truth, activation, walk.height_m, index, name, False)


def _draw_sites(rng: np.random.Generator, config: InertialSamplerConfig) -> list[int]:
    if rng.uniform() < config.several_share:
        return sorted(rng.choice(len(SITES), int(rng.integers(2, 5)), replace=False).tolist())
    if rng.uniform() < config.lower_back_share:
        return [SITES.index("lower_back")]
    return [int(rng.integers(len(SITES)))]


def _draw_turning(n_time: int, rng: np.random.Generator, config: InertialSamplerConfig) -> np.ndarray | None:
    """Rate of turning to the left (rad/s) that wanders within a few seconds; none on a straight path."""
    from scipy.ndimage import gaussian_filter1d

    if rng.uniform() >= config.turning_share:
        return None
    wander = gaussian_filter1d(rng.standard_normal(n_time), rng.uniform(0.4, 1.5) * _WALK_FPS, mode="wrap")
    steady = rng.standard_normal()
    return config.turning_rad_s * (0.6 * steady + 0.8 * wander / max(wander.std(), 1e-9))
