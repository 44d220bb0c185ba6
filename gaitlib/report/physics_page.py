"""Table and figure of the page on physics: residual forces of solved, generated and recorded gaits.

Loads matplotlib: import it only where figures are drawn.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from gaitlib.evaluate.inputs import format_number
from gaitlib.evaluate.style import COLOURS, MARKERS, STYLE
from gaitlib.generate.residual_forces import CUTOFF_HZ, measure_residuals

RECORDED = {"children": "recorded: children", "adult": "recorded: adult"}
SOLVED, GENERATED = "solved by physics", "generated"
_UNFILTERED = " (no filter)"


def measure_all_residuals(
    flow, held_out: tuple[pd.DataFrame, xr.Dataset], n_gaits: int, seed: int, workers: int, kept=None
) -> pd.DataFrame:
    """Measure the residual forces of generated, solved and recorded gaits."""
    from gaitlib.generate.checks import RejectionSampler
    from gaitlib.report.recorded_residual import measure_recorded_residuals

    made = RejectionSampler(flow).sample(pd.DataFrame({"speed_mps": [np.nan] * n_gaits}), seed)
    rows = np.random.default_rng(seed).permutation(len(held_out[0]))[:n_gaits]
    solved = held_out[0].iloc[rows], held_out[1].isel(gait=rows)
    parts = []
    for name, pair in ((SOLVED, solved), (GENERATED, made)):
        for cutoff, word in ((CUTOFF_HZ, ""), (None, _UNFILTERED)):
            parts.append(measure_residuals(*pair, workers, cutoff).assign(name=name + word))
    recorded = measure_recorded_residuals(kept)
    parts.append(recorded.assign(name=recorded["source"].map(RECORDED)))
    return pd.concat(parts, ignore_index=True)[["name", "residual_rms_bw", "residual_peak_bw"]]


def summarise_residuals(residuals: pd.DataFrame) -> pd.DataFrame:
    """Summarise residual forces by kind of gait."""
    groups = residuals.groupby("name", sort=False)
    rms = groups["residual_rms_bw"]
    values = {"median": rms.median(), "lower": rms.quantile(0.25), "upper": rms.quantile(0.75)}
    values["median_peak"] = groups["residual_peak_bw"].median()
    return pd.concat([rms.count().rename("n"), 100 * pd.DataFrame(values)], axis=1)


def format_residuals(summary: pd.DataFrame) -> pd.DataFrame:
    """Format residual forces for print."""
    return pd.DataFrame(
        [
            {
                "Gait": str(name),
                "Gaits": f"{int(row['n'])}",
                "Residual, RMS (% of body weight)": format_number(row["median"], 2),
                "Middle half": f"{format_number(row['lower'], 2)} to {format_number(row['upper'], 2)}",
                "Peak (% of body weight)": format_number(row["median_peak"], 1),
            }
            for name, row in summary.iterrows()
        ]
    )


def plot_residuals(residuals: pd.DataFrame) -> Figure:
    """Draw the residual force of every gait by kind, all filtered alike."""
    names = [name for name in (*RECORDED.values(), SOLVED, GENERATED) if (residuals["name"] == name).any()]
    rng = np.random.default_rng(0)
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(6.8, 0.9 + 0.7 * len(names)), layout="constrained")
        for place, name in enumerate(names):
            values = 100 * residuals.loc[residuals["name"] == name, "residual_rms_bw"].to_numpy()
            height = place + 0.12 * rng.uniform(-1, 1, len(values))
            ax.plot(values, height, MARKERS[place], color=COLOURS[place], alpha=0.6, markersize=6)
            ax.vlines(np.median(values), place - 0.32, place + 0.32, color="0.1", linewidth=2.5)
        ax.set_yticks(range(len(names)), [name.replace(": ", ":\n") for name in names])
        ax.set(ylim=(len(names) - 0.4, -0.6), xlabel="Residual force at the pelvis, RMS (% of body weight)")
        ax.set_xlim(left=0)
    return figure
