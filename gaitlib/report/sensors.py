"""Virtual cameras and an erring detector, the same on every page."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import xarray as xr


def observe_walks(
    walks: list[xr.Dataset], views: Iterable[str], layout: str, fps: float, noise: float, seed: int
) -> list[xr.Dataset]:
    """Look at walks through virtual cameras and a detector that errs.

    Parameters
    ----------
    walks : list of Walk
        Real or simulated.
    views : iterable of str
        Names of `gaitlib.sense.camera.VIEWS`.
    layout : str
        Keypoint layout of the detector.
    fps : float
        Frames per second of the cameras.
    noise : float
        Size of the detector's errors; 1 is a typical pose detector, 0 a perfect one. The cameras are set up
        to show the whole walk, so images are not cut off.
    seed : int
        Errors follow from seed, walk and view alone, so a walk looks the same on every page.

    Returns
    -------
    list of xarray.Dataset
        Image keypoints, walk by walk and view by view, with the walk's attributes.
    """
    from gaitlib.sense.camera import build_camera, project_walk
    from gaitlib.sense.noise import DetectorErrors, apply_detector_noise

    errors = replace(DetectorErrors().scale(noise), cropped_share=0.0)
    clips = []
    for walk in walks:
        for view in views:
            clip = project_walk(walk, build_camera(view, fps=fps), layout)
            text = f"{seed} {walk.attrs['dataset']} {walk.attrs['walk_id']} {view}"
            rng = np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))
            clips.append(apply_detector_noise(clip, rng, errors) if noise > 0 else clip)
    return clips
