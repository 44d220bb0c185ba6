"""Gait from muscles: simulate, generate, sense, estimate, and test the estimates on real people."""

__version__ = "0.1.0"
