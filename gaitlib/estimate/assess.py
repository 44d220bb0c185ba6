"""Errors of an estimator on synthetic clips, of which the truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gaitlib.estimate.clip_sampler import Clip
from gaitlib.estimate.estimator import GaitEstimator
from gaitlib.estimate.targets import OUTCOME_NAMES
from gaitlib.gait import MUSCLE_GROUPS


def measure_activation_errors(estimator: GaitEstimator, clips: list[Clip]) -> dict[str, dict[str, float]]:
    """Compare estimated muscle activity with that of synthetic clips."""
    known = [clip for clip in clips if np.isfinite(clip.activation).all()]
    truth = np.stack([clip.activation for clip in known])
    _, _, curves = estimator.predict_raw([clip.features for clip in known])
    usual = estimator.network.activation_mean.numpy().reshape(truth.shape[2:])
    inside = np.abs(curves - truth) <= estimator.calibration.activation_half_width
    return {
        name: {
            "rms": float(np.sqrt(np.mean((curves - truth)[:, :, n] ** 2))),
            "rms_of_mean": float(np.sqrt(np.mean((usual - truth)[:, :, n] ** 2))),
            "coverage": float(inside[:, :, n].mean()),
        }
        for n, name in enumerate(MUSCLE_GROUPS)
    }


def tabulate_errors(estimator: GaitEstimator, clips: list[Clip]) -> pd.DataFrame:
    """Compare an estimator with the truth of synthetic clips."""
    rows = []
    for clip, estimate in zip(clips, estimator.predict_features([c.features for c in clips]), strict=True):
        about = {"gait": clip.gait, "view": clip.view, "moving_camera": clip.moving_camera}
        about["height_known"] = bool(clip.features.side[0] > 0.5)
        for name, reference in zip(OUTCOME_NAMES, clip.truth, strict=True):
            row = about | {"outcome": name, "reference": float(reference), "status": estimate.status}
            if estimate.ok:
                item = estimate.values[name]
                row |= {"estimate": item.value, "lower": item.lower, "upper": item.upper}
            rows.append(row)
    columns = [
        "gait",
        "view",
        "moving_camera",
        "height_known",
        "outcome",
        "reference",
        "estimate",
        "lower",
        "upper",
    ]
    return pd.DataFrame(rows, columns=[*columns, "status"])


def summarise_errors(errors: pd.DataFrame, by: list[str] | None = None) -> pd.DataFrame:
    """Summarise a table of `tabulate_errors`."""
    frame = errors.assign(
        error=errors["estimate"] - errors["reference"],
        inside=(errors["reference"] >= errors["lower"]) & (errors["reference"] <= errors["upper"]),
        width=errors["upper"] - errors["lower"],
        answered=errors["status"] == "ok",
    )
    frame["absolute"] = frame["error"].abs()
    frame["inside"] = frame["inside"].where(frame["answered"]).astype(float)
    groups = frame.groupby([*(["view"] if by is None else by), "outcome"], observed=True)
    return groups.agg(
        n=("reference", "size"),
        answered=("answered", "mean"),
        mae=("absolute", "mean"),
        bias=("error", "mean"),
        coverage=("inside", "mean"),
        width=("width", "median"),
    ).reset_index()


def summarise_overall(errors: pd.DataFrame) -> dict:
    """Summarise a table of `tabulate_errors` over all views."""
    answered = errors[errors["status"] == "ok"]
    error = answered["estimate"] - answered["reference"]
    inside = (answered["reference"] >= answered["lower"]) & (answered["reference"] <= answered["upper"])
    found: dict = {
        outcome: {"mae": float(part.abs().mean()), "bias": float(part.mean())}
        for outcome, part in error.groupby(answered["outcome"])
    }
    return found | {"answered": float((errors["status"] == "ok").mean()), "coverage": float(inside.mean())}
