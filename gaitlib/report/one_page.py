"""The report of one recording: one HTML page that holds all it shows, for a desk, a phone and A4 paper."""

from __future__ import annotations

import html
from pathlib import Path

import numpy as np

from gaitlib.door.bouts import trace_legs
from gaitlib.door.recording import LEG_POINTS, POINT
from gaitlib.evaluate.inputs import format_number
from gaitlib.outcomes import OUTCOMES
from gaitlib.report.body_picture import MUSCLE_WORDS
from gaitlib.report.visit import Measure, Visit

LABELS = {name: outcome.label for name, outcome in OUTCOMES.items()} | {
    "step_length_r_m": "Step length, right",
    "step_length_l_m": "Step length, left",
    "step_time_r_s": "Step time, right",
    "step_time_l_s": "Step time, left",
    "step_time_asymmetry": "Symmetry of step time",
    "step_length_asymmetry": "Symmetry of step length",
    "sagittal_deviation_index": "Sagittal deviation index",
}
_MEANINGS = {
    "step_length_r_m": "from left to right footprint",
    "step_length_l_m": "from right to left footprint",
    "step_time_r_s": "from left contact to right contact",
    "step_time_l_s": "from right contact to left contact",
    "double_support_share": "share of the stride on both feet; grows with caution",
    "stride_time_cv": "SD of strides / mean; grows with unsteadiness",
    "knee_range_deg": "greatest less least flexion over a stride, mean of both legs",
    "knee_flexion_peak_deg": "greatest flexion over a stride, mean of both legs",
    "foot_strike_angle_deg": "sole to floor at contact, toes up positive",
    "sagittal_deviation_index": "thigh, knee and ankle; 100 is usual in simulated healthy people, 10 one SD",
}
_LIMBS = (
    *(("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"), ("ankle", "toe")),
    ("heel", "ankle"),
)
RIGHT, LEFT, TRUNK = "#1f5fa8", "#c8641b", "#6b7280"
_CLASSES = ((0.4, "household walking"), (0.8, "limited community walking"), (np.inf, "community walking"))
"""Upper ends of speed (m/s); Perry et al. 1995."""


def write_page(visit: Visit) -> str:
    """Write the page."""
    answer = visit.answer
    adult = (visit.age_years or 99) >= 18
    words = {"f": "woman" if adult else "girl", "m": "man" if adult else "boy", None: ""}[visit.sex]
    age = f"{visit.age_years:g} years" if visit.age_years is not None else ""
    who = [word for word in (age, words, f"{visit.height_m:.2f} m tall") if word]
    seen = {"space": "markers in three dimensions", "oblique": "seen obliquely", "side": "seen from the side"}
    seen |= {"front": "seen from the front or back"}
    where = seen.get(visit.view, f"{visit.view.replace('_', ' ')}")
    used = sum(bout["end_s"] - bout["start_s"] for bout in answer.bouts if bout["status"] == "ok")
    title = f"Gait report: {answer.source}"
    parts = [
        '<header><h1>Gait report</h1><p class="blank">Name <span>&nbsp;</span> Date <span>&nbsp;</span></p>'
        f'<p class="line">{_say(answer.source)} · {_say(", ".join(who))} · '
        f"{_say(where)} · {answer.strides:.0f} strides in {used:.1f} s of straight walking</p></header>",
        f'<div class="short">{"".join(f"<p>{_say(text)}</p>" for text in summarise(visit))}</div>',
        _draw_strip(visit),
        _write_values(visit),
        _draw_muscles(visit),
        _write_foot(visit),
    ]
    style = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    head += f"<title>{_say(title)}</title><style>{style}</style>"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>\n'


def _say(text: str) -> str:
    return html.escape(str(text))


