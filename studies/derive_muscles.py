"""Lump the 3D leg muscles of a published full-body model into groups.

Run once to make `gaitlib/body/muscle_table.json`, nine sagittal groups (`python studies/derive_muscles.py
MODEL.osim OUT.json`), and with `--spatial` `gaitlib/body/spatial_muscles.json`, 23 groups in space. The model
is `subject_walk_scaled.osim` (Rajagopal et al. 2016, doi 10.1109/TBME.2016.2586891; Lai et al. 2017, doi
10.1007/s10439-017-1852-y).

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
import tempfile
from pathlib import Path

import numpy as np
import opensim
from scipy.stats import qmc

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

HIP = ("hip_flexion", "hip_adduction", "hip_rotation")
ANKLE = ("ankle_angle", "subtalar_angle")
SPATIAL = {
    "iliopsoas": (HIP, "iliacus psoas"),
    "glut_max": (HIP, "glmax1 glmax2 glmax3"),
    "glut_med_ant": (HIP, "glmed1"),
    "glut_med_post": (HIP, "glmed2 glmed3"),
    "glut_min": (HIP, "glmin1 glmin2 glmin3"),
    "piriformis": (HIP, "piri"),
    "add_long": (HIP, "addlong addbrev"),
    "add_mag": (HIP, "addmagDist addmagIsch addmagMid addmagProx"),
    "tfl": ((*HIP, "knee_angle"), "tfl"),
    "gracilis": ((*HIP, "knee_angle"), "grac"),
    "sartorius": ((*HIP, "knee_angle"), "sart"),
    "hamstrings_lat": ((*HIP, "knee_angle"), "bflh"),
    "hamstrings_med": ((*HIP, "knee_angle"), "semimem semiten"),
    "rect_fem": ((*HIP, "knee_angle"), "recfem"),
    "bifemsh": (("knee_angle",), "bfsh"),
    "vasti": (("knee_angle",), "vasint vaslat vasmed"),
    "gastroc": (("knee_angle", *ANKLE), "gaslat gasmed"),
    "soleus": (ANKLE, "soleus"),
    "tib_ant": (ANKLE, "tibant"),
    "toe_ext": (ANKLE, "edl ehl"),
    "tib_post": (ANKLE, "tibpost"),
    "toe_flex": (ANKLE, "fdl fhl"),
    "peronei": (ANKLE, "perbrev perlong"),
}
"""Groups of the body in space: joints and members."""
SPATIAL_RANGE_DEG = {
    "hip_flexion": (-30.0, 75.0),
    "hip_adduction": (-20.0, 20.0),
    "hip_rotation": (-25.0, 25.0),
    "knee_angle": (0.0, 100.0),
    "ankle_angle": (-35.0, 30.0),
    "subtalar_angle": (-20.0, 20.0),
}
SPATIAL_DEGREE = {1: 6, 2: 5, 3: 4, 4: 4}
SPATIAL_POINTS, STEP_RAD, JUMP_MM = 1024, 0.01, 8.0


def derive_spatial(model_path: str, out_path: str) -> None:
    """Derive the table of the body in space; moment arms are slopes of the length, by differences."""
    opensim.Logger.setLevelString("Error")
    model = _free_subtalar_joints(model_path)
    state = model.initSystem()
    low, high = np.radians(list(SPATIAL_RANGE_DEG.values())).T
    angles = qmc.scale(qmc.Sobol(6, seed=1).random(SPATIAL_POINTS), low, high)
    names = [name for _, members in SPATIAL.values() for name in members.split()]
    muscles = [model.getMuscles().get(f"{name}_r") for name in names]
    coordinates = [model.getCoordinateSet().get(f"{name}_r") for name in SPATIAL_RANGE_DEG]
    kneecap = model.getCoordinateSet().get("knee_angle_r_beta")

    def measure(point: np.ndarray) -> list[float]:
        for coordinate, value in zip(coordinates, point, strict=True):
            coordinate.setValue(state, float(value), False)
        kneecap.setValue(state, float(point[list(SPATIAL_RANGE_DEG).index("knee_angle")]), False)
        model.realizePosition(state)
        return [muscle.getLength(state) for muscle in muscles]

    lengths = np.array([measure(point) for point in angles])
    steps = STEP_RAD * np.eye(6)
    arms = [[np.subtract(measure(p - h), measure(p + h)) / (2 * STEP_RAD) for h in steps] for p in angles]
    arms = np.array(arms)
    table = {
        "source": "Rajagopal 2016 (doi 10.1109/TBME.2016.2586891), Lai 2017 (doi 10.1007/s10439-017-1852-y), "
        "lumped from subject_walk_scaled.osim by studies/derive_muscles.py --spatial",
        "reference_lengths_m": _measure_segments(model, model.initSystem()),
        "muscles": {},
    }
    for group, (joints, members) in SPATIAL.items():
        place = [names.index(name) for name in members.split()]
        columns = [list(SPATIAL_RANGE_DEG).index(joint) for joint in joints]
        force = np.array([muscles[i].get_max_isometric_force() for i in place])
        length = lengths[:, place] @ force / force.sum()
        arm = np.array([arms[:, c][:, place] @ force / force.sum() for c in columns]).T
        kept = np.full(len(angles), True)
        for _ in range(4):  # a path that jumps from one side of a wrapping surface to the other has no slope
            fit = _fit(angles[kept][:, columns], length[kept], arm[kept], SPATIAL_DEGREE[len(joints)])
            exponents, coefficients, errors = fit
            off = np.array(list(_fit_errors(exponents, coefficients, angles[:, columns], arm)))
            kept = (abs(off) < max(JUMP_MM, 3 * errors[1])).all(axis=0)
        entry = {
            "members": members.split(),
            "joints": list(joints),
            "max_isometric_force_n": float(force.sum()),
        }
        means = _average_parameters([muscles[i] for i in place], force)
        entry |= {key: round(value, 5) for key, value in means.items()}
        entry |= {"exponents": exponents.tolist(), "coefficients": np.round(coefficients, 7).tolist()}
        entry |= {"length_rms_mm": round(errors[0], 2), "moment_arm_rms_mm": round(errors[1], 2)}
        table["muscles"][group] = entry
        print(
            group, errors, np.mean(kept), np.percentile(abs(off[:, kept]), 99), 100 * arm[kept].mean(axis=0)
        )
    with open(out_path, "w", encoding="utf-8") as file:
        json.dump(table, file)
        file.write("\n")


def _average_parameters(muscles: list, force: np.ndarray) -> dict[str, float]:
    """Parameters of a group: means of its members, weighed by their force."""
    read = {
        "optimal_fiber_length_m": [m.get_optimal_fiber_length() for m in muscles],
        "tendon_slack_length_m": [m.get_tendon_slack_length() for m in muscles],
        "pennation_rad": [m.get_pennation_angle_at_optimal() for m in muscles],
    }
    return {key: float(np.average(values, weights=force)) for key, values in read.items()}


def _fit_errors(exponents, coefficients, angles, arm):
    for joint, slopes in enumerate(_list_slopes(angles, exponents)):
        yield 1000 * (slopes @ coefficients + arm[:, joint])


def _list_slopes(angles: np.ndarray, exponents: np.ndarray):
    """Derivatives of the terms of a polynomial with respect to each angle; shape (n, n_terms)."""
    for joint in range(angles.shape[1]):
        lowered = exponents.copy()
        lowered[:, joint] = np.maximum(lowered[:, joint] - 1, 0)
        yield exponents[:, joint] * np.prod(angles[:, None, :] ** lowered[None], axis=2)


def _free_subtalar_joints(model_path: str):
    """The source welds the subtalar joint, in frames whose z axis is the published axis."""
    text = Path(model_path).read_text(encoding="utf-8")
    for side in "rl":
        head, tail = text.split(f'<WeldJoint name="subtalar_{side}">')
        joint, tail = tail.split("</WeldJoint>", 1)
        angle = f'<coordinates><Coordinate name="subtalar_angle_{side}"/></coordinates>'
        text = f'{head}<PinJoint name="subtalar_{side}">{angle}{joint}</PinJoint>{tail}'
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "free.osim"
        path.write_text(text, encoding="utf-8")
        return opensim.Model(str(path))


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
    exponents, coefficients, errors = _fit(
        np.array(angles), np.array(lengths), np.array(arms), DEGREE[len(joints)]
    )
    return {
        "members": list(GROUP_MEMBERS[group]),
        "joints": list(joints),
        "max_isometric_force_n": float(force.sum() + sum(m.get_max_isometric_force() for m in added)),
        **_average_parameters(muscles, force),
        "exponents": exponents.tolist(),
        "coefficients": coefficients.tolist(),
        "length_rms_mm": errors[0],
        "moment_arm_rms_mm": errors[1],
    }


def _fit(angles: np.ndarray, lengths: np.ndarray, arms: np.ndarray, degree: int):
    n_joints = angles.shape[1]
    exponents = np.array(
        [e for e in itertools.product(range(degree + 1), repeat=n_joints) if sum(e) <= degree]
    )
    basis = np.prod(angles[:, None, :] ** exponents[None], axis=2)
    system = np.concatenate([LENGTH_WEIGHT * basis, *_list_slopes(angles, exponents)])
    target = np.concatenate([LENGTH_WEIGHT * lengths] + [-arms[:, j] for j in range(n_joints)])
    coefficients = np.linalg.lstsq(system, target, rcond=None)[0]
    residual = 1000 * (system @ coefficients - target)
    n = len(lengths)
    return exponents, coefficients, (_rms(residual[:n] / LENGTH_WEIGHT), _rms(residual[n:]))


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


if __name__ == "__main__":
    derive = derive_spatial if "--spatial" in sys.argv else main
    derive(*[argument for argument in sys.argv[1:] if argument != "--spatial"])
