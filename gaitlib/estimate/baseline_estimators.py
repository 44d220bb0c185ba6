"""What the networks are compared with: published rules without training, ridge regression on real people.

The classical estimator finds events in foot paths in the image and takes its scale from body height, after
Zeni et al. 2008 (doi 10.1016/j.gaitpost.2007.07.007) for events and Stenum et al. 2021 (doi
10.1371/journal.pcbi.1008935) for the use of side-view keypoints.

1. The clip is brought to the person's measure (`gaitlib.estimate.features`).
2. Initial contact: the ankle is farthest ahead of the hips; in views from the front or the back, where
   nothing is seen of that, the step time comes from the autocorrelation of the sides' difference.
3. Speed: path of the body before a pinhole camera that stands still (`gaitlib.estimate.geometry`); step
   length: speed times step time. Where the camera moves, or the view does not tell the speed, step length is
   the distance of the ankles along the image at initial contact (the rear heel has risen by then, so this is
   too short), and speed step length over step time.
4. Leg lengths become metres with thigh + shank = 0.491 of body height (Winter 2009).

Departures: no calibration object; heels are not used, as most layouts lack them; where the focal length is
not stated a usual phone's is assumed, which from the front or the back decides the speed.

The ridge regression on clip measures learns from real people, so it may only be judged on people left out.
The penalty is chosen inside each training part, again by person (nested cross-validation; Varma & Simon
2006, doi 10.1186/1471-2105-7-91). It receives arrays and tables and reads no data itself.

Classical step times from inertial sensors come from gyroscopes on the shanks or one accelerometer on the
lower back, as published.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.errors import InputError
from gaitlib.estimate.features import (
    COMMON_FPS,
    LEGS,
    SIDE_FEATURES,
    NormalisedClip,
    compute_features,
    find_step_time,
    get_height,
    normalise_clip,
    read_keypoints,
)
from gaitlib.estimate.geometry import fit_pinhole
from gaitlib.estimate.targets import OUTCOME_NAMES, Estimate, build_abstention, build_estimate
from gaitlib.events import detect_events_from_curves

LEG_SHARE_OF_HEIGHT = 0.491
"""Thigh + shank as a share of body height (1)."""
MIN_SPREAD = 0.25
"""Ankles nearer than this at contact (leg lengths) are not a side view."""
MIN_TRAVEL_SPEED = 0.15
"""Slower travel (leg lengths per second) is taken as a moving camera or a treadmill."""
MAX_SPEED_SD = 0.3
"""Where the logarithm of the speed is less certain than an unknown lens leaves it, perspective is silent."""


def estimate_classical(keypoints: xr.Dataset, height_m: float | None = None) -> Estimate:
    """Estimate the outcomes of one clip without any learning."""
    pixels, confidence, fps, size = read_keypoints(keypoints)
    clip = normalise_clip(pixels, confidence, fps, size)
    if isinstance(clip, str):
        return build_abstention(clip)
    tracks = clip.levels, clip.levels_known, clip.inverse_scale, clip.leg_px
    fit = fit_pinhole(*tracks, COMMON_FPS, size, keypoints.attrs.get("focal_length_px"))
    height = get_height(keypoints, height_m)
    leg_m = np.nan if height is None else LEG_SHARE_OF_HEIGHT * height
    ankle, knee = (clip.relative[:, LEGS[:, k]] for k in (2, 1))
    spread = float(np.percentile(np.abs(ankle[:, 0, 0] - ankle[:, 1, 0]), 90))
    step_length = np.nan
    if spread < MIN_SPREAD:
        differences = [ankle[:, 0] - ankle[:, 1], knee[:, 0] - knee[:, 1]]
        step_time, rhythm = find_step_time(np.concatenate(differences, axis=1))
        if rhythm < 0.3:
            return build_abstention("too few steps: no rhythm found in a view from the front or the back")
    else:
        steps = _measure_steps(clip, ankle)
        if steps is None:
            return build_abstention("too few steps: fewer than three initial contacts found")
        step_length, step_time = steps
    still = fit.speed > MIN_TRAVEL_SPEED and fit.log_speed_sd < MAX_SPEED_SD
    speed = fit.speed if still else step_length / step_time
    if still:
        step_length = speed * step_time
    return _build(speed_mps=speed * leg_m, step_length_m=step_length * leg_m, step_time_s=step_time)


def _build(**found: float) -> Estimate:
    return build_estimate(np.array([found.get(name, np.nan) for name in OUTCOME_NAMES]))


def _measure_steps(clip: NormalisedClip, ankle: np.ndarray) -> tuple[float, float] | None:
    """Mean step length (leg lengths) and step time (s)."""
    time_s = np.arange(len(ankle)) / COMMON_FPS
    events = detect_events_from_curves(time_s, np.where(clip.valid[:, LEGS[:, 2]], ankle[..., 0], np.nan))
    contacts = events[events["event"] == "initial_contact"].sort_values("time_s")
    if len(contacts) < 3:
        return None
    moments, right = contacts["time_s"].to_numpy(), (contacts["foot"] == "r").to_numpy()
    apart = np.interp(moments, time_s, ankle[:, 0, 0] - ankle[:, 1, 0])
    alternating = np.flatnonzero(np.diff(right.astype(int)) != 0)
    if len(alternating) < 2:
        return None
    return float(np.mean(np.where(right, apart, -apart)[1:])), float(np.mean(np.diff(moments)[alternating]))


RIDGE_OUTCOMES = ("speed_mps", "step_length_m", "step_time_s")
"""What the regression estimates."""
PENALTIES = tuple(np.logspace(-2, 4, 13))
"""Penalties that are tried (1)."""
_KEYS = ("dataset", "subgroup", "person_id", "walk_id", "view")
_METRES = ("total_speed", "lateral_speed", "stance_speed", "ankle_spread_u", "knee_spread_u", "hip_width")


def compute_ridge_features(keypoints: xr.Dataset, height_m: float | None = None) -> tuple[np.ndarray, str]:
    """Compute the measures of one clip that the regression reads."""
    height = get_height(keypoints, height_m)
    features = compute_features(keypoints, height)
    side = features.side.astype(float)
    scaled = side[[SIDE_FEATURES.index(name) for name in _METRES]] * (height or 1.6)
    step_time = 0.55 * np.exp(side[SIDE_FEATURES.index("log_step_time")])
    length = scaled[0] * step_time
    return np.concatenate([side, scaled, [step_time, length]]), features.problem


def crossvalidate_ridge(
    clips: list[xr.Dataset],
    reference: pd.DataFrame,
    n_folds: int = 5,
    seed: int = 0,
    penalties: tuple[float, ...] = PENALTIES,
) -> pd.DataFrame:
    """Estimate each person's clips by a ridge regression trained on the other people."""
    if len(clips) != len(reference):
        raise InputError(
            f"crossvalidate_ridge: found {len(clips)} clips and {len(reference)} reference rows."
        )
    missing = [name for name in RIDGE_OUTCOMES if name not in reference.columns]
    if missing:
        raise InputError(f"crossvalidate_ridge: reference lacks {', '.join(missing)}.")
    measured = [compute_ridge_features(clip) for clip in clips]
    matrix = np.array([values for values, _ in measured])
    problems = np.array([problem for _, problem in measured], dtype=object)
    people = np.array([f"{clip.attrs.get('dataset')}/{clip.attrs.get('person_id')}" for clip in clips])
    rows = []
    for name in RIDGE_OUTCOMES:
        truth = reference[name].to_numpy(dtype=float)
        usable = (problems == "") & np.isfinite(truth)
        estimate = np.full(len(clips), np.nan)
        if len(np.unique(people[usable])) < 3:
            raise InputError(f"crossvalidate_ridge: {name} is known for fewer than three people.")
        estimate[usable] = predict_left_out(
            matrix[usable], truth[usable], people[usable], n_folds, seed, penalties
        )
        for n, clip in enumerate(clips):
            row = {key: clip.attrs.get(key) for key in _KEYS} | {"outcome": name, "method": "ridge_real"}
            row |= {"reference": truth[n], "estimate": estimate[n], "lower": np.nan, "upper": np.nan}
            rows.append(row | {"status": problems[n] or ("ok" if usable[n] else "no reference")})
    return pd.DataFrame(rows)


