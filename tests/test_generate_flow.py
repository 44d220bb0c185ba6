"""The generator: conditions, determinism, resume, files."""

import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from generate_toy import build_toy_library

from gaitlib.environment import ROOT
from gaitlib.errors import InputError
from gaitlib.estimate.synthetic_training import split_library, split_people
from gaitlib.gait import validate_gait
from gaitlib.generate.checks import RejectionSampler, check_gaits, find_valid
from gaitlib.generate.flow import GaitGenerator
from gaitlib.generate.learnable_gaits import select_verified
from gaitlib.simulate.library import hash_gaits, load_library
from gaitlib.study import load_study
from gaitlib.workflow.train import SHIPPED_GENERATOR

TINY = {"steps": 60, "hidden": 24, "n_blocks": 2, "log_every": 10, "checkpoint_every": 20, "batch_size": 32}


@pytest.fixture(scope="module")
def library():
    return build_toy_library(120)


@pytest.fixture(scope="module")
def generator(library):
    return GaitGenerator().fit(
        *library, {"steps": 500, "hidden": 64, "n_blocks": 2, "batch_size": 64}, seed=3
    )


@pytest.fixture(scope="module")
def tiny(library):
    return GaitGenerator().fit(*library, TINY, seed=3)


def test_known_conditions_hold_exactly_and_open_ones_are_filled(generator, library):
    wanted = pd.DataFrame(
        {"speed_mps": [0.9, 1.1, np.nan], "age_years": [30.0, np.nan, 8.0], "cohort": list("abc")}
    )
    table, gaits = generator.sample(wanted, seed=1)
    np.testing.assert_array_equal(table["speed_mps"][:2], [0.9, 1.1])
    np.testing.assert_array_equal(table["age_years"][[0, 2]], [30.0, 8.0])
    assert generator.representation.conditions.read(table).notna().all().all()
    assert list(table["cohort"]) == list("abc") and list(table["gait_id"]) == list(gaits["gait"].to_numpy())
    for index in range(3):
        validate_gait(gaits.isel(gait=index).drop_vars("gait"))


def test_open_conditions_fit_the_given_ones(generator):
    ages = np.repeat([7.0, 30.0], 40)
    table, _ = generator.sample(pd.DataFrame({"age_years": ages}), seed=1)
    by_age = table.groupby("age_years")[["height_m", "mass_kg"]].mean()
    assert by_age["height_m"].diff().iloc[1] > 0.02 and by_age["mass_kg"].diff().iloc[1] > 2


def test_stride_time_may_be_asked_for_and_then_holds(generator):
    times = np.repeat([1.0, 1.25], 20)
    wanted = pd.DataFrame({"speed_mps": 1.1, "height_m": 1.7, "stride_time_s": times})
    table, gaits = generator.sample(wanted, seed=0)
    np.testing.assert_array_equal(table["stride_time_s"], times)
    np.testing.assert_array_equal(gaits["stride_time_s"], times)
    np.testing.assert_allclose(table["step_length_m"], 0.55 * times)


def test_faster_is_faster_and_takes_longer_steps(generator):
    body = {"age_years": 30.0, "sex": "m", "height_m": 1.75, "mass_kg": 70.0}
    wanted = pd.DataFrame([{**body, "speed_mps": s} for s in np.repeat([0.8, 1.1, 1.4], 40)])
    table, gaits = generator.sample(wanted, seed=2)
    by_speed = table.groupby("speed_mps")[["step_length_m", "cadence_spm"]].mean()
    assert by_speed["step_length_m"].is_monotonic_increasing
    assert by_speed["cadence_spm"].is_monotonic_increasing
    swing = np.ptp(gaits["position"].sel(coordinate="hip_flexion_r").to_numpy(), axis=1)
    assert pd.Series(swing).groupby(wanted["speed_mps"]).mean().is_monotonic_increasing


def test_samples_follow_the_law_of_the_family(generator):
    table, _ = build_toy_library(60, seed=5)
    known = generator.representation.conditions.read(table).drop(columns="stride_time_s")
    made, _ = generator.sample(known, seed=1)
    error = np.abs(made["stride_time_s"] / table["stride_time_s"] - 1).mean()
    spread = np.abs(table["stride_time_s"].mean() / table["stride_time_s"] - 1).mean()
    assert error < 0.25 * spread


