"""The book in a browser: pages, figures and tables show, nothing is missing, nothing is loaded from outside.

`make test` opens a small book bound like the real one; `make test-book` names the real one in GAITLIB_BOOK.
"""

import json
import mimetypes
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from notebook_cells import read_definitions

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.body.spatial_body import COORDINATES, build_spatial_specification
from gaitlib.body.spatial_points import compute_spatial_points
from gaitlib.doctor import find_chromium
from gaitlib.environment import ROOT
from gaitlib.report.animation import SpatialWalker, pack_turning
from gaitlib.report.interactive import encode
from gaitlib.sense.camera import VIEWS, Camera, project_points
from gaitlib.simulate.plan import TYPICAL_ADULT

pytestmark = pytest.mark.browser

FLAGS = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync "
    "--no-first-run"
).split()
SMALL_TITLE = "A small book"
ADDRESS = "http://book.invalid"
"""Where the browser believes the book to be; every request is answered here, none reaches a network."""
LARGEST_BYTES = 3_000_000
LONGEST_S = 2.0
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
    """Bind one page with a figure, a table, a formula, a box and a body that walks, like the real book."""
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


FORMULAS = (
    r"$$ a = b, \qquad c = d $$" + "\n\n$$ y = " + " + ".join(f"x_{{{n}}} z" for n in range(16)) + " $$"
)


