"""How the error falls with the number of people trained on, and what each part of the method is worth.

`gaitlib ablate` did the training; this reads its estimates: the columns of an agreement table
(`gaitlib.evaluate.inputs`) and

- kind: 'efficiency' (the number of people varies) or 'ablation' (a part is taken away),
- arm: words for what was trained, such as "real people only" or "without generated gaits",
- n_train: people trained on,
- seed: of the training.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from gaitlib.evaluate.inputs import format_interval, get_decimals, get_label, get_unit

COLUMNS = ("kind", "arm", "n_train", "seed")
DATASETS = {"td_children_c3d": "Children", "neuro_bvh": "Adults"}
"""Real people with keypoints -> words for readers."""


def load_runs(path: Path | None, margins: Mapping, view: str, seed: int, n_resamples: int) -> pd.DataFrame:
    """Load the runs and compute their agreement with real people."""
    from gaitlib.errors import InputError
    from gaitlib.evaluate.tables import build_agreement_table

    if path is None:
        return pd.DataFrame(columns=[*COLUMNS, "dataset", "outcome", "mae"])
    if not path.is_file():
        raise InputError(f"{path.name}: not found; make it with 'gaitlib ablate', or leave the key empty.")
    runs = pd.read_parquet(path)
    missing = [name for name in COLUMNS if name not in runs]
    if missing:
        raise InputError(
            f"{path.name}: column(s) {', '.join(missing)} missing; found {', '.join(runs.columns)}."
        )
    runs = runs[(runs["view"] == view) & (runs["origin"] == "real")]
    runs = runs.assign(
        method=[f"{row.kind}: {row.arm}, {row.n_train}" for row in runs.itertuples()],
        walk_id=runs["walk_id"].astype(str) + "/" + runs["seed"].astype(str),
    )
    return build_agreement_table(
        runs, by=("kind", "dataset", "arm", "n_train", "outcome", "method"), margins=margins,
        rng=np.random.default_rng([seed, 61]), n_resamples=n_resamples,
    )  # fmt: skip


def format_runs(runs: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Format one kind of runs for print."""
    own = runs[(runs["kind"] == kind) & runs["mae"].notna()]
    rows = []
    for (dataset, arm, n_train), part in own.groupby(["dataset", "arm", "n_train"], sort=False):
        row = {
            "Tested on": DATASETS.get(dataset, dataset),
            "Trained on" if kind == "efficiency" else "Trained": arm,
            "Real people trained on": str(n_train),
            "People answered, of all": f"{part['n_people'].max()} of {part['n_people_all'].max()}",
        }
        for line in part.to_dict("records"):
            row[f"{get_label(line['outcome'])}: MAE (95 % CI)"] = format_interval(
                line["mae"], line["mae_lower"], line["mae_upper"], get_decimals(line["outcome"])
            )
        rows.append(row)
    return pd.DataFrame(rows or [{"Trained on": "not evaluated: this study trains no such runs"}])


def plot_efficiency(runs: pd.DataFrame, outcome: str):
    """Draw error against the number of people trained on."""
    import matplotlib.pyplot as plt

    from gaitlib.evaluate.style import STYLE, get_style

    own = runs[(runs["kind"] == "efficiency") & (runs["outcome"] == outcome) & runs["mae"].notna()]
    if own.empty:
        return None
    people = [name for name in DATASETS if name in set(own["dataset"])]
    arms = list(own["arm"].unique())
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, len(people), figsize=(1.5 + 4.2 * len(people), 5.0), sharey=True, squeeze=False,
            layout="constrained",
        )  # fmt: skip
        for ax, dataset in zip(axes[0], people, strict=True):
            for position, arm in enumerate(arms):
                part = own[(own["dataset"] == dataset) & (own["arm"] == arm)].sort_values("n_train")
                _draw_arm(ax, part, arm, get_style(position))
            ax.set_xscale("log", base=2)
            ax.xaxis.set_major_formatter("{x:g}")
            ax.set(title=DATASETS[dataset], xlabel="Real people trained on")
        axes[0, 0].set(ylabel=f"Mean absolute error ({get_unit(outcome)})", ylim=(0, None))
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", frameon=False)
    return figure


def _draw_arm(ax, part: pd.DataFrame, arm: str, style: dict) -> None:
    """Errors against people trained on, or a level line where no real person was."""
    if len(part) == 1 and part["n_train"].item() == 0:
        row = part.iloc[0]
        ax.axhline(row["mae"], color=style["color"], linestyle="--", label=arm)
        ax.axhspan(row["mae_lower"], row["mae_upper"], color=style["color"], alpha=0.12, lw=0)
        return
    ends = np.abs(part[["mae_lower", "mae_upper"]].to_numpy().T - part["mae"].to_numpy())
    ax.errorbar(part["n_train"], part["mae"], ends, capsize=3, markersize=7, label=arm, **style)
