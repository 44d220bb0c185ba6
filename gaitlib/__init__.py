"""Gait from muscles: simulate, generate, sense, estimate, and test the estimates on real people.

A person walks (`Person`, `Impairment`, `simulate_gait`), or many do (`load_library`, `generate_gaits`); a
gait crosses a room (`build_walk`), is seen by a camera or worn sensors (`observe_camera`,
`observe_inertial`); an estimator gives gait parameters with intervals (`estimate_gait`); estimates are held
against what was measured (`compute_outcomes`, `evaluate_agreement`). Each name is imported when it is first
used.
"""

import importlib

__version__ = "0.1.0"

_PLACES = {
    "Person": "gaitlib.person:Person",
    "Impairment": "gaitlib.person:Impairment",
    "load_library": "gaitlib.simulate.library:load_library",
    "simulate_gait": "gaitlib.verbs:simulate_gait",
    "generate_gaits": "gaitlib.verbs:generate_gaits",
    "build_walk": "gaitlib.verbs:build_walk",
    "observe_camera": "gaitlib.verbs:observe_camera",
    "observe_inertial": "gaitlib.verbs:observe_inertial",
    "compute_outcomes": "gaitlib.outcomes:compute_walk_outcomes",
    "estimate_gait": "gaitlib.door.answer:estimate_gait",
    "evaluate_agreement": "gaitlib.verbs:evaluate_agreement",
}
__all__ = list(_PLACES)


def __getattr__(name: str):
    """Import a verb when it is first asked for."""
    if name not in _PLACES:
        raise AttributeError(f"module 'gaitlib' has no attribute '{name}'")
    module, _, attribute = _PLACES[name].partition(":")
    found = globals()[name] = getattr(importlib.import_module(module), attribute)
    return found


def __dir__() -> list[str]:
    """List the verbs."""
    return sorted(_PLACES)
