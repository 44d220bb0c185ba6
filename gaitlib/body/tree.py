"""A tree of rigid bodies in plain numbers: what any OpenSim model is, freed of OpenSim.

The dynamics (`gaitlib.simulate.tree_dynamics`, CasADi) are generated from it; its numbers may be symbols.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Curve:
    """A function of one coordinate.

    `kind` is 'constant' (numbers: value), 'polynomial' (coefficients, highest power first) or 'pieces'
    (five numbers each: start x, then c0 to c3 of c0 + c1 h + c2 h^2 + c3 h^3 with h = x - start; a piece
    reaches to the start of the next one, the first one also below its start).
    """

    kind: str
    numbers: tuple[float, ...]


@dataclass(frozen=True)
class Axis:
    """One of the six steps of a joint: a turn about, or a shift along, `direction`.

    `coordinate` is the index of the coordinate within the joint that the curve is a function of; None where
    the curve is constant.
    """

    direction: tuple[float, float, float]
    curve: Curve
    coordinate: int | None


@dataclass(frozen=True)
class Frame:
    """A frame fixed to a body: rotation (3 x 3, row by row) and origin (m) in the body's frame."""

    rotation: tuple[float, ...]
    origin_m: tuple[float, float, float]


@dataclass(frozen=True)
class TreeBody:
    """A body and the joint that hangs it on its parent.

    The child frame of the joint is turned by `turns` one after the other (body-fixed), and shifted by
    `shifts` along axes of the parent frame. Speeds are the rates of the coordinates, or, with
    `turning_speeds`, the first three are the angular velocity in the parent frame (free and ball joints).
    Inertia is about the centre of mass in the body's axes: xx, yy, zz, xy, xz, yz.
    """

    name: str
    parent: str
    joint: str
    joint_type: str
    coordinates: tuple[str, ...]
    parent_frame: Frame
    child_frame: Frame
    turns: tuple[Axis, ...]
    shifts: tuple[Axis, ...]
    turning_speeds: bool
    mass_kg: float
    com_m: tuple[float, float, float]
    inertia_kgm2: tuple[float, ...]


@dataclass(frozen=True)
class TreeCoordinate:
    """A coordinate of the tree.

    `follows` names the coordinate that it is coupled to by `follows_curve` times `follows_scale`; a locked
    coordinate keeps its default value.
    """

    name: str
    default: float
    locked: bool
    follows: str | None = None
    follows_curve: Curve | None = None
    follows_scale: float = 1.0

    @property
    def free(self) -> bool:
        """Whether the coordinate moves on its own."""
        return not self.locked and self.follows is None


@dataclass(frozen=True)
class Tree:
    """A model: bodies from the ground outwards, all coordinates in the order of the bodies."""

    name: str
    gravity_mps2: tuple[float, float, float]
    bodies: tuple[TreeBody, ...]
    coordinates: tuple[TreeCoordinate, ...]

    @property
    def coordinate_names(self) -> tuple[str, ...]:
        """Names of all coordinates."""
        return tuple(coordinate.name for coordinate in self.coordinates)

    @property
    def mass_kg(self) -> float:
        """Mass of all bodies (kg)."""
        return sum(body.mass_kg for body in self.bodies)
