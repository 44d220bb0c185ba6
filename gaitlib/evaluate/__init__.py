"""Statistics of agreement on tidy tables (columns: `inputs`): pure functions, the person is the unit."""
