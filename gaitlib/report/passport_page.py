"""The book's passport of the simulated body, computed when the book is bound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from gaitlib.body import passport
from gaitlib.person import Person
from gaitlib.report import page
from gaitlib.simulate.workers import make_pool
from gaitlib.workflow import earlier
from gaitlib.workflow.results import Results

_PEOPLE = {
    "child of 4 years": Person(age_years=4, sex="f", height_m=1.02, mass_kg=16.0),
    "child of 8 years": Person(age_years=8, sex="m", height_m=1.28, mass_kg=26.0),
    "child of 12 years": Person(age_years=12, sex="f", height_m=1.50, mass_kg=42.0),
    "adult of 30 years": Person(age_years=30, sex="m", height_m=1.76, mass_kg=74.0),
    "adult of 75 years": Person(age_years=75, sex="f", height_m=1.58, mass_kg=65.0),
}
_WHEN = {False: " in this run", True: " in the earlier run"}
_JOINTS = {"hip_flexion": "hip", "knee_angle": "knee", "ankle_angle": "ankle"}
_HEAD = """# What is the simulated body made of?

A simulation is worth what its body is worth. This page holds the body's muscles, joints and segments beside
published values. It is computed from the body itself while the book is bound.

"""
_LIMITS = """
## What this cannot tell

- Nine groups stand for the leg's muscles. Small ones are missing, and a group has one fibre length.
- The published model is itself fitted to cadavers and images; agreement with it is no proof for a person.
- Leg masses of children follow the head's published share and the leg's length. Jensen's regressions for
  thigh, shank and foot were not in reach, and the radii of gyration are those of adults.