def build_notebook() -> dict:
    import matplotlib.pyplot as plt
    import pandas as pd

    import gaitlib
    from gaitlib.report import animation
    from gaitlib.report.page import show_answer, show_figure, show_markup, show_table

    library = gaitlib.load_library()
    walker = animation.make_walker(library.table.iloc[0], library.gaits)
    figure, axes = plt.subplots(figsize=(4, 3))
    axes.plot([0, 1], [0, 1])
    broad, panels = plt.subplots(1, 3, figsize=(9, 3))
    for ax in panels:
        ax.plot([0, 1], [0, 1])
    table = pd.DataFrame(
        {"outcome": list("abcdefgh"), "size": ["10", "9", "–", "-2", "3 (1 to 4)", "1,000", "0", "7"]}
    )
    shown = [
        show_answer("A short answer."),
        show_figure(figure, "A line", "published"),
        show_table(table, "Eight outcomes", "published"),
        show_figure(broad, "Three lines", "published"),
        show_table(pd.DataFrame({"row": range(60)}), "Sixty rows", "published"),
        show_markup(animation.build_animation([walker], still="<p>Still</p>"), "A walk", "simulated"),
    ]
    cells = [
        {
            "cell_type": "markdown",
            "id": "head",
            "metadata": {},
            "source": f"# A page\n\nSpeed $v = l / t$.\n\n{FORMULAS}",
        }
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
        # Time of the processor, which other programs do not lengthen.
        self.clock = context.new_cdp_session(self.tab)
        self.clock.send("Performance.enable", {"timeDomain": "threadTicks"})
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
        work_s = self.read_clock()
        seen = self.tab.evaluate(LOOK)
        faint = [self.tab.evaluate(FIND_FAINT, theme) for theme in ("dark", "light")]
        self.tab.set_viewport_size(PHONE)
        self.tab.wait_for_function(f"innerWidth === {PHONE['width']}")
        self.tab.wait_for_function(IS_DRAWN)
        seen["overhang_px"] = self.tab.evaluate("document.documentElement.scrollWidth - innerWidth")
        seen |= self.tab.evaluate(LOOK_ON_PHONE)
        return seen | {"faults": list(self.faults), "faint": sum(faint, []), "work_s": work_s}

    def read_clock(self) -> float:
        """Seconds that the processor has worked on this document."""
        metrics = self.clock.send("Performance.getMetrics")["metrics"]
        return next(item["value"] for item in metrics if item["name"] == "TaskDuration")


IS_DRAWN = "document.readyState === 'complete' && [...document.images].every(image => image.complete)"
LOOK = """() => {
  const find = words => [...document.querySelectorAll(words)];
  const text = element => element ? element.innerText.trim() : "";
  return {
    title: document.title,
    heading: text(document.querySelector("article.bd-article h1")),
    chapters: find("nav.bd-links a, .sidebar-primary-items__start a").length,
    levels: find("article.bd-article :is(h1, h2, h3, h4, h5, h6)").map(h => Number(h.tagName[1])),
    mute: find("main img, main canvas").filter(i => !(i.alt || i.getAttribute("aria-label"))).length,
    nameless: find("main :is(input:not([type=hidden]), select, button:not(.copybtn))").filter(i =>
      i.checkVisibility() && !i.labels?.length && !i.innerText && !i.getAttribute("aria-label")).length,
    broken: [...document.images].filter(i => !i.naturalWidth).map(i => i.alt || i.src.slice(0, 60)),
    figures: find("main figure").filter(f => f.querySelector("img")?.checkVisibility()).map(f => ({
      caption: text(f.querySelector("figcaption")),
      width: f.querySelector("img").getBoundingClientRect().width,
    })),
    rows: find("main table tbody tr").filter(row => row.checkVisibility()).map(text),
    reversed: find("article div.math").filter(box => [...box.children].some((part, i, all) => {
      const [before, here] = [all[i - 1] ?? part, part].map(other => other.getBoundingClientRect());
      return here.left < before.left && here.top < before.bottom && before.top < here.bottom;
    })).length,
  };
}"""
"""What a reader sees of a page: innerText is what is drawn, so hidden text is empty."""
LOOK_ON_PHONE = """() => {
  const find = words => [...document.querySelectorAll(words)].filter(element => element.checkVisibility());
  return {
    tiny: find("main figure.plate img").filter(i => i.naturalWidth > 2.4 * i.clientWidth).map(i => i.alt),
    loose: find("article .wide td:first-child").filter(d => getComputedStyle(d).position !== "sticky").length,
    cut: find("article div.math:not([data-aside])").filter(box => [...box.querySelectorAll("math")].some(m =>
      m.getBoundingClientRect().right > box.getBoundingClientRect().right + 1)).map(text => text.textContent),
  };
}"""
"""Figures are drawn with 150 points an inch: shrunk by more than that, type of 10 pt is below 9 px."""
FIND_FAINT = """theme => {
  const calm = document.createElement("style");  // no colour half-way between two
  calm.textContent = "* { transition: none !important; }";
  document.head.append(calm);
  document.documentElement.dataset.theme = theme;
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const blend = (top, under) => {
    const alpha = top.length > 3 ? top[3] : 1;
    return [0, 1, 2].map(i => alpha * top[i] + (1 - alpha) * under[i]);
  };
  const light = colour => {
    const part = colour.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2];
  };
  const paint = element => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.unshift(parse(getComputedStyle(e).backgroundColor));
    const known = layers.filter(layer => layer.length);
    return known.reduce((under, layer) => blend(layer, under), [255, 255, 255]);
  };
  const found = new Map(), walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, words = walker.currentNode.textContent.trim();
    if (!words || !element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    if (element.closest("script, style, select, .skip-link, #pst-skip-link, :disabled")) continue;
    const style = getComputedStyle(element), under = paint(element);
    let seen = blend(parse(style.color), under);
    for (let e = element; e; e = e.parentElement)
      seen = blend([...seen, Number(getComputedStyle(e).opacity)], under);
    const [a, b] = [light(seen), light(under)].sort((p, q) => q - p), ratio = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 700;
    const large = size >= (bold ? 18.66 : 24);
    if (ratio < (large ? 3 : 4.5) - 0.01) {
      const key = `${seen.map(Math.round)} on ${under.map(Math.round)}`;
      if (!found.has(key)) found.set(key, `${theme}: ${words.slice(0, 30)} (${key}: ${ratio.toFixed(1)})`);
    }
  }
  return [...found.values()];
}"""
"""Text whose contrast is below level AA of WCAG 2.1 (1.4.3): 4.5, or 3 where it is large."""


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


def test_headings_are_in_order(seen):
    faults = {}
    for name, page in seen.items():
        levels = page["levels"]
        skips = [pair for pair in zip(levels, levels[1:], strict=False) if pair[1] > pair[0] + 1]
        if levels.count(1) != 1 or levels[0] != 1 or skips:
            faults[name] = levels
    assert faults == {}


def test_pictures_and_controls_say_what_they_are(seen):
    assert {name: page["mute"] for name, page in seen.items() if page["mute"]} == {}
    assert {name: page["nameless"] for name, page in seen.items() if page["nameless"]} == {}


def test_text_stands_out_in_light_and_dark(seen):
    assert {name: page["faint"] for name, page in seen.items() if page["faint"]} == {}


def test_pages_show_soon(seen):
    assert {name: page["work_s"] for name, page in seen.items() if not 0 < page["work_s"] < LONGEST_S} == {}


def test_pages_are_small(book, seen):
    sizes = {name: (book[0] / name).stat().st_size for name in seen}
    assert {name: size for name, size in sizes.items() if size > LARGEST_BYTES} == {}


def test_pages_say_how_they_were_made(book):
    wanted = (
        "Study \\w+, revision",
        "[0-9a-f]{12} \\(data_manifest.yaml\\)",
        "Run time \\d+ s",
        "papermill notebooks/",
    )
    lacking, pages = [], 0
    for path in book[0].glob("*.html"):
        text = path.read_text(encoding="utf-8")
        if "_static/notebooks/" in text:  # a page that papermill made
            pages += 1
            text = re.sub(r"<[^>]+>", "", text.rpartition("How this page was made")[2])
            lacking += [(path.stem, words) for words in wanted if not re.search(words, text)]
    assert lacking == [] and (pages > 20 or book[1] == SMALL_TITLE)


def test_links_lead_somewhere(book):
    pages = {path.name: path.read_text(encoding="utf-8") for path in book[0].glob("*.html")}
    ids = {name: set(re.findall(r'\bid="([^"]+)"', text)) for name, text in pages.items()}
    lost = []
    for name, text in pages.items():
        for href in re.findall(r'<a\b[^>]*?\shref="([^"]*)"', text):
            if re.match(r"[a-z]+:", href):
                continue
            target, _, anchor = href.partition("#")
            target = unquote(target) or name
            if target.endswith(".html") and target not in pages:
                lost.append((name, href))
            elif anchor and target in ids and unquote(anchor) not in ids[target]:
                lost.append((name, href))
    assert lost == []


def test_search_finds(reader):
    reader.faults.clear()
    reader.tab.goto(f"{ADDRESS}/search.html?q=speed", wait_until="commit")
    reader.tab.wait_for_selector("#search-results li a")
    assert reader.faults == []


def test_long_tables_are_sorted_by_a_press_on_their_head(reader, book):
    name = next(name for name in ("0_answer.html", "page.html") if (book[0] / name).is_file())
    assert reader.open(name)["faults"] == []
    table = reader.tab.locator(".wide table:has(th button)").first
    head = table.locator("th").nth(1)

    def read():
        texts = table.locator("tbody tr td:nth-child(2)").all_inner_texts()
        return [
            float(re.match(r"[-\d.]+", t.replace("\u2212", "-").replace(",", ""))[0])
            for t in texts
            if t != "–"
        ]

    before = read()
    head.get_by_role("button").click()
    assert read() == sorted(before) != before and head.get_attribute("aria-sort") == "ascending"
    head.get_by_role("button").click()
    assert read() == sorted(before)[::-1]
    head.get_by_role("button").click()
    assert read() == before and head.get_attribute("aria-sort") is None


def test_a_moved_slider_changes_the_picture(reader, book):
    name = next(name for name in ("explore.html", "page.html") if (book[0] / name).is_file())
    assert reader.open(name)["faults"] == []
    lab = reader.tab.locator(".lab:has(canvas)").first
    slider = lab.get_by_label("share of the stride")
    slider.fill("10")  # stops the film
    canvas, pictures = lab.locator("canvas").first, set()
    for value in ("10", "40"):
        slider.fill(value)
        pictures.add(canvas.evaluate("canvas => canvas.toDataURL()"))
    slider.press("ArrowRight")
    pictures.add(canvas.evaluate("canvas => canvas.toDataURL()"))
    assert len(pictures) == 3, "a key moves it too"


@pytest.fixture
def show_lab(browser, tmp_path):
    """Show one interactive part and look at what it computed."""

    def show(kind, data):
        from gaitlib.report.interactive import build_lab

        page = (
            f"<article class=bd-article><h1>Lab</h1>{build_lab(kind, data, 'lab', '<p>Still</p>')}</article>"
        )
        (tmp_path / "lab.html").write_text(f"<!doctype html>{page}", encoding="utf-8")
        reader = Reader(browser, tmp_path)
        assert reader.open("lab.html")["faults"] == []
        assert not reader.tab.get_by_text("Still").is_visible()
        return reader.tab

    return show


def test_the_size_of_a_study_is_that_of_the_page(show_lab):
    spread = {"between": 0.2, "within": 0.05, "slope": 0.9, "no_answer": 0.1}
    row = spread | {"group": "toys", "outcome": "speed_mps", "how": "camera"}
    outcome = {"name": "speed_mps", "label": "speed", "unit": "m/s", "digits": 2, "factor": 1, "margin": 0.1}
    normal = NormalDist()
    powers = [{"power": power, "z": normal.inv_cdf(power)} for power in (0.8, 0.9)]
    data = {"groups": ["toys"], "hows": ["camera"], "outcomes": [outcome], "powers": powers, "rows": [row]}
    tab = show_lab("sample", data | {"z_two_sided": normal.inv_cdf(0.975)})
    count = read_definitions("explore")["count_people"]
    get = "document.getElementById('lab').dataset.people"
    assert int(tab.evaluate(get)) == count(spread, 0.1, 2, False)
    tab.get_by_label("walks per person and visit").fill("4")
    tab.get_by_label("difference to find").fill("0.05")
    assert int(tab.evaluate(get)) == count(spread, 0.05, 4, False)
    tab.get_by_label("design").select_option("before and after")
    tab.get_by_label("power").select_option("90 %")
    assert int(tab.evaluate(get)) == count(spread, 0.05, 4, True, 0.9)


def test_errors_are_shown_walk_by_walk(show_lab):
    outcome = {"label": "speed", "unit": "m/s", "digits": 2, "factor": 1, "margin": 0.1}
    reference, estimate = np.array([1.0, 1.2, 0.8]), np.array([1.1, 1.15, 0.8])
    series = {"reference": encode(reference, 1000), "estimate": encode(estimate, 1000), "person": [0, 1, 0]}
    real = series | {"key": [0, 0, 0, 0], "simulated": False, "n_people": 2, "bias": 0.02}
    few = series | {"key": [1, 0, 0, 0], "simulated": True, "n_people": 2, "bias": None}
    data = {"groups": ["toys", "few"], "outcomes": [outcome], "views": ["side"], "methods": ["a", "b"]}
    data |= {"people": ["P1", "P2"], "scale": 1000}
    series = [real | {"low": -0.1, "high": 0.14}, few | {"low": None, "high": None}]
    tab = show_lab("agreement", data | {"series": series})
    said, canvas = tab.locator(".lab output"), tab.locator(".lab canvas")
    assert said.inner_text() == "2 people, 3 walks: bias +0.02 m/s, 95 % limits \u22120.10 m/s to +0.14 m/s"
    plain = canvas.evaluate("canvas => canvas.toDataURL()")
    for _ in range(3):
        canvas.press("ArrowRight")  # walks by size: 0.8, 1.05, 1.175
    assert said.inner_text() == "P2: measured 1.20 m/s, estimated 1.15 m/s, off by \u22120.05 m/s"
    assert canvas.evaluate("canvas => canvas.toDataURL()") != plain
    box = canvas.bounding_box()
    found = set()
    for x in range(0, int(box["width"]), 8):  # a finger finds every walk
        for y in range(0, int(box["height"]), 12):
            tab.mouse.move(box["x"] + x, box["y"] + y)
            found.add(said.inner_text().partition(":")[0])
    assert found == {"P1", "P2", "2 people, 3 walks"}
    tab.get_by_label("people").select_option("few")
    assert said.inner_text() == "2 simulated people, 3 walks: too few people for bias and limits"
    tab.get_by_label("method").select_option("b")
    assert said.inner_text() == "No walk here has both an estimate and a measured value."


def test_the_camera_is_that_of_the_library(show_lab):
    points = np.array([[[-1.0, 0.0, 0.1], [-1.0, 1.7, 0.1]], [[1.0, 0.0, 0.1], [1.0, 1.7, 0.1]]])
    usual, centre = Camera(), np.array([[-1.0, 0.9, 0.0], [1.0, 0.9, 0.0]])
    walk = {"name": "toy", "fps": 1, "height_m": 1.7, "points": encode(points, 1000), "centre_m": [0.0, 0.0]}
    data = {
        "walks": [walk],
        "keypoints": ["a", "b"],
        "bones": [],
        "head": [0, 1],
        "views": VIEWS,
        "errors": {},
    }
    data |= {"image_px": [usual.image_width_px, usual.image_height_px], "focal_px": usual.focal_length_px}
    tab = show_lab("camera", data | {"aim_m": usual.aim_height_m, "no_error": "Unknown."})
    for name, value in (("angle", "40"), ("height", "1.5"), ("distance", "7.5"), ("moment", "1")):
        tab.get_by_label(name, exact=False).first.fill(value)
    camera = replace(usual, azimuth_deg=40, height_m=1.5, distance_m=7.5)
    pixels = project_points(points, centre, camera)[-1]
    assert int(tab.evaluate("document.getElementById('lab').dataset.tall")) == round(np.ptp(pixels[:, 1]))


def test_a_body_in_space_is_turned_by_a_finger(show_lab):
    upright, body = np.zeros((101, len(COORDINATES))), build_spatial_specification(TYPICAL_ADULT)
    points = compute_spatial_points(body.tree, upright, compute_dimensions(TYPICAL_ADULT))
    walker = SpatialWalker("toy", points, TYPICAL_ADULT.height_m, 1.1, 1.2)
    tab = show_lab("turn", pack_turning([walker, replace(walker, title="other")], [0, 1]))
    assert tab.locator("canvas").count() == 2
    box = tab.locator("canvas").first.bounding_box()
    tab.mouse.move(box["x"] + 150, box["y"] + 90)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 90, box["y"] + 90)
    tab.mouse.up()
    assert tab.evaluate("document.getElementById('lab').dataset.azimuth") == "30"
    tab.get_by_label("angle", exact=False).first.fill("90")
    assert "from the right" in tab.locator(".lab").inner_text()


