"""Generate: a conditional generative model of strides learned from the simulated library."""
