"""The table of activations and the functions that look one up by name."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from certify.arithmetic.arrays import FloatArray
from certify.errors import UnknownNameError
from certify.generators.activations import (
    circular,
    error_function,
    exponential,
    gated,
    piecewise_linear,
    positive,
    power,
    rational,
    sigmoidal,
    sign,
)
from certify.generators.activations.function import ActivationFunction, Parameters

ACTIVATIONS: MappingProxyType[str, ActivationFunction] = MappingProxyType(
    {
        item.name: item
        for item in (
            sigmoidal.TANH,
            sigmoidal.SIGMOID,
            sigmoidal.SOFTPLUS,
            sigmoidal.LEAKY_SOFTPLUS,
            sigmoidal.SILU,
            gated.SWISH,
            gated.MISH,
            error_function.ERF,
            error_function.GELU,
            error_function.GELU_TANH,
            circular.SIN,
            circular.COS,
            circular.ATAN,
            exponential.ELU,
            exponential.EXP,
            piecewise_linear.IDENTITY,
            piecewise_linear.RELU,
            piecewise_linear.LEAKY_RELU,
            power.SQUARE,
            power.RECIPROCAL,
            positive.LOG,
            positive.POWER,
            sign.SIGN,
            rational.SOFTSIGN,
            rational.HARD_SWISH,
        )
    }
)
"""Every activation by name."""


def activation(name: str) -> ActivationFunction:
    """The activation called `name`; raises `UnknownNameError` with the closest match."""
    try:
        return ACTIVATIONS[name]
    except KeyError:
        raise UnknownNameError("activation", name, ACTIVATIONS) from None


def derivatives(name: str, x: npt.ArrayLike, parameters: Parameters = (), order: int = 1) -> tuple[FloatArray, ...]:
    """(sigma(x), sigma'(x), ..., sigma^(order)(x)) entrywise, order <= 3. Estimate (floating point).

    Never overflows where the result is finite. At a kink the left piece's derivatives are returned.
    """
    item = activation(name)
    return item.numeric(np.asarray(x, dtype=np.float64), item.resolve(parameters), order)