def test_without_script_a_still_picture_stands_there(browser, book):
    name = next(name for name in ("explore.html", "page.html") if (book[0] / name).is_file())
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto((book[0] / name).as_uri())
    assert tab.locator(".lab canvas").count() == 0 and tab.locator(".lab .still").first.is_visible()
    context.close()


def test_nothing_runs_off_the_side_of_a_phone(seen):
    assert {name: page["overhang_px"] for name, page in seen.items() if page["overhang_px"] > 1} == {}


def test_figures_are_read_and_first_columns_stay_on_a_phone(seen):
    assert {name: page["tiny"] for name, page in seen.items() if page["tiny"]} == {}
    assert {name: page["loose"] for name, page in seen.items() if page["loose"]} == {}


def test_formulas_are_read_from_left_to_right_and_none_is_cut(seen):
    assert {name: page["reversed"] for name, page in seen.items() if page["reversed"]} == {}
    assert {name: page["cut"] for name, page in seen.items() if page["cut"]} == {}


def test_the_first_page_has_four_doors(book):
    if book[1] == SMALL_TITLE:
        pytest.skip("a small book has one page")
    text = (book[0] / "0_answer.html").read_text(encoding="utf-8")
    doors = re.findall(r'class="sd-card-title[^"]*">\s*(For \w+)', text)
    assert doors == ["For everyone", "For clinicians", "For researchers", "For engineers"]


