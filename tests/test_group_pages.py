"""Pages of the groups: what a page computes and says, of toys, of simulated people and without recordings."""

import json

import numpy as np
import pandas as pd
import pytest
from evaluate_toys import build_table
from notebook_cells import list_trees, read_definitions, run_page

from gaitlib.environment import ROOT, hash_file
from gaitlib.errors import AbsentData
from gaitlib.evaluate.words import compare_with_margin
from gaitlib.simulate import curves
from gaitlib.workflow import earlier
from gaitlib.workflow.results import Results

STEM = "4_evaluate"
MARGINS = {"speed_mps": {"value": 0.1, "kind": "clinical", "source": "test source"}}
OUTCOMES = ["speed_mps", "step_length_m", "step_time_s"]


def judge(tidy, margin=0.1, bootstrap=400):
    """What the cell that judges the estimates makes of a table."""
    names = read_definitions(STEM, tidy=tidy, seed=1, bootstrap=bootstrap, basis="real")
    names["margins"] = {"speed_mps": {"value": margin, "source": "test source"}}
    (tree,) = [tree for tree in list_trees(STEM) if any(is_named(node, "judged") for node in tree.body)]
    exec(compile(tree, STEM, "exec"), names)
    return names["judged"]


def is_named(node, name):
    return any(getattr(target, "id", "") == name for target in getattr(node, "targets", []))


@pytest.mark.parametrize(("bias", "side", "shown"), [(0.0, "below", True), (0.2, "above", False)])
def test_a_known_error_is_judged(bias, side, shown):
    table = build_table([("child", 20, 2)], methods=(("synthetic", bias, 0.03),))
    (row,) = judge(table).itertuples()
    assert (row.people, row.mae_is, row.p_holm < 0.05) == (20, side, shown)
    assert row.bias == pytest.approx(bias, abs=0.02) and row.mae_lower < row.mae < row.mae_upper


def test_the_person_is_the_unit():
    """Every walk written down twice changes nothing; walks that pass for people narrow the interval."""
    table = build_table([("child", 12, 3)], methods=(("synthetic", 0.0, 0.02),))
    rng = np.random.default_rng(0)
    table["estimate"] += table["person_id"].map(
        {name: rng.normal(0, 0.1) for name in table["person_id"].unique()}
    )
    twice = pd.concat([table, table.assign(walk_id=table["walk_id"] + "again")])
    (own,), (again,) = (judge(one).itertuples() for one in (table, twice))
    assert again.mae == pytest.approx(own.mae) and again.mae_upper == pytest.approx(own.mae_upper)
    (walks,) = judge(table.assign(person_id=table["person_id"] + table["walk_id"])).itertuples()
    assert walks.people == 36 and walks.mae_upper - walks.mae_lower < own.mae_upper - own.mae_lower


def test_nobody_and_two_people_are_judged_not_at_all():
    assert judge(build_table([("child", 2, 3)])).empty
    assert judge(build_table([("child", 5, 1)])[:0]).empty


def test_a_margin_inside_the_interval_is_not_told_apart():
    row = {"mae_lower": 0.04, "mae_upper": 0.06}
    sides = [compare_with_margin(row, margin) for margin in (0.03, 0.05, 0.06)]
    assert sides == ["above", "not told apart from", "below"]


def test_a_sensor_that_is_its_own_reference_gets_no_verdict():
    names = read_definitions(STEM, margins=MARGINS | {"step_time_s": {"value": 0.02, "source": "test"}})
    rows = [
        {"dataset": "mat", "view": "shank", "outcome": "speed_mps"},
        {"dataset": "mat", "view": "shank", "outcome": "step_time_s"},
        {"dataset": "none", "view": "shank", "outcome": "step_time_s"},
        {"dataset": "none", "view": "lower_back", "outcome": "step_time_s"},
        {"dataset": "force", "view": "insole", "outcome": "step_time_s"},
    ]
    about = {"n_people": 12, "n_people_all": 12, "mae": 0.001, "mae_lower": 0.0005, "mae_upper": 0.002}
    marked = names["mark_shared"](pd.DataFrame(rows).assign(**about))
    assert marked["own_reference"].tolist() == [False, False, True, False, True]
    said = [names["say_sensor_error"]("Sensor", {row["outcome"]: row}) for _, row in marked.iterrows()]
    assert ["below its margin" in text for text in said] == [True, True, False, True, False]
    assert ["same sensor" in text for text in said] == [False, False, True, False, True]


@pytest.fixture
def bare(monkeypatch):
    """A machine without any recording."""

    def refuse(dataset, *_):
        raise AbsentData(dataset, f"{dataset}/walks is not here")

    monkeypatch.setattr("gaitlib.data.walks.load_walks", refuse)
    monkeypatch.setattr("gaitlib.data.inertial_walks.load_inertial_walks", refuse)


