"""The page of one subgroup: who is in it, what is said about them, and the tables and figures that "
"carry it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.errors import AbsentData
from gaitlib.evaluate.inputs import format_interval, format_number, get_decimals, get_label, get_unit
from gaitlib.report import people
from gaitlib.report.subgroup_words import OUTCOME_WORDS
from gaitlib.workflow.results import Results

LABELS = {"side": "side", "front": "front", "": "–", "real": "real people", "simulated": "simulated"}


@dataclass(frozen=True)
class Group:
    """The walks of a page.

    Attributes
    ----------
    walks : list of Walk
        For real people all of the data sets, whatever the subgroup: the ridge learns from the others.
    basis : str
        'real' or 'simulated'.
    datasets : tuple of str
        Items of the data manifest.
    why : str
        Whom simulated people stand in for.
    absent : tuple of str
        Those of the datasets whose recordings are not here.
    """

    walks: list[xr.Dataset]
    basis: str
    datasets: tuple[str, ...] = ()
    why: str = ""
    lab_events: pd.DataFrame = field(default_factory=pd.DataFrame)
    absent: tuple[str, ...] = ()

    def choose_methods(self, methods: Iterable[str]) -> list[str]:
        """Choose the methods that these walks allow: nothing is trained on real people where there are
        none.
        """
        return [name for name in methods if self.basis == "real" or name != "ridge_real"]


def collect_subgroup(
    kept: Results,
    subgroup: str,
    datasets: Iterable[str],
    stand_in: Mapping,
    library: str,
    held_out_share: float,
    n_walks: int,
    duration_s: float,
    seed: int,
) -> Group:
    """Collect the walks of a page: real people, or simulated ones where there are none."""
    datasets = tuple(datasets)
    if datasets:
        from gaitlib.data.fetch import check_purpose

        for dataset in datasets:
            check_purpose(dataset, "baseline")  # the ridge trains on them, cross-validated by person
        walks, absent = [], []
        for dataset in datasets:
            try:
                walks += people.collect_real_walks([dataset], "evaluate")
            except AbsentData:
                absent.append(dataset)
        own = [walk for walk in walks if walk.attrs["subgroup"] == subgroup]
        events = people.compare_lab_events(own)
        return Group(walks, "real", datasets, lab_events=events, absent=tuple(absent))
    from gaitlib.estimate.synthetic_training import list_held_out_gaits
    from gaitlib.simulate.library import load_library

    table, gaits = load_library(kept.locate(library)).curves
    held_out = list_held_out_gaits(table, gaits, held_out_share, seed)
    walks = people.draw_stand_ins(table, gaits, stand_in, held_out, n_walks, duration_s, seed, subgroup)
    return Group(walks, "simulated", why=stand_in["why"])


SHORT_METHODS = {
    "synthetic": "synthetic walks only",
    "classical": "geometry, no training",
    "ridge_real": "real people (ridge)",
}
"""Method -> words for narrow columns: what it was trained on."""


def format_agreement(agreement: pd.DataFrame, outcome: str, views: Iterable[str]) -> pd.DataFrame:
    """Format the agreement of one outcome for print."""
    own = agreement[(agreement["outcome"] == outcome) & (agreement["n_people_all"] > 0)]
    decimals = get_decimals(outcome)
    rows = []
    for view in views:
        for method, words in SHORT_METHODS.items():
            for row in own[(own["view"] == view) & (own["method"] == method)].to_dict("records"):
                rows.append({"View": view, "Trained on": words} | _describe_agreement(row, decimals))
    return pd.DataFrame(rows or [{"View": "–", "Note": "nobody, real or simulated, could be estimated"}])


def _describe_agreement(row: dict, decimals: int) -> dict:
    def show(name: str, digits: int) -> str:
        return format_interval(row[name], row[f"{name}_lower"], row[f"{name}_upper"], digits)

    limits = [format_number(row[name], decimals) for name in ("loa_lower", "loa_upper")]
    return {
        "People": _count(row["n_people"], row["n_people_all"]),
        "Walks": _count(row["n_walks"], row["n_walks_all"]),
        "MAE (95 % CI)": show("mae", decimals),
        "Bias (95 % CI)": show("bias", decimals),
        "95 % of errors lie in": " to ".join(limits) if np.isfinite(row["loa_lower"]) else "–",
        "r (95 % CI)": show("r", 2),
        "ICC(2,1) (95 % CI)": show("icc_2_1", 2),
        "Within margin": f"{row['within_margin']:.0%}" if np.isfinite(row["within_margin"]) else "–",
    }


def _count(used: int, total: int) -> str:
    return str(used) if used == total else f"{used} of {total}"


def show_agreement(
    agreement: pd.DataFrame, tidy: pd.DataFrame, outcome: str, views: list[str], margins: Mapping, basis: str
):
    """Show table and figure of one outcome: all views and methods in the table, the first in the figure."""
    from gaitlib.report import page

    words = OUTCOME_WORDS[outcome]
    margin = margins[outcome]
    own = tidy[(tidy["outcome"] == outcome)]
    counts = own["person_id"].nunique(), own["walk_id"].nunique()
    table = page.show_table(
        format_agreement(agreement, outcome, views),
        f"{words.capitalize()} in {get_unit(outcome)}. Margin: "
        f"{people.describe_size(margin['value'], outcome)} "
        f"({margin['kind']}; {margin['source']}).",
        basis, *counts,
    )  # fmt: skip
    seen = own[(own["view"] == views[0]) & (own["method"] == "synthetic") & (own["status"] == "ok")]
    if seen.empty:
        return table
    figure = page.show_figure(
        plot_agreement(seen, outcome, "synthetic", margins),
        f"{words.capitalize()} from the {views[0]}, trained on synthetic walks only. Left: estimate "
        f"against truth; grey "
        "lines are the interval of each estimate. Right: error against size (Bland-Altman) with bias and "
        "limits of "
        "agreement.",
        basis, seen["person_id"].nunique(), seen["walk_id"].nunique(),
    )  # fmt: skip
    return page.show_all(table, figure)


def list_notes(agreement: pd.DataFrame) -> list[str]:
    """List the notes of an agreement table, each once."""
    notes = agreement.loc[agreement["n_people_all"] > 0, "note"].str.split("; ").explode()
    kept = [note for note in dict.fromkeys(notes.dropna()) if note and "simulated people" not in note]
    return [note[0].upper() + note[1:] + "." for note in kept]


def format_calibration(tidy: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Format coverage of the intervals and abstentions for print."""
    from gaitlib.evaluate.calibration import compute_abstention, compute_interval_coverage

    own = tidy[tidy["method"] == "synthetic"]
    if own.empty:
        return pd.DataFrame([{"Outcome": "–", "Note": "no estimates"}])
    by = ("origin", "outcome", "view")
    answered = compute_abstention(own, by).set_index(["outcome", "view"])
    rows = []
    for row in compute_interval_coverage(own, by).itertuples():
        missing = answered.loc[(row.outcome, row.view)]
        decimals = get_decimals(row.outcome)
        rows.append(
            {
                "Outcome": get_label(row.outcome),
                "View": names.get(row.view, row.view),
                "People": str(row.n_people),
                "Walks": str(row.n_walks),
                "Truth inside": _format_share(row.coverage, row.lower, row.upper),
                "Width": format_number(row.mean_width, decimals),
                "Verdict": row.verdict,
                "No answer": _format_share(missing["abstained"], missing["lower"], missing["upper"]),
                "Why": missing["reasons"] or "–",
            }
        )
    return pd.DataFrame(rows)


