"""What all tests share: one thread, no window, and the rule for recordings of real people."""

import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two workers on two cores
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest  # noqa: E402

NO_DATA = "no recordings of real people: set GAITLIB_DATA to their folder"


def _have_real_data():
    folder = os.environ.get("GAITLIB_DATA", "").strip()
    if folder:
        return Path(folder).is_dir()
    from gaitlib.data.fetch import count_present
    from gaitlib.data.manifest import load_manifest

    items = {key: item for key, item in load_manifest().items.items() if item.fetch == "auto"}
    return all(count_present(key, item) == len(item.files) for key, item in items.items())


@pytest.fixture(scope="session")
def real_data():
    """Skip the test where there are no recordings; fail it there when CI is set."""
    if not _have_real_data():
        if os.environ.get("CI"):
            pytest.fail(f"{NO_DATA} (with CI set nothing is skipped)")
        pytest.skip(NO_DATA)


@pytest.fixture(autouse=True)
def _real_data_mark(request):
    if request.node.get_closest_marker("real_data"):
        request.getfixturevalue("real_data")


@pytest.fixture(autouse=True)
def _no_engine_in_this_process():
    """OpenSim and CasADi cannot share a process: only spawned workers import them, tests never do."""
    yield
    loaded = {"opensim", "casadi"} & sys.modules.keys()
    assert not loaded, f"{', '.join(loaded)} was imported into the process of the tests"


def _serve():
    """A worker process that calls functions of a test's helper module."""
    from gaitlib.simulate.workers import make_pool

    with make_pool(1) as pool:
        yield lambda function, *inputs: pool.submit(function, *inputs).result()


@pytest.fixture(scope="module")
def casadi_process():
    """Call functions where CasADi may be imported."""
    yield from _serve()


@pytest.fixture(scope="module")
def opensim_process():
    """Call functions where OpenSim may be imported."""
    yield from _serve()
