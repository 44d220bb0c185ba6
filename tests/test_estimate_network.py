"""The trained estimator: learns, covers, abstains, comes back from its file."""

import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from sense_toys import make_toy_set
from toys import make_toy_walk

from gaitlib.errors import InputError
from gaitlib.estimate.assess import summarise_errors, summarise_overall, write_model_card
from gaitlib.estimate.clip_sampler import SamplerConfig, build_pool, draw_camera, sample_clips, weigh_paces
from gaitlib.estimate.conformal import get_scale
from gaitlib.estimate.estimator import GaitEstimator
from gaitlib.estimate.estimator_network import (
    DESIGNS,
    GaitNetwork,
    NetworkConfig,
    batch_features,
    tell_direction,
)
from gaitlib.estimate.features import PINHOLE_FEATURES
from gaitlib.estimate.input_kind import KEYPOINTS, mirror_features
from gaitlib.estimate.shifts import SHIFTS, choose_trust, shift_sampler
from gaitlib.estimate.synthetic_training import (
    TrainingConfig,
    list_persons,
    split_people,
    train_estimator,
)
from gaitlib.estimate.targets import OUTCOME_NAMES, decode_outcomes
from gaitlib.sense.camera import build_camera, project_walk
from gaitlib.simulate.library import hash_gaits

SMALL = NetworkConfig(
    width=24, fine_dilations=(1, 2), coarse_dilations=(1, 2), n_clips=600, chunk_clips=200, reuse=6.0
)
EASY = SamplerConfig(views=(("side", 1.0),), panning_share=0.0, height_unknown_share=0.0, treadmill_share=0.0)


@pytest.fixture(scope="module")
def toys():
    return make_toy_set(60)


@pytest.fixture(scope="module")
def trained(toys):
    config = TrainingConfig(SMALL, EASY, held_out_share=0.4, n_calibration=200, n_test=200, n_workers=0)
    return train_estimator(*toys, config, seed=0)


@pytest.fixture(scope="module")
def clips(toys):
    return sample_clips(build_pool(toys[1], list_persons(toys[0])), 24, np.random.default_rng(1), EASY)


@pytest.fixture(scope="module")
def walk():
    return make_toy_walk(duration_s=5.0)


def read(estimate):
    assert estimate.ok, estimate.status
    return np.array([estimate.values[name].value for name in OUTCOME_NAMES[:3]])


def test_it_estimates_held_out_people(trained):
    summary = summarise_errors(trained[2], by=[]).set_index("outcome")
    assert summary.loc["speed_mps", "mae"] < 0.12
    assert summary.loc["step_length_m", "mae"] < 0.06
    assert summary.loc["step_time_s", "mae"] < 0.015
    assert (summary["answered"] > 0.9).all()


def test_intervals_cover_held_out_people(trained):
    summary = summarise_errors(trained[2], by=[]).set_index("outcome")
    assert summary.loc[list(OUTCOME_NAMES[:3]), "coverage"].between(0.8, 0.98).all()


def test_training_lowers_the_loss(trained):
    history = trained[1]
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]
    gain = history["error_stance_share"] / history["start_stance_share"]
    assert gain.iloc[-1] < gain.iloc[0] and gain.iloc[-1] < 1, "it beats the measures that it starts from"


def test_a_tiny_set_can_be_learned_by_heart(clips):
    config = NetworkConfig(width=32, fine_dilations=(1,), coarse_dilations=(1,), n_clips=24, chunk_clips=24,
                           reuse=200.0, batch_size=24, learning_rate=3e-3, averaging=0.9)  # fmt: skip
    estimator = GaitEstimator(config)
    estimator.fit(lambda seed, n: clips, seed=0)
    location = estimator.predict_raw([clip.features for clip in clips])[0]
    truth = np.array([clip.truth for clip in clips])
    error = np.abs(decode_outcomes(location[:, :3]) / truth[:, :3] - 1)
    assert np.median(error) < 0.015


