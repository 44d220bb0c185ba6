"""How walks differ beyond their gait: timing, joint curves, trunk, body proportions; a stochastic model, not
physics.

A solved gait repeats itself exactly. Stride times follow the process of
`gaitlib.generate.stride_variability`, joint excursions wander from stride to stride, walks start and stop.
`choose_variation` sets the sizes so that the walks have the coefficients of variation that the cohort gives
the person (`stride_time_cv`, `stride_length_cv`, from published values, see `gaitlib/cohorts`). Departures
from people: time and length vary independently of each other, and there are no long-range correlations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
import xarray as xr
from scipy.interpolate import PchipInterpolator

from gaitlib.body.dimensions import Dimensions
from gaitlib.errors import InputError
from gaitlib.events import choose_foot_points, detect_events
from gaitlib.gait import COORDINATES, SIDES
from gaitlib.generate.stride_variability import STRIDE_MEMORY, draw_series
from gaitlib.walk import find_progression, get_point

_PROPORTIONS = (
    ("thigh_m", "shank_m", "ankle_height_m"),
    ("heel_behind_ankle_m", "mtp_ahead_of_ankle_m", "toe_ahead_of_mtp_m"),
    ("lumbar_to_shoulder_m", "hip_to_lumbar_m"),
    ("upper_arm_m", "forearm_m"),
    ("hip_width_m",),
    ("shoulder_width_m",),
    ("neck_m", "head_m"),
)


@dataclass(frozen=True)
class WalkVariation:
    """How much walks differ beyond their gait; zero everywhere leaves the gait as simulated."""

    # coefficient of variation of stride time (1); about 0.02 in healthy adults (Hausdorff 2005). The two
    # steps of a stride vary against each other likewise
    stride_time_cv: float = 0.02
    # stride-to-stride variation of joint excursion (1); assumed equal to that of stride length
    stride_amplitude_cv: float = 0.02
    # standard deviation of the relative change of stride time over the walk (1); assumed
    speed_drift: float = 0.02
    # standard deviation of a constant shift of the hip, knee and ankle curves (deg): as wide as the between-
    # subject spread of normal gait (Kadaba et al. 1990, doi 10.1002/jor.1100080310)
    angle_offset_deg: float = 4.0
    # standard deviation of an added first harmonic; the k-th has 1/k of it (deg); assumed
    angle_harmonic_deg: float = 3.0
    # standard deviation of the relative change of each joint's excursion (1); assumed
    amplitude_spread: float = 0.12
    # share of the variation of the curves that differs between the sides (0-1); assumed
    asymmetry: float = 0.3
    # standard deviation of the shift of left contact, as a share of the stride (1); assumed
    step_time_asymmetry: float = 0.008
    # standard deviation of the logarithm of each segment length (1): 3 % as the spread of relative leg length
    # (Fredriks et al. 2005, doi 10.1136/adc.2004.050799)
    proportion_spread: float = 0.03
    # rise, sway and surge of the trunk and pelvic tilt are those of people, with this SD of their
    # logarithm (1), see `gaitlib.sense.trunk_and_arms`; as simulated if zero
    trunk_spread: float = 0.0
    # mean extra time of the first and of the last step of a walk, as a share of a step (1), exponentially
    # distributed; the steps after the first and before the last have a third of it, and so on. Walks begin
    # and end in standing, and are steady after some three steps; sizes are assumed
    start_slowdown: float = 0.0

    def scale(self, factor: float) -> WalkVariation:
        """Scale every magnitude by one factor."""
        scaled = {f.name: getattr(self, f.name) * factor for f in fields(self) if f.name != "asymmetry"}
        return replace(self, **scaled)


NO_VARIATION = WalkVariation().scale(0.0)

STEADY_VARIATION = WalkVariation(
    angle_offset_deg=2.0, angle_harmonic_deg=0.4, amplitude_spread=0.04, trunk_spread=0.2, start_slowdown=0.15
)
"""For inertial sensors: joint curves that are bent independently of each other shake the pelvis over the foot
on the floor. A camera hardly sees it; the second derivative does."""


def vary_angles(
    base: np.ndarray, turns: np.ndarray, rng: np.random.Generator, variation: WalkVariation
) -> np.ndarray:
    """Shift, stretch and bend joint curves, alike but for the share of asymmetry; shape (n_time, 12)."""
    varied = base.copy()
    wander = _draw_wander(turns, rng) * variation.stride_amplitude_cv
    for name, weight in (("hip_flexion", 1.0), ("knee_angle", 1.0), ("ankle_angle", 0.8), ("mtp_angle", 0.5)):
        common, own = np.sqrt(1 - variation.asymmetry**2), variation.asymmetry
        shared = rng.standard_normal(8)
        for side in SIDES:
            draw = common * shared + own * rng.standard_normal(8)
            column = COORDINATES.index(f"{name}_{side}")
            angle = base[:, column]
            mean = angle.mean()
            stretch = np.clip(1.0 + variation.amplitude_spread * draw[0], 0.5, 1.6) * (1.0 + wander)
            bend = variation.angle_offset_deg * draw[1]
            for k in (1, 2, 3):
                turn = 2 * np.pi * k * (turns + (0.5 if side == "l" else 0.0))
                wave = draw[2 * k] * np.cos(turn) + draw[2 * k + 1] * np.sin(turn)
                bend = bend + variation.angle_harmonic_deg / k * wave / np.sqrt(2)
            angle = mean + stretch * (angle - mean) + weight * np.deg2rad(bend)
            if name == "knee_angle":
                limit = min(np.deg2rad(-5.0), base[:, column].min())
                angle = limit + np.logaddexp(0.0, 40.0 * (angle - limit)) / 40.0
            varied[:, column] = angle
    return _vary_trunk(varied, rng, variation)


def _vary_trunk(angles: np.ndarray, rng, variation: WalkVariation) -> np.ndarray:
    """Steady the trunk (planar predictions swing it too much) and lean it."""
    tilt, lumbar = COORDINATES.index("pelvis_tilt"), COORDINATES.index("lumbar_extension")
    steady, lean, pelvis = rng.uniform(), rng.standard_normal(), rng.standard_normal()
    if variation.angle_offset_deg == 0:
        return angles
    trunk = angles[:, tilt] + angles[:, lumbar]
    trunk = trunk.mean() + steady * (trunk - trunk.mean()) + np.deg2rad(variation.angle_offset_deg * lean)
    shift = np.deg2rad(variation.angle_offset_deg * pelvis)
    angles[:, tilt] += shift
    for side in SIDES:
        angles[:, COORDINATES.index(f"hip_flexion_{side}")] -= shift
    angles[:, lumbar] = trunk - angles[:, tilt]
    return angles


def _draw_wander(turns: np.ndarray, rng) -> np.ndarray:
    """Unit-variance curve that wanders from stride to stride, smooth in between."""
    first = int(np.floor(turns.min()))
    knots = np.arange(first - 1, int(np.ceil(turns.max())) + 2)
    values = rng.standard_normal(len(knots))
    place = np.clip(turns - knots[0], 0, len(knots) - 1.001)
    left = place.astype(int)
    ramp = place - left
    fade = ramp**2 * (3 - 2 * ramp)
    return (1 - fade) * values[left] + fade * values[left + 1]


def vary_proportions(dimensions: Dimensions, rng: np.random.Generator, spread: float) -> Dimensions:
    """Draw segment lengths around the person's; height stays as stated."""
    factors = np.exp(np.clip(spread * rng.standard_normal(len(_PROPORTIONS)), -0.15, 0.15))
    if spread == 0:
        return dimensions
    changes = {
        name: getattr(dimensions, name) * factor
        for group, factor in zip(_PROPORTIONS, factors, strict=True)
        for name in group
    }
    return replace(dimensions, **changes)


