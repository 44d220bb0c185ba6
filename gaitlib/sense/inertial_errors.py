"""What an inertial sensor on a body gets wrong, and the impact that a smooth simulation does not hold.

Sources and assumptions. Noise, bias, scale and range: of the order that makers state for body-worn MEMS
units (accelerometer 100-200 ug/sqrt(Hz), gyroscope 0.01 deg/s/sqrt(Hz), 16 g, 2000 deg/s). Soft tissue: skin
and sensor as a damped oscillator carried by the bone, after Kitazaki & Griffin 1995 (J Biomech 28:885), who
correct skin-mounted accelerometers by its inverse; frequency and damping are drawn, assumed. Impact: heel
strike sends a vibration of some 10-30 Hz up the body that weakens from joint to joint (Wosk & Voloshin 1981,
J Biomech 14:261); size and attenuation are drawn over wide, assumed ranges, so that nothing trained on it
can rely on it. Misplacement: assumed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np

from gaitlib.errors import InputError
from gaitlib.sense.segments import get_point
from gaitlib.signals import smooth_lowpass

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


@dataclass(frozen=True)
class InertialErrors:
    """Size of the errors of inertial sensors; zero sizes are a perfect sensor of limited range.

    Parameters
    ----------
    placement_share : float
        Standard deviation of the position of the sensor per axis (share of body height).
    misalignment_deg : float
        Standard deviation of its rotation per axis (deg).
    wobble_share : float
        Greatest share of the motion that goes through soft tissue (0-1).
    wobble_hz : (float, float)
        Range of the natural frequency of soft tissue and sensor (Hz).
    wobble_damping : (float, float)
        Range of its damping ratio (1).
    impact_mps2 : float
        Mean peak of the impact vibration at the foot, walking at 1.2 m/s (m/s^2); in proportion to speed.
    impact_hz : (float, float)
        Range of its frequency (Hz).
    acceleration_noise, gyroscope_noise : float
        Density of white noise (m/s^2/sqrt(Hz), rad/s/sqrt(Hz)).
    acceleration_bias_mps2, gyroscope_bias_rad_s : float
        Standard deviation of the constant offset per axis (m/s^2, rad/s).
    scale_share : float
        Standard deviation of the relative error of scale per axis (1).
    acceleration_range_mps2, gyroscope_range_rad_s : float
        Greatest value; more is cut off (m/s^2, rad/s).
    """

    placement_share: float = 0.012
    misalignment_deg: float = 8.0
    wobble_share: float = 0.7
    wobble_hz: tuple[float, float] = (6.0, 25.0)
    wobble_damping: tuple[float, float] = (0.3, 0.8)
    impact_mps2: float = 12.0
    impact_hz: tuple[float, float] = (10.0, 30.0)
    acceleration_noise: float = 0.002
    gyroscope_noise: float = 0.0002
    acceleration_bias_mps2: float = 0.2
    gyroscope_bias_rad_s: float = 0.01
    scale_share: float = 0.01
    acceleration_range_mps2: float = 157.0
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
    height_m: float, rng: np.random.Generator, errors: InertialErrors
) -> tuple[np.ndarray, np.ndarray]:
    """Draw how far a sensor sits from where it should."""
    from scipy.spatial.transform import Rotation

    offset = errors.placement_share * height_m * rng.standard_normal(3)
    turn = np.deg2rad(errors.misalignment_deg) * rng.standard_normal(3)
    return offset, Rotation.from_rotvec(turn).as_matrix()


def draw_impacts(
    points: np.ndarray, fps: float, time_s: np.ndarray, rng: np.random.Generator, errors: InertialErrors
) -> Callable[[str], np.ndarray]:
    """Draw the vibration that foot impact sends through the body.

    The sensor is displaced by t^2 exp(-t/tau) sin(2 pi f t), upwards and, three tenths of it, backwards, so
    it comes back to where it was: the velocity that the foot loses on landing is in the rigid motion.
    """
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
    from scipy.signal import find_peaks

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
    from scipy.signal import lfilter

    k, w = 2.0 * rate, 2 * np.pi * natural_hz
    damped = 2 * damping * w * k
    top = np.array([damped + w**2, 2 * w**2, w**2 - damped])
    bottom = np.array([k**2 + damped + w**2, 2 * (w**2 - k**2), k**2 - damped + w**2])
    top, bottom = top / bottom[0], bottom / bottom[0]
    # It starts at rest on the bone: the filter passes constants unchanged.
    start = np.array([1.0 - top[0], top[2] - bottom[2]])[:, None] * motion[:1]
    return lfilter(top, bottom, motion, axis=0, zi=start)[0]
