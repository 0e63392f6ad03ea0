"""Hermite coefficients of activations under Gaussian laws, enclosed.

For v = a + s xi, xi ~ N(0, 1), and H_n = He_n/sqrt(n!), orthonormal: c_n = E[sigma(v) H_n(xi)]. On each cell of a
fixed lattice of xi sigma is its Taylor polynomial at the cell's centre with the range of the third derivative over the
cell in the last coefficient (its own range at a kink), and the integrals of (xi - c)^i He_n phi over cells are closed
forms, once and for all: (He_{n-1} phi)' = -He_n phi, xi He_n = He_{n+1} + n He_{n-1}. Everything is rounded outward.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
from flint import arb

from certify.arithmetic.balls import ball, lower, midpoint, precision, upper
from certify.arithmetic.intervals import (
    FloatArray,
    MatrixBall,
    add,
    exact_matrix,
    hadamard,
    magnitude_upper,
    matrix_from_bounds,
    multiply,
    round_up,
    scale,
    subtract,
)
from certify.envelopes.lifted_form import Sigma
from certify.generators.activations import activation_constants, range_enclosure

ORDER = 12
"""Highest n."""
_SIXTH = MatrixBall(np.full((1, 1), 1 / 6), np.full((1, 1), 2.0**-54))
Lattice: TypeAlias = tuple[tuple[int, int], ...]
"""Up to |xi| = the first number, beyond the last one's, so many cells in a unit as the second says: powers of two."""
EVEN: Lattice = ((12, 16),)
GRADED: Lattice = ((4, 16), (6, 8), (8, 4), (12, 2))
"""Half the cells, and the same to more digits than are used."""
FINE: Lattice = ((4, 32), (6, 16), (8, 4), (12, 2))
"""What lies beyond ORDER is known to the root of the errors: with this, to a quarter."""


@dataclass(frozen=True, eq=False)
class HermiteCells:
    """Cells on [-12, 12] with `halves` (j,) of their widths and `centres` (j,).

    moments     for i = 0 .. 3 the integrals of (xi - c)^i H_n phi over each cell, (j, ORDER + 1) each
    absolute    upper bounds of the integrals of |H_n| phi, (j, ORDER + 1)
    outside     upper bound of the integral of (1 + xi^2) |H_n| phi beyond the lattice, any n
    """

    halves: FloatArray
    centres: FloatArray
    moments: tuple[MatrixBall, ...]
    absolute: FloatArray
    outside: float


def hermite_coefficients(
    sigma: Sigma, mean: MatrixBall, deviation: MatrixBall, lattice: Lattice = EVEN
) -> tuple[MatrixBall, MatrixBall]:
    """c_n of sigma and of sigma^2 for the laws N(a, s^2), `mean` and `deviation` (k, 1): (k, ORDER + 1) each."""
    cells = hermite_cells(lattice)
    points, widened = _placed(cells, mean, deviation)
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


def slope_moments(sigmas: Sequence[Sigma], mean: MatrixBall, deviation: MatrixBall, slopes: FloatArray) -> FloatArray:
    """Upper bounds (k, 3) of E[h (xi^2 - 1)^2], E[h xi^2] and E h, h = (sigma'(v) - g)^2 for `slopes` g (k,).

    v = a + s xi with `mean` a and `deviation` s, (k, 1).
    """
    found = np.empty((len(slopes), 3))
    for sigma in dict.fromkeys(sigmas):
        chosen = np.array([other == sigma for other in sigmas])
        middle, width = (MatrixBall(part.midpoint[chosen], part.radius[chosen]) for part in (mean, deviation))
        found[chosen] = _slope_moments(sigma, middle, width, slopes[chosen])
    return found


def slope_squares(sigmas: Sequence[Sigma], mean: MatrixBall, deviation: MatrixBall, slopes: FloatArray) -> MatrixBall:
    """Hermite coefficients of (sigma'(v) - g)^2, (k, ORDER + 1), for `slopes` g (k,) and v as in `slope_moments`."""
    cells = hermite_cells(GRADED)
    found = MatrixBall(np.zeros((len(slopes), ORDER + 1)), np.zeros((len(slopes), ORDER + 1)))
    for sigma in dict.fromkeys(sigmas):
        chosen = np.array([other == sigma for other in sigmas])
        middle, width = (MatrixBall(part.midpoint[chosen], part.radius[chosen]) for part in (mean, deviation))
        plain, slope, curve = _slope_square(sigma, middle, width, slopes[chosen])
        half = hadamard(curve, _spread(scale(hadamard(width, width), 0.5), cells))
        total = add(
            multiply(plain, cells.moments[0]), multiply(hadamard(slope, _spread(width, cells)), cells.moments[1])
        )
        total = add(total, multiply(exact_matrix(half.midpoint), cells.moments[2]))
        lost = np.square(slope_distances((sigma,) * len(slopes[chosen]), slopes[chosen]))[:, None] * cells.outside
        with np.errstate(invalid="ignore", over="ignore"):
            # The coefficient differs from point to point: what differs meets (xi - c)^2 |H_n| phi.
            lost = lost + (half.radius * cells.halves**2) @ cells.absolute
            lost = lost * (1 + 2 * (cells.halves.size + 8) * 2.0**-52)
        total = _widened(total, np.where(np.isnan(lost), np.inf, lost))
        found.midpoint[chosen], found.radius[chosen] = total.midpoint, total.radius
    return found