def test_a_long_table_says_how_many_rows_lie_below(reader, book):
    texts = {name: (book[0] / name).read_text(encoding="utf-8") for name in list_pages(book[0])}
    parts = {name: text.split('<div class="wide">')[1:] for name, text in texts.items()}
    long = [n for n, some in parts.items() if any(p.partition("</div>")[0].count("<tr") > 30 for p in some)]
    for name in long:  # some lie in boxes that are closed
        assert reader.open(name)["faults"] == []
        reader.tab.set_viewport_size(DESK)
        frame = reader.tab.locator(".wide:has(tbody tr:nth-child(25)):visible").first
        if frame.count():
            break
    frame.scroll_into_view_if_needed()
    rows = frame.locator("tbody tr").count()
    reader.tab.wait_for_function("frame => frame.dataset.more", arg=frame.element_handle())
    below = int(re.search(r"\d+", frame.get_attribute("data-more"))[0])
    assert 0 < below < rows and frame.get_attribute("tabindex") == "0"
    frame.evaluate("frame => { frame.scrollTop = frame.scrollHeight; }")
    reader.tab.wait_for_function("frame => !frame.dataset.more", arg=frame.element_handle())


def test_a_table_broader_than_a_phone_says_so(reader, book):
    texts = {name: (book[0] / name).read_text(encoding="utf-8") for name in list_pages(book[0])}
    name = next(name for name, text in texts.items() if '<div class="wide">' in text)
    assert reader.open(name)["faults"] == []
    reader.tab.set_viewport_size(PHONE)
    says = """() => [...document.querySelectorAll("article .wide")].every(
        frame => (frame.scrollWidth > frame.clientWidth + 8) === ("aside" in frame.dataset))"""
    reader.tab.wait_for_function(says)


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
