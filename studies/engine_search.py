"""Search for engine settings with which simulated healthy adults walk like people.

    python studies/engine_search.py trial FOLDER NAME w.tilt=2 s.hip_stop=-25 ...
    python studies/engine_search.py trials FOLDER FILE
    python studies/engine_search.py search FOLDER --minutes 60 --seed 1
    python studies/engine_search.py final FOLDER NAME

A setting is a set of cost weights (`w.`, see `CostWeights`) and properties of the body (`s.`, see
`Structure`); what it does not name is as released. Every trial is appended to `trials.csv` in the folder as
soon as it is done, so a stopped search goes on where it stopped. People: the searching half of the healthy
adults of `parkinson_joint_angles` (seeded split over person ids), EMG of the two adults of role calibrate.
`final` alone looks at the other half.
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
import time
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd

from gaitlib.body.specification import Structure
from gaitlib.gait import COORDINATES, MUSCLES
from gaitlib.person import Person
from gaitlib.simulate.request import CostWeights, GaitRequest

SPLIT_SEED = 2025
FRAME_DEG = 10.0
"""Anterior tilt of the laboratory's pelvis where the model's is level: the mean of the healthy people of
`parkinson_joint_angles` (9.8) less that of the adult of `adult_3d`, analysed with OpenSim's pelvis (-0.2).
It turns pelvis and hip alike and is not fitted to any simulation."""
SPEEDS = (1.25, 1.0, 1.55)
ADULT = Person(age_years=30, sex="m", height_m=1.70, mass_kg=68)
MUSCLE_NAMES = ("hamstrings", "rect_fem", "vasti", "glut_max", "gastroc", "soleus", "tib_ant")
JOINTS = ("pelvis", "hip", "knee", "ankle")
_SCALE_DEG = {"pelvis": 6.0, "hip": 5.0, "knee": 5.0, "ankle": 4.0}
_WORST = 9.0


def load_people(half: str) -> dict[str, np.ndarray]:
    """Sagittal angles (people, 101) in degrees of 'search' or 'final' people, sides averaged."""
    from gaitlib.data.fetch import get_path
    from gaitlib.data.readers.clinical import read_joint_angle_bands

    data = read_joint_angle_bands(get_path("wbds_joint_angles", "Parkinsons_Data.csv", "calibrate"))
    rows = (data["group"] == "healthy_adult") & (data["plane"] == "sagittal")
    data = data.isel(record=rows.values)
    ids = np.unique(data["person_id"].values)
    order = np.random.default_rng(SPLIT_SEED).permutation(ids)
    chosen = order[: len(ids) // 2] if half == "search" else order[len(ids) // 2 :]
    angles = {}
    for joint in JOINTS:
        part = data.isel(record=(data["joint"] == joint).values)
        who, values = part["person_id"].values, np.degrees(part["angle"].values)
        angles[joint] = np.array([values[who == person].mean(axis=0) for person in sorted(chosen)])
    return angles


def load_emg() -> list[dict[str, np.ndarray]]:
    """Mean envelopes (101,) by muscle of the two adults of role calibrate."""
    from gaitlib.data.emg import compute_envelopes
    from gaitlib.data.measured_curves import load_adult_emg
    from gaitlib.data.walks import load_walks

    first = {name: values.mean(axis=0) for name, values in load_adult_emg().items()}
    (walk,) = load_walks("adult_walk_3d_moco", "calibrate")
    second = {name[:-2]: curve for name, curve in compute_envelopes(walk).items() if name.endswith("_r")}
    return [first, second]


class Bench:
    """Solves settings and holds them against people; remembers good solutions as starts."""

    def __init__(self, folder: Path, cache: Path, half: str = "search"):
        self.folder, self.cache = folder, cache
        (folder / "starts").mkdir(parents=True, exist_ok=True)
        self.people, self.emg = load_people(half), load_emg()
        self.file = folder / ("trials.csv" if half == "search" else "final.csv")

    def make_request(self, setting: dict, speed_mps: float, person: Person = ADULT) -> GaitRequest:
        """Request of a healthy adult with a setting."""
        weights = {k[2:]: v for k, v in setting.items() if k.startswith("w.")}
        tissue = {k[2:]: v for k, v in setting.items() if k.startswith("s.")}
        return GaitRequest(
            person,
            speed_mps,
            weights=replace(CostWeights(), **weights),
            structure=replace(Structure(), **tissue),
        )

    def solve(self, request: GaitRequest, starts: list, cold: tuple[int, ...]) -> tuple[object, list]:
        """Cheapest solution from solved neighbours and from textbook guesses; costs of all that converged."""
        from gaitlib.simulate.guess import make_guess
        from gaitlib.simulate.solve import (
            MIRROR,
            complete_stride,
            fit_start,
            get_engine,
            make_task,
            solve_near,
        )

        engine, task = get_engine(request, self.cache), make_task(request)
        began, results = time.process_time(), []
        for start in starts:
            results.append(solve_near(engine, task, *fit_start(engine, task, start), 12.0))
        for variant in cold:
            guess = engine.pack(make_guess(request.speed_mps, task.leg_length_m, variant))
            results.append(engine.solve(task, guess, time_limit_s=15.0))
        good = [r for r in results if r.converged]
        if not good:
            return None, []
        best = min(good, key=lambda r: r.cost)
        spent = time.process_time() - began
        return complete_stride(request, request.gait_id, best, spent, COORDINATES, MIRROR), sorted(
            r.cost for r in good
        )

    def follow(self, setting: dict, start, speed_mps: float, target_mps: float):
        """Follow a solution in steps of less than 0.1 m/s: a larger step can fall to a dearer branch."""
        n = int(np.ceil(abs(target_mps - speed_mps) / 0.08))
        for speed in np.linspace(speed_mps, target_mps, n + 1)[1:-1]:
            solved, _ = self.solve(self.make_request(setting, round(float(speed), 3)), [start], ())
            start = start if solved is None else solved.start
        return start

    def measure(self, solved, speed_mps: float) -> dict:
        """Figures of one solved gait against people."""
        q = np.degrees(solved.position)
        index = COORDINATES.index
        simulated = {
            "pelvis": FRAME_DEG - q[:, index("pelvis_tilt")],
            "hip": FRAME_DEG + q[:, index("hip_flexion_r")],
            "knee": q[:, index("knee_angle_r")],
            "ankle": q[:, index("ankle_angle_r")],
        }
        row = {}
        for joint, curve in simulated.items():
            people = self.people[joint]
            mean, sd = people.mean(axis=0), people.std(axis=0, ddof=1)
            z = (curve - mean) / sd
            row[f"inside_{joint}"] = float(np.mean(np.abs(z) <= 2))
            row[f"sd_{joint}"] = float(np.sqrt(np.mean(z**2)))
            row[f"rmse_{joint}"] = float(np.sqrt(np.mean((curve - mean) ** 2)))
            row[f"rom_{joint}"] = float(np.ptp(curve))
            row[f"rom_ratio_{joint}"] = float(np.ptp(curve) / np.ptp(people, axis=1).mean())
        row["hip_min"] = float(simulated["hip"].min() - FRAME_DEG)
        row["tilt_mean"] = float(simulated["pelvis"].mean() - FRAME_DEG)
        row["knee_contact"] = float(simulated["knee"][0])
        row["knee_loading"] = float(simulated["knee"][5:30].max())
        row["knee_stance_min"] = float(simulated["knee"][20:55].min())
        row["step_time_s"] = solved.stride_time_s / 2
        row["step_length_m"] = speed_mps * solved.stride_time_s / 2
        row["walk_ratio"] = 1000 * row["step_length_m"] / (60 / row["step_time_s"])
        for name in MUSCLE_NAMES:
            own = solved.activation[:, MUSCLES.index(f"{name}_r")]
            r = [np.corrcoef(own, adult[name])[0, 1] for adult in self.emg if name in adult]
            row[f"emg_{name}"] = float(np.mean(r))
            row[f"peak_{name}"] = float(own.max())
        force = solved.ground_force[:, 0, 1] / (ADULT.mass_kg * 9.81)
        row["force_peak_bw"] = float(force.max())
        row["toe_off"] = float(np.mean(force > 0.03) * 100)
        # When rectus femoris is most active after mid-stance: fine wire has it around toe-off.
        late = solved.activation[45:85, MUSCLES.index("rect_fem_r")]
        row["rectus_late_peak"], row["rectus_late_at"] = float(late.max()), float(45 + late.argmax())
        return row

    def score(self, row: dict) -> float:
        """What the search makes small: distance from the goals, 0 where all are met well."""
        angle = np.mean([row[f"rmse_{j}"] / _SCALE_DEG[j] for j in JOINTS])
        ranges = np.mean([abs(np.log(row[f"rom_ratio_{j}"])) for j in JOINTS[1:]])
        pelvis = max(0.0, 2.0 - row["rom_pelvis"], row["rom_pelvis"] - 3.5) / 3
        goals = {name: 0.5 if name == "rect_fem" else 0.7 for name in MUSCLE_NAMES}
        # A muscle that is hardly ever on has a curve, but not the people's.
        used = {name: np.clip((row[f"peak_{name}"] - 0.01) / 0.04, 0, 1) for name in goals}
        muscles = np.mean([max(0.0, goal - used[m] * row[f"emg_{m}"]) for m, goal in goals.items()])
        stance = max(0.0, abs(row["toe_off"] - 61.5) - 1) / 4
        inside = np.mean([max(0.0, 0.92 - row[f"inside_{j}"]) for j in JOINTS])
        ratio = max(0.0, 5.9 - row["walk_ratio"], row["walk_ratio"] - 6.6)
        return float(
            angle + 2 * ranges + 0.5 * pelvis + 3 * muscles + 3 * inside + 0.5 * ratio + 0.5 * stance
        )

    def run(self, name: str, setting: dict, cold=(2,), speeds=SPEEDS, limit: float = np.inf,
            begin: tuple[str, ...] = ()) -> float:  # fmt: skip
        """Solve a setting at all speeds, write its rows, return its score (mean over speeds)."""
        scores, first = [], None
        near = [self.load_start(name) for name in begin if self.locate_start(name).exists()]
        for speed in speeds:
            request = self.make_request(setting, speed)
            if first is None:
                starts, guesses = near, cold
            else:
                starts, guesses = [self.follow(setting, first.start, speeds[0], speed)], ()
            solved, costs = self.solve(request, starts, guesses)
            row = {"name": name, "setting": json.dumps(setting), "speed_mps": speed}
            row |= {"n_starts": len(starts) + len(guesses), "n_converged": len(costs)}
            if solved is None:
                scores.append(_WORST)
                self._write(row | {"score": _WORST})
                break
            row |= {"cost": costs[0], "cost_spread": costs[-1] / costs[0] - 1, "cpu_s": solved.cpu_s}
            row |= self.measure(solved, speed)
            row["score"] = self.score(row)
            scores.append(row["score"])
            self._write(row)
            if first is None:
                self.locate_start(name).write_bytes(pickle.dumps(solved.start))
                first = solved
            if scores[0] > limit:
                break
        scores += [_WORST] * (len(speeds) - len(scores)) if scores[-1] == _WORST else []
        return float(np.mean(scores))

    def _write(self, row: dict) -> None:
        table = pd.DataFrame([row]).round(4)
        if self.file.exists():  # one line in one write: searches can share a table
            table = table.reindex(columns=pd.read_csv(self.file, nrows=0).columns)
            with self.file.open("a") as file:
                file.write(table.to_csv(index=False, header=False))
        else:
            table.to_csv(self.file, index=False)

    def locate_start(self, name: str) -> Path:
        """Where the solution of a trial at the first speed lies."""
        return self.folder / "starts" / f"{name}.pickle"

    def load_start(self, name: str):
        """Solution of a trial, with its multipliers."""
        return pickle.loads(self.locate_start(name).read_bytes())


RANGES = {
    "w.activation": (0.02, 1.0),
    "w.acceleration": (0.0005, 0.02),
    "w.trunk_torque": (0.001, 0.3),
    "w.trunk_lean": (0.5, 40.0),
    "w.vertical": (0.5, 30.0),
    "w.clearance": (0.0001, 0.02),
    "w.passive": (0.0002, 0.02),
    "w.minetti": (0.005, 0.5),
    "w.tilt_acceleration": (0.01, 3.0),
    "w.hip_acceleration": (0.002, 0.5),
    "w.tilt": (0.02, 20.0),
    "w.knee_acceleration": (0.0005, 0.1),
    "w.impact": (0.003, 5.0),
    "s.rect_fem_passive_strain": (0.5, 1.5),
    "w.effort_bifemsh": (0.1, 3.0),
    "w.support": (0.003, 1.0),
    "w.scuff": (0.01, 10.0),
    "w.effort_hamstrings": (0.3, 3.0),
    "w.effort_rect_fem": (0.3, 3.0),
    "w.effort_vasti": (0.2, 3.0),
    "w.effort_gastroc": (0.3, 3.0),
    "w.effort_iliopsoas": (0.2, 3.0),
    "w.effort_glut_max": (0.2, 3.0),
    "w.effort_soleus": (0.3, 3.0),
    "w.effort_tib_ant": (0.3, 3.0),
    "s.lumbar_stiffness": (5.0, 200.0),
    "s.hamstrings_passive_strain": (0.5, 1.5),
    "s.hamstrings_slack": (0.96, 1.08),
    "s.rect_fem_slack": (0.95, 1.08),
    "s.hip_rate": (3.0, 20.0),
}
"""Searched on a logarithmic scale."""
SHIFTS = {
    "s.heel_back": (0.0, 0.02),
    "s.hip_stop": (-30.0, 5.0),
    "s.knee_stop": (-8.0, 4.0),
    "s.lean": (-2.0, 6.0),
}
"""Searched on a linear scale (degrees; shares of height)."""


def draw(parents: list[dict], rng: np.random.Generator, step: float) -> dict:
    """Draw a setting near good ones: part from a second parent, a few terms changed."""
    setting = dict(parents[int(rng.integers(len(parents)) * rng.random())])
    other = parents[int(rng.integers(len(parents)))]
    for name in other:
        if rng.random() < 0.25:
            setting[name] = other[name]
    defaults = {f"w.{f.name}": f.default for f in fields(CostWeights)}
    defaults |= {f"s.{f.name}": f.default for f in fields(Structure)}
    names = list(RANGES) + list(SHIFTS)
    for name in rng.choice(names, size=int(rng.integers(1, 4)), replace=False):
        if name in SHIFTS:
            low, high = SHIFTS[name]
            value = setting.get(name, defaults[name]) + rng.normal() * step * (high - low)
        else:
            low, high = RANGES[name]
            value = max(setting.get(name, defaults[name]), low)
            value *= np.exp(rng.normal() * step * np.log(high / low))
            if name in setting and defaults[name] == 0 and rng.random() < 0.2:
                value = 0.0
                low = 0.0
        setting[name] = float(np.clip(value, low, high).round(5))
    return setting


def rank(table: pd.DataFrame) -> pd.DataFrame:
    """Settings by mean score of those solved at all speeds."""
    groups = table.groupby(["name", "setting"], sort=False)["score"]
    whole = groups.agg(["mean", "count"]).reset_index()
    return whole[whole["count"] >= len(SPEEDS)].sort_values("mean")


def search(bench: Bench, minutes: float, seed: int, step: float) -> None:
    """Evolve settings from those in the table; the other speeds only for the promising."""
    rng, end = np.random.default_rng(seed), time.time() + 60 * minutes
    n = 0
    while time.time() < end:
        ranked = rank(pd.read_csv(bench.file))
        parents = [json.loads(text) for text in ranked["setting"].head(14)]
        table = pd.read_csv(bench.file)
        rows = table["name"].isin(ranked["name"].head(10)) & (table["speed_mps"] == SPEEDS[0])
        limit = float(table.loc[rows, "score"].max()) + 0.1
        name = f"search {seed}.{n}"
        near = tuple(ranked["name"].iloc[[int(rng.integers(min(8, len(ranked))))]])
        score = bench.run(
            name, draw(parents, rng, step), (2,) if rng.random() < 0.1 else (), SPEEDS, limit, near
        )
        n += 1
        print(
            name,
            round(score, 3),
            "limit",
            round(limit, 3),
            "best",
            round(ranked["mean"].min(), 3),
            flush=True,
        )


def main(arguments: list[str]) -> None:
    """Run what the command line asks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["trial", "trials", "search", "final"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--step", type=float, default=0.2, help="of a change, as a share of the range")
    parser.add_argument("--base", default=None, help="name of a trial whose setting is changed")
    asked = parser.parse_intermixed_args(arguments)
    cache = asked.folder / "engine"
    bench = Bench(asked.folder, cache, "final" if asked.what == "final" else "search")
    if asked.what == "search":
        search(bench, asked.minutes, asked.seed, asked.step)
    elif asked.what == "trials":
        run_list(bench, Path(asked.words[0]))
    elif asked.what == "trial":
        setting = find_setting(asked.folder, asked.base) if asked.base else {}
        setting |= {k: float(v) for k, v in (word.split("=") for word in asked.words[1:])}
        print(
            asked.words[0],
            bench.run(asked.words[0], setting, begin=(asked.base,) if asked.base else ()),
            flush=True,
        )
    else:
        bench.run(
            asked.words[0],
            find_setting(asked.folder, asked.words[0]),
            cold=(0, 1, 2),
            begin=(asked.words[0],),
        )


def run_list(bench: Bench, path: Path) -> None:
    """Run trials of a file, one a line: name, base trial or -, what is changed; those done are passed."""
    while True:
        done = set(pd.read_csv(bench.file)["name"]) if bench.file.exists() else set()
        lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
        left = [words for words in lines if words[0] not in done]
        if not left:
            return
        name, base, *words = left[0]
        base = base.replace("search_", "search ")
        setting = {} if base == "-" else find_setting(bench.folder, base)
        setting |= {k: float(v) for k, v in (word.split("=") for word in words)}
        print(
            name, round(bench.run(name, setting, (2,) if base == "-" else (), begin=(base,)), 3), flush=True
        )


def find_setting(folder: Path, name: str) -> dict:
    """Setting of a trial in the table; 'release' changes nothing."""
    if name == "release":
        return {}
    table = pd.read_csv(folder / "trials.csv")
    return json.loads(table.loc[table["name"] == name, "setting"].iloc[0])


if __name__ == "__main__":
    main(sys.argv[1:])
