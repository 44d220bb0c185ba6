"""One recording as a physiotherapist reads it: values by side, usual ranges, what was tested, what changed.

Usual ranges are mean and 1.96 SD of healthy people of that age and sex. Speed and variability: the mean and
SD of `gaitlib.cohorts`, with their sources. Steps: dynamic similarity at the usual speed and the person's
height (`gaitlib.cohorts.growth`); their SD adds that of the speed to that of the stride time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

import gaitlib
from gaitlib.door.answer import Answer
from gaitlib.door.recording import POINT
from gaitlib.environment import SHIPPED
from gaitlib.errors import InputError

KIND, VERSION = "gaitlib-report", 1
NAMES = (
    *("speed_mps", "cadence_spm", "step_length_m", "step_length_r_m", "step_length_l_m", "step_time_s"),
    *("step_time_r_s", "step_time_l_s", "step_time_asymmetry", "step_length_asymmetry"),
    *("double_support_share", "stride_time_cv"),
)
"""What a report holds, in its order."""
GROUPS = {
    "healthy_adult": "healthy adults",
    "joint": "adults with a joint disease",
    "neurological": "adults with a neurological disorder",
    "weakness": "adults with muscle weakness",
    "child": "typically developing children",
    "cerebral_palsy": "children with cerebral palsy",
    "older_adult": "older adults",
    "parkinsons": "people with Parkinson's disease",
    "multiple_sclerosis": "people with multiple sclerosis",
    "dementia": "people with dementia",
}
_PEOPLE = 1.96
_LEAST_STEPS = 2
_FRAME_SHARE, _LENGTH_SHARE = 0.5, 0.015
"""What contacts on simulated walks are off, in frames, and their footprints, as a share of the step."""
_RESAMPLES, _SEED = 500, 0


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
) -> Visit:
    """Put together what a report shows; an answer without values is refused with its reason."""
    if not answer.ok:
        done = "; ".join(answer.notes)
        raise InputError(f"{answer.source}: no report, as there is no estimate: {answer.status}. {done}".strip())
    seen = find_view(answer, view)
    values = {name: Measure(v.value, v.lower, v.upper, v.unit) for name, v in answer.values.items()}
    errors, tested = look_up_errors(answer, seen, group, results)
    if answer.recording.kind != "markers":
        # The network hardly sees asymmetry (simulated walks: mean error 8 points of step length, by the steps
        # that are seen 0.6), so it only stands where real people were its test.
        values = {k: v for k, v in values.items() if not k.endswith("asymmetry") or k in errors}
    values = split_sides(answer) | values if answer.recording.kind == "markers" else values | split_sides(answer)
    usual = compute_usual(age_years, sex, height_m)
    measures = {}
    for name in NAMES:
        if name not in values or not np.isfinite(values[name].value):
            continue
        low_high, source = usual.get(name, (None, ""))
        known = errors.get(name, {})
        measures[name] = replace(values[name], usual=low_high, usual_source=source, **known)
    changes, before = compare_visits(measures, earlier, seen) if earlier else ((), "")
    limits = _list_limits(answer, seen, age_years, sex, measures)
    return Visit(answer, measures, height_m, age_years, sex, seen, tested, limits, changes, before)


def find_view(answer: Answer, stated: str | None) -> str:
    """Name how the person was seen: side, front, the site of a sensor, 'space', or '' where unknown."""
    recording = answer.recording
    if recording.kind == "inertial":
        return recording.site or ""
    if recording.kind == "markers":
        return "space"
    if stated:
        return {"back": "front"}.get(stated, stated)
    ways = {bout["way"] for bout in answer.bouts if bout["status"] == "ok"}
    if ways <= {"left", "right"}:
        return "side"
    return "front" if ways <= {"near", "away"} else ""


def list_steps(answer: Answer) -> pd.DataFrame:
    """Find the steps that the recording shows: side that lands, time (s), length in units of the recording.

    Empty for sensors and for views in which no foot goes ahead of the other. Lengths lie between resting
    places, as in `gaitlib.outcomes`; NaN where the picture moves along with the person.
    """
    from gaitlib.event_curves import detect_events_from_curves

    rows: list[tuple[str, float, float]] = []
    recording = answer.recording
    fps, values = recording.facts["fps"], recording.values
    for bout in answer.bouts:
        if bout["status"] != "ok" or recording.kind == "inertial":
            continue
        part = values[int(round(bout["start_s"] * fps)) : int(round(bout["end_s"] * fps))]
        curves = _follow_feet(part, recording.kind, bout["way"])
        if curves is None:
            continue
        feet, hip, landing = curves
        time_s = np.arange(len(part)) / fps
        events = detect_events_from_curves(time_s, feet - hip[:, None], with_landing=landing)
        contacts = events[events["event"] == "initial_contact"].sort_values("time_s")
        moments, sides = contacts["time_s"].to_numpy(), contacts["foot"].to_numpy()
        prints = _read_prints(time_s, feet, moments, sides)
        if recording.kind == "keypoints":
            width = recording.image_size_px[0] if recording.image_size_px else None
            prints = _even_out_depth(prints, sides, width, sign=-1.0 if bout["way"] == "left" else 1.0)
        for n in range(1, len(moments)):
            if sides[n] != sides[n - 1]:
                length = prints[n] - prints[n - 1] if bout["way"] != "in place" else np.nan
                rows.append((sides[n], moments[n] - moments[n - 1], length))
    return pd.DataFrame(rows, columns=["side", "time_s", "length"])


def _read_prints(time_s: np.ndarray, feet: np.ndarray, moments: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Resting place of each landing foot, 3 to 10 % of the stride after contact; NaN beyond the end."""
    if len(moments) < 2:
        return np.full(len(moments), np.nan)
    stride = 2 * float(np.median(np.diff(moments)))
    at = moments[:, None] + stride * np.linspace(0.03, 0.10, 6)
    paths = [np.interp(at, time_s, foot, right=np.nan) for foot in feet.T]
    return np.mean(np.where((sides == "r")[:, None], *paths), axis=1)


