"""Dynamics generated from any OpenSim tree, against OpenSim and against the balance of power."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tree_checks as checks

from gaitlib.data.fetch import get_path
from gaitlib.errors import InputError
from gaitlib.gait import COORDINATES
from gaitlib.person import Person
from gaitlib.simulate.request import GaitRequest

ADULT = GaitRequest(Person(age_years=40, sex="f", height_m=1.66, mass_kg=62.0), 1.2)


def _compare(opensim_process, casadi_process, path: str, still: tuple[str, ...] = ()):
    tree = opensim_process(checks.read, path)
    states = opensim_process(checks.compute_by_opensim, path, 100, 7, still)
    tau = casadi_process(checks.compute_by_engine, tree, states["q"], states["u"], states["udot"])
    return tree, states, tau


def test_planar_model_agrees_with_opensim(opensim_process, casadi_process, tmp_path):
    path = str(tmp_path / "adult.osim")
    opensim_process(checks.write_planar_model, path, ADULT)
    tree, states, tau = _compare(opensim_process, casadi_process, path)
    assert sorted(tree.coordinate_names) == sorted(COORDINATES)
    assert tree.mass_kg == pytest.approx(ADULT.person.mass_kg)
    assert np.abs(tau - states["tau"]).max() / np.abs(states["tau"]).max() < 1e-12


def test_every_joint_and_function_agrees_with_opensim(opensim_process, casadi_process, tmp_path):
    path = str(tmp_path / "joints.osim")
    opensim_process(checks.write_joint_model, path)
    tree, states, tau = _compare(opensim_process, casadi_process, path)
    assert len({body.joint_type for body in tree.bodies}) == 9
    assert np.abs(tau - states["tau"]).max() / np.abs(states["tau"]).max() < 1e-12


@pytest.fixture
def full_body_path():
    return str(get_path("adult_walk_3d_moco", "subject_walk_scaled.osim", "calibrate"))


@pytest.mark.real_data("adult_walk_3d_moco")
def test_full_body_agrees_with_opensim_while_the_knees_do_not_turn(
    opensim_process, casadi_process, full_body_path
):
    """The knees are the one kind of joint that OpenSim treats inexactly; see the next test."""
    still = ("knee_angle_r", "knee_angle_l")
    tree, states, tau = _compare(opensim_process, casadi_process, full_body_path, still)
    assert len(tree.coordinates) == 33 and len(tree.bodies) == 22
    assert np.abs(tau - states["tau"]).max() / np.abs(states["tau"]).max() < 1e-12


@pytest.mark.real_data("adult_walk_3d_moco")
def test_full_body_keeps_the_balance_of_power(opensim_process, casadi_process, full_body_path):
    """Generalised forces times speeds are the rate of OpenSim's own energy.

    Where one coordinate drives several rotations of a CustomJoint (this model's knees), Simbody takes the
    whole angular velocity for that of the first axis (`FunctionBasedImpl::buildHdot`): its inverse dynamics
    misses the balance that its own energies obey, ours does not.
    """
    _, states, tau = _compare(opensim_process, casadi_process, full_body_path)
    scale = np.abs(states["power"]).max()
    ours = np.abs((tau * states["u"]).sum(axis=1) - states["power"]).max() / scale
    theirs = np.abs((states["tau"] * states["u"]).sum(axis=1) - states["power"]).max() / scale
    assert ours < 1e-9
    assert theirs > 1000 * ours
    assert np.abs(tau - states["tau"]).max() / np.abs(states["tau"]).max() < 1e-3


@pytest.mark.real_data("adult_walk_3d_moco")
def test_coupled_coordinates_follow(opensim_process, casadi_process, full_body_path):
    """The kneecap's force works on the knee: power is the same with and without coordinates of its own."""
    tree = opensim_process(checks.read, full_body_path)
    free = [i for i, coordinate in enumerate(tree.coordinates) if coordinate.free]
    assert {c.name for c in tree.coordinates if not c.free} == {"knee_angle_r_beta", "knee_angle_l_beta"}
    rng = np.random.default_rng(2)
    q, u, udot = (rng.normal(0, size, (20, len(tree.coordinates))) for size in (0.5, 2.0, 20.0))
    for values in (q, u, udot):
        for side in "rl":
            leader = tree.coordinate_names.index(f"knee_angle_{side}")
            values[:, tree.coordinate_names.index(f"knee_angle_{side}_beta")] = values[:, leader]
    tau = casadi_process(checks.compute_by_engine, tree, q, u, udot)
    reduced = casadi_process(checks.compute_reduced, tree, q[:, free], u[:, free], udot[:, free])
    np.testing.assert_allclose((reduced * u[:, free]).sum(axis=1), (tau * u).sum(axis=1), rtol=1e-10)


def test_locked_coordinates_stay_at_their_default(opensim_process, casadi_process, tmp_path):
    path = str(tmp_path / "adult.osim")
    opensim_process(checks.write_planar_model, path, ADULT)
    tree = opensim_process(checks.read, path)
    locked = dataclasses.replace(
        tree,
        coordinates=tuple(
            dataclasses.replace(c, locked=c.name.startswith("mtp"), default=0.1) for c in tree.coordinates
        ),
    )
    free = [i for i, coordinate in enumerate(locked.coordinates) if coordinate.free]
    rng = np.random.default_rng(3)
    values = [rng.normal(0, 1.0, (5, len(free))) for _ in range(3)]
    q, u, udot = (np.zeros((5, len(tree.coordinates))) for _ in range(3))
    q[:] = 0.1
    for full, part in zip((q, u, udot), values, strict=True):
        full[:, free] = part
    expected = casadi_process(checks.compute_by_engine, tree, q, u, udot)[:, free]
    np.testing.assert_allclose(casadi_process(checks.compute_reduced, locked, *values), expected, rtol=1e-12)


def test_loads_do_their_virtual_work(opensim_process, casadi_process, tmp_path):
    path = str(tmp_path / "adult.osim")
    opensim_process(checks.write_planar_model, path, ADULT)
    tree = opensim_process(checks.read, path)
    q = np.random.default_rng(8).normal(0, 0.4, len(tree.coordinates))
    found = casadi_process(
        checks.load_bodies, tree, q, np.array([30.0, 500.0, -20.0]), np.array([0.1, -0.2, 0.05])
    )
    assert len(found) == 10
    for name, (spared, work) in found.items():
        np.testing.assert_allclose(spared, work, atol=1e-5, err_msg=name)


def test_parameters_may_be_symbols(opensim_process, casadi_process, tmp_path):
    """The equations are generated once and fed with any body of the same tree."""
    path = str(tmp_path / "joints.osim")
    opensim_process(checks.write_joint_model, path)
    tree = opensim_process(checks.read, path)
    rng = np.random.default_rng(9)
    states = [rng.normal(0, size, (3, len(tree.coordinates))) for size in (0.5, 2.0, 20.0)]
    np.testing.assert_allclose(
        casadi_process(checks.compute_with_symbols, tree, *states),
        casadi_process(checks.compute_by_engine, tree, *states),
        rtol=1e-9,
        atol=1e-8,
    )


@pytest.mark.parametrize(
    ("fault", "named"),
    [("joint", "EllipsoidJoint"), ("function", "Sine"), ("constraint", "PointConstraint")],
)
def test_unsupported_parts_are_named(opensim_process, tmp_path, fault, named):
    path = str(tmp_path / "odd.osim")
    opensim_process(checks.write_broken_model, path, fault)
    with pytest.raises(InputError, match=rf"odd\.osim: .*'shoulder'.*{named}"):
        opensim_process(checks.read, path)


@pytest.mark.parametrize(
    "content", [None, "", "no XML at all", "<OpenSimDocument Version='40500'><Model>", "<a/>"]
)
def test_unreadable_files_are_named(opensim_process, tmp_path, content):
    path = tmp_path / "broken.osim"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=r"broken\.osim"):
        opensim_process(checks.read, str(path))
