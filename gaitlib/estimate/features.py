"""Image keypoints of any layout, frame rate and size -> one common sequence for the network.

1. Points are brought to the 19 points of a Walk by name, smoothed (Gaussian, 25 ms, weighted with
   confidence) and resampled to 50 Hz.
2. The apparent leg length (thigh + shank of the longer-looking leg) measures the size in the image. Its
   inverse is proportional to depth, hence linear in time for a straight walk at constant speed; a robust line
   through it gives the scale of every frame.
3. Points are taken relative to the middle of the hips and divided by the scale; the middle itself, from the
   image centre, divided by the scale, is the lateral travel in leg lengths.
4. The image is mirrored, and the sides exchanged, where the person walks to the left.
5. A side vector holds the body height and measures that a classical method would use, such as the step time
   by its rhythm.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from scipy.ndimage import gaussian_filter1d

from gaitlib.errors import InputError
from gaitlib.estimate.geometry import fit_pinhole
from gaitlib.sense.layouts import WALK_LAYOUT, convert_layout
from gaitlib.sense.noise import find_partner
from gaitlib.walk import KEYPOINTS_3D

COMMON_FPS = 50.0
"""Frame rate of the common sequence (Hz)."""
SMOOTHING_S = 0.025
"""Standard deviation of the smoothing (s); about 5 Hz cut-off."""
MIN_DURATION_S = 2.0
MIN_VALID_SHARE = 0.6
MIN_LEG_POINTS = 4
MIN_CONFIDENCE = 0.2
MIN_LEG_PX = 12.0
INDEX = {name: n for n, name in enumerate(KEYPOINTS_3D)}
_PARTNER = find_partner(list(KEYPOINTS_3D))
_LEVELS = np.array(
    [[INDEX[f"{name}_{side}"] for side in ("r", "l")] for name in ("shoulder", "hip", "knee", "ankle")]
)
_FEET = [[INDEX[f"{name}_{side}"] for name in ("heel", "toe")] for side in "rl"]
_PAIRS = [[INDEX[f"{name}_{side}"] for name in ("ankle", "knee", "elbow", "wrist")] for side in "rl"]
LEGS = np.array([[INDEX[f"{name}_{side}"] for name in ("hip", "knee", "ankle")] for side in ("r", "l")])


@dataclass(frozen=True)
class NormalisedClip:
    """A clip in the person's own measure: leg lengths, walking to the right."""

    # (n_time, 19, 2): Points of a Walk from the middle of the hips (leg lengths, v down), 0 where unknown
    relative: np.ndarray
    valid: np.ndarray  # (n_time, 19): Whether a point is known
    # (n_time, 2): Middle of the hips from the image centre (leg lengths at the person's depth)
    travel: np.ndarray
    inverse_scale: np.ndarray  # (n_time,): Leg lengths per pixel (1/px)
    inverse_rate: float  # its slope (1/(px s))
    duration_s: float  # length of the stretch that is used (s)
    valid_share: float  # share of its frames in which the least often known hip, knee or ankle is known
    roughness_px: float  # what smoothing took off (px, median)
    mirrored: bool  # whether the image was mirrored and the sides exchanged
    # (n_time, 4, 2) and (n_time, 4): Middles of shoulders, hips, knees, ankles as seen (px); whether known
    levels: np.ndarray
    levels_known: np.ndarray
    leg_px: np.ndarray  # (n_time,): Apparent length of the longer-looking leg, 0 where unknown (px)


