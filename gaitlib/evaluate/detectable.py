"""How far estimates are off on real people, and the smallest change of a person that they can tell."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from gaitlib.evaluate.agreement import compute_agreement

_FEWEST, _RESAMPLES, _SEED = 4, 500, 0


def compute_detectable(estimates: pd.DataFrame, in_percent: Collection[str] = ()) -> dict[str, dict]:
    """Outcome -> mean absolute error, minimal detectable change (95 %) and people, where there are enough."""
    found: dict[str, dict] = {}
    for name, rows in estimates.dropna(subset=["reference", "estimate"]).groupby("outcome"):
        if rows["person_id"].nunique() < _FEWEST:
            continue
        factor = 100.0 if name in in_percent else 1.0
        person = rows["dataset"].astype(str) + "/" + rows["person_id"].astype(str)
        pair = (rows[key].to_numpy(dtype=float) * factor for key in ("reference", "estimate"))
        told = compute_agreement(*pair, person.to_numpy(), np.random.default_rng(_SEED), _RESAMPLES)["value"]
        found[str(name)] = {"mae": float(told["mae"]), "detectable": float(told["mdc95"])}
        found[str(name)]["people"] = int(person.nunique())
    return found


def compare_values(before: Mapping[str, float], now: Mapping[str, tuple]) -> list[dict]:
    """Change of each value, and whether it is beyond the error; `now`: value, unit, detectable or None."""
    rows = []
    for name in (name for name in now if name in before):
        value, unit, detectable = now[name]
        row = {"outcome": name, "before": before[name], "now": value, "change": value - before[name]}
        row |= {"unit": unit, "detectable": detectable}
        rows.append(
            row | {"beyond_error": None if detectable is None else bool(abs(row["change"]) > detectable)}
        )
    return rows
