"""Estimates from plain arrays of one clip; files and whole recordings come through `gaitlib.door`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from gaitlib.environment import SHIPPED
from gaitlib.errors import InputError
from gaitlib.estimate.baseline_estimators import estimate_classical
from gaitlib.estimate.features import check_fps
from gaitlib.estimate.inertial_features import get_site
from gaitlib.estimate.targets import Estimate
from gaitlib.sense.camera import VIEWS
from gaitlib.sense.layouts import build_image_keypoints

SHIPPED_ESTIMATORS = {
    kind: Path("data") / "estimator" / f"{kind}.safetensors" for kind in ("keypoints", "inertial", "insole")
}
"""Weights that come with the project, by what they read, relative to its root."""
METHODS = ("synthetic", "classical")


def estimate_clip(
    data: np.ndarray | xr.Dataset,
    fps: float | None = None,
    height_m: float | None = None,
    layout: str | None = None,
    site: str | None = None,
    confidence: np.ndarray | None = None,
    image_size_px: tuple[int, int] | None = None,
    focal_length_px: float | None = None,
    age_years: float | None = None,
    view: str | None = None,
    method: str = "synthetic",
    estimator=None,
) -> Estimate:
    """Estimate the gait of one clip; `gaitlib.estimate_gait` finds the clips of a recording first."""
    check_method(method)
    check_labels(data, layout, site)
    if not isinstance(data, xr.Dataset):
        values = np.asarray(data, dtype=float)
        if site is not None:
            data = build_signals(values, fps, site)
        else:
            data = _build_keypoints(values, fps, layout, confidence, image_size_px, focal_length_px)
    inertial = "acceleration" in data
    data = data.assign_attrs(check_known(age_years, view))
    if method == "classical":
        if inertial:
            raise InputError("method: 'classical' reads image keypoints only.")
        return estimate_classical(data, height_m)
    estimator = estimator or load_shipped_estimator("inertial" if inertial else "keypoints")
    return estimator.predict(data, height_m, site)


def check_method(method: str) -> None:
    """Check the name of a method."""
    if method not in METHODS:
        raise InputError(f"method: found '{method}', expected one of {', '.join(METHODS)}.")


def check_labels(data, layout: str | None, site: str | None) -> None:
    """Check that it is said what an array holds, once."""
    if layout is not None and site is not None:
        raise InputError("layout and site: both given; layout is for keypoints, site for inertial signals.")
    if not isinstance(data, xr.Dataset) and layout is None and site is None:
        raise InputError(
            "layout: not given; name the layout of a keypoint array, such as coco17, or the site of an "
            "inertial sensor, such as lower_back."
        )


def build_signals(values: np.ndarray, fps: float | None, site: str) -> xr.Dataset:
    """Label a sensor's acceleration (m/s^2, with gravity) and, in three more columns, turning (rad/s)."""
    get_site(site)
    if values.ndim != 2 or values.shape[1] not in (3, 6) or len(values) == 0:
        raise InputError(
            f"inertial signals: found shape {values.shape}, expected (time, 6), acceleration and rotation, "
            "or (time, 3), acceleration alone."
        )
    dims = ("time", "space")
    turning = {"angular_velocity": (dims, values[:, 3:])} if values.shape[1] == 6 else {}
    return xr.Dataset(
        {"acceleration": (dims, values[:, :3])} | turning,
        attrs={"fps": check_fps(fps), "site": site},
    )


def _build_keypoints(pixels, fps, layout, confidence, image_size_px, focal_length_px) -> xr.Dataset:
    fps = check_fps(fps)
    if pixels.ndim != 3 or len(pixels) == 0:
        raise InputError(f"keypoints: found shape {pixels.shape}, expected (time, keypoint, 2) with frames.")
    attributes: dict = {"layout": layout, "fps": fps}
    if image_size_px is not None:
        attributes |= {"image_width_px": image_size_px[0], "image_height_px": image_size_px[1]}
    if focal_length_px is not None:
        attributes["focal_length_px"] = focal_length_px
    return build_image_keypoints(np.arange(len(pixels)) / fps, pixels, confidence, attributes)


def check_known(age_years: float | None, view: str | None) -> dict[str, float]:
    """Check what is stated of a person and a view."""
    known: dict[str, float] = {}
    if age_years is not None:
        if not 2 <= age_years <= 110:
            raise InputError(f"age_years: found {age_years}, expected 2 to 110.")
        known["stated_age_years"] = float(age_years)
    if view is not None:
        if view not in VIEWS:
            raise InputError(f"view: found '{view}', expected one of {', '.join(VIEWS)}.")
        known["stated_azimuth_deg"] = VIEWS[view]
    return known


def load_shipped_estimator(kind: str = "keypoints", path: str | Path | None = None):
    """Load an estimator that comes with the project."""
    from gaitlib.estimate.estimator import GaitEstimator

    return GaitEstimator.load(SHIPPED / SHIPPED_ESTIMATORS[kind] if path is None else path)
