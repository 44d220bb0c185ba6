"""Where the project lies, its pinned environment and what of it is installed; needs Python alone."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from gaitlib.errors import InputError, WorkError

ROOT = Path(__file__).resolve().parents[1]
"""Top of the project; all paths of a study are relative to it."""

_INSTALLED = Path(__file__).resolve().with_name("shipped")
SHIPPED = _INSTALLED if _INSTALLED.is_dir() else ROOT
"""Where the data manifest and data/ lie: in an installed package, or at the top of a clone."""

EXTRAS = {
    "simulate": ("casadi", "dask", "distributed", "opensim", "tqdm"),
    "video": ("cv2", "mediapipe"),
    "app": ("tornado",),
    "book": ("IPython", "PIL", "ezc3d", "ipykernel", "jupyter_book", "matplotlib", "netCDF4", "openpyxl",
             "papermill", "seaborn", "snakemake", "statsmodels", "traitlets"),
}  # fmt: skip
"""Modules of the optional parts of pyproject.toml."""

LOCK_FILE = ROOT / "requirements.lock"
PYTHON_VERSION = (3, 11)

_NOT_LOCKED = {"gaitlib", "pip"}


def hash_file(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def get_cache_folder() -> Path:
    """Get the folder for what can be made or fetched again."""
    base = os.environ.get("GAITLIB_CACHE", "").strip()
    return Path(base or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "gaitlib").expanduser()


def write_atomically(path: Path, write: Callable) -> None:
    """Write a file in one step: it appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    write(temporary)
    os.replace(temporary, path)


def set_threads(n: int) -> None:
    """Set how many threads numerical libraries not yet loaded use, here and in child processes."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(n)


def find_missing(extra: str) -> list[str]:
    """Find the modules of an optional part that are not installed; none is imported."""
    return [name for name in EXTRAS[extra] if find_spec(name) is None]


def require(*needs: str) -> None:
    """Stop with one clear line where an optional part, or the clone of the project, is missing."""
    if "clone" in needs and SHIPPED != ROOT:
        raise WorkError("this needs a clone of the project, with its studies and notebooks; run it there.")
    missing = {extra: names for extra in needs if extra != "clone" and (names := find_missing(extra))}
    if missing:
        raise WorkError(
            f"this needs the {' and '.join(missing)} extra: pip install 'gaitlib[{','.join(missing)}]' "
            f"(not here: {', '.join(sum(missing.values(), []))})"
        )


def normalise_name(name: str) -> str:
    """Write a package name as packaging tools compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def strip_build(version: str) -> str:
    """Take the build label off a version."""
    return version.partition("+")[0]


def read_lock(path: Path = LOCK_FILE) -> dict[str, str]:
    """Read the lock file."""
    if not path.is_file():
        raise InputError(f"{path.name}: not found. Work in a clone of the project, where it lies at the top.")
    pins = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        match = re.fullmatch(r"([A-Za-z0-9][\w.-]*)==([\w.]+)", text)
        if not match:
            raise InputError(
                f"{path.name} line {number}: found '{text}', expected name==version. Run make lock."
            )
        pins[match[1]] = match[2]
    return pins


def list_installed() -> dict[str, str]:
    """List what is installed in this environment."""
    found = {item.name: strip_build(item.version) for item in metadata.distributions()}
    kept = {name: version for name, version in found.items() if normalise_name(name) not in _NOT_LOCKED}
    return dict(sorted(kept.items(), key=lambda pair: normalise_name(pair[0])))


def find_differences(pins: dict[str, str]) -> dict[str, tuple[str, str | None]]:
    """Compare pins with what is installed."""
    installed = {normalise_name(name): version for name, version in list_installed().items()}
    pairs = {name: (version, installed.get(normalise_name(name))) for name, version in pins.items()}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
