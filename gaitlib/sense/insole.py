"""Virtual pressure insoles: a walk's ground force as cells under heel, ball and toes report it.

The vertical force of a simulated gait is shared out among the contact spheres of each foot and repeated
stride by stride, with the timing of `gaitlib.sense.walk_variation`. Where a stride takes longer or shorter
than the solved one, what its force has beyond body weight changes with the square of the pace, as
accelerations do. For training, the part of the force that lifts the trunk is brought to that of people, as
`gaitlib.sense.trunk_and_arms` does with the trunk. Sensors then err: gain, offset, dead cells, saturation,
slow shoe and cells, noise.

Sizes of errors are assumed and wide: insoles of the kind used on patients report a total that is off by
tens of percent (in the recordings of PhysioNet gaitpdb walkers weigh 1.28 times their weight, a number that
came with the data). So nothing trained on them may rely on the size of a force, only on its course.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd
import xarray as xr
from scipy.ndimage import gaussian_filter1d

from gaitlib.errors import InputError
from gaitlib.gait import COORDINATES, GRAVITY_MPS2, SIDES
from gaitlib.generate.foot_contact import compute_foot_contact, share_load, stack_dimensions
from gaitlib.person import Person
from gaitlib.sense.trunk_and_arms import expect_excursion
from gaitlib.sense.walk_variation import NO_VARIATION, WalkVariation, draw_phase

REGIONS = ("heel", "ball", "toes")
_CELLS = np.array([3, 3, 2])
"""Cells of an insole under each region."""
_RISE_RANGE = (0.5, 2.0)
LOAD_FPS = 100.0
"""Samples per second of built walks (Hz): a stride of 100 points holds no more."""


@dataclass(frozen=True)
class InsoleErrors:
    """Size of the errors of pressure insoles; zero sizes are a perfect insole of limited range."""

    gain_share: float = 0.15  # standard deviation of the logarithm of the gain of each foot (1)
    region_gain_share: float = 0.08  # the same of each region beyond that (1)
    missing_share: float = 0.03  # chance that a cell is dead (0-1)
    offset_share: float = 0.01  # standard deviation of a constant offset (share of body weight)
    noise_share: float = 0.004  # standard deviation of white noise (share of body weight)
    settling_s: float = 0.012  # mean time that shoe and cells take to follow (s), exponentially distributed
    greatest_share: tuple[float, float] = (0.7, 2.0)  # range of the most that a region tells (body weights)

    def __post_init__(self) -> None:
        negative = [f.name for f in fields(self) if np.min(getattr(self, f.name)) < 0]
        if negative:
            raise InputError(f"InsoleErrors: {', '.join(negative)} must not be negative.")

    def scale(self, factor: float) -> InsoleErrors:
        """Scale the size of all errors; the range is kept."""
        sizes = {f.name: getattr(self, f.name) * factor for f in fields(self) if f.name != "greatest_share"}
        return replace(self, **sizes | {"missing_share": min(sizes["missing_share"], 1.0)})


def compute_region_load(gaits: xr.Dataset, people) -> np.ndarray:
    """Share the vertical force of gaits out among heel, ball and toes; (n, 101, 2, 3), body weights."""
    position = gaits["position"].transpose("gait", "phase", "coordinate").values
    force = gaits["ground_force"].transpose("gait", "phase", "foot", "axis").values[..., 1]
    mass, size = (people[name].to_numpy(dtype=float) for name in ("mass_kg", "height_m"))
    load = (np.clip(force, 0.0, None) / (mass * GRAVITY_MPS2)[:, None, None]).astype(np.float32)
    height = compute_foot_contact(position, stack_dimensions(people))[0]
    return share_load(load, height, size).astype(np.float32)


@dataclass(frozen=True)
class LoadWalk:
    """What the feet carry in a walk."""

    time_s: np.ndarray  # (n_time,), at `LOAD_FPS`
    load: np.ndarray  # (n_time, 2, 3): of right and left foot, by region (body weights)
    forward_m: np.ndarray  # (n_time,): path of the pelvis (m)


def lift_load(load: np.ndarray, step_s: float, speed_mps: float, leg_length_m: float) -> np.ndarray:
    """Let loads (101, 2, 3) lift the trunk as far as people's rises at this speed and step."""
    total, turns = load.sum(axis=(1, 2)), np.linspace(0.0, 1.0, len(load))
    wave = np.exp(-4j * np.pi * turns)
    size = 2 * np.mean((total * wave.conj())[:-1])
    own = 2 * abs(size) * GRAVITY_MPS2 / (2 * np.pi / step_s) ** 2
    wanted = expect_excursion("rise", speed_mps, leg_length_m, speed_mps * step_s)
    more = np.clip(wanted / max(own, 1e-4), *_RISE_RANGE) - 1
    lifted = np.clip(total + more * (size * wave).real, 0.1, None)
    return (load * (lifted / np.maximum(total, 0.05))[:, None, None]).astype(load.dtype)


