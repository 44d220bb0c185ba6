"""The agreement table: its columns, its checks, and the names and units shown to readers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from gaitlib.errors import InputError

_KEYS = ("person_id", "walk_id", "outcome", "method")
REQUIRED_COLUMNS = ("subgroup", *_KEYS, "reference", "estimate", "status")
OPTIONAL_COLUMNS = {"dataset": "", "view": "", "lower": np.nan, "upper": np.nan}
SIMULATED_DATASETS = ("simulated", "generated")
ROW_KEY = ("origin", "dataset", "subgroup", "person_id", "walk_id", "view", "outcome", "method")


class Shown(NamedTuple):
    """How readers see an outcome: unit, what its value is multiplied by, decimals of results, and
    of what is told to one person."""

    unit: str
    factor: float
    decimals: int
    brief: int


_PERCENT = Shown("%", 100, 1, 1)
_SHOWN = {
    "_mps": Shown("m/s", 1, 3, 2),
    "_spm": Shown("steps/min", 1, 1, 0),
    "_share": Shown("% of the stride", 100, 1, 1),
    "_asymmetry": _PERCENT,
    "_cv": _PERCENT,
    "_deg": Shown("°", 1, 1, 0),
    "_index": Shown("", 1, 1, 1),
    "_m": Shown("cm", 100, 1, 1),
    "_s": Shown("ms", 1000, 0, 0),
}
_ANGLES = {
    "knee_range_deg": "knee range of motion",
    "knee_flexion_peak_deg": "peak knee flexion",
    "knee_flexion_at_max_extension_deg": "knee flexion at greatest extension",
    "foot_strike_angle_deg": "foot-strike angle",
}


def check_agreement_table(tidy: pd.DataFrame) -> pd.DataFrame:
    """Check an agreement table and fill what may be left out."""
    missing = [name for name in REQUIRED_COLUMNS if name not in tidy.columns]
    if missing:
        raise InputError(
            f"agreement table: column(s) {', '.join(missing)} missing; found "
            f"{', '.join(map(str, tidy.columns))}. Expected at least {', '.join(REQUIRED_COLUMNS)}."
        )
    table = tidy.copy().reset_index(drop=True)
    for name, default in OPTIONAL_COLUMNS.items():
        if name not in table:
            table[name] = default
    for name in ("reference", "estimate", "lower", "upper"):
        table[name] = _read_numbers(table[name], name)
    for name in ("dataset", "view", "subgroup", "outcome", "method", "status"):
        table[name] = table[name].astype(object).where(table[name].notna(), "").astype(str)
    if "origin" not in table:
        simulated = table["dataset"].isin(SIMULATED_DATASETS)
        table["origin"] = np.where(simulated, "simulated", "real")
    ok = table["status"] == "ok"
    for bad, message in (
        (~table["origin"].isin(["real", "simulated"]), "origin: expected 'real' or 'simulated'"),
        (table["person_id"].isna(), "person_id: missing, so the row belongs to nobody"),
        (~np.isfinite(table["reference"]),
         "reference: missing or infinite; leave out walks without a measured reference"),
        (ok & ~np.isfinite(table["estimate"]),
         "estimate: missing although status is 'ok'; give the reason of the failure as status"),
        (table["status"] == "", "status: empty; expected 'ok' or a reason"),
        (ok & (table["lower"].isna() != table["upper"].isna()),
         "lower, upper: only one of the two ends is given"),
        (ok & (table["lower"] > table["upper"]), "lower, upper: the interval is reversed"),
        (table.duplicated(list(ROW_KEY)), f"the same {' x '.join(ROW_KEY[2:])} occurs twice"),
    ):  # fmt: skip
        if count := int(np.sum(bad)):
            first = table.loc[np.asarray(bad)].iloc[0]
            where = ", ".join(f"{key} {first[key]!r}" for key in _KEYS)
            raise InputError(f"agreement table: {message}. {count} row(s), the first: {where}.")
    table["person"] = table["dataset"] + "/" + table["person_id"].astype(str)
    return table


def _read_numbers(column: pd.Series, name: str) -> pd.Series:
    try:
        return pd.to_numeric(column).astype(float)
    except (ValueError, TypeError) as error:
        raise InputError(f"agreement table: {name} holds values that are not numbers ({error}).") from error


def check_columns(table: pd.DataFrame, columns: Sequence[str], always: Sequence[str] = ()) -> list[str]:
    """Check that grouping columns exist; those that are always among them are put in front."""
    columns = [columns] if isinstance(columns, str) else list(columns)
    unknown = [name for name in columns if name not in table.columns]
    if unknown:
        raise InputError(
            f"by: {', '.join(unknown)} not found; columns are {', '.join(map(str, table.columns))}."
        )
    return [*(name for name in always if name not in columns), *columns]


def count_walks(table: pd.DataFrame) -> int:
    """Count walks: a walk seen in two views or by two methods counts once."""
    return int(len(table[["origin", "person", "walk_id"]].drop_duplicates()))


class Margin(NamedTuple):
    """A difference that counts, declared before the data are seen, with its published source and its kind."""

    value: float
    source: str
    kind: str = "clinical"


def read_margins(margins: Mapping | None) -> dict[str, Margin]:
    """Read margins from a study file."""
    found = {}
    for outcome, given in (margins or {}).items():
        kind = "clinical"
        if isinstance(given, Mapping):
            value, source, kind = given.get("value"), given.get("source"), given.get("kind", kind)
        elif isinstance(given, tuple) and len(given) == 2:
            value, source = given
        else:
            value, source = getattr(given, "value", given), getattr(given, "source", None)
            kind = getattr(given, "kind", kind)
        if not isinstance(value, (int, float)) or not math.isfinite(value) or value <= 0:
            raise InputError(f"margins: {outcome}: found {value!r}, expected a positive number.")
        if not source:
            raise InputError(f"margins: {outcome}: no source; give a published reference for {value}.")
        found[str(outcome)] = Margin(float(value), str(source), str(kind))
    return found


def get_shown(outcome: str) -> Shown:
    """Tell how an outcome is shown, by the end of its name."""
    return next((how for suffix, how in _SHOWN.items() if outcome.endswith(suffix)), Shown("", 1, 3, 2))


def get_label(outcome: str) -> str:
    """Get a readable name: "step_length_m" becomes "Step length (cm)"."""
    suffix = next((s for s in _SHOWN if outcome.endswith(s)), "")
    stem = outcome if suffix in ("_asymmetry", "_index") else outcome.removesuffix(suffix)
    stem += "_variability" if suffix == "_cv" else ""
    stem = _ANGLES.get(outcome, stem)
    name, unit = stem.replace("_", " ").strip().capitalize(), get_shown(outcome).unit
    return f"{name} ({unit})" if unit else name


def format_number(value: float, decimals: int) -> str:
    """Format a number with a true minus sign; "-" for missing."""
    if value is None or not np.isfinite(value):
        return "–"
    text = f"{value:.{decimals}f}"
    if float(text) == 0:
        text = text.removeprefix("-")
    return text.replace("-", "\u2212")


def format_interval(
    value: float, lower: float, upper: float, decimals: int, *, apart: Sequence[float] = (0.0,)
) -> str:
    """Format "value (lower to upper)"; no number is rounded across an end, and no end onto a number of
    `apart` that it is not: up to two more decimals are given where that takes them.
    """
    text = format_number(value, decimals)
    if not np.isfinite(value) or not (np.isfinite(lower) and np.isfinite(upper)):
        return text
    ends, used = [], []
    for end in (lower, upper):
        near = [limit for limit in apart if not math.isclose(end, limit)]
        digits = (
            d
            for d in range(decimals, decimals + 3)
            if not any(math.isclose(float(f"{end:.{d}f}"), limit) for limit in near)
        )
        used.append(next(digits, decimals))
        ends.append(format_number(end, used[-1]))
    if not float(f"{lower:.{used[0]}f}") <= float(f"{value:.{decimals}f}") <= float(f"{upper:.{used[1]}f}"):
        text = format_number(value, max(used))
    return f"{text} ({ends[0]} to {ends[1]})"


def format_outcome(
    outcome: str, value: float, lower: float = np.nan, upper: float = np.nan, *, brief: bool = False
) -> str:
    """Format "value (lower to upper)" in the unit that readers see; `brief`: with fewer decimals."""
    how = get_shown(outcome)
    ends = (how.factor * end for end in (value, lower, upper))
    return format_interval(*ends, how.brief if brief else how.decimals)


def format_error(outcome: str, row: Mapping) -> str:
    """Format a mean absolute error, which has no sign, with its interval, ends told apart from a margin."""
    how = get_shown(outcome)
    *ends, margin = (
        how.factor * row.get(name, np.nan) for name in ("mae", "mae_lower", "mae_upper", "margin")
    )
    return format_interval(*ends, how.decimals, apart=(margin,))


def format_p(p: float) -> str:
    """Format a p value with three decimals."""
    return "below 0.001" if p < 0.001 else format_number(p, 3)
