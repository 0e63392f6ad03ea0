"""Arithmetic with a written contract: balls, verified linear algebra, special functions."""
