"""Bodies: people, dimensions, muscles."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from repository import ROOT

from gaitlib.body.dimensions import compute_dimensions, compute_head_mass_share
from gaitlib.body.kinematics import compute_sagittal_points
from gaitlib.body.parameter_tables import load_muscles
from gaitlib.body.specification import Structure, build_specification
from gaitlib.errors import InputError
from gaitlib.gait import COORDINATES, MUSCLE_GROUPS, MUSCLES
from gaitlib.person import Impairment, Person, parse_person, unflatten_impairment
from gaitlib.schema import check_values

ADULT = Person(age_years=30, sex="m", height_m=1.76, mass_kg=74.0)
CHILD = Person(age_years=6, sex="f", height_m=1.15, mass_kg=20.0)


@pytest.mark.parametrize("person", [ADULT, CHILD, Person(age_years=88, sex="f", height_m=1.55, mass_kg=60)])
def test_segment_masses_add_up_to_the_body(person):
    assert sum(body.mass_kg for body in build_specification(person).bodies) == pytest.approx(person.mass_kg)


def test_standing_body_is_as_tall_as_the_person():
    for person in (ADULT, CHILD):
        d = compute_dimensions(person)
        position = np.zeros(len(COORDINATES))
        position[COORDINATES.index("pelvis_ty")] = d.leg_length_m
        points = compute_sagittal_points(position, d)
        assert points["head_top"][1] == pytest.approx(person.height_m, rel=0.02)
        assert points["heel_r"][1] == pytest.approx(0, abs=1e-9)
        assert points["toe_l"][1] == pytest.approx(0, abs=1e-9)


def test_children_have_shorter_legs_for_their_height():
    adult, child = compute_dimensions(ADULT), compute_dimensions(CHILD)
    assert child.leg_length_m / child.height_m < adult.leg_length_m / adult.height_m - 0.02


def test_children_carry_more_in_the_head_and_less_in_the_legs():
    """Head mass as Jensen 1989 lists it: a fifth of a child of four, under a tenth of an adult."""
    assert compute_head_mass_share(4) == pytest.approx(0.2027, abs=1e-4)
    assert compute_head_mass_share(3) == compute_head_mass_share(4)
    assert 0.06 < compute_head_mass_share(40) < 0.08
    shares = []
    for age in (4, 8, 12, 16, 30):
        d = compute_dimensions(Person(age_years=age, sex="m", height_m=1.3, mass_kg=30.0))
        shares.append((d.thigh_kg + d.shank_kg + d.foot_kg + d.toes_kg) / 30.0)
    assert np.all(np.diff(shares) > 0)
    assert shares[-1] == pytest.approx(0.161)  # Winter 2009, table 4.1: total leg


def test_every_parameter_names_its_source():
    assert pd.read_csv(ROOT / "gaitlib/body/segments.csv")["source"].str.len().min() > 3
    muscles = load_muscles()["muscles"]
    assert list(muscles) == list(MUSCLE_GROUPS)
    for group, entry in load_muscles()["muscles"].items():
        assert "doi" in muscles[group]["source"]
        for name, value in entry.items():
            assert muscles[group][name] == value, (group, name)


def test_positive_angles_flex_the_joints():
    d = compute_dimensions(ADULT)
    base = np.zeros(len(COORDINATES))

    def place(**angles):
        position = base.copy()
        for name, value in angles.items():
            position[COORDINATES.index(name)] = value
        return compute_sagittal_points(position, d)

    assert place(hip_flexion_r=0.5)["knee_r"][0] > place()["knee_r"][0]
    assert place(knee_angle_r=0.5)["ankle_r"][0] < place()["ankle_r"][0]
    assert place(ankle_angle_r=0.3)["toe_r"][1] > place()["toe_r"][1]
    assert place(pelvis_tilt=0.3)["shoulder"][0] < place()["shoulder"][0]
    assert place(knee_angle_r=0.5)["ankle_l"] == pytest.approx(place()["ankle_l"])


def test_moment_arm_is_minus_the_slope_of_length():
    rng = np.random.default_rng(0)
    for name, entry in load_muscles()["muscles"].items():
        exponents, coefficients = np.array(entry["exponents"]), np.array(entry["coefficients"])
        angles = rng.uniform(-0.2, 0.6, exponents.shape[1])
        for joint in range(exponents.shape[1]):
            arm = _compute_arm(exponents, coefficients, angles, joint)
            step = np.zeros_like(angles)
            step[joint] = 1e-5
            slope = (
                _compute_length(exponents, coefficients, angles + step)
                - _compute_length(exponents, coefficients, angles - step)
            ) / 2e-5
            assert arm == pytest.approx(-slope, abs=1e-7), name


# Ranges of moment arms (cm) from cadaver and imaging studies as collected in Arnold et al. 2010
# (doi 10.1007/s10439-009-9852-5), figures 5-8; negative flexes the knee the other way round.
PUBLISHED_CM = {
    ("soleus", "ankle_angle", 0): (-6.0, -3.5),
    ("gastroc", "ankle_angle", 0): (-6.0, -3.5),
    ("tib_ant", "ankle_angle", 0): (2.5, 5.5),
    ("vasti", "knee_angle", 20): (-5.5, -3.0),
    ("hamstrings", "knee_angle", 45): (2.0, 5.5),
    ("hamstrings", "hip_flexion", 20): (-8.0, -4.0),
    ("glut_max", "hip_flexion", 10): (-8.0, -3.0),
    ("iliopsoas", "hip_flexion", 0): (2.0, 5.0),
    ("rect_fem", "hip_flexion", 10): (2.5, 6.0),
}


@pytest.mark.parametrize(("muscle", "joint", "degrees"), PUBLISHED_CM)
def test_moment_arms_lie_in_published_ranges(muscle, joint, degrees):
    low, high = PUBLISHED_CM[muscle, joint, degrees]
    assert low < 100 * _get_arm(muscle, joint, degrees) < high


def test_gastrocnemius_flexes_the_knee_up_to_110_degrees():
    assert all(_get_arm("gastroc", "knee_angle", degrees) > 0.01 for degrees in range(0, 111, 5))


def test_path_fit_is_within_tolerance():
    for name, entry in load_muscles()["muscles"].items():
        assert entry["moment_arm_rms_mm"] < 1.0, name
        assert entry["length_rms_mm"] < 0.5, name


def test_strength_falls_with_age_weakness_and_size():
    def force(person, **weakness):
        muscles = build_specification(person, Impairment(weakness=weakness)).muscles
        return {m.name: m.max_isometric_force_n for m in muscles}

    young, old = force(ADULT), force(ADULT.model_copy(update={"age_years": 75}))
    weak = force(ADULT, plantarflexors=0.5)
    assert len(young) == len(MUSCLES)
    assert old["soleus_r"] == pytest.approx(0.7 * young["soleus_r"])
    assert weak["soleus_l"] == pytest.approx(0.5 * young["soleus_l"])
    assert weak["vasti_l"] == young["vasti_l"]
    assert force(CHILD)["soleus_r"] < 0.5 * young["soleus_r"]


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"age_years": 30, "sex": "f", "height_m": 3.0, "mass_kg": 60}, "height_m"),
        ({"age_years": 30, "sex": "x", "height_m": 1.7, "mass_kg": 60}, "sex"),
        ({"age_years": 30, "sex": "f", "height_m": 1.7}, "mass_kg"),
        ({"age_years": 30, "sex": "f", "height_m": 1.7, "mass_kg": 20}, "body mass index"),
        ({"age_years": 30, "sex": "f", "height_m": 1.7, "mass_kg": 60, "shoe": 43}, "shoe"),
    ],
)
def test_impossible_people_are_named(values, named):
    with pytest.raises(InputError, match=named):
        parse_person(values, "person.yaml")


@pytest.mark.parametrize("weakness", [{"calf": 0.5}, {"plantarflexors": 1.4}, {"plantarflexors": 0.0}])
def test_impossible_weakness_is_named(weakness):
    with pytest.raises(InputError, match=next(iter(weakness))):
        check_values(Impairment, {"weakness": weakness}, "person.yaml")


def _compute_length(exponents, coefficients, angles):
    return float(coefficients @ np.prod(angles**exponents, axis=1))


def _compute_arm(exponents, coefficients, angles, joint):
    lowered = exponents.copy()
    lowered[:, joint] = np.maximum(lowered[:, joint] - 1, 0)
    return -float(coefficients @ (exponents[:, joint] * np.prod(angles**lowered, axis=1)))


def _get_arm(muscle, joint, degrees):
    entry = load_muscles()["muscles"][muscle]
    angles = np.radians([degrees if name == joint else 5.0 for name in entry["joints"]])
    return _compute_arm(
        np.array(entry["exponents"]), np.array(entry["coefficients"]), angles, entry["joints"].index(joint)
    )


def test_a_contracture_pushes_the_joint_to_where_it_ends():
    """Passive moment: towards flexion of hip and knee, plantarflexion of the ankle; of lax knees less."""

    def push(joint: str, degrees: float, **limit: float) -> float:
        passive = build_specification(ADULT, Impairment(limit=limit)).passive
        p = next(p for p in passive if p.coordinate == joint)
        q = np.radians(degrees)
        return p.stop_nm * (np.exp(-p.rate * (q - p.lower_rad)) - np.exp(p.rate * (q - p.upper_rad)))

    assert push("hip_flexion_r", -10, hip=20) > push("hip_flexion_r", -10) + 5
    assert push("hip_flexion_l", 0, hip_r=20) == push("hip_flexion_l", 0)
    assert push("knee_angle_r", 10, knee=20) > push("knee_angle_r", 10) + 5
    assert push("knee_angle_r", -8, knee=-15) < 0.2 * push("knee_angle_r", -8)
    assert push("ankle_angle_r", 5, ankle=25) < push("ankle_angle_r", 5) - 5
    sizes = [push("hip_flexion_r", 0, hip=x) for x in (0, 5, 10, 15, 20, 30)]
    assert np.all(np.diff(sizes) > 0)


def test_shortened_hamstrings_have_no_slack_left():
    structure = Structure(hamstrings_slack=1.08)
    lengths = [
        build_specification(ADULT, Impairment(contracture={"hamstrings": x}), structure)
        .muscles[MUSCLES.index("hamstrings_r")]
        .tendon_length_m
        for x in (1.0, 0.9, 0.8, 0.7)
    ]
    assert (
        lengths[0] == pytest.approx(1.08 * lengths[3]) and lengths[2] == lengths[3] < lengths[1] < lengths[0]
    )


def test_later_parts_survive_a_table_and_its_mirror():
    impairment = Impairment(limit={"hip_r": 20, "knee": -10}, tone={"soleus_l": 0.1}, tilt_deg=-5)
    assert unflatten_impairment(impairment.flatten()) == impairment
    assert not impairment.is_symmetric
    row = {
        name: v
        for name, v in Impairment(rigidity=0.3).flatten().items()
        if not name.startswith(("limit", "t"))
    }
    assert unflatten_impairment(row) == Impairment(rigidity=0.3)
