"""Muscle activity of real people: the estimator's curves beside electromyography (EMG), muscle by muscle.

EMG has no absolute scale, so curves are compared by their shape: correlation over the stride, and when the
muscle switches on and off. The stride of a muscle begins at the initial contact of its own leg. Processing,
thresholds and baselines were fixed before any estimate was compared (see the log of decisions in the book).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.gait import MUSCLE_GROUPS, N_PHASE

ADULT_GROUPS = {
    "Rectus-femoris": "rect_fem",
    "Vastus-lateralis": "vasti",
    "Vastus-medialis": "vasti",
    "Soleus": "soleus",
    "Hamstrings-lateralis": "hamstrings",
    "Hamstrings-medialis": "hamstrings",
    "Gastrocnemius-lateralis": "gastroc",
    "Gastrocnemius-medialis": "gastroc",
    "Tibialis-anterior": "tib_ant",
}
"""EMG channel of `adult_3d` -> muscle group."""
METHODS = {
    "synthetic": "estimator, trained on synthetic walks only",
    "mean_simulated": "mean simulated curve at that speed",
    "other_adult": "EMG of another healthy adult",
    "others": "mean EMG of the other people",
}
"""Method -> words for readers; the first is tested, the others are what it must beat."""
_SCORES = ["person_id", "muscle", "side", "method", "status", "correlation", "onset_error", "offset_error"]
_CURVES = ["person_id", "muscle", "side", "method", "phase", "activity"]
_HIGH_PASS_HZ, _ENVELOPE_HZ = 20.0, 6.0
_ON_SHARE = 0.5
_FROUDE_WIDTH = 0.05
_GRAVITY = 9.80665


def compute_envelopes(walk: xr.Dataset) -> dict[str, np.ndarray]:
    """Compute the mean EMG envelope per muscle over the strides of a walk; shape (101,).

    Band above 20 Hz, rectified, low-pass at 6 Hz (Butterworth of fourth order, forward and backward), each
    stride on 101 points, mean over strides. Strides run between detected contacts of the same foot.
    """
    from scipy.signal import butter, sosfiltfilt

    from gaitlib.events import detect_events

    if "emg" not in walk:
        return {}
    time_s, smooth = walk["emg_time"].values, walk["emg"].values
    if not walk.attrs.get("emg_is_envelope"):
        fps = (len(time_s) - 1) / (time_s[-1] - time_s[0])
        raw = smooth - smooth.mean(axis=0)
        high = sosfiltfilt(butter(2, _HIGH_PASS_HZ, "high", fs=fps, output="sos"), raw, axis=0)
        smooth = sosfiltfilt(butter(2, _ENVELOPE_HZ, fs=fps, output="sos"), np.abs(high), axis=0)
    events = detect_events(walk)
    contacts = events[events["event"] == "initial_contact"]
    found = {}
    for column, channel in enumerate(walk["channel"].values):
        name, side = str(channel).rsplit("_", 1)
        moments = contacts.loc[contacts["foot"] == side, "time_s"].to_numpy()
        if name not in MUSCLE_GROUPS or not bool(walk["emg_live"].values[column]) or len(moments) < 2:
            continue
        strides = [
            np.interp(np.linspace(first, last, N_PHASE), time_s, smooth[:, column])
            for first, last in zip(moments[:-1], moments[1:], strict=True)
        ]
        mean = np.clip(np.mean(strides, axis=0), 0.0, None)
        found[str(channel)] = mean / mean.max()
    return found


def compare_muscles(
    walks: list[xr.Dataset], clips: list[xr.Dataset], estimator, library: tuple, adult: xr.Dataset | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare estimated muscle activity with EMG."""
    from gaitlib.estimate.features import compute_features, get_height
    from gaitlib.outcomes import compute_walk_outcomes

    if not walks:
        return pd.DataFrame(columns=_SCORES), pd.DataFrame(columns=_CURVES)
    answers = estimator.predict_features([compute_features(clip, get_height(clip)) for clip in clips])
    measured = [compute_envelopes(walk) for walk in walks]
    grown = build_adult_curves(adult) if adult is not None else {}
    scores, curves = [], []
    for number, (walk, answer) in enumerate(zip(walks, answers, strict=True)):
        if not measured[number]:
            continue
        speed = compute_walk_outcomes(walk)["speed_mps"]
        usual = mean_simulated_curves(*library, speed, walk.attrs["height_m"])
        for channel, emg in measured[number].items():
            name, side = channel.rsplit("_", 1)
            others = [
                own[c] for n, own in enumerate(measured) if n != number for c in own if c.startswith(name)
            ]
            estimated = answer.activation["activation"].sel(muscle=channel).values if answer.ok else None
            candidates = {"synthetic": estimated, "mean_simulated": usual[name]}
            if name in grown:
                candidates["other_adult"] = grown[name]
            if others:
                candidates["others"] = np.mean(others, axis=0)
            about = {"person_id": walk.attrs["person_id"], "muscle": name, "side": side}
            for method, curve in candidates.items():
                row = about | {"method": method, "status": answer.status if method == "synthetic" else "ok"}
                if curve is not None:
                    row |= score_curve(curve, emg)
                    curves.append(_tabulate(about, method, curve))
                scores.append(row)
            curves.append(_tabulate(about, "emg", emg))
    return pd.DataFrame(scores), pd.concat(curves, ignore_index=True)


