"""Equivalence, calibration, subgroups, models, power and the printed tables on tables with known answers."""

import numpy as np
import pandas as pd
import pytest
from evaluate_toys import build_table

from gaitlib.errors import InputError
from gaitlib.evaluate import words
from gaitlib.evaluate.bias_model import fit_bias_model
from gaitlib.evaluate.calibration import (
    compute_abstention,
    compute_clustered_share,
    compute_interval_coverage,
    compute_wilson_interval,
)
from gaitlib.evaluate.discrimination import compute_auc
from gaitlib.evaluate.equivalence import compare_methods, compute_tost
from gaitlib.evaluate.inputs import (
    check_agreement_table,
    format_error,
    format_interval,
    format_outcome,
    get_label,
    read_margins,
)
from gaitlib.evaluate.power import compute_detectable_difference, compute_provable_margin
from gaitlib.evaluate.subgroups import compute_subgroup_gaps
from gaitlib.evaluate.tables import (
    NOT_EVALUATED,
    SIMULATED,
    build_agreement_table,
    build_people_table,
    format_agreement_table,
    format_statistic,
)

MARGINS = {"speed_mps": {"value": 0.1, "source": "Perera 2006"}}
TIDY = build_table([("child", 12, 3), ("parkinsons", 15, 1), ("neurological", 4, 2)])


def rng():
    return np.random.default_rng(0)


# --- the input table -------------------------------------------------------------------------------------


def test_all_missing_columns_are_named_at_once():
    with pytest.raises(InputError, match=r"reference, status missing; found dataset, subgroup"):
        check_agreement_table(TIDY.drop(columns=["reference", "status"]))


def change(column, value, row=3):
    table = TIDY.copy()
    table[column] = table[column].astype(object)
    table.loc[row, column] = value
    return table


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("reference", np.nan, "reference: missing or infinite; leave out walks.*1 row.*'child00'"),
        ("reference", np.inf, "reference: missing or infinite"),
        ("reference", "fast", "reference holds values that are not numbers"),
        ("estimate", np.nan, "estimate: missing although status is 'ok'"),
        ("status", "", "status: empty"),
        ("status", None, "status: empty"),
        ("person_id", None, "person_id: missing"),
        ("lower", np.nan, "only one of the two ends"),
        ("lower", 9.0, "the interval is reversed"),
        ("walk_id", "w0", "occurs twice"),
    ],
)
def test_malformed_rows(column, value, message):
    with pytest.raises(InputError, match=message):
        build_agreement_table(change(column, value), rng=rng())


def test_unknown_grouping_and_margins_without_a_source():
    with pytest.raises(InputError, match="by: clinic not found"):
        build_agreement_table(TIDY, by=["clinic", "outcome"])
    with pytest.raises(InputError, match="different outcomes"):
        both = pd.concat([TIDY, TIDY.assign(outcome="step_length_m")])
        build_agreement_table(both, by=["subgroup", "method"])
    for bad in (0.1, {"value": 0.1}, {"value": -1, "source": "x"}, {"value": "0.1", "source": "x"}):
        with pytest.raises(InputError, match="margins: speed_mps"):
            read_margins({"speed_mps": bad})


def test_margins_as_the_study_file_gives_them():
    assert read_margins(None) == {}
    assert read_margins(MARGINS)["speed_mps"] == (0.1, "Perera 2006", "clinical")
    technical = {"step_time_s": {"value": 0.02, "source": "Stenum 2021", "kind": "technical"}}
    assert read_margins(technical)["step_time_s"].kind == "technical"
    assert read_margins(read_margins(technical)) == read_margins(technical)


# --- the agreement table ---------------------------------------------------------------------------------


def test_table_counts_people_and_walks_and_keeps_raw_numbers():
    table = build_agreement_table(TIDY, margins=MARGINS, rng=rng(), n_resamples=300)
    assert len(table) == 6 and (table["origin"] == "real").all()
    child = table[(table["subgroup"] == "child") & (table["method"] == "synthetic")].iloc[0]
    assert (child["n_people"], child["n_walks"], child["n_abstained"]) == (12, 36, 0)
    assert child["bias_lower"] < child["bias"] < child["bias_upper"]
    assert child["interval_coverage"] == pytest.approx(0.9, abs=0.1)
    assert 0.7 < child["within_margin"] <= 1 and child["margin_source"] == "Perera 2006"
    few = table[table["subgroup"] == "neurological"].iloc[0]
    assert few["n_people"] == 4 and np.isfinite(few["mae_lower"])
    assert "few people (4)" in few["note"]


