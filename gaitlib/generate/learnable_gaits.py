"""What a generator takes from a library: verified gaits, isolated solutions set aside, and their hash.

Distances between strides are Euclidean over the components, each weighed by what it explains.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.errors import InputError
from gaitlib.generate.representation import GaitRepresentation

MAX_ISOLATION = 5.0
"""A gait is set aside when its nearest neighbour is this many times farther than is usual for its kind."""

_FEWEST = 30
_SMALLEST_ASYMMETRY = 1e-3


def select_verified(table: pd.DataFrame, gaits: xr.Dataset) -> tuple[pd.DataFrame, xr.Dataset]:
    """Keep the verified gaits of a library, table and curves in the same order."""
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
    if table.empty:
        raise InputError("library: holds no verified gait; solve some first.")
    table = table.reset_index(drop=True)
    return table, gaits.sel(gait=table["gait_id"].to_numpy())


def hash_library(table: pd.DataFrame, gaits: xr.Dataset) -> str:
    """Hash what a generator learns from."""
    digest = hashlib.sha256("\n".join(map(str, table["gait_id"])).encode())
    for name in ("position", "activation", "ground_force", "joint_moment", "stride_time_s", "speed_mps"):
        digest.update(np.ascontiguousarray(gaits[name].to_numpy(), dtype="<f8").tobytes())
    return digest.hexdigest()


def select_learnable(table: pd.DataFrame, gaits: xr.Dataset) -> tuple[pd.DataFrame, xr.Dataset]:
    """Keep the verified gaits that have relatives: isolated ones may be local optima that are no walking."""
    table, gaits = select_verified(table, gaits)
    if len(table) < _FEWEST:
        return table, gaits
    kept = np.flatnonzero(measure_isolation(table, gaits) <= MAX_ISOLATION)
    return table.iloc[kept].reset_index(drop=True), gaits.isel(gait=kept)


def select_learned(
    table: pd.DataFrame, gaits: xr.Dataset, gait_ids: list[str]
) -> tuple[pd.DataFrame, xr.Dataset]:
    """Keep the gaits that a generator learned from."""
    table, gaits = select_verified(table, gaits)
    kept = np.flatnonzero(table["gait_id"].astype(str).isin(gait_ids))
    return table.iloc[kept].reset_index(drop=True), gaits.isel(gait=kept)


def measure_isolation(table: pd.DataFrame, gaits: xr.Dataset) -> np.ndarray:
    """Measure how far each gait lies from its nearest relative; shape (n,)."""
    representation = GaitRepresentation(explained=0.99).fit(table, gaits)
    places = place_gaits(representation, table, gaits)
    turned = places * representation.get_mirror()[1][representation.n_conditions :]
    nearest = find_nearest(places, places, same=True)[:, 0]
    if representation.n_antisymmetric:
        nearest = np.minimum(nearest, find_nearest(places, turned, same=True)[:, 0])
    group = pd.Series(table["cohort"].to_numpy() if "cohort" in table else "", dtype=str)
    lopsided = np.abs(places - turned).max(axis=1) > _SMALLEST_ASYMMETRY
    group = np.where(lopsided, "asymmetric", group + ", symmetric")
    kinds = pd.Series(nearest).groupby(group)
    few = kinds.transform("size") < _FEWEST
    usual = kinds.transform("median").where(~few, np.median(nearest)).to_numpy()
    return nearest / np.maximum(usual, 1e-12)


_BLOCK = 512


def place_gaits(representation: GaitRepresentation, table: pd.DataFrame, gaits: xr.Dataset) -> np.ndarray:
    """Place strides in a space in which distance means difference of the curves; shape (n, n_components)."""
    return representation.encode(table, gaits)[:, representation.n_conditions :] * np.sqrt(
        representation.shares
    )


def find_nearest(points: np.ndarray, others: np.ndarray, k: int = 1, same: bool = False) -> np.ndarray:
    """Find the distances to the nearest of other points; shape (n, k)."""
    found = np.empty((len(points), k))
    norm = (others**2).sum(axis=1)
    for start in range(0, len(points), _BLOCK):
        block = points[start : start + _BLOCK]
        squared = (block**2).sum(axis=1)[:, None] + norm - 2.0 * block @ others.T
        if same:
            squared[np.arange(len(block)), start + np.arange(len(block))] = np.inf
        if k == 1:  # a third of the time of a partition
            found[start : start + _BLOCK, 0] = squared.min(axis=1)
        else:
            found[start : start + _BLOCK] = np.sort(np.partition(squared, k - 1, axis=1)[:, :k], axis=1)
    return np.sqrt(np.maximum(found, 0.0))
