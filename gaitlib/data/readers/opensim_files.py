"""OpenSim text files: .sto and .mot tables, .trc markers. Read as text, without OpenSim."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.data.readers.text_tables import (
    build_markers,
    choose_subject,
    read_numbers,
    read_text,
    require_columns,
)
from gaitlib.errors import InputError

_TRANSLATION = re.compile(r"_t[xyz]$", re.IGNORECASE)
_UNITS = {"mm": 1e-3, "cm": 1e-2, "m": 1.0, "meters": 1.0, "px": 1.0}


def read_opensim_table(path: str | Path) -> pd.DataFrame:
    """Read a .sto or .mot table."""
    name = Path(path).name
    lines = [line.rstrip() for line in read_text(path).splitlines()]
    end = next((index for index, line in enumerate(lines) if line.strip().lower() == "endheader"), None)
    if end is None or end + 1 >= len(lines):
        raise InputError(f"{name}: no 'endheader' line followed by column names; not a .sto or .mot file?")
    header = _parse_header(lines[:end])
    head = lines[end + 1].strip()
    columns = [word.strip() for word in head.split("\t" if "\t" in head else None)]  # 'right ankle'
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


def read_trc(path: str | Path, subject: str | None = None) -> xr.Dataset:
    """Read a .trc marker file; of several people the one that is named."""
    name = Path(path).name
    lines = read_text(path).splitlines()
    if not any("." in line for line in lines[5:]):  # a program of a country that writes 0,5
        lines[2:3] = [lines[2].replace(",", ".")] if len(lines) > 2 else []
        lines[5:] = [line.replace(",", ".") for line in lines[5:]]
    if len(lines) < 6 or not lines[0].startswith("PathFileType"):
        raise InputError(
            f"{name}: expected a .trc file that starts with 'PathFileType' and has 5 header lines"
        )
    header = dict(zip(lines[1].split(), lines[2].split(), strict=False))
    require_columns(name, header, ["DataRate", "NumFrames", "NumMarkers", "Units"])
    unit = header["Units"].lower()
    if unit not in _UNITS:
        raise InputError(f"{name}: Units is '{header['Units']}'; expected mm, cm or m")
    # Names stand over the first of three columns, but many programs write fewer tabs between them.
    markers = [word.strip() for word in lines[3].split("\t")[2:] if word.strip()]
    if not markers or len(set(markers)) < len(markers):
        raise InputError(f"{name}: expected a line of marker names, each once, found {len(markers)} names")
    _check_count(name, "markers", _read_count(name, header, "NumMarkers"), len(markers))
    rows = [line for line in lines[5:] if line.split("\t")[0].strip()]
    if not rows:
        raise InputError(f"{name}: holds no frames")
    table = np.array([_parse_trc_row(name, row, len(markers)) for row in rows])
    _check_count(name, "frames", _read_count(name, header, "NumFrames"), len(table))
    positions = table[:, 2:].reshape(len(table), len(markers), 3)
    # A marker that was not seen is empty, NaN or exactly at the origin.
    positions[~np.isfinite(positions).all(axis=2) | (positions == 0).all(axis=2)] = np.nan
    if unit == "px":
        positions[(positions[..., :2] == 0).all(axis=2)] = np.nan
    time_s = _read_times(name, header, table)
    steps = np.diff(time_s)
    rate = _read_rate(header) or float(1 / np.median(steps))
    unit_name = "px" if unit == "px" else "m"
    places = choose_subject(name, markers, subject)
    positions = positions[:, list(places.values())] * _UNITS[unit]
    return build_markers(name, time_s, list(places), positions, rate, unit_name)


def _read_times(name: str, header: dict, table: np.ndarray) -> np.ndarray:
    """Times of the frames, which must rise; from the rate where the column is empty."""
    time_s, rate = table[:, 1], _read_rate(header)
    if np.isnan(time_s).all() and rate:
        time_s = np.arange(len(table)) / rate
    if not np.isfinite(time_s).all() or (np.diff(time_s) <= 0).any() or (len(table) < 2 and not rate):
        row = int(np.argmax(~np.isfinite(time_s) | np.r_[False, np.diff(time_s) <= 0]))
        raise InputError(f"{name}, frame '{table[row, 0]:g}': expected times that rise from frame to frame")
    return time_s


def _read_rate(header: dict) -> float | None:
    try:
        rate = float(header["DataRate"])
    except ValueError:
        return None
    return rate if 0 < rate < np.inf else None


def _read_count(name: str, header: dict, key: str) -> str | None:
    """A count of the header; None where a program wrote NaN."""
    try:
        count = float(header[key].replace(",", "."))
    except ValueError:
        raise InputError(f"{name}: {key} is '{header[key]}'; expected a number") from None
    return str(int(count)) if np.isfinite(count) else None


def _parse_trc_row(name: str, row: str, n_markers: int) -> list[float]:
    width = 2 + 3 * n_markers
    cells = [cell.strip() for cell in row.rstrip("\r\n").split("\t")]
    full = len(cells) > 2 and any(cells[2:])
    if any(cells[width:]) or (full and len(cells) < width - 2):
        found = len(cells)
        raise InputError(f"{name}, frame '{cells[0]}': found {found} values, expected {width} columns")
    cells = (cells + [""] * width)[:width]
    try:
        return [float(cell) if cell else float("nan") for cell in cells]
    except ValueError as error:
        raise InputError(f"{name}, frame '{cells[0]}': {error}") from None
