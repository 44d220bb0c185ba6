"""Stride-to-stride variability of a simulated person: a stochastic model, not physics.

A solved gait repeats itself exactly. Walks built from it get their variability from the model in `body_walk`
and `variation`: stride times follow a first-order autoregressive process (correlation 0.5 from stride to
stride), joint excursions wander from stride to stride. This module sets their sizes so that the walks have
the coefficients of variation that the cohort gives the person (`stride_time_cv`, `stride_length_cv`, from
published values, see `gaitlib/cohorts`). Departures from people: time and length vary independently of each
other, and there are no long-range correlations (Hausdorff et al. 1995, doi 10.1152/jappl.1995.78.1.349).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import xarray as xr

from gaitlib.errors import InputError
from gaitlib.sense.variation import WalkVariation

TIME_GAIN, LENGTH_GAIN = 0.93, 0.765
"""Coefficient of variation found in long built walks over that which the model was told, the same from 2 to
6 % (a test measures them): timing is smoothed between strides, and joint excursion is not stride length."""


def choose_variation(row: Mapping, base: WalkVariation | None = None) -> WalkVariation:
    """Choose the variation that gives a person's walks the person's variability."""
    base = base or WalkVariation()
    for name, field, gain in (
        ("stride_time_cv", "stride_time_cv", TIME_GAIN),
        ("stride_length_cv", "stride_amplitude_cv", LENGTH_GAIN),
    ):
        value = row.get(name)
        if value is None or np.isnan(value):
            continue
        if not 0 <= value <= 0.3:
            raise InputError(f"{name}: found {value}, expected SD / mean of 0 to 0.3.")
        base = replace(base, **{field: float(value) / gain})
    return base


def measure_variability(walk: xr.Dataset) -> dict[str, float]:
    """Measure the variability of a walk from right foot to right foot."""
    from gaitlib.events import choose_foot_points, detect_events
    from gaitlib.walk import find_progression, get_point

    events = detect_events(walk)
    right = events[(events["event"] == "initial_contact") & (events["foot"] == "r")]
    contacts = right["time_s"].to_numpy(dtype=float)
    times = np.diff(contacts)
    if len(times) < 3:
        return {"n_strides": len(times), "stride_time_cv": np.nan, "stride_length_cv": np.nan}
    heel = get_point(walk, f"{choose_foot_points(walk)[0]}_r") @ find_progression(walk)
    flat = np.add.outer(contacts, np.linspace(0.1, 0.25, 6) * times.mean())  # the foot rests on the floor
    lengths = np.diff(np.interp(flat, walk["time"].values, heel).mean(axis=1))
    cv = [float(np.std(values, ddof=1) / np.mean(values)) for values in (times, lengths)]
    return {"n_strides": len(times), "stride_time_cv": cv[0], "stride_length_cv": cv[1]}
