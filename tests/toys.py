"""Toy walkers with exactly known answers.

A body moves at constant speed over footprints that are laid out beforehand. In stance the foot rolls over
a resting heel, then over resting toes; in swing the heel moves forward relative to the body on a smooth
step whose slope is zero at toe-off and at contact. So the heel is farthest ahead of the body exactly at
initial contact and the toe farthest behind exactly at toe-off; the opposite heel still rests at initial
contact. Knees and elbows follow by inverse kinematics.
"""

import json
from dataclasses import asdict, dataclass

import numpy as np

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.gait import COORDINATES, MUSCLES, N_PHASE, build_gait
from gaitlib.person import Person
from gaitlib.walk import KEYPOINTS_3D, build_walk

STRIKE_PITCH, TOE_OFF_PITCH = np.deg2rad(15.0), np.deg2rad(-40.0)
FOOT_FLAT_SHARE = 0.08
GRAVITY = 9.80665


@dataclass(frozen=True)
class ToyPlan:
    """What the toy does. Asymmetry is (right - left) / mean; a step is named after its leading foot."""

    speed_mps: float = 1.2
    step_length_m: float = 0.62
    stance_share: float = 0.62
    step_time_asymmetry: float = 0.0
    step_length_asymmetry: float = 0.0
    step_width_m: float = 0.1

    @property
    def step_time_s(self):
        return self.step_length_m / self.speed_mps

    @property
    def stride_time_s(self):
        return 2 * self.step_time_s

    @property
    def step_times_s(self):
        return {
            side: self.step_time_s * (1 + sign * self.step_time_asymmetry / 2) for side, sign in _SIGN.items()
        }

    @property
    def step_lengths_m(self):
        return {
            side: self.step_length_m * (1 + sign * self.step_length_asymmetry / 2)
            for side, sign in _SIGN.items()
        }

    @property
    def double_support_share(self):
        return 2 * (self.stance_share - 0.5)


_SIGN = {"r": 1.0, "l": -1.0}


def make_person(height_m=1.70, age_years=30.0):
    """A person of common build."""
    return Person(age_years=age_years, sex="f", height_m=height_m, mass_kg=21.5 * height_m**2)


def make_toy_walk(
    speed_mps=1.2,
    step_length_m=0.62,
    *,
    stance_share=0.62,
    step_time_asymmetry=0.0,
    step_length_asymmetry=0.0,
    step_width_m=0.1,
    fps=60.0,
    duration_s=6.0,
    start_phase=0.3,
    height_m=1.70,
    age_years=30.0,
    heading_rad=0.0,
    noise_m=0.0,
    rng=None,
    **attributes,
):
    """Build a Walk whose plan, events and outcomes are in `read_truth(walk)`.

    start_phase: share of the right stride that has passed at time 0. heading_rad: turn of the walking
    direction from +x towards +z. noise_m: SD of white noise on all keypoints, needs `rng`.
    """
    plan = ToyPlan(
        speed_mps, step_length_m, stance_share, step_time_asymmetry, step_length_asymmetry, step_width_m
    )
    person = make_person(height_m, age_years)
    body = compute_dimensions(person)
    time_s = np.arange(int(np.floor(duration_s * fps + 1e-9)) + 1) / fps
    points = _move_body(time_s + start_phase * plan.stride_time_s, plan, body)
    points = points - [start_phase * plan.stride_time_s * speed_mps, 0, 0]
    cos, sin = np.cos(heading_rad), np.sin(heading_rad)
    points = points @ np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    if noise_m:
        points = points + noise_m * rng.standard_normal(points.shape)
    truth = asdict(plan) | {"events": _list_events(plan, start_phase, time_s[-1])}
    attrs = {"walk_id": "toy", "person_id": "toy", "dataset": "simulated", "origin": "simulated"}
    attrs |= person.model_dump() | {"fps": float(fps), "truth": json.dumps(truth)} | attributes
    return build_walk(time_s, points, **attrs)


def read_truth(walk):
    """The plan of a toy walk and its events [foot, event, time_s] within the walk."""
    truth = json.loads(walk.attrs["truth"])
    events = truth.pop("events")
    return ToyPlan(**truth), events


