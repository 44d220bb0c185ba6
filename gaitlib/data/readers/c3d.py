"""C3D files: markers, force plates, analog channels, events and the person's measures."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.data.readers.text_tables import build_markers, choose_subject
from gaitlib.errors import InputError
from gaitlib.events import CONTACT_N

_LENGTH_M = {"mm": 1e-3, "cm": 1e-2, "m": 1.0}
_EVENTS = {
    "initial_contact": r"(foot|heel|initial|floor)?(strike|contact|on|down)|fs|hs|ic|fc|footstrike",
    "toe_off": r"(foot|toe|terminal)?(off|contact(end|off))|fo|to|tc",
}
_OUTPUT_GROUPS = ("ANGLES", "FORCES", "MOMENTS", "POWERS", "SCALARS")
_OUTPUT_NAME = re.compile(r"(Angles?|Moments?|Forces?|Powers?|GRF|ArchHeightIndex)$")
_SPACE = ["x", "y", "z"]
_BLOCK = 512
_MOST_FRAMES = 65535
_VAX_FLOATS, _BIG_ENDIAN = 85, 86
"""Processor types of old c3d files (84: little-endian, the usual one)."""


@dataclass(frozen=True)
class C3dRecording:
    """One c3d file. All times are in s and start at the first stored frame."""

    # marker_position(time, marker, space) in m, laboratory axes of the file, NaN where not seen; attributes
    # source_file, fps
    markers: xr.Dataset
    analog: xr.Dataset  # analog(analog_time, channel) in the units of the file; coordinate unit(channel)
    # plate_force(analog_time, plate, space) in N, force of the ground on the person;
    # center_of_pressure(analog_time, plate, space) in m, NaN below 20 N. Without plates: no plates
    plates: xr.Dataset
    events: pd.DataFrame  # foot ('r', 'l'), event ('initial_contact', 'toe_off'), time_s; in order of time
    # values of the PROCESSING group as floats in the units of the file (mm, kg, rad)
    measures: dict[str, float]

    def get_marker(self, name: str) -> np.ndarray:
        """Give one marker's path; shape (time, 3)."""
        if name not in self.markers.indexes["marker"]:
            raise InputError(f"{self.markers.attrs['source_file']}: marker '{name}' is missing")
        return self.markers["marker_position"].sel(marker=name).values

    def get_measure(self, name: str) -> float:
        """Give one measure of the person."""
        value = self.measures.get(name, float("nan"))
        if not np.isfinite(value):
            raise InputError(f"{self.markers.attrs['source_file']}: measure 'PROCESSING:{name}' is missing")
        return value


def read_c3d(path: str | Path, subject: str | None = None) -> C3dRecording:
    """Read a C3D file; of several people the one that is named."""
    import ezc3d

    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path.name}: no such file")
    _check_size(path)
    try:
        content = ezc3d.c3d(str(path), extract_forceplat_data=True)
    except Exception as error:  # ezc3d raises several types, also for truncated files
        why = (str(error).strip().splitlines() or [type(error).__name__])[0][:100]
        raise InputError(f"{path.name}: not a readable c3d file, or truncated ({why})") from None
    parameters = content["parameters"]
    markers = _build_markers(path.name, content, subject)
    first_s = _find_first_frame(content) / markers.attrs["fps"]
    analog = _build_analog(content)
    return C3dRecording(
        markers=markers,
        analog=analog,
        plates=_build_plates(path.name, content, analog["analog_time"].values),
        events=_build_events(parameters, first_s, float(markers["time"][-1])),
        measures=_collect_measures(parameters),
    )


