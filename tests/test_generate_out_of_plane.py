"""What planar gaits lack: learned from gaits of the body in space, drawn for planar ones."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from gaitlib import load_library
from gaitlib.body.spatial_body import build_spatial_specification
from gaitlib.body.spatial_points import OUT_OF_PLANE, compute_spatial_points, measure_step_width
from gaitlib.cli import main
from gaitlib.errors import InputError
from gaitlib.estimate.synthetic_training import list_persons
from gaitlib.gait import COORDINATES, SIDES, swap_side
from gaitlib.generate.out_of_plane import OutOfPlaneModel, SagittalGaits, draw_by_rules, measure_model
from gaitlib.outcomes import compute_walk_outcomes
from gaitlib.sense.body_walk import (
    build_synthetic_walk,
    build_walk_motion,
    load_out_of_plane,
    measure_beside,
    prepare_gaits,
)
from gaitlib.simulate.library import SHIPPED_FOLDER
from gaitlib.walk import KEYPOINTS_3D

SPACE = load_library(SHIPPED_FOLDER.with_name("spatial_library"))
MIDDLE = np.array([-1.0 if swap_side(name) == name else 1.0 for name in OUT_OF_PLANE])


@pytest.fixture(scope="module")
def whole():
    table, gaits = SPACE.curves
    return prepare_gaits(gaits, list_persons(table))


@pytest.fixture(scope="module")
def planar():
    table, gaits = load_library().curves
    chosen = table.groupby("cohort").head(12).reset_index(drop=True)
    return prepare_gaits(gaits.sel(gait=chosen["gait_id"].to_list()), list_persons(chosen))


@pytest.fixture(scope="module")
def fitted(whole):
    rows = np.arange(len(whole.persons))
    known = whole.take(rows[rows % 4 > 0])
    return OutOfPlaneModel.fit(known.sagittal, measure_beside(known), {"release": "toy"})


def mirror(curves, names, signs):
    """The stride seen in a mirror: sides exchanged, half a stride later."""
    order = [list(names).index(swap_side(name)) for name in names]
    half = np.roll(curves[:, :-1], -50, axis=1)
    return signs * np.concatenate([half, half[:, :1]], axis=1)[..., order]


def test_a_gait_in_space_walks_with_its_own_points(whole):
    table = SPACE.table
    place = int(np.flatnonzero(table["kind"] == "stride")[0])
    own, person = whole.take([place]), whole.persons[place]
    position = SPACE.gaits["position"].values[place].astype(float)
    tree = build_spatial_specification(person).tree
    points = compute_spatial_points(tree, position, own.dimensions[0])
    stride_s = float(own.stride_time_s[0])
    still = replace(own, stride_time_s=np.array([1.0]))  # one sample a hundredth of the stride
    rng = SimpleNamespace(uniform=lambda *_: 0.0, standard_normal=np.random.default_rng(0).standard_normal,
                          normal=lambda *_: 0.0)  # fmt: skip
    motion = build_walk_motion(still, rng, 1.0, 100.0)
    for name in ("hip_r", "knee_l", "ankle_r", "heel_l", "toe_r", "shoulder_l", "neck"):
        found = motion.points[:, KEYPOINTS_3D.index(name)]
        assert found[:, 1:] == pytest.approx(points[name][:, 1:], abs=1e-3), name
    walk = build_synthetic_walk(SPACE.gaits.isel(gait=place), person, np.random.default_rng(0), n_strides=6)
    assert compute_walk_outcomes(walk)["stride_time_s"] == pytest.approx(stride_s, rel=0.01)


def test_step_width_of_a_walk_is_that_of_its_gait_in_space(whole):
    even = np.flatnonzero(SPACE.table["kind"] == "half")[::20]
    for place in even:
        person = whole.persons[place]
        position = SPACE.gaits["position"].values[place].astype(float)
        tree, body = build_spatial_specification(person).tree, whole.dimensions[place]
        wanted = measure_step_width(compute_spatial_points(tree, position, body))
        gait = SPACE.gaits.isel(gait=int(place))
        walk = build_synthetic_walk(gait, person, np.random.default_rng(0), n_strides=5)
        assert compute_walk_outcomes(walk)["step_width_m"] == pytest.approx(wanted, abs=0.004)


def test_a_mirrored_gait_gets_mirrored_curves_and_an_even_one_even_curves(fitted, planar, whole):
    gaits = planar.sagittal
    turned = SagittalGaits(
        mirror(gaits.curves, COORDINATES, np.ones(len(COORDINATES))), *list(vars(gaits).values())[1:]
    )
    one, other = fitted.draw(gaits), fitted.draw(turned)
    assert mirror(one, OUT_OF_PLANE, MIDDLE) == pytest.approx(other, abs=1e-6)
    even = whole.take(np.flatnonzero(SPACE.table["kind"] == "half")[:5])
    drawn = fitted.draw(even.sagittal, np.random.default_rng(0))
    assert mirror(drawn, OUT_OF_PLANE, MIDDLE) == pytest.approx(drawn, abs=1e-4)
    uneven = whole.take(np.flatnonzero(SPACE.table["kind"] == "stride")[:3])
    drawn = fitted.draw(uneven.sagittal, np.random.default_rng(0))
    assert np.abs(mirror(drawn, OUT_OF_PLANE, MIDDLE) - drawn).max() > 0.003


def test_people_not_learned_from_are_told_better_than_by_the_mean_and_by_the_rules(fitted, whole):
    rows = np.arange(len(whole.persons))
    known, new = whole.take(rows[rows % 4 > 0]), whole.take(rows[rows % 4 == 0])
    usual = measure_beside(known).mean(axis=0)
    errors = measure_model(fitted, new.sagittal, measure_beside(new), usual).set_index("channel")
    assert (errors["expected"] < errors["usual"]).all()
    assert (errors["drawn"] < errors["ruled"]).all()
    assert errors["covered"].mean() > 0.75
    assert errors.loc[["pelvis_turn", "pelvis_list", "ankle_r"], "explained"].min() > 0.3


def test_shipped_model_gives_planar_gaits_of_all_cohorts_possible_curves(planar):
    rng, model = np.random.default_rng(1), load_out_of_plane()
    everyone = (planar.take([n]).sagittal for n in range(len(planar.persons)))
    drawn = np.concatenate([model.draw(one, rng) for one in everyone])
    own = dict(zip(OUT_OF_PLANE, np.moveaxis(drawn, 2, 0), strict=True))
    height = np.array([person.height_m for person in planar.persons])
    width = (own["ankle_r"] + own["ankle_l"]).mean(axis=1) * height
    assert 0.08 < np.median(width) < 0.14 and (width > 0.0).all() and (width < 0.3).all()
    for name in ("pelvis_turn", "pelvis_list"):
        assert 5 < np.median(np.degrees(np.ptp(own[name], axis=1))) < 16, name
    assert np.abs(np.degrees(own["trunk_lean"])).max() < 20
    assert (own["pelvis_turn"][:, 0] > 0).mean() > 0.9  # the side of the leading leg is ahead


def test_drawn_people_differ_and_saved_models_come_back(fitted, planar, tmp_path):
    one = planar.take([0]).sagittal
    path = fitted.save(tmp_path / "model.safetensors")
    again = OutOfPlaneModel.load(path)
    assert again.about["n_gaits"] == fitted.about["n_gaits"]
    assert again.draw(one) == pytest.approx(fitted.draw(one), abs=1e-4)
    drawn = [fitted.draw(one, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert np.array_equal(drawn[0], drawn[1]) and not np.allclose(drawn[0], drawn[2])
    ruled = draw_by_rules(1, one.bodies, np.random.default_rng(0))
    assert ruled.shape == drawn[0].shape


def test_too_few_gaits_are_refused(whole):
    few = whole.take(np.arange(5))
    with pytest.raises(InputError, match="found 5 gaits, expected at least 30"):
        OutOfPlaneModel.fit(few.sagittal, measure_beside(few))


def test_sides_have_the_same_channels():
    right, left = ({name[:-2] for name in OUT_OF_PLANE if name.endswith(f"_{side}")} for side in SIDES)
    assert right == left


def test_the_command_learns_and_refuses_planar_gaits(tmp_path, capsys):
    out = tmp_path / "model.safetensors"
    words = ["generate", "space", "--output", str(out), "--library"]
    assert main([*words, str(SHIPPED_FOLDER)]) == 2
    assert "found planar gaits, expected a library of the body in space" in capsys.readouterr().err
    assert main([*words, str(SHIPPED_FOLDER.with_name("spatial_library"))]) == 0
    made, shipped = OutOfPlaneModel.load(out), load_out_of_plane()
    assert made.about["release"] == shipped.about["release"] == SPACE.hash
    assert made.parts["even_weights"] == pytest.approx(shipped.parts["even_weights"], abs=1e-3)
    assert "| ankle | mm |" in out.with_suffix(".md").read_text(encoding="utf-8")
