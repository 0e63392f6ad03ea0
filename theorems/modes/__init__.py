"""Modes need slope: how far a decoder with a small Lipschitz constant is from data in two groups."""

from theorems.modes.statement import THEOREM

__all__ = ["THEOREM"]
