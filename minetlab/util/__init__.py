"""Helpers for all packages that know nothing of labs: files, programs, paths, templates, errors."""
