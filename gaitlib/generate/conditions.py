"""What a generated stride can be asked for: person, speed, stride time and impairments, columns of a table.

The column of an impairment is `<part>_<group>_<side>` for what is given per side, or the name of a scalar
part, as in `gaitlib.person.Impairment`. Tables may also name both sides at once (`<part>_<group>`). A library
that knows fewer parts is healthy in the others.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gaitlib.errors import InputError
from gaitlib.gait import SIDES
from gaitlib.person import PER_SIDE, SCALAR_PARTS

PAIRS = tuple(f"{part}_{group}" for part, (groups, *_) in PER_SIDE.items() for group in groups)
"""Columns that stand for both sides alike."""

COLUMNS = tuple(f"{pair}_{side}" for pair in PAIRS for side in SIDES) + tuple(SCALAR_PARTS)
"""Every impairment in full: each side of each pair, then the scalars."""


def strip_side(name: str) -> str:
    """Take the side off the name of a column."""
    return name[:-2] if name[-2:] in ("_r", "_l") else name


def get_range(name: str) -> tuple[float, float]:
    """Get the range of an impairment."""
    if name in SCALAR_PARTS:
        return SCALAR_PARTS[name]
    return PER_SIDE[name.partition("_")[0]][1:3]


def get_healthy(name: str) -> float:
    """Get the value of an impairment that hinders nothing."""
    return 0.0 if name in SCALAR_PARTS else PER_SIDE[name.partition("_")[0]][3]


def is_impairment(name: str) -> bool:
    """Tell whether a column holds an impairment, by any of its names."""
    name = strip_side(str(name))
    return name in SCALAR_PARTS or name in PAIRS


def spread_impairments(table: pd.DataFrame, missing: float | str = "healthy") -> pd.DataFrame:
    """Lay out the impairments of a table in full."""
    given = {}
    for column in table.columns:
        if is_impairment(column):
            given[str(column)] = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float)
    full = {}
    for name in COLUMNS:
        value = given.get(name, given.get(strip_side(name)))
        if value is None:
            value = np.full(len(table), get_healthy(name) if missing == "healthy" else missing)
        full[name] = value
    return pd.DataFrame(full, index=table.index)


def choose_columns(full: pd.DataFrame) -> tuple[tuple[str, ...], dict[str, float]]:
    """Choose the columns that tell the gaits of a library apart."""
    names, constants = [], {}
    for pair in (*PAIRS, *SCALAR_PARTS):
        columns = [pair] if pair in SCALAR_PARTS else [f"{pair}_{side}" for side in SIDES]
        values = full[columns].to_numpy()
        if np.ptp(values) < 1e-9:
            constants[pair] = float(values.flat[0])
        elif np.abs(values - values[:, :1]).max() < 1e-9:
            names.append(pair)
        else:
            names += columns
    return tuple(names), constants


BASE_CONDITIONS = ("age_years", "sex", "height_m", "mass_kg", "speed_mps", "stride_time_s")
CONDITIONS = BASE_CONDITIONS + PAIRS + COLUMNS
"""Every condition may be left open: leave the column out or the cell empty. An open condition is
sampled as the library has it (where the study prescribed the stride time, as the study spread it). A name
without side means both sides. Conditions that never vary in a library cannot be asked for another value."""

_RANGES = {
    "age_years": (3.0, 95.0),
    "height_m": (0.85, 2.10),
    "mass_kg": (10.0, 160.0),
    "speed_mps": (0.1, 3.0),
    "stride_time_s": (0.4, 5.0),
}
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

    `names` are the conditions that tell the library's gaits apart; an impairment has one entry where both
    sides are always alike and one per side where they are not. Positive quantities enter as logarithms, sex
    as -1 (f) and +1 (m), impairments as they are. `lower` and `upper` are the ends of the library, to which
    values that were left open are held. `derived` (4, n) gives the standardised dimensionless quantities
    (step length, speed, stride time, body mass index) as sums of standardised conditions. `constants` are
    the impairments that never vary.
    """

    names: tuple[str, ...]
    mean: np.ndarray
    scale: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    derived: np.ndarray
    constants: dict[str, float]

    def encode(self, values: pd.DataFrame) -> np.ndarray:
        """Standardise conditions; shape (n, len(names)."""
        return (transform_conditions(values, self.names) - self.mean) / self.scale

    def decode(self, standardised: np.ndarray) -> pd.DataFrame:
        """Bring standardised conditions back to their own units, held to the library's range."""
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

    def read(self, table: pd.DataFrame) -> pd.DataFrame:
        """Read the conditions of a table by the names of this scale."""
        full = spread_impairments(table, missing=np.nan)
        columns = {}
        for name in self.names:
            source = table if name in BASE_CONDITIONS else full
            key = f"{name}_{SIDES[0]}" if name in PAIRS else name
            columns[name] = source[key] if key in source else np.nan
        return pd.DataFrame(columns, index=table.index)

    def complete(self, people: pd.DataFrame) -> pd.DataFrame:
        """Lay out the impairments of `decode` in full, those that never vary included."""
        impaired = people[[name for name in self.names if name not in BASE_CONDITIONS]]
        full = spread_impairments(impaired.assign(**self.constants))
        return pd.concat([people[list(BASE_CONDITIONS)], full], axis=1)


