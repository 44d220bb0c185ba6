"""Motion of a tree of bodies in space, generated from its numbers (CasADi).

The forward half of recursive Newton-Euler dynamics (Featherstone 2008, Rigid Body Dynamics Algorithms, doi
10.1007/978-1-4899-7560-7, chapter 5), each body in its own axes. What a joint does to its child follows
from the child's pose by differentiation.
"""

from __future__ import annotations

from dataclasses import dataclass

import casadi as ca

from gaitlib.body.tree import Tree, TreeBody


@dataclass(frozen=True)
class BodyMotion:
    """How a body moves: its pose and velocity in the ground, its rates in its own axes.

    `acceleration` is that of the origin, with gravity counted as an acceleration upwards.
    """

    rotation: ca.SX
    origin: ca.SX
    velocity: ca.SX
    rate: ca.SX
    rate_dot: ca.SX
    acceleration: ca.SX


def compute_motion(tree: Tree, q, u, udot) -> dict[str, BodyMotion]:
    """Compute how every body moves."""
    index = {name: i for i, name in enumerate(tree.coordinate_names)}
    still = ca.SX(3, 1)
    upwards = -ca.vertcat(*tree.gravity_mps2)
    motion = {"ground": BodyMotion(ca.SX.eye(3), still, still, still, still, upwards)}
    for body in tree.bodies:
        mine = [index[name] for name in body.coordinates]
        turn, place, place_rate, place_rate2, spin, spin_rate = _move_joint(
            body, q[mine], u[mine], udot[mine]
        )
        up = motion[body.parent]
        swept = ca.cross(up.rate, place) + place_rate
        motion[body.name] = BodyMotion(
            rotation=up.rotation @ turn,
            origin=up.origin + up.rotation @ place,
            velocity=up.velocity + up.rotation @ swept,
            rate=turn.T @ (up.rate + spin),
            rate_dot=turn.T @ (up.rate_dot + spin_rate + ca.cross(up.rate, spin)),
            acceleration=turn.T
            @ (
                up.acceleration
                + ca.cross(up.rate_dot, place)
                + ca.cross(up.rate, swept + place_rate)
                + place_rate2
            ),
        )
    return motion


def move_mass(body: TreeBody, own: BodyMotion):
    """Compute force and moment about the body's origin that its motion needs, in its own axes."""
    com = ca.vertcat(*body.com_m)
    xx, yy, zz, xy, xz, yz = body.inertia_kgm2
    inertia = ca.vertcat(ca.horzcat(xx, xy, xz), ca.horzcat(xy, yy, yz), ca.horzcat(xz, yz, zz))
    rate = own.rate
    force = body.mass_kg * (
        own.acceleration + ca.cross(own.rate_dot, com) + ca.cross(rate, ca.cross(rate, com))
    )
    return force, inertia @ own.rate_dot + ca.cross(rate, inertia @ rate) + ca.cross(com, force)


def _move_joint(body: TreeBody, q, u, udot):
    """What the joint does to the child, in the parent's axes.

    Returns the child's rotation, the place of its origin with first and second rate, and its angular velocity
    relative to the parent with rate.
    """
    n = len(body.coordinates)
    x, v, a = ca.SX.sym("x", n), ca.SX.sym("v", n), ca.SX.sym("a", n)
    outer = ca.sparsify(ca.reshape(ca.vertcat(*body.parent_frame.rotation), 3, 3).T)
    turn, spin, shift = ca.SX.eye(3), ca.SX(3, 1), ca.SX(3, 1)
    for i, direction in enumerate(body.turns):
        spin += (outer @ (turn @ ca.sparsify(ca.SX(list(direction))))) * v[i]
        turn = turn @ _rotate(direction, x[i])
    for i, direction in enumerate(body.shifts, start=len(body.turns)):
        shift += ca.sparsify(ca.SX(list(direction))) * x[i]
    place = ca.vertcat(*body.parent_frame.origin_m) + outer @ shift

    def differentiate(expression):
        return ca.jtimes(expression, x, v) + ca.jtimes(expression, v, a)

    place_rate = differentiate(place)
    results = [outer @ turn, place, place_rate, differentiate(place_rate), spin, differentiate(spin)]
    return ca.substitute(results, [x, v, a], [ca.densify(value) for value in (q, u, udot)])


def _rotate(axis: tuple[float, float, float], angle):
    """Rotation about a unit vector (Rodrigues), free of terms that vanish."""
    cos, sin = ca.cos(angle), ca.sin(angle)
    turn = ca.SX(3, 3)
    for i in range(3):
        turn[i, i] = 1 if abs(axis[i]) == 1 else cos + (1 - cos) * axis[i] ** 2
        j, k = (i + 1) % 3, (i + 2) % 3
        both = (1 - cos) * (axis[i] * axis[j])
        turn[i, j], turn[j, i] = both - sin * axis[k], both + sin * axis[k]
    return ca.sparsify(turn)
