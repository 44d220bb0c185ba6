"""Gait parameters against walkers whose answers are known."""

import json

import numpy as np
import pandas as pd
import pytest
from toys import STRIKE_PITCH, make_toy_gait, make_toy_walk, read_truth
from transforms import mirror_walk, resample_walk

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.errors import InputError
from gaitlib.outcomes import OUTCOMES, compute_gait_outcomes, compute_walk_outcomes, explain_missing
from gaitlib.person import Person

WALKERS = {
    "adult": {},
    "very slow": {"speed_mps": 0.3, "step_length_m": 0.3, "duration_s": 12},
    "slow": {"speed_mps": 0.6, "step_length_m": 0.42, "stance_share": 0.68},
    "fast": {"speed_mps": 1.8, "step_length_m": 0.8},
    "child": {"speed_mps": 1.1, "step_length_m": 0.45, "height_m": 1.05, "age_years": 5},
    "tall": {"speed_mps": 1.4, "step_length_m": 0.85, "height_m": 2.05},
    "uneven": {"step_time_asymmetry": 0.15, "step_length_asymmetry": 0.2},
}
LENGTHS = ("step_length_m", "stride_length_m", "step_width_m")
TIMES = ("step_time_s", "stride_time_s")


def check_against_plan(outcomes, plan):
    assert outcomes["speed_mps"] == pytest.approx(plan.speed_mps, rel=0.01)
    assert outcomes["step_length_m"] == pytest.approx(plan.step_length_m, rel=0.01)
    assert outcomes["stride_length_m"] == pytest.approx(2 * plan.step_length_m, rel=0.01)
    assert outcomes["step_time_s"] == pytest.approx(plan.step_time_s, abs=0.005)
    assert outcomes["stride_time_s"] == pytest.approx(plan.stride_time_s, abs=0.005)
    assert outcomes["cadence_spm"] == pytest.approx(60 / plan.step_time_s, rel=0.01)


@pytest.mark.parametrize("walker", WALKERS)
@pytest.mark.parametrize("fps", [24, 30, 60, 100, 200])
def test_the_plan_is_recovered(walker, fps):
    walk = make_toy_walk(fps=fps, **WALKERS[walker])
    plan, _ = read_truth(walk)
    outcomes = compute_walk_outcomes(walk)
    assert set(outcomes) == set(OUTCOMES) and explain_missing(outcomes) == {}
    check_against_plan(outcomes, plan)
    assert outcomes["step_width_m"] == pytest.approx(plan.step_width_m, rel=0.01)
    assert outcomes["stance_share"] == pytest.approx(plan.stance_share, abs=0.01)
    assert outcomes["double_support_share"] == pytest.approx(plan.double_support_share, abs=0.015)
    assert outcomes["stride_time_cv"] < 0.005
    assert outcomes["step_time_asymmetry"] == pytest.approx(plan.step_time_asymmetry, abs=0.01)
    assert outcomes["step_length_asymmetry"] == pytest.approx(plan.step_length_asymmetry, abs=0.01)


@pytest.mark.parametrize("walker", WALKERS)
@pytest.mark.parametrize("fps", [30, 100])
def test_the_plan_is_recovered_from_noisy_points(walker, fps):
    walk = make_toy_walk(fps=fps, noise_m=0.004, rng=np.random.default_rng(5), **WALKERS[walker])
    check_against_plan(compute_walk_outcomes(walk), read_truth(walk)[0])


def test_known_events_give_the_plan_exactly():
    walk = make_toy_walk(fps=200)
    plan, truth = read_truth(walk)
    outcomes = compute_walk_outcomes(walk, pd.DataFrame(truth))
    assert outcomes["stance_share"] == pytest.approx(plan.stance_share, abs=1e-9)
    assert outcomes["double_support_share"] == pytest.approx(plan.double_support_share, abs=1e-9)
    assert outcomes["step_time_s"] == pytest.approx(plan.step_time_s, abs=1e-9)
    assert outcomes["speed_mps"] == pytest.approx(plan.speed_mps, rel=1e-9)
    assert outcomes["step_length_m"] == pytest.approx(plan.step_length_m, rel=1e-3)


def test_mirror_changes_no_outcome():
    walk = make_toy_walk(step_time_asymmetry=0.1, step_length_asymmetry=0.15)
    assert compute_walk_outcomes(mirror_walk(walk)) == pytest.approx(compute_walk_outcomes(walk), abs=1e-9)


