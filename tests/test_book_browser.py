"""The book in a browser: pages, figures and tables show, nothing is missing, nothing is loaded from outside.

`make test` opens a small book bound like the real one; `make test-book` names the real one in GAITLIB_BOOK.
"""

import functools
import http.server
import json
import os
import shutil
import threading
from pathlib import Path

import pytest

from gaitlib.doctor import find_chromium
from gaitlib.environment import ROOT

pytestmark = pytest.mark.browser

FLAGS = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync "
    "--no-first-run"
).split()
SMALL_TITLE = "A small book"


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
    from gaitlib.report.book import check_pages, compile_book

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


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


@pytest.fixture(scope="module")
def address(book):
    handler = functools.partial(QuietHandler, directory=str(book[0]))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    path = find_chromium()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed (with CI set nothing is skipped): make browser")
        pytest.skip("Chromium is not installed: make browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, address):
    """Open a page of the book; at the end of the test nothing may have gone wrong in it."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(120_000)  # the machine may be busy
    context.route("**/favicon.ico", lambda route: route.fulfill(status=204))  # asked for unasked by browsers
    page, faults = context.new_page(), []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "requestfailed",
        lambda request: faults.append(f"failed: {request.url}") if has_failed(request) else None,
    )
    page.on(
        "response",
        lambda answer: faults.append(f"{answer.status}: {answer.url}") if answer.status >= 400 else None,
    )
    page.on(
        "request",
        lambda request: faults.append(f"outside: {request.url}") if is_outside(request.url) else None,
    )

    def is_outside(url):
        return url.startswith(("http:", "https:", "ws:")) and not url.startswith(address)

    def has_failed(request):
        return "ERR_ABORTED" not in (request.failure or "")  # given up because the next page was opened

    def open_page(name):
        page.goto(f"{address}/{name}", wait_until="load")
        return page

    yield open_page
    context.close()
    assert faults == []


def list_pages(folder):
    """Pages of the book that people read."""
    names = sorted(path.name for path in folder.glob("*.html"))
    return [name for name in names if name not in ("genindex.html", "search.html", "index.html")]


IMAGES = "[...document.images].map(i => [i.alt || i.src.slice(0, 60), i.complete && i.naturalWidth > 0])"
"""What the browser made of each picture: its name and whether it was drawn."""


def test_first_page_shows_title_and_heading(opened, book):
    page = opened("index.html")
    page.wait_for_selector("article.bd-article h1")
    assert book[1] in page.title()
    assert page.locator("article.bd-article h1").first.is_visible()
    assert page.locator("nav.bd-links, .sidebar-primary-items__start").first.count()


def test_every_page_opens_and_every_picture_shows(opened, book):
    pages = list_pages(book[0])
    assert pages
    for name in pages:
        page = opened(name)
        assert page.locator("article.bd-article h1").first.inner_text().strip(), name
        assert [image for image, drawn in page.evaluate(IMAGES) if not drawn] == [], name


def test_a_page_shows_a_figure_with_caption_and_a_table_with_rows(opened, book):
    both = []
    for name in list_pages(book[0]):
        page = opened(name)
        figures, rows = page.locator("main figure:has(img)"), page.locator("main table tbody tr")
        if not figures.count() or not rows.count():
            continue
        figure, row = figures.first, rows.first
        figure.scroll_into_view_if_needed()
        assert figure.is_visible() and figure.locator("figcaption").inner_text().strip(), name
        assert figure.locator("img").evaluate("image => image.naturalWidth") > 0, name
        assert figure.locator("img").bounding_box()["width"] > 100, name
        row.scroll_into_view_if_needed()
        assert row.is_visible() and row.inner_text().strip(), name
        both.append(name)
    assert both


def test_nothing_runs_off_the_side_of_a_phone(opened, book):
    for name in list_pages(book[0]):
        page = opened(name)
        page.set_viewport_size({"width": 390, "height": 800})
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 1, f"{name}: {wide} px wider than the screen"
