"""The body in space: its parts, its mechanics against OpenSim, its moment arms."""

from __future__ import annotations

import numpy as np
import pytest
import tree_checks as checks

from gaitlib.body.spatial_body import COORDINATES, build_spatial_specification, load_spatial_muscles
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
def test_dynamics_agree_with_opensim(opensim_process, casadi_process, tmp_path, who):
    path, body = str(tmp_path / "spatial.osim"), build_spatial_specification(PEOPLE[who])
    opensim_process(checks.write_spatial_model, path, body)
    names = opensim_process(checks.read, path).coordinate_names
    order = [names.index(name) for name in COORDINATES]
    states = opensim_process(checks.compute_by_opensim, path, 100, 7)
    q, u, udot, expected = (states[key][:, order] for key in ("q", "u", "udot", "tau"))
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
