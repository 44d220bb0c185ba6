"""Inverse dynamics of strides in OpenSim (imports OpenSim: only worker processes import this module)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import opensim

from gaitlib.body.opensim_model import build_model
from gaitlib.body.specification import Specification
from gaitlib.gait import COORDINATES


def compute_inverse_dynamics(
    specification: Specification, position: np.ndarray, speed: np.ndarray, acceleration: np.ndarray
) -> np.ndarray:
    """Compute the generalised forces that the motion of the bare skeleton needs, gravity included.

    Parameters
    ----------
    specification : Specification
        Body of the person; muscles, contact and passive torques are left out.
    position, speed, acceleration : array, shape (n, 12)
        Coordinates and their derivatives (rad, m, s).

    Returns
    -------
    array, shape (n, 12)
        Generalised force per coordinate (N m; pelvis_tx, pelvis_ty: N). The ground force must supply what
        stands at the two translations of the pelvis.
    """
    model = build_model(replace(specification, muscles=(), spheres=(), passive=()))
    state = model.initSystem()
    coordinates = [model.getCoordinateSet().get(name) for name in COORDINATES]
    columns = []
    for coordinate in coordinates:  # where each coordinate's speed lies in the state
        coordinate.setSpeedValue(state, 1.0)
        columns.append(int(np.argmax(state.getU().to_numpy())))
        coordinate.setSpeedValue(state, 0.0)
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
