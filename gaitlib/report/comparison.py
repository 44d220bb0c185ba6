"""The comparison over groups and methods, and with what others have published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from gaitlib.evaluate.inputs import format_interval, format_number, get_decimals, get_label
from gaitlib.report import people
from gaitlib.report.page import join_words
from gaitlib.report.subgroup_words import NOT_EVALUATED, OUTCOME_WORDS, choose_row
from gaitlib.workflow import earlier
from gaitlib.workflow.results import Results

_POOL = "all"
_PUBLISHED = (
    (
        "Trained on real patients with cerebral palsy, side view (Kidzinski 2020)",
        "10.1038/s41467-020-17807-z",
        None,
    ),
    (
        "Geometry on detected keypoints, healthy adults, side view (Stenum 2021)",
        "10.1371/journal.pcbi.1008935",
        ("below 0.10", "4.9 (single), 1.8 (mean)", "0.02 (single), 0.01 (mean)", "–"),
    ),
    (
        "Pose model trained on synthetic walks only, 32 people (SynthGait-19K)",
        "arXiv 2609.08108",
        ("0.16", "14", "–", "0.85"),
    ),
    ("OpenCap Monocular on the same 32 people", "arXiv 2609.08108", ("0.10", "7", "–", "0.87")),
    ("Dementia, front view (Pose2Gait)", "arXiv 2308.11484", ("–", "–", "–", "0.83")),
)
"""System, source, and MAE of speed (m/s), step length (cm), step time (s), r of speed; None is recomputed."""


def select_real(tidy: pd.DataFrame) -> pd.DataFrame:
    """Select the estimates of real people."""
    return tidy[tidy["origin"] == "real"].reset_index(drop=True)


def count_people(tidy: pd.DataFrame) -> tuple[int, int]:
    """Count people and walks."""
    people_keys = tidy[["dataset", "person_id"]].drop_duplicates()
    return len(people_keys), len(tidy[["dataset", "walk_id"]].drop_duplicates())


def pool_people(real: pd.DataFrame, margins: Mapping, seed: int, n_resamples: int) -> pd.DataFrame:
    """Compute agreement over all real people together."""
    from gaitlib.evaluate.tables import build_agreement_table

    return build_agreement_table(
        real.assign(subgroup=_POOL), by=("subgroup", "view", "outcome", "method"), margins=margins,
        rng=np.random.default_rng([seed, 31]), n_resamples=n_resamples,
    )  # fmt: skip


def format_overview(
    agreement: pd.DataFrame, subgroups: Mapping[str, str], view: str, outcomes: Iterable[str]
) -> pd.DataFrame:
    """Format the error of every group and method for print."""
    rows = []
    for name, title in subgroups.items():
        own = agreement[(agreement["subgroup"] == name) & (agreement["view"] == view)]
        for method in [m for m in people.METHODS if (own["method"] == m).any()]:
            mine = own[own["method"] == method]
            origin = str(mine["origin"].iloc[0])
            row = {
                "Group": title,
                "People": "real" if origin == "real" else "simulated",
                "Method": people.METHODS[method],
            }
            row["n people / walks"] = f"{mine['n_people'].max()} / {mine['n_walks'].max()}"
            rows.append(row | {get_label(o): _format_mae(mine, o) for o in outcomes})
    return pd.DataFrame(rows)


def format_glance(
    agreement: pd.DataFrame, subgroups: Mapping[str, str], view: str, outcomes: Iterable[str]
) -> pd.DataFrame:
    """Format the error of the synthetic-trained estimator for every group, real people or the sentence that
    there are none.
    """
    rows = []
    for name, title in subgroups.items():
        own = agreement[(agreement["subgroup"] == name) & (agreement["view"] == view)]
        mine = own[(own["method"] == "synthetic") & (own["origin"] == "real")]
        if mine.empty:
            first, *others = (get_label(outcome) for outcome in outcomes)
            row = {"Group": title, "People": "0", "Walks": "0", first: NOT_EVALUATED.rstrip(".").lower()}
            rows.append(row | dict.fromkeys(others, "–"))
        else:
            counts = {"People": str(mine["n_people"].max()), "Walks": str(mine["n_walks"].max())}
            rows.append({"Group": title} | counts | {get_label(o): _format_mae(mine, o) for o in outcomes})
    return pd.DataFrame(rows)


def _format_mae(rows: pd.DataFrame, outcome: str) -> str:
    line = rows[rows["outcome"] == outcome]
    if line.empty or not np.isfinite(line["mae"].iloc[0]):
        return "–"
    values = line.iloc[0]
    return format_interval(values["mae"], values["mae_lower"], values["mae_upper"], get_decimals(outcome))


def plot_overview(
    agreement: pd.DataFrame, outcome: str, view: str, subgroups: Mapping[str, str], statistic: str = "mae"
):
    """Draw one statistic of every group and method."""
    import matplotlib.pyplot as plt

    from gaitlib.evaluate.plots import plot_forest
    from gaitlib.evaluate.style import STYLE

    rows = agreement[(agreement["view"] == view) & (agreement["method"] != "")]
    order = {name: n for n, name in enumerate(subgroups)}
    rows = rows.sort_values(by="subgroup", key=lambda names: names.map(order), kind="stable")
    height = 2.8 + 0.8 * rows["subgroup"].nunique()
    with plt.rc_context(STYLE):
        ax = plt.subplots(figsize=(8.6, height), layout="constrained")[1]
        promised = {"reference_value": 0.9, "reference_label": "promised: 90 %"}
        return plot_forest(
            rows, outcome, statistic, ax=ax, labels=dict(subgroups) | people.METHODS, simulated=False,
            **(promised if statistic == "interval_coverage" else {}),
        )  # fmt: skip


def format_pooled(pooled: pd.DataFrame, views: Iterable[str]) -> pd.DataFrame:
    """Format the agreement over all real people for print."""
    rows = []
    for outcome in OUTCOME_WORDS:
        for view in views:
            for method, words in people.METHODS.items():
                row = choose_row(pooled, outcome, method, view, "real")
                if row is not None:
                    rows.append(_describe_pooled(row, outcome, view, words))
    return pd.DataFrame(rows or [{"Outcome": "–", "Note": NOT_EVALUATED}])


def _describe_pooled(row: pd.Series, outcome: str, view: str, words: str) -> dict:
    decimals = get_decimals(outcome)
    limits = f"{format_number(row['loa_lower'], decimals)} to {format_number(row['loa_upper'], decimals)}"
    return {
        "Outcome": get_label(outcome),
        "View": view,
        "Method": words,
        "People / walks": f"{row['n_people']} / {row['n_walks']}",
        "MAE (95 % CI)": format_interval(row["mae"], row["mae_lower"], row["mae_upper"], decimals),
        "Bias": format_number(row["bias"], decimals),
        "r": format_number(row["r"], 2),
        "ICC(2,1)": format_number(row["icc_2_1"], 2),
        "Limits of agreement": limits,
    }


def format_equivalence(real: pd.DataFrame, margins: Mapping, seed: int, n_resamples: int) -> pd.DataFrame:
    """Format the paired comparison of training on synthetic and on real people, all groups together."""
    from gaitlib.report.subgroup_page import LABELS, format_comparison

    names = people.METHODS | LABELS
    return format_comparison(real.assign(subgroup=_POOL), margins, names, seed, n_resamples)


def list_published(kept: Results) -> pd.DataFrame:
    """List errors that others have published, the cerebral palsy row recomputed from published predictions;
    m/s.
    """
    recomputed = earlier.attempt(kept, _recompute_published, "the published predictions for cerebral palsy")
    rows = []
    for system, source, values in _PUBLISHED:
        speed, length, time, correlation = values or recomputed or ("not here", "–", "–", "–")
        rows.append(
            {"System": system, "Speed (m/s)": speed, "Step length (cm)": length, "Step time (s)": time,
             "r of speed": correlation, "Source": source}
        )  # fmt: skip
    return pd.DataFrame(rows)


def _recompute_published() -> tuple[str, str, str, str]:
    from gaitlib.data.tables import load_table

    benchmark = load_table("cp_video_benchmark", "evaluate").dropna(
        subset=["speed_mps", "speed_mps_predicted"]
    )
    error = (benchmark["speed_mps_predicted"] - benchmark["speed_mps"]).abs().mean()
    r = benchmark["speed_mps"].corr(benchmark["speed_mps_predicted"])
    return f"{error:.2f}", "–", "–", f"{r:.2f} ({len(benchmark)} rows)"


def write_answer(pooled: pd.DataFrame, agreement: pd.DataFrame, subgroups: Mapping, view: str) -> list[str]:
    """Write the short answer of the comparison."""
    lines = write_summary(pooled, view)
    rows = agreement[(agreement["method"] == "synthetic") & (agreement["outcome"] == "speed_mps")]
    rows = rows[(rows["origin"] == "real") & (rows["view"] == view) & rows["mae"].notna()]
    if len(rows) > 1:
        worst, best = rows.loc[rows["mae"].idxmax()], rows.loc[rows["mae"].idxmin()]
        lines.append(
            f"By group, walking speed is off least for {subgroups[best['subgroup']].lower()} "
            f"({people.describe_error(best, 'speed_mps')}) and most for "
            f"{subgroups[worst['subgroup']].lower()} "
            f"({people.describe_error(worst, 'speed_mps')})."
        )
    absent = [subgroups[name] for name in subgroups if name not in set(rows["subgroup"])]
    if absent:
        lines.append(f"{NOT_EVALUATED.rstrip('.')}: {join_words(absent)}.")
    return lines


def write_summary(pooled: pd.DataFrame, view: str) -> list[str]:
    """Write one line per outcome over all real people."""
    lines = []
    for outcome, words in OUTCOME_WORDS.items():
        found = {name: choose_row(pooled, outcome, name, view, "real") for name in people.METHODS}
        own = found.pop("synthetic")
        if own is None:
            continue
        rivals = join_words(
            f"{people.describe_error(row, outcome)} for {people.METHODS[name]}"
            for name, row in found.items()
            if row is not None
        )
        lines.append(
            f"{words.capitalize()}: over {own['n_people']} real people ({own['n_walks']} walks, {view} "
            f"view) training on "
            f"synthetic walks only gives {people.describe_error(own, outcome)}; {rivals}."
        )
    return lines


def collect_facts(pooled: pd.DataFrame, agreement: pd.DataFrame, n_people: int, n_walks: int) -> dict:
    """Collect the numbers that the first chapter needs."""
    names = ["view", "outcome", "method", "n_people", "n_walks", "mae", "mae_lower", "mae_upper", "bias", "r",
             "interval_coverage", "n_abstained"]  # fmt: skip
    rows = pooled[pooled["mae"].notna()][names].to_dict("records")
    real = agreement[(agreement["origin"] == "real") & (agreement["n_people"] > 0)]
    return {
        "n_people": n_people,
        "n_walks": n_walks,
        "pooled": rows,
        "n_groups_real": int(real["subgroup"].nunique()),
    }
