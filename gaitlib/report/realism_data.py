"""What simulated gaits are held against: angles, speed laws and EMG of real people, in common terms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.gait import resample_phase

JOINTS = {"hip": "Hip flexion", "knee": "Knee flexion", "ankle": "Ankle dorsiflexion"}
SEGMENTS = {"thigh": "Thigh to vertical", "knee": "Knee flexion", "ankle": "Ankle dorsiflexion"}
_ANGLES = {
    "healthy_adult": ("wbds_joint_angles", "calibrate"),
    "parkinsons": ("parkinson_joint_angles", "evaluate"),
}
EMG_GROUPS = {
    "hamstrings": ("Hamstrings-lateralis", "Hamstrings-medialis"),
    "rect_fem": ("Rectus-femoris",),
    "vasti": ("Vastus-lateralis", "Vastus-medialis"),
    "gastroc": ("Gastrocnemius-lateralis", "Gastrocnemius-medialis"),
    "soleus": ("Soleus",),
    "tib_ant": ("Tibialis-anterior",),
}
"""Muscle group -> EMG channels of the measured adult."""


@dataclass(frozen=True)
class Band:
    """Curves of people in summary: mean and standard deviation between people, shape (101,), and how many."""

    mean: np.ndarray
    sd: np.ndarray
    n: int

    @classmethod
    def measure(cls, curves: np.ndarray) -> Band:
        """Summarise curves."""
        return cls(np.nanmean(curves, axis=0), np.nanstd(curves, axis=0, ddof=1), len(curves))

    def __len__(self) -> int:
        return self.n


def choose_bands(table: pd.DataFrame, group: str = "healthy_adult", medication: str = "") -> dict[str, Band]:
    """Choose one group of `gaitlib.report.gait_curves.summarise_measured_curves`."""
    own = table[(table["group"] == group) & (table["medication"] == medication)].sort_values("phase")
    parts = {joint: own[own["joint"] == joint] for joint in JOINTS}
    return {
        joint: Band(part["mean_deg"].to_numpy(), part["sd_deg"].to_numpy(), int(part["n_people"].iloc[0]))
        for joint, part in parts.items()
    }


def load_adult_angles(group: str = "healthy_adult", medication: str = "") -> dict[str, np.ndarray]:
    """Load sagittal joint angles of adults, both sides averaged (healthy: calibrate, others: evaluate); shape
    (people, 101).
    """
    from gaitlib.data.fetch import get_path
    from gaitlib.data.readers.clinical import read_joint_angle_bands

    item, role = _ANGLES[group]
    data = read_joint_angle_bands(get_path(item, "Parkinsons_Data.csv", role))
    chosen = (data["group"] == group) & (data["medication"] == medication) & (data["plane"] == "sagittal")
    angles = {}
    for joint in JOINTS:
        part = data.isel(record=(chosen & (data["joint"] == joint)).values)
        people = part["person_id"].values
        own = [np.nanmean(part["angle"].values[people == person], axis=0) for person in np.unique(people)]
        angles[joint] = np.degrees(np.array(own))
    return angles


def load_children() -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    """Load segment angles of the walking children from their joint centres (role: evaluate)."""
    from gaitlib.data.walks import load_walks
    from gaitlib.events import detect_events
    from gaitlib.outcomes import compute_walk_outcomes
    from gaitlib.walk import get_point

    angles: dict[str, list] = {name: [] for name in SEGMENTS}
    people = []
    for walk in load_walks("td_children_c3d", "evaluate"):
        events = detect_events(walk)
        strides: dict[str, list] = {name: [] for name in SEGMENTS}
        for side in "rl":
            point = {
                name: get_point(walk, f"{name}_{side}") for name in ("hip", "knee", "ankle", "heel", "toe")
            }
            curves = compute_segment_angles(point)
            own = events[(events["foot"] == side) & (events["event"] == "initial_contact")][
                "time_s"
            ].to_numpy()
            for start, stop in zip(own[:-1], own[1:], strict=True):
                moments = np.linspace(start, stop, 101)
                for name, curve in curves.items():
                    strides[name].append(np.interp(moments, walk["time"].values, curve))
        for name, values in strides.items():
            angles[name].append(np.nanmean(values, axis=0))
        outcomes = compute_walk_outcomes(walk, events)
        people.append(
            {
                "person_id": walk.attrs["person_id"],
                "height_m": walk.attrs["height_m"],
                "speed_mps": outcomes["speed_mps"],
            }
        )
    return {name: np.array(values) for name, values in angles.items()}, pd.DataFrame(people)


def compute_segment_angles(point: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Compute sagittal segment angles from joint centres and foot points; shape (time,)."""

    def lean(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
        return np.degrees(np.arctan2(lower[:, 0] - upper[:, 0], upper[:, 1] - lower[:, 1]))

    thigh, shank = lean(point["hip"], point["knee"]), lean(point["knee"], point["ankle"])
    heel, toe = point["heel"], point["toe"]
    foot = np.degrees(np.arctan2(toe[:, 1] - heel[:, 1], toe[:, 0] - heel[:, 0]))
    return {"thigh": thigh, "knee": thigh - shank, "ankle": foot - shank}


def load_adult_emg() -> dict[str, np.ndarray]:
    """Load the EMG envelopes of the measured adult by muscle group, (strides, 101) each (role: calibrate)."""
    from gaitlib.data.packed import read_recording

    data = read_recording("adult_3d", "ExperimentalData.mat", "calibrate")
    envelopes = {}
    for group, channels in EMG_GROUPS.items():
        mean = data["emg"].sel(channel=list(channels)).mean("channel").values
        known = np.isfinite(mean).all(axis=1)
        envelopes[group] = resample_phase(mean[known].T, 101).T
    return envelopes


def load_children_emg() -> dict[str, np.ndarray]:
    """Load the EMG envelopes of the walking children by muscle group, (people, 101) each (role: evaluate)."""
    from gaitlib.data.walks import load_walks
    from gaitlib.events import detect_events
    from gaitlib.signals import smooth_lowpass

    envelopes: dict[str, list] = {group: [] for group in EMG_GROUPS}
    for walk in load_walks("td_children_c3d", "evaluate"):
        events = detect_events(walk)
        events = events[events["event"] == "initial_contact"]
        time_s = walk["emg_time"].values
        rate_hz = 1.0 / float(np.median(np.diff(time_s)))
        for group in EMG_GROUPS:
            strides = []
            for side in "rl":
                channel = f"{group}_{side}"
                if channel not in walk["channel"].values or not bool(walk["emg_live"].sel(channel=channel)):
                    continue
                raw = walk["emg"].sel(channel=channel).values
                envelope = smooth_lowpass(np.abs(raw - smooth_lowpass(raw, rate_hz, 20.0)), rate_hz, 6.0)
                own = events[events["foot"] == side]["time_s"]
                for start, stop in zip(own.iloc[:-1], own.iloc[1:], strict=True):
                    strides.append(np.interp(np.linspace(start, stop, 101), time_s, envelope))
            if strides:
                mean = np.mean(strides, axis=0)
                envelopes[group].append(mean / mean.max())
    return {group: np.array(values) for group, values in envelopes.items() if values}


def load_speed_law() -> pd.DataFrame:
    """Load speed and step length of young and older adults, made free of body size (role: calibrate)."""
    from gaitlib.data.tables import load_table

    table = load_table("speed_steplength_age", "calibrate")
    return pd.DataFrame(
        {
            "person_id": table["person_id"],
            "age_group": table["age_group"],
            "age_years": table["age_years"],
            "speed": table["speed_mps"] / np.sqrt(9.80665 * table["leg_length_m"]),
            "step": table["step_length_m"] / table["leg_length_m"],
        }
    )


def collect_simulated(gaits: xr.Dataset, curves: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Collect curves of simulated gaits, each leg from its own contact; shape (legs, 101)."""
    from gaitlib.report.realism import roll_to_contact

    found: dict[str, list] = {name: [] for name in curves}
    for gait_id in gaits["gait"].values:
        for side in "rl":
            leg = roll_to_contact(gaits.sel(gait=gait_id), side)
            if leg is not None:
                for name in curves:
                    found[name].append(np.append(leg[name], leg[name][0]))
    return {name: np.array(values).reshape(-1, 101) for name, values in found.items()}
