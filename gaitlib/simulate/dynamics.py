"""Equations of motion of a person, generated from the numeric specification (CasADi).

Recursive Newton-Euler dynamics of a tree of bodies in the sagittal plane, with passive torques, contact
spheres and muscles after De Groote et al. 2016 (doi 10.1007/s10439-016-1591-9) as OpenSim 4 implements them.
The result is the residual of the equations of motion: zero for a state, an acceleration, activations and
trunk torque that fit together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import casadi as ca
import numpy as np

from gaitlib.body.parameter_tables import load_muscles
from gaitlib.body.specification import (
    FIBER_DAMPING,
    MAX_CONTRACTION_VELOCITY,
    PASSIVE_STRAIN_AT_MAX_FORCE,
    TENDON_STRAIN_AT_MAX_FORCE,
    Contact,
    Specification,
)
from gaitlib.gait import COORDINATES, GRAVITY_MPS2

N_BODY_NUMBERS = 6
MUSCLE_FIELDS = ("max_isometric_force_n", "optimal_fiber_length_m", "tendon_length_m", "pennation_rad",
                 "path_scale", "passive_strain")  # fmt: skip
N_SPHERE_NUMBERS = 3
PASSIVE_FIELDS = ("stop_nm", "rate", "lower_rad", "upper_rad", "stiffness_nm_rad", "neutral_rad",
                  "damping_nms_rad")  # fmt: skip
CONTACT_FIELDS = ("stiffness_pa", "dissipation_s_m", "friction", "viscous_friction",
                  "transition_velocity_mps")  # fmt: skip


def flatten_specification(specification: Specification) -> dict[str, np.ndarray]:
    """Collect the numbers of a body into arrays, one row per element."""
    s = specification

    def read(part, fields: tuple[str, ...]) -> list[float]:
        return [getattr(part, field) for field in fields]

    return {
        "bodies": np.array([[*b.location_m, b.mass_kg, *b.com_m, b.inertia_kgm2] for b in s.bodies]),
        "muscles": np.array([read(muscle, MUSCLE_FIELDS) for muscle in s.muscles]),
        "spheres": np.array([[*p.location_m, p.radius_m] for p in s.spheres]),
        "passive": np.array([read(torque, PASSIVE_FIELDS) for torque in s.passive]),
        "contact": np.array(read(s.contact, CONTACT_FIELDS)),
    }


def pack_parameters(blocks: dict[str, np.ndarray]) -> np.ndarray:
    """Concatenate parameter blocks into one vector; shape (n,)."""
    return np.concatenate(
        [np.ravel(blocks[name]) for name in ("bodies", "muscles", "spheres", "passive", "contact")]
    )


_ACTIVE = (
    (0.8150671134243542, 1.055033428970575, 0.162384573599574, 0.063303448465465),
    (0.433004984392647, 0.716775413397760, -0.029947116970696, 0.200356847296188),
    (0.1, 1.0, 0.353553390593274, 0.0),
)
_VELOCITY = (-0.3211346127989808, -8.149, -0.374, 0.8825327733249912)
_PASSIVE_SHAPE = 4.0
_PASSIVE_MIN_LENGTH = 0.2
_TENDON_SHIFT = 0.2
_TENDON_SHAPE = math.log((1 + _TENDON_SHIFT) / _TENDON_SHIFT)
"""Tendon force = shift (exp(rate (length - 1)) - 1), zero at slack length; rate = shape / strain at 1."""


def compute_active_force_length(length):
    """Active force-length curve."""
    total = 0
    for height, centre, width, slope in _ACTIVE:
        total = total + height * ca.exp(-0.5 * ((length - centre) / (width + slope * length)) ** 2)
    return total


def compute_passive_force_length(length, strain=PASSIVE_STRAIN_AT_MAX_FORCE):
    """Passive force-length curve."""
    rate = _PASSIVE_SHAPE / strain
    offset = ca.exp(rate * (_PASSIVE_MIN_LENGTH - 1))
    return (ca.exp(rate * (length - 1)) - offset) / (ca.exp(_PASSIVE_SHAPE) - offset)


def compute_force_velocity(velocity):
    """Force-velocity curve."""
    d1, d2, d3, d4 = _VELOCITY
    inner = d2 * velocity + d3
    return d1 * ca.log(inner + ca.sqrt(inner**2 + 1)) + d4


def compute_rigid_muscle(activation, path_length, path_velocity, parameters) -> dict:
    """State of a muscle with rigid tendon; N."""
    max_force, optimal, tendon, pennation, _, passive_strain = (parameters[i] for i in range(6))
    fiber = _compute_fiber(
        activation, path_length - tendon, path_velocity, optimal, pennation, passive_strain
    )
    return fiber | {"force": max_force * fiber["force"]}


def compute_compliant_muscle(
    activation, path_length, path_velocity, tendon_force, tendon_rate, parameters
) -> dict:
    """State of a muscle with elastic tendon whose force is given."""
    max_force, optimal, slack, pennation, _, passive_strain = (parameters[i] for i in range(6))
    tendon_shape = _TENDON_SHAPE / TENDON_STRAIN_AT_MAX_FORCE
    tendon = slack * (ca.log((tendon_force + _TENDON_SHIFT) / _TENDON_SHIFT) / tendon_shape + 1)
    tendon_speed = slack * tendon_rate / (tendon_shape * (tendon_force + _TENDON_SHIFT))
    fiber = _compute_fiber(
        activation, path_length - tendon, path_velocity - tendon_speed, optimal, pennation, passive_strain
    )
    return fiber | {"force": max_force * tendon_force, "residual": tendon_force - fiber["force"]}


def _compute_fiber(activation, along, along_speed, optimal, pennation, passive_strain):
    """Force along the tendon over maximal force, fibre length and speed in optimal lengths."""
    fiber = ca.sqrt(along**2 + (optimal * ca.sin(pennation)) ** 2)
    cosine = along / fiber
    speed = along_speed * cosine / optimal
    velocity = speed / MAX_CONTRACTION_VELOCITY
    length = fiber / optimal
    active = activation * compute_active_force_length(length) * compute_force_velocity(velocity)
    force = cosine * (
        active + compute_passive_force_length(length, passive_strain) + FIBER_DAMPING * velocity
    )
    return {"force": force, "fiber_length": length, "fiber_speed": speed}


N_Q = len(COORDINATES)
LUMBAR = COORDINATES.index("lumbar_extension")


@dataclass
class Symbols:
    """Symbolic parameters of a body, shaped as `flatten_specification` shapes the numbers."""

    bodies: ca.SX
    muscles: ca.SX
    spheres: ca.SX
    passive: ca.SX
    contact: ca.SX
    smooth_friction: ca.SX

    @property
    def vector(self) -> ca.SX:
        """All parameters in the order of `pack_parameters`, then the friction switch."""
        blocks = (self.bodies, self.muscles, self.spheres, self.passive, self.contact)
        return ca.vertcat(*[ca.vec(block.T) for block in blocks], self.smooth_friction)


def make_symbols(specification: Specification) -> Symbols:
    """Create the symbolic parameters for a body of this topology."""
    return Symbols(
        bodies=ca.SX.sym("bodies", len(specification.bodies), N_BODY_NUMBERS),
        muscles=ca.SX.sym("muscles", len(specification.muscles), len(MUSCLE_FIELDS)),
        spheres=ca.SX.sym("spheres", len(specification.spheres), N_SPHERE_NUMBERS),
        passive=ca.SX.sym("passive", len(specification.passive), len(PASSIVE_FIELDS)),
        contact=ca.SX.sym("contact", len(CONTACT_FIELDS)),
        smooth_friction=ca.SX.sym("smooth_friction"),
    )


def build_forces(
    specification: Specification,
    symbols: Symbols,
    q,
    v,
    a,
    activation,
    lumbar_torque,
    tendon_force,
    tendon_rate,
) -> dict:
    """Build the residual of the equations of motion and what goes into it."""
    index = {name: i for i, name in enumerate(COORDINATES)}
    frames = _compute_frames(specification, symbols, index, q, v, a)
    forces, ground, contact = _compute_contact(specification, symbols, frames)
    inertial = _compute_inverse_dynamics(specification, symbols, index, frames, forces)
    muscles = _compute_muscles(specification, symbols, index, q, v, activation, tendon_force, tendon_rate)
    muscle_moment = muscles.pop("muscle_moment")
    passive = _compute_passive_moment(specification, symbols, index, q, v)
    moment = muscle_moment + passive
    moment[LUMBAR] += lumbar_torque
    return {
        "residual": inertial - moment,
        "joint_moment": moment,
        "muscle_moment": muscle_moment,
        "passive_moment": passive,
        "ground_force": ground,
        **contact,
        **muscles,
    }


FORCES = (
    "residual",
    "joint_moment",
    "muscle_moment",
    "muscle_force",
    "fiber_length",
    "tendon_residual",
    "ground_force",
)
"""Outputs of `build_force_function`, in order."""


def build_force_function(specification: Specification) -> ca.Function:
    """Build the function from a state to its forces, with OpenSim's friction law."""
    symbols = make_symbols(specification)
    q, v, a = (ca.SX.sym(name, N_Q) for name in "qva")
    activation, torque = ca.SX.sym("activation", len(specification.muscles)), ca.SX.sym("torque")
    n_tendons = sum(muscle.compliant for muscle in specification.muscles)
    tendon, rate = ca.SX.sym("tendon", n_tendons), ca.SX.sym("rate", n_tendons)
    forces = build_forces(specification, symbols, q, v, a, activation, torque, tendon, rate)
    forces["ground_force"] = ca.vec(forces["ground_force"].T)
    outputs = ca.substitute([forces[name] for name in FORCES], [symbols.smooth_friction], [ca.SX(0)])
    return ca.Function("forces", [q, v, a, activation, torque, tendon, rate, symbols.vector[:-1]], outputs)


