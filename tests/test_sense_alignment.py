"""Readings in any sensor axes come back into the frame of the person."""

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.transform import Rotation
from sense_toys import make_library_walk

from gaitlib.errors import InputError
from gaitlib.sense.alignment import align_recording, align_signals, find_axes
from gaitlib.sense.inertial import sense_motion

LEGS = ("thigh_r", "shank_l", "ankle_r")


@pytest.fixture(scope="module")
def recording():
    return sense_motion(make_library_walk(duration_s=8.0), ["lower_back", *LEGS])


def get_signals(recording, site):
    parts = [recording[name].sel(sensor=site).values for name in ("acceleration", "angular_velocity")]
    return np.concatenate(parts, axis=1)


def turn(signals, rotation):
    return np.concatenate([signals[:, :3] @ rotation.T, signals[:, 3:] @ rotation.T], axis=1)


@pytest.mark.parametrize("site", LEGS)
@pytest.mark.parametrize("seed", [0, 1])
def test_forward_of_a_leg_is_found_however_the_sensor_is_turned(recording, site, seed):
    rotation = Rotation.random(random_state=seed).as_matrix()
    axes = find_axes(turn(get_signals(recording, site), rotation), 100.0, site)
    assert axes @ axes.T == pytest.approx(np.eye(3), abs=1e-9) and np.linalg.det(axes) > 0
    forward, up, _ = axes @ rotation
    assert np.degrees(np.arctan2(abs(forward[2]), forward[0])) < 5
    assert up[1] > 0.8


def test_alignment_does_not_depend_on_how_the_sensor_was_mounted(recording):
    signals = get_signals(recording, "lower_back")
    rotation = Rotation.from_euler("xyz", [90, 20, -130], degrees=True).as_matrix()
    expected = align_signals(signals, 100.0, "lower_back", (1.0, 0.0, 0.0))
    turned = align_signals(turn(signals, rotation), 100.0, "lower_back", tuple(rotation[:, 0]))
    assert turned == pytest.approx(expected, abs=1e-9)
    assert expected[:, :3].mean(axis=0) == pytest.approx(
        [0, np.linalg.norm(signals[:, :3].mean(axis=0)), 0], abs=1e-9
    )


def test_a_recording_keeps_its_labels(recording):
    one = recording.sel(sensor="ankle_r", drop=True)
    aligned = align_recording(one, "ankle_r")
    assert aligned["acceleration"].attrs["units"] == "m/s^2" and aligned.attrs["fps"] == 100.0
    assert isinstance(aligned, xr.Dataset) and not aligned.equals(one)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s / [9.81, 9.81, 9.81, 1, 1, 1], "mean acceleration is (0.9|1.0).*m/s\\^2 with gravity"),
        (lambda s: s[:50], "0.5 s, expected 2 s"),
        (lambda s: np.where(np.arange(len(s))[:, None] == 5, np.nan, s), "gaps"),
        (lambda s: s[:, :3], r"shape \(\d+, 3\), expected \(time, 6\)"),
        (lambda s: s, "give forward="),
    ],
)
def test_wrong_signals_are_named(recording, change, message):
    with pytest.raises(InputError, match=message):
        align_signals(change(get_signals(recording, "lower_back")), 100.0, "lower_back")