def test_what_was_not_evaluated_has_a_row():
    table = build_agreement_table(
        TIDY,
        expected={"subgroup": ["child", "dementia"], "outcome": ["speed_mps"], "method": ["synthetic"]},
        rng=rng(),
        n_resamples=200,
    )
    row = table[table["subgroup"] == "dementia"]
    assert len(row) == 1 and row["note"].item() == NOT_EVALUATED and row["n_people"].item() == 0
    assert np.isnan(row["mae"].item())
    assert (table["subgroup"] == "child").sum() == 2
    with pytest.raises(InputError, match="expected: clinic"):
        build_agreement_table(TIDY, expected={"clinic": ["A"]}, rng=rng(), n_resamples=200)


def test_an_empty_table_still_says_what_is_missing():
    table = build_agreement_table(TIDY.iloc[:0], expected=[{"subgroup": "dementia", "outcome": "speed_mps"}])
    assert table["note"].tolist() == [NOT_EVALUATED]
    assert NOT_EVALUATED in format_agreement_table(table)["Note"].item()


def test_simulated_people_are_never_pooled_with_real_ones():
    simulated = build_table([("dementia", 5, 2)], dataset="simulated")
    both = pd.concat([build_table([("dementia", 5, 2)], seed=1), simulated])
    table = build_agreement_table(both, rng=rng(), n_resamples=200)
    assert table["origin"].value_counts().to_dict() == {"real": 2, "simulated": 2}
    assert (table["n_people"] == 5).all()
    assert table.loc[table["origin"] == "simulated", "note"].str.startswith(SIMULATED).all()
    only = build_agreement_table(
        simulated, expected={"subgroup": ["dementia"], "outcome": ["speed_mps"]}, rng=rng(), n_resamples=200
    )
    assert NOT_EVALUATED in set(only.loc[only["origin"] == "real", "note"])


def test_abstentions_are_counted_not_dropped():
    table = TIDY.copy()
    hard = (table["subgroup"] == "child") & (table["walk_id"] == "w2") & (table["method"] == "synthetic")
    table.loc[hard, ["estimate", "lower", "upper"]] = np.nan
    table.loc[hard, "status"] = "fewer than three steps"
    found = build_agreement_table(table, rng=rng(), n_resamples=200)
    row = found[(found["subgroup"] == "child") & (found["method"] == "synthetic")].iloc[0]
    assert (row["n_walks"], row["n_walks_all"], row["n_abstained"]) == (24, 36, 12)
    printed = format_agreement_table(found)
    assert "24 of 36" in set(printed["Walks"])
    gone = table[table["subgroup"] == "child"].copy()
    gone["status"] = "blurred"
    found = build_agreement_table(gone, rng=rng(), n_resamples=200)
    assert found["note"].iloc[0] == "not evaluated: 0 people with an estimate, 3 needed; blurred (36)"
    gone.loc[gone["person_id"] == gone["person_id"].iloc[0], "status"] = "ok"
    gone[["estimate", "lower", "upper"]] = 1.0
    note = build_agreement_table(gone, rng=rng(), n_resamples=200)["note"].iloc[0]
    assert note.startswith("not evaluated: 1 person with an estimate, 3 needed")


def test_slopes_and_correlations_of_few_people_are_not_shown():
    table = build_agreement_table(TIDY, rng=rng(), n_resamples=200)
    own = table[table["method"] == "synthetic"].set_index("subgroup")
    for statistic in ("slope_reference", "r", "icc_2_1", "ccc"):
        shown = {name: format_statistic(row, statistic) for name, row in own.iterrows()}
        assert shown["neurological"] == "–" != shown["child"]
    assert format_statistic(own.loc["neurological"], "bias") != "–", "four people"


