"""What an estimator answers: values with intervals, muscle activity, or an abstention with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from gaitlib.estimate.targets import OUTCOME_NAMES, UNITS
from gaitlib.gait import MUSCLES, N_PHASE

_STEP_TIME = OUTCOME_NAMES.index("step_time_s")


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
    activation : xarray.Dataset or None
        activation, lower, upper (muscle, phase), 0-1: muscles as `gaitlib.gait.MUSCLES`, phase in percent of
        the stride from the initial contact of the muscle's own leg. None where the method gives none.
    """

    status: str = "ok"
    values: dict[str, Value] = field(default_factory=dict)
    activation: xr.Dataset | None = field(default=None, compare=False)

    @property
    def ok(self) -> bool:
        """Whether there are values."""
        return self.status == "ok"

    def to_dict(self, with_activation: bool = False) -> dict:
        """Turn into plain values for JSON."""

        def plain(number: float) -> float | None:
            return float(number) if np.isfinite(number) else None

        answer: dict = {"status": self.status}
        for name, item in self.values.items():
            answer[name] = {end: plain(getattr(item, end)) for end in ("value", "lower", "upper")}
            answer[name]["unit"] = item.unit
        if with_activation and self.activation is not None:
            curves = self.activation
            ends = {"value": "activation", "lower": "lower", "upper": "upper"}
            answer["activation"] = {"phase_percent": curves["phase"].values.tolist()} | {
                str(muscle): {
                    end: [plain(round(float(v), 4)) for v in curves[name].sel(muscle=muscle).values]
                    for end, name in ends.items()
                }
                for muscle in curves["muscle"].values
            }
        return answer


def build_estimate(
    values: np.ndarray, lower: np.ndarray | None = None, upper: np.ndarray | None = None, activation=None
) -> Estimate:
    """Put an estimate together; the cadence follows from the step time."""
    nothing = np.full(len(OUTCOME_NAMES), np.nan)
    rows = np.array([values, nothing if lower is None else lower, nothing if upper is None else upper])
    found = dict(zip(OUTCOME_NAMES, rows.T, strict=True))
    step_time, shortest, longest = rows[:, _STEP_TIME]
    found["cadence_spm"] = np.array([60 / step_time, 60 / longest, 60 / shortest])
    return Estimate(
        "ok", {name: Value(*(float(v) for v in row), UNITS[name]) for name, row in found.items()}, activation
    )


def build_activation(curves: np.ndarray, half_width: np.ndarray) -> xr.Dataset:
    """Label curves of muscle activity."""
    half = np.broadcast_to(half_width, curves.shape)
    ends = {
        "activation": curves,
        "lower": np.maximum(curves - half, 0),
        "upper": np.minimum(curves + half, 1),
    }
    data = {name: (("muscle", "phase"), value.reshape(-1, N_PHASE)) for name, value in ends.items()}
    phase = ("phase", np.linspace(0.0, 100.0, N_PHASE), {"units": "% of the stride of the muscle's own leg"})
    return xr.Dataset(data, coords={"muscle": list(MUSCLES), "phase": phase})


def build_abstention(reason: str) -> Estimate:
    """Put an abstention together."""
    return Estimate(reason or "no estimate")
