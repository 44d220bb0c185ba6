"""From walks to the agreement table: measure them, look at them through virtual cameras, estimate, "
"compare."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.errors import InputError
from gaitlib.evaluate.inputs import format_number

METHODS = {
    "synthetic": "trained on synthetic walks only",
    "classical": "classical geometry",
    "ridge_real": "ridge trained on real people",
}
"""Method -> words for readers."""

_PROSE_UNITS = {
    "speed_mps": (1.0, "m/s", 2),
    "step_length_m": (100.0, "cm", 1),
    "step_time_s": (1.0, "s", 3),
}
_KEYS = ("origin", "dataset", "subgroup", "person_id", "walk_id", "view")
_TABLE = [*_KEYS, "outcome", "method", "reference", "estimate", "lower", "upper", "status"]


def collect_real_walks(datasets: Iterable[str], purpose: str = "evaluate") -> list[xr.Dataset]:
    """Load the walks of several sets of real people."""
    from gaitlib.data.walks import load_walks

    return [walk for dataset in datasets for walk in load_walks(dataset, purpose)]


def measure_walks(walks: list[xr.Dataset], outcomes: Iterable[str]) -> pd.DataFrame:
    """Measure the reference of each walk from its own keypoints in space, free of camera and detector."""
    from gaitlib.outcomes import compute_walk_outcomes

    rows = []
    for walk in walks:
        found = compute_walk_outcomes(walk)
        row = {key: walk.attrs.get(key) for key in _KEYS[:-1]}
        row |= {key: walk.attrs.get(key, np.nan) for key in ("age_years", "height_m", "mass_kg")}
        row["sex"] = walk.attrs.get("sex") or "unknown"
        time_s = walk["time"].values
        row |= {"duration_s": float(time_s[-1] - time_s[0]), "n_steps": int(found["n_steps"])}
        rows.append(row | {name: found[name] for name in outcomes})
    about = ("age_years", "height_m", "mass_kg", "sex", "duration_s", "n_steps")
    return pd.DataFrame(rows, columns=[*_KEYS[:-1], *about, *outcomes])


def estimate_walks(
    clips: list[xr.Dataset],
    reference: pd.DataFrame,
    methods: Iterable[str],
    outcomes: Iterable[str],
    estimator=None,
    seed: int = 0,
) -> pd.DataFrame:
    """Estimate every clip by every method and put the reference beside it."""
    unknown = sorted(set(methods) - set(METHODS))
    if unknown or ("synthetic" in methods and estimator is None):
        raise InputError(
            f"methods: {', '.join(unknown) or 'synthetic without estimator'}; known: {', '.join(METHODS)}"
        )
    truth = reference.set_index(["dataset", "walk_id"])
    parts = []
    for method in methods if clips else ():
        if method == "ridge_real":
            parts.append(_estimate_ridge(clips, truth, seed))
        else:
            answers = _estimate_each(clips, method, estimator)
            parts.append(_tabulate(clips, answers, truth, method, outcomes))
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=_TABLE)
    numbers = ["reference", "estimate", "lower", "upper"]
    table[numbers] = table[numbers].astype(float)
    known = table["outcome"].isin(list(outcomes)) & np.isfinite(table["reference"])
    return table[known].reset_index(drop=True)


def _estimate_each(clips: list[xr.Dataset], method: str, estimator) -> list:
    if method == "synthetic":
        from gaitlib.estimate.features import compute_features, get_height

        return estimator.predict_features([compute_features(clip, get_height(clip)) for clip in clips])
    from gaitlib.estimate.baseline_estimators import estimate_classical

    return [estimate_classical(clip) for clip in clips]


def _tabulate(clips, answers, truth: pd.DataFrame, method: str, outcomes) -> pd.DataFrame:
    rows = []
    for clip, answer in zip(clips, answers, strict=True):
        about = {key: clip.attrs.get(key) for key in _KEYS}
        about |= {"method": method, "status": shorten_reason(answer.status)}
        measured = truth.loc[(clip.attrs["dataset"], clip.attrs["walk_id"])]
        for outcome in outcomes:
            row = about | {"outcome": outcome, "reference": float(measured[outcome])}
            value = answer.values.get(outcome)
            if value is not None and np.isfinite(value.value):
                row |= {"estimate": value.value, "lower": value.lower, "upper": value.upper}
            elif answer.ok:
                row["status"] = "not seen from this view"
            rows.append(row)
    return pd.DataFrame(rows, columns=_TABLE)


def _estimate_ridge(clips, truth: pd.DataFrame, seed: int) -> pd.DataFrame:
    from gaitlib.estimate.baseline_estimators import crossvalidate_ridge

    groups: dict[tuple, list] = {}
    for clip in clips:
        groups.setdefault((clip.attrs["dataset"], clip.attrs["view"]), []).append(clip)
    parts = []
    for members in groups.values():
        rows = truth.loc[[(clip.attrs["dataset"], clip.attrs["walk_id"]) for clip in members]]
        part = crossvalidate_ridge(members, rows.reset_index(), seed=seed)
        part["status"] = part["status"].map(shorten_reason)
        origins = {clip.attrs["walk_id"]: clip.attrs["origin"] for clip in members}
        parts.append(part.assign(origin=part["walk_id"].map(origins)))
    return pd.concat(parts, ignore_index=True)


def shorten_reason(status: str) -> str:
    """Shorten the reason of an abstention to its kind, so that equal reasons count together."""
    return re.split(r"[:(]", status, maxsplit=1)[0].strip() or status


def draw_stand_ins(
    table: pd.DataFrame,
    gaits: xr.Dataset,
    rules: Mapping,
    held_out: Iterable[str],
    n_walks: int,
    duration_s: float,
    seed: int,
    subgroup: str,
) -> list[xr.Dataset]:
    """Draw simulated walks that are shown where no real people exist."""
    from gaitlib.estimate.synthetic_training import list_persons
    from gaitlib.sense.body_walk import build_synthetic_walk
    from gaitlib.sense.walk_variation import WalkVariation

    fits = table["verified"].astype(bool) & table["gait_id"].isin(set(held_out))
    fits &= table["cohort"] == rules["cohort"]
    fits &= table["age_years"].between(rules["youngest_years"], rules["oldest_years"])
    fits &= table["speed_mps"].between(rules["slowest_mps"], rules["fastest_mps"])
    chosen = table[fits].reset_index(drop=True)
    rng = np.random.default_rng([seed, 11])
    walks = []
    persons = list_persons(chosen) if len(chosen) else []
    names = chosen.groupby(["age_years", "sex", "height_m", "mass_kg"], sort=False).ngroup()
    for number in range(n_walks if len(chosen) else 0):
        row = number % len(chosen)
        walks.append(
            build_synthetic_walk(
                gaits.sel(gait=chosen["gait_id"][row]), persons[row], rng, duration_s=duration_s, fps=60.0,
                variation=WalkVariation(), with_outcomes=False, subgroup=subgroup, dataset="simulated",
                walk_id=f"{subgroup}-{number:03d}", person_id=f"simulated-{names[row]:03d}",
            )
        )  # fmt: skip
    return walks


def list_people(reference: pd.DataFrame) -> pd.DataFrame:
    """List the people behind walks, one row each."""
    return (
        reference.groupby(["subgroup", "person_id"], sort=True)
        .agg(
            age_years=("age_years", "first"), sex=("sex", "first"), height_m=("height_m", "first"),
            mass_kg=("mass_kg", "first"), speed_mps=("speed_mps", "mean"), n_walks=("walk_id", "nunique"),
        )
        .reset_index()
    )  # fmt: skip


def compare_lab_events(walks: list[xr.Dataset]) -> pd.DataFrame:
    """Compare detected initial contacts with those that the laboratory stored in the file."""
    from gaitlib.events import detect_events

    rows = []
    for walk in walks:
        stored = [
            e for e in json.loads(walk.attrs.get("lab_events", "[]")) if e["event"] == "initial_contact"
        ]
        found = detect_events(walk) if stored else pd.DataFrame(columns=["foot", "event", "time_s"])
        contacts = found[found["event"] == "initial_contact"]
        for event in stored:
            times = contacts.loc[contacts["foot"] == event["foot"], "time_s"].to_numpy(dtype=float)
            gap = (
                times[np.argmin(np.abs(times - event["time_s"]))] - event["time_s"] if len(times) else np.inf
            )
            if abs(gap) <= 0.15:
                rows.append(
                    {"person_id": walk.attrs["person_id"], "foot": event["foot"], "difference_s": float(gap)}
                )
    return pd.DataFrame(rows, columns=["person_id", "foot", "difference_s"])


def describe_error(row: pd.Series, outcome: str) -> str:
    """Put a mean absolute error with its interval into words."""
    factor, unit, decimals = _PROSE_UNITS[outcome]
    value, low, high = (row[name] * factor for name in ("mae", "mae_lower", "mae_upper"))
    text = f"{format_number(value, decimals)} {unit}"
    if not (np.isfinite(low) and np.isfinite(high)):
        return text
    return f"{text} (95 % interval {format_number(low, decimals)} to {format_number(high, decimals)})"


def describe_size(value: float, outcome: str, signed: bool = False) -> str:
    """Put a size into words, in the units of the prose: m/s, cm, s."""
    factor, unit, decimals = _PROSE_UNITS[outcome]
    sign = "+" if signed and value > 0 else ""
    return f"{sign}{format_number(value * factor, decimals)} {unit}"
