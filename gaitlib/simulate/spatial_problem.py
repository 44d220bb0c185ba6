"""The walking problem in space, as elements: small functions of few variables, each used many times.

The equations of motion are written as virtual power: the residual times a virtual motion is a scalar, its
gradient by the virtual motion the residual itself (the backward half of the recursive Newton-Euler
equations), its Hessian the curvature that the solver needs. Legs, muscles and joints add up, so each is
differentiated and compiled once, with the numbers of a body as parameters; the left leg is the right one in a
mirror.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import casadi as ca
import numpy as np

from gaitlib.body.dimensions import compute_dimensions
from gaitlib.body.spatial_body import (
    COORDINATES,
    LEG,
    LUMBAR,
    MIRRORED,
    PELVIS,
    SpatialSpecification,
    build_spatial_specification,
    get_subtalar_place,
    list_muscles,
    load_spatial_muscles,
    turn_frame,
)
from gaitlib.body.specification import (
    ACTIVATION_TIME_S,
    COMPLIANT_GROUPS,
    DEACTIVATION_TIME_S,
    compute_path_coefficients,
    get_planar_group,
)
from gaitlib.body.tree import Frame, Tree, TreeBody
from gaitlib.gait import GRAVITY_MPS2, SIDES
from gaitlib.person import SPASTIC_GROUPS
from gaitlib.simulate.dynamics import (
    CONTACT_FIELDS,
    MUSCLE_FIELDS,
    PASSIVE_FIELDS,
    compute_compliant_muscle,
    compute_contact_force,
    compute_rigid_muscle,
    evaluate_polynomial,
)
from gaitlib.simulate.problem import (
    ACCELERATION_SCALE,
    ACTIVATION_RATE_SCALE,
    ANTAGONISTS,
    REFLEX_THRESHOLD,
    REFLEX_TIME_S,
    RESIDUAL_SCALE,
    TORQUE_SCALE_NM,
    WATT_PER_KG,
    compute_metabolic_power,
)
from gaitlib.simulate.request import SPATIAL_WEIGHTS, GaitRequest
from gaitlib.simulate.tree_dynamics import compute_motion, move_mass

MUSCLES = list_muscles()


def _list_parts(planar: str, side: str) -> list[str]:
    return [m for m in MUSCLES if m[-1] == side and get_planar_group(m[:-2]) == planar]


TENDONS = tuple(name for name in MUSCLES if name[:-2] in COMPLIANT_GROUPS)
REFLEXES = tuple(name for name in MUSCLES if get_planar_group(name[:-2]) in SPASTIC_GROUPS)
TIES = tuple(
    pair
    for first, second in ANTAGONISTS
    for side in SIDES
    for one in _list_parts(first, side)
    for other in _list_parts(second, side)
    for pair in ((one, other), (other, one))
)
"""Muscles that reduced selective control ties together."""
_LEG_BODIES = ("femur", "tibia", "talus", "foot", "toes")
_N_SPHERES = 6
_MIDDLE = 0.01
"""Price of the pelvis' squared distance (m) from the middle: it only says where a whole stride lies."""
_N_NUMBERS = 11
"""Of a body."""


@dataclass(frozen=True)
class Element:
    """A function used at every point: `cost` and `g` of `x`, with parameters `p`.

    Per use: `variables` name what x is, `rows` the constraints that g adds to (a leading '-' turns the sign).
    `seeds` picks the columns of the Hessian to be computed one by one where it is too large to be written
    out; the rest must follow from symmetry. `pack` makes the parameters of every use, (m, n), of a request.
    """

    name: str
    x: ca.SX
    p: ca.SX
    cost: ca.SX
    g: ca.SX
    variables: tuple[tuple[str, ...], ...]
    rows: tuple[tuple[str, ...], ...]
    pack: Callable[[GaitRequest, SpatialSpecification], np.ndarray]
    lam: ca.SX | None = None
    virtual_power: ca.SX | None = None
    seeds: tuple[int, ...] = ()
    forces: ca.SX | None = None


