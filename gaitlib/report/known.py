"""What real recordings do tell about groups whose walking speed nobody has published with its motion."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gaitlib.evaluate.inputs import format_number

_JOINTS = {"hip": "Hip", "knee": "Knee", "ankle": "Ankle"}


def list_known(subgroup: str) -> tuple[pd.DataFrame, str, int | None] | None:
    """List what real recordings tell about a subgroup without an evaluation on real people.

    Parameters
    ----------
    subgroup : str
        Name of the subgroup.

    Returns
    -------
    tuple of (DataFrame, str, int or None) or None
        Table of strings, its caption, number of people; None where nothing is known.
    """
    if subgroup == "parkinsons":
        return _list_parkinson_ranges()
    if subgroup == "cerebral_palsy":
        return _list_video_benchmark()
    return None


def _list_parkinson_ranges() -> tuple[pd.DataFrame, str, int]:
    """Sagittal range of motion with and without medication, beside healthy adults."""
    from gaitlib.data.fetch import get_path
    from gaitlib.data.readers.clinical import read_joint_angle_bands

    bands = read_joint_angle_bands(get_path("parkinson_joint_angles", "Parkinsons_Data.csv", "evaluate"))
    keys = ["person_id", "group", "medication", "joint"]
    table = pd.DataFrame({key: bands[key].values for key in [*keys, "plane"]})
    table["range_deg"] = np.degrees(np.ptp(bands["angle"].values, axis=1))
    ranges = table[table["plane"] == "sagittal"].groupby(keys)["range_deg"].mean().reset_index()
    groups = {
        "Parkinson's disease, on medication": ("parkinsons", "on"),
        "Parkinson's disease, off medication": ("parkinsons", "off"),
        "Healthy adults": ("healthy_adult", ""),
    }
    rows = []
    for title, (group, medication) in groups.items():
        part = ranges[(ranges["group"] == group) & (ranges["medication"] == medication)]
        row = {"Group": title, "People": str(part["person_id"].nunique())}
        for joint, name in _JOINTS.items():
            values = part.loc[part["joint"] == joint, "range_deg"]
            row[f"{name}: range (°)"] = (
                f"{format_number(values.mean(), 0)} ({format_number(values.std(), 0)})"
            )
        rows.append(row)
    caption = (
        "Range of motion over the stride in the sagittal plane, mean (standard deviation) over people, "
        "computed from "
        "published joint angles (doi 10.6084/m9.figshare.14896881). Walking speed was not recorded with "
        "them, so they "
        "cannot test the estimator."
    )
    return pd.DataFrame(rows), caption, ranges.loc[ranges["group"] == "parkinsons", "person_id"].nunique()


def _list_video_benchmark() -> tuple[pd.DataFrame, str, None]:
    """Errors of a published model trained on real patients, from its published predictions."""
    from gaitlib.data.tables import load_table

    table = load_table("cp_video_benchmark", "evaluate")
    quantities = {
        "speed_mps": ("Walking speed (m/s)", 2),
        "cadence_spm": ("Cadence (steps/min)", 1),
        "gait_deviation_index": ("Gait Deviation Index", 1),
        "knee_flexion_at_max_extension_deg": ("Knee flexion at greatest extension (°)", 1),
    }
    rows = []
    for name, (title, decimals) in quantities.items():
        pairs = table[[name, f"{name}_predicted"]].dropna()
        error = (pairs[f"{name}_predicted"] - pairs[name]).abs().mean()
        r = pairs[name].corr(pairs[f"{name}_predicted"])
        rows.append(
            {
                "Quantity": title,
                "Rows": str(len(pairs)),
                "MAE": format_number(error, decimals),
                "r": format_number(r, 2),
            }
        )
    caption = (
        "A published model that was trained on patients with cerebral palsy (Kidzinski 2020, doi "
        "10.1038/s41467-020-17807-z): its errors against the gait laboratory, recomputed from the published "
        "predictions. Video and laboratory were not recorded at the same time. Its input is not part of "
        "the open data, "
        "so our estimator could not be run on it."
    )
    return pd.DataFrame(rows), caption, None
