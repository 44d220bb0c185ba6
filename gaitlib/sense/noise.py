"""What a pose detector gets wrong: the error model applied to ideal image keypoints.

Lengths are shares of the apparent body height, so that the model holds at any image size. Sizes are those of
MediaPipe on real video, measured by `studies/measure_detector.py` (three people, five views: few); a test
holds the two against each other. Assumed, because those recordings do not show it: the pull of the near leg
on the hidden one, points that are dropped one by one (MediaPipe drops whole poses only; others drop points),
cropped images, and where a detector puts the joints (`definition_bias_m`), which no comparison of views can
see.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import xarray as xr

from gaitlib.errors import InputError

MEASURED_FILE = Path(__file__).with_name("detector_errors.json")
LAGS_S = np.arange(0, 0.52, 0.05)
JOINTS = ("nose", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "heel", "foot_index")
"""Lags of the measured autocorrelation and joints whose spread was measured."""

RESTLESS = {
    "nose": 1.16,
    "shoulder": 0.78,
    "elbow": 0.98,
    "wrist": 0.84,
    "hip": 1.02,
    "knee": 1.05,
    "ankle": 0.97,
    "heel": 1.23,
    "foot_index": 1.17,
    "toe": 1.17,
}
"""Relative size of the error per joint (1 for all others); measured, the toe as MediaPipe's foot_index."""

_LEG = ("hip", "knee", "ankle", "heel", "toe", "foot_index")
_CROSSING_SHARE = 0.04
"""Legs nearer to each other than this share of body height hide one another; assumed."""


@dataclass(frozen=True)
class DetectorErrors:
    """Size of the detector's errors; zero everywhere is a perfect detector."""

    jitter_share: float = 0.0085  # standard deviation of independent error per frame (share of body height)
    # standard deviation of error that is correlated in time (share of body height)
    drift_share: float = 0.0164
    drift_time_s: float = 0.2512  # time after which its correlation has fallen to 1/e (s)
    # standard deviation over joints and views of a constant error (share of body height)
    bias_share: float = 0.0094
    # standard deviation of the relative error of the size of the whole body in the image (1)
    scale_share: float = 0.0155
    # standard deviation of the offset between the detector's point and the joint centre, fixed to the body (m
    # at 1.7 m height); applied before projection, see `apply_definition_bias`
    definition_bias_m: float = 0.02
    far_side_factor: float = 1.0218  # error of the side away from the camera, relative to the near side (1)
    # mean loss of confidence on the near side (0-1); it does not tell the size of the error
    doubt_share: float = 0.0278
    far_doubt_factor: float = 3.2342  # loss of confidence on the far side, relative to the near side (1)
    # greatest share by which a hidden joint is pulled to the one in front of it (0-1)
    hiding_share: float = 0.3
    dropout_share: float = 0.03  # share of keypoint samples that are missing (0-1)
    dropout_time_s: float = 0.15  # mean length of a gap (s)
    lost_share: float = 0.0396  # share of frames in which nobody is found (0-1)
    lost_time_s: float = 0.3  # mean length of such a stretch (s); assumed
    swap_rate_hz: float = 0.4062  # left-right exchanges of the legs per second (1/s)
    swap_time_s: float = 0.0881  # mean length of an exchange (s)
    cropped_share: float = 0.1  # probability that the image is cut off, above or at one side (0-1)

    def __post_init__(self) -> None:
        negative = [f.name for f in fields(self) if not getattr(self, f.name) >= 0]
        if negative:
            raise InputError(f"DetectorErrors: {', '.join(negative)} must not be negative.")

    def scale(self, factor: float) -> DetectorErrors:
        """Scale the size and frequency of all errors; times and factors are kept."""
        kept = ("_time_s", "_factor")
        names = [f.name for f in fields(self) if not f.name.endswith(kept)]
        scaled = {name: getattr(self, name) * factor for name in names}
        return replace(self, **{name: min(value, 0.9) for name, value in scaled.items()})


def load_measured() -> dict:
    """Load the errors of MediaPipe as measured on real video."""
    return json.loads(MEASURED_FILE.read_text(encoding="utf-8"))


def compute_autocorrelation(error: np.ndarray, n_lags: int) -> np.ndarray:
    """Autocorrelation of errors about zero, pooled over views, points and axes; shape (n_lags,)."""
    n_time = error.shape[1]
    power = np.nanmean(error**2)
    pairs = [error[:, : n_time - lag] * error[:, lag:] for lag in range(n_lags)]
    return np.array([np.nanmean(pair) for pair in pairs]) / power


