"""Simulated gaits held against the normal pattern of a healthy adult at 1.2 m/s."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.events import detect_events_from_force
from gaitlib.gait import MUSCLE_GROUPS

_CONTACT_N, _CONTACT_BW = 20.0, 0.03

NORMAL_PATTERN: tuple[tuple[str, str, float, float], ...] = (
    ("Knee flexion, peak in loading response", "deg", 10.0, 25.0),
    ("Knee flexion, rise after contact", "deg", 5.0, 20.0),
    ("Knee flexion, peak in swing", "deg", 55.0, 65.0),
    ("Hip flexion, least in stance", "deg", -25.0, 0.0),
    ("Plantarflexion, peak at push-off", "deg", 10.0, 25.0),
    ("Vertical force, first peak", "BW", 1.0, 1.2),
    ("Vertical force, second peak", "BW", 1.0, 1.2),
    ("Vertical force, valley below the lower peak", "BW", 0.1, 0.5),
    ("Forward force, path over twice its range", "1", 1.0, 1.25),
    ("Stance phase", "% of stride", 58.0, 66.0),
)
"""Feature, unit, lowest and highest value wanted of a healthy adult at about 1.2 m/s, set before the gaits
were solved. The path of a force is the sum of its changes over stance: over twice its range it is 1 for one
braking and one driving hump, and more the more the force rings."""


def check_normal_pattern(gait: xr.Dataset, side: str = "r") -> pd.DataFrame:
    """Compare one gait with the pattern of a healthy adult at about 1.2 m/s.

    (1) Both the leg's curves are rolled to its own contact. (2) Contact and toe-off are where the vertical
    force passes 20 N. (3) Loading response is looked for in the first 25 % of the stride, push-off from the
    middle of stance to 8 % after toe-off. (4) A peak of the vertical force is a hump whose neighbours are at
    least 0.02 body weights lower on both sides, the first in the first half of stance and the second in the
    second half. (5) Body weight is that of the Gait's person, else the mean vertical force over the stride.
    """
    curves = roll_to_contact(gait, side)
    return _judge(_find_pattern(curves) if curves else {})


def measure_pattern_shares(gaits: xr.Dataset) -> pd.Series:
    """Measure how many gaits have each feature of the normal pattern."""
    tables = [check_normal_pattern(gaits.isel(gait=n)) for n in range(gaits.sizes["gait"])]
    return pd.concat(tables).groupby("feature", sort=False)["met"].mean()


def check_measured_pattern(angles: dict[str, np.ndarray], forces: dict[str, np.ndarray]) -> pd.DataFrame:
    """Measure the features of the normal pattern on recorded strides, by the same rules."""
    found = []
    for n in range(len(forces["y"])):
        loaded = np.flatnonzero(forces["y"][n][:90] > _CONTACT_BW)
        curves = {"hip": angles["hip_flexion"][n], "knee": angles["knee_angle"][n]}
        curves |= {"ankle": angles["ankle_angle"][n], "vertical": forces["y"][n], "forward": forces["x"][n]}
        found.append(_find_pattern(curves | {"toe_off": float(loaded[-1])}))
    return _judge({name: float(np.nanmedian([row[name] for row in found])) for name in found[0]})


def _judge(found: dict[str, float]) -> pd.DataFrame:
    rows = []
    for feature, unit, low, high in NORMAL_PATTERN:
        value = float(found.get(feature, np.nan))
        rows.append(
            {
                "feature": feature,
                "unit": unit,
                "wanted_low": low,
                "wanted_high": high,
                "found": value,
                "met": bool(low <= value <= high),
            }
        )
    return pd.DataFrame(rows)


def roll_to_contact(gait: xr.Dataset, side: str) -> dict | None:
    """Roll the curves of a leg so that they begin at its own contact."""
    force = gait["ground_force"].sel(axis="y").transpose("phase", "foot").values
    time_s = gait["phase"].values / 100.0
    events = detect_events_from_force(time_s, force, _CONTACT_N, periodic=True)
    own = events[events["foot"] == side]
    contacts = own.loc[own["event"] == "initial_contact", "time_s"].to_numpy()
    offs = own.loc[own["event"] == "toe_off", "time_s"].to_numpy()
    if len(contacts) != 1 or len(offs) != 1:
        return None
    shift = int(round(100 * contacts[0])) % 100
    weight = _get_weight(gait)

    def roll(values: np.ndarray) -> np.ndarray:
        return np.roll(values[:-1], -shift)

    def angle(name: str) -> np.ndarray:
        return np.degrees(roll(gait["position"].sel(coordinate=name).values))

    own_force = gait["ground_force"].sel(foot=side)
    muscles = {m: roll(gait["activation"].sel(muscle=f"{m}_{side}").values) for m in MUSCLE_GROUPS}
    return muscles | {
        "hip": angle(f"hip_flexion_{side}"),
        "knee": angle(f"knee_angle_{side}"),
        "ankle": angle(f"ankle_angle_{side}"),
        "thigh": angle("pelvis_tilt") + angle(f"hip_flexion_{side}"),
        "vertical": roll(own_force.sel(axis="y").values) / weight,
        "forward": roll(own_force.sel(axis="x").values) / weight,
        "toe_off": 100 * ((offs[0] - contacts[0]) % 1.0),
    }


def _get_weight(gait: xr.Dataset) -> float:
    if "person" in gait.attrs:
        return 9.80665 * json.loads(gait.attrs["person"])["mass_kg"]
    vertical = gait["ground_force"].sel(axis="y").sum("foot").values
    return float(vertical[:-1].mean())


def _find_pattern(curves: dict) -> dict[str, float]:
    off = int(round(curves["toe_off"]))
    knee, vertical = curves["knee"], curves["vertical"]
    loading = knee[:26].max()
    push_off = curves["ankle"][off // 2 : min(off + 9, 100)].min()
    first, second, valley = _find_humps(vertical[: off + 1])
    forward = curves["forward"][: off + 1]
    path = np.abs(np.diff(np.concatenate([[0.0], forward, [0.0]]))).sum()
    names = [row[0] for row in NORMAL_PATTERN]
    values = (
        loading,
        loading - knee[0],
        knee[off:].max() if off < 99 else np.nan,
        curves["hip"][: off + 1].min(),
        -push_off,
        first,
        second,
        min(first, second) - valley,
        path / (2 * max(np.ptp(forward), 1e-9)),
        curves["toe_off"],
    )
    return dict(zip(names, values, strict=True))


def _find_humps(vertical: np.ndarray) -> tuple[float, float, float]:
    """First peak, second peak, valley between; NaN for a hump that is not there."""
    from scipy.signal import find_peaks

    peaks, _ = find_peaks(vertical, prominence=0.02)
    early, late = peaks[peaks < len(vertical) // 2], peaks[peaks >= len(vertical) // 2]
    first = early[np.argmax(vertical[early])] if len(early) else None
    second = late[np.argmax(vertical[late])] if len(late) else None
    valley = vertical[first : second + 1].min() if first is not None and second is not None else np.nan
    return (
        float(vertical[first]) if first is not None else np.nan,
        float(vertical[second]) if second is not None else np.nan,
        float(valley),
    )
