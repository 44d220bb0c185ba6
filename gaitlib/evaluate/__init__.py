"""Evaluate: statistics of agreement, equivalence, calibration and subgroups on tidy tables.

Pure functions that import nothing of the rest of the chain. The person is the unit throughout: walks are
averaged inside a person, people are resampled. See `gaitlib.evaluate.inputs` for the columns of the agreement
table.
"""
