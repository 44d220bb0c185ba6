"""Keypoints of a person in a video, by MediaPipe Pose (BlazePose; Bazarevsky et al. 2020, arXiv
2006.10204). OpenCV turns frames as the file's rotation flag says.

The model ships inside the `mediapipe` package, so nothing is downloaded. Its tracker follows one person.
Where somebody else is in view it may change from one to the other, so `read_video` looks for others and
refuses; choose the person with `box`, or with `start` and what `find_people` found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import xarray as xr

from gaitlib.environment import require
from gaitlib.errors import InputError
from gaitlib.sense.layouts import build_image_keypoints, get_layout

LAYOUT = "mediapipe33"
MODEL_COMPLEXITY = 1
"""The model that the package holds; 0 and 2 would be downloaded."""

_LEAST_SEEN_SHARE = 0.3
_LOOKS_FOR_OTHERS = 6
_FEWEST_FRAMES = 5
_LIKELY = 0.5

Box = tuple[float, float, float, float]


def read_video(
    path: str | Path,
    box: Box | None = None,
    fps: float | None = None,
    allow_others: bool = False,
    max_frames: int | None = None,
    start: tuple[int, Box] | None = None,
    report: Callable[[int, int], None] | None = None,
) -> xr.Dataset:
    """Find the keypoints of one person in a video.

    With `start`, a frame and the person's box in it, that person is followed from there on; `report` is told
    how many frames of how many are done.
    """
    require("video")
    path = Path(path)
    found, others, size, stamps, near = [], 0, None, [], None
    rate, n_frames = _read_head(path, fps)
    every = max(min(n_frames, max_frames or n_frames) // _LOOKS_FOR_OTHERS, 1)
    with _open_detector(static=False) as follow, _open_detector(static=True) as look:
        for index, (stamp, image) in enumerate(_iterate_timed(path, max_frames)):
            size = image.shape[1::-1]
            stamps.append(stamp)
            if report is not None:
                report(index + 1, n_frames)
            left, top, right, bottom = _check_box(path, box, size)
            part = np.ascontiguousarray(image[top:bottom, left:right])
            if start is not None:
                if index < start[0]:
                    found.append(None)
                    continue
                near = near or start[1]
                part = _hide_outside(part, near)
            pose = _detect(follow, part)
            if start is not None and pose is not None:
                near = _bound(pose)
            found.append(pose if pose is None else pose + [left, top, 0.0])
            if pose is not None and not allow_others and start is None and index % every == 0:
                others += _detect(look, _paint_over(part, pose)) is not None
    _check_found(path, found, others)
    missing = np.full((len(get_layout(LAYOUT)), 3), np.nan)
    poses = np.stack([missing if pose is None else pose for pose in found])
    pixels = poses[..., :2]
    inside = ((pixels >= 0) & (pixels <= size)).all(axis=-1)
    pixels = np.where(inside[..., None], pixels, np.nan)
    attributes = {"layout": LAYOUT, "fps": rate, "image_width_px": size[0], "image_height_px": size[1]}
    attributes |= {"source": path.name, "detector": f"MediaPipe Pose, complexity {MODEL_COMPLEXITY}"}
    confidence = np.where(inside, poses[..., 2], 0.0)
    return build_image_keypoints(_place(stamps, rate, fps is None), pixels, confidence, attributes)


def is_video(path: Path) -> bool:
    """Tell a video by the first bytes of its container."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(12)
    known = head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide")
    known |= head[:4] in (b"\x1aE\xdf\xa3", b"\0\0\1\xba")
    return known or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")


