"""Where the body's points are, given its coordinates (planar body, sagittal plane)."""

from __future__ import annotations

import numpy as np

from gaitlib.body.dimensions import Dimensions
from gaitlib.gait import COORDINATES, SIDES

_COLUMN = {name: index for index, name in enumerate(COORDINATES)}
PITCH_SEGMENTS = ("pelvis", "trunk", "foot_r", "foot_l")
"""Segments whose sagittal rotation the 19 points of a walk do not tell."""


def compute_sagittal_points(position: np.ndarray, dimensions: Dimensions) -> dict[str, np.ndarray]:
    """Compute the planar positions of joint centres and foot points; shape (..., 2)."""
    position = np.asarray(position, dtype=float)

    def get(name: str) -> np.ndarray:
        return position[..., _COLUMN[name]]

    def place(angle: np.ndarray, x: float, y: float) -> np.ndarray:
        cos, sin = np.cos(angle), np.sin(angle)
        return np.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)

    d = dimensions
    tilt = get("pelvis_tilt")
    trunk = tilt + get("lumbar_extension")
    points = {"mid_hip": np.stack([get("pelvis_tx"), get("pelvis_ty")], axis=-1)}
    points["lumbar"] = points["mid_hip"] + place(tilt, -d.lumbar_behind_hip_m, d.hip_to_lumbar_m)
    points["shoulder"] = points["lumbar"] + place(trunk, 0.5 * d.lumbar_behind_hip_m, d.lumbar_to_shoulder_m)
    points["neck"] = points["shoulder"] + place(trunk, 0.0, d.neck_m)
    points["head_top"] = points["neck"] + place(trunk, 0.0, d.head_m)
    for side in SIDES:
        thigh = tilt + get(f"hip_flexion_{side}")
        shank = thigh - get(f"knee_angle_{side}")
        foot = shank + get(f"ankle_angle_{side}")
        toes = foot + get(f"mtp_angle_{side}")
        knee = points["mid_hip"] + place(thigh, 0.0, -d.thigh_m)
        ankle = knee + place(shank, 0.0, -d.shank_m)
        mtp = ankle + place(foot, d.mtp_ahead_of_ankle_m, -d.mtp_below_ankle_m)
        points[f"knee_{side}"] = knee
        points[f"ankle_{side}"] = ankle
        points[f"heel_{side}"] = ankle + place(foot, -d.heel_behind_ankle_m, -d.ankle_height_m)
        points[f"mtp_{side}"] = mtp
        points[f"toe_{side}"] = mtp + place(
            toes, d.toe_ahead_of_mtp_m, d.mtp_below_ankle_m - d.ankle_height_m
        )
    return points


def compute_pitch(position: np.ndarray) -> np.ndarray:
    """Sagittal rotation of `PITCH_SEGMENTS` from the planar body's coordinates; shape (..., 4), rad."""

    def get(name: str) -> np.ndarray:
        return position[..., _COLUMN[name]]

    tilt = get("pelvis_tilt")
    feet = [tilt + get(f"hip_flexion_{s}") - get(f"knee_angle_{s}") + get(f"ankle_angle_{s}") for s in SIDES]
    return np.stack([tilt, tilt + get("lumbar_extension"), *feet], axis=-1)
