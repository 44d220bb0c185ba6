"""One truth: what several pages of a book state, they state alike.

`make test-book` names the book in GAITLIB_BOOK; without one, the check itself is tried on small results.
"""

import copy
import json
import os

import pytest

from gaitlib.environment import ROOT

OF_THE_LIBRARY = ("gaits", "verified", "full_strides", "people", "verified_by_cohort", "reasons",
                  "library_hash", "gaits_with_curves")  # fmt: skip


def find_disagreements(results: dict[str, dict]) -> list[str]:
    """Quantities that stand in several results, or follow from them, and differ."""
    library, simulate, generate = (results[name] for name in ("1_library", "1_simulate", "2_generate"))
    pairs = {f"{name} of the library": (library[name], simulate[name]) for name in OF_THE_LIBRARY}
    used = [generate[f"n_gaits_{name}"] for name in ("trained", "held_out", "set_aside")]
    pairs["gaits the generator splits"] = (sum(used), library["gaits_with_curves"])
    groups = [facts for name, facts in results.items() if name.startswith("4_evaluate_")]
    real = [facts for facts in groups if facts["basis"] == "real" and facts.get("camera", True)]
    compare = results["5_compare"]
    pairs["groups of real people"] = (len(real), compare["n_groups_real"])
    for name in ("n_people", "n_walks"):
        pairs[f"{name} of real groups"] = (sum(facts[name] for facts in real), compare[name])
    answer = " ".join(results["0_answer"]["sentences"])
    stated = [f"{library['people']:,} simulated people", f"{library['verified']:,} of their gaits"]
    for row in compare["pooled"]:
        if row["method"] == "synthetic" and row["outcome"] == "speed_mps" and row["view"] == "side":
            stated.append(f"{row['n_people']:,} real people ({row['n_walks']:,} walks")
            stated.append(f"{row['mae']:.3f} m/s in walking speed")
            if unanswered := compare["n_people"] - row["n_people"]:
                stated.append(f"{unanswered} more {'person' if unanswered == 1 else 'people'}")
    faults = [f"{name}: {first} and {second}" for name, (first, second) in pairs.items() if first != second]
    return faults + [f"0_answer does not state '{words}'" for words in stated if words not in answer]


def test_pages_state_equal_numbers():
    named = os.environ.get("GAITLIB_BOOK")
    if not named:
        pytest.skip("GAITLIB_BOOK names no book: run make test-book")
    folder = (ROOT / named).parent / "results"
    files = sorted(folder.glob("*.json"))
    assert files, f"no results beside {named}: run make book"
    results = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in files}
    assert find_disagreements(results) == []


def make_results() -> dict[str, dict]:
    counts = dict.fromkeys(OF_THE_LIBRARY, 12)
    return {
        "0_answer": {"sentences": ["12 simulated people, 12 of their gaits, on 3 real people (5 walks): "
                                   "0.041 m/s in walking speed."]},
        "1_library": counts, "1_simulate": dict(counts),
        "2_generate": {"n_gaits_trained": 7, "n_gaits_held_out": 4, "n_gaits_set_aside": 1},
        "4_evaluate_a": {"basis": "real", "n_people": 3, "n_walks": 5},
        "4_evaluate_b": {"basis": "simulated", "n_people": 60, "n_walks": 60},
        "5_compare": {"n_groups_real": 1, "n_people": 3, "n_walks": 5, "pooled": [
            {"method": "synthetic", "outcome": "speed_mps", "view": "side", "mae": 0.041, "n_people": 3,
             "n_walks": 5}]},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("page", "name"),
    [("1_simulate", "verified"), ("1_simulate", "library_hash"), ("2_generate", "n_gaits_trained"),
     ("4_evaluate_a", "n_walks"), ("5_compare", "n_people")],
)  # fmt: skip
def test_one_number_that_differs_is_found(page, name):
    results = make_results()
    assert find_disagreements(results) == []
    changed = copy.deepcopy(results)
    changed[page][name] = 99
    assert find_disagreements(changed)
