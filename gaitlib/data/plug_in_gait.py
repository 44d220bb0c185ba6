"""Joint centres from the markers of the Plug-in Gait and Oxford foot model sets.

Hip: regression of Harrington et al. 2007 (doi 10.1016/j.jbiomech.2006.02.003), made from adults, children
and children with cerebral palsy. Knee and ankle: the chord construction of Davis et al. 1991 (doi
10.1016/0167-9457(91)90046-Z), from the lateral marker, the wand or surface marker of the segment, and the
joint width measured by the laboratory.

Departures:

1. Pelvis depth is the distance from the middle of the front spines to the sacrum marker, less two radii.
2. The shoulder centre lies below the acromion marker by the laboratory's offset; the elbow uses the chord
   construction with its axis normal to upper arm and forearm.
3. The vertex is the head markers' centre raised so that its median height over the floor is the measured
   body height: it is estimated, not measured.
"""

from __future__ import annotations

import numpy as np

from gaitlib.data.readers.c3d import C3dRecording
from gaitlib.errors import InputError

_SIDES = {"r": "R", "l": "L"}
_UP = np.array([0.0, 0.0, 1.0])


def compute_joint_centers(recording: C3dRecording) -> dict[str, np.ndarray]:
    """Compute the keypoints of a walk from the markers of one recording; shape (time, 3)."""
    marker = recording.get_marker
    points = {"neck": (marker("C7") + marker("CLAV")) / 2}
    pelvis = build_pelvis(marker("RASI"), marker("LASI"), marker("SACR"), _get_marker_radius(recording))
    for side, letter in _SIDES.items():
        points |= _compute_leg(recording, pelvis, side, letter)
        points |= _compute_arm(recording, side, letter)
    head = _compute_head_top(recording)
    return points if head is None else points | {"head_top": head}


def _get_metres(recording: C3dRecording, name: str) -> float:
    value = recording.get_measure(name) / 1000.0
    if not value > 0:
        raise InputError(
            f"{recording.markers.attrs['source_file']}: measure 'PROCESSING:{name}' is {value * 1000:g} mm; "
            "expected above zero"
        )
    return value


def _get_marker_radius(recording: C3dRecording) -> float:
    return _get_metres(recording, "MarkerDiameter") / 2


def build_pelvis(
    right: np.ndarray, left: np.ndarray, sacrum: np.ndarray, radius_m: float
) -> dict[str, np.ndarray]:
    """Build the frame of the pelvis."""
    middle = (right + left) / 2
    rightward = _normalize(right - left)
    forward = middle - sacrum
    depth = np.linalg.norm(forward, axis=-1) - 2 * radius_m
    forward = _normalize(forward - np.sum(forward * rightward, -1, keepdims=True) * rightward)
    return {
        "origin": middle,
        "forward": forward,
        "up": np.cross(rightward, forward),
        "right": rightward,
        "width": np.linalg.norm(right - left, axis=-1),
        "depth": depth,
    }


def _compute_leg(recording: C3dRecording, pelvis: dict, side: str, letter: str) -> dict[str, np.ndarray]:
    radius = _get_marker_radius(recording)
    sign = 1.0 if side == "r" else -1.0
    hip = compute_hip_center(pelvis, sign)
    knee = compute_chord_center(
        hip,
        recording.get_marker(f"{letter}KNE"),
        recording.get_marker(f"{letter}THI"),
        _get_metres(recording, f"{letter}KneeWidth") / 2 + radius,
        _get_rotation(recording, f"{letter}ThighRotation") * -sign,
    )
    ankle = compute_chord_center(
        knee,
        recording.get_marker(f"{letter}ANK"),
        recording.get_marker(f"{letter}TIB"),
        _get_metres(recording, f"{letter}AnkleWidth") / 2 + radius,
        _get_rotation(recording, f"{letter}ShankRotation") * -sign,
    )
    labels = recording.markers.indexes["marker"]
    toe = f"{letter}HLX" if f"{letter}HLX" in labels else f"{letter}TOE"
    return {
        f"hip_{side}": hip,
        f"knee_{side}": knee,
        f"ankle_{side}": ankle,
        f"heel_{side}": recording.get_marker(f"{letter}HEE"),
        f"toe_{side}": recording.get_marker(toe),
    }


def _get_rotation(recording: C3dRecording, name: str) -> float:
    """Rotation of the segment marker about the segment (rad); zero where the laboratory stored none."""
    return recording.measures.get(name, 0.0)


def compute_hip_center(pelvis: dict[str, np.ndarray], sign: float) -> np.ndarray:
    """Compute a hip joint centre by the regression of Harrington et al. 2007; shape (time, 3)."""
    width, depth = np.nanmedian(pelvis["width"]), np.nanmedian(pelvis["depth"])
    forward = -0.24 * depth - 0.0099
    up = -0.30 * width - 0.0109
    right = 0.33 * width + 0.0073
    return pelvis["origin"] + forward * pelvis["forward"] + up * pelvis["up"] + sign * right * pelvis["right"]


def compute_chord_center(
    proximal: np.ndarray, lateral: np.ndarray, segment: np.ndarray, offset_m: float, rotation_rad: float = 0.0
) -> np.ndarray:
    """Compute a joint centre, `offset_m` medial of the lateral marker, by the chord construction."""
    chord = lateral - proximal
    length = np.linalg.norm(chord, axis=-1, keepdims=True)
    axis = chord / length
    outward = segment - proximal
    outward = _normalize(outward - np.sum(outward * axis, -1, keepdims=True) * axis)
    if rotation_rad:
        outward = np.cos(rotation_rad) * outward + np.sin(rotation_rad) * np.cross(axis, outward)
    with np.errstate(invalid="ignore"):
        along = offset_m / length
        across = np.sqrt(1 - along**2)
    return lateral + offset_m * (-along * axis - across * outward)


def _compute_arm(recording: C3dRecording, side: str, letter: str) -> dict[str, np.ndarray]:
    radius = _get_marker_radius(recording)
    drop = _get_metres(recording, f"{letter}ShoulderOffset") + radius
    shoulder = recording.get_marker(f"{letter}SHO") - drop * _UP
    wrist = (recording.get_marker(f"{letter}WRA") + recording.get_marker(f"{letter}WRB")) / 2
    marker = recording.get_marker(f"{letter}ELB")
    # An elbow bends forward only: upper arm times forearm points to the left on both sides.
    leftward = _normalize(np.cross(shoulder - marker, wrist - marker))
    lateral = -leftward if side == "r" else leftward
    offset = _get_metres(recording, f"{letter}ElbowWidth") / 2 + radius
    elbow = compute_chord_center(shoulder, marker, shoulder + lateral, offset)
    return {f"shoulder_{side}": shoulder, f"elbow_{side}": elbow, f"wrist_{side}": wrist}


def _compute_head_top(recording: C3dRecording) -> np.ndarray | None:
    labels = recording.markers.indexes["marker"]
    names = [name for name in ("LFHD", "RFHD", "RBHD", "LBHD") if name in labels]
    if len(names) < 3:
        return None
    head = np.nanmean([recording.get_marker(name) for name in names], axis=0)
    rise = _get_metres(recording, "Height") - np.nanmedian(head[:, 2])
    return head + rise * _UP


def _normalize(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)
