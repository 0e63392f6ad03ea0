"""How steep an encoder must be: a lower bound of the Lipschitz constant of every accurate encoder."""

from theorems.amortisation.statement import THEOREM

__all__ = ["THEOREM"]
