"""What `import gaitlib` offers: listed, explained, quick to reach, and each example does what it says."""

import doctest
import pydoc
import subprocess
import sys

import pytest

import gaitlib

SLOW = {"simulate_gait"}


def test_dir_shows_the_verbs_and_help_explains_them():
    assert dir(gaitlib) == sorted(gaitlib.__all__)
    text = pydoc.plain(pydoc.render_doc(gaitlib))
    for name in gaitlib.__all__:
        assert f"`{name}`" in gaitlib.__doc__ and name in text
    with pytest.raises(AttributeError, match="no attribute 'estimates'"):
        gaitlib.estimates  # noqa: B018


@pytest.mark.parametrize("name", gaitlib.__all__)
def test_a_verb_is_reached_within_a_second(name):
    """Processor time; a busy machine stretches it, and that of pandas and xarray as well."""
    verb, others = f"import gaitlib; gaitlib.{name}", "import numpy, pandas, xarray, scipy.ndimage, pydantic"
    found = {code: [] for code in (verb, others)}
    for code in 2 * (verb, others):
        whole = f"import sys, time; {code}; print(time.process_time(), 'torch' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, check=True)
        seconds, torch = done.stdout.split()
        found[code].append(float(seconds))
        assert torch == "False"
    assert min(found[verb]) < max(1.0, 2 * min(found[others]))


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in gaitlib.__all__]
)
def test_the_example_of_a_verb_runs(name):
    found = doctest.DocTestFinder(recurse=False).find(getattr(gaitlib, name), name, globs={})
    assert found and found[0].examples
    said = []
    failed, _ = doctest.DocTestRunner(verbose=False).run(found[0], out=said.append)
    assert not failed, "".join(said)
