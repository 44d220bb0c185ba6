"""Walks built from planar gaits: what must stay as simulated, and what varies."""

import json
from dataclasses import replace

import numpy as np
import pytest
from toys import make_toy_gait
from transforms import stack_gaits

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.errors import InputError
from gaitlib.estimate.targets import OUTCOME_NAMES, find_walk_events, measure_window
from gaitlib.sense.body_walk import build_synthetic_walk, build_walk_motion, prepare_gaits
from gaitlib.sense.walk_variation import NO_VARIATION, WalkVariation
from gaitlib.walk import KEYPOINTS_3D, get_point

GAIT = make_toy_gait(1.2, 0.62)


def build(seed=0, **options):
    return build_synthetic_walk(GAIT, None, np.random.default_rng(seed), **({"duration_s": 6.0} | options))


def test_without_variation_the_walk_is_the_gait():
    outcomes = json.loads(build().attrs["outcomes"])
    assert outcomes["speed_mps"] == pytest.approx(1.2, rel=0.01)
    assert outcomes["step_length_m"] == pytest.approx(0.62, rel=0.01)
    assert outcomes["step_time_s"] == pytest.approx(0.62 / 1.2, rel=0.005)
    assert outcomes["stride_time_cv"] < 0.005


def test_the_loaded_foot_neither_slides_nor_sinks_even_when_varied():
    for seed in range(5):
        walk = build(seed, variation=WalkVariation(), fps=120.0)
        sole = np.stack([get_point(walk, name) for name in ("heel_r", "toe_r", "heel_l", "toe_l")])
        velocity = np.gradient(sole[..., 0], 1 / 120, axis=1)
        lowest = sole[..., 1].argmin(axis=0)
        sliding = np.abs(velocity[lowest, np.arange(velocity.shape[1])])
        assert np.median(sliding) < 0.1
        assert sole[..., 1].min() > -0.08


def test_body_segments_keep_their_length():
    walk = build(variation=WalkVariation(proportion_spread=0.0))
    body = compute_dimensions(prepare_gaits(GAIT).persons[0])
    shank = np.linalg.norm(get_point(walk, "knee_r") - get_point(walk, "ankle_r"), axis=1)
    arm = np.linalg.norm(get_point(walk, "shoulder_l") - get_point(walk, "elbow_l"), axis=1)
    assert shank == pytest.approx(np.full(len(shank), body.shank_m), rel=0.02)
    assert arm == pytest.approx(np.full(len(arm), body.upper_arm_m), rel=0.02)


def test_arms_swing_against_the_legs():
    walk = build(3)
    arm = (get_point(walk, "wrist_r") - get_point(walk, "shoulder_r"))[:, 0]
    leg = (get_point(walk, "ankle_r") - get_point(walk, "hip_r"))[:, 0]
    assert np.corrcoef(arm, leg)[0, 1] < -0.5


def test_equal_seeds_give_equal_walks_and_different_ones_do_not():
    first, again, other = (
        build(seed, variation=WalkVariation())["keypoint_position"].values for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_stride_time_varies_as_asked():
    walk = build(0, duration_s=60.0, variation=replace(NO_VARIATION, stride_time_cv=0.02))
    assert json.loads(walk.attrs["outcomes"])["stride_time_cv"] == pytest.approx(0.02, rel=0.4)


def test_a_larger_body_walks_larger_and_slower_steps(monkeypatch):
    gait = prepare_gaits(GAIT)

    def measure():
        motion = build_walk_motion(gait, np.random.default_rng(0), 8.0, 60.0)
        events = find_walk_events(motion.time_s, motion.points)
        return measure_window(events, 0.0, 8.0)

    usual = measure()
    lengths = {name: 1.2 * value for name, value in vars(gait.dimensions[0]).items() if name.endswith("_m")}
    monkeypatch.setattr("gaitlib.sense.body_walk.vary_proportions", lambda body, *_: replace(body, **lengths))
    taller = measure()
    assert taller[1] / usual[1] == pytest.approx(1.2, rel=0.02)
    assert taller[2] / usual[2] == pytest.approx(np.sqrt(1.2), rel=0.01)


def test_strides_of_several_gaits_follow_each_other_smoothly():
    gaits = stack_gaits([make_toy_gait(1.2, 0.62, gait_id="a"), make_toy_gait(1.1, 0.58, gait_id="b")])
    person = prepare_gaits(GAIT).persons[0]
    walk = build_synthetic_walk(gaits, person, np.random.default_rng(0), duration_s=8.0)
    assert 1.1 < json.loads(walk.attrs["outcomes"])["speed_mps"] < 1.2
    speed = np.linalg.norm(np.gradient(walk["keypoint_position"].values, 1 / 60, axis=0), axis=-1)
    assert speed.max() < 8.0


def test_quick_truth_agrees_with_the_definition():
    for seed in range(4):
        walk = build(seed, variation=WalkVariation())
        outcomes = json.loads(walk.attrs["outcomes"])
        events = find_walk_events(walk["time"].values, walk["keypoint_position"].values)
        truth = dict(zip(OUTCOME_NAMES, measure_window(events, 0.0, 60.0), strict=True))
        for name, value in truth.items():
            assert value == pytest.approx(outcomes[name], rel=2e-3, abs=1e-3), name


def test_wrong_input_is_named():
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="not both"):
        build_synthetic_walk(GAIT, None, rng, n_strides=3, duration_s=3.0)
    with pytest.raises(InputError, match="at least one stride"):
        build(duration_s=0.3)
    with pytest.raises(InputError, match="no attribute 'person'"):
        prepare_gaits(GAIT.drop_attrs(deep=False))
    with pytest.raises(InputError, match="1 persons for 2 gaits"):
        prepare_gaits(stack_gaits([GAIT, GAIT]), [prepare_gaits(GAIT).persons[0]])
    assert NO_VARIATION.stride_time_cv == 0
    assert len(KEYPOINTS_3D) == 19
