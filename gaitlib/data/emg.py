"""Envelopes of recorded muscle activity (EMG) over the stride; each begins at the contact of its own leg.

Filters and strides were fixed before any estimate was compared (see the log of decisions in the book).
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.signal import butter, sosfiltfilt

from gaitlib.events import detect_events
from gaitlib.gait import MUSCLE_GROUPS, N_PHASE
from gaitlib.outcomes import cut_strides

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
_HIGH_PASS_HZ, _ENVELOPE_HZ = 20.0, 6.0


def filter_envelope(emg: np.ndarray, fps: float) -> np.ndarray:
    """Turn raw EMG (time, channel) into its envelope: above 20 Hz, rectified, below 6 Hz, without delay."""
    high = butter(2, _HIGH_PASS_HZ, "high", fs=fps, output="sos")
    low = butter(2, _ENVELOPE_HZ, fs=fps, output="sos")
    return sosfiltfilt(low, np.abs(sosfiltfilt(high, emg - emg.mean(axis=0), axis=0)), axis=0)


def compute_envelopes(walk: xr.Dataset) -> dict[str, np.ndarray]:
    """Compute the mean EMG envelope per muscle and side over the strides of a walk; shape (101,), peak 1."""
    if "emg" not in walk:
        return {}
    time_s, smooth = walk["emg_time"].values, walk["emg"].values
    if not walk.attrs.get("emg_is_envelope"):
        smooth = filter_envelope(smooth, (len(time_s) - 1) / (time_s[-1] - time_s[0]))
    events = detect_events(walk)
    found = {}
    for column, channel in enumerate(walk["channel"].values):
        name, side = str(channel).rsplit("_", 1)
        strides = cut_strides(events, side)
        if name not in MUSCLE_GROUPS or not bool(walk["emg_live"].values[column]) or not strides:
            continue
        curves = [np.interp(moments, time_s, smooth[:, column]) for moments in strides]
        mean = np.clip(np.mean(curves, axis=0), 0.0, None)
        found[str(channel)] = mean / mean.max()
    return found


def average_adult_emg(strides: xr.Dataset) -> dict[str, np.ndarray]:
    """Average the EMG of one adult over strides and heads of a muscle; shape (101,)."""
    parts: dict[str, list] = {}
    for channel, group in ADULT_GROUPS.items():
        mean = np.nanmean(strides["emg"].sel(channel=channel).values, axis=0)
        curve = np.interp(np.linspace(0, 1, N_PHASE), np.linspace(0, 1, len(mean)), mean)
        parts.setdefault(group, []).append(curve / curve.max())
    return {group: np.mean(curves, axis=0) for group, curves in parts.items()}
