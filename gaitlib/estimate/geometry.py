"""A person who walks straight before a pinhole camera: what perspective alone tells of the speed.

Four levels of the body (middles of shoulders, hips, knees and ankles) move along one horizontal line at
constant speed; a fixed camera of unknown place, tilt, roll and, where it is not stated, focal length looks at
them (pinhole model; Hartley & Zisserman 2004, Multiple View Geometry, chapter 6). The unit of length is thigh
+ shank, anchored by the apparent length of the leg; levels are nearly free, as people crouch and stoop. The
most likely camera and path are found by Gauss-Newton with priors, outliers weighed down; the curvature at
the optimum tells how well each is known (Laplace approximation). Where the lens is not known, size change in
a front view leaves the speed as uncertain as the focal length, and the answer says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FOCAL_PRIOR = (float(np.log(0.78)), 0.3)
"""Mean and SD of the logarithm of the focal length over the longer side of the image: phones have 0.72 and
crop their videos; two SD are 32 to 98 degrees of view."""
_FOCAL_WITHOUT_IMAGE = (6.0, 0.5)  # times the apparent leg length, with the SD of its logarithm
_FOCAL_KNOWN_SD = 0.01
_BIN_S = 0.2
_MEMORY_S = 0.3  # errors of a detector are correlated for about so long
_SIGMA = np.array([0.035, 0.025, 0.06, 0.10])  # of shoulder, hip, knee, ankle about a straight line (legs)
_LENGTH_SIGMA = 0.05
_NAMES = ("focal", "tilt", "roll", "bearing", "depth", "across", "along", "below", "shoulder", "knee",
          "ankle", "shoulder_ahead", "knee_ahead", "ankle_ahead", "leg")  # fmt: skip
_AT = {name: n for n, name in enumerate(_NAMES)}
_START = {"shoulder": 0.60, "knee": -0.48, "ankle": -0.95}
_SPREAD = np.array([0.0, 0.17, 0.035, 1.5, 1.5, 3.0, 3.0, 1.5, 0.12, 0.08, 0.12, 0.12, 0.1, 0.1, 0.05])
_STATED = np.isin(_NAMES, ["focal", "depth", *_START]).astype(float)  # whose first guess is the prior mean
_SHORTER = -0.04  # logarithm of the apparent leg length seen along the path: legs are bent and inclined
_STEPS = 1e-4 * np.eye(len(_NAMES))
_ITERATIONS = 7


@dataclass(frozen=True)
class PinholeFit:
    """Camera and path; lengths in thigh + shank."""

    speed: float  # along the floor (legs/s)
    log_speed_sd: float  # standard deviation of its logarithm
    along: float  # component of the path's direction away from the camera, -1 to 1
    log_focal: float  # logarithm of focal length over its prior mean
    log_focal_sd: float
    tilt_rad: float  # downwards positive
    camera_height: float  # above the ankles (legs)
    shoulder: float  # height of the shoulders above the hips, of the hips above the ankles (legs)
    hip: float
    misfit: float  # RMS of what the path leaves over, in the errors expected of people (1)
    distance: float  # in the middle of the clip (legs)


def fit_pinhole(
    levels: np.ndarray,
    known: np.ndarray,
    inverse_scale: np.ndarray,
    leg_px: np.ndarray,
    fps: float,
    image_size_px: tuple[float, float] | None = None,
    focal_length_px: float | None = None,
) -> PinholeFit:
    """Fit camera and path to tracks of shoulders, hips, knees and ankles (n_time, 4, 2), px.

    `known` (n_time, 4) tells what was seen; `inverse_scale` is a first guess of legs per pixel, `leg_px` the
    apparent leg length, 0 where unknown (n_time).
    """
    typical = float(np.median(inverse_scale))
    size = np.array(image_size_px) if image_size_px else None
    centre = 0.5 * size if size is not None else levels[:, 1].mean(axis=0)
    if size is not None:
        prior, spread = float(size.max() * np.exp(FOCAL_PRIOR[0])), FOCAL_PRIOR[1]
    else:
        prior, spread = _FOCAL_WITHOUT_IMAGE[0] / typical, _FOCAL_WITHOUT_IMAGE[1]
    guess = np.log((focal_length_px or prior) / prior)
    spread = _FOCAL_KNOWN_SD if focal_length_px else spread
    n_bin = max(4, int(len(levels) / fps / _BIN_S))
    edges = np.linspace(0, len(levels), n_bin + 1).astype(int)
    count = np.add.reduceat(known.astype(float), edges[:-1], axis=0)
    seen = np.add.reduceat(np.where(known[..., None], levels - centre, 0.0), edges[:-1], axis=0)
    seen = seen / np.maximum(count, 1)[..., None] * typical
    legs = np.add.reduceat(leg_px, edges[:-1]) / np.maximum(np.add.reduceat(leg_px > 0, edges[:-1]), 1)
    time = (0.5 * (edges[:-1] + edges[1:] - 1) - 0.5 * (len(levels) - 1)) / fps
    weight = count / np.diff(edges)[:, None]
    trust = np.sqrt(np.concatenate([np.repeat((weight / _SIGMA**2)[..., None], 2, axis=-1).ravel(),
                                    (legs > 0) / _LENGTH_SIGMA**2]))  # fmt: skip
    trust *= np.sqrt(_BIN_S / _MEMORY_S)
    aim = np.concatenate([seen.ravel(), np.log(np.maximum(legs * typical, 0.05))])
    values = _start(inverse_scale, levels[:, 1] - centre, prior, guess, fps)
    mean = values * _STATED
    path = values[[_AT["across"], _AT["along"]]]
    mean[_AT["leg"]] = _SHORTER * path[1] ** 2 / max(path @ path, 1e-6)
    deviation = _SPREAD.copy()
    deviation[0] = spread
    focal0 = prior * typical
    for _ in range(_ITERATIONS):
        batch = _project(np.concatenate([values[None], values + _STEPS]), time, focal0)
        residual = aim - batch[0]
        jacobian = (batch[1:] - batch[0]) / 1e-4
        scaled = residual * trust
        robust = 1.0 / np.sqrt(1.0 + (scaled / 3.0) ** 2)
        weighted = jacobian * (trust * robust) ** 2
        normal = weighted @ jacobian.T + np.diag(deviation**-2.0)
        step = np.linalg.solve(normal, weighted @ residual + (mean - values) / deviation**2)
        limit = np.abs(step[[_AT["focal"], _AT["tilt"], _AT["depth"]]]).max()
        values = values + step * min(1.0, 0.5 / max(limit, 1e-9))
        if np.abs(step).max() < 2e-3:
            break
    covariance = np.linalg.inv(normal)
    used = trust > 0
    misfit = float(np.sqrt(np.mean((scaled * robust)[used] ** 2) * _MEMORY_S / _BIN_S))
    across, along = values[_AT["across"]], values[_AT["along"]]
    speed = float(np.hypot(across, along))
    slope = np.zeros(len(_NAMES))
    slope[[_AT["across"], _AT["along"]]] = np.array([across, along]) / max(speed, 0.05) ** 2
    sd = np.sqrt(max(slope @ covariance @ slope, 1e-8)) * max(misfit, 0.7)
    hip = -values[_AT["ankle"]]
    return PinholeFit(
        speed, float(sd), along / max(speed, 1e-6), float(values[0]), float(np.sqrt(covariance[0, 0])),
        float(values[_AT["tilt"]]), hip + float(values[_AT["below"]]), float(values[_AT["shoulder"]]),
        float(hip), misfit, float(np.exp(values[_AT["depth"]])),
    )  # fmt: skip


def _start(inverse_scale, hips, prior: float, guess: float, fps: float) -> np.ndarray:
    """First guess from a level camera."""
    values = np.zeros(len(_NAMES))
    time = (np.arange(len(hips)) - 0.5 * (len(hips) - 1)) / fps
    moving = time / max(time @ time, 1e-9)
    focal, path = prior * np.exp(guess), hips * inverse_scale[:, None]
    found = {
        "focal": guess, "depth": np.log(focal * inverse_scale.mean()), "bearing": path[:, 0].mean(),
        "across": moving @ path[:, 0], "along": focal * (moving @ inverse_scale), "below": path[:, 1].mean(),
    } | _START  # fmt: skip
    for name, value in found.items():
        values[_AT[name]] = value
    return values


def _project(values: np.ndarray, time: np.ndarray, focal0: float) -> np.ndarray:
    """Predict images (in legs at typical depth) and logarithms of the leg length, for rows of parameters."""
    get = {name: values[:, n, None, None] for name, n in _AT.items()}
    speed = np.sqrt(get["across"] ** 2 + get["along"] ** 2 + 0.01)
    zero = np.zeros_like(values[:, 0])
    ahead = np.stack([values[:, _AT["shoulder_ahead"]], zero, values[:, _AT["knee_ahead"]],
                      values[:, _AT["ankle_ahead"]]], axis=1)[:, None]  # fmt: skip
    above = np.stack([values[:, _AT[n]] if n else zero for n in ("shoulder", "", "knee", "ankle")], axis=1)
    t = time[None, :, None]
    x = get["bearing"] + get["across"] * t + ahead * get["across"] / speed
    z = np.exp(get["depth"]) + get["along"] * t + ahead * get["along"] / speed
    y = np.broadcast_to(get["below"] - above[:, None], x.shape)
    cos, sin = np.cos(get["tilt"]), np.sin(get["tilt"])
    depth = np.maximum(z * cos + y * sin, 0.3)
    down = y * cos - z * sin
    focal = focal0 * np.exp(get["focal"])
    u, v = focal * x / depth, focal * down / depth
    cos, sin = np.cos(get["roll"]), np.sin(get["roll"])
    image = np.stack([cos * u - sin * v, sin * u + cos * v], axis=-1)
    length = np.log(focal / depth[..., 1:2])[..., 0] + get["leg"][..., 0]
    return np.concatenate([image.reshape(len(values), -1), length], axis=1)
