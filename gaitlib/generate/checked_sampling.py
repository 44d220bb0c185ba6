"""Strides that a body could walk and that do what was asked: those that fail a check are drawn again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.generate.checks import OUTCOME_TOLERANCE, check_gaits, compare_with_asked, compute_outcomes

if TYPE_CHECKING:
    from gaitlib.generate.flow import GaitGenerator

REDRAWS = 6
"""A stride is drawn again at most so often."""


def find_sound(table: pd.DataFrame, gaits: xr.Dataset, limits, outcomes: bool = True) -> np.ndarray:
    """Find the strides that pass every check and make the outcomes that were asked for."""
    passed = check_gaits(table, gaits, limits)["passed"].to_numpy().reshape(-1, len(table)).all(axis=0)
    if outcomes:
        off = compare_with_asked(table, compute_outcomes(table, gaits))
        passed &= (off <= OUTCOME_TOLERANCE).all(axis=1).to_numpy()
    return passed


@dataclass(frozen=True)
class SoundSampler:
    """Samples from a generator what passes every check.

    Attributes
    ----------
    generator : GaitGenerator
        Trained or loaded.
    redraws : int
        A stride that fails is drawn again at most so often, from other noise.
    outcomes : bool
        As `find_sound`.
    """

    generator: GaitGenerator
    redraws: int = REDRAWS
    outcomes: bool = True

    @property
    def release(self) -> str:
        """Hash of the library that the generator learned from."""
        return self.generator.release

    def sample(self, conditions: pd.DataFrame, seed: int = 0) -> tuple[pd.DataFrame, xr.Dataset]:
        """Generate one stride per row of wanted conditions, as `GaitGenerator.sample`."""
        waiting = np.arange(len(conditions))
        places, tables, parts = [], [], []
        for draw in range(1 + self.redraws):
            own = int(np.random.SeedSequence([seed, draw]).generate_state(1)[0]) if draw else seed
            wanted = conditions.iloc[waiting].reset_index(drop=True)
            table, gaits = self.generator.sample(wanted, own)
            sound = find_sound(table, gaits, self.generator.limits, self.outcomes)
            places.append(waiting[sound])
            tables.append(table[sound].assign(draws=draw + 1))
            parts.append(gaits.isel(gait=np.flatnonzero(sound)))
            waiting = waiting[~sound]
            if not len(waiting):
                break
        order = np.argsort(np.concatenate(places), kind="stable")
        table = pd.concat(tables, ignore_index=True).iloc[order].reset_index(drop=True)
        return table, xr.concat(parts, "gait", join="exact").isel(gait=order)
