"""The command `gaitlib report FILE`."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

from gaitlib.errors import InputError

_ENDINGS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".3gp")


def add_report_parser(subparsers) -> argparse.ArgumentParser:
    """Add the command to the program."""
    from gaitlib.report.visit import GROUPS

    parser = subparsers.add_parser(
        "report",
        help="one page on one recording: video, keypoints, inertial sensor or markers",
        description="Writes one HTML page that needs no network and prints to one side of A4, beside it the "
        "same as JSON and CSV. Reads all that gaitlib estimate reads, and videos (extra 'video').",
    )
    parser.add_argument("file", help="video, file or folder")
    parser.add_argument("--height", type=float, help="body height (m); needed")
    parser.add_argument("--age", type=float, help="age (years), for the usual ranges")
    parser.add_argument("--sex", choices=("f", "m"), help="sex, for the usual ranges")
    parser.add_argument("--out", help="page to write; FILE_report.html if not given")
    parser.add_argument("--compare", metavar="JSON", help="an earlier report of the same person")
    parser.add_argument("--person", type=int, help="which person; of a video, counted from the left")
    parser.add_argument("--show-face", action="store_true", help="do not blur the face in frames of a video")
    parser.add_argument("--group", help=f"whose test to print: {', '.join(GROUPS)}; all if not given")
    parser.add_argument(
        "--results", help="results of a run to take the test from, such as build/quick/results"
    )
    parser.add_argument("--view", help="where the camera stands: side, oblique, front, back")
    parser.add_argument("--site", help="where the inertial sensor is worn, such as lower_back")
    parser.add_argument("--fps", type=float, help="frames or samples per second, where the file does not say")
    parser.add_argument("--layout", help="order of numbered points, where the file does not say")
    parser.add_argument("--format", help="what the file is, where its content misleads")
    parser.add_argument(
        "--image-size", nargs=2, type=int, metavar=("WIDTH", "HEIGHT"), help="image size (px)"
    )
    parser.add_argument("--subject", help="which subject of a c3d file")
    parser.add_argument("--treadmill", action="store_true", help="the person walks on a treadmill")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from gaitlib.door.answer import estimate_gait
    from gaitlib.report.one_page import write_page
    from gaitlib.report.visit import build_visit
    from gaitlib.sense.video import is_video

    _check_person(args)
    path = Path(args.file)
    out = Path(args.out) if args.out else path.with_name(f"{path.stem}_report.html")
    if out.suffix.lower() not in (".html", ".htm"):
        raise InputError(
            f"--out {out}: expected a name that ends in .html; JSON and CSV are written beside it."
        )
    spared = [Path(name).resolve() for name in (args.file, args.compare) if name]
    if any(out.with_suffix(ending).resolve() in spared for ending in (out.suffix, ".json", ".csv")):
        raise InputError(
            f"--out {out}: JSON or CSV beside it would overwrite what is read; choose another name."
        )
    known = {"height_m": args.height, "age_years": args.age, "view": args.view, "treadmill": args.treadmill}
    film = None
    if is_video(path) or path.suffix.lower() in _ENDINGS:
        from gaitlib.sense.film import read_film

        film = read_film(path, out, args.person, args.fps)
        answer = estimate_gait(film.keypoints, **known)
        answer = replace(answer, source=path.name, notes=(*film.notes, *answer.notes), method=film.method)
    else:
        size = tuple(args.image_size) if args.image_size else None
        known |= {"format": args.format, "layout": args.layout, "site": args.site, "subject": args.subject}
        answer = estimate_gait(args.file, args.fps, image_size_px=size, person=args.person, **known)
        people = answer.recording.facts.get("people", 1) if answer.recording else 1
        if people > 1 and args.person is None:
            raise InputError(
                f"{path.name}: {people} people in the picture; say which one with --person 1 to {people} "
                "(1 walks most)."
            )
    view = args.view if answer.recording is None or answer.recording.kind == "keypoints" else None
    results = Path(args.results) if args.results else None
    earlier = Path(args.compare) if args.compare else None
    visit = build_visit(answer, args.height, args.age, args.sex, view, args.group, results, earlier)
    if film is not None:
        from gaitlib.report.frames import cut_pictures

        visit = replace(visit, pictures=cut_pictures(film, answer, not args.show_face))
    texts = (
        write_page(visit),
        json.dumps(visit.to_dict(), indent=1) + "\n",
        visit.to_table().to_csv(index=False),
    )
    files = dict(zip((out, out.with_suffix(".json"), out.with_suffix(".csv")), texts, strict=True))
    for place, text in files.items():
        try:
            place.write_text(text, encoding="utf-8")
        except OSError as error:
            raise InputError(f"{place}: cannot be written ({error.strerror}).") from None
    print(answer.describe())
    print(f"written: {', '.join(map(str, files))}")
    return 0


def _check_person(args: argparse.Namespace) -> None:
    if args.height is None:
        raise InputError("--height: not given; the body height in metres is needed, such as --height 1.72.")
    if not 0.6 <= args.height <= 2.3:
        raise InputError(f"--height: found {args.height:g}, expected 0.6 to 2.3. Give it in metres.")
    if args.age is not None and not 2 <= args.age <= 110:
        raise InputError(f"--age: found {args.age:g}, expected 2 to 110 years.")
