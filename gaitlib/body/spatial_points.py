"""Where the points of a body in space are, given its coordinates, and what is told from them.

`measure_out_of_plane` takes from the points of a stride what they have beside the sagittal plane:
`OUT_OF_PLANE`, free of size. `gaitlib.generate.out_of_plane` learns to tell them from the sagittal motion.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from gaitlib.body.dimensions import Dimensions
from gaitlib.body.spatial_body import COORDINATES
from gaitlib.body.tree import Tree
from gaitlib.gait import SIDES

_SWING_SHARE = 0.7
"""Arms are not simulated: they are drawn to swing against the hip of their side by this share."""


def place_bodies(tree: Tree, position: np.ndarray) -> dict[str, tuple[Rotation, np.ndarray]]:
    """Place the bodies of a tree: rotation and origin (n, 3)."""
    n = len(position)
    placed = {"ground": (Rotation.identity(n), np.zeros((n, 3)))}
    for body in tree.bodies:
        rotation, origin = placed[body.parent]
        values = position[:, [tree.coordinate_names.index(name) for name in body.coordinates]]
        joint = rotation * Rotation.from_matrix(np.reshape(body.parent_frame.rotation, (3, 3)))
        place = origin + rotation.apply(body.parent_frame.origin_m)
        turned, shifted = np.split(values, [len(body.turns)], axis=1)
        for value, direction in zip(shifted.T, body.shifts, strict=True):
            place = place + joint.apply(np.outer(value, direction))
        for value, direction in zip(turned.T, body.turns, strict=True):
            joint = joint * Rotation.from_rotvec(np.outer(value, direction))
        placed[body.name] = joint, place
    return placed


def compute_spatial_points(tree: Tree, position: np.ndarray, d: Dimensions) -> dict[str, np.ndarray]:
    """Compute joint centres, foot points and trunk of a body in space; shape (n, 3), m."""
    placed = place_bodies(tree, position)

    def find(body: str, x: float, y: float, z: float = 0.0) -> np.ndarray:
        rotation, origin = placed[body]
        return origin + rotation.apply((x, y, z))

    middle, up = 0.5 * d.lumbar_behind_hip_m, d.lumbar_to_shoulder_m
    points = {"mid_hip": placed["pelvis"][1], "lumbar": placed["torso"][1]}
    points |= {"neck": find("torso", middle, up + d.neck_m)}
    points |= {"head_top": find("torso", middle, up + d.neck_m + d.head_m)}
    for side in SIDES:
        for name, body in (("hip", "femur"), ("knee", "tibia"), ("ankle", "talus"), ("mtp", "toes")):
            points[f"{name}_{side}"] = placed[f"{body}_{side}"][1]
        drop = d.mtp_below_ankle_m - d.ankle_height_m
        back = -d.heel_behind_ankle_m - d.mtp_ahead_of_ankle_m, drop, 0.0
        points[f"heel_{side}"] = points[f"mtp_{side}"] + placed[f"foot_{side}"][0].apply(back)
        points[f"toe_{side}"] = find(f"toes_{side}", d.toe_ahead_of_mtp_m, drop)
        outward = 0.5 * d.shoulder_width_m * (1.0 if side == "r" else -1.0)
        points[f"shoulder_{side}"] = find("torso", middle, up, outward)
        swing = -_SWING_SHARE * position[:, COORDINATES.index(f"hip_flexion_{side}")]
        for name, start, bend, length in (
            ("elbow", "shoulder", 0.0, d.upper_arm_m),
            ("wrist", "elbow", 0.35, d.forearm_m),
        ):
            angle = swing + bend
            hang = np.stack([np.sin(angle), -np.cos(angle), 0 * angle], axis=1)
            points[f"{name}_{side}"] = points[f"{start}_{side}"] + length * hang
    return points


_MID_STANCE = slice(15, 35)
"""Points of a stride, counted from the contact of its own side."""


def measure_step_width(points: dict[str, np.ndarray]) -> float:
    """Measure the distance to the side between the ankles, each in the middle of its stance (m).

    The left foot is taken half a stride later: exact where both sides are alike.
    """
    right, left = (points[f"ankle_{side}"][:-1, 2] for side in SIDES)
    return float(right[_MID_STANCE].mean() - np.roll(left, len(left) // 2)[_MID_STANCE].mean())


_MIDDLE = ("pelvis_turn", "pelvis_list", "sway", "trunk_lean", "thorax_list")
OUT_OF_PLANE = (*_MIDDLE, *(f"{name}_{side}" for side in SIDES for name in ("ankle", "knee", "heel", "toe")))
"""Of the line from the left to the right hip its share forward and up; the middle of the hips to the right;
of the trunk its slope to the right, of the line of the shoulders its share up. Of each leg outwards: the
ankle, the knee from the middle of hip and ankle, heel and toe from the ankle. Lengths are shares of body
height."""


def measure_out_of_plane(points: dict[str, np.ndarray], height_m: float) -> np.ndarray:
    """Measure what lies out of the plane in the points of a body in space; shape (n, 13)."""
    across = points["hip_r"] - points["hip_l"]
    across = across / np.linalg.norm(across, axis=1, keepdims=True)
    shoulders = points["shoulder_r"] - points["shoulder_l"]
    trunk = points["neck"] - points["mid_hip"]
    found = [across[:, 0], across[:, 1], points["mid_hip"][:, 2] / height_m, trunk[:, 2] / trunk[:, 1]]
    found.append(shoulders[:, 1] / np.linalg.norm(shoulders, axis=1))
    for side, outward in (("r", 1.0), ("l", -1.0)):
        hip, knee, ankle, heel, toe = (
            points[f"{name}_{side}"][:, 2] * outward / height_m
            for name in ("hip", "knee", "ankle", "heel", "toe")
        )
        found += [ankle, knee - 0.5 * (hip + ankle), heel - ankle, toe - ankle]
    return np.stack(found, axis=1)
