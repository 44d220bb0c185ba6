"""Conditional generators that the flow has to beat: Gaussian neighbours and a variational autoencoder.

All work on the same vectors, through the same decoding and the same correction, so that only the model of
the distribution differs. The autoencoder: Kingma & Welling 2014 (arXiv 1312.6114), conditioned as Sohn et al.
2015 (Learning structured output representation using deep conditional generative models).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch import nn

from gaitlib.generate.conditions import check_conditions
from gaitlib.generate.curve_corrections import FloorBand, finish_samples, measure_floor_band
from gaitlib.generate.flow import GaitGenerator
from gaitlib.generate.flow_network import GeneratorConfig
from gaitlib.generate.learnable_gaits import select_learnable, select_learned
from gaitlib.generate.network_training import build_network, compute_rate, take_step, use_one_thread
from gaitlib.generate.representation import GaitRepresentation

_BATCH = 128
_RATE = 2e-3
_WARM_SHARE = 0.3


class StrideAutoencoder(nn.Module):
    """Encoder and decoder of strides given their conditions, all of them known."""

    def __init__(self, n_conditions: int, n_components: int, n_latent: int = 8, hidden: int = 128) -> None:
        super().__init__()
        self.n_latent = n_latent

        def build(n_in: int, n_out: int) -> nn.Sequential:
            layers = [nn.Linear(n_in, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU()]
            return nn.Sequential(*layers, nn.Linear(hidden, n_out))

        self.encoder = build(n_components + n_conditions, 2 * n_latent)
        self.decoder = build(n_latent + n_conditions, n_components)
        self.log_noise = nn.Parameter(torch.full((n_components,), -1.0))

    def compute_loss(
        self, components: torch.Tensor, conditions: torch.Tensor, weight: float, generator: torch.Generator
    ) -> torch.Tensor:
        """Compute the negative evidence lower bound; shape ()."""
        mean, log_scale = self.encoder(torch.cat([components, conditions], dim=1)).chunk(2, dim=1)
        log_scale = log_scale.clamp(-6.0, 3.0)
        latent = mean + log_scale.exp() * torch.randn(mean.shape, generator=generator)
        error = components - self.decoder(torch.cat([latent, conditions], dim=1))
        log_noise = self.log_noise.clamp(-4.0, 1.0)
        fit = (0.5 * (error / log_noise.exp()) ** 2 + log_noise).sum(dim=1)
        divergence = (0.5 * (mean**2 + (2 * log_scale).exp() - 1.0) - log_scale).sum(dim=1)
        return (fit + weight * divergence).mean()

    @torch.no_grad()
    def draw(self, conditions: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Draw strides; shape (n, n_components)."""
        latent = torch.randn((len(conditions), self.n_latent), generator=generator)
        mean = self.decoder(torch.cat([latent, conditions], dim=1))
        noise = torch.randn(mean.shape, generator=generator)
        return mean + self.log_noise.clamp(-4.0, 1.0).exp() * noise


def train_autoencoder(
    conditions: np.ndarray, components: np.ndarray, order: np.ndarray, sign: np.ndarray, steps: int, seed: int
) -> StrideAutoencoder:
    """Train the autoencoder."""
    generator = torch.Generator().manual_seed(seed)
    n = conditions.shape[1]
    first = torch.Generator().manual_seed(seed)
    model = build_network(lambda: StrideAutoencoder(n, components.shape[1]), first)
    data = torch.as_tensor(np.concatenate([conditions, components], axis=1), dtype=torch.float32)
    order, sign = torch.as_tensor(order), torch.as_tensor(sign, dtype=torch.float32)
    optimiser = torch.optim.AdamW(model.parameters(), lr=_RATE, weight_decay=1e-4)
    for step in range(steps):
        batch = data[torch.randint(len(data), (_BATCH,), generator=generator)]
        flip = torch.rand((len(batch), 1), generator=generator) < 0.5
        batch = torch.where(flip, batch[:, order] * sign, batch)
        weight = min(1.0, step / max(1.0, _WARM_SHARE * steps))
        loss = model.compute_loss(batch[:, n:], batch[:, :n], weight, generator)
        take_step(optimiser, loss, compute_rate(_RATE, step / steps, 0.02))
    return model.eval()