def _tabulate(about: dict, method: str, curve: np.ndarray) -> pd.DataFrame:
    phase = np.linspace(0.0, 100.0, N_PHASE)
    return pd.DataFrame(
        {**about, "method": method, "phase": phase, "activity": curve / max(curve.max(), 1e-9)}
    )


def score_curve(estimate: np.ndarray, emg: np.ndarray) -> dict[str, float]:
    """Score the shape of a curve against EMG."""
    flat = estimate.std() < 1e-9 or emg.std() < 1e-9
    burst, true = find_burst(estimate), find_burst(emg)
    errors = [abs((a - b + 50.0) % 100.0 - 50.0) for a, b in zip(burst, true, strict=True)]
    correlation = np.nan if flat else float(np.corrcoef(estimate, emg)[0, 1])
    return {"correlation": correlation, "onset_error": errors[0], "offset_error": errors[1]}


def find_burst(curve: np.ndarray) -> tuple[float, float]:
    """Find when a muscle switches on and off: the longest stretch above half of its range."""
    one = np.asarray(curve, dtype=float)[:-1]
    low, high = one.min(), one.max()
    if high - low < 1e-9:
        return np.nan, np.nan
    on = one > low + _ON_SHARE * (high - low)
    starts = np.flatnonzero(on & ~np.roll(on, 1))
    lengths = [int(np.argmin(np.roll(on, -start))) for start in starts]
    longest = int(np.argmax(lengths))
    step = 100.0 / len(one)
    return float(starts[longest] * step), float((starts[longest] + lengths[longest]) % len(one) * step)


def mean_simulated_curves(
    table: pd.DataFrame, gaits: xr.Dataset, speed_mps: float, height_m: float
) -> dict[str, np.ndarray]:
    """Average the activity of simulated people of healthy cohorts at a speed; shape (101,)."""
    from gaitlib.estimate.clip_sampler import build_pool
    from gaitlib.estimate.synthetic_training import list_persons
    from gaitlib.generate.learnable_gaits import select_verified
    from gaitlib.simulate.library import mark_impaired

    table, gaits = select_verified(table, gaits)
    rows = np.flatnonzero(~mark_impaired(table))
    table, gaits = table.iloc[rows].reset_index(drop=True), gaits.isel(gait=rows)
    curves = build_pool(gaits, list_persons(table)).activation.mean(axis=1)
    froude = table["speed_mps"].to_numpy() / np.sqrt(_GRAVITY * table["height_m"].to_numpy())
    distance = (froude - speed_mps / np.sqrt(_GRAVITY * height_m)) / _FROUDE_WIDTH
    weight = np.exp(-0.5 * (distance**2 - (distance**2).min()))
    mean = np.einsum("n,nmp->mp", weight / weight.sum(), curves)
    return dict(zip(MUSCLE_GROUPS, mean, strict=True))


def build_adult_curves(strides: xr.Dataset) -> dict[str, np.ndarray]:
    """Average the EMG of one adult over strides and heads of a muscle; shape (101,)."""
    parts: dict[str, list] = {}
    for channel, group in ADULT_GROUPS.items():
        mean = np.nanmean(strides["emg"].sel(channel=channel).values, axis=0)
        curve = np.interp(np.linspace(0, 1, N_PHASE), np.linspace(0, 1, len(mean)), mean)
        parts.setdefault(group, []).append(curve / curve.max())
    return {group: np.mean(curves, axis=0) for group, curves in parts.items()}


def summarise_muscles(scores: pd.DataFrame) -> pd.DataFrame:
    """Summarise the scores by muscle and method; the person is the unit."""
    columns = ["correlation", "onset_error", "offset_error"]
    person = scores.groupby(["muscle", "method", "person_id"], sort=False)[columns].mean().reset_index()
    known = person.dropna(subset=["correlation"])
    groups = known.groupby(["muscle", "method"], sort=False)
    return groups.agg(
        n_people=("person_id", "nunique"), **{name: (name, "mean") for name in columns}
    ).reset_index()
