"""The mean of a potential under a Gaussian by expanding the second hidden layer around Gaussian inputs.

With z = m + B y and v = w + r (`gaussian_layers`), t = sigma(w), rho = sigma(v) - t, X = (1, z, s, t) in place of x and
M the second layer's block of A,

    f = x'Ax/2 = X'AX/2 + rho'G + rho'M rho/2,    G = A_e X the derivative of f there by the second layer's outputs.

- E X'AX/2 is a sum of Mehler's series: all inputs in X are Gaussian.
- rho'M rho <= sum_k mu_k rho_k^2 for any weights mu >= 0 with diag(mu) - M > 0, one Cholesky factorisation.
- G_k = P_k + H_k, P_k its orders in y up to the second. |E rho_k H_k| <= |rho_k| |H_k| in L2. With R the polynomial of
  degree CUT in r, r = R + r^, R = R' + R'' the orders up to some c and beyond, S >= sup |sigma''|, L >= sup |sigma'|
  and D the width of the range of sigma',

      E rho_k P_k <= E[sigma'(w) R P_k] + S/2 (|p_0| E R'^2 + |R'|_4^2 |P_k - p_0|) + (D |R''| + L |r^|) |P_k|,

  and the first mean is a finite sum: E[F y] = E grad F and E[F (yy' - I)] = E grad^2 F for F = sigma'(w) R. The best
  c is taken for each neuron; with c = 1 kinks are admitted.
- |R'|_4 by its orders: |R_n|_4 <= |H_n|_4 |R_n| (`chaos_norms`).
- |rho_k| <= L |r|.

Nothing is taken at its supremum but sigma' and sigma'' in what is of second order in r. Rounded outward.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, reduce

import numpy as np
from flint import arb

from certify.arithmetic.balls import ball, precision, upper
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
    stacked,
    subtract,
)
from certify.envelopes.chaos_norms import UP, fourth_growth
from certify.envelopes.gaussian_layers import (
    Expansion,
    IntArray,
    TwoLayers,
    beside,
    column,
    columns,
    derivative,
    orders,
    row_sums,
    rows_of,
    second_moments,
    upper_ends,
    upper_sums,
)
from certify.envelopes.gaussian_moments import ORDER
from certify.envelopes.lifted_form import LiftedNetwork, Sigma
from certify.generators.activations import activation_constants

CUT = ORDER - 3
"""Highest order of R: sigma''' is known to it."""


@dataclass(frozen=True, eq=False)
class MeanExpansion:
    """E f <= `known` + sum_k mu_k `squares`_k/2 for weights mu (k,) >= 0 with diag(mu) - `form` > 0, rounded up.

    `squares` (k,) >= E rho_k^2, `form` the second layer's block M of A. `paid` says how much of `known` is bounds of
    what is not a finite sum.
    """

    known: float
    squares: FloatArray
    form: MatrixBall
    paid: float = 0.0


def mean_expansion(network: LiftedNetwork, form: MatrixBall, layers: TwoLayers) -> MeanExpansion | None:
    """What is known of E f, f = x'Ax/2 with `form` A; None where a moment is not finite.

    With one hidden layer all of E f is.
    """
    own, rest = layers.own, layers.rest
    start = 1 + network.latent_dim
    tail = start + layers.second
    index = np.concatenate([np.arange(start), start + layers.first, tail])
    every = layers.base if own is None else both(layers.base, own)
    shared = second_moments(every, layers.mean, layers.factor)
    if not shared.is_finite:
        return None
    traced = hadamard(block(form, index, index), shared)
    if own is None or rest is None:
        known = known_mean(traced, np.zeros(0))
        return None if known is None else MeanExpansion(known, np.zeros(0), block(form, tail, tail))
    gradient = gradient_of(block(form, tail, index), layers, every)
    size = np.sqrt(rest.square) * own.lipschitz * UP
    paid = _second_order(network, layers, gradient) + size * gradient.beyond
    first = first_order(layers.base, own, every, layers.weights, gradient)
    known = known_mean(traced, np.concatenate([first, paid * UP]))
    return None if known is None else MeanExpansion(known, size * size * UP, block(form, tail, tail), float(paid.sum()))


@cache
def fourth_norms() -> FloatArray:
    """|R_n|_4 <= growth_n |R_n| for n = 0 .. CUT."""
    return np.array([fourth_growth(n) for n in range(CUT + 1)])


def known_mean(traced: MatrixBall, terms: FloatArray) -> float | None:
    """Half of the sum of what is traced, and the sum of `terms`, rounded up; None where it is not finite."""
    if not (traced.is_finite and np.isfinite(terms).all()):
        return None
    trace = row_sums(row_sums(traced).transpose)
    with precision():
        total = (ball(float(trace.midpoint[0, 0])) + ball(float(trace.radius[0, 0]))) / 2
        found = upper(total + sum((ball(float(x)) for x in terms), arb(0)))
    return found if math.isfinite(found) else None


@dataclass(frozen=True, eq=False)
class Gradient:
    """G_k in orders of y: p_0 (k, 1), p_1 (k, d), and Gamma_k = sum_l `second`_kl D_l D_l' over directions D_l.

    P_k = p_0 + p_1 . y + Gamma_k : (yy' - I); upper bounds (k,): `size` of |p_0|, `moving` of |P_k - p_0|, `norm` of
    |P_k|, `beyond` of |G_k - P_k|; `orders` (k, ORDER + 1) of the norms of G_k's orders, `lost` of what is beyond them.
    """

    constant: MatrixBall
    linear: MatrixBall
    second: MatrixBall
    size: FloatArray
    moving: FloatArray
    norm: FloatArray
    beyond: FloatArray
    orders: FloatArray
    lost: FloatArray


def gradient_of(rows: MatrixBall, layers: TwoLayers, every: Expansion) -> Gradient:
    """G = A_e X for `rows` A_e, columns (1, z, s, t)."""
    d = layers.mean.size
    inner = columns(rows, 1 + d, rows.shape[1])
    at_mean = exact_matrix(np.concatenate([[1.0], layers.mean])[:, None])
    constant = add(multiply(columns(rows, 0, 1 + d), at_mean), multiply(inner, column(every.plain, 0)))
    linear = add(
        multiply(columns(rows, 1, 1 + d), exact_matrix(layers.factor)),
        multiply(hadamard(inner, column(every.plain, 1).transpose), every.units),
    )
    # H_2(D . y) = D D' : (yy' - I)/sqrt(2).
    second = hadamard(hadamard(inner, column(every.plain, 2).transpose), root_half())
    squares = []
    for n in range(2, ORDER + 1):
        order = hadamard(inner, column(every.plain, n).transpose)
        squares.append(row_sums(hadamard(multiply(order, every.correlations[n]), order)))
    norms = upper_ends(beside([hadamard(constant, constant), row_sums(hadamard(linear, linear)), *squares]))
    lost = magnitude_upper(inner) @ every.tails

    def length(start: int, stop: int) -> FloatArray:
        return np.asarray(np.sqrt(norms[:, start:stop].sum(axis=1)) * UP)

    beyond = (length(3, ORDER + 1) + lost) * UP
    orders, lost = np.asarray(np.sqrt(norms) * UP), np.asarray(lost * UP)
    return Gradient(constant, linear, second, length(0, 1), length(1, 3), length(0, 3), beyond, orders, lost)


def first_order(
    base: Expansion,
    own: Expansion,
    every: Expansion,
    weights: MatrixBall,
    gradient: Gradient,
    tangents: FloatArray | None = None,
) -> FloatArray:
    """E[sigma'(w_k) R_k P_k] (k,), rounded up, but for the orders of R below the second; sigma' less `tangents`."""
    # `every` has the neurons of `base` first.
    first, others = np.arange(len(base.tails)), np.arange(len(base.tails), len(every.tails))
    own_every = rows_of(every.correlations[1], others)
    every_base = columns(every.correlations[1], 0, len(first))
    second = gradient.second
    along = row_sums(hadamard(gradient.linear, own.units))
    across = multiply(gradient.linear, base.units.transpose)
    both = row_sums(hadamard(second, hadamard(own_every, own_every)))
    mixed = multiply(hadamard(second, own_every), every_base)
    twice = multiply(second, hadamard(every_base, every_base))
    own_base = [block(power, others, first) for power in every.correlations]
    slopes = [outer_derivative(own, order) for order in range(3)]
    if tangents is not None:
        slopes[0] = less(slopes[0], tangents)
    inner = [inner_derivative(base, order) for order in range(3)]

    def mean(i: int, j: int) -> MatrixBall:
        """E[phi^(i)(eta_k) h^(j)(xi_j)], phi = sigma' along the neuron's own direction."""
        parts = [
            hadamard(hadamard(own_base[n], column(slopes[i], n)), column(inner[j], n).transpose)
            for n in range(inner[j].shape[1])
        ]
        return reduce(add, parts)

    parts = [
        hadamard(mean(0, 0), gradient.constant),
        hadamard(mean(1, 0), along),
        hadamard(mean(0, 1), across),
        hadamard(mean(2, 0), both),
        scale(hadamard(mean(1, 1), mixed), 2.0),
        hadamard(mean(0, 2), twice),
    ]
    return upper_sums(row_sums(hadamard(weights, reduce(add, parts))))


def outer_derivative(own: Expansion, order: int, last: int = CUT) -> MatrixBall:
    """Coefficients 0 .. `last` of phi^(order), phi(eta) = sigma'(w): derivatives of sigma by eta, divided by s once."""
    return hadamard(derivative(columns(own.plain, 0, last + 2 + order), 1 + order), own.inverse_deviations())


def inner_derivative(base: Expansion, order: int, last: int = CUT) -> MatrixBall:
    """Coefficients 0 .. `last` - order of h^(order), h the orders 2 .. `last` of sigma."""
    return derivative(orders(base.plain, 2, last), order)


def less(function: MatrixBall, constants: FloatArray) -> MatrixBall:
    """Coefficients of functions (k, n) less `constants` (k,)."""
    found = np.zeros(function.shape)
    found[:, 0] = constants
    return subtract(function, exact_matrix(found))


def _second_order(network: LiftedNetwork, layers: TwoLayers, gradient: Gradient) -> FloatArray:
    """Upper bounds (k,) of E rho_k P_k - E[sigma'(w_k) R_k P_k], orders of R below the second left to the former."""
    own, rest = layers.own, layers.rest
    assert own is not None and rest is not None, "the caller has looked"
    bends, spread = slope_spans(network, layers)
    growth = fourth_norms()
    norms = np.sqrt(rest.orders) * UP
    low, beyond = norms[:, :2].sum(axis=1), np.sqrt(rest.orders[:, CUT + 1 :].sum(axis=1)) + rest.tail
    least = np.full(len(low), np.inf)
    for last in range(1, CUT + 1):
        fourth = (norms[:, 2 : last + 1] @ growth[2 : last + 1]) ** 2
        plain = gradient.size * rest.orders[:, 2 : last + 1].sum(axis=1) + gradient.moving * fourth
        curved = 0.5 * bends * plain if last > 1 else 0.0
        left = spread * np.sqrt(rest.orders[:, last + 1 : CUT + 1].sum(axis=1))
        # At a kink with nothing below the cut the product is no number, and says nothing.
        least = np.fmin(least, curved + left * gradient.norm)
    return np.asarray((least + own.lipschitz * (low + beyond) * gradient.norm) * UP)


def slope_spans(network: LiftedNetwork, layers: TwoLayers) -> tuple[FloatArray, FloatArray]:
    """Upper bounds (k,) of sup |sigma''| and of the width of the range of sigma' in the second layer."""
    found = np.array([_spans(network.sigmas[index]) for index in layers.second]).reshape(-1, 2)
    return found[:, 0], found[:, 1]


@cache
def _spans(sigma: Sigma) -> tuple[float, float]:
    with precision():
        known = activation_constants(*sigma)
        return upper(known.curvature_modulus), upper(known.slope_supremum - known.slope_infimum)


def both(first: Expansion, second: Expansion) -> Expansion:
    """The neurons of `first`, then those of `second`."""

    def joined(name: str) -> MatrixBall:
        return stacked([getattr(first, name), getattr(second, name)])

    return Expansion(
        joined("means"), joined("deviations"), joined("units"), joined("plain"), joined("square"),
        np.concatenate([first.tails, second.tails]), np.concatenate([first.lipschitz, second.lipschitz]),
    )  # fmt: skip


def block(form: MatrixBall, rows: IntArray, cols: IntArray) -> MatrixBall:
    """The entries in those rows and columns."""
    at = np.ix_(rows, cols)
    return MatrixBall(form.midpoint[at], form.radius[at])


def root_half() -> MatrixBall:
    """sqrt(1/2), (1, 1)."""
    return matrix_from_bounds([[np.nextafter(math.sqrt(0.5), 0.0)]], [[np.nextafter(math.sqrt(0.5), 1.0)]])
