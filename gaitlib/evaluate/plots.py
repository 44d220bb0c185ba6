"""Figures of agreement: Bland-Altman, scatter with the identity, forest over groups and methods, residuals.

Colours are Okabe and Ito's and every group also has its own shape. Each figure says whose data it shows;
simulated people carry a watermark. Import this module only where figures are drawn: it loads matplotlib.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from scipy import stats

from gaitlib.errors import InputError
from gaitlib.evaluate.agreement import STATISTICS
from gaitlib.evaluate.bias_model import BiasModel
from gaitlib.evaluate.bland_altman import compute_bland_altman, compute_proportional_bias
from gaitlib.evaluate.inputs import (
    Shown,
    check_agreement_table,
    format_interval,
    format_number,
    get_label,
    get_shown,
    read_margins,
)
from gaitlib.evaluate.person_means import MIN_PEOPLE
from gaitlib.evaluate.style import (
    COLOURS,
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
from gaitlib.evaluate.words import describe_margin


def plot_forest(
    table: pd.DataFrame,
    outcome: str,
    statistic: str = "mae",
    *,
    rows: Sequence[str] = ("subgroup",),
    ax: Axes | None = None,
    reference_value: float | None = None,
    reference_label: str = "",
    labels: Mapping[str, str] | None = None,
    simulated: bool | None = None,
) -> Axes:
    """Draw one statistic with its interval for every subgroup and method."""
    if statistic not in STATISTICS and statistic != "interval_coverage":
        raise InputError(
            f"statistic: {statistic!r} unknown; there are {', '.join(STATISTICS)}, interval_coverage."
        )
    part = table[table["outcome"] == outcome]
    if part.empty:
        raise InputError(
            f"outcome: {outcome!r} not in the table; there are {', '.join(sorted(set(table['outcome'])))}."
        )
    labels = dict(labels or {})
    factor = 100 if statistic == "interval_coverage" else get_shown(outcome).factor
    if statistic == "interval_coverage" or STATISTICS[statistic].has_unit:
        ends = [statistic, f"{statistic}_lower", f"{statistic}_upper"]
        part = part.assign(**{name: factor * part[name] for name in ends})
        reference_value = None if reference_value is None else factor * reference_value
    keys = list(dict.fromkeys([*rows, "origin"]))
    lines = list(part.groupby(keys, sort=False))
    styles = {name: get_style(i) for i, name in enumerate(n for n in dict.fromkeys(part["method"]) if n)}
    if statistic == "interval_coverage":
        styles = {name: styles[name] for name in styles if part.loc[part["method"] == name, statistic].any()}
    with plt.rc_context(STYLE):
        slots = max(len(styles), 1)
        height = 1.9 + len(lines) * max(0.62, 0.25 * slots + 0.18) + 0.27 * (slots + 1)
        ax = ax or plt.subplots(figsize=(WIDTH_IN, height), layout="constrained")[1]
        ticks = []
        for y, (key, line) in enumerate(lines):
            _draw_forest_row(ax, y, line, statistic, styles)
            ticks.append(_name_forest_row(dict(zip(keys, key, strict=True)), line, labels))
        ax.set_yticks(range(len(lines)), ticks)
        ax.set_ylim(len(lines) - 0.45, -0.55)
        handles = [Line2D([], [], markersize=8, label=labels.get(n, n), **s) for n, s in styles.items()]
        if part["origin"].nunique() > 1:
            hollow = {"color": "0.3", "marker": "o", "markerfacecolor": "white", "linestyle": ""}
            handles.append(Line2D([], [], label="hollow: simulated", **hollow))
        handles += _draw_forest_reference(ax, lines, outcome, statistic, reference_value, reference_label)
        _label_forest(ax, outcome, statistic, (part["origin"] == "simulated").all())
        add_legend(ax, handles)
        if simulated or (simulated is None and (part["origin"] == "simulated").all()):
            add_simulated_mark(ax)
    return ax


def _draw_forest_row(ax: Axes, y: int, line: pd.DataFrame, statistic: str, styles: Mapping) -> None:
    if line["method"].duplicated().any():
        raise InputError(
            "rows: several lines of one method fall into a row; add the column that tells them apart."
        )
    missing = {"transform": ax.get_yaxis_transform(), "va": "center", "fontsize": 11, "style": "italic"}
    missing["bbox"] = {"facecolor": "white", "alpha": 0.85, "linewidth": 0, "pad": 1.5}
    spread, named = min(0.25, 0.7 / max(len(styles), 1)), list(styles)
    if not set(line["method"]) & set(named):
        nobody = (line["n_people_all"] == 0).all()
        ax.text(0.02, y, NOT_EVALUATED if nobody else "no intervals", **missing)
    for record in line.to_dict("records"):
        value, method = record[statistic], record["method"]
        if method not in named:
            continue
        i = named.index(method)
        height, style = y + (i - (len(named) - 1) / 2) * spread, styles[method]
        if not np.isfinite(value):
            ax.text(0.02, height, "no estimate" if record["n_people"] == 0 else "undefined", **missing)
            continue
        ends = record[f"{statistic}_lower"], record[f"{statistic}_upper"]
        if np.isfinite(ends).all():
            ax.plot(ends, [height] * 2, color=style["color"], linewidth=2, zorder=2)
        face = "white" if record["origin"] == "simulated" else style["color"]
        ax.plot(value, height, markersize=8, markerfacecolor=face, markeredgewidth=1.5, zorder=3, **style)
    if y % 2:
        ax.axhspan(y - 0.5, y + 0.5, color="0.95", zorder=0, lw=0)


def _name_forest_row(key: dict, line: pd.DataFrame, labels: Mapping) -> str:
    origin = key.pop("origin")
    shown = [labels.get(value, str(value).replace("_", " ")) for value in key.values() if value != ""]
    seen = line[line["n_people"] > 0]
    n, walks = (sorted({int(v) for v in seen[name]}) for name in ("n_people", "n_walks"))
    counts = " / ".join(f"{v[0]}" if len(v) == 1 else f"{v[0]}\u2013{v[-1]}" for v in (n, walks) if v)
    words = textwrap.fill(", ".join(shown), 24)  # a phone has no room for long names beside the marks
    text = words + (f"\n{counts}" if counts else "")
    return text + ("\nsimulated" if origin == "simulated" else "")


def _draw_forest_reference(ax, lines: list, outcome: str, statistic: str, value, label: str) -> list:
    """A line through all rows, or each row's own margin."""
    if value is None and statistic == "bias":
        ax.axvline(0, color="0.6", linewidth=1, zorder=1)
    if value is not None:
        ax.axvline(value, color="0.15", linewidth=1.4, linestyle=":", zorder=1)
        return [Line2D([], [], color="0.15", linewidth=1.4, linestyle=":", label=label or f"{value:g}")]
    if statistic not in ("mae", "rmse", "bias"):
        return []
    style = {"color": MARGIN_COLOUR, "linewidth": 2, "linestyle": "--"}
    sign, sources = ("±" if statistic == "bias" else ""), {}
    for y, (_, line) in enumerate(lines):
        known = line.loc[line["margin"].notna(), ["margin", "margin_kind", "margin_source"]]
        for declared, kind, source in known.drop_duplicates().itertuples(index=False):
            size = get_shown(outcome).factor * declared
            for end in (-size, size) if statistic == "bias" else (size,):
                ax.plot([end, end], [y - 0.5, y + 0.5], zorder=1, **style)
            low = -size if statistic == "bias" else 0.0
            ax.fill_betweenx([y - 0.5, y + 0.5], low, size, color=MARGIN_COLOUR, alpha=0.16, lw=0, zorder=0.5)
            words = f"{sign}{describe_margin(declared, outcome)}".rstrip()
            sources[f"{kind} margin {words}\n({source})"] = None
    return [Line2D([], [], label=text, **style) for text in sources]