def normalise_clip(
    pixels: np.ndarray, confidence: np.ndarray, fps: float, image_size_px: tuple[float, float] | None = None
) -> NormalisedClip | str:
    """Bring a clip to the person's own measure (steps 1 to 4 of the module)."""
    known = np.isfinite(pixels).all(axis=-1) & (confidence >= MIN_CONFIDENCE)
    legs = known[:, LEGS.ravel()]
    span = _find_span(legs.sum(axis=1) >= MIN_LEG_POINTS, int(round(0.3 * fps)))
    duration = (span.stop - span.start) / fps
    if duration < MIN_DURATION_S - 0.5 / fps:
        return f"too short: {duration:.2f} s with the legs in view, at least {MIN_DURATION_S:g} s needed"
    pixels, known, confidence = pixels[span], known[span], confidence[span]
    share = float(legs[span].mean(axis=0).min())
    if share < MIN_VALID_SHARE:
        return f"too few valid keypoints: one hip, knee or ankle is known in only {share:.0%} of frames"
    points, valid, roughness = _resample(pixels, known, confidence, fps)
    middle = points[:, LEGS[:, 0]].mean(axis=1)
    leg_px = _measure_leg(points, valid)
    inverse, rate = _fit_inverse_scale(leg_px)
    if not np.isfinite(inverse).all() or np.median(1 / inverse) < MIN_LEG_PX:
        return "person too small or of no consistent size in the image"
    centre = np.array(image_size_px) / 2 if image_size_px else middle.mean(axis=0)
    levels, levels_known = points[:, _LEVELS].mean(axis=2), valid[:, _LEVELS].all(axis=2)
    travel = (middle - centre) * inverse[:, None]
    relative = (points - middle[:, None]) * inverse[:, None, None]
    mirrored = _find_direction(travel, relative, valid) < 0
    if mirrored:
        relative, valid = relative[:, _PARTNER] * [-1.0, 1.0], valid[:, _PARTNER]
        travel = travel * [-1.0, 1.0]
    relative = np.clip(np.where(valid[..., None], relative, 0.0), -4.0, 4.0)
    about = duration, share, roughness, mirrored
    return NormalisedClip(relative, valid, travel, inverse, rate, *about, levels, levels_known, leg_px)


def _find_span(complete: np.ndarray, patience: int) -> slice:
    """Longest stretch of frames without a gap of more than `patience` frames."""
    rows = np.flatnonzero(complete)
    if len(rows) == 0:
        return slice(0, 0)
    breaks = np.flatnonzero(np.diff(rows) > max(patience, 1))
    firsts, lasts = np.r_[rows[0], rows[breaks + 1]], np.r_[rows[breaks], rows[-1]]
    best = int(np.argmax(lasts - firsts))
    return slice(int(firsts[best]), int(lasts[best]) + 1)


def _resample(pixels, known, confidence, fps):
    """Smooth with confidence weights, fill gaps, resample; also the roughness taken off (px)."""
    n_time = len(pixels)
    time_in = np.arange(n_time) / fps
    flat = np.where(known[..., None], pixels, 0.0).reshape(n_time, -1)
    weight = np.repeat(np.where(known, confidence, 0.0), 2, axis=1)
    basis = np.stack([np.ones(n_time), time_in - time_in.mean()])
    trend = fit_lines(flat, weight, basis) @ basis
    residual = np.where(weight > 0, flat - trend.T, 0.0)
    sigma = SMOOTHING_S * fps
    mass = gaussian_filter1d(weight, sigma, axis=0, mode="constant")
    mean = gaussian_filter1d(weight * residual, sigma, axis=0, mode="constant")
    full = gaussian_filter1d(np.ones(n_time), sigma, mode="constant")[:, None]
    good = mass > 0.15 * full
    smooth = np.where(good, mean / np.maximum(mass, 1e-9), 0.0)
    legs = np.repeat(np.isin(np.arange(known.shape[1]), LEGS), 2)
    rough = np.median(np.abs(residual - smooth)[:, legs][weight[:, legs] > 0])
    for column in np.flatnonzero(~good.all(axis=0) & good.any(axis=0)):
        rows = good[:, column]
        smooth[~rows, column] = np.interp(time_in[~rows], time_in[rows], smooth[rows, column])
    time_out = np.arange(int(time_in[-1] * COMMON_FPS + 1e-6) + 1) / COMMON_FPS
    values = _interpolate(smooth + trend.T, time_out * fps).reshape(len(time_out), -1, 2)
    nearest = np.clip(np.round(time_out * fps).astype(int), 0, n_time - 1)
    return values, good[nearest][:, ::2], float(rough)


