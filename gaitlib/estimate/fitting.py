"""The training loop: sample a chunk of clips, take some steps, average the weights, keep a checkpoint."""

from __future__ import annotations

import copy
import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from gaitlib.errors import InputError
from gaitlib.estimate.features import SIDE_FEATURES, ClipFeatures
from gaitlib.estimate.sampler import OUTCOME_NAMES, Clip
from gaitlib.sense.noise import find_partner
from gaitlib.walk import KEYPOINTS_3D

_CHECKPOINT = "checkpoint.pt"
_PARTNER = find_partner(list(KEYPOINTS_3D))


def _mirror_order() -> tuple[np.ndarray, np.ndarray]:
    """Channel order and signs of the mirrored image (left and right exchanged, u turned)."""
    pairs = np.stack([2 * _PARTNER, 2 * _PARTNER + 1], axis=1).ravel()
    n = 2 * len(_PARTNER)
    order = np.concatenate([pairs, n + pairs, 2 * n + _PARTNER, 2 * n + len(_PARTNER) + np.arange(3)])
    sign = np.concatenate([np.tile([-1.0, 1.0], 2 * len(_PARTNER)), np.ones(len(_PARTNER)), [-1.0, 1.0, 1.0]])
    return order, sign.astype(np.float32)


_ORDER, _SIGN = _mirror_order()
_LATERAL = SIDE_FEATURES.index("lateral_speed")
_STANCE = SIDE_FEATURES.index("stance_speed")


def mirror_features(features: ClipFeatures) -> ClipFeatures:
    """Mirror a clip: as seen in a mirror, left and right exchanged.

    Parameters
    ----------
    features : ClipFeatures
        A clip.

    Returns
    -------
    ClipFeatures
        The mirrored clip.
    """
    side = features.side.copy()
    side[[_LATERAL, _STANCE]] *= -1
    return ClipFeatures(features.sequence[_ORDER] * _SIGN[:, None], side, features.problem)


def batch_features(features: list[ClipFeatures]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pad clips to one length.

    Parameters
    ----------
    features : list of ClipFeatures
        Clips.

    Returns
    -------
    sequence, mask, side : tensor
        Shapes (n, N_CHANNELS, n_time), (n, 1, n_time), (n, n_side).
    """
    longest = max(item.sequence.shape[1] for item in features)
    sequence = np.zeros((len(features), features[0].sequence.shape[0], longest), dtype=np.float32)
    mask = np.zeros((len(features), 1, longest), dtype=np.float32)
    for row, item in enumerate(features):
        sequence[row, :, : item.sequence.shape[1]] = item.sequence
        mask[row, 0, : item.sequence.shape[1]] = 1.0
    side = np.stack([item.side for item in features]).astype(np.float32)
    return torch.from_numpy(sequence), torch.from_numpy(mask), torch.from_numpy(side)


def compute_loss(location: torch.Tensor, log_scale: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Negative log likelihood of a Laplace distribution of the log outcomes.

    Parameters
    ----------
    location, log_scale : tensor, shape (n, 3)
        Prediction.
    truth : tensor, shape (n, 3)
        True log outcomes.

    Returns
    -------
    tensor
        Mean loss.
    """
    return ((location - truth).abs() * torch.exp(-log_scale) + log_scale).mean()


def fit_network(network, config, sample_clips, seed: int, folder=None, executor=None, log=None):
    """Train a network on clips sampled on the fly.

    Parameters
    ----------
    network : GaitNetwork
        Freshly initialised.
    config : NetworkConfig
        Training settings.
    sample_clips : callable
        (seed, number) -> list of Clip.
    seed : int
        Everything random follows from it.
    folder : path, optional
        Where the checkpoint is kept.
    executor : concurrent.futures.Executor, optional
        Samples ahead in other processes.
    log : callable, optional
        Called with a line of text per chunk.

    Returns
    -------
    network : GaitNetwork
        With the averaged weights.
    history : pandas.DataFrame
        One row per chunk.
    """
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
    chunks = _iterate_chunks(sample_clips, [seeds[k] for k in needed], config.chunk_clips, executor)
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
            network, average, optimiser, buffer, rng, config, number, n_chunks, steps_per_chunk
        )
        history.append({"chunk": number, "clips": (number + 1) * config.chunk_clips, **row})
        if log:
            log(" ".join(f"{key} {value:.4g}" for key, value in history[-1].items()))
        if folder and (number + 1) % 5 == 0:
            _keep(folder, config, seed, network, average, optimiser, history, number + 1)
    torch.set_num_threads(threads)
    average.eval()
    return average, pd.DataFrame(history)