class BaselineGenerator:
    """What all share: representation and way out; each has `_prepare(vectors)`, `_draw(encoded, rng)`."""

    def __init__(self) -> None:
        self.representation: GaitRepresentation | None = None
        self.floor = FloorBand()

    def fit(
        self, table: pd.DataFrame, gaits: xr.Dataset, flow: GaitGenerator | None = None
    ) -> BaselineGenerator:
        """Learn from a library; beside a flow, from what it learned from, in its representation."""
        if flow is None:
            table, gaits = select_learnable(table, gaits)
            self.floor = measure_floor_band(table, gaits)
            config = GeneratorConfig()
            self.representation = GaitRepresentation(config.explained, config.max_components)
            self.representation.fit(table, gaits)
        else:
            table, gaits = select_learned(table, gaits, flow.gait_ids)
            self.floor, self.representation = flow.floor, flow.representation
        self._prepare(self.representation.encode(table, gaits))
        return self

    def sample(
        self, conditions: pd.DataFrame, seed: int = 0, correct: bool = True
    ) -> tuple[pd.DataFrame, xr.Dataset]:
        """Generate one stride per row, as `GaitGenerator.sample`."""
        wanted = check_conditions(conditions, self.representation.conditions)
        encoded = self.representation.conditions.encode(wanted)
        vectors = self._draw(encoded, np.random.default_rng(seed))
        return finish_samples(self.representation, self.floor, vectors, wanted, conditions, correct)


class NeighbourGenerator(BaselineGenerator):
    """The library gait with the nearest conditions, plus Gaussian noise on its components."""

    def __init__(self, noise: float = 0.1) -> None:
        super().__init__()
        self.noise = noise  # in standard deviations of the library

    def _prepare(self, vectors: np.ndarray) -> None:
        self._library = vectors

    def _draw(self, encoded: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        rows = _find_near_rows(encoded, self._library, rng)
        drawn = self._library[rows]
        n_conditions = encoded.shape[1]
        drawn[:, n_conditions:] += self.noise * rng.standard_normal(drawn[:, n_conditions:].shape)
        return drawn


class AutoencoderGenerator(BaselineGenerator):
    """A conditional variational autoencoder; conditions left open are those of a near library gait."""

    def __init__(self, steps: int = 2000, seed: int = 0) -> None:
        super().__init__()
        self.steps, self.seed = steps, seed

    def _prepare(self, vectors: np.ndarray) -> None:
        n = self.representation.n_conditions
        mirror = self.representation.get_mirror()
        self._library = vectors
        with use_one_thread():
            self._model = train_autoencoder(vectors[:, :n], vectors[:, n:], *mirror, self.steps, self.seed)

    def _draw(self, encoded: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        n = encoded.shape[1]
        near = self._library[_find_near_rows(encoded, self._library, rng), :n]
        known = np.where(np.isnan(encoded), near, encoded)
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        made = self._model.draw(torch.as_tensor(known, dtype=torch.float32), generator)
        return np.concatenate([known, made.numpy().astype(float)], axis=1)


def _find_near_rows(encoded: np.ndarray, library: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One of the library rows whose conditions are nearest, as far as conditions are known."""
    known, near = np.isfinite(encoded), [None] * len(encoded)
    for pattern in np.unique(known, axis=0):
        points = library[:, : len(pattern)][:, pattern]
        norm = (points**2).sum(axis=1)
        for index in np.flatnonzero((known == pattern).all(axis=1)):
            row = encoded[index, pattern]
            rough = norm - 2 * points @ row  # leaves few, of which the distance is taken without rounding
            rows = np.flatnonzero(rough <= rough.min() + 1e-6)
            distance = ((row - points[rows]) ** 2).sum(axis=1)
            near[index] = rows[distance <= distance.min() + 1e-12]
    return np.array([rng.choice(rows) for rows in near], dtype=int)


class LinearGaussianGenerator(BaselineGenerator):
    """One Gaussian over conditions and components; the open follows the known by linear regression."""

    def __init__(self, ridge: float = 1e-3) -> None:
        super().__init__()
        self.ridge = ridge  # added to the variance of every entry; those of the library are 1

    def _prepare(self, vectors: np.ndarray) -> None:
        self._mean = vectors.mean(axis=0)
        self._covariance = np.cov(vectors, rowvar=False) + self.ridge * np.eye(vectors.shape[1])

    def _draw(self, encoded: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        n, n_entries = len(encoded), len(self._mean)
        drawn = np.empty((n, n_entries))
        noise = rng.standard_normal((n, n_entries))
        known = np.zeros((n, n_entries), dtype=bool)
        known[:, : encoded.shape[1]] = np.isfinite(encoded)
        for pattern in np.unique(known, axis=0):
            rows = np.flatnonzero((known == pattern).all(axis=1))
            a, b = np.flatnonzero(pattern), np.flatnonzero(~pattern)
            cov = self._covariance
            slope = np.linalg.solve(cov[np.ix_(a, a)], cov[np.ix_(a, b)]) if a.size else np.zeros((0, b.size))
            left = cov[np.ix_(b, b)] - cov[np.ix_(b, a)] @ slope
            factor = np.linalg.cholesky(left + 1e-9 * np.eye(b.size))
            given = encoded[rows][:, a]
            drawn[np.ix_(rows, a)] = given
            mean = self._mean[b] + (given - self._mean[a]) @ slope
            drawn[np.ix_(rows, b)] = mean + noise[np.ix_(rows, b)] @ factor.T
        return drawn
