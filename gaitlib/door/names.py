"""Names of body points in all spellings, and the orders of numbered layouts."""

from __future__ import annotations

import re

import numpy as np

from gaitlib.door.recording import POINT
from gaitlib.errors import InputError
from gaitlib.sense.layouts import LAYOUTS

_COCO = tuple(LAYOUTS["coco17"])
_FEET = [f"{side}_{part}" for side in ("left", "right") for part in ("big_toe", "small_toe", "heel")]
_HALPE = ["head_top", "neck", "mid_hip"]
_HALPE += [f"{side}_{part}" for part in ("big_toe", "small_toe", "heel") for side in ("left", "right")]
_ARM_LEG = [("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")]
ORDERS: dict[str, tuple[str, ...]] = {
    "coco17": _COCO,
    "body25": tuple(LAYOUTS["body25"]),
    "mediapipe33": tuple(LAYOUTS["mediapipe33"]),
    "halpe26": (*_COCO, *_HALPE),
    "wholebody133": (*_COCO, *_FEET, *(f"face_or_hand_{n}" for n in range(110))),
    "halpe136": (*_COCO, *_HALPE, *(f"face_or_hand_{n}" for n in range(110))),
    "h36m17": tuple(LAYOUTS["h36m17"]),
    "openpose18": (
        *("nose", "neck"),
        *(f"{side}_{name}" for part in _ARM_LEG for side in ("right", "left") for name in part),
        *("right_eye", "left_eye", "right_ear", "left_ear"),
    ),
    "pig": tuple(LAYOUTS["pig"]),
    "walk19": tuple(LAYOUTS["walk19"]),
}
"""Layout -> names in the order of its numbers; Halpe (AlphaPose) and WholeBody as published for MMPose."""
BY_COUNT = {17: "coco17", 18: "openpose18", 25: "body25", 26: "halpe26", 33: "mediapipe33"}
BY_COUNT |= {133: "wholebody133", 136: "halpe136"}
"""What a number of points means where the file says no more."""

_PARTS = {
    "shoulder": ("shoulder", "acromion", "sho", "arm", "upperarm"),
    "elbow": ("elbow", "elb", "forearm", "lowerarm"),
    "wrist": ("wrist", "hand", "wri"),
    "hip": ("hip", "hjc", "upleg", "thigh", "upperleg", "hipjoint"),
    "knee": ("knee", "kjc", "leg", "shin", "lowerleg", "kne"),
    "ankle": ("ankle", "ajc", "foot", "ank"),
    "heel": ("heel", "calc", "calcaneus", "hee"),
    "toe": ("toe", "bigtoe", "footindex", "toes", "toebase", "hallux", "toeend", "toesend", "hlx"),
}
_SIDED = {word: part for part, words in _PARTS.items() for word in words}
_MIDDLE = {"nose": "nose", "headtop": "head_top", "vertex": "head_top", "headend": "head_top"}
_SIDES = {"left": "l", "l": "l", "lft": "l", "right": "r", "r": "r", "rgt": "r"}
_NOISE = set("joint center centre jc marker keypoint kp pose landmark study mixamorig".split())


def find_point(name: str) -> str | None:
    """Find the point of a Walk that a name means; None if it means none."""
    if name in POINT:
        return name
    text = re.sub(r"([a-z])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3_\2\4", str(name).split(":")[-1])
    words = [word for word in re.split(r"[^a-z]+", text.lower()) if word and word not in _NOISE]
    sides = [_SIDES[word] for word in words if word in _SIDES]
    rest = "".join(word for word in words if word not in _SIDES)
    if not sides and rest in _MIDDLE:
        return _MIDDLE[rest]
    if not sides:  # written together: rknee, kneeleft, LANK
        for word in sorted(_SIDES, key=len, reverse=True):
            for cut in (rest.removeprefix(word), rest.removesuffix(word)):
                if cut != rest and cut in _SIDED:
                    sides, rest = [_SIDES[word]], cut
                    break
            if sides:
                break
    return f"{_SIDED[rest]}_{sides[0]}" if len(set(sides)) == 1 and rest in _SIDED else None


def map_names(names: list[str]) -> dict[str, int]:
    """Map points of a Walk to places in a list of names; the first, and the most exact, name counts."""
    found: dict[str, int] = {}
    for n, name in enumerate(names):
        point = find_point(name)
        if point is not None and (point not in found or re.search("big|index", str(name), re.IGNORECASE)):
            found.setdefault(point, n)
    return found


def build_points(values: np.ndarray, names: list[str]) -> np.ndarray:
    """Bring named points (..., n_name, n_column) to those of a Walk; the neck is between the shoulders."""
    places = map_names(names)
    points = np.full((*values.shape[:-2], len(POINT), values.shape[-1]), np.nan)
    for point, n in places.items():
        points[..., POINT[point], :] = values[..., n, :]
    if "neck" not in places:
        points[..., POINT["neck"], :] = points[..., [POINT["shoulder_r"], POINT["shoulder_l"]], :].mean(
            axis=-2
        )
    return points


def require_legs(source: str, names: list[str]) -> None:
    """Refuse names that hold no legs."""
    places = map_names(names)
    wanted = [f"{joint}_{side}" for joint in ("hip", "knee", "ankle") for side in "rl"]
    missing = [name for name in wanted if name not in places]
    if missing:
        raise InputError(
            f"{source}: columns of hips, knees and ankles of both sides are needed; not found: "
            f"{', '.join(missing)}; found {', '.join(map(str, names[:8]))}. Name columns such as "
            "left_knee_x, left_knee_y, or name the order of the points with --layout."
        )


def get_order(layout: str | None, n_points: int, source: str) -> tuple[str, ...]:
    """Get the names of numbered points."""
    if layout is not None and layout not in ORDERS:
        raise InputError(f"layout: found '{layout}', expected one of {', '.join(ORDERS)}.")
    name = layout or BY_COUNT.get(n_points)
    if name is None or len(ORDERS[name]) > n_points or (layout is None and len(ORDERS[name]) != n_points):
        known = ", ".join(f"{layout} ({len(order)})" for layout, order in ORDERS.items())
        raise InputError(f"{source}: found {n_points} points, expected the number of --layout: {known}.")
    return ORDERS[name]
