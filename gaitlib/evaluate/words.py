"""Estimates in words: names of outcomes and methods, errors and margins in the units of the prose."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gaitlib.evaluate.inputs import format_number

NOT_EVALUATED = "Not evaluated on real people."
OUTCOME_WORDS = {"speed_mps": "walking speed", "step_length_m": "step length", "step_time_s": "step time"}
METHODS = {
    "synthetic": "trained on synthetic walks only",
    "classical": "classical geometry",
    "ridge_real": "ridge trained on real people",
}
"""Method -> words for readers."""
LABELS = {"side": "side", "front": "front", "": "–", "real": "real people", "simulated": "simulated"}
"""Values of the columns `view` and `origin` -> words for narrow columns."""
_PROSE_UNITS = {
    "speed_mps": (1.0, "m/s", 2),
    "step_length_m": (100.0, "cm", 1),
    "step_time_s": (1000.0, "ms", 0),
}


def choose_row(
    agreement: pd.DataFrame, outcome: str, method: str, view: str, origin: str
) -> pd.Series | None:
    """Choose the row of an agreement table; None where nothing could be evaluated."""
    fits = (agreement["outcome"] == outcome) & (agreement["method"] == method)
    fits &= (agreement["view"] == view) & (agreement["origin"] == origin)
    rows = agreement[fits & agreement["mae"].notna()]
    return rows.iloc[0] if len(rows) else None


def describe_error(row: pd.Series, outcome: str) -> str:
    """Put a mean absolute error with its interval into words."""
    factor, unit, decimals = _PROSE_UNITS[outcome]
    value, low, high = (row[name] * factor for name in ("mae", "mae_lower", "mae_upper"))
    text = f"{format_number(value, decimals)} {unit}"
    if not (np.isfinite(low) and np.isfinite(high)):
        return text
    return f"{text} (95 % interval {format_number(low, decimals)} to {format_number(high, decimals)})"


def describe_size(value: float, outcome: str, signed: bool = False) -> str:
    """Put a size into words, in the units of the prose: m/s, cm, ms."""
    factor, unit, decimals = _PROSE_UNITS[outcome]
    sign = "+" if signed and value > 0 else ""
    return f"{sign}{format_number(value * factor, decimals)} {unit}"


def compare_with_margin(row: pd.Series, margin: float) -> str:
    """Say on which side of a margin the whole interval of a mean absolute error lies."""
    if row["mae_upper"] <= margin:
        return "below"
    return "above" if row["mae_lower"] > margin else "not told apart from"