def build_load_walk(
    load: np.ndarray,
    travel_m: np.ndarray,
    stride_time_s: float,
    duration_s: float,
    rng: np.random.Generator,
    variation: WalkVariation = NO_VARIATION,
    flatness: float = 1.0,
) -> LoadWalk:
    """Let one gait walk: loads (101, 2, 3) and forward travel per stride (101,) of its stride, repeated.

    `flatness` multiplies what the total force has beyond body weight.
    """
    time_s = np.arange(int(round(duration_s * LOAD_FPS)) + 1) / LOAD_FPS
    _, phase, rate = draw_phase(np.array([stride_time_s]), time_s, rng, variation)
    place = np.linspace(0.0, 1.0, len(load))
    values = _interpolate(phase, place, load)
    total = values.reshape(len(values), -1).sum(axis=1)
    wanted = np.clip(1.0 + (total - 1.0) * flatness * (rate * stride_time_s) ** 2, 0.0, None)
    values *= (wanted / np.maximum(total, 0.05))[:, None, None]
    speed = np.interp(phase, place, travel_m) * rate
    forward = np.concatenate([[0.0], np.cumsum(0.5 * (speed[1:] + speed[:-1]))]) / LOAD_FPS
    return LoadWalk(time_s, values, forward)


def _interpolate(new: np.ndarray, old: np.ndarray, load: np.ndarray) -> np.ndarray:
    """Read loads over `old` at other places; shape (n_new, 2, 3)."""
    columns = load.reshape(len(load), -1).T
    taken = np.stack([np.interp(new, old, column) for column in columns], axis=1)
    return taken.reshape(-1, *load.shape[1:])


def slow_down(
    load: np.ndarray, centre_s: np.ndarray, width_s: float, least: float, stand_s: tuple[float, float]
) -> np.ndarray:
    """Walk slower around some moments, as in turns, and stand before and after the walk."""
    time_s = np.arange(len(load)) / LOAD_FPS
    bumps = np.exp(-0.5 * ((time_s[:, None] - centre_s[None]) / width_s) ** 2).max(axis=1, initial=0.0)
    later = np.concatenate([[0.0], np.cumsum(1.0 / (1.0 - (1.0 - least) * bumps[1:]))]) / LOAD_FPS
    new = np.arange(int(later[-1] * LOAD_FPS) + 1) / LOAD_FPS
    walked = _interpolate(new, later, load)
    stand = load.mean(axis=0) / load.mean(axis=0).sum()
    before, after = (np.tile(stand, (int(length * LOAD_FPS), 1, 1)) for length in stand_s)
    return np.concatenate([before, walked, after])


def settle_load(load: np.ndarray, settling_s: float) -> np.ndarray:
    """Let shoe and cells follow loads: what is felt in the shoe lasts longer than what the floor carries."""
    return gaussian_filter1d(load, settling_s * LOAD_FPS, axis=0, mode="nearest") if settling_s > 0 else load


def measure_load(
    load: np.ndarray, fps: float, rng: np.random.Generator | None = None, errors: InsoleErrors | None = None
) -> np.ndarray:
    """Measure loads with insoles; shape (n_time, 2, 3), body weights as the insoles tell them."""
    if errors is None:
        errors, rng = InsoleErrors().scale(0.0), rng or np.random.default_rng(0)
    if rng is None:
        raise InputError("insoles: errors are drawn at random: give rng.")
    if not fps >= 20.0:
        raise InputError(f"insoles: fps is {fps:g}, expected 20 or more.")
    feet, regions = load.shape[1:]
    gain = np.exp(
        errors.gain_share * rng.standard_normal((feet, 1))
        + errors.region_gain_share * rng.standard_normal((feet, regions))
    )
    gain *= 1.0 - rng.binomial(_CELLS, errors.missing_share, size=(feet, regions)) / _CELLS
    felt = settle_load(load, errors.settling_s * rng.exponential())
    felt = np.minimum(felt, rng.uniform(*errors.greatest_share, size=(feet, regions))) * gain
    new = np.arange(int((len(load) - 1) / LOAD_FPS * fps + 1e-6) + 1) * LOAD_FPS / fps
    taken = _interpolate(new, np.arange(len(felt)), felt)
    share = 1.0 / regions
    taken += share * errors.offset_share * rng.standard_normal((feet, regions))
    return taken + np.sqrt(share) * errors.noise_share * rng.standard_normal(taken.shape)


def observe_insoles(
    gait: xr.Dataset,
    person: Person,
    rng: np.random.Generator,
    duration_s: float = 30.0,
    fps: float = 100.0,
    errors: InsoleErrors | None = None,
    variation: WalkVariation = NO_VARIATION,
    **attributes,
) -> xr.Dataset:
    """Let a person walk one gait on virtual insoles: force by foot and region (N), as insoles tell it."""
    load = compute_region_load(gait.expand_dims("gait"), pd.DataFrame([person.model_dump()]))[0]
    travel = get_travel(gait["position"].values[None])[0]
    walk = build_load_walk(load, travel, float(gait["stride_time_s"]), duration_s, rng, variation)
    told = measure_load(walk.load, fps, rng, errors) * person.mass_kg * GRAVITY_MPS2
    time = ("time", np.arange(len(told)) / fps, {"units": "s"})
    attrs = {"fps": fps, "height_m": person.height_m, "mass_kg": person.mass_kg, "origin": "simulated"}
    return xr.Dataset(
        {"region_force": (("time", "foot", "region"), told, {"units": "N"}),
         "force": (("time", "foot"), told.sum(axis=2), {"units": "N"})},
        coords={"time": time, "foot": list(SIDES), "region": list(REGIONS)},
        attrs=attrs | attributes,
    )  # fmt: skip


def get_travel(position: np.ndarray) -> np.ndarray:
    """Forward travel of the pelvis per stride at each point of the stride (m); shape (n, 101)."""
    path = position[..., COORDINATES.index("pelvis_tx")]
    return np.gradient(path, 1.0 / (path.shape[1] - 1), axis=1)
