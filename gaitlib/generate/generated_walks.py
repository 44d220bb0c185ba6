"""Walks: sequences of generated strides of one person, with the variability that walking has.

Steps
1. Stride times and stride lengths wander about their means as an autoregressive series with the stated
   coefficients of variation; the two are correlated, so that speed varies less than either.
2. Each stride is generated for the same person from the same start, with its own speed and stride time; its
   components wander too, along the directions in which gaits of the library differ. How far is calibrated
   so that joint angles differ from stride to stride as much as the stated standard deviation says.
3. The strides are put on a time axis, continuous in value and slope: at every moment the curves of the two
   nearest are mixed, and the correction of `gaitlib.generate.curve_corrections` takes up with the legs what
   the mixing made the standing foot slip.

Sources of the default sizes: coefficient of variation of stride time about 2 % in healthy adults (Hausdorff
2005, doi 10.1186/1743-0003-2-19); stride length 1.7 times that of stride time, as in Alzheimer's dementia
(3.5 %, Wittwer 2010, Gait Posture 32:113) against about 2 %; angles about 2 degrees from stride to stride
(Kadaba et al. 1989, doi 10.1002/jor.1100070611, repeatability of adults' sagittal angles). The
autocorrelation is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.errors import InputError
from gaitlib.gait import COORDINATES, MUSCLES, SIDES, TRANSLATIONS
from gaitlib.generate.curve_corrections import FloorBand, correct_curves
from gaitlib.generate.representation import AXES, flatten_variable

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
    from scipy.interpolate import PchipInterpolator

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
_LARGEST_CHANGE = 0.2


@dataclass(frozen=True)
class StrideVariability:
    """How much strides of one walk differ."""

    stride_time_cv: float = 0.02  # coefficients of variation (1)
    stride_length_cv: float = 0.02
    # standard deviation of the joint angles from stride to stride, mean over joints and phases (deg)
    angle_sd_deg: float = 2.0
    correlation: float = 0.5  # between stride time and stride length (1)
    memory: float = 0.3  # correlation of one stride with the next (1)

    def __post_init__(self) -> None:
        if not (0 <= self.stride_time_cv <= 0.2 and 0 <= self.stride_length_cv <= 0.2):
            raise InputError("variability: coefficients of variation must lie between 0 and 0.2.")
        if not (abs(self.correlation) <= 1 and 0 <= self.memory < 1 and 0 <= self.angle_sd_deg <= 10):
            raise InputError(
                "variability: expected correlation -1 to 1, memory 0 to below 1, angle_sd_deg 0 to 10."
            )


@dataclass
class WalkSampler:
    """Samples walks from a generator; calibrated once on the people asked for first."""

    generator: object  # trained
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
        from gaitlib.generate.conditions import check_conditions
        from gaitlib.generate.flow import finish_samples

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
        wander = _draw_series(len(people), n_strides, first.shape[1] - n, self.variability.memory, rng)
        vectors[:, n:] += self.spread * wander.reshape(len(many), -1)
        labels = pd.DataFrame({"walk_id": np.repeat(_name_walks(conditions), n_strides)})
        table, gaits = finish_samples(representation, generator.floor, vectors, many, labels, correct)
        table.insert(2, "stride", np.tile(np.arange(n_strides), len(people)))
        return table, gaits


def draw_strides(
    n_walks: int, n_strides: int, variability: StrideVariability, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw relative stride times and lengths; shape (n_walks, n_strides)."""
    noise = _draw_series(n_walks, n_strides, 2, variability.memory, rng)
    r = variability.correlation
    noise[..., 1] = r * noise[..., 0] + np.sqrt(1.0 - r**2) * noise[..., 1]
    if n_strides > 1:
        noise -= noise.mean(axis=1, keepdims=True)
        noise *= np.sqrt(n_strides / (n_strides - 1.0))
    else:
        noise[:] = 0.0
    change = noise * [variability.stride_time_cv, variability.stride_length_cv]
    relative = 1.0 + np.clip(change, -_LARGEST_CHANGE, _LARGEST_CHANGE)
    return relative[..., 0], relative[..., 1]


def measure_angle_sd(table: pd.DataFrame, gaits: xr.Dataset) -> float:
    """Measure by how much the joint angles differ from stride to stride; deg."""
    angles = np.degrees(gaits["position"].sel(coordinate=_ANGLES).to_numpy())
    spread = [
        angles[rows].var(axis=0, ddof=1).mean()
        for rows in table.groupby("walk_id", sort=False).indices.values()
        if len(rows) > 1
    ]
    return float(np.sqrt(np.mean(spread))) if spread else 0.0


def _draw_series(n_walks: int, n_strides: int, n_entries: int, memory: float, rng) -> np.ndarray:
    """Autoregressive series of unit variance, shape (n_walks, n_strides, n_entries)."""
    noise = rng.standard_normal((n_walks, n_strides, n_entries))
    for k in range(1, n_strides):
        noise[:, k] = memory * noise[:, k - 1] + np.sqrt(1.0 - memory**2) * noise[:, k]
    return noise


def _name_walks(conditions: pd.DataFrame) -> np.ndarray:
    if "walk_id" in conditions:
        return conditions["walk_id"].to_numpy()
    return np.array([f"walk-{n}" for n in range(len(conditions))])
