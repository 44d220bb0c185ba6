"""A user's video on its way to a report: turned, timed, the person chosen; bad ones are one sentence."""

import json

import mannequin
import numpy as np
import pytest
from mannequin import SIZE, draw_frame, film_walk, write_video

from gaitlib.cli import main
from gaitlib.environment import find_missing
from gaitlib.errors import InputError
from gaitlib.report.frames import draw_person
from gaitlib.sense.film import read_film
from gaitlib.sense.layouts import convert_layout
from gaitlib.sense.video import is_video, iterate_frames, place_frames, read_video

pytestmark = pytest.mark.skipif(bool(find_missing("video")), reason="the extra 'video' is not installed")
FRAMES = 12


@pytest.fixture(scope="module")
def truth():
    return film_walk().isel(time=slice(20, 20 + FRAMES))


@pytest.fixture(scope="module")
def two_people(truth, tmp_path_factory):
    other = truth.copy()
    other["pixel_position"] = truth["pixel_position"] - np.array([210.0, 0.0])
    frames = [draw_frame(truth, n, draw_frame(other, n)) for n in range(FRAMES)]
    return write_video(tmp_path_factory.mktemp("two") / "two.avi", frames)


def test_one_of_two_people_is_followed(two_people, truth, tmp_path):
    with pytest.raises(InputError, match=r"2 people are in it; choose one with --person 1 to 2"):
        read_film(two_people, tmp_path / "page.html")
    assert (tmp_path / "page_people.jpg").stat().st_size > 1000
    for person, shift in ((1, -210.0), (2, 0.0)):
        found = convert_layout(read_film(two_people, tmp_path / "page.html", person).keypoints)
        off = (
            found["pixel_position"].sel(keypoint="knee_r").values
            - truth["pixel_position"].sel(keypoint="knee_r").values
        )
        assert np.nanmax(np.abs(off - [shift, 0.0])) < 15
    with pytest.raises(InputError, match="--person: found 3, expected 1 to 2"):
        read_film(two_people, tmp_path / "page.html", 3)


def test_a_turned_phone_is_turned_back(truth, tmp_path):
    """The picture lies on its side in the file, and its header says so, as phones write it."""
    import cv2

    path = tmp_path / "phone.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 30.0, SIZE)
    for n in range(FRAMES):
        writer.write(cv2.rotate(draw_frame(truth, n), cv2.ROTATE_90_COUNTERCLOCKWISE))
    writer.release()
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40  # after version, times, track, duration, layer and volume
    turned = [0, 0x10000, 0, -0x10000, 0, 0, SIZE[0] << 16, 0, 0x40000000]
    data[matrix : matrix + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in turned)
    path.write_bytes(data)
    assert next(iterate_frames(path)).shape[:2] == SIZE
    found = convert_layout(read_film(path, tmp_path / "page.html").keypoints)["pixel_position"]
    off = found.sel(keypoint="ankle_r").values - truth["pixel_position"].sel(keypoint="ankle_r").values
    assert np.nanmedian(np.abs(off)) < 12


def test_time_stamps_count_where_frames_come_unevenly():
    even = [0.0, 0.1, 0.2, 0.3]
    assert place_frames(even, 10.0, True) == pytest.approx(even)
    uneven = [5.0, 5.1, 5.3, 5.4]
    assert place_frames(uneven, 10.0, True) == pytest.approx([0.0, 0.1, 0.3, 0.4])
    assert place_frames(uneven, 10.0, False) == pytest.approx(even)  # a rate that the user gives
    assert place_frames([0.0, 0.0, 0.0, 0.0], 10.0, True) == pytest.approx(even)  # a file without stamps


def test_faces_and_surroundings_are_blurred(truth):
    image = draw_frame(truth, 4)
    image[:, ::8] = 0  # stripes show what stays sharp
    at = dict(zip(truth["keypoint"].values, truth["pixel_position"].values[4], strict=True))
    blurred, sharp = (draw_person(image, at, blur) for blur in (True, False))

    def count_edges(picture, rows):
        return np.abs(np.diff(picture[rows].astype(float), axis=1)).mean()

    head = slice(0, 70)
    assert count_edges(blurred, head) < 0.2 * count_edges(sharp, head)
    assert count_edges(blurred, slice(90, 250)) > 0.2 * count_edges(sharp, slice(90, 250))


