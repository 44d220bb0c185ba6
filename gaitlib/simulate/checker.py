"""OpenSim in a child of the solving process with pipes: a cluster's workers may not own process pools."""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys

from gaitlib.body.spatial_body import COORDINATES, build_spatial_specification
from gaitlib.errors import WorkError
from gaitlib.simulate.solution import list_reasons


class Checker:
    """A child process that replays gaits in OpenSim, one at a time; started at the first call."""

    def __init__(self):
        self._child: subprocess.Popen | None = None

    def check(self, request, solved) -> dict:
        """Replay one gait."""
        if self._child is None or self._child.poll() is not None:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "gaitlib.simulate.checker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            atexit.register(self.close)
        try:
            pickle.dump((request, solved), self._child.stdin)
            self._child.stdin.flush()
            done, answer = pickle.load(self._child.stdout)
        except (EOFError, OSError, pickle.UnpicklingError):
            self.close()
            return {"reasons": ["check: OpenSim's process ended without an answer"]}
        return answer if done else {"reasons": [f"check: {answer}"]}

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None


def run_replay(request, solved) -> dict:
    """Replay one solution, in the plane or in space, in OpenSim in this (worker) process."""
    from gaitlib.simulate.replay import replay_gait

    specification = request.specification
    if solved.position.shape[1] == len(COORDINATES):
        specification = build_spatial_specification(request.person, request.impairment, request.structure)
    replay = replay_gait(specification, solved)
    return replay | {"reasons": list_reasons(replay)}


def serve() -> None:
    """Answer checks until the parent closes the pipe; what OpenSim prints goes to stderr."""
    if "casadi" in sys.modules:
        raise WorkError("CasADi is loaded in the process that checks in OpenSim")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while True:
        try:
            request, solved = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = (True, run_replay(request, solved))
        except Exception as error:  # one bad gait must not end the checks of the others
            answer = (False, f"{type(error).__name__}: {error}")
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    serve()
