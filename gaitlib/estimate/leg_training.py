"""Learn to read legs (`gaitlib.estimate.seen_legs`) from simulated people seen from beside their path."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.errors import WorkError
from gaitlib.estimate.clip_sampler import (
    WALK_FPS,
    GaitPool,
    SamplerConfig,
    VariedWalk,
    build_pool,
    build_varied_walk,
    detect,
    draw_camera,
)
from gaitlib.estimate.features import ClipFeatures, SideInformation, compute_features_from_arrays
from gaitlib.estimate.seen_legs import (
    LEG_UNITS,
    OF_THE_KNEE,
    SEEN_ANGLES,
    LegReader,
    LegTable,
    compare_legs,
    compute_seen_angles,
    describe_legs,
    is_beside,
    sees_soles,
)
from gaitlib.estimate.shifts import SHIFTS, shift_sampler
from gaitlib.estimate.synthetic_training import list_persons, split_people
from gaitlib.events import build_event_table
from gaitlib.gait import SIDES
from gaitlib.generate.learnable_gaits import select_verified
from gaitlib.outcomes import compute_leg_curves
from gaitlib.sense.camera import project_points
from gaitlib.sense.noise import apply_definition_bias
from gaitlib.simulate.library import hash_gaits
from gaitlib.walk import KEYPOINTS_3D

BESIDE = SamplerConfig(duration_s=(3.0, 7.0), views=(("side", 0.8), ("any", 0.2)), clips_per_walk=2)
"""Cameras beside the path; of those anywhere, the ones that turn out to stand beside it count."""
PENALTY, _KINDS = 0.3, ("sole", "knee")
_HIPS = [KEYPOINTS_3D.index(f"hip_{side}") for side in SIDES]


@dataclass(frozen=True)
class LegClip:
    """One clip of legs."""

    features: ClipFeatures
    seen: np.ndarray  # (4, 2, 101): `compute_seen_angles`, nearer leg first
    true: np.ndarray  # (4, 2, 101): the same angles of the walk itself
    gait: int  # which gait it came from


def sample_leg_clips(
    pool: GaitPool, n_clips: int, rng: np.random.Generator, config: SamplerConfig = BESIDE
) -> list[LegClip]:
    """Sample clips whose legs can be read, with their true angles."""
    clips: list[LegClip] = []
    for _ in range(20 * n_clips):
        index = pool.draw(rng)
        walk = build_varied_walk(pool.curves.select(index), rng, config)
        true = None if walk is None else measure_true_angles(walk)
        for _ in range(config.clips_per_walk if true is not None else 0):
            features = _film(walk, rng, config)
            seen = compute_seen_angles(features) if features and is_beside(features) else None
            if seen is not None and len(clips) < n_clips:
                clips.append(LegClip(features, seen, true[:, ::-1] if features.mirrored else true, index))
        if len(clips) >= n_clips:
            return clips
    raise WorkError(f"sample_leg_clips: only {len(clips)} of {n_clips} clips could be used.")


def measure_true_angles(walk: VariedWalk) -> np.ndarray | None:
    """Mean angles of a walk itself, right leg first; None without a whole stride of each leg."""
    events = walk.events
    rows = [(SIDES[foot], "initial_contact", moment)
            for moment, foot in zip(events.contact_s, events.foot, strict=True)]  # fmt: skip
    points = {name: walk.points[:, n, :2] for n, name in enumerate(KEYPOINTS_3D)}
    found = compute_leg_curves(walk.time_s, points, build_event_table(rows))
    curves = np.stack([found[name] for name in SEEN_ANGLES])
    return curves if np.isfinite(curves).all() else None


def _film(walk: VariedWalk, rng, config: SamplerConfig) -> ClipFeatures | None:
    """One camera, one window, one detector; None if nothing can be read."""
    duration = rng.uniform(*config.duration_s)
    first = int(rng.uniform(0.0, walk.time_s[-1] - duration) * WALK_FPS)
    window = walk.points[first : first + int(duration * WALK_FPS) + 1]
    bias = config.errors.definition_bias_m * rng.uniform(0, 1.5)
    marked = apply_definition_bias(window, KEYPOINTS_3D, walk.height_m, rng, bias)
    camera = draw_camera(marked[:, _HIPS].mean(axis=1), walk.height_m, rng, config)
    place = np.arange(int(duration * camera.fps)) / camera.fps * WALK_FPS
    left = np.minimum(place.astype(int), len(marked) - 2)
    share = (place - left)[:, None, None]
    points = (1 - share) * marked[left] + share * marked[left + 1]
    pixels = project_points(points, points[:, _HIPS].mean(axis=1), camera)
    pixels, confidence, span = detect(pixels, camera.fps, rng, config)
    if span is None:
        return None
    known = SideInformation((camera.image_width_px, camera.image_height_px), walk.height_m)
    features = compute_features_from_arrays(pixels[span], confidence[span], camera.fps, known)
    return None if features.problem else features


def score_legs(curves: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Sagittal deviation index of people, mean of both legs; curves (people, 4, 2, 101).

    With d the root mean square distance of thigh, knee and ankle from the mean of `normal` legs (legs, 3,
    101), 100 - 10 (ln d - mean) / SD over normal legs: the Gait Deviation Index (Schwartz & Rozumalski 2008,
    doi 10.1016/j.gaitpost.2008.05.001) with the distance of the Gait Profile Score (Baker et al. 2009, doi
    10.1016/j.gaitpost.2009.05.020), in the sagittal plane.
    """

    def measure(legs: np.ndarray) -> np.ndarray:
        return np.log(np.sqrt(((legs - normal.mean(axis=0)) ** 2).mean(axis=(-2, -1))))

    usual = measure(normal)
    scores = [100.0 - 10.0 * (measure(curves[:, :3, leg]) - usual.mean()) / usual.std() for leg in (0, 1)]
    return np.mean(scores, axis=0)


