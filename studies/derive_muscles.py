"""Lump the 3D leg muscles of a published full-body model into nine sagittal groups.

Run once to make `gaitlib/body/muscle_table.json` (`python studies/derive_muscles.py MODEL.osim OUT.json`).
The model is `subject_walk_scaled.osim` (Rajagopal et al. 2016, doi 10.1109/TBME.2016.2586891; Lai et al.
2017, doi 10.1007/s10439-017-1852-y).

Steps: (1) evaluate the path length of every muscle over a grid of sagittal joint angles, the rest of the
body neutral; (2) average the paths of a group weighted by maximal isometric force, so that the moment
arm of the group is the force-weighted mean moment arm; (3) fit a polynomial in the joint angles; the
moment arm is its negative derivative. Maximal isometric forces add up; fibre length, tendon slack length
and pennation are force-weighted means.
"""

from __future__ import annotations

import itertools
import json
import sys

import numpy as np
import opensim

GROUP_MEMBERS = {
    "iliopsoas": ("iliacus", "psoas"),
    "glut_max": ("glmax1", "glmax2", "glmax3"),
    "hamstrings": ("bflh", "semimem", "semiten"),
    "bifemsh": ("bfsh",),
    "rect_fem": ("recfem",),
    "vasti": ("vasint", "vaslat", "vasmed"),
    "gastroc": ("gaslat", "gasmed"),
    "soleus": ("soleus",),
    "tib_ant": ("tibant",),
}
GROUP_JOINTS = {
    "iliopsoas": ("hip_flexion",),
    "glut_max": ("hip_flexion",),
    "hamstrings": ("hip_flexion", "knee_angle"),
    "bifemsh": ("knee_angle",),
    "rect_fem": ("hip_flexion", "knee_angle"),
    "vasti": ("knee_angle",),
    "gastroc": ("knee_angle", "ankle_angle"),
    "soleus": ("ankle_angle",),
    "tib_ant": ("ankle_angle",),
}
ADDED_FORCE = {"tib_ant": ("edl", "ehl")}
"""Synergists whose maximal force joins the group along the group's path."""

RANGE_DEG = {"hip_flexion": (-30.0, 100.0), "knee_angle": (0.0, 115.0), "ankle_angle": (-40.0, 30.0)}
DEGREE = {1: 6, 2: 6}
LENGTH_WEIGHT = 3.0
"""Weight of a length error against a moment arm error. The source model's gastrocnemius is at odds with
itself near the straight knee: its moment arms differ from the slope of its length by up to 4 mm."""


def main(model_path: str, out_path: str) -> None:
    """Derive the table and write it as JSON."""
    opensim.Logger.setLevelString("Error")
    model = opensim.Model(model_path)
    state = model.initSystem()
    table = {
        "source": "Rajagopal 2016 (doi 10.1109/TBME.2016.2586891), Lai 2017 (doi 10.1007/s10439-017-1852-y), "
        "lumped from subject_walk_scaled.osim by studies/derive_muscles.py",
        "reference_lengths_m": _measure_segments(model, state),
        "muscles": {name: _lump(model, state, name) for name in GROUP_MEMBERS},
    }
    with open(out_path, "w", encoding="utf-8") as file:
        json.dump(table, file, indent=1)


def _measure_segments(model, state) -> dict[str, float]:
    def get_position(frame: str) -> np.ndarray:
        return model.getBodySet().get(frame).getPositionInGround(state).to_numpy()

    hip, ankle = get_position("femur_r"), get_position("talus_r")
    knee = get_position("tibia_r")
    return {
        "thigh_m": float(np.linalg.norm((hip - knee)[:2])),
        "shank_m": float(np.linalg.norm((knee - ankle)[:2])),
    }


def _lump(model, state, group: str) -> dict:
    muscles = [model.getMuscles().get(f"{name}_r") for name in GROUP_MEMBERS[group]]
    force = np.array([m.get_max_isometric_force() for m in muscles])
    added = [model.getMuscles().get(f"{name}_r") for name in ADDED_FORCE.get(group, ())]
    joints = GROUP_JOINTS[group]
    coordinates = [model.getCoordinateSet().get(f"{name}_r") for name in joints]
    grid_deg = [np.linspace(*RANGE_DEG[name], 29 if len(joints) == 1 else 15) for name in joints]
    angles, lengths, arms = [], [], []
    for point in itertools.product(*grid_deg):
        for coordinate, value in zip(coordinates, np.radians(point), strict=True):
            coordinate.setValue(state, value, False)
        model.assemble(state)
        model.realizePosition(state)
        angles.append(np.radians(point))
        lengths.append(np.average([m.getLength(state) for m in muscles], weights=force))
        arms.append(
            [np.average([m.computeMomentArm(state, c) for m in muscles], weights=force) for c in coordinates]
        )
    for coordinate in coordinates:
        coordinate.setValue(state, 0.0)
    exponents, coefficients, errors = _fit(np.array(angles), np.array(lengths), np.array(arms))

    def mean(values: list[float]) -> float:
        return float(np.average(values, weights=force))

    return {
        "members": list(GROUP_MEMBERS[group]),
        "joints": list(joints),
        "max_isometric_force_n": float(force.sum() + sum(m.get_max_isometric_force() for m in added)),
        "optimal_fiber_length_m": mean([m.get_optimal_fiber_length() for m in muscles]),
        "tendon_slack_length_m": mean([m.get_tendon_slack_length() for m in muscles]),
        "pennation_rad": mean([m.get_pennation_angle_at_optimal() for m in muscles]),
        "exponents": exponents.tolist(),
        "coefficients": coefficients.tolist(),
        "length_rms_mm": errors[0],
        "moment_arm_rms_mm": errors[1],
    }


def _fit(angles: np.ndarray, lengths: np.ndarray, arms: np.ndarray):
    n_joints = angles.shape[1]
    degree = DEGREE[n_joints]
    exponents = np.array(
        [e for e in itertools.product(range(degree + 1), repeat=n_joints) if sum(e) <= degree]
    )
    basis = np.prod(angles[:, None, :] ** exponents[None], axis=2)
    slopes = []
    for joint in range(n_joints):
        lowered = exponents.copy()
        lowered[:, joint] = np.maximum(lowered[:, joint] - 1, 0)
        slopes.append(exponents[:, joint] * np.prod(angles[:, None, :] ** lowered[None], axis=2))
    system = np.concatenate([LENGTH_WEIGHT * basis] + slopes)
    target = np.concatenate([LENGTH_WEIGHT * lengths] + [-arms[:, j] for j in range(n_joints)])
    coefficients = np.linalg.lstsq(system, target, rcond=None)[0]
    residual = 1000 * (system @ coefficients - target)
    n = len(lengths)
    return exponents, coefficients, (_rms(residual[:n] / LENGTH_WEIGHT), _rms(residual[n:]))


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


if __name__ == "__main__":
    main(*sys.argv[1:3])
