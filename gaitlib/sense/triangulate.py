"""Several calibrated views of one person: points in space, and what each view says apart from them.

Linear triangulation (Hartley & Zisserman 2004, Multiple View Geometry, section 12.2) with Cauchy weights, so
that a view that is far off counts little; left and right are exchanged back where the other views say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from gaitlib.errors import InputError
from gaitlib.sense.noise import find_partner

_TOLERANCE_PX = 15.0
_ROUNDS = 8
_WORST_PX = 60.0
_CLEARLY_BETTER = 0.7
_QUALISYS_UNITS = 64.0


@dataclass(frozen=True)
class CalibratedView:
    """A calibrated camera.

    Parameters
    ----------
    name : str
        Name of the camera.
    matrix : array, shape (3, 3)
        Focal lengths and principal point (px).
    distortion : array, shape (4,)
        k1, k2, p1, p2 as OpenCV counts them.
    rotation : array, shape (3, 3)
        From the axes of the room to right, down, forward of the camera.
    translation_m : array, shape (3,)
        Origin of the room in the axes of the camera (m).
    """

    name: str
    matrix: np.ndarray
    distortion: np.ndarray
    rotation: np.ndarray
    translation_m: np.ndarray


def read_qualisys_calibration(path: str | Path) -> list[CalibratedView]:
    """Read cameras from a Qualisys calibration file (.qca.txt)."""
    path = Path(path)
    try:
        cameras = ElementTree.parse(path).getroot().findall("cameras/camera")
        views = [_read_camera(camera) for camera in cameras]
    except (OSError, ElementTree.ParseError, KeyError, AttributeError, ValueError) as error:
        raise InputError(
            f"calibration {path.name}: no Qualisys calibration with intrinsic and transform of each camera "
            f"({type(error).__name__}: {error})."
        ) from None
    if len(views) < 2:
        raise InputError(f"calibration {path.name}: {len(views)} cameras, expected two or more.")
    return views


def _read_camera(camera: ElementTree.Element) -> CalibratedView:
    inner, place = camera.find("intrinsic").attrib, camera.find("transform").attrib

    def get(name: str) -> float:
        return float(inner[name]) / _QUALISYS_UNITS

    matrix = np.diag([get("focalLengthU"), get("focalLengthV"), 1.0])
    matrix[:2, 2] = get("centerPointU"), get("centerPointV")
    bends = ("radialDistortion1", "radialDistortion2", "tangentalDistortion1", "tangentalDistortion2")
    turn = np.array([[float(place[f"r{row}{column}"]) for column in "123"] for row in "123"])
    position = np.array([float(place[axis]) for axis in "xyz"]) / 1000.0
    # Qualisys cameras look along -z with y up, OpenCV's along z with y down.
    rotation = np.diag([1.0, -1.0, -1.0]) @ turn
    return CalibratedView(
        camera.attrib["serial"], matrix, np.array([get(n) for n in bends]), rotation, -rotation @ position
    )


def triangulate(views: list[CalibratedView], pixels: np.ndarray) -> np.ndarray:
    """Find points in space from several views; shape (n_time, n_point, 3), m."""
    import cv2

    planes = [
        cv2.undistortPoints(seen.reshape(-1, 1, 2), view.matrix, view.distortion).reshape(seen.shape)
        for view, seen in zip(views, pixels, strict=True)
    ]
    weight = np.isfinite(pixels).all(axis=-1).astype(float)
    for _ in range(_ROUNDS):
        rows = []
        for view, plane, share in zip(views, planes, weight, strict=True):
            camera = np.column_stack([view.rotation, view.translation_m])
            both = [plane[..., [axis]] * camera[2] - camera[axis] for axis in (0, 1)]
            rows += [np.nan_to_num(row) * share[..., None] for row in both]
        solution = np.linalg.svd(np.stack(rows, axis=-2))[2][..., -1, :]
        points = solution[..., :3] / solution[..., 3:]
        off = np.linalg.norm(reproject(views, points) - pixels, axis=-1)
        weight = np.where(np.isfinite(off), 1.0 / (1.0 + (np.nan_to_num(off) / _TOLERANCE_PX) ** 2), 0.0)
    return points


def reproject(views: list[CalibratedView], points: np.ndarray) -> np.ndarray:
    """Project points into every view; shape (n_view, n_time, n_point, 2)."""
    import cv2

    seen = []
    for view in views:
        turn = cv2.Rodrigues(view.rotation)[0]
        flat = cv2.projectPoints(
            points.reshape(-1, 1, 3), turn, view.translation_m, view.matrix, view.distortion
        )
        seen.append(flat[0].reshape(*points.shape[:-1], 2))
    return np.stack(seen)


def exchange_back(
    views: list[CalibratedView], pixels: np.ndarray, names: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Find the frames in which a view has left and right exchanged, and exchange them back."""
    partner = find_partner(names)
    pixels, exchanged = pixels.copy(), np.zeros(pixels.shape[:2], dtype=bool)
    frames = np.arange(pixels.shape[1])
    for _ in range(len(views)):
        expected = reproject(views, triangulate(views, pixels))
        costs = [
            np.nanmean(np.minimum(np.linalg.norm(expected - seen, axis=-1), _WORST_PX), axis=-1)
            for seen in (pixels, pixels[:, :, partner])
        ]
        gain = np.where(costs[1] < _CLEARLY_BETTER * costs[0], costs[0] - costs[1], 0.0)
        # One view per frame at a time: the others are needed to judge it.
        worst = gain.argmax(axis=0)
        wrong = gain[worst, frames] > 0
        if not wrong.any():
            break
        rows, columns = worst[wrong], frames[wrong]
        pixels[rows, columns] = pixels[rows, columns][:, partner]
        exchanged[rows, columns] ^= True
    return pixels, exchanged
