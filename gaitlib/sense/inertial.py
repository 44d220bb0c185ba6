"""Virtual inertial sensors: a Walk becomes accelerations and angular velocities.

The sensor is strapped to a segment of the same walk that the camera sees. Its axes are those of the segment
in upright standing (ISB): x forward, y up, z to the person's right. The accelerometer measures specific
force: (0, +9.81, 0) m/s^2 standing still. The gyroscope is positive about z when the front of the segment
turns up: the leg swings forward, the trunk leans back.

What is in the signal: rotation and translation of the rigid segment in three dimensions, as far as
`gaitlib.sense.segments` knows them, up to `BANDWIDTH_HZ`, which is what a stride of 100 points resolves.
Foot impact is sharper than that and no part of a smooth optimal-control solution:
it is added as a short vibration of random size, together with everything that a real sensor gets wrong.

Sources and assumptions of the errors. Noise, bias, scale and range: of the order that makers state for body-
worn MEMS units (accelerometer 100-200 ug/sqrt(Hz), gyroscope 0.01 deg/s/sqrt(Hz), 16 g, 2000 deg/s). Soft
tissue: skin and sensor as a damped oscillator carried by the bone, after Kitazaki & Griffin 1995 (J Biomech
28:885), who correct skin-mounted accelerometers by its inverse; frequency and damping are drawn, assumed.
Impact: heel strike sends a vibration of some 10-30 Hz up the body that weakens from joint to joint (Wosk &
Voloshin 1981, J Biomech 14:261); size and attenuation are drawn over wide, assumed ranges, so that nothing
trained on it can rely on it. Misplacement: assumed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
import xarray as xr
from scipy.interpolate import make_interp_spline
from scipy.spatial.transform import Rotation

from gaitlib.body.kinematics import PITCH_SEGMENTS
from gaitlib.errors import InputError
from gaitlib.gait import GRAVITY_MPS2
from gaitlib.sense.segments import compute_rotation, estimate_pitch, get_point
from gaitlib.signals import smooth_lowpass
from gaitlib.walk import KEYPOINTS_3D

_SIZES = (
    "placement_share",
    "misalignment_deg",
    "wobble_share",
    "impact_mps2",
    "acceleration_noise",
    "gyroscope_noise",
    "acceleration_bias_mps2",
    "gyroscope_bias_rad_s",
    "scale_share",
)
_TRANSMISSION = {"foot": 1.0, "ankle": 0.75, "shank": 0.65, "thigh": 0.35, "lower_back": 0.2, "chest": 0.1}
_OTHER_LEG = 0.1
_WRIST = 0.05
_BRAKING_SHARE = 0.3
_FEWEST_DEPTH_M = 0.1


EDGE_S = 0.3
"""The second derivative is not known at the ends of a path: it was off by up to ten times gravity (s)."""


@dataclass(frozen=True)
class InertialErrors:
    """Size of the errors of inertial sensors; zero sizes are a perfect sensor of limited range."""

    # standard deviation of the position of the sensor per axis (share of body height)
    placement_share: float = 0.012
    misalignment_deg: float = 8.0  # standard deviation of its rotation per axis (deg)
    wobble_share: float = 0.7  # greatest share of the motion that goes through soft tissue (0-1)
    # range of the natural frequency of soft tissue and sensor (Hz)
    wobble_hz: tuple[float, float] = (6.0, 25.0)
    wobble_damping: tuple[float, float] = (0.3, 0.8)  # range of its damping ratio (1)
    # mean peak of the impact vibration at the foot, walking at 1.2 m/s (m/s^2); in proportion to speed
    impact_mps2: float = 12.0
    impact_hz: tuple[float, float] = (10.0, 30.0)  # range of its frequency (Hz)
    acceleration_noise: float = 0.002  # density of white noise (m/s^2/sqrt(Hz), rad/s/sqrt(Hz))
    gyroscope_noise: float = 0.0002
    acceleration_bias_mps2: float = 0.2  # standard deviation of the constant offset per axis (m/s^2, rad/s)
    gyroscope_bias_rad_s: float = 0.01
    scale_share: float = 0.01  # standard deviation of the relative error of scale per axis (1)
    acceleration_range_mps2: float = 157.0  # greatest value; more is cut off (m/s^2, rad/s)
    gyroscope_range_rad_s: float = 34.9

    def __post_init__(self) -> None:
        negative = [f.name for f in fields(self) if np.min(getattr(self, f.name)) < 0]
        if negative:
            raise InputError(f"InertialErrors: {', '.join(negative)} must not be negative.")

    def scale(self, factor: float) -> InertialErrors:
        """Scale the size of all errors; frequencies, damping and range are kept."""
        scaled = {name: getattr(self, name) * factor for name in _SIZES}
        return replace(self, **scaled | {"wobble_share": min(scaled["wobble_share"], 1.0)})


def draw_placement(
    height_m: float, rng: np.random.Generator, errors: InertialErrors, reach_share: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Draw how far a sensor sits from the usual place; `reach_share` is `Placement.reach_share`."""
    offset = errors.placement_share * height_m * rng.standard_normal(3)
    if errors.placement_share:
        offset[1] += reach_share * height_m * rng.uniform(-1.0, 1.0)
    turn = np.deg2rad(errors.misalignment_deg) * rng.standard_normal(3)
    return offset, Rotation.from_rotvec(turn).as_matrix()


