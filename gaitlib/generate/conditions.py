"""What a generated stride can be asked for: names, ranges and the vector of conditions."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gaitlib.errors import InputError
from gaitlib.person import STRENGTH_GROUPS

BASE_CONDITIONS = ("age_years", "sex", "height_m", "mass_kg", "speed_mps", "stride_time_s")
STRENGTH_CONDITIONS = tuple(f"strength_{group}" for group in STRENGTH_GROUPS)
CONDITIONS = BASE_CONDITIONS + STRENGTH_CONDITIONS
"""Every condition may be left open: leave the column out or the cell empty. An open condition is
sampled as the library has it (where the study prescribed the stride time, as the study spread it)."""

_RANGES = {
    "age_years": (3.0, 95.0),
    "height_m": (0.85, 2.10),
    "mass_kg": (10.0, 160.0),
    "speed_mps": (0.1, 3.0),
    "stride_time_s": (0.4, 3.0),
}
_STRENGTH_RANGE = (0.1, 1.0)
_BODY_MASS_INDEX = (11.0, 45.0)
_LOGARITHMIC = frozenset(_RANGES)
_DERIVED = (
    {"speed_mps": 1.0, "stride_time_s": 1.0, "height_m": -1.0},
    {"speed_mps": 1.0, "height_m": -0.5},
    {"stride_time_s": 1.0, "height_m": -0.5},
    {"mass_kg": 1.0, "height_m": -2.0},
)
"""Exponents of what counts for a gait by dynamic similarity: step length over height, speed and stride time
without dimension, body mass index."""

_EXTRA_COLUMNS = frozenset({"gait_id", "person_id", "cohort", "walk_id"})


@dataclass(frozen=True)
class ConditionScale:
    """Centre and spread of the transformed conditions of a library.

    Positive quantities enter as logarithms, sex as -1 (f) and +1 (m), strengths as they are. `lower` and
    `upper` are the ends of the library, to which values that were left open are held. `derived` (4, n) gives
    the standardised dimensionless quantities (step length, speed, stride time, body mass index) as sums of
    standardised conditions.
    """

    names: tuple[str, ...]
    mean: np.ndarray
    scale: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    derived: np.ndarray

    def encode(self, values: pd.DataFrame) -> np.ndarray:
        """Standardise conditions.

        Parameters
        ----------
        values : DataFrame
            Columns `names` in their own units; missing columns and empty cells are open.

        Returns
        -------
        array, shape (n, len(names))
            Standardised values, NaN where open.
        """
        return (transform_conditions(values, self.names) - self.mean) / self.scale

    def decode(self, standardised: np.ndarray) -> pd.DataFrame:
        """Bring standardised conditions back to their own units, held to the library's range.

        Parameters
        ----------
        standardised : array, shape (n, len(names))
            As `encode` returns, without NaN.

        Returns
        -------
        DataFrame
            Columns `names` (years, 'f'/'m', m, kg, m/s, share of strength).
        """
        raw = np.clip(np.asarray(standardised, dtype=float) * self.scale + self.mean, self.lower, self.upper)
        columns = {}
        for index, name in enumerate(self.names):
            if name == "sex":
                columns[name] = np.where(raw[:, index] >= 0.0, "m", "f")
            elif name in _LOGARITHMIC:
                columns[name] = np.exp(raw[:, index])
            else:
                columns[name] = raw[:, index]
        return pd.DataFrame(columns)


def fit_condition_scale(table: pd.DataFrame) -> ConditionScale:
    """Measure centre, spread and range of the conditions of a library.

    Parameters
    ----------
    table : DataFrame
        One row per gait with every column of `CONDITIONS`; further `strength_*` columns are taken too.

    Returns
    -------
    ConditionScale
        A condition that does not vary gets the spread 1.

    Raises
    ------
    InputError
        If a column is missing or holds empty cells.
    """
    missing = [name for name in CONDITIONS if name not in table]
    if missing:
        raise InputError(
            f"library table: columns {missing} are missing; found {list(table.columns)}. "
            "Load it with gaitlib.simulate.library.load_library()."
        )
    extra = [c for c in table.columns if str(c).startswith("strength_") and c not in CONDITIONS]
    names = CONDITIONS + tuple(extra)
    values = transform_conditions(table, names)
    if not np.isfinite(values).all():
        bad = [names[i] for i in np.flatnonzero(~np.isfinite(values).all(axis=0))]
        raise InputError(f"library table: columns {bad} hold empty cells; expected a value for every gait.")
    spread = values.std(axis=0)
    scale = np.where(spread > 1e-6, spread, 1.0)
    derived = np.array([[powers.get(name, 0.0) for name in names] for powers in _DERIVED]) * scale
    derived_spread = (((values - values.mean(axis=0)) / scale) @ derived.T).std(axis=0)
    return ConditionScale(
        names=names,
        mean=values.mean(axis=0),
        scale=scale,
        derived=derived / np.where(derived_spread > 1e-6, derived_spread, 1.0)[:, None],
        lower=values.min(axis=0),
        upper=values.max(axis=0),
    )


def transform_conditions(values: pd.DataFrame, names: tuple[str, ...]) -> np.ndarray:
    """Transform conditions to the scale on which they are learned.

    Parameters
    ----------
    values : DataFrame
        Conditions in their own units; columns may be missing.
    names : tuple of str
        Order of the columns wanted.

    Returns
    -------
    array, shape (n, len(names))
        log of positive quantities, -1/+1 for sex, strengths unchanged; NaN where open.
    """
    out = np.full((len(values), len(names)), np.nan)
    for index, name in enumerate(names):
        if name not in values:
            continue
        if name == "sex":
            out[:, index] = values[name].map({"f": -1.0, "m": 1.0}).to_numpy(dtype=float)
        else:
            column = values[name].to_numpy(dtype=float)
            out[:, index] = np.log(column) if name in _LOGARITHMIC else column
    return out


def check_conditions(conditions: pd.DataFrame, names: tuple[str, ...] = CONDITIONS) -> pd.DataFrame:
    """Check names and values of wanted conditions.

    Parameters
    ----------
    conditions : DataFrame
        One row per stride wanted; columns among `names`, empty cells mean open. Labels such as gait_id or
        person_id may stand beside them.
    names : tuple of str
        Conditions that the model knows.

    Returns
    -------
    DataFrame
        A copy with the known condition columns as numbers ('sex' as 'f'/'m').

    Raises
    ------
    InputError
        Listing every unknown column (with its nearest known name) and every value outside its range.
    """
    if not isinstance(conditions, pd.DataFrame) or len(conditions) == 0:
        raise InputError("conditions: found no rows; expected a table with one row per stride wanted.")
    problems = []
    for column in conditions.columns:
        if column in names or column in _EXTRA_COLUMNS:
            continue
        near = difflib.get_close_matches(str(column), names, n=1, cutoff=0.0)[0]
        problems.append(f"column '{column}' is unknown, did you mean '{near}'?")
    checked = pd.DataFrame(index=range(len(conditions)))
    for name in [n for n in names if n in conditions]:
        column = conditions[name].reset_index(drop=True)
        if name == "sex":
            wrong = ~(column.isin(["f", "m"]) | column.isna())
            expected = "'f', 'm' or empty"
            checked[name] = column
        else:
            lower, upper = _RANGES.get(name, _STRENGTH_RANGE)
            number = pd.to_numeric(column, errors="coerce").astype(float)
            wrong = (number.isna() & column.notna()) | (number < lower) | (number > upper)
            expected = f"a number from {lower:g} to {upper:g} or empty"
            checked[name] = number
        if wrong.any():
            row = int(np.flatnonzero(wrong.to_numpy())[0])
            problems.append(f"'{name}' row {row} is {column.iloc[row]!r}, expected {expected}")
    if not problems and {"height_m", "mass_kg"} <= set(checked):
        index = checked["mass_kg"] / checked["height_m"] ** 2
        wrong = (index < _BODY_MASS_INDEX[0]) | (index > _BODY_MASS_INDEX[1])
        if wrong.any():
            row = int(np.flatnonzero(wrong.to_numpy())[0])
            problems.append(f"row {row}: body mass index {index.iloc[row]:.1f} kg/m^2 is outside 11-45")
    if problems:
        raise InputError(
            "conditions: " + "; ".join(problems) + ". Known conditions: " + ", ".join(names) + "."
        )
    return checked


def hold_body_mass_index(people: pd.DataFrame, mass_is_open: np.ndarray) -> pd.DataFrame:
    """Keep sampled bodies within the range that a Person may have.

    Parameters
    ----------
    people : DataFrame
        With height_m (m) and mass_kg (kg).
    mass_is_open : array of bool, shape (n,)
        Where the mass was sampled; elsewhere the height is changed.

    Returns
    -------
    DataFrame
        A copy whose body mass index lies within 12-44 kg/m^2.
    """
    people = people.copy()
    height, mass = people["height_m"].to_numpy(), people["mass_kg"].to_numpy()
    index = mass / height**2
    held = np.clip(index, 12.0, 44.0)
    outside = held != index
    people["mass_kg"] = np.where(outside & mass_is_open, held * height**2, mass)
    new_height = np.clip(np.sqrt(mass / held), *_RANGES["height_m"])
    people["height_m"] = np.where(outside & ~mass_is_open, new_height, height)
    return people
