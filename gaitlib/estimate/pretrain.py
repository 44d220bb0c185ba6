"""Self-supervised pre-training: hide stretches of synthetic sequences and learn to fill them in.

Masked sequence modelling as in BERT (Devlin et al. 2019, arXiv 1810.04805), for movement e.g. LIMU-BERT
(Xu et al. 2021, doi 10.1145/3485730.3485937): no outcome and no label enters. The encoder then serves as the
start for other tasks.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch import nn

from gaitlib.estimate.fitting import Batch, batch_features, iterate_chunks

_STRETCH_S = (0.12, 0.4)
_HIDDEN_SHARE = 0.4
_RATE_HZ = 12.5
_FACTOR = 4


def pretrain_network(network, sample_clips, seed: int, n_clips: int, executor=None, log=None) -> pd.DataFrame:
    """Train the encoder of a network to fill in hidden stretches."""
    config = network.config
    torch.manual_seed(seed)
    decoder = nn.Conv1d(config.width, network.kind.n_channels, 1)
    parameters = [*network.parameters(), *decoder.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)
    n_chunks = max(1, math.ceil(n_clips / config.chunk_clips))
    steps = max(1, round(config.reuse * config.chunk_clips / config.batch_size))
    rows = []
    network.train()
    rngs = [np.random.default_rng([seed, 31, number]) for number in range(n_chunks)]
    seeds = [int(rng.integers(2**31)) for rng in rngs]
    chunks = iterate_chunks(sample_clips, seeds, config.chunk_clips, executor)
    for number, (rng, clips) in enumerate(zip(rngs, chunks, strict=True)):
        features = [clip.features for clip in clips]
        errors = []
        for step in range(steps):
            progress = (number * steps + step) / (n_chunks * steps)
            for group in optimiser.param_groups:
                group["lr"] = config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))
            chosen = rng.choice(len(features), min(config.batch_size, len(features)), replace=False)
            loss = compute_masked_loss(network, decoder, batch_features([features[n] for n in chosen]), rng)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            errors.append(float(loss.detach()))
        rows.append({"clips": (number + 1) * config.chunk_clips, "error": float(np.mean(errors))})
        if log:
            log(f"pretraining: clips {rows[-1]['clips']} error {rows[-1]['error']:.3f}")
    return pd.DataFrame(rows)


def compute_masked_loss(network, decoder: nn.Module, batch: Batch, rng: np.random.Generator) -> torch.Tensor:
    """Compute how badly hidden stretches are filled in."""
    hidden = _draw_stretches(batch.mask, rng)
    keep = hidden.repeat_interleave(_FACTOR, dim=-1)[..., : batch.mask.shape[-1]] == 0
    x, mask = network.encode(replace(batch, sequence=batch.sequence * keep))
    filled = decoder(network.norm(x))
    true = nn.functional.avg_pool1d(batch.sequence, _FACTOR, ceil_mode=True)
    length = min(true.shape[-1], filled.shape[-1], hidden.shape[-1])
    weight = hidden[..., :length] * mask[..., :length]
    true, filled = true[..., :length], filled[..., :length]
    spread = true.var(dim=(0, 2), keepdim=True) + 1e-3
    error = (filled - true) ** 2 / spread
    return (error * weight).sum() / (weight.sum() * true.shape[1]).clamp(min=1)


def _draw_stretches(mask: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """1 where hidden, at 12.5 Hz, shape (n_row, 1, n_time / 4): about 40 % of all frames in stretches."""
    n_row, _, n_time = mask.shape
    length = math.ceil(n_time / _FACTOR)
    hidden = np.zeros((n_row, 1, length), dtype=np.float32)
    longest = max(2, round(_STRETCH_S[1] * _RATE_HZ))
    shortest = max(1, round(_STRETCH_S[0] * _RATE_HZ))
    count = math.ceil(_HIDDEN_SHARE * length / (0.5 * (shortest + longest)))
    for row in hidden.reshape(-1, length):
        for start, size in zip(
            rng.integers(0, length, count), rng.integers(shortest, longest + 1, count), strict=True
        ):
            row[start : start + size] = 1.0
    return torch.from_numpy(hidden)