def _check_size(path: Path) -> None:
    """Refuse a truncated file before the library sees it: the library crashes on some of them."""
    n_bytes = path.stat().st_size
    with path.open("rb") as stream:
        header = stream.read(_BLOCK)
        parameters_at = (header[0] - 1) * _BLOCK if header else 0
        if len(header) < _BLOCK or header[1] != 0x50 or not 0 < parameters_at <= n_bytes - 4:
            raise InputError(f"{path.name}: not a readable c3d file, or truncated (no c3d header)")
        stream.seek(parameters_at)
        _, _, n_parameter_blocks, processor = stream.read(4)
    order = ">" if processor == _BIG_ENDIAN else "<"
    n_points, n_analog, first, last = struct.unpack_from(f"{order}4H", header, 2)
    scale, data_block = struct.unpack_from(f"{order}fH", header, 12)
    if processor == _VAX_FLOATS:
        scale = -1.0 if header[13] & 0x80 else 1.0
    n_frames = last - first + 1 if last >= first else 0
    expected = (data_block - 1) * _BLOCK
    expected += n_frames * (4 * n_points + n_analog) * (4 if scale < 0 else 2)
    if last == _MOST_FRAMES and n_bytes > expected + 4 * _BLOCK:
        raise InputError(
            f"{path.name}: holds more frames than the header of a c3d file can count ({_MOST_FRAMES}); "
            "export it in parts"
        )
    expected = max(expected, parameters_at + n_parameter_blocks * _BLOCK)
    if n_bytes < expected:
        raise InputError(f"{path.name}: truncated: {n_bytes} bytes, the header promises {expected}")


def _get_values(parameters: dict, group: str, name: str) -> list:
    """All values of a parameter that is split over NAME, NAME2, NAME3 ... beyond 255 entries."""
    values: list = []
    for suffix in ["", *map(str, range(2, 10))]:
        entry = parameters.get(group, {}).get(name + suffix)
        if entry is None or "value" not in entry:
            break
        values.extend(list(entry["value"]))
    return values


def _find_first_frame(content: dict) -> int:
    """Number of the first stored frame, from zero; below zero where a trial was cut before its trigger."""
    first = int(content["header"]["points"]["first_frame"])
    field = _get_values(content["parameters"], "TRIAL", "ACTUAL_START_FIELD")
    if len(field) == 2:  # two words of 16 bits, least significant first
        first = (int(field[0]) & 0xFFFF | (int(field[1]) & 0xFFFF) << 16) - 1
        first -= 2**32 if first >= 2**31 else 0
    return first - 2**16 if 2**15 <= first < 2**16 and not field else first


def _build_markers(file_name: str, content: dict, subject: str | None) -> xr.Dataset:
    parameters = content["parameters"]
    positions = np.asarray(content["data"]["points"])[:3]
    labels = [str(label).strip() for label in _get_values(parameters, "POINT", "LABELS")]
    if positions.size == 0 or positions.shape[1] == 0:
        raise InputError(f"{file_name}: holds no markers")
    labels = labels[: positions.shape[1]] + [f"unnamed_{i}" for i in range(len(labels), positions.shape[1])]
    listed = [name for group in _OUTPUT_GROUPS for name in _get_values(parameters, "POINT", group)]
    outputs = {str(name).strip() for name in listed}
    places = [
        n
        for n, label in enumerate(labels)
        if not ({label, name := label.split(":")[-1].strip()} & outputs or _OUTPUT_NAME.search(name))
    ]
    if not places:
        raise InputError(f"{file_name}: holds no markers beside model outputs")
    chosen = choose_subject(file_name, [labels[n] for n in places], subject)
    keep = [places[n] for n in chosen.values()]
    units = _get_values(parameters, "POINT", "UNITS") or ["mm"]
    if units[0] not in _LENGTH_M:
        raise InputError(f"{file_name}: POINT:UNITS is {units[0]!r}; expected mm, cm or m")
    fps = float(content["header"]["points"]["frame_rate"])
    if not fps > 0:
        raise InputError(f"{file_name}: the frame rate is {fps}; expected above zero")
    hidden = np.asarray(content["data"]["meta_points"]["residuals"])[0] < 0
    positions = np.where(hidden[None], np.nan, positions)[:, keep] * _LENGTH_M[units[0]]
    time_s = np.arange(positions.shape[2]) / fps
    return build_markers(file_name, time_s, list(chosen), positions.transpose(2, 1, 0), fps)


