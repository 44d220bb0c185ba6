"""The passport of the body: what its muscles, joints and segments are, beside what was published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.body.parameter_tables import load_muscles
from gaitlib.body.spatial_body import load_spatial_muscles
from gaitlib.body.specification import Specification, build_specification
from gaitlib.gait import GRAVITY_MPS2
from gaitlib.person import Person

RANGE_DEG = {"hip_flexion": (-20.0, 90.0), "knee_angle": (0.0, 110.0), "ankle_angle": (-30.0, 20.0)}
"""Angles over which moment arms are compared."""


def list_angles() -> dict[str, np.ndarray]:
    """List the angles of the comparison."""
    return {joint: np.arange(low, high + 1, 5.0) for joint, (low, high) in RANGE_DEG.items()}


def compute_path_length(group: str, angles_rad: np.ndarray) -> np.ndarray:
    """Compute the length of a muscle group's path on the body that it was measured on; shape (n,), m."""
    exponents, coefficients, _ = _get_path(group, False)
    return np.prod(angles_rad[:, None, :] ** exponents[None], axis=2) @ coefficients


def compute_moment_arm(group: str, joint: str, angles_rad: np.ndarray, in_space=False) -> np.ndarray:
    """Compute the moment arm of a muscle group: minus the slope of its length; shape (n,), m."""
    exponents, coefficients, joints = _get_path(group, in_space)
    column = joints.index(joint)
    lowered = exponents.copy()
    lowered[:, column] = np.maximum(lowered[:, column] - 1, 0)
    return -(np.prod(angles_rad[:, None, :] ** lowered[None], axis=2) * exponents[:, column]) @ coefficients


def compare_moment_arms(published: dict[tuple[str, str], np.ndarray]) -> pd.DataFrame:
    """Compare moment arms with those of the published model, the other joints straight."""
    rows = []
    for (group, joint), members in published.items():
        angles = list_angles()[joint]
        own = 100 * compute_moment_arm(group, joint, place_angles(group, joint, angles))
        low, high = 100 * members.min(axis=0), 100 * members.max(axis=0)
        outside = 10 * np.maximum(0, np.maximum(low - own, own - high))
        for values in zip(angles, own, low, high, outside, strict=True):
            rows.append((group, joint, *values))
    names = ["group", "joint", "angle_deg", "moment_arm_cm", "lowest_cm", "highest_cm", "outside_mm"]
    return pd.DataFrame(rows, columns=names)


def compare_with_literature() -> pd.DataFrame:
    """Compare the size of moment arms with values listed in the literature."""
    table = pd.read_csv(Path(__file__).with_name("published_moment_arms.csv"))
    angles = np.arange(20.0, 91.0, 5.0)
    pairs = zip(table["group"], table["joint"], strict=True)
    own = [100 * np.abs(compute_moment_arm(*pair, place_angles(*pair, angles))) for pair in pairs]
    table["own_low_cm"], table["own_high_cm"] = np.min(own, axis=1), np.max(own, axis=1)
    table["met"] = (table["own_low_cm"] <= table["high_cm"]) & (table["own_high_cm"] >= table["low_cm"])
    return table


IN_SPACE = {"hip_adduction": (-15.0, 15.0), "hip_rotation": (-15.0, 15.0), "subtalar_angle": (-15.0, 15.0)}
"""Angles over which moment arms out of the plane are compared (degrees)."""
INVERTORS = {
    "tib_post": ("tib_post",),
    "toe_flex": ("flex_dig", "flex_hal"),
    "tib_ant": ("tib_ant",),
    "soleus": ("soleus",),
    "toe_ext": ("ext_dig", "ext_hal"),
    "peronei": ("per_long", "per_brev"),
}
"""Groups that turn the foot, and their muscles as `data/published.csv` names them."""


def compare_hips_in_space() -> pd.DataFrame:
    """Compare moment arms about the hip out of the plane with those of a cadaver's muscles.

    Those are of straight lines between the attachments of Dostal & Andrews 1981 (table 1), the body upright;
    `apart_cm` is how far the ranges of group and muscles lie apart.
    """
    rows = []
    table = pd.read_csv(Path(__file__).with_name("published_attachments.csv"))
    for group, muscles in table.groupby("group", sort=False):
        origin, insertion = np.moveaxis(muscles.filter(like="_cm").to_numpy().reshape(-1, 2, 3), 1, 0)
        pull = (origin - insertion) / np.linalg.norm(origin - insertion, axis=1, keepdims=True)
        arms = np.cross(insertion, pull)
        for axis, joint in enumerate(("hip_adduction", "hip_rotation")):
            low, high = arms[:, axis].min(), arms[:, axis].max()
            own_low, own_high = _measure_in_space(group, joint)
            apart = max(own_low - high, low - own_high, 0.0)
            rows.append((group, joint, low, high, own_low, own_high, apart))
    names = ["group", "joint", "low_cm", "high_cm", "own_low_cm", "own_high_cm", "apart_cm"]
    return pd.DataFrame(rows, columns=names)


