"""Curves of real people in the terms of a Gait: angles, ground forces, EMG over the stride; step lengths."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gaitlib.data.emg import ADULT_GROUPS, compute_envelopes
from gaitlib.data.fetch import get_path
from gaitlib.data.packed import read_recording
from gaitlib.data.readers.clinical import read_joint_angle_bands
from gaitlib.data.reference_tables import load_table
from gaitlib.data.walks import load_walks
from gaitlib.events import detect_events
from gaitlib.gait import GRAVITY_MPS2, JOINTS, resample_phase
from gaitlib.outcomes import compute_leg_curves, compute_walk_outcomes
from gaitlib.walk import KEYPOINTS_3D, get_point

IN_SPACE = {
    "pelvis_list": ("pelvis", "frontal"),
    "pelvis_rotation": ("pelvis", "transverse"),
    "hip_adduction": ("hip", "frontal"),
    "hip_rotation": ("hip", "transverse"),
    "foot_progression": ("foot_progression", "transverse"),
}
"""Angles out of the plane: joint and plane of the recordings. Positive: the pelvis is up and forward on the
leg's side, the hip adducted and turned inwards, the foot turned inwards."""
SEGMENT_ANGLES = ("thigh", "knee", "ankle")
EMG_GROUPS = {
    group: tuple(channel for channel, own in ADULT_GROUPS.items() if own == group)
    for group in ("hamstrings", "rect_fem", "vasti", "gastroc", "soleus", "tib_ant")
}
"""Muscle group -> EMG channels of the measured adult."""


def load_adult_strides() -> dict[str, np.ndarray]:
    """Angles (degrees) and ground forces (body weights) of one adult; (strides, 101) (role: calibrate)."""
    data = read_recording("adult_3d", "ExperimentalData.mat", "calibrate")

    def choose(names, *wanted):
        return next(name for name in wanted if name in names)

    curves = {}
    for name, joint in JOINTS.items():
        column = choose(data["coordinate"].values, f"{joint}_r", joint)
        curves[name] = np.degrees(_resample(data["position"].sel(coordinate=column).values))
    for name, axis in (("forward", "x"), ("vertical", "y")):
        column = choose(data["force"].values, f"{axis}_r", axis)
        curves[name] = _resample(data["force_share"].sel(force=column).values)
    return curves


def load_adult_emg() -> dict[str, np.ndarray]:
    """EMG envelopes of that adult by muscle group; (strides, 101) each (role: calibrate)."""
    data = read_recording("adult_3d", "ExperimentalData.mat", "calibrate")
    envelopes = {}
    for group, channels in EMG_GROUPS.items():
        mean = data["emg"].sel(channel=list(channels)).mean("channel").values
        envelopes[group] = _resample(mean[np.isfinite(mean).all(axis=1)])
    return envelopes


def _resample(curves: np.ndarray) -> np.ndarray:
    return resample_phase(np.asarray(curves, dtype=float).T, 101).T


def load_joint_angles(group: str = "healthy_adult", medication: str = "") -> dict[str, np.ndarray]:
    """Sagittal joint angles of adults, both sides averaged, degrees; (people, 101)."""
    data = _read_joint_angles(group, medication)
    return {joint: _average_sides(data, joint) for joint in JOINTS}


def _average_sides(data, joint: str) -> np.ndarray:
    part = data.isel(record=(data["joint"] == joint).values)
    people, angles = part["person_id"].values, part["angle"].values
    return np.degrees([np.nanmean(angles[people == person], axis=0) for person in np.unique(people)])


def load_leg_angles(group: str = "healthy_adult", medication: str = "") -> tuple[dict, list[str]]:
    """Joint angles of `load_joint_angles`, right leg before left; (people, 2, 101) each, and names."""
    data = _read_joint_angles(group, medication)
    names = sorted(set(data["person_id"].values.tolist()))
    keys = list(zip(*(data[key].values.tolist() for key in ("person_id", "side", "joint")), strict=True))
    angles = {}
    for joint in JOINTS:
        places = [[keys.index((name, side, joint)) for side in "rl"] for name in names]
        angles[joint] = np.degrees(data["angle"].values[np.array(places)])
    return angles, names