def _even_out_depth(prints: np.ndarray, sides: np.ndarray, width: float | None, sign: float) -> np.ndarray:
    """Bring both feet to one scale: the nearer foot looks larger, though strides of both are equally long.

    Scaled about the middle of the picture, or of the walk where the size of the picture is not known.
    """
    strides = {side: np.nanmedian(np.diff(prints[sides == side])) for side in "rl" if (sides == side).sum() > 1}
    if len(strides) < 2 or not all(np.isfinite(v) and v > 0 for v in strides.values()):
        return prints
    middle = sign * width / 2 if width else 0.5 * (np.nanmin(prints) + np.nanmax(prints))
    mean = 0.5 * (strides["r"] + strides["l"])
    scale = np.where(sides == "r", mean / strides["r"], mean / strides["l"])
    return middle + (prints - middle) * scale


def _follow_feet(part: np.ndarray, kind: str, way: str) -> tuple[np.ndarray, np.ndarray, bool] | None:
    """Place of the feet (time, 2) and the hips along the way, and whether they are heels."""
    n_space = 3 if kind == "markers" else 2
    get = {name: part[:, POINT[name], :n_space] for name in POINT}
    hip = 0.5 * (get["hip_r"] + get["hip_l"])
    known = np.isfinite(hip).all(axis=1)
    if known.sum() < 5:
        return None
    if kind == "markers":
        way_3d = np.polyfit(np.arange(len(part))[known], hip[known], 1)[0] * [1, 0, 1]
        forward = way_3d / max(np.linalg.norm(way_3d), 1e-12)
    else:
        sign = {"right": 1.0, "left": -1.0}.get(way)
        if sign is None and way == "in place":
            toes = np.stack([get[f"toe_{s}"] - get[f"ankle_{s}"] for s in "rl"])[..., 0]
            legs = np.abs(hip - 0.5 * (get["ankle_r"] + get["ankle_l"]))[..., 1]
            ahead = np.nanmedian(toes) / max(np.nanmedian(legs), 1e-9) if np.isfinite(toes).any() else 0.0
            sign = np.sign(ahead) if abs(ahead) > 0.1 else None
        if sign is None:
            return None
        forward = np.array([sign, 0.0])
    part_name = "heel" if all(np.isfinite(get[f"heel_{s}"]).all(axis=1).mean() > 0.5 for s in "rl") else "ankle"
    feet = np.stack([get[f"{part_name}_{side}"] @ forward for side in "rl"], axis=1)
    return feet, hip @ forward, part_name == "heel"


