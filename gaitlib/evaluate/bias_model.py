"""A model of the error over subgroup, speed, age and view, with a random person effect."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from gaitlib.errors import InputError
from gaitlib.evaluate.inputs import check_agreement_table, count_walks
from gaitlib.evaluate.person_means import MIN_PEOPLE

MIXED = "mixed model, random person effect"
CLUSTERED = "linear model, errors clustered by person"
SINGLE = "linear model, HC3 errors"
_WARNED = "the spread between people is hardly told apart from that between walks"
"""What the warnings of a mixed model that was fitted come to: its variance lies near the edge, zero."""


class BiasModel(NamedTuple):
    """A fitted model of the error (estimate - reference)."""

    effects: pd.DataFrame  # index: terms; columns estimate, standard_error, lower, upper, p
    # `MIXED`; `CLUSTERED` when the variance between people is estimated as zero; `SINGLE` when nobody walked
    # twice
    kind: str
    # standard deviations in the unit of the outcome; sd_person is 0 or NaN in the two linear models
    sd_person: float
    sd_residual: float
    n_people: int
    n_walks: int
    # of the residuals: skewness, excess_kurtosis, shapiro_p, spread_correlation (Spearman, of their size with
    # the fitted value) and spread_p
    diagnostics: dict
    notes: list  # what the reader must know: rows left out, warnings of the fit
    # one row per estimate: person, fitted, residual (what neither terms nor person explain)
    residuals: pd.DataFrame
    # index: people; the predicted random effect of each; empty in the two linear models
    person_effects: pd.Series


def fit_bias_model(tidy: pd.DataFrame, formula: str = "C(subgroup)", level: float = 0.95) -> BiasModel:
    """Fit the error of one outcome and method on subgroup, speed, age, view with a random person effect.

    Intervals and p values use Student's t with people less terms as degrees of freedom, not the normal
    distribution of the software: with 12 people the latter is too sure of itself.
    """
    import statsmodels.formula.api as smf

    table = check_agreement_table(tidy)
    for name in ("outcome", "method", "origin"):
        if table[name].nunique() != 1:
            found = ", ".join(sorted(set(table[name])))
            raise InputError(f"{name}: found {found or 'nothing'}; the model needs rows of exactly one.")
    data = table[table["status"] == "ok"].copy()
    data["error"] = data["estimate"] - data["reference"]
    try:
        plain = smf.ols(f"error ~ {formula}", data)
    except Exception as error:  # each formula parser raises its own kinds
        raise InputError(f"formula {formula!r} does not fit the columns: {error}") from error
    used = data.loc[plain.data.row_labels]
    notes = [f"{len(data) - len(used)} rows without a covariate left out"] if len(used) < len(data) else []
    n_people = used["person"].nunique()
    names = list(plain.exog_names)
    if n_people < max(MIN_PEOPLE, len(names) + 1):
        raise InputError(
            f"person_id: {n_people} people with an estimate and all covariates; {len(names)} terms need "
            f"at least {max(MIN_PEOPLE, len(names) + 1)}."
        )
    if np.linalg.matrix_rank(plain.exog) < len(names):
        raise InputError(
            f"formula {formula!r}: its terms cannot be told apart on these people; leave one out."
        )
    kind, fit = SINGLE, None
    if len(used) > n_people:
        fit, warned = fit_mixed(smf.mixedlm(f"error ~ {formula}", used, groups=used["person"]))
        kind = MIXED if fit is not None else CLUSTERED
        notes += warned
    if kind == SINGLE:
        fit = plain.fit(cov_type="HC3")
    elif kind == CLUSTERED:
        codes = pd.factorize(used["person"])[0]
        fit = plain.fit(cov_type="cluster", cov_kwds={"groups": codes})
        notes.append("no variance between people beyond that between walks")
    sd_person = {SINGLE: float("nan"), CLUSTERED: 0.0}.get(kind)
    if kind == MIXED:
        sd_person = float(np.sqrt(fit.cov_re.iloc[0, 0]))
    effects = _list_effects(fit.params[names], fit.bse[names], n_people - len(names), level)
    residual, fitted = np.asarray(fit.resid), np.asarray(fit.fittedvalues)
    people = pd.Series(dtype=float)
    if kind == MIXED:
        people = pd.Series({name: float(effect.iloc[0]) for name, effect in fit.random_effects.items()})
    return BiasModel(
        effects, kind, sd_person, float(np.sqrt(fit.scale)), n_people, count_walks(used),
        _diagnose(residual, fitted), notes,
        pd.DataFrame({"person": used["person"].to_numpy(), "fitted": fitted, "residual": residual}), people,
    )  # fmt: skip


def fit_mixed(model):
    """Fit by REML with several optimisers; None when the person variance ends at zero."""
    for method in ("lbfgs", "bfgs", "powell"):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                fit = model.fit(reml=True, method=method)
            except np.linalg.LinAlgError:
                continue
        person_variance = float(fit.cov_re.iloc[0, 0])
        if not np.isfinite(fit.bse).all() or person_variance < 1e-6 * fit.scale:
            continue
        if fit.converged:
            uncertain = any(issubclass(item.category, UserWarning) for item in caught)
            return fit, [_WARNED] if uncertain else []
    return None, []


def _list_effects(estimate: pd.Series, error: pd.Series, df: int, level: float) -> pd.DataFrame:
    half, p = stats.t.ppf(0.5 + level / 2, df) * error, 2 * stats.t.sf(np.abs(estimate / error), df)
    ends = {"lower": estimate - half, "upper": estimate + half}
    return pd.DataFrame({"estimate": estimate, "standard_error": error} | ends | {"p": p})


def _diagnose(residual: np.ndarray, fitted: np.ndarray) -> dict[str, float]:
    names = ("skewness", "excess_kurtosis", "shapiro_p", "spread_correlation", "spread_p")
    found = dict.fromkeys(names, float("nan"))
    if np.ptp(residual) < 1e-12:
        return found
    found["skewness"] = float(stats.skew(residual))
    found["excess_kurtosis"] = float(stats.kurtosis(residual))
    found["shapiro_p"] = float(stats.shapiro(residual).pvalue)
    if np.ptp(fitted) > 1e-12:
        test = stats.spearmanr(np.abs(residual), fitted)
        found["spread_correlation"], found["spread_p"] = float(test.statistic), float(test.pvalue)
    return found
