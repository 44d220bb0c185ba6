"""The gait library: one table of scalars and one file of curves, with the same gait_id.

A library folder holds `table.parquet` (one row per gait asked for, failures with their reason) and `gaits.nc`
(curves of the verified ones; of a release in the form of `compact`, and of as many as there is room for).
While it is being built, finished gaits lie under `parts/` (see `parts`).
"""

from __future__ import annotations

import functools
import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

import h5netcdf
import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.body.spatial_body import get_labels
from gaitlib.environment import SHIPPED, write_atomically
from gaitlib.errors import InputError
from gaitlib.gait import CURVES, LABELS, UNITS
from gaitlib.simulate.compact import FORM, STEPS_FORM, decode_curves, decode_steps

SHIPPED_FOLDER = SHIPPED / "data" / "library"

Curves = tuple[pd.DataFrame, xr.Dataset]
"""Rows and curves of the same gaits, in the same order."""

_DECODERS = {FORM: decode_curves, STEPS_FORM: decode_steps}
_SCALARS = ("stride_time_s", "speed_mps", "phase_offset")
HEALTHY_COHORTS = ("healthy_child", "healthy_adult", "older_adult")
MULTIPLIER_FILE = "multipliers.nc"
GAIT_PREFIX = "gait_"
"""Names of the variables of a Gait in a part begin with this."""


@dataclass(frozen=True)
class Library:
    """A gait library: the whole run, and the gaits of it whose curves are at hand.

    `run`: one row per gait asked for; `verified` tells whether OpenSim confirmed the solution, `reason` why
    not; what a library counts, it counts here (`describe_library`). `gaits`: curves, dimension `gait`
    labelled by gait_id: of the verified gaits, or of as many as a release has room for.
    """

    run: pd.DataFrame
    gaits: xr.Dataset

    @functools.cached_property
    def table(self) -> pd.DataFrame:
        """Rows of the gaits with curves, in the order of `gaits`."""
        return self.run.set_index("gait_id", drop=False).loc[self.gaits["gait"].values].reset_index(drop=True)

    @property
    def in_space(self) -> bool:
        """Whether the gaits are those of the body in space."""
        return self.gaits.sizes["coordinate"] != len(LABELS["coordinate"])

    @property
    def curves(self) -> Curves:
        """Table and curves of the gaits with curves: what models learn from."""
        return self.table, self.gaits

    @functools.cached_property
    def hash(self) -> str:
        """Name of what models learn from: a hash of its gait_id, each of which determines its solve."""
        return hash_gaits(self.gaits["gait"].values.tolist())


def hash_gaits(gait_ids: list[str]) -> str:
    """Hash a set of gaits, whatever their order: 16 hexadecimal digits."""
    return hashlib.sha256(",".join(sorted(gait_ids)).encode()).hexdigest()[:16]


def check_release(model: str, found: str, expected: str, key: str) -> None:
    """Refuse a trained model that learned from another library, unless `key` of the study names that one."""
    if found != expected:
        raise InputError(
            f"{model}: learned from library release {found or 'unknown'}, expected {expected}. "
            f"Train it on that library, or accept it: '{key}: \"{found}\"' in the study."
        )


def load_library(folder: Path | str | None = None) -> Library:
    """Load a gait library.

    Parameters
    ----------
    folder : path, optional
        Library folder; the shipped one when left out.

    Returns
    -------
    Library
        `run` (all gaits asked for) and `curves` (table and curves of those released).

    Raises
    ------
    InputError
        If the folder or one of its files is missing, or the curves are in the form of another version.

    Examples
    --------
    >>> import gaitlib
    >>> table, gaits = gaitlib.load_library().curves
    >>> fast = table.query("speed_mps > 1.5")
    >>> gaits.sel(gait=fast["gait_id"].to_list(), coordinate="knee_angle_r")["position"].dims
    ('gait', 'phase')
    """
    folder = find_library(folder)
    with h5netcdf.File(folder / "gaits.nc") as stored:  # xarray's own way in takes a fifth longer
        variables = {name: _read(variable) for name, variable in stored.variables.items()}
        attributes = dict(stored.attrs)
    if "form" in attributes or "shared_basis" in variables:  # a release
        form = attributes.pop("form", "compact 1")
        if form not in _DECODERS:
            raise InputError(
                f"{folder.name}/gaits.nc: found the form '{form}', expected '{FORM}'. Read it with the "
                "gaitlib that wrote it, or get the release of this one."
            )
        curves = _DECODERS[form]({name: values for name, (_, values, _) in variables.items()})
        variables = {name: v for name, v in variables.items() if name in (*_SCALARS, *LABELS, "gait")}
    else:
        curves = {name: variables[name][1].astype(np.float32, copy=False) for name in CURVES}
    variables |= {n: (("gait", *CURVES[n]), values, {"units": UNITS[n]}) for n, values in curves.items()}
    return Library(pd.read_parquet(folder / "table.parquet"), xr.Dataset(variables, attrs=attributes))


def find_library(folder: Path | str | None = None) -> Path:
    """Find the folder of a library (the shipped one when left out), which holds table and curves."""
    folder = Path(folder) if folder is not None else SHIPPED_FOLDER
    for name in ("table.parquet", "gaits.nc"):
        if not (folder / name).exists():
            raise InputError(
                f"{folder.name}: found no {name}, expected a gait library; build one with 'gaitlib simulate'."
            )
    return folder


def read_hash(folder: Path | str | None = None) -> str:
    """Read the hash of a library, as `Library.hash`, without its curves."""
    with h5netcdf.File(find_library(folder) / "gaits.nc") as stored:
        return hash_gaits(_read(stored.variables["gait"])[1].tolist())


