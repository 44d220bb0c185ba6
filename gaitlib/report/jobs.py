"""The jobs of a study: which notebook, with which parameters, from which files."""

from __future__ import annotations

import ast
import functools
from dataclasses import dataclass
from pathlib import Path

from gaitlib.environment import ROOT
from gaitlib.report.notebook import check_parameters, read_notebook
from gaitlib.study import Study, load_study


@dataclass(frozen=True)
class Job:
    """One execution of one notebook.

    Attributes
    ----------
    name : str
        Name of the page, such as '4_evaluate_child'.
    notebook : str
        The notebook, relative to the project.
    parameters : dict
        Plain values for its parameters cell.
    """

    name: str
    notebook: str
    parameters: dict


_VARIABILITY = {"variability_walks": 8, "variability_strides": 60, "price_per_core_hour": 0.04}
"""Walks per cohort and strides per walk on the page of the library; the assumed price (euro)."""


def plan_jobs(study: Study) -> dict[str, Job]:
    """Plan the notebooks of a study."""
    folder = f"build/{study.name}"
    common = {"seed": study.seed, "results": f"{folder}/results"}
    library = {"library": study.simulate.library}
    doses = "data/doses"
    split = {"held_out_share": study.estimate.held_out_share}
    weights = study.estimate.model_dump(include={"weights", "weights_release"})
    checkpoints = {"checkpoints": f"{folder}/checkpoints"}
    subgroups = {name: group.title for name, group in study.evaluate.subgroups.items()}
    summary = {
        "subgroups": subgroups,
        "outcomes": list(study.evaluate.outcomes),
        "methods": list(study.evaluate.methods),
        "margins": _dump(study.evaluate.margins),
        "views": list(study.sense.views),
    }
    parts = [
        ("1_simulate", "1_simulate", common | {"doses": doses} | study.simulate.model_dump()),
        ("1_impairments", "1_impairments", common | {"library": doses}),
        ("1_library", "1_library", common | library | _VARIABILITY),
        (
            "2_generate",
            "2_generate",
            common
            | library
            | checkpoints
            | split
            | study.generate.model_dump(exclude={"physics_gaits", "weights_release"}),
        ),  # fmt: skip
        (
            "2_physics",
            "2_physics",
            common | library | split | {"physics_gaits": study.generate.physics_gaits},
        ),
        ("2_sense", "2_sense", common | library),
        ("3_train", "3_train", common | library | checkpoints | study.estimate.model_dump()),
        *(
            (
                f"4_evaluate_{name}",
                "4_evaluate",
                common | library | weights | split | _collect_subgroup(study, name),
            )
            for name in subgroups
        ),
        ("4_signals", "4_signals", common | library | weights | _collect_signals(study)),
        ("5_compare", "5_compare", common | summary | _collect_comparison(study)),
        ("0_answer", "0_answer", common | summary),
    ]
    return {name: Job(name, f"notebooks/{stem}.ipynb", values) for name, stem, values in parts}


def _collect_subgroup(study: Study, name: str) -> dict:
    group = study.evaluate.subgroups[name]
    return {
        "subgroup": name,
        "title": group.title,
        "datasets": list(group.datasets),
        "missing": group.missing,
        "stand_in": group.stand_in.model_dump() if group.stand_in else {},
        "margins": _dump(study.get_margins(name)),
        "beside": [item.model_dump() for item in group.beside],
        "outcomes": list(study.evaluate.outcomes),
        "methods": list(study.evaluate.methods),
        "bootstrap": study.evaluate.bootstrap,
        "stand_in_walks": study.evaluate.stand_in_walks,
        "views": list(study.sense.views),
        "layout": study.sense.layout,
        "fps": study.sense.fps,
        "noise": study.sense.noise,
        "clip_seconds": study.sense.clip_seconds,
    }


def _collect_comparison(study: Study) -> dict:
    return {"bootstrap": study.evaluate.bootstrap, "experiments": study.evaluate.experiments}


def _collect_signals(study: Study) -> dict:
    sense = study.sense
    return {
        "bootstrap": study.evaluate.bootstrap,
        "layout": sense.layout,
        "fps": sense.fps,
        "noise": sense.noise,
    }


def _dump(margins: dict) -> dict:
    return {outcome: margin.model_dump() for outcome, margin in margins.items()}


def prepare_jobs(study_file: str | Path, root: Path = ROOT) -> tuple[Study, dict[str, Job]]:
    """Check a study and all notebook parameters, and write the parameters of each job to its own file.

    A file is written only when its content changes, so its time tells which jobs are affected.
    """
    import yaml

    study = load_study(study_file)
    jobs = plan_jobs(study)
    for job in jobs.values():
        check_parameters(root / job.notebook, job.parameters)
    folder = root / "build" / study.name / "parameters"
    folder.mkdir(parents=True, exist_ok=True)
    parameters = {job.name: job.parameters for job in jobs.values()}
    if study.builds_library:
        where = {"executor", "workers", "scheduler"}  # changes nothing in the gaits
        parameters["library"] = {"seed": study.seed} | study.library.model_dump(exclude=where)
    for name, values in parameters.items():
        path = folder / f"{name}.yaml"
        text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text or _lacks_less(path, name):
            path.write_text(text, encoding="utf-8")
    return study, jobs


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
    kinds = ("*.json", "*.csv", "*.yaml")
    folders = {path.parent for path in seen}
    beside = {other for folder in folders for kind in kinds for other in folder.glob(kind)}
    found = {str(path.relative_to(root)) for path in seen | beside} | {notebook}
    if any(name.startswith("gaitlib/data/") for name in found):
        found.add("data_manifest.yaml")
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
