"""Multipliers of the solved gaits of a library: with them, a neighbour is solved several times as fast.

`multipliers.nc` lies beside the curves: changes from point to point in whole numbers, deflated. Of half a
stride the second half is zero; constraints that a gait's problem did not have are zero too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from gaitlib.gait import N_PHASE
from gaitlib.simulate.compact import fold, unfold
from gaitlib.simulate.library import SHIPPED_FOLDER, write_atomically

FILE = "multipliers.nc"
_STEP = 1e-4
"""Most multipliers are about 1e-4 to 1e-2 in size. A neighbour takes as many iterations as with steps of
1e-5, a gait solved again from itself a quarter more."""
_LARGEST = 32_000
_N_POINTS = N_PHASE - 1


def pack_multipliers(values: dict[str, np.ndarray]) -> xr.DataArray:
    """Pack multipliers as integers."""
    size = max((value.shape[1] for value in values.values()), default=0)
    packed = np.zeros((len(values), size, _N_POINTS), dtype=np.int16)
    for place, value in enumerate(values.values()):
        steps = np.rint(value.T / _STEP).clip(-_LARGEST, _LARGEST)
        packed[place, : steps.shape[0], : steps.shape[1]] = steps
    attributes = {"scale_factor": _STEP, "long_name": "multipliers of the solver's constraints"}
    return xr.DataArray(packed, dims=("gait", "constraint", "point"), coords={"gait": list(values)},
                        name="multipliers", attrs=attributes)  # fmt: skip


def unpack_multipliers(packed: xr.DataArray, gait_id: str) -> np.ndarray | None:
    """Take the multipliers of one gait; shape (50 or 100, n)."""
    if gait_id not in packed.indexes["gait"]:
        return None
    values = packed.sel(gait=gait_id).values.T * _STEP
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
        (folder / FILE).unlink(missing_ok=True)
        return
    change = np.diff(packed.transpose("constraint", "gait", "point").astype(np.int32), prepend=0)
    stored = xr.Dataset({packed.name: (("constraint", "gait", "point"), fold(change), packed.attrs)},
                        coords={"gait": packed["gait"]})  # fmt: skip
    numbers = {"zlib": True, "complevel": 9, "shuffle": True, "chunksizes": (1, *change.shape[1:])}
    encoding = {packed.name: numbers, "gait": {"dtype": "S1"}}
    write_atomically(folder / FILE, lambda path: stored.to_netcdf(path, engine="h5netcdf", encoding=encoding))


def load_multipliers(folder: Path | str | None = None) -> xr.DataArray:
    """Load the multipliers of a library folder."""
    path = (SHIPPED_FOLDER if folder is None else Path(folder)) / FILE
    if not path.exists():
        return pack_multipliers({})
    with xr.open_dataset(path, engine="h5netcdf", mask_and_scale=False) as stored:
        change = stored["multipliers"].load()
    values = np.cumsum(unfold(change.values), axis=2, dtype=np.int32).astype(np.int16)
    return change.copy(data=values).transpose("gait", "constraint", "point")
