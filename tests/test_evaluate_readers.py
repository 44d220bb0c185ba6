"""Readers of sets that users add: files of the documented format made here, then malformed ones."""

import json

import numpy as np
import pytest

from gaitlib.data.readers.clinical_inertial import _COLUMNS, read_clinical_trial
from gaitlib.data.readers.keypoints import (
    _COCO,
    read_body25_trajectory,
    read_cp_exams,
    read_toronto_keypoints,
)
from gaitlib.errors import InputError
from gaitlib.sense.layouts import convert_layout, get_layout

TORONTO = "OAW01-OpenPose-top-front-1.csv"


def write_toronto(folder, name=TORONTO, n=40, fps=30.0, columns=None):
    header = ["time", *(f"{joint}_{end}" for joint in _COCO for end in ("x", "y", "conf"))]
    lines = [",".join(columns or header)]
    for frame in range(n):
        row = [frame / fps]
        for joint in range(len(_COCO)):
            row += [0, 0, 0] if (frame, joint) == (3, 16) else [100 + joint + frame, 200 + 2 * joint, 0.9]
        lines.append(",".join(f"{value:g}" if k else f"{value:.6f}" for k, value in enumerate(row)))
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


def test_toronto_keypoints(tmp_path):
    found = read_toronto_keypoints(write_toronto(tmp_path))
    assert tuple(found["keypoint"].values) == get_layout("coco17")
    assert found.attrs["fps"] == pytest.approx(30, abs=0.01)
    assert (found.attrs["person_id"], found.attrs["facing"], found.attrs["camera"]) == (
        "OAW01",
        "front",
        "top",
    )
    left_hip = found["pixel_position"].sel(keypoint="left_hip").isel(time=2).values
    assert left_hip.tolist() == [100 + 11 + 2, 200 + 22]
    missing = found.sel(keypoint="right_ankle").isel(time=3)
    assert np.isnan(missing["pixel_position"]).all() and missing["confidence"] == 0
    assert np.isfinite(found["pixel_position"]).sum() == 2 * (40 * 17 - 1)


def test_toronto_keypoints_are_what_the_estimator_takes(tmp_path):
    converted = convert_layout(read_toronto_keypoints(write_toronto(tmp_path)), "body25")
    assert converted.sizes["keypoint"] == 25 and converted.attrs["origin"] == "real"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "walk.csv"}, "expected a name such as"),
        ({"columns": ["time", "Nose_x"]}, "Nose_y|comma|column"),
        ({"n": 1}, "two frames"),
    ],
)
def test_malformed_toronto(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        read_toronto_keypoints(write_toronto(tmp_path, **options))


@pytest.mark.parametrize("width", [50, 75])
def test_body25_trajectory(tmp_path, width):
    per = width // 25
    frame = [value for point in range(25) for value in (10 + point, 20 + point, 0.8)[:per]]
    gone = frame.copy()
    gone[14 * per : 15 * per] = [0.0] * per
    path = tmp_path / "123.csv"
    path.write_text("\n".join(",".join(map(str, row)) for row in (frame, gone)) + "\n")
    found = read_body25_trajectory(path, 25.0)
    assert tuple(found["keypoint"].values) == get_layout("body25") and found.attrs["walk_id"] == "123"
    ankle = found.sel(keypoint="left_ankle")
    assert ankle["pixel_position"].isel(time=0).values.tolist() == [24, 34]
    assert np.isnan(ankle["pixel_position"].isel(time=1)).all()
    assert float(found["time"][1]) == 0.04


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("1.csv", "1,2,3\n", "50"),
        ("1.csv", ",".join(["x"] * 50) + "\n", "no number"),
        ("1.pickle", "", "pickle"),
    ],
)
def test_malformed_trajectory(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_body25_trajectory(path, 25.0)


def test_cp_exams_with_the_published_split(tmp_path):
    exams, split = tmp_path / "alldata_processed.csv", tmp_path / "split.csv"
    exams.write_text("videoid,side,speed,cadence,GDI\n7,L,1.1,0.95,80\n7,R,1.1,0.95,\n9,L,0.6,0.8,60\n")
    split.write_text("videoid,dataset\n7,test\n")
    found = read_cp_exams(exams, split)
    assert found["cadence_spm"].tolist() == pytest.approx([114, 114, 96])
    assert found["published_split"].tolist() == ["test", "test", ""]
    assert found["gait_deviation_index"].isna().tolist() == [False, True, False]
    exams.write_text("videoid,side,speed,cadence\n7,B,1.1,0.95\n")
    with pytest.raises(InputError, match="side"):
        read_cp_exams(exams)


def write_trial(folder, n=50, **changes):
    trial = folder / "PD_1_1"
    trial.mkdir(parents=True)
    info = {
        "subject": "PD_1", "age": 66, "freq": 100, "sensor": "MTw Awinda XSens", "uturnBoundaries": [20, 30],
        "leftGaitEvents": [[2, 6], [12, 16]], "rightGaitEvents": [[7, 11]],
    } | changes  # fmt: skip
    (trial / "PD_1_1_meta.json").write_text(json.dumps(info))
    for number, ending in enumerate(("HE", "LB", "LF", "RF")):
        lines = ["\t".join(_COLUMNS)]
        lines += [
            "\t".join(str(value) for value in (k, *range(number, number + 9))) for k in range(n + number)
        ]
        (trial / f"PD_1_1_raw_data_{ending}.txt").write_text("\n".join(lines) + "\n")
    return trial


def test_clinical_trial(tmp_path):
    signals, events = read_clinical_trial(write_trial(tmp_path))
    assert dict(signals.sizes) == {"time": 50, "sensor": 4, "space": 3}
    assert signals["angular_velocity"].sel(sensor="foot_r").isel(time=0).values.tolist() == [6, 7, 8]
    assert (signals.attrs["cohort"], signals.attrs["age_years"], signals.attrs["turn_end_s"]) == (
        "PD",
        66,
        0.3,
    )
    contacts = events[events["event"] == "initial_contact"]
    assert contacts["foot"].tolist() == ["l", "r", "l"] and contacts["time_s"].tolist() == [0.06, 0.11, 0.16]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"freq": 0}, "freq"),
        ({"leftGaitEvents": [[6, 2]]}, "leftGaitEvents"),
        ({"uturnBoundaries": None}, "uturn"),
    ],
)
def test_malformed_clinical_trial(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        read_clinical_trial(write_trial(tmp_path, **changes))


def test_clinical_trial_without_a_sensor(tmp_path):
    trial = write_trial(tmp_path)
    (trial / "PD_1_1_raw_data_LB.txt").unlink()
    with pytest.raises(InputError, match="_LB.txt"):
        read_clinical_trial(trial)
