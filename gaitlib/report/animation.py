"""Gaits as walking bodies: one piece of HTML that plays offline, in the book and on a phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.body.dimensions import Dimensions, compute_dimensions
from gaitlib.body.kinematics import compute_sagittal_points
from gaitlib.body.spatial_points import OUT_OF_PLANE
from gaitlib.events import CONTACT_N
from gaitlib.gait import COORDINATES, GRAVITY_MPS2, MUSCLE_GROUPS, SIDES
from gaitlib.person import parse_person
from gaitlib.report.body_picture import PATHS, SEGMENTS, WORDS, draw_impairment, get_part, measure_parts
from gaitlib.report.interactive import build_lab, encode
from gaitlib.sense.trunk_and_arms import add_arms_and_head, place_beside
from gaitlib.simulate.library import HEALTHY_COHORTS
from gaitlib.walk import KEYPOINTS_3D


@dataclass(frozen=True)
class Walker:
    """One gait to show: title, Gait, the person's segment lengths and mass, a picture of what hinders."""

    title: str
    gait: xr.Dataset
    dimensions: Dimensions
    mass_kg: float
    picture: str = ""


def make_walker(row: pd.Series, gaits: xr.Dataset) -> Walker:
    """Make a walker of a row of a library's table."""
    person = parse_person({key: row[key] for key in ("age_years", "sex", "height_m", "mass_kg")})
    title = f"{person.age_years:.0f} years, {person.height_m:.2f} m, {row['speed_mps']:.2f} m/s"
    words = describe_shortly(row)
    if row["cohort"] not in HEALTHY_COHORTS:
        title += f"; {words}"
    gait = gaits.sel(gait=row["gait_id"])
    return Walker(title, gait, compute_dimensions(person), person.mass_kg, draw_impairment(row, words))


_NAMES = {"plantarflexors": "calf", "dorsiflexors": "foot lifters", "rect_fem": "rectus femoris",
          "gastroc": "gastrocnemius"}  # fmt: skip


def describe_shortly(row: pd.Series, most: int = 3) -> str:
    """Name the largest parts of an impairment, such as 'weak left calf (49 % of normal)'."""
    sizes, said = measure_parts(row), {}
    for name in sorted((name for name in sizes if sizes[name] > 0.1), key=sizes.get, reverse=True):
        part = get_part(name)
        group, _, side = name.removeprefix(part).strip("_").rpartition("_")
        said.setdefault((part, group), []).append((side, float(row[name])))
    lines = (_join_sides(*key, own) for key, own in list(said.items())[:most])
    return ", ".join(lines) or "no impairment"


def _join_sides(part: str, group: str, own: list[tuple[str, float]]) -> str:
    side = {"r": "right ", "l": "left "}.get(own[0][0], "") if len(own) == 1 else ""
    words = WORDS[part][0].format(side + _NAMES.get(group, group.replace("_", " ")))
    return words + (f" ({100 * min(v for _, v in own):.0f} % of normal)" if part == "weakness" else "")


def build_animation(walkers: Sequence[Walker], name: str = "walkers", still: str = "") -> str:
    """Build the animation of gaits side by side."""
    groups = [(walker.title, [[walker]]) for walker in walkers]
    return build_lab("walk", _pack_groups(groups, list(range(len(groups)))), name, still)


def build_viewer(
    groups: Mapping[str, Sequence[Sequence[Walker]]], shown: Sequence[str], still: str = ""
) -> str:
    """Build a viewer of who walks, how impaired (levels from least to most) and how fast (gaits by speed)."""
    names = list(groups)
    sorted_groups = [
        (name, [sorted(level, key=lambda walker: walker.gait["speed_mps"].item()) for level in levels])
        for name, levels in groups.items()
    ]
    return build_lab("walk", _pack_groups(sorted_groups, [names.index(n) for n in shown]), "viewer", still)


_BONES = [
    *(
        (*(f"{name}_{side}" for name in pair), *size)
        for side in SIDES
        for pair, size in {
            ("hip", "knee"): (0.047, 0.033),
            ("knee", "ankle"): (0.034, 0.019),
            ("heel", "mtp"): (0.018, 0.014),
            ("ankle", "mtp"): (0.019, 0.013),
            ("mtp", "toe"): (0.013, 0.009),
            ("shoulder", "elbow"): (0.024, 0.019),
            ("elbow", "wrist"): (0.019, 0.014),
        }.items()
    ),
    ("hip_r", "hip_l", 0.05, 0.05),
    ("mid_hip", "lumbar", 0.055, 0.055),
    ("lumbar", "neck", 0.055, 0.045),
    ("shoulder_r", "shoulder_l", 0.03, 0.03),
    ("head", "head", 0.06, 0.06),
]
"""Limbs of a body in space: two points and the radii there, in body heights."""


@dataclass(frozen=True)
class SpatialWalker:
    """One gait in space to show: title, points (101, 3; m) of one stride, and what scales it."""

    title: str
    points: Mapping[str, np.ndarray]
    height_m: float
    stride_time_s: float
    speed_mps: float


