"""The pages of a study: which notebook, with which parameters, from which files."""

from __future__ import annotations

import ast
import functools
from dataclasses import dataclass
from pathlib import Path

from gaitlib.environment import ROOT
from gaitlib.study import Study, load_study
from gaitlib.workflow.execute import check_parameters, read_notebook

SUBGROUP_PAGE = "4_evaluate"
"""The notebook that is run once per subgroup of the study."""


@dataclass(frozen=True)
class Page:
    """One execution of a notebook (relative to the project) with plain values for its parameters cell."""

    name: str
    notebook: str
    parameters: dict


_DESIGNS = "data/experiments/designs.parquet"
_VARIABILITY = {"variability_walks": 8, "variability_strides": 60, "price_per_core_hour": 0.04}
"""Walks per cohort and strides per walk on the page of the library; the assumed price (euro)."""
_EXPLORED = {"speeds_per_group": 7, "explored_gaits": 2000, "smallest_group": 10}
"""Walkers of each kind and gaits to look through, so that the page stays small; people a spread needs."""


def plan_pages(study: Study) -> dict[str, Page]:
    """Plan the notebooks of a study."""
    folder = f"build/{study.name}"
    sense, evaluate, estimate = study.sense, study.evaluate, study.estimate
    library = {"library": study.simulate.library}
    split = {"held_out_share": estimate.held_out_share}
    weights = estimate.model_dump(include={"weights", "weights_release"})
    checkpoints = {"checkpoints": f"{folder}/checkpoints"}
    training = study.generate.model_dump(exclude={"physics_gaits", "weights_release"})
    bootstrap = {"bootstrap": evaluate.bootstrap}
    told_apart = dict(zip(("patients", "healthy"), evaluate.told_apart, strict=True))
    camera = {"layout": sense.layout, "fps": sense.fps, "noise": sense.noise}
    asked = {"outcomes": list(evaluate.outcomes), "methods": list(evaluate.methods)}
    asked |= {"views": list(sense.views)}
    summary = asked | {
        "subgroups": {name: group.title for name, group in evaluate.subgroups.items()},
        "margins": _dump(evaluate.margins),
    }
    values = {
        "1_simulate": {"doses": "data/doses"} | study.simulate.model_dump(),
        "1_effort": {"trials": "studies/engine_trials.csv"},
        "1_body": {},
        "1_impairments": {"library": "data/doses"},
        "1_space": {"doses": "data/doses_in_space", "spatial_library": "data/spatial_library"},
        "1_cohorts": library | {"targets": "data/targets", "bootstrap": 2000},
        "1_library": library | _VARIABILITY,
        "2_generate": library | checkpoints | split | training,
        "2_physics": library | split | {"physics_gaits": study.generate.physics_gaits},
        "2_sense": library,
        "3_train": library
        | checkpoints
        | estimate.model_dump(exclude={"insole_clips"})
        | {"designs": _DESIGNS},
    }
    for name, group in evaluate.subgroups.items():
        own = group.model_dump(include={"title", "missing"}) | {
            "subgroup": name,
            "datasets": list(group.datasets),
            "stand_in": group.stand_in.model_dump() if group.stand_in else {},
            "margins": _dump(study.get_margins(name)),
            "beside": [item.model_dump() for item in group.beside],
            "stand_in_walks": evaluate.stand_in_walks,
            "clip_seconds": sense.clip_seconds,
        }
        values[f"{SUBGROUP_PAGE}_{name}"] = library | weights | split | asked | bootstrap | camera | own
    values |= {
        "4_signals": library | weights | bootstrap | camera,
        "5_compare": summary | bootstrap | {"experiments": evaluate.experiments} | told_apart,
        "6_report": library | {"recordings": ""},
        "explore": library | _EXPLORED | {name: v for name, v in summary.items() if name != "methods"},
        "for_clinicians": summary,
        "0_answer": summary,
    }
    common = {"seed": study.seed, "results": f"{folder}/results"}
    return {name: Page(name, find_notebook(name), common | own) for name, own in values.items()}


def find_notebook(page: str) -> str:
    """Find the notebook of a page, relative to the project; the pages of the subgroups share one."""
    return f"notebooks/{SUBGROUP_PAGE if page.startswith(f'{SUBGROUP_PAGE}_') else page}.ipynb"


def _dump(margins: dict) -> dict:
    return {outcome: margin.model_dump() for outcome, margin in margins.items()}


def prepare_pages(study_file: str | Path, root: Path = ROOT) -> tuple[Study, dict[str, Page]]:
    """Check a study and its notebooks' parameters; write those of each page to its file if they changed."""
    import yaml

    study = load_study(study_file)
    pages = plan_pages(study)
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
    from gaitlib.workflow.earlier import has_changed

    results = path.parent.parent / "results"
    made = results / f"{name}.json"
    return made.is_file() and path.stat().st_mtime < made.stat().st_mtime and has_changed(results, name)


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