def test_the_end_of_an_interval_keeps_its_side_of_zero():
    assert format_interval(-0.4, -0.7, -0.03, 1) == "\u22120.4 (\u22120.7 to \u22120.03)"
    assert format_interval(5.0, 0.0, 12.0, 0) == "5 (0 to 12)"
    assert format_interval(0.2, -1e-9, 0.4, 1) == "0.2 (0.0 to 0.4)", "zero but for rounding"
    assert format_interval(0.04, 0.01, 0.12, 1) == "0.04 (0.01 to 0.1)", "a value lies in its interval"
    error = {"mae": 0.037, "mae_lower": 0.00001, "mae_upper": 0.082}
    assert format_error("speed_mps", error) == "0.037 (0.000 to 0.082)", "an error has no side"
    near = {"mae": 0.046, "mae_lower": 0.0, "mae_upper": 0.0996, "margin": 0.1}
    assert format_error("speed_mps", near) == "0.046 (0.000 to 0.0996)", (
        "the end keeps its side of the margin"
    )
    assert format_error("speed_mps", near | {"mae_upper": 0.1}) == "0.046 (0.000 to 0.100)", "on the margin"
    assert format_error("step_length_m", near | {"mae_upper": 0.0361, "mae": 0.02, "margin": 0.036}) == (
        "2.0 (0.0 to 3.61)"
    )


def test_warnings_of_a_fit_are_said_in_words():
    from gaitlib.evaluate import bias_model

    class Fit:
        converged, scale, bse = True, 1.0, np.ones(1)
        cov_re = pd.DataFrame([[0.1]])

        def fit(self, reml, method):
            import warnings

            warnings.warn("The MLE may be on the boundary of the parameter space.", stacklevel=1)
            return self

    assert bias_model.fit_mixed(Fit())[1] == [
        "the spread between people is hardly told apart from that between walks"
    ]


def test_two_people_of_equal_name_in_two_data_sets_are_two_people():
    both = pd.concat([build_table([("child", 3, 1)]), build_table([("child", 3, 1)], dataset="other")])
    table = build_agreement_table(both, rng=rng(), n_resamples=200)
    assert (table["n_people"] == 6).all() and (table["datasets"] == "demo, other").all()


def test_a_walk_seen_from_two_sides_is_one_walk():
    both = pd.concat([TIDY, TIDY.assign(view="front")])
    table = build_agreement_table(both, by=["subgroup", "outcome", "method"], rng=rng(), n_resamples=200)
    assert table.loc[table["subgroup"] == "child", "n_walks"].tolist() == [36, 36]


def test_equal_tables_give_equal_numbers_without_a_generator():
    pd.testing.assert_frame_equal(
        build_agreement_table(TIDY, n_resamples=200), build_agreement_table(TIDY, n_resamples=200)
    )


def test_printed_table_is_text_with_units():
    table = build_agreement_table(TIDY, margins=MARGINS, rng=rng(), n_resamples=200)
    printed = format_agreement_table(table, labels={"synthetic": "synthetic only"})
    assert all(isinstance(value, str) for value in printed.to_numpy().ravel())
    assert set(printed["Outcome"]) == {"Speed (m/s)"}
    assert "synthetic only" in set(printed["Method"])
    assert printed["Bias (95% CI)"].str.match(r"^−?\d\.\d{3} \(−?\d\.\d{3} to −?\d\.\d{3}\)$").all()
    assert printed["Within margin"].str.contains("±0.100").all()
    with pytest.raises(InputError, match="statistics: kappa"):
        format_agreement_table(table, ["kappa"])


def test_labels_and_numbers_as_printed():
    assert get_label("step_length_m") == "Step length (cm)"
    assert get_label("step_time_s") == "Step time (ms)"
    assert get_label("cadence_spm") == "Cadence (steps/min)"
    assert get_label("stance_share") == "Stance (% of the stride)"
    assert format_interval(-0.0001, -0.2, 0.1, 2) == "0.00 (−0.20 to 0.10)"
    assert format_interval(np.nan, 0, 1, 2) == "–"
    assert get_label("stride_time_cv") == "Stride time variability (%)"
    assert format_outcome("step_length_m", 0.0123, -0.004, 0.02) == "1.2 (−0.4 to 2.0)"
    assert format_outcome("step_time_s", 0.0104) == "10" and format_outcome("speed_mps", 0.0274) == "0.027"
    assert format_outcome("speed_mps", 0.0274, 0.02, 0.031, brief=True) == "0.03 (0.02 to 0.03)"


def test_what_boxes_say_has_the_digits_of_the_tables():
    error = {"mae": 0.0648, "mae_lower": 0.0004, "mae_upper": 0.15}
    table = format_error("speed_mps", error)
    assert words.describe_error(error, "speed_mps") == "0.065 m/s (95 % interval 0.000 to 0.150)"
    assert table == "0.065 (0.000 to 0.150)" and words.describe_size(0.0648, "speed_mps") == "0.065 m/s"
    assert [words.describe_margin(size, "speed_mps") for size in (0.1, 0.082)] == ["0.1 m/s", "0.082 m/s"]
    assert words.describe_margin(0.036, "step_length_m") == "3.6 cm"
    assert words.say_side("below", ["speed"]) == "the error of speed is below its margin"
    assert words.say_side("above", list("abc")) == "the errors of a, b and c are above their margins"
    assert words.name_group("Parkinson's disease") == "Parkinson's disease"
    assert words.name_group("After stroke") == "people after stroke"


