"""From a gait to a person who walks through a room: `build_synthetic_walk`.

The gait gives the sagittal motion, a gait of the body in space all of it but arms and head. Strides are
strung together with stride-to-stride variability (Hausdorff et al. 1995, doi 10.1152/jappl.1995.78.1.349;
Hausdorff 2005, doi 10.1186/1743-0003-2-19), the joint curves may be varied, and the pelvis is carried along
so that the loaded foot does not slide: what the variation changes in the velocity of the loaded foot
relative to the pelvis is taken off the velocity of the pelvis. Where body size differs from that of the
simulated person, time scales with the square root of leg length (Hof 1996, doi
10.1016/0966-6362(95)01057-2). What a planar gait has out of the plane is drawn by
`gaitlib.generate.out_of_plane`, arms and head by `gaitlib.sense.trunk_and_arms`. The outcomes of a built
walk are computed from the walk itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import xarray as xr
from scipy.ndimage import gaussian_filter1d

from gaitlib.body.dimensions import Dimensions, compute_dimensions
from gaitlib.body.kinematics import PITCH_SEGMENTS, compute_pitch, compute_sagittal_points
from gaitlib.body.spatial_body import build_spatial_specification
from gaitlib.body.spatial_points import compute_spatial_points, measure_out_of_plane
from gaitlib.environment import SHIPPED
from gaitlib.errors import InputError
from gaitlib.gait import COORDINATES, N_PHASE, SIDES
from gaitlib.generate.out_of_plane import OutOfPlaneModel, SagittalGaits
from gaitlib.outcomes import compute_walk_outcomes
from gaitlib.person import Person, parse_person
from gaitlib.sense.trunk_and_arms import (
    BODY_POINTS,
    add_arms_and_head,
    move_trunk,
    place_beside,
    steady_pelvis,
)
from gaitlib.sense.walk_variation import (
    NO_VARIATION,
    WalkVariation,
    draw_phase,
    vary_angles,
    vary_proportions,
)
from gaitlib.walk import KEYPOINTS_3D, build_walk

_TX, _TY = COORDINATES.index("pelvis_tx"), COORDINATES.index("pelvis_ty")
_FOOT_POINTS = ("heel", "mtp", "toe")
_CONTACT_HEIGHT_M = 0.008
SHIPPED_OUT_OF_PLANE = Path("data") / "generator" / "out_of_plane.safetensors"
"""Relative to the root of the project."""


@dataclass(frozen=True)
class GaitCurves:
    """Gaits as plain arrays, ready to be strung together."""

    # (n_gait, 101, 13): Coordinates (rad, m), with the forward travel per stride (m) in place of pelvis_tx,
    # and last the share of load on the right foot (0-1)
    curves: np.ndarray
    stride_time_s: np.ndarray  # (n_gait,): Stride times (s)
    dimensions: tuple[Dimensions, ...]  # the bodies the gaits were simulated with
    persons: tuple[Person, ...]  # the persons the gaits were simulated for
    # of gaits of the body in space (101, 13, 3): how far `BODY_POINTS` are from where the sagittal
    # coordinates alone would have them (m); None for planar gaits
    aside: tuple[np.ndarray | None, ...]

    @property
    def sagittal(self) -> SagittalGaits:
        """What `gaitlib.generate.out_of_plane` draws from."""
        return SagittalGaits(self.curves[..., :-1], self.stride_time_s, self.dimensions, self.persons)

    def take(self, rows) -> GaitCurves:
        """Take some gaits."""
        parts = (tuple(part[n] for n in rows) for part in (self.dimensions, self.persons, self.aside))
        return GaitCurves(self.curves[rows], self.stride_time_s[rows], *parts)

    def join(self, other: GaitCurves) -> GaitCurves:
        """Put two sets together."""
        arrays = (np.concatenate([getattr(one, name) for one in (self, other)])
                  for name in ("curves", "stride_time_s"))  # fmt: skip
        lists = (getattr(self, name) + getattr(other, name) for name in ("dimensions", "persons", "aside"))
        return GaitCurves(*arrays, *lists)

    def select(self, index: int) -> GaitCurves:
        """Take one gait."""
        return self.take([index])


def prepare_gaits(gaits: xr.Dataset, persons: list[Person] | Person | None = None) -> GaitCurves:
    """Read the curves of a Gait or a gait set."""
    if "gait" not in gaits.dims:
        if persons is None and "person" not in gaits.attrs:
            raise InputError(
                "prepare_gaits: the Gait has no attribute 'person'; give the person as an argument."
            )
        persons = persons or parse_person(json.loads(gaits.attrs["person"]), "gait attribute person")
        gaits = gaits.expand_dims("gait")
    in_space = gaits.sizes["coordinate"] != len(COORDINATES)
    whole = gaits["position"].transpose("gait", "phase", "coordinate")
    position = whole.sel(coordinate=list(COORDINATES)).values
    n_gait = len(position)
    if persons is None:
        raise InputError("prepare_gaits: a gait set does not hold its persons; give one Person per gait.")
    persons = [persons] * n_gait if isinstance(persons, Person) else list(persons)
    if len(persons) != n_gait:
        raise InputError(
            f"prepare_gaits: found {len(persons)} persons for {n_gait} gaits; give one per gait."
        )
    dimensions = tuple(compute_dimensions(person) for person in persons)
    forces = gaits["ground_force"].transpose("gait", "phase", "foot", "axis").values[..., 1]
    curves = np.empty((n_gait, position.shape[1], position.shape[2] + 1))
    curves[..., :-1] = position
    curves[..., _TX] = np.gradient(position[..., _TX], 1.0 / (position.shape[1] - 1), axis=1)
    for index in range(n_gait):
        curves[index, :, -1] = _share_load(position[index], forces[index], dimensions[index])
    curves[:, [0, -1], _TX] = curves[:, [0, -1], _TX].mean(axis=1, keepdims=True)
    aside: tuple = (None,) * n_gait
    if in_space:
        everyone = zip(whole.values.astype(float), position, persons, dimensions, strict=True)
        aside = tuple(_find_aside(*own) for own in everyone)
    times = np.array(gaits["stride_time_s"].values, dtype=float)
    return GaitCurves(curves, times, dimensions, tuple(persons), aside)


def _find_aside(whole: np.ndarray, position: np.ndarray, person: Person, body: Dimensions) -> np.ndarray:
    """How far a body in space has its points from where the plane would have them; shape (101, 13, 3), m."""
    points = compute_spatial_points(build_spatial_specification(person).tree, whole, body)
    planar = compute_sagittal_points(position.astype(float), body)
    aside = np.stack([points[name] for name in BODY_POINTS], axis=1)
    aside[..., :2] -= np.stack([planar[source] for source in BODY_POINTS.values()], axis=1)
    return aside


def measure_beside(gaits: GaitCurves) -> np.ndarray:
    """Measure `gaitlib.body.spatial_points.OUT_OF_PLANE` of gaits of the body in space; (n, 101, 13)."""
    found = []
    for curves, body, aside in zip(gaits.curves, gaits.dimensions, gaits.aside, strict=True):
        planar = compute_sagittal_points(curves[:, :-1], body)
        points = {}
        for column, (name, source) in enumerate(BODY_POINTS.items()):
            points[name] = aside[:, column].copy()
            points[name][:, :2] += planar[source]
        points["mid_hip"] = 0.5 * (points["hip_r"] + points["hip_l"])
        found.append(measure_out_of_plane(points, body.height_m))
    return np.stack(found)


@cache
def load_out_of_plane() -> OutOfPlaneModel:
    """Load the model of what planar gaits lack that comes with the project."""
    return OutOfPlaneModel.load(SHIPPED / SHIPPED_OUT_OF_PLANE)


def build_synthetic_walk(
    gaits: xr.Dataset,
    person: Person | list[Person] | None,
    rng: np.random.Generator,
    n_strides: float | None = None,
    duration_s: float | None = None,
    fps: float = 60.0,
    variation: WalkVariation = NO_VARIATION,
    with_outcomes: bool = True,
    **attributes,
) -> xr.Dataset:
    """Build a full-body walk from one or several gaits, planar or of the body in space."""
    if n_strides is not None and duration_s is not None:
        raise InputError("build_synthetic_walk: give n_strides or duration_s, not both.")
    curves = prepare_gaits(gaits, person)
    if duration_s is None:
        duration_s = float((n_strides or 6.0) * np.mean(curves.stride_time_s))
    if duration_s < 0.9 * curves.stride_time_s.min() or fps < 15:
        raise InputError(
            f"build_synthetic_walk: duration {duration_s:.2f} s at {fps:g} fps; expected at least one stride "
            f"({curves.stride_time_s.min():.2f} s) and 15 fps."
        )
    motion = build_walk_motion(curves, rng, duration_s, fps, variation)
    walker = curves.persons[0]
    attrs = {"origin": "simulated", "dataset": "simulated", "walk_id": "walk", "person_id": "person"}
    attrs |= {"subgroup": "simulated", "height_m": walker.height_m, "age_years": walker.age_years}
    attrs |= {"sex": walker.sex, "mass_kg": walker.mass_kg, "fps": float(fps)} | attributes
    walk = build_walk(motion.time_s, motion.points, **attrs)
    walk["segment_pitch"] = (("time", "segment"), motion.pitch_rad, {"units": "rad"})
    walk = walk.assign_coords(segment=list(PITCH_SEGMENTS))
    if with_outcomes:
        walk.attrs["outcomes"] = json.dumps({k: float(v) for k, v in compute_walk_outcomes(walk).items()})
    return walk


@dataclass(frozen=True)
class WalkMotion:
    """A walk as plain arrays."""

    time_s: np.ndarray  # (n_time,): Time (s)
    points: np.ndarray  # (n_time, 19, 3): Positions of `gaitlib.walk.KEYPOINTS_3D` (m)
    # (n_time, 4): Sagittal rotation of `gaitlib.body.kinematics.PITCH_SEGMENTS` about z (rad), backwards
    # positive
    pitch_rad: np.ndarray


def build_walk_motion(
    gait: GaitCurves,
    rng: np.random.Generator,
    duration_s: float,
    fps: float,
    variation: WalkVariation = NO_VARIATION,
) -> WalkMotion:
    """Build the motion of a walk (array form of `build_synthetic_walk`)."""
    body = vary_proportions(gait.dimensions[0], rng, variation.proportion_spread)
    slower = np.sqrt(body.leg_length_m / gait.dimensions[0].leg_length_m)
    n_time = int(round(duration_s * fps)) + 1
    time_s = np.arange(n_time) / fps
    stride, phase, rate = draw_phase(gait.stride_time_s * slower, time_s, rng, variation)
    base = _interpolate_strides(gait.curves, stride, phase)
    base[:, -1] = np.clip(base[:, -1], 0.0, 1.0)
    angles = vary_angles(base[:, :-1], stride + phase, rng, variation)
    load = np.stack([base[:, -1], 1.0 - base[:, -1]], axis=1)
    points, forward, height = _carry_pelvis(base, angles, load, rate, fps, gait.dimensions[0], body)
    points = {name: value + np.stack([forward, height], axis=-1) for name, value in points.items()}
    space = _leave_plane(gait, points, body, stride, phase, rng)
    add_arms_and_head(space, points, body, stride + phase, rng)
    pitch = compute_pitch(angles)
    if variation.trunk_spread:
        pitch = steady_pelvis(pitch, rng, variation.trunk_spread)
        speed = (forward[-1] - forward[0]) / time_s[-1]
        space = move_trunk(space, stride + phase, speed, body.leg_length_m, rng, variation.trunk_spread)
    return WalkMotion(time_s, space, pitch)


def _leave_plane(gait: GaitCurves, points, body: Dimensions, stride, phase, rng) -> np.ndarray:
    """The 19 points of a walk but arms and head: as a gait in space has them, else drawn; (n_time, 19, 3)."""
    if any(own is None for own in gait.aside):
        aside = _interpolate_strides(load_out_of_plane().draw(gait.sagittal, rng), stride, phase)
        return place_beside(points, body, aside, stride + phase, rng)
    space = np.zeros((len(phase), len(KEYPOINTS_3D), 3))
    flat = np.stack(gait.aside).reshape(len(gait.aside), N_PHASE, -1)
    aside = _interpolate_strides(flat, stride, phase).reshape(len(phase), -1, 3)
    aside *= body.height_m / gait.dimensions[0].height_m
    for column, (name, source) in enumerate(BODY_POINTS.items()):
        target = space[:, KEYPOINTS_3D.index(name)]
        target[:] = aside[:, column]
        target[:, :2] += points[source]
    return space


def _carry_pelvis(base, angles, load, rate, fps, simulated: Dimensions, body: Dimensions):
    """Path of the pelvis such that the varied feet touch and leave the floor as the simulated ones did."""
    still = base[:, :-1].copy()
    still[:, [_TX, _TY]] = 0.0
    varied = angles.copy()
    varied[:, [_TX, _TY]] = 0.0
    points = compute_sagittal_points(varied, body)
    old = _weigh_contact(compute_sagittal_points(still, simulated), load, fps)
    new = _weigh_contact(points, load, fps)
    velocity = base[:, _TX] * rate + old[0] - new[0]
    height = base[:, _TY] + _smooth(old[1] - new[1], fps)
    forward = np.concatenate([[0.0], np.cumsum(0.5 * (velocity[1:] + velocity[:-1]))]) / fps
    return points, forward, height


def _weigh_contact(
    points: dict[str, np.ndarray], load: np.ndarray, fps: float
) -> tuple[np.ndarray, np.ndarray]:
    """Forward velocity and height of the loaded part of the feet, relative to the pelvis."""
    velocity, height = np.zeros(len(load)), np.zeros(len(load))
    for column, side in enumerate(SIDES):
        foot = np.stack([points[f"{name}_{side}"] for name in _FOOT_POINTS], axis=1)
        low = foot[..., 1].min(axis=1, keepdims=True)
        weight = np.exp(-(foot[..., 1] - low) / _CONTACT_HEIGHT_M)
        weight = weight / weight.sum(axis=1, keepdims=True)
        moving = np.gradient(foot[..., 0], 1.0 / fps, axis=0)
        velocity += load[:, column] * (weight * moving).sum(axis=1)
        height += load[:, column] * (weight * foot[..., 1]).sum(axis=1)
    return velocity, height


def _share_load(position: np.ndarray, force_n: np.ndarray, dimensions: Dimensions) -> np.ndarray:
    """Share of load on the right foot: from the ground force, or from foot heights where there is none."""
    total = force_n.sum(axis=1)
    if total.mean() > 50.0:
        share = np.clip(force_n[:, 0], 0, None) / np.clip(total, 0.05 * total.mean(), None)
        return np.clip(share, 0.0, 1.0)
    points = compute_sagittal_points(position, dimensions)
    low = [np.min([points[f"{name}_{side}"][:, 1] for name in _FOOT_POINTS], axis=0) for side in SIDES]
    return 1.0 / (1.0 + np.exp(np.clip((low[0] - low[1]) / _CONTACT_HEIGHT_M, -50, 50)))


def _interpolate_strides(curves: np.ndarray, stride: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """Curves over time, strides cross-faded over the last fifth; cubic, as a sensor would feel kinks."""
    n_gait, n_phase = curves.shape[:2]
    period = n_phase - 1
    place = phase * period
    left = np.minimum(place.astype(int), period - 1)
    t = (place - left)[:, None]
    weights = (
        t * (-0.5 + t * (1.0 - 0.5 * t)),
        1.0 + t * t * (1.5 * t - 2.5),
        t * (0.5 + t * (2.0 - 1.5 * t)),
        t * t * (0.5 * t - 0.5),
    )
    this = stride.astype(int) % n_gait

    def read(gait: np.ndarray) -> np.ndarray:
        return sum(w * curves[gait, (left + shift) % period] for shift, w in enumerate(weights, start=-1))

    values = read(this)
    if n_gait > 1:
        ramp = np.clip((phase - 0.8) / 0.2, 0, 1)[:, None]
        fade = ramp**2 * (3 - 2 * ramp)
        values = (1 - fade) * values + fade * read((this + 1) % n_gait)
    return values


def _smooth(values: np.ndarray, fps: float) -> np.ndarray:
    """Gaussian smoothing (30 ms) of a slowly changing correction."""
    return gaussian_filter1d(values, 0.03 * fps, mode="nearest")
