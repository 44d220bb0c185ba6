"""What every reader gives: one recording, with what the file states and what was assumed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from gaitlib.walk import KEYPOINTS_3D

POINT = {name: n for n, name in enumerate(KEYPOINTS_3D)}
"""Place of each point of a Walk."""
LEG_POINTS = [POINT[f"{joint}_{side}"] for joint in ("hip", "knee", "ankle") for side in "rl"]


@dataclass(frozen=True)
class Recording:
    """One recording of image keypoints, three-dimensional points or an inertial sensor.

    Parameters
    ----------
    kind : str
        'keypoints', 'markers' or 'inertial'.
    values : array
        Keypoints (time, person, 19, 3): u, v (px), confidence. Markers (time, 19, 3): m, axes of the file.
        Inertial (time, 6): acceleration (m/s^2), angular velocity (rad/s). NaN where unknown.
    time_s : array, shape (n_time,), optional
        Times that the file states (s).
    frames : array, shape (n_time,), optional
        Frame numbers that the file states.
    ids : array, shape (n_time, n_person), optional
        Which person each detection belongs to, as the file's tracker says; -1 where it does not say.
    source, format : str
        Name of the file, and what it was read as.
    image_size_px : (float, float), optional
        Width and height of the image, stated by the user or the file (px).
    site : str, optional
        Where an inertial sensor is worn.
    facts : dict
        Further plain values: 'up' (axis of markers), 'scale_unknown', 'normalised', 'fps'.
    notes : tuple of str
        What was found, changed or assumed, one sentence each.
    """

    kind: str
    values: np.ndarray
    time_s: np.ndarray | None = None
    frames: np.ndarray | None = None
    ids: np.ndarray | None = None
    source: str = "array"
    format: str = "array"
    image_size_px: tuple[float, float] | None = None
    site: str | None = None
    facts: dict = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def change(self, *notes: str, **changes) -> Recording:
        """Give a changed copy with further notes."""
        return replace(self, notes=self.notes + tuple(note for note in notes if note), **changes)
