"""A family of smooth walks with known answers: the stance foot lies flat and still, the ground carries the
body weight at every moment, left is right half a stride later."""

import numpy as np
import pandas as pd

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.gait import COORDINATES, MUSCLES, N_PHASE
from gaitlib.person import STRENGTH_GROUPS, Person
from gaitlib.simulate.library import build_gait_set

STANCE = 0.62
GRAVITY = 9.80665


def build_toy_library(n, seed=0):
    """Table and gait set of n walks."""
    rng = np.random.default_rng(seed)
    rows, curves = [], []
    for index in range(n):
        age = rng.uniform(5, 80)
        height = np.interp(age, [5, 18, 80], [1.1, 1.72, 1.66]) * rng.uniform(0.94, 1.06)
        row = {
            "gait_id": f"toy-{index}",
            "age_years": age,
            "sex": str(rng.choice(["f", "m"])),
            "height_m": height,
            "mass_kg": np.interp(age, [5, 18], [15.5, 22.5]) * height**2 * rng.uniform(0.9, 1.2),
            "speed_mps": rng.uniform(0.6, 1.5) * np.sqrt(height / 1.7),
            **{f"weakness_{name}": 1.0 for name in STRENGTH_GROUPS},
            "verified": True,
        }
        row["weakness_plantarflexors"] = float(rng.choice([1.0, rng.uniform(0.4, 1.0)]))
        row["stride_time_s"] = _choose_stride_time(row)
        rows.append(row)
        curves.append(build_toy_curves(row))
    table = pd.DataFrame(rows)
    stacked = {name: np.stack([c[name] for c in curves]) for name in curves[0]}
    scalars = {name: table[name].to_numpy() for name in ("stride_time_s", "speed_mps")}
    return table, build_gait_set(list(table["gait_id"]), stacked | scalars)


def build_toy_curves(row):
    """Curves of one walk."""
    person = Person(**{k: row[k] for k in ("age_years", "sex", "height_m", "mass_kg")})
    d = compute_dimensions(person)
    phase = np.linspace(0, 1, N_PHASE)
    travel = row["speed_mps"] * row["stride_time_s"]
    position = np.zeros((N_PHASE, len(COORDINATES)))
    at = {name: i for i, name in enumerate(COORDINATES)}
    position[:, at["pelvis_tilt"]] = -0.1
    position[:, at["pelvis_tx"]] = travel * phase + 0.005 * np.sin(4 * np.pi * phase)
    reach = 0.985 * (d.thigh_m + d.shank_m)
    farthest = travel * max(STANCE / 2, 0.5 * (1 - STANCE / 2)) + 0.01
    hip = d.ankle_height_m + np.sqrt(max(reach**2 - farthest**2, (0.8 * reach) ** 2))
    position[:, at["pelvis_ty"]] = hip - 0.006 * np.cos(4 * np.pi * phase) - 0.006
    force = np.zeros((N_PHASE, 2, 3))
    activation = np.zeros((N_PHASE, len(MUSCLES)))
    moment = np.zeros((N_PHASE, len(COORDINATES)))
    for foot, side in enumerate("rl"):
        own = (phase + 0.5 * foot) % 1.0
        turns = (phase + 0.5 * foot) // 1.0
        ankle_x, ankle_y = _place_ankle(own, travel, d.ankle_height_m)
        dx = ankle_x + (turns - 0.5 * foot) * travel - position[:, at["pelvis_tx"]]
        dy = ankle_y - position[:, at["pelvis_ty"]]
        thigh, shank = _solve_leg(dx, dy, d.thigh_m, d.shank_m)
        position[:, at[f"hip_flexion_{side}"]] = thigh - position[:, at["pelvis_tilt"]]
        position[:, at[f"knee_angle_{side}"]] = thigh - shank
        position[:, at[f"ankle_angle_{side}"]] = -shank
        weight = row["mass_kg"] * GRAVITY
        force[:, foot, 1] = weight * _share_load(own)
        force[:, foot, 0] = -0.1 * force[:, foot, 1] * np.cos(np.pi * np.clip(own / STANCE, 0, 1))
        for muscle in range(9):
            bump = np.exp(3 * (np.cos(2 * np.pi * (own - muscle / 9)) - 1))
            effort = 0.3 * row["speed_mps"] + 0.2 * (1 - row["weakness_plantarflexors"])
            activation[:, 9 * foot + muscle] = 0.01 + effort * bump
        moment[:, at[f"hip_flexion_{side}"]] = (
            0.3 * row["mass_kg"] * row["height_m"] * np.sin(2 * np.pi * own)
        )
    return {"position": position, "activation": activation, "ground_force": force, "joint_moment": moment}


def _choose_stride_time(row):
    natural = 1.1 * np.sqrt(row["height_m"] / 1.7) * (row["speed_mps"] / 1.2) ** -0.4
    return natural * (0.88 + 0.12 * row["weakness_plantarflexors"])


def _place_ankle(own, travel, height):
    swing = np.clip((own - STANCE) / (1 - STANCE), 0, 1)
    x = 0.5 * STANCE * travel + travel * (swing - np.sin(2 * np.pi * swing) / (2 * np.pi))
    return x, height + 0.06 * np.sin(np.pi * swing) ** 2


def _solve_leg(dx, dy, thigh, shank):
    """Absolute angles of thigh and shank (0 = hanging, forward positive), knee flexed."""
    length = np.sqrt(dx**2 + dy**2)
    at_hip = np.arccos(np.clip((thigh**2 + length**2 - shank**2) / (2 * thigh * length), -1, 1))
    at_knee = np.pi - np.arccos(np.clip((thigh**2 + shank**2 - length**2) / (2 * thigh * shank), -1, 1))
    upper = np.arctan2(dx, -dy) + at_hip
    return upper, upper - at_knee


def _share_load(own):
    double = STANCE - 0.5
    return _ease(own / double) * (1 - _ease((own - 0.5) / double))


def _ease(u):
    u = np.clip(u, 0, 1)
    return u - np.sin(2 * np.pi * u) / (2 * np.pi)


def mirror(representation, vectors):
    """Mirror left and right."""
    order, sign = representation.get_mirror()
    return vectors[:, order] * sign
