"""One person, one impairment at a time, five levels: what each parameter does to a gait (dose and response).

The person is the typical adult at 1.2 m/s; the cost chooses the stride time, so that cadence and step length
may answer too. Impairments of one side are solved as whole strides without symmetry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.body.kinematics import compute_sagittal_points
from gaitlib.person import Impairment
from gaitlib.simulate.plan import TYPICAL_ADULT
from gaitlib.simulate.request import GaitRequest

SPEED_MPS = 1.2
_CONTACT_N = 20.0
N_LEVELS = 5


@dataclass(frozen=True)
class Dose:
    """An impairment that grows: title, unit of a level, levels from none to most, what a level means."""

    title: str
    unit: str
    levels: tuple[float, ...]
    make: Callable[[float], dict]
    kind: str = "half"

    def make_request(self, level: float) -> GaitRequest:
        """Make the request of a level."""
        impairment = Impairment(**self.make(level))
        return GaitRequest(TYPICAL_ADULT, SPEED_MPS, impairment, cohort="doses", kind=self.kind)


def _levels(first: float, last: float) -> tuple[float, ...]:
    return tuple(round(float(x), 3) for x in np.linspace(first, last, N_LEVELS))


def _weaken(title: str, group: str, last: float, kind: str = "half") -> Dose:
    return Dose(title, "strength left", _levels(1, last), lambda x: {"weakness": {group: x}}, kind)


def _tighten(title: str, group: str, last: float) -> Dose:
    return Dose(title, "fibre length left", _levels(1, last), lambda x: {"contracture": {group: x}})


def _limit(title: str, joint: str, last: float) -> Dose:
    return Dose(title, "degrees lost", _levels(0, last), lambda x: {"limit": {joint: x}})


def _excite(title: str, groups: tuple[str, ...], last: float) -> Dose:
    return Dose(title, "reflex gain", _levels(0, last), lambda x: {"spasticity": dict.fromkeys(groups, x)})


def _raise(title: str, unit: str, part: str, last: float) -> Dose:
    return Dose(title, unit, _levels(0, last), lambda x: {part: x})


DOSES = {
    "weak_calf": _weaken("Weak plantarflexors, right", "plantarflexors_r", 0.3, "stride"),
    "weak_dorsiflexors": _weaken("Weak dorsiflexors, right", "dorsiflexors_r", 0.1, "stride"),
    "weak_knee_extensors": _weaken("Weak knee extensors", "knee_extensors", 0.2),
    "weak_hip_flexors": _weaken("Weak hip flexors", "hip_flexors", 0.3),
    "weak_hip_extensors": _weaken("Weak hip extensors", "hip_extensors", 0.3),
    "tight_gastroc": _tighten("Gastrocnemius contracture", "gastroc", 0.7),
    "tight_soleus": _tighten("Soleus contracture", "soleus", 0.8),
    "tight_hamstrings": _tighten("Hamstring contracture", "hamstrings", 0.7),
    "tight_iliopsoas": _tighten("Iliopsoas contracture", "iliopsoas", 0.7),
    "tight_rect_fem": _tighten("Rectus femoris contracture", "rect_fem", 0.7),
    "spastic_calf": _excite("Spastic calf", ("gastroc", "soleus"), 2.0),
    "spastic_rect_fem": _excite("Spastic rectus femoris", ("rect_fem",), 2.5),
    "spastic_hamstrings": _excite("Spastic hamstrings", ("hamstrings",), 2.0),
    "coactivation": _raise("Co-activation", "share of the antagonist", "coactivation", 0.4),
    "rigidity": _raise("Rigidity", "0-1", "rigidity", 1.0),
    "bradykinesia": _raise("Bradykinesia", "0-0.7", "bradykinesia", 0.6),
    "stoop": _raise("Stooped trunk", "degrees", "stoop_deg", 35.0),
    "balance": _raise("Balance margin", "0-1", "balance_margin", 1.0),
    "limit_hip": _limit("Hip flexion contracture", "hip", 40.0),
    "limit_knee": _limit("Knee flexion contracture", "knee", 50.0),
    "lax_knee": Dose(
        "Lax knee with a weak calf",
        "degrees gained",
        _levels(0, 15),
        lambda x: {"limit": {"knee": -x}, "weakness": {"plantarflexors": 1 - 0.05 * x}},
    ),
    "limit_ankle": _limit("Equinus contracture", "ankle", 45.0),
    "tone_calf": Dose(
        "Overactive calf",
        "least activation",
        _levels(0, 0.25),
        lambda x: {"tone": {"gastroc": x, "soleus": x}},
    ),
    "tilt": _raise("Anterior pelvic tilt sought", "degrees", "tilt_deg", 20.0),
    "parkinsons": Dose(
        "Parkinson's settings together",
        "0-1",
        _levels(0, 1),
        lambda x: {"rigidity": 0.5 * x, "bradykinesia": 0.5 * x, "stoop_deg": 15.0 * x},
    ),
}
"""Every part of an impairment, and Parkinson's settings together."""