def fit_condition_scale(table: pd.DataFrame) -> ConditionScale:
    """Measure centre, spread and range of the conditions of a library."""
    missing = [name for name in BASE_CONDITIONS if name not in table]
    if missing:
        raise InputError(
            f"library table: columns {missing} are missing; found {list(table.columns)}. "
            "Load it with gaitlib.load_library().curves."
        )
    full = spread_impairments(table)
    impaired, constants = choose_columns(full)
    names, table = BASE_CONDITIONS + impaired, table[list(BASE_CONDITIONS)].join(full)
    values = transform_conditions(table, names)
    if not np.isfinite(values).all():
        bad = [names[i] for i in np.flatnonzero(~np.isfinite(values).all(axis=0))]
        raise InputError(f"library table: columns {bad} hold empty cells; expected a value for every gait.")
    kinds = [strip_side(name) for name in names]
    pooled = [values[:, [i for i, other in enumerate(kinds) if other == kind]] for kind in kinds]
    mean = np.array([v.mean() for v in pooled])
    lower, upper = (np.array([end(v) for v in pooled]) for end in (np.min, np.max))
    # Most people lack most impairments: by its spread alone a rare one would be a huge number.
    rare = np.array([0.0 if name in BASE_CONDITIONS else 0.25 for name in names])
    spread = np.maximum([v.std() for v in pooled], rare * (upper - lower))
    scale = np.where(spread > 1e-6, spread, 1.0)
    derived = np.array([[powers.get(name, 0.0) for name in names] for powers in _DERIVED]) * scale
    derived_spread = (((values - mean) / scale) @ derived.T).std(axis=0)
    derived = derived / np.where(derived_spread > 1e-6, derived_spread, 1.0)[:, None]
    return ConditionScale(names, mean, scale, lower, upper, derived, constants)


def transform_conditions(values: pd.DataFrame, names: tuple[str, ...]) -> np.ndarray:
    """Transform conditions to the scale on which they are learned; shape (n, len(names)."""
    out = np.full((len(values), len(names)), np.nan)
    full = spread_impairments(values, missing=np.nan)
    for index, name in enumerate(names):
        if name == "sex":
            if name in values:
                out[:, index] = values[name].map({"f": -1.0, "m": 1.0}).to_numpy(dtype=float)
        elif name in _LOGARITHMIC:
            if name in values:
                out[:, index] = np.log(values[name].to_numpy(dtype=float))
        elif name in PAIRS:
            right, left = (full[f"{name}_{side}"].to_numpy() for side in SIDES)
            out[:, index] = np.where(np.isnan(right), left, right)
        else:
            out[:, index] = full[name].to_numpy()
    return out