def make_toy_gait(speed_mps=1.2, step_length_m=0.62, *, height_m=1.70, age_years=30.0, gait_id="toy", **plan):
    """Build the Gait of the same walker; the ground carries the body weight at all times."""
    plan = ToyPlan(speed_mps, step_length_m, **plan)
    person = make_person(height_m, age_years)
    body = compute_dimensions(person)
    phase = np.linspace(0, 1, N_PHASE)
    time_s = phase * plan.stride_time_s
    position = np.zeros((N_PHASE, len(COORDINATES)))
    at = {name: column for column, name in enumerate(COORDINATES)}
    pelvis = _move_pelvis(time_s, plan, body)
    position[:, at["pelvis_tx"]], position[:, at["pelvis_ty"]] = pelvis.T
    force = np.zeros((N_PHASE, 2, 3))
    activation = np.zeros((N_PHASE, len(MUSCLES)))
    for column, side in enumerate("rl"):
        ankle, pitch, own = _move_foot(time_s, side, plan, body)
        thigh, shank = _solve_leg(ankle - pelvis, body.thigh_m, body.shank_m)
        position[:, at[f"hip_flexion_{side}"]] = thigh
        position[:, at[f"knee_angle_{side}"]] = thigh - shank
        position[:, at[f"ankle_angle_{side}"]] = pitch - shank
        opposite = 1 - plan.step_times_s[side] / plan.stride_time_s
        load = np.clip(own / (plan.stance_share + opposite - 1), 0, 1)
        load *= 1 - np.clip((own - opposite) / (plan.stance_share - opposite), 0, 1)
        force[:, column, 1] = person.mass_kg * GRAVITY * load
        force[:, column, 0] = (
            -0.2 * force[:, column, 1] * np.cos(np.pi * np.clip(own / plan.stance_share, 0, 1))
        )
        for muscle in range(len(MUSCLES) // 2):
            bump = np.exp(3 * (np.cos(2 * np.pi * (own - muscle / 9)) - 1))
            activation[:, column * len(MUSCLES) // 2 + muscle] = 0.02 + 0.3 * bump
    attributes = {"gait_id": gait_id, "person": person.model_dump(), "impairment": {}, "verdict": {}}
    moment = np.zeros((N_PHASE, len(COORDINATES)))
    return build_gait(position, activation, force, moment, plan.stride_time_s, speed_mps, attributes)


def _list_events(plan, start_phase, end_s):
    first = {"r": 0.0, "l": plan.step_times_s["l"]}
    period = plan.stride_time_s
    events = []
    for foot in "rl":
        for stride in range(-1, int(end_s / period) + 3):
            contact = first[foot] + (stride - start_phase) * period
            toe_off = contact + plan.stance_share * period
            for event, time_s in (("initial_contact", contact), ("toe_off", toe_off)):
                if 0 <= time_s <= end_s:
                    events.append({"foot": foot, "event": event, "time_s": time_s})
    return sorted(events, key=lambda event: event["time_s"])


def _move_foot(time_s, side, plan, body):
    """Ankle (n, 2) in the sagittal plane, pitch of the foot (toes up positive), own phase 0-1."""
    period, stance = plan.stride_time_s, plan.stance_share
    travel = plan.speed_mps * period
    first_time = {"r": 0.0, "l": plan.step_times_s["l"]}[side]
    first_place = {"r": 0.0, "l": plan.step_lengths_m["l"]}[side]
    stride, own = np.divmod((time_s - first_time) / period, 1.0)
    heel_print = 0.56 * plan.step_length_m - body.heel_behind_ankle_m + first_place + stride * travel
    length = body.heel_behind_ankle_m + body.mtp_ahead_of_ankle_m + body.toe_ahead_of_mtp_m

    landing = _smooth(own / FOOT_FLAT_SHARE)
    # Heel-off waits for the opposite contact, at half a stride or a little later where the steps differ.
    opposite = (plan.step_times_s["l" if side == "r" else "r"]) / period
    push = _smooth((own - opposite) / (stance - opposite))
    swing = np.clip((own - stance) / (1 - stance), 0, 1)
    pitch = np.where(own < opposite, STRIKE_PITCH * (1 - landing), TOE_OFF_PITCH * push)
    pitch = np.where(own >= stance, TOE_OFF_PITCH + (STRIKE_PITCH - TOE_OFF_PITCH) * _smooth(swing), pitch)

    def get_heel_from_toe(angle):
        return np.stack([-length * np.cos(angle), -length * np.sin(angle)], axis=-1)

    rest = np.stack([heel_print, np.zeros_like(own)], axis=-1)
    rolling = rest + [length, 0.0] + get_heel_from_toe(pitch)
    lift = get_heel_from_toe(np.array(TOE_OFF_PITCH)) + [length, 0.0]
    gain = travel - plan.speed_mps * (1 - stance) * period - lift[0]
    ahead = lift[0] + plan.speed_mps * (own - stance) * period + gain * _smooth(swing)
    clearance = 0.03 * body.height_m / 1.7
    toe_up = length * np.sin(STRIKE_PITCH) * _smooth(swing) + clearance * np.sin(np.pi * swing) ** 2
    flying = np.stack([heel_print + ahead, toe_up + get_heel_from_toe(pitch)[..., 1]], axis=-1)
    heel = np.where((own < opposite)[:, None], rest, rolling)
    heel = np.where((own >= stance)[:, None], flying, heel)
    return heel + _turn(pitch, body.heel_behind_ankle_m, body.ankle_height_m), pitch, own


def _move_pelvis(time_s, plan, body):
    """Mid-hip (n, 2): constant speed, as high as the legs can reach, highest in mid-stance."""
    cycle = np.linspace(0, plan.stride_time_s, 401)
    reach = 0.995 * (body.thigh_m + body.shank_m)
    highest = np.inf
    for side in "rl":
        ankle, _, _ = _move_foot(cycle, side, plan, body)
        across = np.abs(ankle[:, 0] - plan.speed_mps * cycle)
        if across.max() >= reach:
            raise ValueError("the steps of this toy are too long for its legs")
        highest = min(highest, float(np.min(ankle[:, 1] + np.sqrt(reach**2 - across**2))))
    bob = 0.008 * body.height_m
    height = highest - bob * (1 + np.cos(4 * np.pi * time_s / plan.stride_time_s)) / 2
    return np.stack([plan.speed_mps * time_s, height], axis=-1)


def _move_body(time_s, plan, body):
    """Positions (n, 19, 3)."""
    points = dict.fromkeys(KEYPOINTS_3D)
    pelvis = _move_pelvis(time_s, plan, body)
    swing = np.cos(2 * np.pi * time_s / plan.stride_time_s)  # 1 at right contact
    zeros = np.zeros_like(time_s)

    def place(planar, z):
        return np.concatenate([planar, np.broadcast_to(z, time_s.shape)[:, None]], axis=1)

    shoulder_line = pelvis + [0.01 * body.height_m, body.hip_to_lumbar_m + body.lumbar_to_shoulder_m]
    points["neck"] = place(shoulder_line + [0.0, body.neck_m], zeros)
    points["head_top"] = points["neck"] + [0.0, body.head_m, 0.0]
    points["nose"] = points["neck"] + [0.07 * body.height_m, 0.4 * body.head_m, 0.0]
    for side, sign in _SIGN.items():
        ankle2, pitch, _ = _move_foot(time_s, side, plan, body)
        hip = place(pelvis, sign * body.hip_width_m / 2)
        ankle = place(ankle2, sign * plan.step_width_m / 2)
        points[f"hip_{side}"], points[f"ankle_{side}"] = hip, ankle
        points[f"knee_{side}"] = _bend(hip, ankle, body.thigh_m, body.shank_m, +1.0)
        down, front = -body.ankle_height_m, body.mtp_ahead_of_ankle_m + body.toe_ahead_of_mtp_m
        points[f"heel_{side}"] = ankle + place(_turn(pitch, -body.heel_behind_ankle_m, down), zeros)
        points[f"toe_{side}"] = ankle + place(_turn(pitch, front, down), zeros)
        back = -sign * swing  # the right arm is back when the right foot lands
        shoulder = place(shoulder_line, sign * body.shoulder_width_m / 2)
        arm = body.upper_arm_m + body.forearm_m
        wrist = shoulder + np.stack(
            [0.35 * arm * back, -0.9 * arm * np.ones_like(back), 0.1 * arm * sign * (1 + zeros)], -1
        )
        points[f"shoulder_{side}"] = shoulder
        points[f"wrist_{side}"] = wrist
        points[f"elbow_{side}"] = _bend(shoulder, wrist, body.upper_arm_m, body.forearm_m, -1.0)
    return np.stack([points[name] for name in KEYPOINTS_3D], axis=1)


def _bend(upper, lower, first, second, sense):
    """Middle joint between two points, bent forward (+1) or backward (-1)."""
    line = lower - upper
    length = np.linalg.norm(line, axis=1, keepdims=True)
    axis = line / length
    forward = np.array([1.0, 0, 0]) - axis * axis[:, :1]
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    along = (first**2 + length**2 - second**2) / (2 * length)
    return upper + along * axis + sense * np.sqrt(np.maximum(first**2 - along**2, 0)) * forward


def _solve_leg(line, thigh, shank):
    """Absolute angles of thigh and shank (0 hanging, forward positive), knee flexed."""
    length = np.linalg.norm(line, axis=1)
    at_hip = np.arccos(np.clip((thigh**2 + length**2 - shank**2) / (2 * thigh * length), -1, 1))
    at_knee = np.pi - np.arccos(np.clip((thigh**2 + shank**2 - length**2) / (2 * thigh * shank), -1, 1))
    upper = np.arctan2(line[:, 0], -line[:, 1]) + at_hip
    return upper, upper - at_knee


def _turn(angle, x, y):
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)


def _smooth(u):
    u = np.clip(u, 0, 1)
    return u * u * (3 - 2 * u)
