"""The report: known walks give known pages, right and left are told apart, bad input is one sentence."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from door_samples import FPS, SIZE, build_sample_walk, name_points

from gaitlib.cli import main
from gaitlib.cohorts.growth import compute_comfortable_speed
from gaitlib.cohorts.usual import compute_usual
from gaitlib.doctor import find_chromium
from gaitlib.door.answer import estimate_gait
from gaitlib.door.sides import split_sides
from gaitlib.environment import SHIPPED
from gaitlib.errors import InputError
from gaitlib.report.visit import build_visit
from gaitlib.sense.layouts import build_image_keypoints
from gaitlib.walk import KEYPOINTS_3D

OPTIONS = ["--fps", "60", "--image-size", "1920", "1080", "--age", "67", "--sex", "f"]
MIRRORED = [
    KEYPOINTS_3D.index(name[:-2] + {"_r": "_l", "_l": "_r"}[name[-2:]] if name[-2:] in ("_r", "_l") else name)
    for name in KEYPOINTS_3D
]


@pytest.fixture(scope="module")
def walk():
    return build_sample_walk()


@pytest.fixture(scope="module")
def report(walk, tmp_path_factory):
    """Page, values and table of a walk whose right and left differ, by the command."""
    folder = tmp_path_factory.mktemp("report")
    write_keypoints(folder / "walk.csv", walk.picture)
    out = folder / "page.html"
    assert (
        main(
            ["report", str(folder / "walk.csv"), *OPTIONS, "--height", f"{walk.height_m}", "--out", str(out)]
        )
        == 0
    )
    return out, json.loads(out.with_suffix(".json").read_text()), pd.read_csv(out.with_suffix(".csv"))


def write_keypoints(path, picture):
    points = name_points("body25").items()
    pd.DataFrame({f"{n}_{a}": picture[:, k, i] for n, k in points for i, a in enumerate("uv")}).to_csv(
        path, index=False
    )


def estimate(picture, height_m):
    attributes = {"layout": "walk19", "fps": FPS, "image_width_px": SIZE[0], "image_height_px": SIZE[1]}
    time_s = np.arange(len(picture)) / FPS
    return estimate_gait(
        build_image_keypoints(time_s, picture[..., :2], picture[..., 2], attributes), height_m=height_m
    )


def test_a_known_walk_gives_its_values(walk, report):
    values, truth = report[1]["values"], walk.truth
    assert values["speed_mps"]["value"] == pytest.approx(truth["speed_mps"], rel=0.05)
    assert values["step_time_s"]["value"] == pytest.approx(truth["step_time_s"], abs=1 / FPS)
    for name in ("step_time_asymmetry", "step_length_asymmetry"):
        assert values[name]["value"] == pytest.approx(100 * truth[name], abs=2), name
    for stem, unit in (("step_time", "s"), ("step_length", "m")):
        sides = [values[f"{stem}_{side}_{unit}"] for side in "rl"]
        assert np.mean([side["value"] for side in sides]) == pytest.approx(values[f"{stem}_{unit}"]["value"])
        assert all(side["lower"] < side["value"] < side["upper"] for side in sides)


def test_a_mirrored_picture_exchanges_right_and_left(walk):
    mirrored = walk.picture[:, MIRRORED].copy()
    mirrored[..., 0] = SIZE[0] - mirrored[..., 0]
    one, other = (split_sides(estimate(picture, walk.height_m)) for picture in (walk.picture, mirrored))
    for stem, unit in (("step_time", "s"), ("step_length", "m")):
        for side, opposite in ("rl", "lr"):
            expected = one[f"{stem}_{side}_{unit}"].value
            assert other[f"{stem}_{opposite}_{unit}"].value == pytest.approx(expected, rel=0.03)


def test_sides_are_not_told_where_the_view_does_not_show_them(walk):
    from door_samples import film

    oblique = film(walk.points, np.random.default_rng(0), "oblique", FPS, 1.0)
    visit = build_visit(estimate(oblique, walk.height_m), walk.height_m)
    assert visit.view == "oblique" and "step_length_r_m" not in visit.measures
    assert "Not tested on real people for this view (oblique)" in visit.tested
    assert all(item.mae is None for item in visit.measures.values())


def test_page_stands_alone_and_says_what_it_is(report):
    page = report[0].read_text()
    assert not re.search(r"(?:src|href)=\"(?!data:)|url\(|@import|<script|https?://", page)
    assert page.count("ot a medical device") == 1
    assert "inferred from the movement, not measured" in page
    assert "<svg" in page and page.count("<figure>") == 9


def test_files_beside_the_page_hold_the_same(report):
    _, data, table = report
    assert list(data["values"]) == list(table["outcome"])
    for row in table.itertuples():
        assert row.value == pytest.approx(data["values"][row.outcome]["value"]) and isinstance(row.unit, str)
    assert len(data["inferred_muscle_activity"]) == 19  # 18 muscles and the phase


def test_errors_printed_are_those_of_the_kept_estimates(report):
    rows = pd.concat(
        [pd.read_parquet(path) for path in (SHIPPED / "data" / "earlier").glob("estimates_*.parquet")]
    )
    rows = rows.query(
        "view == 'side' and method == 'synthetic' and status == 'ok' and outcome == 'speed_mps'"
    )
    error = (rows["estimate"] - rows["reference"]).abs().groupby(rows["person_id"]).mean()
    speed = report[1]["values"]["speed_mps"]
    assert speed["mae"] == pytest.approx(error.mean()) and speed["people"] == len(error)
    assert str(len(error)) in report[1]["tested"]


def test_usual_ranges_follow_age_sex_and_height():
    ranges = compute_usual(30, "f", 1.65)
    low, high = ranges["speed_mps"][0]
    assert (low + high) / 2 == pytest.approx(compute_comfortable_speed(30, "f"))
    assert "Bohannon" in ranges["speed_mps"][1]
    both = compute_usual(30, None, 1.65)["speed_mps"][0]
    assert both[0] <= low and both[1] >= high
    assert compute_usual(85, "f", 1.65)["speed_mps"][0][1] < high
    assert compute_usual(30, "f", 1.85)["step_length_m"][0] > ranges["step_length_m"][0]
    assert ranges["cadence_spm"][0][0] == pytest.approx(60 / ranges["step_time_s"][0][1])
    assert compute_usual(5, "m", 1.1)["stride_time_cv"][0][1] > ranges["stride_time_cv"][0][1]
    assert compute_usual(None, "f", 1.65) == {} and compute_usual(2, "f", 0.9) == {}


def test_change_counts_beyond_the_detectable_only(walk, report, tmp_path):
    answer = estimate(walk.picture, walk.height_m)
    limit = report[1]["values"]["speed_mps"]["detectable"]
    for shift, changed in ((0.9, False), (-0.9, False), (1.1, True), (-1.1, True)):
        earlier = json.loads(json.dumps(report[1]))
        earlier["values"]["speed_mps"]["value"] = answer["speed_mps"].value - shift * limit
        (tmp_path / "earlier.json").write_text(json.dumps(earlier))
        visit = build_visit(answer, walk.height_m, earlier=tmp_path / "earlier.json")
        told = {row["outcome"]: row for row in visit.changes}
        assert told["speed_mps"]["beyond_error"] is changed
        assert told["speed_mps"]["change"] == pytest.approx(shift * limit)
        assert told["step_length_r_m"]["beyond_error"] is None  # nobody knows what can be detected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no json", "cannot be read as JSON"),
        ("[]", "found no report"),
        (
            '{"kind": "gaitlib-report", "version": 1, "values": {"speed_mps": {"value": 1, "unit": "km/h"}}}',
            "in m/s",
        ),
    ],
)
def test_what_is_no_earlier_report_is_named(walk, tmp_path, text, expected):
    (tmp_path / "earlier.json").write_text(text)
    with pytest.raises(InputError, match=expected):
        build_visit(estimate(walk.picture, walk.height_m), walk.height_m, earlier=tmp_path / "earlier.json")


def test_markers_give_measured_values_without_an_estimator(walk):
    answer = replace(estimate(walk.picture, walk.height_m))
    recording = answer.recording.change(kind="markers", values=walk.points)
    from gaitlib.door.answer import measure_markers

    visit = build_visit(measure_markers(recording, walk.height_m), walk.height_m)
    assert visit.measures["speed_mps"].value == pytest.approx(walk.truth["speed_mps"], rel=0.01)
    assert "no estimator" in visit.tested and visit.answer.activation is None
    right, left = (visit.measures[f"step_time_{side}_s"].value for side in "rl")
    asymmetry = 2 * abs(right - left) / (right + left)
    assert asymmetry == pytest.approx(walk.truth["step_time_asymmetry"], abs=0.01)


def test_bad_input_is_one_clear_sentence(walk, report, tmp_path, capsys):
    path = tmp_path / "walk.csv"
    write_keypoints(path, walk.picture)
    still = np.concatenate([walk.picture[:1]] * 200)
    write_keypoints(tmp_path / "standing.csv", still + np.random.default_rng(0).normal(0, 1, still.shape))
    height = ["--height", "1.7"]
    cases = [
        (["walk.csv", "--fps", "60"], "--height: not given"),
        (["walk.csv", "--fps", "60", "--height", "17.2"], "found 17.2, expected 0.6 to 2.3"),
        (["walk.csv", *height], "states no time"),
        (["walk.csv", *height, "--fps", "60", "--age", "670"], "--age: found 670"),
        (["walk.csv", *height, "--fps", "60", "--group", "martians"], "--group: found 'martians'"),
        (["walk.csv", *height, "--fps", "60", "--out", "page.pdf"], "ends in .html"),
        (["walk.csv", *height, "--fps", "60", "--out", "walk.html"], "would overwrite"),
        (["standing.csv", *height, "--fps", "60"], "no report, as there is no estimate"),
        (["nothing.mp4", *height], "no such file"),
    ]
    for words, expected in cases:
        words = [str(tmp_path / word) if "." in word and word[0].isalpha() else word for word in words]
        assert main(["report", *words]) == 2, words
        said = capsys.readouterr().err
        assert expected in said and said.count("\n") == 1 and "Traceback" not in said, said
    assert sorted(file.name for file in tmp_path.iterdir()) == ["standing.csv", "walk.csv"]


def test_several_people_need_a_choice(walk, tmp_path, capsys):
    folder = tmp_path / "openpose"
    folder.mkdir()
    from door_samples import build_layout

    own = build_layout(walk.picture, "body25")
    for n, frame in enumerate(own):
        other = own[0] + [600, 20, 0]
        people = [{"pose_keypoints_2d": person.ravel().round(1).tolist()} for person in (frame, other)]
        (folder / f"walk_{n:06d}_keypoints.json").write_text(json.dumps({"people": people}))
    words = [
        "report",
        str(folder),
        "--fps",
        "60",
        "--height",
        f"{walk.height_m}",
        "--out",
        str(tmp_path / "a.html"),
    ]
    assert (
        main(words) == 2 and "2 people in the picture; say which one with --person" in capsys.readouterr().err
    )
    assert main([*words, "--person", "1"]) == 0
    speed = json.loads((tmp_path / "a.json").read_text())["values"]["speed_mps"]["value"]
    assert speed == pytest.approx(walk.truth["speed_mps"], rel=0.05)


def test_page_fits_a_phone_and_one_sheet(report):
    path = find_chromium()
    if path is None:
        pytest.skip("Chromium is not installed: make browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        tab, asked = browser.new_page(viewport={"width": 390, "height": 844}), []
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(report[0].as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        paper = tab.pdf(prefer_css_page_size=True, print_background=True)
        browser.close()
    assert asked == [report[0].as_uri()]
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", paper)) == 1
