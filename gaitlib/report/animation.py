"""Gaits as walking skeletons: one piece of HTML that plays offline, in the book and on a phone."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.body.dimensions import Dimensions, compute_dimensions
from gaitlib.body.kinematics import compute_sagittal_points
from gaitlib.gait import COORDINATES, MUSCLE_GROUPS, SIDES
from gaitlib.person import Impairment, parse_person, unflatten_impairment

_GRAVITY = 9.80665
_HEALTHY = Impairment().flatten()
_STYLE = """
.walkers { border: 1px solid #d8dee4; border-radius: 6px; padding: 0.5rem; max-width: 46rem; }
.walkers .stage { display: flex; flex-wrap: wrap; gap: 0.5rem; }
.walkers .panel { flex: 1 1 15rem; min-width: 0; }
.walkers .panel strong { display: block; font-size: 0.9rem; line-height: 1.3; }
.walkers canvas { display: block; width: 100%; height: 19rem; }
.walkers .controls { display: flex; flex-wrap: wrap; gap: 0.6rem; align-items: center; font-size: 0.9rem; }
.walkers button { min-width: 5rem; min-height: 2.4rem; }
.walkers input { flex: 1 1 8rem; min-width: 6rem; }
.walkers .scale { display: inline-block; width: 6rem; height: 0.7rem; vertical-align: middle;
  background: linear-gradient(90deg, #d6dbe2, #facc5a 15%, #e2542c 40%, #800026); }
"""


@dataclass(frozen=True)
class Walker:
    """One gait to show: a title, the Gait, and the person's segment lengths and mass."""

    title: str
    gait: xr.Dataset
    dimensions: Dimensions
    mass_kg: float


def choose_walkers(table: pd.DataFrame, gaits: xr.Dataset, example: pd.Series) -> list[Walker]:
    """Choose a gait and its most different companion at about the same speed."""
    near = table[table["verified"].astype(bool) & (table["speed_mps"] - example["speed_mps"]).abs().lt(0.15)]
    hindered = (near[list(_HEALTHY)].astype(float) - pd.Series(_HEALTHY)).abs().sum(axis=1).idxmax()
    return [_make_walker(row, gaits) for row in (example, near.loc[hindered])]


def _make_walker(row: pd.Series, gaits: xr.Dataset) -> Walker:
    person = parse_person({key: row[key] for key in ("age_years", "sex", "height_m", "mass_kg")})
    title = f"{person.age_years:.0f} years, {person.height_m:.2f} m, {row['speed_mps']:.2f} m/s"
    title += f"; {unflatten_impairment(row).describe()}"
    return Walker(title, gaits.sel(gait=row["gait_id"]), compute_dimensions(person), person.mass_kg)


def build_animation(walkers: Sequence[Walker], name: str = "walkers") -> str:
    """Build the animation of gaits side by side."""
    script = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
    data = json.dumps([_pack(walker) for walker in walkers], separators=(",", ":"))
    script = script.replace("DATA;", f"{data};", 1).replace('"ID"', json.dumps(name), 1)
    panels = "".join(
        f'<div class="panel"><strong>{html.escape(walker.title)}</strong>'
        f'<canvas role="img" aria-label="Walking skeleton: {html.escape(walker.title, quote=True)}"></canvas>'
        "</div>"
        for walker in walkers
    )
    return (
        f'<style>{_STYLE}</style><div class="walkers" id="{html.escape(name, quote=True)}">'
        f'<div class="stage">{panels}</div><div class="controls"><button type="button">Play</button>'
        '<input type="range" min="0" max="100" step="0.5" value="0" aria-label="Share of the stride">'
        '<label>Speed <select><option value="1">1</option><option value="0.5" selected>1/2</option>'
        '<option value="0.2">1/5</option></select></label>'
        '<span>muscles: activation 0 <span class="scale"></span> 1</span>'
        "<span>blue right leg, orange left leg, green force of the ground</span></div></div>"
        f"<script>{script}</script>"
    )


def compute_pressure_centre(gait: xr.Dataset, dimensions: Dimensions) -> np.ndarray:
    """Estimate where the ground force acts under each foot; shape (101, 2), m.

    The foot's own mass is neglected: the ground force's moment about the ankle balances the ankle moment.
    """
    points = compute_sagittal_points(gait["position"].values, dimensions)
    centre = np.zeros((gait.sizes["phase"], 2))
    for column, side in enumerate(SIDES):
        ankle = points[f"ankle_{side}"]
        force = gait["ground_force"].sel(foot=side).values
        moment = gait["joint_moment"].sel(coordinate=f"ankle_angle_{side}").values
        loaded = force[:, 1] > 20.0
        ahead = -(moment + ankle[:, 1] * force[:, 0]) / np.where(loaded, force[:, 1], 1.0)
        ends = np.sort([points[f"heel_{side}"][:, 0], points[f"toe_{side}"][:, 0]], axis=0)
        centre[:, column] = np.where(loaded, np.clip(ankle[:, 0] + ahead, *ends), ankle[:, 0])
    return centre


def _pack(walker: Walker) -> dict:
    """Numbers of one gait as integers: points and places in mm, forces in % of body weight."""
    gait = walker.gait
    position = gait["position"].values
    forward = position[:, COORDINATES.index("pelvis_tx")]
    points = compute_sagittal_points(position, walker.dimensions)
    centre = compute_pressure_centre(gait, walker.dimensions)
    share = 100 * gait["ground_force"].values / (walker.mass_kg * _GRAVITY)
    force = np.concatenate([share[:, :, :2], 1000 * centre[:, :, None]], axis=2)
    activation = 100 * gait["activation"].values
    length = float(forward[-1] - forward[0])
    return {
        "height_m": round(walker.dimensions.height_m, 3),
        "stride_s": round(float(gait["stride_time_s"]), 4),
        "length_m": round(length, 4),
        "start_m": round(float((forward - length * np.linspace(0, 1, len(forward))).mean()), 4),
        "points": [[name, _round(1000 * values)] for name, values in points.items()],
        "force": {side: _round(force[:, column]) for column, side in enumerate(SIDES)},
        "muscles": list(MUSCLE_GROUPS),
        "activation": {
            side: _round(
                activation[:, [list(gait["muscle"].values).index(f"{m}_{side}") for m in MUSCLE_GROUPS]]
            )
            for side in SIDES
        },
    }


def _round(values: np.ndarray) -> list[int]:
    return np.rint(values).astype(int).ravel().tolist()
