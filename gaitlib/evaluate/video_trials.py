"""What drawn walks of known speed, filmed and estimated, say of a video from a view."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

VIDEO_TRIALS = Path(__file__).with_name("video_trials.csv")
"""Made by `studies/report_videos.py`: videos of known walks through the whole path."""
_TRUSTED = 0.15
"""Where drawn walks come out farther off (median), speed and lengths of a video are not told."""


def look_up_trials(view: str, lens_told: bool = False) -> tuple[bool, str]:
    """Look up drawn walks of known speed, filmed from a view: whether to trust lengths, and a sentence."""
    table = pd.read_csv(VIDEO_TRIALS)
    table = table[(table["what"] == "drawn") & (table["view"].replace("back", "front") == view)]
    good = table[table["status"] == "ok"]
    words = {"front": "the front or back"}.get(view, f"the {view}".replace("the oblique", "an oblique view"))
    if good.empty:
        return False, f"speed and step length are left out: no video from {words} was ever tested"
    told = lens_told and "speed_mps_lens" in good
    error = good["speed_mps_lens" if told else "speed_mps"] / good["speed_mps_known"] - 1
    if error.abs().median() > _TRUSTED:
        return False, (
            f"speed and step length are left out, as video from {words} does not tell them: in {len(good)} "
            f"drawn walks of known speed the values were {_show_errors(error)} off; film from the side"
            f"{'' if told else ' or state the lens (--lens)'}"
        )
    late = (good["step_time_s"] / good["step_time_s_known"] - 1).abs().max()
    return True, (
        f"In {len(good)} drawn videos from {words} with known values{' and lens' if told else ''} speed was "
        f"{_show_errors(error)} off, step time at most {100 * late:.1f} %."
    )


def _show_errors(error: pd.Series) -> str:
    low, high = (f"{100 * end:+.0f}".replace("-", "−") for end in (error.min(), error.max()))
    return f"{low} to {high} %"
