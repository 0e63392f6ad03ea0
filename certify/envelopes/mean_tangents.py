"""The mean of a potential under a Gaussian with the second layer's activations replaced by their tangents.

As in `mean_expansion`, but with t + g r in place of t for slopes g: v and w are linear in (1, y, s), so f is a
quadratic form in X = (1, y, s, t) as before, and rho = sigma(v) - t - g r takes the place of rho = sigma(v) - t. Then
sigma' - g stands for sigma', and

    |rho_k| <= |(sigma'(w) - g) R_2| + D' (|R - R_2| + |r^|) + S/2 |R_2|_4^2,    D' >= sup |sigma' - g|,

of third order in the width of the Gaussian where g = E sigma'(w). With R_2 = y'Qy - tr Q, eta the standard Gaussian of
w = a + s eta, u its direction, h = (sigma'(w) - g)^2 and q = u'Qu, the square of the first term is

    q^2 E[h (eta^2 - 1)^2] + 4 (|Qu|^2 - q^2) E[h eta^2] + 2 (|Q|^2 - 2 |Qu|^2 + q^2) E h.

Rounded outward.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from certify.arithmetic.intervals import (
    FloatArray,
    MatrixBall,
    add,
    exact_matrix,
    hadamard,
    multiply,
    scale,
    scale_columns,
    subtract,
)
from certify.envelopes.chaos_norms import UP
from certify.envelopes.gaussian_layers import (
    Expansion,
    TwoLayers,
    beside,
    column,
    row_sums,
    rows_of,
    second_moments,
    upper_ends,
)
from certify.envelopes.gaussian_moments import slope_distances, slope_moments
from certify.envelopes.lifted_form import LiftedNetwork
from certify.envelopes.mean_expansion import (
    CUT,
    Gradient,
    MeanExpansion,
    block,
    both,
    first_order,
    fourth_norms,
    gradient_of,
    known_mean,
    outer_derivative,
    root_half,
    slope_spans,
)


@dataclass(frozen=True, eq=False)
class TangentForm:
    """f = X'WX/2 + rho'G + rho'M rho/2 with tangents of `slopes` g (k,), X = (1, y, s, t) of the layers `every`.

    `traced` the entries of W times E XX'; `rows` and `gradient` G; `first` (k,) >= E (sigma'(w) - g) R P; `form` M.
    """

    every: Expansion
    slopes: FloatArray
    traced: MatrixBall
    rows: MatrixBall
    gradient: Gradient
    first: FloatArray
    form: MatrixBall

    def expansion(self, size: FloatArray, *terms: FloatArray) -> MeanExpansion | None:
        """E f by upper bounds (k,) of |rho| and of what E rho'G has beyond `first`, the last of them what is paid."""
        *others, paid = terms
        known = known_mean(self.traced, np.concatenate([self.first, *others, paid * UP]))
        return None if known is None else MeanExpansion(known, size * size * UP, self.form, float(paid.sum()))


def tangent_form(network: LiftedNetwork, form: MatrixBall, layers: TwoLayers) -> TangentForm | None:
    """Of f = x'Ax/2 with `form` A; None where a moment is not finite."""
    own = layers.own
    assert own is not None, "the caller has looked"
    start = 1 + network.latent_dim
    tail = start + layers.second
    index = np.concatenate([np.arange(start), start + layers.first, tail])
    # What is linear in z is so in y: u = (1, y, s, t).
    plain = replace(layers, mean=np.zeros(layers.mean.size), factor=np.eye(layers.mean.size))
    every = both(layers.base, own)
    shared = second_moments(every, plain.mean, plain.factor)
    if not shared.is_finite:
        return None
    slopes = slopes_at(own)
    tangent = tangent_matrix(layers, slopes)
    turned = multiply(block(form, index, index), tangent)
    traced = hadamard(multiply(tangent.transpose, turned), shared)
    rows = rows_of(turned, np.arange(len(index) - len(tail), len(index)))
    gradient = gradient_of(rows, plain, every)
    first = first_order(layers.base, own, every, layers.weights, gradient, slopes)
    return TangentForm(every, slopes, traced, rows, gradient, first, block(form, tail, tail))


def tangent_expansion(network: LiftedNetwork, form: MatrixBall, layers: TwoLayers) -> MeanExpansion | None:
    """What is known of E f, f = x'Ax/2 with `form` A, behind two layers; None where a moment is not finite."""
    found = tangent_form(network, form, layers)
    if found is None:
        return None
    steepest, size = _sizes(network, layers, found.slopes)
    if not np.isfinite(size).all():
        return None
    gradient = found.gradient
    return found.expansion(size, _second_order(network, layers, gradient, steepest) + size * gradient.beyond)


def slopes_at(own: Expansion) -> FloatArray:
    """Floats (k,) near E sigma'(w). Any would do."""
    found = outer_derivative(own, 0).midpoint[:, 0]
    return np.asarray(np.where(np.isfinite(found), found, 0.0), dtype=np.float64)


