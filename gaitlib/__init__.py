"""Gait from muscles: simulate, generate, sense, estimate, and test the estimates on real people."""

import importlib

__version__ = "0.1.0"


def load_library(folder=None):
    """Load a library of simulated gaits; see `gaitlib.simulate.library.load_library`.

    Parameters
    ----------
    folder : path, optional
        Library folder; the shipped one when left out.

    Returns
    -------
    gaitlib.simulate.library.Library
        `run`: one row per gait asked for (person, impairment, outcomes, verdict, timing); `curves`: table and
        curves of the released gaits; `hash` of these.
    """
    from gaitlib.simulate.library import load_library as load

    return load(folder)


def __getattr__(name: str):
    """Import `gaitlib.estimate` when it is first asked for."""
    if name == "estimate":
        return importlib.import_module("gaitlib.estimate")
    raise AttributeError(f"module 'gaitlib' has no attribute '{name}'")
