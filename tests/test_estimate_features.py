"""The common sequence: what it must not depend on, and what the classical method makes of it."""

import numpy as np
import pytest
from toys import make_toy_walk

from gaitlib.errors import InputError
from gaitlib.estimate.baseline_estimators import LEG_SHARE_OF_HEIGHT, estimate_classical
from gaitlib.estimate.features import N_CHANNELS, SIDE_FEATURES, compute_features, find_rhythm, find_step_time
from gaitlib.sense.camera import Camera, build_camera, project_walk
from gaitlib.sense.layouts import build_image_keypoints


@pytest.fixture(scope="module")
def walk():
    return make_toy_walk(duration_s=5.0)


def look(walk, layout="walk19", view="side", **camera):
    return project_walk(walk, build_camera(view, **({"distance_m": 9.0} | camera)), layout)


def get_side(features):
    return dict(zip(SIDE_FEATURES, features.side.tolist(), strict=True))


def change_pixels(keypoints, pixels, **attributes):
    time_s, names = keypoints["time"].values, tuple(keypoints["keypoint"].values)
    return build_image_keypoints(time_s, pixels, None, keypoints.attrs | attributes, names)


def test_step_time_of_a_known_rhythm():
    time = np.arange(250) / 50
    wave = np.stack([np.sin(2 * np.pi * time / 1.13), 0.3 * np.cos(2 * np.pi * time / 1.13)], axis=1)
    step_time, rhythm = find_step_time(wave)
    assert step_time == pytest.approx(1.13 / 2, abs=0.004)
    assert rhythm > 0.9
    assert find_step_time(np.random.default_rng(0).standard_normal((250, 2)))[1] < 0.4


@pytest.mark.parametrize("step_s", [0.35, 0.62, 1.4])
def test_rhythm_is_found_among_tracks_that_show_none(step_s):
    """One clear track among noisy ones tells the step time, also of the slowest walkers; doubt is told."""
    rng, time = np.random.default_rng(0), np.arange(300) / 50
    noise = np.cumsum(rng.standard_normal((300, 7)), axis=0)
    clear = np.sin(np.pi * time / step_s)[:, None] + 0.1 * rng.standard_normal((300, 1))
    usual = np.log(step_s) + 0.2
    found, sd = find_rhythm(np.hstack([clear, noise[:, :6]]), noise[:, 6], usual)
    assert found == pytest.approx(step_s, rel=0.03) and sd < 0.15
    assert find_rhythm(noise, noise[:, 6], usual)[1] > sd


def test_the_size_of_the_image_does_not_matter(walk):
    keypoints = look(walk)
    attributes = {"image_width_px": 960, "image_height_px": 540}
    half = change_pixels(keypoints, keypoints["pixel_position"].values / 2, **attributes)
    first, second = compute_features(keypoints, 1.7), compute_features(half, 1.7)
    assert second.sequence == pytest.approx(first.sequence, abs=1e-4)
    assert second.side == pytest.approx(first.side, abs=1e-3)


def test_walking_to_the_left_is_the_same_as_to_the_right(walk):
    right, left = look(walk, view="side"), look(walk, view="side_left")
    first, second = (get_side(compute_features(k, 1.7)) for k in (right, left))
    assert second["total_speed"] == pytest.approx(first["total_speed"], rel=0.01)
    assert first["lateral_speed"] > 1 and second["lateral_speed"] > 1
    assert second["stance_speed"] == pytest.approx(first["stance_speed"], rel=0.05)


def test_frame_rate_hardly_matters(walk):
    sides = [get_side(compute_features(look(walk, fps=fps), 1.7)) for fps in (30.0, 60.0, 120.0)]
    for name in ("total_speed", "log_step_time", "ankle_spread_u"):
        values = [side[name] for side in sides]
        assert np.ptp(values) < 0.02 * max(1, abs(np.mean(values)))


def test_distance_and_focal_length_cancel_out(walk):
    sides = [
        get_side(compute_features(project_walk(walk, Camera(distance_m=d, focal_length_px=f)), 1.7))
        for d, f in ((9, 1000), (18, 2000))
    ]
    assert sides[0]["total_speed"] == pytest.approx(sides[1]["total_speed"], rel=0.01)


