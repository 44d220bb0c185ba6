"""Solve every impairment at five levels, resumed where it stopped.

`python studies/make_doses.py FOLDER [WORKERS]`; then `gaitlib library export FOLDER data/doses` makes
the release of it that the page of impairments shows.
"""

from __future__ import annotations

import sys

from gaitlib.simulate.build import LocalExecutor, build_library
from gaitlib.simulate.doses import DOSES, SPEED_MPS
from gaitlib.simulate.library import SHIPPED_FOLDER
from gaitlib.simulate.plan import TYPICAL_ADULT, PlannedGait
from gaitlib.simulate.request import GaitRequest


def plan_doses() -> list[PlannedGait]:
    """Plan every level of every dose."""
    plan = [PlannedGait(GaitRequest(TYPICAL_ADULT, SPEED_MPS, cohort="doses"), _label("none", 0.0))]
    for name, dose in DOSES.items():
        for level in dose.levels:
            plan.append(PlannedGait(dose.make_request(level), _label(name, level)))
    return plan


def _label(name: str, level: float) -> dict:
    return {"pattern": name, "medication": "", "design": "dose", "person_id": "typical", "severity": level}


def main(folder: str, workers: int = 2) -> None:
    """Solve the doses into a library folder."""
    executor = LocalExecutor(workers)
    try:
        table = build_library(plan_doses(), folder, executor, start_library=SHIPPED_FOLDER)
    finally:
        executor.close()
    print(f"{int(table['verified'].sum())} of {len(table)} gaits are verified")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
