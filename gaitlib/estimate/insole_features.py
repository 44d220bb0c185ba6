"""Vertical force under both feet, of any length, rate and unit -> the mean stride of each foot.

1. Per foot, what the insole tells in swing (tenth percentile) is zero, and twice the mean over the clip is
   one body weight: gain, offset and unit of the insoles do not matter.
2. Contact and toe-off where the force passes 5 % of body weight (`gaitlib.events`).
3. Strides with one contact and one toe-off of each foot whose time is near the median are steady; turns,
   stops and missed steps drop out.
4. Two sequences remain, one per foot over its own stride: mean force of the foot, of the other foot, and
   the standard deviation between strides; each foot's mean force is half a body weight again.
5. Measures of the whole clip: times, shares and variability of the steady strides, course of the force
   (loading, humps, valley) as shares of the own mean over stance.

A walk of two minutes is read at once, whatever its length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from gaitlib.errors import InputError
from gaitlib.estimate.features import MIN_DURATION_S, ClipFeatures, check_fps, describe_person
from gaitlib.events import find_force_contacts
from gaitlib.gait import GRAVITY_MPS2, SIDES

COURSE = ("first_hump", "valley", "second_hump", "loading_rate", "unloading_rate", "first_hump_time",
          "second_hump_time")  # fmt: skip
"""Course of the force over stance: heights as shares of its mean, rates in the same per stance time, times
as shares of stance."""
STEADY = ("step_time_s", "stance_share", "double_support_share", "step_time_asymmetry", "stride_time_cv")
"""What the steady strides tell by themselves."""
INSOLE_FEATURES = ("height_known", "log_height", "age_known", "age", "mass_known", "bmi", "log_best_speed",
                   "log_step_time", "rhythm", "duration", *(f"start_{name}" for name in STEADY[1:]),
                   *(f"log_{name}" for name in COURSE))  # fmt: skip
"""Measures of the whole clip, in the order of `ClipFeatures.side`."""
N_INSOLE_CHANNELS = 3
INSOLE_SITES = ("feet",)
N_POINTS = 100
"""Points of a stride."""
_OFFSET_QUANTILE = 10
_THRESHOLD = 0.05
_MIN_STRIDES = 4
_STRIDE_S = (0.4, 4.0)
_NEAR, _SPREADS = 0.06, 3.5
_MAX_GAP_S = 0.1
_WEIGHT_RANGE = (0.3, 3.0)
_STEP_SHARE_OF_LEG = 0.75


@dataclass(frozen=True)
class SteadyStrides:
    """The steady strides of a walk; index 0 is the right foot."""

    start_s: tuple[np.ndarray, np.ndarray]  # initial contacts
    stride_s: tuple[np.ndarray, np.ndarray]
    stance_s: tuple[np.ndarray, np.ndarray]
    step_s: tuple[np.ndarray, np.ndarray]  # from the other foot's contact to the own next one
    double_s: tuple[np.ndarray, np.ndarray]  # double support after the contact
    share: float  # of all that was walked (0-1)

    def measure(self) -> dict[str, float]:
        """Measure `STEADY`."""
        stride = np.array([times.mean() for times in self.stride_s])
        step = np.array([times.mean() for times in self.step_s])
        own = [s / t for s, t in zip(self.stance_s, self.stride_s, strict=True)]
        spread = [times.std(ddof=1) / times.mean() for times in self.stride_s]
        double = sum(times.mean() for times in self.double_s)
        found = (0.5 * stride.mean(), np.mean([share.mean() for share in own]), double / stride.mean(),
                 abs(step[0] - step[1]) / step.mean(), np.mean(spread))  # fmt: skip
        return dict(zip(STEADY, (float(value) for value in found), strict=True))


def compute_insole_features(
    signals: xr.Dataset,
    height_m: float | None = None,
    mass_kg: float | None = None,
    age_years: float | None = None,
) -> ClipFeatures:
    """Compute the mean strides of a clip; `force` in N, over time and foot ('r', 'l')."""
    if "force" not in signals or "foot" not in signals.dims:
        raise InputError("insole signals: expected 'force' (N) over time and foot.")
    force = signals["force"].sel(foot=list(SIDES)).transpose("time", "foot").values
    return compute_insole_arrays(force, check_fps(signals.attrs.get("fps")), height_m, mass_kg, age_years)


def compute_insole_arrays(
    force: np.ndarray,
    fps: float,
    height_m: float | None = None,
    mass_kg: float | None = None,
    age_years: float | None = None,
) -> ClipFeatures:
    """Compute the mean strides of a clip (array form of `compute_insole_features`)."""
    empty = (np.zeros((2, N_INSOLE_CHANNELS, 0)), np.zeros(len(INSOLE_FEATURES)))
    if len(force) / fps < MIN_DURATION_S:
        return ClipFeatures(*empty, f"too short: {len(force) / fps:.2f} s, {MIN_DURATION_S:g} s needed")
    scaled = scale_force(force, fps)
    if isinstance(scaled, str):
        return ClipFeatures(*empty, scaled)
    if mass_kg is not None:
        weighed = float(np.nanmean(force.sum(axis=1))) / (mass_kg * GRAVITY_MPS2)
        if not _WEIGHT_RANGE[0] < weighed < _WEIGHT_RANGE[1]:
            return ClipFeatures(
                *empty, f"both feet carry {weighed:.2g} body weights on average: is it newtons?"
            )
    strides = find_steady_strides(scaled, fps)
    if isinstance(strides, str):
        return ClipFeatures(*empty, strides)
    sequence = average_strides(scaled, fps, strides)
    steady = strides.measure()
    side = describe_person(height_m, age_years)
    bmi = 0.0 if mass_kg is None or height_m is None else np.log(mass_kg / height_m**2 / 24.0)
    side |= {"mass_known": float(mass_kg is not None and height_m is not None), "bmi": bmi}
    side |= {"log_best_speed": np.log(_STEP_SHARE_OF_LEG / steady["step_time_s"]), "rhythm": strides.share}
    side |= {"log_step_time": np.log(steady["step_time_s"] / 0.55), "duration": len(force) / fps / 60.0}
    side |= {f"start_{name}": steady[name] for name in STEADY[1:]}
    course = np.mean(
        [list(describe_course(own, steady["stance_share"]).values()) for own in sequence[:, 0]], axis=0
    )
    side |= {f"log_{name}": np.log(max(value, 0.02)) for name, value in zip(COURSE, course, strict=True)}
    vector = np.clip([side[name] for name in INSOLE_FEATURES], -8, 8).astype(np.float32)
    return ClipFeatures(np.clip(sequence, -1, 4).astype(np.float32), vector, sites=np.zeros(2, dtype=int))


def scale_force(force: np.ndarray, fps: float) -> np.ndarray | str:
    """Bring the force under each foot to body weights, or say why not (steps 1 of the module)."""
    known = np.isfinite(force).all(axis=1)
    rows = np.flatnonzero(known)
    gaps = np.diff(np.r_[-1, rows, len(force)]) - 1
    if len(rows) == 0 or gaps.max() > max(_MAX_GAP_S * fps, 1):
        return "a gap of more than 0.1 s; cut the clip there"
    filled = np.stack([np.interp(np.arange(len(force)), rows, column[rows]) for column in force.T], axis=1)
    rested = filled - np.percentile(filled, _OFFSET_QUANTILE, axis=0)
    level = 2 * rested.mean(axis=0)
    if not (level > 0).all():
        return "one foot carries nothing"
    return rested / level


def find_steady_strides(force: np.ndarray, fps: float, threshold: float = _THRESHOLD) -> SteadyStrides | str:
    """Find the steady strides of a walk, or say why there are too few (steps 2 and 3 of the module)."""
    time_s = np.arange(len(force)) / fps
    found = [find_force_contacts(time_s, force[:, n], threshold) for n in (0, 1)]
    lands, leaves = ([moments[n] for moments in found] for n in (0, 1))
    whole = [_list_strides(lands[f], leaves[f], lands[1 - f], leaves[1 - f]) for f in (0, 1)]
    if min(len(rows) for rows in whole) < _MIN_STRIDES:
        return f"too few steps: at least {_MIN_STRIDES} whole strides of each foot needed"
    times = np.concatenate([rows[:, 1] for rows in whole])
    middle = np.median(times)
    reach = max(_NEAR * middle, _SPREADS * 1.4826 * np.median(np.abs(times - middle)))
    kept = [rows[np.abs(rows[:, 1] - middle) <= reach] for rows in whole]
    if min(len(rows) for rows in kept) < _MIN_STRIDES:
        return f"too few steps: at least {_MIN_STRIDES} steady strides of each foot needed"
    share = sum(rows[:, 1].sum() for rows in kept) / (2 * time_s[-1])
    return SteadyStrides(*(tuple(rows[:, n] for rows in kept) for n in range(5)), float(min(share, 1.0)))


def _list_strides(land, leave, other_land, other_leave) -> np.ndarray:
    """Start, stride, stance, step and double support of whole strides of one foot (s), shape (n, 5)."""
    start, end = land[:-1], land[1:]
    whole, moments = (end - start > _STRIDE_S[0]) & (end - start < _STRIDE_S[1]), []
    for events in (leave, other_land, other_leave):
        first = np.searchsorted(events, start, side="right")
        whole &= np.searchsorted(events, end) - first == 1
        moments.append(np.append(events, np.nan)[first])
    off, other, other_off = moments
    whole &= (other_off < other) & (other < off)
    return np.stack([start, end - start, off - start, end - other, other_off - start], axis=1)[whole]


def average_strides(force: np.ndarray, fps: float, strides: SteadyStrides) -> np.ndarray:
    """Average the steady strides of each foot; shape (2, 3, 100), body weights (step 4 of the module)."""
    time_s, grid = np.arange(len(force)) / fps, np.arange(N_POINTS) / N_POINTS
    sequence = np.empty((2, N_INSOLE_CHANNELS, N_POINTS))
    for foot in (0, 1):
        moments = strides.start_s[foot][:, None] + strides.stride_s[foot][:, None] * grid
        own, other = (
            np.interp(moments.ravel(), time_s, force[:, n]).reshape(moments.shape) for n in (foot, 1 - foot)
        )
        factor = 0.5 / max(own.mean(), 1e-6)
        sequence[foot] = (
            factor * own.mean(axis=0),
            0.5 / max(other.mean(), 1e-6) * other.mean(axis=0),
            factor * own.std(axis=0),
        )
    return sequence


def describe_course(curve: np.ndarray, stance_share: float) -> dict[str, float]:
    """Describe the course of the force over stance (`COURSE`) of a mean stride."""
    length = max(stance_share * len(curve), 10.0)
    place = np.linspace(0.0, 1.0, 101)
    stance = np.interp(place * length, np.arange(len(curve)), curve)
    stance = stance / max(stance.mean(), 1e-6)
    first = int(np.argmax(stance[10:45])) + 10
    second = int(np.argmax(stance[55:92])) + 55
    slope = np.gradient(stance, 0.01)
    found = (stance[first], stance[first:second].min(), stance[second], slope[:25].max(), -slope[75:].min(),
             place[first], place[second])  # fmt: skip
    return dict(zip(COURSE, (float(value) for value in found), strict=True))
