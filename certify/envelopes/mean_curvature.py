"""The mean of a potential under a Gaussian with the second layer's activations expanded to the second order.

As in `mean_tangents`, f is a quadratic form in X = (1, y, s, t) with tangents t + g r, and rho = sigma(v) - t - g r.
Let R be the orders of r up to CUT, c and q those from the second to KEPT and to FULL, P those of G = A_e X up to the
second. With phi = sigma'(w) - g, chi = sigma''(w), S >= sup |sigma''|, S_3 >= sup |sigma^(3)|, D' >= sup |sigma' - g|
and D the width of the range of sigma',

    rho = phi R + chi c^2/2 + theta + xi + omega,    |theta| <= S_3 |c|^3/6,    |omega| <= D' |r - R|,
    |xi| <= min(S |o| (|c| + |o|/2), D |o|),    o = R - c.

- E phi R P, E phi q (G - P) up to the order LATER, E chi c^2 P and E phi^2 q^2 are finite sums (`ridge_products`): R
  and G are sums of functions of one linear form each, and so are their derivatives. E[F y] = E grad F and
  E[F (yy' - I)] = E grad^2 F give for P = p_0 + p_1 . y + Gamma : (yy' - I), ' of chi the derivative by eta,

      E chi c^2 P = E[(p_0 chi + p_1.u chi' + u'Gamma u chi'') c^2] + 2 E[chi c (p_1 . grad c + Gamma : grad^2 c)]
                    + 4 E[chi' c (Gamma u . grad c)] + 2 E[chi grad c' Gamma grad c].

- E |theta P| and E |xi P| by the norms in L2 of products of two orders (`chaos_norms`).
- |rho - phi q| <= S/2 |R'^2| + D |q - R'| + D' |r - q| for the orders R' of q up to any; so much meets G - P, and
  |rho| <= |phi q| + |rho - phi q|.

Rounded outward.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, reduce

import numpy as np

from certify.arithmetic.balls import precision, upper
from certify.arithmetic.intervals import (
    FloatArray,
    MatrixBall,
    add,
    hadamard,
    multiply,
    scale,
    stacked,
)
from certify.envelopes.chaos_norms import UP, Tensors, fourth_growth, powers_of_units, product_norm
from certify.envelopes.gaussian_layers import (
    Expansion,
    TwoLayers,
    column,
    columns,
    orders,
    powers_of,
    row_sums,
    rows_of,
    upper_ends,
    upper_sums,
)
from certify.envelopes.gaussian_moments import (
    ORDER,
    slope_distances,
    slope_squares,
)
from certify.envelopes.lifted_form import LiftedNetwork, Sigma
from certify.envelopes.mean_expansion import (
    CUT,
    Gradient,
    MeanExpansion,
    inner_derivative,
    less,
    outer_derivative,
    slope_spans,
)
from certify.envelopes.mean_tangents import (
    tangent_form,
)
from certify.envelopes.ridge_products import Ridges, ridge_product
from certify.generators.activations import activation_constants

KEPT, FULL, LATER = 4, 6, 5
"""Highest orders of c, of q and of G with it: chi'' c^2 asks for 2 KEPT + 4 <= ORDER, phi^2 q^2 for 2 FULL <= ORDER,

phi q G for FULL + LATER < ORDER.
"""

LARGEST_TENSORS = 2**22
"""Entries of all tensors of one order, or of their Gram matrices, that are held; `fourth_growth` serves beyond."""


def curved_expansion(network: LiftedNetwork, form: MatrixBall, layers: TwoLayers) -> MeanExpansion | None:
    """What is known of E f, f = x'Ax/2 with `form` A, behind two layers; None where a moment is not finite."""
    found = tangent_form(network, form, layers)
    if found is None:
        return None
    every, slopes, gradient = found.every, found.slopes, found.gradient
    flat = multiply(gradient.second, powers_of_units(every.units, 2)[1])
    sizes = _sizes(network, layers, slopes, gradient, flat)
    q = whole_rest(layers)
    kept, second = np.sqrt(upper_ends(_kept_squares(network, layers, slopes, q))[:, 0]) * UP, sizes.second()
    size = (kept + second) * UP
    if not np.isfinite(size).all():
        return None
    paid = _paid(sizes, gradient) + second * gradient.beyond + kept * _later_size(gradient)
    further = upper_sums(_further(found.rows, layers, every, slopes, q), _curved(layers, every, gradient, flat))
    return found.expansion(size, further, paid)


def is_smooth(network: LiftedNetwork, layers: TwoLayers) -> bool:
    """Whether sup |sigma^(3)| is finite throughout the second layer."""
    return all(math.isfinite(_third(network.sigmas[index])) for index in layers.second.tolist())


