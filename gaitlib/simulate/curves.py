"""Curves of gaits over the stride of each leg."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from gaitlib.events import CONTACT_N, detect_events_from_force
from gaitlib.gait import GRAVITY_MPS2, JOINTS, MUSCLE_GROUPS


def get_leg_curves(gait: xr.Dataset, side: str) -> dict | None:
    """Curves of a leg from its own contact on, (100,) each; None without one contact and one toe-off.

    hip, knee, ankle and thigh to vertical (degrees), vertical and forward force (body weights), activation by
    muscle group, and toe_off (% of the stride). Contact and toe-off are where the vertical force passes 20 N.
    Body weight is that of the Gait's person, else the mean vertical force over the stride.
    """
    force = gait["ground_force"].sel(axis="y").transpose("phase", "foot").values
    events = detect_events_from_force(gait["phase"].values / 100.0, force, periodic=True)
    own = events[events["foot"] == side]
    contacts, offs = (
        own.loc[own["event"] == event, "time_s"].to_numpy() for event in ("initial_contact", "toe_off")
    )
    if len(contacts) != 1 or len(offs) != 1:
        return None
    shift = int(round(100 * contacts[0])) % 100
    weight = float(force[:-1].sum(axis=1).mean())
    if "person" in gait.attrs:
        weight = GRAVITY_MPS2 * json.loads(gait.attrs["person"])["mass_kg"]

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


def collect_leg_curves(gaits: xr.Dataset, sides: str = "rl") -> dict[str, np.ndarray]:
    """Collect the curves of `get_leg_curves` of several gaits; (legs, 101), the last point as the first."""
    legs = [get_leg_curves(gaits.isel(gait=n), side) for n in range(gaits.sizes["gait"]) for side in sides]
    legs = [leg for leg in legs if leg is not None]
    names = [name for name in legs[0] if name != "toe_off"] if legs else []
    return {name: np.array([np.append(leg[name], leg[name][0]) for leg in legs]) for name in names}


@dataclass(frozen=True)
class SideCurves:
    """Sagittal joint angles of a group of people, each leg over its own stride."""

    angles: dict[str, np.ndarray]  # joint -> (people, 2, 101), right before left, degrees
    people: list[str]
    # end of stance (people, 2), % of the own stride; NaN where not known
    toe_off: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    simulated: bool = False

    def average_sides(self) -> dict[str, np.ndarray]:
        """Average both legs of each person; shape (people, 101)."""
        return {joint: curves.mean(axis=1) for joint, curves in self.angles.items()}


def collect_side_curves(gaits: xr.Dataset, people: list[str]) -> SideCurves:
    """Collect the curves of simulated gaits, several gaits of one person averaged."""
    names = list(dict.fromkeys(people))
    rows = [[n for n, name in enumerate(people) if name == person] for person in names]
    force = gaits["ground_force"].sel(axis="y").transpose("gait", "foot", "phase").sel(foot=list("rl")).values
    stance = np.array([[_find_stance(side[:-1]) for side in gait] for gait in force])

    def average(values: np.ndarray) -> np.ndarray:
        return np.array([values[own].mean(axis=0) for own in rows])

    angles = {}
    for joint, coordinate in JOINTS.items():
        both = [f"{coordinate}_{side}" for side in "rl"]
        curves = gaits["position"].sel(coordinate=both).transpose("gait", "coordinate", "phase").values
        curves = np.degrees(curves[..., :-1])
        for place in np.ndindex(curves.shape[:2]):
            curves[place] = np.roll(curves[place], -int(stance[place][0]))
        angles[joint] = average(np.concatenate([curves, curves[..., :1]], axis=2))
    return SideCurves(angles, names, average(stance[..., 1]), simulated=True)


def _find_stance(force: np.ndarray) -> tuple[int, float]:
    """Sample of initial contact, and end of stance in percent of the cycle after it."""
    loaded = force > CONTACT_N
    starts = np.flatnonzero(loaded & ~np.roll(loaded, 1))
    if len(starts) == 0:
        return 0, float("nan")
    ends = [int(np.argmin(np.roll(loaded, -start))) for start in starts]  # first unloaded sample after it
    longest = int(np.argmax(ends))
    return int(starts[longest]), 100.0 * ends[longest] / len(force)