def summarise(visit: Visit) -> list[str]:
    """Sum up in one to three sentences."""
    measures, told = visit.measures, []
    speed = measures.get("speed_mps")
    if speed is not None:
        words = f"Walks at {_show(speed)}"
        words += f", {_place(speed)} for healthy people of this age" if speed.usual else ""
        if visit.age_years is None or visit.age_years >= 18:
            words += f" ({next(name for end, name in _CLASSES if speed.value < end)}, Perry 1995)"
        told.append(words + ".")
    else:
        told.append("This recording does not tell the walking speed; below stands why.")
    uneven = [
        (label, measures[f"{name}_asymmetry"])
        for name, label in (("step_length", "length"), ("step_time", "time"))
        if f"{name}_asymmetry" in measures
    ]
    clear = [f"{item.value:.0f} % in step {label}" for label, item in uneven if item.lower > 5]
    if clear:
        told.append(f"Right and left differ clearly: {' and '.join(clear)}.")
    elif uneven and all(item.upper < 10 for _, item in uneven):
        word = "Right and left" if "step_time_r_s" in measures else "Successive"
        told.append(f"{word} steps are alike (less than 10 % apart).")
    if visit.changes:
        moved = [LABELS[row["outcome"]].lower() for row in visit.changes if row["beyond_error"]]
        known = any(row["beyond_error"] is not None for row in visit.changes)
        word = (
            f"changed beyond the error of measurement: {', '.join(moved)}"
            if moved
            else (
                "no change beyond the error of measurement"
                if known
                else "how large a real change is, is not known"
            )
        )
        told.append(f"Since the earlier recording: {word}.")
    return told


def _place(item: Measure) -> str:
    low, high = item.usual
    return (
        "below what is usual" if item.value < low else "above what is usual" if item.value > high else "usual"
    )


def _scale(unit: str) -> tuple[float, str, int]:
    """Factor, unit and decimals of the page."""
    return {"m": (100.0, "cm", 0), "m/s": (1.0, "m/s", 2), "s": (1.0, "s", 2), "%": (1.0, "%", 1)}.get(
        unit, (1.0, unit, 0)
    )


def _show(item: Measure, value: float | None = None, sign: str = "") -> str:
    factor, unit, decimals = _scale(item.unit)
    number = (item.value if value is None else value) * factor
    number = round(number, decimals) + 0.0  # no minus before zero
    return f"{number:{sign}.{decimals}f} {unit}".replace("-", "−")


def _show_range(low: float, high: float, unit: str) -> str:
    factor, _, decimals = _scale(unit)
    return " to ".join(format_number(end * factor, decimals) for end in (low, high))


def _write_values(visit: Visit) -> str:
    """Values with interval, usual range, bar and meaning; no means of sides that are known."""
    rows, changes = [], {row["outcome"]: row for row in visit.changes}
    any_usual = any(item.usual for item in visit.measures.values())
    for name, item in visit.measures.items():
        stem, unit = name.rsplit("_", 1)
        if f"{stem}_r_{unit}" in visit.measures and (item.detectable is None or not changes):
            continue
        known = np.isfinite(item.lower) and np.isfinite(item.upper)
        interval = _show_range(item.lower, item.upper, item.unit) if known else "measured"
        usual = f"<span>{_show_range(*item.usual, item.unit)}</span>{_draw_bar(item)}" if item.usual else ""
        usual = f'<td class="usual">{usual}</td>' if any_usual else ""
        rows.append(
            f"<tr><td>{_say(LABELS[name])}<small>{_say(_explain(name, item, visit))}</small></td>"
            f'<td class="value">{_say(_show(item))}<small>{_say(interval)}</small></td>'
            f"{usual}{_write_change(item, changes.get(name)) if changes else ''}</tr>"
        )
    head = "<th>What</th><th>This walk, 90 % interval</th>"
    head += "<th>Usual at this age</th>" if any_usual else ""
    head += "<th>Change (detectable)</th>" if changes else ""
    table = f'<table class="values"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    if not changes:
        return table
    return (
        f'{table}<p class="note">Change since {_say(visit.earlier)}. In brackets the minimal detectable '
        "change (95 %): errors of the method make two walks of an unchanged person differ by less; how a "
        "person varies from day to day comes on top.</p>"
    )


