"""Small agreement tables with known answers for the tests of gaitlib.evaluate."""

import numpy as np
import pandas as pd

from gaitlib.evaluate.agreement import STATISTICS, compute_agreement, evaluate_statistics
from gaitlib.evaluate.person_means import average_within_people


def build_table(groups, methods=(("synthetic", 0.02, 0.06), ("ridge_real", 0.0, 0.06)), seed=0, **columns):
    """Build an agreement table of walking speed: groups are (subgroup, people, walks per person)."""
    rng = np.random.default_rng(seed)
    rows = []
    for subgroup, people, walks in groups:
        for person in range(people):
            usual = rng.normal(1.1, 0.2)
            for walk in range(walks):
                reference = usual + rng.normal(0, 0.05)
                for method, bias, sd in methods:
                    estimate = reference + bias + rng.normal(0, sd)
                    rows.append(
                        {
                            "dataset": "demo", "subgroup": subgroup, "person_id": f"{subgroup}{person:02d}",
                            "walk_id": f"w{walk}", "view": "side", "outcome": "speed_mps", "method": method,
                            "reference": reference, "estimate": estimate, "lower": estimate - 1.645 * sd,
                            "upper": estimate + 1.645 * sd, "status": "ok",
                        }
                    )  # fmt: skip
    return pd.DataFrame(rows).assign(**columns)


def draw_walks(rng, n_people, max_walks, bias=0.03, sd_between=0.08, sd_within=0.05):
    """Draw reference, estimate and person of up to `max_walks` walks per person."""
    walks = rng.integers(1, max_walks + 1, n_people)
    person = np.repeat(np.arange(n_people), walks)
    reference = rng.normal(1.1, 0.2, n_people)[person] + rng.normal(0, 0.08, person.size)
    error = rng.normal(bias, sd_between, n_people)[person] + rng.normal(0, sd_within, person.size)
    return reference, reference + error, person


def measure_coverage(n_people, max_walks, n_simulations, n_resamples, seed, as_people=lambda person: person):
    """Measure how often 95 % intervals hold the value of the population: the printed ones and plain BCa."""
    rng = np.random.default_rng(seed)
    crowd = average_within_people(*draw_walks(rng, 200_000, max_walks))
    truth = evaluate_statistics(crowd.values.mean(axis=0), len(crowd.people))
    hits = np.zeros((2, len(STATISTICS)))
    for _ in range(n_simulations):
        reference, estimate, person = draw_walks(rng, n_people, max_walks)
        found = compute_agreement(reference, estimate, as_people(person), rng, n_resamples)
        for row, kind in zip(hits, ("", "bca_"), strict=True):
            row += (found[f"{kind}lower"] <= truth) & (truth <= found[f"{kind}upper"])
    return pd.DataFrame(hits.T / n_simulations, index=list(STATISTICS), columns=["printed", "bca"])
