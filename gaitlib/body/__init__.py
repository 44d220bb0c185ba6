"""The body of a person: dimensions, muscles, numeric specification and OpenSim model."""
