"""How large are the errors of a real pose detector? MediaPipe on real video: makes `detector_errors.json`.

The recordings are demonstrations inside two packages under BSD-3-Clause; they are used where they lie and
not copied into this repository. They are of people who are evaluated nowhere in it. In a folder of its own:

    python -m pip install --no-deps --target build/detector_study pose2sim==0.10.49 sports2d==0.8.34
    python studies/measure_detector.py build/detector_study

What is measured. Four calibrated views (pose2sim, one person who balances): every point is triangulated
from all views and projected back; what a view says apart from that is its error, times sqrt(8/5), as 8
coordinates determine 3. An offset that all views share (where MediaPipe puts the hip) stays unseen. One
side view (sports2d, two people who walk): there is no truth, but a detector that exchanges the legs makes
both ankles jump, one that loses the person says so, and the length of a segment ought not to change.
The mean over a recording counts as constant error, the rest as moving.
Lengths are shares of body height, which is leg length / 0.491 (Winter 2009).

Triangulation is linear (Hartley & Zisserman 2004, Multiple View Geometry, section 12.2) with Cauchy weights,
so that a view that is far off counts little; left and right are exchanged back where other views say so.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from gaitlib.errors import InputError
from gaitlib.sense.noise import JOINTS, LAGS_S, MEASURED_FILE, compute_autocorrelation, find_partner, get_side
from gaitlib.sense.video import read_video

_TOLERANCE_PX = 15.0
_ROUNDS = 8
_WORST_PX = 60.0
_CLEARLY_BETTER = 0.7
_QUALISYS_UNITS = 64.0


@dataclass(frozen=True)
class CalibratedView:
    """A calibrated camera.

    `matrix` (3, 3) holds focal lengths and principal point (px), `distortion` k1, k2, p1, p2 as OpenCV counts
    them; `rotation` (3, 3) leads from the axes of the room to right, down, forward of the camera and
    `translation_m` is the origin of the room in these.
    """

    name: str
    matrix: np.ndarray
    distortion: np.ndarray
    rotation: np.ndarray
    translation_m: np.ndarray


def read_qualisys_calibration(path: str | Path) -> list[CalibratedView]:
    """Read cameras from a Qualisys calibration file (.qca.txt)."""
    path = Path(path)
    try:
        cameras = ElementTree.parse(path).getroot().findall("cameras/camera")
        views = [_read_camera(camera) for camera in cameras]
    except (OSError, ElementTree.ParseError, KeyError, AttributeError, ValueError) as error:
        raise InputError(
            f"calibration {path.name}: no Qualisys calibration with intrinsic and transform of each camera "
            f"({type(error).__name__}: {error})."
        ) from None
    if len(views) < 2:
        raise InputError(f"calibration {path.name}: {len(views)} cameras, expected two or more.")
    return views


def _read_camera(camera: ElementTree.Element) -> CalibratedView:
    inner, place = camera.find("intrinsic").attrib, camera.find("transform").attrib

    def get(name: str) -> float:
        return float(inner[name]) / _QUALISYS_UNITS

    matrix = np.diag([get("focalLengthU"), get("focalLengthV"), 1.0])
    matrix[:2, 2] = get("centerPointU"), get("centerPointV")
    bends = ("radialDistortion1", "radialDistortion2", "tangentalDistortion1", "tangentalDistortion2")
    turn = np.array([[float(place[f"r{row}{column}"]) for column in "123"] for row in "123"])
    position = np.array([float(place[axis]) for axis in "xyz"]) / 1000.0
    # Qualisys cameras look along -z with y up, OpenCV's along z with y down.
    rotation = np.diag([1.0, -1.0, -1.0]) @ turn
    return CalibratedView(
        camera.attrib["serial"], matrix, np.array([get(n) for n in bends]), rotation, -rotation @ position
    )


def triangulate(views: list[CalibratedView], pixels: np.ndarray) -> np.ndarray:
    """Find points in space from several views; shape (n_time, n_point, 3), m."""
    import cv2

    planes = [
        cv2.undistortPoints(seen.reshape(-1, 1, 2), view.matrix, view.distortion).reshape(seen.shape)
        for view, seen in zip(views, pixels, strict=True)
    ]
    weight = np.isfinite(pixels).all(axis=-1).astype(float)
    for _ in range(_ROUNDS):
        rows = []
        for view, plane, share in zip(views, planes, weight, strict=True):
            camera = np.column_stack([view.rotation, view.translation_m])
            both = [plane[..., [axis]] * camera[2] - camera[axis] for axis in (0, 1)]
            rows += [np.nan_to_num(row) * share[..., None] for row in both]
        solution = np.linalg.svd(np.stack(rows, axis=-2))[2][..., -1, :]
        points = solution[..., :3] / solution[..., 3:]
        off = np.linalg.norm(reproject(views, points) - pixels, axis=-1)
        weight = np.where(np.isfinite(off), 1.0 / (1.0 + (np.nan_to_num(off) / _TOLERANCE_PX) ** 2), 0.0)
    return points


def reproject(views: list[CalibratedView], points: np.ndarray) -> np.ndarray:
    """Project points into every view; shape (n_view, n_time, n_point, 2)."""
    import cv2

    seen = []
    for view in views:
        turn = cv2.Rodrigues(view.rotation)[0]
        flat = cv2.projectPoints(
            points.reshape(-1, 1, 3), turn, view.translation_m, view.matrix, view.distortion
        )
        seen.append(flat[0].reshape(*points.shape[:-1], 2))
    return np.stack(seen)


def exchange_back(
    views: list[CalibratedView], pixels: np.ndarray, names: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Find the frames in which a view has left and right exchanged, and exchange them back."""
    partner = find_partner(names)
    pixels, exchanged = pixels.copy(), np.zeros(pixels.shape[:2], dtype=bool)
    frames = np.arange(pixels.shape[1])
    for _ in range(len(views)):
        expected = reproject(views, triangulate(views, pixels))
        costs = [
            np.nanmean(np.minimum(np.linalg.norm(expected - seen, axis=-1), _WORST_PX), axis=-1)
            for seen in (pixels, pixels[:, :, partner])
        ]
        gain = np.where(costs[1] < _CLEARLY_BETTER * costs[0], costs[0] - costs[1], 0.0)
        # One view per frame at a time: the others are needed to judge it.
        worst = gain.argmax(axis=0)
        wrong = gain[worst, frames] > 0
        if not wrong.any():
            break
        rows, columns = worst[wrong], frames[wrong]
        pixels[rows, columns] = pixels[rows, columns][:, partner]
        exchanged[rows, columns] ^= True
    return pixels, exchanged


