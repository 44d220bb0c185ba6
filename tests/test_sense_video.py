"""MediaPipe on a drawn walker: the points are where the camera model put them; bad videos are named."""

import numpy as np
import pytest
from mannequin import SIZE, draw_frame, film_walk, write_video

from gaitlib.errors import InputError
from gaitlib.sense.layouts import convert_layout
from gaitlib.sense.video import read_video

FRAMES = 10
GOLDEN = {
    "nose": (321.4, 158.8),
    "left_hip": (330.1, 243.2),
    "right_knee": (298.2, 289.7),
    "left_ankle": (345.2, 340.9),
    "right_ankle": (280.3, 329.3),
    "left_foot_index": (359.0, 351.0),
}
"""Pixels in the last frame, by mediapipe 0.10.14, model complexity 1."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    truth = film_walk().isel(time=slice(20, 20 + FRAMES))
    folder = tmp_path_factory.mktemp("video")
    path = write_video(folder / "walker.avi", [draw_frame(truth, n) for n in range(FRAMES)])
    return truth, read_video(path)


def test_keypoints_lie_where_the_walker_was_drawn(scene):
    truth, found = scene
    drawn, seen = truth["pixel_position"], convert_layout(found)["pixel_position"]
    height = np.ptp(drawn.values[..., 1], axis=1).mean()
    for name in ("ankle_r", "ankle_l", "knee_r", "knee_l", "shoulder_r", "shoulder_l"):
        error = np.linalg.norm(seen.sel(keypoint=name).values - drawn.sel(keypoint=name).values, axis=-1)
        assert np.median(error) < 0.04 * height, name


def test_the_detector_gives_what_it_gave(scene):
    last = scene[1]["pixel_position"].isel(time=-1)
    for name, expected in GOLDEN.items():
        assert last.sel(keypoint=name).values == pytest.approx(expected, abs=1.5), name


def test_frame_rate_size_and_confidence_are_kept(scene):
    found = scene[1]
    assert (found.attrs["fps"], found.attrs["image_width_px"], found.attrs["image_height_px"]) == (
        30.0,
        640,
        480,
    )
    assert found.attrs["layout"] == "mediapipe33" and found.sizes["time"] == FRAMES
    assert found["confidence"].sel(keypoint="left_ankle").values.mean() > 0.5


def test_several_people_are_refused_and_a_box_chooses(scene, tmp_path):
    truth = scene[0]
    other = truth.copy()
    other["pixel_position"] = truth["pixel_position"] - np.array([210.0, 0.0])
    frames = [draw_frame(truth, n, draw_frame(other, n)) for n in range(FRAMES)]
    path = write_video(tmp_path / "two.avi", frames)
    with pytest.raises(InputError, match="several people are in view.*box="):
        read_video(path)
    left = float(np.nanmin(truth["pixel_position"].values[..., 0])) - 40
    chosen = read_video(path, box=(left, 0, SIZE[1], SIZE[0]))
    error = (
        convert_layout(chosen)["pixel_position"].sel(keypoint="knee_r")
        - truth["pixel_position"].sel(keypoint="knee_r").values
    )
    assert np.abs(error.values).max() < 15


def test_what_is_no_video_of_a_person_is_named(tmp_path):
    with pytest.raises(InputError, match="nothing.mp4: no such file"):
        read_video(tmp_path / "nothing.mp4")
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(InputError, match="text.mp4: OpenCV cannot read"):
        read_video(tmp_path / "text.mp4")
    empty = write_video(tmp_path / "empty.avi", [np.full((*SIZE, 3), 128, np.uint8)] * 8)
    with pytest.raises(InputError, match="no person was found, expected at least 30%"):
        read_video(empty)
    with pytest.raises(InputError, match=r"box \(0, 0, 900, 100\) does not lie in the image of 640 x 480"):
        read_video(empty, box=(0, 0, 900, 100))
    short = write_video(tmp_path / "short.avi", [np.full((*SIZE, 3), 128, np.uint8)] * 2)
    with pytest.raises(InputError, match="2 frames, expected at least 5"):
        read_video(short)
    with pytest.raises(InputError, match="0.5 frames per second.*give fps="):
        read_video(short, fps=0.5)
