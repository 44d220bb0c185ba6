"""The detector error model does what its parameters say."""

from dataclasses import replace

import numpy as np
import pytest
from repository import load_script
from toys import make_toy_walk

from gaitlib.errors import InputError
from gaitlib.sense.camera import build_camera, project_walk
from gaitlib.sense.noise import (
    RESTLESS,
    DetectorErrors,
    apply_definition_bias,
    apply_detector_noise,
    compute_autocorrelation,
    find_far_side,
    find_partner,
    get_side,
    load_measured,
)
from gaitlib.walk import KEYPOINTS_3D

NONE = DetectorErrors().scale(0.0)


@pytest.fixture(scope="module")
def keypoints():
    return project_walk(make_toy_walk(duration_s=8.0), build_camera("side", distance_m=12.0), "mediapipe33")


def measure_error(keypoints, **sizes):
    errors = replace(NONE, **sizes)
    noisy = apply_detector_noise(keypoints, np.random.default_rng(0), errors)
    return noisy, (noisy["pixel_position"] - keypoints["pixel_position"]).values


def get_height_px(keypoints):
    return np.median(np.ptp(keypoints["pixel_position"].values[..., 1], axis=1)) * 1.05


def test_a_perfect_detector_changes_nothing(keypoints):
    noisy, error = measure_error(keypoints)
    assert np.abs(error).max() == 0
    assert noisy["confidence"].values.min() > 0.8


def test_jitter_has_the_stated_size(keypoints):
    _, error = measure_error(keypoints, jitter_share=0.01, far_side_factor=1.0)
    nose = error[:, list(keypoints["keypoint"].values).index("nose")]
    assert nose.std() == pytest.approx(0.01 * RESTLESS["nose"] * get_height_px(keypoints), rel=0.1)


def test_bias_is_constant_and_drift_is_slow(keypoints):
    _, bias = measure_error(keypoints, bias_share=0.01)
    assert np.ptp(bias, axis=0).max() < 1e-9 and np.abs(bias).max() > 0
    _, drift = measure_error(keypoints, drift_share=0.01)
    assert np.diff(drift, axis=0).std() < 0.6 * drift.std()


def test_simulated_errors_have_the_measured_correlation_in_time(keypoints):
    """White noise and drift fitted to real video come back from simulated errors of that size."""
    errors = DetectorErrors()
    sizes = {name: getattr(errors, name) for name in ("jitter_share", "drift_share", "drift_time_s")}
    _, error = measure_error(keypoints, **sizes, far_side_factor=1.0)
    windows = np.stack(np.split(error[:400], 4))
    correlation = compute_autocorrelation(windows - windows.mean(axis=1, keepdims=True), 31)
    white, time_s, kept = load_script("measure_detector").fit_correlation(
        correlation, keypoints.attrs["fps"], 100
    )
    assert 0.7 < kept < 1.0
    variances = errors.jitter_share**2, errors.drift_share**2
    assert white == pytest.approx(variances[0] / sum(variances), abs=0.06)
    assert time_s == pytest.approx(errors.drift_time_s, rel=0.2)
    measured = load_measured()
    simulated = np.interp(np.array(measured["lags_s"]) * 60, np.arange(31), correlation)
    assert np.abs(simulated - measured["autocorrelation"]).max() < 0.08


def test_the_defaults_are_the_measured_sizes():
    measured = load_measured()
    defaults = {name: getattr(DetectorErrors(), name) for name in measured["errors"]}
    assert defaults == measured["errors"]
    assert {joint: RESTLESS[joint] for joint in measured["restless"]} == measured["restless"]


def test_a_wrong_scale_stretches_the_body_about_its_middle(keypoints):
    noisy, error = measure_error(keypoints, scale_share=0.05)
    before, after = (k["pixel_position"].values - k["pixel_position"].values.mean(axis=1, keepdims=True)
                     for k in (keypoints, noisy))  # fmt: skip
    factor = (before * after).sum() / (before**2).sum()
    assert abs(factor - 1) > 0.001
    assert after == pytest.approx(factor * before, abs=1e-6)
    assert np.abs(error.mean(axis=1)).max() < 1e-6


