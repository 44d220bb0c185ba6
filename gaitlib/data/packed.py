"""Recordings of real people that the project ships: packed from the originals, read where those are absent.

One netCDF file per set holds what the reader of each original gives, in one group per original: signals as
integers times a step (attribute `scale_factor`, so any netCDF reader gives physical units), tables of
published numbers unrounded. Originals win; a damaged original is an error, never a reason to take the packed
form. The roles of the manifest hold for both.
"""

from __future__ import annotations

import atexit
import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.data.fetch import check_purpose, get_path, has_right_hash, is_here
from gaitlib.data.manifest import DataItem, Manifest, find_obstacle, load_manifest
from gaitlib.environment import ROOT
from gaitlib.errors import AbsentData, InputError, suggest_name

FOLDER = "data/recordings"
PACKED = "packed"
"""Attribute of what came from the packed form: the file it came from."""

STEPS = {
    "marker_position": 1e-5,
    "plate_force": 0.05,
    "center_of_pressure": 1e-4,
    "analog": 1e-6,
    "acceleration": 2e-3,
    "angular_velocity": 5e-4,
    "position": 1e-5,
    "joint_moment": 1e-3,
    "force_share": 1e-5,
    "emg": 1e-5,
    "force": 1.0,
}
"""Step of each quantity in its unit (m, N, V, m/s^2, rad/s, rad, N m, body weight, 1); error: half of it."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How the originals of one name pattern are read and what of them is packed."""

    pattern: str
    reader: str
    keep: Callable = lambda value: value
    kept: str = "all that the reader gives"
    step: float | None = None
    """Of all columns but time, for tables that hold a signal; other tables are not rounded."""


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


RECIPES = {
    "td_children_c3d": [
        Recipe(
            "*.c3d",
            "c3d:read_c3d",
            _keep_child,
            "markers of the joint centres, the laboratory's own centres, plates, events, measures, raw EMG",
        )
    ],
    "cp_child": [
        Recipe("ExperimentalData_?.mat", "matlab:read_laboratory_strides"),
        Recipe("*.mot", "opensim_files:read_coordinates"),
    ],
    "adult_3d": [Recipe("*.mat", "matlab:read_laboratory_strides")],
    "mobilised_lab": [
        Recipe("*/data.mat", "matlab:read_lower_back_tests"),
        Recipe("*/infoForAlgo.mat", "matlab:read_lower_back_person"),
    ],
    "parkinson_fog_imu": [
        Recipe(
            "*.xlsx",
            "inertial_recordings:read_freezing_recording",
            _keep_legs_and_back,
            "lumbar, ankle and foot sensors, freezing labels",
        )
    ],
    "gaitndd": [
        Recipe("*.ts", "clinical:read_stride_table"),
        Recipe("subject-description.txt", "clinical:read_stride_people"),
    ],
    "gaitpdb": [
        Recipe("demographics.txt", "insole:read_insole_people"),
        Recipe("*_*.txt", "insole:read_insole_walk"),
    ],
    "speed_steplength_age": [Recipe("*.csv", "clinical:read_speed_step_length")],
    "cp_video_benchmark": [Recipe("Fig2a-d.csv", "clinical:read_video_benchmark")],
    "adult_walk_3d_moco": [
        Recipe("markers_walk.trc", "opensim_files:read_trc"),
        Recipe("electromyography.sto", "opensim_files:read_opensim_table", step=1e-5),
        Recipe(
            "grf_walk.mot",
            "opensim_files:read_opensim_table",
            _keep_columns("ground_force_?_v?"),
            "force",
            0.01,
        ),
        Recipe(
            "id_walk.sto",
            "opensim_files:read_opensim_table",
            _keep_columns("pelvis_*"),
            "residuals at the pelvis",
            0.01,
        ),
        Recipe("coordinates.sto", "opensim_files:read_coordinates"),
    ],
}
"""What the pages read of the sets that may be shipped. Models (.osim) are never packed."""


def read_recording(item_id: str, filename: str, purpose: str, manifest: Manifest | None = None):
    """Read one recording: the original if the set is here, else what the project ships of it."""
    manifest = manifest or load_manifest()
    item = check_purpose(item_id, purpose, manifest)
    recipe = find_recipe(item_id, filename)
    if recipe is None:
        known = ", ".join(recipe.pattern for recipe in RECIPES.get(item_id, []))
        raise InputError(f"data item '{item_id}' has no recording '{filename}'; it has {known or 'none'}")
    shipped = is_shipped(item_id, manifest)
    if not shipped or all(is_here(item_id, file) for file in list_originals(item_id, item)):
        try:
            return _read_original(recipe, get_path(item_id, filename, purpose, manifest))
        except AbsentData:
            if not shipped:
                raise
    return _read_packed(item_id, filename, manifest)


