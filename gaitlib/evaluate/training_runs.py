"""Errors of networks that learned from fewer people, or with a part of the method taken away."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from gaitlib.errors import InputError
from gaitlib.evaluate.tables import build_agreement_table

COLUMNS = ("kind", "arm", "n_train", "seed")
"""Beside those of an agreement table: 'efficiency' (the number of people varies) or 'ablation' (a part is
taken away); words for what was trained; real people trained on; seed of the training."""


def summarise_runs(
    runs: pd.DataFrame, margins: Mapping, view: str, rng: np.random.Generator, n_resamples: int
) -> pd.DataFrame:
    """Compute the agreement of each training with real people; trainings of several seeds count as walks."""
    missing = [name for name in COLUMNS if name not in runs]
    if missing:
        raise InputError(
            f"training runs: column(s) {', '.join(missing)} missing; found {', '.join(runs.columns)}. "
            "Make the table with 'python studies/ablate.py'."
        )
    runs = runs[(runs["view"] == view) & (runs["origin"] == "real")]
    runs = runs.assign(
        method=[f"{row.kind}: {row.arm}, {row.n_train}" for row in runs.itertuples()],
        walk_id=runs["walk_id"].astype(str) + "/" + runs["seed"].astype(str),
    )
    by = ("kind", "dataset", "arm", "n_train", "outcome", "method")
    return build_agreement_table(runs, by=by, margins=margins, rng=rng, n_resamples=n_resamples)
