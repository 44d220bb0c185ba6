"""The virtual camera against geometry done by hand, and the keypoint layouts."""

import numpy as np
import pytest
from toys import make_toy_walk
from transforms import mirror_walk

from gaitlib.errors import InputError
from gaitlib.sense.camera import VIEWS, Camera, build_camera, project_points, project_walk
from gaitlib.sense.layouts import LAYOUTS, build_image_keypoints, convert_layout, get_build_matrix, get_layout
from gaitlib.walk import KEYPOINTS_3D

HIP = np.zeros((1, 3))


@pytest.fixture(scope="module")
def walk():
    return make_toy_walk(duration_s=4.0)


def test_points_project_where_geometry_puts_them():
    camera = Camera(azimuth_deg=90, distance_m=5, height_m=1, aim_height_m=1, focal_length_px=1000)
    points = np.array([[[0.0, 1.0, 0.0], [0.5, 1.0, 0.0], [0.0, 1.5, 0.0], [0.5, 1.0, 1.0]]])
    pixels = project_points(points, HIP, camera)[0]
    assert pixels == pytest.approx(np.array([[960, 540], [1060, 540], [960, 440], [1085, 540]]))


@pytest.mark.parametrize(
    ("azimuth", "direction"), [(0, [0, 0, -1]), (90, [1, 0, 0]), (180, [0, 0, 1]), (270, [-1, 0, 0])]
)
def test_each_side_sees_its_own_right(azimuth, direction):
    """From the front the person's left (-z) is on the right of the image; from the right, forward is."""
    camera = Camera(azimuth_deg=azimuth, distance_m=5, height_m=1, aim_height_m=1, focal_length_px=1000)
    point = np.array([[0.0, 1.0, 0.0]]) + 0.5 * np.array(direction)
    assert project_points(point[None], HIP, camera)[0, 0] == pytest.approx([1060, 540])


def test_behind_the_camera_and_outside_the_image_is_unknown():
    camera = Camera(distance_m=5, height_m=1, aim_height_m=1)
    points = np.array([[[0.0, 1.0, 6.0], [0.0, 1.0, 4.9], [9.0, 1.0, 0.0], [0.0, 1.0, 0.0]]])
    assert np.isfinite(project_points(points, HIP, camera)[0, :, 0]).tolist() == [False, False, False, True]


def test_front_view_of_the_mirrored_person_is_the_mirrored_image(walk):
    camera = build_camera("front")
    seen, mirrored = project_walk(walk, camera), project_walk(mirror_walk(walk), camera)
    swapped = [n[:-1] + {"r": "l", "l": "r"}[n[-1]] if n[-2:] in ("_r", "_l") else n for n in KEYPOINTS_3D]
    expected = seen["pixel_position"].sel(keypoint=swapped).values
    assert mirrored["pixel_position"].values[..., 0] == pytest.approx(1920 - expected[..., 0], abs=1e-6)
    assert mirrored["pixel_position"].values[..., 1] == pytest.approx(expected[..., 1], abs=1e-6)


def test_twice_as_far_with_twice_the_focal_length_looks_alike(walk):
    near = project_walk(walk, Camera(distance_m=10, focal_length_px=1500))["pixel_position"].values
    far = project_walk(walk, Camera(distance_m=20, focal_length_px=3000))["pixel_position"].values
    assert np.abs(near - far).max() < 0.04 * np.ptp(near[..., 1])
    assert np.abs(near - far).max() > 0.5


def test_a_panning_camera_keeps_the_person_in_the_middle(walk):
    fixed = project_walk(walk, Camera(focal_length_px=900))["pixel_position"].sel(keypoint="hip_r").values
    panning = project_walk(walk, Camera(focal_length_px=900, motion="panning"))["pixel_position"]
    assert np.ptp(fixed[:, 0]) > 400
    assert np.ptp(panning.sel(keypoint="hip_r").values[:, 0]) < 60


