"""What an estimator reads: image keypoints, inertial sensors or insoles. One network family serves all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaitlib.errors import InputError
from gaitlib.estimate.features import N_CHANNELS, SIDE_FEATURES, ClipFeatures
from gaitlib.estimate.inertial_features import (
    INERTIAL_FEATURES,
    LIMB_SITES,
    N_INERTIAL_CHANNELS,
    SITES,
    lacks_gyroscope,
)
from gaitlib.estimate.insole_features import INSOLE_FEATURES, INSOLE_SITES, N_INSOLE_CHANNELS
from gaitlib.sense.noise import find_partner
from gaitlib.walk import KEYPOINTS_3D

_SAID = ("height_known", "log_height", "age_known", "age", "view_known", "view_across", "view_along",
         "image_known", "focal_known", "log_focal", "focal_sd", "duration", "valid_share", "sensors",
         "mass_known", "bmi", "strapped")  # fmt: skip


@dataclass(frozen=True)
class InputKind:
    """A kind of input."""

    name: str  # 'keypoints', 'inertial' or 'insole'
    n_channels: int  # per sequence
    side: tuple[str, ...]  # names of `ClipFeatures.side`
    sites: tuple[str, ...]  # where sequences may come from

    @property
    def watched(self) -> list[int]:
        """Measures that tell whether a clip is like those of training: all but what is merely stated."""
        return [n for n, name in enumerate(self.side) if name not in _SAID]


KEYPOINTS = InputKind("keypoints", N_CHANNELS, SIDE_FEATURES, ("image",))
INERTIAL = InputKind("inertial", N_INERTIAL_CHANNELS, INERTIAL_FEATURES, SITES)
INSOLE = InputKind("insole", N_INSOLE_CHANNELS, INSOLE_FEATURES, INSOLE_SITES)
_KINDS = {kind.name: kind for kind in (KEYPOINTS, INERTIAL, INSOLE)}


def get_kind(name: str) -> InputKind:
    """Get a kind of input by its name."""
    if name not in _KINDS:
        raise InputError(f"estimator input: found '{name}', expected one of {', '.join(_KINDS)}.")
    return _KINDS[name]


def name_group(kind: InputKind, features: ClipFeatures) -> str:
    """Name the group of a clip: direction of view as perspective tells it, or site, left and right alike."""
    if kind.name == KEYPOINTS.name:
        along = abs(float(features.side[_ALONG]))
        return next(name for name, least in DIRECTIONS.items() if along >= least)
    if len(kind.sites) == 1:
        return kind.sites[0]
    if lacks_gyroscope(features.side):  # few enough clips that sites are calibrated together
        return "accelerometer alone"
    if len(features.sites) > 1:
        return "several"
    name = kind.sites[int(features.sites[0])]
    return name[:-2] if name[:-2] in LIMB_SITES else name


def mirror_features(kind: InputKind, features: ClipFeatures) -> ClipFeatures:
    """Mirror a clip: as seen in a mirror, left and right exchanged."""
    turned = not features.mirrored
    if kind.name == INSOLE.name:  # feet are read alike: in a mirror their order changes, nothing else
        return ClipFeatures(features.sequence[::-1], features.side, features.problem, turned, features.sites)
    if kind.name == INERTIAL.name:
        sites = np.array([_swap_site(site) for site in features.sites])
        return ClipFeatures(features.sequence, features.side, features.problem, turned, sites)
    side = features.side.copy()
    side[_TURNED] *= -1
    sequence = features.sequence[_ORDER] * _SIGN[:, None]
    return ClipFeatures(sequence, side, features.problem, turned, features.sites)


_ALONG = SIDE_FEATURES.index("along")
DIRECTIONS = {"along": 0.85, "between": 0.4, "across": 0.0}
"""Group of clips of a camera -> least component of the path along the view."""


def _swap_site(site: int) -> int:
    name = SITES[site]
    return SITES.index(name[:-1] + ("l" if name[-1] == "r" else "r")) if name[:-2] in LIMB_SITES else site


def _mirror_order() -> tuple[np.ndarray, np.ndarray]:
    """Channel order and signs of the mirrored image (left and right exchanged, u turned)."""
    partner = find_partner(list(KEYPOINTS_3D))
    pairs = np.stack([2 * partner, 2 * partner + 1], axis=1).ravel()
    n = 2 * len(partner)
    order = np.concatenate([pairs, n + pairs, 2 * n + partner, 2 * n + len(partner) + np.arange(3)])
    sign = np.concatenate([np.tile([-1.0, 1.0], 2 * len(partner)), np.ones(len(partner)), [-1.0, 1.0, 1.0]])
    return order, sign.astype(np.float32)


_ORDER, _SIGN = _mirror_order()
_TURNED = [SIDE_FEATURES.index("lateral_speed"), SIDE_FEATURES.index("stance_speed")]
