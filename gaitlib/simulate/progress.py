"""How a build is getting on: a bar with rate, time left and share of failures."""

from __future__ import annotations

import sys
import time

REPORT_S = 30.0


class Progress:
    """Progress of a build on the terminal; in a log file one line every half minute.

    Parameters
    ----------
    total : int
        Gaits of the plan.
    done, failed : int
        Finished before this sitting, and not verified among them.
    quiet : bool
        Count only, print nothing.
    report : callable, optional
        Called with a line of text at the start and every `REPORT_S` seconds, in place of the bar.
    """

    def __init__(self, total: int, done: int = 0, failed: int = 0, quiet: bool = False, report=None):
        from tqdm import tqdm

        terminal = sys.stderr.isatty()
        self.moments: list[float] = []
        self._total, self._done, self._failed = total, done, failed
        self._report, self._told = report, time.monotonic()
        if report:
            report(f"{done:,} of {total:,} gaits are there")
        self._bar = tqdm(
            total=total, initial=done, unit="gait", disable=quiet or report is not None, smoothing=0.05,
            ascii=not terminal,
            mininterval=0.5 if terminal else 30.0, dynamic_ncols=terminal,
            bar_format="{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]",
        )  # fmt: skip
        self._started = time.monotonic()

    def count(self, verified: bool) -> None:
        """Count a finished gait."""
        self.moments.append(time.monotonic())
        self._done += 1
        self._failed += not verified
        rate = 3600 * len(self.moments) / max(self.moments[-1] - self._started, 1e-9)
        text = f"{rate:.0f} per hour, {100 * self._failed / self._done:.1f} % not verified"
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update()
        if self._report and (self._done == self._total or self.moments[-1] - self._told >= REPORT_S):
            self._told = self.moments[-1]
            left = (self._total - self._done) / max(rate, 1e-9)
            self._report(f"{self._done:,} of {self._total:,} gaits, {text}, {left:.1f} h left")

    def compute_rate(self, skip: int = 0) -> float:
        """Compute the rate of this sitting."""
        if len(self.moments) <= skip + 1:
            return float("nan")
        return 3600 * (len(self.moments) - 1 - skip) / (self.moments[-1] - self.moments[skip])

    def close(self) -> None:
        """Leave the bar as it stands."""
        self._bar.close()
