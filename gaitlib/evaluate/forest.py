"""Forest plot: one statistic with its interval for every subgroup and method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from gaitlib.errors import InputError
from gaitlib.evaluate.agreement import STATISTICS
from gaitlib.evaluate.inputs import format_number, get_decimals, get_label, get_unit
from gaitlib.evaluate.style import MARGIN_COLOUR, STYLE, WIDTH_IN, add_legend, add_simulated_mark, get_style
from gaitlib.evaluate.tables import NOT_EVALUATED


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
        handles = [
            Line2D([], [], markersize=8, label=labels.get(name, name), **style)
            for name, style in styles.items()
        ]
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
    n, walks = (
        sorted({int(v) for v in line.loc[line["n_people"] > 0, name]}) for name in ("n_people", "n_walks")
    )
    counts = " / ".join(f"{v[0]}" if len(v) == 1 else f"{v[0]}\u2013{v[-1]}" for v in (n, walks) if v)
    text = ", ".join(shown) + (f"\n{counts}" if counts else "")
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
        for size, kind, source in known.drop_duplicates().itertuples(index=False):
            for end in (-size, size) if statistic == "bias" else (size,):
                ax.plot([end, end], [y - 0.5, y + 0.5], zorder=1, **style)
            words = f"{sign}{format_number(size, get_decimals(outcome))} {get_unit(outcome)}".rstrip()
            sources[f"{kind} margin {words}\n({source})"] = None
    return [Line2D([], [], label=text, **style) for text in sources]


def _label_forest(ax: Axes, outcome: str, statistic: str, only_simulated: bool) -> None:
    name = get_label(outcome).split(" (")[0]
    unit = f" ({get_unit(outcome)})" if get_unit(outcome) else ""
    if statistic == "interval_coverage":
        ax.set_xlabel("Share of intervals holding the truth")
        ax.set_title(f"{name}: interval coverage", loc="left", pad=22)
    else:
        item = STATISTICS[statistic]
        ax.set_xlabel(f"{item.label}{unit if item.has_unit else ''}, 95 % interval")
        ax.set_title(f"{name}: {item.label}", loc="left", pad=22)
    basis = "simulated people" if only_simulated else "real people unless marked"
    ax.text(
        0, 1.0, f"people / walks; {basis}", transform=ax.transAxes, fontsize=11, color="0.25", va="bottom"
    )
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    if statistic in ("mae", "rmse", "sd"):
        ax.set_xlim(left=0)
    ax.spines[["top", "right"]].set_visible(False)
