"""How faithful a generator is to solved gaits of people it has not seen.

For every held-out gait one or more strides are generated from its conditions. The person is the unit:
errors are first averaged within a person.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.gait import COORDINATES, TRANSLATIONS
from gaitlib.generate.checks import (
    OUTCOME_NAMES,
    OUTCOME_TOLERANCE,
    compare_with_asked,
    compute_outcomes,
)
from gaitlib.generate.correct import compute_joint_speed
from gaitlib.generate.coverage import K_NEIGHBOURS, measure_coverage, measure_memory
from gaitlib.generate.distances import place_gaits
from gaitlib.generate.foot_contact import measure_soles
from gaitlib.generate.library_input import select_verified
from gaitlib.generate.representation import GRAVITY_MPS2, build_groups, flatten_variable
from gaitlib.outcomes import OUTCOMES

_PERSON = ["age_years", "sex", "height_m", "mass_kg"]


def label_people(table: pd.DataFrame) -> np.ndarray:
    """Tell people apart; shape (n,)."""
    columns = ["person_id"] if "person_id" in table else _PERSON
    return table.groupby(columns, sort=True).ngroup().to_numpy()


def measure_fidelity(
    models: dict, train: tuple[pd.DataFrame, xr.Dataset], test: tuple[pd.DataFrame, xr.Dataset], seed: int = 0
) -> pd.DataFrame:
    """Compare generators with the solved gaits of held-out people."""
    train, test = select_verified(*train), select_verified(*test)
    table, gaits = test
    people = label_people(table)
    first = next(iter(models.values())).representation
    wanted = first.conditions.read(table).assign(stride_time_s=gaits["stride_time_s"].to_numpy())
    solved_outcomes = compute_outcomes(table, gaits)
    rows = _measure_own(table, gaits, people)
    for model_name, model in models.items():
        made_table, made = model.sample(wanted, seed)
        outcomes = compute_outcomes(made_table, made)
        met = (compare_with_asked(made_table, outcomes) <= OUTCOME_TOLERANCE).all(axis=1)
        found = [("outcomes_met", "all", "share", float(met.mean()))]
        found += _compare_outcomes(solved_outcomes, outcomes, people)
        raw_table, raw = model.sample(wanted, seed, correct=False)
        found += _measure_joint_speed(raw_table, raw, people)
        found += _compare_curves(table, made_table, gaits, made, people)
        found += _compare_distributions(table, made_table, gaits, made)
        found += _measure_places(first, train, test, made_table, made)
        found += _measure_slip(made_table, made)
        found.append(_compare_open_time(model, wanted, table, seed))
        rows += [(model_name, *row) for row in found]
    result = pd.DataFrame(rows, columns=["model", "measure", "part", "unit", "value"])
    return result.assign(n_people=len(np.unique(people)), n_gaits=len(table))


def summarise_fidelity(fidelity: pd.DataFrame) -> pd.DataFrame:
    """One row per measure and part, one column per model."""
    table = fidelity.copy()
    wide = table["measure"] == "wasserstein"
    table.loc[wide, "part"] = table.loc[wide, "part"].str.split(":").str[0]
    return table.pivot_table(
        index=["measure", "part", "unit"], columns="model", values="value", aggfunc="mean", sort=False
    ).reset_index()


def measure_throughput(model, n: int = 2048, seed: int = 0) -> float:
    """Measure how many corrected strides a second one core generates."""
    speeds = np.random.default_rng(seed).uniform(0.7, 1.4, n)
    conditions = pd.DataFrame({"speed_mps": speeds})
    model.sample(conditions.iloc[:64], seed)
    start = time.process_time()
    model.sample(conditions, seed)
    return n / (time.process_time() - start)


def _average_by_person(values: np.ndarray, people: np.ndarray) -> float:
    return float(pd.Series(values).groupby(people).mean().mean())


def _measure_own(table, gaits, people) -> list[tuple]:
    return [
        ("solved", *row)
        for row in [*_measure_joint_speed(table, gaits, people), *_measure_slip(table, gaits)]
    ]


def _measure_joint_speed(table, gaits, people) -> list[tuple]:
    speed = table["speed_mps"].to_numpy(dtype=float)
    error = np.abs(compute_joint_speed(table, gaits) - speed)
    return [
        ("joint_speed_mae", "all", "m/s", _average_by_person(error, people)),
        ("joint_speed_mape", "all", "%", 100 * _average_by_person(error / speed, people)),
    ]


def _measure_slip(table, gaits) -> list[tuple]:
    slip = measure_soles(table, gaits)["slip_m"]
    return [("slip", "median", "m", slip.median()), ("slip", "p95", "m", slip.quantile(0.95))]


def _compare_outcomes(solved: pd.DataFrame, made: pd.DataFrame, people: np.ndarray) -> list[tuple]:
    rows = []
    for name in OUTCOME_NAMES:
        error = (made[name] - solved[name]).abs().to_numpy()
        unit = OUTCOMES[name].unit
        rows.append(("outcome_mae", name, unit, _average_by_person(error, people)))
        share = error / solved[name].to_numpy()
        rows.append(("outcome_mape", name, "%", 100 * _average_by_person(share, people)))
    return rows


def _compare_open_time(model, wanted, table, seed) -> tuple:
    """Distance of sampled stride times, all else known, from those of the held-out gaits."""
    made, _ = model.sample(wanted.drop(columns="stride_time_s"), seed, correct=False)
    solved = np.sort(table["stride_time_s"].to_numpy(dtype=float))
    distance = np.abs(np.sort(made["stride_time_s"].to_numpy()) - solved).mean()
    return ("open_stride_time", "wasserstein", "SD", distance / solved.std())


def _read_curves(table: pd.DataFrame, gaits: xr.Dataset, name: str) -> np.ndarray:
    """Curves in units that compare across people: deg, share of height, 0-1, body weights, N m/kg."""
    values = flatten_variable(gaits, name)
    mass = table["mass_kg"].to_numpy(dtype=float)[:, None, None]
    if name == "position":
        length = np.isin(COORDINATES, TRANSLATIONS)
        values = np.where(
            length, values / table["height_m"].to_numpy(dtype=float)[:, None, None], np.degrees(values)
        )
        travel = values[:, -1:, :1] * 0.0 + np.linspace(0.0, 1.0, values.shape[1])[None, :, None]
        index = COORDINATES.index("pelvis_tx")
        forward = values[..., index : index + 1]
        values[..., index : index + 1] = (
            forward - forward[:, :1] - travel * (forward[:, -1:] - forward[:, :1])
        )
    elif name == "ground_force":
        values = values / (mass * GRAVITY_MPS2)
    elif name == "joint_moment":
        values = values / mass
    return values


def _compare_curves(table, made_table, gaits, made, people) -> list[tuple]:
    rows = []
    angles = ~np.isin(COORDINATES, TRANSLATIONS)
    units = {"position": "deg", "activation": "1", "ground_force": "body weights", "joint_moment": "N m/kg"}
    for name, unit in units.items():
        difference = _read_curves(table, gaits, name) - _read_curves(made_table, made, name)
        if name in ("position", "joint_moment"):
            difference = difference[..., angles]
        error = np.sqrt((difference**2).mean(axis=(1, 2)))
        rows.append(("curve_rmse", name, unit, _average_by_person(error, people)))
    return rows


def _compare_distributions(table, made_table, gaits, made) -> list[tuple]:
    rows = []
    for group in build_groups():
        solved = _read_curves(table, gaits, group.name)[:, :-1:4]
        other = _read_curves(made_table, made, group.name)[:, :-1:4]
        distance = np.abs(np.sort(solved, axis=0) - np.sort(other, axis=0)).mean(axis=(0, 1))
        spread = np.sqrt(solved.var(axis=0).mean(axis=0))
        for index, channel in enumerate(group.channels):
            if spread[index] > 1e-6:
                rows.append(("wasserstein", f"{group.name}:{channel}", "SD", distance[index] / spread[index]))
    return rows


def _measure_places(representation, train, test, made_table, made) -> list[tuple]:
    known, held_out, new = (place_gaits(representation, *pair) for pair in (train, test, (made_table, made)))
    found = measure_memory(new, known, held_out)
    if min(len(held_out), len(new)) > K_NEIGHBOURS:
        found |= measure_coverage(held_out, new)
    return [(name, "all", "1", value) for name, value in found.items()]
