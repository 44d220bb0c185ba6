"""Inertial sensor sets: lower back with hand-checked events, eleven sensors with freezing labels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.data.readers.clinical import read_workbook_rows
from gaitlib.data.readers.text_tables import read_numbers, read_text, require_columns
from gaitlib.errors import InputError

_BACK_RATE_HZ = 100.0
_BACK_COLUMNS = ["PacketCounter", *(f"{kind}_{axis}" for kind in ("Acc", "Gyr", "Mag") for axis in "XYZ")]
_FOG_SENSORS = (
    "chest",
    "lumbar",
    "head",
    *(f"{part}_{side}" for part in ("ankle", "foot", "thigh", "wrist") for side in "rl"),
)
_SPACE = ["x", "y", "z"]


def read_lower_back_trial(signal_path: str | Path, info_path: str | Path) -> tuple[xr.Dataset, pd.DataFrame]:
    """Read one trial of the lower-back set: 10 m, U-turn, 10 m back."""
    values = _read_back_signals(Path(signal_path))
    info_name = Path(info_path).name
    try:
        info = json.loads(read_text(info_path))
    except json.JSONDecodeError as error:
        raise InputError(f"{info_name}: not valid JSON, or truncated ({error})") from None
    fields = ("Subject", "Age", "Gender", "Height", "Weight", "TrialBoundaries", "UTurnBoundaries")
    require_columns(
        info_name, info if isinstance(info, dict) else [], [*fields, "LeftFootEvents", "RightFootEvents"]
    )
    bounds = {name: _read_pairs(info_name, name, [info[name]])[0] for name in fields[5:]}
    rows = []
    for foot, name in (("l", "LeftFootEvents"), ("r", "RightFootEvents")):
        # Each pair of samples is one swing: the foot leaves the ground, then lands.
        for leaves, lands in _read_pairs(info_name, name, info[name]):
            rows += [(foot, "toe_off", leaves), (foot, "initial_contact", lands)]
    events = pd.DataFrame(rows, columns=["foot", "event", "time_s"]).sort_values("time_s", ignore_index=True)
    signals = xr.Dataset(
        {
            "acceleration": (("time", "space"), values[:, 1:4], {"units": "m/s^2"}),
            "angular_velocity": (("time", "space"), values[:, 4:7], {"units": "rad/s"}),
        },
        coords={"time": ("time", np.arange(len(values)) / _BACK_RATE_HZ, {"units": "s"}), "space": _SPACE},
        attrs={
            "person_id": str(info["Subject"]),
            "age_years": float(info["Age"]),
            "sex": str(info["Gender"]).lower(),
            "height_m": float(info["Height"]) / 100.0,
            "mass_kg": float(info["Weight"]),
            "fps": _BACK_RATE_HZ,
            "walk_start_s": bounds["TrialBoundaries"][0],
            "walk_end_s": bounds["TrialBoundaries"][1],
            "turn_start_s": bounds["UTurnBoundaries"][0],
            "turn_end_s": bounds["UTurnBoundaries"][1],
        },
    )
    return signals, events


def _read_back_signals(path: Path) -> np.ndarray:
    lines = read_text(path).splitlines()
    if "100 Hz" not in lines[0] or len(lines) < 3:
        raise InputError(
            f"{path.name} line 1: expected 'Acquisition frequency: 100 Hz', found {lines[0][:50]!r}"
        )
    require_columns(path.name, lines[1].split(), _BACK_COLUMNS)
    return read_numbers(path, lines[2:], len(_BACK_COLUMNS), 3)


def _read_pairs(file_name: str, field: str, pairs: object) -> list[tuple[float, float]]:
    try:
        seconds = [(float(first) / _BACK_RATE_HZ, float(last) / _BACK_RATE_HZ) for first, last in pairs]
        if any(last < first for first, last in seconds):
            raise ValueError
    except (TypeError, ValueError):
        raise InputError(f"{file_name}, field '{field}': expected pairs of rising sample numbers") from None
    return seconds


def read_freezing_recording(path: str | Path) -> xr.Dataset:
    """Read one walk of the Parkinson's freezing set."""
    name = Path(path).name
    rows = read_workbook_rows(path)
    if len(rows) < 3:
        raise InputError(f"{name}: holds no samples")
    header = [str(cell) for cell in rows[0]]
    columns = [f"imu_{sensor}_{kind}{axis}" for kind in "ag" for sensor in _FOG_SENSORS for axis in "xyz"]
    require_columns(name, header, ["subject_ID", "time", "freeze_label", *columns])
    try:
        values = np.array(rows[1:], dtype=float)  # empty cells become NaN
    except (TypeError, ValueError):
        raise InputError(f"{name}: a cell below the header is no number") from None
    place = {column: index for index, column in enumerate(header)}
    time_s = values[:, place["time"]]
    steps = np.diff(time_s)
    if not np.all(steps > 0):
        raise InputError(f"{name}, column 'time': does not rise at row {int(np.argmin(steps)) + 3}")
    block = values[:, [place[column] for column in columns]].reshape(len(values), 2, len(_FOG_SENSORS), 3)
    dimensions = ("time", "sensor", "space")
    return xr.Dataset(
        {
            "acceleration": (dimensions, block[:, 0], {"units": "m/s^2"}),
            "angular_velocity": (dimensions, block[:, 1], {"units": "rad/s"}),
            "freezing": ("time", values[:, place["freeze_label"]] > 0.5),
        },
        coords={
            "time": ("time", time_s - time_s[0], {"units": "s"}),
            "sensor": list(_FOG_SENSORS),
            "space": _SPACE,
        },
        attrs={"person_id": f"pt{int(values[0, place['subject_ID']])}", "fps": float(1 / np.median(steps))},
    )
