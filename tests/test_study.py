"""The study file: every fault is named with file, field, what was found and what was expected."""

import copy

import pytest
import yaml

from gaitlib.environment import ROOT
from gaitlib.errors import InputError
from gaitlib.study import load_study, parse_study
from gaitlib.workflow.execute import check_parameters
from gaitlib.workflow.pages import plan_pages

STUDIES = sorted((ROOT / "studies").glob("*.yaml"))


@pytest.fixture
def values():
    return yaml.safe_load((ROOT / "studies/quick.yaml").read_text(encoding="utf-8"))


def put(values, place, value):
    """Set a value at a dotted place of a copy."""
    values = copy.deepcopy(values)
    *path, last = place.split(".")
    node = values
    for key in path:
        node = node[key]
    node[last] = value
    return values


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_shipped_studies_are_valid_and_named_after_their_file(path):
    assert load_study(path).name == path.stem


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_job_has_the_parameters_of_its_notebook(path):
    jobs = plan_pages(load_study(path))
    assert {"1_simulate", "2_generate", "3_train", "5_compare", "0_answer"} <= set(jobs)
    for job in jobs.values():
        assert check_parameters(ROOT / job.notebook, job.parameters) == job.parameters, (
            f"{job.name}: the study must set every parameter of the notebook"
        )


def test_quick_study_has_a_page_for_every_subgroup():
    adults = {"healthy_adult", "neurological", "weakness", "joint", "older_adult", "parkinsons", "dementia"}
    wanted = adults | {"child", "cerebral_palsy"}
    assert set(load_study(ROOT / "studies/quick.yaml").evaluate.subgroups) == wanted


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("sense.view", ["side"], ["sense.view", "unknown key", "did you mean 'views'"]),
        ("sede", 3, ["sede", "did you mean 'seed'"]),
        ("evaluate.margins.sped_mps", {}, ["evaluate.margins.sped_mps", "did you mean 'speed_mps'"]),
        ("evaluate.subgroups.dementia.stand_in.oldest_year", 3, ["stand_in.oldest_year", "'oldest_years'"]),
        ("estimate.clips", "many", ["estimate.clips", "integer", "'many'"]),
        ("seed", -1, ["seed", "greater than or equal to 0"]),
        ("sense.views", ["side", "top"], ["sense.views", "'top'"]),
        ("sense.views", ["side", "side"], ["names a view twice"]),
        ("evaluate.margins.speed_mps.value", 0, ["margins.speed_mps.value", "greater than 0"]),
        ("evaluate.margins.step_length_m.value", 3.6, ["step_length_m", "unit"]),
        ("evaluate.margins.speed_mps.source", "", ["margins.speed_mps.source"]),
        ("evaluate.outcomes", ["speed_mps"], ["has a margin but is not among the outcomes"]),
        ("evaluate.subgroups.child.datasets", [], ["stand_in"]),
        ("evaluate.subgroups.child.stand_in",
         {"cohort": "healthy_child", "youngest_years": 4, "oldest_years": 9, "slowest_mps": 1,
          "fastest_mps": 2, "why": "because of it"},
         ["contradicts"]),
        ("evaluate.subgroups.dementia.stand_in.slowest_mps", 2.0, ["lower end"]),
        ("name", "../elsewhere", ["name"]),
    ],
)  # fmt: skip
def test_faults_are_named(values, place, value, words):
    with pytest.raises(InputError) as caught:
        parse_study(put(values, place, value), "quick.yaml")
    assert str(caught.value).startswith("quick.yaml: ")
    for word in words:
        assert word in str(caught.value)


def test_outcome_without_margin_is_refused(values):
    del values["evaluate"]["margins"]["step_time_s"]
    with pytest.raises(InputError, match="'step_time_s' is evaluated but has no margin"):
        parse_study(values)


def test_all_faults_come_at_once(values):
    broken = put(put(values, "seed", "x"), "estimate.widht", 3)
    with pytest.raises(InputError) as caught:
        parse_study(broken)
    assert "seed" in str(caught.value) and "'width'" in str(caught.value)


def test_missing_section_is_named(values):
    del values["sense"]
    with pytest.raises(InputError, match="sense: missing"):
        parse_study(values)


def test_a_key_given_twice_is_an_error(tmp_path):
    text = (
        (ROOT / "studies/quick.yaml")
        .read_text(encoding="utf-8")
        .replace("seed: 2025", "seed: 2025\nseed: 2026")
    )
    (tmp_path / "twice.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="line .*'seed' is given twice"):
        load_study(tmp_path / "twice.yaml")


@pytest.mark.parametrize("content", ["", "- a\n- b\n", "name: [", "\x00"])
def test_files_that_are_no_study(tmp_path, content):
    (tmp_path / "odd.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="odd.yaml"):
        load_study(tmp_path / "odd.yaml")


def test_missing_file_is_named():
    with pytest.raises(InputError, match="nothing.yaml: the study file cannot be read"):
        load_study("nothing.yaml")


@pytest.mark.parametrize(
    ("group", "item", "words"),
    [
        ("joint", {"kind": "strids"}, r"joint\.beside\.0\.kind: Input should be .*'strides'"),
        ("parkinsons", {"kind": "case", "dataset": "cp_chld"}, "did you mean 'cp_child'"),
        (
            "parkinsons",
            {"kind": "strides", "dataset": "gaitndd", "group": "a", "words": "b"},
            "needs controls",
        ),
        ("parkinsons", {"kind": "case", "datset": "cp_child"}, "datset: unknown key; did you mean 'dataset'"),
        ("joint", {"kind": "case", "dataset": "cp_child"}, "case is shown beside simulated people"),
    ],
)
def test_what_stands_beside_a_group_is_checked(values, group, item, words):
    values["evaluate"]["subgroups"][group]["beside"] = [item]
    with pytest.raises(InputError, match=words):
        parse_study(values)


def test_subgroup_margins_override_those_of_the_study(values):
    study = parse_study(values)
    assert study.get_margins("parkinsons")["speed_mps"].value == 0.082
    assert study.get_margins("child")["speed_mps"].value == 0.10
    with pytest.raises(InputError, match="did you mean 'child'"):
        study.get_margins("chidl")
