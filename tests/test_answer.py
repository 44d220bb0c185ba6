"""The first page says what the results say: its five sentences turn when the numbers do."""

import json
import os

import numpy as np
import pandas as pd
import pytest

import gaitlib
from gaitlib.environment import ROOT
from gaitlib.workflow.execute import execute_notebook
from gaitlib.workflow.results import Results

NOTEBOOK = ROOT / "notebooks/0_answer.ipynb"
ERRORS = {"synthetic": 0.05, "classical": 0.09, "ridge_real": 0.07}
VALUES = {
    "subgroups": {"child": "Typically developing children", "elders": "Older adults"},
    "outcomes": ["speed_mps"],
    "views": ["side"],
    "margins": {"speed_mps": {"value": 0.06, "kind": "clinical", "source": "a toy"}},
}


def make_results(folder, errors=ERRORS, spread=0.0, real=("child", "elders")):
    """What earlier pages leave for the first: people at known speeds, estimated with known errors."""
    kept = Results(os.path.relpath(folder, ROOT))
    rows = []
    for number in range(12):
        for method, error in errors.items():
            size = error + spread * (-1) ** number
            row = {"person_id": f"p{number}", "walk_id": "1", "method": method, "view": "side"}
            row |= {"reference": 1 + number / 20, "estimate": 1 + number / 20 + size, "outcome": "speed_mps"}
            rows.append(
                row | {"subgroup": ("child", "elders")[number % 2], "status": "ok", "dataset": "toys"}
            )
    estimates = pd.DataFrame(rows).assign(origin="real", lower=np.nan, upper=np.nan)
    estimates = estimates[estimates["subgroup"].isin(real)]
    pooled = gaitlib.evaluate_agreement(estimates, by=["view", "outcome", "method"], n_resamples=200)
    kept.save_table("estimates", estimates)
    kept.save_table("agreement", gaitlib.evaluate_agreement(estimates, n_resamples=200))
    kept.save_facts("1_simulate", {"people": 4321, "verified": 1234})
    provenance = {"n_library_gaits": 100, "n_generated_gaits": 50}
    kept.save_facts("3_train", {"clips": 777, "provenance": provenance})
    facts = {"n_people": 6 * len(real), "n_walks": 6 * len(real), "n_groups_real": len(real)}
    kept.save_facts("5_compare", facts | {"pooled": pooled.to_dict("records")})
    for name, title in VALUES["subgroups"].items():
        basis = "real" if name in real else "simulated"
        kept.save_facts(
            f"4_evaluate_{name}",
            {"title": title, "basis": basis, "subgroup": name, "camera": True, "sensors": []},
        )
    return kept


def answer(kept, **changes):
    """Run the page's own cells up to the one that keeps the five sentences."""
    names = VALUES | changes | {"results": os.path.relpath(kept.folder, ROOT)}
    here = {}
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            source = "".join(cell["source"])
            exec(source, here)
            if "parameters" in cell["metadata"].get("tags", []):
                here |= names
            if "save_facts" in source:
                break
    return kept.load_facts("0_answer")["details"]


@pytest.mark.parametrize(
    ("margin", "spread", "verdict"),
    [(0.06, 0.0, "below"), (0.04, 0.0, "above"), (0.05, 0.04, "not told apart from")],
)
def test_the_verdict_against_a_margin_is_that_of_the_interval(tmp_path, margin, spread, verdict):
    kept = make_results(tmp_path / "results", spread=spread)
    margins = {"speed_mps": VALUES["margins"]["speed_mps"] | {"value": margin}}
    sentence = answer(kept, margins=margins)[2]
    assert f"walking speed is {verdict} the margin of {margin:.2f} m/s" in sentence
    words = {"below", "above", "not told apart from"} - {verdict}
    assert not [word for word in words if f"is {word}" in sentence]