def test_equal_seeds_give_equal_strides(library, tiny, generator):
    again = GaitGenerator().fit(*library, TINY, seed=3)
    wanted = pd.DataFrame({"speed_mps": [1.0, 1.2]})
    first, curves = tiny.sample(wanted, seed=4)
    second, same = again.sample(wanted, seed=4)
    pd.testing.assert_frame_equal(first, second)
    assert curves.equals(same)
    assert not tiny.sample(wanted, seed=5)[1].equals(curves)


def test_training_neither_uses_nor_changes_the_global_seed(library):
    import torch

    torch.manual_seed(1)
    before = torch.get_rng_state()
    GaitGenerator().fit(*library, {**TINY, "steps": 2}, seed=0).sample(pd.DataFrame({"speed_mps": [1.0]}))
    assert torch.equal(before, torch.get_rng_state())


def test_a_generator_draws_the_weights_that_torch_would_draw():
    import torch

    from gaitlib.estimate.estimator_network import GaitNetwork, NetworkConfig
    from gaitlib.generate.network_training import build_network

    before = torch.get_rng_state()
    own = build_network(lambda: GaitNetwork(NetworkConfig()), torch.Generator().manual_seed(7))
    assert torch.equal(before, torch.get_rng_state())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        usual = GaitNetwork(NetworkConfig())
    for name, value in usual.state_dict().items():
        assert value.equal(own.state_dict()[name]), name


def test_weights_of_another_kind_are_refused():
    from gaitlib.estimate.estimator import GaitEstimator

    with pytest.raises(InputError, match="generator weights keypoints.safetensors: found format 'none'"):
        GaitGenerator.load(ROOT / "data/estimator/keypoints.safetensors")
    with pytest.raises(InputError, match="found kind 'none', expected 'gaitlib-estimator'"):
        GaitEstimator.load(ROOT / "data/generator/generator.safetensors")


def test_resumed_training_equals_uninterrupted(library, tiny, tmp_path):
    def interrupt(step, loss):
        if step == 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        GaitGenerator().fit(*library, TINY, seed=3, folder=tmp_path, report=interrupt)
    assert len(list(tmp_path.iterdir())) == 1
    resumed = GaitGenerator().fit(*library, TINY, seed=3, folder=tmp_path)
    pd.testing.assert_frame_equal(resumed.history, tiny.history)
    for name, value in tiny.network.state_dict().items():
        assert value.equal(resumed.network.state_dict()[name]), name
    GaitGenerator().fit(*library, {**TINY, "steps": 2}, seed=4, folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_damaged_checkpoint_is_one_clear_error(library, tmp_path):
    GaitGenerator().fit(*library, {**TINY, "steps": 20}, seed=3, folder=tmp_path)
    file = next(tmp_path.iterdir())
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(InputError, match="Delete it"):
        GaitGenerator().fit(*library, {**TINY, "steps": 20}, seed=3, folder=tmp_path)


def test_saved_generator_samples_the_same(tiny, tmp_path):
    path = tiny.save(tmp_path / "weights" / "generator.safetensors")
    loaded = GaitGenerator.load(path, held_out=["someone else"])
    assert loaded.release == tiny.release == hash_gaits(tiny.gait_ids)
    wanted = pd.DataFrame({"speed_mps": [1.0, 1.2], "sex": ["f", None]})
    assert loaded.sample(wanted, seed=4)[1].equals(tiny.sample(wanted, seed=4)[1])
    pd.testing.assert_frame_equal(loaded.history, tiny.history)


def test_wrong_weight_files_are_refused(tiny, tmp_path):
    path = tiny.save(tmp_path / "generator.safetensors")
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    (tmp_path / "changed.safetensors").write_bytes(content)
    with pytest.raises(InputError, match="changed or damaged"):
        GaitGenerator.load(tmp_path / "changed.safetensors")
    (tmp_path / "text.safetensors").write_text("not weights")
    with pytest.raises(InputError, match="not a readable"):
        GaitGenerator.load(tmp_path / "text.safetensors")
    with pytest.raises(InputError, match="not found"):
        GaitGenerator.load(tmp_path / "missing.safetensors")
    with pytest.raises(InputError, match="learned from 1 gaits that are held out"):
        GaitGenerator.load(path, held_out=["someone else", tiny.gait_ids[3]])
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="format 'none'"):
        GaitGenerator.load(tmp_path / "other.safetensors")


