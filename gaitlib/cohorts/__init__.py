"""Cohorts: who walks. One YAML file per cohort beside this module, checked by `schema`, drawn by `sample`."""
