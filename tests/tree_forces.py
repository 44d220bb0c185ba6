"""Inverse dynamics of any tree of bodies: the backward half of the recursive Newton-Euler equations."""

from __future__ import annotations

from collections.abc import Mapping

import casadi as ca
import numpy as np

from gaitlib.body.tree import Tree
from gaitlib.simulate.tree_dynamics import BodyMotion, compute_motion, evaluate_curve, move_mass


def build_inverse_dynamics(tree: Tree) -> ca.Function:
    """Generate the inverse dynamics of a tree."""
    n = len(tree.coordinates)
    q, u, udot = (ca.SX.sym(name, n) for name in ("q", "u", "udot"))
    return ca.Function(
        "inverse_dynamics",
        [q, u, udot],
        [compute_forces(tree, compute_motion(tree, q, u, udot))],
        ["q", "u", "udot"],
        ["tau"],
    )


def build_reduced_inverse_dynamics(tree: Tree) -> ca.Function:
    """Generate the inverse dynamics in the coordinates that move on their own."""
    free = [c.name for c in tree.coordinates if c.free]
    q, v, a = (ca.SX.sym(name, len(free)) for name in ("q", "u", "udot"))
    every = ca.vertcat(*[_follow(tree, c, free, q) for c in tree.coordinates])
    speed = ca.jtimes(every, q, v)
    acceleration = ca.jtimes(speed, q, v) + ca.jtimes(every, q, a)
    tau = compute_forces(tree, compute_motion(tree, every, speed, acceleration))
    return ca.Function(
        "reduced_inverse_dynamics",
        [q, v, a],
        [ca.mtimes(ca.jacobian(every, q).T, tau)],
        ["q", "u", "udot"],
        ["tau"],
    )


def evaluate_inverse_dynamics(tree: Tree, q: np.ndarray, u: np.ndarray, udot: np.ndarray) -> np.ndarray:
    """Evaluate the inverse dynamics at many states; shape (m, n)."""
    function = build_inverse_dynamics(tree)
    return np.array(function(q.T, u.T, udot.T)).T


def _follow(tree: Tree, coordinate, free: list[str], q):
    if coordinate.free:
        return q[free.index(coordinate.name)]
    if coordinate.follows is None:
        return ca.SX(coordinate.default)
    leader = next(c for c in tree.coordinates if c.name == coordinate.follows)
    return coordinate.follows_scale * evaluate_curve(coordinate.follows_curve, _follow(tree, leader, free, q))


def compute_forces(tree: Tree, motion: Mapping[str, BodyMotion], loads: Mapping[str, list] | None = None):
    """Compute the generalised forces that a motion needs; shape (n,)."""
    zero = ca.SX(3, 1)
    forces, moments = ({name: zero for name in motion} for _ in range(2))
    tau = ca.SX.zeros(len(tree.coordinates))
    for body in reversed(tree.bodies):
        own = motion[body.name]
        force, moment = move_mass(body, own)
        for load, point in (loads or {}).get(body.name, []):
            force -= own.rotation.T @ load
            moment -= own.rotation.T @ ca.cross(point - own.origin, load)
        force = own.turn @ (forces[body.name] + force)
        moment = own.turn @ (moments[body.name] + moment)
        tau[list(own.columns)] = own.turning.T @ moment + own.moving.T @ force
        forces[body.parent] += force
        moments[body.parent] += moment + ca.cross(own.place, force)
    return tau
