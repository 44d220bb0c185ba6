"""The command line: exit codes 0, 1 and 2, one clear line on stderr, no traceback; doctor and bench."""

import json
import subprocess
import sys

import pytest
from repository import load_script

from gaitlib import cli, doctor
from gaitlib.errors import InputError, WorkError


def call(*words, **more):
    command = [sys.executable, "-m", "gaitlib.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


@pytest.fixture
def command_that_raises(monkeypatch):
    """A command `break` whose work raises what is given."""

    def build(error):
        def run(arguments):
            raise error

        def add_parser(subparsers):
            subparsers.add_parser("break").set_defaults(run=run)

        monkeypatch.setattr(doctor, "add_break_parser", add_parser, raising=False)
        monkeypatch.setitem(cli.COMMANDS, "break", ("gaitlib.doctor:add_break_parser", "break"))

    return build


@pytest.mark.parametrize(
    ("error", "code"),
    [(InputError("a.csv: no rows"), 2), (WorkError("no network"), 1), (KeyboardInterrupt(), 130)],
)
def test_errors_become_one_line_and_an_exit_code(command_that_raises, capsys, error, code):
    command_that_raises(error)
    assert cli.main(["break"]) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == f"gaitlib: {str(error) or 'interrupted'}\n"


def test_a_fault_of_the_program_is_not_hidden(command_that_raises):
    command_that_raises(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        cli.main(["break"])


@pytest.mark.parametrize(("word", "near"), [("rnu", "run"), ("estimates", "estimate"), ("libary", "library")])
def test_unknown_command_names_the_nearest(capsys, word, near):
    assert cli.main([word]) == 2
    assert f"Did you mean '{near}'?" in capsys.readouterr().err


def test_unknown_command_unlike_any_lists_all(capsys):
    assert cli.main(["xyzzy"]) == 2
    message = capsys.readouterr().err
    assert "Did you mean" not in message
    assert all(name in message for name in cli.COMMANDS)


def test_help_and_version(capsys):
    for words in (["--help"], ["--version"]):
        with pytest.raises(SystemExit) as stop:
            cli.main(words)
        assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert all(f"\n    {name}" in shown for name in cli.COMMANDS)


@pytest.mark.parametrize("words", [[], ["doctor", "--wrong"], ["run"]])
def test_wrong_words_exit_with_2(capsys, words):
    with pytest.raises(SystemExit) as stop:
        cli.main(words)
    assert stop.value.code == 2


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_explains_itself(capsys, name):
    with pytest.raises(SystemExit) as stop:
        cli.main([name, "--help"])
    assert stop.value.code == 0
    assert f"usage: gaitlib {name}" in capsys.readouterr().out


def test_process_ends_with_the_exit_code():
    done = call("run", "studies/quik.yaml")
    assert done.returncode == 2
    assert "quik.yaml" in done.stderr
    assert "Traceback" not in done.stderr


def test_estimate_of_a_missing_file_exits_with_2(tmp_path):
    done = call("estimate", str(tmp_path / "none.csv"), "--layout", "coco17", "--fps", "30")
    assert done.returncode == 2
    assert "none.csv" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--height", "3"], "height_m"),
        (["--speed", "9"], "--speed"),
        (["--weakness", "plantarflexors"], "GROUP=SHARE"),
        (["--weakness", "calf=0.5"], "calf"),
        (["--weakness", "plantarflexors=0"], "plantarflexors"),
    ],
)
def test_simulate_of_an_impossible_person_exits_with_2(capsys, words, named):
    assert cli.main(["simulate", *words]) == 2
    assert named in capsys.readouterr().err


def test_data_of_an_unknown_item_exits_with_2(capsys):
    assert cli.main(["data", "verify", "no_such_item"]) == 2
    assert "no_such_item" in capsys.readouterr().err


def test_a_reader_that_closes_early_is_no_error():
    line = f"set -o pipefail; {sys.executable} -m gaitlib.cli data list | head -n 1"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


# doctor


def test_doctor_is_content_where_all_is_well(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("GAITLIB_DATA", str(tmp_path))
    assert cli.main(["doctor"]) == 0
    states = dict(reversed(line.split()[:2]) for line in capsys.readouterr().out.splitlines())
    assert {states[name] for name in ("python", "packages", "opensim", "casadi", "GAITLIB_DATA")} == {"ok"}


def test_doctor_fails_for_a_wrong_package(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "read_lock", lambda: {"numpy": "0.1", "no-such-package": "1.0"})
    monkeypatch.setattr(doctor, "check_engine", lambda name: doctor.Finding("ok", name, ""))
    assert cli.main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("fail  numpy") and "expected 0.1" in line for line in lines)
    assert any(line.startswith("fail  no-such-package") and "found nothing" in line for line in lines)