def test_lost_frames_lose_every_point_at_once(keypoints):
    noisy, _ = measure_error(keypoints, lost_share=0.1)
    missing = ~np.isfinite(noisy["pixel_position"].values).all(axis=-1)
    assert np.array_equal(missing.any(axis=1), missing.all(axis=1))
    assert 0.01 < missing.mean() < 0.3


def test_confidence_is_lower_on_the_side_away_from_the_camera(keypoints):
    noisy, _ = measure_error(keypoints, doubt_share=0.05)
    left, right = (
        noisy["confidence"].sel(keypoint=f"{side}_knee").values.mean() for side in ("left", "right")
    )
    assert right == pytest.approx(0.95, abs=0.04)
    assert left < right - 0.05
    assert [find_far_side(azimuth) for azimuth in (0, 10, 45, 90, 180, 270, 350)] == [
        "",
        "",
        "l",
        "l",
        "",
        "r",
        "",
    ]


def test_dropouts_have_the_stated_share_and_no_confidence(keypoints):
    noisy, _ = measure_error(keypoints, dropout_share=0.1)
    missing = ~np.isfinite(noisy["pixel_position"].values).all(axis=-1)
    assert missing.mean() == pytest.approx(0.1, abs=0.03)
    assert np.all(noisy["confidence"].values[missing] == 0)


def test_swaps_exchange_the_legs_only(keypoints):
    noisy, error = measure_error(keypoints, swap_rate_hz=2.0)
    names = list(keypoints["keypoint"].values)
    left, right = names.index("left_ankle"), names.index("right_ankle")
    swapped = np.abs(error[:, left]).max(axis=-1) > 1e-9
    assert 0.03 < swapped.mean() < 0.6
    expected = keypoints["pixel_position"].values[swapped, right]
    assert np.array_equal(noisy["pixel_position"].values[swapped, left], expected)
    assert np.abs(error[:, names.index("left_wrist")]).max() == 0


def test_equal_seeds_give_equal_errors(keypoints):
    first, again = (apply_detector_noise(keypoints, np.random.default_rng(5)) for _ in range(2))
    assert first.equals(again)


def test_definition_bias_is_symmetric_and_fixed_to_the_body():
    points = np.zeros((3, 19, 3))
    moved = apply_definition_bias(points, KEYPOINTS_3D, 1.7, np.random.default_rng(0), 0.02)
    assert np.ptp(moved, axis=0).max() == 0
    right, left = (moved[0, KEYPOINTS_3D.index(f"hip_{side}")] for side in "rl")
    assert np.linalg.norm(right - left * [1, 1, -1]) < np.linalg.norm(right)


def test_shoulders_and_trunks_are_marked_less_alike_than_hips():
    """How high detectors put shoulders over hips must not tell the size of a body."""
    rng, points = np.random.default_rng(0), np.zeros((1, 19, 3))
    moved = np.array([apply_definition_bias(points, KEYPOINTS_3D, 1.7, rng, 0.02)[0] for _ in range(400)])
    spread = {
        name: moved[:, KEYPOINTS_3D.index(f"{name}_r"), 1].std() for name in ("shoulder", "hip", "knee")
    }
    assert spread["shoulder"] > 2 * spread["hip"] > 2 * spread["knee"] > 0.03
    nose, neck, hip = (moved[:, KEYPOINTS_3D.index(name), 1] for name in ("nose", "neck", "hip_r"))
    assert np.corrcoef(nose, neck)[0, 1] > 0.6 > abs(np.corrcoef(nose, hip)[0, 1]) + 0.4


def test_sides_and_partners_are_told_from_names():
    names = ["nose", "left_knee", "right_knee", "mouth_left", "mouth_right", "knee_l", "knee_r"]
    assert [get_side(name) for name in names] == ["", "l", "r", "l", "r", "l", "r"]
    assert find_partner(names).tolist() == [0, 2, 1, 4, 3, 6, 5]


def test_negative_sizes_are_refused():
    with pytest.raises(InputError, match="jitter_share"):
        DetectorErrors(jitter_share=-0.1)
