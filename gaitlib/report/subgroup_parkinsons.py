"""Parkinson's disease: what recordings without walking speed tell about the simulated people who stand in."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gaitlib.evaluate.inputs import format_interval, format_number, format_p
from gaitlib.report.gait_curves import JOINTS, SideCurves

_FIRST_S = 20.0
_STRIDES = {
    "stride_time_s": ("Stride time (s)", 2),
    "stride_time_cv": ("Variability of stride time (CV, %)", 1),
    "stance_share": ("Stance (% of the stride)", 1),
    "double_support_share": ("Double support (% of the stride)", 1),
    "speed_mps": ("Walking speed (m/s)", 2),
}
_PERCENT = ("stride_time_cv", "stance_share", "double_support_share")
_WINDOW_S = 8.0
_MIN_COVERED = 0.75


def compare_curves(
    simulated: SideCurves, measured: SideCurves, rng: np.random.Generator, n_resamples: int = 1000
) -> pd.DataFrame:
    """Compare the joint angles of simulated and real people."""
    from gaitlib.evaluate.bootstrap import compute_mean_interval
    from gaitlib.evaluate.waveforms import compute_band_share, find_clusters

    made, real = simulated.average_sides(), measured.average_sides()
    rows = []
    for joint in JOINTS:
        ranges = [np.ptp(group.angles[joint], axis=2).mean(axis=1) for group in (simulated, measured)]
        lower, upper = compute_mean_interval(ranges, rng, n_resamples)
        rows.append(
            {
                "joint": joint,
                "range_simulated": ranges[0].mean(),
                "range_measured": ranges[1].mean(),
                "range_difference": ranges[0].mean() - ranges[1].mean(),
                "lower": lower,
                "upper": upper,
                "rms": float(np.sqrt(np.mean((made[joint].mean(axis=0) - real[joint].mean(axis=0)) ** 2))),
                "inside": float(compute_band_share(made[joint], real[joint]).mean()),
                "clusters": find_clusters(made[joint], real[joint], rng, n_resamples),
            }
        )
    return pd.DataFrame(rows)


def format_curves(groups: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Format comparisons of curves for print."""
    rows = []
    for words, found in groups.items():
        for row in found.itertuples():
            rows.append(
                {
                    "Compared": words,
                    "Joint": row.joint.capitalize(),
                    "Range of motion (°)": f"{row.range_simulated:.0f} against {row.range_measured:.0f}",
                    "Difference (95 % CI)": format_interval(row.range_difference, row.lower, row.upper, 0),
                    "RMS of mean curves (°)": format_number(row.rms, 1),
                    "Inside ±2 SD": f"{row.inside:.0%}",
                    "Differs at (% of stride)": describe_clusters(row.clusters),
                }
            )
    return pd.DataFrame(rows)


def describe_clusters(clusters, alpha: float = 0.05) -> str:
    """Put the result of a cluster permutation test into words."""
    shown = [f"{c.first}–{c.last} (p {format_p(c.p)})" for c in clusters if c.p < alpha]
    if shown:
        return "; ".join(shown)
    return f"nowhere (p {format_p(min((c.p for c in clusters), default=1.0))})"


def format_profiles(groups: dict[str, SideCurves], normal: SideCurves) -> pd.DataFrame:
    """Format the distance of each group's curves from those of healthy adults for print."""
    from gaitlib.evaluate.waveforms import compute_profile_scores

    healthy = normal.average_sides()
    left_out = [
        compute_profile_scores(
            {joint: curves[[n]] for joint, curves in healthy.items()},
            {joint: np.delete(curves, n, axis=0) for joint, curves in healthy.items()},
        )
        for n in range(len(normal.people))
    ]
    scores = {"Healthy adults": pd.concat(left_out)}
    scores |= {name: compute_profile_scores(group.average_sides(), healthy) for name, group in groups.items()}
    rows = []
    for name, table in scores.items():
        row = {"Group": name, "People": str(len(table))}
        for column in (*JOINTS, "profile"):
            words = "All three" if column == "profile" else column.capitalize()
            row[f"{words} (°)"] = f"{table[column].mean():.1f} ({table[column].std():.1f})"
        rows.append(row)
    return pd.DataFrame(rows)


def load_stride_people() -> pd.DataFrame:
    """Load stride tables of people with Parkinson's disease and controls, one row per person.

    As the authors of the set: the first 20 s are left out, and strides more than three standard deviations
    from the person's median (the turns at the end of the hallway).
    """
    from gaitlib.data.packed import read_recording
    from gaitlib.data.tables import load_table

    people = load_table("gaitndd", "evaluate")
    people = people[people["group"].isin(["parkinsons", "control"])]
    rows = []
    for person in people.itertuples():
        strides = read_recording("gaitndd", f"{person.person_id}.ts", "evaluate")
        rows.append(
            {"person_id": person.person_id, "group": person.group, "speed_mps": person.speed_mps}
            | summarise_strides(strides)
        )
    return pd.DataFrame(rows)


