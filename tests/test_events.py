"""Gait events against walkers whose events are known."""

import json

import numpy as np
import pandas as pd
import pytest
from toys import make_toy_walk, read_truth
from transforms import mirror_walk, resample_walk

from gaitlib.errors import InputError
from gaitlib.events import check_events, detect_events, detect_events_from_force
from gaitlib.signals import fill_gaps, find_turns
from gaitlib.walk import get_point

WALKERS = {
    "adult": {},
    "very slow": {"speed_mps": 0.3, "step_length_m": 0.3, "duration_s": 12},
    "fast": {"speed_mps": 1.8, "step_length_m": 0.8},
    "child": {"speed_mps": 1.1, "step_length_m": 0.45, "height_m": 1.05, "age_years": 5},
    "uneven": {"step_time_asymmetry": 0.15, "step_length_asymmetry": 0.2},
}


def compare(walk, events, kind="initial_contact", reach_s=0.15):
    """Errors (s) of matched events, how many known ones were missed, how many detected ones are extra."""
    _, truth = read_truth(walk)
    known = [(e["foot"], e["time_s"]) for e in truth if e["event"] == kind]
    found = events[events["event"] == kind]
    errors = []
    for foot, time_s in known:
        gaps = found.loc[found["foot"] == foot, "time_s"].to_numpy() - time_s
        if len(gaps) and np.abs(gaps).min() < reach_s:
            errors.append(gaps[np.abs(gaps).argmin()])
    return np.array(errors), len(known) - len(errors), len(found) - len(errors)


@pytest.mark.parametrize("walker", WALKERS)
@pytest.mark.parametrize("fps", [24, 30, 60, 100, 200])
def test_events_are_found_once_at_their_time(walker, fps):
    walk = make_toy_walk(fps=fps, **WALKERS[walker])
    plan, _ = read_truth(walk)
    events = detect_events(walk)
    for kind in ("initial_contact", "toe_off"):
        errors, missed, extra = compare(walk, events, kind)
        assert extra == 0 and missed <= 1  # one may lie too close to the end of the record
        assert abs(errors.mean()) < 0.012 * plan.stride_time_s  # what smoothing moves
        assert errors.std() < 0.003


@pytest.mark.parametrize("walker", WALKERS)
def test_noise_moves_events_little(walker):
    walk = make_toy_walk(fps=60, noise_m=0.005, rng=np.random.default_rng(3), **WALKERS[walker])
    plan, _ = read_truth(walk)
    errors, missed, extra = compare(walk, detect_events(walk))
    assert extra == 0 and missed <= 1
    assert errors.std() < 0.006 * plan.stride_time_s


@pytest.mark.parametrize("start_phase", np.linspace(0.03, 0.97, 9))
def test_walks_may_start_anywhere_in_the_stride(start_phase):
    walk = make_toy_walk(fps=50, duration_s=2.3, start_phase=start_phase)
    _, missed, extra = compare(walk, detect_events(walk))
    assert extra == 0
    _, truth = read_truth(walk)
    at_edges = sum(e["event"] == "initial_contact" and not 0.1 < e["time_s"] < 2.2 for e in truth)
    assert missed <= at_edges


@pytest.mark.parametrize("heading", [np.pi, 1.0])
def test_walking_direction_does_not_matter(heading):
    straight, turned = detect_events(make_toy_walk()), detect_events(make_toy_walk(heading_rad=heading))
    pd.testing.assert_frame_equal(straight, turned, atol=1e-4)


def test_mirror_swaps_the_feet():
    walk = make_toy_walk(step_time_asymmetry=0.1, step_length_asymmetry=0.1)
    events, mirrored = detect_events(walk), detect_events(mirror_walk(walk))
    pd.testing.assert_frame_equal(
        events.assign(foot=events["foot"].map({"r": "l", "l": "r"})), mirrored, atol=1e-9
    )


def test_doubling_the_frame_rate_changes_nothing():
    walk = make_toy_walk(fps=60)
    once, twice = detect_events(walk), detect_events(resample_walk(walk, 120))
    assert list(once["foot"] + once["event"]) == list(twice["foot"] + twice["event"])
    assert np.abs(once["time_s"] - twice["time_s"]).max() < 0.002