def check_conditions(conditions: pd.DataFrame, scale: ConditionScale | None = None) -> pd.DataFrame:
    """Check names and values of wanted conditions."""
    if not isinstance(conditions, pd.DataFrame) or len(conditions) == 0:
        raise InputError("conditions: found no rows; expected a table with one row per stride wanted.")
    conditions = conditions.reset_index(drop=True)
    problems, checked = [], {}
    for column in map(str, conditions.columns):
        if column in _EXTRA_COLUMNS:
            continue
        if column not in BASE_CONDITIONS and not is_impairment(column):
            known = (*BASE_CONDITIONS, *PAIRS, *SCALAR_PARTS)
            near = difflib.get_close_matches(column, known, 1, 0.0)[0]
            problems.append(f"column '{column}' is unknown, did you mean '{near}'?")
            continue
        checked[column], wrong, expected = _check_values(column, conditions[column])
        if wrong.any():
            row = int(np.flatnonzero(wrong.to_numpy())[0])
            found = conditions[column].iloc[row]
            problems.append(f"'{column}' row {row} is {found!r}, expected {expected}")
    checked = pd.DataFrame(checked, index=conditions.index)
    if not problems and {"height_m", "mass_kg"} <= set(checked):
        index = checked["mass_kg"] / checked["height_m"] ** 2
        wrong = (index < _BODY_MASS_INDEX[0]) | (index > _BODY_MASS_INDEX[1])
        if wrong.any():
            row = int(np.flatnonzero(wrong.to_numpy())[0])
            problems.append(f"row {row}: body mass index {index.iloc[row]:.1f} kg/m^2 is outside 11-45")
    if not problems and scale is not None:
        checked, problems = _fit_to_scale(checked, scale)
    if problems:
        raise InputError("conditions: " + "; ".join(problems) + ".")
    return checked


def _check_values(name: str, column: pd.Series) -> tuple[pd.Series, pd.Series, str]:
    if name == "sex":
        return column, ~(column.isin(["f", "m"]) | column.isna()), "'f', 'm' or empty"
    plain = strip_side(name)
    lower, upper = _RANGES[name] if name in _RANGES else get_range(plain)
    number = pd.to_numeric(column, errors="coerce").astype(float)
    wrong = (number.isna() & column.notna()) | (number < lower) | (number > upper)
    return number, wrong, f"a number from {lower:g} to {upper:g} or empty"


def _fit_to_scale(checked: pd.DataFrame, scale: ConditionScale) -> tuple[pd.DataFrame, list[str]]:
    """Conditions by the names of the library, and what it cannot answer for."""
    full = spread_impairments(checked, missing=np.nan)
    fitted = {name: checked[name] for name in BASE_CONDITIONS if name in checked}
    problems = []
    for name in (*PAIRS, *SCALAR_PARTS):
        columns = [name] if name in SCALAR_PARTS else [f"{name}_{side}" for side in SIDES]
        asked = full[columns].to_numpy()
        if np.isnan(asked).all():
            continue
        apart = np.nan_to_num(asked[:, 0] - asked[:, -1])
        if not {name, *columns} & set(scale.names):  # a generator of an earlier release knows fewer parts
            constant = scale.constants.get(name, get_healthy(name))
            if np.nanmax(np.abs(asked - constant)) > 1e-6:
                problems.append(
                    f"'{name}' was {constant:g} in every gait that this generator learned from: "
                    "ask for that or leave it open"
                )
        elif name in scale.names:
            if np.abs(apart).max() > 1e-6:
                problems.append(f"'{name}' was alike on both sides in every gait that this generator knows")
            fitted[name] = np.where(np.isnan(asked[:, 0]), asked[:, -1], asked[:, 0])
        else:
            fitted |= {column: full[column] for column in columns}
    return pd.DataFrame(fitted, index=checked.index), problems


def hold_body_mass_index(people: pd.DataFrame, mass_is_open: np.ndarray) -> pd.DataFrame:
    """Keep sampled bodies within the range that a Person may have."""
    people = people.copy()
    height, mass = people["height_m"].to_numpy(), people["mass_kg"].to_numpy()
    index = mass / height**2
    held = np.clip(index, 12.0, 44.0)
    outside = held != index
    people["mass_kg"] = np.where(outside & mass_is_open, held * height**2, mass)
    new_height = np.clip(np.sqrt(mass / held), *_RANGES["height_m"])
    people["height_m"] = np.where(outside & ~mass_is_open, new_height, height)
    return people