- Sex enters through height and mass only; no source for a further difference in strength was in reach.
- Maximal isometric force falls to 70 % between 40 and 75 years for all muscles alike.
"""


def write_passport_page(target: str | Path, kept: Results) -> Path:
    """Write the page."""
    parts = [
        _HEAD,
        *_compare_arms(kept),
        *_describe_muscles(),
        *_describe_joints(),
        *_describe_people(),
        _LIMITS,
    ]
    Path(target).write_text("\n\n".join(parts), encoding="utf-8")
    return Path(target)


def measure_published_model() -> dict[tuple[str, str], np.ndarray]:
    """Measure the moment arms of the published 3D model in OpenSim, in a worker process; shape (members, n),
    m.
    """
    from gaitlib.data.fetch import get_path

    path = get_path("adult_walk_3d_moco", "subject_walk_scaled.osim", "calibrate")
    with make_pool(1) as pool:
        return pool.submit(_measure, str(path), passport.list_angles()).result()


def _measure(path: str, angles_deg: dict) -> dict:
    from gaitlib.body.opensim_model import measure_moment_arms

    return measure_moment_arms(path, angles_deg)


def _measure_ranges() -> pd.DataFrame:
    """Smallest and largest moment arm of the published members (m), one row per group, joint and angle."""
    angles = passport.list_angles()
    parts = []
    for (group, joint), members in measure_published_model().items():
        values = {"lowest_m": members.min(axis=0), "highest_m": members.max(axis=0)}
        parts.append(pd.DataFrame({"group": group, "joint": joint, "angle_deg": angles[joint]} | values))
    return pd.concat(parts, ignore_index=True)


def _compare_arms(kept: Results) -> list[str]:
    parts = ["## How far from the joint do muscles pull?"]
    words = "smallest and largest moment arms of the published model"
    ranges = earlier.obtain(kept, "published_moment_arms", _measure_ranges, words)
    label = earlier.show_label(kept)
    parts += [label.data] if label else []
    if ranges is not None:
        published = {
            pair: rows[["lowest_m", "highest_m"]].to_numpy().T
            for pair, rows in ranges.groupby(["group", "joint"], sort=False)
        }
        table = passport.compare_moment_arms(published)
        outside = table.groupby(["group", "joint"])["outside_mm"].max()
        parts += [
            page.show_figure(
                _plot_arms(table),
                "Moment arms over the range of each joint, the other joints straight. Line: muscle group of "
                "the simulated body. Band: smallest to largest moment arm of the muscles that it stands for "
                "in the published model (Rajagopal 2016, Lai 2017), computed by OpenSim"
                f"{_WHEN[bool(label)]}. "
                "Positive flexes.",
                "simulated",
            ).data,
            f"The groups stay within the range of their members up to {outside.max():.1f} mm "
            f"({' at the '.join((outside.idxmax()[0], _JOINTS[outside.idxmax()[1]]))}).",
        ]
    literature = passport.compare_with_literature()
    shown = pd.DataFrame(
        {
            "Muscle": literature["muscle"],
            "Joint": literature["joint"].map(_JOINTS),
            "Listed (cm)": [_span(*v) for v in zip(literature["low_cm"], literature["high_cm"], strict=True)],
            "Its group here, 20-90° (cm)": [
                _span(*v) for v in zip(literature["own_low_cm"], literature["own_high_cm"], strict=True)
            ],
            "Ranges meet": literature["met"].map({True: "yes", False: "no"}),
        }
    )
    note = f"Sizes of moment arms. {literature['source'].iloc[0]}. A group stands for several muscles."
    return [*parts, page.show_table(shown, note, "published").data]


def _describe_muscles() -> list[str]:
    muscles = passport.describe_muscles()
    shown = pd.DataFrame(
        {
            "Group": muscles["group"],
            "Stands for": muscles["members"],
            "Force (N)": muscles["max_isometric_force_n"].map("{:.0f}".format),
            "Fibre (cm)": (100 * muscles["optimal_fiber_length_m"]).map("{:.1f}".format),
            "Tendon (cm)": (100 * muscles["tendon_slack_length_m"]).map("{:.1f}".format),
            "Pennation (°)": muscles["pennation_deg"].map("{:.0f}".format),
            "Length error (mm)": muscles["length_rms_mm"].map("{:.2f}".format),
            "Moment arm error (mm)": muscles["moment_arm_rms_mm"].map("{:.2f}".format),
        }
    )
    note = (
        "Maximal isometric force, optimal fibre length, tendon slack length and pennation of the muscle "
        "groups, and the root mean square error of the polynomials that stand for their paths. "
        f"{muscles['source'].iloc[0]}."
    )
    gastroc = 100 * passport.compute_moment_arm(
        "gastroc", "knee_angle", np.column_stack([np.radians(np.arange(0, 111.0)), np.zeros(111)])
    )
    return [
        "## How strong and how long are the muscles?",
        page.show_table(shown, note, "published").data,
        f"The gastrocnemius flexes the knee from 0 to 110° of flexion, with a moment arm of "
        f"{gastroc.min():.1f} to {gastroc.max():.1f} cm."
        if gastroc.min() > 0
        else f"The gastrocnemius turns into a knee extensor: its moment arm falls to {gastroc.min():.1f} cm.",
    ]


def _describe_joints() -> list[str]:
    specification = passport.build_specification(_PEOPLE["adult of 30 years"])
    angles = {"hip_flexion": (-20, 0, 90), "knee_angle": (-5, 0, 60, 120), "ankle_angle": (-40, 0, 20, 30)}
    rows = []
    for joint, values in angles.items():
        own = passport.compute_passive_moment(specification, f"{joint}_r", np.radians(values))
        published = passport.compute_published_passive_moment(joint, np.radians(values))
        for angle, moment, other in zip(values, own, published, strict=True):
            row = {"Joint": _JOINTS[joint], "Angle (°)": f"{angle}", "Simulated body (N m)": f"{moment:z.1f}"}
            rows.append(row | {"Published law (N m)": f"{other:z.1f}"})
    note = (
        "Passive moments of ligaments and other tissue of an adult of 1.76 m and 74 kg; passive muscle force "
        "comes on top; positive flexes. The body's are double exponentials with own round numbers, chosen on "
        "simulations of healthy adults. Published: Anderson 1999, as used by Falisse et al. 2019."
    )
    return [
        "## What holds the joints at their ends?",
        page.show_table(pd.DataFrame(rows), note, "simulated").data,
    ]


def _describe_people() -> list[str]:
    people = passport.describe_people(_PEOPLE)
    shares = {"leg_length_share": "Leg length (% of height)", "thigh_share": "Thigh (% of mass)"}
    shares |= {"shank_share": "Shank (% of mass)", "foot_share": "Foot (% of mass)"}
    shares |= {"rest_share": "Trunk, head, arms (% of mass)"}
    shown = pd.DataFrame({"Who": people["who"]})
    for column, title in shares.items():
        shown[title] = (100 * people[column]).map("{:.1f}".format)
    shown["Calf force (body weights)"] = people["plantarflexors_bw"].map("{:.1f}".format)
    note = (
        "How the body changes with the person, one leg. Adults: Winter 2009, table 4.1. Children: sitting "
        "height after Fredriks 2005, head mass after Jensen 1989. Force: muscle volume by mass and height "
        "(Handsfield 2014) over fibre length, and age (Thelen 2003)."
    )
    return ["## How does it differ between people?", page.show_table(shown, note, "simulated").data]


def _span(low: float, high: float) -> str:
    return f"{low:.1f}" if abs(high - low) < 0.05 else f"{low:.1f} to {high:.1f}"


def _plot_arms(table: pd.DataFrame):
    import matplotlib.pyplot as plt

    from gaitlib.evaluate.style import COLOURS, STYLE

    pairs = list(table.groupby(["joint", "group"], sort=False))
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(3, 4, figsize=(10.4, 7.4), layout="constrained")
        for ax, ((joint, group), rows) in zip(axes.flat, pairs, strict=True):
            ax.fill_between(rows["angle_deg"], rows["lowest_cm"], rows["highest_cm"], color="0.8")
            ax.plot(rows["angle_deg"], rows["lowest_cm"], color="0.6", linewidth=0.8)
            ax.plot(rows["angle_deg"], rows["highest_cm"], color="0.6", linewidth=0.8)
            ax.plot(rows["angle_deg"], rows["moment_arm_cm"], color=COLOURS[0], linewidth=2)
            ax.axhline(0, color="0.3", linewidth=0.8)
            ax.set_title(f"{group}, {_JOINTS[joint]}", loc="left", fontsize=11)
        for ax in axes[:, 0]:
            ax.set_ylabel("Moment arm (cm)")
        for ax in axes[-1]:
            ax.set_xlabel("Joint angle (°)")
    return figure
