"""For auditors: every statistic with both intervals, repeatability, bias against the margin, power."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from gaitlib.evaluate.inputs import format_interval, format_number, format_p, get_decimals, get_label
from gaitlib.evaluate.people import MIN_PEOPLE

_RELIABILITY = (
    "CCC (95 % CI)",
    "ICC(3,1) (95 % CI)",
    "MDC95 (95 % CI)",
    "MDC95, same person (95 % CI)",
)


def format_details(
    agreement: pd.DataFrame,
    tidy: pd.DataFrame,
    margins: Mapping,
    views: Iterable[str],
    method: str = "synthetic",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Format what a second reader asks for: consistency, repeatability, slope, equivalence, power."""
    rows = []
    verdicts = _judge_bias(tidy[tidy["method"] == method], margins)
    for outcome in margins:
        for view in views:
            own = agreement[
                (agreement["outcome"] == outcome)
                & (agreement["view"] == view)
                & (agreement["method"] == method)
                & agreement["mae"].notna()
            ]
            for row in own.to_dict("records"):
                rows.append(_describe(row, outcome, view) | verdicts.get((outcome, view), {}))
    table = pd.DataFrame(rows or [{"Outcome": "–", "Note": "nobody could be estimated"}]).fillna("–")
    keys = [name for name in ("Outcome", "View", "Note") if name in table]
    own = [name for name in _RELIABILITY if name in table]
    return table[[*keys, *own]], table.drop(columns=own)


def _describe(row: dict, outcome: str, view: str) -> dict:
    decimals = get_decimals(outcome)

    def show(name: str, digits: int) -> str:
        return format_interval(row[name], row[f"{name}_lower"], row[f"{name}_upper"], digits)

    return {
        "Outcome": get_label(outcome),
        "View": view,
        "CCC (95 % CI)": show("ccc", 2),
        "ICC(3,1) (95 % CI)": show("icc_3_1", 2),
        "MDC95 (95 % CI)": show("mdc95", decimals),
        "MDC95, same person (95 % CI)": show("mdc95_within", decimals),
        "Error per unit of truth (95 % CI)": show("slope_reference", 2),
    }


def _judge_bias(tidy: pd.DataFrame, margins: Mapping) -> dict[tuple, dict]:
    """Equivalence of the bias with zero, and what this many people could have shown."""
    from gaitlib.evaluate.equivalence import assess_bias
    from gaitlib.evaluate.power import compute_detectable_difference

    if tidy.empty:
        return {}
    found = {}
    for row in assess_bias(tidy, margins, ("origin", "outcome", "view")).itertuples():
        if row.n_people < MIN_PEOPLE:
            continue
        decimals = get_decimals(row.outcome)
        own = tidy[(tidy["outcome"] == row.outcome) & (tidy["view"] == row.view) & (tidy["status"] == "ok")]
        error = (own["estimate"] - own["reference"]).groupby([own["dataset"], own["person_id"]]).mean()
        words = "not tested" if pd.isna(row.equivalent) else "yes" if row.equivalent else "not shown"
        found[row.outcome, row.view] = {
            "Bias (90 % CI)": format_interval(row.bias, row.lower, row.upper, decimals),
            "Bias within margin (TOST, Holm)": f"{words} (p {format_p(row.p_holm)})",
            "Smallest bias detectable": format_number(
                compute_detectable_difference(float(error.std(ddof=1)), len(error)), decimals
            ),
        }
    return found


def list_statistics(tidy: pd.DataFrame, seed: int, n_resamples: int) -> pd.DataFrame:
    """List every statistic with every interval, for a file beside the book."""
    from gaitlib.evaluate.agreement import compute_agreement
    from gaitlib.evaluate.inputs import check_agreement_table

    table = check_agreement_table(tidy)
    keys = ["origin", "dataset", "subgroup", "view", "outcome", "method"]
    parts = []
    for names, group in table[table["status"] == "ok"].groupby(keys, sort=True):
        if group["person"].nunique() < MIN_PEOPLE:
            continue
        found = compute_agreement(
            group["reference"], group["estimate"], group["person"], np.random.default_rng(seed), n_resamples
        )
        head = dict(zip(keys, names, strict=True)) | {
            "n_people": found.attrs["n_people"],
            "n_walks": found.attrs["n_walks"],
        }
        parts.append(found.reset_index().assign(**head)[[*head, *found.reset_index().columns]])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=keys)
