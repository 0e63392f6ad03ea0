"""Two hidden layers under a Gaussian latent: their neurons' inputs in orders of Hermite polynomials, enclosed.

For z = m + B y, y ~ N(0, I), the input u_j of a first layer's neuron is Gaussian. One of the second layer is
v = c + b . y + sum_j W_j sigma_j(u_j) with jointly Gaussian u_j; it is split into a Gaussian w near it and a rest r.
For standard Gaussians of correlation rho, E[H_n(xi) H_m(xi')] is rho^n if n = m and 0 otherwise (Mehler); what lies
beyond the highest order is bounded by Parseval's identity. Rounded outward.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from certify.arithmetic.balls import precision, upper
from certify.arithmetic.intervals import (
    FloatArray,
    MatrixBall,
    add,
    exact_matrix,
    hadamard,
    magnitude_upper,
    matrix_from_bounds,
    multiply,
    subtract,
)
from certify.envelopes.gaussian_moments import EVEN, ORDER, Lattice, hermite_coefficients
from certify.envelopes.lifted_form import LiftedNetwork
from certify.generators.activations import activation_constants

BoolArray: TypeAlias = npt.NDArray[np.bool_]
IntArray: TypeAlias = npt.NDArray[np.intp]

SMALLEST_DEVIATION = 1e-4


@dataclass(frozen=True, eq=False)
class TwoLayers:
    """The neurons of two hidden layers under z = m + B y.

    first, second    their places among the network's neurons
    base, own        the first layer, and the Gaussians w near the second layer's inputs; None where there is none
    weights          W (k, j) from the first layer to the second;  rest    r = v - w
    offsets, slopes  the second layer's inputs without it: offsets (k, 1) + slopes (k, d) y
    """

    mean: FloatArray
    factor: FloatArray
    first: IntArray
    second: IntArray
    base: Expansion
    own: Expansion | None
    weights: MatrixBall
    rest: Rest | None
    offsets: MatrixBall
    slopes: MatrixBall


def neurons_by_layer(network: LiftedNetwork) -> tuple[IntArray, IntArray] | None:
    """Numbers of the neurons that see z alone, and of those that see these; None where a third layer is met. Exact."""
    used = (np.abs(network.inputs.midpoint) + network.inputs.radius)[:, 1 + network.latent_dim :] > 0
    deep = np.asarray(used.any(axis=1))
    first, second = np.flatnonzero(~deep), np.flatnonzero(deep)
    return None if used[second][:, second].any() else (first, second)


def two_layers(
    network: LiftedNetwork, mean: FloatArray, factor: FloatArray, lattice: Lattice = EVEN, base_lattice: Lattice = EVEN
) -> TwoLayers | None:
    """The layers under z = m + B y; None where a third layer, which has no such expansion, is met.

    `lattice` and the first layer's `base_lattice` as in `gaussian_moments.hermite_cells`.
    """
    layers = neurons_by_layer(network)
    if layers is None:
        return None
    (first, second), d, rows = layers, network.latent_dim, network.inputs
    at_mean = exact_matrix(np.concatenate([[1.0], mean])[:, None])
    offsets = multiply(columns(rows, 0, 1 + d), at_mean)
    slopes = multiply(columns(rows, 1, 1 + d), exact_matrix(factor))
    base = expansion(network, first, rows_of(offsets, first), rows_of(slopes, first), base_lattice)
    weights = MatrixBall(rows.midpoint[np.ix_(second, 1 + d + first)], rows.radius[np.ix_(second, 1 + d + first)])
    offsets, slopes = rows_of(offsets, second), rows_of(slopes, second)
    if not len(second):
        return TwoLayers(mean, factor, first, second, base, None, weights, None, offsets, slopes)
    means, directions = _closest_gaussian(weights, base, offsets, slopes)
    own = expansion(network, second, exact_matrix(means), exact_matrix(directions), lattice)
    rest = _rest(weights, base, own, offsets, slopes)
    return TwoLayers(mean, factor, first, second, base, own, weights, rest, offsets, slopes)


@dataclass(frozen=True, eq=False)
class Expansion:
    """Neurons with inputs w_k = a_k + b_k . y = a_k + s_k xi_k.

    plain    Hermite coefficients of sigma, (k, ORDER + 1); square    E sigma^2, (k, 1)
    units    b_k/s_k, (k, d); tails (k,) >= the root of what sigma has beyond ORDER; lipschitz (k,) >= sup |sigma'|
    """

    means: MatrixBall
    deviations: MatrixBall
    units: MatrixBall
    plain: MatrixBall
    square: MatrixBall
    tails: FloatArray
    lipschitz: FloatArray

    @cached_property
    def correlations(self) -> tuple[MatrixBall, ...]:
        """Those of the inputs to the powers 0, ..., ORDER, (k, k) each: what Mehler's series are made of."""
        return powers_of(multiply(self.units, self.units.transpose))

    def inverse_deviations(self) -> MatrixBall:
        """1/s_k, (k, 1)."""
        return _reciprocal(self.deviations)


