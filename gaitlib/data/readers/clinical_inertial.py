"""Inertial sensors at head, back and feet of healthy, neurological and orthopaedic cohorts (Voisard 2025)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.data.readers.text_tables import read_numbers, read_text, require_columns
from gaitlib.errors import InputError

_SENSORS = {"HE": "head", "LB": "lumbar", "LF": "foot_l", "RF": "foot_r"}
_COLUMNS = ["PacketCounter", *(f"{kind}_{axis}" for kind in ("Acc", "Gyr", "Mag") for axis in "XYZ")]
_FIELDS = ("subject", "freq", "leftGaitEvents", "rightGaitEvents", "uturnBoundaries")


def read_clinical_trial(folder: str | Path) -> tuple[xr.Dataset, pd.DataFrame]:
    """Read one trial: walk, U-turn, walk back.

    Voisard C et al. (2025) doi 10.6084/m9.figshare.28806086. The layout follows the set's description and
    loading code; it was not checked here on the set's own files.
    """
    folder = Path(folder)
    info, name = _read_info(folder)
    fps = float(info["freq"])
    blocks = {}
    for ending, sensor in _SENSORS.items():
        paths = sorted(folder.glob(f"*_{ending}.txt"))
        if len(paths) != 1:
            raise InputError(
                f"{folder.name}: found {len(paths)} files that end in _{ending}.txt, expected one"
            )
        lines = read_text(paths[0]).splitlines()
        require_columns(paths[0].name, lines[0].split() if lines else [], _COLUMNS)
        blocks[sensor] = read_numbers(paths[0], lines[1:], len(_COLUMNS), 2)
    n = min(len(block) for block in blocks.values())
    stacked = np.stack([block[:n] for block in blocks.values()], axis=1)
    turn = [sample / fps for sample in _read_pairs(name, "uturnBoundaries", [info["uturnBoundaries"]])[0]]
    dims = ("time", "sensor", "space")
    signals = xr.Dataset(
        {"acceleration": (dims, stacked[..., 1:4]), "angular_velocity": (dims, stacked[..., 4:7])},
        coords={"time": np.arange(n) / fps, "sensor": list(blocks), "space": ["x", "y", "z"]},
        attrs={
            "person_id": str(info["subject"]),
            "walk_id": folder.name,
            "cohort": str(info["subject"]).partition("_")[0],
            "fps": fps,
            "turn_start_s": turn[0],
            "turn_end_s": turn[1],
            "device": str(info.get("sensor", "unknown")),
            "age_years": float(info["age"]) if isinstance(info.get("age"), (int, float)) else float("nan"),
        },
    )
    rows = []
    for foot, field in (("l", "leftGaitEvents"), ("r", "rightGaitEvents")):
        for leaves, lands in _read_pairs(name, field, info[field]):
            rows += [(foot, "toe_off", leaves / fps), (foot, "initial_contact", lands / fps)]
    events = pd.DataFrame(rows, columns=["foot", "event", "time_s"])
    return signals, events.sort_values("time_s", ignore_index=True)


def _read_info(folder: Path) -> tuple[dict, str]:
    paths = sorted(folder.glob("*_meta.json"))
    if len(paths) != 1:
        raise InputError(f"{folder.name}: found {len(paths)} files that end in _meta.json, expected one")
    name = paths[0].name
    try:
        info = json.loads(read_text(paths[0]))
    except json.JSONDecodeError as error:
        raise InputError(f"{name}: not valid JSON, or truncated ({error})") from None
    require_columns(name, info if isinstance(info, dict) else [], _FIELDS)
    if not isinstance(info["freq"], (int, float)) or info["freq"] <= 0:
        raise InputError(f"{name}, field 'freq': found {info['freq']!r}, expected a positive number (Hz)")
    return info, name


def _read_pairs(name: str, field: str, pairs: object) -> list[tuple[float, float]]:
    try:
        found = [(float(first), float(last)) for first, last in pairs]
        if any(last < first for first, last in found):
            raise ValueError
    except (TypeError, ValueError):
        raise InputError(f"{name}, field '{field}': expected pairs of rising sample numbers") from None
    return found
