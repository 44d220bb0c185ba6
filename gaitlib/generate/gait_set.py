"""Gait sets as plain arrays: assembling them, reading them, scaling them to bodies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.body.specification import GRAVITY_MPS2
from gaitlib.gait import COORDINATES, MUSCLES, N_PHASE, SIDES, TRANSLATIONS

AXES = ("x", "y", "z")
_TX = COORDINATES.index("pelvis_tx")


def flatten_variable(gaits: xr.Dataset, name: str) -> np.ndarray:
    """Read a variable of a gait set as one array.

    Parameters
    ----------
    gaits : xarray.Dataset
        Gait set.
    name : str
        position, activation, ground_force or joint_moment.

    Returns
    -------
    array, shape (n, 101, n_channels)
        Channels flat; forces as r_x, r_y, r_z, l_x, l_y, l_z.
    """
    values = gaits[name].to_numpy().astype(float)
    return values.reshape(values.shape[0], values.shape[1], -1)


def compute_travel(gaits: xr.Dataset) -> np.ndarray:
    """Compute how far the pelvis goes in a stride.

    Parameters
    ----------
    gaits : xarray.Dataset
        Gait set.

    Returns
    -------
    array, shape (n,)
        Travel along x (m).
    """
    forward = gaits["position"].sel(coordinate="pelvis_tx").to_numpy()
    return forward[:, -1] - forward[:, 0]


def compute_units(height_m: np.ndarray, mass_kg: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the body's own unit of each variable.

    Parameters
    ----------
    height_m, mass_kg : array, shape (n,)
        Body height (m) and mass (kg).

    Returns
    -------
    dict of str to array
        `position` (height for lengths, 1 for angles), `ground_force` (body weight, N), `joint_moment`
        (weight x height, N m), each broadcasting to (n, 101, n_channels).
    """
    height, weight = height_m[:, None, None], mass_kg[:, None, None] * GRAVITY_MPS2
    length = np.isin(COORDINATES, TRANSLATIONS)
    return {
        "position": np.where(length, height, 1.0),
        "ground_force": weight,
        "joint_moment": np.where(length, weight, weight * height),
    }


def scale_to_bodies(table: pd.DataFrame, curves: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Give curves in shares of the body their size and the pelvis its travel.

    Parameters
    ----------
    table : DataFrame
        height_m, mass_kg, speed_mps, stride_time_s of each stride.
    curves : dict of str to array, shape (n, 101, n_channels)
        Lengths in heights, forces in body weights, moments in weight x height, activations 0-1.

    Returns
    -------
    dict of str to array
        Curves in SI units, forces with shape (n, 101, 2, 3).
    """
    units = compute_units(table["height_m"].to_numpy(dtype=float), table["mass_kg"].to_numpy(dtype=float))
    position = curves["position"] * units["position"]
    travel = (table["speed_mps"] * table["stride_time_s"]).to_numpy()[:, None]
    forward = position[..., _TX] - position[:, :1, _TX]
    position[..., _TX] = forward + travel * np.linspace(0.0, 1.0, N_PHASE)
    force = (curves["ground_force"] * units["ground_force"]).reshape(
        len(table), N_PHASE, len(SIDES), len(AXES)
    )
    return {
        "position": position,
        "activation": curves["activation"].astype(float),
        "ground_force": force,
        "joint_moment": curves["joint_moment"] * units["joint_moment"],
    }


def build_gait_set(
    position: np.ndarray,
    activation: np.ndarray,
    ground_force: np.ndarray,
    joint_moment: np.ndarray,
    stride_time_s: np.ndarray,
    speed_mps: np.ndarray,
    gait_id: list[str] | None = None,
) -> xr.Dataset:
    """Put the curves of many strides into a gait set at once.

    Parameters
    ----------
    position, activation, ground_force, joint_moment : array
        As `gaitlib.gait.build_gait`, with a leading axis of n gaits.
    stride_time_s, speed_mps : array, shape (n,)
        Stride time (s) and mean speed (m/s).
    gait_id : list of str, optional
        Labels; numbers when left out.

    Returns
    -------
    xarray.Dataset
        Gait set.
    """
    return xr.Dataset(
        {
            "position": (
                ("gait", "phase", "coordinate"),
                position,
                {"units": "rad (pelvis_tx, pelvis_ty: m)"},
            ),
            "activation": (("gait", "phase", "muscle"), activation, {"units": "1"}),
            "ground_force": (("gait", "phase", "foot", "axis"), ground_force, {"units": "N"}),
            "joint_moment": (("gait", "phase", "coordinate"), joint_moment, {"units": "N m"}),
            "stride_time_s": ("gait", stride_time_s, {"units": "s"}),
            "speed_mps": ("gait", speed_mps, {"units": "m/s"}),
        },
        coords={
            "gait": gait_id if gait_id is not None else [str(i) for i in range(len(position))],
            "phase": np.linspace(0.0, 100.0, N_PHASE),
            "coordinate": list(COORDINATES),
            "muscle": list(MUSCLES),
            "foot": list(SIDES),
            "axis": list(AXES),
        },
    )