def test_stretching_time_stretches_events():
    fast = make_toy_walk(speed_mps=1.2, fps=80, duration_s=4)
    slow = make_toy_walk(speed_mps=0.6, fps=40, duration_s=8)
    np.testing.assert_allclose(2 * detect_events(fast)["time_s"], detect_events(slow)["time_s"], atol=0.004)


def test_ankles_stand_in_for_heels():
    walk = make_toy_walk(fps=60)
    walk["keypoint_position"].loc[{"keypoint": ["heel_r", "heel_l"]}] = np.nan
    events = detect_events(walk)
    errors, missed, extra = compare(walk, events)
    assert extra == 0 and missed <= 1
    assert abs(errors.mean()) < 0.03 and errors.std() < 0.003
    assert (events["event"] == "toe_off").any()


def test_without_toes_there_are_no_toe_offs():
    walk = make_toy_walk(fps=60)
    walk["keypoint_position"].loc[{"keypoint": ["toe_r", "toe_l"]}] = np.nan
    assert set(detect_events(walk)["event"]) == {"initial_contact"}


def spoil(walk, keypoint, start_s, length_s):
    walk = walk.copy(deep=True)
    walk["keypoint_position"].loc[{"keypoint": keypoint, "time": slice(start_s, start_s + length_s)}] = np.nan
    return walk


def test_short_gaps_are_bridged_and_long_ones_hold_no_event():
    walk = make_toy_walk(fps=100)
    contact = read_truth(walk)[1][8]
    assert contact["event"] == "initial_contact"
    heel = f"heel_{contact['foot']}"
    short = spoil(walk, heel, contact["time_s"] - 0.045, 0.088)
    errors, missed, extra = compare(walk, detect_events(short))
    assert missed == 0 and extra == 0 and np.abs(errors).max() < 0.04
    long = spoil(walk, heel, contact["time_s"] - 0.15, 0.3)
    events = detect_events(long)
    _, missed, extra = compare(walk, events)
    assert missed == 1 and extra == 0
    assert (
        not events["time_s"].between(contact["time_s"] - 0.14, contact["time_s"] + 0.14).any()
        or (
            events.loc[events["time_s"].between(contact["time_s"] - 0.14, contact["time_s"] + 0.14), "foot"]
            != contact["foot"]
        ).all()
    )


def test_unknown_hips_are_an_error_and_short_walks_are_empty():
    walk = make_toy_walk(duration_s=2)
    walk["keypoint_position"].loc[{"keypoint": "hip_r"}] = np.nan
    with pytest.raises(InputError, match="hips"):
        detect_events(walk)
    assert detect_events(make_toy_walk(duration_s=0.35, start_phase=0.1)).empty


# -- force ---------------------------------------------------------------------------------------------------


def build_force(fps=1000.0):
    time_s = np.arange(0, 3, 1 / fps)
    force = np.zeros((len(time_s), 2))
    for column, start in ((0, 0.5), (1, 1.1), (0, 1.7)):
        inside = np.clip((time_s - start) / 0.7, 0, 1)
        force[:, column] += 700 * np.sin(np.pi * inside)
    return time_s, force


def test_force_events_lie_where_the_threshold_is_crossed():
    time_s, force = build_force()
    events = detect_events_from_force(time_s, force)
    late = 0.7 * np.arcsin(20 / 700) / np.pi
    assert list(events["foot"]) == ["r", "l", "r", "r", "l", "r"]
    expected = [0.5 + late, 1.1 + late, 1.2 - late, 1.7 + late, 1.8 - late, 2.4 - late]
    np.testing.assert_allclose(events["time_s"], expected, atol=1e-4)


def test_force_chatter_is_ignored():
    time_s, force = build_force()
    clean = detect_events_from_force(time_s, force)
    noisy = force.copy()
    noisy[time_s < 0.4, 0] = 15 + 10 * (np.arange((time_s < 0.4).sum()) % 2)  # crosses 20 N, never 40 N
    noisy[(time_s > 0.80) & (time_s < 0.82), 0] = 0  # a dropout of 20 ms within contact
    pd.testing.assert_frame_equal(detect_events_from_force(time_s, noisy), clean)


def test_force_that_was_not_measured_gives_no_event():
    time_s, force = build_force()
    force[(time_s > 1.0) & (time_s < 1.3), 1] = np.nan
    events = detect_events_from_force(time_s, force)
    left = events[events["foot"] == "l"]
    assert list(left["event"]) == ["toe_off"]


