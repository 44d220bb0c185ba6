"""Triangulation and the search for exchanged sides, on views made for the purpose."""

import numpy as np
import pytest
from repository import load_script

from gaitlib.errors import InputError

study = load_script("measure_detector")
NAMES = ["nose", "left_hip", "right_hip", "left_ankle", "right_ankle"]
CAMERA = """<calibration><cameras>{}</cameras></calibration>"""
ONE = (
    '<camera serial="c{0}"><transform r11="1" r12="0" r13="0" r21="0" r22="1" r23="0" r31="0" r32="0" '
    'r33="1" x="{1}" y="0" z="4000"/><intrinsic focalLengthU="64000" focalLengthV="64000" '
    'centerPointU="32000" centerPointV="32000" radialDistortion1="0" radialDistortion2="0" '
    'tangentalDistortion1="0" tangentalDistortion2="0"/></camera>'
)


def make_views():
    """Four cameras 4 m around the origin, looking at it."""
    views = []
    for angle in np.deg2rad([10, 80, 200, 300]):
        forward = -np.array([np.cos(angle), 0.0, np.sin(angle)])
        down = np.array([0.0, -1.0, 0.0])
        rotation = np.stack([np.cross(down, forward), down, forward])
        matrix = np.array([[1500.0, 0, 960], [0, 1500.0, 540], [0, 0, 1]])
        views.append(
            study.CalibratedView(str(angle), matrix, np.zeros(4), rotation, np.array([0.0, 0.0, 4.0]))
        )
    return views


@pytest.fixture(scope="module")
def scene():
    rng = np.random.default_rng(0)
    base = np.array([[0, 0.7, 0], [0, 0, 0.1], [0, 0, -0.1], [0.2, -0.8, 0.1], [-0.2, -0.8, -0.1]])
    points = base + 0.1 * rng.standard_normal((20, 1, 3))
    views = make_views()
    return views, points, study.reproject(views, points)


def test_points_come_back_from_their_images_and_one_wild_view_does_little(scene):
    views, points, pixels = scene
    assert study.triangulate(views, pixels) == pytest.approx(points, abs=1e-6)
    wild = pixels.copy()
    wild[2] += 300.0
    assert np.abs(study.triangulate(views, wild) - points).max() < 0.02
    unseen = pixels.copy()
    unseen[1, :, 3] = np.nan
    assert study.triangulate(views, unseen) == pytest.approx(points, abs=1e-6)


def test_exchanged_sides_are_found_and_set_right(scene):
    views, _, pixels = scene
    wrong = pixels.copy()
    wrong[1, 5:9] = wrong[1, 5:9][:, [0, 2, 1, 4, 3]]
    mended, exchanged = study.exchange_back(views, wrong, NAMES)
    assert np.argwhere(exchanged).tolist() == [[1, n] for n in range(5, 9)]
    assert mended == pytest.approx(pixels)


def test_a_qualisys_calibration_is_read(tmp_path):
    path = tmp_path / "two.qca.txt"
    path.write_text(CAMERA.format(ONE.format(1, 0) + ONE.format(2, 1000)))
    views = study.read_qualisys_calibration(path)
    middle, aside = study.reproject(views, np.array([[[0.0, 0.0, 0.0], [0.4, 0.8, 0.0]]]))[:, 0]
    assert middle == pytest.approx(np.array([[500, 500], [600, 300]]))
    assert aside[0] == pytest.approx([250, 500])


@pytest.mark.parametrize("text", ["no xml", "<calibration/>", CAMERA.format('<camera serial="1"/>')])
def test_what_is_no_calibration_is_named(tmp_path, text):
    path = tmp_path / "bad.qca.txt"
    path.write_text(text)
    with pytest.raises(InputError, match="calibration bad.qca.txt"):
        study.read_qualisys_calibration(path)


def test_missing_recordings_are_named(tmp_path):
    with pytest.raises(InputError, match="Pose2Sim/Demo_SinglePerson, Sports2D/Demo/demo.mp4 not found"):
        study.measure_detector(tmp_path)
