"""Pages that are written from the project: outcomes, recordings of the manifest, verbs with their docstrings.

Their words stand in definitions.md, data.md and api.md; here is what stands in place of `{...}` when the
book is bound. Numbers on the cards of definitions are computed from one small walk by the code that computes
all outcomes.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import gaitlib
from gaitlib.data.manifest import DataItem, load_manifest
from gaitlib.outcomes import OUTCOMES, compute_walk_outcomes, explain_missing
from gaitlib.walk import KEYPOINTS_3D, build_walk

CONTACTS = (("r", 0.30, 0.00), ("l", 0.90, 0.55), ("r", 1.40, 1.20), ("l", 2.02, 1.75), ("r", 2.50, 2.40),
            ("l", 3.10, 2.95))  # fmt: skip
"""The example: foot, time of initial contact (s), place of the footprint along the way (m)."""
TOE_OFFS = (("r", 1.02), ("l", 1.63), ("r", 2.16), ("l", 2.72))
SPEED_MPS = 1.05
KNEE_DEG, STRIKE_DEG = (8.0, 60.0), 20.0
"""Knee flexion in stance and in mid-swing, slope of the sole in swing up to contact."""
HALF_WIDTH_M = 0.06
_HIP_START_M = 0.2
_END_S, _FPS = 3.4, 100.0
_BOX = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}

PICTURES = {
    "speed_mps": ("hips", [(0, 5)]),
    "step_length_m": ("ground", [(1, 2), (2, 3)]),
    "step_time_s": ("time", [(1, 2), (2, 3)]),
    "stride_time_s": ("time", [(0, 2), (1, 3)]),
    "stride_length_m": ("ground", [(0, 2), (1, 3)]),
    "cadence_spm": ("time", [(1, 2), (2, 3)]),
    "stance_share": ("time", [(2, "r2"), (2, 4)]),
    "double_support_share": ("time", [(2, "l1"), (3, "r2")]),
    "step_width_m": ("width", [(2, 3)]),
    "stride_time_cv": ("time", [(0, 2), (1, 3), (2, 4), (3, 5)]),
    "step_time_asymmetry": ("time", [(1, 2), (2, 3)]),
    "step_length_asymmetry": ("ground", [(1, 2), (2, 3)]),
    "foot_strike_angle_deg": ("leg", []),
    "knee_range_deg": ("leg", []),
    "knee_flexion_peak_deg": ("leg", []),
    "n_steps": ("time", [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]),
}
"""Outcome -> what is drawn, and the spans marked: numbers are contacts, 'r2' is the second toe-off of r."""
_TOE_OFF_PLACES = {"r1": 0, "l1": 1, "r2": 2, "l2": 3}
_DECIMALS = {"count": 0, "steps/min": 1, "m": 2, "m/s": 2, "s": 3}
_USES_TOE_OFF = ("stance_share", "double_support_share")


def build_example(end_s: float = _END_S, hidden: tuple[float, float] | None = None) -> xr.Dataset:
    """Build the example walk of the cards."""
    time_s = np.arange(round(end_s * _FPS) + 1) / _FPS
    points = np.full((len(time_s), len(KEYPOINTS_3D), 3), np.nan)
    places = {name: n for n, name in enumerate(KEYPOINTS_3D)}
    for foot, across in (("r", HALF_WIDTH_M), ("l", -HALF_WIDTH_M)):
        hip = [
            _HIP_START_M + SPEED_MPS * (time_s - CONTACTS[0][1]),
            np.full_like(time_s, 0.9),
            np.full_like(time_s, across),
        ]
        heel = [_move_heel(time_s, foot), np.full_like(time_s, 0.03), np.full_like(time_s, across)]
        bend, slope = (np.deg2rad(angle) for angle in _bend_leg(time_s, foot))
        knee = [hip[0], np.full_like(time_s, 0.47), hip[2]]
        ankle = [knee[0] - 0.4 * np.sin(bend), knee[1] - 0.4 * np.cos(bend), hip[2]]
        toe = [heel[0] + 0.2 * np.cos(slope), heel[1] + 0.2 * np.sin(slope), hip[2]]
        for name, path in {"hip": hip, "knee": knee, "ankle": ankle, "heel": heel, "toe": toe}.items():
            points[:, places[f"{name}_{foot}"]] = np.transpose(path)
    if hidden:
        points[(time_s > hidden[0]) & (time_s < hidden[1]), places["heel_l"]] = np.nan
    return build_walk(
        time_s, points, walk_id="example", person_id="example", dataset="example", origin="simulated"
    )


def _move_heel(time_s: np.ndarray, foot: str) -> np.ndarray:
    own = [(moment, place) for side, moment, place in CONTACTS if side == foot]
    offs = [moment for side, moment in TOE_OFFS if side == foot]
    place = np.full_like(time_s, own[0][1])
    rise = np.clip(time_s / own[0][0], 0, 1)
    place += (3 * rise**2 - 2 * rise**3 - 1) * 0.6  # the swing that ends in the first contact
    for off, ((_, start), (landing, end)) in zip(offs, zip(own, own[1:], strict=False), strict=False):
        share = np.clip((time_s - off) / (landing - off), 0, 1)
        place += (end - start) * (3 * share**2 - 2 * share**3)
    return place


def _bend_leg(time_s: np.ndarray, foot: str) -> tuple[np.ndarray, np.ndarray]:
    """Knee flexion and slope of the sole (degrees) of the example."""
    lands = np.array([moment for side, moment, _ in CONTACTS if side == foot])
    share = np.interp(time_s, [2 * lands[0] - lands[1], *lands, 2 * lands[-1] - lands[-2]], range(-1, 4)) % 1
    bend = np.interp(share, [0.0, 0.5, 0.7, 0.75, 0.95, 1.0], np.array(KNEE_DEG)[[0, 0, 1, 1, 0, 0]])
    ends = [0.0, 0.02, 0.1, 0.5, 0.65, 0.9, 1.0]
    slope = np.interp(share, ends, [STRIKE_DEG, STRIKE_DEG, 0.0, 0.0, -40.0, STRIKE_DEG, STRIKE_DEG])
    return bend, slope


def list_events(n_contacts: int = len(CONTACTS), toe_off: bool = True) -> pd.DataFrame:
    """List the events of the example walk."""
    rows = [(foot, "initial_contact", moment) for foot, moment, _ in CONTACTS[:n_contacts]]
    rows += [(foot, "toe_off", moment) for foot, moment in TOE_OFFS if toe_off]
    return pd.DataFrame(rows, columns=["foot", "event", "time_s"]).sort_values("time_s", ignore_index=True)


def compute_cases() -> dict[str, dict[str, float]]:
    """Compute the outcomes of the example walk as it is and with what goes wrong in practice."""
    walk = build_example()
    return {
        "As drawn": compute_walk_outcomes(walk, list_events()),
        "Only three contacts in view": compute_walk_outcomes(walk, list_events(3)),
        "Only two contacts in view": compute_walk_outcomes(walk, list_events(2)),
        "Left heel hidden from 1.5 s to 1.9 s": compute_walk_outcomes(
            build_example(hidden=(1.5, 1.9)), list_events()
        ),
        "No toe-off found": compute_walk_outcomes(walk, list_events(toe_off=False)),
        "Record ends with the last contact": compute_walk_outcomes(
            build_example(CONTACTS[-1][1]), list_events()
        ),
    }


def fill_definitions_page(page: str | Path) -> None:
    """Put the cards of all outcomes into the page, and their pictures into a folder beside it."""
    page = Path(page)
    pictures = page.with_suffix("")
    pictures.mkdir(parents=True, exist_ok=True)
    cases = compute_cases()
    lines = []
    for name in OUTCOMES:
        draw_card(name, pictures / f"{name}.svg")
        lines += _write_card(name, pictures.name, cases)
    _fill(page, cards="\n".join(lines))


def fill_data_page(page: str | Path) -> None:
    """Put every set of the manifest into the page."""
    parts = {"read": "", "added": ""}
    for name, item in load_manifest().items.items():
        parts["read" if item.fetch == "auto" else "added"] += _describe(name, item)
    _fill(Path(page), **parts)


def fill_api_page(page: str | Path) -> None:
    """Put every verb that the page names into it, in Markdown that both versions of jupyter-book read."""
    page = Path(page)
    verbs = re.findall(
        r"^\{([A-Za-z]\w+)\}$", page.read_text(encoding="utf-8").replace("{overview}", ""), re.M
    )
    first = {name: inspect.getdoc(getattr(gaitlib, name)).partition("\n")[0] for name in verbs}
    table = [
        f"| [`{name}`](#verb-{name.replace('_', '-').lower()}) | {words} |" for name, words in first.items()
    ]
    overview = "\n".join(["| Verb | What it does |", "|---|---|", *table])
    _fill(page, overview=overview, **{name: write_verb(name) + "\n" for name in verbs})


def write_verb(name: str) -> str:
    """Write a verb: how it is called, then its docstring, section by section."""
    verb = getattr(gaitlib, name)
    given = inspect.signature(verb).parameters.values()
    words = [
        str(one.replace(annotation=one.empty, kind=one.POSITIONAL_OR_KEYWORD)).replace("=<factory>", "={}")
        for one in given
    ]
    call = textwrap.wrap(f"gaitlib.{name}({', '.join(words)})", 84, subsequent_indent=" " * 4)
    about, *sections = re.split(r"^(\w+)\n-+\n", inspect.getdoc(verb), flags=re.MULTILINE)
    anchor = f"(verb-{name.replace('_', '-').lower()})="
    lines = [anchor, f"### `{name}`", "", "```python", *call, "```", "", about.replace("``", "`").strip(), ""]
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        if title == "Examples":
            lines += ["```pycon", body.strip(), "```", ""]
        elif title == "Notes":
            lines += [body.strip(), ""]
        else:
            lines += [f"**{title}**", "", *_list_entries(body), ""]
    return "\n".join(lines)


def _list_entries(body: str) -> list[str]:
    """Entries of a section of a docstring: `name : type`, or a type alone, and words that are set in."""
    found = re.findall(r"^(\S.*)\n((?:[ \t]+.*\n?)+)", body, re.MULTILINE)
    heads = [re.sub(r"^(\w+) : (.+)$", r"`\1` (\2)", head) for head, _ in found]
    heads = [head if head.startswith("`") else f"`{head}`" for head in heads]
    return [f"- {head}: {' '.join(words.split())}" for head, (_, words) in zip(heads, found, strict=True)]


def _fill(page: Path, **parts: str) -> None:
    text = page.read_text(encoding="utf-8")
    for name, part in parts.items():
        text = text.replace(f"{{{name}}}\n", part.rstrip() + "\n")
    page.write_text(text, encoding="utf-8")


def _write_card(name: str, folder: str, cases: dict) -> list[str]:
    outcome = OUTCOMES[name]
    drawn, *others = cases.items()
    events = "initial contact and toe-off" if name in _USES_TOE_OFF else "initial contact"
    lines = [
        f"## {outcome.label}",
        "",
        outcome.definition,
        "",
        f"```{{image}} {folder}/{name}.svg",
        f":alt: {outcome.label} in the example walk",
        ":width: 500px",
        "```",
        "",
        f"- **Name and unit**: `{name}`, {outcome.unit}",
        f"- **Formula**: `{outcome.formula}`",
        f"- **Events**: {events}",
        f"- **Needs**: {f'at least {outcome.min_steps} steps in a row' if outcome.min_steps else 'nothing'}",
        f"- **In the picture**: {format_value(name, drawn[1])}",
    ]
    for words, found in others:
        text = format_value(name, found)
        if text != format_value(name, drawn[1]):
            lines.append(f"- **{words}**: {text}")
    return [*lines, ""]


def format_value(name: str, outcomes: dict[str, float]) -> str:
    """Format an outcome with its unit, or the reason why it is missing."""
    value, unit = outcomes[name], OUTCOMES[name].unit
    if not np.isfinite(value):
        return f"no value: {explain_missing(outcomes)[name]}"
    if unit.startswith("share"):
        return f"{100 * value:.1f} %{unit.removeprefix('share')}"
    if unit == "deg":
        return f"{value:.0f}°"
    return f"{value:.{_DECIMALS[unit]}f} {unit}".removesuffix(" count")


def draw_card(name: str, path: str | Path) -> None:
    """Draw the picture of one card."""
    import matplotlib.pyplot as plt

    from gaitlib.evaluate.style import STYLE

    kind, spans = PICTURES[name]
    with plt.rc_context({**STYLE, "svg.hashsalt": name}):
        figure, ax = plt.subplots(figsize=(4.9, 1.7 if kind == "leg" else 2.4), layout="constrained")
        {"time": _draw_time, "leg": _draw_leg}.get(kind, _draw_ground)(ax, spans, kind)
        figure.savefig(path, metadata={"Date": None, "Creator": None})
        plt.close(figure)


def _draw_time(ax, spans: list, kind: str) -> None:
    from gaitlib.evaluate.style import COLOURS

    offs = [moment for _, moment in TOE_OFFS]
    for row, (foot, words, colour, hatch) in enumerate(
        (("r", "right", COLOURS[0], ""), ("l", "left", COLOURS[1], "//"))
    ):
        starts = [moment for side, moment, _ in CONTACTS if side == foot]
        ends = [moment for side, moment in TOE_OFFS if side == foot] + [_END_S]
        for start, end in zip(starts, ends, strict=True):
            ax.barh(
                -row, end - start, left=start, height=0.36, color=colour, hatch=hatch, alpha=0.75, ec="white"
            )
        ax.plot(starts, [-row] * len(starts), "v", color="black", markersize=7, zorder=4)
        ax.plot(ends[:-1], [-row] * (len(ends) - 1), "^", color="white", mec="black", markersize=7, zorder=4)
        ax.text(0.24, -row, words, va="center", ha="right", color=colour, weight="bold")
    for level, (start, end) in enumerate(spans):
        left = CONTACTS[start][1]
        right = offs[_TOE_OFF_PLACES[end]] if isinstance(end, str) else CONTACTS[end][1]
        _draw_span(ax, left, right, 0.42 + 0.34 * (level % 2), f"{right - left:.2f} s")
    ax.set(xlim=(0, _END_S), ylim=(-1.35, 1.2), yticks=[], xlabel="Time (s); ▼ initial contact, △ toe-off")
    ax.spines["left"].set_visible(False)


def _draw_ground(ax, spans: list, kind: str) -> None:
    from matplotlib.patches import Ellipse

    from gaitlib.evaluate.style import COLOURS

    across = {"r": -HALF_WIDTH_M, "l": HALF_WIDTH_M}  # seen from above, the person walks to the right
    for number, (foot, _, place) in enumerate(CONTACTS):
        colour = COLOURS[0] if foot == "r" else COLOURS[1]
        ax.add_patch(Ellipse((place + 0.11, across[foot]), 0.24, 0.055, color=colour, alpha=0.7))
        ax.plot(place, across[foot], "o", color="black", markersize=5, zorder=4)
        ax.text(
            place + 0.11, across[foot], f"{foot.upper()}{number + 1}", ha="center", va="center", fontsize=10
        )
    for level, (start, end) in enumerate(spans):
        left, right = CONTACTS[start][2], CONTACTS[end][2]
        if kind == "width":
            low, high = across["r"], across["l"]
            ax.annotate("", (right + 0.35, low), (right + 0.35, high), arrowprops={"arrowstyle": "<->"})
            ax.text(right + 0.4, 0, f"{high - low:.2f} m", va="center")
            continue
        if kind == "hips":
            times = CONTACTS[start][1], CONTACTS[end][1]
            hips = [_HIP_START_M + SPEED_MPS * (moment - CONTACTS[0][1]) for moment in times]
            ax.plot(hips, [0.0, 0.0], "D", color="white", mec="black", markersize=7, zorder=4)
            words = f"◇ hips: {hips[1] - hips[0]:.2f} m in {times[1] - times[0]:.2f} s"
            _draw_span(ax, *hips, 0.13, words)
            continue
        _draw_span(ax, left, right, 0.13 + 0.075 * (level % 2), f"{right - left:.2f} m")
    ax.set(
        xlim=(-0.1, 3.35),
        ylim=(-0.13, 0.29 if len(spans) > 1 else 0.18),
        yticks=[],
        xlabel="Distance (m); ● heel at its footprint, seen from above",
    )
    ax.spines["left"].set_visible(False)


def _draw_leg(ax, spans: list, kind: str) -> None:
    from gaitlib.evaluate.style import COLOURS

    lean = np.deg2rad([20, 10, -5, -15, 5, 25, 20])  # of the thigh; the cards measure none
    start, end = CONTACTS[0][1], CONTACTS[2][1]
    fine = np.linspace(start, end, 201)
    peak = fine[np.argmax(_bend_leg(fine, "r")[0])]
    moments = np.linspace(start, end, 7)
    moments[np.abs(moments - peak).argmin()] = peak  # so that what the card states is among what is drawn
    for number, (bend, slope) in enumerate(zip(*_bend_leg(moments, "r"), strict=True)):
        turns = [lean[number], lean[number] - np.deg2rad(bend)]
        x = number + np.cumsum([0.0, *0.42 * np.sin(turns)])
        y = 0.9 - np.cumsum([0.0, *0.42 * np.cos(turns)])
        ends, foot = np.array([-0.06, 0.2]), np.deg2rad(slope)
        ax.plot(x, y, "o-", color=COLOURS[0], linewidth=2.2, markersize=4)
        sole = x[-1] + ends * np.cos(foot), y[-1] - 0.05 + ends * np.sin(foot)
        ax.plot(*sole, color=COLOURS[0], linewidth=4)
        words = f"{slope:.0f}°\n{bend:.0f}°".replace("-", "\u2212")
        ax.text(number, 1.0, words, ha="center", fontsize=10)
    ax.text(-0.55, 1.0, "sole\nknee", ha="right", fontsize=10)
    ax.set(xlim=(-1.3, 6.7), ylim=(-0.1, 1.25), xticks=range(7), yticks=[], aspect="equal")
    ax.set(xticklabels=[f"{100 * (moment - start) / (end - start):.0f}" for moment in moments])
    ax.set(xlabel="Right leg over its stride (%), from contact to contact")
    ax.spines["left"].set_visible(False)


def _draw_span(ax, left: float, right: float, height: float, words: str) -> None:
    """A double arrow with its length; beside it where the arrow is short."""
    short = right - left < 0.3
    ax.annotate("", (left, height), (right, height), arrowprops={"arrowstyle": "<->", "lw": 1.3})
    place, side = (right + 0.03, "left") if short else ((left + right) / 2, "center")
    ax.text(place, height, words, ha=side, va="center", fontsize=11, zorder=5, bbox=_BOX)


_ROLE_WORDS = {
    "evaluate": "evaluation",
    "baseline": "training of real-data baselines",
    "calibrate": "calibration of the simulator",
}


def _describe(name: str, item: DataItem) -> str:
    people = (
        "number of people not stated"
        if item.n_people is None
        else f"{item.n_people} {'person' if item.n_people == 1 else 'people'}"
    )
    lines = [
        ("Who", f"{item.subgroup}; {people}"),
        ("Role", ", ".join(_ROLE_WORDS[role] for role in item.roles)),
        ("Holds", item.holds),
        ("Truth", item.truth),
        ("Caveat", item.caveat),
        ("Licence", item.licence),
        ("Copy", "what the pages use comes with the project (`data/recordings`)" if item.ship else ""),
        ("Ethics", item.ethics),
        ("Source", f"[doi {item.doi}](https://doi.org/{item.doi})" if item.doi else ""),
        ("To add it", item.instructions),
    ]
    rows = "".join(f"- **{title}**: {_escape(text)}\n" for title, text in lines if text)
    return f"### {item.title}\n\nIdentifier `{name}`.\n\n{rows}\n"


def _escape(text: str) -> str:
    return (
        " ".join(str(text).split())
        .replace("|", "\\|")
        .replace("$", "\\$")
        .replace("_", "\\_")
        .replace("*", "\\*")
    )


_FILLED = {"definitions": fill_definitions_page, "data": fill_data_page, "api": fill_api_page}


def _fill_pages(app):
    for name, fill in _FILLED.items():
        path = Path(app.srcdir) / f"{name}.md"
        if path.is_file():  # a small book may have none
            fill(path)


def setup(app):
    """Fill the pages of the sources that are about to be read."""
    app.connect("builder-inited", _fill_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
