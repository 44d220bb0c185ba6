"""Walks of real people: children with markers, adults by diagnosis, the adult set aside for calibration."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.data.emg import filter_envelope
from gaitlib.data.fetch import get_path
from gaitlib.data.manifest import load_manifest
from gaitlib.data.packed import PACKED, list_recordings, read_recording
from gaitlib.data.plug_in_gait import build_pelvis, compute_hip_center, compute_joint_centers
from gaitlib.data.readers.bvh import read_bvh
from gaitlib.data.readers.c3d import C3dRecording
from gaitlib.data.readers.clinical import read_diagnoses
from gaitlib.errors import InputError
from gaitlib.events import CONTACT_N
from gaitlib.signals import find_runs
from gaitlib.walk import KEYPOINTS_3D, build_walk

_MARKER_RADIUS_M = 0.007
_HALF_WIDTH_M = {"knee": 0.05, "ankle": 0.035}
"""From the skin outside a joint to its centre, in an adult; assumed, and invisible from the side."""
_MARKERS = {"heel": "Heel", "toe": "Toe", "shoulder": "Shoulder", "elbow": "Elbow", "wrist": "Wrist"}
_HEADS = {
    "soleus": ("soleus",),
    "gastroc": ("gastrocnemius",),
    "tib_ant": ("tibialis_anterior",),
    "hamstrings": ("medial_hamstrings", "biceps_femoris"),
    "vasti": ("vastus_lateralis", "vastus_medius"),
    "rect_fem": ("rectus_femoris",),
    "glut_max": ("gluteus_maximus",),
}
"""Muscle group of the simulation -> channels of the file; gluteus medius is not simulated."""


def compute_adult_joints(markers: xr.Dataset) -> dict[str, np.ndarray]:
    """Compute the keypoints of a walk from the markers; shape (time, 3), m."""
    positions = markers["marker_position"]

    def get(name: str) -> np.ndarray:
        if name not in positions["marker"].values:
            raise InputError(f"{markers.attrs['source_file']}: marker '{name}' is missing")
        return positions.sel(marker=name).values

    pelvis = build_pelvis(get("R.ASIS"), get("L.ASIS"), get("S2"), _MARKER_RADIUS_M)
    points = {"neck": (get("R.Shoulder") + get("L.Shoulder")) / 2}
    for side, sign in (("r", 1.0), ("l", -1.0)):
        letter = side.upper()
        points[f"hip_{side}"] = compute_hip_center(pelvis, sign)
        for joint, half in _HALF_WIDTH_M.items():
            skin = get(f"{letter}.{joint.title()}")
            points[f"{joint}_{side}"] = skin - sign * (half + _MARKER_RADIUS_M) * pelvis["right"]
        points |= {f"{name}_{side}": get(f"{letter}.{marker}") for name, marker in _MARKERS.items()}
    return points


def add_adult_envelopes(walk: xr.Dataset, emg: pd.DataFrame) -> xr.Dataset:
    """Add the envelopes of the adult's right leg."""
    curves = [np.mean([emg[head] / emg[head].max() for head in heads], axis=0) for heads in _HEADS.values()]
    walk = walk.assign_coords(emg_time=emg["time"].to_numpy(), channel=[f"{name}_r" for name in _HEADS])
    walk["emg"] = (("emg_time", "channel"), np.stack(curves, axis=1), {"units": "1"})
    walk["emg_live"] = ("channel", np.ones(len(_HEADS), dtype=bool))
    return walk.assign_attrs(emg_is_envelope=1)


# c3d files have z up, these BVH and trc files y up.
_Y_UP, _Z_UP = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])

_BVH_LIMBS = {"shoulder": "Arm", "elbow": "ForeArm", "wrist": "Hand", "hip": "UpLeg", "knee": "Leg",
              "ankle": "Foot", "toe": "Toes_end"}  # fmt: skip
_BVH_KEYPOINTS = {"head_top": "HEad_end", "neck": "Spine1"} | {
    f"{keypoint}_{side.lower()[0]}": f"{side}{joint}"
    for side in ("Right", "Left")
    for keypoint, joint in _BVH_LIMBS.items()
}
_LEG_SHARE_OF_HEIGHT = 0.245 + 0.246
"""Thigh plus shank over body height (Winter 2009, after Drillis & Contini 1966)."""
_HEIGHT_SOURCE = "estimated: thigh plus shank over 0.491 (Winter 2009)"