def build_elements(impaired: bool) -> list[Element]:
    """Build all elements of the problem; the order is that of their parameters."""
    elements = [_build_limb("leg"), _build_limb("trunk"), _build_joint(), _build_lean(), _build_torque()]
    elements += [_build_feet(), _build_activation()]
    groups = load_spatial_muscles()["muscles"]
    kinds: dict[tuple, list[str]] = {}
    for group, entry in groups.items():
        kinds.setdefault((len(entry["joints"]), group in COMPLIANT_GROUPS), []).append(group)
    elements += [_build_muscle(*kind, members) for kind, members in kinds.items()]
    if not impaired:
        return elements
    spastic = {
        kind: [name for name in members if get_planar_group(name) in SPASTIC_GROUPS]
        for kind, members in kinds.items()
    }
    return [*elements, _build_tie(), *(_build_reflex(*kind, who) for kind, who in spastic.items() if who)]


def flip(name: str) -> str:
    """The name of a variable in the mirror: coordinates across the midplane change their sign."""
    return f"-{name}" if name.partition(":")[2] in MIRRORED else name


def _name(kind: str, names) -> tuple[str, ...]:
    return tuple(f"{kind}:{name}" for name in names)


def _make_body(source: TreeBody, numbers) -> TreeBody:
    """A body whose numbers are symbols: place, mass, centre, principal moments, turn of a foot."""
    values = [numbers[i] for i in range(_N_NUMBERS)]
    turned = turn_frame(values[10], ca.cos, ca.sin) if source.name.startswith("talus") else None
    frame = Frame(turned or source.parent_frame.rotation, tuple(values[:3]))
    return replace(source, parent_frame=frame, mass_kg=values[3], com_m=tuple(values[4:7]),
                   inertia_kgm2=(*values[7:10], 0.0, 0.0, 0.0))  # fmt: skip


def _read_body(body: TreeBody, mirror: bool) -> list[float]:
    """Numbers of a body, of a left one as they are in the mirror."""
    sign = -1.0 if mirror else 1.0
    x, y, z = body.parent_frame.origin_m
    cx, cy, cz = body.com_m
    turn = math.asin(body.parent_frame.rotation[2])
    return [x, y, sign * z, body.mass_kg, cx, cy, sign * cz, *body.inertia_kgm2[:3], sign * turn]


