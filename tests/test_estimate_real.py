"""Networks that learn from real people: nobody is estimated by a network that has seen them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from repository import load_script
from sense_toys import make_toy_set

from gaitlib.errors import InputError
from gaitlib.estimate.assess import tabulate_errors
from gaitlib.estimate.clip_sampler import InertialSamplerConfig, SamplerConfig, build_pool, sample_clips
from gaitlib.estimate.estimator import GaitEstimator
from gaitlib.estimate.estimator_network import GaitNetwork, NetworkConfig
from gaitlib.estimate.predict import load_shipped_estimator
from gaitlib.estimate.synthetic_training import (
    TrainingConfig,
    list_persons,
    sample_held_out,
)
from gaitlib.estimate.targets import OUTCOME_NAMES
from gaitlib.outcomes import measure_walks
from gaitlib.sense.body_walk import build_synthetic_walk
from gaitlib.sense.observe import observe_walks
from gaitlib.simulate.library import load_library

crossvalidate_network = load_script("real_training").crossvalidate_network
ablate = load_script("ablate")

CONFIG = NetworkConfig(width=8, fine_dilations=(1,), coarse_dilations=(1,))


@pytest.fixture(scope="module")
def clips():
    toys = make_toy_set(6)
    easy = SamplerConfig(views=(("side", 1.0),), noise_free_share=1.0, clips_per_walk=4)
    return sample_clips(build_pool(toys[1], list_persons(toys[0])), 24, np.random.default_rng(2), easy)


def test_a_network_does_not_see_the_person_it_estimates(clips):
    features, truth = [clip.features for clip in clips], np.array([clip.truth for clip in clips])
    people = np.array([f"p{clip.gait}" for clip in clips])
    start, own = GaitNetwork(CONFIG), people == people[0]
    first = crossvalidate_network(start, features, truth, people, n_folds=10, epochs=(1, 2))
    changed = np.where(own[:, None], truth * 3.0, truth)
    second = crossvalidate_network(start, features, changed, people, n_folds=10, epochs=(1, 2))
    assert np.isfinite(first).all()
    assert first[own] == pytest.approx(second[own])
    assert not np.allclose(first[~own], second[~own])
    with pytest.raises(InputError, match="40 people wanted"):
        crossvalidate_network(start, features, truth, people, n_real=40)
    with pytest.raises(InputError, match="expected at least 3"):
        crossvalidate_network(start, features[:1], truth[:1], people[:1])


def test_starts_are_compared_in_one_tidy_table(tmp_path, monkeypatch):
    table, gaits = make_toy_set(4)
    persons = list_persons(table)
    walks = [
        build_synthetic_walk(gaits.sel(gait=table["gait_id"][n]), persons[n], np.random.default_rng(n),
                             duration_s=4.0, dataset="toy", subgroup="toy", person_id=f"p{n}",
                             walk_id=f"w{n}")
        for n in range(4)
    ]  # fmt: skip
    clips = observe_walks(walks, ["side"], "body25", 30.0, 0.0, 1)
    full = GaitEstimator(CONFIG, GaitNetwork(CONFIG))
    reference = measure_walks(walks, ["speed_mps", "step_time_s"])
    numbers = (2, 30, None)
    starts = full, GaitNetwork(CONFIG)

    def compare():
        return ablate.compare_starts(
            *starts, clips, reference, 0, n_real=numbers, epochs=(1,), folder=tmp_path
        )

    tables = compare()
    assert all(tuple(part.columns) == ablate.COLUMNS for part in tables)
    assert {(part["arm"][0], part["n_train"][0]) for part in tables} == {
        (ablate.ARMS[name], n)
        for name in ("real_only", "real_after_pretraining", "real_plus_synthetic")
        for n in (2, 3)
    }
    assert all(set(part["outcome"]) == {"speed_mps", "step_time_s"} for part in tables)
    monkeypatch.delattr(ablate, "crossvalidate_network")  # finished, so not asked again
    pd.testing.assert_frame_equal(pd.concat(compare()), pd.concat(tables))


def test_healthy_adults_are_their_cohort():
    table, gaits = make_toy_set(3)
    table = table.assign(cohort=["healthy_adult", "parkinsons", "healthy_adult"])
    kept = ablate.select_healthy_adults(table, gaits)[0]
    assert kept["gait_id"].tolist() == table["gait_id"].iloc[[0, 2]].tolist()


def test_shipped_estimators_fit_the_split():
    """They held out the same people, so that their errors on simulated people are those of strangers."""
    library = load_library().curves
    for kind in ("keypoints", "inertial"):
        estimator = load_shipped_estimator(kind)
        assert estimator.provenance["trained_on"] == "synthetic walks only"
    config = TrainingConfig(sampler=InertialSamplerConfig(), n_test=12)
    clips = sample_held_out(estimator, *library, config, estimator.provenance["seed"])
    errors = tabulate_errors(estimator, clips)
    assert errors["gait"].notna().all() and set(errors["outcome"]) == set(OUTCOME_NAMES)
    with pytest.raises(InputError, match="seed 7"):
        sample_held_out(estimator, *library, config, 7)
    with pytest.raises(InputError, match="gaitlib train"):
        sample_held_out(
            estimator, *library, replace(config, held_out_share=0.3), estimator.provenance["seed"]
        )
