"""How near simulated gaits come to real people; curves of a leg over its stride, groups (n, 101)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.signal import find_peaks

POOR_SD, POOR_CORRELATION, POOR_TIMING = 2.0, 0.5, 10.0
"""A curve is poor beyond two standard deviations between people; an activation below a correlation of 0.5 or
with a timing error of more than 10 % of the stride."""
MISSING_TIMING, LARGE_GAIN = 20.0, 0.1
"""Beyond a shift of 20 % of the stride an activation has another burst, not the same one at another time; a
smaller shift is named where it raises the correlation by more than 0.1."""

NORMAL_PATTERN: tuple[tuple[str, str, float, float], ...] = (
    ("Knee flexion, peak in loading response", "deg", 10.0, 25.0),
    ("Knee flexion, rise after contact", "deg", 5.0, 20.0),
    ("Knee flexion, peak in swing", "deg", 55.0, 65.0),
    ("Hip flexion, least in stance", "deg", -25.0, 0.0),
    ("Plantarflexion, peak at push-off", "deg", 10.0, 25.0),
    ("Vertical force, first peak", "BW", 1.0, 1.2),
    ("Vertical force, second peak", "BW", 1.0, 1.2),
    ("Vertical force, valley below the lower peak", "BW", 0.1, 0.5),
    ("Forward force, path over twice its range", "1", 1.0, 1.25),
    ("Stance phase", "% of stride", 58.0, 66.0),
)
"""Feature, unit, lowest and highest value wanted of a healthy adult at about 1.2 m/s, set before the gaits
were solved. The path of a force is the sum of its changes over stance: over twice its range it is 1 for one
braking and one driving hump, and more the more the force rings."""
_CONTACT_BW = 0.03


@dataclass(frozen=True)
class Band:
    """Curves of people in summary: mean and standard deviation between people, shape (101,), and how many."""

    mean: np.ndarray
    sd: np.ndarray
    n: int

    @classmethod
    def measure(cls, curves: np.ndarray | Band) -> Band:
        """Summarise curves; what is one already stays."""
        if isinstance(curves, cls):
            return curves
        return cls(np.nanmean(curves, axis=0), np.nanstd(curves, axis=0, ddof=1), len(curves))

    def __len__(self) -> int:
        return self.n


def choose_bands(table: pd.DataFrame, group: str, medication: str = "") -> dict[str, Band]:
    """Joint -> Band of one group of a table with mean_deg, sd_deg and n_people by joint and phase."""
    own = table[(table["group"] == group) & (table["medication"] == medication)].sort_values("phase")
    return {
        joint: Band(part["mean_deg"].to_numpy(), part["sd_deg"].to_numpy(), int(part["n_people"].iloc[0]))
        for joint, part in own.groupby("joint", sort=False)
    }


def compare_curve(simulated: np.ndarray, measured: np.ndarray | Band, free_offset: bool = False) -> dict:
    """Compare the mean simulated curve with the mean of measured people; what explains most of it."""
    band = Band.measure(measured)
    own, real = np.nanmean(simulated, axis=0)[:-1], band.mean[:-1]
    offset = float(np.mean(own - real))
    if free_offset:
        own = own - offset
        band = Band.measure(measured - np.nanmean(measured, axis=1, keepdims=True))
    sd, rms = float(np.nanmean(band.sd)), _rms(own - real)
    shift, ratio = _find_shift(own, real), float(np.ptp(own) / np.ptp(real))
    centred = own - own.mean()
    without = {
        f"its mean is {offset:+.0f}° off": centred + real.mean(),
        f"its range is {100 * ratio:.0f} % of the measured": own.mean() + centred / ratio,
        _describe_shift(shift): np.roll(own, -shift),
    }
    left = {reason: _rms(curve - real) for reason, curve in without.items()}
    best = min(left, key=left.get)
    reason = best if left[best] < 0.8 * rms else "its shape differs"
    return {"rms_deg": rms, "sd_deg": sd, "rms_sd": rms / sd, "offset_deg": offset, "range_ratio": ratio,
            "shift_percent": shift, "poor": rms / sd > POOR_SD, "reason": reason}  # fmt: skip


def compare_activation(simulated: np.ndarray, measured: np.ndarray) -> dict:
    """Compare the mean activation of a muscle group with the mean EMG envelope."""
    own, real = np.nanmean(simulated, axis=0)[:-1], np.nanmean(measured, axis=0)[:-1]
    correlation, shift = _correlate(own, real), _find_shift(own, real)
    best = _correlate(np.roll(own, -shift), real)
    if best < POOR_CORRELATION:
        reason = "its shape differs"
    elif abs(shift) > MISSING_TIMING:
        reason = "a burst is missing"
    elif abs(shift) > POOR_TIMING or best - correlation > LARGE_GAIN:
        reason = _describe_shift(shift)
    else:
        reason = "it alternates alike"
    poor = bool(correlation < POOR_CORRELATION or abs(shift) > POOR_TIMING)
    return {"correlation": correlation, "timing_percent": shift, "best_correlation": best, "poor": poor,
            "reason": reason}  # fmt: skip


def compare_speed_law(own: pd.DataFrame, law: pd.DataFrame) -> pd.DataFrame:
    """Compare step length at equal speed (free of body size) of `own` free strides with people's `law`."""
    rows = []
    for group, part in law.groupby("age_group", sort=False):
        exponent, factor = np.polyfit(np.log(part["speed"]), np.log(part["step"]), 1)
        rows.append({"age_group": group, "n_measured": part["person_id"].nunique(), "exponent": exponent})
        chosen = own[(own["age_years"] > 55) == (group == "older")]
        error = chosen["step"] / (np.exp(factor) * chosen["speed"] ** exponent) - 1
        reason = "not evaluated: all stride times were prescribed" if chosen.empty else ""
        rows[-1] |= {"factor": float(np.exp(factor)), "n_simulated": len(chosen), "reason": reason}
        rows[-1]["step_error_percent"] = 100 * float(error.median())
    return pd.DataFrame(rows)


