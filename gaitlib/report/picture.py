"""The picture of the README: one walk from its muscles to what a camera sees of it.

`make picture` draws it anew from the shipped library.
"""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from gaitlib.environment import ROOT

PICTURE_FILE = ROOT / ".github" / "picture.png"
_SEED = 2025
_WALK_S = 4.0


def draw_picture(path: str | Path = PICTURE_FILE) -> Path:
    """Draw muscles, movement and keypoints of one simulated adult of the shipped library.

    Parameters
    ----------
    path : path
        PNG file to write.

    Returns
    -------
    Path
        The file.
    """
    import matplotlib.pyplot as plt
    import numpy as np

    from gaitlib.body.dimensions import compute_dimensions
    from gaitlib.estimate.train import list_persons
    from gaitlib.evaluate.style import STYLE
    from gaitlib.report.resolve import choose_example
    from gaitlib.report.sensors import observe_walks
    from gaitlib.sense.body_walk import build_synthetic_walk
    from gaitlib.sense.variation import WalkVariation
    from gaitlib.simulate.library import load_library

    table, gaits = load_library()
    example = choose_example(table)
    gait = gaits.sel(gait=example["gait_id"])
    person = list_persons(table[table["gait_id"] == example["gait_id"]])[0]
    walk = build_synthetic_walk(
        gait, person, np.random.default_rng(_SEED), duration_s=_WALK_S,
        variation=WalkVariation(), with_outcomes=False, walk_id="example", person_id="example",
    )  # fmt: skip
    clip = observe_walks([walk], ["side"], "walk19", 30, 1.0, _SEED)[0]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 3, figsize=(11, 3.1), layout="constrained", width_ratios=(1, 1.5, 1.5))
        _draw_muscles(axes[0], gait)
        _draw_movement(axes[1], gait, compute_dimensions(person))
        _draw_keypoints(axes[2], clip)
        figure.supxlabel(
            "SIMULATED: one adult of the shipped library, not measured", fontsize=12, color="#B00020"
        )
        figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
    return Path(path)


def _draw_muscles(ax, gait: xr.Dataset) -> None:
    """Activation of the right leg's muscle groups over the stride."""
    names = [str(name) for name in gait["muscle"].values if str(name).endswith("_r")]
    activation = gait["activation"].sel(muscle=names).values.T
    ax.imshow(
        activation, aspect="auto", cmap="Blues", vmin=0, vmax=activation.max(),
        interpolation="nearest", extent=(0, 100, len(names) - 0.5, -0.5),
    )  # fmt: skip
    ax.set_yticks(range(len(names)), [name.removesuffix("_r").replace("_", " ") for name in names])
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("Stride (%)")
    ax.set_title("1  Muscles", loc="left")


def _draw_movement(ax, gait: xr.Dataset, dimensions) -> None:
    from gaitlib.body.kinematics import compute_sagittal_points
    from gaitlib.report.figures import draw_pose

    points = compute_sagittal_points(gait["position"].values, dimensions)
    for place, frame in enumerate((0, 17, 33, 50)):
        draw_pose(ax, {name: value[frame] + [0.75 * place, 0.0] for name, value in points.items()})
    ax.axhline(0, color="0.3", linewidth=1.5)
    ax.set(aspect="equal", xticks=[], yticks=[], anchor="N")
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.set_title("2  Movement, checked in OpenSim", loc="left")


def _draw_keypoints(ax, clip: xr.Dataset) -> None:
    from gaitlib.report.figures import draw_pixels

    poses = [clip.isel(time=int(moment * (clip.sizes["time"] - 1))) for moment in (0.15, 0.5, 0.85)]
    for pose in poses:
        draw_pixels(ax, pose)
    ax.invert_yaxis()
    ax.margins(0.06)
    ax.set(aspect="equal", xticks=[], yticks=[], anchor="N")
    ax.spines[["top", "right"]].set_visible(True)
    ax.set_title("3  What a camera's pose detector sees", loc="left")


if __name__ == "__main__":
    print(draw_picture().relative_to(ROOT))
