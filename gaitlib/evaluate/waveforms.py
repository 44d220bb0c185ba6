"""Curves of the gait cycle, one per person: distance to normal, bands, cluster permutation, bursts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from gaitlib.errors import InputError
from gaitlib.evaluate.bootstrap import compute_mean_interval
from gaitlib.evaluate.inputs import format_p
from gaitlib.evaluate.person_means import MIN_PEOPLE

_CHUNK = 500
_THRESHOLD_P = 0.05


class Cluster(NamedTuple):
    """A stretch of the cycle in which two groups differ: first and last point, mass, corrected p value."""

    first: int
    last: int
    mass: float
    p: float


def compute_profile_scores(
    curves: Mapping[str, np.ndarray], normal: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """Compute how far each person's curves lie from the mean curve of healthy people.

    The published Gait Profile Score takes nine curves of pelvis, hip, knee, ankle and foot. With fewer curves
    the number is not comparable with published scores; it is comparable between groups that have the same
    curves. Everybody's distance to an average is above zero, that of healthy people too.

    Baker R et al. (2009) Gait Posture 30:265, doi 10.1016/j.gaitpost.2009.05.020.
    """
    if set(curves) != set(normal):
        raise InputError(
            f"curves: joints {', '.join(curves)}; expected those of normal, {', '.join(normal)}."
        )
    scores = {}
    for joint in curves:
        own, healthy = _check_curves(curves[joint], joint), _check_curves(normal[joint], f"normal {joint}")
        if own.shape[1] != healthy.shape[1]:
            raise InputError(f"{joint}: {own.shape[1]} points, expected the {healthy.shape[1]} of normal.")
        scores[joint] = np.sqrt(np.mean((own - healthy.mean(axis=0)) ** 2, axis=1))
    if len({len(values) for values in scores.values()}) != 1:
        raise InputError("curves: numbers of people differ between joints.")
    table = pd.DataFrame(scores)
    table["profile"] = np.sqrt((table**2).mean(axis=1))
    return table


def compute_band_share(curves: np.ndarray, band: np.ndarray, width_sd: float = 2.0) -> np.ndarray:
    """Compute which share of each curve lies inside the band of another group; shape (people,)."""
    own, other = _check_curves(curves, "curves"), _check_curves(band, "band")
    if own.shape[1] != other.shape[1]:
        raise InputError(f"curves: {own.shape[1]} points, expected the {other.shape[1]} of the band.")
    off = np.abs(own - other.mean(axis=0))
    return (off <= width_sd * other.std(axis=0, ddof=1)).mean(axis=1)


def compare_curves(
    first: Mapping[str, np.ndarray],
    second: Mapping[str, np.ndarray],
    rng: np.random.Generator,
    n_resamples: int = 1000,
) -> pd.DataFrame:
    """Compare curves (people, sides, points) of two groups by joint; range of motion is taken per leg."""
    rows = []
    for joint in first:
        ranges = [np.ptp(group[joint], axis=2).mean(axis=1) for group in (first, second)]
        lower, upper = compute_mean_interval(ranges, rng, n_resamples)
        a, b = (group[joint].mean(axis=1) for group in (first, second))
        rows.append(
            {
                "joint": joint, "range_first": ranges[0].mean(), "range_second": ranges[1].mean(),
                "range_difference": ranges[0].mean() - ranges[1].mean(), "lower": lower, "upper": upper,
                "rms": float(np.sqrt(np.mean((a.mean(axis=0) - b.mean(axis=0)) ** 2))),
                "inside": float(compute_band_share(a, b).mean()),
                "clusters": find_clusters(a, b, rng, n_resamples),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def describe_clusters(clusters, alpha: float = 0.05) -> str:
    """Put the result of a cluster permutation test into words."""
    shown = [f"{c.first}–{c.last} (p {format_p(c.p)})" for c in clusters if c.p < alpha]
    if shown:
        return "; ".join(shown)
    return f"nowhere (p {format_p(min((c.p for c in clusters), default=1.0))})"


def score_normal(normal: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Compute the profile score of each healthy person against the others."""
    n_people = len(next(iter(normal.values())))
    rest = [{joint: np.delete(curves, n, axis=0) for joint, curves in normal.items()}
            for n in range(n_people)]  # fmt: skip
    own = [{joint: curves[[n]] for joint, curves in normal.items()} for n in range(n_people)]
    return pd.concat([compute_profile_scores(*pair) for pair in zip(own, rest, strict=True)])


def score_deviation(curves: Mapping[str, np.ndarray], normal: Mapping[str, np.ndarray]) -> np.ndarray:
    """Compute a deviation index: healthy people have mean 100 and standard deviation 10; (people,).

    The logarithm of the distance is scaled as Schwartz and Rozumalski (2008) do, doi
    10.1016/j.gaitpost.2008.05.001. Departures: distance as in the profile score, in degrees, not that
    of fifteen features drawn from the curves of a clinic; fewer than the nine published curves may be given.
    """
    usual = np.log(score_normal(normal)["profile"])
    off = np.log(compute_profile_scores(curves, normal)["profile"])
    return (100.0 - 10.0 * (off - usual.mean()) / usual.std(ddof=1)).to_numpy()


