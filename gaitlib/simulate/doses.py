"""One person, one impairment at a time, five levels: what each parameter does to a gait (dose and response).

The person is the typical adult at 1.2 m/s; the cost chooses the stride time, so that cadence and step length
may answer too. Impairments of one side are solved as whole strides without symmetry. `SPATIAL_DOSES` are of
the body in space, healthy and three levels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gaitlib.person import Impairment
from gaitlib.schema import read_yaml
from gaitlib.simulate.plan import TYPICAL_ADULT
from gaitlib.simulate.request import GaitRequest

SPEED_MPS = 1.2
N_LEVELS, N_SPATIAL_LEVELS = 5, 4


@dataclass(frozen=True)
class Dose:
    """An impairment that grows; a level x means, for each part of the impairment, a + b x."""

    title: str
    unit: str
    levels: tuple[float, ...]
    parts: dict[str, tuple[float, float]]
    kind: str = "half"
    body: str = "plane"

    def make_request(self, level: float) -> GaitRequest:
        """Make the request of a level."""
        impairment: dict = {}
        for name, (start, slope) in self.parts.items():
            part, _, group = name.partition(".")
            value = start + slope * level
            impairment[part] = impairment.get(part, {}) | {group: value} if group else value
        return GaitRequest(
            TYPICAL_ADULT, SPEED_MPS, Impairment(**impairment), cohort="doses", kind=self.kind, body=self.body
        )


def _read_dose(
    n: int, body: str, title: str, unit: str, levels: list, parts: dict | str, kind: str = "half"
) -> Dose:
    parts = {name: (0, 1) for name in parts.split()} if isinstance(parts, str) else parts
    return Dose(title, unit, tuple(round(float(x), 3) for x in np.linspace(*levels, n)), parts, kind, body)


_TABLES = read_yaml(Path(__file__).with_name("doses.yaml"), "table of doses")
DOSES = {name: _read_dose(N_LEVELS, "plane", **dose) for name, dose in _TABLES["doses"].items()}
"""Every part of an impairment, and Parkinson's settings together."""
SIGNS = tuple(tuple(sign) for sign in _TABLES["signs"])
"""Known clinical signs: dose, measure, direction wanted with growing dose, and words."""
SPATIAL_DOSES = {
    name: _read_dose(N_SPATIAL_LEVELS, "space", **dose) for name, dose in _TABLES["doses_in_space"].items()
}
SPATIAL_SIGNS = tuple(tuple(sign) for sign in _TABLES["signs_in_space"])
"""The same of the body in space, for what lies out of the plane."""
