"""Motion of any tree of bodies in space, generated from its numbers (CasADi).

The forward half of recursive Newton-Euler dynamics (Featherstone 2008, Rigid Body Dynamics Algorithms, doi
10.1007/978-1-4899-7560-7, chapter 5), each body in its own axes. What a joint does to its child follows
from the child's pose by differentiation, so that joints whose axes are functions of a coordinate need
nothing of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import casadi as ca
import numpy as np

from gaitlib.body.tree import Curve, Frame, Tree, TreeBody


@dataclass(frozen=True)
class BodyMotion:
    """How a body moves: its pose and velocity in the ground, its rates in its own axes.

    `acceleration` is that of the origin, with gravity counted as an acceleration upwards. `turn` and `place`
    are the pose in the parent; `moving` and `turning` how origin and rotation follow the joint's speeds, in
    the parent's axes; `columns` are the joint's coordinates.
    """

    rotation: ca.SX
    origin: ca.SX
    velocity: ca.SX
    rate: ca.SX
    rate_dot: ca.SX
    acceleration: ca.SX
    turn: ca.SX | None = None
    place: ca.SX | None = None
    moving: ca.SX | None = None
    turning: ca.SX | None = None
    columns: tuple[int, ...] = ()


def compute_motion(tree: Tree, q, u, udot) -> dict[str, BodyMotion]:
    """Compute how every body moves."""
    index = {name: i for i, name in enumerate(tree.coordinate_names)}
    still = ca.SX(3, 1)
    upwards = -ca.vertcat(*tree.gravity_mps2)
    motion = {"ground": BodyMotion(ca.SX.eye(3), still, still, still, still, upwards)}
    for body in tree.bodies:
        columns = tuple(index[name] for name in body.coordinates)
        mine = list(columns)
        turn, place, place_rate, place_rate2, spin, spin_rate, moving, turning = _move_joint(
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
            turn=turn,
            place=place,
            moving=moving,
            turning=turning,
            columns=columns,
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

    Returns the child's rotation, the place of its origin with first and second rate, its angular velocity
    relative to the parent with rate, and how origin and rotation follow the speeds.
    """
    n = len(body.coordinates)
    x, v, a = ca.SX.sym("x", n), ca.SX.sym("v", n), ca.SX.sym("a", n)
    outer, outer_origin = _get_frame(body.parent_frame)
    inner, inner_origin = _get_frame(body.child_frame)
    turn, spin = ca.SX.eye(3), ca.SX(3, 1)
    rates = []
    for axis in body.turns:
        angle = evaluate_curve(axis.curve, None if axis.coordinate is None else x[axis.coordinate])
        rates.append((turn @ ca.sparsify(ca.SX(list(axis.direction))), angle))
        turn = turn @ _rotate(axis.direction, angle)
    shift = ca.SX(3, 1)
    for axis in body.shifts:
        length = evaluate_curve(axis.curve, None if axis.coordinate is None else x[axis.coordinate])
        shift += ca.sparsify(ca.SX(list(axis.direction))) * length
    rotation = outer @ turn @ inner.T
    place = outer_origin + outer @ shift - rotation @ inner_origin
    if n == 0:
        zero = ca.SX(3, 1)
        return rotation, place, zero, zero, zero, zero, ca.SX(3, 0), ca.SX(3, 0)
    x_rate = v
    if body.turning_speeds:
        rates_of_angles = ca.horzcat(*[direction for direction, _ in rates])
        x_rate = ca.vertcat(ca.solve(rates_of_angles, v[:3]), v[3:])
        spin = outer @ v[:3]
    else:
        for direction, angle in rates:
            spin += (outer @ direction) * ca.jtimes(angle, x, v)

    def differentiate(expression):
        return ca.jtimes(expression, x, x_rate) + ca.jtimes(expression, v, a)

    place_rate = differentiate(place)
    results = [rotation, place, place_rate, differentiate(place_rate), spin, differentiate(spin)]
    results += [ca.jacobian(place_rate, v), ca.jacobian(spin, v)]
    return ca.substitute(results, [x, v, a], [ca.densify(value) for value in (q, u, udot)])


def _get_frame(frame: Frame):
    return ca.sparsify(ca.reshape(ca.vertcat(*frame.rotation), 3, 3).T), ca.vertcat(*frame.origin_m)


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


def evaluate_curve(curve: Curve, x):
    """Evaluate a function of one coordinate."""
    if curve.kind == "constant":
        return ca.SX(curve.numbers[0])
    if curve.kind == "polynomial":
        total = ca.SX(0)
        for coefficient in curve.numbers:
            total = total * x + coefficient
        return total
    pieces = np.reshape(curve.numbers, (-1, 5))
    chosen = [ca.SX(number) for number in pieces[0]]
    for piece in pieces[1:]:  # coefficients are chosen, not blended: their derivatives stay those of a piece
        chosen = [ca.if_else(x >= piece[0], new, old) for new, old in zip(piece, chosen, strict=True)]
    start, value, slope, square, cube = chosen
    h = x - start
    return value + h * (slope + h * (square + h * cube))
