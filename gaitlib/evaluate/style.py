"""What all figures share: colours and shapes, type sizes, the statement of whose data, the watermark."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

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
