"""Estimates from plain arrays of one clip; files and whole recordings come through `gaitlib.door`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr

from gaitlib.environment import SHIPPED
from gaitlib.errors import InputError
from gaitlib.estimate.baseline_estimators import estimate_classical
from gaitlib.estimate.features import check_fps, compute_features, get_height
from gaitlib.estimate.inertial_features import get_site
from gaitlib.estimate.seen_legs import load_shipped_reader
from gaitlib.estimate.targets import WITHHELD, Estimate
from gaitlib.sense.camera import VIEWS

SHIPPED_ESTIMATORS = {
    kind: Path("data") / "estimator" / f"{kind}.safetensors" for kind in ("keypoints", "inertial", "insole")
}
"""Weights that come with the project, by what they read, relative to its root."""
METHODS = ("synthetic", "classical")


def estimate_clip(
    data: xr.Dataset,
    height_m: float | None = None,
    site: str | None = None,
    age_years: float | None = None,
    view: str | None = None,
    method: str = "synthetic",
    estimator=None,
) -> Estimate:
    """Estimate the gait of one labelled clip; `gaitlib.estimate_gait` finds the clips of any recording.

    Outcomes of the legs stand beside those of the network where a camera sees them from beside the path.
    """
    check_method(method)
    inertial = "acceleration" in data
    data = data.assign_attrs(check_known(age_years, view))
    if method == "classical":
        if inertial:
            raise InputError("method: 'classical' reads image keypoints only.")
        return estimate_classical(data, height_m)
    estimator = estimator or load_shipped_estimator("inertial" if inertial else "keypoints")
    if inertial or estimator.config.kind != "keypoints":
        return estimator.predict(data, height_m, site)
    features = compute_features(data, get_height(data, height_m))
    estimate = estimator.predict_features([features])[0]
    told = {name: value for name, value in estimate.values.items() if name not in WITHHELD}
    legs = load_shipped_reader().read(features) if estimate.ok else {}
    return replace(estimate, values=told | legs)


def check_method(method: str) -> None:
    """Check the name of a method."""
    if method not in METHODS:
        raise InputError(f"method: found '{method}', expected one of {', '.join(METHODS)}.")


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
