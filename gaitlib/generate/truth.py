"""Do the curves of a stride say what its table says? Outcomes by the definitions of `gaitlib.outcomes`."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.outcomes import compute_gait_outcomes
from gaitlib.person import Person

OUTCOME_NAMES = ("speed_mps", "step_length_m", "step_time_s", "stance_share", "double_support_share")
ASKED_NAMES = OUTCOME_NAMES[:3]
"""Outcomes that speed and stride time prescribe."""
OUTCOME_TOLERANCE = 0.02
"""They may differ by this share from what was asked for."""

_PERSON = ["age_years", "sex", "height_m", "mass_kg"]


def compute_outcomes(table: pd.DataFrame, gaits: xr.Dataset) -> pd.DataFrame:
    """Compute the outcomes of strides from their curves.

    Parameters
    ----------
    table : DataFrame
        age_years, sex, height_m, mass_kg of each stride.
    gaits : xarray.Dataset
        Gait set in the same order.

    Returns
    -------
    DataFrame
        Columns `OUTCOME_NAMES`, index as `table`.
    """
    rows = []
    for index, person in enumerate(table[_PERSON].to_dict("records")):
        gait = gaits.isel(gait=index).drop_vars("gait")
        outcomes = compute_gait_outcomes(gait, compute_dimensions(Person.model_construct(**person)))
        rows.append({name: outcomes[name] for name in OUTCOME_NAMES})
    return pd.DataFrame(rows, index=table.index)


def compare_with_asked(table: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Compare outcomes of the curves with speed and stride time that were asked for.

    Parameters
    ----------
    table : DataFrame
        speed_mps and stride_time_s of each stride.
    outcomes : DataFrame
        As `compute_outcomes`.

    Returns
    -------
    DataFrame
        Columns `ASKED_NAMES`: absolute difference over the value asked for (1).
    """
    asked = pd.DataFrame(
        {
            "speed_mps": table["speed_mps"],
            "step_length_m": 0.5 * table["speed_mps"] * table["stride_time_s"],
            "step_time_s": 0.5 * table["stride_time_s"],
        }
    )
    return (outcomes[list(ASKED_NAMES)] / asked - 1.0).abs()
