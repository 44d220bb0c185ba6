"""Could a body walk a generated stride, and does it do what was asked? Strides that fail are drawn again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.errors import InputError
from gaitlib.gait import COORDINATES, GRAVITY_MPS2, TRANSLATIONS
from gaitlib.generate.foot_contact import measure_foot_contact
from gaitlib.generate.representation import compute_travel, compute_units
from gaitlib.outcomes import compute_gait_outcomes
from gaitlib.person import Person

if TYPE_CHECKING:
    from gaitlib.generate.flow import GaitGenerator

OUTCOME_NAMES = ("speed_mps", "step_length_m", "step_time_s", "stance_share", "double_support_share")
ASKED_NAMES = OUTCOME_NAMES[:3]
"""Outcomes that speed and stride time prescribe."""
OUTCOME_TOLERANCE = 0.02
"""They may differ by this share from what was asked for."""

_PERSON = list(Person.model_fields)


def compute_outcomes(table: pd.DataFrame, gaits: xr.Dataset) -> pd.DataFrame:
    """Compute the outcomes of strides from their curves."""
    rows = []
    for index, person in enumerate(table[_PERSON].to_dict("records")):
        gait = gaits.isel(gait=index).drop_vars("gait")
        outcomes = compute_gait_outcomes(gait, compute_dimensions(Person.model_construct(**person)))
        rows.append({name: outcomes[name] for name in OUTCOME_NAMES})
    return pd.DataFrame(rows, index=table.index)


def compare_with_asked(table: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    """Compare outcomes of the curves with speed and stride time that were asked for."""
    speed, time = table["speed_mps"], 0.5 * table["stride_time_s"]
    asked = pd.DataFrame({"speed_mps": speed, "step_length_m": speed * time, "step_time_s": time})
    return (outcomes[list(ASKED_NAMES)] / asked - 1.0).abs()


MAX_SLIP_M = 0.010
MAX_KNEE_EXTENSION_DEG = 5.0
MAX_FORCE_IMBALANCE = 0.02
MAX_TRAVEL_ERROR = 0.01
RANGE_MARGIN = 0.15


@dataclass(frozen=True)
class LibraryLimits:
    """What the solved gaits of a library keep.

    `lowest` and `highest` hold the extremes of each coordinate (rad, or share of body height), `sink_share`
    the deepest sole (1st percentile, share of body height), `peak_force` the highest vertical force on one
    foot (99th percentile, body weights), `slip_m` the 99th percentile of the slip, `knee_extension_deg` that
    of the hyperextension of the knee, at least `MAX_KNEE_EXTENSION_DEG`.
    """

    lowest: np.ndarray
    highest: np.ndarray
    sink_share: float
    peak_force: float
    slip_m: float
    knee_extension_deg: float


def measure_limits(table: pd.DataFrame, gaits: xr.Dataset) -> LibraryLimits:
    """Measure the limits that solved gaits keep; isolated ones are left out before (`select_learnable`)."""
    scaled = _scale_position(table, gaits)
    soles = measure_foot_contact(table, gaits)
    return LibraryLimits(
        lowest=scaled.min(axis=(0, 1)),
        highest=scaled.max(axis=(0, 1)),
        sink_share=float(min(np.percentile(soles["lowest_m"] / table["height_m"].to_numpy(), 1), 0.0)),
        peak_force=float(np.percentile(_compute_peak_force(table, gaits), 99)),
        slip_m=float(np.percentile(soles["slip_m"], 99)),
        knee_extension_deg=max(
            MAX_KNEE_EXTENSION_DEG, float(np.percentile(_compute_hyperextension(gaits), 99))
        ),
    )


def check_gaits(table: pd.DataFrame, gaits: xr.Dataset, limits: LibraryLimits) -> pd.DataFrame:
    """Check generated strides."""
    if len(table) != gaits.sizes.get("gait", 0):
        raise InputError(
            f"check_gaits: found {len(table)} rows and {gaits.sizes.get('gait', 0)} gaits; expected as many."
        )
    height = table["height_m"].to_numpy(dtype=float)
    soles = measure_foot_contact(table, gaits)
    vertical = gaits["ground_force"].sel(axis="y").to_numpy()[:, :-1].sum(axis=2).mean(axis=1)
    weight = table["mass_kg"].to_numpy(dtype=float) * GRAVITY_MPS2
    lowest_force = gaits["ground_force"].sel(axis="y").to_numpy().min(axis=(1, 2)) / weight
    wanted = (table["speed_mps"] * table["stride_time_s"]).to_numpy(dtype=float)
    excess, worst = _find_range_excess(_scale_position(table, gaits), limits)
    checks = [
        ("knee_hyperextension", _compute_hyperextension(gaits), limits.knee_extension_deg, "degrees",
         "the knee bends backwards"),
        ("sinking", -soles["lowest_m"].to_numpy(), 1.1 * -limits.sink_share * height + 0.002, "m",
         "the sole lies deeper in the floor than in solved gaits"),
        ("slipping", soles["slip_m"].to_numpy(), MAX_SLIP_M, "m", "the standing foot slides"),
        ("force_balance", np.abs(vertical / weight - 1.0), MAX_FORCE_IMBALANCE, "body weights",
         "the mean vertical force is not the body weight"),
        ("pulling", -lowest_force, 0.01, "body weights", "the ground pulls the foot down"),
        ("peak_force", _compute_peak_force(table, gaits), 1.2 * limits.peak_force, "body weights",
         "the vertical force peak is higher than in solved gaits"),
        ("travel", np.abs(compute_travel(gaits) / wanted - 1.0), MAX_TRAVEL_ERROR, "share of the way",
         "the pelvis does not travel speed x stride time"),
        ("library_range", excess, RANGE_MARGIN, "share of the range", "outside the range of the library"),
    ]  # fmt: skip
    rows = []
    for name, value, limit, unit, reason in checks:
        limit = np.broadcast_to(np.asarray(limit, dtype=float), value.shape)
        passed = value <= limit
        words = [f"{reason}: {w}" if name == "library_range" else reason for w in worst]
        row = {"gait_id": table["gait_id"].to_numpy(), "check": name, "value": value, "limit": limit}
        row |= {"unit": unit, "passed": passed, "reason": np.where(passed, "", words)}
        rows.append(pd.DataFrame(row))
    return pd.concat(rows, ignore_index=True)


def summarise_checks(checks: pd.DataFrame) -> pd.DataFrame:
    """Count passed checks."""
    rows = []
    for name, group in checks.groupby("check", sort=False):
        row = {"check": name, "unit": group["unit"].iloc[0], "n": len(group)}
        row |= {"n_passed": int(group["passed"].sum()), "median": group["value"].median()}
        rows.append(row | {"p95": group["value"].quantile(0.95), "limit": group["limit"].median()})
    whole = checks.groupby("gait_id")["passed"].all()
    rows.append({"check": "all", "unit": "", "n": len(whole), "n_passed": int(whole.sum())})
    summary = pd.DataFrame(rows)
    summary.insert(4, "passed_share", summary["n_passed"] / summary["n"])
    return summary


def _scale_position(table: pd.DataFrame, gaits: xr.Dataset) -> np.ndarray:
    units = compute_units(table["height_m"].to_numpy(dtype=float), table["mass_kg"].to_numpy(dtype=float))
    position = gaits["position"].to_numpy() / units["position"]
    forward = COORDINATES.index("pelvis_tx")
    position[..., forward] -= position[:, :1, forward]
    return position


def _compute_hyperextension(gaits: xr.Dataset) -> np.ndarray:
    knees = gaits["position"].sel(coordinate=["knee_angle_r", "knee_angle_l"]).to_numpy()
    return -np.degrees(knees.min(axis=(1, 2)))


def _compute_peak_force(table: pd.DataFrame, gaits: xr.Dataset) -> np.ndarray:
    weight = table["mass_kg"].to_numpy(dtype=float) * GRAVITY_MPS2
    return gaits["ground_force"].sel(axis="y").to_numpy().max(axis=(1, 2)) / weight


def _find_range_excess(scaled: np.ndarray, limits: LibraryLimits) -> tuple[np.ndarray, list[str]]:
    """How far each stride leaves the library's range, in shares of it, and in which coordinate."""
    smallest = np.where(np.isin(COORDINATES, TRANSLATIONS), 0.02, np.radians(5.0))
    span = np.maximum(limits.highest - limits.lowest, smallest)
    over = np.maximum(scaled.max(axis=1) - limits.highest, limits.lowest - scaled.min(axis=1)) / span
    return np.maximum(over.max(axis=1), 0.0), [COORDINATES[i] for i in over.argmax(axis=1)]


