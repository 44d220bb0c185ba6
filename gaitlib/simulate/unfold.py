"""From the solution of half a stride to one of the whole stride, multipliers included."""

from __future__ import annotations

import numpy as np

from gaitlib.simulate.problem import N_HEAD, Layout


def unfold_half(layout: Layout, decision: np.ndarray, duals: tuple[np.ndarray, np.ndarray]):
    """Turn the solution of half a stride into one of the whole stride, for a body as strong on both sides.

    The cost is a mean over points, so each point of twice as many weighs half as much.

    Parameters
    ----------
    layout : Layout
        Variables of a point, the same in both.
    decision : array
        Decision vector of half a stride.
    duals : tuple of two arrays
        Its multipliers.

    Returns
    -------
    decision : array
    duals : tuple of two arrays
        Of the whole stride.
    """
    n = (len(decision) - N_HEAD) // layout.size

    def mirror(values: np.ndarray, order: np.ndarray, share: float) -> np.ndarray:
        points = share * values.reshape(n, len(order))
        return np.concatenate([points, points[:, order]]).ravel()

    def mirror_variables(values: np.ndarray, share: float) -> np.ndarray:
        body = mirror(values[N_HEAD:], layout.get_mirror_order(), share)
        return np.concatenate([values[:N_HEAD], body])

    order = layout.get_constraint_mirror_order()
    points, pins = np.split(duals[1], [n * len(order)])
    constraints = np.concatenate([mirror(points, order, 0.5), 0.5 * pins])
    return mirror_variables(decision, 1.0), (mirror_variables(duals[0], 0.5), constraints)
