"""The report of one recording: one HTML page that holds all it shows, for a desk, a phone and A4 paper."""

from __future__ import annotations

import html

import numpy as np

from gaitlib.door.recording import POINT
from gaitlib.gait import MUSCLE_GROUPS
from gaitlib.report.visit import Measure, Visit, list_steps

LABELS = {
    "speed_mps": "Walking speed",
    "cadence_spm": "Cadence",
    "step_length_m": "Step length",
    "step_length_r_m": "Step length, right",
    "step_length_l_m": "Step length, left",
    "step_time_s": "Step time",
    "step_time_r_s": "Step time, right",
    "step_time_l_s": "Step time, left",
    "step_time_asymmetry": "Symmetry of step time",
    "step_length_asymmetry": "Symmetry of step length",
    "double_support_share": "Double support",
    "stride_time_cv": "Variability of stride time",
}
_MEANINGS = {
    "step_length_r_m": "from the left footprint on to the right one",
    "step_length_l_m": "from the right footprint on to the left one",
    "step_time_r_s": "from left contact to right contact",
    "step_time_l_s": "from right contact to left contact",
    "double_support_share": "share of the stride with both feet on the ground; grows with caution",
    "stride_time_cv": "how much strides differ in time (SD / mean); grows with unsteadiness",
}
_MUSCLE_WORDS = dict(
    zip(
        MUSCLE_GROUPS,
        (
            *("Iliopsoas", "Gluteus maximus", "Hamstrings", "Biceps fem. short h.", "Rectus femoris", "Vasti"),
            *("Gastrocnemius", "Soleus", "Tibialis anterior"),
        ),
        strict=True,
    )
)
_BONES = (
    *(("head_top", "neck"), ("neck", "shoulder_{s}"), ("shoulder_{s}", "elbow_{s}"), ("elbow_{s}", "wrist_{s}")),
    *(("shoulder_{s}", "hip_{s}"), ("hip_{s}", "knee_{s}"), ("knee_{s}", "ankle_{s}"), ("ankle_{s}", "toe_{s}")),
    ("heel_{s}", "ankle_{s}"),
)
RIGHT, LEFT, TRUNK = "#1f5fa8", "#c8641b", "#6b7280"
_CLASSES = ((0.4, "household walking"), (0.8, "limited community walking"), (np.inf, "community walking"))
"""Upper ends of speed (m/s); Perry et al. 1995."""
_STYLE = """
*{box-sizing:border-box}body{margin:0 auto;max-width:62rem;padding:1rem;color:#1b1f24;background:#fff;
font:15px/1.4 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
h1{font-size:1.5rem;margin:0}h2{font-size:1rem;margin:1rem 0 .3rem;color:#1f5fa8}p{margin:.2rem 0}
header{display:flex;flex-wrap:wrap;gap:.2rem 2rem;justify-content:space-between;align-items:end;
border-bottom:2px solid #1f5fa8;padding-bottom:.4rem}
.line{color:#57606a}.blank span{display:inline-block;min-width:8rem;border-bottom:1px solid #8c959f}
.short{background:#eef4fb;border-left:4px solid #1f5fa8;padding:.5rem .8rem;margin:.7rem 0;font-size:1.05rem}
table{border-collapse:collapse;width:100%}th{text-align:left;font-weight:600;color:#57606a;font-size:.85rem}
td,th{padding:.22rem .5rem .22rem 0;border-bottom:1px solid #e1e4e8;vertical-align:middle}
td small,.note{color:#57606a;font-size:.8rem}td small{display:block;line-height:1.25}
.value{white-space:nowrap;font-weight:600}.value small{font-weight:400}.usual{white-space:nowrap}
.bar svg{display:block;width:9rem;height:1.2rem}
.strip svg,.strip img{display:block;max-width:100%;height:auto}.strip .frames{display:flex;gap:.3rem}
.strip .frames img{flex:1 1 0;min-width:0;width:0;border-radius:3px}
.muscles{display:grid;grid-template-columns:repeat(9,1fr);gap:.3rem}
.muscles figure{margin:0}.muscles svg{width:100%;height:auto;display:block}
.muscles figcaption{font-size:.72rem;line-height:1.15;min-height:2.3em}
.two{display:grid;grid-template-columns:1fr 1fr;gap:0 1.5rem}ul{margin:.2rem 0;padding-left:1.1rem}
footer{border-top:1px solid #e1e4e8;margin-top:.8rem;padding-top:.3rem}
.key i{display:inline-block;width:1.4rem;height:0;border-top:3px solid;vertical-align:middle;margin:0 .3rem 0 .8rem}
@media(max-width:640px){body{padding:.7rem;font-size:16px}.two{grid-template-columns:1fr}
.muscles{grid-template-columns:repeat(3,1fr)}.values thead{display:none}
.values tr{display:grid;grid-template-columns:1fr auto;border-bottom:1px solid #e1e4e8;padding:.3rem 0}
.values td{border:0;padding:.05rem 0}.values .value{text-align:right}.bar svg{width:7.5rem;margin-left:auto}
.wide{overflow-x:auto}.strip{overflow-x:auto}.strip svg,.strip .frames{min-width:34rem}}
@page{size:A4;margin:10mm}
@media print{body{max-width:none;padding:0;font-size:9.5pt;line-height:1.25;-webkit-print-color-adjust:exact;
print-color-adjust:exact}h1{font-size:15pt}h2{font-size:10.5pt;margin:1.6mm 0 .6mm}td,th{padding-top:.35mm;
padding-bottom:.35mm}.short{margin:1.5mm 0;padding:1mm 2mm;font-size:10pt}.two,footer{font-size:8.5pt}
td small,.note{font-size:7.6pt}.strip .frames img{max-height:36mm;object-fit:cover}.strip svg{max-height:34mm}
.muscles figcaption{font-size:7pt}footer{margin-top:1.5mm}tr,figure{break-inside:avoid}}
"""


