"""What the estimators answer (values with intervals, muscle activity, or an abstention with its reason), and
the scales on which the network works.

Quantities that are positive and vary by a share of themselves (speed, step length, step time) are
estimated on a logarithmic scale, shares of the stride on a linear one.

The true outcomes of a synthetic walk follow the definitions of `gaitlib.outcomes`; training asks for
thousands of windows, so events are detected once per walk and each window takes those inside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.events import detect_events_from_curves
from gaitlib.gait import MUSCLES, N_PHASE
from gaitlib.outcomes import LANDING_SHARE, MID_STANCE_SHARE
from gaitlib.walk import KEYPOINTS_3D


@dataclass(frozen=True)
class Target:
    """One estimated outcome."""

    name: str  # as in `gaitlib.outcomes.OUTCOMES`
    unit: str
    size: float = 0.0  # one unit of the network's scale; 0 for a logarithmic scale
    start: float = 1.0  # value at which training starts; not used on a logarithmic scale
    lower: float = 0.0  # ends of what is possible
    upper: float = np.inf


TARGETS = (
    Target("speed_mps", "m/s"),
    Target("step_length_m", "m"),
    Target("step_time_s", "s"),
    Target("stance_share", "1", 0.25, 0.62, 0.3, 0.98),
    Target("double_support_share", "1", 0.5, 0.24, 0.0, 0.9),
    Target("step_time_asymmetry", "1", 0.25, 0.05, 0.0, 2.0),
    Target("step_length_asymmetry", "1", 0.25, 0.05, 0.0, 2.0),
    Target("stride_time_cv", "1", 0.1, 0.025, 0.0, 1.0),
    Target("step_width_m", "m", 0.25, 0.11, -0.2, 0.6),
)
OUTCOME_NAMES = tuple(target.name for target in TARGETS)
"""What networks estimate, in this order, not all the last ones; `cadence_spm` follows from the step time."""
N_WITHOUT_WIDTH = OUTCOME_NAMES.index("step_width_m")
"""Number of outcomes that do not need to be seen."""
UNITS = {target.name: target.unit for target in TARGETS} | {"cadence_spm": "steps/min"}
"""Unit of each answered outcome."""
WITHHELD = ("step_width_m",)
"""Outcomes whose intervals did not hold on real people: pages may count them, users are not told them."""
_SIZE = np.array([target.size for target in TARGETS])
_LOG = _SIZE == 0
_LOWER, _UPPER = (np.array([getattr(target, end) for target in TARGETS]) for end in ("lower", "upper"))


def encode_outcomes(values: np.ndarray, n_outcomes: int = len(TARGETS)) -> np.ndarray:
    """Bring the first `n_outcomes` to the scales of the network; shape (..., n_outcomes)."""
    values = np.asarray(values, dtype=float)[..., :n_outcomes]
    log, size = _LOG[:n_outcomes], _SIZE[:n_outcomes]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(log, np.log(values), values / np.where(log, 1.0, size))


def decode_outcomes(latent: np.ndarray) -> np.ndarray:
    """Bring values of the network back to units, kept within what is possible; shape (..., n_outcome)."""
    latent = np.asarray(latent, dtype=float)
    log, size, lower, upper = (part[: latent.shape[-1]] for part in (_LOG, _SIZE, _LOWER, _UPPER))
    return np.clip(np.where(log, np.exp(np.where(log, latent, 0.0)), latent * size), lower, upper)


_AT = {name: n for n, name in enumerate(KEYPOINTS_3D)}
_HIPS, _HEELS, _TOES = ([_AT[f"{name}_{side}"] for side in "rl"] for name in ("hip", "heel", "toe"))
_ANKLES = [_AT[f"ankle_{side}"] for side in "rl"]
_LANDING_SHARE, _MID_STANCE_SHARE = (np.linspace(*ends, 6) for ends in (LANDING_SHARE, MID_STANCE_SHARE))
_MIN_STRIDES = 3


@dataclass(frozen=True)
class WalkEvents:
    """Paths and events of one walk."""

    time_s: np.ndarray  # (n_time,): Time (s)
    hip: np.ndarray  # (n_time,): Middle of the hips along the walk (m)
    # (n_contact,): Initial contacts: time (s), foot (0 right, 1 left), resting place of the heel along the
    # walk (m)
    contact_s: np.ndarray
    foot: np.ndarray
    footprint_m: np.ndarray
    toe_off_s: tuple[np.ndarray, np.ndarray]  # toe-offs of the right and the left foot (s)
    # (n_contact,): place of the ankle to the right in the middle of stance (m); None where it is not known
    beside_m: np.ndarray | None = None


def find_walk_events(time_s: np.ndarray, points: np.ndarray) -> WalkEvents | None:
    """Find the events of a noise-free walk."""
    hip = points[:, _HIPS, 0].mean(axis=1)
    heels, toes = points[:, _HEELS, 0], points[:, _TOES, 0]
    events = detect_events_from_curves(time_s, heels - hip[:, None], toes - hip[:, None], with_landing=True)
    moment, foot = events["time_s"].to_numpy(), (events["foot"] == "l").to_numpy().astype(int)
    lands = (events["event"] == "initial_contact").to_numpy()
    contact, side = moment[lands], foot[lands]
    if len(contact) < 3:
        return None
    stride = 2 * float(np.median(np.diff(contact)))
    place = contact[:, None] + stride * _LANDING_SHARE
    place = np.where(place <= time_s[-1], place, np.nan)
    place[np.isnan(place[:, 0]), 0] = contact[np.isnan(place[:, 0])]
    paths = [np.interp(np.nan_to_num(place), time_s, heel) for heel in heels.T]
    prints = np.where((side == 0)[:, None], *paths)
    prints = np.nanmean(np.where(np.isnan(place), np.nan, prints), axis=1)
    offs = tuple(moment[~lands & (foot == n)] for n in (0, 1))
    middle = contact[:, None] + stride * _MID_STANCE_SHARE
    ankles = [np.interp(middle, time_s, points[:, n, 2], right=np.nan).mean(axis=1) for n in _ANKLES]
    return WalkEvents(time_s, hip, contact, side, prints, offs, np.where(side == 0, *ankles))


def measure_window(walk: WalkEvents, start_s: float, end_s: float) -> np.ndarray | None:
    """Measure the outcomes of a window of a walk; shape (n_outcome,)."""
    rows = slice(*np.searchsorted(walk.contact_s, (start_s, end_s)))
    time, foot, prints = walk.contact_s[rows], walk.foot[rows], walk.footprint_m[rows]
    if len(time) < 3 or np.any(np.diff(foot) == 0):
        return None
    steps, lengths, side = np.diff(time), np.diff(prints), foot[1:]
    strides = time[2:] - time[:-2]
    hip = np.interp(time[[0, -1]], walk.time_s, walk.hip)
    step_time, time_asymmetry = _compare(steps, side)
    step_length, length_asymmetry = _compare(lengths, side)
    offs = [off[(off > start_s) & (off < end_s)] for off in walk.toe_off_s]
    stance = [
        (_next(offs[f], t, end) - t) / (end - t)
        for t, end, f in zip(time[:-2], time[2:], foot[2:], strict=True)
    ]
    stride = float(strides.mean())
    double = np.array([_next(offs[1 - f], t, t + 0.5 * stride) - t for t, f in zip(time, foot, strict=True)])
    found = {
        "speed_mps": (hip[1] - hip[0]) / (time[-1] - time[0]),
        "step_length_m": step_length,
        "step_time_s": step_time,
        "stance_share": np.mean([_mean(np.array(stance)[foot[2:] == n]) for n in np.unique(foot[2:])]),
        "double_support_share": sum(_mean(double[foot == n]) for n in (0, 1)) / stride,
        "step_time_asymmetry": time_asymmetry,
        "step_length_asymmetry": length_asymmetry,
        "stride_time_cv": strides.std(ddof=1) / stride if len(strides) >= _MIN_STRIDES else np.nan,
        "step_width_m": np.nan,
    }
    if walk.beside_m is not None:  # from the left foot to the right one
        found["step_width_m"] = _mean(np.diff(walk.beside_m[rows]) * np.where(side, -1.0, 1.0))
    return np.array([found[name] for name in OUTCOME_NAMES])


def _compare(values: np.ndarray, side: np.ndarray) -> tuple[float, float]:
    """Mean of both sides' means, and their absolute difference over that mean."""
    right, left = (values[side == n].mean() for n in (0, 1))
    total = abs(right + left)
    return 0.5 * (right + left), 2 * abs(right - left) / total if total > 0 else np.nan


