"""HDF5 files of DeepLabCut (pandas) and SLEAP (analysis); nothing stored in them is run."""

from __future__ import annotations

import pickletools
from pathlib import Path

import numpy as np

from gaitlib.door.names import build_points, require_legs
from gaitlib.door.recording import Recording
from gaitlib.errors import InputError


def read_hdf5(path: Path) -> Recording:
    """Read keypoints of an HDF5 file."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            if {"tracks", "node_names"} <= set(file):
                return _read_sleap(path.name, file)
            return _read_deeplabcut(path.name, file)
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path.name}: not a readable HDF5 file of DeepLabCut or SLEAP ({error}).") from None


def _decode(values) -> list[str]:
    return [
        value.decode() if isinstance(value, bytes) else str(value) for value in np.asarray(values).ravel()
    ]


def _read_sleap(source: str, file) -> Recording:
    names = _decode(file["node_names"])
    require_legs(source, names)
    tracks = np.asarray(file["tracks"], dtype=float)  # (track, x/y, node, frame)
    if tracks.ndim != 4 or tracks.shape[1] != 2 or tracks.shape[2] != len(names):
        raise InputError(
            f"{source}: 'tracks' has shape {tracks.shape}, expected (track, 2, {len(names)}, frame)."
        )
    values = tracks.transpose(3, 0, 2, 1)
    values = np.concatenate([values, np.isfinite(values).all(axis=-1, keepdims=True)], axis=-1)
    ids = np.tile(np.arange(len(tracks)), (len(values), 1)) if len(tracks) > 1 else None
    return Recording(
        "keypoints",
        build_points(values, names),
        None,
        np.arange(len(values), dtype=float),
        ids,
        source,
        "SLEAP analysis HDF5",
    )


def _read_deeplabcut(source: str, file) -> Recording:
    """Pandas tables with column levels scorer, (individuals,) bodyparts, coords."""
    import h5py

    groups = [group for group in file.values() if isinstance(group, h5py.Group)]
    group = next((group for group in groups if "table" in group or "block0_values" in group), None)
    if group is None:
        raise InputError(f"{source}: HDF5 without 'tracks' (SLEAP) or a pandas table (DeepLabCut).")
    if "block0_values" in group:
        values = np.asarray(group["block0_values"], dtype=float)
        levels = sorted(key for key in group if key.startswith("axis0_level"))
        columns = [
            tuple(_decode(group[level])[code] for level, code in zip(levels, codes, strict=True))
            for codes in zip(
                *(np.asarray(group[f"axis0_label{level[11:]}"]) for level in levels), strict=True
            )
        ]
    else:
        table = np.asarray(group["table"])
        values = np.concatenate(
            [
                np.asarray(table[name], dtype=float).reshape(len(table), -1)
                for name in table.dtype.names
                if name.startswith("values_block")
            ],
            axis=1,
        )
        columns = _read_pickled_columns(group["table"].attrs, group, values.shape[1])
    if len(columns) != values.shape[1] or not columns:
        raise InputError(f"{source}: {len(columns)} column names for {values.shape[1]} columns.")
    people = list(dict.fromkeys(column[1] if len(column) > 3 else "" for column in columns))
    blocks = []
    for person in people:
        own = {column[-2:]: n for n, column in enumerate(columns) if len(column) < 4 or column[1] == person}
        names = list(dict.fromkeys(part for part, _ in own))
        if person == "single" and len(people) > 1:
            continue
        require_legs(source, names)
        stack = np.ones((len(values), len(names), 3))
        for k, name in enumerate(names):
            for n, axis in enumerate(("x", "y", "likelihood")):
                if (name, axis) in own:
                    stack[:, k, n] = values[:, own[name, axis]]
        blocks.append(build_points(stack, names))
    ids = np.tile(np.arange(len(blocks)), (len(values), 1)) if len(blocks) > 1 else None
    return Recording("keypoints", np.stack(blocks, axis=1), None, None, ids, source, "DeepLabCut HDF5")


def _read_pickled_columns(attributes, group, n_columns: int) -> list[tuple[str, ...]]:
    """Column names that pandas pickled: only the words of the pickle are read, it is never loaded."""
    for holder in (group.attrs, attributes):
        for key in ("values_block_0_kind", "non_index_axes", "values_cols"):
            raw = holder.get(key)
            if raw is None:
                continue
            data = (
                raw.tobytes()
                if isinstance(raw, np.ndarray | np.void)
                else raw
                if isinstance(raw, bytes)
                else str(raw).encode()
            )
            words = _list_words(data)
            for width in (3, 4):
                at = next((n for n, word in enumerate(words) if word in ("x", "y", "likelihood")), None)
                if at is None or at < width - 1:
                    continue
                flat = words[at - width + 1 :]
                columns = [tuple(flat[n : n + width]) for n in range(0, width * n_columns, width)]
                if len(columns) == n_columns and all(
                    len(c) == width and c[-1] in ("x", "y", "likelihood") for c in columns
                ):
                    return columns
    return []


def _list_words(data: bytes) -> list[str]:
    """Words of a pickle in order, those fetched again from its memo too."""
    words, memo, last = [], {}, None
    try:
        for operation, argument, _ in pickletools.genops(data):
            if operation.name.endswith("UNICODE") or operation.name in (
                "STRING",
                "BINSTRING",
                "SHORT_BINSTRING",
            ):
                last = str(argument)
                words.append(last)
            elif operation.name in ("PUT", "BINPUT", "LONG_BINPUT"):
                if last is not None:
                    memo[argument] = last
                last = None
            elif operation.name == "MEMOIZE":
                if last is not None:
                    memo[len(memo)] = last
                last = None
            elif operation.name in ("GET", "BINGET", "LONG_BINGET"):
                if argument in memo:
                    words.append(memo[argument])
                last = None
            else:
                last = None
    except ValueError:
        return words
    return words
