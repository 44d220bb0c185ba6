"""What every page gets when it is built: a list of its sections, the minutes that reading takes, and, for a
notebook, its parameters with what the study file may give them, and the notebook itself to download."""

from __future__ import annotations

import json
import re
import shutil
from functools import cache
from pathlib import Path

_WORDS_A_MINUTE = 220
_MIN_SECTIONS = 4
_SECTIONS = {"1": ("simulate",), "2": ("generate",), "3": ("estimate",), "4": ("evaluate", "estimate")}
"""First letter of a page -> the sections of the study file that its parameters are of."""
_BY_RUN = ("results", "checkpoints", "subgroup", "patients", "healthy")


def describe_parameters(notebook: Path) -> str:
    """Write a table (MyST) of what a notebook takes: name, type, default, and what the study file allows."""
    from gaitlib.workflow.execute import read_parameters

    lines = ["| Parameter | Type | Default | In the study file |", "|---|---|---|---|"]
    own = _SECTIONS.get(notebook.name[0], ())
    for name, (kind, default) in read_parameters(notebook).items():
        text = json.dumps(default, ensure_ascii=False)
        text = text if len(text) <= 60 else f"{text[:57]}…"
        places = list_keys().get(name, {})
        place = next((key for section in own for key in places if key.startswith(section)), "")
        place = place or next(iter(places), "")
        said = f"`{place}`{places[place]}" if place else "set by the run" if name in _BY_RUN else "its own"
        lines.append(f"| `{name}` | {kind} | `{text}` | {said} |")
    return "\n".join(lines)


@cache
def list_keys() -> dict[str, dict[str, str]]:
    """Name of a key -> its places in the study file, and the values that the schema allows there."""
    from gaitlib.study import Study

    found: dict[str, dict[str, str]] = {}
    whole = Study.model_json_schema()

    def visit(schema: dict, place: str) -> None:
        for name, field in schema.get("properties", {}).items():
            for inner, below in ((field, f"{name}."), (field.get("additionalProperties"), f"{name}.NAME.")):
                if isinstance(inner, dict) and "$ref" in inner:
                    visit(whole["$defs"][inner["$ref"].rpartition("/")[2]], place + below)
            found.setdefault(name, {})[place + name] = _describe_rule(field)

    visit(whole, "")
    return found


def _describe_rule(field: dict) -> str:
    names = field.get("enum") or field.get("items", {}).get("enum")
    if names:
        return f": {', '.join(names)}"
    low, high = field.get("minimum", field.get("exclusiveMinimum")), field.get("maximum")
    if low is None:
        return ""
    return f": {low:,} to {high:,}" if high is not None else f": {low:,} or more"


def _add_parameters(app, name, source):
    try:
        notebook = json.loads(source[0])
        footer = next(cell for cell in notebook["cells"] if cell.get("id") == "how-made")
    except (ValueError, TypeError, KeyError, StopIteration):
        return  # not a page that papermill made
    from gaitlib.environment import ROOT
    from gaitlib.workflow.pages import find_notebook

    path = ROOT / find_notebook(name)
    words = (
        "Its parameters; a name that is not among them is refused, with the nearest that is.\n\n"
        f"{describe_parameters(path)}\n\n"
        f'<a href="_static/notebooks/{path.name}" download>This page as a notebook</a>'
    )
    footer["source"] = re.sub(r"\n:::$", lambda _: f"\n\n{words}\n:::", "".join(footer["source"]))
    source[0] = json.dumps(notebook, ensure_ascii=False)


def _list_sections(app, name, template, context, doctree):
    body = context.get("body")
    if not body or not doctree:
        return
    sections = re.findall(r'<section id="([^"]+)">\s*<h2>(.*?)<a class="headerlink"', body, re.DOTALL)
    if len(sections) < _MIN_SECTIONS:
        return
    minutes = max(round(count_words(body) / _WORDS_A_MINUTE), 1)
    items = "".join(f'<li><a href="#{anchor}">{title}</a></li>' for anchor, title in sections)
    part = (
        f'<details class="on-page"><summary>On this page, {minutes} min</summary><ul>{items}</ul></details>'
    )
    context["body"] = body.replace("</h1>", f"</h1>{part}", 1)


def count_words(body: str) -> int:
    """Count what is read of a page: text with its tables, not results, code and what is folded."""
    unread = r'<(script|style|table(?= class="dataframe)|pre|details|svg)\b.*?</\1>|<[^>]*>'
    return len(re.sub(unread, " ", body, flags=re.DOTALL).split())


def _copy_notebooks(app, error):
    from gaitlib.environment import ROOT

    if not error and app.builder.format == "html":
        target = Path(app.outdir) / "_static" / "notebooks"
        target.mkdir(parents=True, exist_ok=True)
        for path in (ROOT / "notebooks").glob("*.ipynb"):
            shutil.copy(path, target)


def setup(app):
    """Add the parts."""
    app.connect("source-read", _add_parameters)
    app.connect("html-page-context", _list_sections)
    app.connect("build-finished", _copy_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
