"""What pages show where recordings are absent: results of an earlier run, under a visible label.

`gaitlib keep` writes them to data/earlier from a run that had every recording. Only what may be
handed on is there: estimates, references, group means, finished tables; never a recording or one person's
curve.
"""

from __future__ import annotations

import argparse
import html
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from gaitlib.environment import ROOT, hash_file
from gaitlib.errors import AbsentData, InputError, WorkError
from gaitlib.workflow.results import Results

FOLDER = ROOT / "data" / "earlier"
CARD = "earlier.json"
PARTS = {
    "estimates_inertial": "lower_back_events",
    "left_out_steps": "lower_back_events",
    "joint_angle_bands": "parkinson_joint_angles",
    "parkinsons_curves": "parkinson_joint_angles",
    "parkinsons_profiles": "parkinson_joint_angles",
    "published_moment_arms": "adult_walk_3d_moco",
}
"""Table of results that is kept -> item of the manifest that it was computed from; of a table with the column
`dataset` only the rows of that item. Those of the subgroups come on top (`list_parts`)."""


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
    from gaitlib.data.manifest import load_manifest
    from gaitlib.report.page import join_words

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
    from gaitlib.data.fetch import count_present
    from gaitlib.data.manifest import load_manifest

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
    found = [items[entry["item"]] for entry in absent if entry["item"] in items]
    names = [entry["item"] for entry in absent if entry["item"] in items]
    return any(count_present(key, item) == len(item.files) for key, item in zip(names, found, strict=True))


def add_keep_parser(subparsers) -> argparse.ArgumentParser:
    """Add `gaitlib keep` to a command line."""
    text = "keep the results that stand in for absent recordings, from a run that had all of them"
    parser = subparsers.add_parser("keep", help=text, description=text)
    parser.add_argument("build", help="folder of the run, such as build/quick")
    parser.set_defaults(run=run_keep)
    return parser


def run_keep(arguments: argparse.Namespace) -> int:
    """Answer `gaitlib keep`: write data/earlier and its rows of the manifest."""
    card = keep_earlier(arguments.build)
    write_rows(card)
    print(f"data/earlier: {len(card['tables'])} tables of revision {card['revision']}; rows in the manifest")
    return 0


def keep_earlier(build: str | Path, folder: Path | None = None) -> dict:
    """Write the results that stand in for absent recordings, from a finished run that had all of them."""
    from gaitlib.simulate.library import load_library
    from gaitlib.simulate.release import find_revision

    results = ROOT / build / "results"
    for path in sorted(results.glob("*.json")):
        absent = json.loads(path.read_text(encoding="utf-8")).get("absent")
        if absent:
            names = ", ".join(sorted({entry["item"] for entry in absent}))
            raise InputError(
                f"{build}: page {path.stem} itself lacked recordings ({names}); run make data and make book, "
                "then keep the results of that run"
            )
    parts = list_parts(results)
    missing = [name for name in parts if not (results / f"{name}.parquet").is_file()]
    if missing:
        raise InputError(
            f"{build}: has no results {', '.join(missing)}; finish the run with every recording first"
        )
    revision = find_revision()
    if revision.endswith("+") or revision == "unknown":
        raise InputError(
            f"the source is at revision {revision}: commit changes and run the study again, so that the "
            "revision names what made the results"
        )
    folder = folder or FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    tables = {}
    for name, item in parts.items():
        table = pd.read_parquet(results / f"{name}.parquet")
        if "dataset" in table:
            table = table[table["dataset"] == item].reset_index(drop=True)
        if table.empty:
            raise InputError(f"{build}: results {name} hold nothing of {item}")
        path = folder / f"{name}.parquet"
        table.to_parquet(path, compression="zstd")
        tables[name] = {"item": item, "rows": len(table), "sha256": hash_file(path)}
    card = {
        "command": f"gaitlib run studies/{Path(build).name}.yaml; gaitlib keep {build}",
        "revision": revision,
        "library": load_library().hash,
        "tables": tables,
    }
    (folder / CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return card


def list_parts(results: Path) -> dict[str, str]:
    """List what is kept of a run: `PARTS`, and per subgroup the rows of a set that is not shipped itself."""
    from gaitlib.data.manifest import load_manifest

    items = load_manifest().items
    found = {}
    for path in sorted([*results.glob("estimates_*.parquet"), *results.glob("reference_*.parquet")]):
        table = pd.read_parquet(path)
        names = set(table["dataset"]) if "dataset" in table else set()
        away = [name for name in sorted(names & items.keys()) if not items[name].ship]
        if len(away) > 1 and path.stem not in PARTS:
            raise WorkError(f"{path.stem}: rests on {' and '.join(away)}; only one set can be kept per table")
        if away:
            found[path.stem] = away[0]
    return found | PARTS


def write_rows(card: dict, folder: Path | None = None, manifest: Path | None = None) -> None:
    """Write the rows of the earlier results in the manifest anew; all other lines stay as they are."""
    import yaml

    folder, manifest = folder or FOLDER, manifest or ROOT / "data_manifest.yaml"
    rows = {}
    for name, entry in card["tables"].items():
        path = folder / f"{name}.parquet"
        rows[f"data/earlier/{path.name}"] = {
            "title": f"Results of an earlier run with all recordings: {name.replace('_', ' ')}",
            "origin": "estimates of real people",
            "licence": "CC-BY-4.0",
            "command": card["command"],
            "revision": card["revision"],
            "bytes": path.stat().st_size,
            "sha256": entry["sha256"],
        }
    lines, own = [], False
    text = manifest.read_text(encoding="utf-8")
    if "\nartefacts:\n" not in text:
        raise WorkError(f"{manifest.name}: has no artefacts")
    for line in text.splitlines():
        if line.startswith("  ") and not line.startswith("   "):
            own = line.startswith("  data/earlier/")
        elif line and not line.startswith(" "):
            own = False
        if not own:
            lines.append(line)
    new = yaml.safe_dump(rows, sort_keys=False, width=200)
    place = lines.index("artefacts:") + 1
    lines[place:place] = [f"  {line}" for line in new.splitlines()]
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
