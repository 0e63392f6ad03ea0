"""Portable certificates: exact numbers and multipliers that `checker/check.py` confirms without this package."""