def find_people(path: Path, most: int = 6) -> tuple[int, np.ndarray, list[Box]]:
    """Look for everybody in a few frames: the frame with most people, its image, boxes from the left."""
    _, n_frames = _read_head(path, None)
    every = max(n_frames // (2 * _LOOKS_FOR_OTHERS), 1)
    best: tuple[int, np.ndarray | None, list[Box]] = (0, None, [])
    with _open_detector(static=True) as look:
        for index, image in enumerate(iterate_frames(path)):
            if index % every:
                continue
            rest, boxes = np.ascontiguousarray(image), []
            while len(boxes) < most and (pose := _detect(look, rest)) is not None:
                boxes.append(_bound(pose))
                rest = _paint_over(rest, pose)
            if best[1] is None or len(boxes) > len(best[2]):
                best = (index, image, sorted(boxes))
    return best


def _bound(pose: np.ndarray) -> Box:
    """Box of the points that are surely seen."""
    sure = pose[pose[:, 2] > _LIKELY]
    points = (sure if len(sure) > 3 else pose)[:, :2]
    return (*map(float, points.min(axis=0)), *map(float, points.max(axis=0)))


def _hide_outside(image: np.ndarray, near: Box) -> np.ndarray:
    """Leave only the neighbourhood of a person, so that the tracker cannot change to somebody else."""
    left, top, right, bottom = near
    reach = 0.2 * (bottom - top)
    rows = slice(max(int(top - reach), 0), int(bottom + reach) + 1)
    columns = slice(max(int(left - reach), 0), int(right + reach) + 1)
    hidden = np.empty_like(image)
    hidden[:] = image.reshape(-1, 3)[:: max(image.size // 30000, 1)].mean(axis=0).astype(np.uint8)
    hidden[rows, columns] = image[rows, columns]
    return hidden


def _place(stamps: list[float], rate: float, trusted: bool) -> np.ndarray:
    """Times of frames (s): even, unless the time stamps of the file say clearly otherwise."""
    even, told = np.arange(len(stamps)) / rate, np.array(stamps) - stamps[0]
    rises = len(told) > 1 and (np.diff(told) > 0).all()
    return told if trusted and rises and np.abs(told - even).max() > 0.5 / rate else even


def iterate_frames(path: str | Path, max_frames: int | None = None) -> Iterator[np.ndarray]:
    """Read the frames of a video one by one."""
    for _, image in _iterate_timed(path, max_frames):
        yield image


def _iterate_timed(path: str | Path, max_frames: int | None) -> Iterator[tuple[float, np.ndarray]]:
    """Frames with their time stamps (s)."""
    import cv2

    capture = cv2.VideoCapture(str(path))
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    try:
        count = 0
        while max_frames is None or count < max_frames:
            good, image = capture.read()
            if not good:
                return
            yield capture.get(cv2.CAP_PROP_POS_MSEC) / 1000, cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
            count += 1
    finally:
        capture.release()


def _read_head(path: Path, fps: float | None) -> tuple[float, int]:
    """Frames per second and number of frames."""
    import cv2

    if not path.is_file():
        raise InputError(f"video {path.name}: no such file; give the path of a video file.")
    capture = cv2.VideoCapture(str(path))
    try:
        opened, rate = capture.isOpened() and capture.read()[0], capture.get(cv2.CAP_PROP_FPS)
        n_frames = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    finally:
        capture.release()
    if not opened:
        why = "it holds no frames, is damaged or cut off" if is_video(path) else "its content is not a video"
        raise InputError(
            f"video {path.name}: OpenCV cannot read a frame of it: {why}; expected a video such as MP4 with "
            "H.264. Copy it again, or convert it, for instance with ffmpeg."
        )
    rate = rate if fps is None else fps
    if not 5.0 <= rate <= 1000.0:
        raise InputError(f"video {path.name}: {rate:g} frames per second, expected 5 to 1000; give fps=.")
    return float(rate), n_frames


def _open_detector(static: bool):
    from mediapipe.python.solutions.pose import Pose

    return Pose(static_image_mode=static, model_complexity=MODEL_COMPLEXITY, smooth_landmarks=not static)


def _detect(detector, image: np.ndarray) -> np.ndarray | None:
    """Pixels and visibility, shape (33, 3), or None if nobody is there."""
    result = detector.process(image).pose_landmarks
    if result is None:
        return None
    height, width = image.shape[:2]
    return np.array([[p.x * width, p.y * height, p.visibility] for p in result.landmark])


def _paint_over(image: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Hide the person who was found, so that the detector looks at the rest."""
    sure = pose[pose[:, 2] > _LIKELY]
    points = (sure if len(sure) else pose)[:, :2]
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.15 * np.ptp(points[:, 1])
    left, top = np.maximum(low - margin, 0).astype(int)
    right, bottom = (high + margin).astype(int)
    painted = image.copy()
    painted[top:bottom, left:right] = image.reshape(-1, 3).mean(axis=0).astype(np.uint8)
    return painted


def _check_box(path: Path, box: Box | None, size: tuple[int, int]) -> tuple[int, int, int, int]:
    if box is None:
        return 0, 0, *size
    left, top, right, bottom = (int(round(value)) for value in box)
    if not (0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]):
        raise InputError(
            f"video {path.name}: box {box} does not lie in the image of {size[0]} x {size[1]} px; "
            "expected left, top, right, bottom."
        )
    return left, top, right, bottom


def _check_found(path: Path, found: list, others: int) -> None:
    if len(found) < _FEWEST_FRAMES:
        raise InputError(f"video {path.name}: {len(found)} frames, expected at least {_FEWEST_FRAMES}.")
    seen = sum(pose is not None for pose in found) / len(found)
    if seen < _LEAST_SEEN_SHARE:
        raise InputError(
            f"video {path.name}: a person was found in {seen:.0%} of {len(found)} frames, expected at least "
            f"{_LEAST_SEEN_SHARE:.0%}. Show one whole person, not too small, or choose the part with box=."
        )
    if others > 1:
        raise InputError(
            f"video {path.name}: several people are in view ({others} of about {_LOOKS_FOR_OTHERS} looks "
            "beside the first person found another). Choose one with box=(left, top, right, bottom) in "
            "pixels, or go on with allow_others=True."
        )
