"""Walks of real people: geometry that must hold whatever the laboratory's axes were."""

from __future__ import annotations

import functools
import json

import numpy as np
import pytest
import xarray as xr
from conftest import require_originals

from gaitlib.data import plug_in_gait, walks
from gaitlib.data.emg import compute_envelopes
from gaitlib.data.packed import list_recordings, read_recording
from gaitlib.data.readers.c3d import C3dRecording
from gaitlib.data.walks import compute_adult_joints, find_live_channels
from gaitlib.errors import InputError
from gaitlib.events import detect_events
from gaitlib.outcomes import compute_walk_outcomes
from gaitlib.walk import get_point

CHILDREN = "td_children_c3d"


def test_chord_center_by_hand():
    # Proximal joint 0.4 m above; the centre of a 0.1 m wide joint lies 0.05 m medial of the marker.
    proximal = np.array([[0.0, 0.0, 0.4]])
    center = np.array([[0.0, 0.0, 0.0]])
    lateral = np.array([[0.0, 0.05, 0.0]])
    segment = np.array([[0.0, 0.08, 0.2]])
    found = plug_in_gait.compute_chord_center(proximal, lateral, segment, 0.05)
    np.testing.assert_allclose(found, center, atol=1e-12)


def test_chord_center_properties_hold_under_rotation_of_the_plane():
    rng = np.random.default_rng(7)
    proximal, lateral, segment = rng.normal(size=(3, 20, 3))
    lateral += 3.0
    for rotation in (0.0, 0.4, -1.0):
        center = plug_in_gait.compute_chord_center(proximal, lateral, segment, 0.1, rotation)
        np.testing.assert_allclose(np.linalg.norm(center - lateral, axis=1), 0.1)
        np.testing.assert_allclose(np.sum((center - proximal) * (center - lateral), axis=1), 0, atol=1e-12)


def test_chord_center_is_unknown_where_the_marker_is_too_close():
    found = plug_in_gait.compute_chord_center(
        np.zeros((1, 3)), np.array([[0.0, 0.01, 0.0]]), np.array([[1.0, 1.0, 0.0]]), 0.05
    )
    assert np.isnan(found).all()


def test_hip_center_regression_of_harrington():
    pelvis = {
        "origin": np.zeros((1, 3)),
        "forward": np.array([[1.0, 0, 0]]),
        "up": np.array([[0, 1.0, 0]]),
        "right": np.array([[0, 0, 1.0]]),
        "width": np.array([0.2]),
        "depth": np.array([0.1]),
    }
    right = plug_in_gait.compute_hip_center(pelvis, 1.0)
    left = plug_in_gait.compute_hip_center(pelvis, -1.0)
    np.testing.assert_allclose(right, [[-0.0339, -0.0709, 0.0733]], atol=1e-12)
    np.testing.assert_allclose(left, right * [[1, 1, -1]])


def make_motion(yaw_rad: float = 0.0) -> xr.Dataset:
    """A stiff body that slides forward at 1 m/s with its right side on the right, as a BVH would give it."""
    spots = {"HEad_end": (0, 1.6, 0), "Spine1": (0, 1.4, 0)}
    heights = {
        "Arm": 1.4,
        "ForeArm": 1.1,
        "Hand": 0.9,
        "UpLeg": 0.9,
        "Leg": 0.5,
        "Foot": 0.1,
        "Toes_end": 0.0,
    }
    for word, side in (("Right", 0.1), ("Left", -0.1)):
        for joint, height in heights.items():
            spots[word + joint] = (0.15 if joint == "Toes_end" else 0.0, height, side)
    time_s = np.arange(60) / 60
    position = np.array(list(spots.values()))[None] + time_s[:, None, None] * np.array([1.0, 0, 0])
    turn = np.array(
        [[np.cos(yaw_rad), 0, np.sin(yaw_rad)], [0, 1, 0], [-np.sin(yaw_rad), 0, np.cos(yaw_rad)]]
    )
    return xr.Dataset(
        {"marker_position": (("time", "marker", "space"), position @ turn.T + [3.0, 0.2, -2.0])},
        coords={"time": time_s, "marker": list(spots), "space": ["x", "y", "z"]},
        attrs={"source_file": "SubjectA1_Cycle1.bvh", "fps": 60.0},
    )


