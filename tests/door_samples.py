"""Small files of every kind that the door reads, made from one simulated walk, and what is right for each."""

from __future__ import annotations

import itertools
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from gaitlib.door.names import ORDERS
from gaitlib.errors import GaitlibError
from gaitlib.sense.camera import VIEWS, build_camera, project_points
from gaitlib.walk import KEYPOINTS_3D

FPS, RATE_HZ, SIZE = 60.0, 100.0, (1920, 1080)


@dataclass(frozen=True)
class Sample:
    """One file: how it is asked for, and whether values or a refusal are right."""

    path: Path
    options: dict = field(default_factory=dict)
    refused: bool = False
    what: str = ""


@dataclass(frozen=True)
class SampleWalk:
    """The walk behind the samples: image points (time, 19, 3), space points, signals (time, 6), outcomes."""

    picture: np.ndarray
    points: np.ndarray
    back: np.ndarray
    truth: dict[str, float]
    height_m: float


def film(
    points: np.ndarray,
    rng: np.random.Generator,
    view: str | None = None,
    fps: float = 60.0,
    noise_px: float = 1.5,
):
    """Film points (time, 19, 3) with a camera of any view; (time, 19, 3): u, v, confidence."""
    view = view or str(rng.choice(list(VIEWS)))
    camera = build_camera(
        view, distance_m=float(rng.uniform(5, 10)), height_m=float(rng.uniform(0.7, 1.6)), fps=fps
    )
    middle = points[:, [KEYPOINTS_3D.index("hip_r"), KEYPOINTS_3D.index("hip_l")]].mean(axis=1)
    pixels = project_points(points, middle, camera) + rng.normal(0, noise_px, (*points.shape[:2], 2))
    return np.concatenate([pixels, np.isfinite(pixels).all(axis=-1, keepdims=True)], axis=-1)


def build_sample_walk(seed: int = 11, duration_s: float = 5.5) -> SampleWalk:
    """Build the walk of a typical adult of the shipped library, at about 1.2 m/s, seen from the right."""
    from gaitlib.estimate.synthetic_training import list_persons
    from gaitlib.sense.body_walk import build_synthetic_walk
    from gaitlib.sense.inertial import sense_motion
    from gaitlib.simulate.library import load_library

    table, gaits = load_library().curves
    adult = table["verified"].astype(bool) & (table["kind"] == "half") & table["age_years"].between(20, 60)
    off = np.abs(table["speed_mps"] - 1.2) + np.abs(table["height_m"] - 1.7)
    place = int(np.argmin(np.where(adult, off, np.inf)))
    rng = np.random.default_rng(seed)
    person = list_persons(table.iloc[[place]])[0]
    walk = build_synthetic_walk(gaits.isel(gait=[place]), person, rng, duration_s=duration_s, fps=FPS)
    signals = sense_motion(walk, ("lower_back",), RATE_HZ)
    back = np.concatenate(
        [signals[name].values[:, 0] for name in ("acceleration", "angular_velocity")], axis=1
    )
    back = back + rng.normal(0, 1, back.shape) * [0.05, 0.05, 0.05, 0.01, 0.01, 0.01]
    points = walk["keypoint_position"].values
    truth = {name: value for name, value in json.loads(walk.attrs["outcomes"]).items()}
    return SampleWalk(film(points, rng, "side", FPS, 1.0), points, back, truth, person.height_m)


def name_points(layout: str) -> dict[str, int]:
    """Names of a layout that a Walk has, with their place among its points."""
    from gaitlib.door.names import map_names

    places = map_names(list(ORDERS[layout]))
    return {
        ORDERS[layout][n]: KEYPOINTS_3D.index(point)
        for point, n in sorted(places.items(), key=lambda item: item[1])
    }


def build_layout(picture: np.ndarray, layout: str) -> np.ndarray:
    """Points of a layout (time, point, 3); those that a Walk lacks have no confidence."""
    values = np.zeros((len(picture), len(ORDERS[layout]), 3))
    for name, n in name_points(layout).items():
        values[:, ORDERS[layout].index(name)] = np.nan_to_num(picture[:, n])
    return values


