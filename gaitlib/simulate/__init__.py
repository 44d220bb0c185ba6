"""Predictive simulation of gait.

Modules that import CasADi (`dynamics`, `engine`, ...) and modules that import OpenSim (`replay`) never
share a process: both carry their own CasADi library. `workers` starts one process per kind.
"""
