"""How near simulated gaits come to real people, and why they differ where they do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.person import Person
from gaitlib.report import realism_data as data
from gaitlib.report.compare_adults import choose_alike
from gaitlib.report.gait_curves import summarise_measured_curves
from gaitlib.simulate.library import mark_impaired
from gaitlib.workflow import earlier
from gaitlib.workflow.results import Results

ANGLES = "joint angles of healthy adults and of people with Parkinson's disease"
CHILDREN = "angles of children"
SPEED_LAW = "step length over speed of measured adults"
_ABSENT = "not evaluated: the recordings are not here"
_COLUMNS = ["who", "curve", "n_simulated", "n_measured", "rms_deg", "sd_deg", "rms_sd", "offset_deg",
            "range_ratio", "shift_percent", "poor", "reason"]  # fmt: skip
POOR_SD, POOR_CORRELATION, POOR_TIMING = 2.0, 0.5, 10.0
"""A curve is poor beyond two standard deviations between people; an activation below a correlation of 0.5 or
with a timing error of more than 10 % of the stride."""


def compare_curve(simulated: np.ndarray, measured: np.ndarray | data.Band, free_offset: bool = False) -> dict:
    """Compare the mean simulated curve with the mean of measured people."""
    band = measured if isinstance(measured, data.Band) else data.Band.measure(measured)
    own, real = np.nanmean(simulated, axis=0)[:-1], band.mean[:-1]
    offset = float(np.mean(own - real))
    if free_offset:
        own = own - offset
        band = data.Band.measure(measured - _mean(measured))
    sd = float(np.nanmean(band.sd))
    rms = _rms(own - real)
    shift = _find_shift(own, real)
    ratio = float(np.ptp(own) / np.ptp(real))
    centred = own - own.mean()
    without = {
        f"its mean is {offset:+.0f}° off": _rms(centred + real.mean() - real),
        f"its range is {100 * ratio:.0f} % of the measured": _rms(own.mean() + centred / ratio - real),
        f"it is {abs(shift):.0f} % of the stride too {'late' if shift > 0 else 'early'}": _rms(
            np.roll(own, -shift) - real
        ),
    }
    best = min(without, key=without.get)
    reason = best if without[best] < 0.8 * rms else "its shape differs"
    return {
        "rms_deg": rms,
        "sd_deg": sd,
        "rms_sd": rms / sd,
        "offset_deg": offset,
        "range_ratio": ratio,
        "shift_percent": shift,
        "poor": rms / sd > POOR_SD,
        "reason": reason,
    }


def compare_activation(simulated: np.ndarray, measured: np.ndarray) -> dict:
    """Compare the mean activation of a muscle group with the mean EMG envelope."""
    own, real = np.nanmean(simulated, axis=0)[:-1], np.nanmean(measured, axis=0)[:-1]
    correlation = _correlate(own, real)
    shift = _find_shift(own, real)
    best = _correlate(np.roll(own, -shift), real)
    late = "late" if shift > 0 else "early"
    if best < POOR_CORRELATION:
        reason = "its shape differs"
    elif abs(shift) > POOR_TIMING:
        reason = f"it is {abs(shift):.0f} % of the stride too {late}"
    else:
        reason = "it alternates alike"
    return {
        "correlation": correlation,
        "timing_percent": shift,
        "best_correlation": best,
        "poor": bool(correlation < POOR_CORRELATION or abs(shift) > POOR_TIMING),
        "reason": reason,
    }


def compute_realism(
    table: pd.DataFrame, gaits: xr.Dataset, kept: Results, n_adults: int = 10
) -> dict[str, pd.DataFrame]:
    """Hold a library of simulated gaits against everything measured that is in reach."""
    adults = gaits.sel(gait=choose_alike(table, n_gaits=n_adults)["gait_id"].to_list())
    bands = load_bands(kept)
    rows = [{"who": "healthy adults", "reason": _ABSENT}]
    if bands is not None:
        rows = _compare_people("healthy adults", adults, data.choose_bands(bands), data.JOINTS)
    found = earlier.attempt(kept, data.load_children, CHILDREN)
    young = choose_children(table, gaits, found[1]) if found else None
    if found:
        rows += _compare_people("children", young, found[0], data.SEGMENTS)
    else:
        rows.append({"who": "children", "reason": _ABSENT})
    with_disease = table[table["verified"].astype(bool) & (table["cohort"] == "parkinsons")]
    for medication in ("on", "off"):
        who = f"Parkinson's disease, {medication}"
        if with_disease.empty:
            rows.append({"who": who, "reason": "not evaluated: the library holds no such gaits"})
        elif bands is None:
            rows.append({"who": who, "reason": _ABSENT})
        else:
            chosen = gaits.sel(gait=with_disease["gait_id"].to_list())
            rows += _compare_people(
                who, chosen, data.choose_bands(bands, "parkinsons", medication), data.JOINTS
            )
    muscles = []
    for who, chosen, load in (
        ("one measured adult", adults, data.load_adult_emg),
        ("children", young, data.load_children_emg),
    ):
        envelopes = earlier.attempt(kept, load, f"EMG of {who}") if chosen is not None else None
        muscles += _compare_muscles(who, chosen, envelopes) if envelopes else []
    law = earlier.attempt(kept, data.load_speed_law, SPEED_LAW)
    return {
        "angles": pd.DataFrame(rows, columns=_COLUMNS),
        "activations": pd.DataFrame(muscles),
        "speed_law": pd.DataFrame() if law is None else compare_speed_law(table, law),
    }


def load_bands(kept: Results) -> pd.DataFrame | None:
    """Load means and standard deviations of joint angles of real people, those of the earlier run at need."""
    return earlier.obtain(kept, "joint_angle_bands", summarise_measured_curves, ANGLES)


def describe_realism(realism: dict[str, pd.DataFrame]) -> str:
    """Put the comparison into one sentence."""
    angles = realism["angles"].dropna(subset=["rms_sd"])
    far = int(angles["poor"].astype(bool).sum())
    muscles = realism["activations"]
    fair = muscles[~muscles["poor"].astype(bool)] if len(muscles) else muscles
    good = [f"{row.muscle} in {row.who}" for row in fair.itertuples()]
    return (
        f"Against people who were not used to adjust it, {far} of {len(angles)} mean angle curves lie more "
        f"than {POOR_SD:g} standard deviations away; activations rise and fall with EMG in {len(good)} of "
        f"{len(muscles)} comparisons{' (' + ', '.join(good) + ')' if good else ''}."
    )


def choose_children(table: pd.DataFrame, gaits: xr.Dataset, people: pd.DataFrame) -> xr.Dataset:
    """Choose for every real child the simulated one nearest in height and speed."""
    pool = table[
        table["verified"].astype(bool) & (table["cohort"] == "healthy_child") & ~mark_impaired(table)
    ]
    chosen = []
    for child in people.itertuples():
        far = ((pool["height_m"] - child.height_m) / 0.1) ** 2
        far = far + ((pool["speed_mps"] - child.speed_mps) / 0.1) ** 2
        chosen.append(pool.loc[far.idxmin(), "gait_id"])
    return gaits.sel(gait=list(dict.fromkeys(chosen)))


def compare_speed_law(table: pd.DataFrame, law: pd.DataFrame) -> pd.DataFrame:
    """Compare step length at a given speed with the measured law, free of body size."""
    free = collect_adult_steps(table, prescribed=False)
    rows = []
    for group, part in law.groupby("age_group", sort=False):
        exponent, factor = np.polyfit(np.log(part["speed"]), np.log(part["step"]), 1)
        own = free[free["age_years"] > 55] if group == "older" else free[free["age_years"] <= 55]
        row = {"age_group": group, "n_measured": part["person_id"].nunique(), "exponent": exponent}
        row |= {"factor": float(np.exp(factor)), "n_simulated": len(own)}
        if own.empty:
            row |= {"step_error_percent": np.nan, "reason": "not evaluated: all stride times were prescribed"}
        else:
            error = own["step"] / (row["factor"] * own["speed"] ** exponent) - 1
            row |= {"step_error_percent": 100 * float(error.median()), "reason": ""}
        rows.append(row)
    return pd.DataFrame(rows)


def collect_adult_steps(table: pd.DataFrame, prescribed: bool) -> pd.DataFrame:
    """Collect speed and step length of full-strength adults, free of body size."""
    chosen = table["verified"].astype(bool) & (table["age_years"] >= 18) & ~mark_impaired(table)
    rows = table[chosen & (table["asked_stride_time_s"].notna() == prescribed)]
    people = rows[["age_years", "sex", "height_m", "mass_kg"]].to_dict("records")
    leg = np.array([compute_dimensions(Person(**person)).leg_length_m for person in people])
    return pd.DataFrame(
        {
            "age_years": rows["age_years"].to_numpy(),
            "speed": rows["speed_mps"].to_numpy() / np.sqrt(9.80665 * leg),
            "step": rows["step_length_m"].to_numpy() / leg,
        }
    )


def _compare_people(who: str, gaits: xr.Dataset, measured: dict, titles: dict[str, str]) -> list[dict]:
    simulated = data.collect_simulated(gaits, tuple(titles))
    rows = []
    for name, title in titles.items():
        # Where the children's heel and toe markers sit decides the zero of their ankle angle.
        free_offset = name == "ankle" and "thigh" in titles
        rows.append(
            {
                "who": who,
                "curve": title + (" (offset removed)" if free_offset else ""),
                "n_simulated": gaits.sizes["gait"],
                "n_measured": len(measured[name]),
            }
            | compare_curve(simulated[name], measured[name], free_offset)
        )
    return rows


def _compare_muscles(who: str, gaits: xr.Dataset, envelopes: dict[str, np.ndarray]) -> list[dict]:
    activation = data.collect_simulated(gaits, tuple(envelopes))
    return [
        {"who": who, "muscle": group, "n_measured": len(envelope)}
        | compare_activation(activation[group], envelope)
        for group, envelope in envelopes.items()
    ]


def _mean(curves: np.ndarray) -> np.ndarray:
    return np.nanmean(curves, axis=1, keepdims=True)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _correlate(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first, second)[0, 1])


def _find_shift(own: np.ndarray, real: np.ndarray) -> int:
    """How much later `own` is, in % of the periodic stride (-50 to 49)."""
    scores = [_correlate(np.roll(own, -shift), real) for shift in range(-50, 50)]
    return int(np.argmax(scores)) - 50
