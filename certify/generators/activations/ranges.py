"""Ranges and constants of the derivatives of an activation, enclosed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from flint import arb

from certify.arithmetic.arrays import FloatArray
from certify.arithmetic.balls import precision
from certify.errors import InputError
from certify.generators.activations.function import Parameters
from certify.generators.activations.profile import Profile, larger
from certify.generators.activations.table import activation

HIGHEST_ORDER = 3


@dataclass(frozen=True)
class ActivationConstants:
    """Constants of sigma over R, each an enclosure (a ball; infinite where the constant is)."""

    slope_infimum: arb
    """inf sigma'."""
    slope_supremum: arb
    """sup sigma'."""
    slope_modulus: arb
    """sup |sigma'|: the Lipschitz constant."""
    curvature_modulus: arb
    """sup |sigma''| (essential); infinite at a kink."""
    third_modulus: arb
    """sup |sigma'''| (essential); infinite where sigma'' jumps."""


def range_enclosure(
    name: str, parameters: Parameters, order: int, lower: npt.ArrayLike, upper: npt.ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Enclosure of {sigma^(order)(x): lower_i <= x <= upper_i} for arrays of intervals, order 0 to 3.

    Rounded outward, entrywise; within about 1e-14 relative of the true range. Ends may be infinite. At a kink
    the range holds every limit of derivatives nearby, and is all of R where a derivative jumps one order below;
    an interval that meets a pole, or has a NaN end, gives all of R. Raises `InputError` for lower > upper.
    """
    low, high = np.broadcast_arrays(np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64))
    shape, low, high = low.shape, low.ravel(), high.ravel()
    unknown = np.isnan(low) | np.isnan(high)
    if bool(np.any((low > high) & ~unknown)):
        raise InputError("`lower` must not exceed `upper`: the interval is empty")
    if bool(unknown.any()):
        low, high = np.where(unknown, -np.inf, low), np.where(unknown, np.inf, high)
    elif lower is upper:
        # A single point: one evaluation instead of two.
        high = low
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        bottom, top = profile(name, parameters, order).enclose(low, high)
    # A formula that overflows to inf - inf knows nothing.
    known = ~(unknown | np.isnan(bottom) | np.isnan(top))
    if bool(known.all()):
        return bottom.reshape(shape), top.reshape(shape)
    return np.where(known, bottom, -np.inf).reshape(shape), np.where(known, top, np.inf).reshape(shape)


def activation_constants(name: str, parameters: Parameters = ()) -> ActivationConstants:
    """Enclosures of the constants of an activation over R; none is typed in, all follow from its profiles."""
    return _constants(name, activation(name).resolve(parameters))


def profile(name: str, parameters: Parameters, order: int) -> Profile:
    """The profile of sigma^(order) at resolved or partial parameters; `InputError` for an order above 3."""
    if not 0 <= order <= HIGHEST_ORDER:
        raise InputError(f"`order` must be 0, 1, 2 or 3, got {order}")
    item = activation(name)
    return item.profile(item.resolve(parameters), order)


@cache
def _constants(name: str, parameters: Parameters) -> ActivationConstants:
    with precision():
        infimum, supremum = profile(name, parameters, 1).extrema()
        return ActivationConstants(
            slope_infimum=infimum,
            slope_supremum=supremum,
            slope_modulus=larger(-infimum, supremum),
            curvature_modulus=_modulus(name, parameters, 2),
            third_modulus=_modulus(name, parameters, 3),
        )


def _modulus(name: str, parameters: Parameters, order: int) -> arb:
    infimum, supremum = profile(name, parameters, order).extrema()
    return larger(-infimum, supremum)