def write_page(visit: Visit) -> str:
    """Write the page."""
    answer = visit.answer
    who = [f"{visit.age_years:g} years"] if visit.age_years is not None else []
    who += [{"f": "woman", "m": "man"}[visit.sex]] if visit.sex and (visit.age_years or 99) >= 18 else []
    who += [{"f": "girl", "m": "boy"}[visit.sex]] if visit.sex and (visit.age_years or 99) < 18 else []
    who += [f"{visit.height_m:.2f} m tall"]
    seen = {"space": "markers in three dimensions", "": "view unknown", "side": "seen from the side"}
    seen |= {"front": "seen from the front or back"}
    where = seen.get(visit.view, f"{visit.view.replace('_', ' ')}")
    used = sum(bout["end_s"] - bout["start_s"] for bout in answer.bouts if bout["status"] == "ok")
    title = f"Gait report: {answer.source}"
    parts = [
        f'<header><div><h1>Gait report</h1><p class="line">{_say(answer.source)} · {_say(", ".join(who))} · '
        f"{_say(where)} · {answer.strides:.0f} strides in {used:.1f} s of straight walking</p></div>"
        '<p class="blank">Name <span>&nbsp;</span> Date <span>&nbsp;</span></p></header>',
        f'<div class="short">{"".join(f"<p>{_say(text)}</p>" for text in summarise(visit))}</div>',
        _draw_strip(visit),
        _write_values(visit),
        _write_changes(visit),
        _draw_muscles(visit),
        _write_foot(visit),
    ]
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    head += f"<title>{_say(title)}</title><style>{_STYLE}</style>"
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
        told.append("This recording does not tell the walking speed.")
    uneven = [
        (label, measures[f"{name}_asymmetry"])
        for name, label in (("step_length", "length"), ("step_time", "time"))
        if f"{name}_asymmetry" in measures
    ]
    clear = [f"{item.value:.0f} % in step {label}" for label, item in uneven if item.lower > 5]
    if clear:
        told.append(f"Right and left differ clearly: {' and '.join(clear)}.")
    elif uneven and all(item.upper < 10 for _, item in uneven):
        told.append("Right and left steps are alike (less than 10 % apart).")
    if visit.changes:
        moved = [LABELS[row["outcome"]].lower() for row in visit.changes if row["beyond_error"]]
        known = any(row["beyond_error"] is not None for row in visit.changes)
        word = f"changed beyond the error of measurement: {', '.join(moved)}" if moved else (
            "no change beyond the error of measurement" if known else "how large a real change is, is not known"
        )
        told.append(f"Since the earlier recording: {word}.")
    return told


