"""Three-dimensional files: c3d, .trc, BVH, OpenSim coordinates; measured without a virtual camera."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.body.kinematics import compute_sagittal_points
from gaitlib.data.readers.bvh import read_bvh
from gaitlib.data.readers.c3d import read_c3d
from gaitlib.data.readers.opensim_files import read_coordinates, read_trc
from gaitlib.door.names import build_points, find_point, map_names
from gaitlib.door.recording import LEGS, POINT, Recording
from gaitlib.environment import require
from gaitlib.errors import InputError
from gaitlib.gait import COORDINATES
from gaitlib.person import Person

_LEG_M = (0.35, 1.15)
"""Thigh plus shank of people from two years of age to the tallest (m)."""
_PELVIS = {
    "l": ("LASI", "LASIS", "L.ASIS", "L_IAS", "LFWT"),
    "r": ("RASI", "RASIS", "R.ASIS", "R_IAS", "RFWT"),
}
_BACK = ("SACR", "LPSI", "RPSI", "LPSIS", "RPSIS", "V.Sacral", "L_IPS", "R_IPS", "LBWT", "RBWT")


def build_from_markers(dataset, form: str) -> Recording:
    """Bring markers (time, marker, space) to the points of a Walk; skin markers stand for joints."""
    names = [str(name) for name in dataset["marker"].values]
    source = str(dataset.attrs["source_file"])
    values = dataset["marker_position"].values
    values = np.where((values == 0).all(axis=2, keepdims=True), np.nan, values)  # a mark for 'not seen'
    points = build_points(values, names)
    lower = {name.lower(): n for n, name in enumerate(names)}
    added = []
    if not np.isfinite(points[:, [POINT["hip_r"], POINT["hip_l"]]]).any():
        front = [[lower[word.lower()] for word in _PELVIS[side] if word.lower() in lower] for side in "rl"]
        if all(front):
            back = [lower[word.lower()] for word in _BACK if word.lower() in lower]
            for side, own in zip("rl", front, strict=True):
                ends = values[:, own[0]]
                rear = np.nanmean(values[:, back], axis=1) if back else ends
                points[:, POINT[f"hip_{side}"]] = ends + 0.35 * (rear - ends)
            added.append("hips were taken from the pelvis markers")
    missing = [
        name
        for name in ("hip_r", "hip_l", *(f"{part}_{side}" for part in ("heel", "toe") for side in "rl"))
        if not np.isfinite(points[:, POINT[name]]).any()
    ]
    for side in "rl":
        if np.isfinite(points[:, [POINT[f"ankle_{side}"], POINT[f"heel_{side}"]]]).any():
            missing = [name for name in missing if name[-1] != side or name.startswith("hip")]
    if missing:
        raise InputError(
            f"{source}: markers of both hips (or the pelvis) and of both heels or ankles are needed; "
            f"not found: {', '.join(missing)}; found {', '.join(names[:10])}."
        )
    time_s = dataset["time"].values
    facts = {"fps": float(dataset.attrs["fps"])} if np.isfinite(dataset.attrs.get("fps", np.nan)) else {}
    return Recording("markers", points, time_s, None, None, source, form, facts=facts, notes=tuple(added))


def read_c3d_file(path: Path, subject: str | None) -> Recording:
    """Read markers of a c3d file."""
    if importlib.util.find_spec("ezc3d") is None:
        require("book")
    recording = read_c3d(path, subject=subject)
    return build_from_markers(recording.markers, "c3d markers")


def read_trc_file(path: Path, subject: str | None) -> Recording:
    """Read a .trc file: markers, or pixels as Sports2D writes them."""
    dataset = read_trc(path, subject)
    if dataset["marker_position"].attrs["units"] != "px":
        return build_from_markers(dataset, "trc markers")
    names = [str(name) for name in dataset["marker"].values]
    pixels = build_points(dataset["marker_position"].values[..., :2], names)
    pixels[..., 1] *= -1 if np.nanmedian(pixels[..., 1]) < 0 else 1
    known = np.isfinite(pixels).all(axis=-1, keepdims=True).astype(float)
    return Recording(
        "keypoints",
        np.concatenate([pixels, known], axis=-1)[:, None],
        dataset["time"].values,
        source=path.name,
        format="trc in pixels",
        facts={"fps": float(dataset.attrs["fps"])},
    )


def read_bvh_file(path: Path) -> Recording:
    """Read a BVH file; its unit of length is found from the legs."""
    dataset = read_bvh(path, 1.0)
    names = [str(name) for name in dataset["marker"].values]
    points = build_points(dataset["marker_position"].values, names)
    toe = next((n for n in names if find_point(n) == "toe_r"), None)
    if toe is None or not {"hip_r", "knee_r", "ankle_r"} <= map_names(names).keys():
        raise InputError(
            f"{path.name}: joints of hip, knee, ankle and toe not found; found {', '.join(names[:10])}."
        )
    leg = float(np.nanmedian(np.linalg.norm(np.diff(points[:, LEGS], axis=2), axis=-1).sum(axis=-1)))
    for unit, factor in (("cm", 0.01), ("m", 1.0), ("inch", 0.0254), ("mm", 0.001)):
        if _LEG_M[0] < leg * factor < _LEG_M[1]:
            return Recording(
                "markers",
                points * factor,
                dataset["time"].values,
                source=path.name,
                format="BVH joints",
                notes=(f"lengths were taken as {unit}, which makes thigh plus shank {leg * factor:.2f} m",),
            )
    raise InputError(
        f"{path.name}: thigh plus shank are {leg:.3g} units long, which is a human leg in no usual unit."
    )


def read_coordinate_file(path: Path, height_m: float | None) -> Recording:
    """Read OpenSim coordinates (.mot, .sto): a skeleton of the stated height walks with these angles."""
    table = read_coordinates(path)
    names = {str(name): n for n, name in enumerate(table["coordinate"].values)}
    missing = [
        name
        for name in ("pelvis_tx", "hip_flexion_r", "knee_angle_r", "ankle_angle_r", "hip_flexion_l")
        if name not in names
    ]
    if missing:
        if "pelvis_tx" in missing and any(re.search("hip|knee|ankle", name, re.IGNORECASE) for name in names):
            raise InputError(
                f"{path.name}: holds joint angles only ({', '.join(list(names)[:3])} ...), which do not tell "
                "how far a person walks; give the points of that walk (.trc) or coordinates with pelvis_tx."
            )
        raise InputError(
            f"{path.name}: coordinates {', '.join(missing)} are missing; found {', '.join(list(names)[:8])}."
        )
    if height_m is None:
        raise InputError(f"{path.name}: joint angles give lengths only with the body height; give --height.")
    values = table["position"].values
    path_m = np.ptp(values[:, names["pelvis_tx"]]) / max(float(np.ptp(table["time"].values)), 1e-9)
    if path_m > 20:
        raise InputError(
            f"{path.name}: pelvis_tx travels {path_m:.0f} m/s; OpenSim counts in metres, is it in mm?"
        )
    position = np.zeros((len(values), len(COORDINATES)))
    for n, name in enumerate(COORDINATES):
        if name in names:
            position[:, n] = values[:, names[name]]
    knees = [n for n, name in enumerate(COORDINATES) if name.startswith("knee_angle")]
    notes = [f"segment lengths follow from the stated height of {height_m:g} m"]
    if np.nanmean(position[:, knees]) < 0:  # older OpenSim models count knee flexion negative
        position[:, knees] *= -1
    if not 0.85 <= height_m <= 2.1:
        raise InputError(
            f"--height: found {height_m:g}, expected 0.85 to 2.1 m for a skeleton of joint angles."
        )
    person = Person(age_years=30.0, sex="f", height_m=height_m, mass_kg=22.0 * height_m**2)
    dimensions = compute_dimensions(person)
    planar = compute_sagittal_points(position, dimensions)
    points = np.full((len(values), len(POINT), 3), np.nan)
    for name, n in POINT.items():
        source = planar.get("mid_hip" if name.startswith("hip_") else name)
        if source is not None:
            points[:, n, :2], points[:, n, 2] = source, 0.0
    return Recording(
        "markers",
        points,
        table["time"].values,
        source=path.name,
        format="OpenSim coordinates",
        notes=tuple(notes),
    )
