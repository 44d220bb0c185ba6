"""Correction, plausibility and fidelity: known answers on a family whose feet stand still."""

import numpy as np
import pytest
from generate_toy import build_toy_library
from transforms import correct_gaits

from gaitlib.errors import InputError
from gaitlib.generate.checks import check_gaits, measure_limits, summarise_checks
from gaitlib.generate.curve_corrections import ALLOWED_SLIP_M, FloorBand, compute_joint_speed, correct_forces
from gaitlib.generate.foot_contact import measure_foot_contact
from gaitlib.generate.generator_baselines import LinearGaussianGenerator, NeighbourGenerator
from gaitlib.generate.generator_diagnostics import measure_fidelity, summarise_fidelity


@pytest.fixture(scope="module")
def library():
    return build_toy_library(60)


def test_standing_feet_of_the_family_neither_slip_nor_sink(library):
    soles = measure_foot_contact(*library)
    assert np.abs(soles).to_numpy().max() < 1e-6
    np.testing.assert_allclose(compute_joint_speed(*library), library[0]["speed_mps"], rtol=1e-6)


def test_correction_leaves_consistent_gaits_alone(library):
    table, gaits = library
    corrected_table, corrected = correct_gaits(table, gaits, FloorBand(-0.01, 0.01))
    np.testing.assert_allclose(corrected["position"], gaits["position"], atol=1e-9)
    np.testing.assert_allclose(corrected["ground_force"], gaits["ground_force"], atol=1e-6)
    assert corrected_table["leg_change_deg"].max() < 1e-6


def test_slip_of_a_known_size_is_measured_and_removed(library):
    table, gaits = library
    sliding = gaits.copy(deep=True)
    sliding["position"].loc[{"coordinate": "pelvis_tx"}] += 0.03 * np.sin(4 * np.pi * np.linspace(0, 1, 101))
    slip = measure_foot_contact(table, sliding)["slip_m"]
    assert slip.between(0.055, 0.0601).all()
    _, corrected = correct_gaits(table, sliding)
    assert measure_foot_contact(table, corrected)["slip_m"].max() < 1.3 * ALLOWED_SLIP_M


def test_wrong_travel_is_taken_up_by_the_hips_and_keeps_speed_and_time(library):
    table, gaits = library
    wrong = table.assign(stride_time_s=table["stride_time_s"] * 0.96)
    shorter = gaits.copy(deep=True)
    ramp = np.linspace(0, 1, 101) * (-0.04 * table["speed_mps"] * table["stride_time_s"]).to_numpy()[:, None]
    shorter["position"].loc[{"coordinate": "pelvis_tx"}] += ramp
    shorter["stride_time_s"] = ("gait", wrong["stride_time_s"].to_numpy())
    corrected_table, corrected = correct_gaits(wrong, shorter)
    soles = measure_foot_contact(corrected_table, corrected)
    assert soles["slip_m"].max() < 1.3 * ALLOWED_SLIP_M
    forward = corrected["position"].sel(coordinate="pelvis_tx").to_numpy()
    travel = forward[:, -1] - forward[:, 0]
    np.testing.assert_allclose(
        travel, corrected_table["speed_mps"] * corrected_table["stride_time_s"], rtol=1e-6
    )
    assert corrected_table["leg_change_deg"].between(0.05, 6).all()
    np.testing.assert_array_equal(corrected_table["stride_time_s"], wrong["stride_time_s"])


def test_sunk_body_is_lifted_to_the_floor(library):
    table, gaits = library
    sunk = gaits.copy(deep=True)
    sunk["position"].loc[{"coordinate": "pelvis_ty"}] -= 0.05
    band = FloorBand(-0.005, 0.005)
    _, corrected = correct_gaits(table, sunk, band)
    share = measure_foot_contact(table, corrected)["lowest_m"] / table["height_m"]
    assert share.min() > band.lower - 1e-6


def test_forces_carry_the_body_after_correction(library):
    table, gaits = library
    force = gaits["ground_force"].to_numpy() * 1.3 - 5.0
    mass = table["mass_kg"].to_numpy()
    fixed, change = correct_forces(force, mass)
    np.testing.assert_allclose(fixed[:, :-1, :, 1].sum(axis=2).mean(axis=1), mass * 9.80665)
    np.testing.assert_allclose(fixed[:, :-1, :, 0].sum(axis=2).mean(axis=1), 0.0, atol=1e-6)
    assert fixed[..., 1].min() >= 0 and (change > 0.01).all()


def test_checks_pass_good_gaits_and_name_the_reason_of_bad_ones(library):
    table, gaits = library
    limits = measure_limits(table, gaits)
    assert check_gaits(table, gaits, limits)["passed"].all()
    bad = gaits.copy(deep=True)
    bad["position"].loc[{"coordinate": "knee_angle_r"}] -= np.radians(60)
    bad["ground_force"] = bad["ground_force"] * 1.5
    checks = check_gaits(table, bad, limits)
    failed = checks[~checks["passed"]]
    assert {"knee_hyperextension", "force_balance", "peak_force", "library_range"} <= set(failed["check"])
    assert (failed["reason"] != "").all() and "knee_angle_r" in " ".join(failed["reason"])
    summary = summarise_checks(checks).set_index("check")
    assert summary.loc["all", "n_passed"] == 0 and summary.loc["force_balance", "passed_share"] == 0
    with pytest.raises(InputError, match="as many"):
        check_gaits(table.iloc[1:], gaits, limits)


def test_fidelity_tells_a_good_model_from_a_poor_one(library):
    table, gaits = library
    held = np.arange(len(table)) % 5 == 0
    train, test = (table[~held], gaits), (table[held], gaits)
    models = {
        "linear": LinearGaussianGenerator().fit(*train),
        "neighbour": NeighbourGenerator().fit(*train),
        "noisy": NeighbourGenerator(noise=1.0).fit(*train),
        "copy": NeighbourGenerator(noise=0.0).fit(*train),
    }
    wide = summarise_fidelity(measure_fidelity(models, train, test)).set_index(["measure", "part"])
    error = wide.loc[("joint_speed_mae", "all")]
    assert error["linear"] < error["neighbour"] < error["noisy"]
    assert wide.loc[("curve_rmse", "position"), "linear"] < wide.loc[("curve_rmse", "position"), "noisy"]
    assert wide.loc[("joint_speed_mae", "all"), "solved"] < 1e-6
    assert (wide.loc[("outcome_mae", "step_length_m"), list(models)].astype(float) < 0.1).all()
    novelty = wide.loc[("neighbour_ratio", "all")]
    assert novelty["copy"] < 0.5 * novelty["noisy"]


def test_linear_baseline_recovers_a_linear_law():
    table, gaits = build_toy_library(60)
    model = LinearGaussianGenerator(ridge=1e-9).fit(table, gaits)
    known = model.representation.conditions.read(table).assign(stride_time_s=np.nan)
    drawn = model._draw(model.representation.conditions.encode(known), np.random.default_rng(0))
    index = model.representation.names.index("stride_time_s")
    assert np.corrcoef(drawn[:, index], model.representation.encode(table, gaits)[:, index])[0, 1] > 0.97
