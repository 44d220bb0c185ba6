"""Errors that gaitlib raises on purpose."""


class GaitlibError(Exception):
    """Any error that gaitlib raises on purpose."""


class InputError(GaitlibError, ValueError):
    """The input was wrong: a file, a field or a value (command line exit code 2)."""


class WorkError(GaitlibError, RuntimeError):
    """The input was fine but the work failed (command line exit code 1)."""
