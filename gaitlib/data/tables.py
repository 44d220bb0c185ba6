"""Reference tables of the shared sets, by item id."""

from __future__ import annotations

import pandas as pd

from gaitlib.data.fetch import get_path
from gaitlib.data.manifest import Manifest
from gaitlib.data.readers import clinical
from gaitlib.errors import InputError

_TABLES = {
    "speed_steplength_age": ("h2a_allspeeds_43subs.csv", clinical.read_speed_step_length),
    "gaitndd": ("subject-description.txt", clinical.read_stride_people),
    "parkinson_joint_angles": ("PDGinfo.csv", clinical.read_parkinson_people),
    "cp_video_benchmark": ("Fig2a-d.csv", clinical.read_video_benchmark),
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
    WorkError
        If the file is neither here nor can be downloaded.
    """
    if item_id not in _TABLES:
        raise InputError(f"data item '{item_id}' has no table; items with one: {', '.join(_TABLES)}")
    filename, read = _TABLES[item_id]
    return read(get_path(item_id, filename, purpose, manifest))
