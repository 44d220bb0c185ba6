"""How right is `gaitlib report` on whole videos? Makes `gaitlib/evaluate/video_trials.csv`.

Reports and the book print it.

Three kinds of video, each from the file to the values of the page:

- drawn walks: simulated walks of the library as a figure with flesh (`tests/mannequin.py`), whose speed and
  step time are known, in four views. Their true joints go through the same estimator, and both ways the lens
  is told as well, so that the errors of detector, lens and estimator can be told apart;
- the side view of two people who walk (sports2d). Nobody measured them: their speed is taken from the path of
  the hips and their apparent size, their step time from the rhythm of the distance between the ankles;
- four views of a person who balances, alone and beside somebody who stands (pose2sim): no walk, so the right
  answer is none.

The recordings of the packages are under BSD-3-Clause, used where they lie and not copied here:

    python -m pip install --no-deps --target build/videos pose2sim==0.10.49 sports2d==0.8.34
    python studies/report_videos.py build/videos
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from gaitlib.door.answer import estimate_gait
from gaitlib.environment import ROOT
from gaitlib.errors import InputError
from gaitlib.outcomes import compute_walk_outcomes
from gaitlib.sense.body_walk import build_synthetic_walk
from gaitlib.sense.film import Film, read_film
from gaitlib.simulate.library import load_library

OUT = ROOT / "gaitlib/evaluate/video_trials.csv"
_VIEWS = ("side", "oblique", "front", "back")
_SPEEDS_MPS = (0.7, 1.0, 1.3)
_DISTANCE_M = {"side": 7.5, "oblique": 7.5, "front": 8.5, "back": 8.5}
_FOCAL_PX = 1100.0
_HEIGHTS_M = (1.80, 1.65)
"""Of the man, assumed, and of the woman, as sports2d states it; both ways of measuring scale with it."""
_LEG_SHARE = 0.491


def draw_walk(folder: Path, speed_mps: float, view: str) -> tuple[Path, float, dict, xr.Dataset]:
    """Draw the walk of an adult of the library; path, body height, true outcomes, true joints."""
    sys.path.insert(0, str(ROOT / "tests"))
    from mannequin import film_video, frame_video

    from gaitlib.estimate.synthetic_training import list_persons

    table, gaits = load_library().curves
    adult = table["verified"].astype(bool) & table["age_years"].between(20, 80)
    off = (table["speed_mps"] - speed_mps).abs() + 0.5 * (table["height_m"] - 1.7).abs()
    place = int(np.argmin(np.where(adult, off, np.inf)))
    person = list_persons(table.iloc[[place]])[0]
    walk = build_synthetic_walk(
        gaits.isel(gait=[place]), person, np.random.default_rng(1), duration_s=6.0, fps=60.0
    )
    path = folder / f"drawn_{view}_{speed_mps:g}.avi"
    place = {"focal_px": _FOCAL_PX, "distance_m": _DISTANCE_M[view]}
    joints = frame_video(walk, view, **place)
    film_video(path, walk, view, **place)
    return path, person.height_m, compute_walk_outcomes(walk), joints


def tell_apart(seen: xr.Dataset, joints: xr.Dataset, height_m: float) -> dict[str, float]:
    """Speed (m/s) from the detector's points with the lens told, and from true joints without and with it."""
    found = {}
    for name, points, focal in (
        ("lens", seen, _FOCAL_PX), ("joints", joints, None), ("joints_lens", joints, _FOCAL_PX)
    ):  # fmt: skip
        answer = estimate_gait(points, height_m=height_m, focal_length_px=focal)
        found[f"speed_mps_{name}"] = round(answer.values["speed_mps"].value, 4) if answer.ok else np.nan
    return found


