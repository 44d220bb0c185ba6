"""How good a generator is: faithful to people it has not seen, not memorised, answering to impairments.

Fidelity: for every held-out gait one or more strides are generated from its conditions. The person is the
unit: errors are first averaged within a person.

Coverage: neighbourhoods reach to the k-th neighbour, in the space of `gaitlib.generate.learnable_gaits`.
Precision and recall after Kynkäänniemi et al. 2019 (arXiv 1904.06991), density and coverage after Naeem et
al. 2020 (arXiv 2002.09797).

Dose and response: the person and the task differ from gait to gait, so the response to an impairment is the
coefficient of its dose in a linear regression that also holds speed, height, age and the other impairments;
the generated strides have the conditions of the solved gaits one by one.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.environment import hash_file
from gaitlib.errors import InputError
from gaitlib.events import CONTACT_N
from gaitlib.gait import COORDINATES, GRAVITY_MPS2, TRANSLATIONS
from gaitlib.generate.checks import OUTCOME_NAMES, OUTCOME_TOLERANCE, compare_with_asked, compute_outcomes
from gaitlib.generate.conditions import BASE_CONDITIONS, get_healthy
from gaitlib.generate.curve_corrections import compute_joint_speed
from gaitlib.generate.flow import GaitGenerator
from gaitlib.generate.foot_contact import measure_foot_contact
from gaitlib.generate.learnable_gaits import find_nearest, place_gaits, select_verified
from gaitlib.generate.representation import build_groups, flatten_variable, remove_travel
from gaitlib.outcomes import OUTCOMES
from gaitlib.person import Person

K_NEIGHBOURS = 5


def measure_coverage(solved: np.ndarray, made: np.ndarray, k: int = K_NEIGHBOURS) -> dict[str, float]:
    """Measure precision, recall, density and coverage."""
    if min(len(solved), len(made)) <= k:
        raise InputError(
            f"measure_coverage: found {len(solved)} solved and {len(made)} generated strides; expected more "
            f"than k={k} of each."
        )
    reach_solved = find_nearest(solved, solved, k, same=True)[:, -1]
    reach_made = find_nearest(made, made, k, same=True)[:, -1]
    norm = (solved**2).sum(axis=1)[:, None] + (made**2).sum(axis=1) - 2.0 * solved @ made.T
    distance = np.sqrt(np.maximum(norm, 0.0))
    near_solved = distance < reach_solved[:, None]
    return {
        "precision": float(near_solved.any(axis=0).mean()),
        "recall": float((distance < reach_made).any(axis=1).mean()),
        "density": float(near_solved.sum(axis=0).mean() / k),
        "coverage": float(near_solved.any(axis=1).mean()),
    }


def measure_memory(made: np.ndarray, known: np.ndarray, held_out: np.ndarray) -> dict[str, float]:
    """Measure whether strides are copies of gaits learned from."""
    usual = find_nearest(held_out, known)[:, 0]
    distance = find_nearest(made, known)[:, 0]
    return {
        "neighbour_ratio": float(np.median(distance) / max(np.median(usual), 1e-12)),
        "copied_share": float((distance < np.percentile(usual, 1)).mean()),
    }


_PERSON = list(Person.model_fields)


def label_people(table: pd.DataFrame) -> np.ndarray:
    """Tell people apart; shape (n,)."""
    columns = ["person_id"] if "person_id" in table else _PERSON
    return table.groupby(columns, sort=True).ngroup().to_numpy()


def measure_fidelity(
    models: dict, train: tuple[pd.DataFrame, xr.Dataset], test: tuple[pd.DataFrame, xr.Dataset], seed: int = 0
) -> pd.DataFrame:
    """Compare generators with the solved gaits of held-out people."""
    train, test = select_verified(*train), select_verified(*test)
    table, gaits = test
    people = label_people(table)
    first = next(iter(models.values())).representation
    wanted = first.conditions.read(table).assign(stride_time_s=gaits["stride_time_s"].to_numpy())
    solved_outcomes = compute_outcomes(table, gaits)
    own = [*_measure_joint_speed(table, gaits, people), *_measure_slip(table, gaits)]
    known, held_out = (place_gaits(first, *pair) for pair in (train, test))
    rows = [("solved", *row) for row in own]
    for model_name, model in models.items():
        made_table, made = model.sample(wanted, seed)
        outcomes = compute_outcomes(made_table, made)
        met = (compare_with_asked(made_table, outcomes) <= OUTCOME_TOLERANCE).all(axis=1)
        found = [("outcomes_met", "all", "share", float(met.mean()))]
        found += _compare_outcomes(solved_outcomes, outcomes, people)
        raw_table, raw = model.sample(wanted, seed, correct=False)
        found += _measure_joint_speed(raw_table, raw, people)
        found += _compare_curves(table, made_table, gaits, made, people)
        found += _compare_distributions(table, made_table, gaits, made)
        found += _measure_places(known, held_out, place_gaits(first, made_table, made))
        found += _measure_slip(made_table, made)
        found.append(_compare_open_time(model, wanted, table, seed))
        rows += [(model_name, *row) for row in found]
    result = pd.DataFrame(rows, columns=["model", "measure", "part", "unit", "value"])
    return result.assign(n_people=len(np.unique(people)), n_gaits=len(table))


def summarise_fidelity(fidelity: pd.DataFrame) -> pd.DataFrame:
    """One row per measure and part, one column per model."""
    table = fidelity.copy()
    wide = table["measure"] == "wasserstein"
    table.loc[wide, "part"] = table.loc[wide, "part"].str.split(":").str[0]
    return table.pivot_table(
        index=["measure", "part", "unit"], columns="model", values="value", aggfunc="mean", sort=False
    ).reset_index()


def measure_throughput(model, n: int = 2048, seed: int = 0) -> float:
    """Measure how many corrected strides a second one core generates."""
    speeds = np.random.default_rng(seed).uniform(0.7, 1.4, n)
    conditions = pd.DataFrame({"speed_mps": speeds})
    model.sample(conditions.iloc[:64], seed)
    start = time.process_time()
    model.sample(conditions, seed)
    return n / (time.process_time() - start)


def _average_by_person(values: np.ndarray, people: np.ndarray) -> float:
    return float(pd.Series(values).groupby(people).mean().mean())


def _measure_joint_speed(table, gaits, people) -> list[tuple]:
    speed = table["speed_mps"].to_numpy(dtype=float)
    error = np.abs(compute_joint_speed(table, gaits) - speed)
    return [
        ("joint_speed_mae", "all", "m/s", _average_by_person(error, people)),
        ("joint_speed_mape", "all", "%", 100 * _average_by_person(error / speed, people)),
    ]


def _measure_slip(table, gaits) -> list[tuple]:
    slip = measure_foot_contact(table, gaits)["slip_m"]
    return [("slip", "median", "m", slip.median()), ("slip", "p95", "m", slip.quantile(0.95))]


def _compare_outcomes(solved: pd.DataFrame, made: pd.DataFrame, people: np.ndarray) -> list[tuple]:
    rows = []
    for name in OUTCOME_NAMES:
        error = (made[name] - solved[name]).abs().to_numpy()
        unit = OUTCOMES[name].unit
        rows.append(("outcome_mae", name, unit, _average_by_person(error, people)))
        share = error / solved[name].to_numpy()
        rows.append(("outcome_mape", name, "%", 100 * _average_by_person(share, people)))
    return rows


def _compare_open_time(model, wanted, table, seed) -> tuple:
    """Distance of sampled stride times, all else known, from those of the held-out gaits."""
    made, _ = model.sample(wanted.drop(columns="stride_time_s"), seed, correct=False)
    solved = np.sort(table["stride_time_s"].to_numpy(dtype=float))
    distance = np.abs(np.sort(made["stride_time_s"].to_numpy()) - solved).mean()
    return ("open_stride_time", "wasserstein", "SD", distance / solved.std())


def _read_curves(table: pd.DataFrame, gaits: xr.Dataset, name: str) -> np.ndarray:
    """Curves in units that compare across people: deg, share of height, 0-1, body weights, N m/kg."""
    values = flatten_variable(gaits, name)
    mass = table["mass_kg"].to_numpy(dtype=float)[:, None, None]
    if name == "position":
        height = table["height_m"].to_numpy(dtype=float)[:, None, None]
        values = np.where(np.isin(COORDINATES, TRANSLATIONS), values / height, np.degrees(values))
        remove_travel(values)
    elif name == "ground_force":
        values = values / (mass * GRAVITY_MPS2)
    elif name == "joint_moment":
        values = values / mass
    return values


def _compare_curves(table, made_table, gaits, made, people) -> list[tuple]:
    rows = []
    angles = ~np.isin(COORDINATES, TRANSLATIONS)
    units = {"position": "deg", "activation": "1", "ground_force": "body weights", "joint_moment": "N m/kg"}
    for name, unit in units.items():
        difference = _read_curves(table, gaits, name) - _read_curves(made_table, made, name)
        if name in ("position", "joint_moment"):
            difference = difference[..., angles]
        error = np.sqrt((difference**2).mean(axis=(1, 2)))
        rows.append(("curve_rmse", name, unit, _average_by_person(error, people)))
    return rows


def _compare_distributions(table, made_table, gaits, made) -> list[tuple]:
    rows = []
    for group in build_groups():
        solved = _read_curves(table, gaits, group.name)[:, :-1:4]
        other = _read_curves(made_table, made, group.name)[:, :-1:4]
        distance = np.abs(np.sort(solved, axis=0) - np.sort(other, axis=0)).mean(axis=(0, 1))
        spread = np.sqrt(solved.var(axis=0).mean(axis=0))
        for index, channel in enumerate(group.channels):
            if spread[index] > 1e-6:
                rows.append(("wasserstein", f"{group.name}:{channel}", "SD", distance[index] / spread[index]))
    return rows


def _measure_places(known: np.ndarray, held_out: np.ndarray, new: np.ndarray) -> list[tuple]:
    found = measure_memory(new, known, held_out)
    if min(len(held_out), len(new)) > K_NEIGHBOURS:
        found |= measure_coverage(held_out, new)
    return [(name, "all", "1", value) for name, value in found.items()]


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


def compute_responses(gaits: xr.Dataset) -> pd.DataFrame:
    """Compute what impairments may change, beside speed and step time that are asked for."""
    loaded = (
        gaits["ground_force"].sel(axis="y").transpose("gait", "phase", "foot").to_numpy()[:, :-1] > CONTACT_N
    )

    def read(joint: str) -> np.ndarray:
        both = [gaits["position"].sel(coordinate=f"{joint}_{side}").to_numpy() for side in "rl"]
        return np.degrees(np.stack(both, axis=1))

    knee, ankle, hip = (read(joint) for joint in ("knee_angle", "ankle_angle", "hip_flexion"))
    found = {
        "stance_share": loaded.mean(axis=(1, 2)),
        "double_support_share": loaded.all(axis=2).mean(axis=1),
        "knee_range_deg": np.ptp(knee, axis=2).mean(axis=1),
        "ankle_range_deg": np.ptp(ankle, axis=2).mean(axis=1),
        "peak_hip_extension_deg": -hip.min(axis=2).mean(axis=1),
    }
    return pd.DataFrame(found, columns=list(RESPONSES))


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
    """Slopes over every dose: of solved gaits, whose people are drawn anew, and of strides made for them."""

    def __init__(self, model, table, gaits, seed: int, n_resamples: int) -> None:
        conditions = model.representation.conditions.read(table)
        conditions["stride_time_s"] = gaits["stride_time_s"].to_numpy()
        self.doses = list_doses(conditions)
        self.people = label_people(table)
        design = _build_design(conditions, self.doses)
        solved, made = (
            compute_responses(strides).to_numpy() for strides in (gaits, model.sample(conditions, seed)[1])
        )
        once, n = np.ones(len(design)), self.people.max() + 1
        rng = np.random.default_rng(seed)
        counts = [np.bincount(rng.choice(n, size=n), minlength=n)[self.people] for _ in range(n_resamples)]
        self.solved, self.made = (_fit_slopes(design, values, once) for values in (solved, made))
        self.drawn = np.array([_fit_slopes(design, solved, times) for times in counts])

    def count_impaired(self, place: int) -> int:
        return int((list(self.doses.values())[place] > _SMALLEST_DOSE).sum())

    def describe(self, place: int) -> dict:
        dose = list(self.doses.values())[place]
        impaired = dose > _SMALLEST_DOSE
        people = len(np.unique(self.people[impaired]))
        return {"n_gaits": int(impaired.sum()), "n_people": people, "dose": float(dose.max(initial=0.0))}

    def compare(self, place: int, response: str) -> dict[str, float]:
        unit = RESPONSES[response][2] * list(self.doses.values())[place].max()
        # The doses are the last columns of the design.
        at = list(RESPONSES).index(response), place - len(self.doses)
        low, high = np.percentile(unit * self.drawn[:, *at], [5, 95])
        found = {"solved": unit * self.solved[at], "generated": unit * self.made[at]}
        return found | {"solved_lower": low, "solved_upper": high}


def _build_design(conditions: pd.DataFrame, doses: dict[str, np.ndarray]) -> np.ndarray:
    speed, height = conditions["speed_mps"].to_numpy(float), conditions["height_m"].to_numpy(float)
    age = conditions["age_years"].to_numpy(float)
    parts = [np.ones(len(speed)), speed, speed**2, np.log(height), age / 50.0]
    parts += [conditions["stride_time_s"].to_numpy(float)]
    return np.column_stack([*parts, *doses.values()])


def _fit_slopes(design: np.ndarray, responses: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Coefficients of each response, rows counted so many times; shape (responses, columns)."""
    ridge, slopes = 1e-6 * np.eye(design.shape[1]), []
    for values in responses.T:
        weighted = (design * np.where(np.isfinite(values), times, 0.0)[:, None]).T
        slopes.append(np.linalg.solve(weighted @ design + ridge, weighted @ np.nan_to_num(values)))
    return np.array(slopes)


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
    impaired = [name for name in flow.representation.conditions.names if name not in BASE_CONDITIONS]
    found = summarise_fidelity(fidelity).set_index(["measure", "part"])
    rows = [f"| {text} | {found.loc[key, 'flow']:.3g} | {found.loc[key, 'unit']} |"
            for key, text in _LINES.items()]  # fmt: skip
    card = Path(__file__).with_name("generator_card.md").read_text(encoding="utf-8")
    text = card.format(
        n_weights=sum(p.numel() for p in flow.network.parameters()),
        command=command,
        seed=flow.seed,
        file=weights.name,
        digest=hash_file(weights) if weights.is_file() else "not written",
        n_gaits=len(flow.gait_ids),
        release=flow.release,
        impaired=", ".join(impaired) or "none",
        n_people=fidelity["n_people"].iloc[0],
        n_tested=fidelity["n_gaits"].iloc[0],
        rows="\n".join(rows),
    )
    path.write_text(text, encoding="utf-8")
    return path
