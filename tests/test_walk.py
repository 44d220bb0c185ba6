"""The Walk: what it accepts, and where it goes."""

import numpy as np
import pytest
from toys import make_toy_walk, read_truth

from gaitlib.errors import InputError
from gaitlib.gait import swap_side
from gaitlib.walk import KEYPOINTS_3D, build_walk, find_progression, get_point, validate_walk

NAMES = {"walk_id": "w", "person_id": "p", "dataset": "simulated", "origin": "simulated"}


def build_plain(n=20, fps=50.0, **attributes):
    position = np.zeros((n, len(KEYPOINTS_3D), 3))
    position[..., 0] = np.arange(n)[:, None] / fps
    return np.arange(n) / fps, position, {**NAMES, **attributes}


def test_toy_is_a_plausible_walker():
    walk = make_toy_walk()
    for side in "rl":
        hip, knee, ankle = (get_point(walk, f"{joint}_{side}") for joint in ("hip", "knee", "ankle"))
        for upper, lower in ((hip, knee), (knee, ankle)):
            assert np.ptp(np.linalg.norm(lower - upper, axis=1)) < 1e-9  # segments keep their length
        assert (knee[:, 0] > (hip + ankle)[:, 0] / 2).all()  # knees bend forward
        assert get_point(walk, f"heel_{side}")[:, 1].min() > -1e-9  # nothing below the floor
        assert get_point(walk, f"toe_{side}")[:, 1].min() > -1e-9


def test_fps_and_unknown_attributes_are_filled_in():
    time_s, position, attributes = build_plain(fps=50.0)
    walk = build_walk(time_s, position, **attributes)
    assert walk.attrs["fps"] == pytest.approx(50.0)
    assert np.isnan(walk.attrs["height_m"]) and walk.attrs["subgroup"] == "unknown"


def test_rounded_time_stamps_are_uniform_enough():
    time_s, position, attributes = build_plain(n=100, fps=60.0)
    build_walk(np.round(time_s, 3), position, **attributes)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t, p, a: (t, p[:, :5], a), "shape"),
        (lambda t, p, a: (t[:-1], p, a), "shape"),
        (lambda t, p, a: (t[::-1], p, a), "increasing"),
        (lambda t, p, a: (np.delete(t, 7), np.delete(p, 7, axis=0), a), "not uniform"),
        (lambda t, p, a: (np.where(t > 0.1, np.nan, t), p, a), "finite"),
        (lambda t, p, a: (t, p * np.nan, a), "no known point"),
        (lambda t, p, a: (t, np.where(p == p[3, 0, 0], np.inf, p), a), "infinite"),
        (lambda t, p, a: (t, p, {**a, "fps": 25.0}), "fps"),
        (lambda t, p, a: (t, p, {**a, "fps": "fast"}), "fps"),
        (lambda t, p, a: (t, p, {**a, "origin": "dreamt"}), "origin"),
        (lambda t, p, a: (t, p, {k: v for k, v in a.items() if k != "person_id"}), "person_id"),
        (lambda t, p, a: (t[:1], p[:1], a), "at least 2"),
    ],
)
def test_malformed_walks_are_refused(spoil, message):
    time_s, position, attributes = spoil(*build_plain())
    with pytest.raises(InputError, match=message):
        build_walk(time_s, position, **attributes)


def test_all_problems_are_listed_at_once():
    walk = make_toy_walk(duration_s=1.0)
    del walk.attrs["dataset"]
    walk.attrs["origin"] = "dreamt"
    with pytest.raises(InputError, match=r"dataset.*dreamt"):
        validate_walk(walk)


@pytest.mark.parametrize("heading", [0.0, 0.7, np.pi / 2, np.pi, -2.5])
def test_the_direction_is_found_at_any_heading(heading):
    expected = [np.cos(heading), 0, np.sin(heading)]
    np.testing.assert_allclose(find_progression(make_toy_walk(heading_rad=heading)), expected, atol=1e-6)


def test_standing_has_no_direction():
    time_s, position, attributes = build_plain()
    with pytest.raises(InputError, match="too little"):
        find_progression(build_walk(time_s, 0 * position, **attributes))


def test_side_names():
    assert [swap_side(name) for name in ("r", "heel_l", "nose", "head_top")] == [
        "l",
        "heel_r",
        "nose",
        "head_top",
    ]


def test_unknown_keypoint_names_the_known_ones():
    with pytest.raises(InputError, match="mid_hip"):
        get_point(make_toy_walk(duration_s=1.0), "elbow")


def test_truth_lists_alternating_contacts():
    plan, events = read_truth(make_toy_walk(duration_s=5.0))
    feet = [event["foot"] for event in events if event["event"] == "initial_contact"]
    assert len(feet) > 6 and all(a != b for a, b in zip(feet[:-1], feet[1:], strict=True))
    assert plan.stride_time_s == pytest.approx(2 * 0.62 / 1.2)
