"""A small picture of what hinders a body: muscles and joints tinted, in place of rows of numbers."""

from __future__ import annotations

import html
from collections.abc import Mapping

from gaitlib.gait import MUSCLE_GROUPS
from gaitlib.person import PER_SIDE, STRENGTH_GROUPS, Impairment

HEALTHY = Impairment().flatten()
WORDS = {
    "weakness": ("weak {}", 1.0),
    "contracture": ("short {}", 0.3),
    "spasticity": ("spastic {}", 3.0),
    "limit": ("stiff {}", 40.0),
    "tone": ("tense {}", 0.5),
    "rigidity": ("rigid", 1.0),
    "coactivation": ("antagonists active", 0.5),
    "bradykinesia": ("slowed", 0.7),
    "stoop_deg": ("stooped", 40.0),
    "balance_margin": ("cautious", 1.0),
    "tilt_deg": ("tilted pelvis", 30.0),
    "anteversion_deg": ("anteverted", 40.0),
}
"""Part of an impairment -> words, and the size that counts as a whole."""
MUSCLE_WORDS = dict(zip(MUSCLE_GROUPS, (
    *("Iliopsoas", "Gluteus maximus", "Hamstrings", "Biceps femoris, short head", "Rectus femoris", "Vasti"),
    *("Gastrocnemius", "Soleus", "Tibialis anterior"),
), strict=True))  # fmt: skip
PATHS = {
    "iliopsoas": [0.013, ["pelvis", 1.0, 0.2], ["pelvis", 0.2, 0.45], ["thigh", 0.2, 0.03]],
    "glut_max": [0.026, ["pelvis", 0.65, -0.45], ["thigh", 0.02, -0.18], ["thigh", 0.28, -0.04]],
    "hamstrings": [0.018, ["pelvis", -0.15, -0.3], ["thigh", 0.5, -0.15], ["shank", 0.08, -0.09]],
    "bifemsh": [0.009, ["thigh", 0.45, -0.03], ["thigh", 0.75, -0.07], ["shank", 0.06, -0.06]],
    "rect_fem": [0.012, ["pelvis", 0.35, 0.45], ["thigh", 0.45, 0.17], ["thigh", 0.97, 0.11],
                 ["shank", 0.1, 0.06]],
    "vasti": [0.02, ["thigh", 0.25, 0.05], ["thigh", 0.65, 0.1], ["thigh", 0.97, 0.08], ["shank", 0.1, 0.05]],
    "gastroc": [0.017, ["thigh", 0.93, -0.05], ["shank", 0.28, -0.16], ["foot", 0.0, 0.25]],
    "soleus": [0.013, ["shank", 0.18, -0.04], ["shank", 0.5, -0.09], ["foot", 0.0, 0.25]],
    "tib_ant": [0.011, ["shank", 0.12, 0.05], ["shank", 0.45, 0.08], ["shank", 0.95, 0.06],
                ["foot", 0.7, 0.2]],
}  # fmt: skip
"""Muscle -> thickness in body heights, and its path: segment, share along it, share of its length forward."""
_ALL_PATHS = PATHS | {
    "hip_abductors": [0.02, ["pelvis", 0.8, 0.0], ["pelvis", 0.3, 0.05], ["thigh", 0.06, 0.0]],
    "adductors": [0.02, ["pelvis", -0.1, 0.05], ["thigh", 0.25, -0.02], ["thigh", 0.6, 0.0]],
}
"""With those of groups that only a body in space has."""
SEGMENTS = {
    "pelvis": ("mid_hip", "lumbar"),
    "thigh": ("mid_hip", "knee"),
    "shank": ("knee", "ankle"),
    "foot": ("heel", "mtp"),
}
TINTS = {"weakness": "#0072b2", "contracture": "#e69f00", "limit": "#e69f00", "spasticity": "#d55e00",
          "tone": "#d55e00"}  # fmt: skip
_BODY = {"mid_hip": (0, 53), "lumbar": (0, 64), "neck": (2, 85)}
_LEGS = {
    "r": {"knee": (13, 30), "ankle": (12, 6), "heel": (8, 2), "mtp": (23, 2)},
    "l": {"knee": (-5, 29), "ankle": (-21, 10), "heel": (-26, 7), "mtp": (-13, 2)},
}
"""A stride, in hundredths of body height."""
_HEALTHY = 0.25
"""Opacity of what is healthy, which is seen on a light and on a dark ground."""


def measure_parts(values: Mapping) -> dict[str, float]:
    """Size of each part of an impairment as a share of a whole one; what `values` leaves out is healthy."""
    return {
        name: abs(float(values.get(name, healthy)) - healthy) / WORDS[get_part(name)][1]
        for name, healthy in HEALTHY.items()
    }


