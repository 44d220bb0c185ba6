"""The command `gaitlib estimate FILE`."""

from __future__ import annotations

import argparse
import json

from gaitlib.errors import InputError


def add_estimate_parser(subparsers) -> argparse.ArgumentParser:
    """Add the command to the program."""
    from gaitlib.sense.camera import VIEWS
    from gaitlib.sense.layouts import LAYOUTS

    parser = subparsers.add_parser(
        "estimate",
        help="speed, steps, phases of the stride and muscle activity from keypoints or an inertial sensor",
        description="Image keypoints (--layout): one row per frame; columns <keypoint>_u, <keypoint>_v (px) "
        "and optionally <keypoint>_confidence (0-1). Inertial sensor (--site): columns acc_x, acc_y, acc_z "
        "(m/s^2, with gravity), gyr_x, gyr_y, gyr_z (rad/s). Empty cells are unknown.",
    )
    parser.add_argument("file", help="CSV file")
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--layout", help=f"keypoint layout: {', '.join(LAYOUTS)}")
    kind.add_argument("--site", help="where the inertial sensor is worn, such as lower_back")
    parser.add_argument("--fps", required=True, type=float, help="frames or samples per second")
    parser.add_argument("--height", type=float, help="body height (m)")
    parser.add_argument("--age", type=float, help="age (years)")
    parser.add_argument("--view", help=f"where the camera stands: {', '.join(VIEWS)}")
    parser.add_argument(
        "--image-size", nargs=2, type=int, metavar=("WIDTH", "HEIGHT"), help="image size (px)"
    )
    parser.add_argument("--focal-length", type=float, help="focal length (px)")
    parser.add_argument("--method", default="synthetic", help="synthetic (default) or classical")
    parser.add_argument("--weights", help="estimator file, in place of the one that comes with the project")
    parser.add_argument("--muscles", action="store_true", help="with the curves of muscle activity (JSON)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    from gaitlib.estimate.predict import (
        estimate_clip,
        load_shipped_estimator,
        read_keypoint_csv,
        read_signal_csv,
    )

    if args.height is not None and not 0.6 <= args.height <= 2.3:
        raise InputError(f"--height: found {args.height:g}, expected 0.6 to 2.3. Give it in metres.")
    confidence = None
    if args.site:
        data = read_signal_csv(args.file)
    else:
        data, confidence = read_keypoint_csv(args.file, args.layout)
    estimate = estimate_clip(
        data,
        args.fps,
        args.height,
        args.layout,
        args.site,
        confidence,
        tuple(args.image_size) if args.image_size else None,
        args.focal_length,
        args.age,
        args.view,
        args.method,
        load_shipped_estimator(path=args.weights) if args.weights else None,
    )
    if args.json:
        print(json.dumps(estimate.to_dict(args.muscles), indent=2))
    elif estimate.ok:
        for name, item in estimate.values.items():
            if item.value != item.value:
                continue
            known = item.lower == item.lower
            interval = f"(90 % interval {item.lower:.3f} to {item.upper:.3f})" if known else ""
            print(f"{name:21s} {item.value:7.3f} {item.unit:9s} {interval}".rstrip())
    else:
        print(f"no estimate: {estimate.status}")
    return 0 if estimate.ok else 1
