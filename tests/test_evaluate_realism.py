"""How near gaits come to the normal pattern and to people: known curves, known answers."""

from __future__ import annotations

import base64
import json
import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from notebook_cells import read_definitions
from transforms import mirror_gait

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.body.kinematics import compute_sagittal_points
from gaitlib.evaluate.realism import (
    NORMAL_PATTERN,
    Band,
    check_pattern,
    compare_activation,
    compare_curve,
    compare_speed_law,
)
from gaitlib.gait import COORDINATES, MUSCLES, build_gait
from gaitlib.outcomes import compute_segment_angles
from gaitlib.person import Impairment, Person
from gaitlib.report import animation
from gaitlib.report.body_picture import TINTS, draw_impairment
from gaitlib.report.interactive import encode
from gaitlib.simulate.curves import collect_leg_curves, get_leg_curves

ADULT = Person(age_years=30, sex="m", height_m=1.76, mass_kg=74.0)
WEAK = TINTS["weakness"]
WEIGHT = 74.0 * 9.80665
PHASE = np.linspace(0.0, 100.0, 101)


def _hump(centre: float, width: float) -> np.ndarray:
    return np.exp(-0.5 * ((PHASE - centre) / width) ** 2)


def _make_normal_gait(**changes):
    """A textbook gait: every feature of the pattern has a known size."""
    knee = 3 + 15 * _hump(14, 5) + 57 * _hump(73, 8) - 3 * _hump(40, 8)
    hip = 10 + 22 * np.cos(2 * np.pi * PHASE / 100)
    ankle = 5 * _hump(40, 10) - 17 * _hump(63, 5)
    stance = (PHASE <= 62) * np.sin(np.pi * np.clip(PHASE / 62, 0, 1)) ** 0.35
    vertical = stance * (0.9 + 0.36 * _hump(15, 6) + 0.36 * _hump(48, 6))
    forward = (PHASE <= 62) * (0.18 * _hump(53, 4) - 0.16 * _hump(12, 5))
    curves = {"knee": knee, "hip": hip, "ankle": ankle, "vertical": vertical, "forward": forward} | changes
    position = np.zeros((101, len(COORDINATES)))
    force = np.zeros((101, 2, 3))

    def half(values):
        return np.concatenate([values[50:-1], values[:51]])

    for foot, side in enumerate("rl"):
        shift = (lambda values: values) if side == "r" else half
        for name, key in (("hip_flexion", "hip"), ("knee_angle", "knee"), ("ankle_angle", "ankle")):
            position[:, COORDINATES.index(f"{name}_{side}")] = np.radians(shift(curves[key]))
        force[:, foot, 1] = WEIGHT * shift(curves["vertical"])
        force[:, foot, 0] = WEIGHT * shift(curves["forward"])
    position[:, COORDINATES.index("pelvis_tx")] = 1.2 * 1.1 * PHASE / 100
    position[:, COORDINATES.index("pelvis_ty")] = 0.93
    person = {"person": ADULT.model_dump()}
    activation = np.full((101, len(MUSCLES)), 0.1)
    return build_gait(position, activation, force, np.zeros((101, len(COORDINATES))), 1.1, 1.2, person)


def check(gait, side="r"):
    leg = get_leg_curves(gait, side)
    return check_pattern([leg] if leg else [])


def _look_up(table: pd.DataFrame, feature: str):
    return table.set_index("feature").loc[feature]


def test_textbook_gait_meets_the_pattern():
    table = check(_make_normal_gait())
    assert list(table["feature"]) == [row[0] for row in NORMAL_PATTERN]
    assert table["met"].all(), table.to_string()
    assert _look_up(table, "Plantarflexion, peak at push-off")["found"] == pytest.approx(16, abs=2)
    assert _look_up(table, "Stance phase")["found"] == pytest.approx(62, abs=1)


def test_a_force_that_rings_and_nothing_else():
    """All features are there but the smooth forward force."""
    forward = 0.1 * np.sin(2 * np.pi * PHASE / 5) * (PHASE <= 62)
    table = check(_make_normal_gait(forward=forward)).set_index("feature")["met"]
    assert not table.pop("Forward force, path over twice its range")
    assert table.all() and len(table) == len(NORMAL_PATTERN) - 1


