"""Walks: sequences of generated strides of one person, with the variability that walking has.

Steps
1. Stride times and lengths vary as `gaitlib.generate.stride_variability` says.
2. Each stride is generated for the same person from the same start, with its own speed and stride time; its
   components wander too, along the directions in which gaits of the library differ. How far is calibrated
   so that joint angles differ from stride to stride as much as the stated standard deviation says.
3. The strides are put on a time axis, continuous in value and slope: at every moment the curves of the two
   nearest are mixed, and the correction of `gaitlib.generate.curve_corrections` takes up with the legs what
   the mixing made the standing foot slip.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr
from scipy.interpolate import PchipInterpolator

from gaitlib.errors import InputError
from gaitlib.gait import COORDINATES, MUSCLES, SIDES, TRANSLATIONS
from gaitlib.generate.conditions import check_conditions
from gaitlib.generate.curve_corrections import FloorBand, correct_curves, finish_samples
from gaitlib.generate.flow import GaitGenerator
from gaitlib.generate.representation import AXES, flatten_variable
from gaitlib.generate.stride_variability import StrideVariability, draw_series, draw_strides

_TX = COORDINATES.index("pelvis_tx")
_VARIABLES = ("position", "activation", "ground_force", "joint_moment")


def join_strides(
    table: pd.DataFrame, gaits: xr.Dataset, fps: float = 100.0, band: FloorBand | None = None
) -> xr.Dataset:
    """Join the strides of one walk."""
    if len(table) == 0 or len(table) != gaits.sizes["gait"] or fps < 20:
        raise InputError(
            f"join_strides: found {len(table)} rows, {gaits.sizes['gait']} gaits and {fps:g} samples per "
            "second; expected as many rows as gaits, at least one, and 20 samples per second."
        )
    times = gaits["stride_time_s"].to_numpy().astype(float)
    time_s, turns = _count_turns(times, fps)
    curves = [flatten_variable(gaits, name) for name in _VARIABLES]
    sizes = [curve.shape[2] for curve in curves]
    together = np.concatenate(curves, axis=2)
    ramp = np.linspace(0.0, 1.0, together.shape[1])
    travel = together[:, -1, _TX] - together[:, 0, _TX]
    together[..., _TX] -= together[:, :1, _TX] + travel[:, None] * ramp
    values = _mix_strides(together, turns)
    parts = np.split(values, np.cumsum(sizes)[:-1], axis=1)
    position, force = parts[0], parts[2].reshape(len(time_s), len(SIDES), len(AXES))
    speed = _mix_strides((travel / times)[:, None, None] * np.ones((1, together.shape[1], 1)), turns)[:, 0]
    forward = np.concatenate([[0.0], np.cumsum(0.5 * (speed[1:] + speed[:-1]))]) / fps
    position[:, _TX] += forward
    held, force, _ = correct_curves(position[None], force[None], table.iloc[:1], band)
    position, force = held[0], force[0]
    return xr.Dataset(
        {
            "position": (("time", "coordinate"), position, {"units": "rad (pelvis_tx, pelvis_ty: m)"}),
            "activation": (("time", "muscle"), np.clip(parts[1], 0.0, 1.0), {"units": "1"}),
            "ground_force": (("time", "foot", "axis"), force, {"units": "N"}),
            "joint_moment": (("time", "coordinate"), parts[3], {"units": "N m (pelvis_tx, pelvis_ty: N)"}),
            "stride": ("time", np.minimum(turns.astype(int), len(times) - 1)),
            "phase": ("time", 100.0 * (turns % 1.0), {"units": "%"}),
        },
        coords={
            "time": ("time", time_s, {"units": "s"}),
            "coordinate": list(COORDINATES),
            "muscle": list(MUSCLES),
            "foot": list(SIDES),
            "axis": list(AXES),
        },
    )


def _count_turns(times: np.ndarray, fps: float) -> tuple[np.ndarray, np.ndarray]:
    """Moments (s) and strides passed until then, with a smooth rate."""
    ends = np.concatenate([[0.0], np.cumsum(times)])
    time_s = np.arange(int(np.floor(ends[-1] * fps + 1e-9)) + 1) / fps
    if len(times) == 1:
        return time_s, time_s / times[0]
    return time_s, PchipInterpolator(ends, np.arange(len(ends), dtype=float))(time_s)


def _mix_strides(curves: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Curves over time: between the middles of two strides their curves are mixed with smooth weights."""
    last = len(curves) - 1
    place = (turns % 1.0) * (curves.shape[1] - 1)
    left = np.minimum(place.astype(int), curves.shape[1] - 2)
    share = (place - left)[:, None]

    def read(stride: np.ndarray) -> np.ndarray:
        stride = np.clip(stride, 0, last)
        return (1.0 - share) * curves[stride, left] + share * curves[stride, left + 1]

    before = np.floor(turns - 0.5).astype(int)
    along = np.clip(turns - 0.5 - before, 0.0, 1.0)
    weight = (along**2 * (3.0 - 2.0 * along))[:, None]
    return (1.0 - weight) * read(before) + weight * read(before + 1)


