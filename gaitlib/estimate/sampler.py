"""Training clips on the fly: a gait walks, a random camera sees it, a random detector errs.

Everything that is unknown about a real recording is drawn at random: view, distance, height and focal
length of the camera, panning, treadmill, frame rate, length, start phase, layout, keypoint convention,
detector error, smoothing by earlier processing, error of the stated body height, missing side information.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from gaitlib.errors import InputError, WorkError
from gaitlib.estimate.features import ClipFeatures, compute_features_from_arrays
from gaitlib.estimate.normalise import MIN_DURATION_S
from gaitlib.sense.body_walk import GaitCurves, build_walk_points
from gaitlib.sense.camera import Camera, project_points
from gaitlib.sense.layouts import WALK_LAYOUT, combine_points, get_build_matrix, get_read_matrix
from gaitlib.sense.noise import DetectorErrors, add_errors, apply_definition_bias
from gaitlib.sense.variation import WalkVariation
from gaitlib.walk import KEYPOINTS_3D

OUTCOME_NAMES = ("speed_mps", "step_length_m", "step_time_s")
"""What the estimator estimates."""

WALK_FPS = 60.0
"""Samples per second of the walks that clips are taken from (Hz)."""

_LANDING_SHARE = (0.03, 0.10)
_AT = {name: n for n, name in enumerate(KEYPOINTS_3D)}
_HIPS = [_AT["hip_r"], _AT["hip_l"]]
_TRAINED_LAYOUTS = ("coco17", "body25", "mediapipe33", "h36m17", "pig", WALK_LAYOUT)
_UPPER = [
    n for name, n in _AT.items() if not any(part in name for part in ("hip", "knee", "ankle", "heel", "toe"))
]
_FEET = [n for name, n in _AT.items() if "heel" in name or "toe" in name]


@dataclass(frozen=True)
class SamplerConfig:
    """What training clips look like.

    Parameters
    ----------
    duration_s : (float, float)
        Shortest and longest clip (s).
    views : tuple of (str, float)
        Mixture of views: 'side', 'end' (front or back), 'any', each with its weight.
    clips_per_walk : int
        Clips with different cameras from each walk.
    panning_share, treadmill_share : float
        Share of clips with a panning camera, or with a person who walks on the spot (0-1).
    height_unknown_share, image_unknown_share, focal_known_share : float
        Share of clips without body height, without image size, with focal length (0-1).
    height_error_m : float
        Standard deviation of the stated body height (m).
    unchanged_share : float
        Share of walks whose joint curves stay as simulated (0-1).
    noise_free_share : float
        Share of clips without detector error, as projected motion capture (0-1).
    variation : WalkVariation
        Spread of walks beyond their gait.
    errors : DetectorErrors
        Typical detector error; scaled log-normally per clip.
    """

    duration_s: tuple[float, float] = (2.1, 7.0)
    views: tuple[tuple[str, float], ...] = (("side", 0.4), ("end", 0.25), ("any", 0.35))
    clips_per_walk: int = 4
    panning_share: float = 0.15
    treadmill_share: float = 0.07
    height_unknown_share: float = 0.12
    image_unknown_share: float = 0.15
    focal_known_share: float = 0.25
    height_error_m: float = 0.015
    unchanged_share: float = 0.25
    noise_free_share: float = 0.2
    variation: WalkVariation = field(default_factory=WalkVariation)
    errors: DetectorErrors = field(default_factory=DetectorErrors)


@dataclass(frozen=True)
class Clip:
    """One training clip.

    Parameters
    ----------
    features : ClipFeatures
        What the network reads.
    truth : array, shape (3,)
        `OUTCOME_NAMES` of the walk in view (m/s, m, s).
    height_m : float
        True body height (m).
    gait : int
        Which gait it came from.
    view : str
        Nearest named view.
    moving_camera : bool
        Whether the camera pans or the person walks on the spot.
    """

    features: ClipFeatures
    truth: np.ndarray
    height_m: float
    gait: int
    view: str
    moving_camera: bool


def sample_clips(
    gaits: GaitCurves, n_clips: int, rng: np.random.Generator, config: SamplerConfig | None = None
) -> list[Clip]:
    """Sample clips of synthetic walks with their truth.

    Parameters
    ----------
    gaits : GaitCurves
        Gaits to draw from, each equally likely.
    n_clips : int
        Number of clips.
    rng : numpy.random.Generator
        Source of randomness.
    config : SamplerConfig, optional
        What clips look like.

    Returns
    -------
    list of Clip
        Clips that can be estimated (long enough in view).

    Raises
    ------
    InputError
        If there are no gaits.
    WorkError
        If hardly any clip can be estimated.
    """
    config = config or SamplerConfig()
    if len(gaits.curves) == 0:
        raise InputError("sample_clips: the set holds no gaits; give at least one.")
    clips: list[Clip] = []
    for _ in range(20 * n_clips):
        index = int(rng.integers(len(gaits.curves)))
        walk = _build_walk(gaits.select(index), rng, config)
        if walk is None:
            continue
        for _ in range(config.clips_per_walk):
            clip = _shoot_clip(*walk, index, rng, config)
            if clip is not None and len(clips) < n_clips:
                clips.append(clip)
        if len(clips) >= n_clips:
            return clips
    raise WorkError(
        f"sample_clips: only {len(clips)} of {n_clips} clips could be used; check the gaits' speeds."
    )


def measure_truth(points: np.ndarray, fps: float) -> np.ndarray | None:
    """Measure the outcomes of a noise-free walk quickly, by the definitions of `gaitlib.outcomes`.

    Parameters
    ----------
    points : array, shape (n_time, 19, 3)
        Positions (m), walking along x.
    fps : float
        Samples per second.

    Returns
    -------
    array, shape (3,) or None
        Speed (m/s), step length (m), step time (s); None with fewer than three contacts.
    """
    from scipy.signal import find_peaks

    middle = points[:, _HIPS, 0].mean(axis=1)
    moments, sides = [], []
    for number, side in enumerate("rl"):
        ahead = points[:, _AT[f"heel_{side}"], 0] - middle
        span = np.ptp(ahead)
        peaks, _ = find_peaks(ahead, prominence=0.4 * span, distance=max(int(0.35 * fps), 1))
        for peak in peaks[(peaks > 0) & (peaks < len(ahead) - 1)]:
            before, at, after = ahead[peak - 1 : peak + 2]
            bend = before - 2 * at + after
            moments.append(peak + (0.5 * (before - after) / bend if abs(bend) > 1e-12 else 0.0))
            sides.append(number)
    order = np.argsort(moments)
    frames, sides = np.array(moments)[order], np.array(sides)[order]
    if len(frames) < 3 or np.any(np.diff(sides) == 0):
        return None
    axis = np.arange(len(points))
    paths = [points[:, _AT[f"heel_{side}"], 0] for side in "rl"]
    stride = 2 * (frames[-1] - frames[0]) / (len(frames) - 1)
    landed = frames[:, None] + stride * np.linspace(*_LANDING_SHARE, 6)
    landed = np.where(landed <= axis[-1], landed, frames[:, None])
    prints = np.array([np.interp(landed[n], axis, paths[side]).mean() for n, side in enumerate(sides)])
    place = np.interp(frames[[0, -1]], axis, middle)
    both = [sides[1:] == side for side in (0, 1)]
    step_length = np.mean([np.diff(prints)[rows].mean() for rows in both])
    step_time = np.mean([np.diff(frames)[rows].mean() for rows in both]) / fps
    return np.array([(place[1] - place[0]) / (frames[-1] - frames[0]) * fps, step_length, step_time])


def draw_camera(
    middle: np.ndarray, height_m: float, rng: np.random.Generator, config: SamplerConfig
) -> Camera:
    """Draw a camera that has the person in view for most of the clip.

    Parameters
    ----------
    middle : array, shape (n_time, 3)
        Middle of the hips (m).
    height_m : float
        Body height (m).
    rng : numpy.random.Generator
        Source of randomness.
    config : SamplerConfig
        Mixture of views and motions.

    Returns
    -------
    Camera
        Azimuth, distance, height, focal length, image size, frame rate, motion and lens at random.
    """
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
    focal = width * np.clip(0.9 * np.exp(0.28 * rng.standard_normal()), 0.5, 2.2)
    focal = focal * (1.5 if height > width else 1.0)
    path = np.ptp(middle[:, 0])
    panning = rng.uniform() < config.panning_share
    lateral, along = abs(np.sin(np.deg2rad(azimuth))) * path, abs(np.cos(np.deg2rad(azimuth))) * path
    fit_width = 0.5 * along + focal * (0.3 * lateral if panning else lateral + 0.6) / width
    fit_height = 0.5 * along + focal * height_m * 1.2 / height
    nearest = max(fit_width * rng.uniform(0.8, 1.0), fit_height, 0.5 * along + 1.2, 1.5)
    return Camera(
        azimuth_deg=azimuth % 360.0,
        distance_m=float(nearest * np.exp(rng.exponential(0.3))),
        height_m=float(np.clip(rng.normal(1.1, 0.4), 0.1, 2.8)),
        focal_length_px=float(focal),
        image_width_px=width,
        image_height_px=height,
        fps=float(rng.choice([24, 25, 30, 50, 60, 100, 120], p=[0.1, 0.15, 0.3, 0.12, 0.23, 0.06, 0.04])),
        motion="panning" if panning else "fixed",
        aim_height_m=float(height_m * rng.uniform(0.45, 0.6)),
        roll_deg=float(rng.normal(0.0, 1.0)),
        pan_lag_s=float(rng.uniform(0.0, 0.4)),
        distortion_k1=float(rng.normal(0.0, 0.03)),
    )


def _build_walk(gait: GaitCurves, rng, config: SamplerConfig):
    variation = config.variation.scale(rng.uniform(0.2, 1.3))
    if rng.uniform() < config.unchanged_share:
        variation = replace(variation, angle_offset_deg=0.0, angle_harmonic_deg=0.0, amplitude_spread=0.0)
    time_s, points = build_walk_points(gait, rng, config.duration_s[1] + 0.5, WALK_FPS, variation)
    forward = points[:, _HIPS, 0].mean(axis=1)
    if forward[-1] - forward[0] < 0.05 * time_s[-1] or not np.isfinite(points).all():
        return None
    return time_s, points, gait.persons[0].height_m


def _shoot_clip(time_s, points, height_m, index, rng, config: SamplerConfig) -> Clip | None:
    """One camera, one window, one detector."""
    low, high = config.duration_s
    duration = low + (high - low) * rng.beta(1.0, 1.3)
    start = rng.uniform(0.0, time_s[-1] - duration)
    rows = slice(int(start * WALK_FPS), int((start + duration) * WALK_FPS) + 1)
    window = points[rows]
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
    pixels, confidence, span = _detect(pixels, camera.fps, rng, config)
    if span is None:
        return None
    first, last = (int(frame / camera.fps * WALK_FPS) for frame in (span.start, span.stop))
    truth = measure_truth(window[first : last + 1], WALK_FPS)
    if truth is None:
        return None
    stated = height_m + config.height_error_m * rng.standard_normal()
    features = compute_features_from_arrays(
        pixels[span],
        confidence[span],
        camera.fps,
        None
        if rng.uniform() < config.image_unknown_share
        else (camera.image_width_px, camera.image_height_px),
        None if rng.uniform() < config.height_unknown_share else stated,
        camera.focal_length_px if rng.uniform() < config.focal_known_share else None,
    )
    if features.problem:
        return None
    return Clip(features, truth, height_m, index, camera.view, treadmill or camera.motion == "panning")


def _detect(pixels: np.ndarray, fps: float, rng, config: SamplerConfig):
    """Layout, detector error, earlier smoothing; the span of frames in which the person is in the image."""
    from scipy.ndimage import gaussian_filter1d

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
