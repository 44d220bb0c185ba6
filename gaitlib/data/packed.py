"""Recordings of real people that the project ships: packed from the originals, read where those are absent.

One netCDF file per set holds what the reader of each original gives, in one group per original: signals as
integers times a step (attribute `scale_factor`, so any netCDF reader gives physical units), tables of
published numbers unrounded (written by `studies/pack_recordings.py`). Originals win; a damaged original is an
error, never a reason to take the packed form. The roles of the manifest hold for both.
"""

from __future__ import annotations

import atexit
import functools
import json
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.data.fetch import check_purpose, get_path, has_right_hash, is_here
from gaitlib.data.manifest import DataItem, Manifest, load_manifest
from gaitlib.environment import ROOT
from gaitlib.errors import AbsentData, InputError

FOLDER = "data/recordings"
READERS = {
    "td_children_c3d": {"*.c3d": "c3d:read_c3d"},
    "cp_child": {
        "ExperimentalData_?.mat": "matlab:read_laboratory_strides",
        "*.mot": "opensim_files:read_coordinates",
    },
    "adult_3d": {"*.mat": "matlab:read_laboratory_strides"},
    "mobilised_lab": {
        "*/data.mat": "matlab:read_lower_back_tests",
        "*/infoForAlgo.mat": "matlab:read_lower_back_person",
    },
    "parkinson_fog_imu": {"*.xlsx": "inertial_recordings:read_freezing_recording"},
    "gaitndd": {
        "*.ts": "clinical:read_stride_table",
        "subject-description.txt": "clinical:read_stride_people",
    },
    "gaitpdb": {
        "demographics.txt": "insole_recordings:read_insole_people",
        "*_*.txt": "insole_recordings:read_insole_walk",
    },
    "speed_steplength_age": {"*.csv": "clinical:read_speed_step_length"},
    "cp_video_benchmark": {"Fig2a-d.csv": "clinical:read_video_benchmark"},
    "adult_walk_3d_moco": {
        "markers_walk.trc": "opensim_files:read_trc",
        "electromyography.sto": "opensim_files:read_opensim_table",
        "grf_walk.mot": "opensim_files:read_opensim_table",
        "id_walk.sto": "opensim_files:read_opensim_table",
        "coordinates.sto": "opensim_files:read_coordinates",
    },
}
"""What the pages read of the sets that may be shipped: name pattern -> reader of the original.

Models (.osim) are never packed."""
PACKED = "packed"
"""Attribute of what came from the packed form: the file it came from."""


def read_recording(item_id: str, filename: str, purpose: str, manifest: Manifest | None = None):
    """Read one recording: the original if the set is here, else what the project ships of it."""
    manifest = manifest or load_manifest()
    item = check_purpose(item_id, purpose, manifest)
    pattern = find_pattern(item_id, filename)
    if pattern is None:
        known = ", ".join(READERS.get(item_id, {}))
        raise InputError(f"data item '{item_id}' has no recording '{filename}'; it has {known or 'none'}")
    shipped = is_shipped(item_id, manifest)
    if not shipped or all(is_here(item_id, file) for file in list_originals(item_id, item)):
        try:
            return read_original(item_id, pattern, get_path(item_id, filename, purpose, manifest))
        except AbsentData:
            if not shipped:
                raise
    return read_packed(item_id, filename, manifest)


def list_recordings(item_id: str, pattern: str = "*", manifest: Manifest | None = None) -> list[str]:
    """List the names of the recordings of an item that match a pattern, in the order of the manifest."""
    item = (manifest or load_manifest()).get_item(item_id)
    return [file.name for file in list_originals(item_id, item) if fnmatchcase(file.name, pattern)]


def find_pattern(item_id: str, filename: str) -> str | None:
    """Find the pattern of `READERS` that a file's name matches."""
    return next((key for key in READERS.get(item_id, {}) if fnmatchcase(filename, key)), None)


def list_originals(item_id: str, item: DataItem) -> list:
    """List the files of an item that are packed."""
    return [file for file in item.files if find_pattern(item_id, file.name)]


def is_shipped(item_id: str, manifest: Manifest) -> bool:
    """Say whether the packed form of an item is listed in the manifest and lies here."""
    name = f"{FOLDER}/{item_id}.nc"
    return manifest.get_item(item_id).ship and name in manifest.artefacts and (ROOT / name).is_file()


def read_original(item_id: str, pattern: str, path: Path):
    """Read an original with the reader of its pattern."""
    module, function = READERS[item_id][pattern].split(":")
    return getattr(import_module(f"gaitlib.data.readers.{module}"), function)(path)


def read_packed(item_id: str, filename: str, manifest: Manifest):
    """Read one recording from the packed form."""
    name = f"{FOLDER}/{item_id}.nc"
    path = ROOT / name
    if not has_right_hash(path, manifest.artefacts[name]):
        raise InputError(f"{name} differs from the manifest (size or SHA-256): restore it, e.g. from git")
    return _assemble(_open(path, path.stat().st_mtime_ns), f"/{filename}", name)


@functools.lru_cache(maxsize=4)
def _open(path: Path, _changed: int):
    import h5netcdf

    stored = h5netcdf.File(path)
    atexit.register(stored.close)  # else it is closed too late, with noise
    return stored


def _read_part(group) -> xr.Dataset:
    """One group as a dataset. By hand: xarray's own way in takes seconds where there are many groups."""
    variables, named = {}, set(group.dimensions)
    for name, stored in group.variables.items():
        values, about = stored[...], dict(stored.attrs)
        if "scale_factor" in about:
            step, lowest = about.pop("scale_factor"), about.pop("_FillValue")
            values = np.where(values == lowest, np.nan, values * step)
        elif values.dtype.kind == "O":
            values = values.astype(str)
        elif about.pop("dtype", "") == "bool":
            values = values.astype(bool)
        units = {"units": about["units"]} if "units" in about else {}
        variables[name] = (stored.dimensions, values, units)
        named.update(str(about.get("coordinates", "")).split())
    coords = {name: variables.pop(name) for name in list(variables) if name in named}
    return xr.Dataset(variables, coords, dict(group.attrs))


def _assemble(tree, place: str, source: str):
    part = _read_part(tree[place])
    kind, about = part.attrs["kind"], part.attrs.get("about", "")
    if kind == "dataset":
        for key in [key for key in part.attrs if key.startswith("regular_")]:
            first, last, count = part.attrs.pop(key)
            part = part.assign_coords({key.removeprefix("regular_"): np.linspace(first, last, int(count))})
        del part.attrs["kind"]
        return part.assign_attrs({PACKED: source})
    if kind == "table":
        about = json.loads(about)
        numbers = part["numbers"].to_pandas() if "numbers" in part else None
        plain = {name: part[name].values for name in about["columns"] if name in part}
        table = pd.concat([pd.DataFrame(plain), numbers], axis=1)
        table = table.reindex(columns=about["columns"])
        table.attrs = about["attrs"] | {PACKED: source}
        return table
    if kind == "list":
        return [_assemble(tree, f"{place}/{number}", source) for number in range(int(about))]
    inner = {name: _assemble(tree, f"{place}/{name}", source) for name in tree[place].groups}
    fields = json.loads(about) | inner
    if kind == "dict":
        return fields
    module, name = kind.split(":")
    return getattr(import_module(module), name)(**fields)
