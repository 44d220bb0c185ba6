"""Rise and sway of the trunk, and walks along a curve, as inertial sensors feel them."""

import numpy as np
import pytest
from scipy.signal import butter, detrend, sosfiltfilt
from scipy.spatial.transform import Rotation
from sense_toys import make_library_walk

from gaitlib import load_library
from gaitlib.body.kinematics import PITCH_SEGMENTS
from gaitlib.data.packed import read_recording
from gaitlib.data.plug_in_gait import build_pelvis
from gaitlib.estimate.clip_sampler import InertialSamplerConfig, build_pool, sample_inertial_clips
from gaitlib.estimate.inertial_features import INERTIAL_FEATURES, LEG_SHARE, compute_inertial_arrays
from gaitlib.estimate.synthetic_training import list_persons
from gaitlib.estimate.targets import OUTCOME_NAMES
from gaitlib.gait import GRAVITY_MPS2
from gaitlib.sense.inertial import measure_motion
from gaitlib.sense.trunk_and_arms import (
    PELVIS_SHARE,
    PEOPLES_PELVIS_DEG,
    SURGE_SHARE,
    USUAL_STEP,
    expect_excursion,
    move_trunk,
    steady_pelvis,
)
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


ADULT_HEIGHT_M = 1.685


def test_excursions_scale_with_the_body_at_dynamically_similar_speed():
    small, large = (expect_excursion("rise", np.sqrt(leg), leg) / leg for leg in (0.5, 0.9))
    assert small == pytest.approx(large)
    assert expect_excursion("sway", 9.0, 0.9) > 0


def test_longer_steps_than_usual_at_a_speed_rise_by_their_square():
    usual = np.sqrt(USUAL_STEP * 1.25 / np.sqrt(GRAVITY_MPS2 * 0.93)) * 0.93
    assert usual == pytest.approx(np.sqrt(0.0063 * 60 * 1.25))  # step length over cadence is 0.0063 m min
    rises = [expect_excursion("rise", 1.25, 0.93, factor * usual) for factor in (1.0, 1.2)]
    assert rises[0] == pytest.approx(expect_excursion("rise", 1.25, 0.93))
    assert rises[1] == pytest.approx(1.44 * rises[0])


@pytest.mark.parametrize("speed_mps", [0.5, 1.1, 1.7])
def test_trunk_rises_and_sways_as_far_as_asked_while_feet_stay(walk, speed_mps):
    points, turns = walk
    moved = move_trunk(points, turns, speed_mps, LEG_M, np.random.default_rng(0), 0.0)
    middle = moved[:, HIPS].mean(axis=1)
    step_m = 0.5 * np.ptp(points[:, HIPS, 0].mean(axis=1)) / np.ptp(turns)
    rise_m = expect_excursion("rise", speed_mps, LEG_M, step_m)
    assert np.ptp(middle[:, 1]) == pytest.approx(rise_m, rel=0.2)
    assert np.ptp(middle[:, 2]) == pytest.approx(expect_excursion("sway", speed_mps, LEG_M), rel=0.1)
    np.testing.assert_array_equal(moved[:, FEET], points[:, FEET])
    surge, own = (detrend(values[:, HIPS, 0].mean(axis=1))[150:-150] for values in (moved, points))
    assert np.std(surge) == pytest.approx(SURGE_SHARE * np.std(own), rel=0.1)


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


def test_pelvis_keeps_its_mean_and_a_third_of_its_nod_and_the_rest_is_untouched():
    pitch = np.random.default_rng(0).normal(0.1, 0.2, (500, len(PITCH_SEGMENTS)))
    steadied = steady_pelvis(pitch, np.random.default_rng(0), 0.0)
    np.testing.assert_allclose(steadied[:, 0].mean(), pitch[:, 0].mean())
    np.testing.assert_allclose(np.ptp(steadied[:, 0]), PELVIS_SHARE * np.ptp(pitch[:, 0]))
    np.testing.assert_array_equal(steadied[:, 1:], pitch[:, 1:])