@pytest.mark.parametrize("yaw_rad", [0.0, 1.0, np.pi, -2.5])
def test_walk_does_not_depend_on_where_the_laboratory_faces(yaw_rad):
    walk = walks.build_neuro_walk(make_motion(yaw_rad), "Healthy")
    middle = get_point(walk, "mid_hip")
    np.testing.assert_allclose(middle[:, 0], walk["time"], atol=1e-9)  # 1 m/s along x
    np.testing.assert_allclose(middle[:, 2], 0, atol=1e-9)
    np.testing.assert_allclose(get_point(walk, "hip_r")[:, 2], 0.1, atol=1e-9)  # right is +z
    np.testing.assert_allclose(get_point(walk, "toe_l")[:, 1], 0, atol=1e-9)  # floor at 0
    assert walk.attrs["subgroup"] == "healthy_adult" and walk.attrs["person_id"] == "A1"
    assert walk.attrs["height_m"] == pytest.approx(0.8 / 0.491)


def test_standing_before_and_after_is_cut():
    motion = make_motion()
    slow = np.concatenate([np.zeros(30), np.arange(60), np.full(30, 59)])
    shift = (slow - np.arange(120)) / 60
    time_s = np.arange(120) / 60
    position = np.concatenate([motion["marker_position"].values] * 2)
    position[60:, :, 0] += 1.0
    position[:, :, 0] += shift[:, None]
    stopping = motion.drop_vars(["marker_position", "time"]).assign_coords(time=time_s)
    stopping["marker_position"] = (("time", "marker", "space"), position)
    walk = walks.build_neuro_walk(stopping, "Healthy")
    assert 0.9 <= float(walk["time"][-1]) <= 1.3


def test_neuro_walk_refuses_what_it_does_not_know():
    with pytest.raises(InputError, match="diagnosis 'Tired' is unknown"):
        walks.build_neuro_walk(make_motion(), "Tired")
    motion = make_motion()
    with pytest.raises(InputError, match=r"SubjectA1_Cycle1\.bvh: joints are missing: RightFoot"):
        walks.build_neuro_walk(motion.sel(marker=motion["marker"] != "RightFoot"), "Healthy")


def test_sets_without_walks_and_forbidden_purposes():
    with pytest.raises(InputError, match="has no walks; sets with walks: td_children_c3d, neuro_bvh"):
        walks.load_walks("gaitndd", "evaluate")
    for name in ("td_children_c3d", "neuro_bvh"):
        with pytest.raises(InputError, match="may not be used for 'calibrate'"):
            walks.load_walks(name, "calibrate")


@functools.cache
def read_recordings() -> list[C3dRecording]:
    return [read_recording(CHILDREN, name, "evaluate") for name in list_recordings(CHILDREN, "*.c3d")]


@functools.cache
def load_once(name: str) -> list[xr.Dataset]:
    return walks.load_walks(name, "evaluate")


@pytest.fixture
def recordings() -> list[C3dRecording]:
    return read_recordings()


@pytest.fixture
def children() -> list[xr.Dataset]:
    return load_once("td_children_c3d")


@pytest.fixture
def patients() -> list[xr.Dataset]:
    require_originals("neuro_bvh")
    return load_once("neuro_bvh")


def compute_speed(walk: xr.Dataset, keypoint: str) -> float:
    return float(np.polyfit(walk["time"], get_point(walk, keypoint)[:, 0], 1)[0])


def assert_upright_forward_and_right(walk: xr.Dataset) -> None:
    name = walk.attrs["walk_id"]
    points = [f"{joint}_{side}" for joint in ("shoulder", "hip", "knee", "ankle") for side in "rl"]
    mean = {key: np.nanmean(get_point(walk, key), axis=0) for key in points}
    for joint in ("hip", "shoulder"):
        assert mean[f"{joint}_r"][2] > mean[f"{joint}_l"][2] + 0.1, name
    for side in "rl":
        column = [f"shoulder_{side}", f"hip_{side}", f"knee_{side}", f"ankle_{side}"]
        heights = [mean[key][1] for key in column]
        assert heights == sorted(heights, reverse=True), name
        toe_ahead = (get_point(walk, f"toe_{side}") - get_point(walk, f"ankle_{side}"))[:, 0]
        assert toe_ahead.mean() > 0.05, name
        # Knees bend backward: the knee lies ahead of the line from hip to ankle, at all times.
        middle = (get_point(walk, f"hip_{side}") + get_point(walk, f"ankle_{side}")) / 2
        assert (get_point(walk, f"knee_{side}") - middle)[:, 0].mean() > 0.03, name
    assert compute_speed(walk, "mid_hip") > 0.4, name