def _interpolate(values: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Catmull-Rom interpolation of rows at fractional places."""
    last = len(values) - 1
    left = np.minimum(place.astype(int), last - 1)
    u = (place - left)[:, None]
    before, after = np.maximum(left - 1, 0), np.minimum(left + 2, last)
    weights = (
        -0.5 * u + u**2 - 0.5 * u**3,
        1.0 - 2.5 * u**2 + 1.5 * u**3,
        0.5 * u + 2.0 * u**2 - 1.5 * u**3,
        -0.5 * u**2 + 0.5 * u**3,
    )
    rows = (before, left, left + 1, after)
    return sum(weight * values[row] for weight, row in zip(weights, rows, strict=True))


def fit_lines(flat: np.ndarray, weight: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Fit a weighted straight line to each column; shape (n_column, 2)."""
    s0, s1, s2 = (weight.T @ basis[1] ** k for k in range(3))
    y0, y1 = (weight * flat).T @ basis[0], (weight * flat).T @ basis[1]
    determinant = s0 * s2 - s1**2
    fine = determinant > 1e-9 * np.maximum(s0, 1e-9) ** 2
    safe = np.where(fine, determinant, 1.0)
    slope = np.where(fine, (s0 * y1 - s1 * y0) / safe, 0.0)
    level = np.where(fine, (s2 * y0 - s1 * y1) / safe, y0 / np.maximum(s0, 1e-9))
    return np.column_stack([level, slope])


def _measure_leg(points: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Apparent thigh + shank of the longer-looking leg (px), 0 where unknown."""
    lengths = np.linalg.norm(np.diff(points[:, LEGS], axis=2), axis=-1).sum(axis=-1)
    return np.where(valid[:, LEGS].all(axis=-1), lengths, 0.0).max(axis=1)


def _fit_inverse_scale(lengths: np.ndarray) -> tuple[np.ndarray, float]:
    """Robust line through 1 / apparent leg length: values (1/px) and slope (1/(px s))."""
    time = np.arange(len(lengths)) / COMMON_FPS
    rows = lengths > 0.2 * np.median(lengths)
    if rows.sum() < 10 or np.median(lengths) <= 0:
        return np.full(len(lengths), np.nan), np.nan
    inverse = 1.0 / np.where(rows, lengths, 1.0)
    weight = rows.astype(float)
    x = time - time.mean()
    tolerance = 0.04 * np.median(inverse[rows])
    for _ in range(5):
        total = weight.sum()
        middle_x, middle_y = weight @ x / total, weight @ inverse / total
        slope = (weight * (x - middle_x)) @ (inverse - middle_y) / max(weight @ (x - middle_x) ** 2, 1e-12)
        level = middle_y - slope * middle_x
        weight = rows / (1.0 + ((inverse - level - slope * x) / tolerance) ** 2)
    line = level + slope * x
    return np.maximum(line, 0.2 * abs(level)), float(slope)


def _find_direction(travel: np.ndarray, relative: np.ndarray, valid: np.ndarray) -> float:
    """+1 where the person walks to the right in the image, -1 to the left."""
    slope = (travel[-5:, 0].mean() - travel[:5, 0].mean()) / (len(travel) / COMMON_FPS)
    if abs(slope) > 0.25:
        return float(np.sign(slope))
    hints = []
    for leg in LEGS:
        bend = relative[:, leg[1], 0] - 0.5 * (relative[:, leg[0], 0] + relative[:, leg[2], 0])
        hints.append(np.mean(bend))
    for side in ("r", "l"):
        foot = [INDEX[f"heel_{side}"], INDEX[f"toe_{side}"]]
        if valid[:, foot].all(axis=1).mean() > 0.3:
            hints.append(
                np.mean((relative[:, foot[1], 0] - relative[:, foot[0], 0])[valid[:, foot].all(axis=1)])
            )
    return 1.0 if np.sum(hints) >= 0 else -1.0


def build_basis(n_time: int) -> np.ndarray:
    """Build the basis of straight lines over a common sequence; shape (2, n_time), s."""
    time = np.arange(n_time) / COMMON_FPS
    return np.stack([np.ones(n_time), time - time.mean()])


STEP_TIME_RANGE_S = (0.24, 1.1)
_NEARLY, _BOUNCE_WEIGHT = 0.6, 0.2


def find_step_time(
    difference: np.ndarray, bounce: np.ndarray | None = None, fps: float = COMMON_FPS
) -> tuple[float, float]:
    """Find the step time from the difference between the sides.

    Over one step the difference between right and left changes sign, over two it repeats; what moves up and
    down with every step repeats over one. The shortest lag whose autocorrelation shows nearly the strongest
    such pattern is the step time.
    """
    centred = difference - difference.mean(axis=0)
    spread = centred.std(axis=0)
    if spread.max() <= 1e-9:
        return 0.55, 0.0
    correlation = correlate_with_itself(centred / np.sqrt(np.maximum(spread, 0.02 * spread.max())))
    first, last = (int(np.ceil(limit * fps)) for limit in STEP_TIME_RANGE_S)
    lags = np.arange(first, min(last, len(centred) // 2 - 1))
    if len(lags) < 3:
        return 0.55, 0.0
    score = correlation[2 * lags] - correlation[lags]
    rhythm = score.copy()
    if bounce is not None and bounce.std() > 0:
        score = score + _BOUNCE_WEIGHT * correlate_with_itself((bounce - bounce.mean())[:, None])[lags]
    inner = score[1:-1]
    peak = (inner >= score[:-2]) & (inner >= score[2:]) & (inner > _NEARLY * score.max())
    best = int(np.argmax(peak)) + 1 if peak.any() else int(np.argmax(score))
    shift = 0.0
    if 0 < best < len(lags) - 1:
        before, at, after = score[best - 1 : best + 2]
        bend = before - 2 * at + after
        shift = 0.5 * (before - after) / bend if abs(bend) > 1e-9 else 0.0
    return float((lags[best] + np.clip(shift, -0.5, 0.5)) / fps), float(0.5 * rhythm[best])


_STRIDE_RANGE_S, _USUAL_STEP_S, _USUAL_SPREAD, _SPEED_SPREAD = (0.48, 3.2), 0.55, 0.3, 0.5
"""Stride times of walking; step time at 1.3 legs per second (step length over cadence hardly varies: Sekiya &
Nagasaki 1998, doi 10.1016/S0966-6362(98)00016-4); spread of the logarithms of step time and of speed."""
_OF_SPECTRUM, _OF_LIKENESS, _OVERTONE, _MEMORY_S, _JITTER = 0.35, 0.3, 0.6, 0.1, 0.035
"""Weight of both kinds of evidence per second (errors are correlated), of overtones; memory of a detector and
share of its error that has none. Chosen on simulated clips from all sides."""


def find_rhythm(pairs: np.ndarray, rise: np.ndarray, log_usual: float) -> tuple[float, float]:
    """Find the step time (s) and the spread of its logarithm, from tracks of which some hardly show steps.

    Differences between the sides `pairs` (n_time, n_track) have the rhythm of the stride, the `rise` of the
    body (n_time,) that of the step. Each possible step time is weighed by the share of each track that has
    its frequency and overtone, by how alike each track is a step and a stride later, and by the step time
    usual at this speed. The logarithm of what is left unexplained lets clear tracks count, noisy ones hardly.
    """
    n_time = len(pairs)
    duration, n_padded = n_time / COMMON_FPS, 1 << int(np.ceil(np.log2(16 * n_time)))
    every = np.fft.rfftfreq(n_padded, 1 / COMMON_FPS)
    rows = np.arange(*np.searchsorted(every, 1 / np.array(_STRIDE_RANGE_S[::-1])))
    step = 0.5 / every[rows]
    lags = np.arange(int(min(step[0] * COMMON_FPS, n_time // 2 - 1)))
    first = int(np.ceil(step[-1] * COMMON_FPS))
    weigh = 1 / (1 / (1 + (2 * np.pi * _MEMORY_S * every) ** 2) + _JITTER)
    evidence = -0.5 * ((np.log(step) - log_usual) / _USUAL_SPREAD) ** 2
    line = build_basis(n_time)
    for tracks, part in ((pairs, 1), (rise[:, None], 2)):
        tracks = tracks - tracks.mean(axis=0)
        straight = tracks - np.outer(line[1], line[1] @ tracks / (line[1] @ line[1]))
        power = np.abs(np.fft.rfft(straight, n_padded, axis=0)) ** 2 * (weigh[:, None] if part == 1 else 1.0)
        share = power[part * rows] + _OVERTONE * power[(part + 2) * rows]
        share = share / (power.sum(axis=0) * n_time / n_padded + 1e-12)
        alike = np.array([correlate_with_itself(track[:, None]) for track in tracks.T]).T
        alike = 0.5 * (alike[2 * lags] - alike[lags]) if part == 1 else alike[lags]
        alike = -np.log(1 - np.clip(alike, 0.0, 0.97) ** 2).sum(axis=1)[first:]
        found = -_OF_SPECTRUM * np.log(1 - np.minimum(share, 0.97)).sum(axis=1)
        found += _OF_LIKENESS * np.interp(step, lags[first:] / COMMON_FPS, alike)
        evidence = evidence + duration * found
    chance = np.exp(evidence - evidence.max())
    best = step[np.argmax(chance)]
    return float(best), float(np.sqrt(chance @ np.log(step / best) ** 2 / chance.sum()))


def correlate_with_itself(centred: np.ndarray) -> np.ndarray:
    """Correlate a sequence with itself at every lag, summed over channels; shape (n_time,)."""
    n = len(centred)
    spectrum = np.fft.rfft(centred, 2 * n, axis=0)
    raw = np.fft.irfft((np.abs(spectrum) ** 2).sum(axis=1), 2 * n)[:n]
    energy = np.concatenate([[0.0], np.cumsum((centred**2).sum(axis=1))])
    lags = np.arange(n)
    both = np.sqrt(energy[n - lags] * (energy[n] - energy[lags]))
    return raw / np.maximum(both, 1e-9 * raw[0] + 1e-30)


PINHOLE_FEATURES = ("log_pinhole_speed", "pinhole_sd", "along", "log_focal", "focal_sd", "tilt",
                    "camera_height", "trunk_rise", "hip_rise", "misfit", "log_distance")  # fmt: skip
"""Measures that come from `gaitlib.estimate.geometry`."""
SIDE_FEATURES = (
    "height_known",
    "log_height",
    "image_known",
    "focal_known",
    "age_known",
    "age",
    "view_known",
    "view_across",
    "view_along",
    "lateral_speed",
    "depth_speed",
    "total_speed",
    "log_best_speed",
    "scale_rate",
    "log_step_time",
    "rhythm",
    "log_rhythm_sd",
    "ankle_spread_u",
    "ankle_spread_v",
    "knee_spread_u",
    "bounce",
    "trunk_share",
    "hip_width",
    "shoulder_width",
    "shank_share",
    "duration",
    "valid_share",
    "log_roughness",
    "stance_speed",
    *PINHOLE_FEATURES,
)
"""Measures of the whole clip, in the order of `ClipFeatures.side`."""
N_CHANNELS = 19 * 2 * 2 + 19 + 3
"""Channels per frame: positions, velocities, validity, travel and its rates."""


@dataclass(frozen=True)
class ClipFeatures:
    """A clip as the network reads it."""

    sequence: np.ndarray  # (N_CHANNELS, n_time): Channels at `COMMON_FPS`
    side: np.ndarray  # (len(SIDE_FEATURES),): Measures of the clip
    problem: str = ""  # why no estimate is possible; empty if all is well
    # whether right and left are exchanged, because the person was seen walking to the left
    mirrored: bool = False
    # (n_sensor,): Where the sequences come from: one row for a camera, one per inertial sensor
    sites: np.ndarray = field(default_factory=lambda: np.zeros(1, dtype=int))


@dataclass(frozen=True)
class SideInformation:
    """What is known beside the keypoints; None where it is not."""

    # width and height (px); the mean position of the person serves as centre if not given
    image_size_px: tuple[float, float] | None = None
    height_m: float | None = None  # body height (m)
    focal_length_px: float | None = None  # focal length (px)
    age_years: float | None = None  # age (years)
    # direction of view: 0 from the front, 90 from the person's right, 180 from behind (deg)
    azimuth_deg: float | None = None


def compute_features(keypoints: xr.Dataset, height_m: float | None = None) -> ClipFeatures:
    """Compute the common sequence of a clip."""
    pixels, confidence, fps, size = read_keypoints(keypoints)
    age, azimuth = (keypoints.attrs.get(name) for name in ("stated_age_years", "stated_azimuth_deg"))
    known = SideInformation(size, height_m, keypoints.attrs.get("focal_length_px"), age, azimuth)
    return compute_features_from_arrays(pixels, confidence, fps, known)


def read_keypoints(keypoints: xr.Dataset) -> tuple[np.ndarray, np.ndarray, float, tuple[float, float] | None]:
    """Read what `compute_features_from_arrays` and `normalise_clip` need."""
    common = convert_layout(keypoints, WALK_LAYOUT)
    size = [keypoints.attrs.get(name) for name in ("image_width_px", "image_height_px")]
    return (
        common["pixel_position"].values,
        common["confidence"].values,
        check_fps(keypoints.attrs.get("fps")),
        None if None in size else (float(size[0]), float(size[1])),
    )


def get_height(keypoints: xr.Dataset, height_m: float | None = None) -> float | None:
    """Get the body height to use; m."""
    height = keypoints.attrs.get("height_m") if height_m is None else height_m
    if height is None or not np.isfinite(float(height)):
        return None
    if not 0.6 <= float(height) <= 2.3:
        raise InputError(
            f"height_m: found {height}, expected a body height of 0.6 to 2.3 m. Give it in metres."
        )
    return float(height)


def check_fps(fps: float | None) -> float:
    """Check a frame rate."""
    if fps is None or not np.isfinite(fps) or not 15 <= float(fps) <= 1000:
        raise InputError(f"fps: found {fps}, expected frames per second between 15 and 1000.")
    return float(fps)


def compute_features_from_arrays(
    pixels: np.ndarray, confidence: np.ndarray, fps: float, known: SideInformation | None = None
) -> ClipFeatures:
    """Compute the common sequence (array form of `compute_features`)."""
    known = known or SideInformation()
    size, focal = known.image_size_px, known.focal_length_px
    clip = normalise_clip(pixels, confidence, fps, size)
    if isinstance(clip, str):
        return ClipFeatures(np.zeros((N_CHANNELS, 0)), np.zeros(len(SIDE_FEATURES)), clip)
    relative, travel, n_time = clip.relative, clip.travel, len(clip.relative)
    velocity = np.gradient(relative, 1 / COMMON_FPS, axis=0)
    speed = np.gradient(travel, 1 / COMMON_FPS, axis=0)
    typical = float(np.median(clip.inverse_scale))
    depth = clip.inverse_rate * (focal or (size[0] if size else 1.5 / typical))
    side = _measure_clip(relative, clip.valid, travel, velocity, clip.inverse_rate / typical, depth)
    side |= _describe_pinhole(clip, size, focal)
    side |= _describe_rhythm(relative, clip.valid, travel, side)
    side |= {"image_known": float(size is not None), "focal_known": float(focal is not None)}
    side |= describe_person(known.height_m, known.age_years) | _describe_view(known.azimuth_deg)
    side |= {"duration": clip.duration_s / 5.0, "valid_share": clip.valid_share}
    side["log_roughness"] = np.log(clip.roughness_px * typical + 1e-3)
    channels = [relative.reshape(n_time, -1), np.clip(velocity.reshape(n_time, -1) / 3.0, -4, 4)]
    rates = np.column_stack([speed, np.full(n_time, clip.inverse_rate / typical)])
    sequence = np.concatenate([*channels, clip.valid.astype(float), np.clip(rates, -6, 6)], axis=1).T
    vector = np.clip(np.array([side[name] for name in SIDE_FEATURES]), -8, 8)
    return ClipFeatures(sequence.astype(np.float32), vector.astype(np.float32), mirrored=clip.mirrored)


def describe_person(height_m: float | None, age_years: float | None) -> dict[str, float]:
    """Put what is known about a person into side features."""
    age = 0.0 if age_years is None else (min(float(age_years), 70.0) - 10.0) / 20.0
    return {
        "height_known": float(height_m is not None),
        "log_height": float(np.log((height_m or 1.6) / 1.6)),
        "age_known": float(age_years is not None),
        "age": age,
    }


def _describe_pinhole(clip: NormalisedClip, size, focal) -> dict[str, float]:
    """Camera and path by `gaitlib.estimate.geometry`, for a camera that stands still."""
    tracks = clip.levels, clip.levels_known, clip.inverse_scale, clip.leg_px
    fit = fit_pinhole(*tracks, COMMON_FPS, size, focal)
    return {
        "log_pinhole_speed": np.log(max(fit.speed, 0.1)),
        "pinhole_sd": 3 * fit.log_speed_sd,
        "along": fit.along,
        "log_focal": fit.log_focal,
        "focal_sd": 3 * fit.log_focal_sd,
        "tilt": 5 * fit.tilt_rad,
        "camera_height": fit.camera_height - 1.2,
        "trunk_rise": 5 * (fit.shoulder - 0.6),
        "hip_rise": 5 * (fit.hip - 0.95),
        "misfit": fit.misfit,
        "log_distance": np.log(fit.distance / 8.0),
    }


def _describe_view(azimuth_deg: float | None) -> dict[str, float]:
    """Seen from which side does not matter, as clips are mirrored to walk to the right."""
    turn = None if azimuth_deg is None else np.deg2rad(azimuth_deg)
    across, along = (0.0, 0.0) if turn is None else (abs(np.sin(turn)), np.cos(turn))
    return {"view_known": float(turn is not None), "view_across": across, "view_along": along}


def _measure_clip(relative, valid, travel, velocity, scale_rate, depth_speed) -> dict[str, float]:
    """Measures that a classical method would use, in leg lengths and seconds."""
    hip, knee, ankle = (relative[:, LEGS[:, k]] for k in range(3))
    basis = build_basis(len(travel))
    lines = fit_lines(travel, np.ones_like(travel), basis)
    lateral, bounce = lines[0, 1], (travel[:, 1] - lines[1] @ basis).std()
    apart = ankle[:, 0] - ankle[:, 1]
    shoulders = [INDEX["shoulder_r"], INDEX["shoulder_l"]]
    seen = valid[:, shoulders].all(axis=1)
    shoulder = relative[seen][:, shoulders] if seen.mean() > 0.3 else np.zeros((1, 2, 2))
    thigh, shank = (np.sqrt(((a - b) ** 2).sum(axis=-1)) for a, b in ((knee, hip), (ankle, knee)))
    total = np.hypot(lateral, depth_speed)
    lower = np.argmax(ankle[..., 1], axis=1)
    backward = velocity[np.arange(len(lower)), LEGS[lower, 2], 0]
    stance = -_get_quantile(backward, 0.5)
    return {
        "lateral_speed": lateral,
        "depth_speed": depth_speed,
        "total_speed": total,
        "log_best_speed": np.log(max(total, stance, 0.25)),
        "scale_rate": scale_rate,
        "ankle_spread_u": _get_quantile(np.abs(apart[:, 0]), 0.92),
        "ankle_spread_v": 3 * _get_quantile(np.abs(apart[:, 1]), 0.92),
        "knee_spread_u": _get_quantile(np.abs(knee[:, 0, 0] - knee[:, 1, 0]), 0.92),
        "bounce": 20 * bounce,
        "trunk_share": _get_quantile(-shoulder.mean(axis=1)[:, 1], 0.5),
        "hip_width": _get_quantile(np.abs(hip[:, 0, 0] - hip[:, 1, 0]), 0.5),
        "shoulder_width": _get_quantile(np.abs(shoulder[:, 0, 0] - shoulder[:, 1, 0]), 0.5),
        "shank_share": shank.mean() / max(thigh.mean(), 1e-3) - 1.0,
        "stance_speed": stance,
    }


def _describe_rhythm(relative, valid, travel, side: dict[str, float]) -> dict[str, float]:
    """Step time from feet, knees and, where seen, arms; a camera that moves tells the speed by the foot."""
    right, left = _PAIRS
    apart = relative[:, right] - relative[:, left]
    seen = (valid[:, right] & valid[:, left]).mean(axis=0) > 0.7
    seen[:2] = True
    feet = _average_feet(relative, valid, apart[:, 0])
    tracks = np.concatenate([feet[:, None], apart[:, 1:][:, seen[1:]]], axis=1).reshape(len(apart), -1)
    rise = np.gradient(travel[:, 1], 1 / COMMON_FPS)
    speed, foot = side["log_pinhole_speed"], np.log(max(abs(side["stance_speed"]), 0.1))
    moving = foot - speed > 0.5
    spread = 0.3 if moving else side["pinhole_sd"] / 3
    known = _SPEED_SPREAD**2 / (_SPEED_SPREAD**2 + spread**2)
    usual = np.log(_USUAL_STEP_S) - 0.5 * known * ((foot if moving else speed) - np.log(1.3))
    step_time, spread = find_rhythm(tracks, rise, usual)
    rhythm = find_step_time(tracks[:, :4], rise)[1]
    return {
        "log_step_time": np.log(step_time / 0.55),
        "rhythm": rhythm,
        "log_rhythm_sd": np.log(spread + 0.005) + 4.0,
    }


def _average_feet(relative: np.ndarray, valid: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """Difference of the feet: ankles and, where seen, heels and toes, whose errors average out."""
    right, left = _FEET
    seen = valid[:, right] & valid[:, left]
    seen = (seen & (seen.mean(axis=0) > 0.7))[..., None]
    return (apart + ((relative[:, right] - relative[:, left]) * seen).sum(axis=1)) / (1 + seen.sum(axis=1))


def _get_quantile(values: np.ndarray, share: float) -> float:
    """Quantile without interpolation: quick on short arrays."""
    rank = min(int(share * len(values)), len(values) - 1)
    return float(np.partition(values, rank)[rank])
