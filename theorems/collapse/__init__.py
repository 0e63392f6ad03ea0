"""The rate of a latent code, from both sides: no collapse at this noise, or almost nothing left."""

from theorems.collapse.statement import THEOREM

__all__ = ["THEOREM"]
