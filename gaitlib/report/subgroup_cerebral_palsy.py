"""Cerebral palsy: one measured child in crouch, and the published benchmark of 95 children."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.evaluate.inputs import format_number
from gaitlib.gait import resample_phase
from gaitlib.report.gait_curves import JOINTS, SideCurves

EMG_GROUPS = {
    "rect_fem": ("Rectus femoris", ("REF",)),
    "vasti": ("Vasti", ("VAL",)),
    "hamstrings": ("Hamstrings", ("BIF", "MEH")),
    "tib_ant": ("Tibialis anterior", ("TIA",)),
    "gastroc": ("Gastrocnemius", ("GAS",)),
    "soleus": ("Soleus", ("SOL",)),
}
"""Muscle of the model -> title, channels of the child without their side."""
_BENCHMARK = {
    "speed_mps": ("Walking speed (m/s)", 3),
    "step_length_m": ("Step length (m), derived", 3),
    "step_time_s": ("Step time (s), derived", 3),
    "cadence_spm": ("Cadence (steps/min)", 1),
    "gait_deviation_index": ("Gait Deviation Index", 1),
    "knee_flexion_at_max_extension_deg": ("Knee flexion at greatest extension (°)", 1),
}


def load_child() -> dict[str, xr.Dataset]:
    """Load the strides of the measured child (role: evaluate)."""
    from gaitlib.data.packed import read_recording

    return {side: read_recording("cp_child", f"ExperimentalData_{side}.mat", "evaluate") for side in "rl"}


def collect_child_curves(child: dict[str, xr.Dataset]) -> SideCurves:
    """Collect the child's joint angles over the own stride of each leg."""
    n = min(data.sizes["stride"] for data in child.values())
    angles = {}
    for joint, coordinate in JOINTS.items():
        sides = [
            np.degrees(_to_percent(data["position"].sel(coordinate=f"{coordinate}_{side}").values[:n]))
            for side, data in child.items()
        ]
        angles[joint] = np.stack(sides, axis=1)
    toe_off = np.array(
        [
            [
                _find_toe_off(data["force_share"].sel(force=f"y_{side}").values[k])
                for side, data in child.items()
            ]
            for k in range(n)
        ]
    )
    return SideCurves(angles, [f"stride {k + 1}" for k in range(n)], toe_off)


def _to_percent(curves: np.ndarray) -> np.ndarray:
    return resample_phase(np.asarray(curves, dtype=float).T, 101).T


def _find_toe_off(force: np.ndarray, share: float = 0.02) -> float:
    """End of the stance that begins the stride (%); NaN where the foot was not alone on a plate."""
    loaded = np.nan_to_num(force) > share
    if not loaded[:5].any() or loaded.all():
        return float("nan")
    first = int(np.argmax(loaded))
    return float(100.0 * (first + np.argmin(loaded[first:])) / (len(force) - 1))


def format_child(child: SideCurves, strides: dict[str, xr.Dataset], simulated: SideCurves) -> pd.DataFrame:
    """Format the child's strides beside the simulated children for print."""

    def show(values: np.ndarray, decimals: int = 0) -> str:
        spread = f" ({format_number(values.std(ddof=1), decimals)})" if len(values) > 1 else ""
        return format_number(values.mean(), decimals) + spread

    lengths = np.concatenate([data["stride_length_m"].values for data in strides.values()])
    widths = np.concatenate([data["step_width_m"].values for data in strides.values()])
    rows = [
        {"Quantity": "Stride length (m)", "Child": show(lengths, 2), "Simulated": "set by the study"},
        {"Quantity": "Step width (m)", "Child": show(widths, 2), "Simulated": "not simulated (flat body)"},
    ]
    reads = {
        "Knee flexion at greatest extension in stance (°)": lambda g: g.angles["knee"][:, :, :60].min(axis=2),
        "Hip flexion at greatest extension (°)": lambda g: g.angles["hip"].min(axis=2),
        "Greatest dorsiflexion (°)": lambda g: g.angles["ankle"].max(axis=2),
        "Knee range of motion (°)": lambda g: np.ptp(g.angles["knee"], axis=2),
    }
    for words, read in reads.items():
        rows.append(
            {
                "Quantity": words,
                "Child": show(read(child).ravel()),
                "Simulated": show(read(simulated).mean(axis=1)) if simulated.people else "nobody fits",
            }
        )
    return pd.DataFrame(rows)


def plot_child_emg(strides: dict[str, xr.Dataset], gaits: xr.Dataset):
    """Draw the child's EMG over the stride beside the activations of simulated children."""
    import matplotlib.pyplot as plt

    from gaitlib.evaluate.style import COLOURS, STYLE

    looks = {"r": (COLOURS[0], "-", "right"), "l": (COLOURS[1], (0, (4, 1.5)), "left")}
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(3, 2, figsize=(6.2, 7.0), sharex=True, sharey=True, layout="constrained")
        for ax, (muscle, (title, channels)) in zip(axes.flat, EMG_GROUPS.items(), strict=True):
            for side, (colour, line, words) in looks.items():
                names = [f"{side.upper()}{channel}" for channel in channels]
                own = strides[side]["emg"].sel(channel=names).mean("channel").values
                curve = _to_percent(own).mean(axis=0)
                ax.plot(curve / curve.max(), color=colour, ls=line, lw=2.2, label=f"child, {words} (EMG)")
            if gaits.sizes["gait"]:
                made = gaits["activation"].sel(muscle=f"{muscle}_r").mean("gait").values
                ax.plot(made / made.max(), color="0.45", ls=":", lw=2.2, label="simulated (activation)")
            ax.set_title(title, loc="left")
            ax.set(xlim=(0, 100), ylim=(0, 1.05), xticks=[0, 50, 100])
        for ax in axes[2]:
            ax.set_xlabel("Own stride (%)")
        axes[1, 0].set_ylabel("Share of own peak")
        figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower left", frameon=False)
    return figure


def load_benchmark() -> pd.DataFrame:
    """Load the published predictions, with step time and step length derived from speed and cadence."""
    from gaitlib.data.tables import load_table

    table = load_table("cp_video_benchmark", "evaluate")
    for end in ("", "_predicted"):
        table[f"step_time_s{end}"] = 60.0 / table[f"cadence_spm{end}"]
        table[f"step_length_m{end}"] = table[f"speed_mps{end}"] * table[f"step_time_s{end}"]
    return table


def format_benchmark(table: pd.DataFrame, ours: pd.DataFrame) -> pd.DataFrame:
    """Format the errors of the published model beside ours for print."""
    from gaitlib.evaluate.reliability import compute_ccc

    own = ours.set_index("outcome")["mae"] if len(ours) else pd.Series(dtype=float)
    rows = []
    for name, (title, decimals) in _BENCHMARK.items():
        pairs = table[[name, f"{name}_predicted"]].dropna()
        truth, found = pairs[name].to_numpy(), pairs[f"{name}_predicted"].to_numpy()
        rows.append(
            {
                "Quantity": title,
                "Rows": str(len(pairs)),
                "MAE": format_number(np.abs(found - truth).mean(), decimals),
                "MAE of guessing the mean": format_number(np.abs(truth - truth.mean()).mean(), decimals),
                "Bias": format_number((found - truth).mean(), decimals),
                "r": format_number(np.corrcoef(truth, found)[0, 1], 2),
                "CCC": format_number(compute_ccc(truth, found).value, 2),
                "Ours, MAE on simulated people": format_number(own.get(name, np.nan), decimals),
            }
        )
    return pd.DataFrame(rows)
