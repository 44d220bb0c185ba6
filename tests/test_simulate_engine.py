"""The engine against OpenSim, textbook mechanics and its own symmetries."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace

import engine_checks as checks
import numpy as np
import pytest

from gaitlib.body.specification import Structure
from gaitlib.gait import COORDINATES, GRAVITY_MPS2, swap_side
from gaitlib.person import Impairment, Person
from gaitlib.simulate.request import CostWeights, GaitRequest
from gaitlib.simulate.workers import get_cache_folder, make_pool

CHILD = GaitRequest(
    Person(age_years=7, sex="m", height_m=1.22, mass_kg=23.0),
    1.0,
    Impairment(weakness={"plantarflexors": 0.5}),
)


OTHER_TISSUE = replace(
    CHILD,
    structure=Structure(
        hip_stop=-10.0,
        hip_rate=12.0,
        knee_stop=-3.0,
        lumbar_stiffness=50.0,
        heel_back=0.02,
        rect_fem_passive_strain=0.8,
        hamstrings_slack=1.05,
    ),
)


@pytest.fixture(scope="module")
def solver():
    with make_pool(1) as pool:
        yield lambda function, *inputs: pool.submit(function, *inputs).result()


@pytest.fixture(scope="module")
def opensim_process():
    with make_pool(1) as pool:
        yield lambda function, *inputs: pool.submit(function, *inputs).result()


@pytest.fixture(scope="module")
def states():
    return checks.make_random_states(CHILD, 100, seed=1)


@pytest.fixture(scope="module")
def forces(solver, states):
    return solver(checks.evaluate_engine, CHILD, get_cache_folder(), states)


def test_engine_agrees_with_opensim_at_random_states(opensim_process, states, forces):
    missing, ground, tendon_error = opensim_process(checks.evaluate_opensim, CHILD, states)
    scale = np.abs(missing).max()
    assert scale > 100
    assert np.abs(forces["residual"] - missing).max() / scale < 1e-6
    assert np.abs(ground).max() > 10
    np.testing.assert_allclose(forces["ground_force"], ground, rtol=1e-8, atol=1e-6)
    assert np.abs(tendon_error).max() > 0.1
    np.testing.assert_allclose(np.abs(forces["tendon_residual"]), np.abs(tendon_error), rtol=1e-6, atol=1e-8)


def test_other_tissue_is_the_same_body_in_opensim(solver, opensim_process, states):
    values = solver(checks.evaluate_engine, OTHER_TISSUE, get_cache_folder(), states)
    missing, ground, tendon_error = opensim_process(checks.evaluate_opensim, OTHER_TISSUE, states)
    assert np.abs(values["residual"] - missing).max() / np.abs(missing).max() < 1e-6
    np.testing.assert_allclose(values["ground_force"], ground, rtol=1e-8, atol=1e-6)
    np.testing.assert_allclose(np.abs(values["tendon_residual"]), np.abs(tendon_error), rtol=1e-6, atol=1e-8)


def test_contractures_are_the_same_body_in_opensim(solver, opensim_process, states):
    impaired = Impairment(limit={"hip": 25, "knee_r": -15, "ankle_l": 40}, tilt_deg=10, stoop_deg=5)
    request = replace(OTHER_TISSUE, impairment=impaired, kind="stride")
    values = solver(checks.evaluate_engine, request, get_cache_folder(), states)
    missing, ground, _ = opensim_process(checks.evaluate_opensim, request, states)
    assert np.abs(values["residual"] - missing).max() / np.abs(missing).max() < 1e-6


@pytest.mark.slow
def test_contracture_tone_and_tilt_move_the_gait_as_in_patients(solver):
    changes = {
        "hip": {"limit": {"hip": 40}},
        "knee": {"limit": {"knee": 40}},
        "ankle": {"limit": {"ankle": 45}},
        "tone": {"tone": {"gastroc": 0.2, "soleus": 0.2}},
        "tilt": {"tilt_deg": 20},
    }
    found = solver(checks.measure_directions, get_cache_folder(), changes)
    none = found["none"]
    assert found["hip"]["hip"] > none["hip"] + 10 and found["hip"]["tilt"] > none["tilt"]
    assert found["knee"]["knee"] > none["knee"] + 10
    assert found["ankle"]["ankle"] < none["ankle"] - 10
    assert found["tone"]["ankle"] < none["ankle"] - 3 and found["tone"]["calf"] > 0.19
    assert found["tilt"]["tilt"] > none["tilt"] + 5


def test_identity_of_a_gait_depends_on_what_a_trial_changes_and_on_nothing_else():
    """Every property of tissue and every term makes another gait."""
    assert replace(CHILD, structure=Structure(), weights=CostWeights()).gait_id == CHILD.gait_id
    others = [replace(CHILD, structure=Structure(**{f.name: f.default + 0.5})) for f in fields(Structure)]
    others += [replace(CHILD, weights=CostWeights(**{f.name: f.default + 0.5})) for f in fields(CostWeights)]
    parts = ({"limit": {"hip": 10}}, {"limit": {"knee": -5}}, {"tone": {"soleus": 0.1}}, {"tilt_deg": 5})
    others += [replace(CHILD, impairment=Impairment(**part)) for part in parts]
    assert len({request.gait_id for request in [CHILD, *others]}) == len(others) + 1


def test_vertical_equation_is_newtons_law(solver, states):
    """Mass times the acceleration of the whole minus contact: closed form when nothing moves."""
    still = states | {"speed": 0 * states["speed"], "acceleration": 0 * states["acceleration"]}
    values = solver(checks.evaluate_engine, CHILD, get_cache_folder(), still)
    up = COORDINATES.index("pelvis_ty")
    weight = CHILD.specification.mass_kg * GRAVITY_MPS2
    expected = weight - values["ground_force"][:, :, 1].sum(axis=1)
    np.testing.assert_allclose(values["residual"][:, up], expected, rtol=1e-9, atol=1e-7)


def test_free_fall_needs_no_force(solver):
    flying = checks.make_random_states(CHILD, 20, seed=2)
    flying["position"][:, COORDINATES.index("pelvis_ty")] = 5.0
    flying["speed"][:] = 0
    flying["acceleration"][:] = 0
    flying["acceleration"][:, COORDINATES.index("pelvis_ty")] = -GRAVITY_MPS2
    values = solver(checks.evaluate_engine, CHILD, get_cache_folder(), flying)
    needed = values["residual"] + values["joint_moment"]
    assert np.abs(needed).max() < 1e-3  # the smooth contact law keeps a trace of force far from the floor


def test_exchanging_sides_exchanges_forces(solver, states, forces):
    values = solver(checks.evaluate_engine, CHILD, get_cache_folder(), checks.mirror_states(states))
    swap = [COORDINATES.index(swap_side(name)) for name in COORDINATES]
    np.testing.assert_allclose(values["residual"], forces["residual"][:, swap], rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(values["ground_force"], forces["ground_force"][:, ::-1], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("impairment", [{}, {"coactivation": 0.2, "spasticity": {"soleus": 1.0}}])
def test_assembled_derivatives_are_those_of_the_problem(solver, impairment):
    """The sparse Jacobian and Hessian against central differences, mirrored neighbours included."""
    request = GaitRequest(CHILD.person, 1.0, Impairment(**impairment))
    jacobian, hessian = solver(checks.differentiate_problem, request, get_cache_folder(), 5)
    assert jacobian < 1e-5
    assert hessian < 1e-4


def test_ground_only_pushes(forces):
    """OpenSim's smooth law pulls a foot that leaves fast by less than a newton."""
    assert forces["ground_force"][:, :, 1].min() > -1
    assert np.abs(forces["ground_force"][:, :, 0]).max() > 100


