"""Files that are damaged: a valid answer or one of gaitlib's own errors must come of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gaitlib.errors import GaitlibError

EDITS = ("cut", "drop", "repeat", "swap", "cell", "insert", "byte", "column", "separator")
"""Kinds of damage to a file."""
CELLS = (
    "",
    "nan",
    "NaN",
    "inf",
    "-1",
    "0",
    "1e308",
    "-1e308",
    "abc",
    "1,5",
    "1.5.2",
    "é",
    '"',
    "true",
    "12:00:01",
    "[]",
    "{}",
    "null",
)
"""What may stand where a number was."""


def damage(raw: bytes, edits: Sequence[tuple[str, float, float, str]]) -> bytes:
    """Damage a file: each edit has a kind, two places (0-1) and a word."""
    for kind, first, second, word in edits:
        a, b = sorted((int(first * len(raw)), int(second * len(raw))))
        if kind == "cut":
            raw = raw[: max(a, 1)]
        elif kind == "byte":
            raw = raw[:a] + bytes([int(second * 255)]) + raw[a + 1 :]
        elif kind == "insert":
            raw = raw[:a] + word.encode() + raw[a:]
        elif kind == "separator":
            raw = raw.replace(b",", word.encode() or b";") if second < 0.5 else raw.replace(b"\n", b"\r\n")
        else:
            raw = b"\n".join(_damage_lines(raw.split(b"\n"), kind, first, second, word.encode()))
    return raw


def _damage_lines(lines: list[bytes], kind: str, first: float, second: float, word: bytes) -> list[bytes]:
    n = min(int(first * len(lines)), len(lines) - 1)
    m = min(int(second * len(lines)), len(lines) - 1)
    if kind == "drop":
        return lines[: min(n, m)] + lines[max(n, m) :]
    if kind == "repeat":
        return lines[:n] + lines[n : n + 3] + lines[n:]
    if kind == "swap":
        lines[n], lines[m] = lines[m], lines[n]
        return lines
    separator = next((mark for mark in (b"\t", b";", b",") if mark in lines[n]), b" ")
    if kind == "column":
        return [
            separator.join(cells[:-1] if len(cells) > 1 else cells)
            for cells in (line.split(separator) for line in lines)
        ]
    cells = lines[n].split(separator)
    cells[min(int(second * len(cells)), len(cells) - 1)] = word
    lines[n] = separator.join(cells)
    return lines


def draw_edits(rng: np.random.Generator) -> list[tuple[str, float, float, str]]:
    """Draw one to three edits."""
    return [
        (str(rng.choice(EDITS)), float(rng.uniform()), float(rng.uniform()), str(rng.choice(CELLS)))
        for _ in range(int(rng.integers(1, 4)))
    ]


def try_file(path: Path, options: dict, whole: bool = True) -> str:
    """Ask for a file: '' if an answer without NaN or one of gaitlib's errors came, else what came instead."""
    from gaitlib.door.answer import estimate_gait
    from gaitlib.door.formats import UNREAD, read_recording
    from gaitlib.door.timing import place_in_time

    try:
        if not whole:
            place_in_time(
                read_recording(path, None, options.get("layout"), options.get("site"), 1.7),
                options.get("fps"),
            )
            return ""
        answer = estimate_gait(path, **options)
    except GaitlibError as error:
        return "" if str(error).strip() and UNREAD not in str(error) else f"no sentence of ours: {error}"
    except Exception as error:  # a foreign error is what is looked for
        return f"{type(error).__name__}: {error}"
    wrong = [name for name, item in answer.values.items() if not np.isfinite(item.value)]
    return f"NaN in {', '.join(wrong)}" if wrong else ""
