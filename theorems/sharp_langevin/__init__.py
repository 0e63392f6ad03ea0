"""Theorem 1*: a preconditioned chain of few layers around one computed point, for decoders with n >= d."""

from theorems.sharp_langevin.statement import THEOREM

__all__ = ["THEOREM"]