def get_part(name: str) -> str:
    """The part that a column belongs to: `weakness_hip_flexors_r` is of weakness."""
    return name if name in WORDS else name.partition("_")[0]


def draw_impairment(values: Mapping, words: str, height_px: int = 96) -> str:
    """Draw a body (SVG) whose impaired muscles, joints and trunk are tinted, as deep as they are impaired."""
    sizes = measure_parts(values)
    muscles, joints = {}, []
    for name, size in sizes.items():
        part = get_part(name)
        if part not in PER_SIDE or size < 0.1:
            continue
        group, _, side = name.removeprefix(part).strip("_").rpartition("_")
        if part == "limit":
            x, y = {"hip": _BODY["mid_hip"]}.get(group) or _LEGS[side][group]
            joints.append(
                f'<circle cx="{x}" cy="{100 - y}" r="4.6" fill="none" stroke="{TINTS[part]}" '
                f'stroke-width="2" stroke-opacity="{_shade(size)}"/>'
            )
            continue
        for muscle in STRENGTH_GROUPS.get(group, (group,)):
            if size > muscles.get((muscle, side), (0.0, ""))[0]:
                muscles[muscle, side] = size, part
    tilt = 0.35 * min(abs(float(values["stoop_deg"])), 45)
    whole = max(sizes[name] for name in ("rigidity", "coactivation", "bradykinesia", "balance_margin"))
    parts = [_draw_leg("l"), _draw_trunk(tilt, whole), _draw_leg("r")]
    parts += [
        f'<path d="{_draw_path(muscle, side)}" fill="none" stroke="{TINTS[part]}" '
        f'stroke-width="{100 * _ALL_PATHS[muscle][0] + 1.4:.1f}" stroke-opacity="{_shade(size)}"/>'
        for (muscle, side), (size, part) in muscles.items()
    ]
    letters = "".join(f'<text x="{x}" y="108" font-size="9">{s}</text>' for s, x in (("R", 12), ("L", -24)))
    return (
        f'<svg class="body" role="img" aria-label="{html.escape(words, quote=True)}" viewBox="-32 -4 68 114" '
        f'height="{height_px}" fill="currentColor" stroke-linecap="round">'
        f"{''.join([*parts, *joints])}{letters}</svg>"
    )


def explain_tints() -> str:
    """The key of the pictures (HTML)."""
    named = {"weak": "weakness", "short or stiff": "limit", "spastic or tense": "tone"}
    marks = (
        f'<svg width="14" height="10"><rect width="14" height="10" fill="{TINTS[part]}"/></svg> {word}'
        for word, part in named.items()
    )
    return f'<p class="key">{", ".join(marks)}; deeper: more. Grey trunk: the whole body.</p>'


def _shade(size: float) -> str:
    return f"{0.35 + 0.65 * min(size, 1.0):.2f}"


def _draw_leg(side: str) -> str:
    hip, leg = _BODY["mid_hip"], _LEGS[side]
    lines = ((hip, leg["knee"], 9), (leg["knee"], leg["ankle"], 6), (leg["heel"], leg["mtp"], 4))
    return "".join(
        f'<path d="M{a[0]} {100 - a[1]}L{b[0]} {100 - b[1]}" stroke="currentColor" stroke-width="{width}" '
        f'stroke-opacity="{_HEALTHY}"/>'
        for a, b, width in lines
    )


def _draw_trunk(tilt_deg: float, whole: float) -> str:
    opacity = _HEALTHY + 0.5 * min(whole, 1.0)
    return (
        f'<g transform="rotate({tilt_deg:.0f} 0 47)" opacity="{opacity:.2f}"><path d="M0 47L1 21" '
        'stroke="currentColor" stroke-width="12"/><circle cx="3" cy="5" r="7"/></g>'
    )


def _draw_path(muscle: str, side: str) -> str:
    places = {**_BODY, **_LEGS[side]}
    spots = []
    for segment, along, front in _ALL_PATHS[muscle][1:]:
        (ax, ay), (bx, by) = (places[name] for name in SEGMENTS[segment])
        dx, dy, sign = bx - ax, by - ay, -1 if segment == "pelvis" else 1
        spots.append((ax + along * dx - sign * front * dy, 100 - (ay + along * dy + sign * front * dx)))
    first, *rest = (f"{x:.1f} {y:.1f}" for x, y in spots)
    return f"M{first}{'QC'[len(rest) - 2]}{' '.join(rest)}"
