"""Which solved gait is nearest to a request, and how another one begins from it.

The whole range of each group of features counts about alike: speed and stride time by dynamic similarity,
size, build, age, strength per group and side, contracture, spasticity, and the parts that act everywhere.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.cohorts.growth import STEP_LENGTH_EXPONENT, STEP_LENGTH_FACTOR
from gaitlib.environment import write_atomically
from gaitlib.gait import GRAVITY_MPS2, N_PHASE
from gaitlib.person import IMPAIRMENT_COLUMNS, Impairment, Person
from gaitlib.simulate.compact import fold, unfold
from gaitlib.simulate.guess import Trajectory, make_guess_from_gait
from gaitlib.simulate.library import MULTIPLIER_FILE, SHIPPED_FOLDER, load_library
from gaitlib.simulate.request import GaitRequest, describe_request

_HEALTHY = Impairment().flatten()
_WEIGHT = {"contracture": 1.7, "spasticity": 0.17, "stoop_deg": 0.7 / 40, "coactivation": 1.4, "tone": 1.4}
_WEIGHT |= dict.fromkeys(("limit", "tilt_deg", "anteversion_deg"), 0.7 / 30)
"""Distance per unit of a part, on one side where it has sides; 0.7 for those not named (0-1 scales)."""
_WEIGHTS = np.array(
    [_WEIGHT.get(name, _WEIGHT.get(name.partition("_")[0], 0.7)) for name in IMPAIRMENT_COLUMNS]
)
_PROBLEM_WEIGHT = 0.5
"""Reflexes, and a stride time that the cost chooses, make it another problem."""
_KIND_WEIGHT = 0.15
"""Half a stride and a whole one serve each other."""
_REFLEX = [n for n, name in enumerate(IMPAIRMENT_COLUMNS) if name.startswith(("spasticity", "coactivation"))]


def compute_features(request: GaitRequest) -> np.ndarray:
    """Place of a request among others; shape (n_features,)."""
    return compute_table_features(pd.DataFrame([describe_request(request)]))[0]


def compute_table_features(table: pd.DataFrame) -> np.ndarray:
    """Places of the gaits of a library; shape (n, n_features)."""
    if "leg_length_m" in table:
        leg = table["leg_length_m"].to_numpy()
    else:
        people = table[list(Person.model_fields)].to_dict("records")
        leg = np.array([compute_dimensions(Person(**values)).leg_length_m for values in people])
    natural_s = np.sqrt(leg / GRAVITY_MPS2)
    speed = table["asked_speed_mps"].to_numpy() * natural_s / leg
    typical = 2 * STEP_LENGTH_FACTOR * speed ** (STEP_LENGTH_EXPONENT - 1)
    asked = table["asked_stride_time_s"].to_numpy(dtype=float) / natural_s
    free = np.isnan(asked)
    kind = table["kind"] if "kind" in table else pd.Series("half", index=table.index)
    impairment = np.column_stack(
        [table[n] if n in table else np.full(len(table), _HEALTHY[n]) for n in IMPAIRMENT_COLUMNS]
    )
    task = np.column_stack(
        [
            3 * speed,
            0.75 * np.where(free, typical, asked),
            _PROBLEM_WEIGHT * free,
            2 * np.log(leg),
            0.5 * np.log(table["mass_kg"] / leg**3),
            np.maximum(table["age_years"], 40) / 60,
            _KIND_WEIGHT * (kind == "stride"),
            _PROBLEM_WEIGHT * (impairment[:, _REFLEX].max(axis=1) > 0),
        ]
    )
    return np.hstack([task.astype(float), impairment.astype(float) * _WEIGHTS])


def find_nearest(table: pd.DataFrame, request: GaitRequest) -> str:
    """Find the verified gait nearest to a request."""
    verified = table[table["verified"].astype(bool)]
    distance = np.linalg.norm(compute_table_features(verified) - compute_features(request), axis=1)
    return str(verified["gait_id"].iloc[int(np.argmin(distance))])


PREFIX = "start_"


class LibraryStarts:
    """The gaits of a finished library (the shipped one when left out) as starts of others."""

    def __init__(self, folder: Path | str | None = None):
        library = load_library(folder)
        self.run, self.table, self.gaits = library.run, library.table, library.gaits
        self.hash = library.hash
        self.multipliers = load_multipliers(folder)
        legs = self.table["leg_length_m"] if "leg_length_m" in self.table else [None] * len(self.table)
        self._legs = dict(zip(self.table["gait_id"], legs, strict=True))

    def make(self, gait_id: str) -> Trajectory:
        """Make a start from a gait."""
        gait, multipliers = self.gaits.sel(gait=gait_id), unpack_multipliers(self.multipliers, gait_id)
        return make_guess_from_gait(gait, self._legs[gait_id], multipliers)


def pack_start(start: Trajectory) -> dict[str, np.ndarray]:
    """Lay a start out as arrays."""
    return {f"{PREFIX}{name}": np.asarray(value, dtype=np.float32) for name, value in vars(start).items()}


def unpack_start(arrays: dict[str, np.ndarray]) -> Trajectory:
    """Build a start from arrays."""
    values = {name.removeprefix(PREFIX): value.astype(float) for name, value in arrays.items()}
    return Trajectory(**{name: value if value.ndim else float(value) for name, value in values.items()})


_MULTIPLIER_STEP = 1e-4
"""Most multipliers are about 1e-4 to 1e-2 in size. A neighbour takes as many iterations as with steps of
1e-5, a gait solved again from itself a quarter more."""
_LARGEST = 32_000
_N_POINTS = N_PHASE - 1


def pack_multipliers(values: dict[str, np.ndarray]) -> xr.DataArray:
    """Pack multipliers as integers."""
    size = max((value.shape[1] for value in values.values()), default=0)
    packed = np.zeros((len(values), size, _N_POINTS), dtype=np.int16)
    for place, value in enumerate(values.values()):
        steps = np.rint(value.T / _MULTIPLIER_STEP).clip(-_LARGEST, _LARGEST)
        packed[place, : steps.shape[0], : steps.shape[1]] = steps
    attributes = {"scale_factor": _MULTIPLIER_STEP, "long_name": "multipliers of the solver's constraints"}
    return xr.DataArray(packed, dims=("gait", "constraint", "point"), coords={"gait": list(values)},
                        name="multipliers", attrs=attributes)  # fmt: skip


def unpack_multipliers(packed: xr.DataArray, gait_id: str) -> np.ndarray | None:
    """Take the multipliers of one gait; shape (50 or 100, n)."""
    if gait_id not in packed.indexes["gait"]:
        return None
    values = packed.sel(gait=gait_id).values.T * _MULTIPLIER_STEP
    half = _N_POINTS // 2
    return values if values[half:].any() else values[:half]


def select_multipliers(packed: xr.DataArray, gait_ids: list[str]) -> xr.DataArray:
    """Select the multipliers of some gaits."""
    return packed.sel(gait=packed.indexes["gait"].intersection(gait_ids, sort=False))


def join_multipliers(first: xr.DataArray, second: xr.DataArray) -> xr.DataArray:
    """Join the multipliers of two sets of gaits."""
    size = max(first.sizes["constraint"], second.sizes["constraint"])
    wide = [part.pad(constraint=(0, size - part.sizes["constraint"]), constant_values=0)
            for part in (first, second) if part.sizes["gait"]]  # fmt: skip
    return xr.concat(wide, "gait", combine_attrs="override") if wide else first


def write_multipliers(folder: Path, packed: xr.DataArray) -> None:
    """Write the file of a library folder in one step; none for no gait."""
    if packed.sizes["gait"] == 0:
        (folder / MULTIPLIER_FILE).unlink(missing_ok=True)
        return
    change = np.diff(packed.transpose("constraint", "gait", "point").astype(np.int32), prepend=0)
    stored = xr.Dataset({packed.name: (("constraint", "gait", "point"), fold(change), packed.attrs)},
                        coords={"gait": packed["gait"]})  # fmt: skip
    numbers = {"zlib": True, "complevel": 9, "shuffle": True, "chunksizes": (1, *change.shape[1:])}
    encoding = {packed.name: numbers, "gait": {"dtype": "S1"}}
    write_atomically(
        folder / MULTIPLIER_FILE, lambda path: stored.to_netcdf(path, engine="h5netcdf", encoding=encoding)
    )


def load_multipliers(folder: Path | str | None = None) -> xr.DataArray:
    """Load the multipliers of a library folder."""
    path = (SHIPPED_FOLDER if folder is None else Path(folder)) / MULTIPLIER_FILE
    if not path.exists():
        return pack_multipliers({})
    with xr.open_dataset(path, engine="h5netcdf", mask_and_scale=False) as stored:
        change = stored["multipliers"].load()
    values = np.cumsum(unfold(change.values), axis=2, dtype=np.int32).astype(np.int16)
    return change.copy(data=values).transpose("gait", "constraint", "point")
