"""What is known about one activation function, as a record that every engine reads."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias, TypeVar

import numpy as np
from flint import arb, arb_series

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.generators.activations.profile import Profile

Parameters: TypeAlias = tuple[float, ...]
BallLike = TypeVar("BallLike", arb, arb_series)


class Smoothness(StrEnum):
    """How often an activation may be differentiated; C^1 means with a Lipschitz first derivative."""

    SMOOTH = "C^inf"
    ONCE = "C^1"
    CONTINUOUS = "C^0"
    SINGULAR = "singular"


class Domain(StrEnum):
    """Where an activation is defined and smooth: everywhere, away from 0, or on x > 0."""

    REALS = "R"
    NONZERO = "x != 0"
    POSITIVE = "x > 0"

    def contains(self, low: FloatArray, high: FloatArray) -> bool:
        """Whether every interval [low_i, high_i] lies in the domain."""
        match self:
            case Domain.REALS:
                return True
            case Domain.NONZERO:
                return bool(np.all((low > 0) | (high < 0)))
            case Domain.POSITIVE:
                return bool(np.all(low > 0))


@dataclass(frozen=True)
class ActivationParameter:
    """A real parameter of an activation and the closed interval it must lie in."""

    name: str
    default: float
    minimum: float = -math.inf
    maximum: float = math.inf


@dataclass(frozen=True)
class ActivationFunction:
    """An elementwise function sigma: domain -> R, described once for floats, balls, jets and enclosures.

    `numeric(x, parameters, order)` returns (sigma, sigma', ..., sigma^(order)) at a float array, order <= 3.
    `ball(x, parameters)` encloses sigma at an `arb`, `series(x, parameters)` is its jet at an `arb_series`.
    `smoothness(parameters)` is the class over all of R and `profile(parameters, order)` encloses ranges. On its
    `domain`, where that is not R, the function is smooth; outside of it its floats are NaN or of another branch.
    """

    name: str
    tex: str
    parameters: tuple[ActivationParameter, ...]
    numeric: Callable[[FloatArray, Parameters, int], tuple[FloatArray, ...]]
    ball: Callable[[arb, Parameters], arb]
    series: Callable[[arb_series, Parameters], arb_series]
    smoothness: Callable[[Parameters], Smoothness]
    profile: Callable[[Parameters, int], Profile]
    domain: Domain = Domain.REALS

    def resolve(self, parameters: Parameters = ()) -> Parameters:
        """The full tuple of parameters: those given, in the declared order, then the defaults.

        Raises `InputError` for too many parameters, or one that is not finite or outside its interval.
        """
        if len(parameters) > len(self.parameters):
            raise InputError(f"activation `{self.name}` takes {len(self.parameters)} parameters, got {len(parameters)}")
        values = parameters + tuple(item.default for item in self.parameters[len(parameters) :])
        for item, value in zip(self.parameters, values, strict=True):
            if not (math.isfinite(value) and item.minimum <= value <= item.maximum):
                raise InputError(
                    f"activation `{self.name}`: `{item.name}` must be in [{item.minimum}, {item.maximum}], got {value}"
                )
        return values


def always_smooth(parameters: Parameters) -> Smoothness:
    """Smoothness class of a function that is C^inf for every choice of its parameters."""
    return Smoothness.SMOOTH


def constant_term(x: arb | arb_series) -> arb:
    """The ball itself, or the constant term of a jet."""
    return x if isinstance(x, arb) else x[0]
