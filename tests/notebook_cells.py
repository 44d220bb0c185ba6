"""Code of notebooks, run inside a test: definitions alone, or a whole page without a kernel."""

import ast
import json
from types import SimpleNamespace

from gaitlib.environment import ROOT
from gaitlib.study import load_study
from gaitlib.workflow.pages import plan_pages


def list_trees(stem):
    cells = json.loads((ROOT / f"notebooks/{stem}.ipynb").read_text(encoding="utf-8"))["cells"]
    return [ast.parse("".join(cell["source"])) for cell in cells if cell["cell_type"] == "code"]


def is_definition(node):
    constant = isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "").isupper()
    return constant or isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef)


def read_definitions(stem, **given):
    """Imports, functions and constants of a notebook as a dict; `given` are names that functions use."""
    parameters, *trees = list_trees(stem)
    names = {}
    exec(compile(parameters, stem, "exec"), names)
    names |= given
    for tree in trees:
        tree.body = [node for node in tree.body if is_definition(node)]
        exec(compile(tree, stem, "exec"), names)
    return names


def run_page(name, monkeypatch, stem, **changed):
    """Run every cell of a page of the quick study; give its names, the HTML of each cell, and the answer."""
    answer = {}

    def show(shown, display_id):
        answer.update(html=shown.data)
        return SimpleNamespace(update=lambda later: show(later, display_id))

    for function in ("display", "update_display"):
        monkeypatch.setattr(f"IPython.display.{function}", show)
    page = plan_pages(load_study(ROOT / "studies/quick.yaml"))[name]
    names, shown = {}, []
    for number, tree in enumerate(list_trees(stem)):
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, stem, "exec"), names)
        value = last and eval(compile(ast.Expression(last.value), stem, "eval"), names)
        shown.append(getattr(value, "data", ""))
        names |= page.parameters | changed if number == 0 else {}
    return names, shown, answer["html"]
