"""Small corrections after which the curves of a generated stride agree with each other.

Steps
1. Forces: the ground does not pull (negative vertical forces are cut); the vertical force is scaled so that
   its mean over the stride carries the body weight and the fore-aft force is shifted in proportion to the
   load so that its mean is zero. Both means hold exactly for any periodic gait (Newton). Travel of the
   pelvis = speed x stride time holds exactly already.
2. Legs: where a foot that carries load slips by more than `ALLOWED_SLIP_M`, the excess is taken up by hip and
   knee, and by the ankle so that the foot keeps its pitch; over the swing the change fades into that of the
   next stance. Likewise where a sole lies deeper than those of solved gaits, or a loaded one higher: the
   floor is elastic, soles sink in a little under load.
3. Pelvis: where a sole is still too deep, the pelvis is raised.

The trunk carries most of the mass, so moving a leg by millimetres hardly disturbs the balance of forces,
while moving the pelvis does. Trunk, activations and moments are not touched.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import xarray as xr
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from gaitlib.gait import COORDINATES, GRAVITY_MPS2, SIDES
from gaitlib.generate.conditions import hold_body_mass_index
from gaitlib.generate.foot_contact import (
    LOADED_SHARE,
    SLIP_LOAD_SHARE,
    add_points,
    compute_foot_contact,
    compute_leg_angles,
    compute_load,
    compute_slip_steps,
    find_lowest,
    measure_stance_slip,
    select_dimensions,
    share_load,
    stack_dimensions,
)
from gaitlib.generate.representation import GaitRepresentation
from gaitlib.simulate.library import build_gait_set

CHANGES = ("leg_change_deg", "up_change_m", "force_change")
"""Columns that tell what a correction changed."""
ALLOWED_SLIP_M = 0.007
_REACH_DAMPING = 0.08
_TOLERANCE_SHARE = 0.0005
_ROUNDS, _MOST_ROUNDS = 1, 6
_ENOUGH = 1.25
_TX, _TY = COORDINATES.index("pelvis_tx"), COORDINATES.index("pelvis_ty")


_LEGS = [COORDINATES.index(f"{name}_{side}") for name in ("hip_flexion", "knee_angle") for side in SIDES]


@dataclass(frozen=True)
class FloorBand:
    """Lowest and highest height of the lowest sole point, shares of body height."""

    lower: float = -0.02
    upper: float = 0.01


def correct_curves(
    position: np.ndarray, ground_force: np.ndarray, people: pd.DataFrame, band: FloorBand | None = None
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Do what `correct_gaits` does, with plain arrays."""
    band = band or FloorBand()
    size, mass = (people[name].to_numpy(dtype=float) for name in ("height_m", "mass_kg"))
    force, force_change = correct_forces(ground_force, mass)
    load = compute_load(force, mass)
    dimensions = stack_dimensions(people)
    # Each coordinate in one piece: several times faster than one after the other.
    before = np.ascontiguousarray(np.moveaxis(position, -1, 0), dtype=np.float32)
    moved = before.copy()
    lowest = np.empty(moved.shape[1:], dtype=np.float32)
    rows = np.arange(len(position))
    for done in range(_MOST_ROUNDS + 1):
        part = np.moveaxis(moved[:, rows], 0, -1)
        body = select_dimensions(dimensions, rows)
        height, slip = compute_foot_contact(part, body)
        sole = find_lowest(height)
        lowest[rows] = np.minimum(sole[..., 0], sole[..., 1])
        if done == _MOST_ROUNDS:
            break
        weight = share_load(load[rows], height, size[rows])
        step, carried = compute_slip_steps(slip, weight)
        slipped = measure_stance_slip(step, carried > SLIP_LOAD_SHARE)
        if done >= _ROUNDS:  # only the few that still slip
            keep = slipped.max(axis=1) > _ENOUGH * ALLOWED_SLIP_M
            if not keep.any():
                break
            rows, part, body = rows[keep], part[keep], select_dimensions(body, keep)
            sole, weight, step, carried, slipped = (v[keep] for v in (sole, weight, step, carried, slipped))
        ahead = _compute_way_back(step, carried, slipped)
        up = _compute_way_up(sole, add_points(weight), size[rows], band)
        for foot, side in enumerate(SIDES):
            _move_foot(part, side, ahead[foot], up[foot], body)
        moved[:, rows] = np.moveaxis(part, -1, 0)
    lift = compute_lift(lowest, size, band)
    moved[_TY] += lift
    change = np.degrees(np.abs(moved[_LEGS] - before[_LEGS]).max(axis=(0, 2)))
    changes = (change, np.abs(lift).max(axis=1), force_change)
    position = np.ascontiguousarray(np.moveaxis(moved, 0, -1), dtype=float)
    return position, force, dict(zip(CHANGES, changes, strict=True))


