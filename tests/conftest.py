"""What all tests share: one thread, no window, and the rule for recordings of real people."""

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two workers on two cores
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest  # noqa: E402


def require_originals(*item_ids):
    """Skip the test where originals of these sets are absent; where CI promises recordings, fail it.

    CI promises them by setting GAITLIB_DATA; a CI copy without that variable runs on what is shipped.
    """
    from gaitlib.data.fetch import count_present
    from gaitlib.data.manifest import load_manifest

    items = load_manifest().items
    ids = item_ids or [key for key, item in items.items() if item.fetch == "auto"]
    absent = [key for key in ids if count_present(key, items[key]) < len(items[key].files)]
    if absent:
        reason = f"recordings that are not here: {', '.join(absent)} (run make data, or set GAITLIB_DATA)"
        if os.environ.get("CI") and os.environ.get("GAITLIB_DATA", "").strip():
            pytest.fail(f"{reason}; with CI and GAITLIB_DATA set nothing is skipped")
        pytest.skip(reason)


@pytest.fixture(autouse=True)
def _real_data_mark(request):
    for mark in request.node.iter_markers("real_data"):
        require_originals(*mark.args)


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
