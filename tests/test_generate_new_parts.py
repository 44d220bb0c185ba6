"""Impairments as conditions, walks, coverage, residual force: known answers."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from generate_toy import build_toy_library

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.errors import InputError
from gaitlib.generate.conditions import (
    COLUMNS,
    check_conditions,
    choose_columns,
    fit_condition_scale,
    spread_impairments,
)
from gaitlib.generate.foot_contact import measure_contact_shift, stack_dimensions
from gaitlib.generate.generator_diagnostics import (
    RESPONSES,
    measure_coverage,
    measure_dose_response,
    measure_memory,
)
from gaitlib.generate.learnable_gaits import measure_isolation
from gaitlib.generate.representation import GaitRepresentation
from gaitlib.generate.residual_forces import differentiate_stride, summarise_residual
from gaitlib.generate.stride_variability import StrideVariability, draw_strides
from gaitlib.person import Person


def build_table(n=40, **columns):
    table = build_toy_library(n)[0].filter(regex="^(?!weakness)")
    return table.assign(**columns)


def test_impairments_are_read_by_any_of_their_names():
    table = pd.DataFrame({"weakness_plantarflexors": [0.5], "contracture_soleus_l": [0.8], "rigidity": [0.3]})
    full = spread_impairments(table).iloc[0]
    assert full["weakness_plantarflexors_r"] == full["weakness_plantarflexors_l"] == 0.5
    assert full["contracture_soleus_l"] == 0.8 and full["contracture_soleus_r"] == 1.0
    assert (
        full["rigidity"] == 0.3 and full["spasticity_gastroc_r"] == 0.0 and list(full.index) == list(COLUMNS)
    )


def test_only_what_varies_is_a_condition_and_per_side_only_where_sides_differ():
    rng = np.random.default_rng(0)
    table = build_table(rigidity=rng.uniform(0, 1, 40), weakness_hip_flexors=rng.uniform(0.5, 1, 40),
                        spasticity_soleus_r=rng.uniform(0, 2, 40))  # fmt: skip
    names, constants = choose_columns(spread_impairments(table))
    assert names == ("weakness_hip_flexors", "spasticity_soleus_r", "spasticity_soleus_l", "rigidity")
    assert constants["weakness_plantarflexors"] == 1.0
    scale = fit_condition_scale(table)
    right, left = (scale.names.index(f"spasticity_soleus_{side}") for side in "rl")
    assert scale.mean[right] == scale.mean[left] and scale.scale[right] == scale.scale[left]
    np.testing.assert_allclose(scale.decode(scale.encode(table))["rigidity"], table["rigidity"])


def test_what_a_library_cannot_answer_is_refused():
    scale = fit_condition_scale(build_table(weakness_hip_flexors=np.linspace(0.5, 1, 40)))
    for wanted, words in (
        ({"rigidity": 0.5}, "was 0 in every gait"),
        ({"weakness_hip_flexors_r": 0.5, "weakness_hip_flexors_l": 0.9}, "alike on both sides"),
        ({"rigidity": 3.0}, "expected a number from 0 to 1"),
    ):
        with pytest.raises(InputError, match=words):
            check_conditions(pd.DataFrame({name: [value] for name, value in wanted.items()}), scale)
    same = check_conditions(pd.DataFrame({"weakness_hip_flexors": [0.7], "rigidity": [0.0]}), scale)
    assert same["weakness_hip_flexors"].item() == 0.7


def test_left_foot_that_lands_late_keeps_its_time_through_the_representation():
    table, gaits = build_toy_library(40)
    late = gaits.copy(deep=True)
    force = late["ground_force"].to_numpy().copy()
    shift = np.random.default_rng(0).integers(0, 6, 40)
    for n in range(40):
        force[n, :-1, 1] = np.roll(force[n, :-1, 1], shift[n], axis=0)
    force[:, -1] = force[:, 0]
    late["ground_force"] = (late["ground_force"].dims, force)
    before = measure_contact_shift(late)
    np.testing.assert_allclose(2 * before * 100, shift, atol=0.05)
    fitted = GaitRepresentation(explained=0.9999).fit(table, late)
    _, again = fitted.decode(fitted.encode(table, late))
    np.testing.assert_allclose(measure_contact_shift(again), before, atol=0.006)


def test_a_gait_unlike_all_others_is_isolated():
    table, gaits = build_toy_library(60)
    odd = gaits.copy(deep=True)
    wave = 0.8 * np.sin(8 * np.pi * np.linspace(0, 1, 101))
    odd["position"].loc[{"gait": "toy-7", "coordinate": "lumbar_extension"}] += wave
    found = measure_isolation(table, odd)
    assert found.argmax() == 7 and found[7] > 5


def test_equal_clouds_are_covered_and_far_ones_are_not():
    rng = np.random.default_rng(0)
    solved, made = rng.standard_normal((2, 300, 3))
    near = measure_coverage(solved, made)
    assert near["density"] == pytest.approx(1.0, abs=0.15) and near["coverage"] > 0.9
    far = measure_coverage(solved, made + 100.0)
    assert far == {"precision": 0.0, "recall": 0.0, "density": 0.0, "coverage": 0.0}
    assert measure_coverage(solved, 0.01 * made)["recall"] < 0.1, "a collapsed cloud reaches few"
    assert measure_memory(solved + 1e-6, solved, made)["copied_share"] == 1.0
    with pytest.raises(InputError, match="more than k"):
        measure_coverage(solved[:4], made)


def test_strides_of_a_walk_have_the_stated_variability_and_a_steady_mean():
    wanted = StrideVariability(stride_time_cv=0.03, stride_length_cv=0.05, correlation=0.6, memory=0.2)
    times, lengths = draw_strides(400, 50, wanted, np.random.default_rng(0))
    np.testing.assert_allclose(times.mean(axis=1), 1.0, atol=1e-9)
    assert times.std(axis=1, ddof=1).mean() == pytest.approx(0.03, rel=0.1)
    assert lengths.std(axis=1, ddof=1).mean() == pytest.approx(0.05, rel=0.1)
    assert np.corrcoef(times.ravel(), lengths.ravel())[0, 1] == pytest.approx(0.6, abs=0.05)
    with pytest.raises(InputError):
        StrideVariability(stride_time_cv=-1)


def test_derivatives_of_a_stride_are_those_of_its_sine():
    phase, time = np.linspace(0, 1, 101), 1.25
    position = np.zeros((101, 12))
    position[:, 0] = 0.3 * np.sin(2 * np.pi * 2 * phase)
    position[:, 1] = 1.5 * phase
    _, speed, acceleration = differentiate_stride(position, time)
    rate = 2 * np.pi * 2 / time
    np.testing.assert_allclose(speed[:, 0], 0.3 * rate * np.cos(4 * np.pi * phase[:-1]), atol=1e-9)
    np.testing.assert_allclose(acceleration[:, 0], -(rate**2) * position[:-1, 0], atol=1e-9)
    np.testing.assert_allclose(speed[:, 1], 1.5 / time)
    found = summarise_residual(np.tile([0.0, 9.80665], (10, 1)), mass_kg=10.0)
    assert found["residual_rms_bw"] == pytest.approx(0.1) and found["residual_peak_bw"] == pytest.approx(0.1)


def test_dimensions_of_many_people_are_those_of_each():
    people = pd.DataFrame({"age_years": [5.3, 30.0, 81.7], "sex": list("fmf"), "height_m": [1.1, 1.8, 1.6],
                           "mass_kg": [18.0, 80.0, 60.0]})  # fmt: skip
    together = stack_dimensions(people)
    for n, row in enumerate(people.to_dict("records")):
        alone = compute_dimensions(Person(**row))
        for name in ("thigh_m", "shank_m", "ankle_height_m", "mtp_ahead_of_ankle_m", "thigh_kg"):
            assert getattr(together, name)[n, 0] == pytest.approx(getattr(alone, name), rel=1e-3)


@pytest.mark.parametrize(("n_impaired", "people"), [(12, "held out"), (4, "all"), (0, None)])
def test_a_model_that_repeats_the_solver_has_its_responses(n_impaired, people):
    """Rare impairments are asked of everyone; what nobody has enough of is not evaluated."""
    table, gaits = build_toy_library(48)
    table = table.assign(rigidity=np.where(np.arange(48) % 24 < n_impaired, 0.5, 0.0), person_id=range(48))
    table.loc[0, "rigidity"] = 0.4
    held_out = (table.iloc[:24], gaits.isel(gait=slice(24)))

    class Echo:
        representation = SimpleNamespace(conditions=fit_condition_scale(table))

        def sample(self, conditions, seed):
            return table.iloc[: len(conditions)], gaits.isel(gait=slice(len(conditions)))

    found = measure_dose_response(Echo(), held_out, (table, gaits), 0, n_resamples=20)
    rigid = found[found["impairment"] == "rigidity"]
    assert len(rigid) == len(RESPONSES)
    if people is None:
        assert not rigid["evaluated"].any() and rigid["solved"].isna().all()
    else:
        assert rigid["evaluated"].all() and set(rigid["people"]) == {people}
        np.testing.assert_allclose(rigid["generated"], rigid["solved"])
        assert (rigid["solved_lower"] < rigid["solved_upper"]).all()