def _slope_square(
    sigma: Sigma, mean: MatrixBall, deviation: MatrixBall, slopes: FloatArray
) -> tuple[MatrixBall, MatrixBall, MatrixBall]:
    """h and h' in v at the cells' centres, and the range of h'' over the cells, h = (sigma'(v) - g)^2."""
    cells = hermite_cells(GRADED)
    points, widened = _placed(cells, mean, deviation)
    level = _spread(exact_matrix(slopes[:, None]), cells)
    at = subtract(_range(sigma, 1, points), level), _range(sigma, 2, points)
    over = subtract(_range(sigma, 1, widened), level), _range(sigma, 2, widened), _range(sigma, 3, widened)
    curve = scale(add(hadamard(over[1], over[1]), hadamard(over[0], over[2])), 2.0)
    return hadamard(at[0], at[0]), scale(hadamard(at[0], at[1]), 2.0), curve


def _slope_moments(sigma: Sigma, mean: MatrixBall, deviation: MatrixBall, slopes: FloatArray) -> FloatArray:
    cells = hermite_cells(GRADED)
    plain, slope, curve = _slope_square(sigma, mean, deviation, slopes)
    bent = np.maximum(curve.midpoint + curve.radius, 0.0) * (1 + 2.0**-50)
    square = hadamard(deviation, deviation)
    table = _nonnegative_weights()
    total = add(
        multiply(plain, multiply(cells.moments[0], table)),
        multiply(hadamard(slope, _spread(deviation, cells)), multiply(cells.moments[1], table)),
    )
    # These weights are not negative: the cell's largest h'' serves for all of it.
    last = multiply(hadamard(exact_matrix(bent), _spread(scale(square, 0.5), cells)), multiply(cells.moments[2], table))
    lost = np.square(slope_distances((sigma,) * len(slopes), slopes))[:, None] * (13.0 * cells.outside)
    with np.errstate(invalid="ignore", over="ignore"):
        high = total.midpoint + total.radius + np.maximum(last.midpoint + last.radius, 0.0) + lost
    # Where sigma'' jumps nothing is known.
    return np.where(np.isnan(high), np.inf, np.maximum(high, 0.0) * (1 + 2.0**-48))


def slope_distances(sigmas: Sequence[Sigma], slopes: FloatArray) -> FloatArray:
    """Upper bounds (k,) of sup |sigma' - g|, g = `slopes` (k,)."""
    ends = np.array([_slope_ends(sigma) for sigma in sigmas]).reshape(-1, 2)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.maximum(round_up(ends[:, 1] - slopes), round_up(slopes - ends[:, 0])))


@cache
def _slope_ends(sigma: Sigma) -> tuple[float, float]:
    """Bounds of inf sigma', from below, and of sup sigma', from above."""
    with precision():
        known = activation_constants(*sigma)
        return lower(known.slope_infimum), upper(known.slope_supremum)


def _placed(cells: HermiteCells, mean: MatrixBall, deviation: MatrixBall) -> tuple[MatrixBall, MatrixBall]:
    """Inputs a + s xi at the cells' centres, and over the whole cells, (k, j)."""
    points = add(_spread(mean, cells), multiply(deviation, exact_matrix(cells.centres[None])))
    reach = magnitude_upper(deviation) * cells.halves
    return points, MatrixBall(points.midpoint, (points.radius + reach) * (1 + 2.0**-50))


@cache
def _nonnegative_weights() -> MatrixBall:
    """Columns (xi^2 - 1)^2, xi^2 and 1 in the H_n; the sums of their coefficients are below 13."""
    table = np.zeros((ORDER + 1, 3))
    table[[0, 2, 4], 0] = 2.0, 4.0 * math.sqrt(2.0), math.sqrt(24.0)
    table[[0, 2], 1] = 1.0, math.sqrt(2.0)
    table[0, 2] = 1.0
    return MatrixBall(table, np.abs(table) * 2.0**-51)


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
            spread, radius = spread + radius * cells.halves**3, np.zeros_like(radius)
        total = add(total, multiply(MatrixBall(middle, radius), weight))
    with np.errstate(over="ignore", invalid="ignore"):
        lost = (spread @ cells.absolute) * (1 + 2 * (spread.shape[1] + 8) * 2.0**-52)
    return _widened(total, np.where(np.isnan(lost), np.inf, lost))


@cache
def hermite_cells(lattice: Lattice = EVEN) -> HermiteCells:
    """The lattice and its integrals."""
    inner, positive = 0, [0.0]
    for reach, per_unit in lattice:
        positive += [inner + index / per_unit for index in range(1, (reach - inner) * per_unit + 1)]
        inner = reach
    # All of these are exact.
    corners = np.array([-edge for edge in positive[:0:-1]] + positive)
    halves, centres = 0.5 * np.diff(corners), 0.5 * (corners[1:] + corners[:-1])
    count = len(centres)
    roots = [math.factorial(n) for n in range(ORDER + 1)]
    with precision(192):
        edges = [_edge(ball(float(corner))) for corner in corners]
        norms = [ball(value).sqrt() for value in roots]
        middles, radii = np.empty((4, count, ORDER + 1)), np.empty((4, count, ORDER + 1))
        absolute = np.empty((count, ORDER + 1))
        for index, ((low, low_mass), (high, high_mass)) in enumerate(zip(edges, edges[1:], strict=False)):
            centre, half = ball(float(centres[index])), ball(float(halves[index]))
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
        end = ball(inner)
        density = (-end * end / 2).exp() / (2 * arb.pi()).sqrt()
        beyond = (end / ball(2).sqrt()).erfc()
        square = 2 * density * end + beyond
        fourth = 2 * density * end**3 + 3 * square
        outside = upper((beyond + 2 * square + fourth).sqrt())
    moments = tuple(MatrixBall(middles[power], radii[power]) for power in range(4))
    return HermiteCells(halves, centres, moments, absolute, outside)


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
