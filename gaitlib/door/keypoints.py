"""Image keypoints of pose detectors: tables (a row per frame, person or point), HDF5 and JSON."""

from __future__ import annotations

import io
import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from gaitlib.door.loose_tables import Table, clean_name, find_time, guess_unit, is_time, read_words
from gaitlib.door.names import BY_COUNT, build_points, find_point, get_order, map_names, require_legs
from gaitlib.door.recording import Recording
from gaitlib.errors import InputError

_AXES = {"x": "x", "u": "x", "px": "x", "y": "y", "v": "y", "py": "y", "z": "z", "presence": "-"}
_AXES |= dict.fromkeys("c conf confidence likelihood score visibility vis prob probability s".split(), "c")
_ENDS = "|".join(sorted(_AXES, key=len, reverse=True))
_METRIC = {"mm": 1e-3, "cm": 1e-2, "m": 1.0}
_POINT_COLUMN = (
    r"(landmark|keypoint|joint|bodypart|body part|point|marker|kpt)"
    r"( ?(name|id|index|idx|no|number))?|name|node"
)
_X, _Y = (rf"(pos |coord )?({words})( (px|pixel|pixels|coord|pos|norm))?" for words in ("x|u", "y|v"))
_PERSON_COLUMN = r"track( ?(id|idx|name))?|person( ?(id|idx))?|id|instance|subject|object ?id"
_NOBODY = ("", "-1", "nan", "none", "null")
_FRAME_KEYS = ("frame_id", "image_id", "frame", "frame_idx", "frame_index", "frame_number", "img_name")
_LIST_KEYS = ("instance_info", "frames", "data", "annotations", "results", "predictions")
_PEOPLE_KEYS = ("people", "instances", "persons", "bodies", "poses", "pose_landmarks", "landmarks")
_LEVELS = ("visibility", "visible", "score", "confidence", "conf", "likelihood", "presence")
_NAME_KEYS = ("name", "part", "label", "bodypart", "keypoint", "id")
_POINT_KEYS = ("pose_keypoints_2d", "pose_keypoints", "keypoints", "joints", "landmark", "kpts")
_PERSON_KEYS = {*_POINT_KEYS, "landmarks", "people", "instances"}
_KNOWN_JSON = "known: OpenPose, AlphaPose, MMPose, MediaPipe."
MOST_PEOPLE = 40


def split_column(name: str) -> tuple[str, str] | None:
    """Split a column name into point and axis: left_knee_u, LKnee.x, x_12, 'RIGHT_HIP (y)'."""
    text = re.sub(r"\s*[\(\[]\s*(px|pixels?|m|mm|cm)\s*[\)\]]\s*$", "", name.strip())
    text = re.sub(r"[\(\[]\s*(\w+)\s*[\)\]]$", r"_\1", text)
    ends = re.fullmatch(rf"(.*[\s_.\-:/0-9])({_ENDS})", text, re.IGNORECASE)
    ends = ends or re.fullmatch(r"(.*[a-z])([XYZUVC])", text)
    if ends and ends[1].strip(" _.-:/"):
        point, axis = ends[1].strip(" _.-:/"), ends[2].lower()
    else:
        starts = re.fullmatch(r"(x|y|z|u|v|c|conf|score)[\s_.\-]*(.+)", text, re.IGNORECASE)
        if not starts or not (starts[2].strip().isdigit() or find_point(starts[2])):
            return None
        point, axis = starts[2], starts[1].lower()
    return point, "v" if axis == "v" else _AXES[axis]


def find_keypoint_columns(names: list[str]) -> dict[str, dict[str, int]]:
    """Find point -> axis ('x', 'y', 'z', 'c') -> column; 'v' is y beside u, and visibility beside x and y."""
    found: dict[str, dict[str, int]] = {}
    for n, name in enumerate(names):
        if (cut := split_column(name)) is not None:
            found.setdefault(cut[0], {}).setdefault(cut[1], n)
    for axes in found.values():
        if "v" in axes:
            axes.setdefault("c" if "y" in axes else "y", axes.pop("v"))
    return {point: axes for point, axes in found.items() if {"x", "y"} <= axes.keys()}