def compute_contact_force(penetration, normal_velocity, slip_velocity, radius, contact, smooth_friction):
    """Force of the ground on a sphere, as OpenSim's `SmoothSphereHalfSpaceForce`: normal, along the slip."""
    stiffness, dissipation, friction, viscous, transition = (contact[i] for i in range(5))
    defaults = Contact()
    k = 0.5 * stiffness ** (2 / 3)
    hertz = (4 / 3) * k * ca.sqrt(radius * k) * (penetration**2 + defaults.constant_force) ** 0.75
    hertz = hertz * (0.5 + 0.5 * ca.tanh(defaults.hertz_smoothing * penetration))
    normal = hertz * (1 + 1.5 * dissipation * normal_velocity)
    normal = normal * (
        0.5 + 0.5 * ca.tanh(defaults.hunt_crossley_smoothing * (normal_velocity + 2 / (3 * dissipation)))
    )
    slip = ca.sqrt(ca.sumsqr(slip_velocity) + defaults.constant_force)
    ratio = slip / transition
    rounded = ratio / (1 + ratio**8) ** 0.125
    saturation = smooth_friction * rounded + (1 - smooth_friction) * ca.fmin(ratio, 1)
    return normal, -normal * (saturation * friction + viscous * slip) * slip_velocity / slip


