"""Inertial tables of any maker: which columns are the sensor, and in which units."""

from __future__ import annotations

import re

import numpy as np

from gaitlib.door.gate import get_part, load_limits, measure_sizes
from gaitlib.door.loose_tables import Table, find_time
from gaitlib.door.recording import Recording
from gaitlib.errors import InputError
from gaitlib.estimate.inertial_features import LIMB_SITES, get_site
from gaitlib.gait import GRAVITY_MPS2

_WILD = np.repeat([400.0, 80.0], 3)
"""Acceleration (m/s^2) and angular velocity (rad/s) beyond those of a kick."""
_ACC = (
    r"(?:a|acc|accel|accelerometer|acceleration|accelerometeracceleration|linearacceleration|rawaccel\w*|"
    r"beschleunigung)"
)
_GYR = (
    r"(?:g|w|gyr|gyro|gyroscope|gyrorotation|angularvelocity|angvel|angularrate|rotationrate|rotation|"
    r"omega|rate|angularvelocities|turnrate|rateofturn|drehrate|winkelgeschwindigkeit)"
)
_IDLE = r"axis|achse|cal|calibrated|raw|m|s|s2|ms2|deg|rad|dps|mg|imu|sensor|data|motion"
_WITHOUT_GRAVITY = r"(?:user|free|linear|lin|dynamic)"
_SITES = {
    "lower_back": "lower_back lowerback lumbar l5 l4 pelvis sacrum waist trunk back".split(),
    "chest": "chest sternum thorax".split(),
    "thigh": "thigh upper_leg upperleg".split(),
    "shank": "shank shin tibia lower_leg lowerleg".split(),
    "ankle": ["ankle"],
    "foot": ["foot", "feet"],
    "wrist": ["wrist", "hand"],
}
_UNIT_WORDS = {"mdeg": r"mdps|mdeg", "deg": r"deg|°|dps|\bd/s|º", "rad": r"rad"}


def find_inertial_columns(names: list[str]) -> dict[str, dict[str, dict[str, int]]]:
    """Find the columns of sensors: prefix -> 'acc', 'gyr', 'free' or 'gravity' -> axis -> column."""
    found: dict = {}
    for n, name in enumerate(names):
        bare = re.sub(r"\(.*?\)|\[.*?\]", " ", name)
        bare = re.sub(r"([a-z])([A-Z])", r"\1_\2", bare).lower()
        words = [word for word in re.split(r"[^a-z0-9]+", bare) if word and not re.fullmatch(_IDLE, word)]
        if words and (joined := re.fullmatch(r"(acc|accel|gyr|gyro|a|g|w)([xyz])", words[-1])):
            words[-1:] = joined.groups()
        axes = [n for n, word in enumerate(words) if word in ("x", "y", "z", "e", "n")]
        if not axes or words[axes[-1]] in "en":
            continue
        axis = words.pop(axes[-1])
        kind, key = _find_kind(words) if words else (_find_kind_by_unit(name), "")
        if kind:
            found.setdefault(key, {}).setdefault(kind, {}).setdefault(axis, n)
    return {key: {k: v for k, v in kinds.items() if set(v) == set("xyz")} for key, kinds in found.items()}


def _find_kind_by_unit(name: str) -> str:
    """What a column measures that is named by its axis and unit alone: 'x-axis (deg/s)'."""
    unit = " ".join(re.findall(r"[\(\[](.*?)[\)\]]", name.lower()))
    return "gyr" if re.search(r"deg|rad|dps|°", unit) else "bare"


def _find_kind(words: list[str]) -> tuple[str, str]:
    """What a column measures, and the words that name its sensor."""
    text, kinds = "".join(words), {}
    for kind, pattern in (("gravity", "gravity"), ("acc", _ACC), ("gyr", _GYR)):
        kinds[kind] = [word for word in words if re.fullmatch(pattern, word)]
    if re.search(r"mag|quat|euler|roll|pitch|yaw|temp|velinc|deltav|attitude|heading|compass", text):
        return "", ""
    said = set(words)
    kind = next((kind for kind, own in kinds.items() if own), "acc" if text.startswith("acc") else "")
    if not kind and ({"angular", "velocity"} <= said or {"rotation", "rate"} <= said):
        kind = "gyr"
    spare = set(kinds.get(kind, ()))
    if kind == "acc":
        free = {word for word in said - spare if re.fullmatch(_WITHOUT_GRAVITY, word)}
        kind, spare = "free" if free else "acc", spare | free | {"ln", "wr"}
    elif kind == "gyr":
        spare |= {"angular", "velocity", "rotation", "rate", "turn", "of"}
    return kind, "_".join(word for word in words if word not in spare) if kind else ""