def predict_left_out(matrix, truth, people, n_folds: int, seed: int, penalties) -> np.ndarray:
    """Predictions for each person from the others, the penalty chosen among the others by person."""
    predicted = np.full(len(truth), np.nan)
    for test in split_into_folds(people, n_folds, seed):
        train = ~test
        errors = np.zeros(len(penalties))
        for inner in split_into_folds(people[train], 5, seed):
            fitted = _fit_ridge(matrix[train][~inner], truth[train][~inner], penalties, matrix[train][inner])
            errors += np.abs(fitted - truth[train][inner]).sum(axis=1)
        best = penalties[int(np.argmin(errors))]
        predicted[test] = _fit_ridge(matrix[train], truth[train], [best], matrix[test])[0]
    return predicted


def split_into_folds(people: np.ndarray, n_folds: int, seed: int) -> list[np.ndarray]:
    """Masks of the people left out, each person once."""
    names = np.random.default_rng(seed).permutation(np.unique(people))
    return [np.isin(people, part) for part in np.array_split(names, min(n_folds, len(names)))]


def _fit_ridge(matrix, truth, penalties, new) -> np.ndarray:
    """Ridge regression on standardised columns by singular values: predictions, shape (n_penalty, n_new)."""
    centre, scale = matrix.mean(axis=0), matrix.std(axis=0)
    scale = np.where(scale > 1e-9, scale, np.inf)
    left, values, right = np.linalg.svd((matrix - centre) / scale, full_matrices=False)
    shrunk = values / (values**2 + np.asarray(penalties)[:, None])
    weights = (shrunk * (left.T @ (truth - truth.mean()))) @ right
    return truth.mean() + weights @ ((new - centre) / scale).T


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
    from scipy import signal  # heavy

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
    from scipy import signal  # heavy

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
