"""Maximal couplings of two Gaussians with one covariance: both marginals exact, as likely to be equal as can be.

For N(a, C) and N(b, C), C = S S^T, and the whitened offset v = S^{-1}(a - b): x = a + S xi is kept for both with
probability min(1, phi(xi + v)/phi(xi)), the ratio of the two densities at x. That makes
P(x = y) = 1 - TV = 2 Phi(-|v|/2), the largest any coupling has. What differs is y when they are not equal:
    reflection   y = b + S (xi - 2 e e^T xi), e = v/|v|: the mirror image, pulled together by later steps;
    independent  y from its conditional law (q - p)_+/TV, independent of x.

Sources: Bou-Rabee, Eberle and Zimmer, "Coupling and convergence for Hamiltonian Monte Carlo", Ann. Appl. Probab. 30
(2020) (reflection); Jacob, O'Leary and Atchade, J. R. Stat. Soc. B 82 (2020), section 4 (maximal couplings).
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from certify.arithmetic.arrays import FloatArray
from certify.errors import InputError
from certify.sampling.couplings.spread import Spread, as_spread
from certify.sampling.couplings.streams import ReplicateStreams

BoolArray = npt.NDArray[np.bool_]

_BISECTIONS = 80
_FAR = 40.0
"""Phi(-40) = 0 to double precision."""


class Residual(StrEnum):
    """How the second point is drawn when it is not equal to the first."""

    REFLECTION = "reflection"
    INDEPENDENT = "independent"

    def noise_rows(self, dim: int) -> tuple[int, int]:
        """Normals and uniforms that one pair of points in dimension `dim` consumes."""
        return (dim, 1) if self is Residual.REFLECTION else (2 * dim, 2)


class CoupledPoints(NamedTuple):
    """Points `first`, `second` (n, d), and where they are equal: `met` (n,)."""

    first: FloatArray
    second: FloatArray
    met: BoolArray


def couple(
    first_means: FloatArray,
    second_means: FloatArray,
    spread: Spread,
    normals: FloatArray,
    uniforms: FloatArray,
    residual: Residual = Residual.REFLECTION,
) -> CoupledPoints:
    """Map noise to pairs with marginals N(a, C) and N(b, C) that are equal with probability 1 - TV.

    `first_means`, `second_means` (n, d); `normals` and `uniforms` have the widths of `residual.noise_rows(d)`, uniforms
    on (0, 1]. Equal points are equal in every bit. A pure function: the noise is the only randomness.
    Exact in law up to rounding.
    """
    dim = first_means.shape[1]
    with np.errstate(over="ignore", invalid="ignore"):
        offsets = spread.whiten(first_means - second_means)
        distances = np.linalg.norm(offsets, axis=1)
        noise = normals[:, :dim]
        # log phi(xi + v) - log phi(xi); a NaN (a mean that is not finite) compares false.
        log_ratio = -np.sum(offsets * noise, axis=1) - 0.5 * distances**2
        met = np.log(uniforms[:, 0]) <= log_ratio
        apart = ~met
        directions = offsets[apart] / distances[apart, None]
        if residual is Residual.REFLECTION:
            along = np.sum(directions * noise[apart], axis=1, keepdims=True)
            moved = noise[apart] - 2.0 * along * directions
        else:
            fresh = normals[apart, dim:]
            along = np.sum(directions * fresh, axis=1, keepdims=True)
            heights = _residual_heights(distances[apart], uniforms[apart, 1])
            moved = fresh + (heights[:, None] - along) * directions
    first = first_means + spread.colour(noise)
    second = first.copy()
    second[apart] = second_means[apart] + spread.colour(moved)
    return CoupledPoints(first, second, met)


def _residual_heights(distances: FloatArray, levels: FloatArray) -> FloatArray:
    """Solve Phi(s) - Phi(s - r) = u (Phi(r/2) - Phi(-r/2)) for s <= r/2, by bisection.

    The law of e . S^{-1}(y - b) given x != y: its density is proportional to phi(s) - phi(s - r), positive
    exactly below r/2. Inversion draws a fixed number of random numbers, where rejection would need an unbounded one
    as r -> 0.
    """
    low, high = np.full_like(distances, -_FAR), np.minimum(0.5 * distances, _FAR)
    goal = levels * (ndtr(high) - ndtr(-high))
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        below = ndtr(middle) - ndtr(middle - distances) < goal
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return 0.5 * (low + high)


def meeting_probability(first_mean: npt.ArrayLike, second_mean: npt.ArrayLike, spread: Spread | float) -> float:
    """Largest probability 2 Phi(-|v|/2) = 1 - TV(N(a, C), N(b, C)) with which two points can be equal.

    `first_mean`, `second_mean` (d,). Estimate (a closed form in floating point).
    Raises `InputError` for wrong shapes or means that are not finite.
    """
    a, b, shape = _checked(first_mean, second_mean, spread)
    return math.erfc(float(np.linalg.norm(shape.whiten((a - b)[None])[0])) / (2.0 * math.sqrt(2.0)))


def draw_coupled(
    first_mean: npt.ArrayLike,
    second_mean: npt.ArrayLike,
    spread: Spread | float,
    count: int,
    *,
    seed: int,
    residual: Residual = Residual.REFLECTION,
) -> CoupledPoints:
    """Draw `count` independent coupled pairs from N(a, C) and N(b, C); a number as `spread` is a standard deviation.

    Pair i is a function of (seed, i) alone. Exact in law up to rounding.
    Raises `InputError` for wrong shapes, means that are not finite, or count < 1.
    """
    if count < 1:
        raise InputError(f"`count` must be at least 1; got {count}")
    a, b, shape = _checked(first_mean, second_mean, spread)
    normals, uniforms = ReplicateStreams(seed, count).draw(np.arange(count), *residual.noise_rows(a.size))
    first, second = (np.broadcast_to(mean, (count, a.size)) for mean in (a, b))
    return couple(first, second, shape, normals, uniforms, residual)


def _checked(
    first_mean: npt.ArrayLike, second_mean: npt.ArrayLike, spread: Spread | float
) -> tuple[FloatArray, FloatArray, Spread]:
    a, b = (np.atleast_1d(np.asarray(mean, dtype=np.float64)) for mean in (first_mean, second_mean))
    if a.ndim != 1 or a.shape != b.shape or a.size == 0:
        raise InputError(f"both means must have shape (d,); got {a.shape} and {b.shape}")
    if not (np.all(np.isfinite(a)) and np.all(np.isfinite(b))):
        raise InputError("the means must be finite; got a NaN or an infinity")
    shape = as_spread(spread)
    shape.check_dim(a.size)
    return a, b, shape
