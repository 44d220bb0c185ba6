"""Flatten a Specification into the parameter vector of the optimal-control problem, in a fixed order."""

from __future__ import annotations

import numpy as np

from gaitlib.body.specification import Specification

BODY_FIELDS = ("location_x", "location_y", "mass", "com_x", "com_y", "inertia")
MUSCLE_FIELDS = ("max_isometric_force", "optimal_fiber_length", "tendon_length", "pennation", "path_scale",
                 "passive_strain")  # fmt: skip
SPHERE_FIELDS = ("x", "y", "radius")
PASSIVE_FIELDS = ("stop", "rate", "lower", "upper", "stiffness", "neutral", "damping")
CONTACT_FIELDS = ("stiffness", "dissipation", "friction", "viscous_friction", "transition_velocity")


def flatten_specification(specification: Specification) -> dict[str, np.ndarray]:
    """Collect the numbers of a body into arrays, one row per element."""
    s = specification
    contact = s.contact
    return {
        "bodies": np.array([[*b.location_m, b.mass_kg, *b.com_m, b.inertia_kgm2] for b in s.bodies]),
        "muscles": np.array(
            [
                [
                    m.max_isometric_force_n,
                    m.optimal_fiber_length_m,
                    m.tendon_length_m,
                    m.pennation_rad,
                    m.path_scale,
                    m.passive_strain,
                ]
                for m in s.muscles
            ]
        ),
        "spheres": np.array([[*p.location_m, p.radius_m] for p in s.spheres]),
        "passive": np.array(
            [
                [
                    t.stop_nm,
                    t.rate,
                    t.lower_rad,
                    t.upper_rad,
                    t.stiffness_nm_rad,
                    t.neutral_rad,
                    t.damping_nms_rad,
                ]
                for t in s.passive
            ]
        ),
        "contact": np.array(
            [
                contact.stiffness_pa,
                contact.dissipation_s_m,
                contact.friction,
                contact.viscous_friction,
                contact.transition_velocity_mps,
            ]
        ),
    }


def pack_parameters(blocks: dict[str, np.ndarray]) -> np.ndarray:
    """Concatenate parameter blocks into one vector; shape (n,)."""
    return np.concatenate(
        [np.ravel(blocks[name]) for name in ("bodies", "muscles", "spheres", "passive", "contact")]
    )