def test_simulated_adults_nod_as_far_as_people_once_the_share_is_taken():
    table, gaits = load_library().curves
    adults = table.query("verified and cohort == 'healthy_adult'")["gait_id"].to_list()
    tilt = np.degrees(gaits["position"].sel(gait=adults, coordinate="pelvis_tilt").values)
    assert PELVIS_SHARE * np.median(np.ptp(tilt, axis=1)) == pytest.approx(PEOPLES_PELVIS_DEG, rel=0.1)


@pytest.mark.real_data("adult_walk_3d_moco")
def test_a_lower_back_sensor_finds_a_pendulum_between_that_of_the_literature_and_of_the_adult_set_aside():
    """Step over that of a pendulum that rises as the trunk does: 1.25 in Zijlstra & Hof 2003."""
    markers = read_recording("adult_walk_3d_moco", "markers_walk.trc", "calibrate")["marker_position"]
    path = read_recording("adult_walk_3d_moco", "coordinates.sto", "calibrate")["position"]
    travel = path.sel(coordinate="pelvis_tx").values
    speed_mps = (travel[-1] - travel[0]) / float(path["time"][-1] - path["time"][0])
    real = compute_inertial_arrays(wear_on_sacrum(markers)[None], 100.0, [0], ADULT_HEIGHT_M)
    start, speed = INERTIAL_FEATURES.index("log_best_speed"), OUTCOME_NAMES.index("speed_mps")
    ratios = [
        clip.truth[speed] / (LEG_SHARE * clip.height_m * np.exp(clip.features.side[start]))
        for clip in sample_lower_back(0.9, 1.3)
    ]
    assert 1.25 < np.median(ratios) < speed_mps / (LEG_SHARE * ADULT_HEIGHT_M * np.exp(real.side[start]))


def test_a_lower_back_sensor_feels_what_that_of_the_adult_set_aside_feels():
    """Vertical, forward and turning of simulated adults at that speed, within a third of the real ones."""
    markers = read_recording("adult_walk_3d_moco", "markers_walk.trc", "calibrate")["marker_position"]
    real = compute_inertial_arrays(wear_on_sacrum(markers)[None], 100.0, [0], ADULT_HEIGHT_M)
    clips = sample_lower_back(1.15, 1.35)
    for name in ("log_vertical", "log_forward", "log_sagittal"):
        simulated = np.median([clip.features.side[INERTIAL_FEATURES.index(name)] for clip in clips])
        assert simulated == pytest.approx(real.side[INERTIAL_FEATURES.index(name)], abs=0.35), name


def sample_lower_back(slowest_mps, fastest_mps):
    table, gaits = load_library().curves
    adults = table.query("verified and cohort == 'healthy_adult'")
    adults = adults[adults["speed_mps"].between(slowest_mps, fastest_mps)]
    pool = build_pool(gaits.sel(gait=adults["gait_id"].to_list()), list_persons(adults))
    shares = dict.fromkeys(("several_share", "turning_share", "accelerometer_share"), 0.0)
    config = InertialSamplerConfig(lower_back_share=1.0, **shares)
    return sample_inertial_clips(pool, 150, np.random.default_rng(0), config)


def wear_on_sacrum(markers):
    """Signals of a perfect sensor on the sacrum, without the ends."""

    def get(name):
        low_pass = butter(4, 12.0, fs=100.0, output="sos")
        return sosfiltfilt(low_pass, markers.sel(marker=name).values, axis=0)

    pelvis = build_pelvis(get("R.ASIS"), get("L.ASIS"), (get("R.PSIS") + get("L.PSIS")) / 2, 0.0)
    axes = np.stack([pelvis[name] for name in ("forward", "up", "right")], axis=2)
    force = np.gradient(np.gradient(get("S2"), 0.01, axis=0), 0.01, axis=0) + [0.0, 9.80665, 0.0]
    turned = Rotation.from_matrix(axes)
    turning = (turned[:-1].inv() * turned[1:]).as_rotvec() / 0.01
    signals = np.hstack([np.einsum("nij,ni->nj", axes, force)[:-1], turning])
    return signals[8:-8]