def _place(item: Measure) -> str:
    low, high = item.usual
    return "below what is usual" if item.value < low else "above what is usual" if item.value > high else "usual"


def _scale(unit: str) -> tuple[float, str, int]:
    """Factor, unit and decimals of the page."""
    return {"m": (100.0, "cm", 0), "m/s": (1.0, "m/s", 2), "s": (1.0, "s", 2), "%": (1.0, "%", 1)}.get(
        unit, (1.0, unit, 0)
    )


def _show(item: Measure, value: float | None = None, sign: str = "") -> str:
    factor, unit, decimals = _scale(item.unit)
    number = (item.value if value is None else value) * factor
    return f"{number:{sign}.{decimals}f} {unit}".replace("-", "−")


def _show_range(low: float, high: float, unit: str) -> str:
    factor, _, decimals = _scale(unit)
    return f"{low * factor:.{decimals}f} to {high * factor:.{decimals}f}"


def _write_values(visit: Visit) -> str:
    """Values with interval, usual range, bar and meaning; means of both sides only where sides are not known."""
    rows = []
    for name, item in visit.measures.items():
        if name in ("step_length_m", "step_time_s"):
            stem, unit = name.rsplit("_", 1)
            if f"{stem}_r_{unit}" in visit.measures:
                continue
        known = np.isfinite(item.lower) and np.isfinite(item.upper)
        interval = _show_range(item.lower, item.upper, item.unit) if known else "measured"
        usual = _show_range(*item.usual, item.unit) if item.usual else "–"
        error = f"± {_show(item, item.mae)}" if item.mae is not None else "–"
        rows.append(
            f"<tr><td>{_say(LABELS[name])}<small>{_say(_explain(name, item, visit))}</small></td>"
            f'<td class="value">{_say(_show(item))}<small>{_say(interval)}</small></td>'
            f'<td class="usual">{_say(usual)}<small class="phone"></small></td>'
            f'<td class="bar">{_draw_bar(item)}</td><td class="usual">{_say(error)}</td></tr>'
        )
    head = "<tr><th>What</th><th>This walk (90 % interval)</th><th>Usual</th><th>Usual range and this walk</th>"
    head += "<th>Usual error</th></tr>"
    return f'<table class="values"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table>'


def _explain(name: str, item: Measure, visit: Visit) -> str:
    if name.endswith("asymmetry"):
        stem, unit = ("step_time", "s") if "time" in name else ("step_length", "m")
        sides = [visit.measures.get(f"{stem}_{side}_{unit}") for side in "rl"]
        if None in sides:
            return "difference of right and left over their mean; 0 is even"
        longer = "right" if sides[0].value > sides[1].value else "left"
        return f"the {longer} step is longer; 0 is even" if item.value >= 0.05 else "even"
    place = _place(item) if item.usual else ""
    place = {"usual": "as usual"}.get(place, place)
    return "; ".join(part for part in (place, _MEANINGS.get(name, "")) if part)


def _draw_bar(item: Measure) -> str:
    """Usual range as a band, interval as a line, value as a mark."""
    if item.usual is None:
        return ""
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
    return f'<svg viewBox="0 0 150 20" role="img" aria-label="usual range and value">{drawn}</svg>'


