"""Interactive parts of pages: HTML that works offline, with a still picture for where no script runs."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path

import numpy as np

KINDS = ("walk", "library", "agreement", "sample", "camera", "turn")
"""What `interactive.js` can show: walking bodies, a library, errors, the size of a study, a camera, bodies to
be turned."""

_NO_STILL = "<p>This picture needs a browser that runs scripts; all it needs is in this page.</p>"


def encode(values: np.ndarray, scale: float = 1.0) -> str:
    """Pack numbers as 16-bit integers of 1 / scale, in base64."""
    whole = np.rint(np.asarray(values, dtype=float) * scale)
    if not (np.abs(whole) < 2**15).all():  # also refuses what is not a number
        raise ValueError(f"encode: a value is missing or beyond {2**15 / scale:g}")
    return base64.b64encode(whole.astype("<i2").tobytes()).decode()


def build_lab(kind: str, data: dict, name: str, still: str = "") -> str:
    """Build an interactive part; `still` is HTML that stands in its place without script, and in print."""
    here = Path(__file__)
    values = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    start, _, _ = here.with_suffix(".js").read_text(encoding="utf-8").rpartition('"ID"')
    call = f"{start}{json.dumps(name)}), {json.dumps(kind)}, {values});"
    return (
        f"<style>{here.with_suffix('.css').read_text(encoding='utf-8')}</style>"
        f'<div class="lab" id="{html.escape(name, quote=True)}"><div class="stage" hidden></div>'
        f'<div class="still">{still or _NO_STILL}</div></div><script>{call}</script>'
    )