def test_a_checkpoint_of_other_clips_is_not_gone_on_with(toys, tmp_path):
    """The finished network of one sampler must not be taken for that of another."""
    small = NetworkConfig(width=8, fine_dilations=(1,), coarse_dilations=(1,), n_clips=24 * 5, chunk_clips=24,
                          reuse=1.0, batch_size=8)  # fmt: skip
    found = {}
    for name, clip_sampler in {"a": EASY, "again": EASY, "b": replace(EASY, panning_share=1.0)}.items():
        config = TrainingConfig(small, clip_sampler, 0.4, n_calibration=40, n_test=10, n_workers=0)
        estimator = train_estimator(*toys, config, 0, tmp_path)[0]
        found[name] = estimator.network.state_dict()["stem.weight"].numpy()
    assert np.array_equal(found["a"], found["again"])
    assert not np.array_equal(found["a"], found["b"])
    assert len(list(tmp_path.glob("*/checkpoint.pt"))) == 2


def test_equal_seeds_train_equal_networks_and_resume_continues(clips, tmp_path):
    config = NetworkConfig(width=8, fine_dilations=(1,), coarse_dilations=(1,), n_clips=24 * 7,
                           chunk_clips=24, reuse=1.0, batch_size=8, buffer_chunks=2)  # fmt: skip
    whole = GaitEstimator(config)
    whole.fit(lambda seed, n: clips, seed=3)

    class Stop(Exception):
        pass

    def interrupt(line):
        if line.startswith("chunk 5"):
            raise Stop

    with pytest.raises(Stop):
        GaitEstimator(config).fit(lambda seed, n: clips, 3, tmp_path, log=interrupt)
    resumed = GaitEstimator(config)
    history = resumed.fit(lambda seed, n: clips, 3, tmp_path)
    assert len(history) == 7
    features = [clip.features for clip in clips]
    assert np.array_equal(whole.predict_raw(features)[0], resumed.predict_raw(features)[0])
    with pytest.raises(InputError, match="another training"):
        GaitEstimator(config).fit(lambda seed, n: clips, 4, tmp_path)


def test_doubling_the_frame_rate_changes_little(trained, walk):
    slow, fast = (
        trained[0].predict(project_walk(walk, build_camera("side", fps=fps))) for fps in (30.0, 60.0)
    )
    assert read(fast) == pytest.approx(read(slow), rel=0.03)


def test_layouts_agree(trained, walk):
    camera = build_camera("side")
    estimates = [
        read(trained[0].predict(project_walk(walk, camera, name))) for name in ("walk19", "mediapipe33")
    ]
    assert estimates[0] == pytest.approx(estimates[1], rel=0.03)
    shuffled = project_walk(walk, camera, "coco17").isel(keypoint=np.random.default_rng(0).permutation(17))
    assert np.array_equal(
        read(trained[0].predict(shuffled)), read(trained[0].predict(project_walk(walk, camera, "coco17")))
    )


def test_the_mirrored_image_gives_the_same_answer(trained, clips):
    features = [clip.features for clip in clips]
    first, second = (
        trained[0].predict_raw(f)[0] for f in (features, [mirror_features(KEYPOINTS, f) for f in features])
    )
    assert second == pytest.approx(first, abs=1e-5)


def test_without_height_the_interval_of_speed_is_not_narrower(trained, walk):
    keypoints = project_walk(walk, build_camera("side"))
    known = trained[0].predict(keypoints, 1.7)
    unknown = trained[0].predict(keypoints.assign_attrs(height_m=float("nan")))
    assert known.ok and unknown.values.keys() == known.values.keys() or not unknown.ok


def test_it_abstains_where_nobody_walks(trained):
    still = make_toy_walk(duration_s=4.0)
    still["keypoint_position"].values[:] = still["keypoint_position"].values[:1]
    estimate = trained[0].predict(project_walk(still, build_camera("side")))
    assert not estimate.ok and "rhythm" in estimate.status
    noise = project_walk(make_toy_walk(duration_s=4.0), build_camera("side"))
    noise["pixel_position"].values[:] = np.random.default_rng(0).uniform(
        0, 900, noise["pixel_position"].shape
    )
    assert not trained[0].predict(noise).ok