def summarise_angles_in_space() -> pd.DataFrame:
    """Mean, SD and range (degrees) of the angles `IN_SPACE` of healthy adults, both sides averaged."""
    parts = []
    for name, (joint, plane) in IN_SPACE.items():
        curves = _average_sides(_read_joint_angles("healthy_adult", "", plane), joint)
        about = {"angle": name, "phase": np.arange(101), "n_people": len(curves)}
        about |= {"mean_deg": np.nanmean(curves, axis=0), "sd_deg": np.nanstd(curves, axis=0, ddof=1)}
        parts.append(pd.DataFrame(about | {"range_deg": float(np.median(np.ptp(curves, axis=1)))}))
    return pd.concat(parts, ignore_index=True)


def _read_joint_angles(group: str, medication: str, plane: str = "sagittal"):
    healthy = group == "healthy_adult"
    item, role = ("wbds_joint_angles", "calibrate") if healthy else ("parkinson_joint_angles", "evaluate")
    data = read_joint_angle_bands(get_path(item, "Parkinsons_Data.csv", role))
    own = (data["group"] == group) & (data["medication"] == medication) & (data["plane"] == plane)
    return data.isel(record=own.values)


def summarise_joint_angles() -> pd.DataFrame:
    """Mean and standard deviation between people of `load_joint_angles`, by group, joint and phase."""
    parts = []
    for group, state in (("healthy_adult", ""), ("parkinsons", "on"), ("parkinsons", "off")):
        for joint, curves in load_joint_angles(group, state).items():
            about = {"group": group, "medication": state, "joint": joint, "phase": np.arange(101)}
            values = {"mean_deg": np.nanmean(curves, axis=0), "sd_deg": np.nanstd(curves, axis=0, ddof=1)}
            parts.append(pd.DataFrame(about | values | {"n_people": len(curves)}))
    return pd.concat(parts, ignore_index=True)


def load_children() -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    """Segment angles (people, 101) of walking children, their height and speed (role: evaluate)."""
    angles: dict[str, list] = {name: [] for name in SEGMENT_ANGLES}
    people = []
    for walk in load_walks("td_children_c3d", "evaluate"):
        events = detect_events(walk)
        points = {name: get_point(walk, name) for name in KEYPOINTS_3D}
        curves = compute_leg_curves(walk["time"].values, points, events)
        for name, own in angles.items():
            own.append(np.nanmean(curves[name], axis=0))
        speed = compute_walk_outcomes(walk, events)["speed_mps"]
        about = {name: walk.attrs[name] for name in ("person_id", "height_m")}
        people.append(about | {"speed_mps": speed})
    return {name: np.array(values) for name, values in angles.items()}, pd.DataFrame(people)


def load_children_emg() -> dict[str, np.ndarray]:
    """EMG envelopes of the walking children by muscle group, over their peak; (people, 101) (evaluate)."""
    envelopes: dict[str, list] = {group: [] for group in EMG_GROUPS}
    for walk in load_walks("td_children_c3d", "evaluate"):
        for channel, curve in compute_envelopes(walk).items():  # each child wore electrodes on one leg
            envelopes[channel[:-2]].append(curve)
    return {group: np.array(values) for group, values in envelopes.items() if values}


def load_speed_law() -> pd.DataFrame:
    """Speed (Froude) and step length over leg length of young and older adults (role: calibrate)."""
    table = load_table("speed_steplength_age", "calibrate")
    leg = table["leg_length_m"]
    free = {"speed": table["speed_mps"] / np.sqrt(GRAVITY_MPS2 * leg), "step": table["step_length_m"] / leg}
    return table[["person_id", "age_group", "age_years"]].assign(**free)
