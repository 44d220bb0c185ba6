"""Errors of an estimator on synthetic clips, of which the truth is known, and its model card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from gaitlib.estimate.clip_sampler import Clip
from gaitlib.estimate.estimator import GaitEstimator
from gaitlib.estimate.input_kind import get_kind
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
    rows, names = [], get_kind(estimator.config.kind).side
    for clip, estimate in zip(clips, estimator.predict_features([c.features for c in clips]), strict=True):
        about = {"gait": clip.gait, "view": clip.view, "moving_camera": clip.moving_camera}
        about["height_known"], about["focal_known"] = (
            name in names and bool(clip.features.side[names.index(name)] > 0.5)
            for name in ("height_known", "focal_known")
        )
        for name, reference in zip(OUTCOME_NAMES, clip.truth, strict=True):
            row = about | {"outcome": name, "reference": float(reference), "status": estimate.status}
            item = estimate.values.get(name)
            if item is not None:
                row |= {"estimate": item.value, "lower": item.lower, "upper": item.upper}
            rows.append(row)
    columns = [
        "gait",
        "view",
        "moving_camera",
        "height_known",
        "focal_known",
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
    frame["inside"] = frame["inside"].where(frame["answered"] & frame["reference"].notna()).astype(float)
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
    answered = errors[(errors["status"] == "ok") & errors["reference"].notna()]
    error = answered["estimate"] - answered["reference"]
    inside = (answered["reference"] >= answered["lower"]) & (answered["reference"] <= answered["upper"])
    found: dict = {
        outcome: {"mae": float(part.abs().mean()), "bias": float(part.mean())}
        for outcome, part in error.groupby(answered["outcome"])
    }
    return found | {"answered": float((errors["status"] == "ok").mean()), "coverage": float(inside.mean())}


def _say_space(about: dict) -> list[str]:
    """Say what was learned from the body in space."""
    if "out_of_plane_library" not in about:
        return []
    words = (
        f"- Planar gaits leave the plane as learned from library in space `{about['out_of_plane_library']}`"
    )
    if "space_library" in about:
        words += f"; {about['n_space_gaits']} gaits of `{about['space_library']}` walk among them as they are"
    return [words]


_SCALE = {
    "speed_mps": (1, "m/s", 3),
    "step_length_m": (100, "cm", 1),
    "step_width_m": (100, "cm", 1),
    "step_time_s": (1000, "ms", 1),
    "cadence_spm": (1, "steps/min", 1),
}
_SHARE = (100, "% points", 1)
_READS = {
    "keypoints": "2D image keypoints of a walking person (COCO-17, BODY_25, MediaPipe-33, Human3.6M-17, "
    "Plug-in Gait joint centres; 2 s or more, 15 frames per second or more; seen from any side)",
    "inertial": "accelerometer and gyroscope of one or more sensors worn at lower back, chest, thigh, "
    "shank, ankle, foot or wrist, in any orientation (2 s or more, 15 samples per second or more)",
    "insole": "vertical force under both feet from pressure insoles (15 s or more, 20 samples per second or "
    "more; gain, offset and unit of the insoles do not matter)",
}


def write_model_card(path: str | Path, estimator: GaitEstimator, errors: pd.DataFrame, command: str) -> Path:
    """Write the model card as Markdown."""
    about, kind = estimator.provenance, estimator.config.kind
    n_weights = sum(p.numel() for network in estimator.networks for p in network.parameters())
    clips, left_out = f"{estimator.config.n_clips} clips", about.get("left_out")
    if estimator.config.pretrain_clips:
        clips += f" after masked sequence modelling on {estimator.config.pretrain_clips}"
    if estimator.config.members > 1:
        clips += f", for each of {estimator.config.members} networks whose answers are averaged"
    lines = [
        f"# Model card: gait estimator, {kind}",
        "",
        f"Reads {_READS[kind]} and gives speed, step length, step time, cadence, stance and double support, "
        f"asymmetry, stride-time variability"
        f"{' and the activity of 18 muscles over the stride' if estimator.config.activation_weight else ''}, "
        f"with {estimator.calibration.level:.0%} intervals, or abstains and says why.",
        "",
        f"- Weights: {n_weights}, made by `{command}`, seed {about.get('seed')}",
        f"- Trained on {about.get('trained_on')}: {about.get('n_library_gaits')} simulated gaits"
        f" and {about.get('n_generated_gaits')} generated ones, {clips}",
        f"- Library release learned from: `{about.get('library')}`; the generator's: "
        f"`{about.get('generator_library') or 'none'}`",
        f"- Held out for calibration and the table below: {about.get('n_held_out_gaits')} gaits of other "
        "simulated people",
        *_say_space(about),
        "- No recording of a real person was used to train it or to set its intervals; what was decided "
        "after looking at real people is listed in the book (Decisions)",
        *([f"- Left out in turn to set the intervals: {', '.join(left_out)}"] if left_out else []),
        *(
            ["- Muscle activity is that of the simulation (effort-minimal, planar body), not EMG of people"]
            if estimator.config.activation_weight
            else []
        ),
        "- Not for: running, treadmills that change speed, walking aids that hide the legs, turns, several "
        "people in one clip, diagnosis",
        "",
        "## Errors on held-out simulated people",
        "",
        f"| {'view' if kind == 'keypoints' else 'site'} | outcome | clips | answered | mean absolute error "
        "| bias | coverage |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in summarise_errors(errors.dropna(subset="reference")).to_dict("records"):
        lines.append(_say_row(row, row["view"], row["outcome"], row["n"], f"{row['answered']:.0%}"))
    if about.get("shifted"):
        lines += [
            "",
            "## Where views, bodies or sensors are unlike those of training",
            "",
            "Intervals were set on some changes of views, bodies, sensors; these are others.",
            "",
            "| change | view | outcome | clips | mean absolute error | bias | coverage |",
            "|---|---|---|---|---|---|---|",
        ]
        lines += [
            _say_row(row, row["shift"], row["view"], row["outcome"], row["n"]) for row in about["shifted"]
        ]
    lines += ["", "Simulated people are not real people: the errors on real people are in the book.", ""]
    path = Path(path)
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _say_row(row: dict, *first) -> str:
    factor, unit, digits = _SCALE.get(row["outcome"], _SHARE)
    errors = f"{factor * row['mae']:.{digits}f} {unit}", f"{factor * row['bias']:+.{digits}f} {unit}"
    return f"| {' | '.join(map(str, (*first, *errors)))} | {row['coverage']:.0%} |"
