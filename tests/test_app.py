"""The local page: a dropped file becomes a report; others and large files are refused; nothing stays."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from door_samples import build_sample_walk
from test_one_page import write_keypoints

from gaitlib.doctor import find_chromium
from gaitlib.environment import ROOT, find_missing
from gaitlib.errors import InputError
from gaitlib.workflow.app import read_request

pytestmark = pytest.mark.skipif(bool(find_missing("app")), reason="the extra 'app' is not installed")


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    """A file of keypoints, and its truth."""
    walk = build_sample_walk()
    path = tmp_path_factory.mktemp("walk") / "walk.csv"
    write_keypoints(path, walk.picture)
    return path, walk


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """Address of a running app, and the folder of its temporary files; it leaves none behind."""
    folder = tmp_path_factory.mktemp("temporary")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    command = [sys.executable, "-m", "gaitlib.cli", "app", "--port", "0", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as program:
        address = program.stdout.readline().split()[2]
        assert address.startswith("http://127.0.0.1:")
        yield address, folder
        program.send_signal(signal.SIGTERM)
        assert program.wait(60) == 0
    assert list(folder.iterdir()) == []


def ask(address, data=None, **headers):
    """Status, headers and body."""
    request = urllib.request.Request(address, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def send(address, name, data, **options):
    query = "&".join(f"{key}={value}" for key, value in ({"name": name} | options).items())
    status, _, body = ask(f"{address}upload?{query}", data)
    return status, json.loads(body)


def wait_for(address, job):
    for _ in range(600):
        told = json.loads(ask(f"{address}job/{job}")[2])
        if told["state"] != "reading":
            return told
        time.sleep(0.2)
    pytest.fail("the report was never made")


def test_a_file_becomes_a_report_and_is_deleted(app, walk):
    (address, folder), (path, truth) = app, walk
    status, answer = send(
        address, "walk.csv", path.read_bytes(), height_m=truth.height_m, age_years=40, fps=60
    )
    assert status == 200
    told = wait_for(address, answer["job"])
    assert told["state"] == "done", told["text"]
    values = json.loads(ask(f"{address}report/{answer['job']}.json")[2])["values"]
    assert values["speed_mps"]["value"] == pytest.approx(truth.truth["speed_mps"], rel=0.05)
    _, headers, page = ask(f"{address}report/{answer['job']}.html")
    assert b"Gait report" in page and headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert [list(inner.iterdir()) for inner in folder.iterdir()] == [[]]


def test_an_earlier_report_is_compared_with(app, walk):
    (address, _), (path, truth) = app, walk
    known = {"height_m": truth.height_m, "fps": 60}
    first = send(address, "walk.csv", path.read_bytes(), **known)[1]["job"]
    assert wait_for(address, first)["state"] == "done"
    report = ask(f"{address}report/{first}.json")[2]
    for earlier, expected in (
        (report, ""),
        (b"{}", "The earlier report: found no report"),
        (b"x", "as JSON"),
    ):
        answer = send(address, "walk.csv", earlier + path.read_bytes(), earlier=len(earlier), **known)[1]
        told = wait_for(address, answer["job"])
        assert expected in told["text"] and (told["state"] == "done") == (not expected)
        if not expected:
            page = ask(f"{address}report/{answer['job']}.html")[2]
            assert b"no change beyond the error of measurement" in page
    assert send(address, "walk.csv", b"x", earlier=99, **known)[0] == 400
    assert send(address, "walk.csv", b"xyz", earlier=-1, **known)[0] == 400


def test_a_bad_file_is_one_sentence(app, walk):
    address = app[0]
    for options, expected in (
        ({}, "--height: not given"),
        ({"height_m": 17.2}, "found 17.2"),
        ({"height_m": 1.7}, "no time"),
    ):
        answer = send(address, "walk.csv", walk[0].read_bytes(), **options)[1]
        told = wait_for(address, answer["job"])
        assert (
            told["state"] == "failed" and expected in told["text"] and "/" not in told["text"].split("--")[0]
        )
    status, answer = send(address, "program.exe", b"MZ", height_m=1.7)
    assert status == 400 and "its name should end in" in answer["text"]
    assert send(address, "walk.csv", b"", height_m=1.7)[0] == 400
    assert (
        send(address, "walk.csv", b"1", height_m="tall")[1]["text"]
        == "height_m: found 'tall', expected a number."
    )


def test_other_origins_hosts_and_addresses_are_refused(app):
    address = app[0]
    root = address.rsplit("/", 2)[0] + "/"
    assert ask(address)[0] == 200
    assert ask(address, Origin="http://elsewhere.invalid")[0] == 403
    assert ask(address, Host="elsewhere.invalid")[0] == 403
    assert ask(f"{address}upload?name=a.csv", b"x", Origin="null")[0] == 403
    for place in ("", "upload", "job/x", "../", f"{address.split('/')[-2]}x/"):
        assert ask(root + place)[0] in (404, 405), place
    for place in (
        "report/../../x.html",
        "report/%2e%2e%2fx.html",
        "job/nothing",
        "report/nothing.html",
        "app.py",
    ):
        assert ask(address + place)[0] == 404, place


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(app):
    import http.client
    from urllib.parse import urlsplit

    place = urlsplit(app[0])
    connection = http.client.HTTPConnection(place.netloc, timeout=60)
    connection.putrequest("POST", f"{place.path}upload?name=a.mp4&height_m=1.7")
    connection.putheader("Content-Length", str(3 * 1024**3))
    connection.endheaders()
    assert connection.getresponse().status == 400
    assert [list(inner.iterdir()) for inner in app[1].iterdir()] == [[]]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("../../etc/walk.csv", "walk.csv"),
        ("C:\\files\\a walk.mp4", "a walk.mp4"),
        ("..csv.csv", "csv.csv"),
        ("a\n\0<b>.json", "a___b_.json"),
    ],
)
def test_names_stay_in_their_folder(given, expected):
    assert read_request(lambda key, default: given if key == "name" else default)[0] == expected
    assert Path(expected).name == expected


@pytest.mark.parametrize("given", ["", ".csv", "walk", "walk.csv/", "walk.py", "walk.csv\0.exe"])
def test_names_without_a_known_ending_are_refused(given):
    with pytest.raises(InputError, match="its name should end in"):
        read_request(lambda key, default: given if key == "name" else default)


@pytest.mark.browser
def test_a_person_at_a_browser_gets_a_report(app, walk):
    (address, _), (path, truth) = app, walk
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("Chromium is not installed: make browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        tab, asked, faults = browser.new_page(viewport={"width": 390, "height": 844}), [], []
        tab.set_default_timeout(120_000)
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("pageerror", lambda error: faults.append(str(error)))
        tab.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        tab.goto(address)
        tab.set_input_files("#file", str(path))
        tab.fill("#height_m", "17,2")
        tab.fill("#age_years", "40")
        tab.click("#go")
        tab.wait_for_selector("#said.bad")
        assert "found 17.2, expected 0.6 to 2.3" in tab.inner_text("#said")
        tab.fill("#height_m", f"{truth.height_m:.3f}".replace(".", ","))
        tab.click("details summary")
        tab.fill("#fps", "60")
        tab.click("#go")
        tab.wait_for_selector("#shown", state="visible")
        frame = tab.frame_locator("#shown")
        assert "Walks at" in frame.locator(".short").inner_text()
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        with tab.expect_download() as saved:
            tab.click("#json")
        assert saved.value.suggested_filename == "walk_report.json"
        tab.set_input_files("#earlier", str(saved.value.path()))
        tab.click("#go")
        tab.locator("#said", has_text="Done.").wait_for()
        assert "Since the earlier recording: no change" in frame.locator(".short").inner_text()
        browser.close()
    assert not [url for url in asked if not url.startswith(address)] and faults == []
