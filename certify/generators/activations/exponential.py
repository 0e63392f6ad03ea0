"""The exponential, and ELU: alpha (exp(x) - 1) left of zero, x right of it."""

from __future__ import annotations

import numpy as np
from flint import arb, arb_series

from certify.generators.activations.function import (
    ActivationFunction,
    ActivationParameter,
    FloatArray,
    Parameters,
    Smoothness,
    always_smooth,
)
from certify.generators.activations.piecewise_linear import kink_ball, kink_series


def exp_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """The exponential at every order; infinite, without a warning, where it overflows."""
    with np.errstate(over="ignore"):
        value = np.exp(x)
    return (value,) * (order + 1)


def elu_derivatives(x: FloatArray, parameters: Parameters, order: int) -> tuple[FloatArray, ...]:
    """Derivatives of ELU; at the kink x = 0 those of the left piece."""
    (alpha,) = parameters
    left = np.minimum(x, 0.0)
    growth = alpha * np.exp(left)
    value = np.where(x > 0, x, alpha * np.expm1(left))
    return (value, *(np.where(x > 0, 1.0 if k == 1 else 0.0, growth) for k in range(1, order + 1)))


def _elu_smoothness(parameters: Parameters) -> Smoothness:
    # At zero the left slope is alpha and the right slope is 1.
    return Smoothness.ONCE if parameters[0] == 1.0 else Smoothness.CONTINUOUS


def _elu_ball(x: arb, parameters: Parameters) -> arb:
    alpha = arb(parameters[0])
    return kink_ball(x, lambda y: alpha * y.expm1(), lambda y: y)


def _elu_series(x: arb_series, parameters: Parameters) -> arb_series:
    alpha = arb(parameters[0])
    return kink_series(x, lambda y: alpha * (y.exp() - 1), lambda y: y)


EXP = ActivationFunction(
    name="exp",
    tex=r"e^{x}",
    parameters=(),
    numeric=exp_derivatives,
    ball=lambda x, parameters: x.exp(),
    series=lambda x, parameters: x.exp(),
    smoothness=always_smooth,
)
ELU = ActivationFunction(
    name="elu",
    tex=r"\max(x,0)+\alpha(e^{\min(x,0)}-1)",
    parameters=(ActivationParameter("alpha", 1.0, 0.0),),
    numeric=elu_derivatives,
    ball=_elu_ball,
    series=_elu_series,
    smoothness=_elu_smoothness,
)
