"""Theorems as data: statement, proof steps, discovery, optimiser, and their check at a generator."""