def measure_legs(curves: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Outcomes of people in the order of `LEG_UNITS`, means of both legs; curves (people, 4, 2, 101)."""
    knee, sole = curves[:, 1], curves[:, 3, :, 0]
    parts = (np.ptp(knee, axis=2), knee.max(axis=2), sole)
    return np.column_stack([*(part.mean(axis=1) for part in parts), score_legs(curves, normal)])


def train_leg_reader(
    table: pd.DataFrame,
    gaits: xr.Dataset,
    seed: int,
    held_out_share: float = 0.2,
    n_clips: int = 2000,
    n_calibration: int = 900,
    level: float = 0.9,
) -> tuple[LegReader, pd.DataFrame]:
    """Learn from some simulated people, set intervals on shifted clips of others, test on others still."""
    table, gaits = select_verified(table, gaits)
    pool = build_pool(gaits, list_persons(table))
    fit, calibration, test = split_people(table, held_out_share, seed)
    clips = sample_leg_clips(pool.take(fit), n_clips, np.random.default_rng([seed, 41]))
    healthy = table["cohort"].str.startswith("healthy").to_numpy()[fit]
    own = np.stack([clip.true[:3] for clip in clips if healthy[clip.gait]])
    normal = np.concatenate([own[:, :, 0], own[:, :, 1]])
    shifted, strange = (
        [
            clip
            for n, name in enumerate(SHIFTS)
            for clip in sample_leg_clips(
                pool.take(rows), n_calibration // 3, np.random.default_rng([seed, 42, n, new]),
                shift_sampler(BESIDE, name, new),
            )
        ]
        for rows, new in ((calibration, False), (test, True))
    )  # fmt: skip
    about = {
        "trained_on": "simulated people only",
        "seed": seed,
        "library": hash_gaits(list(table["gait_id"])),
    }
    about |= {"n_clips": n_clips, "held_out_share": held_out_share, "level": level}
    tables, errors = {}, []
    for kind in _KINDS:
        learned, spare, tried = (
            [clip for clip in part if sees_soles(clip.seen) == (kind == "sole")]
            for part in (clips, shifted, strange)
        )
        tables[kind] = _calibrate(_learn(learned, normal, kind), spare, normal, level)
        errors.append(_test(tables[kind], tried, normal).assign(seen=kind))
    return LegReader(tables, about), pd.concat(errors, ignore_index=True)


def _read(clips: list[LegClip], normal: np.ndarray, n_outcomes: int) -> tuple[np.ndarray, np.ndarray]:
    """What is read of clips, and their true outcomes."""
    read = np.stack([describe_legs(clip.seen, clip.features) for clip in clips])
    return read, measure_legs(np.stack([clip.true for clip in clips]), normal)[:, :n_outcomes]


def _learn(clips: list[LegClip], normal: np.ndarray, kind: str) -> LegTable:
    x, y = _read(clips, normal, OF_THE_KNEE if kind == "knee" else len(LEG_UNITS))
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-6
    standard = np.clip((x - mean) / spread, -5, 5).astype(np.float16).astype(float)
    likeness = compare_legs(standard, standard) + PENALTY * np.eye(len(x))
    weights = np.linalg.solve(likeness, y - y.mean(axis=0))
    unset = np.full(y.shape[1], np.nan)
    return LegTable(mean, spread, standard.astype(np.float16), weights, y.mean(axis=0), unset, np.zeros(1))


def _calibrate(table: LegTable, clips: list[LegClip], normal: np.ndarray, level: float) -> LegTable:
    x, truth = _read(clips, normal, len(table.usual))
    answer, like = table.answer(x)
    rank = min(int(np.ceil((len(x) + 1) * level)), len(x)) - 1
    half = np.sort(np.abs(answer - truth), axis=0)[rank]
    return replace(table, half_width=half, least=np.array([0.5 * np.quantile(like, 0.002)]))


def _test(table: LegTable, clips: list[LegClip], normal: np.ndarray) -> pd.DataFrame:
    x, truth = _read(clips, normal, len(table.usual))
    answer, like = table.answer(x)
    rows = []
    for n, name in enumerate(list(LEG_UNITS)[: truth.shape[1]]):
        error = answer[:, n] - truth[:, n]
        rows.append({"outcome": name, "clips": len(x), "mae": np.abs(error).mean(), "bias": error.mean(),
                     "mae_of_mean": np.abs(truth[:, n] - truth[:, n].mean()).mean(),
                     "coverage": (np.abs(error) <= table.half_width[n]).mean(),
                     "read": (like >= table.least[0]).mean()})  # fmt: skip
    return pd.DataFrame(rows)


def write_leg_card(path: Path, reader: LegReader, errors: pd.DataFrame, command: str) -> Path:
    """Write the model card as Markdown."""
    about = reader.about
    lines = [
        "# Model card: reader of legs",
        "",
        "Reads thigh, knee and sole of both legs, as a camera near the side of the path sees them, beside "
        "the estimator of image keypoints, and gives the outcomes of the table with "
        f"{about['level']:.0%} intervals, or nothing where the view does not tell.",
        "",
        f"- Made by `{command}`, seed {about['seed']}: kernel ridge regression on {about['n_clips']} clips "
        f"of {about['trained_on']}, library release `{about['library']}`",
        "- Intervals: errors on other simulated people, cameras, bodies and detectors",
        "- No recording of a real person was used to make it or to set its intervals",
        "- Sagittal deviation index: 100 is the mean of simulated healthy people, 10 points their standard "
        "deviation; not comparable with the index of a laboratory",
        "",
        "## Errors on other simulated people, with cameras, bodies and detectors unlike both",
        "",
        "| seen | outcome | clips | mean absolute error | of guessing the mean | bias | coverage |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in errors.itertuples():
        numbers = f"{row.mae:.1f} | {row.mae_of_mean:.1f} | {row.bias:+.1f} | {row.coverage:.0%}"
        seen = "with heels and toes" if row.seen == "sole" else "without"
        lines.append(f"| {seen} | {row.outcome} | {row.clips} | {numbers} |")
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path
