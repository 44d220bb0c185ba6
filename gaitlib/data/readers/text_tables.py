"""What readers share: checks of text tables, paths of named points."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.errors import InputError


def read_text(path: str | Path) -> str:
    """Read a text file."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path.name}: expected a text file, found binary content") from None
    except OSError as error:
        raise InputError(f"{path.name}: cannot be read ({error.strerror})") from None
    if not text.strip():
        raise InputError(f"{path.name}: the file is empty")
    return text


def read_numbers(path: str | Path, lines: list[str], n_columns: int, first_line: int) -> np.ndarray:
    """Read lines of numbers separated by blanks or tabs; shape (row, n_columns)."""
    name = Path(path).name
    rows = []
    for number, line in enumerate(lines, start=first_line):
        words = line.split()
        if not words:
            continue
        if len(words) != n_columns:
            raise InputError(f"{name} line {number}: found {len(words)} values, expected {n_columns} columns")
        try:
            rows.append([float(bad) for bad in words])
        except ValueError as error:
            bad = str(error).partition(": ")[2]
            raise InputError(f"{name} line {number}: {bad} is no number") from None
    if not rows:
        raise InputError(f"{name}: holds no rows of numbers")
    return np.array(rows)


def read_csv(path: str | Path, required: Iterable[str], numeric: Iterable[str] = ()) -> pd.DataFrame:
    """Read a comma separated table and check its columns."""
    name = Path(path).name
    try:
        table = pd.read_csv(io.StringIO(read_text(path)), low_memory=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"{name}: not a comma separated table ({error})") from None
    require_columns(name, table.columns, required)
    for column in numeric:
        table[column] = convert_to_numbers(name, column, table[column])
    return table


def build_markers(
    file_name: str, time_s: np.ndarray, names: list[str], positions: np.ndarray, fps: float, unit: str = "m"
) -> xr.Dataset:
    """Put paths of named points, shape (time, marker, 3), into a dataset."""
    return xr.Dataset(
        {"marker_position": (("time", "marker", "space"), positions, {"units": unit})},
        coords={"time": ("time", time_s, {"units": "s"}), "marker": names, "space": ["x", "y", "z"]},
        attrs={"source_file": file_name, "fps": fps},
    )


def choose_subject(file_name: str, labels: list[str], subject: str | None) -> dict[str, int]:
    """Find the places of one person's markers by name (`Ann:LKNE`), and of those that name nobody."""
    owners = [label.split(":")[0].strip() if ":" in label else "" for label in labels]
    people = [name for name in dict.fromkeys(owners) if name and not name.startswith("*")]
    known = ", ".join(people) or "markers without subject"
    if subject is not None and subject not in people:
        raise InputError(f"{file_name}: no subject '{subject}'; found {known}")
    if subject is None and len(people) > 1:
        raise InputError(
            f"{file_name}: holds markers of {len(people)} people ({known}); choose with --subject"
        )
    own = subject or (people[0] if people else "")
    places: dict[str, int] = {}
    for n in sorted(range(len(labels)), key=lambda n: owners[n] != own):
        if owners[n] in (own, ""):
            places.setdefault(labels[n].split(":")[-1].strip(), n)
    return dict(sorted(places.items(), key=lambda item: item[1]))


def require_columns(name: str, found: Iterable[str], required: Iterable[str]) -> None:
    """Check that all columns are there."""
    found = list(found)
    missing = [column for column in required if column not in found]
    if missing:
        raise InputError(
            f"{name}: missing columns {', '.join(missing)}; found {', '.join(map(str, found[:12]))}"
        )


def convert_to_numbers(name: str, column: str, values: pd.Series) -> pd.Series:
    """Convert a column to numbers."""
    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    bad = numbers.isna() & values.notna()
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(f"{name} row {row + 1}, column '{column}': {values.iloc[row]!r} is no number")
    return numbers
