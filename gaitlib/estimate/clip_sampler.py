"""Training clips on the fly: a gait walks, random cameras see it, or sensors are worn, and both err.

Everything that is unknown about a real recording is drawn at random: view, distance, height and focal
length of the camera, panning, treadmill, frame rate, length, start phase, layout, keypoint convention,
detector error, smoothing by earlier processing, error of the stated body height, missing side information.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import xarray as xr
from scipy.ndimage import gaussian_filter1d

from gaitlib.errors import InputError, WorkError
from gaitlib.estimate.features import (
    MIN_DURATION_S,
    ClipFeatures,
    SideInformation,
    compute_features_from_arrays,
)
from gaitlib.estimate.geometry import FOCAL_PRIOR
from gaitlib.estimate.inertial_features import SITES, compute_inertial_arrays
from gaitlib.estimate.targets import WalkEvents, find_walk_events, measure_window
from gaitlib.events import detect_events_from_force
from gaitlib.gait import COORDINATES, GRAVITY_MPS2, MUSCLE_GROUPS, N_PHASE
from gaitlib.person import Person
from gaitlib.sense.body_walk import GaitCurves, build_walk_motion, prepare_gaits
from gaitlib.sense.camera import Camera, project_points
from gaitlib.sense.inertial import EDGE_S, InertialErrors, cut_edges, measure_motion
from gaitlib.sense.insole import REGIONS, compute_region_load
from gaitlib.sense.layouts import WALK_LAYOUT, combine_points, get_build_matrix, get_read_matrix
from gaitlib.sense.noise import DetectorErrors, add_errors, apply_definition_bias
from gaitlib.sense.walk_variation import STEADY_VARIATION, WalkVariation
from gaitlib.walk import KEYPOINTS_3D


@dataclass(frozen=True)
class GaitPool:
    """Gaits to train from."""

    curves: GaitCurves  # for `gaitlib.sense.body_walk.build_walk_motion`
    # (n_gait, 2, 9, 101): Muscle activation (0-1) of the right and the left leg,
    # `gaitlib.gait.MUSCLE_GROUPS`, over the stride from the initial contact of that leg
    activation: np.ndarray
    # (n_gait, 101, 2, 3): What heel, ball and toes of both feet carry (body weights)
    load: np.ndarray
    weight: np.ndarray  # (n_gait,): How often each is drawn, relatively

    def __len__(self) -> int:
        return len(self.activation)

    def take(self, rows: np.ndarray) -> GaitPool:
        """Take some gaits."""
        return GaitPool(self.curves.take(rows), self.activation[rows], self.load[rows], self.weight[rows])

    def draw(self, rng: np.random.Generator) -> int:
        """Draw one gait."""
        ends = np.cumsum(self.weight)
        return int(np.searchsorted(ends, rng.uniform(0.0, ends[-1]), side="right"))

    def join(self, other: GaitPool) -> GaitPool:
        """Put two pools together."""
        curves = self.curves.join(other.curves)
        return GaitPool(curves, *(np.concatenate([getattr(self, name), getattr(other, name)])
                                  for name in ("activation", "load", "weight")))  # fmt: skip


_SPEED_BIN, _MOST_OFTEN, _UNEVEN_PERCENT = 0.05, 5.0, 2.0
"""Every pace, in steps of 0.05 of the root of gravity times leg length, is drawn equally often, no gait more
than 5 times as often as usual: an estimate leans to the speeds that were common in training. Gaits with a
left contact off half the stride by 2 % count three times: patients walk so, and the library holds fewer."""


def build_pool(gaits: xr.Dataset, persons: list[Person]) -> GaitPool:
    """Prepare a gait set for training; muscles and loads of the body in space are not those learned."""
    in_space = gaits.sizes["coordinate"] != len(COORDINATES)
    force = gaits["ground_force"].transpose("gait", "phase", "foot", "axis").values[..., 1]
    left = np.array([_find_left_contact(own) for own in force])
    curves = prepare_gaits(gaits, persons)
    speed = curves.curves[:, :-1, COORDINATES.index("pelvis_tx")].mean(axis=1) / curves.stride_time_s
    pace = speed / np.sqrt(GRAVITY_MPS2 * np.array([body.leg_length_m for body in curves.dimensions]))
    weight = weigh_paces(pace, 1.0 + 2.0 * (np.abs(left - 50.0) > _UNEVEN_PERCENT))
    if in_space:
        sides = np.full((len(force), 2, len(MUSCLE_GROUPS), N_PHASE), np.nan)
        return GaitPool(curves, sides, np.full((len(force), N_PHASE, 2, len(REGIONS)), np.nan), weight)
    raw = gaits["activation"].transpose("gait", "muscle", "phase").values.astype(float)
    sides = raw.reshape(len(raw), 2, len(MUSCLE_GROUPS), N_PHASE).copy()
    for n, start in enumerate(left):
        sides[n, 1] = shift_stride(sides[n, 1], start)
    people = pd.DataFrame([person.model_dump() for person in persons])
    return GaitPool(curves, sides, compute_region_load(gaits, people), weight)


def weigh_paces(pace: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """How often gaits are drawn (mean 1) so that all paces are equally frequent."""
    bins = (pace / _SPEED_BIN).astype(int)
    weight = counted / np.bincount(bins, counted)[bins]
    weight = np.minimum(weight, _MOST_OFTEN * np.median(weight))
    return weight / weight.mean()


def shift_stride(curves: np.ndarray, start_percent: float) -> np.ndarray:
    """Let periodic curves of a stride begin at another moment of it; shape (..., 101)."""
    last = curves.shape[-1] - 1
    place = (np.arange(last + 1) + start_percent * last / 100.0) % last
    left = np.minimum(place.astype(int), last - 1)
    share = place - left
    return (1 - share) * curves[..., left] + share * curves[..., left + 1]


def _find_left_contact(force: np.ndarray) -> float:
    """Percent of the stride at which the left foot lands; half of it where the force does not tell."""
    phase = np.linspace(0.0, 1.0, len(force))
    events = detect_events_from_force(phase, force, periodic=True)
    found = events[(events["foot"] == "l") & (events["event"] == "initial_contact")]["time_s"].to_numpy()
    return 100.0 * float(found[0]) if len(found) == 1 else 50.0


WALK_FPS = 60.0
"""Samples per second of the walks that clips are taken from (Hz)."""

_AT = {name: n for n, name in enumerate(KEYPOINTS_3D)}
_HIPS = [_AT["hip_r"], _AT["hip_l"]]
_TRAINED_LAYOUTS = ("coco17", "body25", "mediapipe33", "h36m17", "pig", WALK_LAYOUT)
_MOST_IRREGULAR = 5.0
_USUAL_FPS = (24, 25, 25, 30, 30, 30, 50, 60, 60, 100, 120)
_UPPER = [
    n for name, n in _AT.items() if not any(part in name for part in ("hip", "knee", "ankle", "heel", "toe"))
]
_FEET = [n for name, n in _AT.items() if "heel" in name or "toe" in name]


@dataclass(frozen=True)
class SamplerConfig:
    """What training clips look like."""

    duration_s: tuple[float, float] = (2.1, 7.0)  # shortest and longest clip (s)
    # mixture of views: 'side', 'end' (front or back), 'any', each with its weight
    views: tuple[tuple[str, float], ...] = (("side", 0.35), ("end", 0.3), ("any", 0.35))
    # mean and standard deviation of the logarithm of the focal length over the longer side of the image
    focal: tuple[float, float] = FOCAL_PRIOR
    lifted_m: float = 0.4  # mean height of the camera beyond some 1.1 m (m)
    roll_deg: float = 1.5  # standard deviation of its roll (deg)
    clock_error: float = 0.0  # standard deviation of the logarithm of stated over true frame rate
    walkway_m: tuple[float, float] = (2.0, 9.0)  # shortest and longest walkway that it is placed for (m)
    farther: float = 0.35  # mean of the logarithm of its distance over the nearest that shows the walk
    clips_per_walk: int = 6  # clips with different cameras from each walk
    # share of clips with a panning camera, or with a person who walks on the spot (0-1)
    panning_share: float = 0.15
    treadmill_share: float = 0.07
    # share of clips without body height, without image size, with focal length (0-1)
    height_unknown_share: float = 0.12
    image_unknown_share: float = 0.15
    focal_known_share: float = 0.25
    age_known_share: float = 0.4  # share of clips with the person's age, with the direction of view (0-1)
    view_known_share: float = 0.4
    height_error_m: float = 0.015  # standard deviation of the stated body height (m)
    unchanged_share: float = 0.25  # share of walks whose joint curves stay as simulated (0-1)
    noise_free_share: float = 0.2  # share of clips without detector error, as projected motion capture (0-1)
    # spread of walks beyond their gait
    variation: WalkVariation = field(default_factory=lambda: WalkVariation(proportion_spread=0.04))
    # mean and standard deviation of the logarithm of a factor on the variation from stride to stride: below 1
    # % to some 10 % of stride time, the range that the cohorts state with their sources
    irregularity: tuple[float, float] = (0.4, 0.7)
    # typical detector error; scaled log-normally per clip
    errors: DetectorErrors = field(default_factory=DetectorErrors)


@dataclass(frozen=True)
class Clip:
    """One training clip."""

    features: ClipFeatures  # what the network reads
    # (n_outcome,): `gaitlib.estimate.targets.OUTCOME_NAMES` of the walk in view, NaN where it holds too
    # little
    truth: np.ndarray
    # (2, 9, 101): Muscle activation of its gait, sides exchanged where the features are of the mirrored
    # person
    activation: np.ndarray
    height_m: float  # true body height (m)
    gait: int  # which gait it came from
    view: str  # nearest named view
    moving_camera: bool  # whether the camera pans or the person walks on the spot


def sample_clips(
    pool: GaitPool, n_clips: int, rng: np.random.Generator, config: SamplerConfig | None = None
) -> list[Clip]:
    """Sample clips of synthetic walks with their truth."""
    config = config or SamplerConfig()
    return _sample(pool, n_clips, rng, config, WALK_FPS, lambda *walk: _shoot_clip(*walk, rng, config))


def _sample(
    pool: GaitPool, n_clips: int, rng, config: SamplerConfig, fps: float, take: Callable
) -> list[Clip]:
    """Let gaits of the pool walk, several clips taken of each walk, until there are enough."""
    if len(pool) == 0:
        raise InputError("sample_clips: the set holds no gaits; give at least one.")
    clips: list[Clip] = []
    for _ in range(20 * n_clips):
        index = pool.draw(rng)
        walk = build_varied_walk(pool.curves.select(index), rng, config, fps)
        if walk is None:
            continue
        for _ in range(config.clips_per_walk):
            clip = take(walk, pool.activation[index], index)
            if clip is not None and len(clips) < n_clips:
                clips.append(clip)
        if len(clips) >= n_clips:
            return clips
    raise WorkError(
        f"sample_clips: only {len(clips)} of {n_clips} clips could be used; check the gaits' speeds."
    )


def draw_camera(
    middle: np.ndarray, height_m: float, rng: np.random.Generator, config: SamplerConfig
) -> Camera:
    """Draw a camera that has the person in view for most of the clip."""
    names, weights = zip(*config.views, strict=True)
    view = rng.choice(names, p=np.array(weights) / sum(weights))
    spread = rng.normal(0.0, 8.0)
    azimuth = {
        "side": float(rng.choice([90.0, 270.0])) + spread,
        "end": float(rng.choice([0.0, 180.0])) + spread,
        "any": rng.uniform(0.0, 360.0),
    }[str(view)]
    width, height = [(1920, 1080), (1280, 720), (640, 480), (1080, 1920)][
        int(rng.choice(4, p=[0.5, 0.2, 0.2, 0.1]))
    ]
    mean, spread = config.focal
    focal = max(width, height) * np.clip(np.exp(rng.normal(mean, spread)), 0.35, 1.4)
    # A camera is placed for a walkway, whoever walks: its distance must not tell the speed.
    path = max(np.ptp(middle[:, 0]), rng.uniform(*config.walkway_m))
    panning = rng.uniform() < config.panning_share
    lateral, along = abs(np.sin(np.deg2rad(azimuth))) * path, abs(np.cos(np.deg2rad(azimuth))) * path
    fit_width = 0.5 * along + focal * (0.3 * lateral if panning else lateral + 0.6) / width
    fit_height = 0.5 * along + focal * height_m * 1.2 / height
    nearest = max(fit_width * rng.uniform(0.8, 1.0), fit_height, 0.5 * along + 1.2, 1.5)
    return Camera(
        azimuth_deg=azimuth % 360.0,
        distance_m=float(nearest * np.exp(rng.exponential(config.farther))),
        height_m=float(np.clip(rng.normal(1.1, 0.3) + rng.exponential(config.lifted_m), 0.3, 3.0)),
        focal_length_px=float(focal),
        image_width_px=width,
        image_height_px=height,
        fps=_draw_fps(rng),
        motion="panning" if panning else "fixed",
        aim_height_m=float(height_m * rng.uniform(0.35, 0.7)),
        roll_deg=float(rng.normal(0.0, config.roll_deg)),
        pan_lag_s=float(rng.uniform(0.0, 0.4)),
        distortion_k1=float(rng.normal(0.0, 0.03)),
    )


def _draw_fps(rng: np.random.Generator) -> float:
    if rng.uniform() < 0.8:
        return float(rng.choice(_USUAL_FPS))
    return float(np.exp(rng.uniform(np.log(24), np.log(120))))


@dataclass(frozen=True)
class VariedWalk:
    """One synthetic walk: its points, its events and who walks."""

    time_s: np.ndarray  # (n_time,): Time (s)
    points: np.ndarray  # (n_time, 19, 3): Positions (m)
    pitch_rad: np.ndarray  # (n_time, 4): Sagittal rotation of `gaitlib.body.kinematics.PITCH_SEGMENTS`
    events: WalkEvents  # for the truth of its windows
    height_m: float  # of the person
    age_years: float


def build_varied_walk(
    gait: GaitCurves, rng: np.random.Generator, config: SamplerConfig, fps: float = WALK_FPS
) -> VariedWalk | None:
    """Let one gait walk, varied as `config` says."""
    variation = config.variation.scale(rng.uniform(0.2, 1.3))
    factor = min(np.exp(rng.normal(*config.irregularity)), _MOST_IRREGULAR)
    variation = replace(
        variation,
        stride_time_cv=factor * variation.stride_time_cv,
        stride_amplitude_cv=factor * variation.stride_amplitude_cv,
        speed_drift=factor * variation.speed_drift,
    )
    if rng.uniform() < config.unchanged_share:
        variation = replace(variation, angle_offset_deg=0.0, angle_harmonic_deg=0.0, amplitude_spread=0.0)
    motion = build_walk_motion(gait, rng, config.duration_s[1] + 0.8, fps, variation)
    time_s, points = motion.time_s, motion.points
    forward = points[:, _HIPS, 0].mean(axis=1)
    if forward[-1] - forward[0] < 0.05 * time_s[-1] or not np.isfinite(points).all():
        return None
    events = find_walk_events(time_s, points)
    if events is None:
        return None
    return VariedWalk(
        time_s, points, motion.pitch_rad, events, gait.persons[0].height_m, gait.persons[0].age_years
    )


def _shoot_clip(walk: VariedWalk, activation, index: int, rng, config: SamplerConfig) -> Clip | None:
    """One camera, one window, one detector."""
    low, high = config.duration_s
    height_m = walk.height_m
    duration = low + (high - low) * rng.beta(1.0, 1.3)
    start = rng.uniform(0.0, walk.time_s[-1] - duration)
    first_row = int(start * WALK_FPS)
    window = walk.points[first_row : int((start + duration) * WALK_FPS) + 1]
    seen = apply_definition_bias(
        window, KEYPOINTS_3D, height_m, rng, config.errors.definition_bias_m * rng.uniform(0, 1.5)
    )
    treadmill = rng.uniform() < config.treadmill_share
    if treadmill:
        middle = window[:, _HIPS, 0].mean(axis=1)
        line = np.polyval(np.polyfit(np.arange(len(middle)), middle, 1), np.arange(len(middle)))
        seen = seen - (line - line.mean())[:, None, None] * np.array([1.0, 0.0, 0.0])
    camera = draw_camera(seen[:, _HIPS].mean(axis=1), height_m, rng, config)
    frames = np.arange(int(duration * camera.fps)) / camera.fps
    place = np.minimum(frames * WALK_FPS, len(window) - 1.001)
    left = place.astype(int)
    share = (place - left)[:, None, None]
    seen = (1 - share) * seen[left] + share * seen[left + 1]
    pixels = project_points(seen, seen[:, _HIPS].mean(axis=1), camera)
    pixels, confidence, span = detect(pixels, camera.fps, rng, config)
    if span is None:
        return None
    edges = (first_row / WALK_FPS + frame / camera.fps for frame in (span.start, span.stop))
    truth = measure_window(walk.events, *edges)
    if truth is None:
        return None
    stated_fps = camera.fps * float(np.exp(config.clock_error * rng.standard_normal()))
    features = compute_features_from_arrays(
        pixels[span], confidence[span], stated_fps, _draw_side_information(walk, camera, rng, config)
    )
    if features.problem:
        return None
    own = activation[::-1] if features.mirrored else activation
    moving = treadmill or camera.motion == "panning"
    return Clip(features, truth, own, height_m, index, camera.view, moving)


def _draw_side_information(walk: VariedWalk, camera: Camera, rng, config: SamplerConfig) -> SideInformation:
    """What is said about a clip beside its keypoints: sometimes much, sometimes nothing."""
    stated = walk.height_m + config.height_error_m * rng.standard_normal()
    known = rng.uniform(size=5) < (
        1 - config.image_unknown_share, 1 - config.height_unknown_share, config.focal_known_share,
        config.age_known_share, config.view_known_share,
    )  # fmt: skip
    facts = ((camera.image_width_px, camera.image_height_px), stated, camera.focal_length_px, walk.age_years,
             camera.azimuth_deg)  # fmt: skip
    return SideInformation(*(fact if here else None for fact, here in zip(facts, known, strict=True)))


def detect(pixels: np.ndarray, fps: float, rng, config: SamplerConfig):
    """Layout, detector error, earlier smoothing; the span of frames in which the person is in the image."""
    layout = str(rng.choice(_TRAINED_LAYOUTS))
    to_common = get_read_matrix(layout) @ get_build_matrix(layout)
    pixels = combine_points(to_common, pixels)
    if rng.uniform() < 0.1:
        pixels[:, _UPPER] = np.nan
    if rng.uniform() < 0.1:
        pixels[:, _FEET] = np.nan
    if rng.uniform() < 0.2:
        pixels[:, rng.choice(_UPPER, 3)] = np.nan
    visible = np.flatnonzero(np.isfinite(pixels[:, _HIPS + [_AT["ankle_r"], _AT["ankle_l"]], 0]).all(axis=1))
    if len(visible) == 0 or (visible[-1] - visible[0] + 1) / fps < MIN_DURATION_S:
        return pixels, np.zeros(pixels.shape[:2]), None
    span = slice(int(visible[0]), int(visible[-1]) + 1)
    level = 0.0 if rng.uniform() < config.noise_free_share else float(np.exp(rng.normal(-0.3, 0.7)))
    pixels, confidence = add_errors(pixels, list(KEYPOINTS_3D), fps, rng, config.errors.scale(level))
    if rng.uniform() < 0.5:
        pixels = gaussian_filter1d(pixels, rng.uniform(0.0, 0.03) * fps + 1e-3, axis=0, mode="nearest")
    if rng.uniform() < 0.3:
        confidence = (confidence > 0).astype(float)
    return pixels, confidence, span


_SENSED_FPS = 100.0
_SENSOR_FPS = (50.0, 64.0, 100.0, 100.0, 100.0, 128.0)


@dataclass(frozen=True)
class InertialSamplerConfig:
    """What training clips of inertial sensors look like."""

    # how walks vary, how long clips are, what is known about the person
    walks: SamplerConfig = field(
        default_factory=lambda: SamplerConfig(duration_s=(2.1, 12.0), variation=STEADY_VARIATION)
    )
    several_share: float = 0.25  # share of clips with two to four sensors (0-1)
    # share of single sensors that are worn at the lower back, the usual place; others are equally likely
    lower_back_share: float = 0.5
    # typical errors; scaled log-normally per clip
    errors: InertialErrors = field(default_factory=InertialErrors)
    accelerometer_share: float = 0.15  # share of clips without a gyroscope (0-1)
    turning_share: float = 0.3  # share of walks along a curve (0-1)
    # standard deviation of the rate of turning there (rad/s): a quarter turn takes 2 to 4 s; assumed
    turning_rad_s: float = 0.4


def sample_inertial_clips(
    pool: GaitPool, n_clips: int, rng: np.random.Generator, config: InertialSamplerConfig | None = None
) -> list[Clip]:
    """Sample clips of inertial sensors with their truth."""
    config = config or InertialSamplerConfig()
    return _sample(
        pool, n_clips, rng, config.walks, _SENSED_FPS, lambda *walk: _wear_sensors(*walk, rng, config)
    )


def _wear_sensors(
    walk: VariedWalk, activation, index: int, rng, config: InertialSamplerConfig
) -> Clip | None:
    low, high = config.walks.duration_s
    duration = low + (high - low) * rng.beta(1.0, 1.3)
    start = rng.uniform(EDGE_S, walk.time_s[-1] - EDGE_S - duration)
    truth = measure_window(walk.events, start, start + duration)
    if truth is None:
        return None
    sites = _draw_sites(rng, config)
    fps = float(rng.choice(_SENSOR_FPS))
    errors = config.errors.scale(float(np.exp(rng.normal(-0.2, 0.5))))
    names = [SITES[site] for site in sites]
    edges = start - EDGE_S, start + duration + EDGE_S
    rows = slice(*(int(edge * _SENSED_FPS) for edge in edges))
    points, pitch = walk.points[rows], walk.pitch_rad[rows]
    turning = draw_turning(len(points), rng, config)
    signals = measure_motion(points, pitch, _SENSED_FPS, walk.height_m, names, fps, rng, errors, turning)
    signals = cut_edges(signals, fps)
    if rng.uniform() < config.accelerometer_share:
        signals[..., 3:] = np.nan
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


def draw_turning(n_time: int, rng: np.random.Generator, config: InertialSamplerConfig) -> np.ndarray | None:
    """Rate of turning to the left (rad/s) that wanders within a few seconds; none on a straight path."""
    if rng.uniform() >= config.turning_share:
        return None
    width, steady = rng.uniform(0.4, 1.5) * _SENSED_FPS, rng.standard_normal()
    edge = int(4 * width)
    wander = gaussian_filter1d(rng.standard_normal(n_time + 2 * edge), width, truncate=4.0)[edge:-edge]
    # The spread of smoothed noise is known; that of a short stretch of it may be next to nothing.
    return config.turning_rad_s * (0.6 * steady + 0.8 * wander * np.sqrt(2 * np.sqrt(np.pi) * width))
