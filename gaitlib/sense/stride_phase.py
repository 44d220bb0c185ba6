"""When strides and steps of a walk begin: they vary, and walks start and stop."""

from __future__ import annotations

import numpy as np

from gaitlib.sense.variation import WalkVariation

_STEP_SHARE = 0.5
_ENDS_FADE = 1 / 3


def draw_phase(
    stride_time_s: np.ndarray, time_s: np.ndarray, rng: np.random.Generator, variation: WalkVariation
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw stride times and the phase at which a walk begins; shape (n_time,)."""
    from scipy.interpolate import PchipInterpolator

    n_strides = int(np.ceil(time_s[-1] / (0.7 * stride_time_s.min()))) + 3
    noise = rng.standard_normal(n_strides)
    for k in range(1, n_strides):
        noise[k] = 0.5 * noise[k - 1] + np.sqrt(0.75) * noise[k]
    drift = variation.speed_drift * rng.standard_normal() * np.linspace(-1, 1, n_strides)
    relative = 1.0 + np.clip(variation.stride_time_cv * noise + drift, -0.25, 0.25)
    times = np.resize(stride_time_s, n_strides) * relative
    ends = np.concatenate([[0.0], np.cumsum(times)])
    moments = time_s + rng.uniform(0, 1) * times[0]
    unrolled = PchipInterpolator(ends, np.arange(n_strides + 1.0))(moments)
    shift = np.full(n_strides + 1, variation.step_time_asymmetry * rng.standard_normal())
    if variation.stride_time_cv:
        # The two steps of a stride share its time by chance, as much as strides differ.
        shift += _STEP_SHARE * variation.stride_time_cv * rng.standard_normal(n_strides + 1)
    own = np.clip(shift, -0.06, 0.06)[np.floor(unrolled).astype(int)]
    unrolled = unrolled + own * 0.5 * (1 - np.cos(2 * np.pi * unrolled))
    if variation.start_slowdown:
        unrolled = slow_ends(unrolled, time_s, variation.start_slowdown * rng.exponential(size=2))
    stride = np.floor(unrolled)
    return stride, unrolled - stride, np.gradient(unrolled, time_s)


def slow_ends(unrolled: np.ndarray, time_s: np.ndarray, extra: np.ndarray) -> np.ndarray:
    """Let the first and the last steps take longer; shape (n_time,)."""
    steps = 2 * (unrolled - unrolled[0])
    shares = extra[0] * _ENDS_FADE**steps + extra[1] * _ENDS_FADE ** (steps[-1] - steps)
    later = np.concatenate([[0.0], np.cumsum((1 + shares[1:]) * np.diff(time_s))])
    return np.interp(time_s * later[-1] / time_s[-1], later, unrolled)
