"""Legs as a camera sees them: angles are right where nothing is in the way, outcomes told from the side."""

import numpy as np
import pandas as pd
import pytest
from toys import make_toy_walk

from gaitlib.door.answer import estimate_gait
from gaitlib.estimate.features import compute_features
from gaitlib.estimate.leg_training import measure_legs, score_legs
from gaitlib.estimate.seen_legs import (
    LEG_UNITS,
    SEEN_ANGLES,
    LegReader,
    compute_seen_angles,
    load_shipped_reader,
)
from gaitlib.estimate.synthetic_training import list_persons, split_people
from gaitlib.evaluate.waveforms import score_deviation
from gaitlib.events import detect_events
from gaitlib.generate.learnable_gaits import select_verified
from gaitlib.outcomes import OUTCOMES, compute_leg_curves, compute_walk_outcomes
from gaitlib.sense.observe import observe_walks
from gaitlib.simulate.library import load_library
from gaitlib.verbs import build_walk, observe_camera
from gaitlib.walk import KEYPOINTS_3D, get_point

WALK = make_toy_walk(step_length_asymmetry=0.25)


def look(view, layout="body25"):
    (clip,) = observe_walks([WALK], [view], layout, 60.0, 0.0, 1)
    return compute_features(clip, WALK.attrs["height_m"])


def get_true():
    points = {name: get_point(WALK, name) for name in KEYPOINTS_3D}
    found = compute_leg_curves(WALK["time"].values, points, detect_events(WALK))
    return np.stack([found[name] for name in SEEN_ANGLES])


@pytest.mark.parametrize(("view", "turn"), [("side", 1), ("side_left", -1)])
def test_a_clear_side_view_shows_the_angles_nearer_leg_first(view, turn):
    features, true = look(view), get_true()
    seen = compute_seen_angles(features)
    assert features.mirrored == (turn < 0)
    off = np.abs(seen - true[:, ::turn]).mean(axis=(1, 2))
    assert (off[:3] < 4).all() and off[3] < 6  # the camera's perspective and the smoothing of clips
    other = np.abs(seen - true[:, ::-turn]).mean(axis=(1, 2))
    assert (off[:2] < other[:2]).all()


def test_a_layout_without_feet_shows_no_sole():
    seen = compute_seen_angles(look("side", "coco17"))
    assert np.isnan(seen[2:]).all() and np.isfinite(seen[:2]).all()


def test_a_leg_without_a_whole_stride_is_not_read():
    points = {name: get_point(WALK, name) for name in KEYPOINTS_3D}
    events = detect_events(WALK)
    first = events[events["event"] == "initial_contact"].iloc[:2]
    assert np.isnan(compute_leg_curves(WALK["time"].values, points, first)["knee"]).all()


@pytest.fixture(scope="module")
def held_out():
    """Walks of simulated people of all cohorts whom no estimator has met."""
    table, gaits = select_verified(*load_library().curves)
    rows = split_people(table, 0.2, 2025)[2]
    rows = np.random.default_rng(4).choice(rows, 12, replace=False)
    people = list_persons(table.iloc[rows])
    return [
        build_walk(gaits.isel(gait=int(row)), who, variability=0.7)
        for row, who in zip(rows, people, strict=True)
    ]


def film(walk, view, layout="body25"):
    return estimate_gait(observe_camera(walk, view=view, layout=layout), height_m=walk.attrs["height_m"])


def test_from_the_side_legs_are_answered_with_intervals_that_hold(held_out):
    rows = []
    for walk in held_out:
        true, answer = compute_walk_outcomes(walk), film(walk, "side")
        found = {name: item for name, item in answer.values.items() if name in LEG_UNITS}
        assert set(found) in (set(), set(LEG_UNITS))
        assert all(item.unit == LEG_UNITS[name] for name, item in found.items())
        for name, item in found.items():
            if name in OUTCOMES:
                assert item.unit == OUTCOMES[name].unit == "deg"
                inside = item.lower <= true[name] <= item.upper
                rows.append({"outcome": name, "true": true[name], "read": item.value, "inside": inside})
    table = pd.DataFrame(rows)
    assert (table["outcome"].value_counts() >= 10).all() and table["inside"].mean() >= 0.7
    for name, own in table.groupby("outcome"):
        guessed = (own["true"] - own["true"].mean()).abs().mean()
        assert (own["read"] - own["true"]).abs().mean() < guessed, name


@pytest.mark.parametrize("view", ["front", "back", "oblique"])
def test_a_view_that_does_not_show_the_legs_from_the_side_does_not_tell_them(held_out, view):
    answers = [answer for answer in (film(walk, view) for walk in held_out[:7]) if answer.ok]
    assert len(answers) >= 3
    assert not any(LEG_UNITS.keys() & answer.values.keys() for answer in answers)


def test_what_is_stated_of_the_view_counts(held_out):
    for walk in held_out[:5]:
        clip = observe_camera(walk, layout="body25")
        told = [estimate_gait(clip, height_m=walk.attrs["height_m"], view=view) for view in ("side", "front")]
        if told[0].ok and LEG_UNITS.keys() <= told[0].values.keys():
            assert "speed_mps" in told[1].values and not LEG_UNITS.keys() & told[1].values.keys()
            return
    pytest.fail("no walk was read from the side")


def test_without_heels_and_toes_the_knee_alone_is_told(held_out):
    for walk in held_out[:5]:
        found = LEG_UNITS.keys() & film(walk, "side", "coco17").values.keys()
        assert found in (set(), {"knee_range_deg", "knee_flexion_peak_deg"})


def test_the_bouts_and_the_text_hold_them_too(held_out):
    answer = film(held_out[1], "side")
    assert "knee_range_deg" in answer.bouts[0]["values"] and "sagittal_deviation_index" in answer.describe()
    assert answer.to_dict()["knee_range_deg"]["unit"] == "deg"


def test_the_index_is_that_of_the_evaluation_and_a_reader_survives_its_file(tmp_path):
    rng = np.random.default_rng(0)
    normal, people = rng.normal(0, 5, (150, 3, 101)), rng.normal(0, 5.3, (5, 4, 2, 101))
    names = SEEN_ANGLES[:3]
    sides = [
        score_deviation(
            {name: people[:, n, leg] for n, name in enumerate(names)},
            {name: normal[:, n] for n, name in enumerate(names)},
        )
        for leg in (0, 1)
    ]
    assert score_legs(people, normal) == pytest.approx(np.mean(sides, axis=0), abs=2)  # not one out
    reader, features = load_shipped_reader(), look("side")
    again = LegReader.load(reader.save(tmp_path / "legs.safetensors"))
    assert again.read(features) == reader.read(features)


def test_legs_of_a_known_gait_are_measured_right():
    """A leg that swings at the hip and does not bend: no range, no flexion, and the sole as it is held."""
    turns = np.linspace(0, 2 * np.pi, 101)
    curves = np.zeros((1, 4, 2, 101))
    curves[0, 0] = 25 * np.cos(turns)
    curves[0, 3] = 12.0
    curves[0, 1, 1] = 30 - 30 * np.cos(turns)
    normal = np.random.default_rng(0).normal(0, 5, (40, 3, 101))
    knee_range, peak, strike, index = measure_legs(curves, normal)[0]
    assert (knee_range, peak, strike) == pytest.approx((30.0, 30.0, 12.0)) and index < 90
