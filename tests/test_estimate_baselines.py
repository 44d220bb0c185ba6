"""The real-trained ridge, arrays and files as input, and the command."""

import argparse
import json

import numpy as np
import pandas as pd
import pytest
from toys import make_toy_walk

from gaitlib.door.answer import estimate_gait
from gaitlib.door.command import add_estimate_parser, run
from gaitlib.errors import InputError
from gaitlib.estimate.baseline_estimators import crossvalidate_ridge
from gaitlib.estimate.predict import estimate_clip
from gaitlib.sense.camera import build_camera, project_walk
from gaitlib.sense.layouts import get_layout

COLUMNS = (
    "dataset subgroup person_id walk_id view outcome method reference estimate lower upper status".split()
)


@pytest.fixture(scope="module")
def people():
    """Ten people, two walks each, their leg length hidden from the scale by a wrong height for all."""
    rng = np.random.default_rng(0)
    clips, rows = [], []
    for person in range(10):
        height = rng.uniform(1.2, 1.9)
        for trial in range(2):
            step_length = height * rng.uniform(0.27, 0.4)
            speed = step_length / (0.5 * np.sqrt(height / 1.7) * rng.uniform(0.9, 1.2))
            walk = make_toy_walk(speed, step_length, height_m=height, duration_s=4.0)
            walk.attrs |= {"person_id": f"p{person}", "walk_id": f"p{person}w{trial}", "subgroup": "toy"}
            clips.append(project_walk(walk, build_camera("side", distance_m=9.0, fps=30.0), "coco17"))
            rows.append(
                {"speed_mps": speed, "step_length_m": step_length, "step_time_s": step_length / speed}
            )
    return clips, pd.DataFrame(rows)


def test_ridge_predicts_people_it_has_not_seen(people):
    table = crossvalidate_ridge(*people)
    assert list(table.columns) == COLUMNS
    assert len(table) == 60 and set(table["method"]) == {"ridge_real"} and set(table["status"]) == {"ok"}
    for name, limit in (("speed_mps", 0.1), ("step_length_m", 0.04), ("step_time_s", 0.02)):
        rows = table[table["outcome"] == name]
        assert (rows["estimate"] - rows["reference"]).abs().mean() < limit


def test_ridge_does_not_see_the_person_it_predicts(people):
    """A person whose reference is changed must not change that person's own prediction."""
    clips, reference = people
    first = crossvalidate_ridge(clips, reference, n_folds=10)
    changed = reference.copy()
    changed.loc[:1, "speed_mps"] += 5.0
    second = crossvalidate_ridge(clips, changed, n_folds=10)
    own = (first["person_id"] == "p0") & (first["outcome"] == "speed_mps")
    others = (first["person_id"] != "p0") & (first["outcome"] == "speed_mps")
    assert np.array_equal(first.loc[own, "estimate"], second.loc[own, "estimate"])
    assert not np.allclose(first.loc[others, "estimate"], second.loc[others, "estimate"])


def test_ridge_tells_what_it_could_not_use(people):
    clips, reference = list(people[0]), people[1].copy()
    clips[0] = clips[0].isel(time=slice(0, 20))
    reference.loc[3, "step_time_s"] = np.nan
    table = crossvalidate_ridge(clips, reference).set_index(["walk_id", "outcome"])
    assert "too short" in table.loc[("p0w0", "speed_mps"), "status"]
    assert table.loc[("p1w1", "step_time_s"), "status"] == "no reference"
    assert np.isnan(table.loc[("p1w1", "step_time_s"), "estimate"])
    with pytest.raises(InputError, match="20 clips and 3 reference rows"):
        crossvalidate_ridge(clips, reference.head(3))
    with pytest.raises(InputError, match="lacks step_time_s"):
        crossvalidate_ridge(clips, reference.drop(columns="step_time_s"))


@pytest.fixture
def csv(tmp_path, people):
    clip = people[0][0]
    table = {}
    for name in get_layout("coco17"):
        for axis in "uv":
            table[f"{name}_{axis}"] = clip["pixel_position"].sel(keypoint=name, image_axis=axis).values
    path = tmp_path / "walk.csv"
    pd.DataFrame(table).assign(frame=range(clip.sizes["time"])).to_csv(path, index=False)
    return path


def call(*words):
    parser = argparse.ArgumentParser()
    add_estimate_parser(parser.add_subparsers())
    return run(parser.parse_args(["estimate", *map(str, words)]))


def test_a_file_gives_what_its_arrays_give(csv, people, capsys):
    clip, height = people[0][0], people[0][0].attrs["height_m"]
    words = (csv, "--fps", 30, "--height", height, "--method", "classical")
    assert call(*words, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    expected = estimate_clip(clip, height, method="classical")
    assert answer["speed_mps"]["value"] == pytest.approx(expected.values["speed_mps"].value, rel=0.02)
    assert answer["speed_mps"]["value"] == pytest.approx(people[1]["speed_mps"][0], rel=0.05)
    assert answer["speed_mps"]["lower"] is None and answer["step_time_s"]["unit"] == "s"
    assert call(*words) == 0
    assert "step_length_m" in capsys.readouterr().out


def test_an_abstention_is_no_success(csv, capsys):
    table = pd.read_csv(csv).head(20)
    table.to_csv(csv, index=False)
    assert call(csv, "--fps", 30, "--method", "classical") == 1
    assert "too short" in capsys.readouterr().out


def test_wrong_arguments_are_named(people):
    pixels = people[0][0]["pixel_position"].values
    for options, message in (
        ({"fps": 30, "layout": None}, "layout: not given"),
        ({"fps": None, "layout": "coco17"}, "give the frames or samples per second"),
        ({"fps": 30, "layout": "h36m17", "height_m": 172.0, "method": "classical"}, "Give it in metres"),
        ({"fps": 30, "layout": "pig"}, "expected"),
        ({"fps": 30, "layout": "coco17", "method": "magic"}, "method: found 'magic'"),
    ):
        with pytest.raises(InputError, match=message):
            estimate_gait(pixels, **options)
    with pytest.raises(InputError, match=r"shape \(0,\)"):
        estimate_gait([], fps=30, layout="coco17")
