"""Licences of the pinned packages: none may be GPL or forbid commercial use. `make licences` prints them."""

from __future__ import annotations

import re
import sys
from importlib import metadata

from gaitlib.environment import read_lock

_WELCOME = re.compile(
    r"\b(MIT|BSD|0BSD|Apache|PSF|Python Software Foundation|ISC|ISCL|MPL|Mozilla|LGPL\w*|HPND|CMU|Unlicense"
    r"|Zlib|Public Domain|Lesser General Public)\b",
    re.IGNORECASE,
)
_UNWELCOME = re.compile(
    r"(?<!L)GPL|(?<!Lesser )General Public License|NonCommercial|CC[- ]BY[- ]NC", re.IGNORECASE
)

READ_BY_HAND = {
    "docutils": "Public domain and BSD; GPL only for an editor mode that is not installed",
}
"""Packages whose metadata say too much, with what their licence files say."""


def get_licence(name: str) -> str:
    """Get the licence of an installed package from its metadata, or else from its licence file."""
    if name in READ_BY_HAND:
        return READ_BY_HAND[name]
    item = metadata.distribution(name)
    stated = [item.metadata.get("License-Expression") or ""]
    classifiers = item.metadata.get_all("Classifier") or []
    stated += [line.split("::")[-1].strip() for line in classifiers if line.startswith("License ::")]
    stated.append((item.metadata.get("License") or "").strip().partition("\n")[0])
    known = [text for text in stated if text and text.upper() not in ("UNKNOWN", "OSI APPROVED")]
    return "; ".join(dict.fromkeys(known)) or _read_licence_file(item)


def _read_licence_file(item: metadata.Distribution) -> str:
    for file in item.files or []:
        if re.match(r"(LICEN[CS]E|COPYING)", file.name, re.IGNORECASE):
            lines = file.read_text(encoding="utf-8").strip().splitlines()
            return lines[0].strip() if lines else ""
    return ""


def find_unwelcome(licences: dict[str, str]) -> dict[str, str]:
    """Find licences that are GPL, forbid commercial use, or are not stated."""
    return {
        name: text
        for name, text in licences.items()
        if name not in READ_BY_HAND and (_UNWELCOME.search(text) or not _WELCOME.search(text))
    }


def main() -> int:
    """Print the licence of every pinned package."""
    licences = {name: get_licence(name) for name in read_lock()}
    for name, text in licences.items():
        print(f"{name:40s} {text}")
    unwelcome = find_unwelcome(licences)
    for name, text in unwelcome.items():
        print(f"{name}: '{text or 'no licence stated'}' may not be used", file=sys.stderr)
    return 1 if unwelcome else 0


if __name__ == "__main__":
    sys.exit(main())
