"""Outcomes of the legs, read off their angles as a camera beside the path sees them.

1. The points of the clip, in leg lengths, give thigh, knee, ankle and sole of both legs in the image plane;
   their mean over the strides is what is seen.
2. What is seen is too smooth and off: frames blur, one leg hides the other, detectors put joints elsewhere.
   So it is compared with what was seen of simulated people whose truth is known: kernel ridge regression
   (Saunders et al. 1998), made by `gaitlib.estimate.leg_training`.
3. The half width of an interval is the quantile of the errors on other simulated people, cameras, bodies and
   detectors (split-conformal, Lei et al. 2018, doi 10.1080/01621459.2017.1307116).

From far off the side, or where nothing like it was simulated, legs are not read. A layout without heels and
toes tells the knee alone.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gaitlib.environment import SHIPPED
from gaitlib.errors import InputError
from gaitlib.estimate.features import COMMON_FPS, SIDE_FEATURES, ClipFeatures
from gaitlib.estimate.input_kind import DIRECTIONS, KEYPOINTS, name_group
from gaitlib.estimate.targets import Value
from gaitlib.events import detect_events_from_curves
from gaitlib.generate.weights_file import WeightsForm, read_weights, write_weights
from gaitlib.outcomes import OUTCOMES, compute_leg_curves
from gaitlib.walk import KEYPOINTS_3D

SEEN_ANGLES = ("thigh", "knee", "ankle", "foot")
LEG_UNITS = {name: OUTCOMES[name].unit for name in ("knee_range_deg", "knee_flexion_peak_deg",
             "foot_strike_angle_deg")} | {"sagittal_deviation_index": "points"}  # fmt: skip
"""Outcome -> unit; the last two need heels and toes. The index is 100 in healthy simulated people, 10 points
are one standard deviation (`gaitlib.estimate.leg_training.score_legs`)."""
OF_THE_KNEE = 2
SHIPPED_READER = Path("data") / "estimator" / "legs.safetensors"
"""Relative to the root of the project."""
FORM = WeightsForm("leg reader", "about", "{name}{shape}", {"kind": "gaitlib-legs", "version": "1"})
NARROWNESS = 0.3
_EACH = 5
_MIN_SEEN = 0.6
_FARTHEST = 5.0
_MEASURES = [
    n for n, name in enumerate(SIDE_FEATURES) if not re.match("image|focal_known|age|view|height_", name)
]


def compute_seen_angles(features: ClipFeatures) -> np.ndarray | None:
    """Mean angles in the image plane, (4, 2, 101), degrees; None where a leg shows no whole stride.

    As in the features: the person walks to the right, so the first leg is the nearer one, which is the left
    one of a person whose clip was mirrored.
    """
    n = len(KEYPOINTS_3D)
    place = features.sequence[: 2 * n].T.reshape(-1, n, 2) * [1.0, -1.0]
    known = features.sequence[4 * n : 5 * n].T > 0.5
    points = {name: _fill(place[:, k], known[:, k]) for k, name in enumerate(KEYPOINTS_3D)}
    heel = "heel" if all(np.isfinite(points[f"heel_{side}"]).all() for side in "rl") else "ankle"
    ahead, behind = (
        np.stack([points[f"{name}_{side}"][:, 0] for side in "rl"], axis=1) for name in (heel, "toe")
    )
    time_s = np.arange(len(place)) / COMMON_FPS
    try:
        toes = behind if np.isfinite(behind).all() else None
        events = detect_events_from_curves(time_s, ahead, toes, with_landing=heel == "heel")
    except InputError:
        return None
    found = compute_leg_curves(time_s, points, events)
    curves = np.stack([found[name] for name in SEEN_ANGLES])
    return curves if np.isfinite(curves[:2]).all() else None


def _fill(path: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Fill gaps of a point that is known for most of the time; NaN throughout if it is not."""
    if known.mean() < _MIN_SEEN:
        return np.full(path.shape, np.nan)
    frames = np.arange(len(path))
    return np.stack([np.interp(frames, frames[known], axis[known]) for axis in path.T], axis=1)


def sees_soles(seen: np.ndarray) -> bool:
    """Say whether heels and toes are known."""
    return bool(np.isfinite(seen[3]).all())


def describe_legs(seen: np.ndarray, features: ClipFeatures) -> np.ndarray:
    """What the regression reads of a clip: some points of the angles, and measures of the whole clip."""
    rows = [0, 1, 3] if sees_soles(seen) else [0, 1]
    return np.concatenate([seen[rows][..., ::_EACH].ravel(), features.side[_MEASURES]])


def compare_legs(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Likeness (0-1) of standardised descriptions to others."""
    square = (some**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * some @ others.T
    return np.exp(-NARROWNESS * square.clip(0.0) / some.shape[1])


@dataclass(frozen=True)
class LegTable:
    """Simulated clips that others are compared with."""

    mean: np.ndarray  # (n_measure,): of what is read
    spread: np.ndarray
    clips: np.ndarray  # (n_clip, n_measure): standardised
    weights: np.ndarray  # (n_clip, n_outcome)
    usual: np.ndarray  # (n_outcome,): answer where no clip is like it
    half_width: np.ndarray  # (n_outcome,): of the interval
    least: np.ndarray  # (1,): likeness to the likest clip below which nothing is read

    def answer(self, measures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Outcomes (n, n_outcome) of clips, and how like the likest clip each is (n,)."""
        standard = np.clip((measures - self.mean) / self.spread, -_FARTHEST, _FARTHEST)
        like = compare_legs(standard, self.clips.astype(float))
        return self.usual + like @ self.weights, like.max(axis=1)


@dataclass(frozen=True)
class LegReader:
    """Outcomes of the legs, each with an interval."""

    tables: dict[str, LegTable]  # 'sole' and 'knee': with and without heels and toes
    about: dict  # what it learned from

    def read(self, features: ClipFeatures) -> dict[str, Value]:
        """Read the outcomes of a clip; empty where the view does not tell them."""
        if features.problem or not is_beside(features):
            return {}
        seen = compute_seen_angles(features)
        if seen is None:
            return {}
        table = self.tables["sole" if sees_soles(seen) else "knee"]
        (values,), (like,) = table.answer(describe_legs(seen, features)[None])
        if like < table.least[0]:
            return {}
        found = zip(list(LEG_UNITS.items())[: len(values)], values, table.half_width, strict=True)
        return {
            name: Value(float(value), float(value - half), float(value + half), unit)
            for (name, unit), value, half in found
        }

    def save(self, path: str | Path) -> Path:
        """Write to one safetensors file."""
        tensors = {
            f"{key}.{n}": value for key, table in self.tables.items() for n, value in vars(table).items()
        }
        return write_weights(path, FORM, tensors, self.about)

    @classmethod
    def load(cls, path: str | Path) -> LegReader:
        """Read what `save` wrote."""
        tensors, about = read_weights(path, FORM)
        tables: dict[str, dict] = {}
        for name, value in tensors.items():
            key, part = name.split(".")
            tables.setdefault(key, {})[part] = value
        return cls({key: LegTable(**parts) for key, parts in tables.items()}, about)


def is_beside(features: ClipFeatures) -> bool:
    """Say whether the camera stands near the side of the path, as seen and, where it is, as stated."""
    stated = abs(float(features.side[SIDE_FEATURES.index("view_along")]))
    return name_group(KEYPOINTS, features) == "across" and stated < DIRECTIONS["between"]


@functools.cache
def load_shipped_reader() -> LegReader:
    """Load the reader that comes with the project."""
    return LegReader.load(SHIPPED / SHIPPED_READER)
