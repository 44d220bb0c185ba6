"""The training loop: sample a chunk of clips, take some steps, average the weights, keep a checkpoint.

Self-supervised pre-training hides stretches of synthetic sequences and learns to fill them in: masked
sequence modelling as in BERT (Devlin et al. 2019, arXiv 1810.04805), for movement e.g. LIMU-BERT (Xu et
al. 2021, doi 10.1145/3485730.3485937): no outcome and no label enters. The encoder then serves as the
start for other tasks.
"""

from __future__ import annotations

import copy
import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from gaitlib.errors import InputError
from gaitlib.estimate.clip_sampler import Clip
from gaitlib.estimate.estimator_network import Batch, batch_features
from gaitlib.estimate.input_kind import mirror_features
from gaitlib.estimate.targets import OUTCOME_NAMES, encode_outcomes
from gaitlib.generate.network_training import (
    build_network,
    compute_rate,
    load_checkpoint,
    save_checkpoint,
    take_step,
    update_average,
)

_CHECKPOINT = "checkpoint.pt"


def compute_loss(prediction, truth: torch.Tensor, activity: torch.Tensor, weight: float) -> torch.Tensor:
    """Negative log likelihood of a Laplace distribution of the outcomes, plus error of the muscle
    activity.
    """
    known = torch.isfinite(truth)
    gap = (prediction.location - torch.where(known, truth, prediction.location.detach())).abs()
    outcomes = gap * torch.exp(-prediction.log_scale) + prediction.log_scale
    loss = (outcomes * known).sum() / known.sum().clamp(min=1)
    seen = torch.isfinite(activity)
    error = (prediction.activity - torch.where(seen, activity, prediction.activity.detach())) ** 2
    return loss + weight * error.sum() / seen.sum().clamp(min=1)


def fit_network(
    network, config, sample_clips, seed: int, folder=None, executor=None, log=None, compute_loss=compute_loss
):
    """Train a network on clips sampled on the fly."""
    n_chunks = max(1, math.ceil(config.n_clips / config.chunk_clips))
    seeds = [int(s) for s in np.random.SeedSequence(seed).generate_state(n_chunks, dtype=np.uint32)]
    steps_per_chunk = max(1, round(config.reuse * config.chunk_clips / config.batch_size))
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    average = copy.deepcopy(network)
    history: list[dict] = []
    first = _resume(folder, config, seed, network, average, optimiser, history)
    needed = range(max(0, first - config.buffer_chunks), n_chunks)
    chunks = iterate_chunks(sample_clips, [seeds[k] for k in needed], config.chunk_clips, executor)
    buffer: list[list[Clip]] = []
    threads = torch.get_num_threads()
    if executor is not None:
        torch.set_num_threads(max(1, threads - 1))
    for number, clips in zip(needed, chunks, strict=True):
        buffer = [*buffer, clips][-config.buffer_chunks :]
        if number < first:
            continue
        if number == 0:
            _standardise(network, average, clips)
        rng = np.random.default_rng([seed, number])
        row = _train_chunk(
            network, average, optimiser, buffer, rng, config, number, n_chunks, steps_per_chunk, compute_loss
        )
        history.append({"chunk": number, "clips": (number + 1) * config.chunk_clips, **row})
        if log:
            log(" ".join(f"{key} {value:.4g}" for key, value in history[-1].items()))
        if folder and (number + 1) % 5 == 0:
            _keep(folder, config, seed, network, average, optimiser, history, number + 1)
    torch.set_num_threads(threads)
    average.eval()
    return average, pd.DataFrame(history)


