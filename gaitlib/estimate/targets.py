"""What the estimators answer, and the scales on which the network works.

Quantities that are positive and vary by a share of themselves (speed, step length, step time) are estimated
on a logarithmic scale, shares of the stride on a linear one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Target:
    """One estimated outcome.

    Parameters
    ----------
    name, unit : str
        As in `gaitlib.outcomes.OUTCOMES`.
    size : float
        One unit of the network's scale; 0 for a logarithmic scale.
    start : float
        Value at which training starts; not used on a logarithmic scale.
    lower, upper : float
        Ends of what is possible.
    """

    name: str
    unit: str
    size: float = 0.0
    start: float = 1.0
    lower: float = 0.0
    upper: float = np.inf


TARGETS = (
    Target("speed_mps", "m/s"),
    Target("step_length_m", "m"),
    Target("step_time_s", "s"),
    Target("stance_share", "1", 0.25, 0.62, 0.3, 0.98),
    Target("double_support_share", "1", 0.5, 0.24, 0.0, 0.9),
    Target("step_time_asymmetry", "1", 0.25, 0.05, 0.0, 2.0),
    Target("step_length_asymmetry", "1", 0.25, 0.05, 0.0, 2.0),
    Target("stride_time_cv", "1", 0.1, 0.025, 0.0, 1.0),
)
OUTCOME_NAMES = tuple(target.name for target in TARGETS)
"""What the network estimates, in this order; `cadence_spm` follows from the step time."""
UNITS = {target.name: target.unit for target in TARGETS} | {"cadence_spm": "steps/min"}
"""Unit of each answered outcome."""
_SIZE = np.array([target.size for target in TARGETS])
_LOG = _SIZE == 0
_LOWER, _UPPER = (np.array([getattr(target, end) for target in TARGETS]) for end in ("lower", "upper"))


def encode_outcomes(values: np.ndarray) -> np.ndarray:
    """Bring outcomes to the scales of the network; shape (..., n_outcome)."""
    values = np.asarray(values, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(_LOG, np.log(values), values / np.where(_LOG, 1.0, _SIZE))


def decode_outcomes(latent: np.ndarray) -> np.ndarray:
    """Bring values of the network back to units, kept within what is possible; shape (..., n_outcome)."""
    latent = np.asarray(latent, dtype=float)
    return np.clip(np.where(_LOG, np.exp(np.where(_LOG, latent, 0.0)), latent * _SIZE), _LOWER, _UPPER)