def test_people_table():
    people = pd.DataFrame(
        {
            "subgroup": ["child"] * 3 + ["dementia"], "person_id": list("abcd"),
            "age_years": [6, 8, 10, np.nan], "sex": ["f", "m", None, None], "height_m": [1.1, 1.3, 1.4, 1.7],
        }
    )  # fmt: skip
    found = build_people_table(people).set_index("Subgroup")
    assert found.loc["child", "Age (years)"] == "8.0 (2.0) [6.0 to 10.0]"
    assert found.loc["child", "Women or girls"] == "1, known for 2"
    assert found.loc["dementia", "Age (years)"] == "not known"
    assert found.loc["dementia", "Height (m)"] == "1.70 [1.70 to 1.70]"
    with pytest.raises(InputError, match="occurs twice"):
        build_people_table(pd.concat([people, people]))
    with pytest.raises(InputError, match="person_id missing"):
        build_people_table(people.drop(columns="person_id"))


# --- equivalence -----------------------------------------------------------------------------------------


def test_equivalence_is_the_interval_inside_the_margin():
    draws = np.random.default_rng(1)
    for _ in range(50):
        found = compute_tost(draws.normal(0.05, 0.1, 12), -0.1, 0.1)
        assert found.equivalent == (-0.1 < found.lower and found.upper < 0.1)
    assert compute_tost([0.0, 0.0, 0.0], -0.1, 0.1).equivalent
    with pytest.raises(InputError, match="bounds"):
        compute_tost([0.1, 0.2, 0.3], 0.1, -0.1)
    with pytest.raises(InputError, match="2 people"):
        compute_tost([0.1, 0.2], -0.1, 0.1)


def pair(difference, sd=0.01, people=15):
    """A table in which the new method's absolute error exceeds the standard's by a known amount."""
    draws = np.random.default_rng(2)
    table = build_table([("child", people, 2)], methods=(("new", 0, 0), ("old", 0, 0)))
    error = np.repeat(0.3 + draws.normal(0, 0.1, people), 2)
    table.loc[table["method"] == "old", "estimate"] += error
    table.loc[table["method"] == "new", "estimate"] += error + difference + draws.normal(0, sd, 2 * people)
    return table.assign(lower=np.nan, upper=np.nan)


@pytest.mark.parametrize(
    ("difference", "sd", "verdict"),
    [
        (0.0, 0.01, "equivalent"),
        (-0.08, 0.01, "better, within the margin"),
        (-0.11, 0.01, "better"),
        (0.05, 0.01, "worse, within the margin"),
        (0.3, 0.01, "worse by more than the margin"),
        (0.09, 0.2, "worse"),
        (0.05, 0.2, "inconclusive"),
    ],
)
def test_verdicts(difference, sd, verdict):
    found = compare_methods(pair(difference, sd), "new", "old", MARGINS, rng(), n_resamples=300).iloc[0]
    assert found["verdict"] == verdict
    assert found["difference"] == pytest.approx(difference, abs=3 * sd / np.sqrt(15))
    assert (found["n_people"], found["n_walks"], found["n_people_unpaired"]) == (15, 30, 0)


def test_pairing_sees_what_two_separate_means_would_not():
    found = compare_methods(pair(0.0, 0.01), "new", "old", MARGINS, rng(), n_resamples=300).iloc[0]
    assert found["upper"] - found["lower"] < 0.02  # people differ by 0.1 m/s in error, pairs by 0.01


def test_swapping_methods_turns_the_difference():
    a = compare_methods(pair(0.05), "new", "old", MARGINS, rng(), n_resamples=300).iloc[0]
    b = compare_methods(pair(0.05), "old", "new", MARGINS, rng(), n_resamples=300).iloc[0]
    assert (a["lower"], a["upper"]) == pytest.approx((-b["upper"], -b["lower"]))


