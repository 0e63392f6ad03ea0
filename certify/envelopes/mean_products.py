"""The mean of a potential under a Gaussian where the network multiplies functions of one linear form of z each.

Every factor is affine in one neuron of the first hidden layer, or in z: p_i = g_i h_i, g_i and h_i functions of
standard Gaussians xi_i = a_i . y and xi'_i = b_i . y. With constants g*, h* near their means, X = (1, z, s) and
p = T X + r, r_i = (g_i - g*)(h_i - h*),

    f = x'Ax/2 = X'A'X/2 + r'G + r'M r/2,    G the derivative of f there by the products, M their block of A.

- E X'A'X is a sum of Mehler's series (`gaussian_layers`).
- E r_i P_i for the orders P of G up to the second (`mean_expansion`): with h - h* = R + h^, R of degree CUT, the mean
  of F P, F = (g - g*) R, is a finite sum, as E[F y] = E grad F and E[F (yy' - I)] = E grad^2 F, and
  |E (g - g*) h^ P| <= sup |g - g*| |h^| |P|, |E r (G - P)| <= |r| |G - P|, norms in L2.
- |r| <= |(g - g*) R| + sup |g - g*| |h^|, R here of degree HALF: its square is a polynomial of degree ORDER.
- r'M r <= sum_i mu_i r_i^2 for weights with diag(mu) - M > 0 (`gaussian_evidence`).

g is the factor with the narrower range. Rounded outward.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, reduce

import numpy as np

from certify.arithmetic.intervals import (
    FloatArray,
    MatrixBall,
    add,
    exact_matrix,
    hadamard,
    magnitude_upper,
    multiply,
    scale,
    subtract,
)
from certify.envelopes.chaos_norms import UP
from certify.envelopes.gaussian_layers import (
    BoolArray,
    Expansion,
    IntArray,
    TwoLayers,
    beside,
    column,
    columns,
    derivative,
    expansion,
    powers_of,
    row_sums,
    rows_of,
    second_moments,
    upper_ends,
)
from certify.envelopes.gaussian_moments import ORDER, hermite_coefficients
from certify.envelopes.lifted_form import LiftedNetwork, Sigma
from certify.envelopes.mean_expansion import Gradient, MeanExpansion, block, gradient_of, known_mean

CUT = ORDER - 2
HALF = ORDER // 2
IDENTITY: Sigma = ("identity", ())


def product_expansion(
    network: LiftedNetwork, form: MatrixBall, mean: FloatArray, factor: FloatArray
) -> MeanExpansion | None:
    """What is known of E f, f = x'Ax/2 with `form` A, under z = `mean` + `factor` y.

    None where a product or a neuron reads anything else, or no factor of a product is bounded.
    """
    assert network.partners is not None, "the network has products"
    start = 1 + network.latent_dim
    products = np.flatnonzero(network.products)
    plain = np.flatnonzero(~network.products)
    rows = (rows_of(network.inputs, products), rows_of(network.partners.rows, products))
    bounded, other = (_factors(network, part) for part in rows)
    low, high = (ends[products] for ends in network.partners.spans)
    finite = np.isfinite(low).all() and np.isfinite(high).all()
    if bounded is None or other is None or not len(plain) or _reads(network.inputs, start)[plain].any() or not finite:
        return None
    at_mean = exact_matrix(np.concatenate([[1.0], mean])[:, None])

    def expanded(sigmas: Sequence[Sigma], inputs: MatrixBall) -> Expansion:
        offsets = multiply(columns(inputs, 0, start), at_mean)
        slopes = multiply(columns(inputs, 1, start), exact_matrix(factor))
        return expansion(replace(network, sigmas=tuple(sigmas)), np.arange(len(sigmas)), offsets, slopes)

    base = expanded([network.sigmas[index] for index in plain], rows_of(network.inputs, plain))
    plain_g, plain_h = (expanded(part.sigmas, part.rows) for part in (bounded, other))
    g, h, squares = _scaled(plain_g, bounded), _scaled(plain_h, other), _squares(plain_g, bounded)
    shared = second_moments(base, mean, factor)
    if not (shared.is_finite and squares.is_finite):
        return None
    centres = tuple(exact_matrix(part.plain.midpoint[:, :1].copy()) for part in (g, h))
    centre = centres[0].midpoint[:, 0]
    largest = np.maximum(np.abs(high - centre), np.abs(centre - low)) * UP
    # p = T X + r, and A with the products so replaced.
    kept, tail = np.concatenate([np.arange(start), start + plain]), start + products
    tangent = _tangent(rows, centres, kept)
    own, mixed = block(form, tail, tail), block(form, tail, kept)
    turned = add(mixed, multiply(own, tangent))
    first = multiply(tangent.transpose, mixed)
    whole = add(block(form, kept, kept), add(add(first, first.transpose), _sandwich(tangent, own)))
    layers = TwoLayers(mean, factor, plain, products, base, None, own, None, own, own)
    gradient = gradient_of(turned, layers, base)
    shifted = tuple(_shifted(part.plain, at) for part, at in zip((g, h), centres, strict=True))
    rough = [_beyond(h, order) for order in (CUT, HALF)]
    powers = powers_of(row_sums(hadamard(g.units, h.units)))
    size = _norms(shifted, squares, centres[0], powers) + largest * rough[1]
    cost = largest * rough[0] * gradient.norm + size * gradient.beyond
    linear = _linear_part(g, h, shifted, powers, base, gradient)
    known = known_mean(hadamard(whole, shared), np.concatenate([_upper(linear), cost * UP]))
    return None if known is None or not np.isfinite(size).all() else MeanExpansion(known, size * size * UP, own)


def _upper(values: MatrixBall) -> FloatArray:
    """Upper ends (k,) of a column."""
    return np.asarray(np.nextafter(values.midpoint + values.radius, np.inf)[:, 0])


def _reads(rows: MatrixBall, start: int) -> BoolArray:
    """Which rows (k,) have an entry beyond (1, z)."""
    return np.asarray(((np.abs(rows.midpoint) + rows.radius)[:, start:] > 0).any(axis=1))


@dataclass(frozen=True, eq=False)
class Factors:
    """Factors `shift` + `slope` sigma(v), (m, 1) each, v affine in z: `rows` (m, 1 + d + k) of the inputs v."""

    sigmas: tuple[Sigma, ...]
    rows: MatrixBall
    shift: MatrixBall
    slope: MatrixBall


def _factors(network: LiftedNetwork, rows: MatrixBall) -> Factors | None:
    """The factors with these rows in x; None where one reads more than z or a single neuron of the first layer."""
    start, used = 1 + network.latent_dim, np.abs(rows.midpoint) + rows.radius > 0
    inputs = MatrixBall(rows.midpoint.copy(), rows.radius.copy())
    shift, slope = (MatrixBall(np.full((len(used), 1), value), np.zeros((len(used), 1))) for value in (0.0, 1.0))
    sigmas = []
    for place, row in enumerate(used):
        if not row[start:].any():
            sigmas.append(IDENTITY)
            continue
        index = int(np.flatnonzero(row[start:])[0])
        if row[1:].sum() != 1 or network.products[index]:
            return None
        sigmas.append(network.sigmas[index])
        for part, own, at in ((shift, rows, 0), (slope, rows, start + index)):
            part.midpoint[place, 0], part.radius[place, 0] = own.midpoint[place, at], own.radius[place, at]
        inputs.midpoint[place], inputs.radius[place] = network.inputs.midpoint[index], network.inputs.radius[index]
    return None if _reads(inputs, start).any() else Factors(tuple(sigmas), inputs, shift, slope)


def _scaled(part: Expansion, factors: Factors) -> Expansion:
    """The expansion of `shift` + `slope` sigma, in orders alone."""
    plain = _shifted(hadamard(factors.slope, part.plain), scale(factors.shift, -1.0))
    return replace(part, plain=plain, tails=np.asarray(magnitude_upper(factors.slope)[:, 0] * part.tails * UP))


def _squares(part: Expansion, factors: Factors) -> MatrixBall:
    """Hermite coefficients of (shift + slope sigma)^2, (m, ORDER + 1), `part` that of sigma."""
    middle, radius = np.zeros(part.plain.shape), np.zeros(part.plain.shape)
    for sigma in dict.fromkeys(factors.sigmas):
        chosen = np.array([other == sigma for other in factors.sigmas])
        _, found = hermite_coefficients(sigma, rows_of(part.means, chosen), rows_of(part.deviations, chosen))
        middle[chosen], radius[chosen] = found.midpoint, found.radius
    slope, shift = factors.slope, factors.shift
    mixed = scale(hadamard(hadamard(slope, shift), part.plain), 2.0)
    found = add(hadamard(hadamard(slope, slope), MatrixBall(middle, radius)), mixed)
    return _shifted(found, scale(hadamard(shift, shift), -1.0))


def _tangent(rows: tuple[MatrixBall, MatrixBall], centres: tuple[MatrixBall, ...], kept: IntArray) -> MatrixBall:
    """T (m, 1 + d + k): h* g + g* h - g* h* in X."""
    g, h = (MatrixBall(part.midpoint[:, kept], part.radius[:, kept]) for part in rows)
    found = add(hadamard(centres[1], g), hadamard(centres[0], h))
    unit = np.zeros((1, len(kept)))
    unit[0, 0] = 1.0
    return subtract(found, multiply(hadamard(centres[0], centres[1]), exact_matrix(unit)))


def _sandwich(tangent: MatrixBall, own: MatrixBall) -> MatrixBall:
    return multiply(tangent.transpose, multiply(own, tangent))


def _shifted(coefficients: MatrixBall, centre: MatrixBall) -> MatrixBall:
    """Those of the function less its centre."""
    unit = np.zeros((1, coefficients.shape[1]))
    unit[0, 0] = 1.0
    return subtract(coefficients, multiply(centre, exact_matrix(unit)))


def _beyond(part: Expansion, order: int) -> FloatArray:
    """Upper bounds (m,) of the norm of what has more than `order`."""
    above = columns(part.plain, order + 1, ORDER + 1)
    squares = upper_ends(row_sums(hadamard(above, above)))[:, 0]
    return np.asarray(np.sqrt(squares + part.tails**2) * UP)


def _norms(
    shifted: tuple[MatrixBall, ...], squares: MatrixBall, centre: MatrixBall, powers: Sequence[MatrixBall]
) -> FloatArray:
    """Upper bounds (m,) of |(g - g*) R| for R the orders of h - h* up to HALF."""
    # (g - g*)^2 = g^2 - 2 g* (g - g*) - g*^2.
    plain = shifted[0]
    first = subtract(squares, scale(hadamard(centre, plain), 2.0))
    first = _shifted(first, hadamard(centre, centre))
    low = columns(shifted[1], 0, HALF + 1)
    second = beside([row_sums(hadamard(multiply(low, table), low)) for table in _linearisation()])
    terms = [hadamard(hadamard(column(first, n), column(second, n)), powers[n]) for n in range(ORDER + 1)]
    return np.asarray(np.sqrt(upper_ends(reduce(add, terms))[:, 0]) * UP)


@cache
def _linearisation() -> tuple[MatrixBall, ...]:
    """For n = 0, ..., ORDER the table E[H_i H_j H_n], i, j <= HALF: the coefficients of a square."""
    tables = np.zeros((ORDER + 1, HALF + 1, HALF + 1))
    for i in range(HALF + 1):
        for j in range(HALF + 1):
            for k in range(min(i, j) + 1):
                n = i + j - 2 * k
                count = math.factorial(k) * math.comb(i, k) * math.comb(j, k)
                square = count**2 * math.factorial(n) / (math.factorial(i) * math.factorial(j))
                tables[n, i, j] = math.sqrt(square)
    return tuple(MatrixBall(table, table * 2.0**-50) for table in tables)


def _linear_part(
    g: Expansion,
    h: Expansion,
    shifted: tuple[MatrixBall, ...],
    powers: Sequence[MatrixBall],
    base: Expansion,
    gradient: Gradient,
) -> MatrixBall:
    """E[(g - g*) R P], R the orders of h - h* up to CUT, P those of the gradient up to the second, (m, 1).

    `powers` are those of a_i . b_i, (m, 1) each.
    """
    linear, second = gradient.linear, gradient.second
    along, across = (multiply(part.units, base.units.transpose) for part in (g, h))
    weights = (
        (0, 0, gradient.constant, 1.0),
        (1, 0, row_sums(hadamard(linear, g.units)), 1.0),
        (0, 1, row_sums(hadamard(linear, h.units)), 1.0),
        (2, 0, row_sums(hadamard(second, hadamard(along, along))), 1.0),
        (1, 1, row_sums(hadamard(second, hadamard(along, across))), 2.0),
        (0, 2, row_sums(hadamard(second, hadamard(across, across))), 1.0),
    )
    total = []
    for i, j, weight, times in weights:
        outer, inner = derivative(shifted[0], i), derivative(columns(shifted[1], 0, CUT + 1), j)
        terms = [hadamard(hadamard(column(outer, n), column(inner, n)), powers[n]) for n in range(inner.shape[1])]
        total.append(scale(hadamard(reduce(add, terms), weight), times))
    return reduce(add, total)
