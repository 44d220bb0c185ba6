"""The book in a browser: pages, figures and tables show, nothing is missing, nothing is loaded from outside.

`make test` opens a small book bound like the real one; `make test-book` names the real one in GAITLIB_BOOK.
"""

import json
import mimetypes
import os
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from gaitlib.doctor import find_chromium
from gaitlib.environment import ROOT

pytestmark = pytest.mark.browser

FLAGS = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync "
    "--no-first-run"
).split()
SMALL_TITLE = "A small book"
ADDRESS = "http://book.invalid"
"""Where the browser believes the book to be; every request is answered here, none reaches a network."""
PATIENCE_MS = 120_000
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 800}


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """Folder and title of the book to open."""
    named = os.environ.get("GAITLIB_BOOK")
    if not named:
        return build_small_book(tmp_path_factory.mktemp("book")), SMALL_TITLE
    folder = ROOT / named
    if not (folder / "index.html").is_file():
        pytest.fail(f"no book in {named}: run make book")
    from gaitlib.study import load_study

    return folder, load_study(ROOT / "studies" / f"{folder.parent.name}.yaml").book.title


def build_small_book(folder: Path) -> Path:
    """Bind one page with a figure, a table, a formula and a box, with the settings of the real book."""
    from gaitlib.workflow.bind import check_pages, compile_book

    source, output = folder / "source", folder / "output"
    shutil.copytree(ROOT / "book", source, ignore=shutil.ignore_patterns("*.md", "__pycache__"))
    config = source / "_config.yml"
    config.write_text(config.read_text(encoding="utf-8").replace("{title}", SMALL_TITLE), encoding="utf-8")
    (source / "_toc.yml").write_text("format: jb-book\nroot: page\n", encoding="utf-8")
    (source / "page.ipynb").write_text(json.dumps(build_notebook()), encoding="utf-8")
    compile_book(source, output, folder / "book.log")
    html = output / "_build" / "html"
    assert check_pages(html, ROOT) == []
    return html


def build_notebook() -> dict:
    import matplotlib.pyplot as plt
    import pandas as pd

    from gaitlib.report.page import show_answer, show_figure, show_table

    figure, axes = plt.subplots(figsize=(4, 3))
    axes.plot([0, 1], [0, 1])
    table = pd.DataFrame({"outcome": ["speed", "step length"], "unit": ["m/s", "m"]})
    shown = [
        show_answer("A short answer."),
        show_figure(figure, "A line", "published"),
        show_table(table, "Two outcomes", "published"),
    ]
    cells = [
        {"cell_type": "markdown", "id": "head", "metadata": {}, "source": "# A page\n\nSpeed $v = l / t$."}
    ]
    for number, item in enumerate(shown):
        output = {"output_type": "display_data", "data": {"text/html": item.data}, "metadata": {}}
        cell = {"cell_type": "code", "id": f"cell-{number}", "metadata": {"tags": ["hide-input"]}}
        cells.append(cell | {"execution_count": number + 1, "source": "show()", "outputs": [output]})
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def get_type(path: Path) -> str:
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


