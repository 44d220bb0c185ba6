"""Bind the executed pages into a book: assemble, compile with warnings as errors, check what was built."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from gaitlib.environment import ROOT, hash_file
from gaitlib.errors import WorkError
from gaitlib.study import Study
from gaitlib.workflow.execute import find_private_text, read_notebook
from gaitlib.workflow.pages import Page, find_notebook, plan_pages

_WRITING = ("workflow/bind.py", "__init__.py", "verbs.py", "person.py", "outcomes.py", "simulate/library.py",
            "door/answer.py")  # fmt: skip
"""Code that writes pages, or whose docstrings stand on one."""
_LOADING = re.compile(
    r"""<(?:script|img|iframe|video|audio|source|embed)\b[^>]*?\ssrc\s*=\s*["'](?:https?:)?//[^"']+["']"""
    r"""|<link\b(?=[^>]*\brel\s*=\s*["'](?:stylesheet|preload|preconnect|icon|modulepreload))[^>]*?"""
    r"""\shref\s*=\s*["'](?:https?:)?//[^"']+["']""",
    re.IGNORECASE,
)
_LOADING_STYLE = re.compile(
    r"""@import\s+(?:url\()?\s*["']?(?:https?:)?//|url\(\s*["']?(?:https?:)?//""", re.I
)


def list_book_sources(root: str | Path) -> list[str]:
    """List the files that the book is bound from, executed pages apart."""
    root = Path(root)
    files = [p for p in (root / "book").rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    files += [root / "data_manifest.yaml", *(root / "gaitlib" / name for name in _WRITING)]
    return sorted(str(path.relative_to(root)) for path in files)


def build_book(study: Study, root: str | Path) -> Path:
    """Assemble and compile the book of a study."""
    root = Path(root)
    folder = root / "build" / study.name
    source, output = folder / "book_source", folder / "book_build"
    assemble_book(study, root, source)
    compile_book(source, output, folder / "book.log")
    html = output / "_build" / "html"
    faults = check_pages(html, root)
    if faults:
        more = [f"and {len(faults) - 8} more"] if faults[8:] else []
        raise WorkError("book: " + "; ".join(faults[:8] + more))
    target = folder / "book"
    shutil.rmtree(target, ignore_errors=True)
    shutil.move(html, target)
    shutil.rmtree(output, ignore_errors=True)
    return target / "index.html"


def assemble_book(study: Study, root: str | Path, target: str | Path) -> Path:
    """Lay the sources of the book and the executed pages into one fresh folder."""
    root, target = Path(root), Path(target)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(root / "book", target, ignore=shutil.ignore_patterns("__pycache__"))
    pages = root / "build" / study.name / "notebooks"
    made = describe_inputs(study, root)
    planned = plan_pages(study, root)
    for name in planned:
        path = pages / f"{name}.ipynb"
        if not path.is_file():
            raise WorkError(f"book: page {name} has not been executed; run `gaitlib run` on the study")
        notebook = lay_out(read_notebook(path), describe_making(study, root, name, made))
        (target / path.name).write_text(json.dumps(notebook, ensure_ascii=False), encoding="utf-8")
    table = (target / "_toc.yml").read_text(encoding="utf-8")
    (target / "_toc.yml").write_text(_list_subgroups(table, planned), encoding="utf-8")
    config = (target / "_config.yml").read_text(encoding="utf-8")
    (target / "_config.yml").write_text(config.replace("{title}", study.book.title), encoding="utf-8")
    return target


def lay_out(notebook: dict, footer: str) -> dict:
    """One switch for code where several followed each other, and how the page was made at its end."""
    cells, waiting = [], []
    for cell in notebook["cells"]:
        tags = set(cell.get("metadata", {}).get("tags", []))
        unseen = cell["cell_type"] == "code" and tags & {"hide-input", "remove-input"}
        if unseen and not cell["outputs"]:
            waiting.append(cell)
            continue
        if waiting and unseen:
            code = ["".join(other["source"]).rstrip() for other in (*waiting, cell)]
            cell, waiting = {**cell, "source": "\n\n".join(code)}, []
        cells += [*waiting, cell]
        waiting = []
    end = {"cell_type": "markdown", "id": "how-made", "metadata": {}, "source": footer}
    return {**notebook, "cells": [*cells, *waiting, end]}


def describe_inputs(study: Study, root: Path) -> str:
    """Name what the pages of a study were made from: revision, library, estimator, list of recordings."""
    from gaitlib.simulate.release import find_revision

    files = {"library": f"{study.simulate.library}/gaits.nc", "recordings": "data_manifest.yaml"}
    if study.estimate.weights:
        files["estimator"] = f"{study.estimate.weights}/keypoints.safetensors"
    here = {name: path for name, path in files.items() if (root / path).is_file()}
    hashes = [f"{name} `{hash_file(root / path)[:12]}` ({path})" for name, path in here.items()]
    return f"Study *{study.name}*, revision `{find_revision()}`. SHA-256 begins with: {', '.join(hashes)}."


def describe_making(study: Study, root: Path, name: str, made: str) -> str:
    """Say how one page was made, and how to make it alone."""
    folder = f"build/{study.name}"
    times = root / folder / "times" / f"{name}.json"
    took = f" Run time {json.loads(times.read_text())['seconds']:.0f} s." if times.is_file() else ""
    command = f"papermill {find_notebook(name)} {name}.ipynb -f {folder}/parameters/{name}.yaml"
    return (
        f":::{{dropdown}} How this page was made\n{made}{took} This page alone, after the pages that it "
        f"reads:\n\n```\n{command}\n```\n:::"
    )


def _list_subgroups(table: str, pages: dict[str, Page]) -> str:
    """Table of contents in which a notebook that is a page of every subgroup stands once for each."""
    lines = []
    for line in table.splitlines():
        stem = line.partition("- file: ")[2]
        own = [page for page in pages.values() if page.notebook == f"notebooks/{stem}.ipynb"]
        if not own or own[0].name == stem:
            lines.append(line)
            continue
        indent = " " * (line.index("-") + 2)
        for page in own:
            lines += [line.replace(stem, page.name), f'{indent}title: "{page.parameters["title"]}"']
    return "\n".join(lines) + "\n"


def compile_book(source: Path, output: Path, log: Path) -> None:
    """Compile with jupyter-book; every warning is an error."""
    shutil.rmtree(output, ignore_errors=True)
    program = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", program, "build", str(source), "--path-output", str(output)]
    # The pages of verbs, definitions and data are written by gaitlib, which sphinx imports.
    path = os.pathsep.join([str(source / "_ext"), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "NO_COLOR": "1", "SPHINX_NO_COLOR": "1"}
    done = subprocess.run(
        [*command, "-W", "-n", "--keep-going", "--all"], capture_output=True, text=True, env=environment
    )
    text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
    log.write_text(text, encoding="utf-8")
    if done.returncode:
        found = [line.strip() for line in text.splitlines() if re.search(r"WARNING|ERROR|Error:", line)]
        words = "; ".join(line.replace(f"{source}/", "") for line in found[:5]) or text[-400:].strip()
        raise WorkError(f"book: {words} (all of it in {log.name})")


def check_pages(html: str | Path, root: str | Path) -> list[str]:
    """Check built pages: nothing loaded from outside, nothing private shown."""
    faults = []
    for path in sorted(Path(html).rglob("*")):
        if path.suffix not in (".html", ".js", ".css", ".ipynb", ".md", ".json", ".txt", ".svg", ".inv"):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        name = path.relative_to(html)
        if path.suffix == ".html":
            faults += [f"{name} loads {found.group(0)[:100]}" for found in _LOADING.finditer(text)]
        if path.suffix == ".css" and (found := _LOADING_STYLE.search(text)):
            faults.append(f"{name} loads {found.group(0)}")
        if "_static" not in path.parts[:-1] or path.suffix == ".html":
            faults += [f"{name} shows {found}" for found in find_private_text(text, root)]
    return faults
