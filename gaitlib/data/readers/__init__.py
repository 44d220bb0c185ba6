"""Readers of measured data, one module per kind of file; every error names file and field."""