def _next(moments: np.ndarray, after: float, before: float) -> float:
    place = np.searchsorted(moments, after, side="right")
    return float(moments[place]) if place < len(moments) and moments[place] < before else np.nan


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan


_STEP_TIME = OUTCOME_NAMES.index("step_time_s")


@dataclass(frozen=True)
class Value:
    """One estimated outcome."""

    value: float  # estimate and interval, in `unit`; the interval is NaN where the method gives none
    lower: float
    upper: float
    unit: str  # unit


@dataclass(frozen=True)
class Estimate:
    """The answer for one clip."""

    status: str = "ok"  # 'ok', or the reason of the abstention
    values: dict[str, Value] = field(default_factory=dict)  # empty on abstention
    # activation, lower, upper (muscle, phase), 0-1: muscles as `gaitlib.gait.MUSCLES`, phase in percent of
    # the stride from the initial contact of the muscle's own leg. None where the method gives none
    activation: xr.Dataset | None = field(default=None, compare=False)

    @property
    def ok(self) -> bool:
        """Whether there are values."""
        return self.status == "ok"

    def to_dict(self, with_activation: bool = False) -> dict:
        """Turn into plain values for JSON."""

        def plain(number: float) -> float | None:
            return float(number) if np.isfinite(number) else None

        answer: dict = {"status": self.status}
        for name, item in self.values.items():
            answer[name] = {end: plain(getattr(item, end)) for end in ("value", "lower", "upper")}
            answer[name]["unit"] = item.unit
        if with_activation and self.activation is not None:
            curves = self.activation
            ends = {"value": "activation", "lower": "lower", "upper": "upper"}
            answer["activation"] = {"phase_percent": curves["phase"].values.tolist()} | {
                str(muscle): {
                    end: [plain(round(float(v), 4)) for v in curves[name].sel(muscle=muscle).values]
                    for end, name in ends.items()
                }
                for muscle in curves["muscle"].values
            }
        return answer


