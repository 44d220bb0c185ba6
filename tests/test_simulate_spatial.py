"""The walking problem in space: its equations against OpenSim, its derivatives against differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import spatial_checks as checks

from gaitlib.body.spatial_body import COORDINATES, MIRRORED, build_spatial_specification
from gaitlib.cohorts.growth import compute_typical_stride_time
from gaitlib.errors import InputError
from gaitlib.gait import swap_side
from gaitlib.person import Impairment, Person
from gaitlib.simulate.checker import run_replay
from gaitlib.simulate.neighbours import LibraryStarts, find_nearest
from gaitlib.simulate.plan import TYPICAL_ADULT
from gaitlib.simulate.request import GaitRequest
from gaitlib.simulate.workers import get_cache_folder, run_spatial

CHILD = GaitRequest(Person(age_years=7, sex="m", height_m=1.22, mass_kg=23.0), 1.0)

HINDERED = replace(
    CHILD,
    impairment=Impairment(
        weakness={"hip_abductors": 0.5}, contracture={"adductors": 0.8}, rigidity=0.5, anteversion_deg=25
    ),
)


def test_forces_agree_with_opensim(casadi_process, opensim_process):
    """Skeleton, muscles, tendons, tissue and ground at once, at 100 states."""
    for seed, request in ((1, CHILD), (2, HINDERED)):
        body = build_spatial_specification(CHILD.person, request.impairment)
        states = casadi_process(checks.make_states, request, get_cache_folder(), seed)
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


@pytest.fixture(scope="module")
def adult():
    time_s = compute_typical_stride_time(TYPICAL_ADULT, 1.3)
    return GaitRequest(TYPICAL_ADULT, 1.3, stride_time_s=time_s)


@pytest.fixture(scope="module")
def solved(adult, casadi_process):
    shipped = LibraryStarts()
    start = shipped.make(find_nearest(shipped.table, adult))
    return casadi_process(run_spatial, adult, get_cache_folder(), start)


def test_a_planar_gait_leads_to_a_walk_in_space_that_opensim_confirms(adult, solved, opensim_process):
    assert solved.converged
    replay = opensim_process(run_replay, adult, solved)
    assert not replay["reasons"]
    assert replay["ground_force_difference_n"] < 1e-3
    assert solved.speed_mps == pytest.approx(1.3)


def test_the_walk_uses_the_third_dimension_as_people_do(solved):
    """Ranges in degrees around those of 42 healthy adults."""
    position = np.degrees(solved.position)
    index = COORDINATES.index
    for name, low, high in (("pelvis_list", 3, 20), ("pelvis_rotation", 3, 25), ("hip_adduction_r", 5, 22)):
        assert low < np.ptp(position[:, index(name)]) < high, name
    outward = solved.ground_force[10:50, 0, 2]
    assert outward.mean() < 0  # the ground pushes a right foot inwards


def test_halves_of_the_stride_mirror_each_other(solved):
    order = [COORDINATES.index(swap_side(name)) for name in COORDINATES]
    sign = np.array([-1.0 if name in MIRRORED else 1.0 for name in COORDINATES])
    moved = [i for i, name in enumerate(COORDINATES) if name != "pelvis_tx"]
    first, second = solved.position[:50], solved.position[50:100]
    np.testing.assert_allclose((sign * second[:, order])[:, moved], first[:, moved], atol=1e-9)


def test_what_is_not_there_yet_is_refused(adult, casadi_process, solved):
    asked = replace(adult, impairment=Impairment(spasticity={"soleus": 1.0}))
    with pytest.raises(InputError, match="spasticity"):
        casadi_process(run_spatial, asked, get_cache_folder(), solved.start)