def _train_chunk(
    network, average, optimiser, buffer, rng, config, number, n_chunks, steps, compute_loss
) -> dict:
    clips = [clip for chunk in buffer for clip in chunk]
    lengths = np.array([clip.features.sequence.shape[-1] for clip in clips])
    truths = encode_outcomes([clip.truth for clip in clips], config.n_outcomes)
    activity = network.project_activation(np.stack([clip.activation for clip in clips]))
    network.train()
    losses, errors, starts = [], [], []
    for step in range(steps):
        taken = number * steps + step
        rate = compute_rate(config.learning_rate, taken / (n_chunks * steps), 0.01, (taken + 1) / 100)
        rows = _draw_batch(rng, lengths, min(config.batch_size, len(clips)))
        turned = rng.uniform(size=len(rows)) < 0.5
        features = [
            mirror_features(network.kind, clips[n].features) if turn else clips[n].features
            for n, turn in zip(rows, turned, strict=True)
        ]
        truth = torch.tensor(truths[rows], dtype=torch.float32)
        own = activity[rows]
        own = torch.where(torch.from_numpy(turned)[:, None, None], own.flip(1), own)
        batch = batch_features(features)
        prediction, start = network(batch), network.locate_start(batch.side)
        loss = compute_loss(prediction, truth, own, config.activation_weight)
        take_step(optimiser, loss, rate)
        update_average(average.parameters(), network.parameters(), config.averaging, taken)
        losses.append(float(loss.detach()))
        for kept, location in ((errors, prediction.location.detach()), (starts, start)):
            kept.append((location - truth).abs().nanmedian(dim=0).values.numpy())
    row = {"loss": float(np.mean(losses))}
    for kind, kept in (("error", errors), ("start", starts)):
        middle = zip(OUTCOME_NAMES, np.nanmean(kept, axis=0), strict=False)
        row |= {f"{kind}_{name}": float(error) for name, error in middle}
    return row


def _draw_batch(rng: np.random.Generator, lengths: np.ndarray, size: int) -> np.ndarray:
    """Clips of similar length, so that little is padded."""
    some = rng.choice(len(lengths), min(4 * size, len(lengths)), replace=False)
    some = some[np.argsort(lengths[some], kind="stable")]
    first = int(rng.integers(len(some) - size + 1))
    return some[first : first + size]


def _standardise(network, average, clips: list[Clip]) -> None:
    side = np.array([clip.features.side for clip in clips])
    curves = np.stack([clip.activation for clip in clips])
    for each in (network, average):
        each.set_activation_basis(curves)
        each.side_mean.copy_(torch.tensor(side.mean(axis=0), dtype=torch.float32))
        each.side_std.copy_(torch.tensor(side.std(axis=0) + 0.05, dtype=torch.float32))


def iterate_chunks(sample_clips, seeds: list[int], size: int, executor=None):
    """Sample chunk after chunk; with an executor some are prepared ahead, in the same order."""
    if executor is None:
        for seed in seeds:
            yield sample_clips(seed, size)
        return
    ahead = 3
    waiting = [executor.submit(sample_clips, seed, size) for seed in seeds[:ahead]]
    for number in range(len(seeds)):
        yield waiting.pop(0).result()
        if number + ahead < len(seeds):
            waiting.append(executor.submit(sample_clips, seeds[number + ahead], size))


def _keep(folder, config, seed, network, average, optimiser, history, done: int) -> None:
    state = {"config": asdict(config), "seed": seed, "done": done, "history": history}
    parts = {"network": network, "average": average, "optimiser": optimiser}
    state |= {name: part.state_dict() for name, part in parts.items()}
    save_checkpoint(Path(folder) / _CHECKPOINT, state)


def _resume(folder, config, seed, network, average, optimiser, history: list) -> int:
    """Load a checkpoint of the same training; number of chunks already done."""
    state = load_checkpoint(Path(folder) / _CHECKPOINT if folder else None)
    if state is None:
        return 0
    if state["config"] != asdict(config) or state["seed"] != seed:
        raise InputError(
            f"{_CHECKPOINT}: checkpoint of another training (other settings or seed). "
            "Remove it or choose another folder."
        )
    for name, part in (("network", network), ("average", average), ("optimiser", optimiser)):
        part.load_state_dict(state[name])
    history.extend(state["history"])
    return int(state["done"])


_STRETCH_S = (0.12, 0.4)
_HIDDEN_SHARE = 0.4
_RATE_HZ = 12.5
_FACTOR = 4


def pretrain_network(network, sample_clips, seed: int, n_clips: int, executor=None, log=None) -> pd.DataFrame:
    """Train the encoder of a network to fill in hidden stretches."""
    config = network.config
    first = torch.Generator().manual_seed(seed)
    decoder = build_network(lambda: nn.Conv1d(config.width, network.kind.n_channels, 1), first)
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
            chosen = rng.choice(len(features), min(config.batch_size, len(features)), replace=False)
            loss = compute_masked_loss(network, decoder, batch_features([features[n] for n in chosen]), rng)
            progress = (number * steps + step) / (n_chunks * steps)
            take_step(optimiser, loss, compute_rate(config.learning_rate, progress, 0.01))
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