def _build_limb(kind: str) -> Element:
    """Inertia of a leg, with the force of the ground, or of pelvis and torso."""
    from gaitlib.simulate.plan import TYPICAL_ADULT

    template = build_spatial_specification(TYPICAL_ADULT).tree
    moving = [f"{name}_r" for name in _LEG_BODIES] if kind == "leg" else ["pelvis", "torso"]
    joint = PELVIS + (tuple(f"{name}_r" for name in LEG) if kind == "leg" else LUMBAR)
    n = len(joint)
    numbers = ca.SX.sym("numbers", len(moving), _N_NUMBERS)
    bodies = [body for body in template.bodies if body.name in moving]
    symbolic = [_make_body(body, numbers[i, :]) for i, body in enumerate(bodies)]
    if kind == "leg":
        symbolic.insert(0, next(body for body in template.bodies if body.name == "pelvis"))
    tree = Tree(template.gravity_mps2, tuple(symbolic))
    q, u, s, lam = (ca.SX.sym(name, n) for name in ("q", "u", "s", "lam"))
    step, speed = ca.SX.sym("step"), ca.SX.sym("speed")
    spheres, contact = ca.SX.sym("spheres", _N_SPHERES, 5), ca.SX.sym("contact", len(CONTACT_FIELDS))
    task, smooth = ca.SX.sym("task", 7), ca.SX.sym("smooth")
    v = u / step
    v[joint.index("pelvis_tx")] += speed
    still = ca.SX(n, 1)
    motion = compute_motion(tree, q, v, s / step**2)
    virtual = compute_motion(replace(tree, gravity_mps2=(0.0, 0.0, 0.0)), q, still, lam)
    power, cost, forces = ca.SX(0), ca.SX(0), ca.SX(3, 1)
    for body in symbolic[-len(moving) :]:
        force, moment = move_mass(body, motion[body.name])
        way = virtual[body.name]
        power += ca.dot(force, way.acceleration) + ca.dot(moment, way.rate_dot)
    variables = [[*_name("q", joint), *_name("u", joint), *_name("s", joint), "step", "speed"]]
    rows, parameters = [list(joint)], [ca.vec(numbers.T), task[0]]
    if kind == "leg":
        for i in range(_N_SPHERES):
            body = "foot_r" if i < 4 else "toes_r"
            force, way, lost = _touch(motion[body], virtual[body], spheres[i, :], contact, smooth)
            power -= ca.dot(force, way)
            cost += task[1] * lost[0] + task[2] * lost[1]
            forces += force
        cost += task[3] * _drag(motion["foot_r"], task, speed)
        variables.append([name[:-2] + "_l" if name.endswith("_r") else flip(name) for name in variables[0]])
        rows.append([flip_row(name) for name in rows[0]])
        parameters = [ca.vec(numbers.T), ca.vec(spheres.T), contact, task, smooth]
    power *= task[0]

    def pack(request, specification) -> np.ndarray:
        named = {body.name: body for body in specification.tree.bodies}
        scale = 1 / (RESIDUAL_SCALE * specification.torque_scale)
        if kind == "trunk":
            return np.array([[*np.ravel([_read_body(named[name], False) for name in moving]), scale]])
        return np.array([_pack_leg(request, specification, named, side, scale) for side in SIDES])

    used = [i for i in range(n) if joint[i] not in ("pelvis_tx", "pelvis_tz")]
    if kind == "trunk":
        used = [i for i in used if joint[i] != "pelvis_ty"]
    seeds = [*used, *range(n, 2 * n), 3 * n, 3 * n + 1]
    return Element(
        name=kind,
        x=ca.vertcat(q, u, s, step, speed),
        p=ca.vertcat(*parameters),
        cost=cost,
        g=ca.gradient(power, lam),
        variables=tuple(map(tuple, variables)),
        rows=tuple(map(tuple, rows)),
        pack=pack,
        lam=lam,
        virtual_power=power,
        seeds=tuple(seeds),
        forces=forces,
    )


def flip_row(name: str) -> str:
    """The equation of motion of the other side that stands for a coordinate of the right in the mirror."""
    name = name[:-2] + "_l" if name.endswith("_r") else name
    return f"-{name}" if name in MIRRORED else name


def _pack_leg(request, specification, named, side: str, scale: float) -> list[float]:
    mirror = side == "l"
    sign = -1.0 if mirror else 1.0
    bodies = [_read_body(named[f"{name}_{side}"], mirror) for name in _LEG_BODIES]
    spheres = [
        (x, y, sign * z, sphere.radius_m, sphere.share)
        for sphere in specification.spheres
        if sphere.name.endswith(side)
        for x, y, z in [sphere.location_m]
    ]
    d, weights = compute_dimensions(request.person), request.weights
    slowness = np.sqrt(0.2 * GRAVITY_MPS2 * specification.leg_length_m) / request.speed_mps
    lost = slowness**3 / np.sqrt(1 + (slowness / 1.5) ** 6) / specification.mass_kg / WATT_PER_KG
    x, y, _ = get_subtalar_place(d, "r")
    forward, down = d.mtp_ahead_of_ankle_m + d.toe_ahead_of_mtp_m - x, d.ankle_height_m + y
    reach = 0.01 * (d.thigh_m + d.shank_m + d.ankle_height_m)
    contact = [getattr(specification.contact, name) for name in CONTACT_FIELDS]
    task = [scale, weights.impact * lost, weights.scuff * lost, weights.clearance, forward, down, reach]
    return [*np.ravel(bodies), *np.ravel(spheres), *contact, *task, 0.0]


