"""Walks of people with Parkinson's disease and controls with insole force and measured speed (gaitpdb)."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from gaitlib.data.manifest import Manifest, load_manifest
from gaitlib.data.packed import list_recordings, read_recording
from gaitlib.errors import InputError


def read_gaitpdb(purpose: str = "evaluate", manifest: Manifest | None = None) -> list[xr.Dataset]:
    """Read every walk with its force, speed and person."""
    item, manifest = "gaitpdb", manifest or load_manifest()
    people = read_recording(item, "demographics.txt", purpose, manifest).set_index("person_id")
    speeds = [name for name in people.columns if name.startswith("speed_")]
    walks = []
    for name in list_recordings(item, "*_*.txt", manifest):
        walk_id = Path(name).stem
        person_id, _, number = walk_id.partition("_")
        if person_id not in people.index:
            raise InputError(f"demographics.txt: has no person '{person_id}' of {name}")
        person = people.loc[person_id]
        about = {"dataset": item, "subgroup": person["group"], "person_id": person_id, "walk_id": walk_id}
        about |= {"origin": "real", "second_task": int(number == "10")}
        about |= {"reference_speed_mps": float(person.get(f"speed_{number}_mps", float("nan")))}
        about |= person.drop([*speeds, "group"]).to_dict()
        walks.append(read_recording(item, name, purpose, manifest).assign_attrs(about))
    return walks