def test_refused_walks_are_counted_against_nobody_silently():
    table = pair(0.0)
    refused = (table["method"] == "new") & (table["person_id"].isin(["child00", "child01"]))
    table.loc[refused, "status"] = "too short"
    found = compare_methods(table, "new", "old", MARGINS, rng(), n_resamples=300).iloc[0]
    assert (found["n_people"], found["n_people_unpaired"], found["n_abstained_new"]) == (13, 2, 4)
    with pytest.raises(InputError, match="method 'ridge' not in the table; found new, old"):
        compare_methods(table, "new", "ridge", MARGINS, rng())


def test_two_people_are_not_compared():
    found = compare_methods(pair(0.0, people=2), "new", "old", MARGINS, rng(), n_resamples=300).iloc[0]
    assert found["verdict"] == "not compared" and "3 needed" in found["note"]


# --- calibration -----------------------------------------------------------------------------------------


def test_coverage_of_honest_and_of_narrow_intervals():
    table = build_table([("child", 60, 3)], methods=(("honest", 0.0, 0.06),))
    assert compute_interval_coverage(table)["verdict"].item() == "as promised"
    middle = (table["lower"] + table["upper"]) / 2
    narrow = table.assign(lower=middle - 0.02, upper=middle + 0.02)
    found = compute_interval_coverage(narrow).iloc[0]
    assert found["verdict"] == "too narrow" and found["mean_width"] == pytest.approx(0.04)
    assert found["coverage"] + found["share_below"] + found["share_above"] == pytest.approx(1)
    wide = table.assign(lower=middle - 9, upper=middle + 9)
    assert compute_interval_coverage(wide)["verdict"].item() == "too wide"
    assert compute_interval_coverage(wide)["coverage"].item() == 1
    score = [compute_interval_coverage(t)["interval_score"].item() for t in (table, narrow, wide)]
    assert min(score) == score[0]
    none = compute_interval_coverage(table.assign(lower=np.nan, upper=np.nan)).iloc[0]
    assert none["verdict"] == "no intervals" and none["n_without_interval"] == 180


def test_repeated_walks_do_not_narrow_the_share():
    hits = np.r_[np.ones(8), np.zeros(2)].astype(bool)
    once = compute_clustered_share(hits, np.arange(10))
    copies = compute_clustered_share(np.repeat(hits, 20), np.repeat(np.arange(10), 20))
    assert once[1:3] == pytest.approx(copies[1:3])
    assert once[1:3] == pytest.approx(compute_wilson_interval(0.8, 10))
    share, low, high, n = compute_clustered_share(np.ones(40, bool), np.repeat(np.arange(4), 10))
    assert (share, high, n) == (1, 1, 4) and low == pytest.approx(0.51, abs=0.01)
    with pytest.raises(InputError, match="no rows"):
        compute_clustered_share([], [])


def test_abstention():
    table = TIDY[TIDY["method"] == "synthetic"].copy()
    table.loc[table["walk_id"] == "w1", "status"] = "feet hidden"
    found = compute_abstention(table, by=["subgroup"]).set_index("subgroup")
    assert found.loc["child", "abstained"] == pytest.approx(1 / 3)
    assert found.loc["child", "reasons"] == "feet hidden (12)"
    assert found.loc["parkinsons", "abstained"] == 0 and found.loc["parkinsons", "upper"] > 0.1


# --- subgroups, models, power, discrimination --------------------------------------------------------------


def test_gap_to_the_best_group():
    good = build_table([("child", 30, 2)], methods=(("m", 0, 0.02),))
    bad = build_table([("dementia", 30, 2)], methods=(("m", 0, 0.10),), seed=1)
    few = build_table([("neurological", 2, 2)], methods=(("m", 0, 0.10),), seed=2)
    found = compute_subgroup_gaps(pd.concat([good, bad, few]), rng(), n_resamples=500).set_index("subgroup")
    expected = np.sqrt(2 / np.pi) * (0.10 - 0.02)
    assert found.loc["dementia", "compared_with"] == "child"
    assert found.loc["dementia", "lower"] < expected < found.loc["dementia", "upper"]
    assert found.loc["dementia", "gap"] == pytest.approx(expected, abs=0.02)
    assert found.loc["dementia", "p_holm"] < 1e-4 and found.loc["dementia", "is_worst"]
    assert found.loc["neurological", "note"] == "not compared: 2 people, 3 needed"
    assert found.loc["neurological", "n_people"] == 2 and np.isnan(found.loc["neurological", "gap"])
    turned = compute_subgroup_gaps(
        pd.concat([good, bad]), rng(), against="dementia", n_resamples=500
    ).set_index("subgroup")
    assert turned.loc["child", "gap"] == pytest.approx(-found.loc["dementia", "gap"])
    with pytest.raises(InputError, match="against"):
        compute_subgroup_gaps(good, rng(), against="adults")


