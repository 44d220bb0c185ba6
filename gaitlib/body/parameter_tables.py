"""Muscle and segment parameters that come with the package: plain tables with one source per row."""

from __future__ import annotations

import csv
import json
from functools import cache
from pathlib import Path

import numpy as np

_FOLDER = Path(__file__).parent
_MUSCLE_NUMBERS = (
    "max_isometric_force_n",
    "optimal_fiber_length_m",
    "tendon_slack_length_m",
    "pennation_rad",
)


@cache
def load_muscles() -> dict:
    """Load the muscle groups: parameters from `muscles.csv`, paths from `muscle_table.json`."""
    paths = json.loads((_FOLDER / "muscle_table.json").read_text(encoding="utf-8"))
    muscles = {}
    for row in _read("muscles.csv"):
        muscles[row["group"]] = paths["muscles"][row["group"]] | {
            "members": row["members"].split(),
            "joints": row["joints"].split(),
            "source": row["source"],
            **{name: float(row[name]) for name in _MUSCLE_NUMBERS},
        }
    return {"reference_lengths_m": paths["reference_lengths_m"], "muscles": muscles}


@cache
def load_segments() -> dict[str, float]:
    """Load the segment shares of `segments.csv` that hold at every age."""
    return {row["quantity"]: float(row["value"]) for row in _read("segments.csv") if not row["age_years"]}


@cache
def load_sitting_height() -> np.ndarray:
    """Load the sitting height by age; shape (n, 2), years."""
    rows = [row for row in _read("segments.csv") if row["quantity"] == "sitting_height"]
    return np.array([[float(row["age_years"]), float(row["value"])] for row in rows])


def _read(name: str) -> list[dict[str, str]]:
    with (_FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
