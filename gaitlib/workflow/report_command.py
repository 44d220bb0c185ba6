"""The command `gaitlib report FILE`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from gaitlib.door.answer import estimate_gait
from gaitlib.door.command import add_reading_options
from gaitlib.errors import InputError
from gaitlib.report.frames import cut_pictures
from gaitlib.report.one_page import write_page
from gaitlib.report.visit import Visit, build_visit
from gaitlib.sense.film import read_film, show_progress
from gaitlib.sense.video import is_video

_EQUIVALENT_WIDTH_MM = 34.6
"""Longer side of a picture of 4 by 3 whose diagonal is that of 35 mm film: phones state their lens so."""
VIDEO_ENDINGS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".3gp")


def add_report_parser(subparsers) -> argparse.ArgumentParser:
    """Add the command to the program."""
    parser = subparsers.add_parser(
        "report",
        help="one page on one recording: video, keypoints, inertial sensor or markers",
        description="Writes one HTML page that needs no network and prints to one side of A4, beside it the "
        "same as JSON and CSV. Reads all that gaitlib estimate reads, and videos (extra 'video').",
    )
    parser.add_argument("file", help="video, file or folder")
    parser.add_argument("--height", type=float, dest="height_m", help="body height (m); needed")
    parser.add_argument("--age", type=float, dest="age_years", help="age (years), for the usual ranges")
    parser.add_argument("--sex", choices=("f", "m"), help="sex, for the usual ranges")
    parser.add_argument("--out", help="page to write; FILE_report.html if not given")
    parser.add_argument("--compare", metavar="JSON", help="an earlier report of the same person")
    parser.add_argument("--person", type=int, help="which person; of a video, counted from the left")
    parser.add_argument("--show-face", action="store_true", help="do not blur the face in frames of a video")
    parser.add_argument("--group", help="whose test to print, by the name of their group; all if not given")
    parser.add_argument(
        "--results", help="results of a run to take the test from, such as build/quick/results"
    )
    parser.add_argument(
        "--lens", type=float, dest="lens_mm", metavar="MM",
        help="focal length, 35 mm equivalent, as phones state it (main lens 24 to 28; times the crop of the "
        "video); from the front and back it decides how well the speed is known",
    )  # fmt: skip
    add_reading_options(parser)
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    options = {name: value for name, value in vars(args).items() if name not in ("command", "run")}
    visit, files = make_report(**options, report=show_progress)
    print(visit.answer.describe())
    print(f"written: {', '.join(map(str, files))}")
    return 0


def make_report(
    file: str | Path,
    out: str | Path | None = None,
    *,
    height_m: float | None = None,
    age_years: float | None = None,
    sex: str | None = None,
    compare: str | Path | None = None,
    person: int | None = None,
    show_face: bool = False,
    group: str | None = None,
    results: str | Path | None = None,
    view: str | None = None,
    lens_mm: float | None = None,
    site: str | None = None,
    fps: float | None = None,
    layout: str | None = None,
    format: str | None = None,
    image_size_px: tuple[int, int] | None = None,
    subject: str | None = None,
    treadmill: bool = False,
    report: Callable[[int, int], None] | None = None,
) -> tuple[Visit, list[Path]]:
    """Write page, JSON and CSV on one recording; the options are those of the command."""
    _check_stated(height_m, age_years, lens_mm)
    path = Path(file)
    out = Path(out) if out else path.with_name(f"{path.stem}_report.html")
    if out.suffix.lower() not in (".html", ".htm"):
        raise InputError(
            f"--out {out}: expected a name that ends in .html; JSON and CSV are written beside it."
        )
    spared = [Path(name).resolve() for name in (file, compare) if name]
    if any(out.with_suffix(ending).resolve() in spared for ending in (out.suffix, ".json", ".csv")):
        raise InputError(
            f"--out {out}: JSON or CSV beside it would overwrite what is read; choose another name."
        )
    known = {"height_m": height_m, "age_years": age_years, "view": view, "treadmill": treadmill}
    film = None
    if is_video(path) or path.suffix.lower() in VIDEO_ENDINGS:
        film = read_film(path, out, person, fps, report)
        try:
            seen = film.keypoints.attrs
            focal = _find_focal(lens_mm, (seen["image_width_px"], seen["image_height_px"]))
            answer = estimate_gait(film.keypoints, focal_length_px=focal, **known)
        except InputError as error:  # the door sees an array, the reader a file
            raise InputError(str(error).replace("array: ", f"video {path.name}: ", 1)) from None
        answer = replace(answer, source=path.name, notes=(*film.notes, *answer.notes), method=film.method)
    else:
        known |= {"format": format, "layout": layout, "site": site, "subject": subject}
        size = tuple(image_size_px) if image_size_px else None
        focal = _find_focal(lens_mm, size)
        answer = estimate_gait(path, fps, image_size_px=size, person=person, focal_length_px=focal, **known)
        people = answer.recording.facts.get("people", 1) if answer.recording else 1
        if people > 1 and person is None:
            raise InputError(
                f"{path.name}: {people} people in the picture; say which one with --person 1 to {people} "
                "(1 walks most)."
            )
    view = view if answer.recording is None or answer.recording.kind == "keypoints" else None
    places = (Path(name) if name else None for name in (results, compare))
    filmed = {"filmed": film is not None, "lens_told": lens_mm is not None}
    visit = build_visit(answer, height_m, age_years, sex, view, group, *places, **filmed)
    if film is not None:
        visit = replace(visit, pictures=cut_pictures(film, answer, not show_face))
    texts = (
        write_page(visit),
        json.dumps(visit.to_dict(), indent=1) + "\n",
        visit.to_table().to_csv(index=False),
    )
    files = [out, out.with_suffix(".json"), out.with_suffix(".csv")]
    for place, text in zip(files, texts, strict=True):
        try:
            place.write_text(text, encoding="utf-8")
        except OSError as error:
            raise InputError(f"{place}: cannot be written ({error.strerror}).") from None
    return visit, files


def _find_focal(lens_mm: float | None, size: tuple[int, int] | None) -> float | None:
    """Focal length (px) of a stated lens."""
    if lens_mm is None:
        return None
    if size is None:
        raise InputError("--lens: the size of the image is needed as well; give --image-size WIDTH HEIGHT.")
    return lens_mm / _EQUIVALENT_WIDTH_MM * max(size)


def _check_stated(height_m: float | None, age_years: float | None, lens_mm: float | None) -> None:
    if height_m is None:
        raise InputError("--height: not given; the body height in metres is needed, such as --height 1.72.")
    if not 0.6 <= height_m <= 2.3:
        raise InputError(f"--height: found {height_m:g}, expected 0.6 to 2.3. Give it in metres.")
    if age_years is not None and not 2 <= age_years <= 110:
        raise InputError(f"--age: found {age_years:g}, expected 2 to 110 years.")
    if lens_mm is not None and not 10 <= lens_mm <= 300:
        raise InputError(f"--lens: found {lens_mm:g}, expected 10 to 300 mm (35 mm equivalent).")