def check_pattern(strides: Sequence[Mapping]) -> pd.DataFrame:
    """Hold strides of a leg against the pattern of a healthy adult at about 1.2 m/s; of several the median.

    Each has hip, knee, ankle (degrees), vertical and forward force (body weights) from its contact on, and
    toe_off (% of the stride) unless the force is to tell: the last sample above 3 % of body weight.
    """
    found = pd.DataFrame([_find_pattern(stride) for stride in strides], columns=range(len(NORMAL_PATTERN)))
    table = pd.DataFrame(NORMAL_PATTERN, columns=["feature", "unit", "wanted_low", "wanted_high"])
    table["found"] = found.astype(float).median().to_numpy()
    return table.assign(met=table["found"].between(table["wanted_low"], table["wanted_high"]))


def _find_pattern(curves: Mapping) -> tuple[float, ...]:
    """Features in the order of `NORMAL_PATTERN`.

    (1) Loading response is looked for in the first 25 % of the stride, push-off from the middle of stance to
    8 % after toe-off. (2) A peak of the vertical force is a hump whose neighbours are at least 0.02 body
    weights lower on both sides, the first in the first half of stance and the second in the second half.
    """
    knee, vertical = curves["knee"], curves["vertical"]
    toe_off = curves.get("toe_off")
    if toe_off is None:
        toe_off = float(np.flatnonzero(vertical[:90] > _CONTACT_BW)[-1])
    off = int(round(toe_off))
    loading = knee[:26].max()
    first, second, valley = _find_humps(vertical[: off + 1])
    forward = curves["forward"][: off + 1]
    path = np.abs(np.diff(np.concatenate([[0.0], forward, [0.0]]))).sum()
    return (
        loading,
        loading - knee[0],
        knee[off:].max() if off < 99 else np.nan,
        curves["hip"][: off + 1].min(),
        -curves["ankle"][off // 2 : min(off + 9, 100)].min(),
        first,
        second,
        min(first, second) - valley,
        path / (2 * max(np.ptp(forward), 1e-9)),
        toe_off,
    )


def _find_humps(vertical: np.ndarray) -> tuple[float, float, float]:
    """First peak, second peak, valley between; NaN for what is not there."""
    peaks, _ = find_peaks(vertical, prominence=0.02)
    halves = peaks[peaks < len(vertical) // 2], peaks[peaks >= len(vertical) // 2]
    tops = [half[np.argmax(vertical[half])] if len(half) else None for half in halves]
    valley = np.nan if None in tops else vertical[tops[0] : tops[1] + 1].min()
    return (*(np.nan if top is None else float(vertical[top]) for top in tops), float(valley))


def _describe_shift(shift: float) -> str:
    return f"it is {abs(shift):.0f} % of the stride too {'late' if shift > 0 else 'early'}"


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _correlate(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first, second)[0, 1])


def _find_shift(own: np.ndarray, real: np.ndarray) -> int:
    """How much later `own` is, in % of the periodic stride (-50 to 49)."""
    scores = [_correlate(np.roll(own, -shift), real) for shift in range(-50, 50)]
    return int(np.argmax(scores)) - 50