_SUBGROUPS = {
    "Healthy": "healthy_adult",
    "Neurological Defect": "neurological",
    "Muscle Weakness": "weakness",
    "Joint Problem": "joint",
}
_EMG_NAMES = {"Rect": "rect_fem", "Hams": "hamstrings", "Gast": "gastroc", "Tib Ant": "tib_ant",
              "Tib Post": "tib_post"}  # fmt: skip
_EMG_SD_V, _EMG_RISE = (0.005, 0.2), (2.0, 50.0)
"""What a working electrode gives: standard deviation of the signal, peak of its envelope over the median.
Open inputs rest below it, or are noise at full scale that never pauses, or hold nothing but a knock."""
_UNKNOWN = {"mass_kg": float("nan"), "age_years": float("nan"), "sex": "unknown"}
_MIN_SPEED_SHARE = 0.4
_SWING_MARGIN_S = 0.1


def load_walks(dataset_id: str, purpose: str) -> list[xr.Dataset]:
    """Load every walk of a set of real people."""
    loaders = {"td_children_c3d": _load_children, "neuro_bvh": _load_neuro, "adult_walk_3d_moco": _load_adult}
    if dataset_id not in loaders:
        raise InputError(f"data item '{dataset_id}' has no walks; sets with walks: {', '.join(loaders)}")
    return loaders[dataset_id](purpose)


def _load_children(purpose: str) -> list[xr.Dataset]:
    item = "td_children_c3d"
    return [build_child_walk(read_recording(item, name, purpose)) for name in list_recordings(item, "*.c3d")]


def _pass_on(walk: xr.Dataset, source: xr.Dataset) -> xr.Dataset:
    """Mark a walk whose signals came from the packed form."""
    return walk.assign_attrs({PACKED: source.attrs[PACKED]} if PACKED in source.attrs else {})


def build_child_walk(recording: C3dRecording) -> xr.Dataset:
    """Build the walk of one child from one recording."""
    name = Path(recording.markers.attrs["source_file"]).stem
    points = compute_joint_centers(recording)
    time_s = recording.markers["time"].values
    positions, keep, turn = _place(points, time_s, _Z_UP)
    walk = build_walk(
        time_s[keep] - time_s[keep][0],
        positions[keep],
        walk_id=name,
        person_id=name[:6],
        dataset="td_children_c3d",
        origin="real",
        subgroup="child",
        height_m=recording.get_measure("Height") / 1000.0,
        height_source="measured, in the file",
        **_UNKNOWN | {"mass_kg": recording.get_measure("Bodymass")},
        fps=recording.markers.attrs["fps"],
        estimated_keypoints="head_top",
        lab_events=json.dumps(_shift_events(recording.events, time_s[keep]).to_dict("records")),
    )
    start_s, end_s = time_s[keep][[0, -1]]
    force = _compute_ground_force(recording, points, turn)[keep]
    walk["ground_force"] = (("time", "foot", "space"), force, {"units": "N"})
    walk = _add_emg(walk.assign_coords(foot=["r", "l"]), recording, start_s, end_s)
    return _pass_on(walk, recording.markers)


def _shift_events(events: pd.DataFrame, time_s: np.ndarray) -> pd.DataFrame:
    inside = events[(events["time_s"] >= time_s[0]) & (events["time_s"] <= time_s[-1])].copy()
    inside["time_s"] = (inside["time_s"] - time_s[0]).round(4)
    return inside


def _place(
    points: dict[str, np.ndarray], time_s: np.ndarray, up: np.ndarray
) -> tuple[np.ndarray, slice, np.ndarray]:
    """Positions (time, keypoint, 3) forward, up, right; the frames of walking; the turn into that frame."""
    turn, origin = _find_frame(points, time_s, up)
    unknown = np.full((len(time_s), 3), np.nan)
    positions = _turn(np.stack([points.get(name, unknown) for name in KEYPOINTS_3D], axis=1), turn, origin)
    return positions, _find_walking(positions, time_s), turn