def test_it_comes_back_from_its_file(trained, clips, tmp_path):
    path = tmp_path / "estimator.safetensors"
    trained[0].save(path)
    loaded = GaitEstimator.load(path)
    features = [clip.features for clip in clips]
    assert loaded.predict_features(features) == trained[0].predict_features(features)
    assert loaded.provenance["trained_on"] == "synthetic walks only"


def test_wrong_and_changed_files_are_refused(trained, tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "estimator.safetensors"
    with pytest.raises(InputError, match="not found"):
        GaitEstimator.load(path)
    path.write_bytes(b"no weights at all")
    with pytest.raises(InputError, match="not a readable safetensors"):
        GaitEstimator.load(path)
    save_file({"a": np.zeros(3)}, path)
    with pytest.raises(InputError, match="expected 'gaitlib-estimator'"):
        GaitEstimator.load(path)
    trained[0].save(path)
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="checksum"):
        GaitEstimator.load(path)
    path.write_bytes(content[:-100])
    with pytest.raises(InputError, match="not a readable safetensors"):
        GaitEstimator.load(path)


def test_people_are_never_on_both_sides_of_a_split(toys):
    table = toys[0].loc[np.repeat(np.arange(60), 3)]
    parts = split_people(table, 0.3, seed=1)
    heights = [set(table["height_m"].to_numpy()[rows]) for rows in parts]
    assert sorted(np.concatenate(parts)) == list(range(180))
    assert not (heights[0] & heights[1] or heights[0] & heights[2] or heights[1] & heights[2])


def test_people_keep_their_side_when_the_library_grows():
    table = make_toy_set(2000, seed=4)[0]
    few, many = split_people(table.iloc[500:1500], 0.2, 1), split_people(table, 0.2, 1)
    for side, larger in zip(few, many, strict=True):
        assert set(side + 500) <= set(larger)
    assert [len(side) for side in many] == pytest.approx([1600, 200, 200], abs=50)
    assert set(split_people(table, 0.2, 2)[2]) != set(many[2])


def test_generated_gaits_join_those_of_the_training_people(toys):
    asked = []

    class Generator:
        release = "of its library"

        def sample(self, conditions, seed):
            asked.append(conditions)
            return make_toy_set(7, seed=9)

    config = TrainingConfig(replace(SMALL, n_clips=40, chunk_clips=40, reuse=1.0), EASY, n_calibration=40,
                            n_test=20, n_generated=12, n_workers=0)  # fmt: skip
    estimator, _, errors = train_estimator(*toys, config, 0, walk_sampler=Generator())
    assert len(asked[0]) == 12 and {"age_years", "sex", "height_m", "mass_kg", "speed_mps"} <= set(asked[0])
    assert estimator.provenance["n_generated_gaits"] == 7
    assert estimator.provenance["generator_library"] == "of its library"
    assert estimator.provenance["library"] == hash_gaits(toys[0]["gait_id"].to_list())
    assert estimator.provenance["n_library_gaits"] + estimator.provenance["n_held_out_gaits"] == 60
    assert len(errors) == 20 * len(OUTCOME_NAMES) and set(errors["outcome"]) == set(OUTCOME_NAMES)


def test_the_clearest_clip_has_no_better_clock_than_its_frames(trained):
    step_time = OUTCOME_NAMES.index("step_time_s")
    limits = trained[0].calibration.groups.values()
    assert all(np.flatnonzero(own.edge_s).tolist() == [step_time] for own in limits)


def test_of_a_shorter_clip_the_step_time_is_less_certain(clips):
    longer, features = 2 * clips[0].features.sequence.shape[-1], clips[0].features
    whole = replace(features, sequence=np.resize(features.sequence, (*features.sequence.shape[:-1], longer)))
    short, long = get_scale(np.full((2, 2), -9.0), [features, whole], np.array([0.0, 0.1]))
    assert short[0] == long[0] and short[1] == pytest.approx(2 * long[1], rel=1e-3)


