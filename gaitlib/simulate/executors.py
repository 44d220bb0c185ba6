"""Where the solves run: processes of this machine, or the workers of a Dask scheduler.

Both are `concurrent.futures` executors, so the builder does not know which one it has. The queue, the
transport and the recovery from lost workers are Dask's (BSD-3-Clause); nothing here schedules.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future

from gaitlib.errors import InputError, WorkError
from gaitlib.simulate.workers import make_pool

EXECUTORS = ("local", "dask")
_PATIENCE_S = 15.0
"""A scheduler that does not answer within this time is not there."""


class LocalExecutor:
    """Processes of this machine; the pool is made anew when one of them dies.

    Parameters
    ----------
    n_workers : int
        Number of processes.
    """

    def __init__(self, n_workers: int):
        self.n_workers = n_workers
        self._pool = make_pool(n_workers)

    def submit(self, function: Callable, *arguments) -> Future:
        """Hand over a call."""
        return self._pool.submit(function, *arguments)

    def count_slots(self) -> int:
        """Count how many calls run at the same time."""
        return self.n_workers

    def restart(self) -> None:
        """Replace a broken pool."""
        self.close()
        self._pool = make_pool(self.n_workers)

    def close(self) -> None:
        """End the processes; calls that have not begun are dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class DaskExecutor:
    """Workers of a running Dask scheduler (`dask worker ADDRESS --nthreads 1`, one per core).

    Parameters
    ----------
    address : str
        Address of the scheduler, such as tcp://host:8786; empty: from Dask's own configuration.

    Raises
    ------
    InputError
        If there is no scheduler.
    """

    def __init__(self, address: str):
        import dask
        from distributed import Client

        address = address or dask.config.get("scheduler-address", "")
        if not address:
            raise InputError(
                "--scheduler: missing; name a scheduler such as tcp://host:8786 (start: dask scheduler)."
            )
        try:
            self._client = Client(address, timeout=_PATIENCE_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise InputError(
                f"--scheduler {address}: no Dask scheduler answers there ({type(error).__name__})."
            ) from None
        self._pool = self._client.get_executor(pure=False)

    def submit(self, function: Callable, *arguments) -> Future:
        """Hand over a call; see `LocalExecutor.submit`."""
        return self._pool.submit(function, *arguments)

    def count_slots(self) -> int:
        """Count how many calls run at the same time."""
        return max(1, sum(self._client.nthreads().values()))

    def restart(self) -> None:
        """Give up: without its scheduler this executor is lost."""
        raise WorkError("the connection to the Dask scheduler is lost; the same command goes on from here.")

    def close(self) -> None:
        """Leave the scheduler; calls that have not begun are dropped."""
        self._pool.shutdown(wait=False)
        self._client.close()


def open_executor(name: str, n_workers: int = 1, scheduler: str = "") -> LocalExecutor | DaskExecutor:
    """Open an executor."""
    if name not in EXECUTORS:
        raise InputError(f"--executor: found '{name}', expected {' or '.join(EXECUTORS)}.")
    return LocalExecutor(n_workers) if name == "local" else DaskExecutor(scheduler)
