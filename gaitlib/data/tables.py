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
    """Load the table of people or of published values of a set.

    Parameters
    ----------
    item_id : {'speed_steplength_age', 'gaitndd', 'parkinson_joint_angles', 'cp_video_benchmark'}
        Item of the manifest.
    purpose : {'evaluate', 'baseline', 'calibrate'}
        What the table is wanted for; the roles of the item must allow it.
    manifest : Manifest, optional
        By default the project's.

    Returns
    -------
    pandas.DataFrame
        As the reader of the set gives it (`gaitlib.data.readers.clinical`), units in the column names.

    Raises
    ------
    InputError
        If the item has no table, may not be used for the purpose, or its file is malformed.
    AbsentData
        If the file is neither here nor shipped.
    """
    if item_id not in _TABLES:
        raise InputError(f"data item '{item_id}' has no table; items with one: {', '.join(_TABLES)}")
    if item_id == "parkinson_joint_angles":  # may not be shipped
        return clinical.read_parkinson_people(get_path(item_id, _TABLES[item_id], purpose, manifest))
    return read_recording(item_id, _TABLES[item_id], purpose, manifest)
