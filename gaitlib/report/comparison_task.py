"""Can the estimates tell patients from healthy people? A task that a clinic has, on people unseen."""

from __future__ import annotations

import pandas as pd

from gaitlib.evaluate.inputs import format_interval
from gaitlib.report import people


def collect_person_means(
    real: pd.DataFrame, source: str, view: str, groups: tuple[str, str], dataset: str
) -> pd.DataFrame:
    """Collect one row of quantities per person, as a method or the reference gives them."""
    own = real[(real["view"] == view) & real["subgroup"].isin(groups) & (real["dataset"] == dataset)]
    column = "reference" if source == "reference" else "estimate"
    own = own[own["method"] == ("synthetic" if source == "reference" else source)]
    own = own if source == "reference" else own[own["status"] == "ok"]
    wide = own.pivot_table(index=["person_id", "subgroup"], columns="outcome", values=column, aggfunc="mean")
    return wide.dropna().reset_index("subgroup")


def format_task(
    real: pd.DataFrame, view: str, positive: str = "neurological", negative: str = "healthy_adult"
) -> tuple[pd.DataFrame, str, int]:
    """Format how well the quantities tell two groups of people apart."""
    from gaitlib.evaluate.discrimination import compare_aucs, compute_auc, compute_pair_auc

    sets = [set(real.loc[real["subgroup"] == name, "dataset"]) for name in (positive, negative)]
    shared = sorted(sets[0] & sets[1])
    if not shared:
        return pd.DataFrame([{"Measured by": "–", "Note": "no data set holds both groups"}]), "", 0
    truth = collect_person_means(real, "reference", view, (positive, negative), shared[0])
    rows = []
    for source, words in {"reference": "the truth (body keypoints in space)", **people.METHODS}.items():
        means = collect_person_means(real, source, view, (positive, negative), shared[0])
        found = means["subgroup"] == positive
        row = {"Measured by": words, "People": f"{found.sum()} / {(~found).sum()}"}
        if "speed_mps" not in means or min(found.sum(), (~found).sum()) < 3:
            why = "too few people with an answer" if "speed_mps" in means else "gives no speed in this view"
            rows.append(row | {"Slow walking alone": f"not evaluated: {why}"})
            continue
        slow = compute_auc(found, -means["speed_mps"])
        several = compute_pair_auc(found, means.drop(columns="subgroup"))
        row["Slow walking alone"] = format_interval(slow.value, slow.lower, slow.upper, 2)
        row["All quantities, unseen people"] = format_interval(several.value, several.lower, several.upper, 2)
        if source != "reference":
            both = truth.loc[means.index]
            gap = compare_aucs(found, -means["speed_mps"], -both["speed_mps"])
            row["Less truth, slow walking"] = format_interval(gap.difference, gap.lower, gap.upper, 2)
        rows.append(row)
    return pd.DataFrame(rows).fillna("–"), shared[0], len(truth)
