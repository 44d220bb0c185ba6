"""Weights files: safetensors with a description in the header, both guarded by one hash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from gaitlib.errors import InputError


@dataclass(frozen=True)
class WeightsForm:
    """How the file of one kind of model looks."""

    what: str
    key: str  # of the description in the header
    label: str  # of a tensor in the hash
    header: dict[str, str] = field(default_factory=dict)  # what else the header holds
    version: str = ""  # what the description says of its own form


def write_weights(path: str | Path, form: WeightsForm, tensors: dict[str, np.ndarray], about: dict) -> Path:
    """Write tensors and what is said about them."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    text = json.dumps(about)
    save_file(tensors, path, {**form.header, form.key: text, "sha256": _hash(form, tensors, text)})
    return path


def read_weights(path: str | Path, form: WeightsForm) -> tuple[dict[str, np.ndarray], dict]:
    """Read what `write_weights` wrote, and nothing else."""
    path = Path(path)
    where, remedy = (
        f"{form.what} weights {path.name}",
        "Train it again, or fetch it again (gaitlib data verify).",
    )
    if not path.is_file():
        raise InputError(f"{where}: file not found. {remedy}")
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        text = header.get(form.key, "{}")
        about = json.loads(text)
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{where}: not a readable safetensors file ({error}). {remedy}") from None
    expected = form.header | ({"format": form.version} if form.version else {})
    for name, value in expected.items():
        found = (header if name in form.header else about).get(name, "none")
        if found != value:
            raise InputError(f"{where}: found {name} '{found}', expected '{value}'. {remedy}")
    if header.get("sha256") != _hash(form, tensors, text):
        raise InputError(
            f"{where}: the content does not match its checksum: the file was changed or damaged. {remedy}"
        )
    return tensors, about


def _hash(form: WeightsForm, tensors: dict[str, np.ndarray], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        value = np.ascontiguousarray(tensors[name])
        digest.update(form.label.format(name=name, dtype=value.dtype, shape=value.shape).encode())
        digest.update(value.tobytes())
    return digest.hexdigest()