_STEP_SHARE = 0.5
_ENDS_FADE = 1 / 3


def draw_phase(
    stride_time_s: np.ndarray, time_s: np.ndarray, rng: np.random.Generator, variation: WalkVariation
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw stride times and the phase at which a walk begins; shape (n_time,)."""
    n_strides = int(np.ceil(time_s[-1] / (0.7 * stride_time_s.min()))) + 3
    noise = draw_series(1, n_strides, 1, STRIDE_MEMORY, rng)[0, :, 0]
    drift = variation.speed_drift * rng.standard_normal() * np.linspace(-1, 1, n_strides)
    relative = 1.0 + np.clip(variation.stride_time_cv * noise + drift, -0.25, 0.25)
    times = np.resize(stride_time_s, n_strides) * relative
    ends = np.concatenate([[0.0], np.cumsum(times)])
    moments = time_s + rng.uniform(0, 1) * times[0]
    unrolled = PchipInterpolator(ends, np.arange(n_strides + 1.0))(moments)
    shift = np.full(n_strides + 1, variation.step_time_asymmetry * rng.standard_normal())
    if variation.stride_time_cv:
        # The two steps of a stride share its time by chance, as much as strides differ.
        shift += _STEP_SHARE * variation.stride_time_cv * rng.standard_normal(n_strides + 1)
    own = np.clip(shift, -0.06, 0.06)[np.floor(unrolled).astype(int)]
    unrolled = unrolled + own * 0.5 * (1 - np.cos(2 * np.pi * unrolled))
    if variation.start_slowdown:
        unrolled = slow_ends(unrolled, time_s, variation.start_slowdown * rng.exponential(size=2))
    stride = np.floor(unrolled)
    return stride, unrolled - stride, np.gradient(unrolled, time_s)


def slow_ends(unrolled: np.ndarray, time_s: np.ndarray, extra: np.ndarray) -> np.ndarray:
    """Let the first and the last steps take longer; shape (n_time,)."""
    steps = 2 * (unrolled - unrolled[0])
    shares = extra[0] * _ENDS_FADE**steps + extra[1] * _ENDS_FADE ** (steps[-1] - steps)
    later = np.concatenate([[0.0], np.cumsum((1 + shares[1:]) * np.diff(time_s))])
    return np.interp(time_s * later[-1] / time_s[-1], later, unrolled)


TIME_GAIN, LENGTH_GAIN = 0.93, 0.765
"""Coefficient of variation found in long built walks over that which the model was told, the same from 2 to
6 % (a test measures them): timing is smoothed between strides, and joint excursion is not stride length."""


def choose_variation(row: Mapping, base: WalkVariation | None = None) -> WalkVariation:
    """Choose the variation that gives a person's walks the person's variability."""
    base = base or WalkVariation()
    for name, field, gain in (
        ("stride_time_cv", "stride_time_cv", TIME_GAIN),
        ("stride_length_cv", "stride_amplitude_cv", LENGTH_GAIN),
    ):
        value = row.get(name)
        if value is None or np.isnan(value):
            continue
        if not 0 <= value <= 0.3:
            raise InputError(f"{name}: found {value}, expected SD / mean of 0 to 0.3.")
        base = replace(base, **{field: float(value) / gain})
    return base


def measure_variability(walk: xr.Dataset) -> dict[str, float]:
    """Measure the variability of a walk from right foot to right foot."""
    events = detect_events(walk)
    right = events[(events["event"] == "initial_contact") & (events["foot"] == "r")]
    contacts = right["time_s"].to_numpy(dtype=float)
    times = np.diff(contacts)
    if len(times) < 3:
        return {"n_strides": len(times), "stride_time_cv": np.nan, "stride_length_cv": np.nan}
    heel = get_point(walk, f"{choose_foot_points(walk)[0]}_r") @ find_progression(walk)
    flat = np.add.outer(contacts, np.linspace(0.1, 0.25, 6) * times.mean())  # the foot rests on the floor
    lengths = np.diff(np.interp(flat, walk["time"].values, heel).mean(axis=1))
    cv = [float(np.std(values, ddof=1) / np.mean(values)) for values in (times, lengths)]
    return {"n_strides": len(times), "stride_time_cv": cv[0], "stride_length_cv": cv[1]}
