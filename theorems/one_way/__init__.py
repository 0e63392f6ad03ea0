"""Theorem 2: without invertibility the encoder can be far larger than the generator, if one-way permutations exist."""

from theorems.one_way.statement import THEOREM

__all__ = ["THEOREM"]
