"""The page "How is the code laid out?" says what is so: its rooms, and the files on the path of one gait."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
from repository import ROOT, find_reach, list_imports, read_modules

import gaitlib
from gaitlib.cohorts.cohort import COHORTS
from gaitlib.estimate.predict import estimate_clip
from gaitlib.study import load_study

PAGE = (ROOT / "book/layout.md").read_text(encoding="utf-8")
MOST_FILES = 30
HEAVY = set(
    "IPython PIL casadi cv2 dask distributed ezc3d h5netcdf h5py matplotlib mediapipe openpyxl opensim "
    "papermill pooch scipy sklearn statsmodels torch tornado tqdm traitlets".split()
)
"""Packages that take long to import, or that an installation may lack."""
NOT_EVERYWHERE = {"fcntl", "resource"}
"""Parts of Python that Windows lacks."""
LIGHT = {"gaitlib.verbs", "gaitlib.doctor"}
"""Modules that import little at their top: `import gaitlib` is fast, the doctor needs no package."""
KNOWING = ("cohorts", "data", "simulate")
"""Rooms that know cohorts, or what groups the people of a recording are of."""
ROOMS = ("body", "simulate", "generate", "sense", "estimate", "door", "evaluate", "report", "workflow")


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
    estimate = estimate_clip(clip, height_m=person.height_m)
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


def list_words(tree):
    """Strings of a module, docstrings apart."""
    told = [n.body[0].value for n in ast.walk(tree) if hasattr(n, "body") and isinstance(n.body, list)
            and n.body and isinstance(n.body[0], ast.Expr)]  # fmt: skip
    strings = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return {node.value for node in strings if node not in told}


def test_no_room_knows_a_group_or_a_page():
    study = load_study(ROOT / "studies/quick.yaml")
    # parts of an impairment have the names of two groups
    groups = {*study.evaluate.subgroups, *COHORTS} - {"joint", "weakness"}
    pages = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert len(groups) > 8 and len(pages) > 12
    known = []
    for name, tree in read_modules().items():
        words = list_words(tree)
        if f"{name}.".split(".")[1] not in KNOWING:
            known += [f"{name}: {word}" for word in words & groups]
        known += [f"{name}: {word}" for word in words if pages & set(re.findall(r"\w+", word))]
    assert known == []


def test_imports_inside_functions_are_of_heavy_packages():
    """Or of modules that reach one which the importing module does not reach at its top."""

    def weigh(names):
        return {part for name in names for part in [name.partition(".")[0]] if part in HEAVY}

    files = {name for name in read_modules() if not (ROOT / name.replace(".", "/")).is_dir()}
    light = []
    for module, tree in read_modules().items():
        own = weigh(find_reach(module))
        for item in list_imports(tree):
            package = item.name.partition(".")[0]
            ours = package == "gaitlib"
            if item.at_module_level or module in LIGHT or (ours and item.name not in files):
                continue
            if not (weigh(find_reach(item.name)) - own if ours else package in HEAVY | NOT_EVERYWHERE):
                light.append(f"{module} line {item.line}: {item.name}")
    assert light == []
