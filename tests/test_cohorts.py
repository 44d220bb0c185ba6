"""Cohorts: what a file must say, and what is drawn from it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml
from scipy.stats import qmc, spearmanr

from gaitlib.cohorts.cohort import COHORTS, PARTS, VARIABLES, Cohort, Variable, load_cohort, read_cohort
from gaitlib.cohorts.growth import build_person, compute_comfortable_speed
from gaitlib.cohorts.sample import CORNER_EVERY, sample_cohort
from gaitlib.errors import InputError
from gaitlib.person import Impairment, Person

N = 240


@pytest.fixture(scope="module")
def samples():
    return {name: sample_cohort(name, N, seed=11, stride_share=0.4, free_share=0.1) for name in COHORTS}


@pytest.mark.parametrize("name", COHORTS)
def test_every_distribution_has_unit_range_and_source(name):
    cohort = load_cohort(name)
    items = [*cohort.variables.items()]
    for pattern in cohort.patterns.values():
        items += pattern.variables.items()
    for key, variable in items:
        assert variable.unit and variable.low < variable.high and len(variable.source) > 11, key
    for effect in (e for pattern in cohort.patterns.values() for e in pattern.impairment):
        assert effect.part.partition(".")[0] in PARTS and len(effect.source) > 11, effect.part
    assert all(len(item.source) > 11 for item in cohort.correlations)


@pytest.mark.parametrize("name", COHORTS)
def test_people_are_valid_and_within_the_ranges_of_the_file(name, samples):
    cohort, people = load_cohort(name), samples[name]
    assert len(people) == N and people["person_id"].notna().all()
    for row in people.to_dict("records"):
        Person(**{field: row[field] for field in Person.model_fields})
        impairment = Impairment(**row["impairment"])
        assert row["kind"] == "stride" or impairment.is_symmetric
        variables = {**cohort.variables, **cohort.patterns[row["pattern"]].variables}
        for key in ("age_years", "severity", "speed_share", "pace", "stride_time_cv", "stride_length_cv"):
            assert variables[key].low - 0.06 <= row[key] <= variables[key].high + 0.06, key
    assert people["speed_mps"].between(0.15, 2.0).all()
    one_sided = sum(pattern.share for pattern in cohort.patterns.values() if pattern.sides == "one")
    assert people["kind"].eq("stride").mean() == pytest.approx(max(0.4, one_sided), abs=0.07)
    assert people["stride_time_s"].isna().mean() == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize("name", COHORTS)
def test_the_same_seed_gives_the_same_people_and_more_people_begin_with_them(name):
    few, many = sample_cohort(name, 30, 5, 0.3), sample_cohort(name, 75, 5, 0.3)
    assert few.equals(many.head(30))
    assert not few.equals(sample_cohort(name, 30, 6, 0.3))


def test_shares_of_patterns_hold_at_any_length(samples):
    people = samples["cerebral_palsy"]
    for n in (20, 80, N):
        found = people.head(n)["pattern"].value_counts()
        for label, pattern in load_cohort("cerebral_palsy").patterns.items():
            assert abs(found[label] - pattern.share * n) <= 1, (n, label)


def test_every_part_and_corner_of_cerebral_palsy_is_met(samples):
    """In each pattern both ends of each part appear; corners combine what severity would keep together."""
    people = samples["cerebral_palsy"]
    for label, pattern in load_cohort("cerebral_palsy").patterns.items():
        rows = people[people["pattern"] == label]
        assert rows["severity"].min() < 0.1 and rows["severity"].max() > 0.9
        for effect in pattern.impairment:
            kind, _, group = effect.part.partition(".")
            values = [read_part(imp, kind, group) for imp in rows["impairment"]]
            span = effect.severe - effect.mild
            if not span:
                assert np.ptp(values) > effect.spread, effect.part
                continue
            place = [(value - effect.mild) / span for value in values]
            assert min(place) < 0.25 and max(place) > 0.75, effect.part
    crouch = people[(people["pattern"] == "crouch") & (people["design"] == "corner")]
    tight = np.array([imp["contracture"]["hamstrings"] for imp in crouch["impairment"]])
    assert abs(spearmanr(tight, crouch["severity"])[0]) < 0.5
    ordinary = people[(people["pattern"] == "crouch") & (people["design"] == "population")]
    tight = np.array([imp["contracture"]["hamstrings"] for imp in ordinary["impairment"]])
    assert spearmanr(tight, ordinary["severity"])[0] < -0.6, "severity is the common factor"


def read_part(impairment: dict, kind: str, group: str) -> float:
    if not group:
        return impairment[kind]
    values = impairment[kind]
    return min(value for name, value in values.items() if name in (group, f"{group}_r", f"{group}_l"))


def test_hemiplegia_is_on_one_side_and_on_both_sides_of_the_body_in_turn(samples):
    people = samples["cerebral_palsy"]
    hemiplegic = people[people["pattern"] == "hemiplegic"]
    sides = [{key[-1] for key in imp["weakness"]} for imp in hemiplegic["impairment"]]
    assert all(len(side) == 1 for side in sides)
    assert 0.35 < np.mean([side == {"r"} for side in sides]) < 0.65
    assert hemiplegic["kind"].eq("stride").all()


def test_on_and_off_are_the_same_person_with_more_of_the_disease(samples):
    pairs = samples["parkinsons"].pivot_table(
        index="person_id", columns="medication", values=["age_years", "height_m", "severity"], aggfunc="first"
    ).dropna()  # fmt: skip
    assert len(pairs) > 0.45 * N
    for key in ("age_years", "height_m", "severity"):
        np.testing.assert_allclose(pairs[key]["on"], pairs[key]["off"])
    people = samples["parkinsons"].set_index("person_id")
    rigidity = people["impairment"].map(lambda imp: imp["rigidity"])
    on, off = (rigidity[people["medication"] == name] for name in ("on", "off"))
    assert off.mean() > on.mean() + 0.1


def test_correlations_of_the_file_are_found_in_the_sample():
    people = sample_cohort("older_adult", 1024, seed=3)
    ordinary = people[people["design"] == "population"]
    for item in load_cohort("older_adult").correlations:
        first, second = item.between
        rank = spearmanr(ordinary[first], ordinary[second])[0]
        assert rank == pytest.approx(6 / np.pi * np.arcsin(item.value / 2), abs=0.06), item.between
    corner = people[people["design"] == "corner"]
    assert len(corner) == pytest.approx(len(people) / CORNER_EVERY, abs=3)
    assert abs(spearmanr(corner["severity"], corner["speed_share"])[0]) < 0.1


def test_sample_fills_the_space_better_than_chance():
    people = sample_cohort("healthy_adult", 512, seed=2)
    rows = people[people["design"] == "corner"]
    points = np.column_stack(
        [rank_uniform(rows[key]) for key in ("severity", "pace", "speed_share", "age_years")]
    )
    rng = np.random.default_rng(0)
    chance = np.mean([qmc.discrepancy(rng.random(points.shape)) for _ in range(10)])
    assert qmc.discrepancy(points) < 0.7 * chance


def rank_uniform(values):
    low, high = values.min(), values.max()
    return (values - low) / (high - low)


def test_variability_of_a_cohort_is_the_published_one(samples):
    """Mean coefficients of variation (%) against the sources that the files name."""
    ordinary = {name: rows[rows["design"] == "population"] for name, rows in samples.items()}
    mean = {name: 100 * rows["stride_time_cv"].mean() for name, rows in ordinary.items()}
    assert mean["healthy_adult"] == pytest.approx(1.94, abs=0.15)
    assert mean["healthy_adult"] < mean["older_adult"] < mean["parkinsons"] < mean["dementia"]
    children = ordinary["healthy_child"]
    for low, high, published in ((3, 5, 6.4), (6, 8, 3.6), (10, 14, 2.5)):
        found = 100 * children[children["age_years"].between(low, high)]["stride_time_cv"].mean()
        assert found == pytest.approx(published, abs=0.7), (low, high)


def test_body_and_speed_of_healthy_people_are_those_of_the_sources():
    assert build_person(30, "m", 0, 0).height_m == pytest.approx(1.76, abs=0.01)
    assert build_person(8, "f", 0, 0).mass_kg == pytest.approx(15.9 * 1.275**2, abs=0.5)
    assert build_person(3, "f", -2.4, -2).height_m >= 0.85
    assert compute_comfortable_speed(45, "m") == pytest.approx(1.43, abs=0.01)
    assert compute_comfortable_speed(85, "f") == pytest.approx(0.97, abs=0.04)


def test_quantiles_are_those_of_the_shape():
    normal = Variable(
        unit="1", shape="normal", mean=2, sd=1, low=-20, high=20, source="known answer of a test"
    )
    np.testing.assert_allclose(normal.compute_quantile(np.array([0.5, 0.84134])), [2, 3], atol=1e-3)
    log = Variable(
        unit="1", shape="lognormal", mean=2, sd=0.5, low=1e-3, high=1e3, source="known answer of a test"
    )
    values = log.compute_quantile((np.arange(20_000) + 0.5) / 20_000)
    assert values.mean() == pytest.approx(2, rel=1e-3) and values.std() == pytest.approx(0.5, rel=1e-2)


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        (("variables", "age_years", "low"), 99, "low 99 is not below"),
        (("variables", "age_years", "source"), "assumption", "source"),
        (("variables", "speed_share", "mean"), 3.0, "lies outside"),
        (("variables", "hight_z"), {}, "hight_z"),
        (("patterns", "ordinary", "share"), 0.5, "do not add up"),
        (("patterns", "ordinary", "impairment", 0, "part"), "weakness", "part 'weakness' is unknown"),
        (("patterns", "ordinary", "impairment", 0, "severe"), 0.01, "outside 0.1-1.0"),
        (("correlations", 0, "between"), ["severity", "luck"], "luck"),
        (("correlations", 0, "value"), 1.5, "less than 1"),
    ],
)
def test_faulty_cohort_files_are_named(tmp_path, place, value, named):
    values = json.loads(load_cohort("healthy_adult").model_dump_json(exclude_none=True))
    target = values
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    path = tmp_path / "odd.yaml"
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(InputError, match="odd.yaml") as caught:
        read_cohort(path)
    assert named in str(caught.value)


def test_unknown_cohort_and_no_yaml(tmp_path):
    with pytest.raises(InputError, match="'child' is unknown; there are healthy_child"):
        load_cohort("child")
    (tmp_path / "odd.yaml").write_text("a: [")
    with pytest.raises(InputError, match="odd.yaml: not valid YAML"):
        read_cohort(tmp_path / "odd.yaml")


def test_impossible_correlations_are_refused():
    values = json.loads(load_cohort("healthy_adult").model_dump_json(exclude_none=True))
    source = "known answer of a test"
    values["correlations"] = [
        {"between": ["severity", "pace"], "value": 0.9, "source": source},
        {"between": ["severity", "speed_share"], "value": 0.9, "source": source},
        {"between": ["pace", "speed_share"], "value": -0.9, "source": source},
    ]
    with pytest.raises(ValueError, match="impossible"):
        Cohort.model_validate(values)
    assert set(VARIABLES) == set(values["variables"])
