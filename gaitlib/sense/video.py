"""Keypoints of a person in a video, by MediaPipe Pose (BlazePose; Bazarevsky et al. 2020, arXiv
2006.10204). OpenCV turns frames as the file's rotation flag says.

The model ships inside the `mediapipe` package, so nothing is downloaded. Its tracker follows one person.
Where somebody else is in view it may change from one to the other, so `read_video` looks for others and
refuses; choose the person with `box`, or with `start` and what `find_people` found.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
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
_LOOKS = 12
"""How often a video is looked at for other people."""
_FEWEST_FRAMES = 5
_LIKELY = 0.5
_WORTH_HALVING, _LIGHT_EVERY = 60, 30
_LONG = 3000
"""Frames of a video in which jumping is quicker than reading on."""
_DARK = 25.0

Box = tuple[float, float, float, float]
Region = tuple[int, int, int, int]
Pose = np.ndarray | None
Timed = tuple[float, np.ndarray]
Frames = Iterator[Timed]


class SeveralPeople(InputError):
    """More than one person is in view, and nobody said who is meant."""


def read_video(
    path: str | Path,
    box: Box | None = None,
    fps: float | None = None,
    allow_others: bool = False,
    max_frames: int | None = None,
    start: tuple[int, Box] | None = None,
    report: Callable[[int, int], None] | None = None,
) -> xr.Dataset:
    """Find the keypoints of one person, or of the one in the box `start`; both halves at once."""
    require("video")
    path = Path(path)
    rate, n_frames = read_head(path, fps)
    total = min(n_frames, max_frames or n_frames)
    looks = None if allow_others or start is not None else max(total // _LOOKS, 1)
    reader = _Reader(path, box, start, looks, lambda done: report(done, total) if report else None)
    later = _open_at(path, total // 2) if start is None and total >= _WORTH_HALVING else None
    if later is None or max_frames is not None:
        found, _ = reader.read(_iterate_timed(path, max_frames))
    else:
        found = _read_halves(reader, path, later)
    _check_found(path, [pose for _, pose in found], reader.lights)
    size = reader.size
    missing = np.full((len(get_layout(LAYOUT)), 3), np.nan)
    poses = np.stack([missing if pose is None else pose for _, pose in found])
    pixels = poses[..., :2]
    inside = ((pixels >= 0) & (pixels <= size)).all(axis=-1)
    pixels = np.where(inside[..., None], pixels, np.nan)
    attributes = {"layout": LAYOUT, "fps": rate, "image_width_px": size[0], "image_height_px": size[1]}
    attributes |= {"source": path.name, "detector": f"MediaPipe Pose, complexity {MODEL_COMPLEXITY}"}
    confidence = np.where(inside, poses[..., 2], 0.0)
    time_s = place_frames([stamp for stamp, _ in found], rate, fps is None)
    return build_image_keypoints(time_s, pixels, confidence, attributes)


def _read_halves(reader: _Reader, path: Path, later: tuple[Timed, Frames]) -> list[tuple[float, Pose]]:
    """Read both halves at once: Python's lock is free while OpenCV decodes and MediaPipe computes."""
    (middle_s, image), rest = later
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(reader.read, itertools.chain([(middle_s, image)], rest))
        try:
            frames = _iterate_timed(path, None)
            found, met = reader.read(frames, middle_s)
            if reader.stopped:
                second.result()  # raises what it saw
            if met is not None and np.array_equal(met[1], image):
                return found + second.result()[0]
        finally:
            reader.stopped = True
    # Times or jumps of this file cannot be trusted: what was read from its middle on is left.
    reader.stopped, reader.done = False, len(found)
    return found + (reader.read(itertools.chain([met], frames))[0] if met is not None else [])


