"""The model card of an estimator: what it is, what it was trained on, how it does on synthetic people."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gaitlib.estimate.assess import summarise_errors
from gaitlib.estimate.estimator import GaitEstimator

_SCALE = {
    "speed_mps": (1, "m/s", 3),
    "step_length_m": (100, "cm", 1),
    "step_time_s": (1000, "ms", 1),
    "cadence_spm": (1, "steps/min", 1),
}
_SHARE = (100, "% points", 1)
_READS = {
    "keypoints": "2D image keypoints of a walking person (COCO-17, BODY_25, MediaPipe-33, Human3.6M-17, "
    "Plug-in Gait joint centres; 2 s or more, 15 frames per second or more; seen from any side)",
    "inertial": "accelerometer and gyroscope of one or more sensors worn at lower back, chest, thigh, "
    "shank, ankle, foot or wrist, in any orientation (2 s or more, 15 samples per second or more)",
}


def write_model_card(path: str | Path, estimator: GaitEstimator, errors: pd.DataFrame, command: str) -> Path:
    """Write the model card as Markdown."""
    about, kind = estimator.provenance, estimator.config.kind
    n_weights = sum(p.numel() for p in estimator.network.parameters())
    clips = f"{estimator.config.n_clips} clips"
    if estimator.config.pretrain_clips:
        clips += f" after masked sequence modelling on {estimator.config.pretrain_clips}"
    lines = [
        f"# Model card: gait estimator, {kind}",
        "",
        f"Reads {_READS[kind]} and gives speed, step length, step time, cadence, stance and double support, "
        f"asymmetry, stride-time variability and the activity of 18 muscles over the stride, with "
        f"{estimator.calibration.level:.0%} intervals, or abstains and says why.",
        "",
        f"- Weights: {n_weights}, made by `{command}`, seed {about.get('seed')}",
        f"- Trained on {about.get('trained_on')}: {about.get('n_library_gaits')} simulated gaits"
        f" and {about.get('n_generated_gaits')} generated ones, {clips}",
        f"- Library release learned from: `{about.get('library')}`; the generator's: "
        f"`{about.get('generator_library') or 'none'}`",
        f"- Held out for calibration and the table below: {about.get('n_held_out_gaits')} gaits of other "
        "simulated people",
        "- No recording of a real person was used to train it or to set its intervals; what was decided "
        "after looking at real people is listed in the book (Decisions)",
        "- Muscle activity is that of the simulation (effort-minimal, planar body), not EMG of people",
        "- Not for: running, treadmills that change speed, walking aids that hide the legs, turns, several "
        "people in one clip, diagnosis",
        "",
        "## Errors on held-out simulated people",
        "",
        f"| {'view' if kind == 'keypoints' else 'site'} | outcome | clips | answered | mean absolute error "
        "| bias | coverage |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in summarise_errors(errors).to_dict("records"):
        factor, unit, digits = _SCALE.get(row["outcome"], _SHARE)
        lines.append(
            f"| {row['view']} | {row['outcome']} | {row['n']} | {row['answered']:.0%} | "
            f"{factor * row['mae']:.{digits}f} {unit} | {factor * row['bias']:+.{digits}f} {unit} | "
            f"{row['coverage']:.0%} |"
        )
    lines += ["", "Simulated people are not real people: the errors on real people are in the book.", ""]
    path = Path(path)
    path.write_text("\n".join(lines), encoding="utf-8")
    return path
