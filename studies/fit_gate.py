"""Fit the limits of the door's gate: makes `gaitlib/door/gate_limits.csv`, and prints how well they tell.

Looked at are simulated walks of the shipped library as estimators are trained on them, people of the
calibration role alone (42 adults whose joint angles are made to walk, one adult in a motion laboratory), and
simulated movements that are no walking. Nobody of the evaluation role is read.

Every limit begins well beyond the walks and is tightened, one at a time, as long as the movements that it
declines outweigh the walks that it costs.

    python studies/fit_gate.py [parts to fit anew: picture, lower_back, shank ...; all if none is named]
"""

from __future__ import annotations

import contextlib
import itertools
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from door_samples import film  # noqa: E402
from door_trials import (  # noqa: E402
    BODY_TRIALS,
    PICTURE_TRIALS,
    SIGNAL_TRIALS,
    build_body,
    spoil_picture,
    spoil_signal,
)

from gaitlib.body.dimensions import compute_dimensions  # noqa: E402
from gaitlib.body.kinematics import compute_sagittal_points  # noqa: E402
from gaitlib.data.measured_curves import load_leg_angles  # noqa: E402
from gaitlib.data.walks import load_walks  # noqa: E402
from gaitlib.door import gate  # noqa: E402
from gaitlib.door.answer import cut_bout  # noqa: E402
from gaitlib.door.bouts import find_bouts, find_inertial_bouts, trace_legs  # noqa: E402
from gaitlib.errors import InputError  # noqa: E402
from gaitlib.estimate.clip_sampler import (  # noqa: E402
    InertialSamplerConfig,
    SamplerConfig,
    VariedWalk,
    build_varied_walk,
    detect,
    draw_camera,
    shift_stride,
)
from gaitlib.estimate.inertial_features import LIMB_SITES, TRUNK_SITES  # noqa: E402
from gaitlib.estimate.synthetic_training import list_persons  # noqa: E402
from gaitlib.gait import COORDINATES  # noqa: E402
from gaitlib.person import Person  # noqa: E402
from gaitlib.sense.body_walk import GaitCurves, prepare_gaits  # noqa: E402
from gaitlib.sense.camera import VIEWS, project_points  # noqa: E402
from gaitlib.sense.inertial import measure_motion  # noqa: E402
from gaitlib.simulate.library import load_library  # noqa: E402
from gaitlib.walk import KEYPOINTS_3D  # noqa: E402

FPS, RATE_HZ = 60.0, 100.0
MEASURED_SHARE, FAST_SHARE, FASTEST = 0.3, 0.1, 0.05
"""Share of walks that are the measured adults'; and of the others that are the fastest twentieth, whose feet
swing hardest: few walks of the library are as fast."""
WIDE, TIGHT = (0.2, 0.1, 0.05), (0.999, 0.997, 0.994, 0.99, 0.985, 0.98, 0.97)
"""Where a limit may lie: beyond the walks by these shares of their reach, or at these quantiles of them."""
SIZE_ROOM = {"gravity": (0.9, 1.15), "turning": (0.7, 1.5)}
"""Room about the size of acceleration and angular velocity in walks, as they only tell units apart."""
PRICE = 2.0
"""One walk declined is as bad as this many movements accepted."""
PARTS = (*TRUNK_SITES, *LIMB_SITES)
_SITES = [part if part in TRUNK_SITES else f"{part}_r" for part in PARTS]
_HIPS = [KEYPOINTS_3D.index("hip_r"), KEYPOINTS_3D.index("hip_l")]
_CAMERA, _SENSOR = SamplerConfig(), InertialSamplerConfig()


