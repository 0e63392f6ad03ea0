"""Theorem 1: strongly invertible generators have small encoders (a Langevin chain unrolled into a network)."""

from theorems.strong_invertibility.statement import THEOREM

__all__ = ["THEOREM"]
