"""The OpenSim model of a numeric specification (imports OpenSim: keep it away from CasADi)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import opensim
from scipy.spatial.transform import Rotation

from gaitlib.body.parameter_tables import load_muscles
from gaitlib.body.spatial_body import LUMBAR, SpatialSpecification, load_spatial_muscles
from gaitlib.body.specification import (
    FIBER_DAMPING,
    MAX_CONTRACTION_VELOCITY,
    TENDON_STRAIN_AT_MAX_FORCE,
    Body,
    Contact,
    Specification,
    compute_path_coefficients,
)
from gaitlib.body.tree import TreeBody
from gaitlib.errors import WorkError
from gaitlib.gait import COORDINATES

_UNUSED_INERTIA_KGM2 = 0.01
"""Inertia about x and y: without influence on a planar motion."""


def build_model(specification: Specification) -> opensim.Model:
    """Build the OpenSim model of a person; the actuator `lumbar` (unit optimal force) turns the trunk."""
    opensim.Logger.setLevelString("Error")
    model = opensim.Model()
    model.setName("gaitlib_planar")
    bodies = {"ground": model.getGround()}
    for body in specification.bodies:
        bodies[body.name] = _add_body(model, body, bodies[body.parent])
    owner = {c: b.name for b in specification.bodies for c in b.coordinates}
    _add_forces(model, specification, bodies, owner, load_muscles(), {"lumbar": "lumbar_extension"})
    return model


def build_spatial_model(specification: SpatialSpecification) -> opensim.Model:
    """Build the OpenSim model of a person in space, of the same parts; trunk actuators bear the names of
    their coordinates with `_torque`.
    """
    opensim.Logger.setLevelString("Error")
    model = opensim.Model()
    model.setName("gaitlib_spatial")
    bodies = {"ground": model.getGround()}
    for body in specification.tree.bodies:
        bodies[body.name] = _hang_body(model, body, bodies[body.parent])
    owner = {c: b.name for b in specification.tree.bodies for c in b.coordinates}
    actuators = {f"{name}_torque": name for name in LUMBAR}
    _add_forces(model, specification, bodies, owner, load_spatial_muscles(), actuators)
    return model


def _add_forces(model, specification, bodies, owner, table, actuators) -> None:
    _add_contact(model, specification, bodies)
    for muscle in specification.muscles:
        _add_muscle(model, muscle, table["muscles"][muscle.group], owner)
    for passive in specification.passive:
        _add_passive(model, passive)
    for name, coordinate in actuators.items():
        actuator = opensim.CoordinateActuator(coordinate)
        actuator.setName(name)
        actuator.setOptimalForce(1.0)
        model.addForce(actuator)
    model.finalizeConnections()


def _hang_body(model, body: TreeBody, parent):
    """A pin of any direction where one coordinate turns, a custom joint where several do."""
    part = opensim.Body(
        body.name, body.mass_kg, opensim.Vec3(*body.com_m), opensim.Inertia(*body.inertia_kgm2)
    )
    model.addBody(part)
    location, zero = opensim.Vec3(*body.parent_frame.origin_m), opensim.Vec3(0)
    name = f"{body.name}_joint"
    if len(body.coordinates) == 1:
        x, y, z = body.turns[0]
        angles = np.array([np.arctan2(-y, z), np.arcsin(x), 0.0])
        turned = (
            np.reshape(body.parent_frame.rotation, (3, 3)) @ Rotation.from_euler("XYZ", angles).as_matrix()
        )
        first = Rotation.from_matrix(turned).as_euler("XYZ")
        joint = opensim.PinJoint(
            name, parent, location, opensim.Vec3(*first), part, zero, opensim.Vec3(*angles)
        )
    else:
        transform = opensim.SpatialTransform()
        steps = [f"rotation{i + 1}" for i in range(len(body.turns))]
        steps += [f"translation{i + 1}" for i in range(len(body.shifts))]
        for step, coordinate, direction in zip(
            steps, body.coordinates, body.turns + body.shifts, strict=True
        ):
            axis = getattr(transform, f"upd_{step}")()
            axis.setCoordinateNames(opensim.ArrayStr(coordinate, 1))
            axis.setAxis(opensim.Vec3(*direction))
            function = opensim.LinearFunction(1.0, 0.0)
            function.this.disown()  # the axis owns it now
            axis.setFunction(function)
        joint = opensim.CustomJoint(name, parent, location, zero, part, zero, zero, transform)
        joint.finalizeFromProperties()  # makes the coordinates
    for i, coordinate_name in enumerate(body.coordinates):
        coordinate = joint.upd_coordinates(i)
        coordinate.setName(coordinate_name)
        reach = 100.0 if coordinate_name[-2:-1] == "t" else 3.2
        coordinate.setRangeMin(-reach)
        coordinate.setRangeMax(reach)
    model.addJoint(joint)
    return part


def write_model(specification: Specification, path: Path) -> None:
    """Write the OpenSim model of a person to a file."""
    if not build_model(specification).printToXML(str(path)):
        raise WorkError(f"{path}: the OpenSim model could not be written; check that the folder exists.")


def _add_body(model, body: Body, parent):
    inertia = opensim.Inertia(_UNUSED_INERTIA_KGM2, _UNUSED_INERTIA_KGM2, body.inertia_kgm2)
    part = opensim.Body(body.name, body.mass_kg, opensim.Vec3(*body.com_m, 0.0), inertia)
    model.addBody(part)
    location = opensim.Vec3(*body.location_m, 0.0)
    zero = opensim.Vec3(0)
    # A knee flexes backwards: its frames are turned by pi about x, which reverses the joint axis.
    turn = opensim.Vec3(np.pi, 0, 0) if body.coordinates[0].startswith("knee_angle") else zero
    kind = opensim.PlanarJoint if body.parent == "ground" else opensim.PinJoint
    joint = kind(f"{body.name}_joint", parent, location, turn, part, zero, turn)
    for i, name in enumerate(body.coordinates):
        coordinate = joint.upd_coordinates(i)
        coordinate.setName(name)
        coordinate.setRangeMin(-3.2 if "_t" not in name or name == "pelvis_tilt" else -100.0)
        coordinate.setRangeMax(3.2 if "_t" not in name or name == "pelvis_tilt" else 100.0)
    model.addJoint(joint)
    return part


def _add_contact(model, specification, bodies) -> None:
    floor = opensim.ContactHalfSpace(
        opensim.Vec3(0), opensim.Vec3(0, 0, -np.pi / 2), model.getGround(), "floor"
    )
    model.addContactGeometry(floor)
    c: Contact = specification.contact
    for sphere in specification.spheres:
        geometry = opensim.ContactSphere(
            sphere.radius_m, opensim.Vec3(*(*sphere.location_m, 0.0)[:3]), bodies[sphere.body], sphere.name
        )
        model.addContactGeometry(geometry)
        force = opensim.SmoothSphereHalfSpaceForce(f"contact_{sphere.name}", geometry, floor)
        force.set_stiffness(c.stiffness_pa * getattr(sphere, "share", 1.0))
        force.set_dissipation(c.dissipation_s_m)
        force.set_static_friction(c.friction)
        force.set_dynamic_friction(c.friction)
        force.set_viscous_friction(c.viscous_friction)
        force.set_transition_velocity(c.transition_velocity_mps)
        force.set_constant_contact_force(c.constant_force)
        force.set_hertz_smoothing(c.hertz_smoothing)
        force.set_hunt_crossley_smoothing(c.hunt_crossley_smoothing)
        model.addForce(force)


def _add_muscle(model, muscle, entry: dict, owner: dict[str, str]) -> None:
    part = opensim.DeGrooteFregly2016Muscle()
    part.setName(muscle.name)
    part.set_max_isometric_force(muscle.max_isometric_force_n)
    part.set_optimal_fiber_length(muscle.optimal_fiber_length_m)
    part.set_tendon_slack_length(muscle.tendon_length_m)
    part.set_pennation_angle_at_optimal(muscle.pennation_rad)
    part.set_max_contraction_velocity(MAX_CONTRACTION_VELOCITY)
    part.set_fiber_damping(FIBER_DAMPING)
    part.set_passive_fiber_strain_at_one_norm_force(muscle.passive_strain)
    part.set_ignore_tendon_compliance(not muscle.compliant)
    part.set_tendon_strain_at_one_norm_force(TENDON_STRAIN_AT_MAX_FORCE)
    exponents = np.array(entry["exponents"])
    coefficients = opensim.Vector()
    values = compute_path_coefficients(muscle, entry) * muscle.path_scale
    coefficients.resize(len(values))
    for i, value in enumerate(values):
        coefficients.set(i, float(value))
    function = opensim.MultivariatePolynomialFunction(
        coefficients, exponents.shape[1], int(exponents.sum(axis=1).max())
    )
    path = opensim.FunctionBasedPath()
    names = opensim.StdVectorString()
    for joint in muscle.joints:
        names.append(f"/jointset/{owner[joint]}_joint/{joint}")
    path.setCoordinatePaths(names)
    path.setLengthFunction(function)
    part.set_path(path)
    model.addForce(part)


def _add_passive(model, passive) -> None:
    p = passive
    expression = (
        f"{p.stop_nm!r}*exp(-{p.rate!r}*(q-({p.lower_rad!r})))"
        f"-{p.stop_nm!r}*exp({p.rate!r}*(q-({p.upper_rad!r})))"
        f"-{p.stiffness_nm_rad!r}*(q-({p.neutral_rad!r}))-{p.damping_nms_rad!r}*qdot"
    )
    force = opensim.ExpressionBasedCoordinateForce(p.coordinate, expression)
    force.setName(f"passive_{p.coordinate}")
    model.addForce(force)


def find_speed_columns(model: opensim.Model, state: opensim.State, names=COORDINATES) -> list[int]:
    """Find where the speed of each coordinate lies in the state of the multibody tree."""
    columns = []
    for coordinate in (model.getCoordinateSet().get(name) for name in names):
        coordinate.setSpeedValue(state, 1.0)
        columns.append(int(np.argmax(state.getU().to_numpy())))
        coordinate.setSpeedValue(state, 0.0)
    return columns


def measure_moment_arms(
    model_path: str, angles_deg: dict[str, np.ndarray]
) -> dict[tuple[str, str], np.ndarray]:
    """Measure the moment arms (members, n; m) of the muscle groups in the 3D model that they come from."""
    opensim.Logger.setLevelString("Error")
    model = opensim.Model(model_path)
    state = model.initSystem()
    found = {}
    for joint, angles in angles_deg.items():
        coordinate = model.getCoordinateSet().get(f"{joint}_r")
        groups = {group: row for group, row in load_muscles()["muscles"].items() if joint in row["joints"]}
        arms = {group: [] for group in groups}
        for angle in np.radians(angles):
            coordinate.setValue(state, float(angle))
            for group, row in groups.items():
                muscles = [model.getMuscles().get(f"{name}_r") for name in row["members"]]
                arms[group].append([muscle.computeMomentArm(state, coordinate) for muscle in muscles])
        coordinate.setValue(state, 0.0)
        found |= {(group, joint): np.array(values).T for group, values in arms.items()}
    return found
