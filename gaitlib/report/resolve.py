"""Solve some gaits of a library again and compare: the shipped numbers must come out on this computer too."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.gait import COORDINATES, TRANSLATIONS

_ANGLES = [n for n, name in enumerate(COORDINATES) if name not in TRANSLATIONS]


def choose_rows(table: pd.DataFrame, n_gaits: int, seed: int) -> pd.DataFrame:
    """Choose verified gaits to solve again: spread over body heights, at random within."""
    verified = table[table["verified"].astype(bool)].sort_values(["height_m", "gait_id"], kind="stable")
    rng = np.random.default_rng([seed, 3])
    parts = np.array_split(np.arange(len(verified)), min(n_gaits, len(verified)) or 1)
    rows = [int(rng.choice(part)) for part in parts if len(part)] if n_gaits else []
    return verified.iloc[rows].reset_index(drop=True)


def solve_again(rows: pd.DataFrame, library, workers: int, cold: int = 1) -> tuple[pd.DataFrame, float]:
    """Solve rows of a library again in worker processes, check them in OpenSim, compare with what was
    shipped.
    """
    from gaitlib.simulate.request import parse_request
    from gaitlib.simulate.workers import replay_gaits, solve_gaits

    started = time.perf_counter()
    requests = [parse_request(row) for row in rows.to_dict("records")]
    order = list(rows["gait_id"])
    guesses: list = [None if n < cold else library.make(order[n]) for n in range(len(order))]
    solved = solve_gaits(requests, guesses, workers)
    replays = replay_gaits(requests, solved, 1)
    table = pd.DataFrame(
        [
            _compare(
                row, item, replay, library.gaits.sel(gait=row["gait_id"]), "cold" if n < cold else "shipped"
            )
            for n, (row, item, replay) in enumerate(
                zip(rows.to_dict("records"), solved, replays, strict=True)
            )
        ]
    )
    return table, time.perf_counter() - started


def _compare(row: dict, solved, replay: dict, shipped: xr.Dataset, start: str) -> dict:
    difference = np.degrees(np.abs(solved.position - shipped["position"].values)[:, _ANGLES])
    return {
        "gait_id": row["gait_id"],
        "age_years": row["age_years"],
        "height_m": row["height_m"],
        "speed_mps": row["speed_mps"],
        "start": start,
        "converged": bool(solved.converged),
        "verified": bool(solved.converged and not replay["reasons"]),
        "status": solved.status,
        "iterations": int(solved.iterations),
        "cpu_s": float(solved.cpu_s),
        "angle_difference_deg": float(difference.max()),
        "stride_time_difference_ms": 1000.0 * float(solved.stride_time_s - shipped["stride_time_s"]),
        "residual_peak_bw": float(replay["residual_peak_bw"]),
    }


@dataclass(frozen=True)
class Verdict:
    """What solving again showed: a sentence for readers and the numbers behind it."""

    sentence: str
    facts: dict


def judge(again: pd.DataFrame, tolerance_deg: float) -> Verdict:
    """Judge gaits that were solved again."""
    if again.empty:
        return Verdict("No gait was solved again in this run.", {"resolved": 0})
    same = again["verified"] & (again["angle_difference_deg"] <= tolerance_deg)
    typical = float(again.loc[again["converged"], "angle_difference_deg"].median())
    facts = {
        "resolved": len(again),
        "resolved_verified": int(again["verified"].sum()),
        "resolved_same": int(same.sum()),
        "resolved_median_difference_deg": typical,
        "resolved_cpu_s_median": float(again["cpu_s"].median()),
    }
    cold, warm = again[again["start"] == "cold"], again[again["start"] != "cold"]
    facts |= {"cold_s": float(cold["cpu_s"].median()), "warm_s": float(warm["cpu_s"].median())}
    sentence = (
        f"Of {len(again)} shipped gaits solved again on this computer, {facts['resolved_verified']} "
        f"passed the same "
        f"check and {facts['resolved_same']} came out equal within {tolerance_deg:g}° at every joint and "
        f"moment "
        f"(median of the largest difference {typical:.2f}°)."
    )
    return Verdict(sentence, facts)


def format_again(again: pd.DataFrame, tolerance_deg: float) -> pd.DataFrame:
    """Format gaits that were solved again for print."""
    if again.empty:
        return pd.DataFrame([{"Verdict": "none was solved again in this run"}])
    same = again["angle_difference_deg"] <= tolerance_deg
    return pd.DataFrame(
        {
            "Age (years)": again["age_years"].map("{:.0f}".format),
            "Height (m)": again["height_m"].map("{:.2f}".format),
            "Speed (m/s)": again["speed_mps"].map("{:.2f}".format),
            "Started from": again["start"].map(
                {"cold": "textbook curves", "shipped": "the shipped solution"}
            ),
            "CPU time (s)": again["cpu_s"].map("{:.1f}".format),
            "Largest difference (°)": again["angle_difference_deg"].map("{:.2f}".format),
            "Residual (body weights)": [_show_small(value) for value in again["residual_peak_bw"]],
            "Verdict": [
                "failed the check" if not ok else "same gait" if equal else "another local optimum"
                for ok, equal in zip(again["verified"], same, strict=True)
            ],
        }
    )


def _show_small(value: float) -> str:
    return "below 0.0001" if value < 1e-4 else f"{value:.4f}"


def summarise_cohorts(table: pd.DataFrame) -> pd.DataFrame:
    """Summarise a library by cohort for print."""

    def span(values: pd.Series, decimals: int) -> str:
        return f"{values.min():.{decimals}f} to {values.max():.{decimals}f}" if len(values) else "–"

    lines = []
    for cohort, rows in table.groupby("cohort", sort=True):
        good = rows[rows["verified"].astype(bool)]
        people = good.drop_duplicates(["age_years", "sex", "height_m", "mass_kg"])
        lines.append(
            {
                "Cohort": str(cohort).replace("_", " "),
                "Verified of tried": f"{len(good)} of {len(rows)}",
                "People": str(len(people)),
                "Age (years)": span(good["age_years"], 0),
                "Height (m)": span(good["height_m"], 2),
                "Speed (m/s)": span(good["speed_mps"], 2),
            }
        )
    return pd.DataFrame(lines)


def choose_example(table: pd.DataFrame) -> pd.Series:
    """Choose the gait that is looked at closely: a full-strength adult at a comfortable speed."""
    from gaitlib.report.compare_adults import choose_alike

    return choose_alike(table, n_gaits=1).iloc[0]


def list_failures(table: pd.DataFrame) -> pd.DataFrame:
    """List why attempts failed."""
    failed = table[~table["verified"].astype(bool)]
    if failed.empty:
        return pd.DataFrame([{"Reason": "no attempt failed", "Gaits": "0"}])
    reasons = failed["reason"].str.split(";").str[0].str.replace(r"\s*[-\d.]+.*$", "", regex=True)
    counts = reasons.value_counts()
    return pd.DataFrame({"Reason": counts.index.astype(str), "Gaits": counts.astype(str).to_numpy()})
