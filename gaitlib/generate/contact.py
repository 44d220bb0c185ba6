"""When the feet land, read from the ground force of strides."""

from __future__ import annotations

import numpy as np
import xarray as xr

_UNLOADED_SHARE = 0.05
"""A foot is off the ground while its vertical force is below this share of its highest."""


def measure_contact_shift(gaits: xr.Dataset) -> np.ndarray:
    """Measure by how much the left foot lands later than half a stride after the right one, halved.

    Parameters
    ----------
    gaits : xarray.Dataset
        Gait set.

    Returns
    -------
    array, shape (n,)
        Share of the stride; 0 where a foot never leaves the ground. The mirror changes its sign.
    """
    vertical = gaits["ground_force"].sel(axis="y").to_numpy().astype(float)
    right, left = (find_landing(vertical[:, :, foot]) for foot in range(2))
    return np.nan_to_num(0.5 * ((left - right) % 1.0 - 0.5))


def find_landing(force: np.ndarray) -> np.ndarray:
    """Find where a foot lands: the end of the longest part of the stride in which it carries nothing.

    Parameters
    ----------
    force : array, shape (n, 101)
        Vertical ground force of one foot (N).

    Returns
    -------
    array, shape (n,)
        Phase 0-1, between samples; NaN where the foot never leaves the ground.
    """
    force = force[:, :-1]
    n_points = force.shape[1]
    threshold = _UNLOADED_SHARE * force.max(axis=1, keepdims=True)
    free = force < threshold
    length, best, end = (np.zeros(len(force), dtype=int) for _ in range(3))
    for point in range(2 * n_points):  # twice around: the swing may run over the end of the stride
        length = np.where(free[:, point % n_points], length + 1, 0)
        longer = (length > best) & (length < n_points)
        best, end = np.where(longer, length, best), np.where(longer, point, end)
    rows, after = np.arange(len(force)), (end + 1) % n_points
    before = force[rows, end % n_points]
    share = (threshold[:, 0] - before) / np.maximum(force[rows, after] - before, 1e-9)
    lands = (best > 0) & (free.sum(axis=1) < n_points)
    return np.where(lands, (end + np.clip(share, 0.0, 1.0)) / n_points % 1.0, np.nan)