def test_both_legs_give_the_same_and_the_mirror_exchanges_them():
    gait = _make_normal_gait()
    right, left = check(gait, "r"), check(gait, "l")
    np.testing.assert_allclose(right["found"], left["found"], rtol=1e-6)
    lame = gait.copy(deep=True)
    lame["position"].loc[{"coordinate": "knee_angle_l"}] *= 0.5
    mirrored = mirror_gait(lame)
    np.testing.assert_allclose(check(lame, "l")["found"], check(mirrored, "r")["found"])


@pytest.mark.parametrize(
    ("changes", "feature"),
    [
        ({"knee": 3 + 57 * _hump(73, 8)}, "Knee flexion, peak in loading response"),
        ({"hip": 30 + 10 * np.cos(2 * np.pi * PHASE / 100)}, "Hip flexion, least in stance"),
        ({"ankle": 5 * _hump(40, 10)}, "Plantarflexion, peak at push-off"),
    ],
)
def test_a_missing_feature_is_found_missing(changes, feature):
    table = check(_make_normal_gait(**changes))
    assert not _look_up(table, feature)["met"]
    assert table["met"].sum() >= len(table) - 2


def test_one_hump_and_ringing_are_told():
    one = (PHASE <= 62) * np.sin(np.pi * np.clip(PHASE / 62, 0, 1)) * 1.1
    table = check(_make_normal_gait(vertical=one))
    assert np.isnan(_look_up(table, "Vertical force, valley below the lower peak")["found"])
    smooth = (PHASE <= 62) * (0.18 * _hump(53, 4) - 0.16 * _hump(12, 5))
    ringing = smooth + (PHASE <= 60) * 0.03 * np.sin(PHASE)
    table = check(_make_normal_gait(forward=ringing))
    assert not _look_up(table, "Forward force, path over twice its range")["met"]


def test_gait_without_stance_has_no_pattern():
    table = check(_make_normal_gait(vertical=np.zeros(101)))
    assert table["found"].isna().all() and not table["met"].any()


def test_measured_strides_are_judged_by_the_same_rules():
    """They have no events: the force tells toe-off. Of several strides the median counts."""
    gait = _make_normal_gait()
    legs = collect_leg_curves(gait.expand_dims("gait"), "r")
    stride = {name: curves[0] for name, curves in legs.items()}
    odd = stride | {"knee": 2 * stride["knee"]}
    found = check_pattern([stride, odd, stride])["found"]
    np.testing.assert_allclose(found[:9], check(gait)["found"][:9], rtol=0.05, atol=0.02)


def test_curves_of_legs_are_closed_and_in_body_weights():
    gaits = xr.concat([_make_normal_gait(), _make_normal_gait()], "gait", combine_attrs="drop")
    legs = collect_leg_curves(gaits)
    assert {curves.shape for curves in legs.values()} == {(4, 101)} and "toe_off" not in legs
    np.testing.assert_array_equal(legs["knee"][:, 0], legs["knee"][:, -1])
    weight = gaits["ground_force"].sel(axis="y").sum("foot").values[0, :-1].mean()
    assert legs["vertical"].max() == pytest.approx(float(gaits["ground_force"].max()) / weight, rel=1e-3)


def test_nearest_simulated_people_are_chosen_once_each():
    table = pd.DataFrame(
        {
            "gait_id": list("abcd"),
            "cohort": ["healthy_child"] * 3 + ["healthy_adult"],
            "verified": [True, True, False, True],
            "age_years": [6.0, 9.0, 9.0, 30.0],
            "height_m": [1.1, 1.4, 1.3, 1.3],
            "speed_mps": [1.0, 1.2, 1.1, 1.1],
        }
    )
    people = pd.DataFrame({"height_m": [1.3, 1.45, 1.0], "speed_mps": [1.1, 1.2, 0.9]})
    page = read_definitions("1_simulate")
    assert page["choose_nearest"](table, people, "healthy_child") == ["b", "a"]
    assert page["choose_alike"](table)["gait_id"].to_list() == ["d"]


def test_equal_curves_differ_by_nothing_and_known_faults_are_named():
    rng = np.random.default_rng(0)
    people = 30 * np.sin(2 * np.pi * PHASE / 100) + rng.normal(0, 5, (30, 1)) + np.zeros((30, 101))
    mean = people.mean(axis=0)[None]
    same = compare_curve(mean, people)
    assert same["rms_deg"] < 1e-9 and not same["poor"]
    assert compare_curve(mean + 20, people)["reason"] == "its mean is +20° off"
    assert compare_curve(mean + 20, people, free_offset=True)["rms_deg"] < 1e-9
    late = np.concatenate([mean[:, 90:-1], mean[:, :91]], axis=1)
    shifted = compare_curve(late, people)
    assert shifted["shift_percent"] == 10 and "too late" in shifted["reason"]
    assert "% of the measured" in compare_curve(2 * mean, people)["reason"]


