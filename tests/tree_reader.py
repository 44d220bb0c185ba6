"""Read any OpenSim tree model into plain numbers (imports OpenSim: keep it away from CasADi)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import opensim

from gaitlib.body.tree import Axis, Curve, Frame, Tree, TreeBody, TreeCoordinate
from gaitlib.errors import InputError

_X, _Y, _Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
_IDENTITY = Curve("polynomial", (1.0, 0.0))
_TURNS = {
    "PinJoint": (_Z,),
    "UniversalJoint": (_X, _Y),
    "GimbalJoint": (_X, _Y, _Z),
    "BallJoint": (_X, _Y, _Z),
    "FreeJoint": (_X, _Y, _Z),
    "PlanarJoint": (_Z,),
    "SliderJoint": (),
    "WeldJoint": (),
}
_SHIFTS = {"FreeJoint": (_X, _Y, _Z), "PlanarJoint": (_X, _Y), "SliderJoint": (_X,)}
_TURNING_SPEEDS = ("BallJoint", "FreeJoint")


def read_tree(path: str | Path) -> Tree:
    """Read an OpenSim model file."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path.name}: no such file; expected an OpenSim model (.osim).")
    opensim.Logger.setLevelString("Off")
    try:
        model = opensim.Model(str(path))
        model.initSystem()
    except Exception:  # SWIG turns every C++ exception into RuntimeError or worse
        raise InputError(
            f"{path.name}: OpenSim cannot read it; expected an OpenSim model (.osim) that opens in OpenSim 4."
        ) from None
    return convert_model(model, path.name)


def convert_model(model: opensim.Model, where: str = "model") -> Tree:
    """Convert an OpenSim model in memory."""
    joints = model.getJointSet()
    if joints.getSize() == 0:
        raise InputError(f"{where}: has no joints; expected an OpenSim model of jointed bodies.")
    waiting = [_read_body(joints.get(i), where) for i in range(joints.getSize())]
    names = [body.name for body in waiting]
    for body in waiting:
        if names.count(body.name) > 1:
            raise InputError(
                f"{where}: joint '{body.joint}' closes a loop at body '{body.name}'; expected a tree, in "
                "which every body is the child of one joint."
            )
    bodies, known = [], {"ground"}
    while waiting:
        ready = [body for body in waiting if body.parent in known]
        if not ready:
            raise InputError(
                f"{where}: joint '{waiting[0].joint}' hangs on body '{waiting[0].parent}', which no chain of "
                "joints connects to the ground; expected parents nearer to the ground than children."
            )
        bodies += ready
        known |= {body.name for body in ready}
        waiting = [body for body in waiting if body.name not in known]
    followers = _read_couplers(model, where)
    coordinates = [_read_coordinate(model, name, followers) for body in bodies for name in body.coordinates]
    gravity = tuple(model.getGravity().to_numpy().tolist())
    return Tree(model.getName(), gravity, tuple(bodies), tuple(coordinates))


def _read_body(joint, where: str) -> TreeBody:
    kind, name = joint.getConcreteClassName(), joint.getName()
    coordinates = tuple(joint.get_coordinates(i).getName() for i in range(joint.numCoordinates()))
    if kind == "CustomJoint":
        turns, shifts = _read_spatial_transform(joint, coordinates, f"{where}: joint '{name}'")
    elif kind in _TURNS:
        directions = (*_TURNS[kind], *_SHIFTS.get(kind, ()))
        axes = [Axis(direction, _IDENTITY, index) for index, direction in enumerate(directions)]
        turns, shifts = axes[: len(_TURNS[kind])], axes[len(_TURNS[kind]) :]
    else:
        raise InputError(
            f"{where}: joint '{name}' is a {kind}, which is not supported; expected CustomJoint or one of "
            f"{', '.join(_TURNS)}."
        )
    body = opensim.Body.safeDownCast(joint.getChildFrame().findBaseFrame())
    if body is None:
        raise InputError(f"{where}: joint '{name}' has the ground as its child; exchange parent and child.")
    return TreeBody(
        name=body.getName(),
        parent=joint.getParentFrame().findBaseFrame().getName(),
        joint=name,
        joint_type=kind,
        coordinates=coordinates,
        parent_frame=_read_frame(joint.getParentFrame()),
        child_frame=_read_frame(joint.getChildFrame()),
        turns=tuple(turns),
        shifts=tuple(shifts),
        turning_speeds=kind in _TURNING_SPEEDS,
        mass_kg=body.getMass(),
        com_m=tuple(body.getMassCenter().to_numpy().tolist()),
        inertia_kgm2=tuple(body.get_inertia().get(i) for i in range(6)),
    )


def _read_frame(frame) -> Frame:
    transform = frame.findTransformInBaseFrame()
    matrix = transform.R().asMat33()
    rotation = np.array([matrix.get(row, column) for row in range(3) for column in range(3)])
    rotation[np.abs(rotation) < 1e-15] = 0.0  # what a turn by pi leaves; exact zeros keep equations short
    return Frame(
        tuple(rotation.tolist()),
        tuple(transform.p().to_numpy().tolist()),
    )


