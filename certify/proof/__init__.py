"""Theorems as data: statement, steps and claims; closed forms in balls, free choices, and the verdict on a claim."""
