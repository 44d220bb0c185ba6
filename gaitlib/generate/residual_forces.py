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

from gaitlib.body.specification import Specification, build_specification
from gaitlib.gait import COORDINATES, GRAVITY_MPS2
from gaitlib.person import Person
from gaitlib.signals import smooth_lowpass
from gaitlib.simulate.workers import make_pool


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
