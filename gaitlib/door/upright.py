"""Which way is up: pictures that are turned, have v upwards, are mirrored, normalised or of another size."""

from __future__ import annotations

import numpy as np

from gaitlib.door.bouts import trace_legs
from gaitlib.door.recording import LEGS, POINT, Recording
from gaitlib.errors import InputError

_UPPER = [POINT[name] for name in ("nose", "head_top", "neck", "shoulder_r", "shoulder_l")]
_HIPS = [POINT["hip_r"], POINT["hip_l"]]
_ANKLES = [POINT["ankle_r"], POINT["ankle_l"]]
_CLEAR = 0.80
_SIDE_ON, _SWINGING = 0.085, 0.008
_NARROW, _WIDE = 2.2, 0.5
"""No simulated walk seen from the side (hips apart, share of the leg) looks narrower (247 clips of training);
one of 15 looks wider, so that is asked only where coordinates were scaled."""


def scale_picture(recording: Recording) -> Recording:
    """Turn coordinates between 0 and 1 into pixels, and check the stated image size."""
    place = recording.values[..., :2]
    known = place[np.isfinite(place).all(axis=-1)]
    if len(known) == 0:
        raise InputError(f"{recording.source}: no point is known in any frame.")
    low, high = np.quantile(known, [0.02, 0.98], axis=0)
    size = recording.image_size_px
    if (high <= 2.0).all() and (low >= -1.0).all():
        if size is None:
            raise InputError(
                f"{recording.source}: coordinates between 0 and 1, as MediaPipe gives them; their width and "
                "height differ in scale: give the size of the image in pixels (--image-size WIDTH HEIGHT)."
            )
        values = recording.values.copy()
        values[..., :2] *= size
        return recording.change(
            f"coordinates between 0 and 1 were scaled to {size[0]:g} x {size[1]:g} px",
            values=values,
            facts=recording.facts | {"scaled": True},
        )
    if low.min() >= 0 and high.max() <= 100 and (high - low).max() > 25 and (size is None or max(size) > 200):
        raise InputError(
            f"{recording.source}: coordinates between 0 and 100: per cent of the picture? Their width and "
            "height differ in scale; give pixels, or 0 to 1 with --image-size WIDTH HEIGHT."
        )
    if (high - low).max() < 25:
        raise InputError(
            f"{recording.source}: the person moves over {(high - low).max():.3g} units only: neither "
            f"pixels nor 0 to 1."
        )
    if size is not None:
        outside = ((known > 1.02 * np.array(size)) | (known < -0.02 * np.array(size))).any(axis=1).mean()
        turned = (known > 1.02 * np.array(size)[::-1]).any(axis=1).mean()
        if outside > 0.05 and turned < 0.005:
            return recording.change(
                f"points fit a picture of {size[1]:g} x {size[0]:g} px, not {size[0]:g} x {size[1]:g}: "
                f"the sides were exchanged",
                image_size_px=(size[1], size[0]),
            )
        if outside > 0.05:
            return recording.change(
                f"{outside:.0%} of the points lie outside the stated image of {size[0]:g} x {size[1]:g} "
                f"px: the size was not used",
                image_size_px=None,
            )
    return recording


def check_proportions(recording: Recording) -> None:
    """Refuse a side view whose legs change length in swing (dy^2 = L^2 - dx^2 / s^2: scale of x is s)."""
    values = recording.values
    scale = trace_legs(values, recording.facts["fps"]).scale
    squares = ((np.diff(values[:, LEGS, :2], axis=2) / scale[:, None, None, None]) ** 2).reshape(
        len(values), 4, 2
    )
    off = squares - np.nanmean(squares, axis=0)
    spread = float(np.nanmean(off[..., 0] ** 2))
    apart = np.nanmedian(np.abs(np.diff(values[:, _HIPS, 0], axis=1)[:, 0]) / scale)
    least = 0.3 * _SWINGING if "scaled" in recording.facts else _SWINGING
    if not (spread > least**2 and apart < _SIDE_ON):
        return
    slope = -float(np.nanmean(off[..., 0] * off[..., 1])) / spread
    if slope > _NARROW or ("scaled" in recording.facts and slope < _WIDE):
        word = "narrow" if slope > 1 else "wide"
        raise InputError(
            f"{recording.source}: the body is drawn too {word}: its legs change their lengths as they swing, "
            "as where width and height are not in one scale (per cent of the picture, 0 to 1, or a wrong "
            "--image-size); give pixels, or the right --image-size WIDTH HEIGHT."
        )


_TURNS = {
    "left": ([[0, 1], [-1, 0]], "the picture was turned by 90 degrees; turned upright"),
    "right": ([[0, -1], [1, 0]], "the picture was turned by 90 degrees; turned upright"),
    "up": ([[1, 0], [0, -1]], "v pointed upwards, or the picture was upside down; turned upright"),
}
"""What brings a body whose feet point there to stand. A flip in place of a half turn exchanges the sides of
the body, which changes neither speed nor steps; v upwards is the usual reason."""
_TILT_DEG = 15.0


def turn_upright(recording: Recording) -> Recording:
    """Turn the picture by quarter turns, or flip it, so that the person stands; (time, 19, 3)."""
    place = recording.values[..., :2]
    hips, ankles, top = (np.nanmean(place[:, rows], axis=1) for rows in (_HIPS, _ANKLES, _UPPER))
    legs = ankles - hips
    down = ankles - top if np.isfinite(top).all(axis=1).mean() > 0.3 else legs
    axis, own = _vote(down), _vote(legs)
    if axis is None or own is None or axis != own:
        raise InputError(
            f"{recording.source}: head, hips and ankles do not follow each other in one direction, as in a "
            "standing body; is the order of the points right (--layout), and does the person stand?"
        )
    notes, turn = [], np.eye(2)
    if axis != "down":
        matrix, note = _TURNS[axis]
        turn = np.array(matrix, dtype=float)
        notes.append(note)
    usual = np.nanmedian(legs @ turn.T, axis=0)
    tilt = float(np.degrees(np.arctan2(usual[0], usual[1])))
    if abs(tilt) > _TILT_DEG:
        sin, cos = np.sin(np.radians(tilt)), np.cos(np.radians(tilt))
        turn = np.array([[cos, -sin], [sin, cos]]) @ turn
        notes.append(f"the picture was tilted by {tilt:.0f} degrees; turned upright")
    if not notes:
        return recording
    values, size = recording.values.copy(), recording.image_size_px
    values[..., :2] = place @ turn.T
    if size is not None:  # the corners of the picture stay its corners
        corners = np.array([[0, 0], [size[0], 0], [0, size[1]], size]) @ turn.T
        values[..., :2] -= corners.min(axis=0)
        size = tuple(float(side) for side in np.ptp(corners, axis=0))
    else:
        values[..., :2] -= np.nanmin(values[..., :2].reshape(-1, 2), axis=0)
    return recording.change(*notes, values=values, image_size_px=size)


def _vote(vectors: np.ndarray) -> str | None:
    """Direction of the picture to which vectors point in most frames; None if there is none."""
    known = vectors[np.isfinite(vectors).all(axis=1)]
    if len(known) == 0:
        return None
    along_v = np.abs(known[:, 1]) > np.abs(known[:, 0])
    first, second = (
        np.where(known[:, n] > 0, *ends) for n, ends in ((1, ("down", "up")), (0, ("right", "left")))
    )
    names, counts = np.unique(np.where(along_v, first, second), return_counts=True)
    return str(names[np.argmax(counts)]) if counts.max() >= _CLEAR * len(known) else None
