"""What an estimator answers: values with intervals, or an abstention with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gaitlib.estimate.sampler import OUTCOME_NAMES

UNITS = {"speed_mps": "m/s", "step_length_m": "m", "step_time_s": "s"}
"""Unit of each outcome."""


@dataclass(frozen=True)
class Value:
    """One estimated outcome.

    Parameters
    ----------
    value, lower, upper : float
        Estimate and interval, in `unit`; the interval is NaN where the method gives none.
    unit : str
        Unit.
    """

    value: float
    lower: float
    upper: float
    unit: str


@dataclass(frozen=True)
class Estimate:
    """The answer for one clip.

    Parameters
    ----------
    status : str
        'ok', or the reason of the abstention.
    values : dict of str to Value
        Empty on abstention.
    """

    status: str = "ok"
    values: dict[str, Value] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether there are values."""
        return self.status == "ok"

    def to_dict(self) -> dict:
        """Turn into plain values for JSON.

        Returns
        -------
        dict
            status, and per outcome value, lower, upper, unit (None for an interval that is not given).
        """

        def plain(number: float) -> float | None:
            return float(number) if np.isfinite(number) else None

        answer: dict = {"status": self.status}
        for name, item in self.values.items():
            answer[name] = {
                "value": plain(item.value),
                "lower": plain(item.lower),
                "upper": plain(item.upper),
            }
            answer[name]["unit"] = item.unit
        return answer


def build_estimate(
    values: np.ndarray, lower: np.ndarray | None = None, upper: np.ndarray | None = None
) -> Estimate:
    """Put an estimate together.

    Parameters
    ----------
    values : array, shape (3,)
        In the order of `OUTCOME_NAMES` (m/s, m, s).
    lower, upper : array, shape (3,), optional
        Ends of the intervals.

    Returns
    -------
    Estimate
        With status 'ok'.
    """
    nothing = np.full(len(OUTCOME_NAMES), np.nan)
    rows = zip(
        OUTCOME_NAMES,
        values,
        nothing if lower is None else lower,
        nothing if upper is None else upper,
        strict=True,
    )
    return Estimate(
        "ok", {name: Value(float(v), float(low), float(high), UNITS[name]) for name, v, low, high in rows}
    )


def build_abstention(reason: str) -> Estimate:
    """Put an abstention together.

    Parameters
    ----------
    reason : str
        Why there is no estimate.

    Returns
    -------
    Estimate
        Without values.
    """
    return Estimate(reason or "no estimate")
