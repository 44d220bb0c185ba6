"""Inertial sequences of any sites, rates and orientations -> one common sequence per sensor.

1. Signals are smoothed (Gaussian, 25 ms) and resampled to 50 Hz.
2. Up is the direction of the mean acceleration, so the sensor may be worn in any orientation.
3. On a limb the axis of rotation is the principal axis of the horizontal angular velocity. On the trunk,
   forward is the horizontal direction whose acceleration repeats from step to step (sideways acceleration
   repeats from stride to stride), after Moe-Nilssen 1998 (doi 10.1016/S0268-0033(98)00089-8).
4. Three channels remain: vertical and forward acceleration, angular velocity in the sagittal plane.
5. Measures of the whole clip: step time from autocorrelation (Moe-Nilssen & Helbostad 2004, doi
   10.1016/S0021-9290(03)00233-1; on the trunk also at the stride, where uneven steps repeat better), a
   first guess of speed from the rise of the trunk (Zijlstra & Hof 2003, doi
   10.1016/S0966-6362(02)00190-X), at shank, ankle and foot from `strap_down`, which needs no body height.

The simulated body is planar, so what happens sideways is not simulated and not read.

Without a gyroscope the third channel is zero, as in a share of the clips of training; a limb's axis is then
the principal axis of its horizontal acceleration. Such clips have intervals of their own.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.ndimage import gaussian_filter1d

from gaitlib.errors import InputError
from gaitlib.estimate.features import (
    COMMON_FPS,
    MIN_DURATION_S,
    SMOOTHING_S,
    STEP_TIME_RANGE_S,
    ClipFeatures,
    check_fps,
    correlate_with_itself,
    describe_person,
)
from gaitlib.gait import GRAVITY_MPS2

TRUNK_SITES = ("lower_back", "chest")
LIMB_SITES = ("thigh", "shank", "ankle", "foot", "wrist")
SITES = TRUNK_SITES + tuple(f"{name}_{side}" for name in LIMB_SITES for side in "rl")
"""Where a sensor may be worn."""
INERTIAL_FEATURES = (
    "height_known",
    "log_height",
    "age_known",
    "age",
    "log_best_speed",
    "log_step_time",
    "rhythm",
    "duration",
    "sensors",
    "log_vertical",
    "log_forward",
    "log_sagittal",
    "strapped",
    "rock",
    "arm",
    "uneven",
)
"""Measures of the whole clip, in the order of `ClipFeatures.side`."""
N_INERTIAL_CHANNELS = 3
_UNITS = np.array([4.0, 4.0, 2.0])
_GRAVITY_RANGE = (7.0, 13.0)
_LOOSE_GRAVITY = {"thigh": (7.0, 14.0), "shank": (7.0, 16.0), "ankle": (8.0, 18.0), "foot": (8.5, 21.0),
                  "wrist": (7.0, 19.0)}  # fmt: skip
"""Length of the mean acceleration that passes for gravity (m/s^2), wider where a limb swings: in simulated
walks of up to 1.95 m/s it is 9.3 to 10.9 on the trunk, and at most 11.4, 12.3, 15.3, 17.8 and 16.1 from thigh
to wrist (a shank's sensor may sit as low as an ankle's). Without gravity less than the lower end is left; in
g it is a tenth."""
_NEARLY, _NEARLY_TWICE = 0.8, 0.9
_UNUSUAL, _USUAL_SPREAD = 0.1, 0.35
LEG_SHARE = 0.53
"""Leg length over body height."""
_MAX_GAP_S = 0.1
_USUAL_STEP = 0.75
"""Step over leg length where a limb without gyroscope does not tell it."""
_ARM = {"shank": 0.12, "ankle": 0.03, "foot": 0.02}
"""Usual height of the sensor above the point that the foot in stance turns about (share of body height)."""
_ARM_SD_M, _VELOCITY_SD, _TOGETHER = 0.06, 0.05, 5
"""How far that is off; error of integrated velocity (m/s), of so many samples together; by simulation."""
_QUIET, _STANCE = 0.12, 0.12
_UNIT_SHARE = 0.49
"""Lengths of the network over body height."""
_STILL = np.log(2e-3)
_SLOW_S = 0.5


def get_site(name: str) -> int:
    """Get the number of a site."""
    full = f"{name}_r" if name in LIMB_SITES else name
    if full not in SITES:
        known = ", ".join((*TRUNK_SITES, *(f"{limb}_r, {limb}_l" for limb in LIMB_SITES)))
        raise InputError(f"site: found '{name}', expected one of {known}.")
    return SITES.index(full)


def compute_inertial_features(
    signals: xr.Dataset,
    site: str | None = None,
    height_m: float | None = None,
    age_years: float | None = None,
) -> ClipFeatures:
    """Compute the common sequences of a clip."""
    if "acceleration" not in signals:
        raise InputError("inertial signals: acceleration missing; expected acceleration (m/s^2) and, where "
                         "there is a gyroscope, angular_velocity (rad/s).")  # fmt: skip
    if "angular_velocity" not in signals:
        signals = signals.assign(angular_velocity=xr.full_like(signals["acceleration"], np.nan))
    if "sensor" not in signals.dims:
        site = site or signals.attrs.get("site")
        if site is None:
            raise InputError("site: not given; name where the sensor is worn, such as lower_back.")
        signals = signals.expand_dims(sensor=[site])
    arrays = [
        signals[name].transpose("sensor", "time", "space").values
        for name in ("acceleration", "angular_velocity")
    ]
    values = np.concatenate(arrays, axis=2)
    sites = [get_site(str(name)) for name in signals["sensor"].values]
    return compute_inertial_arrays(values, check_fps(signals.attrs.get("fps")), sites, height_m, age_years)


def compute_inertial_arrays(
    values: np.ndarray, fps: float, sites: list[int], height_m: float | None, age_years: float | None = None
) -> ClipFeatures:
    """Compute the common sequences (array form of `compute_inertial_features`).

    Angular velocity that is NaN throughout says that there is no gyroscope.
    """
    if not np.isfinite(values[..., 3:]).any():
        values = np.concatenate([values[..., :3], np.zeros_like(values[..., 3:])], axis=2)
    duration = values.shape[1] / fps
    empty = (np.zeros((len(sites), N_INERTIAL_CHANNELS, 0)), np.zeros(len(INERTIAL_FEATURES)))
    if duration < MIN_DURATION_S - 0.5 / fps:
        return ClipFeatures(*empty, f"too short: {duration:.2f} s, at least {MIN_DURATION_S:g} s needed")
    sequences, periods, guesses, told = [], [], [], []
    for sensor, site in zip(values, sites, strict=True):
        filled = _fill(sensor, fps)
        if isinstance(filled, str):
            return ClipFeatures(*empty, f"{SITES[site]}: {filled}")
        smooth = resample_signals(filled, fps)
        gravity = float(np.linalg.norm(smooth[:, :3].mean(axis=0)))
        lower, upper = _LOOSE_GRAVITY.get(SITES[site][:-2], _GRAVITY_RANGE)
        if not lower < gravity < upper:
            return ClipFeatures(
                *empty,
                f"{SITES[site]}: mean acceleration {gravity:.1f} m/s^2 is not gravity (about 9.8, "
                f"{lower:g} to {upper:g} here): are the units m/s^2, and is gravity in the signal?",
            )
        trunk = SITES[site] in TRUNK_SITES
        sequence = align_signals(smooth, trunk)
        period, rhythm = find_signal_step_time(sequence, trunk)
        sequences.append(sequence)
        periods.append((rhythm, period))
        guesses.append(_guess_speed(sequence, SITES[site], period, height_m or 1.6))
        if found := strap_down(smooth, SITES[site], 2 * period, height_m or 1.6):
            speed = np.clip(found["speed"] / (_UNIT_SHARE * (height_m or 1.6)), 0.1, 5.0)
            told.append([np.log(speed), 1.0, found["rock"], 5 * found["arm"], np.log(found["uneven"] + 0.02)])
    rhythm, step_time = max(periods)
    sequence = np.stack([part.T for part in sequences])
    rms = np.log(sequence.std(axis=2) + 1e-3).mean(axis=0)
    side = describe_person(height_m, age_years)
    names = ("log_best_speed", "strapped", "rock", "arm", "uneven")
    side |= dict(zip(names, np.mean(told, axis=0) if told else (np.mean(guesses), 0, 0, 0, 0), strict=True))
    side |= {"log_step_time": np.log(step_time / 0.55), "rhythm": rhythm}
    side |= {"duration": duration / 5.0, "sensors": float(len(sites))}
    side |= dict(zip(("log_vertical", "log_forward", "log_sagittal"), rms, strict=True))
    vector = np.clip([side[name] for name in INERTIAL_FEATURES], -8, 8).astype(np.float32)
    clipped = np.clip(sequence, -6, 6).astype(np.float32)
    return ClipFeatures(clipped, vector, sites=np.array(sites))


def lacks_gyroscope(side: np.ndarray) -> bool:
    """Say whether the measures of a clip are those of accelerometers alone."""
    return bool(side[INERTIAL_FEATURES.index("log_sagittal")] < _STILL)


def _fill(sensor: np.ndarray, fps: float) -> np.ndarray | str:
    """Bridge gaps of up to 0.1 s."""
    known = np.isfinite(sensor).all(axis=1)
    if known.all():
        return sensor
    rows = np.flatnonzero(known)
    gaps = np.diff(np.r_[-1, rows, len(sensor)]) - 1
    if len(rows) == 0 or gaps.max() > max(_MAX_GAP_S * fps, 1):
        return "a gap of more than 0.1 s; cut the clip there"
    return np.stack([np.interp(np.arange(len(sensor)), rows, column[rows]) for column in sensor.T], axis=1)


def resample_signals(values: np.ndarray, fps: float) -> np.ndarray:
    """Smooth signals and bring them to the common rate."""
    smooth = gaussian_filter1d(values, SMOOTHING_S * fps, axis=0, mode="nearest")
    last = len(values) - 1
    place = np.arange(int(last / fps * COMMON_FPS + 1e-6) + 1) / COMMON_FPS * fps
    left = np.minimum(place.astype(int), last - 1)
    share = (place - left)[:, None]
    return (1 - share) * smooth[left] + share * smooth[left + 1]


def align_signals(values: np.ndarray, trunk: bool) -> np.ndarray:
    """Vertical and forward acceleration and sagittal angular velocity, in `_UNITS`, shape (n_time, 3)."""
    acceleration, turning = values[:, :3], values[:, 3:]
    mean = acceleration.mean(axis=0)
    up = mean / np.linalg.norm(mean)
    first = np.cross(up, np.eye(3)[np.argmin(np.abs(up))])
    first /= np.linalg.norm(first)
    level = np.stack([first, np.cross(up, first)])
    vertical = (acceleration - mean) @ up
    horizontal = (acceleration - mean) @ level.T
    if trunk:
        # What is slower than strides is a turn of the path or of the trunk.
        horizontal = horizontal - gaussian_filter1d(horizontal, _SLOW_S * COMMON_FPS, axis=0, mode="nearest")
        lag = max(int(round(find_period(vertical[:, None], *STEP_TIME_RANGE_S, True)[0] * COMMON_FPS)), 1)
        same, other = horizontal[lag:] + horizontal[:-lag], horizontal[lag:] - horizontal[:-lag]
        forward = np.linalg.eigh(same.T @ same - other.T @ other)[1][:, -1]
        across = np.array([-forward[1], forward[0]])
        if np.dot(horizontal @ forward, np.gradient(vertical)) < 0:
            forward, across = -forward, -across
        if not np.any(horizontal):
            across = np.array([0.0, 1.0])
    else:
        rates = (turning - turning.mean(axis=0)) @ level.T
        blind = not np.any(turning)
        main = horizontal if blind else rates
        axis = np.linalg.eigh(main.T @ main)[1][:, -1]
        if np.mean((main @ axis) ** 3) < 0:
            axis = -axis
        across = np.array([-axis[1], axis[0]]) if blind else axis
        forward = np.array([across[1], -across[0]])
    sagittal = (turning - turning.mean(axis=0)) @ level.T @ across
    return np.stack([vertical, horizontal @ forward, sagittal], axis=1) / _UNITS


def find_period(
    signal: np.ndarray, shortest_s: float, longest_s: float, twice: bool = False
) -> tuple[float, float]:
    """Find the shortest time after which a signal nearly repeats, and how well it repeats; times at the ends
    of the range count less.

    With `twice` it need only repeat after twice that time, as steps do that differ between right and left.
    """
    first, last = int(np.ceil(shortest_s * COMMON_FPS)), int(longest_s * COMMON_FPS)
    centred = signal - signal.mean(axis=0)
    last = min(last, int(0.6 * len(centred)))
    if last - first < 3 or not centred.std() > 1e-9:
        return 0.5 * (shortest_s + longest_s), 0.0
    lags = np.arange(first - 1, last + 2)
    correlation = correlate_with_itself(centred)
    found, known = correlation[lags], 2 * lags < int(0.75 * len(centred))
    if twice:
        found = found + np.where(known, correlation[np.where(known, 2 * lags, 0)], found**2)
    usual = np.sqrt(shortest_s * longest_s)
    score = found - _UNUSUAL * (np.log(lags / COMMON_FPS / usual) / _USUAL_SPREAD) ** 2
    inner = score[1:-1]
    nearly = _NEARLY_TWICE if twice else _NEARLY
    peak = (inner >= score[:-2]) & (inner >= score[2:]) & (inner > nearly * inner.max())
    best = (int(np.argmax(peak)) if peak.any() else int(np.argmax(inner))) + 1
    fold = 2 if twice and known[best] else 1
    place = fold * lags[best] + np.arange(-fold + 1, fold)
    place = int(place[np.argmax(correlation[place])])
    before, at, after = correlation[place - 1 : place + 2]
    bend = before - 2 * at + after
    shift = 0.5 * (before - after) / bend if abs(bend) > 1e-9 else 0.0
    return float(place + np.clip(shift, -0.5, 0.5)) / fold / COMMON_FPS, float(at)


def find_signal_step_time(sequence: np.ndarray, trunk: bool) -> tuple[float, float]:
    """Find the step time (s) of aligned signals, and how steady it is."""
    if trunk:
        return find_period(sequence[:, :2], *STEP_TIME_RANGE_S, twice=True)
    low, high = STEP_TIME_RANGE_S
    known = sequence[:, 2:] if np.any(sequence[:, 2]) else sequence[:, :2]
    stride, strength = find_period(known, 2 * low, 2 * high)
    return 0.5 * stride, strength


def _guess_speed(sequence: np.ndarray, site: str, step_time_s: float, height_m: float) -> float:
    """Logarithm of speed in leg lengths per second, as the network starts from it."""
    leg = LEG_SHARE * height_m
    if site in TRUNK_SITES:
        rise = _integrate(sequence[:, 0] * _UNITS[0], step_time_s, 2)
        share = min(2 * np.sqrt(2) * rise.std() / leg, 0.3)
        step = 2 * np.sqrt(max(2 * share - share**2, 1e-4))
    elif not np.any(sequence[:, 2]):
        step = _USUAL_STEP
    else:
        swing = _integrate(sequence[:, 2] * _UNITS[2], 2 * step_time_s, 1)
        step = 2 * np.sin(min(np.sqrt(2) * swing.std(), 1.0)) * (1.0 if site.startswith("thigh") else 0.7)
    return float(np.log(np.clip(step / step_time_s, 0.15, 4.0)))


def strap_down(smooth: np.ndarray, site: str, stride_s: float, height_m: float) -> dict[str, float]:
    """Integrate resampled signals of a lower leg or foot from stance to stance; empty if that finds nothing.

    A stride ends as it began, in angle and velocity: the angle loses its drift, gravity is the mean
    acceleration. What velocity lacks is known in stance, where the sensor turns about a point at rest (zero
    velocity of the foot; of the shank after Li et al. 2010, doi 10.1016/j.jbiomech.2010.01.031). How far
    from that point it sits is fitted: who wears it "at the shank" does not say how high.
    """
    from scipy.signal import find_peaks  # heavy

    if site[:-2] not in _ARM or not np.any(smooth[:, 3:]):
        return {}
    turning = smooth[:, 3:]
    axis = np.linalg.eigh(np.cov(turning.T))[1][:, -1]
    mean = smooth[:, :3].mean(axis=0)
    up = mean - (mean @ axis) * axis
    up /= np.linalg.norm(up)
    plane = smooth[:, :3] @ np.cross(up, axis) + 1j * (smooth[:, :3] @ up)
    rate, length = turning @ axis, stride_s * COMMON_FPS
    calm = -gaussian_filter1d(rate**2, _QUIET * length)
    stances = find_peaks(calm, distance=max(0.7 * length, 1))[0]
    rows, wanted, strides = [], [], []
    for start, end in zip(stances[:-1], stances[1:], strict=True):
        if not 0.6 * length < end - start < 1.6 * length:
            continue
        own, drift = rate[start : end + 1], np.linspace(0.0, 1.0, end - start + 1)
        angle = _sum_up(own)
        force = plane[start : end + 1] * np.exp(1j * (angle - drift * angle[-1]))
        gravity = 0.5 * (force[1:] + force[:-1]).mean()
        upright = 1j * abs(gravity) / gravity
        velocity = _sum_up((force * upright / abs(gravity) - 1j) * GRAVITY_MPS2)
        velocity -= drift * velocity[-1]
        middle = 0.5 * (velocity[1:] + velocity[:-1]).mean()
        near = int(_STANCE * (end - start)) + 1
        stance = np.r_[0:near, len(own) - near : len(own)]
        gap = velocity[stance] - 1j * middle.imag
        arm = (1j * own * np.exp(1j * (angle - drift * angle[-1])) * upright)[stance]
        turned = np.stack([arm, 1j * arm], axis=1)
        rows += [(turned - turned.mean(axis=0)).real, turned.imag]
        wanted += [(gap - gap.mean()).real, gap.imag]
        strides.append(
            (end - start, middle.real, turned.mean(axis=0).real, gap.mean().real, own[[0, -1]].mean())
        )
    if not strides:
        return {}
    matrix, trust = np.concatenate(rows), _TOGETHER * (_VELOCITY_SD / _ARM_SD_M) ** 2
    usual = trust * np.array([0.0, _ARM[site[:-2]] * height_m])
    place = np.linalg.solve(matrix.T @ matrix + trust * np.eye(2), matrix.T @ np.concatenate(wanted) + usual)
    speeds = np.array([middle + turned @ place - gap for _, middle, turned, gap, _ in strides])
    speed = float(np.average(speeds, weights=[stride[0] for stride in strides]))
    rock = np.sign(speed) * np.mean([stride[-1] for stride in strides])  # forward is where the walk goes
    return {"speed": abs(speed), "rock": float(rock), "arm": float(place[1]),
            "uneven": float(speeds.std() / max(abs(speed), 0.05))}  # fmt: skip


def _sum_up(signal: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(0.5 * (signal[1:] + signal[:-1]))]) / COMMON_FPS


def _integrate(signal: np.ndarray, period_s: float, times: int) -> np.ndarray:
    """Integrate in the frequency domain, without what is slower than the period."""
    spectrum = np.fft.rfft(signal - signal.mean())
    frequency = np.fft.rfftfreq(len(signal), 1 / COMMON_FPS)
    keep = frequency > 0.7 / period_s
    spectrum[keep] /= (2j * np.pi * frequency[keep]) ** times
    return np.fft.irfft(np.where(keep, spectrum, 0.0), len(signal))
