"""Do the 90 % intervals hold the truth, how wide are they, and how often is there no estimate at all?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from gaitlib.errors import InputError
from gaitlib.evaluate.inputs import check_agreement_table, check_columns, count_walks
from gaitlib.evaluate.person_means import FEW_PEOPLE

DEFAULT_BY = ("origin", "subgroup", "outcome", "method", "view")


def compute_wilson_interval(share: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Compute Wilson's interval of a proportion (1927, doi 10.1080/01621459.1927.10502953)."""
    if not 0 <= share <= 1 or n <= 0:
        raise InputError(f"found share {share}, n {n}; expected a share between 0 and 1 of at least one.")
    z2 = stats.norm.ppf(0.5 + level / 2) ** 2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    low = 0.0 if share == 0 else float(centre - half)
    return max(low, 0.0), 1.0 if share == 1 else float(min(centre + half, 1.0))


def compute_clustered_share(hits, person, level: float = 0.95) -> tuple[float, float, float, float]:
    """Compute a share over people with an interval that respects repeated walks."""
    hits = np.asarray(hits, dtype=float)
    if hits.size == 0:
        raise InputError("share: no rows.")
    _, index = np.unique(np.asarray(person), return_inverse=True)
    rows = np.bincount(index)
    shares = np.bincount(index, weights=hits) / rows
    n, share = len(shares), float(shares.mean())
    n_effective = float(n)
    if n > 1 and shares.var() > 0:
        n_effective = float(np.clip(share * (1 - share) / (shares.var(ddof=1) / n), n, hits.size))
    return share, *compute_wilson_interval(share, n_effective, level), n_effective


def compute_interval_coverage(
    tidy: pd.DataFrame, by: Sequence[str] = DEFAULT_BY, nominal: float = 0.90, level: float = 0.95
) -> pd.DataFrame:
    """Compute how often the estimator's intervals hold the reference, and how wide they are."""
    table = check_agreement_table(tidy)
    by = check_columns(table, by, ("origin",))
    rows = []
    for key, group in table.groupby(by, sort=True, dropna=False):
        row = dict(zip(by, key, strict=True))
        ok = group[group["status"] == "ok"]
        given = ok[ok["lower"].notna()]
        row |= {"n_people": given["person"].nunique(), "n_walks": count_walks(given), "nominal": nominal}
        row |= {"n_without_interval": len(ok) - len(given)} | _describe_intervals(given, nominal, level)
        rows.append(row)
    columns = (
        "n_people n_walks n_without_interval nominal coverage lower upper share_below share_above mean_width "
        "median_width relative_width interval_score verdict note"
    )
    return pd.DataFrame(rows, columns=[*by, *columns.split()])


def _describe_intervals(given: pd.DataFrame, nominal: float, level: float) -> dict:
    if given.empty:
        return {"verdict": "no intervals", "note": "not evaluated: no estimate came with an interval"}
    truth, low, high = (given[name].to_numpy() for name in ("reference", "lower", "upper"))
    person = given["person"].to_numpy()

    def mean_over_people(values: np.ndarray) -> float:
        return float(pd.Series(values).groupby(person).mean().mean())

    share, lower, upper, _ = compute_clustered_share((truth >= low) & (truth <= high), person, level)
    miss = 2 / (1 - nominal) * (np.maximum(low - truth, 0) + np.maximum(truth - high, 0))
    n_people = len(set(person))
    verdict = "too narrow" if upper < nominal else "too wide" if lower > nominal else "as promised"
    width, reference = mean_over_people(high - low), mean_over_people(truth)
    few = f"few people ({n_people}): a wide range of coverages agrees with this"
    return {
        "coverage": share, "lower": lower, "upper": upper,
        "share_below": mean_over_people(truth < low), "share_above": mean_over_people(truth > high),
        "mean_width": width, "median_width": float(np.median(high - low)),
        "relative_width": width / reference if reference else np.nan,
        "interval_score": mean_over_people(high - low + miss),
        "verdict": verdict, "note": few if n_people < FEW_PEOPLE else "",
    }  # fmt: skip


def compute_abstention(
    tidy: pd.DataFrame, by: Sequence[str] = DEFAULT_BY, level: float = 0.95
) -> pd.DataFrame:
    """Compute how often no estimate was given, and why."""
    table = check_agreement_table(tidy)
    by = check_columns(table, by, ("origin",))
    rows = []
    for key, group in table.groupby(by, sort=True, dropna=False):
        failed = group["status"] != "ok"
        share, lower, upper, _ = compute_clustered_share(failed, group["person"], level)
        reasons = group.loc[failed, "status"].value_counts()
        why = "; ".join(f"{reason} ({count})" for reason, count in reasons.items())
        counts = group["person"].nunique(), count_walks(group), int((~failed).sum()), int(failed.sum())
        rows.append((*key, *counts, share, lower, upper, why))
    columns = "n_people n_walks n_estimates n_abstained abstained lower upper reasons"
    return pd.DataFrame(rows, columns=[*by, *columns.split()])
