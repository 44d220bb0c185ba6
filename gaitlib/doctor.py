"""The command `gaitlib doctor`: what works on this machine and what does not."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

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


@dataclass(frozen=True)
class Finding:
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
    path = next((path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))), None)
    if path:
        return Finding("ok", "compiler", Path(path).name)
    return Finding("warn", "compiler", "no cc, gcc or clang: gaits are solved 5 to 8 times more slowly")


def check_data() -> Finding:
    """Check the folder of recordings."""
    value = os.environ.get("GAITLIB_DATA", "").strip()
    if not value:
        return Finding(
            "warn",
            "GAITLIB_DATA",
            f"not set: {_count_shipped()}; `gaitlib data fetch` downloads the others",
        )
    if not Path(value).is_dir():
        return Finding("fail", "GAITLIB_DATA", f"'{value}' is no folder: correct it, or unset it")
    return Finding("ok", "GAITLIB_DATA", "is a folder; `gaitlib data verify` checks what lies in it")


def _count_shipped() -> str:
    """How many sets of recordings are shipped, and which."""
    from gaitlib.data.manifest import load_manifest
    from gaitlib.data.packed import is_shipped

    manifest = load_manifest()
    shipped = [key for key in manifest.items if is_shipped(key, manifest)]
    return f"{len(shipped)} sets are shipped packed ({', '.join(shipped)})"


def find_chromium() -> str | None:
    """Find the browser of the browser test."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


def check_chromium() -> Finding:
    """Check for the browser of the browser test."""
    path = find_chromium()
    if path:
        return Finding("ok", "chromium", Path(path).name)
    return Finding("warn", "chromium", "not found; only the browser test needs it: make browser")


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
