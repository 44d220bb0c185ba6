"""`gaitlib keep`: results of a run with every recording, for the pages of those who lack some."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pandas as pd

from gaitlib.environment import ROOT, hash_file
from gaitlib.errors import InputError, WorkError
from gaitlib.simulate.library import load_library
from gaitlib.workflow.earlier import CARD, FOLDER, PARTS


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
    from gaitlib.simulate.card import find_revision

    results = ROOT / build / "results"
    for path in sorted(results.glob("*.json")):
        absent = json.loads(path.read_text(encoding="utf-8")).get("absent")
        if absent:
            names = ", ".join(sorted({entry["item"] for entry in absent}))
            raise InputError(
                f"{build}: page {path.stem} itself lacked recordings ({names}); run make data and make book, "
                "then keep the results of that run"
            )
    missing = [name for name in PARTS if not (results / f"{name}.parquet").is_file()]
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
    for name, item in PARTS.items():
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
