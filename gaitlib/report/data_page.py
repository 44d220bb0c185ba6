"""The book's page about real data, written from the manifest."""

from __future__ import annotations

from pathlib import Path

from gaitlib.data.manifest import DataItem, load_manifest

_ROLE_WORDS = {
    "evaluate": "evaluation",
    "baseline": "training of real-data baselines",
    "calibrate": "calibration of the simulator",
}

_HEAD = """# Which real people are in this book?

Nobody was recorded for this book. It reads open recordings that others published, and downloads none of them
without saying so. This page is written from `data_manifest.yaml`, which holds address, size and SHA-256 of
every file; `gaitlib data verify` checks them.

Each set has a role. **Evaluation**: people on whom claims are tested; no synthetic-trained model sees them in
training, tuning or choice. **Training of real-data baselines**: the same people may train the baselines that
stand beside it, cross-validated by person. **Calibration**: healthy adults only, on whom the simulator was
adjusted.

"""


def write_data_page(manifest_file: str | Path, target: str | Path) -> Path:
    """Write the page."""
    items = load_manifest(manifest_file).items
    read = {name: item for name, item in items.items() if item.fetch == "auto"}
    added = {name: item for name, item in items.items() if name not in read}
    text = _HEAD + "## Sets that are read\n\n" + "".join(_describe(name, item) for name, item in read.items())
    text += "## Sets that you can add\n\nThey need a registration or an agreement of their own. Once the "
    text += "files lie in your data folder, the readers take them.\n\n"
    text += "".join(_describe(name, item) for name, item in added.items())
    Path(target).write_text(text, encoding="utf-8")
    return Path(target)


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