def test_activation_timing_is_found():
    emg = _hump(40, 8)[None]
    same = compare_activation(emg, emg)
    assert same["correlation"] == pytest.approx(1) and not same["poor"]
    late = compare_activation(_hump(60, 8)[None], emg)
    assert late["timing_percent"] == 20 and late["poor"] and "too late" in late["reason"]
    little = compare_activation(_hump(46, 8)[None], emg)
    assert (
        little["timing_percent"] == 6
        and not little["poor"]
        and "6 % of the stride too late" in little["reason"]
    )
    tiny = compare_activation(_hump(41, 8)[None], emg)
    assert tiny["reason"] == "it alternates alike"
    assert compare_activation(_hump(70, 8)[None], emg)["reason"] == "a burst is missing"


def test_speed_law():
    """People who walk by the law have no error, those of twice the steps 100 %; nobody, not evaluated."""
    speed = np.linspace(0.15, 0.5, 20)
    law = pd.DataFrame(
        {"person_id": np.arange(20), "age_group": "young", "speed": speed, "step": 1.1 * speed**0.5}
    )
    own = pd.DataFrame({"age_years": [30.0, 70.0], "speed": 0.4, "step": [1.1 * 0.4**0.5, 9.0]})
    found = compare_speed_law(own, law).iloc[0]
    assert (found["n_measured"], found["n_simulated"], found["reason"]) == (20, 1, "")
    assert found["exponent"] == pytest.approx(0.5) and found["factor"] == pytest.approx(1.1)
    assert found["step_error_percent"] == pytest.approx(0, abs=1e-6)
    longer = compare_speed_law(own.assign(step=2 * own["step"]), law)
    assert longer["step_error_percent"][0] == pytest.approx(100)
    nobody = compare_speed_law(own[own["age_years"] > 55], law)
    assert nobody["n_simulated"][0] == 0 and nobody["reason"][0].startswith("not evaluated")


def test_bands_compare_like_the_curves_behind_them():
    rng = np.random.default_rng(3)
    phase = np.linspace(0, 2 * np.pi, 101)
    measured = 20 * np.sin(phase) + rng.normal(0, 4, (30, 1)) + rng.normal(0, 1, (30, 101))
    made = 15 * np.sin(phase + 0.3) + rng.normal(0, 1, (5, 101))
    band = Band.measure(measured)
    assert compare_curve(made, measured) == compare_curve(made, band)
    assert len(band) == 30


def test_segment_angles_are_those_of_the_model():
    rng = np.random.default_rng(1)
    position = np.zeros((5, len(COORDINATES)))
    for name in ("pelvis_tilt", "hip_flexion_r", "knee_angle_r", "ankle_angle_r"):
        position[:, COORDINATES.index(name)] = rng.uniform(0, 0.6, 5)
    points = compute_sagittal_points(position, compute_dimensions(ADULT))
    point = {name: points[f"{name}_r"] for name in ("knee", "ankle", "heel", "toe")} | {
        "hip": points["mid_hip"]
    }
    angles = compute_segment_angles(point)
    column = {name: np.degrees(position[:, COORDINATES.index(name)]) for name in COORDINATES}
    np.testing.assert_allclose(angles["thigh"], column["pelvis_tilt"] + column["hip_flexion_r"])
    np.testing.assert_allclose(angles["knee"], column["knee_angle_r"])
    np.testing.assert_allclose(angles["ankle"], column["ankle_angle_r"], atol=1e-9)


@pytest.mark.real_data("parkinson_joint_angles", "td_children_c3d")
def test_curves_of_real_people():
    from gaitlib.data import measured_curves

    table = measured_curves.summarise_joint_angles()
    sizes = table.groupby(["group", "medication"])["n_people"].first().to_dict()
    assert sizes == {("healthy_adult", ""): 42, ("parkinsons", "off"): 22, ("parkinsons", "on"): 22}
    angles, people = measured_curves.load_children()
    assert len(people) == 12 and {values.shape for values in angles.values()} == {(12, 101)}
    assert 40 < angles["knee"].mean(axis=0).max() < 75  # swing
    assert set(measured_curves.load_children_emg()) == {"rect_fem", "hamstrings", "gastroc", "tib_ant"}


