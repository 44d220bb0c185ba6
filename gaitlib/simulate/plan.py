"""Whom a library walks: the study's cohorts, turned into requests and put in order."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from gaitlib.cohorts.growth import compute_typical_stride_time
from gaitlib.cohorts.sample import sample_cohort
from gaitlib.errors import InputError
from gaitlib.person import Impairment, Person
from gaitlib.simulate.request import GaitRequest, describe_request

TYPICAL_ADULT = Person(age_years=30, sex="m", height_m=1.76, mass_kg=74.0)

LABELS = ("pattern", "medication", "design", "person_id", "severity", "speed_share", "pace", "stride_time_cv",
          "stride_length_cv")  # fmt: skip
"""What the table tells of a person beside the request."""


@dataclass(frozen=True)
class PlannedGait:
    """A request and what the table tells beside it."""

    request: GaitRequest
    labels: dict = field(default_factory=dict)


def plan_library(
    cohorts: dict[str, int],
    seed: int,
    stride_share: float = 0.0,
    free_share: float = 0.0,
    body: str = "plane",
) -> list[PlannedGait]:
    """Plan a library: a typical adult as its seed, then the cohorts in turn."""
    samples = [sample_cohort(name, n, seed, stride_share, free_share) for name, n in cohorts.items() if n]
    places = np.concatenate([(np.arange(len(sample)) + 0.5) / len(sample) for sample in samples])
    people = pd.concat(samples, ignore_index=True).iloc[np.argsort(places, kind="stable")]
    time = round(compute_typical_stride_time(TYPICAL_ADULT, 1.1), 3)
    first = GaitRequest(TYPICAL_ADULT, 1.1, stride_time_s=time, cohort="healthy_adult", body=body)
    labels = {"pattern": "typical", "medication": "", "design": "seed", "person_id": "seed"}
    return [PlannedGait(first, labels), *(plan_gait(row, body) for row in people.to_dict("records"))]


def plan_gait(row: dict, body: str = "plane") -> PlannedGait:
    """Plan one gait of a sampled person."""
    request = GaitRequest(
        Person(**{name: row[name] for name in Person.model_fields}),
        row["speed_mps"],
        Impairment(**row["impairment"]),
        None if np.isnan(row["stride_time_s"]) else row["stride_time_s"],
        row["cohort"],
        kind=row["kind"],
        body=body,
    )
    return PlannedGait(request, {name: row[name] for name in LABELS})


def select_shard(plan: list[PlannedGait], shard: str) -> list[PlannedGait]:
    """Take one of n disjoint parts of a plan, for machines that build apart and merge afterwards."""
    first, _, of = shard.partition("/")
    if not (first.isdigit() and of.isdigit() and 1 <= int(first) <= int(of)):
        raise InputError(f"--shard: found '{shard}', expected k/n such as 1/4.")
    return [plan[0], *plan[1:][int(first) - 1 :: int(of)]]


def describe_plan(plan: list[PlannedGait]) -> pd.DataFrame:
    """Lay a plan out as the columns that a library's table begins with."""
    return pd.DataFrame([describe_request(item.request) | item.labels for item in plan])
