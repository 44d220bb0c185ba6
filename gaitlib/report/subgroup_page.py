"""The page of one subgroup: who is in it, what is said about them, and the tables and figures that "
"carry it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.evaluate.inputs import format_interval, format_number, get_decimals, get_label
from gaitlib.report import people
from gaitlib.report.results import Results
from gaitlib.report.subgroup_words import OUTCOME_WORDS

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
    """

    walks: list[xr.Dataset]
    basis: str
    datasets: tuple[str, ...] = ()
    why: str = ""
    lab_events: pd.DataFrame = field(default_factory=pd.DataFrame)

    def choose_methods(self, methods: Iterable[str]) -> list[str]:
        """Choose the methods that these walks allow: nothing is trained on real people where there are none.

        Parameters
        ----------
        methods : iterable of str
            Wanted methods.

        Returns
        -------
        list of str
        """
        return [name for name in methods if self.basis == "real" or name != "ridge_real"]


def collect_subgroup(
    kept: Results,
    subgroup: str,
    datasets: Iterable[str],
    stand_in: Mapping,
    library: str,
    n_walks: int,
    duration_s: float,
    seed: int,
) -> Group:
    """Collect the walks of a page: real people, or simulated ones where there are none.

    Parameters
    ----------
    kept : Results
        Where chapter 3 kept which simulated people it has not seen.
    subgroup : str
        Name of the subgroup.
    datasets : iterable of str
        Items of the data manifest; empty without real people.
    stand_in : mapping
        Section `stand_in` of the study.
    library : str
        Folder of the library.
    n_walks : int
        Simulated walks.
    duration_s : float
        Their length (s).
    seed : int
        Source of randomness.

    Returns
    -------
    Group
    """
    datasets = tuple(datasets)
    if datasets:
        from gaitlib.data.fetch import check_purpose

        for dataset in datasets:
            check_purpose(dataset, "baseline")  # the ridge trains on them, cross-validated by person
        walks = people.collect_real_walks(datasets, "evaluate")
        own = [walk for walk in walks if walk.attrs["subgroup"] == subgroup]
        return Group(walks, "real", datasets, lab_events=people.compare_lab_events(own))
    from gaitlib.simulate.library import load_library

    held_out = kept.load_facts("3_train")["held_out_gaits"]
    table, gaits = load_library(kept.locate(library))
    walks = people.draw_stand_ins(table, gaits, stand_in, held_out, n_walks, duration_s, seed, subgroup)
    return Group(walks, "simulated", why=stand_in["why"])


def select_shown(agreement: pd.DataFrame) -> pd.DataFrame:
    """Put an agreement table into reading order: outcome, view, method.

    Parameters
    ----------
    agreement : DataFrame
        Of one subgroup.

    Returns
    -------
    DataFrame
        The same rows.
    """
    order = {name: n for n, name in enumerate(["synthetic", "classical", "ridge_real"])}
    keys = pd.DataFrame(
        {
            "outcome": agreement["outcome"].map({name: n for n, name in enumerate(OUTCOME_WORDS)}),
            "view": agreement["view"].map({"side": 0, "front": 1}).fillna(2),
            "method": agreement["method"].map(order).fillna(9),
        }
    )
    shown = agreement.loc[keys.sort_values(["outcome", "view", "method"]).index].reset_index(drop=True)
    shown.attrs = dict(agreement.attrs)
    return shown


def format_calibration(tidy: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Format coverage of the intervals and abstentions for print.

    Parameters
    ----------
    tidy : DataFrame
        Estimates.
    names : mapping
        Readable names.

    Returns
    -------
    DataFrame
        Strings, one row per outcome and view of the estimator trained on synthetic walks.
    """
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
    """Format the paired comparison with the other methods for print.

    Parameters
    ----------
    tidy : DataFrame
        Estimates.
    margins : mapping
        outcome -> value, kind, source.
    names : mapping
        Readable names.
    seed, n_resamples : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        Strings, one row per rival, outcome and view.
    """
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


def plot_agreement(tidy: pd.DataFrame, outcome: str, method: str, margins: Mapping, names: Mapping[str, str]):
    """Draw estimate against truth, and error against size, side by side; views told apart.

    Parameters
    ----------
    tidy : DataFrame
        Estimates of one subgroup.
    outcome, method : str
        What to show.
    margins : mapping
        outcome -> value, source.
    names : mapping
        Readable names.

    Returns
    -------
    matplotlib Figure
    """
    import matplotlib.pyplot as plt

    from gaitlib.evaluate.plots import plot_bland_altman, plot_scatter
    from gaitlib.evaluate.style import STYLE

    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(10.4, 5.6))
        plot_scatter(tidy, outcome, method, ax=left, margins=margins, group="view", labels=names)
        plot_bland_altman(tidy, outcome, method, ax=right, margins=margins, group="view", labels=names)
        figure.subplots_adjust(wspace=0.3)
    return figure


def show_known(subgroup: str):
    """Show what real recordings do tell about a subgroup that could not be evaluated.

    Parameters
    ----------
    subgroup : str
        Name of the subgroup.

    Returns
    -------
    IPython.display.HTML or None
        None where there is nothing to show.
    """
    from gaitlib.report.known import list_known
    from gaitlib.report.page import show_table

    found = list_known(subgroup)
    if found is None:
        return None
    table, caption, n_people = found
    return show_table(table, caption, "real", n_people)
