"""How the error falls with the number of people trained on, and what each part of the method is worth.

The training itself is done elsewhere; this reads its estimates. They are kept as table `training_runs` of the
results folder: the columns of an agreement table (`gaitlib.evaluate.inputs`) and

- kind: 'efficiency' (the number of people varies) or 'ablation' (a part is taken away),
- arm: words for what was trained, such as "real people only" or "without generated gaits",
- n_train: people trained on,
- seed: of the training.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from gaitlib.evaluate.inputs import format_interval, get_decimals, get_label, get_unit
from gaitlib.report.results import Results

COLUMNS = ("kind", "arm", "n_train", "seed")


def load_runs(kept: Results, margins: Mapping, view: str, seed: int, n_resamples: int) -> pd.DataFrame:
    """Load the runs and compute their agreement with real people.

    Parameters
    ----------
    kept : Results
        Where the estimates of the runs may lie.
    margins : mapping
        outcome -> value, kind, source.
    view : str
        Which view.
    seed, n_resamples : int
        Of the bootstrap over people.

    Returns
    -------
    DataFrame
        As `gaitlib.evaluate.tables.build_agreement_table` by kind, arm, n_train and outcome, real people
        only; empty where this study trained no such runs. Trainings with several seeds count as repeated
        estimates of the same people.

    Raises
    ------
    InputError
        A column is missing.
    """
    from gaitlib.errors import InputError
    from gaitlib.evaluate.tables import build_agreement_table

    if not kept.get_path("training_runs.parquet").is_file():
        return pd.DataFrame(columns=[*COLUMNS, "outcome", "mae"])
    runs = kept.load_table("training_runs")
    missing = [name for name in COLUMNS if name not in runs]
    if missing:
        raise InputError(
            f"training_runs: column(s) {', '.join(missing)} missing; found {', '.join(runs.columns)}."
        )
    runs = runs[(runs["view"] == view) & (runs["origin"] == "real")]
    runs = runs.assign(
        method=[f"{row.kind}: {row.arm}, {row.n_train}" for row in runs.itertuples()],
        walk_id=runs["walk_id"].astype(str) + "/" + runs["seed"].astype(str),
    )
    return build_agreement_table(
        runs, by=("kind", "arm", "n_train", "outcome", "method"), margins=margins,
        rng=np.random.default_rng([seed, 61]), n_resamples=n_resamples,
    )  # fmt: skip


def format_runs(runs: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Format one kind of runs for print.

    Parameters
    ----------
    runs : DataFrame
        From `load_runs`.
    kind : {'efficiency', 'ablation'}
        Which.

    Returns
    -------
    DataFrame
        Strings: one row per arm and number of people, mean absolute error per outcome.
    """
    own = runs[(runs["kind"] == kind) & runs["mae"].notna()]
    rows = []
    for (arm, n_train), part in own.groupby(["arm", "n_train"], sort=False):
        row = {
            "Trained on": arm,
            "People trained on": str(n_train),
            "People tested": str(part["n_people"].max()),
        }
        for line in part.to_dict("records"):
            row[f"{get_label(line['outcome'])}: MAE (95 % CI)"] = format_interval(
                line["mae"], line["mae_lower"], line["mae_upper"], get_decimals(line["outcome"])
            )
        rows.append(row)
    return pd.DataFrame(rows or [{"Trained on": "not evaluated: this study trains no such runs"}])


def plot_efficiency(runs: pd.DataFrame, outcome: str):
    """Draw error against the number of people trained on.

    Parameters
    ----------
    runs : DataFrame
        From `load_runs`.
    outcome : str
        Which outcome.

    Returns
    -------
    matplotlib Figure or None
        One line per arm with 95 % intervals; None without such runs. Arms trained on no real person are
        drawn as a level line.
    """
    import matplotlib.pyplot as plt

    from gaitlib.evaluate.style import STYLE, get_style

    own = runs[(runs["kind"] == "efficiency") & (runs["outcome"] == outcome) & runs["mae"].notna()]
    if own.empty:
        return None
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(6.2, 4.4), layout="constrained")
        for position, (arm, part) in enumerate(own.groupby("arm", sort=False)):
            style, part = get_style(position), part.sort_values("n_train")
            size = part["n_train"].astype(float)
            if len(part) == 1 and size.iloc[0] == 0:
                row = part.iloc[0]
                ax.axhline(row["mae"], color=style["color"], linestyle="--", label=arm)
                ax.axhspan(row["mae_lower"], row["mae_upper"], color=style["color"], alpha=0.12, lw=0)
                continue
            ends = np.abs(part[["mae_lower", "mae_upper"]].to_numpy().T - part["mae"].to_numpy())
            ax.errorbar(size, part["mae"], ends, capsize=3, markersize=7, label=arm, **style)
        unit = get_unit(outcome)
        ax.set(xlabel="Real people trained on", ylabel=f"Mean absolute error ({unit})", ylim=(0, None))
        figure.legend(loc="outside lower left", frameon=False)
    return figure