def _read_spatial_transform(joint, coordinates: tuple[str, ...], where: str):
    transform = opensim.CustomJoint.safeDownCast(joint).getSpatialTransform()
    parts = ("rotation1", "rotation2", "rotation3", "translation1", "translation2", "translation3")
    axes = []
    for part in parts:
        axis = getattr(transform, f"get_{part}")()
        names = axis.getCoordinateNamesInArray()
        used = [names.get(i) for i in range(names.getSize())]
        if len(used) > 1:
            raise InputError(f"{where}: {part} is a function of {len(used)} coordinates; expected one.")
        curve = _read_curve(axis.getFunction(), f"{where}, {part}") if axis.hasFunction() else None
        if curve is None:
            curve = _IDENTITY if used else Curve("constant", (0.0,))
        direction = np.array([axis.getAxis().get(i) for i in range(3)])
        index = coordinates.index(used[0]) if used else None
        if index is None and curve.kind != "constant":
            raise InputError(f"{where}: {part} is a function of no coordinate; name one.")
        axes.append(Axis(tuple((direction / np.linalg.norm(direction)).tolist()), curve, index))
    return axes[:3], axes[3:]


def _read_curve(function, where: str) -> Curve:
    kind = function.getConcreteClassName()
    if kind == "Constant":
        return Curve("constant", (function.calcValue(opensim.Vector(1, 0.0)),))
    if kind == "LinearFunction":
        linear = opensim.LinearFunction.safeDownCast(function)
        return Curve("polynomial", (linear.getSlope(), linear.getIntercept()))
    if kind == "PolynomialFunction":
        coefficients = opensim.PolynomialFunction.safeDownCast(function).getCoefficients()
        return Curve("polynomial", tuple(coefficients.to_numpy().tolist()))
    if kind in ("SimmSpline", "PiecewiseLinearFunction"):
        return _read_pieces(function, kind)
    if kind == "MultiplierFunction":
        multiplier = opensim.MultiplierFunction.safeDownCast(function)
        return _scale_curve(_read_curve(multiplier.getFunction(), where), multiplier.getScale())
    raise InputError(
        f"{where}: function {kind} is not supported; expected Constant, LinearFunction, PolynomialFunction, "
        "SimmSpline, PiecewiseLinearFunction or MultiplierFunction."
    )


def _read_pieces(function, kind: str) -> Curve:
    """A cubic is fixed by value and slope at both ends of its interval; beyond the ends it runs straight."""
    function = getattr(opensim, kind).safeDownCast(function)
    first = opensim.StdVectorInt()
    first.append(0)

    def evaluate(x: float) -> tuple[float, float]:
        at = opensim.Vector(1, x)
        return function.calcValue(at), function.calcDerivative(first, at)

    knots = [function.getX(i) for i in range(function.getNumberOfPoints())]
    ends = [evaluate(x) for x in knots]
    pieces = [(knots[0], *ends[0], 0.0, 0.0)]
    for i, h in enumerate(np.diff(knots)):
        (y0, slope0), (y1, slope1) = ends[i], ends[i + 1]
        mean = (y1 - y0) / h
        if kind == "PiecewiseLinearFunction":
            slope0 = slope1 = mean
        square = (3 * mean - 2 * slope0 - slope1) / h
        pieces.append((knots[i], y0, slope0, square, (slope0 + slope1 - 2 * mean) / h**2))
    pieces.append((knots[-1], *ends[-1], 0.0, 0.0))
    return Curve("pieces", tuple(float(number) for piece in pieces for number in piece))


def _scale_curve(curve: Curve, scale: float) -> Curve:
    numbers = np.array(curve.numbers)
    if curve.kind == "pieces":
        numbers.reshape(-1, 5)[:, 1:] *= scale
    else:
        numbers *= scale
    return Curve(curve.kind, tuple(numbers.tolist()))


def _read_couplers(model, where: str) -> dict[str, tuple[str, Curve, float]]:
    constraints = model.getConstraintSet()
    followers = {}
    for i in range(constraints.getSize()):
        constraint = constraints.get(i)
        if not constraint.get_isEnforced():
            continue
        kind, name = constraint.getConcreteClassName(), constraint.getName()
        coupler = opensim.CoordinateCouplerConstraint.safeDownCast(constraint)
        if coupler is None:
            raise InputError(
                f"{where}: constraint '{name}' is a {kind}, which closes a loop; expected none but "
                "CoordinateCouplerConstraint."
            )
        leaders = coupler.getIndependentCoordinateNames()
        if leaders.getSize() != 1:
            raise InputError(f"{where}: constraint '{name}' has {leaders.getSize()} leaders; expected one.")
        curve = _read_curve(coupler.getFunction(), f"{where}: constraint '{name}'")
        scale = float(coupler.getPropertyByName("scale_factor").toString())
        followers[coupler.getDependentCoordinateName()] = (leaders.get(0), curve, scale)
    return followers


def _read_coordinate(model, name: str, followers: dict) -> TreeCoordinate:
    coordinate = model.getCoordinateSet().get(name)
    return TreeCoordinate(
        name,
        coordinate.getDefaultValue(),
        bool(coordinate.getDefaultLocked()),
        *followers.get(name, (None, None, 1.0)),
    )
