"""Step width from keypoints: seen from the front, guessed from the side, kept from users."""

from dataclasses import replace

import numpy as np
import pytest
from sense_toys import make_toy_set

from gaitlib import load_library
from gaitlib.estimate.clip_sampler import SamplerConfig, build_pool, sample_clips
from gaitlib.estimate.predict import estimate_clip, load_shipped_estimator
from gaitlib.estimate.step_width import COLUMN, apply_width, fit_width, measure_apart
from gaitlib.estimate.synthetic_training import list_persons
from gaitlib.estimate.targets import TARGETS, WITHHELD
from gaitlib.sense.body_walk import build_synthetic_walk
from gaitlib.sense.camera import build_camera, project_walk

SIZE = TARGETS[COLUMN].size


def take(pool, view):
    clear = SamplerConfig(views=((view, 1.0),), noise_free_share=1.0, panning_share=0.0, treadmill_share=0.0,
                          height_unknown_share=0.0, height_error_m=0.0, clips_per_walk=1)  # fmt: skip
    clear = replace(clear, errors=replace(clear.errors, definition_bias_m=0.0))
    clips = sample_clips(pool, 60, np.random.default_rng(3), clear)
    return [clip.features for clip in clips], np.array([clip.truth[COLUMN] for clip in clips])


@pytest.fixture(scope="module")
def pool():
    table, gaits = load_library().curves
    chosen = table[table["cohort"] == "healthy_adult"].head(40).reset_index(drop=True)
    return build_pool(gaits.sel(gait=chosen["gait_id"].to_list()), list_persons(chosen))


def test_width_is_seen_from_the_front_and_not_from_the_side(pool):
    front, side = take(pool, "end"), take(pool, "side")
    apart = [np.abs([measure_apart(item) for item in features]) for features, _ in (front, side)]
    assert np.corrcoef(apart[0], front[1])[0, 1] > 0.9
    assert np.corrcoef(apart[1], side[1])[0, 1] < 0.6
    usual = np.full(len(front[1]), front[1].mean() / SIZE)
    fitted = fit_width(front[0], usual, front[1])
    found, log_scale = apply_width(fitted, front[0], usual)
    error = np.abs(found * SIZE - front[1]).mean()
    assert error < 0.5 * np.abs(front[1] - front[1].mean()).mean()
    assert np.exp(log_scale).mean() * SIZE == pytest.approx(error, rel=0.3)


def test_users_are_not_told_what_did_not_hold_on_people():
    table, gaits = load_library().curves
    row = table[table["cohort"] == "healthy_adult"].head(1).reset_index(drop=True)
    person = list_persons(row)[0]
    gait = gaits.sel(gait=row["gait_id"][0])
    walk = build_synthetic_walk(gait, person, np.random.default_rng(0), duration_s=5.0)
    clip = project_walk(walk, build_camera("oblique", fps=50.0), "body25")
    everything = load_shipped_estimator().predict(clip, person.height_m)
    told = estimate_clip(clip, person.height_m)
    assert set(everything.values) - set(told.values) == set(WITHHELD)
    width = everything.values["step_width_m"]
    assert width.lower < width.value < width.upper


def test_toys_have_a_width_in_their_truth():
    table, gaits = make_toy_set(4)
    clips = sample_clips(build_pool(gaits, list_persons(table)), 4, np.random.default_rng(0))
    assert np.isfinite([clip.truth[COLUMN] for clip in clips]).all()
