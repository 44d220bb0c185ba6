"""Finished gaits of a library that is being built: one file each, written in one step, named by content.

`parts/ab/ab12....verified.npz` holds the row of the table (JSON), the curves and what restarts a neighbour.
The name tells the state, so a listing of the folder is all that a resumed build needs. A file appears whole
or not at all, whenever the process is killed. The formats are plain numpy and JSON: machines can exchange
them.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from gaitlib.errors import WorkError

STATES = ("verified", "failed", "retry")
"""Done; done and not verified; failed once, to be tried again from another neighbour."""


class PartStore:
    """Parts of one library folder.

    Parameters
    ----------
    folder : pathlib.Path
        Library folder.
    """

    def __init__(self, folder: Path | str):
        self.folder = Path(folder) / "parts"

    def list_states(self) -> dict[str, str]:
        """List what is there."""
        found: dict[str, str] = {}
        for path in self.folder.glob("??/*.npz"):
            gait_id, state, _ = path.name.split(".", 2)
            if (
                state in STATES and found.get(gait_id, "retry") == "retry"
            ):  # a finished part outlives its retry
                found[gait_id] = state
        return dict(sorted(found.items()))

    def write(self, gait_id: str, state: str, row: dict, arrays: dict[str, np.ndarray]) -> None:
        """Write a part in one step."""
        path = self._locate(gait_id, state)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        with temporary.open("wb") as file:
            np.savez(file, row=np.array(json.dumps(row)), **arrays)
        os.replace(temporary, path)
        if state != "retry":
            self._locate(gait_id, "retry").unlink(missing_ok=True)

    def read_row(self, gait_id: str, state: str) -> dict:
        """Read the row of a part."""
        with np.load(self._locate(gait_id, state)) as stored:
            return json.loads(str(stored["row"]))

    def read_arrays(self, gait_id: str, prefix: str = "") -> dict[str, np.ndarray]:
        """Read arrays of a verified part whose names begin so."""
        with np.load(self._locate(gait_id, "verified")) as stored:
            return {name: stored[name] for name in stored.files if name.startswith(prefix) and name != "row"}

    def adopt(self, other: PartStore) -> int:
        """Take over the finished parts of another store."""
        own, n_new = self.list_states(), 0
        for gait_id, state in other.list_states().items():
            if state == "retry" or own.get(gait_id) in (state, "verified"):
                continue
            target = self._locate(gait_id, state)
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f"{target.name}.{os.getpid()}.tmp")
            shutil.copyfile(other._locate(gait_id, state), temporary)
            os.replace(temporary, target)
            for former in STATES:
                if former != state:
                    self._locate(gait_id, former).unlink(missing_ok=True)
            n_new += 1
        return n_new

    def _locate(self, gait_id: str, state: str) -> Path:
        return self.folder / gait_id[:2] / f"{gait_id}.{state}.npz"


@contextmanager
def lock_folder(folder: Path):
    """Hold a library folder for one build; the system lets go of it when the process ends, however it
    ends.
    """
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "build.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise WorkError(
                f"{folder.name}: another build is at work in this folder; wait for it or stop it."
            ) from None
        yield
