"""Releases of a library: joined, cut to size, described, checked and verified."""

from __future__ import annotations

import functools
import json
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
import yaml

import gaitlib
from gaitlib.body.dimensions import compute_dimensions
from gaitlib.body.spatial_body import MIRRORED, build_spatial_specification, get_labels
from gaitlib.body.spatial_points import compute_spatial_points, measure_step_width
from gaitlib.cohorts.cohort import COHORTS, load_cohort
from gaitlib.environment import ROOT, SHIPPED, hash_file
from gaitlib.errors import InputError, WorkError
from gaitlib.gait import LABELS, TRANSLATIONS, validate_gait
from gaitlib.simulate.build import PartStore, lock_folder
from gaitlib.simulate.compact import UNITS, encode_curves, encode_steps
from gaitlib.simulate.library import (
    MULTIPLIER_FILE,
    analyse_failures,
    describe_library,
    list_files,
    load_library,
    write_library,
)
from gaitlib.simulate.neighbours import (
    LibraryStarts,
    join_multipliers,
    load_multipliers,
    pack_multipliers,
    select_multipliers,
    write_multipliers,
)
from gaitlib.simulate.request import ENGINE_VERSION, SPATIAL_VERSION, parse_request
from gaitlib.simulate.workers import make_pool, run_again

_CARD = Path(__file__).with_name("library_card.md")
_CARDS = {
    "plane": {
        "title": "",
        "form": "coefficients of a common basis",
        "multipliers": "- `multipliers.nc`: multipliers of the solver's constraints, rounded; with them a "
        "new gait that starts at one\n  of these is solved several times as fast.",
        "limits": "The body is planar: no width, no hip abduction, no turning.",
        "engine": ENGINE_VERSION,
    },
    "space": {
        "title": " in three dimensions",
        "form": "changes from point to point",
        "multipliers": "There is no file of multipliers: it would be larger than the curves.",
        "limits": "The walk is straight and its speed prescribed; arms hang at the trunk.",
        "engine": f"{ENGINE_VERSION}, in space {SPATIAL_VERSION}",
    },
}
"""What the card tells of a body."""


