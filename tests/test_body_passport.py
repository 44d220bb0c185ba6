"""The passport: moment arms, passive moments and masses beside published values."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from notebook_cells import read_definitions

from gaitlib.body.specification import build_specification
from gaitlib.data.fetch import get_path
from gaitlib.environment import ROOT
from gaitlib.person import Person
from gaitlib.simulate.workers import measure_moment_arms

PAGE = read_definitions("1_body")
ADULT = Person(age_years=30, sex="m", height_m=1.76, mass_kg=74.0)


@cache
def _measure():
    path = get_path("adult_walk_3d_moco", "subject_walk_scaled.osim", "calibrate")
    return measure_moment_arms(path, PAGE["ANGLES_DEG"])


@pytest.fixture
def arms():
    parts = [
        pd.DataFrame({"group": group, "joint": joint, "angle_deg": PAGE["ANGLES_DEG"][joint],
                      "lowest_m": members.min(axis=0), "highest_m": members.max(axis=0)})
        for (group, joint), members in _measure().items()
    ]  # fmt: skip
    return PAGE["compare_moment_arms"](pd.concat(parts, ignore_index=True))


@pytest.mark.real_data("adult_walk_3d_moco")
def test_moment_arms_lie_among_those_of_the_published_model(arms):
    """Over the whole range, up to the tolerance of the polynomials (1 mm RMS)."""
    assert len(arms.groupby(["group", "joint"])) == 12
    assert arms["outside_mm"].max() < 2.0
    assert np.sqrt((arms["outside_mm"] ** 2).mean()) < 1.0
    assert (np.sign(arms["moment_arm_cm"]) == np.sign(arms["lowest_cm"] + arms["highest_cm"])).all()


@pytest.mark.real_data("adult_walk_3d_moco")
def test_ranges_of_the_earlier_run_are_those_of_the_model():
    shipped = pd.read_parquet(ROOT / "data/earlier/published_moment_arms.parquet")
    for pair, rows in shipped.groupby(["group", "joint"]):
        ends = [_measure()[pair].min(axis=0), _measure()[pair].max(axis=0)]
        np.testing.assert_allclose(rows[["lowest_m", "highest_m"]].T, ends, rtol=1e-9, atol=1e-12)


def test_listed_moment_arms_meet_ours_but_for_the_short_one():
    """Biceps femoris alone is listed at 2 cm; the hamstrings group is led by longer arms."""
    table = PAGE["compare_with_literature"]().set_index("muscle")
    assert not table.loc["biceps femoris", "met"]
    assert table.drop(index="biceps femoris")["met"].all()


def test_moment_arm_is_minus_the_slope_of_the_path():
    for group, joint in (("gastroc", "knee_angle"), ("rect_fem", "hip_flexion"), ("soleus", "ankle_angle")):
        angles = PAGE["place_angles"](group, joint, np.array([10.0, 40.0]))
        step = PAGE["place_angles"](group, joint, np.degrees([1e-5, 1e-5]))
        slope = PAGE["compute_path_length"](group, angles + step)
        slope = (slope - PAGE["compute_path_length"](group, angles - step)) / 2e-5
        np.testing.assert_allclose(PAGE["compute_moment_arm"](group, joint, angles), -slope, atol=1e-8)


def test_passive_moments_push_back_at_both_ends():
    specification = build_specification(ADULT)
    for coordinate, low, high in (
        ("knee_angle_r", -15, 140),
        ("hip_flexion_l", -40, 120),
        ("ankle_angle_r", -55, 40),
    ):
        passive = next(item for item in specification.passive if item.coordinate == coordinate)
        ends = passive.compute_moment(np.radians([low, high]))
        assert ends[0] > 5 and ends[1] < -5, coordinate


def test_published_passive_law_has_its_listed_values():
    """At its upper angle a joint pushes back with k1, the far term apart; straight joints are at rest."""
    moment = PAGE["compute_published_moment"]
    assert moment("hip_flexion", np.array([1.81]))[0] == pytest.approx(-2.44, abs=1e-6)
    assert moment("ankle_angle", np.array([0.52]))[0] == pytest.approx(-2.03, abs=1e-5)
    assert moment("knee_angle", np.array([-0.13]))[0] == pytest.approx(
        6.09, abs=1e-6
    )  # overextended: it flexes
    assert moment("knee_angle", np.array([2.4]))[0] == pytest.approx(-11.03, abs=1e-6)
    for joint in ("hip_flexion", "knee_angle", "ankle_angle"):
        assert abs(moment(joint, np.array([0.0]))[0]) < 0.2


def test_people_differ_as_they_should():
    people = {
        "child": Person(age_years=5, sex="f", height_m=1.1, mass_kg=18.0),
        "adult": ADULT,
        "old": Person(age_years=80, sex="m", height_m=1.76, mass_kg=74.0),
    }
    table = PAGE["describe_people"](people).set_index("who")
    assert table.loc["child", "thigh_share"] < table.loc["adult", "thigh_share"]
    assert table.loc["old", "plantarflexors_bw"] < 0.75 * table.loc["adult", "plantarflexors_bw"]
    assert table.loc["adult", "thigh_share"] == pytest.approx(0.100)