def apply_detector_noise(
    keypoints: xr.Dataset, rng: np.random.Generator, errors: DetectorErrors | None = None
) -> xr.Dataset:
    """Add detector errors to image keypoints."""
    names = [str(name) for name in keypoints["keypoint"].values]
    fps = float(keypoints.attrs["fps"])
    far = find_far_side(float(keypoints.attrs.get("camera_azimuth_deg", 0.0)))
    pixels, confidence = add_errors(
        keypoints["pixel_position"].values, names, fps, rng, errors or DetectorErrors(), far
    )
    noisy = keypoints.copy()
    noisy["pixel_position"] = (keypoints["pixel_position"].dims, pixels, {"units": "px"})
    noisy["confidence"] = (keypoints["confidence"].dims, confidence, {"units": "1"})
    return noisy


def add_errors(
    pixels: np.ndarray,
    names: list[str],
    fps: float,
    rng: np.random.Generator,
    errors: DetectorErrors,
    far: str = "",
) -> tuple[np.ndarray, np.ndarray]:
    """Add detector errors (array form of `apply_detector_noise`)."""
    n_time, n_points = pixels.shape[:2]
    size = _measure_height(pixels)
    weight = np.array([max((w for key, w in RESTLESS.items() if key in name), default=1.0) for name in names])
    sides = np.array([get_side(name) for name in names])
    draw = rng.uniform()
    far = far or ("l" if draw < 0.5 else "r")
    weight = np.where(sides == far, weight * errors.far_side_factor, weight)
    drift = _draw_drift(n_time, n_points, fps * errors.drift_time_s, rng)
    error = errors.drift_share * drift + errors.jitter_share * rng.standard_normal(drift.shape)
    error = error + errors.bias_share * rng.standard_normal((1, n_points, 2))
    drawn = _rescale(pixels, 1.0 + errors.scale_share * rng.standard_normal())
    drawn = _hide_legs(drawn, names, size, far, errors.hiding_share * rng.uniform())
    noisy = drawn + error * weight[:, None] * size
    noisy = _swap_legs(noisy, names, fps, rng, errors)
    gone = _draw_bursts(n_time, n_points, errors.dropout_share, fps * errors.dropout_time_s, rng)
    gone |= _draw_bursts(n_time, 1, errors.lost_share, fps * errors.lost_time_s, rng)
    gone |= _crop(noisy, rng, errors.cropped_share)
    noisy[gone] = np.nan
    loss = errors.doubt_share * np.where(sides == far, errors.far_doubt_factor, 1.0)
    doubt = 0.5 * loss * (_draw_drift(n_time, n_points, 2 * fps * errors.drift_time_s, rng) ** 2).sum(axis=-1)
    certainty = np.clip(1.0 - doubt, 0.05, 1.0)
    return noisy, np.where(np.isfinite(noisy).all(axis=-1), certainty, 0.0)


def apply_definition_bias(
    points: np.ndarray, names: tuple[str, ...], height_m: float, rng: np.random.Generator, bias_m: float
) -> np.ndarray:
    """Move body points to where another convention would put them; shape (n_time, n_keypoint, 3).

    Detectors mark hips, knees and feet at surface features, marker sets and skeleton files at centres of
    their own. The offset is fixed to the body, equal on both sides but for a fifth of it, twice as large at
    the hips, and four times at the shoulders: acromion, arm joint, or root of the collar bone. All that is
    above the hips is twice as far up or down together, as trunks differ in length and lean.
    """
    trunk = 2.0 * rng.standard_normal()
    shared: dict[str, np.ndarray] = {}
    offset = np.zeros((len(names), 3))
    for row, name in enumerate(names):
        side = get_side(name)
        joint = name[:-2] if side else name
        factor = {"hip": 2.0, "shoulder": 4.0}.get(joint, 1.0)
        if joint not in shared:
            shared[joint] = factor * rng.standard_normal(3)
            shared[joint][1] += trunk * (joint not in _LEG)
        own = shared[joint] + 0.2 * factor * rng.standard_normal(3)
        offset[row] = own * np.array([1.0, 1.0, -1.0 if side == "l" else 1.0])
    return points + bias_m * height_m / 1.7 * offset


def find_far_side(azimuth_deg: float) -> str:
    """Tell which side of the body is away from a camera."""
    across = np.sin(np.deg2rad(azimuth_deg))
    return "" if abs(across) < np.sin(np.deg2rad(20.0)) else "l" if across > 0 else "r"


def get_side(name: str) -> str:
    """Tell the side of a keypoint from its name."""
    if "left" in name or name.endswith("_l"):
        return "l"
    if "right" in name or name.endswith("_r"):
        return "r"
    return ""


