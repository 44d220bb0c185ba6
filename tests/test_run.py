"""Running a study: what is scheduled when something changes, resume after a failure, one clear error each."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from gaitlib.cli import main
from gaitlib.environment import ROOT
from gaitlib.errors import InputError, WorkError
from gaitlib.workflow import run
from gaitlib.workflow.bind import check_pages
from gaitlib.workflow.run import run_study

PARTS = ("gaitlib", "notebooks", "workflow", "studies", "book")
SHIPPED = (
    *(f"{folder}/{name}" for folder in ("library", "doses") for name in ("gaits.nc", "table.parquet")),
    *(f"estimator/{kind}.safetensors" for kind in ("keypoints", "inertial", "insole", "legs")),
    "generator/out_of_plane.safetensors",
    "experiments/estimates.parquet",
)
"""Files under data/ that pages are made from."""
SUBGROUPS = ("child", "joint", "dementia")
BEHIND = {"5_compare", "explore", "for_clinicians", "0_answer", "book"}
EVALUATE = {f"4_evaluate_{name}" for name in SUBGROUPS}


def call(root, *words):
    """Call the command line in a copy of the project."""
    (root / "empty").mkdir(exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(root), "GAITLIB_DATA": str(root / "empty")}
    return subprocess.run(
        [sys.executable, "-m", "gaitlib.cli", *words],
        cwd=root,
        capture_output=True,
        text=True,
        env=environment,
    )


def list_pages(root, study="studies/quick.yaml"):
    done = call(root, "run", study, "--dry-run")
    assert done.returncode == 0, done.stderr
    text = done.stdout.strip()
    return set() if text.startswith("nothing") else set(text.removeprefix("would run: ").split(", "))


def edit_study(root, change):
    path = root / "studies/quick.yaml"
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(values)
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A copy of the project in which every page of a small study looks finished."""
    root = tmp_path_factory.mktemp("project")
    for name in PARTS:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", ".ruff_cache"))
    shutil.copy(ROOT / "data_manifest.yaml", root)
    for name in SHIPPED:
        (root / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "data" / name).touch()

    def keep_some(values):
        groups = values["evaluate"]["subgroups"]
        values["evaluate"]["subgroups"] = {name: groups[name] for name in SUBGROUPS}
        values["evaluate"]["told_apart"] = ["joint", "child"]

    edit_study(root, keep_some)
    command = [sys.executable, "-m", "snakemake", "-s", "workflow/Snakefile", "--cores", "1", "--dry-run"]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    text = subprocess.run(command, cwd=root, capture_output=True, text=True, env=environment).stdout
    outputs = [name for line in re.findall(r"^\s+output: (.*)$", text, re.M) for name in line.split(", ")]
    assert len(outputs) > 15, text
    for name in outputs:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    now = time.time()
    for path in sorted(root.rglob("*")):
        if path.is_file() and "build" not in path.relative_to(root).parts:
            os.utime(path, (now - 900, now - 900))
    for path in (root / "build").rglob("*"):
        if path.is_file():
            age = 800 if "parameters" in path.parts else 0
            os.utime(path, (now - age, now - age))
    order = [
        "1_simulate",
        "1_effort",
        "1_body",
        "1_impairments",
        "1_space",
        "1_cohorts",
        "1_library",
        "2_generate",
        "generator",
        "2_physics",
        "2_sense",
        "3_train",
        "estimator",
        *EVALUATE,
        "estimates",
        "agreement_",
        "4_signals",
    ]
    order += ["5_compare", "agreement.", "explore", "for_clinicians", "6_report", "0_answer", "index"]
    for number, stem in enumerate(order):
        for path in (root / "build").rglob(f"{stem}*"):
            if "parameters" not in path.parts:
                os.utime(path, (now - 500 + number, now - 500 + number))
    return root


@pytest.fixture
def project(finished, tmp_path):
    """A copy of the finished project that a test may change, times kept."""
    return Path(shutil.copytree(finished, tmp_path / "project"))


