"""Pack what the pages read of recordings that may be shipped into data/recordings, with its data card.

`python studies/pack_recordings.py [ID ...]`, where every original is here; `gaitlib.data.packed` reads it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.data.fetch import get_path
from gaitlib.data.manifest import Manifest, find_obstacle, load_manifest
from gaitlib.data.packed import FOLDER, READERS, find_pattern, list_originals, read_original
from gaitlib.environment import ROOT
from gaitlib.errors import InputError, suggest_name

STEPS = {
    "marker_position": (1e-5, "m"),
    "plate_force": (0.05, "N"),
    "center_of_pressure": (1e-4, "m"),
    "analog": (1e-6, "V (raw EMG)"),
    "acceleration": (2e-3, "m/s^2"),
    "angular_velocity": (5e-4, "rad/s"),
    "position": (1e-5, "rad or m"),
    "joint_moment": (1e-3, "N m"),
    "force_share": (1e-5, "body weight"),
    "emg": (1e-5, "1"),
    "force": (1.0, "N (insoles)"),
}
"""Step of each quantity and its unit; the error is half of it."""


def _keep_child(recording):
    """Markers of the joint centres and the laboratory's own centres, plates, EMG."""
    sides = "KNE THI ANK TIB HLX TOE HEE SHO WRA WRB ELB FEP FEO TIO HUO ASI PSI FHD BHD".split()
    wanted = {f"{letter}{name}" for letter in "LR" for name in sides} | {"SACR", "C7", "CLAV"}
    markers, analog = recording.markers, recording.analog
    muscles = [label[:2] in ("L ", "R ") for label in analog["channel"].values]
    return dataclasses.replace(
        recording,
        markers=markers.sel(marker=[name in wanted for name in markers["marker"].values]),
        analog=analog.sel(channel=muscles),
    )


def _keep_legs_and_back(recording: xr.Dataset) -> xr.Dataset:
    return recording.sel(sensor=["lumbar", "ankle_r", "ankle_l", "foot_r", "foot_l"])


def _keep_columns(pattern: str) -> Callable:
    def keep(table: pd.DataFrame) -> pd.DataFrame:
        return table[["time", *(name for name in table.columns if fnmatchcase(name, pattern))]]

    return keep


class Recipe(NamedTuple):
    """What of the originals of one name pattern is packed."""

    keep: Callable = lambda value: value
    kept: str = "all that the reader gives"
    step: float | None = None
    """Of all columns but time, for tables that hold a signal; other tables are not rounded."""


RECIPES = {
    ("td_children_c3d", "*.c3d"): Recipe(
        _keep_child,
        "markers of the joint centres, the laboratory's own centres, plates, events, measures, raw EMG",
    ),
    ("parkinson_fog_imu", "*.xlsx"): Recipe(
        _keep_legs_and_back, "lumbar, ankle and foot sensors, freezing labels"
    ),
    ("adult_walk_3d_moco", "electromyography.sto"): Recipe(step=1e-5),
    ("adult_walk_3d_moco", "grf_walk.mot"): Recipe(_keep_columns("ground_force_?_v?"), "force", 0.01),
    ("adult_walk_3d_moco", "id_walk.sto"): Recipe(_keep_columns("pelvis_*"), "residuals at the pelvis", 0.01),
}
"""Others are packed as they are read."""


def pack_item(item_id: str, folder: str | Path, manifest: Manifest | None = None) -> Path:
    """Pack what the pages use of one set from its originals; equal originals give equal bytes."""
    manifest = manifest or load_manifest()
    item = manifest.get_item(item_id)
    obstacle = find_obstacle(item.licence)
    if not item.ship or obstacle:
        reason = obstacle or "its row does not say `ship: true`"
        raise InputError(f"data item '{item_id}' may not be shipped: {reason} (licence: {item.licence})")
    if item_id not in READERS:
        raise InputError(f"data item '{item_id}' has no recipe to pack it{suggest_name(item_id, READERS)}")
    about = {"set": item_id, "licence": item.licence, "notice": item.notice}
    about["changes"] = "packed by gaitlib: parts taken, signals rounded"
    parts = {"/": xr.Dataset(attrs=about)}
    for file in list_originals(item_id, item):
        pattern = find_pattern(item_id, file.name)
        recipe = RECIPES.get((item_id, pattern), Recipe())
        path = get_path(item_id, file.name, item.roles[0], manifest)
        value = recipe.keep(read_original(item_id, pattern, path))
        parts |= _dismantle(value, f"/{file.name}", recipe.step)
    encoding = {place: _choose_encoding(part) for place, part in parts.items()}
    target = Path(folder) / f"{item_id}.nc"
    target.parent.mkdir(parents=True, exist_ok=True)
    xr.DataTree.from_dict(parts).to_netcdf(target, engine="h5netcdf", encoding=encoding)
    return target


