"""Inertial tables of any maker: which columns are the sensor, and in which units."""

from __future__ import annotations

import re

import numpy as np

from gaitlib.door.recording import Recording
from gaitlib.door.tables import Table, find_time
from gaitlib.errors import InputError
from gaitlib.estimate.inertial_features import LIMB_SITES, get_site

_G = 9.80665
_ACC = r"(?:a|acc|accel|accelerometer|acceleration|accelerometeracceleration|linearacceleration|rawaccel\w*)"
_GYR = (
    r"(?:g|w|gyr|gyro|gyroscope|gyrorotation|angularvelocity|angvel|angularrate|rotationrate|rotation|"
    r"omega|rate|angularvelocities|turnrate|rateofturn)"
)
_WITHOUT_GRAVITY = r"(?:user|free|linear|lin|dynamic)"
_SITES = {
    "lower_back": (
        "lower_back",
        "lowerback",
        "lumbar",
        "l5",
        "l4",
        "pelvis",
        "sacrum",
        "waist",
        "trunk",
        "back",
    ),
    "chest": ("chest", "sternum", "thorax"),
    "thigh": ("thigh", "upper_leg", "upperleg"),
    "shank": ("shank", "shin", "tibia", "lower_leg", "lowerleg"),
    "ankle": ("ankle",),
    "foot": ("foot", "feet"),
    "wrist": ("wrist", "hand"),
}
_MOST_RAD_S = {"trunk": 7.0, "limb": 25.0}
"""Nine in ten samples of a walk turn slower than this (rad/s); in deg/s they are far above."""
_MASS_UNITS = (("m/s^2", 1.0, 7.0, 13.0), ("g", _G, 0.7, 1.35), ("mg", _G / 1000, 700.0, 1350.0))
_UNIT_WORDS = {"mdeg": r"mdps|mdeg", "deg": r"deg|°|dps|\bd/s|º", "rad": r"rad"}
_SURE = 1.5
"""Beyond this multiple of what a walk shows in rad/s the unit can only be deg/s."""


def find_inertial_columns(names: list[str]) -> dict[str, dict[str, dict[str, int]]]:
    """Find the columns of sensors: prefix -> 'acc', 'gyr', 'free' or 'gravity' -> axis -> column."""
    found: dict = {}
    for n, name in enumerate(names):
        bare = re.sub(r"\(.*?\)|\[.*?\]", " ", name)
        bare = re.sub(r"([a-z])([A-Z])", r"\1_\2", bare).lower()
        words = [
            word
            for word in re.split(r"[^a-z0-9]+", bare)
            if word and word not in ("cal", "calibrated", "raw")
        ]
        words = [
            word
            for word in words
            if not re.fullmatch(r"m|s|s2|ms2|deg|rad|dps|mg|imu|sensor|data|motion", word)
        ]
        if words and (joined := re.fullmatch(r"(acc|accel|gyr|gyro|a|g|w)([xyz])", words[-1])):
            words[-1:] = joined.groups()
        axes = [n for n, word in enumerate(words) if word in ("x", "y", "z", "e", "n")]
        if not axes or words[axes[-1]] in "en":
            continue
        axis = words.pop(axes[-1])
        text = "".join(words)
        kind, key = _find_kind(words, text)
        if kind:
            found.setdefault(key, {}).setdefault(kind, {}).setdefault(axis, n)
        elif not words:
            found.setdefault("", {}).setdefault("bare", {}).setdefault(axis, n)
    return {key: {k: v for k, v in kinds.items() if set(v) == set("xyz")} for key, kinds in found.items()}


