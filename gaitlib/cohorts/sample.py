"""Draw people from cohorts: stratified, low-discrepancy, the same for the same seed.

Every pattern of a cohort is a stratum with a scrambled Sobol sequence of its own (Owen 1998; scipy.stats.qmc)
over all of its dimensions. Three of four people follow the cohort's distribution: a Gaussian copula with the
cohort's correlations, severity as the common factor of all parts of the impairment. One of four is drawn
evenly and without correlation over the whole ranges, so that rare corners are met (`design` = "corner").
ON and OFF of one person share all that does not depend on medication.
"""

from __future__ import annotations

import zlib

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.cohorts.cohort import GROUPED_PARTS, PARTS, VARIABLES, Cohort, Pattern, load_cohort
from gaitlib.cohorts.growth import build_person, compute_comfortable_speed, compute_typical_stride_time
from gaitlib.gait import GRAVITY_MPS2
from gaitlib.person import STRENGTH_GROUPS

CORNER_EVERY = 4
"""One of so many people is drawn over the whole ranges."""

_SIDE_DIFFERENCE = 0.12
"""Mean strength difference of healthy legs: 10-13 % in 208 older adults (Mertz et al. 2019, Influence of
between-limb asymmetry in muscle mass, strength, and power on functional capacity in healthy older adults)."""

_EXTRA = ("sex", "kind", "side", "free_time", "side_difference")
_FROUDE = (0.05, 0.60)
_SPEED_MPS = (0.15, 2.0)


def sample_cohort(name: str, n: int, seed: int, stride_share: float = 0.0, free_share: float = 0.0):
    """Draw people of a cohort."""
    cohort = load_cohort(name)
    one_sided = sum(pattern.share for pattern in cohort.patterns.values() if pattern.sides == "one")
    others = np.clip((stride_share - one_sided) / max(1 - one_sided, 1e-9), 0, 1)
    places = _assign_patterns(cohort, n)
    rows: list[dict | None] = [None] * n
    for label, pattern in cohort.patterns.items():
        at = np.flatnonzero(places == label)
        corner = np.arange(len(at)) % CORNER_EVERY == CORNER_EVERY - 1
        for design, chosen in (("population", at[~corner]), ("corner", at[corner])):
            drawn = _draw(cohort, label, pattern, design, len(chosen), seed, others, free_share)
            for place, row in zip(chosen, drawn, strict=True):
                rows[place] = row
    return pd.DataFrame(rows)


def _assign_patterns(cohort: Cohort, n: int) -> np.ndarray:
    """Pattern of each place: the one furthest behind its share, so that any beginning is balanced."""
    labels = list(cohort.patterns)
    share = np.array([cohort.patterns[label].share for label in labels])
    count, places = np.zeros(len(labels)), np.empty(n, dtype=object)
    for place in range(n):
        chosen = int(np.argmax(share * (place + 1) - count))
        count[chosen] += 1
        places[place] = labels[chosen]
    return places


def _draw(cohort, label, pattern: Pattern, design, n, seed, stride_share, free_share) -> list[dict]:
    stratum = "medication" if pattern.medication else label
    u = _draw_points(
        len(VARIABLES) + len(_EXTRA) + len(pattern.impairment), n, (seed, cohort.name, stratum, design)
    )
    first, names = u[:, : len(VARIABLES)], list(VARIABLES)
    extra = dict(zip(_EXTRA, u[:, len(VARIABLES) : len(VARIABLES) + len(_EXTRA)].T, strict=True))
    own = u[:, len(VARIABLES) + len(_EXTRA) :]
    variables = {**cohort.variables, **pattern.variables}
    values = _draw_variables(cohort, variables, first, design)
    rows = []
    for i in range(n):
        row = {name: float(values[name][i]) for name in names}
        sex = "f" if extra["sex"][i] < 0.5 else "m"
        side = "r" if extra["side"][i] < 0.5 else "l"
        unequal = pattern.sides == "both" and extra["kind"][i] < stride_share
        impairment = _build_impairment(pattern, row["severity"], own[i], design, side)
        if unequal:
            impairment = _weaken_side(impairment, side, extra["side_difference"][i])
        person = build_person(row.pop("age_years"), sex, row.pop("height_z"), row.pop("bmi_z"))
        speed = _choose_speed(person, row["speed_share"] * row["pace"])
        time = compute_typical_stride_time(person, speed) * row.pop("stride_time_share")
        rows.append(
            {
                "cohort": cohort.name,
                "pattern": label,
                "medication": pattern.medication,
                "design": design,
                "person_id": f"{cohort.name}-{stratum}-{design}-{i}",
                **person.model_dump(),
                **{name: round(value, 4) for name, value in row.items()},
                "speed_mps": speed,
                "stride_time_s": np.nan if extra["free_time"][i] < free_share else round(time, 3),
                "kind": "stride" if unequal or pattern.sides == "one" else "half",
                "impairment": impairment,
            }
        )
    return rows


