"""Definitions and verbs say what the code computes and takes; the checklist answers every item."""

import inspect
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from repository import ROOT, load_script

import gaitlib
from gaitlib.outcomes import OUTCOMES

page = load_script("lookup_pages", "book/_ext")
MOMENTS = np.array([moment for _, moment, _ in page.CONTACTS])
PRINTS = np.array([place for _, _, place in page.CONTACTS])
RIGHT_OFF, LEFT_OFF = (np.array([t for foot, t in page.TOE_OFFS if foot == side]) for side in "rl")


def hand_compute():
    """Every outcome of the example by hand; contacts alternate, right first."""
    steps, lengths = np.diff(MOMENTS), np.diff(PRINTS)
    strides = MOMENTS[2:] - MOMENTS[:-2]
    left, right = slice(0, None, 2), slice(1, None, 2)  # a step has the name of the foot that lands
    step = (steps[left].mean() + steps[right].mean()) / 2
    stance = [(RIGHT_OFF - MOMENTS[[0, 2]]) / strides[[0, 2]], (LEFT_OFF - MOMENTS[[1, 3]]) / strides[[1, 3]]]
    double = np.mean([LEFT_OFF[0] - MOMENTS[2], LEFT_OFF[1] - MOMENTS[4]]) + np.mean(
        [RIGHT_OFF[0] - MOMENTS[1], RIGHT_OFF[1] - MOMENTS[3]]
    )

    def compare(values):
        one, other = values[right].mean(), values[left].mean()
        return 2 * abs(one - other) / (one + other)

    return {
        "speed_mps": page.SPEED_MPS,
        "step_length_m": (lengths[left].mean() + lengths[right].mean()) / 2,
        "step_time_s": step,
        "stride_time_s": strides.mean(),
        "stride_length_m": (PRINTS[2:] - PRINTS[:-2]).mean(),
        "cadence_spm": 60 / step,
        "stance_share": np.mean([share.mean() for share in stance]),
        "double_support_share": double / strides.mean(),
        "step_width_m": 2 * page.HALF_WIDTH_M,
        "stride_time_cv": strides.std(ddof=1) / strides.mean(),
        "step_time_asymmetry": compare(steps),
        "step_length_asymmetry": compare(lengths),
        "foot_strike_angle_deg": page.STRIKE_DEG,
        "knee_range_deg": page.KNEE_DEG[1] - page.KNEE_DEG[0],
        "knee_flexion_peak_deg": page.KNEE_DEG[1],
        "n_steps": len(steps),
    }


@pytest.fixture(scope="module")
def cases():
    return page.compute_cases()


@pytest.mark.parametrize("name", OUTCOMES)
def test_the_card_shows_what_the_definition_says(name, cases):
    assert cases["As drawn"][name] == pytest.approx(hand_compute()[name], abs=1e-6)


def test_edge_cases(cases):
    assert np.isnan(cases["Only two contacts in view"]["speed_mps"])
    assert np.isnan(cases["Only three contacts in view"]["stride_time_cv"])
    assert np.isnan(cases["No toe-off found"]["stance_share"])
    assert cases["No toe-off found"]["step_time_s"] == cases["As drawn"]["step_time_s"]
    assert cases["Left heel hidden from 1.5 s to 1.9 s"]["n_steps"] == 4
    for found in cases.values():
        for name in OUTCOMES:
            text = page.format_value(name, found)
            assert text.startswith("no value: ") == bool(np.isnan(found[name]))


def test_every_outcome_has_its_card(tmp_path):
    file = Path(shutil.copy(ROOT / "book/definitions.md", tmp_path))
    page.fill_definitions_page(file)
    text = file.read_text(encoding="utf-8")
    assert "{cards}" not in text
    assert set(page.PICTURES) == set(OUTCOMES)
    for name, outcome in OUTCOMES.items():
        card = text.partition(f"## {outcome.label}\n")[2].partition("\n## ")[0]
        for part in (outcome.definition, f"`{outcome.formula}`", f"`{name}`", outcome.unit):
            assert part in card, f"{name}: {part}"
        assert (tmp_path / "definitions" / f"{name}.svg").stat().st_size > 1000


def test_pictures_are_the_same_each_time(tmp_path):
    for name in ("step_time_s", "step_width_m"):
        files = [tmp_path / f"{number}.svg" for number in range(2)]
        for file in files:
            page.draw_card(name, file)
        assert files[0].read_bytes() == files[1].read_bytes()


def list_rows(text):
    return [
        tuple(cell.strip() for cell in line.split("|")[1:-1])
        for line in text.splitlines()
        if line[:2] == "| "
    ]


def test_checklist_answers_every_item():
    tripod, stard = (ROOT / "book/checklist.md").read_text(encoding="utf-8").split("\n## STARD")
    numbers = [
        {int(re.sub(r"\D", "", row[0])) for row in list_rows(part) if row[0][:1].isdigit()}
        for part in (tripod, stard)
    ]
    assert numbers == [set(range(1, 28)), set(range(1, 31))]
    for item, topic, where in list_rows(tripod + stard):
        assert topic and len(where) > 3, f"item {item} has no answer"


def test_links_of_the_checklist_lead_to_pages():
    text = (ROOT / "book/checklist.md").read_text(encoding="utf-8")
    for link in re.findall(r"\]\((?!https:)([^)]+)\)", text):
        assert (ROOT / "book" / link).is_file() or (ROOT / "notebooks" / link).is_file(), link


def test_the_page_of_verbs_is_written_from_their_docstrings(tmp_path):
    source = ROOT / "book" / "api.md"
    written = tmp_path / "api.md"
    written.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    page.fill_api_page(written)
    text = written.read_text(encoding="utf-8")
    verbs = re.findall(
        r"^\{([A-Za-z]\w+)\}$", source.read_text(encoding="utf-8").replace("{overview}", ""), re.M
    )
    assert set(verbs) == set(gaitlib.__all__)
    assert not re.search(r"^\{\w+\}$", text, re.MULTILINE) and text.count("```pycon") == len(verbs)
    for name in verbs:
        assert f"(#verb-{name.replace('_', '-').lower()})" in text
        own = text.partition(f"### `{name}`\n")[2].partition("\n### ")[0]
        assert all(given in own for given in inspect.signature(getattr(gaitlib, name)).parameters)
        if "Parameters\n---" in inspect.getdoc(getattr(gaitlib, name)):
            given = inspect.signature(getattr(gaitlib, name)).parameters
            assert all(f"- `{one}` (" in own for one in given)
