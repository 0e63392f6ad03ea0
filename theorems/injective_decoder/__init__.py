"""Decoders with n > d: a start by an amortised encoder, the mode, and few layers, for data near a manifold."""

from theorems.injective_decoder.statement import THEOREM

__all__ = ["THEOREM"]
