"""What the networks are compared with: geometry without training, and ridge regression on real people.

The classical estimator finds events in foot paths in the image and takes its scale from body height, after
Zeni et al. 2008 (doi 10.1016/j.gaitpost.2007.07.007) for events and Stenum et al. 2021 (doi
10.1371/journal.pcbi.1008935) for the use of side-view keypoints.

1. The clip is brought to the person's measure (`gaitlib.estimate.normalise`).
2. Initial contact: the ankle is farthest ahead of the hips; in views from the front or the back, where
   nothing is seen of that, the step time comes from the autocorrelation of the sides' difference.
3. Step length: distance of the ankles along the image at initial contact. Speed: travel of the hips in a
   fixed camera, else step length over step time.
4. Leg lengths become metres with thigh + shank = 0.491 of body height (Winter 2009).

Departures: no calibration object; heels are not used, as most layouts lack them; views from the front or
the back give the step time alone.

The ridge regression on clip measures learns from real people, so it may only be judged on people left out.
The penalty is chosen inside each training part, again by person (nested cross-validation; Varma & Simon
2006, doi 10.1186/1471-2105-7-91). It receives arrays and tables and reads no data itself.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.errors import InputError
from gaitlib.estimate.autocorrelation import find_step_time
from gaitlib.estimate.features import SIDE_FEATURES, compute_features, get_height, read_keypoints
from gaitlib.estimate.normalise import (
    COMMON_FPS,
    LEGS,
    NormalisedClip,
    build_basis,
    fit_lines,
    normalise_clip,
)
from gaitlib.estimate.result import Estimate, build_abstention, build_estimate
from gaitlib.estimate.targets import OUTCOME_NAMES
from gaitlib.events import detect_events_from_curves

LEG_SHARE_OF_HEIGHT = 0.491
"""Thigh + shank as a share of body height (1)."""
MIN_SPREAD = 0.25
"""Ankles nearer than this at contact (leg lengths) are not a side view."""
MIN_TRAVEL_SPEED = 0.15
"""Slower travel in the image (leg lengths per second) is taken as a moving camera or a treadmill."""


def estimate_classical(keypoints: xr.Dataset, height_m: float | None = None) -> Estimate:
    """Estimate the outcomes of one clip without any learning."""
    clip = normalise_clip(*read_keypoints(keypoints))
    if isinstance(clip, str):
        return build_abstention(clip)
    ankle = clip.relative[:, LEGS[:, 2]]
    spread = float(np.percentile(np.abs(ankle[:, 0, 0] - ankle[:, 1, 0]), 90))
    height = get_height(keypoints, height_m)
    leg_m = np.nan if height is None else LEG_SHARE_OF_HEIGHT * height
    if spread < MIN_SPREAD:
        knee = clip.relative[:, LEGS[:, 1]]
        step_time, rhythm = find_step_time(
            np.concatenate([ankle[:, 0] - ankle[:, 1], knee[:, 0] - knee[:, 1]], axis=1)
        )
        if rhythm < 0.3:
            return build_abstention("too few steps: no rhythm found in a view from the front or the back")
        return _build(step_time_s=step_time)
    steps = _measure_steps(clip, ankle)
    if steps is None:
        return build_abstention("too few steps: fewer than three initial contacts found")
    step_length, step_time = steps
    travel = fit_lines(clip.travel[:, :1], np.ones((len(clip.travel), 1)), build_basis(len(clip.travel)))[
        0, 1
    ]
    speed = abs(travel) if abs(travel) > MIN_TRAVEL_SPEED else step_length / step_time
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
        estimate[usable] = _predict_left_out(
            matrix[usable], truth[usable], people[usable], n_folds, seed, penalties
        )
        for n, clip in enumerate(clips):
            row = {key: clip.attrs.get(key) for key in _KEYS} | {"outcome": name, "method": "ridge_real"}
            row |= {"reference": truth[n], "estimate": estimate[n], "lower": np.nan, "upper": np.nan}
            rows.append(row | {"status": problems[n] or ("ok" if usable[n] else "no reference")})
    return pd.DataFrame(rows)


def _predict_left_out(matrix, truth, people, n_folds: int, seed: int, penalties) -> np.ndarray:
    """Predictions for each person from the others, the penalty chosen among the others by person."""
    predicted = np.full(len(truth), np.nan)
    for test in _split_people(people, n_folds, seed):
        train = ~test
        errors = np.zeros(len(penalties))
        for inner in _split_people(people[train], 5, seed):
            fitted = _fit_ridge(matrix[train][~inner], truth[train][~inner], penalties, matrix[train][inner])
            errors += np.abs(fitted - truth[train][inner]).sum(axis=1)
        best = penalties[int(np.argmin(errors))]
        predicted[test] = _fit_ridge(matrix[train], truth[train], [best], matrix[test])[0]
    return predicted


def _split_people(people: np.ndarray, n_folds: int, seed: int) -> list[np.ndarray]:
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