def build_measured_gaits() -> GaitCurves:
    """Let the 42 adults walk by their joint angles: the foot is flat at 20 % of the stride and never slides.

    Height, stride time and the time of the other foot are not in the file; 1.70 m, 1.08 s and half a stride.
    """
    angles, names = load_leg_angles("healthy_adult")
    person = Person(age_years=35.0, sex="f", height_m=1.7, mass_kg=64.0)
    body, curves, at = compute_dimensions(person), [], COORDINATES.index
    right = np.interp(np.arange(101), [0, 12, 50, 62, 100], [0.0, 1.0, 1.0, 0.0, 0.0])
    for n in range(len(names)):
        position = np.zeros((101, len(COORDINATES)))
        for joint, column in (("hip", "hip_flexion"), ("knee", "knee_angle"), ("ankle", "ankle_angle")):
            own = np.radians(angles[joint][n])
            position[:, at(f"{column}_r")], position[:, at(f"{column}_l")] = (
                own[0],
                shift_stride(own[1], 50.0),
            )
        points = compute_sagittal_points(position, body)
        sole = points["toe_r"][20] - points["heel_r"][20]
        position[:, at("pelvis_tilt")] -= np.arctan2(sole[1], sole[0])
        points = compute_sagittal_points(position, body)
        feet = {s: np.stack([points[f"{part}_{s}"] for part in ("heel", "mtp", "toe")], axis=1) for s in "rl"}
        for side, load in (("r", right), ("l", 1 - right)):
            low = np.argmin(feet[side][..., 1], axis=1)
            rate = np.gradient(feet[side][..., 0], 0.01, axis=0)[np.arange(101), low]
            position[:, at("pelvis_tx")] -= load * rate
        position[:, at("pelvis_ty")] -= np.minimum(*(feet[s][..., 1].min(axis=1) for s in "rl"))
        spectrum = np.fft.rfft(np.column_stack([position, right])[:-1], axis=0)
        spectrum[8:] = 0  # measured curves do not close, and a change of foot is no jump
        closed = np.fft.irfft(spectrum, 100, axis=0)
        curves.append(np.concatenate([closed, closed[:1]]))
    n = len(curves)
    return GaitCurves(np.array(curves), np.full(n, 1.08), (body,) * n, (person,) * n, (None,) * n)


@dataclass(frozen=True)
class WalkSource:
    """Walks without end, of the library and of the measured adults."""

    pools: tuple[GaitCurves, ...]
    rng: np.random.Generator

    @classmethod
    def load(cls, seed: int, measured: bool = True) -> WalkSource:
        """Load the library, and the adults where their recordings are at hand."""
        table, gaits = load_library().curves
        rows = np.flatnonzero(table["verified"].astype(bool))
        pools = (prepare_gaits(gaits.isel(gait=rows), list_persons(table.iloc[rows])),)
        return cls(pools + ((build_measured_gaits(),) if measured else ()), np.random.default_rng(seed))

    def draw(self, config: SamplerConfig, fps: float) -> VariedWalk:
        """Draw one walk, varied as clips of training are."""
        walk = None
        while walk is None:
            pool = self.pools[int(len(self.pools) > 1 and self.rng.uniform() < MEASURED_SHARE)]
            row = int(self.rng.integers(len(pool.persons)))
            if self.rng.uniform() < FAST_SHARE:
                speed = pool.curves[..., COORDINATES.index("pelvis_tx")].mean(axis=1) / pool.stride_time_s
                row = int(self.rng.choice(np.argsort(-speed)[: max(int(FASTEST * len(speed)), 1)]))
            walk = build_varied_walk(pool.select(row), self.rng, config, fps)
        return walk

    def film(self) -> tuple[np.ndarray, float]:
        """Film one as clips of training are; points (time, 19, 3) and frames per second."""
        span = None
        while span is None:
            walk = self.draw(_CAMERA, FPS)
            points = walk.points[: int(self.rng.uniform(3.0, _CAMERA.duration_s[1]) * FPS)].copy()
            camera = draw_camera(points[:, _HIPS].mean(axis=1), walk.height_m, self.rng, _CAMERA)
            square = abs(np.sin(np.radians(camera.azimuth_deg))) > 0.6  # from the front it must be stated
            if square and self.rng.uniform() < 2 * _CAMERA.treadmill_share:
                path = np.linspace(*points[[0, -1]][:, _HIPS, 0].mean(axis=1), len(points))
                points[..., 0] -= (path - path.mean())[:, None]
            step = max(int(round(FPS / camera.fps)), 1)
            points = points[::step]
            pixels = project_points(points, points[:, _HIPS].mean(axis=1), camera)
            pixels, level, span = detect(pixels, FPS / step, self.rng, _CAMERA)
        return np.concatenate([pixels, level[..., None]], axis=-1)[span], FPS / step

    def wear(self) -> tuple[np.ndarray, float, float]:
        """Wear a sensor at every part; signals (time, part, 6), samples per second and speed."""
        walk, rng = self.draw(_SENSOR.walks, RATE_HZ), self.rng
        points = walk.points[: int(rng.uniform(3.6, 9.0) * RATE_HZ)]
        errors = _SENSOR.errors.scale(float(np.exp(rng.normal(-0.2, 0.5))))
        turning = np.full(len(points), rng.normal(0, 0.6) * _SENSOR.turning_rad_s * (rng.uniform() < 0.3))
        parts = (points, walk.pitch_rad[: len(points)], RATE_HZ, walk.height_m, _SITES, RATE_HZ)
        signals = measure_motion(*parts, rng, errors, turning)[30:-30]
        path = np.ptp(points[:, _HIPS, 0].mean(axis=1))
        return signals, RATE_HZ, path * RATE_HZ / (len(points) - 1)


