"""The answer for a user's recording: values with intervals, the bouts behind them, and what was done."""

from __future__ import annotations

import html
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.door.bouts import Bout, find_bouts, find_inertial_bouts, trace_legs
from gaitlib.door.cleaning import bridge_gaps, clean_points, mark_missing
from gaitlib.door.formats import read_recording
from gaitlib.door.gate import check_inertial, check_keypoints, get_part
from gaitlib.door.inertial_tables import convert_signals
from gaitlib.door.measure import find_walking, measure_bout, stand_up
from gaitlib.door.names import build_points, get_order
from gaitlib.door.people import follow_people
from gaitlib.door.plot import draw_answer
from gaitlib.door.recording import Recording
from gaitlib.door.timing import place_in_time, thin_out
from gaitlib.door.upright import check_proportions, scale_picture, turn_upright
from gaitlib.errors import InputError
from gaitlib.estimate.inertial_features import LIMB_SITES
from gaitlib.estimate.predict import build_signals, check_known, check_method, estimate_clip
from gaitlib.estimate.targets import Estimate, Value
from gaitlib.outcomes import OUTCOMES
from gaitlib.sense.layouts import WALK_LAYOUT, build_image_keypoints, convert_layout
from gaitlib.signals import find_runs

_DECIMALS = {"m/s": 2, "%": 1, "deg": 0, "points": 0, "steps/min": 0}
_LONGEST_S = 9.0
"""Longer bouts are estimated in parts, as the estimator was trained on clips of 2 to 7 s."""


@dataclass(frozen=True, repr=False)
class Answer(Estimate):
    """The answer for one recording; `answer["speed_mps"].value`."""

    strides: float = 0.0  # behind the values, over all bouts
    bouts: tuple[dict, ...] = ()  # start_s, end_s, way, strides, status and, if estimated, values
    notes: tuple[str, ...] = ()  # what was found in the recording, changed or assumed
    source: str = ""
    method: str = ""  # how it was read and estimated
    recording: Recording | None = field(default=None, compare=False)  # as it was estimated

    def __getitem__(self, name: str) -> Value:
        """Give one outcome."""
        if name not in self.values:
            known = ", ".join(self.values) or f"none, as there is no estimate: {self.status}"
            raise KeyError(f"{name}; known: {known}")
        return self.values[name]

    def to_dict(self, with_activation: bool = False) -> dict:
        """Turn into plain values for JSON."""
        answer = super().to_dict(with_activation)
        answer |= {"strides": round(float(self.strides), 1), "bouts": list(map(_make_plain, self.bouts))}
        return answer | {"quality": list(self.notes), "source": self.source, "method": self.method}

    def to_table(self) -> pd.DataFrame:
        """Turn into a table: one row per outcome, over all bouts and for each."""
        blocks = [("all", self.values)]
        blocks += [(str(n), bout.get("values", {})) for n, bout in enumerate(self.bouts, start=1)]
        rows = [
            {"bout": name, "outcome": key, **vars(item)}
            for name, values in blocks
            for key, item in values.items()
        ]
        return pd.DataFrame(rows, columns=["bout", "outcome", "value", "lower", "upper", "unit"])

    def describe(self) -> str:
        """Write as lines of text."""
        lines = [f"no estimate: {self.status}"] if not self.ok else []
        for name, item in self.values.items():
            known = item.lower == item.lower
            value, lower, upper = _format(item)
            interval = f"(90 % interval {lower} to {upper})" if known else ""
            lines.append(f"{name:24s} {value:>7s} {item.unit:9s} {interval}".rstrip())
        if self.ok:
            lines.append(f"from {self.strides:.0f} strides in {_count_used(self.bouts)}; {self.method}")
        return "\n".join(lines + [f"- {note}" for note in self.notes])

    def __repr__(self) -> str:
        """Give the text of `describe`."""
        return f"<Answer for {self.source}>\n{self.describe()}"

    def _repr_html_(self) -> str:
        head = "" if self.ok else f"<p><b>No estimate</b>: {html.escape(self.status)}</p>"
        rows = "".join(
            f"<tr><td>{name}</td><td>{value}</td><td>{'' if lower == 'nan' else f'{lower} to {upper}'}</td>"
            f"<td>{item.unit}</td></tr>"
            for name, item in self.values.items()
            for value, lower, upper in [_format(item)]
        )
        titles = "<tr><th>outcome</th><th>value</th><th>90 % interval</th><th>unit</th></tr>"
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self.notes)
        return f"{head}{f'<table>{titles}{rows}</table>' if rows else ''}<ul>{notes}</ul>"

    def plot(self, path: str | Path | None = None):
        """Draw the track, the contacts found and the bouts; `path`: png, svg or pdf to write."""
        return draw_answer(self, path)


