"""Mixing of plain Langevin on a strongly log-concave law: the classical bounds with explicit constants."""

from theorems.langevin_mixing.statement import THEOREM

__all__ = ["THEOREM"]