def is_long(names: list[str]) -> bool:
    """Whether a table has a row per point: a column of points, one of x and one of y."""
    cleaned = list(map(clean_name, names))
    return _find_column(cleaned, _POINT_COLUMN) is not None and all(
        _find_column(cleaned, pattern) is not None for pattern in (_X, _Y)
    )


def _record(
    source: str, form: str, points: np.ndarray, time_s=None, frames=None, ids=None, **more
) -> Recording:
    """Keypoints (time, person, 19, 3) as a recording."""
    return Recording("keypoints", points, time_s, frames, ids, source, form, **more)


def _stack(read: Callable[[int], np.ndarray], columns: dict[str, dict[str, int]]) -> np.ndarray:
    """Values (row, point, 3): x, y, confidence (1 where the file gives none)."""
    blocks = [
        [read(axes[axis]) if axis in axes else np.ones_like(read(axes["x"])) for axis in "xyc"]
        for axes in columns.values()
    ]
    values = np.array(blocks).transpose(2, 0, 1)
    values[..., 2] = np.where(np.isfinite(values[..., :2]).all(axis=-1), np.nan_to_num(values[..., 2]), 0.0)
    return values


def _find_column(cleaned: list[str], pattern: str) -> int | None:
    return next((n for n, name in enumerate(cleaned) if re.fullmatch(pattern, name)), None)


def read_keypoint_table(table: Table, layout: str | None) -> Recording:
    """Read keypoints of a table of any of the known shapes."""
    first = [row[0].strip().lower() for row in table.header]
    if "bodyparts" in first:
        return _read_deeplabcut_table(table, first)
    cleaned = [clean_name(name) for name in table.names]
    long = _find_column(cleaned, _POINT_COLUMN)
    if long is not None and is_long(table.names):
        return _read_long(table, cleaned, long, layout)
    columns = find_keypoint_columns(table.names)
    time_s, frames, used = find_time(table)
    if not columns or sum(find_point(name) is not None for name in columns) < 6:
        return _read_numbered(table, columns, time_s, frames, used, layout)
    names = list(columns)
    require_legs(table.name, names)
    values = _stack(table.read, columns)
    if all("z" in axes for axes in columns.values()) and (unit := _find_metric(table, columns, values)):
        values[..., 2] = np.stack([table.read(axes["z"]) for axes in columns.values()], axis=1)
        points, note = (
            build_points(values * _METRIC[unit], names),
            f"columns x, y, z were taken as points in {unit}",
        )
        return Recording("markers", points, time_s, frames, None, table.name, "marker table", notes=(note,))
    track, points = _find_column(cleaned, _PERSON_COLUMN), build_points(values, names)
    order = frames if frames is not None else time_s
    if order is None and track is not None and (column := _find_column(cleaned, ".*frame.*")) is not None:
        order = table.read(column)
    if track is None and not _repeats(order, order is time_s):
        return _record(table.name, "keypoint table", points[:, None], time_s, frames)
    if order is None:
        raise InputError(
            f"{table.name}: column '{table.names[track]}' tells people apart, but no frame column is there."
        )
    people = [""] * len(order) if track is None else table.columns[track]
    return _gather(table.name, "table of people", order, points, people, order is time_s, time_s)


def _repeats(order: np.ndarray | None, is_time: bool) -> bool:
    """Whether rows share their frames as those of several people do; whole seconds are no frames."""
    if order is None:
        return False
    moments, count = np.unique(order, return_counts=True)
    several = len(moments) > 5 and count.max() <= MOST_PEOPLE and (count > 1).mean() > 0.1
    return several and (not is_time or float(np.median(np.diff(moments))) < 0.5)


def _find_metric(table: Table, columns: dict, values: np.ndarray) -> str | None:
    """Length unit of three columns per point: as names say, or metres where numbers are small and signed."""
    names = [table.names[axes["x"]] for axes in columns.values()]
    if said := re.findall(r"[\(\[]\s*(mm|cm|m)\s*[\)\]]", " ".join(names)):
        return said[0]
    known = values[..., :2][np.isfinite(values[..., :2])]
    small = len(known) and np.abs(known).max() < 30 and (known.min() < -0.5 or known.max() > 1.6)
    return "m" if small or _is_rigid(table, columns) else None