@pytest.fixture(scope="module")
def browser():
    path = find_chromium()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed (with CI set nothing is skipped): make browser")
        pytest.skip("Chromium is not installed: make browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS, timeout=PATIENCE_MS)
        yield browser
        browser.close()


class Reader:
    """One tab that opens pages of a book and keeps what went wrong in them.

    A request that the browser gives up itself is no fault: it drops the icon of a page when the next page is
    opened. What a page asks for in vain is seen where requests are answered.
    """

    def __init__(self, browser, folder: Path):
        self.folder, self.faults = folder, []
        context = browser.new_context(viewport=DESK)
        context.set_default_timeout(PATIENCE_MS)
        context.route("**/*", self.answer)
        self.tab = context.new_page()
        self.tab.on("pageerror", lambda error: self.faults.append(str(error)))
        self.tab.on("console", lambda said: self.faults.append(said.text) if said.type == "error" else None)

    def answer(self, route):
        url = route.request.url
        if not url.startswith(f"{ADDRESS}/"):
            self.faults.append(f"outside: {url}")
            return route.abort()
        path = self.folder / unquote(urlsplit(url).path).lstrip("/")
        if path.is_file():
            return route.fulfill(body=path.read_bytes(), content_type=get_type(path))
        if path.name != "favicon.ico":  # asked for unasked by browsers
            self.faults.append(f"missing: {url}")
        return route.fulfill(status=404)

    def open(self, name: str) -> dict:
        """Open a page, wait until it is drawn, and look at it on a desk and on a phone."""
        self.faults.clear()
        self.tab.set_viewport_size(DESK)
        self.tab.goto(f"{ADDRESS}/{name}", wait_until="commit")  # the first page leads on to another
        self.tab.wait_for_selector("article.bd-article h1")
        self.tab.wait_for_function(IS_DRAWN)
        seen = self.tab.evaluate(LOOK)
        self.tab.set_viewport_size(PHONE)
        self.tab.wait_for_function(f"innerWidth === {PHONE['width']}")
        seen["overhang_px"] = self.tab.evaluate("document.documentElement.scrollWidth - innerWidth")
        return seen | {"faults": list(self.faults)}


IS_DRAWN = "document.readyState === 'complete' && [...document.images].every(image => image.complete)"
LOOK = """() => {
  const find = words => [...document.querySelectorAll(words)];
  const text = element => element ? element.innerText.trim() : "";
  return {
    title: document.title,
    heading: text(document.querySelector("article.bd-article h1")),
    chapters: find("nav.bd-links a, .sidebar-primary-items__start a").length,
    broken: [...document.images].filter(i => !i.naturalWidth).map(i => i.alt || i.src.slice(0, 60)),
    figures: find("main figure").filter(f => f.checkVisibility() && f.querySelector("img")).map(f => ({
      caption: text(f.querySelector("figcaption")),
      width: f.querySelector("img").getBoundingClientRect().width,
    })),
    rows: find("main table tbody tr").filter(row => row.checkVisibility()).map(text),
  };
}"""
"""What a reader sees of a page: innerText is what is drawn, so hidden text is empty."""


def list_pages(folder):
    """Pages of the book that people read."""
    names = sorted(path.name for path in folder.glob("*.html"))
    return [name for name in names if name not in ("genindex.html", "search.html", "index.html")]


@pytest.fixture(scope="module")
def reader(browser, book):
    return Reader(browser, book[0])


@pytest.fixture(scope="module")
def seen(reader, book):
    """What a reader sees, by page; each page is opened once."""
    pages = {name: reader.open(name) for name in list_pages(book[0])}
    assert pages
    return pages


def test_first_page_leads_to_the_book(reader, book):
    first = reader.open("index.html")
    assert book[1] in first["title"] and first["heading"] and first["chapters"]
    assert first["faults"] == []


def test_nothing_is_missing_or_loaded_from_outside(seen):
    assert {name: page["faults"] for name, page in seen.items() if page["faults"]} == {}


def test_every_page_has_a_heading_and_every_picture_shows(seen):
    assert [name for name, page in seen.items() if not page["heading"]] == []
    assert {name: page["broken"] for name, page in seen.items() if page["broken"]} == {}


def test_figures_with_captions_and_tables_with_rows_show(seen):
    figures = [(name, figure) for name, page in seen.items() for figure in page["figures"]]
    assert [both for both in figures if not both[1]["caption"] or both[1]["width"] <= 100] == []
    assert [name for name, page in seen.items() if not all(page["rows"])] == []
    assert [name for name, page in seen.items() if page["figures"] and page["rows"]]


def test_nothing_runs_off_the_side_of_a_phone(seen):
    assert {name: page["overhang_px"] for name, page in seen.items() if page["overhang_px"] > 1} == {}


def test_a_fault_of_a_page_is_seen(browser, tmp_path):
    page = (
        "<article class=bd-article><h1>Bad</h1><img src=gone.png alt=gone>"
        "<script src='https://elsewhere.invalid/a.js'></script><script>broken()</script>"
        "<pre style='width: 900px'>wide</pre></article>"
    )
    (tmp_path / "bad.html").write_text(page, encoding="utf-8")
    seen = Reader(browser, tmp_path).open("bad.html")
    faults = " ".join(seen["faults"])
    assert "missing: http://book.invalid/gone.png" in faults
    assert "outside: https://elsewhere.invalid/a.js" in faults and "broken is not defined" in faults
    assert seen["broken"] == ["gone"] and seen["overhang_px"] > 100
