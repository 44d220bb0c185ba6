"""Bring the readings of any inertial sensor into one frame: x forward, y up, z to the person's right.

Up is the mean specific force of steady walking: over whole strides, what is left of it is gravity (of a
leg, in the part of the stride in which it turns least: mostly stance). Forward: a leg's largest rotation is
about the lateral axis, and it swings forward faster than it goes back, so for leg sensors forward is found
from the walk. For trunk and arm it cannot be told (in simulated walks a search by the phase of forward and
vertical acceleration found the wrong sign in half of them) and must be given; `AXES` holds it for the sets
that gaitlib reads. Simulated sensors go through the same door as real ones.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from gaitlib.errors import InputError

AXES: dict[str, dict[str, tuple[float, float, float]]] = {
    "mobilised_lab": {"lower_back": (0.0, 0.0, 1.0)},
    "mobilised_tvs": {"lower_back": (0.0, 0.0, 1.0)},
    "lower_back_events": {"lower_back": (0.0, 0.0, -1.0)},
    "parkinson_fog_imu": {"lower_back": (0.0, 0.0, -1.0), "chest": (0.0, 0.0, 1.0)},
}
"""Data set -> site -> forward direction in the axes of the sensor.

Mobilise-D documents x up and z from posterior to anterior (coordinate system in the documentation of mobgap,
after Palmerini et al. 2023, doi 10.1038/s41597-023-01930-9). The two others do not say; their sensors (Xsens
MTw, APDM Opal) have z out of the face of the housing, which is worn away from the body."""

_LEG = ("thigh", "shank", "ankle", "foot")
_SEARCHED = _LEG[:3]
"""Sites that tell forward themselves; a foot turns about as fast at push-off as in swing."""
_FEWEST_S = 2.0
_CALM_SHARE = 0.3


def align_recording(
    recording: xr.Dataset, site: str, forward: tuple[float, float, float] | None = None
) -> xr.Dataset:
    """Turn the signals of one sensor into the frame of the walking person.

    Parameters
    ----------
    recording : xarray.Dataset
        acceleration(time, space) in m/s^2 with gravity and angular_velocity(time, space) in rad/s of one
        straight walk without turns, in any axes that are fixed to the sensor; attribute fps (Hz).
    site : str
        Where the sensor sits: 'lower_back', 'chest', 'thigh_r', 'ankle_l' and so on.
    forward : (float, float, float), optional
        Forward in the axes of the sensor, roughly; searched if not given, of thigh, shank and ankle
        only.

    Returns
    -------
    xarray.Dataset
        A new recording.

    Raises
    ------
    InputError
        If the signals are no acceleration with gravity in m/s^2, have gaps, are shorter than 2 s, or tell no
        direction.
    """
    signals = np.concatenate(
        [recording[name].transpose("time", "space").values for name in ("acceleration", "angular_velocity")],
        axis=1,
    )
    turned = align_signals(signals, float(recording.attrs["fps"]), site, forward)
    aligned = recording.copy()
    for name, part in (("acceleration", turned[:, :3]), ("angular_velocity", turned[:, 3:])):
        aligned[name] = (("time", "space"), part, recording[name].attrs)
    return aligned


def align_signals(
    signals: np.ndarray, fps: float, site: str, forward: tuple[float, float, float] | None = None
) -> np.ndarray:
    """Turn signals into the frame of the walking person (array form of `align_recording`).

    Parameters
    ----------
    signals : array, shape (n_time, 6)
        Specific force (m/s^2), then angular velocity (rad/s).
    fps : float
        Samples per second (Hz).
    site : str
        Where the sensor sits.
    forward : (float, float, float), optional
        Forward in the axes of the sensor, roughly; searched if not given, of thigh, shank and ankle
        only.

    Returns
    -------
    array, shape (n_time, 6)
        Turned signals: forward, up, right.

    Raises
    ------
    InputError
        As `align_recording`.
    """
    axes = find_axes(signals, fps, site, forward)
    return np.concatenate([signals[:, :3] @ axes.T, signals[:, 3:] @ axes.T], axis=1)


def find_axes(
    signals: np.ndarray, fps: float, site: str, forward: tuple[float, float, float] | None = None
) -> np.ndarray:
    """Find forward, up and right in the axes of the sensor.

    Parameters
    ----------
    signals : array, shape (n_time, 6)
        Specific force (m/s^2), then angular velocity (rad/s).
    fps : float
        Samples per second (Hz).
    site : str
        Where the sensor sits.
    forward : (float, float, float), optional
        Forward in the axes of the sensor, roughly; searched if not given, of thigh, shank and ankle
        only.

    Returns
    -------
    array, shape (3, 3)
        Rows forward, up, right: a rotation matrix.

    Raises
    ------
    InputError
        As `align_recording`.
    """
    signals = np.asarray(signals, dtype=float)
    problem = _find_problem(signals, fps, site, forward)
    if problem:
        raise InputError(f"inertial signals of '{site}': {problem}")
    mean = _find_mean(signals, site)
    up = mean / np.linalg.norm(mean)
    if forward is not None:
        ahead = np.asarray(forward, dtype=float)
    else:
        ahead = np.cross(up, _find_right_of_leg(signals[:, 3:], up))
    ahead = ahead - (ahead @ up) * up
    length = np.linalg.norm(ahead)
    if not length > 1e-6:
        raise InputError(
            f"inertial signals of '{site}': forward is vertical or cannot be told; give forward=."
        )
    ahead = ahead / length
    return np.stack([ahead, up, np.cross(ahead, up)])


def _find_problem(signals: np.ndarray, fps: float, site: str, forward) -> str:
    if signals.ndim != 2 or signals.shape[1] != 6:
        return f"shape {signals.shape}, expected (time, 6): acceleration (m/s^2), angular velocity (rad/s)."
    if not np.isfinite(signals).all():
        return "they have gaps; fill or cut them first."
    if len(signals) < _FEWEST_S * fps:
        return f"{len(signals) / fps:.1f} s, expected {_FEWEST_S:g} s or more of straight walking."
    mean = float(np.linalg.norm(_find_mean(signals, site)))
    if not 6.0 < mean < 16.0:
        return (
            f"the mean acceleration is {mean:.2f} m/s^2, expected about 9.8: give m/s^2 with gravity "
            "(1 g = 9.81 m/s^2)."
        )
    if forward is None and not site.startswith(_SEARCHED):
        return (
            "forward cannot be told from a sensor on trunk, arm or foot; give forward=, its direction in "
            "the axes of the sensor, such as (0, 0, 1) where its z axis points ahead "
            "(gaitlib.sense.alignment.AXES)."
        )
    return ""


def _find_mean(signals: np.ndarray, site: str) -> np.ndarray:
    """Mean specific force; of a leg, whose turning mixes in its own acceleration, while it turns least."""
    force = signals[:, :3]
    if site.startswith(_LEG):
        turning = np.linalg.norm(signals[:, 3:] - np.median(signals[:, 3:], axis=0), axis=1)
        force = force[turning <= np.quantile(turning, _CALM_SHARE)]
    return force.mean(axis=0)


def _find_right_of_leg(angular: np.ndarray, up: np.ndarray) -> np.ndarray:
    level = angular - (angular @ up)[:, None] * up
    level = level - level.mean(axis=0)
    right = np.linalg.eigh(level.T @ level)[1][:, -1]
    # A swinging leg turns fast forward (positive about right) and slowly back.
    return right * np.sign(((level @ right) ** 3).mean() or 1.0)
