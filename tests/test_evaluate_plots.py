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
from gaitlib.evaluate.style import PHONE_IN, stack_for_phone
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
    assert "clinical margin ±0.1 m/s\n(Perera 2006)" in texts
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


def find_places(axes):
    return [ax.get_position(original=False) for ax in np.ravel(axes)]


def test_a_row_of_panels_becomes_a_column_on_a_phone():
    figure, axes = plt.subplots(1, 3, figsize=(9, 3), sharey=True, layout="constrained")
    for number, ax in enumerate(axes):
        ax.plot([0, 1], [0, number], label="a label that is far too long to stand in the width of a phone")
    axes[0].set_ylabel("Angle")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower left", ncols=3)
    stack_for_phone(figure)
    figure.draw_without_rendering()
    places = find_places(axes)
    assert figure.get_size_inches()[0] == PHONE_IN
    assert np.ptp([place.x0 for place in places]) < 0.01
    assert all(above.y0 > below.y1 for above, below in zip(places, places[1:], strict=False))
    assert [ax.get_ylabel() for ax in axes] == ["Angle"] * 3, "no neighbour says it any more"
    legend = figure.legends[0].get_window_extent()
    assert legend.x0 >= 0 and legend.x1 <= figure.bbox.x1


def test_a_grid_goes_on_in_two_columns_on_a_phone():
    figure, axes = plt.subplots(2, 3, figsize=(9, 5), layout="constrained")
    for ax in axes[:, 0]:
        ax.set_ylabel("Angle")
    for number, ax in enumerate(axes.flat):
        ax.set_title(str(number))
    assert stack_for_phone(figure)
    figure.draw_without_rendering()
    places = [ax.get_position() for ax in axes.flat]
    for left, right in zip(places[::2], places[1::2], strict=True):
        assert left.x1 < right.x0 and abs(left.y0 - right.y0) < 0.01
    assert places[1].y0 > places[2].y1 and places[3].y0 > places[4].y1
    assert figure.get_supylabel() == "Angle" and not any(ax.get_ylabel() for ax in axes.flat)


def test_a_grid_named_at_its_edges_stays_as_it_is():
    figure, axes = plt.subplots(2, 3, figsize=(9, 5), layout="constrained")
    for ax in axes[0]:
        ax.set_title("a column")
    assert not stack_for_phone(figure) and tuple(figure.get_size_inches()) == (9, 5)


def test_a_grid_of_titled_panels_whose_rows_are_named_becomes_a_column():
    figure, axes = plt.subplots(2, 3, figsize=(9, 5), layout="constrained", sharey=True)
    for ax in axes.flat:
        ax.set_title("its own")
    for ax in axes[:, 0]:
        ax.set_yticks([0, 1], ["one row", "another"])
    axes[1, 2].set_axis_off()
    shown = axes.flat[:5]
    assert stack_for_phone(figure) and figure.axes == list(shown), "what is empty takes no room"
    figure.draw_without_rendering()
    assert np.ptp([place.x0 for place in find_places(shown)]) < 0.01
    told = [[text.get_text() for text in ax.get_yticklabels() if text.get_visible()] for ax in shown]
    assert told == [["one row", "another"]] * 5, "no neighbour says it any more"


def test_four_panels_in_a_row_become_two_columns_with_their_common_label_beneath():
    figure, axes = plt.subplots(1, 4, figsize=(9, 3), layout="constrained")
    for number, ax in enumerate(axes):
        ax.set_title(str(number))
        ax.set_xlabel("Stride (%)")
        ax.plot([0, 1], label="a line")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower left")
    assert stack_for_phone(figure)
    figure.draw_without_rendering()
    assert [ax.get_xlabel() for ax in axes] == ["", "", "Stride (%)", "Stride (%)"]
    legend, panel = figure.legends[0].get_window_extent(), axes[2].get_tightbbox()
    assert legend.y1 <= panel.y0, "and nothing lies over it"


def test_the_label_of_a_figure_and_titles_that_break_have_room_on_a_phone():
    figure, axes = plt.subplots(1, 4, figsize=(9, 3), layout="constrained")
    for ax in axes:
        ax.plot([0, 1], label="a line")
        ax.set(aspect="equal", title="A title that breaks into several lines")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower left")
    figure.supxlabel("A label that is far too long for one line in the width of a phone")
    assert stack_for_phone(figure)
    for _ in range(2):  # as a picture is cut out and saved
        figure.draw_without_rendering()
    label = next(text for text in figure.texts if text.get_text() == figure.get_supxlabel())
    assert not label.get_window_extent().overlaps(figure.legends[0].get_window_extent())
    for above, below in zip(axes[:2], axes[2:], strict=True):
        lowest = min(text.get_window_extent().y0 for text in above.get_xticklabels())
        assert below.title.get_window_extent().y1 <= lowest


def test_panels_of_other_scales_lend_no_label():
    figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
    axes[0].set_ylabel("Autocorrelation")
    stack_for_phone(figure)
    assert axes[1].get_ylabel() == ""


def test_a_forest_on_a_phone_leaves_room_for_its_marks():
    table = build_agreement_table(REAL, margins=MARGINS, n_resamples=100)
    names = {"child": "Children of a group with a very long name"}
    ax = plot_forest(table, "speed_mps", labels=names)
    stack_for_phone(ax.figure)
    ax.figure.draw_without_rendering()
    assert ax.bbox.width > 0.4 * ax.figure.bbox.width
    for text in ax.texts:
        box = text.get_window_extent()
        assert box.x0 >= 0 and box.x1 <= ax.figure.bbox.x1 + 1