def measure_plainly(film: Film, height_m: float) -> dict:
    """Speed by the path of the hips and their apparent leg, step time by the rhythm of the ankles."""
    at = {
        str(n): film.keypoints["pixel_position"].sel(keypoint=n).values
        for n in film.keypoints["keypoint"].values
    }
    time_s = film.keypoints["time"].values
    hips = 0.5 * (at["left_hip"] + at["right_hip"])
    rows = np.flatnonzero(np.isfinite(hips).all(axis=1))
    sides = [
        np.linalg.norm(at[f"{s}_hip"] - at[f"{s}_knee"], axis=1)
        + np.linalg.norm(at[f"{s}_knee"] - at[f"{s}_ankle"], axis=1)
        for s in ("left", "right")
    ]
    leg = float(np.nanquantile(np.fmax(*sides)[rows], 0.75))
    speed = abs(np.polyfit(time_s[rows], hips[rows, 0], 1)[0]) / leg * _LEG_SHARE * height_m
    apart = np.abs(at["left_ankle"] - at["right_ankle"])[:, 0]
    known = np.flatnonzero(np.isfinite(apart))
    fps = (len(time_s) - 1) / (time_s[-1] - time_s[0])
    steady = np.interp(np.arange(known[0], known[-1] + 1), known, apart[known])
    steady = steady - steady.mean()
    rhythm = np.correlate(steady, steady, "full")[len(steady) - 1 :] / np.arange(len(steady), 0, -1)
    window = slice(int(0.35 * fps), int(1.1 * fps))
    return {"speed_mps": float(speed), "step_time_s": (int(np.argmax(rhythm[window])) + window.start) / fps}


def try_video(
    path: Path, height_m: float, known: dict | None, what: str, view: str, person=None, joints=None
) -> dict:
    """Read one video and compare what the page would say; `known` None asks for a plain measurement."""
    wall, cpu = time.perf_counter(), time.process_time()
    row = {
        "what": what,
        "video": path.stem if what == "drawn" else f"{path.parts[-3]}/{path.stem}",
        "view": view,
    }
    row |= {"person": person, "status": "", "found_share": np.nan}
    try:
        film = read_film(
            path, path.with_name("page.html") if what == "drawn" else Path("build/page.html"), person
        )
        seen = np.isfinite(film.keypoints["pixel_position"].values).all(axis=2).any(axis=1)
        row["found_share"] = round(float(seen.mean()), 3)
        answer = estimate_gait(film.keypoints, height_m=height_m)
        row["status"] = answer.status
        if known is None and what == "walkers":
            known = measure_plainly(film, height_m)
        for name in ("speed_mps", "step_time_s"):
            row[f"{name}_known"] = round(known[name], 4) if known else np.nan
            row[name] = round(answer.values[name].value, 4) if answer.ok else np.nan
            for end in ("lower", "upper"):
                row[f"{name}_{end}"] = round(getattr(answer.values[name], end), 4) if answer.ok else np.nan
        row |= {} if joints is None else tell_apart(film.keypoints, joints, height_m)
    except InputError as error:
        row["status"] = str(error)
    row |= {"wall_s": round(time.perf_counter() - wall, 1), "cpu_s": round(time.process_time() - cpu, 1)}
    print(row, flush=True)
    return row


def main(arguments: list[str] | None = None) -> None:
    """Measure and store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="where the packages with the recordings were installed")
    parser.add_argument("--only", choices=("drawn", "walkers", "no walk"), help="one kind; the rest is kept")
    options = parser.parse_args(arguments)
    rows, folder = [], Path(options.folder)
    with tempfile.TemporaryDirectory() as drawn:
        if options.only in (None, "drawn"):
            for view in _VIEWS:
                for speed in _SPEEDS_MPS:
                    path, height_m, truth, joints = draw_walk(Path(drawn), speed, view)
                    rows.append(try_video(path, height_m, truth, "drawn", view, joints=joints))
    if options.only in (None, "walkers"):
        for person, height_m in enumerate(_HEIGHTS_M, start=1):
            path = folder / "Sports2D/Demo/demo.mp4"
            rows.append(try_video(path, height_m, None, "walkers", "side", person))
    if options.only in (None, "no walk"):
        for trial, people in (("Trial_1", (None,)), ("Trial_2", (1, 2))):
            for path in sorted((folder / f"Pose2Sim/Demo_Batch/{trial}/videos").glob("*.mp4")):
                rows += [try_video(path, 1.7, None, "no walk", "four views", person) for person in people]
    table = pd.DataFrame(rows)
    if options.only and OUT.is_file():
        before = pd.read_csv(OUT)
        table = pd.concat([before[before["what"] != options.only], table], ignore_index=True)
    table.to_csv(OUT, index=False)


if __name__ == "__main__":
    main()
