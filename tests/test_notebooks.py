"""Notebooks in git, their parameters, and what is scrubbed from executed copies."""

import ast
import getpass
import json
import re
from pathlib import Path

import pytest
from docutils.utils.math.latex2mathml import tex2mathml

from gaitlib.environment import ROOT, hash_file
from gaitlib.errors import InputError, WorkError
from gaitlib.study import load_study
from gaitlib.workflow import execute as runner
from gaitlib.workflow.bind import describe_inputs, describe_making, lay_out
from gaitlib.workflow.execute import (
    check_parameters,
    execute_notebook,
    fill_markdown,
    find_private_text,
    read_parameters,
    scrub_notebook,
)
from gaitlib.workflow.pages import list_sources, plan_pages

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LONGEST_FUNCTION = 40
"""Lines: what is longer is no part of an argument that reads in one go."""


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def list_code(path):
    return ["".join(cell["source"]) for cell in read(path)["cells"] if cell["cell_type"] == "code"]


def write_notebook(path, *cells, parameters='name: str = "a"\ncount: int = 3\nshare: float = 0.5\n'):
    made = [{"cell_type": "code", "source": parameters, "metadata": {"tags": ["parameters"]}}]
    made += [{"cell_type": "code", "source": text, "metadata": {}} for text in cells]
    for number, cell in enumerate(made):
        cell |= {"outputs": [], "execution_count": None, "id": f"cell-{number}"}
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    values = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_cell_shows_is_its_last_expression(path):
    """A figure or list before it, or inside an `if`, would be made and lost; the answer is put at the top."""
    for code in list_code(path):
        statements = ast.parse(code).body
        lost = statements if not isinstance(statements[-1], ast.Expr) else statements[:-1]
        bare = [node.value for part in lost for node in ast.walk(part) if isinstance(node, ast.Expr)]
        calls = [node for node in bare if isinstance(node, ast.Call)]
        assert not [ast.unparse(c)[:60] for c in calls if ast.unparse(c.func).startswith("page.show_")]