@dataclass(frozen=True, eq=False)
class Rest:
    """r_k = v_k - w_k: `square` (k,) >= E r_k^2, `orders` (k, ORDER + 1) >= the squared norms of its orders in y.

    `tail` (k,) is at least the norm of what is beyond them.
    """

    square: FloatArray
    orders: FloatArray
    tail: FloatArray


def expansion(
    network: LiftedNetwork,
    chosen: IntArray,
    offsets: MatrixBall,
    slopes: MatrixBall,
    lattice: Lattice = EVEN,
) -> Expansion:
    """The `chosen` neurons under inputs `offsets` (j, 1) + `slopes` (j, d) y."""
    squares = row_sums(hadamard(slopes, slopes))
    high = np.sqrt(np.maximum(squares.midpoint + squares.radius, 0.0)) * (1 + 2.0**-50)
    low = np.sqrt(np.maximum(squares.midpoint - squares.radius, 0.0)) * (1 - 2.0**-50)
    deviations = matrix_from_bounds(low, high)
    count = len(chosen)
    plain, squared = (MatrixBall(np.zeros((count, ORDER + 1)), np.zeros((count, ORDER + 1))) for _ in range(2))
    lipschitz = np.zeros(count)
    sigmas = [network.sigmas[index] for index in chosen]
    for sigma in dict.fromkeys(sigmas):
        which = np.array([other == sigma for other in sigmas])
        found = hermite_coefficients(sigma, rows_of(offsets, which), rows_of(deviations, which), lattice)
        for target, source in zip((plain, squared), found, strict=True):
            target.midpoint[which], target.radius[which] = source.midpoint, source.radius
        with precision():
            lipschitz[which] = upper(activation_constants(*sigma).slope_modulus)
    square = column(squared, 0)
    beyond = subtract(square, row_sums(hadamard(plain, plain)))
    tails = np.sqrt(np.maximum(beyond.midpoint + beyond.radius, 0.0))[:, 0] * (1 + 2.0**-50)
    # A direction of a law without spread is any: then it is all of the unit box.
    safe = low > 1e-280
    units = hadamard(slopes, _reciprocal(matrix_from_bounds(np.where(safe, low, 1.0), np.where(safe, high, 1.0))))
    units = MatrixBall(np.where(safe, units.midpoint, 0.0), np.where(safe, units.radius, 1.0))
    return Expansion(offsets, deviations, units, plain, square, tails, lipschitz)


def second_moments(base: Expansion, mean: FloatArray, factor: FloatArray) -> MatrixBall:
    """E[uu'] for u = (1, z, s), s the neurons': E[s_i s_j] = sum_n rho^n c_n c_n', on the diagonal E s^2 itself."""
    d = mean.size
    root = np.zeros((1 + d, 1 + d))
    root[0, 0], root[1:, 0], root[1:, 1:] = 1.0, mean, factor
    linear = beside([column(base.plain, 0), hadamard(column(base.plain, 1), base.units)])
    mixed = multiply(exact_matrix(root), linear.transpose)
    total = exact_matrix(np.zeros((len(base.tails), len(base.tails))))
    for n, power in enumerate(base.correlations):
        order = column(base.plain, n)
        total = add(total, hadamard(multiply(order, order.transpose), power))
    beyond = np.outer(base.tails, base.tails) * (1 + 2.0**-50)
    inner = MatrixBall(total.midpoint.copy(), np.nextafter(total.radius + beyond, np.inf))
    index = np.arange(len(base.tails))
    inner.midpoint[index, index], inner.radius[index, index] = base.square.midpoint[:, 0], base.square.radius[:, 0]
    top = beside([multiply(exact_matrix(root), exact_matrix(root.T)), mixed])
    bottom = beside([mixed.transpose, inner])
    return MatrixBall(np.concatenate([top.midpoint, bottom.midpoint]), np.concatenate([top.radius, bottom.radius]))


def _closest_gaussian(
    weights: MatrixBall, base: Expansion, offsets: MatrixBall, slopes: MatrixBall
) -> tuple[FloatArray, FloatArray]:
    """Floats near the mean and the linear part of v_k in y, (k, 1) and (k, d). Any would do."""
    means = offsets.midpoint + weights.midpoint @ base.plain.midpoint[:, :1]
    directions = slopes.midpoint + weights.midpoint @ (base.plain.midpoint[:, 1:2] * base.units.midpoint)
    short = np.linalg.norm(directions, axis=1) < SMALLEST_DEVIATION
    directions[short, 0] += 2 * SMALLEST_DEVIATION
    return means, directions


