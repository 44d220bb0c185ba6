"""Virtual cameras, an erring detector and inertial sensors, the same on every page."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

_WINDOW_S = 100 / 60


def observe_walks(
    walks: list[xr.Dataset], views: Iterable[str], layout: str, fps: float, noise: float, seed: int
) -> list[xr.Dataset]:
    """Look at walks through virtual cameras and a detector that errs."""
    from gaitlib.sense.camera import build_camera, project_walk
    from gaitlib.sense.noise import DetectorErrors, apply_detector_noise

    errors = replace(DetectorErrors().scale(noise), cropped_share=0.0)
    clips = []
    for walk in walks:
        for view in views:
            clip = project_walk(walk, build_camera(view, fps=fps), layout)
            text = f"{seed} {walk.attrs['dataset']} {walk.attrs['walk_id']} {view}"
            rng = np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big"))
            clips.append(apply_detector_noise(clip, rng, errors) if noise > 0 else clip)
    return clips


def measure_simulated_detector(walk: xr.Dataset, n_clips: int, seed: int) -> dict:
    """Measure the errors of the simulated detector as those of the real one were measured.

    Each clip is as long as the recording that the real errors come from, and the mean over it is taken off,
    as there. Exchanges, hiding and cropping are off: the measurement sets exchanged sides right.
    """
    from gaitlib.sense.camera import build_camera, project_walk
    from gaitlib.sense.noise import (
        JOINTS,
        LAGS_S,
        DetectorErrors,
        apply_detector_noise,
        compute_autocorrelation,
    )

    errors = replace(DetectorErrors(), swap_rate_hz=0.0, hiding_share=0.0, cropped_share=0.0, lost_share=0.0)
    rng = np.random.default_rng(seed)
    views = [build_camera(view, fps=60.0, distance_m=12.0) for view in ("front", "oblique", "side", "back")]
    clips = [project_walk(walk, view, "mediapipe33") for view in views]
    names = [str(name) for name in clips[0]["keypoint"].values]
    moving = []
    for number in range(4 * n_clips):
        clip = clips[number % 4].isel(time=slice(0, int(_WINDOW_S * 60)))
        noisy = apply_detector_noise(clip, rng, errors)
        height = np.ptp(clip["pixel_position"].values[..., 1], axis=1).mean() * 1.05
        error = (noisy["pixel_position"] - clip["pixel_position"]).values / height
        moving.append(error - np.nanmean(error, axis=0))
    error = np.stack(moving)
    correlation = compute_autocorrelation(error, int(LAGS_S[-1] * 60) + 1)
    spread = float(np.nanstd(error))
    rows = {joint: [n for n, name in enumerate(names) if name.endswith(joint)] for joint in JOINTS}
    return {
        "autocorrelation": np.interp(LAGS_S * 60, np.arange(len(correlation)), correlation),
        "spread": spread,
        "restless": {joint: float(np.nanstd(error[:, :, rows[joint]])) / spread for joint in JOINTS},
    }


def plot_detector(measured: dict, simulated: dict):
    """Draw measured against simulated detector errors: correlation in time and size per joint."""
    import matplotlib.pyplot as plt

    from gaitlib.evaluate.style import COLOURS, STYLE

    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.9), layout="constrained")
        left.plot(measured["lags_s"], measured["autocorrelation"], "o", color=COLOURS[0], label="real video")
        left.plot(measured["lags_s"], simulated["autocorrelation"], "-", color=COLOURS[1], label="simulated")
        left.axhline(0, color="0.6", linewidth=0.8)
        left.set(xlabel="Time apart (s)", ylabel="Autocorrelation of the error")
        joints = list(measured["restless"])
        place = np.arange(len(joints))
        real = [100 * measured["spread"] * measured["restless"][joint] for joint in joints]
        made = [100 * simulated["spread"] * simulated["restless"][joint] for joint in joints]
        right.plot(real, place, "o", color=COLOURS[0])
        right.plot(made, place, "s", color=COLOURS[1], markerfacecolor="none")
        right.set_yticks(place, [joint.replace("_", " ") for joint in joints])
        right.set(xlabel="Spread of the error (% of body height)", ylim=(len(joints) - 0.5, -0.5))
        right.set_xlim(0, None)
        figure.legend(
            handles=[left.lines[0], right.lines[1]],
            labels=["real video (MediaPipe)", "simulated"],
            loc="outside lower left",
            frameon=False,
            ncols=2,
        )
    return figure


def format_detector(measured: dict) -> pd.DataFrame:
    """Format the measured sizes of detector errors."""
    errors = measured["errors"]
    four, both, walk = "four views, 1 person", "all, 3 people", "side view, 2 people who walk"
    rows = [
        ("Jitter, independent from frame to frame", f"{errors['jitter_share']:.2%} of body height", four),
        (
            "Error correlated in time",
            f"{errors['drift_share']:.1%} of body height, {errors['drift_time_s']:.2f} s",
            four,
        ),
        ("Constant error per joint and view", f"{errors['bias_share']:.1%} of body height", four),
        ("Wrong size of the whole body", f"{errors['scale_share']:.1%}", four),
        ("Error of the hidden side / the visible side", f"{errors['far_side_factor']:.2f}", four),
        (
            "Rank correlation of confidence with error",
            f"{measured['confidence_rank_correlation']:+.2f}",
            four,
        ),
        ("Points off by more than a tenth of body height", f"{measured['gross_share']:.1%}", four),
        (
            "Left and right exchanged",
            f"{errors['swap_rate_hz']:.2f} per s, {errors['swap_time_s']:.2f} s",
            both,
        ),
        ("Frames in which the person is lost", f"{errors['lost_share']:.1%}", walk),
        (
            "Change of thigh and shank length in the image",
            f"{measured['walkers_segment_spread']:.1%} of body height",
            walk,
        ),
    ]
    return pd.DataFrame(rows, columns=["Error of MediaPipe", "Size", "Measured on"])


def plot_inertial(walk: xr.Dataset, sites: Iterable[str], fps: float, seed: int):
    """Draw what inertial sensors read during two seconds of a walk, without and with their errors."""
    import matplotlib.pyplot as plt

    from gaitlib.evaluate.style import COLOURS, STYLE
    from gaitlib.events import detect_events
    from gaitlib.sense.inertial import InertialErrors, sense_motion

    sites = list(sites)
    plain = sense_motion(walk, sites, fps)
    real = sense_motion(walk, sites, fps, np.random.default_rng(seed), InertialErrors())
    shown = (plain["time"] > 1.0) & (plain["time"] < 3.0)
    contacts = detect_events(walk).query("event == 'initial_contact' and 1.0 < time_s < 3.0")
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            len(sites), 2, figsize=(9.6, 2.2 * len(sites) + 0.6), sharex=True, layout="constrained"
        )
        for row, site in zip(np.atleast_2d(axes), sites, strict=True):
            for signals, style in ((real, {"linewidth": 0.9, "alpha": 0.75}), (plain, {"linewidth": 2.0})):
                part = signals.sel(sensor=site).isel(time=np.flatnonzero(shown))
                for label, axis, colour in (("forward", "x", COLOURS[0]), ("up", "y", COLOURS[1])):
                    values = part["acceleration"].sel(space=axis)
                    row[0].plot(part["time"], values, color=colour, label=label, **style)
                row[1].plot(part["time"], part["angular_velocity"].sel(space="z"), color="0.15", **style)
            for _, contact in contacts.iterrows():
                for ax in row:
                    line = "-" if contact["foot"] == "r" else (0, (3, 2))
                    ax.axvline(contact["time_s"], color="0.7", linewidth=0.9, linestyle=line, zorder=0)
            words = site.replace("_r", ", right").replace("_l", ", left").replace("_", " ")
            row[0].set_title(words.capitalize(), loc="left")
            row[0].set_ylabel("m/s²")
            row[1].set_ylabel("rad/s")
        axes = np.atleast_2d(axes)
        axes[0, 1].set_title("Turning forward and up (about z)", loc="left")
        axes[-1, 0].set_xlabel("Time (s)")
        axes[-1, 1].set_xlabel("Time (s)")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles[2:], labels[2:], loc="outside lower left", frameon=False, ncols=2)
    return figure


def plot_trunk(table: pd.DataFrame, gaits: xr.Dataset):
    """Draw how far the pelvis of simulated adults rises and nods at each speed, beside people's."""
    import matplotlib.pyplot as plt

    from gaitlib.evaluate.style import COLOURS, STYLE
    from gaitlib.sense.trunk_and_arms import (
        PEOPLES_PELVIS_DEG,
        PUBLISHED_LEG_M,
        PUBLISHED_SPEEDS_MPS,
        expect_excursion,
    )

    rows = table[table["verified"] & table["cohort"].isin(["healthy_adult", "older_adult"])]
    pelvis = gaits["position"].sel(gait=rows["gait_id"].to_list())
    rise = 100 * np.ptp(pelvis.sel(coordinate="pelvis_ty").values, axis=1) / rows["leg_length_m"]
    nod = np.degrees(np.ptp(pelvis.sel(coordinate="pelvis_tilt").values, axis=1))
    # Speeds of bodies of other sizes are those of dynamically similar walks of the published size.
    speed = rows["speed_mps"] * np.sqrt(PUBLISHED_LEG_M / rows["leg_length_m"])
    spans = {"published": np.linspace(*PUBLISHED_SPEEDS_MPS, 20),
             "continued": np.linspace(speed.min(), speed.max(), 40)}  # fmt: skip
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(10.5, 4.2), layout="constrained")
        for ax, values in zip(axes, (rise, nod), strict=True):
            ax.scatter(speed, values, s=12, alpha=0.35, color=COLOURS[0], label="simulated", linewidths=0)
            ax.set(xlabel=f"Speed, scaled to a leg of {PUBLISHED_LEG_M} m (m/s)", ylim=(0, None))
        for (name, speeds), line in zip(spans.items(), ("-", (0, (3, 2))), strict=True):
            share = [100 * expect_excursion("rise", v, PUBLISHED_LEG_M) / PUBLISHED_LEG_M for v in speeds]
            axes[0].plot(speeds, share, color=COLOURS[1], linewidth=2.2 if line == "-" else 1.4,
                         linestyle=line, label=name)  # fmt: skip
        axes[1].axhline(PEOPLES_PELVIS_DEG, color=COLOURS[1], linewidth=2.2, label="two adults set aside")
        axes[0].set_ylabel("Rise (% of leg length)")
        axes[1].set_ylabel("Tilt of the pelvis (°)")
        for ax in axes:
            ax.legend(frameon=False)
    return figure, int(rows["person_id"].nunique()), len(rows)