def _is_rigid(table: Table, columns: dict) -> bool:
    """Whether three columns per point and none of confidence are a body whose shanks keep their lengths."""
    own, lengths = map_names(list(columns)), []
    axes = list(columns.values())
    if any("c" in one for one in axes):
        return False
    for side in "rl":
        ends = [
            np.stack([table.read(axes[own[f"{joint}_{side}"]][axis]) for axis in "xyz"], axis=1)
            for joint in ("knee", "ankle")
        ]
        length = np.linalg.norm(ends[0] - ends[1], axis=1)
        lengths.append(np.nanstd(length) / max(np.nanmean(length), 1e-9))
    return bool(max(lengths) < 0.04)


def _read_long(table: Table, cleaned: list[str], column: int, layout: str | None) -> Recording:
    """One row per frame and point."""
    time_s, frames, _ = find_time(table)
    order = frames if frames is not None else time_s
    if order is None:
        raise InputError(f"{table.name}: one row per point, but no column of frames or times.")
    names = table.columns[column]
    if all(re.fullmatch(r"\d{1,4}", word) for word in names):
        order_of = get_order(layout, max(map(int, names)) + 1, table.name)
        names = [order_of[int(word)] for word in names]
    own = list(dict.fromkeys(names))
    require_legs(table.name, own)
    track = _find_column(cleaned, _PERSON_COLUMN)
    people = table.columns[track] if track not in (None, column) else [""] * len(names)
    row, pairs = pd.MultiIndex.from_arrays([order, people]).factorize()
    place = np.array([own.index(name) for name in names])
    if len(np.unique(row * len(own) + place)) < len(row):
        raise InputError(
            f"{table.name}: a point appears twice in one frame; several people need a column such as person."
        )
    values = np.full((len(pairs), len(own), 3), np.nan)
    level = next((n for n, name in enumerate(cleaned) if _AXES.get(name) == "c"), None)
    for axis, pattern in enumerate((_X, _Y)):
        values[row, place, axis] = table.read(_find_column(cleaned, pattern))
    values[row, place, 2] = 1.0 if level is None else table.read(level)
    moments = np.array([pair[0] for pair in pairs])
    owners = [pair[1] for pair in pairs]
    if time_s is not None:  # one per frame and person
        time_s = time_s[np.unique(row, return_index=True)[1]]
    points = build_points(values, own)
    return _gather(table.name, "table of points", moments, points, owners, order is not frames, time_s)