def measure_rotation_over_flexion(flexion_deg: np.ndarray) -> dict[str, np.ndarray]:
    """Moment arms (cm) of the gluteal muscles about the hip's long axis, over its flexion."""
    found = {}
    for group in ("glut_max", "glut_med_ant", "glut_med_post", "glut_min", "piriformis"):
        angles = place_angles(group, "hip_flexion", flexion_deg, True)
        found[group] = 100 * compute_moment_arm(group, "hip_rotation", angles, True)
    return found


def compare_feet_in_space(published: pd.Series) -> pd.DataFrame:
    """Compare what turns the foot inwards with published shares of tibialis posterior's moment arm."""
    rows = []
    own = {group: np.array(_measure_in_space(group, "subtalar_angle")) for group in INVERTORS}
    for group, muscles in INVERTORS.items():
        shares = published[list(muscles)]
        rows.append((group, shares.min(), shares.max(), (own[group] / own["tib_post"].mean()).mean()))
    return pd.DataFrame(rows, columns=["group", "low", "high", "own"])


def _measure_in_space(group: str, joint: str) -> tuple[float, float]:
    """Smallest and largest moment arm (cm) over the angles of `IN_SPACE`, the other joints straight."""
    angles = np.arange(IN_SPACE[joint][0], IN_SPACE[joint][1] + 1, 5.0)
    arms = 100 * compute_moment_arm(group, joint, place_angles(group, joint, angles, True), True)
    return arms.min(), arms.max()


def compute_passive_moment(
    specification: Specification, coordinate: str, angles_rad: np.ndarray
) -> np.ndarray:
    """Compute the passive moment of a joint at rest, without its muscles; shape (n,), N m."""
    p = next(item for item in specification.passive if item.coordinate == coordinate)
    stops = np.exp(-p.rate * (angles_rad - p.lower_rad)) - np.exp(p.rate * (angles_rad - p.upper_rad))
    return p.stop_nm * stops - p.stiffness_nm_rad * (angles_rad - p.neutral_rad)


def compute_published_passive_moment(joint: str, angles_rad: np.ndarray) -> np.ndarray:
    """Compute the passive moment (N m) of an adult's joint by a published law, without its muscles."""
    table = pd.read_csv(Path(__file__).with_name("published_passive_moments.csv")).set_index("joint")
    row = table.loc[joint]
    q = row["sign"] * np.asarray(angles_rad, dtype=float)
    stop = row["k1_nm"] * np.exp(row["k2_per_rad"] * (q - row["upper_rad"]))
    start = row["k3_nm"] * np.exp(row["k4_per_rad"] * (q - row["lower_rad"]))
    return row["sign"] * (stop + start)


def describe_muscles() -> pd.DataFrame:
    """Describe the muscle groups."""
    muscles = load_muscles()["muscles"]
    table = pd.DataFrame.from_dict(muscles, orient="index").rename_axis("group").reset_index()
    table["members"] = table["members"].str.join(", ")
    table["pennation_deg"] = np.degrees(table["pennation_rad"])
    names = ["group", "members", "max_isometric_force_n", "optimal_fiber_length_m", "tendon_slack_length_m"]
    return table[[*names, "length_rms_mm", "moment_arm_rms_mm", "pennation_deg", "source"]]


def describe_people(people: dict[str, Person]) -> pd.DataFrame:
    """Describe how the body changes with the person."""
    rows = []
    for label, person in people.items():
        d, mass = compute_dimensions(person), person.mass_kg
        muscles = build_specification(person).muscles
        force = sum(m.max_isometric_force_n for m in muscles if m.name in ("soleus_r", "gastroc_r"))
        parts = d.thigh_kg, d.shank_kg, d.foot_kg + d.toes_kg, d.pelvis_kg + d.trunk_kg
        shares = [part / mass for part in parts]
        rows.append((label, d.leg_length_m / d.height_m, *shares, force / (mass * GRAVITY_MPS2)))
    names = ["who", "leg_length_share", "thigh_share", "shank_share", "foot_share", "rest_share"]
    return pd.DataFrame(rows, columns=[*names, "plantarflexors_bw"])


def place_angles(group: str, joint: str, angles_deg: np.ndarray, in_space=False) -> np.ndarray:
    """Angles (n, joints of the group) of one joint, the others straight."""
    joints = _get_path(group, in_space)[2]
    placed = np.zeros((len(angles_deg), len(joints)))
    placed[:, joints.index(joint)] = np.radians(angles_deg)
    return placed


def _get_path(group: str, in_space: bool) -> tuple[np.ndarray, np.ndarray, list[str]]:
    entry = (load_spatial_muscles() if in_space else load_muscles())["muscles"][group]
    return np.array(entry["exponents"]), np.array(entry["coefficients"]), entry["joints"]