def split_sides(answer: Answer) -> dict[str, Measure]:
    """Split step time and length into right and left, in the proportion of the steps seen.

    The mean of both sides stays the estimate; its interval is widened by the spread between steps.
    """
    steps, found = list_steps(answer), {}
    for column, name in (("time_s", "step_time"), ("length", "step_length")):
        unit = name.replace("step_time", "s").replace("step_length", "m")
        mean = answer.values.get(f"{name}_{unit}")
        own = {side: steps.loc[steps["side"] == side, column].dropna().to_numpy() for side in "rl"}
        if mean is None or any(len(values) < _LEAST_STEPS for values in own.values()):
            continue
        middle = 0.5 * (own["r"].mean() + own["l"].mean())
        if middle <= 0:
            continue
        finest = _FRAME_SHARE / answer.recording.facts["fps"] if unit == "s" else _LENGTH_SHARE * middle
        errors = {side: _compute_half_width(values, finest) for side, values in own.items()}
        for side, values in own.items():
            share, error = values.mean() / middle, errors[side] / middle * mean.value
            half = [np.nan_to_num(abs(mean.value - end)) * share for end in (mean.lower, mean.upper)]
            low, high = (float(np.hypot(one, error)) for one in half)
            value = float(mean.value * share)
            found[f"{name}_{side}_{unit}"] = Measure(value, value - low, value + high, mean.unit)
        half = 100 * float(np.hypot(*errors.values())) / middle
        apart = 100 * float(abs(own["r"].mean() - own["l"].mean())) / middle
        found[f"{name}_asymmetry"] = Measure(apart, max(apart - half, 0.0), apart + half, "%")
    return found


def _compute_half_width(values: np.ndarray, finest: float) -> float:
    """Half the 90 % interval of a mean, with what a single contact can be off."""
    from scipy.special import stdtrit

    spread = stdtrit(len(values) - 1, 0.95) * values.std(ddof=1) / np.sqrt(len(values))
    return float(np.hypot(spread, finest))


def compute_usual(age_years: float | None, sex: str | None, height_m: float) -> dict:
    """Compute the usual ranges of healthy people: name -> ((low, high), source). Empty without an age."""
    from gaitlib.cohorts.growth import build_person, compute_comfortable_speed, compute_typical_stride_time
    from gaitlib.cohorts.schema import ByAge, load_cohort

    if age_years is None or not 3 <= age_years <= 95:
        return {}
    name = "healthy_child" if age_years < 18 else "healthy_adult" if age_years < 65 else "older_adult"
    variables = load_cohort(name).variables
    pace, rhythm, cv = (variables[key] for key in ("speed_share", "stride_time_share", "stride_time_cv"))
    ends: dict[str, list[float]] = {}
    for one in [sex] if sex else ["m", "f"]:
        speed = compute_comfortable_speed(age_years, one) * pace.mean
        person = build_person(age_years, one, 0.0, 0.0).model_copy(update={"height_m": height_m})
        step = 0.5 * rhythm.mean * compute_typical_stride_time(person, speed)
        spread = float(np.hypot(rhythm.sd, 0.5 * pace.sd))
        centre = {"speed_mps": speed, "step_time_s": step, "step_length_m": speed * step}
        for key, value in centre.items():
            half = _PEOPLE * (pace.sd if key == "speed_mps" else spread)
            ends.setdefault(key, []).extend([value * (1 - half), value * (1 + half)])
    found = {key: (min(values), max(values)) for key, values in ends.items()}
    step = found["step_time_s"]
    found["cadence_spm"] = (60 / step[1], 60 / step[0])
    mean = np.interp(age_years, cv.mean.age_years, cv.mean.value) if isinstance(cv.mean, ByAge) else cv.mean
    found["stride_time_cv"] = (100 * max(mean - _PEOPLE * cv.sd, cv.low), 100 * (mean + _PEOPLE * cv.sd))
    for side in "rl":
        found |= {f"{k}_{side}_{u}": found[f"{k}_{u}"] for k, u in (("step_time", "s"), ("step_length", "m"))}
    similar = "usual speed and body height by dynamic similarity (gaitlib.cohorts.growth)"
    sources = {"speed_mps": pace.source, "stride_time_cv": cv.source}
    return {key: (tuple(map(float, ends)), sources.get(key, similar)) for key, ends in found.items()}