def _write_change(item: Measure, change: dict | None) -> str:
    if change is None:
        return "<td></td>"
    told = {True: "changed", False: "within the error", None: ""}[change["beyond_error"]]
    limit = "not known" if item.detectable is None else _show_fine(item, item.detectable)
    change_words = f"<b>{_say(_show(item, change['change'], '+'))}</b> ({_say(limit)})"
    return f'<td class="change">{change_words}<small>{told}</small></td>'


def _explain(name: str, item: Measure, visit: Visit) -> str:
    if name.endswith("asymmetry"):
        stem, unit = ("step_time", "s") if "time" in name else ("step_length", "m")
        sides = [visit.measures.get(f"{stem}_{side}_{unit}") for side in "rl"]
        if None in sides:
            return "difference of right and left over their mean; 0 is even"
        longer = "right" if sides[0].value > sides[1].value else "left"
        verb = "takes longer" if unit == "s" else "is longer"
        return f"the {longer} step {verb}; 0 is even" if item.value >= 0.05 else "even"
    place = _place(item) if item.usual else ""
    low_is_fine = name == "stride_time_cv" and place.startswith("below")
    parts = (_MEANINGS.get(name, ""), "" if place == "usual" or low_is_fine else place)
    return "; ".join(part for part in parts if part)


def _draw_bar(item: Measure) -> str:
    """Usual range as a band, interval as a line, value as a mark."""
    known = [v for v in (item.value, item.lower, item.upper, *item.usual) if np.isfinite(v)]
    low, high = min(known), max(known)
    room = 0.08 * (high - low)

    def at(value: float) -> float:
        return round(150 * (value - low + room) / (high - low + 2 * room), 1)

    a, b = (at(end) for end in item.usual)
    drawn = f'<rect x="{a}" y="3" width="{b - a:.1f}" height="14" fill="#cfe3d2"/>'
    if np.isfinite(item.lower) and np.isfinite(item.upper):
        drawn += f'<path d="M{at(item.lower)} 10H{at(item.upper)}" stroke="#1b1f24" stroke-width="2"/>'
    drawn += f'<circle cx="{at(item.value)}" cy="10" r="4.2" fill="#1b1f24"/>'
    head = '<svg class="bar" viewBox="0 0 150 20" preserveAspectRatio="xMinYMid" role="img" '
    return f'{head}aria-label="usual range and value">{drawn}</svg>'


def _draw_strip(visit: Visit) -> str:
    """The walk: frames of the video, the skeleton of a few moments, or the signal of a sensor."""
    recording = visit.answer.recording
    good = [bout for bout in visit.answer.bouts if bout["status"] == "ok"]
    bout = max(good, key=lambda item: item["end_s"] - item["start_s"])
    if visit.pictures:
        shown = "".join(f'<img src="{data}" alt="moment of the walk">' for data in visit.pictures)
        return f'<div class="strip"><div class="frames">{shown}</div></div>{_KEY}'
    fps = recording.facts["fps"]
    part = recording.values[int(bout["start_s"] * fps) : int(bout["end_s"] * fps)]
    if recording.kind == "inertial":
        return _draw_signal(part, fps)
    flat = part[..., :2] * [1, 1]
    if recording.kind == "markers":
        hip = part[:, [POINT["hip_r"], POINT["hip_l"]]].mean(axis=1)
        rows = np.isfinite(hip).all(axis=1)
        way = np.polyfit(np.flatnonzero(rows), hip[rows], 1)[0] * [1, 0, 1]
        flat = np.stack([part @ (way / max(np.linalg.norm(way), 1e-12)), -part[..., 1]], axis=-1)
    return _draw_figures(flat, fps, visit.answer.values["step_time_s"].value)


_KEY = f'<p class="note key"><i style="color:{RIGHT}"></i>right <i style="color:{LEFT}"></i>left</p>'


