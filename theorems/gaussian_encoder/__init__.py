"""One Gaussian layer is enough: the Laplace approximation of a strongly invertible decoder, with a bound."""

from theorems.gaussian_encoder.statement import THEOREM

__all__ = ["THEOREM"]
