"""Figures say whose data they show, in which unit, and tell groups apart by shape and colour."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from evaluate_toys import build_table

from gaitlib.errors import InputError
from gaitlib.evaluate.plots import plot_bland_altman, plot_forest, plot_scatter
from gaitlib.evaluate.tables import build_agreement_table

MARGINS = {"speed_mps": {"value": 0.1, "source": "Perera 2006"}}
REAL = build_table([("child", 6, 3), ("parkinsons", 5, 1)])
SIMULATED = build_table([("dementia", 4, 2)], dataset="simulated")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def get_texts(ax):
    texts = [text.get_text() for text in ax.texts] + [
        ax.get_title(loc="left"),
        ax.get_xlabel(),
        ax.get_ylabel(),
    ]
    legends = [*ax.figure.legends, *([ax.get_legend()] if ax.get_legend() else [])]
    return texts + [text.get_text() for legend in legends for text in legend.get_texts()]


@pytest.mark.parametrize("draw", [plot_bland_altman, plot_scatter])
def test_figures_state_unit_basis_and_margin(draw):
    texts = get_texts(draw(REAL, "speed_mps", "synthetic", margins=MARGINS))
    assert "Real people: 11 people, 23 walks" in texts
    assert any("m/s" in text and "eference" in text for text in texts)
    assert "clinical margin ±0.10 m/s\n(Perera 2006)" in texts
    assert "SIMULATED" not in texts


@pytest.mark.parametrize("draw", [plot_bland_altman, plot_scatter])
def test_simulated_people_are_marked_and_never_mixed_in(draw):
    texts = get_texts(draw(SIMULATED, "speed_mps", "synthetic"))
    assert "SIMULATED" in texts and "Simulated people, not measured: 4 people, 8 walks" in texts
    with pytest.raises(InputError, match="real and simulated people in one figure"):
        draw(pd.concat([REAL, SIMULATED]), "speed_mps", "synthetic")
    assert "SIMULATED" in get_texts(draw(REAL, "speed_mps", "synthetic", simulated=True))


@pytest.mark.parametrize("draw", [plot_bland_altman, plot_scatter])
def test_nobody_measured_is_written_into_the_figure(draw):
    assert "not evaluated on real people" in get_texts(draw(REAL.iloc[:0], "speed_mps", "synthetic"))


def test_groups_differ_in_shape_and_colour():
    ax = plot_scatter(REAL, "speed_mps", "synthetic")
    handles = ax.figure.legends[0].legend_handles[:2]
    assert handles[0].get_marker() != handles[1].get_marker()
    assert handles[0].get_color() != handles[1].get_color()


def test_bland_altman_against_the_reference_with_sloping_limits():
    texts = get_texts(
        plot_bland_altman(REAL, "speed_mps", "synthetic", against="reference", proportional=True)
    )
    assert "Speed (m/s), reference" in texts
    assert any(text.startswith("changing with size: slope") for text in texts)
    with pytest.raises(InputError, match="against"):
        plot_bland_altman(REAL, "speed_mps", "synthetic", against="time")


def test_two_people_are_drawn_without_limits():
    two = REAL[REAL["person_id"].isin(["child00", "child01"])]
    assert not any("limits" in text for text in get_texts(plot_bland_altman(two, "speed_mps", "synthetic")))


def test_forest_keeps_rows_of_nobody_and_marks_simulated_ones():
    table = build_agreement_table(
        pd.concat([REAL, SIMULATED]),
        margins=MARGINS,
        expected={"subgroup": ["child", "dementia"], "outcome": ["speed_mps"]},
        n_resamples=200,
    )
    ax = plot_forest(table, "speed_mps", "mae")
    rows = [label.get_text() for label in ax.get_yticklabels()]
    assert rows == ["child\n6 / 18", "dementia", "dementia\n4 / 8\nsimulated", "parkinsons\n5 / 5"]
    texts = get_texts(ax)
    assert "not evaluated on real people" in texts and "MAE (m/s), 95 % interval" in texts
    assert "hollow: simulated" in texts
    coverage = plot_forest(
        table, "speed_mps", "interval_coverage", reference_value=0.9, reference_label="promised"
    )
    assert "promised" in get_texts(coverage)
    with pytest.raises(InputError, match="statistic: 'kappa' unknown"):
        plot_forest(table, "speed_mps", "kappa")
    with pytest.raises(InputError, match="outcome: 'gdi' not in the table"):
        plot_forest(table, "gdi")


def test_forest_refuses_two_lines_of_one_method_in_a_row():
    views = pd.concat([REAL, REAL.assign(view="front")])
    table = build_agreement_table(views, n_resamples=200)
    with pytest.raises(InputError, match="several lines of one method"):
        plot_forest(table, "speed_mps")
    assert len(plot_forest(table, "speed_mps", rows=("subgroup", "view")).get_yticklabels()) == 4


def test_nothing_overlaps_on_the_page():
    ax = plot_bland_altman(REAL, "speed_mps", "synthetic", margins=MARGINS, proportional=True)
    ax.figure.canvas.draw()
    legend = ax.figure.legends[0].get_window_extent()
    assert legend.y1 <= ax.xaxis.label.get_window_extent().y0 + 1
    assert legend.x1 <= ax.figure.bbox.x1 + 1


def test_axes_points_and_margin_are_drawn_in_the_unit_of_their_label():
    lengths = REAL[REAL["method"] == "synthetic"].assign(outcome="step_length_m")
    margins = {"step_length_m": (0.036, "source")}
    ax = plot_bland_altman(lengths, "step_length_m", "synthetic", margins=margins)
    error = 100 * (lengths["estimate"] - lengths["reference"])
    drawn = np.concatenate([points.get_offsets()[:, 1] for points in ax.collections])
    np.testing.assert_allclose(sorted(drawn), sorted(error))
    assert "clinical margin ±3.6 cm\n(source)" in get_texts(ax) and ax.get_ylabel().endswith("(cm)")
    table = build_agreement_table(lengths, n_resamples=200)
    ax = plot_forest(table, "step_length_m", "mae")
    drawn = [line.get_xdata()[0] for line in ax.lines if line.get_marker() not in ("", "None")]
    np.testing.assert_allclose(sorted(drawn), sorted(100 * table["mae"]))
