"""Classical step times from inertial sensors: gyroscopes on the shanks, one accelerometer on the lower back.

Nothing here is trained. Both methods are the published ones that newer estimators are usually held against.
"""

from __future__ import annotations

import numpy as np
from scipy import signal

from gaitlib.errors import InputError

_MIN_SWING_RADPS = np.radians(50.0)
_MIN_STRIDE_S = 0.5
_STEP_S = (0.25, 1.5)
_MIN_REGULARITY = 0.3


def detect_shank_contacts(time_s: np.ndarray, angular_velocity: np.ndarray) -> np.ndarray:
    """Detect initial contacts of one leg from a gyroscope on its shank.

    1. The axis across the leg is taken as the main direction of the signal (first principal component), its
       sign such that the fastest turns, the swings, are positive. Published work aligns the sensor instead.
    2. Low-pass filter, 10 Hz, second order, no delay.
    3. Mid-swing: peaks above 50 deg/s, at least 0.5 s apart, as high as 40 % of the 95th percentile of peaks
       (so that turns on the spot are not taken for steps).
    4. Initial contact: the first minimum below zero within 0.4 s after a mid-swing.

    Salarian A et al. (2004) IEEE Trans Biomed Eng 51:1434, doi 10.1109/TBME.2004.827933.
    """
    rate, values = _check(time_s, angular_velocity)
    centred = values - np.median(values, axis=0)
    across = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
    if np.percentile(across, 99) < -np.percentile(across, 1):
        across = -across
    smooth = signal.sosfiltfilt(signal.butter(2, 10.0, fs=rate, output="sos"), across)
    swings, found = signal.find_peaks(smooth, height=_MIN_SWING_RADPS, distance=round(_MIN_STRIDE_S * rate))
    if len(swings) == 0:
        return np.array([])
    swings = swings[found["peak_heights"] >= 0.4 * np.percentile(found["peak_heights"], 95)]
    valleys = signal.find_peaks(-smooth, height=0.0)[0]
    contacts = []
    for swing in swings:
        after = valleys[(valleys > swing) & (valleys <= swing + 0.4 * rate)]
        if len(after):
            contacts.append(time_s[after[0]])
    return np.array(contacts)


def pair_steps(contacts_r: np.ndarray, contacts_l: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pair initial contacts of both feet to steps; shape (steps,)."""
    times = np.concatenate([contacts_r, contacts_l])
    feet = np.concatenate([np.zeros(len(contacts_r)), np.ones(len(contacts_l))])
    order = np.argsort(times, kind="stable")
    times, feet = times[order], feet[order]
    gap = np.diff(times)
    good = (np.diff(feet) != 0) & (gap >= _STEP_S[0]) & (gap <= _STEP_S[1])
    return times[1:][good], gap[good]


def estimate_back_step_time(time_s: np.ndarray, acceleration: np.ndarray) -> float:
    """Estimate the mean step time from an accelerometer on the lower back by autocorrelation.

    1. Vertical is the mean direction of the acceleration (gravity); its mean is removed.
    2. Band-pass filter 0.5 to 10 Hz; unbiased autocorrelation.
    3. The step is the first peak as high as 70 % of the highest; the published rule, the first dominant
       peak, leaves that number open.

    Moe-Nilssen R, Helbostad JL (2004) J Biomech 37:121, doi 10.1016/S0021-9290(03)00233-1.
    """
    rate, values = _check(time_s, acceleration)
    gravity = values.mean(axis=0)
    vertical = values @ (gravity / np.linalg.norm(gravity))
    smooth = signal.sosfiltfilt(signal.butter(2, (0.5, 10.0), "bandpass", fs=rate, output="sos"), vertical)
    n = len(smooth)
    auto = signal.correlate(smooth, smooth)[n - 1 :] / np.arange(n, 0, -1)
    auto = auto[: min(n, round(_STEP_S[1] * rate) + 2)] / auto[0]
    peaks = signal.find_peaks(auto, height=_MIN_REGULARITY)[0]
    peaks = peaks[peaks >= _STEP_S[0] * rate]
    if len(peaks) == 0:
        return float("nan")
    first = peaks[auto[peaks] >= 0.7 * auto[peaks].max()][0]
    left, middle, right = auto[first - 1 : first + 2]
    shift = 0.5 * (left - right) / (left - 2 * middle + right)
    return float((first + shift) / rate)


def _check(time_s: np.ndarray, values: np.ndarray) -> tuple[float, np.ndarray]:
    time_s, values = np.asarray(time_s, dtype=float), np.asarray(values, dtype=float)
    if values.shape != (len(time_s), 3) or not np.isfinite(values).all():
        raise InputError(f"sensor: shape {values.shape}, expected finite values of shape ({len(time_s)}, 3).")
    if len(time_s) < 2 or time_s[-1] - time_s[0] < 2.0:
        raise InputError("sensor: less than 2 s recorded, expected at least 2 s.")
    return float(1 / np.median(np.diff(time_s))), values