def test_every_notebook_is_a_page_of_the_study_and_of_the_book():
    study = load_study(ROOT / "studies/quick.yaml")
    assert {page.notebook for page in plan_pages(study).values()} == {
        str(path.relative_to(ROOT)) for path in NOTEBOOKS
    }
    contents = (ROOT / "book/_toc.yml").read_text(encoding="utf-8")
    assert not [path.stem for path in NOTEBOOKS if not re.search(rf": {path.stem}$", contents, re.M)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_in_git_carry_no_outputs(path):
    for cell in read(path)["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
    assert set(read(path)["metadata"]) <= {"kernelspec", "language_info"}
    ids = [cell["id"] for cell in read(path)["cells"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_hold_the_argument_and_import_no_engine(path):
    for text in list_code(path):
        for node in ast.walk(ast.parse(text)):
            assert not isinstance(node, ast.ClassDef), f"{path.stem}: classes belong into gaitlib"
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < LONGEST_FUNCTION
    assert "opensim" not in "".join(list_code(path)) and "casadi" not in "".join(list_code(path))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_pages_have_the_same_parts(path):
    """A question, its answer before all else, something to try, what it cannot tell, a summary at the end."""
    cells = ["".join(cell["source"]) for cell in read(path)["cells"] if cell["cell_type"] == "markdown"]
    assert cells[0].startswith("# ") and "?" in cells[0].split("\n", 1)[0], "the title is a question"
    text = "\n\n".join(cells)
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    if path.stem != "0_answer":  # whose summary is the book, and whose limits have a page
        assert headings[-2:] == ["What this cannot tell", "Summary"]
    assert re.search(r"^```\{admonition\} Try this\n:class: tip\n", text, re.MULTILINE)
    first = next(code for code in list_code(path) if re.search(r"page\.show_|display\(", code))
    assert "page.show_answer" in first or re.search(r"^\w+ = display\(.*display_id=True", first, re.MULTILINE)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_book_can_show_every_formula(path):
    """It turns them into MathML without a network, and knows fewer commands than LaTeX."""
    for cell in read(path)["cells"]:
        if cell["cell_type"] == "markdown":
            text = "".join(cell["source"])
            for display, inline in re.findall(r"\$\$(.+?)\$\$|(?<!\$)\$([^$\n]+)\$(?!\$)", text, re.DOTALL):
                tex2mathml((display or inline).strip())
                assert not re.search(r"frac\s*[^{\s]", display or inline), "its fractions need braces"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_result_is_typed_into_prose(path):
    """Digits in prose are years, doi, chapter links or counts of the method; decimals would be results."""
    for cell in read(path)["cells"]:
        if cell["cell_type"] == "markdown":
            text = re.sub(
                r"https?://\S+|doi\s+10\.\S+|10\.\d{4,}/\S+|\d{4};\d+:\d+", "", "".join(cell["source"])
            )
            assert not re.search(r"\d+\.\d+", text), (
                f"{path.stem}: a decimal number stands in prose: {text[:200]}"
            )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_cell_that_draws_shows_its_figure(path):
    """A figure that is neither shown as a plate nor by `plt.show()` is lost or has no caption."""
    for text in list_code(path):
        if "plt.subplots" in text or "plt.figure" in text:
            plate = "show_figure" in text or ("draw_picture" in text and "show_markup" in text)
            assert plate or text.endswith("plt.show()"), text[:100]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_an_answer_box_that_stands_empty_is_filled_later(path):
    code = "\n".join(list_code(path))
    boxes = re.findall(r"^(\w+) = display\(.*display_id=True", code, re.MULTILINE)
    assert all(f"\n{box}.update(" in code for box in boxes)


def test_misspelt_parameter_is_refused_with_the_nearest_name(tmp_path):
    path = write_notebook(tmp_path / "page.ipynb")
    with pytest.raises(InputError, match="'cuont' is unknown; did you mean 'count'"):
        check_parameters(path, {"cuont": 3})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"count": "3"}, "'count' is '3', expected int"),
        ({"count": True}, "expected int"),
        ({"name": 3}, "expected str"),
        ({"name": "/tmp/data"}, "absolute path"),
        ({"name": "~/data"}, "absolute path"),
        ({"share": "half"}, "expected float"),
    ],
)
def test_wrong_types_and_absolute_paths_are_refused(tmp_path, values, words):
    with pytest.raises(InputError, match=words):
        check_parameters(write_notebook(tmp_path / "page.ipynb"), values)


def test_defaults_fill_what_is_not_given(tmp_path):
    path = write_notebook(tmp_path / "page.ipynb")
    assert check_parameters(path, {"count": 4, "share": 1}) == {"name": "a", "count": 4, "share": 1}


@pytest.mark.parametrize(
    "text", ["count = 3\n", "count: int = len('abc')\n", "count: Path = 3\n", "print(3)\n"]
)
def test_parameters_cell_holds_plain_typed_values_only(tmp_path, text):
    path = write_notebook(tmp_path / "page.ipynb", parameters=text)
    with pytest.raises(InputError, match="page.ipynb, parameters cell: found"):
        read_parameters(path)


def test_wrong_parameter_stops_before_any_kernel(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "run_in_kernel", lambda *_: pytest.fail("a kernel was prepared"))
    path = write_notebook(tmp_path / "page.ipynb")
    with pytest.raises(InputError, match="'nmae' is unknown"):
        execute_notebook(path, tmp_path / "out.ipynb", {"nmae": "b"}, tmp_path)
    assert not (tmp_path / "out.ipynb").exists()


def test_execution_keeps_a_scrubbed_copy(tmp_path, monkeypatch):
    monkeypatch.setattr(getpass, "getuser", lambda: "jane.doe")
    text = "import os\nfrom pathlib import Path\nprint(os.getcwd(), Path.home(), 'jane' + '.doe', count)"
    path = write_notebook(tmp_path / "page.ipynb", text)
    out = execute_notebook(path, tmp_path / "out" / "page.ipynb", {"count": 7}, tmp_path)
    content = out.read_text(encoding="utf-8")
    assert find_private_text(content, tmp_path) == []
    assert "papermill" not in json.dumps(json.loads(content)["metadata"])
    printed = [cell["outputs"] for cell in json.loads(content)["cells"] if cell.get("outputs")]
    assert printed[0][0]["text"][0].startswith(". ~ user 7")
    assert [file.name for file in out.parent.iterdir()] == ["page.ipynb"]