def draw_impacts(
    points: np.ndarray, fps: float, time_s: np.ndarray, rng: np.random.Generator, errors: InertialErrors
) -> Callable[[str], np.ndarray]:
    """Draw the vibration t^2 exp(-t/tau) sin(2 pi f t) of a landing: the sensor comes back to its place."""
    middle = get_point(points, "mid_hip")
    speed = abs(middle[-1, 0] - middle[0, 0]) * fps / max(len(middle) - 1, 1)
    size = errors.impact_mps2 * speed / 1.2 * rng.gamma(2.0, 0.5)
    frequency = rng.uniform(*errors.impact_hz)
    loss = rng.uniform(0.6, 1.4)
    trains = {}
    for side in "rl":
        train = np.zeros_like(time_s)
        for moment in _find_landings(points, side) / fps:
            first = int(np.searchsorted(time_s, moment))
            last = int(np.searchsorted(time_s, moment + 5.0 / frequency))
            shape = _vibrate(time_s[first:last] - moment, frequency)
            train[first:last] += size * np.exp(0.25 * rng.standard_normal()) * shape
        trains[side] = train
    direction = np.array([-_BRAKING_SHARE, 1.0, 0.0])

    def shake(site: str) -> np.ndarray:
        part, _, side = site.rpartition("_") if site[-2:] in ("_r", "_l") else (site, "", "")
        share = _TRANSMISSION.get(part, _WRIST) ** loss
        legs = [share if side in ("", leg) or part == "wrist" else _OTHER_LEG**loss for leg in "rl"]
        return (legs[0] * trains["r"] + legs[1] * trains["l"])[:, None] * direction

    return shake


def _find_landings(points: np.ndarray, side: str) -> np.ndarray:
    from scipy.signal import find_peaks  # heavy

    ahead = get_point(points, f"heel_{side}")[:, 0] - get_point(points, "mid_hip")[:, 0]
    prominence = max(0.4 * np.ptp(ahead), _FEWEST_DEPTH_M)
    return find_peaks(ahead, prominence=prominence)[0].astype(float)


def _vibrate(since_s: np.ndarray, frequency_hz: float) -> np.ndarray:
    """Second derivative of t^2 exp(-t/tau) sin(wt), its peak scaled to one; tau is half a period."""
    w, tau = 2 * np.pi * frequency_hz, 0.5 / frequency_hz

    def bend(t: np.ndarray) -> np.ndarray:
        envelope = t**2 * np.exp(-t / tau)
        first = (2 * t - t**2 / tau) * np.exp(-t / tau)
        second = (2 - 4 * t / tau + t**2 / tau**2) * np.exp(-t / tau)
        return (second - w**2 * envelope) * np.sin(w * t) + 2 * w * first * np.cos(w * t)

    return bend(since_s) / np.abs(bend(np.linspace(0.0, 4 * tau, 100))).max()


def spoil_signals(
    signals: np.ndarray, rate: float, fps: float, rng: np.random.Generator, errors: InertialErrors
) -> np.ndarray:
    """Pass signals through soft tissue and an imperfect sensor; shape (n_time, n_site, 6)."""
    shaken = signals.copy()
    for column in range(signals.shape[1]):
        share = errors.wobble_share * rng.uniform()
        loose = _wobble(
            signals[:, column], rate, rng.uniform(*errors.wobble_hz), rng.uniform(*errors.wobble_damping)
        )
        shaken[:, column] += share * (loose - signals[:, column])
    step = int(round(rate / fps))
    if step > 1:
        shaken = smooth_lowpass(shaken, rate, 0.42 * fps)[::step]
    kinds = [3, 3]
    per_axis = (1, *shaken.shape[1:])
    noise = np.repeat([errors.acceleration_noise, errors.gyroscope_noise], kinds) * np.sqrt(0.5 * fps)
    bias = np.repeat([errors.acceleration_bias_mps2, errors.gyroscope_bias_rad_s], kinds)
    limit = np.repeat([errors.acceleration_range_mps2, errors.gyroscope_range_rad_s], kinds)
    reported = shaken * (1.0 + errors.scale_share * rng.standard_normal(per_axis))
    reported += bias * rng.standard_normal(per_axis) + noise * rng.standard_normal(shaken.shape)
    return np.clip(reported, -limit, limit)


