"""Do generated strides lie where solved gaits lie, and do they reach all of them? Memorised or new?

Neighbourhoods reach to the k-th neighbour, in the space of `gaitlib.generate.distances`. Precision and recall
after Kynkäänniemi et al. 2019 (arXiv 1904.06991), density and coverage after Naeem et al. 2020 (arXiv
2002.09797).
"""

from __future__ import annotations

import numpy as np

from gaitlib.errors import InputError
from gaitlib.generate.distances import find_nearest

K_NEIGHBOURS = 5


def measure_coverage(solved: np.ndarray, made: np.ndarray, k: int = K_NEIGHBOURS) -> dict[str, float]:
    """Measure precision, recall, density and coverage."""
    if min(len(solved), len(made)) <= k:
        raise InputError(
            f"measure_coverage: found {len(solved)} solved and {len(made)} generated strides; expected more "
            f"than k={k} of each."
        )
    reach_solved = find_nearest(solved, solved, k, same=True)[:, -1]
    reach_made = find_nearest(made, made, k, same=True)[:, -1]
    norm = (solved**2).sum(axis=1)[:, None] + (made**2).sum(axis=1) - 2.0 * solved @ made.T
    distance = np.sqrt(np.maximum(norm, 0.0))
    near_solved = distance < reach_solved[:, None]
    return {
        "precision": float(near_solved.any(axis=0).mean()),
        "recall": float((distance < reach_made).any(axis=1).mean()),
        "density": float(near_solved.sum(axis=0).mean() / k),
        "coverage": float(near_solved.any(axis=1).mean()),
    }


def measure_memory(made: np.ndarray, known: np.ndarray, held_out: np.ndarray) -> dict[str, float]:
    """Measure whether strides are copies of gaits learned from."""
    usual = find_nearest(held_out, known)[:, 0]
    distance = find_nearest(made, known)[:, 0]
    return {
        "neighbour_ratio": float(np.median(distance) / max(np.median(usual), 1e-12)),
        "copied_share": float((distance < np.percentile(usual, 1)).mean()),
    }