def _format(item: Value) -> list[str]:
    """Value and interval with as many digits as such a measurement has."""
    return [f"{number:.{_DECIMALS.get(item.unit, 3)}f}" for number in (item.value, item.lower, item.upper)]


def _count_used(bouts: tuple[dict, ...]) -> str:
    used = sum(bout["status"] == "ok" for bout in bouts)
    return f"{used} bout{'' if used == 1 else 's'}"


def _make_plain(bout: dict) -> dict:
    plain = {key: value for key, value in bout.items() if key != "values"}
    if "values" in bout:
        rows = {name: vars(item) for name, item in bout["values"].items()}
        plain["values"] = {n: {k: None if v != v else v for k, v in row.items()} for n, row in rows.items()}
    return plain


def estimate_gait(
    data,
    fps: float | None = None,
    height_m: float | None = None,
    layout: str | None = None,
    site: str | None = None,
    confidence: np.ndarray | None = None,
    image_size_px: tuple[int, int] | None = None,
    focal_length_px: float | None = None,
    age_years: float | None = None,
    view: str | None = None,
    method: str = "synthetic",
    estimator=None,
    format: str | None = None,
    person: int | None = None,
    subject: str | None = None,
    treadmill: bool = False,
) -> Answer:
    """Estimate the gait of a person from any file or array.

    Parameters
    ----------
    data : path, array or xarray.Dataset
        A file or folder (see `gaitlib.door.formats`), or keypoints (time, keypoint, 2), or inertial signals
        (time, 6), or a labelled dataset of either.
    fps : float, optional
        Frames or samples per second, where the file does not say.
    height_m : float, optional
        Body height (m).
    layout : str, optional
        Order of numbered points; needed for arrays of keypoints.
    site : str, optional
        Where an inertial sensor is worn.
    confidence : array, shape (n_time, n_keypoint), optional
        0-1, beside an array of keypoints.
    image_size_px : (int, int), optional
        Width and height of the image (px).
    focal_length_px : float, optional
        Focal length (px).
    age_years : float, optional
        Age (years).
    view : str, optional
        Where the camera stands, a name of `gaitlib.sense.camera.VIEWS`.
    method : str
        'synthetic' (the trained network) or 'classical' (keypoints only).
    estimator : GaitEstimator, optional
        The network to use; the shipped one if not given.
    format : str, optional
        What the file is, where its content misleads; a name of `gaitlib.door.formats.FORMATS`.
    person : int, optional
        Which person of a picture, counted from the one who walks most.
    subject : str, optional
        Which subject of a c3d or .trc file.
    treadmill : bool
        Whether the person is known to walk on a treadmill.

    Returns
    -------
    Answer
        Values with intervals, or the reason why there are none.

    Raises
    ------
    InputError
        If the file, its content or an option is wrong.

    Examples
    --------
    >>> import gaitlib
    >>> library = gaitlib.load_library()
    >>> row = library.table.query("cohort == 'healthy_adult' and verified").iloc[0]
    >>> who = gaitlib.Person(**{name: row[name] for name in gaitlib.Person.model_fields})
    >>> walk = gaitlib.build_walk(library.gaits.sel(gait=row["gait_id"]), who)
    >>> clip = gaitlib.observe_camera(walk)
    >>> estimate = gaitlib.estimate_gait(clip, height_m=who.height_m)
    >>> bool(abs(estimate.values["speed_mps"].value / row["speed_mps"] - 1) < 0.25)
    True
    """
    if height_m is not None and not 0.6 <= height_m <= 2.3:
        raise InputError(f"height_m: found {height_m:g}, expected 0.6 to 2.3. Give it in metres.")
    if image_size_px is not None and not all(0 < side < 1e5 for side in image_size_px):
        raise InputError(f"image_size_px: found {image_size_px}, expected width and height in pixels.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # means over points that nobody saw
        check_known(age_years, view)
        check_method(method)
        if isinstance(data, str | Path):
            recording = read_recording(data, format, layout, site, height_m, subject)
        else:
            recording = _read_array(data, fps, layout, site, confidence)
            height_m = height_m if height_m is not None else _get_number(data, "height_m")
        if image_size_px is not None:
            recording = recording.change(image_size_px=tuple(float(side) for side in image_size_px))
        recording = thin_out(place_in_time(recording, fps))
        known = {"height_m": height_m, "age_years": age_years, "view": view, "method": method}
        known |= {"focal_length_px": focal_length_px, "estimator": estimator}
        if recording.kind == "markers":
            return measure_markers(recording, height_m)
        if recording.kind == "inertial":
            return _estimate_inertial(recording, known)
        recording = scale_picture(mark_missing(recording))
        recording = follow_people(recording, person)
        recording = clean_points(turn_upright(recording))
        check_proportions(recording)
        return _estimate_keypoints(recording, known, treadmill)


def _get_number(data, name: str) -> float | None:
    value = getattr(data, "attrs", {}).get(name)
    return float(value) if value is not None and np.isfinite(float(value)) else None


def _read_array(data, fps, layout, site, confidence) -> Recording:
    """Bring arrays and datasets to a recording."""
    if layout is not None and site is not None:
        raise InputError("layout and site: both given; layout is for keypoints, site for inertial signals.")
    if not isinstance(data, xr.Dataset):
        if layout is None and site is None:
            raise InputError(
                "layout: not given; name the layout of a keypoint array, such as coco17, or the site of an "
                "inertial sensor, such as lower_back."
            )
        values = np.asarray(data, dtype=float)
        if site is not None:
            data = build_signals(values, fps, site)
        else:
            if values.ndim != 3 or len(values) == 0 or values.shape[2] != 2:
                raise InputError(
                    f"keypoints: found shape {values.shape}, expected (time, keypoint, 2) with frames."
                )
            names = get_order(layout, values.shape[1], "keypoints")
            if len(names) != values.shape[1]:
                raise InputError(
                    f"keypoints: found {values.shape[1]} points, expected the {len(names)} of {layout}."
                )
            level = (
                np.isfinite(values).all(axis=2) if confidence is None else np.asarray(confidence, dtype=float)
            )
            if level.shape != values.shape[:2]:
                raise InputError(f"confidence: found shape {level.shape}, expected {values.shape[:2]}.")
            points = build_points(np.concatenate([values, level[..., None]], axis=2), list(names))
            return Recording("keypoints", points[:, None])
    facts = {"fps": float(data.attrs["fps"])} if "fps" in data.attrs else {}
    if "acceleration" in data:
        if "sensor" in data.dims:
            sensors = [str(name) for name in data["sensor"].values]
            site = site or (sensors[0] if len(sensors) == 1 else None)
            if site not in sensors:
                raise InputError(f"site: name one of the sensors of the dataset: {', '.join(sensors)}.")
            data = data.sel(sensor=site)
        parts = [
            data[name].transpose("time", "space").values
            for name in ("acceleration", "angular_velocity")
            if name in data
        ]
        return Recording(
            "inertial", np.hstack(parts), site=site or str(data.attrs.get("site", "")), facts=facts
        )
    if "pixel_position" not in data:
        raise InputError("dataset: neither pixel_position nor acceleration is in it.")
    points = convert_layout(data)
    size = [_get_number(data, f"image_{side}_px") for side in ("width", "height")]
    values = np.concatenate(
        [points["pixel_position"].values, points["confidence"].values[..., None]], axis=-1
    )
    return Recording(
        "keypoints",
        values[:, None],
        data["time"].values if "fps" not in facts else None,
        image_size_px=None if None in size else tuple(size),
        facts=facts,
    )


def cut_bout(bout: Bout, fps: float) -> list[Bout]:
    """Parts of a long bout."""
    n = max(int(np.ceil((bout.last - bout.first) / fps / _LONGEST_S)), 1)
    edges = np.linspace(bout.first, bout.last, n + 1).astype(int)
    return [Bout(int(a), int(b), bout.way) for a, b in zip(edges[:-1], edges[1:], strict=True)]


def _estimate_keypoints(recording: Recording, known: dict, treadmill: bool) -> Answer:
    fps, values = recording.facts["fps"], recording.values
    attributes: dict = {"layout": WALK_LAYOUT, "fps": fps}
    if recording.image_size_px is not None:
        attributes |= dict(zip(("image_width_px", "image_height_px"), recording.image_size_px, strict=True))
    if known["focal_length_px"] is not None:
        attributes["focal_length_px"] = known["focal_length_px"]
    options = {name: known[name] for name in ("height_m", "age_years", "view", "method", "estimator")}

    def ask(bout: Bout) -> Estimate:
        if reason := check_keypoints(values[bout.rows], fps, treadmill):
            return Estimate(reason)
        clip = bridge_gaps(values[bout.rows], fps)
        data = build_image_keypoints(np.arange(len(clip)) / fps, clip[..., :2], clip[..., 2], attributes)
        return estimate_clip(data, **options)

    paths = trace_legs(values, fps)
    bouts = find_bouts(paths)
    results = [(part, ask(part)) for whole in bouts for part in cut_bout(whole, fps)]
    longest = max((last - first for first, last in find_runs(paths.seen)), default=0) / fps
    reason = "no walking found: no stretch of at least 2 s in which the legs step and the body goes one way"
    if longest < 2:
        reason = f"too short: the legs are in view for {longest:.2f} s in a row, at least 2 s needed"
    notes = []
    if bouts and {bout.way for bout in bouts} == {"in place"} and any(result.ok for _, result in results):
        notes.append(
            "the person stays in place in the picture (treadmill or moving camera); speed follows from the "
            "stance foot"
        )
    return _combine(
        recording, results, f"{recording.format}, estimated by '{known['method']}'", notes, reason
    )


def _estimate_inertial(recording: Recording, known: dict) -> Answer:
    fps, site = recording.facts["fps"], recording.site
    if recording.format == "array":
        values, notes = convert_signals("signals", recording.values, "rad/s", site)
        recording = recording.change(*notes, values=values)
    options = {name: known[name] for name in ("height_m", "age_years", "method", "estimator")}
    values = recording.values

    def ask(bout: Bout) -> Estimate:
        if reason := check_inertial(values[bout.rows], fps, site):
            return Estimate(reason)
        return estimate_clip(build_signals(values[bout.rows], fps, site), site=site, **options)

    bouts, notes = find_inertial_bouts(values, fps, get_part(site) in LIMB_SITES)
    results = [(part, ask(part)) for whole in bouts for part in cut_bout(whole, fps)]
    known_s = np.isfinite(values).all(axis=1).sum() / fps
    reason = "no walking found: no stretch of at least 2 s in which the sensor moves as with steps"
    if known_s < 2:
        reason = f"too short: {known_s:.2f} s of signal, at least 2 s of walking needed"
    method = f"{recording.format} at {site}, estimated by '{known['method']}'"
    return _combine(recording, results, method, notes, reason)


def measure_markers(recording: Recording, height_m: float | None) -> Answer:
    """Measure gait parameters from points in space, bout by bout."""
    recording, nan = stand_up(recording), float("nan")
    fps = recording.facts["fps"]
    bouts, points, notes = find_walking(recording.values, fps)
    results = []
    for bout in bouts:
        found, reason = measure_bout(points, fps, bout, recording.source, height_m)
        values = {
            name: Value(float(found[name]), nan, nan, OUTCOMES[name].unit)
            for name in OUTCOMES
            if not reason and name != "n_steps" and np.isfinite(found.get(name, nan))
        }
        results.append((bout, Estimate(reason or "ok", values)))
    method = f"{recording.format}, measured directly in three dimensions without an estimator"
    reason = "no walking found: nobody goes along with hips and feet in view"
    return _combine(recording, results, method, notes, reason)


def _to_percent(item: Value) -> Value:
    """Give shares of the stride in per cent."""
    if item.unit != "1" and not item.unit.startswith("share"):
        return item
    return Value(100 * item.value, 100 * item.lower, 100 * item.upper, "%")


def _combine(
    recording: Recording, results: list[tuple[Bout, Estimate]], method: str, notes: list, no_bout: str
) -> Answer:
    """Weight bouts by their strides; intervals are averaged, as errors of one person go together."""
    fps, bouts, weights, good = recording.facts["fps"], [], [], []
    about = {"source": recording.source, "method": method, "recording": recording}
    for bout, result in results:
        start, end = bout.first / fps, bout.last / fps
        entry: dict = {"start_s": round(start, 2), "end_s": round(end, 2), "way": bout.way}
        entry["status"] = result.status
        if result.ok:
            values = {n: _to_percent(item) for n, item in result.values.items() if np.isfinite(item.value)}
            strides = (end - start) / (2 * result.values["step_time_s"].value)
            entry |= {"strides": round(strides, 1), "values": values}
            weights.append(strides)
            good.append((values, result.activation))
        bouts.append(entry)
    declined = [(bout, result) for bout, result in results if not result.ok]
    if not good:
        status = (
            max(declined, key=lambda pair: pair[0].last - pair[0].first)[1].status if results else no_bout
        )
        return Answer(status, bouts=tuple(bouts), notes=(*recording.notes, *notes), **about)
    total, everything = sum(bout.last - bout.first for bout, _ in results) / fps, len(recording.values) / fps
    if declined:
        words = f"{len(declined)} of {len(results)} stretches gave no estimate ({declined[0][1].status})"
        notes = [*notes, words]
    if total < 0.9 * everything:
        words = f"{total:.1f} of {everything:.1f} s were used; standing, turns and gaps were cut out"
        notes = [*notes, words]
    combined = {}
    for name in dict.fromkeys(name for values, _ in good for name in values):
        rows = [
            (values[name], weight)
            for (values, _), weight in zip(good, weights, strict=True)
            if name in values
        ]
        ends = [[item.value, item.lower, item.upper] for item, _ in rows]
        mean = np.average(ends, axis=0, weights=[weight for _, weight in rows])
        combined[name] = Value(*map(float, mean), rows[0][0].unit)
    if {"step_time_s", "cadence_spm"} <= combined.keys():
        step = combined["step_time_s"]
        ends = (60 / end for end in (step.value, step.upper, step.lower))
        combined["cadence_spm"] = Value(*ends, combined["cadence_spm"].unit)
    curves = [(curve, weight) for (_, curve), weight in zip(good, weights, strict=True) if curve is not None]
    activation = (
        sum(curve * weight for curve, weight in curves) / sum(w for _, w in curves) if curves else None
    )
    notes = (*recording.notes, *notes)
    return Answer("ok", combined, activation, float(sum(weights)), tuple(bouts), notes, **about)
