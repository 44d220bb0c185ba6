"""Figures of gaits as clinics read them: own-side cycle, degrees, sides told apart twice."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullFormatter

from gaitlib.evaluate.realism import Band
from gaitlib.evaluate.style import COLOURS, STYLE, add_simulated_mark
from gaitlib.gait import JOINTS
from gaitlib.report.body_picture import MUSCLE_WORDS as MUSCLE_WORDS
from gaitlib.simulate.curves import SideCurves

RIGHT, LEFT, GREY = COLOURS[0], COLOURS[1], "0.55"
TITLES = {"hip": "Hip\nflexion (°)", "knee": "Knee\nflexion (°)", "ankle": "Ankle\ndorsiflexion (°)"}
_LINES = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (5, 1, 1, 1)))
_LEG = ("hip", "knee", "ankle", "heel", "toe")
_HALF = (
    ("neck", "shoulder"), ("shoulder", "elbow"), ("elbow", "wrist"), ("neck", "hip"), ("hip", "knee"),
    ("knee", "ankle"), ("ankle", "heel"), ("ankle", "toe"), ("heel", "toe"),
)  # fmt: skip
_SKELETON = [("head_top", "neck"), ("hip_r", "hip_l")] + [
    ("neck" if first == "neck" else f"{first}_{side}", f"{second}_{side}")
    for side in ("r", "l")
    for first, second in _HALF
]


_TRUNK = (
    ("mid_hip", "lumbar", 0.058, 0.053),
    ("lumbar", "shoulder", 0.053, 0.056),
    ("shoulder", "neck", 0.03, 0.024),
)
_LIMBS = (
    ("mid_hip", "knee", 0.052, 0.033), ("knee", "ankle", 0.034, 0.019), ("ankle", "heel", 0.019, 0.017),
    ("ankle", "mtp", 0.02, 0.013), ("heel", "mtp", 0.014, 0.012), ("mtp", "toe", 0.012, 0.009),
)  # fmt: skip
"""Parts of the planar body, with their radii at both ends in body heights; as in interactive.js."""


def draw_pose(ax, pose: Mapping, pale: float = 0.0) -> None:
    """Draw one pose of the planar body, its colours mixed with white by `pale`; the left leg is hatched."""
    joints = [np.asarray(pose[name]) for name in ("mid_hip", "knee_r", "ankle_r")]
    tall = np.linalg.norm(np.diff(joints, axis=0), axis=1).sum() / 0.49  # body height, roughly
    middle = (np.asarray(pose["neck"]) + pose["head_top"]) / 2
    parts = [("l", part, LEFT, "//////") for part in _LIMBS] + [("", part, "0.35", "") for part in _TRUNK]
    for number, (side, (a, b, *radii), colour, hatch) in enumerate(
        [*parts, *(("r", part, RIGHT, "") for part in _LIMBS)]
    ):
        ends = [np.asarray(pose.get(f"{name}_{side}", pose.get(name)), dtype=float) for name in (a, b)]
        outline = _outline_limb(*ends, *(tall * r for r in radii))
        look = {"facecolor": _mix(colour, pale), "edgecolor": "white", "hatch": hatch, "linewidth": 0.5}
        ax.add_patch(plt.Polygon(outline, zorder=2 + 0.01 * number, **look))
    ax.add_patch(plt.Circle(middle, 0.062 * tall, color=_mix("0.35", pale), zorder=2.1))
    ax.autoscale_view()


def _mix(colour: str, pale: float) -> tuple:
    return tuple((1 - pale) * part + pale for part in to_rgb(colour))


def _outline_limb(a: np.ndarray, b: np.ndarray, ra: float, rb: float) -> np.ndarray:
    """Two circles and what lies between their tangents."""
    along = np.arctan2(b[1] - a[1], b[0] - a[0])
    open_angle = np.arccos(np.clip((ra - rb) / max(np.linalg.norm(b - a), 1e-9), -1, 1))
    first = along + np.linspace(open_angle, 2 * np.pi - open_angle, 12)
    last = along + np.linspace(-open_angle, open_angle, 12)
    ring = [np.stack([np.cos(turn), np.sin(turn)], axis=1) for turn in (first, last)]
    return np.concatenate([a + ra * ring[0], b + rb * ring[1]])


def plot_cycles(
    panels: Mapping[str, Mapping[str, np.ndarray | Band]],
    ylabel: str,
    toe_off: float = float("nan"),
    band: str = "",
    sharey: bool = False,
) -> Figure:
    """Draw curves (n, 101) over the stride, or their summary: means, of the group `band` also the SD."""
    n_columns, n_rows = min(3, len(panels)), -(-len(panels) // 3)
    names = list(dict.fromkeys(name for groups in panels.values() for name in groups))
    size = (3.2 * n_columns if n_columns > 2 else 8.2, 3.7 if n_rows == 1 else 2.9 * n_rows)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            n_rows, n_columns, figsize=size, layout="constrained", sharey=sharey, squeeze=False
        )
        for ax, (title, groups) in zip(axes.flat, panels.items(), strict=True):
            for name, curves in groups.items():
                _draw_curves(ax, curves, name, names.index(name), is_band=name == band)
            ax.axhline(0, color="0.8", linewidth=0.8, zorder=0)
            if np.isfinite(toe_off):
                ax.axvline(toe_off, color="0.5", linewidth=1.2, linestyle=":", label="toe-off")
            ax.set(xlim=(0, 100), xticks=[0, 25, 50, 75, 100])
            ax.set_title(title, loc="left", fontsize=None if n_rows == 1 else 11)
        for ax in axes[-1]:
            ax.set_xlabel("Stride (%)")
        for ax in axes[:, 0]:
            ax.set_ylabel(ylabel)
        figure.legend(*_unique_legend(axes), loc="outside lower left", frameon=False, ncols=2)
    return figure


def _draw_curves(ax, curves: np.ndarray | Band, name: str, number: int, is_band: bool) -> None:
    mean = curves.mean if isinstance(curves, Band) else np.nanmean(curves, axis=0)
    phase = np.linspace(0, 100, len(mean))
    if is_band:
        sd = Band.measure(curves).sd
        ax.fill_between(phase, mean - sd, mean + sd, color="0.8", label=f"{name}, mean ± SD", zorder=1)
        ax.plot(phase, mean, color="0.45", linewidth=1.2, zorder=2)
    else:
        look = {"linestyle": _LINES[number % 4], "color": COLOURS[number % 8]}
        ax.plot(phase, mean, linewidth=2.2, label=name, zorder=3, **look)


def _unique_legend(axes) -> tuple[list, list]:
    found = {}
    for ax in np.ravel(axes):
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values()), list(found)


def plot_training(
    history: pd.DataFrame, x: str, lines: Mapping[str, str], xlabel: str, ylabel: str
) -> Figure:
    """Draw a training curve."""
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(5.8, 3.6), layout="constrained")
        for number, (column, label) in enumerate(lines.items()):
            look = {"color": COLOURS[number], "linestyle": _LINES[number % 3]}
            ax.plot(history[x], history[column], linewidth=1.8, label=label, **look)
        values = history[list(lines)].to_numpy(dtype=float)
        if (values > 0).all():
            ax.set_yscale("log")
            ax.yaxis.set_major_formatter("{x:g}")  # plain numbers, no powers of ten
            ax.yaxis.set_minor_formatter("{x:g}" if values.max() < 10 * values.min() else NullFormatter())
        ax.set(xlabel=xlabel, ylabel=ylabel)
        if len(lines) > 1:
            figure.legend(loc="outside lower left", frameon=False, ncols=3)
    return figure


def plot_cameras(clips: list[xr.Dataset], moments=(0.15, 0.4, 0.65)) -> Figure:
    """Draw what virtual cameras see: keypoints with errors, as a network gets them."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, len(clips), figsize=(4.6 * len(clips), 3.4), layout="constrained")
        for ax, clip in zip(np.ravel(axes), clips, strict=True):
            for moment in moments:
                draw_pixels(ax, clip.isel(time=int(moment * (clip.sizes["time"] - 1))))
            frame_people(ax)
            ax.set(xlabel="u (px)", ylabel="v (px)")
            ax.set_title(f"{clip.attrs['view'].capitalize()} view", loc="left")
    return figure


