"""Biovision hierarchy (.bvh): parser and forward kinematics."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import xarray as xr
from scipy.spatial.transform import Rotation

from gaitlib.data.readers.text_tables import build_markers
from gaitlib.errors import InputError

_CHANNELS = ("Xposition", "Yposition", "Zposition", "Xrotation", "Yrotation", "Zrotation")


@dataclass
class BvhJoint:
    """One joint of the skeleton: name, parent index (-1 for the root), offset and channel names."""

    name: str
    parent: int
    offset: np.ndarray
    channels: list[str] = field(default_factory=list)


@dataclass
class BvhMotion:
    """A parsed file: joints in file order, channel values (frame, channel), frame time in s."""

    joints: list[BvhJoint]
    values: np.ndarray
    frame_time_s: float


class _Lines:
    """Lines of the file with their numbers, so that every error can say where."""

    def __init__(self, path: Path, text: str):
        self.path, self.lines, self.at = path, text.splitlines(), 0

    def take(self) -> list[str]:
        while self.at < len(self.lines):
            words = self.lines[self.at].split()
            self.at += 1
            if words:
                return words
        raise InputError(f"{self.path.name}: the file ends too early (line {self.at}); is it truncated?")

    def fail(self, expected: str, found) -> InputError:
        return InputError(f"{self.path.name} line {self.at}: expected {expected}, found {found!r}")


def read_bvh(path: str | Path, unit_m: float = 0.01) -> xr.Dataset:
    """Read a BVH file and compute the position of every joint."""
    motion = parse_bvh(path)
    positions = compute_joint_positions(motion) * unit_m
    fps = round(1.0 / motion.frame_time_s, 2)  # frame times are written with six or seven digits
    time_s = np.arange(len(motion.values)) / fps
    return build_markers(Path(path).name, time_s, [joint.name for joint in motion.joints], positions, fps)


def parse_bvh(path: str | Path) -> BvhMotion:
    """Parse the hierarchy and the motion of a BVH file."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path.name}: cannot be read ({error.strerror})") from None
    lines = _Lines(path, text)
    if lines.take() != ["HIERARCHY"]:
        raise lines.fail("'HIERARCHY' as the first word", lines.lines[lines.at - 1][:40])
    joints = _parse_hierarchy(lines)
    n_channels = sum(len(joint.channels) for joint in joints)
    n_frames, frame_time_s = _parse_motion_head(lines)
    rows = [words for line in lines.lines[lines.at :] if (words := line.split())]
    if len(rows) != n_frames:
        raise InputError(
            f"{path.name}: 'Frames' says {n_frames} but {len(rows)} lines of motion follow; is it truncated?"
        )
    for index, words in enumerate(rows):
        if len(words) != n_channels:
            raise InputError(
                f"{path.name}: motion line {index + 1} has {len(words)} values, expected {n_channels}"
            )
    try:
        values = np.array(rows, dtype=float)
    except ValueError as error:
        raise InputError(f"{path.name}: motion holds a value that is no number ({error})") from None
    if not np.isfinite(values).all():
        frame = int(np.argwhere(~np.isfinite(values))[0, 0])
        raise InputError(f"{path.name}: motion line {frame + 1} holds a value that is not finite")
    return BvhMotion(joints, values, frame_time_s)


def _parse_hierarchy(lines: _Lines) -> list[BvhJoint]:
    joints: list[BvhJoint] = []
    stack: list[int] = []
    pending: BvhJoint | None = None
    while True:
        words = lines.take()
        keyword = words[0]
        if keyword == "MOTION":
            if stack or not joints:
                raise lines.fail("a closed hierarchy before MOTION", f"{len(stack)} open braces")
            return joints
        if keyword in ("ROOT", "JOINT") and len(words) >= 2:
            pending = BvhJoint(" ".join(words[1:]), stack[-1] if stack else -1, np.zeros(3))
        elif keyword == "End" and stack:
            pending = BvhJoint(f"{joints[stack[-1]].name}_end", stack[-1], np.zeros(3))
        elif keyword == "{" and pending is not None:
            joints.append(pending)
            stack.append(len(joints) - 1)
            pending = None
        elif keyword == "}" and stack:
            stack.pop()
        elif keyword == "OFFSET" and stack:
            joints[stack[-1]].offset = _parse_offset(lines, words[1:])
        elif keyword == "CHANNELS" and stack:
            joints[stack[-1]].channels = _parse_channels(lines, words[1:])
        else:
            raise lines.fail("ROOT, JOINT, End Site, OFFSET, CHANNELS, braces or MOTION", " ".join(words))


def _parse_offset(lines: _Lines, words: list[str]) -> np.ndarray:
    try:
        offset = np.array([float(word) for word in words])
    except ValueError:
        raise lines.fail("three numbers after OFFSET", " ".join(words)) from None
    if offset.shape != (3,):
        raise lines.fail("three numbers after OFFSET", " ".join(words))
    return offset


def _parse_channels(lines: _Lines, words: list[str]) -> list[str]:
    names = words[1:]
    unknown = [name for name in names if name not in _CHANNELS]
    if not words or not words[0].isdigit() or int(words[0]) != len(names) or unknown:
        raise lines.fail(f"CHANNELS n and n of {', '.join(_CHANNELS)}", " ".join(words))
    return names


def _parse_motion_head(lines: _Lines) -> tuple[int, float]:
    words = lines.take()
    if words[0] != "Frames:" or len(words) != 2 or not words[1].isdigit():
        raise lines.fail("'Frames: <count>'", " ".join(words))
    n_frames = int(words[1])
    words = lines.take()
    try:
        if words[:2] != ["Frame", "Time:"]:
            raise ValueError
        frame_time_s = float(words[2])
        if not frame_time_s > 0:
            raise ValueError
    except (ValueError, IndexError):
        raise lines.fail("'Frame Time: <seconds>' above zero", " ".join(words)) from None
    return n_frames, frame_time_s


def compute_joint_positions(motion: BvhMotion) -> np.ndarray:
    """Compute the global position of every joint (forward kinematics); shape (frame, joint, 3)."""
    n_frames = len(motion.values)
    positions, rotations = np.empty((n_frames, len(motion.joints), 3)), []
    column = 0
    for index, joint in enumerate(motion.joints):
        values = motion.values[:, column : column + len(joint.channels)]
        column += len(joint.channels)
        place = np.tile(joint.offset, (n_frames, 1))
        turns = [n for n, channel in enumerate(joint.channels) if channel.endswith("rotation")]
        for n, channel in enumerate(joint.channels):
            if n not in turns:
                place[:, "XYZ".index(channel[0])] = values[:, n]
        rotation = Rotation.identity(n_frames)
        if turns:
            order = "".join(joint.channels[n][0] for n in turns)
            rotation = Rotation.from_euler(order, values[:, turns], degrees=True)
        if joint.parent >= 0:
            place = positions[:, joint.parent] + rotations[joint.parent].apply(place)
            rotation = rotations[joint.parent] * rotation
        positions[:, index] = place
        rotations.append(rotation)
    return positions
