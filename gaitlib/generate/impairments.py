"""Impairments as columns of a table: which there are, their ranges, and how tables may name them.

A column is `<part>_<group>_<side>` for what is given per side, or the name of a scalar part, as in
`gaitlib.person.Impairment`. Tables may also name both sides at once (`<part>_<group>`) or, in the first
release of the library, weakness as `strength_<group>`. A library that knows fewer parts is healthy in the
others.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gaitlib.gait import MUSCLE_GROUPS, SIDES
from gaitlib.person import STRENGTH_GROUPS

PER_SIDE: dict[str, tuple[tuple[str, ...], float, float, float]] = {
    "weakness": (tuple(STRENGTH_GROUPS), 0.1, 1.0, 1.0),
    "contracture": (MUSCLE_GROUPS, 0.6, 1.0, 1.0),
    "spasticity": (MUSCLE_GROUPS, 0.0, 3.0, 0.0),
}
"""Part -> groups, lowest, highest and healthy value (share of strength left, share of fibre length, gain)."""

SCALARS = {
    "rigidity": 1.0,
    "coactivation": 0.5,
    "bradykinesia": 0.7,
    "stoop_deg": 45.0,
    "balance_margin": 1.0,
}
"""Scalar part -> highest value; all begin at 0, which is healthy."""

PAIRS = tuple(f"{part}_{group}" for part, (groups, *_) in PER_SIDE.items() for group in groups)
"""Columns that stand for both sides alike."""

COLUMNS = tuple(f"{pair}_{side}" for pair in PAIRS for side in SIDES) + tuple(SCALARS)
"""Every impairment in full: each side of each pair, then the scalars."""


def strip_side(name: str) -> str:
    """Take the side off the name of a column.

    Parameters
    ----------
    name : str
        Such as 'weakness_plantarflexors_r'.

    Returns
    -------
    str
        Such as 'weakness_plantarflexors'; names without a side as they are.
    """
    return name[:-2] if name[-2:] in ("_r", "_l") else name


def get_range(name: str) -> tuple[float, float]:
    """Get the range of an impairment.

    Parameters
    ----------
    name : str
        Column with or without side.

    Returns
    -------
    tuple of float
        Lowest and highest value.
    """
    if name in SCALARS:
        return 0.0, SCALARS[name]
    return PER_SIDE[name.partition("_")[0]][1:3]


def get_healthy(name: str) -> float:
    """Get the value of an impairment that hinders nothing.

    Parameters
    ----------
    name : str
        Column with or without side.

    Returns
    -------
    float
    """
    return 0.0 if name in SCALARS else PER_SIDE[name.partition("_")[0]][3]


def is_impairment(name: str) -> bool:
    """Tell whether a column holds an impairment, by any of its names.

    Parameters
    ----------
    name : str
        Name of a column.

    Returns
    -------
    bool
    """
    name = strip_side(_rename(str(name)))
    return name in SCALARS or name in PAIRS


def spread_impairments(table: pd.DataFrame, missing: float | str = "healthy") -> pd.DataFrame:
    """Lay out the impairments of a table in full.

    Parameters
    ----------
    table : DataFrame
        With any of the names that the module tells; other columns do not matter.
    missing : 'healthy' or float
        What a column that the table lacks holds.

    Returns
    -------
    DataFrame
        Columns `COLUMNS`, index as `table`. The name with a side goes before the name of both sides.
    """
    given = {}
    for column in table.columns:
        if is_impairment(column):
            given[_rename(str(column))] = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float)
    full = {}
    for name in COLUMNS:
        value = given.get(name, given.get(strip_side(name)))
        if value is None:
            value = np.full(len(table), get_healthy(name) if missing == "healthy" else missing)
        full[name] = value
    return pd.DataFrame(full, index=table.index)


def choose_columns(full: pd.DataFrame) -> tuple[tuple[str, ...], dict[str, float]]:
    """Choose the columns that tell the gaits of a library apart.

    Parameters
    ----------
    full : DataFrame
        As `spread_impairments`.

    Returns
    -------
    names : tuple of str
        A pair where both sides are always alike, each side where they are not, scalars; only what varies.
    constants : dict of str to float
        The other pairs and scalars with the one value that they have.
    """
    names, constants = [], {}
    for pair in (*PAIRS, *SCALARS):
        columns = [pair] if pair in SCALARS else [f"{pair}_{side}" for side in SIDES]
        values = full[columns].to_numpy()
        if np.ptp(values) < 1e-9:
            constants[pair] = float(values.flat[0])
        elif np.abs(values - values[:, :1]).max() < 1e-9:
            names.append(pair)
        else:
            names += columns
    return tuple(names), constants


def _rename(name: str) -> str:
    old = name.removeprefix("strength_")
    return f"weakness_{old}" if old != name else name