def write_card(folder: Path, run: pd.DataFrame, facts: dict, command: str, tolerance_deg: float) -> None:
    """Write README.md of a release."""
    counts = describe_library(run)
    sizes = [f"{name.replace('_', ' ')} {size:.2g} {UNITS[name]}" for name, size in facts["error"].items()]
    part = f"{facts['curves']:,} (the same share of every cohort) of the"
    of = "all" if facts["curves"] == counts["verified"] else part
    text = _CARD.read_text(encoding="utf-8").format(
        **{name: counts[name] for name in ("gaits", "verified", "full_strides", "people")},
        curves=facts["curves"],
        of=of,
        command=command,
        version=gaitlib.__version__,
        **_CARDS["space" if "body" in run else "plane"],
        revision=find_revision(),
        cohorts=_tabulate(run),
        errors=", ".join(sizes),
        tolerance=tolerance_deg,
        worst=_find_worst(run),
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def find_revision() -> str:
    """Find the revision of the project's source."""
    if SHIPPED != ROOT:  # installed: a repository around it is another project's
        return "unknown"
    try:
        command = ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _tabulate(table: pd.DataFrame) -> str:
    lines = ["| Cohort | Ages | Speeds (m/s) | Verified of tried | Full strides |", "|---|---|---|---|---|"]
    for name in COHORTS:
        rows = table[table["cohort"] == name]
        good = rows[rows["verified"].astype(bool)]
        if len(good):
            age, speed = good["age_years"], good["speed_mps"]
            lines.append(
                f"| {load_cohort(name).title} | {age.min():.0f} to {age.max():.0f} | {speed.min():.2f} to "
                f"{speed.max():.2f} | {len(good)} of {len(rows)} | {int((good['kind'] == 'stride').sum())} |"
            )
    return "\n".join(lines)


def _find_worst(table: pd.DataFrame) -> str:
    """Where most failed."""
    analysis = analyse_failures(table)
    worst = analysis[analysis["tried"] >= 10].nlargest(1, "failed_share")
    if worst.empty or not worst["failed_share"].iloc[0]:
        return "none in any pattern of ten or more gaits"
    row = worst.iloc[0]
    place = f"{row['cohort']}, {row['pattern']}".replace("_", " ")
    failed = row["tried"] - row["verified"]
    return f"the largest share in {place} ({failed} of {row['tried']:,}; {row['main_reason']})"


RESOLVE_TOLERANCE_DEG = 2.0
"""A gait solved again is the same when no joint angle differs more, and its cost by less than 1 %."""
_COST_TOLERANCE = 0.01


def export_library(
    folder: Path | str, target: Path | str, max_mb: float = 25.0, command: str = "gaitlib simulate"
) -> dict:
    """Write a release of a library."""
    library = load_library(folder)
    run, (table, gaits) = library.run, library.curves
    in_space = library.in_space
    if in_space:
        run = run.assign(step_width_m=run["gait_id"].map(_measure_widths(table, gaits)))
    # In space they would take more room than the curves.
    multipliers = pack_multipliers({}) if in_space else load_multipliers(folder)
    target = Path(target)
    share = 1.0
    while True:
        chosen = _choose(table, share)
        kept = gaits.sel(gait=chosen["gait_id"].to_list())
        small, encoding, errors = encode_steps(kept, MIRRORED) if in_space else encode_curves(kept)
        small.attrs |= {"largest_error": json.dumps(errors), "error_units": json.dumps(UNITS)}
        write_library(target, run, small, encoding)
        write_multipliers(target, select_multipliers(multipliers, kept["gait"].values.tolist()))
        files = list_files(target)
        size = sum(file.stat().st_size for file in files)
        if size <= max_mb * 1e6:
            break
        share *= 0.97 * max_mb * 1e6 / size
        if share < 0.1:
            raise WorkError(f"{target.name}: not a tenth of the gaits fits into {max_mb:g} million bytes.")
    hashes = {file.name: hash_file(file) for file in files}
    facts = {"gaits": len(run), "verified": int(run["verified"].sum()), "curves": len(kept["gait"])}
    facts |= {"bytes": size, "sha256": hashes, "error": errors}
    write_card(target, run, facts, command, RESOLVE_TOLERANCE_DEG)
    return facts


def _measure_widths(table: pd.DataFrame, gaits: xr.Dataset) -> dict[str, float]:
    """Step width of the gaits in space (m)."""
    widths = {}
    for row, position in zip(table.to_dict("records"), gaits["position"].values, strict=True):
        person = parse_request(row).person
        tree = build_spatial_specification(person).tree
        points = compute_spatial_points(tree, position.astype(float), compute_dimensions(person))
        widths[row["gait_id"]] = measure_step_width(points)
    return widths


def format_manifest(folder: Path | str, command: str) -> str:
    """Format the rows of the manifest for a release."""
    titles = {
        "gaits.nc": "Simulated gaits, verified in OpenSim: curves",
        "table.parquet": "Simulated gaits asked for: people, outcomes, verdicts",
        MULTIPLIER_FILE: "Simulated gaits: multipliers, with which neighbours are solved quickly",
    }
    rows = {
        f"data/{Path(folder).resolve().name}/{file.name}": {
            "title": titles[file.name],
            "origin": "simulated",
            "licence": "CC-BY-4.0",
            "command": f"{command}; gaitlib library export",
            "revision": find_revision(),
            "bytes": file.stat().st_size,
            "sha256": hash_file(file),
        }
        for file in list_files(Path(folder))
    }
    return yaml.safe_dump(rows, sort_keys=False, width=200)


def _choose(table: pd.DataFrame, share: float) -> pd.DataFrame:
    """The same share of every cohort and kind, verified or not."""
    if share >= 1:
        return table
    order = table.sort_values("gait_id").groupby(["cohort", "kind"]).cumcount()
    sizes = table.groupby(["cohort", "kind"])["gait_id"].transform("size")
    return table[order.reindex(table.index) < share * sizes].reset_index(drop=True)


def merge_libraries(target: Path | str, sources: list[Path | str]) -> pd.DataFrame:
    """Join libraries into one folder, each gait once; a verified gait wins over a failed one."""
    target = Path(target)
    folders = [*([target] if (target / "gaits.nc").exists() else []), *map(Path, sources)]
    loaded = [load_library(folder) for folder in folders]
    with lock_folder(target):
        for source in map(Path, sources):
            PartStore(target).adopt(PartStore(source))
        table = pd.concat([library.run for library in loaded], ignore_index=True)
        table = table.sort_values(["gait_id", "verified"], ascending=[True, False], kind="stable")
        table = table.drop_duplicates("gait_id").reset_index(drop=True)
        gaits = [library.gaits for library in loaded]
        gaits = xr.concat(gaits, dim="gait", join="exact", combine_attrs="override")
        gaits = gaits.drop_duplicates("gait").sortby("gait")
        write_library(target, table, gaits)
        multipliers = functools.reduce(join_multipliers, map(load_multipliers, folders))
        write_multipliers(target, multipliers.drop_duplicates("gait").sortby("gait"))
    return table


def verify_library(folder: Path | str | None = None) -> list[str]:
    """Check that a library is whole: rows and curves belong together, hold and add up."""
    library = load_library(folder)
    run, gaits = library.run, library.gaits
    labels, faults = get_labels() if library.in_space else LABELS, []
    if run["gait_id"].duplicated().any():
        faults.append("table: a gait_id stands twice")
    known = run.loc[run["verified"].astype(bool), "gait_id"]
    strangers = gaits.indexes["gait"].difference(known)
    if len(strangers):
        return [*faults, f"{len(strangers)} gaits of the file are no verified rows of the table"]
    if (run.loc[~run["verified"].astype(bool), "reason"].str.len() == 0).any():
        faults.append("table: a failed gait has no reason")
    places = {gait_id: place for place, gait_id in enumerate(gaits["gait"].values)}
    for row in run[run["verified"].astype(bool)].to_dict("records"):
        gait_id = row["gait_id"]
        try:
            if gait_id in places:
                gait = gaits.isel(gait=places[gait_id]).drop_vars("gait")
                validate_gait(gait.assign_attrs(gait_id=gait_id), labels)
            if parse_request(row).gait_id != gait_id:
                faults.append(f"{gait_id}: is not the hash of its row (another version of the engine?)")
        except (InputError, KeyError) as error:
            faults.append(f"{gait_id}: {error}")
    return faults


def resolve_gaits(folder: Path | str | None, n: int, seed: int, n_workers: int = 1) -> pd.DataFrame:
    """Solve gaits of a library again, each from its own curves, and compare."""
    library = LibraryStarts(folder)
    rows = library.table.sample(min(n, len(library.table)), random_state=seed).to_dict("records")
    with make_pool(n_workers) as pool:
        jobs = [pool.submit(run_again, parse_request(r), library.make(r["gait_id"])) for r in rows]
        results = [job.result() for job in jobs]
    pairs = zip(rows, results, strict=True)
    return pd.DataFrame([_compare(r, library.gaits.sel(gait=r["gait_id"]), *result) for r, result in pairs])


def _compare(row: dict, stored: xr.Dataset, solved, replay: dict | None) -> dict:
    names = stored["coordinate"].values
    angles = [n for n, name in enumerate(names) if name not in TRANSLATIONS]
    here = np.roll(solved.position[:-1, angles], solved.phase_offset, axis=0)
    there = np.roll(stored["position"].values[:-1, angles], int(stored["phase_offset"]), axis=0)
    difference = float(np.degrees(np.abs(here - there)).max())
    ratio = solved.cost / row["cost"]
    fault = ""
    if not solved.converged:
        fault = f"did not converge ({solved.status})"
    elif replay["reasons"]:
        fault = "; ".join(replay["reasons"])
    elif difference > RESOLVE_TOLERANCE_DEG or abs(ratio - 1) > _COST_TOLERANCE:
        fault = f"differs by {difference:.2f} deg, cost by {100 * (ratio - 1):.1f} %"
    return {"gait_id": row["gait_id"], "cohort": row["cohort"], "angle_difference_deg": difference,
            "cost_ratio": ratio, "fault": fault}  # fmt: skip
