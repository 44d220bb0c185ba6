"""OpenSim text files: .sto and .mot tables, .trc markers. Read as text, without OpenSim."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.data.readers.text_tables import read_numbers, read_text, require_columns
from gaitlib.errors import InputError

_TRANSLATION = re.compile(r"_t[xyz]$", re.IGNORECASE)
_UNITS = {"mm": 1e-3, "cm": 1e-2, "m": 1.0}


def read_opensim_table(path: str | Path) -> pd.DataFrame:
    """Read a .sto or .mot table."""
    name = Path(path).name
    lines = [line.rstrip() for line in read_text(path).splitlines()]
    end = next((index for index, line in enumerate(lines) if line.strip().lower() == "endheader"), None)
    if end is None or end + 1 >= len(lines):
        raise InputError(f"{name}: no 'endheader' line followed by column names; not a .sto or .mot file?")
    header = _parse_header(lines[:end])
    columns = lines[end + 1].split()
    if not columns or columns[0].lower() != "time":
        raise InputError(f"{name} line {end + 2}: the first column is {columns[:1]}, expected 'time'")
    values = read_numbers(path, lines[end + 2 :], len(columns), end + 3)
    _check_count(name, "rows", header.get("nrows", header.get("datarows")), len(values))
    flag = header.get("indegrees", "yes" if "datacolumns" in header else "no").lower()
    if flag not in ("yes", "no"):
        raise InputError(f"{name}: inDegrees is '{flag}'; expected yes or no")
    table = pd.DataFrame(values, columns=["time", *columns[1:]])
    table.attrs = {"in_degrees": flag == "yes", "source_file": name}
    return table


def _parse_header(lines: list[str]) -> dict[str, str]:
    header = {}
    for line in lines:
        parts = re.split(r"[=\s]+", line.strip(), maxsplit=1)
        if len(parts) == 2:
            header[parts[0].lower()] = parts[1].strip()
    return header


def _check_count(name: str, what: str, told: str | None, found: int) -> None:
    if told is not None and told != str(found):
        raise InputError(f"{name}: the header tells {told} {what} but {found} are there; is it truncated?")


def read_coordinates(path: str | Path) -> xr.Dataset:
    """Read joint coordinates from a .sto or .mot table."""
    table = read_opensim_table(path)
    columns = list(table.columns[1:])
    paths = [column for column in columns if column.startswith("/")]
    if paths:
        columns = [column for column in paths if column.endswith("/value")]
    names = [column.split("/")[-2] if column.startswith("/") else column for column in columns]
    values = table[columns].to_numpy(copy=True)
    if table.attrs["in_degrees"]:
        turning = [not _TRANSLATION.search(name) for name in names]
        values[:, turning] = np.radians(values[:, turning])
    return xr.Dataset(
        {"position": (("time", "coordinate"), values, {"units": "rad (translations: m)"})},
        coords={"time": ("time", table["time"].to_numpy(), {"units": "s"}), "coordinate": names},
        attrs={"source_file": Path(path).name},
    )


def read_trc(path: str | Path) -> xr.Dataset:
    """Read a .trc marker file."""
    name = Path(path).name
    lines = read_text(path).splitlines()
    if len(lines) < 6 or not lines[0].startswith("PathFileType"):
        raise InputError(
            f"{name}: expected a .trc file that starts with 'PathFileType' and has 5 header lines"
        )
    keys, values = lines[1].split(), lines[2].split()
    header = dict(zip(keys, values, strict=False))
    require_columns(name, header, ["DataRate", "NumFrames", "NumMarkers", "Units"])
    if header["Units"] not in _UNITS:
        raise InputError(f"{name}: Units is '{header['Units']}'; expected mm, cm or m")
    markers = [word.strip() for word in lines[3].rstrip().split("\t")[2::3]]
    _check_count(name, "markers", header["NumMarkers"], len(markers))
    rows = [line for line in lines[5:] if line.strip()]
    table = np.array([_parse_trc_row(name, row, len(markers)) for row in rows])
    _check_count(name, "frames", header["NumFrames"], len(table))
    positions = table[:, 2:].reshape(len(table), len(markers), 3) * _UNITS[header["Units"]]
    return xr.Dataset(
        {"marker_position": (("time", "marker", "space"), positions, {"units": "m"})},
        coords={"time": ("time", table[:, 1], {"units": "s"}), "marker": markers, "space": ["x", "y", "z"]},
        attrs={"source_file": name, "fps": float(header["DataRate"])},
    )


def _parse_trc_row(name: str, row: str, n_markers: int) -> list[float]:
    width = 2 + 3 * n_markers
    cells = row.rstrip("\r\n").split("\t")
    if any(cells[width:]) or not any(cells[2:]):
        found = len(cells)
        raise InputError(f"{name}, frame '{cells[0]}': found {found} values, expected {width} columns")
    cells = (cells + [""] * width)[:width]
    try:
        return [float(cell) if cell.strip() else float("nan") for cell in cells]
    except ValueError as error:
        raise InputError(f"{name}, frame '{cells[0]}': {error}") from None
