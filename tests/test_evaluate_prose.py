"""No result is typed by hand into the prose of the book: numbers come out of code."""

import json
import re

import pytest
from repository import ROOT

PAGES = sorted([*(ROOT / "book").glob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")])
CONSTANTS = {
    "95 %": "level of confidence",
    "90 %": "level of the estimator's intervals",
    "100 %": "the whole stride",
    "1.96": "quantile of the normal distribution",
    "2.0": "a licence, Apache-2.0",
}
"""What may stand in prose: constants of a method, never something measured."""
_SOURCES = re.compile(
    r"https?://\S+|\(?doi\s+10\.[^\s)\]]+|\b10\.\d{4,}/\S+|arXiv\s*[\d.]+|`[^`]*`|\d{4};\d+:\d+"
)
_UNITS = (
    "%|m/s|cm|mm|ms|°|deg(?:rees)?|N m|body weights?|people|persons|patients|children|adults|walks|strides|"
    "gaits|clips|steps/min"
)
_RESULT = re.compile(
    rf"\d+\.\d+(?:\s*%)?|\b\d[\d,]*\s*(?:{_UNITS})(?![\w/])|\b(?:r|p|n|MAE|ICC|RMSE|AUC)\s*[=<>≈]\s*\d[\d.]*"
)


def read_prose(path):
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def find_results(text):
    bare = re.sub(r"\s+", " ", _SOURCES.sub(" ", text))
    return [found for found in _RESULT.findall(bare) if found.strip() not in CONSTANTS]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_prose_holds_no_typed_result(path):
    assert find_results(read_prose(path)) == [], "compute it in a code cell, or say it without a number"


@pytest.mark.parametrize(
    "text",
    [
        "The error was 0.06 m/s.",
        "In 12 children the estimate was off.",
        "A correlation of r = 1 is rare.",
        "Off by 4 cm, and 93 % of intervals held the truth.",
        "Over 1,200 people walked.",
        "p < 0.05",
    ],
)
def test_typed_results_are_seen(text):
    assert find_results(text)


@pytest.mark.parametrize(
    "text",
    [
        "Shrout and Fleiss 1979, [doi 10.1037/0033-2909.86.2.420](https://doi.org/10.1037/0033-2909.86.2.420)",
        "A 95 % interval and ICC(2,1), 1 is perfect.",
        "The model has 12 coordinates and 9 muscle groups per leg; see `data/library` 2.",
        "Curves over a stride run from 0 to 100 %.",
    ],
)
def test_constants_and_sources_are_not_results(text):
    assert find_results(text) == []
