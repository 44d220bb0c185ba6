"""Over everyone: gaps between groups, a mixed model of the bias, telling groups apart, power."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from gaitlib.errors import InputError
from gaitlib.evaluate.inputs import format_interval, format_number, get_decimals, get_label, get_unit
from gaitlib.report import people
from gaitlib.report.page import join_words
from gaitlib.report.subgroup_words import NOT_EVALUATED, OUTCOME_WORDS


def format_gaps(
    real: pd.DataFrame, subgroups: Mapping[str, str], view: str, seed: int, n_resamples: int
) -> tuple[pd.DataFrame, list[str]]:
    """Format how much worse each group fares than the best one, and name the worst.

    Parameters
    ----------
    real : DataFrame
        Estimates of real people.
    subgroups : mapping
        Name -> words for readers.
    view : str
        Which view.
    seed, n_resamples : int
        Of the bootstrap.

    Returns
    -------
    table : DataFrame
        Strings, one row per outcome and group, for the estimator trained on synthetic walks.
    worst : list of str
        One line per outcome.
    """
    from gaitlib.evaluate.subgroups import compute_subgroup_gaps

    own = real[(real["method"] == "synthetic") & (real["view"] == view)]
    if own.empty:
        return pd.DataFrame([{"Outcome": "–", "Note": NOT_EVALUATED}]), [NOT_EVALUATED]
    gaps = compute_subgroup_gaps(
        own, np.random.default_rng([seed, 51]), by=("origin", "outcome"), n_resamples=n_resamples
    )
    rows, worst = [], []
    for row in gaps.itertuples():
        decimals = get_decimals(row.outcome)
        rows.append(
            {
                "Outcome": get_label(row.outcome),
                "Group": subgroups.get(row.subgroup, row.subgroup),
                "People / walks": f"{row.n_people} / {row.n_walks}",
                "MAE": format_number(row.value, decimals),
                "Gap to the best (95 % CI)": "best"
                if row.subgroup == row.compared_with
                else format_interval(row.gap, row.lower, row.upper, decimals),
                "p (Holm)": format_number(row.p_holm, 3),
                "Note": row.note or "–",
            }
        )
        if row.is_worst:
            named = subgroups.get(row.subgroup, row.subgroup)
            worst.append(
                f"{OUTCOME_WORDS[row.outcome].capitalize()}: worst for {named.lower()}, off by "
                f"{people.describe_size(row.value, row.outcome)} ({row.n_people} people)."
            )
    return pd.DataFrame(rows), worst


def fit_bias(real: pd.DataFrame, outcome: str, method: str = "synthetic"):
    """Fit the error of a method on group, size and view, with a random person effect.

    Parameters
    ----------
    real : DataFrame
        Estimates of real people.
    outcome, method : str
        Which.

    Returns
    -------
    tuple of (BiasModel or None, str)
        The model, and what was left out or why there is none. Size is the reference less its mean. Terms with
        one level are left out; age enters where it is known for everybody.
    """
    from gaitlib.evaluate.bias_model import fit_bias_model

    own = real[(real["outcome"] == outcome) & (real["method"] == method) & (real["status"] == "ok")]
    if own.empty:
        return None, "no estimates"
    own = own.assign(size=own["reference"] - own["reference"].mean())
    counts = own.groupby("subgroup")["person_id"].nunique()
    own = own[own["subgroup"].isin(counts.index[counts >= 2])]
    terms = ["size"]
    terms += [f"C({name})" for name in ("subgroup", "view") if own[name].nunique() > 1]
    if "age_years" in own and own["age_years"].notna().all():
        terms.append("age_years")
    notes = [] if "age_years" in terms else ["age is not known for these people and is not in the model"]
    try:
        model = fit_bias_model(own, " + ".join(terms))
    except InputError as error:
        return None, str(error)
    return model, "; ".join([*notes, *model.notes])


def format_bias(models: Mapping, subgroups: Mapping[str, str]) -> pd.DataFrame:
    """Format models of the bias for print.

    Parameters
    ----------
    models : mapping
        outcome -> result of `fit_bias`.
    subgroups : mapping
        Name -> words for readers.

    Returns
    -------
    DataFrame
        Strings, one row per outcome and term.
    """
    rows = []
    for outcome, (model, note) in models.items():
        if model is None:
            rows.append({"Outcome": get_label(outcome), "Term": f"not fitted: {note}"})
            continue
        decimals = get_decimals(outcome)
        for name, term in model.effects.iterrows():
            rows.append(
                {
                    "Outcome": get_label(outcome),
                    "Term": _name_term(str(name), outcome, subgroups, model),
                    "Change of error (95 % CI)": format_interval(
                        term["estimate"], term["lower"], term["upper"], decimals
                    ),
                    "p": format_number(term["p"], 3),
                }
            )
        rows.append({"Outcome": get_label(outcome), "Term": _describe_spread(model, decimals)})
    return pd.DataFrame(rows).fillna("–")


def _name_term(term: str, outcome: str, subgroups: Mapping[str, str], model) -> str:
    if term == "Intercept":
        return "error of the first group, mean size"
    if term == "size":
        return f"per {get_unit(outcome)} of truth".replace("per  of", "per unit of")
    kind, _, level = term.partition("[T.")
    level = level.rstrip("]")
    return f"{subgroups.get(level, level)} less first group" if "subgroup" in kind else f"{level} view"


def _describe_spread(model, decimals: int) -> str:
    parts = [model.kind, f"{model.n_people} people, {model.n_walks} walks"]
    if model.sd_person > 0:
        parts.append(f"SD between people {format_number(model.sd_person, decimals)}")
    parts.append(f"SD of residuals {format_number(model.sd_residual, decimals)}")
    found = model.diagnostics
    parts.append(
        f"residuals: skewness {format_number(found['skewness'], 1)}, Shapiro p "
        f"{format_number(found['shapiro_p'], 3)}, spread against fitted p "
        f"{format_number(found['spread_p'], 3)}"
    )
    return "; ".join(parts)


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
) -> tuple[pd.DataFrame, str]:
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
    """
    from gaitlib.evaluate.discrimination import compare_aucs, compute_auc, compute_pair_auc

    sets = [set(real.loc[real["subgroup"] == name, "dataset"]) for name in (positive, negative)]
    shared = sorted(sets[0] & sets[1])
    if not shared:
        return pd.DataFrame([{"Measured by": "–", "Note": "no data set holds both groups"}]), ""
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
    return pd.DataFrame(rows).fillna("–"), shared[0]


