"""Pressure insoles: what cells tell of a walk, what is read from it, and the estimator that reads it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from gaitlib.data.insole_walks import load_insole_walks
from gaitlib.errors import InputError
from gaitlib.estimate.clip_sampler import build_pool
from gaitlib.estimate.estimator import GaitEstimator
from gaitlib.estimate.estimator_network import NetworkConfig
from gaitlib.estimate.input_kind import INSOLE, mirror_features
from gaitlib.estimate.insole_features import (
    INSOLE_FEATURES,
    compute_insole_arrays,
    compute_insole_features,
    find_steady_strides,
)
from gaitlib.estimate.insole_sampler import (
    InsoleSamplerConfig,
    linger_load,
    measure_loads,
    sample_insole_clips,
)
from gaitlib.estimate.insole_table import crossvalidate_task, measure_force, tabulate_insoles
from gaitlib.estimate.shifts import calibrate_on_shifts
from gaitlib.estimate.synthetic_training import list_persons
from gaitlib.estimate.targets import OUTCOME_NAMES
from gaitlib.sense.insole import (
    LOAD_FPS,
    InsoleErrors,
    build_load_walk,
    compute_region_load,
    get_travel,
    lift_load,
    measure_load,
    observe_insoles,
    settle_load,
    slow_down,
)
from gaitlib.sense.trunk_and_arms import expect_excursion
from gaitlib.sense.walk_variation import NO_VARIATION
from gaitlib.simulate.library import load_library

STRIDE_S, STANCE = 1.2, 0.62
STEADY_CLIP = replace(
    InsoleSamplerConfig(), duration_s=(15.0, 20.0), variation=NO_VARIATION, leg_spread=0.0, turning_share=0.0,
    flatness_spread=0.0, errors=InsoleErrors().scale(0.0), height_error_m=0.0, clips_per_walk=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def library():
    table, gaits = load_library().curves
    rows = np.flatnonzero(
        table["verified"].astype(bool) & table["cohort"].isin(["older_adult", "parkinsons"])
    )
    rows = rows[:24]
    return table.iloc[rows].reset_index(drop=True), gaits.isel(gait=rows)


@pytest.fixture(scope="module")
def pool(library):
    table, gaits = library
    return build_pool(gaits, list_persons(table))


def make_force(duration_s=30.0, fps=100.0, stride_s=STRIDE_S, stance=STANCE, weight_n=700.0):
    """Two humps in stance, nothing in swing, feet half a stride apart."""
    phase = np.arange(int(duration_s * fps)) / fps / stride_s
    feet = []
    for shift in (0.0, 0.5):
        own = (phase + shift) % 1.0 / stance
        feet.append(np.where(own < 1, np.sin(np.pi * own) + 0.25 * np.sin(3 * np.pi * own), 0.0) * weight_n)
    return np.stack(feet, axis=1)


def read(force, fps=100.0, **known):
    features = compute_insole_arrays(force, fps, **known)
    assert features.problem == ""
    return features, dict(zip(INSOLE_FEATURES, features.side.tolist(), strict=True))


def test_regions_share_the_force_of_the_gait_and_roll_from_heel_to_toes(library):
    table, gaits = library
    load = compute_region_load(gaits, table)
    weight = table["mass_kg"].to_numpy()[:, None, None] * 9.80665
    force = gaits["ground_force"].sel(axis="y").transpose("gait", "phase", "foot").values / weight
    assert load.sum(axis=3) == pytest.approx(np.clip(force, 0, None), abs=1e-3)
    centre = (load[:, :, 0] * [0, 1, 2]).sum(axis=2) / np.maximum(load[:, :, 0].sum(axis=2), 1e-6)
    assert (centre[:, 10] < 0.5).mean() > 0.9 and (centre[:, 50] > 0.5).mean() > 0.9


def test_a_walk_carries_the_weight_and_goes_at_the_speed_of_its_gait(library, pool):
    table, gaits = library
    for n in (0, 7):
        stride = float(gaits["stride_time_s"][n])
        travel = get_travel(gaits["position"].values)[n]
        walk = build_load_walk(pool.load[n], travel, stride, 20 * stride, np.random.default_rng(0))
        assert walk.load.sum(axis=(1, 2)).mean() == pytest.approx(1.0, abs=0.02)
        assert walk.forward_m[-1] / walk.time_s[-1] == pytest.approx(table["speed_mps"][n], rel=0.02)


def test_contact_in_the_shoe_outlasts_contact_with_the_floor(pool):
    soft = replace(STEADY_CLIP, errors=replace(STEADY_CLIP.errors, settling_s=0.02))
    clips = [sample_insole_clips(pool, 12, np.random.default_rng(5), own) for own in (STEADY_CLIP, soft)]
    stance, double = (
        [np.mean([clip.truth[OUTCOME_NAMES.index(name)] for clip in own]) for own in clips]
        for name in ("stance_share", "double_support_share")
    )
    assert 0.005 < stance[1] - stance[0] < 0.06
    assert double[1] - double[0] == pytest.approx(2 * (stance[1] - stance[0]), rel=0.2)


@pytest.mark.parametrize("offset_n", [0.0, 12.0, -12.0, 40.0])
@pytest.mark.parametrize("gain", [0.7, 1.3])
def test_the_reference_is_contact_of_the_foot_whatever_the_insole_tells_in_swing(pool, offset_n, gain):
    for n in (2, 9):
        stride_s = float(pool.curves.stride_time_s[n])
        travel = pool.curves.curves[n, :, 1]
        walk = build_load_walk(pool.load[n], travel, stride_s, 20 * stride_s, np.random.default_rng(0))
        walk = replace(walk, load=settle_load(walk.load, 0.012))
        mass_kg = pool.curves.persons[n].mass_kg
        truth = dict(zip(OUTCOME_NAMES, measure_loads(walk, mass_kg), strict=True))
        told = gain * mass_kg * 9.80665 * walk.load.sum(axis=2) + offset_n
        facts = {"fps": LOAD_FPS, "mass_kg": mass_kg, "reference_speed_mps": 1.0}
        signals = {"force": (("time", "foot"), told)}
        found = measure_force(xr.Dataset(signals, coords={"foot": ["r", "l"]}, attrs=facts))
        assert found["stance_share"] == pytest.approx(truth["stance_share"], abs=0.003)
        assert found["double_support_share"] == pytest.approx(truth["double_support_share"], abs=0.006)
        plain = find_steady_strides(told, LOAD_FPS, 20.0)  # what a threshold on raw force would say
        if isinstance(plain, str):
            assert offset_n > 20.0
        elif offset_n > 0:
            assert plain.measure()["stance_share"] > truth["stance_share"]


def test_what_lets_go_slowly_loads_as_fast_and_falls_exponentially():
    load = np.zeros((100, 2, 3))
    load[20:50] = 1.0
    slow = linger_load(load, 0.05)
    assert slow[:50] == pytest.approx(load[:50], abs=1e-6)
    assert slow[50:60, 0, 0] == pytest.approx(np.exp(-0.2 * np.arange(1, 11)), rel=1e-6)
    assert linger_load(load, 0.0) == pytest.approx(load, abs=1e-6)


def test_the_force_is_brought_to_the_rise_of_people(pool):
    def measure_rise(load, step_s):
        total = load.sum(axis=(1, 2))[:-1]
        wave = 2 * abs(np.mean(total * np.exp(4j * np.pi * np.arange(100) / 100)))
        return 2 * wave * 9.80665 / (2 * np.pi / step_s) ** 2

    speed_mps, errors = 1.3, []
    for n, load in enumerate(pool.load):
        step_s, leg_m = 0.5 * pool.curves.stride_time_s[n], pool.curves.dimensions[n].leg_length_m
        wanted = expect_excursion("rise", speed_mps, leg_m, speed_mps * step_s)
        if 0.8 < wanted / measure_rise(load, step_s) < 1.25:  # far from where the correction is bounded
            lifted = lift_load(load, step_s, speed_mps, leg_m)
            errors.append(measure_rise(lifted, step_s) / wanted - 1)
            assert lifted.sum(axis=(1, 2))[:-1].mean() == pytest.approx(1.0, abs=0.02)
    assert len(errors) >= 3 and np.abs(errors).max() < 1e-2


def test_a_perfect_insole_tells_the_load_and_a_real_one_errs(library):
    table, gaits = library
    person = list_persons(table)[3]
    one = gaits.isel(gait=3)
    exact, bad = (
        observe_insoles(one, person, np.random.default_rng(4), errors=e) for e in (None, InsoleErrors())
    )
    assert float(exact["force"].sum("foot").mean()) == pytest.approx(person.mass_kg * 9.80665, rel=0.03)
    assert abs(float(bad["force"].sum("foot").mean() / exact["force"].sum("foot").mean()) - 1) > 0.01
    load = np.full((300, 2, 3), 0.5)
    narrow = replace(InsoleErrors().scale(0.0), greatest_share=(0.2, 0.2))
    clipped = measure_load(load, 50.0, np.random.default_rng(0), narrow)
    assert clipped.shape == (150, 2, 3) and clipped == pytest.approx(0.2)
    dead = measure_load(
        load, 100.0, np.random.default_rng(0), replace(InsoleErrors().scale(0.0), missing_share=1.0)
    )
    assert np.all(dead == 0)


def test_what_was_built_is_read():
    _, side = read(make_force(), height_m=1.7, mass_kg=70.0)
    assert 0.55 * np.exp(side["log_step_time"]) == pytest.approx(STRIDE_S / 2, abs=0.002)
    assert side["start_stance_share"] == pytest.approx(STANCE, abs=0.02)
    assert side["start_double_support_share"] == pytest.approx(2 * STANCE - 1, abs=0.03)
    assert side["start_stride_time_cv"] < 0.005 and side["rhythm"] > 0.9


def test_gain_offset_unit_and_rate_change_little():
    _, plain = read(make_force())
    changed = [make_force() * [2.0, 0.7] + [30.0, 5.0], make_force() / 9.81, make_force(fps=200.0)]
    for force, fps in zip(changed, (100.0, 100.0, 200.0), strict=True):
        _, side = read(force, fps)
        for name in INSOLE_FEATURES:
            assert side[name] == pytest.approx(plain[name], abs=0.03 if "rate" not in name else 0.1), name


def test_turns_and_standing_are_left_out():
    load = np.repeat(make_force(60.0, LOAD_FPS)[:, :, None] / 3 / 700.0, 3, axis=2)
    slowed = slow_down(load, np.array([15.0, 30.0, 45.0]), 0.6, 0.6, (2.0, 3.0))
    _, side = read(slowed.sum(axis=2) * 700.0)
    assert 0.55 * np.exp(side["log_step_time"]) == pytest.approx(STRIDE_S / 2, rel=0.01)
    assert side["start_stride_time_cv"] < 0.02 and 0.6 < side["rhythm"] < 0.95


def test_a_mirror_changes_nothing_but_the_order_of_the_feet():
    force = make_force() * [1.0, 0.8] + np.random.default_rng(0).normal(0, 3, (3000, 2))
    own, _ = read(force)
    other, _ = read(force[:, ::-1])
    turned = mirror_features(INSOLE, own)
    assert turned.sequence == pytest.approx(other.sequence, abs=1e-5)
    assert turned.side == pytest.approx(other.side, abs=1e-5)


@pytest.mark.parametrize(("force", "said"), [
    (make_force()[:100], "too short"), (make_force(4.0), "too few steps"), (make_force() * [1, 0], "nothing"),
    (np.where(np.arange(3000)[:, None] // 30 == 50, np.nan, make_force()), "gap"),
    (make_force() / 1000, "newtons"),
])  # fmt: skip
def test_what_cannot_be_read_is_said(force, said):
    assert said in compute_insole_arrays(force, 100.0, 1.7, 70.0).problem


def test_malformed_input_is_one_error():
    with pytest.raises(InputError, match="force"):
        compute_insole_features(xr.Dataset({"acceleration": ("time", np.zeros(9))}))
    with pytest.raises(InputError, match="noise_share"):
        InsoleErrors(noise_share=-1.0)
    with pytest.raises(InputError, match="give rng"):
        measure_load(np.zeros((9, 2, 3)), 100.0, None, InsoleErrors())
    with pytest.raises(InputError, match="known: gaitpdb"):
        load_insole_walks("opal_gaitrite")


def test_clips_have_the_truth_of_their_gait(library, pool):
    clips = sample_insole_clips(pool, 12, np.random.default_rng(0), STEADY_CLIP)
    for clip in clips:
        truth = dict(zip(OUTCOME_NAMES, clip.truth, strict=True))
        row = library[0].iloc[clip.gait]
        assert truth["speed_mps"] == pytest.approx(row["speed_mps"], rel=0.02)
        assert truth["step_time_s"] == pytest.approx(row["stride_time_s"] / 2, rel=0.02)
        assert np.isnan(truth["step_length_asymmetry"])
        side = dict(zip(INSOLE_FEATURES, clip.features.side, strict=True))
        assert side["start_stance_share"] == pytest.approx(truth["stance_share"], abs=0.05)


@pytest.fixture(scope="module")
def estimator(library, pool):
    network = NetworkConfig("insole", width=16, fine_dilations=(1,), coarse_dilations=(1,), n_clips=120,
                            chunk_clips=60, reuse=2, activation_weight=0.0)  # fmt: skip
    config = replace(InsoleSamplerConfig(), duration_s=(15.0, 20.0))
    estimator = GaitEstimator(network)
    estimator.fit(lambda seed, n: sample_insole_clips(pool, n, np.random.default_rng(seed), config))
    cohorts = library[0]["cohort"].to_numpy()
    return calibrate_on_shifts(estimator, pool, pool, (cohorts, cohorts), config, 80, 0.9, 0)


def test_the_estimator_answers_what_it_learned_and_nothing_else(estimator, pool, tmp_path):
    clips = sample_insole_clips(pool, 5, np.random.default_rng(5))
    assert estimator.provenance["left_out"] == ["older_adult", "parkinsons"]
    estimator.save(tmp_path / "insole.safetensors")
    again = GaitEstimator.load(tmp_path / "insole.safetensors")
    features = [clip.features for clip in clips]
    answers, same = (each.predict_features(features) for each in (estimator, again))
    for clip, one, two in zip(clips, answers, same, strict=True):
        assert one.to_dict() == two.to_dict() and one.ok and one.activation is None
        assert np.isnan(one.values["step_length_asymmetry"].value)
        found = one.values["step_time_s"]
        assert found.lower < found.value < found.upper
        assert found.value == pytest.approx(clip.truth[OUTCOME_NAMES.index("step_time_s")], rel=0.1)


def make_people(n=12):
    """Walks of people, half of them slow, as the reader gives them."""
    walks = []
    for number in range(n):
        slow = number % 2
        force = make_force(20.0, stride_s=1.1 + 0.3 * slow + 0.01 * number, stance=0.6 + 0.08 * slow)
        about = {
            "person_id": f"p{number}",
            "walk_id": f"w{number}",
            "subgroup": ("control", "parkinsons")[slow],
        }
        about |= {"origin": "real", "dataset": "toy", "task": "usual", "hoehn_yahr": 2.0 * slow, "fps": 100.0}
        about |= {
            "height_m": 1.7,
            "mass_kg": np.nan,
            "age_years": 70.0,
            "reference_speed_mps": 1.3 - 0.5 * slow,
        }
        walks.append(xr.Dataset({"force": (("time", "foot"), force)}, {"foot": ["r", "l"]}, about))
    return walks


def test_people_on_insoles_are_tabulated_beside_what_was_measured(estimator):
    walks = make_people()
    features = [compute_insole_features(walk, 1.7) for walk in walks]
    table = tabulate_insoles(walks, features, estimator, 0)
    own = table[(table["outcome"] == "speed_mps") & (table["method"] == "ridge_real")]
    assert set(table["method"]) == {"synthetic", "ridge_real"} and len(own) == 12
    assert (own["estimate"] - own["reference"]).abs().max() < 0.1
    found = measure_force(walks[0])
    assert found["step_length_m"] == pytest.approx(1.3 * found["step_time_s"])
    assert not isinstance(find_steady_strides(walks[0]["force"].values, 100.0, 20.0), str)


def test_groups_that_differ_are_told_apart_and_too_many_people_are_refused(estimator):
    walks = make_people(20)
    features = [compute_insole_features(walk, 1.7) for walk in walks]
    people = np.array([walk.attrs["person_id"] for walk in walks])
    positive = np.array([walk.attrs["subgroup"] == "parkinsons" for walk in walks])
    score = crossvalidate_task(estimator.network, features, positive, people, 10)
    assert score[positive].min() > score[~positive].max()
    with pytest.raises(InputError, match="40 people wanted"):
        crossvalidate_task(estimator.network, features, positive, people, 40)


def test_the_shipped_set_is_read_with_who_walked_and_what_was_timed():
    walks = load_insole_walks("gaitpdb")
    about = pd.DataFrame([walk.attrs for walk in walks])
    people = about.groupby("subgroup")["person_id"].nunique()
    assert people.to_dict() == {"control": 47, "parkinsons": 64}
    assert set(about["task"]) == {"usual", "counting"}
    assert about["reference_speed_mps"].dropna().between(0.3, 2.0).all()
    assert all(walk["force"].dims == ("time", "foot") and walk.attrs["fps"] == 100.0 for walk in walks)
