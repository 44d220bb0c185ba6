"""Run a study: check it, run what is out of date, build the book."""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import yaml

from gaitlib.environment import ROOT, set_threads
from gaitlib.errors import InputError, WorkError
from gaitlib.study import Study, load_study
from gaitlib.workflow.bind import build_book
from gaitlib.workflow.execute import describe_fault, execute_notebook
from gaitlib.workflow.pages import find_notebook, prepare_pages

_MARK = "@ "
"""Lines of a run that the reader sees begin with this; all others go to the log only."""
_LONGEST = 240
"""Characters of a failure that the reader sees."""


def run_study(study_file: str | Path, cores: int | None = None) -> Path:
    """Run the chain of a study and build its book; what is up to date is left alone."""
    study_file = _find_study(study_file)
    cores = cores or os.cpu_count() or 1
    if cores < 1:
        raise InputError(f"--cores: found {cores}, expected 1 or more")
    study, _ = prepare_pages(ROOT / study_file, ROOT)
    folder = ROOT / "build" / study.name
    for path in (folder / "failures").glob("*.json"):
        path.unlink()
    started = time.monotonic()
    code = _call_snakemake(study_file, cores, folder)
    raise_failures(folder, code, study_file)
    index = folder / "book" / "index.html"
    seconds, where = time.monotonic() - started, index.relative_to(ROOT)
    print(f"{folder.name}: up to date after {seconds:.0f} s; open {where}", flush=True)
    return index


def list_outdated(study_file: str | Path) -> list[str]:
    """List the pages that a run would make again."""
    command = [*_build_command(_find_study(study_file), 1), "--dry-run", "--printshellcmds"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=_get_environment())
    text = done.stdout + done.stderr
    if done.returncode:
        raise WorkError(f"workflow: {_get_last_lines(text)}")
    found = re.findall(r"-m gaitlib\.workflow\.run (?:page \S+ (\S+)|(book|library))", text)
    return sorted({page or other for page, other in found})


def run_page(folder: str, name: str, threads: int = 1) -> Path:
    """Run the notebook of one page, with the parameters that `prepare_pages` wrote."""
    set_threads(threads)
    path = ROOT / folder / "parameters" / f"{name}.yaml"
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    started = time.monotonic()
    print(f"{_MARK}{name}: started", flush=True)
    target = ROOT / folder / "notebooks" / f"{name}.ipynb"
    page = execute_notebook(ROOT / find_notebook(name), target, values, ROOT)
    seconds = time.monotonic() - started
    times = ROOT / folder / "times" / f"{name}.json"  # the foot of the page says it
    times.parent.mkdir(exist_ok=True)
    times.write_text(json.dumps({"seconds": round(seconds, 1)}), encoding="utf-8")
    print(f"{_MARK}{name}: done in {seconds:.0f} s", flush=True)
    return page


def add_run_parser(subparsers) -> argparse.ArgumentParser:
    """Add `gaitlib run` to a command line."""
    parser = subparsers.add_parser(
        "run", help="run a study and build its book; up-to-date pages are left alone"
    )
    parser.add_argument("study", help="study file, such as studies/quick.yaml")
    parser.add_argument("--cores", type=int, default=None, help="processes at the same time (all by default)")
    parser.add_argument("--dry-run", action="store_true", help="only say which pages would run")
    parser.set_defaults(run=run_command)
    return parser


def run_command(arguments: argparse.Namespace) -> int:
    """Answer `gaitlib run`."""
    if arguments.dry_run:
        pages = list_outdated(arguments.study)
        print("would run: " + ", ".join(pages) if pages else "nothing to do: all pages are up to date")
    else:
        run_study(arguments.study, arguments.cores)
    return 0


def _find_study(study_file: str | Path) -> str:
    """Path of a study relative to the project, however it was given."""
    path = Path(study_file)
    for candidate in (path, ROOT / path):
        if candidate.is_file():
            full = candidate.resolve()
            return str(full.relative_to(ROOT)) if full.is_relative_to(ROOT) else str(full)
    known = ", ".join(sorted(f"studies/{item.name}" for item in (ROOT / "studies").glob("*.yaml")))
    raise InputError(f"{path.name}: study file not found. There are: {known}.")


def _build_command(study_file: str, cores: int) -> list[str]:
    command = [sys.executable, "-m", "snakemake", "--snakefile", "workflow/Snakefile", "--cores", str(cores)]
    command += ["--config", f"study={study_file}", "--rerun-triggers", "mtime", "input"]
    return [*command, "--rerun-incomplete", "--keep-going", "--nolock"]


def _get_environment() -> dict:
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path}


