"""Networks that learn from real people, cross-validated by person: what synthetic training is compared with.

One small convolutional network, started in three ways: at random, from masked sequence modelling of synthetic
clips, or from the synthetic-trained estimator (real plus synthetic). How long to train is chosen inside each
training part, again by person (nested cross-validation; Varma & Simon 2006, doi 10.1186/1471-2105-7-91).
"""

from __future__ import annotations

import copy

import numpy as np
import torch

from gaitlib.errors import InputError
from gaitlib.estimate.estimator_network import GaitNetwork, batch_features
from gaitlib.estimate.features import ClipFeatures
from gaitlib.estimate.input_kind import mirror_features
from gaitlib.estimate.targets import decode_outcomes, encode_outcomes
from gaitlib.estimate.training_loop import compute_loss
from gaitlib.generate.network_training import take_step

EPOCHS = (5, 10, 20, 40)
"""How many passes over the training people are tried."""
_BATCH = 16
_LEARNING_RATE = 1e-3


def crossvalidate_network(
    start: GaitNetwork,
    features: list[ClipFeatures],
    truth: np.ndarray,
    people: np.ndarray,
    n_real: int | None = None,
    n_folds: int = 5,
    seed: int = 0,
    epochs: tuple[int, ...] = EPOCHS,
) -> np.ndarray:
    """Estimate each person's clips by a network trained on other real people; shape (n, n_outcome)."""
    names = np.random.default_rng(seed).permutation(np.unique(people))
    if len(names) < 3:
        raise InputError(f"crossvalidate_network: found {len(names)} people, expected at least 3.")
    latent = encode_outcomes(truth, start.config.n_outcomes)
    estimate = np.full(latent.shape, np.nan)
    for number, part in enumerate(np.array_split(names, min(n_folds, len(names)))):
        rng = np.random.default_rng([seed, number])
        others = rng.permutation(np.setdiff1d(names, part))
        chosen = others if n_real is None else others[:n_real]
        if n_real is not None and len(chosen) < n_real:
            raise InputError(f"crossvalidate_network: {n_real} people wanted, a fold leaves {len(others)}.")
        training, test = np.isin(people, chosen), np.isin(people, part)
        length = _choose_length(start, features, latent, people, chosen, epochs, rng)
        network = _fit(start, features, latent, np.flatnonzero(training), (length,), rng)[0]
        estimate[test] = decode_outcomes(_predict(network, features, np.flatnonzero(test)))
    return estimate


def _choose_length(start, features, latent, people, chosen, epochs, rng) -> int:
    """Length of training with the least error on a fifth of the training people (one at least)."""
    held = chosen[: max(1, len(chosen) // 5)]
    inner = np.flatnonzero(np.isin(people, np.setdiff1d(chosen, held)))
    outer = np.flatnonzero(np.isin(people, held))
    if len(inner) == 0:
        return epochs[0]
    errors = [
        float(np.nanmean(np.abs(_predict(network, features, outer) - latent[outer])))
        for network in _fit(start, features, latent, inner, epochs, rng)
    ]
    return epochs[int(np.argmin(errors))]


def _fit(start, features, latent, rows, epochs, rng) -> list[GaitNetwork]:
    """Train on some clips; the network after each of the lengths."""
    network = copy.deepcopy(start)
    if network.residual:
        network.trust.fill_(1.0)  # what is learned from people counts in every view
    optimiser = torch.optim.AdamW(network.parameters(), lr=_LEARNING_RATE, weight_decay=1e-2)
    kept = []
    for epoch in range(1, max(epochs) + 1):
        network.train()
        order = rng.permutation(rows)
        for part in np.array_split(order, max(1, len(order) // _BATCH)):
            turned = rng.uniform(size=len(part)) < 0.5
            clips = [
                mirror_features(network.kind, features[n]) if turn else features[n]
                for n, turn in zip(part, turned, strict=True)
            ]
            true = torch.tensor(latent[part], dtype=torch.float32)
            prediction = network(batch_features(clips))
            loss = compute_loss(prediction, true, torch.full_like(prediction.activity, torch.nan), 0.0)
            take_step(optimiser, loss)
        if epoch in epochs:
            kept.append(copy.deepcopy(network))
    return kept


def _predict(network: GaitNetwork, features: list[ClipFeatures], rows: np.ndarray) -> np.ndarray:
    network.eval()
    with torch.no_grad():
        return network(batch_features([features[n] for n in rows])).location.numpy()