def test_every_number_of_the_answer_is_one_of_the_results(tmp_path):
    how, error, _, rivals, _ = answer(make_results(tmp_path / "results"))
    for number in ("4,321", "1,234", "777", "100 simulated", "50 generated"):
        assert number in how
    assert "12 real people (12 walks in 2 groups)" in error and "0.050 m/s in walking speed" in error
    assert "0.070 m/s for a simple model" in rivals and "0.090 m/s for geometry" in rivals
    other = make_results(tmp_path / "other", ERRORS | {"synthetic": 0.2, "ridge_real": 0.12})
    _, error, _, rivals, _ = answer(other)
    assert "0.200 m/s in walking speed" in error and "0.120 m/s for a simple model" in rivals


def test_the_five_short_sentences_say_the_same(tmp_path):
    kept = make_results(tmp_path / "results")
    answer(kept)
    short = kept.load_facts("0_answer")["sentences"]
    assert len(short) == 5 and "off by 0.090 m/s" in short[3]
    assert "the error of walking speed is below its margin" in short[3].lower()
    assert "12 real people (12 walks)" in short[2] and "0.050 m/s in walking speed" in short[2]
    assert max(len(sentence.split()) for sentence in short) < 40


def test_a_rival_that_gave_nothing_is_not_compared(tmp_path):
    kept = make_results(tmp_path / "results", {"synthetic": 0.05, "classical": 0.09})
    assert answer(kept)[3] == "A comparison with other methods was not possible in this run."


def test_nothing_is_claimed_of_a_group_without_real_people(tmp_path):
    limits = answer(make_results(tmp_path / "all"))[4]
    assert "no open recordings" not in limits
    limits = answer(make_results(tmp_path / "some", real=("child",)))[4]
    assert "for older adults no open recordings" in limits and "nothing is claimed there" in limits


def test_a_group_that_wore_sensors_has_their_rows_and_is_not_called_absent(tmp_path):
    kept = make_results(tmp_path / "results", real=("child",))
    facts = kept.load_facts("4_evaluate_elders")
    row = {"dataset": "mat", "view": "shank", "method": "synthetic", "outcome": "speed_mps", "n_people": 7}
    row |= {"n_walks": 40, "mae": 0.071, "mae_lower": 0.05, "mae_upper": 0.09, "own_reference": False}
    swings = row | {"method": "swings", "mae": 0.5}
    own = row | {"view": "insole", "mae": 0.033, "own_reference": True}
    kept.save_facts("4_evaluate_elders", facts | {"sensors": [row, swings, own]})
    limits = answer(kept)[4]
    assert "no open recordings" not in limits and "met no camera: older adults" in limits
    values = VALUES | {"results": os.path.relpath(kept.folder, ROOT), "seed": 1}
    path = execute_notebook(NOTEBOOK, tmp_path / "0_answer.ipynb", values, ROOT)
    table = path.read_text(encoding="utf-8").partition("<table")[2]
    assert "Older adults, sensor: shank" in table and "<td>0.07" in table and "<td>0.50" not in table
    assert table.count(" *</td>") == 1 and "Reference from the same sensor" in table
    assert "not evaluated on real people" not in table


def test_the_page_itself_runs_on_the_results_of_a_toy_study(tmp_path):
    """The notebook as a reader gets it, in a kernel of its own: figure, table and box come out of the toy."""
    kept = make_results(tmp_path / "results", real=("child",))
    values = VALUES | {"results": os.path.relpath(kept.folder, ROOT), "seed": 1}
    path = execute_notebook(NOTEBOOK, tmp_path / "0_answer.ipynb", values, ROOT)
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    shown = "".join(
        "".join(output["data"].get("text/html", ""))
        for cell in cells
        for output in cell.get("outputs", [])
        if "data" in output
    )
    assert 'class="answer"' in shown and "<figure" in shown and "image/png" in shown
    assert "0.050 m/s in walking speed" in shown
    table = shown.partition("<table")[2]
    assert "Typically developing children" in table and "not evaluated on real people" in table
