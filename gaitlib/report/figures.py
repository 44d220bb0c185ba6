"""Figures of gaits the way clinics read them: own-side cycle, degrees, toe-off line, left and right told
apart twice.

Loads matplotlib: import it only where figures are drawn.
"""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from gaitlib.evaluate.realism import Band
from gaitlib.evaluate.style import COLOURS, STYLE

RIGHT, LEFT, GREY = COLOURS[0], COLOURS[1], "0.55"
_JOINTS = {"hip_flexion": "Hip flexion", "knee_angle": "Knee flexion", "ankle_angle": "Ankle dorsiflexion"}
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


def draw_pose(ax, pose: Mapping) -> None:
    """Draw one pose of the planar body."""
    trunk = [pose[name] for name in ("mid_hip", "lumbar", "shoulder", "neck")]
    ax.plot(*np.transpose(trunk), color="0.25", linewidth=4, solid_capstyle="round", zorder=2)
    middle = (np.asarray(pose["neck"]) + pose["head_top"]) / 2
    radius = 0.5 * np.linalg.norm(np.asarray(pose["head_top"]) - pose["neck"])
    ax.add_patch(plt.Circle(middle, radius, color="0.25", zorder=2))
    for side, colour, line in (("l", LEFT, (0, (3, 1))), ("r", RIGHT, "-")):
        leg = [pose["mid_hip"], *(pose[f"{name}_{side}"] for name in ("knee", "ankle"))]
        foot = [pose[f"{name}_{side}"] for name in ("ankle", "heel", "mtp", "toe")]
        sole = [pose[f"{name}_{side}"] for name in ("ankle", "mtp")]
        for part in (leg, foot, sole):
            ax.plot(*np.transpose(part), color=colour, linewidth=3, linestyle=line, zorder=3)


def collect_joint_curves(gaits: xr.Dataset) -> dict[str, np.ndarray]:
    """Collect sagittal joint angles of both legs over their own stride; shape (n, 101)."""
    position = gaits["position"] if "gait" in gaits.dims else gaits["position"].expand_dims("gait")
    curves = {}
    for joint in _JOINTS:
        right = np.degrees(position.sel(coordinate=f"{joint}_r").values)
        left = np.degrees(position.sel(coordinate=f"{joint}_l").values)
        left = np.concatenate([left[:, 50:-1], left[:, :51]], axis=1)
        curves[joint] = np.concatenate([right, left])
    return curves


def plot_joint_curves(
    groups: Mapping[str, Mapping[str, np.ndarray]], toe_off: float = float("nan"), band: str = ""
) -> Figure:
    """Draw hip, knee and ankle over the stride for several groups."""
    panels = {title: {name: g[joint] for name, g in groups.items()} for joint, title in _JOINTS.items()}
    return plot_cycles(panels, "Angle (°)", toe_off, band)


def plot_cycles(
    panels: Mapping[str, Mapping[str, np.ndarray | Band]],
    ylabel: str,
    toe_off: float = float("nan"),
    band: str = "",
    sharey: bool = False,
) -> Figure:
    """Draw curves over the stride, three panels a row: means of groups, of the group `band` also the SD.

    A panel has for each group its curves (n, 101), or their summary.
    """
    n_columns, n_rows = min(3, len(panels)), -(-len(panels) // 3)
    size = (3.2 * n_columns if n_columns > 2 else 8.2, 3.7 if n_rows == 1 else 2.9 * n_rows)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            n_rows, n_columns, figsize=size, layout="constrained", sharey=sharey, squeeze=False
        )
        for ax, (title, groups) in zip(axes.flat, panels.items(), strict=True):
            for number, (name, curves) in enumerate(groups.items()):
                _draw_curves(ax, curves, name, number, is_band=name == band)
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