def _find_kind(words: list[str], text: str) -> tuple[str, str]:
    if re.search(r"mag|quat|euler|roll|pitch|yaw|temp|velinc|deltav|attitude|heading|compass", text):
        return "", ""
    if "gravity" in words:
        return "gravity", "_".join(word for word in words if word != "gravity")
    acc = [word for word in words if re.fullmatch(_ACC, word)]
    gyr = [word for word in words if re.fullmatch(_GYR, word)]
    if acc or (text.startswith("acc") and not gyr):
        rest = [word for word in words if word not in acc]
        free = [word for word in rest if re.fullmatch(_WITHOUT_GRAVITY, word)]
        return ("free" if free else "acc"), "_".join(word for word in rest if word not in (*free, "ln", "wr"))
    if gyr:
        rest = [
            word
            for word in words
            if word not in gyr and word not in ("angular", "velocity", "rotation", "rate", "turn", "of")
        ]
        return "gyr", "_".join(rest)
    if {"angular", "velocity"} <= set(words) or {"rotation", "rate"} <= set(words):
        return "gyr", "_".join(
            word for word in words if word not in ("angular", "velocity", "rotation", "rate")
        )
    return "", ""


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
    if "gyr" not in kinds:
        raise InputError(
            f"{table.name}: angular velocity is missing: columns of the accelerometer only. The "
            f"estimate needs both, "
            "such as acc_x, acc_y, acc_z and gyr_x, gyr_y, gyr_z; record the gyroscope too."
        )
    read = {kind: np.stack([table.read(kinds[kind][axis]) for axis in "xyz"], axis=1) for kind in kinds}
    said = {kind: _read_unit(table, kinds[kind]["x"]) for kind in kinds}
    if "acc" in read:
        acceleration = read["acc"]
    elif "free" in read and "gravity" in read:
        acceleration = read["free"] + read["gravity"]
        notes.append("acceleration without gravity and gravity were added")
    else:
        raise InputError(
            f"{table.name}: the acceleration is without gravity; the estimate needs it with gravity "
            f"(raw acceleration)."
        )
    acceleration, note = convert_acceleration(table.name, acceleration)
    turning, second = convert_turning(table.name, read["gyr"], said["gyr"], site)
    time_s, frames, _ = find_time(table)
    rate = re.search(r"(?:rate|frequency|freq|fs)\D{0,12}(\d+(?:[.,]\d+)?)", table.above, re.IGNORECASE)
    facts = (
        {"fps": float(rate[1].replace(",", "."))}
        if rate and 5 < float(rate[1].replace(",", ".")) < 5000
        else {}
    )
    spare = [name for name in names if re.search("mag|temp|baro|quat", name, re.IGNORECASE)]
    if spare:
        notes.append(f"columns not used: {', '.join(spare[:6])}{' ...' if len(spare) > 6 else ''}")
    return Recording(
        "inertial",
        np.hstack([acceleration, turning]),
        time_s,
        frames,
        None,
        table.name,
        "inertial table",
        None,
        site,
        facts,
        tuple(n for n in (*notes, note, second) if n),
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


def _read_unit(table: Table, column: int) -> str:
    return " ".join(row[column] for row in table.header).lower()


def convert_acceleration(source: str, values: np.ndarray) -> tuple[np.ndarray, str]:
    """Turn acceleration into m/s^2 by the size of gravity in it."""
    known = values[np.isfinite(values).all(axis=1)]
    if len(known) == 0:
        raise InputError(f"{source}: no sample with all three axes of acceleration.")
    size = float(np.median(np.linalg.norm(known, axis=1)))
    for unit, factor, lower, upper in _MASS_UNITS:
        if lower < size < upper:
            note = (
                ""
                if unit == "m/s^2"
                else f"acceleration was in {unit} (its size is gravity), turned into m/s^2"
            )
            return values * factor, note
    raise InputError(
        f"{source}: the usual size of the acceleration is {size:.3g}; gravity is 9.8 m/s^2, 1 g or 1000 mg. "
        "Give calibrated acceleration with gravity, not raw counts and not linear acceleration."
    )


def convert_turning(source: str, values: np.ndarray, said: str, site: str) -> tuple[np.ndarray, str]:
    """Turn angular velocity into rad/s: the stated unit or, where that cannot be, the one that fits."""
    known = values[np.isfinite(values).all(axis=1)]
    if len(known) == 0:
        raise InputError(f"{source}: no sample with all three axes of angular velocity.")
    size = float(np.quantile(np.linalg.norm(known - np.median(known, axis=0), axis=1), 0.9))
    most = _MOST_RAD_S["limb" if site.rsplit("_", 1)[0] in LIMB_SITES or site in LIMB_SITES else "trunk"]
    stated = next((unit for unit in _UNIT_WORDS if re.search(_UNIT_WORDS[unit], said)), "")
    if stated == "mdeg" or size > 230 * most:
        return np.radians(values) / 1000, "angular velocity was in mdeg/s, turned into rad/s"
    if stated == "deg" and size > 3.0:
        return np.radians(values), "angular velocity was in deg/s, turned into rad/s"
    if size > _SURE * most:
        doubt = ", although the file says rad/s" if stated == "rad" else ""
        note = f"angular velocity was in deg/s (its size says so{doubt}), turned into rad/s"
        return np.radians(values), note
    if size > most:
        raise InputError(
            f"{source}: angular velocity of usual size {size:.3g} is too fast in rad/s and too slow in deg/s "
            f"for a sensor worn at '{site}'; is that the right site?"
        )
    return values, "angular velocity has the size of rad/s, not of deg/s" if stated == "deg" else ""
