"""The door: every kind of file gives the right value or a refusal, and no other movement gets one."""

import argparse
import contextlib
import dataclasses
import json
import re

import door_samples
import numpy as np
import pandas as pd
import pytest
from door_damage import CELLS, EDITS, damage, try_file
from door_trials import (
    BODY_TRIALS,
    PICTURE_TRIALS,
    SIGNAL_TRIALS,
    build_body,
    film,
    spoil_picture,
    spoil_signal,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from repository import load_script

import gaitlib
from gaitlib.data.readers import c3d, opensim_files
from gaitlib.door import gate
from gaitlib.door.answer import estimate_gait
from gaitlib.door.command import add_estimate_parser, run
from gaitlib.door.inertial_tables import convert_signals
from gaitlib.door.loose_tables import parse_table
from gaitlib.door.names import ORDERS, find_point, map_names
from gaitlib.door.recording import Recording
from gaitlib.door.timing import find_rate, place_in_time
from gaitlib.errors import GaitlibError, InputError
from gaitlib.gait import COORDINATES
from gaitlib.sense.inertial import measure_motion

READERS = (
    "plain.csv",
    "tab_comma.txt",
    "long.csv",
    "deeplabcut.csv",
    "sleap_two.h5",
    "deeplabcut_table.h5",
    "alphapose_body25.json",
    "mmpose.json",
    "markers_mm.trc",
    "plain_imu.csv",
    "milli_g.csv",
)


@pytest.fixture(scope="module")
def walk():
    return door_samples.build_sample_walk()


@pytest.fixture(scope="module")
def samples(walk, tmp_path_factory):
    return {s.path.name: s for s in door_samples.write_samples(tmp_path_factory.mktemp("samples"), walk)}


def ask(sample, **options):
    return estimate_gait(sample.path, **(sample.options | options))


def write(walk, tmp_path, edit, name="walk.csv"):
    picture = walk.picture.copy()
    picture = picture if (edited := edit(picture)) is None else edited
    path = tmp_path / name
    door_samples.tabulate(picture).to_csv(path, index=False)
    return path


# Values


def test_every_sample_is_right_or_refused(samples, walk):
    found = door_samples.check_samples(list(samples.values()), walk)
    assert len(found) > 38
    assert found[~found["right"].astype(bool)].empty, found[~found["right"].astype(bool)].to_string()


def test_the_same_walk_in_other_words_gives_the_same_values(samples):
    plain = ask(samples["plain.csv"])["speed_mps"].value
    for name in (
        "upper_case.csv",
        "tab_comma.txt",
        "milliseconds.csv",
        "sleap.csv",
        "alphapose_coco17.json",
        "turned.csv",
    ):
        assert ask(samples[name])["speed_mps"].value == pytest.approx(plain, rel=2e-3), name
    signals = ask(samples["plain_imu.csv"])["speed_mps"].value
    for name in ("g_degrees.csv", "milli_g.csv", "xsens.txt", "phone.csv", "opal.csv"):
        assert ask(samples[name])["speed_mps"].value == pytest.approx(signals, rel=2e-3), name


def test_three_dimensions_are_measured_not_estimated(samples, walk):
    answer = ask(samples["markers_mm.trc"])
    assert answer["speed_mps"].value == pytest.approx(walk.truth["speed_mps"], rel=0.01)
    assert answer["step_length_m"].value == pytest.approx(walk.truth["step_length_m"], rel=0.01)
    assert "measured directly" in answer.method and 55 < answer["stance_share"].value < 75


@pytest.mark.parametrize("spelling", [0.0, -1.0, np.nan])
def test_missing_points_are_no_worse_than_unknown_ones(walk, tmp_path, spelling):
    gone = np.random.default_rng(2).uniform(size=walk.picture.shape[:2]) < 0.05
    known = estimate_gait(
        write(walk, tmp_path, lambda q: q.__setitem__((gone, slice(0, 2)), np.nan), "nan.csv"), fps=60
    )
    answer = estimate_gait(
        write(walk, tmp_path, lambda q: q.__setitem__((gone, slice(0, 2)), spelling)), fps=60
    )
    assert answer["speed_mps"].value == pytest.approx(known["speed_mps"].value, rel=3e-3)


def test_what_was_mended_is_named(samples):
    for name, words in (
        ("origin.csv", "(0, 0)"),
        ("jumps.csv", "jumped"),
        ("swapped.csv", "exchanged back"),
        ("turned.csv", "90 degrees"),
        ("y_up.csv", "upwards"),
        ("milliseconds.csv", "--fps says 30"),
        ("mmpose.json", "2 people"),
        ("g_degrees.csv", "deg/s"),
    ):
        assert words in " ".join(ask(samples[name]).notes), name


def test_a_turn_is_cut_out_and_bouts_are_weighted_by_strides(walk, tmp_path):
    def out_and_back(q):
        return np.concatenate(
            [
                q,
                np.repeat(q[-1:], 60, axis=0)
                + [0.5, 0, 0] * np.random.default_rng(1).normal(size=(60, 1, 1)),
                q[::-1],
            ]
        )

    answer = estimate_gait(write(walk, tmp_path, out_and_back), fps=60, height_m=walk.height_m)
    ways = [bout["way"] for bout in answer.bouts]
    assert ways == ["right", "left"] and answer.strides == pytest.approx(
        sum(b["strides"] for b in answer.bouts), abs=0.2
    )
    values = [bout["values"]["speed_mps"].value for bout in answer.bouts if bout["status"] == "ok"]
    assert min(values) <= answer["speed_mps"].value <= max(values)


def test_the_person_is_chosen(samples):
    path = samples["mmpose.json"]
    assert ask(path).ok and not ask(path, person=2).ok
    with pytest.raises(InputError, match="--person: found 3, expected 1 to 2"):
        ask(path, person=3)


def test_a_treadmill_is_found_and_from_the_front_must_be_stated(walk):
    rng = np.random.default_rng(4)
    points = walk.points.copy()
    points[..., 0] -= (np.arange(len(points)) / 60 * walk.truth["speed_mps"])[:, None]
    side, front = (film(points, rng, view, 60.0, 1.0) for view in ("side", "front"))
    known = {"fps": 60, "layout": "walk19", "height_m": walk.height_m}
    found = gaitlib.estimate_gait(side[..., :2], **known)
    assert found["speed_mps"].value == pytest.approx(walk.truth["speed_mps"], rel=0.12)
    assert found["step_time_s"].value == pytest.approx(walk.truth["step_time_s"], rel=0.02)
    assert "stays in place" in " ".join(found.notes)
    assert "--treadmill" in gaitlib.estimate_gait(front[..., :2], **known).status
    assert gaitlib.estimate_gait(front[..., :2], treadmill=True, **known).ok


def test_a_long_gap_splits_and_a_short_one_does_not(walk, tmp_path):
    def rows(gap):
        table = door_samples.tabulate(walk.picture)
        table.insert(0, "time", np.arange(len(table)) / 60)
        path = tmp_path / f"{len(gap)}.csv"
        table.drop(index=gap).to_csv(path, index=False)
        return estimate_gait(path)

    assert len(rows(list(range(160, 166))).bouts) == 1
    assert len(rows(list(range(150, 180))).bouts) == 2


def test_empty_frames_of_openpose_are_those_of_unknown_points(walk, tmp_path):
    body, empty = door_samples.build_layout(walk.picture, "body25"), slice(3, None, 10)
    for n, frame in enumerate(body):
        people = [] if n % 10 == 3 else [{"pose_keypoints_2d": frame.ravel().tolist()}]
        (tmp_path / f"a_{n:04d}_keypoints.json").write_text(json.dumps({"people": people}))
    body[..., :2][body[..., 2] == 0] = np.nan
    body[empty] = np.nan
    known = estimate_gait(body[..., :2], fps=60, layout="body25")
    assert estimate_gait(tmp_path, fps=60)["speed_mps"].value == pytest.approx(known["speed_mps"].value)


def test_nothing_stored_in_a_table_of_columns_is_run(samples, tmp_path):
    import h5py

    path = tmp_path / "a.h5"
    path.write_bytes(samples["deeplabcut_table.h5"].path.read_bytes())
    with h5py.File(path, "a") as file:
        file["df_with_missing/table"].attrs["values_block_0_kind"] = np.bytes_(
            b"cos\nsystem\n(S'exit 1'\ntR."
        )
    with pytest.raises(InputError, match="not a readable HDF5 file"):
        estimate_gait(path, fps=60)


# Names, time


def test_names_in_all_spellings():
    for name in ("left_knee", "LKnee", "L_Knee", "kneeLeft", "LEFT_KNEE", "knee.L", "l knee", "lknee"):
        assert find_point(name) == "knee_l", name
    assert (
        find_point("RBigToe") == "toe_r"
        and find_point("LeftUpLeg") == "hip_l"
        and find_point("LHipAngles") is None
    )
    for layout, names in ORDERS.items():
        assert len(set(names)) == len(names)
        legs = {f"{joint}_{side}" for joint in ("hip", "knee", "ankle") for side in "rl"}
        assert legs <= map_names(list(names)).keys(), layout


@given(st.floats(20, 250), st.integers(20, 400), st.sets(st.integers(2, 300), max_size=60))
@settings(max_examples=60, deadline=None)
def test_the_rate_is_found_whatever_is_missing_and_rounded(rate, n, gone):
    kept = np.array([k for k in range(n) if k not in gone])
    if len(kept) < 10 or np.median(np.diff(kept)) > 1:
        return
    found, place = find_rate(np.round(kept / rate, 3))
    assert found == pytest.approx(rate, rel=0.02)
    assert (place == kept - kept[0]).mean() > 0.95


def test_variable_rate_is_resampled():
    rng = np.random.default_rng(0)
    time_s = np.cumsum(rng.uniform(0.6, 1.4, 300) / 30)
    recording = Recording("inertial", np.sin(2 * np.pi * time_s)[:, None] * np.ones(6), time_s=time_s)
    placed = place_in_time(recording)
    new = np.arange(len(placed.values)) / placed.facts["fps"] + time_s[0]
    assert np.nanmax(np.abs(placed.values[:, 0] - np.sin(2 * np.pi * new))) < 0.03
    assert "varies" in " ".join(placed.notes)


@pytest.mark.parametrize(
    ("times", "message"),
    [([0.0, 0.1, 0.05, 0.2], "rise"), ([0.0] * 4, "same time"), ([0.0, "x", 0.1, 0.2], "time")],
)
def test_times_that_do_not_rise_are_refused(tmp_path, times, message):
    path = tmp_path / "a.csv"
    pd.DataFrame(
        {"time": times} | {f"{k}_{a}": v for k, v in (("acc", 5.7), ("gyr", 0.1)) for a in "xyz"}
    ).to_csv(path, index=False)
    with pytest.raises(InputError, match=message):
        estimate_gait(path, site="lower_back")


# The gate


@pytest.fixture(scope="module")
def fitting():
    return load_script("fit_gate")


def test_fresh_walks_pass_the_fitted_limits_and_other_movements_do_not(fitting):
    limits = pd.read_csv(gate.LIMITS_FILE)
    source = fitting.WalkSource.load(seed=23, measured=False)
    tables = fitting.measure_walks(25, source), fitting.measure_others(2, source)
    for table, least, most in zip(tables, (0.0, 0.9), (0.1, 1.0), strict=True):
        declined = []
        for part, own in table.groupby("part"):
            meanings = gate.PICTURE if part == "picture" else gate.SIGNAL
            chosen = limits[limits["part"] == part].set_index("measure")
            declined += fitting.is_declined(own, chosen, meanings).tolist()
        assert least <= np.mean(declined) <= most


def test_fast_walkers_wear_sensors_of_the_right_size_and_a_leg_is_no_back(fitting):
    source = fitting.WalkSource.load(seed=24, measured=False)
    pool = source.pools[0]
    travel = pool.curves[..., COORDINATES.index("pelvis_tx")].mean(axis=1) / pool.stride_time_s
    fast = [pool.select(int(n)) for n in np.argsort(-travel)[:60]]
    n_refused = passed = 0
    for gait in fast[::5]:
        signals, fps, speed = fitting.WalkSource((gait,), source.rng).wear()
        assert 1.4 < speed < 2.3
        for column, part in enumerate(fitting.PARTS):
            try:
                convert_signals("", signals[:, column], "", part)
            except InputError:
                n_refused += 1
        shank = signals[:, fitting.PARTS.index("shank")]
        with contextlib.suppress(InputError):
            passed += not gate.check_inertial(
                convert_signals("", shank, "", "lower_back")[0], fps, "lower_back"
            )
    assert n_refused <= 1 and passed == 0


def test_the_part_that_signals_fit_is_named(walk):
    legs = measure_motion(walk.points, None, 60.0, walk.height_m, ("shank_r",), 100.0)[50:-50, 0]
    words = gate.check_inertial(legs, 100.0, "lower_back")
    assert words.startswith("no walking") and "the signals fit a sensor at" in words and "shank" in words


@pytest.mark.parametrize("kind", BODY_TRIALS)
def test_other_movements_get_no_answer(kind):
    rng = np.random.default_rng(9)
    for view in ("side", "front", "oblique"):
        clip = film(build_body(kind, rng), rng, view)
        try:
            answer = gaitlib.estimate_gait(clip[..., :2], fps=60, layout="walk19", image_size_px=(1920, 1080))
        except InputError:
            continue
        assert not answer.ok, view


@pytest.mark.parametrize("kind", PICTURE_TRIALS)
def test_spoilt_pictures_get_no_answer(kind, walk):
    rng, declined = np.random.default_rng(3), 0
    for _ in range(4):
        try:
            clip = spoil_picture(kind, walk.picture, rng)
            declined += not gaitlib.estimate_gait(clip[..., :2], fps=60, layout="walk19").ok
        except InputError:
            declined += 1
    assert declined == 4


@pytest.mark.parametrize("kind", [kind for kind in SIGNAL_TRIALS if kind != "quick animal"])
def test_spoilt_signals_get_no_answer(kind, walk):
    rng = np.random.default_rng(3)
    for _ in range(4):
        try:
            assert not gaitlib.estimate_gait(
                spoil_signal(kind, walk.back, rng), fps=100, site="lower_back"
            ).ok
        except InputError as error:
            assert "gravity" in str(error) or "angular velocity" in str(error)


# The answer


def test_the_answer_can_be_read_in_every_way(samples, tmp_path, capsys):
    answer = ask(samples["plain.csv"])
    assert (
        answer["speed_mps"].unit == "m/s"
        and answer["stance_share"].unit == "%"
        and answer["stance_share"].value > 50
    )
    assert "speed_mps" in repr(answer) and "<table>" in answer._repr_html_()
    assert "<script>" not in dataclasses.replace(answer, notes=("<script>",))._repr_html_()
    with pytest.raises(KeyError, match="known: speed_mps"):
        answer["speed"]
    parser = argparse.ArgumentParser()
    add_estimate_parser(parser.add_subparsers())
    words = [
        "estimate",
        str(samples["plain.csv"].path),
        "--fps",
        "60",
        "--json",
        "--muscles",
        "--csv",
        str(tmp_path / "a.csv"),
        "--plot",
        str(tmp_path / "a.png"),
    ]
    assert run(parser.parse_args(words)) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["speed_mps"]["value"] == pytest.approx(answer["speed_mps"].value)
    assert printed["bouts"] and printed["strides"] > 3 and len(printed["activation"]) == 10 + 9
    table = pd.read_csv(tmp_path / "a.csv")
    assert set(table["bout"]) == {"all", "1"} and (tmp_path / "a.png").stat().st_size > 5000
    assert run(parser.parse_args(["estimate", str(samples["stands.csv"].path), "--fps", "60"])) == 1
    assert "no estimate: no walking" in capsys.readouterr().out


def test_wrong_options_are_named(samples):
    for options, message in (
        ({"fps": None}, "--fps"),
        ({"height_m": 176.0}, "Give it in metres"),
        ({"format": "avi"}, "--format"),
        ({"site": "lower_back"}, "--site is for inertial"),
    ):
        with pytest.raises(InputError, match=message):
            ask(samples["plain.csv"], **options)
    with pytest.raises(InputError, match="say where the sensor is worn"):
        ask(samples["plain_imu.csv"], site=None)
    with pytest.raises(InputError, match=r"absent\.csv: file not found"):
        estimate_gait("absent.csv")


# Markers


@pytest.mark.parametrize("way", [1.0, -1.0])
def test_feet_are_drawn_before_the_hips_at_contact_whichever_way_a_person_walks(samples, way):
    answer = ask(samples["markers_mm.trc"])
    recording = dataclasses.replace(answer.recording, values=answer.recording.values * [way, 1.0, way])
    below = dataclasses.replace(answer, recording=recording).plot().axes[1]
    contacts = [line.get_ydata() for line in below.lines if line.get_marker() in ("o", "v")]
    assert sum(map(len, contacts)) > 4 and all((feet > 0).all() for feet in contacts)


def test_trc_in_the_ways_programs_write_it(tmp_path):
    head = "PathFileType\t4\t(X/Y/Z)\ta.trc\n"
    head += "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\n100\t100\t{n}\t2\tmm\n"
    body = "\t\tX1\tY1\tZ1\tX2\tY2\tZ2\n1\t0.0\t1\t2\t3\t4\t5\t6\n"
    body += "2\t0.01\t\t\t\t\t\t\n3\t0.02\t0\t0\t0\t4\t5\t6\n"
    for tabs in ("\t\t", "\t\t\t"):
        for count in ("3", "NaN"):
            path = tmp_path / "a.trc"
            path.write_text(head.format(n=count) + f"Frame#\tTime\tA{tabs}B{tabs}\n" + body)
            markers = opensim_files.read_trc(path)["marker_position"]
            assert markers.sel(marker="B")[0].values == pytest.approx([0.004, 0.005, 0.006])
            assert markers[1].isnull().all() and markers.sel(marker="A")[2].isnull().all()


@pytest.mark.parametrize("sign", [1, -1])
def test_opensim_coordinates_walk_with_the_stated_height(tmp_path, sign):
    from gaitlib.simulate.library import load_library

    table, gaits = load_library().curves
    place = int(np.flatnonzero(table["verified"].astype(bool) & (table["kind"] == "half"))[0])
    gait, row = gaits.isel(gait=place), table.iloc[place]
    strides = []
    for n in range(4):
        stride = gait["position"].to_pandas().iloc[:-1].copy()
        stride["pelvis_tx"] += n * float(
            gait["position"].sel(coordinate="pelvis_tx")[[0, -1]].diff("phase")[0]
        )
        strides.append(stride)
    motion = pd.concat(strides, ignore_index=True)
    motion[[name for name in motion if name.startswith("knee")]] *= sign
    motion.insert(0, "time", np.arange(len(motion)) * float(gait["stride_time_s"]) / 100)
    path = tmp_path / "walk.mot"
    head = f"walk\nversion=1\nnRows={len(motion)}\nnColumns={motion.shape[1]}\ninDegrees=no\nendheader\n"
    path.write_text(head + motion.to_csv(sep="\t", index=False))
    answer = estimate_gait(path, height_m=float(row["height_m"]))
    assert answer["speed_mps"].value == pytest.approx(row["speed_mps"], rel=0.02)
    assert answer["step_length_m"].value == pytest.approx(row["step_length_m"], rel=0.05)
    with pytest.raises(InputError, match="give --height"):
        estimate_gait(path)


def test_the_page_runs_its_commands(tmp_path):
    from gaitlib.environment import ROOT

    names = load_script("own_data_files", "book/_ext").run_commands(ROOT / "book" / "own_data.md", tmp_path)
    assert names == ["keypoints", "openpose", "sensor", "markers", "standing"]
    assert all((tmp_path / f"{name}.svg").stat().st_size > 5000 for name in names)
    text = (ROOT / "book" / "own_data.md").read_text()
    assert all(f"_own_data/{name}.{end}" in text for name in names for end in ("txt", "svg"))
    said = {name: (tmp_path / f"{name}.txt").read_text() for name in names}
    assert said["standing"].startswith("no estimate") and "2 people" in said["openpose"]
    assert all("speed_mps" in said[name] for name in names[:4])


def write_c3d(path, labels, n=50, events=(), **groups):
    import ezc3d

    content = ezc3d.c3d()
    content["parameters"]["POINT"]["RATE"]["value"] = [100]
    content["parameters"]["POINT"]["LABELS"]["value"] = labels
    content["parameters"]["POINT"]["UNITS"]["value"] = ["mm"]
    for name, values in groups.items():
        content.add_parameter("POINT", name, values)
    if events:
        content.add_parameter("EVENT", "LABELS", [e[0] for e in events])
        content.add_parameter("EVENT", "CONTEXTS", [e[1] for e in events])
        content.add_parameter("EVENT", "TIMES", np.array([[0.0] * len(events), [e[2] for e in events]]))
    content["data"]["points"] = np.ones((4, len(labels), n)) * np.arange(1, len(labels) + 1)[None, :, None]
    content.write(str(path))
    return path


def test_c3d_of_two_people_is_refused_or_chosen(tmp_path):
    path = write_c3d(tmp_path / "a.c3d", ["Jim:LHEE", "Ann:LHEE", "Ann:RHEE"])
    with pytest.raises(InputError, match="2 people"):
        c3d.read_c3d(path)
    found = c3d.read_c3d(path, subject="Ann").markers
    assert list(found["marker"].values) == ["LHEE", "RHEE"] and float(
        found["marker_position"][0, 0, 0]
    ) == pytest.approx(0.002)
    with pytest.raises(InputError, match="no subject 'Tom'"):
        c3d.read_c3d(path, subject="Tom")


def test_subjects_of_a_trc_are_chosen_as_those_of_a_c3d(tmp_path):
    names = ["Jim:LHEE", "Ann:LHEE", "Ann:RHEE", "floor"]
    head = (
        f"PathFileType\t4\t(X/Y/Z)\ta.trc\nDataRate\tNumFrames\tNumMarkers\tUnits\n100\t2\t{len(names)}\tm\n"
    )
    head += "Frame#\tTime\t" + "\t\t\t".join(names) + "\n\t\tX1\n"
    rows = [f"{n + 1}\t{n / 100}\t" + "\t".join(f"{x}.5" for x in range(12)) for n in range(2)]
    path = tmp_path / "a.trc"
    path.write_text(head + "\n".join(rows) + "\n")
    with pytest.raises(InputError, match="2 people"):
        opensim_files.read_trc(path)
    found = opensim_files.read_trc(path, "Ann")["marker_position"]
    assert list(found["marker"].values) == ["LHEE", "RHEE", "floor"]
    assert found[0, :, 0].values.tolist() == [3.5, 6.5, 9.5]
    path.write_text((head + "\n".join(rows)).replace("Jim:", "Ann:L"))
    for subject in ("Tom", "Jim"):
        with pytest.raises(InputError, match=f"no subject '{subject}'; found Ann"):
            estimate_gait(path, subject=subject)
    (tmp_path / "a.csv").write_text("time,left_knee_x\n0,1\n")
    with pytest.raises(InputError, match="--subject is for c3d"):
        estimate_gait(tmp_path / "a.csv", subject="Ann")


def test_c3d_model_outputs_are_no_markers_and_events_have_many_names(tmp_path):
    events = [
        ("RHS", "", 0.1),
        ("Foot Off", "Right", 0.2),
        ("LeftFootStrike", "", 0.3),
        ("toe_off", "left", 0.35),
        ("Blink", "Left", 0.4),
    ]
    path = write_c3d(tmp_path / "a.c3d", ["LHEE", "LHipAngles", "Foo"], events=events, ANGLES=["Foo"])
    found = c3d.read_c3d(path)
    assert list(found.markers["marker"].values) == ["LHEE"]
    assert found.events[["foot", "event"]].values.tolist() == [
        ["r", "initial_contact"],
        ["r", "toe_off"],
        ["l", "initial_contact"],
        ["l", "toe_off"],
    ]


# Malformed files

edits = st.lists(
    st.tuples(
        st.sampled_from(EDITS),
        st.floats(0, 1),
        st.floats(0, 1),
        st.one_of(st.sampled_from(CELLS), st.text(max_size=6)),
    ),
    min_size=1,
    max_size=4,
)
examples = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """Short files, so that many can be read."""
    short_walk = door_samples.build_sample_walk(duration_s=1.5)
    return {s.path.name: s for s in door_samples.write_samples(tmp_path_factory.mktemp("short"), short_walk)}


@pytest.mark.parametrize("name", READERS)
def test_damaged_files_are_read_or_refused(name, short):
    sample, path = short[name], short[name].path.with_name(f"damaged_{name}")
    raw = sample.path.read_bytes()

    @given(edits)
    @examples
    def check(drawn):
        path.write_bytes(damage(raw, drawn))
        assert try_file(path, sample.options, whole=False) == ""

    check()


@given(
    st.one_of(
        st.binary(max_size=400),
        st.text(max_size=400).map(str.encode),
        st.from_regex(re.compile(rb"[\[{\"a-z0-9,:.\]}]{0,80}"), fullmatch=True),
    )
)
@examples
def test_any_bytes_are_refused_with_a_sentence(tmp_path_factory, raw):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(raw)
    with pytest.raises(GaitlibError) as caught:
        estimate_gait(path, fps=50, site="lower_back")
    assert str(caught.value).strip()


@given(
    st.integers(0, 2**32),
    st.integers(1, 200),
    st.sampled_from([0.0, np.nan, np.inf, 1e300, -1.0]),
    st.floats(0, 1),
)
@examples
def test_any_array_is_answered_or_refused(seed, n, value, share):
    rng = np.random.default_rng(seed)
    for shape, options in (((n, 17, 2), {"layout": "coco17"}), ((n, 6), {"site": "chest"})):
        data = rng.normal(0, 100, shape)
        data[rng.uniform(size=shape) < share] = value
        try:
            answer = gaitlib.estimate_gait(data, fps=50, **options)
        except GaitlibError:
            continue
        assert all(np.isfinite(item.value) for item in answer.values.values())


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_line_of_separators_alone_is_a_sample_in_which_all_is_missing(separator):
    """It had been dropped, and where no time is told the walk became shorter."""
    lines = ["", "a,b,c", "1.5,2,3", ",,", "2,3,4", "", "3,4,5", ",,", ""]
    table = parse_table("points.csv", "\n".join(lines).replace(",", separator))
    assert table.columns == [["1.5", "", "2", "3"], ["2", "", "3", "4"], ["3", "", "4", "5"]]
