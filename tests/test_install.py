"""gaitlib as a wheel, beside the packages of the base installation alone, in a folder of its own."""

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

import pandas as pd
import pytest
from door_samples import build_sample_walk
from packaging.requirements import Requirement
from repository import ROOT, list_files, show

import gaitlib
from gaitlib import cli
from gaitlib.environment import EXTRAS, normalise_name

SHIPPED = ("data_manifest.yaml", "data/doses/", "data/doses_in_space/", "data/estimator/", "data/generator/",
           "data/library/", "data/spatial_library/", "data/targets/")  # fmt: skip
"""What the wheel carries besides gaitlib: what estimates, generator and library need; no recordings."""
WHEEL_BYTES = 50_000_000


def list_shipped():
    return [path for path in list_files() if show(path).startswith(SHIPPED)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built as `pip install .` does, offline, from a copy: setuptools leaves its work beside the sources."""
    copy, target = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("wheel")
    sources = ("gaitlib/", "pyproject.toml", "README.md", "LICENSE", *SHIPPED)
    for path in list_files():
        if show(path).startswith(sources):
            (copy / show(path)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy / show(path))
    call_pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", target, copy)
    return next(target.glob("gaitlib-*.whl"))


def call_pip(*words):
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """Variables of a process that sees Python itself, the installed wheel and what the wheel requires."""
    installed, others = tmp_path_factory.mktemp("installed"), tmp_path_factory.mktemp("others")
    call_pip("install", "--no-deps", "--no-index", "--target", installed, wheel)
    requires = next(metadata.distributions(path=[str(installed)])).requires
    for item in find_distributions(requires):
        for part in {file.parts[0] for file in item.files} - {"..", "__pycache__"}:
            if not (others / part).exists():
                (others / part).symlink_to(item.locate_file(part))
    kept = {name: value for name, value in os.environ.items() if name != "GAITLIB_DATA"}
    path = os.pathsep.join([str(installed), str(others)])
    return {**kept, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def find_distributions(requires):
    """Everything installed that requirements bring, in turn."""
    found, waiting = {}, list(requires)
    while waiting:
        requirement = Requirement(waiting.pop())
        name = normalise_name(requirement.name)
        if name not in found and (not requirement.marker or requirement.marker.evaluate({"extra": ""})):
            found[name] = metadata.distribution(name)
            waiting += found[name].requires or []
    return found.values()


@pytest.fixture
def call(environment, tmp_path):
    """Run Python without its site-packages (-S), away from the clone."""

    def run(*words):
        command = [sys.executable, "-S", *map(str, words)]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run


def write_sensor(path):
    """A simulated walk as a sensor at the lower back measures it; the true cadence (steps/min)."""
    walk = build_sample_walk()
    names = [f"{kind}_{axis}" for kind in ("acc", "gyr") for axis in "xyz"]
    pd.DataFrame(walk.back, columns=names).to_csv(path, index=False)
    return 60 / walk.truth["step_time_s"]


def test_wheel_holds_the_whole_package_and_what_it_ships(wheel):
    with ZipFile(wheel) as file:
        found = {name: file.getinfo(name).file_size for name in file.namelist()}
    ours = [path for path in list_files() if show(path).startswith("gaitlib/")]
    wanted = {show(path): path for path in ours}
    wanted |= {f"gaitlib/shipped/{show(path)}": path for path in list_shipped()}
    content = {name: size for name, size in found.items() if ".dist-info/" not in name}
    assert content == {name: path.stat().st_size for name, path in wanted.items()}
    assert wheel.stat().st_size < WHEEL_BYTES


def test_installed_gaitlib_loads_the_shipped_library(call):
    code = (
        "import json, sys, gaitlib; library = gaitlib.load_library();"
        "print(json.dumps([gaitlib.__file__, sys.path, len(library.run), library.gaits.sizes['gait']]))"
    )
    place, path, n_rows, n_gaits = json.loads(call("-c", code).stdout)
    assert not any(Path(folder).resolve().is_relative_to(ROOT) for folder in [place, *filter(None, path)])
    library = gaitlib.load_library()
    assert (n_rows, n_gaits) == (len(library.run), library.gaits.sizes["gait"])


def test_installed_gaitlib_estimates_as_the_clone_does(call, capsys, tmp_path):
    cadence_spm = write_sensor(tmp_path / "sensor.csv")
    words = ["estimate", str(tmp_path / "sensor.csv"), "--site", "lower_back", "--fps", "100", "--json"]
    done = call("-m", "gaitlib.cli", *words)
    assert done.returncode == cli.main(words) == 0, done.stderr
    found, wanted = (pd.json_normalize(json.loads(text)) for text in (done.stdout, capsys.readouterr().out))
    pd.testing.assert_frame_equal(found, wanted, rtol=1e-4, atol=1e-5)
    assert found["cadence_spm.value"].item() == pytest.approx(cadence_spm, rel=0.05)


def test_installed_gaitlib_lists_its_data(call):
    done = call("-m", "gaitlib.cli", "data", "list")
    assert done.returncode == 0 and "clinical_inertial_gait" in done.stdout


def test_what_is_not_installed_is_one_clear_line(call):
    wanted = {
        "simulate --speed 1.2": "this needs the simulate extra: pip install 'gaitlib[simulate]'",
        "library verify --resolve 1": "pip install 'gaitlib[simulate]'",
        "run studies/quick.yaml": "clone",
        "train studies/full.yaml": "clone",
        "generate train": "clone",
        "estimate none.csv --layout coco17 --fps 30": "none.csv: file not found",
    }
    code = f"from gaitlib import cli; print([cli.main(words.split()) for words in {list(wanted)}])"
    done = call("-c", code)
    lines = done.stderr.splitlines()
    assert done.stdout.strip() == str([1] * (len(wanted) - 1) + [2]) and len(lines) == len(wanted)
    assert [said for line, said in zip(lines, wanted.values(), strict=True) if said not in line] == []


def test_doctor_of_the_small_installation_names_the_extras(call):
    done = call("-m", "gaitlib.cli", "doctor")
    assert done.returncode == 0
    assert all(f"pip install 'gaitlib[{extra}]'" in done.stdout for extra in EXTRAS)


def test_a_video_says_which_extra_it_needs(call):
    code = "from gaitlib.errors import WorkError\n"
    code += "from gaitlib.sense.video import read_video\n"
    code += "try: read_video('a.mp4')\nexcept WorkError as error: print(error)"
    assert "gaitlib[video]" in call("-c", code).stdout