PENDULUM_FACTOR = 1.25
"""Step length over that of a pendulum that rises as the lower back does, in healthy adults: Zijlstra & Hof
2003 (doi 10.1016/S0966-6362(02)00190-X)."""


def measure_pendulum(
    table: pd.DataFrame, gaits: xr.Dataset, seed: int, n_clips: int = 120
) -> dict[str, float]:
    """Measure that factor with virtual sensors at the lower back, before and after the trunk is corrected."""
    from gaitlib.estimate.clip_sampler import InertialSamplerConfig, build_pool, sample_inertial_clips
    from gaitlib.estimate.inertial_features import INERTIAL_FEATURES, LEG_SHARE
    from gaitlib.estimate.synthetic_training import list_persons
    from gaitlib.estimate.targets import OUTCOME_NAMES

    rows = table[table["verified"] & (table["cohort"] == "healthy_adult")]
    rows = rows[rows["speed_mps"].between(0.9, 1.3)]
    pool = build_pool(gaits.sel(gait=rows["gait_id"].to_list()), list_persons(rows))
    usual = InertialSamplerConfig(several_share=0, lower_back_share=1, turning_share=0)
    plain = replace(usual.walks, variation=replace(usual.walks.variation, trunk_spread=0.0))
    first, speed = INERTIAL_FEATURES.index("log_best_speed"), OUTCOME_NAMES.index("speed_mps")
    found = {}
    for name, config in {"as simulated": replace(usual, walks=plain), "corrected": usual}.items():
        clips = sample_inertial_clips(pool, n_clips, np.random.default_rng(seed), config)
        ratios = [
            clip.truth[speed] / (LEG_SHARE * clip.height_m * np.exp(clip.features.side[first]))
            for clip in clips
        ]
        found[name] = float(np.median(ratios))
    return found