def _label_forest(ax: Axes, outcome: str, statistic: str, only_simulated: bool) -> None:
    name = get_label(outcome).split(" (")[0]
    unit = f" ({get_shown(outcome).unit})" if get_shown(outcome).unit else ""
    if statistic == "interval_coverage":
        ax.set_xlabel("Intervals holding the truth (%)")
        ax.set_title(f"{name}: interval coverage", loc="left", pad=22)
    else:
        item = STATISTICS[statistic]
        ax.set_xlabel(f"{item.label}{unit if item.has_unit else ''}, 95 % interval")
        ax.set_title(f"{name}: {item.label}", loc="left", pad=22)
    basis = "simulated people" if only_simulated else "real people unless marked"
    style = {"transform": ax.transAxes, "fontsize": 11, "color": "0.25", "va": "bottom"}
    ax.text(0, 1.0, f"people / walks; {basis}", **style)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    if statistic in ("mae", "rmse", "sd"):
        ax.set_xlim(left=0)
    ax.spines[["top", "right"]].set_visible(False)


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
    """Draw errors against magnitude with bias and limits (Bland & Altman 2007)."""
    if against not in ("mean", "reference"):
        raise InputError(f"against: found {against!r}, expected 'mean' or 'reference'.")
    rows = _select(tidy, outcome, method)
    labels, unit = dict(labels or {}), get_shown(outcome).unit
    with plt.rc_context(STYLE):
        ax = ax or plt.subplots(figsize=(WIDTH_IN, HEIGHT_IN), layout="constrained")[1]
        error = rows["estimate"] - rows["reference"]
        x = rows["reference"] if against == "reference" else (rows["estimate"] + rows["reference"]) / 2
        handles = _draw_points(ax, x, error, rows[group], labels)
        ax.axhline(0, color="0.75", linewidth=1, zorder=0)
        handles += _draw_margin(ax, margins, outcome, around_identity=False)
        if rows["person"].nunique() >= MIN_PEOPLE:
            handles += _draw_limits(ax, rows, get_shown(outcome))
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
    labels = dict(labels or {})
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
        handles += _draw_margin(ax, margins, outcome, around_identity=True)
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
    values = rows[["reference", "estimate", "lower", "upper"]]
    return rows.assign(**(get_shown(outcome).factor * values))


