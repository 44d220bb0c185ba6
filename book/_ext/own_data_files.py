"""The commands of the page "Use it on your own data", run on files of one simulated walk."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
from pathlib import Path
from textwrap import fill

import numpy as np
import pandas as pd

import gaitlib
from gaitlib.door.command import add_estimate_parser, run
from gaitlib.errors import WorkError
from gaitlib.estimate.synthetic_training import list_persons
from gaitlib.gait import GRAVITY_MPS2
from gaitlib.sense.camera import build_camera, project_walk
from gaitlib.sense.inertial import sense_motion
from gaitlib.sense.layouts import get_layout
from gaitlib.simulate.library import load_library
from gaitlib.walk import KEYPOINTS_3D

FPS, RATE_HZ = 60.0, 100.0
_MARKERS = [f"{part}_{side}" for part in ("hip", "knee", "ankle", "heel", "toe") for side in "rl"]


def run_commands(page: Path, folder: Path) -> list[str]:
    """Run every `gaitlib estimate` of a page; words and picture go to a folder, as NAME.txt and NAME.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    write_files(folder)
    parser, done = argparse.ArgumentParser(), []
    add_estimate_parser(parser.add_subparsers())
    for line in re.findall(r"^gaitlib (estimate .+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        words = line.split()
        name, printed = Path(words[1]).stem, io.StringIO()
        words = ["estimate", str(folder / words[1]), *words[2:], "--plot", str(folder / f"{name}.svg")]
        with contextlib.redirect_stdout(printed):
            code = run(parser.parse_args(words))
        if code not in (0, 1):
            raise WorkError(f"{page.name}: 'gaitlib {line}' gives the exit code {code}")
        lines = [
            fill(line, 90, subsequent_indent="    ", break_on_hyphens=False)
            for line in printed.getvalue().splitlines()
        ]
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        done.append(name)
    return done


def write_files(folder: Path) -> None:
    """Write the files that the commands read: one simulated walk in the forms of detectors and sensors."""
    table, gaits = load_library().curves
    adult = table["verified"].astype(bool) & (table["kind"] == "half") & table["age_years"].between(20, 60)
    off = np.abs(table["speed_mps"] - 1.2) + np.abs(table["height_m"] - 1.7)
    place = int(np.argmin(np.where(adult, off, np.inf)))
    rng = np.random.default_rng(0)
    person = list_persons(table.iloc[[place]])[0]
    walk = gaitlib.build_walk(
        gaits.isel(gait=place), person, duration_s=7.0, fps=FPS, variability=0.5, seed=1
    )
    camera = build_camera("side", fps=FPS)
    pixels = {
        name: project_walk(walk, camera, name)["pixel_position"].values for name in ("coco17", "body25")
    }
    names = [f"{name}_{axis}" for name in get_layout("coco17") for axis in "xy"]
    points = pixels["coco17"].reshape(len(pixels["coco17"]), -1)
    noisy = pd.DataFrame(points + rng.normal(0, 1, points.shape), columns=names).round(1)
    noisy.assign(time=np.arange(len(noisy)) / FPS).to_csv(folder / "keypoints.csv", index=False)
    middle = len(noisy) // 2  # there the whole body is in the picture
    still = pd.concat([noisy.iloc[[middle]]] * 200) + rng.normal(0, 1, (200, len(names)))
    still.to_csv(folder / "standing.csv", index=False)
    (folder / "openpose").mkdir(exist_ok=True)
    stander = pixels["body25"][middle] + [700, 30]
    for n, frame in enumerate(pixels["body25"]):
        people = [np.column_stack([one, np.ones(25)]).ravel().round(1).tolist() for one in (frame, stander)]
        people = [{"pose_keypoints_2d": one} for one in (people if n % 3 else people[::-1])]
        (folder / "openpose" / f"walk_{n:06d}_keypoints.json").write_text(json.dumps({"people": people}))
    signals = sense_motion(walk, ("lower_back",), RATE_HZ)
    parts = [signals[name].values[:, 0] for name in ("acceleration", "angular_velocity")]
    columns = [f"{kind} {axis} ({unit})" for kind, unit in (("Acc", "g"), ("Gyr", "deg/s")) for axis in "XYZ"]
    sensor = pd.DataFrame(np.hstack([parts[0] / GRAVITY_MPS2, np.degrees(parts[1])]), columns=columns)
    sensor.insert(0, "Time (ms)", np.arange(len(sensor)) * 1000 / RATE_HZ)
    sensor.to_csv(folder / "sensor.csv", index=False, sep=";", decimal=",")
    _write_trc(folder / "markers.trc", walk["keypoint_position"].values)


def _write_trc(path: Path, points: np.ndarray) -> None:
    n, places = len(points), [KEYPOINTS_3D.index(name) for name in _MARKERS]
    head = f"PathFileType\t4\t(X/Y/Z)\t{path.name}\nDataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\n"
    head += f"{FPS}\t{FPS}\t{n}\t{len(places)}\tm\nFrame#\tTime\t" + "\t\t\t".join(_MARKERS) + "\n"
    head += "\t\t" + "\t".join(f"{axis}{k + 1}" for k in range(len(places)) for axis in "XYZ") + "\n"
    rows = [[k + 1, k / FPS, *frame[places].ravel()] for k, frame in enumerate(points)]
    path.write_text(head + "\n".join("\t".join(f"{v:.5g}" for v in row) for row in rows) + "\n")


def _run_page(app):
    page = Path(app.srcdir) / "own_data.md"
    if page.is_file():  # a small book may have none
        run_commands(page, page.with_name("_own_data"))


def setup(app):
    """Run the commands before the page that shows what they say is read."""
    app.connect("builder-inited", _run_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
