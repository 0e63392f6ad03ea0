"""What independent coordinates cost: a lower bound of the distance of every factorised encoder."""

from theorems.factorised_encoder.statement import THEOREM

__all__ = ["THEOREM"]
