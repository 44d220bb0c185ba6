"""Draws a simulated walker as a coloured figure, so that a video needs no real person."""

from __future__ import annotations

import numpy as np
from sense_toys import make_library_walk

from gaitlib.sense.camera import build_camera, project_walk

SIZE = (480, 640)
_SKIN, _TROUSERS, _SHIRT, _SHOE, _HAIR = (
    (120, 160, 210),
    (90, 60, 40),
    (60, 60, 170),
    (30, 30, 30),
    (30, 40, 50),
)


def film_walk(view="oblique", duration_s=2.0, fps=30.0):
    """Image keypoints (layout walk19) of a simulated walk in a small picture."""
    changes = {
        "distance_m": 4.0,
        "focal_length_px": 480.0,
        "image_width_px": SIZE[1],
        "image_height_px": SIZE[0],
    }
    walk = make_library_walk(duration_s=duration_s, fps=60.0)
    return project_walk(walk, build_camera(view, fps=fps, **changes), "walk19")


def draw_frame(keypoints, frame, image=None, far_shade=1.0):
    """One frame as BGR picture; the left side first, as it is far from the camera, and darker."""
    import cv2

    if image is None:
        image = np.full((*SIZE, 3), 200, np.uint8)
        image[330:] = 120
    at = {
        str(name): keypoints["pixel_position"].sel(keypoint=name).values[frame]
        for name in keypoints["keypoint"].values
    }
    hips, shoulders = (0.5 * (at[f"{name}_r"] + at[f"{name}_l"]) for name in ("hip", "shoulder"))
    size = np.linalg.norm(at["neck"] - hips)
    for side in ("l", "r"):
        get = {name[:-2]: at[name] for name in at if name.endswith(f"_{side}")}
        shade = far_shade if side == "l" else 1.0
        shirt, skin, trousers, shoe = (tuple(shade * v for v in c) for c in (_SHIRT, _SKIN, _TROUSERS, _SHOE))
        _draw_limb(image, get["shoulder"], get["elbow"], size * 0.09, size * 0.07, shirt)
        _draw_limb(
            image, get["elbow"], 1.15 * get["wrist"] - 0.15 * get["elbow"], size * 0.06, size * 0.06, skin
        )
        _draw_limb(image, get["hip"], get["knee"], size * 0.15, size * 0.11, trousers)
        _draw_limb(image, get["knee"], get["ankle"], size * 0.1, size * 0.06, trousers)
        _draw_limb(image, get["heel"], get["toe"], size * 0.05, size * 0.04, shoe)
    _draw_limb(image, shoulders, hips, size * 0.2, size * 0.2, _SHIRT)
    face = 0.55 * at["head_top"] + 0.45 * at["neck"]
    _draw_limb(image, at["neck"], face, size * 0.08, size * 0.08, _SKIN)
    place, width = _round(face), int(size * 0.16)
    cv2.ellipse(image, place, (width, int(size * 0.22)), 0, 0, 360, _SKIN, -1, cv2.LINE_AA)
    cv2.ellipse(image, _round(face - [0, size * 0.08]), (width, int(size * 0.15)), 0, 180, 360, _HAIR, -1)
    for eye in (-1, 1):
        cv2.circle(image, _round(face + [eye * size * 0.06, 0]), 2, (20, 20, 20), -1)
    return image


def write_video(path, frames, fps=30.0):
    """Write BGR frames as Motion JPEG."""
    import cv2

    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), fps, SIZE[::-1])
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path


def frame_video(walk, view="side", size=(1280, 720), focal_px=1100.0, distance_m=7.5, fps=30.0):
    """Image keypoints of a walk (layout walk19) from when it is in the picture until it leaves it."""
    shape = {"image_width_px": size[0], "image_height_px": size[1], "focal_length_px": focal_px}
    points = project_walk(walk, build_camera(view, fps=fps, distance_m=distance_m, **shape), "walk19")
    places = points["pixel_position"].values
    inside = np.flatnonzero(((places > 5) & (places < np.array(size) - 5)).all(axis=(1, 2)))
    return points.isel(time=inside).assign_coords(time=np.arange(len(inside)) / fps)


def film_video(path, walk, view="side", size=(1280, 720), focal_px=1100.0, distance_m=7.5, fps=30.0, times=1):
    """Draw such a walk in a room, as often as asked."""
    import cv2

    points = frame_video(walk, view, size, focal_px, distance_m, fps)
    code = "MJPG" if path.suffix == ".avi" else "mp4v"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*code), fps, size)
    for n in [*range(points.sizes["time"])] * times:
        image = np.full((size[1], size[0], 3), 205, np.uint8)
        image[int(0.62 * size[1]) :] = 135
        writer.write(draw_frame(points, n, image, far_shade=0.6))
    writer.release()
    return path


def _draw_limb(image, start, end, width, end_width, colour):
    import cv2

    along = (end - start) / max(np.linalg.norm(end - start), 1e-6)
    across = np.array([-along[1], along[0]])
    outline = [
        start + across * width,
        end + across * end_width,
        end - across * end_width,
        start - across * width,
    ]
    cv2.fillPoly(image, [np.array(outline).astype(np.int32)], colour, cv2.LINE_AA)
    for point, radius in ((start, width), (end, end_width)):
        cv2.circle(image, _round(point), max(int(radius), 1), colour, -1, cv2.LINE_AA)


def _round(point):
    return tuple(int(value) for value in point)
