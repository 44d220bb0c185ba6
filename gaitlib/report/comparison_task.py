"""Can the estimates tell patients from healthy people? A task that a clinic has, on people unseen."""

from __future__ import annotations

import pandas as pd

from gaitlib.evaluate.inputs import format_interval
from gaitlib.report import people


def collect_person_means(
    real: pd.DataFrame, source: str, view: str, groups: tuple[str, str], dataset: str
) -> pd.DataFrame:
    """Collect one row of quantities per person, as a method or the reference gives them.

    Parameters
    ----------
    real : DataFrame
        Estimates of real people.
    source : str
        A method, or 'reference'.
    view : str
        Which view.
    groups : tuple of str
        Subgroups to keep.
    dataset : str
        Data set that both groups come from.

    Returns
    -------
    DataFrame
        Index: person_id; subgroup and one column per outcome; people with every outcome only.
    """
    own = real[(real["view"] == view) & real["subgroup"].isin(groups) & (real["dataset"] == dataset)]
    column = "reference" if source == "reference" else "estimate"
    own = own[own["method"] == ("synthetic" if source == "reference" else source)]
    own = own if source == "reference" else own[own["status"] == "ok"]
    wide = own.pivot_table(index=["person_id", "subgroup"], columns="outcome", values=column, aggfunc="mean")
    return wide.dropna().reset_index("subgroup")


def format_task(
    real: pd.DataFrame, view: str, positive: str = "neurological", negative: str = "healthy_adult"
) -> tuple[pd.DataFrame, str, int]:
    """Format how well the quantities tell two groups of people apart.

    Parameters
    ----------
    real : DataFrame
        Estimates of real people.
    view : str
        Which view.
    positive, negative : str
        Subgroup to be found, and the other.

    Returns
    -------
    table : DataFrame
        Strings: area under the ROC curve of slow walking alone (nothing fitted) and of all quantities (linear
        discriminant, each pair of people judged by a model that has seen neither), for the truth and each
        method; and the difference to the truth on the same people (DeLong).
    dataset : str
        Where both groups come from; empty if there is none.
    n_people : int
        People of both groups.
    """
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
