"""The model card of a generator: what it is, what it learned from, how faithful it is."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from gaitlib.generate.conditions import BASE_CONDITIONS
from gaitlib.generate.flow import GaitGenerator
from gaitlib.generate.generator_diagnostics import summarise_fidelity

_LINES = {
    ("curve_rmse", "position"): "joint angles, RMS",
    ("curve_rmse", "ground_force"): "ground force, RMS",
    ("curve_rmse", "activation"): "muscle activation, RMS",
    ("joint_speed_mae", "all"): "speed that the joints make before correction, mean absolute error",
    ("outcomes_met", "all"): "speed, step length and step time within 2 % of those asked for",
    ("slip", "p95"): "slip of the standing foot, 95th percentile",
    ("neighbour_ratio", "all"): "novelty (distance to the nearest gait learned from, relative)",
}


def write_generator_card(path: str | Path, flow: GaitGenerator, fidelity: pd.DataFrame, command: str) -> Path:
    """Write the model card as Markdown."""
    path = Path(path)
    weights = path.with_suffix(".safetensors")
    digest = hashlib.sha256(weights.read_bytes()).hexdigest() if weights.is_file() else "not written"
    impaired = [name for name in flow.representation.conditions.names if name not in BASE_CONDITIONS]
    n_weights = sum(p.numel() for p in flow.network.parameters())
    lines = [
        "# Model card: gait generator",
        "",
        "Conditional flow matching over a stride: coordinates, muscle activations, ground forces, joint "
        "moments and stride time, given any part of age, sex, height, mass, speed, stride time and "
        "impairment. Periodic and left-right mirror symmetric by construction.",
        "",
        f"- Weights: {n_weights:,}, made by `{command}`, seed {flow.seed}",
        f"- File: {weights.name}, SHA-256 `{digest}`; safetensors, no pickle",
        f"- Learned from {len(flow.gait_ids)} simulated gaits of library release `{flow.release}`; no "
        "recording of a person",
        f"- Impairments that vary in them: {', '.join(impaired) or 'none'}",
        "- Not for: running, turning, standing, people outside the library's range, diagnosis",
        "",
        f"## Against solved gaits of held-out simulated people ({fidelity['n_people'].iloc[0]} people, "
        f"{fidelity['n_gaits'].iloc[0]} gaits)",
        "",
        "| measure | value | unit |",
        "|---|---|---|",
    ]
    found = summarise_fidelity(fidelity).set_index(["measure", "part"])
    lines += [f"| {text} | {found.loc[key, 'flow']:.3g} | {found.loc[key, 'unit']} |"
              for key, text in _LINES.items()]  # fmt: skip
    lines += ["", "Generated people are not real people: nothing here was measured.", ""]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path
