"""Feet and floor: when the feet land, where the soles are, and how far they slip."""

from __future__ import annotations

from dataclasses import fields
from functools import cache

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.body.dimensions import Dimensions, compute_dimensions
from gaitlib.body.specification import Structure, build_spheres
from gaitlib.gait import COORDINATES, GRAVITY_MPS2, SIDES
from gaitlib.person import Person

_UNLOADED_SHARE = 0.05
"""A foot is off the ground while its vertical force is below this share of its highest."""


def measure_contact_shift(gaits: xr.Dataset) -> np.ndarray:
    """Measure by how much the left foot lands later than half a stride after the right one, halved; (n,)."""
    vertical = gaits["ground_force"].sel(axis="y").to_numpy().astype(float)
    right, left = (find_landing(vertical[:, :, foot]) for foot in range(2))
    return np.nan_to_num(0.5 * ((left - right) % 1.0 - 0.5))


def find_landing(force: np.ndarray) -> np.ndarray:
    """Find where a foot lands: the end of the longest part of the stride without load; shape (n,)."""
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


LOADED_SHARE = 0.05
"""A foot stands when it carries at least this share of the body weight."""

SLIP_LOAD_SHARE = 0.25
"""Slip counts while a foot carries at least this share of the body weight: a landing foot skids unloaded."""

_AGE_STEP_YEARS = 0.25

_CONTACT_DEPTH_SHARE = 0.004
"""Spheres within about this share of body height above the lowest one count as touching."""

_COLUMN = {name: index for index, name in enumerate(COORDINATES)}


def stack_dimensions(people: pd.DataFrame) -> Dimensions:
    """Compute the dimensions of many people at once."""
    age, height, mass = (people[name].to_numpy(dtype=float) for name in ("age_years", "height_m", "mass_kg"))
    ages, shares = _tabulate_shares()
    values = {
        name: (np.interp(age, ages, share) * (mass if name.endswith("_kg") else height)).astype(np.float32)
        for name, share in shares.items()
    }
    return Dimensions(**{name: value[:, None] for name, value in values.items()})


def select_dimensions(dimensions: Dimensions, rows: np.ndarray) -> Dimensions:
    """Select some of many people."""
    return Dimensions(**{f.name: getattr(dimensions, f.name)[rows] for f in fields(Dimensions)})


@cache
def _tabulate_shares() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    ages = np.arange(0.0, 100.0 + _AGE_STEP_YEARS, _AGE_STEP_YEARS)
    bodies = [
        compute_dimensions(Person.model_construct(age_years=a, sex="f", height_m=1.0, mass_kg=1.0))
        for a in ages
    ]
    return ages, {f.name: np.array([getattr(body, f.name) for body in bodies]) for f in fields(Dimensions)}


