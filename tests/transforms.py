"""The same gait or walk mirrored, stacked, sampled otherwise or corrected: for relations that must hold."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.interpolate import CubicSpline

from gaitlib.gait import swap_side
from gaitlib.generate.curve_corrections import correct_curves
from gaitlib.walk import validate_walk


def mirror_gait(gait: xr.Dataset) -> xr.Dataset:
    """Exchange the labels of left and right; phase 0 stays where it is."""
    mirrored = gait.copy(deep=True)
    for dim in ("coordinate", "muscle", "foot"):
        if dim in gait.dims:
            order = [swap_side(str(name)) for name in gait[dim].values]
            for name in [v for v in gait.data_vars if dim in gait[v].dims]:
                mirrored[name] = (gait[name].dims, gait[name].sel({dim: order}).values, gait[name].attrs)
    return mirrored


def stack_gaits(gaits: list[xr.Dataset]) -> xr.Dataset:
    """Stack Gaits into a gait set labelled by their attribute `gait_id`."""
    ids = [str(gait.attrs["gait_id"]) for gait in gaits]
    return xr.concat([gait.drop_attrs(deep=False) for gait in gaits], dim="gait").assign_coords(gait=ids)


def mirror_walk(walk: xr.Dataset) -> xr.Dataset:
    """The walk in a mirror that holds the walking direction: sides exchanged, z turned round."""
    mirrored = walk.copy(deep=True)
    for name, values in walk.data_vars.items():
        for dim in ("keypoint", "segment", "foot"):
            if dim in values.coords:
                labels = [str(label) for label in values[dim].values]
                values = values.sel({dim: [swap_side(label) for label in labels]})
        array = values.values.copy()
        if values.dims[-1:] == ("space",):
            array[..., 2] = -array[..., 2]
        mirrored[name] = (walk[name].dims, array, walk[name].attrs)
    return mirrored


def resample_walk(walk: xr.Dataset, fps: float) -> xr.Dataset:
    """Resample the keypoints of a gapless walk by a cubic spline."""
    old = walk["time"].values
    new = old[0] + np.arange(int(np.floor((old[-1] - old[0]) * fps + 1e-6)) + 1) / fps
    positions = walk["keypoint_position"]
    values = CubicSpline(old, positions.values)(new)
    coords = {name: positions[name].values for name in ("keypoint", "space")} | {"time": new}
    resampled = xr.Dataset({"keypoint_position": (positions.dims, values)}, coords, walk.attrs)
    return validate_walk(resampled.assign_attrs(fps=float(fps)))


def correct_gaits(table, gaits: xr.Dataset, band=None) -> tuple:
    """Correct the curves of strides; the table tells what was changed."""
    names = ("position", "ground_force")
    *found, changes = correct_curves(*(gaits[name].to_numpy() for name in names), table, band)
    moved = {name: (gaits[name].dims, new, gaits[name].attrs) for name, new in zip(names, found, strict=True)}
    return table.assign(**changes), gaits.assign(moved)
