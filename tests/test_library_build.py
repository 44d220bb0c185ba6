"""Building a library: resumed after a hard kill, workers of which one is killed; joined; released."""

from __future__ import annotations

import collections
import functools
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import library_fakes
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml
from library_fakes import build_solved, fake_solve, make_plan, run_cluster, wait_for

import gaitlib.simulate.build as build_module
from gaitlib.cli import main
from gaitlib.environment import hash_file
from gaitlib.errors import InputError, WorkError
from gaitlib.simulate import simulate_command
from gaitlib.simulate.build import PartStore, Progress, build_library, lock_folder, make_arrays, open_executor
from gaitlib.simulate.library import (
    analyse_failures,
    describe_library,
    estimate_cost,
    load_library,
    measure_library,
    write_library,
)
from gaitlib.simulate.neighbours import (
    compute_features,
    compute_table_features,
    find_nearest,
    join_multipliers,
    load_multipliers,
    pack_multipliers,
    pack_start,
    unpack_multipliers,
    unpack_start,
    write_multipliers,
)
from gaitlib.simulate.plan import select_shard
from gaitlib.simulate.release import export_library, merge_libraries, verify_library
from gaitlib.simulate.solution import build_gait_dataset
from gaitlib.study import load_study
from gaitlib.workflow import run

FAKES = Path(library_fakes.__file__)
ROOT = FAKES.parents[1]
OUTCOMES = ["gait_id", "cohort", "verified", "speed_mps", "stride_time_s", "severity", "person_id"]


class DirectExecutor:
    """Calls at once, in this process."""

    def submit(self, function, *arguments):
        future: Future = Future()
        future.set_result(function(*arguments))
        return future

    def count_slots(self):
        return 1


def build(plan, folder, solve=fake_solve, executor=None, limit=None):
    executor = executor or DirectExecutor()
    return build_library(plan, folder, executor, solve=solve, limit=limit, progress=Progress(1, quiet=True))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A library built without interruption."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, build(make_plan(), folder)


def make_environment(folder, seconds: float) -> dict:
    path = os.pathsep.join([str(ROOT), str(FAKES.parent)])
    fake = {"FAKE_SOLVE_LOG": str(folder / "log"), "FAKE_SOLVE_S": str(seconds)}
    return {**os.environ, "PYTHONPATH": path, **fake}


def start(folder, seconds: float, executor: str = "local", where: str = "") -> subprocess.Popen:
    command = [sys.executable, str(FAKES), str(folder), executor, where]
    environment = make_environment(folder, seconds)
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def read_log(folder) -> tuple[collections.Counter, collections.Counter]:
    """How often each gait was begun and ended."""
    words = [line.split() for line in (folder / "log").read_text().splitlines()]
    return tuple(collections.Counter(w[1] for w in words if w[0] == kind) for kind in ("start", "end"))


def read_pids(folder) -> set[int]:
    """Processes that solved something."""
    path = folder / "log"
    return {int(line.split()[2]) for line in path.read_text().splitlines()} if path.exists() else set()


def count_ends(folder) -> int:
    return sum(read_log(folder)[1].values()) if (folder / "log").exists() else 0


def count_attempts(table: pd.DataFrame) -> dict:
    return table.set_index("gait_id")["attempts"].to_dict()


def count_lost(begun: collections.Counter, table: pd.DataFrame) -> int:
    """Solves begun whose result nobody kept; a check is one more solve of a gait, from another neighbour."""
    return sum(begun.values()) - int(table["attempts"].sum()) - int(table["branch_spread"].notna().sum())


def test_every_planned_gait_is_in_the_table_with_a_verdict(built):
    folder, table = built
    plan = make_plan()
    assert set(table["gait_id"]) == {item.request.gait_id for item in plan}
    failed = table[~table["verified"]]
    assert len(failed) and (table.loc[table["verified"], "attempts"] == 2).any(), (
        "the fake fails now and then"
    )
    assert (failed["reason"].str.len() > 0).all() and (failed["attempts"] == 2).all()
    library = load_library(folder)
    stored, gaits = library.run, library.gaits
    assert list(gaits["gait"].values) == list(stored.loc[stored["verified"], "gait_id"])
    assert (
        library.table["gait_id"].to_list() == list(gaits["gait"].values) and library.table["verified"].all()
    )
    assert gaits["position"].dtype == np.float32 and gaits["position"].dims == ("gait", "phase", "coordinate")
    counts = describe_library(stored)
    assert counts["gaits"] == len(plan) and counts["verified"] == int(stored["verified"].sum())
    assert analyse_failures(stored)["tried"].sum() == len(plan)


