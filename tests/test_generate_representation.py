"""Vectors of strides: round trip, periodicity, mirror symmetry."""

import numpy as np
import pytest
import xarray as xr
from generate_toy import build_toy_library, mirror
from transforms import mirror_gait

from gaitlib.errors import InputError
from gaitlib.gait import TRANSLATIONS, validate_gait
from gaitlib.generate.conditions import check_conditions
from gaitlib.generate.representation import GaitRepresentation, analyse_curves, build_basis


@pytest.fixture(scope="module")
def library():
    return build_toy_library(80)


@pytest.fixture(scope="module")
def representation(library):
    return GaitRepresentation().fit(*library)


def test_round_trip_keeps_the_curves(library, representation):
    table, true = build_toy_library(20, seed=9)
    back, gaits = representation.decode(
        representation.encode(table, true), representation.conditions.read(table)
    )
    angles = [name for name in true["coordinate"].values if name not in TRANSLATIONS]
    gaits = gaits.assign_coords(gait=true["gait"])
    gap = (gaits - true)["position"].sel(coordinate=angles)
    assert np.degrees(np.sqrt((gap**2).mean(("gait", "phase")))).max() < 1.5
    for name in ("activation", "ground_force", "joint_moment"):
        error = np.sqrt(((gaits[name] - true[name]) ** 2).mean(("gait", "phase")))
        low, high = (true[name].quantile(share, ("gait", "phase")) for share in (0.05, 0.95))
        assert (error / (high - low)).where(high - low > 1e-9, 0.0).max() < 0.02
    back, gaits = representation.decode(representation.encode(table, true))
    np.testing.assert_allclose(back["stride_time_s"], table["stride_time_s"], rtol=1e-9)
    np.testing.assert_allclose(gaits["speed_mps"], back["speed_mps"])


def test_decoded_strides_are_valid_gaits(library, representation):
    table, gaits = library
    _, back = representation.decode(representation.encode(table, gaits))
    validate_gait(back.isel(gait=3).drop_vars("gait"))
    assert float(back["activation"].min()) >= 0 and float(back["activation"].max()) <= 1


def test_decoded_curves_are_periodic_in_value_and_slope(library, representation):
    rng = np.random.default_rng(0)
    vectors = representation.encode(*library) + 0.3 * rng.standard_normal((80, len(representation.names)))
    table, gaits = representation.decode(vectors)
    curves = np.concatenate([gaits["position"].to_numpy(), gaits["activation"].to_numpy()], axis=2)
    curves[:, :, 1] -= curves[:, :, 1][:, -1:] * np.linspace(0, 1, 101)
    np.testing.assert_allclose(curves[:, 0], curves[:, -1], atol=1e-6)
    wrapped = np.concatenate([curves[:, -2:-1], curves[:, :2]], axis=1)
    bend_at_seam = np.abs(np.diff(wrapped, 2, axis=1)).max(axis=(0, 1))
    bend_inside = np.abs(np.diff(curves, 2, axis=1)).max(axis=(0, 1))
    assert (bend_at_seam <= 1.5 * bend_inside + 1e-9).all()


def test_symmetric_library_gives_symmetric_strides_for_any_vector(representation):
    assert representation.n_antisymmetric == 0
    vectors = np.random.default_rng(1).standard_normal((5, len(representation.names)))
    _, gaits = representation.decode(vectors)
    other = mirror_gait(gaits)
    for name in ("hip_flexion_r", "ankle_angle_l", "pelvis_ty"):
        own = gaits["position"].sel(coordinate=name).to_numpy()[:, :-1]
        mirrored = np.roll(other["position"].sel(coordinate=name).to_numpy()[:, :-1], 50, axis=1)
        np.testing.assert_allclose(own, mirrored, atol=1e-5)


def test_mirror_of_an_asymmetric_stride_exchanges_sides_half_a_stride_later(library):
    table, gaits = library
    limping = _limp(gaits)
    fitted = GaitRepresentation().fit(table, limping)
    assert fitted.n_antisymmetric > 0
    vectors = fitted.encode(table, limping)
    _, own = fitted.decode(vectors)
    _, mirrored = fitted.decode(mirror(fitted, vectors))
    for left, right in (("knee_angle_r", "knee_angle_l"), ("pelvis_ty", "pelvis_ty")):
        a = np.roll(own["position"].sel(coordinate=left).to_numpy()[:, :-1], 50, axis=1)
        np.testing.assert_allclose(
            mirrored["position"].sel(coordinate=right).to_numpy()[:, :-1], a, atol=1e-5
        )
    np.testing.assert_allclose(mirror(fitted, mirror(fitted, vectors)), vectors)


def test_series_of_a_cosine_has_one_coefficient():
    phase = np.linspace(0, 1, 101)
    curve = (2.0 + 3.0 * np.cos(2 * np.pi * 2 * phase))[None, :, None]
    coefficients = analyse_curves(curve, 5)[0, 0]
    expected = np.zeros(11)
    expected[[0, 2]] = 2.0, 3.0
    np.testing.assert_allclose(coefficients, expected, atol=1e-12)
    np.testing.assert_allclose(coefficients @ build_basis(5, 101), curve[0, :, 0], atol=1e-12)


def test_body_size_scales_lengths_and_forces(library, representation):
    vectors = representation.encode(*library)[:1]
    people = representation.conditions.read(library[0]).iloc[:1]
    _, small = representation.decode(vectors, people)
    _, heavy = representation.decode(vectors, people.assign(mass_kg=people["mass_kg"] * 2))
    np.testing.assert_allclose(heavy["ground_force"], 2 * small["ground_force"])
    np.testing.assert_allclose(heavy["position"], small["position"])


def test_conditions_report_every_mistake_at_once(library):
    table = library[0][["age_years", "speed_mps", "sex"]].assign(spede_mps=1.0)
    table.loc[2, "speed_mps"] = 9.0
    table.loc[1, "sex"] = "female"
    with pytest.raises(InputError) as error:
        check_conditions(table)
    for part in ("spede_mps", "did you mean 'speed_mps'", "row 2", "female"):
        assert part in str(error.value)
    with pytest.raises(InputError, match="no rows"):
        check_conditions(table.iloc[:0])


def test_library_without_a_condition_column_is_refused(library):
    table, gaits = library
    with pytest.raises(InputError, match="mass_kg"):
        GaitRepresentation().fit(table.drop(columns="mass_kg"), gaits)
    with pytest.raises(InputError, match="same number"):
        GaitRepresentation().fit(table.iloc[:-1], gaits)


def _limp(gaits: xr.Dataset) -> xr.Dataset:
    limping = gaits.copy(deep=True)
    bend = (
        0.2 * np.sin(2 * np.pi * np.linspace(0, 1, 101)) * np.linspace(0.5, 1.0, gaits.sizes["gait"])[:, None]
    )
    limping["position"].loc[{"coordinate": "knee_angle_r"}] += bend
    return limping
