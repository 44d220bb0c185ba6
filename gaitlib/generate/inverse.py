"""From a gait back to what may hinder the person: a posterior over impairments.

An amortised posterior (simulation-based inference): a second, small flow carries noise to impairments,
given person, speed, stride time and the components of the curves. It learns from solved gaits and mostly
from strides of the generator at all doses, whose curves it sees with noise, so that it does not trust details
that no measurement gives. Rare impairments have a peak at healthy and a tail; samples are held to the
library's range.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr

from gaitlib.errors import InputError
from gaitlib.generate.conditions import BASE_CONDITIONS, get_healthy
from gaitlib.generate.flow import GaitGenerator
from gaitlib.generate.flow_network import GeneratorConfig, find_checkpoint, sample_flow, train_flow
from gaitlib.generate.learnable_gaits import select_learned
from gaitlib.generate.network_training import use_one_thread
from gaitlib.generate.representation import VectorLayout

CURVE_NOISE = 0.4
"""Noise on the components (standard deviations of the library)."""

_COPIES, _MOST_COPIES = 20, 20_000
_IMPAIRED_SHARE = 0.7


class ImpairmentPosterior:
    """Posterior over impairments given a gait; the seed fixes training and sampling."""

    def __init__(self, steps: int = 2000, seed: int = 0) -> None:
        self.config = GeneratorConfig(steps=steps, all_known_share=1.0, all_open_share=0.0, hidden=128)
        self.seed = seed
        self.representation = None
        self.network = None

    @property
    def names(self) -> tuple[str, ...]:
        """Impairments that the library varies."""
        return self.representation.conditions.names[len(BASE_CONDITIONS) :]

    def fit(
        self, flow: GaitGenerator, table: pd.DataFrame, gaits: xr.Dataset, folder: str | Path | None = None
    ) -> ImpairmentPosterior:
        """Learn from solved gaits and from strides generated for mixed conditions."""
        self.representation = flow.representation
        if not self.names:
            raise InputError("inverse: no impairment varies in this library; there is nothing to infer.")
        table, gaits = select_learned(table, gaits, flow.gait_ids)
        solved = self.representation.encode(table, gaits)
        drawn = self._draw_conditions(solved)
        vectors = np.concatenate([solved, flow.sample_vectors(drawn, self.seed)])
        layout = self._build_layout()
        checkpoint = find_checkpoint(folder, flow.library_hash, "inverse", self.config, self.seed)
        with use_one_thread():
            self.network, _ = train_flow(
                vectors[:, self._order], layout, self.config, self.seed, checkpoint=checkpoint
            )
        return self

    def sample(self, table: pd.DataFrame, gaits: xr.Dataset, n_samples: int = 200) -> np.ndarray:
        """Sample impairments that may be behind gaits; shape (n, n_samples, len(names)."""
        base = table[[name for name in BASE_CONDITIONS if name in table]]
        healthy = {name: get_healthy(name) for name in self.names}
        known = self.representation.encode(base.assign(**healthy), gaits)[:, self._order]
        n_known = len(self._order) - len(self.names)
        known = np.repeat(known[:, :n_known], n_samples, axis=0)
        generator = torch.Generator().manual_seed(self.seed)
        noise = torch.randn((len(known), len(self._order)), generator=generator)
        made = sample_flow(self.network, known, noise, self.config.ode_steps)[:, n_known:]
        scale = self.representation.conditions
        place = slice(len(BASE_CONDITIONS), None)
        values = made * scale.scale[place] + scale.mean[place]
        values = np.clip(values, scale.lower[place], scale.upper[place])
        return values.reshape(len(table), n_samples, -1)

    def _draw_conditions(self, solved: np.ndarray) -> np.ndarray:
        """Standardised conditions: person and task of one gait, impairments of another at any dose below."""
        rng = np.random.default_rng([self.seed, 3])
        scale, base = self.representation.conditions, len(BASE_CONDITIONS)
        n = min(_COPIES * len(solved), _MOST_COPIES)
        drawn = solved[rng.integers(len(solved), size=n), : self.representation.n_conditions].copy()
        healthy = np.array([get_healthy(name) for name in self.names])
        healthy = (healthy - scale.mean[base:]) / scale.scale[base:]
        impaired = solved[:, base : drawn.shape[1]]
        ill = np.flatnonzero(np.abs(impaired - healthy).max(axis=1) > 1e-6)
        if len(ill):
            dose = rng.uniform(size=(n, 1)) * (rng.uniform(size=(n, 1)) < _IMPAIRED_SHARE)
            drawn[:, base:] = healthy + dose * (impaired[rng.choice(ill, size=n)] - healthy)
        return drawn

    @property
    def _order(self) -> np.ndarray:
        """What is known first (person, task, curves), impairments last."""
        n, base = self.representation.n_conditions, len(BASE_CONDITIONS)
        rest = np.arange(n, len(self.representation.names))
        return np.concatenate([np.arange(base), rest, np.arange(base, n)])

    def _build_layout(self) -> VectorLayout:
        order = self._order
        place = np.argsort(order)
        mirror, sign = self.representation.get_mirror()
        n_known = len(order) - len(self.names)
        jitter = np.zeros(len(order))
        jitter[len(BASE_CONDITIONS) : n_known] = CURVE_NOISE
        return VectorLayout(
            n_entries=len(order),
            n_conditions=n_known,
            mirror_order=place[mirror[order]],
            mirror_sign=sign[order],
            derived=np.zeros((0, n_known)),
            weight=np.ones(len(order)),
            often_open=(),
            jitter=jitter,
        )
