"""The body in space: its parts, its mechanics against OpenSim, its moment arms."""

from __future__ import annotations

import numpy as np
import pytest
import tree_checks as checks

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.body.spatial_body import COORDINATES, build_spatial_specification, load_spatial_muscles
from gaitlib.body.spatial_points import compute_spatial_points, place_bodies
from gaitlib.body.specification import build_specification, compute_path_coefficients
from gaitlib.person import Impairment, Person

PEOPLE = {
    "adult": Person(age_years=30, sex="m", height_m=1.76, mass_kg=74.0),
    "child": Person(age_years=7, sex="f", height_m=1.22, mass_kg=23.0),
}


def test_body_has_the_parts_of_a_body_in_space():
    body = build_spatial_specification(PEOPLE["adult"])
    assert body.tree.coordinate_names == COORDINATES and len(COORDINATES) >= 21
    assert len(body.muscles) >= 40
    assert all(sum(sphere.name.endswith(side) for sphere in body.spheres) >= 5 for side in ("_r", "_l"))
    assert body.tree.mass_kg == pytest.approx(74.0)


@pytest.mark.parametrize("who", PEOPLE)
def test_dynamics_agree_with_opensim(opensim_process, casadi_process, who):
    body = build_spatial_specification(PEOPLE[who])
    states = opensim_process(checks.compute_by_opensim, body, COORDINATES, 100, 7)
    q, u, udot, expected = (states[key] for key in ("q", "u", "udot", "tau"))
    tau = casadi_process(checks.compute_by_engine, body.tree, q, u, udot)
    assert np.abs(tau - expected).max() / np.abs(expected).max() < 1e-12
    assert np.abs(tau - expected).max() < 1e-6


def test_weakness_reaches_the_groups_of_the_plane():
    weak = build_spatial_specification(PEOPLE["adult"], Impairment(weakness={"knee_flexors_r": 0.5}))
    strong = build_spatial_specification(PEOPLE["adult"])
    full = {muscle.name: muscle.max_isometric_force_n for muscle in strong.muscles}
    shares = {muscle.name: muscle.max_isometric_force_n / full[muscle.name] for muscle in weak.muscles}
    weakened = {name for name, share in shares.items() if share == pytest.approx(0.5)}
    assert weakened == {"hamstrings_lat_r", "hamstrings_med_r", "bifemsh_r"}


def measure_muscles(**impairment):
    body = build_spatial_specification(PEOPLE["adult"], Impairment(**impairment))
    return {muscle.name: muscle for muscle in body.muscles}


def test_groups_that_only_space_has_are_hindered_on_their_side():
    full, weak = measure_muscles(), measure_muscles(weakness={"hip_abductors_r": 0.5})
    changed = {name for name in full if weak[name] != full[name]}
    assert changed == {f"{name}_r" for name in ("glut_med_ant", "glut_med_post", "glut_min", "tfl")}
    short = measure_muscles(contracture={"adductors": 0.8})
    changed = {name for name in full if short[name] != full[name]}
    assert changed == {f"{name}_{side}" for name in ("add_long", "add_mag", "gracilis") for side in "rl"}
    assert short["gracilis_l"].optimal_fiber_length_m == 0.8 * full["gracilis_l"].optimal_fiber_length_m


def test_a_planar_body_is_not_hindered_by_what_it_does_not_have():
    out = Impairment(weakness={"hip_abductors": 0.3}, contracture={"adductors": 0.7}, anteversion_deg=30)
    assert build_specification(PEOPLE["adult"], out) == build_specification(PEOPLE["adult"])


