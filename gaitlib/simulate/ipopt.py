"""Settings of the solver IPOPT: how far it trusts where it begins."""

from __future__ import annotations

_ITERATIONS = {"far": 80, "approach": 20, "near": 400, "warm": 150}
"""Limits; the first two only make a better guess."""
_MU = {"approach": 1e-2, "near": 1e-2, "warm": 1e-4}
"""Barrier parameter at the start: the smaller, the more the start is trusted. IPOPT's own from afar."""


def choose_starts(near: bool, warm: bool) -> tuple[str, ...]:
    """Choose the stages of a solve, the last of which is the solution itself."""
    return ("warm",) if warm else ("approach" if near else "far", "near")


def build_options(start: str, time_limit_s: float) -> dict:
    """Build the settings of one solve."""
    options = {
        "print_level": 0,
        "sb": "yes",
        "max_iter": _ITERATIONS[start],
        "max_cpu_time": time_limit_s,
        "tol": 1e-5,
        "constr_viol_tol": 1e-6,
        "mu_strategy": "adaptive",
        "linear_solver": "mumps",
        "mumps_pivot_order": 5,
        "mumps_mem_percent": 100,
        "nlp_scaling_method": "none",
    }
    if start != "far":
        options |= {"mu_init": _MU[start], "bound_push": 1e-6, "bound_frac": 1e-6}
        options["bound_mult_init_method"] = "mu-based"
    if start == "warm":
        ends = ("bound_push", "bound_frac", "slack_bound_push", "slack_bound_frac", "mult_bound_push")
        options |= {"warm_start_init_point": "yes"} | {f"warm_start_{end}": 1e-6 for end in ends}
    return options
