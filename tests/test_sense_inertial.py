"""Virtual inertial sensors against mechanics with known answers."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from sense_toys import make_library_walk
from toys import make_toy_walk
from transforms import mirror_walk

from gaitlib.body.kinematics import PITCH_SEGMENTS
from gaitlib.errors import InputError
from gaitlib.gait import GRAVITY_MPS2
from gaitlib.sense.inertial import SITES, InertialErrors, measure_motion, sense_motion
from gaitlib.sense.segments import compute_rotation, get_point
from gaitlib.walk import KEYPOINTS_3D

FPS = 200.0
HEIGHT_M = 1.7
PERFECT = InertialErrors().scale(0.0)
MIDDLE = slice(100, -100)


def stand():
    """Points of a person who stands upright."""
    places = {
        "head_top": (0, 1.7),
        "nose": (0.1, 1.6),
        "neck": (0, 1.5),
        "shoulder": (0, 1.4),
        "elbow": (0, 1.1),
    }
    places |= {
        "wrist": (0, 0.85),
        "hip": (0, 0.9),
        "knee": (0, 0.5),
        "ankle": (0, 0.08),
        "heel": (-0.06, 0.0),
    }
    places |= {"toe": (0.2, 0.0)}
    lateral = {"r": 0.1, "l": -0.1}
    rows = [
        (*places[n.removesuffix("_r").removesuffix("_l")], lateral.get(n[-1:], 0.0)) for n in KEYPOINTS_3D
    ]
    return np.array(rows)


def hold(points, n=800):
    return np.repeat(points[None], n, axis=0), np.zeros((n, len(PITCH_SEGMENTS)))


def measure(points, pitch, site, **options):
    return measure_motion(points, pitch, FPS, HEIGHT_M, [site], FPS, **options)[:, 0]


@pytest.fixture(scope="module")
def walk():
    return make_library_walk(fps=FPS)


@pytest.mark.parametrize("site", SITES)
def test_standing_still_is_one_g_up(site):
    signals = measure(*hold(stand()), site)
    assert signals == pytest.approx(np.tile([0, GRAVITY_MPS2, 0, 0, 0, 0], (800, 1)), abs=1e-6)


def test_a_swinging_leg_is_a_pendulum():
    """A straight leg swings about the hip: centripetal, tangential and gravity parts at the ankle sensor."""
    time_s = np.arange(1600) / FPS
    w = 2 * np.pi * 0.8
    angle, rate, bend = (
        0.5 * np.sin(w * time_s),
        0.5 * w * np.cos(w * time_s),
        -0.5 * w**2 * np.sin(w * time_s),
    )
    points, pitch = hold(stand(), len(time_s))
    hip = points[0, KEYPOINTS_3D.index("hip_r")]
    for name in ("knee_r", "ankle_r", "heel_r", "toe_r"):
        x, y = (points[0, KEYPOINTS_3D.index(name)] - hip)[:2]
        turned = [np.cos(angle) * x - np.sin(angle) * y, np.sin(angle) * x + np.cos(angle) * y]
        points[:, KEYPOINTS_3D.index(name), :2] = hip[:2] + np.stack(turned, axis=1)
    signals = measure(points, pitch, "ankle_r")
    x = 0.01 * HEIGHT_M
    y = -(0.9 - 0.08) + 0.03 * HEIGHT_M
    forward = -bend * y - rate**2 * x + GRAVITY_MPS2 * np.sin(angle)
    up = bend * x - rate**2 * y + GRAVITY_MPS2 * np.cos(angle)
    expected = np.stack([forward, up, 0 * up, 0 * up, 0 * up, rate], axis=1)
    assert signals[MIDDLE] == pytest.approx(expected[MIDDLE], abs=0.02)


def test_double_integration_returns_the_path(walk):
    """Turn the specific force into the room, take gravity off, integrate twice: the sensor's own path."""
    points, pitch = walk["keypoint_position"].values, walk["segment_pitch"].values
    signals = measure(points, pitch, "lower_back")
    rotation = compute_rotation(points, pitch, "pelvis")
    room = np.einsum("nij,nj->ni", rotation, signals[:, :3]) - [0, GRAVITY_MPS2, 0]
    offset = HEIGHT_M * np.array(SITES["lower_back"].offset_share)
    path = get_point(points, "mid_hip") + rotation @ offset
    moved = np.cumsum(np.cumsum(room, axis=0), axis=0) / FPS**2
    residual = (moved - path)[MIDDLE]
    samples = np.arange(len(residual))
    line = np.stack([np.polyval(np.polyfit(samples, r, 1), samples) for r in residual.T], axis=1)
    assert np.abs(residual - line).max() < 0.01
    assert np.ptp(path[:, 0]) > 6.0


@pytest.mark.parametrize(
    ("site", "segment"), [("shank_l", "shank_l"), ("foot_r", "foot_r"), ("chest", "trunk")]
)
def test_the_gyroscope_integrates_to_the_rotation_of_the_segment(walk, site, segment):
    points, pitch = walk["keypoint_position"].values, walk["segment_pitch"].values
    rotation = Rotation.from_matrix(compute_rotation(points, pitch, segment)[MIDDLE])
    rate = measure(points, pitch, site)[MIDDLE, 3:]
    steps = Rotation.from_rotvec(0.5 * (rate[1:] + rate[:-1]) / FPS)
    turned, error = rotation[0], []
    for step, true in zip(steps, rotation[1:], strict=True):
        turned = turned * step
        error.append((true.inv() * turned).magnitude())
    assert (rotation[0].inv() * rotation).magnitude().max() > np.deg2rad(2)
    assert max(error) < np.deg2rad(0.6)


