"""Muscle model of De Groote et al. 2016 (doi 10.1007/s10439-016-1591-9), as OpenSim implements it.

Works on CasADi symbols and on numbers alike. Rigid tendon; constants and the passive curve are those of
OpenSim 4's `DeGrooteFregly2016Muscle`.
"""

from __future__ import annotations

import casadi as ca

from gaitlib.body.specification import (
    ACTIVATION_TIME_S,
    DEACTIVATION_TIME_S,
    FIBER_DAMPING,
    MAX_CONTRACTION_VELOCITY,
    PASSIVE_STRAIN_AT_MAX_FORCE,
)

_ACTIVE = (
    (0.8150671134243542, 1.055033428970575, 0.162384573599574, 0.063303448465465),
    (0.433004984392647, 0.716775413397760, -0.029947116970696, 0.200356847296188),
    (0.1, 1.0, 0.353553390593274, 0.0),
)
_VELOCITY = (-0.3211346127989808, -8.149, -0.374, 0.8825327733249912)
_PASSIVE_SHAPE = 4.0
_PASSIVE_MIN_LENGTH = 0.2


def compute_active_force_length(length):
    """Active force-length curve.

    Parameters
    ----------
    length : casadi expression or float
        Fibre length over optimal fibre length.

    Returns
    -------
    casadi expression or float
        Force over maximal isometric force at full activation.
    """
    total = 0
    for height, centre, width, slope in _ACTIVE:
        total = total + height * ca.exp(-0.5 * ((length - centre) / (width + slope * length)) ** 2)
    return total


def compute_passive_force_length(length):
    """Passive force-length curve.

    Parameters
    ----------
    length : casadi expression or float
        Fibre length over optimal fibre length.

    Returns
    -------
    casadi expression or float
        Passive force over maximal isometric force.
    """
    rate = _PASSIVE_SHAPE / PASSIVE_STRAIN_AT_MAX_FORCE
    offset = ca.exp(rate * (_PASSIVE_MIN_LENGTH - 1))
    return (ca.exp(rate * (length - 1)) - offset) / (ca.exp(_PASSIVE_SHAPE) - offset)


def compute_force_velocity(velocity):
    """Force-velocity curve.

    Parameters
    ----------
    velocity : casadi expression or float
        Fibre velocity over maximal contraction velocity, positive when lengthening.

    Returns
    -------
    casadi expression or float
        Force multiplier.
    """
    d1, d2, d3, d4 = _VELOCITY
    inner = d2 * velocity + d3
    return d1 * ca.log(inner + ca.sqrt(inner**2 + 1)) + d4


def compute_muscle_force(activation, path_length, path_velocity, parameters):
    """Tendon force of a muscle with rigid tendon.

    Parameters
    ----------
    activation : casadi expression
        Activation 0-1.
    path_length, path_velocity : casadi expression
        Length (m) and lengthening speed (m/s) of the muscle-tendon path.
    parameters : sequence of 5
        As `gaitlib.simulate.parameters.MUSCLE_FIELDS`.

    Returns
    -------
    casadi expression
        Force along the tendon (N).
    """
    max_force, optimal, tendon, pennation, _ = (parameters[i] for i in range(5))
    along = path_length - tendon
    fiber = ca.sqrt(along**2 + (optimal * ca.sin(pennation)) ** 2)
    cosine = along / fiber
    velocity = path_velocity * cosine / (optimal * MAX_CONTRACTION_VELOCITY)
    length = fiber / optimal
    return (
        max_force
        * cosine
        * (
            activation * compute_active_force_length(length) * compute_force_velocity(velocity)
            + compute_passive_force_length(length)
            + FIBER_DAMPING * velocity
        )
    )


def compute_excitation(activation, activation_rate):
    """Excitation that OpenSim's activation dynamics need for a given rate of activation.

    Parameters
    ----------
    activation, activation_rate : casadi expression or array
        Activation (0-1) and its rate (1/s).

    Returns
    -------
    casadi expression or array
        Excitation of the piecewise first-order dynamics (rise and decay constants of this module).
    """
    scale = 0.5 + 1.5 * activation
    rate = ca.if_else(activation_rate > 0, ACTIVATION_TIME_S * scale, DEACTIVATION_TIME_S / scale)
    return activation + activation_rate * rate