def test_children_are_twelve_and_walk_as_published(children):
    assert len({walk.attrs["person_id"] for walk in children}) == 12
    heel = [compute_speed(walk, "mid_heel") for walk in children]
    assert min(heel) == pytest.approx(1.05, abs=0.03) and max(heel) == pytest.approx(1.46, abs=0.03)
    hip = [compute_speed(walk, "mid_hip") for walk in children]
    np.testing.assert_allclose(hip, heel, atol=0.08)
    for walk in children:
        assert_upright_forward_and_right(walk)
        assert walk.attrs["height_source"].startswith("measured")
        assert 1.1 < walk.attrs["height_m"] < 1.8 and 20 < walk.attrs["mass_kg"] < 70
        assert np.nanmedian(get_point(walk, "head_top")[:, 1]) == pytest.approx(
            walk.attrs["height_m"], abs=0.03
        )
        assert np.isnan(get_point(walk, "nose")).all()


def test_joint_centers_agree_with_the_laboratory(recordings):
    # The files also hold the laboratory's own Plug-in Gait centres. Its hip is another regression.
    limits = {"hip": 0.035, "knee": 0.012, "ankle": 0.017, "elbow": 0.010}
    for recording in recordings:
        points = plug_in_gait.compute_joint_centers(recording)
        for side, letter in (("r", "R"), ("l", "L")):
            for joint, label in (("hip", "FEP"), ("knee", "FEO"), ("ankle", "TIO"), ("elbow", "HUO")):
                gap = np.linalg.norm(points[f"{joint}_{side}"] - recording.get_marker(letter + label), axis=1)
                assert np.nanmedian(gap) < limits[joint], (
                    recording.markers.attrs["source_file"],
                    joint,
                    side,
                )


def test_children_walk_is_the_same_in_a_turned_laboratory(recordings, children):
    recording = recordings[0]
    turned = recording.markers.copy(deep=True)
    values = turned["marker_position"].values
    turned["marker_position"].values = (
        np.stack([-values[..., 1], values[..., 0], values[..., 2]], axis=-1) + 2.0
    )
    moved = C3dRecording(turned, recording.analog, recording.plates, recording.events, recording.measures)
    walk = walks.build_child_walk(moved)
    # The height of the vertex is tied to the floor of the laboratory, which was lifted.
    keep = [key for key in walk["keypoint"].values if key != "head_top"]
    np.testing.assert_allclose(
        walk["keypoint_position"].sel(keypoint=keep),
        children[0]["keypoint_position"].sel(keypoint=keep),
        atol=1e-9,
    )