_ANGLES = [name for name in COORDINATES if name not in TRANSLATIONS and not name.startswith("mtp")]
_PROBE_STRIDES = 16
_BISECTIONS = 8
_LARGEST_SPREAD = 1.0


@dataclass
class WalkSampler:
    """Samples walks from a generator; calibrated once on the people asked for first."""

    generator: GaitGenerator  # trained
    variability: StrideVariability = field(default_factory=StrideVariability)  # how much strides differ
    # standard deviation of the components from stride to stride; calibrated if None
    spread: float | None = None

    def calibrate(self, conditions: pd.DataFrame, seed: int = 0) -> WalkSampler:
        """Find how far components must wander for the stated variability of the angles."""
        low, high = 0.0, _LARGEST_SPREAD
        for _ in range(_BISECTIONS):
            self.spread = 0.5 * (low + high)
            table, gaits = self.sample_strides(conditions, _PROBE_STRIDES, seed)
            enough = measure_angle_sd(table, gaits) >= self.variability.angle_sd_deg
            low, high = (low, self.spread) if enough else (self.spread, high)
        self.spread = 0.5 * (low + high)
        return self

    def sample_strides(
        self, conditions: pd.DataFrame, n_strides: int, seed: int = 0, correct: bool = True
    ) -> tuple[pd.DataFrame, xr.Dataset]:
        """Sample the strides of walks."""
        if n_strides < 1:
            raise InputError(f"sample_strides: found n_strides={n_strides}, expected at least 1.")
        if self.spread is None:
            self.calibrate(conditions.head(8), seed)
        generator, representation = self.generator, self.generator.representation
        scale = representation.conditions
        wanted = check_conditions(conditions, scale)
        first = generator.sample_vectors(scale.encode(wanted), seed)
        people = scale.decode(first[:, : representation.n_conditions])
        for name in wanted:
            people[name] = wanted[name].where(wanted[name].notna(), people[name])
        rng = np.random.default_rng([seed, 11])
        times, lengths = draw_strides(len(people), n_strides, self.variability, rng)
        many = people.loc[np.repeat(people.index, n_strides)].reset_index(drop=True)
        many["stride_time_s"] *= times.ravel()
        many["speed_mps"] *= (lengths / times).ravel()
        start = np.repeat(rng.standard_normal(first.shape), n_strides, axis=0)
        vectors = generator.sample_vectors(scale.encode(many), noise=start)
        n = representation.n_conditions
        wander = draw_series(len(people), n_strides, first.shape[1] - n, self.variability.memory, rng)
        vectors[:, n:] += self.spread * wander.reshape(len(many), -1)
        names = [f"walk-{n}" for n in range(len(conditions))]
        names = conditions["walk_id"].to_numpy() if "walk_id" in conditions else np.array(names)
        labels = pd.DataFrame({"walk_id": np.repeat(names, n_strides)})
        table, gaits = finish_samples(representation, generator.floor, vectors, many, labels, correct)
        table.insert(2, "stride", np.tile(np.arange(n_strides), len(people)))
        return table, gaits


def measure_angle_sd(table: pd.DataFrame, gaits: xr.Dataset) -> float:
    """Measure by how much the joint angles differ from stride to stride; deg."""
    angles = np.degrees(gaits["position"].sel(coordinate=_ANGLES).to_numpy())
    spread = [
        angles[rows].var(axis=0, ddof=1).mean()
        for rows in table.groupby("walk_id", sort=False).indices.values()
        if len(rows) > 1
    ]
    return float(np.sqrt(np.mean(spread))) if spread else 0.0
