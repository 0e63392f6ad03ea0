"""log int exp(-f) from below by the mean of f under a mixture of narrow Gaussians, where one loses much.

By Jensen log int exp(-f) >= -sum_k w_k E_{r_k} f + h(r) for r = sum_k w_k r_k, r_k = N(m_k, BB'): the means by
`mean_curvature`, behind kinks by `mean_tangents`, the entropy by `mixture_entropy`. What an expansion pays grows with
the sixth power of the width, what a narrow Gaussian loses is given back by the others. Places and widths come from
`mixture_search`; they, shares, weights and tilts are not trusted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from flint import arb

from certify.arithmetic.balls import ball, lower, precision
from certify.arithmetic.intervals import FloatArray, MatrixBall
from certify.envelopes.gaussian_evidence import (
    RELAXATIONS,
    MeanBound,
    best_evidence_lower,
    dominates,
    expanded_mean,
    mean_upper,
    search_weights,
)
from certify.envelopes.gaussian_layers import neurons_by_layer
from certify.envelopes.lifted_form import LiftedNetwork
from certify.envelopes.mean_expansion import MeanExpansion
from certify.envelopes.mixture_entropy import TiltedMixture, entropy_lower, factors_of, fitted_tilts
from certify.envelopes.mixture_search import NARROW, Placed, curvatures_of, placed, potential_slopes
from certify.envelopes.posterior_moments import Moments
from certify.envelopes.shell_evidence import ShellEvidence, best_shells

WORTH = 0.1
"""Nats that one Gaussian's bound must lose, by the estimate, for mixtures to be tried."""

FEW_GAUSSIANS, MOST_GAUSSIANS = 8, 128
"""How many are tried where one Gaussian loses not so much, and after that."""

WORK = 2**25
"""Gaussians times neurons of the second layer times d^4, what a mean of f takes, beyond which fewer are tried."""

ENOUGH, MUCH = 0.1, 0.5
"""Nats that may be lost without trying more, and beyond which the few are left out."""

ROUNDS, FEW, DAMPING, LEAST_SHARE = 12, 2, 0.7, 1e-9


@dataclass(frozen=True, eq=False)
class MixtureEvidence:
    """log int exp(-f) >= `lower` by a mixture; `weights` mu (k,) of the second layer's neurons, the same for all.

    `paid`: about what the bounds of the means of f are above them.
    """

    lower: float
    mixture: TiltedMixture
    weights: FloatArray
    paid: float


def best_integral(
    network: LiftedNetwork, form: MatrixBall, moments: Moments
) -> MeanBound | MixtureEvidence | ShellEvidence | None:
    """The largest lower bound of log int exp(-f): one Gaussian's, or a mixture's where that loses more than `WORTH`.

    Where neither has one, behind a third layer, or products but those of first neurons, that over shells.
    Guarantee: certified, whatever `moments` say.
    """
    return _by_gaussians(network, form, moments) or best_shells(network, form, moments)


def _by_gaussians(network: LiftedNetwork, form: MatrixBall, moments: Moments) -> MeanBound | MixtureEvidence | None:
    """The larger bound of one Gaussian and of a mixture."""
    single = best_evidence_lower(network, form, moments)
    if single is not None and moments.log_integral - single.lower <= WORTH:
        return single
    try:
        mixed = best_mixture(network, form, moments)
    except np.linalg.LinAlgError:
        # What one Gaussian proves stands.
        mixed = None
    return single if mixed is None or (single is not None and mixed.lower <= single.lower) else mixed


def mixture_evidence_again(
    network: LiftedNetwork, form: MatrixBall, mixture: TiltedMixture, weights: FloatArray
) -> float:
    """Lower bound of log int exp(-f), rounded down, without a search; -inf if nothing is proved."""
    if not mixture.proper:
        return -math.inf
    expansions = _expansions(network, form, mixture.means, mixture.factor)
    if expansions is None or weights.shape != expansions[0].squares.shape:
        return -math.inf
    return _lower(expansions, mixture, weights)


