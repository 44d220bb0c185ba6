"""Does the gait answer to an impairment as the solver's does? Dose and response, and doses never seen.

The person and the task differ from gait to gait, so the response to an impairment is the coefficient of its
dose in a linear regression that also holds speed, height, age and the other impairments; the generated
strides have the conditions of the solved gaits one by one.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.generate.checks import compute_outcomes
from gaitlib.generate.conditions import BASE_CONDITIONS, get_healthy
from gaitlib.generate.fidelity import label_people

_SMALLEST_DOSE = 1e-6
FEWEST_GAITS = 8
"""With fewer impaired gaits a response is not evaluated."""

RESPONSES = {
    "stance_share": ("Stance phase", "% of stride", 100.0),
    "double_support_share": ("Double support", "% of stride", 100.0),
    "knee_range_deg": ("Knee range of motion", "°", 1.0),
    "ankle_range_deg": ("Ankle range of motion", "°", 1.0),
    "peak_hip_extension_deg": ("Peak hip extension", "°", 1.0),
}
"""Response -> label, unit, factor to that unit."""


def compute_responses(table: pd.DataFrame, gaits: xr.Dataset) -> pd.DataFrame:
    """Compute what impairments may change, beside speed and step time that are asked for."""
    outcomes = compute_outcomes(table, gaits)[["stance_share", "double_support_share"]]

    def read(joint: str) -> np.ndarray:
        both = [gaits["position"].sel(coordinate=f"{joint}_{side}").to_numpy() for side in "rl"]
        return np.degrees(np.stack(both, axis=1))

    knee, ankle, hip = (read(joint) for joint in ("knee_angle", "ankle_angle", "hip_flexion"))
    return outcomes.assign(
        knee_range_deg=np.ptp(knee, axis=2).mean(axis=1),
        ankle_range_deg=np.ptp(ankle, axis=2).mean(axis=1),
        peak_hip_extension_deg=-hip.min(axis=2).mean(axis=1),
    )


def list_doses(conditions: pd.DataFrame) -> dict[str, np.ndarray]:
    """List how far each impairment lies from healthy; shape (n,)."""
    names = [name for name in conditions if name not in BASE_CONDITIONS]
    return {name: (conditions[name] - get_healthy(name)).abs().to_numpy(dtype=float) for name in names}


def measure_dose_response(
    model,
    held_out: tuple[pd.DataFrame, xr.Dataset],
    everyone: tuple[pd.DataFrame, xr.Dataset],
    seed: int = 0,
    n_resamples: int = 200,
) -> pd.DataFrame:
    """Measure the response to each impairment in solved and in generated gaits of the same conditions."""
    new = _Pairs(model, *held_out, seed, n_resamples)
    counts = [new.count_impaired(place) for place in range(len(new.doses))]
    # Everyone is many gaits, and mostly nothing needs them.
    every = new if min(counts) >= FEWEST_GAITS else _Pairs(model, *everyone, seed, n_resamples)
    rows = []
    for place, impairment in enumerate(new.doses):
        people, pairs = ("held out", new) if counts[place] >= FEWEST_GAITS else ("all", every)
        enough = pairs.count_impaired(place) >= FEWEST_GAITS
        for response in RESPONSES:
            row = {"impairment": impairment, "response": response, "people": people}
            row |= pairs.describe(place) | {"evaluated": enough}
            rows.append(row | (pairs.compare(place, response) if enough else {}))
    columns = ["impairment", "response", "people", "n_gaits", "n_people", "dose", "evaluated"]
    columns += ["solved", "generated", "solved_lower", "solved_upper"]
    return pd.DataFrame(rows, columns=columns)


class _Pairs:
    """Solved gaits and generated strides of the same conditions, ready for the regression."""

    def __init__(self, model, table, gaits, seed: int, n_resamples: int) -> None:
        conditions = model.representation.conditions.read(table)
        conditions["stride_time_s"] = gaits["stride_time_s"].to_numpy()
        self.solved = compute_responses(table, gaits)
        self.made = compute_responses(*model.sample(conditions, seed))
        self.doses = list_doses(conditions)
        self.people = label_people(table)
        self.design = _build_design(conditions, self.doses)
        rng = np.random.default_rng(seed)
        self.samples = [_resample(self.people, rng) for _ in range(n_resamples)]

    def count_impaired(self, place: int) -> int:
        return int((list(self.doses.values())[place] > _SMALLEST_DOSE).sum())

    def describe(self, place: int) -> dict:
        dose = list(self.doses.values())[place]
        impaired = dose > _SMALLEST_DOSE
        people = len(np.unique(self.people[impaired]))
        return {"n_gaits": int(impaired.sum()), "n_people": people, "dose": float(dose.max(initial=0.0))}

    def compare(self, place: int, response: str) -> dict[str, float]:
        unit = RESPONSES[response][2] * list(self.doses.values())[place].max()
        solved, made = (part[response].to_numpy() * unit for part in (self.solved, self.made))
        column = self.design.shape[1] - len(self.doses) + place
        draws = [_fit_slope(self.design[rows], solved[rows], column) for rows in self.samples]
        low, high = np.percentile(draws, [5, 95])
        found = [_fit_slope(self.design, values, column) for values in (solved, made)]
        return dict(
            zip(("solved", "generated", "solved_lower", "solved_upper"), [*found, low, high], strict=True)
        )


def split_by_dose(
    conditions: pd.DataFrame, gap: tuple[float, float] = (0.4, 0.6), beyond: float = 0.8
) -> np.ndarray:
    """Split gaits by the severity of their worst impairment; shape (n,)."""
    doses = np.array(list(list_doses(conditions).values()))
    if not len(doses):
        return np.full(len(conditions), "seen")
    severity = (doses / np.maximum(doses.max(axis=1, keepdims=True), 1e-12)).max(axis=0)
    impaired = severity[severity > _SMALLEST_DOSE]
    if len(impaired) == 0:
        return np.full(len(conditions), "seen")
    low, high, far = np.quantile(impaired, [*gap, beyond])
    part = np.where((severity >= low) & (severity <= high) & (severity > _SMALLEST_DOSE), "gap", "seen")
    return np.where((severity > far) & (severity > _SMALLEST_DOSE), "beyond", part)


def _build_design(conditions: pd.DataFrame, doses: dict[str, np.ndarray]) -> np.ndarray:
    speed, height = conditions["speed_mps"].to_numpy(float), conditions["height_m"].to_numpy(float)
    age = conditions["age_years"].to_numpy(float)
    parts = [np.ones(len(speed)), speed, speed**2, np.log(height), age / 50.0]
    parts += [conditions["stride_time_s"].to_numpy(float)]
    return np.column_stack([*parts, *doses.values()])


def _fit_slope(design: np.ndarray, values: np.ndarray, column: int) -> float:
    known = np.isfinite(values)
    ridge = 1e-6 * np.eye(design.shape[1])
    matrix = design[known]
    return float(np.linalg.solve(matrix.T @ matrix + ridge, matrix.T @ values[known])[column])


def _resample(people: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    chosen = rng.choice(np.unique(people), size=len(np.unique(people)))
    return np.concatenate([np.flatnonzero(people == person) for person in chosen])
