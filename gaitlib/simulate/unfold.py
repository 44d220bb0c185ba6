"""Multipliers of a solved gait for another problem: whole stride from half, with reflexes from without."""

from __future__ import annotations

import numpy as np

from gaitlib.simulate.problem import Layout


def fit_multipliers(layout: Layout, multipliers: np.ndarray, n_points: int) -> np.ndarray:
    """Fit the multipliers of a neighbour to the problem at hand; shape (n_points, n_constraints).

    The cost is a mean over points, so each of twice as many weighs half as much. Half of a stride without
    symmetry serves as it is; constraints that the neighbour did not have begin at zero.
    """
    order = layout.get_constraint_mirror_order()
    n, m = multipliers.shape
    points = np.zeros((n, len(order)))
    points[:, : min(m, len(order))] = multipliers[:, : len(order)]
    if n < n_points:
        points = np.concatenate([points, points[:, order]])
    return n / n_points * points[:n_points]
