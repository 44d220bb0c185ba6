"""Real recordings beside the simulated people: curves over the own stride, stride tables, sensors."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from notebook_cells import read_definitions

from gaitlib.data.measured_curves import load_leg_angles
from gaitlib.data.packed import read_recording
from gaitlib.data.reference_tables import summarise_strides
from gaitlib.errors import InputError
from gaitlib.estimate.baseline_estimators import detect_shank_contacts, estimate_back_step_time, pair_steps
from gaitlib.estimate.estimate_table import compare_step_times
from gaitlib.evaluate.waveforms import compare_curves, describe_clusters, score_normal
from gaitlib.gait import COORDINATES
from gaitlib.report import figures
from gaitlib.simulate import curves

PHASE = np.arange(101.0)


def build_gaits(starts=(0, 50)):
    """One gait whose legs do the same, each beginning at its own sample; stance lasts 60 % of the stride."""
    position = np.zeros((1, 101, len(COORDINATES)))
    force = np.zeros((1, 101, 2, 3))
    for foot, start in enumerate(starts):
        own = (PHASE - start) % 100
        side = "rl"[foot]
        position[0, :, COORDINATES.index(f"knee_angle_{side}")] = np.radians(own)
        force[0, :, foot, 1] = np.where(own < 60, 500.0, 0.0)
    return xr.Dataset(
        {
            "position": (("gait", "phase", "coordinate"), position),
            "ground_force": (("gait", "phase", "foot", "axis"), force),
        },
        coords={"coordinate": list(COORDINATES), "foot": ["r", "l"], "axis": ["x", "y", "z"], "phase": PHASE},
    )


@pytest.mark.parametrize("starts", [(0, 50), (0, 43), (20, 75)])
def test_each_leg_starts_at_its_own_contact(starts):
    found = curves.collect_side_curves(build_gaits(starts), ["one"])
    for side in (0, 1):
        assert found.angles["knee"][0, side, :100] == pytest.approx(PHASE[:100])
    assert found.toe_off == pytest.approx(np.full((1, 2), 60.0))


def test_gaits_of_one_person_are_one_person():
    gaits = xr.concat([build_gaits(), 2 * build_gaits(), build_gaits()], dim="gait")
    found = curves.collect_side_curves(gaits, ["a", "a", "b"])
    assert found.people == ["a", "b"]
    assert found.angles["knee"][0, 0, 50] == pytest.approx(75.0)


def make_group(shift, n=8, seed=0):
    rng = np.random.default_rng(seed)
    wave = 20 * np.sin(2 * np.pi * PHASE / 100)
    angles = {
        joint: wave + shift + rng.normal(0, 2, (n, 1, 1)) + np.zeros((n, 2, 1)) for joint in curves.JOINTS
    }
    return curves.SideCurves(angles, [f"p{k}" for k in range(n)], np.full((n, 2), np.nan))


def test_shifted_curves_differ_in_place_and_not_in_range():
    groups = make_group(15.0, seed=1).angles, make_group(0.0).angles
    found = compare_curves(*groups, np.random.default_rng(0), 200)
    assert found["range_difference"].abs().max() < 1e-9
    assert found["rms"].to_numpy() == pytest.approx(15, abs=2.5)
    assert all(cluster.p < 0.05 for clusters in found["clusters"] for cluster in clusters)
    assert all("0–100" in describe_clusters(clusters) for clusters in found["clusters"])
    assert describe_clusters([]) == "nowhere (p 1.000)"


def test_profile_scores_leave_each_healthy_person_out():
    normal = make_group(0.0).average_sides()
    own = score_normal(normal)
    assert len(own) == 8
    others = {joint: np.delete(curves, 2, axis=0).mean(axis=0) for joint, curves in normal.items()}
    distance = [np.mean((normal[joint][2] - mean) ** 2) for joint, mean in others.items()]
    assert own["profile"].iloc[2] == pytest.approx(np.sqrt(np.mean(distance)))


def test_figure_tells_sides_apart_twice_and_has_units():
    figure = figures.plot_side_curves({"Real": make_group(0.0)}, make_group(0.0, seed=2))
    lines = [line for line in figure.axes[0].lines if line.get_linewidth() > 2]
    assert len({line.get_color() for line in lines}) == len({line.get_linestyle() for line in lines}) == 2
    assert all("(°)" in ax.get_ylabel() for ax in figure.axes[:3])
    assert figure.get_size_inches()[0] * 96 <= 620


def test_strides_drop_the_start_and_turns():
    n = 60
    times = np.full(n, 1.1) + np.tile([0.01, -0.01], n // 2)
    table = pd.DataFrame({"elapsed_s": np.arange(n) * 1.1, "double_support_percent": 30.0})
    for side in "lr":
        table[f"stride_time_{side}_s"], table[f"stance_{side}_percent"] = times, 65.0
    table.loc[:5, "stride_time_l_s"] = 5.0
    table.loc[40, "stride_time_r_s"] = 3.0
    found = summarise_strides(table)
    assert found["stride_time_s"] == pytest.approx(1.1, abs=0.001)
    assert found["stride_time_cv"] == pytest.approx(0.01 / 1.1, rel=0.05)
    assert found["stance_share"] == pytest.approx(0.65) and found["n_strides"] < n - 18


def make_shank(step_s, n_steps, rate=128.0, turn=None, noise=0.0):
    """Angular velocity of a shank: one swing of 4 rad/s per stride and a dip at each contact."""
    time_s = np.arange(0, n_steps * step_s + 2, 1 / rate)
    contacts = 0.6 + 2 * step_s * np.arange(int((time_s[-1] - 1) / (2 * step_s)))
    swing = sum(4 * np.exp(-(((time_s - c + 0.2) / 0.06) ** 2)) for c in contacts)
    dip = sum(2 * np.exp(-(((time_s - c) / 0.03) ** 2)) for c in contacts)
    values = np.zeros((len(time_s), 3))
    values[:, 2] = swing - dip
    values += np.random.default_rng(0).normal(0, noise, values.shape)
    return time_s, values if turn is None else values @ turn.T, contacts


@pytest.mark.parametrize("step_s", [0.42, 0.55, 0.8])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_shank_contacts_whatever_way_the_sensor_is_worn(step_s, sign):
    angle = 0.7
    turn = sign * np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    time_s, values, contacts = make_shank(step_s, 24, turn=turn, noise=0.1)
    found = detect_shank_contacts(time_s, values)
    assert len(found) == len(contacts) and np.abs(found - contacts).max() < 0.03


def test_standing_has_no_contacts_and_no_step_time():
    time_s = np.arange(0, 8, 0.01)
    noise = np.random.default_rng(0).normal(0, 0.02, (len(time_s), 3))
    assert len(detect_shank_contacts(time_s, noise)) == 0
    assert np.isnan(estimate_back_step_time(time_s, noise + [0, 9.81, 0]))


def test_steps_are_pairs_of_opposite_feet():
    end, step = pair_steps(np.array([0.0, 1.0, 2.0, 3.0, 9.0]), np.array([0.4, 1.6, 9.5]))
    assert step.tolist() == pytest.approx(
        [0.4, 0.6, 0.6, 0.4, 0.5]
    )  # 2.0 to 3.0 is one foot twice, 3.0 to 9.0 a rest
    assert end[-1] == 9.5


@pytest.mark.parametrize("step_s", [0.45, 0.6, 0.9])
def test_step_time_of_the_back_sensor(step_s):
    time_s = np.arange(0, 8, 1 / 128)
    up = 1.5 * np.cos(2 * np.pi * time_s / step_s) + 0.3 * np.cos(np.pi * time_s / step_s)
    values = (
        np.column_stack([0.2 * np.sin(9 * time_s), 9.81 + up, 0 * up])
        @ np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    )
    assert estimate_back_step_time(time_s, values) == pytest.approx(step_s, abs=0.01)


@pytest.mark.parametrize("values", [np.zeros((50, 3)), np.zeros((400, 2)), np.full((400, 3), np.nan)])
def test_malformed_sensor(values):
    with pytest.raises(InputError, match="sensor"):
        detect_shank_contacts(np.arange(len(values)) / 100, values)


def test_windows_leave_out_rest_and_freezing():
    time_s, right, _ = make_shank(0.5, 60)
    left = np.roll(right, round(0.5 * 128), axis=0)
    up = 9.81 + np.cos(2 * np.pi * time_s / 0.5)
    still = np.zeros_like(right)
    recording = xr.Dataset(
        {
            "angular_velocity": (("time", "sensor", "space"), np.stack([right, left, still], axis=1)),
            "acceleration": (
                ("time", "sensor", "space"),
                np.stack([still, still, still + [0, 1, 0] * up[:, None]], axis=1),
            ),
            "freezing": ("time", (time_s > 9) & (time_s < 10)),
        },
        coords={"time": time_s, "sensor": ["ankle_r", "ankle_l", "lumbar"], "space": ["x", "y", "z"]},
        attrs={"person_id": "pt1"},
    )
    rows = compare_step_times(recording)
    assert [row["walk_id"] for row in rows] == ["pt1-0", "pt1-2"]
    assert all(row["estimate"] == pytest.approx(0.5, abs=0.01) == row["reference"] for row in rows)


@pytest.mark.real_data("parkinson_joint_angles")
def test_parkinson_ranges_are_those_published():
    """Computed elsewhere from the same file: knee 54 off against 65, hip 34, 41, ankle 21, 28 degrees."""
    off, healthy = (
        curves.SideCurves(*load_leg_angles("parkinsons", "off")),
        curves.SideCurves(*load_leg_angles("healthy_adult")),
    )
    assert (len(off.people), len(healthy.people)) == (22, 42)
    for joint, sick, well in (("knee", 54, 65), ("hip", 34, 41), ("ankle", 21, 28)):
        for group, expected in ((off, sick), (healthy, well)):
            assert np.ptp(group.angles[joint], axis=2).mean() == pytest.approx(expected, abs=0.6)


def test_benchmark_recomputed(monkeypatch):
    """Kidzinski 2020, recomputed elsewhere from the figure data: MAE and r of each quantity."""
    nobody = pd.DataFrame(columns=["outcome", "method", "view", "origin", "mae"])
    names = read_definitions("4_evaluate", agreement=nobody, main="side", basis="simulated")
    monkeypatch.setattr(names["page"], "show_table", lambda table, *_: table)
    item = {"dataset": "cp_video_benchmark", "about": names["load_manifest"]().items["cp_video_benchmark"]}
    table = names["show_predictions"](item).set_index("Quantity")
    expected = {
        "Speed (m/s)": ("0.131", "0.73"),
        "Step length (cm)": ("5.8", "0.65"),
        "Step time (ms)": ("45", "0.78"),
        "Cadence (steps/min)": ("9.6", "0.79"),
        "Gait deviation index": ("5.6", "0.75"),
    }
    for name, (mae, r) in expected.items():
        assert (table.loc[name, "MAE"], table.loc[name, "r"]) == (mae, r)
    assert (table["Ours, MAE on simulated people"] == "–").all()


def test_the_child_walks_in_crouch():
    strides = {side: read_recording("cp_child", f"ExperimentalData_{side}.mat", "evaluate") for side in "rl"}
    child = read_definitions("4_evaluate")["collect_case"](strides)
    assert child.angles["knee"].shape == (3, 2, 101)
    right = child.angles["knee"][:, 0].mean(axis=0)
    assert (right.min(), right.max()) == pytest.approx((37, 70), abs=3)
    assert np.nanmean(child.toe_off) == pytest.approx(63, abs=3)
