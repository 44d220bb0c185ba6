"""Estimates from insoles of real people beside what was measured, and what learns from these people."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch import nn

from gaitlib.errors import InputError
from gaitlib.estimate.baseline_estimators import predict_left_out, split_into_folds
from gaitlib.estimate.estimator_network import GaitNetwork, batch_features
from gaitlib.estimate.features import ClipFeatures
from gaitlib.estimate.insole_features import (
    COURSE,
    INSOLE_FEATURES,
    STEADY,
    compute_insole_features,
    find_steady_strides,
    scale_force,
)
from gaitlib.events import CONTACT_N
from gaitlib.gait import GRAVITY_MPS2
from gaitlib.generate.network_training import take_step

RIDGE_FEATURES = ("log_height", "log_step_time", *(f"start_{name}" for name in STEADY[1:]),
                  *(f"log_{name}" for name in COURSE))  # fmt: skip
"""What the ridge regression on real people reads."""
_ABOUT = ("origin", "dataset", "subgroup", "person_id", "walk_id", "task", "hoehn_yahr")
_PENALTIES = (1.0, 3.0, 10.0, 30.0, 100.0)
_BATCH, _EPOCHS, _LEARNING_RATE = 16, 20, 1e-3


def compute_walk_features(walks: list[xr.Dataset]) -> list[ClipFeatures]:
    """Compute the features of walks on insoles; what is not known of a person is left open."""
    names = ("height_m", "mass_kg", "age_years")
    given = [[float(walk.attrs.get(name, np.nan)) for name in names] for walk in walks]
    return [
        compute_insole_features(walk, *(value if np.isfinite(value) else None for value in facts))
        for walk, facts in zip(walks, given, strict=True)
    ]


def measure_force(walk: xr.Dataset) -> dict[str, float]:
    """Measure what the force itself tells (steady strides), and step length with speed.

    Contact is 20 N of the person's weight above what the insole tells in swing, as in training: what a shoe
    presses on its cells while the foot is in the air is no contact, and newtons of insoles may be off.
    """
    force = walk["force"].sel(foot=["r", "l"]).transpose("time", "foot").values
    weight_n = float(walk.attrs.get("mass_kg", np.nan)) * GRAVITY_MPS2
    weight_n = weight_n if np.isfinite(weight_n) else float(np.nanmean(force.sum(axis=1)))
    fps, found = float(walk.attrs["fps"]), {"speed_mps": float(walk.attrs["reference_speed_mps"])}
    scaled = scale_force(force, fps)
    strides = scaled if isinstance(scaled, str) else find_steady_strides(scaled, fps, CONTACT_N / weight_n)
    if not isinstance(strides, str):
        found |= strides.measure()
        found["step_length_m"] = found["speed_mps"] * found["step_time_s"]
    return found


def tabulate_insoles(
    walks: list[xr.Dataset], features: list[ClipFeatures], estimator, seed: int
) -> pd.DataFrame:
    """Estimate walks by the estimator, and by a ridge regression on the other people; one row per outcome."""
    answers = estimator.predict_features(features)
    measured = [measure_force(walk) for walk in walks]
    people = np.array([walk.attrs["person_id"] for walk in walks])
    usable = np.array([not item.problem for item in features])
    matrix = np.array([item.side for item in features])[:, [INSOLE_FEATURES.index(n) for n in RIDGE_FEATURES]]
    rows = []
    for outcome in dict.fromkeys(name for found in measured for name in found):
        truth = np.array([found.get(outcome, np.nan) for found in measured])
        ridge = np.full(len(walks), np.nan)
        rows_known = usable & np.isfinite(truth)
        ridge[rows_known] = predict_left_out(
            matrix[rows_known], truth[rows_known], people[rows_known], 10, seed, _PENALTIES
        )
        for n in np.flatnonzero(np.isfinite(truth)):
            row = {key: walks[n].attrs[key] for key in _ABOUT}
            row |= {"view": "insole", "outcome": outcome, "reference": truth[n], "method": "synthetic"}
            row["status"] = answers[n].status.split(":")[0].split(" (")[0]
            value = answers[n].values.get(outcome)
            ends = {} if value is None else {"lower": value.lower, "upper": value.upper}
            rows.append(row | ({} if value is None else {"estimate": value.value} | ends))
            status = "ok" if usable[n] else row["status"]
            rows.append(row | {"method": "ridge_real", "estimate": ridge[n], "status": status})
    return pd.DataFrame(rows)


def crossvalidate_task(
    start: GaitNetwork,
    features: list[ClipFeatures],
    positive: np.ndarray,
    people: np.ndarray,
    n_real: int,
    seed: int = 0,
    n_folds: int = 3,
) -> np.ndarray:
    """Tell two groups of people apart by a network that is trained on `n_real` other people.

    The network begins as `start`, with a new last layer; returns a score for each clip.
    """
    score = np.full(len(features), np.nan)
    for number, test in enumerate(split_into_folds(people, n_folds, seed)):
        rng = np.random.default_rng([seed, number])
        names = rng.permutation(np.unique(people[~test]))
        if n_real > len(names):
            raise InputError(f"crossvalidate_task: {n_real} people wanted, a fold leaves {len(names)}.")
        chosen = _draw_both(names, positive, people, n_real)
        score[test] = _fit_task(start, features, positive, np.flatnonzero(np.isin(people, chosen)),
                                np.flatnonzero(test), rng)  # fmt: skip
    return score


def _draw_both(names: np.ndarray, positive: np.ndarray, people: np.ndarray, n_real: int) -> list:
    """The first people of a random order, taken from both groups in turn as long as there are some."""
    sick = {name: bool(positive[people == name][0]) for name in names}
    queues = [[name for name in names if sick[name] == which] for which in (True, False)]
    chosen: list = []
    while len(chosen) < n_real:
        for queue in queues:
            chosen += [queue.pop(0)] if queue and len(chosen) < n_real else []
    return chosen


def _fit_task(start: GaitNetwork, features, positive, rows, test, rng: np.random.Generator) -> np.ndarray:
    network = copy.deepcopy(start)
    last = nn.Linear(network.head[-1].in_features, 1)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    hidden: dict = {}
    network.head[-1].register_forward_pre_hook(lambda _, given: hidden.update(last=given[0]))
    optimiser = torch.optim.AdamW(
        [*network.parameters(), *last.parameters()], lr=_LEARNING_RATE, weight_decay=1e-2
    )

    def answer(part) -> torch.Tensor:
        network(batch_features([features[n] for n in part]))
        return last(hidden["last"])[:, 0]

    network.train()
    for _ in range(_EPOCHS):
        order = rng.permutation(rows)
        for part in np.array_split(order, max(1, len(order) // _BATCH)):
            wanted = torch.tensor(positive[part], dtype=torch.float32)
            take_step(optimiser, nn.functional.binary_cross_entropy_with_logits(answer(part), wanted))
    network.eval()
    with torch.no_grad():
        return answer(test).numpy()
