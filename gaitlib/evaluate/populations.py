"""Simulated people beside a measured population: percentiles and rank correlations of features of gait."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.errors import InputError

FRAME_DEG = 10.0
"""Anterior tilt of a laboratory's pelvis where the model's is level (healthy adults of two sets).

It turns pelvis and hip alike and was not fitted to any simulation."""
_CONTACT_SHARE = 0.03
PERCENTILES = (5, 50, 95)
TOLERANCE_DEG, TOLERANCE_SHARE = 5.0, 0.15
"""A percentile agrees within the first (angles, percent of the stride) or the second (all)."""


def measure_features(gaits: xr.Dataset, mass_kg: np.ndarray) -> pd.DataFrame:
    """Features of gaits (one a row) as the population tables name them, mean of both sides."""
    angle = {
        str(name): np.degrees(gaits["position"].sel(coordinate=name).values[:, :-1])
        for name in gaits["coordinate"].values
        if not str(name).startswith("pelvis_t") or name == "pelvis_tilt"
    }
    weight = np.asarray(mass_kg, dtype=float)[:, None] * 9.80665
    step_time = gaits["stride_time_s"].values / 2
    tilt = FRAME_DEG - angle["pelvis_tilt"]
    sides = []
    for side in "rl":
        stance = gaits["ground_force"].sel(foot=side, axis="y").values[:, :-1] > _CONTACT_SHARE * weight
        contact = np.argmax(stance & ~np.roll(stance, 1, axis=1), axis=1)
        hip = angle[f"hip_flexion_{side}"] + FRAME_DEG
        knee, ankle = angle[f"knee_angle_{side}"], angle[f"ankle_angle_{side}"]
        first = np.arange(len(contact)), contact
        sides.append(
            {
                "foot_off_percent": 100 * stance.mean(axis=1),
                "hip_flexion_min_deg": hip.min(axis=1),
                "hip_flexion_max_deg": hip.max(axis=1),
                "hip_range_deg": np.ptp(hip, axis=1),
                "knee_flexion_contact_deg": knee[first],
                "knee_flexion_min_stance_deg": np.where(stance, knee, np.inf).min(axis=1),
                "knee_flexion_max_swing_deg": np.where(stance, -np.inf, knee).max(axis=1),
                "knee_range_deg": np.ptp(knee, axis=1),
                "ankle_dorsiflexion_contact_deg": ankle[first],
                "ankle_dorsiflexion_max_stance_deg": np.where(stance, ankle, -np.inf).max(axis=1),
                "ankle_dorsiflexion_min_deg": ankle.min(axis=1),
                "ankle_range_deg": np.ptp(ankle, axis=1),
            }
        )
    whole = {
        "speed_mps": gaits["speed_mps"].values,
        "step_length_m": gaits["speed_mps"].values * step_time,
        "step_time_s": step_time,
        "pelvis_anterior_tilt_mean_deg": tilt.mean(axis=1),
        "pelvis_tilt_range_deg": np.ptp(tilt, axis=1),
    }
    both = {name: (sides[0][name] + sides[1][name]) / 2 for name in sides[0]}
    return pd.DataFrame(whole | both, index=gaits["gait"].values if "gait" in gaits.coords else None)


def read_targets(folder: Path, cohort: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Percentiles of a population and its rank correlations, indexed by feature."""
    paths = [Path(folder) / f"{cohort}{end}.csv" for end in ("", "_rank_correlation")]
    for path in paths:
        if not path.is_file():
            raise InputError(
                f"{path.name}: found no such file in {Path(folder).name}, expected data/targets."
            )
    percentiles, ranks = (pd.read_csv(path).set_index("feature") for path in paths)
    return percentiles, ranks


def compare_percentiles(features: pd.DataFrame, targets: pd.DataFrame) -> pd.DataFrame:
    """Percentiles of simulated people beside the population's; one row per feature and percentile."""
    rows = []
    for name, target in targets.iterrows():
        values = features[name].dropna()
        for percentile in PERCENTILES:
            people = float(target[f"p{percentile:02d}"])
            found = float(np.percentile(values, percentile))
            degrees = TOLERANCE_DEG if str(name).endswith(("_deg", "_percent")) else 0.0
            allowed = max(degrees, TOLERANCE_SHARE * abs(people))
            row = {"feature": name, "percentile": percentile, "people": people, "simulated": found}
            row |= {"difference": found - people, "agrees": abs(found - people) <= allowed}
            rows.append(row | {"n_people": int(target["n_people"]), "n_simulated": len(values)})
    return pd.DataFrame(rows)


def compare_ranks(features: pd.DataFrame, ranks: pd.DataFrame) -> pd.DataFrame:
    """Rank correlations of simulated people beside the population's; one row per pair of features."""
    names = list(ranks.index)
    own = features[names].corr("spearman")
    pairs = np.triu_indices(len(names), 1)
    found = {end: [names[i] for i in places] for end, places in zip(("first", "second"), pairs, strict=True)}
    both = {"people": ranks.loc[names, names], "simulated": own}
    return pd.DataFrame(found | {name: table.to_numpy()[pairs] for name, table in both.items()})
