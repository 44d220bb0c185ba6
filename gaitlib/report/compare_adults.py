"""Simulated adults beside the measured adult that the simulator may be calibrated on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.gait import resample_phase
from gaitlib.simulate.library import mark_impaired

_GRAVITY = 9.80665
_CURVES = {
    "hip_flexion": ("Hip flexion", "°"),
    "knee_angle": ("Knee flexion", "°"),
    "ankle_angle": ("Ankle dorsiflexion", "°"),
}


def load_measured_adult() -> dict:
    """Load the strides of the measured adult (role: calibrate)."""
    from gaitlib.data.packed import read_recording

    data = read_recording("adult_3d", "ExperimentalData.mat", "calibrate")
    names = [str(name) for name in data["coordinate"].values]
    angles = {}
    for joint in _CURVES:
        column = next(name for name in (f"{joint}_r", joint) if name in names)
        angles[joint] = np.degrees(_resample(data["position"].sel(coordinate=column).values))
    forces = {}
    for axis in ("x", "y"):
        column = next(name for name in (f"{axis}_r", axis) if name in data["force"].values)
        forces[axis] = _resample(data["force_share"].sel(force=column).values)
    return {"angles": angles, "forces": forces, "n_strides": data.sizes["stride"], "speed_mps": float("nan")}


def _resample(curves: np.ndarray) -> np.ndarray:
    return resample_phase(np.asarray(curves, dtype=float).T, 101).T


def choose_alike(table: pd.DataFrame, speed_mps: float = float("nan"), n_gaits: int = 10) -> pd.DataFrame:
    """Choose simulated healthy adults near a speed."""
    strong = table["verified"].astype(bool) & ~mark_impaired(table)
    adults = strong & table["age_years"].between(18, 65)
    rows = table[adults if adults.any() else table["verified"].astype(bool)]
    wanted = speed_mps if np.isfinite(speed_mps) else 1.3
    return rows.iloc[(rows["speed_mps"] - wanted).abs().argsort(kind="stable")[:n_gaits]].reset_index(
        drop=True
    )


def choose_walking_at(table: pd.DataFrame, speed_mps: float, within_mps: float = 0.1) -> list[str]:
    """Choose the healthy adults of a library who walk at about a speed."""
    rows = table[table["verified"].astype(bool) & (table["cohort"] == "healthy_adult")]
    return rows.loc[(rows["speed_mps"] - speed_mps).abs() <= within_mps, "gait_id"].to_list()


def collect_forces(gaits: xr.Dataset, rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """Collect the ground force on the right foot in body weights; shape (n, 101)."""
    weight = rows["mass_kg"].to_numpy()[:, None] * _GRAVITY
    right = gaits["ground_force"].sel(foot="r")
    return {axis: right.sel(axis=axis).values / weight for axis in ("x", "y")}


def compare_curves(measured: dict, gaits: xr.Dataset, rows: pd.DataFrame) -> pd.DataFrame:
    """Compare mean curves of simulated and measured adults."""
    from gaitlib.report.figures import collect_joint_curves

    simulated = collect_joint_curves(gaits)
    force = collect_forces(gaits, rows)
    lines = []
    for joint, (title, unit) in _CURVES.items():
        lines.append(_compare(title, unit, 0, measured["angles"][joint], simulated[joint]))
    for axis, title in (("y", "Vertical force"), ("x", "Forward force")):
        lines.append(_compare(title, " BW", 2, measured["forces"][axis], force[axis]))
    return pd.DataFrame(lines)


def _compare(title: str, unit: str, decimals: int, measured: np.ndarray, simulated: np.ndarray) -> dict:
    real, made = np.nanmean(measured, axis=0), np.nanmean(simulated, axis=0)
    rms = float(np.sqrt(np.nanmean((real - made) ** 2)))
    return {
        "Curve": title,
        "RMS difference": f"{rms:.{max(decimals, 1)}f}{unit}",
        "Range, measured": f"{np.ptp(real):.{decimals}f}{unit}",
        "Range, simulated": f"{np.ptp(made):.{decimals}f}{unit}",
    }


def describe(differences: pd.DataFrame) -> str:
    """Put the comparison into one sentence."""
    rows = differences.set_index("Curve")["RMS difference"]
    return (
        f"The mean curves of simulated adults differ from one measured adult by {rows['Hip flexion']} at "
        f"the hip, "
        f"{rows['Knee flexion']} at the knee and {rows['Ankle dorsiflexion']} at the ankle (root mean "
        f"square)."
    )
