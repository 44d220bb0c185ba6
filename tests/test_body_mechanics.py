"""Textbook mechanics of bodies: pendulum, energy, standing, scaling."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tree_checks as checks

from gaitlib.body.spatial_body import build_spatial_specification
from gaitlib.body.tree import Frame, Tree, TreeBody
from gaitlib.gait import GRAVITY_MPS2, TRANSLATIONS
from gaitlib.person import Person
from gaitlib.simulate.request import GaitRequest

ADULT = GaitRequest(Person(age_years=40, sex="f", height_m=1.66, mass_kg=62.0), 1.2)


TREE = build_spatial_specification(ADULT.person).tree


def test_pendulum_swings_with_the_period_of_the_textbook(casadi_process):
    """Small swing of a physical pendulum: period 2 pi sqrt((k^2 + l^2) / (g l)); energy stays."""
    length, gyration, mass = 0.8, 0.2, 3.0
    moments = (mass * gyration**2,) * 3 + (0.0,) * 3
    pivot = Frame((1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0), (0.0, 0.0, 0.0))
    bob = TreeBody(
        "bob", "ground", ("swing",), pivot, ((0.0, 0.0, 1.0),), (), mass, (0.0, -length, 0.0), moments
    )
    tree = Tree((0.0, -GRAVITY_MPS2, 0.0), (bob,))
    period = 2 * np.pi * np.sqrt((gyration**2 + length**2) / (GRAVITY_MPS2 * length))
    swing, kinetic, work = casadi_process(
        checks.swing_freely, tree, np.array([0.01]), np.zeros(1), period / 200, 200
    )
    assert swing[0, 0] == 0.01
    assert swing[100, 0] == pytest.approx(-0.01, rel=1e-4)
    assert swing[200, 0] == pytest.approx(0.01, rel=1e-4)
    assert np.abs(kinetic - work).max() < 1e-7 * kinetic.max()


def test_free_body_keeps_its_energy(casadi_process):
    """Thrown into the air with limbs that move: what gravity does appears as kinetic energy."""
    rng = np.random.default_rng(5)
    n = len(TREE.coordinate_names)
    _, kinetic, work = casadi_process(
        checks.swing_freely, TREE, rng.normal(0, 0.2, n), rng.normal(0, 1.5, n), 0.002, 100
    )
    change = kinetic - kinetic[0]
    assert np.ptp(work) > 10
    assert np.abs(change - work).max() < 1e-5 * kinetic.max()


def test_free_body_falls_as_a_stone(casadi_process):
    n = len(TREE.coordinate_names)
    q, _, _ = casadi_process(checks.swing_freely, TREE, np.full(n, 0.1), np.zeros(n), 0.01, 20)
    fall = q[:, TREE.coordinate_names.index("pelvis_ty")]
    time_s = 0.01 * np.arange(21)
    np.testing.assert_allclose(fall - fall[0], -0.5 * GRAVITY_MPS2 * time_s**2, atol=1e-6)


def test_standing_rests_on_the_body_weight(opensim_process):
    """Where the ground carries the weight, nothing is missing; above it the weight is, below it less."""
    weight = ADULT.specification.mass_kg * GRAVITY_MPS2
    low, high = ADULT.specification.leg_length_m - 0.03, ADULT.specification.leg_length_m + 0.05
    heights = np.linspace(low, high, 81)
    missing, ground = opensim_process(checks.stand, ADULT, heights)
    np.testing.assert_allclose(missing + ground, weight, rtol=1e-6)
    assert missing[-1] == pytest.approx(weight, rel=1e-3)
    assert np.all(np.diff(ground) <= 1e-6)
    rest = np.interp(0.0, missing, heights)
    missing, ground = opensim_process(checks.stand, ADULT, np.array([rest]))
    assert ground[0] == pytest.approx(weight, rel=0.02)
    assert 0 < ADULT.specification.leg_length_m - rest < 0.03


def test_bodies_of_all_sizes_obey_one_law(casadi_process):
    """Lengths by s, masses by m, times by the root of s (Froude): moments scale by m s, forces by m."""
    size, mass = 0.6, 0.3
    small = dataclasses.replace(TREE, bodies=tuple(_scale_body(body, size, mass) for body in TREE.bodies))
    moves = np.array([name in TRANSLATIONS for name in TREE.coordinate_names])
    rng = np.random.default_rng(6)
    q, u, udot = (rng.normal(0, scale, (30, len(moves))) for scale in (0.4, 2.0, 20.0))
    length = np.where(moves, size, 1.0)
    tau = casadi_process(checks.compute_by_engine, TREE, q, u, udot)
    scaled = casadi_process(
        checks.compute_by_engine, small, q * length, u * length / np.sqrt(size), udot * length / size
    )
    np.testing.assert_allclose(scaled, tau * mass * np.where(moves, 1.0, size), rtol=1e-9, atol=1e-9)


def _scale_body(body, size: float, mass: float):
    def scale_frame(frame):
        return dataclasses.replace(frame, origin_m=tuple(size * x for x in frame.origin_m))

    return dataclasses.replace(
        body,
        parent_frame=scale_frame(body.parent_frame),
        mass_kg=mass * body.mass_kg,
        com_m=tuple(size * x for x in body.com_m),
        inertia_kgm2=tuple(mass * size**2 * x for x in body.inertia_kgm2),
    )