def test_failing_notebook_names_cell_and_exception(tmp_path):
    path = write_notebook(
        tmp_path / "page.ipynb", "x = 1", "# look here\nraise ValueError('no walk in sight')"
    )
    with pytest.raises(WorkError) as caught:
        execute_notebook(path, tmp_path / "page_child.ipynb", {}, tmp_path)
    for word in ("page_child", "cell 3", "look here", "ValueError", "no walk in sight"):
        assert word in str(caught.value)
    assert str(caught.value).startswith("a fault of this program, please report it (ValueError: no walk")
    assert not (tmp_path / "page_child.ipynb").exists()
    assert (tmp_path / "page_child.failed.ipynb").exists()


def test_an_error_that_was_foreseen_comes_first_and_is_no_fault(tmp_path):
    text = (
        "from gaitlib.errors import AbsentData\nraise AbsentData('toy', 'toy/a is not here: run make data')"
    )
    path = write_notebook(tmp_path / "page.ipynb", text)
    with pytest.raises(WorkError, match=r"^toy/a is not here: run make data \(cell 2 of notebook page"):
        execute_notebook(path, tmp_path / "out" / "page.ipynb", {}, tmp_path)


def test_no_two_kernels_share_a_socket(tmp_path):
    """Pages start together; with sockets of one name they would read each other's messages."""
    text = "from ipykernel.kernelapp import IPKernelApp\nk = IPKernelApp.instance()\nprint(k.transport, k.ip)"
    path = write_notebook(tmp_path / "page.ipynb", text)
    outs = [execute_notebook(path, tmp_path / f"{n}.ipynb", {}, tmp_path) for n in "ab"]
    cells = [json.loads(out.read_text(encoding="utf-8"))["cells"] for out in outs]
    first, second = (cell["outputs"][0]["text"][0] for (*_, cell) in cells)
    assert first.startswith("ipc /") and second.startswith("ipc /") and first != second


def test_notebook_whose_kernel_dies_is_run_once_more(tmp_path):
    text = (
        "import os\nfrom pathlib import Path\nfile = Path('died')\n"
        "if not file.exists():\n    file.touch()\n    os._exit(9)\nprint('alive', count)"
    )
    path = write_notebook(tmp_path / "page.ipynb", text)
    out = execute_notebook(path, tmp_path / "out" / "page.ipynb", {"count": 7}, tmp_path)
    assert "alive 7" in out.read_text(encoding="utf-8")


