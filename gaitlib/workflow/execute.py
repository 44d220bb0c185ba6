"""Notebooks as checked programs: parameters are checked before a kernel starts, outputs scrubbed after."""

from __future__ import annotations

import ast
import getpass
import json
import os
import re
import sys
import tempfile
from pathlib import Path

from gaitlib.environment import write_atomically
from gaitlib.errors import InputError, WorkError, suggest_name

_TYPES = {"str": str, "int": int, "float": float, "bool": bool, "list": list, "dict": dict}
_OWN_ERRORS = ("InputError", "WorkError", "AbsentData")
"""Errors whose message is meant for readers: cause, and what to do."""
_COMMON_WORDS = {"root", "user", "users", "home", "admin", "runner", "build", "test", "python", "gait"}


def read_notebook(path: str | Path) -> dict:
    """Read a notebook as plain values."""
    path = Path(path)
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path.name}: notebook not found") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path.name}: not a readable notebook ({error})") from None
    if not isinstance(notebook, dict) or notebook.get("nbformat") != 4 or "cells" not in notebook:
        raise InputError(f"{path.name}: not a notebook in format 4")
    return notebook


def read_parameters(path: str | Path) -> dict[str, tuple[str, object]]:
    """Read from its cell tagged `parameters` what a notebook takes: name -> type and default."""
    from papermill import inspect_notebook

    name = Path(path).name
    read_notebook(path)  # says clearly what is wrong with a file that is none
    found = {}
    for parameter in inspect_notebook(str(path)).values():
        kind, text = parameter["inferred_type_name"].partition("[")[0], parameter["default"]
        try:
            found[parameter["name"]] = (kind, ast.literal_eval(text))
        except (ValueError, SyntaxError):
            kind = "no plain value"
        if kind not in _TYPES:
            raise InputError(
                f"{name}, parameters cell: found `{parameter['name']} = {text}`, expected `name: type = "
                f"plain value` with a type of {', '.join(_TYPES)}"
            )
    if not found:
        raise InputError(f"{name}, parameters cell: found none with lines `name: type = plain value`")
    return found


def check_parameters(path: str | Path, values: dict) -> dict:
    """Check parameters against those of a notebook."""
    known = read_parameters(path)
    faults = []
    for name, value in values.items():
        if name not in known:
            faults.append(f"parameter '{name}' is unknown{suggest_name(name, known)}")
        elif not _has_type(value, known[name][0]):
            faults.append(f"parameter '{name}' is {value!r}, expected {known[name][0]}")
        elif isinstance(value, str) and (value.startswith(("/", "~")) or re.match(r"[A-Za-z]:\\", value)):
            faults.append(f"parameter '{name}' is an absolute path; give one relative to the project")
    for name, (kind, value) in known.items():
        if not _has_type(value, kind):
            faults.append(f"default of '{name}' is {value!r}, but its type says {kind}")
    if faults:
        raise InputError(f"{Path(path).name}: " + "; ".join(faults))
    return {name: values.get(name, default) for name, (_, default) in known.items()}


