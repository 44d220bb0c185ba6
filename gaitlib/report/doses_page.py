"""What each impairment does to a gait: five levels, drawn, and whether known clinical signs emerge."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.evaluate.style import STYLE
from gaitlib.gait import MUSCLES
from gaitlib.simulate.doses import DOSES, SIGNS, collect_dose, measure_signs

FAMILIES = {
    "Weakness": [name for name in DOSES if name.startswith("weak")],
    "Contracture": [name for name in DOSES if name.startswith("tight")],
    "Spasticity and lost selectivity": [n for n in DOSES if n.startswith("spastic")] + ["coactivation"],
    "Parkinson's disease, posture and balance": [
        "rigidity",
        "bradykinesia",
        "stoop",
        "parkinsons",
        "balance",
    ],
}
"""Doses by figure."""

_ANGLES = {"hip_flexion_r": "Hip flexion (°)", "knee_angle_r": "Knee flexion (°)",
           "ankle_angle_r": "Dorsiflexion (°)"}  # fmt: skip
_DASHES = ("-", (0, (6, 1.5)), (0, (3, 1.5)), (0, (1.5, 1.2)), (0, (1, 2.2)))
_UNITS = {"step_m": ("m", 2), "cadence_spm": ("steps/min", 0), "double_support_share": ("of stride", 2)}


def plot_family(table: pd.DataFrame, gaits: xr.Dataset, names: list[str]):
    """Draw the doses of a family: three angles and the muscle that answers most, right leg."""
    import matplotlib.pyplot as plt

    phase = gaits["phase"].values
    with plt.rc_context(STYLE):
        figure, grid = plt.subplots(
            len(names), 4, figsize=(12.0, 2.7 * len(names)), layout="constrained", sharex=True, squeeze=False
        )
        colours = plt.get_cmap("viridis")(np.linspace(0.0, 0.85, 5))
        for axes, name in zip(grid, names, strict=True):
            dose, found = DOSES[name], collect_dose(table, name)
            muscle = _find_answering_muscle(gaits, [gait_id for _, gait_id in found])
            for level, gait_id in found:
                gait, n = gaits.sel(gait=gait_id), dose.levels.index(level)
                look = {"color": colours[n], "linestyle": _DASHES[n], "linewidth": 1.8}
                for ax, angle in zip(axes, _ANGLES, strict=False):
                    ax.plot(phase, np.degrees(gait["position"].sel(coordinate=angle)), **look)
                axes[3].plot(phase, gait["activation"].sel(muscle=muscle), label=f"{level:g}", **look)
            for ax, title in zip(axes, [*_ANGLES.values(), f"{_name_muscle(muscle)} (0-1)"], strict=True):
                ax.set_ylabel(title)
            axes[0].set_title(f"{dose.title}", loc="left", fontsize=11, fontweight="bold")
            axes[3].legend(title=dose.unit, fontsize=8, title_fontsize=8, frameon=False, loc="upper right")
        for ax in grid[-1]:
            ax.set_xlabel("Stride of the right leg (%)")
    return figure


def _find_answering_muscle(gaits: xr.Dataset, gait_ids: list[str]) -> str:
    right = [name for name in MUSCLES if name.endswith("_r")]
    curves = gaits["activation"].sel(gait=gait_ids, muscle=right)
    change = np.abs(curves - curves.isel(gait=0)).mean(["gait", "phase"])
    return right[int(change.argmax("muscle"))]


def _name_muscle(name: str) -> str:
    return name.removesuffix("_r").replace("_", " ").capitalize()


def format_signs(signs: pd.DataFrame) -> pd.DataFrame:
    """Format the clinical signs for print."""

    def show(row, column: str) -> str:
        unit, decimals = next((u for key, u in _UNITS.items() if key in row["measure"]), ("°", 0))
        return f"{row[column]:.{decimals}f} {unit}".replace(" °", "°")

    return pd.DataFrame(
        {
            "Known sign": signs["sign"],
            "Without impairment": [show(row, "healthy") for _, row in signs.iterrows()],
            "Most impaired": [show(row, "largest") for _, row in signs.iterrows()],
            "Levels solved": [f"{n} of 5" for n in signs["levels"]],
            "Emerges": ["yes" if met else "no" for met in signs["met"]],
        }
    )


def format_responses(table: pd.DataFrame, gaits: xr.Dataset) -> pd.DataFrame:
    """Format what the largest dose of every impairment changes."""
    lines = []
    for name, dose in DOSES.items():
        found = collect_dose(table, name)
        if not found:
            continue
        first, last = (measure_signs(gaits.sel(gait=found[k][1])) for k in (0, -1))
        change = {key: last[key] - first[key] for key in first}
        lines.append(
            {
                "Impairment": dose.title,
                "From, to": f"{found[0][0]:g}, {found[-1][0]:g} ({dose.unit})",
                "Cadence (steps/min)": f"{change['cadence_spm']:+.0f}",
                "Left step (cm)": f"{100 * change['left_step_m']:+.0f}",
                "Knee at contact (°)": f"{change['knee_at_contact']:+.0f}",
                "Knee in swing (°)": f"{change['swing_knee']:+.0f}",
                "Ankle at contact (°)": f"{change['ankle_at_contact']:+.0f}",
                "Double support (%)": f"{100 * change['double_support_share']:+.0f}",
            }
        )
    return pd.DataFrame(lines)


def describe_signs(signs: pd.DataFrame) -> str:
    """Put the check of signs into one sentence."""
    missing = signs.loc[~signs["met"], "sign"].to_list()
    text = f"{int(signs['met'].sum())} of {len(SIGNS)} known clinical signs emerge"
    return f"{text}; not: {'; '.join(missing)}." if missing else f"{text}."
