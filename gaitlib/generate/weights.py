"""The file of a trained generator: safetensors with its description, checked on reading."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from gaitlib.errors import InputError
from gaitlib.generate.checks import LibraryLimits
from gaitlib.generate.conditions import ConditionScale
from gaitlib.generate.config import parse_generator_config
from gaitlib.generate.correct import FloorBand
from gaitlib.generate.representation import GaitRepresentation, Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gaitlib.generate.flow import GaitGenerator

FORMAT = "gaitlib-generator-4"
_PART_FIELDS = ("mean", "to_vector", "to_coefficients", "share")
_SCALE_FIELDS = ("mean", "scale", "lower", "upper", "derived")


def write_weights(generator: GaitGenerator, path: Path) -> Path:
    """Write a trained generator."""
    from safetensors.numpy import save_file

    r = generator.representation
    tensors = {f"network.{k}": v.detach().cpu().numpy() for k, v in generator.network.state_dict().items()}
    for side, part in (("symmetric", r.symmetric), ("antisymmetric", r.antisymmetric)):
        tensors |= {f"{side}.{name}": getattr(part, name) for name in _PART_FIELDS}
    tensors |= {f"conditions.{name}": getattr(r.conditions, name) for name in _SCALE_FIELDS}
    tensors |= {f"scales.{name}": value for name, value in r.scales.items()}
    tensors = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    description = {
        "format": FORMAT,
        "config": generator.config.model_dump(),
        "conditions": list(r.conditions.names),
        "constants": r.conditions.constants,
        "contact_scale": r.contact_scale,
        "library_hash": generator.library_hash,
        "release": generator.release,
        "gait_ids": generator.gait_ids,
        "floor": [generator.floor.lower, generator.floor.upper],
        "limits": {name: np.asarray(value).tolist() for name, value in vars(generator.limits).items()},
        "seed": generator.seed,
        "history": generator.history.to_dict("list"),
    }
    text = json.dumps(description)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={"description": text, "sha256": _hash_content(tensors, text)})
    return path


def read_weights(generator: GaitGenerator, path: Path, held_out: Sequence[str] = ()) -> GaitGenerator:
    """Read a trained generator."""
    import torch
    from safetensors import SafetensorError, safe_open

    from gaitlib.generate.train import build_network

    remedy = "Train it again or fetch it again (gaitlib data verify)."
    if not path.is_file():
        raise InputError(f"generator weights {path.name}: file not found. {remedy}")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(
            f"generator weights {path.name}: not a readable safetensors file ({error}). {remedy}"
        ) from None
    text = metadata.get("description", "{}")
    found = _parse_description(text).get("format", "none")
    if found != FORMAT:
        raise InputError(
            f"generator weights {path.name}: found format '{found}', expected '{FORMAT}'. {remedy}"
        )
    if metadata.get("sha256") != _hash_content(tensors, text):
        raise InputError(
            f"generator weights {path.name}: the content does not match the hash it was written with: "
            f"the file was changed or damaged. {remedy}"
        )
    description = json.loads(text)
    known = sorted(set(description["gait_ids"]) & set(held_out))
    if known:
        raise InputError(
            f"generator weights {path.name}: learned from {len(known)} gaits that are held out, first "
            f"{known[0]}; expected none. Train it again with the same seed and held-out share."
        )
    generator.config = parse_generator_config(description["config"], path.name)
    generator.representation = _rebuild_representation(generator.config, description, tensors)
    generator.library_hash, generator.seed = description["library_hash"], description["seed"]
    generator.release = description.get("release", "")
    generator.gait_ids, generator.floor = description["gait_ids"], FloorBand(*description["floor"])
    limits = {n: np.array(v) if isinstance(v, list) else v for n, v in description["limits"].items()}
    generator.limits = LibraryLimits(**limits)
    generator.history = pd.DataFrame(description["history"])
    r = generator.representation
    network = build_network(r.get_layout(), generator.config)
    prefix = "network."
    state = {n[len(prefix) :]: torch.from_numpy(v.copy()) for n, v in tensors.items() if n.startswith(prefix)}
    network.load_state_dict(state)
    generator.network = network.eval()
    return generator


def _rebuild_representation(config, description: dict, tensors: dict) -> GaitRepresentation:
    r = GaitRepresentation(config.explained, config.max_components)
    r.symmetric = Part(*(tensors[f"symmetric.{name}"] for name in _PART_FIELDS))
    r.antisymmetric = Part(*(tensors[f"antisymmetric.{name}"] for name in _PART_FIELDS))
    scale = [tensors[f"conditions.{name}"] for name in _SCALE_FIELDS]
    r.conditions = ConditionScale(tuple(description["conditions"]), *scale, description["constants"])
    r.contact_scale = description["contact_scale"]
    r.scales = {n.removeprefix("scales."): v for n, v in tensors.items() if n.startswith("scales.")}
    return r


def _parse_description(text: str) -> dict:
    try:
        parsed = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _hash_content(tensors: dict[str, np.ndarray], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(f"{name} {value.dtype} {value.shape}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()
