"""`gaitlib data list|fetch|verify`."""

from __future__ import annotations

import argparse

from gaitlib.data.fetch import DATA_VARIABLE, count_present, get_paths, inspect_item
from gaitlib.data.manifest import Manifest, load_manifest
from gaitlib.data.packed import is_shipped
from gaitlib.errors import WorkError


def add_data_parser(subparsers) -> argparse.ArgumentParser:
    """Register `data` and its commands."""
    parser = subparsers.add_parser("data", help="list, fetch and verify the real data")
    commands = parser.add_subparsers(dest="data_command", required=True, metavar="list|fetch|verify")
    for name, text in (
        ("list", "table of the data sets"),
        ("fetch", "download what is missing"),
        ("verify", "check the hash of every file that is here"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        if name != "list":
            command.add_argument("ids", nargs="*", metavar="ID", help="data sets (default: all)")
        command.set_defaults(run=run_data)
    return parser


def run_data(arguments: argparse.Namespace) -> int:
    """Run one data command."""
    manifest = load_manifest()
    if arguments.data_command == "list":
        print(format_list(manifest))
        return 0
    ids = list(arguments.ids) or [key for key, item in manifest.items.items() if item.fetch == "auto"]
    for item_id in ids:
        manifest.get_item(item_id)
    run = _fetch if arguments.data_command == "fetch" else _verify
    return max([run(item_id, manifest) for item_id in ids], default=0)


def format_list(manifest: Manifest) -> str:
    """Format the table of all data sets."""
    rows = [("id", "subgroup", "people", "role", "licence", "files", "MB", "present", "shipped")]
    for item_id, item in manifest.items.items():
        present = "by hand" if item.fetch == "manual" else f"{count_present(item_id, item)}/{len(item.files)}"
        rows.append(
            (
                item_id,
                _cut(item.subgroup, 40),
                "?" if item.n_people is None else str(item.n_people),
                "+".join(item.roles),
                _cut(item.licence, 24),
                str(len(item.files)),
                f"{item.n_bytes / 1e6:.1f}",
                present,
                "packed" if is_shipped(item_id, manifest) else "",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(
        line.rstrip() for line in [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]
    )


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 3].rstrip() + "..."


def _fetch(item_id: str, manifest: Manifest) -> int:
    item = manifest.items[item_id]
    if item.fetch == "manual":
        print(f"{item_id}: {item.instructions}")
        return 0
    try:
        paths = get_paths(item_id, item.roles[0], manifest=manifest, download=True)
    except WorkError as error:
        print(f"{item_id}: failed: {error}")
        return 1
    print(f"{item_id}: {len(paths)} files here and verified")
    return 0


def _verify(item_id: str, manifest: Manifest) -> int:
    if manifest.items[item_id].fetch == "manual":
        print(f"{item_id}: added by hand, no hashes to verify")
        return 0
    states = inspect_item(item_id, manifest)
    bad = {name: state for name, state in states.items() if state != "ok"}
    for name, state in list(bad.items())[:10]:
        print(f"{item_id}/{name}: {state}")
    if bad:
        missing = sum(state == "missing" for state in bad.values())
        print(
            f"{item_id}: {missing} files missing, {len(bad) - missing} with a wrong hash, of {len(states)}; "
            f"run 'gaitlib data fetch {item_id}' or set {DATA_VARIABLE}"
        )
        return 1
    print(f"{item_id}: {len(states)} files ok")
    return 0
