"""Small corrections after which the curves of a generated stride agree with each other.

Steps
1. Forces: the ground does not pull (negative vertical forces are cut); the vertical force is scaled so that
   its mean over the stride carries the body weight and the fore-aft force is shifted in proportion to the
   load so that its mean is zero. Both means hold exactly for any periodic gait (Newton).
2. Forward: `pelvis_tx` is shifted so that the loaded soles together stand still as far as the joint angles
   allow; what is left over the stride is spread evenly, so travel = speed x stride time holds exactly.
3. Hips: what is left of the slip of each foot while it carries load is taken up by its hip, by at most
   `MAX_HIP_CHANGE_DEG`; over the swing the change fades smoothly into that of the next stance.
4. Up: where the lowest point of the soles leaves the band that the solved gaits keep (the floor is
   elastic: soles sink in under load), `pelvis_ty` is shifted smoothly back.

All other joint angles, activations and moments are not touched.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from gaitlib.gait import COORDINATES, SIDES
from gaitlib.generate.gait_set import GRAVITY_MPS2
from gaitlib.generate.sole import (
    LOADED_SHARE,
    SLIP_LOAD_SHARE,
    compute_contact_weight,
    compute_slip_steps,
    compute_soles,
    stack_dimensions,
)

MAX_HIP_CHANGE_DEG = 5.0
_MAX_HIP_CHANGE_RAD = np.radians(MAX_HIP_CHANGE_DEG)
_TOLERANCE_SHARE = 0.0005
_HIPS = [COORDINATES.index(f"hip_flexion_{side}") for side in SIDES]
_TX, _TY = COORDINATES.index("pelvis_tx"), COORDINATES.index("pelvis_ty")


@dataclass(frozen=True)
class FloorBand:
    """Lowest and highest height of the lowest sole point, shares of body height."""

    lower: float = -0.02
    upper: float = 0.01


def correct_gaits(
    table: pd.DataFrame,
    gaits: xr.Dataset,
    band: FloorBand | None = None,
) -> tuple[pd.DataFrame, xr.Dataset]:
    """Make the curves of strides agree with the floor, the travel and the body weight.

    Parameters
    ----------
    table : DataFrame
        age_years, sex, height_m, mass_kg, speed_mps, stride_time_s of each stride.
    gaits : xarray.Dataset
        Gait set in the same order.
    band : FloorBand, optional
        Heights that the soles of solved gaits keep.

    Returns
    -------
    table : DataFrame
        A copy with what was changed: travel_error_m (travel of the joints less speed x stride time, before),
        hip_change_deg (largest change of a hip angle), forward_change_m and up_change_m (largest shift of the
        pelvis), force_change (body weights).
    gaits : xarray.Dataset
        The corrected gait set.
    """
    table, band = table.copy(), band or FloorBand()
    position = gaits["position"].to_numpy().astype(float).copy()
    force, force_change = correct_forces(
        gaits["ground_force"].to_numpy(), table["mass_kg"].to_numpy(dtype=float)
    )
    dimensions = stack_dimensions(table)
    height, slip = compute_soles(position, dimensions)
    shift, error = _compute_shift(force, height, slip, table)
    hips = position[..., _HIPS]
    for _ in range(2):
        slip = slip + shift[..., None, None]
        position[..., _HIPS] += _compute_hip_change(force, height, slip, table, position[..., _TY])
        height, slip = compute_soles(position, dimensions)
        shift, _ = _compute_shift(force, height, slip, table)
    change = np.clip(position[..., _HIPS] - hips, -_MAX_HIP_CHANGE_RAD, _MAX_HIP_CHANGE_RAD)
    position[..., _HIPS] = hips + change
    position[..., _TX] += shift

    lowest = height.min(axis=(2, 3))
    lift = compute_lift(lowest, table["height_m"].to_numpy(dtype=float), band)
    position[..., _TY] += lift

    corrected = gaits.copy()
    corrected["position"] = (gaits["position"].dims, position, gaits["position"].attrs)
    corrected["ground_force"] = (gaits["ground_force"].dims, force, gaits["ground_force"].attrs)
    table["travel_error_m"] = error
    table["hip_change_deg"] = np.degrees(np.abs(change).max(axis=(1, 2)))
    table["forward_change_m"] = np.abs(shift).max(axis=1)
    table["up_change_m"] = np.abs(lift).max(axis=1)
    table["force_change"] = force_change
    return table, corrected


def compute_joint_speed(table: pd.DataFrame, gaits: xr.Dataset) -> np.ndarray:
    """Compute the walking speed that the joint angles make if the standing foot does not slip.

    Parameters
    ----------
    table : DataFrame
        age_years, sex, height_m, mass_kg of each stride.
    gaits : xarray.Dataset
        Gait set in the same order.

    Returns
    -------
    array, shape (n,)
        Speed (m/s): travel of the pelvis over the stride less the slip of the loaded soles, over stride time.
    """
    position = gaits["position"].to_numpy()
    height, slip = compute_soles(position, stack_dimensions(table))
    drift, _ = _compute_drift(gaits["ground_force"].to_numpy(), height, slip, table)
    travel = position[:, -1, _TX] - position[:, 0, _TX]
    return (travel - drift.sum(axis=1)) / gaits["stride_time_s"].to_numpy()


def correct_forces(ground_force: np.ndarray, mass_kg: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give ground forces the means that a periodic gait must have.

    Parameters
    ----------
    ground_force : array, shape (n, 101, 2, 3)
        Ground force (N).
    mass_kg : array, shape (n,)
        Body mass (kg).

    Returns
    -------
    force : array, shape (n, 101, 2, 3)
        No pull, mean vertical force = body weight, mean fore-aft force = 0.
    change : array, shape (n,)
        Change of the mean vertical force in body weights.
    """
    force = np.array(ground_force, dtype=float)
    weight = mass_kg * GRAVITY_MPS2
    before = _average(force[..., 1].sum(axis=2))
    vertical = np.maximum(force[..., 1], 0.0)
    carried = _average(vertical.sum(axis=2))
    vertical *= (weight / np.maximum(carried, 1e-6))[:, None, None]
    force[..., 0] = np.where(vertical > 0, force[..., 0], 0.0)
    excess = _average(force[..., 0].sum(axis=2))
    force[..., 0] -= (excess / weight)[:, None, None] * vertical
    force[..., 1] = vertical
    return force, np.abs(before - weight) / weight