def compute_leg_angles(
    position: np.ndarray, side: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Compute the absolute angles of the segments of a leg; shape (...), rad."""
    hip, knee, ankle, toe = (
        position[..., _COLUMN[f"{name}_{side}"]]
        for name in ("hip_flexion", "knee_angle", "ankle_angle", "mtp_angle")
    )
    thigh = position[..., _COLUMN["pelvis_tilt"]] + hip
    shank = thigh - knee
    return thigh, shank, shank + ankle, shank + ankle + toe


def compute_foot_contact(position: np.ndarray, dimensions: Dimensions) -> tuple[np.ndarray, np.ndarray]:
    """Compute height and slip of the soles."""
    spheres = {sphere.name: sphere for sphere in build_spheres(dimensions, Structure())}
    shape = (2, len(SIDES), 3, *position.shape[:2])
    height, slip = np.empty(shape, position.dtype).transpose(0, 3, 4, 1, 2)  # each sphere in one piece
    pelvis = [position[..., _COLUMN[name]] for name in ("pelvis_tx", "pelvis_ty")]
    for foot, side in enumerate(SIDES):
        thigh, shank, pitch, toes = compute_leg_angles(position, side)
        ankle_x = pelvis[0] + dimensions.thigh_m * np.sin(thigh) + dimensions.shank_m * np.sin(shank)
        ankle_y = pelvis[1] - dimensions.thigh_m * np.cos(thigh) - dimensions.shank_m * np.cos(shank)
        cos, sin = np.cos(pitch), np.sin(pitch)
        ahead, below = dimensions.mtp_ahead_of_ankle_m, dimensions.mtp_below_ankle_m
        toe = ankle_x + cos * ahead + sin * below, ankle_y + sin * ahead - cos * below
        of_toes = np.cos(toes), np.sin(toes)
        for index, (name, x0, y0, angle, c, s) in enumerate(
            (
                ("heel", ankle_x, ankle_y, pitch, cos, sin),
                ("ball", ankle_x, ankle_y, pitch, cos, sin),
                ("toe", *toe, toes, *of_toes),
            )
        ):
            sphere = spheres[f"{name}_{side}"]
            x, y = sphere.location_m
            height[..., foot, index] = y0 + s * x + c * y - sphere.radius_m
            rolled = x0 + c * x - s * y + sphere.radius_m * angle
            slip[..., foot, index] = rolled - rolled[:, :1]
    return height, slip


def compute_load(ground_force: np.ndarray, mass_kg: np.ndarray) -> np.ndarray:
    """Compute what the feet carry; shape (n, 101, 2)."""
    load = ground_force[..., 1].transpose(2, 0, 1) / (mass_kg * GRAVITY_MPS2)[:, None]
    return np.where(load > LOADED_SHARE, load, 0.0).astype(np.float32).transpose(1, 2, 0)


def share_load(load: np.ndarray, height: np.ndarray, height_m: np.ndarray) -> np.ndarray:
    """Share out what each foot carries among its touching spheres; shape (n, 101, 2, 3)."""
    depth = (_CONTACT_DEPTH_SHARE * height_m[:, None, None, None]).astype(height.dtype)
    touch = np.exp((find_lowest(height)[..., None] - height) / depth)
    return (load / add_points(touch))[..., None] * touch


def find_lowest(height: np.ndarray) -> np.ndarray:
    """Find the lowest of heel, ball and toe; shape (...), m."""
    return np.minimum(np.minimum(height[..., 0], height[..., 1]), height[..., 2])


def add_points(values: np.ndarray) -> np.ndarray:
    """Add up heel, ball and toe; shape (...)."""
    return values[..., 0] + values[..., 1] + values[..., 2]


def compute_slip_steps(slip: np.ndarray, load: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average the slip of the touching spheres of each foot over each interval of the stride."""
    middle = 0.5 * (load[:, 1:] + load[:, :-1]) * ((load[:, 1:] > 0) & (load[:, :-1] > 0))
    weight = add_points(middle)
    step = add_points(middle * np.diff(slip, axis=1)) / np.maximum(weight, 1e-12)
    return np.where(weight > 0, step, 0.0), weight


def measure_foot_contact(table: pd.DataFrame, gaits: xr.Dataset) -> pd.DataFrame:
    """Measure slip and depth of the standing feet."""
    position, force = gaits["position"].to_numpy(), gaits["ground_force"].to_numpy()
    height, slip = compute_foot_contact(position, stack_dimensions(table))
    size, mass = (table[name].to_numpy(dtype=float) for name in ("height_m", "mass_kg"))
    load = share_load(compute_load(force, mass), height, size)
    step, weight = compute_slip_steps(slip, load)
    slipped = measure_stance_slip(step, weight > SLIP_LOAD_SHARE).max(axis=1)
    lowest = find_lowest(height).min(axis=2)
    standing = add_points(load).sum(axis=2) > 0.5
    hover = np.where(standing, lowest, -np.inf).max(axis=1)
    found = {"slip_m": slipped, "lowest_m": lowest.min(axis=1), "hover_m": hover}
    return pd.DataFrame(found, index=table.index)


def measure_stance_slip(step: np.ndarray, standing: np.ndarray) -> np.ndarray:
    """Measure the range of the running slip of each foot within its stance; shape (n, 2), m."""
    n, points, feet = step.shape
    start = np.argmin(standing, axis=1)[:, None]
    order = (start + np.arange(points)[None, :, None]) % points
    # One column more, never standing, so that no stance runs on into the next row of the flat arrays.
    on = np.zeros((n, feet, points + 1), dtype=bool)
    on[..., :points] = np.take_along_axis(standing, order, axis=1).transpose(0, 2, 1)
    way = np.zeros(on.shape)
    way[..., :points] = np.take_along_axis(step, order, axis=1).transpose(0, 2, 1)
    path = np.cumsum(np.where(on, way, 0.0), axis=2).ravel()
    edges = np.flatnonzero(np.diff(on.ravel().astype(np.int8), prepend=0))
    largest = np.zeros(n * feet)
    if len(edges):
        begins = edges[::2]
        base = path[begins] - way.ravel()[begins]
        high, low = (np.maximum.reduceat(path, edges)[::2], np.minimum.reduceat(path, edges)[::2])
        np.maximum.at(largest, begins // (points + 1), np.maximum(high, base) - np.minimum(low, base))
    return largest.reshape(n, feet)
