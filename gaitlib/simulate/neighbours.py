"""Which solved gait is nearest to a request: standardised features of body, task and impairment.

The whole range of each group of features counts about alike: speed and stride time by dynamic similarity,
size, build, age, strength per muscle and side, contracture, spasticity, and the parts that act everywhere.
"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.body.specification import GRAVITY_MPS2
from gaitlib.gait import MUSCLE_GROUPS, SIDES
from gaitlib.person import STRENGTH_GROUPS, Person

_MUSCLES = [(group, side) for group in MUSCLE_GROUPS for side in SIDES]
_SHORTENED = [(g, s) for g in ("hamstrings", "gastroc", "soleus", "iliopsoas", "rect_fem") for s in SIDES]
_SPASTIC = [(g, s) for g in ("hamstrings", "gastroc", "soleus", "rect_fem") for s in SIDES]
_EVERYWHERE = {"rigidity": 1.0, "coactivation": 0.5, "bradykinesia": 0.7, "stoop_deg": 40.0, "balance_margin": 1.0}
N_FEATURES = 6 + len(_MUSCLES) + len(_SHORTENED) + len(_SPASTIC) + len(_EVERYWHERE)


def compute_features(request) -> np.ndarray:
    """Place of a request among others.

    Parameters
    ----------
    request : GaitRequest
        The request.

    Returns
    -------
    array, shape (N_FEATURES,)
        Standardised features; the distance of two is their Euclidean distance.
    """
    person = request.person
    time = np.nan if request.stride_time_s is None else request.stride_time_s
    leg = compute_dimensions(person).leg_length_m
    kind = getattr(request, "kind", "half")
    return _place(person.age_years, person.mass_kg, leg, request.speed_mps, time, kind, request.impairment.model_dump())


def compute_table_features(table: pd.DataFrame) -> np.ndarray:
    """Places of the gaits of a library.

    Parameters
    ----------
    table : DataFrame
        Table of a library.

    Returns
    -------
    array, shape (n, N_FEATURES)
        As `compute_features`, row by row.
    """
    places = np.empty((len(table), N_FEATURES))
    for i, row in enumerate(table.to_dict("records")):
        leg = row.get("leg_length_m")
        if leg is None:
            leg = compute_dimensions(Person(**{name: row[name] for name in Person.model_fields})).leg_length_m
        impairment = json.loads(row["impairment"]) if "impairment" in row else {
            "weakness": {g: row[f"strength_{g}"] for g in STRENGTH_GROUPS}
        }  # fmt: skip
        places[i] = _place(row["age_years"], row["mass_kg"], leg, row["asked_speed_mps"],
                           row["asked_stride_time_s"], row.get("kind", "half"), impairment)  # fmt: skip
    return places


def find_nearest(table: pd.DataFrame, request) -> str:
    """Find the verified gait nearest to a request.

    Parameters
    ----------
    table : DataFrame
        Table of a library.
    request : GaitRequest
        What is to be solved.

    Returns
    -------
    str
        gait_id of the nearest verified gait.
    """
    verified = table[table["verified"].astype(bool)]
    distance = np.linalg.norm(compute_table_features(verified) - compute_features(request), axis=1)
    return str(verified["gait_id"].iloc[int(np.argmin(distance))])


def _place(age_years, mass_kg, leg_m, speed_mps, stride_time_s, kind, impairment: dict) -> np.ndarray:
    time = 2.0 if np.isnan(stride_time_s) else stride_time_s / np.sqrt(leg_m / GRAVITY_MPS2) / 4
    strength = _expand(impairment.get("weakness"), _MUSCLES, 1.0)
    length = _expand(impairment.get("contracture"), _SHORTENED, 1.0)
    gain = _expand(impairment.get("spasticity"), _SPASTIC, 0.0)
    return np.concatenate(
        [
            [
                3 * speed_mps / np.sqrt(leg_m * GRAVITY_MPS2),
                3 * time,
                2 * np.log(leg_m),
                0.5 * np.log(mass_kg / leg_m**3),
                max(age_years, 40) / 60,
                0.3 * (kind == "stride"),
            ],
            strength / np.sqrt(3),
            length / 0.3 / np.sqrt(4),
            gain / 3.0 / np.sqrt(4),
            [0.7 * (impairment.get(name) or 0.0) / span for name, span in _EVERYWHERE.items()],
        ]
    )


def _expand(values: dict | None, places: list[tuple[str, str]], healthy: float) -> np.ndarray:
    """Value of each muscle group and side; names are groups of strength or muscles, with or without side."""
    found = dict.fromkeys(places, healthy)
    for name, value in (values or {}).items():
        side = name[-1] if name[-2:] in ("_r", "_l") else ""
        group = name[:-2] if side else name
        for muscle in STRENGTH_GROUPS.get(group, (group,)):
            for s in side or "rl":
                if (muscle, s) in found:
                    found[muscle, s] = value
    return np.array(list(found.values()))
