"""The data manifest: what real data there are, from where, under which licence, and for which use."""

from __future__ import annotations

import functools
import re
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

from pydantic import Field, field_validator, model_validator

from gaitlib.environment import SHIPPED
from gaitlib.errors import InputError, suggest_name
from gaitlib.schema import Section, check_values, read_yaml

Role = Literal["evaluate", "baseline", "calibrate"]
ROLES: tuple[str, ...] = get_args(Role)
"""evaluate: claims are tested on these people; baseline: may also train real-data baselines, person-wise
cross-validated; calibrate: healthy adults only, for the simulator."""

Population = Literal[
    "healthy_adult",
    "older_adult",
    "healthy_child",
    "cerebral_palsy",
    "parkinsons",
    "multiple_sclerosis",
    "neurological",
    "weakness",
    "joint",
    "amputee",
    "stroke",
]
CALIBRATION_POPULATIONS = frozenset({"healthy_adult", "older_adult"})
"""Whom the simulator may be calibrated on: healthy adults of any age, never children or patients."""

_SHIPPABLE = ("Apache-2.0", "MIT", "BSD-3-Clause", "ODC-By-1.0", "CC-BY-4.0", "CC0-1.0")
_NOT_SHIPPABLE = re.compile(
    r"\b[AL]?GPL|\bNC\b|non-?commercial|\bND\b|\bSA\b|re-?host|read it before use|states? none", re.IGNORECASE
)

MANIFEST_NAME = "data_manifest.yaml"


def find_obstacle(licence: str) -> str | None:
    """Say what in a licence forbids to ship a set."""
    found = _NOT_SHIPPABLE.search(licence)
    if found:
        return f"'{found[0]}' in its licence: copyleft, non-commercial or not to be re-hosted"
    if licence.split()[0] not in _SHIPPABLE:
        return f"the licence does not begin with one of {', '.join(_SHIPPABLE)}"
    return None


class DataFile(Section):
    """One file of an item: name below the item's folder, size, hash and public address."""

    name: str = Field(min_length=1)
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    url: str = Field(pattern=r"^https://")

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        parts = PurePosixPath(name).parts
        if name.startswith("/") or ".." in parts or "\\" in name:
            raise ValueError("must stay below the folder of the item")
        return name


class DataItem(Section):
    """One data set: who is in it, its licence, its role and its files.

    `lies_with` names the item whose files hold these people too: other rows, other role, one file.
    """

    title: str = Field(min_length=1)
    short: str = ""
    """What tables call it, where the title is too long."""
    subgroup: str = Field(min_length=1)
    populations: tuple[Population, ...] = Field(min_length=1)
    n_people: int | None = Field(ge=1)
    roles: tuple[Role, ...] = Field(min_length=1)
    licence: str = Field(min_length=1)
    ethics: str = Field(min_length=1)
    doi: str | None = Field(pattern=r"^10\.\d{4,9}/\S+$")
    fetch: Literal["auto", "manual"]
    holds: str = Field(min_length=1)
    truth: str = ""
    caveat: str = ""
    truth_in_prose: str = ""
    caveat_in_prose: str = ""
    """How the truth of an evaluation was measured, and what that leaves open: sentences for the book."""
    instructions: str = ""
    ship: bool = False
    """Whether what pages use of it is packed into data/recordings; the licence must allow it."""
    notice: str = ""
    """Copyright line or attribution that must travel with a copy."""
    lies_with: str | None = None
    files: tuple[DataFile, ...]

    @model_validator(mode="after")
    def _check_roles(self) -> DataItem:
        if len(set(self.roles)) != len(self.roles):
            raise ValueError("roles: a role is listed twice")
        if "calibrate" in self.roles:
            if len(self.roles) > 1:
                raise ValueError("roles: 'calibrate' excludes 'evaluate' and 'baseline' (same people)")
            others = sorted(set(self.populations) - CALIBRATION_POPULATIONS)
            if others:
                raise ValueError(f"roles: 'calibrate' is for healthy adults only, found {', '.join(others)}")
        if "baseline" in self.roles and "evaluate" not in self.roles:
            raise ValueError("roles: 'baseline' needs 'evaluate' beside it")
        return self

    @model_validator(mode="after")
    def _check_shipping(self) -> DataItem:
        if self.ship:
            obstacle = find_obstacle(self.licence)
            if obstacle:
                raise ValueError(f"ship: may not be true, {obstacle}")
            if not self.notice:
                raise ValueError("notice: a set that is shipped needs its copyright line or attribution")
        return self

    @model_validator(mode="after")
    def _check_files(self) -> DataItem:
        names = [file.name for file in self.files]
        double = sorted({name for name in names if names.count(name) > 1})
        if double:
            raise ValueError(f"files: listed twice: {', '.join(double)}")
        if self.fetch == "auto" and not self.files:
            raise ValueError("files: an item with fetch 'auto' needs files")
        if self.fetch == "manual" and not self.instructions:
            raise ValueError("instructions: an item with fetch 'manual' must say how to get it")
        return self

    @property
    def label(self) -> str:
        """What tables call it."""
        return self.short or self.title

    @property
    def n_bytes(self) -> int:
        """Size of all files."""
        return sum(file.bytes for file in self.files)


class Artefact(Section):
    """A file made by this project and shipped with it."""

    title: str = Field(min_length=1)
    origin: Literal[
        "simulated",
        "trained on simulated walks",
        "estimates of real people",
        "recordings of real people, packed",
    ]
    licence: str = Field(min_length=1)
    command: str = Field(min_length=1)
    revision: str = Field(pattern=r"^[0-9a-f]{7,40}$")
    bytes: int = Field(ge=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(Section):
    """All items by id, and the artefacts that the project ships by path."""

    version: Literal[1]
    groups: dict[str, str] = Field(default_factory=dict)
    """What tables call a group of recorded people -> its words in prose."""
    items: dict[str, DataItem] = Field(min_length=1)
    artefacts: dict[str, Artefact] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_shared_files(self) -> Manifest:
        for name, item in self.items.items():
            if item.lies_with is None:
                continue
            other = self.items.get(item.lies_with)
            if other is None or not set(item.files) <= set(other.files):
                raise ValueError(
                    f"items.{name}.lies_with: found '{item.lies_with}', expected an item with the same files"
                )
        return self

    def get_item(self, item_id: str) -> DataItem:
        """Look up an item."""
        if item_id not in self.items:
            raise InputError(
                f"data item '{item_id}' is not in the manifest{suggest_name(item_id, self.items)}"
            )
        return self.items[item_id]


def load_manifest(path: str | Path | None = None) -> Manifest:
    """Read and check the data manifest."""
    path = Path(path) if path is not None else SHIPPED / MANIFEST_NAME
    # Read once per process and version of the file: loops over recordings ask for it again and again.
    return _read_manifest(path, path.stat().st_mtime_ns if path.is_file() else 0)


@functools.lru_cache(maxsize=4)
def _read_manifest(path: Path, _changed: int) -> Manifest:
    return parse_manifest(read_yaml(path, "data manifest"), path.name)


def parse_manifest(values: object, where: str = MANIFEST_NAME) -> Manifest:
    """Check plain values against the schema of the manifest."""
    return check_values(Manifest, values, where)