def _write_changes(visit: Visit) -> str:
    if not visit.changes:
        return ""
    rows = []
    for change in visit.changes:
        item = visit.measures[change["outcome"]]
        if change["detectable"] is None and change["outcome"] not in ("cadence_spm", "double_support_share"):
            continue
        limit = _show(item, change["detectable"]) if change["detectable"] is not None else "not known"
        told = {True: "changed", False: "within the error", None: "cannot be judged"}[change["beyond_error"]]
        rows.append(
            f"<tr><td>{_say(LABELS[change['outcome']])}</td><td>{_say(_show(item, change['before']))}</td>"
            f"<td>{_say(_show(item))}</td><td><b>{_say(_show(item, change['change'], '+'))}</b></td>"
            f"<td>{_say(limit)}</td><td>{told}</td></tr>"
        )
    head = "".join(
        f"<th>{word}</th>" for word in ("What", "Before", "Now", "Change", "Minimal detectable change", "Verdict")
    )
    note = "Minimal detectable change (95 %): what two walks of an unchanged person differ by through errors of "
    note += "this method; how much the person varies from day to day comes on top."
    return (
        f'<h2>Change since {_say(visit.earlier)}</h2><div class="wide"><table><tr>{head}</tr>{"".join(rows)}'
        f'</table></div><p class="note">{note}</p>'
    )


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
    hips = flat[:, [POINT["hip_r"], POINT["hip_l"]]].mean(axis=1)
    rows = rows[np.isfinite(hips[rows]).all(axis=1)]
    if len(rows) == 0:
        return ""
    tall = float(np.nanquantile(np.nanmax(flat[rows, :, 1], 1) - np.nanmin(flat[rows, :, 1], 1), 0.5))
    scale, drawn = 118 / max(tall, 1e-9), []
    for n, row in enumerate(rows):
        # each figure is brought to one size and stands in its own column, however the camera moved
        own = float(np.nanmax(flat[row, :, 1]) - np.nanmin(flat[row, :, 1]))
        ratio = scale * np.clip(tall / max(own, 1e-9), 0.6, 1.7)
        points = (flat[row] - [hips[row, 0], np.nanmax(flat[row, :, 1])]) * ratio + [55 + 95 * n, 128]
        drawn += _draw_skeleton(points)
        drawn.append(f'<text x="{55 + 95 * n}" y="146" text-anchor="middle">{row / fps:.2f} s</text>')
    width = 95 * len(rows) + 15
    body = f'<path d="M0 129H{width}" stroke="#8c959f"/>{"".join(drawn)}'
    return (
        f'<div class="strip"><svg viewBox="0 0 {width} 150" font-size="11" fill="#57606a" role="img" '
        f'aria-label="The walk, moment by moment">{body}</svg></div>{_KEY}'
    )


def _draw_skeleton(points: np.ndarray) -> list[str]:
    drawn = []
    for side, colour in (("l", LEFT), ("r", RIGHT)):
        for start, end in _BONES:
            ends = points[[POINT[name.format(s=side)] for name in (start, end)]]
            if np.isfinite(ends).all():
                own = TRUNK if start in ("head_top",) else colour
                (a, b), (c, d) = ends.round(1)
                drawn.append(
                    f'<path d="M{a} {b}L{c} {d}" stroke="{own}" stroke-width="3" stroke-linecap="round"/>'
                )
    return drawn


def _draw_signal(part: np.ndarray, fps: float) -> str:
    size = np.linalg.norm(part[: int(6 * fps), :3], axis=1)
    rows = np.flatnonzero(np.isfinite(size))
    low, high = float(size[rows].min()), float(size[rows].max())
    x, y = rows / fps / 6 * 760 + 10, 110 - 95 * (size[rows] - low) / max(high - low, 1e-9)
    line = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))
    ticks = "".join(
        f'<text x="{10 + 760 / 6 * s:.0f}" y="128" text-anchor="middle">{s} s</text>' for s in range(1, 6)
    )
    return (
        '<div class="strip"><svg viewBox="0 0 780 132" font-size="11" fill="#57606a" role="img" '
        f'aria-label="Acceleration"><path d="{line}" fill="none" stroke="{RIGHT}" stroke-width="1.3"/>{ticks}'
        f'</svg></div><p class="note">Size of the acceleration, {low:.1f} to {high:.1f} m/s².</p>'
    )