def read_inertial(table: Table, site: str | None) -> Recording:
    """Read one sensor of a table of inertial signals."""
    names = table.names
    sensors = find_inertial_columns(names)
    for key in [key for key, kinds in sensors.items() if "gyr" not in kinds and key]:
        if {"acc", "free"} & sensors[key].keys() and "gyr" in sensors.get(
            "", {}
        ):  # a maker names only one of both
            sensors[""] = sensors.pop(key) | sensors[""]
    key, site, note = _choose(table.name, sensors, site)
    kinds, notes = sensors[key], [note]
    read = {kind: np.stack([table.read(kinds[kind][axis]) for axis in "xyz"], axis=1) for kind in kinds}
    if "acc" in read:
        acceleration = read["acc"]
    elif "free" in read and "gravity" in read:
        acceleration = read["free"] + read["gravity"]
        notes.append("acceleration without gravity and gravity were added")
    elif "free" in read and _has_gravity(read["free"]):
        acceleration = read["free"]
        notes.append("the acceleration is named as without gravity, but gravity is in it")
    else:
        raise InputError(
            f"{table.name}: the acceleration is without gravity; the estimate needs it with gravity "
            f"(raw acceleration)."
        )
    parts, said = [acceleration], ""
    if "gyr" in kinds:
        parts.append(read["gyr"])
        said = " ".join(row[kinds["gyr"]["x"]] for row in table.header).lower()
    values, more = convert_signals(table.name, np.hstack(parts), said, site)
    time_s, frames, used = find_time(table)
    rate = re.search(r"(?:rate|frequency|freq|fs)\D{0,12}(\d+(?:[.,]\d+)?)", table.above, re.IGNORECASE)
    fps = float(rate[1].replace(",", ".")) if rate else 0.0
    facts = {"fps": fps} if 5 < fps < 5000 else {}
    taken = used | {column for kind in kinds.values() for column in kind.values()}
    spare = [name for n, name in enumerate(names) if n not in taken and name.strip()]
    if spare:
        notes.append(f"columns not used: {', '.join(spare[:6])}{' ...' if len(spare) > 6 else ''}")
    notes = tuple(note for note in (*notes, *more) if note)
    about = {"source": table.name, "format": "inertial table", "site": site, "facts": facts, "notes": notes}
    return Recording("inertial", values, time_s, frames, **about)


def _has_gravity(acceleration: np.ndarray) -> bool:
    """Whether acceleration points one way on average, as gravity does and motion does not."""
    known = acceleration[np.isfinite(acceleration).all(axis=1)]
    return (
        len(known) > 0
        and float(np.linalg.norm(known.mean(axis=0)) / max(np.linalg.norm(known, axis=1).mean(), 1e-12)) > 0.6
    )


def _choose(source: str, sensors: dict, site: str | None) -> tuple[str, str, str]:
    """Sensor of the table, its site, and a note."""
    usable = {key: kinds for key, kinds in sensors.items() if {"acc", "free", "bare"} & kinds.keys()}
    whole = {key: kinds for key, kinds in usable.items() if "gyr" in kinds}
    if not usable:
        raise InputError(f"{source}: no columns of acceleration found, such as acc_x, acc_y, acc_z.")
    usable = whole or usable
    for kinds in usable.values():
        if "bare" in kinds:
            kinds.setdefault("acc", kinds["bare"])
    named = {key: found for key in usable if (found := find_site(key))}
    if site is not None:
        get_site(site)
        fits = [
            key for key, found in named.items() if found == site or found == site[:-2] or found[:-2] == site
        ]
        if len(fits) == 1:
            return fits[0], named[fits[0]] if site in LIMB_SITES else site, ""
        if len(usable) == 1:
            key = next(iter(usable))
            if key in named and not fits:
                raise InputError(
                    f"{source}: --site is {site}, but the columns are named '{key}'; name the right site."
                )
            return key, site, ""
    if len(usable) > 1:
        raise InputError(
            f"{source}: holds {len(usable)} sensors ({', '.join(usable)}); choose one with --site."
        )
    key = next(iter(usable))
    if key not in named:
        raise InputError(f"{source}: say where the sensor is worn (--site), such as lower_back.")
    return key, named[key], f"site {named[key]}, as the columns are named"


