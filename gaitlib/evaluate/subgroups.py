"""Differences between subgroups in mean absolute error: gaps to the best group, Holm's correction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from gaitlib.errors import InputError
from gaitlib.evaluate.bootstrap import compute_mean_interval
from gaitlib.evaluate.inputs import check_agreement_table, check_columns, count_walks
from gaitlib.evaluate.person_means import FEW_PEOPLE, MIN_PEOPLE


def adjust_holm(p_values) -> np.ndarray:
    """Adjust p values by Holm's step-down method (1979, Scand J Stat 6:65); missing ones stay missing."""
    from statsmodels.stats.multitest import multipletests

    p = np.asarray(p_values, dtype=float)
    adjusted, made = np.full(p.shape, np.nan), np.isfinite(p)
    if made.any():
        adjusted[made] = multipletests(p[made], method="holm")[1]
    return adjusted


def compute_subgroup_gaps(
    tidy: pd.DataFrame,
    rng: np.random.Generator,
    against: str = "best",
    by: Sequence[str] = ("origin", "outcome", "method", "view"),
    level: float = 0.95,
    n_resamples: int = 2000,
) -> pd.DataFrame:
    """Gaps to the best subgroup, which the same data pick: a little too large (winner's curse)."""
    table = check_agreement_table(tidy)
    by = [name for name in check_columns(table, by, ("origin", "outcome")) if name != "subgroup"]
    if against != "best" and against not in set(table["subgroup"]):
        raise InputError(
            f"against: subgroup {against!r} not found; there are {', '.join(sorted(set(table['subgroup'])))}."
        )
    rows = []
    for key, family in table.groupby(by, sort=True, dropna=False):
        head = dict(zip(by, key, strict=True))
        ok = family[family["status"] == "ok"]
        ok = ok.assign(error=(ok["estimate"] - ok["reference"]).abs())
        means = ok.groupby(["subgroup", "person"])["error"].mean().groupby(level=0)
        people = {name: part.to_numpy() for name, part in means}
        rows += [head | row for row in _compare_family(family, ok, people, against, rng, level, n_resamples)]
    columns = "subgroup n_people n_walks value compared_with gap lower upper bca_lower bca_upper p p_holm"
    return pd.DataFrame(rows, columns=[*by, *columns.split(), "is_worst", "note"])


def _compare_family(family, ok, people, against, rng, level, n_resamples) -> list[dict]:
    enough = {name: values for name, values in people.items() if len(values) >= MIN_PEOPLE}

    def badness(name: str) -> float:
        return abs(float(enough[name].mean()))

    best = against if against in enough else None
    if against == "best" and enough:
        solid = [name for name, values in enough.items() if len(values) >= FEW_PEOPLE]
        best = min(solid or enough, key=badness)
    worst = max(enough, key=badness) if len(enough) > 1 else None
    rows = []
    for name in sorted(set(family["subgroup"])):
        values = people.get(name, np.array([]))
        row = {"subgroup": name, "n_people": len(values), "n_walks": count_walks(ok[ok["subgroup"] == name])}
        row |= {"value": float(values.mean()) if len(values) else np.nan, "compared_with": best or ""}
        row |= {"is_worst": name == worst, "note": ""}
        if name not in enough:
            row["note"] = f"not compared: {len(values)} people, {MIN_PEOPLE} needed"
        elif best is None:
            row["note"] = f"not compared: {against!r} has too few people"
        elif name != best:
            row.update(_compare_two(values, enough[best], rng, level, n_resamples))
        if name in enough and len(values) < FEW_PEOPLE:
            row["note"] = "; ".join(filter(None, (row["note"], f"few people ({len(values)})")))
        rows.append(row)
    for row, p in zip(rows, adjust_holm([row.get("p", np.nan) for row in rows]), strict=True):
        row["p_holm"] = p
    return rows


def _compare_two(a: np.ndarray, b: np.ndarray, rng, level: float, n_resamples: int) -> dict[str, float]:
    gap = float(a.mean() - b.mean())
    low, high = compute_mean_interval([a, b], rng, n_resamples, level)
    found = {"gap": gap, "bca_lower": low, "bca_upper": high}
    if a.std() == 0 and b.std() == 0:
        return found | {"lower": gap, "upper": gap, "p": 0.0 if gap else 1.0}
    test = stats.ttest_ind(a, b, equal_var=False)
    interval = test.confidence_interval(level)
    return found | {"lower": float(interval.low), "upper": float(interval.high), "p": float(test.pvalue)}