def test_turning_the_sensor_turns_the_reading(walk):
    points, pitch = walk["keypoint_position"].values, walk["segment_pitch"].values
    errors = replace(PERFECT, misalignment_deg=20.0)
    straight = measure(points, pitch, "thigh_r", rng=np.random.default_rng(0), errors=PERFECT)
    turned = measure(points, pitch, "thigh_r", rng=np.random.default_rng(0), errors=errors)
    turn, residual, *_ = np.linalg.lstsq(straight[:, :3], turned[:, :3], rcond=None)
    assert turn @ turn.T == pytest.approx(np.eye(3), abs=0.02)
    assert straight[MIDDLE, 3:] @ turn == pytest.approx(turned[MIDDLE, 3:], abs=0.1)
    assert np.degrees(np.arccos((np.trace(turn) - 1) / 2)) > 5


def test_the_mirrored_walk_gives_the_mirrored_reading(walk):
    right = sense_motion(walk, ["shank_r", "wrist_l"])
    left = sense_motion(mirror_walk(walk), ["shank_l", "wrist_r"])
    assert left["acceleration"].values == pytest.approx(right["acceleration"].values * [1, 1, -1], abs=1e-6)
    turned = right["angular_velocity"].values * [-1, -1, 1]
    assert left["angular_velocity"].values == pytest.approx(turned, abs=1e-6)


def test_the_sampling_rate_does_not_change_the_motion(walk):
    slow = sense_motion(walk, ["shank_r"], fps=50.0)["angular_velocity"].values
    fast = sense_motion(walk, ["shank_r"], fps=100.0)["angular_velocity"].values
    assert fast[::2][: len(slow)] == pytest.approx(slow[: len(fast[::2])], abs=1e-6)


def test_a_real_walk_without_pitch_is_measured_too():
    walk = make_toy_walk(duration_s=4.0, fps=100.0)
    signals = sense_motion(walk, ["lower_back", "foot_r"])
    assert list(signals["sensor"].values) == ["lower_back", "foot_r"]
    assert signals["acceleration"].sel(sensor="lower_back").values[50:-50, 1].mean() == pytest.approx(
        9.81, abs=0.2
    )
    assert signals.attrs["person_id"] == "toy" and signals.attrs["fps"] == 100.0


def test_noise_bias_scale_and_range_have_the_stated_size():
    points, pitch = hold(stand(), 4000)
    rng = np.random.default_rng(1)
    noisy = measure(points, pitch, "chest", rng=rng, errors=replace(PERFECT, acceleration_noise=0.02))
    assert noisy[:, :3].std(axis=0) == pytest.approx(np.full(3, 0.02 * np.sqrt(FPS / 2)), rel=0.1)
    biased = [
        measure(*hold(stand()), "chest", rng=rng, errors=replace(PERFECT, gyroscope_bias_rad_s=0.05))[0, 3:]
        for _ in range(60)
    ]
    assert np.std(biased) == pytest.approx(0.05, rel=0.2)
    clipped = measure(points, pitch, "chest", rng=rng, errors=replace(PERFECT, acceleration_range_mps2=5.0))
    assert clipped[:, 1] == pytest.approx(np.full(len(clipped), 5.0))


def test_impacts_shake_the_landing_foot_most_and_leave_no_drift(walk):
    errors = replace(PERFECT, impact_mps2=20.0)
    sites = ["foot_r", "shank_r", "thigh_r", "lower_back", "chest", "foot_l"]
    plain, shaken = (
        sense_motion(walk, sites, 200.0, np.random.default_rng(2), e)["acceleration"].values
        for e in (PERFECT, errors)
    )
    shock = np.linalg.norm(shaken - plain, axis=-1)
    peaks = shock.max(axis=0)
    assert np.all(np.diff(peaks[:5]) < 0) and peaks[0] > 5.0
    landed = shock[:, 0] > 0.5 * peaks[0]
    assert shock[landed, 5].max() < 0.3 * peaks[0]
    assert abs((shaken - plain)[:, 3, 1].mean()) < 0.01


def test_soft_tissue_passes_gravity_and_changes_the_shake(walk):
    loose = replace(PERFECT, wobble_share=1.0)
    still = measure(*hold(stand()), "thigh_r", rng=np.random.default_rng(0), errors=loose)
    assert still[:, 1] == pytest.approx(np.full(len(still), GRAVITY_MPS2), abs=1e-6)
    plain, wobbling = (
        sense_motion(walk, ["shank_r"], 200.0, np.random.default_rng(0), e)["acceleration"].values[MIDDLE, 0]
        for e in (PERFECT, loose)
    )
    assert 0.2 < np.abs(wobbling - plain).max() < np.abs(plain).max()


def test_equal_seeds_give_equal_readings(walk):
    first, again = (
        sense_motion(walk, ["ankle_l"], 100.0, np.random.default_rng(4), InertialErrors()) for _ in range(2)
    )
    assert first.equals(again)


def test_wrong_input_is_named(walk):
    with pytest.raises(InputError, match="site 'hat' is unknown.*lower_back.*fps is 5.*give rng"):
        sense_motion(walk, ["hat"], fps=5.0, errors=InertialErrors())
    with pytest.raises(InputError, match="30 samples per second, expected 50"):
        sense_motion(make_toy_walk(duration_s=4.0, fps=30.0), ["chest"])
    gappy = walk.copy(deep=True)
    gappy["keypoint_position"].loc[{"keypoint": "knee_r"}] = np.nan
    with pytest.raises(InputError, match="keypoints knee_r have gaps"):
        sense_motion(gappy, ["shank_r"])
    with pytest.raises(InputError, match="impact_mps2.*must not be negative"):
        InertialErrors(impact_mps2=-1.0)