RETRIES = 6
"""A stride that fails a check is drawn again at most so often."""


def find_valid(table: pd.DataFrame, gaits: xr.Dataset, limits, outcomes: bool = True) -> np.ndarray:
    """Find the strides that pass every check and make the outcomes that were asked for."""
    passed = check_gaits(table, gaits, limits)["passed"].to_numpy().reshape(-1, len(table)).all(axis=0)
    if outcomes:
        off = compare_with_asked(table, compute_outcomes(table, gaits))
        passed &= (off <= OUTCOME_TOLERANCE).all(axis=1).to_numpy()
    return passed


@dataclass(frozen=True)
class RejectionSampler:
    """Samples from a generator what passes every check."""

    generator: GaitGenerator  # trained or loaded
    retries: int = RETRIES  # after so many draws from other noise a stride is given up
    outcomes: bool = True  # as `find_valid`

    @property
    def release(self) -> str:
        """Hash of the library that the generator learned from."""
        return self.generator.release

    def sample(self, conditions: pd.DataFrame, seed: int = 0) -> tuple[pd.DataFrame, xr.Dataset]:
        """Generate one stride per row of wanted conditions, as `GaitGenerator.sample`."""
        waiting = np.arange(len(conditions))
        places, tables, parts = [], [], []
        for draw in range(1 + self.retries):
            own = int(np.random.SeedSequence([seed, draw]).generate_state(1)[0]) if draw else seed
            wanted = conditions.iloc[waiting].reset_index(drop=True)
            table, gaits = self.generator.sample(wanted, own)
            valid = find_valid(table, gaits, self.generator.limits, self.outcomes)
            places.append(waiting[valid])
            tables.append(table[valid].assign(draws=draw + 1))
            parts.append(gaits.isel(gait=np.flatnonzero(valid)))
            waiting = waiting[~valid]
            if not len(waiting):
                break
        order = np.argsort(np.concatenate(places), kind="stable")
        table = pd.concat(tables, ignore_index=True).iloc[order].reset_index(drop=True)
        return table, xr.concat(parts, "gait", join="exact").isel(gait=order)