def summarise_strides(strides: pd.DataFrame) -> dict[str, float]:
    """Summarise the stride table of one person."""
    kept = strides[strides["elapsed_s"] > strides["elapsed_s"].iloc[0] + _FIRST_S]
    times = kept[["stride_time_l_s", "stride_time_r_s"]]
    usual = (times - times.median()).abs() <= 3 * times.std()
    kept = kept[usual.all(axis=1)]
    times = kept[["stride_time_l_s", "stride_time_r_s"]]
    return {
        "n_strides": len(kept),
        "stride_time_s": float(times.mean().mean()),
        "stride_time_cv": float((times.std() / times.mean()).mean()),
        "stance_share": float(kept[["stance_l_percent", "stance_r_percent"]].mean().mean() / 100),
        "double_support_share": float(kept["double_support_percent"].mean() / 100),
    }


def format_strides(people: pd.DataFrame, walks: pd.DataFrame) -> pd.DataFrame:
    """Format stride tables beside the simulated people who stand in."""
    from gaitlib.evaluate.analytic import compute_welch_interval

    made = walks.groupby("person_id")[list(_STRIDES)].mean()
    groups = {
        "Controls": people[people["group"] == "control"],
        "Parkinson's disease": people[people["group"] == "parkinsons"],
        "Simulated": made,
    }
    rows = []
    for name, (words, decimals) in _STRIDES.items():
        factor = 100.0 if name in _PERCENT else 1.0
        values = {title: factor * group[name].dropna().to_numpy() for title, group in groups.items()}
        row = {"Quantity": words}
        for title, own in values.items():
            row[f"{title} ({len(groups[title])})"] = (
                f"{format_number(own.mean(), decimals)} ({format_number(own.std(ddof=1), decimals)})"
                if len(own) > 1
                else "not known"
            )
        gap = compute_welch_interval(values["Simulated"], values["Parkinson's disease"])
        row["Simulated − Parkinson's (95 % CI)"] = format_interval(*gap, decimals)
        rows.append(row)
    return pd.DataFrame(rows)


def measure_sensor_steps(n_people: int | None = None) -> pd.DataFrame:
    """Measure step time from one sensor on the lower back beside gyroscopes on both ankles.

    Reading a workbook takes seconds, so the first walk of each person is taken, in the order of names.
    """
    from gaitlib.data.packed import list_recordings, read_recording

    item = "parkinson_fog_imu"
    first: dict[str, str] = {}
    for name in sorted(list_recordings(item, "*.xlsx")):
        first.setdefault(name.partition("_")[0], name)
    rows = []
    for name in list(first.values())[:n_people]:
        rows += list_sensor_windows(read_recording(item, name, "evaluate"))
    return pd.DataFrame(rows)


def list_sensor_windows(recording) -> list[dict]:
    """Compare both sensors in stretches of steady walking."""
    from gaitlib.estimate.baseline_estimators import (
        detect_shank_contacts,
        estimate_back_step_time,
        pair_steps,
    )

    time_s = recording["time"].values
    turning = recording["angular_velocity"]
    contacts = [detect_shank_contacts(time_s, turning.sel(sensor=f"ankle_{side}").values) for side in "rl"]
    end_s, step_s = pair_steps(*contacts)
    back = recording["acceleration"].sel(sensor="lumbar").values
    rows = []
    for number, start in enumerate(np.arange(0.0, time_s[-1] - _WINDOW_S, _WINDOW_S)):
        inside = (time_s >= start) & (time_s < start + _WINDOW_S)
        steps = step_s[(end_s > start) & (end_s <= start + _WINDOW_S)]
        if recording["freezing"].values[inside].any() or steps.sum() < _MIN_COVERED * _WINDOW_S:
            continue
        estimate = estimate_back_step_time(time_s[inside], back[inside])
        person = recording.attrs["person_id"]
        rows.append(
            {
                "dataset": "parkinson_fog_imu", "subgroup": "parkinsons", "person_id": person,
                "walk_id": f"{person}-{number}", "outcome": "step_time_s", "method": "autocorrelation",
                "reference": float(steps.mean()), "estimate": estimate,
                "status": "ok" if np.isfinite(estimate) else "no regular walking found",
            }
        )  # fmt: skip
    return rows
