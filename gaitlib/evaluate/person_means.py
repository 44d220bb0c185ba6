"""From walks to people: per-person means whose averages give every agreement statistic.

A person's walks are first averaged inside the person (error, square, product ...), then people are averaged
with equal weight. Every statistic of agreement is a function of these averages, so a resample of *people* is
one matrix product and two thousand of them cost milliseconds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gaitlib.errors import InputError

MIN_PEOPLE = 3
#: below this many people an interval is printed with a flag: it rests on the normal model, not on the data
FEW_PEOPLE = 10

FEATURES = ("x", "y", "xx", "yy", "xy", "abs", "ee", "within", "extra", "inverse")


class PersonFeatures(NamedTuple):
    """Per-person means of one set of paired values."""

    # (people, len(FEATURES)): Person means of reference x, estimate y (both less `centre`), x^2, y^2, xy, |y
    # - x|; the squared mean error of the person (ee); sum of squares of the error about it (within), walks
    # beyond the first (extra), and one over the number of walks (inverse)
    values: np.ndarray
    centre: float  # mean reference that was subtracted (keeps sums of squares accurate)
    people: np.ndarray  # (people,): Person labels in the order of `values`
    n_walks: np.ndarray  # (people,): Rows of each person


def check_pairs(reference, estimate, person) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Check paired values and number the people."""
    reference = np.asarray(reference, dtype=float)
    estimate = np.asarray(estimate, dtype=float)
    person = np.asarray(person)
    if not reference.shape == estimate.shape == person.shape or reference.ndim != 1:
        raise InputError(
            f"reference, estimate and person must be equally long columns; found shapes {reference.shape}, "
            f"{estimate.shape}, {person.shape}."
        )
    for name, column in (("reference", reference), ("estimate", estimate)):
        bad = int(np.sum(~np.isfinite(column)))
        if bad:
            raise InputError(
                f"{name}: {bad} of {column.size} values are missing or infinite. Leave out rows without a "
                "measured reference; give rows without an estimate a status other than 'ok'."
            )
    labels, index = np.unique(person, return_inverse=True)
    if labels.size < MIN_PEOPLE:
        raise InputError(
            f"person: {labels.size} people found, agreement needs at least {MIN_PEOPLE} (walks of one person "
            "do not count as people). State the group as not evaluated."
        )
    return reference, estimate, index, labels


def average_within_people(reference, estimate, person) -> PersonFeatures:
    """Average paired values inside each person."""
    reference, estimate, index, labels = check_pairs(reference, estimate, person)
    n_walks = np.bincount(index)

    def mean_by_person(values: np.ndarray) -> np.ndarray:
        return np.bincount(index, weights=values) / n_walks

    centre = float(reference.mean())
    x, y = reference - centre, estimate - centre
    error = y - x
    mean_error = mean_by_person(error)
    within = np.bincount(index, weights=(error - mean_error[index]) ** 2)
    means = [mean_by_person(v) for v in (x, y, x * x, y * y, x * y, np.abs(error))]
    values = np.column_stack([*means, mean_error**2, within, n_walks - 1.0, 1.0 / n_walks])
    return PersonFeatures(values, centre, labels, n_walks)