def test_nothing_changed_nothing_runs(project):
    assert list_pages(project) == set()


@pytest.mark.parametrize(
    ("section", "key", "value", "pages"),
    [
        ("sense", "fps", 25, {"4_signals"} | EVALUATE | BEHIND),
        ("simulate", "resolve_gaits", 2, {"1_simulate", "0_answer", "book"}),
        ("estimate", "clips", 400, {"3_train", "0_answer", "book"}),
        ("generate", "steps", 7, {"2_generate", "2_physics", "3_train", "0_answer", "book"}),
        ("book", "title", "Another title", {"book"}),
    ],
)
def test_a_changed_parameter_runs_its_pages_and_those_behind(project, section, key, value, pages):
    edit_study(project, lambda values: values[section].update({key: value}))
    assert list_pages(project) == pages


def test_a_margin_of_one_subgroup_runs_that_page_only(project):
    margin = {"value": 0.05, "kind": "clinical", "source": "Perera 2006, small change"}
    edit_study(
        project, lambda values: values["evaluate"]["subgroups"]["joint"].update(margins={"speed_mps": margin})
    )
    assert list_pages(project) == {"4_evaluate_joint"} | BEHIND


def test_changed_code_runs_the_pages_that_import_it(project):
    (project / "gaitlib/simulate/doses.py").open("a", encoding="utf-8").write("\n# changed\n")
    assert list_pages(project) == {"1_impairments", "1_space", "book"}


def test_changed_library_runs_everything_that_reads_it(project):
    (project / "data/library/gaits.nc").write_text("new")
    pages = {
        "1_simulate",
        "1_cohorts",
        "1_library",
        "2_generate",
        "2_physics",
        "2_sense",
        "3_train",
        "4_signals",
        "6_report",
    }
    assert list_pages(project) == pages | EVALUATE | BEHIND


def test_changed_weights_run_the_pages_that_use_them(project):
    (project / "data/estimator/inertial.safetensors").write_text("new")
    assert list_pages(project) == {"3_train", "4_signals", "6_report"} | EVALUATE | BEHIND


def test_changed_weights_of_insoles_run_the_pages_of_people(project):
    (project / "data/estimator/insole.safetensors").write_text("new")
    assert list_pages(project) == EVALUATE | BEHIND


def build_own_library(values):
    values["simulate"]["library"] = values["library"]["folder"]


def test_a_study_that_reads_the_library_it_builds_builds_it_first(project):
    assert list_pages(project, "studies/full.yaml") >= {"library", "1_library", "2_generate", "book"}
    edit_study(project, build_own_library)
    assert list_pages(project) >= {"library", "1_library", "2_generate", "3_train"} | EVALUATE | BEHIND
    for name in ("gaits.nc", "table.parquet"):
        path = project / "build/quick/library" / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert "library" not in list_pages(project)
    edit_study(project, lambda values: values["library"].update(workers=1))
    assert "library" not in list_pages(project), "where it is solved changes no gait"
    edit_study(project, lambda values: values["library"]["cohorts"].update(dementia=9))
    assert "library" in list_pages(project)


def test_without_weights_the_pages_on_people_wait_for_the_training(project):
    edit_study(project, lambda values: values["estimate"].update(weights="", weights_release=""))
    pages = {"3_train", "4_signals"} | EVALUATE | BEHIND
    assert list_pages(project) == pages


def test_a_misspelt_key_stops_before_anything_runs(project):
    edit_study(project, lambda values: values["sense"].update(fsp=3))
    done = call(project, "run", "studies/quick.yaml")
    assert done.returncode == 2
    assert "quick.yaml: sense.fsp: unknown key; did you mean 'fps'?" in done.stderr
    assert not (project / "build/quick/run.log").exists()