def _train_chunk(network, average, optimiser, buffer, rng, config, number, n_chunks, steps) -> dict:
    clips = [clip for chunk in buffer for clip in chunk]
    lengths = np.array([clip.features.sequence.shape[1] for clip in clips])
    network.train()
    losses, errors = [], []
    for step in range(steps):
        progress = (number * steps + step) / (n_chunks * steps)
        warm = min(1.0, (number * steps + step + 1) / 100)
        rate = config.learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))
        for group in optimiser.param_groups:
            group["lr"] = rate
        rows = _draw_batch(rng, lengths, min(config.batch_size, len(clips)))
        turned = rng.uniform(size=len(rows)) < 0.5
        features = [
            mirror_features(clips[n].features) if turn else clips[n].features
            for n, turn in zip(rows, turned, strict=True)
        ]
        truth = torch.tensor(np.log([clips[n].truth for n in rows]), dtype=torch.float32)
        location, log_scale = network(*batch_features(features))
        loss = compute_loss(location, log_scale, truth)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        decay = min(config.averaging, (number * steps + step + 1) / (number * steps + step + 10))
        with torch.no_grad():
            for slow, fast in zip(average.parameters(), network.parameters(), strict=True):
                slow.lerp_(fast, 1 - decay)
        losses.append(float(loss.detach()))
        errors.append((location - truth).abs().median(dim=0).values.detach().numpy())
    row = {"loss": float(np.mean(losses))}
    return row | {
        f"error_{name}": float(e) for name, e in zip(OUTCOME_NAMES, np.mean(errors, axis=0), strict=True)
    }


def _draw_batch(rng: np.random.Generator, lengths: np.ndarray, size: int) -> np.ndarray:
    """Clips of similar length, so that little is padded."""
    some = rng.choice(len(lengths), min(4 * size, len(lengths)), replace=False)
    some = some[np.argsort(lengths[some], kind="stable")]
    first = int(rng.integers(len(some) - size + 1))
    return some[first : first + size]


def _standardise(network, average, clips: list[Clip]) -> None:
    side = np.array([clip.features.side for clip in clips])
    for each in (network, average):
        each.side_mean.copy_(torch.tensor(side.mean(axis=0), dtype=torch.float32))
        each.side_std.copy_(torch.tensor(side.std(axis=0) + 0.05, dtype=torch.float32))


def _iterate_chunks(sample_clips, seeds: list[int], size: int, executor):
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
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state = {"config": asdict(config), "seed": seed, "done": done, "history": history}
    state |= {
        "network": network.state_dict(),
        "average": average.state_dict(),
        "optimiser": optimiser.state_dict(),
    }
    partial = folder / (_CHECKPOINT + ".part")
    torch.save(state, partial)
    partial.replace(folder / _CHECKPOINT)


def _resume(folder, config, seed, network, average, optimiser, history: list) -> int:
    """Load a checkpoint of the same training; number of chunks already done."""
    path = Path(folder) / _CHECKPOINT if folder else None
    if path is None or not path.is_file():
        return 0
    state = torch.load(path, weights_only=True)
    if state["config"] != asdict(config) or state["seed"] != seed:
        raise InputError(
            f"{path.name}: checkpoint of another training (other settings or seed). "
            "Remove it or choose another folder."
        )
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    history.extend(state["history"])
    return int(state["done"])
