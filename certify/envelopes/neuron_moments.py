"""Means of quadratic forms over the graphs of neurons when the latent is Gaussian: two hidden layers, enclosed.

For z = m + B y, y ~ N(0, I), the input of a first layer's neuron is Gaussian. One of the second layer is
v = c + b . y + sum_j W_j sigma_j(u_j) with jointly Gaussian u_j; it is split into a Gaussian w near it and a rest r,

    E g(v) <= E[g(w) + g'(w) r] + sup g'' E r^2/2.

The expectations follow from Hermite coefficients: for standard Gaussians of correlation rho, E[H_n(xi) H_m(xi')] is
rho^n if n = m and 0 otherwise (Mehler); what lies beyond the highest order is bounded by Parseval's identity. Rounded
outward.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    scale,
    subtract,
)
from certify.envelopes.gaussian_moments import ORDER, hermite_coefficients
from certify.envelopes.lifted_form import LiftedNetwork
from certify.envelopes.neuron_forms import Features
from certify.generators.activations import activation_constants

BoolArray: TypeAlias = npt.NDArray[np.bool_]
IntArray: TypeAlias = npt.NDArray[np.intp]

DEGREE = ORDER - 2
"""Highest order of the expansions: a derivative and a factor v take one each."""
SMALLEST_DEVIATION = 1e-4


@dataclass(frozen=True, eq=False)
class NeuronMoments:
    """What a Gaussian latent says of a network with two hidden layers.

    first, second    the neurons of either layer
    square           E[uu'] for u = (1, z, s of the first layer)
    costs            [low, high] (k, 5): what psi_k's coefficients multiply in E[g_k(w_k) + g_k'(w_k) r_k], second layer
    rests            (k,) >= E r_k^2 there
    """

    first: IntArray
    second: IntArray
    square: MatrixBall
    costs: Features
    rests: FloatArray

    def coordinates(self, network: LiftedNetwork) -> tuple[IntArray, IntArray]:
        """Where u and the second layer's outputs are in x."""
        start = 1 + network.latent_dim
        return np.concatenate([np.arange(start), start + self.first]), start + self.second


def neuron_moments(network: LiftedNetwork, mean: FloatArray, factor: FloatArray) -> NeuronMoments | None:
    """The moments under z = m + B y; None where a third layer, which has no such expansion, is met."""
    d = network.latent_dim
    used = (np.abs(network.inputs.midpoint) + network.inputs.radius)[:, 1 + d :] > 0
    deep = np.asarray(used.any(axis=1))
    first, second = np.flatnonzero(~deep), np.flatnonzero(deep)
    if used[second][:, second].any():
        return None
    rows = network.inputs
    columns = exact_matrix(np.concatenate([[1.0], mean])[:, None])
    offsets = multiply(_columns(rows, 0, 1 + d), columns)
    slopes = multiply(_columns(rows, 1, 1 + d), exact_matrix(factor))
    base = _expansion(network, first, _rows(offsets, first), _rows(slopes, first))
    square = _second_moments(base, mean, factor)
    if not len(second):
        nothing = np.zeros((0, 5))
        return NeuronMoments(first, second, square, Features(nothing, nothing), np.zeros(0))
    weights = MatrixBall(rows.midpoint[np.ix_(second, 1 + d + first)], rows.radius[np.ix_(second, 1 + d + first)])
    means, directions = _closest_gaussian(weights, base, _rows(offsets, second), _rows(slopes, second))
    own = _expansion(network, second, exact_matrix(means), exact_matrix(directions))
    rest = _rest(weights, base, own, _rows(offsets, second), _rows(slopes, second))
    total = add(own.values(), own.against(rest))
    low, high = total.midpoint - total.radius, total.midpoint + total.radius
    costs = Features(np.nextafter(low, -np.inf), np.nextafter(high, np.inf))
    return NeuronMoments(first, second, square, costs, rest.square)