def test_a_group_without_recordings_keeps_its_numbers(bare, monkeypatch, tmp_path):
    folder = str(tmp_path / "results")
    names, shown, answer = run_page(
        "4_evaluate_neurological", monkeypatch, STEM, results=folder, bootstrap=100
    )
    for kind in ("estimates", "reference"):
        shipped = pd.read_parquet(earlier.FOLDER / f"{kind}_neurological.parquet")
        pd.testing.assert_frame_equal(Results(folder).load_table(f"{kind}_neurological"), shipped)
    assert 'class="earlier"' in answer and "is off by" in answer and "declared beforehand" in answer
    assert Results(folder).load_facts("4_evaluate_neurological")["earlier_revision"]
    told = names["list_sides"](names["answered"])
    assert told in answer, "table and box judge by one interval"
    for outcome, row in names["answered"].items():
        judged = names["judged"].loc[(outcome, "side")]
        assert judged["mae_upper"] == row["mae_upper"] and judged["mae_is"] in told
    assert (
        len([html for html in shown if "<figure" in html]) == 1 and "<li>Walking speed: off by" in shown[-1]
    )


def test_a_group_of_which_nothing_is_shipped_says_so_and_goes_on(bare, monkeypatch, tmp_path):
    monkeypatch.setattr(earlier, "FOLDER", tmp_path / "nothing")
    folder = str(tmp_path / "results")
    names, shown, answer = run_page("4_evaluate_child", monkeypatch, STEM, results=folder)
    assert "No error can be given: the recordings are not here." in answer
    assert "Not shown:" in answer and "earlier run" not in answer
    assert Results(folder).load_facts("4_evaluate_child")["earlier_revision"] == ""
    assert "nobody, real or simulated" in "".join(shown)


def test_sensors_that_are_absent_are_said_and_those_of_an_earlier_run_stand_in(bare, monkeypatch, tmp_path):
    shipped = tmp_path / "earlier"
    monkeypatch.setattr(earlier, "FOLDER", shipped)
    changed = {"results": str(tmp_path / "results"), "bootstrap": 100}
    names, shown, answer = run_page("4_evaluate_stroke", monkeypatch, STEM, **changed)
    assert "Not shown:</strong> inertial sensors" in answer and "the recordings are not here" in answer
    assert Results(changed["results"]).load_facts("4_evaluate_stroke")["sensors"] == []
    assert "<table" not in "".join(shown), "neither a camera nor a sensor saw anybody"
    table = build_table([("stroke", 5, 2)], methods=(("synthetic", 0.2, 0.01),))
    table = table.assign(dataset="opal_gaitrite", view="shank", setting="single")
    shipped.mkdir()
    table.to_parquet(shipped / "estimates_sensors_stroke.parquet")
    entry = {
        "item": "opal_gaitrite",
        "sha256": hash_file(shipped / "estimates_sensors_stroke.parquet"),
    }
    card = {"revision": "abc1234", "tables": {"estimates_sensors_stroke": entry}}
    (shipped / earlier.CARD).write_text(json.dumps(card))
    names, shown, answer = run_page("4_evaluate_stroke", monkeypatch, STEM, **changed)
    assert "From an earlier run, revision abc1234:</strong> inertial sensors" in answer
    assert "Sensor at the shank, 5 real people" in answer and "By camera: not evaluated" in answer
    (row,) = Results(changed["results"]).load_facts("4_evaluate_stroke")["sensors"]
    assert row["mae"] == pytest.approx(0.2, abs=0.02) and row["n_people"] == 5


def test_a_page_of_simulated_people_claims_nothing_about_patients(monkeypatch, tmp_path):
    changed = {"results": str(tmp_path / "results"), "stand_in_walks": 6, "bootstrap": 100, "views": ["side"]}
    names, shown, answer = run_page("4_evaluate_dementia", monkeypatch, STEM, **changed)
    assert "Not evaluated on real people. Missing:" in answer and "no claim about patients" in answer
    assert "simulated people (" in answer and "declared beforehand" not in answer
    assert set(names["tidy"]["method"]) == {"synthetic", "classical"}
    text = "".join(shown)
    assert text.count("<td>1.04</td>") == 1 and "Toronto" in text and "No open recording of walking" in text
    assert shown[-1].startswith("<ul><li>Not evaluated on real people.")


def test_earlier_joint_angles_stand_in_for_absent_ones(tmp_path):
    kept = Results(str(tmp_path / "results"))
    names = read_definitions(STEM, kept=kept, subgroup="parkinsons", title="Parkinson's disease")
    made = curves.SideCurves(
        {joint: np.zeros((4, 2, 101)) for joint in curves.JOINTS}, list("abcd"), simulated=True
    )
    item = {"group": "parkinsons", "conditions": ["off", "on"], "words": "Parkinson's"}
    item["about"] = names["load_manifest"]().items["parkinson_joint_angles"]
    text = names["show_earlier_angles"](item, "parkinson_joint_angles", made).data
    assert text.count('class="earlier"') == 1 and text.count("<figure") == 1 and text.count("<table") == 2
    assert "22 people" in text


def test_published_numbers_have_a_source():
    table = pd.read_csv(ROOT / "data/published.csv")
    assert table["value"].notna().all() and not table.duplicated(["group", "outcome"]).any()
    text = (ROOT / "book/references.bib").read_text(encoding="utf-8")
    assert [key for key in table["citation"].unique() if f"{{{key}," not in text] == []


def test_addable_sets_are_named():
    names = read_definitions(STEM)
    names["items"] = names["load_manifest"]().items
    assert "Toronto" in " ".join(names["list_addable"]({"group": "older_adult", "words": ""}))
    assert names["list_addable"]({"group": "dementia", "words": "None is open."}) == ["None is open."]
