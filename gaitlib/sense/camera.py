"""The virtual camera: a Walk becomes image keypoints.

Pinhole model with radial distortion (Brown 1971; as in Hartley & Zisserman 2004, Multiple View Geometry,
chapters 6-7). The camera stands at an azimuth around the middle of the walked path: 0 deg in front (the
person walks towards it), 90 deg on the person's right, 180 deg behind, 270 deg on the left.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np
import xarray as xr
from scipy.spatial.transform import Rotation

from gaitlib.errors import InputError
from gaitlib.sense.layouts import build_image_keypoints, combine_points, get_build_matrix

VIEWS = {
    "front": 0.0,
    "oblique": 45.0,
    "side": 90.0,
    "oblique_back": 135.0,
    "back": 180.0,
    "side_left": 270.0,
}
"""View name -> azimuth (deg)."""

MOTIONS = ("fixed", "panning", "hand_held")

NEAREST_DEPTH_M = 0.2
"""Points nearer to the camera plane than this are not seen (m)."""


@dataclass(frozen=True)
class Camera:
    """A camera and where it stands; the focal length is that of a usual phone (3/4 of the image width)."""

    azimuth_deg: float = 90.0  # see the module
    distance_m: float = 5.0  # from the middle of the path
    height_m: float = 1.0  # of the lens above the floor
    focal_length_px: float = 1440.0
    image_width_px: int = 1920
    image_height_px: int = 1080
    fps: float = 60.0
    motion: str = "fixed"  # or 'panning' (follows the person), 'hand_held' (follows and shakes)
    aim_height_m: float = 0.9  # of what it looks at in the middle of the path
    roll_deg: float = 0.0
    pan_lag_s: float = 0.0  # behind the person
    distortion_k1: float = 0.0  # radial; negative is barrel
    shake_deg: float = 0.4  # SD about each axis; assumed
    shake_seed: int = 0

    def __post_init__(self) -> None:
        problems = []
        if self.motion not in MOTIONS:
            problems.append(f"motion is '{self.motion}', expected one of {', '.join(MOTIONS)}")
        for name in ("distance_m", "focal_length_px", "image_width_px", "image_height_px", "fps"):
            if not getattr(self, name) > 0:
                problems.append(f"{name} is {getattr(self, name)}, expected more than 0")
        if problems:
            raise InputError("Camera: " + "; ".join(problems) + ".")

    @property
    def view(self) -> str:
        """Nearest named view."""
        return min(VIEWS, key=lambda name: abs((self.azimuth_deg - VIEWS[name] + 180.0) % 360.0 - 180.0))


def build_camera(view: str, **changes) -> Camera:
    """Build a camera for a view of `VIEWS` on a walk of about 8 m; any field of `Camera` may be changed."""
    if view not in VIEWS:
        raise InputError(f"view: found '{view}', expected one of {', '.join(VIEWS)}.")
    distance = {"side": 6.0, "side_left": 6.0, "front": 9.0, "back": 9.0}.get(view, 8.0)
    return replace(Camera(azimuth_deg=VIEWS[view], distance_m=distance), **changes)


def project_walk(walk: xr.Dataset, camera: Camera, layout: str = "walk19") -> xr.Dataset:
    """Project a Walk into an image: `pixel_position` (px) and `confidence` (1 seen, 0 else) over time."""
    time_in = walk["time"].values
    points_in = walk["keypoint_position"].values
    n_frames = int(np.floor((time_in[-1] - time_in[0]) * camera.fps + 1e-6)) + 1
    if n_frames < 2:
        raise InputError(f"Walk {walk.attrs.get('walk_id')}: shorter than two frames at {camera.fps:g} fps.")
    time_s = np.arange(n_frames) / camera.fps
    points = combine_points(get_build_matrix(layout), _resample(points_in, time_in - time_in[0], time_s))
    hips = [list(walk["keypoint"].values).index(name) for name in ("hip_r", "hip_l")]
    middle = np.nanmean(_resample(points_in[:, hips], time_in - time_in[0], time_s), axis=1)
    pixels = project_points(points, middle, camera)
    attributes = {
        **walk.attrs,
        "layout": layout,
        "fps": float(camera.fps),
        "image_width_px": int(camera.image_width_px),
        "image_height_px": int(camera.image_height_px),
        "view": camera.view,
        "camera_motion": camera.motion,
    }
    attributes |= {f"camera_{key}": value for key, value in asdict(camera).items()}
    return build_image_keypoints(time_s, pixels, None, attributes)


def project_points(points: np.ndarray, middle: np.ndarray, camera: Camera) -> np.ndarray:
    """Project points (time, point, 3) to pixels (u right, v down); the path follows the mid-hip `middle`."""
    known = middle[np.isfinite(middle).all(axis=1)]
    if len(known) == 0:
        return np.full((*points.shape[:2], 2), np.nan)
    centre = 0.5 * (known.min(axis=0) + known.max(axis=0))
    azimuth = np.deg2rad(camera.azimuth_deg)
    away = np.array([np.cos(azimuth), 0.0, np.sin(azimuth)])
    position = np.array([centre[0], 0.0, centre[2]]) + camera.distance_m * away
    position[1] = camera.height_m
    target = np.array([centre[0], camera.aim_height_m, centre[2]])[None]
    if camera.motion != "fixed":
        target = _follow(middle, camera, target)
    axes = _aim(position, target, np.deg2rad(camera.roll_deg))
    if camera.motion == "hand_held":
        axes = _draw_shake(len(middle), camera) @ axes
    seen = (points - position) @ axes.transpose(0, 2, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        depth = np.where(seen[..., 2] > NEAREST_DEPTH_M, seen[..., 2], np.nan)
        plane = seen[..., :2] / depth[..., None]
        plane = plane * (1.0 + camera.distortion_k1 * (plane**2).sum(axis=-1, keepdims=True))
        size = np.array([camera.image_width_px, camera.image_height_px], dtype=float)
        pixels = 0.5 * size + camera.focal_length_px * plane
        inside = ((pixels >= 0) & (pixels <= size)).all(axis=-1, keepdims=True)
    return np.where(inside, pixels, np.nan)


def _follow(middle: np.ndarray, camera: Camera, target: np.ndarray) -> np.ndarray:
    """Point that a panning camera aims at: the person, some time ago, at constant height."""
    frames = np.arange(len(middle), dtype=float)
    followed = np.repeat(target, len(middle), axis=0)
    for axis in (0, 2):
        known = np.isfinite(middle[:, axis])
        lagged = frames - camera.pan_lag_s * camera.fps
        line = (
            np.polyfit(frames[known], middle[known, axis], 1)
            if known.sum() > 1
            else [0.0, middle[known, axis][0]]
        )
        person = np.interp(lagged, frames[known], middle[known, axis])
        followed[:, axis] = np.where(lagged < frames[known][0], np.polyval(line, lagged), person)
    return followed


def _aim(position: np.ndarray, target: np.ndarray, roll: float) -> np.ndarray:
    """Rotations with rows right, down, forward, shape (n, 3, 3)."""
    forward = target - position
    forward = forward / np.linalg.norm(forward, axis=1, keepdims=True)
    right = np.cross(forward, np.array([0.0, 1.0, 0.0]))
    right = right / np.linalg.norm(right, axis=1, keepdims=True)
    down = np.cross(forward, right)
    cos, sin = np.cos(roll), np.sin(roll)
    return np.stack([cos * right + sin * down, cos * down - sin * right, forward], axis=1)


def _draw_shake(n_frames: int, camera: Camera) -> np.ndarray:
    """Small rotations of a hand, shape (n_frames, 3, 3): slow sway more than fast tremor, 0.2 to 5 Hz."""
    rng = np.random.default_rng(camera.shake_seed)
    frequency = np.geomspace(0.2, 5.0, 12)
    size = 1.0 / frequency / np.sqrt((1.0 / frequency**2).sum())
    phase = rng.uniform(0, 2 * np.pi, (12, 3))
    time_s = np.arange(n_frames)[:, None, None] / camera.fps
    waves = np.sqrt(2.0) * size[:, None] * np.sin(2 * np.pi * frequency[:, None] * time_s + phase)
    return Rotation.from_rotvec(np.deg2rad(camera.shake_deg) * waves.sum(axis=1)).as_matrix()


def _resample(points: np.ndarray, time_in: np.ndarray, time_out: np.ndarray) -> np.ndarray:
    """Linear interpolation in time; NaN where a neighbour is NaN."""
    right = np.clip(np.searchsorted(time_in, time_out), 1, len(time_in) - 1)
    left = right - 1
    share = ((time_out - time_in[left]) / (time_in[right] - time_in[left]))[:, None, None]
    share = np.clip(share, 0.0, 1.0)
    low, high = points[left], points[right]
    mixed = (1 - share) * low + share * high
    mixed = np.where(share < 1e-9, low, mixed)
    return np.where(share > 1 - 1e-9, high, mixed)
