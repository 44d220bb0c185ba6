"""Toy gaits for the tests of sensors and estimators: joint curves drawn by hand, feet that do not slide."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.body.kinematics import compute_sagittal_points
from gaitlib.gait import COORDINATES, N_PHASE, build_gait, stack_gaits
from gaitlib.person import Person

_CURVES = {
    "hip_flexion": ([0, 0.15, 0.3, 0.5, 0.6, 0.75, 0.86, 1], [30, 22, 8, -10, -3, 22, 33, 30]),
    "knee_angle": ([0, 0.12, 0.4, 0.5, 0.6, 0.72, 0.85, 0.96, 1], [5, 18, 5, 12, 36, 62, 30, 3, 5]),
    "ankle_angle": ([0, 0.07, 0.3, 0.45, 0.62, 0.75, 0.85, 1], [0, -6, 6, 11, -18, 0, 2, 0]),
    "mtp_angle": ([0, 0.4, 0.57, 0.65, 0.76, 0.9, 1], [0, 2, 33, 22, 0, 0, 0]),
}


def build_toy_gait(
    person: Person | None = None, stretch: float = 1.0, stride_time_s: float | None = None, gait_id: str = "toy"
):
    """Build a stride whose hip and knee excursions are stretched; the pelvis follows the foot on the floor."""
    person = person or Person(age_years=30, sex="f", height_m=1.70, mass_kg=65)
    body = compute_dimensions(person)
    phase = np.linspace(0, 1, N_PHASE)
    position = np.zeros((N_PHASE, len(COORDINATES)))
    position[:, 0], position[:, 3] = np.deg2rad(-8), np.deg2rad(6)
    for name, (knots, values) in _CURVES.items():
        spline = CubicSpline(knots, np.deg2rad(values), bc_type="periodic")
        for side, shift in (("r", 0.0), ("l", 0.5)):
            angle = spline((phase + shift) % 1.0)
            factor = stretch if name in ("hip_flexion", "knee_angle") else 1.0
            angle = angle.mean() + factor * (angle - angle.mean())
            position[:, COORDINATES.index(f"{name}_{side}")] = angle
    points = compute_sagittal_points(position, body)
    feet = np.stack([points[f"{name}_{side}"] for side in "rl" for name in ("heel", "mtp", "toe")], axis=1)
    low = feet[..., 1].min(axis=1)
    weight = np.exp(-(feet[..., 1] - low[:, None]) / 0.006)
    weight /= weight.sum(axis=1, keepdims=True)
    velocity = -(weight * np.gradient(feet[..., 0], phase, axis=0)).sum(axis=1)
    position[:, 1] = np.concatenate([[0], np.cumsum(0.5 * (velocity[1:] + velocity[:-1]) * np.diff(phase))])
    position[:, 2] = -low
    stride_time_s = stride_time_s or float(1.08 * np.sqrt(body.leg_length_m / 0.9))
    zeros = np.zeros
    return build_gait(
        position, zeros((N_PHASE, 18)), zeros((N_PHASE, 2, 3)), zeros((N_PHASE, 12)),
        stride_time_s, position[-1, 1] / stride_time_s,
        {"gait_id": gait_id, "person": person.model_dump()},
    )  # fmt: skip


def build_toy_set(n: int, rng: np.random.Generator):
    """Build a gait set of persons of 6 to 80 years with its list of persons."""
    gaits, persons = [], []
    for index in range(n):
        age = float(rng.uniform(6, 80))
        height = (1.15 + 0.05 * min(age - 6, 11)) * rng.normal(1, 0.05)
        person = Person(age_years=age, sex=str(rng.choice(["f", "m"])), height_m=height, mass_kg=19 * height**2)
        stretch, pace = rng.uniform(0.5, 1.25), rng.uniform(0.85, 1.35)
        time = 1.08 * np.sqrt(compute_dimensions(person).leg_length_m / 0.9) * pace
        gaits.append(build_toy_gait(person, stretch, time, f"toy{index}"))
        persons.append(person)
    return stack_gaits(gaits), persons
