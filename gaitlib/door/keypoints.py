"""Image keypoints of pose detectors: tables (one row per frame, or per person, or per point) and JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np

from gaitlib.door.names import BY_COUNT, build_points, find_point, get_order, map_names, require_legs
from gaitlib.door.recording import Recording
from gaitlib.door.tables import Table, clean_name, find_time, read_words
from gaitlib.errors import InputError

_AXES = {
    "u": "x",
    "v": "y",
    "x": "x",
    "y": "y",
    "z": "z",
    "px": "x",
    "py": "y",
    "c": "c",
    "conf": "c",
    "confidence": "c",
    "likelihood": "c",
    "score": "c",
    "visibility": "c",
    "vis": "c",
    "prob": "c",
    "probability": "c",
    "s": "c",
    "presence": "-",
}
_START = re.compile(r"^(x|y|z|u|v|c|conf|score)[\s_.\-]*(.+)$", re.IGNORECASE)
_METRIC = {"mm": 1e-3, "cm": 1e-2, "m": 1.0}
MOST_PEOPLE = 40


def split_column(name: str) -> tuple[str, str] | None:
    """Split a column name into point and axis: left_knee_u, LKnee.x, x_12, 'RIGHT_HIP (y)'."""
    text = re.sub(r"\s*[\(\[]\s*(px|pixels?|m|mm|cm)\s*[\)\]]\s*$", "", name.strip())
    text = re.sub(r"[\(\[]\s*(\w+)\s*[\)\]]$", r"_\1", text)
    ends = re.fullmatch(
        r"(.*[\s_.\-:/0-9])(" + "|".join(sorted(_AXES, key=len, reverse=True)) + ")", text, re.IGNORECASE
    )
    if ends is None:
        ends = re.fullmatch(r"(.*[a-z])([XYZUVC])", text)
    if ends and ends[1].strip(" _.-:/"):
        return ends[1].strip(" _.-:/"), _AXES[ends[2].lower()] + ("'" if ends[2].lower() == "v" else "")
    starts = _START.fullmatch(text)
    if starts and (starts[2].strip().isdigit() or find_point(starts[2])):
        return starts[2], _AXES[starts[1].lower()] + ("'" if starts[1].lower() == "v" else "")
    return None


def find_keypoint_columns(names: list[str]) -> dict[str, dict[str, int]]:
    """Find point -> axis ('x', 'y', 'z', 'c') -> column; 'v' is y beside u, and visibility beside x and y."""
    found: dict[str, dict[str, int]] = {}
    for n, name in enumerate(names):
        if (cut := split_column(name)) is not None:
            found.setdefault(cut[0], {}).setdefault(cut[1], n)
    for axes in found.values():
        if "y'" in axes:
            axes.setdefault("c" if "y" in axes else "y", axes.pop("y'"))
    return {point: axes for point, axes in found.items() if {"x", "y"} <= axes.keys()}


def read_keypoint_table(table: Table, layout: str | None) -> Recording:
    """Read keypoints of a table of any of the known shapes."""
    first = [row[0].strip().lower() for row in table.header]
    if "bodyparts" in first:
        return _read_deeplabcut(table, first)
    cleaned = [clean_name(name) for name in table.names]
    long = next(
        (
            n
            for n, name in enumerate(cleaned)
            if re.fullmatch(
                r"(landmark|keypoint|joint|bodypart|body part|point|marker|kpt)( "
                r"?(name|id|index|idx|no|number))?|name|node",
                name,
            )
        ),
        None,
    )
    if long is not None and {"x", "y"} <= set(cleaned):
        return _read_long(table, cleaned, long, layout)
    columns = find_keypoint_columns(table.names)
    time_s, frames, used = find_time(table)
    if not columns or sum(find_point(name) is not None for name in columns) < 6:
        return _read_numbered(table, columns, time_s, frames, used, layout)
    names = list(columns)
    require_legs(table.name, names)
    values = _stack(table, columns)
    z = [axes["z"] for axes in columns.values() if "z" in axes]
    if len(z) == len(columns) and (unit := _find_metric(table, columns, values)):
        block = np.concatenate(
            [values[..., :2], np.stack([table.read(n) for n in z], axis=1)[..., None]], axis=2
        )
        return Recording(
            "markers",
            build_points(block * _METRIC[unit], names),
            time_s,
            frames,
            None,
            table.name,
            "marker table",
            notes=(f"coordinates were taken as {unit}",),
        )
    track = next(
        (
            n
            for n, name in enumerate(cleaned)
            if re.fullmatch(
                r"track( ?(id|idx|name))?|person( ?(id|idx))?|id|instance|subject|object ?id", name
            )
        ),
        None,
    )
    points = build_points(values, names)
    if track is None:
        return Recording("keypoints", points[:, None], time_s, frames, None, table.name, "keypoint table")
    people = table.columns[track]
    order = frames if frames is not None else time_s
    if (
        order is None
        and (column := next((n for n, name in enumerate(cleaned) if "frame" in name), None)) is not None
    ):
        order = table.read(column)
    if order is None:
        raise InputError(
            f"{table.name}: column '{table.names[track]}' tells people apart, but no frame column is there."
        )
    return _gather(
        table.name, "table of people", order, points, people, is_time=frames is None and time_s is not None
    )


def _find_metric(table: Table, columns: dict, values: np.ndarray) -> str | None:
    """Length unit of three columns per point: as names say, or metres where numbers are small and signed."""
    said = {
        word
        for axes in columns.values()
        for word in re.findall(r"[\(\[]\s*(mm|cm|m)\s*[\)\]]", table.names[axes["x"]])
    }
    if said:
        return said.pop()
    known = values[..., :2][np.isfinite(values[..., :2])]
    small = len(known) and np.abs(known).max() < 30 and (known.min() < -0.5 or known.max() > 1.6)
    return "m" if small else None


def _stack(table: Table, columns: dict[str, dict[str, int]]) -> np.ndarray:
    """Values (row, point, 3): x, y, confidence (1 where the file gives none)."""
    values = np.ones((table.n_rows, len(columns), 3))
    for k, axes in enumerate(columns.values()):
        for n, axis in enumerate("xyc"):
            if axis in axes:
                values[:, k, n] = table.read(axes[axis])
    values[..., 2] = np.where(np.isfinite(values[..., :2]).all(axis=-1), np.nan_to_num(values[..., 2]), 0.0)
    return values


def _read_deeplabcut(table: Table, first: list[str]) -> Recording:
    parts = table.header[first.index("bodyparts")]
    coords = table.header[first.index("coords")] if "coords" in first else table.header[-1]
    owner = table.header[first.index("individuals")] if "individuals" in first else ["one"] * len(parts)
    people = [name for name in dict.fromkeys(owner[1:]) if name]
    blocks = []
    for person in people:
        columns: dict[str, dict[str, int]] = {}
        for n in range(1, len(parts)):
            if owner[n] == person and coords[n].strip().lower() in _AXES:
                columns.setdefault(parts[n], {})[_AXES[coords[n].strip().lower()]] = n
        columns = {name: axes for name, axes in columns.items() if {"x", "y"} <= axes.keys()}
        if not columns or (person == "single" and len(people) > 1):
            continue
        require_legs(table.name, list(columns))
        blocks.append(build_points(_stack(table, columns), list(columns)))
    if not blocks:
        raise InputError(f"{table.name}: DeepLabCut's header is there, but no columns x and y.")
    frames = table.read(0) if table.is_numeric(0) and np.all(np.diff(table.read(0)) > 0) else None
    ids = np.tile(np.arange(len(blocks)), (table.n_rows, 1)) if len(blocks) > 1 else None
    return Recording("keypoints", np.stack(blocks, axis=1), None, frames, ids, table.name, "DeepLabCut table")


def _read_long(table: Table, cleaned: list[str], column: int, layout: str | None) -> Recording:
    """One row per frame and point."""
    time_s, frames, _ = find_time(table)
    order = frames if frames is not None else time_s
    if order is None:
        raise InputError(f"{table.name}: one row per point, but no column of frames or times.")
    words = table.columns[column]
    if all(re.fullmatch(r"\d{1,4}", word) for word in words):
        order_of = get_order(layout, max(map(int, words)) + 1, table.name)
        names = [order_of[int(word)] for word in words]
    else:
        names = words
    own = list(dict.fromkeys(names))
    require_legs(table.name, own)
    moments, row = np.unique(order, return_inverse=True)
    values = np.full((len(moments), len(own), 3), np.nan)
    place = np.array([own.index(name) for name in names])
    level = next((n for n, name in enumerate(cleaned) if _AXES.get(name) == "c"), None)
    values[row, place, 0] = table.read(cleaned.index("x"))
    values[row, place, 1] = table.read(cleaned.index("y"))
    values[row, place, 2] = 1.0 if level is None else table.read(level)
    times = (moments, None) if frames is None else (_first_times(time_s, row), moments)
    return Recording(
        "keypoints", build_points(values, own)[:, None], *times, None, table.name, "table of points"
    )


def _first_times(time_s: np.ndarray | None, row: np.ndarray) -> np.ndarray | None:
    return None if time_s is None else time_s[np.unique(row, return_index=True)[1]]


def _read_numbered(
    table: Table, columns: dict, time_s, frames, used: set[int], layout: str | None
) -> Recording:
    """Numbered points (x0, y0, ...), or columns in order without usable names."""
    digits = {int(found[0]): axes for name, axes in columns.items() if (found := re.findall(r"\d+", name))}
    if len(digits) >= 13 and len(digits) == len(columns):
        names = get_order(layout, max(digits) - min(digits) + 1, table.name)
        values = _stack(
            table,
            {name: digits[n + min(digits)] for n, name in enumerate(names) if n + min(digits) in digits},
        )
        return Recording(
            "keypoints",
            build_points(values, list(names)[: values.shape[1]])[:, None],
            time_s,
            frames,
            None,
            table.name,
            "numbered keypoint table",
            notes=("points were taken in the order of their numbers",),
        )
    rest = [n for n in range(len(table.columns)) if n not in used]
    if table.header or not rest:
        require_legs(table.name, list(columns) or table.names)
    widths = [
        (per, name) for per in (3, 2) for name in ([layout] if layout else [None]) if len(rest) % per == 0
    ]
    for per, name in widths:
        try:
            names = get_order(name, len(rest) // per, table.name)
        except InputError:
            continue
        values = np.stack([table.read(n) for n in rest], axis=1).reshape(table.n_rows, -1, per)[
            :, : len(names)
        ]
        if per == 2:
            values = np.concatenate([values, np.isfinite(values).all(axis=2, keepdims=True)], axis=2)
        return Recording(
            "keypoints",
            build_points(values, list(names))[:, None],
            time_s,
            frames,
            None,
            table.name,
            "keypoint table without names",
            notes=(f"columns have no names; taken as {len(names)} points in order",),
        )
    raise InputError(
        f"{table.name}: columns have no names, and {len(rest)} of them fit no layout; name them or give "
        f"--layout."
    )


def _gather(
    source: str, form: str, order, points: np.ndarray, people: list, is_time: bool = False
) -> Recording:
    """Detections in any order -> (frame, person, 19, 3) with the ids that the file gives."""
    moments, row = np.unique(np.asarray(order, dtype=float), return_inverse=True)
    names = list(dict.fromkeys(people))
    numbers = {
        name: -1 if str(name).strip().lower() in ("", "-1", "nan", "none", "null") else n
        for n, name in enumerate(names)
    }
    slot, count = np.zeros(len(row), dtype=int), np.zeros(len(moments), dtype=int)
    for n, moment in enumerate(row):
        slot[n] = count[moment]
        count[moment] += 1
    if count.max(initial=0) > MOST_PEOPLE:
        raise InputError(
            f"{source}: found {count.max()} people in one frame, expected at most {MOST_PEOPLE}."
        )
    values = np.full((len(moments), max(int(count.max(initial=1)), 1), *points.shape[1:]), np.nan)
    ids = np.full(values.shape[:2], -1)
    values[row, slot] = points
    ids[row, slot] = [numbers[name] for name in people]
    times = (moments - moments[0], None) if is_time else (None, moments)
    return Recording("keypoints", values, *times, ids, source, form)


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
    facts: dict = {}
    if path.is_dir():
        files = sorted(path.glob("*.json"), key=lambda file: (_last_number(file.name), file.name))
        if not files:
            raise InputError(
                f"{path.name}: a folder without JSON files; expected one per frame, as OpenPose writes."
            )
        frames = [_last_number(file.name) for file in files]
        if len(set(frames)) < len(files):
            frames = list(range(len(files)))
        content: list = [load_json(file) for file in files]
    else:
        loaded = load_json(path)
        if isinstance(loaded, dict):
            facts = {key: loaded[key] for key in ("fps",) if isinstance(loaded.get(key), int | float)}
        content, frames = _list_frames(path.name, loaded)
    found: list[tuple[float, np.ndarray, str]] = []
    names: list[str] | None = None
    for frame, entry in zip(frames, content, strict=True):
        for raw, person in _list_people(path.name, entry):
            points = _shape(path.name, raw)
            if points is None:
                continue
            if names is None:
                names = _find_json_names(path.name, content, layout, len(points))
            if len(points) < len(names):
                raise InputError(
                    f"{path.name}, frame {frame:g}: found {len(points)} points, expected {len(names)}."
                )
            found.append((frame, points[: len(names)], person))
    if not found:
        raise InputError(f"{path.name}: no person in any of {len(content)} frames.")
    values = build_points(np.stack([points for _, points, _ in found]), names)
    recording = _gather(
        path.name, "keypoint JSON", [frame for frame, _, _ in found], values, [p for _, _, p in found]
    )
    return _add_empty_frames(recording, frames).change(facts=facts)


def _add_empty_frames(recording: Recording, frames: list) -> Recording:
    """Frames at which nobody was found count as frames."""
    every = np.unique(np.asarray(frames, dtype=float))
    place = np.searchsorted(every, recording.frames)
    values = np.full((len(every), *recording.values.shape[1:]), np.nan)
    ids = np.full((len(every), recording.ids.shape[1]), -1)
    values[place], ids[place] = recording.values, recording.ids
    return recording.change(values=values, ids=ids, frames=every)


def _last_number(name: str) -> int:
    found = re.findall(r"\d+", Path(str(name)).stem)
    return int(found[-1]) if found else 0


def _list_frames(source: str, loaded) -> tuple[list, list]:
    """Entries and frame numbers of one JSON value."""
    if isinstance(loaded, dict):
        for key in ("instance_info", "frames", "data", "annotations", "results", "predictions"):
            if isinstance(loaded.get(key), list):
                entries = loaded[key]
                meta = loaded.get("meta_info")
                if isinstance(meta, dict) and entries and isinstance(entries[0], dict):
                    entries = [
                        entry | {"meta_info": meta} if isinstance(entry, dict) else entry for entry in entries
                    ]
                return _list_frames(source, entries)
        if "people" in loaded or "keypoints" in loaded:
            return [loaded], [0]
        if loaded and all(isinstance(value, dict | list) for value in loaded.values()):
            return list(loaded.values()), [_last_number(key) for key in loaded]
        raise InputError(
            f"{source}: JSON without people or keypoints; known: OpenPose, AlphaPose, MMPose, MediaPipe."
        )
    if not isinstance(loaded, list) or not loaded:
        raise InputError(f"{source}: JSON without frames; known: OpenPose, AlphaPose, MMPose, MediaPipe.")
    frames = []
    for n, entry in enumerate(loaded):
        value = n
        if isinstance(entry, dict):
            for key in (
                "frame_id",
                "image_id",
                "frame",
                "frame_idx",
                "frame_index",
                "frame_number",
                "img_name",
            ):
                if isinstance(entry.get(key), int | float | str):
                    value = _last_number(entry[key]) if isinstance(entry[key], str) else entry[key]
                    break
        frames.append(value)
    return loaded, frames


def _list_people(source: str, entry) -> list[tuple[object, str]]:
    """(points, person) of one entry; one entry may be a frame of several people, or one person."""
    if isinstance(entry, dict):
        for key in ("people", "instances", "persons", "bodies", "poses", "pose_landmarks", "landmarks"):
            inner = entry.get(key)
            if isinstance(inner, list):
                if inner and isinstance(inner[0], dict) and not _is_person(inner[0]):
                    return [(inner, "")]
                return [pair for one in inner for pair in _list_people(source, one)]
        for key in ("pose_keypoints_2d", "pose_keypoints", "keypoints", "joints", "landmark", "kpts"):
            if entry.get(key) is not None:
                person = entry.get("idx", entry.get("track_id", entry.get("person_id", entry.get("id", ""))))
                person = person[0] if isinstance(person, list) and person else person
                score = entry.get("keypoint_scores", entry.get("keypoints_scores"))
                return [((entry[key], score), "" if isinstance(person, list | dict) else str(person))]
        return []
    if isinstance(entry, list) and entry:
        if isinstance(entry[0], dict) and _is_person(entry[0]):
            return [pair for one in entry for pair in _list_people(source, one)]
        if isinstance(entry[0], list) and entry[0] and isinstance(entry[0][0], list | dict):
            return [(one, "") for one in entry]
        return [(entry, "")]
    return []


def _is_person(entry: dict) -> bool:
    return bool(
        {"pose_keypoints_2d", "keypoints", "joints", "landmark", "landmarks", "people", "instances"}
        & entry.keys()
    )


def _shape(source: str, raw) -> np.ndarray | None:
    """Points (n, 3) of flat lists, lists of points, or dictionaries with x, y and visibility."""
    raw, score = raw if isinstance(raw, tuple) else (raw, None)
    try:
        if isinstance(raw, dict):
            raw = list(raw.values())
        if isinstance(raw, list) and raw and isinstance(raw[0], dict):
            level = next(
                (key for key in ("visibility", "score", "confidence", "presence") if key in raw[0]), None
            )
            raw = [[one["x"], one["y"], one.get(level, 1.0) if level else 1.0] for one in raw]
        values = np.array(raw, dtype=float)
        score = None if score is None else np.array(score, dtype=float)
    except (TypeError, ValueError, KeyError, AttributeError):
        raise InputError(f"{source}: keypoints that are no numbers x, y (and confidence).") from None
    if values.size == 0:
        return None
    if values.ndim == 3 and len(values) == 1:
        values = values[0]
    if values.ndim == 1:
        per = next(
            (n for n in (3, 4, 2) if len(values) % n == 0 and len(values) // n in BY_COUNT),
            3 if len(values) % 3 == 0 else 2,
        )
        if len(values) % per:
            raise InputError(
                f"{source}: {len(values)} numbers per person, expected x, y, confidence of each point."
            )
        values = values.reshape(-1, per)
    if values.ndim != 2 or values.shape[1] < 2:
        raise InputError(f"{source}: keypoints of shape {values.shape}, expected (points, 2 or 3).")
    if score is not None and score.shape == (len(values),):
        values = np.column_stack([values[:, :2], score])
    if values.shape[1] == 2:
        values = np.column_stack([values, np.ones(len(values))])
    return values[:, [0, 1, 3 if values.shape[1] > 3 else 2]]


def _find_json_names(source: str, content: list, layout: str | None, n_points: int) -> list[str]:
    entry = content[0] if content and isinstance(content[0], dict) else {}
    named = (
        entry.get("meta_info", {}).get("keypoint_id2name")
        if isinstance(entry.get("meta_info"), dict)
        else None
    )
    if layout is None and isinstance(named, dict) and len(named) == n_points:
        names = [str(named.get(str(n), named.get(n, n))) for n in range(n_points)]
        if len(map_names(names)) >= 6:
            return names
    return list(get_order(layout, n_points, source))