def test_an_ensemble_answers_the_mean_of_its_members(clips, tmp_path):
    config = NetworkConfig(width=8, fine_dilations=(1,), coarse_dilations=(1,), n_clips=48, chunk_clips=24,
                           reuse=1.0, batch_size=8, members=2)  # fmt: skip
    features = [clip.features for clip in clips]
    both = GaitEstimator(config)
    history = both.fit(lambda seed, n: clips[:n], seed=3, folder=tmp_path)
    assert history["member"].tolist() == [0, 0, 1, 1]
    apart = [GaitEstimator(replace(config, members=1), network).predict_raw(features)
             for network in both.networks]  # fmt: skip
    assert not np.allclose(apart[0][0], apart[1][0])
    both.calibrate(2 * clips)
    both.save(tmp_path / "both.safetensors")
    for estimator in (both, GaitEstimator.load(tmp_path / "both.safetensors")):
        for got, *members in zip(estimator.predict_raw(features), *apart, strict=True):
            assert got == pytest.approx(np.mean(members, axis=0))


def test_intervals_alone_are_set_again(trained, toys):
    again = copy.deepcopy(trained[0])
    config = TrainingConfig(SMALL, EASY, held_out_share=0.4, n_calibration=120, n_test=10, n_workers=0)
    further, history, _ = train_estimator(*toys, config, seed=0, fitted=again)
    assert len(history) == 0 and further.calibration.groups and further.provenance["train_s"]
    for before, after in zip(trained[0].network.parameters(), further.network.parameters(), strict=True):
        assert torch.equal(before, after)
    with pytest.raises(InputError, match="seed 1"):
        train_estimator(*toys, config, seed=1, fitted=again)


def test_the_model_card_says_what_it_is(trained, tmp_path):
    card = write_model_card(tmp_path / "card.md", trained[0], trained[2], "a command").read_text()
    assert "synthetic walks only" in card and "`a command`" in card
    plain, shifted = card.split("## Where views, bodies or sensors")
    assert plain.count("| speed_mps |") == trained[2]["view"].nunique()
    assert all(f"| {change} | side | speed_mps |" in shifted for change in SHIFTS)


def test_designs_start_from_what_they_are_told(clips):
    """A network that has learned nothing answers its base: perspective, or the classical speed."""
    side = np.array([clip.features.side for clip in clips], dtype=float)
    told = [side[:, KEYPOINTS.side.index(name)] for name in ("log_pinhole_speed", "log_best_speed")]
    found = {}
    for design in DESIGNS:
        network = GaitNetwork(replace(SMALL, design=design)).eval()
        with torch.no_grad():
            found[design] = network(batch_features([clip.features for clip in clips])).location[:, 0].numpy()
    height = side[:, KEYPOINTS.side.index("log_height")] + np.log(1.6 * 0.49)
    assert np.abs(found["residual"] - told[0] - height).mean() < 0.1
    assert np.abs(found["learned"] - told[1] - height).mean() < 0.02
    assert np.abs(found["features"] - told[1] - height).mean() < 0.02
    start = GaitNetwork(replace(SMALL, design="residual")).locate_start(
        torch.tensor(side, dtype=torch.float32)
    )
    assert np.abs(found["residual"] - start[:, 0].numpy()).mean() < 0.02


def test_what_was_learned_counts_as_far_as_it_earns_its_place(clips):
    """A constant error of the network is dropped; without that error it would be kept."""
    estimator = GaitEstimator(SMALL, GaitNetwork(SMALL).eval())
    features = [clip.features for clip in clips]
    given = estimator.predict_raw(features)[0][:, 0]
    with torch.no_grad():
        estimator.network.head[-1].bias[0] = 3.0
    off = estimator.predict_raw(features)[0][:, 0]
    assert 0.02 < np.median(off - given) < 0.2, "bounded by what perspective and the leg leave open"
    along = np.array([item.side[KEYPOINTS.side.index("along")] for item in features])
    direction = tell_direction(torch.tensor(along)).numpy()
    for wanted, best in ((0.0, given), (1.0, off)):
        choose_trust(estimator, [replace(c, truth=np.r_[np.exp(t), c.truth[1:]])
                                 for c, t in zip(clips, best, strict=True)])  # fmt: skip
        assert set(estimator.network.trust[np.unique(direction)].tolist()) == {wanted}
        assert estimator.predict_raw(features)[0][:, 0] == pytest.approx(best, abs=0.01)
    assert len(estimator.provenance["trust"]) == len(np.unique(direction))