def _touch(own, way, sphere, contact, smooth):
    """Force of the ground on a sphere, virtual way of its point, power lost in material and friction."""
    offset = own.rotation @ ca.vertcat(sphere[0], sphere[1], sphere[2])
    penetration = sphere[3] - own.origin[1] - offset[1]
    arm = offset + ca.vertcat(0, -sphere[3] + 0.5 * penetration, 0)
    velocity = own.velocity + ca.cross(own.rotation @ own.rate, arm)
    slip = ca.vertcat(velocity[0], velocity[2])
    normal, friction = compute_contact_force(penetration, -velocity[1], slip, sphere[3], contact, smooth)
    normal, friction = sphere[4] * normal, sphere[4] * friction
    elastic = normal / (1 + 1.5 * contact[1] * -velocity[1])
    lost = elastic * 1.5 * contact[1] * velocity[1] ** 2, -ca.dot(friction, slip)
    moved = own.rotation @ (way.acceleration + ca.cross(way.rate_dot, own.rotation.T @ arm))
    return ca.vertcat(friction[0], normal, friction[1]), moved, lost


def _drag(own, task, speed):
    """Squared forward speed of the toe tip near the floor, over squared walking speed."""
    offset = own.rotation @ ca.vertcat(task[4], -task[5], 0)
    velocity = own.velocity + ca.cross(own.rotation @ own.rate, offset)
    return (velocity[0] / speed) ** 2 * ca.exp(-(own.origin[1] + offset[1]) / task[6])


def _build_joint() -> Element:
    """Passive torque of a joint, the cost of it, of acceleration and of posture."""
    q, u, s, step = (ca.SX.sym(name) for name in ("q", "u", "s", "step"))
    p = ca.SX.sym("p", len(PASSIVE_FIELDS) + 5)
    stop, rate, lower, upper, stiffness, neutral, damping, scale, w_pull, w_swift, w_held, target = (
        p[i] for i in range(12)
    )
    torque = stop * ca.exp(-rate * (q - lower)) - stop * ca.exp(rate * (q - upper))
    torque += -stiffness * (q - neutral) - damping * u / step
    cost = w_pull * torque**2 + w_swift * (s / step**2) ** 2 + w_held * (q - target) ** 2
    variables = tuple((f"q:{name}", f"u:{name}", f"s:{name}", "step") for name in COORDINATES)
    rows = tuple((name,) for name in COORDINATES)

    def pack(request, specification) -> np.ndarray:
        w, passive = request.weights, {torque.coordinate: torque for torque in specification.passive}
        swift = {"pelvis_tilt": w.tilt_acceleration, "pelvis_ty": w.vertical, "pelvis_tx": 0.0}
        swift |= {"pelvis_list": SPATIAL_WEIGHTS.list_acceleration}
        swift |= {"pelvis_rotation": SPATIAL_WEIGHTS.turn_acceleration}
        swift |= {"pelvis_tz": SPATIAL_WEIGHTS.side_acceleration}
        held = {"pelvis_list": (SPATIAL_WEIGHTS.pelvis_list, 0.0)}
        held |= {"pelvis_tz": (_MIDDLE, 0.0)}
        small = w.amplitude * request.impairment.bradykinesia  # a wide turn is a wide movement too
        held |= {"pelvis_rotation": (SPATIAL_WEIGHTS.pelvis_turn + small, 0.0)}
        held |= {"pelvis_tilt": (w.tilt, -np.radians(request.impairment.tilt_deg + request.structure.tilt))}
        size = TORQUE_SCALE_NM * specification.torque_scale
        values = []
        for name in COORDINATES:
            kind = name[:-2] if name[-2:] in ("_r", "_l") else name
            more = w.hip_acceleration if kind.startswith("hip") else 0.0
            more += w.knee_acceleration if kind == "knee_angle" else 0.0
            torque = passive.get(name)
            numbers = [getattr(torque, field) for field in PASSIVE_FIELDS] if torque else [0.0] * 7
            priced = w.passive / size**2 if kind[:3] in ("hip", "kne", "ank", "lum", "sub") else 0.0
            fast = swift.get(name, w.acceleration + more) / ACCELERATION_SCALE**2
            scale = 1 / (RESIDUAL_SCALE * specification.torque_scale)
            values.append([*numbers, scale, priced, fast, *held.get(name, (0.0, 0.0))])
        return np.array(values)

    return Element("joint", ca.vertcat(q, u, s, step), p, cost, -scale * torque, variables, rows, pack)


