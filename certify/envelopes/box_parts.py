"""What is known of one node over a batch of boxes, and of one activation over the ranges of its inputs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from certify.arithmetic.intervals import EPSILON, SMALLEST_NORMAL, FloatArray


@dataclass(frozen=True, eq=False)
class BoxForm:
    """Shapes: value, shift, radius, low, high (b, k); slope (b, k, d); `span` (b, k) is how far slope . u reaches."""

    value: FloatArray
    slope: FloatArray
    shift: FloatArray
    radius: FloatArray
    low: FloatArray
    high: FloatArray
    span: FloatArray

    @cached_property
    def reach(self) -> FloatArray:
        """Upper bound of |v - value| over the box, rounded outward, (b, k)."""
        return np.maximum(self.high - self.value, self.value - self.low) * (1 + 4 * EPSILON) + SMALLEST_NORMAL


@dataclass(frozen=True, eq=False)
class Plane:
    """v(c + u) in value + slope . u + shift + [-radius, radius]: slope (b, k, d), shift and radius (b, k)."""

    slope: FloatArray
    shift: FloatArray
    radius: FloatArray


@dataclass(frozen=True, eq=False)
class Lines:
    """sigma(t) - sigma_c in slope (t - t_c) + [rest_low, rest_high] over a range of t, sigma_c the float at t_c.

    Also in slope (t - t_c) + bend (t - t_c)^2/2 + [-bent_rest, bent_rest]; `bent_rest` is infinite where unknown.
    """

    slope: FloatArray
    rest_low: FloatArray
    rest_high: FloatArray
    bend: FloatArray
    bent_rest: FloatArray


def spread(slopes: FloatArray, halves: FloatArray) -> FloatArray:
    """sum_j |slopes_kj| halves_j, (b, k): how far planes (b, k, d) reach over half-widths (b, d). Estimate."""
    total = np.abs(slopes[..., 0]) * halves[:, :1]
    for axis in range(1, halves.shape[1]):
        total += np.abs(slopes[..., axis]) * halves[:, axis, None]
    return np.asarray(total)


def along(slopes: FloatArray, weights: FloatArray) -> FloatArray:
    """sum_k weights_k slopes_kj, (b, d), of planes (b, k, d) and weights (b, k). Estimate."""
    return np.asarray(np.matmul(weights[:, None, :], slopes)[:, 0])
