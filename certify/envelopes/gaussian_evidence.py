"""log int exp(-f) from below by the mean of f under a Gaussian: two hidden layers, or one and products of its outputs.

By Jensen log int exp(-f) >= -E f + h(N) for z = m + B y, y ~ N(0, I), h its entropy. E f is bounded by
`mean_expansion` or `mean_products`: what they leave open are weights mu with diag(mu) - M positive definite, M the
block of the second layer, or of the products, of f(z) = x'Ax/2 (`lifted_form`), one Cholesky factorisation in
midpoint-radius arithmetic. They come from a float search and are not trusted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from flint import arb

from certify.arithmetic.balls import ball, lower, precision
from certify.arithmetic.definiteness import positive_definite
from certify.arithmetic.intervals import FloatArray, MatrixBall, exact_matrix, subtract
from certify.envelopes.gaussian_layers import two_layers
from certify.envelopes.gaussian_moments import EVEN, FINE, GRADED
from certify.envelopes.lifted_form import LiftedNetwork
from certify.envelopes.mean_curvature import curved_expansion, is_smooth
from certify.envelopes.mean_expansion import MeanExpansion, mean_expansion
from certify.envelopes.mean_products import product_expansion
from certify.envelopes.mean_tangents import tangent_expansion
from certify.envelopes.posterior_moments import Moments

NARROWER = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
"""Multiples of the posterior's deviations at which a Gaussian is tried, in this order."""

RELAXATIONS = (1e-9, 1e-7, 1e-5, 1e-3)
"""Shares of the largest weight that are added to all of them, in this order, until the inequality is verified."""

RANK, SWEEPS = 20, 60


@dataclass(frozen=True, eq=False)
class MeanBound:
    """log int exp(-f) >= `lower` by the mean of f under N(m, BB'), with all that `evidence_again` needs.

    `mean` m (d,), `factor` B (d, d), lower triangular; `weights` mu (k,), one for each neuron of the second
    layer, or product.
    """

    lower: float
    mean: FloatArray
    factor: FloatArray
    weights: FloatArray


def best_evidence_lower(network: LiftedNetwork, form: MatrixBall, moments: Moments) -> MeanBound | None:
    """The largest `log_evidence_lower` by Gaussians around the posterior's mean, narrower and narrower.

    The rests of the second layer's inputs fall with the square of the width a, and what they cost with a^4. A Gaussian
    posterior itself loses d (log(1/a) - (1 - a^2)/2), so the next a is tried while the loss is larger than that and
    the last one helped. Guarantee: certified, whatever `moments` say.
    """
    best: MeanBound | None = None
    for width in NARROWER:
        least = len(moments.mean) * (math.log(1.0 / width) - 0.5 * (1.0 - width**2))
        if best is not None and moments.log_integral - best.lower <= least:
            break
        found = log_evidence_lower(network, form, moments.mean, width * moments.factor)
        if found is None or (best is not None and found.lower <= best.lower):
            break
        best = found
    return best


def log_evidence_lower(
    network: LiftedNetwork, form: MatrixBall, mean: FloatArray, factor: FloatArray
) -> MeanBound | None:
    """Lower bound of log int exp(-f), rounded down, by N(m, BB') with lower triangular B; None where none is found."""
    expansion = expanded_mean(network, form, mean, factor)
    if expansion is None:
        return None
    weights = search_weights(expansion.form.midpoint, expansion.squares)
    for share in RELAXATIONS:
        given = weights + share * (1.0 + weights.max(initial=0.0))
        found = _lower(expansion, factor, given)
        if math.isfinite(found):
            return MeanBound(found, mean, factor, given)
    return None


def evidence_again(
    network: LiftedNetwork, form: MatrixBall, mean: FloatArray, factor: FloatArray, weights: FloatArray
) -> float:
    """Lower bound of log int exp(-f) by these weights, rounded down, without a search; -inf if they prove nothing."""
    expansion = expanded_mean(network, form, mean, factor)
    if expansion is None or weights.shape != expansion.squares.shape:
        return -math.inf
    return _lower(expansion, factor, weights)