PACKAGES = {"pose2sim": "0.10.49", "sports2d": "0.8.34"}

_FOUR_VIEWS = "Pose2Sim/Demo_SinglePerson"
_SIDE_VIEW = "Sports2D/Demo/demo.mp4"
_SIDE_BOXES = {"man": (0, 0, 1768, 470), "woman": (0, 470, 1768, 994)}
_LEG_SHARE = 0.491
_DEGREES_OF_FREEDOM = np.sqrt(8.0 / 5.0)
_GROSS_SHARE = 0.1
_LONGEST_EXCHANGE_S = 0.3
_SEGMENTS = (("hip", "knee"), ("knee", "ankle"))


def measure_detector(folder: str | Path) -> dict:
    """Run the detector on the recordings and measure its errors (two to three minutes)."""
    folder = Path(folder)
    four, side = folder / _FOUR_VIEWS, folder / _SIDE_VIEW
    missing = [str(path.relative_to(folder)) for path in (four, side) if not path.exists()]
    if missing:
        raise InputError(
            f"detector study: {', '.join(missing)} not found in {folder.name}; install the packages as the "
            "head of studies/measure_detector.py says."
        )
    clips = [read_video(path, allow_others=True) for path in sorted((four / "videos").glob("*.mp4"))]
    walkers = {name: read_video(side, box=box, allow_others=True) for name, box in _SIDE_BOXES.items()}
    views = read_qualisys_calibration(four / "calibration" / "Calib.qca.txt")
    measured = _measure_views(views, clips)
    walking = [_measure_walker(clip) for clip in walkers.values()]
    return _summarise(measured, walking, clips, walkers)


def _measure_views(views: list, clips: list) -> dict:
    names = [str(name) for name in clips[0]["keypoint"].values]
    pixels = np.stack([clip["pixel_position"].values for clip in clips])
    pixels, exchanged = exchange_back(views, pixels, names)
    points = triangulate(views, pixels)
    expected = reproject(views, points)
    depth = np.stack([(points @ v.rotation.T + v.translation_m)[..., 2] for v in views])
    focal = np.array([v.matrix[0, 0] for v in views])[:, None, None]
    scale = (focal * _measure_height_m(points, names) / depth)[..., None]
    error = (pixels - expected) / scale * _DEGREES_OF_FREEDOM
    hips = [names.index("left_hip"), names.index("right_hip")]
    reach = (expected - expected[:, :, hips].mean(axis=2, keepdims=True)) / scale
    fair = np.linalg.norm(error, axis=-1) < _GROSS_SHARE
    error = np.where(fair[..., None], error, np.nan)
    confidence = np.stack([clip["confidence"].values for clip in clips])
    return {"names": names, "error": error, "fair": fair, "reach": reach, "exchanged": exchanged} | {
        "confidence": confidence,
        "fps": clips[0].attrs["fps"],
    }


