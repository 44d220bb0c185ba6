"""The gaits that training draws from: joint curves, and the muscle activity that belongs to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from gaitlib.events import detect_events_from_force
from gaitlib.gait import MUSCLE_GROUPS, N_PHASE
from gaitlib.person import Person
from gaitlib.sense.body_walk import GaitCurves, prepare_gaits


@dataclass(frozen=True)
class GaitPool:
    """Gaits to train from.

    Parameters
    ----------
    curves : GaitCurves
        For `gaitlib.sense.body_walk.build_walk_points`.
    activation : array, shape (n_gait, 2, 9, 101)
        Muscle activation (0-1) of the right and the left leg, `gaitlib.gait.MUSCLE_GROUPS`, over the stride
        from the initial contact of that leg.
    """

    curves: GaitCurves
    activation: np.ndarray

    def __len__(self) -> int:
        return len(self.activation)

    def take(self, rows: np.ndarray) -> GaitPool:
        """Take some gaits."""
        parts = (tuple(part[n] for n in rows) for part in (self.curves.dimensions, self.curves.persons))
        curves = GaitCurves(self.curves.curves[rows], self.curves.stride_time_s[rows], *parts)
        return GaitPool(curves, self.activation[rows])

    def join(self, other: GaitPool) -> GaitPool:
        """Put two pools together."""
        curves = GaitCurves(
            np.concatenate([self.curves.curves, other.curves.curves]),
            np.concatenate([self.curves.stride_time_s, other.curves.stride_time_s]),
            self.curves.dimensions + other.curves.dimensions,
            self.curves.persons + other.curves.persons,
        )
        return GaitPool(curves, np.concatenate([self.activation, other.activation]))


def build_pool(gaits: xr.Dataset, persons: list[Person]) -> GaitPool:
    """Prepare a gait set for training."""
    raw = gaits["activation"].transpose("gait", "muscle", "phase").values.astype(float)
    sides = raw.reshape(len(raw), 2, len(MUSCLE_GROUPS), N_PHASE).copy()
    force = gaits["ground_force"].transpose("gait", "phase", "foot", "axis").values[..., 1]
    for n, own in enumerate(force):
        sides[n, 1] = shift_stride(sides[n, 1], _find_left_contact(own))
    return GaitPool(prepare_gaits(gaits, persons), sides)


def shift_stride(curves: np.ndarray, start_percent: float) -> np.ndarray:
    """Let periodic curves of a stride begin at another moment of it; shape (..., 101)."""
    last = curves.shape[-1] - 1
    place = (np.arange(last + 1) + start_percent * last / 100.0) % last
    left = np.minimum(place.astype(int), last - 1)
    share = place - left
    return (1 - share) * curves[..., left] + share * curves[..., left + 1]


def _find_left_contact(force: np.ndarray) -> float:
    """Percent of the stride at which the left foot lands; half of it where the force does not tell."""
    phase = np.linspace(0.0, 1.0, len(force))
    events = detect_events_from_force(phase, force, periodic=True)
    found = events[(events["foot"] == "l") & (events["event"] == "initial_contact")]["time_s"].to_numpy()
    return 100.0 * float(found[0]) if len(found) == 1 else 50.0
