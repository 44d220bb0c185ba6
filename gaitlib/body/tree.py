"""A tree of rigid bodies in plain numbers: what the dynamics in space are generated from.

`gaitlib.simulate.tree_dynamics` (CasADi) does it; the numbers may be symbols.
"""

from __future__ import annotations

from dataclasses import dataclass

Direction = tuple[float, float, float]


@dataclass(frozen=True)
class Frame:
    """A frame fixed to a body: rotation (3 x 3, row by row) and origin (m) in the body's frame."""

    rotation: tuple[float, ...]
    origin_m: Direction


@dataclass(frozen=True)
class TreeBody:
    """A body and the joint that hangs it on its parent.

    The body is turned about `turns` one after the other (body-fixed) by the first coordinates and shifted
    along `shifts`, in the joint's frame in the parent, by the others. Inertia is about the centre of mass in
    the body's axes: xx, yy, zz, xy, xz, yz.
    """

    name: str
    parent: str
    coordinates: tuple[str, ...]
    parent_frame: Frame
    turns: tuple[Direction, ...]
    shifts: tuple[Direction, ...]
    mass_kg: float
    com_m: Direction
    inertia_kgm2: tuple[float, ...]


@dataclass(frozen=True)
class Tree:
    """Bodies from the ground outwards; coordinates are in their order."""

    gravity_mps2: Direction
    bodies: tuple[TreeBody, ...]

    @property
    def coordinate_names(self) -> tuple[str, ...]:
        """Names of all coordinates."""
        return tuple(name for body in self.bodies for name in body.coordinates)

    @property
    def mass_kg(self) -> float:
        """Mass of all bodies (kg)."""
        return sum(body.mass_kg for body in self.bodies)
