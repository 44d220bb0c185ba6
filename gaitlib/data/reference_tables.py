"""Reference tables of the shared sets, by item id."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from gaitlib.data.packed import read_recording
from gaitlib.errors import InputError

_TABLES = {
    "speed_steplength_age": "h2a_allspeeds_43subs.csv",
    "gaitndd": "subject-description.txt",
    "cp_video_benchmark": "Fig2a-d.csv",
}


def load_table(item_id: str, purpose: str) -> pd.DataFrame:
    """Load the table of people or of published values of a set."""
    if item_id not in _TABLES:
        raise InputError(f"data item '{item_id}' has no table; items with one: {', '.join(_TABLES)}")
    return read_recording(item_id, _TABLES[item_id], purpose)


def load_stride_people(item_id: str, groups: Iterable[str], purpose: str) -> pd.DataFrame:
    """Load a set of stride tables, one row per person of the groups: what `summarise_strides` gives."""
    people = load_table(item_id, purpose)
    rows = []
    for person in people[people["group"].isin(list(groups))].itertuples():
        strides = read_recording(item_id, f"{person.person_id}.ts", purpose)
        about = {"person_id": person.person_id, "group": person.group, "speed_mps": person.speed_mps}
        rows.append(about | summarise_strides(strides))
    return pd.DataFrame(rows)


def summarise_strides(strides: pd.DataFrame, first_s: float = 20.0) -> dict[str, float]:
    """Summarise strides as the authors do: without the first 20 s and strides beyond 3 SD (turns)."""
    columns = ["stride_time_l_s", "stride_time_r_s"]
    kept = strides[strides["elapsed_s"] > strides["elapsed_s"].iloc[0] + first_s]
    times = kept[columns]
    kept = kept[((times - times.median()).abs() <= 3 * times.std()).all(axis=1)]
    times = kept[columns]
    return {
        "n_strides": len(kept),
        "stride_time_s": float(times.mean().mean()),
        "stride_time_cv": float((times.std() / times.mean()).mean()),
        "stance_share": float(kept[["stance_l_percent", "stance_r_percent"]].mean().mean() / 100),
        "double_support_share": float(kept["double_support_percent"].mean() / 100),
    }
