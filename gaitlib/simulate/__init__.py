"""Predictive simulation of gait; `workers` keeps CasADi and OpenSim in processes of their own."""
