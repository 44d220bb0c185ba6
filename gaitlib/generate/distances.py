"""Distances between strides: Euclidean over the components, each weighed by what it explains."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.generate.representation import GaitRepresentation

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
        found[start : start + _BLOCK] = np.sort(np.partition(squared, k - 1, axis=1)[:, :k], axis=1)
    return np.sqrt(np.maximum(found, 0.0))