def _draw_muscles(visit: Visit) -> str:
    """Muscle activity over the gait cycle, inferred."""
    curves = visit.answer.activation
    if curves is None:
        return ""
    x = np.linspace(4, 96, curves.sizes["phase"])
    figures = []
    for group in MUSCLE_GROUPS:
        drawn = '<path d="M4 4V56H96" fill="none" stroke="#8c959f"/>'
        for side, colour, dash in (("r", RIGHT, ""), ("l", LEFT, ' stroke-dasharray="4 2"')):
            one = curves.sel(muscle=f"{group}_{side}")
            low, line, high = (56 - 52 * one[name].values for name in ("lower", "activation", "upper"))
            area = _join(x, low) + "L" + _join(x[::-1], high[::-1])[1:] + "Z"
            drawn += f'<path d="{area}" fill="{colour}" opacity=".13"/>'
            drawn += f'<path d="{_join(x, line)}" fill="none" stroke="{colour}" stroke-width="1.6"{dash}/>'
        words = _MUSCLE_WORDS[group]
        figures.append(
            f'<figure><figcaption>{words}</figcaption><svg viewBox="0 0 100 60" role="img" '
            f'aria-label="{words}">{drawn}</svg></figure>'
        )
    return (
        "<h2>Muscle activity over the gait cycle: inferred from the movement, not measured</h2>"
        f'<div class="muscles">{"".join(figures)}</div><p class="note key">0 to 100 % of the stride from the '
        f"contact of the muscle's own leg; activity 0 to 1, bands 90 %."
        f'<i style="color:{RIGHT}"></i>right <i style="color:{LEFT};border-top-style:dashed"></i>left</p>'
    )


def _join(x: np.ndarray, y: np.ndarray) -> str:
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))


def _write_foot(visit: Visit) -> str:
    measures = visit.measures
    limits = "".join(f"<li>{_say(text[:1].upper() + text[1:])}.</li>" for text in visit.limits)
    tested = [visit.tested]
    for name in ("speed_mps", "step_length_m", "step_time_s", "double_support_share", "stride_time_cv"):
        item = measures.get(name)
        if item is not None and item.mae is not None:
            tested.append(
                f"{LABELS[name]}: mean error {_show_fine(item, item.mae)}, minimal detectable change "
                f"{_show_fine(item, item.detectable)} ({item.people} people)."
            )
    if len(list_steps(visit.answer)) and "step_time_r_s" in measures:
        tested.append("Right, left and symmetry come from the steps seen in this recording.")
    sources = dict.fromkeys(item.usual_source for item in measures.values() if item.usual_source)
    sources = f"Usual ranges (95 % of healthy people): {'; '.join(sources)}." if sources else ""
    tests = "".join(f"<li>{_say(text)}</li>" for text in tested)
    return (
        f'<div class="two"><div><h2>What limits this recording</h2><ul>{limits or "<li>Nothing found.</li>"}</ul>'
        f"</div><div><h2>What it was tested on</h2><ul>{tests}</ul></div></div>"
        f'<footer class="note"><p>{_say(sources)}</p><p>{_say(visit.answer.method)}. Intervals hold 90 % of what '
        "the method was calibrated on. Not a medical device.</p></footer>"
    )


def _show_fine(item: Measure, value: float) -> str:
    factor, unit, decimals = _scale(item.unit)
    return f"{value * factor:.{decimals + (unit in ('cm', 's'))}f} {unit}"