def _draw_figures(flat: np.ndarray, fps: float, step_s: float) -> str:
    """Eight moments, half a step apart, side by side."""
    middle, half = len(flat) // 2, 1.75 * step_s * fps
    rows = np.unique(np.clip(np.round(middle + np.linspace(-half, half, 8)), 0, len(flat) - 1).astype(int))
    whole = np.flatnonzero(np.isfinite(flat[:, LEG_POINTS]).all(axis=(1, 2)))
    if len(whole):
        near = whole[np.abs(whole[:, None] - rows).argmin(axis=0)]
        rows = np.unique(np.where(np.abs(near - rows) <= 0.1 * fps, near, rows))
    hips = _take_middle(flat, "hip")
    rows = rows[np.isfinite(hips[rows]).all(axis=1) & np.isfinite(flat[rows, :, 1]).any(axis=1)]
    if len(rows) == 0:
        return ""
    trunk = np.linalg.norm(_take_middle(flat, "shoulder") - hips, axis=1)
    trunk = float(np.nanmedian(trunk)) if np.isfinite(trunk).any() else 0.0
    legs = trace_legs(np.concatenate([flat, flat[..., :1]], axis=-1), fps).scale
    scale, drawn = 112 / max(float(np.nanmedian(legs)) * 1.15 + 1.5 * trunk, 1e-9), []
    for n, row in enumerate(rows):
        # each figure is brought to one size and stands in its own column, however the camera moved
        ratio = scale * np.clip(np.nan_to_num(np.nanmedian(legs) / legs[row], nan=1.0), 0.6, 1.7)
        points = (flat[row] - [hips[row, 0], np.nanmax(flat[row, :, 1])]) * ratio + [55 + 95 * n, 128]
        drawn += _draw_skeleton(points)
        drawn.append(f'<text x="{55 + 95 * n}" y="146" text-anchor="middle">{row / fps:.2f} s</text>')
    width = 95 * len(rows) + 15
    body = f'<path d="M0 129H{width}" stroke="#8c959f"/>{"".join(drawn)}'
    return (
        f'<div class="strip"><svg viewBox="0 0 {width} 150" font-size="11" fill="#57606a" role="img" '
        f'aria-label="The walk, moment by moment">{body}</svg></div>{_KEY}'
    )


def _take_middle(points: np.ndarray, joint: str) -> np.ndarray:
    """Middle of right and left, or the one that is seen."""
    right, left = (points[..., POINT[f"{joint}_{side}"], :] for side in "rl")
    return np.where(np.isfinite(right), np.where(np.isfinite(left), 0.5 * (right + left), right), left)


def _draw_skeleton(points: np.ndarray) -> list[str]:
    at = {name: points[n] for name, n in POINT.items()}
    drawn = []
    for side, colour in (("l", LEFT), ("r", RIGHT)):
        drawn += [_draw_line(at[f"{start}_{side}"], at[f"{end}_{side}"], colour) for start, end in _LIMBS]
    hips, shoulders = (_take_middle(points, name) for name in ("hip", "shoulder"))
    shoulders = np.where(np.isfinite(shoulders), shoulders, at["neck"])
    drawn.append(_draw_line(hips, shoulders, TRUNK))
    head = shoulders + 0.32 * (shoulders - hips)
    if np.isfinite(head).all():
        radius = 0.16 * np.linalg.norm(shoulders - hips)
        drawn.append(f'<circle cx="{head[0]:.1f}" cy="{head[1]:.1f}" r="{radius:.1f}" fill="{TRUNK}"/>')
    return drawn


def _draw_line(start: np.ndarray, end: np.ndarray, colour: str) -> str:
    if not np.isfinite([start, end]).all():
        return ""
    (a, b), (c, d) = start.round(1), end.round(1)
    return f'<path d="M{a} {b}L{c} {d}" stroke="{colour}" stroke-width="3.2" stroke-linecap="round"/>'


def _draw_signal(part: np.ndarray, fps: float) -> str:
    size = np.linalg.norm(part[: int(6 * fps), :3], axis=1)
    rows = np.flatnonzero(np.isfinite(size))
    low, high = float(size[rows].min()), float(size[rows].max())
    x, y = rows / fps / 6 * 760 + 10, 110 - 95 * (size[rows] - low) / max(high - low, 1e-9)
    ticks = "".join(
        f'<text x="{10 + 760 / 6 * s:.0f}" y="128" text-anchor="middle">{s} s</text>' for s in range(1, 6)
    )
    return (
        '<div class="strip"><svg viewBox="0 0 780 132" font-size="11" fill="#57606a" role="img" '
        f'aria-label="Acceleration"><path d="{_join(x, y)}" fill="none" stroke="{RIGHT}" stroke-width="1.3"/>'
        f'{ticks}</svg></div><p class="note">Size of the acceleration, {low:.1f} to {high:.1f} m/s².</p>'
    )


