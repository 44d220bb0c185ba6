"""The command `gaitlib estimate FILE`."""

from __future__ import annotations

import argparse
import json

from gaitlib.errors import InputError


def add_estimate_parser(subparsers) -> argparse.ArgumentParser:
    """Add the command to the program.

    Parameters
    ----------
    subparsers : argparse sub-parsers
        Of the program.

    Returns
    -------
    argparse.ArgumentParser
        The command's parser, with `run` as default function.
    """
    from gaitlib.sense.layouts import LAYOUTS

    parser = subparsers.add_parser(
        "estimate",
        help="speed, step length and step time from a CSV file of image keypoints",
        description="One row per frame; columns <keypoint>_u, <keypoint>_v (px) and optionally "
        "<keypoint>_confidence (0-1); empty cells are unknown points.",
    )
    parser.add_argument("file", help="CSV file of image keypoints")
    parser.add_argument("--layout", required=True, help=f"keypoint layout: {', '.join(LAYOUTS)}")
    parser.add_argument("--fps", required=True, type=float, help="frames per second")
    parser.add_argument("--height", type=float, help="body height (m)")
    parser.add_argument(
        "--image-size", nargs=2, type=int, metavar=("WIDTH", "HEIGHT"), help="image size (px)"
    )
    parser.add_argument("--focal-length", type=float, help="focal length (px)")
    parser.add_argument("--method", default="synthetic", help="synthetic (default) or classical")
    parser.add_argument("--weights", help="estimator file, in place of the one that comes with the project")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Run the command.

    Parameters
    ----------
    args : argparse.Namespace
        file, layout, fps, height, image_size, focal_length, method, weights, json.

    Returns
    -------
    int
        0 if there is an estimate, 1 on abstention.

    Raises
    ------
    InputError
        If the input is wrong.
    """
    from gaitlib.estimate.features import check_fps
    from gaitlib.estimate.predict import estimate_clip, load_shipped_estimator, read_keypoint_csv

    pixels, confidence = read_keypoint_csv(args.file, args.layout)
    if args.height is not None and not 0.6 <= args.height <= 2.3:
        raise InputError(f"--height: found {args.height:g}, expected 0.6 to 2.3. Give it in metres.")
    estimate = estimate_clip(
        pixels,
        check_fps(args.fps),
        args.height,
        args.layout,
        confidence,
        tuple(args.image_size) if args.image_size else None,
        args.focal_length,
        args.method,
        load_shipped_estimator(args.weights) if args.weights else None,
    )
    if args.json:
        print(json.dumps(estimate.to_dict(), indent=2))
    elif estimate.ok:
        for name, item in estimate.values.items():
            known = item.lower == item.lower
            interval = f"(90 % interval {item.lower:.3f} to {item.upper:.3f})" if known else ""
            print(f"{name:15s} {item.value:6.3f} {item.unit:4s} {interval}".rstrip())
    else:
        print(f"no estimate: {estimate.status}")
    return 0 if estimate.ok else 1
