"""Over everyone: gaps between groups, a mixed model of the bias, power."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from gaitlib.errors import InputError
from gaitlib.evaluate.inputs import (
    format_interval,
    format_number,
    format_p,
    get_decimals,
    get_label,
    get_unit,
)
from gaitlib.report import people
from gaitlib.report.subgroup_words import NOT_EVALUATED, OUTCOME_WORDS


def format_gaps(
    real: pd.DataFrame, subgroups: Mapping[str, str], view: str, seed: int, n_resamples: int
) -> tuple[pd.DataFrame, list[str]]:
    """Format how much worse each group fares than the best one, and name the worst."""
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
                "p (Holm)": format_p(row.p_holm),
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
    """Fit the error of a method on group, size and view, with a random person effect."""
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


def name_first_levels(real: pd.DataFrame, subgroups: Mapping[str, str]) -> str:
    """Name the group and view that the others are compared with in the models of the bias."""
    own = real[(real["method"] == "synthetic") & (real["status"] == "ok")]
    counts = own.groupby("subgroup")["person_id"].nunique()
    names = sorted(counts.index[counts >= 2])
    if not names:
        return "none"
    return f"{subgroups.get(names[0], names[0])}, {min(own['view'])} view"


def format_bias(models: Mapping, subgroups: Mapping[str, str]) -> pd.DataFrame:
    """Format models of the bias for print."""
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
                    "Term": _name_term(str(name), outcome, subgroups),
                    "Change of error (95 % CI)": format_interval(
                        term["estimate"], term["lower"], term["upper"], decimals
                    ),
                    "p": format_p(term["p"]),
                }
            )
    return pd.DataFrame(rows).fillna("–")


def _name_term(term: str, outcome: str, subgroups: Mapping[str, str]) -> str:
    if term == "Intercept":
        return "Mean error (first group, first view, mean size)"
    if term == "size":
        return f"Per {get_unit(outcome) or 'unit'} of truth"
    kind, _, level = term.partition("[T.")
    level = level.rstrip("]")
    return subgroups.get(level, level) if "subgroup" in kind else f"{level.capitalize()} view"


def format_assumptions(models: Mapping) -> pd.DataFrame:
    """Format which model was fitted and whether its assumptions hold."""
    rows = []
    for outcome, (model, note) in models.items():
        row = {"Outcome": get_label(outcome)}
        if model is not None:
            decimals, found = get_decimals(outcome), model.diagnostics
            row |= {
                "Model": model.kind,
                "People / walks": f"{model.n_people} / {model.n_walks}",
                "SD of people": format_number(model.sd_person, decimals),
                "SD of residuals": format_number(model.sd_residual, decimals),
                "Skewness": format_number(found["skewness"], 1),
                "Normal? (Shapiro p)": format_p(found["shapiro_p"]),
                "Equal spread? (p)": format_p(found["spread_p"]),
            }
        rows.append(row | {"Note": note or "–"})
    return pd.DataFrame(rows).fillna("–")


def describe_power(real: pd.DataFrame, margins: Mapping, view: str, rival: str = "ridge_real") -> list[str]:
    """Describe what this number of people could have shown in the comparison with a rival."""
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


def plot_model(models: Mapping, outcome: str):
    """Draw the residuals of the model of one outcome."""
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
    """Show error against the number of people trained on, one figure per outcome."""
    from gaitlib.evaluate.training_runs import plot_efficiency
    from gaitlib.report.page import show_figure

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