def _measure_height_m(points: np.ndarray, names: list[str]) -> float:
    legs = [
        sum(
            np.linalg.norm(
                points[:, names.index(f"{side}_{a}")] - points[:, names.index(f"{side}_{b}")], axis=1
            )
            for a, b in _SEGMENTS
        )
        for side in ("left", "right")
    ]
    return float(np.median(legs)) / _LEG_SHARE


def _measure_walker(clip) -> dict:
    """Exchanges of the legs, lost frames and changes of segment length, without a truth."""
    at = {str(n): clip["pixel_position"].sel(keypoint=n).values for n in clip["keypoint"].values}
    seen = np.isfinite(at["left_hip"]).all(axis=1)
    frames = np.flatnonzero(seen)
    runs = np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)
    run = max(runs, key=len)
    heights = clip["pixel_position"].values[run][..., 1]
    height = 1.05 * float(np.nanmedian(np.nanmax(heights, axis=1) - np.nanmin(heights, axis=1)))
    left, right = at["left_ankle"][run], at["right_ankle"][run]
    jump = np.linalg.norm(np.diff(left, axis=0), axis=1) + np.linalg.norm(np.diff(right, axis=0), axis=1)
    crossed = np.linalg.norm(left[1:] - right[:-1], axis=1) + np.linalg.norm(right[1:] - left[:-1], axis=1)
    apart = np.linalg.norm(left - right, axis=1)[1:] > 0.05 * height
    changes = np.flatnonzero((crossed < 0.7 * jump) & apart)
    state, change = np.zeros(len(run), dtype=bool), 0
    while change < len(changes) - 1:
        start, stop = changes[change : change + 2]
        # There and back again; a single jump may be a fast step past the other leg.
        together = stop - start <= _LONGEST_EXCHANGE_S * clip.attrs["fps"]
        if together:
            state[start + 1 : stop + 1] = True
        change += 2 if together else 1
    lengths = [
        np.linalg.norm(at[f"{side}_{a}"][run] - at[f"{side}_{b}"][run], axis=1) / height
        for side in ("left", "right")
        for a, b in _SEGMENTS
    ]
    spread = [1.4826 * np.nanmedian(np.abs(length - np.nanmedian(length))) for length in lengths]
    lost = 1.0 - len(frames) / (frames[-1] - frames[0] + 1)
    return {"exchanged": state, "fps": clip.attrs["fps"], "lost_share": lost, "segment_spread": spread}


def _summarise(measured: dict, walking: list[dict], clips: list, walkers: dict) -> dict:
    names, error, confidence = measured["names"], measured["error"], measured["confidence"]
    bias = np.nanmean(error, axis=1, keepdims=True)
    moving = error - bias
    correlation = compute_autocorrelation(moving, int(LAGS_S[-1] * measured["fps"]) + 1)
    white, time_s, kept = fit_correlation(correlation, measured["fps"], moving.shape[1])
    seen = float(np.nanstd(moving))
    spread = seen / np.sqrt(kept)
    restless = {joint: _spread_of(moving, names, joint) / seen for joint in JOINTS}
    near, far = _split_sides(measured)
    exchanged = [measured["exchanged"][n] for n in range(len(clips))] + [w["exchanged"] for w in walking]
    rates = [measured["fps"]] * len(clips) + [w["fps"] for w in walking]
    bouts = sum(int((np.diff(x.astype(int), prepend=0) > 0).sum()) for x in exchanged)
    seconds = sum(len(x) / fps for x, fps in zip(exchanged, rates, strict=True))
    wrong = sum(float(x.sum()) / fps for x, fps in zip(exchanged, rates, strict=True))
    slopes = np.nansum(error * measured["reach"], axis=(1, 2, 3)) / np.nansum(
        np.where(np.isfinite(error), measured["reach"], np.nan) ** 2, axis=(1, 2, 3)
    )
    errors = {
        "jitter_share": spread * np.sqrt(white),
        "drift_share": spread * np.sqrt(1.0 - white),
        "drift_time_s": time_s,
        # The mean over a short recording also holds what has not yet averaged out.
        "bias_share": np.sqrt(max(float(np.nanvar(bias)) - (1.0 - kept) * spread**2, 0.0)),
        "scale_share": float(np.std(slopes)),
        "far_side_factor": far["spread"] / near["spread"],
        "doubt_share": near["doubt"],
        "far_doubt_factor": far["doubt"] / near["doubt"],
        "lost_share": float(np.mean([w["lost_share"] for w in walking])),
        "swap_rate_hz": bouts / seconds,
        "swap_time_s": wrong / max(bouts, 1),
    }
    return {
        "what": "Errors of MediaPipe Pose on real video; see studies/measure_detector.py for the recipe",
        "detector": clips[0].attrs["detector"],
        "sources": [
            {"package": f"{name}=={version}", "licence": "BSD-3-Clause"} for name, version in PACKAGES.items()
        ],
        "people": 1 + len(walkers),
        "videos": len(clips) + 1,
        "person_frames": sum(clip.sizes["time"] for clip in [*clips, *walkers.values()]),
        "errors": {name: round(float(value), 4) for name, value in errors.items()},
        "spread": round(seen, 4),
        "restless": {joint: round(float(value), 2) for joint, value in restless.items()},
        "gross_share": round(float(1.0 - measured["fair"].mean()), 4),
        "confidence_rank_correlation": round(_correlate_confidence(error, confidence), 3),
        "walkers_segment_spread": round(float(np.mean([w["segment_spread"] for w in walking])), 4),
        "lags_s": [round(float(lag), 3) for lag in LAGS_S],
        "autocorrelation": [
            round(float(np.interp(lag * measured["fps"], np.arange(len(correlation)), correlation)), 3)
            for lag in LAGS_S
        ],
    }


