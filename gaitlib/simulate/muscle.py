"""Muscle model of De Groote et al. 2016 (doi 10.1007/s10439-016-1591-9), as OpenSim implements it.

Works on CasADi symbols and on numbers alike, with rigid or elastic tendon. Constants and curves are those of
OpenSim 4's `DeGrooteFregly2016Muscle`.
"""

from __future__ import annotations

import math

import casadi as ca

from gaitlib.body.specification import (
    FIBER_DAMPING,
    MAX_CONTRACTION_VELOCITY,
    PASSIVE_STRAIN_AT_MAX_FORCE,
    TENDON_STRAIN_AT_MAX_FORCE,
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
