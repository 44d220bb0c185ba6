"""The page on everyone says what its tables say: verdicts turn with errors, nobody unmeasured is claimed."""

import json
import os

import IPython.display
import numpy as np
import pandas as pd
import pytest

from gaitlib.environment import ROOT
from gaitlib.errors import AbsentData
from gaitlib.evaluate import words
from gaitlib.evaluate.tables import build_agreement_table
from gaitlib.workflow.results import Results

CODE = [
    cell
    for cell in json.loads((ROOT / "notebooks/5_compare.ipynb").read_text(encoding="utf-8"))["cells"]
    if cell["cell_type"] == "code"
]
SOURCE = "a toy"
TITLES = {"well": "Healthy people", "sick": "Patients", "nobody": "People not measured"}
MARGINS = {
    "speed_mps": {"value": 0.1, "kind": "clinical", "source": SOURCE},
    "step_length_m": {"value": 0.05, "kind": "clinical", "source": SOURCE},
    "step_time_s": {"value": 0.02, "kind": "technical", "source": SOURCE},
}
ERRORS = {"synthetic": 0.03, "ridge_real": 0.03, "classical": 0.08}


def make_estimates(errors, real=("well", "sick"), sick_mps=0.3):
    """People of two groups, patients slower and off by half as much again; some walked twice."""
    rng = np.random.default_rng(0)
    rows = []
    for subgroup in TITLES:
        for number in range(12 if subgroup in real or subgroup == "nobody" else 0):
            speed = 1.2 + rng.normal(0, 0.1) - sick_mps * (subgroup == "sick")
            for walk in range(1 + number % 2):
                for outcome, scale in (("speed_mps", 1.0), ("step_length_m", 0.5), ("step_time_s", 0.5)):
                    for method, error in errors.items():
                        size = scale * error * (1.5 if subgroup == "sick" else 1.0)
                        size *= (-1) ** number + rng.normal(0, 0.1)
                        row = {"subgroup": subgroup, "person_id": f"{subgroup}{number}"}
                        row |= {"walk_id": f"{subgroup}{number}-{walk}", "outcome": outcome, "method": method}
                        rows.append(row | {"reference": speed * scale, "estimate": speed * scale + size})
    table = pd.DataFrame(rows).assign(dataset="toys", view="side", status="ok", lower=np.nan, upper=np.nan)
    return table.assign(origin=np.where(table["subgroup"].isin(real), "real", "simulated"))


@pytest.fixture
def show(tmp_path, monkeypatch):
    """Run the page on estimates; what it shows as text, its answer, and what it keeps."""

    class Box:
        def update(self, shown):
            self.data = shown.data

    box = Box()
    monkeypatch.setattr(IPython.display, "display", lambda *_, **__: box)

    def run(estimates):
        kept = Results(os.path.relpath(tmp_path / "results", ROOT))
        for name in TITLES:
            own = estimates[estimates["subgroup"] == name]
            kept.save_table(f"estimates_{name}", own)
            table = build_agreement_table(own, margins=MARGINS, n_resamples=100) if len(own) else None
            kept.save_table(f"agreement_{name}", pd.DataFrame() if table is None else table)
            kept.save_facts(f"4_evaluate_{name}", {"title": TITLES[name]})
        values = {"results": os.path.relpath(kept.folder, ROOT), "subgroups": TITLES, "margins": MARGINS}
        values |= {"views": ["side"]}
        here, shown = {}, []
        for cell in CODE:
            *body, last = "".join(cell["source"]).rsplit("\npage.show_", 1)
            exec(body[0] if body else last, here)
            if body:
                exec(f"shown = page.show_{last}", here)
                shown.append(here["shown"].data)
            if "parameters" in cell["metadata"].get("tags", []):
                here |= values | {"bootstrap": 100, "patients": "sick", "healthy": "well"}
        return "".join(shown).replace("\u00a0", " "), box.data, kept

    return run


def test_a_person_counts_once_and_verdicts_follow_the_errors(show):
    estimates = make_estimates(ERRORS, sick_mps=0.6)
    shown, answer, kept = show(estimates)
    own = estimates.query("origin == 'real' and method == 'synthetic' and view == 'side'")
    own = own[own["outcome"] == "speed_mps"]
    error = (own["estimate"] - own["reference"]).abs()
    by_hand = error.groupby(own["person_id"]).mean().mean()
    rows = pd.DataFrame(kept.load_facts("5_compare")["pooled"]).query(
        "method == 'synthetic' and view == 'side'"
    )
    assert rows.set_index("outcome").loc["speed_mps", "mae"] == pytest.approx(by_hand)
    assert kept.load_facts("5_compare")["n_people"] == 24
    assert "least for healthy people" in answer and "most for patients" in answer
    assert "Not evaluated on real people: people not measured." in answer
    table = shown.partition("Compared with")[2].partition("</table>")[0]
    ridge, classical = (
        table.count(f"<td>{words.METHODS[name]}</td>") for name in ("ridge_real", "classical")
    )
    assert ridge == classical == 3 and "worse" not in table and "equivalent" in table
    assert table.count("better") >= classical
    assert "Walking speed: worst for patients" in shown
    truth = shown.partition("the truth (body keypoints in space)")[2].partition("</tr>")[0]
    assert "12 / 12" in truth and "1.00" in truth, "patients are far slower here"


def test_a_worse_method_is_called_worse(show):
    shown, _, _ = show(make_estimates(ERRORS | {"synthetic": 0.3}))
    table = shown.partition("Compared with")[2].partition("</table>")[0]
    assert "worse by more than the margin" in table and "equivalent" not in table


def test_without_real_people_nothing_is_claimed(show):
    shown, answer, kept = show(make_estimates(ERRORS, real=()))
    assert "Not evaluated on real people: healthy people, patients and people not measured." in answer
    assert kept.load_facts("5_compare")["pooled"] == [] and kept.load_facts("5_compare")["n_people"] == 0
    assert "no data set holds both groups" in shown and "no other method was run" in shown


def test_published_predictions_that_are_absent_leave_the_other_rows(tmp_path, monkeypatch):
    def refuse(*_):
        raise AbsentData("cp_video_benchmark", "cp_video_benchmark/Fig2a-d.csv is not here")

    monkeypatch.setattr("gaitlib.data.reference_tables.load_table", refuse)
    code = {cell["id"]: "".join(cell["source"]) for cell in CODE}
    here = {}
    exec(code["5-compare-02"].partition("\nkept = ")[0], here)
    here["kept"] = Results(os.path.relpath(tmp_path, ROOT))
    exec(code["5-compare-26"].partition("page.show_table")[0], here)
    table = pd.DataFrame(here["lines"]).set_index("System")
    assert table["Speed (m/s)"].tolist() == ["not here", "below 0.10", "0.16", "0.10", "–"]
    assert table["Step length (cm)"].tolist() == ["–", "4.9 (single), 1.8 (mean)", "14", "7", "–"]
    assert table["Source"].str.startswith("10.").all()
    assert here["kept"].absent[0]["item"] == "cp_video_benchmark"