@cache
def _third(sigma: Sigma) -> float:
    """Upper bound of sup |sigma^(3)|."""
    with precision():
        return upper(activation_constants(*sigma).third_modulus)


@dataclass(frozen=True, eq=False)
class Sizes:
    """Upper bounds (k,) each: D', of sup |sigma''|, of sup |sigma^(3)|, of the width of the range of sigma'.

    `norms` (k, CUT + 1) of the orders of r, `beyond` of what is beyond them; `squares` (CUT + 1, CUT + 1, k) of the
    products of two orders of R, `products` (CUT + 1, k) of |R_n (P_1 + P_2)|.
    """

    steepest: FloatArray
    bends: FloatArray
    thirds: FloatArray
    spread: FloatArray
    norms: FloatArray
    beyond: FloatArray
    squares: FloatArray
    products: FloatArray

    def size(self, start: int, last: int) -> FloatArray:
        """Of the norm of the orders `start`, ..., `last` of r."""
        return np.asarray(np.sqrt(np.square(self.norms[:, start : last + 1]).sum(axis=1)) * UP)

    def square(self, last: int) -> FloatArray:
        """Of |R'^2|, R' the orders 2, ..., `last`."""
        return np.asarray(self.squares[2 : last + 1, 2 : last + 1].sum(axis=(0, 1)) * UP)

    def along(self, constant: FloatArray, start: int, last: int) -> FloatArray:
        """Of |R' P|, R' the orders `start`, ..., `last`, `constant` >= |p_0|."""
        return np.asarray((constant * self.size(start, last) + self.products[start : last + 1].sum(axis=0)) * UP)

    def second(self) -> FloatArray:
        """Of |rho - phi q|."""
        left = self.norms[:, :2].sum(axis=1) + self.size(FULL + 1, CUT) + self.beyond
        least = np.full(len(left), np.inf)
        for last in range(2, FULL + 1):
            least = np.fmin(least, 0.5 * self.bends * self.square(last) + self.spread * self.size(last + 1, FULL))
        return np.asarray((least + self.steepest * left) * UP)


def _sizes(
    network: LiftedNetwork, layers: TwoLayers, slopes: FloatArray, gradient: Gradient, flat: MatrixBall
) -> Sizes:
    rest, base, d = layers.rest, layers.base, layers.mean.size
    assert rest is not None, "the caller has looked"
    bends, spread = slope_spans(network, layers)
    thirds = np.array([_third(network.sigmas[index]) for index in layers.second.tolist()])
    steepest = slope_distances([network.sigmas[index] for index in layers.second], slopes)
    norms = (np.sqrt(rest.orders) * UP)[:, : CUT + 1]
    beyond = (np.sqrt(rest.orders[:, CUT + 1 :].sum(axis=1)) + rest.tail) * UP
    count = max(len(slopes), len(base.tails))
    held = [n for n in range(2, KEPT + 1) if count * d ** max(n, 2 * min(2, n - 1)) <= LARGEST_TENSORS]
    powers, tensors = powers_of_units(base.units, max(held, default=1)), {}
    for n in held:
        root = np.full((1, 1), math.sqrt(1.0 / math.factorial(n)))
        part = hadamard(layers.weights, column(base.plain, n).transpose)
        part = hadamard(part, MatrixBall(root, root * 2.0**-50))
        tensors[n] = Tensors(n, multiply(part, powers[n - 1]), d)
    growth = np.array([fourth_growth(n) for n in range(CUT + 1)])
    fourth = (norms * growth * UP).T
    squares = fourth[:, None] * fourth[None] * UP
    products = fourth * (gradient.orders[:, 1] * growth[1] + gradient.orders[:, 2] * growth[2]) * UP
    linear, second = Tensors(1, gradient.linear, d), Tensors(2, flat, d)
    for n, one in tensors.items():
        for m in held[n - 2 :]:
            squares[n, m] = squares[m, n] = np.fmin(squares[n, m], product_norm(one, tensors[m]))
        products[n] = np.fmin(products[n], (product_norm(linear, one) + product_norm(second, one)) * UP)
    return Sizes(steepest, bends, thirds, spread, norms, beyond, squares, products)


def _later_size(gradient: Gradient) -> FloatArray:
    """Upper bounds (k,) of the norm of G's orders beyond LATER."""
    return np.asarray((np.sqrt(np.square(gradient.orders[:, LATER + 1 :]).sum(axis=1)) + gradient.lost) * UP)


