"""What the representation loses: reconstruction error per channel."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.gait import TRANSLATIONS
from gaitlib.generate.gait_set import GRAVITY_MPS2, flatten_variable
from gaitlib.generate.representation import GaitRepresentation, build_groups


def measure_reconstruction(
    representation: GaitRepresentation, table: pd.DataFrame, gaits: xr.Dataset
) -> pd.DataFrame:
    """Measure what the representation loses.

    Parameters
    ----------
    representation : GaitRepresentation
        A fitted representation.
    table, gaits : DataFrame, xarray.Dataset
        Gaits, best of people that were not used to fit it.

    Returns
    -------
    DataFrame
        Per variable and channel: unit, rmse (deg, m, share of 1, body weights, N m/kg), range (95th less
        5th percentile) and rmse_share = rmse / range.
    """
    _, back = representation.decode(
        representation.encode(table, gaits), representation.conditions.read(table)
    )
    mass = table["mass_kg"].to_numpy(dtype=float)[:, None, None]
    rows = []
    for group in build_groups():
        true, again = flatten_variable(gaits, group.name), flatten_variable(back, group.name)
        if group.name in ("ground_force", "joint_moment"):
            factor = 1.0 / (mass * (GRAVITY_MPS2 if group.name == "ground_force" else 1.0))
            true, again = true * factor, again * factor
        for index, channel in enumerate(group.channels):
            a, b = true[..., index], again[..., index]
            unit = {"activation": "1", "ground_force": "body weights", "joint_moment": "N m/kg"}.get(
                group.name, "m"
            )
            if group.name == "position" and channel not in TRANSLATIONS:
                a, b, unit = np.degrees(a), np.degrees(b), "deg"
            if channel == "pelvis_tx" and group.name == "position":
                a, b = a - a[:, :1], b - b[:, :1]
            spread = float(np.percentile(a, 95) - np.percentile(a, 5))
            rmse = float(np.sqrt(np.mean((a - b) ** 2)))
            share = rmse / spread if spread > 1e-9 else 0.0
            rows.append((group.name, channel, unit, rmse, spread, share))
    return pd.DataFrame(rows, columns=["variable", "channel", "unit", "rmse", "range", "rmse_share"])