def _build_lean() -> Element:
    """Cost of a trunk that is not upright, and to the slowed of thighs apart."""
    q, p = ca.SX.sym("q", 2), ca.SX.sym("p", 3)
    pairs = (("pelvis_tilt", LUMBAR[0]), ("pelvis_list", LUMBAR[1]), ("pelvis_rotation", LUMBAR[2]))
    pairs += (("hip_flexion_r", "hip_flexion_l"),)

    def pack(request, specification) -> np.ndarray:
        lean = -np.radians(request.impairment.stoop_deg + request.structure.lean)
        apart = request.weights.amplitude * request.impairment.bradykinesia
        weights = request.weights.trunk_lean, SPATIAL_WEIGHTS.bending, SPATIAL_WEIGHTS.turning, apart
        return np.array([weights, (lean, 0.0, 0.0, 0.0), (1.0, 1.0, 1.0, -1.0)]).T

    variables = tuple(_name("q", pair) for pair in pairs)
    cost = p[0] * (q[0] + p[2] * q[1] - p[1]) ** 2
    return Element("lean", q, p, cost, ca.SX(0, 1), variables, ((),) * len(pairs), pack)


def _build_torque() -> Element:
    """Torque of the trunk, over 20 N m times body scale."""
    x, p = ca.SX.sym("torque"), ca.SX.sym("p")
    variables = tuple((f"torque:{name}",) for name in LUMBAR)
    rows = tuple((name,) for name in LUMBAR)

    def pack(request, specification) -> np.ndarray:
        return np.full((3, 1), request.weights.trunk_torque)

    return Element("torque", x, p, p * x**2, -TORQUE_SCALE_NM / RESIDUAL_SCALE * x, variables, rows, pack)


def _build_feet() -> Element:
    """Cost of ankles that come nearer to each other than feet can."""
    names = PELVIS[:3] + tuple(f"{name}_{side}" for side in SIDES for name in LEG[:4])
    q, p = ca.SX.sym("q", len(names)), ca.SX.sym("p", 5)
    from gaitlib.simulate.plan import TYPICAL_ADULT

    template = build_spatial_specification(TYPICAL_ADULT).tree
    places = {"femur_r": (0, 0, p[0]), "femur_l": (0, 0, -p[0])}
    places |= {f"tibia_{side}": (0, -p[1], 0) for side in SIDES} | {
        f"talus_{side}": (0, -p[2], 0) for side in SIDES
    }
    bodies = tuple(
        replace(body, parent_frame=Frame(body.parent_frame.rotation, places[body.name]))
        if body.name in places
        else body
        for body in template.bodies
        if body.name in places or body.name == "pelvis"
    )
    tree = Tree((0.0, 0.0, 0.0), bodies)
    every = ca.vertcat(*[q[names.index(c)] if c in names else 0 for c in tree.coordinate_names])
    still = ca.SX(every.numel(), 1)
    motion = compute_motion(tree, every, still, still)
    apart = motion["talus_r"].origin[2] - motion["talus_l"].origin[2]

    def pack(request, specification) -> np.ndarray:
        d = compute_dimensions(request.person)
        wide = SPATIAL_WEIGHTS.wide_base_m * request.impairment.balance_margin
        near = (SPATIAL_WEIGHTS.separation_m + wide) * d.height_m / 1.7
        return np.array([[d.hip_width_m / 2, d.thigh_m, d.shank_m, SPATIAL_WEIGHTS.separation, near]])

    cost = p[3] * ca.exp((p[4] - apart) / 0.01)
    return Element("feet", q, p, cost, ca.SX(0, 1), (_name("q", names),), ((),), pack)