def _rotate(angle, x, y):
    cos, sin = ca.cos(angle), ca.sin(angle)
    return ca.vertcat(cos * x - sin * y, sin * x + cos * y)


def _turn(rate, r):
    """Velocity of a point at r in a body that turns at a rate about z."""
    return ca.vertcat(-rate * r[1], rate * r[0])


def _compute_frames(specification, symbols, index, q, v, a):
    """Angle, position, velocity and acceleration of every body's joint, in the ground frame."""
    frames = {"ground": (0, 0, 0, ca.SX(2, 1), ca.SX(2, 1), ca.SX(2, 1))}
    for row, body in enumerate(specification.bodies):
        angle, rate, rate_dot, p, dp, ddp = frames[body.parent]
        if body.parent == "ground":
            tilt, tx, ty = (index[c] for c in body.coordinates)
            p, dp, ddp = (ca.vertcat(s[tx], s[ty]) for s in (q, v, a))
            angle, rate, rate_dot = q[tilt], v[tilt], a[tilt]
        else:
            offset = _rotate(angle, symbols.bodies[row, 0], symbols.bodies[row, 1])
            ddp = ddp + _turn(rate_dot, offset) - rate**2 * offset
            dp = dp + _turn(rate, offset)
            p = p + offset
            i = index[body.coordinates[0]]
            sign = -1 if body.coordinates[0].startswith("knee_angle") else 1
            angle, rate, rate_dot = angle + sign * q[i], rate + sign * v[i], rate_dot + sign * a[i]
        frames[body.name] = (angle, rate, rate_dot, p, dp, ddp)
    return frames


def _compute_contact(specification, symbols, frames):
    """Forces on the bodies as (force, point), the total per foot, what the ground takes up."""
    forces = {body.name: [] for body in specification.bodies}
    ground = ca.SX.zeros(2, 2)
    absorbed, rubbed = ca.SX(0), ca.SX(0)
    for row, sphere in enumerate(specification.spheres):
        x, y, radius = (symbols.spheres[row, i] for i in range(3))
        angle, rate, _, p, dp, _ = frames[sphere.body]
        offset = _rotate(angle, x, y)
        centre = p + offset
        penetration = radius - centre[1]
        arm = offset + ca.vertcat(0, -radius + 0.5 * penetration)
        velocity = dp + _turn(rate, arm)
        normal, friction = compute_contact_force(
            penetration, -velocity[1], velocity[0], radius, symbols.contact, symbols.smooth_friction
        )
        # Power lost in the material, smooth and near zero in the air.
        elastic = normal / (1 + 1.5 * symbols.contact[1] * -velocity[1])
        absorbed += elastic * 1.5 * symbols.contact[1] * velocity[1] ** 2
        rubbed -= friction * velocity[0]
        force = ca.vertcat(friction, normal)
        forces[sphere.body].append((force, p + arm))
        foot = 0 if sphere.name.endswith("_r") else 1
        ground[foot, :] += force.T
    return forces, ground, {"absorbed_power": absorbed, "friction_power": rubbed}