def test_animation_loads_nothing_and_holds_what_it_shows():
    gait, d = _make_normal_gait(), compute_dimensions(ADULT)
    gait["speed_mps"] = 1.2
    text = animation.build_animation([animation.Walker("A <b>", gait, d, 74.0)] * 2, "two", "<p>Still</p>")
    assert "http" not in text and "src=" not in text and "import " not in text
    assert "<b>" not in text and '<div class="still"><p>Still</p></div>' in text and len(text) < 100_000
    data = json.loads(text.rpartition('getElementById("two"), "walk", ')[2].removesuffix(");</script>"))
    first = data["gaits"][0]
    assert len(data["gaits"]) == len(data["panels"]) == 2 and first["title"] == "A <b>"
    assert first["stride_s"] == 1.1 and first["length_m"] == pytest.approx(1.32)
    force, active, points = (_decode(first[name]) for name in ("force", "activation", "points"))
    assert force["r"][1::3].max() == round(100 * float(gait["ground_force"][::2].max()) / WEIGHT)
    assert len(active["l"]) == 51 * 9 and set(active["l"]) == {10}
    assert len(points) == 51 * 2 * len(data["points"])


def _decode(packed):
    if isinstance(packed, dict):
        return {name: _decode(values) for name, values in packed.items()}
    return np.frombuffer(base64.b64decode(packed), "<i2")


def test_levels_of_a_viewer_are_sorted_by_speed():
    d, walkers = compute_dimensions(ADULT), []
    for speed in (1.4, 0.9, 1.2):
        gait = _make_normal_gait()
        gait["speed_mps"] = speed
        walkers.append(animation.Walker(f"{speed} m/s", gait, d, 74.0))
    text = animation.build_viewer({"all": [walkers], "one": [[], walkers[:1]]}, ["one", "all"])
    assert text.index('"0.9 m/s"') < text.index('"1.2 m/s"') < text.index('"1.4 m/s"')
    assert '"panels":[1,0]' in text and '"levels":[{"first":3,"count":0},{"first":3,"count":1}]' in text


def test_an_impairment_is_said_shortly():
    row = pd.Series(Impairment().flatten())
    assert animation.describe_shortly(row) == "no impairment"
    row["weakness_plantarflexors_l"], row["contracture_hamstrings_r"] = 0.49, 0.8
    row["contracture_hamstrings_l"] = 0.8
    assert animation.describe_shortly(row) == "short hamstrings, weak left calf (49 % of normal)"


def test_a_picture_tints_what_is_impaired():
    row = pd.Series(Impairment().flatten())
    assert "<path" in draw_impairment(row, "healthy") and "#" not in draw_impairment(row, "healthy")
    row["weakness_plantarflexors_l"], row["limit_knee_r"] = 0.49, 20.0
    picture = draw_impairment(row, "weak <calf>")
    assert picture.count(WEAK) == 2 and picture.count("<circle") == 2, "two calf muscles, head and one knee"
    assert 'aria-label="weak &lt;calf&gt;"' in picture
    row["weakness_plantarflexors_l"] = 0.1
    pictures = picture, draw_impairment(row, "")
    shades = [float(re.search(rf'{WEAK}"[^/]*stroke-opacity="([.0-9]+)"', each)[1]) for each in pictures]
    assert shades[0] < shades[1], "weaker is deeper"


def test_what_cannot_be_packed_is_refused():
    for values in ([np.nan], [40000.0]):
        with pytest.raises(ValueError, match="missing or beyond"):
            encode(np.array(values))


def test_pressure_lies_where_the_ankle_moment_puts_it():
    """A vertical force 0.1 m ahead of the ankle plantarflexes with force times 0.1 m."""
    gait, d = _make_normal_gait(forward=np.zeros(101)), compute_dimensions(ADULT)
    force = gait["ground_force"].sel(foot="r", axis="y").values
    gait["joint_moment"].loc[{"coordinate": "ankle_angle_r"}] = -0.1 * force
    gait["position"].loc[{"coordinate": ["hip_flexion_r", "knee_angle_r", "ankle_angle_r"]}] = 0.0
    ankle = compute_sagittal_points(gait["position"].values, d)["ankle_r"][:, 0]
    centre = animation.compute_pressure_centre(gait, d)[:, 0]
    np.testing.assert_allclose(centre[force > 20], ankle[force > 20] + 0.1, atol=1e-9)
