"""CSV and spreadsheet sets: stride tables, joint-angle bands, published benchmarks, diagnoses."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.data.readers.text_tables import convert_to_numbers, read_csv, read_numbers, read_text
from gaitlib.errors import InputError

_STEP_COLUMNS = {
    "Subject": "person_id",
    "AgeGroup": "age_group",
    "Gender": "sex",
    "Age": "age_years",
    "Height": "height_m",
    "Mass": "mass_kg",
    "LegLength": "leg_length_m",
    "SpeedCat": "speed_level",
    "SpeedComf": "comfortable_speed_mps",
    "Speed": "speed_mps",
    "StepLength": "step_length_m",
    "Cadence": "cadence_spm",
}
_STRIDE_COLUMNS = (
    "elapsed_s",
    *("stride_time_l_s", "stride_time_r_s", "swing_time_l_s", "swing_time_r_s"),
    *("swing_l_percent", "swing_r_percent", "stance_time_l_s", "stance_time_r_s"),
    *("stance_l_percent", "stance_r_percent", "double_support_time_s", "double_support_percent"),
)
_PLANES = {1: "frontal", 2: "sagittal", 3: "transverse"}
_GROUPS = {"SUB": "parkinsons", "WBDS": "healthy_adult", "TF": "amputee"}
_BENCHMARK_COLUMNS = {
    "speed": "speed_mps",
    "cadence": "cadence_spm",
    "GDI": "gait_deviation_index",
    "KneeFlex_maxExtension": "knee_flexion_at_max_extension_deg",
}
_BENCHMARK_FACTOR = {"cadence": 120.0}
"""The file counts strides per second; a step is half a stride and a minute has 60 s."""


def read_speed_step_length(path: str | Path) -> pd.DataFrame:
    """Read the table of speed, step length and cadence of young and older adults."""
    text = ("Subject", "AgeGroup", "Gender", "SpeedCat")
    table = read_csv(path, _STEP_COLUMNS, [name for name in _STEP_COLUMNS if name not in text])
    table = table[list(_STEP_COLUMNS)].rename(columns=_STEP_COLUMNS)
    return table.assign(age_group=table["age_group"].str.lower(), sex=table["sex"].str.lower())


def read_stride_table(path: str | Path) -> pd.DataFrame:
    """Read one stride table (.ts) of the neurodegenerative disease set."""
    lines = read_text(path).splitlines()
    return pd.DataFrame(read_numbers(path, lines, len(_STRIDE_COLUMNS), 1), columns=_STRIDE_COLUMNS)


def read_stride_people(path: str | Path) -> pd.DataFrame:
    """Read who is in the neurodegenerative disease set."""
    name = Path(path).name
    lines: list[str] = []
    for line in read_text(path).splitlines()[1:]:
        if line[:1].isspace() and line.strip() and lines:
            lines[-1] += " " + line.strip()  # one row of the original is broken over two lines
        elif line.strip():
            lines.append(line)
    rows = []
    for line in lines:
        words = ["nan" if word == "MISSING" else word for word in line.split()]
        if len(words) != 8:
            raise InputError(f"{name}, row '{words[0]}': found {len(words)} values, expected 8")
        rows.append(words)
    columns = ["person_id", "group", "age_years", "height_m", "mass_kg", "sex", "speed_mps", "severity"]
    table = pd.DataFrame(rows, columns=columns)
    groups = {"control": "control", "park": "parkinsons", "hunt": "huntington", "als": "als"}
    kind = table["person_id"].str.replace(r"\d+$", "", regex=True)
    if not kind.isin(groups).all():
        raise InputError(f"{name}: unknown person '{table['person_id'][~kind.isin(groups)].iloc[0]}'")
    table["group"] = kind.map(groups)
    for column in ("age_years", "height_m", "mass_kg", "speed_mps", "severity"):
        table[column] = convert_to_numbers(name, column, table[column].replace("nan", np.nan))
    return table


def read_joint_angle_bands(path: str | Path) -> xr.Dataset:
    """Read the joint angles in Parkinson's disease, healthy and amputee adults."""
    curves = [f"GCpc_{index}" for index in range(101)]
    table = read_csv(path, ["SessionID", "Side", "VariableName", "Dim", *curves], ["Dim", *curves])
    name = Path(path).name
    parts = table["SessionID"].astype(str).str.extract(r"^(SUB|WBDS|TF)(\d+)(?:_(on|off))?$")
    if parts[0].isna().any():
        raise InputError(f"{name}: unknown SessionID '{table['SessionID'][parts[0].isna()].iloc[0]}'")
    if not table["Dim"].isin(_PLANES).all() or not table["Side"].isin(["L", "R"]).all():
        raise InputError(f"{name}: expected Dim 1, 2 or 3 and Side L or R")
    joint = table["VariableName"].str.removesuffix("Angles").str.lower()
    joint = joint.replace("footprogress", "foot_progression")
    records = {
        "person_id": parts[0] + parts[1],
        "group": parts[0].map(_GROUPS),
        "medication": parts[2].fillna(""),
        "side": table["Side"].str.lower(),
        "joint": joint,
        "plane": table["Dim"].map(_PLANES),
    }
    return xr.Dataset(
        {"angle": (("record", "phase"), np.radians(table[curves].to_numpy()), {"units": "rad"})},
        coords={
            "phase": ("phase", np.arange(101.0), {"units": "% of stride"}),
            **{key: ("record", values.to_numpy(dtype=str)) for key, values in records.items()},
        },
        attrs={"source_file": name},
    )


def read_video_benchmark(path: str | Path) -> pd.DataFrame:
    """Read the published predictions beside gait-lab values in cerebral palsy."""
    wanted = [suffix for name in _BENCHMARK_COLUMNS for suffix in (name, f"{name}_pred_corrected")]
    table = read_csv(path, wanted, wanted)
    result = pd.DataFrame(index=table.index)
    for name, new in _BENCHMARK_COLUMNS.items():
        factor = _BENCHMARK_FACTOR.get(name, 1.0)
        result[new] = table[name] * factor
        result[f"{new}_predicted"] = table[f"{name}_pred_corrected"] * factor
    return result


def read_diagnoses(path: str | Path) -> dict[str, str]:
    """Read the diagnosis of every trial of the BVH set."""
    diagnoses: dict[str, str] = {}
    for number, row in enumerate(read_workbook_rows(path), start=1):
        cells = [str(cell).strip() for cell in row if cell is not None]
        if not cells:
            continue
        if len(cells) != 2 or not re.fullmatch(r"Subject\w+_Cycle\d+", cells[0]):
            raise InputError(f"{Path(path).name} row {number}: expected trial and diagnosis, found {cells}")
        diagnoses[cells[0]] = cells[1]
    return diagnoses


def read_workbook_rows(path: str | Path) -> list[tuple]:
    """Read the rows of the first sheet of a workbook."""
    import openpyxl

    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path.name}: no such file")
    try:
        workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
        rows = list(workbook.worksheets[0].iter_rows(values_only=True))
        workbook.close()
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError) as error:
        raise InputError(f"{path.name}: not a readable .xlsx workbook ({error})") from None
    return rows