def compute_lift(lowest: np.ndarray, height_m: np.ndarray, band: FloorBand) -> np.ndarray:
    """Compute the smooth shift that brings the soles back into the band.

    Parameters
    ----------
    lowest : array, shape (n, 101)
        Height of the lowest sole point (m).
    height_m : array, shape (n,)
        Body height (m).
    band : FloorBand
        Shares of body height.

    Returns
    -------
    array, shape (n, 101)
        Shift upwards (m), periodic; afterwards no point lies below the band.
    """
    size = height_m[:, None]
    periodic = lowest[:, :-1]
    too_high = np.maximum(periodic - band.upper * size, 0.0)
    lower_it = gaussian_filter1d(too_high, 2.0, axis=1, mode="wrap")
    too_low = np.maximum(band.lower * size - (periodic - lower_it), 0.0)
    raise_it = gaussian_filter1d(
        maximum_filter1d(too_low, 13, axis=1, mode="wrap"), 2.0, axis=1, mode="wrap", truncate=3
    )
    lift = raise_it - lower_it
    return np.concatenate([lift, lift[:, :1]], axis=1)


def measure_floor_band(table: pd.DataFrame, gaits: xr.Dataset) -> FloorBand:
    """Measure the band of heights that the soles of solved gaits keep.

    Parameters
    ----------
    table : DataFrame
        age_years, sex, height_m, mass_kg of each gait.
    gaits : xarray.Dataset
        Solved gaits in the same order.

    Returns
    -------
    FloorBand
        1st and 99th percentile over the gaits of the lowest and highest value over the stride, and a little.
    """
    height, _ = compute_soles(gaits["position"].to_numpy(), stack_dimensions(table))
    lowest = height.min(axis=(2, 3)) / table["height_m"].to_numpy(dtype=float)[:, None]
    return FloorBand(
        float(np.percentile(lowest.min(axis=1), 1) - _TOLERANCE_SHARE),
        float(np.percentile(lowest.max(axis=1), 99) + _TOLERANCE_SHARE),
    )


def _compute_drift(force, height, slip, table) -> tuple[np.ndarray, np.ndarray]:
    """Load-weighted slip of both feet per interval, (n, 100), and the load of each foot, (n, 100, 2)."""
    step, weight = compute_slip_steps(slip, compute_contact_weight(force, height, table))
    return (weight * step).sum(axis=2) / np.maximum(weight.sum(axis=2), LOADED_SHARE), weight


def _compute_shift(force, height, slip, table) -> tuple[np.ndarray, np.ndarray]:
    """Shift of the pelvis (n, 101) that stills the soles; travel of the joints less that of the pelvis."""
    drift, _ = _compute_drift(force, height, slip, table)
    steps = drift.mean(axis=1, keepdims=True) - drift
    return np.concatenate([np.zeros((len(steps), 1)), np.cumsum(steps, axis=1)], axis=1), -drift.sum(axis=1)


def _compute_hip_change(force, height, slip, table, pelvis_height) -> np.ndarray:
    """Change of both hip angles (n, 101, 2) that undoes the slip of each loaded foot; periodic."""
    step, weight = compute_slip_steps(slip, compute_contact_weight(force, height, table))
    loaded = weight > SLIP_LOAD_SHARE
    step = np.where(loaded, step, 0.0)
    free = gaussian_filter1d((~loaded).astype(float), 4.0, axis=1, mode="wrap") * ~loaded
    fade = free / np.maximum(free.sum(axis=1, keepdims=True), 1e-12)
    path = np.cumsum(step - step.sum(axis=1, keepdims=True) * fade, axis=1)
    path = np.concatenate([path[:, -1:], path], axis=1)
    path[:, :-1] = gaussian_filter1d(path[:, :-1], 1.0, axis=1, mode="wrap")
    path[:, -1] = path[:, 0]
    standing = np.concatenate([loaded, loaded[:, :1]], axis=1)
    mean = (path * standing).sum(axis=1, keepdims=True) / np.maximum(standing.sum(axis=1, keepdims=True), 1)
    return -(path - mean) / pelvis_height[..., None]


def _average(values: np.ndarray) -> np.ndarray:
    return values[:, :-1].mean(axis=1)
