"""What the tests of trees of bodies run in worker processes, where CasADi or OpenSim may be imported."""

from __future__ import annotations

import numpy as np


def read(path: str):
    """Read a tree."""
    from tree_reader import read_tree

    return read_tree(path)


def write_joint_model(path: str) -> None:
    """Write a model with one joint of every supported kind and of every supported function."""
    import opensim

    model = opensim.Model()
    model.setName("every_joint")
    parent = model.getGround()
    kinds = ("Free", "Ball", "Gimbal", "Universal", "Planar", "Slider", "Pin", "Weld")
    rng = np.random.default_rng(4)
    for kind in kinds:
        parent = _add(opensim, model, parent, kind, rng, getattr(opensim, f"{kind}Joint"))
    transform = opensim.SpatialTransform()
    spline = opensim.SimmSpline()
    line = opensim.PiecewiseLinearFunction()
    for x, y in ((-1.0, 0.3), (0.0, 0.1), (0.7, 0.4), (1.5, -0.2)):
        spline.addPoint(x, y)
        line.addPoint(x, y)
    coefficients = opensim.Vector(3, 0.0)
    for i, value in enumerate((0.2, -0.5, 0.1)):
        coefficients.set(i, value)
    names = opensim.ArrayStr("bend", 1)
    functions = {
        "rotation1": opensim.LinearFunction(-1.0, 0.2),
        "translation1": opensim.MultiplierFunction(_release(opensim.PolynomialFunction(coefficients)), 1.5),
        "translation2": spline,
        "translation3": line,
    }
    for part, function in functions.items():
        axis = getattr(transform, f"upd_{part}")()
        axis.setCoordinateNames(names)
        axis.setFunction(_release(function))
    _add(opensim, model, parent, "Custom", rng, opensim.CustomJoint, transform)
    model.finalizeConnections()
    model.printToXML(path)


def _release(function):
    """Leave a function to the C++ object that takes it over."""
    function.this.disown()
    return function


def _add(opensim, model, parent, kind: str, rng, joint_class, *more):
    principal = rng.uniform(0.05, 0.1, 3)
    body = opensim.Body(
        kind.lower(), rng.uniform(1, 5), opensim.Vec3(*rng.uniform(-0.2, 0.2, 3)), opensim.Inertia(*principal)
    )
    model.addBody(body)
    frames = [opensim.Vec3(*rng.uniform(-0.5, 0.5, 3)) for _ in range(4)]
    joint = joint_class(f"{kind}_joint", parent, frames[0], frames[1], body, frames[2], frames[3], *more)
    model.addJoint(joint)
    return body


