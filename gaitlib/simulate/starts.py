"""Where a neighbour can begin: the start kept in a part, or a gait of a finished library."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gaitlib.simulate.guess import Trajectory, make_guess_from_gait
from gaitlib.simulate.library import load_library
from gaitlib.simulate.multipliers import load_multipliers, unpack_multipliers

PREFIX = "start_"


class LibraryStarts:
    """The gaits of a finished library as starts.

    Parameters
    ----------
    folder : path, optional
        Library folder; the shipped one when left out.

    Attributes
    ----------
    table, gaits : DataFrame, xarray.Dataset
        The `curves` of the library.
    run, hash : DataFrame, str
        Its `run` and `hash`.
    multipliers : DataArray
        As `load_multipliers` returns.

    Raises
    ------
    InputError
        If the folder holds no library.
    """

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
