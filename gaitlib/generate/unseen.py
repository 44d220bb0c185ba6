"""Interpolation and extrapolation: a second flow that never saw some severities of impairment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.gait import COORDINATES, TRANSLATIONS
from gaitlib.generate.conditions import BASE_CONDITIONS, get_healthy
from gaitlib.generate.config import parse_generator_config
from gaitlib.generate.dose import split_by_dose
from gaitlib.generate.flow import GaitGenerator
from gaitlib.generate.representation import flatten_variable

FEWEST_GAITS = 5
PARTS = ("seen", "gap", "beyond")


def measure_unseen(
    flow: GaitGenerator,
    train: tuple[pd.DataFrame, xr.Dataset],
    test: tuple[pd.DataFrame, xr.Dataset],
    steps: int,
    seed: int = 0,
    folder: str | Path | None = None,
) -> pd.DataFrame:
    """Train a flow without some severities and ask it for them; deg."""
    scale = flow.representation.conditions
    parts = split_by_dose(pd.concat([scale.read(train[0]), scale.read(test[0])], ignore_index=True))
    of_train, of_test = parts[: len(train[0])], parts[len(train[0]) :]
    config = parse_generator_config(flow.config.model_dump() | {"steps": steps})
    other = GaitGenerator().fit(*_take(train, of_train == "seen"), config, seed, folder)
    result = []
    for part in PARTS:
        sets = [_take(test, of_test == part)]
        sets += [_take(train, of_train == part)] if part != "seen" else []
        sets = [pair for pair in sets if len(pair[0])]
        row = {"part": part, "n_gaits": sum(len(pair[0]) for pair in sets)}
        for name, healthy in (("asked", False), ("ignored", True)):
            errors = [_measure_errors(other, *pair, seed, healthy) for pair in sets]
            enough = row["n_gaits"] >= FEWEST_GAITS
            row[name] = float(np.concatenate(errors).mean()) if enough else np.nan
        result.append(row)
    return pd.DataFrame(result)


def _take(pair: tuple[pd.DataFrame, xr.Dataset], chosen: np.ndarray) -> tuple[pd.DataFrame, xr.Dataset]:
    rows = np.flatnonzero(chosen)
    return pair[0].iloc[rows].reset_index(drop=True), pair[1].isel(gait=rows)


def _measure_errors(
    model: GaitGenerator, table: pd.DataFrame, gaits: xr.Dataset, seed: int, healthy: bool
) -> np.ndarray:
    conditions = model.representation.conditions.read(table)
    conditions["stride_time_s"] = gaits["stride_time_s"].to_numpy()
    if healthy:
        impaired = [name for name in conditions if name not in BASE_CONDITIONS]
        conditions = conditions.assign(**{name: get_healthy(name) for name in impaired})
    _, made = model.sample(conditions, seed)
    angles = ~np.isin(COORDINATES, TRANSLATIONS)
    both = [np.degrees(flatten_variable(part, "position")[..., angles]) for part in (gaits, made)]
    return np.sqrt(((both[0] - both[1]) ** 2).mean(axis=(1, 2)))