def find_site(text: str) -> str | None:
    """Find the site that a name holds."""
    text = text.lower()
    for site, words in _SITES.items():
        if any(re.search(rf"(?:^|_){word}(?:_|$)", text) for word in words):
            if site not in LIMB_SITES:
                return site
            side = re.search(r"(?:^|_)(left|right|l|r)(?:_|$)", text)
            return f"{site}_{side[1][0]}" if side else site
    return None


def convert_signals(source: str, values: np.ndarray, said: str, site: str) -> tuple[np.ndarray, list[str]]:
    """Turn signals (time, 6 or 3) into m/s^2 and rad/s, by what is said and by their size at that part."""
    known = np.isfinite(values).all(axis=1)
    if not known.any():
        raise InputError(f"{source}: no sample with all axes of acceleration and angular velocity.")
    (gravity, turning), limits, notes = measure_sizes(values), load_limits(), []
    part = get_part(site)
    lower, upper = limits[part]["gravity"]
    units = {"m/s^2": 1.0, "g": GRAVITY_MPS2, "mg": GRAVITY_MPS2 / 1000}
    unit = next((word for word, factor in units.items() if lower < gravity * factor < upper), None)
    if unit is None:
        raise InputError(
            f"{source}: the usual size of the acceleration is {gravity:.3g}; gravity is 9.8 m/s^2, 1 g or "
            f"1000 mg, in walks it is {lower:.1f} to {upper:.1f} m/s^2 at the {part}. Give calibrated "
            "acceleration with gravity, not raw counts and not linear acceleration."
        )
    if unit != "m/s^2":
        notes.append(f"acceleration was in {unit} (its size is gravity), turned into m/s^2")
    if values.shape[1] == 3:
        notes.append("no angular velocity: turns cannot be found, and the intervals are wider")
        return _drop_wild(values * units[unit], notes), notes
    stated = next((word for word, pattern in _UNIT_WORDS.items() if re.search(pattern, said)), "")
    lower, upper = limits[part]["turning"]
    fastest = max(limits[other]["turning"][1] for other in limits if other != "picture")
    turn = 1.0
    if stated == "mdeg" or turning > 100 * fastest:
        turn = np.pi / 180_000
    elif turning > fastest or (stated == "deg" and (turning > upper or np.radians(turning) > lower)):
        turn = np.pi / 180
    elif turning > upper and stated != "rad":
        raise InputError(
            f"{source}: angular velocity of usual size {turning:.3g} is too fast for rad/s and too slow for "
            f"deg/s at the {part}; is that the right site? If so, name the unit in the header: gyr_x (deg/s)."
        )
    if turn != 1.0:
        doubt = {"rad": ", although the file says rad/s", "": ""}
        why = f" (its size says so{doubt[stated]})" if stated in doubt else ""
        notes.append(
            f"angular velocity was in {'deg/s' if turn > 1e-4 else 'mdeg/s'}{why}, turned into rad/s"
        )
    elif stated == "deg":
        notes.append("angular velocity has the size of rad/s, not of deg/s")
    return _drop_wild(values * np.repeat([units[unit], turn], 3), notes), notes


def _drop_wild(values: np.ndarray, notes: list[str]) -> np.ndarray:
    """Take single samples that no body reaches as not measured."""
    wild = (np.abs(values) > _WILD[: values.shape[1]]).any(axis=1)
    if not 0 < wild.mean() < 0.02:
        return values
    notes.append(f"{wild.sum()} samples are beyond any motion of a body; taken as not measured")
    return np.where(wild[:, None], np.nan, values)
