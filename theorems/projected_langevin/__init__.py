"""Theorem 1 for the projected chain, with the sharper terms S7d+, S7e+, S7f+ in place of S7d, S7e, S7f."""

from theorems.projected_langevin.statement import THEOREM

__all__ = ["THEOREM"]
