"""MATLAB files: laboratory strides, the Mobilise-D lower-back format, Opal sensors and the GAITRite mat."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.errors import InputError

_GRAVITY = 9.81
"""As when the recordings that come with the project were packed; standard gravity is 0.03 % less."""
_SPACE = ["x", "y", "z"]
_COORDINATES = {
    "hip_flex": "hip_flexion",
    "hip_add": "hip_adduction",
    "hip_rot": "hip_rotation",
    "knee_flex": "knee_angle",
    "ankle_flex": "ankle_angle",
    "subt_angle": "subtalar_angle",
    "lower_torso_TX": "pelvis_tx",
    "lower_torso_TY": "pelvis_ty",
    "lower_torso_TZ": "pelvis_tz",
}
_AXES = {"Fore-aft": "x", "Vertical": "y", "Lateral": "z"}
_OPAL_SENSORS = {"lower_back": "LowerBack", "shank_r": "RightShank", "shank_l": "LeftShank"}
_SIGNALS = (
    ("acc", "acceleration", _GRAVITY, "m/s^2"),
    ("gyr", "angular_velocity", np.pi / 180.0, "rad/s"),
)
"""Field of a sensor, quantity, factor and unit; `Acc` and `Gyr` in the Mobilise-D format."""
_GRAVITY_RANGE_G = (0.8, 1.2)
_SLOWEST_SWING_DEG_S = 30.0
_MAT_FIELDS = {
    "Start": "start_s",
    "End": "end_s",
    "Stride_Velocity": "speed_mps",
    "Stride_Length": "stride_length_m",
    "Stride_Duration": "stride_time_s",
}
_LARGEST = {"speed_mps": 4.0, "stride_length_m": 3.0, "stride_time_s": 10.0}
"""Larger means are a slip of the unit (cm for m, ms for s)."""
_BOUT_FIELDS = {
    "Start": "start_s",
    "End": "end_s",
    "WalkingSpeed": "speed_mps",
    "AverageStrideLength": "stride_length_m",
    "Cadence": "cadence_spm",
    "NumberStrides": "n_strides",
}


def load_matlab(path: str | Path) -> dict:
    """Load a MATLAB v5 or v7 file with its nested structures as dicts."""
    import scipy.io

    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path.name}: no such file")
    try:
        content = scipy.io.loadmat(path, simplify_cells=True)
    except NotImplementedError:
        raise InputError(f"{path.name}: MATLAB v7.3 is not supported; save it as v7") from None
    except Exception as error:  # scipy raises many types on damaged files
        raise InputError(f"{path.name}: not a readable MATLAB file, or truncated ({error})") from None
    return {key: value for key, value in content.items() if not key.startswith("__")}


def read_laboratory_strides(path: str | Path) -> xr.Dataset:
    """Read strides of one person: joint angles, ground force, joint torque, EMG."""
    name = Path(path).name
    data = _get(load_matlab(path), name, "ExperimentalData")
    angles = _get(data, name, "Q", "subject1", "Qs")
    position, coordinates = _get_curves(name, "Q", angles)
    moment, moment_names = _get_curves(name, "Torques", _get(data, name, "Torques", "subject1"))
    force, force_names = _get_curves(name, "GRFs", _get(data, name, "GRFs", "subject1"))
    emg, channels = _get_curves(name, "EMG", _get(data, name, "EMG", "subject1"))
    if moment_names != coordinates:
        raise InputError(f"{name}: columns of 'Torques' and 'Q' differ")
    turning = np.array([not label.lower().endswith(("_tx", "_ty", "_tz")) for label in coordinates])
    position[..., turning] = np.radians(position[..., turning])
    knee = np.array(["knee" in label for label in coordinates])
    if knee.any() and np.nanmean(position[..., knee]) < 0:  # this model counts flexion negative
        position[..., knee] *= -1.0
        moment[..., knee] *= -1.0
    strides = ("stride", "phase", "coordinate")
    return xr.Dataset(
        {
            "position": (strides, position, {"units": "rad (translations: m)"}),
            "joint_moment": (strides, moment, {"units": "N m"}),
            "force_share": (("stride", "phase", "force"), force / 100.0, {"units": "body weight"}),
            "emg": (("stride", "phase", "channel"), emg, {"units": "1"}),
            "stride_length_m": ("stride", _get_scalars(name, data, "StrideLength", len(position))),
            "step_width_m": ("stride", _get_scalars(name, data, "StepWidth", len(position))),
        },
        coords={
            "phase": ("phase", np.linspace(0.0, 100.0, position.shape[1]), {"units": "% of stride"}),
            "coordinate": [_rename_coordinate(label) for label in coordinates],
            "force": [_rename_force(name, label) for label in force_names],
            "channel": channels,
        },
        attrs={"source_file": name},
    )


def _get(data: object, name: str, *keys: str):
    place = []
    for key in keys:
        place.append(key)
        if not isinstance(data, dict) or key not in data:
            raise InputError(f"{name}: field '{'.'.join(place)}' is missing")
        data = data[key]
    return data


def _get_curves(name: str, field: str, data: dict) -> tuple[np.ndarray, list[str]]:
    """Curves (stride, phase, column) and their column names."""
    values = np.asarray(_get(data, name, "all"), dtype=float)
    labels = [str(label) for label in np.ravel(_get(data, name, "colheaders"))]
    if values.ndim == 2:  # MATLAB drops the last dimension of a single stride
        values = values[..., None]
    if values.ndim != 3 or values.shape[1] != len(labels):
        raise InputError(
            f"{name}, field '{field}': shape {values.shape} does not fit {len(labels)} columns; "
            "expected (phase, column, stride)"
        )
    return values.transpose(2, 0, 1).copy(), labels


def _get_scalars(name: str, data: dict, field: str, n_strides: int) -> np.ndarray:
    values = np.ravel(np.asarray(_get(data, name, field, "subject1", "all"), dtype=float))
    if len(values) < n_strides:
        raise InputError(f"{name}, field '{field}': {len(values)} values for {n_strides} strides")
    return values[:n_strides]


def _rename_coordinate(label: str) -> str:
    stem, side = (label[:-2], label[-2:]) if label[-2:] in ("_r", "_l") else (label, "")
    return _COORDINATES.get(stem, stem) + side


def _rename_force(name: str, label: str) -> str:
    stem, side = (label[:-2], label[-2:]) if label[-2:] in ("-r", "-l") else (label, "")
    if stem not in _AXES:
        raise InputError(f"{name}, field 'GRFs': unknown column '{label}'")
    return _AXES[stem] + side.replace("-", "_")


@dataclass(frozen=True)
class LowerBackTest:
    """One test of the Mobilise-D format."""

    name: str  # 'TimeMeasure1/Test5/Trial1'
    # acceleration(time, space) in m/s^2 with gravity, angular_velocity(time, space) in rad/s, in the axes of
    # the sensor; attribute fps
    signals: xr.Dataset
    # one row per walking bout and reference system: system, kind ('MicroWB', 'ContinuousWalkingPeriod'),
    # start_s, end_s, speed_mps, stride_length_m, cadence_spm (steps per minute), n_strides
    bouts: pd.DataFrame
    contacts: pd.DataFrame  # initial contacts of the bouts: system, kind, bout, foot ('r', 'l'), time_s


def read_lower_back_tests(path: str | Path) -> list[LowerBackTest]:
    """Read all tests of one person in the Mobilise-D lower-back format."""
    name = Path(path).name
    tests: list[LowerBackTest] = []
    _collect_tests(name, _get(load_matlab(path), name, "data"), [], tests)
    if not tests:
        raise InputError(f"{name}: holds no test with the sensor field 'SU.LowerBack'")
    return tests


def _collect_tests(name: str, node: dict, place: list[str], tests: list[LowerBackTest]) -> None:
    if not isinstance(node, dict):
        return
    if "SU" in node:
        label = "/".join(place)
        signals = _read_sensor(name, label, _get(node, name, "SU", "LowerBack"))
        bouts, contacts = _read_bouts(node.get("Standards", {}))
        tests.append(LowerBackTest(label, signals, bouts, contacts))
        return
    for key, child in node.items():
        _collect_tests(name, child, [*place, key], tests)


def _read_sensor(name: str, label: str, sensor: dict) -> xr.Dataset:
    fps = float(_get(sensor, name, "Fs", "Acc"))
    signals = {}
    for field, new, factor, unit in _SIGNALS:
        key = field.title()
        values = np.asarray(_get(sensor, name, key), dtype=float)
        if values.ndim != 2 or values.shape[1] != 3:
            raise InputError(f"{name}, test '{label}', field '{key}': shape {values.shape}, expected (n, 3)")
        signals[new] = (("time", "space"), values * factor, {"units": unit})
    n_samples = len(signals["acceleration"][1])
    time = ("time", np.arange(n_samples) / fps, {"units": "s"})
    return xr.Dataset(signals, coords={"time": time, "space": _SPACE}, attrs={"fps": fps})


def _read_bouts(standards: dict) -> tuple[pd.DataFrame, pd.DataFrame]:
    bouts, contacts = [], []
    for system, content in standards.items():
        for kind in ("MicroWB", "ContinuousWalkingPeriod"):
            found = content.get(kind, []) if isinstance(content, dict) else []
            found = [found] if isinstance(found, dict) else list(found)
            for index, bout in enumerate(found):
                row = {new: float(bout.get(old, np.nan)) for old, new in _BOUT_FIELDS.items()}
                bouts.append({"system": system, "kind": kind, "bout": index, **row})
                times = np.atleast_1d(np.asarray(bout.get("InitialContact_Event", []), dtype=float))
                feet = np.atleast_1d(bout.get("InitialContact_LeftRight", []))
                place, pairs = (system, kind, index), zip(times, feet, strict=False)
                contacts += [(*place, str(foot)[:1].lower(), time_s) for time_s, foot in pairs]
    about = ["system", "kind", "bout"]
    bouts = pd.DataFrame(bouts, columns=[*about, *_BOUT_FIELDS.values()])
    return bouts, pd.DataFrame(contacts, columns=[*about, "foot", "time_s"])


def read_lower_back_person(path: str | Path) -> dict:
    """Read the measures of one person in the Mobilise-D format."""
    name = Path(path).name
    info = _get(load_matlab(path), name, "infoForAlgo", "TimeMeasure1")
    try:
        return {
            "height_m": float(_get(info, name, "Height")) / 100.0,
            "mass_kg": float(_get(info, name, "Weight")),
            "sensor_height_m": float(_get(info, name, "SensorHeight")) / 100.0,
            "walking_aid": bool(_get(info, name, "WalkingAid_01")),
        }
    except TypeError:
        raise InputError(f"{name}: Height, Weight and SensorHeight must be numbers (cm, kg, cm)") from None


def read_opal_recording(path: str | Path) -> xr.Dataset:
    """Read Opal sensors at lower back and both shanks: acceleration (m/s^2) and rotation (rad/s)."""
    name = Path(path).name
    data = _get(load_matlab(path), name, "MIMU")
    fps = _get(data, name, "Fs")
    if not isinstance(fps, (int, float)) or not fps > 0:
        raise InputError(f"{name}, field 'Fs': found {fps!r}, expected samples per second")
    blocks, units = {}, {}
    for key, new, factor, unit in _SIGNALS:
        columns = []
        for sensor in _OPAL_SENSORS.values():
            values = np.asarray(_get(data, name, sensor, key), dtype=float)
            if values.ndim != 2 or values.shape[1] != 3 or len(values) != len((columns or [values])[0]):
                raise InputError(
                    f"{name}, field '{sensor}.{key}': found shape {values.shape}, expected (n, 3) with the "
                    "same n for every sensor"
                )
            columns.append(values)
        blocks[new], units[new] = np.stack(columns, axis=1), (factor, unit)
    gravity = float(np.linalg.norm(np.nanmean(blocks["acceleration"][:, 0], axis=0)))
    if not _GRAVITY_RANGE_G[0] < gravity < _GRAVITY_RANGE_G[1]:
        raise InputError(
            f"{name}, field 'LowerBack.acc': its mean is {gravity:.2f} long, expected 1 (g, with gravity)"
        )
    swing = float(np.nanmax(np.abs(blocks["angular_velocity"][:, 1:])))
    if swing < _SLOWEST_SWING_DEG_S:
        raise InputError(
            f"{name}, fields 'RightShank.gyr', 'LeftShank.gyr': at most {swing:.1f}, expected deg/s of a walk"
        )
    return xr.Dataset(
        {
            key: (("time", "sensor", "space"), block * units[key][0], {"units": units[key][1]})
            for key, block in blocks.items()
        },
        coords={
            "time": ("time", np.arange(len(blocks["acceleration"])) / fps, {"units": "s"}),
            "sensor": list(_OPAL_SENSORS),
            "space": _SPACE,
        },
        attrs={"fps": float(fps)},
    )


def read_mat_passes(path: str | Path) -> pd.DataFrame:
    """Read the passes over a GAITRite mat, each the mean of its strides; `person` counts from zero."""
    name = Path(path).name
    people = _get(load_matlab(path), name, "GaitRite")
    rows = []
    for number, person in enumerate([people] if isinstance(people, dict) else people):
        found = {new: _get(person, name, old) for old, new in _MAT_FIELDS.items()}
        single = np.ndim(found["start_s"]) == 0  # MATLAB drops the list around a single pass
        columns = {
            new: [value] if single or np.ndim(value) == 0 else list(value) for new, value in found.items()
        }
        if len({len(column) for column in columns.values()}) > 1:
            counts = ", ".join(f"{old} {len(columns[new])}" for old, new in _MAT_FIELDS.items())
            raise InputError(f"{name}, person {number + 1}: passes differ in number ({counts})")
        for passed in range(len(columns["start_s"])):
            row = {new: float(np.mean(column[passed])) for new, column in columns.items()}
            place = f"{name}, person {number + 1}, pass {passed + 1}"
            if not row["end_s"] > row["start_s"]:
                raise InputError(
                    f"{place}: found end {row['end_s']:g} s, expected later than start {row['start_s']:g} s"
                )
            for field, largest in _LARGEST.items():
                if not 0 < row[field] < largest:
                    raise InputError(f"{place}: {field} is {row[field]:g}, expected 0 to {largest:g}")
            rows.append({"person": number, "number": passed} | row)
    return pd.DataFrame(rows, columns=["person", "number", *_MAT_FIELDS.values()])