def test_bad_videos_are_one_clear_sentence(truth, two_people, tmp_path, capsys):
    good = [draw_frame(truth, n) for n in range(FRAMES)]
    grey = [np.full((*SIZE, 3), 128, np.uint8)] * FRAMES
    dark = [(frame * 0.05).astype(np.uint8) for frame in good]
    cut = [np.concatenate([frame[60:300], np.full((240, SIZE[1], 3), 120, np.uint8)])[:240] for frame in good]
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "corrupt.avi").write_bytes(two_people.read_bytes()[:300])
    write_video(tmp_path / "nobody.avi", grey)
    write_video(tmp_path / "dark.avi", dark)
    write_video(tmp_path / "slow.avi", good, fps=5.0)
    write_video(tmp_path / "empty.avi", [])
    (tmp_path / "two.avi").write_bytes(two_people.read_bytes())
    whole, mannequin.SIZE = mannequin.SIZE, (240, SIZE[1])
    write_video(tmp_path / "cut.avi", cut)
    mannequin.SIZE = whole
    cases = {
        "text.mp4": "its content is not a video",
        "corrupt.avi": "holds no frames, is damaged or cut off",
        "empty.avi": "holds no frames",
        "nobody.avi": "no person was found",
        "two.avi": "2 people are in it; choose one with --person 1 to 2",
        "dark.avi": "too dark: mean brightness",
        "slow.avi": "found 5 frames per second, expected at least 15",
        "cut.avi": "the person is cut off",
    }
    for name, expected in cases.items():
        assert main(["report", str(tmp_path / name), "--height", "1.7"]) == 2, name
        said = capsys.readouterr().err
        assert expected in said.splitlines()[-1] and "Traceback" not in said, said
        assert sum(line.startswith("gaitlib: ") for line in said.splitlines()) == 1, said
    assert (
        main(["report", str(tmp_path / "two.avi")]) == 2 and "--height: not given" in capsys.readouterr().err
    )
    assert main(["report", str(tmp_path / "two.avi"), "--height", "1.7", "--lens", "5"]) == 2
    assert "--lens: found 5, expected 10 to 300 mm" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.html"))


def test_a_file_is_known_by_its_content(two_people, tmp_path):
    (tmp_path / "renamed").write_bytes(two_people.read_bytes())
    (tmp_path / "text.avi").write_text("RIFF")
    assert is_video(tmp_path / "renamed") and not is_video(tmp_path / "text.avi")
    assert not is_video(tmp_path)


def test_a_small_person_is_followed_through_both_halves_of_a_video(tmp_path):
    """Less than a fifth of the width: the detector does not find such a figure in the whole picture."""
    from sense_toys import make_library_walk

    walk = make_library_walk(duration_s=2.6, fps=60.0)
    path = mannequin.film_video(tmp_path / "wide.avi", walk, size=(1280, 480), focal_px=900.0)
    told = []
    keypoints = read_video(path, report=lambda done, total: told.append((done, total)))
    seen = np.isfinite(keypoints["pixel_position"].values).all(axis=2).any(axis=1)
    assert len(seen) > 60 and told[-1][0] == told[-1][1] == len(seen) and seen.mean() > 0.9
    assert np.diff(keypoints["time"].values) == pytest.approx(1 / 30, abs=1e-6)
    hips = keypoints["pixel_position"].sel(keypoint=["left_hip", "right_hip"]).mean("keypoint").values[:, 0]
    pace = np.diff(hips[seen])
    assert abs(np.median(pace)) > 3 and np.abs(pace - np.median(pace)).max() < 25  # no jump where halves meet


def test_a_filmed_walk_becomes_a_page(tmp_path, monkeypatch):
    """A drawn figure with a known step time; its speed is the estimator's matter."""
    from sense_toys import make_library_walk

    from gaitlib.outcomes import compute_walk_outcomes
    from gaitlib.sense.camera import build_camera, project_walk

    monkeypatch.setattr(mannequin, "SIZE", (480, 854))
    walk = make_library_walk(duration_s=5.0, fps=60.0)
    size = {"image_width_px": 854, "image_height_px": 480, "focal_length_px": 854.0, "distance_m": 5.0}
    keypoints = project_walk(walk, build_camera("oblique", fps=30.0, **size), "walk19")
    places = keypoints["pixel_position"].values[..., 0]
    inside = np.flatnonzero(((places > 20) & (places < 834)).all(axis=1))
    frames = []
    for n in inside:
        image = np.full((480, 854, 3), 200, np.uint8)
        image[373:] = 120
        frames.append(draw_frame(keypoints, n, image))
    path = write_video(tmp_path / "walk.avi", frames)
    out = tmp_path / "page.html"
    assert main(["report", str(path), "--height", f"{walk.attrs['height_m']}", "--out", str(out),
                 "--lens", "34.6"]) == 0  # fmt: skip
    found = json.loads(out.with_suffix(".json").read_text())
    step = compute_walk_outcomes(walk)["step_time_s"]
    assert found["values"]["step_time_s"]["value"] == pytest.approx(step, abs=1 / 30)
    assert "MediaPipe" in found["method"]
    assert out.read_text().count("data:image/jpeg;base64,") >= 5
    assert read_video(path, max_frames=6).attrs["fps"] == 30.0
