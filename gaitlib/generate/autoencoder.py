"""A conditional variational autoencoder of strides, the second rival of the flow.

Imports torch: only code that trains or samples it imports this module.

Kingma & Welling 2014 (arXiv 1312.6114), conditioned as Sohn et al. 2015 (Learning structured output
representation using deep conditional generative models).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

_BATCH = 128
_RATE = 2e-3
_WARM_SHARE = 0.3


class StrideAutoencoder(nn.Module):
    """Encoder and decoder of strides given their conditions, all of them known.

    Parameters
    ----------
    n_conditions, n_components : int
        Length of the conditions and of what is generated.
    n_latent, hidden : int
        Latent dimensions and width.
    """

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
        """Compute the negative evidence lower bound.

        Parameters
        ----------
        components, conditions : tensor, shape (n, n_components) and (n, n_conditions)
            Strides.
        weight : float
            Of the divergence from the prior; rises to 1 in training.
        generator : torch.Generator
            Source of noise.

        Returns
        -------
        tensor, shape ()
            Mean over strides.
        """
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
        """Draw strides.

        Parameters
        ----------
        conditions : tensor, shape (n, n_conditions)
            Known conditions.
        generator : torch.Generator
            Source of noise.

        Returns
        -------
        tensor, shape (n, n_components)
            Components, the noise of the decoder included.
        """
        latent = torch.randn((len(conditions), self.n_latent), generator=generator)
        mean = self.decoder(torch.cat([latent, conditions], dim=1))
        noise = torch.randn(mean.shape, generator=generator)
        return mean + self.log_noise.clamp(-4.0, 1.0).exp() * noise


def train_autoencoder(
    conditions: np.ndarray, components: np.ndarray, order: np.ndarray, sign: np.ndarray, steps: int, seed: int
) -> StrideAutoencoder:
    """Train the autoencoder.

    Parameters
    ----------
    conditions, components : array, shape (n, n_conditions) and (n, n_components)
        Vectors of the library.
    order, sign : array, shape (n_conditions + n_components,)
        The mirror: half of every batch is turned.
    steps : int
        Batches.
    seed : int
        Fixes weights, batches and noise.

    Returns
    -------
    StrideAutoencoder
        Trained.
    """
    generator = torch.Generator().manual_seed(seed)
    n = conditions.shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = StrideAutoencoder(n, components.shape[1])
    data = torch.as_tensor(np.concatenate([conditions, components], axis=1), dtype=torch.float32)
    order, sign = torch.as_tensor(order), torch.as_tensor(sign, dtype=torch.float32)
    optimiser = torch.optim.AdamW(model.parameters(), lr=_RATE, weight_decay=1e-4)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = _RATE * (0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * step / steps)))
        batch = data[torch.randint(len(data), (_BATCH,), generator=generator)]
        flip = torch.rand((len(batch), 1), generator=generator) < 0.5
        batch = torch.where(flip, batch[:, order] * sign, batch)
        weight = min(1.0, step / max(1.0, _WARM_SHARE * steps))
        loss = model.compute_loss(batch[:, n:], batch[:, :n], weight, generator)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    return model.eval()