def compute_joint_speed(table: pd.DataFrame, gaits: xr.Dataset) -> np.ndarray:
    """Compute the walking speed (m/s) that the joint angles make if the standing foot does not slip; (n,)."""
    position = gaits["position"].to_numpy()
    height, slip = compute_foot_contact(position, stack_dimensions(table))
    size, mass = (table[name].to_numpy(dtype=float) for name in ("height_m", "mass_kg"))
    weight = share_load(compute_load(gaits["ground_force"].to_numpy(), mass), height, size)
    step, load = compute_slip_steps(slip, weight)
    drift = (load * step).sum(axis=2) / np.maximum(load.sum(axis=2), LOADED_SHARE)
    travel = position[:, -1, _TX] - position[:, 0, _TX]
    return (travel - drift.sum(axis=1)) / gaits["stride_time_s"].to_numpy()


def correct_forces(ground_force: np.ndarray, mass_kg: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give ground forces the means that a periodic gait must have."""
    force = np.array(ground_force, dtype=float)
    weight = mass_kg * GRAVITY_MPS2
    before = _average(force[..., 1].sum(axis=2))
    vertical = np.maximum(force[..., 1], 0.0)
    carried = _average(vertical.sum(axis=2))
    vertical *= (weight / np.maximum(carried, 1e-6))[:, None, None]
    force[..., 0] = np.where(vertical > 0, force[..., 0], 0.0)
    excess = _average(force[..., 0].sum(axis=2))
    force[..., 0] -= (excess / weight)[:, None, None] * vertical
    force[..., 1] = vertical
    return force, np.abs(before - weight) / weight


def compute_lift(lowest: np.ndarray, height_m: np.ndarray, band: FloorBand) -> np.ndarray:
    """Compute the smooth shift that raises sunk soles into the band; shape (n, 101), m."""
    too_low = np.maximum(band.lower * height_m[:, None] - lowest[:, :-1], 0.0)
    lift = np.zeros_like(too_low)
    rows = np.flatnonzero(too_low.any(axis=1))
    if len(rows):
        lift[rows] = _spread_out(too_low[rows])
    return np.concatenate([lift, lift[:, :1]], axis=1)


def measure_floor_band(table: pd.DataFrame, gaits: xr.Dataset) -> FloorBand:
    """Measure the band of heights that the soles of solved gaits keep."""
    height, _ = compute_foot_contact(gaits["position"].to_numpy(), stack_dimensions(table))
    lowest = find_lowest(height).min(axis=2) / table["height_m"].to_numpy(dtype=float)[:, None]
    return FloorBand(
        float(np.percentile(lowest.min(axis=1), 1) - _TOLERANCE_SHARE),
        float(np.percentile(lowest.max(axis=1), 99) + _TOLERANCE_SHARE),
    )


def _compute_way_back(step: np.ndarray, load: np.ndarray, slipped: np.ndarray) -> np.ndarray:
    """How far each foot must be moved forward (2, n, 101) to take off the excess of its slip; periodic."""
    step, load = (np.moveaxis(values, 2, 0) for values in (step, load))
    loaded = load > SLIP_LOAD_SHARE
    excess = np.maximum(slipped - ALLOWED_SLIP_M, 0.0) / np.maximum(slipped, 1e-9)
    step = np.where(loaded, step, 0.0) * excess.T[..., None].astype(step.dtype)
    free = _smooth((~loaded).astype(np.float32), 4.0) * ~loaded
    fade = free / np.maximum(free.sum(axis=2, keepdims=True), 1e-12)
    path = np.cumsum(step - step.sum(axis=2, keepdims=True) * fade, axis=2)
    mean = (path * loaded).sum(axis=2, keepdims=True) / np.maximum(loaded.sum(axis=2, keepdims=True), 1)
    path = _smooth(path - mean.astype(path.dtype), 1.5)
    return -np.concatenate([path[..., -1:], path], axis=2)


def _compute_way_up(lowest: np.ndarray, load: np.ndarray, size: np.ndarray, band: FloorBand) -> np.ndarray:
    """How far each foot must be raised (2, n, 101) out of the floor or, where loaded, down to it."""
    lowest, load = (np.moveaxis(values, 2, 0)[..., :-1] for values in (lowest, load))
    size = size[:, None].astype(lowest.dtype)
    too_low = np.maximum(band.lower * size - lowest, 0.0)
    too_high = np.maximum(lowest - band.upper * size, 0.0) * (load > SLIP_LOAD_SHARE)
    way = np.zeros_like(too_low)
    rows = np.flatnonzero(too_low.any(axis=(0, 2)) | too_high.any(axis=(0, 2)))
    if len(rows):
        way[:, rows] = _spread_out(too_low[:, rows]) - _smooth(too_high[:, rows], 3.0)
    return np.concatenate([way, way[..., :1]], axis=2)


def _spread_out(excess: np.ndarray) -> np.ndarray:
    """A smooth periodic curve (last axis) that is nowhere below `excess`."""
    return _smooth(maximum_filter1d(excess, 19, mode="wrap"), 3.0, truncate=3.0)


def _smooth(values: np.ndarray, sigma: float, truncate: float = 4.0) -> np.ndarray:
    """Smooth periodic curves (last axis); a product with a matrix is faster than a filter here."""
    return values @ _build_smoother(values.shape[-1], sigma, truncate)


@cache
def _build_smoother(n_points: int, sigma: float, truncate: float) -> np.ndarray:
    eye = np.eye(n_points, dtype=np.float32)
    return gaussian_filter1d(eye, sigma, axis=0, mode="wrap", truncate=truncate)


def _move_foot(position: np.ndarray, side: str, ahead: np.ndarray, up: np.ndarray, body) -> None:
    """Move a foot by small ways (m) with hip and knee, in place; damped where the leg is straight."""
    thigh, shank, _, _ = compute_leg_angles(position, side)
    a, c = body.thigh_m * np.cos(thigh), body.thigh_m * np.sin(thigh)
    b, d = body.shank_m * np.cos(shank), body.shank_m * np.sin(shank)
    damping = (_REACH_DAMPING * body.thigh_m) ** 2
    xx, xy, yy = a**2 + b**2 + damping, a * c + b * d, c**2 + d**2 + damping
    determinant = xx * yy - xy**2
    pull_x, pull_y = (yy * ahead - xy * up) / determinant, (xx * up - xy * ahead) / determinant
    of_thigh, of_shank = a * pull_x + c * pull_y, b * pull_x + d * pull_y
    for name, change in (
        ("hip_flexion", of_thigh), ("knee_angle", of_thigh - of_shank), ("ankle_angle", -of_shank)
    ):  # fmt: skip
        position[..., COORDINATES.index(f"{name}_{side}")] += change


def _average(values: np.ndarray) -> np.ndarray:
    return values[:, :-1].mean(axis=1)


_BLOCK = 256
"""Strides made at once: few enough for the processor's cache."""
_LABELS = ("person_id", "cohort", "walk_id")


def finish_samples(
    representation: GaitRepresentation,
    floor: FloorBand,
    vectors: np.ndarray,
    wanted: pd.DataFrame,
    labels: pd.DataFrame,
    correct: bool,
) -> tuple[pd.DataFrame, xr.Dataset]:
    """Turn sampled vectors into labelled strides: what was `wanted` holds exactly, vectors fill the rest."""
    scale = representation.conditions
    people = scale.decode(vectors[:, : representation.n_conditions])
    for name in wanted:
        people[name] = wanted[name].where(wanted[name].notna(), people[name])
    open_mass = wanted["mass_kg"].isna() if "mass_kg" in wanted else pd.Series(True, index=wanted.index)
    people = hold_body_mass_index(people, open_mass.to_numpy())
    table = representation.describe(people)
    people = table[["age_years", "height_m", "mass_kg", "speed_mps", "stride_time_s"]]
    parts, changes = [], []
    for start in range(0, len(vectors), _BLOCK):
        body = people.iloc[start : start + _BLOCK]
        curves = representation.build_curves(vectors[start : start + _BLOCK], body)
        if correct:
            moved = correct_curves(curves["position"], curves["ground_force"], body, floor)
            curves["position"], curves["ground_force"] = moved[:2]
            changes.append(moved[2])
        parts.append(curves)
    for name in CHANGES if correct else ():
        table[name] = np.concatenate([change[name] for change in changes])
    curves = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    table["step_length_m"] = 0.5 * table["speed_mps"] * table["stride_time_s"]
    raw = scale.encode(wanted) * scale.scale + scale.mean
    outside = (raw < scale.lower - 1e-9) | (raw > scale.upper + 1e-9)
    table["within_library"] = ~outside.any(axis=1)
    ids = [f"generated-{hashlib.sha256(row.tobytes()).hexdigest()[:16]}" for row in np.round(vectors, 6)]
    for label in [name for name in _LABELS if name in labels]:
        table.insert(0, label, labels[label].to_numpy())
    table.insert(0, "gait_id", ids)
    times = {name: table[name].to_numpy() for name in ("stride_time_s", "speed_mps")}
    return table, build_gait_set(ids, curves | times)