def _call_snakemake(study_file: str, cores: int, folder: Path) -> int:
    """Run the workflow in a session of its own, so that an interruption ends all of its processes."""
    command = _build_command(study_file, cores)
    folder.mkdir(parents=True, exist_ok=True)
    in_main = threading.current_thread() is threading.main_thread()
    previous = signal.signal(signal.SIGTERM, _interrupt) if in_main else None
    with (folder / "run.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=_get_environment(), start_new_session=True,
        )  # fmt: skip
        try:
            for line in process.stdout:
                log.write(line)
                log.flush()
                if line.startswith(_MARK):
                    print(line.removeprefix(_MARK), end="", flush=True)
            return process.wait()
        except KeyboardInterrupt:
            os.killpg(process.pid, signal.SIGINT)
            process.wait()
            raise WorkError("interrupted; the same command goes on from here") from None
        finally:
            if in_main:
                signal.signal(signal.SIGTERM, previous)


def _interrupt(number, frame) -> None:
    """Treat being ended like Ctrl-C, so that the pages' processes end too."""
    raise KeyboardInterrupt


def note_failure(folder: Path, name: str, message: str) -> int:
    """Write down which page failed and why; the exit status."""
    path = folder / "failures" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"name": name, "message": message}), encoding="utf-8")
    print(f"{_MARK}{name}: failed", flush=True)
    return 1


def raise_failures(folder: Path, code: int, study_file: str) -> None:
    """One short line per failed page, cause and remedy first; a last one for the pages that wait for them."""
    failures = [json.loads(path.read_text()) for path in sorted((folder / "failures").glob("*.json"))]
    log = f"build/{folder.name}/run.log"
    if failures:
        lines = [f"{_cut(failure['message'])} [page {failure['name']}; {log}]" for failure in failures]
        waiting = _list_waiting(study_file, {failure["name"] for failure in failures})
        raise WorkError("\n".join([*lines, *waiting]))
    if code:
        text = (folder / "run.log").read_text(encoding="utf-8")
        raise WorkError(f"workflow stopped with code {code}: {_cut(_get_last_lines(text))} [{log}]")


def _list_waiting(study_file: str, failed: set[str]) -> list[str]:
    try:
        waiting = [name for name in list_outdated(study_file) if name not in failed]
    except WorkError:
        return []
    return [f"not run because of that: {', '.join(waiting)}"] if waiting else []


def _cut(message: str) -> str:
    """One line that fits a screen; the whole of it is in the log."""
    line = " ".join(message.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 4].rstrip() + " ..."


def _get_last_lines(text: str, n: int = 4) -> str:
    return " | ".join([line.strip() for line in text.splitlines() if line.strip()][-n:])


def main(words: list[str] | None = None) -> int:
    """What the workflow's rules call; not for people."""
    parser = argparse.ArgumentParser(prog="python -m gaitlib.workflow.run")
    parts = parser.add_subparsers(dest="part", required=True)
    page = parts.add_parser("page")
    page.add_argument("folder")
    page.add_argument("name")
    page.add_argument("--threads", type=int, default=1)
    parts.add_parser("book").add_argument("study")
    parts.add_parser("library").add_argument("study")
    arguments = parser.parse_args(words)
    folder, name = ROOT, arguments.part
    try:
        if arguments.part == "page":
            folder, name = ROOT / arguments.folder, arguments.name
            run_page(arguments.folder, arguments.name, arguments.threads)
        elif arguments.part == "library":
            folder = ROOT / "build" / _load(arguments.study).name
            _build_library(arguments.study)
        else:
            study = _load(arguments.study)
            folder = ROOT / "build" / study.name
            print(f"{_MARK}book: started", flush=True)
            build_book(study, ROOT)
            print(f"{_MARK}book: done", flush=True)
    except (InputError, WorkError) as error:
        traceback.print_exc()  # to the log, where the whole message and its cause are looked up
        return note_failure(folder, name, str(error))
    except Exception as error:
        traceback.print_exc()
        return note_failure(folder, name, describe_fault(type(error).__name__, str(error)))
    return 0


def _build_library(study_file: str) -> None:
    """Build the library of a study as `gaitlib simulate --study` does, and tell the reader how it gets on."""
    from gaitlib.simulate.simulate_command import build_library_of

    def report(text: str) -> None:
        print(f"{_MARK}library: {text}", flush=True)

    report("started")
    study = _load(study_file)
    build_library_of(study.library, study.seed, report=report)
    report("done")


def _load(study_file: str) -> Study:
    return load_study(ROOT / study_file)


if __name__ == "__main__":
    sys.exit(main())