def _draw_muscles(visit: Visit) -> str:
    """Muscle activity over the gait cycle, inferred."""
    curves = visit.answer.activation
    if curves is None:
        return ""
    x, top = np.linspace(4, 96, curves.sizes["phase"]), float(np.ceil(10 * curves["upper"].max()) / 10)
    figures = []
    for group, words in MUSCLE_WORDS.items():
        drawn = '<path d="M4 4V56H96" fill="none" stroke="#8c959f"/>'
        for side, colour, dash in (("r", RIGHT, ""), ("l", LEFT, ' stroke-dasharray="4 2"')):
            one = curves.sel(muscle=f"{group}_{side}")
            low, line, high = (56 - 52 / top * one[name].values for name in ("lower", "activation", "upper"))
            area = _join(x, low) + "L" + _join(x[::-1], high[::-1])[1:] + "Z"
            drawn += f'<path d="{area}" fill="{colour}" opacity=".13"/>'
            drawn += f'<path d="{_join(x, line)}" fill="none" stroke="{colour}" stroke-width="1.6"{dash}/>'
        figures.append(
            f'<figure><figcaption>{words}</figcaption><svg viewBox="0 0 100 60" role="img" '
            f'aria-label="{words}">{drawn}</svg></figure>'
        )
    return (
        "<h2>Muscle activity over the gait cycle: inferred from the movement, not measured</h2>"
        f'<div class="muscles">{"".join(figures)}</div><p class="note key">0 to 100 % of the stride from the '
        f"contact of the muscle's own leg; activity 0 to {top:.1f} of 1, bands 90 %."
        f'<i style="color:{RIGHT}"></i>right <i style="color:{LEFT};border-top-style:dashed"></i>left</p>'
    )


def _join(x: np.ndarray, y: np.ndarray) -> str:
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))


def _write_foot(visit: Visit) -> str:
    measures = visit.measures
    limits = "".join(f"<li>{_say(text[:1].upper() + text[1:])}.</li>" for text in visit.limits)
    limits = limits or "<li>Nothing was found.</li>"
    tested, known = [visit.tested], {k: v for k, v in measures.items() if v.mae is not None}
    for key, words in (("mae", "Mean error"), ("detectable", "Minimal detectable change")):
        shown = [f"{LABELS[n].lower()} {_show_fine(item, getattr(item, key))}" for n, item in known.items()]
        tested += [f"{words}: {', '.join(shown)}."] if shown else []
    split = "step_time_r_s" in measures
    own = ("_asymmetry", "_r_s", "_l_s", "_r_m", "_l_m") if split else ()
    unknown = [LABELS[n].lower() for n in measures if n not in known and not n.endswith(own)]
    if known and unknown:
        tested.append(f"Error on real people not known to this report: {', '.join(unknown)}.")
    if split:
        tested.append("Right, left and symmetry come from the steps seen in this recording.")
    sources = dict.fromkeys(item.usual_source for item in measures.values() if item.usual_source)
    sources = f"Usual ranges (95 % of healthy people): {'; '.join(sources)}." if sources else ""
    tests = "".join(f"<li>{_say(text)}</li>" for text in tested)
    return (
        f'<div class="two"><div><h2>What limits this recording</h2><ul>{limits}</ul>'
        f"</div><div><h2>What it was tested on</h2><ul>{tests}</ul></div></div>"
        f'<footer class="note"><p>{_say(sources)}</p><p>{_say(visit.answer.method)}. Intervals are 90 %. '
        "Not a medical device.</p></footer>"
    )


def _show_fine(item: Measure, value: float) -> str:
    factor, unit, decimals = _scale(item.unit)
    return f"{value * factor:.{decimals + (unit in ('cm', 's'))}f} {unit}"
