"""Published keypoint trajectories of video: Toronto Older Adults Gait Archive, cerebral palsy (SimTK 1918).

Both give image keypoints as the virtual cameras do (`gaitlib.sense.layouts.build_image_keypoints`), so the
estimator takes them.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.data.readers.text_tables import read_csv, read_text
from gaitlib.errors import InputError

_SIDES = {"L": "left", "R": "right"}
_COCO = ("Nose", "LEye", "REye", "LEar", "REar", "LShoulder", "RShoulder", "LElbow", "RElbow", "LWrist",
         "RWrist",
         "LHip", "RHip", "LKnee", "RKnee", "LAnkle", "RAnkle")  # fmt: skip
_BODY25 = (
    "nose", "neck", *(f"right_{name}" for name in ("shoulder", "elbow", "wrist")),
    *(f"left_{name}" for name in ("shoulder", "elbow", "wrist")), "mid_hip",
    *(f"{side}_{name}" for side in ("right", "left") for name in ("hip", "knee", "ankle")),
    "right_eye", "left_eye", "right_ear", "left_ear", "left_big_toe", "left_small_toe", "left_heel",
    "right_big_toe", "right_small_toe", "right_heel",
)  # fmt: skip
_TORONTO_NAME = re.compile(r"^(OAW\d+)-(\w+)-(top|bottom)-(front|back)-(\d+)$")
_EXAM_COLUMNS = ("videoid", "side", "speed", "cadence")


def read_toronto_keypoints(path: str | Path) -> xr.Dataset:
    """Read one walk of the Toronto Older Adults Gait Archive as a pose tracker saw it.

    Mehdizadeh S et al. (2022) Sci Data 9:398, doi 10.1038/s41597-022-01495-z. The layout of columns follows
    the archive as its users describe it; it was not checked here on the archive's own files.
    """
    path = Path(path)
    found = _TORONTO_NAME.match(path.stem)
    if not found:
        raise InputError(
            f"{path.name}: expected a name such as OAW01-OpenPose-top-front-1.csv (person, tracker, camera, "
            "facing, number)"
        )
    columns = [f"{joint}_{end}" for joint in _COCO for end in ("x", "y", "conf")]
    table = read_csv(path, ["time", *columns], ["time", *columns])
    block = table[columns].to_numpy(dtype=float).reshape(len(table), len(_COCO), 3)
    person, tracker, camera, facing, number = found.groups()
    about = {
        "layout": "coco17", "person_id": person, "walk_id": f"{person}-{camera}-{facing}-{number}",
        "dataset": "toronto_older_adults", "origin": "real", "subgroup": "older_adult", "view": "front",
        "tracker": tracker, "camera": camera, "facing": facing,
    }  # fmt: skip
    names = [_rename_coco(joint) for joint in _COCO]
    return _build(path.name, table["time"].to_numpy(dtype=float), block, names, about)


def _rename_coco(joint: str) -> str:
    return "nose" if joint == "Nose" else f"{_SIDES[joint[0]]}_{joint[1:].lower()}"


def read_body25_trajectory(path: str | Path, fps: float) -> xr.Dataset:
    """Read one video of children with cerebral palsy as OpenPose saw it.

    Kidzinski L et al. (2020) Nat Commun 11:4054, doi 10.1038/s41467-020-17807-z. Pickled files of the set are
    not read: opening a pickle runs code.
    """
    path = Path(path)
    if path.suffix.lower() in (".pickle", ".pkl"):
        raise InputError(f"{path.name}: a pickle can run code when opened; use the .csv files of video_csvs")
    rows = [line.split(",") for line in read_text(path).splitlines() if line.strip()]
    widths = sorted({len(row) for row in rows})
    if widths not in ([50], [75]):
        raise InputError(
            f"{path.name}: found lines of {widths} values, expected 50 (x, y) or 75 (x, y, confidence)"
        )
    try:
        values = np.array([[float(word) if word.strip() else np.nan for word in row] for row in rows])
    except ValueError as error:
        raise InputError(f"{path.name}: a value is no number ({error})") from None
    block = values.reshape(len(values), 25, widths[0] // 25)
    if block.shape[2] == 2:
        block = np.concatenate([block, (np.nan_to_num(block) != 0).any(axis=2, keepdims=True)], axis=2)
    about = {
        "layout": "body25", "walk_id": path.stem, "dataset": "cp_video_trajectories", "origin": "real",
        "subgroup": "cerebral_palsy", "view": "side",
    }  # fmt: skip
    return _build(path.name, np.arange(len(values)) / fps, block, list(_BODY25), about)


def read_cp_exams(path: str | Path, split_path: str | Path | None = None) -> pd.DataFrame:
    """Read the gait-lab values that belong to the videos of children with cerebral palsy."""
    numbers = ["videoid", "speed", "cadence"]
    table = read_csv(path, _EXAM_COLUMNS, numbers).dropna(subset=["videoid"])
    if not table["side"].isin(["L", "R"]).all():
        raise InputError(f"{Path(path).name}, column 'side': expected L or R")
    exams = pd.DataFrame(
        {"walk_id": table["videoid"].astype(int).astype(str), "side": table["side"].str.lower()}
    )
    exams["speed_mps"] = table["speed"]
    exams["cadence_spm"] = 120.0 * table["cadence"]  # the file counts strides per second
    for old, new in {
        "GDI": "gait_deviation_index",
        "KneeFlex_maxExtension": "knee_flexion_at_max_extension_deg",
    }.items():
        if old in table:
            exams[new] = pd.to_numeric(table[old], errors="coerce")
    if split_path is not None:
        split = read_csv(split_path, ["videoid", "dataset"], ["videoid"]).dropna(subset=["videoid"])
        parts = dict(zip(split["videoid"].astype(int).astype(str), split["dataset"].astype(str), strict=True))
        exams["published_split"] = exams["walk_id"].map(parts).fillna("")
    return exams.reset_index(drop=True)


def _build(name: str, time_s: np.ndarray, block: np.ndarray, names: list[str], about: dict) -> xr.Dataset:
    """Image keypoints from x, y, confidence of every frame."""
    steps = np.diff(time_s)
    if len(steps) == 0 or not (steps > 0).all():
        raise InputError(f"{name}: expected at least two frames whose times rise")
    seen = np.isfinite(block).all(axis=2) & (block[..., 2] > 0)
    pixels = np.where(seen[..., None], block[..., :2], np.nan)
    return xr.Dataset(
        {
            "pixel_position": (("time", "keypoint", "image_axis"), pixels, {"units": "px"}),
            "confidence": (("time", "keypoint"), np.where(seen, block[..., 2], 0.0), {"units": "1"}),
        },
        coords={"time": time_s - time_s[0], "keypoint": names, "image_axis": ["u", "v"]},
        attrs=about | {"fps": float(1 / np.median(steps)), "source_file": name},
    )
