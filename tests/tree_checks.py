"""What the tests of trees of bodies run in worker processes, where CasADi or OpenSim may be imported."""

from __future__ import annotations

import dataclasses

import numpy as np


def compute_by_opensim(specification, names: tuple[str, ...], n: int, seed: int) -> dict[str, np.ndarray]:
    """Inverse dynamics of OpenSim at random states of a person in space, without forces."""
    import opensim

    from gaitlib.body.opensim_model import build_spatial_model, find_speed_columns

    model = build_spatial_model(specification)
    state = model.initSystem()
    for part in model.getComponentsList():
        force = opensim.Force.safeDownCast(part)
        if force is not None:
            force.setAppliesForce(state, False)
    coordinates = [model.getCoordinateSet().get(name) for name in names]
    columns = find_speed_columns(model, state, names)
    rng = np.random.default_rng(seed)
    q, u, udot = (rng.normal(0, size, (n, len(names))) for size in (0.5, 2.0, 20.0))
    solver = opensim.InverseDynamicsSolver(model)
    rates = opensim.Vector(len(names), 0.0)
    tau = np.zeros_like(q)
    for k in range(n):
        for coordinate, value, rate in zip(coordinates, q[k], u[k], strict=True):
            coordinate.setValue(state, float(value), False)
            coordinate.setSpeedValue(state, float(rate))
        for i, column in enumerate(columns):
            rates.set(column, float(udot[k, i]))
        tau[k] = solver.solve(state, rates).to_numpy()[columns]
    return {"q": q, "u": u, "udot": udot, "tau": tau}


def build_inverse_dynamics(tree):
    """Symbols q, u, udot and the forces that the motion needs, by virtual power as the engine takes them."""
    import casadi as ca

    from gaitlib.simulate.tree_dynamics import compute_motion, move_mass

    q, u, udot, virtual = (ca.SX.sym(name, len(tree.coordinate_names)) for name in "quav")
    motion = compute_motion(tree, q, u, udot)
    ways = compute_motion(dataclasses.replace(tree, gravity_mps2=(0.0, 0.0, 0.0)), q, 0 * q, virtual)
    power = 0
    for body in tree.bodies:
        force, moment = move_mass(body, motion[body.name])
        power += ca.dot(force, ways[body.name].acceleration) + ca.dot(moment, ways[body.name].rate_dot)
    return (q, u, udot), ca.gradient(power, virtual)


def compute_by_engine(tree, q, u, udot) -> np.ndarray:
    """Inverse dynamics generated from a tree."""
    import casadi as ca

    symbols, tau = build_inverse_dynamics(tree)
    return np.array(ca.Function("tau", symbols, [tau])(q.T, u.T, udot.T)).T


def swing_freely(tree, q0: np.ndarray, u0: np.ndarray, step_s: float, n_steps: int) -> tuple:
    """Let a tree move on its own (fourth-order Runge-Kutta): coordinates, kinetic energy, work of gravity."""
    import casadi as ca

    (q, u, udot), tau = build_inverse_dynamics(tree)
    n = len(tree.coordinate_names)
    bias, mass = ca.substitute(tau, udot, 0 * udot), ca.jacobian(tau, udot)
    gravity = ca.substitute(bias, u, 0 * u)
    g = ca.Function("g", [q, u], [bias, mass, gravity])
    energy, path, state = [], [], np.concatenate([q0, u0, [0.0]])

    def move(state):
        bias, mass, gravity = (np.array(part) for part in g(state[:n], state[n : 2 * n]))
        speed = state[n : 2 * n]
        return np.concatenate([speed, np.linalg.solve(mass, -bias.ravel()), [-gravity.ravel() @ speed]])

    for _ in range(n_steps + 1):
        speed = state[n : 2 * n]
        path.append(state)
        energy.append(0.5 * speed @ np.array(g(state[:n], speed)[1]) @ speed)
        k = [move(state)]
        for share in (0.5, 0.5, 1.0):
            k.append(move(state + share * step_s * k[-1]))
        state = state + step_s / 6 * (k[0] + 2 * k[1] + 2 * k[2] + k[3])
    path = np.array(path)
    return path[:, :n], np.array(energy), path[:, -1]


def stand(request, heights_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertical force that is missing in OpenSim, and force of the ground, standing still at given heights."""
    import opensim

    from gaitlib.body.opensim_model import build_model

    model = build_model(request.specification)
    state = model.initSystem()
    forces = [model.getForceSet().get(i) for i in range(model.getForceSet().getSize())]
    contacts = [opensim.SmoothSphereHalfSpaceForce.safeDownCast(force) for force in forces]
    for force, contact in zip(forces, contacts, strict=True):
        force.setAppliesForce(state, contact is not None)
    height = model.getCoordinateSet().get("pelvis_ty")
    height.setSpeedValue(state, 1.0)
    column = int(np.argmax(state.getU().to_numpy()))
    height.setSpeedValue(state, 0.0)
    solver = opensim.InverseDynamicsSolver(model)
    missing, ground = np.zeros((2, len(heights_m)))
    for n, value in enumerate(heights_m):
        height.setValue(state, float(value))
        missing[n] = solver.solve(state).to_numpy()[column]
        ground[n] = sum(contact.getRecordValues(state).get(1) for contact in contacts if contact is not None)
    return missing, ground


def place_by_engine(tree, q):
    """Rotation and origin of every body in the ground at these coordinates."""
    import casadi as ca

    from gaitlib.simulate.tree_dynamics import compute_motion

    x = ca.SX.sym("q", q.shape[1])
    motion = compute_motion(tree, x, 0 * x, 0 * x)
    placed = {}
    for body in tree.bodies:
        own = motion[body.name]
        f = ca.Function("place", [x], [ca.densify(own.rotation), ca.densify(own.origin)])
        found = [[np.array(part) for part in f(row)] for row in q]
        placed[body.name] = np.array([r for r, _ in found]), np.array([o.ravel() for _, o in found])
    return placed
