"""Keep the results that stand in for absent recordings, from a run that had all of them.

`python studies/keep_earlier.py build/quick` writes data/earlier and its rows of the manifest.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
import yaml

from gaitlib.data.manifest import load_manifest
from gaitlib.environment import ROOT, hash_file
from gaitlib.errors import InputError, WorkError
from gaitlib.simulate.library import load_library
from gaitlib.simulate.release import find_revision
from gaitlib.workflow.earlier import CARD, FOLDER

PARTS = {
    "angles_in_space": "parkinson_joint_angles",
    "children_in_space": "td_children_c3d",
    "estimates_inertial": "lower_back_events",
    "left_out_steps": "lower_back_events",
    "joint_angle_bands": "parkinson_joint_angles",
    "parkinsons_curves": "parkinson_joint_angles",
    "parkinsons_profiles": "parkinson_joint_angles",
    "published_moment_arms": "adult_walk_3d_moco",
}
"""Table of results that is kept -> item of the manifest that it was computed from; of a table with the column
`dataset` only the rows of that item. Those of the subgroups come on top (`list_parts`)."""


def keep_earlier(build: str | Path, folder: Path | None = None) -> dict:
    """Write the results that stand in for absent recordings, from a finished run that had all of them."""
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
        "command": f"gaitlib run studies/{Path(build).name}.yaml; python studies/keep_earlier.py {build}",
        "revision": revision,
        "library": load_library().hash,
        "tables": tables,
    }
    (folder / CARD).write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return card


def list_parts(results: Path) -> dict[str, str]:
    """List what is kept of a run: `PARTS`, and per subgroup the rows of a set that is not shipped itself."""
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


def main(build: str) -> None:
    """Keep the results of a run."""
    card = keep_earlier(build)
    write_rows(card)
    print(f"data/earlier: {len(card['tables'])} tables of revision {card['revision']}; rows in the manifest")


if __name__ == "__main__":
    main(sys.argv[1])
