"""Walks of real people with inertial sensors, each beside what was measured at the same time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from gaitlib.data.fetch import get_path, get_paths
from gaitlib.data.packed import PACKED, list_recordings, read_recording
from gaitlib.data.readers.inertial_recordings import read_lower_back_trial
from gaitlib.data.readers.matlab import LowerBackTest, read_mat_passes, read_opal_recording
from gaitlib.errors import InputError
from gaitlib.signals import find_runs

_REFERENCE_SYSTEMS = ("INDIP", "Stereophoto")
_SHORTEST_S = 2.0
_FREEZING_MARGIN_S = 1.0
_WINDOW_S = 8.0
_SWING_RAD_S = 1.5
_MIN_STRIDE_S = 0.6
_MIN_STRIDES = 4
_MAX_STRIDE_CV = 0.2
_TURN_RAD_S, _TURN_SMOOTHING_S = np.radians(25.0), 0.5
MAT_FILES = {"older_adult": ("GaitRite-Elderly.mat", 1), "stroke": ("GaitRite-Stroke.mat", 21)}
"""Group -> its mat file and the number in the file name of the first person there; others have no mat."""


def load_inertial_walks(dataset_id: str, purpose: str = "evaluate") -> list[xr.Dataset]:
    """Load the walks of a set of real people with inertial sensors."""
    loaders = {
        "lower_back_events": _load_lower_back_events,
        "mobilised_lab": _load_mobilised,
        "opal_gaitrite": _load_opal,
        "parkinson_fog_imu": _load_freezing,
    }
    if dataset_id not in loaders:
        raise InputError(f"data item '{dataset_id}' has no inertial walks; known: {', '.join(loaders)}")
    return loaders[dataset_id](purpose)


def _load_lower_back_events(purpose: str) -> list[xr.Dataset]:
    walks = []
    stems = [
        path.name.removesuffix("_lb.txt") for path in get_paths("lower_back_events", purpose, "*_lb.txt")
    ]
    for stem in sorted(stems, key=lambda stem: [int(word) for word in stem.split("-")]):
        files = (get_path("lower_back_events", f"{stem}{end}", purpose) for end in ("_lb.txt", ".json"))
        walks += split_turn_trial(*read_lower_back_trial(*files), stem)
    return walks


def split_turn_trial(signals: xr.Dataset, events: pd.DataFrame, name: str) -> list[xr.Dataset]:
    """Split a trial of out, U-turn and back into its two straight walks."""
    about = signals.attrs
    spans = (("out", "walk_start_s", "turn_start_s"), ("back", "turn_end_s", "walk_end_s"))
    walks = []
    for way, first, last in spans:
        start, end = about[first], about[last]
        if end - start >= _SHORTEST_S:
            inside = events[(events["time_s"] >= start) & (events["time_s"] <= end)]
            place = ("lower_back_events", "healthy_adult", about["person_id"], f"{name}-{way}")
            known = {"height_m": about["height_m"], "age_years": about["age_years"], "site": "lower_back"}
            events_here = inside.assign(time_s=inside["time_s"] - start)
            walks.append(_cut(signals, start, end, *place, events=events_here, **known))
    return walks


def _load_mobilised(purpose: str) -> list[xr.Dataset]:
    walks = []
    item = "mobilised_lab"
    for name in list_recordings(item, "*/data.mat"):
        cohort, number, _ = name.split("/")
        person = read_recording(item, f"{cohort}/{number}/infoForAlgo.mat", purpose)
        subgroup = {"HA": "older_adult", "MS": "multiple_sclerosis"}.get(cohort, cohort.lower())
        for test in read_recording(item, name, purpose):
            walks += split_bouts(test, f"{cohort}{number}", subgroup, person["height_m"])
    return walks


def split_bouts(test: LowerBackTest, person_id: str, subgroup: str, height_m: float) -> list[xr.Dataset]:
    """Split a test of the Mobilise-D format into its walking bouts."""
    bouts = test.bouts[test.bouts["kind"] == "MicroWB"]
    system = next((name for name in _REFERENCE_SYSTEMS if (bouts["system"] == name).any()), None)
    walks = []
    bouts = bouts[bouts["system"] == system]
    for bout in bouts.itertuples():
        if bout.end_s - bout.start_s >= _SHORTEST_S:
            reference = {
                "reference_speed_mps": bout.speed_mps,
                "reference_step_length_m": bout.stride_length_m / 2,
                "reference_step_time_s": 60.0 / bout.cadence_spm if bout.cadence_spm > 0 else np.nan,
            }
            name = f"{person_id}/{test.name}/{bout.bout}"
            walks.append(
                _cut(test.signals, bout.start_s, bout.end_s, "mobilised_lab", subgroup, person_id, name,
                     site="lower_back", height_m=height_m, age_years=np.nan, system=system,
                     n_bouts=len(bouts), **reference)
            )  # fmt: skip
    return walks


def _load_freezing(purpose: str) -> list[xr.Dataset]:
    walks = []
    item = "parkinson_fog_imu"
    for name in list_recordings(item, "*.xlsx"):
        walks += split_steady_walking(read_recording(item, name, purpose), Path(name).stem)
    return walks


def split_steady_walking(recording: xr.Dataset, name: str) -> list[xr.Dataset]:
    """Split into windows of steady walking; a swing is a peak of the foot above half of its 95 % quantile."""
    fps, time_s = recording.attrs["fps"], recording["time"].values
    frozen = recording["freezing"].values
    calm = np.ones(len(time_s), dtype=bool)
    for start, stop in find_runs(frozen):
        calm[
            (time_s >= time_s[start] - _FREEZING_MARGIN_S) & (time_s <= time_s[stop - 1] + _FREEZING_MARGIN_S)
        ] = False
    lumbar = recording.sel(sensor="lumbar").drop_vars("sensor")
    feet = [recording["angular_velocity"].sel(sensor=f"foot_{side}").values for side in "rl"]
    known = np.isfinite(lumbar["acceleration"].values).all(axis=1) & np.isfinite(np.hstack(feet)).all(axis=1)
    walks = []
    for start, stop in find_runs(calm & known):
        for first in np.arange(time_s[start], time_s[stop - 1] - _WINDOW_S + 1e-9, _WINDOW_S):
            rows = (time_s >= first) & (time_s < first + _WINDOW_S)
            step = _measure_step_time([_find_swings(foot[rows], fps) for foot in feet], fps)
            if np.isnan(step):
                continue
            walks.append(
                _cut(lumbar, first, first + _WINDOW_S, "parkinson_fog_imu", "parkinsons",
                     recording.attrs["person_id"], f"{name}/{first:.0f}s", site="lower_back", height_m=np.nan,
                     age_years=np.nan, reference_step_time_s=step)
            )  # fmt: skip
    return walks


def _load_opal(purpose: str) -> list[xr.Dataset]:
    item, walks, passes = "opal_gaitrite", [], {}
    for group, (name, first) in MAT_FILES.items():
        table = read_mat_passes(get_path(item, name, purpose))
        passes |= {first + n: (group, own) for n, own in table.groupby("person")}
    for path in get_paths(item, purpose, "S*-dataMIMU.mat"):
        person = path.name.partition("-")[0]
        recording = read_opal_recording(path)
        group, own = passes.get(int(person[1:]), ("parkinsons", None))
        walks += (
            split_straights(recording, person) if own is None else split_passes(recording, own, group, person)
        )
    return walks


def split_passes(
    recording: xr.Dataset, passes: pd.DataFrame, subgroup: str, person_id: str
) -> list[xr.Dataset]:
    """Cut out the passes over the mat, per sensor: what the sensors felt while the mat measured."""
    walks, last_s = [], float(recording["time"].values[-1])
    for row in passes.itertuples():
        if row.end_s > last_s:
            raise InputError(
                f"{person_id}: a pass over the mat ends at {row.end_s:g} s, but the sensors recorded "
                f"{last_s:g} s; mat and sensors do not belong together"
            )
        inside = recording.sel(time=slice(row.start_s, row.end_s))
        swings = [_find_swings(turning, recording.attrs["fps"]) for turning in _get_shanks(inside)]
        walks += _cut_sensors(
            recording, row.start_s, row.end_s, subgroup, person_id, row.number,
            reference_speed_mps=row.speed_mps, reference_step_length_m=row.stride_length_m / 2,
            reference_step_time_s=row.stride_time_s / 2,
            swing_step_time_s=_measure_step_time(swings, recording.attrs["fps"], fewest=2),
        )  # fmt: skip
    return walks


def split_straights(recording: xr.Dataset, person_id: str) -> list[xr.Dataset]:
    """Cut walks to and fro, per sensor, from first to last swing between turns; step time of the shanks."""
    fps, walks = recording.attrs["fps"], []
    for start, stop in find_straights(recording.sel(sensor="lower_back")):
        swings = [_find_swings(turning[start:stop], fps) for turning in _get_shanks(recording)]
        step = _measure_step_time(swings, fps)
        if np.isfinite(step):
            first, last = (start + pick([pick(side) for side in swings]) for pick in (min, max))
            walks += _cut_sensors(
                recording, first / fps, last / fps, "parkinsons", person_id, len(walks) // 3,
                reference_step_time_s=step,
            )  # fmt: skip
    return walks


def find_straights(back: xr.Dataset) -> list[tuple[int, int]]:
    """Find the samples between turns, where the trunk turns slower than 25 deg/s about the vertical."""
    up = np.nanmean(back["acceleration"].values, axis=0)
    rate = np.nan_to_num(back["angular_velocity"].values) @ (up / np.linalg.norm(up))
    fps = back.attrs["fps"]
    rate = gaussian_filter1d(rate, _TURN_SMOOTHING_S * fps)
    return [run for run in find_runs(np.abs(rate) < _TURN_RAD_S) if run[1] - run[0] >= _SHORTEST_S * fps]


def _get_shanks(recording: xr.Dataset) -> list[np.ndarray]:
    return [recording["angular_velocity"].sel(sensor=f"shank_{side}").values for side in "rl"]


def _cut_sensors(recording, start_s, end_s, subgroup, person_id, number, **reference) -> list[xr.Dataset]:
    about = {"height_m": np.nan, "age_years": np.nan} | reference
    walks = []
    for site in recording["sensor"].values.tolist() if end_s - start_s >= _SHORTEST_S else ():
        place = "opal_gaitrite", subgroup, person_id, f"{person_id}/{number + 1}/{site}"
        own = recording.sel(sensor=site).drop_vars("sensor")
        walks.append(_cut(own, start_s, end_s, *place, site=site, **about))
    return walks


def _measure_step_time(swings: list[np.ndarray], fps: float, fewest: int = _MIN_STRIDES) -> float:
    """Half the mean time between swings (s), of both legs; NaN where they are few or uneven."""
    strides = [np.diff(side) / fps for side in swings]
    if any(len(s) < fewest or np.std(s) > _MAX_STRIDE_CV * np.mean(s) for s in strides):
        return float("nan")
    return 0.5 * float(np.mean([np.mean(s) for s in strides]))


def _find_swings(turning: np.ndarray, fps: float) -> np.ndarray:
    """Samples at which one leg swings."""
    centred = turning - turning.mean(axis=0)
    axis = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    rate = gaussian_filter1d(centred @ axis, 0.03 * fps)
    rate = rate * np.sign(np.mean(rate**3) or 1.0)
    top = np.percentile(rate, 95)
    if top < _SWING_RAD_S:
        return np.empty(0, dtype=int)
    return find_peaks(rate, height=0.5 * top, distance=max(int(_MIN_STRIDE_S * fps), 1))[0]


def _cut(signals, start_s, end_s, dataset, subgroup, person_id, walk_id, **attributes) -> xr.Dataset:
    time_s = signals["time"].values
    part = signals[["acceleration", "angular_velocity"]].isel(time=(time_s >= start_s) & (time_s <= end_s))
    part = part.assign_coords(time=part["time"] - start_s)
    about = {"dataset": dataset, "subgroup": subgroup, "person_id": str(person_id), "walk_id": walk_id}
    about |= {PACKED: signals.attrs[PACKED]} if PACKED in signals.attrs else {}
    part.attrs = about | {"origin": "real", "fps": float(signals.attrs["fps"])} | attributes
    return part
