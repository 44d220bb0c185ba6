"""Estimates in words: names of outcomes and methods, errors and margins in the units of the prose."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gaitlib.evaluate.inputs import format_outcome, get_shown

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
    text = describe_size(row["mae"], outcome)
    if not np.isfinite([row["mae_lower"], row["mae_upper"]]).all():
        return text
    low, high = (format_outcome(outcome, row[end], brief=True) for end in ("mae_lower", "mae_upper"))
    return f"{text} (95 % interval {low} to {high})"


def describe_size(value: float, outcome: str, signed: bool = False) -> str:
    """Put a size into words: m/s, cm, ms."""
    sign = "+" if signed and value > 0 else ""
    return f"{sign}{format_outcome(outcome, value, brief=True)} {get_shown(outcome).unit}"


def compare_with_margin(row: pd.Series, margin: float) -> str:
    """Say on which side of a margin the whole interval of a mean absolute error lies."""
    if row["mae_upper"] <= margin:
        return "below"
    return "above" if row["mae_lower"] > margin else "not told apart from"
