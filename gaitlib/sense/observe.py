"""Look at walks as a video does: through virtual cameras and a detector that errs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import xarray as xr

from gaitlib.sense.camera import build_camera, project_walk
from gaitlib.sense.noise import DetectorErrors, apply_detector_noise


def observe_walks(
    walks: list[xr.Dataset], views: Iterable[str], layout: str, fps: float, noise: float, seed: int
) -> list[xr.Dataset]:
    """Look at walks; a walk seen from one side has the same errors whatever else is looked at."""
    errors = replace(DetectorErrors().scale(noise), cropped_share=0.0)
    clips = []
    for walk in walks:
        for view in views:
            clip = project_walk(walk, build_camera(view, fps=fps), layout)
            text = f"{seed} {walk.attrs['dataset']} {walk.attrs['walk_id']} {view}"
            rng = np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))
            clips.append(apply_detector_noise(clip, rng, errors) if noise > 0 else clip)
    return clips
