"""Put the finished parts of a library folder together: table, curves, multipliers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.errors import WorkError
from gaitlib.simulate.library import GAIT_PREFIX, build_gait_set, write_library
from gaitlib.simulate.multipliers import (
    join_multipliers,
    pack_multipliers,
    select_multipliers,
    write_multipliers,
)
from gaitlib.simulate.parts import PartStore
from gaitlib.simulate.starts import PREFIX, LibraryStarts


def assemble_library(
    folder: Path | str, finished: list[str] | None = None, source: LibraryStarts | None = None
) -> pd.DataFrame:
    """Write table, curves and multipliers of the finished parts of a folder."""
    folder = Path(folder)
    store = PartStore(folder)
    states = store.list_states()
    rows = [store.read_row(gait_id, state) for gait_id, state in states.items()]
    verified = [gait_id for gait_id, state in states.items() if state == "verified"]
    others = [gait_id for gait_id in finished or [] if gait_id not in states]
    if not verified and not others:
        reason = rows[0]["reason"] if rows else "none was tried"
        raise WorkError(f"{folder.name}: none of {len(rows)} gaits is verified; the first because: {reason}")
    table = pd.DataFrame(rows)
    gaits = [_stack_curves(store, verified)] if verified else []
    name = f"{PREFIX}multipliers"
    multipliers = pack_multipliers({g: store.read_arrays(g, name)[name] for g in verified})
    if others:
        known = source.table.set_index("gait_id", drop=False).loc[others]
        table = pd.concat([table, known], ignore_index=True)
        gaits.append(source.gaits.sel(gait=others))
        multipliers = join_multipliers(multipliers, select_multipliers(source.multipliers, others))
    table = table.sort_values("gait_id", kind="stable").reset_index(drop=True)
    order = table.loc[table["verified"].astype(bool), "gait_id"].to_list()
    whole = xr.concat(gaits, "gait", join="exact", combine_attrs="override").sel(gait=order)
    write_library(folder, table, whole)
    write_multipliers(folder, multipliers.sortby("gait"))
    return table


def _stack_curves(store: PartStore, verified: list[str]) -> xr.Dataset:
    stacked: dict[str, np.ndarray] = {}
    for place, gait_id in enumerate(verified):
        for name, value in store.read_arrays(gait_id, GAIT_PREFIX).items():
            name = name.removeprefix(GAIT_PREFIX)
            if name not in stacked:
                stacked[name] = np.empty((len(verified), *value.shape), value.dtype)
            stacked[name][place] = value
    return build_gait_set(verified, stacked)