def test_a_network_without_perspective_is_deaf_to_it(clips):
    features = [clip.features for clip in clips]
    columns = [KEYPOINTS.side.index(name) for name in PINHOLE_FEATURES]
    changed = [replace(item, side=item.side.copy()) for item in features]
    for item in changed:
        item.side[columns] += 1.0
    for design, deaf in {"learned": True, "features": False}.items():
        network = GaitNetwork(replace(SMALL, design=design)).eval()
        with torch.no_grad():
            first, second = (network(batch_features(part)).location for part in (features, changed))
        assert torch.equal(first, second) == deaf


def test_shifted_clips_differ_from_those_of_training(toys):
    pool = build_pool(toys[1], list_persons(toys[0]))
    wide = replace(EASY, views=(("any", 1.0),))
    focal = {}
    for strange in (False, True):
        rng = np.random.default_rng(0)
        path = np.array([[0.0, 0.9, 0.0], [5.0, 0.9, 0.0]])
        cameras = [draw_camera(path, 1.7, rng, shift_sampler(wide, "camera", strange)) for _ in range(200)]
        focal[strange] = np.median(
            [c.focal_length_px / max(c.image_width_px, c.image_height_px) for c in cameras]
        )
    assert focal[True] < np.exp(wide.focal[0]) < focal[False]
    spread = {}
    for name in ("none", "detector"):
        config = wide if name == "none" else shift_sampler(wide, name, True)
        clips = sample_clips(pool, 60, np.random.default_rng(1), replace(config, noise_free_share=0.0))
        spread[name] = np.median([c.features.side[KEYPOINTS.side.index("log_roughness")] for c in clips])
    assert spread["detector"] > spread["none"]


def test_all_paces_are_drawn_equally_often(toys):
    pace = np.repeat([0.12, 0.32, 0.57], [20, 30, 10])
    even = weigh_paces(pace, np.ones(60))
    assert even.mean() == pytest.approx(1)
    assert [even[pace == own].sum() for own in (0.12, 0.32, 0.57)] == pytest.approx([20, 20, 20])
    uneven = weigh_paces(pace, np.where(np.arange(60) % 2, 3.0, 1.0))
    assert uneven[1::2] == pytest.approx(3 * uneven[::2])
    rare = weigh_paces(np.r_[pace[:50], 0.57], np.ones(51))
    assert rare.max() == pytest.approx(5 * np.median(rare))
    pool = build_pool(toys[1], list_persons(toys[0]))
    assert pool.weight.mean() == pytest.approx(1)
    rare = replace(pool, weight=np.where(np.arange(len(pool)) == 3, 50.0 * len(pool), 1.0))
    clips = sample_clips(rare, 40, np.random.default_rng(2), EASY)
    assert np.mean([clip.gait == 3 for clip in clips]) > 0.8
    assert pool.take(np.arange(5)).join(pool).weight.tolist() == [*pool.weight[:5], *pool.weight]


def test_too_small_a_library_is_refused(toys):
    with pytest.raises(InputError, match="expected at least 5"):
        train_estimator(toys[0].head(3), toys[1])
    with pytest.raises(InputError, match="no verified gait"):
        train_estimator(toys[0].assign(verified=False), toys[1])
    with pytest.raises(InputError, match="not calibrated"):
        GaitEstimator().predict_features([])


def test_what_is_not_known_of_a_clip_counts_as_no_miss():
    row = {"view": "side", "outcome": "stride_time_cv", "estimate": 0.02, "lower": 0.01, "upper": 0.03}
    errors = pd.DataFrame(
        row | {"reference": [0.02, 0.04, np.nan, 0.02], "status": ["ok"] * 3 + ["too short"]}
    )
    assert summarise_errors(errors)["coverage"].tolist() == [0.5]
    assert summarise_overall(errors)["coverage"] == 0.5 and summarise_overall(errors)["answered"] == 0.75
