"""The command `gaitlib estimate FILE`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gaitlib.door.answer import estimate_gait
from gaitlib.door.formats import FORMATS
from gaitlib.door.names import ORDERS
from gaitlib.errors import InputError
from gaitlib.estimate.predict import load_shipped_estimator
from gaitlib.sense.camera import VIEWS


def add_estimate_parser(subparsers) -> argparse.ArgumentParser:
    """Add the command to the program."""
    parser = subparsers.add_parser(
        "estimate",
        help="speed, steps, phases of the stride and muscle activity from keypoints, a sensor or markers",
        description="Reads what pose detectors, inertial sensors and motion capture write: OpenPose, "
        "AlphaPose, MMPose and MediaPipe JSON or CSV, DeepLabCut and SLEAP CSV or HDF5, .trc, c3d, BVH, "
        "OpenSim .mot and .sto, CSV of inertial sensors in any separator, decimal sign and unit. What the "
        "file says counts; options fill in the rest.",
    )
    parser.add_argument("file", help="file, or folder of OpenPose")
    add_reading_options(parser)
    parser.add_argument(
        "--person", type=int, help="which person in the picture, 1 being the one who walks most"
    )
    parser.add_argument("--height", type=float, dest="height_m", help="body height (m)")
    parser.add_argument("--age", type=float, dest="age_years", help="age (years)")
    parser.add_argument("--focal-length", type=float, dest="focal_length_px", help="focal length (px)")
    parser.add_argument("--method", default="synthetic", help="synthetic (default) or classical")
    parser.add_argument("--weights", help="estimator file, in place of the one that comes with the project")
    parser.add_argument("--muscles", action="store_true", help="with the curves of muscle activity (JSON)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--csv", metavar="FILE", help="write a table of the values")
    parser.add_argument("--plot", metavar="FILE", help="draw track, contacts and bouts (png, svg or pdf)")
    parser.set_defaults(run=run)
    return parser


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how a file is read."""
    parser.add_argument("--format", choices=FORMATS, help="what the file is, where its content misleads")
    parser.add_argument("--layout", help=f"order of numbered points: {', '.join(ORDERS)}")
    parser.add_argument("--site", help="where the inertial sensor is worn, such as lower_back")
    parser.add_argument("--fps", type=float, help="frames or samples per second, where the file does not say")
    parser.add_argument("--subject", help="which subject of a c3d or .trc file")
    parser.add_argument("--treadmill", action="store_true", help="the person walks on a treadmill")
    parser.add_argument("--view", help=f"where the camera stands: {', '.join(VIEWS)}")
    size = {"nargs": 2, "type": int, "dest": "image_size_px", "metavar": ("WIDTH", "HEIGHT")}
    parser.add_argument("--image-size", help="image size (px)", **size)


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    own = ("command", "run", "file", "weights", "muscles", "json", "csv", "plot")
    options = {name: value for name, value in vars(args).items() if name not in own}
    options["image_size_px"] = tuple(args.image_size_px) if args.image_size_px else None
    estimator = load_shipped_estimator(path=args.weights) if args.weights else None
    answer = estimate_gait(args.file, estimator=estimator, **options)
    if args.csv:
        try:
            answer.to_table().to_csv(Path(args.csv), index=False)
        except OSError as error:
            raise InputError(f"--csv {args.csv}: cannot be written ({error.strerror}).") from None
    if args.plot:
        answer.plot(args.plot)
    print(json.dumps(answer.to_dict(args.muscles), indent=2) if args.json else answer.describe())
    return 0 if answer.ok else 1