def find_partner(names: list[str]) -> np.ndarray:
    """Find the keypoint of the other side for each keypoint; shape (n_keypoint,)."""
    table = {name: row for row, name in enumerate(names)}
    partner = []
    for row, name in enumerate(names):
        side = get_side(name)
        if name.endswith(("_l", "_r")):
            other = name[:-1] + ("r" if side == "l" else "l")
        else:
            other = name.replace("left", "right") if side == "l" else name.replace("right", "left")
        partner.append(table.get(other, row) if side else row)
    return np.array(partner)


def _is_leg(name: str) -> bool:
    return any(part in name for part in _LEG) and bool(get_side(name))


def _measure_height(pixels: np.ndarray) -> float:
    """Apparent height of the body (px): robust extent in v, widened where only the legs are given."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        extent = np.nanmax(pixels[..., 1], axis=1) - np.nanmin(pixels[..., 1], axis=1)
    extent = extent[np.isfinite(extent)]
    return float(np.median(extent)) * 1.05 if len(extent) else 1.0


def _draw_drift(n_time: int, n_points: int, frames: float, rng) -> np.ndarray:
    """Unit-variance error whose correlation falls to 1/e after `frames`: first-order autoregression."""
    from scipy.signal import lfilter  # heavy

    keep = np.exp(-1.0 / max(frames, 1e-3))
    noise = rng.standard_normal((n_time, n_points, 2)) * np.sqrt(1.0 - keep**2)
    noise[0] /= np.sqrt(1.0 - keep**2)
    return lfilter([1.0], [1.0, -keep], noise, axis=0)


def _rescale(pixels: np.ndarray, factor: float) -> np.ndarray:
    """Draw the whole body larger or smaller about its middle, frame by frame."""
    known = np.isfinite(pixels).all(axis=-1, keepdims=True)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    middle = np.where(known, pixels, 0.0).sum(axis=1, keepdims=True) / count
    return middle + factor * (pixels - middle)


def _draw_bursts(n_time: int, n_columns: int, share: float, frames: float, rng) -> np.ndarray:
    """Gaps of random length, about `share` of all samples."""
    gone = np.zeros((n_time, n_columns), dtype=bool)
    if share <= 0:
        return gone
    length = max(frames, 1.0)
    starts = np.argwhere(rng.uniform(size=gone.shape) < share / length)
    for (start, column), n in zip(starts, rng.geometric(1.0 / length, len(starts)), strict=True):
        gone[start : start + n, column] = True
    return gone


def _swap_legs(pixels: np.ndarray, names: list[str], fps: float, rng, errors: DetectorErrors) -> np.ndarray:
    frames = max(fps * errors.swap_time_s, 1.0)
    swapped = _draw_bursts(len(pixels), 1, errors.swap_rate_hz * errors.swap_time_s, frames, rng)[:, 0]
    if not swapped.any():
        return pixels
    partner = find_partner(names)
    order = np.array([partner[n] if _is_leg(name) else n for n, name in enumerate(names)])
    exchanged = pixels.copy()
    exchanged[swapped] = pixels[swapped][:, order]
    return exchanged


def _hide_legs(pixels: np.ndarray, names: list[str], size: float, far: str, pull: float) -> np.ndarray:
    """Pull joints of the far leg towards the near leg while the legs cross."""
    partner, moved = find_partner(names), pixels.copy()
    if pull <= 0:
        return moved
    for n, name in enumerate(names):
        if _is_leg(name) and get_side(name) == far and partner[n] != n and "hip" not in name:
            gap = pixels[:, partner[n]] - pixels[:, n]
            near = np.exp(-((np.linalg.norm(gap, axis=-1) / (_CROSSING_SHARE * size)) ** 2))
            moved[:, n] += pull * np.nan_to_num(near)[:, None] * gap
    return moved


def _crop(pixels: np.ndarray, rng, probability: float) -> np.ndarray:
    """Points outside an image that is cut off above or at one side."""
    known = pixels[np.isfinite(pixels).all(axis=-1)]
    kind, draw, amount = rng.uniform(), rng.uniform(), rng.uniform(0.05, 0.25)
    outside = np.zeros(pixels.shape[:2], dtype=bool)
    if draw >= probability or len(known) == 0:
        return outside
    low, high = known.min(axis=0), known.max(axis=0)
    with np.errstate(invalid="ignore"):
        if kind < 0.4:
            outside = pixels[..., 1] < low[1] + amount * (high[1] - low[1])
        elif kind < 0.7:
            outside = pixels[..., 0] < low[0] + amount * (high[0] - low[0])
        else:
            outside = pixels[..., 0] > high[0] - amount * (high[0] - low[0])
    return outside
