"""GaitGenerator: strides of any person, learned from the library by conditional flow matching."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.errors import InputError
from gaitlib.generate.checks import LibraryLimits, measure_limits
from gaitlib.generate.conditions import ConditionScale, check_conditions
from gaitlib.generate.curve_corrections import FloorBand, finish_samples, measure_floor_band
from gaitlib.generate.learnable_gaits import hash_library, select_learnable, select_verified
from gaitlib.generate.representation import Components, GaitRepresentation
from gaitlib.generate.weights_file import WeightsForm, read_weights, write_weights
from gaitlib.simulate.library import hash_gaits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch

    from gaitlib.generate.flow_network import GeneratorConfig


class GaitGenerator:
    """A conditional generative model of a stride.

    One flow over the whole vector of a stride, its conditions included. Any subset of the conditions may
    be known; those left open are sampled together with the stride, so a stride asked for by speed alone
    comes with a person who fits.
    """

    def __init__(self) -> None:
        self.config: GeneratorConfig | None = None
        self.representation: GaitRepresentation | None = None
        self.network = None
        self.history = pd.DataFrame()
        self.library_hash = ""  # SHA-256 of the gaits that it learned from
        self.release = ""  # hash of the library that these are part of (`Library.hash`)
        self.seed = 0
        self.gait_ids: list[str] = []
        self.train_s = float("nan")
        self.floor = FloorBand()
        self.limits: LibraryLimits | None = None

    def fit(
        self,
        table: pd.DataFrame,
        gaits: xr.Dataset,
        config: GeneratorConfig | dict | None = None,
        seed: int = 0,
        folder: str | Path | None = None,
        monitor: tuple[pd.DataFrame, xr.Dataset] | None = None,
        report=None,
        release: str = "",
        compute_loss: Callable | None = None,
    ) -> GaitGenerator:
        """Learn from a library; rows with `verified` False and isolated solutions are left out.

        `folder` holds the checkpoint, named after data, settings and seed: an interrupted training goes on
        from it, any other leaves it alone. `monitor`: gaits of other people whose loss is followed and never
        learned from. `release`: hash of the library that `table` is a part of. `compute_loss`: in place of
        `compute_flow_loss`.
        """
        from gaitlib.generate.flow_network import (
            compute_flow_loss,
            find_checkpoint,
            parse_generator_config,
            train_flow,
        )
        from gaitlib.generate.network_training import use_one_thread

        self.config = parse_generator_config(config)
        self.seed = int(seed)
        table, gaits = select_learnable(table, gaits)
        self.gait_ids = table["gait_id"].astype(str).to_list()
        self.floor = measure_floor_band(table, gaits)
        self.limits = measure_limits(table, gaits)
        self.representation = GaitRepresentation(self.config.explained, self.config.max_components)
        self.representation.fit(table, gaits)
        vectors = self.representation.encode(table, gaits)
        self.library_hash = hash_library(table, gaits)
        self.release = release or hash_gaits(self.gait_ids)
        own = (self.config, self.seed, compute_loss)
        checkpoint = find_checkpoint(folder, self.library_hash, "generator", *own)
        others = None if monitor is None else self.representation.encode(*select_verified(*monitor))
        started = time.perf_counter()
        with use_one_thread():
            self.network, self.history = train_flow(
                vectors,
                self.representation.get_layout(),
                self.config,
                self.seed,
                checkpoint=checkpoint,
                monitor=others,
                report=report,
                compute_loss=compute_loss or compute_flow_loss,
            )
        self.train_s = time.perf_counter() - started
        return self

    def sample(
        self, conditions: pd.DataFrame, seed: int | torch.Generator = 0, correct: bool = True
    ) -> tuple[pd.DataFrame, xr.Dataset]:
        """Generate one stride per row of wanted conditions (`gaitlib.generate.conditions`): table and gait
        set.

        Missing columns and empty cells are open; person_id, cohort, walk_id are carried along.
        `within_library`: every given condition lies in the library's range. `correct`: fix the stance foot to
        the floor afterwards.
        """
        if self.network is None:
            raise InputError("generator: not trained yet; call fit() or load() first.")
        scale = self.representation.conditions
        wanted = check_conditions(conditions, scale)
        vectors = self.sample_vectors(scale.encode(wanted), seed)
        return finish_samples(self.representation, self.floor, vectors, wanted, conditions, correct)

    def save(self, path: str | Path) -> Path:
        """Write weights, scales and their description to one safetensors file."""
        if self.network is None:
            raise InputError("generator: not trained yet; call fit() before save().")
        r = self.representation
        tensors = {f"network.{k}": v.detach().cpu().numpy() for k, v in self.network.state_dict().items()}
        for side, part in (("symmetric", r.symmetric), ("antisymmetric", r.antisymmetric)):
            tensors |= {f"{side}.{name}": getattr(part, name) for name in _PART_FIELDS}
        tensors |= {f"conditions.{name}": getattr(r.conditions, name) for name in _SCALE_FIELDS}
        tensors |= {f"scales.{name}": value for name, value in r.scales.items()}
        description = {
            "format": FORM.version,
            "config": self.config.model_dump(),
            "conditions": list(r.conditions.names),
            "constants": r.conditions.constants,
            "contact_scale": r.contact_scale,
            "library_hash": self.library_hash,
            "release": self.release,
            "gait_ids": self.gait_ids,
            "floor": [self.floor.lower, self.floor.upper],
            "limits": {name: np.asarray(value).tolist() for name, value in vars(self.limits).items()},
            "seed": self.seed,
            "history": self.history.to_dict("list"),
        }
        return write_weights(path, FORM, tensors, description)

    @classmethod
    def load(cls, path: str | Path, held_out: Sequence[str] = ()) -> GaitGenerator:
        """Read a generator written by `save`; one that learned from `held_out` gaits is refused."""
        import torch

        from gaitlib.generate.flow_network import create_network, parse_generator_config

        path = Path(path)
        tensors, description = read_weights(path, FORM)
        known = sorted(set(description["gait_ids"]) & set(held_out))
        if known:
            raise InputError(
                f"generator weights {path.name}: learned from {len(known)} gaits that are held out, first "
                f"{known[0]}; expected none. Train it again with the same seed and held-out share."
            )
        generator = cls()
        generator.config = parse_generator_config(description["config"], path.name)
        generator.representation = _rebuild_representation(generator.config, description, tensors)
        generator.library_hash, generator.seed = description["library_hash"], description["seed"]
        generator.release = description.get("release", "")
        generator.gait_ids, generator.floor = description["gait_ids"], FloorBand(*description["floor"])
        limits = {n: np.array(v) if isinstance(v, list) else v for n, v in description["limits"].items()}
        generator.limits = LibraryLimits(**limits)
        generator.history = pd.DataFrame(description["history"])
        r = generator.representation
        network = create_network(r.get_layout(), generator.config)
        own = {n.removeprefix("network."): v for n, v in tensors.items() if n.startswith("network.")}
        network.load_state_dict({n: torch.from_numpy(v.copy()) for n, v in own.items()})
        generator.network = network.eval()
        return generator

    def sample_vectors(
        self, encoded: np.ndarray, seed: int | torch.Generator = 0, noise: np.ndarray | None = None
    ) -> np.ndarray:
        """Sample vectors (n, n_entries), known conditions (standardised, NaN where open) kept."""
        import torch

        from gaitlib.generate.flow_network import sample_flow

        generator = seed if isinstance(seed, torch.Generator) else torch.Generator().manual_seed(int(seed))
        if noise is None:
            noise = torch.randn((len(encoded), len(self.representation.names)), generator=generator)
        noise = torch.as_tensor(noise, dtype=torch.float32)
        return sample_flow(self.network, encoded, noise, self.config.ode_steps)


FORM = WeightsForm("generator", "description", "{name} {dtype} {shape}", version="gaitlib-generator-4")
_PART_FIELDS = ("mean", "to_vector", "to_coefficients", "share")
_SCALE_FIELDS = ("mean", "scale", "lower", "upper", "derived")


def _rebuild_representation(config, description: dict, tensors: dict) -> GaitRepresentation:
    r = GaitRepresentation(config.explained, config.max_components)
    r.symmetric = Components(*(tensors[f"symmetric.{name}"] for name in _PART_FIELDS))
    r.antisymmetric = Components(*(tensors[f"antisymmetric.{name}"] for name in _PART_FIELDS))
    scale = [tensors[f"conditions.{name}"] for name in _SCALE_FIELDS]
    r.conditions = ConditionScale(tuple(description["conditions"]), *scale, description["constants"])
    r.contact_scale = description["contact_scale"]
    r.scales = {n.removeprefix("scales."): v for n, v in tensors.items() if n.startswith("scales.")}
    return r