def frame_people(ax) -> None:
    """Show only the part of an image in which people were drawn, rows running downwards."""
    ax.margins(0.08)
    ax.set_aspect("equal", adjustable="datalim")
    ax.invert_yaxis()
    ax.spines[["top", "right"]].set_visible(True)


def draw_pixels(ax, pose: xr.Dataset) -> None:
    """Draw one pose in an image."""
    names = [str(name) for name in pose["keypoint"].values]
    pixels = dict(zip(names, pose["pixel_position"].values, strict=True))
    for first, second in _SKELETON:
        if first in pixels and second in pixels:
            side = second[-2:] if second[-2:] in ("_r", "_l") else ""
            leg = side and second.split("_")[0] in _LEG
            colour = {"_r": RIGHT, "_l": LEFT}.get(side, "0.4") if leg else "0.4"
            line = (0, (3, 1)) if leg and side == "_l" else "-"
            ax.plot(
                *np.transpose([pixels[first], pixels[second]]), color=colour, linewidth=1.8, linestyle=line
            )
    ax.plot(*np.transpose(list(pixels.values())), ".", color="0.15", markersize=3.5)


def plot_side_curves(columns: Mapping[str, SideCurves], normal: SideCurves | None = None):
    """Draw hip, knee and ankle of several groups over the band of healthy people."""
    phase = np.arange(101)
    healthy = normal.average_sides() if normal else {}
    looks = {0: {"color": COLOURS[0], "ls": "-"}, 1: {"color": COLOURS[1], "ls": (0, (4, 1.5))}}
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            3, len(columns), figsize=(2.9 * len(columns) + 0.3, 7.2), sharex=True, sharey="row",
            squeeze=False, layout="constrained",
        )  # fmt: skip
        for row, joint in enumerate(JOINTS):
            for column, (title, group) in enumerate(columns.items()):
                ax = axes[row, column]
                if normal:
                    middle, spread = healthy[joint].mean(axis=0), 2 * healthy[joint].std(axis=0, ddof=1)
                    ax.fill_between(phase, middle - spread, middle + spread, color="0.87", lw=0, zorder=0)
                for side, look in looks.items():
                    curves = group.angles[joint][:, side]
                    ax.plot(phase, curves.mean(axis=0), linewidth=2.2, zorder=3, **look)
                    for edge in np.percentile(curves, [5, 95], axis=0):
                        ax.plot(phase, edge, color=look["color"], linewidth=0.9, linestyle=":", zorder=2)
                    if np.isfinite(group.toe_off[:, side]).any():
                        ax.axvline(np.nanmean(group.toe_off[:, side]), linewidth=1.2, alpha=0.8, **look)
                ax.axhline(0, color="0.6", linewidth=0.8, zorder=1)
                ax.set(xlim=(0, 100), xticks=[0, 50, 100])
                if row == 0:
                    ax.set_title(title, loc="left")
                if row == 2:
                    ax.set_xlabel("Own stride (%)")
                if group.simulated:
                    add_simulated_mark(ax, fontsize=20)
            axes[row, 0].set_ylabel(TITLES[joint])
        handles = [
            Line2D([], [], linewidth=2.2, label=name, **looks[n]) for n, name in enumerate(("right", "left"))
        ]
        handles.append(Line2D([], [], color="0.4", linewidth=0.9, linestyle=":", label="middle 90 %"))
        if any(np.isfinite(group.toe_off).any() for group in columns.values()):
            upright = {"marker": "|", "markersize": 14, "linestyle": ""}
            handles.append(Line2D([], [], color="0.4", label="toe-off", **upright))
        if normal:
            handles.append(Patch(color="0.87", label=f"{len(normal.people)} healthy adults, ±2 SD"))
        figure.legend(handles=handles, loc="outside lower left", frameon=False, ncols=2)
    return figure