def build_estimate(
    values: np.ndarray, lower: np.ndarray | None = None, upper: np.ndarray | None = None, activation=None
) -> Estimate:
    """Put an estimate together; the cadence follows from the step time."""
    nothing = np.full(len(values), np.nan)
    rows = np.array([values, nothing if lower is None else lower, nothing if upper is None else upper])
    found = dict(zip(OUTCOME_NAMES, rows.T, strict=False))
    step_time, shortest, longest = rows[:, _STEP_TIME]
    found["cadence_spm"] = np.array([60 / step_time, 60 / longest, 60 / shortest])
    return Estimate(
        "ok", {name: Value(*(float(v) for v in row), UNITS[name]) for name, row in found.items()}, activation
    )


def build_activation(curves: np.ndarray, half_width: np.ndarray) -> xr.Dataset:
    """Label curves of muscle activity."""
    half = np.broadcast_to(half_width, curves.shape)
    ends = {
        "activation": curves,
        "lower": np.maximum(curves - half, 0),
        "upper": np.minimum(curves + half, 1),
    }
    data = {name: (("muscle", "phase"), value.reshape(-1, N_PHASE)) for name, value in ends.items()}
    phase = ("phase", np.linspace(0.0, 100.0, N_PHASE), {"units": "% of the stride of the muscle's own leg"})
    return xr.Dataset(data, coords={"muscle": list(MUSCLES), "phase": phase})


def build_abstention(reason: str) -> Estimate:
    """Put an abstention together."""
    return Estimate(reason or "no estimate")


EVENT_OUTCOMES = ("step_time_s", "cadence_spm", "stance_share", "double_support_share", "step_time_asymmetry",
                  "stride_time_cv")  # fmt: skip
"""What events alone tell, without any path of the body."""


def measure_events(events: pd.DataFrame, duration_s: float, left_out: int = 0) -> dict[str, float]:
    """Measure a walk from its events alone, without the first and last `left_out` initial contacts."""
    lands = events["event"] == "initial_contact"
    contacts = events[lands].sort_values("time_s")
    contacts = contacts.iloc[left_out : len(contacts) - left_out]
    moments, feet = contacts["time_s"].to_numpy(), (contacts["foot"] == "l").to_numpy().astype(int)
    offs = tuple(np.sort(events.loc[~lands & (events["foot"] == side), "time_s"].to_numpy()) for side in "rl")
    still = np.zeros(2)
    walk = WalkEvents(np.array([0.0, duration_s]), still, moments, feet, np.zeros(len(moments)), offs)
    found = measure_window(walk, -1.0, duration_s + 1.0)
    if found is None:
        return {}
    named = dict(zip(OUTCOME_NAMES, found.tolist(), strict=True))
    named["cadence_spm"] = 60.0 / named["step_time_s"]
    return {name: named[name] for name in EVENT_OUTCOMES}
