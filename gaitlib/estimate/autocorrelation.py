"""The rhythm of walking from autocorrelation."""

from __future__ import annotations

import numpy as np

from gaitlib.estimate.normalise import COMMON_FPS

STEP_TIME_RANGE_S = (0.24, 1.1)
_NEARLY, _BOUNCE_WEIGHT = 0.6, 0.2


def find_step_time(
    difference: np.ndarray, bounce: np.ndarray | None = None, fps: float = COMMON_FPS
) -> tuple[float, float]:
    """Find the step time from the difference between the sides.

    Over one step the difference between right and left changes sign, over two it repeats; what moves up and
    down with every step repeats over one. The shortest lag whose autocorrelation shows nearly the strongest
    such pattern is the step time.
    """
    centred = difference - difference.mean(axis=0)
    spread = centred.std(axis=0)
    if spread.max() <= 1e-9:
        return 0.55, 0.0
    correlation = correlate_with_itself(centred / np.sqrt(np.maximum(spread, 0.02 * spread.max())))
    first, last = (int(np.ceil(limit * fps)) for limit in STEP_TIME_RANGE_S)
    lags = np.arange(first, min(last, len(centred) // 2 - 1))
    if len(lags) < 3:
        return 0.55, 0.0
    score = correlation[2 * lags] - correlation[lags]
    rhythm = score.copy()
    if bounce is not None and bounce.std() > 0:
        score = score + _BOUNCE_WEIGHT * correlate_with_itself((bounce - bounce.mean())[:, None])[lags]
    inner = score[1:-1]
    peak = (inner >= score[:-2]) & (inner >= score[2:]) & (inner > _NEARLY * score.max())
    best = int(np.argmax(peak)) + 1 if peak.any() else int(np.argmax(score))
    shift = 0.0
    if 0 < best < len(lags) - 1:
        before, at, after = score[best - 1 : best + 2]
        bend = before - 2 * at + after
        shift = 0.5 * (before - after) / bend if abs(bend) > 1e-9 else 0.0
    return float((lags[best] + np.clip(shift, -0.5, 0.5)) / fps), float(0.5 * rhythm[best])


def correlate_with_itself(centred: np.ndarray) -> np.ndarray:
    """Correlate a sequence with itself at every lag, summed over channels; shape (n_time,)."""
    n = len(centred)
    spectrum = np.fft.rfft(centred, 2 * n, axis=0)
    raw = np.fft.irfft((np.abs(spectrum) ** 2).sum(axis=1), 2 * n)[:n]
    energy = np.concatenate([[0.0], np.cumsum((centred**2).sum(axis=1))])
    lags = np.arange(n)
    both = np.sqrt(energy[n - lags] * (energy[n] - energy[lags]))
    return raw / np.maximum(both, 1e-9 * raw[0] + 1e-30)