def best_mixture(network: LiftedNetwork, form: MatrixBall, moments: Moments) -> MixtureEvidence | None:
    """The best of mixtures of more and more Gaussians, while much is lost.

    Guarantee: certified, whatever `moments` say. None without a second layer, or where nothing is verified.

    Raises:
        LinAlgError: where the factor of `moments` has no inverse.
    """
    layers = neurons_by_layer(network) if network.partners is None else None
    if layers is None or not len(layers[1]):
        return None
    curvatures, slopes = curvatures_of(network, moments), potential_slopes(network, form)
    # What a narrow Gaussian pays says what is charged for width.
    tried = Placed(moments.mean[None], NARROW * moments.factor, np.ones(1))
    best = found = _bound(network, form, tried)
    most = max(1, min(MOST_GAUSSIANS, WORK // (len(layers[1]) * network.latent_dim**4)))
    for count in sorted({1, min(FEW_GAUSSIANS, most), most}):
        lost = math.inf if best is None else moments.log_integral - best.lower
        if found is None or lost <= ENOUGH:
            break
        if 1 < count < most and lost > MUCH:
            continue
        factor = np.asarray(np.linalg.solve(moments.factor, tried.factor), dtype=np.float64)
        charge = curvatures.charge(factor, found.paid)
        try:
            tried = placed(count, moments, slopes, curvatures, charge)
            found = _bound(network, form, tried)
        except np.linalg.LinAlgError:
            # What is proved without it stands.
            break
        if found is not None and (best is None or found.lower > best.lower):
            best = found
    return best


def _expansions(
    network: LiftedNetwork, form: MatrixBall, means: FloatArray, factor: FloatArray
) -> list[MeanExpansion] | None:
    found = []
    for mean in means:
        expansion = expanded_mean(network, form, mean, factor, tangents=True)
        if expansion is None:
            return None
        found.append(expansion)
    return found


def _lower(expansions: Sequence[MeanExpansion], mixture: TiltedMixture, weights: FloatArray) -> float:
    """Entropy less the mean of f, rounded down, or -inf."""
    # The second layer's block of the form is the same for all of them.
    if not dominates(weights, expansions[0].form):
        return -math.inf
    entropy = entropy_lower(mixture)
    if not math.isfinite(entropy):
        return -math.inf
    with precision():
        total, shares = arb(0), [ball(share) for share in mixture.shares.tolist()]
        for share, expansion in zip(shares, expansions, strict=True):
            total += share * mean_upper(expansion, weights)
        found = lower(ball(entropy) - total / sum(shares, arb(0)))
    return found if math.isfinite(found) else -math.inf


def _bound(network: LiftedNetwork, form: MatrixBall, given: Placed) -> MixtureEvidence | None:
    """The bound by Gaussians at their places, from shares that are fitted."""
    expansions = _expansions(network, form, given.means, given.factor)
    if expansions is None:
        return None
    squares = np.array([expansion.squares for expansion in expansions])
    weights = search_weights(expansions[0].form.midpoint, given.shares @ squares)
    heights = -np.array([item.known for item in expansions]) - 0.5 * squares @ weights
    mixture = _fitted(given.means, given.factor, given.shares, heights)
    paid = mixture.shares @ (np.array([item.paid for item in expansions]) + 0.5 * squares @ weights)
    for relaxation in RELAXATIONS:
        relaxed = weights + relaxation * (1.0 + weights.max(initial=0.0))
        found = _lower(expansions, mixture, relaxed)
        if math.isfinite(found):
            return MixtureEvidence(found, mixture, relaxed, float(paid))
    return None


def _fitted(means: FloatArray, factor: FloatArray, shares: FloatArray, heights: FloatArray) -> TiltedMixture:
    """Shares and tilts that raise sum_k w_k `heights`_k + entropy, from `shares`. Estimate."""
    points = np.linalg.solve(factor, means.T).T
    gaps = points[None] - points[:, None]
    inverse = np.repeat(np.eye(points.shape[1])[None], len(points), axis=0)
    values, linear, inverse = fitted_tilts(shares, gaps, np.zeros(points.shape), inverse)
    best = float(shares @ (heights - values)), shares, linear, inverse
    for _ in range(ROUNDS if len(shares) > 1 else 0):
        given = heights - values
        moved = np.maximum(shares * np.exp(DAMPING * (given - given.max())), LEAST_SHARE)
        shares = moved / moved.sum()
        values, linear, inverse = fitted_tilts(shares, gaps, linear, inverse, FEW)
        reached = float(shares @ (heights - values))
        if reached > best[0]:
            best = reached, shares, linear, inverse
    _, linear, inverse = fitted_tilts(best[1], gaps, best[2], best[3])
    return TiltedMixture(best[1], means, factor, linear, *factors_of(inverse))