def list_recordings(item_id: str, pattern: str = "*", manifest: Manifest | None = None) -> list[str]:
    """List the names of the recordings of an item that match a pattern, in the order of the manifest."""
    item = (manifest or load_manifest()).get_item(item_id)
    return [file.name for file in list_originals(item_id, item) if fnmatchcase(file.name, pattern)]


def find_recipe(item_id: str, filename: str) -> Recipe | None:
    """Find how a file is packed."""
    recipes = RECIPES.get(item_id, [])
    return next((recipe for recipe in recipes if fnmatchcase(filename, recipe.pattern)), None)


def list_originals(item_id: str, item: DataItem) -> list:
    """List the files of an item that are packed."""
    return [file for file in item.files if find_recipe(item_id, file.name)]


def is_shipped(item_id: str, manifest: Manifest) -> bool:
    """Say whether the packed form of an item is listed in the manifest and lies here."""
    name = f"{FOLDER}/{item_id}.nc"
    return manifest.get_item(item_id).ship and name in manifest.artefacts and (ROOT / name).is_file()


def pack_item(item_id: str, folder: str | Path, manifest: Manifest | None = None) -> Path:
    """Pack what the pages use of one set from its originals; equal originals give equal bytes."""
    manifest = manifest or load_manifest()
    item = manifest.get_item(item_id)
    obstacle = find_obstacle(item.licence)
    if not item.ship or obstacle:
        reason = obstacle or "its row does not say `ship: true`"
        raise InputError(f"data item '{item_id}' may not be shipped: {reason} (licence: {item.licence})")
    if item_id not in RECIPES:
        raise InputError(f"data item '{item_id}' has no recipe to pack it{suggest_name(item_id, RECIPES)}")
    about = {"set": item_id, "licence": item.licence, "notice": item.notice}
    about["changes"] = "packed by gaitlib: parts taken, signals rounded"
    parts = {"/": xr.Dataset(attrs=about)}
    for file in list_originals(item_id, item):
        recipe = find_recipe(item_id, file.name)
        value = recipe.keep(_read_original(recipe, get_path(item_id, file.name, item.roles[0], manifest)))
        parts |= _dismantle(value, f"/{file.name}", recipe.step)
    encoding = {place: _choose_encoding(part) for place, part in parts.items()}
    target = Path(folder) / f"{item_id}.nc"
    target.parent.mkdir(parents=True, exist_ok=True)
    xr.DataTree.from_dict(parts).to_netcdf(target, engine="h5netcdf", encoding=encoding)
    return target


def _read_original(recipe: Recipe, path: Path):
    module, function = recipe.reader.split(":")
    return getattr(import_module(f"gaitlib.data.readers.{module}"), function)(path)


def _read_packed(item_id: str, filename: str, manifest: Manifest):
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
        step = variable.attrs.pop("step", STEPS.get(name) if part.attrs.get("kind") == "dataset" else None)
        if variable.dtype.kind not in "fiub" or not variable.size:
            continue
        chosen[name] = {"zlib": True, "complevel": 9, "shuffle": True}
        if step and variable.dtype.kind == "f":
            bits = 16 if np.nanmax(np.abs(variable.values)) < 32767 * step else 32
            lowest = np.iinfo(f"int{bits}").min
            chosen[name] |= {"dtype": f"int{bits}", "scale_factor": step, "_FillValue": lowest}
    return chosen


_UNITS = {
    "marker_position": "m", "plate_force": "N", "center_of_pressure": "m", "analog": "V (raw EMG)",
    "acceleration": "m/s^2", "angular_velocity": "rad/s", "position": "rad or m", "joint_moment": "N m",
    "force_share": "body weight", "emg": "1", "force": "N (insoles)",
}  # fmt: skip
_CARD = Path(__file__).with_name("recordings_card.md")


def write_card(target: str | Path, manifest: Manifest) -> Path:
    """Write the data card: who, licence and notice, source, hashes of the originals, what was kept."""
    rows = [("quantity", "step", "unit"), ("---", "---", "---")]
    rows += [(name, f"{step:g}", _UNITS[name]) for name, step in STEPS.items()]
    rows += [
        (f"columns of {recipe.pattern}", f"{recipe.step:g}", "as in the file")
        for recipes in RECIPES.values() for recipe in recipes if recipe.step
    ]  # fmt: skip
    steps, sets = "".join(f"| {' | '.join(row)} |\n" for row in rows), ""
    for item_id in RECIPES:
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
            ("Kept", "; ".join(_describe(recipe) for recipe in RECIPES[item_id])),
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


def _describe(recipe: Recipe) -> str:
    return f"{recipe.pattern}: {recipe.kept}"
