"""Muscle activity: strides shifted, curves rebuilt, bursts found, masks, the callable package."""

import numpy as np
import pytest
import torch
from sense_toys import make_toy_set

from gaitlib.estimate.clip_sampler import build_pool, shift_stride
from gaitlib.estimate.estimator_network import GaitNetwork, NetworkConfig
from gaitlib.estimate.features import ClipFeatures
from gaitlib.estimate.synthetic_training import list_persons
from gaitlib.estimate.targets import (
    OUTCOME_NAMES,
    build_activation,
    build_estimate,
    decode_outcomes,
    encode_outcomes,
)
from gaitlib.estimate.training_loop import batch_features, compute_masked_loss
from gaitlib.evaluate.waveforms import find_burst, score_shape
from gaitlib.gait import MUSCLES

PHASE = np.linspace(0, 100, 101)


def make_burst(onset, offset):
    inside = (PHASE >= onset) & (PHASE < offset) if onset < offset else (PHASE >= onset) | (PHASE < offset)
    return inside.astype(float)


def test_outcomes_come_back_from_the_scales_of_the_network():
    values = np.array([1.2, 0.6, 0.5, 0.62, 0.24, 0.03, 0.05, 0.02, 0.11])
    assert decode_outcomes(encode_outcomes(values)) == pytest.approx(values)
    assert (decode_outcomes(np.full(8, -9.0))[3:] >= 0).all()  # a network may answer the first ones only


def test_the_cadence_follows_from_the_step_time():
    values, ends = np.full(len(OUTCOME_NAMES), 0.5), np.array([0.4, 0.6])
    item = build_estimate(values, np.full(len(values), ends[0]), np.full(len(values), ends[1])).values[
        "cadence_spm"
    ]
    assert (item.value, item.lower, item.upper) == pytest.approx((120, 100, 150))


def test_a_shifted_stride_comes_back():
    curve = np.sin(2 * np.pi * PHASE / 100)[None]
    assert shift_stride(shift_stride(curve, 30.0), 70.0) == pytest.approx(curve, abs=1e-9)
    assert shift_stride(curve, 25.0)[0, 0] == pytest.approx(1.0)


def test_the_left_leg_starts_at_its_own_contact():
    table, gaits = make_toy_set(5)
    moving = np.cos(2 * np.pi * PHASE / 100)[:, None] * np.ones(18)
    moving[:, 9:] = np.roll(moving[:-1, 9:], 50, axis=0)[np.arange(101) % 100]
    gaits = gaits.assign(
        activation=(("gait", "phase", "muscle"), np.broadcast_to(moving, (5, 101, 18)).copy())
    )
    sides = build_pool(gaits, list_persons(table)).activation
    assert sides[:, 1] == pytest.approx(sides[:, 0], abs=0.15)


def test_curves_come_back_from_their_components():
    rng = np.random.default_rng(0)
    shapes = rng.uniform(0, 0.3, (3, 9, 101))
    curves = np.einsum("nsk,kmp->nsmp", rng.uniform(0, 1, (40, 2, 3)), shapes)
    network = GaitNetwork(NetworkConfig(width=8, n_components=4))
    network.set_activation_basis(curves)
    assert network.rebuild_activation(network.project_activation(curves)) == pytest.approx(curves, abs=2e-3)


def test_labelled_activation_stays_within_zero_and_one():
    curves = np.stack([np.full((9, 101), 0.02), np.full((9, 101), 0.98)])
    labelled = build_activation(curves, np.full((9, 101), 0.1))
    assert tuple(labelled["muscle"].values) == MUSCLES
    assert float(labelled["lower"].min()) == 0.0 and float(labelled["upper"].max()) == 1.0
    assert float(labelled["activation"].sel(muscle="soleus_l").mean()) == pytest.approx(0.98)


def test_bursts_are_found_across_the_end_of_the_stride():
    assert find_burst(make_burst(40, 60)) == pytest.approx((40, 60))
    assert find_burst(make_burst(90, 15)) == pytest.approx((90, 15))
    assert np.isnan(find_burst(np.ones(101))).all()
    score = score_shape(make_burst(95, 20), make_burst(5, 20))
    assert score["onset_error"] == pytest.approx(10) and score["offset_error"] == pytest.approx(0)
    assert score_shape(make_burst(5, 20), make_burst(5, 20))["correlation"] == pytest.approx(1.0)
    assert np.isnan(score_shape(np.ones(101), make_burst(5, 20))["correlation"])


def test_a_lower_threshold_makes_bursts_longer_and_leaves_the_correlation():
    hill = np.exp(-0.5 * ((PHASE - 50) / 10) ** 2)
    lengths = [np.diff(find_burst(hill, share))[0] for share in (0.3, 0.5, 0.7)]
    assert lengths[0] > lengths[1] > lengths[2]
    shifted = np.roll(hill[:-1], 7)[np.arange(101) % 100]
    first, second = (score_shape(shifted, hill, share) for share in (0.3, 0.7))
    assert first["correlation"] == second["correlation"] and first["onset_error"] == pytest.approx(7)


def test_hidden_stretches_are_learned_from_what_is_left():
    """A known wave can be filled in after training, and cannot before."""
    torch.manual_seed(0)
    network = GaitNetwork(
        NetworkConfig("inertial", width=16, fine_dilations=(1,), coarse_dilations=(1, 2, 4))
    )
    decoder = torch.nn.Conv1d(16, 3, 1)
    optimiser = torch.optim.Adam([*network.parameters(), *decoder.parameters()], lr=3e-3)
    rng = np.random.default_rng(0)

    def draw():
        time = np.arange(200) / 50
        shifts = rng.uniform(0, 6, 16)
        waves = [
            np.stack([np.sin(6 * time + s), np.cos(6 * time + s), np.sin(12 * time + s)]) for s in shifts
        ]
        side = np.zeros(len(network.kind.side), dtype=np.float32)
        return batch_features([ClipFeatures(w[None].astype(np.float32), side) for w in waves])

    first = float(compute_masked_loss(network, decoder, draw(), rng).detach())
    for _ in range(60):
        loss = compute_masked_loss(network, decoder, draw(), rng)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert first > 0.8 and float(loss.detach()) < 0.5 * first
