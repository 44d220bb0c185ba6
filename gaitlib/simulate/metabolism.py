"""Metabolic power of muscles, smooth enough for optimal control: two published models.

Minetti & Alexander 1997 (doi 10.1006/jtbi.1997.0407): activation times a function of fibre speed.
Bhargava et al. 2004 (doi 10.1016/S0021-9290(03)00239-2): heat of activation, maintenance, shortening, and
work; smoothed as by Falisse et al. 2019 (doi 10.1098/rsif.2019.0402). Departures: activation stands for
excitation, the decay of the heat of activation and the least heat rate are left out.
"""

from __future__ import annotations

import casadi as ca

from gaitlib.body.specification import MAX_CONTRACTION_VELOCITY
from gaitlib.gait import MUSCLES

_SLOW_SHARE = {
    "iliopsoas": 0.50,
    "glut_max": 0.55,
    "hamstrings": 0.50,
    "bifemsh": 0.53,
    "rect_fem": 0.39,
    "vasti": 0.50,
    "gastroc": 0.55,
    "soleus": 0.80,
    "tib_ant": 0.75,
}
"""Slow fibres, rounded from Johnson et al. 1973 (doi 10.1016/0022-510X(73)90023-3) and Uchida et al. 2016
(doi 10.1371/journal.pone.0150378)."""
_DENSITY_KG_M3, _STRESS_PA = 1059.7, 0.6e6
_SMOOTH_W_KG = 5.0


def compute_minetti_power(activation, forces: dict, muscles):
    """Compute the metabolic power after Minetti & Alexander; shape (n,)."""
    speed = -forces["fiber_speed"] / MAX_CONTRACTION_VELOCITY
    # Beyond these speeds the published fraction has a pole; gait rarely comes near.
    speed = 0.9 * ca.tanh(speed / 0.9)
    share = (0.054 + 0.506 * speed + 2.46 * speed**2) / (1 - 1.13 * speed + 12.8 * speed**2 - 1.64 * speed**3)
    return activation * muscles[:, 0] * muscles[:, 1] * MAX_CONTRACTION_VELOCITY * share


def compute_bhargava_power(activation, forces: dict, muscles):
    """Compute the metabolic power after Bhargava et al; shape (n,)."""
    slow = ca.DM([_SLOW_SHARE[name[:-2]] for name in MUSCLES])
    force, optimal = muscles[:, 0], muscles[:, 1]
    mass = force * optimal * _DENSITY_KG_M3 / _STRESS_PA
    slow_part, fast_part = (
        slow * ca.sin(ca.pi / 2 * activation),
        (1 - slow) * (1 - ca.cos(ca.pi / 2 * activation)),
    )
    length = forces["fiber_length"]
    heat = 40 * slow_part + 133 * fast_part
    # Maintenance falls to half at half the optimal length and to zero beyond one and a half.
    maintained = 0.5 + 0.5 * ca.tanh(4 * (length - 0.5))
    heat += maintained * (74 * slow_part + 111 * fast_part)
    speed = forces["fiber_speed"] * optimal
    active = force * forces["active"]
    shortening = 0.5 - 0.5 * ca.tanh(20 * forces["fiber_speed"] / MAX_CONTRACTION_VELOCITY)
    coefficient = shortening * (0.16 * force * forces["isometric"] + 0.18 * active) + (1 - shortening) * (
        0.157 * active
    )
    power = heat * mass - coefficient * speed - active * speed
    least = _SMOOTH_W_KG * mass
    return 0.5 * (power + ca.sqrt(power**2 + least**2)) - 0.5 * least
