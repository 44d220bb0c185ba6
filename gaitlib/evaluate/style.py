"""What all figures share: colours, shapes, type sizes, whose data, watermark, and the layout for a phone."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from gaitlib.evaluate.inputs import count_walks
from gaitlib.evaluate.tables import NOT_EVALUATED

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#8C6D31")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
MARGIN_COLOUR = "#E69F00"
STYLE = {
    "font.size": 12,
    "axes.titlesize": 13,
    "axes.labelsize": 12,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "legend.fontsize": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.dpi": 110,
    "savefig.dpi": 150,
}
"""Sizes that stay readable when the figure is shrunk to the width of a phone."""
WIDTH_IN, HEIGHT_IN = 5.2, 5.0
PHONE_IN = 4.2
"""On a figure of this width a point is a pixel of a phone, so type stays as large as its points say."""


def get_style(position: int) -> dict[str, str]:
    """Get colour and shape of the n-th group."""
    return {"color": COLOURS[position % len(COLOURS)], "marker": MARKERS[position % len(MARKERS)]}


def add_legend(ax: Axes, handles: list) -> None:
    """Put the legend beneath the axes, where it hides no data."""
    if not handles:
        return
    if len(ax.figure.axes) == 1 and ax.figure.get_layout_engine() is not None:
        ax.figure.legend(handles=handles, loc="outside lower left", frameon=False)
    else:
        ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(0, -0.16), frameon=False)


def add_simulated_mark(ax: Axes, fontsize: float = 34) -> None:
    """Print SIMULATED across an axes."""
    ax.text(
        0.5, 0.5, "SIMULATED", transform=ax.transAxes, rotation=28, ha="center", va="center",
        fontsize=fontsize, color="#B00020", alpha=0.22, weight="bold", zorder=5,
    )  # fmt: skip


def describe_basis(tidy: pd.DataFrame) -> str:
    """State whose data rows are: "Real people: 12 people, 36 walks"."""
    kind = "Simulated people, not measured" if (tidy["origin"] == "simulated").any() else "Real people"
    n, walks = tidy["person"].nunique(), count_walks(tidy)
    if n == 0:
        return NOT_EVALUATED.capitalize()
    return f"{kind}: {n} {'person' if n == 1 else 'people'}, {walks} {'walk' if walks == 1 else 'walks'}"


def stack_for_phone(figure: Figure) -> None:
    """Lay a figure out anew in the width of a phone: panels beneath each other, legend in one column.

    A row of panels becomes a column; of a grid two columns stand side by side, the next two beneath them.
    """
    places = {ax: ax.get_subplotspec() for ax in figure.axes if ax.get_subplotspec()}
    n_rows, n_columns = next((place.get_gridspec().get_geometry() for place in places.values()), (1, 1))
    usual, across = figure.get_size_inches()[1] / n_rows, 1 if n_rows == 1 else min(n_columns, 2)
    usual = min(usual, 2.8 / across + 0.2) if n_columns > across else usual
    first = {place.rowspan.start: ax for ax, place in places.items() if place.colspan.start == 0}
    heights, moved = np.zeros(n_rows * -(-n_columns // across)), {}
    for ax, place in places.items():
        row, (block, column) = place.rowspan.start, divmod(place.colspan.start, across)
        if block and column == 0:  # what its neighbour said for it
            ax.tick_params(axis="y", labelleft=True)
            ax.set_ylabel(ax.get_ylabel() or first[row].get_ylabel())
        alone = column == 0 and place.colspan.stop == n_columns
        moved[ax] = block * n_rows + row, slice(None) if alone else column
        heights[moved[ax][0]] = max(heights[moved[ax][0]], _get_height(ax, usual, PHONE_IN / across - 0.7))
    grid = figure.add_gridspec(len(heights), across, height_ratios=heights)
    for ax, place in moved.items():
        ax.set_subplotspec(grid[place])
    height = heights.sum() + 0.2 * sum(len(legend.texts) for legend in figure.legends)
    figure.set_size_inches(PHONE_IN, height)
    figure.set_layout_engine("constrained")
    side = "upper" if figure.get_supxlabel() else "lower"  # a label beneath all panels would be hidden
    for legend in list(figure.legends):
        words = [textwrap.fill(text.get_text(), 42) for text in legend.texts]
        look = {"title": legend.get_title().get_text(), "loc": f"outside {side} left", "frameon": False}
        legend.remove()
        figure.legend(legend.legend_handles, words, **look)
    _wrap_wide_words(figure)


def _get_height(ax: Axes, usual: float, width: float) -> float:
    """Height in inches of a panel; of one whose shape is fixed, what its width leaves."""
    shape = ax.get_box_aspect()
    if ax.get_aspect() != "auto" and ax.get_adjustable() == "box":
        shape = float(np.ptp(ax.get_ylim()) / np.ptp(ax.get_xlim()))
    return usual if shape is None else min(width * shape, 2 * width) + 0.8


def _wrap_wide_words(figure: Figure) -> None:
    """Break titles and labels that are wider than the figure."""
    figure.draw_without_rendering()
    for text in figure.findobj(Text):
        wide = text.get_window_extent().width / (0.96 * figure.bbox.width) if text.get_text() else 0
        if wide > 1 and not text.get_rotation():
            lines = text.get_text().splitlines()
            fits = int(max(map(len, lines)) / wide)
            text.set_text("\n".join(textwrap.fill(line, fits) for line in lines))
