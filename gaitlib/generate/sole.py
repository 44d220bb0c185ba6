"""Where the soles are: lowest points of the contact spheres under both feet and how far they slip."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.body.dimensions import Dimensions, compute_dimensions
from gaitlib.body.kinematics import compute_sagittal_points
from gaitlib.body.specification import GRAVITY_MPS2, _build_spheres
from gaitlib.gait import COORDINATES, SIDES
from gaitlib.person import Person

LOADED_SHARE = 0.05
"""A foot stands when it carries at least this share of the body weight."""

SLIP_LOAD_SHARE = 0.25
"""Slip counts while a foot carries at least this share of the body weight: a landing foot skids unloaded."""

_CONTACT_DEPTH_SHARE = 0.004
"""Spheres within about this share of body height above the lowest one count as touching."""

_COLUMN = {name: index for index, name in enumerate(COORDINATES)}


def stack_dimensions(people: pd.DataFrame) -> Dimensions:
    """Compute the dimensions of many people at once.

    Parameters
    ----------
    people : DataFrame
        age_years, sex, height_m, mass_kg, one row per stride.

    Returns
    -------
    Dimensions
        Every field an array of shape (n, 1), so that it broadcasts over the stride.
    """
    columns = ["age_years", "sex", "height_m", "mass_kg"]
    unique = people[columns].drop_duplicates()
    inverse = pd.MultiIndex.from_frame(unique).get_indexer(pd.MultiIndex.from_frame(people[columns]))
    each = [compute_dimensions(Person.model_construct(**row)) for row in unique.to_dict("records")]
    values = {
        f.name: np.array([getattr(d, f.name) for d in each])[inverse][:, None] for f in fields(Dimensions)
    }
    return Dimensions(**values)


def compute_soles(position: np.ndarray, dimensions: Dimensions) -> tuple[np.ndarray, np.ndarray]:
    """Compute height and slip of the soles.

    Parameters
    ----------
    position : array, shape (n, 101, 12)
        Coordinates (rad, m).
    dimensions : Dimensions
        As `stack_dimensions`.

    Returns
    -------
    height : array, shape (n, 101, 2, 3)
        Height of the lowest point of heel, ball and toe sphere of the right and left foot (m).
    slip : array, shape (n, 101, 2, 3)
        Way that the touching point has slid forward since phase 0 (m); a rolling sphere does not slip.
    """
    points = compute_sagittal_points(position, dimensions)
    spheres = {sphere.name: sphere for sphere in _build_spheres(dimensions)}
    shape = (*position.shape[:2], len(SIDES), 3)
    height, slip = np.empty(shape), np.empty(shape)
    for foot, side in enumerate(SIDES):
        angles = [
            position[..., _COLUMN[f"{name}_{side}"]] for name in ("hip_flexion", "knee_angle", "ankle_angle")
        ]
        pitch = position[..., _COLUMN["pelvis_tilt"]] + angles[0] - angles[1] + angles[2]
        toes = pitch + position[..., _COLUMN[f"mtp_angle_{side}"]]
        for index, (name, angle, origin) in enumerate(
            (("heel", pitch, "ankle"), ("ball", pitch, "ankle"), ("toe", toes, "mtp"))
        ):
            sphere = spheres[f"{name}_{side}"]
            x, y = sphere.location_m
            cos, sin = np.cos(angle), np.sin(angle)
            base = points[f"{origin}_{side}"]
            height[..., foot, index] = base[..., 1] + sin * x + cos * y - sphere.radius_m
            rolled = base[..., 0] + cos * x - sin * y + sphere.radius_m * angle
            slip[..., foot, index] = rolled - rolled[:, :1]
    return height, slip


def compute_contact_weight(ground_force: np.ndarray, height: np.ndarray, people: pd.DataFrame) -> np.ndarray:
    """Share out each foot's vertical force among its touching spheres.

    Parameters
    ----------
    ground_force : array, shape (n, 101, 2, 3)
        Ground force (N).
    height : array, shape (n, 101, 2, 3)
        As `compute_soles`.
    people : DataFrame
        height_m, mass_kg.

    Returns
    -------
    array, shape (n, 101, 2, 3)
        Load of each sphere in body weights, zero where a foot does not stand.
    """
    weight = people["mass_kg"].to_numpy(dtype=float)[:, None, None] * GRAVITY_MPS2
    load = ground_force[..., 1] / weight
    load = np.where(load > LOADED_SHARE, load, 0.0)
    depth = _CONTACT_DEPTH_SHARE * people["height_m"].to_numpy(dtype=float)[:, None, None, None]
    touch = np.exp((height.min(axis=-1, keepdims=True) - height) / depth)
    return load[..., None] * touch / touch.sum(axis=-1, keepdims=True)


def compute_slip_steps(slip: np.ndarray, load: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average the slip of the touching spheres of each foot over each interval of the stride.

    Parameters
    ----------
    slip, load : array, shape (n, 101, 2, 3)
        As `compute_soles` and `compute_contact_weight`.

    Returns
    -------
    step : array, shape (n, 100, 2)
        Mean slip of a foot in an interval (m), 0 where it does not stand.
    weight : array, shape (n, 100, 2)
        Its load in body weights.
    """
    middle = 0.5 * (load[:, 1:] + load[:, :-1]) * ((load[:, 1:] > 0) & (load[:, :-1] > 0))
    weight = middle.sum(axis=-1)
    step = (middle * np.diff(slip, axis=1)).sum(axis=-1) / np.maximum(weight, 1e-12)
    return np.where(weight > 0, step, 0.0), weight