def measure_film(values: np.ndarray, fps: float) -> list[dict]:
    """Measure every stretch of a film that the door would estimate."""
    bouts = [part for whole in find_bouts(trace_legs(values, fps)) for part in cut_bout(whole, fps)]
    return [found for bout in bouts if (found := gate.measure_picture(values[bout.rows], fps))]


def measure_sensor(values: np.ndarray, fps: float, part: str) -> list[dict]:
    """Measure every stretch of one sensor's signals that the door would estimate."""
    whole = find_inertial_bouts(values, fps, part in LIMB_SITES)[0]
    bouts = [bout for one in whole for bout in cut_bout(one, fps)]
    sizes = dict(zip(gate.SIZES, gate.measure_sizes(values), strict=True))
    return [gate.measure_signal(values[bout.rows], fps, part) | sizes for bout in bouts]


def measure_walks(n: int, source: WalkSource) -> pd.DataFrame:
    """Measure walks: columns clip, part and the measures; one row without measures where no bout is found."""
    rows: list[dict] = []
    for _ in range(n):
        rows += _list_rows("picture", "walk", measure_film(*source.film()))
        signals, fps, speed = source.wear()
        for column, part in enumerate(PARTS):
            rows += _list_rows(part, "walk", measure_sensor(signals[:, column], fps, part))
    if len(source.pools) > 1:
        for walk in load_walks("adult_walk_3d_moco", "calibrate"):
            points, fps = walk["keypoint_position"].values, float(walk.attrs["fps"])
            for view in VIEWS:
                rows += _list_rows("picture", "adult", measure_film(film(points, source.rng, view, fps), fps))
    return pd.DataFrame(rows)


def _list_rows(part: str, kind: str, found: list[dict]) -> list[dict]:
    return [{"part": part, "kind": kind} | one for one in found or [{}]]


def measure_others(n: int, source: WalkSource) -> pd.DataFrame:
    """Measure movements that are no walking, like walks."""
    rows: list[dict] = []
    for _ in range(n):
        for kind in BODY_TRIALS:
            height = float(source.rng.uniform(1.0, 1.9))
            points = build_body(kind, source.rng, height_m=height)
            for view in ("side", "front", "oblique"):
                rows += _list_rows("picture", kind, measure_film(film(points, source.rng, view), FPS))
            signals = measure_motion(points, None, FPS, height, _SITES, RATE_HZ)
            signals += source.rng.normal(0, 0.03, signals.shape)
            for column, part in enumerate(PARTS):
                rows += _list_rows(part, kind, measure_sensor(signals[:, column], RATE_HZ, part))
        for kind in PICTURE_TRIALS:
            values = spoil_picture(kind, film(source.draw(_CAMERA, FPS).points, source.rng), source.rng)
            rows += _list_rows("picture", kind, measure_film(values, FPS))
        signals = source.wear()[0]
        for kind in SIGNAL_TRIALS:
            for column, part in enumerate(PARTS):
                values = spoil_signal(kind, signals[:, column], source.rng)
                rows += _list_rows(part, kind, measure_sensor(values, RATE_HZ, part))
    return pd.DataFrame(rows)


def is_declined(table: pd.DataFrame, limits: pd.DataFrame, meanings: dict) -> pd.Series:
    """Whether each stretch of a table breaks a limit; those that gave no stretch are declined too."""
    own, limits = table[list(meanings)], limits.loc[list(meanings)]
    beyond = (own < limits["lower"]) | (own > limits["upper"])
    return beyond.any(axis=1) | own.isna().all(axis=1)


