"""The command `gaitlib`: each sub-command is a module that is imported only when it is asked for."""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
from collections.abc import Sequence

import gaitlib
from gaitlib.environment import EXTRAS, require
from gaitlib.errors import InputError, WorkError

COMMANDS = {
    "doctor": ("gaitlib.doctor:add_doctor_parser", "say what works on this machine"),
    "data": (
        "gaitlib.data.data_command:add_data_parser",
        "list, fetch and verify recordings of people",
    ),
    "run": ("gaitlib.workflow.run:add_run_parser", "run a study and build its book"),
    "simulate": ("gaitlib.simulate.simulate_command:add_simulate_parser", "solve the gait of a person"),
    "library": (
        "gaitlib.simulate.simulate_command:add_library_parser",
        "check, join and release gait libraries",
    ),
    "generate": (
        "gaitlib.workflow.train:add_generate_parser",
        "train the generator, or make strides with it",
    ),
    "estimate": (
        "gaitlib.door.command:add_estimate_parser",
        "speed, steps and muscle activity from keypoints, sensors or markers",
    ),
    "report": (
        "gaitlib.workflow.report_command:add_report_parser",
        "one page on one recording: video, keypoints, sensor or markers",
    ),
    "app": ("gaitlib.workflow.app:add_app_parser", "a local page that makes reports of dropped files"),
    "train": ("gaitlib.workflow.train:add_train_parser", "train the estimators that come with the project"),
}
"""Where each command registers itself, and its line in the help."""

NEEDS = {
    "run": ("clone", *EXTRAS),
    "train": ("clone",),
    "simulate": ("simulate",),
}
"""What a command needs beyond the base installation."""


def build_parser(wanted: str | None = None) -> argparse.ArgumentParser:
    """Build the parser of the program."""
    parser = argparse.ArgumentParser(prog="gaitlib", description=gaitlib.__doc__)
    parser.add_argument("--version", action="version", version=f"gaitlib {gaitlib.__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (place, text) in COMMANDS.items():
        if name == wanted:
            module, function = place.split(":")
            getattr(importlib.import_module(module), function)(subparsers)
        else:
            subparsers.add_parser(name, help=text)
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Run the program."""
    words = list(sys.argv[1:] if words is None else words)
    command = next((word for word in words if not word.startswith("-")), None)
    try:
        if command is not None and command not in COMMANDS:
            near = difflib.get_close_matches(command, COMMANDS, n=1, cutoff=0.5)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise InputError(f"unknown command '{command}'.{hint} There are: {', '.join(COMMANDS)}.")
        arguments = build_parser(command).parse_args(words)
        require(*NEEDS.get(arguments.command, ()))
        return arguments.run(arguments)
    except InputError as error:
        return _fail(error, 2)
    except WorkError as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _fail(reason: object, code: int) -> int:
    for line in str(reason).splitlines():
        print(f"gaitlib: {line}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