def _compute_inverse_dynamics(specification, symbols, index, frames, forces):
    """Generalised forces that the motion needs, contact and gravity taken into account."""
    force = {body.name: ca.SX.zeros(2) for body in specification.bodies}
    moment = {body.name: ca.SX.zeros(1) for body in specification.bodies}
    tau = ca.SX.zeros(N_Q)
    order = list(enumerate(specification.bodies))
    for row, body in reversed(order):
        angle, rate, rate_dot, p, _, ddp = frames[body.name]
        mass, inertia = symbols.bodies[row, 2], symbols.bodies[row, 5]
        com = _rotate(angle, symbols.bodies[row, 3], symbols.bodies[row, 4])
        acceleration = ddp + _turn(rate_dot, com) - rate**2 * com
        needed = mass * (acceleration + ca.vertcat(0, GRAVITY_MPS2))
        force[body.name] += needed
        moment[body.name] += inertia * rate_dot + _cross(com, needed)
        for contact, point in forces[body.name]:
            force[body.name] -= contact
            moment[body.name] -= _cross(point - p, contact)
        if body.parent == "ground":
            tilt, tx, ty = (index[c] for c in body.coordinates)
            tau[tilt], tau[tx], tau[ty] = moment[body.name], force[body.name][0], force[body.name][1]
        else:
            sign = -1 if body.coordinates[0].startswith("knee_angle") else 1
            tau[index[body.coordinates[0]]] = sign * moment[body.name]
            arm = p - frames[body.parent][3]
            force[body.parent] += force[body.name]
            moment[body.parent] += moment[body.name] + _cross(arm, force[body.name])
    return tau


def _cross(r, f):
    return r[0] * f[1] - r[1] * f[0]


def _compute_muscles(specification, symbols, index, q, v, activation, tendon_force, tendon_rate):
    table = load_muscles()["muscles"]
    moment = ca.SX.zeros(N_Q)
    states, residuals = [], []
    for row, muscle in enumerate(specification.muscles):
        entry = table[muscle.group]
        columns = [index[joint] for joint in muscle.joints]
        parameters = symbols.muscles[row, :]
        scale = parameters[4]
        angles = ca.SX.sym("angles", len(columns))
        length = evaluate_polynomial(angles, entry["exponents"], entry["coefficients"])
        path = ca.Function("path", [angles], [length, ca.jacobian(length, angles)])
        value, slope = path(q[columns])
        speed = scale * ca.mtimes(slope, v[columns])
        if muscle.compliant:
            k = len(residuals)
            state = compute_compliant_muscle(
                activation[row],
                scale * value,
                speed,
                tendon_force[k],
                tendon_rate[k],
                parameters,
            )
            residuals.append(state.pop("residual"))
        else:
            state = compute_rigid_muscle(activation[row], scale * value, speed, parameters)
        for k, column in enumerate(columns):
            moment[column] -= scale * slope[k] * state["force"]
        states.append(state)
    collected = {
        name: ca.vertcat(*[state[key] for state in states])
        for name, key in (
            ("muscle_force", "force"),
            ("fiber_length", "fiber_length"),
            ("fiber_speed", "fiber_speed"),
        )
    }
    return collected | {"muscle_moment": moment, "tendon_residual": ca.vertcat(*residuals)}


def evaluate_polynomial(angles, exponents, coefficients):
    """Nested (Horner) evaluation in the last angle, then the first."""
    exponents = np.asarray(exponents)
    if exponents.shape[1] == 1:
        order = np.argsort(exponents[:, 0])[::-1].tolist()
        total = 0
        for i in order:
            total = total * angles[0] + coefficients[i]
        return total
    total = 0
    for power in range(int(exponents[:, 0].max()), -1, -1):
        rows = np.flatnonzero(exponents[:, 0] == power)
        inner = evaluate_polynomial(
            angles[1:], exponents[rows][:, 1:], [coefficients[i] for i in rows.tolist()]
        )
        total = total * angles[0] + inner
    return total


def _compute_passive_moment(specification, symbols, index, q, v):
    moment = ca.SX.zeros(N_Q)
    for row, passive in enumerate(specification.passive):
        stop, rate, lower, upper, stiffness, neutral, damping = (symbols.passive[row, i] for i in range(7))
        i = index[passive.coordinate]
        moment[i] += stop * ca.exp(-rate * (q[i] - lower)) - stop * ca.exp(rate * (q[i] - upper))
        moment[i] += -stiffness * (q[i] - neutral) - damping * v[i]
    return moment
