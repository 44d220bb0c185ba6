"""The walking problem in space: its equations against OpenSim, its derivatives against differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import spatial_checks as checks

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.body.spatial_body import COORDINATES, MIRRORED, build_spatial_specification, get_labels
from gaitlib.body.spatial_points import compute_spatial_points, measure_step_width
from gaitlib.cohorts.growth import compute_typical_stride_time
from gaitlib.errors import InputError
from gaitlib.gait import swap_side
from gaitlib.person import Impairment, Person
from gaitlib.simulate.checker import run_replay
from gaitlib.simulate.compact import encode_steps
from gaitlib.simulate.library import build_gait_set, load_library, write_library
from gaitlib.simulate.neighbours import LibraryStarts, find_nearest
from gaitlib.simulate.plan import TYPICAL_ADULT
from gaitlib.simulate.request import GaitRequest, describe_request, parse_request
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


STIFF = Impairment(spasticity={"gastroc_r": 1.0, "hamstrings_l": 0.5}, coactivation=0.2)


@pytest.mark.parametrize("request_", [CHILD, replace(CHILD, kind="stride", impairment=STIFF)])
def test_derivatives_agree_with_differences(casadi_process, request_):
    errors = casadi_process(checks.compare_derivatives, request_, get_cache_folder(), 3)
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


def test_steps_are_as_wide_as_peoples(adult, solved):
    """Between the ankles, each in the middle of its stance; published means are 8 to 12 cm."""
    body = build_spatial_specification(adult.person)
    points = compute_spatial_points(body.tree, solved.position, compute_dimensions(adult.person))
    assert 0.07 < measure_step_width(points) < 0.14


@pytest.fixture(scope="module")
def hemiplegic(adult):
    weak = {"dorsiflexors_r": 0.4, "knee_flexors_r": 0.5, "hip_flexors_r": 0.6}
    return replace(adult, impairment=Impairment(weakness=weak), kind="stride", body="space")


@pytest.mark.slow
def test_a_hemiplegic_stride_begins_with_half_a_healthy_one(
    hemiplegic, solved, casadi_process, opensim_process
):
    stride = casadi_process(run_spatial, hemiplegic, get_cache_folder(), solved.start)
    assert stride.converged and stride.gait_id == hemiplegic.gait_id
    assert not opensim_process(run_replay, hemiplegic, stride)["reasons"]
    ankle = [np.degrees(stride.position[:, COORDINATES.index(f"ankle_angle_{side}")]) for side in "rl"]
    assert np.ptp(ankle[0]) != pytest.approx(np.ptp(ankle[1]), abs=0.5)


def test_a_free_speed_is_refused(adult, casadi_process, solved):
    with pytest.raises(InputError, match="speed_range_mps"):
        casadi_process(run_spatial, replace(adult, speed_range_mps=0.2), get_cache_folder(), solved.start)


def test_a_request_in_space_is_another_than_in_the_plane(hemiplegic):
    row = describe_request(hemiplegic)
    assert parse_request(row) == hemiplegic
    assert replace(hemiplegic, body="plane").gait_id != hemiplegic.gait_id
    with pytest.raises(InputError, match="body"):
        replace(hemiplegic, body="cube")


def make_gaits(n: int = 3):
    """Smooth curves of symmetrical gaits, the last one with sides of its own."""
    rng, labels = np.random.default_rng(8), get_labels()
    phase = np.arange(101) / 100
    swapped = {
        dim: [labels[dim].index(swap_side(name)) for name in labels[dim]] for dim in ("coordinate", "muscle")
    }
    turned = np.array([-1.0 if name in MIRRORED else 1.0 for name in labels["coordinate"]])
    mirror = dict.fromkeys(("position", "joint_moment"), (swapped["coordinate"], turned))
    mirror |= {"activation": (swapped["muscle"], 1.0)}
    mirror |= {"ground_force": ([1, 0], np.array([1.0, 1.0, -1.0]))}
    shape = {
        "position": (23,),
        "activation": (len(labels["muscle"]),),
        "ground_force": (2, 3),
        "joint_moment": (23,),
    }
    arrays = {}
    for name, size in shape.items():
        a, b = rng.uniform(0, 0.2, (2, n, 1, *size))
        angle = 2 * np.pi * phase.reshape(1, 101, *[1] * len(size))
        values = 0.5 + a * np.cos(angle) + b * np.sin(2 * angle)
        order, sign = mirror[name]
        other = sign * np.roll(values[:, :-1], 50, axis=1)[:, :, order]
        whole = (values[:, :-1] + other) / 2
        whole[-1] = values[-1, :-1]
        scale = 700.0 if name in ("ground_force", "joint_moment") else 1.0
        arrays[name] = scale * np.concatenate([whole, whole[:, :1]], axis=1)
    travel = labels["coordinate"].index("pelvis_tx")
    arrays["position"][..., travel] += 1.4 * phase - arrays["position"][:, :1, travel]
    arrays |= {
        "stride_time_s": np.full(n, 1.0),
        "speed_mps": np.full(n, 1.4),
        "phase_offset": np.zeros(n, int),
    }
    return build_gait_set([f"gait{i}" for i in range(n)], arrays)


def test_a_release_in_space_keeps_its_curves(tmp_path):
    gaits = make_gaits()
    small, encoding, errors = encode_steps(gaits, MIRRORED)
    assert small.sizes["sided_gait"] == 1 and errors["angle"] < 0.02
    table = pd.DataFrame({"gait_id": gaits["gait"].values, "verified": True})
    write_library(tmp_path, table, small, encoding)
    again = load_library(tmp_path)
    assert again.in_space and again.gaits["coordinate"].values.tolist() == list(COORDINATES)
    for name, limit in {
        "position": 3e-4,
        "activation": 0.005,
        "ground_force": 2.0,
        "joint_moment": 2.0,
    }.items():
        np.testing.assert_allclose(again.gaits[name], gaits[name], atol=limit)