def _build_activation() -> Element:
    """How fast an activation may change, and the cost of it."""
    now, later, step = (ca.SX.sym(name) for name in ("now", "later", "step"))
    p = ca.SX.sym("p", 3)
    rate, middle = (later - now) / step, (later + now) / 2
    slow = p[1] * rate
    g = ca.vertcat(slow * DEACTIVATION_TIME_S + middle, slow * ACTIVATION_TIME_S + middle - p[2])
    cost = p[0] * (rate / ACTIVATION_RATE_SCALE) ** 2
    variables = tuple((f"act:{name}", f"next:{name}", "step") for name in MUSCLES)
    rows = tuple((f"fall:{name}", f"rise:{name}") for name in MUSCLES)

    def pack(request, specification) -> np.ndarray:
        slowed = request.impairment.bradykinesia
        numbers = [request.weights.activation_rate, 1 + 2 * slowed, 1 - 0.6 * slowed]
        return np.tile(numbers, (len(MUSCLES), 1))

    return Element("activation", ca.vertcat(now, later, step), p, cost, g, variables, rows, pack)


def _build_muscle(n: int, compliant: bool, groups: list[str]) -> Element:
    """Force of a muscle that spans n joints, and the cost of it."""
    table, prices = load_spatial_muscles()["muscles"], ca.SX.sym("prices", 3)
    x, own, coefficients, slope, state = _make_muscle(n, compliant, groups)
    act = x[2 * n + 1]
    g = prices[0] * state["force"] * slope
    if compliant:
        g = ca.vertcat(g, state["residual"])
    cost = prices[1] * act**2 + prices[2] * compute_metabolic_power(act, state["fiber_speed"], own)
    names = [f"{group}_{side}" for side in SIDES for group in groups]
    variables, rows = [_name_muscle(name, compliant) for name in names], []
    for name in names:
        joints = [f"{joint}_{name[-1]}" for joint in table[name[:-2]]["joints"]]
        rows.append((*joints, f"tendon:{name}") if compliant else tuple(joints))

    def pack(request, specification) -> np.ndarray:
        named = {muscle.name: muscle for muscle in specification.muscles}
        values = []
        for name in names:
            effort = _weigh_effort(request, name[:-2])
            dear = effort * request.weights.minetti / specification.mass_kg / WATT_PER_KG
            scale = 1 / (RESIDUAL_SCALE * specification.torque_scale)
            numbers = [getattr(named[name], field) for field in MUSCLE_FIELDS]
            prices = [scale, _weigh_share(name[:-2]) * effort * request.weights.activation, dear]
            path = compute_path_coefficients(named[name], table[name[:-2]])
            values.append([*numbers, *prices, *path])
        return np.array(values)

    p = ca.vertcat(own.T, prices, coefficients)
    kind = f"muscle_{n}{'_elastic' if compliant else ''}"
    return Element(kind, x, p, cost, g, tuple(variables), tuple(rows), pack)