@pytest.mark.parametrize("view", ["front", "back", "oblique"])
def test_depth_gives_the_speed_where_the_focal_length_is_known(walk, view):
    keypoints = look(walk, view=view, distance_m=12.0)
    keypoints.attrs["focal_length_px"] = keypoints.attrs["camera_focal_length_px"]
    speed = get_side(compute_features(keypoints, 1.7))["total_speed"] * LEG_SHARE_OF_HEIGHT * 1.70
    assert speed == pytest.approx(1.2, rel=0.1)


@pytest.mark.parametrize("layout", ["coco17", "body25", "mediapipe33", "h36m17", "pig"])
def test_layouts_agree_on_what_they_share(walk, layout):
    first, second = (get_side(compute_features(look(walk, name), 1.7)) for name in ("walk19", layout))
    for name in ("total_speed", "log_step_time", "ankle_spread_u", "stance_speed"):
        assert second[name] == pytest.approx(first[name], abs=0.01)


def test_dropouts_are_bridged(walk):
    keypoints = look(walk)
    pixels = keypoints["pixel_position"].values.copy()
    pixels[100:108, 9:] = np.nan
    features = compute_features(change_pixels(keypoints, pixels), 1.7)
    assert not features.problem
    assert np.isfinite(features.sequence).all() and features.sequence.shape == (N_CHANNELS, 251)


def test_clips_that_cannot_be_used_say_why(walk):
    keypoints = look(walk)
    pixels = keypoints["pixel_position"].values
    assert "too short: 1.5" in compute_features(keypoints.isel(time=slice(0, 90))).problem
    gone = pixels.copy()
    gone[:, 11] = np.nan
    problem = compute_features(change_pixels(keypoints, gone)).problem
    assert "one hip, knee or ankle is known in only 0%" in problem
    sparse = pixels.copy()
    sparse[np.arange(len(sparse)) % 2 == 0] = np.nan
    assert "too few valid keypoints" in compute_features(change_pixels(keypoints, sparse)).problem
    assert "too small" in compute_features(change_pixels(keypoints, pixels / 40)).problem


def test_impossible_frame_rates_are_refused(walk):
    for fps in (None, 0, -30, 3, float("nan")):
        with pytest.raises(InputError, match="fps"):
            compute_features(look(walk).assign_attrs(fps=fps))


def test_classical_estimate_of_a_known_walk(walk):
    estimate = estimate_classical(look(walk, "coco17"))
    assert estimate.ok
    assert estimate.values["speed_mps"].value == pytest.approx(1.2, rel=0.04)
    assert estimate.values["step_time_s"].value == pytest.approx(0.62 / 1.2, abs=0.01)
    assert estimate.values["step_length_m"].value == pytest.approx(0.62, abs=0.06)
    assert np.isnan(estimate.values["speed_mps"].lower)


def test_classical_estimate_with_a_panning_camera_uses_the_steps(walk):
    values = estimate_classical(look(walk, motion="panning", distance_m=15.0)).values
    expected = values["step_length_m"].value / values["step_time_s"].value
    assert values["speed_mps"].value == pytest.approx(expected)


@pytest.mark.parametrize("view", ["front", "back", "oblique"])
def test_classical_estimate_from_the_front_is_as_good_as_the_focal_length(walk, view):
    keypoints = look(walk, view=view, distance_m=12.0)
    values = estimate_classical(keypoints).values
    assert values["step_time_s"].value == pytest.approx(0.62 / 1.2, abs=0.02)
    assert values["speed_mps"].value == pytest.approx(1.2, rel=0.15)  # by the lens of a usual phone
    keypoints.attrs["focal_length_px"] = keypoints.attrs["camera_focal_length_px"]
    values = estimate_classical(keypoints).values
    assert values["speed_mps"].value == pytest.approx(1.2, rel=0.05)
    assert values["step_length_m"].value == pytest.approx(0.62, rel=0.07)


def test_classical_estimate_without_height_gives_no_metres(walk):
    keypoints = look(walk).assign_attrs(height_m=float("nan"))
    values = estimate_classical(keypoints).values
    assert np.isnan(values["speed_mps"].value) and np.isfinite(values["step_time_s"].value)
    with pytest.raises(InputError, match="Give it in metres"):
        estimate_classical(keypoints, 172.0)


def test_classical_estimate_of_a_standing_person_abstains():
    still = make_toy_walk(duration_s=4.0)
    still["keypoint_position"].values[:] = still["keypoint_position"].values[:1]
    assert "too few steps" in estimate_classical(look(still)).status
