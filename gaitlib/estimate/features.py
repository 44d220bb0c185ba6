"""Image keypoints of any layout, frame rate and size -> one common sequence for the network.

1. Points are brought to the 19 points of a Walk by name, smoothed (Gaussian, 25 ms, weighted with
   confidence) and resampled to 50 Hz.
2. The apparent leg length (thigh + shank of the longer-looking leg) measures the size in the image. Its
   inverse is proportional to depth, hence linear in time for a straight walk at constant speed; a robust line
   through it gives the scale of every frame.
3. Points are taken relative to the middle of the hips and divided by the scale; the middle itself, from the
   image centre, divided by the scale, is the lateral travel in leg lengths.
4. The image is mirrored, and the sides exchanged, where the person walks to the left.
5. A side vector holds the body height and measures that a classical method would use.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from gaitlib.errors import InputError
from gaitlib.estimate.autocorrelation import find_step_time
from gaitlib.estimate.normalise import COMMON_FPS, INDEX, LEGS, build_basis, fit_lines, normalise_clip
from gaitlib.sense.layouts import WALK_LAYOUT, convert_layout

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
)
"""Measures of the whole clip, in the order of `ClipFeatures.side`."""
N_CHANNELS = 19 * 2 * 2 + 19 + 3
"""Channels per frame: positions, velocities, validity, travel and its rates."""


@dataclass(frozen=True)
class ClipFeatures:
    """A clip as the network reads it.

    Parameters
    ----------
    sequence : array, shape (N_CHANNELS, n_time)
        Channels at `COMMON_FPS`.
    side : array, shape (len(SIDE_FEATURES),)
        Measures of the clip.
    problem : str
        Why no estimate is possible; empty if all is well.
    mirrored : bool
        Whether right and left are exchanged, because the person was seen walking to the left.
    sites : array of int, shape (n_sensor,)
        Where the sequences come from: one row for a camera, one per inertial sensor.
    """

    sequence: np.ndarray
    side: np.ndarray
    problem: str = ""
    mirrored: bool = False
    sites: np.ndarray = field(default_factory=lambda: np.zeros(1, dtype=int))


@dataclass(frozen=True)
class SideInformation:
    """What is known beside the keypoints; None where it is not.

    Parameters
    ----------
    image_size_px : (float, float), optional
        Width and height (px); the mean position of the person serves as centre if not given.
    height_m : float, optional
        Body height (m).
    focal_length_px : float, optional
        Focal length (px).
    age_years : float, optional
        Age (years).
    azimuth_deg : float, optional
        Direction of view: 0 from the front, 90 from the person's right, 180 from behind (deg).
    """

    image_size_px: tuple[float, float] | None = None
    height_m: float | None = None
    focal_length_px: float | None = None
    age_years: float | None = None
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
    pixels: np.ndarray,
    confidence: np.ndarray,
    fps: float,
    known: SideInformation | None = None,
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
    rise = np.gradient(travel[:, 1], 1 / COMMON_FPS)
    step_time, rhythm = find_step_time(np.concatenate([apart, knee[:, 0] - knee[:, 1]], axis=1), rise)
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
        "log_step_time": np.log(step_time / 0.55),
        "rhythm": rhythm,
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


def _get_quantile(values: np.ndarray, share: float) -> float:
    """Quantile without interpolation: quick on short arrays."""
    rank = min(int(share * len(values)), len(values) - 1)
    return float(np.partition(values, rank)[rank])
