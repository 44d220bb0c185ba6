"""Estimator files: safetensors with a JSON header that says what it is and guards its content."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from gaitlib.errors import InputError

KIND, VERSION = "gaitlib-estimator", "2"


def save_estimator(path: str | Path, tensors: dict, about: dict) -> None:
    """Write tensors and what is said about them."""
    from safetensors.torch import save_file

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}
    text = json.dumps(about, sort_keys=True)
    header = {"kind": KIND, "version": VERSION, "about": text, "sha256": _hash(tensors, text)}
    save_file(tensors, str(path), metadata=header)


def load_estimator(path: str | Path) -> tuple[dict, dict]:
    """Read what `save_estimator` wrote."""
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path.name}: estimator file not found. Train one, or name the right file.")
    try:
        with safe_open(str(path), framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path.name}: not a readable safetensors file ({error}).") from None
    if header.get("kind") != KIND:
        raise InputError(
            f"{path.name}: found kind '{header.get('kind')}', expected '{KIND}'. Name an estimator file."
        )
    if header.get("version") != VERSION:
        raise InputError(
            f"{path.name}: found version {header.get('version')}, expected {VERSION}. Train it again."
        )
    if header.get("sha256") != _hash(tensors, header.get("about", "")):
        raise InputError(
            f"{path.name}: content does not match its checksum; the file was changed or cut. Get it again."
        )
    return tensors, json.loads(header["about"])


def _hash(tensors: dict, text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(str(tuple(tensors[name].shape)).encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()
