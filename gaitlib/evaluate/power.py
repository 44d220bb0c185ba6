"""What effect this number of people could have shown."""

from __future__ import annotations

import numpy as np
from scipy import optimize, special

from gaitlib.errors import InputError


def compute_detectable_difference(sd: float, n: int, alpha: float = 0.05, power: float = 0.8) -> float:
    """Compute the smallest mean difference a two-sided paired t test would have found."""
    from statsmodels.stats.power import TTestPower

    _check(sd, n, alpha, power)
    return float(TTestPower().solve_power(nobs=n, alpha=alpha, power=power, alternative="two-sided") * sd)


def compute_provable_margin(sd: float, n: int, alpha: float = 0.05, power: float = 0.8) -> float:
    """Compute the smallest equivalence margin that could have been shown if the true difference were zero."""
    _check(sd, n, alpha, power)
    df = n - 1
    critical = special.stdtrit(df, 1 - alpha)
    # average over the distribution of the sample standard deviation (relative to the true one)
    scale = np.sqrt(special.chdtri(df, (np.arange(2000) + 0.5) / 2000) / df)

    def miss(margin: float) -> float:
        room = np.maximum(margin - critical * scale, 0)
        return float(np.mean(2 * special.ndtr(room) - 1)) - power

    return float(optimize.brentq(miss, 0.0, 10 * (critical + 10)) * sd / np.sqrt(n))


def _check(sd: float, n: int, alpha: float, power: float) -> None:
    if n < 2 or sd < 0 or not 0 < alpha < power < 1:
        raise InputError(
            f"found n {n}, sd {sd}, alpha {alpha}, power {power}; expected n >= 2, sd >= 0 and "
            "0 < alpha < power < 1."
        )
