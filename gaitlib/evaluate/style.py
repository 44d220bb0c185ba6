"""What all figures share: colours, shapes, type sizes, whose data, watermark, and the layout for a phone."""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, MaxNLocator

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


def stack_for_phone(figure: Figure) -> bool:
    """Lay a figure out anew in the width of a phone: panels beneath each other, legend in one column.

    A row of panels becomes a column, of four and more two; a grid of two columns keeps them, and one of more
    whose panels have titles of their own goes on in two, or in one where names stand at the left. One whose
    panels are named only at its edges stays as it is: False.
    """
    places = {ax: ax.get_subplotspec() for ax in figure.axes if ax.get_subplotspec()}
    if not places:
        return True  # words alone
    n_rows, n_columns = next(iter(places.values())).get_gridspec().get_geometry()
    anew = n_rows > 1 and n_columns > 2
    titled = all(ax.get_title() or ax.get_title("left") for ax in places if ax.axison)
    if anew and not titled:
        return False
    for ax in [ax for ax in places if not (ax.axison or ax.has_data() or ax.texts or ax.get_legend())]:
        ax.remove()  # a spare place of the grid
        del places[ax]
    named = any(isinstance(ax.yaxis.get_major_formatter(), FuncFormatter) for ax in places)
    one = (anew and named) or (n_rows == 1 and n_columns < 4)
    usual, across = figure.get_size_inches()[1] / n_rows, 1 if one else min(n_columns, 2)
    usual = min(usual, 2.8 / across + 0.4) if n_columns > across else usual
    first = {place.rowspan.start: ax for ax, place in places.items() if place.colspan.start == 0}
    heights, moved = np.zeros(-(-n_rows * n_columns // across)), {}
    for ax, place in places.items():
        row, start = place.rowspan.start, place.colspan.start
        line, column = divmod(row * n_columns + start, across) if n_columns > across else (row, start)
        if start and column == 0:  # what its neighbour said for it
            ax.tick_params(axis="y", labelleft=True)
            shared = ax.get_shared_y_axes().joined(ax, first.get(row, ax))
            ax.set_ylabel(ax.get_ylabel() or (first[row].get_ylabel() if shared or anew else ""))
        alone = column == 0 and place.colspan.stop == n_columns and not anew
        moved[ax] = line, slice(None) if alone else column
        heights[line] = max(heights[line], _get_height(ax, usual, PHONE_IN / across - 0.7))
    heights = heights[: max(line for line, _ in moved.values()) + 1]
    below = {ax.get_xlabel() for ax in places} - {""}
    if n_columns > across > 1 and len(below) == 1:  # beneath the lowest panel of each column
        words = textwrap.fill(below.pop(), 18)
        lowest = {column == 1: ax for ax, (_, column) in moved.items() if ax.axison}
        for ax in places:
            ax.set_xlabel(words if ax in lowest.values() else "")
    labels = {ax.get_ylabel() for ax in places} - {""}
    if across > 1 and len(labels) == 1:  # one for all: beside each low panel it would reach into the next
        figure.supylabel(labels.pop(), fontsize=next(iter(places)).yaxis.label.get_size())
        for ax in places:
            ax.set_ylabel("")
    grid = figure.add_gridspec(len(heights), across, height_ratios=heights)
    for ax, place in moved.items():
        ax.set_subplotspec(grid[place])
        if type(ax.xaxis.get_major_locator()) is MaxNLocator:  # a number of ticks for a wider panel
            ax.xaxis.set_major_locator(MaxNLocator(3))
    height = heights.sum() + 0.2 * sum(len(legend.texts) for legend in figure.legends)
    figure.set_size_inches(PHONE_IN, height)
    figure.set_layout_engine("constrained")
    drawn = [zip(*reversed(ax.get_legend_handles_labels()), strict=True) for ax in figure.axes]
    known = {label: handle for pairs in drawn for label, handle in pairs}
    for legend in list(figure.legends):
        made = zip(legend.texts, legend.legend_handles, strict=True)
        handles = [known.get(text.get_text(), handle) for text, handle in made]
        words = [textwrap.fill(text.get_text(), 42) for text in legend.texts]
        place = "upper" if figure.get_supxlabel() else "lower"  # both beneath would lie over each other
        look = {"title": legend.get_title().get_text(), "loc": f"outside {place} left", "frameon": False}
        legend.remove()
        figure.legend(handles, words, **look)
    _fit_words(figure, across)
    more = np.zeros(len(heights))  # for titles of several lines
    for ax, (line, _) in moved.items():
        more[line] = max(more[line], *(0.2 * ax.get_title(loc).count("\n") for loc in ("left", "center")))
    grid.set_height_ratios(heights + more)
    figure.set_size_inches(PHONE_IN, height + more.sum())
    return True


def _get_height(ax: Axes, usual: float, width: float) -> float:
    """Height in inches of a panel; of one whose shape is fixed, what its width leaves."""
    shape = ax.get_box_aspect()
    if ax.get_aspect() != "auto" and ax.get_adjustable() == "box":
        shape = float(np.ptp(ax.get_ylim()) / np.ptp(ax.get_xlim()))
    return usual if shape is None else min(width * shape, 2 * width) + 0.8


def _fit_words(figure: Figure, across: int) -> None:
    """Keep heads of panels and other words inside the figure: begin farther left, else break the line."""
    heads, room = {}, {}
    for ax in figure.axes:
        above = [
            text for text in ax.texts if text.get_transform() == ax.transAxes and text.get_position()[1] >= 1
        ]
        titles = {ax.get_title(), ax.get_title("left")} - {""}
        heads[ax] = above + [text for text in ax.findobj(Text) if text.get_text() in titles]
        for head in heads[ax]:
            head.set_in_layout(False)  # a long head would squeeze its panel
    figure.draw_without_rendering()
    for ax, own in heads.items():
        box, whole = ax.bbox, ax.get_tightbbox()
        end = 0.97 * figure.bbox.x1 if across == 1 else box.x0 + 1.12 * box.width
        over = max((head.get_window_extent().x1 - end for head in own), default=0)
        shift = min(max(over, 0), box.x0 - whole.x0) if across == 1 and whole else 0
        for head in own:
            head.set_x(head.get_position()[0] - shift / box.width)
            head.set_in_layout(True)
            room[head] = end - box.x0 + shift
    for text in figure.findobj(Text):
        wide = text.get_window_extent().width / room.get(text, 0.96 * figure.bbox.width)
        if wide > 1 and text.get_text() and not text.get_rotation():
            lines = text.get_text().splitlines()
            fits = max(int(max(map(len, lines)) / wide), 8)
            text.set_text("\n".join(textwrap.fill(line, fits) for line in lines))
    for ax, own in heads.items():  # a title stands above all lines of what is beneath it
        lines = sum(text.get_text().count("\n") for text in own if text in ax.texts)
        for title in (text for text in own if text not in ax.texts):
            title.set_text(title.get_text() + "\n" * lines)
