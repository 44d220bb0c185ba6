"""The walking problem in space: its equations against OpenSim, its derivatives against differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import spatial_checks as checks

from gaitlib.body.spatial import build_spatial_specification
from gaitlib.person import Person
from gaitlib.simulate.request import GaitRequest
from gaitlib.simulate.workers import get_cache_folder

CHILD = GaitRequest(Person(age_years=7, sex="m", height_m=1.22, mass_kg=23.0), 1.0)


def test_forces_agree_with_opensim(casadi_process, opensim_process):
    """Skeleton, muscles, tendons, tissue and ground at once, at 100 states."""
    body = build_spatial_specification(CHILD.person)
    for seed in (1, 2):
        states = casadi_process(checks.make_states, CHILD, get_cache_folder(), seed)
        missing, ground, tendon_error = opensim_process(checks.compute_missing, body, states)
        assert np.abs(missing).max() > 100
        np.testing.assert_allclose(states["residual"], missing, atol=1e-6 * np.abs(missing).max())
        np.testing.assert_allclose(states["ground_force"], ground, atol=1e-6 * np.abs(ground).max())
        np.testing.assert_allclose(states["tendon_error"], tendon_error, atol=1e-6)
        assert (ground[:, :, 1] > 10).any() and (np.abs(ground[:, :, 2]) > 1).any()


def test_derivatives_agree_with_differences(casadi_process):
    errors = casadi_process(checks.compare_derivatives, CHILD, get_cache_folder(), 3)
    assert max(errors.values()) < 1e-5, errors


def test_joint_moments_are_what_the_bare_skeleton_needs(casadi_process, opensim_process):
    body = build_spatial_specification(CHILD.person)
    states = casadi_process(checks.make_states, CHILD, get_cache_folder(), 4)
    bare = states | {name: states[name][:, :0] for name in ("activation", "tendon_force", "tendon_rate")}
    bare["torque"] = np.zeros_like(states["torque"])
    missing = opensim_process(checks.compute_missing, replace(body, muscles=(), passive=()), bare)[0]
    np.testing.assert_allclose(states["joint_moment"], missing, atol=1e-6 * np.abs(missing).max())
