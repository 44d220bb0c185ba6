"""A user's video: checked, the person in it found or chosen, and followed."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from gaitlib.environment import require
from gaitlib.errors import InputError
from gaitlib.sense.video import SeveralPeople, find_people, read_head, read_video

_LEAST_FPS = 15.0


@dataclass(frozen=True)
class Film:
    """Keypoints of one person in a video, with what was noted."""

    path: Path
    keypoints: xr.Dataset
    notes: tuple[str, ...]
    method: str


def read_film(
    path: Path, out: Path, person: int | None = None, fps: float | None = None, report=None
) -> Film:
    """Read a video; of several people one has to be chosen from a picture with numbers."""
    require("video")
    rate, count = read_head(path, fps)
    if rate < _LEAST_FPS:
        raise InputError(
            f"video {path.name}: found {rate:g} frames per second, expected at least {_LEAST_FPS:g}; "
            "steps are too quick for fewer. Film with 30 or more."
        )
    people, start = None, None
    try:
        keypoints = read_video(path, fps=fps, report=report) if person is None else None
    except SeveralPeople:
        keypoints = None
    if keypoints is None:
        frame, image, people = find_people(path)
        if person is None and len(people) > 1:
            numbered = out.with_name(f"{out.stem}_people.jpg")
            _number_people(image, people, numbered)
            raise InputError(
                f"video {path.name}: {len(people)} people are in it; choose one with --person 1 to "
                f"{len(people)}, counted from the left; {numbered} shows the numbers."
            )
        if person is not None and not 1 <= person <= max(len(people), 1):
            raise InputError(f"--person: found {person}, expected 1 to {len(people)}, counted from the left.")
        start = (frame, people[person - 1]) if len(people) > 1 else None
        keypoints = read_video(path, fps=fps, start=start, allow_others=True, report=report)
    seen = np.isfinite(keypoints["pixel_position"].values).all(axis=2)
    names = list(keypoints["keypoint"].values)
    there = seen.any(axis=1)
    feet = (seen[:, names.index("left_ankle")] & seen[:, names.index("right_ankle")])[there].mean()
    if feet < 0.5:
        raise InputError(
            f"video {path.name}: the person is cut off: both feet are in the picture in {feet:.0%} of the "
            "frames, expected most. Film from farther away."
        )
    notes = [f"person {person} of {len(people)}, counted from the left, was followed"] if start else []
    if start and start[0]:
        notes.append(f"the first {start[0]} frames were left out, as fewer people are in them")
    if len(seen) < 0.9 * count:
        notes.append(f"{len(seen)} of {count} frames could be read: the file is damaged or cut off")
    if there.mean() < 0.9:
        notes.append(f"the person was found in {there.mean():.0%} of the frames")
    # The times count, not the nominal rate: phones write frames unevenly.
    keypoints = keypoints.copy()
    del keypoints.attrs["fps"]
    method = f"video, key points by {keypoints.attrs['detector']}, estimated by 'synthetic'"
    return Film(path, keypoints, tuple(notes), method)


def show_progress(done: int, total: int) -> None:
    """Draw a bar on a terminal."""
    if sys.stderr.isatty() and (done % 10 == 0 or done == total):
        share = min(done / max(total, 1), 1.0)
        bar = "#" * int(30 * share)
        print(f"\rfinding the person [{bar:<30}] {share:4.0%}", end="", file=sys.stderr)
        if done >= total:
            print(file=sys.stderr)


def _number_people(image: np.ndarray, people: list, path: Path) -> None:
    import cv2

    drawn = image[..., ::-1].copy()
    for n, (left, top, right, bottom) in enumerate(people, 1):
        a, b = (int(left), int(top)), (int(right), int(bottom))
        cv2.rectangle(drawn, a, b, (30, 200, 255), 3)
        cv2.putText(
            drawn, str(n), (a[0], max(a[1] - 8, 40)), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (30, 200, 255), 4
        )
    if not cv2.imwrite(str(path), drawn):
        raise InputError(f"{path}: cannot be written.")
