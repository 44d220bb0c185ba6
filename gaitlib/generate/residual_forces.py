"""How well strides obey Newton: residual force at the pelvis by inverse dynamics in OpenSim.

The force of the ground must supply what the motion of the body needs. What is left over has to be pushed or
pulled at the pelvis by nobody's hand: the residual force, the usual yardstick of recorded motion (Hicks et
al. 2015, doi 10.1115/1.4029304). Motion and ground force pass the same low-pass filter (Kristianslund et al.
2012, doi 10.1016/j.jbiomech.2011.12.011).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr
from scipy.ndimage import binary_erosion

from gaitlib.body.specification import Specification, build_specification
from gaitlib.events import detect_events
from gaitlib.gait import COORDINATES, GRAVITY_MPS2
from gaitlib.person import Person
from gaitlib.signals import find_runs, smooth_lowpass
from gaitlib.simulate.workers import make_pool
from gaitlib.walk import get_point


def compute_inverse_dynamics(
    specification: Specification, position: np.ndarray, speed: np.ndarray, acceleration: np.ndarray
) -> np.ndarray:
    """Compute the generalised forces that the motion of the bare skeleton needs, gravity too; (n, 12)."""
    import opensim  # only in worker processes: it cannot share one with CasADi

    from gaitlib.body.opensim_model import build_model, find_speed_columns

    model = build_model(replace(specification, muscles=(), spheres=(), passive=()))
    state = model.initSystem()
    coordinates = [model.getCoordinateSet().get(name) for name in COORDINATES]
    columns = find_speed_columns(model, state)
    solver = opensim.InverseDynamicsSolver(model)
    udot = opensim.Vector(len(COORDINATES), 0.0)
    forces = np.empty((len(position), len(COORDINATES)))
    for n in range(len(position)):
        for i, coordinate in enumerate(coordinates):
            coordinate.setValue(state, float(position[n, i]), False)
            coordinate.setSpeedValue(state, float(speed[n, i]))
            udot.set(columns[i], float(acceleration[n, i]))
        forces[n] = solver.solve(state, udot).to_numpy()[columns]
    return forces


CUTOFF_HZ = 6.0
"""Usual cut-off of the zero-lag low-pass filter for markers of walking people."""

_PELVIS = [COORDINATES.index(name) for name in ("pelvis_tx", "pelvis_ty")]


def measure_residuals(
    table: pd.DataFrame, gaits: xr.Dataset, n_workers: int = 1, cutoff_hz: float | None = CUTOFF_HZ
) -> pd.DataFrame:
    """Measure the residual force of strides, in worker processes."""
    times = gaits["stride_time_s"].to_numpy()
    position = gaits["position"].to_numpy().astype(float)
    force = gaits["ground_force"].to_numpy().astype(float)[..., :2].sum(axis=2)
    motions = [differentiate_stride(*pair, cutoff_hz) for pair in zip(position, times, strict=True)]
    jobs = []
    with make_pool(n_workers) as pool:
        for row, motion in zip(table.to_dict("records"), motions, strict=True):
            person = Person.model_construct(**{k: row[k] for k in Person.model_fields})
            jobs.append(pool.submit(compute_inverse_dynamics, build_specification(person), *motion))
        needed = [job.result()[:, _PELVIS] for job in jobs]
    rows = []
    for n, (gait_id, mass) in enumerate(zip(table["gait_id"], table["mass_kg"], strict=True)):
        ground = smooth_stride(force[n], times[n], cutoff_hz)[:-1]
        rows.append({"gait_id": gait_id} | summarise_residual(needed[n] - ground, float(mass)))
    return pd.DataFrame(rows)


def summarise_residual(residual: np.ndarray, mass_kg: float) -> dict[str, float]:
    """Summarise a residual force."""
    size = np.linalg.norm(residual, axis=1) / (mass_kg * GRAVITY_MPS2)
    return {"residual_rms_bw": float(np.sqrt((size**2).mean())), "residual_peak_bw": float(size.max())}


def differentiate_stride(
    position: np.ndarray, stride_time_s: float, cutoff_hz: float | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Differentiate the coordinates of a periodic stride twice; shape (100, 12)."""
    ramp = np.zeros_like(position)
    forward = _PELVIS[0]
    travel = position[-1, forward] - position[0, forward]
    ramp[:, forward] = np.linspace(0.0, 1.0, len(position)) * travel
    periodic = smooth_stride(position - ramp, stride_time_s, cutoff_hz)[:-1]
    spectrum = np.fft.rfft(periodic, axis=0)
    turn = 2j * np.pi * np.arange(len(spectrum))[:, None] / stride_time_s
    turn[-1] = 0.0  # the highest frequency has no defined slope
    speed, acceleration = (np.fft.irfft(spectrum * turn**k, n=len(periodic), axis=0) for k in (1, 2))
    speed[:, forward] += travel / stride_time_s
    return periodic + ramp[:-1], speed, acceleration


