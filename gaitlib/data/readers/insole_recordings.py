"""Force under both feet from insole sensors (PhysioNet gaitpdb): walks, and who walked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.data.readers.text_tables import read_numbers, read_text, require_columns
from gaitlib.errors import InputError

_RATE_HZ = 100.0
_N_COLUMNS = 19
_TOTAL_LEFT, _TOTAL_RIGHT = 17, 18
_LARGEST_HEIGHT_M = 3.0
_NUMBERS = {
    "Age": "age_years",
    "Height": "height_m",
    "Weight": "mass_kg",
    "HoehnYahr": "hoehn_yahr",
    "UPDRS": "updrs",
    "UPDRSM": "updrs_motor",
    "TUAG": "timed_up_and_go_s",
}
_GROUPS = {"1": "parkinsons", "2": "control"}
_SEXES = {"1": "m", "2": "f"}


def read_insole_walk(path: str | Path) -> xr.Dataset:
    """Read the vertical force of one walk."""
    name = Path(path).name
    values = read_numbers(path, read_text(path).splitlines(), _N_COLUMNS, 1)
    time_s = np.arange(len(values)) / _RATE_HZ
    # Step by step: the files add up hundredths in single precision and so drift by 9 ms in two minutes.
    off = np.flatnonzero(np.abs(np.diff(values[:, 0]) - 1.0 / _RATE_HZ) > 0.1 / _RATE_HZ)
    if len(off):
        raise InputError(
            f"{name} line {off[0] + 2}: time goes from {values[off[0], 0]:g} to {values[off[0] + 1, 0]:g} s, "
            "expected steps of 0.01 s; is a part missing?"
        )
    return xr.Dataset(
        {"force": (("time", "foot"), values[:, [_TOTAL_RIGHT, _TOTAL_LEFT]], {"units": "N"})},
        coords={"time": ("time", time_s, {"units": "s"}), "foot": ["r", "l"]},
        attrs={"source_file": name, "fps": _RATE_HZ},
    )


def read_insole_people(path: str | Path) -> pd.DataFrame:
    """Read who walked and how fast."""
    name = Path(path).name
    rows = [line.split("\t") for line in read_text(path).splitlines() if line.strip()]
    head = [word.strip() for word in rows[0]]
    speeds = {word: f"{word.lower()}_mps" for word in head if word.startswith("Speed_")}
    require_columns(name, head, ["ID", "Study", "Group", "Gender", *_NUMBERS, "Speed_01", "Speed_10"])
    people = []
    for row in rows[1:]:
        cells = dict(zip(head, (word.strip() for word in row), strict=False))
        group, sex = _GROUPS.get(cells["Group"]), _SEXES.get(cells["Gender"])
        if group is None or sex is None:
            raise InputError(
                f"{name}, person '{cells['ID']}': group '{cells['Group']}' or sex '{cells['Gender']}' is "
                "unknown; expected 1 or 2"
            )
        person = {"person_id": cells["ID"], "study": cells["Study"], "group": group, "sex": sex}
        for word, column in (_NUMBERS | speeds).items():
            try:
                person[column] = float(cells.get(word) or "nan")
            except ValueError:
                raise InputError(
                    f"{name}, person '{cells['ID']}': {word} is '{cells[word]}', expected a number"
                ) from None
        people.append(person)
    table = pd.DataFrame(people)
    in_cm = table["height_m"] > _LARGEST_HEIGHT_M
    table["height_m"] = table["height_m"].where(~in_cm, table["height_m"] / 100)
    return table