def find_clusters(
    first: np.ndarray,
    second: np.ndarray,
    rng: np.random.Generator,
    n_permutations: int = 2000,
) -> list[Cluster]:
    """Find where in the gait cycle two groups differ, with one error rate for the whole cycle.

    1. Student's t at each point (pooled variance).
    2. Neighbouring points beyond the threshold with the same sign form a cluster.
    3. People are permuted as wholes, so points of one curve stay together.
    4. A small p says that the curves differ somewhere. It does not prove where a cluster ends, and a large p
       does not prove that they are alike (Sassenhagen & Draschkow 2019, doi 10.1111/psyp.13335).

    Maris E, Oostenveld R (2007) J Neurosci Methods 164:177, doi 10.1016/j.jneumeth.2007.03.024.
    """
    a, b = _check_curves(first, "first"), _check_curves(second, "second")
    if min(len(a), len(b)) < MIN_PEOPLE or a.shape[1] != b.shape[1]:
        raise InputError(
            f"curves: shapes {a.shape} and {b.shape}; expected at least {MIN_PEOPLE} people each and equally "
            "many points."
        )
    values = np.concatenate([a, b])
    limit = stats.t.ppf(1 - _THRESHOLD_P / 2, len(values) - 2)
    observed = _permute_groups(values, len(a), None, 1)[0]
    heaviest = np.concatenate(
        [
            _weigh_heaviest(_permute_groups(values, len(a), rng, min(_CHUNK, n_permutations - done)), limit)
            for done in range(0, n_permutations, _CHUNK)
        ]
    )
    clusters = []
    for start, end in _find_stretches(observed, limit):
        mass = float(observed[start : end + 1].sum())
        p = (1 + np.sum(heaviest >= abs(mass) * (1 - 1e-12))) / (1 + n_permutations)
        clusters.append(Cluster(start, end, mass, float(p)))
    return clusters


def _check_curves(curves, name: str) -> np.ndarray:
    curves = np.asarray(curves, dtype=float)
    if curves.ndim != 2 or not np.isfinite(curves).all():
        raise InputError(f"{name}: shape {curves.shape}, expected finite values of shape (people, points).")
    return curves


def _permute_groups(values: np.ndarray, n_first: int, rng, count: int) -> np.ndarray:
    """Pooled t at every point for permuted group labels (None: the labels as they are), (count, points)."""
    member = np.zeros((count, len(values)))
    member[:, :n_first] = 1.0
    if rng is not None:
        member = rng.permuted(member, axis=1)
    n_second = len(values) - n_first
    centred = values - values.mean(axis=0)
    total = (centred**2).sum(axis=0)
    mean = member @ centred / n_first
    other = -mean * n_first / n_second
    spread = total - n_first * mean**2 - n_second * other**2
    error = np.sqrt(np.maximum(spread, 0) / (len(values) - 2) * (1 / n_first + 1 / n_second))
    with np.errstate(divide="ignore", invalid="ignore"):  # no difference counts as zero where nobody varies
        return np.nan_to_num((mean - other) / error, nan=0.0, posinf=1e6, neginf=-1e6)


def _find_stretches(t: np.ndarray, limit: float) -> list[tuple[int, int]]:
    sign = np.sign(t) * (np.abs(t) > limit)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], sign, [0]])))
    return [(int(i), int(j - 1)) for i, j in zip(edges, edges[1:], strict=False) if sign[i]]


def _weigh_heaviest(t: np.ndarray, limit: float) -> np.ndarray:
    """Largest absolute cluster mass of each row."""
    heaviest = np.zeros(len(t))
    for signed in (t, -t):
        running = np.zeros(len(t))
        for point in signed.T:
            running = np.where(point > limit, running + point, 0.0)
            heaviest = np.maximum(heaviest, running)
    return heaviest


def find_burst(curve: np.ndarray, share: float = 0.5) -> tuple[float, float]:
    """Find when a muscle switches on and off (%): the longest stretch above a share of the curve's range."""
    one = np.asarray(curve, dtype=float)[:-1]  # the last point is the first of the next stride
    low, high = one.min(), one.max()
    if high - low < 1e-9:
        return np.nan, np.nan
    on = one > low + share * (high - low)
    starts = np.flatnonzero(on & ~np.roll(on, 1))
    lengths = [int(np.argmin(np.roll(on, -start))) for start in starts]
    longest = int(np.argmax(lengths))
    step = 100.0 / len(one)
    return float(starts[longest] * step), float((starts[longest] + lengths[longest]) % len(one) * step)


def score_shape(curve: np.ndarray, measured: np.ndarray, share: float = 0.5) -> dict[str, float]:
    """Score the shape of a curve against a measured one: correlation, onset and offset off by (%)."""
    flat = curve.std() < 1e-9 or measured.std() < 1e-9
    bursts = zip(find_burst(curve, share), find_burst(measured, share), strict=True)
    errors = [abs((own - true + 50.0) % 100.0 - 50.0) for own, true in bursts]
    correlation = np.nan if flat else float(np.corrcoef(curve, measured)[0, 1])
    return {"correlation": correlation, "onset_error": errors[0], "offset_error": errors[1]}