def _find_frame(
    points: dict[str, np.ndarray], time_s: np.ndarray, up: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the turn to forward (line of the mid-hip), up, right; origin on the floor below the hips."""
    middle = (points["hip_r"] + points["hip_l"]) / 2
    seen = np.isfinite(middle).all(axis=1)
    slope = np.polyfit(time_s[seen], middle[seen], 1)[0]
    forward = slope - (slope @ up) * up
    forward /= np.linalg.norm(forward)
    turn = np.stack([forward, up, np.cross(forward, up)])
    floor = np.nanpercentile(np.minimum(points["toe_r"] @ up, points["toe_l"] @ up), 5)
    first = middle[seen][0]
    return turn, first + (floor - first @ up) * up


def _turn(positions: np.ndarray, turn: np.ndarray, origin: np.ndarray | float = 0.0) -> np.ndarray:
    return (positions - origin) @ turn.T


def _find_walking(positions: np.ndarray, time_s: np.ndarray) -> slice:
    """The longest run of frames with both legs seen and the mid-hip faster than 0.4 of its median speed."""
    legs = [
        KEYPOINTS_3D.index(f"{joint}_{side}") for side in "rl" for joint in ("hip", "knee", "ankle", "toe")
    ]
    seen = np.isfinite(positions[:, legs]).all(axis=(1, 2))
    hips = [KEYPOINTS_3D.index("hip_r"), KEYPOINTS_3D.index("hip_l")]
    speed = np.gradient(positions[:, hips, 0].mean(axis=1), time_s)
    width = max(1, round(0.3 / float(np.median(np.diff(time_s)))))
    smooth = pd.Series(speed).rolling(width, center=True, min_periods=1).mean().to_numpy()
    walking = seen & (smooth > _MIN_SPEED_SHARE * np.nanmedian(speed))
    runs = find_runs(walking)
    if not runs:
        raise InputError("no frames with both legs seen in a walk")
    return slice(*max(runs, key=lambda run: run[1] - run[0]))


def _compute_ground_force(recording: C3dRecording, points: dict, turn: np.ndarray) -> np.ndarray:
    """Force on each foot (time, foot, 3) in the frame of the walk, from plates hit by one foot only."""
    time_s = recording.markers["time"].values
    plate_time = recording.plates["analog_time"].values
    force = np.full((len(time_s), 2, 3), np.nan)
    for plate in recording.plates["plate"].values:
        values = recording.plates["plate_force"].sel(plate=plate).values
        center = recording.plates["center_of_pressure"].sel(plate=plate).values
        loaded = np.flatnonzero(values[:, 2] > CONTACT_N)
        if len(loaded) == 0 or np.any(np.diff(loaded) > 1):
            continue  # nobody, or stepped on more than once
        start_s, end_s = plate_time[loaded[[0, -1]]]
        during = (time_s >= start_s) & (time_s <= end_s)
        spot = np.nanmedian(center[loaded], axis=0)[:2]
        feet = [(points[f"ankle_{side}"] + points[f"toe_{side}"])[during, :2] / 2 for side in "rl"]
        foot = int(np.argmin([np.nanmedian(np.linalg.norm(place - spot, axis=1)) for place in feet]))
        known = (time_s >= start_s - _SWING_MARGIN_S) & (time_s <= end_s + _SWING_MARGIN_S)
        turned = _turn(values, turn)
        for axis in range(3):
            force[known, foot, axis] = np.interp(time_s[known], plate_time, turned[:, axis])
    return force


def _add_emg(walk: xr.Dataset, recording: C3dRecording, start_s: float, end_s: float) -> xr.Dataset:
    analog = recording.analog
    inside = (analog["analog_time"] >= start_s) & (analog["analog_time"] <= end_s)
    names, signals = [], []
    for label in analog["channel"].values:
        side, _, muscle = str(label).partition(" ")
        if side in ("L", "R") and muscle in _EMG_NAMES:
            names.append(f"{_EMG_NAMES[muscle]}_{side.lower()}")
            signals.append(analog["analog"].sel(channel=label).values[inside.values])
    if not names:
        return walk
    emg = np.stack(signals, axis=1)
    walk = walk.assign_coords(emg_time=analog["analog_time"].values[inside.values] - start_s, channel=names)
    walk["emg"] = (("emg_time", "channel"), emg, {"units": "V"})
    walk["emg_live"] = ("channel", find_live_channels(emg, names, 1.0 / float(np.diff(walk["emg_time"])[0])))
    return walk


def find_live_channels(emg: np.ndarray, names: list[str], fps: float) -> np.ndarray:
    """Find the channels (V, (time, channel)) with a muscle on them; each child wore electrodes on one leg."""
    envelope = filter_envelope(emg, fps)
    rise = envelope.max(axis=0) / np.maximum(np.median(envelope, axis=0), 1e-12)
    bounds = ((emg.std(axis=0), _EMG_SD_V), (rise, _EMG_RISE))
    live = np.all([(values > low) & (values < high) for values, (low, high) in bounds], axis=0)
    sides = np.array([name[-1] for name in names])
    count = np.array([live[sides == side].sum() for side in sides])
    return live & (count == count.max())


def _load_neuro(purpose: str) -> list[xr.Dataset]:
    diagnoses = read_diagnoses(get_path("neuro_bvh", "Annotations.xlsx", purpose))
    first_with: dict[str, str] = {}
    dropped: dict[str, list[str]] = {}
    for file in sorted(load_manifest().get_item("neuro_bvh").files, key=lambda file: _sort_trial(file.name)):
        if file.name.endswith(".bvh"):
            kept = first_with.setdefault(file.sha256, file.name)
            if kept != file.name:
                dropped.setdefault(kept, []).append(file.name)
    walks = []
    for name in first_with.values():
        stem = Path(name).stem
        if stem not in diagnoses:
            raise InputError(f"Annotations.xlsx: has no diagnosis for {stem}")
        motion = read_bvh(get_path("neuro_bvh", name, purpose))
        walks.append(build_neuro_walk(motion, diagnoses[stem], ", ".join(dropped.get(name, []))))
    return walks


def _sort_trial(name: str) -> tuple[str, int, str]:
    stem = Path(name).stem.removeprefix("Subject")
    person, _, trial = stem.partition("_")
    return person[:1], int(person[1:]) if person[1:].isdigit() else 0, trial


def build_neuro_walk(motion: xr.Dataset, diagnosis: str, duplicates: str = "") -> xr.Dataset:
    """Build a walk from one BVH file of the diagnosis set.

    All files of the set carry one common skeleton: the people's motion was transferred to it, so lengths are
    those of the skeleton and not of the person. Body height is therefore that of a body with these legs.
    The set has no heels; the end of the head lies at face height and stands in for the vertex.
    """
    name = Path(motion.attrs["source_file"]).stem.removeprefix("Subject")
    if diagnosis not in _SUBGROUPS:
        raise InputError(
            f"Annotations.xlsx: diagnosis {diagnosis!r} is unknown; known: {', '.join(_SUBGROUPS)}"
        )
    missing = sorted(set(_BVH_KEYPOINTS.values()) - set(motion["marker"].values))
    if missing:
        raise InputError(f"{motion.attrs['source_file']}: joints are missing: {', '.join(missing)}")
    points = {
        keypoint: motion["marker_position"].sel(marker=joint).values
        for keypoint, joint in _BVH_KEYPOINTS.items()
    }
    time_s = motion["time"].values
    positions, keep, _ = _place(points, time_s, _Y_UP)
    return build_walk(
        time_s[keep] - time_s[keep][0],
        positions[keep],
        walk_id=name,
        person_id=name.partition("_")[0],
        dataset="neuro_bvh",
        origin="real",
        subgroup=_SUBGROUPS[diagnosis],
        height_m=_estimate_height(points),
        height_source=_HEIGHT_SOURCE,
        **_UNKNOWN,
        fps=motion.attrs["fps"],
        estimated_keypoints="head_top",
        body_size="common skeleton of the set, not the person's own",
        dropped_duplicates=duplicates,
    )


def _load_adult(purpose: str) -> list[xr.Dataset]:
    names = "markers_walk.trc", "electromyography.sto"
    return [build_adult_walk(*(read_recording("adult_walk_3d_moco", name, purpose) for name in names))]


def build_adult_walk(markers: xr.Dataset, emg: pd.DataFrame) -> xr.Dataset:
    """Build the walk of the adult set aside for calibration."""
    points = compute_adult_joints(markers)
    time_s = markers["time"].values
    positions, keep, _ = _place(points, time_s, _Y_UP)
    walk = build_walk(
        time_s[keep],
        positions[keep],
        walk_id="adult_walk",
        person_id="adult",
        dataset="adult_walk_3d_moco",
        origin="real",
        subgroup="healthy_adult",
        height_m=_estimate_height(points),
        height_source=_HEIGHT_SOURCE,
        **_UNKNOWN,
        fps=markers.attrs["fps"],
    )
    return _pass_on(add_adult_envelopes(walk, emg), markers)


def _estimate_height(points: dict[str, np.ndarray]) -> float:
    leg = np.linalg.norm(points["hip_r"] - points["knee_r"], axis=1).mean()
    leg += np.linalg.norm(points["knee_r"] - points["ankle_r"], axis=1).mean()
    return float(leg / _LEG_SHARE_OF_HEIGHT)
