"""How strides of one walk differ: one model of stride-to-stride variability for all walks.

Stride times and lengths wander about their means as first-order autoregressive series with the stated
coefficients of variation. In generated walks the two are correlated, so that speed varies less than either;
in walks built for sensors (`gaitlib.sense.walk_variation`) joint excursions wander in place of lengths.

Sources of the default sizes: coefficient of variation of stride time about 2 % in healthy adults (Hausdorff
2005, doi 10.1186/1743-0003-2-19); stride length 1.7 times that of stride time, as in Alzheimer's dementia
(3.5 %, Wittwer 2010, Gait Posture 32:113) against about 2 %; angles about 2 degrees from stride to stride
(Kadaba et al. 1989, doi 10.1002/jor.1100070611, repeatability of adults' sagittal angles). The
autocorrelation is assumed; there are no long-range correlations (Hausdorff et al. 1995, doi
10.1152/jappl.1995.78.1.349).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaitlib.errors import InputError

STRIDE_MEMORY = 0.5
"""Correlation of one stride with the next; assumed."""
_LARGEST_CHANGE = 0.2


@dataclass(frozen=True)
class StrideVariability:
    """How much strides of one walk differ."""

    stride_time_cv: float = 0.02  # coefficients of variation (1)
    stride_length_cv: float = 0.02
    # standard deviation of the joint angles from stride to stride, mean over joints and phases (deg)
    angle_sd_deg: float = 2.0
    correlation: float = 0.5  # between stride time and stride length (1)
    memory: float = STRIDE_MEMORY  # correlation of one stride with the next (1)

    def __post_init__(self) -> None:
        if not (0 <= self.stride_time_cv <= 0.2 and 0 <= self.stride_length_cv <= 0.2):
            raise InputError("variability: coefficients of variation must lie between 0 and 0.2.")
        if not (abs(self.correlation) <= 1 and 0 <= self.memory < 1 and 0 <= self.angle_sd_deg <= 10):
            raise InputError(
                "variability: expected correlation -1 to 1, memory 0 to below 1, angle_sd_deg 0 to 10."
            )


def draw_strides(
    n_walks: int, n_strides: int, variability: StrideVariability, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw relative stride times and lengths; shape (n_walks, n_strides)."""
    noise = draw_series(n_walks, n_strides, 2, variability.memory, rng)
    r = variability.correlation
    noise[..., 1] = r * noise[..., 0] + np.sqrt(1.0 - r**2) * noise[..., 1]
    if n_strides > 1:
        noise -= noise.mean(axis=1, keepdims=True)
        noise *= np.sqrt(n_strides / (n_strides - 1.0))
    else:
        noise[:] = 0.0
    change = noise * [variability.stride_time_cv, variability.stride_length_cv]
    relative = 1.0 + np.clip(change, -_LARGEST_CHANGE, _LARGEST_CHANGE)
    return relative[..., 0], relative[..., 1]


def draw_series(
    n_walks: int, n_strides: int, n_entries: int, memory: float, rng: np.random.Generator
) -> np.ndarray:
    """Draw autoregressive series of unit variance; shape (n_walks, n_strides, n_entries)."""
    noise = rng.standard_normal((n_walks, n_strides, n_entries))
    for k in range(1, n_strides):
        noise[:, k] = memory * noise[:, k - 1] + np.sqrt(1.0 - memory**2) * noise[:, k]
    return noise
