"""Write a gait as files of OpenSim's own tools (imports OpenSim: keep it away from CasADi)."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import opensim

from gaitlib.body.opensim_model import build_model
from gaitlib.body.specification import Specification
from gaitlib.errors import WorkError
from gaitlib.gait import COORDINATES, MUSCLES, SIDES

if TYPE_CHECKING:
    from gaitlib.simulate.export import ExportedGait

LOADED_BODIES = tuple(f"{part}_{side}" for side in SIDES for part in ("foot", "toes"))
"""Bodies that touch the ground."""

_LEAST_BALANCED = 0.8
"""Share of the rows in which OpenSim must find the balance of all tendons."""
_CUTOFF_HZ = -1.0
"""No filter: the curves are smooth, and a filter would pad and bend their ends."""


def write_files(specification: Specification, gait: ExportedGait, folder: Path, name: str) -> list[str]:
    """Write model, motion, states, controls, ground forces and a ready set-up of inverse dynamics."""
    model = build_model(specification)
    state = model.initSystem()
    paths = _find_paths(model)
    folder = Path(folder)

    def write(ending: str, columns: list[str], values: np.ndarray) -> str:
        _write_table(folder / f"{name}{ending}", gait.time_s, columns, values)
        return f"{name}{ending}"

    files = [f"{name}.osim"]
    model.printToXML(str(folder / files[0]))
    files.append(write("_motion.mot", list(COORDINATES), gait.position))
    states = [f"{paths[c]}/value" for c in COORDINATES] + [f"{paths[c]}/speed" for c in COORDINATES]
    states += [f"{paths[m]}/activation" for m in MUSCLES]
    tendons, tendon_force = _balance_tendons(model, state, gait)
    values = np.hstack([gait.position, gait.speed, gait.activation, tendon_force])
    files.append(write("_states.sto", states + tendons, values))
    excitation = _find_excitation(model, state, gait)
    controls = [paths[m] for m in MUSCLES] + [paths["lumbar"]]
    files.append(write("_controls.sto", controls, np.column_stack([excitation, gait.lumbar_torque_nm])))
    columns, values = _measure_ground_forces(model, state, gait)
    files.append(write("_ground_forces.mot", columns, values))
    return files + _write_set_up(model, gait, folder, name)


def _find_paths(model) -> dict[str, str]:
    """Absolute path of every coordinate and actuator by its name."""
    parts = [model.getCoordinateSet().get(name) for name in COORDINATES]
    parts += [model.getForceSet().get(name) for name in (*MUSCLES, "lumbar")]
    return {part.getName(): part.getAbsolutePathString() for part in parts}


def _write_table(path: Path, time_s: np.ndarray, columns: list[str], values: np.ndarray) -> None:
    table = opensim.TimeSeriesTable()
    labels = opensim.StdVectorString()
    for column in columns:
        labels.append(column)
    table.setColumnLabels(labels)
    for moment, row in zip(time_s, values, strict=True):
        table.appendRow(float(moment), opensim.RowVector(row.tolist()))
    table.addTableMetaDataString("inDegrees", "no")
    opensim.STOFileAdapter.write(table, str(path))


def _put(model, state, gait: ExportedGait, row: int) -> None:
    for i, name in enumerate(COORDINATES):
        coordinate = model.getCoordinateSet().get(name)
        coordinate.setValue(state, float(gait.position[row, i]), False)
        coordinate.setSpeedValue(state, float(gait.speed[row, i]))
    for i, name in enumerate(MUSCLES):
        muscle = opensim.Muscle.safeDownCast(model.getForceSet().get(name))
        muscle.setActivation(state, float(gait.activation[row, i]))


def _balance_tendons(model, state, gait: ExportedGait) -> tuple[list[str], np.ndarray]:
    """States of compliant tendons: the forces in balance with their fibres (a Gait does not hold them)."""
    muscles = [opensim.DeGrooteFregly2016Muscle.safeDownCast(model.getForceSet().get(m)) for m in MUSCLES]
    compliant = [muscle for muscle in muscles if not muscle.get_ignore_tendon_compliance()]
    force = np.full((len(gait.time_s), len(compliant)), np.nan)
    for row in range(len(gait.time_s) if compliant else 0):
        _put(model, state, gait, row)
        model.realizeVelocity(state)
        # Of an almost slack tendon OpenSim finds no balance: those few rows follow from their neighbours.
        with contextlib.suppress(RuntimeError):
            model.equilibrateMuscles(state)
            force[row] = [m.getStateVariableValue(state, "normalized_tendon_force") for m in compliant]
    found = np.isfinite(force).all(axis=1)
    if compliant and found.mean() < _LEAST_BALANCED:
        raise WorkError(f"OpenSim balances tendons in {found.sum()} of {len(found)} rows only")
    for column in force.T:
        column[~found] = np.interp(gait.time_s[~found], gait.time_s[found], column[found])
    return [f"{m.getAbsolutePathString()}/normalized_tendon_force" for m in compliant], force


def _find_excitation(model, state, gait: ExportedGait, n_halvings: int = 30) -> np.ndarray:
    """Excitations with which OpenSim's activation dynamics gives the gait's activation rates (bisection)."""
    muscles = [opensim.Muscle.safeDownCast(model.getForceSet().get(name)) for name in MUSCLES]
    controls = opensim.Vector(model.getNumControls(), 0.0)
    excitation = np.zeros_like(gait.activation)
    for row in range(len(gait.time_s)):
        _put(model, state, gait, row)
        low, high = np.zeros(len(MUSCLES)), np.ones(len(MUSCLES))
        for _ in range(n_halvings):
            middle = (low + high) / 2
            for i, value in enumerate(middle):
                controls.set(i, float(value))
            model.realizeVelocity(state)
            model.setControls(state, controls)
            model.realizeAcceleration(state)
            rate = np.array([m.getStateVariableDerivativeValue(state, "activation") for m in muscles])
            below = rate < gait.activation_rate[row]
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        excitation[row] = (low + high) / 2
    return excitation


def _measure_ground_forces(model, state, gait: ExportedGait) -> tuple[list[str], np.ndarray]:
    """Force of the gait under each part of the feet, shared as the model's contact spheres share it."""
    forces = model.getForceSet()
    every = [opensim.SmoothSphereHalfSpaceForce.safeDownCast(forces.get(i)) for i in range(forces.getSize())]
    owners = [[c for c in every if c is not None and _get_body(c) == body] for body in LOADED_BODIES]
    down, moment = np.zeros((2, len(gait.time_s), len(LOADED_BODIES)))
    for row in range(len(gait.time_s)):
        _put(model, state, gait, row)
        model.realizeVelocity(state)
        for column, contacts in enumerate(owners):
            records = [contact.getRecordValues(state) for contact in contacts]
            # Entries 6-11: force and moment on the floor, about the origin of the ground.
            down[row, column] = -sum(record.get(7) for record in records)
            moment[row, column] = -sum(record.get(11) for record in records)
    columns, values = [], []
    for column, body in enumerate(LOADED_BODIES):
        side = SIDES.index(body[-1])
        both = down[:, [i for i, other in enumerate(LOADED_BODIES) if other[-1] == body[-1]]].sum(axis=1)
        loaded = both > 1.0
        share = np.where(loaded, down[:, column] / np.where(loaded, both, 1.0), 0.0)
        known = down[:, column] > 1.0
        point = np.zeros((len(gait.time_s), 3))
        place = moment[known, column] / down[known, column]
        point[:, 0] = np.interp(gait.time_s, gait.time_s[known], place)
        force = share[:, None] * gait.ground_force[:, side]
        for part, data in (("force_v", force), ("force_p", point), ("moment_m", np.zeros_like(point))):
            columns += [f"{body}_{part}{axis}" for axis in "xyz"]
            values.append(data)
    return columns, np.hstack(values)