def _format_share(share: float, lower: float, upper: float) -> str:
    if share is None or not np.isfinite(share):
        return "–"
    return f"{share:.0%} ({lower:.0%} to {upper:.0%})"


def format_comparison(
    tidy: pd.DataFrame, margins: Mapping, names: Mapping[str, str], seed: int, n_resamples: int
) -> pd.DataFrame:
    """Format the paired comparison with the other methods for print."""
    from gaitlib.evaluate.equivalence import compare_methods

    rows = []
    rivals = [name for name in ("ridge_real", "classical") if (tidy["method"] == name).any()]
    for rival in rivals:
        rng = np.random.default_rng([seed, 21])
        by = ("origin", "outcome", "view")
        for row in compare_methods(
            tidy, "synthetic", rival, margins, rng, by, n_resamples=n_resamples
        ).itertuples():
            decimals = get_decimals(row.outcome)
            rows.append(
                {
                    "Outcome": get_label(row.outcome),
                    "View": names.get(row.view, row.view),
                    "Compared with": names.get(rival, rival),
                    "People": str(row.n_people),
                    "Difference of MAE (90 % CI)": format_interval(
                        row.difference, row.lower, row.upper, decimals
                    ),
                    "Margin": format_number(row.margin, decimals),
                    "Verdict": row.verdict if row.verdict != "not compared" else f"not compared: {row.note}",
                }
            )
    return pd.DataFrame(rows or [{"Outcome": "–", "Verdict": "no other method was run"}])


def plot_agreement(tidy: pd.DataFrame, outcome: str, method: str, margins: Mapping):
    """Draw estimate against truth, and error against size, side by side, with one legend beneath."""
    import matplotlib.pyplot as plt

    from gaitlib.evaluate.agreement import compute_proportional_bias
    from gaitlib.evaluate.people import MIN_PEOPLE
    from gaitlib.evaluate.plots import plot_bland_altman, plot_scatter
    from gaitlib.evaluate.style import STYLE

    labels = people.METHODS | {"all": "one walk"}
    rows = tidy.assign(group="all")
    slopes = False
    if rows["person_id"].nunique() >= MIN_PEOPLE:
        line = compute_proportional_bias(rows["reference"], rows["estimate"], rows["person_id"])
        slopes = bool(line.slope_lower > 0 or line.slope_upper < 0)
    common = {"margins": margins, "group": "group", "labels": labels}
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 5.9), layout="constrained")
        plot_scatter(rows, outcome, method, ax=left, **common)
        plot_bland_altman(rows, outcome, method, ax=right, proportional=slopes, **common)
        left.set_title("Estimate against truth", loc="left", pad=22)
        right.set_title("Error against size", loc="left", pad=22)
        found = {}
        for ax in (left, right):
            ax.set_aspect("auto")
            ax.set_box_aspect(1)  # both limits of the left one are alike already; so the panels stay level
            legend = ax.get_legend()
            for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
                found.setdefault(text.get_text().split("\n")[0], handle)
            legend.remove()
        figure.legend(found.values(), found.keys(), loc="outside lower left", frameon=False, ncols=2)
    return figure
