"""Write requirements.lock and environment.yml, the same pins for conda users: `make lock`."""

from __future__ import annotations

import sys

from gaitlib.environment import LOCK_FILE, PYTHON_VERSION, ROOT, list_installed, read_lock

CONDA_FILE = ROOT / "environment.yml"
_LOCK_HEAD = "# The whole environment, exact. `make lock` writes it from what is installed in .venv.\n"
_CONDA_HEAD = "# The pins of requirements.lock for conda users. Written by `make lock`, never by hand.\n"


def format_lock(pins: dict[str, str]) -> str:
    """Format the lock file."""
    return _LOCK_HEAD + "".join(f"{name}=={version}\n" for name, version in pins.items())


def format_conda(pins: dict[str, str]) -> str:
    """Format the conda environment: Python, pip, and the pins through pip."""
    python = ".".join(map(str, PYTHON_VERSION))
    lines = [
        "name: gaitlib",
        "channels:",
        "  - conda-forge",
        "dependencies:",
        f"  - python={python}",
        "  - pip",
    ]
    lines += ["  - pip:", *(f"      - {name}=={version}" for name, version in pins.items())]
    return _CONDA_HEAD + "\n".join(lines) + "\n"


def write_files(pins: dict[str, str]) -> None:
    """Write requirements.lock and environment.yml."""
    LOCK_FILE.write_text(format_lock(pins), encoding="utf-8")
    CONDA_FILE.write_text(format_conda(pins), encoding="utf-8")


if __name__ == "__main__":
    # 'conda': only environment.yml, from the lock as it is; without it the lock too, from what is installed.
    write_files(read_lock() if sys.argv[1:] == ["conda"] else list_installed())