def test_a_notebook_without_the_parameter_stops_before_anything_runs(project):
    path = project / "notebooks/2_generate.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace('"steps: int', '"stepps: int'), encoding="utf-8")
    done = call(project, "run", "studies/quick.yaml")
    assert done.returncode == 2
    assert "generate.steps: no notebook takes" in done.stderr and "did you mean 'stepps'" in done.stderr


def test_unknown_study_names_those_there_are():
    with pytest.raises(InputError, match="studies/full.yaml, studies/quick.yaml"):
        run_study("studies/quik.yaml")


def test_cores_must_be_positive():
    with pytest.raises(InputError, match="--cores: found -1"):
        run_study("studies/quick.yaml", cores=-1)


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("page.html", '<script src="https://cdn.example.org/x.js"></script>', "loads"),
        ("page.html", '<link rel="stylesheet" href="//fonts.example.org/a.css">', "loads"),
        ("page.html", '<img alt="a" src="http://example.org/a.png">', "loads"),
        ("style.css", "@import url('https://example.org/a.css');", "loads"),
        ("page.html", f"<p>{ROOT}/gaitlib</p>", "the folder of the project"),
        ("page.html", f"<p>{Path.home()}/x</p>", "the home folder"),
    ],
)
def test_built_pages_load_nothing_from_outside_and_show_nothing_private(tmp_path, name, text, fault):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert any(fault in line for line in check_pages(tmp_path, ROOT))


def test_links_to_sources_are_no_fault(tmp_path):
    text = (
        '<a href="https://doi.org/10.1038/x">doi</a><img src="data:image/png;base64,AA"><script src="a.js">'
    )
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    assert check_pages(tmp_path, ROOT) == []


def write_small_notebook(root, page, outputs, code=""):
    """Keep the parameters cell of a page and let it write its results only."""
    path = root / f"notebooks/{page}.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if "parameters" in cell["metadata"].get("tags", [])]
    title = {"cell_type": "markdown", "source": f"# {page}", "metadata": {}, "id": "title"}
    lines = [
        "from pathlib import Path",
        *(f"Path(results, f{name!r}).write_text('x')" for name in outputs),
        code,
    ]
    work = {"cell_type": "code", "source": "\n".join(lines), "metadata": {}, "id": "work", "outputs": []}
    notebook["cells"] = [title, *cells, work | {"execution_count": None}]
    path.write_text(json.dumps(notebook), encoding="utf-8")


def test_an_unforeseen_exception_is_named_in_the_failure(tmp_path, monkeypatch, capsys):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(run, "run_page", fail)
    assert run.main(["page", str(tmp_path), "1_library"]) == 1
    message = json.loads((tmp_path / "failures" / "1_library.json").read_text())["message"]
    assert message == "a fault of this program, please report it (OSError: disk full)"
    assert "Traceback" in capsys.readouterr().err


MADE = {
    "1_simulate": ["1_simulate.json"],
    "1_effort": ["1_effort.json"],
    "1_body": ["1_body.json"],
    "1_impairments": ["1_impairments.json"],
    "1_space": ["1_space.json"],
    "1_cohorts": ["1_cohorts.json"],
    "1_library": ["1_library.json"],
    "2_generate": ["2_generate.json", "generator.safetensors"],
    "2_physics": ["2_physics.json"],
    "2_sense": ["2_sense.json"],
    "3_train": ["3_train.json", "estimator.safetensors", "estimator_inertial.safetensors"],
    "4_evaluate": [
        "estimates_{subgroup}.parquet",
        "agreement_{subgroup}.parquet",
        "4_evaluate_{subgroup}.json",
    ],
    "4_signals": ["4_signals.json", "estimates_inertial.parquet"],
    "5_compare": ["agreement.parquet", "5_compare.json"],
    "6_report": ["6_report.json"],
    "explore": ["explore.json"],
    "for_clinicians": ["for_clinicians.json"],
    "0_answer": ["0_answer.json"],
}
"""Results of each page."""


