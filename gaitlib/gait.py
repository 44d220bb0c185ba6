"""The Gait: one stride of a person as a labelled dataset.

Names and signs are those of OpenSim users (Rajagopal et al. 2016): hip flexion, knee flexion, ankle
dorsiflexion and toe extension are positive, anterior pelvic tilt is negative. The frame is x forward,
y up, z to the right (ISB). Angles are stored in radians; show them in degrees.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import xarray as xr

from gaitlib.errors import InputError

GRAVITY_MPS2 = 9.80665
N_PHASE = 101
"""Points of one stride: 0 to 100 % from right initial contact."""

SIDES = ("r", "l")

_TRUNK = ("pelvis_tilt", "pelvis_tx", "pelvis_ty", "lumbar_extension")
_LEG = ("hip_flexion", "knee_angle", "ankle_angle", "mtp_angle")
COORDINATES = _TRUNK + tuple(f"{name}_{side}" for side in SIDES for name in _LEG)
"""Coordinates of the planar body, OpenSim names."""

TRANSLATIONS = ("pelvis_tx", "pelvis_ty", "pelvis_tz")
"""Coordinates in metres, the last one of the body in space only; all others are angles in radians."""

JOINTS = {"hip": "hip_flexion", "knee": "knee_angle", "ankle": "ankle_angle"}
"""Joint as pages name it -> its coordinate without the side."""

MUSCLE_GROUPS = ("iliopsoas", "glut_max", "hamstrings", "bifemsh", "rect_fem", "vasti", "gastroc", "soleus",
                 "tib_ant")  # fmt: skip
MUSCLES = tuple(f"{name}_{side}" for side in SIDES for name in MUSCLE_GROUPS)
"""Muscle groups of both legs."""

CURVES = {
    "position": ("phase", "coordinate"),
    "activation": ("phase", "muscle"),
    "ground_force": ("phase", "foot", "axis"),
    "joint_moment": ("phase", "coordinate"),
}
"""Curves of a gait and their dimensions."""
UNITS = {
    "position": "rad (pelvis_tx, pelvis_ty: m)",
    "activation": "1",
    "ground_force": "N",
    "joint_moment": "N m (pelvis_tx, pelvis_ty: N)",
    "stride_time_s": "s",
    "speed_mps": "m/s",
}
LABELS = {
    "phase": np.linspace(0.0, 100.0, N_PHASE),
    "coordinate": list(COORDINATES),
    "muscle": list(MUSCLES),
    "foot": list(SIDES),
    "axis": ["x", "y", "z"],
}
"""Labels of their dimensions."""
_JSON_ATTRIBUTES = ("person", "impairment", "verdict")


def build_gait(
    position: np.ndarray,
    activation: np.ndarray,
    ground_force: np.ndarray,
    joint_moment: np.ndarray,
    stride_time_s: float,
    speed_mps: float,
    attributes: Mapping | None = None,
    labels: Mapping = LABELS,
) -> xr.Dataset:
    """Put the curves of one stride together into a Gait.

    Coordinates (101, 12; rad or m), activations (101, 18), force of the ground on the right and left foot
    along x, y, z (101, 2, 3; N), net generalised force of muscles and passive structures (101, 12; N m or N).
    `attributes`: gait_id, study, revision, and person, impairment, verdict as dicts, which are kept as JSON.
    `labels` of a body in space: those of `gaitlib.body.spatial_body`.
    """
    arrays = zip(CURVES.items(), (position, activation, ground_force, joint_moment), strict=True)
    curves = {name: (dims, np.asarray(values, dtype=float)) for (name, dims), values in arrays}
    gait = xr.Dataset(curves, coords=labels)
    gait["stride_time_s"], gait["speed_mps"] = float(stride_time_s), float(speed_mps)
    for name, unit in UNITS.items():
        gait[name].attrs["units"] = unit
    for key, value in (attributes or {}).items():
        gait.attrs[key] = json.dumps(value, sort_keys=True) if key in _JSON_ATTRIBUTES else value
    return validate_gait(gait, labels)


def validate_gait(gait: xr.Dataset, labels: Mapping = LABELS) -> xr.Dataset:
    """Check names, shapes, values and consistency of a Gait; the error lists everything that is wrong."""
    problems = [f"variable '{name}' is missing" for name in UNITS if name not in gait]
    for name, dims in CURVES.items():
        if name not in gait:
            continue
        if gait[name].dims != dims:
            problems.append(f"'{name}' has dimensions {gait[name].dims}, expected {dims}")
            continue
        for dim in dims:
            if list(gait[dim].values) != list(labels[dim]):
                problems.append(f"dimension '{dim}' of '{name}' does not carry the labels of a Gait")
        if not np.isfinite(gait[name].values).all():
            problems.append(f"'{name}' holds values that are not finite")
    if not problems:
        forward = gait["position"].sel(coordinate="pelvis_tx").values
        travel = float(forward[-1] - forward[0])
        expected = float(gait["speed_mps"] * gait["stride_time_s"])
        if abs(travel - expected) > 0.01 + 0.01 * abs(expected):
            problems.append(f"pelvis_tx travels {travel:.3f} m, but speed x stride time is {expected:.3f} m")
    if problems:
        name, said = gait.attrs.get("gait_id", "without gait_id"), "; ".join(dict.fromkeys(problems))
        raise InputError(f"Gait {name}: {said}. Build it with build_gait().")
    return gait


def resample_phase(values: np.ndarray, n_points: int) -> np.ndarray:
    """Resample curves (n, ...) over a stride, both ends included, by a cubic spline; (n_points, ...)."""
    from scipy.interpolate import CubicSpline

    values = np.asarray(values, dtype=float)
    if values.shape[0] < 4 or n_points < 2:
        raise InputError(
            f"resample_phase: found {values.shape[0]} samples and n_points={n_points}; "
            "expected at least 4 samples and 2 points."
        )
    spline = CubicSpline(np.linspace(0.0, 1.0, values.shape[0]), values, axis=0)
    return spline(np.linspace(0.0, 1.0, n_points))


def swap_side(name: str) -> str:
    """Exchange the side in a name: 'r', 'l', or what ends in '_r' or '_l'; others stay as they are."""
    if name in ("r", "l"):
        return "l" if name == "r" else "r"
    if name.endswith(("_r", "_l")):
        return name[:-1] + swap_side(name[-1])
    return name