def test_each_gait_starts_from_a_solved_neighbour_and_a_retry_from_another(built):
    table = built[1].set_index("gait_id")
    warm = table[table["start_id"] != ""]
    assert len(warm) == len(table) - 1
    assert table.loc[warm["start_id"], "verified"].all()
    again = warm[warm["attempts"] == 2]
    places = compute_table_features(table.reset_index())
    order = dict(zip(table.index, places, strict=True))
    for gait_id, row in again.iterrows():
        distance = np.linalg.norm(order[row["start_id"]] - order[gait_id])
        assert row["start_distance"] == pytest.approx(distance, abs=1e-3)


def test_killed_hard_at_any_moment_it_goes_on_without_loss_or_double_work(tmp_path, built):
    """Twice kill -9 at a random moment of the work; at most what was running is begun again."""
    rng, kills = random.Random(3), 2
    for more in rng.sample(range(2, 8), kills):
        done = count_ends(tmp_path)
        process = start(tmp_path, 0.15)
        wait_for(lambda wanted=done + more: count_ends(tmp_path) >= wanted, 600)
        time.sleep(rng.uniform(0.0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.wait()
    process = start(tmp_path, 0.05)
    assert process.wait(timeout=600) == 0, process.stderr.read()
    table = load_library(tmp_path).run
    pd.testing.assert_frame_equal(table[OUTCOMES], built[1][OUTCOMES])
    begun, ended = read_log(tmp_path)
    attempts = count_attempts(table)
    assert 0 <= count_lost(begun, table) <= 2 * kills, (
        "two workers: at most two solves are lost with each kill"
    )
    assert all(ended[gait_id] >= attempts[gait_id] for gait_id in attempts)
    log = (tmp_path / "log").stat().st_size
    process = start(tmp_path, 0.05)
    assert process.wait(timeout=600) == 0
    assert (tmp_path / "log").stat().st_size == log, "nothing is left to do"


@pytest.mark.slow
def test_a_gait_that_kills_workers_fails_and_ends_nothing(tmp_path, built, monkeypatch):
    killer = built[1].loc[built[1]["verified"], "gait_id"].iloc[5]
    monkeypatch.setenv("FAKE_SOLVE_KILLER", killer)
    process = start(tmp_path, 0.02)
    assert process.wait(timeout=600) == 0, process.stderr.read()
    table = load_library(tmp_path).run
    row = table.set_index("gait_id").loc[killer]
    assert not row["verified"] and "worker lost" in row["reason"]
    assert read_log(tmp_path)[0][killer] == 2, "with another gait, then alone"
    others = [frame[frame["gait_id"] != killer] for frame in (table, built[1])]
    pd.testing.assert_frame_equal(*(frame[OUTCOMES].reset_index(drop=True) for frame in others))


@pytest.mark.slow
def test_workers_end_with_a_killed_build(tmp_path):
    process = start(tmp_path, 0.1)
    wait_for((tmp_path / "log").exists, 600)
    time.sleep(0.5)
    workers = read_pids(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 10
    while any(is_running(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert workers and not any(is_running(pid) for pid in workers)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
def test_a_dead_local_worker_costs_no_gait(tmp_path, built):
    process = start(tmp_path, 0.3)
    wait_for(lambda: count_ends(tmp_path) >= 3, 600)
    victim = int((tmp_path / "log").read_text().splitlines()[-1].split()[2])
    os.kill(victim, signal.SIGKILL)
    assert process.wait(timeout=600) == 0, process.stderr.read()
    pd.testing.assert_frame_equal(load_library(tmp_path).run[OUTCOMES], built[1][OUTCOMES])


def test_dask_scheduler_and_two_workers_one_killed_during_the_run(tmp_path, built):
    """Real processes, as on several machines: nothing is lost and nothing is kept twice."""
    with run_cluster(tmp_path, make_environment(tmp_path, 0.3)) as (address, workers):
        process = start(tmp_path, 0.3, "dask", address)
        wait_for(lambda: {worker.pid for worker in workers} <= read_pids(tmp_path))
        wait_for(lambda: len(read_log(tmp_path)[1]) >= 6)
        workers[0].send_signal(signal.SIGKILL)
        assert process.wait(timeout=240) == 0, process.stderr.read()
    table = load_library(tmp_path).run
    pd.testing.assert_frame_equal(table[OUTCOMES], built[1][OUTCOMES])
    assert not table["gait_id"].duplicated().any()
    lost = count_lost(read_log(tmp_path)[0], table)
    assert 0 <= lost <= 2, "what ran on the killed worker, and what it had not handed over"


def test_no_scheduler_is_one_clear_error(monkeypatch):
    monkeypatch.setattr(build_module, "PATIENCE_S", 0.5)
    with pytest.raises(InputError, match="--scheduler: missing"):
        open_executor("dask")
    with pytest.raises(InputError, match="tcp://127.0.0.1:9.*no Dask scheduler answers"):
        open_executor("dask", scheduler="tcp://127.0.0.1:9")
    with pytest.raises(InputError, match="'slurm'.*local or dask"):
        open_executor("slurm")


def test_two_builds_in_one_folder_are_refused(tmp_path):
    with lock_folder(tmp_path), pytest.raises(WorkError, match="another build is at work"):
        build_library(make_plan(), tmp_path, DirectExecutor(), solve=fake_solve)


def always_fails(request, start=None, time_limit_s=60.0):
    return build_solved(request, converged=False), None


def raises_on_strides(request, start=None, time_limit_s=60.0):
    if request.kind == "stride":
        raise ValueError("no such walk")
    return fake_solve(request, start, time_limit_s)


def test_seeds_that_fail_end_the_build_with_the_reason(tmp_path):
    with pytest.raises(WorkError, match="none of 5 seeds"):
        build(make_plan(), tmp_path, always_fails)


class RaisingExecutor(DirectExecutor):
    """Keeps an exception in the future, as a pool does."""

    def submit(self, function, *arguments):
        try:
            return super().submit(function, *arguments)
        except Exception as error:
            future: Future = Future()
            future.set_exception(error)
            return future


def test_an_error_of_one_gait_is_its_reason_and_ends_nothing(tmp_path):
    table = build(make_plan(), tmp_path, raises_on_strides, RaisingExecutor())
    strides = table[table["kind"] == "stride"]
    assert len(strides) and not strides["verified"].any()
    assert strides["reason"].str.contains("ValueError: no such walk").all()
    assert table.loc[table["kind"] == "half", "verified"].any()


def test_a_limit_stops_a_sitting_and_the_next_goes_on(tmp_path, built):
    first = build(make_plan(), tmp_path, limit=5)
    assert 5 <= len(first) < len(built[1])
    whole = build(make_plan(), tmp_path)
    pd.testing.assert_frame_equal(whole[OUTCOMES], built[1][OUTCOMES])


def test_a_study_builds_the_library_it_reads_and_goes_on_after_an_interruption(tmp_path, monkeypatch, capsys):
    """What the rule `solve` of the workflow calls."""
    values = yaml.safe_load((ROOT / "studies/quick.yaml").read_text(encoding="utf-8"))
    values["library"] |= {
        "folder": str(tmp_path / "toy/library"), "start_library": "", "workers": 1,
        "cohorts": {"healthy_adult": 2, "cerebral_palsy": 3},
    }  # fmt: skip
    values["name"], values["simulate"]["library"] = "toy", values["library"]["folder"]
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    assert load_study(tmp_path / "toy.yaml").builds_library
    solved = []

    def solve(request, *rest):
        if len(solved) == 3 and not (tmp_path / "toy/again").exists():
            raise KeyboardInterrupt
        solved.append(request.gait_id)
        return fake_solve(request, *rest)

    executor = DirectExecutor()
    executor.close = lambda: None
    monkeypatch.setattr(simulate_command, "open_executor", lambda *_: executor)
    monkeypatch.setattr(simulate_command, "build_library", functools.partial(build_library, solve=solve))
    with pytest.raises(KeyboardInterrupt):
        run.main(["library", str(tmp_path / "toy.yaml")])
    assert not (tmp_path / "toy/library/gaits.nc").exists(), "no half a library for the pages"
    (tmp_path / "toy/again").touch()
    capsys.readouterr()
    assert run.main(["library", str(tmp_path / "toy.yaml")]) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("@ library: ")]
    table = load_library(tmp_path / "toy/library").run
    done = sum(1 for gait_id in set(solved[:3]) if gait_id in set(table["gait_id"]))
    assert done and any("gaits are there" in line for line in told) and told[-1] == "@ library: done"
    assert collections.Counter(solved) == table.set_index("gait_id")["attempts"].to_dict(), "nothing twice"


def test_shards_are_disjoint_and_complete():
    plan = make_plan()
    ids = [[item.request.gait_id for item in select_shard(plan, f"{k}/3")] for k in (1, 2, 3)]
    assert all(shard[0] == plan[0].request.gait_id for shard in ids)
    rest = [gait_id for shard in ids for gait_id in shard[1:]]
    assert sorted(rest) == sorted(item.request.gait_id for item in plan[1:])
    for wrong in ("0/3", "4/3", "half", "1"):
        with pytest.raises(InputError, match="--shard"):
            select_shard(plan, wrong)


def test_a_start_survives_the_part(tmp_path):
    item = make_plan()[1]
    solved = build_solved(item.request)
    store = PartStore(tmp_path)
    arrays = make_arrays(build_gait_dataset(item.request, solved), solved)
    store.write(item.request.gait_id, "verified", {"x": 1}, arrays)
    again = unpack_start(store.read_arrays(item.request.gait_id, "start_"))
    for name, value in vars(solved.start).items():
        np.testing.assert_allclose(getattr(again, name), value, rtol=1e-6, err_msg=name)
    assert set(pack_start(again)) == set(pack_start(solved.start))
    assert store.list_states() == {item.request.gait_id: "verified"}


def test_multipliers_survive_the_release(tmp_path, built):
    """Of half a stride and a whole one, rounded; those of other libraries join."""
    rng = np.random.default_rng(0)
    values = {"a": rng.normal(0, 0.01, (50, 52)), "b": rng.normal(0, 0.01, (100, 80))}
    packed = join_multipliers(*(pack_multipliers({name: value}) for name, value in values.items()))
    write_multipliers(tmp_path, packed)
    stored = load_multipliers(tmp_path)
    for name, value in values.items():
        found = unpack_multipliers(stored, name)
        np.testing.assert_allclose(found[:, : value.shape[1]], value, atol=5.1e-5)
        assert found.shape == (len(value), 80) and not found[:, value.shape[1] :].any()
    assert unpack_multipliers(stored, "c") is None
    assert load_multipliers(tmp_path / "nothing").sizes["gait"] == 0
    gaits = load_library(built[0]).gaits
    assert list(load_multipliers(built[0])["gait"].values) == list(gaits["gait"].values)


def test_nearest_neighbour_is_quick_and_finds_the_gait_itself(built):
    table = built[1]
    plan = {item.request.gait_id: item.request for item in make_plan()}
    many = pd.concat([table] * (10_000 // len(table) + 1), ignore_index=True)
    gait_id = table.loc[table["verified"], "gait_id"].iloc[3]
    began = time.perf_counter()
    assert find_nearest(many, plan[gait_id]) == gait_id
    assert time.perf_counter() - began < 1.0
    np.testing.assert_allclose(
        compute_features(plan[gait_id]),
        compute_table_features(table[table["gait_id"] == gait_id])[0],
        atol=1e-3,  # the table holds the leg to 0.1 mm
    )


def test_merging_keeps_each_gait_once_and_prefers_the_verified(tmp_path, built):
    whole, table = built
    plan = make_plan()
    for k in (1, 2):
        shard = select_shard(plan, f"{k}/2")
        build(shard, tmp_path / f"{k}")
    merged = merge_libraries(tmp_path / "all", [tmp_path / "1", tmp_path / "2"])
    pd.testing.assert_frame_equal(merged[OUTCOMES], table[OUTCOMES])
    gaits, expected = load_library(tmp_path / "all").gaits, load_library(whole).gaits
    np.testing.assert_allclose(gaits["position"].values, expected["position"].values)
    again = build(plan, tmp_path / "all", always_fails)
    pd.testing.assert_frame_equal(again[OUTCOMES], table[OUTCOMES])  # its parts: nothing to do


def test_release_states_its_error_and_fits(tmp_path, built):
    whole, table = built
    facts = export_library(whole, tmp_path / "release")
    files = ("gaits.nc", "table.parquet", "multipliers.nc")
    assert facts["bytes"] == sum((tmp_path / "release" / name).stat().st_size for name in files)
    assert facts["sha256"]["gaits.nc"] == hash_file(tmp_path / "release" / "gaits.nc")
    stored, exact = load_library(tmp_path / "release").gaits, load_library(whole).gaits
    angle = np.abs(stored["position"] - exact["position"]).drop_sel(coordinate=["pelvis_tx", "pelvis_ty"])
    assert np.degrees(angle.max()) <= facts["error"]["angle"] + 1e-4 <= 0.2
    assert (
        np.abs(stored["activation"] - exact["activation"]).max()
        <= facts["error"]["activation"] + 1e-6
        <= 0.005
    )
    weight = exact["ground_force"].sel(axis="y").sum("foot").isel(phase=slice(0, -1)).mean("phase")
    force = 100 * (np.abs(stored["ground_force"] - exact["ground_force"]) / weight).max()
    assert force <= facts["error"]["ground_force"] + 1e-4 <= 0.2
    assert verify_library(tmp_path / "release") == []
    once_more = export_library(whole, tmp_path / "again")
    assert once_more["sha256"] == facts["sha256"], "the same library gives the same bytes"


def test_a_build_goes_on_from_a_release(tmp_path, built):
    """What it verified is not solved again, what it lacks is; its other gaits are starts only."""
    whole, table = built
    export_library(whole, tmp_path / "release")
    asked = []

    def solve(request, guess, time_limit_s):
        asked.append(request.gait_id)
        assert (guess.multipliers is None) == (asked.count(request.gait_id) == 2)
        assert guess.leg_length_m == pytest.approx(0.9, abs=0.5)
        return fake_solve(request, guess, time_limit_s)

    plan = make_plan()[:-3]
    again = build_library(plan, tmp_path / "next", DirectExecutor(), tmp_path / "release", solve,
                          progress=Progress(1, quiet=True))  # fmt: skip
    planned = {item.request.gait_id for item in plan}
    assert set(asked) == planned & set(table.loc[~table["verified"], "gait_id"])
    assert set(again["gait_id"]) == planned and again["gait_id"].is_monotonic_increasing
    library = load_library(tmp_path / "next")
    stored, gaits = library.run, library.gaits
    assert list(gaits["gait"].values) == list(stored.loc[stored["verified"], "gait_id"])
    assert verify_library(tmp_path / "next") == []


def test_a_build_goes_on_where_its_parts_hold_the_whole_release(tmp_path, built):
    build(make_plan(), tmp_path, limit=5)
    export_library(tmp_path, tmp_path / "release")
    again = build_library(make_plan(), tmp_path, DirectExecutor(), tmp_path / "release", fake_solve,
                          progress=Progress(1, quiet=True))  # fmt: skip
    pd.testing.assert_frame_equal(again[OUTCOMES], built[1][OUTCOMES])


def test_release_that_is_too_small_takes_the_same_share_of_every_cohort(tmp_path, built):
    table, gaits = built[1], load_library(built[0]).gaits
    copies = 20
    ids = [f"{n:016x}" for n in range(copies * len(table))]
    many = pd.concat([table] * copies, ignore_index=True).assign(gait_id=ids)
    rng = np.random.default_rng(0)
    shaken = xr.concat([gaits * (1 + 0.1 * rng.random()) for _ in range(copies)], dim="gait")
    shaken["activation"] = shaken["activation"].copy(data=rng.random(shaken["activation"].shape))
    shaken = shaken.assign_coords(gait=many.loc[many["verified"], "gait_id"].to_list())
    write_library(tmp_path / "many", many, shaken)
    whole = export_library(tmp_path / "many", tmp_path / "whole")
    table_bytes = (tmp_path / "whole" / "table.parquet").stat().st_size
    room = table_bytes + 0.7 * (whole["bytes"] - table_bytes)
    part = export_library(tmp_path / "many", tmp_path / "part", max_mb=room / 1e6)
    assert part["bytes"] <= room and part["curves"] > 0.2 * whole["curves"]
    assert part["verified"] == whole["verified"] == whole["curves"] > part["curves"]
    released, complete = load_library(tmp_path / "part"), load_library(tmp_path / "whole")
    pd.testing.assert_frame_equal(released.run, complete.run)
    assert describe_library(released.run)["verified"] == whole["verified"]
    assert len(released.table) == part["curves"] and released.hash != complete.hash
    assert measure_library(tmp_path / "part")["gaits_verified"] == whole["verified"]
    assert f"| {part['curves']:,} |" in (tmp_path / "part" / "README.md").read_text()
    share = released.table["cohort"].value_counts() / complete.table["cohort"].value_counts()
    assert share.max() - share.min() < 0.05
    with pytest.raises(WorkError, match="not a tenth"):
        export_library(tmp_path / "many", tmp_path / "none", max_mb=0.001)


def test_verify_names_what_is_wrong(tmp_path, built):
    table, gaits = load_library(built[0]).run, load_library(built[0]).gaits
    broken = table.copy()
    broken.loc[broken["verified"].idxmax(), "asked_speed_mps"] += 0.1
    write_library(tmp_path, broken, gaits)
    assert any("not the hash of its row" in fault for fault in verify_library(tmp_path))
    write_library(tmp_path, table.assign(verified=table["gait_id"] != gaits["gait"].values[0]), gaits)
    assert any("no verified rows" in fault for fault in verify_library(tmp_path))
    twice = pd.concat([table, table[~table["verified"]].head(1).assign(reason="")], ignore_index=True)
    write_library(tmp_path, twice, gaits)
    faults = verify_library(tmp_path)
    assert any("stands twice" in fault for fault in faults) and any("no reason" in fault for fault in faults)


def test_library_command(tmp_path, built, capsys):
    assert main(["library", "info", str(built[0])]) == 0
    assert "cerebral_palsy" in capsys.readouterr().out
    assert main(["library", "verify", str(built[0])]) == 0
    assert main(["library", "export", str(built[0]), str(tmp_path / "out")]) == 0
    assert main(["library", "merge", str(tmp_path / "both"), str(built[0])]) == 0
    assert main(["library", "info", str(tmp_path / "nothing")]) == 2
    assert "found no table.parquet" in capsys.readouterr().err
    load_library(tmp_path / "out")


def test_study_without_a_library_and_odd_options_are_refused(tmp_path, capsys):
    quick = str(ROOT / "studies" / "quick.yaml")
    assert main(["simulate", "--study", quick, "--workers", "0"]) == 2
    assert "--workers" in capsys.readouterr().err
    assert main(["simulate", "--study", quick, "--shard", "5/4", "--folder", str(tmp_path)]) == 2
    assert "--shard" in capsys.readouterr().err


def test_cost_of_a_million_gaits_counts_failures_and_bytes():
    table = pd.DataFrame({"verified": [True, True, True, False], "wall_s": [3.0, 3.0, 3.0, 9.0]})
    cost = estimate_cost(table, 4000.0, 0.05)
    assert cost["core_s_per_gait"] == pytest.approx(6.0) and cost["verified_share"] == 0.75
    assert cost["core_hours"] == pytest.approx(6e6 / 3600) and cost["gigabytes"] == pytest.approx(4.0)
    assert cost["euro"] == pytest.approx(0.05 * cost["core_hours"])
    assert cost["days_2"] == pytest.approx(cost["core_hours"] / 48)


def test_a_dearer_branch_is_not_inherited_where_a_cheaper_one_exists(tmp_path, monkeypatch):
    """The first solve falls on a dearer branch; others inherit it or find the cheaper one by chance."""
    monkeypatch.setattr(build_module, "CHECK_EVERY", 1)
    monkeypatch.setattr(build_module, "CHECK_AFTER", 3)

    def solve(request, start=None, time_limit_s=60.0):
        lucky = int(request.gait_id, 16) % 3 == 0
        dear = not lucky and (start is None or start.torque[0] == 1.0)
        solved = replace(build_solved(request), cost=2.0 if dear else 1.0)
        solved.start.torque[:] = float(dear)
        return solved, {"reasons": []}

    table = build(make_plan(), tmp_path / "checked", solve)
    monkeypatch.setattr(build_module, "CHECK_AFTER", 10**6)
    monkeypatch.setattr(build_module, "CHECK_EVERY", 10**6)
    unchecked = build(make_plan(), tmp_path / "unchecked", solve)
    assert (table["cost"] == 2.0).mean() < 0.5 * (unchecked["cost"] == 2.0).mean()
    assert table["branch_spread"].max() == 1.0
    assert load_library(tmp_path / "checked").run["gait_id"].is_unique


def test_a_single_gait_has_nothing_to_be_checked_against(tmp_path, monkeypatch):
    monkeypatch.setattr(build_module, "CHECK_EVERY", 1)
    table = build(make_plan()[:1], tmp_path, lambda request, *_: (build_solved(request), {"reasons": []}))
    assert table["verified"].tolist() == [True]
