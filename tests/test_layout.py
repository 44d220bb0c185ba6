"""The page "How is the code laid out?" says what is so: its rooms, and the files on the path of one gait."""

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
from repository import ROOT

import gaitlib

PAGE = (ROOT / "book/layout.md").read_text(encoding="utf-8")
MOST_FILES = 30
ROOMS = ("body", "simulate", "generate", "sense", "estimate", "evaluate", "report", "workflow")


def test_every_room_has_its_purpose_in_the_order_of_the_data():
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", PAGE, re.M)
    assert [name for name, _ in rows] == list(ROOMS)
    folders = {path.parent.name for path in (ROOT / "gaitlib").glob("*/__init__.py")}
    assert set(ROOMS) <= folders
    assert not [name for name in folders - set(ROOMS) if f"`{name}`" not in PAGE]


def estimate_one_gait():
    library = gaitlib.load_library()
    row = library.table.iloc[0]
    person = gaitlib.Person(**{name: row[name] for name in gaitlib.Person.model_fields})
    walk = gaitlib.build_walk(library.gaits.isel(gait=0), person)
    clip = gaitlib.observe_camera(walk, view="side")
    estimate = gaitlib.estimate_gait(clip, height_m=person.height_m)
    assert estimate.ok
    return gaitlib.compute_outcomes(walk)


def evaluate_many():
    speeds = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5]
    table = pd.DataFrame({"reference": speeds, "estimate": [v + 0.02 for v in speeds]})
    table = table.assign(person_id=list("abcdef"), walk_id="1", subgroup="toys", outcome="speed_mps")
    return gaitlib.evaluate_agreement(table.assign(method="mine", status="ok"), n_resamples=100)


def trace(chain):
    """Files of gaitlib whose functions ran, in order, and who called whom; what a first import runs apart."""
    chain()
    package = str(Path(gaitlib.__file__).parent) + "/"
    files, calls = [], set()

    def note(frame, event, _):
        name = frame.f_code.co_filename
        if event != "call" or not name.startswith(package):
            return
        name = name.removeprefix(package)
        if name not in files:
            files.append(name)
        back = frame.f_back
        while back is not None and not back.f_code.co_filename.startswith(package):
            back = back.f_back
        if back is not None:
            calls.add((back.f_code.co_filename.removeprefix(package), name))

    sys.setprofile(note)
    try:
        chain()
    finally:
        sys.setprofile(None)
    return files, calls


def read_path(heading, end):
    part = PAGE.partition(heading)[2].partition(end)[0]
    return re.findall(r"^\d+\. `([\w/]+\.py)`", part, re.M)


def check(chain, written, most):
    files, calls = trace(chain)
    lines = "\n".join(f"{n}. `{name}`" for n, name in enumerate(files, start=1))
    assert written == files, f"write into book/layout.md:\n{lines}"
    assert len(files) <= most
    ranks = {name: n for n, name in enumerate(ROOMS, start=1)}

    def rank(name):
        return len(ROOMS) + 1 if name in ("verbs.py", "__init__.py") else ranks.get(name.split("/")[0], 0)

    geometry = ("body/dimensions.py", "body/kinematics.py")
    back = [(a, b) for a, b in calls if rank(b) > rank(a) and b not in geometry]
    assert back == [], "a step calls one that comes after it"


def test_the_path_of_one_gait_is_the_one_on_the_page():
    check(estimate_one_gait, read_path("## The path", "Many such numbers"), MOST_FILES)


def test_the_path_of_many_estimates_is_the_one_on_the_page():
    check(evaluate_many, read_path("Many such numbers", "## Where"), MOST_FILES)


def test_the_chain_on_the_page_is_the_one_that_is_run():
    code = re.search(r"```python\n(.+?)```", PAGE, re.S)[1] + "print(estimate.ok, truth['n_steps'] > 3)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]
