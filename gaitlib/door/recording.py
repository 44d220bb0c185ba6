"""What every reader gives: one recording, with what the file states and what was assumed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from gaitlib.walk import KEYPOINTS_3D

POINT = {name: n for n, name in enumerate(KEYPOINTS_3D)}
"""Place of each point of a Walk."""
LEGS = [[POINT[f"{joint}_{side}"] for joint in ("hip", "knee", "ankle")] for side in "rl"]
LEG_POINTS = [POINT[f"{joint}_{side}"] for joint in ("hip", "knee", "ankle") for side in "rl"]


@dataclass(frozen=True)
class Recording:
    """One recording of image keypoints, three-dimensional points or an inertial sensor; NaN where unknown."""

    kind: str  # 'keypoints', 'markers' or 'inertial'
    # keypoints (time, person, 19, 3): u, v (px), confidence; markers (time, 19, 3): m, axes of the file;
    # inertial (time, 6): acceleration (m/s^2), angular velocity (rad/s); (time, 3) without a gyroscope
    values: np.ndarray
    time_s: np.ndarray | None = None  # times that the file states (s)
    frames: np.ndarray | None = None  # frame numbers that the file states
    ids: np.ndarray | None = None  # (time, person): numbers that the file's tracker gives; -1 for none
    source: str = "array"
    format: str = "array"  # what it was read as
    image_size_px: tuple[float, float] | None = None  # width and height, as stated
    site: str | None = None  # where an inertial sensor is worn
    facts: dict = field(default_factory=dict)  # 'fps' and 'people'
    notes: tuple[str, ...] = ()  # what was found, changed or assumed, one sentence each

    def change(self, *notes: str, **changes) -> Recording:
        """Give a changed copy with further notes."""
        return replace(self, notes=self.notes + tuple(note for note in notes if note), **changes)