def _draw_points(n_dimensions: int, n: int, key: tuple) -> np.ndarray:
    rng = np.random.default_rng([zlib.crc32(str(part).encode()) for part in key])
    sobol = qmc.Sobol(n_dimensions, rng=rng)
    return np.clip(sobol.random_base2(max(1, int(n - 1).bit_length()))[:n], 1e-4, 1 - 1e-4)


def _draw_variables(cohort: Cohort, variables: dict, u: np.ndarray, design: str) -> dict[str, np.ndarray]:
    names = list(VARIABLES)
    if design == "corner":
        spans = {name: (variables[name].low, variables[name].high) for name in names}
        return {name: low + u[:, i] * (high - low) for i, (name, (low, high)) in enumerate(spans.items())}
    u = ndtr(ndtri(u) @ np.linalg.cholesky(cohort.correlation_matrix).T)
    age = variables["age_years"].compute_quantile(u[:, names.index("age_years")])
    return {name: variables[name].compute_quantile(u[:, i], age) for i, name in enumerate(names)}


def _build_impairment(pattern: Pattern, severity: float, u: np.ndarray, design: str, side: str) -> dict:
    """Values of the parts; on the affected side only where the pattern is one-sided."""
    impairment: dict = {}
    suffix = f"_{side}" if pattern.sides == "one" else ""
    for effect, own, z in zip(pattern.impairment, u, ndtri(u), strict=True):
        kind, _, group = effect.part.partition(".")
        _, low, high = PARTS[kind]
        if design == "corner":
            value = effect.mild + own * (effect.severe - effect.mild)
        else:
            value = effect.mild + severity * (effect.severe - effect.mild) + effect.spread * z
        value = round(float(np.clip(value, low, high)), 3)
        if kind in GROUPED_PARTS:
            impairment.setdefault(kind, {})[f"{group}{suffix}"] = value
        else:
            impairment[kind] = value
    return impairment


def _weaken_side(impairment: dict, side: str, u: float) -> dict:
    """Take strength from one leg: half-normal with the published mean difference."""
    left = float(np.clip(1 - ndtri(0.5 + 0.5 * u) * _SIDE_DIFFERENCE / np.sqrt(2 / np.pi), 0.5, 0.99))
    weakness = impairment.get("weakness", {})
    both = {f"{group}_{s}": value for group, value in weakness.items() for s in "rl"}
    for group in STRENGTH_GROUPS:
        name = f"{group}_{side}"
        both[name] = round(max(both.get(name, 1.0) * left, 0.1), 3)
    return {**impairment, "weakness": both}


def _choose_speed(person, share: float) -> float:
    """Speed (m/s), within what the body's size and the simulator allow."""
    natural = np.sqrt(GRAVITY_MPS2 * compute_dimensions(person).leg_length_m)
    speed = compute_comfortable_speed(person.age_years, person.sex) * share
    return round(float(np.clip(speed, max(_SPEED_MPS[0], _FROUDE[0] * natural),
                               min(_SPEED_MPS[1], _FROUDE[1] * natural))), 3)  # fmt: skip