@dataclass(frozen=True, eq=False)
class Expansion:
    """Neurons with inputs w_k = a_k + b_k . y = a_k + s_k xi_k.

    plain    Hermite coefficients of sigma, (k, ORDER + 1); squares    those of sigma^2
    units    b_k/s_k, (k, d); tails (k,) >= the root of what sigma has beyond DEGREE; lipschitz (k,) >= sup |sigma'|
    """

    means: MatrixBall
    deviations: MatrixBall
    units: MatrixBall
    plain: MatrixBall
    squares: MatrixBall
    tails: FloatArray
    lipschitz: FloatArray

    def values(self) -> MatrixBall:
        """E(v, s, v^2, vs, s^2), (k, 5)."""
        square = add(hadamard(self.means, self.means), hadamard(self.deviations, self.deviations))
        parts = (self.means, _column(self.plain, 0), square, _column(self.times_input(), 0), _column(self.squares, 0))
        return _beside(parts)

    def times_input(self) -> MatrixBall:
        """Coefficients of v sigma(v), (k, ORDER): xi H_n = sqrt(n+1) H_(n+1) + sqrt(n) H_(n-1)."""
        count = ORDER
        up = hadamard(_columns(self.plain, 1, count + 1), _roots(1, count + 1))
        down = hadamard(_columns(self.plain, 0, count - 1), _roots(1, count))
        padded = MatrixBall(
            np.concatenate([np.zeros((len(down.midpoint), 1)), down.midpoint], axis=1),
            np.concatenate([np.zeros((len(down.midpoint), 1)), down.radius], axis=1),
        )
        return add(hadamard(_columns(self.plain, 0, count), self.means), hadamard(add(up, padded), self.deviations))

    def against(self, rest: Rest) -> MatrixBall:
        """E[phi'(w) r], phi = (v, s, v^2, vs, s^2) along the graph, (k, 5)."""
        inner = rest.coefficients
        plain = _column(inner, 0)
        linear = scale(add(hadamard(self.means, plain), hadamard(self.deviations, _column(inner, 1))), 2.0)
        inverse = _reciprocal(self.deviations)
        parts = [plain]
        mean_square = magnitude_upper(_column(self.squares, 0))[:, 0]
        squares = add(hadamard(self.means, self.means), hadamard(self.deviations, self.deviations))
        input_square = magnitude_upper(squares)
        slope = self.lipschitz
        sizes = (slope, np.sqrt(2 * mean_square + 2 * slope**2 * input_square[:, 0]), 2 * slope * np.sqrt(mean_square))
        for function, size in zip((self.plain, self.times_input(), self.squares), sizes, strict=True):
            # E[(d phi/dv)(w) H_n] s = sqrt(n+1) E[phi H_(n+1)].
            derived = hadamard(hadamard(_columns(function, 1, DEGREE + 2), _roots(1, DEGREE + 2)), inverse)
            sums = _row_sums(hadamard(derived, inner))
            parts.append(MatrixBall(sums.midpoint, sums.radius + (size * rest.tail * (1 + 2.0**-45))[:, None]))
        return _beside((parts[0], parts[1], linear, parts[2], parts[3]))


@dataclass(frozen=True, eq=False)
class Rest:
    """r_k = v_k - w_k: E[r_k H_n(xi_k)], (k, DEGREE + 1); `square` (k,) >= E r_k^2.

    `tail` (k,) is at least the norm of what r_k has beyond DEGREE.
    """

    coefficients: MatrixBall
    square: FloatArray
    tail: FloatArray


def _expansion(network: LiftedNetwork, chosen: IntArray, offsets: MatrixBall, slopes: MatrixBall) -> Expansion:
    squares = _row_sums(hadamard(slopes, slopes))
    high = np.sqrt(np.maximum(squares.midpoint + squares.radius, 0.0)) * (1 + 2.0**-50)
    low = np.sqrt(np.maximum(squares.midpoint - squares.radius, 0.0)) * (1 - 2.0**-50)
    deviations = matrix_from_bounds(low, high)
    count = len(chosen)
    values, second = (MatrixBall(np.zeros((count, ORDER + 1)), np.zeros((count, ORDER + 1))) for _ in range(2))
    lipschitz = np.zeros(count)
    sigmas = [network.sigmas[index] for index in chosen]
    for sigma in dict.fromkeys(sigmas):
        which = np.array([other == sigma for other in sigmas])
        found = hermite_coefficients(sigma, _rows(offsets, which), _rows(deviations, which))
        for target, source in zip((values, second), found, strict=True):
            target.midpoint[which], target.radius[which] = source.midpoint, source.radius
        with precision():
            lipschitz[which] = upper(activation_constants(*sigma).slope_modulus)
    known = _row_sums(hadamard(_columns(values, 0, DEGREE + 1), _columns(values, 0, DEGREE + 1)))
    beyond = subtract(_column(second, 0), known)
    tails = np.sqrt(np.maximum(beyond.midpoint + beyond.radius, 0.0))[:, 0] * (1 + 2.0**-50)
    # A direction of a law without spread is any: then it is all of the unit box.
    safe = low > 1e-280
    units = hadamard(slopes, _reciprocal(matrix_from_bounds(np.where(safe, low, 1.0), np.where(safe, high, 1.0))))
    units = MatrixBall(np.where(safe, units.midpoint, 0.0), np.where(safe, units.radius, 1.0))
    return Expansion(offsets, deviations, units, values, second, tails, lipschitz)