def test_a_hand_held_camera_follows_and_shakes_as_stated(walk):
    panning = project_walk(walk, Camera(motion="panning"))["pixel_position"].sel(keypoint="hip_r").values
    held = Camera(motion="hand_held", shake_deg=0.5, shake_seed=3)
    shaken = project_walk(walk, held)["pixel_position"].sel(keypoint="hip_r").values
    shake_deg = np.degrees((shaken - panning) / held.focal_length_px)
    assert shake_deg.std(axis=0) == pytest.approx([0.5, 0.5], rel=0.5)
    assert np.abs(np.diff(shake_deg, axis=0)).max() < 0.3
    again = project_walk(walk, held)["pixel_position"].sel(keypoint="hip_r").values
    assert np.array_equal(shaken, again)


def test_frame_rate_and_attributes_follow_the_camera(walk):
    keypoints = project_walk(walk, build_camera("front", fps=24.0), "coco17")
    assert keypoints.sizes["time"] == 97
    assert keypoints.attrs["fps"] == 24.0 and keypoints.attrs["view"] == "front"
    assert keypoints.attrs["height_m"] == walk.attrs["height_m"]
    assert list(keypoints["keypoint"].values) == list(get_layout("coco17"))


def test_barrel_distortion_pulls_inwards():
    points = np.array([[[2.0, 1.0, 0.0]]])
    plain, barrel = (
        project_points(points, HIP, Camera(distance_m=4, height_m=1, aim_height_m=1, distortion_k1=k))[
            0, 0, 0
        ]
        for k in (0.0, -0.1)
    )
    assert barrel == pytest.approx(960 + (plain - 960) * (1 - 0.1 * 0.25))


@pytest.mark.parametrize("layout", [name for name in LAYOUTS])
def test_layouts_build_points_and_give_them_back(walk, layout):
    assert get_build_matrix(layout).sum(axis=1) == pytest.approx(np.ones(len(get_layout(layout))))
    original = project_walk(walk, build_camera("oblique"))
    back = convert_layout(project_walk(walk, build_camera("oblique"), layout))
    for joint in ("hip_r", "hip_l", "knee_r", "knee_l", "ankle_r", "ankle_l"):
        expected = original["pixel_position"].sel(keypoint=joint).values
        assert back["pixel_position"].sel(keypoint=joint).values == pytest.approx(expected, abs=0.5)


def test_layouts_have_their_published_size():
    sizes = {"coco17": 17, "body25": 25, "mediapipe33": 33, "h36m17": 17, "pig": 11, "walk19": 19}
    assert {name: len(points) for name, points in LAYOUTS.items()} == sizes


def test_the_order_of_keypoints_does_not_matter(walk):
    keypoints = project_walk(walk, build_camera("side"), "body25")
    shuffled = keypoints.isel(keypoint=np.random.default_rng(0).permutation(25))
    for name in ("pixel_position", "confidence"):
        assert np.array_equal(convert_layout(keypoints)[name], convert_layout(shuffled)[name], equal_nan=True)


def test_wrong_input_is_named():
    with pytest.raises(InputError, match="coco18.*expected one of coco17"):
        get_layout("coco18")
    with pytest.raises(InputError, match=r"shape \(10, 16, 2\).*\(10, 17, 2\)"):
        build_image_keypoints(np.arange(10), np.zeros((10, 16, 2)), None, {"layout": "coco17"})
    with pytest.raises(InputError, match="motion is 'flying'.*fps is 0"):
        Camera(motion="flying", fps=0)
    with pytest.raises(InputError, match="view: found 'top'"):
        build_camera("top")
    assert set(VIEWS) >= {"side", "front", "back", "oblique"}


def test_a_missing_keypoint_of_the_layout_is_named(walk):
    keypoints = project_walk(walk, build_camera("side"), "coco17").drop_sel(keypoint="left_hip")
    with pytest.raises(InputError, match="left_hip are missing"):
        convert_layout(keypoints)
