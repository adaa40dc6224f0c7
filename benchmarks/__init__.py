"""Measurements of the project, beside other tools; run from a checkout, not installed."""