@pytest.mark.parametrize("heading", [np.pi, 0.8])
def test_direction_changes_no_outcome(heading):
    straight = compute_walk_outcomes(make_toy_walk(step_length_asymmetry=0.1))
    turned = compute_walk_outcomes(make_toy_walk(step_length_asymmetry=0.1, heading_rad=heading))
    assert turned == pytest.approx(straight, abs=1e-4)


def test_doubling_the_frame_rate_changes_nothing():
    walk = make_toy_walk(fps=60)
    once, twice = compute_walk_outcomes(walk), compute_walk_outcomes(resample_walk(walk, 120))
    for name, value in once.items():  # a foot that lands turns by a degree from frame to frame
        assert twice[name] == pytest.approx(value, abs=0.5 if name.endswith("_deg") else 0.003), name


def test_angles_of_knee_and_sole_are_those_that_were_built():
    walk = compute_walk_outcomes(make_toy_walk(fps=200))
    assert walk["foot_strike_angle_deg"] == pytest.approx(np.rad2deg(STRIKE_PITCH), abs=0.5)
    gait = make_toy_gait()
    knee = np.degrees(gait["position"].sel(coordinate=["knee_angle_r", "knee_angle_l"]).values)
    found = compute_gait_outcomes(gait)
    assert found["knee_range_deg"] == pytest.approx(np.ptp(knee, axis=0).mean(), abs=0.5)
    assert found["knee_flexion_peak_deg"] == pytest.approx(knee.max(axis=0).mean(), abs=0.5)


def test_an_unknown_knee_leaves_its_angles_unknown():
    found = compute_walk_outcomes(cut(make_toy_walk(), 0, 99, ["knee_r", "knee_l"]))
    assert np.isnan(found["knee_range_deg"]) and np.isfinite(found["foot_strike_angle_deg"])
    assert "knee_range_deg" in explain_missing(found)


@pytest.mark.parametrize("scale", [0.6, 1.2])
def test_scaling_the_body_scales_lengths_only(scale):
    walk = make_toy_walk(step_length_asymmetry=0.1)
    scaled = walk.copy(deep=True)
    scaled["keypoint_position"] = scale * walk["keypoint_position"]
    before, after = compute_walk_outcomes(walk), compute_walk_outcomes(scaled)
    for name in OUTCOMES:
        factor = scale if name in LENGTHS or name == "speed_mps" else 1.0
        assert after[name] == pytest.approx(factor * before[name], rel=1e-6, abs=1e-6), name


def test_stretching_time_stretches_times_only():
    fast = compute_walk_outcomes(make_toy_walk(speed_mps=1.2, fps=80, duration_s=4))
    slow = compute_walk_outcomes(make_toy_walk(speed_mps=0.6, fps=40, duration_s=8))
    for name in LENGTHS + TIMES:
        assert slow[name] == pytest.approx((2 if name in TIMES else 1) * fast[name], rel=0.005), name


def test_reversing_the_order_of_feet_needs_no_even_number_of_steps():
    """An odd step must not pull the mean of uneven steps towards its side."""
    for duration_s in (3.0, 3.6, 4.2):
        walk = make_toy_walk(
            fps=100, step_time_asymmetry=0.2, step_length_asymmetry=0.2, duration_s=duration_s
        )
        check_against_plan(compute_walk_outcomes(walk), read_truth(walk)[0])


def cut(walk, start_s, end_s, keypoints):
    walk = walk.copy(deep=True)
    walk["keypoint_position"].loc[{"keypoint": keypoints, "time": slice(start_s, end_s)}] = np.nan
    return walk


def test_a_long_gap_costs_its_steps_and_spoils_nothing():
    walk = make_toy_walk(fps=100, duration_s=10)
    plan, _ = read_truth(walk)
    whole = compute_walk_outcomes(walk)
    feet = ["heel_r", "heel_l", "toe_r", "toe_l", "ankle_r", "ankle_l", "hip_r", "hip_l"]
    gappy = compute_walk_outcomes(cut(walk, 4.0, 5.5, feet))
    assert 3 <= whole["n_steps"] - gappy["n_steps"] <= 5
    check_against_plan(gappy, plan)
    assert gappy["stride_time_cv"] < 0.01


def test_short_gaps_cost_nothing():
    walk = make_toy_walk(fps=100)
    spoilt = cut(walk, 3.0, 3.075, ["heel_r", "hip_l"])
    assert compute_walk_outcomes(spoilt) == pytest.approx(compute_walk_outcomes(walk), abs=0.01)


