"""Estimates from plain arrays and files: what `gaitlib estimate` and notebooks call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.errors import InputError
from gaitlib.estimate.features import check_fps
from gaitlib.estimate.result import Estimate
from gaitlib.sense.layouts import build_image_keypoints, get_layout

SHIPPED_ESTIMATOR = Path("data") / "estimator" / "estimator.safetensors"
"""Weights that come with the project, relative to its root."""
METHODS = ("synthetic", "classical")


def estimate_clip(
    keypoints: np.ndarray | xr.Dataset,
    fps: float | None = None,
    height_m: float | None = None,
    layout: str | None = None,
    confidence: np.ndarray | None = None,
    image_size_px: tuple[int, int] | None = None,
    focal_length_px: float | None = None,
    method: str = "synthetic",
    estimator=None,
) -> Estimate:
    """Estimate speed, step length and step time of one clip.

    Parameters
    ----------
    keypoints : array, shape (n_time, n_keypoint, 2), or xarray.Dataset
        Pixels, u to the right and v down, NaN where unknown; or image keypoints with their attributes.
    fps : float, optional
        Frames per second; needed for arrays.
    height_m : float, optional
        Body height (m).
    layout : str, optional
        Keypoint layout; needed for arrays.
    confidence : array, shape (n_time, n_keypoint), optional
        0-1.
    image_size_px : (int, int), optional
        Width and height of the image (px).
    focal_length_px : float, optional
        Focal length (px); helps where the person walks towards or away from the camera.
    method : str
        'synthetic' (the trained network) or 'classical'.
    estimator : GaitEstimator, optional
        The network to use; the shipped one if not given.

    Returns
    -------
    Estimate
        Values with 90 % intervals, or an abstention with its reason.

    Raises
    ------
    InputError
        If the input or the weights are wrong.
    """
    if method not in METHODS:
        raise InputError(f"method: found '{method}', expected one of {', '.join(METHODS)}.")
    if not isinstance(keypoints, xr.Dataset):
        if layout is None:
            raise InputError("layout: not given; name the layout of the keypoint array, such as coco17.")
        pixels, fps = np.asarray(keypoints, dtype=float), check_fps(fps)
        if pixels.ndim != 3 or len(pixels) == 0:
            raise InputError(
                f"keypoints: found shape {pixels.shape}, expected (time, keypoint, 2) with frames."
            )
        attributes: dict = {"layout": layout, "fps": fps}
        if image_size_px is not None:
            attributes |= {"image_width_px": image_size_px[0], "image_height_px": image_size_px[1]}
        if focal_length_px is not None:
            attributes["focal_length_px"] = focal_length_px
        keypoints = build_image_keypoints(np.arange(len(pixels)) / fps, pixels, confidence, attributes)
    if method == "classical":
        from gaitlib.estimate.classical import estimate_classical

        return estimate_classical(keypoints, height_m)
    return (estimator or load_shipped_estimator()).predict(keypoints, height_m)


def load_shipped_estimator(path: str | Path | None = None):
    """Load the estimator that comes with the project.

    Parameters
    ----------
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
    from gaitlib.estimate.network import GaitEstimator

    if path is None:
        here = Path(__file__).resolve().parents[2] / SHIPPED_ESTIMATOR
        path = here if here.is_file() else SHIPPED_ESTIMATOR
    return GaitEstimator.load(path)


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
    try:
        table = pd.read_csv(path)
    except FileNotFoundError:
        raise InputError(f"{path.name}: file not found.") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path.name}: not a readable CSV file ({error}).") from None
    wanted = [f"{name}_{axis}" for name in names for axis in ("u", "v")]
    missing = [column for column in wanted if column not in table.columns]
    if missing:
        raise InputError(
            f"{path.name}: columns {', '.join(missing[:6])}{' ...' if len(missing) > 6 else ''} are missing; "
            f"expected <keypoint>_u and <keypoint>_v for the {len(names)} keypoints of layout '{layout}'."
        )
    levels = [f"{name}_confidence" for name in names]
    used = wanted + [column for column in levels if column in table.columns]
    try:
        table = table[used].astype(float)
    except ValueError as error:
        raise InputError(
            f"{path.name}: a keypoint column holds something that is no number ({error})."
        ) from None
    pixels = table[wanted].to_numpy().reshape(len(table), len(names), 2)
    confidence = np.isfinite(pixels).all(axis=-1).astype(float)
    for column, name in enumerate(levels):
        if name in table.columns:
            confidence[:, column] *= np.nan_to_num(table[name].to_numpy())
    return pixels, confidence
