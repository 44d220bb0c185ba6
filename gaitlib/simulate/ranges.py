"""Ranges in which a solver looks for the coordinates; plain numbers, for CasADi and OpenSim alike."""

from __future__ import annotations

import numpy as np

from gaitlib.gait import COORDINATES

_ANGLES_DEG = {
    "pelvis_tilt": (-40, 25),
    "lumbar_extension": (-60, 40),
    "hip_flexion": (-40, 85),
    "knee_angle": (-35, 120),
    "ankle_angle": (-60, 45),
    "mtp_angle": (-45, 75),
}


def get_coordinate_ranges(leg_length_m: float) -> dict[str, tuple[float, float]]:
    """Get the range of every coordinate."""
    ranges = {}
    for name in COORDINATES:
        kind = name.removesuffix("_r").removesuffix("_l")
        if kind in _ANGLES_DEG:
            lower, upper = _ANGLES_DEG[kind]
            ranges[name] = (float(np.radians(lower)), float(np.radians(upper)))
        elif kind == "pelvis_tx":
            ranges[name] = (-0.3, 0.3)
        else:
            ranges[name] = (0.6 * leg_length_m, 1.15 * leg_length_m)
    return ranges