def _make_muscle(n: int, compliant: bool, groups: list[str]):
    """Variables, numbers and state of a muscle that spans n joints, and how its length follows them."""
    exponents = load_spatial_muscles()["muscles"][groups[0]]["exponents"]
    q, u, step, act = ca.SX.sym("q", n), ca.SX.sym("u", n), ca.SX.sym("step"), ca.SX.sym("act")
    own, coefficients = ca.SX.sym("own", 1, len(MUSCLE_FIELDS)), ca.SX.sym("coefficients", len(exponents))
    length = own[4] * evaluate_polynomial(q, exponents, [coefficients[i] for i in range(len(exponents))])
    slope = ca.gradient(length, q)
    speed, x = ca.dot(slope, u) / step, ca.vertcat(q, u, step, act)
    if not compliant:
        return x, own, coefficients, slope, compute_rigid_muscle(act, length, speed, own)
    tendon, tendon_rate = ca.SX.sym("tendon"), ca.SX.sym("tendon_rate")
    state = compute_compliant_muscle(act, length, speed, tendon, tendon_rate / step, own)
    return ca.vertcat(x, tendon, tendon_rate), own, coefficients, slope, state


def _name_muscle(name: str, compliant: bool) -> tuple[str, ...]:
    joints = [f"{joint}_{name[-1]}" for joint in load_spatial_muscles()["muscles"][name[:-2]]["joints"]]
    ends = [f"pull:{name}", f"rate:{name}"] if compliant else []
    return (*_name("q", joints), *_name("u", joints), "step", f"act:{name}", *ends)


def _build_reflex(n: int, compliant: bool, groups: list[str]) -> Element:
    """Stretch reflex of a muscle that spans n joints: it follows the stretch with a lag; the muscle is no
    less active.
    """
    table, gain = load_spatial_muscles()["muscles"], ca.SX.sym("gain")
    x, own, coefficients, _, state = _make_muscle(n, compliant, groups)
    now, former = ca.SX.sym("now"), ca.SX.sym("former")
    stretch = state["fiber_speed"] - REFLEX_THRESHOLD
    wanted = gain * 0.5 * (stretch + ca.sqrt(stretch**2 + 0.01))
    g = ca.vertcat(REFLEX_TIME_S * (now - former) / x[2 * n] + now - wanted, x[2 * n + 1] - now)
    names = [f"{group}_{side}" for side in SIDES for group in groups]
    variables = tuple((*_name_muscle(m, compliant), f"reflex:{m}", f"former reflex:{m}") for m in names)
    rows = tuple((f"stretch:{name}", f"fall above:{name}") for name in names)

    def pack(request, specification) -> np.ndarray:
        named, values = {muscle.name: muscle for muscle in specification.muscles}, []
        for name in names:
            numbers = [getattr(named[name], field) for field in MUSCLE_FIELDS]
            reflex = request.impairment.get("spasticity", get_planar_group(name[:-2]), name[-1])
            values.append([*numbers, reflex, *compute_path_coefficients(named[name], table[name[:-2]])])
        return np.array(values)

    x, p = ca.vertcat(x, now, former), ca.vertcat(own.T, gain, coefficients)
    kind = f"reflex_{n}{'_elastic' if compliant else ''}"
    return Element(kind, x, p, ca.SX(0), g, variables, rows, pack)


def _build_tie() -> Element:
    """A muscle that is at least as active as a share of its antagonist."""
    x, p = ca.SX.sym("x", 2), ca.SX.sym("p")
    variables = tuple(_name("act", pair) for pair in TIES)
    rows = tuple((f"fall tie:{first}:{second}",) for first, second in TIES)

    def pack(request, specification) -> np.ndarray:
        return np.full((len(TIES), 1), request.impairment.coactivation)

    return Element("tie", x, p, ca.SX(0), x[0] - p * x[1], variables, rows, pack)


def _weigh_effort(request: GaitRequest, group: str) -> float:
    planar = get_planar_group(group)
    return getattr(request.weights, f"effort_{planar}") if planar else 1.0


def _weigh_share(group: str) -> float:
    """Squared activation of a part of a planar group counts by its share of the group's force."""
    planar, table = get_planar_group(group), load_spatial_muscles()["muscles"]
    if planar is None:
        return SPATIAL_WEIGHTS.other_effort
    parts = [
        entry["max_isometric_force_n"] for name, entry in table.items() if get_planar_group(name) == planar
    ]
    return table[group]["max_isometric_force_n"] / sum(parts)
