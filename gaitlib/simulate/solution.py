"""What a solver process hands over: plain arrays, free of CasADi and OpenSim."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaitlib.body.spatial_body import get_labels
from gaitlib.gait import LABELS, build_gait
from gaitlib.simulate.guess import Trajectory
from gaitlib.simulate.request import GaitRequest, describe_request

REPLAY_FIELDS = (
    "residual_peak_bw",
    "residual_rms_bw",
    "moment_rms_nm",
    "vertical_force_bw",
    "tendon_error",
    "ground_force_difference_n",
)
"""What OpenSim finds for one gait (`gaitlib.simulate.replay`)."""
REPLAY_LIMITS = {
    "residual_peak_bw": 0.05,  # force at the pelvis that nothing explains, over body weight: its peak
    "residual_rms_bw": 0.01,  # and its root mean square over the stride
    "moment_rms_nm": 2.0,  # joint moments that muscles and tissue do not make (N m)
    "vertical_error": 0.02,  # mean vertical force of the ground against body weight
    "tendon_error": 0.01,  # tendon out of balance with its muscle, over maximal force
}
"""A gait counts when nothing that is missing is larger."""
_REASONS = {
    "residual_peak_bw": "pelvis residual peak {residual_peak_bw:.3f} BW",
    "residual_rms_bw": "pelvis residual RMS {residual_rms_bw:.3f} BW",
    "moment_rms_nm": "joint moment error {moment_rms_nm:.2f} N m",
    "vertical_error": "mean vertical force {vertical_force_bw:.3f} BW",
    "tendon_error": "tendon out of balance {tendon_error:.3f}",
}


def list_reasons(replay: dict[str, float]) -> list[str]:
    """List why a gait is not accepted; empty when it is."""
    sizes = replay | {"vertical_error": abs(replay["vertical_force_bw"] - 1)}
    return [_REASONS[name].format(**replay) for name, limit in REPLAY_LIMITS.items() if sizes[name] > limit]


@dataclass
class SolvedGait:
    """A solution over the whole stride from right initial contact, and what restarts a neighbour.

    Curves have 101 points. `tendon_force` (101, 4) is the force in the compliant tendons over maximal
    isometric force, `tendon_rate` its rate (1/s).
    """

    gait_id: str
    converged: bool
    status: str
    iterations: int
    cpu_s: float
    cost: float
    constraint_violation: float
    muscles_at_bound_share: float
    stride_time_s: float
    speed_mps: float
    phase_offset: int
    position: np.ndarray
    speed: np.ndarray
    acceleration: np.ndarray
    activation: np.ndarray
    tendon_force: np.ndarray
    tendon_rate: np.ndarray
    lumbar_torque_nm: np.ndarray
    joint_moment: np.ndarray
    ground_force: np.ndarray
    start: Trajectory


def build_gait_dataset(request: GaitRequest, solved: SolvedGait):
    """Turn a solution into a Gait."""
    ground = np.zeros((*solved.ground_force.shape[:2], 3))
    ground[..., : solved.ground_force.shape[2]] = solved.ground_force
    about = {"gait_id": request.gait_id, "person": request.person.model_dump()}
    about |= {"impairment": request.impairment.model_dump()}
    curves = solved.position, solved.activation, ground, solved.joint_moment
    labels = get_labels() if request.body == "space" else LABELS
    gait = build_gait(*curves, solved.stride_time_s, solved.speed_mps, about, labels)
    gait["phase_offset"] = solved.phase_offset
    return gait


def describe_solution(request: GaitRequest, solved: SolvedGait, replay: dict | None) -> dict:
    """Describe a solution as a row of the library table."""
    replay = dict(replay or {})
    reasons = list(replay.pop("reasons", []))
    if not solved.converged:
        reasons = [f"solver: {solved.status}"]
    stride_time = solved.stride_time_s
    return (
        describe_request(request)
        | {
            "speed_mps": solved.speed_mps,
            "stride_time_s": stride_time,
            "step_length_m": 0.5 * solved.speed_mps * stride_time,
            "step_time_s": 0.5 * stride_time,
            "cadence_spm": 120.0 / stride_time,
            "verified": solved.converged and not reasons,
            "reason": "; ".join(reasons),
            "solver_status": solved.status,
            "iterations": solved.iterations,
            "cost": solved.cost,
            "constraint_violation": solved.constraint_violation,
            "muscles_at_bound_share": solved.muscles_at_bound_share,
            "cpu_s": solved.cpu_s,
        }
        | {name: replay.get(name, np.nan) for name in REPLAY_FIELDS}
    )
