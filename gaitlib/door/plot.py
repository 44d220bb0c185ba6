"""The picture of an answer: track or signal, the contacts found and the bouts."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

import numpy as np

from gaitlib.door.bouts import trace_legs
from gaitlib.door.recording import POINT
from gaitlib.errors import InputError, WorkError


def find_contacts(time_s: np.ndarray, ahead: np.ndarray, step_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Find initial contacts: where a foot (time, 2) is farthest ahead; times and feet (0 right, 1 left)."""
    from scipy.signal import find_peaks  # heavy

    moments, feet = [], []
    for foot in range(2):
        curve = np.nan_to_num(
            ahead[:, foot], nan=float(np.nanmin(ahead[:, foot])) if np.isfinite(ahead[:, foot]).any() else 0.0
        )
        apart = max(int(1.3 * step_s / max(float(np.median(np.diff(time_s))), 1e-6)), 1)
        peaks = find_peaks(curve, distance=apart, prominence=0.2 * np.ptp(curve))[0]
        moments += list(time_s[peaks])
        feet += [foot] * len(peaks)
    order = np.argsort(moments)
    return np.array(moments)[order], np.array(feet, dtype=int)[order]


def draw_answer(answer, path: str | Path | None = None):
    """Draw an answer; to a file if one is named."""
    try:
        from matplotlib import rc_context
    except ImportError:
        raise WorkError("a plot needs matplotlib: install gaitlib with its extra 'book'") from None
    if answer.recording is None:
        raise InputError("plot: the answer holds no recording.")
    with rc_context({"font.size": 14, "axes.spines.top": False, "axes.spines.right": False}):  # for a phone
        figure = _draw(answer)
        if path is not None:
            try:
                figure.savefig(path, dpi=120)
            except (OSError, ValueError) as error:
                raise InputError(f"--plot {path}: cannot be written ({error}).") from None
    return figure


def _draw(answer):
    from matplotlib.figure import Figure

    recording = answer.recording
    figure = Figure(figsize=(5.6, 5.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    fps, values = recording.facts["fps"], recording.values
    time_s = np.arange(len(values)) / fps
    step_s = answer.values["step_time_s"].value if answer.ok and "step_time_s" in answer.values else 0.55
    if recording.kind == "inertial":
        above.plot(time_s, np.linalg.norm(values[:, :3], axis=1), color="0.3", linewidth=0.8)
        above.set_ylabel("acceleration\n(m/s²)")
        blind = values.shape[1] == 3
        below.plot(time_s, np.linalg.norm(values[:, 3:], axis=1) * (np.nan if blind else 1), "0.3", lw=0.8)
        below.set_ylabel("no angular\nvelocity" if blind else "angular velocity\n(rad/s)")
    else:
        if recording.kind == "keypoints":
            paths = trace_legs(values, fps)
            track, ahead, unit = paths.hip[:, 0], paths.ankles[..., 0], "px"
        else:
            hip = values[:, [POINT["hip_r"], POINT["hip_l"]]].mean(axis=1)
            way = np.nanmax(hip, axis=0) - np.nanmin(hip, axis=0)
            axis = 0 if way[0] >= way[2] else 2
            feet = values[:, [POINT["heel_r"], POINT["heel_l"]]]
            feet = feet if np.isfinite(feet).any() else values[:, [POINT["ankle_r"], POINT["ankle_l"]]]
            track, ahead, unit = hip[:, axis], feet[..., axis] - hip[:, None, axis], "m"
        ahead = ahead * _find_ways(track, answer.bouts, fps)[:, None]
        above.plot(time_s, track, color="0.3")
        above.set_ylabel(f"middle of\nthe hips ({unit})")
        for foot, (name, style) in enumerate((("right", "-"), ("left", "--"))):
            below.plot(time_s, ahead[:, foot], style, color=f"C{foot}", label=name)
        for bout in answer.bouts:
            rows = slice(int(bout["start_s"] * fps), int(bout["end_s"] * fps))
            if bout["status"] != "ok" or len(time_s[rows]) < 5:
                continue
            moments, feet = find_contacts(time_s[rows], ahead[rows], step_s)
            for foot, marker in enumerate("ov"):
                own = moments[feet == foot]
                below.plot(
                    own, np.interp(own, time_s, np.nan_to_num(ahead[:, foot])), marker, color=f"C{foot}"
                )
        below.set_ylabel(f"foot before the hips\n({'leg lengths' if unit == 'px' else unit})")
        figure.legend(loc="outside lower center", ncols=2, frameon=False)
    for bout in answer.bouts:
        for axes in (above, below):
            style = {"color": ("C2", 0.15), "linewidth": 0}
            if bout["status"] != "ok":
                style = {"facecolor": ("0.5", 0.15), "edgecolor": "0.5", "hatch": "//", "linewidth": 0}
            axes.axvspan(bout["start_s"], bout["end_s"], **style)
    below.set_xlabel("time (s); shaded: bouts with\nan estimate, hatched: without")
    reason = "" if answer.ok else "\n" + fill(answer.status.partition(" (")[0], 46)
    above.set_title(f"{answer.source}{reason}", fontsize="medium", loc="left", x=-0.2)
    return figure


def _find_ways(track: np.ndarray, bouts, fps: float) -> np.ndarray:
    """Find the way along the track, 1 or -1 at each moment; between bouts that of the bout before."""
    ways = np.full(len(track), np.nan)
    for bout in bouts:
        own = track[int(bout["start_s"] * fps) : int(bout["end_s"] * fps)]
        if bout["status"] == "ok" and len(own):
            ways[int(bout["start_s"] * fps) :] = 1.0 if np.nan_to_num(own[-1] - own[0]) >= 0 else -1.0
    known = ways[np.isfinite(ways)]
    return np.nan_to_num(ways, nan=known[0] if len(known) else 1.0)
