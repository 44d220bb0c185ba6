"""Report: clinical plots in one style, the walking skeletons, and how a page shows figures and tables."""