def tangent_matrix(layers: TwoLayers, slopes: FloatArray) -> MatrixBall:
    """T with x = T u + rho: z = m + B y, s, and t + g (v - w) for the second layer's outputs."""
    own, d, j, k = layers.own, layers.mean.size, len(layers.first), len(layers.second)
    assert own is not None, "the caller has looked"
    middle, radius = np.eye(1 + d + j + k), np.zeros((1 + d + j + k, 1 + d + j + k))
    middle[1 : 1 + d, 0], middle[1 : 1 + d, 1 : 1 + d] = layers.mean, layers.factor
    linear = subtract(layers.slopes, hadamard(own.units, own.deviations))
    rest = beside([subtract(layers.offsets, own.means), linear, layers.weights])
    rest = scale_columns(rest.transpose, exact_matrix(slopes[None])).transpose
    middle[1 + d + j :, : 1 + d + j], radius[1 + d + j :, : 1 + d + j] = rest.midpoint, rest.radius
    return MatrixBall(middle, radius)


def _sizes(network: LiftedNetwork, layers: TwoLayers, slopes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Upper bounds (k,) of sup |sigma' - g| and of |rho|, g = `slopes`."""
    own, rest = layers.own, layers.rest
    assert own is not None and rest is not None, "the caller has looked"
    bends, _ = slope_spans(network, layers)
    steepest = slope_distances([network.sigmas[index] for index in layers.second], slopes)
    norms = np.sqrt(rest.orders) * UP
    first = np.sqrt(_second_norm(network, layers, slopes))
    beyond = np.sqrt(rest.orders[:, 3:].sum(axis=1)) + norms[:, :2].sum(axis=1) + rest.tail
    # At a kink what is of second order is infinite, and says nothing.
    curved = (first + steepest * beyond + 0.5 * bends * (norms[:, 2] * fourth_norms()[2]) ** 2) * UP
    least = np.fmin(steepest * np.sqrt(rest.square), curved)
    return steepest, np.asarray(least * UP)


def _second_norm(network: LiftedNetwork, layers: TwoLayers, slopes: FloatArray) -> FloatArray:
    """Upper bounds (k,) of E[(sigma'(w) - g)^2 R_2^2], g = `slopes`."""
    base, own = layers.base, layers.own
    assert own is not None, "the caller has looked"
    # Q = sum_j q_j u_j u_j' over the first layer's directions.
    parts = hadamard(hadamard(layers.weights, column(base.plain, 2).transpose), root_half())
    along = multiply(own.units, base.units.transpose)
    shares = hadamard(parts, along)
    q = row_sums(hadamard(shares, along))
    moved = row_sums(hadamard(multiply(shares, base.correlations[1]), shares))
    whole = row_sums(hadamard(multiply(parts, base.correlations[2]), parts))
    square = hadamard(q, q)
    # The squared norms of R_2's parts: along eta twice, once, never.
    weights = beside(
        [square, scale(subtract(moved, square), 4.0), scale(add(subtract(whole, scale(moved, 2.0)), square), 2.0)]
    )
    moments = slope_moments(tuple(network.sigmas[index] for index in layers.second), own.means, own.deviations, slopes)
    return np.asarray((upper_ends(weights) * moments).sum(axis=1) * UP, dtype=np.float64)


def _second_order(network: LiftedNetwork, layers: TwoLayers, gradient: Gradient, steepest: FloatArray) -> FloatArray:
    """`mean_expansion`'s for sigma' - g, `steepest` (k,) >= sup |sigma' - g|, with the orders of P apart.

    E R'^2 |P_1| <= |R'|_p^2 |P_1|_8 with p = 16/7 and E xi^8 = 105; |P_2|_3 <= 2 |P_2|.
    """
    rest, n = layers.rest, np.arange(CUT + 1)
    assert rest is not None, "the caller has looked"
    bends, spread = slope_spans(network, layers)
    norms = np.sqrt(rest.orders) * UP
    low, beyond = norms[:, :2].sum(axis=1), np.sqrt(rest.orders[:, CUT + 1 :].sum(axis=1)) + rest.tail
    least = np.full(len(low), np.inf)
    for last in range(1, CUT + 1):
        parts = norms[:, 2 : last + 1]
        mild, third, fourth = (
            (parts @ growth[2 : last + 1]) ** 2 for growth in ((9 / 7) ** (n / 2), 2.0 ** (n / 2), fourth_norms())
        )
        moving = gradient.orders[:, 1] * mild * 105.0**0.125 + gradient.orders[:, 2] * np.minimum(2.0 * third, fourth)
        plain = gradient.orders[:, 0] * rest.orders[:, 2 : last + 1].sum(axis=1) + moving
        curved = 0.5 * bends * plain if last > 1 else 0.0
        left = spread * np.sqrt(rest.orders[:, last + 1 : CUT + 1].sum(axis=1))
        # At a kink with nothing below the cut the product is no number, and says nothing.
        least = np.fmin(least, curved + left * gradient.norm)
    return np.asarray((least + steepest * (low + beyond) * gradient.norm) * UP)
