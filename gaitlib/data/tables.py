"""Reference tables of the shared sets, by item id."""

from __future__ import annotations

import pandas as pd

from gaitlib.data.fetch import get_path
from gaitlib.data.manifest import Manifest
from gaitlib.data.packed import read_recording
from gaitlib.data.readers import clinical
from gaitlib.errors import InputError

_TABLES = {
    "speed_steplength_age": "h2a_allspeeds_43subs.csv",
    "gaitndd": "subject-description.txt",
    "parkinson_joint_angles": "PDGinfo.csv",
    "cp_video_benchmark": "Fig2a-d.csv",
}


def load_table(item_id: str, purpose: str, manifest: Manifest | None = None) -> pd.DataFrame:
    """Load the table of people or of published values of a set."""
    if item_id not in _TABLES:
        raise InputError(f"data item '{item_id}' has no table; items with one: {', '.join(_TABLES)}")
    if item_id == "parkinson_joint_angles":  # may not be shipped
        return clinical.read_parkinson_people(get_path(item_id, _TABLES[item_id], purpose, manifest))
    return read_recording(item_id, _TABLES[item_id], purpose, manifest)