@pytest.mark.parametrize("duration_s", [0.6, 0.95])
def test_fewer_than_two_steps_give_reasons(duration_s):
    outcomes = compute_walk_outcomes(make_toy_walk(fps=100, duration_s=duration_s, start_phase=0.3))
    assert outcomes["n_steps"] < 2
    reasons = explain_missing(outcomes)
    assert set(reasons) == set(OUTCOMES) - {"n_steps"}
    assert "at least 2 steps" in reasons["speed_mps"]


def test_missing_toes_leave_stance_unknown_with_a_reason():
    walk = cut(make_toy_walk(), 0, 99, ["toe_r", "toe_l"])
    outcomes = compute_walk_outcomes(walk)
    assert np.isfinite(outcomes["step_length_m"])
    missing = {"stance_share", "double_support_share", "foot_strike_angle_deg"}
    assert set(explain_missing(outcomes)) == missing


def test_missing_heels_fall_back_to_ankles():
    walk = cut(make_toy_walk(fps=60), 0, 99, ["heel_r", "heel_l"])
    plan, _ = read_truth(walk)
    outcomes = compute_walk_outcomes(walk)
    assert outcomes["speed_mps"] == pytest.approx(plan.speed_mps, rel=0.01)
    assert outcomes["step_time_s"] == pytest.approx(plan.step_time_s, abs=0.005)
    # The rear ankle has begun to roll forward and the front one still does: a few per cent.
    assert outcomes["step_length_m"] == pytest.approx(plan.step_length_m, rel=0.06)
    assert outcomes["stride_length_m"] == pytest.approx(2 * plan.step_length_m, rel=0.01)


def test_malformed_input_is_refused():
    walk = make_toy_walk(duration_s=3)
    with pytest.raises(InputError, match="foot"):
        compute_walk_outcomes(walk, pd.DataFrame({"event": ["toe_off"], "time_s": [1.0]}))
    with pytest.raises(InputError, match="keypoint_position"):
        compute_walk_outcomes(walk.drop_vars("keypoint_position"))
    still = walk.copy(deep=True)
    still["keypoint_position"][:] = walk["keypoint_position"][0]
    with pytest.raises(InputError, match="too little"):
        compute_walk_outcomes(still)


# -- gaits ---------------------------------------------------------------------------------------------------

GAITS = {name: plan for name, plan in WALKERS.items() if name not in ("tall", "slow")}


@pytest.mark.parametrize("walker", GAITS)
@pytest.mark.parametrize("with_force", [True, False])
def test_a_gait_gives_the_same_answers_as_its_walk(walker, with_force):
    asked = {name: value for name, value in GAITS[walker].items() if name != "duration_s"}
    walk, gait = make_toy_walk(fps=100, **asked), make_toy_gait(**asked)
    if not with_force:
        gait["ground_force"] = 0 * gait["ground_force"]
    plan, _ = read_truth(walk)
    outcomes = compute_gait_outcomes(gait)
    check_against_plan(outcomes, plan)
    below_threshold = (
        20 / (json.loads(gait.attrs["person"])["mass_kg"] * 9.80665) * (2 * plan.stance_share - 1)
    )
    stance_share = plan.stance_share - (below_threshold if with_force else 0)
    assert outcomes["stance_share"] == pytest.approx(stance_share, abs=0.004)
    assert outcomes["step_time_asymmetry"] == pytest.approx(plan.step_time_asymmetry, abs=0.02)
    assert outcomes["step_length_asymmetry"] == pytest.approx(plan.step_length_asymmetry, abs=0.02)
    assert outcomes["n_steps"] == 2
    assert set(explain_missing(outcomes)) == {"step_width_m", "stride_time_cv"}


def test_gait_outcomes_take_dimensions_or_the_person():
    gait = make_toy_gait()
    person = Person(**json.loads(gait.attrs["person"]))
    assert compute_gait_outcomes(gait, compute_dimensions(person)) == pytest.approx(
        compute_gait_outcomes(gait), nan_ok=True
    )
    del gait.attrs["person"]
    with pytest.raises(InputError, match="person"):
        compute_gait_outcomes(gait)


def test_every_outcome_is_defined():
    for name, outcome in OUTCOMES.items():
        assert outcome.name == name
        assert outcome.label and outcome.unit and outcome.formula and outcome.definition.endswith(".")