def _rest(weights: MatrixBall, base: Expansion, own: Expansion, offsets: MatrixBall, slopes: MatrixBall) -> Rest:
    """R_k = c_0 + c_1 . y + sum_j W_kj sigma_j(u_j) less what the lowest two orders hold, order by order."""
    constant = subtract(add(offsets, multiply(weights, column(base.plain, 0))), own.means)
    linear = multiply(weights, hadamard(column(base.plain, 1), base.units))
    linear = subtract(add(slopes, linear), hadamard(own.units, own.deviations))
    orders = [hadamard(constant, constant), row_sums(hadamard(linear, linear))]
    for n in range(2, ORDER + 1):
        order = hadamard(weights, column(base.plain, n).transpose)
        orders.append(row_sums(hadamard(multiply(order, base.correlations[n]), order)))
    tail = (magnitude_upper(weights) @ base.tails) * (1 + 2.0**-40)
    norms = upper_ends(beside(orders))
    total = (norms.sum(axis=1) + tail * tail) * (1 + 2.0**-45)
    return Rest(total, norms, tail)


def powers_of(values: MatrixBall) -> tuple[MatrixBall, ...]:
    """Powers 0, ..., ORDER of every entry."""
    powers = [exact_matrix(np.ones(values.shape)), values]
    while len(powers) <= ORDER:
        powers.append(hadamard(powers[-1], values))
    return tuple(powers)


def derivative(coefficients: MatrixBall, order: int) -> MatrixBall:
    """Hermite coefficients of the derivative of that order: c_(n + order) times the root of (n + 1) ... (n + order)."""
    count = coefficients.shape[1] - order
    found = columns(coefficients, order, coefficients.shape[1])
    for shift in range(1, 1 + order):
        found = hadamard(found, roots(shift, shift + count))
    return found


def orders(coefficients: MatrixBall, first: int, last: int) -> MatrixBall:
    """Hermite coefficients 0, ..., `last` with those below `first` set to 0."""
    found = columns(coefficients, 0, last + 1)
    middle, radius = found.midpoint.copy(), found.radius.copy()
    middle[:, :first], radius[:, :first] = 0.0, 0.0
    return MatrixBall(middle, radius)


def upper_sums(*parts: MatrixBall) -> FloatArray:
    """Upper ends (k,) of the sums of columns (k, 1)."""
    total = reduce(add, parts)
    return np.asarray(np.nextafter(total.midpoint + total.radius, np.inf)[:, 0])


def upper_ends(squares: MatrixBall) -> FloatArray:
    """Upper ends, at least 0, of numbers that are no negative ones."""
    return np.asarray(np.maximum(np.nextafter(squares.midpoint + squares.radius, np.inf), 0.0))


def rows_of(matrix: MatrixBall, chosen: IntArray | BoolArray) -> MatrixBall:
    """Its `chosen` rows."""
    return MatrixBall(matrix.midpoint[chosen], matrix.radius[chosen])


def columns(matrix: MatrixBall, start: int, stop: int) -> MatrixBall:
    """Its columns start, ..., stop - 1."""
    return MatrixBall(matrix.midpoint[:, start:stop], matrix.radius[:, start:stop])


def column(matrix: MatrixBall, index: int) -> MatrixBall:
    """One column, (k, 1)."""
    return columns(matrix, index, index + 1)


def row_sums(matrix: MatrixBall) -> MatrixBall:
    """The sums of its rows, (k, 1), rounded outward."""
    return multiply(matrix, exact_matrix(np.ones((matrix.shape[1], 1))))


def roots(start: int, stop: int) -> MatrixBall:
    """Row of sqrt(n), start <= n < stop."""
    middle = np.sqrt(np.arange(start, stop, dtype=np.float64))[None]
    return MatrixBall(middle, middle * 2.0**-52)


def _reciprocal(values: MatrixBall) -> MatrixBall:
    """1/s for positive intervals; the whole line where one reaches zero."""
    low, high = values.midpoint - values.radius, values.midpoint + values.radius
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = (1 / high) * (1 - 2.0**-50), (1 / low) * (1 + 2.0**-50)
    positive = low > 0
    return matrix_from_bounds(np.where(positive, ends[0], -np.inf), np.where(positive, ends[1], np.inf))


def beside(parts: Sequence[MatrixBall]) -> MatrixBall:
    """The parts' columns, one part after the other."""
    middle = np.concatenate([part.midpoint for part in parts], axis=1)
    return MatrixBall(middle, np.concatenate([part.radius for part in parts], axis=1))