def _get_body(contact) -> str:
    sphere = contact.getConnectee("sphere")
    return opensim.ContactGeometry.safeDownCast(sphere).getFrame().getName()


def _write_set_up(model, gait: ExportedGait, folder: Path, name: str) -> list[str]:
    """External loads and an inverse dynamics set-up whose only forces are gravity and the recorded ones."""
    loads = opensim.ExternalLoads()
    loads.setDataFileName(f"{name}_ground_forces.mot")
    for body in LOADED_BODIES:
        load = opensim.ExternalForce()
        load.setName(f"ground_{body}")
        load.set_applied_to_body(body)
        load.set_force_expressed_in_body("ground")
        load.set_point_expressed_in_body("ground")
        load.set_force_identifier(f"{body}_force_v")
        load.set_point_identifier(f"{body}_force_p")
        load.set_torque_identifier(f"{body}_moment_m")
        loads.cloneAndAppend(load)
    loads.printToXML(str(folder / f"{name}_external_loads.xml"))
    tool = opensim.InverseDynamicsTool()
    tool.setName(name)
    tool.setModelFileName(f"{name}.osim")
    tool.setCoordinatesFileName(f"{name}_motion.mot")
    tool.setExternalLoadsFileName(f"{name}_external_loads.xml")
    tool.setOutputGenForceFileName(f"{name}_inverse_dynamics.sto")
    tool.setStartTime(float(gait.time_s[0]))
    tool.setEndTime(float(gait.time_s[-1]))
    tool.setLowpassCutoffFrequency(_CUTOFF_HZ)
    excluded = opensim.ArrayStr()
    for i in range(model.getForceSet().getSize()):
        excluded.append(model.getForceSet().get(i).getName())
    tool.setExcludedForces(excluded)
    tool.printToXML(str(folder / f"{name}_inverse_dynamics.xml"))
    return [f"{name}_external_loads.xml", f"{name}_inverse_dynamics.xml"]
