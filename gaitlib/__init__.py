"""Gait from muscles: simulate, generate, sense, estimate, and test the estimates on real people."""

import importlib

__version__ = "0.1.0"


def __getattr__(name: str):
    """Import `gaitlib.estimate` when it is first asked for."""
    if name == "estimate":
        return importlib.import_module("gaitlib.estimate")
    raise AttributeError(f"module 'gaitlib' has no attribute '{name}'")
