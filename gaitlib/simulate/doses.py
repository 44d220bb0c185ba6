"""One person, one impairment at a time, five levels: what each parameter does to a gait (dose and response).

The person is the typical adult at 1.2 m/s; the cost chooses the stride time, so that cadence and step length
may answer too. Impairments of one side are solved as whole strides without symmetry.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.body.kinematics import compute_sagittal_points
from gaitlib.events import CONTACT_N
from gaitlib.person import Impairment
from gaitlib.schema import read_yaml
from gaitlib.simulate.plan import TYPICAL_ADULT
from gaitlib.simulate.request import GaitRequest

SPEED_MPS = 1.2
N_LEVELS = 5


@dataclass(frozen=True)
class Dose:
    """An impairment that grows; a level x means, for each part of the impairment, a + b x."""

    title: str
    unit: str
    levels: tuple[float, ...]
    parts: dict[str, tuple[float, float]]
    kind: str = "half"

    def make_request(self, level: float) -> GaitRequest:
        """Make the request of a level."""
        impairment: dict = {}
        for name, (start, slope) in self.parts.items():
            part, _, group = name.partition(".")
            value = start + slope * level
            impairment[part] = impairment.get(part, {}) | {group: value} if group else value
        return GaitRequest(TYPICAL_ADULT, SPEED_MPS, Impairment(**impairment), cohort="doses", kind=self.kind)


def _read_dose(title: str, unit: str, levels: list, parts: dict | str, kind: str = "half") -> Dose:
    parts = {name: (0, 1) for name in parts.split()} if isinstance(parts, str) else parts
    return Dose(title, unit, tuple(round(float(x), 3) for x in np.linspace(*levels, N_LEVELS)), parts, kind)


_TABLES = read_yaml(Path(__file__).with_name("doses.yaml"), "table of doses")
DOSES = {name: _read_dose(**dose) for name, dose in _TABLES["doses"].items()}
"""Every part of an impairment, and Parkinson's settings together."""
SIGNS = tuple(tuple(sign) for sign in _TABLES["signs"])
"""Known clinical signs: dose, measure, direction wanted with growing dose, and words."""


def collect_dose(table: pd.DataFrame, name: str) -> list[tuple[float, str]]:
    """Find the verified gaits of a dose."""
    dose = DOSES[name]
    verified = set(table.loc[table["verified"].astype(bool), "gait_id"])
    found = [(level, dose.make_request(level).gait_id) for level in dose.levels]
    return [(level, gait_id) for level, gait_id in found if gait_id in verified]


def measure_signs(gait: xr.Dataset) -> dict[str, float]:
    """Measure what clinical signs are told by, in one gait."""
    position = np.degrees(gait["position"])

    def angle(name: str) -> np.ndarray:
        return position.sel(coordinate=name).values[:-1]

    right, left = (
        gait["ground_force"].sel(foot=foot, axis="y").values[:-1] > CONTACT_N for foot in ("r", "l")
    )
    prints = _find_footprints(gait, right, left)
    stride_m = float(gait["stride_time_s"] * gait["speed_mps"])
    trunk = angle("pelvis_tilt") + angle("lumbar_extension")
    return {
        "smallest_hip": float(angle("hip_flexion_r").min()),
        "anterior_tilt": float(-angle("pelvis_tilt").mean()),
        "stance_knee": float(angle("knee_angle_r")[right].min()),
        "knee_at_contact": float(angle("knee_angle_r")[0]),
        "ankle_at_contact": float(angle("ankle_angle_r")[0]),
        "stance_dorsiflexion": float(angle("ankle_angle_r")[right].max()),
        "swing_dorsiflexion": float(angle("ankle_angle_r")[~right].mean()),
        "swing_knee": float(angle("knee_angle_r")[~right].max()),
        "left_step_m": (prints[1] - prints[0]) % stride_m,
        "right_step_m": (prints[0] - prints[1]) % stride_m,
        "cadence_spm": 120.0 / float(gait["stride_time_s"]),
        "double_support_share": float(np.mean(right & left)),
        "trunk_lean_deg": float(-trunk.mean()),
    }


def _find_footprints(gait: xr.Dataset, right: np.ndarray, left: np.ndarray) -> tuple[float, float]:
    """Place of each heel where it rests, modulo one stride: the median of the slowest fifth of stance."""
    points = compute_sagittal_points(gait["position"].values[:-1], compute_dimensions(TYPICAL_ADULT))
    places = []
    for foot, stands in (("r", right), ("l", left)):
        heel = points[f"heel_{foot}"]
        speed = np.linalg.norm(np.roll(heel, -1, axis=0) - heel, axis=1)
        speed[~stands | (np.arange(len(heel)) == len(heel) - 1)] = np.inf
        slowest = np.argsort(speed)[: max(3, int(stands.sum()) // 5)]
        places.append(float(np.median(heel[slowest, 0])))
    return places[0], places[1]


def check_signs(table: pd.DataFrame, gaits: xr.Dataset) -> pd.DataFrame:
    """Check whether known clinical signs emerge."""
    rows = []
    for name, measure, wanted, words in SIGNS:
        levels = collect_dose(table, name)
        values = [measure_signs(gaits.sel(gait=gait_id))[measure] for _, gait_id in levels]
        slope = np.polyfit(np.arange(len(values)), values, 1)[0] if len(values) > 1 else np.nan
        found = "rises" if slope > 0 else "falls" if slope < 0 else "not evaluated"
        first, last = (values[0], values[-1]) if values else (np.nan, np.nan)
        rows.append((words, name, measure, wanted, first, last, len(values), found, found == wanted))
    names = ["sign", "dose", "measure", "wanted", "healthy", "largest", "levels", "found", "met"]
    return pd.DataFrame(rows, columns=names)