class _Reader:
    """Follows one person through frames; two threads may read a half each."""

    def __init__(self, path: Path, box, start, looks: int | None, report: Callable[[int], None]) -> None:
        self.path, self.box, self.start, self.looks, self.report = path, box, start, looks, report
        self.done, self.others, self.stopped = 0, 0, False
        self.size, self.lights = (0, 0), []

    def read(self, frames: Frames, until_s: float = np.inf) -> tuple[list[tuple[float, Pose]], Timed | None]:
        """Find times and poses of the frames before a time, and the first frame behind it."""
        found, near, lost, region = [], self.start and self.start[1], 0, None
        with _open_detector(static=False) as follow, _open_detector(static=True) as look:
            for index, (stamp, image) in enumerate(frames):
                if self.stopped or stamp >= until_s - 1e-6:
                    return found, (stamp, image)
                self.size = image.shape[1::-1]
                if index % (self.looks or _LIGHT_EVERY) == 0:
                    self.lights.append(float(image[::8, ::8].mean()))
                left, top, right, bottom = _check_box(self.path, self.box, self.size)
                part, pose = np.ascontiguousarray(image[top:bottom, left:right]), None
                if self.start is None or index >= self.start[0]:
                    if lost or region is None or _leaves(near, region, part.shape[1::-1]):
                        if not lost and region is not None:
                            follow.reset()
                        region = _choose_region(part.shape[1::-1], near, lost)
                    pose = self._follow(follow, part, near, lost, region)
                    near, lost = (near, lost + 1) if pose is None else (_bound(pose), 0)
                if pose is not None and self.looks and index % self.looks == 0:
                    self._look_beside(look, part, pose)
                found.append((stamp, None if pose is None else pose + [left, top, 0.0]))
                self.done += 1
                self.report(self.done)
        return found, None

    def _follow(self, follow, part: np.ndarray, near: Box | None, lost: int, region: Region) -> Pose:
        """Find the pose in a region of a picture; in coordinates of the picture."""
        seen = part if self.start is None else _hide_outside(part, near, lost)
        left, top, right, bottom = region
        pose = _detect(follow, np.ascontiguousarray(seen[top:bottom, left:right]))
        return None if pose is None else pose + [left, top, 0.0]

    def _look_beside(self, look, part: np.ndarray, pose: np.ndarray) -> None:
        self.others += _detect(look, _paint_over(part, pose)) is not None
        if self.others > 1:
            self.stopped = True
            raise SeveralPeople(
                f"video {self.path.name}: several people are in view ({self.others} looks beside the first "
                "person found another). Choose one with box=(left, top, right, bottom) in pixels, or go on "
                "with allow_others=True."
            )


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
    _, n_frames = read_head(path, None)
    every = max(n_frames // _LOOKS, 1)
    best: tuple[int, np.ndarray | None, list[Box]] = (0, None, [])
    with _open_detector(static=True) as look:
        for index, image in _iterate_some(path, every, n_frames):
            rest, boxes = np.ascontiguousarray(image), []
            while len(boxes) < most and (pose := _detect(look, rest)) is not None:
                boxes.append(_bound(pose))
                rest = _paint_over(rest, pose)
            if best[1] is None or len(boxes) > len(best[2]):
                best = (index, image, sorted(boxes))
    return best


def _iterate_some(path: Path, every: int, n_frames: int) -> Iterator[tuple[int, np.ndarray]]:
    """Every so many frames, with their place."""
    if n_frames < _LONG:
        yield from ((n, image) for n, image in enumerate(iterate_frames(path)) if n % every == 0)
        return
    for index in range(0, n_frames, every):
        if (found := _open_at(path, index)) is not None:
            yield index, found[0][1]
            found[1].close()


def _bound(pose: np.ndarray) -> Box:
    """Box of the points that are surely seen."""
    sure = pose[pose[:, 2] > _LIKELY]
    points = (sure if len(sure) > 3 else pose)[:, :2]
    return (*map(float, points.min(axis=0)), *map(float, points.max(axis=0)))


def _choose_region(size: tuple[int, int], near: Box | None, lost: int) -> Region:
    """Where to look for a person who is not followed: the detector shrinks its picture to 224 px, in which a
    small person is not found. It is the surroundings of the last place, wider with every frame, or else the
    whole picture and squares of it in turn.
    """
    width, height = size
    if near is None:
        side, turn = min(size), lost % 4
        left, top = ((width - side) * (turn - 1) // 2, (height - side) * (turn - 1) // 2)
        return (left, top, left + side, top + side) if turn else (0, 0, width, height)
    side = int((3.0 + 0.1 * lost) * (near[3] - near[1]))
    if max(size) < 4 * side / 3:
        return 0, 0, width, height
    middle = (near[0] + near[2]) / 2, (near[1] + near[3]) / 2
    left, top = (int(np.clip(m - side / 2, 0, max(n - side, 0))) for m, n in zip(middle, size, strict=True))
    return left, top, min(left + side, width), min(top + side, height)


def _leaves(near: Box, region: Region, size: tuple[int, int]) -> bool:
    """Whether a person comes to the edge of a region that is not the edge of the picture."""
    room = 0.1 * (near[3] - near[1])
    low = any(region[n] > 0 and near[n] - room < region[n] for n in (0, 1))
    return low or any(region[n + 2] < size[n] and near[n + 2] + room > region[n + 2] for n in (0, 1))


def _hide_outside(image: np.ndarray, near: Box, lost: int) -> np.ndarray:
    """Leave only the neighbourhood of a person, so that the tracker cannot change to somebody else; it grows
    while the person is lost, as people walk on.
    """
    left, top, right, bottom = near
    reach = min(0.2 + 0.01 * lost, 0.6) * (bottom - top)
    rows = slice(max(int(top - reach), 0), int(bottom + reach) + 1)
    columns = slice(max(int(left - reach), 0), int(right + reach) + 1)
    hidden = np.empty_like(image)
    hidden[:] = image.reshape(-1, 3)[:: max(image.size // 30000, 1)].mean(axis=0).astype(np.uint8)
    hidden[rows, columns] = image[rows, columns]
    return hidden


def place_frames(stamps: list[float], rate: float, trusted: bool) -> np.ndarray:
    """Times of frames (s): even, unless the time stamps of the file say clearly otherwise."""
    even, told = np.arange(len(stamps)) / rate, np.array(stamps) - stamps[0]
    rises = len(told) > 1 and (np.diff(told) > 0).all()
    return told if trusted and rises and np.abs(told - even).max() > 0.5 / rate else even


def iterate_frames(path: str | Path, first: int = 0, stamp_s: float = 0.0) -> Iterator[np.ndarray]:
    """Read the frames of a video one by one, from one on that should bear this time stamp (s)."""
    found = _open_at(Path(path), first) if first >= _WORTH_HALVING else None
    if found is not None and abs(found[0][0] - stamp_s) < 1e-3:
        frames: Frames = itertools.chain([found[0]], found[1])
    else:
        frames = itertools.islice(_iterate_timed(path, None), first, None)
    for _, image in frames:
        yield image


def _open_at(path: Path, index: int) -> tuple[Timed, Frames] | None:
    """Jump to a frame: that frame, and those behind it; None where the file does not allow it."""
    frames = _iterate_timed(path, None, index)
    first = next(frames, None)
    return None if first is None or (index > 0 and first[0] <= 0) else (first, frames)


def _iterate_timed(path: str | Path, max_frames: int | None, first: int = 0) -> Frames:
    """Frames with their time stamps (s)."""
    import cv2

    capture = cv2.VideoCapture(str(path))
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    if first:
        capture.set(cv2.CAP_PROP_POS_FRAMES, first)
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


def read_head(path: Path, fps: float | None) -> tuple[float, int]:
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


def _check_found(path: Path, found: list, lights: list[float]) -> None:
    if len(found) < _FEWEST_FRAMES:
        raise InputError(f"video {path.name}: {len(found)} frames, expected at least {_FEWEST_FRAMES}.")
    if max(lights) < _DARK:
        raise InputError(
            f"video {path.name}: too dark: mean brightness {max(lights):.0f} of 255, expected at least "
            f"{_DARK:.0f}. Film with more light."
        )
    seen = sum(pose is not None for pose in found) / len(found)
    if seen < _LEAST_SEEN_SHARE:
        who = (
            "no person was found" if seen == 0 else f"a person was found in {seen:.0%} of {len(found)} frames"
        )
        raise InputError(
            f"video {path.name}: {who}, expected at least {_LEAST_SEEN_SHARE:.0%}. Show one whole person, at "
            "least a quarter of the picture tall, or choose the part with box=."
        )
