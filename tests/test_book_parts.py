"""What the book adds to pages when it is built: formulas, parameters, sections, numbers set as in print."""

import sys

import pytest

from gaitlib.environment import ROOT
from gaitlib.report.page import describe_basis, set_type, show_figure, show_table
from gaitlib.workflow.execute import read_parameters

sys.path.insert(0, str(ROOT / "book" / "_ext"))
import lookup_pages  # noqa: E402
import mathml  # noqa: E402
import page_parts  # noqa: E402


def test_an_index_stands_beside_an_accented_letter():
    drawn = "".join(mathml.draw_formula(r"\hat y_{i} \le \bar\sigma", True).split())
    assert '<msub><moveraccent="true"><mi>y</mi>' in drawn and drawn.count("<msub>") == 1
    assert "≤" in drawn and "&le;" not in drawn


def test_the_limit_of_a_sum_may_be_a_formula():
    drawn = "".join(mathml.draw_formula(r"\sum_{j=1}^{n_i} x_j", True).split())
    assert "<munderover>" in drawn and "<moveraccent" not in drawn


def test_formulas_in_a_line_may_stand_beneath_each_other():
    assert mathml.split_formula(r"a = b, \qquad c = \frac{1}{2}") == ["a = b,", r"c = \frac{1}{2}"]
    whole = r"\left( a \qquad b \right)"
    assert mathml.split_formula(whole) == [whole]


def test_a_formula_breaks_before_signs_outside_brackets():
    broken = mathml.break_formula(
        r"t_- = -a + \left( b - c \right) \quad \text{and } \lVert x - y \rVert \le 2"
    )
    assert [part.strip() for part in broken] == [
        "t_-", "= -a", r"+ \left( b - c \right)", r"\quad", r"\text{and } \lVert x - y \rVert", r"\le 2"
    ]  # fmt: skip
    rest = "".join(mathml.draw_formula("- b", True, goes_on=True).split())
    assert '<moform="infix">−</mo>' in rest, "it keeps its space to what stands before it"


def test_the_name_of_a_function_keeps_its_space():
    assert mathml.draw_formula(r"\ln h", True).count("rspace") == 1
    assert mathml.draw_formula(r"\exp\left(h\right)", True).count("rspace") == 0


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_every_parameter_of_a_page_is_described(path):
    rows = page_parts.describe_parameters(path).splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == list(read_parameters(path))
    assert all(row.count("|") == 5 for row in rows)


def test_parameters_say_where_the_study_file_sets_them():
    text = page_parts.describe_parameters(ROOT / "notebooks" / "3_train.ipynb")
    assert "`estimate.batch_size`: 1 or more" in text, "not that of another section"
    text = page_parts.describe_parameters(ROOT / "notebooks" / "4_evaluate.ipynb")
    assert "`evaluate.bootstrap`: 100 to 100,000" in text and "`evaluate.subgroups.NAME.title`" in text
    assert "`sense.layout`: coco17, body25" in text


def test_words_of_a_table_of_text_are_read_and_numbers_of_results_are_not():
    import pandas as pd

    results = show_table(pd.DataFrame({"MAE": [1, 2]}), "Four words are told.", "published").data
    text = '<p>Two words</p><table class="table"><tr><td>three words more</td></tr></table><pre>code</pre>'
    caption = page_parts.count_words(results.partition("</table>")[2])
    assert page_parts.count_words(text) == 5 and page_parts.count_words(text + results) == 5 + caption


def test_numbers_are_set_as_in_print():
    assert set_type("-5 to 90% (doi 10.1/s1-022-3)") == "\u22125 to 90\u00a0% (doi 10.1/s1-022-3)"
    assert set_type("-0.0 (+0, -0.05)") == "0.0 (0, \u22120.05)"
    assert set_type("3e-05, 2019-2020, -.5") == "3e-05, 2019-2020, \u2212.5"


def test_long_tables_come_as_csv():
    import pandas as pd

    table = pd.DataFrame({"a": range(8)})
    assert "data:text/csv" in show_table(table, "Eight rows", "published").data
    assert 'download="eight_rows.csv"' in show_table(table, "Eight rows", "published").data
    assert "data:text/csv" not in show_table(table[:7], "Seven rows", "published").data


def test_a_phone_gets_its_own_picture_of_a_broad_figure():
    import matplotlib.pyplot as plt

    for width_in, own in ((4, 0), (9, 1)):
        figure, _ = plt.subplots(figsize=(width_in, 3))
        shown = show_figure(figure, "A figure", "published").data
        assert shown.count('<source media="screen and (max-width: 600px)"') == own
        assert shown.count("<img ") == shown.count("<picture>") == 1


def test_a_caption_says_when_simulated_people_stand_beside_real_ones():
    assert describe_basis("beside", 3) == "Real people: 3 people; beside them simulated people, not measured"
    assert describe_basis("real", (51, 57), (82, 82)) == "Real people: 51 of 57 people, 82 walks"
    assert describe_basis("real", (0, 1)) == "Real people: 0 of 1 person"


def test_the_drawn_leg_bends_as_far_as_its_card_states(tmp_path):
    lookup_pages.draw_card("knee_flexion_peak_deg", tmp_path / "knee.svg")
    found = lookup_pages.compute_cases()["As drawn"]["knee_flexion_peak_deg"]
    assert f"<!-- {found:.0f}° -->" in (tmp_path / "knee.svg").read_text(encoding="utf-8")


def test_the_foot_of_a_page_tells_how_long_it_took(tmp_path, monkeypatch):
    from gaitlib.study import load_study
    from gaitlib.workflow import run
    from gaitlib.workflow.bind import describe_making

    folder = tmp_path / "build" / "quick"
    (folder / "parameters").mkdir(parents=True)
    (folder / "parameters" / "1_body.yaml").write_text("seed: 1\n")
    monkeypatch.setattr(run, "ROOT", tmp_path)
    moments = iter([10.0, 74.4])
    monkeypatch.setattr(run.time, "monotonic", lambda: next(moments))
    monkeypatch.setattr(run, "execute_notebook", lambda *_: tmp_path)
    run.run_page("build/quick", "1_body")
    made = describe_making(load_study(ROOT / "studies/quick.yaml"), tmp_path, "1_body", "Made.")
    assert "Made. Run time 64 s." in made
