"""Theorem R: an encoder that samples exactly, by rejection under a certified envelope of the posterior."""

from theorems.rejection_encoder.statement import THEOREM

__all__ = ["THEOREM"]
