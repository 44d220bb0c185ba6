"""Equations of motion of any tree of bodies in space, generated from its numbers (CasADi).

Recursive Newton-Euler inverse dynamics (Featherstone 2008, Rigid Body Dynamics Algorithms, doi
10.1007/978-1-4899-7560-7, chapter 5), each body in its own axes. What a joint does to its child follows
from the child's pose by differentiation, so that joints whose axes are functions of a coordinate need
nothing of their own.
"""

from __future__ import annotations

import casadi as ca
import numpy as np

from gaitlib.body.tree import Curve, Frame, Tree, TreeBody


def build_inverse_dynamics(tree: Tree) -> ca.Function:
    """Generate the inverse dynamics of a tree.

    Parameters
    ----------
    tree : Tree
        The model; its coupled and locked coordinates are treated like all others.

    Returns
    -------
    casadi.Function
        (q, u, udot) -> tau, each of shape (n,) in the order of `tree.coordinates`: coordinates (rad, m),
        speeds, accelerations -> generalised forces (N m, N) that the motion needs beside gravity.
    """
    n = len(tree.coordinates)
    q, u, udot = (ca.SX.sym(name, n) for name in ("q", "u", "udot"))
    return ca.Function(
        "inverse_dynamics", [q, u, udot], [_compute(tree, q, u, udot)], ["q", "u", "udot"], ["tau"]
    )


def build_reduced_inverse_dynamics(tree: Tree) -> ca.Function:
    """Generate the inverse dynamics in the coordinates that move on their own.

    Parameters
    ----------
    tree : Tree
        The model.

    Returns
    -------
    casadi.Function
        As `build_inverse_dynamics` for the free coordinates: locked ones stay at their default, coupled ones
        follow, and their generalised forces are carried over to the coordinate that they follow.
    """
    free = [c.name for c in tree.coordinates if c.free]
    q, v, a = (ca.SX.sym(name, len(free)) for name in ("q", "u", "udot"))
    every = ca.vertcat(*[_follow(tree, c, free, q) for c in tree.coordinates])
    speed = ca.jtimes(every, q, v)
    acceleration = ca.jtimes(speed, q, v) + ca.jtimes(every, q, a)
    tau = _compute(tree, every, speed, acceleration)
    return ca.Function(
        "reduced_inverse_dynamics",
        [q, v, a],
        [ca.mtimes(ca.jacobian(every, q).T, tau)],
        ["q", "u", "udot"],
        ["tau"],
    )


def evaluate_inverse_dynamics(tree: Tree, q: np.ndarray, u: np.ndarray, udot: np.ndarray) -> np.ndarray:
    """Evaluate the inverse dynamics at many states.

    Parameters
    ----------
    tree : Tree
        The model.
    q, u, udot : array, shape (m, n)
        Coordinates, speeds and accelerations of m states, columns as `tree.coordinates`.

    Returns
    -------
    array, shape (m, n)
        Generalised forces (N m, N).
    """
    function = build_inverse_dynamics(tree)
    return np.array(function(q.T, u.T, udot.T)).T


def _follow(tree: Tree, coordinate, free: list[str], q):
    if coordinate.free:
        return q[free.index(coordinate.name)]
    if coordinate.follows is None:
        return ca.SX(coordinate.default)
    leader = next(c for c in tree.coordinates if c.name == coordinate.follows)
    return coordinate.follows_scale * _evaluate_curve(
        coordinate.follows_curve, _follow(tree, leader, free, q)
    )


def _compute(tree: Tree, q, u, udot):
    index = {name: i for i, name in enumerate(tree.coordinate_names)}
    still = ca.SX.zeros(3)
    motion = {"ground": (still, still, -ca.SX(list(tree.gravity_mps2)))}
    joints = {}
    for body in tree.bodies:
        columns = [index[name] for name in body.coordinates]
        joint = _move_joint(body, q[columns], u[columns], udot[columns])
        turn, place, place_rate, place_rate2, spin, spin_rate = joint[:6]
        rate, rate_dot, acceleration = motion[body.parent]
        motion[body.name] = (
            turn.T @ (rate + spin),
            turn.T @ (rate_dot + spin_rate + ca.cross(rate, spin)),
            turn.T
            @ (
                acceleration
                + ca.cross(rate_dot, place)
                + ca.cross(rate, ca.cross(rate, place))
                + 2 * ca.cross(rate, place_rate)
                + place_rate2
            ),
        )
        joints[body.name] = (columns, joint)
    load = {name: [ca.SX.zeros(3), ca.SX.zeros(3)] for name in motion}
    tau = ca.SX.zeros(len(tree.coordinates))
    for body in reversed(tree.bodies):
        force, moment = _load_body(body, *motion[body.name])
        columns, (turn, place, *_, moving, turning) = joints[body.name]
        force = turn @ (load[body.name][0] + force)
        moment = turn @ (load[body.name][1] + moment)
        tau[columns] = turning.T @ moment + moving.T @ force
        load[body.parent][0] += force
        load[body.parent][1] += moment + ca.cross(place, force)
    return tau


def _load_body(body: TreeBody, rate, rate_dot, acceleration):
    """Force, and moment about the body's origin, that its motion needs, in its own axes."""
    com = ca.SX(list(body.com_m))
    xx, yy, zz, xy, xz, yz = body.inertia_kgm2
    inertia = ca.SX(np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]))
    force = body.mass_kg * (acceleration + ca.cross(rate_dot, com) + ca.cross(rate, ca.cross(rate, com)))
    return force, inertia @ rate_dot + ca.cross(rate, inertia @ rate) + ca.cross(com, force)


def _move_joint(body: TreeBody, q, u, udot):
    """What the joint does to the child, in the parent's axes.

    Returns the child's rotation, the place of its origin with first and second rate, its angular velocity
    relative to the parent with rate, and how origin and rotation follow the speeds.
    """
    n = len(body.coordinates)
    x, v, a = ca.SX.sym("x", n), ca.SX.sym("v", n), ca.SX.sym("a", n)
    outer, outer_origin = _get_frame(body.parent_frame)
    inner, inner_origin = _get_frame(body.child_frame)
    turn, spin = ca.SX.eye(3), ca.SX.zeros(3)
    rates = []
    for axis in body.turns:
        angle = _evaluate_curve(axis.curve, None if axis.coordinate is None else x[axis.coordinate])
        direction = ca.SX(list(axis.direction))
        rates.append((turn @ direction, angle))
        turn = turn @ _rotate(direction, angle)
    shift = ca.SX.zeros(3)
    for axis in body.shifts:
        length = _evaluate_curve(axis.curve, None if axis.coordinate is None else x[axis.coordinate])
        shift += ca.SX(list(axis.direction)) * length
    rotation = outer @ turn @ inner.T
    place = outer_origin + outer @ shift - rotation @ inner_origin
    if n == 0:
        zero = ca.SX.zeros(3)
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
    return ca.Function("joint", [x, v, a], results).call([q, u, udot])


def _get_frame(frame: Frame):
    return ca.SX(np.reshape(frame.rotation, (3, 3))), ca.SX(list(frame.origin_m))


def _rotate(axis, angle):
    """Rotation about a unit vector (Rodrigues)."""
    cross = ca.skew(axis)
    return ca.SX.eye(3) + ca.sin(angle) * cross + (1 - ca.cos(angle)) * (cross @ cross)


def _evaluate_curve(curve: Curve, x):
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
