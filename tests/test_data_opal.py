"""Opal sensors beside a GAITRite mat: units, passes, turns, malformed files, estimates in one table."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.io

from gaitlib.data import inertial_walks
from gaitlib.data.readers.matlab import read_mat_passes, read_opal_recording
from gaitlib.errors import InputError
from gaitlib.estimate.estimate_table import tabulate_inertial

FPS, STRIDE_S = 128, 1.1
TURNS_S = ((12.0, 14.0), (24.0, 26.0))
PASSES = {
    "Start": [4.0, 16.0],
    "End": [9.0, 21.5],
    "Stride_Velocity": [[1.0, 1.2], [0.8, 0.9, 1.0]],
    "Stride_Length": [[1.1, 1.3], [1.0, 1.0, 1.0]],
    "Stride_Duration": [[1.1, 1.1], [1.2, 1.1, 1.0]],
}


def make_sensors():
    """Half a minute to and fro in g and deg/s: x is up; the legs swing about z, half a stride apart."""
    time = np.arange(30 * FPS) / FPS
    turning = sum((time >= start) & (time < end) for start, end in TURNS_S)
    sensors = {}
    for name, shift in (("LowerBack", None), ("RightShank", 0.0), ("LeftShank", 0.5)):
        gyr = np.zeros((len(time), 3))
        gyr[:, 0] = 90.0 * turning  # 180 degrees in 2 s
        if shift is not None:
            phase = 2 * np.pi * (time / STRIDE_S - shift)
            gyr[:, 2] = np.where(time > 2.0, 150 * np.cos(phase) + 100 * np.cos(2 * phase), 0.0)
        step = 0.2 * np.cos(4 * np.pi * time / STRIDE_S)
        sensors[name] = {"acc": np.stack([1 + step, 0 * time, 0 * time], axis=1), "gyr": gyr}
    return sensors | {"Fs": float(FPS)}


def save_sensors(folder, change=lambda sensors: None):
    sensors = make_sensors()
    change(sensors)
    scipy.io.savemat(folder / "S001-dataMIMU.mat", {"MIMU": sensors})
    return folder / "S001-dataMIMU.mat"


def make_cell(values):
    cell = np.empty(len(values), dtype=object)
    cell[:] = [np.array(value, dtype=float) for value in values]
    return cell


def save_mat(folder, **changed):
    people = [{name: make_cell(values) for name, values in (PASSES | changed).items()}]
    people.append({name: make_cell(values[:1]) for name, values in PASSES.items()})
    table = np.array([tuple(one.values()) for one in people], dtype=[(name, object) for name in people[0]])
    scipy.io.savemat(folder / "GaitRite-Elderly.mat", {"GaitRite": table})
    return folder / "GaitRite-Elderly.mat"


def test_sensors_come_in_si_units_each_with_its_own_leg(tmp_path):
    recording = read_opal_recording(save_sensors(tmp_path))
    assert recording.attrs["fps"] == FPS and float(recording["time"][-1]) == pytest.approx(30 - 1 / FPS)
    up = recording["acceleration"].sel(space="x", sensor="lower_back")
    assert float(up.mean()) == pytest.approx(9.81, abs=0.02)
    turn = recording["angular_velocity"].sel(space="x", sensor="lower_back")
    assert float(turn.sum() / FPS) == pytest.approx(2 * np.pi, rel=0.01)
    swing = recording["angular_velocity"].sel(space="z").sel(time=3.3, method="nearest")
    assert float(swing.sel(sensor="shank_r")) == pytest.approx(np.radians(250), rel=0.02)
    assert float(swing.sel(sensor="shank_l")) < 0


def test_passes_are_the_mean_of_their_strides_also_a_single_one(tmp_path):
    table = read_mat_passes(save_mat(tmp_path))
    assert table[["person", "number"]].to_numpy().tolist() == [[0, 0], [0, 1], [1, 0]]
    assert table["speed_mps"].tolist() == pytest.approx([1.1, 0.9, 1.1])
    assert table["stride_length_m"].tolist() == pytest.approx([1.2, 1.0, 1.2])
    assert table["end_s"].tolist() == [9.0, 21.5, 9.0]


def test_a_pass_is_cut_out_for_every_sensor_with_its_reference(tmp_path):
    recording = read_opal_recording(save_sensors(tmp_path))
    passes = read_mat_passes(save_mat(tmp_path)).query("person == 0")
    walks = inertial_walks.split_passes(recording, passes, "older_adult", "S001")
    assert [walk.attrs["walk_id"] for walk in walks[:4]] == [
        "S001/1/lower_back", "S001/1/shank_r", "S001/1/shank_l", "S001/2/lower_back",
    ]  # fmt: skip
    second = walks[3]
    assert float(second["time"][-1]) == pytest.approx(5.5, abs=0.01)
    same = recording["acceleration"].sel(sensor="lower_back").sel(time=slice(16.0, 21.5))
    np.testing.assert_array_equal(second["acceleration"], same)
    wanted = {"speed_mps": 0.9, "step_length_m": 0.5, "step_time_s": 0.55}
    assert {name: second.attrs[f"reference_{name}"] for name in wanted} == pytest.approx(wanted)
    assert second.attrs["swing_step_time_s"] == pytest.approx(STRIDE_S / 2, abs=0.005)
    with pytest.raises(InputError, match="S001: a pass over the mat ends at 40 s"):
        inertial_walks.split_passes(recording, passes.assign(end_s=40.0), "older_adult", "S001")


def test_walks_without_a_mat_end_at_the_turns(tmp_path):
    recording = read_opal_recording(save_sensors(tmp_path))
    spans = inertial_walks.find_straights(recording.sel(sensor="lower_back"))
    ends = np.array(spans) / FPS
    assert ends.ravel() == pytest.approx([0, 12, 14, 24, 26, 30], abs=0.6)
    assert all(not ((ends[:, 0] < middle) & (middle < ends[:, 1])).any() for middle in (13.0, 25.0))
    walks = inertial_walks.split_straights(recording, "S011")
    assert len(walks) == 6 and {walk.attrs["subgroup"] for walk in walks} == {"parkinsons"}
    for walk in walks:  # three sensors each; after the last turn come too few strides
        assert walk.attrs["reference_step_time_s"] == pytest.approx(STRIDE_S / 2, abs=0.005)
        assert "reference_speed_mps" not in walk.attrs
    assert 7.0 < float(walks[0]["time"][-1]) < 10.0, "standing before the first swing is cut off"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("LeftShank"), "S001-dataMIMU.mat: field 'LeftShank' is missing"),
        (lambda s: s["LeftShank"].update(gyr=np.zeros((9, 3))), r"'LeftShank.gyr': found shape \(9, 3\)"),
        (lambda s: s["RightShank"].update(acc=np.zeros((9, 2))), r"'RightShank.acc': found shape \(9, 2\)"),
        (lambda s: s["LowerBack"]["acc"].__imul__(9.81), "mean is 9.81 long, expected 1 .g"),
        (lambda s: [s[name].update(gyr=np.radians(s[name]["gyr"])) for name in ("RightShank", "LeftShank")],
         "at most 4.4, expected deg/s"),
        (lambda s: s.update(Fs=0.0), "field 'Fs': found 0"),
    ],
)  # fmt: skip
def test_malformed_recordings_are_named(tmp_path, change, words):
    with pytest.raises(InputError, match=words):
        read_opal_recording(save_sensors(tmp_path, change))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"End": [9.0]}, "person 1: passes differ in number .Start 2, End 1"),
        ({"End": [3.0, 21.5]}, "person 1, pass 1: found end 3 s, expected later than start 4 s"),
        ({"Stride_Length": [[110.0, 130.0], [1.0, 1.0]]}, "pass 1: stride_length_m is 120, expected 0 to 3"),
        ({"Stride_Duration": [[1.1], [np.nan]]}, "pass 2: stride_time_s is nan"),
    ],
)
def test_malformed_passes_are_named(tmp_path, changed, words):
    with pytest.raises(InputError, match=words):
        read_mat_passes(save_mat(tmp_path, **changed))


def test_estimates_stand_beside_what_was_measured(tmp_path):
    recording = read_opal_recording(save_sensors(tmp_path))
    walks = inertial_walks.split_passes(
        recording, read_mat_passes(save_mat(tmp_path)).head(1), "older_adult", "S001"
    )
    value = SimpleNamespace(value=1.0, lower=0.9, upper=1.2)
    names = ("speed_mps", "step_length_m", "step_time_s", "cadence_spm")
    good = SimpleNamespace(ok=True, status="ok", values=dict.fromkeys(names, value))
    bad = SimpleNamespace(
        ok=False, status="shank_l: mean acceleration 13.2 m/s^2 is not gravity (about 9.8): a?"
    )
    table = tabulate_inertial(walks, SimpleNamespace(predict_features=lambda features: [good, good, bad]))
    own = table[table["method"] == "synthetic"]
    assert own["view"].value_counts().to_dict() == {"shank": 8, "lower_back": 4}
    assert own["status"].unique().tolist() == ["ok", "mean acceleration is not gravity"]
    assert own[own["outcome"] == "speed_mps"]["reference"].tolist() == pytest.approx([1.1] * 3)
    assert own["estimate"].isna().sum() == 4
    (swings,) = table[table["method"] == "swings"].to_dict("records")
    assert swings["outcome"] == "step_time_s" and swings["estimate"] == pytest.approx(0.55, abs=0.005)


@pytest.mark.real_data
def test_passes_lie_between_turns_and_the_shanks_time_steps_as_the_mat():
    from gaitlib.data.fetch import get_path, get_paths

    walks = inertial_walks.load_inertial_walks("opal_gaitrite")
    back = [walk for walk in walks if walk.attrs["site"] == "lower_back"]
    people = {walk.attrs["person_id"]: walk.attrs["subgroup"] for walk in back}
    assert sorted(people.values()) == ["older_adult"] * 7 + ["parkinsons"] * 10 + ["stroke"] * 4
    assert all(
        ("reference_speed_mps" in walk.attrs) == (walk.attrs["subgroup"] != "parkinsons") for walk in back
    )
    gaps = [
        walk.attrs["swing_step_time_s"] - walk.attrs["reference_step_time_s"]
        for walk in back
        if np.isfinite(walk.attrs.get("swing_step_time_s", np.nan))
    ]
    assert len(gaps) >= 50 and np.abs(gaps).mean() < 0.003
    for name, first in inertial_walks.MAT_FILES.values():
        table = read_mat_passes(get_path("opal_gaitrite", name, "evaluate"))
        for path in get_paths("opal_gaitrite", "evaluate", "S*-dataMIMU.mat"):
            passes = table[table["person"] == int(path.name[1:4]) - first]
            recording = read_opal_recording(path)
            spans = inertial_walks.find_straights(recording.sel(sensor="lower_back"))
            for one in passes.itertuples():
                around = [s for s in spans if s[0] / FPS <= one.start_s and one.end_s <= s[1] / FPS]
                assert len(around) == 1, (path.name, one.number)
