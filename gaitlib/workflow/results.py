"""Where the pages of one study keep their numbers: tables as parquet, single facts as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from gaitlib.environment import ROOT, write_atomically
from gaitlib.errors import InputError


class Results:
    """The results folder of a study, relative to the project, such as 'build/quick/results'."""

    def __init__(self, folder: str) -> None:
        self.folder = ROOT / folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.absent: list[dict[str, str]] = []
        """What this page, or a page that it reads, had no recordings for: item of the manifest, part in
        words, revision of the earlier run that stands in ('' where nothing does)."""

    @property
    def earlier_revision(self) -> str:
        """Revision of the earlier run that these numbers partly rest on; '' for none."""
        return next((entry["revision"] for entry in self.absent if entry["revision"]), "")

    def note_absent(self, item_id: str, part: str, revision: str = "") -> None:
        """Remember that recordings were absent; facts that are kept from now on say so."""
        entry = {"item": item_id, "part": part, "revision": revision}
        if entry not in self.absent:
            self.absent.append(entry)

    def get_path(self, name: str) -> Path:
        """Get the path of a file in the folder."""
        return self.folder / name

    @staticmethod
    def locate(path: str) -> Path:
        """Find a file or folder given relative to the project."""
        return ROOT / path

    def save_table(self, name: str, table: pd.DataFrame) -> pd.DataFrame:
        """Keep a table as parquet, whole or not at all."""
        clean = table.reset_index(drop=True)
        clean.attrs = {}
        write_atomically(self.folder / f"{name}.parquet", clean.to_parquet)
        return table

    def load_table(self, name: str) -> pd.DataFrame:
        """Load a table."""
        return pd.read_parquet(self._find(f"{name}.parquet"))

    def load_tables(self, name: str, keys) -> pd.DataFrame:
        """Load one table per key and put them beneath each other."""
        tables = [self.load_table(f"{name}_{key}") for key in keys]
        filled = [table for table in tables if len(table)]
        return pd.concat(filled or tables, ignore_index=True)

    def save_facts(self, name: str, facts: dict) -> dict:
        """Keep single numbers and words as JSON, and what recordings were absent, if any."""
        if self.absent:
            facts = facts | {"absent": self.absent, "earlier_revision": self.earlier_revision}
        text = json.dumps(facts, indent=1, sort_keys=True, default=_make_plain) + "\n"
        write_atomically(self.folder / f"{name}.json", lambda path: path.write_text(text, encoding="utf-8"))
        return facts

    def load_facts(self, name: str) -> dict:
        """Load what `save_facts` kept; what was absent there counts as absent here too."""
        facts = json.loads(self._find(f"{name}.json").read_text(encoding="utf-8"))
        for entry in facts.get("absent", []):
            self.note_absent(entry["item"], entry["part"], entry["revision"])
        return facts

    def _find(self, file: str) -> Path:
        path = self.folder / file
        if not path.is_file():
            raise InputError(
                f"results: {file} is not there yet; run the earlier notebooks with `gaitlib run`."
            )
        return path


def _make_plain(value):
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be kept as a fact")
