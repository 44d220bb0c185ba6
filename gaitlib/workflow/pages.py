"""The pages of a study: which notebook, with which parameters, from which files."""

from __future__ import annotations

import ast
import functools
from dataclasses import dataclass
from pathlib import Path

import yaml

from gaitlib.environment import ROOT
from gaitlib.errors import InputError, suggest_name
from gaitlib.study import Study, load_study
from gaitlib.workflow.earlier import has_changed
from gaitlib.workflow.execute import check_parameters, read_notebook, read_parameters

_SECTIONS = ("evaluate", "generate", "sense", "estimate", "simulate")
_CHAPTERS = {"1": "simulate", "2": "generate", "3": "estimate", "4": "estimate"}
"""First letter of a notebook -> section it takes a parameter from that several sections have."""
_ELSEWHERE = {"subgroups", "told_apart", "insole_clips", "unseen_cohorts"}
"""Keys of those sections that no page takes as they are."""


@dataclass(frozen=True)
class Page:
    """One execution of a notebook (relative to the project) with plain values for its parameters cell."""

    name: str
    notebook: str
    parameters: dict


def plan_pages(study: Study, root: Path = ROOT) -> dict[str, Page]:
    """Plan the notebooks of a study: each takes what the study says of its parameters, else its own default.

    A notebook with the parameter `subgroup` is a page of every subgroup.
    """
    evaluate, folder = study.evaluate, f"build/{study.name}"
    sections = {name: getattr(study, name).model_dump(mode="json") for name in _SECTIONS}
    shared = {"seed": study.seed, "results": f"{folder}/results", "checkpoints": f"{folder}/checkpoints"}
    shared["subgroups"] = {name: group.title for name, group in evaluate.subgroups.items()}
    shared["patients"], shared["healthy"] = evaluate.told_apart
    pages, names, waiting = {}, set(), {(s, key) for s in sections for key in set(sections[s]) - _ELSEWHERE}
    waiting.remove(("generate", "weights_release"))  # of a generator that `gaitlib train` is given
    for path in _list_notebooks(root):
        takes = {name: default for name, (_, default) in read_parameters(path).items()}
        names |= set(takes)
        chapter = _CHAPTERS.get(path.stem[0])
        order = sorted(
            sections, key=lambda name, own=chapter: name == own
        )  # the own section is the last word
        origin = {key: name for name in order for key in sections[name]}
        waiting -= {(origin[key], key) for key in takes if key in origin}
        known = {key: sections[name][key] for key, name in origin.items()} | shared
        plans = {path.stem: known}
        if "subgroup" in takes:
            groups = sections["evaluate"]["subgroups"].items()
            plans = {f"{path.stem}_{name}": known | group | {"subgroup": name} for name, group in groups}
        for name, values in plans.items():
            if "subgroup" in takes:
                margins = study.get_margins(values["subgroup"]).items()
                values["margins"] = {outcome: margin.model_dump() for outcome, margin in margins}
                values["stand_in"] = values["stand_in"] or {}
            own = {key: values.get(key, default) for key, default in takes.items()}
            pages[name] = Page(name, str(path.relative_to(root)), own)
    if waiting:
        section, key = min(waiting)
        raise InputError(f"{section}.{key}: no notebook takes this parameter{suggest_name(key, names)}")
    return pages


def find_notebook(page: str, root: Path = ROOT) -> str:
    """Find the notebook of a page, relative to the project; the pages of the subgroups share one."""
    stems = [path.stem for path in _list_notebooks(root)]
    return f"notebooks/{max((stem for stem in stems if f'{page}_'.startswith(f'{stem}_')), key=len)}.ipynb"


def _list_notebooks(root: Path) -> list[Path]:
    return sorted((root / "notebooks").glob("*.ipynb"))


def prepare_pages(study_file: str | Path, root: Path = ROOT) -> tuple[Study, dict[str, Page]]:
    """Check a study and its notebooks' parameters; write those of each page to its file if they changed."""
    study = load_study(study_file)
    pages = plan_pages(study, root)
    for page in pages.values():
        check_parameters(root / page.notebook, page.parameters)
    folder = root / "build" / study.name / "parameters"
    folder.mkdir(parents=True, exist_ok=True)
    parameters = {page.name: page.parameters for page in pages.values()}
    if study.builds_library:
        where = {"executor", "workers", "scheduler"}  # changes nothing in the gaits
        parameters["library"] = {"seed": study.seed} | study.library.model_dump(exclude=where)
    for name, values in parameters.items():
        path = folder / f"{name}.yaml"
        text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text or _lacks_less(path, name):
            path.write_text(text, encoding="utf-8")
    return study, pages


def _lacks_less(path: Path, name: str) -> bool:
    """Whether a page was made without recordings that are here now; told once, by the time of the file."""
    results = path.parent.parent / "results"
    made = results / f"{name}.json"
    return made.is_file() and path.stat().st_mtime < made.stat().st_mtime and has_changed(results, name)


LOADED = {
    "gaitlib/sense/body_walk.py": "data/generator/out_of_plane.safetensors",
    "gaitlib/estimate/seen_legs.py": "data/estimator/legs.safetensors",
}
"""Module -> weights that it loads by itself, whatever a study says."""


def list_sources(notebook: str, root: Path = ROOT) -> list[str]:
    """List the files that a notebook's code lives in: itself and every gaitlib module that it reaches."""
    cells = read_notebook(root / notebook)["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    text = "\n".join(
        "".join(line for line in cell["source"] if not line.lstrip().startswith(("%", "!"))) for cell in code
    )
    waiting, seen = _find_imports(text, root), set()
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting |= _find_imports_of(path, path.stat().st_mtime_ns, root)
    tables = ("*.json", "*.csv", "*.yaml")
    folders = {path.parent for path in seen}
    beside = {other for folder in folders for pattern in tables for other in folder.glob(pattern)}
    found = {str(path.relative_to(root)) for path in seen | beside} | {notebook}
    if any(name.startswith("gaitlib/data/") for name in found):
        found.add("data_manifest.yaml")
    printed = ("data/published.csv", "book/references.bib")  # read where named, not imported
    found |= {name for name in printed if name in text and (root / name).is_file()}
    found |= {weights for module, weights in LOADED.items() if module in found}
    return sorted(found)


@functools.cache
def _find_imports_of(path: Path, time_ns: int, root: Path) -> frozenset[Path]:
    """Imports of a module; most pages reach the same ones."""
    return frozenset(_find_imports(path.read_text(encoding="utf-8"), root))


def _find_imports(text: str, root: Path) -> set[Path]:
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    files = set()
    for name in names:
        parts = name.split(".")
        if parts[0] == "gaitlib":
            for n in range(1, len(parts) + 1):
                stem = root.joinpath(*parts[:n])
                files |= {path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()}
    return files
