"""Equivalence and non-inferiority against margins declared beforehand, paired by person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from gaitlib.errors import InputError
from gaitlib.evaluate.bootstrap import compute_mean_interval
from gaitlib.evaluate.inputs import check_agreement_table, check_columns, read_margins
from gaitlib.evaluate.person_means import FEW_PEOPLE, MIN_PEOPLE
from gaitlib.evaluate.subgroups import adjust_holm

DEFAULT_BY = ("origin", "subgroup", "outcome", "view")


class Tost(NamedTuple):
    """Two one-sided t tests of a mean difference: larger `p` of both, interval of level 1 - 2 alpha."""

    mean: float
    t_lower: float
    p_lower: float
    t_upper: float
    p_upper: float
    p: float
    lower: float
    upper: float
    equivalent: bool


def compute_tost(differences, lower: float, upper: float, alpha: float = 0.05) -> Tost:
    """Test whether a mean difference is inside a region (Schuirmann 1987, doi 10.1007/BF01068419)."""
    from statsmodels.stats.weightstats import DescrStatsW

    differences = np.asarray(differences, dtype=float)
    if differences.ndim != 1 or not np.isfinite(differences).all():
        raise InputError(f"differences: shape {differences.shape}, expected one finite value per person.")
    if differences.size < MIN_PEOPLE:
        raise InputError(f"differences: {differences.size} people, expected at least {MIN_PEOPLE}.")
    if not lower < upper:
        raise InputError(f"bounds: found lower {lower}, upper {upper}, expected lower < upper.")
    people = DescrStatsW(differences)
    with np.errstate(divide="ignore", invalid="ignore"):  # all alike: no spread to divide by
        p, (t_lower, p_lower, _), (t_upper, p_upper, _) = people.ttost_mean(lower, upper)
    ends = people.tconfint_mean(2 * alpha)
    found = (people.mean, t_lower, p_lower, t_upper, p_upper, p, *ends)
    return Tost(*(float(value) for value in found), bool(p < alpha))


def compare_methods(
    tidy: pd.DataFrame,
    new: str,
    standard: str,
    margins: Mapping,
    rng: np.random.Generator,
    by: Sequence[str] = DEFAULT_BY,
    alpha: float = 0.05,
    n_resamples: int = 2000,
) -> pd.DataFrame:
    """Compare the absolute errors of two methods on the same walks, paired by person.

    1. Only walks (and views) on which both methods gave an estimate count; absolute errors are differenced
       there.
    2. Differences are averaged inside each person; the test is a one-sample test over people.
    3. "better" (or "worse") means the interval lies below (above) zero, "within the margin" that the
       difference is equivalent by the margin all the same; both take precedence over "equivalent".
    """
    table = check_agreement_table(tidy)
    by = check_columns(table, [name for name in by if name != "method"], ("origin", "outcome"))
    margins = read_margins(margins)
    for name in (new, standard):
        if name not in set(table["method"]):
            raise InputError(
                f"method {name!r} not in the table; found {', '.join(sorted(set(table['method'])))}."
            )
    table = table[table["method"].isin([new, standard])]
    rows = []
    for key, group in table.groupby(by, sort=True, dropna=False):
        row = dict(zip(by, key, strict=True)) | {"new": new, "standard": standard}
        paired, counts = pair_errors(group, new, standard)
        row.update(counts)
        margin = margins.get(row["outcome"])
        row.update(margin=margin.value if margin else np.nan, margin_source=margin.source if margin else "")
        row["note"] = _get_reason(len(paired), margin, "people with both methods")
        row["verdict"] = "not compared"
        if len(paired) >= MIN_PEOPLE:
            difference = (paired["new"] - paired["standard"]).to_numpy()
            low, high = compute_mean_interval([difference], rng, n_resamples, 1 - 2 * alpha)
            bound = margin.value if margin else np.nan
            test = compute_tost(difference, *((-bound, bound) if margin else (-1.0, 1.0)), alpha)
            row.update(
                mae_new=float(paired["new"].mean()), mae_standard=float(paired["standard"].mean()),
                difference=test.mean, lower=test.lower, upper=test.upper, bca_lower=low, bca_upper=high,
            )  # fmt: skip
            if margin:
                row.update(p_noninferior=test.p_upper, p_equivalent=test.p)
            row["verdict"] = _judge(test, bound)
        rows.append(row)
    columns = (
        "new standard n_people n_walks n_people_unpaired n_abstained_new n_abstained_standard mae_new "
        "mae_standard difference lower upper bca_lower bca_upper margin margin_source p_noninferior "
        "p_equivalent verdict note"
    )
    result = pd.DataFrame(rows, columns=[*by, *columns.split()])
    place = result.columns.get_loc("verdict")
    result.insert(place, "p_noninferior_holm", adjust_holm(result["p_noninferior"]))
    return result


def pair_errors(group: pd.DataFrame, new: str, standard: str) -> tuple[pd.DataFrame, dict[str, int]]:
    """Give person means of both absolute errors on walks where both exist, and what was left out."""
    ok = group[group["status"] == "ok"].copy()
    ok["error"] = (ok["estimate"] - ok["reference"]).abs()
    wide = ok.pivot_table(
        index=["person", "walk_id", "view"], columns="method", values="error", aggfunc="mean"
    )
    wide = wide.reindex(columns=[new, standard]).dropna()
    people = wide.groupby(level="person").mean()
    people.columns = ["new", "standard"]
    failed = group[group["status"] != "ok"]["method"].value_counts()
    return people, {
        "n_people": len(people),
        "n_walks": int(len(wide.reset_index()[["person", "walk_id"]].drop_duplicates())),
        "n_people_unpaired": int(group["person"].nunique() - len(people)),
        "n_abstained_new": int(failed.get(new, 0)),
        "n_abstained_standard": int(failed.get(standard, 0)),
    }


def _judge(test: Tost, margin: float) -> str:
    if test.upper < 0:
        return "better, within the margin" if np.isfinite(margin) and test.equivalent else "better"
    if not np.isfinite(margin):
        return "no margin declared"
    if test.lower > 0:
        beyond = " by more than the margin" if test.lower > margin else ""
        return "worse, within the margin" if test.equivalent else f"worse{beyond}"
    if test.equivalent:
        return "equivalent"
    return "non-inferior" if test.upper < margin else "inconclusive"


def _get_reason(n: int, margin, what: str = "people") -> str:
    reasons = []
    if n < MIN_PEOPLE:
        reasons.append(f"too few {what}: {n}, {MIN_PEOPLE} needed")
    elif n < FEW_PEOPLE:
        reasons.append(f"few people ({n})")
    if not margin:
        reasons.append("no margin declared for this outcome")
    return "; ".join(reasons)