def test_wrong_settings_and_columns_are_refused(library, tiny):
    with pytest.raises(InputError, match="hiden"):
        GaitGenerator().fit(*library, {"hiden": 3})
    with pytest.raises(InputError, match="did you mean 'weakness_plantarflexors'"):
        tiny.sample(pd.DataFrame({"weakness_plantarflexor": [0.5]}))
    with pytest.raises(InputError, match="not trained"):
        GaitGenerator().sample(pd.DataFrame({"speed_mps": [1.0]}))


def test_only_verified_gaits_are_learned_from(library):
    table, gaits = library
    table = table.assign(verified=np.arange(len(table)) % 2 == 0)
    kept, curves = select_verified(table.set_index("gait_id"), gaits)
    assert len(kept) == 60 and list(kept["gait_id"]) == list(curves["gait"].to_numpy())
    with pytest.raises(InputError, match="no curves"):
        select_verified(table, gaits.isel(gait=slice(1, None)))


def test_asymmetric_library_trains_and_its_mirror_is_as_likely(library):
    table, gaits = library
    limping = gaits.copy(deep=True)
    limping["position"].loc[{"coordinate": "knee_angle_r"}] += 0.2 * np.sin(
        2 * np.pi * np.linspace(0, 1, 101)
    )
    made = GaitGenerator().fit(table, limping, {**TINY, "steps": 200}, seed=0)
    representation = made.representation
    assert representation.n_antisymmetric > 0
    order, sign = representation.get_mirror()
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((6, len(sign))).astype(np.float32)
    known = np.where(rng.random((6, representation.n_conditions)) < 0.5, 0.3, np.nan)
    own = made.sample_vectors(known, noise=noise)
    image = made.sample_vectors(known[:, order[: known.shape[1]]], noise=noise[:, order] * sign)
    np.testing.assert_allclose(own[:, order] * sign, image, atol=1e-5)
    assert np.abs(own[:, sign < 0]).max() > 0.1


def test_what_fails_a_check_is_drawn_again(generator):
    """Each row keeps what was asked for; what is left passes everything; nothing else is returned."""
    wanted = pd.DataFrame({"speed_mps": np.linspace(0.8, 1.5, 40), "person_id": [f"p{n}" for n in range(40)]})
    first = generator.sample(wanted, seed=5)
    picky = copy.copy(generator)
    checks = check_gaits(*first, generator.limits)
    bend = checks.loc[checks["check"] == "knee_hyperextension", "value"].quantile(0.4)
    picky.limits = replace(generator.limits, knee_extension_deg=bend)
    table, gaits = RejectionSampler(picky).sample(wanted, seed=5)
    assert find_valid(table, gaits, picky.limits).all() and set(table["draws"]) > {1, 2}
    assert find_valid(*first, picky.limits).sum() == (table["draws"] == 1).sum() < len(table)
    assert table["person_id"].is_unique and list(gaits["gait"].values) == list(table["gait_id"])
    asked = wanted.set_index("person_id").loc[table["person_id"], "speed_mps"]
    np.testing.assert_array_equal(table["speed_mps"], asked)
    again = RejectionSampler(picky).sample(wanted, seed=5)[0]
    pd.testing.assert_frame_equal(table, again)


def test_shipped_generator_learned_from_training_people_only():
    """From those of the study that made it, and it samples what was asked for."""
    study = load_study(ROOT / "studies/full.yaml")
    library = load_library()
    run = library.run.query("verified").reset_index(drop=True)
    training, *others = split_people(run, study.estimate.held_out_share, study.seed)
    held_out = run["gait_id"].iloc[np.concatenate(others)]
    shipped = GaitGenerator.load(ROOT / SHIPPED_GENERATOR, held_out)
    earlier = load_study(ROOT / "studies/quick.yaml").estimate.weights_release
    assert shipped.release == earlier or set(shipped.gait_ids) <= set(run["gait_id"].iloc[training])
    seen_by_readers = split_library(*library.curves, study.estimate.held_out_share, study.seed).held_out[0]
    assert set(seen_by_readers["gait_id"]) <= set(held_out), "who is held out does not hang on the release"
    table, _ = RejectionSampler(shipped).sample(
        pd.DataFrame({"speed_mps": [0.9, 1.2], "age_years": [70.0, 8.0]})
    )
    assert table["speed_mps"].tolist() == [0.9, 1.2]
