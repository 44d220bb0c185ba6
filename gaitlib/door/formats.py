"""Any file of the known kinds -> a `Recording`; the kind is found by content, not by the name of the file."""

from __future__ import annotations

import re
from pathlib import Path

from gaitlib.door.inertial_tables import find_inertial_columns, read_inertial
from gaitlib.door.keypoints import (
    find_keypoint_columns,
    is_long,
    read_hdf5,
    read_keypoint_json,
    read_keypoint_table,
)
from gaitlib.door.loose_tables import parse_table, read_words
from gaitlib.door.names import find_point
from gaitlib.door.recording import Recording
from gaitlib.door.spatial import read_bvh_file, read_c3d_file, read_coordinate_file, read_trc_file
from gaitlib.errors import GaitlibError, InputError

FORMATS = ("json", "hdf5", "c3d", "trc", "bvh", "opensim", "keypoints", "inertial")
"""Names for --format."""
UNREAD = "cannot be read as"


def find_format(path: Path) -> str:
    """Find what a file is by its first bytes."""
    if path.is_dir():
        return "json"
    try:
        with path.open("rb") as stream:
            head = stream.read(2048)
    except FileNotFoundError:
        raise InputError(f"{path.name}: file not found.") from None
    except OSError as error:
        raise InputError(f"{path.name}: cannot be read ({error.strerror}).") from None
    if not head:
        raise InputError(f"{path.name}: the file is empty.")
    if head[:8] == b"\x89HDF\r\n\x1a\n":
        return "hdf5"
    if (
        len(head) > 1
        and head[1] == 0x50
        and head[0] < 60
        and (b"\0" in head or path.suffix.lower() == ".c3d")
    ):
        return "c3d"
    if head[:2] in (b"PK", b"\x1f\x8b") or head[:4] in (b"\x80\x04\x95", b"RIFF") or head[4:8] == b"ftyp":
        raise InputError(
            f"{path.name}: an archive, workbook or video. Unpack it, save the sheet as CSV, or run a "
            f"pose detector first."
        )
    start = head.decode("utf-8-sig", errors="replace").lstrip()
    if start.startswith("PathFileType"):
        return "trc"
    if start.startswith("HIERARCHY"):
        return "bvh"
    if re.match(r"[\[{]", start):
        return "json"
    if re.search(r"(?im)^\s*(endheader|version\s*=|nrows\s*=|datacolumns|indegrees)", start):
        return "opensim"
    return "table"


def read_recording(
    path: str | Path,
    form: str | None = None,
    layout: str | None = None,
    site: str | None = None,
    height_m: float | None = None,
    subject: str | None = None,
) -> Recording:
    """Read one recording of a person from any known file or folder."""
    path = Path(path)
    if form is not None and form not in FORMATS:
        raise InputError(f"--format: found '{form}', expected one of {', '.join(FORMATS)}.")
    form = form or find_format(path)
    try:
        return _read(path, form, layout, site, height_m, subject)
    except GaitlibError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        # No reader should come here; whoever does gets a sentence all the same.
        raise InputError(f"{path.name}: {UNREAD} '{form}' ({type(error).__name__}: {error}).") from error


def _read(path: Path, form: str, layout, site, height_m, subject) -> Recording:
    if subject is not None and form not in ("c3d", "trc"):
        raise InputError(
            f"{path.name}: --subject is for c3d and .trc files, whose markers name their person."
        )
    if form == "json":
        return read_keypoint_json(path, layout)
    if path.is_dir():
        raise InputError(f"{path.name}: a folder, expected a file of format '{form}'.")
    if form == "hdf5":
        return read_hdf5(path)
    if form == "c3d":
        return read_c3d_file(path, subject)
    if form == "trc":
        return read_trc_file(path, subject)
    if form == "bvh":
        return read_bvh_file(path)
    if form == "opensim":
        return read_coordinate_file(path, height_m)
    table = parse_table(path.name, read_words(path))
    if form == "table":
        form = _find_table_kind(table.names, [row[0].lower() for row in table.header], site)
    if form == "inertial":
        return read_inertial(table, site)
    if site is not None:
        raise InputError(f"{path.name}: --site is for inertial sensors, but the columns are keypoints.")
    return read_keypoint_table(table, layout)


def _find_table_kind(names: list[str], first: list[str], site: str | None) -> str:
    if (
        "bodyparts" in first
        or is_long(names)
        or sum(find_point(name) is not None for name in find_keypoint_columns(names)) >= 6
    ):
        return "keypoints"
    sensors = [kinds for kinds in find_inertial_columns(names).values() if kinds]
    if site is not None or any({"acc", "gyr", "free"} & kinds.keys() for kinds in sensors):
        return "inertial"
    return "inertial" if any("bare" in kinds for kinds in sensors) and len(names) < 9 else "keypoints"
