"""Whitened principal components of gaits."""

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


def fit_part(values, explained, max_components, mean, total=None) -> Part:
    """Fit the principal components of values.

    Parameters
    ----------
    values : array, shape (n, n_coefficients)
        Weighted Fourier coefficients of gaits.
    explained : float
        Share of the variance to keep.
    max_components : int
        Largest number of components.
    mean : array, shape (n_coefficients,)
        Centre.
    total : float, optional
        Sum of squares that `share` refers to; that of the values when left out.

    Returns
    -------
    Part
        Without components where the values hardly vary.
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
