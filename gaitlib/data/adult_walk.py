"""Walk of the adult set aside for calibration: markers become joint centres, EMG one envelope per muscle."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.data.plug_in_gait import build_pelvis, compute_hip_center
from gaitlib.errors import InputError

_MARKER_RADIUS_M = 0.007
_HALF_WIDTH_M = {"knee": 0.05, "ankle": 0.035}
"""From the skin outside a joint to its centre, in an adult; assumed, and invisible from the side."""
_MARKERS = {"heel": "Heel", "toe": "Toe", "shoulder": "Shoulder", "elbow": "Elbow", "wrist": "Wrist"}
_HEADS = {
    "soleus": ("soleus",),
    "gastroc": ("gastrocnemius",),
    "tib_ant": ("tibialis_anterior",),
    "hamstrings": ("medial_hamstrings", "biceps_femoris"),
    "vasti": ("vastus_lateralis", "vastus_medius"),
    "rect_fem": ("rectus_femoris",),
    "glut_max": ("gluteus_maximus",),
}
"""Muscle group of the simulation -> channels of the file; gluteus medius is not simulated."""


def compute_adult_joints(markers: xr.Dataset) -> dict[str, np.ndarray]:
    """Compute the keypoints of a walk from the markers; shape (time, 3), m."""
    positions = markers["marker_position"]

    def get(name: str) -> np.ndarray:
        if name not in positions["marker"].values:
            raise InputError(f"{markers.attrs['source_file']}: marker '{name}' is missing")
        return positions.sel(marker=name).values

    pelvis = build_pelvis(get("R.ASIS"), get("L.ASIS"), get("S2"), _MARKER_RADIUS_M)
    points = {"neck": (get("R.Shoulder") + get("L.Shoulder")) / 2}
    for side, sign in (("r", 1.0), ("l", -1.0)):
        letter = side.upper()
        points[f"hip_{side}"] = compute_hip_center(pelvis, sign)
        for joint, half in _HALF_WIDTH_M.items():
            skin = get(f"{letter}.{joint.title()}")
            points[f"{joint}_{side}"] = skin - sign * (half + _MARKER_RADIUS_M) * pelvis["right"]
        points |= {f"{name}_{side}": get(f"{letter}.{marker}") for name, marker in _MARKERS.items()}
    return points


def add_adult_envelopes(walk: xr.Dataset, emg: pd.DataFrame) -> xr.Dataset:
    """Add the envelopes of the adult's right leg."""
    curves = [np.mean([emg[head] / emg[head].max() for head in heads], axis=0) for heads in _HEADS.values()]
    walk = walk.assign_coords(emg_time=emg["time"].to_numpy(), channel=[f"{name}_r" for name in _HEADS])
    walk["emg"] = (("emg_time", "channel"), np.stack(curves, axis=1), {"units": "1"})
    walk["emg_live"] = ("channel", np.ones(len(_HEADS), dtype=bool))
    return walk.assign_attrs(emg_is_envelope=1)
