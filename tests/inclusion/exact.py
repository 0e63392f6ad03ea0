"""Exact counterparts: floats as rationals, the members of a ball that matter, comparisons without a rounding."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations, product

import numpy as np
from flint import arb, fmpq, fmpq_mat

FAR = fmpq(2**1100)
"""Beyond every float: what an unbounded entry may be."""

UNIT_VECTORS = [(fmpq(1), fmpq(0)), (fmpq(0), fmpq(1))] + [
    ((1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)) for t in (fmpq(1, 3), fmpq(1, 2), fmpq(1), fmpq(-2, 5), fmpq(-3))
]
"""Rational points of the unit circle."""


def rational(value: float) -> fmpq:
    """The binary number that a finite float is."""
    return fmpq(*float(value).as_integer_ratio())


def power_of_two(exponent: int) -> fmpq:
    """2^exponent."""
    return fmpq(2**exponent) if exponent >= 0 else fmpq(1, 2**-exponent)


def ball_ends(value: arb) -> tuple[fmpq, fmpq]:
    """The exact ends of a finite ball."""
    (middle, shift), (radius, scale) = value.mid().man_exp(), value.rad().man_exp()
    centre, spread = int(middle) * power_of_two(int(shift)), int(radius) * power_of_two(int(scale))
    return centre - spread, centre + spread


def members(midpoint: float, radius: float) -> list[fmpq]:
    """Both ends of the ball [midpoint +- radius], or numbers far out if it is unbounded."""
    centre = rational(midpoint)
    spread = rational(radius) if math.isfinite(radius) else FAR
    return [centre] if spread == 0 else [centre - spread, centre + spread]


def between(low: float, high: float) -> list[fmpq]:
    """Both ends of [low, high], numbers far out for infinite ones."""
    ends = (rational(low) if math.isfinite(low) else -FAR, rational(high) if math.isfinite(high) else FAR)
    return list(dict.fromkeys(ends))


def corners(midpoint: np.ndarray, radius: np.ndarray) -> Iterator[list[list[fmpq]]]:
    """All corner matrices of a ball, as lists of rows."""
    rows, columns = midpoint.shape
    entries = [members(float(c), float(r)) for c, r in zip(midpoint.ravel(), radius.ravel(), strict=True)]
    for chosen in product(*entries):
        yield [list(chosen[row * columns : (row + 1) * columns]) for row in range(rows)]


def inside(value: fmpq, midpoint: float, radius: float) -> bool:
    """Whether |value - midpoint| <= radius, exactly."""
    return radius == math.inf or bool(abs(value - rational(midpoint)) <= rational(radius))


def at_most(value: fmpq, bound: float) -> bool:
    """Whether value <= bound, exactly."""
    return bound == math.inf or (bound != -math.inf and bool(value <= rational(bound)))


def at_least(value: fmpq, bound: float) -> bool:
    """Whether value >= bound, exactly."""
    return at_most(-value, -bound)


def gram(matrix: list[list[fmpq]]) -> fmpq_mat:
    """A^T A."""
    found = fmpq_mat(len(matrix), len(matrix[0]), [entry for row in matrix for entry in row])
    return found.transpose() * found


def shifted(matrix: fmpq_mat, sign: int, shift: fmpq) -> fmpq_mat:
    """sign A - sign shift I."""
    size = matrix.nrows()
    identity = fmpq_mat(size, size, [int(i == j) for i in range(size) for j in range(size)])
    return (matrix - identity * shift) * fmpq(sign)


def is_semidefinite(matrix: fmpq_mat) -> bool:
    """Whether a symmetric matrix is positive semidefinite: every principal minor is non-negative."""
    indices = range(matrix.nrows())
    return all(_minor(matrix, some) >= 0 for size in indices for some in combinations(indices, size + 1))


def is_definite(matrix: fmpq_mat) -> bool:
    """Whether a symmetric matrix is positive definite: every leading minor is positive."""
    return all(_minor(matrix, tuple(range(size + 1))) > 0 for size in range(matrix.nrows()))


def _minor(matrix: fmpq_mat, indices: tuple[int, ...]) -> fmpq:
    return fmpq_mat(len(indices), len(indices), [matrix[i, j] for i in indices for j in indices]).det()
