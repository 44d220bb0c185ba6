"""Inertial sensors on real people: the estimator beside what was measured at the same time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.errors import AbsentData
from gaitlib.report.people import shorten_reason
from gaitlib.workflow import earlier
from gaitlib.workflow.results import Results

DATASETS = {
    "lower_back_events": "Healthy adults, hand-checked events",
    "mobilised_lab": "Older adults and multiple sclerosis, laboratory reference",
    "parkinson_fog_imu": "Parkinson's disease, foot sensors as reference",
}
"""Sets of real people -> words for readers."""
SETTINGS = {
    "single": "One walk in the recording",
    "bouts": "Several bouts in the recording, with stops and turns between",
}
"""How people walked -> words for readers."""
STEPS_FROM = "lower_back_events"
"""The set whose events were marked by hand: the one that `leave_out_steps` is about."""
_FEWEST_STEPS = 6
_TABLE = ["origin", "dataset", "subgroup", "person_id", "walk_id", "setting", "view", "method", "status",
          "outcome", "reference", "estimate", "lower", "upper"]  # fmt: skip
_TIMES = ("step_time_s", "cadence_spm", "stance_share", "double_support_share", "step_time_asymmetry",
          "stride_time_cv")  # fmt: skip


def estimate_inertial_people(walks: list[xr.Dataset], estimator) -> pd.DataFrame:
    """Estimate walks of real people and put the reference beside each."""
    from gaitlib.estimate.features import get_height
    from gaitlib.estimate.inertial_features import compute_inertial_features

    if not walks:
        return pd.DataFrame(columns=_TABLE)
    features = [compute_inertial_features(walk, None, get_height(walk)) for walk in walks]
    rows = []
    for walk, answer in zip(walks, estimator.predict_features(features), strict=True):
        about = {key: walk.attrs[key] for key in ("origin", "dataset", "subgroup", "person_id", "walk_id")}
        about |= {"setting": "bouts" if walk.attrs.get("n_bouts", 1) > 1 else "single"}
        about |= {"view": walk.attrs["site"], "method": "synthetic", "status": shorten_reason(answer.status)}
        for outcome, reference in measure_reference(walk).items():
            row = about | {"outcome": outcome, "reference": reference}
            if answer.ok:
                item = answer.values[outcome]
                row |= {"estimate": item.value, "lower": item.lower, "upper": item.upper}
            rows.append(row)
    table = pd.DataFrame(rows)
    for name in ("estimate", "lower", "upper"):
        table[name] = table.get(name, pd.Series(np.nan, index=table.index)).astype(float)
    return table


def complete_inertial(kept: Results, estimator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Estimate the walks of all sets that are here, and take those of the others from an earlier run."""
    from gaitlib.data.inertial_walks import load_inertial_walks

    worn, absent = [], {}
    for dataset in DATASETS:
        try:
            worn += load_inertial_walks(dataset)
        except AbsentData as error:
            absent[dataset] = error
    tidy = estimate_inertial_people(worn, estimator)
    steps = leave_out_steps(tidy, worn)
    for dataset in absent:
        words = f"estimates from the lower back ({DATASETS[dataset]})"
        borrowed = earlier.borrow(kept, "estimates_inertial", dataset, words)
        tidy = (
            tidy
            if borrowed is None
            else pd.concat([tidy, borrowed], ignore_index=True)
            if len(tidy)
            else borrowed
        )
        if dataset == STEPS_FROM:
            borrowed = earlier.borrow(kept, "left_out_steps", dataset, words)
            steps = steps if borrowed is None else borrowed
    order = {dataset: number for number, dataset in enumerate(DATASETS)}
    tidy = tidy.sort_values("dataset", key=lambda names: names.map(order), kind="stable", ignore_index=True)
    return kept.save_table("estimates_inertial", tidy), kept.save_table("left_out_steps", steps)


def leave_out_steps(tidy: pd.DataFrame, walks: list[xr.Dataset], most: int = 2) -> pd.DataFrame:
    """Put the step time of the middle of each walk beside the estimate of the whole."""
    answers = tidy[(tidy["outcome"] == "step_time_s") & (tidy["status"] == "ok")].set_index("walk_id")
    rows = []
    for walk in walks:
        name = walk.attrs["walk_id"]
        if "events" not in walk.attrs or name not in answers.index:
            continue
        events, answer = walk.attrs["events"], answers.loc[name]
        steps_s = np.diff(np.sort(events.loc[events["event"] == "initial_contact", "time_s"]))
        if len(steps_s) < 2 * most + _FEWEST_STEPS:
            continue
        for n in range(most + 1):
            reference = steps_s[n : len(steps_s) - n].mean()
            row = {"person_id": walk.attrs["person_id"], "walk_id": name, "left_out": n}
            inside = float(answer["lower"] <= reference <= answer["upper"])
            rows.append(row | {"error_s": answer["estimate"] - reference, "inside": inside})
    return pd.DataFrame(rows, columns=["person_id", "walk_id", "left_out", "error_s", "inside"])


def measure_reference(walk: xr.Dataset) -> dict[str, float]:
    """Read what was measured of a walk."""
    if "events" in walk.attrs:
        found = _measure_events(walk.attrs["events"], float(walk["time"].values[-1]))
    else:
        prefix = "reference_"
        found = {k.removeprefix(prefix): float(v) for k, v in walk.attrs.items() if k.startswith(prefix)}
        if "step_time_s" in found:
            found["cadence_spm"] = 60.0 / found["step_time_s"]
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _measure_events(events: pd.DataFrame, duration_s: float) -> dict[str, float]:
    """Times from events alone, by the definitions of `gaitlib.outcomes`."""
    from gaitlib.estimate.targets import OUTCOME_NAMES, WalkEvents, measure_window

    lands = events["event"] == "initial_contact"
    contacts = events[lands].sort_values("time_s")
    moments, feet = contacts["time_s"].to_numpy(), (contacts["foot"] == "l").to_numpy().astype(int)
    offs = tuple(np.sort(events.loc[~lands & (events["foot"] == side), "time_s"].to_numpy()) for side in "rl")
    still = np.zeros(2)
    walk = WalkEvents(np.array([0.0, duration_s]), still, moments, feet, np.zeros(len(moments)), offs)
    found = measure_window(walk, -1.0, duration_s + 1.0)
    if found is None:
        return {}
    named = dict(zip(OUTCOME_NAMES, found.tolist(), strict=True))
    named["cadence_spm"] = 60.0 / named["step_time_s"]
    return {name: named[name] for name in _TIMES}
