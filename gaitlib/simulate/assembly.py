"""Sparse matrices of the whole walking problem from the blocks of its mesh points (imports CasADi)."""

from __future__ import annotations

import casadi as ca
import numpy as np


def gather_sparse(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int], values) -> ca.MX:
    """Place values in a sparse matrix; values at the same place add up."""
    keys = columns.astype(np.int64) * shape[0] + rows
    places, inverse = np.unique(keys, return_inverse=True)
    pattern = ca.Sparsity.triplet(*shape, (places % shape[0]).tolist(), (places // shape[0]).tolist())
    if len(places) == len(keys):
        order = np.empty(len(keys), int)
        order[inverse] = np.arange(len(keys))
        return ca.MX(pattern, ca.vec(values)[order.tolist()])
    adder = ca.Sparsity.triplet(len(places), len(keys), inverse.tolist(), list(range(len(keys))))
    return ca.MX(pattern, ca.mtimes(ca.MX(ca.DM(adder, np.ones(len(keys)))), ca.vec(values)))
