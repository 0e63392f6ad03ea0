"""Linear permutations whose inverse provably takes nearly twice as many gates, for every number of bits."""

from theorems.feebly_one_way.statement import THEOREM

__all__ = ["THEOREM"]
