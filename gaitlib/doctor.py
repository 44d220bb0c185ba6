"""The command `gaitlib doctor`: what works on this machine and what does not."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal, NamedTuple

from gaitlib.environment import (
    EXTRAS,
    PYTHON_VERSION,
    ROOT,
    SHIPPED,
    find_differences,
    find_missing,
    read_lock,
)

_ENGINES = ("opensim", "casadi")
"""Each is tried in a process of its own: they cannot share one."""


class Finding(NamedTuple):
    """One line of the doctor's table."""

    state: Literal["ok", "warn", "fail"]
    subject: str
    text: str


def check_python() -> Finding:
    """Check the version of Python."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] == PYTHON_VERSION:
        return Finding("ok", "python", found)
    wanted = ".".join(map(str, PYTHON_VERSION))
    return Finding("fail", "python", f"found {found}, expected {wanted} as OpenSim needs")


def check_packages() -> list[Finding]:
    """Check every package of the lock against what is installed."""
    pins = read_lock()
    wrong = find_differences(pins)
    if not wrong:
        return [Finding("ok", "packages", f"{len(pins)} as pinned in requirements.lock")]
    return [
        Finding("fail", name, f"found {found or 'nothing'}, expected {pinned}: run make setup")
        for name, (pinned, found) in wrong.items()
    ]


def check_extra(name: str) -> Finding:
    """Check whether an optional part is installed."""
    missing = find_missing(name)
    if not missing:
        return Finding("ok", name, "optional part, installed")
    text = f"optional, without {', '.join(missing)}: pip install 'gaitlib[{name}]'"
    return Finding("warn", name, text)


def check_engine(name: str) -> Finding:
    """Check that a simulation engine can be imported, in a process of its own."""
    command = [sys.executable, "-c", f"import {name}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return Finding("ok", name, "can be imported")
    lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return Finding("fail", name, f"cannot be imported: {lines[-1]}")


def check_compiler() -> Finding:
    """Check for a C compiler, with which the solver is several times faster."""
    missing = "no cc, gcc or clang: gaits are solved 5 to 8 times more slowly"
    return _check_program("compiler", find_program("cc", "gcc", "clang"), missing)


def _check_program(subject: str, path: str | None, missing: str) -> Finding:
    return Finding("ok", subject, Path(path).name) if path else Finding("warn", subject, missing)


def find_program(*names: str) -> str | None:
    """Find the first of some programs that is there."""
    return next((path for name in names if (path := shutil.which(name))), None)


def check_data() -> Finding:
    """Check the folder of recordings."""
    from gaitlib.data.manifest import load_manifest
    from gaitlib.data.packed import is_shipped

    value = os.environ.get("GAITLIB_DATA", "").strip()
    if not value:
        manifest = load_manifest()
        shipped = [key for key in manifest.items if is_shipped(key, manifest)]
        here = f"{len(shipped)} sets are shipped packed ({', '.join(shipped)})"
        return Finding("warn", "GAITLIB_DATA", f"not set: {here}; `gaitlib data fetch` downloads the others")
    if not Path(value).is_dir():
        return Finding("fail", "GAITLIB_DATA", f"'{value}' is no folder: correct it, or unset it")
    return Finding("ok", "GAITLIB_DATA", "is a folder; `gaitlib data verify` checks what lies in it")


def find_chromium() -> str | None:
    """Find the browser of the browser test."""
    return find_program("chromium", "chromium-browser", "google-chrome")


def check_chromium() -> Finding:
    """Check for the browser of the browser test."""
    missing = "not found; only the browser test needs it: make browser"
    return _check_program("chromium", find_chromium(), missing)


def examine() -> list[Finding]:
    """Make all checks."""
    if SHIPPED != ROOT:  # installed: what pip chose stands, and there is no book to build
        return [*(check_extra(name) for name in EXTRAS), check_compiler(), check_data()]
    findings = [check_python(), *check_packages(), *(check_engine(name) for name in _ENGINES)]
    return [*findings, check_compiler(), check_data(), check_chromium()]


def add_doctor_parser(subparsers) -> argparse.ArgumentParser:
    """Register `gaitlib doctor`."""
    text = "say what works on this machine"
    parser = subparsers.add_parser(
        "doctor", help=text, description=f"{text}; exit code 1 if something must be mended"
    )
    parser.set_defaults(run=run_doctor)
    return parser


def run_doctor(arguments: argparse.Namespace) -> int:
    """Answer `gaitlib doctor`."""
    findings = examine()
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        print(f"{finding.state:4s}  {finding.subject:{width}s}  {finding.text}")
    return 1 if any(finding.state == "fail" for finding in findings) else 0