def smooth_stride(values: np.ndarray, stride_time_s: float, cutoff_hz: float | None) -> np.ndarray:
    """Smooth periodic curves as a recording of many such strides would be."""
    if cutoff_hz is None:
        return values
    n = len(values) - 1
    strides = np.concatenate([values[:-1]] * 5)
    smooth = smooth_lowpass(strides, n / stride_time_s, cutoff_hz)[2 * n : 3 * n]
    return np.concatenate([smooth, smooth[:1]])


_SEGMENTS = (
    ("neck", "head_top", 0.081, 0.5),
    ("mid_hip", "neck", 0.497, 0.56),
    *((f"shoulder_{s}", f"elbow_{s}", 0.028, 0.436) for s in "rl"),
    *((f"elbow_{s}", f"wrist_{s}", 0.022, 0.682) for s in "rl"),
    *((f"hip_{s}", f"knee_{s}", 0.100, 0.433) for s in "rl"),
    *((f"knee_{s}", f"ankle_{s}", 0.0465, 0.433) for s in "rl"),
    *((f"ankle_{s}", f"toe_{s}", 0.0145, 0.5) for s in "rl"),
)
"""From, to, share of body mass, place of the centre of mass on the way (Winter 2009, table 4.1)."""
_MARGIN_S, _SWING_MARGIN_S, _SHORTEST_S = 0.05, 0.03, 0.25


def measure_walk_residual(walk: xr.Dataset, cutoff_hz: float = CUTOFF_HZ) -> dict[str, float] | None:
    """Residual force of a recorded walk where both feet are known to stand on a plate or swing; else None."""
    fps, mass = float(walk.attrs["fps"]), float(walk.attrs["mass_kg"])
    center = sum(
        share * ((1 - place) * get_point(walk, first) + place * get_point(walk, last))
        for first, last, share, place in _SEGMENTS
    ) / sum(share for *_, share, _ in _SEGMENTS)
    force = _fill_swing(walk)
    known = np.isfinite(force).all(axis=(1, 2))
    runs = [run for run in find_runs(np.isfinite(center).all(axis=1)) if run[1] - run[0] > 1.0 * fps]
    if not runs:
        return None
    start, end = max(runs, key=lambda run: run[1] - run[0])
    path = smooth_lowpass(center[start:end, :2], fps, cutoff_hz)
    acceleration = np.gradient(np.gradient(path, 1.0 / fps, axis=0), 1.0 / fps, axis=0)
    ground = smooth_lowpass(np.nan_to_num(force[start:end, :, :2]).sum(axis=1), fps, cutoff_hz)
    residual = mass * (acceleration + [0.0, GRAVITY_MPS2]) - ground
    margin = round(_MARGIN_S * fps)
    usable = known[start:end].copy()
    if margin:
        usable = binary_erosion(usable, iterations=margin)
    usable[:margin] = usable[len(usable) - margin :] = False
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
