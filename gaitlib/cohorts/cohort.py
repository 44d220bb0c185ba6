"""The cohort file: variables with unit, range, shape and source; correlations; patterns of impairment."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from gaitlib.errors import InputError
from gaitlib.schema import Section, check_values, read_yaml

COHORTS = (
    "healthy_child",
    "healthy_adult",
    "older_adult",
    "cerebral_palsy",
    "parkinsons",
    "dementia",
    "stroke",
)
"""Names of the cohorts that come with the package."""

VARIABLES = {
    "age_years": "years",
    "height_z": "SD of healthy people",
    "bmi_z": "SD of healthy people",
    "severity": "0 (mildest) to 1 (severest)",
    "speed_share": "share of the comfortable speed of healthy people of that age and sex",
    "pace": "share of the own comfortable speed",
    "stride_time_share": "share of the stride time by dynamic similarity",
    "stride_time_cv": "SD / mean",
    "stride_length_cv": "SD / mean",
}
"""What every person of a cohort has, with its unit."""

PARTS = {
    "weakness": ("share of maximal isometric force left", 0.1, 1.0),
    "contracture": ("share of optimal fibre length left", 0.7, 1.0),
    "spasticity": ("gain of the stretch reflex", 0.0, 3.0),
    "limit": ("deg of motion lost by contracture; below 0 gained", -25.0, 80.0),
    "tone": ("least activation", 0.0, 0.5),
    "rigidity": ("0 (none) to 1", 0.0, 1.0),
    "coactivation": ("share of the antagonist's activation", 0.0, 0.5),
    "bradykinesia": ("share of drive lost", 0.0, 0.7),
    "stoop_deg": ("deg of forward trunk lean", 0.0, 40.0),
    "balance_margin": ("0 (none) to 1", 0.0, 1.0),
    "tilt_deg": ("deg of anterior pelvic tilt beyond the healthy", -15.0, 30.0),
    "anteversion_deg": ("deg of femoral anteversion beyond the healthy", -20.0, 40.0),
}
"""Parts of an impairment with unit and range, as in `gaitlib.person.Impairment`."""

GROUPED_PARTS = ("weakness", "contracture", "spasticity", "limit", "tone")
"""Parts that are given per muscle group: `contracture.hamstrings`."""


class ByAge(Section):
    """A mean that changes with age, linear between the knots."""

    age_years: tuple[float, ...] = Field(min_length=2)
    value: tuple[float, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _check_knots(self) -> ByAge:
        if len(self.age_years) != len(self.value) or list(self.age_years) != sorted(set(self.age_years)):
            raise ValueError("age_years must rise and have as many entries as value")
        return self


class Variable(Section):
    """One distribution: uniform, or normal or lognormal cut off at the range."""

    unit: str = Field(min_length=1)
    shape: Literal["uniform", "normal", "lognormal"]
    low: float
    high: float
    mean: float | ByAge | None = None
    sd: float | None = Field(default=None, gt=0)
    source: str = Field(min_length=12)

    @model_validator(mode="after")
    def _check_shape(self) -> Variable:
        if not self.low < self.high:
            raise ValueError(f"low {self.low:g} is not below high {self.high:g}")
        if self.shape == "uniform":
            if self.mean is not None or self.sd is not None:
                raise ValueError("a uniform variable has neither mean nor sd")
            return self
        if self.mean is None or self.sd is None:
            raise ValueError(f"a {self.shape} variable needs mean and sd")
        means = self.mean.value if isinstance(self.mean, ByAge) else (self.mean,)
        if not all(self.low <= mean <= self.high for mean in means):
            raise ValueError(f"mean {means} lies outside {self.low:g} to {self.high:g}")
        if self.shape == "lognormal" and self.low <= 0:
            raise ValueError("a lognormal variable needs low > 0")
        _check_source(self.source)
        return self

    def compute_quantile(self, u: np.ndarray, age_years: np.ndarray | float = 0.0) -> np.ndarray:
        """Turn uniform numbers into values."""
        from scipy.stats import truncnorm

        if self.shape == "uniform":
            return self.low + np.asarray(u) * (self.high - self.low)
        mean = self.mean
        if isinstance(mean, ByAge):
            mean = np.interp(age_years, mean.age_years, mean.value)
        if self.shape == "normal":
            low, high = (self.low - mean) / self.sd, (self.high - mean) / self.sd
            return mean + self.sd * truncnorm.ppf(u, low, high)
        spread = np.sqrt(np.log1p((self.sd / mean) ** 2))
        centre = np.log(mean) - 0.5 * spread**2
        low, high = (np.log(self.low) - centre) / spread, (np.log(self.high) - centre) / spread
        return np.exp(centre + spread * truncnorm.ppf(u, low, high))


class Correlation(Section):
    """Rank correlation of two variables (Gaussian copula)."""

    between: tuple[str, str]
    value: float = Field(gt=-1, lt=1)
    source: str = Field(min_length=12)


class Effect(Section):
    """One part of the impairment: from `mild` at severity 0 to `severe` at 1, with its own spread (SD)."""

    part: str
    mild: float
    severe: float
    spread: float = Field(ge=0)
    source: str = Field(min_length=12)

    @model_validator(mode="after")
    def _check_part(self) -> Effect:
        kind, _, group = self.part.partition(".")
        if kind not in PARTS or bool(group) != (kind in GROUPED_PARTS):
            raise ValueError(
                f"part '{self.part}' is unknown; expected one of {', '.join(PARTS)}, with '.group' behind "
                f"{', '.join(GROUPED_PARTS)}"
            )
        _, low, high = PARTS[kind]
        if not (low <= self.mild <= high and low <= self.severe <= high):
            raise ValueError(
                f"{self.part}: mild {self.mild:g} or severe {self.severe:g} is outside {low}-{high}"
            )
        _check_source(self.source)
        return self


class Pattern(Section):
    """A group of a cohort that is drawn separately: who has which impairment, on which sides."""

    title: str = Field(min_length=3)
    share: float = Field(gt=0, le=1)
    sides: Literal["both", "one"] = "both"
    medication: Literal["", "on", "off"] = ""
    variables: dict[str, Variable] = Field(default_factory=dict)
    impairment: tuple[Effect, ...] = ()


class Cohort(Section):
    """A documented joint distribution of people and their impairments."""

    name: str
    title: str = Field(min_length=3)
    about: str = Field(min_length=20)
    variables: dict[str, Variable]
    correlations: tuple[Correlation, ...] = ()
    patterns: dict[str, Pattern] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_parts(self) -> Cohort:
        known, found = set(VARIABLES), set(self.variables)
        if known != found:
            raise ValueError(f"variables: missing {sorted(known - found)}, unknown {sorted(found - known)}")
        for name, pattern in self.patterns.items():
            if unknown := set(pattern.variables) - known:
                raise ValueError(f"patterns.{name}.variables: unknown {sorted(unknown)}")
        for item in self.correlations:
            if unknown := set(item.between) - known:
                raise ValueError(f"correlations: unknown {sorted(unknown)}")
        if abs(sum(pattern.share for pattern in self.patterns.values()) - 1) > 1e-9:
            raise ValueError("patterns: shares do not add up to 1")
        if np.linalg.eigvalsh(self.correlation_matrix)[0] < 1e-6:
            raise ValueError("correlations: together they are impossible (matrix not positive definite)")
        return self

    @property
    def correlation_matrix(self) -> np.ndarray:
        """Correlations of the variables, in the order of `VARIABLES`."""
        names, matrix = list(VARIABLES), np.eye(len(VARIABLES))
        for item in self.correlations:
            i, j = (names.index(name) for name in item.between)
            matrix[i, j] = matrix[j, i] = item.value
        return matrix


def _check_source(source: str) -> None:
    if source.startswith("assumption") and len(source) < 25:
        raise ValueError(f"source '{source}': an assumption needs its reason")


@cache
def load_cohort(name: str) -> Cohort:
    """Load a cohort that comes with the package."""
    if name not in COHORTS:
        raise InputError(f"cohort '{name}' is unknown; there are {', '.join(COHORTS)}.")
    return read_cohort(Path(__file__).with_name(f"{name}.yaml"))


def read_cohort(path: str | Path) -> Cohort:
    """Read and check a cohort file."""
    path = Path(path)
    return check_values(Cohort, read_yaml(path, "cohort file"), path.name)
