"""What pages show where recordings are absent: results of an earlier run, under a visible label.

`studies/keep_earlier.py` writes them to data/earlier from a run that had every recording. Only what may be
handed on is there: estimates, references, group means, finished tables; never a recording or one person's
curve.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from gaitlib.data.fetch import count_present
from gaitlib.data.manifest import load_manifest
from gaitlib.environment import ROOT, hash_file
from gaitlib.errors import AbsentData, InputError
from gaitlib.evaluate.words import join_words
from gaitlib.workflow.results import Results

FOLDER = ROOT / "data" / "earlier"
CARD = "earlier.json"


def obtain(kept: Results, name: str, compute: Callable[[], pd.DataFrame], part: str) -> pd.DataFrame | None:
    """Compute a table from recordings and keep it; take that of the earlier run where they are absent."""
    try:
        return kept.save_table(name, compute())
    except AbsentData as absent:
        return borrow(kept, name, absent.item_id, part)


def borrow(kept: Results, name: str, item_id: str, part: str) -> pd.DataFrame | None:
    """Take a table of the earlier run, and remember that it was taken."""
    # What an older run with recordings left must not pass for a part of this one.
    kept.get_path(f"{name}.parquet").unlink(missing_ok=True)
    card = read_card()
    entry = card.get("tables", {}).get(name)
    if entry is None or entry["item"] != item_id:
        kept.note_absent(item_id, part)
        return None
    path = FOLDER / f"{name}.parquet"
    if not path.is_file() or hash_file(path) != entry["sha256"]:
        raise InputError(
            f"data/earlier/{path.name}: missing or not what {CARD} says (SHA-256); it is damaged: restore it "
            "with git checkout data/earlier"
        )
    kept.note_absent(item_id, part, card["revision"])
    return pd.read_parquet(path)


def attempt(kept: Results, make: Callable, part: str, *arguments):
    """Call what reads recordings for which nothing is shipped."""
    try:
        return make(*arguments)
    except AbsentData as absent:
        kept.note_absent(absent.item_id, part)
        return None


def show_or_say(kept: Results, make: Callable, part: str):
    """Show what reads recordings, or the sentence that they are absent."""
    try:
        return make()
    except AbsentData as absent:
        kept.note_absent(absent.item_id, part)
        return _box([describe_absent(absent.item_id, [part])])


def complete_group(
    kept: Results, absent: tuple[str, ...], subgroup: str, title: str, tidy: pd.DataFrame, own: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put results of an earlier run in the place of absent recordings of a subgroup; keep both tables."""
    tables = {f"estimates_{subgroup}": tidy, f"reference_{subgroup}": own}
    for name, table in tables.items():
        borrowed = [borrow(kept, name, item_id, title) for item_id in absent]
        found = [part for part in (table, *borrowed) if part is not None and len(part)]
        if borrowed and found:
            table = pd.concat(found, ignore_index=True)
        tables[name] = kept.save_table(name, table)
    return tuple(tables.values())


def mark_rows(kept: Results, table: pd.DataFrame) -> pd.DataFrame:
    """Mark the rows that rest on the earlier run; a table without such rows stays as it is."""
    revisions = {entry["item"]: entry["revision"] for entry in kept.absent if entry["revision"]}
    marks = table["dataset"].map(revisions).astype(object).fillna("")
    return table.assign(earlier_revision=marks) if marks.any() else table


def show_label(kept: Results):
    """Show what was absent and what stands in, in a box."""
    lines = []
    for item_id in dict.fromkeys(entry["item"] for entry in kept.absent):
        entries = [entry for entry in kept.absent if entry["item"] == item_id]
        shown = [entry["part"] for entry in entries if entry["revision"]]
        none = [entry["part"] for entry in entries if not entry["revision"]]
        if shown:
            lines.append(describe_absent(item_id, shown, kept.earlier_revision))
        if none:
            lines.append(describe_absent(item_id, none))
    return _box(lines) if lines else None


def describe_absent(item_id: str, parts: list[str], revision: str = "") -> str:
    """Say in one sentence what is absent, what stands in, and how to get the recordings."""
    item = load_manifest().items.get(item_id)
    title = f"{item.title} ({item_id})" if item else item_id
    how = f"the recordings '{title}' are not here: run make data, or set GAITLIB_DATA to their folder"
    if revision:
        return f"From an earlier run, revision {revision[:7]}: {join_words(parts)}; {how}."
    return f"Not shown: {join_words(parts)}; {how}."


def _box(lines: list[str]):
    from IPython.display import HTML

    words = []
    for line in lines:
        head, colon, rest = html.escape(line, quote=False).partition(": ")
        words.append(f"<p><strong>{head}{colon.strip()}</strong> {rest}</p>")
    return HTML(f'<div class="earlier" role="note">{"".join(words)}</div>')


def read_card() -> dict:
    """Read what is shipped: revision, command, hash of the library, and per table its item and hash."""
    path = FOLDER / CARD
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def has_changed(results: Path, name: str) -> bool:
    """Tell whether a page was made without recordings that are here now, or from other earlier results."""
    path = results / f"{name}.json"
    try:
        absent = json.loads(path.read_text(encoding="utf-8")).get("absent", [])
    except (OSError, ValueError, AttributeError):
        return False
    if not absent:
        return False
    card = FOLDER / CARD
    if card.is_file() and card.stat().st_mtime > path.stat().st_mtime:
        return True
    items = load_manifest().items
    found = {entry["item"]: items[entry["item"]] for entry in absent if entry["item"] in items}
    return any(count_present(key, item) == len(item.files) for key, item in found.items())