def describe_power(real: pd.DataFrame, margins: Mapping, view: str, rival: str = "ridge_real") -> list[str]:
    """Describe what this number of people could have shown in the comparison with a rival.

    Parameters
    ----------
    real : DataFrame
        Estimates of real people.
    margins : mapping
        outcome -> value, kind, source.
    view : str
        Which view.
    rival : str
        Method compared with.

    Returns
    -------
    list of str
        One line per outcome.
    """
    from gaitlib.evaluate.equivalence import pair_errors
    from gaitlib.evaluate.inputs import check_agreement_table
    from gaitlib.evaluate.power import compute_detectable_difference, compute_provable_margin

    lines = []
    table = check_agreement_table(real) if len(real) else real
    for outcome, margin in margins.items():
        own = table[(table["outcome"] == outcome) & (table["view"] == view)] if len(table) else table
        paired = pair_errors(own, "synthetic", rival)[0] if len(own) else pd.DataFrame()
        if len(paired) < 3:
            lines.append(f"{OUTCOME_WORDS[outcome].capitalize()}: fewer than three people have both methods.")
            continue
        sd, n = float((paired["new"] - paired["standard"]).std(ddof=1)), len(paired)
        sizes = [
            people.describe_size(size, outcome)
            for size in (
                compute_detectable_difference(sd, n),
                compute_provable_margin(sd, n),
                margin["value"],
            )
        ]
        lines.append(
            f"{OUTCOME_WORDS[outcome].capitalize()}: {n} people could have shown a difference of "
            f"{sizes[0]} between the two methods (80 % power, 5 % two-sided), and equivalence within "
            f"{sizes[1]} had they been alike; the margin is {sizes[2]}."
        )
    return lines


def summarise_models(worst: list[str], models: Mapping) -> list[str]:
    """Summarise gaps and models in one line each.

    Parameters
    ----------
    worst : list of str
        From `format_gaps`.
    models : mapping
        outcome -> result of `fit_bias`.

    Returns
    -------
    list of str
    """
    clear = [
        OUTCOME_WORDS[outcome]
        for outcome, (model, _) in models.items()
        if model is not None and "size" in model.effects.index and model.effects.loc["size", "p"] < 0.05
    ]
    bias = (
        f"The bias grows or shrinks with the size of the quantity for {join_words(clear)}."
        if clear
        else "No outcome shows a bias that changes with its size."
    )
    return [*worst, bias]


def plot_model(models: Mapping, outcome: str):
    """Draw the residuals of the model of one outcome.

    Parameters
    ----------
    models : mapping
        outcome -> result of `fit_bias`.
    outcome : str
        Which.

    Returns
    -------
    matplotlib Figure
        Empty, with the reason, where there is no model.
    """
    from gaitlib.evaluate.model_plots import plot_residuals

    model, note = models[outcome]
    if model is not None:
        return plot_residuals(model, get_unit(outcome))
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(6, 1.2))
    ax.axis("off")
    ax.text(0.0, 0.5, f"not fitted: {note}", va="center")
    return figure


def show_efficiency(runs: pd.DataFrame, outcomes, n_people: int) -> list:
    """Show error against the number of people trained on, one figure per outcome.

    Parameters
    ----------
    runs : DataFrame
        From `gaitlib.report.training_runs.load_runs`.
    outcomes : iterable of str
        Which.
    n_people : int
        Real people tested on.

    Returns
    -------
    list of IPython.display.HTML
        Empty without such runs.
    """
    from gaitlib.report.page import show_figure
    from gaitlib.report.training_runs import plot_efficiency

    drawn = {outcome: plot_efficiency(runs, outcome) for outcome in outcomes}
    return [
        show_figure(
            figure,
            f"Error in {OUTCOME_WORDS[outcome]} against the number of real people trained on, with 95 % "
            "intervals over the people tested.",
            "real",
            n_people,
        )
        for outcome, figure in drawn.items()
        if figure is not None
    ]