def tabulate(
    picture: np.ndarray, style: str = "{name}_{axis}", axes: str = "uv", layout: str = "coco17"
) -> pd.DataFrame:
    columns = {}
    for name, n in name_points(layout).items():
        for k, axis in enumerate(axes):
            columns[style.format(name=name, axis=axis)] = picture[:, n, k]
    return pd.DataFrame(columns).round(3)


def write_samples(folder: str | Path, walk: SampleWalk | None = None) -> list[Sample]:
    """Write one file of every kind; every walk in them is the same."""
    folder, walk = Path(folder), walk or build_sample_walk()
    folder.mkdir(parents=True, exist_ok=True)
    rng, p, samples = np.random.default_rng(5), walk.picture, []
    fps, site = {"fps": FPS}, {"fps": RATE_HZ, "site": "lower_back"}

    def add(
        name: str, write: Callable | pd.DataFrame | str, what: str, refused: bool = False, **options
    ) -> None:
        path = folder / name
        if isinstance(write, pd.DataFrame):
            write.to_csv(path, index=False)
        elif isinstance(write, str):
            path.write_text(write, encoding="utf-8")
        else:
            write(path)
        samples.append(Sample(path, options, refused, what))

    def change(edit: Callable) -> pd.DataFrame:
        spoilt = p.copy()
        edit(spoilt)
        return tabulate(spoilt)

    some = rng.uniform(size=p.shape[:2]) < 0.02
    add("plain.csv", tabulate(p), "one column per coordinate", **fps)
    add(
        "upper_case.csv",
        tabulate(p, "{name}.{axis}", "XY").rename(columns=str.upper),
        "upper case, points",
        **fps,
    )
    add(
        "tab_comma.txt",
        lambda f: tabulate(p).to_csv(f, sep="\t", decimal=",", index=False, encoding="utf-16"),
        "tabs, decimal commas, UTF-16",
        **fps,
    )
    add(
        "milliseconds.csv",
        tabulate(p).assign(time_ms=np.round(np.arange(len(p)) * 1000 / FPS)),
        "time in ms",
        fps=30.0,
    )
    add(
        "frames.csv",
        tabulate(p).assign(frame=np.arange(len(p)))[lambda t: t["frame"] % 7 != 3],
        "frame numbers, gaps",
        **fps,
    )
    for value, word in ((-1.0, "minus_one"), (0.0, "origin"), (np.nan, "empty")):
        add(
            f"{word}.csv",
            change(lambda q, value=value: q.__setitem__((some, slice(0, 2)), value)),
            "points not seen",
            **fps,
        )
    add("jumps.csv", change(lambda q: q.__setitem__((some, 0), q[some, 0] + 300)), "isolated jumps", **fps)
    swap = [KEYPOINTS_3D.index(f"{n}_{s}") for n in ("hip", "knee", "ankle") for s in "rl"]
    add(
        "swapped.csv",
        change(
            lambda q: q.__setitem__((slice(100, 108), swap), q[100:108][:, [swap[k ^ 1] for k in range(6)]])
        ),
        "legs exchanged for a moment",
        **fps,
    )
    add("y_up.csv", change(lambda q: q.__setitem__((..., 1), SIZE[1] - q[..., 1])), "v upwards", **fps)
    add(
        "turned.csv",
        change(lambda q: q.__setitem__((..., slice(0, 2)), np.stack([SIZE[1] - q[..., 1], q[..., 0]], -1))),
        "turned by 90 degrees",
        **fps,
    )
    add(
        "normalised.csv",
        change(lambda q: q.__setitem__((..., slice(0, 2)), q[..., :2] / SIZE)),
        "0 to 1",
        image_size_px=SIZE,
        **fps,
    )
    add(
        "normalised_unknown.csv",
        change(lambda q: q.__setitem__((..., slice(0, 2)), q[..., :2] / SIZE)),
        "0 to 1, no size",
        True,
        **fps,
    )
    still = np.concatenate([np.repeat(p[:1], 150, axis=0), p, np.repeat(p[-1:], 150, axis=0)])
    still[..., :2] += rng.normal(0, 0.7, still[..., :2].shape)
    add("stands_walks_stands.csv", tabulate(still), "standing before and after", **fps)
    add("stands.csv", tabulate(still[:150]), "only standing", True, **fps)
    mirrored = p[:, ::1].copy()
    mirrored[..., 0] = SIZE[0] - p[..., 0]
    pairs = [
        KEYPOINTS_3D.index(n[:-1] + {"r": "l", "l": "r"}[n[-1]]) if n[-2:] in ("_r", "_l") else k
        for k, n in enumerate(KEYPOINTS_3D)
    ]
    add("leftwards.csv", tabulate(mirrored[:, pairs]), "walks to the left", **fps)
    add("no_legs.csv", tabulate(p).filter(regex="nose|shoulder"), "no legs", True, **fps)

    stamps = {
        "elapsed_ms": np.arange(len(p)) * 1000 / FPS,
        "Zeit": np.arange(len(p)) / FPS,
        "frameTime": np.arange(len(p)) / FPS + 7.0,
        "unixtime": np.arange(len(p)) / FPS + 1.7e9,
        "min": np.arange(len(p)) / FPS / 60,
        "lap": np.arange(len(p)) / FPS,  # says nothing, but rises evenly
    }
    for word, values in stamps.items():
        add(f"times_{word}.csv", tabulate(p).assign(**{word: values}), f"times named {word}", fps=30.0)
    per_cent = change(lambda q: q.__setitem__((..., slice(0, 2)), 100 * q[..., :2] / SIZE))
    add("per_cent.csv", per_cent, "per cent of the picture", True, **fps)
    add("per_mille.csv", 10 * per_cent, "width and height not in one scale", True, **fps)
    standing = np.repeat(p[:1], len(p), axis=0) + [250, 10, 0]
    both = pd.concat([tabulate(one).assign(frame=np.arange(len(p))) for one in (p, standing)])
    add("rows_of_two.csv", both.sort_values("frame", kind="stable"), "two people without a column", **fps)
    places = name_points("coco17").items()
    named = [
        {
            "timestamp_ms": round(n * 1000 / FPS),
            "keypoints": {name: {"x": u, "y": v, "score": c} for name, k in places for u, v, c in [frame[k]]},
        }
        for n, frame in enumerate(p)
    ]
    add("named.json", json.dumps(named), "JSON with names and times of its own")
    for layout in ("body25", "halpe26", "wholebody133", "halpe136", "coco17"):
        body = build_layout(p, layout)
        people = [
            [{"keypoints": frame.ravel().round(2).tolist(), "image_id": f"{n}.jpg", "score": 2.5, "idx": 1}]
            for n, frame in enumerate(body)
        ]
        add(
            f"alphapose_{layout}.json",
            json.dumps([one for frame in people for one in frame]),
            f"AlphaPose {layout}",
            **fps,
        )
    mp = build_layout(p, "mediapipe33")
    add(
        "mediapipe.json",
        json.dumps(
            [
                {
                    "landmarks": [
                        {"x": u / SIZE[0], "y": v / SIZE[1], "z": 0.0, "visibility": c} for u, v, c in frame
                    ]
                }
                for frame in mp
            ]
        ),
        "MediaPipe 0 to 1",
        image_size_px=SIZE,
        **fps,
    )
    stander = build_layout(p, "coco17")[:1] + [900, 40, 0]
    frames = [
        {
            "frame_id": n,
            "instances": [
                {"keypoints": q[:, :2].round(2).tolist(), "keypoint_scores": q[:, 2].tolist()}
                for q in ([a, stander[0]] if n % 3 else [stander[0], a])
            ],
        }
        for n, a in enumerate(build_layout(p, "coco17"))
    ]
    add(
        "mmpose.json",
        json.dumps({"meta_info": {}, "instance_info": frames}),
        "MMPose, two people in changing order",
        **fps,
    )
    long = pd.DataFrame(
        [(n / FPS, name, *p[n, k]) for n in range(len(p)) for name, k in name_points("mediapipe33").items()],
        columns=["timestamp", "landmark", "x", "y", "visibility"],
    )
    add("long.csv", long, "one row per point")
    sleap = tabulate(p, "{name}.{axis}", "xy")
    sleap.insert(0, "frame_idx", np.arange(len(p)))
    sleap.insert(0, "track", "track_0")
    add("sleap.csv", sleap, "SLEAP table", **fps)
    stander_walks = np.stack([p, np.repeat(p[:1], len(p), axis=0) + [500, 30, 0]])
    pairs = pd.concat([sleap.assign(track=f"track_{n}", **{"instance.score": 0.9}) for n in range(2)])
    pairs.iloc[len(p) :, 2:-1] = pairs.iloc[len(p), 2:-1].to_numpy(dtype=float) + 300
    add("sleap_two.csv", pairs.sort_values("frame_idx", kind="stable"), "SLEAP table of two people", **fps)
    add("sleap.h5", lambda f: _write_sleap(f, p[None]), "SLEAP HDF5", **fps)
    add("sleap_two.h5", lambda f: _write_sleap(f, stander_walks), "SLEAP HDF5, two people", **fps)
    for kind in ("fixed", "table"):
        for word, people in (("", p[None]), ("_two", stander_walks)):
            add(
                f"deeplabcut_{kind}{word}.h5",
                lambda f, kind=kind, people=people: _write_deeplabcut(f, people, kind),
                f"DeepLabCut HDF5, {kind}, {len(people)} people",
                **fps,
            )
    header = [["scorer"], ["bodyparts"], ["coords"]]
    for name in name_points("coco17"):
        for axis in ("x", "y", "likelihood"):
            for row, word in zip(header, ("DLC", name, axis), strict=True):
                row.append(word)
    block = p[:, list(name_points("coco17").values())].reshape(len(p), -1).round(2)
    rows = [",".join(map(str, [n, *values])) for n, values in enumerate(block)]
    owners = [["individuals", *[f"ind{n}" for n in (1, 2) for _ in header[0][1:]]]]
    two = header[:1] + owners + header[1:]
    two = [row if row is owners[0] else row + row[1:] for row in two]
    other = block[0] + np.tile([400, 0, 0], len(block[0]) // 3)
    apart = [",".join(map(str, [n, *values, *other])) for n, values in enumerate(block)]
    add(
        "deeplabcut_two.csv",
        "\n".join([*map(",".join, two), *apart]) + "\n",
        "DeepLabCut, two animals",
        **fps,
    )
    add("deeplabcut.csv", "\n".join([*map(",".join, header), *rows]) + "\n", "DeepLabCut table", **fps)

    for unit, factor in (("m", 1.0), ("mm", 1000.0)):
        add(f"markers_{unit}.trc", _format_trc(walk.points * factor, unit), f".trc in {unit}")
    flat = p * [1, -1, 0]  # Sports2D: pixels with y upwards, metres in the plane of the picture
    add("sports2d_px.trc", _format_trc(flat, "px", "\n"), "Sports2D .trc in pixels")
    add("sports2d_m.trc", _format_trc(walk.points * [1, 1, 0], "m", "\n"), "Sports2D .trc in metres")
    twice = np.concatenate([walk.points, walk.points + [0, 0, 1]], axis=1)
    for word, chosen in (("", {}), ("_chosen", {"subject": "B"})):
        add(
            f"two_people{word}.trc", _format_trc(twice, "m", owners="AB"), ".trc of two", not chosen, **chosen
        )
    add("comma.trc", _format_trc(walk.points, "m").replace(".", ","), ".trc with decimal commas")
    add("sports2d_angles.mot", _format_angles(len(p)), "angles without travel", True)
    add("z_up.trc", _format_trc(walk.points[..., [2, 0, 1]], "m"), ".trc with z up")
    add("empty.trc", _format_trc(walk.points[:0], "m"), ".trc without frames", True)

    t = np.arange(len(walk.back)) / RATE_HZ
    acc, gyr = walk.back[:, :3], walk.back[:, 3:]

    def sensor(names: str, parts: list[np.ndarray], **more) -> pd.DataFrame:
        return pd.DataFrame(
            {**more, **dict(zip(names.split("|"), np.concatenate(parts, axis=1).T.round(5), strict=True))}
        )

    plain = "acc_x|acc_y|acc_z|gyr_x|gyr_y|gyr_z"
    add("plain_imu.csv", sensor(plain, [acc, gyr]), "m/s^2 and rad/s", **site)
    add("g_degrees.csv", sensor(plain, [acc / 9.80665, np.degrees(gyr)]), "g and deg/s", **site)
    add(
        "milli_g.csv",
        sensor(
            "Accel-X (mg)|Accel-Y (mg)|Accel-Z (mg)|Gyro-X (d/s)|Gyro-Y (d/s)|Gyro-Z (d/s)",
            [acc / 9.80665 * 1000, np.degrees(gyr)],
            Time=pd.Timestamp("2024-05-03 10:00:00") + pd.to_timedelta(t, unit="s"),
        ),
        "mg, deg/s, date and time",
        site="lower_back",
    )
    xsens = "// Start Time: 0\n// Update Rate: 100.0Hz\n" + sensor(
        "Acc_X|Acc_Y|Acc_Z|Gyr_X|Gyr_Y|Gyr_Z|Mag_X|Mag_Y|Mag_Z",
        [acc, gyr, 0 * acc + 0.3],
        PacketCounter=np.arange(len(t)),
    ).to_csv(index=False, sep="\t")
    add("xsens.txt", xsens, "Xsens export, further columns", site="lower_back")
    add(
        "phone.csv",
        sensor(
            "Acceleration x (m/s^2)|Acceleration y (m/s^2)|Acceleration z (m/s^2)|Gyroscope x "
            "(rad/s)|Gyroscope y (rad/s)|"
            "Gyroscope z (rad/s)",
            [acc, gyr],
            **{"Time (s)": t},
        ),
        "phone",
        site="lower_back",
    )
    add(
        "opal.csv",
        sensor(
            "lumbar_acc_x|lumbar_acc_y|lumbar_acc_z|lumbar_gyr_x|lumbar_gyr_y|lumbar_gyr_z",
            [acc, gyr],
            time=t,
        ),
        "site in the names",
    )
    add(
        "user_acceleration.csv",
        sensor(
            "userAccelerationX|userAccelerationY|userAccelerationZ|rotationRateX|rotationRateY|rotationRateZ",
            [acc - acc.mean(axis=0), gyr],
        ),
        "without gravity",
        True,
        **site,
    )
    clock = (pd.Timestamp("2024-05-03 23:59:58") + pd.to_timedelta(t, unit="s")).strftime("%H:%M:%S.%f")
    counter = (np.arange(len(t)) * 10_000 + 2**32 - 2_000_000) % 2**32
    add("midnight.csv", sensor(plain, [acc, gyr], Uhrzeit=clock), "times of day over midnight", fps=50.0,
        site="lower_back")  # fmt: skip
    add("counter.csv", sensor(plain, [acc, gyr], SampleTimeFine=counter), "a counter begins anew", fps=50.0,
        site="lower_back")  # fmt: skip
    units = "x-axis (g)|y-axis (g)|z-axis (g)|x-axis (deg/s)|y-axis (deg/s)|z-axis (deg/s)"
    add("axes.csv", sensor(units, [acc / 9.80665, np.degrees(gyr)]), "kinds told by units", **site)
    add("no_gyroscope.csv", sensor("acc_x|acc_y|acc_z", [acc]), "accelerometer only", **site)
    add(
        "resting.csv",
        sensor(
            plain, [acc.mean(axis=0) + 0.03 * rng.normal(size=acc.shape), 0.005 * rng.normal(size=gyr.shape)]
        ),
        "a sensor at rest",
        True,
        **site,
    )
    return samples


def _write_sleap(path: Path, people: np.ndarray) -> None:
    """Write SLEAP's analysis file: (track, 2, node, frame), with scores and occupancy."""
    import h5py

    places = name_points("coco17")
    own = people[:, :, list(places.values())]
    with h5py.File(path, "w") as file:
        file["tracks"] = own[..., :2].transpose(0, 3, 2, 1)
        file["node_names"] = np.array([name.encode() for name in places])
        file["track_names"] = np.array([f"track_{n}".encode() for n in range(len(people))])
        file["track_occupancy"] = np.ones(people.shape[1::-1], dtype=np.uint8)
        file["point_scores"] = own[..., 2].transpose(0, 2, 1) * 0.9
        file["instance_scores"] = np.ones(people.shape[:2])


def _write_deeplabcut(path: Path, people: np.ndarray, kind: str) -> None:
    """Write what `DataFrame.to_hdf(key="df_with_missing", format=kind)` of pandas 3 and PyTables 3 writes."""
    import h5py

    places, several = name_points("coco17"), len(people) > 1
    levels = [["DLC"], *([["ind1", "ind2"]] if several else []), list(places), ["x", "y", "likelihood"]]
    columns = list(itertools.product(*levels))
    values = people[:, :, list(places.values())].transpose(1, 0, 2, 3).reshape(people.shape[1], -1)
    with h5py.File(path, "w") as file:
        group = file.create_group("df_with_missing")
        group.attrs["pandas_type"] = np.bytes_("frame_table" if kind == "table" else "frame")
        if kind == "table":
            cells = [("index", "<i8"), ("values_block_0", "<f8", (values.shape[1],))]
            table = np.array([(n, row) for n, row in enumerate(values)], dtype=cells)
            file["df_with_missing/table"] = table
            group["table"].attrs["values_block_0_kind"] = np.bytes_(pickle.dumps(columns, protocol=0))
            group.attrs["non_index_axes"] = np.bytes_(pickle.dumps([(1, columns)], protocol=0))
            group.create_group("_i_table")
            return
        group["axis1"], group["block0_values"] = np.arange(len(values)), values
        for place in ("axis0", "block0_items"):
            for n, words in enumerate(levels):
                group[f"{place}_level{n}"] = np.array([word.encode() for word in words])
                codes = [words.index(column[n]) for column in columns]
                group[f"{place}_label{n}"] = np.array(codes, dtype=np.int8)


def _format_angles(n: int) -> str:
    """Sports2D's angles: no coordinate says how far the person goes."""
    names = [f"{side} {joint}" for joint in ("ankle", "knee", "hip") for side in ("right", "left")]
    head = f"Coordinates\nversion=1\nnRows={n}\nnColumns={len(names) + 1}\ninDegrees=yes\n\n"
    head += "Units are S.I. units (second, meters, Newtons, ...)\nAngles are in degrees.\n\nendheader\n"
    rows = ["\t".join(f"{v:.4f}" for v in (k / FPS, *np.full(6, 10.0))) for k in range(n)]
    return head + "\t".join(["time", *names]) + "\n" + "\n".join(rows) + "\n"


def _format_trc(points: np.ndarray, unit: str, after: str = "", owners: str = "") -> str:
    """A .trc file of hips, heels and toes; some writers leave a line empty after the header."""
    names = {
        f"{owner}{side.upper()}{part.title()}": n * len(KEYPOINTS_3D) + KEYPOINTS_3D.index(f"{part}_{side}")
        for n, owner in enumerate([f"{owner}:" for owner in owners] or [""])
        for part in ("hip", "knee", "ankle", "heel", "toe")
        for side in "rl"
    }
    head = [
        "PathFileType\t4\t(X/Y/Z)\tsample.trc",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate",
        f"{FPS}\t{FPS}\t{len(points)}\t{len(names)}\t{unit}\t{FPS}",
        "Frame#\tTime\t" + "\t\t\t".join(names),
        "\t\t" + "\t".join(f"{axis}{n + 1}" for n in range(len(names)) for axis in "XYZ"),
    ]
    rows = [
        f"{n + 1}\t{n / FPS:.5f}\t" + "\t".join(f"{v:.5f}" for v in frame[list(names.values())].ravel())
        for n, frame in enumerate(points)
    ]
    return "\n".join(head) + "\n" + after + "\n".join(rows) + "\n"


def check_samples(samples: list[Sample], walk: SampleWalk) -> pd.DataFrame:
    """Ask for every sample: right is a value whose interval holds the truth, or the refusal that was due."""
    from gaitlib.door.answer import estimate_gait

    rows = []
    for sample in samples:
        try:
            answer = estimate_gait(sample.path, height_m=walk.height_m, **sample.options)
        except GaitlibError as error:
            rows.append((sample.path.name, sample.what, sample.refused, str(error)))
            continue
        if not answer.ok:
            rows.append((sample.path.name, sample.what, sample.refused, answer.status))
            continue
        right = not sample.refused
        for name in ("speed_mps", "step_length_m", "step_time_s"):
            item = answer[name]
            lower, upper = (
                (0.97 * item.value, 1.03 * item.value)
                if item.lower != item.lower
                else (item.lower, item.upper)
            )
            right &= lower <= walk.truth[name] <= upper or abs(item.value / walk.truth[name] - 1) < 0.02
        rows.append(
            (
                sample.path.name,
                sample.what,
                right,
                ", ".join(f"{answer[n].value:.3f}" for n in ("speed_mps", "step_time_s")),
            )
        )
    return pd.DataFrame(rows, columns=["file", "what", "right", "answer"])
