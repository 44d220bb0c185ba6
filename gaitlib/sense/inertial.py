"""Virtual inertial sensors: a Walk becomes accelerations and angular velocities.

The sensor is strapped to a segment of the same walk that the camera sees. Its axes are those of the segment
in upright standing (ISB): x forward, y up, z to the person's right. The accelerometer measures specific
force: (0, +9.81, 0) m/s^2 standing still. The gyroscope is positive about z when the front of the segment
turns up: the leg swings forward, the trunk leans back.

What is in the signal: rotation and translation of the rigid segment in three dimensions, as far as
`gaitlib.sense.segments` knows them, up to `BANDWIDTH_HZ`, which is what a stride of 100 points resolves.
Foot impact is sharper than that and no part of a smooth optimal-control solution:
`gaitlib.sense.inertial_errors` adds it as a short vibration of random size, together with everything that a
real sensor gets wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from gaitlib.errors import InputError
from gaitlib.sense.inertial_errors import InertialErrors, draw_impacts, draw_placement, spoil_signals
from gaitlib.sense.segments import PITCH_SEGMENTS, compute_rotation, estimate_pitch, get_point
from gaitlib.signals import smooth_lowpass
from gaitlib.walk import KEYPOINTS_3D

GRAVITY_MPS2 = 9.80665
BANDWIDTH_HZ = 25.0
"""Highest frequency of the rigid motion that is kept (Hz)."""

_INTERNAL_HZ = 240.0
_SPACE = ["x", "y", "z"]


@dataclass(frozen=True)
class Placement:
    """Where a sensor sits.

    Parameters
    ----------
    segment : str
        A name of `gaitlib.sense.segments.SEGMENTS`.
    origin : str
        Point of the walk that the offset is counted from.
    offset_share : (float, float, float)
        Forward, up and outward (right of the body for sensors of the middle), share of body height.
    """

    segment: str
    origin: str
    offset_share: tuple[float, float, float]


def _place_both_sides() -> dict[str, Placement]:
    places = {
        "thigh": ("thigh", "hip", (0.045, -0.12, 0.02)),
        "shank": ("shank", "knee", (0.03, -0.09, -0.005)),
        "ankle": ("shank", "ankle", (0.01, 0.03, 0.025)),
        "foot": ("foot", "ankle", (0.040, -0.012, 0.0)),
        "wrist": ("forearm", "wrist", (0.0, 0.01, 0.018)),
    }
    return {
        f"{site}_{side}": Placement(f"{segment}_{side}", f"{origin}_{side}", offset)
        for site, (segment, origin, offset) in places.items()
        for side in "rl"
    }


SITES: dict[str, Placement] = {
    "lower_back": Placement("pelvis", "mid_hip", (-0.095, 0.07, 0.0)),
    "chest": Placement("trunk", "mid_shoulder", (0.06, -0.07, 0.0)),
    **_place_both_sides(),
}
"""Site -> where the sensor sits: on the skin over the fifth lumbar vertebra, over the breastbone, on the
front of thigh and shin, above the outer ankle, on the instep, on the back of the wrist. Offsets are shares of
body height, at the lower back of the adult set aside (hind spines of the pelvis, and 3 cm up), else assumed;
the real ones scatter around them (`InertialErrors.placement_share`)."""


def sense_motion(
    walk: xr.Dataset,
    sites: list[str] | tuple[str, ...],
    fps: float = 100.0,
    rng: np.random.Generator | None = None,
    errors: InertialErrors | None = None,
) -> xr.Dataset:
    """Measure a Walk with inertial sensors."""
    pitch = (
        walk["segment_pitch"].sel(segment=list(PITCH_SEGMENTS)).values if "segment_pitch" in walk else None
    )
    signals = measure_motion(
        walk["keypoint_position"].values,
        pitch,
        float(walk.attrs["fps"]),
        float(walk.attrs["height_m"]),
        sites,
        fps,
        rng,
        errors,
    )
    time_s = float(walk["time"].values[0]) + np.arange(len(signals)) / fps
    dimensions = ("time", "sensor", "space")
    return xr.Dataset(
        {
            "acceleration": (dimensions, signals[..., :3], {"units": "m/s^2"}),
            "angular_velocity": (dimensions, signals[..., 3:], {"units": "rad/s"}),
        },
        coords={"time": ("time", time_s, {"units": "s"}), "sensor": list(sites), "space": _SPACE},
        attrs={**walk.attrs, "fps": float(fps)},
    )


def measure_motion(
    points: np.ndarray,
    pitch_rad: np.ndarray | None,
    walk_fps: float,
    height_m: float,
    sites: list[str] | tuple[str, ...],
    fps: float = 100.0,
    rng: np.random.Generator | None = None,
    errors: InertialErrors | None = None,
    turning_rad_s: np.ndarray | None = None,
) -> np.ndarray:
    """Measure a walk with inertial sensors (array form of `sense_motion`); shape (n_time, n_site, 6), m/s^2.

    1. Low-pass of points and rotations at `BANDWIDTH_HZ`, forward and backward (no delay).
    2. Position of the sensor p and rotation R of its segment; fifth-order splines in time.
    3. Specific force R'(p'' + g), angular velocity from R' dR/dt.
    4. With errors: impact, misplacement, soft-tissue wobble, low-pass of the sensor, scale, bias, noise,
       range.
    """
    _check_request(points, sites, walk_fps, height_m, fps, rng, errors)
    pitch_rad = estimate_pitch(points) if pitch_rad is None else np.unwrap(pitch_rad, axis=0)
    points, pitch_rad = (smooth_lowpass(v, walk_fps, BANDWIDTH_HZ) for v in (points, pitch_rad))
    duration_s = (len(points) - 1) / walk_fps
    rate = fps if errors is None else fps * np.ceil(_INTERNAL_HZ / fps)
    time_s = np.arange(int(np.floor(duration_s * rate + 1e-6)) + 1) / rate
    impacts = None if errors is None else draw_impacts(points, walk_fps, time_s, rng, errors)
    position, rotation = _place_sensors(points, pitch_rad, height_m, sites, rng, errors)
    acceleration, rotation, angular = _differentiate(position, rotation, walk_fps, time_s)
    acceleration[..., 1] += GRAVITY_MPS2
    if impacts is not None:
        acceleration += np.stack([impacts(site) for site in sites], axis=1)
    if turning_rad_s is not None:
        rate_there = np.interp(time_s, np.arange(len(points)) / walk_fps, turning_rad_s)
        pace = np.gradient(position[..., 0], 1.0 / walk_fps, axis=0).mean(axis=0)
        acceleration[..., 2] -= rate_there[:, None] * pace
        angular += rate_there[:, None, None] * rotation[..., 1, :]
    # The transpose of R takes the axes of the room to those of the sensor.
    force = np.matmul(acceleration[..., None, :], rotation)[..., 0, :]
    measured = np.concatenate([force, angular], axis=-1)
    return measured if errors is None else spoil_signals(measured, rate, fps, rng, errors)


def _place_sensors(points, pitch_rad, height_m, sites, rng, errors) -> tuple[np.ndarray, np.ndarray]:
    """Paths (n_time, n_site, 3) and rotations (n_time, n_site, 3, 3) of the sensors."""
    paths, rotations = [], []
    for site in sites:
        place = SITES[site]
        rotation = compute_rotation(points, pitch_rad, place.segment)
        offset = height_m * np.array(place.offset_share) * (1, 1, -1 if site.endswith("_l") else 1)
        turn = np.eye(3)
        if errors is not None:
            shift, turn = draw_placement(height_m, rng, errors)
            offset = offset + shift
        paths.append(get_point(points, place.origin) + rotation @ offset)
        rotations.append(rotation @ turn)
    return np.stack(paths, axis=1), np.stack(rotations, axis=1)


def _check_request(points, sites, walk_fps, height_m, fps, rng, errors) -> None:
    problems = [
        f"site '{site}' is unknown, known are {', '.join(SITES)}" for site in sites if site not in SITES
    ]
    if not walk_fps >= 50.0:
        problems.append(f"the walk has {walk_fps:g} samples per second, expected 50 or more")
    if not fps >= 20.0:
        problems.append(f"fps is {fps:g}, expected 20 or more")
    if not len(points) >= 0.5 * walk_fps:
        problems.append(f"the walk has {len(points)} samples, expected half a second or more")
    if not height_m > 0:
        problems.append(
            f"height_m is {height_m}, expected a positive number: sensors are placed by body height"
        )
    if errors is not None and rng is None:
        problems.append("errors are drawn at random: give rng")
    unknown = [KEYPOINTS_3D[n] for n in np.flatnonzero(~np.isfinite(points).all(axis=(0, 2)))]
    if unknown:
        problems.append(f"keypoints {', '.join(unknown)} have gaps; fill or cut them first")
    if problems:
        raise InputError("inertial sensors: " + "; ".join(problems) + ".")


def _differentiate(position: np.ndarray, rotation: np.ndarray, fps: float, time_s: np.ndarray):
    """Acceleration in the room, rotation, and angular velocity in the axes of the sensor, at other times."""
    from scipy.interpolate import make_interp_spline

    n_in, n_site = position.shape[:2]
    values = np.concatenate([position.reshape(n_in, -1), rotation.reshape(n_in, -1)], axis=1)
    spline = make_interp_spline(np.arange(n_in) / fps, values, k=5)
    acceleration = spline(time_s, 2)[:, : 3 * n_site].reshape(-1, n_site, 3)
    matrix = spline(time_s)[:, 3 * n_site :].reshape(-1, n_site, 3, 3)
    change = spline(time_s, 1)[:, 3 * n_site :].reshape(-1, n_site, 3, 3)
    spin = np.matmul(np.swapaxes(matrix, -1, -2), change)
    angular = [spin[..., i, j] - spin[..., j, i] for i, j in ((2, 1), (0, 2), (1, 0))]
    return acceleration, matrix, 0.5 * np.stack(angular, axis=-1)