def build_turning(
    walkers: Sequence[SpatialWalker], shown: Sequence[int], name: str = "turning", still: str = ""
) -> str:
    """Build an animation of bodies in space that a finger turns; `shown` begin, the others can be chosen."""
    return build_lab("turn", pack_turning(walkers, shown), name, still)


def pack_turning(walkers: Sequence[SpatialWalker], shown: Sequence[int]) -> dict:
    """Numbers of every second hundredth of a stride, as on a treadmill, in mm."""
    names, packed = list(walkers[0].points), []
    for walker in walkers:
        length = walker.speed_mps * walker.stride_time_s
        points = np.stack([walker.points[key] for key in names], axis=1)
        place = points[:, names.index("mid_hip"), 0].mean() - 0.5 * length
        points[..., 0] -= (place + length * np.linspace(0, 1, len(points)))[:, None]
        packed.append(
            {
                "title": walker.title,
                "height_m": round(walker.height_m, 3),
                "stride_s": round(walker.stride_time_s, 4),
                "length_m": round(length, 4),
                "points": encode(1000 * points[::2]),
            }
        )
    places = {key: number for number, key in enumerate((*names, "head"))}
    bones = [(places[a], places[b], *size) for a, b, *size in _BONES]
    head = [places["neck"], places["head_top"]]
    return {"points": names, "bones": bones, "head": head, "gaits": packed, "panels": list(shown)}


def _pack_groups(groups: list[tuple[str, Sequence[Sequence[Walker]]]], panels: list[int]) -> dict:
    packed, listed = [], []
    for name, levels in groups:
        listed.append({"name": name, "levels": []})
        for walkers in levels:
            listed[-1]["levels"].append({"first": len(packed), "count": len(walkers)})
            packed += [_pack(walker) for walker in walkers]
    points = [gait.pop("names") for gait in packed][0]
    return {
        "points": points,
        "muscles": list(MUSCLE_GROUPS),
        "paths": PATHS,
        "segments": SEGMENTS,
        "gaits": packed,
        "groups": listed,
        "panels": panels,
    }


def compute_pressure_centre(gait: xr.Dataset, dimensions: Dimensions) -> np.ndarray:
    """Where the ground force balances the ankle moment under each (massless) foot; shape (101, 2), m."""
    points = compute_sagittal_points(gait["position"].values, dimensions)
    centre = np.zeros((gait.sizes["phase"], 2))
    for column, side in enumerate(SIDES):
        ankle = points[f"ankle_{side}"]
        force = gait["ground_force"].sel(foot=side).values
        moment = gait["joint_moment"].sel(coordinate=f"ankle_angle_{side}").values
        loaded = force[:, 1] > CONTACT_N
        ahead = -(moment + ankle[:, 1] * force[:, 0]) / np.where(loaded, force[:, 1], 1.0)
        ends = np.sort([points[f"heel_{side}"][:, 0], points[f"toe_{side}"][:, 0]], axis=0)
        centre[:, column] = np.where(loaded, np.clip(ankle[:, 0] + ahead, *ends), ankle[:, 0])
    return centre


def _pack(walker: Walker) -> dict:
    """Numbers of every second hundredth of a stride: mm, % of body weight, % of activation."""
    gait = walker.gait
    position = gait["position"].values
    forward = position[:, COORDINATES.index("pelvis_tx")]
    points = compute_sagittal_points(position, walker.dimensions)
    centre = compute_pressure_centre(gait, walker.dimensions)
    # Arms are not simulated: everyone gets the same, drawn once.
    turns, rng = np.linspace(0, 1, len(forward)), np.random.default_rng(2)
    arms = place_beside(points, walker.dimensions, np.zeros((len(turns), len(OUT_OF_PLANE))), turns, rng)
    add_arms_and_head(arms, points, walker.dimensions, turns, rng)
    for name in (f"{joint}_{side}" for joint in ("elbow", "wrist") for side in SIDES):
        points[name] = arms[:, KEYPOINTS_3D.index(name), :2]
    share = 100 * gait["ground_force"].values / (walker.mass_kg * GRAVITY_MPS2)
    force = np.concatenate([share[:, :, :2], 1000 * centre[:, :, None]], axis=2)
    names = list(gait["muscle"].values)
    muscles = {side: [names.index(f"{m}_{side}") for m in MUSCLE_GROUPS] for side in SIDES}
    activation = 100 * gait["activation"].values
    length = float(forward[-1] - forward[0])
    return {
        "title": walker.title,
        "picture": walker.picture,
        "height_m": round(walker.dimensions.height_m, 3),
        "speed_mps": round(gait["speed_mps"].item(), 3),
        "stride_s": round(float(gait["stride_time_s"]), 4),
        "length_m": round(length, 4),
        "start_m": round(float((forward - length * np.linspace(0, 1, len(forward))).mean()), 4),
        "names": list(points),
        "points": encode(1000 * np.stack(list(points.values()), axis=1)[::2]),
        "force": {side: encode(force[::2, column]) for column, side in enumerate(SIDES)},
        "activation": {side: encode(activation[::2, muscles[side]]) for side in SIDES},
    }