def compute_by_opensim(path: str, n: int, seed: int, still: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """Inverse dynamics of OpenSim at random states, and its mechanical power by differencing energy."""
    import opensim
    from tree_reader import read_tree

    opensim.Logger.setLevelString("Off")
    names = read_tree(path).coordinate_names
    model = opensim.Model(path)
    state = model.initSystem()
    for part in model.getComponentsList():
        force = opensim.Force.safeDownCast(part)
        if force is not None:
            force.setAppliesForce(state, False)
    coordinates = [model.getCoordinateSet().get(name) for name in names]
    columns = []
    for coordinate in coordinates:
        coordinate.setLocked(state, False)
    for coordinate in coordinates:
        coordinate.setSpeedValue(state, 1.0)
        columns.append(int(np.argmax(np.abs(state.getU().to_numpy()))))
        coordinate.setSpeedValue(state, 0.0)
    rng = np.random.default_rng(seed)
    q, u, udot = (rng.normal(0, size, (n, len(names))) for size in (0.5, 2.0, 20.0))
    u[:, [names.index(name) for name in still]] = 0.0
    solver = opensim.InverseDynamicsSolver(model)
    rates = opensim.Vector(len(names), 0.0)
    tau, power = np.zeros_like(q), np.zeros(n)

    def put(position, speed) -> None:
        for coordinate, value, rate in zip(coordinates, position, speed, strict=True):
            coordinate.setValue(state, float(value), False)
            coordinate.setSpeedValue(state, float(rate))

    def compute_energy(position, speed) -> float:
        put(position, speed)
        model.realizeVelocity(state)
        height = -np.dot(model.calcMassCenterPosition(state).to_numpy(), model.getGravity().to_numpy())
        return model.calcKineticEnergy(state) + model.getTotalMass(state) * height

    for k in range(n):
        put(q[k], u[k])
        for i, column in enumerate(columns):
            rates.set(column, float(udot[k, i]))
        tau[k] = solver.solve(state, rates).to_numpy()[columns]
        steps = np.array([-2, -1, 1, 2]) * 1e-5
        energy = [compute_energy(q[k] + h * u[k] + h**2 / 2 * udot[k], u[k] + h * udot[k]) for h in steps]
        power[k] = np.dot(energy, [1, -8, 8, -1]) / 12e-5
    return {"q": q, "u": u, "udot": udot, "tau": tau, "power": power}


def compute_by_engine(tree, q, u, udot) -> np.ndarray:
    """Inverse dynamics generated from a tree."""
    from tree_forces import evaluate_inverse_dynamics

    return evaluate_inverse_dynamics(tree, q, u, udot)


def compute_reduced(tree, q, u, udot) -> np.ndarray:
    """Inverse dynamics in the coordinates that move on their own."""
    from tree_forces import build_reduced_inverse_dynamics

    return np.array(build_reduced_inverse_dynamics(tree)(q.T, u.T, udot.T)).T


def write_planar_model(path: str, request) -> None:
    """Write the model of a person."""
    from gaitlib.body.opensim_model import write_model

    write_model(request.specification, path)


def write_spatial_model(path: str, specification) -> None:
    """Write the model of a person in space."""
    from gaitlib.body.opensim_model import build_spatial_model

    build_spatial_model(specification).printToXML(path)


def write_broken_model(path: str, fault: str) -> None:
    """Write a model that has a joint, a function or a constraint that no tree of numbers can hold."""
    import opensim

    model = opensim.Model()
    body = opensim.Body("arm", 1.0, opensim.Vec3(0), opensim.Inertia(0.1, 0.1, 0.1))
    model.addBody(body)
    if fault == "joint":
        joint = opensim.EllipsoidJoint("shoulder", model.getGround(), body, opensim.Vec3(0.1, 0.2, 0.3))
    elif fault == "function":
        transform = opensim.SpatialTransform()
        axis = transform.upd_rotation1()
        axis.setCoordinateNames(opensim.ArrayStr("bend", 1))
        axis.setFunction(_release(opensim.Sine(1.0, 1.0, 0.0)))
        joint = opensim.CustomJoint("shoulder", model.getGround(), body, transform)
    else:
        joint = opensim.PinJoint("shoulder", model.getGround(), body)
        model.addConstraint(
            opensim.PointConstraint(model.getGround(), opensim.Vec3(0), body, opensim.Vec3(0))
        )
        model.updConstraintSet().get(0).setName("shoulder")
    model.addJoint(joint)
    model.finalizeConnections()
    model.printToXML(path)


def write_pendulum(path: str, length_m: float, mass_kg: float, gyration_m: float) -> None:
    """Write a pendulum that swings about z."""
    import opensim

    model = opensim.Model()
    moment = mass_kg * gyration_m**2
    bob = opensim.Body("bob", mass_kg, opensim.Vec3(0, -length_m, 0), opensim.Inertia(moment, moment, moment))
    model.addBody(bob)
    joint = opensim.PinJoint("pivot", model.getGround(), bob)
    joint.updCoordinate().setName("swing")
    model.addJoint(joint)
    model.finalizeConnections()
    model.printToXML(path)


def swing_freely(tree, q0: np.ndarray, u0: np.ndarray, step_s: float, n_steps: int) -> tuple:
    """Let a tree move on its own (fourth-order Runge-Kutta): coordinates, kinetic energy, work of gravity."""
    import casadi as ca
    from tree_forces import build_inverse_dynamics

    inverse = build_inverse_dynamics(tree)
    n = len(tree.coordinates)
    q, u = ca.SX.sym("q", n), ca.SX.sym("u", n)
    bias, gravity = inverse(q, u, ca.SX.zeros(n)), inverse(q, ca.SX.zeros(n), ca.SX.zeros(n))
    columns = [inverse(q, ca.SX.zeros(n), ca.SX.eye(n)[:, i]) - gravity for i in range(n)]
    mass = ca.horzcat(*columns)
    rates = ca.vertcat(u, ca.solve(mass, -bias), -ca.dot(gravity, u))
    f = ca.Function("f", [q, u], [rates])
    energy = ca.Function("energy", [q, u], [0.5 * ca.dot(u, mass @ u)])
    state, path = np.concatenate([q0, u0, [0.0]]), []
    for _ in range(n_steps + 1):
        path.append([*state, float(energy(state[:n], state[n : 2 * n]))])
        k = [np.array(f(state[:n], state[n : 2 * n])).ravel()]
        for share in (0.5, 0.5, 1.0):
            moved = state + share * step_s * k[-1]
            k.append(np.array(f(moved[:n], moved[n : 2 * n])).ravel())
        state = state + step_s / 6 * (k[0] + 2 * k[1] + 2 * k[2] + k[3])
    path = np.array(path)
    return path[:, :n], path[:, -1], path[:, -2]


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


def load_bodies(tree, q: np.ndarray, load: np.ndarray, offset: np.ndarray) -> dict[str, tuple]:
    """Per body: forces that a load at a point of it spares, and minus its virtual work (by differences)."""
    import casadi as ca
    from tree_forces import compute_forces

    from gaitlib.simulate.tree_dynamics import compute_motion

    n = len(tree.coordinates)
    x, still = ca.SX.sym("x", n), ca.SX.zeros(n)
    motion = compute_motion(tree, x, still, still)
    alone = compute_forces(tree, motion)
    found = {}
    for body in tree.bodies:
        own = motion[body.name]
        point = own.origin + own.rotation @ ca.SX(offset)
        loaded = compute_forces(tree, motion, {body.name: [(ca.SX(load), point)]})
        spared = ca.Function("spared", [x], [loaded - alone, point])
        steps = [np.array(spared(q + 1e-6 * row)[1]).ravel() for row in np.eye(n)]
        back = [np.array(spared(q - 1e-6 * row)[1]).ravel() for row in np.eye(n)]
        slope = (np.array(steps) - np.array(back)) / 2e-6
        found[body.name] = (np.array(spared(q)[0]).ravel(), -slope @ load)
    return found


def compute_with_symbols(tree, q, u, udot) -> np.ndarray:
    """Inverse dynamics generated with symbols in place of masses, centres and inertias."""
    import dataclasses

    import casadi as ca
    from tree_forces import build_inverse_dynamics, compute_forces

    from gaitlib.simulate.tree_dynamics import compute_motion

    numbers = ca.SX.sym("numbers", len(tree.bodies), 10)
    bodies = tuple(
        dataclasses.replace(
            body,
            mass_kg=numbers[i, 0],
            com_m=tuple(numbers[i, 1 + k] for k in range(3)),
            inertia_kgm2=tuple(numbers[i, 4 + k] for k in range(6)),
        )
        for i, body in enumerate(tree.bodies)
    )
    symbolic = dataclasses.replace(tree, bodies=bodies)
    names = build_inverse_dynamics(tree).sx_in()
    tau = compute_forces(symbolic, compute_motion(symbolic, *names))
    values = np.array([[b.mass_kg, *b.com_m, *b.inertia_kgm2] for b in tree.bodies])
    function = ca.Function("tau", [*names, numbers], [tau])
    return np.array([np.array(function(*row, values)).ravel() for row in zip(q, u, udot, strict=True)])


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