def expanded_mean(
    network: LiftedNetwork, form: MatrixBall, mean: FloatArray, factor: FloatArray, tangents: bool = False
) -> MeanExpansion | None:
    """What is known of E f under N(m, BB'); by `mean_tangents` if asked for. None where nothing is."""
    # One Gaussian's entropy is read off the diagonal.
    if not tangents and np.triu(factor, 1).any() or not (np.isfinite(mean).all() and np.isfinite(factor).all()):
        return None
    if network.partners is not None:
        return product_expansion(network, form, mean, factor)
    layers = two_layers(network, mean, factor, *((GRADED, FINE) if tangents else (EVEN, EVEN)))
    if layers is None:
        return None
    if not tangents or layers.own is None:
        return mean_expansion(network, form, layers)
    expansion = curved_expansion if is_smooth(network, layers) else tangent_expansion
    return expansion(network, form, layers)


def _lower(expansion: MeanExpansion, factor: FloatArray, weights: FloatArray) -> float:
    """h(N) - E f from below, or -inf."""
    if not dominates(weights, expansion.form):
        return -math.inf
    diagonal = np.abs(np.diag(factor))
    if not diagonal.all():
        return -math.inf
    with precision():
        entropy = sum((ball(float(x)).log() for x in diagonal), len(factor) * (1 + (2 * arb.pi()).log()) / 2)
        found = lower(entropy - mean_upper(expansion, weights))
    return found if math.isfinite(found) else -math.inf


def mean_upper(expansion: MeanExpansion, weights: FloatArray) -> arb:
    """A ball whose upper end E f does not exceed, by `weights` that dominate the expansion's form."""
    total = ball(expansion.known)
    for weight, square in zip(weights, expansion.squares, strict=True):
        total += ball(float(weight)) * ball(float(square)) / 2
    return total


def dominates(weights: FloatArray, form: MatrixBall) -> bool:
    """Whether `weights` mu (k,) are not negative and diag(mu) - M > 0, M = `form`. Verified."""
    # What is known of rho_k^2 is an upper end: a weight below 0 would need a lower one.
    if not (np.isfinite(weights).all() and (weights >= 0.0).all()):
        return False
    return positive_definite(subtract(exact_matrix(np.diag(weights)), form)) is True


def search_weights(form: FloatArray, squares: FloatArray) -> FloatArray:
    """Weights mu (k,) near the least sum of mu_k c_k with diag(mu) - M >= 0, c = `squares`. Estimate.

    The dual, the largest tr(M X) of X = VV' with diagonal c, by coordinates: at its end M V = diag(mu) V.
    """
    count = len(squares)
    if not count or not form.any():
        return np.zeros(count)
    lengths = np.sqrt(np.maximum(squares, 1e-12 * max(float(squares.max()), 1e-300)))
    vectors = np.random.default_rng(count).standard_normal((count, min(count, RANK)))
    vectors *= (lengths / np.linalg.norm(vectors, axis=1))[:, None]
    pulls = np.zeros(count)
    for _ in range(SWEEPS):
        for place in range(count):
            pull = form[place] @ vectors - form[place, place] * vectors[place]
            pulls[place] = np.linalg.norm(pull)
            if pulls[place] > 0.0:
                vectors[place] = pull * (lengths[place] / pulls[place])
    weights = np.diag(form) + pulls / lengths
    # What is missing of definiteness is given to all, in the measure of the weights.
    scale = 1.0 / np.sqrt(np.maximum(weights, 1e-300))
    lowest = float(np.linalg.eigvalsh(np.eye(count) - scale[:, None] * form * scale)[0])
    return np.asarray(weights * (1.0 + max(0.0, -1.01 * lowest)))