def test_doctor_sees_an_engine_that_cannot_be_imported():
    finding = doctor.check_engine("no_such_engine")
    assert finding.state == "fail"
    assert "No module named" in finding.text


def test_doctor_sees_a_data_folder_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("GAITLIB_DATA", str(tmp_path / "none"))
    assert doctor.check_data().state == "fail"
    monkeypatch.delenv("GAITLIB_DATA")
    assert doctor.check_data().state == "warn"


def test_doctor_only_warns_of_what_is_optional(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    assert doctor.check_compiler().state == doctor.check_chromium().state == "warn"


# bench

bench = load_script("bench", "studies")


class Study:
    name = "toy"


def test_bench_goes_on_after_a_failure():
    def fail(study):
        raise WorkError("no gait converged")

    benches = [
        bench.Bench(("simulate.cold_s", "simulate.warm_s"), fail),
        bench.Bench(("book.cold_s",), lambda study: {"book.cold_s": 1.23456, "book.pages": 7}),
        bench.Bench(("evaluate",), lambda study: {"evaluate.a.speed_mps.mae": float("nan")}),
    ]
    found = bench.run_benches(Study, benches, report=lambda line: None)
    assert found["simulate.cold_s"] is None and found["simulate.warm_s"] is None
    assert found["book.cold_s"] == 1.2346 and found["book.pages"] == 7
    assert found["evaluate.a.speed_mps.mae"] is None
    assert found["reasons"]["simulate.warm_s"] == "WorkError: no gait converged"
    assert set(found["reasons"]) == {"simulate.cold_s", "simulate.warm_s", "evaluate.a.speed_mps.mae"}
    json.dumps(found, allow_nan=False)


def test_bench_command_writes_the_file_and_tells_failure(monkeypatch, tmp_path):
    output = tmp_path / "deep" / "bench.json"
    words = ["--output", str(output), "--only", "book"]
    monkeypatch.setattr(bench, "BENCHES", [bench.Bench(("book.cold_s",), lambda study: {"book.cold_s": 1.0})])
    assert bench.main(words) == 0
    assert json.loads(output.read_text())["book.cold_s"] == 1.0
    monkeypatch.setattr(bench, "BENCHES", [bench.Bench(("book.cold_s",), lambda study: 1 / 0)])
    assert bench.main(words) == 1
    assert json.loads(output.read_text())["reasons"] == {"book.cold_s": "ZeroDivisionError: division by zero"}


def test_bench_of_an_unknown_study_exits_with_2(tmp_path):
    assert bench.main(["--study", str(tmp_path / "none.yaml"), "--output", str(tmp_path / "b.json")]) == 2


def test_bench_reads_errors_as_the_book_computes_them(monkeypatch, tmp_path):
    import numpy as np
    import pandas as pd

    class Sense:
        views = ("side", "front")

    class Small(Study):
        sense = Sense

    monkeypatch.setattr(bench, "ROOT", tmp_path)
    folder = tmp_path / "build" / "toy" / "results"
    folder.mkdir(parents=True)
    with pytest.raises(WorkError, match="make book"):
        bench.measure_evaluate(Small)
    n = 8
    about = {"origin": "real", "dataset": "some_children", "subgroup": "child", "method": "synthetic"}
    rows = pd.DataFrame(
        about
        | {"person_id": [f"p{i}" for i in range(n)], "walk_id": [f"w{i}" for i in range(n)], "view": "side"}
        | {"outcome": "speed_mps", "reference": np.linspace(0.8, 1.5, n), "status": "ok"}
    )
    rows["estimate"] = rows["reference"] + np.tile([0.1, -0.2], n // 2)
    front = rows.assign(view="front", estimate=9.0)
    simulated = rows.assign(origin="simulated", dataset="simulated", estimate=5.0)
    silent = rows.head(1).assign(person_id="silent", walk_id="silent", estimate=np.nan, status="too short")
    pd.concat([rows, front, silent]).to_parquet(folder / "estimates_child.parquet")
    simulated.to_parquet(folder / "estimates_dementia.parquet")
    worn = rows.assign(subgroup="stroke", dataset="mat", view="shank", lower=0.0, upper=1.25)
    worn = pd.concat([worn, worn.assign(method="swings", estimate=3.0)])
    worn.to_parquet(folder / "estimates_sensors_stroke.parquet")
    found = bench.measure_evaluate(Small)
    place = "evaluate.mat.stroke.shank.speed_mps"
    assert found == {
        f"{place}.mae": pytest.approx(0.15),
        f"{place}.bias": pytest.approx(-0.05),
        f"{place}.coverage": pytest.approx((rows["reference"] <= 1.25).mean()),
        f"{place}.n_people": n,
        "evaluate.some_children.speed_mps.mae": pytest.approx(0.15),
        "evaluate.some_children.speed_mps.n_people": n,
        "evaluate.some_children.speed_mps.n_people_all": n + 1,
    }
