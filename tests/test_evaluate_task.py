"""Telling groups apart on unseen people, models of the bias, and pages over all groups."""

import numpy as np
import pandas as pd
import pytest
from evaluate_toys import build_table
from notebook_cells import read_definitions

from gaitlib.errors import InputError
from gaitlib.evaluate.agreement import list_statistics
from gaitlib.evaluate.bias_model import MIXED, fit_bias_model
from gaitlib.evaluate.discrimination import compute_auc, compute_pair_auc
from gaitlib.evaluate.subgroups import compute_subgroup_gaps
from gaitlib.evaluate.words import compare_with_margin

MARGINS = {"speed_mps": {"value": 0.1, "kind": "clinical", "source": "test source"}}
GROUPS = (("neurological", 12, 2), ("healthy_adult", 11, 2))


def test_features_of_noise_tell_nobody_apart():
    """The mean area over experiments is one half; leaving out single people would drag it below."""
    rng = np.random.default_rng(0)
    positive = np.arange(20) < 10
    areas = [compute_pair_auc(positive, rng.normal(size=(20, 3))).value for _ in range(40)]
    assert np.mean(areas) == pytest.approx(0.5, abs=0.06)


def test_one_feature_is_the_plain_area_where_its_direction_is_clear():
    rng = np.random.default_rng(1)
    positive = np.arange(24) < 12
    score = rng.normal(size=24) + 1.5 * positive
    one, plain = compute_pair_auc(positive, score[:, None]), compute_auc(positive, score)
    assert one.value == plain.value and one.standard_error == pytest.approx(plain.standard_error)


def test_two_features_find_what_one_hides():
    rng = np.random.default_rng(2)
    positive = np.arange(60) < 30
    shared = rng.normal(0, 5, 60)
    features = np.column_stack([shared + positive * 1.5, shared + rng.normal(0, 0.5, 60)])
    assert (
        compute_pair_auc(positive, features).value > 0.9 > 0.7 > compute_auc(positive, features[:, 0]).value
    )


@pytest.mark.parametrize(
    ("positive", "features"), [([1, 1, 0, 0, 0], np.zeros((5, 2))), ([1, 1, 1, 0, 0, 0], np.zeros(6))]
)
def test_too_few_people_or_no_table(positive, features):
    with pytest.raises(InputError, match="features|people"):
        compute_pair_auc(positive, features)


def test_residuals_and_people_of_the_model_are_kept():
    table = build_table(GROUPS, methods=(("synthetic", 0.0, 0.03),))
    rng = np.random.default_rng(3)
    own = dict(zip(sorted(set(table["person_id"])), rng.normal(0, 0.1, 23), strict=True))
    table["estimate"] += table["person_id"].map(own)
    model = fit_bias_model(table)
    assert model.kind == MIXED and len(model.person_effects) == 23
    assert len(model.residuals) == len(table) and abs(model.residuals["residual"].mean()) < 1e-6
    effects = model.person_effects.rename(lambda name: name.partition("/")[2])
    assert np.corrcoef(effects, pd.Series(own)[effects.index])[0, 1] > 0.9


def test_residual_figure_has_a_panel_for_people():
    from gaitlib.evaluate.plots import plot_residuals

    table = build_table(GROUPS, methods=(("synthetic", 0.0, 0.03),))
    table["estimate"] += table["person_id"].str[-2:].astype(float) / 50
    figure = plot_residuals(fit_bias_model(table), "m/s")
    assert len(figure.axes) == 3 and all("(m/s)" in ax.get_ylabel() for ax in figure.axes)


def test_file_of_statistics():
    table = build_table(GROUPS, methods=(("synthetic", 0.0, 0.02),), origin="real")
    listed = list_statistics(table, 1, 200)
    assert set(listed["subgroup"]) == {"neurological", "healthy_adult"} and listed["bca_lower"].notna().any()
    mae = listed[listed["statistic"] == "mae"]
    assert (mae["analytic_lower"] <= mae["value"]).all() and (mae["n_walks"] > mae["n_people"]).all()


def test_the_worst_group_is_named_and_the_best_compared_with_itself():
    table = build_table([*GROUPS, ("child", 12, 1)], origin="real", methods=(("synthetic", 0.0, 0.03),))
    table.loc[table["subgroup"] == "child", "estimate"] += 0.3
    gaps = compute_subgroup_gaps(table, np.random.default_rng(1), n_resamples=200).set_index("subgroup")
    assert gaps["is_worst"].tolist() == [name == "child" for name in gaps.index]
    assert gaps.loc["child", "p_holm"] < 0.001 and (gaps.index == gaps["compared_with"]).sum() == 1


@pytest.mark.parametrize(
    ("lower", "upper", "verdict"),
    [
        (0.02, 0.10, "below"),
        (0.02, 0.11, "not told apart from"),
        (0.10, 0.20, "not told apart from"),
        (0.11, 0.20, "above"),
        (np.nan, np.nan, "not told apart from"),
    ],
)
def test_an_error_meets_its_margin_with_its_whole_interval(lower, upper, verdict):
    assert compare_with_margin(pd.Series({"mae_lower": lower, "mae_upper": upper}), 0.10) == verdict


def test_trainings_of_several_seeds_are_no_people():
    table = build_table(GROUPS, methods=(("synthetic", 0.0, 0.02),), origin="real")
    parts = [
        table.assign(kind="efficiency", arm=arm, n_train=n, seed=seed)
        for arm, n in (("synthetic people", 0), ("real people", 5), ("real people", 20))
        for seed in (1, 2)
    ]
    summarise_runs = read_definitions("5_compare")["summarise_runs"]
    runs = summarise_runs(pd.concat(parts), "side", MARGINS, 0, 200)
    assert len(runs) == 3 and (runs["n_people"] == 23).all()