def look_up_errors(
    answer: Answer, view: str, group: str | None = None, results: Path | None = None
) -> tuple[dict[str, dict], str]:
    """Look up what was found on real people for this view: error and detectable change, and a sentence."""
    from gaitlib.evaluate.agreement import compute_agreement

    if answer.recording.kind == "markers":
        return {}, "Measured directly from markers in three dimensions; no estimator was used."
    table = _read_estimates(results or SHIPPED / "data" / "earlier")
    if group is not None and group not in set(table["subgroup"]):
        raise InputError(f"--group: found '{group}', expected one of {', '.join(sorted(set(table.subgroup)))}.")
    method = "classical" if "classical" in answer.method else "synthetic"
    table = table[(table["view"] == view) & (table["method"] == method) & (table["status"] == "ok")]
    table = table[table["subgroup"] == group] if group else table
    found: dict[str, dict] = {}
    for name, rows in table.dropna(subset=["reference", "estimate"]).groupby("outcome"):
        if name not in answer.values or rows["person_id"].nunique() < 4:
            continue
        factor = 100.0 if answer.values[name].unit == "%" else 1.0
        person = rows["dataset"].astype(str) + "/" + rows["person_id"].astype(str)
        rng = np.random.default_rng(_SEED)
        pair = (rows[key].to_numpy(dtype=float) * factor for key in ("reference", "estimate"))
        told = compute_agreement(*pair, person.to_numpy(), rng, _RESAMPLES)["value"]
        found[str(name)] = {"mae": float(told["mae"]), "detectable": float(told["mdc95"])}
        found[str(name)]["people"] = int(person.nunique())
    if not found:
        where = f"this view ({view})" if view else "a camera of unknown direction"
        return {}, f"Not tested on real people for {where}: take the values as a first impression."
    people = max(item["people"] for item in found.values())
    names = [GROUPS.get(item, item) for item in dict.fromkeys(table["subgroup"])]
    kind = "by a worn sensor" if answer.recording.kind == "inertial" else (
        "by key points from motion capture with the errors of a pose detector added"
    )
    return found, f"Tested on {people} real people ({', '.join(names)}), seen {kind}; view: {view}."


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
    rows = []
    for name, now in measures.items():
        before = earlier.get("values", {}).get(name)
        if before is None:
            continue
        if not isinstance(before, dict) or before.get("unit") != now.unit or before.get("value") is None:
            raise InputError(f"--compare {path}: values.{name}: expected a value in {now.unit}.")
        change = now.value - before["value"]
        row = {"outcome": name, "before": before["value"], "now": now.value, "change": change}
        row |= {"unit": now.unit, "detectable": now.detectable, "beyond_error": None}
        if now.detectable is not None:
            row["beyond_error"] = bool(abs(change) > now.detectable)
        rows.append(row)
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
        why = "a worn sensor" if answer.recording.kind == "inertial" else "this view"
        limits.append(f"right and left steps cannot be told apart by {why}")
    if age_years is None:
        limits.append("no usual ranges: the age was not given (--age)")
    elif not 3 <= age_years <= 95:
        limits.append(f"no usual ranges for {age_years:g} years; there are some for 3 to 95")
    elif sex is None:
        limits.append("usual ranges are those of men and women together (--sex)")
    if age_years is not None and age_years < 18 and answer.recording.kind != "markers":
        limits.append("the test on real people was on adults; this is a child")
    return tuple(dict.fromkeys(limits))