def test_a_turned_neck_sees_another_hip_rotation():
    """What inserts near the neck is as long at 20 degrees inwards as it was at none; so are the stops."""
    turn = np.radians(20.0)
    usual, turned = measure_muscles(), measure_muscles(anteversion_deg=20)
    for group, shift in (("glut_min", turn), ("iliopsoas", turn), ("tfl", 0.0), ("soleus", 0.0)):
        entry = load_spatial_muscles()["muscles"][group]
        angles, before = np.full((2, len(entry["joints"])), 0.3)
        if shift:
            angles[entry["joints"].index("hip_rotation")] += shift
        exponents = np.array(entry["exponents"])
        length, plain = (
            np.prod(q**exponents, axis=1) @ compute_path_coefficients(muscles[f"{group}_r"], entry)
            for q, muscles in ((angles, turned), (before, usual))
        )
        assert length == pytest.approx(plain, abs=1e-12)
    stops = [
        next(
            p
            for p in build_spatial_specification(PEOPLE["adult"], i).passive
            if p.coordinate == "hip_rotation_l"
        )
        for i in (Impairment(anteversion_deg=20), Impairment())
    ]
    for name in ("lower_rad", "upper_rad", "neutral_rad"):
        assert getattr(stops[0], name) == pytest.approx(getattr(stops[1], name) + turn)


def test_points_are_where_the_engine_has_the_bodies(casadi_process):
    body = build_spatial_specification(PEOPLE["child"])
    q = np.random.default_rng(5).uniform(-0.4, 0.4, (3, len(COORDINATES)))
    placed = place_bodies(body.tree, q)
    for name, (rotation, origin) in casadi_process(checks.place_by_engine, body.tree, q).items():
        np.testing.assert_allclose(placed[name][0].as_matrix(), rotation, atol=1e-12)
        np.testing.assert_allclose(placed[name][1], origin, atol=1e-12)


def test_points_of_an_upright_body_are_at_its_lengths_and_mirror_each_other():
    person = PEOPLE["adult"]
    d, body = compute_dimensions(person), build_spatial_specification(person)
    upright = np.zeros((1, len(COORDINATES)))
    upright[0, COORDINATES.index("pelvis_ty")] = d.leg_length_m
    points = {name: values[0] for name, values in compute_spatial_points(body.tree, upright, d).items()}
    assert points["head_top"][1] == pytest.approx(person.height_m, abs=0.02)
    assert points["heel_r"][1] == pytest.approx(0.0, abs=1e-9) and points["toe_l"][1] == pytest.approx(
        0, abs=1e-9
    )
    assert points["knee_r"][1] == pytest.approx(d.leg_length_m - d.thigh_m)
    for name in ("heel", "toe", "wrist", "ankle"):
        np.testing.assert_allclose(points[f"{name}_r"] * [1, 1, -1], points[f"{name}_l"], atol=1e-12)
    assert points["mtp_r"][2] > points["heel_r"][2]  # a foot points outwards


ACTIONS = {
    ("glut_med_ant", "hip_adduction"): -1,
    ("glut_med_post", "hip_adduction"): -1,
    ("glut_min", "hip_adduction"): -1,
    ("tfl", "hip_adduction"): -1,
    ("add_long", "hip_adduction"): 1,
    ("add_mag", "hip_adduction"): 1,
    ("gracilis", "hip_adduction"): 1,
    ("glut_med_ant", "hip_rotation"): 1,
    ("glut_max", "hip_rotation"): -1,
    ("piriformis", "hip_rotation"): -1,
    ("tib_post", "subtalar_angle"): 1,
    ("peronei", "subtalar_angle"): -1,
    ("toe_ext", "subtalar_angle"): -1,
    ("glut_max", "hip_flexion"): -1,
    ("iliopsoas", "hip_flexion"): 1,
    ("gastroc", "ankle_angle"): -1,
    ("tib_ant", "ankle_angle"): 1,
}


@pytest.mark.parametrize(("group", "joint"), ACTIONS)
def test_moment_arms_have_the_sign_that_anatomy_gives_them(group, joint):
    entry = load_spatial_muscles()["muscles"][group]
    exponents, column = np.array(entry["exponents"]), entry["joints"].index(joint)
    first = (exponents.sum(axis=1) == 1) & (exponents[:, column] == 1)
    assert -ACTIONS[group, joint] * np.array(entry["coefficients"])[first].item() > 0.002
    assert entry["moment_arm_rms_mm"] < 1.0