def test_children_forces_and_events(children):
    for walk in children:
        weight = walk.attrs["mass_kg"] * 9.81
        force = walk["ground_force"]
        peak = force.sel(space="y").max("time") / weight
        assert ((peak > 0.9) & (peak < 1.5)).all(), walk.attrs["walk_id"]
        for side in "rl":  # brakes first, pushes later
            vertical = force.sel(foot=side, space="y").values
            loaded = np.flatnonzero(vertical > 20)
            ahead = force.sel(foot=side, space="x").values[loaded]
            assert ahead[: len(ahead) // 3].mean() < 0 < ahead[-len(ahead) // 3 :].mean()
            start_s = float(walk["time"][loaded[0]])
            told = [
                event["time_s"]
                for event in json.loads(walk.attrs["lab_events"])
                if event["foot"] == side and event["event"] == "initial_contact"
            ]
            if told and walk.attrs["person_id"] != "HC033A":
                assert min(abs(start_s - time_s) for time_s in told) <= 0.03, walk.attrs["walk_id"]


def test_children_emg(children):
    live = [bool(walk["emg_live"].any()) for walk in children]
    assert sum(live) == 10
    flat = {walk.attrs["person_id"] for walk, alive in zip(children, live, strict=True) if not alive}
    assert flat == {"HC040A", "HC055A"}
    assert set(children[0]["channel"].values) >= {"gastroc_r", "tib_ant_l", "rect_fem_r", "hamstrings_l"}
    for walk in children:  # one leg each, and of nine of the ten all four muscles
        own = [str(name) for name in walk["channel"].values[walk["emg_live"].values]]
        assert len({name[-1] for name in own}) <= 1 and len(own) in (0, 3, 4)
    assert sum(walk["emg_live"].values.sum() for walk in children) == 39


def test_open_inputs_are_no_muscles():
    rng, time_s = np.random.default_rng(0), np.arange(3000) / 1000
    on = np.sin(2 * np.pi * time_s) > 0.6
    muscle = rng.normal(size=3000) * np.where(on, 0.1, 0.01)
    knock = np.where(np.arange(3000) == 1500, 4.0, rng.normal(0, 0.0005, 3000))
    noise, quiet, busy = (rng.normal(0, size, 3000) for size in (1.0, 0.0005, 0.05))
    names = ["gastroc_r", "tib_ant_r", "rect_fem_r", "gastroc_l", "tib_ant_l", "rect_fem_l"]
    signals = np.stack([muscle, knock, noise, muscle, muscle, quiet], axis=1)
    assert find_live_channels(signals, names, 1000.0).tolist() == [False] * 3 + [True] * 2 + [False]
    signals[:, [1, 5]] = np.stack([muscle, busy], axis=1)  # both legs alike: both count
    assert find_live_channels(signals, names, 1000.0).tolist() == [True, True, False, True, True, False]


def test_patients_are_45_people_and_80_walks(patients):
    people: dict[str, set] = {}
    for walk in patients:
        people.setdefault(walk.attrs["subgroup"], set()).add(walk.attrs["person_id"])
    counts = {group: len(found) for group, found in people.items()}
    assert counts == {"healthy_adult": 10, "neurological": 13, "weakness": 18, "joint": 4}
    assert len(patients) == 80
    for walk in patients:
        duplicated = bool(walk.attrs["dropped_duplicates"])
        assert duplicated == (walk.attrs["subgroup"] == "healthy_adult")
    assert len({walk["keypoint_position"].values.tobytes() for walk in patients}) == 80


def test_patients_walk_forward_on_one_common_skeleton(patients):
    lengths = set()
    for walk in patients:
        assert_upright_forward_and_right(walk)
        thigh = np.linalg.norm(get_point(walk, "hip_r") - get_point(walk, "knee_r"), axis=1)
        lengths.add(round(float(thigh.mean()), 4))
        assert thigh.std() < 1e-6
        assert walk.attrs["height_source"].startswith("estimated")
        assert np.isnan(get_point(walk, "heel_r")).all()
    assert lengths == {0.4444}
    speed = {}
    for walk in patients:
        speed.setdefault(walk.attrs["subgroup"], []).append(compute_speed(walk, "mid_hip"))
    means = {group: np.mean(values) for group, values in speed.items()}
    assert max(means, key=means.get) == "healthy_adult"
    assert 0.4 < min(map(min, speed.values())) and max(map(max, speed.values())) < 1.7


def test_the_adult_set_aside_walks_as_the_force_plates_say():
    walk = walks.load_walks("adult_walk_3d_moco", "calibrate")[0]
    force = read_recording("adult_walk_3d_moco", "grf_walk.mot", "calibrate")
    events = detect_events(walk).query("event == 'initial_contact'")
    for side in "rl":
        loaded = (force[f"ground_force_{side}_vy"] > 20).to_numpy()
        landed = force["time"].to_numpy()[1:][loaded[1:] & ~loaded[:-1]]
        found = events.loc[events["foot"] == side, "time_s"].to_numpy()
        assert len(landed) and np.abs(landed[:, None] - found).min(axis=1).max() < 0.03
    assert 1.5 < walk.attrs["height_m"] < 1.9 and 1.1 < compute_walk_outcomes(walk)["speed_mps"] < 1.4


def test_envelopes_of_the_adult_peak_when_textbooks_say():
    envelopes = compute_envelopes(walks.load_walks("adult_walk_3d_moco", "calibrate")[0])
    assert len(envelopes) == 7 and all(curve.max() == 1 for curve in envelopes.values())
    for muscle, (low, high) in {"soleus_r": (40, 55), "gastroc_r": (35, 55), "vasti_r": (0, 20)}.items():
        assert low <= np.argmax(envelopes[muscle]) <= high, muscle


def test_a_missing_marker_of_the_adult_is_named():
    markers = read_recording("adult_walk_3d_moco", "markers_walk.trc", "calibrate")
    with pytest.raises(InputError, match="marker 'R.ASIS' is missing"):
        compute_adult_joints(markers.drop_sel(marker="R.ASIS"))