def test_periodic_force_wraps_around():
    phase = np.linspace(0, 1, 101)
    load = np.stack([np.sin(np.pi * np.clip(np.mod(phase + s, 1) / 0.6, 0, 1)) for s in (0.1, 0.6)], axis=1)
    events = detect_events_from_force(phase * 1.1, 600 * load, periodic=True)
    assert sorted(events["foot"] + events["event"]) == sorted(
        f + e for f in "rl" for e in ("initial_contact", "toe_off")
    )
    right = events[(events["foot"] == "r") & (events["event"] == "initial_contact")]["time_s"].item()
    assert right == pytest.approx(0.9 * 1.1, abs=0.02)


@pytest.mark.parametrize("shape", [(100,), (100, 3), (99, 2)])
def test_force_of_wrong_shape_is_refused(shape):
    with pytest.raises(InputError, match="shape"):
        detect_events_from_force(np.arange(100) / 100, np.zeros(shape))


# -- real people ---------------------------------------------------------------------------------------------


def collect_errors(walks, list_known):
    errors = {"initial_contact": [], "toe_off": []}
    for walk in walks:
        found = detect_events(walk)
        for known in list_known(walk).itertuples():
            gaps = (
                found.loc[(found["foot"] == known.foot) & (found["event"] == known.event), "time_s"]
                - known.time_s
            )
            assert np.abs(gaps).min() < 0.1, (walk.attrs["walk_id"], known)
            errors[known.event].append(gaps.iloc[np.abs(gaps).argmin()])
    return {event: np.array(values) for event, values in errors.items()}


def test_children_against_force_plates_and_stored_events():
    """A check that nothing broke, not a tuning target: limits are about twice what was measured."""
    from gaitlib.data.walks import load_walks

    walks = load_walks("td_children_c3d", "evaluate")

    def list_force(walk):
        force = walk["ground_force"].sel(space="y").transpose("time", "foot")
        return detect_events_from_force(walk["time"].values, force.values)

    def list_stored(walk):
        return pd.DataFrame(json.loads(walk.attrs["lab_events"]), columns=["foot", "event", "time_s"])

    for list_known, least in ((list_force, 24), (list_stored, 26)):
        for errors in collect_errors(walks, list_known).values():
            assert len(errors) >= least
            assert abs(errors.mean()) < 0.045 and errors.std() < 0.020


# -- tools ---------------------------------------------------------------------------------------------------


def test_turns_alternate_and_ignore_small_swings():
    t = np.linspace(0, 4 * np.pi, 400)
    turns = find_turns(np.sin(t) + 0.05 * np.sin(15 * t), 0.7)
    kinds = [kind for _, kind in turns]
    assert all(a == -b for a, b in zip(kinds[:-1], kinds[1:], strict=True))
    assert sum(0 < index < 399 for index, _ in turns) == 4


def test_gap_filling_is_exact_on_a_line_and_leaves_the_ends():
    values = np.arange(20.0)
    values[[0, 5, 6, 10, 11, 12, 13, 19]] = np.nan
    filled, known = fill_gaps(values, 2)
    np.testing.assert_allclose(filled[1:19], np.arange(1.0, 19.0))
    assert np.isnan(filled[[0, 19]]).all()
    assert known[[5, 6]].all() and not known[10:14].any()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame({"foot": ["r"], "time_s": [1.0]}), "event"),
        (pd.DataFrame({"foot": ["x"], "event": ["toe_off"], "time_s": [1.0]}), "foot"),
        (pd.DataFrame({"foot": ["r"], "event": ["heel strike"], "time_s": [1.0]}), "heel strike"),
        (pd.DataFrame({"foot": ["r"], "event": ["toe_off"], "time_s": ["soon"]}), "time_s"),
    ],
)
def test_malformed_events_are_refused(table, message):
    with pytest.raises(InputError, match=message):
        check_events(table)


def test_events_do_not_change_the_walk():
    walk = make_toy_walk(duration_s=3)
    before = walk.copy(deep=True)
    detect_events(walk)
    assert walk.identical(before)
    assert np.isfinite(get_point(walk, "mid_hip")).all()