def measure_soles(table: pd.DataFrame, gaits: xr.Dataset) -> pd.DataFrame:
    """Measure slip and depth of the standing feet.

    Parameters
    ----------
    table : DataFrame
        age_years, sex, height_m, mass_kg of each stride.
    gaits : xarray.Dataset
        Gait set in the same order.

    Returns
    -------
    DataFrame
        slip_m: range of the slip of a foot while it carries `SLIP_LOAD_SHARE`, the larger of both feet;
        lowest_m: height of the lowest point of the soles over the stride (negative: below the floor);
        hover_m: greatest height of the lowest point of both soles while the feet carry load.
    """
    position, force = gaits["position"].to_numpy(), gaits["ground_force"].to_numpy()
    height, slip = compute_soles(position, stack_dimensions(table))
    load = compute_contact_weight(force, height, table)
    step, weight = compute_slip_steps(slip, load)
    slipped = np.zeros(len(table))
    for foot in range(len(SIDES)):
        slipped = np.maximum(
            slipped, _measure_stance_slip(step[..., foot], weight[..., foot] > SLIP_LOAD_SHARE)
        )
    lowest = height.min(axis=(2, 3))
    standing = load.sum(axis=(2, 3)) > 0.5
    return pd.DataFrame(
        {
            "slip_m": slipped,
            "lowest_m": lowest.min(axis=1),
            "hover_m": np.where(standing, lowest, -np.inf).max(axis=1),
        },
        index=table.index,
    )


def _measure_stance_slip(step: np.ndarray, standing: np.ndarray) -> np.ndarray:
    """Range of the running slip within each stance; a stance may run over the end of the stride."""
    n, points = step.shape
    start = np.argmin(standing, axis=1)
    order = (start[:, None] + np.arange(points)) % points
    step, standing = np.take_along_axis(step, order, axis=1), np.take_along_axis(standing, order, axis=1)
    largest, low, high, path = (np.zeros(n) for _ in range(4))
    for index in range(points):
        path = np.where(standing[:, index], path + step[:, index], 0.0)
        low = np.where(standing[:, index], np.minimum(low, path), 0.0)
        high = np.where(standing[:, index], np.maximum(high, path), 0.0)
        largest = np.maximum(largest, high - low)
    return largest
