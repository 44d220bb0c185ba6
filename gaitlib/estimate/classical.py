"""The classical estimator: events from foot paths in the image, scale from body height.

After Zeni et al. 2008 (doi 10.1016/j.gaitpost.2007.07.007) for events and Stenum et al. 2021
(doi 10.1371/journal.pcbi.1008935) for the use of side-view keypoints.

1. The clip is brought to the person's measure (`gaitlib.estimate.normalise`).
2. Initial contact: the ankle is farthest ahead of the hips; in views from the front or the back, where
   nothing is seen of that, the step time comes from the autocorrelation of the sides' difference.
3. Step length: distance of the ankles along the image at initial contact. Speed: travel of the hips in a
   fixed camera, else step length over step time.
4. Leg lengths become metres with thigh + shank = 0.491 of body height (Winter 2009).

Departures: no calibration object; heels are not used, as most layouts lack them; views from the front or
the back give the step time alone.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from gaitlib.estimate.features import get_height, read_keypoints
from gaitlib.estimate.normalise import (
    COMMON_FPS,
    LEGS,
    NormalisedClip,
    build_basis,
    fit_lines,
    normalise_clip,
)
from gaitlib.estimate.result import Estimate, build_abstention, build_estimate
from gaitlib.estimate.rhythm import find_step_time
from gaitlib.estimate.targets import OUTCOME_NAMES
from gaitlib.events import detect_events_from_curves

LEG_SHARE_OF_HEIGHT = 0.491
"""Thigh + shank as a share of body height (1)."""
MIN_SPREAD = 0.25
"""Ankles nearer than this at contact (leg lengths) are not a side view."""
MIN_TRAVEL_SPEED = 0.15
"""Slower travel in the image (leg lengths per second) is taken as a moving camera or a treadmill."""


def estimate_classical(keypoints: xr.Dataset, height_m: float | None = None) -> Estimate:
    """Estimate the outcomes of one clip without any learning."""
    clip = normalise_clip(*read_keypoints(keypoints))
    if isinstance(clip, str):
        return build_abstention(clip)
    ankle = clip.relative[:, LEGS[:, 2]]
    spread = float(np.percentile(np.abs(ankle[:, 0, 0] - ankle[:, 1, 0]), 90))
    height = get_height(keypoints, height_m)
    leg_m = np.nan if height is None else LEG_SHARE_OF_HEIGHT * height
    if spread < MIN_SPREAD:
        knee = clip.relative[:, LEGS[:, 1]]
        step_time, rhythm = find_step_time(
            np.concatenate([ankle[:, 0] - ankle[:, 1], knee[:, 0] - knee[:, 1]], axis=1)
        )
        if rhythm < 0.3:
            return build_abstention("too few steps: no rhythm found in a view from the front or the back")
        return _build(step_time_s=step_time)
    steps = _measure_steps(clip, ankle)
    if steps is None:
        return build_abstention("too few steps: fewer than three initial contacts found")
    step_length, step_time = steps
    travel = fit_lines(clip.travel[:, :1], np.ones((len(clip.travel), 1)), build_basis(len(clip.travel)))[
        0, 1
    ]
    speed = abs(travel) if abs(travel) > MIN_TRAVEL_SPEED else step_length / step_time
    return _build(speed_mps=speed * leg_m, step_length_m=step_length * leg_m, step_time_s=step_time)


def _build(**found: float) -> Estimate:
    return build_estimate(np.array([found.get(name, np.nan) for name in OUTCOME_NAMES]))


def _measure_steps(clip: NormalisedClip, ankle: np.ndarray) -> tuple[float, float] | None:
    """Mean step length (leg lengths) and step time (s)."""
    time_s = np.arange(len(ankle)) / COMMON_FPS
    events = detect_events_from_curves(time_s, np.where(clip.valid[:, LEGS[:, 2]], ankle[..., 0], np.nan))
    contacts = events[events["event"] == "initial_contact"].sort_values("time_s")
    if len(contacts) < 3:
        return None
    moments, right = contacts["time_s"].to_numpy(), (contacts["foot"] == "r").to_numpy()
    apart = np.interp(moments, time_s, ankle[:, 0, 0] - ankle[:, 1, 0])
    alternating = np.flatnonzero(np.diff(right.astype(int)) != 0)
    if len(alternating) < 2:
        return None
    return float(np.mean(np.where(right, apart, -apart)[1:])), float(np.mean(np.diff(moments)[alternating]))