def _second_moments(base: Expansion, mean: FloatArray, factor: FloatArray) -> MatrixBall:
    """E[uu'] for u = (1, z, s of the first layer): E[s_i s_j] = sum_n rho^n c_n c_n', on the diagonal E s^2 itself."""
    d = mean.size
    root = np.zeros((1 + d, 1 + d))
    root[0, 0], root[1:, 0], root[1:, 1:] = 1.0, mean, factor
    linear = _beside([_column(base.plain, 0), hadamard(_column(base.plain, 1), base.units)])
    mixed = multiply(exact_matrix(root), linear.transpose)
    correlation = multiply(base.units, base.units.transpose)
    ones = exact_matrix(np.ones(correlation.shape))
    total, power = exact_matrix(np.zeros(correlation.shape)), ones
    for n in range(DEGREE + 1):
        order = _column(base.plain, n)
        total = add(total, hadamard(multiply(order, order.transpose), power))
        power = hadamard(power, correlation)
    beyond = np.outer(base.tails, base.tails) * (1 + 2.0**-50)
    inner = MatrixBall(total.midpoint.copy(), np.nextafter(total.radius + beyond, np.inf))
    index = np.arange(len(base.tails))
    inner.midpoint[index, index], inner.radius[index, index] = base.squares.midpoint[:, 0], base.squares.radius[:, 0]
    top = _beside([multiply(exact_matrix(root), exact_matrix(root.T)), mixed])
    bottom = _beside([mixed.transpose, inner])
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
    constant = subtract(add(offsets, multiply(weights, _column(base.plain, 0))), own.means)
    linear = multiply(weights, hadamard(_column(base.plain, 1), base.units))
    linear = subtract(add(slopes, linear), hadamard(own.units, own.deviations))
    inner = [constant, _row_sums(hadamard(linear, own.units))]
    square = add(hadamard(constant, constant), _row_sums(hadamard(linear, linear)))
    among, across = multiply(base.units, base.units.transpose), multiply(own.units, base.units.transpose)
    among_power, across_power = among, across
    for n in range(2, DEGREE + 1):
        among_power, across_power = hadamard(among_power, among), hadamard(across_power, across)
        order = hadamard(weights, _column(base.plain, n).transpose)
        inner.append(_row_sums(hadamard(order, across_power)))
        square = add(square, _row_sums(hadamard(multiply(order, among_power), order)))
    tail = (magnitude_upper(weights) @ base.tails) * (1 + 2.0**-40)
    total = (np.maximum(square.midpoint + square.radius, 0.0)[:, 0] + tail * tail) * (1 + 2.0**-45)
    return Rest(_beside(inner), total, tail)


def _rows(matrix: MatrixBall, chosen: IntArray | BoolArray) -> MatrixBall:
    return MatrixBall(matrix.midpoint[chosen], matrix.radius[chosen])


def _columns(matrix: MatrixBall, start: int, stop: int) -> MatrixBall:
    return MatrixBall(matrix.midpoint[:, start:stop], matrix.radius[:, start:stop])


def _column(matrix: MatrixBall, index: int) -> MatrixBall:
    return _columns(matrix, index, index + 1)


def _row_sums(matrix: MatrixBall) -> MatrixBall:
    return multiply(matrix, exact_matrix(np.ones((matrix.shape[1], 1))))


def _roots(start: int, stop: int) -> MatrixBall:
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


def _beside(parts: tuple[MatrixBall, ...] | list[MatrixBall]) -> MatrixBall:
    middle = np.concatenate([part.midpoint for part in parts], axis=1)
    return MatrixBall(middle, np.concatenate([part.radius for part in parts], axis=1))