def _dismantle(value, place: str, step: float | None = None) -> dict[str, xr.Dataset]:
    """Value of a reader -> parts by place; attribute `kind` says how to put them together again."""
    if isinstance(value, xr.Dataset):
        part = value.copy()
        for name in list(part.coords):
            values = part[name].values
            if values.dtype.kind == "f" and len(values) > 2 and _is_regular(values):
                part = part.drop_vars(name)
                part.attrs[f"regular_{name}"] = [values[0], values[-1], float(len(values))]
        return {place: part.assign_attrs(kind="dataset")}
    if isinstance(value, pd.DataFrame):
        about = {"columns": list(value.columns), "attrs": value.attrs}
        numbers = [name for name in value.columns if value[name].dtype == float and name != "time"]
        part = xr.Dataset(attrs={"kind": "table", "about": json.dumps(about)})
        if len(value):
            part = part.assign({name: ("row", _plain(value[name])) for name in value.columns.drop(numbers)})
        if len(value) and numbers:
            part = part.assign_coords(column=numbers)
            part["numbers"] = (("row", "column"), value[numbers].to_numpy(), {"step": step} if step else {})
        return {place: part}
    if isinstance(value, list):
        parts = {place: xr.Dataset(attrs={"kind": "list", "about": str(len(value))})}
        for number, element in enumerate(value):
            parts |= _dismantle(element, f"{place}/{number}")
        return parts
    if dataclasses.is_dataclass(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        kind = f"{type(value).__module__}:{type(value).__name__}"
    else:
        fields, kind = value, "dict"
    parts, plain = {}, {}
    for name, element in fields.items():
        if isinstance(element, (xr.Dataset, pd.DataFrame)):
            parts |= _dismantle(element, f"{place}/{name}")
        else:
            plain[name] = element
    return {place: xr.Dataset(attrs={"kind": kind, "about": json.dumps(plain)})} | parts


def _is_regular(values: np.ndarray) -> bool:
    return np.allclose(values, np.linspace(values[0], values[-1], len(values)), rtol=0, atol=1e-9)


def _plain(column: pd.Series) -> np.ndarray:
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return column.to_numpy()
    return column.astype(str).to_numpy(dtype=object)


def _choose_encoding(part: xr.Dataset) -> dict[str, dict]:
    """Integers of 16 bits where the range allows it, else 32; all compressed."""
    chosen = {}
    for name, variable in part.variables.items():
        step = variable.attrs.pop(
            "step", STEPS.get(name, (None,))[0] if part.attrs.get("kind") == "dataset" else None
        )
        if variable.dtype.kind not in "fiub" or not variable.size:
            continue
        chosen[name] = {"zlib": True, "complevel": 9, "shuffle": True}
        if step and variable.dtype.kind == "f":
            bits = 16 if np.nanmax(np.abs(variable.values)) < 32767 * step else 32
            lowest = np.iinfo(f"int{bits}").min
            chosen[name] |= {"dtype": f"int{bits}", "scale_factor": step, "_FillValue": lowest}
    return chosen


_CARD = Path(__file__).with_name("recordings_card.md")


def write_card(target: str | Path, manifest: Manifest) -> Path:
    """Write the data card: who, licence and notice, source, hashes of the originals, what was kept."""
    rows = [("quantity", "step", "unit"), ("---", "---", "---")]
    rows += [(name, f"{step:g}", unit) for name, (step, unit) in STEPS.items()]
    rows += [
        (f"columns of {pattern}", f"{recipe.step:g}", "as in the file")
        for (_, pattern), recipe in RECIPES.items() if recipe.step
    ]  # fmt: skip
    steps, sets = "".join(f"| {' | '.join(row)} |\n" for row in rows), ""
    for item_id in READERS:
        item = manifest.get_item(item_id)
        files = list_originals(item_id, item)
        listed = "".join(f"{file.name} {file.sha256}\n" for file in files)
        digest = hashlib.sha256(listed.encode()).hexdigest()
        originals = f"{len(files)} files, each with its SHA-256 in data_manifest.yaml; SHA-256 of that list: "
        lines = [
            ("Who", f"{item.subgroup}; {item.n_people}; role {', '.join(item.roles)}"),
            ("Licence", f"{item.licence}. {item.notice}"),
            ("Source", _find_source(files[0].url) + (f"; doi {item.doi}" if item.doi else "")),
            ("Ethics", item.ethics),
            ("Kept", "; ".join(f"{key}: {RECIPES.get((item_id, key), Recipe()).kept}"
                               for key in READERS[item_id])),
            ("Originals", originals + digest),
            ("Caveat", item.caveat),
        ]  # fmt: skip
        sets += f"## {item_id}.nc: {item.title}\n\n"
        sets += "".join(f"- **{word}**: {said}\n" for word, said in lines if said) + "\n"
    card = _CARD.read_text(encoding="utf-8").format(steps=steps, sets=sets)
    Path(target).write_text(card, encoding="utf-8")
    return Path(target)


def _find_source(url: str) -> str:
    """Repository and commit, or folder, of a public address."""
    parts = url.split("/")
    if parts[2] == "raw.githubusercontent.com":
        return f"https://github.com/{parts[3]}/{parts[4]}, commit {parts[5]}"
    return url.rpartition("/")[0]


def main(ids: list[str]) -> None:
    """Pack sets, all by default, and write the card."""
    manifest = load_manifest()
    for item_id in ids or READERS:
        path = pack_item(item_id, ROOT / FOLDER, manifest)
        content = path.read_bytes()
        print(f"{FOLDER}/{path.name}: bytes {len(content)}, sha256 {hashlib.sha256(content).hexdigest()}")
    write_card(ROOT / FOLDER / "README.md", manifest)
    print("If they changed: their rows under `artefacts` of data_manifest.yaml, and commit")


if __name__ == "__main__":
    main(sys.argv[1:])