def test_kernel_that_always_dies_is_an_error_with_a_cause_to_look_for(tmp_path):
    path = write_notebook(tmp_path / "page.ipynb", "import os\nos._exit(9)")
    with pytest.raises(WorkError, match=r"page_child: its kernel failed twice.*memory"):
        execute_notebook(path, tmp_path / "page_child.ipynb", {}, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["page.ipynb"]


def test_scrubbing_makes_ids_unique_and_keeps_content():
    cell = {
        "cell_type": "code",
        "source": "1",
        "outputs": [],
        "id": "same",
        "metadata": {"papermill": {"duration": 3}},
    }
    notebook = {
        "cells": [cell, dict(cell)],
        "metadata": {"papermill": {"input_path": "/home/x"}},
        "nbformat": 4,
    }
    first, second = (
        scrub_notebook(notebook, name, ROOT) for name in ("4_evaluate_child", "4_evaluate_joint")
    )
    ids = [cell["id"] for page in (first, second) for cell in page["cells"]]
    assert len(set(ids)) == 4 and all(len(name) <= 64 for name in ids)
    assert "papermill" not in json.dumps(first) and first["cells"][0]["source"] == "1"


def test_cells_that_show_nothing_are_left_out_with_the_text_before_them():
    def make(name, kind, *outputs, tags=("drop-if-empty",)):
        cell = {"cell_type": kind, "source": name, "metadata": {"tags": list(tags)}}
        return cell | ({"outputs": list(outputs)} if kind == "code" else {})

    cells = [
        make("text of nothing", "markdown"),
        make("nothing", "code"),
        make("text of something", "markdown"),
        make("something", "code", {"output_type": "stream", "text": "1"}),
        make("text that stays", "markdown", tags=()),
        make("nothing again", "code"),
        make("plain", "code", tags=()),
    ]
    kept = scrub_notebook({"cells": cells}, "page", ROOT)["cells"]
    found = [cell["source"] for cell in kept]
    assert found == ["text of something", "something", "text that stays", "plain"]


def test_one_switch_for_code_and_how_a_page_was_made():
    def cell(source, tag="hide-input", shown=False):
        output = [{"output_type": "display_data"}] if shown else []
        return {"cell_type": "code", "source": source, "metadata": {"tags": [tag]}, "outputs": output}

    text = {"cell_type": "markdown", "source": "Text", "metadata": {}}
    cells = [cell("a = 1"), cell("b = 2"), cell("show(a)", shown=True), text, cell("c = 3"), text]
    cells += [cell("d = 4"), cell("visible()", "other", shown=True)]
    laid = lay_out({"cells": cells}, "made so")["cells"]
    assert [item["source"] for item in laid] == [
        *("a = 1\n\nb = 2\n\nshow(a)", "Text", "c = 3", "Text", "d = 4", "visible()", "made so"),
    ]
    study = load_study(ROOT / "studies/quick.yaml")
    made = describe_making(study, ROOT, "4_evaluate_child", describe_inputs(study, ROOT))
    assert "papermill notebooks/4_evaluate.ipynb 4_evaluate_child.ipynb -f build/quick/parameters/" in made
    assert f"`{hash_file(ROOT / 'data_manifest.yaml')[:12]}` (data_manifest.yaml)" in made


def test_private_text_is_found(monkeypatch):
    monkeypatch.setattr(getpass, "getuser", lambda: "jdoe")
    assert find_private_text("nothing here", ROOT) == []
    assert find_private_text(f"see {Path.home()}/x", ROOT) == ["the home folder"]
    assert find_private_text("by jdoe", ROOT) == ["the user name"]
    assert "the folder of the project" in find_private_text(f"{ROOT}/gaitlib", ROOT)


def test_markdown_is_filled_from_parameters():
    page = {"cells": [{"cell_type": "markdown", "source": ["# {{title}}\n", "text"]}]}
    assert fill_markdown(page, {"title": "Children"})["cells"][0]["source"] == "# Children\ntext"
    with pytest.raises(InputError, match="did you mean 'title'"):
        fill_markdown({"cells": [{"cell_type": "markdown", "source": "{{titel}}"}]}, {"title": "x"})


def test_sources_of_a_page_follow_its_imports():
    sources = list_sources("notebooks/4_evaluate.ipynb")
    for name in ("notebooks/4_evaluate.ipynb", "gaitlib/outcomes.py", "gaitlib/estimate/estimator_network.py",
                 "gaitlib/data/walks.py", "data_manifest.yaml", "data/published.csv",
                 "data/generator/out_of_plane.safetensors"):  # fmt: skip
        assert name in sources
    assert "gaitlib/workflow/run.py" not in sources, "how a study is run does not change a page"


@pytest.mark.parametrize("page", ["2_generate", "2_sense", "3_train"])
def test_training_pages_cannot_reach_real_data(page):
    reached = [name for name in list_sources(f"notebooks/{page}.ipynb") if name.startswith("gaitlib/data/")]
    assert reached == []


def test_jobs_of_subgroups_differ_only_where_they_should():
    jobs = plan_pages(load_study(ROOT / "studies/quick.yaml"))
    child, joint = jobs["4_evaluate_child"].parameters, jobs["4_evaluate_joint"].parameters
    assert {name for name in child if child[name] != joint[name]} == {
        "subgroup",
        "title",
        "datasets",
        "beside",
    }
