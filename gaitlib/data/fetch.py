"""Paths to real data files: the user's folder first, then what was downloaded, always with the right hash.

Nothing is downloaded without being asked for: `gaitlib data fetch` does it, a page never.

Every caller says for which purpose it wants the data. The manifest's roles decide whether it may have
them: this keeps the people on whom claims are tested out of training, tuning and choosing.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import shutil
from fnmatch import fnmatchcase
from glob import escape
from pathlib import Path

from gaitlib.data.manifest import ROLES, DataFile, DataItem, Manifest, load_manifest
from gaitlib.environment import get_cache_folder
from gaitlib.errors import AbsentData, InputError, WorkError

DATA_VARIABLE = "GAITLIB_DATA"
_COMPRESSED = ".xz"
"""NAME.xz in the data folder stands for NAME, whose size and hash the manifest holds."""
_PURPOSES = {
    "evaluate": "testing claims on real people",
    "baseline": "training a real-data baseline, person-wise cross-validated",
    "calibrate": "calibrating the simulator on healthy adults",
}


def get_path(
    item_id: str, filename: str, purpose: str, manifest: Manifest | None = None, download: bool = False
) -> Path:
    """Give the path of one data file, verified."""
    return get_paths(item_id, purpose, escape(filename), manifest, download)[0]


def get_paths(
    item_id: str, purpose: str, pattern: str = "*", manifest: Manifest | None = None, download: bool = False
) -> list[Path]:
    """Give the paths of all files of an item whose names match, verified."""
    item = check_purpose(item_id, purpose, manifest or load_manifest())
    files = [file for file in item.files if fnmatchcase(file.name, pattern)]
    if files:
        return [_locate(item.lies_with or item_id, file, download) for file in files]
    if item.fetch == "manual":
        raise InputError(
            f"data item '{item_id}' is not shipped and must be added by hand. {item.instructions}"
        )
    names = [file.name for file in item.files]
    names = [*names[:4], f"and {len(names) - 4} more"] if len(names) > 4 else names
    raise InputError(f"data item '{item_id}' has no file '{pattern}'; it has {', '.join(names)}")


def check_purpose(item_id: str, purpose: str, manifest: Manifest | None = None) -> DataItem:
    """Check that an item may be used for a purpose."""
    item = (manifest or load_manifest()).get_item(item_id)
    if purpose not in ROLES:
        raise InputError(f"purpose '{purpose}' is unknown; expected one of {', '.join(ROLES)}")
    if purpose not in item.roles:
        raise InputError(
            f"data item '{item_id}' may not be used for '{purpose}' ({_PURPOSES[purpose]}): its roles are "
            f"{', '.join(item.roles)} ({item.subgroup}); people on whom claims are tested must not reach "
            "the simulator, and people who calibrated it must not be tested"
        )
    return item


def inspect_item(item_id: str, manifest: Manifest | None = None) -> dict[str, str]:
    """Say for every file of an item whether it lies here as it should: 'ok', 'missing' or 'wrong hash'."""
    item, states = (manifest or load_manifest()).get_item(item_id), {}
    _get_data_folder()  # its absence is no fault of a file
    for file in item.files:
        try:
            _locate(item.lies_with or item_id, file, download=False)
            states[file.name] = "ok"
        except AbsentData:
            damaged = any(path.is_file() for path in _list_places(item.lies_with or item_id, file))
            states[file.name] = "wrong hash" if damaged else "missing"
        except InputError:
            states[file.name] = "wrong hash"
    return states


def is_here(item_id: str, file: DataFile) -> bool:
    """Say whether a file lies in the data folder (also compressed) or the download cache, unread."""
    return any(path.is_file() for path in _list_places(item_id, file))


def count_present(item_id: str, item: DataItem) -> int:
    """Count the files of an item that lie here, without reading them."""
    return sum(is_here(item.lies_with or item_id, file) for file in item.files)


def has_right_hash(path: Path, file: DataFile) -> bool:
    """Check a file against size and hash of the manifest, remembering success by size and change time."""
    status = path.stat()
    if status.st_size != file.bytes:
        return False
    key = f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}|{file.sha256}"
    mark = get_cache_folder() / "verified" / hashlib.sha256(key.encode()).hexdigest()
    if mark.exists():
        return True
    with path.open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != file.sha256:
            return False
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except OSError:
        pass  # no writable cache: the file is simply hashed again next time
    return True


def _locate(item_id: str, file: DataFile, download: bool) -> Path:
    *own, cached = _list_places(item_id, file)
    found = next((path for path in own if path.is_file()), None)
    if found is not None:
        is_packed = found.suffix == _COMPRESSED and found.name != file.name
        path = _unpack(item_id, found, file) if is_packed else found if has_right_hash(found, file) else None
        if path is None:
            raise InputError(
                f"{item_id}/{file.name}{_COMPRESSED if is_packed else ''} in the {DATA_VARIABLE} folder "
                "differs from the manifest (size or SHA-256): it is damaged or another version; remove it so "
                "that it is fetched again"
            )
        return path
    if cached.is_file() and has_right_hash(cached, file):
        return cached
    if not download:
        raise AbsentData(
            item_id, f"{item_id}/{file.name} is not here: run make data, or set {DATA_VARIABLE} to its folder"
        )
    return _download(item_id, file, cached)


def _unpack(item_id: str, packed: Path, file: DataFile) -> Path | None:
    """Unpack NAME.xz into the cache; None if what is in it has not the hash of the manifest."""
    target = _get_download_path(item_id, file)
    if target.is_file() and has_right_hash(target, file):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        with lzma.open(packed) as source, half.open("wb") as sink:
            shutil.copyfileobj(source, sink)
        if not has_right_hash(half, file):
            return None
        half.replace(target)
    except (lzma.LZMAError, EOFError):
        return None
    finally:
        half.unlink(missing_ok=True)
    return target


def _download(item_id: str, file: DataFile, target: Path) -> Path:
    import pooch

    pooch.get_logger().setLevel("WARNING")
    try:
        pooch.retrieve(
            file.url,
            known_hash=f"sha256:{file.sha256}",
            fname=target.name,
            path=target.parent,
            downloader=pooch.HTTPDownloader(timeout=30),
        )
    except ValueError:
        raise WorkError(
            f"{item_id}/{file.name}: what was downloaded has not the SHA-256 of the manifest; the source "
            "changed or the download broke; try again, and do not use the file otherwise"
        ) from None
    except Exception as error:
        missing = "is not set" if _get_data_folder() is None else "folder does not hold it"
        raise WorkError(
            f"{item_id}/{file.name}: {DATA_VARIABLE} {missing}, and it could not be downloaded "
            f"({type(error).__name__}); check the network, or set {DATA_VARIABLE} to a folder that holds it"
        ) from None
    return target


def _list_places(item_id: str, file: DataFile) -> list[Path]:
    folder = _get_data_folder()
    names = (file.name, file.name + _COMPRESSED)
    places = [] if folder is None else [folder / item_id / name for name in names]
    return [*places, _get_download_path(item_id, file)]


def _get_data_folder() -> Path | None:
    value = os.environ.get(DATA_VARIABLE, "").strip()
    if not value:
        return None
    folder = Path(value).expanduser()
    if not folder.is_dir():
        raise InputError(f"the folder that {DATA_VARIABLE} names does not exist; correct or unset it")
    return folder


def _get_download_path(item_id: str, file: DataFile) -> Path:
    return get_cache_folder() / "data" / item_id / file.name
