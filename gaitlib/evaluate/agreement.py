"""Agreement between estimate and reference, the person being the unit, with intervals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from gaitlib.evaluate.analytic import compute_analytic_intervals, compute_jackknife_z
from gaitlib.evaluate.bland_altman import Z95
from gaitlib.evaluate.bootstrap import compute_bca_interval, compute_jackknife, draw_person_weights
from gaitlib.evaluate.inputs import check_agreement_table
from gaitlib.evaluate.person_means import (
    FEATURES,
    FEW_PEOPLE,
    MIN_PEOPLE,
    PersonFeatures,
    average_within_people,
)
from gaitlib.evaluate.reliability import compute_ccc


class Statistic(NamedTuple):
    """Name of a statistic, whether it carries the outcome's unit, and which interval is printed.

    interval: "bca"; "upper" (or "lower"), BCa with that end the farther of BCa and normal theory;
    "jackknife", the wider of BCa and a jackknife over people on Fisher's z scale.
    """

    label: str
    has_unit: bool
    interval: str
    meaning: str


STATISTICS = {
    "bias": Statistic("Bias", True, "bca", "mean error, estimate less reference"),
    "mae": Statistic("MAE", True, "bca", "mean absolute error of one walk"),
    "rmse": Statistic("RMSE", True, "upper", "root mean square error of one walk"),
    "r": Statistic("r", False, "bca", "Pearson correlation; blind to bias and scale"),
    "icc_2_1": Statistic("ICC(2,1)", False, "jackknife", "intraclass correlation, absolute agreement"),
    "icc_3_1": Statistic("ICC(3,1)", False, "jackknife", "intraclass correlation, consistency"),
    "ccc": Statistic("CCC", False, "jackknife", "Lin's concordance correlation"),
    "sd": Statistic("SD of error", True, "upper", "standard deviation of the error of one walk"),
    "sd_within": Statistic("SD within", True, "upper", "SD of the error between walks of one person"),
    "loa_lower": Statistic("Lower limit", True, "lower", "lower 95 % limit of agreement"),
    "loa_upper": Statistic("Upper limit", True, "upper", "upper 95 % limit of agreement"),
    "slope_mean": Statistic("Slope on mean", False, "bca", "change of error per unit of mean"),
    "slope_reference": Statistic("Slope on reference", False, "bca", "change of error per unit of truth"),
    "mdc95": Statistic("MDC95", True, "upper", "change that one new walk must show, all error counted"),
    "mdc95_within": Statistic(
        "MDC95 within", True, "upper", "the same, a person's constant error cancelling"
    ),
}
"""Every statistic of `compute_agreement`, in order."""

_NEEDS_REFERENCE = ("r", "icc_2_1", "icc_3_1", "ccc", "slope_mean", "slope_reference")
_MIN_REPEATED = 3


def evaluate_statistics(average: np.ndarray, n_people: int) -> np.ndarray:
    """Evaluate every statistic from averages of person features; shape (..., statistics)."""
    f = dict(zip(FEATURES, np.moveaxis(average, -1, 0), strict=True))
    unbias = n_people / (n_people - 1)
    with np.errstate(all="ignore"):
        var_x = unbias * np.maximum(f["xx"] - f["x"] ** 2, 0)
        var_y = unbias * np.maximum(f["yy"] - f["y"] ** 2, 0)
        cov = unbias * (f["xy"] - f["x"] * f["y"])
        bias = f["y"] - f["x"]
        var_error = np.maximum(var_x + var_y - 2 * cov, 0)
        within = np.where(f["extra"] > 0, f["within"] / f["extra"], np.nan)
        sd = np.sqrt(
            np.maximum(unbias * (f["ee"] - bias**2), 0)
            + (1 - f["inverse"]) * np.where(f["extra"] > 0, within, 0)
        )
        # the ratio of zero to zero is kept out: rounding of constant columns must not look like a correlation
        tiny = 1e-12 * (var_x + var_y)
        found = {
            "bias": bias,
            "mae": f["abs"],
            "rmse": np.sqrt(np.maximum(f["xx"] + f["yy"] - 2 * f["xy"], 0)),
            "r": np.where(
                (var_x > tiny) & (var_y > tiny), np.clip(cov / np.sqrt(var_x * var_y), -1, 1), np.nan
            ),
            "icc_2_1": 2 * cov / (var_x + var_y + bias**2 - var_error / n_people),
            "icc_3_1": 2 * cov / (var_x + var_y),
            "ccc": 2 * cov / (var_x + var_y + unbias * bias**2),
            "sd": sd,
            "sd_within": np.sqrt(within),
            "loa_lower": bias - Z95 * sd,
            "loa_upper": bias + Z95 * sd,
            "slope_mean": 2 * (var_y - var_x) / (var_x + var_y + 2 * cov),
            "slope_reference": np.where(var_x > tiny, cov / var_x - 1, np.nan),
            "mdc95": Z95 * np.sqrt(2) * sd,
            "mdc95_within": Z95 * np.sqrt(2) * np.sqrt(within),
        }
    return np.stack([found[name] for name in STATISTICS], axis=-1)


def compute_agreement(
    reference, estimate, person, rng: np.random.Generator, n_resamples: int = 2000, level: float = 0.95
) -> pd.DataFrame:
    """Compute every statistic of agreement with its intervals.

    1. Walks are averaged inside each person (errors, squares, products), people count equally.
    2. Statistics are functions of those averages; with one walk each they are the textbook ones.
    3. People are resampled; BCa with a small-sample correction (`compute_bca_interval`).
    4. Measured at 12 and 45 people, BCa holds 95 % for means, r and slopes. For a spread (RMSE, SD, limits,
       MDC) its outer end is too near (at 12 people 7-10 % of truths lie beyond it, not 2.5 %), while the
       inner end of normal theory is too far out when tails are heavy (5-8 %): printed are the inner end of
       BCa and the farther outer end. For ICC and CCC (93 % at 12 people) the wider of BCa and a jackknife on
       Fisher's z. Below `FEW_PEOPLE` people the widest of all.
    5. Constant reference: correlations are NaN with the reason, never an error.

    Shrout & Fleiss 1979, doi 10.1037/0033-2909.86.2.420; Lin 1989, doi 10.2307/2532051; Zou 2013,
    doi 10.1177/0962280211402548; Weir 2005 (MDC), doi 10.1519/15184.1.
    """
    features = average_within_people(reference, estimate, person)
    values, n = features.values, len(features.people)
    point = evaluate_statistics(values.mean(axis=0), n)
    replicates = evaluate_statistics(draw_person_weights(n, n_resamples, rng) @ values, n)
    left_out = compute_jackknife(values, evaluate_statistics)
    bca_lower, bca_upper, undefined = compute_bca_interval(
        replicates, point, _average_finite(left_out) - left_out, n - 1, level
    )
    analytic = compute_analytic_intervals(features, level)
    ends = np.array([analytic.get(name, (np.nan, np.nan)) for name in STATISTICS])
    chosen = []
    for place, item in enumerate(STATISTICS.values()):
        both = [(bca_lower[place], bca_upper[place]), tuple(ends[place])]
        jackknife = (np.nan, np.nan)
        if item.interval == "jackknife":
            jackknife = compute_jackknife_z(point[place], left_out[:, place], level)
        chosen.append(_choose_interval(item.interval, *both, jackknife, n < FEW_PEOPLE))
    lower, upper, wording = zip(*chosen, strict=True)
    numbers = {
        "value": point,
        "lower": np.array(lower),
        "upper": np.array(upper),
        "bca_lower": bca_lower,
        "bca_upper": bca_upper,
        "analytic_lower": ends[:, 0],
        "analytic_upper": ends[:, 1],
    }
    notes = _write_notes(n, undefined)
    for name, reason in _find_undefined(features).items():
        place = list(STATISTICS).index(name)
        notes[place] = reason
        for column in numbers.values():
            column[place] = np.nan
    table = pd.DataFrame(
        {name: column + 0.0 for name, column in numbers.items()},  # a covariance of -0 prints as 0
        index=pd.Index(list(STATISTICS), name="statistic"),
    )
    table.insert(3, "interval", wording)
    table["note"] = notes
    table.attrs.update(n_people=n, n_walks=int(features.n_walks.sum()), level=level)
    return table


def list_statistics(tidy: pd.DataFrame, seed: int, n_resamples: int) -> pd.DataFrame:
    """List every statistic with every interval of every group, for a file beside the book."""
    table = check_agreement_table(tidy)
    keys = ["origin", "dataset", "subgroup", "view", "outcome", "method"]
    parts = []
    for names, group in table[table["status"] == "ok"].groupby(keys, sort=True):
        if group["person"].nunique() < MIN_PEOPLE:
            continue
        found = compute_agreement(
            group["reference"], group["estimate"], group["person"], np.random.default_rng(seed), n_resamples
        )
        head = dict(zip(keys, names, strict=True)) | {n: found.attrs[n] for n in ("n_people", "n_walks")}
        parts.append(found.reset_index().assign(**head)[[*head, *found.reset_index().columns]])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=keys)


def summarise_predictions(table: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """Summarise published predictions (`<name>_predicted`) beside the truth; rows are not people."""
    rows = []
    for name in names:
        truth, found = table[[name, f"{name}_predicted"]].dropna().to_numpy(dtype=float).T
        rows.append(
            {
                "name": name, "n_rows": len(truth), "mae": np.abs(found - truth).mean(),
                "mae_of_mean": np.abs(truth - truth.mean()).mean(), "bias": (found - truth).mean(),
                "r": np.corrcoef(truth, found)[0, 1], "ccc": compute_ccc(truth, found).value,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _choose_interval(kind: str, bca, analytic, jackknife, few: bool) -> tuple[float, float, str]:
    """Choose the printed ends as `compute_agreement` explains, and name the choice."""
    if few:
        ends = np.array([bca, analytic, jackknife])
        return np.fmin.reduce(ends[:, 0]), np.fmax.reduce(ends[:, 1]), "widest of all"
    if kind == "jackknife":
        return np.fmin(bca[0], jackknife[0]), np.fmax(bca[1], jackknife[1]), "wider of bca and jackknife"
    if kind == "upper":
        return bca[0], np.fmax(bca[1], analytic[1]), "bca, upper end not inside analytic"
    if kind == "lower":
        return np.fmin(bca[0], analytic[0]), bca[1], "bca, lower end not inside analytic"
    return *bca, "bca"


def _average_finite(values: np.ndarray) -> np.ndarray:
    usable = np.isfinite(values)
    return np.where(usable, values, 0).sum(axis=0) / np.maximum(usable.sum(axis=0), 1)


def _find_undefined(features: PersonFeatures) -> dict[str, str]:
    """Tell which statistics the data cannot define, and why."""
    y, xx, yy = (features.values[:, FEATURES.index(name)] for name in ("y", "xx", "yy"))
    found = {}
    # x and y are centred on the mean reference, so a constant reference is zero up to rounding
    noise = (1e-10 * max(abs(features.centre), 1e-12)) ** 2
    if xx.mean() <= noise:
        found = dict.fromkeys(_NEEDS_REFERENCE, "undefined: the reference does not vary")
    elif yy.mean() - y.mean() ** 2 <= max(noise, 1e-12 * yy.mean()):
        found = {"r": "undefined: the estimate does not vary"}
    n_repeated = int(np.sum(features.n_walks > 1))
    if n_repeated < _MIN_REPEATED:
        reason = f"undefined: {n_repeated} people walked more than once"
        found |= {"sd_within": reason, "mdc95_within": reason}
    return found


def _write_notes(n_people: int, undefined: np.ndarray) -> list[str]:
    few = f"few people ({n_people}): interval indicative only" if n_people < FEW_PEOPLE else ""
    weak = [f"undefined in {share:.0%} of resamples" if share > 0.05 else "" for share in undefined]
    return ["; ".join(filter(None, (few, text))) for text in weak]
