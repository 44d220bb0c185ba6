"""The real-trained baseline: ridge regression on clip measures, cross-validated by person.

Unlike the synthetic-trained network it learns from real people, so it may only be judged on people left
out. The penalty is chosen inside each training part, again by person (nested cross-validation; Varma &
Simon 2006, doi 10.1186/1471-2105-7-91). It receives arrays and tables and reads no data itself.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.errors import InputError
from gaitlib.estimate.features import SIDE_FEATURES, compute_features, get_height

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
