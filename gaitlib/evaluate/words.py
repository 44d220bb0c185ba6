"""Estimates in words: names of outcomes and methods, errors and margins in the units of the prose."""

from __future__ import annotations

import pandas as pd

from gaitlib.evaluate.inputs import format_error, format_outcome, get_shown

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
VERDICTS = (
    "Better or worse: the whole interval lies below or above zero (within the margin: and yet inside it; "
    "by more than the margin: wholly beyond it). Equivalent: it holds zero and lies inside the margin; "
    "non-inferior: only its upper end is below the margin; inconclusive: none of these."
)
"""What the verdicts of `compare_methods` mean, for captions."""


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
    value, _, interval = format_error(outcome, row).partition(" (")
    text = f"{value} {get_shown(outcome).unit}"
    return f"{text} (95 % interval {interval}" if interval else text


def describe_size(value: float, outcome: str, signed: bool = False) -> str:
    """Put a size into words, with the decimals of the tables: m/s, cm, ms."""
    sign = "+" if signed and value > 0 else ""
    return f"{sign}{format_outcome(outcome, value)} {get_shown(outcome).unit}"


def describe_margin(value: float, outcome: str) -> str:
    """Put a declared size, which is exact, into words."""
    how = get_shown(outcome)
    return f"{how.factor * value:.6g} {how.unit}"


def compare_with_margin(row: pd.Series, margin: float) -> str:
    """Say on which side of a margin the whole interval of a mean absolute error lies."""
    if row["mae_upper"] <= margin:
        return "below"
    return "above" if row["mae_lower"] > margin else "not told apart from"


def join_words(words, last: str = "and") -> str:
    """Join words to a list in prose."""
    words = [str(word) for word in words]
    if not words:
        return "none"
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def say_side(side: str, names: list[str]) -> str:
    """Say on which side of their margins the errors of some outcomes lie."""
    if len(names) == 1:
        return f"the error of {names[0]} is {side} its margin"
    return f"the errors of {join_words(names)} are {side} their margins"


def name_group(title: str) -> str:
    """Put the title of a group into a sentence: "older adults", "Parkinson's disease"."""
    return title if "'" in title else title.lower().replace("after stroke", "people after stroke")
