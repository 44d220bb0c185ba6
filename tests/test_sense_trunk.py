"""Rise and sway of the trunk, and walks along a curve, as inertial sensors feel them."""

import numpy as np
import pytest
from sense_toys import make_library_walk

from gaitlib.sense.inertial import measure_motion
from gaitlib.sense.trunk_motion import expect_excursion, move_trunk
from gaitlib.walk import KEYPOINTS_3D

FPS, HEIGHT_M, LEG_M, SPEED_MPS = 100.0, 1.7, 0.9, 1.1
HIPS = [KEYPOINTS_3D.index(f"hip_{side}") for side in "rl"]
FEET = [n for n, name in enumerate(KEYPOINTS_3D) if any(p in name for p in ("ankle", "heel", "toe"))]


@pytest.fixture(scope="module")
def walk():
    """Points, and the phase counted on over strides: the right hip leads the sway of the built walk."""
    walk = make_library_walk(duration_s=8.0, fps=FPS)
    points = walk["keypoint_position"].values
    ahead = points[:, KEYPOINTS_3D.index("ankle_r"), 0] - points[:, KEYPOINTS_3D.index("ankle_l"), 0]
    peaks = np.flatnonzero((ahead[1:-1] > ahead[:-2]) & (ahead[1:-1] >= ahead[2:]) & (ahead[1:-1] > 0.2)) + 1
    turns = np.interp(np.arange(len(points)), peaks, np.arange(len(peaks)))
    inside = slice(peaks[0], peaks[-1])
    return points[inside], turns[inside]


@pytest.mark.parametrize(
    ("kind", "speed_mps", "expected_m"),
    [("rise", 0.7, 0.0274), ("rise", 1.6, 0.0483), ("sway", 0.7, 0.0699), ("sway", 1.6, 0.0385)],
)
def test_excursions_are_the_published_ones_for_published_bodies(kind, speed_mps, expected_m):
    assert expect_excursion(kind, speed_mps, 0.93) == pytest.approx(expected_m, rel=1e-6)


def test_excursions_scale_with_the_body_at_dynamically_similar_speed():
    small, large = (expect_excursion("rise", np.sqrt(leg), leg) / leg for leg in (0.5, 0.9))
    assert small == pytest.approx(large)
    assert expect_excursion("sway", 9.0, 0.9) > 0


@pytest.mark.parametrize("speed_mps", [0.5, 1.1, 1.7])
def test_trunk_rises_and_sways_as_far_as_asked_while_feet_stay(walk, speed_mps):
    points, turns = walk
    moved = move_trunk(points, turns, speed_mps, LEG_M, np.random.default_rng(0), 0.0)
    middle = moved[:, HIPS].mean(axis=1)
    assert np.ptp(middle[:, 1]) == pytest.approx(expect_excursion("rise", speed_mps, LEG_M), rel=0.2)
    assert np.ptp(middle[:, 2]) == pytest.approx(expect_excursion("sway", speed_mps, LEG_M), rel=0.1)
    np.testing.assert_array_equal(moved[:, FEET], points[:, FEET])
    np.testing.assert_array_equal(moved[..., 0], points[..., 0])


def test_people_differ_as_much_as_told(walk):
    points, turns = walk
    rng = np.random.default_rng(1)
    heights = [np.ptp(move_trunk(points, turns, 1.1, LEG_M, rng, 0.25)[:, HIPS, 2].mean(axis=1))
               for _ in range(200)]  # fmt: skip
    assert np.std(np.log(heights)) == pytest.approx(0.25, rel=0.2)


def test_a_curve_adds_rotation_and_centripetal_acceleration(walk):
    """Perfect sensor, constant rate: omega about the vertical and v omega to the left, nothing else."""
    points, rate = walk[0], 0.5
    straight, curved = (
        measure_motion(points, None, FPS, HEIGHT_M, ["lower_back"], FPS, turning_rad_s=turning)[:, 0]
        for turning in (None, np.full(len(points), rate))
    )
    middle = points[:, HIPS, 0].mean(axis=1)
    speed = (middle[-1] - middle[0]) * FPS / (len(points) - 1)
    change = (curved - straight)[20:-20]
    assert np.linalg.norm(change[:, 3:], axis=1) == pytest.approx(rate, rel=1e-6)
    assert change[:, 4].mean() == pytest.approx(rate, rel=0.1)
    sideways = change[:, :3] @ np.array([0.0, 0.0, 1.0])
    assert sideways.mean() == pytest.approx(-rate * speed, rel=0.1)
    none = measure_motion(
        points, None, FPS, HEIGHT_M, ["lower_back"], FPS, turning_rad_s=np.zeros(len(points))
    )
    np.testing.assert_allclose(none[:, 0], straight)
