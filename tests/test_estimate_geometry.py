"""The pinhole fit: a known walk before a known camera, and what must not matter."""

import numpy as np
import pytest

from gaitlib.estimate.geometry import FOCAL_PRIOR, fit_pinhole
from gaitlib.sense.camera import Camera, project_points

LEG_M, FPS, SPEED = 0.85, 50.0, 1.3
HEIGHTS = np.array([1.40, 0.90, 0.48, 0.09])  # shoulders, hips, knees, ankles (m)


def glide(camera, noise_px=0.0, scale=1.0):
    """Levels of a body that glides, as a camera sees them, and what `fit_pinhole` asks for."""
    time = np.arange(200) / FPS
    points = np.zeros((len(time), 4, 3))
    points[..., 0], points[..., 1] = SPEED * time[:, None], HEIGHTS
    pixels = project_points(points, points[:, 1], camera)
    pixels = pixels + noise_px * np.random.default_rng(0).standard_normal(pixels.shape)
    legs = np.linalg.norm(pixels[:, 1] - pixels[:, 3], axis=1) * LEG_M / (HEIGHTS[1] - HEIGHTS[3])
    size = scale * np.array([camera.image_width_px, camera.image_height_px])
    return (
        scale * pixels,
        np.ones((len(time), 4), dtype=bool),
        1 / (scale * legs),
        scale * legs,
        FPS,
        tuple(size),
    )


def look(azimuth_deg, **changes):
    # A slanting body looks shorter; the horizon in the middle of the image keeps it upright.
    return Camera(**{"azimuth_deg": azimuth_deg, "distance_m": 8.0, "height_m": 0.9} | changes)


@pytest.mark.parametrize("azimuth_deg", [0.0, 40.0, 90.0, 150.0, 180.0])
def test_a_known_camera_gives_the_exact_speed_and_direction(azimuth_deg):
    camera = look(azimuth_deg)
    fit = fit_pinhole(*glide(camera), camera.focal_length_px)
    assert fit.speed * LEG_M == pytest.approx(SPEED, rel=0.02 + 0.04 * abs(fit.along))
    assert fit.along == pytest.approx(-np.cos(np.deg2rad(azimuth_deg)), abs=0.04)
    assert fit.camera_height * LEG_M == pytest.approx(camera.height_m - HEIGHTS[3], abs=0.1)


def test_from_the_side_the_focal_length_hardly_matters():
    for focal in (900.0, 1500.0, 2300.0):
        fit = fit_pinhole(*glide(look(90.0, focal_length_px=focal)))
        assert fit.speed * LEG_M == pytest.approx(SPEED, rel=0.03)
        assert fit.log_speed_sd < 0.1


def test_from_the_front_an_unknown_lens_leaves_the_speed_open():
    known, unknown = (fit_pinhole(*glide(look(0.0)), focal) for focal in (1440.0, None))
    assert unknown.log_speed_sd > 0.15 > 0.07 > known.log_speed_sd
    assert abs(np.log(unknown.speed * LEG_M / SPEED)) < 2 * unknown.log_speed_sd


def test_a_camera_that_looks_down_tells_its_focal_length():
    camera = look(60.0, height_m=4.0, aim_height_m=0.9, distance_m=5.0, focal_length_px=1000.0)
    fit = fit_pinhole(*glide(camera))
    prior = camera.image_width_px * np.exp(FOCAL_PRIOR[0])
    guess = abs(np.log(camera.focal_length_px / prior))
    assert abs(np.log(np.exp(fit.log_focal) * prior / camera.focal_length_px)) < 0.5 * guess
    assert fit.log_focal_sd < 0.8 * FOCAL_PRIOR[1]


@pytest.mark.parametrize("azimuth_deg", [0.0, 70.0])
def test_the_size_of_the_image_does_not_matter(azimuth_deg):
    one, double = (fit_pinhole(*glide(look(azimuth_deg), 1.0, scale)) for scale in (1.0, 2.0))
    for name, value in vars(one).items():
        assert getattr(double, name) == pytest.approx(value, abs=1e-5), name


def test_a_mirror_does_not_matter():
    levels, *rest, size = glide(look(70.0), 1.0)
    turned = levels * [-1.0, 1.0] + [size[0], 0.0]
    first, second = fit_pinhole(levels, *rest, size), fit_pinhole(turned, *rest, size)
    for name in ("speed", "along", "log_speed_sd", "camera_height"):
        assert getattr(second, name) == pytest.approx(getattr(first, name), abs=1e-5), name


def test_a_person_twice_as_far_is_as_fast_and_less_certain():
    near, far = (look(30.0, distance_m=d) for d in (6.0, 12.0))
    fits = [fit_pinhole(*glide(camera, 2.0), camera.focal_length_px) for camera in (near, far)]
    assert fits[1].speed == pytest.approx(fits[0].speed, rel=0.05)
    assert fits[1].distance == pytest.approx(2 * fits[0].distance, rel=0.05)


def test_gaps_and_outliers_hardly_matter():
    levels, known, *rest = glide(look(50.0), 1.0)
    clean = fit_pinhole(levels, known, *rest, 1440.0)
    spoilt = levels.copy()
    spoilt[20:30, 3] += 200.0
    known[60:90, 0] = False
    assert fit_pinhole(spoilt, known, *rest, 1440.0).speed == pytest.approx(clean.speed, rel=0.02)
