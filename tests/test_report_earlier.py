"""Pages without recordings: they go on, say so, and carry the mark; a run that lacked some is no source."""

import json
import os

import IPython.display
import numpy as np
import pandas as pd
import pytest
from repository import load_script

from gaitlib.data.manifest import load_manifest
from gaitlib.data.measured_curves import summarise_joint_angles
from gaitlib.data.walks import load_walks
from gaitlib.environment import ROOT
from gaitlib.errors import AbsentData, InputError
from gaitlib.estimate.targets import measure_events
from gaitlib.evaluate.realism import choose_bands
from gaitlib.outcomes import measure_walks
from gaitlib.simulate.library import load_library
from gaitlib.study import load_study
from gaitlib.workflow import earlier
from gaitlib.workflow.pages import prepare_pages
from gaitlib.workflow.results import Results

keeping = load_script("keep_earlier")
NEURO = ("healthy_adult", "neurological", "weakness", "joint")
TABLE = pd.DataFrame({"dataset": ["toy", "toy", "other"], "value": [1.0, 2.0, 3.0]})
OUTCOMES = ["speed_mps", "step_length_m", "step_time_s"]


@pytest.fixture
def kept(tmp_path):
    return Results(str(tmp_path / "results"))


@pytest.fixture
def bare(monkeypatch):
    """A machine without any recording: whatever reads some says that it is absent."""

    def lack(place, item_id=None):
        def refuse(*arguments):
            name = item_id or (arguments[0][0] if isinstance(arguments[0], list) else arguments[0])
            raise AbsentData(name, f"{name}/walks is not here")

        monkeypatch.setattr(place, refuse)

    lack("gaitlib.data.walks.load_walks")
    lack("gaitlib.data.inertial_walks.load_inertial_walks")
    lack("gaitlib.data.reference_tables.load_table")


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A run with one part from one set, and a folder for what is kept of it."""
    monkeypatch.setattr(earlier, "FOLDER", tmp_path / "earlier")
    monkeypatch.setattr(keeping, "PARTS", {"estimates_toy": "toy"})
    monkeypatch.setattr(keeping, "find_revision", lambda: "abc1234abc12")
    run = Results(str(tmp_path / "build" / "results"))
    run.save_table("estimates_toy", TABLE)
    run.save_facts("page", {"n": 2})
    return tmp_path / "build"


def refuse():
    raise AbsentData("toy", "toy/walks is not here")


def test_what_is_kept_is_what_comes_back_and_only_rows_of_its_set(toy, kept):
    card = keeping.keep_earlier(toy, earlier.FOLDER)
    assert card["revision"] == "abc1234abc12" and card["tables"]["estimates_toy"]["rows"] == 2
    found = earlier.obtain(kept, "estimates_toy", refuse, "toys")
    pd.testing.assert_frame_equal(found, TABLE.iloc[:2])
    assert kept.absent == [{"item": "toy", "part": "toys", "revision": "abc1234abc12"}]


def test_with_recordings_nothing_is_borrowed_or_marked(toy, kept):
    keeping.keep_earlier(toy, earlier.FOLDER)
    own = TABLE.assign(value=9.0)
    assert earlier.obtain(kept, "estimates_toy", lambda: own, "toys") is own
    assert earlier.show_label(kept) is None
    assert kept.save_facts("page", {"n": 1}) == {"n": 1}
    assert "earlier_revision" not in earlier.mark_rows(kept, own)


def test_label_facts_and_rows_carry_the_revision_and_so_do_later_pages(toy, kept):
    keeping.keep_earlier(toy, earlier.FOLDER)
    table = earlier.obtain(kept, "estimates_toy", refuse, "toys & dolls")
    text = earlier.show_label(kept).data
    assert 'class="earlier"' in text and "From an earlier run, revision abc1234:" in text
    assert "toys &amp; dolls" in text and "make data" in text and "GAITLIB_DATA" in text
    marked = earlier.mark_rows(kept, pd.concat([table, TABLE.iloc[2:]]))
    assert marked["earlier_revision"].tolist() == ["abc1234abc12", "abc1234abc12", ""]
    assert kept.save_facts("first", {"n": 1})["earlier_revision"] == "abc1234abc12"
    later = Results(str(kept.folder))
    later.load_facts("first")
    assert earlier.show_label(later).data == text
    assert later.save_facts("second", {})["absent"] == kept.absent


def test_the_label_is_seen_without_colour():
    style = (ROOT / "book/_static/book.css").read_text(encoding="utf-8")
    rule = style.split(".earlier {", 1)[1].split("}", 1)[0]
    assert "border" in rule and "dashed" in rule


def test_a_run_that_lacked_recordings_is_no_source(toy):
    run = Results(str(toy / "results"))
    run.note_absent("toy", "toys")
    run.save_facts("page", {"n": 2})
    with pytest.raises(InputError, match=r"page page itself lacked recordings \(toy\); run make data"):
        keeping.keep_earlier(toy, earlier.FOLDER)
    assert not earlier.FOLDER.exists()


def test_an_older_table_does_not_pass_for_a_part_of_a_run_without_recordings(toy):
    """A page that stopped leaves no facts: its table goes when it is borrowed."""
    run = Results(str(toy / "results"))
    earlier.obtain(run, "estimates_toy", refuse, "toys")
    with pytest.raises(InputError, match="has no results estimates_toy"):
        keeping.keep_earlier(toy, earlier.FOLDER)


@pytest.mark.parametrize("revision", ["abc1234abc12+", "unknown"])
def test_changed_source_is_no_revision(toy, monkeypatch, revision):
    monkeypatch.setattr(keeping, "find_revision", lambda: revision)
    with pytest.raises(InputError, match="commit"):
        keeping.keep_earlier(toy, earlier.FOLDER)


def test_a_damaged_table_is_an_error_and_not_silence(toy, kept):
    keeping.keep_earlier(toy, earlier.FOLDER)
    (earlier.FOLDER / "estimates_toy.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"estimates_toy.parquet: missing or not what .* git checkout"):
        earlier.obtain(kept, "estimates_toy", refuse, "toys")


def test_a_damaged_recording_stays_an_error(kept):
    def damaged():
        raise InputError("toy/walks in the GAITLIB_DATA folder differs from the manifest")

    for call in (earlier.attempt, earlier.show_or_say):
        with pytest.raises(InputError, match="differs"):
            call(kept, damaged, "toys")
    with pytest.raises(InputError, match="differs"):
        earlier.obtain(kept, "estimates_toy", damaged, "toys")


def test_rows_of_the_manifest_are_replaced_and_others_stay(toy, tmp_path):
    manifest = tmp_path / "manifest.yaml"
    before = (ROOT / "data_manifest.yaml").read_text(encoding="utf-8")
    manifest.write_text(before, encoding="utf-8")
    card = keeping.keep_earlier(toy, earlier.FOLDER)
    for _ in range(2):
        keeping.write_rows(card, earlier.FOLDER, manifest)
    old, new = load_manifest(), load_manifest(manifest)
    assert new.items == old.items
    others = {name: row for name, row in old.artefacts.items() if not name.startswith("data/earlier/")}
    own = {name: row for name, row in new.artefacts.items() if name not in others}
    assert {name: new.artefacts[name] for name in others} == others
    assert list(own) == ["data/earlier/estimates_toy.parquet"]
    assert own["data/earlier/estimates_toy.parquet"].origin == "estimates of real people"


def test_what_is_shipped_is_what_the_card_and_the_manifest_say():
    card, artefacts = earlier.read_card(), load_manifest().artefacts
    assert set(keeping.PARTS) <= set(card["tables"])
    for name, entry in card["tables"].items():
        path = earlier.FOLDER / f"{name}.parquet"
        row = artefacts[f"data/earlier/{name}.parquet"]
        assert entry["sha256"] == row.sha256 == earlier.hash_file(path)
        assert (row.bytes, row.revision) == (path.stat().st_size, card["revision"])
        table = pd.read_parquet(path)
        assert len(table) == entry["rows"] > 0
        if "dataset" in table:
            assert set(table["dataset"]) == {entry["item"]}
    assert sum(path.stat().st_size for path in earlier.FOLDER.iterdir()) < 2e6


def test_shipped_walks_with_all_steps_are_off_as_the_shipped_estimates_say():
    """Both measure a walk in the same way: the mean of the two sides, not of all steps."""
    estimates = pd.read_parquet(earlier.FOLDER / "estimates_inertial.parquet")
    known = estimates.query("outcome == 'step_time_s' and status == 'ok'").set_index("walk_id")
    steps = pd.read_parquet(earlier.FOLDER / "left_out_steps.parquet").query("left_out == 0")
    error = (known["estimate"] - known["reference"])[steps["walk_id"]].to_numpy()
    assert steps["error_s"].to_numpy() == pytest.approx(error, abs=1e-12) and len(steps) > 100


def test_no_curve_of_one_person_is_shipped():
    table = pd.read_parquet(earlier.FOLDER / "joint_angle_bands.parquet")
    assert "person_id" not in table and table["n_people"].min() >= 20
    assert not table.duplicated(["group", "medication", "joint", "phase"]).any()


def test_a_page_without_recordings_is_made_again_when_they_come(tmp_path, monkeypatch):
    study, jobs = prepare_pages(ROOT / "studies/quick.yaml", _copy_notebooks(tmp_path))
    parameters = tmp_path / "build" / study.name / "parameters" / "4_signals.yaml"
    results = tmp_path / "build" / study.name / "results"
    kept = Results(str(results))
    kept.note_absent("lower_back_events", "steps")
    kept.save_facts("4_signals", {})
    present = {"n": 0}
    monkeypatch.setattr(earlier, "count_present", lambda key, item: present["n"] * len(item.files))
    monkeypatch.setattr(earlier, "FOLDER", tmp_path / "none")
    past = (results / "4_signals.json").stat().st_mtime - 100
    os.utime(parameters, (past, past))
    prepare_pages(ROOT / "studies/quick.yaml", tmp_path)
    assert parameters.stat().st_mtime == past, "nothing came: nothing is made again"
    present["n"] = 1
    prepare_pages(ROOT / "studies/quick.yaml", tmp_path)
    again = parameters.stat().st_mtime
    assert again > past
    prepare_pages(ROOT / "studies/quick.yaml", tmp_path)
    assert parameters.stat().st_mtime == again, "told once"


def _copy_notebooks(root):
    import shutil

    shutil.copytree(ROOT / "notebooks", root / "notebooks")
    return root


def test_signals_without_recordings_keep_the_healthy_adults(bare, kept, monkeypatch):
    """The page's own cells, up to the muscles."""
    monkeypatch.setattr(IPython.display, "display", lambda *_, **__: None)
    notebook = json.loads((ROOT / "notebooks/4_signals.ipynb").read_text(encoding="utf-8"))
    code = {cell["id"]: "".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"}
    here, shown = {}, {}
    for name in ("40699d2b", "fe3da5f2", "estimate", "fa3ac814", "5b1f7c2e", "steps"):
        exec(code[name].replace("page.show_table(", "shown = page.show_table("), here)
        here |= {"results": str(kept.folder), "weights": "data/estimator", "bootstrap": 100}
        here["weights_release"] = load_study(ROOT / "studies/quick.yaml").estimate.weights_release
        shown[name] = getattr(here.get("shown"), "data", "")
    assert set(here["tidy"]["dataset"]) == {"lower_back_events"} and len(here["steps"])
    assert (here["agreement"]["earlier_revision"] == earlier.read_card()["revision"]).all()
    assert "Healthy adults" in shown["fa3ac814"] and "Parkinson" not in shown["fa3ac814"]
    assert "the recordings are not here" in shown["5b1f7c2e"]
    assert {entry["item"]: bool(entry["revision"]) for entry in here["kept"].absent} == {
        "lower_back_events": True, "mobilised_lab": False, "parkinson_fog_imu": False,
    }  # fmt: skip


def test_bands_of_the_earlier_run_stand_in_for_the_recordings(kept):
    def refuse_angles():
        raise AbsentData("parkinson_joint_angles", "parkinson_joint_angles/walks is not here")

    bands = earlier.obtain(kept, "joint_angle_bands", refuse_angles, "joint angles")
    assert len(choose_bands(bands, "parkinsons", "off")["knee"]) == 22


@pytest.mark.real_data
def test_earlier_bands_and_references_agree_with_the_recordings():
    """To rounding of double numbers; another run of the same code gives the same."""
    shipped = pd.read_parquet(earlier.FOLDER / "joint_angle_bands.parquet")
    pd.testing.assert_frame_equal(summarise_joint_angles(), shipped, rtol=1e-9)
    walks = load_walks("neuro_bvh", "evaluate")
    reference = measure_walks(walks, OUTCOMES)
    for group in NEURO:
        own = reference[reference["subgroup"] == group].reset_index(drop=True)
        shipped = pd.read_parquet(earlier.FOLDER / f"reference_{group}.parquet")
        pd.testing.assert_frame_equal(own, shipped, rtol=1e-9, check_dtype=False)


@pytest.mark.real_data
def test_earlier_times_from_the_lower_back_agree_with_the_recordings():
    from gaitlib.data.inertial_walks import load_inertial_walks

    shipped = pd.read_parquet(earlier.FOLDER / "estimates_inertial.parquet")
    rows = [
        {"walk_id": walk.attrs["walk_id"], "outcome": outcome, "reference": value}
        for walk in load_inertial_walks("lower_back_events")
        for outcome, value in measure_events(walk.attrs["events"], float(walk["time"].values[-1])).items()
        if np.isfinite(value)
    ]
    pd.testing.assert_frame_equal(
        shipped[["walk_id", "outcome", "reference"]], pd.DataFrame(rows), rtol=1e-9, check_dtype=False
    )


def test_card_names_the_library_it_rests_on():
    card = json.loads((earlier.FOLDER / earlier.CARD).read_text(encoding="utf-8"))
    assert card["library"] == load_library().hash and "keep" in card["command"]
