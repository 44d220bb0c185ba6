"""Readers: known answers on small files made here, then every kind of malformed input."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gaitlib.data.readers import bvh, c3d, clinical, inertial_recordings, matlab, opensim_files
from gaitlib.errors import InputError

BVH = """HIERARCHY
ROOT Hips
{
  OFFSET 5 6 7
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Thigh
  {
    OFFSET 0 -40 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 -30 0
    }
  }
}
MOTION
Frames: 4
Frame Time: 0.0166667
0 100 0 0 0 0 0 0 0
10 100 0 90 0 0 0 0 0
0 100 0 0 0 0 90 0 0
0 100 0 90 90 0 0 0 0
"""


def write(folder, name: str, text: str):
    path = folder / name
    path.write_text(text)
    return path


def test_bvh_forward_kinematics_by_hand(tmp_path):
    motion = bvh.read_bvh(write(tmp_path, "a.bvh", BVH))
    assert list(motion["marker"].values) == ["Hips", "Thigh", "Thigh_end"]
    assert motion.attrs["fps"] == 60.0 and motion["time"].values[1] == pytest.approx(1 / 60)
    path = motion["marker_position"]
    # Position channels replace the offset of the root; the chain hangs straight down.
    np.testing.assert_allclose(path.isel(time=0), [[0, 1, 0], [0, 0.6, 0], [0, 0.3, 0]], atol=1e-12)
    # 90 degrees about z turns "down" into +x.
    np.testing.assert_allclose(path.isel(time=1), [[0.1, 1, 0], [0.5, 1, 0], [0.8, 1, 0]], atol=1e-12)
    # Only the thigh turns about z: its end swings, its own joint stays.
    np.testing.assert_allclose(path.isel(time=2), [[0, 1, 0], [0, 0.6, 0], [0.3, 0.6, 0]], atol=1e-12)
    # z first, then x about the turned axis: R = Rz(90) Rx(90), down -> Rz(90) (0, 0, -1) = (0, 0, -1).
    np.testing.assert_allclose(path.isel(time=3)[1], [0, 1, -0.4], atol=1e-12)


def test_bvh_lengths_stay_and_units_scale(tmp_path):
    path = write(tmp_path, "a.bvh", BVH)
    in_cm, in_mm = bvh.read_bvh(path), bvh.read_bvh(path, unit_m=0.001)
    bone = np.linalg.norm(np.diff(in_cm["marker_position"].values, axis=1), axis=-1)
    np.testing.assert_allclose(bone, [[0.4, 0.3]] * 4)
    np.testing.assert_allclose(in_cm["marker_position"], 10 * in_mm["marker_position"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("HIERARCHY", "HIERACHY", "expected 'HIERARCHY'"),
        ("Frames: 4", "Frames: 5", "'Frames' says 5 but 4 lines"),
        ("Frame Time: 0.0166667", "Frame Time: 0", "Frame Time"),
        ("10 100 0 90 0 0 0 0 0", "10 100 0 90 0 0 0 0", "motion line 2 has 8 values, expected 9"),
        ("10 100 0 90 0 0 0 0 0", "10 100 0 x 0 0 0 0 0", "no number"),
        ("10 100 0 90 0 0 0 0 0", "10 100 0 nan 0 0 0 0 0", "not finite"),
        ("OFFSET 0 -40 0", "OFFSET 0 -40", "three numbers after OFFSET"),
        ("CHANNELS 3 Zrotation", "CHANNELS 3 Wrotation", "CHANNELS"),
        ("MOTION", "}\nMOTION", "found"),
    ],
)
def test_bvh_malformed(tmp_path, old, new, message):
    with pytest.raises(InputError, match=rf"bad\.bvh.*{message}"):
        bvh.read_bvh(write(tmp_path, "bad.bvh", BVH.replace(old, new, 1)))


def test_bvh_truncated_anywhere_is_one_clear_error(tmp_path):
    for length in range(0, len(BVH.rstrip()) - 30, 7):
        with pytest.raises(InputError, match=r"cut\.bvh"):
            bvh.read_bvh(write(tmp_path, "cut.bvh", BVH[:length]))


STO = "Coordinates\nversion=1\nnRows=2\nnColumns=3\ninDegrees={}\nendheader\ntime\tknee_angle_r\tpelvis_tx\n"
ROWS = "0.0\t90\t1.5\n0.1\t180\t1.6\n"


@pytest.mark.parametrize(("flag", "expected"), [("yes", [np.pi / 2, np.pi]), ("no", [90.0, 180.0])])
def test_opensim_degrees_flag_turns_angles_only(tmp_path, flag, expected):
    motion = opensim_files.read_coordinates(write(tmp_path, "a.sto", STO.format(flag) + ROWS))
    np.testing.assert_allclose(motion["position"].sel(coordinate="knee_angle_r"), expected)
    np.testing.assert_allclose(motion["position"].sel(coordinate="pelvis_tx"), [1.5, 1.6])


def test_opensim_old_motion_header_means_degrees_and_paths_become_names(tmp_path):
    old = "name a\ndatacolumns 2\ndatarows 1\nrange 0 1\nendheader\ntime knee_angle_r\n0.0 90\n"
    motion = opensim_files.read_coordinates(write(tmp_path, "a.mot", old))
    assert float(motion["position"].item()) == pytest.approx(np.pi / 2)
    paths = "nRows=1\ninDegrees=no\nendheader\ntime\t/jointset/knee_r/knee_angle_r/value\t/forceset/a/force\n"
    motion = opensim_files.read_coordinates(write(tmp_path, "b.sto", paths + "0\t1.0\t0.5\n"))
    assert list(motion["coordinate"].values) == ["knee_angle_r"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time a\n0 1\n", "no 'endheader'"),
        (STO.format("maybe") + ROWS, "inDegrees is 'maybe'"),
        (STO.format("no") + "0.0\t90\t1.5\n", "tells 2 rows but 1"),
        (STO.format("no") + "0.0\t90\n0.1\t180\n", "line 8: found 2 values, expected 3"),
        (STO.format("no") + "0.0\t90\tx\n0.1\t1\t1\n", "'x' is no number"),
        (STO.format("no"), "holds no rows"),
        ("", "empty"),
    ],
)
def test_opensim_malformed(tmp_path, text, message):
    with pytest.raises(InputError, match=rf"bad\.sto.*{message}"):
        opensim_files.read_opensim_table(write(tmp_path, "bad.sto", text))


TRC = (
    "PathFileType\t4\t(X/Y/Z)\ta.trc\n"
    "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\n100\t100\t2\t2\tmm\n"
    "Frame#\tTime\tR.Heel\t\t\tL.Heel\t\t\n\t\tX1\tY1\tZ1\tX2\tY2\tZ2\n\n"
    "1\t0.0\t1000\t20\t-5\t\t\t\n2\t0.01\t1010\t20\t-5\t1\t2\t3\n"
)


def test_trc_metres_and_gaps(tmp_path):
    markers = opensim_files.read_trc(write(tmp_path, "a.trc", TRC))
    np.testing.assert_allclose(markers["marker_position"].sel(marker="R.Heel")[0], [1.0, 0.02, -0.005])
    assert markers["marker_position"].sel(marker="L.Heel")[0].isnull().all()
    assert markers.attrs["fps"] == 100.0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("PathFileType", "Path", "PathFileType"),
        ("NumMarkers", "Markers", "missing columns NumMarkers"),
        ("\tmm\n", "\tinch\n", "Units is 'inch'"),
        ("2\t0.01\t1010\t20\t-5\t1\t2\t3\n", "", "tells 2 frames but 1"),
        ("\t1010\t", "\tabc\t", "frame '2'"),
        ("\t1\t2\t3\n", "\t1\t2\t3\t4\n", "expected 8 columns"),
    ],
)
def test_trc_malformed(tmp_path, old, new, message):
    with pytest.raises(InputError, match=rf"bad\.trc.*{message}"):
        opensim_files.read_trc(write(tmp_path, "bad.trc", TRC.replace(old, new, 1)))


def test_c3d_round_trip_of_units_gaps_and_plates(tmp_path):
    import ezc3d

    content = ezc3d.c3d()
    content["parameters"]["POINT"]["RATE"]["value"] = [100]
    content["parameters"]["POINT"]["LABELS"]["value"] = ["LHEE", "RHEE"]
    content["parameters"]["POINT"]["UNITS"]["value"] = ["mm"]
    points = np.ones((4, 2, 5))
    points[0] = 1000.0
    points[:3, 1, 2] = np.nan
    content["data"]["points"] = points
    path = tmp_path / "a.c3d"
    content.write(str(path))
    recording = c3d.read_c3d(path)
    assert recording.get_marker("LHEE")[:, 0] == pytest.approx([1.0] * 5)
    assert np.isnan(recording.get_marker("RHEE")[2]).all()
    assert recording.events.empty and recording.plates.sizes["plate"] == 0
    with pytest.raises(InputError, match=r"a\.c3d: marker 'LTOE' is missing"):
        recording.get_marker("LTOE")
    with pytest.raises(InputError, match="measure 'PROCESSING:Height' is missing"):
        recording.get_measure("Height")


def test_c3d_malformed(tmp_path):
    with pytest.raises(InputError, match=r"none\.c3d: no such file"):
        c3d.read_c3d(tmp_path / "none.c3d")
    with pytest.raises(InputError, match=r"text\.c3d: not a readable c3d"):
        c3d.read_c3d(write(tmp_path, "text.c3d", "hello " * 200))


def test_stride_table_and_people(tmp_path):
    row = "1.0 1.1 1.2 .4 .4 36 36 .7 .7 64 64 .3 27\n"
    strides = clinical.read_stride_table(write(tmp_path, "park1.ts", row * 2))
    assert strides.shape == (2, 13) and strides["stride_time_r_s"].tolist() == [1.2, 1.2]
    with pytest.raises(InputError, match=r"park2\.ts line 2: found 12 values, expected 13"):
        clinical.read_stride_table(write(tmp_path, "park2.ts", row + row.replace(" 27", "")))
    header = "\tGROUP\tAGE(YRS)\tHEIGHT\tWeight\tgender\tGaitSpeed\tDuration\n"
    text = header + "park1\tpark\t77\t2\t86\tm\t0.98\t4\nhunt20\thunt\t33\t1.57\t45\tf\tMISSING\n\t9\n"
    people = clinical.read_stride_people(write(tmp_path, "people.txt", text))
    assert people["group"].tolist() == ["parkinsons", "huntington"]
    assert np.isnan(people["speed_mps"][1]) and people["severity"][1] == 9
    with pytest.raises(InputError, match="row 'park1': found 7 values"):
        clinical.read_stride_people(write(tmp_path, "p.txt", header + "park1\tpark\t77\t2\t86\tm\t0.98\n"))
    with pytest.raises(InputError, match="unknown person 'cat1'"):
        clinical.read_stride_people(write(tmp_path, "p.txt", header + "cat1 x 7 2 8 m 1 4\n"))


def test_speed_step_length_malformed(tmp_path):
    header = "Subject,AgeGroup,Gender,Age,Height,Mass,LegLength,SpeedCat,SpeedComf,Speed,StepLength,Cadence\n"
    row = "1,Young,M,25,1.7,70,0.9,V1,1.2,0.5,0.43,68\n"
    table = clinical.read_speed_step_length(write(tmp_path, "a.csv", header + row))
    assert table.loc[0, ["age_group", "sex", "step_length_m"]].tolist() == ["young", "m", 0.43]
    with pytest.raises(InputError, match=r"b\.csv: missing columns Cadence"):
        clinical.read_speed_step_length(write(tmp_path, "b.csv", header.replace("Cadence", "Rhythm") + row))
    with pytest.raises(InputError, match="row 1, column 'Speed': 'fast' is no number"):
        clinical.read_speed_step_length(write(tmp_path, "c.csv", header + row.replace("0.5", "fast")))


def test_joint_angles_malformed(tmp_path):
    curves = ",".join(f"GCpc_{index}" for index in range(101))
    header = f"SessionID,Side,VariableName,Dim,{curves}\n"
    row = ",".join(["SUB01_on", "R", "KneeAngles", "2", *["180"] * 101]) + "\n"
    bands = clinical.read_joint_angle_bands(write(tmp_path, "a.csv", header + row))
    np.testing.assert_allclose(bands["angle"], np.pi)
    assert bands["group"].item() == "parkinsons" and bands["plane"].item() == "sagittal"
    for old, new, message in (("SUB01_on", "X1", "unknown SessionID 'X1'"), (",2,", ",7,", "expected Dim")):
        with pytest.raises(InputError, match=message):
            clinical.read_joint_angle_bands(write(tmp_path, "b.csv", header + row.replace(old, new, 1)))


def test_workbook_malformed(tmp_path):
    with pytest.raises(InputError, match=r"a\.xlsx: not a readable"):
        clinical.read_diagnoses(write(tmp_path, "a.xlsx", "no workbook"))
    with pytest.raises(InputError, match=r"b\.xlsx: no such file"):
        inertial_recordings.read_freezing_recording(tmp_path / "b.xlsx")


BACK_INFO = {
    "Subject": 1,
    "Age": 49,
    "Gender": "F",
    "Height": 175.0,
    "Weight": 75.0,
    "TrialBoundaries": [100, 400],
    "UTurnBoundaries": [200, 250],
    "LeftFootEvents": [[110, 150]],
    "RightFootEvents": [[160, 200]],
}
BACK_HEAD = (
    "Acquisition frequency: 100 Hz\nPacketCounter Acc_X Acc_Y Acc_Z Gyr_X Gyr_Y Gyr_Z Mag_X Mag_Y Mag_Z\n"
)


def test_lower_back_trial(tmp_path):
    signal = write(tmp_path, "1_lb.txt", BACK_HEAD + "0 9.8 0 0 0 0 1 0 0 0\n1 9.8 0 0 0 0 1 0 0 0\n")
    signals, events = inertial_recordings.read_lower_back_trial(
        signal, write(tmp_path, "1.json", json.dumps(BACK_INFO))
    )
    assert signals["time"].values.tolist() == [0.0, 0.01] and signals.attrs["height_m"] == 1.75
    assert events["event"].tolist() == ["toe_off", "initial_contact"] * 2
    assert events["time_s"].tolist() == [1.1, 1.5, 1.6, 2.0] and events["foot"].tolist() == [
        "l",
        "l",
        "r",
        "r",
    ]
    for change, message in (
        ({"LeftFootEvents": [[150, 110]]}, "field 'LeftFootEvents': expected pairs"),
        ({"UTurnBoundaries": "x"}, "field 'UTurnBoundaries'"),
    ):
        info = write(tmp_path, "2.json", json.dumps(BACK_INFO | change))
        with pytest.raises(InputError, match=message):
            inertial_recordings.read_lower_back_trial(signal, info)
    info = write(tmp_path, "3.json", json.dumps({k: v for k, v in BACK_INFO.items() if k != "Age"}))
    with pytest.raises(InputError, match=r"3\.json: missing columns Age"):
        inertial_recordings.read_lower_back_trial(signal, info)
    with pytest.raises(InputError, match=r"4\.json: not valid JSON"):
        inertial_recordings.read_lower_back_trial(
            signal, write(tmp_path, "4.json", json.dumps(BACK_INFO)[:40])
        )
    with pytest.raises(InputError, match="line 3: found 3 values, expected 10"):
        inertial_recordings.read_lower_back_trial(write(tmp_path, "5.txt", BACK_HEAD + "0 1 2\n"), info)


def make_strides(**changes) -> dict:
    names = np.array(["pelvis_tx", "knee_angle"], dtype=object)
    curves = {"all": np.full((100, 2, 3), -90.0), "colheaders": names}
    labels = np.array(["Fore-aft", "Vertical"], dtype=object)
    force = {"all": np.full((100, 2, 3), 100.0), "colheaders": labels}
    scalars = {"subject1": {"all": np.array([1.0, 1.1, 1.2])}}
    data = {
        "Q": {"subject1": {"Qs": curves}},
        "Torques": {"subject1": curves},
        "GRFs": {"subject1": force},
        "EMG": {"subject1": force},
        "StrideLength": scalars,
        "StepWidth": scalars,
    }
    return {"ExperimentalData": data | changes}


def save_matlab(path, values: dict):
    import scipy.io

    scipy.io.savemat(path, values)
    return path


def test_laboratory_strides(tmp_path):
    strides = matlab.read_laboratory_strides(save_matlab(tmp_path / "a.mat", make_strides()))
    assert strides["position"].shape == (3, 100, 2)
    np.testing.assert_allclose(
        strides["position"].sel(coordinate="knee_angle"), np.pi / 2
    )  # sign made OpenSim's
    np.testing.assert_allclose(strides["position"].sel(coordinate="pelvis_tx"), -90.0)  # metres stay
    np.testing.assert_allclose(strides["force_share"], 1.0)
    with pytest.raises(InputError, match=r"b\.mat: field 'EMG\.subject1' is missing"):
        matlab.read_laboratory_strides(save_matlab(tmp_path / "b.mat", make_strides(EMG={"other": 1.0})))
    flat = {"subject1": {"all": np.zeros((100, 3)), "colheaders": np.array(["Vertical"], dtype=object)}}
    with pytest.raises(InputError, match="field 'GRFs': shape"):
        matlab.read_laboratory_strides(save_matlab(tmp_path / "c.mat", make_strides(GRFs=flat)))


def test_lower_back_tests_nested_structure(tmp_path):
    bout = {"Start": 1.0, "End": 3.0, "WalkingSpeed": 1.2, "Cadence": 110.0, "NumberStrides": 2}
    contact = {"InitialContact_Event": [1.0, 1.5], "InitialContact_LeftRight": ["Left", "Right"]}
    sensor = {"Acc": np.tile([1.0, 0, 0], (5, 1)), "Gyr": np.tile([180.0, 0, 0], (5, 1)), "Fs": {"Acc": 100}}
    test = {"SU": {"LowerBack": sensor}, "Standards": {"INDIP": {"MicroWB": bout | contact}}}
    values = {"data": {"TimeMeasure1": {"Test5": {"Trial1": test}}}}
    (found,) = matlab.read_lower_back_tests(save_matlab(tmp_path / "data.mat", values))
    assert found.name == "TimeMeasure1/Test5/Trial1"
    np.testing.assert_allclose(found.signals["acceleration"][0], [9.81, 0, 0])
    np.testing.assert_allclose(found.signals["angular_velocity"][0], [np.pi, 0, 0])
    assert found.bouts["speed_mps"].tolist() == [1.2] and np.isnan(found.bouts["stride_length_m"][0])
    assert found.contacts["foot"].tolist() == ["l", "r"]
    with pytest.raises(InputError, match="holds no test"):
        matlab.read_lower_back_tests(
            save_matlab(tmp_path / "empty.mat", {"data": {"TimeMeasure1": {"a": 1.0}}})
        )
    cut = tmp_path / "cut.mat"
    cut.write_bytes((tmp_path / "data.mat").read_bytes()[:300])
    with pytest.raises(InputError, match=r"cut\.mat: not a readable MATLAB file, or truncated"):
        matlab.read_lower_back_tests(cut)