def fit_limits(walks: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """Fit the limits of every part: tighten one at a time while it pays."""
    fitted = []
    for part in ("picture", *PARTS):
        meanings = gate.PICTURE if part == "picture" else gate.SIGNAL
        own, other = (table[table["part"] == part][list(meanings)] for table in (walks, others))
        own, beyond = own.dropna(how="all"), {}
        for name, (sides, _) in meanings.items():
            middle = own[name].median()
            for side, sign in ((">", -1.0), ("<", 1.0)):
                if side in sides:
                    steps = sign * np.quantile((sign * own[name]).dropna(), TIGHT)
                    steps = np.concatenate([middle + (steps[0] - middle) * (1 + np.array(WIDE)), steps])
                    off = [(sign * (table[name].to_numpy()[:, None] - steps) > 0) for table in (own, other)]
                    beyond[name, side] = (steps, *off)
        chosen = dict.fromkeys(beyond, 0)
        none = other.isna().all(axis=1).to_numpy()

        def lose(chosen: dict, beyond=beyond, none=none) -> float:
            lost, kept = (
                np.any([beyond[key][which][:, step] for key, step in chosen.items()], axis=0)
                for which in (1, 2)
            )
            return PRICE * lost.mean() + (~(kept | none)).mean()

        while True:
            tries = [
                chosen | {key: step}
                for key, now in chosen.items()
                for step in range(now + 1, min(now + 4, len(beyond[key][0])))
            ]
            best = min(tries, key=lose, default=chosen)
            if lose(best) >= lose(chosen) - 1e-4:
                break
            chosen = best
        limits = pd.DataFrame({"lower": -np.inf, "upper": np.inf}, index=pd.Index(meanings, name="measure"))
        for (name, side), step in chosen.items():
            limits.loc[name, "lower" if side == ">" else "upper"] = round(beyond[name, side][0][step], 3)
        for name in gate.SIZES if part != "picture" else ():
            sizes = walks.loc[walks["part"] == part, name].dropna()
            limits.loc[name] = np.quantile(sizes, [0.01, 0.999]).round(3) * SIZE_ROOM[name]
        fitted.append(limits.round(3).reset_index().assign(part=part))
    return pd.concat(fitted)[["part", "measure", "lower", "upper"]]


def report(word: str, table: pd.DataFrame, limits: pd.DataFrame) -> None:
    """Print the share of stretches declined, and which kinds are not always."""
    for part, own in table.groupby("part", sort=False):
        meanings = gate.PICTURE if part == "picture" else gate.SIGNAL
        chosen = limits[limits["part"] == part].set_index("measure")
        declined = is_declined(own, chosen, meanings)
        none = own[list(meanings)].isna().all(axis=1).mean()
        kinds = declined.groupby(own["kind"]).mean()
        kept = ", ".join(f"{kind} {share:.0%}" for kind, share in kinds.items() if share < 1)
        shares = f"declined {declined.mean():.3f} of {len(own)} (no stretch {none:.3f})"
        print(f"{word:10s} {part:10s} {shares}: {kept}")


def report_sites(source: WalkSource, n: int = 200) -> None:
    """Print how often a sensor worn at one part passes as worn at another, its units being converted."""
    from gaitlib.door.inertial_tables import convert_signals

    table = pd.DataFrame(0.0, index=PARTS, columns=PARTS)
    for signals, fps, _ in (source.wear() for _ in range(n)):
        for (column, worn), said in itertools.product(enumerate(PARTS), PARTS):
            with contextlib.suppress(InputError):
                values = convert_signals("", signals[:, column], "", said)[0]
                bouts = find_inertial_bouts(values, fps, said in LIMB_SITES)[0]
                passed = bouts and not gate.check_inertial(values[bouts[0].rows], fps, said)
                table.loc[worn, said] += bool(passed) / n
    print("share that passes as worn at (columns) when worn at (rows)", table.round(3), sep="\n")


def main() -> None:
    """Fit, write, and check on walks and movements drawn anew."""
    source = WalkSource.load(seed=1)
    walks, others = measure_walks(600, source), measure_others(24, source)
    limits, chosen = fit_limits(walks, others), sys.argv[1:] or ["picture", *PARTS]
    former = pd.read_csv(gate.LIMITS_FILE).set_index("part", drop=False)
    limits = pd.concat([limits[limits["part"] == part] if part in chosen else former.loc[part]
                        for part in ("picture", *PARTS)])  # fmt: skip
    limits.to_csv(gate.LIMITS_FILE, index=False, lineterminator="\n")
    gate.load_limits.cache_clear()
    source = WalkSource.load(seed=2)
    tables = {"walks": walks, "others": others}
    tables |= {"new walks": measure_walks(200, source), "new others": measure_others(6, source)}
    for word, table in tables.items():
        report(word, table, limits)
    report_sites(source)


if __name__ == "__main__":
    main()