def _wobble(motion: np.ndarray, rate: float, natural_hz: float, damping: float) -> np.ndarray:
    """What a sensor feels that is held to the bone by a spring and a damper: base excitation."""
    from scipy.signal import lfilter  # heavy

    k, w = 2.0 * rate, 2 * np.pi * natural_hz
    damped = 2 * damping * w * k
    top = np.array([damped + w**2, 2 * w**2, w**2 - damped])
    bottom = np.array([k**2 + damped + w**2, 2 * (w**2 - k**2), k**2 - damped + w**2])
    top, bottom = top / bottom[0], bottom / bottom[0]
    # It starts at rest on the bone: the filter passes constants unchanged.
    start = np.array([1.0 - top[0], top[2] - bottom[2]])[:, None] * motion[:1]
    return lfilter(top, bottom, motion, axis=0, zi=start)[0]


BANDWIDTH_HZ = 25.0
"""Highest frequency of the rigid motion that is kept (Hz)."""

_INTERNAL_HZ = 240.0
_SPACE = ["x", "y", "z"]


@dataclass(frozen=True)
class Placement:
    """Where a sensor sits."""

    segment: str  # a name of `gaitlib.sense.segments.SEGMENTS`
    origin: str  # point of the walk that the offset is counted from
    # forward, up and outward (right of the body for sensors of the middle), share of body height
    offset_share: tuple[float, float, float]
    # how far above or below that it may be worn, as "at the shank" says no more (share of body height)
    reach_share: float = 0.0


def _place_both_sides() -> dict[str, Placement]:
    places = {
        "thigh": ("thigh", "hip", (0.045, -0.12, 0.02), 0.05),
        "shank": ("shank", "knee", (0.03, -0.125, -0.005), 0.075),
        "ankle": ("shank", "ankle", (0.01, 0.03, 0.025), 0.0),
        "foot": ("foot", "ankle", (0.040, -0.012, 0.0), 0.0),
        "wrist": ("forearm", "wrist", (0.0, 0.01, 0.018), 0.0),
    }
    return {
        f"{site}_{side}": Placement(f"{segment}_{side}", f"{origin}_{side}", offset, reach)
        for site, (segment, origin, offset, reach) in places.items()
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
the real ones scatter around them (`InertialErrors.placement_share`). A thigh and a shank are long: a sensor
is worn anywhere between knee and ankle."""


def sense_motion(
    walk: xr.Dataset,
    sites: list[str] | tuple[str, ...],
    fps: float = 100.0,
    rng: np.random.Generator | None = None,
    errors: InertialErrors | None = None,
) -> xr.Dataset:
    """Measure a Walk with inertial sensors, but for its first and last `EDGE_S`."""
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
    signals, time_s = cut_edges(signals, fps), cut_edges(time_s, fps)
    dimensions = ("time", "sensor", "space")
    return xr.Dataset(
        {
            "acceleration": (dimensions, signals[..., :3], {"units": "m/s^2"}),
            "angular_velocity": (dimensions, signals[..., 3:], {"units": "rad/s"}),
        },
        coords={"time": ("time", time_s, {"units": "s"}), "sensor": list(sites), "space": _SPACE},
        attrs={**walk.attrs, "fps": float(fps)},
    )


def cut_edges(values: np.ndarray, fps: float) -> np.ndarray:
    """Leave out the first and last `EDGE_S`."""
    edge = int(EDGE_S * fps)
    return values[edge : len(values) - edge]


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
            shift, turn = draw_placement(height_m, rng, errors, place.reach_share)
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
    n_in, n_site = position.shape[:2]
    values = np.concatenate([position.reshape(n_in, -1), rotation.reshape(n_in, -1)], axis=1)
    spline = make_interp_spline(np.arange(n_in) / fps, values, k=5)
    acceleration = spline(time_s, 2)[:, : 3 * n_site].reshape(-1, n_site, 3)
    matrix = spline(time_s)[:, 3 * n_site :].reshape(-1, n_site, 3, 3)
    change = spline(time_s, 1)[:, 3 * n_site :].reshape(-1, n_site, 3, 3)
    spin = np.matmul(np.swapaxes(matrix, -1, -2), change)
    angular = [spin[..., i, j] - spin[..., j, i] for i, j in ((2, 1), (0, 2), (1, 0))]
    return acceleration, matrix, 0.5 * np.stack(angular, axis=-1)
