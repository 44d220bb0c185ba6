"""Residual force of recorded walking, for comparison with generated strides.

Children: centre of mass from joint centres (markers low-pass filtered) and scaled segment masses (Winter
2009, table 4.1), against force plates, where both feet are known to stand on their own plate or to swing.
Adult: inverse dynamics of the published 3D model and recording, as its authors computed it with OpenSim. In
both, mass times acceleration of the centre of mass less all outer forces is the residual force at the pelvis.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.errors import AbsentData
from gaitlib.events import detect_events
from gaitlib.generate.residual_forces import CUTOFF_HZ, summarise_residual
from gaitlib.signals import find_runs, smooth_lowpass
from gaitlib.walk import get_point
from gaitlib.workflow.results import Results

_GRAVITY_MPS2 = 9.80665
_SEGMENTS = (
    ("neck", "head_top", 0.081, 0.5),
    ("mid_hip", "neck", 0.497, 0.56),
    *((f"shoulder_{s}", f"elbow_{s}", 0.028, 0.436) for s in "rl"),
    *((f"elbow_{s}", f"wrist_{s}", 0.022, 0.682) for s in "rl"),
    *((f"hip_{s}", f"knee_{s}", 0.100, 0.433) for s in "rl"),
    *((f"knee_{s}", f"ankle_{s}", 0.0465, 0.433) for s in "rl"),
    *((f"ankle_{s}", f"toe_{s}", 0.0145, 0.5) for s in "rl"),
)
"""From, to, share of body mass, place of the centre of mass on the way."""

_MARGIN_S = 0.05
_SWING_MARGIN_S = 0.03
_SHORTEST_S = 0.25


def measure_recorded_residuals(kept: Results | None = None) -> pd.DataFrame:
    """Measure the residual force of every recording with force plates that is at hand."""
    rows = []
    for source, measure in (("children", _measure_children), ("adult", _measure_adult)):
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="IProgress")  # a progress bar that no page shows
                rows += [{"source": source} | row for row in measure()]
        except AbsentData as absent:
            if kept is not None:
                kept.note_absent(absent.item_id, f"residual force of the recorded {source}")
    numbers = ["residual_rms_bw", "residual_peak_bw", "duration_s"]
    table = pd.DataFrame(rows, columns=["source", "person_id", *numbers])
    return table.astype(dict.fromkeys(numbers, float))  # an empty table of objects has no quantiles


def measure_walk_residual(walk: xr.Dataset, cutoff_hz: float = CUTOFF_HZ) -> dict[str, float] | None:
    """Measure the residual force of one recorded walk."""
    fps, mass = float(walk.attrs["fps"]), float(walk.attrs["mass_kg"])
    center = sum(
        share * ((1 - place) * get_point(walk, first) + place * get_point(walk, last))
        for first, last, share, place in _SEGMENTS
    ) / sum(share for *_, share, _ in _SEGMENTS)
    force = _fill_swing(walk)
    known = np.isfinite(force).all(axis=(1, 2))
    seen = np.isfinite(center).all(axis=1)
    runs = [run for run in find_runs(seen) if run[1] - run[0] > 1.0 * fps]
    if not runs:
        return None
    start, end = max(runs, key=lambda run: run[1] - run[0])
    path = smooth_lowpass(center[start:end, :2], fps, cutoff_hz)
    acceleration = np.gradient(np.gradient(path, 1.0 / fps, axis=0), 1.0 / fps, axis=0)
    ground = np.nan_to_num(force[start:end, :, :2]).sum(axis=1)
    ground = smooth_lowpass(ground, fps, cutoff_hz)
    residual = mass * (acceleration + [0.0, _GRAVITY_MPS2]) - ground
    usable = _shrink(known[start:end], round(_MARGIN_S * fps))
    usable[: round(_MARGIN_S * fps)] = usable[-round(_MARGIN_S * fps) :] = False
    if usable.sum() < _SHORTEST_S * fps:
        return None
    return summarise_residual(residual[usable], mass) | {"duration_s": float(usable.sum() / fps)}


def _fill_swing(walk: xr.Dataset) -> np.ndarray:
    """Ground force (time, foot, space) with zeros where a foot swings, by its points."""
    force, time_s = walk["ground_force"].values.copy(), walk["time"].values
    events = detect_events(walk)
    for foot, side in enumerate("rl"):
        own = events[events["foot"] == side]
        for left_s in own.loc[own["event"] == "toe_off", "time_s"]:
            lands = own.loc[(own["event"] == "initial_contact") & (own["time_s"] > left_s), "time_s"]
            if len(lands):
                swing = (time_s > left_s + _SWING_MARGIN_S) & (time_s < lands.iloc[0] - _SWING_MARGIN_S)
                force[:, foot] = np.where(swing[:, None] & np.isnan(force[:, foot]), 0.0, force[:, foot])
    return force


def _measure_children() -> list[dict]:
    from gaitlib.data.walks import load_walks

    walks = load_walks("td_children_c3d", "evaluate")
    found = [(walk.attrs["person_id"], measure_walk_residual(walk)) for walk in walks]
    return [{"person_id": person} | row for person, row in found if row is not None]


def _measure_adult() -> list[dict]:
    from gaitlib.data.packed import read_recording

    item = "adult_walk_3d_moco"
    needed = read_recording(item, "id_walk.sto", "calibrate")
    forces = read_recording(item, "grf_walk.mot", "calibrate")
    time = needed["time"].to_numpy()
    inside = (time > time[0] + _MARGIN_S) & (time < time[-1] - _MARGIN_S)
    residual = needed[["pelvis_tx_force", "pelvis_ty_force"]].to_numpy()[inside]
    # Over a whole stride the ground carries the body weight: the mass is not in these files.
    stride = (forces["time"] >= 0.39) & (forces["time"] <= 1.48)
    weight = float(forces.loc[stride, ["ground_force_r_vy", "ground_force_l_vy"]].sum(axis=1).mean())
    row = summarise_residual(residual, weight / _GRAVITY_MPS2)
    return [{"person_id": item} | row | {"duration_s": float(np.ptp(time[inside]))}]


def _shrink(mask: np.ndarray, width: int) -> np.ndarray:
    """Take `width` frames off both ends of every run."""
    from scipy.ndimage import binary_erosion

    return binary_erosion(mask, iterations=width) if width > 0 else mask.copy()