def test_gaps_keep_their_error_rate():
    """Four equal groups, one declared beforehand: a gap is claimed in about 5 % of studies at most."""
    draws, claims = np.random.default_rng(3), 0
    for seed in range(25):
        table = build_table([(name, 8, 1) for name in "abcd"], methods=(("m", 0, 0.05),), seed=seed)
        claims += (compute_subgroup_gaps(table, draws, against="a", n_resamples=100)["p_holm"] < 0.05).any()
    assert claims <= 5


def test_bias_model_recovers_effects_and_people():
    draws = np.random.default_rng(4)
    table = build_table([("child", 40, 4), ("adult", 40, 4)], methods=(("m", 0.0, 0.03),))
    table["person_error"] = table.groupby("person_id")["reference"].transform(lambda s: draws.normal(0, 0.06))
    table["estimate"] += table["person_error"] + np.where(table["subgroup"] == "child", 0.1, 0.0)
    found = fit_bias_model(table.assign(lower=np.nan, upper=np.nan), "C(subgroup) + reference")
    effect = found.effects.loc["C(subgroup)[T.child]"]
    assert found.kind.startswith("mixed model")
    assert effect["lower"] < 0.1 < effect["upper"] and effect["p"] < 0.001
    assert found.sd_person == pytest.approx(0.06, rel=0.25)
    assert found.sd_residual == pytest.approx(0.03, rel=0.15)
    assert (found.n_people, found.n_walks) == (80, 320)
    assert found.diagnostics["shapiro_p"] > 1e-4


def test_bias_model_without_repeats_or_without_people_variance():
    single = fit_bias_model(build_table([("child", 20, 1), ("adult", 20, 1)], methods=(("m", 0, 0.05),)))
    assert single.kind.startswith("linear model, HC3") and np.isnan(single.sd_person)
    flat = fit_bias_model(
        build_table([("child", 20, 4), ("adult", 20, 4)], methods=(("m", 0, 0.05),), seed=5)
    )
    assert np.isfinite(flat.effects.to_numpy()).all()


def test_bias_model_refuses_what_it_cannot_fit():
    one = build_table([("child", 12, 2)], methods=(("m", 0, 0.05),))
    with pytest.raises(InputError, match="method: found ridge_real, synthetic"):
        fit_bias_model(TIDY)
    with pytest.raises(InputError, match="does not fit the columns"):
        fit_bias_model(one, "age_years")
    with pytest.raises(InputError, match="cannot be told apart"):
        fit_bias_model(one.assign(copy=one["reference"] * 2), "reference + copy")
    with pytest.raises(InputError, match="2 people"):
        fit_bias_model(build_table([("child", 2, 5)], methods=(("m", 0, 0.05),)), "reference")
    known = one.assign(age_years=np.where(one["person_id"] == "child00", np.nan, np.arange(len(one))))
    assert fit_bias_model(known, "age_years").notes[0] == "2 rows without a covariate left out"


def test_power_by_simulation():
    draws = np.random.default_rng(6)
    size = compute_detectable_difference(0.1, 12)
    samples = draws.normal(size, 0.1, (4000, 12))
    t = samples.mean(axis=1) / (samples.std(axis=1, ddof=1) / np.sqrt(12))
    assert np.mean(np.abs(t) > 2.201) == pytest.approx(0.8, abs=0.03)
    margin = compute_provable_margin(0.1, 12)
    shown = [compute_tost(row, -margin, margin).equivalent for row in draws.normal(0, 0.1, (2000, 12))]
    assert np.mean(shown) == pytest.approx(0.8, abs=0.03)
    assert compute_detectable_difference(0.1, 48) < size
    with pytest.raises(InputError, match="expected n >= 2"):
        compute_detectable_difference(0.1, 1)


def test_auc_at_its_ends():
    apart = compute_auc([1, 1, 1, 0, 0, 0], [3, 4, 5, 0, 1, 2])
    assert (apart.value, apart.upper) == (1, 1) and apart.lower < 0.5
    same = compute_auc([1, 1, 0, 0], [1, 1, 1, 1])
    assert same.value == 0.5
    with pytest.raises(InputError, match="at least 2 each"):
        compute_auc([1, 0, 0], [1, 2, 3])
    with pytest.raises(InputError, match="one finite value per person"):
        compute_auc([1, 1, 0, 0], [1, 2, 3])
