"""What chapters 2 and 3 do: hold simulated people out, train on the others, put the errors into tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.simulate.library import Curves, hash_gaits

_MEASURES = {
    ("joint_speed_mae", "all"): ("Speed that the joints make, uncorrected (m/s)", 3),
    ("outcome_mae", "stance_share"): ("Stance phase (share of the stride)", 3),
    ("outcome_mae", "double_support_share"): ("Double support (share of the stride)", 3),
    ("open_stride_time", "wasserstein"): ("Stride times left open, distance of distributions (SD)", 2),
    ("curve_rmse", "position"): ("Joint angles, RMS (°)", 1),
    ("curve_rmse", "ground_force"): ("Ground force, RMS (body weights)", 2),
    ("curve_rmse", "activation"): ("Muscle activation, RMS (0 to 1)", 3),
    ("wasserstein", "position"): ("Distance of distributions, joint angles (SD)", 2),
    ("wasserstein", "activation"): ("Distance of distributions, activation (SD)", 2),
    ("wasserstein", "ground_force"): ("Distance of distributions, ground force (SD)", 2),
    ("precision", "all"): ("Precision", 2),
    ("recall", "all"): ("Recall", 2),
    ("density", "all"): ("Density (1 is best)", 2),
    ("coverage", "all"): ("Coverage", 2),
    ("neighbour_ratio", "all"): ("Novelty: distance to nearest training gait, relative (1 is best)", 2),
    ("copied_share", "all"): ("Share of copies of training gaits", 2),
}
_OUTCOMES = {
    "speed_mps": ("Speed", "m/s", 1.0, 3),
    "step_length_m": ("Step length", "cm", 100.0, 1),
    "step_time_s": ("Step time", "s", 1.0, 3),
    "stance_share": ("Stance", "% of the stride", 100.0, 1),
    "double_support_share": ("Double support", "% of the stride", 100.0, 1),
    "step_time_asymmetry": ("Step time asymmetry", "%", 100.0, 1),
    "step_length_asymmetry": ("Step length asymmetry", "%", 100.0, 1),
    "stride_time_cv": ("Stride time variability", "%", 100.0, 1),
}
_MAIN = ("speed_mps", "step_length_m", "step_time_s")


@dataclass(frozen=True)
class Split:
    """A library split by person: those learned from, and those held out of all learning; and its hash."""

    training: Curves
    held_out: Curves
    release: str = ""


def split_library(table: pd.DataFrame, gaits: xr.Dataset, held_out_share: float, seed: int) -> Split:
    """Split the verified gaits by person, the same way for generator and estimator."""
    from gaitlib.estimate.synthetic_training import split_people
    from gaitlib.generate.learnable_gaits import select_verified

    table, gaits = select_verified(table, gaits)
    training, calibration, test = split_people(table, held_out_share, seed)
    others = np.sort(np.concatenate([calibration, test]))
    parts = [
        (table.iloc[rows].reset_index(drop=True), gaits.isel(gait=rows))
        for rows in (np.sort(training), others)
    ]
    return Split(*parts, hash_gaits(table["gait_id"].to_list()))


def list_held_out_gaits(
    table: pd.DataFrame, gaits: xr.Dataset, held_out_share: float, seed: int
) -> list[str]:
    """List the gaits of people that the estimator has not learned from; half of them set its intervals."""
    return split_library(table, gaits, held_out_share, seed).held_out[0]["gait_id"].to_list()


def train_generators(
    split: Split, settings: dict, seed: int, checkpoints: Path, rival_steps: int = 1500
) -> dict:
    """Train the flow and the generators that it must beat, on the training people."""
    from gaitlib.generate.flow import GaitGenerator
    from gaitlib.generate.generator_baselines import (
        AutoencoderGenerator,
        LinearGaussianGenerator,
        NeighbourGenerator,
    )

    flow = GaitGenerator().fit(
        *split.training, settings, seed, checkpoints, monitor=split.held_out, release=split.release
    )
    models = {"flow": flow}
    models["nearest gait + noise"] = NeighbourGenerator().fit(*split.training, settings)
    models["autoencoder"] = AutoencoderGenerator(rival_steps, seed).fit(*split.training, settings)
    models["linear Gaussian"] = LinearGaussianGenerator().fit(*split.training, settings)
    return models


def format_fidelity(fidelity: pd.DataFrame) -> pd.DataFrame:
    """Format the fidelity of generators for print."""
    from gaitlib.generate.generator_diagnostics import summarise_fidelity

    wide = summarise_fidelity(fidelity).set_index(["measure", "part"])
    models = [name for name in wide.columns if name not in ("unit", "solved")]
    rows = []
    for key, (title, decimals) in _MEASURES.items():
        if key in wide.index:
            line = wide.loc[key]
            rows.append({"Measure": title} | {name: _format(line[name], decimals) for name in models})
    return pd.DataFrame(rows)


def get_fidelity(fidelity: pd.DataFrame, model: str, measure: str, part: str) -> float:
    """Get one number from a fidelity table."""
    found = fidelity.query("model == @model and measure == @measure and part == @part")["value"]
    return float(found.iloc[0])


def format_checks(summary: pd.DataFrame) -> pd.DataFrame:
    """Format plausibility checks for print."""
    units = {"deg": "°", "1": ""}

    def show(row, name: str) -> str:
        value = getattr(row, name)
        if not np.isfinite(value):
            return "–"
        text = f"{round(value, 4) + 0.0:.3g}".replace("-", "\u2212")
        return f"{text}{units.get(row.unit, ' ' + row.unit)}"

    return pd.DataFrame(
        [
            {
                "Check": "all of them" if row.check == "all" else str(row.check).replace("_", " "),
                "Passed": f"{row.passed_share:.1%}",
                "Median": show(row, "median"),
                "95th percentile": show(row, "p95"),
                "Limit": show(row, "limit"),
            }
            for row in summary.itertuples()
        ]
    )


def format_errors(summary: pd.DataFrame, title_of_view: str = "View") -> pd.DataFrame:
    """Format errors on held-out synthetic people for print."""
    rows = []
    for outcome, (title, unit, factor, decimals) in _OUTCOMES.items():
        for row in summary[summary["outcome"] == outcome].itertuples():
            rows.append(
                {
                    "Outcome": f"{title} ({unit})",
                    title_of_view: str(row.view).replace("_", " "),
                    "Clips": f"{row.n}",
                    "Answered": f"{row.answered:.0%}",
                    "MAE": _format(factor * row.mae, decimals),
                    "Bias": _format(factor * row.bias, decimals),
                    "Truth inside the 90 % interval": _format_share(row.coverage),
                    "Width of the interval": _format(factor * row.width, decimals),
                }
            )
    return pd.DataFrame(rows)


def format_activation(errors: dict) -> pd.DataFrame:
    """Format the errors of muscle activity for print."""
    return pd.DataFrame(
        [
            {
                "Muscle group": name.replace("_", " "),
                "RMS error": _format(row["rms"], 3),
                "RMS error of the mean curve": _format(row["rms_of_mean"], 3),
                "Truth inside the 90 % interval": _format_share(row["coverage"]),
            }
            for name, row in errors.items()
        ]
    )


def _format(value: float, decimals: int) -> str:
    from gaitlib.evaluate.inputs import format_number

    return format_number(value, decimals)


def _format_share(value: float) -> str:
    return f"{value:.0%}" if np.isfinite(value) else "–"


def choose_typical(table: pd.DataFrame, n_gaits: int = 12) -> pd.DataFrame:
    """Choose gaits near the median speed."""
    distance = (table["speed_mps"] - table["speed_mps"].median()).abs()
    return table.iloc[distance.argsort(kind="stable")[:n_gaits]].reset_index(drop=True)


def summarise_overall(errors: pd.DataFrame) -> dict:
    """Summarise errors on held-out synthetic people over all views."""
    answered = errors[errors["status"] == "ok"]
    error = answered["estimate"] - answered["reference"]
    inside = (answered["reference"] >= answered["lower"]) & (answered["reference"] <= answered["upper"])
    found: dict = {
        outcome: {"mae": float(part.abs().mean()), "bias": float(part.mean())}
        for outcome, part in error.groupby(answered["outcome"])
    }
    return found | {"answered": float((errors["status"] == "ok").mean()), "coverage": float(inside.mean())}


def list_error_columns(history: pd.DataFrame) -> dict[str, str]:
    """List the columns of a training history that hold errors, with their labels."""
    found = {}
    for outcome in _MAIN:
        title = _OUTCOMES[outcome][0]
        columns = [name for name in history if outcome in str(name)]
        found |= {name: title.lower() for name in columns[:1]}
    return found or {"loss": "loss"}
