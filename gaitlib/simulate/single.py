"""One gait for one request: started from the shipped gait nearest to it, solved, checked in OpenSim."""

from __future__ import annotations

from gaitlib.simulate.library import SHIPPED_FOLDER
from gaitlib.simulate.neighbours import LibraryStarts, find_nearest
from gaitlib.simulate.request import GaitRequest
from gaitlib.simulate.solution import SolvedGait, describe_solution
from gaitlib.simulate.workers import replay_gaits, solve_gaits


def simulate_request(request: GaitRequest) -> tuple[SolvedGait, dict]:
    """Solve a request and check the solution; the row says with `verified` and `reason` what came out."""
    start = None
    if (SHIPPED_FOLDER / "gaits.nc").exists():
        shipped = LibraryStarts()
        start = shipped.make(find_nearest(shipped.table, request))
    solved = solve_gaits([request], [start])[0]
    return solved, describe_solution(request, solved, replay_gaits([request], [solved])[0])