def collect_dose(table: pd.DataFrame, name: str) -> list[tuple[float, str]]:
    """Find the verified gaits of a dose."""
    dose = DOSES[name]
    verified = set(table.loc[table["verified"].astype(bool), "gait_id"])
    found = [(level, dose.make_request(level).gait_id) for level in dose.levels]
    found = [(level, gait_id) for level, gait_id in found if gait_id in verified]
    return found


def measure_signs(gait: xr.Dataset) -> dict[str, float]:
    """Measure what clinical signs are told by, in one gait."""
    position = np.degrees(gait["position"])

    def angle(name: str) -> np.ndarray:
        return position.sel(coordinate=name).values[:-1]

    right, left = (
        gait["ground_force"].sel(foot=foot, axis="y").values[:-1] > _CONTACT_N for foot in ("r", "l")
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


SIGNS = (
    ("weak_calf", "left_step_m", "falls", "Weak calf shortens the opposite step"),
    ("weak_calf", "stance_dorsiflexion", "rises", "Weak calf lets the shin fall forward in stance"),
    ("tight_gastroc", "ankle_at_contact", "falls", "Gastrocnemius contracture: equinus at contact"),
    ("tight_hamstrings", "knee_at_contact", "rises", "Hamstring contracture: flexed knee at contact"),
    ("weak_dorsiflexors", "swing_dorsiflexion", "falls", "Weak dorsiflexors: the foot drops in swing"),
    ("spastic_rect_fem", "swing_knee", "falls", "Spastic rectus femoris: stiff knee in swing"),
    ("limit_hip", "smallest_hip", "rises", "Hip flexion contracture: the hip does not extend"),
    ("limit_hip", "anterior_tilt", "rises", "Hip flexion contracture: the pelvis tilts forward"),
    ("limit_knee", "stance_knee", "rises", "Knee flexion contracture: crouch in stance"),
    ("lax_knee", "stance_knee", "falls", "Lax knee with a weak calf: recurvatum"),
    ("limit_ankle", "ankle_at_contact", "falls", "Equinus contracture: the toes land first"),
    ("tone_calf", "swing_dorsiflexion", "falls", "Overactive calf: equinus in swing"),
    ("tilt", "anterior_tilt", "rises", "Anterior tilt that is sought is found"),
    ("parkinsons", "left_step_m", "falls", "Parkinson's settings shorten the step at equal speed"),
    ("parkinsons", "cadence_spm", "rises", "Parkinson's settings raise the cadence at equal speed"),
    ("stoop", "trunk_lean_deg", "rises", "Stoop: the trunk leans forward"),
    ("balance", "double_support_share", "rises", "Balance margin: longer double support"),
)
"""Known clinical signs: dose, measure, direction wanted with growing dose, and words."""


def check_signs(table: pd.DataFrame, gaits: xr.Dataset) -> pd.DataFrame:
    """Check whether known clinical signs emerge."""
    rows = []
    for name, measure, wanted, words in SIGNS:
        levels = collect_dose(table, name)
        values = [measure_signs(gaits.sel(gait=gait_id))[measure] for _, gait_id in levels]
        slope = np.polyfit(np.arange(len(values)), values, 1)[0] if len(values) > 1 else np.nan
        found = "rises" if slope > 0 else "falls" if slope < 0 else "not evaluated"
        rows.append(
            {
                "sign": words,
                "dose": name,
                "measure": measure,
                "wanted": wanted,
                "healthy": values[0] if values else np.nan,
                "largest": values[-1] if values else np.nan,
                "levels": len(values),
                "found": found,
                "met": found == wanted,
            }
        )
    return pd.DataFrame(rows)