@pytest.mark.slow
def test_a_toy_study_solves_its_library_and_reads_it(project):
    shutil.rmtree(project / "build")
    shutil.rmtree(project / "data/library")
    shutil.copytree(ROOT / "data/library", project / "data/library")

    def shrink(values):
        build_own_library(values)
        values["library"]["cohorts"] = {"healthy_adult": 2}
        values["evaluate"]["subgroups"] = {"child": values["evaluate"]["subgroups"]["child"]}

    edit_study(project, shrink)
    (project / "build/quick/results").mkdir(parents=True)
    for page, outputs in MADE.items():
        code = "from gaitlib import load_library\nassert 1 <= len(load_library(library).run) <= 4"
        write_small_notebook(project, page, outputs, code if page == "1_library" else "")
    done = call(project, "run", "studies/quick.yaml", "--cores", "2")
    assert done.returncode == 0, done.stderr
    assert "library: done" in done.stdout and "gaits are there" in done.stdout
    assert list_pages(project) == set()


def test_each_failed_page_is_one_short_line(tmp_path, monkeypatch):
    folder = tmp_path / "quick"
    (folder / "failures").mkdir(parents=True)
    messages = {"1_simulate": "walks.c3d is damaged:\n remove it", "2_sense": "out of memory, " * 300}
    for name, message in messages.items():
        run.note_failure(folder, name, message)
    monkeypatch.setattr(run, "list_outdated", lambda study: ["0_answer", "2_sense", "book"])
    with pytest.raises(WorkError) as caught:
        run.raise_failures(folder, 1, "studies/quick.yaml")
    first, second, last = str(caught.value).splitlines()
    assert first == "walks.c3d is damaged: remove it [page 1_simulate; build/quick/run.log]"
    assert second.startswith("out of memory") and " ... [page 2_sense" in second and len(second) < 300
    assert last == "not run because of that: 0_answer, book"


def test_every_line_of_an_error_names_the_program(monkeypatch, capsys):
    def fail(*_):
        raise WorkError("first\nsecond")

    monkeypatch.setattr(run, "run_study", fail)
    assert main(["run", "studies/quick.yaml"]) == 1
    assert capsys.readouterr().err == "gaitlib: first\ngaitlib: second\n"


@pytest.mark.slow
def test_a_failed_run_names_the_cell_and_goes_on_from_there(project):
    shutil.rmtree(project / "build")
    edit_study(project, lambda values: values["evaluate"].update(
        subgroups={"child": values["evaluate"]["subgroups"]["child"]}))  # fmt: skip
    (project / "build/quick/results").mkdir(parents=True)
    for page, outputs in MADE.items():
        write_small_notebook(project, page, outputs, "1 / 0" if page == "3_train" else "")
    done = call(project, "run", "studies/quick.yaml", "--cores", "2")
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first.startswith("gaitlib: a fault of this program, please report it (ZeroDivisionError:")
    assert "cell 3 of notebook 3_train" in first and first.endswith("[page 3_train; build/quick/run.log]")
    waiting = "0_answer, 4_evaluate_child, 4_signals, 5_compare, book"
    assert second == f"gaitlib: not run because of that: {waiting}"
    log = (project / "build/quick/run.log").read_text(encoding="utf-8")
    assert "Traceback" in log and "1 / 0" in log
    times = {path.name: path.stat().st_mtime for path in (project / "build/quick/notebooks").iterdir()}
    write_small_notebook(project, "3_train", MADE["3_train"])
    done = call(project, "run", "studies/quick.yaml", "--cores", "2")
    assert done.returncode == 0, done.stderr
    assert (project / "build/quick/book/index.html").is_file()
    for page in ("1_simulate.ipynb", "2_generate.ipynb"):
        assert (project / "build/quick/notebooks" / page).stat().st_mtime == times[page], (
            "made again for nothing"
        )
    started = time.monotonic()
    assert list_pages(project) == set()
    assert time.monotonic() - started < 60
