"""Inertial sensors: what the common sequence must not depend on, clips that cannot be used, real walks."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.signal import butter, sosfiltfilt
from scipy.spatial.transform import Rotation
from sense_toys import make_library_walk, make_toy_set

from gaitlib.data.inertial_walks import split_steady_walking, split_turn_trial
from gaitlib.data.packed import read_recording
from gaitlib.door.answer import estimate_gait
from gaitlib.errors import InputError
from gaitlib.estimate.clip_sampler import (
    InertialSamplerConfig,
    build_pool,
    draw_turning,
    sample_inertial_clips,
)
from gaitlib.estimate.estimator import GaitEstimator
from gaitlib.estimate.estimator_network import NetworkConfig
from gaitlib.estimate.inertial_features import (
    INERTIAL_FEATURES,
    SITES,
    compute_inertial_features,
    find_period,
    get_site,
    resample_signals,
    strap_down,
)
from gaitlib.estimate.input_kind import INERTIAL, mirror_features, name_group
from gaitlib.estimate.predict import build_signals, estimate_clip
from gaitlib.estimate.synthetic_training import TrainingConfig, list_persons, train_estimator
from gaitlib.estimate.targets import measure_events
from gaitlib.gait import GRAVITY_MPS2
from gaitlib.sense.inertial import InertialErrors, measure_motion

STEP_S = 0.54


def make_signals(fps=100.0, duration_s=6.0, turn=None, site="lower_back"):
    """A trunk that bounces once per step, sways once per stride and tilts a little."""
    time = np.arange(int(duration_s * fps)) / fps
    step = 2 * np.pi * time / STEP_S
    acceleration = np.stack([0.8 * np.sin(step), 9.81 + 2 * np.cos(step), 0.7 * np.cos(step / 2)], axis=1)
    rotation = np.stack([0.1 * np.sin(step / 2), 0.3 * np.cos(step / 2), 0.4 * np.sin(step)], axis=1)
    turn = np.eye(3) if turn is None else turn
    return xr.Dataset(
        {
            "acceleration": (("time", "space"), acceleration @ turn),
            "angular_velocity": (("time", "space"), rotation @ turn),
        },
        attrs={"fps": fps, "site": site},
    )


def get_side(features):
    return dict(zip(INERTIAL_FEATURES, features.side.tolist(), strict=True))


@pytest.fixture(scope="module")
def clips():
    toys = make_toy_set(12)
    pool = build_pool(toys[1], list_persons(toys[0]))
    return sample_inertial_clips(pool, 40, np.random.default_rng(0), InertialSamplerConfig())


def test_the_period_of_a_known_rhythm():
    wave = np.sin(2 * np.pi * np.arange(300) / 50 / 0.567)[:, None]
    assert find_period(wave, 0.24, 1.1) == (pytest.approx(0.567, abs=0.003), pytest.approx(1.0, abs=0.01))


def test_the_orientation_of_the_sensor_does_not_matter():
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))[0]
    turn = turn * np.sign(np.linalg.det(turn))
    first, second = (compute_inertial_features(make_signals(turn=t), height_m=1.7) for t in (None, turn))
    assert second.sequence == pytest.approx(first.sequence, abs=1e-4)
    assert get_side(second)["log_step_time"] == pytest.approx(np.log(STEP_S / 0.55), abs=0.01)


def test_sway_from_side_to_side_is_not_read():
    sequence = compute_inertial_features(make_signals(), height_m=1.7).sequence[0]
    assert sequence[1].std() * 4.0 == pytest.approx(0.8 / np.sqrt(2), rel=0.1)


def test_the_sampling_rate_hardly_matters():
    sides = [get_side(compute_inertial_features(make_signals(fps), height_m=1.7)) for fps in (50.0, 128.0)]
    for name in ("log_step_time", "log_best_speed", "log_vertical"):
        assert sides[1][name] == pytest.approx(sides[0][name], abs=0.03)


def test_synthetic_clips_hold_their_step_time(clips):
    guess = np.array([0.55 * np.exp(get_side(clip.features)["log_step_time"]) for clip in clips])
    true = np.array([clip.truth[2] for clip in clips])
    assert np.median(np.abs(guess / true - 1)) < 0.02
    assert {len(clip.features.sites) for clip in clips} >= {1, 2}


def test_mirroring_exchanges_the_legs(clips):
    for clip in clips:
        turned = mirror_features(INERTIAL, clip.features)
        names = [SITES[site] for site in clip.features.sites]
        swapped = [n[:-1] + {"r": "l", "l": "r"}[n[-1]] if n[-2] == "_" else n for n in names]
        assert [SITES[site] for site in turned.sites] == swapped


def test_clips_that_cannot_be_used_say_why():
    signals = make_signals()
    assert "too short" in compute_inertial_features(make_signals(duration_s=1.5)).problem
    bare = signals.assign(acceleration=signals["acceleration"] - [0.0, 9.81, 0.0])
    assert "not gravity" in compute_inertial_features(bare).problem
    for site, scale, passes in (("shank_r", 1.4, True), ("lower_back", 1.4, False), ("foot_l", 0.8, False),
                                ("shank_r", 1 / 9.81, False), ("foot_l", 3.28, False)):  # fmt: skip
        scaled = signals.assign(acceleration=signals["acceleration"] * scale)
        assert ("not gravity" in compute_inertial_features(scaled, site).problem) != passes
    broken = signals.copy(deep=True)
    broken["acceleration"].values[100:150] = np.nan
    assert "gap" in compute_inertial_features(broken).problem
    with pytest.raises(InputError, match="acceleration missing"):
        compute_inertial_features(signals.drop_vars("acceleration"))
    with pytest.raises(InputError, match="expected one of lower_back"):
        get_site("elbow")
    with pytest.raises(InputError, match=r"expected \(time, 6\)"):
        build_signals(np.zeros((100, 4)), 100, "lower_back")
    with pytest.raises(InputError, match="both given"):
        estimate_gait(np.zeros((100, 6)), fps=100, site="lower_back", layout="coco17")


@pytest.mark.parametrize("site", ["lower_back", "shank_r"])
def test_an_accelerometer_alone_is_read_in_any_orientation_and_named_as_such(site):
    turn = np.linalg.qr(np.random.default_rng(2).standard_normal((3, 3)))[0]
    whole, *alone = (make_signals(turn=t, site=site) for t in (None, None, turn * np.linalg.det(turn)))
    first, second = (compute_inertial_features(one.drop_vars("angular_velocity"), None, 1.7) for one in alone)
    assert second.sequence == pytest.approx(first.sequence, abs=1e-4) and np.all(first.sequence[0, 2] == 0)
    assert [name_group(INERTIAL, one) for one in (compute_inertial_features(whole, None, 1.7), first)] == [
        site.removesuffix("_r"), "accelerometer alone"
    ]  # fmt: skip
    assert get_side(first)["log_step_time"] == pytest.approx(np.log(STEP_S / 0.55), abs=0.02)


def test_an_inertial_estimator_learns_and_comes_back(tmp_path):
    network = NetworkConfig("inertial", width=16, fine_dilations=(1,), coarse_dilations=(1,), n_clips=120,
                            chunk_clips=60, reuse=3.0, pretrain_clips=60)  # fmt: skip
    config = TrainingConfig(network, InertialSamplerConfig(lower_back_share=1.0, several_share=0.0), 0.4,
                            n_calibration=60, n_test=40, n_workers=0)  # fmt: skip
    estimator, history, errors = train_estimator(*make_toy_set(20), config, seed=0)
    assert len(history) == 2 and set(errors["view"]) == {"lower_back"}
    estimator.save(tmp_path / "worn.safetensors")
    loaded = GaitEstimator.load(tmp_path / "worn.safetensors")
    signals = make_signals()
    values = np.concatenate([signals[name] for name in ("acceleration", "angular_velocity")], axis=1)

    def ask(values, site):
        return estimate_clip(build_signals(values, 100, site), height_m=1.7, site=site, estimator=loaded)

    answer = ask(values, "lower_back")
    assert answer.status == estimator.predict(signals, 1.7).status
    unknown = ask(values[:, :3], "lower_back")
    assert "no training for this site: accelerometer alone" in unknown.status  # too few such clips here
    refused = ask(values, "wrist")
    assert "no training for this site: wrist" in refused.status
    with pytest.raises(InputError, match="hold no 'acceleration'"):
        loaded.predict(xr.Dataset(attrs={"fps": 30.0}))


def test_a_slow_turn_is_not_taken_for_walking():
    """Acceleration to the side that comes and goes within seconds does not change which way is forward."""
    straight, turning = make_signals(), make_signals()
    slow = 1.5 * np.sin(2 * np.pi * np.arange(600) / 100.0 / 6.0)
    turning["acceleration"][:, 2] += slow
    first, second = (compute_inertial_features(item).sequence[0, :2, 50:-50] for item in (straight, turning))
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.98


def make_events(steps_s, first="r"):
    """Initial contacts of alternating feet."""
    feet = "rl" if first == "r" else "lr"
    times = np.r_[0.0, np.cumsum(steps_s)]
    rows = [(feet[n % 2], "initial_contact", time) for n, time in enumerate(times)]
    return pd.DataFrame(rows, columns=["foot", "event", "time_s"])


def test_step_time_is_the_mean_of_both_sides_however_many_steps_each_has():
    limping = make_events([0.4, 0.6, 0.4, 0.6, 0.4])
    assert measure_events(limping, 3.0)["step_time_s"] == pytest.approx(0.5)
    assert measure_events(limping, 3.0)["step_time_asymmetry"] == pytest.approx(0.4)
    assert measure_events(limping, 3.0)["cadence_spm"] == pytest.approx(120)


@pytest.mark.parametrize("left_out", [0, 1, 2])
def test_left_out_contacts_leave_the_walk_between_them(left_out):
    steps_s = np.array([0.7, 0.6, *[0.5] * 8, 0.6, 0.8])
    inner = steps_s[left_out : len(steps_s) - left_out]
    whole, part = make_events(steps_s), make_events(inner, "rl"[left_out % 2])
    found = measure_events(whole, 10.0, left_out)
    for name in ("step_time_s", "step_time_asymmetry", "stride_time_cv"):
        assert found[name] == pytest.approx(measure_events(part, 10.0)[name])
    assert (found["step_time_s"] == pytest.approx(0.5)) == (left_out == 2)


def test_too_few_contacts_measure_nothing():
    assert measure_events(make_events([0.5] * 5), 3.0, left_out=2) == {}


def test_a_trial_with_a_turn_becomes_two_walks():
    signals = make_signals(duration_s=12.0).assign_coords(time=np.arange(1200) / 100.0)
    signals.attrs |= {"walk_start_s": 1.0, "turn_start_s": 5.5, "turn_end_s": 6.5, "walk_end_s": 11.0,
                      "height_m": 1.7, "age_years": 40.0, "person_id": "7"}  # fmt: skip
    contacts = np.arange(1.0, 11.0, STEP_S)
    rows = [("rl"[n % 2], "initial_contact", t) for n, t in enumerate(contacts)]
    rows += [("lr"[n % 2], "toe_off", t + 0.12) for n, t in enumerate(contacts)]
    events = pd.DataFrame(rows, columns=["foot", "event", "time_s"]).sort_values("time_s")
    walks = split_turn_trial(signals, events, "7-1")
    assert [walk.attrs["walk_id"] for walk in walks] == ["7-1-out", "7-1-back"]
    found = measure_events(walks[0].attrs["events"], float(walks[0]["time"].values[-1]))
    assert found["step_time_s"] == pytest.approx(STEP_S) and found["cadence_spm"] == pytest.approx(
        60 / STEP_S
    )
    assert found["stance_share"] == pytest.approx((STEP_S + 0.12) / (2 * STEP_S), abs=1e-6)
    assert found["double_support_share"] == pytest.approx(0.24 / (2 * STEP_S), abs=1e-6)


def test_steady_windows_come_from_the_feet_alone():
    fps, time = 128.0, np.arange(int(24 * 128)) / 128.0
    swing = 4 * np.maximum(np.sin(2 * np.pi * time / 1.1), 0) ** 3
    feet = {"foot_r": swing, "foot_l": np.roll(swing, int(0.55 * fps)), "lumbar": 0 * swing}
    turning = np.stack([np.stack([0 * s, 0 * s, s], axis=1) for s in feet.values()], axis=1)
    recording = xr.Dataset(
        {
            "acceleration": (("time", "sensor", "space"), np.full_like(turning, 5.6)),
            "angular_velocity": (("time", "sensor", "space"), turning),
            "freezing": ("time", (time > 9) & (time < 10)),
        },
        coords={"time": time, "sensor": list(feet), "space": ["x", "y", "z"]},
        attrs={"fps": fps, "person_id": "pt1"},
    )
    walks = split_steady_walking(recording, "r")
    assert [walk.attrs["walk_id"] for walk in walks] == ["r/0s", "r/11s"]
    assert walks[0].attrs["reference_step_time_s"] == pytest.approx(0.55, abs=0.005)


def test_a_turning_path_is_as_curved_in_a_short_clip_as_in_a_long_one():
    rng, config = np.random.default_rng(0), InertialSamplerConfig(turning_share=1.0)
    sizes = {n: [np.abs(draw_turning(n, rng, config)).max() for _ in range(200)] for n in (270, 1200)}
    assert max(map(max, sizes.values())) < 6 * config.turning_rad_s
    assert np.median(sizes[270]) > 0.5 * np.median(sizes[1200])


def test_a_lower_leg_or_foot_tells_its_speed_wherever_it_is_worn_and_without_body_height():
    walk = make_library_walk(6.0, 100.0)
    points, pitch = walk["keypoint_position"].values, walk["segment_pitch"].values
    hips = walk["keypoint_position"].sel(keypoint=["hip_r", "hip_l"], space="x").mean("keypoint").values
    speed, stride_s = (hips[-1] - hips[0]) / (len(hips) - 1) * 100.0, 1.1
    # placed anywhere along the shank, worn askew, and else a perfect sensor
    askew = replace(InertialErrors().scale(0.0), placement_share=1e-6, misalignment_deg=20.0)
    found = {}
    for site, within in {"shank_r": 0.13, "ankle_l": 0.08, "foot_r": 0.05}.items():
        own = [
            measure_motion(points, pitch, 100.0, 1.75, [site], 100.0, np.random.default_rng(n), askew)[:, 0]
            for n in range(8)
        ]
        found[site] = [strap_down(resample_signals(s, 100.0), site, stride_s, 1.6) for s in own]
        assert [one["speed"] for one in found[site]] == pytest.approx([speed] * 8, rel=within), site
    arms = [one["arm"] for one in found["shank_r"]]
    assert np.ptp(arms) > 0.08  # the fit sees that the sensor sits elsewhere
    assert strap_down(resample_signals(own[0], 100.0), "thigh_r", stride_s, 1.6) == {}
    blind = np.hstack([own[0][:, :3], np.zeros_like(own[0][:, 3:])])
    assert strap_down(resample_signals(blind, 100.0), "foot_r", stride_s, 1.6) == {}
    assert strap_down(resample_signals(own[0][:80], 100.0), "foot_r", stride_s, 1.6) == {}


@pytest.mark.real_data("adult_walk_3d_moco")
@pytest.mark.parametrize(("site", "place", "cluster", "within"), [
    ("foot_r", "R.MT5", ("R.Ankle", "R.Heel", "R.MT5", "R.Toe"), 0.03),
    ("shank_r", "R.SH2", ("R.Knee", "R.SH1", "R.SH2", "R.SH3", "R.Ankle"), 0.05),
    ("shank_r", "R.SH1", ("R.Knee", "R.SH1", "R.SH2", "R.SH3", "R.Ankle"), 0.1),
])  # fmt: skip
def test_sensors_on_the_leg_of_the_adult_set_aside_tell_the_speed_without_training(
    site, place, cluster, within
):
    markers = read_recording("adult_walk_3d_moco", "markers_walk.trc", "calibrate")["marker_position"]
    low_pass = butter(4, 15.0, fs=100.0, output="sos")
    points = sosfiltfilt(low_pass, markers.sel(marker=list(cluster)).values, axis=0)
    shape = points - points.mean(axis=1, keepdims=True)
    turned = Rotation.concatenate([Rotation.align_vectors(now, shape[0])[0] for now in shape])
    path = points[:, cluster.index(place)]
    force = np.gradient(np.gradient(path, 0.01, axis=0), 0.01, axis=0) + [0.0, GRAVITY_MPS2, 0.0]
    turning = (turned[:-1].inv() * turned[1:]).as_rotvec() / 0.01
    signals = np.hstack([turned[:-1].inv().apply(force[:-1]), turning])[8:-8]
    hips = markers.sel(marker=["R.ASIS", "L.ASIS"], space="x").mean("marker").values
    found = strap_down(resample_signals(signals, 100.0), site, 1.1, 1.6)
    assert found["speed"] == pytest.approx((hips[-1] - hips[0]) / 0.01 / (len(hips) - 1), rel=within)
