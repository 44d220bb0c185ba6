"""Tables and figures of the generator's page.

Loads matplotlib: import it only where figures are drawn.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from gaitlib.evaluate.inputs import format_number
from gaitlib.evaluate.style import COLOURS, STYLE
from gaitlib.generate.generator_diagnostics import RESPONSES
from gaitlib.generate.inverse import LEVELS

COMPARED = {
    ("curve_rmse", "position"): "joint angles",
    ("curve_rmse", "activation"): "activations",
    ("curve_rmse", "ground_force"): "ground forces",
    ("joint_speed_mae", "all"): "speed that the joints make",
    ("wasserstein", "position"): "distribution of joint angles",
    ("wasserstein", "activation"): "distribution of activations",
    ("wasserstein", "ground_force"): "distribution of ground forces",
    ("outcome_mae", "stance_share"): "stance phase",
    ("outcome_mae", "double_support_share"): "double support",
}
"""Measures in which generators are compared; smaller is better."""

_PARTS = {
    "seen": "Severities it learned from (people held out)",
    "gap": "In a gap it never saw, milder and severer ones seen",
    "beyond": "Severer than all it saw",
}


def name_impairment(name: str) -> str:
    """Name an impairment for readers."""
    side = {"_r": ", right", "_l": ", left"}.get(name[-2:], "")
    plain = name[:-2] if side else name
    part, _, group = plain.partition("_")
    if part in ("weakness", "contracture", "spasticity"):
        return f"{part.capitalize()}: {group.replace('_', ' ')}{side}"
    return plain.removesuffix("_deg").replace("_", " ").capitalize()


def list_impairments(rows: pd.DataFrame) -> list[str]:
    """List the impairments of a table by their names for readers."""
    return sorted({name_impairment(name) for name in rows["impairment"]})


def format_unseen(unseen: pd.DataFrame) -> pd.DataFrame:
    """Format errors on severities never seen for print."""
    return pd.DataFrame(
        [
            {
                "Asked for": _PARTS[row.part],
                "Gaits": f"{row.n_gaits:,}",
                "Joint angles, RMS (°)": _show(row.asked, 1),
                "Impairment ignored (°)": _show(row.ignored, 1),
            }
            for row in unseen.itertuples()
        ]
    )


def format_walks(strides: pd.DataFrame, walks: pd.DataFrame) -> pd.DataFrame:
    """Format what was measured of joined walks for print."""
    from gaitlib.generate.stride_variability import StrideVariability

    wanted = StrideVariability()
    by_walk = strides.groupby("walk_id")
    length = strides["speed_mps"] * strides["stride_time_s"]
    length = length.groupby(strides["walk_id"])
    found_length = (length.std() / length.mean()).mean()
    time = by_walk["stride_time_s"]
    rows = [
        ("Stride time, coefficient of variation (%)", 100 * wanted.stride_time_cv,
         100 * (time.std() / time.mean()).mean(), 1),
        ("Stride length, coefficient of variation (%)", 100 * wanted.stride_length_cv, 100 * found_length, 1),
        ("Joint angles from stride to stride, SD (°)", wanted.angle_sd_deg, walks["angle_sd_deg"].iloc[0], 1),
        ("Mean speed of a walk, largest difference (%)", "0", 100 * walks["speed_error"].max(), 2),
        ("Slip of the standing foot, largest (cm)", "below 1", 100 * walks["slip_m"].max(), 2),
    ]  # fmt: skip
    return pd.DataFrame(
        [
            {
                "Quantity": name,
                "Asked for": asked if isinstance(asked, str) else format_number(asked, decimals),
                "Found": format_number(found, decimals),
            }
            for name, asked, found, decimals in rows
        ]
    )


def measure_walks(
    strides: pd.DataFrame, gaits: xr.Dataset, speeds: np.ndarray, band=None
) -> tuple[pd.DataFrame, xr.Dataset]:
    """Join the strides of walks and measure speed and slip on the time axis."""
    from gaitlib.generate.foot_contact import measure_foot_contact
    from gaitlib.generate.generated_walks import join_strides, measure_angle_sd

    rows, first = [], None
    for wanted, (walk_id, index) in zip(
        speeds, strides.groupby("walk_id", sort=False).indices.items(), strict=True
    ):
        walk = join_strides(strides.iloc[index], gaits.isel(gait=index), band=band)
        first = walk if first is None else first
        forward = walk["position"].sel(coordinate="pelvis_tx").values
        speed = (forward[-1] - forward[0]) / float(walk["time"][-1])
        soles = measure_foot_contact(strides.iloc[index[:1]], walk.expand_dims("gait"))
        rows.append(
            {
                "walk_id": walk_id,
                "speed_error": abs(speed / wanted - 1.0),
                "slip_m": float(soles["slip_m"].iloc[0]),
            }
        )
    return pd.DataFrame(rows).assign(angle_sd_deg=measure_angle_sd(strides, gaits)), first


def plot_walk(walk: xr.Dataset, n_strides: int = 6) -> Figure:
    """Draw knee, ankle and speed of a walk over its first strides."""
    walk = walk.isel(time=np.flatnonzero(walk["stride"].values < n_strides))
    time = walk["time"].values
    seams = time[np.flatnonzero(np.diff(walk["stride"].values)) + 1]
    forward = walk["position"].sel(coordinate="pelvis_tx").values
    curves = {
        "Right knee (°)": np.degrees(walk["position"].sel(coordinate="knee_angle_r").values),
        "Right ankle (°)": np.degrees(walk["position"].sel(coordinate="ankle_angle_r").values),
        "Speed (m/s)": np.gradient(forward, time),
    }
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(3, 1, figsize=(7.6, 5.0), sharex=True, layout="constrained")
        for ax, (name, values) in zip(axes, curves.items(), strict=True):
            ax.plot(time, values, color=COLOURS[0], linewidth=1.8)
            for seam in seams:
                ax.axvline(seam, color="0.6", linewidth=1.0, linestyle=":")
            ax.set(ylabel=name, xlim=(time[0], time[-1]))
        axes[-1].set_xlabel("Time (s); dotted: right initial contact, where one stride passes into the next")
        figure.align_ylabels(axes)
    return figure


def choose_doses(response: pd.DataFrame, n: int = 8) -> pd.DataFrame:
    """Choose the impairments whose response is drawn."""
    good = response[response["evaluated"]]
    count = good.groupby("impairment")["n_gaits"].first().sort_values(ascending=False, kind="stable")
    names = list(count.index[:n])
    return good[good["impairment"].isin(names)].sort_values(
        "impairment", key=lambda column: column.map(names.index), kind="stable"
    )


def plot_dose_response(response: pd.DataFrame) -> Figure:
    """Draw the response at the highest dose: solved with its interval, generated beside it."""
    names = list(dict.fromkeys(response["impairment"]))
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, len(RESPONSES), figsize=(2.5 * len(RESPONSES) + 2.2, 1.3 + 0.5 * len(names)), sharey=True,
            layout="constrained",
        )  # fmt: skip
        for ax, (key, (label, unit, _)) in zip(axes, RESPONSES.items(), strict=True):
            rows = response[response["response"] == key]
            place = np.array([names.index(name) for name in rows["impairment"]], dtype=float)
            ax.hlines(place - 0.12, rows["solved_lower"], rows["solved_upper"], color=COLOURS[0], linewidth=2)
            ax.plot(rows["solved"], place - 0.12, "o", color=COLOURS[0], label="solved, 90 % interval")
            ax.plot(rows["generated"], place + 0.16, "D", color=COLOURS[1], label="generated")
            ax.axvline(0.0, color="0.7", linewidth=1.0, zorder=0)
            ax.set_title(label.replace(" of motion", "").replace("Peak hip", "Hip"), loc="left", fontsize=11)
            ax.set_xlabel(unit)
        axes[0].set_yticks(range(len(names)), [name_impairment(name) for name in names])
        axes[0].set_ylim(len(names) - 0.5, -0.5)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", frameon=False, ncols=2)
    return figure


def summarise_doses(response: pd.DataFrame) -> dict[str, float]:
    """Summarise how well generated responses agree with solved ones."""
    good = response[response["evaluated"]]
    inside = good["generated"].between(good["solved_lower"], good["solved_upper"])
    clear = good[good["solved_lower"] * good["solved_upper"] > 0]
    agree = np.sign(clear["solved"]) == np.sign(clear["generated"])
    return {
        "n": len(good),
        "inside": float(inside.mean()) if len(good) else float("nan"),
        "n_clear": len(clear),
        "same_sign": float(agree.mean()) if len(clear) else float("nan"),
    }


def plot_calibration(calibration: pd.DataFrame) -> Figure:
    """Draw how often the truth lies in the intervals of the posterior."""
    nominal = [100 * level for level in LEVELS]
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(4.8, 4.2), layout="constrained")
        ax.plot([40, 100], [40, 100], color="0.6", linewidth=1.2, label="perfect")
        for number, (who, label) in enumerate(
            (("impaired", "impairments that are there"), ("everyone", "all, healthy ones too"))
        ):
            chosen = (calibration["impairment"] == "all") & (calibration["who"] == who)
            row = calibration[chosen].iloc[0]
            found = [100 * row[f"covered_{level:.0f}"] for level in nominal]
            line = ("-", (0, (5, 2)))[number]
            ax.plot(nominal, found, marker="os"[number], color=COLOURS[number], linestyle=line, label=label)
        ax.set(xlabel="Interval (%)", ylabel="Truth inside (%)", xlim=(40, 100), ylim=(0, 103))
        figure.legend(loc="outside lower left", frameon=False)
    return figure


def format_calibration(calibration: pd.DataFrame, n: int = 8) -> pd.DataFrame:
    """Format what the posterior knows of each impairment for print."""
    rows = calibration[(calibration["who"] == "impaired") & (calibration["impairment"] != "all")]
    rows = rows[rows["n_gaits"] > 0].sort_values("n_gaits", ascending=False, kind="stable").head(n)
    return pd.DataFrame(
        [
            {
                "Impairment": name_impairment(row.impairment),
                "Impaired gaits": f"{row.n_gaits}",
                "Truth inside 90 %": "–" if np.isnan(row.covered_90) else f"{row.covered_90:.0%}",
                "Error of the median": _show(row.mae, 2),
                "Error if called healthy": _show(row.mae_prior, 2),
            }
            for row in rows.itertuples()
        ]
    )


def name_where_rivals_win(fidelity: pd.DataFrame, measures: dict[tuple[str, str], str]) -> list[str]:
    """Name the measures in which a rival does better than the flow."""
    from gaitlib.generate.generator_diagnostics import summarise_fidelity

    wide = summarise_fidelity(fidelity).set_index(["measure", "part"])
    models = [name for name in wide.columns if name not in ("unit", "solved")]
    found = []
    for key, name in measures.items():
        line = wide.loc[key, models].astype(float)
        if line.idxmin() != "flow":
            found.append(f"{name} ({line.idxmin()})")
    return found


def _show(value: float, decimals: int) -> str:
    return "not evaluated" if not np.isfinite(value) else format_number(value, decimals)
