"""A clip in the person's own measure: smoothed, resampled, divided by the apparent leg length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
LEGS = np.array([[INDEX[f"{name}_{side}"] for name in ("hip", "knee", "ankle")] for side in ("r", "l")])


@dataclass(frozen=True)
class NormalisedClip:
    """A clip in the person's own measure: leg lengths, walking to the right.

    Parameters
    ----------
    relative : array, shape (n_time, 19, 2)
        Points of a Walk from the middle of the hips (leg lengths, v down), 0 where unknown.
    valid : array of bool, shape (n_time, 19)
        Whether a point is known.
    travel : array, shape (n_time, 2)
        Middle of the hips from the image centre (leg lengths at the person's depth).
    inverse_scale : array, shape (n_time,)
        Leg lengths per pixel (1/px).
    inverse_rate : float
        Its slope (1/(px s)).
    duration_s : float
        Length of the stretch that is used (s).
    valid_share : float
        Share of its frames in which the least often known hip, knee or ankle is known.
    roughness_px : float
        What smoothing took off (px, median).
    mirrored : bool
        Whether the image was mirrored and the sides exchanged.
    """

    relative: np.ndarray
    valid: np.ndarray
    travel: np.ndarray
    inverse_scale: np.ndarray
    inverse_rate: float
    duration_s: float
    valid_share: float
    roughness_px: float
    mirrored: bool


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
    inverse, rate = _fit_inverse_scale(points, valid)
    if not np.isfinite(inverse).all() or np.median(1 / inverse) < MIN_LEG_PX:
        return "person too small or of no consistent size in the image"
    centre = np.array(image_size_px) / 2 if image_size_px else middle.mean(axis=0)
    travel = (middle - centre) * inverse[:, None]
    relative = (points - middle[:, None]) * inverse[:, None, None]
    mirrored = _find_direction(travel, relative, valid) < 0
    if mirrored:
        relative, valid = relative[:, _PARTNER] * [-1.0, 1.0], valid[:, _PARTNER]
        travel = travel * [-1.0, 1.0]
    relative = np.clip(np.where(valid[..., None], relative, 0.0), -4.0, 4.0)
    return NormalisedClip(relative, valid, travel, inverse, rate, duration, share, roughness, mirrored)


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
    from scipy.ndimage import gaussian_filter1d

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


def _fit_inverse_scale(points: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, float]:
    """Robust line through 1 / apparent leg length: values (1/px) and slope (1/(px s))."""
    legs = points[:, LEGS]
    lengths = np.linalg.norm(np.diff(legs, axis=2), axis=-1).sum(axis=-1)
    lengths = np.where(valid[:, LEGS].all(axis=-1), lengths, 0.0).max(axis=1)
    time = np.arange(len(points)) / COMMON_FPS
    rows = lengths > 0.2 * np.median(lengths)
    if rows.sum() < 10 or np.median(lengths) <= 0:
        return np.full(len(points), np.nan), np.nan
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
