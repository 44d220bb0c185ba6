"""Requests, the plan, the shipped library, solving again, and the command."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gaitlib.cli import main
from gaitlib.data.manifest import load_manifest
from gaitlib.errors import InputError
from gaitlib.gait import COORDINATES, MUSCLES, TRANSLATIONS
from gaitlib.person import Impairment, Person
from gaitlib.simulate.guess import N_POINTS, make_guess, make_guess_from_gait
from gaitlib.simulate.library import build_library, find_nearest, load_library
from gaitlib.simulate.plan import compute_typical_stride_time, plan_core, plan_sample
from gaitlib.simulate.request import GaitRequest, describe_request, parse_request

ADULT = Person(age_years=30, sex="f", height_m=1.66, mass_kg=61.0)


@pytest.fixture(scope="module")
def library():
    return load_library()


def test_request_survives_the_table():
    for request in plan_core()[:3] + plan_sample(7, seed=1):
        again = parse_request(describe_request(request))
        assert again == request
        assert again.gait_id == request.gait_id


def test_gait_id_names_what_determines_the_solution():
    base = GaitRequest(ADULT, 1.2)
    others = [
        GaitRequest(ADULT, 1.21),
        GaitRequest(ADULT, 1.2, stride_time_s=1.1),
        GaitRequest(ADULT, 1.2, Impairment(weakness={"hip_flexors": 0.6})),
        GaitRequest(ADULT.model_copy(update={"mass_kg": 62.0}), 1.2),
    ]
    assert GaitRequest(ADULT, 1.2, cohort="adult").gait_id == base.gait_id
    assert len({base.gait_id, *(other.gait_id for other in others)}) == 5


def test_core_spans_bodies_speeds_and_weaknesses():
    core = plan_core()
    assert len(core) >= 60
    assert {request.cohort for request in core} == {"child", "adult", "older_adult"}
    assert min(r.speed_mps for r in core) == 0.5 and max(r.speed_mps for r in core) == 1.6
    assert {tuple(r.impairment.weakness) for r in core} == {(), ("plantarflexors",), ("knee_extensors",)}


def test_sample_is_deterministic_and_a_longer_one_begins_with_it():
    assert plan_sample(20, seed=5) == plan_sample(60, seed=5)[:20]
    assert plan_sample(20, seed=5) != plan_sample(20, seed=6)


def test_typical_stride_time_is_dynamically_similar():
    """Two bodies of one shape at equal speed over sqrt(g leg): times scale with sqrt(leg)."""
    small = ADULT.model_copy(update={"height_m": 1.66 * 0.81, "mass_kg": 61 * 0.81**3})
    big_time = compute_typical_stride_time(ADULT, 1.2)
    assert compute_typical_stride_time(small, 1.2 * 0.9) == pytest.approx(0.9 * big_time, rel=1e-9)


def test_shipped_library_is_verified_and_covers_the_core(library):
    table, gaits = library
    verified = table[table["verified"]].set_index("gait_id")
    assert list(gaits["gait"].values) == list(verified.index)
    assert len(verified) >= 60
    assert verified["residual_peak_bw"].max() < 0.05
    assert verified["moment_rms_nm"].max() < 2.0
    assert (table.loc[~table["verified"], "reason"].str.len() > 0).all()
    core = verified.loc[[r.gait_id for r in plan_core() if r.gait_id in verified.index]]
    assert len(core) >= 60
    assert set(core["cohort"]) == {"child", "adult", "older_adult"}
    assert core["speed_mps"].min() <= 0.5 and core["speed_mps"].max() >= 1.6


def test_shipped_gaits_walk(library):
    """Mean ground force carries the body, the pelvis travels, sides alternate, knees bend the right way."""
    table, gaits = library
    mass = table[table["verified"]]["mass_kg"].to_numpy()
    vertical = gaits["ground_force"].sel(axis="y").sum("foot").isel(phase=slice(0, -1)).mean("phase").values
    np.testing.assert_allclose(vertical / (9.80665 * mass), 1, atol=0.02)
    forward = gaits["position"].sel(coordinate="pelvis_tx").isel(phase=-1).values
    np.testing.assert_allclose(forward, gaits["speed_mps"] * gaits["stride_time_s"], rtol=1e-3)
    knee = gaits["position"].sel(coordinate="knee_angle_r").values
    assert knee.min() > np.radians(-3)
    right = gaits["position"].sel(coordinate="hip_flexion_r").values[:, :-1]
    left = gaits["position"].sel(coordinate="hip_flexion_l").values[:, :-1]
    np.testing.assert_allclose(np.roll(left, 50, axis=1), right, atol=1e-4)


def test_shipped_files_are_those_of_the_manifest():
    root = Path(__file__).resolve().parents[1]
    artefacts = load_manifest().artefacts
    assert "data/library/gaits.nc" in artefacts
    for name, artefact in artefacts.items():
        content = (root / name).read_bytes()
        assert len(content) == artefact.bytes, name
        assert hashlib.sha256(content).hexdigest() == artefact.sha256, name


def test_guess_from_a_gait_repeats_its_coordinates(library):
    gaits = library[1].isel(gait=0)
    half_time, points = make_guess_from_gait(gaits, N_POINTS)
    offset = int(gaits["phase_offset"])
    assert half_time == pytest.approx(0.5 * float(gaits["stride_time_s"]))
    knee = COORDINATES.index("knee_angle_r")
    expected = np.roll(gaits["position"].values[:-1, knee], offset)[:N_POINTS]
    np.testing.assert_allclose(points[:, knee], expected, atol=1e-6)
    assert (
        points.shape
        == make_guess(1.2, 0.9, N_POINTS)[1].shape
        == (N_POINTS, 4 * 12 + 2 * len(MUSCLES) + 1 - 12)
    )


def test_three_shipped_gaits_solve_again_to_the_same_gait(library):
    """Chosen at random once and for all: each is verified and as cheap as what was shipped.

    Two of three come back to the same curves; the third may slide along a flat valley of the cost.
    """
    from gaitlib.simulate.workers import replay_gaits, solve_gaits

    table, gaits = library
    rows = table[table["verified"]].sample(3, random_state=7).to_dict("records")
    requests = [parse_request(row) for row in rows]
    assert [r.gait_id for r in requests] == [row["gait_id"] for row in rows]
    shipped = [gaits.sel(gait=row["gait_id"]) for row in rows]
    solved = solve_gaits(requests, [make_guess_from_gait(gait, N_POINTS) for gait in shipped])
    worst = []
    for row, gait, again, replay in zip(rows, shipped, solved, replay_gaits(requests, solved), strict=True):
        assert again.converged, again.status
        assert replay["reasons"] == []
        assert again.cost == pytest.approx(row["cost"], rel=1e-3)
        angles = [i for i, name in enumerate(COORDINATES) if name not in TRANSLATIONS]
        here, there = (  # back to the solver's phase: initial contact may fall on the next of 100 points
            np.roll(position[:-1, angles], int(offset), axis=0)
            for position, offset in (
                (again.position, again.phase_offset),
                (gait["position"].values, gait["phase_offset"]),
            )
        )
        worst.append(float(np.degrees(np.abs(here - there)).max()))
    assert sorted(worst)[1] < 0.5 and max(worst) < 5, worst


def test_nearest_of_a_library_gait_is_itself(library):
    table = library[0]
    row = table[table["verified"]].iloc[-1].to_dict()
    assert find_nearest(table, parse_request(row)) == row["gait_id"]


def test_missing_library_is_one_clear_error(tmp_path):
    with pytest.raises(InputError, match="table.parquet"):
        load_library(tmp_path)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--height", "3.0"], "height_m"),
        (["--speed", "9"], "--speed"),
        (["--weakness", "calf=0.5"], "calf"),
        (["--weakness", "plantarflexors"], "GROUP=SHARE"),
    ],
)
def test_command_refuses_wrong_input(words, named, capsys):
    assert main(["simulate", *words]) == 2
    assert named in capsys.readouterr().err


def test_interrupted_build_goes_on_where_it_stopped(tmp_path, library):
    """Finished parts are read, not solved again; the table holds them and curves agree with the parts."""
    from gaitlib.simulate.library import _write_part, assemble_library  # noqa: PLC2701
    from gaitlib.simulate.workers import replay_gaits, solve_gaits

    table, gaits = library
    row = table[table["verified"]].iloc[1].to_dict()
    request = parse_request(row)
    guess = make_guess_from_gait(gaits.sel(gait=row["gait_id"]), N_POINTS)
    solved = solve_gaits([request], [guess])[0]
    (tmp_path / "parts").mkdir()
    _write_part(tmp_path, request.gait_id, (solved, replay_gaits([request], [solved])[0]))
    lines = []
    built = build_library([request], tmp_path, report=lines.append)
    assert lines == []  # nothing was left to solve
    assert built["gait_id"].tolist() == [request.gait_id]
    again = assemble_library(tmp_path, {request.gait_id: request})
    pd.testing.assert_frame_equal(built, again)
    stored = load_library(tmp_path)[1]
    np.testing.assert_allclose(stored["position"].values[0], solved.position, atol=1e-6)


@pytest.mark.slow
def test_command_solves_and_writes_a_gait(tmp_path, capsys):
    out = tmp_path / "gait.nc"
    words = ["simulate", "--age", "30", "--sex", "m", "--height", "1.76", "--mass", "74", "--speed", "1.1"]
    assert main([*words, "--stride-time", "1.15", "--out", str(out)]) == 0
    assert json.loads(capsys.readouterr().out)["verified"] is True
    assert out.exists()
