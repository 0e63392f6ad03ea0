"""Hermite coefficients of activations under Gaussian laws, enclosed.

For v = a + s xi, xi ~ N(0, 1), and H_n = He_n/sqrt(n!), orthonormal: c_n = E[sigma(v) H_n(xi)]. On each cell of a
fixed lattice of xi sigma is its Taylor polynomial at the cell's centre with the range of the third derivative over the
cell in the last coefficient (its own range at a kink), and the integrals of (xi - c)^i He_n phi over cells are closed
forms, once and for all: (He_{n-1} phi)' = -He_n phi, xi He_n = He_{n+1} + n He_{n-1}. Everything is rounded outward.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from flint import arb

from certify.arithmetic.balls import ball, midpoint, precision, upper
from certify.arithmetic.intervals import (
    FloatArray,
    MatrixBall,
    add,
    exact_matrix,
    hadamard,
    magnitude_upper,
    matrix_from_bounds,
    multiply,
    scale,
)
from certify.envelopes.lifted_form import Sigma
from certify.generators.activations import activation_constants, range_enclosure

ORDER = 12
"""Highest n."""
REACH = 12
_SIXTH = MatrixBall(np.full((1, 1), 1 / 6), np.full((1, 1), 2.0**-54))
CELLS_PER_UNIT = 16


@dataclass(frozen=True, eq=False)
class HermiteCells:
    """Cells of width 1/16 on [-12, 12], `centres` (j,).

    moments     for i = 0 .. 3 the integrals of (xi - c)^i H_n phi over each cell, (j, ORDER + 1) each
    absolute    upper bounds of the integrals of |H_n| phi, (j, ORDER + 1)
    outside     upper bound of the integral of (1 + xi^2) |H_n| phi beyond the lattice, any n
    """

    centres: FloatArray
    moments: tuple[MatrixBall, ...]
    absolute: FloatArray
    outside: float


def hermite_coefficients(sigma: Sigma, mean: MatrixBall, deviation: MatrixBall) -> tuple[MatrixBall, MatrixBall]:
    """c_n of sigma and of sigma^2 for the laws N(a, s^2), `mean` and `deviation` (k, 1): (k, ORDER + 1) each."""
    cells = hermite_cells()
    half = 0.5 / CELLS_PER_UNIT
    points = add(_spread(mean, cells), multiply(deviation, exact_matrix(cells.centres[None])))
    widened = MatrixBall(points.midpoint, (points.radius + magnitude_upper(deviation) * half) * (1 + 2.0**-50))
    at = [_range(sigma, order, points) for order in range(3)]
    over = [_range(sigma, order, widened) for order in range(4)]
    first = _integrals(cells, [*at, over[3]], over[0], deviation)
    zero, one, two = at
    squares = [
        hadamard(zero, zero),
        scale(hadamard(zero, one), 2.0),
        scale(add(hadamard(one, one), hadamard(zero, two)), 2.0),
    ]
    third = scale(add(scale(hadamard(over[1], over[2]), 3.0), hadamard(over[0], over[3])), 2.0)
    second = _integrals(cells, [*squares, third], hadamard(over[0], over[0]), deviation)
    # Beyond the lattice |sigma(v)| <= |sigma(a)| + L s |xi|; its square is at most 2 sigma(a)^2 + 2 (L s xi)^2.
    with precision():
        lipschitz = upper(activation_constants(*sigma).slope_modulus)
    middle = magnitude_upper(_range(sigma, 0, mean))
    growth = lipschitz * magnitude_upper(deviation)
    with np.errstate(over="ignore"):
        lost = (middle + growth) * cells.outside * (1 + 2.0**-49)
        lost_square = 2.0 * (middle**2 + growth**2) * cells.outside * (1 + 2.0**-48)
    return _widened(first, lost), _widened(second, lost_square)


def _integrals(
    cells: HermiteCells, derivatives: list[MatrixBall], plain: MatrixBall, deviation: MatrixBall
) -> MatrixBall:
    """Sum over cells of the integrals of sum_i derivatives_i (s (xi - c))^i/i! H_n phi, (k, ORDER + 1).

    The last of the `derivatives` varies over a cell; `plain` is the function's range, used where one is unbounded.
    """
    smooth = np.isfinite(sum(magnitude_upper(derivative) for derivative in derivatives))
    square = hadamard(deviation, deviation)
    one = exact_matrix(np.ones(deviation.shape))
    powers = [one, deviation, scale(square, 0.5), hadamard(hadamard(square, deviation), _SIXTH)]
    total = exact_matrix(np.zeros((len(smooth), ORDER + 1)))
    spread = np.where(smooth, 0.0, plain.radius)
    for index, (derivative, power, weight) in enumerate(zip(derivatives, powers, cells.moments, strict=True)):
        scaled = hadamard(derivative, _spread(power, cells))
        middle = np.where(smooth, scaled.midpoint, plain.midpoint if index == 0 else 0.0)
        radius = np.where(smooth, scaled.radius, 0.0)
        if index == 3:
            # The coefficient differs from point to point: what differs meets |xi - c|^3 |H_n| phi.
            spread, radius = spread + radius * (0.5 / CELLS_PER_UNIT) ** 3, np.zeros_like(radius)
        total = add(total, multiply(MatrixBall(middle, radius), weight))
    with np.errstate(over="ignore", invalid="ignore"):
        lost = (spread @ cells.absolute) * (1 + 2 * (spread.shape[1] + 8) * 2.0**-52)
    return _widened(total, np.where(np.isnan(lost), np.inf, lost))


@cache
def hermite_cells() -> HermiteCells:
    """The lattice and its integrals."""
    count = 2 * REACH * CELLS_PER_UNIT
    roots = [math.factorial(n) for n in range(ORDER + 1)]
    with precision(192):
        edges = [_edge(ball(-REACH) + ball(index) / CELLS_PER_UNIT) for index in range(count + 1)]
        norms = [ball(value).sqrt() for value in roots]
        half = ball(1) / (2 * CELLS_PER_UNIT)
        middles, radii = np.empty((4, count, ORDER + 1)), np.empty((4, count, ORDER + 1))
        absolute = np.empty((count, ORDER + 1))
        for index, ((low, low_mass), (high, high_mass)) in enumerate(zip(edges, edges[1:], strict=False)):
            centre = ball(-REACH) + (2 * ball(index) + 1) / (2 * CELLS_PER_UNIT)
            mass = high_mass - low_mass
            row = [mass, *(a - b for a, b in zip(low, high, strict=True))]
            for power in range(4):
                for n in range(ORDER + 1):
                    value = row[n] / norms[n]
                    middles[power, index, n] = midpoint(value)
                    radii[power, index, n] = upper(abs(value - ball(middles[power, index, n])))
                row = [row[n + 1] + (n * row[n - 1] if n else 0) - centre * row[n] for n in range(len(row) - 1)]
            box = (centre - half).union(centre + half)
            for n, polynomial in enumerate(_hermite(box, ORDER)):
                absolute[index, n] = upper(abs(polynomial) / norms[n] * mass)
        # Cauchy: E[(1 + xi^2)|H_n|; outside]^2 <= E[(1 + xi^2)^2; outside].
        end = ball(REACH)
        density = (-end * end / 2).exp() / (2 * arb.pi()).sqrt()
        beyond = (end / ball(2).sqrt()).erfc()
        square = 2 * density * end + beyond
        fourth = 2 * density * end**3 + 3 * square
        outside = upper((beyond + 2 * square + fourth).sqrt())
        centres = np.array([-REACH + (2 * index + 1) / (2 * CELLS_PER_UNIT) for index in range(count)])
    moments = tuple(MatrixBall(middles[power], radii[power]) for power in range(4))
    return HermiteCells(centres, moments, absolute, outside)


def _edge(x: arb) -> tuple[list[arb], arb]:
    """He_n phi at x for n = 0 .. ORDER + 3, and Phi(x)."""
    density = (-x * x / 2).exp() / (2 * arb.pi()).sqrt()
    return [value * density for value in _hermite(x, ORDER + 3)], (1 + (x / ball(2).sqrt()).erf()) / 2


def _hermite(x: arb, order: int) -> list[arb]:
    values = [arb(1), x]
    for n in range(1, order):
        values.append(x * values[n] - n * values[n - 1])
    return values


def _range(sigma: Sigma, order: int, inputs: MatrixBall) -> MatrixBall:
    with np.errstate(invalid="ignore"):
        low = np.nextafter(inputs.midpoint - inputs.radius, -np.inf)
        high = np.nextafter(inputs.midpoint + inputs.radius, np.inf)
    return matrix_from_bounds(*range_enclosure(*sigma, order, low, high))


def _spread(column: MatrixBall, cells: HermiteCells) -> MatrixBall:
    shape = (column.shape[0], cells.centres.size)
    return MatrixBall(np.broadcast_to(column.midpoint, shape), np.broadcast_to(column.radius, shape))


def _widened(values: MatrixBall, lost: FloatArray) -> MatrixBall:
    return MatrixBall(values.midpoint, np.nextafter(values.radius + lost, np.inf))