def test_muscle_curves_at_textbook_points(solver):
    curves = solver(checks.evaluate_muscle_curves)
    assert curves["active_optimum"] == pytest.approx(1.0, abs=0.02)
    assert curves["active_short"] < 0.2 and curves["active_long"] < 0.2
    assert curves["velocity_isometric"] == pytest.approx(1.0, abs=0.01)
    assert curves["velocity_fastest"] == pytest.approx(0.0, abs=0.02)
    assert 1.2 < curves["velocity_lengthening"] < 1.8
    assert curves["passive_optimum"] < 0.02
    assert curves["passive_stretched"] == pytest.approx(1.0, abs=0.01)
    assert curves["isometric_force_n"] == pytest.approx(1000, rel=0.03)


def test_model_falls_in_opensims_own_integrator(opensim_process):
    acceleration, mass = opensim_process(checks.simulate_model, CHILD, 0.05)
    assert acceleration == pytest.approx(-GRAVITY_MPS2, rel=0.01)
    assert mass == pytest.approx(CHILD.person.mass_kg, rel=1e-9)


def test_written_model_opens_in_opensim(opensim_process, tmp_path):
    from gaitlib.simulate.workers import call_apart

    path = tmp_path / "child.osim"
    call_apart("gaitlib.body.opensim_model:write_model", CHILD.specification, path)
    coordinates, muscles = opensim_process(checks.open_written_model, str(path))
    assert coordinates == sorted(COORDINATES)
    assert len(muscles) == checks.N_M


def test_workers_import_neither_casadi_nor_opensim():
    code = (
        "import gaitlib.simulate.workers, gaitlib.simulate.library, gaitlib.simulate.plan, sys;"
        "print([m for m in ('casadi', 'opensim', 'torch') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("impairment", [{}, {"coactivation": 0.2, "spasticity": {"soleus": 1.0}}])
def test_half_a_stride_unfolds_into_a_whole_one_with_its_multipliers(solver, impairment):
    """So a solution of one is a solution of the other, and warm-starts it."""
    request = GaitRequest(CHILD.person, 1.0, Impairment(**impairment))
    assert solver(checks.compare_unfolded_gradients, request, get_cache_folder(), 5) < 1e-9


@pytest.mark.parametrize("kind", ["half", "stride"])
def test_a_refined_mesh_carries_the_same_motion(solver, kind):
    """A cold start is solved on half the mesh: splines keep their course when knots are put between."""
    motion, time = solver(
        checks.compare_refined, GaitRequest(CHILD.person, 1.0, kind=kind), get_cache_folder(), 3
    )
    assert motion < 1e-9 and time < 1e-12


def test_multipliers_of_bounds_follow_from_the_others_at_a_solution(solver):
    """Nothing is left of the Lagrangian's gradient, though only those of the constraints were kept."""
    largest, rest = solver(checks.measure_balance, CHILD, get_cache_folder())
    assert largest > 1e-3
    assert rest < 1e-4
