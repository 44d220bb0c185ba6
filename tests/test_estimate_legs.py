"""Leg angles as a camera sees them: right where nothing is in the way, the nearer leg first."""

import numpy as np
import pytest
from toys import make_toy_walk

from gaitlib.estimate.features import compute_features
from gaitlib.estimate.seen_legs import SEEN_ANGLES, compute_seen_angles
from gaitlib.events import detect_events
from gaitlib.outcomes import compute_leg_curves
from gaitlib.sense.observe import observe_walks
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
