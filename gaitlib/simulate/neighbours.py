"""Which solved gait is nearest to a request: standardised features of body, task and impairment.

The whole range of each group of features counts about alike: speed and stride time by dynamic similarity,
size, build, age, strength per group and side, contracture, spasticity, and the parts that act everywhere.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.body.specification import GRAVITY_MPS2
from gaitlib.cohorts.growth import STEP_LENGTH_EXPONENT, STEP_LENGTH_FACTOR
from gaitlib.person import IMPAIRMENT_COLUMNS, Impairment, Person

_HEALTHY = Impairment().flatten()
_WEIGHT = {
    "weakness": 0.7,
    "contracture": 1.7,
    "spasticity": 0.17,
    "stoop_deg": 0.7 / 40,
    "coactivation": 1.4,
    "limit": 0.7 / 30,
    "tone": 1.4,
    "tilt_deg": 0.7 / 30,
}
"""Distance per unit of a part, on one side where it has sides; 0.7 for those not named (0-1 scales)."""
_WEIGHTS = np.array(
    [_WEIGHT.get(name, _WEIGHT.get(name.partition("_")[0], 0.7)) for name in IMPAIRMENT_COLUMNS]
)
_PROBLEM_WEIGHT = 0.5
"""Reflexes, and a stride time that the cost chooses, make it another problem."""
_KIND_WEIGHT = 0.15
"""Half a stride and a whole one serve each other."""
_REFLEX = [n for n, name in enumerate(IMPAIRMENT_COLUMNS) if name.startswith(("spasticity", "coactivation"))]


def compute_features(request) -> np.ndarray:
    """Place of a request among others; shape (n_features,)."""
    from gaitlib.simulate.request import describe_request

    leg = compute_dimensions(request.person).leg_length_m
    row = {name: value for name, value in describe_request(request).items() if name != "gait_id"}
    return compute_table_features(pd.DataFrame([row | {"leg_length_m": leg}]))[0]


def compute_table_features(table: pd.DataFrame) -> np.ndarray:
    """Places of the gaits of a library; shape (n, n_features)."""
    leg = table["leg_length_m"].to_numpy() if "leg_length_m" in table else _compute_legs(table)
    natural_s = np.sqrt(leg / GRAVITY_MPS2)
    speed = table["asked_speed_mps"].to_numpy() * natural_s / leg
    typical = 2 * STEP_LENGTH_FACTOR * speed ** (STEP_LENGTH_EXPONENT - 1)
    asked = table["asked_stride_time_s"].to_numpy(dtype=float) / natural_s
    free = np.isnan(asked)
    kind = table["kind"] if "kind" in table else pd.Series("half", index=table.index)
    impairment = np.column_stack(
        [table[n] if n in table else np.full(len(table), _HEALTHY[n]) for n in IMPAIRMENT_COLUMNS]
    )
    task = np.column_stack(
        [
            3 * speed,
            0.75 * np.where(free, typical, asked),
            _PROBLEM_WEIGHT * free,
            2 * np.log(leg),
            0.5 * np.log(table["mass_kg"] / leg**3),
            np.maximum(table["age_years"], 40) / 60,
            _KIND_WEIGHT * (kind == "stride"),
            _PROBLEM_WEIGHT * (impairment[:, _REFLEX].max(axis=1) > 0),
        ]
    )
    return np.hstack([task.astype(float), impairment.astype(float) * _WEIGHTS])


def _compute_legs(table: pd.DataFrame) -> np.ndarray:
    people = table[list(Person.model_fields)].to_dict("records")
    return np.array([compute_dimensions(Person(**values)).leg_length_m for values in people])


def find_nearest(table: pd.DataFrame, request) -> str:
    """Find the verified gait nearest to a request."""
    verified = table[table["verified"].astype(bool)]
    distance = np.linalg.norm(compute_table_features(verified) - compute_features(request), axis=1)
    return str(verified["gait_id"].iloc[int(np.argmin(distance))])
