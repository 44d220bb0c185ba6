"""Figures of agreement: Bland-Altman, scatter with the identity, forest over subgroups and methods.

Colours are Okabe and Ito's and every group also has its own shape. Each figure says whose data it shows;
simulated people carry a watermark. Import this module only where figures are drawn: it loads matplotlib.
"""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from gaitlib.errors import InputError
from gaitlib.evaluate.bland_altman import compute_bland_altman, compute_proportional_bias
from gaitlib.evaluate.forest import plot_forest
from gaitlib.evaluate.inputs import (
    check_agreement_table,
    format_interval,
    format_number,
    get_decimals,
    get_label,
    get_unit,
    read_margins,
)
from gaitlib.evaluate.people import MIN_PEOPLE
from gaitlib.evaluate.style import (
    HEIGHT_IN,
    MARGIN_COLOUR,
    STYLE,
    WIDTH_IN,
    add_legend,
    add_simulated_mark,
    describe_basis,
    get_style,
)
from gaitlib.evaluate.tables import NOT_EVALUATED

__all__ = ["add_simulated_mark", "describe_basis", "plot_bland_altman", "plot_forest", "plot_scatter"]


def plot_bland_altman(
    tidy: pd.DataFrame,
    outcome: str,
    method: str,
    *,
    ax: Axes | None = None,
    against: str = "mean",
    margins: Mapping | None = None,
    group: str = "subgroup",
    proportional: bool = False,
    labels: Mapping[str, str] | None = None,
    simulated: bool | None = None,
) -> Axes:
    """Draw errors against magnitude with bias and limits of agreement.

    Bland & Altman 2007, doi 10.1080/10543400701329422.
    """
    if against not in ("mean", "reference"):
        raise InputError(f"against: found {against!r}, expected 'mean' or 'reference'.")
    rows = _select(tidy, outcome, method)
    labels, unit, decimals = dict(labels or {}), get_unit(outcome), get_decimals(outcome)
    with plt.rc_context(STYLE):
        ax = ax or plt.subplots(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")[1]
        error = rows["estimate"] - rows["reference"]
        x = rows["reference"] if against == "reference" else (rows["estimate"] + rows["reference"]) / 2
        handles = _draw_points(ax, x, error, rows[group], labels)
        ax.axhline(0, color="0.75", linewidth=1, zorder=0)
        handles += _draw_margin(ax, margins, outcome, decimals, unit, around_identity=False)
        if rows["person"].nunique() >= MIN_PEOPLE:
            handles += _draw_limits(ax, rows, decimals, unit)
            if proportional:
                handles += _draw_sloping_limits(ax, rows, x, against, unit)
        name = get_label(outcome)
        shown = name if against == "reference" else f"{name}, mean of both"
        ax.set_xlabel(f"{shown}, reference" if against == "reference" else shown)
        ax.set_ylabel(f"Estimate \u2212 reference{f' ({unit})' if unit else ''}")
        _finish(ax, rows, f"{name.split(' (')[0]}: {labels.get(method, method)}", handles, simulated)
    return ax


def plot_scatter(
    tidy: pd.DataFrame,
    outcome: str,
    method: str,
    *,
    ax: Axes | None = None,
    margins: Mapping | None = None,
    group: str = "subgroup",
    intervals: bool = True,
    labels: Mapping[str, str] | None = None,
    simulated: bool | None = None,
) -> Axes:
    """Draw estimates against the reference with the identity and the clinical margin."""
    rows = _select(tidy, outcome, method)
    labels, unit, decimals = dict(labels or {}), get_unit(outcome), get_decimals(outcome)
    with plt.rc_context(STYLE):
        ax = ax or plt.subplots(figsize=(WIDTH_IN, HEIGHT_IN + 0.6), layout="constrained")[1]
        given = rows[rows["lower"].notna()] if intervals else rows.iloc[:0]
        handles = []
        if len(given):
            ax.vlines(given["reference"], given["lower"], given["upper"], color="0.8", linewidth=1, zorder=1)
            handles = [Line2D([], [], color="0.7", linewidth=1.5, label="interval of each estimate")]
        handles = _draw_points(ax, rows["reference"], rows["estimate"], rows[group], labels) + handles
        if len(rows):
            span = rows[["reference", "estimate"]].to_numpy()
            pad = 0.06 * (np.ptp(span) or 1.0)
            ends = (span.min() - pad, span.max() + pad)
            ax.set(xlim=ends, ylim=ends)
            ax.plot(ends, ends, color="0.3", linewidth=1.3, zorder=1)
            handles.append(Line2D([], [], color="0.3", linewidth=1.3, label="identity: estimate = reference"))
        handles += _draw_margin(ax, margins, outcome, decimals, unit, around_identity=True)
        ax.set_aspect("equal", adjustable="box")
        name = get_label(outcome)
        ax.set_xlabel(f"{name}, reference")
        ax.set_ylabel(f"{name}, estimate")
        _finish(ax, rows, f"{name.split(' (')[0]}: {labels.get(method, method)}", handles, simulated)
    return ax


def _select(tidy: pd.DataFrame, outcome: str, method: str) -> pd.DataFrame:
    table = check_agreement_table(tidy)
    rows = table[(table["outcome"] == outcome) & (table["method"] == method) & (table["status"] == "ok")]
    if rows["origin"].nunique() > 1:
        raise InputError("origin: real and simulated people in one figure; filter the table first.")
    return rows


def _draw_points(ax: Axes, x, y, groups: pd.Series, labels: Mapping) -> list:
    handles = []
    for i, name in enumerate(sorted(set(groups))):
        mine = (groups == name).to_numpy()
        style = get_style(i)
        ax.scatter(x[mine], y[mine], s=38, alpha=0.75, linewidths=0.6, edgecolors="white", zorder=3, **style)
        label = labels.get(name, str(name).replace("_", " "))
        handles.append(Line2D([], [], linestyle="", markersize=7, label=label, **style))
    return handles


def _draw_margin(ax, margins, outcome: str, decimals: int, unit: str, around_identity: bool) -> list:
    margin = read_margins(margins).get(outcome)
    if margin is None or not ax.collections:
        return []
    if around_identity:
        ends = np.array(ax.get_xlim())
        ax.fill_between(
            ends, ends - margin.value, ends + margin.value, color=MARGIN_COLOUR, alpha=0.18, zorder=0, lw=0
        )
    else:
        ax.axhspan(-margin.value, margin.value, color=MARGIN_COLOUR, alpha=0.18, zorder=0, lw=0)
    text = f"{margin.kind} margin ±{format_number(margin.value, decimals)} {unit}".rstrip()
    return [Patch(color=MARGIN_COLOUR, alpha=0.3, lw=0, label=f"{text}\n({margin.source})")]


def _draw_limits(ax: Axes, rows: pd.DataFrame, decimals: int, unit: str) -> list:
    found = compute_bland_altman(rows["reference"], rows["estimate"], rows["person"])
    ax.axhline(found.bias, color="0.15", linewidth=1.6, zorder=2)
    ax.axhspan(found.bias_lower, found.bias_upper, color="0.5", alpha=0.22, zorder=1, lw=0)
    for value, ends in (
        (found.limit_lower, found.limit_lower_interval),
        (found.limit_upper, found.limit_upper_interval),
    ):
        ax.axhline(value, color="0.15", linewidth=1.4, linestyle=(0, (5, 3)), zorder=2)
        ax.axhspan(*ends, color="0.5", alpha=0.13, zorder=1, lw=0)
    ax.margins(y=0.08)
    bias = format_interval(found.bias, found.bias_lower, found.bias_upper, decimals)
    limits = f"{format_number(found.limit_lower, decimals)} to {format_number(found.limit_upper, decimals)}"
    dashed = {"color": "0.15", "linewidth": 1.4, "linestyle": (0, (5, 3))}
    return [
        Line2D([], [], color="0.15", linewidth=1.6, label=f"bias {bias} {unit}".rstrip()),
        Line2D([], [], label=f"95 % limits {limits} {unit}".rstrip(), **dashed),
        Patch(color="0.5", alpha=0.25, lw=0, label="95 % confidence of bias and limits"),
    ]


def _draw_sloping_limits(ax: Axes, rows: pd.DataFrame, x: pd.Series, against: str, unit: str) -> list:
    line = compute_proportional_bias(rows["reference"], rows["estimate"], rows["person"], against)
    if not np.isfinite(line.slope):
        return []
    ends = np.array([x.min(), x.max()])
    for i, values in enumerate(line.evaluate_limits(ends)):
        ax.plot(
            ends,
            values,
            color="#882255",
            linewidth=1.8 if i == 0 else 1.2,
            linestyle="-." if i else "-",
            zorder=2,
        )
    slope = format_interval(line.slope, line.slope_lower, line.slope_upper, 2)
    return [Line2D([], [], color="#882255", linewidth=1.8, label=f"changing with size: slope {slope}")]


def _finish(ax: Axes, rows: pd.DataFrame, title: str, handles: list, simulated: bool | None) -> None:
    ax.set_title(title, loc="left", pad=22)
    ax.text(0, 1.025, describe_basis(rows), transform=ax.transAxes, fontsize=11, color="0.25")
    if rows.empty:
        ax.text(0.5, 0.5, NOT_EVALUATED, transform=ax.transAxes, ha="center", va="center", fontsize=13)
        ax.set(xticks=[], yticks=[])
    ax.spines[["top", "right"]].set_visible(False)
    add_legend(ax, handles)
    if simulated or (simulated is None and (rows["origin"] == "simulated").any()):
        add_simulated_mark(ax)
