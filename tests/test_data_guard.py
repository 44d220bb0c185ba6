"""Nobody on whom claims are tested reaches the synthetic-trained chain: checked in the source itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "gaitlib"
SYNTHETIC_CHAIN = ("generate", "sense", "simulate", "estimate", "body")
MAY_SEE_PEOPLE = {"estimate/ridge.py"}
DATA_CALLS = {"get_path", "get_paths", "load_walks", "load_table", "check_purpose", "read_recording"}


def find_violations(source: str) -> list[str]:
    """Uses of `gaitlib.data` in one module that are not for the purpose 'calibrate'."""
    tree = ast.parse(source)
    imports = [text for node in ast.walk(tree) for text in _list_imports(node) if _is_data(text)]
    dynamic = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and _is_data(node.value)]
    violations = [f"line {node.lineno}: names '{node.value}' in a string" for node in dynamic]
    if not imports:
        return violations
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _get_name(node) in DATA_CALLS]
    if not calls:
        violations.append(f"imports {imports[0]} without saying purpose 'calibrate'")
    for call in calls:
        said = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "purpose")]
        if not any(isinstance(word, ast.Constant) and word.value == "calibrate" for word in said):
            violations.append(f"line {call.lineno}: {_get_name(call)} for another purpose than 'calibrate'")
    return violations


def _list_imports(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = ("." * node.level) + (node.module or "")
        return [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return []


def _is_data(text: object) -> bool:
    if not isinstance(text, str):
        return False
    return (
        text.startswith("gaitlib.data") or text.lstrip(".").split(".")[0] == "data" and text.startswith("..")
    )


def _get_name(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def test_synthetic_chain_sees_no_evaluation_people():
    modules = [path for folder in SYNTHETIC_CHAIN for path in sorted((PACKAGE / folder).rglob("*.py"))]
    assert modules
    found = {}
    for path in modules:
        name = path.relative_to(PACKAGE).as_posix()
        if name not in MAY_SEE_PEOPLE and (violations := find_violations(path.read_text(encoding="utf-8"))):
            found[name] = violations
    assert not found


def test_evaluation_statistics_import_nothing_of_the_data():
    for path in sorted((PACKAGE / "evaluate").rglob("*.py")):
        assert not find_violations(path.read_text(encoding="utf-8")), path.name


@pytest.mark.parametrize(
    "source",
    [
        "from gaitlib.data.walks import load_walks\nload_walks('td_children_c3d', 'evaluate')",
        "from gaitlib.data import fetch\nfetch.get_path('neuro_bvh', 'a', purpose='baseline')",
        "import gaitlib.data.fetch as f\nf.get_path('neuro_bvh', 'a', purpose)",
        "from ..data.walks import load_walks",
        "from gaitlib.data.readers.c3d import read_c3d",
        "import importlib\nimportlib.import_module('gaitlib.data.walks')",
    ],
)
def test_guard_catches(source):
    assert find_violations(source)


@pytest.mark.parametrize(
    "source",
    [
        "from gaitlib.data.fetch import get_path\nget_path('adult_3d', 'ExperimentalData.mat', 'calibrate')",
        "from gaitlib.data.fetch import get_paths\nget_paths('adult_3d', purpose='calibrate')",
        "from gaitlib.walk import build_walk",
    ],
)
def test_guard_lets_pass(source):
    assert find_violations(source) == []
