"""The shared sets as they are: counts and figures that their sources state."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gaitlib.data import fetch
from gaitlib.data.manifest import load_manifest
from gaitlib.data.packed import list_recordings, read_recording
from gaitlib.data.readers import clinical, inertial_recordings, matlab
from gaitlib.data.reference_tables import load_table
from gaitlib.environment import ROOT
from gaitlib.errors import InputError
from gaitlib.sense import trunk_and_arms


@pytest.mark.real_data
def test_every_file_has_the_hash_of_the_manifest():
    manifest = load_manifest()
    for item_id in manifest.items:
        assert set(fetch.inspect_item(item_id, manifest).values()) <= {"ok"}, item_id


def test_speed_step_length_rows_people_and_law():
    table = load_table("speed_steplength_age", "calibrate")
    assert len(table) == 258 and table["person_id"].nunique() == 43
    assert table.groupby("age_group")["person_id"].nunique().to_dict() == {"older": 21, "young": 22}
    # One formula ties the three columns: so cadence is in steps per minute.
    product = table["step_length_m"] * table["cadence_spm"] / 60
    np.testing.assert_allclose(product, table["speed_mps"], rtol=0.03)


def test_gaitndd_mean_speeds_and_stride_tables():
    people = load_table("gaitndd", "evaluate")
    mean = people.groupby("group")["speed_mps"].mean()
    assert mean["parkinsons"] == pytest.approx(1.00, abs=0.005)
    assert mean["control"] == pytest.approx(1.35, abs=0.005)
    held = [name.removesuffix(".ts") for name in list_recordings("gaitndd", "*.ts")]
    assert sum(name.startswith("park") for name in held) == 15 and len(held) == 31
    assert set(held) <= set(people["person_id"])
    for name in held:
        strides = read_recording("gaitndd", f"{name}.ts", "evaluate")
        assert strides["stride_time_l_s"].median() == pytest.approx(
            strides["stride_time_r_s"].median(), abs=0.05
        )
        share = strides["swing_l_percent"] + strides["stance_l_percent"]
        assert share.median() == pytest.approx(100, abs=0.1)


@pytest.mark.real_data("parkinson_joint_angles")
def test_joint_angle_bands_people_and_ranges():
    bands = clinical.read_joint_angle_bands(
        fetch.get_path("parkinson_joint_angles", "Parkinsons_Data.csv", "evaluate")
    )
    people = bands[["person_id", "group"]].to_dataframe()
    counts = people.groupby("group")["person_id"].nunique().to_dict()
    assert counts == {"parkinsons": 22, "healthy_adult": 42, "amputee": 18}
    span = np.degrees(bands["angle"].max("phase") - bands["angle"].min("phase"))
    table = span.to_dataframe(name="span").query("plane == 'sagittal'")
    means = table.groupby(["group", "medication", "joint"])["span"].mean().round()
    assert means["parkinsons", "on"][["knee", "hip", "ankle"]].tolist() == [57, 37, 23]
    assert means["parkinsons", "off"][["knee", "hip", "ankle"]].tolist() == [54, 34, 21]
    assert means["healthy_adult", ""][["knee", "hip", "ankle"]].tolist() == [65, 41, 28]


def test_video_benchmark_gives_the_published_agreement():
    table = load_table("cp_video_benchmark", "evaluate")
    full = table.dropna()
    assert len(full) == 182
    assert full["speed_mps"].corr(full["speed_mps_predicted"]) == pytest.approx(0.73, abs=0.005)
    assert (full["speed_mps"] - full["speed_mps_predicted"]).abs().mean() == pytest.approx(0.131, abs=0.001)
    assert (full["cadence_spm"] - full["cadence_spm_predicted"]).abs().mean() == pytest.approx(9.6, abs=0.05)


@pytest.mark.real_data("lower_back_events")
def test_lower_back_trials():
    signals = fetch.get_paths("lower_back_events", "evaluate", "*_lb.txt")
    assert len(signals) == 110
    people = set()
    for path in signals:
        if not path.name.split("-")[1].startswith("1"):
            people.add(path.name.split("-")[0])
            continue
        info = path.with_name(path.name.replace("_lb.txt", ".json"))
        trial, events = inertial_recordings.read_lower_back_trial(path, info)
        people.add(trial.attrs["person_id"])
        assert 25 <= trial.attrs["age_years"] <= 79
        gravity = np.linalg.norm(trial["acceleration"], axis=1).mean()
        assert gravity == pytest.approx(9.81, rel=0.1)  # sensor as it came, not calibrated
        right = events.query("foot == 'r' and event == 'initial_contact'")["time_s"]
        assert 0.8 < np.median(np.diff(right)) < 1.6
    assert len(people) == 19


@pytest.mark.real_data("parkinson_fog_imu")
def test_freezing_recording():
    path = fetch.get_path("parkinson_fog_imu", "pt6_visit_50_tbc_walklr_0_trial_1.xlsx", "evaluate")
    recording = inertial_recordings.read_freezing_recording(path)
    assert recording.attrs["person_id"] == "pt6" and recording.attrs["fps"] == pytest.approx(128, abs=0.1)
    assert recording.sizes["sensor"] == 11 and not recording["freezing"].any()
    gravity = np.linalg.norm(recording["acceleration"].sel(sensor="lumbar"), axis=1).mean()
    assert gravity == pytest.approx(9.81, rel=0.05)


def test_lower_back_tests_with_measured_speed():
    for person in ("HA/001", "HA/002", "MS/001"):
        found = read_recording("mobilised_lab", f"{person}/data.mat", "evaluate")
        assert [test.name.split("/")[1] for test in found] == ["Test5", "Test5", "Test11"]
        speeds = np.concatenate([test.bouts["speed_mps"] for test in found])
        assert len(speeds) >= 10 and 0.4 < np.nanmean(speeds) < 1.4
        gravity = np.linalg.norm(found[0].signals["acceleration"], axis=1).mean()
        assert gravity == pytest.approx(9.81, rel=0.03)
        measures = read_recording("mobilised_lab", f"{person}/infoForAlgo.mat", "evaluate")
        assert 1.5 < measures["height_m"] < 1.8 and 0.9 < measures["sensor_height_m"] < 1.1


def test_adult_strides():
    strides = read_recording("adult_3d", "ExperimentalData.mat", "calibrate")
    assert strides.sizes["stride"] == 11
    assert float(strides["stride_length_m"].mean()) == pytest.approx(1.377, abs=0.001)
    knee = np.degrees(strides["position"].sel(coordinate="knee_angle"))
    assert 55 < float(knee.max()) < 75 and float(knee.min()) > -5
    assert 1.0 < float(strides["force_share"].sel(force="y").max()) < 1.3


def test_child_with_cerebral_palsy_walks_in_crouch():
    lengths = []
    for side in "rl":
        strides = read_recording("cp_child", f"ExperimentalData_{side}.mat", "evaluate")
        lengths += strides["stride_length_m"].values.tolist()
        knee = np.degrees(strides["position"].sel(coordinate=f"knee_angle_{side}"))
        assert float(knee.min()) > 30
    assert 0.90 < min(lengths) and max(lengths) < 1.12
    motion = read_recording("cp_child", "KS_Gait_average_r.mot", "evaluate")
    assert 30 < float(np.degrees(motion["position"].sel(coordinate="knee_flex_r").min())) < 60


def test_opensim_example_files():
    name = "adult_walk_3d_moco"
    motion = read_recording(name, "coordinates.sto", "calibrate")
    knee = np.degrees(motion["position"].sel(coordinate="knee_angle_r"))
    assert 50 < float(knee.max()) < 80
    force = read_recording(name, "grf_walk.mot", "calibrate")
    assert 500 < force["ground_force_r_vy"].max() < 1500
    markers = read_recording(name, "markers_walk.trc", "calibrate")
    assert markers.sizes == {"time": 238, "marker": 41, "space": 3}
    assert 1.3 < float(markers["marker_position"].sel(marker="R.Shoulder", space="y").mean()) < 1.6


def test_pelvis_of_the_adults_set_aside_tilts_as_far_as_that_of_the_42():
    strides = read_recording("adult_3d", "ExperimentalData.mat", "calibrate")
    motion = read_recording("adult_walk_3d_moco", "coordinates.sto", "calibrate")
    first, second = (data["position"].sel(coordinate="pelvis_tilt").values for data in (strides, motion))
    tilts = [np.degrees(np.ptp(first, axis=1)).mean(), np.degrees(np.ptp(second))]
    people = pd.read_csv(ROOT / "data/targets/healthy_adult.csv", index_col="feature")
    least, middle, most = people.loc["pelvis_tilt_range_deg", ["p05", "p50", "p95"]]
    assert all(least < tilt < most for tilt in tilts)
    assert middle == pytest.approx(trunk_and_arms.PEOPLES_PELVIS_DEG, abs=0.05)


@pytest.mark.real_data("td_children_c3d", "neuro_bvh", "adult_3d", "parkinson_fog_imu")
def test_truncated_real_files_are_one_clear_error(tmp_path):
    from gaitlib.data.readers.bvh import read_bvh
    from gaitlib.data.readers.c3d import read_c3d

    cases = (
        (read_c3d, fetch.get_path("td_children_c3d", "HC002D06.c3d", "evaluate")),
        (read_bvh, fetch.get_path("neuro_bvh", "SubjectA1_Cycle1.bvh", "evaluate")),
        (matlab.read_laboratory_strides, fetch.get_path("adult_3d", "ExperimentalData.mat", "calibrate")),
        (
            inertial_recordings.read_freezing_recording,
            fetch.get_path("parkinson_fog_imu", "pt6_visit_50_tbc_walklr_0_trial_1.xlsx", "evaluate"),
        ),
    )
    for read, path in cases:
        content = path.read_bytes()
        for share in (0.0, 0.004, 0.1, 0.9):
            cut = tmp_path / f"cut{path.suffix}"
            cut.write_bytes(content[: int(share * len(content))])
            with pytest.raises(InputError, match=rf"cut\{path.suffix}"):
                read(cut)


def test_tables_keep_to_their_purpose():
    with pytest.raises(InputError, match="may not be used for 'evaluate'"):
        load_table("speed_steplength_age", "evaluate")
    with pytest.raises(InputError, match="has no table; items with one"):
        load_table("neuro_bvh", "evaluate")
