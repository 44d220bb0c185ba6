"""Joint angles as clinics read them: own-side cycle, normative band, left and right by colour and line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr

JOINTS = {"hip": "hip_flexion", "knee": "knee_angle", "ankle": "ankle_angle"}
TITLES = {
    "hip": "Hip\nflexion (°)",
    "knee": "Knee\nflexion (°)",
    "ankle": "Ankle\ndorsiflexion (°)",
}
_CONTACT_N = 20.0


@dataclass(frozen=True)
class SideCurves:
    """Sagittal joint angles of a group of people, each leg over its own stride.

    Attributes
    ----------
    angles : dict
        Joint -> array, shape (people, 2, 101), right before left, in degrees; flexion and dorsiflexion are
        positive.
    people : list of str
        In the order of the arrays.
    toe_off : array, shape (people, 2)
        End of stance (% of the own stride); NaN where not known.
    simulated : bool
        Whether the people are simulated.
    """

    angles: dict[str, np.ndarray]
    people: list[str]
    toe_off: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    simulated: bool = False

    def average_sides(self) -> dict[str, np.ndarray]:
        """Average both legs of each person; shape (people, 101)."""
        return {joint: curves.mean(axis=1) for joint, curves in self.angles.items()}


def collect_side_curves(gaits: xr.Dataset, people: list[str]) -> SideCurves:
    """Collect the curves of simulated gaits, several gaits of one person averaged."""
    names = list(dict.fromkeys(people))
    per_gait = {joint: [] for joint in JOINTS}
    toe_off = []
    for n in range(gaits.sizes["gait"]):
        gait = gaits.isel(gait=n)
        stance = [_find_stance(gait["ground_force"].sel(foot=side, axis="y").values[:-1]) for side in "rl"]
        toe_off.append([share for _, share in stance])
        for joint, coordinate in JOINTS.items():
            sides = [
                _roll(np.degrees(gait["position"].sel(coordinate=f"{coordinate}_{side}").values), start)
                for side, (start, _) in zip("rl", stance, strict=True)
            ]
            per_gait[joint].append(sides)
    rows = [[n for n, name in enumerate(people) if name == person] for person in names]
    angles = {
        joint: np.array([np.mean(np.array(curves)[own], axis=0) for own in rows])
        for joint, curves in per_gait.items()
    }
    return SideCurves(
        angles, names, np.array([np.mean(np.array(toe_off)[own], axis=0) for own in rows]), True
    )


def _find_stance(force: np.ndarray) -> tuple[int, float]:
    """Sample of initial contact, and end of stance in percent of the cycle after it."""
    loaded = force > _CONTACT_N
    starts = np.flatnonzero(loaded & ~np.roll(loaded, 1))
    if len(starts) == 0:
        return 0, float("nan")
    ends = [int(np.argmin(np.roll(loaded, -start))) for start in starts]  # first unloaded sample after it
    longest = int(np.argmax(ends))
    return int(starts[longest]), 100.0 * ends[longest] / len(force)


def _roll(curve: np.ndarray, start: int) -> np.ndarray:
    """A closed curve of 101 points, begun at another sample."""
    turned = np.roll(curve[:-1], -start)
    return np.concatenate([turned, turned[:1]])


def load_measured_curves(group: str, medication: str = "") -> SideCurves:
    """Load the joint angles of real people (role: evaluate)."""
    from gaitlib.data.fetch import get_path
    from gaitlib.data.readers.clinical import read_joint_angle_bands

    healthy = group == "healthy_adult"
    item, role = ("wbds_joint_angles", "calibrate") if healthy else ("parkinson_joint_angles", "evaluate")
    data = read_joint_angle_bands(get_path(item, "Parkinsons_Data.csv", role))
    own = (data["group"] == group) & (data["medication"] == medication) & (data["plane"] == "sagittal")
    data = data.isel(record=own.values)
    names = sorted(set(data["person_id"].values.tolist()))
    keys = list(zip(*(data[key].values.tolist() for key in ("person_id", "side", "joint")), strict=True))
    angles = {}
    for joint in JOINTS:
        places = [[keys.index((name, side, joint)) for side in "rl"] for name in names]
        angles[joint] = np.degrees(data["angle"].values[np.array(places)])
    return SideCurves(angles, names, np.full((len(names), 2), np.nan))


def plot_bands(bands: Mapping[str, pd.DataFrame], made: SideCurves):
    """Draw means and two standard deviations of groups of real people, and the mean of simulated ones."""
    import matplotlib.pyplot as plt

    from gaitlib.evaluate.style import COLOURS, STYLE

    looks = ({"color": COLOURS[1], "hatch": "//"}, {"color": "0.5", "hatch": ""})
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.9), sharex=True, layout="constrained")
        for ax, joint in zip(axes, JOINTS, strict=True):
            for (name, rows), look in zip(bands.items(), looks, strict=False):
                own = rows[rows["joint"] == joint].sort_values("phase")
                phase, mean, sd = (own[key].to_numpy() for key in ("phase", "mean_deg", "sd_deg"))
                ax.fill_between(phase, mean - 2 * sd, mean + 2 * sd, alpha=0.2, lw=0, **look)
                ax.plot(phase, mean, color=look["color"], ls="-" if look["hatch"] else "--", lw=2, label=name)
            curve = made.average_sides()[joint].mean(axis=0)
            ax.plot(curve, color=COLOURS[0], lw=2.4, ls=":", label=f"simulated ({len(made.people)})")
            ax.set(xlim=(0, 100), xticks=[0, 50, 100], xlabel="Own stride (%)", ylabel=TITLES[joint])
            ax.axhline(0, color="0.6", linewidth=0.8, zorder=1)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower left", frameon=False, ncols=3)
    return figure


def plot_side_curves(columns: Mapping[str, SideCurves], normal: SideCurves | None = None):
    """Draw hip, knee and ankle of several groups over the band of healthy people."""
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    from gaitlib.evaluate.style import COLOURS, STYLE, add_simulated_mark

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
