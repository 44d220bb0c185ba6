"""Walks of real people on force insoles, each with what was measured of it."""

from __future__ import annotations

import numpy as np
import xarray as xr

from gaitlib.data.packed import list_recordings, read_recording
from gaitlib.errors import InputError

_DUAL_TASK = "10"
_FACTS = ("height_m", "mass_kg", "age_years", "sex", "hoehn_yahr", "updrs_motor")


def load_insole_walks(dataset_id: str, purpose: str = "evaluate") -> list[xr.Dataset]:
    """Load walks on insoles: `force` (N), task (usual, counting) and the speed that the laboratory timed."""
    if dataset_id != "gaitpdb":
        raise InputError(f"data item '{dataset_id}' has no walks on insoles; known: gaitpdb")
    people = read_recording(dataset_id, "demographics.txt", purpose).set_index("person_id")
    walks = []
    for name in list_recordings(dataset_id, "*_*.txt"):
        person_id, _, number = name.removesuffix(".txt").partition("_")
        if person_id not in people.index:
            raise InputError(f"{dataset_id}/{name}: person '{person_id}' is not in demographics.txt")
        person = people.loc[person_id]
        about = {"origin": "real", "dataset": dataset_id, "subgroup": person["group"]}
        about |= {"person_id": person_id, "walk_id": f"{person_id}_{number}", "study": person["study"]}
        about |= {"task": "counting" if number == _DUAL_TASK else "usual"}
        about |= {fact: person[fact] for fact in _FACTS}
        about["reference_speed_mps"] = float(person.get(f"speed_{number}_mps", np.nan))
        walks.append(read_recording(dataset_id, name, purpose).assign_attrs(about))
    return walks
