"""Strides put together on a time axis: one continuous walk.

At every moment the curves of the two nearest strides are mixed; the correction of `gaitlib.generate.correct`
then takes up with the legs what the mixing made the standing foot slip.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.errors import InputError
from gaitlib.gait import COORDINATES, MUSCLES, SIDES
from gaitlib.generate.correct import FloorBand, correct_curves
from gaitlib.generate.gait_set import AXES, flatten_variable

_TX = COORDINATES.index("pelvis_tx")
_VARIABLES = ("position", "activation", "ground_force", "joint_moment")


def join_strides(
    table: pd.DataFrame, gaits: xr.Dataset, fps: float = 100.0, band: FloorBand | None = None
) -> xr.Dataset:
    """Join the strides of one walk.

    Parameters
    ----------
    table : DataFrame
        One row per stride in order: age_years, sex, height_m, mass_kg, stride_time_s.
    gaits : xarray.Dataset
        Gait set in the same order.
    fps : float
        Samples per second.
    band : FloorBand, optional
        Heights that the soles of solved gaits keep, of the generator.

    Returns
    -------
    xarray.Dataset
        position, activation, ground_force, joint_moment over `time` (s), `stride` the number of the stride
        and `phase` (%) at each moment; begins and ends with a right initial contact.

    Raises
    ------
    InputError
        If there is no stride or fewer than 20 samples per second are asked for.
    """
    if len(table) == 0 or len(table) != gaits.sizes["gait"] or fps < 20:
        raise InputError(
            f"join_strides: found {len(table)} rows, {gaits.sizes['gait']} gaits and {fps:g} samples per "
            "second; expected as many rows as gaits, at least one, and 20 samples per second."
        )
    times = gaits["stride_time_s"].to_numpy().astype(float)
    time_s, turns = _count_turns(times, fps)
    curves = [flatten_variable(gaits, name) for name in _VARIABLES]
    sizes = [curve.shape[2] for curve in curves]
    together = np.concatenate(curves, axis=2)
    ramp = np.linspace(0.0, 1.0, together.shape[1])
    travel = together[:, -1, _TX] - together[:, 0, _TX]
    together[..., _TX] -= together[:, :1, _TX] + travel[:, None] * ramp
    values = _mix_strides(together, turns)
    parts = np.split(values, np.cumsum(sizes)[:-1], axis=1)
    position, force = parts[0], parts[2].reshape(len(time_s), len(SIDES), len(AXES))
    speed = _mix_strides((travel / times)[:, None, None] * np.ones((1, together.shape[1], 1)), turns)[:, 0]
    forward = np.concatenate([[0.0], np.cumsum(0.5 * (speed[1:] + speed[:-1]))]) / fps
    position[:, _TX] += forward
    held, force, _ = correct_curves(position[None], force[None], table.iloc[:1], band)
    position, force = held[0], force[0]
    return xr.Dataset(
        {
            "position": (("time", "coordinate"), position, {"units": "rad (pelvis_tx, pelvis_ty: m)"}),
            "activation": (("time", "muscle"), np.clip(parts[1], 0.0, 1.0), {"units": "1"}),
            "ground_force": (("time", "foot", "axis"), force, {"units": "N"}),
            "joint_moment": (("time", "coordinate"), parts[3], {"units": "N m (pelvis_tx, pelvis_ty: N)"}),
            "stride": ("time", np.minimum(turns.astype(int), len(times) - 1)),
            "phase": ("time", 100.0 * (turns % 1.0), {"units": "%"}),
        },
        coords={
            "time": ("time", time_s, {"units": "s"}),
            "coordinate": list(COORDINATES),
            "muscle": list(MUSCLES),
            "foot": list(SIDES),
            "axis": list(AXES),
        },
    )


def _count_turns(times: np.ndarray, fps: float) -> tuple[np.ndarray, np.ndarray]:
    """Moments (s) and strides passed until then, with a smooth rate."""
    from scipy.interpolate import PchipInterpolator

    ends = np.concatenate([[0.0], np.cumsum(times)])
    time_s = np.arange(int(np.floor(ends[-1] * fps + 1e-9)) + 1) / fps
    if len(times) == 1:
        return time_s, time_s / times[0]
    return time_s, PchipInterpolator(ends, np.arange(len(ends), dtype=float))(time_s)


def _mix_strides(curves: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Curves over time: between the middles of two strides their curves are mixed with smooth weights."""
    last = len(curves) - 1
    place = (turns % 1.0) * (curves.shape[1] - 1)
    left = np.minimum(place.astype(int), curves.shape[1] - 2)
    share = (place - left)[:, None]

    def read(stride: np.ndarray) -> np.ndarray:
        stride = np.clip(stride, 0, last)
        return (1.0 - share) * curves[stride, left] + share * curves[stride, left + 1]

    before = np.floor(turns - 0.5).astype(int)
    along = np.clip(turns - 0.5 - before, 0.0, 1.0)
    weight = (along**2 * (3.0 - 2.0 * along))[:, None]
    return (1.0 - weight) * read(before) + weight * read(before + 1)