def _read(stored: h5netcdf.Variable) -> tuple[tuple[str, ...], np.ndarray, dict]:
    dims, values = stored.dimensions, stored[...]
    if values.dtype.kind == "S":  # letters
        dims, values = dims[:1], values.view(f"S{values.shape[1]}")[:, 0].astype(str)
    return dims, values.astype(str) if values.dtype.kind == "O" else values, dict(stored.attrs)


def build_gait_set(ids: list[str], arrays: dict[str, np.ndarray], about: dict | None = None) -> xr.Dataset:
    """Put stacked curves of `CURVES` and scalars, with a leading axis of n gaits, into a gait set."""
    in_space = arrays["position"].shape[2] != len(LABELS["coordinate"])
    labels = {"gait": ids, **(get_labels() if in_space else LABELS)}
    variables = {
        name: (("gait", *CURVES.get(name, ())), value, {"units": UNITS[name]} if name in UNITS else {})
        for name, value in arrays.items()
    }
    return xr.Dataset(variables, coords=labels, attrs=about)


def write_library(folder: Path, table: pd.DataFrame, gaits: xr.Dataset, encoding: dict | None = None) -> None:
    """Write a library's two files, each in one step; curves are compressed float32 without `encoding`."""
    plain = {"dtype": "float32", "zlib": True, "complevel": 4, "shuffle": True}
    encoding = dict.fromkeys(CURVES, plain) if encoding is None else encoding
    write_atomically(folder / "gaits.nc", lambda p: gaits.to_netcdf(p, engine="h5netcdf", encoding=encoding))
    write_atomically(folder / "table.parquet", lambda p: table.to_parquet(p, index=False, compression="zstd"))


def describe_library(table: pd.DataFrame) -> dict:
    """Count what a library's `run` holds: gaits; verified ones, their strides, people, cohorts; reasons."""
    failed = table[~table["verified"].astype(bool)]
    verified = table[table["verified"].astype(bool)]
    who = ["person_id"] if "person_id" in table else ["age_years", "sex", "height_m", "mass_kg"]
    strides = int((verified["kind"] == "stride").sum()) if "kind" in table else 0
    return {
        "gaits": len(table),
        "verified": len(verified),
        "full_strides": strides,
        "people": int(verified.drop_duplicates(who).shape[0]),
        "verified_by_cohort": json.loads(table.groupby("cohort")["verified"].sum().to_json()),
        "reasons": json.loads(shorten_reasons(failed["reason"]).value_counts().to_json()),
    }


def mark_impaired(table: pd.DataFrame) -> pd.Series:
    """Mark the gaits of people of a patient cohort; the strength of healthy people varies too."""
    return ~table["cohort"].isin(HEALTHY_COHORTS)


def shorten_reasons(reasons: pd.Series) -> pd.Series:
    """Shorten reasons to their kind: the first three words, without numbers."""
    return reasons.str.replace(r"[-+]?\d[\d.e+-]*", "", regex=True).str.split().str[:3].str.join(" ")


def analyse_failures(table: pd.DataFrame) -> pd.DataFrame:
    """Analyse per cohort and pattern how much fails, at which severity and speed (thirds), and why."""
    table = table.assign(failed=~table["verified"].astype(bool))
    lines = []
    for (cohort, pattern), rows in table.groupby(["cohort", "pattern"], sort=True):
        line = {"cohort": cohort, "pattern": pattern, "tried": len(rows)}
        line |= {"verified": int((~rows["failed"]).sum()), "failed_share": rows["failed"].mean()}
        for name, column in (("severity", "severity"), ("speed", "asked_speed_mps")):
            rank = rows[column].rank(pct=True)
            line[f"failed_low_{name}"] = rows.loc[rank <= 1 / 3, "failed"].mean()
            line[f"failed_high_{name}"] = rows.loc[rank > 2 / 3, "failed"].mean()
        reasons = shorten_reasons(rows.loc[rows["failed"], "reason"]).value_counts()
        line["main_reason"] = reasons.index[0] if len(reasons) else ""
        lines.append(line)
    return pd.DataFrame(lines)


def list_files(folder: Path) -> list[Path]:
    """List the files of a library."""
    names = ("gaits.nc", "table.parquet", MULTIPLIER_FILE)
    return [folder / name for name in names if (folder / name).exists()]


def measure_library(folder: Path | str | None = None) -> dict[str, float]:
    """Measure a library: verified gaits, bytes of its files, how long table and curves take to load."""
    began = time.perf_counter()
    library = load_library(folder)
    return {
        "load_s": time.perf_counter() - began,
        "gaits_verified": int(library.run["verified"].sum()),
        "gaits_with_curves": library.gaits.sizes["gait"],
        "bytes": sum(file.stat().st_size for file in list_files(find_library(folder))),
    }


def estimate_cost(table: pd.DataFrame, bytes_per_gait: float, price_per_core_hour: float) -> dict[str, float]:
    """Estimate what a million verified gaits would cost, from what those of the library cost."""
    verified = int(table["verified"].sum())
    core_s = float(table["wall_s"].sum()) / verified
    core_hours = core_s * 1e6 / 3600
    cost = {"core_s_per_gait": core_s, "verified_share": verified / len(table), "core_hours": core_hours}
    cost |= {"euro": core_hours * price_per_core_hour, "gigabytes": 1e6 * bytes_per_gait / 1e9}
    return cost | {f"days_{cores}": core_hours / cores / 24 for cores in (2, 64, 1000)}