def _paid(sizes: Sizes, gradient: Gradient) -> FloatArray:
    """Upper bounds (k,) of E rho P less its finite sums."""
    p0 = gradient.size
    # |c|^3 |P| by |c^2| and |c P|; what o = R - c adds to phi o is at most S |o| (|c| + |o|/2), and at most spread |o|.
    cubes = sizes.square(KEPT) * sizes.along(p0, 2, KEPT)
    least = np.full(len(p0), np.inf)
    for last in range(KEPT, CUT + 1):
        size = sizes.size(KEPT + 1, last)
        mixed = size * (sizes.along(p0, 2, KEPT) + 0.5 * sizes.along(p0, KEPT + 1, last))
        # Beyond `last` both serve for what is left.
        least = np.fmin(least, sizes.bends * mixed + sizes.spread * sizes.size(last + 1, CUT) * gradient.norm)
    low = sizes.norms[:, :2].sum(axis=1)
    least = least + sizes.thirds / 6 * cubes
    return np.asarray((least + sizes.steepest * (low + sizes.beyond) * gradient.norm) * UP)


def whole_rest(layers: TwoLayers) -> Ridges:
    """The orders q of r."""
    return Ridges([(layers.weights, inner_derivative(layers.base, 0, FULL))], _along(layers))


def _along(layers: TwoLayers) -> MatrixBall:
    assert layers.own is not None, "the caller has looked"
    return multiply(layers.own.units, layers.base.units.transpose)


def _kept_squares(network: LiftedNetwork, layers: TwoLayers, slopes: FloatArray, q: Ridges) -> MatrixBall:
    """E phi^2 q^2, (k, 1)."""
    own = layers.own
    assert own is not None, "the caller has looked"
    sigmas = tuple(network.sigmas[index] for index in layers.second)
    squares = slope_squares(sigmas, own.means, own.deviations, slopes)
    return ridge_product(squares, q, q, layers.base.correlations)


def _further(rows: MatrixBall, layers: TwoLayers, every: Expansion, slopes: FloatArray, q: Ridges) -> MatrixBall:
    """E phi q G for the orders 3, ..., LATER of G = `rows` (1, y, s, t), (k, 1)."""
    own = layers.own
    assert own is not None, "the caller has looked"
    inner = columns(rows, 1 + layers.mean.size, rows.shape[1])
    others = Ridges([(inner, orders(every.plain, 3, LATER))], multiply(own.units, every.units.transpose))
    crossed = powers_of(multiply(layers.base.units, every.units.transpose))
    return ridge_product(less(outer_derivative(own, 0, ORDER - 1), slopes), q, others, crossed)


def _curved(layers: TwoLayers, every: Expansion, gradient: Gradient, flat: MatrixBall) -> MatrixBall:
    """E chi q^2 P/2, (k, 1)."""
    own, base, d = layers.own, layers.base, layers.mean.size
    assert own is not None, "the caller has looked"
    along, weights, second = _along(layers), layers.weights, gradient.second
    towards = multiply(own.units, every.units.transpose)
    crossed = multiply(every.units, base.units.transpose)
    # sigma'' is phi' by w.
    phi = [outer_derivative(own, order, ORDER - 1 - order) for order in range(1, 4)]
    chi = [hadamard(part, own.inverse_deviations()) for part in phi]
    width = chi[2].shape[1]
    constants = [
        gradient.constant,
        row_sums(hadamard(gradient.linear, own.units)),
        row_sums(hadamard(second, hadamard(towards, towards))),
    ]
    function = reduce(add, [hadamard(columns(c, 0, width), factor) for c, factor in zip(chi, constants, strict=True)])
    once, twice = (inner_derivative(base, order, KEPT) for order in (1, 2))
    q = Ridges([(weights, inner_derivative(base, 0, KEPT))], along)
    moved = multiply(gradient.linear, base.units.transpose)
    bent = multiply(second, hadamard(crossed, crossed))
    turned = multiply(hadamard(second, towards), crossed)
    powers = base.correlations
    found = [
        scale(ridge_product(function, q, q, powers), 0.5),
        ridge_product(
            chi[0], q, Ridges([(hadamard(weights, moved), once), (hadamard(weights, bent), twice)], along), powers
        ),
        scale(ridge_product(chi[1], q, Ridges([(hadamard(weights, turned), once)], along), powers), 2.0),
    ]
    # grad q' Gamma grad q, axis by axis.
    left, right = [], []
    for axis in range(d):
        own_axis = column(base.units, axis).transpose
        left.append(hadamard(weights, own_axis))
        image = multiply(columns(flat, d * axis, d * (axis + 1)), base.units.transpose)
        right.append(hadamard(weights, image))
    repeated = stacked([along] * d)
    products = ridge_product(
        stacked([chi[0]] * d),
        Ridges([(stacked(left), once)], repeated),
        Ridges([(stacked(right), once)], repeated),
        powers,
    )
    count = len(gradient.size)
    found.extend(rows_of(products, np.arange(axis * count, (axis + 1) * count)) for axis in range(d))
    return reduce(add, found)