def _has_type(value: object, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "bool"
    if kind == "float":
        return isinstance(value, (int, float))
    return isinstance(value, _TYPES[kind])


def execute_notebook(source: str | Path, target: str | Path, values: dict, root: str | Path) -> Path:
    """Run a notebook with parameters in a fresh kernel of this Python and keep the scrubbed copy."""
    values = check_parameters(source, values)
    source, target, root = Path(source), Path(target), Path(root).resolve()
    from papermill.exceptions import PapermillExecutionError

    target.parent.mkdir(parents=True, exist_ok=True)
    failed = target.with_suffix(".failed.ipynb")
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        partial = Path(folder) / target.name
        try:
            run_in_kernel(source, partial, values, root)
        except PapermillExecutionError as error:
            text = _dump(scrub_notebook(read_notebook(partial), target.stem, root))
            failed.write_text(text, encoding="utf-8")
            message = _clean_text(str(error.evalue), root)
            if error.ename not in _OWN_ERRORS:
                message = describe_fault(error.ename, message)
            # Cause and remedy first; papermill's error goes along as the cause, for the log.
            first = next((line.strip()[:70] for line in error.source.splitlines() if line.strip()), "empty")
            where = f"cell {error.cell_index} of notebook {target.stem}, `{first.strip()}`"
            raise WorkError(f"{message} ({where}; traceback in {failed.name})") from error
        notebook = fill_markdown(scrub_notebook(read_notebook(partial), target.stem, root), values)
    failed.unlink(missing_ok=True)
    write_atomically(target, lambda path: path.write_text(_dump(notebook), encoding="utf-8"))
    return target


def describe_fault(kind: str, message: str) -> str:
    """Describe an exception that nobody foresaw, for a reader who does not know the program."""
    words = " ".join(message.split())
    return f"a fault of this program, please report it ({kind}: {words[:100]})"


def drop_empty(cells: list[dict]) -> list[dict]:
    """Leave out cells tagged `drop-if-empty` that show nothing, and text so tagged before such a cell."""
    kept, dropped = [], False
    for cell in reversed(cells):
        empty = not cell["outputs"] if cell["cell_type"] == "code" else dropped
        dropped = empty and "drop-if-empty" in _get_tags(cell)
        if not dropped:
            kept.append(cell)
    return kept[::-1]


def scrub_notebook(notebook: dict, name: str, root: str | Path) -> dict:
    """Make an executed notebook fit for print: no user names, paths or times; cell ids unique in the book."""
    cells = []
    injected = any("injected-parameters" in _get_tags(cell) for cell in notebook["cells"])
    for index, cell in enumerate(drop_empty(notebook["cells"])):
        tags = [tag for tag in _get_tags(cell) if not tag.startswith("papermill")]
        if "parameters" in tags and injected:
            tags.append("remove-cell")
        if "injected-parameters" in tags:
            tags.append("hide-input")
        new = {**cell, "metadata": {"tags": tags} if tags else {}, "id": f"{name}-{index:02d}"[-64:]}
        if "outputs" in cell:
            new["outputs"] = [_clean_output(output, root) for output in cell["outputs"]]
        cells.append(new)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python", "file_extension": ".py"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def fill_markdown(notebook: dict, values: dict) -> dict:
    """Fill `{{name}}` in markdown cells with the parameter of that name: titles can name the subgroup."""

    def fill(found: re.Match) -> str:
        if found[1] not in values:
            raise InputError(
                f"markdown cell: '{{{{{found[1]}}}}}' is no parameter{suggest_name(found[1], values)}"
            )
        return str(values[found[1]])

    cells = [dict(cell) for cell in notebook["cells"]]
    for cell in cells:
        if cell["cell_type"] == "markdown":
            cell["source"] = re.sub(r"\{\{(\w+)\}\}", fill, "".join(cell["source"]))
    return {**notebook, "cells": cells}


def find_private_text(text: str, root: str | Path) -> list[str]:
    """Find what must not be printed: home folder, project folder, user name."""
    found = []
    if str(Path(root).resolve()) in text:
        found.append("the folder of the project")
    home = str(Path.home())
    if len(home) > 1 and re.search(re.escape(home) + r"(?![A-Za-z0-9_])", text):
        found.append("the home folder")
    user = _get_user()
    if user and re.search(rf"(?<![A-Za-z0-9_]){re.escape(user)}(?![A-Za-z0-9_])", text):
        found.append("the user name")
    return found


def _get_user() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        return ""
    return "" if user in _COMMON_WORDS or len(user) < 3 else user


def _get_tags(cell: dict) -> list[str]:
    return list(cell.get("metadata", {}).get("tags", []))


def _clean_output(output: dict, root: str | Path) -> dict:
    text = json.dumps({key: value for key, value in output.items() if key != "metadata"})
    return {**json.loads(_clean_text(text, root)), **({"metadata": {}} if "metadata" in output else {})}


def _clean_text(text: str, root: str | Path) -> str:
    text = text.replace(str(Path(root).resolve()), ".")
    home = str(Path.home())
    if len(home) > 1:
        text = re.sub(re.escape(home) + r"(?![A-Za-z0-9_])", "~", text)
    user = _get_user()
    return re.sub(rf"(?<![A-Za-z0-9_]){re.escape(user)}(?![A-Za-z0-9_])", "user", text) if user else text


def _dump(notebook: dict) -> str:
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def run_in_kernel(source: Path, partial: Path, values: dict, root: Path) -> None:
    """Run a notebook, once again if its kernel dies; kernels use files, as pages would race for TCP ports."""
    import papermill
    from traitlets.config import Config

    _prepare_environment(root)
    short = "/tmp" if Path("/tmp").is_dir() else None  # the path of a socket holds about 100 characters
    for attempt in (1, 2):
        with tempfile.TemporaryDirectory(prefix="gaitlib-", dir=short) as folder:
            os.environ["IPYTHONDIR"] = folder
            try:
                papermill.execute_notebook(
                    str(source), str(partial), values, cwd=str(root), kernel_name="python3",
                    progress_bar=False, log_output=False, request_save_on_cell_execute=False,
                    config=Config({"KernelManager": {"transport": "ipc", "ip": f"{folder}/kernel"}}),
                )  # fmt: skip
                return
            except RuntimeError as error:  # what jupyter_client and nbclient raise for a kernel
                if attempt == 2:
                    raise WorkError(
                        f"notebook {partial.stem}: its kernel failed twice: {error}. Usually memory ran out: "
                        "free some, or run with --cores 1."
                    ) from None
                print(f"notebook {partial.stem}: {error}; trying once more", file=sys.stderr, flush=True)


def _prepare_environment(root: Path) -> None:
    """Let kernels be those of this Python, whatever is installed for the user."""
    os.environ["JUPYTER_PATH"] = str(Path(sys.prefix) / "share" / "jupyter")
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    os.environ["PYTHONPATH"] = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    os.environ.setdefault("PYTHONHASHSEED", "0")
