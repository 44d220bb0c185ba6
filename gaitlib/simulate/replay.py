"""Check of a solved gait in OpenSim (imports OpenSim: keep it away from CasADi).

Every mesh point is put into the OpenSim model of the same person: state, activations and trunk torque.
OpenSim computes the generalised forces that are still missing for the solved accelerations: what is left
at the pelvis is the residual force, what is left at the joints the error of the joint moments.
"""

from __future__ import annotations

import numpy as np
import opensim

from gaitlib.body import spatial_body as spatial
from gaitlib.body.opensim_model import build_model, build_spatial_model, find_speed_columns
from gaitlib.body.specification import COMPLIANT_GROUPS, Specification
from gaitlib.gait import COORDINATES, GRAVITY_MPS2, MUSCLES, TRANSLATIONS
from gaitlib.simulate.solution import REPLAY_FIELDS, SolvedGait


def replay_gait(specification, solved: SolvedGait) -> dict[str, float]:
    """Replay one stride in OpenSim: `REPLAY_FIELDS`, forces as a share of body weight."""
    residuals, ground, tendon_error = compute_missing_forces(
        specification,
        solved.position,
        solved.speed,
        solved.acceleration,
        solved.activation,
        solved.tendon_force,
        solved.tendon_rate,
        solved.lumbar_torque_nm,
    )
    residuals, ground, tendon_error = residuals[:-1], ground[:-1], tendon_error[:-1]
    weight_n = specification.mass_kg * GRAVITY_MPS2
    names = spatial.COORDINATES if residuals.shape[1] == len(spatial.COORDINATES) else COORDINATES
    shifts = [i for i, name in enumerate(names) if name in TRANSLATIONS]
    force = np.linalg.norm(residuals[:, shifts], axis=1) / weight_n
    joints = [i for i, name in enumerate(names) if not name.startswith("pelvis")]
    found = (
        force.max(),
        np.sqrt(np.mean(force**2)),
        np.sqrt(np.mean(residuals[:, joints] ** 2, axis=0)).max(),
        ground[:, :, 1].sum(axis=1).mean() / weight_n,
        np.abs(tendon_error).max(),
        np.abs(ground - solved.ground_force[:-1]).max(),
    )
    return {name: float(value) for name, value in zip(REPLAY_FIELDS, found, strict=True)}


def compute_missing_forces(
    specification: Specification | spatial.SpatialSpecification,
    position: np.ndarray,
    speed: np.ndarray,
    acceleration: np.ndarray,
    activation: np.ndarray,
    tendon_force: np.ndarray,
    tendon_rate: np.ndarray,
    trunk_torque_nm: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute the generalised forces that OpenSim misses for given states and accelerations.

    A planar body knows forward and upward forces of the ground (n, 2, 2) and one trunk torque (n,), one in
    space three of each.
    """
    if isinstance(specification, spatial.SpatialSpecification):
        model, names, axes = build_spatial_model(specification), spatial.COORDINATES, 3
        actuator_names = [f"{name}_torque" for name in spatial.LUMBAR]
        muscle_names = [muscle.name for muscle in specification.muscles]
    else:
        model, names, axes = build_model(specification), COORDINATES, 2
        actuator_names, muscle_names = ["lumbar"], MUSCLES
    torques = np.reshape(trunk_torque_nm, (len(position), -1))
    for muscle in model.getMuscles():
        # Only the implicit form knows the damping of the fibre.
        opensim.DeGrooteFregly2016Muscle.safeDownCast(muscle).set_tendon_compliance_dynamics_mode("implicit")
    state = model.initSystem()
    coordinates = [model.getCoordinateSet().get(name) for name in names]
    columns = find_speed_columns(model, state, names)
    muscles = [opensim.Muscle.safeDownCast(model.getForceSet().get(name)) for name in muscle_names]
    compliant = [
        opensim.DeGrooteFregly2016Muscle.safeDownCast(muscle)
        for muscle in muscles
        if muscle.getName()[:-2] in COMPLIANT_GROUPS
    ]
    forces = [model.getForceSet().get(name) for name in actuator_names]
    actuators = [opensim.CoordinateActuator.safeDownCast(force) for force in forces]
    for actuator in actuators:
        actuator.overrideActuation(state, True)
    solver = opensim.InverseDynamicsSolver(model)
    contacts = [[f for f in _get_contacts(model) if f.getName().endswith(side)] for side in ("_r", "_l")]
    udot = opensim.Vector(len(names), 0.0)
    residuals = np.zeros((len(position), len(names)))
    ground = np.zeros((len(position), 2, axes))
    tendon_error = np.zeros((len(position), len(compliant)))
    for n in range(len(position)):
        for i, coordinate in enumerate(coordinates):
            coordinate.setValue(state, float(position[n, i]), False)
            coordinate.setSpeedValue(state, float(speed[n, i]))
            udot.set(columns[i], float(acceleration[n, i]))
        for muscle, value in zip(muscles, activation[n], strict=True):
            muscle.setActivation(state, float(value))
        for muscle, value, rate in zip(compliant, tendon_force[n], tendon_rate[n], strict=True):
            muscle.setNormalizedTendonForce(state, float(value))
            muscle.setDiscreteVariableValue(state, "implicitderiv_normalized_tendon_force", float(rate))
        for actuator, torque in zip(actuators, torques[n], strict=True):
            actuator.setOverrideActuation(state, float(torque))
        missing = solver.solve(state, udot).to_numpy()
        residuals[n] = missing[columns]
        tendon_error[n] = [muscle.getImplicitResidualNormalizedTendonForce(state) for muscle in compliant]
        for foot, forces in enumerate(contacts):
            for force in forces:
                values = force.getRecordValues(state)
                ground[n, foot] += [values.get(axis) for axis in range(axes)]
    return residuals, ground, tendon_error


def _get_contacts(model) -> list:
    forces = model.getForceSet()
    every = (opensim.SmoothSphereHalfSpaceForce.safeDownCast(forces.get(i)) for i in range(forces.getSize()))
    return [force for force in every if force is not None]