def _build_analog(content: dict) -> xr.Dataset:
    values = np.asarray(content["data"]["analogs"])[0]
    labels = [str(label).strip() for label in _get_values(content["parameters"], "ANALOG", "LABELS")]
    units = [str(unit) for unit in _get_values(content["parameters"], "ANALOG", "UNITS")]
    rate = float(content["header"]["analogs"]["frame_rate"] or 1.0)
    labels = labels[: len(values)]
    return xr.Dataset(
        {"analog": (("analog_time", "channel"), values[: len(labels)].T)},
        coords={
            "analog_time": ("analog_time", np.arange(values.shape[1]) / rate, {"units": "s"}),
            "channel": labels,
            "unit": ("channel", (units + [""] * len(labels))[: len(labels)]),
        },
        attrs={"sampling_rate_hz": rate},
    )


def _build_plates(file_name: str, content: dict, analog_time: np.ndarray) -> xr.Dataset:
    plates = content["data"].get("platform", [])
    force = np.zeros((len(analog_time), len(plates), 3))
    center = np.full_like(force, np.nan)
    for index, plate in enumerate(plates):
        if str(plate["unit_force"]) != "N" or str(plate["unit_position"]) not in _LENGTH_M:
            raise InputError(
                f"{file_name}: force plate {index + 1} is in {plate['unit_force']} and "
                f"{plate['unit_position']}; expected N and mm, cm or m"
            )
        force[:, index] = np.asarray(plate["force"]).T
        center[:, index] = np.asarray(plate["center_of_pressure"]).T * _LENGTH_M[str(plate["unit_position"])]
    # Plates may give the force of the person on the plate; the ground pushes up on the person.
    if force.size and np.nansum(force[..., 2]) < 0:
        force = -force
    center[np.abs(force[..., 2]) < CONTACT_N] = np.nan
    return xr.Dataset(
        {
            "plate_force": (("analog_time", "plate", "space"), force, {"units": "N"}),
            "center_of_pressure": (("analog_time", "plate", "space"), center, {"units": "m"}),
        },
        coords={"analog_time": analog_time, "plate": np.arange(1, len(plates) + 1), "space": _SPACE},
    )


def _build_events(parameters: dict, first_s: float, last_s: float) -> pd.DataFrame:
    """Events within the stored frames; a file cut from a longer trial keeps the events of the rest."""
    labels = _get_values(parameters, "EVENT", "LABELS")
    contexts = _get_values(parameters, "EVENT", "CONTEXTS")
    times = np.asarray(parameters.get("EVENT", {}).get("TIMES", {}).get("value", np.zeros((2, 0))))
    rows = []
    for index, (label, context) in enumerate(zip(labels, contexts, strict=False)):
        found = _read_event(str(label), str(context))
        if found is not None and times.ndim == 2 and index < times.shape[1]:
            time_s = 60.0 * times[0, index] + times[1, index] - first_s
            if 0 <= time_s <= last_s:
                rows.append((*found, float(time_s)))
    table = pd.DataFrame(rows, columns=["foot", "event", "time_s"])
    return table.sort_values("time_s", ignore_index=True)


def _read_event(label: str, context: str) -> tuple[str, str] | None:
    """Foot and event, in the spellings of several makers: Foot Strike, RHS, left_toe_off."""
    words = re.sub(r"([a-z])([A-Z])", r"\1 \2", label).lower()
    side = context.strip().lower()[:1]
    text = re.sub(r"[^a-z]", "", words)
    if side not in ("r", "l"):
        found = re.match(r"(right|left|r|l)(?=.)", text)
        side = found[1][0] if found else ""
    for part in (text, re.sub(r"^(right|left|r|l)", "", text), re.sub(r"(right|left)$", "", text)):
        for event, pattern in _EVENTS.items():
            if side in ("r", "l") and re.fullmatch(pattern, part):
                return side, event
    return None


def _collect_measures(parameters: dict) -> dict[str, float]:
    measures = {}
    for name, entry in parameters.get("PROCESSING", {}).items():
        values = np.ravel(entry["value"]) if isinstance(entry, dict) and "value" in entry else []
        if (
            re.fullmatch(r"[A-Za-z]\w*", name)
            and len(values) == 1
            and np.issubdtype(type(values[0]), np.number)
        ):
            measures[name] = float(values[0])
    return measures