def _read_numbered(table: Table, columns: dict, time_s, frames, used: set[int], layout) -> Recording:
    """Numbered points (x0, y0, ...), or columns in order without usable names."""
    digits = {int(found[0]): axes for name, axes in columns.items() if (found := re.findall(r"\d+", name))}
    if len(digits) >= 13 and len(digits) == len(columns):
        least = min(digits)
        names = get_order(layout, max(digits) - least + 1, table.name)
        own = {name: digits[n + least] for n, name in enumerate(names) if n + least in digits}
        points, note = (
            build_points(_stack(table.read, own), list(own)),
            "points were taken in the order of their numbers",
        )
        return _record(table.name, "numbered keypoint table", points[:, None], time_s, frames, notes=(note,))
    rest = [n for n in range(len(table.columns)) if n not in used]
    if table.header or not rest:
        require_legs(table.name, list(columns) or table.names)
    for per in (3, 2):
        try:
            names = get_order(layout, len(rest) // per if len(rest) % per == 0 else 0, table.name)
        except InputError:
            continue
        own = {name: dict(zip("xyc"[:per], rest[per * n :], strict=False)) for n, name in enumerate(names)}
        points = build_points(_stack(table.read, own), list(own))
        note = f"columns have no names; taken as {len(names)} points in order"
        return _record(
            table.name, "keypoint table without names", points[:, None], time_s, frames, notes=(note,)
        )
    raise InputError(
        f"{table.name}: columns have no names, and {len(rest)} of them fit no layout; name them or give "
        "--layout."
    )


# DeepLabCut and SLEAP


def _read_deeplabcut_table(table: Table, first: list[str]) -> Recording:
    def get_row(name: str, otherwise: list[str]) -> list[str]:
        return table.header[first.index(name)] if name in first else otherwise

    parts = get_row("bodyparts", [])
    labels = zip(
        get_row("individuals", ["one"] * len(parts)), parts, get_row("coords", table.header[-1]), strict=True
    )
    frames = table.read(0) if table.is_numeric(0) and np.all(np.diff(table.read(0)) > 0) else None
    return _build_deeplabcut(table.name, "DeepLabCut table", list(labels), table.read, frames)


def _build_deeplabcut(source: str, form: str, labels: list, read: Callable, frames=None) -> Recording:
    """Columns labelled with person, body part and coordinate; the first column of a table is none of them."""
    people, blocks = [name for name in dict.fromkeys(owner for owner, _, _ in labels) if name], []
    for person in people:
        columns: dict[str, dict[str, int]] = {}
        for n, (owner, part, coordinate) in enumerate(labels):
            if owner == person and (axis := _AXES.get(coordinate.strip().lower())):
                columns.setdefault(part, {})[axis] = n
        columns = {name: axes for name, axes in columns.items() if {"x", "y"} <= axes.keys()}
        if columns and not (person == "single" and len(people) > 1):
            require_legs(source, list(columns))
            blocks.append(build_points(_stack(read, columns), list(columns)))
    if not blocks:
        raise InputError(f"{source}: DeepLabCut's header is there, but no columns x and y.")
    return _record(source, form, np.stack(blocks, axis=1), None, frames, _number(len(blocks[0]), len(blocks)))


def _number(n_rows: int, n_people: int) -> np.ndarray | None:
    return np.tile(np.arange(n_people), (n_rows, 1)) if n_people > 1 else None


def read_hdf5(path: Path) -> Recording:
    """Read keypoints of an HDF5 file: SLEAP's analysis, or a pandas table of DeepLabCut."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return (_read_sleap if {"tracks", "node_names"} <= set(file) else _read_pandas)(path.name, file)
    except InputError:
        raise
    except Exception as error:  # whatever HDF5 or a damaged list of names raises
        raise InputError(f"{path.name}: not a readable HDF5 file of DeepLabCut or SLEAP ({error}).") from None


def _decode(values) -> list[str]:
    return [word.decode() if isinstance(word, bytes) else str(word) for word in np.asarray(values).ravel()]


def _read_sleap(source: str, file) -> Recording:
    names, tracks = _decode(file["node_names"]), np.asarray(file["tracks"], dtype=float)
    require_legs(source, names)
    if tracks.ndim == 4 and tracks.shape[1:3] == (len(names), 2):  # written without the usual transposition
        tracks = tracks.transpose()
    if tracks.ndim != 4 or tracks.shape[1:3] != (2, len(names)):
        raise InputError(
            f"{source}: 'tracks' has shape {tracks.shape}, expected (track, 2, {len(names)}, frame)."
        )
    values = tracks.transpose(3, 0, 2, 1)
    level = np.isfinite(values).all(axis=-1).astype(float)
    if "point_scores" in file and file["point_scores"].size == level.size:
        scores = np.asarray(file["point_scores"], dtype=float)
        scores = scores.transpose(2, 0, 1) if scores.shape[0] == len(tracks) else scores.transpose(0, 2, 1)
        level *= np.nan_to_num(scores)
    values = build_points(np.concatenate([values, level[..., None]], axis=-1), names)
    return _record(
        source, "SLEAP analysis HDF5", values, None, np.arange(len(values)), _number(*values.shape[:2])
    )


class _PlainUnpickler(pickle.Unpickler):
    """Loads lists, tuples, words and numbers; nothing stored in a file is run."""

    def find_class(self, module: str, name: str):
        raise ValueError(f"the names of its columns need {module}.{name}")


def _read_pandas(source: str, file) -> Recording:
    """Pandas tables, 'fixed' or 'table', with column levels scorer, (individuals,) bodyparts, coords."""
    groups = [group for group in file.values() if hasattr(group, "keys")]
    group = next((group for group in groups if {"table", "block0_values"} & set(group)), None)
    if group is None:
        raise InputError(f"{source}: HDF5 without 'tracks' (SLEAP) or a pandas table (DeepLabCut).")
    if "table" in group:
        table, kinds = np.asarray(group["table"]), group["table"].attrs
        blocks = [
            name for name in table.dtype.names if name.startswith("values_block") and f"{name}_kind" in kinds
        ]
        values = np.concatenate([table[name].reshape(len(table), -1) for name in blocks], axis=1)
        columns = [
            column
            for name in blocks
            for column in _PlainUnpickler(io.BytesIO(bytes(kinds[f"{name}_kind"]))).load()
        ]
    else:
        values, place = np.asarray(group["block0_values"]), "block0_items_"
        levels = sorted(key for key in group if key.startswith(f"{place}level"))
        codes = [np.asarray(group[level.replace("level", "label")]) for level in levels]
        words = [np.array(_decode(group[level]))[code] for level, code in zip(levels, codes, strict=True)]
        columns = list(zip(*words, strict=True))
    if len(columns) != values.shape[1] or any(len(column) not in (3, 4) for column in columns):
        raise InputError(f"{source}: the names of the {values.shape[1]} columns are not those of DeepLabCut.")
    labels = [(str(column[1]) if len(column) == 4 else "one", *map(str, column[-2:])) for column in columns]
    return _build_deeplabcut(source, "DeepLabCut HDF5", labels, lambda n: values[:, n].astype(float))


# JSON


def _gather(
    source: str, form: str, order, points: np.ndarray, people: list, is_time: bool = False, time_s=None
) -> Recording:
    """Detections in any order -> (frame, person, 19, 3) with the ids that the file gives."""
    moments, first, row, count = np.unique(np.asarray(order, dtype=float), True, True, True)
    if count.max() > MOST_PEOPLE:
        raise InputError(
            f"{source}: found {count.max()} people in one frame, expected at most {MOST_PEOPLE}."
        )
    by_row = np.argsort(row, kind="stable")
    slot = np.empty(len(row), dtype=int)
    slot[by_row] = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    names = list(dict.fromkeys(people))
    numbers = [-1 if str(name).strip().lower() in _NOBODY else names.index(name) for name in people]
    values = np.full((len(moments), int(count.max()), *points.shape[1:]), np.nan)
    ids = np.full(values.shape[:2], -1)
    values[row, slot], ids[row, slot] = points, numbers
    times = (moments if is_time else time_s[first]) if is_time or time_s is not None else None
    return _record(source, form, values, times, None if is_time else moments, ids)


def load_json(path: Path):
    """Parse a JSON file, or one JSON value per line."""
    text = read_words(path)
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        try:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except (json.JSONDecodeError, RecursionError):
            raise InputError(f"{path.name}: not valid JSON, or truncated ({error}).") from None


def read_keypoint_json(path: Path, layout: str | None) -> Recording:
    """Read keypoints of OpenPose (folder or file), AlphaPose, MMPose, COCO results or MediaPipe as JSON."""
    said: dict = {}
    if path.is_dir():
        files = sorted(path.glob("*.json"), key=lambda file: (_last_number(file.name), file.name))
        if not files:
            raise InputError(
                f"{path.name}: a folder without JSON files; expected one per frame, as OpenPose writes."
            )
        content, frames = [load_json(file) for file in files], [_last_number(file.name) for file in files]
        frames = frames if len(set(frames)) == len(files) else list(range(len(files)))
    else:
        loaded = load_json(path)
        said = _list_facts(loaded) if isinstance(loaded, dict) else {}
        content, frames = _list_frames(path.name, loaded)
    times = dict(zip(frames, _find_stamps(content), strict=False))
    found: list[tuple[float, np.ndarray, str]] = []
    for frame, entry in zip(frames, content, strict=True):
        for raw, person in _list_people(entry):
            points, names = _shape(path.name, raw)
            if points is None:
                continue
            names = names or _find_json_names(path.name, content, layout, len(points))
            if len(points) < len(names):
                raise InputError(
                    f"{path.name}, frame {frame:g}: found {len(points)} points, expected {len(names)}."
                )
            found.append((frame, build_points(points[: len(names)], names), person))
    if not found:
        raise InputError(f"{path.name}: no person in any of {len(content)} frames.")
    order, points, people = zip(*found, strict=True)
    recording = _gather(path.name, "keypoint JSON", order, np.stack(points), list(people))
    every = np.unique(np.asarray(frames, dtype=float))  # frames at which nobody was found count as frames
    place = np.searchsorted(every, recording.frames)
    values = np.full((len(every), *recording.values.shape[1:]), np.nan)
    ids = np.full(values.shape[:2], -1)
    values[place], ids[place] = recording.values, recording.ids
    facts = {"fps": said["fps"]} if said.get("fps", 0) > 0 else {}
    size = (said["width"], said["height"]) if min(said.get("width", 0), said.get("height", 0)) > 0 else None
    time_s = np.array([times[frame] for frame in every]) if times else None
    return recording.change(
        values=values, ids=ids, frames=every, facts=facts, time_s=time_s, image_size_px=size
    )


def _list_facts(loaded: dict) -> dict[str, float]:
    """Rate and size of the picture that a file states, at its top or one level below."""
    facts: dict[str, float] = {}
    for level in (loaded, *(value for value in loaded.values() if isinstance(value, dict))):
        for key, value in level.items():
            word = re.sub(r"^(image|video|frame|img)|[^a-z]", "", key.lower())
            word = {"framerate": "fps", "rate": "fps"}.get(word, word)
            if word in ("fps", "width", "height") and isinstance(value, int | float):
                facts.setdefault(word, float(value))
    return facts


def _find_stamps(content: list) -> list[float]:
    """Times of the entries (s), if each has one and they rise."""
    first = content[0] if content and isinstance(content[0], dict) else {}
    for key in (key for key in first if is_time(key)):
        stamps = [entry.get(key) if isinstance(entry, dict) else None for entry in content]
        if all(isinstance(stamp, int | float) for stamp in stamps):
            values = np.array(stamps, dtype=float)
            if (
                len(values) > 1
                and (np.diff(values) >= 0).all()
                and np.median(np.diff(values)) not in (0.0, 1.0)
            ):
                return list((values - values[0]) * guess_unit(key, values))
    return []


def _last_number(name: str) -> int:
    found = re.findall(r"\d+", Path(str(name)).stem)
    return int(found[-1]) if found else 0


def _list_frames(source: str, loaded) -> tuple[list, list]:
    """Entries and frame numbers of one JSON value."""
    if isinstance(loaded, dict):
        for entries in (loaded[key] for key in _LIST_KEYS if isinstance(loaded.get(key), list)):
            if isinstance(meta := loaded.get("meta_info"), dict):
                entries = [one | {"meta_info": meta} if isinstance(one, dict) else one for one in entries]
            return _list_frames(source, entries)
        if "people" in loaded or "keypoints" in loaded:
            return [loaded], [0]
        if loaded and all(isinstance(value, dict | list) for value in loaded.values()):
            return list(loaded.values()), [_last_number(key) for key in loaded]
        raise InputError(f"{source}: JSON without people or keypoints; {_KNOWN_JSON}")
    if not isinstance(loaded, list) or not loaded:
        raise InputError(f"{source}: JSON without frames; {_KNOWN_JSON}")
    frames = []
    for n, entry in enumerate(loaded):
        said = [entry.get(key) for key in _FRAME_KEYS] if isinstance(entry, dict) else []
        value = next((value for value in said if isinstance(value, int | float | str)), n)
        frames.append(_last_number(value) if isinstance(value, str) else value)
    return loaded, frames


def _list_people(entry) -> list[tuple[object, str]]:
    """(points, person) of one entry; one entry may be a frame of several people, or one person."""
    if isinstance(entry, dict):
        for inner in (entry[key] for key in _PEOPLE_KEYS if isinstance(entry.get(key), list)):
            if inner and isinstance(inner[0], dict) and not _PERSON_KEYS & inner[0].keys():
                return [(inner, "")]
            return [pair for one in inner for pair in _list_people(one)]
        for points in (entry[key] for key in _POINT_KEYS if entry.get(key) is not None):
            person = entry.get("idx", entry.get("track_id", entry.get("person_id", entry.get("id", ""))))
            person = person[0] if isinstance(person, list) and person else person
            score = entry.get("keypoint_scores", entry.get("keypoints_scores"))
            return [((points, score), "" if isinstance(person, list | dict) else str(person))]
        return []
    if not isinstance(entry, list) or not entry:
        return []
    if isinstance(entry[0], dict) and _PERSON_KEYS & entry[0].keys():
        return [pair for one in entry for pair in _list_people(one)]
    if isinstance(entry[0], list) and entry[0] and isinstance(entry[0][0], list | dict):
        return [(one, "") for one in entry]
    return [(entry, "")]


def _shape(source: str, raw) -> tuple[np.ndarray | None, list[str]]:
    """Points (n, 3) of flat lists, lists of points, or dictionaries; and their names, if they have any."""
    raw, score = raw if isinstance(raw, tuple) else (raw, None)
    names: list[str] = []
    try:
        if isinstance(raw, dict) and {"x", "y"} <= raw.keys():  # a list for each coordinate
            level = next((raw[key] for key in _LEVELS if key in raw), [1.0] * len(raw["x"]))
            raw = list(map(list, zip(raw["x"], raw["y"], level, strict=True)))
        elif isinstance(raw, dict):
            names, raw = list(map(str, raw)), list(raw.values())
        if isinstance(raw, list) and raw and isinstance(raw[0], dict):
            level = next((key for key in _LEVELS if key in raw[0]), "")
            key = next((key for key in _NAME_KEYS if isinstance(raw[0].get(key), str)), None)
            names = [str(one[key]) for one in raw] if key else names
            raw = [[one["x"], one["y"], one.get(level, 1.0)] for one in raw]
        values = np.array(raw, dtype=float)
        score = None if score is None else np.array(score, dtype=float)
    except (TypeError, ValueError, KeyError, AttributeError):
        raise InputError(f"{source}: keypoints that are no numbers x, y (and confidence).") from None
    if values.size == 0:
        return None, []
    values = values[0] if values.ndim == 3 and len(values) == 1 else values
    if values.ndim == 1:
        n = len(values)
        per = next((k for k in (3, 4, 2) if n % k == 0 and n // k in BY_COUNT), 3 if n % 3 == 0 else 2)
        if n % per:
            raise InputError(f"{source}: {n} numbers per person, expected x, y, confidence of each point.")
        values = values.reshape(-1, per)
    if values.ndim != 2 or values.shape[1] < 2:
        raise InputError(f"{source}: keypoints of shape {values.shape}, expected (points, 2 or 3).")
    if score is not None and score.shape == (len(values),):
        values = np.column_stack([values[:, :2], score])
    if values.shape[1] == 2:
        values = np.column_stack([values, np.ones(len(values))])
    known = len(names) == len(values) and len(map_names(names)) >= 6
    return values[:, [0, 1, 3 if values.shape[1] > 3 else 2]], names if known else []


def _find_json_names(source: str, content: list, layout: str | None, n_points: int) -> list[str]:
    meta = content[0].get("meta_info") if content and isinstance(content[0], dict) else None
    named = meta.get("keypoint_id2name") if isinstance(meta, dict) else None
    if layout is None and isinstance(named, dict) and len(named) == n_points:
        names = [str(named.get(str(n), named.get(n, n))) for n in range(n_points)]
        if len(map_names(names)) >= 6:
            return names
    return list(get_order(layout, n_points, source))
