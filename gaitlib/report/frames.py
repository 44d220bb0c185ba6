"""Frames of a video in a report: the skeleton drawn on them, face and surroundings blurred."""

from __future__ import annotations

import base64

import numpy as np

from gaitlib.sense.film import Film
from gaitlib.sense.layouts import WALK_LAYOUT, convert_layout
from gaitlib.sense.video import iterate_frames

_PICTURES, _HEIGHT_PX = 7, 300
_LIMBS = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"), ("ankle", "toe"))
_COLOURS = {"r": (31, 95, 168), "l": (200, 100, 27)}


def cut_pictures(film: Film, answer, blur: bool = True) -> tuple[str, ...]:
    """Cut frames of the longest bout, half a step apart, with the skeleton; as data: addresses."""
    import cv2

    good = [bout for bout in answer.bouts if bout["status"] == "ok"]
    bout = max(good, key=lambda item: item["end_s"] - item["start_s"])
    time_s = film.keypoints["time"].values - film.keypoints["time"].values[0]
    points = convert_layout(film.keypoints, WALK_LAYOUT)["pixel_position"]
    step = answer.values["step_time_s"].value / 2
    wanted = 0.5 * (bout["start_s"] + bout["end_s"]) + step * (np.arange(_PICTURES) - _PICTURES // 2)
    rows = sorted({int(np.abs(time_s - moment).argmin()) for moment in wanted})
    shown = []
    for index, image in enumerate(iterate_frames(film.path, rows[0], float(time_s[rows[0]])), rows[0]):
        if index > rows[-1]:
            break
        if index not in rows:
            continue
        at = dict(zip(points["keypoint"].values, points.values[index], strict=True))
        picture = draw_person(image, at, blur)
        if picture is not None:
            data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
            shown.append("data:image/jpeg;base64," + base64.b64encode(data).decode())
    return tuple(shown)


def draw_person(image: np.ndarray, at: dict, blur: bool) -> np.ndarray | None:
    """The person with the skeleton; face and surroundings are blurred."""
    import cv2

    hips, shoulders = (0.5 * (at[f"{name}_r"] + at[f"{name}_l"]) for name in ("hip", "shoulder"))
    known = np.array([point for point in at.values() if np.isfinite(point).all()])
    if not np.isfinite([*hips, *shoulders]).all() or len(known) < 8:
        return None
    low, high = known.min(axis=0), known.max(axis=0)
    tall = float(high[1] - low[1])
    trunk = float(np.linalg.norm(shoulders - hips))
    face = np.nanmean([shoulders + 0.35 * (shoulders - hips), at["nose"]], axis=0)
    picture = image.copy()
    if blur:
        soft = cv2.GaussianBlur(image, (0, 0), max(0.05 * tall, 4.0))
        body = np.zeros(image.shape[:2], np.uint8)
        lines = [(f"{a}_{s}", f"{b}_{s}") for s in "rl" for a, b in (*_LIMBS, ("heel", "toe"))]
        for start, end in (*lines, ("shoulder_r", "hip_l"), ("shoulder_l", "hip_r")):
            if np.isfinite([at[start], at[end]]).all():
                cv2.line(body, _round(at[start]), _round(at[end]), 255, max(int(0.12 * tall), 3))
        share = cv2.GaussianBlur(body, (0, 0), max(0.012 * tall, 1.0))[..., None] / 255.0
        share *= cv2.circle(np.ones_like(body), _round(face), int(0.42 * trunk), 0, -1)[..., None]
        picture = (share * image + (1.0 - share) * soft).astype(np.uint8)
    width = max(int(tall / 300), 1) + 1
    for side, colour in _COLOURS.items():
        for start, end in _LIMBS:
            ends = at[f"{start}_{side}"], at[f"{end}_{side}"]
            if np.isfinite(ends).all():
                for tint, wide in (((255, 255, 255), width + 2), (colour, width)):
                    cv2.line(picture, _round(ends[0]), _round(ends[1]), tint, wide, cv2.LINE_AA)
    top, bottom = low[1] - 0.18 * tall, high[1] + 0.06 * tall
    half = 0.32 * (bottom - top)
    x = hips[0]
    corners = np.array([[x - half, top], [x + half, top], [x - half, bottom]], np.float32)
    size = (int(0.64 * _HEIGHT_PX), _HEIGHT_PX)
    frame = np.array([[0, 0], [size[0], 0], [0, size[1]]], np.float32)
    turn = cv2.getAffineTransform(corners, frame)
    return cv2.warpAffine(picture, turn, size, borderMode=cv2.BORDER_REPLICATE)


def _round(point) -> tuple[int, int]:
    return int(round(float(point[0]))), int(round(float(point[1])))
