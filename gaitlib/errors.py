"""Errors that gaitlib raises on purpose, and what their messages share."""

import difflib


class GaitlibError(Exception):
    """Any error that gaitlib raises on purpose."""


class InputError(GaitlibError, ValueError):
    """The input was wrong: a file, a field or a value (command line exit code 2)."""


class WorkError(GaitlibError, RuntimeError):
    """The input was fine but the work failed (command line exit code 1)."""


class AbsentData(WorkError):
    """Recordings of real people that are neither here nor shipped; a page says so and goes on."""

    def __init__(self, item_id: str, message: str) -> None:
        super().__init__(message)
        self.item_id = item_id


def suggest_name(name: str, known) -> str:
    """Name the nearest known name for a message."""
    known = [str(item) for item in known]
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean '{nearest[0]}'?" if nearest else f"; known: {', '.join(known) or 'none'}"
