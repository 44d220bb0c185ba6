"""Estimates from plain arrays and files: what `gaitlib estimate` and notebooks call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.environment import SHIPPED
from gaitlib.errors import InputError
from gaitlib.estimate.features import check_fps
from gaitlib.estimate.targets import Estimate
from gaitlib.sense.camera import VIEWS
from gaitlib.sense.layouts import build_image_keypoints, get_layout

SHIPPED_ESTIMATORS = {
    kind: Path("data") / "estimator" / f"{kind}.safetensors" for kind in ("keypoints", "inertial")
}
"""Weights that come with the project, by what they read, relative to its root."""
METHODS = ("synthetic", "classical")
SIGNAL_COLUMNS = ("acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z")
"""Columns of inertial signals: m/s^2 with gravity, rad/s."""


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
    """Estimate the gait of one clip; `gaitlib.estimate_gait` describes arguments and result."""
    if method not in METHODS:
        raise InputError(f"method: found '{method}', expected one of {', '.join(METHODS)}.")
    if layout is not None and site is not None:
        raise InputError("layout and site: both given; layout is for keypoints, site for inertial signals.")
    if not isinstance(data, xr.Dataset):
        if layout is None and site is None:
            raise InputError(
                "layout: not given; name the layout of a keypoint array, such as coco17, or the site of an "
                "inertial sensor, such as lower_back."
            )
        values = np.asarray(data, dtype=float)
        if site is not None:
            data = build_signals(values, fps, site)
        else:
            data = _build_keypoints(values, fps, layout, confidence, image_size_px, focal_length_px)
    inertial = "acceleration" in data
    data = data.assign_attrs(_check_known(age_years, view))
    if method == "classical":
        from gaitlib.estimate.baseline_estimators import estimate_classical

        if inertial:
            raise InputError("method: 'classical' reads image keypoints only.")
        return estimate_classical(data, height_m)
    estimator = estimator or load_shipped_estimator("inertial" if inertial else "keypoints")
    return estimator.predict(data, height_m, site)


def build_signals(values: np.ndarray, fps: float | None, site: str) -> xr.Dataset:
    """Label the signals of one inertial sensor.

    Parameters
    ----------
    values : array, shape (n_time, 6)
        Acceleration (m/s^2, with gravity), angular velocity (rad/s).
    fps : float
        Samples per second.
    site : str
        Where it is worn.

    Returns
    -------
    xarray.Dataset
        For `gaitlib.estimate.inertial_features.compute_inertial_features`.

    Raises
    ------
    InputError
        If shape, rate or site are wrong.
    """
    from gaitlib.estimate.inertial_features import get_site

    get_site(site)
    if values.ndim != 2 or values.shape[1] != 6 or len(values) == 0:
        raise InputError(
            f"inertial signals: found shape {values.shape}, expected (time, 6): acceleration, rotation."
        )
    dims = ("time", "space")
    return xr.Dataset(
        {"acceleration": (dims, values[:, :3]), "angular_velocity": (dims, values[:, 3:])},
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


def _check_known(age_years: float | None, view: str | None) -> dict[str, float]:
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
    """Load an estimator that comes with the project.

    Parameters
    ----------
    kind : {'keypoints', 'inertial'}
        What it reads.
    path : path, optional
        Another file.

    Returns
    -------
    GaitEstimator
        Ready to predict.

    Raises
    ------
    InputError
        If there is none.
    """
    from gaitlib.estimate.estimator import GaitEstimator

    return GaitEstimator.load(SHIPPED / SHIPPED_ESTIMATORS[kind] if path is None else path)


def read_signal_csv(path: str | Path) -> np.ndarray:
    """Read inertial signals from a CSV file with columns `SIGNAL_COLUMNS`.

    Parameters
    ----------
    path : path
        CSV file, one row per sample.

    Returns
    -------
    array, shape (n_time, 6)
        Acceleration (m/s^2, with gravity), angular velocity (rad/s); NaN for empty cells.

    Raises
    ------
    InputError
        If the file cannot be read, or columns are missing or not numbers.
    """
    table = _read_csv(Path(path))
    missing = [column for column in SIGNAL_COLUMNS if column not in table.columns]
    if missing:
        raise InputError(
            f"{Path(path).name}: columns {', '.join(missing)} are missing; expected "
            f"{', '.join(SIGNAL_COLUMNS)} (m/s^2 with gravity, rad/s)."
        )
    return _convert(Path(path), table, list(SIGNAL_COLUMNS)).to_numpy()


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except FileNotFoundError:
        raise InputError(f"{path.name}: file not found.") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path.name}: not a readable CSV file ({error}).") from None


def _convert(path: Path, table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    try:
        return table[columns].astype(float)
    except ValueError as error:
        raise InputError(f"{path.name}: a column holds something that is no number ({error}).") from None


def read_keypoint_csv(path: str | Path, layout: str) -> tuple[np.ndarray, np.ndarray]:
    """Read image keypoints from a CSV file.

    One row per frame; columns `<keypoint>_u`, `<keypoint>_v` (px) and, if there are confidences,
    `<keypoint>_confidence` (0-1), keypoints named as in the layout. Empty cells are unknown points, other
    columns are left alone.

    Parameters
    ----------
    path : path
        CSV file.
    layout : str
        Keypoint layout.

    Returns
    -------
    pixels : array, shape (n_time, n_keypoint, 2)
        u, v (px).
    confidence : array, shape (n_time, n_keypoint)
        0-1; 1 for known points where the file gives none.

    Raises
    ------
    InputError
        If the file cannot be read, or columns are missing or not numbers.
    """
    path, names = Path(path), get_layout(layout)
    table = _read_csv(path)
    wanted = [f"{name}_{axis}" for name in names for axis in ("u", "v")]
    missing = [column for column in wanted if column not in table.columns]
    if missing:
        raise InputError(
            f"{path.name}: columns {', '.join(missing[:6])}{' ...' if len(missing) > 6 else ''} are missing; "
            f"expected <keypoint>_u and <keypoint>_v for the {len(names)} keypoints of layout '{layout}'."
        )
    levels = [f"{name}_confidence" for name in names]
    used = wanted + [column for column in levels if column in table.columns]
    table = _convert(path, table, used)
    pixels = table[wanted].to_numpy().reshape(len(table), len(names), 2)
    confidence = np.isfinite(pixels).all(axis=-1).astype(float)
    for column, name in enumerate(levels):
        if name in table.columns:
            confidence[:, column] *= np.nan_to_num(table[name].to_numpy())
    return pixels, confidence
