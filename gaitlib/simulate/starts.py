"""Starts as plain arrays: what a part keeps of a solution so that a neighbour can begin there."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from gaitlib.simulate.guess import Trajectory
from gaitlib.simulate.solution import Start

_PREFIX = "start_"
_TRAJECTORY = "start_trajectory_"


def pack_start(start: Start) -> dict[str, np.ndarray]:
    """Lay a start out as arrays.

    Parameters
    ----------
    start : Start
        From a solved gait.

    Returns
    -------
    dict of str to array
        Vectors and curves as float32, which a solver that begins there does not notice.
    """
    arrays = {
        f"{_PREFIX}{name}": getattr(start, name) for name in ("kind", "impaired", "leg_length_m", "decision")
    }
    arrays |= {f"{_PREFIX}duals_{n}": dual for n, dual in enumerate(start.duals)}
    arrays |= {
        f"{_TRAJECTORY}{field.name}": getattr(start.trajectory, field.name) for field in fields(Trajectory)
    }
    return {name: _shrink(np.asarray(value)) for name, value in arrays.items()}


def unpack_start(arrays: dict[str, np.ndarray]) -> Start:
    """Build a start from arrays.

    Parameters
    ----------
    arrays : dict of str to array
        As `pack_start` lays them out; others are ignored.

    Returns
    -------
    Start
        The start.
    """
    values = {name.removeprefix(_TRAJECTORY): v for name, v in arrays.items() if name.startswith(_TRAJECTORY)}
    trajectory = Trajectory(**{name: _grow(value) for name, value in values.items()})
    return Start(
        kind=str(arrays["start_kind"]),
        impaired=bool(arrays["start_impaired"]),
        leg_length_m=float(arrays["start_leg_length_m"]),
        decision=_grow(arrays["start_decision"]),
        duals=(_grow(arrays["start_duals_0"]), _grow(arrays["start_duals_1"])),
        trajectory=trajectory,
    )


def _shrink(value: np.ndarray) -> np.ndarray:
    return value.astype(np.float32) if value.dtype == float and value.ndim else value


def _grow(value: np.ndarray):
    return value.astype(float) if value.ndim else float(value)
