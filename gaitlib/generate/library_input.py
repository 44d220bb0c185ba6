"""What a generator takes from a library: the verified gaits and their hash."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.errors import InputError


def select_verified(table: pd.DataFrame, gaits: xr.Dataset) -> tuple[pd.DataFrame, xr.Dataset]:
    """Keep the verified gaits of a library, table and curves in the same order.

    Parameters
    ----------
    table : DataFrame
        With gait_id as column or index; without a `verified` column all rows count.
    gaits : xarray.Dataset
        Gait set.

    Returns
    -------
    tuple of (DataFrame, Dataset)
        Rows and gaits that both have, in the order of the table.

    Raises
    ------
    InputError
        If gait_id is missing or a verified row has no curves.
    """
    if "gait_id" not in table:
        if table.index.name != "gait_id":
            raise InputError(f"library table: column 'gait_id' is missing; found {list(table.columns)}.")
        table = table.reset_index()
    if "verified" in table:
        table = table[table["verified"].astype(bool)]
    known = set(map(str, gaits["gait"].to_numpy()))
    missing = [g for g in table["gait_id"].astype(str) if g not in known]
    if missing:
        raise InputError(
            f"library: {len(missing)} verified gaits of the table have no curves, first {missing[0]!r}; "
            "table and gait set must come from one library."
        )
    table = table.reset_index(drop=True)
    return table, gaits.sel(gait=table["gait_id"].to_numpy())


def hash_library(table: pd.DataFrame, gaits: xr.Dataset) -> str:
    """Hash what a generator learns from.

    Parameters
    ----------
    table : DataFrame
        Verified rows.
    gaits : xarray.Dataset
        Their curves, in the same order.

    Returns
    -------
    str
        SHA-256 over gait_id, curves and scalars.
    """
    digest = hashlib.sha256("\n".join(map(str, table["gait_id"])).encode())
    for name in ("position", "activation", "ground_force", "joint_moment", "stride_time_s", "speed_mps"):
        digest.update(np.ascontiguousarray(gaits[name].to_numpy(), dtype="<f8").tobytes())
    return digest.hexdigest()
