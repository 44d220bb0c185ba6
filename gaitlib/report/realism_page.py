"""Tables and figures of how near simulated gaits come to real people."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from gaitlib.evaluate.style import COLOURS, STYLE
from gaitlib.report import realism_data as data
from gaitlib.report.realism import check_measured_pattern, check_normal_pattern, measure_pattern_shares
from gaitlib.report.realism_compare import CHILDREN, choose_children, collect_adult_steps, load_bands
from gaitlib.workflow import earlier
from gaitlib.workflow.results import Results


def format_pattern(gait: xr.Dataset, others: xr.Dataset, measured: dict | None) -> pd.DataFrame:
    """Format the check of one gait against the normal pattern for print, and how many others keep to it."""
    own = check_normal_pattern(gait)
    shares = measure_pattern_shares(others)
    real = check_measured_pattern(measured["angles"], measured["forces"]) if measured else own
    rows = []
    for a, b in zip(own.to_dict("records"), real.to_dict("records"), strict=True):
        degrees = "°" if a["unit"] == "deg" else " %" if a["unit"].startswith("%") else ""
        decimals = 0 if degrees else 2

        def show(value: float, decimals=decimals, unit=degrees) -> str:
            return f"{value:.{decimals}f}{unit}" if np.isfinite(value) else "not there"

        rows.append(
            {
                "Feature": a["feature"],
                "Wanted": f"{a['wanted_low']:.{decimals}f} to {show(a['wanted_high'])}",
                "Typical adult": show(a["found"]),
                "Met": "yes" if a["met"] else "no",
                "Library adults who meet it": f"{100 * shares[a['feature']]:.0f} %",
                "Measured adult": show(b["found"]) if measured else "not here",
            }
        )
    return pd.DataFrame(rows)


def format_angles(angles: pd.DataFrame) -> pd.DataFrame:
    """Format the comparison of angles for print, poor ones marked."""
    rows = []
    for row in angles.to_dict("records"):
        done = isinstance(row.get("curve"), str)
        rows.append(
            {
                "Against": row["who"],
                "Curve": row["curve"] if done else "–",
                "Gaits, people": f"{row['n_simulated']:.0f}, {row['n_measured']:.0f}" if done else "–",
                "RMS difference": f"{row['rms_deg']:.1f}°" if done else "–",
                "SD between people": f"{row['sd_deg']:.1f}°" if done else "–",
                "In SD": f"{row['rms_sd']:.1f}" if done else "–",
                "Verdict": ("poor" if row["poor"] else "within 2 SD") if done else "not evaluated",
                "What explains most": row["reason"].removeprefix("not evaluated: "),
            }
        )
    return pd.DataFrame(rows)


def format_activations(activations: pd.DataFrame) -> pd.DataFrame:
    """Format the comparison of activations with EMG for print."""
    if activations.empty:
        return pd.DataFrame([{"Against": "–", "Verdict": "not evaluated: the recordings are not here"}])
    return pd.DataFrame(
        {
            "Against": activations["who"],
            "Muscle group": activations["muscle"],
            "Measured": [
                f"{row.n_measured} {'strides' if row.who == 'one measured adult' else 'people'}"
                for row in activations.itertuples()
            ],
            "Correlation": activations["correlation"].map("{:.2f}".format),
            "Timing error (% of stride)": activations["timing_percent"].map("{:+.0f}".format),
            "Correlation at that shift": activations["best_correlation"].map("{:.2f}".format),
            "Verdict": activations["poor"].map({True: "poor", False: "fair"}),
            "What explains most": activations["reason"],
        }
    )


def format_speed_law(law: pd.DataFrame) -> pd.DataFrame:
    """Format the comparison of step length at a speed for print."""
    if law.empty:
        return pd.DataFrame([{"Adults": "–", "Verdict": "not evaluated: the recordings are not here"}])
    error = [
        f"{row.step_error_percent:+.0f} %" if np.isfinite(row.step_error_percent) else row.reason
        for row in law.itertuples()
    ]
    return pd.DataFrame(
        {
            "Adults": law["age_group"],
            "Measured people": law["n_measured"].astype(str),
            "Measured: step / leg": [
                f"{row.factor:.2f} × (speed / √(g leg))^{row.exponent:.2f}" for row in law.itertuples()
            ],
            "Simulated gaits": law["n_simulated"].astype(str),
            "Simulated steps, median difference": error,
        }
    )


def plot_angles(table: pd.DataFrame, gaits: xr.Dataset, adults: xr.Dataset, kept: Results) -> Figure | None:
    """Draw joint angles of simulated and real adults and children."""
    groups = []
    bands = load_bands(kept)
    if bands is not None:
        groups.append(("Adults", data.JOINTS, data.choose_bands(bands), adults))
    found = earlier.attempt(kept, data.load_children, CHILDREN)
    if found:
        groups.append(("Children", data.SEGMENTS, found[0], choose_children(table, gaits, found[1])))
    if not groups:
        return None
    with plt.rc_context(STYLE):
        n = len(groups)
        figure, axes = plt.subplots(
            n, 3, figsize=(9.6, 3.1 * n), layout="constrained", sharex=True, squeeze=False
        )
        for line, (who, titles, real, chosen) in zip(axes, groups, strict=True):
            simulated = data.collect_simulated(chosen, tuple(titles))
            for ax, (name, title) in zip(line, titles.items(), strict=True):
                _draw(ax, real[name], simulated[name])
                ax.set_title(f"{who}: {title.lower()}", loc="left", fontsize=11)
            line[0].set_ylabel("Angle (°)")
        for ax in axes[-1]:
            ax.set(xlabel="Stride (%)", xticks=[0, 25, 50, 75, 100], xlim=(0, 100))
        figure.legend(
            *axes[0, 0].get_legend_handles_labels(), loc="outside lower left", frameon=False, ncols=2
        )
    return figure


def plot_activations(adults: xr.Dataset) -> Figure:
    """Draw simulated activations and measured EMG, each scaled to its own peak."""
    envelopes = data.load_adult_emg()
    simulated = data.collect_simulated(adults, tuple(envelopes))
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(2, 3, figsize=(9.6, 5.2), layout="constrained", sharex=True, sharey=True)
        for ax, (group, envelope) in zip(axes.flat, envelopes.items(), strict=True):
            _draw(
                ax,
                envelope / envelope.mean(axis=0).max(),
                simulated[group] / simulated[group].mean(axis=0).max(),
            )
            ax.set_title(group, loc="left", fontsize=11)
        for ax in axes[-1]:
            ax.set(xlabel="Stride (%)", xticks=[0, 25, 50, 75, 100], xlim=(0, 100))
        for ax in axes[:, 0]:
            ax.set_ylabel("Share of peak")
        axes[0, 0].set_ylim(0, 1.5)
        figure.legend(
            *axes[0, 0].get_legend_handles_labels(), loc="outside lower left", frameon=False, ncols=2
        )
    return figure


def plot_speed_law(table: pd.DataFrame) -> Figure:
    """Draw step length over speed, both free of body size, of measured and simulated adults."""
    law = data.load_speed_law()
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(6.2, 4.2), layout="constrained")
        for (group, rows), marker, colour in zip(
            law.groupby("age_group"), "s^", ("0.6", "0.35"), strict=True
        ):
            people = rows["person_id"].nunique()
            ax.plot(
                rows["speed"],
                rows["step"],
                marker,
                color=colour,
                markersize=4,
                label=f"{group}, {people} people",
            )
        for prescribed, face in ((True, "none"), (False, COLOURS[0])):
            rows = collect_adult_steps(table, prescribed)
            label = f"simulated, stride time {'prescribed' if prescribed else 'free'} ({len(rows)})"
            if len(rows):
                ax.plot(rows["speed"], rows["step"], "o", color=COLOURS[0], markerfacecolor=face, label=label)
        ax.set(xlabel="Speed / √(gravity × leg length)", ylabel="Step length / leg length")
        figure.legend(loc="outside lower left", frameon=False, ncols=2)
    return figure


def _draw(ax, measured: np.ndarray | data.Band, simulated: np.ndarray) -> None:
    phase = np.linspace(0, 100, 101)
    band = measured if isinstance(measured, data.Band) else data.Band.measure(measured)
    mean, spread = band.mean, band.sd * np.sqrt((band.n - 1) / band.n)
    ax.fill_between(phase, mean - spread, mean + spread, color="0.8", label="measured, mean ± SD")
    ax.plot(phase, mean, color="0.45", linewidth=1.2)
    ax.plot(phase, np.nanmean(simulated, axis=0), color=COLOURS[0], linewidth=2.2, label="simulated, mean")
    ax.axhline(0, color="0.8", linewidth=0.8, zorder=0)