def fit_correlation(correlation: np.ndarray, fps: float, n_time: int) -> tuple[float, float, float]:
    """Fit white noise and an exponentially correlated part to an autocorrelation.

    Taking the mean of a short recording off pulls its autocorrelation down; the model is treated alike.
    """
    from scipy.linalg import toeplitz
    from scipy.optimize import least_squares

    lags = np.arange(n_time)

    def predict(parameters: np.ndarray) -> np.ndarray:
        white, frames = parameters
        model = toeplitz((1.0 - white) * np.exp(-lags / frames) + white * (lags == 0))
        centred = model - model.mean(axis=0) - model.mean(axis=1)[:, None] + model.mean()
        return np.array([np.diagonal(centred, lag).mean() for lag in range(len(correlation))])

    def miss(parameters: np.ndarray) -> np.ndarray:
        expected = predict(parameters)
        return expected / expected[0] - correlation

    found = least_squares(miss, [0.1, 0.1 * fps], bounds=([0.0, 0.5], [0.95, n_time])).x
    return float(found[0]), float(found[1] / fps), float(predict(found)[0])


def _spread_of(moving: np.ndarray, names: list[str], joint: str) -> float:
    rows = [n for n, name in enumerate(names) if name == joint or name.endswith(f"_{joint}")]
    return float(np.nanstd(moving[:, :, rows]))


def _split_sides(measured: dict) -> tuple[dict, dict]:
    """Spread of the error and loss of confidence on the better and on the worse visible side of each view."""
    error = measured["error"] - np.nanmean(measured["error"], axis=1, keepdims=True)
    partner = find_partner(measured["names"])
    sides = np.array([get_side(n) if partner[row] != row else "" for row, n in enumerate(measured["names"])])
    better, worse = [], []
    for view in range(len(error)):
        doubt = {s: float(1.0 - measured["confidence"][view][:, sides == s].mean()) for s in "lr"}
        power = {s: float(np.nanmean(error[view][:, sides == s] ** 2)) for s in "lr"}
        first, second = sorted("lr", key=doubt.__getitem__)
        better.append((power[first], doubt[first]))
        worse.append((power[second], doubt[second]))
    means = [np.mean(part, axis=0) for part in (better, worse)]
    near, far = ({"spread": float(np.sqrt(power)), "doubt": float(doubt)} for power, doubt in means)
    return near, far


def _correlate_confidence(error: np.ndarray, confidence: np.ndarray) -> float:
    from scipy.stats import spearmanr

    size = np.linalg.norm(error, axis=-1)
    known = np.isfinite(size)
    return float(spearmanr(confidence[known], size[known]).statistic)


def main(arguments: list[str] | None = None) -> None:
    """Measure and store."""
    parser = argparse.ArgumentParser(description="Measure the errors of MediaPipe on real video")
    parser.add_argument("folder", help="where the packages with the recordings were installed")
    parser.add_argument("--out", default=str(MEASURED_FILE), help="file to write")
    options = parser.parse_args(arguments)
    result = measure_detector(options.folder)
    Path(options.out).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result["errors"], indent=2))


if __name__ == "__main__":
    main()
