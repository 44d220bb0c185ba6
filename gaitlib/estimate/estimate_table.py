"""Estimates of many clips in one table, the reference beside each: what `gaitlib.evaluate` reads."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.errors import InputError
from gaitlib.estimate.baseline_estimators import (
    crossvalidate_ridge,
    detect_shank_contacts,
    estimate_back_step_time,
    estimate_classical,
    pair_steps,
)
from gaitlib.estimate.features import compute_features, get_height
from gaitlib.estimate.inertial_features import compute_inertial_features
from gaitlib.estimate.targets import measure_events

METHODS = ("synthetic", "classical", "ridge_real")
_KEYS = ("origin", "dataset", "subgroup", "person_id", "walk_id", "view")
INERTIAL_KEYS = [*_KEYS[:-1], "setting", "view", "method", "status"]
_COLUMNS = [*_KEYS, "outcome", "method", "reference", "estimate", "lower", "upper", "status"]


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
    parts = [_estimate(clips, truth, method, outcomes, estimator, seed) for method in methods if clips]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=_COLUMNS)
    numbers = ["reference", "estimate", "lower", "upper"]
    table[numbers] = table[numbers].astype(float)
    known = table["outcome"].isin(list(outcomes)) & np.isfinite(table["reference"])
    return table[known].reset_index(drop=True)


def _estimate(clips, truth, method: str, outcomes, estimator, seed: int) -> pd.DataFrame:
    if method == "ridge_real":
        return _crossvalidate_ridge(clips, truth, seed)
    if method == "classical":
        answers = [estimate_classical(clip) for clip in clips]
    else:
        answers = estimator.predict_features([compute_features(clip, get_height(clip)) for clip in clips])
    return tabulate_answers(clips, answers, truth, method, outcomes)


def tabulate_answers(clips, answers, truth: pd.DataFrame, method: str, outcomes) -> pd.DataFrame:
    """Put answers and truth (indexed by data set and walk) beside each other; one row per outcome."""
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
    return pd.DataFrame(rows, columns=_COLUMNS)


def _crossvalidate_ridge(clips, truth: pd.DataFrame, seed: int) -> pd.DataFrame:
    """One ridge regression per data set and view, each person estimated by a model of the others."""
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


def tabulate_inertial(walks: list[xr.Dataset], estimator) -> pd.DataFrame:
    """Estimate walks with an inertial sensor; one row per outcome that was measured at the same time.

    Method `swings`, where a walk tells it, is the step time between swings of both shanks, untrained.
    """
    features = [compute_inertial_features(walk, None, get_height(walk)) for walk in walks]
    rows = []
    for walk, answer in zip(walks, estimator.predict_features(features), strict=True):
        attrs = walk.attrs
        about = {key: attrs[key] for key in _KEYS if key in attrs} | {"method": "synthetic"}
        about |= {"setting": "bouts" if attrs.get("n_bouts", 1) > 1 else "single"}
        about |= {"view": re.sub("_[rl]$", "", attrs["site"]), "status": _name_reason(answer, attrs["site"])}
        if "events" in attrs:
            measured = measure_events(attrs["events"], float(walk["time"].values[-1]))
        else:
            given = [name for name in attrs if name.startswith("reference_")]
            measured = {name.removeprefix("reference_"): float(attrs[name]) for name in given}
            measured["cadence_spm"] = 60.0 / measured["step_time_s"]
        for outcome, reference in measured.items():
            row = about | {"outcome": outcome, "reference": reference}
            if answer.ok:
                value = answer.values[outcome]
                row |= {"estimate": value.value, "lower": value.lower, "upper": value.upper}
            rows += [row] if np.isfinite(reference) else []
        if attrs["site"] == "lower_back" and np.isfinite(attrs.get("swing_step_time_s", np.nan)):
            swings = {"view": "shank", "method": "swings", "status": "ok", "outcome": "step_time_s"}
            swings |= {"estimate": attrs["swing_step_time_s"], "reference": measured["step_time_s"]}
            rows.append(about | swings)
    columns = [*INERTIAL_KEYS, "outcome", "reference", "estimate", "lower", "upper"]
    return pd.DataFrame(rows, columns=columns)


def _name_reason(answer, site: str) -> str:
    """Name the kind of a reason, without the site and the number that stand in it."""
    reason = answer.status.removeprefix(f"{site}: ")
    return shorten_reason(re.sub(r" [\d.]+ m/s\^2", "", reason))


def shorten_reason(status: str) -> str:
    """Shorten the reason of an abstention to its kind, so that equal reasons count together."""
    return re.split(r"[:(]", status, maxsplit=1)[0].strip() or status


def compare_step_times(recording: xr.Dataset, window_s: float = 8.0, min_covered: float = 0.75) -> list[dict]:
    """Estimate step times from the back beside those of gyroscopes on both ankles, window by window.

    Windows with freezing, or of which the steps of the ankles cover less than `min_covered`, are left out.
    """
    time_s, person = recording["time"].values, recording.attrs["person_id"]
    turning = recording["angular_velocity"]
    contacts = [detect_shank_contacts(time_s, turning.sel(sensor=f"ankle_{side}").values) for side in "rl"]
    end_s, step_s = pair_steps(*contacts)
    back = recording["acceleration"].sel(sensor="lumbar").values
    rows = []
    for number, start in enumerate(np.arange(0.0, time_s[-1] - window_s, window_s)):
        inside = (time_s >= start) & (time_s < start + window_s)
        steps = step_s[(end_s > start) & (end_s <= start + window_s)]
        if recording["freezing"].values[inside].any() or steps.sum() < min_covered * window_s:
            continue
        estimate = estimate_back_step_time(time_s[inside], back[inside])
        rows.append(
            {
                "person_id": person, "walk_id": f"{person}-{number}", "outcome": "step_time_s",
                "method": "autocorrelation", "reference": float(steps.mean()), "estimate": estimate,
                "status": "ok" if np.isfinite(estimate) else "no regular walking found",
            }
        )  # fmt: skip
    return rows
