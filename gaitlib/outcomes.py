"""Gait parameters: one definition each, for simulated, generated and real walks alike."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
import yaml

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.body.kinematics import compute_sagittal_points
from gaitlib.errors import InputError
from gaitlib.events import (
    CONTACT_N,
    check_events,
    choose_foot_points,
    detect_events,
    detect_events_from_force,
)
from gaitlib.gait import COORDINATES, N_PHASE, SIDES, validate_gait
from gaitlib.person import parse_person
from gaitlib.signals import fill_gaps
from gaitlib.walk import KEYPOINTS_3D, build_walk, find_progression, get_point, validate_walk

MIN_STEPS = 2
LANDING_SHARE, MID_STANCE_SHARE = (0.03, 0.10), (0.15, 0.35)
_MAX_GAP_S = 0.1
_LEG = ("hip", "knee", "ankle", "heel", "toe")


@dataclass(frozen=True)
class Outcome:
    """What a gait parameter means. Margins of agreement are a matter of the study, not of the outcome."""

    name: str
    label: str
    unit: str
    definition: str
    formula: str
    min_steps: int = MIN_STEPS


_DEFINED = yaml.safe_load(Path(__file__).with_name("outcomes.yaml").read_text(encoding="utf-8"))
OUTCOMES = {name: Outcome(name, **meaning) for name, meaning in _DEFINED.items()}
"""Name -> definition of every gait parameter."""


def compute_walk_outcomes(walk: xr.Dataset, events: pd.DataFrame | None = None) -> dict[str, float]:
    """Compute the gait parameters of a Walk.

    Parameters
    ----------
    walk : xarray.Dataset
        A Walk over ground in one straight pass.
    events : pandas.DataFrame, optional
        foot, event, time_s; detected from the keypoints if not given.

    Returns
    -------
    dict of str to float
        Every name of `OUTCOMES`. NaN where the walk does not hold enough; `explain_missing` tells why.

    Raises
    ------
    InputError
        If the walk or the events are malformed, or the person does not move along.

    Notes
    -----
    A step is a pair of consecutive initial contacts of opposite feet without a gap of hips or heels longer
    than 0.1 s in between; a stride is two consecutive steps. Fewer than two steps give only n_steps.

    Examples
    --------
    >>> import gaitlib
    >>> library = gaitlib.load_library()
    >>> row = library.table.query("cohort == 'healthy_adult' and verified").iloc[0]
    >>> who = gaitlib.Person(**{name: row[name] for name in gaitlib.Person.model_fields})
    >>> walk = gaitlib.build_walk(library.gaits.sel(gait=row["gait_id"]), who, variability=0)
    >>> outcomes = gaitlib.compute_outcomes(walk)
    >>> bool(abs(outcomes["speed_mps"] / row["speed_mps"] - 1) < 0.05)
    True
    """
    validate_walk(walk)
    events = detect_events(walk) if events is None else check_events(events)
    return _compute(_read_paths(walk), events)


def measure_walks(walks: list[xr.Dataset], outcomes: Iterable[str]) -> pd.DataFrame:
    """Measure walks from their keypoints in space, free of camera and detector: one row per walk."""
    keys = ["origin", "dataset", "subgroup", "person_id", "walk_id"]
    size = ["age_years", "height_m", "mass_kg"]
    rows, outcomes = [], list(outcomes)
    for walk in walks:
        found, time_s = compute_walk_outcomes(walk), walk["time"].values
        row = {key: walk.attrs.get(key) for key in keys} | {key: walk.attrs.get(key, np.nan) for key in size}
        row |= {"sex": walk.attrs.get("sex") or "unknown", "duration_s": float(time_s[-1] - time_s[0])}
        rows.append(row | {"n_steps": int(found["n_steps"])} | {name: found[name] for name in outcomes})
    return pd.DataFrame(rows, columns=[*keys, *size, "sex", "duration_s", "n_steps", *outcomes])


def explain_missing(outcomes: dict[str, float]) -> dict[str, str]:
    """Tell why outcomes are missing: name -> reason, for every outcome that is NaN."""
    n_steps = int(outcomes.get("n_steps", 0))
    reasons = {}
    for name, value in outcomes.items():
        if np.isfinite(value) or name not in OUTCOMES:
            continue
        needed = OUTCOMES[name].min_steps
        if n_steps < needed:
            reasons[name] = f"needs at least {needed} steps in a row, found {n_steps}"
        elif name in ("stance_share", "double_support_share"):
            reasons[name] = "no stride with contact and toe-off of the feet it needs"
        elif name == "step_width_m":
            reasons[name] = "positions across the walking direction are not known"
        else:
            reasons[name] = "keypoints are not known at the contacts it needs"
    return reasons


@dataclass(frozen=True)
class _Paths:
    """Paths over time: hips along (n,), heels along and ankles across (n, 2), where all of that is known
    (n,); knee flexion and slope of the sole, degrees (n, 2)."""

    time_s: np.ndarray
    hip: np.ndarray
    along: np.ndarray
    across: np.ndarray
    known: np.ndarray
    knee: np.ndarray
    sole: np.ndarray


def compute_segment_angles(point: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Sagittal angles of a leg (degrees; (time,) each) from its joints and foot points, forward and up.

    Thigh to vertical, knee flexion, ankle, and the sole from heel to toe to the floor (toes up positive).
    """

    def lean(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
        return np.degrees(np.arctan2(lower[:, 0] - upper[:, 0], upper[:, 1] - lower[:, 1]))

    thigh, shank = lean(point["hip"], point["knee"]), lean(point["knee"], point["ankle"])
    heel, toe = point["heel"], point["toe"]
    foot = np.degrees(np.arctan2(toe[:, 1] - heel[:, 1], toe[:, 0] - heel[:, 0]))
    return {"thigh": thigh, "knee": thigh - shank, "ankle": foot - shank, "foot": foot}


def cut_strides(events: pd.DataFrame, side: str) -> list[np.ndarray]:
    """Times (101,) of the points of each stride of a foot, from one initial contact to the next."""
    own = events[(events["foot"] == side) & (events["event"] == "initial_contact")]["time_s"].to_numpy()
    return [np.linspace(*ends, N_PHASE) for ends in zip(own[:-1], own[1:], strict=True)]


def compute_leg_curves(
    time_s: np.ndarray, points: dict[str, np.ndarray], events: pd.DataFrame
) -> dict[str, np.ndarray]:
    """Mean angles of `compute_segment_angles` over the strides of each leg, right first; (2, 101) each.

    Paths (time, 2 or 3) forward and up of hip, knee, ankle, heel and toe of both sides; NaN where unknown.
    """
    legs = []
    for side in SIDES:
        angles = compute_segment_angles({name: points[f"{name}_{side}"] for name in _LEG})
        moments = cut_strides(events, side)
        unknown = [np.full(N_PHASE, np.nan)]
        legs.append({
            name: np.mean([np.interp(own, time_s, curve) for own in moments] or unknown, axis=0)
            for name, curve in angles.items()
        })  # fmt: skip
    return {name: np.stack([leg[name] for leg in legs]) for name in legs[0]}


def _read_paths(walk: xr.Dataset) -> _Paths:
    forward = find_progression(walk)
    rightward = np.array([-forward[2], 0.0, forward[0]])
    heel, _ = choose_foot_points(walk)
    max_gap = _MAX_GAP_S * walk.attrs["fps"]
    curves = [get_point(walk, "mid_hip") @ forward]
    curves += [get_point(walk, f"{heel}_{side}") @ forward for side in SIDES]
    curves += [get_point(walk, f"ankle_{side}") @ rightward for side in SIDES]
    filled, known = zip(*(fill_gaps(curve, max_gap) for curve in curves), strict=True)
    values = np.where(np.stack(known, axis=1), np.stack(filled, axis=1), np.nan)
    seen = np.isfinite(values).all(axis=1)
    plane = np.stack([forward, [0.0, 1.0, 0.0]], axis=1)
    bends = _read_bends({name: get_point(walk, name) @ plane for name in KEYPOINTS_3D}, max_gap)
    return _Paths(walk["time"].values, values[:, 0], values[:, 1:3], values[:, 3:5], seen, *bends)


def _read_bends(points: dict[str, np.ndarray], max_gap: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Knee flexion and slope of the sole of both legs."""
    legs = [compute_segment_angles({name: points[f"{name}_{side}"] for name in _LEG}) for side in SIDES]

    def fill(name: str) -> np.ndarray:
        filled = [fill_gaps(leg[name], max_gap) for leg in legs]
        return np.stack([np.where(known, curve, np.nan) for curve, known in filled], axis=1)

    return fill("knee"), fill("foot")


def _compute(paths: _Paths, events: pd.DataFrame) -> dict[str, float]:
    contacts = events[events["event"] == "initial_contact"]
    times, feet = contacts["time_s"].to_numpy(dtype=float), [SIDES.index(foot) for foot in contacts["foot"]]

    def spans_gap(start_s: float, end_s: float) -> bool:
        inside = (paths.time_s >= start_s) & (paths.time_s <= end_s)
        return bool((inside & ~paths.known).any())

    pairs = zip(range(len(times)), range(1, len(times)), strict=False)
    is_step = [feet[i] != feet[j] and not spans_gap(times[i], times[j]) for i, j in pairs]
    is_step = np.array(is_step, dtype=bool)
    outcomes = dict.fromkeys(OUTCOMES, float("nan"))
    outcomes["n_steps"] = float(is_step.sum())
    if is_step.sum() < MIN_STEPS:
        return outcomes
    ends = np.flatnonzero(is_step) + 1
    stride_ends = np.flatnonzero(is_step[:-1] & is_step[1:]) + 2
    step_times = times[ends] - times[ends - 1]
    stride_times = times[stride_ends] - times[stride_ends - 2]
    side = np.array(feet)[ends]
    step_time = _mean_sides(step_times, side)
    usual_stride = _mean(stride_times) if len(stride_times) else 2 * step_time
    prints = np.array([_read_landing(paths, t, f, usual_stride) for t, f in zip(times, feet, strict=True)])
    places = [_read_mid_stance(paths, t, f, usual_stride) for t, f in zip(times, feet, strict=True)]
    widths = np.diff(places) * np.where(feet[1:], -1.0, 1.0)  # from the left foot to the right one
    lengths = prints[ends] - prints[ends - 1]

    hip = [_read(paths, t, paths.hip) for t in (times[0], times[-1])]
    outcomes["speed_mps"] = float((hip[1] - hip[0]) / (times[-1] - times[0]))
    outcomes["step_length_m"] = _mean_sides(lengths, side)
    outcomes["step_time_s"] = step_time
    outcomes["cadence_spm"] = 60.0 / step_time
    outcomes["stride_time_s"] = _mean(stride_times)
    outcomes["stride_length_m"] = _mean(prints[stride_ends] - prints[stride_ends - 2])
    outcomes["step_width_m"] = _mean(widths[ends - 1])
    if len(stride_times) >= OUTCOMES["stride_time_cv"].min_steps - 1:
        outcomes["stride_time_cv"] = float(np.std(stride_times, ddof=1) / np.mean(stride_times))
    outcomes["step_time_asymmetry"] = _compare_sides(step_times, side)
    outcomes["step_length_asymmetry"] = _compare_sides(lengths, side)
    toe_offs = events[events["event"] == "toe_off"]
    outcomes |= _compute_support(times, np.array(feet), stride_ends, toe_offs, usual_stride)
    return outcomes | _compute_angles(paths, times, np.array(feet), stride_ends)


def _compute_angles(paths: _Paths, times, feet, stride_ends) -> dict[str, float]:
    """Angles of the knee over strides and of the sole at contact."""
    rows = [np.searchsorted(paths.time_s, (times[end - 2], times[end])) for end in stride_ends]
    bends = [paths.knee[slice(*own), feet[end]] for own, end in zip(rows, stride_ends, strict=True)]
    soles = [_read(paths, moment, paths.sole[:, foot]) for moment, foot in zip(times, feet, strict=True)]
    found = {
        "foot_strike_angle_deg": (soles, feet),
        "knee_range_deg": ([np.ptp(bend) for bend in bends], feet[stride_ends]),
        "knee_flexion_peak_deg": ([bend.max() for bend in bends], feet[stride_ends]),
    }
    return {name: _mean_sides(np.array(values), side) for name, (values, side) in found.items()}


def _compute_support(times, feet, stride_ends, toe_offs: pd.DataFrame, stride_s: float) -> dict[str, float]:
    offs = [toe_offs.loc[toe_offs["foot"] == side, "time_s"].to_numpy(dtype=float) for side in SIDES]

    def find_next(foot: int, after: float, before: float) -> float:
        inside = offs[foot][(offs[foot] > after) & (offs[foot] < before)]
        return float(inside[0]) if len(inside) else float("nan")

    stance = [
        (find_next(feet[end], times[end - 2], times[end]) - times[end - 2]) / (times[end] - times[end - 2])
        for end in stride_ends
    ]
    double = [find_next(1 - f, t, t + 0.5 * stride_s) - t for t, f in zip(times, feet, strict=True)]
    per_side = [_mean(np.array(double)[feet == foot]) for foot in (0, 1)]
    return {
        "stance_share": _mean_sides(np.array(stance), feet[stride_ends]),
        "double_support_share": sum(per_side) / stride_s,
    }


def _read(paths: _Paths, moment: float, curve: np.ndarray) -> float:
    return float(np.interp(moment, paths.time_s, curve, left=np.nan, right=np.nan))


def _read_landing(paths: _Paths, moment: float, foot: int, stride_s: float) -> float:
    """Where the landing heel comes to rest; at contact itself if the record ends before."""
    moments = moment + np.linspace(*LANDING_SHARE, 6) * stride_s
    places = np.interp(moments, paths.time_s, paths.along[:, foot], right=np.nan)
    rests = np.isfinite(places).any()
    return float(np.nanmean(places)) if rests else _read(paths, moment, paths.along[:, foot])


def _read_mid_stance(paths: _Paths, moment: float, foot: int, stride_s: float) -> float:
    """Where the ankle is across the walk in the middle of stance; NaN if the record ends before."""
    moments = moment + np.linspace(*MID_STANCE_SHARE, 6) * stride_s
    return _mean(np.interp(moments, paths.time_s, paths.across[:, foot], right=np.nan))


def _mean(values: np.ndarray) -> float:
    values = np.asarray(values, dtype=float)
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _mean_sides(values: np.ndarray, side: np.ndarray) -> float:
    """Mean of the two sides' means, so that an odd step does not weigh the sides unequally."""
    return _mean([_mean(values[side == foot]) for foot in (0, 1)])


def _compare_sides(values: np.ndarray, side: np.ndarray) -> float:
    right, left = (_mean(values[side == foot]) for foot in (0, 1))
    total = abs(right + left)
    return float(2 * abs(right - left) / total) if total > 0 else float("nan")


def compute_gait_outcomes(gait: xr.Dataset, dimensions=None) -> dict[str, float]:
    """Compute the gait parameters of a Gait, taken as one of many equal strides (n_steps is 2).

    Events come from the ground force where it reaches 20 N under both feet, else from the keypoints.
    step_width_m (planar body) and stride_time_cv (equal strides) are NaN. `dimensions`: segment lengths;
    those of the Gait's person if not given.
    """
    validate_gait(gait)
    dimensions = dimensions or _get_dimensions(gait)
    n_strides, stride_s = 4, float(gait["stride_time_s"])
    position = gait["position"].values
    forward = COORDINATES.index("pelvis_tx")
    strides = [position[:-1].copy() for _ in range(n_strides)] + [position[:1].copy()]
    for count, stride in enumerate(strides):
        stride[:, forward] += count * (position[-1, forward] - position[0, forward])
    points = compute_sagittal_points(np.concatenate(strides), dimensions)
    n_time = n_strides * (len(position) - 1) + 1
    time_s = np.linspace(0.0, n_strides * stride_s, n_time)
    events = _detect_periodic_events(gait, n_strides)
    if events is None:
        outcomes = compute_walk_outcomes(_build_planar_walk(gait, time_s, points))
    else:  # the same without the detour over a Walk, which takes four times as long
        along = np.stack([points[f"heel_{side}"][:, 0] for side in SIDES], axis=1)
        known = np.isfinite(along).all(axis=1)
        bends = _read_bends(points | dict.fromkeys(("hip_r", "hip_l"), points["mid_hip"]))
        paths = _Paths(time_s, points["mid_hip"][:, 0], along, np.zeros((n_time, 2)), known, *bends)
        outcomes = _compute(paths, events)
    return outcomes | {"n_steps": 2.0, "step_width_m": float("nan"), "stride_time_cv": float("nan")}


def _build_planar_walk(gait: xr.Dataset, time_s: np.ndarray, points: dict[str, np.ndarray]) -> xr.Dataset:
    keypoints = np.full((len(time_s), len(KEYPOINTS_3D), 3), np.nan)
    for column, name in enumerate(KEYPOINTS_3D):
        source = points.get("mid_hip" if name.startswith("hip_") else name)
        if source is not None:
            keypoints[:, column, :2], keypoints[:, column, 2] = source, 0.0
    about = dict.fromkeys(("person_id", "dataset", "origin"), "simulated")
    return build_walk(time_s, keypoints, walk_id=str(gait.attrs.get("gait_id", "gait")), **about)


def _get_dimensions(gait: xr.Dataset):
    name = gait.attrs.get("gait_id", "without gait_id")
    if "person" not in gait.attrs:
        raise InputError(
            f"Gait {name}: give dimensions; the Gait has no attribute 'person' to compute them from."
        )
    return compute_dimensions(parse_person(json.loads(gait.attrs["person"]), f"Gait {name}: person"))


def _detect_periodic_events(gait: xr.Dataset, n_strides: int) -> pd.DataFrame | None:
    """Events of equal strides from the ground force; None without force under both feet."""
    force = gait["ground_force"].sel(axis="y").transpose("phase", "foot").values
    if force.max(axis=0).min() < 2 * CONTACT_N:
        return None
    stride_s = float(gait["stride_time_s"])
    time_s = gait["phase"].values / 100.0 * stride_s
    once = detect_events_from_force(time_s, force, periodic=True)
    if len(once) != 4:
        return None
    return pd.concat([once.assign(time_s=once["time_s"] + count * stride_s) for count in range(n_strides)])
