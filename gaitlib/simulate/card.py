"""The data card of a released library: what it holds, how it was made, its limits, its licence."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pandas as pd

import gaitlib
from gaitlib.cohorts.schema import COHORTS, load_cohort
from gaitlib.environment import ROOT, SHIPPED
from gaitlib.simulate.compact import UNITS
from gaitlib.simulate.library import analyse_failures, describe_library
from gaitlib.simulate.request import ENGINE_VERSION

_CARD = """# Gait library

Simulated gaits of simulated people. **No recording of a person is in it, and none was used to make it
except healthy adults set aside for the choice of the cost weights.** Licence: CC BY 4.0 (cite as in
`CITATION.cff`).

| | |
|---|---|
| Gaits asked for / verified in OpenSim | {gaits:,} / {verified:,} |
| of these full strides without symmetry | {full_strides:,} |
| Simulated people | {people:,} |
| Curves in this release | {curves:,} |
| Made by | `{command}` and `gaitlib library export` |
| gaitlib {version}, engine {engine}, revision | {revision} |

{cohorts}

## Files

- `table.parquet`: one row per gait asked for: person (`age_years`, `sex`, `height_m`, `mass_kg`),
  impairment (`weakness_*`, `contracture_*`, `spasticity_*` per group and side, `rigidity`,
  `coactivation`, `bradykinesia`, `stoop_deg`, `balance_margin`), cohort, pattern, severity, what was
  asked, outcomes, verdict (`verified`, `reason`), solver status, residuals, time. Gaits that failed stay
  in it, without curves.
- `gaits.nc` (netCDF 4): curves of {of} verified gaits over 101 points of the stride, dimension
  `gait` labelled by `gait_id`, as coefficients of a common basis (see `gaitlib/simulate/compact.py`).
  Largest error of any point of any gait: {errors}.
- `multipliers.nc`: multipliers of the solver's constraints, rounded; with them a new gait that starts at one
  of these is solved several times as fast.

`gait_id` is the hash of all that determines the solve. `gaitlib.load_library()` gives the whole run and
the table and curves of those that have curves.

## How it was made

People are drawn from six cohorts (`gaitlib/cohorts/*.yaml`: every distribution with unit, range and
source, or marked as an assumption). Each gait is found by optimal control from its nearest solved
neighbour and checked in OpenSim: forces must move the skeleton as claimed. Stride-to-stride variability
(`stride_time_cv`, `stride_length_cv`) is a property given to the person, for a stochastic model; the
curves do not hold it.

## What it is not for

- It is no sample of a population: ages, severities and speeds are spread evenly on purpose (`design`
  tells people drawn from the cohort's distribution from those drawn over its whole range).
- It says nothing about one patient, and it is no medical device.
- The body is planar: no width, no hip abduction, no turning. No freezing, tremor, pain or walking aid.
- Sizes of impairments are the engine's own scales; no clinical score was mapped onto them.
- The problem has local optima, and a gait depends on the neighbour that it started from (`start_id`).
  Solved again from its own curves, a gait mostly comes back within {tolerance:g} degrees; some slip into a
  neighbouring optimum that is as cheap or cheaper.
- Failures: {worst}.
"""


def write_card(folder: Path, run: pd.DataFrame, facts: dict, command: str, tolerance_deg: float) -> None:
    """Write README.md of a release."""
    counts = describe_library(run)
    sizes = [f"{name.replace('_', ' ')} {size:.2g} {UNITS[name]}" for name, size in facts["error"].items()]
    of = (
        "all"
        if facts["curves"] == counts["verified"]
        else f"{facts['curves']:,} (the same share of every cohort) of the"
    )
    text = _CARD.format(
        **{name: counts[name] for name in ("gaits", "verified", "full_strides", "people")},
        curves=facts["curves"],
        of=of,
        command=command,
        version=gaitlib.__version__,
        engine=ENGINE_VERSION,
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
