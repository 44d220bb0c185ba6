"""Write data/targets/healthy_adult.csv: percentiles of gait over the 42 people of role calibrate."""

from pathlib import Path

import numpy as np
import pandas as pd

from gaitlib.data.fetch import get_path
from gaitlib.data.readers.clinical import read_joint_angle_bands

FOLDER = Path(__file__).parents[1] / "data" / "targets"


def measure_people() -> pd.DataFrame:
    """Features of one person a row, mean of both sides, as `notebooks/1_cohorts.ipynb` names them."""
    data = read_joint_angle_bands(get_path("wbds_joint_angles", "Parkinsons_Data.csv", "calibrate"))
    own = (data["group"] == "healthy_adult") & (data["plane"] == "sagittal")
    data = data.isel(record=own.values)
    angle = pd.DataFrame(np.degrees(data["angle"].values))
    keys = [data["joint"].values, data["person_id"].values]
    extremes = pd.DataFrame({"least": angle.min(axis=1), "most": angle.max(axis=1), "contact": angle[0]})
    sides = extremes.assign(mean=angle.mean(axis=1)).groupby(keys).mean()
    least, most, contact = sides["least"], sides["most"], sides["contact"]
    features = {
        "pelvis_anterior_tilt_mean_deg": sides["mean"]["pelvis"],
        "pelvis_tilt_range_deg": most["pelvis"] - least["pelvis"],
        "hip_flexion_min_deg": least["hip"],
        "hip_flexion_max_deg": most["hip"],
        "hip_range_deg": most["hip"] - least["hip"],
        "knee_flexion_contact_deg": contact["knee"],
        "knee_flexion_max_swing_deg": most["knee"],
        "knee_range_deg": most["knee"] - least["knee"],
        "ankle_dorsiflexion_contact_deg": contact["ankle"],
        "ankle_dorsiflexion_max_stance_deg": most["ankle"],
        "ankle_dorsiflexion_min_deg": least["ankle"],
        "ankle_range_deg": most["ankle"] - least["ankle"],
    }
    return pd.DataFrame(features)


if __name__ == "__main__":
    people = measure_people()
    table = people.quantile([0.05, 0.25, 0.5, 0.75, 0.95]).T.round(2)
    table.columns = ["p05", "p25", "p50", "p75", "p95"]
    table["n_people"] = len(people)
    table.rename_axis("feature").to_csv(FOLDER / "healthy_adult.csv")
    people.corr("spearman").round(3).rename_axis("feature").to_csv(
        FOLDER / "healthy_adult_rank_correlation.csv"
    )
