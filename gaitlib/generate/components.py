"""Whitened principal components, and what a network has to know about the entries of a vector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class Part:
    """Whitened principal components of the symmetric or antisymmetric part.

    `to_vector` (n_coefficients, n_components) whitens, `to_coefficients` (n_components, n_coefficients)
    undoes it, `mean` (n_coefficients,), `share` (n_components,) is the weighted variance explained.
    """

    mean: np.ndarray
    to_vector: np.ndarray
    to_coefficients: np.ndarray
    share: np.ndarray


@dataclass(frozen=True)
class VectorLayout:
    """What a network has to know about the entries of a vector.

    The first `n_conditions` of `n_entries` are conditions; `mirror_order` and `mirror_sign` (n_entries,) give
    the mirror; `derived` (k, n_conditions) sums of conditions that help to tell gaits; `weight` (n_entries,)
    the importance of the entries; `often_open` conditions that are often left open alone;
    `jitter` (n_entries,) the standard deviation of noise that training adds.
    """

    n_entries: int
    n_conditions: int
    mirror_order: np.ndarray
    mirror_sign: np.ndarray
    derived: np.ndarray
    weight: np.ndarray
    often_open: tuple[int, ...]
    jitter: np.ndarray | None = None


def fit_part(
    values: np.ndarray, explained: float, max_components: int, mean: np.ndarray, total: float | None = None
) -> Part:
    """Find the whitened principal components of a part.

    Parameters
    ----------
    values : array, shape (n, n_coefficients)
        Coefficients of the library.
    explained : float
        Share of the variance that the kept components explain.
    max_components : int
        Most components.
    mean : array, shape (n_coefficients,)
        Centre.
    total : float, optional
        Sum of squares that shares refer to; that of `values` if None. A part with almost none of it gets no
        component.

    Returns
    -------
    Part
        The components.
    """
    centred = values - mean
    if len(centred) > 2 * centred.shape[1]:
        squared, axes = np.linalg.eigh(centred.T @ centred)
        singular, axes = np.sqrt(np.maximum(squared[::-1], 0.0)), axes[:, ::-1].T
    else:
        _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    power = singular**2
    total = float(power.sum()) if total is None else total
    if power.sum() < 1e-6 * total:
        count = 0
    else:
        count = int(np.searchsorted(np.cumsum(power) / power.sum(), explained) + 1)
    count = min(count, max_components, int((singular > 1e-6 * max(singular[0], 1e-12)).sum()))
    deviation = singular[:count] / np.sqrt(max(len(values) - 1, 1))
    return Part(
        mean=mean,
        to_vector=axes[:count].T / deviation,
        to_coefficients=axes[:count] * deviation[:, None],
        share=power[:count] / max(total, 1e-300),
    )
