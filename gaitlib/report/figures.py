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

from gaitlib.evaluate.style import COLOURS, STYLE
from gaitlib.simulate.library import mark_impaired

RIGHT, LEFT, GREY = COLOURS[0], COLOURS[1], "0.55"
_JOINTS = {"hip_flexion": "Hip flexion", "knee_angle": "Knee flexion", "ankle_angle": "Ankle dorsiflexion"}
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


def plot_stick_figure(gait: xr.Dataset, dimensions, n_poses: int = 7) -> Figure:
    """Draw a gait as a walking stick figure."""
    from gaitlib.body.kinematics import compute_sagittal_points

    points = compute_sagittal_points(gait["position"].values, dimensions)
    frames = np.linspace(0, gait.sizes["phase"] - 1, n_poses).astype(int)
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(8.2, 3.6), layout="constrained")
        spread = 0.55 * np.arange(n_poses)
        for place, frame in zip(spread, frames, strict=True):
            pose = {name: value[frame] + [place, 0.0] for name, value in points.items()}
            draw_pose(ax, pose)
            ax.text(
                pose["mid_hip"][0],
                -0.13,
                f"{gait['phase'].values[frame]:.0f} %",
                ha="center",
                va="top",
                fontsize=11,
            )
        ax.axhline(0, color="0.3", linewidth=1.5)
        ax.set(aspect="equal", xticks=[], yticks=[0, 0.5, 1, 1.5], ylabel="Height (m)")
        ax.set_ylim(-0.28, dimensions.height_m * 1.06)
        ax.spines["bottom"].set_visible(False)
        ax.set_xlabel("Share of the stride from right initial contact; poses are moved apart")
        handles = [plt.Line2D([], [], color=RIGHT, lw=3, label="right leg")]
        handles += [plt.Line2D([], [], color=LEFT, lw=3, ls=(0, (3, 1)), label="left leg")]
        figure.legend(handles=handles, loc="outside lower left", frameon=False, ncols=2)
    return figure


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


def find_toe_off(gait: xr.Dataset, threshold_n: float = 20.0) -> float:
    """Find the right toe-off of a gait from its ground force; %."""
    vertical = gait["ground_force"].sel(foot="r", axis="y").values
    loaded = np.flatnonzero(vertical[:80] > threshold_n)
    if len(loaded) == 0 or loaded[-1] >= 79:
        return float("nan")
    return float(gait["phase"].values[loaded[-1]])


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
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.7), layout="constrained")
        for ax, (joint, title) in zip(axes, _JOINTS.items(), strict=True):
            for number, (name, curves) in enumerate(groups.items()):
                _draw_curves(ax, np.asarray(curves[joint]), name, number, is_band=name == band)
            _finish_cycle(ax, toe_off)
            ax.set_title(title, loc="left")
        axes[0].set_ylabel("Angle (°)")
        figure.legend(*_unique_legend(axes), loc="outside lower left", frameon=False, ncols=2)
    return figure


def plot_ground_forces(groups: Mapping[str, Mapping[str, np.ndarray]], band: str = "") -> Figure:
    """Draw forward and vertical ground force over the stride, in body weights."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(8.2, 3.7), layout="constrained")
        for ax, (axis, title) in zip(
            axes, {"y": "Vertical force", "x": "Forward force"}.items(), strict=True
        ):
            for number, (name, curves) in enumerate(groups.items()):
                _draw_curves(ax, np.asarray(curves[axis]), name, number, is_band=name == band)
            _finish_cycle(ax, float("nan"))
            ax.set_title(title, loc="left")
        axes[0].set_ylabel("Force (body weights)")
        figure.legend(*_unique_legend(axes), loc="outside lower left", frameon=False, ncols=2)
    return figure


def _draw_curves(ax, curves: np.ndarray, name: str, number: int, is_band: bool) -> None:
    phase = np.linspace(0, 100, curves.shape[1])
    mean = np.nanmean(curves, axis=0)
    if is_band:
        spread = np.nanstd(curves, axis=0)
        ax.fill_between(
            phase, mean - spread, mean + spread, color="0.8", label=f"{name}, mean ± SD", zorder=1
        )
        ax.plot(phase, mean, color="0.45", linewidth=1.2, zorder=2)
    else:
        line = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (5, 1, 1, 1)))[number % 4]
        ax.plot(phase, mean, color=COLOURS[number % 8], linewidth=2.2, linestyle=line, label=name, zorder=3)


def _finish_cycle(ax, toe_off: float) -> None:
    ax.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    if np.isfinite(toe_off):
        ax.axvline(toe_off, color="0.5", linewidth=1.2, linestyle=":", label="toe-off")
    ax.set(xlim=(0, 100), xticks=[0, 25, 50, 75, 100], xlabel="Stride (%)")


def _unique_legend(axes) -> tuple[list, list]:
    found = {}
    for ax in np.ravel(axes):
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values()), list(found)


def plot_library(table: pd.DataFrame) -> Figure:
    """Draw what a library covers: body height and speed of every gait, verified or not."""
    weak = mark_impaired(table)
    parts = {
        "healthy cohorts": (table["verified"] & ~weak, "o", COLOURS[0], 30),
        "patient cohorts": (table["verified"] & weak, "^", COLOURS[4], 34),
        "failed, kept out": (~table["verified"], "x", COLOURS[1], 40),
    }
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(5.8, 4.2), layout="constrained")
        for name, (rows, marker, colour, size) in parts.items():
            if rows.any():
                part = table[rows]
                ax.scatter(
                    part["height_m"], part["speed_mps"], marker=marker, c=colour, s=size, alpha=0.8,
                    linewidths=1.0, label=f"{name} ({len(part)})",
                )  # fmt: skip
        ax.set(xlabel="Body height (m)", ylabel="Walking speed (m/s)")
        figure.legend(loc="outside lower left", frameon=False, ncols=2)
    return figure


def plot_training(
    history: pd.DataFrame, x: str, lines: Mapping[str, str], xlabel: str, ylabel: str
) -> Figure:
    """Draw a training curve."""
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(5.8, 3.6), layout="constrained")
        for number, (column, label) in enumerate(lines.items()):
            line = ("-", (0, (5, 2)), (0, (1, 1.2)))[number % 3]
            ax.plot(
                history[x], history[column], color=COLOURS[number], linestyle=line, linewidth=1.8, label=label
            )
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
