"""One recording as a physiotherapist reads it: values by side, usual ranges, what was tested and changed."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

import gaitlib
from gaitlib.cohorts.usual import AGES, compute_usual
from gaitlib.data.manifest import load_manifest
from gaitlib.door.answer import Answer
from gaitlib.door.sides import drop_unsure, find_view, split_sides
from gaitlib.environment import SHIPPED
from gaitlib.errors import InputError
from gaitlib.evaluate.detectable import compare_values, compute_detectable
from gaitlib.evaluate.video_trials import look_up_trials

KIND, VERSION = "gaitlib-report", 1
NAMES = (
    *("speed_mps", "cadence_spm", "step_length_m", "step_length_r_m", "step_length_l_m", "step_time_s"),
    *("step_time_r_s", "step_time_l_s", "step_time_asymmetry", "step_length_asymmetry"),
    *("double_support_share", "stride_time_cv", "knee_range_deg", "knee_flexion_peak_deg"),
    *("foot_strike_angle_deg", "sagittal_deviation_index"),
)
"""What a report holds, in its order."""


@dataclass(frozen=True)
class Measure:
    """One value of a report, in its unit; the usual range and the test are None where nothing is known."""

    value: float
    lower: float
    upper: float
    unit: str
    usual: tuple[float, float] | None = None
    usual_source: str = ""
    mae: float | None = None  # mean absolute error on real people
    detectable: float | None = None  # minimal detectable change, 95 %
    people: int = 0


@dataclass(frozen=True)
class Visit:
    """What a report shows of one recording."""

    answer: Answer
    measures: dict[str, Measure]
    height_m: float
    age_years: float | None = None
    sex: str | None = None
    view: str = ""
    tested: str = ""
    limits: tuple[str, ...] = ()
    changes: tuple[dict, ...] = ()
    earlier: str = ""
    pictures: tuple[str, ...] = field(default=(), compare=False)  # frames of a video, as data: addresses

    def to_dict(self) -> dict:
        """Turn into plain values for JSON; `--compare` reads them."""
        answer, found = self.answer, {}
        for name, item in self.measures.items():
            found[name] = {key: _make_plain(getattr(item, key)) for key in vars(item)}
        person = {"height_m": self.height_m, "age_years": self.age_years, "sex": self.sex}
        head = {"kind": KIND, "version": VERSION, "gaitlib": gaitlib.__version__, "source": answer.source}
        head |= {"method": answer.method, "view": self.view, "person": person}
        told = {"limits": list(self.limits), "tested": self.tested, "changes": list(self.changes)}
        told["bouts"] = answer.to_dict()["bouts"]
        told["inferred_muscle_activity"] = answer.to_dict(True).get("activation")
        return head | {"strides": round(answer.strides, 1), "values": found} | told

    def to_table(self) -> pd.DataFrame:
        """Turn into a table: one row per value."""
        rows = []
        for name, item in self.measures.items():
            low, high = item.usual or (None, None)
            row = {"source": self.answer.source, "outcome": name, "value": item.value, "lower": item.lower}
            row |= {"upper": item.upper, "unit": item.unit, "usual_low": low, "usual_high": high}
            row |= {"mean_error_on_real_people": item.mae, "detectable_change": item.detectable}
            rows.append(row | {change["outcome"]: change for change in self.changes}.get(name, {}))
        return pd.DataFrame(rows)


def _make_plain(value):
    if isinstance(value, tuple):
        return [_make_plain(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def build_visit(
    answer: Answer,
    height_m: float,
    age_years: float | None = None,
    sex: str | None = None,
    view: str | None = None,
    group: str | None = None,
    results: Path | None = None,
    earlier: Path | None = None,
    filmed: bool = False,
    lens_told: bool = False,
) -> Visit:
    """Put together what a report shows; an answer without values is refused with its reason."""
    if not answer.ok:
        done = "; ".join(answer.notes)
        raise InputError(
            f"{answer.source}: no report, as there is no estimate: {answer.status}. {done}".strip()
        )
    seen = find_view(answer, view)
    errors, tested = look_up_errors(answer, seen, group, results)
    trusted, tried = look_up_trials(seen, lens_told) if filmed else (True, "")
    if not trusted:
        lengths = {name for name in answer.values if name.startswith(("speed", "step_length"))}
        kept = {name: item for name, item in answer.values.items() if name not in lengths}
        answer = replace(answer, values=kept)
        if not kept:
            raise InputError(f"{answer.source}: no report: {tried}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # means over steps that nobody saw
        values, sides = answer.values, drop_unsure(split_sides(answer))
    if answer.recording.kind == "markers":
        values = sides | values
    else:
        # The network hardly sees asymmetry (simulated walks: mean error 8 points of step length, by the steps
        # that are seen 0.6), so it only stands where real people were its test.
        values = {k: v for k, v in values.items() if not k.endswith("asymmetry") or k in errors} | sides
    usual = compute_usual(age_years, sex, height_m)
    measures = {}
    for name in NAMES:
        if name not in values or not np.isfinite(values[name].value):
            continue
        low_high, source = usual.get(name, (None, ""))
        known = {} if name in sides else errors.get(name, {})
        measures[name] = Measure(**vars(values[name]), usual=low_high, usual_source=source, **known)
    changes, before = compare_visits(measures, earlier, seen) if earlier else ((), "")
    limits = _list_limits(answer, seen, age_years, sex, measures)
    if trusted:
        tested = f"{tested} {tried}".strip()
    else:
        limits = (tried, *limits)
    return Visit(answer, measures, height_m, age_years, sex, seen, tested, limits, changes, before)


def look_up_errors(
    answer: Answer, view: str, group: str | None = None, results: Path | None = None
) -> tuple[dict[str, dict], str]:
    """Look up what was found on real people for this view: error and detectable change, and a sentence."""
    if answer.recording.kind == "markers":
        return {}, "Measured directly from markers in three dimensions; no estimator was used."
    if answer.recording.kind == "inertial" and answer.recording.values.shape[1] == 3:
        return (
            {},
            "Not tested on real people with an accelerometer alone: take the values as a first impression.",
        )
    table = _read_estimates(results or SHIPPED / "data" / "earlier")
    if group is not None and group not in set(table["subgroup"]):
        raise InputError(
            f"--group: found '{group}', expected one of {', '.join(sorted(set(table.subgroup)))}."
        )
    method = "classical" if "classical" in answer.method else "synthetic"
    table = table[(table["view"] == view) & (table["method"] == method)]
    table = table[table["subgroup"] == group] if group else table
    table = table[table["outcome"].isin(list(answer.values)) & table["reference"].notna()]
    n_asked = len(table[["dataset", "person_id"]].drop_duplicates())
    percent = {name for name, item in answer.values.items() if item.unit == "%"}
    found = compute_detectable(table[table["status"] == "ok"], percent)
    if "cadence_spm" not in found and "step_time_s" in found and "cadence_spm" in answer.values:
        share = answer.values["cadence_spm"].value / answer.values["step_time_s"].value
        found["cadence_spm"] = {key: found["step_time_s"][key] * share for key in ("mae", "detectable")}
        found["cadence_spm"]["people"] = found["step_time_s"]["people"]
    if not found:
        return {}, f"Not tested on real people for this view ({view}): take the values as a first impression."
    people = max(item["people"] for item in found.values())
    words = load_manifest().groups
    names = [words.get(item, item) for item in dict.fromkeys(table["subgroup"])]
    kind = (
        f"with a sensor on the {view.replace('_', ' ')}"
        if answer.recording.kind == "inertial"
        else (f"seen from the {view} as key points of motion capture with the errors of a pose detector")
    )
    answered = f"; {people} of them got an answer" if people < n_asked else ""
    return found, f"Tested on {n_asked} real people ({', '.join(names)}), {kind}{answered}."


def _read_estimates(folder: Path) -> pd.DataFrame:
    paths = sorted(Path(folder).glob("estimates_*.parquet"))
    if not paths:
        raise InputError(f"{folder}: no tables of estimates (estimates_*.parquet); name results of a run.")
    table = pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)
    return table[table["origin"] == "real"]


def compare_visits(measures: dict[str, Measure], path: Path, view: str) -> tuple[tuple[dict, ...], str]:
    """Compare with an earlier report: change, and whether it is larger than the minimal detectable one."""
    try:
        earlier = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"--compare {path}: cannot be read as JSON ({error}).") from None
    if not isinstance(earlier, dict) or earlier.get("kind") != KIND or earlier.get("version") != VERSION:
        raise InputError(f"--compare {path}: found no report; give the .json that gaitlib report wrote.")
    told = earlier.get("values", {})
    before = {name: told[name] for name in measures if told.get(name) is not None}
    for name, item in before.items():
        unit = measures[name].unit
        if not isinstance(item, dict) or item.get("unit") != unit or item.get("value") is None:
            raise InputError(f"--compare {path}: values.{name}: expected a value in {unit}.")
    now = {name: (item.value, item.unit, item.detectable) for name, item in measures.items()}
    rows = compare_values({name: item["value"] for name, item in before.items()}, now)
    source = str(earlier.get("source", Path(path).name))
    other = str(earlier.get("view", ""))
    return tuple(rows), source if other == view else f"{source} (seen otherwise: {other or 'unknown'})"


def _list_limits(answer: Answer, view: str, age_years, sex, measures: dict[str, Measure]) -> tuple[str, ...]:
    """List what limits this recording, in plain words; the door's notes first."""
    limits = list(answer.notes)
    if answer.strides < 8:
        limits.append(
            f"{answer.strides:.0f} strides: asymmetry and variability are unsure; record at least 8 strides"
        )
    if "step_time_r_s" not in measures:
        why = {"inertial": "by a worn sensor", "markers": "in so few steps"}.get(
            answer.recording.kind, "in so few steps" if view == "side" else "in this view"
        )
        limits.append(f"right and left steps cannot be told apart {why}")
    if age_years is None:
        limits.append("no usual ranges: the age was not given")
    elif not AGES[0] <= age_years <= AGES[1]:
        limits.append(
            f"no usual ranges for {age_years:g} years; there are some for {AGES[0]:g} to {AGES[1]:g}"
        )
    elif sex is None:
        limits.append("usual ranges are those of men and women together")
    if age_years is not None and age_years < 18 and answer.recording.kind != "markers":
        limits.append("the test on real people was on adults; this is a child")
    return tuple(dict.fromkeys(limits))