def _draw_points(ax: Axes, x, y, groups: pd.Series, labels: Mapping) -> list:
    handles = []
    for i, name in enumerate(sorted(set(groups))):
        mine = (groups == name).to_numpy()
        style = get_style(i)
        ax.scatter(x[mine], y[mine], s=38, alpha=0.75, linewidths=0.6, edgecolors="white", zorder=3, **style)
        label = labels.get(name, str(name).replace("_", " "))
        handles.append(Line2D([], [], linestyle="", markersize=7, label=label, **style))
    return handles


def _draw_margin(ax, margins, outcome: str, around_identity: bool) -> list:
    margin = read_margins(margins).get(outcome)
    if margin is None or not ax.collections:
        return []
    size = get_shown(outcome).factor * margin.value
    style = {"color": MARGIN_COLOUR, "alpha": 0.18, "zorder": 0, "lw": 0}
    if around_identity:
        ends = np.array(ax.get_xlim())
        ax.fill_between(ends, ends - size, ends + size, **style)
    else:
        ax.axhspan(-size, size, **style)
    text = f"{margin.kind} margin ±{describe_margin(margin.value, outcome)}".rstrip()
    return [Patch(color=MARGIN_COLOUR, alpha=0.3, lw=0, label=f"{text}\n({margin.source})")]


def _draw_limits(ax: Axes, rows: pd.DataFrame, how: Shown) -> list:
    unit, decimals = how.unit, how.decimals
    found = compute_bland_altman(rows["reference"], rows["estimate"], rows["person"])
    ax.axhline(found.bias, color="0.15", linewidth=1.6, zorder=2)
    ax.axhspan(found.bias_lower, found.bias_upper, color="0.5", alpha=0.22, zorder=1, lw=0)
    dashed = {"color": "0.15", "linewidth": 1.4, "linestyle": (0, (5, 3))}
    for end in ("limit_lower", "limit_upper"):
        ax.axhline(getattr(found, end), zorder=2, **dashed)
        ax.axhspan(*getattr(found, f"{end}_interval"), color="0.5", alpha=0.13, zorder=1, lw=0)
    ax.margins(y=0.08)
    bias = format_interval(found.bias, found.bias_lower, found.bias_upper, decimals)
    limits = f"{format_number(found.limit_lower, decimals)} to {format_number(found.limit_upper, decimals)}"
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
    for values, style in zip(line.evaluate_limits(ends), ("-", "-.", "-."), strict=True):
        ax.plot(ends, values, style, color="#882255", linewidth=1.8 if style == "-" else 1.2, zorder=2)
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


def plot_residuals(model: BiasModel, unit: str = "") -> Figure:
    """Draw residuals against fitted values (funnel? bend?) and normal quantiles of residuals and people."""
    has_people = len(model.person_effects) > 2
    unit = f" ({unit})" if unit else ""
    with plt.rc_context(STYLE):
        n = 3 if has_people else 2
        figure, axes = plt.subplots(1, n, figsize=(3.1 * n, 3.3), layout="constrained")
        points = model.residuals["fitted"], model.residuals["residual"]
        axes[0].scatter(*points, s=16, color=COLOURS[0], alpha=0.7)
        axes[0].axhline(0, color="0.6", linewidth=1)
        axes[0].set(xlabel=f"Fitted error{unit}", ylabel=f"Residual{unit}")
        axes[0].set_title("Equal spread?", loc="left")
        _draw_quantiles(axes[1], model.residuals["residual"].to_numpy(), f"Residual{unit}")
        axes[1].set_title("Normal residuals?", loc="left")
        if has_people:
            _draw_quantiles(axes[2], model.person_effects.to_numpy(), f"Person{unit}")
            axes[2].set_title("Normal people?", loc="left")
    return figure


def _draw_quantiles(ax, values: np.ndarray, label: str) -> None:
    (theory, ordered), (slope, intercept, _) = stats.probplot(values)
    ax.scatter(theory, ordered, s=16, color=COLOURS[0], alpha=0.7)
    ends = np.array([theory.min(), theory.max()])
    ax.plot(ends, intercept + slope * ends, color=COLOURS[1], linestyle="--", linewidth=1.5)
    ax.set(xlabel="Normal quantile", ylabel=label)
